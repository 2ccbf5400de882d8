/* model
description.it = "Dove un bisogno ha trovato la prima risposta e in quanti ambiti è arrivato."
description.en = "Where a need was first answered and to how many districts it has spread."
grain = ["need_code"]
checks = [
    "unique(grain)",
    "n_districts >= 1",
    "n_districts_live between 0 and n_districts",
    "n_matched >= n_districts",
    "(n_districts = 1) = (months_to_second_district is null)",
    "months_to_second_district >= 0",
    "n_persons between 1 and n_matched",
    "n_persons_first between 1 and n_persons",
    "starts_with_data in ('yes', 'no')",
]
tags = ["replication"]
owner = "antenne"

[columns.need_code]
role = "key"
it = "Bisogno SIUSS; NEW se il vocabolario non ha la parola."
en = "SIUSS need; NEW when the vocabulary has no word."

[columns.first_district_code]
role = "code"
it = "Ambito della prima risposta; i comuni fuori da ogni ambito non contano."
en = "District of the first answer; comuni in no district do not count."

[columns.first_quarter]
role = "code"
it = "Trimestre della prima richiesta con risposta."
en = "Quarter of the first request with an answer."

[columns.months_to_second_district]
role = "measure"
unit = "months"
it = "Mesi dalla prima richiesta con risposta a quella di un secondo ambito."
en = "Months from the first request with an answer to that of a second district."

[columns.n_districts]
role = "count"
unit = "districts"
it = "Ambiti con almeno una richiesta con risposta, finora."
en = "Districts with at least one request with an answer, so far."

[columns.n_districts_live]
role = "count"
unit = "districts"
it = "Ambiti con almeno una richiesta con risposta nell'ultimo trimestre completo."
en = "Districts with at least one request with an answer in the last complete quarter."

[columns.n_matched]
role = "count"
unit = "requests"
it = "Richieste che hanno trovato risposta."
en = "Requests that found an answer."

[columns.n_persons]
role = "count"
unit = "persons"
it = "Persone dietro queste richieste."
en = "Persons behind these requests."

[columns.n_persons_first]
role = "count"
unit = "persons"
it = "Persone dietro quelle del primo ambito nel primo trimestre."
en = "Persons behind those of the first district in the first quarter."

[columns.platforms]
role = "code"
it = "Piattaforme in ordine alfabetico, separate da virgole."
en = "Platforms in alphabetical order, separated by commas."

[columns.starts_with_data]
role = "code"
it = "yes: la prima risposta cade nel primo trimestre dei dati e può essere più vecchia."
en = "yes: the first answer falls in the first quarter of the data and may be older."
*/
with exchanges as (
    select
        district_code,
        need_code,
        quarter,
        platform,
        person_key,
        requested_on
    from derived._exchanges
    -- What lies in no district is no place a service could have spread to.
    where outcome = 'matched' and district_code <> 'OUTSIDE'
),

quarters as (
    select quarter
    from derived._complete_quarters
),

data_span as (
    select
        min(quarter) as first_quarter,
        max(quarter) as last_quarter
    from quarters
),

-- Rows without a person key count as one person: the fewest they can be.
persons as (
    select
        exchanges.need_code,
        exchanges.district_code,
        exchanges.quarter,
        exchanges.platform,
        exchanges.person_key,
        count(*) as n_matched,
        min(exchanges.requested_on) as first_on
    from exchanges
    inner join quarters
        on exchanges.quarter = quarters.quarter
    group by
        exchanges.need_code,
        exchanges.district_code,
        exchanges.quarter,
        exchanges.platform,
        exchanges.person_key
),

districts as (
    select
        persons.need_code,
        persons.district_code,
        min(persons.first_on) as first_on,
        min(persons.quarter) as first_quarter,
        max(case when persons.quarter = data_span.last_quarter then 1 else 0 end) as is_live
    from persons
    cross join data_span
    group by persons.need_code, persons.district_code
),

-- Of two districts that began on the same day the one with the smaller code stands first.
ranked_districts as (
    select
        need_code,
        district_code,
        first_on,
        first_quarter,
        is_live,
        row_number() over (partition by need_code order by first_on, district_code) as place
    from districts
),

needs as (
    select
        need_code,
        min(case when place = 1 then district_code end) as first_district_code,
        min(case when place = 1 then first_quarter end) as first_quarter,
        min(case when place = 1 then first_on end) as first_on,
        min(case when place = 2 then first_on end) as second_on,
        count(*) as n_districts,
        sum(is_live) as n_districts_live
    from ranked_districts
    group by need_code
),

need_persons as (
    select
        persons.need_code,
        persons.platform,
        persons.person_key,
        sum(persons.n_matched) as n_matched,
        max(
            case
                when
                    persons.district_code = needs.first_district_code
                    and persons.quarter = needs.first_quarter
                    then 1
                else 0
            end
        ) as is_first
    from persons
    inner join needs
        on persons.need_code = needs.need_code
    group by persons.need_code, persons.platform, persons.person_key
),

platform_needs as (
    select
        need_code,
        platform,
        sum(n_matched) as n_matched,
        count(*) as n_persons,
        sum(is_first) as n_persons_first
    from need_persons
    group by need_code, platform
),

counted_needs as (
    select
        need_code,
        sum(n_matched) as n_matched,
        max(n_persons) as n_persons,
        max(n_persons_first) as n_persons_first,
        string_agg(platform, ',' order by platform) as platforms
    from platform_needs
    group by need_code
)

select
    needs.need_code,
    needs.first_district_code,
    needs.first_quarter,
    cast(
        12 * (date_part('year', needs.second_on) - date_part('year', needs.first_on))
        + date_part('month', needs.second_on) - date_part('month', needs.first_on)
        as bigint
    ) as months_to_second_district,
    needs.n_districts,
    needs.n_districts_live,
    counted_needs.n_matched,
    counted_needs.n_persons,
    counted_needs.n_persons_first,
    counted_needs.platforms,
    case
        when needs.first_quarter = data_span.first_quarter then 'yes' else 'no'
    end as starts_with_data
from needs
inner join counted_needs
    on needs.need_code = counted_needs.need_code
cross join data_span
