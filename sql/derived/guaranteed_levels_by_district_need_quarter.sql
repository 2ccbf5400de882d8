/* model
description.it = "Livelli essenziali (LEPS): richieste, mancate risposte e offerta per ambito."
description.en = "Guaranteed levels (LEPS): requests, unmet ones and offers by district."
grain = ["district_code", "need_code", "quarter"]
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
    "n_persons_offers <= n_offers and (n_offers = 0) = (n_persons_offers = 0)",
    "n_events >= 0 and wait_p50_days >= 0",
    "(platforms is null) = (n_requests + n_offers + n_events = 0)",
    "platforms is not null or coverage in ('covered', 'partly')",
    "coverage in ('covered', 'partly', 'not_covered', 'source_down')",
]
tags = ["leps"]
owner = "antenne"

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

[columns.n_persons_offers]
role = "count"
unit = "persons"
it = "Persone dietro le offerte."
en = "Persons behind the offers."

[columns.platforms]
role = "code"
it = "Piattaforme in ordine alfabetico; assenti dove nessuna ne ha notizia."
en = "Platforms in alphabetical order; absent where none has heard of it."

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
        need_code,
        quarter,
        platform,
        person_key,
        wait_days,
        outcome = 'matched' as is_answered,
        case when counts_as = 'request' then 1 else 0 end as is_request,
        case when counts_as = 'offer' then 1 else 0 end as is_offer,
        case when counts_as = 'event' then 1 else 0 end as is_event,
        case when outcome in ('matched', 'unmet') then 1 else 0 end as is_decided,
        case when outcome = 'unmet' then 1 else 0 end as is_unmet
    from derived._exchanges
    where counts_as in ('request', 'offer', 'event')
),

needs as (
    select need_code
    from reference.needs
    where is_guaranteed = 'yes'
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

guaranteed_exchanges as (
    select
        exchanges.district_code,
        exchanges.need_code,
        exchanges.quarter,
        exchanges.platform,
        exchanges.person_key,
        exchanges.wait_days,
        exchanges.is_answered,
        exchanges.is_request,
        exchanges.is_offer,
        exchanges.is_event,
        exchanges.is_decided,
        exchanges.is_unmet
    from exchanges
    inner join needs
        on exchanges.need_code = needs.need_code
    inner join quarters
        on exchanges.quarter = quarters.quarter
),

-- Rows without a person key count as one person: the fewest they can be.
persons as (
    select
        district_code,
        need_code,
        quarter,
        platform,
        person_key,
        sum(is_request) as n_requests,
        sum(is_offer) as n_offers,
        sum(is_event) as n_events,
        sum(is_decided) as n_decided,
        sum(is_unmet) as n_unmet
    from guaranteed_exchanges
    group by district_code, need_code, quarter, platform, person_key
),

platform_cells as (
    select
        district_code,
        need_code,
        quarter,
        platform,
        sum(n_requests) as n_requests,
        sum(n_offers) as n_offers,
        sum(n_events) as n_events,
        sum(n_decided) as n_decided,
        sum(n_unmet) as n_unmet,
        sum(case when n_unmet > 0 then 1 else 0 end) as n_persons_unmet,
        sum(case when n_unmet < n_decided then 1 else 0 end) as n_persons_not_unmet,
        sum(case when n_offers > 0 then 1 else 0 end) as n_persons_offers
    from persons
    group by district_code, need_code, quarter, platform
),

seen_cells as (
    select
        district_code,
        need_code,
        quarter,
        sum(n_requests) as n_requests,
        sum(n_offers) as n_offers,
        sum(n_events) as n_events,
        sum(n_decided) as n_decided,
        sum(n_unmet) as n_unmet,
        max(n_persons_unmet) as n_persons_unmet,
        max(n_persons_not_unmet) as n_persons_not_unmet,
        max(n_persons_offers) as n_persons_offers,
        string_agg(platform, ',' order by platform) as platforms
    from platform_cells
    group by district_code, need_code, quarter
),

waits as (
    select
        district_code,
        need_code,
        quarter,
        km_quantile(wait_days, is_answered, 0.5) as wait_p50_days
    from guaranteed_exchanges
    group by district_code, need_code, quarter
),

-- A right that nobody asks for and nobody offers is a gap too, where the data would show it.
owed_cells as (
    select
        coverage.district_code,
        needs.need_code,
        coverage.quarter
    from coverage
    inner join quarters
        on coverage.quarter = quarters.quarter
    cross join needs
    where coverage.coverage in ('covered', 'partly') and coverage.district_code <> 'OUTSIDE'
),

cells as (
    select
        seen_cells.platforms,
        coalesce(seen_cells.district_code, owed_cells.district_code) as district_code,
        coalesce(seen_cells.need_code, owed_cells.need_code) as need_code,
        coalesce(seen_cells.quarter, owed_cells.quarter) as quarter,
        coalesce(seen_cells.n_requests, 0) as n_requests,
        coalesce(seen_cells.n_decided, 0) as n_decided,
        coalesce(seen_cells.n_unmet, 0) as n_unmet,
        coalesce(seen_cells.n_offers, 0) as n_offers,
        coalesce(seen_cells.n_events, 0) as n_events,
        coalesce(seen_cells.n_persons_unmet, 0) as n_persons_unmet,
        coalesce(seen_cells.n_persons_not_unmet, 0) as n_persons_not_unmet,
        coalesce(seen_cells.n_persons_offers, 0) as n_persons_offers
    from owed_cells
    full outer join seen_cells
        on
            owed_cells.district_code = seen_cells.district_code
            and owed_cells.need_code = seen_cells.need_code
            and owed_cells.quarter = seen_cells.quarter
)

select
    cells.district_code,
    cells.need_code,
    cells.quarter,
    cells.n_requests,
    cells.n_decided,
    cells.n_unmet,
    cells.n_offers,
    cells.n_events,
    cells.n_persons_unmet,
    cells.n_persons_not_unmet,
    cells.n_persons_offers,
    cells.platforms,
    waits.wait_p50_days,
    100 * cast(cells.n_unmet as double) / nullif(cells.n_decided, 0) as unmet_pct,
    100 * wilson_low(cells.n_unmet, cells.n_decided) as unmet_pct_low,
    100 * wilson_high(cells.n_unmet, cells.n_decided) as unmet_pct_high,
    coalesce(coverage.coverage, 'not_covered') as coverage
from cells
left join waits
    on
        cells.district_code = waits.district_code
        and cells.need_code = waits.need_code
        and cells.quarter = waits.quarter
left join coverage
    on
        cells.district_code = coverage.district_code
        and cells.quarter = coverage.quarter
