/* model
description.it = "Attesa di ogni richiesta, con la censura, per la stima di Kaplan e Meier."
description.en = "Wait of every request, with censoring, for the Kaplan-Meier estimate."
grain = ["exchange_id"]
checks = [
    "unique(grain)",
    "not_null(days)",
    "days >= 0",
    "not_null(is_matched)",
]

[columns.exchange_id]
role = "key"
it = "Chiave dello scambio."
en = "Key of the exchange."

[columns.district_code]
role = "key"
it = "Ambito; OUTSIDE per i comuni fuori da ogni ambito."
en = "District; OUTSIDE for comuni in no district."

[columns.need_code]
role = "key"
it = "Bisogno SIUSS; NEW se il vocabolario non ha la parola."
en = "SIUSS need; NEW when the vocabulary has no word."

[columns.requested_month]
role = "key"
it = "Mese della richiesta, come suo primo giorno."
en = "Month of the request, as its first day."

[columns.days]
role = "measure"
unit = "days"
it = "Giorni fino alla risposta se trovata, altrimenti osservati."
en = "Days until the answer if it came, else days observed."

[columns.outcome]
role = "code"
it = "Esito: matched, unmet, withdrawn, pending."
en = "Outcome: matched, unmet, withdrawn, pending."

[columns.is_matched]
role = "code"
it = "Se la richiesta ha trovato risposta."
en = "Whether the request found an answer."
*/
with requests as (
    select
        exchange_id,
        district_code,
        need_code,
        month,
        outcome,
        wait_days
    from derived._exchanges
    where counts_as = 'request'
)

select
    exchange_id,
    district_code,
    need_code,
    month as requested_month,
    wait_days as days,
    outcome,
    outcome = 'matched' as is_matched
from requests
