/* model
description.it = "Quanto l'insieme delle piattaforme copre ogni ambito in ogni trimestre completo."
description.en = "How far the platforms together cover each district in each complete quarter."
grain = ["district_code", "quarter"]
checks = [
    "unique(grain)",
    "coverage in ('covered', 'partly', 'not_covered', 'source_down')",
]

[columns.district_code]
role = "key"
it = "Ambito; OUTSIDE per i comuni fuori da ogni ambito."
en = "District; OUTSIDE for comuni in no district."

[columns.quarter]
role = "key"
it = "Trimestre, per esempio 2026-Q3."
en = "Quarter, for example 2026-Q3."

[columns.coverage]
role = "code"
it = "Completezza dei dati: covered, partly, not_covered o source_down."
en = "Completeness of the data: covered, partly, not_covered or source_down."
*/
with coverage as (
    select
        platform,
        district_code,
        quarter,
        status
    from derived.coverage_by_platform_district_quarter
),

-- A platform that never reached a district says nothing about it.
present_platforms as (
    select
        platform,
        district_code
    from coverage
    where status <> 'not_covered'
    group by platform, district_code
),

counted_platforms as (
    select
        coverage.district_code,
        coverage.quarter,
        count(*) as n_platforms,
        sum(case when coverage.status = 'covered' then 1 else 0 end) as n_covered,
        sum(case when coverage.status = 'not_covered' then 1 else 0 end) as n_not_covered,
        sum(case when coverage.status = 'source_down' then 1 else 0 end) as n_source_down
    from coverage
    inner join present_platforms
        on
            coverage.platform = present_platforms.platform
            and coverage.district_code = present_platforms.district_code
    group by coverage.district_code, coverage.quarter
)

select
    district_code,
    quarter,
    case
        when n_source_down > 0 then 'source_down'
        when n_covered = n_platforms then 'covered'
        when n_not_covered = n_platforms then 'not_covered'
        else 'partly'
    end as coverage
from counted_platforms
