/* model
description.it = "Sedi fisiche di una directory HSDS con il numero dei servizi attivi."
description.en = "Physical places of an HSDS directory with their number of active services."
into = "places"
*/
with physical_locations as (
    select
        id,
        coalesce(name, alternate_name, 'Sede senza nome') as name
    from source.hsds__locations
    where location_type = 'physical'
),

physical_addresses as (
    select
        location_id,
        city
    from source.hsds__addresses
    where address_type = 'physical'
),

active_services as (
    select id
    from source.hsds__services
    where status = 'active'
),

services_at_locations as (
    select
        service_id,
        location_id
    from source.hsds__service_at_location
),

comune_by_location as (
    select
        location_id,
        min(city) as comune_code
    from physical_addresses
    group by location_id
),

services_by_location as (
    select
        services_at_locations.location_id,
        count(*) as n_activities
    from services_at_locations
    inner join active_services on services_at_locations.service_id = active_services.id
    group by services_at_locations.location_id
)

-- A place without a physical address cannot be counted in any comune.
select
    physical_locations.id as place_id,
    physical_locations.name,
    comune_by_location.comune_code,
    coalesce(services_by_location.n_activities, 0) as n_activities
from physical_locations
inner join comune_by_location on physical_locations.id = comune_by_location.location_id
left join services_by_location on physical_locations.id = services_by_location.location_id
