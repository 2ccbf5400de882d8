/* model
description.it = "Quanto l'insieme delle piattaforme copre ogni ambito in ogni anno completo."
description.en = "How far the platforms together cover each district in each complete year."
grain = ["district_code", "year"]
checks = [
    "unique(grain)",
    "coverage in ('covered', 'partly', 'not_covered', 'source_down')",
]
owner = "antenne"

[columns.district_code]
role = "key"
it = "Ambito; OUTSIDE per i comuni fuori da ogni ambito."
en = "District; OUTSIDE for comuni in no district."

[columns.year]
role = "key"
it = "Anno."
en = "Year."

[columns.coverage]
role = "code"
it = "Completezza dei dati: covered, partly, not_covered o source_down."
en = "Completeness of the data: covered, partly, not_covered or source_down."
*/
with coverage as (
    select
        district_code,
        coverage,
        substr(quarter, 1, 4) as year
    from derived._coverage_by_district_quarter
),

quarters as (
    select quarter
    from derived._complete_quarters
),

complete_years as (
    select substr(quarter, 1, 4) as year
    from quarters
    group by substr(quarter, 1, 4)
    having count(*) = 4
),

counted_quarters as (
    select
        coverage.district_code,
        coverage.year,
        sum(case when coverage.coverage = 'covered' then 1 else 0 end) as n_covered,
        sum(case when coverage.coverage = 'partly' then 1 else 0 end) as n_partly,
        sum(case when coverage.coverage = 'source_down' then 1 else 0 end) as n_source_down
    from coverage
    inner join complete_years
        on coverage.year = complete_years.year
    group by coverage.district_code, coverage.year
)

-- A quarter that nobody speaks of is not covered, so that four are needed for `covered`.
select
    district_code,
    year,
    case
        when n_source_down > 0 then 'source_down'
        when n_covered = 4 then 'covered'
        when n_covered + n_partly = 0 then 'not_covered'
        else 'partly'
    end as coverage
from counted_quarters
