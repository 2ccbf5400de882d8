/* model
description.it = "Enti di una directory HSDS con servizi attivi e capacità mensile."
description.en = "Bodies of an HSDS directory with active services and monthly capacity."
into = "providers"
*/
with organizations as (
    select
        id,
        name,
        legal_status
    from source.hsds__organizations
),

active_services as (
    select
        id,
        organization_id
    from source.hsds__services
    where status = 'active'
),

capacities as (
    select
        service_id,
        unit_id,
        coalesce(maximum, available) as capacity
    from source.hsds__service_capacity
),

-- A capacity in beds or hours says nothing of how many are served in a month.
monthly_units as (
    select id
    from source.hsds__units
    where
        lower(name) in (
            'posti al mese', 'prestazioni al mese', 'places per month', 'services per month'
        )
),

physical_locations as (
    select
        id,
        organization_id
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

services_by_organization as (
    select
        organization_id,
        count(*) as n_services
    from active_services
    group by organization_id
),

capacity_by_organization as (
    select
        active_services.organization_id,
        cast(sum(capacities.capacity) as bigint) as capacity_per_month
    from capacities
    inner join active_services on capacities.service_id = active_services.id
    inner join monthly_units on capacities.unit_id = monthly_units.id
    group by active_services.organization_id
),

-- A body has one seat here: the first comune, by code, in which it has a place.
seat_by_organization as (
    select
        physical_locations.organization_id,
        min(physical_addresses.city) as comune_code
    from physical_locations
    inner join physical_addresses on physical_locations.id = physical_addresses.location_id
    group by physical_locations.organization_id
)

select
    organizations.id as provider_id,
    organizations.name,
    organizations.legal_status,
    seat_by_organization.comune_code,
    capacity_by_organization.capacity_per_month,
    coalesce(services_by_organization.n_services, 0) as n_services
from organizations
left join services_by_organization
    on organizations.id = services_by_organization.organization_id
left join capacity_by_organization
    on organizations.id = capacity_by_organization.organization_id
left join seat_by_organization
    on organizations.id = seat_by_organization.organization_id
