/* model
description.it = "Organizzazioni presenti su Family Like."
description.en = "Organizations on Family Like."
into = "providers"
*/
with organizations as (
    select
        id,
        nome,
        forma,
        comune,
        categorie,
        dal
    from source.family_like__organizzazioni
)

select
    id as provider_id,
    nome as name,
    forma as legal_status,
    comune as comune_code,
    dal as accredited_from,
    case
        when categorie is null or categorie = '' then 0
        else character_length(categorie) - character_length(replace(categorie, '|', '')) + 1
    end as n_services
from organizations
