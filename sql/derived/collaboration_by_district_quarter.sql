/* model
description.it = "Collaborazione attiva o passiva e sue quattro forme, per ambito e trimestre."
description.en = "Active or passive collaboration and its four forms, by district and quarter."
grain = ["district_code", "quarter"]
checks = [
    "unique(grain)",
    "n_active between 0 and n_collaboration_known",
    "n_persons_active <= n_active",
    "(n_active = 0) = (n_persons_active = 0)",
    "n_persons_not_active <= n_collaboration_known - n_active",
    "(n_collaboration_known = n_active) = (n_persons_not_active = 0)",
    "n_persons_individual_help <= n_individual_help",
    "(n_individual_help = 0) = (n_persons_individual_help = 0)",
    "n_persons_individual_sociality <= n_individual_sociality",
    "(n_individual_sociality = 0) = (n_persons_individual_sociality = 0)",
    "n_persons_shared_help <= n_shared_help",
    "(n_shared_help = 0) = (n_persons_shared_help = 0)",
    "n_persons_shared_sociality <= n_shared_sociality",
    "(n_shared_sociality = 0) = (n_persons_shared_sociality = 0)",
    "(n_collaboration_known = 0) = (active_pct is null)",
    "active_pct between 0 and 100",
    "active_pct_low <= active_pct + 1e-9",
    "active_pct <= active_pct_high + 1e-9",
    "(n_map_known = 0) = (individual_help_pct is null)",
    "individual_help_pct between 0 and 100",
    "individual_help_pct_low <= individual_help_pct + 1e-9",
    "individual_help_pct <= individual_help_pct_high + 1e-9",
    "(n_map_known = 0) = (individual_sociality_pct is null)",
    "individual_sociality_pct between 0 and 100",
    "individual_sociality_pct_low <= individual_sociality_pct + 1e-9",
    "individual_sociality_pct <= individual_sociality_pct_high + 1e-9",
    "(n_map_known = 0) = (shared_help_pct is null)",
    "shared_help_pct between 0 and 100",
    "shared_help_pct_low <= shared_help_pct + 1e-9",
    "shared_help_pct <= shared_help_pct_high + 1e-9",
    "(n_map_known = 0) = (shared_sociality_pct is null)",
    "shared_sociality_pct between 0 and 100",
    "shared_sociality_pct_low <= shared_sociality_pct + 1e-9",
    "shared_sociality_pct <= shared_sociality_pct_high + 1e-9",
    "n_collaboration_known <= n_exchanges and n_map_known <= n_exchanges",
    "n_individual_help + n_individual_sociality + n_shared_help + n_shared_sociality = n_map_known",
]
tags = ["collaboration"]
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
vis = "output"

[columns.n_collaboration_known]
role = "count"
unit = "exchanges"
it = "Richieste e offerte di cui si sa se chi chiede partecipa."
en = "Requests and offers known to be active or passive."

[columns.n_active]
role = "count"
unit = "exchanges"
it = "Tra queste, quelle con collaborazione attiva."
en = "Of these, those with active collaboration."

[columns.n_persons_active]
role = "count"
unit = "persons"
it = "Persone dietro la collaborazione attiva."
en = "Persons behind active collaboration."

[columns.n_persons_not_active]
role = "count"
unit = "persons"
it = "Persone dietro quella passiva."
en = "Persons behind the passive one."

[columns.n_map_known]
role = "count"
unit = "exchanges"
it = "Richieste, offerte ed eventi di cui si sanno modo e scopo."
en = "Requests, offers and events with mode and purpose known."

[columns.n_individual_help]
role = "count"
unit = "exchanges"
it = "Tra questi, aiuto individuale."
en = "Of these, individual help."

[columns.n_individual_sociality]
role = "count"
unit = "exchanges"
it = "Tra questi, socialità individuale."
en = "Of these, individual sociality."

[columns.n_shared_help]
role = "count"
unit = "exchanges"
it = "Tra questi, aiuto condiviso o di gruppo."
en = "Of these, shared or group help."

[columns.n_shared_sociality]
role = "count"
unit = "exchanges"
it = "Tra questi, socialità condivisa o di gruppo."
en = "Of these, shared or group sociality."

[columns.n_persons_individual_help]
role = "count"
unit = "persons"
it = "Persone dietro: aiuto individuale."
en = "Persons behind: individual help."

[columns.n_persons_individual_sociality]
role = "count"
unit = "persons"
it = "Persone dietro: socialità individuale."
en = "Persons behind: individual sociality."

[columns.n_persons_shared_help]
role = "count"
unit = "persons"
it = "Persone dietro: aiuto condiviso o di gruppo."
en = "Persons behind: shared or group help."

[columns.n_persons_shared_sociality]
role = "count"
unit = "persons"
it = "Persone dietro: socialità condivisa o di gruppo."
en = "Persons behind: shared or group sociality."

[columns.platforms]
role = "code"
it = "Piattaforme in ordine alfabetico, separate da virgole."
en = "Platforms in alphabetical order, separated by commas."

[columns.active_pct]
role = "measure"
unit = "%"
it = "Quota con collaborazione attiva."
en = "Share with active collaboration."
rate = ["n_active", "n_collaboration_known"]
vis = "outcome"

[columns.active_pct_low]
role = "measure"
unit = "%"
it = "Limite inferiore al 95 %."
en = "Lower 95 % limit."

[columns.active_pct_high]
role = "measure"
unit = "%"
it = "Limite superiore al 95 %."
en = "Upper 95 % limit."

[columns.individual_help_pct]
role = "measure"
unit = "%"
it = "Quota: aiuto individuale."
en = "Share: individual help."
rate = ["n_individual_help", "n_map_known"]

[columns.individual_help_pct_low]
role = "measure"
unit = "%"
it = "Limite inferiore al 95 %."
en = "Lower 95 % limit."

[columns.individual_help_pct_high]
role = "measure"
unit = "%"
it = "Limite superiore al 95 %."
en = "Upper 95 % limit."

[columns.individual_sociality_pct]
role = "measure"
unit = "%"
it = "Quota: socialità individuale."
en = "Share: individual sociality."
rate = ["n_individual_sociality", "n_map_known"]

[columns.individual_sociality_pct_low]
role = "measure"
unit = "%"
it = "Limite inferiore al 95 %."
en = "Lower 95 % limit."

[columns.individual_sociality_pct_high]
role = "measure"
unit = "%"
it = "Limite superiore al 95 %."
en = "Upper 95 % limit."

[columns.shared_help_pct]
role = "measure"
unit = "%"
it = "Quota: aiuto condiviso o di gruppo."
en = "Share: shared or group help."
rate = ["n_shared_help", "n_map_known"]

[columns.shared_help_pct_low]
role = "measure"
unit = "%"
it = "Limite inferiore al 95 %."
en = "Lower 95 % limit."

[columns.shared_help_pct_high]
role = "measure"
unit = "%"
it = "Limite superiore al 95 %."
en = "Upper 95 % limit."

[columns.shared_sociality_pct]
role = "measure"
unit = "%"
it = "Quota: socialità condivisa o di gruppo."
en = "Share: shared or group sociality."
rate = ["n_shared_sociality", "n_map_known"]

[columns.shared_sociality_pct_low]
role = "measure"
unit = "%"
it = "Limite inferiore al 95 %."
en = "Lower 95 % limit."

[columns.shared_sociality_pct_high]
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
        -- Nobody asks in an event: it is on the map, but neither active nor passive.
        case
            when counts_as = 'event' or collaboration is null then 0 else 1
        end as is_collaboration_known,
        case
            when counts_as <> 'event' and collaboration = 'active' then 1 else 0
        end as is_active,
        case when mode is null or purpose is null then 0 else 1 end as is_map_known,
        case
            when mode = 'individual' and purpose = 'help' then 1 else 0
        end as is_individual_help,
        case
            when mode = 'individual' and purpose = 'sociality' then 1 else 0
        end as is_individual_sociality,
        case
            when mode in ('shared', 'group') and purpose = 'help' then 1 else 0
        end as is_shared_help,
        case
            when mode in ('shared', 'group') and purpose = 'sociality' then 1 else 0
        end as is_shared_sociality
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
        exchanges.quarter,
        exchanges.platform,
        exchanges.person_key,
        count(*) as n_exchanges,
        sum(exchanges.is_collaboration_known) as n_collaboration_known,
        sum(exchanges.is_active) as n_active,
        sum(exchanges.is_map_known) as n_map_known,
        sum(exchanges.is_individual_help) as n_individual_help,
        sum(exchanges.is_individual_sociality) as n_individual_sociality,
        sum(exchanges.is_shared_help) as n_shared_help,
        sum(exchanges.is_shared_sociality) as n_shared_sociality
    from exchanges
    inner join quarters
        on exchanges.quarter = quarters.quarter
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
        sum(n_collaboration_known) as n_collaboration_known,
        sum(n_active) as n_active,
        sum(n_map_known) as n_map_known,
        sum(n_individual_help) as n_individual_help,
        sum(n_individual_sociality) as n_individual_sociality,
        sum(n_shared_help) as n_shared_help,
        sum(n_shared_sociality) as n_shared_sociality,
        sum(case when n_active > 0 then 1 else 0 end) as n_persons_active,
        sum(case when n_active < n_collaboration_known then 1 else 0 end)
            as n_persons_not_active,
        sum(case when n_individual_help > 0 then 1 else 0 end) as n_persons_individual_help,
        sum(case when n_individual_sociality > 0 then 1 else 0 end)
            as n_persons_individual_sociality,
        sum(case when n_shared_help > 0 then 1 else 0 end) as n_persons_shared_help,
        sum(case when n_shared_sociality > 0 then 1 else 0 end) as n_persons_shared_sociality
    from persons
    group by district_code, quarter, platform
),

cells as (
    select
        district_code,
        quarter,
        sum(n_exchanges) as n_exchanges,
        sum(n_collaboration_known) as n_collaboration_known,
        sum(n_active) as n_active,
        max(n_persons_active) as n_persons_active,
        max(n_persons_not_active) as n_persons_not_active,
        sum(n_map_known) as n_map_known,
        sum(n_individual_help) as n_individual_help,
        sum(n_individual_sociality) as n_individual_sociality,
        sum(n_shared_help) as n_shared_help,
        sum(n_shared_sociality) as n_shared_sociality,
        max(n_persons_individual_help) as n_persons_individual_help,
        max(n_persons_individual_sociality) as n_persons_individual_sociality,
        max(n_persons_shared_help) as n_persons_shared_help,
        max(n_persons_shared_sociality) as n_persons_shared_sociality,
        string_agg(platform, ',' order by platform) as platforms
    from platform_cells
    group by district_code, quarter
)

select
    cells.district_code,
    cells.quarter,
    cells.n_exchanges,
    cells.n_collaboration_known,
    cells.n_active,
    cells.n_persons_active,
    cells.n_persons_not_active,
    cells.n_map_known,
    cells.n_individual_help,
    cells.n_individual_sociality,
    cells.n_shared_help,
    cells.n_shared_sociality,
    cells.n_persons_individual_help,
    cells.n_persons_individual_sociality,
    cells.n_persons_shared_help,
    cells.n_persons_shared_sociality,
    cells.platforms,
    100 * cast(cells.n_active as double) / nullif(cells.n_collaboration_known, 0) as active_pct,
    100 * wilson_low(cells.n_active, cells.n_collaboration_known) as active_pct_low,
    100 * wilson_high(cells.n_active, cells.n_collaboration_known) as active_pct_high,
    100 * cast(cells.n_individual_help as double)
    / nullif(cells.n_map_known, 0) as individual_help_pct,
    100 * wilson_low(cells.n_individual_help, cells.n_map_known) as individual_help_pct_low,
    100 * wilson_high(cells.n_individual_help, cells.n_map_known) as individual_help_pct_high,
    100 * cast(cells.n_individual_sociality as double)
    / nullif(cells.n_map_known, 0) as individual_sociality_pct,
    100 * wilson_low(
        cells.n_individual_sociality, cells.n_map_known
    ) as individual_sociality_pct_low,
    100 * wilson_high(
        cells.n_individual_sociality, cells.n_map_known
    ) as individual_sociality_pct_high,
    100 * cast(cells.n_shared_help as double) / nullif(cells.n_map_known, 0) as shared_help_pct,
    100 * wilson_low(cells.n_shared_help, cells.n_map_known) as shared_help_pct_low,
    100 * wilson_high(cells.n_shared_help, cells.n_map_known) as shared_help_pct_high,
    100 * cast(cells.n_shared_sociality as double)
    / nullif(cells.n_map_known, 0) as shared_sociality_pct,
    100 * wilson_low(cells.n_shared_sociality, cells.n_map_known) as shared_sociality_pct_low,
    100 * wilson_high(cells.n_shared_sociality, cells.n_map_known) as shared_sociality_pct_high,
    coalesce(coverage.coverage, 'not_covered') as coverage
from cells
left join coverage
    on
        cells.district_code = coverage.district_code
        and cells.quarter = coverage.quarter
