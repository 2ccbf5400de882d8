/* model
description.it = "Attese delle richieste, contando anche quelle ancora in corso."
description.en = "Waits of the requests, those not over yet counted too."
grain = ["district_code", "need_code", "quarter"]
checks = [
    "unique(grain)",
    "n_matched between 0 and n_requests",
    "n_matched + n_censored = n_requests",
    "n_persons_matched <= n_matched",
    "(n_matched = 0) = (n_persons_matched = 0)",
    "n_persons_not_matched <= n_censored",
    "(n_censored = 0) = (n_persons_not_matched = 0)",
    "n_unmatched_60d between 0 and n_followed",
    "n_persons_unmatched_60d <= n_unmatched_60d",
    "(n_unmatched_60d = 0) = (n_persons_unmatched_60d = 0)",
    "n_persons_not_unmatched_60d <= n_followed - n_unmatched_60d",
    "(n_followed = n_unmatched_60d) = (n_persons_not_unmatched_60d = 0)",
    "(n_followed = 0) = (unmatched_60d_pct is null)",
    "unmatched_60d_pct between 0 and 100",
    "unmatched_60d_pct_low <= unmatched_60d_pct + 1e-9",
    "unmatched_60d_pct <= unmatched_60d_pct_high + 1e-9",
    "n_followed <= n_requests",
    "wait_p50_days >= 0",
    "wait_p50_days <= wait_p90_days",
    "n_matched > 0 or wait_p50_days is null",
    "wait_mean_90_days between 0 and 90",
    "not_null(platforms, wait_mean_90_days)",
    "coverage in ('covered', 'partly', 'not_covered', 'source_down')",
]
tags = ["waits"]
owner = "antenne"

[columns.district_code]
role = "key"
it = "Ambito; OUTSIDE per i comuni fuori da ogni ambito."
en = "District; OUTSIDE for comuni in no district."

[columns.need_code]
role = "key"
it = "Bisogno SIUSS; NEW se il vocabolario non ha la parola."
en = "SIUSS need; NEW when the vocabulary has no word."

[columns.quarter]
role = "key"
it = "Trimestre, per esempio 2026-Q3."
en = "Quarter, for example 2026-Q3."

[columns.n_requests]
role = "count"
unit = "requests"
it = "Richieste, senza quelle ritirate e poi ripetute."
en = "Requests, without those withdrawn and filed again."

[columns.n_matched]
role = "count"
unit = "requests"
it = "Richieste che hanno trovato risposta."
en = "Requests that found an answer."

[columns.n_censored]
role = "count"
unit = "requests"
it = "Richieste senza risposta finora: attesa solo in parte nota."
en = "Requests with no answer so far: wait known only in part."

[columns.n_persons_matched]
role = "count"
unit = "persons"
it = "Persone dietro le richieste con risposta."
en = "Persons behind the matched requests."

[columns.n_persons_not_matched]
role = "count"
unit = "persons"
it = "Persone dietro le richieste senza risposta finora."
en = "Persons behind the requests with no answer so far."

[columns.n_followed]
role = "count"
unit = "requests"
it = "Richieste non ritirate, di oltre 60 giorni prima dell'ultimo dato."
en = "Requests not withdrawn, filed over 60 days before the last record."

[columns.n_unmatched_60d]
role = "count"
unit = "requests"
it = "Tra queste, senza risposta nei primi 60 giorni."
en = "Of these, without an answer in the first 60 days."

[columns.n_persons_unmatched_60d]
role = "count"
unit = "persons"
it = "Persone dietro quelle senza risposta in 60 giorni."
en = "Persons behind those without an answer in 60 days."

[columns.n_persons_not_unmatched_60d]
role = "count"
unit = "persons"
it = "Persone dietro quelle con risposta in 60 giorni."
en = "Persons behind those answered in 60 days."

[columns.platforms]
role = "code"
it = "Piattaforme in ordine alfabetico, separate da virgole."
en = "Platforms in alphabetical order, separated by commas."

[columns.wait_p50_days]
role = "measure"
unit = "days"
it = "Attesa mediana di Kaplan-Meier; assente se la curva non vi arriva."
en = "Median wait after Kaplan-Meier; absent if the curve never gets there."
vis = "outcome"

[columns.wait_p90_days]
role = "measure"
unit = "days"
it = "Attesa entro cui risponde il 90 % (Kaplan-Meier); assente se la curva non vi arriva."
en = "Wait by which 90 % are answered (Kaplan-Meier); absent if the curve never gets there."

[columns.wait_mean_90_days]
role = "measure"
unit = "days"
it = "Attesa media nei primi 90 giorni (Kaplan-Meier)."
en = "Mean wait within the first 90 days (Kaplan-Meier)."

[columns.unmatched_60d_pct]
role = "measure"
unit = "%"
it = "Quota senza risposta nei primi 60 giorni."
en = "Share without an answer in the first 60 days."
rate = ["n_unmatched_60d", "n_followed"]
vis = "outcome"

[columns.unmatched_60d_pct_low]
role = "measure"
unit = "%"
it = "Limite inferiore al 95 %."
en = "Lower 95 % limit."

[columns.unmatched_60d_pct_high]
role = "measure"
unit = "%"
it = "Limite superiore al 95 %."
en = "Upper 95 % limit."

[columns.coverage]
role = "code"
it = "Completezza dei dati: covered, partly, not_covered o source_down."
en = "Completeness of the data: covered, partly, not_covered or source_down."
*/
with exchanges as (
    select
        district_code,
        need_code,
        quarter,
        platform,
        person_key,
        requested_on,
        outcome,
        wait_days
    from derived._exchanges
    where counts_as = 'request'
),

records as (
    select
        platform,
        recorded_at
    from conformed.exchanges
),

quarters as (
    select quarter
    from derived._complete_quarters
),

coverage as (
    select
        district_code,
        quarter,
        coverage
    from derived._coverage_by_district_quarter
),

last_records as (
    select
        platform,
        cast(max(recorded_at) as date) as last_recorded_on
    from records
    group by platform
),

followed_requests as (
    select
        exchanges.district_code,
        exchanges.need_code,
        exchanges.quarter,
        exchanges.platform,
        exchanges.person_key,
        exchanges.wait_days,
        exchanges.outcome = 'matched' as is_answered,
        case when exchanges.outcome = 'matched' then 1 else 0 end as is_matched,
        -- Of the latest only the quick ones have an answer; who withdrew no longer waits.
        case
            when exchanges.outcome = 'withdrawn' then 0
            when exchanges.requested_on + interval '60 days' < last_records.last_recorded_on
                then 1
            else 0
        end as is_followed,
        case
            when exchanges.outcome = 'unmet' then 1
            when exchanges.wait_days > 60 then 1
            else 0
        end as is_late
    from exchanges
    inner join quarters
        on exchanges.quarter = quarters.quarter
    inner join last_records
        on exchanges.platform = last_records.platform
),

-- Rows without a person key count as one person: the fewest they can be.
persons as (
    select
        district_code,
        need_code,
        quarter,
        platform,
        person_key,
        count(*) as n_requests,
        sum(is_matched) as n_matched,
        sum(is_followed) as n_followed,
        sum(is_followed * is_late) as n_unmatched_60d,
        sum(1 - is_matched) as n_censored
    from followed_requests
    group by district_code, need_code, quarter, platform, person_key
),

platform_cells as (
    select
        district_code,
        need_code,
        quarter,
        platform,
        sum(n_requests) as n_requests,
        sum(n_matched) as n_matched,
        sum(n_followed) as n_followed,
        sum(n_unmatched_60d) as n_unmatched_60d,
        sum(n_censored) as n_censored,
        sum(case when n_matched > 0 then 1 else 0 end) as n_persons_matched,
        sum(case when n_censored > 0 then 1 else 0 end) as n_persons_not_matched,
        sum(case when n_unmatched_60d > 0 then 1 else 0 end) as n_persons_unmatched_60d,
        sum(case when n_unmatched_60d < n_followed then 1 else 0 end)
            as n_persons_not_unmatched_60d
    from persons
    group by district_code, need_code, quarter, platform
),

cells as (
    select
        district_code,
        need_code,
        quarter,
        sum(n_requests) as n_requests,
        sum(n_matched) as n_matched,
        sum(n_followed) as n_followed,
        sum(n_unmatched_60d) as n_unmatched_60d,
        sum(n_censored) as n_censored,
        max(n_persons_matched) as n_persons_matched,
        max(n_persons_not_matched) as n_persons_not_matched,
        max(n_persons_unmatched_60d) as n_persons_unmatched_60d,
        max(n_persons_not_unmatched_60d) as n_persons_not_unmatched_60d,
        string_agg(platform, ',' order by platform) as platforms
    from platform_cells
    group by district_code, need_code, quarter
),

-- Refused, expired and withdrawn requests leave the curve on the day they end, unanswered.
waits as (
    select
        district_code,
        need_code,
        quarter,
        km_quantile(wait_days, is_answered, 0.5) as wait_p50_days,
        km_quantile(wait_days, is_answered, 0.9) as wait_p90_days,
        km_mean(wait_days, is_answered, 90) as wait_mean_90_days
    from followed_requests
    group by district_code, need_code, quarter
)

select
    cells.district_code,
    cells.need_code,
    cells.quarter,
    cells.n_requests,
    cells.n_matched,
    cells.n_censored,
    cells.n_persons_matched,
    cells.n_persons_not_matched,
    cells.n_followed,
    cells.n_unmatched_60d,
    cells.n_persons_unmatched_60d,
    cells.n_persons_not_unmatched_60d,
    cells.platforms,
    waits.wait_p50_days,
    waits.wait_p90_days,
    waits.wait_mean_90_days,
    100 * cast(cells.n_unmatched_60d as double) / nullif(cells.n_followed, 0) as unmatched_60d_pct,
    100 * wilson_low(cells.n_unmatched_60d, cells.n_followed) as unmatched_60d_pct_low,
    100 * wilson_high(cells.n_unmatched_60d, cells.n_followed) as unmatched_60d_pct_high,
    coalesce(coverage.coverage, 'not_covered') as coverage
from cells
inner join waits
    on
        cells.district_code = waits.district_code
        and cells.need_code = waits.need_code
        and cells.quarter = waits.quarter
left join coverage
    on
        cells.district_code = coverage.district_code
        and cells.quarter = coverage.quarter
