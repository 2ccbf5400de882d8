/* model
description.it = "Chi abita gli ambiti come sono oggi: invecchiamento, dipendenza, carico sociale."
description.en = "Who lives in the districts as they are today: ageing, dependency, social load."
grain = ["district_code"]
checks = [
    "unique(grain)",
    "n_comuni_unknown between 0 and n_comuni",
    "residents_0_14 + residents_15_64 + residents_65_plus = residents",
    "residents_75_plus between 0 and residents_65_plus",
    "women_75_plus between 0 and residents_75_plus",
    "(n_comuni_unknown = n_comuni) = (residents is null)",
    "residents_75_plus_pct between 0 and 100",
    "women_75_plus_pct between 0 and 100",
    "social_load >= old_age_dependency",
]
tags = ["demography"]
owner = "antenne"

[columns.district_code]
role = "key"
it = "Ambito; OUTSIDE per i comuni fuori da ogni ambito."
en = "District; OUTSIDE for comuni in no district."

[columns.n_comuni]
role = "count"
unit = "comuni"
it = "Comuni."
en = "Comuni."

[columns.n_comuni_unknown]
role = "count"
unit = "comuni"
it = "Comuni di cui non si conoscono i residenti per età."
en = "Comuni whose residents by age are not known."

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

[columns.residents_15_64]
role = "count"
unit = "persons"
it = "Residenti da 15 a 64 anni."
en = "Residents aged 15 to 64."

[columns.residents_65_plus]
role = "count"
unit = "persons"
it = "Residenti di 65 anni e oltre."
en = "Residents aged 65 and over."

[columns.residents_75_plus]
role = "count"
unit = "persons"
it = "Residenti di 75 anni e oltre."
en = "Residents aged 75 and over."

[columns.women_75_plus]
role = "count"
unit = "persons"
it = "Donne di 75 anni e oltre."
en = "Women aged 75 and over."

[columns.ageing_index]
role = "measure"
unit = "%"
it = "Indice di vecchiaia: 65 e oltre su 0-14, per cento."
en = "Ageing index: 65 and over per 100 aged 0 to 14."
rate = ["residents_65_plus", "residents_0_14"]

[columns.old_age_dependency]
role = "measure"
unit = "%"
it = "Dipendenza anziani: 65 e oltre su 15-64, per cento."
en = "Old-age dependency: 65 and over per 100 aged 15 to 64."
rate = ["residents_65_plus", "residents_15_64"]

[columns.social_load]
role = "measure"
unit = "%"
it = "Carico sociale: 0-14 e 65 e oltre su 15-64, per cento."
en = "Social load: 0 to 14 and 65 and over per 100 aged 15 to 64."

[columns.residents_75_plus_pct]
role = "measure"
unit = "%"
it = "Quota dei residenti di 75 anni e oltre."
en = "Share of residents aged 75 and over."
rate = ["residents_75_plus", "residents"]

[columns.women_75_plus_pct]
role = "measure"
unit = "%"
it = "Quota delle donne tra i residenti di 75 anni e oltre."
en = "Share of women among the residents aged 75 and over."
rate = ["women_75_plus", "residents_75_plus"]
*/
with districts as (
    select
        comune_code,
        district_code
    from reference.districts
    -- As today: a comune that left the district is not counted in it any more.
    where valid_to is null
),

population as (
    select
        comune_code,
        age_class,
        sex,
        residents
    from reference.population
),

aged_population as (
    select
        comune_code,
        residents,
        case when age_class in ('0-4', '5-9', '10-14') then residents else 0 end
            as residents_0_14,
        case
            when age_class in ('65-69', '70-74', '75-79', '80-84', '85+') then residents
            else 0
        end as residents_65_plus,
        case when age_class in ('75-79', '80-84', '85+') then residents else 0 end
            as residents_75_plus,
        case when age_class in ('75-79', '80-84', '85+') and sex = 'F' then residents else 0 end
            as women_75_plus
    from population
),

comuni as (
    select
        comune_code,
        sum(residents) as residents,
        sum(residents_0_14) as residents_0_14,
        sum(residents_65_plus) as residents_65_plus,
        sum(residents_75_plus) as residents_75_plus,
        sum(women_75_plus) as women_75_plus
    from aged_population
    group by comune_code
),

summed_districts as (
    select
        districts.district_code,
        count(*) as n_comuni,
        sum(case when comuni.comune_code is null then 1 else 0 end) as n_comuni_unknown,
        sum(comuni.residents) as residents,
        sum(comuni.residents_0_14) as residents_0_14,
        sum(comuni.residents - comuni.residents_0_14 - comuni.residents_65_plus)
            as residents_15_64,
        sum(comuni.residents_65_plus) as residents_65_plus,
        sum(comuni.residents_75_plus) as residents_75_plus,
        sum(comuni.women_75_plus) as women_75_plus
    from districts
    left join comuni
        on districts.comune_code = comuni.comune_code
    group by districts.district_code
)

-- The whole population is counted, not a sample of it: these shares have no interval.
select
    district_code,
    n_comuni,
    n_comuni_unknown,
    residents,
    residents_0_14,
    residents_15_64,
    residents_65_plus,
    residents_75_plus,
    women_75_plus,
    100 * cast(residents_65_plus as double) / nullif(residents_0_14, 0) as ageing_index,
    100 * cast(residents_65_plus as double) / nullif(residents_15_64, 0) as old_age_dependency,
    100 * cast(residents_0_14 + residents_65_plus as double)
    / nullif(residents_15_64, 0) as social_load,
    100 * cast(residents_75_plus as double) / nullif(residents, 0) as residents_75_plus_pct,
    100 * cast(women_75_plus as double) / nullif(residents_75_plus, 0) as women_75_plus_pct
from summed_districts
