/* model
description.it = "Che ne è stato delle richieste, per ambito, bisogno e mese della richiesta."
description.en = "What became of the requests, by district, need and month of the request."
grain = ["district_code", "need_code", "month"]
checks = [
    "unique(grain)",
    "n_requests = n_matched + n_unmet + n_withdrawn + n_pending",
    "n_unmet = n_expired + n_refused + n_given_up_for_cost + n_still_waiting",
    "n_no_offer = n_expired + n_still_waiting",
    "unmet_pct is null or unmet_pct between 0 and 100",
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

[columns.n_requests]
role = "count"
unit = "requests"
it = "Richieste, senza quelle ritirate e poi ripetute."
en = "Requests, without those withdrawn and filed again."

[columns.n_matched]
role = "count"
unit = "requests"
it = "Richieste che hanno trovato risposta."
en = "Requests that found an answer."

[columns.n_unmet]
role = "count"
unit = "requests"
it = "Richieste rimaste senza risposta."
en = "Requests left without an answer."

[columns.n_withdrawn]
role = "count"
unit = "requests"
it = "Richieste ritirate dalla persona."
en = "Requests withdrawn by the person."

[columns.n_pending]
role = "count"
unit = "requests"
it = "Richieste aperte da non oltre 60 giorni."
en = "Requests open for no more than 60 days."

[columns.n_expired]
role = "count"
unit = "requests"
it = "Senza risposta: scadute."
en = "Unmet: expired."

[columns.n_refused]
role = "count"
unit = "requests"
it = "Senza risposta: rifiutate o chiuse male."
en = "Unmet: refused or closed badly."

[columns.n_given_up_for_cost]
role = "count"
unit = "requests"
it = "Senza risposta: rinuncia per il costo."
en = "Unmet: given up for the cost."

[columns.n_still_waiting]
role = "count"
unit = "requests"
it = "Senza risposta: aperte da oltre 60 giorni."
en = "Unmet: open for more than 60 days."

[columns.n_no_offer]
role = "count"
unit = "requests"
it = "Nessuno si è fatto avanti: scadute o ancora aperte."
en = "Nobody came forward: expired or still open."

[columns.n_decided]
role = "count"
unit = "requests"
it = "Richieste decise: con o senza risposta."
en = "Requests decided: matched or unmet."

[columns.unmet_pct]
role = "measure"
unit = "%"
rate = ["n_unmet", "n_decided"]
it = "Senza risposta su quelle decise (con o senza risposta)."
en = "Unmet among those decided (matched or unmet)."
*/
with requests as (
    select
        district_code,
        need_code,
        month,
        state,
        outcome
    from derived._exchanges
    where counts_as = 'request'
),

flagged_requests as (
    select
        district_code,
        need_code,
        month,
        case when outcome = 'matched' then 1 else 0 end as is_matched,
        case when outcome = 'unmet' then 1 else 0 end as is_unmet,
        case when outcome = 'withdrawn' then 1 else 0 end as is_withdrawn,
        case when outcome = 'pending' then 1 else 0 end as is_pending,
        case when outcome = 'unmet' and state = 'expired' then 1 else 0 end as is_expired,
        case when outcome = 'unmet' and state = 'refused' then 1 else 0 end as is_refused,
        case
            when outcome = 'unmet' and state = 'given_up_for_cost' then 1
            else 0
        end as is_given_up_for_cost,
        case when outcome = 'unmet' and state = 'requested' then 1 else 0 end as is_still_waiting
    from requests
),

cells as (
    select
        district_code,
        need_code,
        month,
        count(*) as n_requests,
        sum(is_matched) as n_matched,
        sum(is_unmet) as n_unmet,
        sum(is_withdrawn) as n_withdrawn,
        sum(is_pending) as n_pending,
        sum(is_expired) as n_expired,
        sum(is_refused) as n_refused,
        sum(is_given_up_for_cost) as n_given_up_for_cost,
        sum(is_still_waiting) as n_still_waiting
    from flagged_requests
    group by district_code, need_code, month
)

select
    district_code,
    need_code,
    month,
    n_requests,
    n_matched,
    n_unmet,
    n_withdrawn,
    n_pending,
    n_expired,
    n_refused,
    n_given_up_for_cost,
    n_still_waiting,
    n_expired + n_still_waiting as n_no_offer,
    n_matched + n_unmet as n_decided,
    cast(100 * n_unmet as double) / nullif(n_matched + n_unmet, 0) as unmet_pct
from cells
