/* model
description.it = "I residenti di ogni ambito, con i comuni che aveva alla fine del trimestre."
description.en = "Residents of each district, with the comuni it had when the quarter ended."
grain = ["district_code", "quarter"]
checks = [
    "unique(grain)",
    "residents_0_17 + residents_65_plus <= residents",
    "ageing_index >= 0",
]
owner = "antenne"

[columns.district_code]
role = "key"
it = "Ambito; OUTSIDE per i comuni fuori da ogni ambito."
en = "District; OUTSIDE for comuni in no district."

[columns.quarter]
role = "key"
it = "Trimestre, per esempio 2026-Q3."
en = "Quarter, for example 2026-Q3."

[columns.residents]
role = "count"
unit = "persons"
it = "Residenti (Istat); assenti se di un comune non si sanno."
en = "Residents (Istat); absent where those of a comune are unknown."

[columns.residents_0_17]
role = "count"
unit = "persons"
it = "Da 0 a 17 anni: 0-14 e tre quinti dei 15-19."
en = "Aged 0 to 17: 0-14 and three fifths of 15-19."

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
*/
with districts as (
    select
        comune_code,
        district_code,
        valid_from,
        valid_to
    from reference.districts
),

population as (
    select
        comune_code,
        age_class,
        residents
    from reference.population
),

quarters as (
    select
        quarter,
        ends_on
    from derived._complete_quarters
),

comuni as (
    select
        comune_code,
        sum(residents) as residents,
        sum(
            case when age_class in ('0-4', '5-9', '10-14') then residents else 0 end
        ) as residents_0_14,
        sum(case when age_class = '15-19' then residents else 0 end) as residents_15_19,
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
        quarters.quarter,
        count(*) as n_comuni,
        count(comuni.comune_code) as n_comuni_known,
        sum(comuni.residents) as residents,
        sum(comuni.residents_0_14) as residents_0_14,
        sum(comuni.residents_15_19) as residents_15_19,
        sum(comuni.residents_65_plus) as residents_65_plus
    from districts
    -- `valid_to` is the last day that holds.
    inner join quarters
        on
            quarters.ends_on >= coalesce(districts.valid_from, date '1900-01-01')
            and quarters.ends_on <= coalesce(districts.valid_to, date '9999-12-31')
    left join comuni
        on districts.comune_code = comuni.comune_code
    group by districts.district_code, quarters.quarter
)

-- A sum that lacks a comune would make every rate too high: rather none.
select
    district_code,
    quarter,
    case when n_comuni = n_comuni_known then residents end as residents,
    -- The classes are of five years: three of the years from 15 to 19 are below 18.
    case
        when n_comuni = n_comuni_known
            then residents_0_14 + cast(round(cast(3 * residents_15_19 as double) / 5) as bigint)
    end as residents_0_17,
    case when n_comuni = n_comuni_known then residents_65_plus end as residents_65_plus,
    case
        when n_comuni = n_comuni_known
            then 100 * cast(residents_65_plus as double) / nullif(residents_0_14, 0)
    end as ageing_index
from summed_districts
