/* model
description.it = "Passi degli annunci: richiesta e abbinamento (la fine non ha data)."
description.en = "Steps of the notices: request and match (the end has no date)."
into = "exchange_steps"
*/
with notices as (
    select
        numero,
        data,
        data_risposta
    from source.bacheca_digitale__annunci
)

select
    numero as exchange_id,
    'request' as step,
    cast(data as timestamp) as at
from notices
union all
select
    numero as exchange_id,
    'match' as step,
    cast(data_risposta as timestamp) as at
from notices
where data_risposta is not null
