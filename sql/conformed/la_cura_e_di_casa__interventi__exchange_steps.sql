/* model
description.it = "Passi degli interventi: richiesta, abbinamento, erogazione."
description.en = "Steps of the interventions: request, match, delivery."
into = "exchange_steps"
*/
with interventions as (
    select
        id,
        dt_richiesta,
        dt_abbinamento,
        dt_chius_pai,
        stato_int
    from source.la_cura_e_di_casa__interventi
)

select
    id as exchange_id,
    'request' as step,
    cast(dt_richiesta as timestamp) as at
from interventions
union all
select
    id as exchange_id,
    'match' as step,
    cast(dt_abbinamento as timestamp) as at
from interventions
where dt_abbinamento is not null
union all
select
    id as exchange_id,
    'delivery' as step,
    cast(dt_chius_pai as timestamp) as at
from interventions
where stato_int = 'completed' and dt_chius_pai is not null
