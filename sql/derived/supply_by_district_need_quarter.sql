/* model
description.it = "Offerta accanto alle richieste, per ambito, bisogno e trimestre completo."
description.en = "Supply beside the requests, by district, need and complete quarter."
grain = ["district_code", "need_code", "quarter"]
checks = [
    "unique(grain)",
    "n_offers + n_events + n_requests >= 1",
    "n_providers_with_capacity between 0 and n_providers",
    "(n_providers_with_capacity = 0) = (capacity_per_month is null)",
    "n_persons_offers <= n_offers and (n_offers = 0) = (n_persons_offers = 0)",
    "n_persons_requests <= n_requests and (n_requests = 0) = (n_persons_requests = 0)",
    "(n_requests = 0) = (offers_per_100_requests is null)",
    "offers_per_100_requests_low <= offers_per_100_requests + 1e-9",
    "offers_per_100_requests <= offers_per_100_requests_high + 1e-9",
    "no_offer = 'no' or (n_requests > 0 and n_offers = 0 and n_events = 0)",
    "no_supply = 'no' or no_offer = 'yes'",
    "unasked = 'no' or (n_offers > 0 and n_requests = 0)",
    "not_null(no_offer, no_supply, unasked, platforms)",
]
tags = ["supply"]
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

[columns.n_offers]
role = "count"
unit = "offers"
it = "Offerte di persone."
en = "Offers by persons."

[columns.n_events]
role = "count"
unit = "events"
it = "Eventi e servizi offerti a un pubblico."
en = "Events and services offered to an audience."

[columns.n_providers]
role = "count"
unit = "providers"
it = "Enti distinti dietro offerte, eventi e risposte."
en = "Distinct bodies behind offers, events and answers."

[columns.n_providers_with_capacity]
role = "count"
unit = "providers"
it = "Enti, tra questi, di cui si sa quanto possono prendere."
en = "Bodies among them that say how much they can take."

[columns.capacity_per_month]
role = "count"
unit = "requests"
it = "Richieste che questi enti possono prendere in un mese, in tutti i bisogni insieme."
en = "Requests that these bodies can take in a month, over all needs together."

[columns.n_persons_requests]
role = "count"
unit = "persons"
it = "Persone dietro le richieste."
en = "Persons behind the requests."

[columns.n_persons_offers]
role = "count"
unit = "persons"
it = "Persone dietro le offerte."
en = "Persons behind the offers."

[columns.platforms]
role = "code"
it = "Piattaforme in ordine alfabetico, separate da virgole."
en = "Platforms in alphabetical order, separated by commas."

[columns.coverage]
role = "code"
it = "Completezza dei dati: covered, partly, not_covered o source_down."
en = "Completeness of the data: covered, partly, not_covered or source_down."

[columns.offers_per_100_requests]
role = "measure"
unit = "offers"
it = "Offerte di persone ogni 100 richieste."
en = "Offers by persons per 100 requests."
rate = ["n_offers", "n_requests"]

[columns.offers_per_100_requests_low]
role = "measure"
unit = "offers"
it = "Limite inferiore al 95 %."
en = "Lower 95 % limit."

[columns.offers_per_100_requests_high]
role = "measure"
unit = "offers"
it = "Limite superiore al 95 %."
en = "Upper 95 % limit."

[columns.no_offer]
role = "code"
it = "yes: richieste, ma né offerte né eventi registrati."
en = "yes: requests, but neither offers nor events on record."

[columns.no_supply]
role = "code"
it = "yes: né offerte né eventi, e nessuna richiesta ha trovato risposta."
en = "yes: neither offers nor events, and no request found an answer."

[columns.unasked]
role = "code"
it = "yes: offerte di persone, ma nessuna richiesta."
en = "yes: offers by persons, but no request."
*/
with exchanges as (
    select
        district_code,
        need_code,
        quarter,
        platform,
        provider_id,
        counts_as,
        outcome
    from derived._exchanges
    where counts_as in ('request', 'offer', 'event')
),

requests as (
    select
        district_code,
        need_code,
        quarter,
        n_requests,
        n_persons
    from derived.requests_by_district_need_quarter
),

offers as (
    select
        district_code,
        need_code,
        quarter,
        n_offers,
        n_persons
    from derived.offers_by_district_need_quarter
),

monthly_supply as (
    select
        district_code,
        need_code,
        month,
        n_events,
        n_exchanges
    from derived.supply_by_district_need_month
),

providers as (
    select
        provider_id,
        platform,
        capacity_per_month
    from conformed.providers
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

-- Every cell with a request, an offer or an event; the others hang on these.
platform_cells as (
    select
        exchanges.district_code,
        exchanges.need_code,
        exchanges.quarter,
        exchanges.platform
    from exchanges
    inner join quarters
        on exchanges.quarter = quarters.quarter
    group by
        exchanges.district_code,
        exchanges.need_code,
        exchanges.quarter,
        exchanges.platform
),

cells as (
    select
        district_code,
        need_code,
        quarter,
        string_agg(platform, ',' order by platform) as platforms
    from platform_cells
    group by district_code, need_code, quarter
),

supply as (
    select
        monthly_supply.district_code,
        monthly_supply.need_code,
        quarters.quarter,
        sum(monthly_supply.n_events) as n_events,
        sum(monthly_supply.n_exchanges) as n_matched
    from monthly_supply
    inner join quarters
        on
            monthly_supply.month >= quarters.starts_on
            and monthly_supply.month <= quarters.ends_on
    group by monthly_supply.district_code, monthly_supply.need_code, quarters.quarter
),

-- A body active in three months is one body of the quarter: months cannot be added up here.
bodies as (
    select
        district_code,
        need_code,
        quarter,
        platform,
        provider_id
    from exchanges
    where provider_id is not null and (counts_as in ('offer', 'event') or outcome = 'matched')
    group by district_code, need_code, quarter, platform, provider_id
),

body_cells as (
    select
        bodies.district_code,
        bodies.need_code,
        bodies.quarter,
        count(*) as n_providers,
        count(providers.capacity_per_month) as n_providers_with_capacity,
        sum(providers.capacity_per_month) as capacity_per_month
    from bodies
    left join providers
        on
            bodies.provider_id = providers.provider_id
            and bodies.platform = providers.platform
    group by bodies.district_code, bodies.need_code, bodies.quarter
),

counted_cells as (
    select
        cells.district_code,
        cells.need_code,
        cells.quarter,
        cells.platforms,
        body_cells.capacity_per_month,
        coalesce(requests.n_requests, 0) as n_requests,
        coalesce(supply.n_matched, 0) as n_matched,
        coalesce(offers.n_offers, 0) as n_offers,
        coalesce(supply.n_events, 0) as n_events,
        coalesce(body_cells.n_providers, 0) as n_providers,
        coalesce(body_cells.n_providers_with_capacity, 0) as n_providers_with_capacity,
        coalesce(requests.n_persons, 0) as n_persons_requests,
        coalesce(offers.n_persons, 0) as n_persons_offers,
        coalesce(coverage.coverage, 'not_covered') as coverage
    from cells
    left join requests
        on
            cells.district_code = requests.district_code
            and cells.need_code = requests.need_code
            and cells.quarter = requests.quarter
    left join offers
        on
            cells.district_code = offers.district_code
            and cells.need_code = offers.need_code
            and cells.quarter = offers.quarter
    left join supply
        on
            cells.district_code = supply.district_code
            and cells.need_code = supply.need_code
            and cells.quarter = supply.quarter
    left join body_cells
        on
            cells.district_code = body_cells.district_code
            and cells.need_code = body_cells.need_code
            and cells.quarter = body_cells.quarter
    left join coverage
        on
            cells.district_code = coverage.district_code
            and cells.quarter = coverage.quarter
)

select
    district_code,
    need_code,
    quarter,
    n_requests,
    n_offers,
    n_events,
    n_providers,
    n_providers_with_capacity,
    capacity_per_month,
    n_persons_requests,
    n_persons_offers,
    platforms,
    coverage,
    100 * cast(n_offers as double) / nullif(n_requests, 0) as offers_per_100_requests,
    100 * byar_low(n_offers, n_requests) as offers_per_100_requests_low,
    100 * byar_high(n_offers, n_requests) as offers_per_100_requests_high,
    case
        when n_requests > 0 and n_offers = 0 and n_events = 0 then 'yes' else 'no'
    end as no_offer,
    -- Some platforms record no offers: an answer shows that there is someone who offers.
    case
        when n_requests > 0 and n_offers = 0 and n_events = 0 and n_matched = 0 then 'yes'
        else 'no'
    end as no_supply,
    case when n_offers > 0 and n_requests = 0 then 'yes' else 'no' end as unasked
from counted_cells
