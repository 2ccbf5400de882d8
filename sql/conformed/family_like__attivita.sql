/* model
description.it = "Famiglie attive su Family Like per comune e mese."
description.en = "Active families on Family Like by comune and month."
into = "activity"
*/
with families as (
    select
        mese,
        comune,
        famiglie_attive
    from source.family_like__attivita
)

select
    comune as comune_code,
    mese as month,
    famiglie_attive as n_active_members
from families
