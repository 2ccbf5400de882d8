/* model
description.it = "Sedi fisiche di una API HSDS con il numero dei servizi attivi."
description.en = "Physical places of an HSDS API with their number of active services."
into = "places"
*/
with places as (
    select
        service_id,
        location_id,
        comune,
        coalesce(name, alternate_name, 'Sede senza nome') as name
    from source.hsds_api__service_at_locations
    -- A place without a comune cannot be counted anywhere.
    where location_type = 'physical' and comune is not null
),

services as (
    select
        id,
        status
    from source.hsds_api__services
)

select
    places.location_id as place_id,
    min(places.name) as name,
    min(places.comune) as comune_code,
    sum(case when services.status = 'active' then 1 else 0 end) as n_activities
from places
left join services on places.service_id = services.id
group by places.location_id
