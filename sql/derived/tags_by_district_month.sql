/* model
description.it = "Parole delle richieste che il vocabolario può non conoscere, per ambito e mese."
description.en = "Words of the requests that the vocabulary may not know, by district and month."
grain = ["district_code", "tag", "month"]
checks = [
    "unique(grain)",
    "n_unmapped <= n_requests",
    "n_persons <= n_requests",
    "n_districts >= 1",
]

[columns.district_code]
role = "key"
it = "Ambito; OUTSIDE per i comuni fuori da ogni ambito."
en = "District; OUTSIDE for comuni in no district."

[columns.tag]
role = "key"
it = "Etichetta, o categoria senza codice, in minuscolo."
en = "Tag, or category with no code, in lower case."

[columns.month]
role = "key"
it = "Mese, come suo primo giorno."
en = "Month, as its first day."

[columns.n_requests]
role = "count"
unit = "requests"
it = "Richieste che portano la parola, una volta ciascuna."
en = "Requests that carry the word, once each."

[columns.n_unmapped]
role = "count"
unit = "requests"
it = "Di cui senza codice di bisogno."
en = "Of which with no need code."

[columns.n_persons]
role = "count"
unit = "persons"
it = "Persone distinte, il massimo tra le piattaforme."
en = "Distinct persons, the most of any platform."

[columns.platforms]
role = "code"
it = "Piattaforme in ordine alfabetico, separate da virgole."
en = "Platforms in alphabetical order, separated by commas."

[columns.n_districts]
role = "count"
unit = "districts"
it = "Ambiti in cui la parola compare in quel mese."
en = "Districts where the word appears in that month."
*/
with requests as (
    select
        exchange_id,
        platform,
        district_code,
        need_code,
        need_label,
        tags,
        person_key,
        month
    from derived._exchanges
    where counts_as = 'request'
),

-- Lists are not a type here: the first six tags are read one position at a time.
positions as (
    select listed.position_in_list
    from (
        values
        (1), (2), (3), (4), (5), (6)
    ) as listed (position_in_list)
),

tagged_requests as (
    select
        requests.exchange_id,
        requests.platform,
        requests.district_code,
        requests.need_code,
        requests.person_key,
        requests.month,
        lower(trim(split_part(requests.tags, '|', positions.position_in_list))) as tag
    from requests
    cross join positions
    where requests.tags is not null
),

labeled_requests as (
    select
        exchange_id,
        platform,
        district_code,
        need_code,
        person_key,
        month,
        lower(trim(need_label)) as tag
    from requests
    where need_code = 'NEW'
),

words as (
    select
        exchange_id,
        platform,
        district_code,
        need_code,
        person_key,
        month,
        tag
    from tagged_requests
    where tag <> ''
    union all
    select
        exchange_id,
        platform,
        district_code,
        need_code,
        person_key,
        month,
        tag
    from labeled_requests
    where tag <> ''
),

-- A request whose label is also its tag carries the word once.
worded_requests as (
    select
        exchange_id,
        platform,
        district_code,
        need_code,
        person_key,
        month,
        tag
    from words
    group by exchange_id, platform, district_code, need_code, person_key, month, tag
),

persons as (
    select
        platform,
        district_code,
        month,
        tag,
        person_key,
        count(*) as n_requests,
        sum(case when need_code = 'NEW' then 1 else 0 end) as n_unmapped
    from worded_requests
    group by platform, district_code, month, tag, person_key
),

platform_cells as (
    select
        platform,
        district_code,
        month,
        tag,
        sum(n_requests) as n_requests,
        sum(n_unmapped) as n_unmapped,
        count(*) as n_persons
    from persons
    group by platform, district_code, month, tag
),

cells as (
    select
        district_code,
        tag,
        month,
        sum(n_requests) as n_requests,
        sum(n_unmapped) as n_unmapped,
        max(n_persons) as n_persons,
        string_agg(platform, ',' order by platform) as platforms
    from platform_cells
    group by district_code, tag, month
)

select
    district_code,
    tag,
    month,
    n_requests,
    n_unmapped,
    n_persons,
    platforms,
    count(*) over (partition by tag, month) as n_districts
from cells
