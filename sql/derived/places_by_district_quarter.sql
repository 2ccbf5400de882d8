/* model
description.it = "Luoghi degli scambi e varietà di ciò che vi si fa, per ambito e trimestre."
description.en = "Places of the exchanges and how varied their use is, by district and quarter."
grain = ["district_code", "quarter"]
checks = [
    "unique(grain)",
    "n_with_place between 0 and n_place_known",
    "n_persons_with_place <= n_with_place",
    "(n_with_place = 0) = (n_persons_with_place = 0)",
    "n_persons_not_with_place <= n_place_known - n_with_place",
    "(n_place_known = n_with_place) = (n_persons_not_with_place = 0)",
    "(n_place_known = 0) = (place_pct is null)",
    "place_pct between 0 and 100",
    "place_pct_low <= place_pct + 1e-9",
    "place_pct <= place_pct_high + 1e-9",
    "(n_places = 0) = (hub_pct is null)",
    "hub_pct between 0 and 100",
    "hub_pct_low <= hub_pct + 1e-9",
    "hub_pct <= hub_pct_high + 1e-9",
    "n_place_known <= n_exchanges",
    "n_hubs between 0 and n_places",
    "n_place_activities >= n_places + 2 * n_hubs",
    "(n_hubs = 0) = (n_persons_hubs = 0)",
    "(n_places = n_hubs) = (n_persons_not_hubs = 0)",
    "activities_per_place >= 1",
    "listed_activities_per_place >= 0",
    "opening_hours_per_week between 0 and 168",
]
tags = ["places"]
owner = "antenne"

[columns.district_code]
role = "key"
it = "Ambito; OUTSIDE per i comuni fuori da ogni ambito."
en = "District; OUTSIDE for comuni in no district."

[columns.quarter]
role = "key"
it = "Trimestre, per esempio 2026-Q3."
en = "Quarter, for example 2026-Q3."

[columns.n_exchanges]
role = "count"
unit = "exchanges"
it = "Richieste, offerte ed eventi."
en = "Requests, offers and events."

[columns.n_place_known]
role = "count"
unit = "exchanges"
it = "Tra questi, quelli di piattaforme che registrano i luoghi."
en = "Of these, those of platforms that record places."

[columns.n_with_place]
role = "count"
unit = "exchanges"
it = "Tra questi ultimi, quelli in un luogo."
en = "Of the latter, those at a place."

[columns.n_persons_with_place]
role = "count"
unit = "persons"
it = "Persone dietro gli scambi in un luogo."
en = "Persons behind the exchanges at a place."

[columns.n_persons_not_with_place]
role = "count"
unit = "persons"
it = "Persone dietro quelli senza luogo."
en = "Persons behind those without a place."

[columns.n_places]
role = "count"
unit = "places"
it = "Luoghi dell'ambito usati nel trimestre."
en = "Places of the district used in the quarter."
vis = "output"

[columns.n_place_activities]
role = "count"
unit = "activities"
it = "Bisogni distinti di ogni luogo, sommati."
en = "Distinct needs of each place, added up."

[columns.n_hubs]
role = "count"
unit = "places"
it = "Luoghi con almeno tre bisogni distinti: poli polifunzionali."
en = "Places with three distinct needs or more: polyfunctional hubs."

[columns.n_persons_hubs]
role = "count"
unit = "persons"
it = "Persone dietro gli scambi in questi poli."
en = "Persons behind the exchanges at these hubs."

[columns.n_persons_not_hubs]
role = "count"
unit = "persons"
it = "Persone dietro gli scambi negli altri luoghi."
en = "Persons behind the exchanges at the other places."

[columns.platforms]
role = "code"
it = "Piattaforme in ordine alfabetico, separate da virgole."
en = "Platforms in alphabetical order, separated by commas."

[columns.place_pct]
role = "measure"
unit = "%"
it = "Quota di scambi in un luogo."
en = "Share of exchanges at a place."
rate = ["n_with_place", "n_place_known"]

[columns.place_pct_low]
role = "measure"
unit = "%"
it = "Limite inferiore al 95 %."
en = "Lower 95 % limit."

[columns.place_pct_high]
role = "measure"
unit = "%"
it = "Limite superiore al 95 %."
en = "Upper 95 % limit."

[columns.hub_pct]
role = "measure"
unit = "%"
it = "Quota di poli tra i luoghi."
en = "Share of hubs among the places."
rate = ["n_hubs", "n_places"]
vis = "output"

[columns.hub_pct_low]
role = "measure"
unit = "%"
it = "Limite inferiore al 95 %."
en = "Lower 95 % limit."

[columns.hub_pct_high]
role = "measure"
unit = "%"
it = "Limite superiore al 95 %."
en = "Upper 95 % limit."

[columns.activities_per_place]
role = "measure"
unit = "activities"
it = "Bisogni distinti in media per luogo."
en = "Distinct needs per place, on average."

[columns.listed_activities_per_place]
role = "measure"
unit = "activities"
it = "Attività che i luoghi usati dichiarano oggi, in media."
en = "Activities that the places used list today, on average."

[columns.opening_hours_per_week]
role = "measure"
unit = "hours"
it = "Ore di apertura dei luoghi usati, in media, dove note."
en = "Opening hours of the places used, on average, where known."

[columns.coverage]
role = "code"
it = "Completezza dei dati: covered, partly, not_covered o source_down."
en = "Completeness of the data: covered, partly, not_covered or source_down."
*/
with exchanges as (
    select
        platform,
        person_key,
        place_id,
        district_code,
        need_code,
        quarter
    from derived._exchanges
    where counts_as in ('request', 'offer', 'event')
),

quarters as (
    select
        quarter,
        starts_on
    from derived._complete_quarters
),

listed_places as (
    select
        place_id,
        platform,
        comune_code,
        n_activities,
        opening_hours_per_week
    from conformed.places
),

districts as (
    select
        comune_code,
        district_code,
        valid_from,
        valid_to
    from reference.districts
),

coverage as (
    select
        district_code,
        quarter,
        coverage
    from derived._coverage_by_district_quarter
),

-- A platform that never writes a place does not say that there was none.
placing_platforms as (
    select platform
    from exchanges
    where place_id is not null
    group by platform
),

-- Rows without a person key count as one person: the fewest they can be.
persons as (
    select
        exchanges.district_code,
        exchanges.quarter,
        exchanges.platform,
        exchanges.person_key,
        count(*) as n_exchanges,
        count(placing_platforms.platform) as n_place_known,
        count(exchanges.place_id) as n_with_place
    from exchanges
    inner join quarters
        on exchanges.quarter = quarters.quarter
    left join placing_platforms
        on exchanges.platform = placing_platforms.platform
    group by
        exchanges.district_code,
        exchanges.quarter,
        exchanges.platform,
        exchanges.person_key
),

platform_cells as (
    select
        district_code,
        quarter,
        platform,
        sum(n_exchanges) as n_exchanges,
        sum(n_place_known) as n_place_known,
        sum(n_with_place) as n_with_place,
        sum(case when n_with_place > 0 then 1 else 0 end) as n_persons_with_place,
        sum(case when n_with_place < n_place_known then 1 else 0 end)
            as n_persons_not_with_place
    from persons
    group by district_code, quarter, platform
),

exchange_cells as (
    select
        district_code,
        quarter,
        sum(n_exchanges) as n_exchanges,
        sum(n_place_known) as n_place_known,
        sum(n_with_place) as n_with_place,
        max(n_persons_with_place) as n_persons_with_place,
        max(n_persons_not_with_place) as n_persons_not_with_place
    from platform_cells
    group by district_code, quarter
),

-- A place counts in its own district, whoever comes to it.
placed_exchanges as (
    select
        exchanges.quarter,
        exchanges.platform,
        exchanges.person_key,
        exchanges.place_id,
        exchanges.need_code,
        listed_places.n_activities,
        listed_places.opening_hours_per_week,
        case
            when listed_places.place_id is null then exchanges.district_code
            else coalesce(districts.district_code, 'OUTSIDE')
        end as district_code
    from exchanges
    inner join quarters
        on exchanges.quarter = quarters.quarter
    left join listed_places
        on
            exchanges.place_id = listed_places.place_id
            and exchanges.platform = listed_places.platform
    -- Where its comune was on the first day of the quarter.
    left join districts
        on
            listed_places.comune_code = districts.comune_code
            and quarters.starts_on >= coalesce(districts.valid_from, date '1900-01-01')
            and quarters.starts_on <= coalesce(districts.valid_to, date '9999-12-31')
    where exchanges.place_id is not null
),

place_needs as (
    select
        district_code,
        quarter,
        platform,
        place_id,
        need_code,
        min(n_activities) as n_activities,
        min(opening_hours_per_week) as opening_hours_per_week
    from placed_exchanges
    group by district_code, quarter, platform, place_id, need_code
),

places as (
    select
        district_code,
        quarter,
        platform,
        place_id,
        cast(min(opening_hours_per_week) as decimal(9, 2)) as opening_hours_per_week,
        count(*) as n_needs,
        case when count(*) >= 3 then 1 else 0 end as is_hub,
        min(n_activities) as n_activities
    from place_needs
    group by district_code, quarter, platform, place_id
),

place_cells as (
    select
        district_code,
        quarter,
        count(*) as n_places,
        sum(n_needs) as n_place_activities,
        sum(is_hub) as n_hubs,
        count(n_activities) as n_listing_activities,
        sum(n_activities) as n_listed_activities,
        count(opening_hours_per_week) as n_listing_hours,
        sum(opening_hours_per_week) as opening_hours_per_week
    from places
    group by district_code, quarter
),

place_persons as (
    select
        placed_exchanges.district_code,
        placed_exchanges.quarter,
        placed_exchanges.platform,
        placed_exchanges.person_key,
        max(places.is_hub) as is_at_hub,
        max(1 - places.is_hub) as is_elsewhere
    from placed_exchanges
    inner join places
        on
            placed_exchanges.district_code = places.district_code
            and placed_exchanges.quarter = places.quarter
            and placed_exchanges.platform = places.platform
            and placed_exchanges.place_id = places.place_id
    group by
        placed_exchanges.district_code,
        placed_exchanges.quarter,
        placed_exchanges.platform,
        placed_exchanges.person_key
),

place_platform_cells as (
    select
        district_code,
        quarter,
        platform,
        sum(is_at_hub) as n_persons_hubs,
        sum(is_elsewhere) as n_persons_not_hubs
    from place_persons
    group by district_code, quarter, platform
),

place_person_cells as (
    select
        district_code,
        quarter,
        max(n_persons_hubs) as n_persons_hubs,
        max(n_persons_not_hubs) as n_persons_not_hubs
    from place_platform_cells
    group by district_code, quarter
),

-- A place may be used only by people of other districts.
present_platforms as (
    select
        district_code,
        quarter,
        platform
    from platform_cells
    union
    select
        district_code,
        quarter,
        platform
    from place_platform_cells
),

present_cells as (
    select
        district_code,
        quarter,
        string_agg(platform, ',' order by platform) as platforms
    from present_platforms
    group by district_code, quarter
),

cells as (
    select
        present_cells.district_code,
        present_cells.quarter,
        present_cells.platforms,
        place_cells.n_listing_activities,
        place_cells.n_listed_activities,
        place_cells.n_listing_hours,
        place_cells.opening_hours_per_week,
        coalesce(exchange_cells.n_exchanges, 0) as n_exchanges,
        coalesce(exchange_cells.n_place_known, 0) as n_place_known,
        coalesce(exchange_cells.n_with_place, 0) as n_with_place,
        coalesce(exchange_cells.n_persons_with_place, 0) as n_persons_with_place,
        coalesce(exchange_cells.n_persons_not_with_place, 0) as n_persons_not_with_place,
        coalesce(place_cells.n_places, 0) as n_places,
        coalesce(place_cells.n_place_activities, 0) as n_place_activities,
        coalesce(place_cells.n_hubs, 0) as n_hubs,
        coalesce(place_person_cells.n_persons_hubs, 0) as n_persons_hubs,
        coalesce(place_person_cells.n_persons_not_hubs, 0) as n_persons_not_hubs
    from present_cells
    left join exchange_cells
        on
            present_cells.district_code = exchange_cells.district_code
            and present_cells.quarter = exchange_cells.quarter
    left join place_cells
        on
            present_cells.district_code = place_cells.district_code
            and present_cells.quarter = place_cells.quarter
    left join place_person_cells
        on
            present_cells.district_code = place_person_cells.district_code
            and present_cells.quarter = place_person_cells.quarter
)

select
    cells.district_code,
    cells.quarter,
    cells.n_exchanges,
    cells.n_place_known,
    cells.n_with_place,
    cells.n_persons_with_place,
    cells.n_persons_not_with_place,
    cells.n_places,
    cells.n_place_activities,
    cells.n_hubs,
    cells.n_persons_hubs,
    cells.n_persons_not_hubs,
    cells.platforms,
    100 * cast(cells.n_with_place as double) / nullif(cells.n_place_known, 0) as place_pct,
    100 * wilson_low(cells.n_with_place, cells.n_place_known) as place_pct_low,
    100 * wilson_high(cells.n_with_place, cells.n_place_known) as place_pct_high,
    100 * cast(cells.n_hubs as double) / nullif(cells.n_places, 0) as hub_pct,
    100 * wilson_low(cells.n_hubs, cells.n_places) as hub_pct_low,
    100 * wilson_high(cells.n_hubs, cells.n_places) as hub_pct_high,
    cast(cells.n_place_activities as double)
    / nullif(cells.n_places, 0) as activities_per_place,
    cast(cells.n_listed_activities as double)
    / nullif(cells.n_listing_activities, 0) as listed_activities_per_place,
    cast(cells.opening_hours_per_week as double)
    / nullif(cells.n_listing_hours, 0) as opening_hours_per_week,
    coalesce(coverage.coverage, 'not_covered') as coverage
from cells
left join coverage
    on
        cells.district_code = coverage.district_code
        and cells.quarter = coverage.quarter
