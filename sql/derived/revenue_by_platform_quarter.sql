/* model
description.it = "Come si paga ciò che ha risposta: gratuito, abbonamento, tariffa, contributo."
description.en = "How what was answered is paid: free, subscription, fee, grant."
grain = ["platform", "quarter"]
checks = [
    "unique(grain)",
    "n_free + n_subscription + n_fee + n_grant + n_unknown >= 1",
    "n_paid = n_subscription + n_fee",
    "n_unpriced <= n_paid + n_grant",
    "n_persons_free <= n_free and (n_free = 0) = (n_persons_free = 0)",
    "n_persons_subscription <= n_subscription",
    "(n_subscription = 0) = (n_persons_subscription = 0)",
    "n_persons_fee <= n_fee and (n_fee = 0) = (n_persons_fee = 0)",
    "n_persons_grant <= n_grant and (n_grant = 0) = (n_persons_grant = 0)",
    "n_persons_unknown <= n_unknown and (n_unknown = 0) = (n_persons_unknown = 0)",
    "(n_paid = 0) = (subscription_pct is null)",
    "subscription_pct between 0 and 100",
    "subscription_pct_low <= subscription_pct + 1e-9",
    "subscription_pct <= subscription_pct_high + 1e-9",
    "subscription_eur >= 0 and fee_eur >= 0 and grant_eur >= 0 and public_share_eur >= 0",
    "coverage in ('covered', 'partly', 'not_covered', 'source_down')",
]
tags = ["revenue"]
owner = "antenne"

[columns.platform]
role = "key"
it = "Piattaforma che ha registrato la riga."
en = "Platform that recorded the row."

[columns.quarter]
role = "key"
it = "Trimestre, per esempio 2026-Q3."
en = "Quarter, for example 2026-Q3."

[columns.n_free]
role = "count"
unit = "requests"
it = "Richieste con risposta, gratuite."
en = "Answered requests that are free."

[columns.n_subscription]
role = "count"
unit = "requests"
it = "Richieste con risposta, coperte da un abbonamento."
en = "Answered requests covered by a subscription."

[columns.n_fee]
role = "count"
unit = "requests"
it = "Richieste con risposta, pagate a tariffa."
en = "Answered requests paid by a fee."

[columns.n_grant]
role = "count"
unit = "requests"
it = "Richieste con risposta, coperte da un contributo."
en = "Answered requests covered by a grant."

[columns.n_unknown]
role = "count"
unit = "requests"
it = "Richieste con risposta di cui non si sa come sono pagate."
en = "Answered requests of which it is not known how they are paid."

[columns.n_unpriced]
role = "count"
unit = "requests"
it = "Richieste con risposta non gratuite di cui manca il prezzo."
en = "Answered requests, not free, whose price is missing."

[columns.subscription_eur]
role = "measure"
unit = "EUR"
it = "Prezzi delle richieste in abbonamento; assente se nessuno è noto."
en = "Prices of the requests by subscription; absent if none is known."

[columns.fee_eur]
role = "measure"
unit = "EUR"
it = "Prezzi delle richieste a tariffa; assente se nessuno è noto."
en = "Prices of the requests by fee; absent if none is known."

[columns.grant_eur]
role = "measure"
unit = "EUR"
it = "Prezzi delle richieste coperte da un contributo; assente se nessuno è noto."
en = "Prices of the requests covered by a grant; absent if none is known."

[columns.public_share_eur]
role = "measure"
unit = "EUR"
it = "Parte di questi prezzi a carico pubblico; assente se mai nota."
en = "Part of these prices borne by the public; absent if never known."

[columns.n_persons_free]
role = "count"
unit = "persons"
it = "Persone dietro le richieste gratuite."
en = "Persons behind the free requests."

[columns.n_persons_subscription]
role = "count"
unit = "persons"
it = "Persone dietro le richieste in abbonamento."
en = "Persons behind the requests by subscription."

[columns.n_persons_fee]
role = "count"
unit = "persons"
it = "Persone dietro le richieste a tariffa."
en = "Persons behind the requests by fee."

[columns.n_persons_grant]
role = "count"
unit = "persons"
it = "Persone dietro le richieste coperte da un contributo."
en = "Persons behind the requests covered by a grant."

[columns.n_persons_unknown]
role = "count"
unit = "persons"
it = "Persone dietro le richieste di cui non si sa."
en = "Persons behind the requests of which it is not known."

[columns.n_paid]
role = "count"
unit = "requests"
it = "Richieste con risposta pagate da chi le usa: abbonamento o tariffa."
en = "Answered requests paid by those who use them: subscription or fee."

[columns.subscription_pct]
role = "measure"
unit = "%"
it = "Quota degli abbonamenti tra le richieste pagate da chi le usa."
en = "Share of subscriptions among the requests paid by those who use them."
rate = ["n_subscription", "n_paid"]

[columns.subscription_pct_low]
role = "measure"
unit = "%"
it = "Limite inferiore al 95 %."
en = "Lower 95 % limit."

[columns.subscription_pct_high]
role = "measure"
unit = "%"
it = "Limite superiore al 95 %."
en = "Upper 95 % limit."

[columns.coverage]
role = "code"
it = "Completezza dei suoi dati: covered, partly, not_covered o source_down."
en = "Completeness of its data: covered, partly, not_covered or source_down."
*/
with exchanges as (
    select
        platform,
        quarter,
        person_key,
        revenue_model,
        price_eur,
        public_share_eur
    from derived._exchanges
    -- What nobody answered was not paid either.
    where outcome = 'matched'
),

quarters as (
    select quarter
    from derived._complete_quarters
),

district_coverage as (
    select
        platform,
        district_code,
        quarter,
        status
    from derived.coverage_by_platform_district_quarter
),

answered_requests as (
    select
        exchanges.platform,
        exchanges.quarter,
        exchanges.person_key,
        exchanges.price_eur,
        exchanges.public_share_eur,
        coalesce(exchanges.revenue_model, 'unknown') as revenue_model
    from exchanges
    inner join quarters
        on exchanges.quarter = quarters.quarter
),

-- Rows without a person key count as one person: the fewest they can be.
persons as (
    select
        platform,
        quarter,
        person_key,
        revenue_model,
        count(*) as n_requests,
        count(price_eur) as n_priced,
        sum(price_eur) as price_eur,
        sum(public_share_eur) as public_share_eur
    from answered_requests
    group by platform, quarter, person_key, revenue_model
),

cells as (
    select
        platform,
        quarter,
        sum(case when revenue_model = 'free' then n_requests else 0 end) as n_free,
        sum(case when revenue_model = 'subscription' then n_requests else 0 end)
            as n_subscription,
        sum(case when revenue_model = 'fee' then n_requests else 0 end) as n_fee,
        sum(case when revenue_model = 'grant' then n_requests else 0 end) as n_grant,
        sum(case when revenue_model = 'unknown' then n_requests else 0 end) as n_unknown,
        sum(
            case
                when revenue_model in ('subscription', 'fee', 'grant') then n_requests - n_priced
                else 0
            end
        ) as n_unpriced,
        sum(case when revenue_model = 'subscription' then price_eur end) as subscription_eur,
        sum(case when revenue_model = 'fee' then price_eur end) as fee_eur,
        sum(case when revenue_model = 'grant' then price_eur end) as grant_eur,
        sum(public_share_eur) as public_share_eur,
        sum(case when revenue_model = 'free' then 1 else 0 end) as n_persons_free,
        sum(case when revenue_model = 'subscription' then 1 else 0 end)
            as n_persons_subscription,
        sum(case when revenue_model = 'fee' then 1 else 0 end) as n_persons_fee,
        sum(case when revenue_model = 'grant' then 1 else 0 end) as n_persons_grant,
        sum(case when revenue_model = 'unknown' then 1 else 0 end) as n_persons_unknown
    from persons
    group by platform, quarter
),

-- A platform says nothing about a district it never reached.
reached_districts as (
    select
        platform,
        district_code
    from district_coverage
    where status <> 'not_covered'
    group by platform, district_code
),

coverage as (
    select
        district_coverage.platform,
        district_coverage.quarter,
        case
            when sum(case when district_coverage.status = 'source_down' then 1 else 0 end) > 0
                then 'source_down'
            when min(district_coverage.status) <> max(district_coverage.status) then 'partly'
            else min(district_coverage.status)
        end as coverage
    from district_coverage
    inner join reached_districts
        on
            district_coverage.platform = reached_districts.platform
            and district_coverage.district_code = reached_districts.district_code
    group by district_coverage.platform, district_coverage.quarter
)

select
    cells.platform,
    cells.quarter,
    cells.n_free,
    cells.n_subscription,
    cells.n_fee,
    cells.n_grant,
    cells.n_unknown,
    cells.n_unpriced,
    cast(cells.subscription_eur as double) as subscription_eur,
    cast(cells.fee_eur as double) as fee_eur,
    cast(cells.grant_eur as double) as grant_eur,
    cast(cells.public_share_eur as double) as public_share_eur,
    cells.n_persons_free,
    cells.n_persons_subscription,
    cells.n_persons_fee,
    cells.n_persons_grant,
    cells.n_persons_unknown,
    cells.n_subscription + cells.n_fee as n_paid,
    100 * cast(cells.n_subscription as double)
    / nullif(cells.n_subscription + cells.n_fee, 0) as subscription_pct,
    100 * wilson_low(
        cells.n_subscription, cells.n_subscription + cells.n_fee
    ) as subscription_pct_low,
    100 * wilson_high(
        cells.n_subscription, cells.n_subscription + cells.n_fee
    ) as subscription_pct_high,
    coalesce(coverage.coverage, 'not_covered') as coverage
from cells
left join coverage
    on
        cells.platform = coverage.platform
        and cells.quarter = coverage.quarter
