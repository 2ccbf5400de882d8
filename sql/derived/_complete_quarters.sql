/* model
description.it = "Trimestri che stanno per intero dentro i dati."
description.en = "Quarters that lie wholly inside the data."
grain = ["quarter"]
checks = [
    "unique(grain)",
    "starts_on < ends_on",
]

[columns.starts_on]
role = "key"
it = "Primo giorno."
en = "First day."

[columns.ends_on]
role = "key"
it = "Ultimo giorno."
en = "Last day."

[columns.quarter]
role = "key"
it = "Trimestre, per esempio 2026-Q3."
en = "Quarter, for example 2026-Q3."
*/
with exchanges as (
    select
        recorded_at,
        requested_on
    from conformed.exchanges
),

spans as (
    select
        cast(date_trunc('month', min(requested_on)) as date) as first_month,
        cast(max(recorded_at) as date) as last_recorded_on
    from exchanges
),

quarter_starts as (
    select cast(date_trunc('quarter', requested_on) as date) as starts_on
    from exchanges
    group by cast(date_trunc('quarter', requested_on) as date)
),

quarters as (
    select
        starts_on,
        cast(starts_on + interval '3 months' - interval '1 day' as date) as ends_on
    from quarter_starts
)

select
    quarters.starts_on,
    quarters.ends_on,
    concat(
        cast(cast(date_part('year', quarters.starts_on) as integer) as varchar),
        '-Q',
        cast(cast(date_part('quarter', quarters.starts_on) as integer) as varchar)
    ) as quarter
from quarters
cross join spans
where
    quarters.starts_on >= spans.first_month
    -- Something was recorded in its last week or later: a quiet last day holds nothing back.
    and quarters.ends_on - interval '6 days' <= spans.last_recorded_on
