/* model
description.it = "Richieste e persone che chiedono, per ambito, bisogno e mese."
description.en = "Requests and persons who ask, by district, need and month."
grain = ["district_code", "need_code", "month"]
checks = [
    "unique(grain)",
    "not_null(n_requests)",
    "n_persons <= n_requests",
    "n_persons >= 1",
    "n_platforms >= 1",
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

[columns.n_persons]
role = "count"
unit = "persons"
it = "Persone distinte, il massimo tra le piattaforme."
en = "Distinct persons, the most of any platform."

[columns.n_platforms]
role = "count"
unit = "platforms"
it = "Piattaforme distinte."
en = "Distinct platforms."

[columns.platforms]
role = "code"
it = "Piattaforme in ordine alfabetico, separate da virgole."
en = "Platforms in alphabetical order, separated by commas."
*/
with requests as (
    select
        district_code,
        need_code,
        month,
        platform,
        person_key
    from derived._exchanges
    where counts_as = 'request'
),

-- Rows without a person key count as one person: the fewest they can be.
persons as (
    select
        district_code,
        need_code,
        month,
        platform,
        person_key,
        count(*) as n_requests
    from requests
    group by district_code, need_code, month, platform, person_key
),

platform_cells as (
    select
        district_code,
        need_code,
        month,
        platform,
        sum(n_requests) as n_requests,
        count(*) as n_persons
    from persons
    group by district_code, need_code, month, platform
)

-- Pseudonyms never join across platforms: the greatest count of any of them is the safe one.
select
    district_code,
    need_code,
    month,
    sum(n_requests) as n_requests,
    max(n_persons) as n_persons,
    count(*) as n_platforms,
    string_agg(platform, ',' order by platform) as platforms
from platform_cells
group by district_code, need_code, month
