/* model
description.it = "Quanto arriva in fondo con un tramite e senza, per ambito, bisogno e anno."
description.en = "How much is carried through with mediation and without, by district and need."
grain = ["district_code", "need_code", "year"]
checks = [
    "unique(grain)",
    "n_mediated_completed between 0 and n_mediated",
    "n_persons_mediated_completed <= n_mediated_completed",
    "(n_mediated_completed = 0) = (n_persons_mediated_completed = 0)",
    "n_persons_mediated_not_completed <= n_mediated - n_mediated_completed",
    "(n_mediated = n_mediated_completed) = (n_persons_mediated_not_completed = 0)",
    "(n_mediated = 0) = (mediated_completed_pct is null)",
    "mediated_completed_pct between 0 and 100",
    "mediated_completed_pct_low <= mediated_completed_pct + 1e-9",
    "mediated_completed_pct <= mediated_completed_pct_high + 1e-9",
    "n_unmediated_completed between 0 and n_unmediated",
    "n_persons_unmediated_completed <= n_unmediated_completed",
    "(n_unmediated_completed = 0) = (n_persons_unmediated_completed = 0)",
    "n_persons_unmediated_not_completed <= n_unmediated - n_unmediated_completed",
    "(n_unmediated = n_unmediated_completed) = (n_persons_unmediated_not_completed = 0)",
    "(n_unmediated = 0) = (unmediated_completed_pct is null)",
    "unmediated_completed_pct between 0 and 100",
    "unmediated_completed_pct_low <= unmediated_completed_pct + 1e-9",
    "unmediated_completed_pct <= unmediated_completed_pct_high + 1e-9",
    "(n_mediated = 0 or n_unmediated = 0) = (mediation_gap_points is null)",
    "mediation_gap_points between -100 and 100",
    "mediation_gap_points_low <= mediation_gap_points + 1e-9",
    "mediation_gap_points <= mediation_gap_points_high + 1e-9",
    "n_mediated + n_unmediated + n_unknown >= 1",
    "not_null(platforms)",
    "coverage in ('covered', 'partly', 'not_covered', 'source_down')",
]
tags = ["mediation"]
owner = "antenne"

[columns.district_code]
role = "key"
it = "Ambito; OUTSIDE per i comuni fuori da ogni ambito."
en = "District; OUTSIDE for comuni in no district."

[columns.need_code]
role = "key"
it = "Bisogno SIUSS; NEW se il vocabolario non ha la parola."
en = "SIUSS need; NEW when the vocabulary has no word."

[columns.year]
role = "key"
it = "Anno."
en = "Year."

[columns.n_mediated]
role = "count"
unit = "requests"
it = "Richieste chiuse con un tramite."
en = "Requests that are over, with mediation."

[columns.n_mediated_completed]
role = "count"
unit = "requests"
it = "Tra queste, completate."
en = "Of these, those completed."

[columns.n_persons_mediated_completed]
role = "count"
unit = "persons"
it = "Persone dietro le completate con un tramite."
en = "Persons behind the completed, with mediation."

[columns.n_persons_mediated_not_completed]
role = "count"
unit = "persons"
it = "Persone dietro le non completate con un tramite."
en = "Persons behind those not completed, with mediation."

[columns.n_unmediated]
role = "count"
unit = "requests"
it = "Richieste chiuse senza tramite."
en = "Requests that are over, without mediation."

[columns.n_unmediated_completed]
role = "count"
unit = "requests"
it = "Tra queste, completate."
en = "Of these, those completed."

[columns.n_persons_unmediated_completed]
role = "count"
unit = "persons"
it = "Persone dietro le completate senza tramite."
en = "Persons behind the completed, without mediation."

[columns.n_persons_unmediated_not_completed]
role = "count"
unit = "persons"
it = "Persone dietro le non completate senza tramite."
en = "Persons behind those not completed, without mediation."

[columns.n_unknown]
role = "count"
unit = "requests"
it = "Richieste chiuse di cui non si sa chi ha fatto da tramite."
en = "Requests that are over with the mediation unknown."

[columns.platforms]
role = "code"
it = "Piattaforme in ordine alfabetico, separate da virgole."
en = "Platforms in alphabetical order, separated by commas."

[columns.mediated_completed_pct]
role = "measure"
unit = "%"
it = "Quota completata con un tramite."
en = "Share completed with mediation."
rate = ["n_mediated_completed", "n_mediated"]

[columns.mediated_completed_pct_low]
role = "measure"
unit = "%"
it = "Limite inferiore al 95 %."
en = "Lower 95 % limit."

[columns.mediated_completed_pct_high]
role = "measure"
unit = "%"
it = "Limite superiore al 95 %."
en = "Upper 95 % limit."

[columns.unmediated_completed_pct]
role = "measure"
unit = "%"
it = "Quota completata senza tramite."
en = "Share completed without mediation."
rate = ["n_unmediated_completed", "n_unmediated"]

[columns.unmediated_completed_pct_low]
role = "measure"
unit = "%"
it = "Limite inferiore al 95 %."
en = "Lower 95 % limit."

[columns.unmediated_completed_pct_high]
role = "measure"
unit = "%"
it = "Limite superiore al 95 %."
en = "Upper 95 % limit."

[columns.mediation_gap_points]
role = "measure"
unit = "points"
it = "Quota completata con un tramite meno quella senza."
en = "Share completed with mediation minus that without."
vis = "outcome"

[columns.mediation_gap_points_low]
role = "measure"
unit = "points"
it = "Limite inferiore al 95 %."
en = "Lower 95 % limit."

[columns.mediation_gap_points_high]
role = "measure"
unit = "points"
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
        platform,
        person_key,
        substr(quarter, 1, 4) as year,
        case when state = 'completed' then 1 else 0 end as is_completed,
        case when mediation <> 'none' then 1 else 0 end as is_mediated,
        case when mediation = 'none' then 1 else 0 end as is_unmediated
    from derived._exchanges
    -- What is still going on has not shown how it ends; withdrawn before an answer, it never began.
    where
        outcome = 'unmet'
        or (outcome = 'matched' and state in ('completed', 'cancelled'))
),

quarters as (
    select quarter
    from derived._complete_quarters
),

coverage as (
    select
        district_code,
        year,
        coverage
    from derived._coverage_by_district_year
),

complete_years as (
    select substr(quarter, 1, 4) as year
    from quarters
    group by substr(quarter, 1, 4)
    having count(*) = 4
),

-- Rows without a person key count as one person: the fewest they can be.
persons as (
    select
        exchanges.district_code,
        exchanges.need_code,
        exchanges.year,
        exchanges.platform,
        exchanges.person_key,
        sum(exchanges.is_mediated) as n_mediated,
        sum(exchanges.is_mediated * exchanges.is_completed) as n_mediated_completed,
        sum(exchanges.is_unmediated) as n_unmediated,
        sum(exchanges.is_unmediated * exchanges.is_completed) as n_unmediated_completed,
        sum(1 - exchanges.is_mediated - exchanges.is_unmediated) as n_unknown
    from exchanges
    inner join complete_years
        on exchanges.year = complete_years.year
    group by
        exchanges.district_code,
        exchanges.need_code,
        exchanges.year,
        exchanges.platform,
        exchanges.person_key
),

platform_cells as (
    select
        district_code,
        need_code,
        year,
        platform,
        sum(n_mediated) as n_mediated,
        sum(n_mediated_completed) as n_mediated_completed,
        sum(n_unmediated) as n_unmediated,
        sum(n_unmediated_completed) as n_unmediated_completed,
        sum(n_unknown) as n_unknown,
        sum(case when n_mediated_completed > 0 then 1 else 0 end) as n_persons_mediated_completed,
        sum(case when n_mediated_completed < n_mediated then 1 else 0 end)
            as n_persons_mediated_not_completed,
        sum(case when n_unmediated_completed > 0 then 1 else 0 end)
            as n_persons_unmediated_completed,
        sum(case when n_unmediated_completed < n_unmediated then 1 else 0 end)
            as n_persons_unmediated_not_completed
    from persons
    group by district_code, need_code, year, platform
),

cells as (
    select
        district_code,
        need_code,
        year,
        sum(n_mediated) as n_mediated,
        sum(n_mediated_completed) as n_mediated_completed,
        sum(n_unmediated) as n_unmediated,
        sum(n_unmediated_completed) as n_unmediated_completed,
        sum(n_unknown) as n_unknown,
        max(n_persons_mediated_completed) as n_persons_mediated_completed,
        max(n_persons_mediated_not_completed) as n_persons_mediated_not_completed,
        max(n_persons_unmediated_completed) as n_persons_unmediated_completed,
        max(n_persons_unmediated_not_completed) as n_persons_unmediated_not_completed,
        string_agg(platform, ',' order by platform) as platforms
    from platform_cells
    group by district_code, need_code, year
)

select
    cells.district_code,
    cells.need_code,
    cells.year,
    cells.n_mediated,
    cells.n_mediated_completed,
    cells.n_persons_mediated_completed,
    cells.n_persons_mediated_not_completed,
    cells.n_unmediated,
    cells.n_unmediated_completed,
    cells.n_persons_unmediated_completed,
    cells.n_persons_unmediated_not_completed,
    cells.n_unknown,
    cells.platforms,
    100 * cast(cells.n_mediated_completed as double)
    / nullif(cells.n_mediated, 0) as mediated_completed_pct,
    100 * wilson_low(cells.n_mediated_completed, cells.n_mediated) as mediated_completed_pct_low,
    100 * wilson_high(cells.n_mediated_completed, cells.n_mediated) as mediated_completed_pct_high,
    100 * cast(cells.n_unmediated_completed as double)
    / nullif(cells.n_unmediated, 0) as unmediated_completed_pct,
    100 * wilson_low(
        cells.n_unmediated_completed, cells.n_unmediated
    ) as unmediated_completed_pct_low,
    100 * wilson_high(
        cells.n_unmediated_completed, cells.n_unmediated
    ) as unmediated_completed_pct_high,
    100 * cast(cells.n_mediated_completed as double) / nullif(cells.n_mediated, 0)
    - 100 * cast(cells.n_unmediated_completed as double)
    / nullif(cells.n_unmediated, 0) as mediation_gap_points,
    100 * newcombe_low(
        cells.n_mediated_completed,
        cells.n_mediated,
        cells.n_unmediated_completed,
        cells.n_unmediated
    ) as mediation_gap_points_low,
    100 * newcombe_high(
        cells.n_mediated_completed,
        cells.n_mediated,
        cells.n_unmediated_completed,
        cells.n_unmediated
    ) as mediation_gap_points_high,
    coalesce(coverage.coverage, 'not_covered') as coverage
from cells
left join coverage
    on
        cells.district_code = coverage.district_code
        and cells.year = coverage.year
