/* model
description.it = "Enti accreditati da WeMi."
description.en = "Bodies accredited by WeMi."
into = "providers"
*/
with bodies as (
    select
        id_ente,
        tx_denominazione,
        cd_forma_giuridica,
        dt_accreditamento_dal,
        dt_accreditamento_al,
        nr_capacita_mese,
        js_categorie
    from source.wemi__ente
)

select
    id_ente as provider_id,
    tx_denominazione as name,
    cd_forma_giuridica as legal_status,
    dt_accreditamento_dal as accredited_from,
    dt_accreditamento_al as accredited_to,
    nr_capacita_mese as capacity_per_month,
    '015146' as comune_code,
    -- The list is JSON text: as many entries as commas, and one, unless it is empty.
    case
        when js_categorie is null or js_categorie = '[]' then 0
        else character_length(js_categorie) - character_length(replace(js_categorie, ',', '')) + 1
    end as n_services
from bodies
