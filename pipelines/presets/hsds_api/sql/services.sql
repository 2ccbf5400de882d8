/* model
description.it = "Enti dei servizi di una API HSDS."
description.en = "Bodies of the services of an HSDS API."
into = "providers"
*/
with services as (
    select
        id,
        organization_id,
        organization_name,
        legal_status,
        status
    from source.hsds_api__services
),

places as (
    select
        service_id,
        comune
    from source.hsds_api__service_at_locations
    where location_type = 'physical'
),

-- A body has one seat here: the first comune, by code, in which one of its services is given.
seat_by_organization as (
    select
        services.organization_id,
        min(places.comune) as comune_code
    from services
    inner join places on services.id = places.service_id
    group by services.organization_id
),

organizations as (
    select
        organization_id,
        min(organization_name) as name,
        min(legal_status) as legal_status,
        sum(case when status = 'active' then 1 else 0 end) as n_services
    from services
    group by organization_id
)

select
    organizations.organization_id as provider_id,
    organizations.name,
    organizations.legal_status,
    seat_by_organization.comune_code,
    organizations.n_services
from organizations
left join seat_by_organization
    on organizations.organization_id = seat_by_organization.organization_id
