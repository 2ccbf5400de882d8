/* model
description.it = "Segnali di richieste in crescita, per ambito, bisogno e trimestre."
description.en = "Signals of rising requests, by district, need and quarter."
grain = ["district_code", "need_code", "quarter"]
checks = [
    "unique(grain)",
    "observed > expected_high",
    "q_value between p_value and 1",
    "first_month <= last_month",
    "score > 1",
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
with judgments as (
    select
        district_code,
        need_code,
        month,
        n_window_months,
        observed,
        expected,
        ratio,
        p_value,
        q_value,
        q_need,
        quarter_observed,
        quarter_expected,
        quarter_low,
        quarter_high
    from detected._rises_by_district_need_month
),

limits as (
    select
        max(case when name = 'rise_max_q' then value end) as max_q,
        max(case when name = 'rise_min_ratio' then value end) as min_ratio,
        max(case when name = 'rise_min_excess' then value end) as min_excess
    from reference.detection
),

quarters as (
    select
        quarter,
        starts_on,
        ends_on
    from derived._complete_quarters
),

panel as (
    select
        district_code,
        need_code,
        month,
        n_requests
    from derived._panel_by_district_need_month
),

bursts as (
    select
        district_code,
        need_code,
        quarter,
        count(*) as n_weeks
    from detected._bursts_by_district_need_week
    where is_burst
    group by district_code, need_code, quarter
),

-- Months that stand out: by chance seldom, and by enough to matter to a planner.
rising_months as (
    select
        judgments.district_code,
        judgments.need_code,
        judgments.month,
        judgments.n_window_months,
        judgments.p_value,
        judgments.q_value,
        judgments.q_need,
        12 * date_part('year', judgments.month) + date_part('month', judgments.month)
        - row_number() over (
            partition by judgments.district_code, judgments.need_code
            order by judgments.month
        ) as run
    from judgments
    cross join limits
    where
        judgments.q_value <= limits.max_q
        and judgments.ratio >= limits.min_ratio
        and judgments.observed - judgments.expected >= limits.min_excess
),

-- Months one after the other are one run, even over the end of a quarter.
run_starts as (
    select
        district_code,
        need_code,
        run,
        min(month) as first_month
    from rising_months
    group by district_code, need_code, run
),

quarter_months as (
    select
        rising_months.district_code,
        rising_months.need_code,
        quarters.quarter,
        quarters.ends_on,
        rising_months.month,
        rising_months.n_window_months,
        rising_months.p_value,
        rising_months.q_value,
        rising_months.q_need,
        run_starts.first_month,
        row_number() over (
            partition by rising_months.district_code, rising_months.need_code, quarters.quarter
            order by rising_months.p_value, rising_months.month
        ) as rank_in_quarter,
        min(run_starts.first_month) over (
            partition by rising_months.district_code, rising_months.need_code, quarters.quarter
        ) as began_in,
        max(rising_months.month) over (
            partition by rising_months.district_code, rising_months.need_code, quarters.quarter
        ) as ended_in
    from rising_months
    inner join run_starts
        on
            rising_months.district_code = run_starts.district_code
            and rising_months.need_code = run_starts.need_code
            and rising_months.run = run_starts.run
    inner join quarters
        on
            rising_months.month >= quarters.starts_on
            and rising_months.month <= quarters.ends_on
),

greatest_months as (
    select
        panel.district_code,
        panel.need_code,
        quarters.quarter,
        max(panel.n_requests) as n_requests
    from panel
    inner join quarters
        on
            panel.month >= quarters.starts_on
            and panel.month <= quarters.ends_on
    group by panel.district_code, panel.need_code, quarters.quarter
),

-- A month may stand out by chance in a quarter that does not: readers are shown the quarter, so it
-- must lie outside its own interval. And a need lasts: without its greatest month the quarter must
-- still be a rise, or it is one month's event.
rising_quarters as (
    select
        quarter_months.district_code,
        quarter_months.need_code,
        quarter_months.quarter,
        quarter_months.began_in,
        quarter_months.ended_in,
        quarter_months.n_window_months,
        quarter_months.p_value,
        quarter_months.q_value,
        quarter_months.q_need,
        judgments.quarter_observed,
        judgments.quarter_expected,
        judgments.quarter_low,
        judgments.quarter_high,
        count(*) over (
            partition by quarter_months.need_code, quarter_months.quarter
        ) - 1 as n_alike
    from quarter_months
    inner join judgments
        on
            quarter_months.district_code = judgments.district_code
            and quarter_months.need_code = judgments.need_code
            and cast(date_trunc('month', quarter_months.ends_on) as date) = judgments.month
    inner join greatest_months
        on
            quarter_months.district_code = greatest_months.district_code
            and quarter_months.need_code = greatest_months.need_code
            and quarter_months.quarter = greatest_months.quarter
    cross join limits
    where
        quarter_months.rank_in_quarter = 1
        -- What stands out must still do so when the quarter ends.
        and judgments.q_value <= limits.max_q
        and judgments.quarter_observed > judgments.quarter_high
        and judgments.quarter_observed >= limits.min_ratio * judgments.quarter_expected
        and judgments.quarter_observed - greatest_months.n_requests
        >= limits.min_ratio * judgments.quarter_expected * 2 / 3
)

select
    'rise' as aspect,
    rising_quarters.district_code,
    rising_quarters.district_code as districts,
    rising_quarters.need_code,
    rising_quarters.quarter,
    rising_quarters.quarter_observed as observed,
    rising_quarters.quarter_expected as expected,
    rising_quarters.quarter_low as expected_low,
    rising_quarters.quarter_high as expected_high,
    rising_quarters.p_value,
    rising_quarters.q_value,
    'pooled_gamma_poisson' as method,
    '2' as method_version,
    to_char(rising_quarters.began_in, '%Y-%m') as first_month,
    to_char(rising_quarters.ended_in, '%Y-%m') as last_month,
    (rising_quarters.quarter_observed - rising_quarters.quarter_expected)
    / (rising_quarters.quarter_high - rising_quarters.quarter_expected) as score,
    concat(
        '[{"code":"more_than_expected","n_window_months":',
        cast(rising_quarters.n_window_months as varchar),
        '},{"code":"adjusted_for_exposure"},{"code":"n_districts_alike","value":',
        cast(rising_quarters.n_alike as varchar),
        '},{"code":"need_rises_somewhere","q":',
        cast(round(rising_quarters.q_need, 4) as varchar),
        '}',
        case
            when bursts.n_weeks > 0
                then concat(
                    ',{"code":"weeks_agree","n_weeks":', cast(bursts.n_weeks as varchar), '}'
                )
            else ''
        end,
        ']'
    ) as reasons
from rising_quarters
left join bursts
    on
        rising_quarters.district_code = bursts.district_code
        and rising_quarters.need_code = bursts.need_code
        and rising_quarters.quarter = bursts.quarter
