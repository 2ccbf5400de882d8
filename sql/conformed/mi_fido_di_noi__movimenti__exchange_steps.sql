/* model
description.it = "Passi dei movimenti: richiesta, abbinamento, erogazione."
description.en = "Steps of the movements: request, match, delivery."
into = "exchange_steps"
*/
with movements as (
    select
        id_movimento,
        data,
        data_abbinamento,
        data_conclusione,
        stato
    from source.mi_fido_di_noi__movimenti
)

select
    id_movimento as exchange_id,
    'request' as step,
    cast(data as timestamp) as at
from movements
union all
select
    id_movimento as exchange_id,
    'match' as step,
    cast(data_abbinamento as timestamp) as at
from movements
where data_abbinamento is not null
union all
select
    id_movimento as exchange_id,
    'delivery' as step,
    cast(data_conclusione as timestamp) as at
from movements
where stato = 'completed' and data_conclusione is not null
