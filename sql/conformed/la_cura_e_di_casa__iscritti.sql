/* model
description.it = "Persone seguite da La cura è di casa per comune e mese."
description.en = "People followed by La cura è di casa by comune and month."
into = "activity"
*/
with members as (
    select
        mese,
        cod_comune,
        attivi
    from source.la_cura_e_di_casa__iscritti
)

select
    cod_comune as comune_code,
    mese as month,
    attivi as n_active_members
from members
