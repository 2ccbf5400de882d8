/* model
description.it = "Quanto ogni piattaforma copre ogni ambito in ogni trimestre completo."
description.en = "How far each platform covers each district in each complete quarter."
grain = ["platform", "district_code", "quarter"]
checks = [
    "unique(grain)",
    "status in ('covered', 'partly', 'not_covered', 'source_down')",
]

[columns.platform]
role = "key"
it = "Piattaforma che ha registrato la riga."
en = "Platform that recorded the row."

[columns.district_code]
role = "key"
it = "Ambito; OUTSIDE per i comuni fuori da ogni ambito."
en = "District; OUTSIDE for comuni in no district."

[columns.quarter]
role = "key"
it = "Trimestre, per esempio 2026-Q3."
en = "Quarter, for example 2026-Q3."

[columns.status]
role = "code"
it = "covered, partly, not_covered o source_down."
en = "covered, partly, not_covered or source_down."
*/
with coverage as (
    select
        platform,
        district_code,
        month,
        status
    from derived.coverage_by_platform_district_month
),

quarters as (
    select
        quarter,
        starts_on,
        ends_on
    from derived._complete_quarters
),

counted_months as (
    select
        coverage.platform,
        coverage.district_code,
        quarters.quarter,
        count(*) as n_months,
        sum(case when coverage.status = 'covered' then 1 else 0 end) as n_covered,
        sum(case when coverage.status = 'not_covered' then 1 else 0 end) as n_not_covered,
        sum(case when coverage.status = 'source_down' then 1 else 0 end) as n_source_down
    from coverage
    inner join quarters
        on coverage.month >= quarters.starts_on and coverage.month <= quarters.ends_on
    group by coverage.platform, coverage.district_code, quarters.quarter
)

-- One silent month is said: a quarter's sum without it would read as less need.
select
    platform,
    district_code,
    quarter,
    case
        when n_source_down > 0 then 'source_down'
        when n_covered = n_months then 'covered'
        when n_not_covered = n_months then 'not_covered'
        else 'partly'
    end as status
from counted_months
