/* model
description.it = "Passo finale delle richieste WeMi: la recensione."
description.en = "Last step of WeMi requests: the review."
into = "exchange_steps"
*/
with requests as (
    select id_richiesta_servizio_base
    from source.wemi__richiesta_servizio_base
),

reviews as (
    select
        id_richiesta_servizio_base,
        ts_recensione
    from source.wemi__recensione_ente
),

first_reviews as (
    select
        id_richiesta_servizio_base,
        min(ts_recensione) as reviewed_at
    from reviews
    group by id_richiesta_servizio_base
)

select
    first_reviews.id_richiesta_servizio_base as exchange_id,
    first_reviews.reviewed_at as at,
    'feedback' as step
from first_reviews
inner join requests
    on first_reviews.id_richiesta_servizio_base = requests.id_richiesta_servizio_base
