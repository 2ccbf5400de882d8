/* model
description.it = "Gli ambiti con i loro residenti, come sono oggi."
description.en = "The districts with their residents, as they are today."
grain = ["district_code"]
checks = [
    "unique(grain)",
    "n_comuni >= 1",
    "residents_0_14 + residents_65_plus <= residents",
    "kind in ('real', 'partial', 'demonstration')",
]

[columns.district_code]
role = "key"
it = "Ambito; OUTSIDE per i comuni fuori da ogni ambito."
en = "District; OUTSIDE for comuni in no district."

[columns.name]
role = "code"
it = "Nome dell'ambito."
en = "Name of the district."

[columns.kind]
role = "code"
it = "real, partial (solo alcuni comuni) o demonstration."
en = "real, partial (some comuni only) or demonstration."

[columns.n_comuni]
role = "count"
unit = "comuni"
it = "Comuni."
en = "Comuni."

[columns.residents]
role = "count"
unit = "persons"
it = "Residenti (Istat)."
en = "Residents (Istat)."

[columns.residents_0_14]
role = "count"
unit = "persons"
it = "Residenti da 0 a 14 anni."
en = "Residents aged 0 to 14."

[columns.residents_65_plus]
role = "count"
unit = "persons"
it = "Residenti di 65 anni e oltre."
en = "Residents aged 65 and over."

[columns.ageing_index]
role = "measure"
unit = "%"
it = "Indice di vecchiaia: 65 e oltre su 0-14, per cento."
en = "Ageing index: 65 and over per 100 aged 0 to 14."

[columns.old_age_dependency]
role = "measure"
unit = "%"
it = "Dipendenza anziani: 65 e oltre su 15-64, per cento."
en = "Old-age dependency: 65 and over per 100 aged 15 to 64."
*/
with districts as (
    select
        comune_code,
        district_code,
        district_name,
        kind
    from reference.districts
    -- As today: a comune that left the district is not counted in it any more.
    where valid_to is null
),

population as (
    select
        comune_code,
        age_class,
        residents
    from reference.population
),

comuni as (
    select
        comune_code,
        sum(residents) as residents,
        sum(
            case when age_class in ('0-4', '5-9', '10-14') then residents else 0 end
        ) as residents_0_14,
        sum(
            case
                when age_class in ('65-69', '70-74', '75-79', '80-84', '85+') then residents
                else 0
            end
        ) as residents_65_plus
    from population
    group by comune_code
),

summed_districts as (
    select
        districts.district_code,
        min(districts.district_name) as name,
        min(districts.kind) as kind,
        count(*) as n_comuni,
        sum(coalesce(comuni.residents, 0)) as residents,
        sum(coalesce(comuni.residents_0_14, 0)) as residents_0_14,
        sum(coalesce(comuni.residents_65_plus, 0)) as residents_65_plus
    from districts
    left join comuni
        on districts.comune_code = comuni.comune_code
    group by districts.district_code
)

select
    district_code,
    name,
    kind,
    n_comuni,
    residents,
    residents_0_14,
    residents_65_plus,
    cast(100 * residents_65_plus as double) / nullif(residents_0_14, 0) as ageing_index,
    cast(100 * residents_65_plus as double)
    / nullif(residents - residents_0_14 - residents_65_plus, 0) as old_age_dependency
from summed_districts
