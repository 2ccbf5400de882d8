/* model
description.it = "Passi delle richieste WeMi: richiesta, abbinamento, erogazione."
description.en = "Steps of WeMi requests: request, match, delivery."
into = "exchange_steps"
*/
with requests as (
    select id_richiesta_servizio_base
    from source.wemi__richiesta_servizio_base
),

changes as (
    select
        id_richiesta_servizio_base,
        ts_variazione_stato,
        cd_stato_ric_serv_ente
    from source.wemi__richiesta_servizio_ente_stt
),

staged_changes as (
    select
        id_richiesta_servizio_base,
        ts_variazione_stato,
        case
            when cd_stato_ric_serv_ente in ('sent', 'domestic_sent') then 'request'
            when cd_stato_ric_serv_ente in ('accepted', 'domestic_in_work') then 'match'
            when cd_stato_ric_serv_ente in ('paid', 'domestic_closed_good') then 'delivery'
        end as step
    from changes
),

-- The first time counts: a request accepted twice was matched once.
first_steps as (
    select
        id_richiesta_servizio_base,
        step,
        min(ts_variazione_stato) as reached_at
    from staged_changes
    where step is not null
    group by id_richiesta_servizio_base, step
)

select
    first_steps.id_richiesta_servizio_base as exchange_id,
    first_steps.step,
    first_steps.reached_at as at
from first_steps
-- A history without its request (rejected at the door) belongs to no exchange.
inner join requests
    on first_steps.id_richiesta_servizio_base = requests.id_richiesta_servizio_base
