/* model
description = { it = "Domanda per comune, categoria e mese.", en = "Demand by comune, category and month." }
grain = ["comune", "category", "month"]
columns.comune = { role = "key", it = "Comune.", en = "Comune." }
columns.category = { role = "key", it = "Categoria.", en = "Category." }
columns.month = { role = "key", it = "Mese.", en = "Month." }
columns.n_exchanges = { role = "count", it = "Scambi.", en = "Exchanges." }
columns.n_persons = { role = "count", it = "Persone che ricevono.", en = "Persons who receive." }
columns.n_unmet = { role = "count", it = "Senza risposta.", en = "Without an answer." }
columns.amount = { role = "measure", it = "Fidi.", en = "Fidi." }
*/
with persons as (
    select
        comune,
        category,
        receiver,
        date_trunc('month', requested_on) as month,
        count(*) as n_exchanges,
        sum(case when state in ('aperta', 'scaduta') then 1 else 0 end) as n_unmet,
        sum(amount) as amount
    from derived._exchanges
    group by comune, category, date_trunc('month', requested_on), receiver
)

select
    comune,
    category,
    month,
    sum(n_exchanges) as n_exchanges,
    count(*) as n_persons,
    sum(n_unmet) as n_unmet,
    sum(amount) as amount
from persons
group by comune, category, month
