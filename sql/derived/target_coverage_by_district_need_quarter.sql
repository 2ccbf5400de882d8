/* model
description.it = "Persone che chiedono su 1.000 residenti dell'età a cui si rivolge il bisogno."
description.en = "Persons asking per 1,000 residents of the age that the need is meant for."
grain = ["district_code", "need_code", "quarter"]
checks = [
    "unique(grain)",
    "n_persons between 1 and n_asking",
    "target_group in ('65+', '0-17', 'all')",
    "residents > 0 or asking_per_1000_residents is null",
    "asking_per_1000_residents > 0",
    "asking_per_1000_residents_low <= asking_per_1000_residents + 1e-9",
    "asking_per_1000_residents <= asking_per_1000_residents_high + 1e-9",
    "district_code <> 'OUTSIDE' or residents is null",
    "not_null(platforms)",
    "coverage in ('covered', 'partly', 'not_covered', 'source_down')",
]
tags = ["coverage"]
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

[columns.target_group]
role = "code"
it = "Età del denominatore: 65+ (anziani), 0-17 (famiglia e minori) o all."
en = "Age of the denominator: 65+ (older people), 0-17 (families) or all."

[columns.n_asking]
role = "count"
unit = "persons"
it = "Persone che hanno chiesto; chi usa due piattaforme conta due volte."
en = "Persons who asked; who uses two platforms counts twice."
vis = "output"

[columns.n_persons]
role = "count"
unit = "persons"
it = "Persone dietro questo conteggio, il massimo tra le piattaforme."
en = "Persons behind this very count, the most of any platform."

[columns.residents]
role = "count"
unit = "persons"
it = "Residenti di quell'età; i minori: 0-14 e tre quinti dei 15-19."
en = "Residents of that age; minors: 0-14 and three fifths of 15-19."

[columns.platforms]
role = "code"
it = "Piattaforme in ordine alfabetico, separate da virgole."
en = "Platforms in alphabetical order, separated by commas."

[columns.asking_per_1000_residents]
role = "measure"
unit = "persons"
it = "Persone che chiedono ogni 1.000 residenti di quell'età."
en = "Persons asking per 1,000 residents of that age."
vis = "output"

[columns.asking_per_1000_residents_low]
role = "measure"
unit = "persons"
it = "Limite inferiore al 95 %."
en = "Lower 95 % limit."

[columns.asking_per_1000_residents_high]
role = "measure"
unit = "persons"
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
        person_key
    from derived._exchanges
    where counts_as = 'request'
),

needs as (
    select
        need_code,
        target_area
    from reference.needs
),

residents as (
    select
        district_code,
        quarter,
        residents,
        residents_0_17,
        residents_65_plus
    from derived._residents_by_district_quarter
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
        exchanges.need_code,
        exchanges.quarter,
        exchanges.platform,
        exchanges.person_key
    from exchanges
    inner join quarters
        on exchanges.quarter = quarters.quarter
    group by
        exchanges.district_code,
        exchanges.need_code,
        exchanges.quarter,
        exchanges.platform,
        exchanges.person_key
),

platform_cells as (
    select
        district_code,
        need_code,
        quarter,
        platform,
        count(*) as n_persons
    from persons
    group by district_code, need_code, quarter, platform
),

summed_cells as (
    select
        district_code,
        need_code,
        quarter,
        sum(n_persons) as n_asking,
        max(n_persons) as n_persons,
        string_agg(platform, ',' order by platform) as platforms
    from platform_cells
    group by district_code, need_code, quarter
),

targeted_cells as (
    select
        summed_cells.district_code,
        summed_cells.need_code,
        summed_cells.quarter,
        summed_cells.n_asking,
        summed_cells.n_persons,
        summed_cells.platforms,
        case
            when needs.target_area = 'anziani' then '65+'
            when needs.target_area = 'famiglia_minori' then '0-17'
            else 'all'
        end as target_group
    from summed_cells
    left join needs
        on summed_cells.need_code = needs.need_code
),

cells as (
    select
        targeted_cells.district_code,
        targeted_cells.need_code,
        targeted_cells.quarter,
        targeted_cells.target_group,
        targeted_cells.n_asking,
        targeted_cells.n_persons,
        targeted_cells.platforms,
        case
            when targeted_cells.target_group = '65+' then residents.residents_65_plus
            when targeted_cells.target_group = '0-17' then residents.residents_0_17
            else residents.residents
        end as residents
    from targeted_cells
    -- Outside of every district nobody is counted.
    left join residents
        on
            targeted_cells.district_code = residents.district_code
            and targeted_cells.quarter = residents.quarter
)

select
    cells.district_code,
    cells.need_code,
    cells.quarter,
    cells.target_group,
    cells.n_asking,
    cells.n_persons,
    cells.residents,
    cells.platforms,
    1000 * cast(cells.n_asking as double)
    / nullif(cells.residents, 0) as asking_per_1000_residents,
    1000 * byar_low(cells.n_asking, cells.residents) as asking_per_1000_residents_low,
    1000 * byar_high(cells.n_asking, cells.residents) as asking_per_1000_residents_high,
    coalesce(coverage.coverage, 'not_covered') as coverage
from cells
left join coverage
    on
        cells.district_code = coverage.district_code
        and cells.quarter = coverage.quarter
