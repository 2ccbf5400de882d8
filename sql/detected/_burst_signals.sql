/* model
description.it = "Settimane fuori dall'ordinario che il trimestre non mostra, come segnali."
description.en = "Weeks out of the ordinary that the quarter does not show, as signals."
grain = ["district_code", "need_code", "quarter"]
checks = [
    "unique(grain)",
    "observed > expected",
    "q_value between p_value and 1",
    "first_month <= last_month",
]
tags = ["emerging_needs"]
owner = "antenne"

[columns.aspect]
role = "code"
it = "Che cosa spicca."
en = "What stands out."

[columns.district_code]
role = "key"
it = "Ambito; TOTAL se riguarda più ambiti."
en = "District; TOTAL when it is about several."

[columns.districts]
role = "code"
it = "Ambiti toccati, in ordine alfabetico, separati da virgole."
en = "Districts concerned, in alphabetical order, separated by commas."

[columns.need_code]
role = "key"
it = "Bisogno SIUSS, o la parola nuova."
en = "SIUSS need, or the new word."

[columns.quarter]
role = "key"
it = "Trimestre dell'evidenza, per esempio 2026-Q3."
en = "Quarter of the evidence, for example 2026-Q3."

[columns.first_month]
role = "code"
it = "Mese da cui dura, AAAA-MM."
en = "Month since which it lasts, YYYY-MM."

[columns.last_month]
role = "code"
it = "Ultimo mese che spicca, AAAA-MM."
en = "Last month that stands out, YYYY-MM."

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

[columns.score]
role = "measure"
it = "Forza: 1 al limite di ciò che si prevedeva, di più oltre."
en = "Strength: 1 at the limit of what was predicted, more beyond it."

[columns.p_value]
role = "measure"
it = "Probabilità di tanto, se nulla fosse cambiato."
en = "Chance of as much, if nothing had changed."

[columns.q_value]
role = "measure"
it = "Quota attesa di falsi tra i segnali almeno altrettanto forti."
en = "Expected share of false ones among signals as strong."

[columns.method]
role = "code"
it = "Metodo."
en = "Method."

[columns.method_version]
role = "code"
it = "Versione del metodo."
en = "Version of the method."

[columns.reasons]
role = "code"
it = "Ragioni in JSON, che le pagine volgono in frasi."
en = "Reasons as JSON, which pages turn into sentences."
*/
with bursts as (
    select
        district_code,
        need_code,
        week,
        quarter,
        observed,
        expected,
        upper,
        n_window_weeks,
        p_value,
        q_value
    from detected._bursts_by_district_need_week
    where is_burst
),

rises as (
    select
        district_code,
        need_code,
        quarter
    from detected._rise_signals
),

quarters as (
    select quarter
    from derived._complete_quarters
),

ranked_bursts as (
    select
        bursts.district_code,
        bursts.need_code,
        bursts.quarter,
        bursts.week,
        bursts.observed,
        bursts.expected,
        bursts.upper,
        bursts.n_window_weeks,
        bursts.p_value,
        bursts.q_value,
        count(*) over (
            partition by bursts.district_code, bursts.need_code, bursts.quarter
        ) as n_weeks,
        min(bursts.week) over (
            partition by bursts.district_code, bursts.need_code, bursts.quarter
        ) as first_week,
        max(bursts.week) over (
            partition by bursts.district_code, bursts.need_code, bursts.quarter
        ) as last_week,
        row_number() over (
            partition by bursts.district_code, bursts.need_code, bursts.quarter
            order by bursts.p_value, bursts.week
        ) as rank_in_quarter
    from bursts
    inner join quarters
        on bursts.quarter = quarters.quarter
)

select
    'burst' as aspect,
    ranked_bursts.district_code,
    ranked_bursts.district_code as districts,
    ranked_bursts.need_code,
    ranked_bursts.quarter,
    ranked_bursts.observed,
    ranked_bursts.expected,
    cast(0 as double) as expected_low,
    ranked_bursts.upper as expected_high,
    ranked_bursts.p_value,
    ranked_bursts.q_value,
    'weekly_course' as method,
    '1' as method_version,
    to_char(ranked_bursts.first_week, '%Y-%m') as first_month,
    to_char(ranked_bursts.last_week, '%Y-%m') as last_month,
    (ranked_bursts.observed - ranked_bursts.expected)
    / (ranked_bursts.upper - ranked_bursts.expected) as score,
    concat(
        '[{"code":"weeks_above_course","n_weeks":',
        cast(ranked_bursts.n_weeks as varchar),
        ',"n_window_weeks":',
        cast(ranked_bursts.n_window_weeks as varchar),
        '},{"code":"adjusted_for_exposure"}]'
    ) as reasons
from ranked_bursts
left join rises
    on
        ranked_bursts.district_code = rises.district_code
        and ranked_bursts.need_code = rises.need_code
        and ranked_bursts.quarter = rises.quarter
-- Where the quarter rises as a whole, that is the signal, and the weeks are one of its reasons.
where ranked_bursts.rank_in_quarter = 1 and rises.quarter is null
