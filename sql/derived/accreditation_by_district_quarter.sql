/* model
description.it = "Quanto dell'offerta degli enti viene da accreditati, per ambito e trimestre."
description.en = "How much of what bodies offer comes from accredited ones."
grain = ["district_code", "quarter"]
checks = [
    "unique(grain)",
    "n_services + n_services_unknown >= 1",
    "n_services_accredited between 0 and n_services",
    "n_providers_accredited between 0 and n_providers",
    "n_providers <= n_services",
    "n_providers_unknown <= n_services_unknown",
    "n_persons_accredited <= n_services_accredited",
    "(n_services_accredited = 0) = (n_persons_accredited = 0)",
    "n_persons_not_accredited <= n_services - n_services_accredited",
    "(n_services = n_services_accredited) = (n_persons_not_accredited = 0)",
    "n_persons_unknown <= n_services_unknown",
    "(n_services_unknown = 0) = (n_persons_unknown = 0)",
    "(n_services = 0) = (services_accredited_pct is null)",
    "services_accredited_pct between 0 and 100",
    "services_accredited_pct_low <= services_accredited_pct + 1e-9",
    "services_accredited_pct <= services_accredited_pct_high + 1e-9",
    "providers_accredited_pct between 0 and 100",
    "providers_accredited_pct_low <= providers_accredited_pct + 1e-9",
    "providers_accredited_pct <= providers_accredited_pct_high + 1e-9",
]
tags = ["accreditation"]
owner = "antenne"

[columns.district_code]
role = "key"
it = "Ambito; OUTSIDE per i comuni fuori da ogni ambito."
en = "District; OUTSIDE for comuni in no district."

[columns.quarter]
role = "key"
it = "Trimestre, per esempio 2026-Q3."
en = "Quarter, for example 2026-Q3."

[columns.n_services]
role = "count"
unit = "services"
it = "Offerte, eventi e richieste con risposta di enti di cui si sa se sono accreditati."
en = "Offers, events and answered requests of bodies known to be accredited or not."

[columns.n_services_accredited]
role = "count"
unit = "services"
it = "Quelle di enti accreditati nel trimestre."
en = "Those of bodies accredited in the quarter."

[columns.n_services_unknown]
role = "count"
unit = "services"
it = "Quelle di enti di cui non si sa."
en = "Those of bodies of which it is not known."

[columns.n_providers]
role = "count"
unit = "providers"
it = "Enti attivi di cui si sa se sono accreditati."
en = "Active bodies known to be accredited or not."

[columns.n_providers_accredited]
role = "count"
unit = "providers"
it = "Enti attivi e accreditati nel trimestre."
en = "Active bodies accredited in the quarter."

[columns.n_providers_unknown]
role = "count"
unit = "providers"
it = "Enti attivi di cui non si sa."
en = "Active bodies of which it is not known."

[columns.n_persons_accredited]
role = "count"
unit = "persons"
it = "Persone dietro ciò che danno gli enti accreditati."
en = "Persons behind what accredited bodies give."

[columns.n_persons_not_accredited]
role = "count"
unit = "persons"
it = "Persone dietro ciò che danno gli enti non accreditati."
en = "Persons behind what bodies that are not accredited give."

[columns.n_persons_unknown]
role = "count"
unit = "persons"
it = "Persone dietro ciò che danno gli enti di cui non si sa."
en = "Persons behind what bodies give of which it is not known."

[columns.platforms]
role = "code"
it = "Piattaforme in ordine alfabetico, separate da virgole."
en = "Platforms in alphabetical order, separated by commas."

[columns.services_accredited_pct]
role = "measure"
unit = "%"
it = "Quota di enti accreditati tra offerte, eventi e richieste con risposta."
en = "Share of accredited bodies among offers, events and answered requests."
rate = ["n_services_accredited", "n_services"]

[columns.services_accredited_pct_low]
role = "measure"
unit = "%"
it = "Limite inferiore al 95 %."
en = "Lower 95 % limit."

[columns.services_accredited_pct_high]
role = "measure"
unit = "%"
it = "Limite superiore al 95 %."
en = "Upper 95 % limit."

[columns.providers_accredited_pct]
role = "measure"
unit = "%"
it = "Quota degli enti attivi che sono accreditati."
en = "Share of the active bodies that are accredited."
rate = ["n_providers_accredited", "n_providers"]

[columns.providers_accredited_pct_low]
role = "measure"
unit = "%"
it = "Limite inferiore al 95 %."
en = "Lower 95 % limit."

[columns.providers_accredited_pct_high]
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
        provider_id,
        person_key
    from derived._exchanges
    where
        provider_id is not null
        and (counts_as in ('offer', 'event') or outcome = 'matched')
),

providers as (
    select
        provider_id,
        platform,
        accredited_from,
        accredited_to
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

services as (
    select
        exchanges.district_code,
        exchanges.quarter,
        exchanges.platform,
        exchanges.provider_id,
        exchanges.person_key,
        case
            when providers.accredited_to < quarters.starts_on then 'no'
            when providers.accredited_from > quarters.ends_on then 'no'
            when providers.accredited_from is not null then 'yes'
            -- No day on record does not say that the body was turned down.
            else 'unknown'
        end as is_accredited
    from exchanges
    inner join quarters
        on exchanges.quarter = quarters.quarter
    left join providers
        on
            exchanges.provider_id = providers.provider_id
            and exchanges.platform = providers.platform
),

-- Rows without a person key count as one person: the fewest they can be.
persons as (
    select
        district_code,
        quarter,
        platform,
        person_key,
        sum(case when is_accredited = 'yes' then 1 else 0 end) as n_yes,
        sum(case when is_accredited = 'no' then 1 else 0 end) as n_no,
        sum(case when is_accredited = 'unknown' then 1 else 0 end) as n_unknown
    from services
    group by district_code, quarter, platform, person_key
),

platform_cells as (
    select
        district_code,
        quarter,
        platform,
        sum(n_yes) as n_yes,
        sum(n_no) as n_no,
        sum(n_unknown) as n_unknown,
        sum(case when n_yes > 0 then 1 else 0 end) as n_persons_yes,
        sum(case when n_no > 0 then 1 else 0 end) as n_persons_no,
        sum(case when n_unknown > 0 then 1 else 0 end) as n_persons_unknown
    from persons
    group by district_code, quarter, platform
),

cells as (
    select
        district_code,
        quarter,
        sum(n_yes + n_no) as n_services,
        sum(n_yes) as n_services_accredited,
        sum(n_unknown) as n_services_unknown,
        max(n_persons_yes) as n_persons_accredited,
        max(n_persons_no) as n_persons_not_accredited,
        max(n_persons_unknown) as n_persons_unknown,
        string_agg(platform, ',' order by platform) as platforms
    from platform_cells
    group by district_code, quarter
),

bodies as (
    select
        district_code,
        quarter,
        platform,
        provider_id,
        is_accredited
    from services
    group by district_code, quarter, platform, provider_id, is_accredited
),

body_cells as (
    select
        district_code,
        quarter,
        sum(case when is_accredited <> 'unknown' then 1 else 0 end) as n_providers,
        sum(case when is_accredited = 'yes' then 1 else 0 end) as n_providers_accredited,
        sum(case when is_accredited = 'unknown' then 1 else 0 end) as n_providers_unknown
    from bodies
    group by district_code, quarter
)

select
    cells.district_code,
    cells.quarter,
    cells.n_services,
    cells.n_services_accredited,
    cells.n_services_unknown,
    body_cells.n_providers,
    body_cells.n_providers_accredited,
    body_cells.n_providers_unknown,
    cells.n_persons_accredited,
    cells.n_persons_not_accredited,
    cells.n_persons_unknown,
    cells.platforms,
    100 * cast(cells.n_services_accredited as double)
    / nullif(cells.n_services, 0) as services_accredited_pct,
    100 * wilson_low(
        cells.n_services_accredited, cells.n_services
    ) as services_accredited_pct_low,
    100 * wilson_high(
        cells.n_services_accredited, cells.n_services
    ) as services_accredited_pct_high,
    100 * cast(body_cells.n_providers_accredited as double)
    / nullif(body_cells.n_providers, 0) as providers_accredited_pct,
    100 * wilson_low(
        body_cells.n_providers_accredited, body_cells.n_providers
    ) as providers_accredited_pct_low,
    100 * wilson_high(
        body_cells.n_providers_accredited, body_cells.n_providers
    ) as providers_accredited_pct_high,
    coalesce(coverage.coverage, 'not_covered') as coverage
from cells
inner join body_cells
    on
        cells.district_code = body_cells.district_code
        and cells.quarter = body_cells.quarter
left join coverage
    on
        cells.district_code = coverage.district_code
        and cells.quarter = coverage.quarter
