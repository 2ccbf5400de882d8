/* model
description.it = "Dove sta ogni ambito: la media dei suoi comuni, pesata con i residenti."
description.en = "Where each district lies: the mean of its comuni, weighted by residents."
grain = ["district_code"]
checks = [
    "unique(grain)",
    "longitude between 6 and 19",
    "latitude between 35 and 48",
    "n_located between 1 and n_comuni",
]

[columns.district_code]
role = "key"
it = "Ambito."
en = "District."

[columns.n_comuni]
role = "count"
unit = "comuni"
it = "Comuni dell'ambito, come sono oggi."
en = "Comuni of the district, as they are today."

[columns.n_located]
role = "count"
unit = "comuni"
it = "Di cui si sa dove stanno."
en = "Of which it is known where they lie."

[columns.longitude]
role = "measure"
unit = "degrees"
it = "Longitudine."
en = "Longitude."

[columns.latitude]
role = "measure"
unit = "degrees"
it = "Latitudine."
en = "Latitude."
*/
with districts as (
    select
        comune_code,
        district_code
    from reference.districts
    where valid_to is null
),

population as (
    select
        comune_code,
        sum(residents) as residents
    from reference.population
    group by comune_code
),

places as (
    select
        comune_code,
        longitude,
        latitude
    from reference.comune_places
),

located_comuni as (
    select
        districts.district_code,
        places.longitude,
        places.latitude,
        -- A comune without residents on record still has a place.
        greatest(coalesce(population.residents, 1), 1) as weight
    from districts
    left join places
        on districts.comune_code = places.comune_code
    left join population
        on districts.comune_code = population.comune_code
)

select
    district_code,
    count(*) as n_comuni,
    count(longitude) as n_located,
    cast(sum(weight * longitude) as double)
    / sum(case when longitude is not null then weight end) as longitude,
    cast(sum(weight * latitude) as double)
    / sum(case when latitude is not null then weight end) as latitude
from located_comuni
group by district_code
having count(longitude) > 0
