/* model
description.it = "Dalla visita alla richiesta, all'abbinamento, all'erogazione: quanto arriva."
description.en = "From visit to request, to match, to delivery: how much gets there."
grain = ["district_code", "quarter"]
checks = [
    "unique(grain)",
    "n_matched between 0 and n_requests",
    "n_persons_matched <= n_matched",
    "(n_matched = 0) = (n_persons_matched = 0)",
    "n_persons_not_matched <= n_requests - n_matched",
    "(n_requests = n_matched) = (n_persons_not_matched = 0)",
    "(n_requests = 0) = (request_to_match_pct is null)",
    "request_to_match_pct between 0 and 100",
    "request_to_match_pct_low <= request_to_match_pct + 1e-9",
    "request_to_match_pct <= request_to_match_pct_high + 1e-9",
    "n_delivered between 0 and n_matched",
    "n_persons_delivered <= n_delivered",
    "(n_delivered = 0) = (n_persons_delivered = 0)",
    "n_persons_not_delivered <= n_matched - n_delivered",
    "(n_matched = n_delivered) = (n_persons_not_delivered = 0)",
    "(n_matched = 0) = (match_to_delivery_pct is null)",
    "match_to_delivery_pct between 0 and 100",
    "match_to_delivery_pct_low <= match_to_delivery_pct + 1e-9",
    "match_to_delivery_pct <= match_to_delivery_pct_high + 1e-9",
    "n_requests_visited between 0 and n_requests",
    "n_persons_requests_visited <= n_requests_visited",
    "(n_requests_visited = 0) = (n_persons_requests_visited = 0)",
    "n_persons_requests_not_visited <= n_requests - n_requests_visited",
    "(n_requests = n_requests_visited) = (n_persons_requests_not_visited = 0)",
    "n_visits >= 0 and n_visits + n_requests >= 1",
    "(n_visits = 0) = (visit_to_request_pct is null)",
    "visit_to_request_pct >= 0",
    "not_null(platforms)",
    "coverage in ('covered', 'partly', 'not_covered', 'source_down')",
]
tags = ["funnel"]
owner = "antenne"

[columns.district_code]
role = "key"
it = "Ambito; OUTSIDE per i comuni fuori da ogni ambito."
en = "District; OUTSIDE for comuni in no district."

[columns.quarter]
role = "key"
it = "Trimestre, per esempio 2026-Q3."
en = "Quarter, for example 2026-Q3."

[columns.n_visits]
role = "count"
unit = "visits"
it = "Pagine viste, sulle piattaforme che le contano."
en = "Pages seen, on the platforms that count them."

[columns.n_requests]
role = "count"
unit = "requests"
it = "Richieste, senza quelle ritirate e poi ripetute."
en = "Requests, without those withdrawn and filed again."

[columns.n_requests_visited]
role = "count"
unit = "requests"
it = "Tra queste, sulle piattaforme che qui contano le visite."
en = "Of these, on the platforms that count visits here."

[columns.n_matched]
role = "count"
unit = "requests"
it = "Richieste che hanno trovato risposta."
en = "Requests that found an answer."

[columns.n_delivered]
role = "count"
unit = "requests"
it = "Tra queste, quelle completate."
en = "Of these, those completed."
vis = "output"

[columns.n_persons_requests_visited]
role = "count"
unit = "persons"
it = "Persone dietro le richieste dove si contano le visite."
en = "Persons behind the requests where visits are counted."

[columns.n_persons_requests_not_visited]
role = "count"
unit = "persons"
it = "Persone dietro le altre richieste."
en = "Persons behind the other requests."

[columns.n_persons_matched]
role = "count"
unit = "persons"
it = "Persone dietro le richieste con risposta."
en = "Persons behind the matched requests."

[columns.n_persons_not_matched]
role = "count"
unit = "persons"
it = "Persone dietro le richieste senza risposta finora."
en = "Persons behind the requests with no answer so far."

[columns.n_persons_delivered]
role = "count"
unit = "persons"
it = "Persone dietro le richieste completate."
en = "Persons behind the completed requests."

[columns.n_persons_not_delivered]
role = "count"
unit = "persons"
it = "Persone dietro le risposte non completate finora."
en = "Persons behind the answers not completed so far."

[columns.platforms]
role = "code"
it = "Piattaforme in ordine alfabetico, separate da virgole."
en = "Platforms in alphabetical order, separated by commas."

[columns.visit_to_request_pct]
role = "measure"
unit = "%"
it = "Richieste ogni 100 pagine viste, sulle stesse piattaforme."
en = "Requests per 100 pages seen, on the same platforms."
rate = ["n_requests_visited", "n_visits"]

[columns.request_to_match_pct]
role = "measure"
unit = "%"
it = "Quota di richieste che finora hanno trovato risposta."
en = "Share of requests that have found an answer so far."
rate = ["n_matched", "n_requests"]
vis = "output"

[columns.request_to_match_pct_low]
role = "measure"
unit = "%"
it = "Limite inferiore al 95 %."
en = "Lower 95 % limit."

[columns.request_to_match_pct_high]
role = "measure"
unit = "%"
it = "Limite superiore al 95 %."
en = "Upper 95 % limit."

[columns.match_to_delivery_pct]
role = "measure"
unit = "%"
it = "Quota di risposte che finora sono state completate."
en = "Share of answers that have been completed so far."
rate = ["n_delivered", "n_matched"]
vis = "output"

[columns.match_to_delivery_pct_low]
role = "measure"
unit = "%"
it = "Limite inferiore al 95 %."
en = "Lower 95 % limit."

[columns.match_to_delivery_pct_high]
role = "measure"
unit = "%"
it = "Limite superiore al 95 %."
en = "Upper 95 % limit."

[columns.coverage]
role = "code"
it = "Completezza dei dati: covered, partly, not_covered o source_down."
en = "Completeness of the data: covered, partly, not_covered or source_down."
*/
with exchanges as (
    select
        district_code,
        quarter,
        platform,
        person_key,
        case when outcome = 'matched' then 1 else 0 end as is_matched,
        case when outcome = 'matched' and state = 'completed' then 1 else 0 end as is_delivered
    from derived._exchanges
    where counts_as = 'request'
),

visits as (
    select
        platform,
        comune_code,
        visited_on,
        n_visits
    from conformed.visits
),

districts as (
    select
        comune_code,
        district_code,
        valid_from,
        valid_to
    from reference.districts
),

quarters as (
    select
        quarter,
        starts_on,
        ends_on
    from derived._complete_quarters
),

coverage as (
    select
        district_code,
        quarter,
        coverage
    from derived._coverage_by_district_quarter
),

visited_cells as (
    select
        quarters.quarter,
        visits.platform,
        coalesce(districts.district_code, 'OUTSIDE') as district_code,
        sum(visits.n_visits) as n_visits
    from visits
    inner join quarters
        on
            visits.visited_on >= quarters.starts_on
            and visits.visited_on <= quarters.ends_on
    -- Where the comune was on the day; `valid_to` is the last day that holds.
    left join districts
        on
            visits.comune_code = districts.comune_code
            and visits.visited_on >= coalesce(districts.valid_from, date '1900-01-01')
            and visits.visited_on <= coalesce(districts.valid_to, date '9999-12-31')
    group by quarters.quarter, visits.platform, coalesce(districts.district_code, 'OUTSIDE')
),

-- Rows without a person key count as one person: the fewest they can be.
persons as (
    select
        exchanges.district_code,
        exchanges.quarter,
        exchanges.platform,
        exchanges.person_key,
        count(*) as n_requests,
        sum(exchanges.is_matched) as n_matched,
        sum(exchanges.is_delivered) as n_delivered
    from exchanges
    inner join quarters
        on exchanges.quarter = quarters.quarter
    group by
        exchanges.district_code,
        exchanges.quarter,
        exchanges.platform,
        exchanges.person_key
),

requested_cells as (
    select
        district_code,
        quarter,
        platform,
        sum(n_requests) as n_requests,
        sum(n_matched) as n_matched,
        sum(n_delivered) as n_delivered,
        count(*) as n_persons,
        sum(case when n_matched > 0 then 1 else 0 end) as n_persons_matched,
        sum(case when n_matched < n_requests then 1 else 0 end) as n_persons_not_matched,
        sum(case when n_delivered > 0 then 1 else 0 end) as n_persons_delivered,
        sum(case when n_delivered < n_matched then 1 else 0 end) as n_persons_not_delivered
    from persons
    group by district_code, quarter, platform
),

-- Of a platform that counts no visits it is not known how many its requests come from.
platform_cells as (
    select
        coalesce(requested_cells.district_code, visited_cells.district_code) as district_code,
        coalesce(requested_cells.quarter, visited_cells.quarter) as quarter,
        coalesce(requested_cells.platform, visited_cells.platform) as platform,
        coalesce(visited_cells.n_visits, 0) as n_visits,
        coalesce(requested_cells.n_requests, 0) as n_requests,
        coalesce(requested_cells.n_matched, 0) as n_matched,
        coalesce(requested_cells.n_delivered, 0) as n_delivered,
        coalesce(requested_cells.n_persons, 0) as n_persons,
        coalesce(requested_cells.n_persons_matched, 0) as n_persons_matched,
        coalesce(requested_cells.n_persons_not_matched, 0) as n_persons_not_matched,
        coalesce(requested_cells.n_persons_delivered, 0) as n_persons_delivered,
        coalesce(requested_cells.n_persons_not_delivered, 0) as n_persons_not_delivered
    from requested_cells
    full outer join visited_cells
        on
            requested_cells.district_code = visited_cells.district_code
            and requested_cells.quarter = visited_cells.quarter
            and requested_cells.platform = visited_cells.platform
),

cells as (
    select
        district_code,
        quarter,
        sum(n_visits) as n_visits,
        sum(n_requests) as n_requests,
        sum(case when n_visits > 0 then n_requests else 0 end) as n_requests_visited,
        sum(n_matched) as n_matched,
        sum(n_delivered) as n_delivered,
        max(case when n_visits > 0 then n_persons else 0 end) as n_persons_requests_visited,
        max(case when n_visits > 0 then 0 else n_persons end)
            as n_persons_requests_not_visited,
        max(n_persons_matched) as n_persons_matched,
        max(n_persons_not_matched) as n_persons_not_matched,
        max(n_persons_delivered) as n_persons_delivered,
        max(n_persons_not_delivered) as n_persons_not_delivered,
        string_agg(platform, ',' order by platform) as platforms
    from platform_cells
    where n_visits + n_requests > 0
    group by district_code, quarter
)

select
    cells.district_code,
    cells.quarter,
    cells.n_visits,
    cells.n_requests,
    cells.n_requests_visited,
    cells.n_matched,
    cells.n_delivered,
    cells.n_persons_requests_visited,
    cells.n_persons_requests_not_visited,
    cells.n_persons_matched,
    cells.n_persons_not_matched,
    cells.n_persons_delivered,
    cells.n_persons_not_delivered,
    cells.platforms,
    -- Pages are not trials: one person sees many, and an operator may file without any.
    100 * cast(cells.n_requests_visited as double)
    / nullif(cells.n_visits, 0) as visit_to_request_pct,
    100 * cast(cells.n_matched as double) / nullif(cells.n_requests, 0) as request_to_match_pct,
    100 * wilson_low(cells.n_matched, cells.n_requests) as request_to_match_pct_low,
    100 * wilson_high(cells.n_matched, cells.n_requests) as request_to_match_pct_high,
    100 * cast(cells.n_delivered as double) / nullif(cells.n_matched, 0) as match_to_delivery_pct,
    100 * wilson_low(cells.n_delivered, cells.n_matched) as match_to_delivery_pct_low,
    100 * wilson_high(cells.n_delivered, cells.n_matched) as match_to_delivery_pct_high,
    coalesce(coverage.coverage, 'not_covered') as coverage
from cells
left join coverage
    on
        cells.district_code = coverage.district_code
        and cells.quarter = coverage.quarter
