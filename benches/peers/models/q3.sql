/* model
description = { it = "Coppie che si sono riviste, per comune.", en = "Pairs that met again, by comune." }
grain = ["comune"]
columns.comune = { role = "key", it = "Comune.", en = "Comune." }
columns.n_pairs = { role = "count", it = "Coppie.", en = "Pairs." }
columns.n_repeat = { role = "count", it = "Coppie con più scambi.", en = "Pairs with several exchanges." }
*/
with pairs as (
    select
        comune,
        count(*) as n_exchanges
    from derived._exchanges
    group by comune, giver, receiver
)

select
    comune,
    count(*) as n_pairs,
    sum(case when n_exchanges > 1 then 1 else 0 end) as n_repeat
from pairs
group by comune
