/* model
description.it = "Persone attive sulla bacheca digitale per comune e mese."
description.en = "Active people on the digital board by comune and month."
into = "activity"
*/
with people as (
    select
        mese,
        comune,
        persone_attive
    from source.bacheca_digitale__attivita
)

select
    comune as comune_code,
    mese as month,
    persone_attive as n_active_members
from people
