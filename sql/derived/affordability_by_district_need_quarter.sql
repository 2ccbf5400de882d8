/* model
description.it = "Rinunce per il costo e prezzo orario rispetto agli altri ambiti."
description.en = "Given up for the cost, and the price per hour against other districts."
grain = ["district_code", "need_code", "quarter"]
checks = [
    "unique(grain)",
    "n_given_up_for_cost between 0 and n_decided",
    "n_persons_given_up_for_cost <= n_given_up_for_cost",
    "(n_given_up_for_cost = 0) = (n_persons_given_up_for_cost = 0)",
    "n_persons_not_given_up_for_cost <= n_decided - n_given_up_for_cost",
    "(n_decided = n_given_up_for_cost) = (n_persons_not_given_up_for_cost = 0)",
    "(n_decided = 0) = (given_up_for_cost_pct is null)",
    "given_up_for_cost_pct between 0 and 100",
    "given_up_for_cost_pct_low <= given_up_for_cost_pct + 1e-9",
    "given_up_for_cost_pct <= given_up_for_cost_pct_high + 1e-9",
    "n_free + n_priced <= n_decided - n_given_up_for_cost",
    "n_persons_free <= n_free and (n_free = 0) = (n_persons_free = 0)",
    "n_persons_priced <= n_priced and (n_priced = 0) = (n_persons_priced = 0)",
    "n_persons_public_share <= n_public_share",
    "(n_public_share = 0) = (n_persons_public_share = 0)",
    "n_priced = 0 or n_districts_priced >= 1",
    "(n_priced = 0) = (price_eur_per_hour is null)",
    "(n_districts_priced >= 2) = (alternative_eur_per_hour is not null)",
    "price_eur_per_hour > 0 and alternative_eur_per_hour > 0 and price_ratio > 0",
    "(n_public_share = 0) = (public_share_pct is null)",
    "public_share_pct between 0 and 100",
    "n_decided >= 1 and platforms is not null",
    "coverage in ('covered', 'partly', 'not_covered', 'source_down')",
]
tags = ["affordability"]
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

[columns.n_decided]
role = "count"
unit = "requests"
it = "Richieste decise: con o senza risposta."
en = "Requests decided: matched or unmet."

[columns.n_given_up_for_cost]
role = "count"
unit = "requests"
it = "Senza risposta: rinuncia per il costo."
en = "Unmet: given up for the cost."

[columns.n_persons_given_up_for_cost]
role = "count"
unit = "persons"
it = "Persone che hanno rinunciato per il costo."
en = "Persons who gave up for the cost."

[columns.n_persons_not_given_up_for_cost]
role = "count"
unit = "persons"
it = "Persone dietro le altre richieste decise."
en = "Persons behind the other decided requests."

[columns.n_free]
role = "count"
unit = "requests"
it = "Richieste con risposta a prezzo zero."
en = "Answered requests at no price."

[columns.n_persons_free]
role = "count"
unit = "persons"
it = "Persone dietro le richieste a prezzo zero."
en = "Persons behind the requests at no price."

[columns.n_priced]
role = "count"
unit = "requests"
it = "Richieste con risposta a pagamento di cui si sanno prezzo e ore."
en = "Answered requests at a price, with price and hours known."

[columns.n_persons_priced]
role = "count"
unit = "persons"
it = "Persone dietro le richieste di cui si sanno prezzo e ore."
en = "Persons behind the requests with price and hours known."

[columns.n_public_share]
role = "count"
unit = "requests"
it = "Richieste con risposta a pagamento di cui si sa la parte pubblica."
en = "Answered requests at a price, with the public part known."

[columns.n_persons_public_share]
role = "count"
unit = "persons"
it = "Persone dietro le richieste di cui si sa la parte pubblica."
en = "Persons behind the requests with the public part known."

[columns.n_districts_priced]
role = "count"
unit = "districts"
it = "Ambiti con un prezzo orario per il bisogno nel trimestre."
en = "Districts with a price per hour for the need in the quarter."

[columns.platforms]
role = "code"
it = "Piattaforme in ordine alfabetico, separate da virgole."
en = "Platforms in alphabetical order, separated by commas."

[columns.price_eur_per_hour]
role = "measure"
unit = "EUR"
it = "Prezzo mediano per ora erogata, o prevista finché non è erogata."
en = "Median price per hour delivered, or planned until it is delivered."
vis = "output"

[columns.alternative_eur_per_hour]
role = "measure"
unit = "EUR"
it = "Lo stesso in tutti gli ambiti; assente se il prezzo è noto in uno solo."
en = "The same in all districts; absent where only one has a price."

[columns.public_share_eur]
role = "measure"
unit = "EUR"
it = "Parte pubblica dei prezzi, dove è nota."
en = "Part of the prices borne by the public, where known."

[columns.shared_price_eur]
role = "measure"
unit = "EUR"
it = "Prezzi di cui si sa la parte pubblica."
en = "Prices of which the public part is known."

[columns.given_up_for_cost_pct]
role = "measure"
unit = "%"
it = "Quota di rinunce per il costo sulle richieste decise."
en = "Share given up for the cost among the decided requests."
rate = ["n_given_up_for_cost", "n_decided"]
vis = "outcome"

[columns.given_up_for_cost_pct_low]
role = "measure"
unit = "%"
it = "Limite inferiore al 95 %."
en = "Lower 95 % limit."

[columns.given_up_for_cost_pct_high]
role = "measure"
unit = "%"
it = "Limite superiore al 95 %."
en = "Upper 95 % limit."

[columns.price_ratio]
role = "measure"
unit = "ratio"
it = "Prezzo mediano qui su quello di tutti gli ambiti: oltre 1 è più caro."
en = "Median price here over that of all districts: above 1 is dearer."

[columns.public_share_pct]
role = "measure"
unit = "%"
it = "Quota pubblica dei prezzi, dove è nota."
en = "Public share of the prices, where known."
rate = ["public_share_eur", "shared_price_eur"]

[columns.coverage]
role = "code"
it = "Completezza dei dati: covered, partly, not_covered o source_down."
en = "Completeness of the data: covered, partly, not_covered or source_down."
*/
with exchanges as (
    select
        exchange_id,
        district_code,
        need_code,
        quarter,
        platform,
        person_key,
        state,
        outcome,
        hours_delivered,
        price_eur,
        public_share_eur
    from derived._exchanges
    where outcome in ('matched', 'unmet')
),

planned_exchanges as (
    select
        exchange_id,
        hours_planned
    from conformed.exchanges
    where price_eur > 0
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

requests as (
    select
        exchanges.district_code,
        exchanges.need_code,
        exchanges.quarter,
        exchanges.platform,
        exchanges.person_key,
        exchanges.public_share_eur,
        exchanges.price_eur,
        case
            when exchanges.outcome = 'unmet' and exchanges.state = 'given_up_for_cost' then 1
            else 0
        end as is_given_up_for_cost,
        case when exchanges.outcome = 'matched' and exchanges.price_eur = 0 then 1 else 0 end
            as is_free,
        case when exchanges.outcome = 'matched' and exchanges.price_eur > 0 then 1 else 0 end
            as is_paid,
        -- Hours of what is broken off or still going on do not stand for the whole price.
        case
            when exchanges.state = 'completed'
                then coalesce(exchanges.hours_delivered, planned_exchanges.hours_planned)
            else planned_exchanges.hours_planned
        end as hours
    from exchanges
    inner join quarters
        on exchanges.quarter = quarters.quarter
    left join planned_exchanges
        on exchanges.exchange_id = planned_exchanges.exchange_id
),

priced_requests as (
    select
        district_code,
        need_code,
        quarter,
        platform,
        person_key,
        is_given_up_for_cost,
        is_free,
        case when is_paid = 1 and hours > 0 then cast(price_eur as double) / hours end
            as eur_per_hour,
        case when is_paid = 1 then public_share_eur end as public_share_eur,
        case when is_paid = 1 and public_share_eur is not null then price_eur end
            as shared_price_eur
    from requests
),

-- Rows without a person key count as one person: the fewest they can be.
persons as (
    select
        district_code,
        need_code,
        quarter,
        platform,
        person_key,
        count(*) as n_decided,
        sum(is_given_up_for_cost) as n_given_up_for_cost,
        sum(is_free) as n_free,
        count(eur_per_hour) as n_priced,
        count(shared_price_eur) as n_public_share,
        sum(public_share_eur) as public_share_eur,
        sum(shared_price_eur) as shared_price_eur
    from priced_requests
    group by district_code, need_code, quarter, platform, person_key
),

platform_cells as (
    select
        district_code,
        need_code,
        quarter,
        platform,
        sum(n_decided) as n_decided,
        sum(n_given_up_for_cost) as n_given_up_for_cost,
        sum(n_free) as n_free,
        sum(n_priced) as n_priced,
        sum(n_public_share) as n_public_share,
        sum(public_share_eur) as public_share_eur,
        sum(shared_price_eur) as shared_price_eur,
        sum(case when n_given_up_for_cost > 0 then 1 else 0 end) as n_persons_given_up_for_cost,
        sum(case when n_given_up_for_cost < n_decided then 1 else 0 end)
            as n_persons_not_given_up_for_cost,
        sum(case when n_free > 0 then 1 else 0 end) as n_persons_free,
        sum(case when n_priced > 0 then 1 else 0 end) as n_persons_priced,
        sum(case when n_public_share > 0 then 1 else 0 end) as n_persons_public_share
    from persons
    group by district_code, need_code, quarter, platform
),

cells as (
    select
        district_code,
        need_code,
        quarter,
        sum(n_decided) as n_decided,
        sum(n_given_up_for_cost) as n_given_up_for_cost,
        sum(n_free) as n_free,
        sum(n_priced) as n_priced,
        sum(n_public_share) as n_public_share,
        sum(public_share_eur) as public_share_eur,
        sum(shared_price_eur) as shared_price_eur,
        max(n_persons_given_up_for_cost) as n_persons_given_up_for_cost,
        max(n_persons_not_given_up_for_cost) as n_persons_not_given_up_for_cost,
        max(n_persons_free) as n_persons_free,
        max(n_persons_priced) as n_persons_priced,
        max(n_persons_public_share) as n_persons_public_share,
        string_agg(platform, ',' order by platform) as platforms
    from platform_cells
    group by district_code, need_code, quarter
),

prices as (
    select
        district_code,
        need_code,
        quarter,
        weighted_quantile(eur_per_hour, 1.0, 0.5) as eur_per_hour
    from priced_requests
    group by district_code, need_code, quarter
),

districts_priced as (
    select
        need_code,
        quarter,
        sum(case when n_priced > 0 then 1 else 0 end) as n_districts
    from cells
    group by need_code, quarter
),

-- Where nobody else has a price there is nothing to compare with.
alternatives as (
    select
        priced_requests.need_code,
        priced_requests.quarter,
        districts_priced.n_districts,
        case
            when districts_priced.n_districts >= 2
                then weighted_quantile(priced_requests.eur_per_hour, 1.0, 0.5)
        end as eur_per_hour
    from priced_requests
    inner join districts_priced
        on
            priced_requests.need_code = districts_priced.need_code
            and priced_requests.quarter = districts_priced.quarter
    group by priced_requests.need_code, priced_requests.quarter, districts_priced.n_districts
)

select
    cells.district_code,
    cells.need_code,
    cells.quarter,
    cells.n_decided,
    cells.n_given_up_for_cost,
    cells.n_persons_given_up_for_cost,
    cells.n_persons_not_given_up_for_cost,
    cells.n_free,
    cells.n_persons_free,
    cells.n_priced,
    cells.n_persons_priced,
    cells.n_public_share,
    cells.n_persons_public_share,
    alternatives.n_districts as n_districts_priced,
    cells.platforms,
    prices.eur_per_hour as price_eur_per_hour,
    alternatives.eur_per_hour as alternative_eur_per_hour,
    cast(cells.public_share_eur as double) as public_share_eur,
    cast(cells.shared_price_eur as double) as shared_price_eur,
    100 * cast(cells.n_given_up_for_cost as double)
    / nullif(cells.n_decided, 0) as given_up_for_cost_pct,
    100 * wilson_low(cells.n_given_up_for_cost, cells.n_decided) as given_up_for_cost_pct_low,
    100 * wilson_high(cells.n_given_up_for_cost, cells.n_decided) as given_up_for_cost_pct_high,
    prices.eur_per_hour / alternatives.eur_per_hour as price_ratio,
    100 * cast(cells.public_share_eur as double)
    / nullif(cast(cells.shared_price_eur as double), 0) as public_share_pct,
    coalesce(coverage.coverage, 'not_covered') as coverage
from cells
inner join prices
    on
        cells.district_code = prices.district_code
        and cells.need_code = prices.need_code
        and cells.quarter = prices.quarter
inner join alternatives
    on
        cells.need_code = alternatives.need_code
        and cells.quarter = alternatives.quarter
left join coverage
    on
        cells.district_code = coverage.district_code
        and cells.quarter = coverage.quarter
