/* model
description.it = "Richieste osservate e attese nelle ultime settimane delle serie lunghe e dense."
description.en = "Requests seen and expected in the last weeks of long and dense series."
grain = ["district_code", "need_code", "week"]
checks = [
    "unique(grain)",
    "expected > 0",
    "p_value between 0 and 1",
    "q_value between p_value and 1",
    "n_window_weeks between 1 and 3",
]
tags = ["emerging_needs"]
owner = "antenne"

[columns.district_code]
role = "key"
it = "Ambito; TOTAL se riguarda più ambiti."
en = "District; TOTAL when it is about several."

[columns.need_code]
role = "key"
it = "Bisogno SIUSS, o la parola nuova."
en = "SIUSS need, or the new word."

[columns.week]
role = "key"
it = "Settimana, come il suo lunedì."
en = "Week, as its Monday."

[columns.quarter]
role = "code"
it = "Trimestre del lunedì."
en = "Quarter of the Monday."

[columns.n_window_weeks]
role = "measure"
unit = "weeks"
it = "Settimane della finestra che si scosta di più."
en = "Weeks of the window that departs most."

[columns.observed]
role = "count"
unit = "requests"
it = "Ciò che si è visto."
en = "What was seen."

[columns.expected]
role = "measure"
unit = "requests"
it = "Ciò che si attendeva."
en = "What was expected."

[columns.upper]
role = "measure"
unit = "requests"
it = "Conteggio oltre il quale la finestra è un allarme."
en = "Count above which the window is an alarm."

[columns.p_value]
role = "measure"
it = "Probabilità di tanto, se nulla fosse cambiato."
en = "Chance of as much, if nothing had changed."

[columns.q_value]
role = "measure"
it = "Quota attesa di falsi tra i segnali almeno altrettanto forti."
en = "Expected share of false ones among signals as strong."

[columns.is_burst]
role = "code"
it = "Se la settimana spicca."
en = "Whether the week stands out."
*/
with panel as (
    select
        district_code,
        need_code,
        week,
        n_requests,
        n_exposed
    from derived._panel_by_district_need_week
),

limits as (
    select
        max(case when name = 'weekly_max_q' then value end) as max_q,
        max(case when name = 'rise_min_ratio' then value end) as min_ratio,
        max(case when name = 'rise_min_excess' then value end) as min_excess
    from reference.detection
),

spans as (
    select max(week) as last_week
    from panel
),

judged as (
    select
        district_code,
        need_code,
        week,
        weekly_rise(n_requests, n_exposed, 104) over (
            partition by district_code, need_code order by week
        ) as found
    from panel
),

judgments as (
    select
        judged.district_code,
        judged.need_code,
        judged.week,
        judged.found['n_window_weeks'] as n_window_weeks,
        judged.found['observed'] as observed,
        judged.found['expected'] as expected,
        judged.found['upper'] as upper,
        judged.found['p'] as p_value
    from judged
    cross join spans
    where
        judged.found['p'] is not null
        and judged.week > spans.last_week - interval '104 weeks'
),

weighed as (
    select
        district_code,
        need_code,
        week,
        n_window_weeks,
        observed,
        expected,
        upper,
        p_value,
        fdr_bh(p_value) over (
            partition by week order by need_code, district_code
        ) as q_value
    from judgments
)

select
    weighed.district_code,
    weighed.need_code,
    weighed.week,
    weighed.n_window_weeks,
    weighed.observed,
    weighed.expected,
    weighed.upper,
    weighed.p_value,
    weighed.q_value,
    concat(
        cast(cast(date_part('year', weighed.week) as integer) as varchar),
        '-Q',
        cast(cast(date_part('quarter', weighed.week) as integer) as varchar)
    ) as quarter,
    (
        weighed.q_value <= limits.max_q
        and weighed.observed > weighed.upper
        and weighed.observed >= limits.min_ratio * weighed.expected
        and weighed.observed - weighed.expected >= limits.min_excess
    ) as is_burst
from weighed
cross join limits
