/* model
description.it = "Scambi in rete, fuori dalla rete e ibridi, per ambito e trimestre."
description.en = "Exchanges online, offline and hybrid, by district and quarter."
grain = ["district_code", "quarter"]
checks = [
    "unique(grain)",
    "n_access_online between 0 and n_access_known",
    "n_persons_access_online <= n_access_online",
    "(n_access_online = 0) = (n_persons_access_online = 0)",
    "n_persons_not_access_online <= n_access_known - n_access_online",
    "(n_access_known = n_access_online) = (n_persons_not_access_online = 0)",
    "(n_access_known = 0) = (access_online_pct is null)",
    "access_online_pct between 0 and 100",
    "access_online_pct_low <= access_online_pct + 1e-9",
    "access_online_pct <= access_online_pct_high + 1e-9",
    "n_transaction between 0 and n_interactivity_known",
    "n_persons_transaction <= n_transaction",
    "(n_transaction = 0) = (n_persons_transaction = 0)",
    "n_persons_not_transaction <= n_interactivity_known - n_transaction",
    "(n_interactivity_known = n_transaction) = (n_persons_not_transaction = 0)",
    "(n_interactivity_known = 0) = (transaction_pct is null)",
    "transaction_pct between 0 and 100",
    "transaction_pct_low <= transaction_pct + 1e-9",
    "transaction_pct <= transaction_pct_high + 1e-9",
    "n_persons_online <= n_online",
    "(n_online = 0) = (n_persons_online = 0)",
    "n_persons_offline <= n_offline",
    "(n_offline = 0) = (n_persons_offline = 0)",
    "n_persons_hybrid <= n_hybrid",
    "(n_hybrid = 0) = (n_persons_hybrid = 0)",
    "n_persons_channels_unknown <= n_channels_unknown",
    "(n_channels_unknown = 0) = (n_persons_channels_unknown = 0)",
    "(n_channels_known = 0) = (hybrid_pct is null)",
    "hybrid_pct between 0 and 100",
    "hybrid_pct_low <= hybrid_pct + 1e-9",
    "hybrid_pct <= hybrid_pct_high + 1e-9",
    "n_online + n_offline + n_hybrid = n_channels_known",
    "n_channels_known + n_channels_unknown = n_exchanges",
    "n_channels_known <= n_access_known",
    "n_interactivity_known <= n_exchanges",
    "n_exchanges >= 1 and platforms is not null",
    "coverage in ('covered', 'partly', 'not_covered', 'source_down')",
]
tags = ["channels"]
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

[columns.n_access_known]
role = "count"
unit = "exchanges"
it = "Di cui si sa il canale di accesso."
en = "With the channel of access known."

[columns.n_access_online]
role = "count"
unit = "exchanges"
it = "Tra questi, con accesso in rete."
en = "Of these, with access online."

[columns.n_persons_access_online]
role = "count"
unit = "persons"
it = "Persone dietro gli accessi in rete."
en = "Persons behind the access online."

[columns.n_persons_not_access_online]
role = "count"
unit = "persons"
it = "Persone dietro gli accessi di persona, per posta o per telefono."
en = "Persons behind the access in person, by post or by telephone."

[columns.n_channels_known]
role = "count"
unit = "exchanges"
it = "Di cui si sanno i canali di accesso e di erogazione."
en = "With the channels of access and of delivery known."

[columns.n_channels_unknown]
role = "count"
unit = "exchanges"
it = "Di cui manca l'uno o l'altro canale."
en = "With one channel or the other unknown."

[columns.n_online]
role = "count"
unit = "exchanges"
it = "Accesso ed erogazione in rete."
en = "Access and delivery online."

[columns.n_offline]
role = "count"
unit = "exchanges"
it = "Accesso ed erogazione fuori dalla rete."
en = "Access and delivery offline."

[columns.n_hybrid]
role = "count"
unit = "exchanges"
it = "L'uno in rete e l'altra fuori."
en = "One online, the other offline."

[columns.n_persons_channels_unknown]
role = "count"
unit = "persons"
it = "Persone dietro gli scambi di cui manca un canale."
en = "Persons behind the exchanges with a channel unknown."

[columns.n_persons_online]
role = "count"
unit = "persons"
it = "Persone dietro gli scambi tutti in rete."
en = "Persons behind the exchanges wholly online."

[columns.n_persons_offline]
role = "count"
unit = "persons"
it = "Persone dietro gli scambi tutti fuori dalla rete."
en = "Persons behind the exchanges wholly offline."

[columns.n_persons_hybrid]
role = "count"
unit = "persons"
it = "Persone dietro gli scambi ibridi."
en = "Persons behind the hybrid exchanges."

[columns.n_interactivity_known]
role = "count"
unit = "exchanges"
it = "Di cui si sa il livello di interattività."
en = "With the level of interactivity known."

[columns.n_transaction]
role = "count"
unit = "exchanges"
it = "Tra questi, con l'intera transazione in rete (livelli AgID 4 e 5)."
en = "Of these, with the whole transaction online (levels 4 and 5 of AgID)."

[columns.n_persons_transaction]
role = "count"
unit = "persons"
it = "Persone dietro gli scambi con la transazione in rete."
en = "Persons behind the exchanges with the transaction online."

[columns.n_persons_not_transaction]
role = "count"
unit = "persons"
it = "Persone dietro gli scambi a un livello inferiore."
en = "Persons behind the exchanges at a lower level."

[columns.platforms]
role = "code"
it = "Piattaforme in ordine alfabetico, separate da virgole."
en = "Platforms in alphabetical order, separated by commas."

[columns.access_online_pct]
role = "measure"
unit = "%"
it = "Quota con accesso in rete."
en = "Share with access online."
rate = ["n_access_online", "n_access_known"]
vis = "output"

[columns.access_online_pct_low]
role = "measure"
unit = "%"
it = "Limite inferiore al 95 %."
en = "Lower 95 % limit."

[columns.access_online_pct_high]
role = "measure"
unit = "%"
it = "Limite superiore al 95 %."
en = "Upper 95 % limit."

[columns.hybrid_pct]
role = "measure"
unit = "%"
it = "Quota ibrida, dove si sanno entrambi i canali."
en = "Hybrid share, where both channels are known."
rate = ["n_hybrid", "n_channels_known"]
vis = "output"

[columns.hybrid_pct_low]
role = "measure"
unit = "%"
it = "Limite inferiore al 95 %."
en = "Lower 95 % limit."

[columns.hybrid_pct_high]
role = "measure"
unit = "%"
it = "Limite superiore al 95 %."
en = "Upper 95 % limit."

[columns.transaction_pct]
role = "measure"
unit = "%"
it = "Quota con l'intera transazione in rete."
en = "Share with the whole transaction online."
rate = ["n_transaction", "n_interactivity_known"]
vis = "output"

[columns.transaction_pct_low]
role = "measure"
unit = "%"
it = "Limite inferiore al 95 %."
en = "Lower 95 % limit."

[columns.transaction_pct_high]
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
        interactivity,
        substr(access_channel, 1, 2) as access_kind,
        substr(delivery_channel, 1, 2) as delivery_kind
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

-- First level of the AgID channels. 02 application, 04 mail and 05 other electronic are online;
-- 01 desk, home or post is not, nor is 03 telephone: a voice makes no online community.
placed_exchanges as (
    select
        district_code,
        quarter,
        platform,
        person_key,
        case
            when access_kind in ('02', '04', '05') then 1
            when access_kind in ('01', '03') then 0
        end as is_access_online,
        case
            when delivery_kind in ('02', '04', '05') then 1
            when delivery_kind in ('01', '03') then 0
        end as is_delivery_online,
        case
            when interactivity in ('transaction', 'personalization') then 1
            when interactivity is not null then 0
        end as is_transaction
    from exchanges
),

sorted_exchanges as (
    select
        district_code,
        quarter,
        platform,
        person_key,
        is_access_online,
        is_transaction,
        is_access_online + is_delivery_online as n_online_sides
    from placed_exchanges
),

-- Rows without a person key count as one person: the fewest they can be.
persons as (
    select
        sorted_exchanges.district_code,
        sorted_exchanges.quarter,
        sorted_exchanges.platform,
        sorted_exchanges.person_key,
        count(*) as n_exchanges,
        count(sorted_exchanges.is_access_online) as n_access_known,
        sum(coalesce(sorted_exchanges.is_access_online, 0)) as n_access_online,
        count(sorted_exchanges.n_online_sides) as n_channels_known,
        sum(case when sorted_exchanges.n_online_sides is null then 1 else 0 end)
            as n_channels_unknown,
        sum(case when sorted_exchanges.n_online_sides = 2 then 1 else 0 end) as n_online,
        sum(case when sorted_exchanges.n_online_sides = 0 then 1 else 0 end) as n_offline,
        sum(case when sorted_exchanges.n_online_sides = 1 then 1 else 0 end) as n_hybrid,
        count(sorted_exchanges.is_transaction) as n_interactivity_known,
        sum(coalesce(sorted_exchanges.is_transaction, 0)) as n_transaction
    from sorted_exchanges
    inner join quarters
        on sorted_exchanges.quarter = quarters.quarter
    group by
        sorted_exchanges.district_code,
        sorted_exchanges.quarter,
        sorted_exchanges.platform,
        sorted_exchanges.person_key
),

platform_cells as (
    select
        district_code,
        quarter,
        platform,
        sum(n_exchanges) as n_exchanges,
        sum(n_access_known) as n_access_known,
        sum(n_access_online) as n_access_online,
        sum(n_channels_known) as n_channels_known,
        sum(n_channels_unknown) as n_channels_unknown,
        sum(n_online) as n_online,
        sum(n_offline) as n_offline,
        sum(n_hybrid) as n_hybrid,
        sum(n_interactivity_known) as n_interactivity_known,
        sum(n_transaction) as n_transaction,
        sum(case when n_access_online > 0 then 1 else 0 end) as n_persons_access_online,
        sum(case when n_access_online < n_access_known then 1 else 0 end)
            as n_persons_not_access_online,
        sum(case when n_channels_unknown > 0 then 1 else 0 end) as n_persons_channels_unknown,
        sum(case when n_online > 0 then 1 else 0 end) as n_persons_online,
        sum(case when n_offline > 0 then 1 else 0 end) as n_persons_offline,
        sum(case when n_hybrid > 0 then 1 else 0 end) as n_persons_hybrid,
        sum(case when n_transaction > 0 then 1 else 0 end) as n_persons_transaction,
        sum(case when n_transaction < n_interactivity_known then 1 else 0 end)
            as n_persons_not_transaction
    from persons
    group by district_code, quarter, platform
),

cells as (
    select
        district_code,
        quarter,
        sum(n_exchanges) as n_exchanges,
        sum(n_access_known) as n_access_known,
        sum(n_access_online) as n_access_online,
        sum(n_channels_known) as n_channels_known,
        sum(n_channels_unknown) as n_channels_unknown,
        sum(n_online) as n_online,
        sum(n_offline) as n_offline,
        sum(n_hybrid) as n_hybrid,
        sum(n_interactivity_known) as n_interactivity_known,
        sum(n_transaction) as n_transaction,
        max(n_persons_access_online) as n_persons_access_online,
        max(n_persons_not_access_online) as n_persons_not_access_online,
        max(n_persons_channels_unknown) as n_persons_channels_unknown,
        max(n_persons_online) as n_persons_online,
        max(n_persons_offline) as n_persons_offline,
        max(n_persons_hybrid) as n_persons_hybrid,
        max(n_persons_transaction) as n_persons_transaction,
        max(n_persons_not_transaction) as n_persons_not_transaction,
        string_agg(platform, ',' order by platform) as platforms
    from platform_cells
    group by district_code, quarter
)

select
    cells.district_code,
    cells.quarter,
    cells.n_exchanges,
    cells.n_access_known,
    cells.n_access_online,
    cells.n_persons_access_online,
    cells.n_persons_not_access_online,
    cells.n_channels_known,
    cells.n_channels_unknown,
    cells.n_online,
    cells.n_offline,
    cells.n_hybrid,
    cells.n_persons_channels_unknown,
    cells.n_persons_online,
    cells.n_persons_offline,
    cells.n_persons_hybrid,
    cells.n_interactivity_known,
    cells.n_transaction,
    cells.n_persons_transaction,
    cells.n_persons_not_transaction,
    cells.platforms,
    100 * cast(cells.n_access_online as double)
    / nullif(cells.n_access_known, 0) as access_online_pct,
    100 * wilson_low(cells.n_access_online, cells.n_access_known) as access_online_pct_low,
    100 * wilson_high(cells.n_access_online, cells.n_access_known) as access_online_pct_high,
    100 * cast(cells.n_hybrid as double) / nullif(cells.n_channels_known, 0) as hybrid_pct,
    100 * wilson_low(cells.n_hybrid, cells.n_channels_known) as hybrid_pct_low,
    100 * wilson_high(cells.n_hybrid, cells.n_channels_known) as hybrid_pct_high,
    100 * cast(cells.n_transaction as double)
    / nullif(cells.n_interactivity_known, 0) as transaction_pct,
    100 * wilson_low(cells.n_transaction, cells.n_interactivity_known) as transaction_pct_low,
    100 * wilson_high(cells.n_transaction, cells.n_interactivity_known) as transaction_pct_high,
    coalesce(coverage.coverage, 'not_covered') as coverage
from cells
left join coverage
    on
        cells.district_code = coverage.district_code
        and cells.quarter = coverage.quarter
