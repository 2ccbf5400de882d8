/* model
description.it = "Le stesse richieste, contate negli ambiti come sono oggi e come erano allora."
description.en = "The same requests, counted in the districts of today and in those of then."
grain = ["district_code", "quarter"]
checks = [
    "unique(grain)",
    "n_requests + n_requests_then >= 1",
    "n_persons <= n_requests and (n_requests = 0) = (n_persons = 0)",
    "n_persons_then <= n_requests_then and (n_requests_then = 0) = (n_persons_then = 0)",
    "not_null(platforms)",
]
tags = ["districts"]
owner = "antenne"

[columns.district_code]
role = "key"
it = "Ambito; OUTSIDE per i comuni fuori da ogni ambito."
en = "District; OUTSIDE for comuni in no district."

[columns.quarter]
role = "key"
it = "Trimestre, per esempio 2026-Q3."
en = "Quarter, for example 2026-Q3."

[columns.n_requests]
role = "count"
unit = "requests"
it = "Richieste dei comuni che oggi sono nell'ambito."
en = "Requests from the comuni that are in the district today."

[columns.n_requests_then]
role = "count"
unit = "requests"
it = "Richieste dei comuni che allora erano nell'ambito."
en = "Requests from the comuni that were in the district then."

[columns.n_persons]
role = "count"
unit = "persons"
it = "Persone dietro le richieste, con gli ambiti di oggi."
en = "Persons behind the requests, with the districts of today."

[columns.n_persons_then]
role = "count"
unit = "persons"
it = "Persone dietro le richieste, con gli ambiti di allora."
en = "Persons behind the requests, with the districts of then."

[columns.platforms]
role = "code"
it = "Piattaforme in ordine alfabetico, separate da virgole."
en = "Platforms in alphabetical order, separated by commas."

[columns.coverage]
role = "code"
it = "Completezza dei dati di allora: covered, partly, not_covered o source_down."
en = "Completeness of the data then: covered, partly, not_covered or source_down."
*/
with exchanges as (
    select
        comune_code,
        district_code,
        quarter,
        platform,
        person_key
    from derived._exchanges
    where counts_as = 'request'
),

quarters as (
    select quarter
    from derived._complete_quarters
),

districts_today as (
    select
        comune_code,
        district_code
    from reference.districts
    where valid_to is null
),

coverage as (
    select
        district_code,
        quarter,
        coverage
    from derived._coverage_by_district_quarter
),

requests as (
    select
        exchanges.quarter,
        exchanges.platform,
        exchanges.person_key,
        exchanges.district_code as district_then,
        coalesce(districts_today.district_code, 'OUTSIDE') as district_today
    from exchanges
    inner join quarters
        on exchanges.quarter = quarters.quarter
    left join districts_today
        on exchanges.comune_code = districts_today.comune_code
),

-- Each request once where it counts today and once where it counted then.
placed_requests as (
    select
        district_today as district_code,
        district_then,
        quarter,
        platform,
        person_key,
        1 as n_today,
        0 as n_then
    from requests
    union all
    select
        district_then as district_code,
        district_then,
        quarter,
        platform,
        person_key,
        0 as n_today,
        1 as n_then
    from requests
),

-- Rows without a person key count as one person: the fewest they can be.
persons as (
    select
        district_code,
        quarter,
        platform,
        person_key,
        sum(n_today) as n_today,
        sum(n_then) as n_then
    from placed_requests
    group by district_code, quarter, platform, person_key
),

platform_cells as (
    select
        district_code,
        quarter,
        platform,
        sum(n_today) as n_requests,
        sum(n_then) as n_requests_then,
        sum(case when n_today > 0 then 1 else 0 end) as n_persons,
        sum(case when n_then > 0 then 1 else 0 end) as n_persons_then
    from persons
    group by district_code, quarter, platform
),

cells as (
    select
        district_code,
        quarter,
        sum(n_requests) as n_requests,
        sum(n_requests_then) as n_requests_then,
        max(n_persons) as n_persons,
        max(n_persons_then) as n_persons_then,
        string_agg(platform, ',' order by platform) as platforms
    from platform_cells
    group by district_code, quarter
),

sources as (
    select
        district_code,
        quarter,
        district_then
    from placed_requests
    group by district_code, quarter, district_then
),

-- A district of today may not have existed then: its data are as complete as those it comes from.
counted_sources as (
    select
        sources.district_code,
        sources.quarter,
        count(*) as n_sources,
        sum(case when coverage.coverage = 'covered' then 1 else 0 end) as n_covered,
        sum(case when coverage.coverage = 'source_down' then 1 else 0 end) as n_source_down,
        sum(
            case when coalesce(coverage.coverage, 'not_covered') = 'not_covered' then 1 else 0 end
        ) as n_not_covered
    from sources
    left join coverage
        on
            sources.district_then = coverage.district_code
            and sources.quarter = coverage.quarter
    group by sources.district_code, sources.quarter
)

select
    cells.district_code,
    cells.quarter,
    cells.n_requests,
    cells.n_requests_then,
    cells.n_persons,
    cells.n_persons_then,
    cells.platforms,
    case
        when counted_sources.n_source_down > 0 then 'source_down'
        when counted_sources.n_covered = counted_sources.n_sources then 'covered'
        when counted_sources.n_not_covered = counted_sources.n_sources then 'not_covered'
        else 'partly'
    end as coverage
from cells
inner join counted_sources
    on
        cells.district_code = counted_sources.district_code
        and cells.quarter = counted_sources.quarter
