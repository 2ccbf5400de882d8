/* model
description.it = "Ogni abbinamento con le classi delle due persone, negli anni completi."
description.en = "Every match with the classes of the two persons, in complete years."
grain = ["exchange_id", "dimension"]
checks = [
    "unique(grain)",
    "accepted_values(dimension, 'age', 'district', 'network')",
    "not_null(own_class, other_class)",
]
tags = ["mixing"]

[columns.exchange_id]
role = "key"
it = "Chiave dello scambio."
en = "Key of the exchange."

[columns.dimension]
role = "key"
it = "Di che cosa è la classe: age, district o network."
en = "What the class is of: age, district or network."

[columns.district_code]
role = "code"
it = "Ambito di chi chiede; OUTSIDE per i comuni fuori da ogni ambito."
en = "District of who asks; OUTSIDE for comuni in no district."

[columns.year]
role = "code"
it = "Anno."
en = "Year."

[columns.platform]
role = "code"
it = "Piattaforma che ha registrato la riga."
en = "Platform that recorded the row."

[columns.person_key]
role = "identifier"
it = "Pseudonimo di chi chiede o offre."
en = "Pseudonym of who asks or offers."

[columns.own_class]
role = "quasi_identifier"
it = "Classe di chi chiede o offre."
en = "Class of who asks or offers."

[columns.other_class]
role = "quasi_identifier"
it = "Classe dell'altra persona."
en = "Class of the other person."
*/
with exchanges as (
    select
        exchange_id,
        platform,
        person_key,
        counterpart_key,
        district_code,
        counterpart_comune_code,
        age_class,
        support_network,
        requested_on,
        quarter,
        matched_on,
        state,
        substr(quarter, 1, 4) as year
    from derived._exchanges
    where counts_as in ('request', 'offer')
),

quarters as (
    select quarter
    from derived._complete_quarters
),

districts as (
    select
        comune_code,
        district_code,
        valid_from,
        valid_to
    from reference.districts
),

complete_years as (
    select substr(quarter, 1, 4) as year
    from quarters
    group by substr(quarter, 1, 4)
    having count(*) = 4
),

descriptions as (
    select
        exchange_id,
        platform,
        person_key,
        year,
        requested_on,
        'age' as dimension,
        age_class as described_as
    from exchanges
    where age_class is not null
    union all
    select
        exchange_id,
        platform,
        person_key,
        year,
        requested_on,
        'network' as dimension,
        support_network as described_as
    from exchanges
    where support_network is not null
),

ranked_descriptions as (
    select
        dimension,
        platform,
        person_key,
        year,
        described_as,
        row_number() over (
            partition by dimension, platform, person_key, year
            order by requested_on desc, exchange_id desc
        ) as place_from_last
    from descriptions
),

-- Nobody describes who answers: we know them from what they filed themselves in that year.
described_persons as (
    select
        dimension,
        platform,
        person_key,
        year,
        described_as
    from ranked_descriptions
    where place_from_last = 1
),

matches as (
    select
        exchanges.exchange_id,
        exchanges.platform,
        exchanges.person_key,
        exchanges.counterpart_key,
        exchanges.counterpart_comune_code,
        exchanges.requested_on,
        exchanges.year,
        exchanges.district_code
    from exchanges
    inner join complete_years
        on exchanges.year = complete_years.year
    where
        exchanges.matched_on is not null
        or exchanges.state in ('matched', 'active', 'completed')
)

-- Two persons, one row for each class that both have.
select
    matches.exchange_id,
    matches.district_code,
    matches.year,
    matches.platform,
    matches.person_key,
    descriptions.dimension,
    descriptions.described_as as own_class,
    described_persons.described_as as other_class
from matches
inner join descriptions
    on matches.exchange_id = descriptions.exchange_id
inner join described_persons
    on
        descriptions.dimension = described_persons.dimension
        and matches.platform = described_persons.platform
        and matches.counterpart_key = described_persons.person_key
        and matches.year = described_persons.year
union all
select
    matches.exchange_id,
    matches.district_code,
    matches.year,
    matches.platform,
    matches.person_key,
    'district' as dimension,
    matches.district_code as own_class,
    coalesce(districts.district_code, 'OUTSIDE') as other_class
from matches
-- Where the comune was on the day; `valid_to` is the last day that holds.
left join districts
    on
        matches.counterpart_comune_code = districts.comune_code
        and matches.requested_on >= coalesce(districts.valid_from, date '1900-01-01')
        and matches.requested_on <= coalesce(districts.valid_to, date '9999-12-31')
-- Of two comuni in no district nobody can say that they are the same.
where matches.counterpart_comune_code is not null and matches.district_code <> 'OUTSIDE'
