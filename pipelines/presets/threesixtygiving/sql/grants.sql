/* model
description.it = "Contributi 360Giving come progetti."
description.en = "360Giving grants as projects."
into = "projects"
*/
with grants as (
    select
        id,
        title,
        currency,
        amount_awarded,
        starts_on,
        ends_on,
        funder,
        programme,
        comune
    from source.threesixtygiving__grants
)

select
    id as project_id,
    title,
    funder,
    programme,
    comune as comune_code,
    starts_on,
    ends_on,
    case when currency = 'EUR' then amount_awarded end as grant_eur
from grants
