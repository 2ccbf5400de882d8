/* model
description = { it = "Persone nei due ruoli, per anno.", en = "Persons in both roles, by year." }
grain = ["y"]
columns.y = { role = "key", it = "Anno.", en = "Year." }
columns.n_persons = { role = "count", it = "Persone.", en = "Persons." }
columns.n_reciprocal = { role = "count", it = "Persone nei due ruoli.", en = "Persons in both roles." }
*/
with roles as (
    select
        giver as person,
        date_part('year', requested_on) as y,
        1 as gave,
        0 as took
    from derived._exchanges
    union all
    select
        receiver,
        date_part('year', requested_on),
        0,
        1
    from derived._exchanges
),

persons as (
    select
        y,
        sum(gave) as gave,
        sum(took) as took
    from roles
    group by person, y
)

select
    y,
    count(*) as n_persons,
    sum(case when gave > 0 and took > 0 then 1 else 0 end) as n_reciprocal
from persons
group by y
