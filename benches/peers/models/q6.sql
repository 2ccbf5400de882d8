/* model
description = { it = "Ogni cella contro i suoi ultimi dodici mesi.", en = "Each cell against its last twelve months." }
grain = ["comune", "category", "month"]
columns.comune = { role = "key", it = "Comune.", en = "Comune." }
columns.category = { role = "key", it = "Categoria.", en = "Category." }
columns.month = { role = "key", it = "Mese.", en = "Month." }
columns.n = { role = "count", it = "Scambi.", en = "Exchanges." }
columns.baseline = { role = "measure", it = "Media delle dodici celle prima.", en = "Mean of the twelve cells before." }
*/
with cells as (
    select
        comune,
        category,
        date_trunc('month', requested_on) as month,
        count(*) as n
    from derived._exchanges
    group by comune, category, date_trunc('month', requested_on)
)

select
    comune,
    category,
    month,
    n,
    avg(n) over (
        partition by comune, category
        order by month
        rows between 12 preceding and 1 preceding
    ) as baseline
from cells
