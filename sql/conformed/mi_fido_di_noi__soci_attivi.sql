/* model
description.it = "Soci attivi di Mi fido di noi per comune e mese."
description.en = "Active members of Mi fido di noi by comune and month."
into = "activity"
*/
with members as (
    select
        mese,
        comune,
        soci_attivi
    from source.mi_fido_di_noi__soci_attivi
)

select
    comune as comune_code,
    mese as month,
    soci_attivi as n_active_members
from members
