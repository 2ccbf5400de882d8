/* model
description.it = "Richieste rimaste senza risposta per ambito, bisogno e trimestre completo."
description.en = "Requests left without an answer by district, need and complete quarter."
grain = ["district_code", "need_code", "quarter"]
checks = [
    "unique(grain)",
    "n_unmet between 0 and n_requests",
    "n_requests >= 1",
    "n_persons <= n_unmet",
    "(n_unmet = 0) = (n_persons = 0)",
    "n_persons_rest <= n_requests - n_unmet",
    "(n_requests = n_unmet) = (n_persons_rest = 0)",
]

[columns.district_code]
role = "key"
it = "Ambito; OUTSIDE per i comuni fuori da ogni ambito."
en = "District; OUTSIDE for comuni in no district."

[columns.need_code]
role = "key"
it = "Bisogno SIUSS; NEW se il vocabolario non ha la parola."
en = "SIUSS need; NEW when the vocabulary has no word."

[columns.quarter]
role = "key"
it = "Trimestre, per esempio 2026-Q3."
en = "Quarter, for example 2026-Q3."

[columns.n_requests]
role = "count"
unit = "requests"
it = "Richieste, senza quelle ritirate e poi ripetute."
en = "Requests, without those withdrawn and filed again."

[columns.n_unmet]
role = "count"
unit = "requests"
it = "Richieste rimaste senza risposta."
en = "Requests left without an answer."

[columns.n_persons]
role = "count"
unit = "persons"
it = "Persone dietro le richieste senza risposta."
en = "Persons behind the unmet requests."

[columns.n_persons_rest]
role = "count"
unit = "persons"
it = "Persone dietro le altre richieste."
en = "Persons behind the other requests."

[columns.platforms]
role = "code"
it = "Piattaforme in ordine alfabetico, separate da virgole."
en = "Platforms in alphabetical order, separated by commas."
*/
with requests as (
    select
        district_code,
        need_code,
        quarter,
        platform,
        person_key,
        case when outcome = 'unmet' then 1 else 0 end as is_unmet
    from derived._exchanges
    where counts_as = 'request'
),

quarters as (
    select quarter
    from derived._complete_quarters
),

-- Rows without a person key count as one person: the fewest they can be.
persons as (
    select
        requests.district_code,
        requests.need_code,
        requests.quarter,
        requests.platform,
        requests.person_key,
        count(*) as n_requests,
        sum(requests.is_unmet) as n_unmet
    from requests
    inner join quarters
        on requests.quarter = quarters.quarter
    group by
        requests.district_code,
        requests.need_code,
        requests.quarter,
        requests.platform,
        requests.person_key
),

-- A person with both kinds of requests stands behind both counts.
platform_cells as (
    select
        district_code,
        need_code,
        quarter,
        platform,
        sum(n_requests) as n_requests,
        sum(n_unmet) as n_unmet,
        sum(case when n_unmet > 0 then 1 else 0 end) as n_persons,
        sum(case when n_unmet < n_requests then 1 else 0 end) as n_persons_rest
    from persons
    group by district_code, need_code, quarter, platform
)

select
    district_code,
    need_code,
    quarter,
    sum(n_requests) as n_requests,
    sum(n_unmet) as n_unmet,
    max(n_persons) as n_persons,
    max(n_persons_rest) as n_persons_rest,
    string_agg(platform, ',' order by platform) as platforms
from platform_cells
group by district_code, need_code, quarter
