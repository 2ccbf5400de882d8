/* model
description.it = "Attese mediane del trimestre contro quelle dell'anno prima."
description.en = "Median waits of the quarter against those of the year before."
grain = ["district_code", "need_code", "quarter"]
checks = [
    "unique(grain)",
    "n_waits >= 15 and n_waits_before >= 15",
    "median_before_days >= 0",
    "median_before_low <= median_before_days",
    "p_value between 0 and 1",
    "q_value between p_value and 1",
]
tags = ["service_gaps"]
owner = "antenne"

[columns.district_code]
role = "key"
it = "Ambito."
en = "District."

[columns.need_code]
role = "key"
it = "Bisogno SIUSS; NEW se il vocabolario non ha la parola."
en = "SIUSS need; NEW when the vocabulary has no word."

[columns.quarter]
role = "key"
it = "Trimestre, per esempio 2026-Q3."
en = "Quarter, for example 2026-Q3."

[columns.n_waits]
role = "count"
unit = "requests"
it = "Attese cominciate nel trimestre."
en = "Waits that began in the quarter."

[columns.n_waits_before]
role = "count"
unit = "requests"
it = "Attese cominciate nei quattro trimestri prima."
en = "Waits that began in the four quarters before."

[columns.median_days]
role = "measure"
unit = "days"
it = "Giorni entro cui metà delle richieste ha risposta (Aalen-Johansen)."
en = "Days by which half of the requests are answered (Aalen-Johansen)."

[columns.median_low]
role = "measure"
unit = "days"
it = "Limite inferiore al 95 % della mediana."
en = "Lower 95 % limit of the median."

[columns.median_high]
role = "measure"
unit = "days"
it = "Limite superiore al 95 % della mediana; assente se non ci si arriva."
en = "Upper 95 % limit of the median; absent where it is never reached."

[columns.median_before_days]
role = "measure"
unit = "days"
it = "La stessa mediana nei quattro trimestri prima."
en = "The same median in the four quarters before."

[columns.median_before_low]
role = "measure"
unit = "days"
it = "Suo limite inferiore al 95 %."
en = "Its lower 95 % limit."

[columns.median_before_high]
role = "measure"
unit = "days"
it = "Suo limite superiore al 95 %; assente se non ci si arriva."
en = "Its upper 95 % limit; absent where it is never reached."

[columns.p_value]
role = "measure"
it = "Probabilità di attese tanto più lunghe se nulla fosse cambiato (log-rank)."
en = "Chance of waits so much longer if nothing had changed (log-rank)."

[columns.q_value]
role = "measure"
it = "Quota attesa di falsi tra le celle almeno altrettanto forti."
en = "Expected share of false ones among cells as strong."

[columns.waited_days]
role = "measure"
unit = "days"
it = "La mediana, o il suo limite inferiore se metà non ha ancora risposta."
en = "The median, or its lower limit where half are not answered yet."

[columns.ratio]
role = "measure"
it = "waited_days su median_before_days, che conta almeno un giorno."
en = "waited_days over median_before_days, which counts at least one day."
*/
with waits as (
    select
        district_code,
        need_code,
        requested_month,
        days,
        is_matched,
        outcome = 'withdrawn' as is_withdrawn
    from derived._waits
    where district_code <> 'OUTSIDE'
),

quarters as (
    select
        quarter,
        starts_on,
        ends_on,
        row_number() over (order by starts_on desc) as age
    from derived._complete_quarters
),

judged_quarters as (
    select
        quarter,
        starts_on,
        ends_on
    from quarters
    where age <= 8
),

-- Every wait of a quarter and of the year before it; a wait stands in up to five quarters.
compared_waits as (
    select
        waits.district_code,
        waits.need_code,
        judged_quarters.quarter,
        waits.is_matched,
        waits.is_withdrawn,
        waits.days,
        waits.requested_month >= judged_quarters.starts_on as is_now,
        case when waits.requested_month >= judged_quarters.starts_on then waits.days end
            as days_now,
        case when waits.requested_month < judged_quarters.starts_on then waits.days end
            as days_before
    from waits
    inner join judged_quarters
        on
            waits.requested_month <= judged_quarters.ends_on
            and waits.requested_month >= judged_quarters.starts_on - interval '12 months'
),

cells as (
    select
        district_code,
        need_code,
        quarter,
        count(days_now) as n_waits,
        count(days_before) as n_waits_before,
        aj_median(days_now, is_matched, is_withdrawn) as median_days,
        aj_median_low(days_now, is_matched, is_withdrawn) as median_low,
        aj_median_high(days_now, is_matched, is_withdrawn) as median_high,
        aj_median(days_before, is_matched, is_withdrawn) as median_before_days,
        aj_median_low(days_before, is_matched, is_withdrawn) as median_before_low,
        aj_median_high(days_before, is_matched, is_withdrawn) as median_before_high,
        log_rank_slower_p(days, is_matched, is_now) as p_value
    from compared_waits
    group by district_code, need_code, quarter
),

-- Where half were not answered even in the year before, there is nothing to compare with.
judged_cells as (
    select
        district_code,
        need_code,
        quarter,
        n_waits,
        n_waits_before,
        median_days,
        median_low,
        median_high,
        median_before_days,
        median_before_low,
        median_before_high,
        p_value,
        coalesce(median_days, median_low) as waited_days
    from cells
    where
        n_waits >= 15
        and n_waits_before >= 15
        and median_before_days is not null
        and p_value is not null
)

select
    district_code,
    need_code,
    quarter,
    n_waits,
    n_waits_before,
    median_days,
    median_low,
    median_high,
    median_before_days,
    median_before_low,
    median_before_high,
    p_value,
    waited_days,
    fdr_bh(p_value) over (
        partition by quarter order by need_code, district_code
    ) as q_value,
    waited_days / greatest(median_before_days, 1) as ratio
from judged_cells
