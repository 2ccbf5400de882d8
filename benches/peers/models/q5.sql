/* model
description = { it = "Persone ancora attive dopo un anno, per trimestre d'ingresso.", en = "Persons still active after a year, by quarter of entry." }
grain = ["cohort"]
columns.cohort = { role = "key", it = "Trimestre del primo scambio.", en = "Quarter of the first exchange." }
columns.n_members = { role = "count", it = "Persone.", en = "Persons." }
columns.n_retained = { role = "count", it = "Ancora attive dopo dodici mesi.", en = "Still active after twelve months." }
*/
with members as (
    select
        min(requested_on) as first_on,
        max(requested_on) as last_on
    from derived._exchanges
    group by receiver
)

select
    date_trunc('quarter', first_on) as cohort,
    count(*) as n_members,
    sum(case when last_on >= first_on + interval '12' month then 1 else 0 end) as n_retained
from members
group by date_trunc('quarter', first_on)
