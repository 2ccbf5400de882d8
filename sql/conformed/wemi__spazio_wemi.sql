/* model
description.it = "Spazi WeMi nei municipi di Milano."
description.en = "WeMi spaces in the municipi of Milan."
into = "places"
*/
with spaces as (
    select
        id_spazio,
        tx_nome,
        nr_municipio,
        js_attivita
    from source.wemi__spazio_wemi
)

select
    id_spazio as place_id,
    tx_nome as name,
    nr_municipio as sub_area,
    '015146' as comune_code,
    -- The list is JSON text: as many entries as commas, and one, unless it is empty.
    case
        when js_attivita is null or js_attivita = '[]' then 0
        else character_length(js_attivita) - character_length(replace(js_attivita, ',', '')) + 1
    end as n_activities
from spaces
