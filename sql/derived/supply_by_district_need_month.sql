/* model
description.it = "Offerte, eventi, enti e ore erogate per ambito, bisogno e mese."
description.en = "Offers, events, bodies and hours delivered by district, need and month."
grain = ["district_code", "need_code", "month"]
checks = [
    "unique(grain)",
    "n_offers >= 0",
    "hours_delivered >= 0",
    "n_offers + n_events + n_exchanges >= 1",
]

[columns.district_code]
role = "key"
it = "Ambito; OUTSIDE per i comuni fuori da ogni ambito."
en = "District; OUTSIDE for comuni in no district."

[columns.need_code]
role = "key"
it = "Bisogno SIUSS; NEW se il vocabolario non ha la parola."
en = "SIUSS need; NEW when the vocabulary has no word."

[columns.month]
role = "key"
it = "Mese, come suo primo giorno."
en = "Month, as its first day."

[columns.n_offers]
role = "count"
unit = "offers"
it = "Offerte di persone."
en = "Offers by persons."

[columns.n_events]
role = "count"
unit = "events"
it = "Eventi e servizi offerti a un pubblico."
en = "Events and services offered to an audience."

[columns.n_exchanges]
role = "count"
unit = "requests"
it = "Richieste che hanno trovato risposta."
en = "Requests that found an answer."

[columns.n_providers]
role = "count"
unit = "providers"
it = "Enti distinti dietro scambi ed eventi."
en = "Distinct bodies behind exchanges and events."

[columns.hours_delivered]
role = "measure"
unit = "hours"
it = "Ore erogate, nel mese della richiesta o offerta."
en = "Hours delivered, in the month of the request or offer."
*/
with exchanges as (
    select
        district_code,
        need_code,
        month,
        counts_as,
        outcome,
        provider_id,
        hours_delivered
    from derived._exchanges
),

supplied as (
    select
        district_code,
        need_code,
        month,
        provider_id,
        -- Hours are summed as decimals: the order of the rows must not show in the result.
        cast(coalesce(hours_delivered, 0) as decimal(12, 2)) as hours_delivered,
        case when counts_as = 'offer' then 1 else 0 end as is_offer,
        case when counts_as = 'event' then 1 else 0 end as is_event,
        case when counts_as = 'request' then 1 else 0 end as is_exchange
    from exchanges
    where counts_as in ('offer', 'event') or outcome = 'matched'
),

-- A body belongs to one platform here, so bodies add up; null is no body.
bodies as (
    select
        district_code,
        need_code,
        month,
        sum(is_offer) as n_offers,
        sum(is_event) as n_events,
        sum(is_exchange) as n_exchanges,
        sum(hours_delivered) as hours_delivered,
        case when provider_id is null then 0 else 1 end as is_body
    from supplied
    group by district_code, need_code, month, provider_id
),

cells as (
    select
        district_code,
        need_code,
        month,
        sum(n_offers) as n_offers,
        sum(n_events) as n_events,
        sum(n_exchanges) as n_exchanges,
        sum(is_body) as n_providers,
        sum(hours_delivered) as hours_delivered
    from bodies
    group by district_code, need_code, month
)

select
    district_code,
    need_code,
    month,
    n_offers,
    n_events,
    n_exchanges,
    n_providers,
    cast(hours_delivered as double) as hours_delivered
from cells
