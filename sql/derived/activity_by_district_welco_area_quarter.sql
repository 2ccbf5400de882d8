/* model
description.it = "Attività e mancate risposte per ambito, area WELCO e trimestre."
description.en = "Activity and unmet requests by district, WELCO area and quarter."
grain = ["district_code", "welco_area", "quarter"]
checks = [
    "unique(grain)",
    "n_unmet between 0 and n_decided",
    "n_persons_unmet <= n_unmet",
    "(n_unmet = 0) = (n_persons_unmet = 0)",
    "n_persons_not_unmet <= n_decided - n_unmet",
    "(n_decided = n_unmet) = (n_persons_not_unmet = 0)",
    "(n_decided = 0) = (unmet_pct is null)",
    "unmet_pct between 0 and 100",
    "unmet_pct_low <= unmet_pct + 1e-9",
    "unmet_pct <= unmet_pct_high + 1e-9",
    "n_decided <= n_requests",
    "n_requests + n_offers + n_events = n_exchanges",
    "n_matches <= n_requests + n_offers",
    "n_persons between 1 and n_exchanges",
    "n_persons_matches <= n_matches and (n_matches = 0) = (n_persons_matches = 0)",
    "wait_p50_days >= 0",
    "not_null(welco_area, platforms)",
    "coverage in ('covered', 'partly', 'not_covered', 'source_down')",
]
tags = ["demand"]
owner = "antenne"

[columns.district_code]
role = "key"
it = "Ambito; OUTSIDE per i comuni fuori da ogni ambito."
en = "District; OUTSIDE for comuni in no district."

[columns.welco_area]
role = "key"
it = "Area WELCO; unknown se non si sa."
en = "WELCO area; unknown if not known."

[columns.quarter]
role = "key"
it = "Trimestre, per esempio 2026-Q3."
en = "Quarter, for example 2026-Q3."

[columns.n_exchanges]
role = "count"
unit = "exchanges"
it = "Richieste, offerte ed eventi."
en = "Requests, offers and events."
vis = "activity"

[columns.n_requests]
role = "count"
unit = "requests"
it = "Richieste, senza quelle ritirate e poi ripetute."
en = "Requests, without those withdrawn and filed again."

[columns.n_offers]
role = "count"
unit = "offers"
it = "Offerte di persone."
en = "Offers by persons."

[columns.n_events]
role = "count"
unit = "events"
it = "Eventi."
en = "Events."
vis = "activity"

[columns.n_matches]
role = "count"
unit = "matches"
it = "Richieste e offerte abbinate."
en = "Requests and offers that were matched."
vis = "output"

[columns.n_decided]
role = "count"
unit = "requests"
it = "Richieste decise: con o senza risposta."
en = "Requests decided: matched or unmet."

[columns.n_unmet]
role = "count"
unit = "requests"
it = "Richieste rimaste senza risposta."
en = "Requests left without an answer."

[columns.n_persons]
role = "count"
unit = "persons"
it = "Persone dietro gli scambi, il massimo tra le piattaforme."
en = "Persons behind the exchanges, the most of any platform."

[columns.n_persons_matches]
role = "count"
unit = "persons"
it = "Persone dietro gli abbinamenti."
en = "Persons behind the matches."

[columns.n_persons_unmet]
role = "count"
unit = "persons"
it = "Persone dietro le richieste senza risposta."
en = "Persons behind the unmet requests."

[columns.n_persons_not_unmet]
role = "count"
unit = "persons"
it = "Persone dietro le richieste con risposta."
en = "Persons behind the matched requests."

[columns.platforms]
role = "code"
it = "Piattaforme in ordine alfabetico, separate da virgole."
en = "Platforms in alphabetical order, separated by commas."

[columns.wait_p50_days]
role = "measure"
unit = "days"
it = "Attesa mediana di Kaplan-Meier; assente se la curva non vi arriva."
en = "Median wait after Kaplan-Meier; absent if the curve never gets there."
vis = "outcome"

[columns.unmet_pct]
role = "measure"
unit = "%"
it = "Senza risposta su quelle decise (con o senza risposta)."
en = "Unmet among those decided (matched or unmet)."
rate = ["n_unmet", "n_decided"]
vis = "outcome"

[columns.unmet_pct_low]
role = "measure"
unit = "%"
it = "Limite inferiore al 95 %."
en = "Lower 95 % limit."

[columns.unmet_pct_high]
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
        wait_days,
        coalesce(welco_area, 'unknown') as welco_area,
        outcome = 'matched' as is_answered,
        case when counts_as = 'request' then 1 else 0 end as is_request,
        case when counts_as = 'offer' then 1 else 0 end as is_offer,
        case when counts_as = 'event' then 1 else 0 end as is_event,
        case
            when counts_as not in ('request', 'offer') then 0
            when matched_on is not null or state in ('matched', 'active', 'completed') then 1
            else 0
        end as is_match,
        case when outcome in ('matched', 'unmet') then 1 else 0 end as is_decided,
        case when outcome = 'unmet' then 1 else 0 end as is_unmet
    from derived._exchanges
    where counts_as in ('request', 'offer', 'event')
),

quarters as (
    select quarter
    from derived._complete_quarters
),

coverage as (
    select
        district_code,
        quarter,
        coverage
    from derived._coverage_by_district_quarter
),

-- Rows without a person key count as one person: the fewest they can be.
persons as (
    select
        exchanges.district_code,
        exchanges.welco_area,
        exchanges.quarter,
        exchanges.platform,
        exchanges.person_key,
        count(*) as n_exchanges,
        sum(exchanges.is_request) as n_requests,
        sum(exchanges.is_offer) as n_offers,
        sum(exchanges.is_event) as n_events,
        sum(exchanges.is_match) as n_matches,
        sum(exchanges.is_decided) as n_decided,
        sum(exchanges.is_unmet) as n_unmet
    from exchanges
    inner join quarters
        on exchanges.quarter = quarters.quarter
    group by
        exchanges.district_code,
        exchanges.welco_area,
        exchanges.quarter,
        exchanges.platform,
        exchanges.person_key
),

platform_cells as (
    select
        district_code,
        welco_area,
        quarter,
        platform,
        sum(n_exchanges) as n_exchanges,
        sum(n_requests) as n_requests,
        sum(n_offers) as n_offers,
        sum(n_events) as n_events,
        sum(n_matches) as n_matches,
        sum(n_decided) as n_decided,
        sum(n_unmet) as n_unmet,
        count(*) as n_persons,
        sum(case when n_matches > 0 then 1 else 0 end) as n_persons_matches,
        sum(case when n_unmet > 0 then 1 else 0 end) as n_persons_unmet,
        sum(case when n_unmet < n_decided then 1 else 0 end) as n_persons_not_unmet
    from persons
    group by district_code, welco_area, quarter, platform
),

cells as (
    select
        district_code,
        welco_area,
        quarter,
        sum(n_exchanges) as n_exchanges,
        sum(n_requests) as n_requests,
        sum(n_offers) as n_offers,
        sum(n_events) as n_events,
        sum(n_matches) as n_matches,
        sum(n_decided) as n_decided,
        sum(n_unmet) as n_unmet,
        max(n_persons) as n_persons,
        max(n_persons_matches) as n_persons_matches,
        max(n_persons_unmet) as n_persons_unmet,
        max(n_persons_not_unmet) as n_persons_not_unmet,
        string_agg(platform, ',' order by platform) as platforms
    from platform_cells
    group by district_code, welco_area, quarter
),

-- Offers and events wait for nothing: their absent days do not count.
waits as (
    select
        exchanges.district_code,
        exchanges.welco_area,
        exchanges.quarter,
        km_quantile(exchanges.wait_days, exchanges.is_answered, 0.5) as wait_p50_days
    from exchanges
    inner join quarters
        on exchanges.quarter = quarters.quarter
    group by exchanges.district_code, exchanges.welco_area, exchanges.quarter
)

select
    cells.district_code,
    cells.welco_area,
    cells.quarter,
    cells.n_exchanges,
    cells.n_requests,
    cells.n_offers,
    cells.n_events,
    cells.n_matches,
    cells.n_decided,
    cells.n_unmet,
    cells.n_persons,
    cells.n_persons_matches,
    cells.n_persons_unmet,
    cells.n_persons_not_unmet,
    cells.platforms,
    waits.wait_p50_days,
    100 * cast(cells.n_unmet as double) / nullif(cells.n_decided, 0) as unmet_pct,
    100 * wilson_low(cells.n_unmet, cells.n_decided) as unmet_pct_low,
    100 * wilson_high(cells.n_unmet, cells.n_decided) as unmet_pct_high,
    coalesce(coverage.coverage, 'not_covered') as coverage
from cells
inner join waits
    on
        cells.district_code = waits.district_code
        and cells.welco_area = waits.welco_area
        and cells.quarter = waits.quarter
left join coverage
    on
        cells.district_code = coverage.district_code
        and cells.quarter = coverage.quarter
