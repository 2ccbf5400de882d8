/* model
description.it = "Richieste e mancate risposte per ambito, ambito di vita e trimestre."
description.en = "Requests and unmet ones by district, life domain and quarter."
grain = ["district_code", "life_domain", "quarter"]
checks = [
    "unique(grain)",
    "n_unmet between 0 and n_decided",
    "n_persons_unmet <= n_unmet",
    "(n_unmet = 0) = (n_persons_unmet = 0)",
    "n_persons_not_unmet <= n_decided - n_unmet",
    "(n_decided = n_unmet) = (n_persons_not_unmet = 0)",
    "(n_decided = 0) = (unmet_pct is null)",
    "unmet_pct between 0 and 100",
    "unmet_pct_low <= unmet_pct + 1e-9",
    "unmet_pct <= unmet_pct_high + 1e-9",
    "n_unmet + n_matched = n_decided",
    "n_decided <= n_requests",
    "n_persons between 1 and n_requests",
    "wait_p50_days >= 0",
    "not_null(life_domain, platforms)",
    "coverage in ('covered', 'partly', 'not_covered', 'source_down')",
]
tags = ["demand"]
owner = "antenne"

[columns.district_code]
role = "key"
it = "Ambito; OUTSIDE per i comuni fuori da ogni ambito."
en = "District; OUTSIDE for comuni in no district."

[columns.life_domain]
role = "key"
it = "Ambito di vita: housing, caring, working, educating; unknown se non si sa."
en = "Life domain: housing, caring, working, educating; unknown if not known."

[columns.quarter]
role = "key"
it = "Trimestre, per esempio 2026-Q3."
en = "Quarter, for example 2026-Q3."

[columns.n_requests]
role = "count"
unit = "requests"
it = "Richieste, senza quelle ritirate e poi ripetute."
en = "Requests, without those withdrawn and filed again."

[columns.n_decided]
role = "count"
unit = "requests"
it = "Richieste decise: con o senza risposta."
en = "Requests decided: matched or unmet."

[columns.n_matched]
role = "count"
unit = "requests"
it = "Richieste che hanno trovato risposta."
en = "Requests that found an answer."

[columns.n_unmet]
role = "count"
unit = "requests"
it = "Richieste rimaste senza risposta."
en = "Requests left without an answer."

[columns.n_persons]
role = "count"
unit = "persons"
it = "Persone dietro le richieste, il massimo tra le piattaforme."
en = "Persons behind the requests, the most of any platform."

[columns.n_persons_unmet]
role = "count"
unit = "persons"
it = "Persone dietro le richieste senza risposta."
en = "Persons behind the unmet requests."

[columns.n_persons_not_unmet]
role = "count"
unit = "persons"
it = "Persone dietro le richieste con risposta."
en = "Persons behind the matched requests."

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

[columns.unmet_pct]
role = "measure"
unit = "%"
it = "Senza risposta su quelle decise (con o senza risposta)."
en = "Unmet among those decided (matched or unmet)."
rate = ["n_unmet", "n_decided"]
vis = "outcome"

[columns.unmet_pct_low]
role = "measure"
unit = "%"
it = "Limite inferiore al 95 %."
en = "Lower 95 % limit."

[columns.unmet_pct_high]
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
        quarter,
        platform,
        person_key,
        wait_days,
        coalesce(life_domain, 'unknown') as life_domain,
        outcome = 'matched' as is_answered,
        case when outcome = 'matched' then 1 else 0 end as is_matched,
        case when outcome = 'unmet' then 1 else 0 end as is_unmet
    from derived._exchanges
    where counts_as = 'request'
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

-- Rows without a person key count as one person: the fewest they can be.
persons as (
    select
        exchanges.district_code,
        exchanges.life_domain,
        exchanges.quarter,
        exchanges.platform,
        exchanges.person_key,
        count(*) as n_requests,
        sum(exchanges.is_matched) as n_matched,
        sum(exchanges.is_unmet) as n_unmet,
        sum(exchanges.is_matched + exchanges.is_unmet) as n_decided
    from exchanges
    inner join quarters
        on exchanges.quarter = quarters.quarter
    group by
        exchanges.district_code,
        exchanges.life_domain,
        exchanges.quarter,
        exchanges.platform,
        exchanges.person_key
),

platform_cells as (
    select
        district_code,
        life_domain,
        quarter,
        platform,
        sum(n_requests) as n_requests,
        sum(n_matched) as n_matched,
        sum(n_unmet) as n_unmet,
        sum(n_decided) as n_decided,
        count(*) as n_persons,
        sum(case when n_unmet > 0 then 1 else 0 end) as n_persons_unmet,
        sum(case when n_unmet < n_decided then 1 else 0 end) as n_persons_not_unmet
    from persons
    group by district_code, life_domain, quarter, platform
),

cells as (
    select
        district_code,
        life_domain,
        quarter,
        sum(n_requests) as n_requests,
        sum(n_matched) as n_matched,
        sum(n_unmet) as n_unmet,
        sum(n_decided) as n_decided,
        max(n_persons) as n_persons,
        max(n_persons_unmet) as n_persons_unmet,
        max(n_persons_not_unmet) as n_persons_not_unmet,
        string_agg(platform, ',' order by platform) as platforms
    from platform_cells
    group by district_code, life_domain, quarter
),

waits as (
    select
        exchanges.district_code,
        exchanges.life_domain,
        exchanges.quarter,
        km_quantile(exchanges.wait_days, exchanges.is_answered, 0.5) as wait_p50_days
    from exchanges
    inner join quarters
        on exchanges.quarter = quarters.quarter
    group by exchanges.district_code, exchanges.life_domain, exchanges.quarter
)

select
    cells.district_code,
    cells.life_domain,
    cells.quarter,
    cells.n_requests,
    cells.n_decided,
    cells.n_matched,
    cells.n_unmet,
    cells.n_persons,
    cells.n_persons_unmet,
    cells.n_persons_not_unmet,
    cells.platforms,
    waits.wait_p50_days,
    100 * cast(cells.n_unmet as double) / nullif(cells.n_decided, 0) as unmet_pct,
    100 * wilson_low(cells.n_unmet, cells.n_decided) as unmet_pct_low,
    100 * wilson_high(cells.n_unmet, cells.n_decided) as unmet_pct_high,
    coalesce(coverage.coverage, 'not_covered') as coverage
from cells
inner join waits
    on
        cells.district_code = waits.district_code
        and cells.life_domain = waits.life_domain
        and cells.quarter = waits.quarter
left join coverage
    on
        cells.district_code = coverage.district_code
        and cells.quarter = coverage.quarter
