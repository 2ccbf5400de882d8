/* model
description.it = "Sedi di La cura è di casa."
description.en = "Places of La cura è di casa."
into = "places"
*/
with seats as (
    select
        id,
        nome,
        cod_comune,
        attivita
    from source.la_cura_e_di_casa__sedi
)

select
    id as place_id,
    nome as name,
    cod_comune as comune_code,
    case
        when attivita is null or attivita = '' then 0
        else character_length(attivita) - character_length(replace(attivita, '|', '')) + 1
    end as n_activities
from seats
