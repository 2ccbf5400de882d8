/* model
description.it = "Richieste per mese in cui sono fatte e mese in cui la piattaforma le scrive."
description.en = "Requests by the month they were made in and the month the platform wrote them in."
grain = ["district_code", "need_code", "month", "reported_month"]
checks = [
    "unique(grain)",
    "n_requests >= 1",
    "month <= reported_month",
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
it = "Mese della richiesta, come suo primo giorno."
en = "Month of the request, as its first day."

[columns.reported_month]
role = "key"
it = "Mese in cui la piattaforma l'ha scritta, per una rivista quello dell'ultima revisione."
en = "Month the platform wrote it in, for a revised one that of the last revision."

[columns.n_requests]
role = "count"
unit = "requests"
it = "Richieste."
en = "Requests."
*/
with requests as (
    select
        exchange_id,
        platform,
        district_code,
        need_code,
        month
    from derived._exchanges
    where counts_as = 'request'
),

records as (
    select
        exchange_id,
        platform,
        -- A day is one of Italy, not of UTC.
        cast(date_trunc('month', recorded_at at time zone 'Europe/Rome') as date) as recorded_month
    from conformed.exchanges
)

select
    requests.district_code,
    requests.need_code,
    requests.month,
    -- A request filed for a later day is known when its day has come.
    greatest(requests.month, records.recorded_month) as reported_month,
    count(*) as n_requests
from requests
inner join records
    on
        requests.exchange_id = records.exchange_id
        and requests.platform = records.platform
group by
    requests.district_code,
    requests.need_code,
    requests.month,
    greatest(requests.month, records.recorded_month)
