/* model
description.it = "Utenti attivi di WeMi per municipio e mese."
description.en = "Active users of WeMi by municipio and month."
into = "activity"
*/
with users as (
    select
        dt_mese,
        nr_municipio,
        nr_utenti_attivi
    from source.wemi__utenti_attivi
)

select
    nr_municipio as sub_area,
    dt_mese as month,
    nr_utenti_attivi as n_active_members,
    '015146' as comune_code
from users
