/* model
description.it = "Richieste osservate e attese, per ambito, bisogno e mese degli ultimi due anni."
description.en = "Requests seen and expected, by district, need and month of the last two years."
grain = ["district_code", "need_code", "month"]
checks = [
    "unique(grain)",
    "expected > 0",
    "expected_low <= expected_high",
    "p_value between 0 and 1",
    "q_value between p_value and 1",
    "q_need between 0 and 1",
    "n_window_months between 1 and 4",
    "completeness > 0",
]
tags = ["emerging_needs"]
owner = "antenne"

[columns.district_code]
role = "key"
it = "Ambito."
en = "District."

[columns.need_code]
role = "key"
it = "Bisogno SIUSS."
en = "SIUSS need."

[columns.month]
role = "key"
it = "Ultimo mese della finestra, come suo primo giorno."
en = "Last month of the window, as its first day."

[columns.n_window_months]
role = "measure"
unit = "months"
it = "Mesi della finestra che si scosta di più."
en = "Months of the window that departs most."

[columns.observed]
role = "count"
unit = "requests"
it = "Richieste osservate nella finestra."
en = "Requests seen in the window."

[columns.expected]
role = "measure"
unit = "requests"
it = "Richieste attese nella finestra, dato il passato e l'esposizione."
en = "Requests expected in the window, given the past and the exposure."

[columns.expected_low]
role = "measure"
unit = "requests"
it = "Limite inferiore al 95 % di ciò che si prevedeva."
en = "Lower 95 % limit of what was predicted."

[columns.expected_high]
role = "measure"
unit = "requests"
it = "Limite superiore al 95 % di ciò che si prevedeva."
en = "Upper 95 % limit of what was predicted."

[columns.ratio]
role = "measure"
it = "Osservate su attese."
en = "Seen over expected."

[columns.exposure]
role = "measure"
unit = "persons"
it = "Persone attive al mese nella finestra, per la quota già registrata."
en = "Active members a month in the window, times the share already recorded."

[columns.completeness]
role = "measure"
it = "Quota attesa delle richieste del mese già registrate."
en = "Expected share of the month's requests already recorded."

[columns.p_value]
role = "measure"
it = "Probabilità di tanta evidenza in una cella presa a caso, se nulla fosse cambiato."
en = "Chance of as much evidence in a cell drawn at random, if nothing had changed."

[columns.q_value]
role = "measure"
it = "Quota attesa di falsi tra tutte le celle del mese con evidenza almeno pari."
en = "Expected share of false ones among all cells of the month with as much evidence."

[columns.q_need]
role = "measure"
it = "La stessa per il bisogno: che cresca in almeno un ambito."
en = "The same for the need: that it rises in at least one district."

[columns.quarter_observed]
role = "count"
unit = "requests"
it = "Richieste osservate nei tre mesi che finiscono qui."
en = "Requests seen in the three months that end here."

[columns.quarter_expected]
role = "measure"
unit = "requests"
it = "Richieste attese nei tre mesi."
en = "Requests expected in the three months."

[columns.quarter_low]
role = "measure"
unit = "requests"
it = "Limite inferiore al 95 % per i tre mesi."
en = "Lower 95 % limit for the three months."

[columns.quarter_high]
role = "measure"
unit = "requests"
it = "Limite superiore al 95 % per i tre mesi."
en = "Upper 95 % limit for the three months."
*/
with panel as (
    select
        district_code,
        need_code,
        month,
        n_requests,
        n_exposed,
        completeness,
        is_usable
    from detected._usable_panel
),

judged as (
    select
        district_code,
        need_code,
        month,
        completeness,
        rise(need_code, district_code, month, n_requests, n_exposed, is_usable, 24) over (
            order by need_code, district_code, month
        ) as found
    from panel
),

judgments as (
    select
        district_code,
        need_code,
        month,
        completeness,
        found['n_window_months'] as n_window_months,
        found['observed'] as observed,
        found['expected'] as expected,
        found['low'] as expected_low,
        found['high'] as expected_high,
        found['ratio'] as ratio,
        found['exposure'] as exposure,
        found['p'] as p_value,
        found['quarter_observed'] as quarter_observed,
        found['quarter_expected'] as quarter_expected,
        found['quarter_low'] as quarter_low,
        found['quarter_high'] as quarter_high
    from judged
    where found['p'] is not null
),

weighed as (
    select
        district_code,
        need_code,
        month,
        completeness,
        n_window_months,
        observed,
        expected,
        expected_low,
        expected_high,
        ratio,
        exposure,
        p_value,
        quarter_observed,
        quarter_expected,
        quarter_low,
        quarter_high,
        fdr_bh(p_value) over (
            partition by month order by need_code, district_code
        ) as q_value,
        fdr_tree(need_code, p_value) over (
            partition by month order by need_code, district_code
        ) as tree
    from judgments
)

select
    district_code,
    need_code,
    month,
    n_window_months,
    observed,
    expected,
    expected_low,
    expected_high,
    ratio,
    exposure,
    completeness,
    p_value,
    q_value,
    quarter_observed,
    quarter_expected,
    quarter_low,
    quarter_high,
    tree['q_family'] as q_need
from weighed
