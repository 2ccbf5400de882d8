/* model
description.it = "Richieste per ambito, bisogno e trimestre completo."
description.en = "Requests by district, need and complete quarter."
grain = ["district_code", "need_code", "quarter"]
checks = [
    "unique(grain)",
    "n_requests >= 1",
    "n_persons between 1 and n_requests",
    "not_null(platforms)",
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

[columns.n_persons]
role = "count"
unit = "persons"
it = "Persone dietro questo conteggio, il massimo tra le piattaforme."
en = "Persons behind this very count, the most of any platform."

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
        person_key
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
        count(*) as n_requests
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

platform_cells as (
    select
        district_code,
        need_code,
        quarter,
        platform,
        sum(n_requests) as n_requests,
        count(*) as n_persons
    from persons
    group by district_code, need_code, quarter, platform
)

select
    district_code,
    need_code,
    quarter,
    sum(n_requests) as n_requests,
    max(n_persons) as n_persons,
    string_agg(platform, ',' order by platform) as platforms
from platform_cells
group by district_code, need_code, quarter
