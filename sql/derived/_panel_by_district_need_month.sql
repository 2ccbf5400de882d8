/* model
description.it = "Pannello completo per la rilevazione: richieste, esposizione e copertura."
description.en = "Complete panel for detection: requests, exposure and coverage."
grain = ["district_code", "need_code", "month"]
checks = [
    "unique(grain)",
    "n_requests >= 0",
    "n_active_members >= 0",
    "n_exposed <= n_active_members + 1e-9",
    "completeness > 0",
    "completeness <= 1 + 1e-9",
    "not_null(is_covered)",
]

[columns.district_code]
role = "key"
it = "Ambito; OUTSIDE per i comuni fuori da ogni ambito."
en = "District; OUTSIDE for comuni in no district."

[columns.need_code]
role = "key"
it = "Bisogno SIUSS; NEW se il vocabolario non ha la parola."
en = "SIUSS need; NEW when the vocabulary has no word."

[columns.month]
role = "key"
it = "Mese, come suo primo giorno."
en = "Month, as its first day."

[columns.n_active_members]
role = "count"
unit = "persons"
it = "Persone attive sulle piattaforme che servono il bisogno."
en = "Active members of the platforms that serve the need."

[columns.n_exposed]
role = "measure"
unit = "persons"
it = "Persone attive, per la quota delle richieste già registrata: l'esposizione."
en = "Active members, times the share of requests already recorded: the exposure."

[columns.completeness]
role = "measure"
it = "Quota attesa delle richieste del mese già registrate."
en = "Expected share of the month's requests already recorded."

[columns.n_requests]
role = "count"
unit = "requests"
it = "Richieste; zero dove non ce ne sono."
en = "Requests; zero where there are none."

[columns.is_covered]
role = "code"
it = "Se quelle piattaforme coprono l'ambito in quel mese."
en = "Whether those platforms cover the district in that month."
*/
with exchanges as (
    select
        platform,
        district_code,
        need_code
    from derived._exchanges
    where counts_as = 'request'
),

demand as (
    select
        district_code,
        need_code,
        month,
        n_requests
    from derived.demand_by_district_need_month
),

activity as (
    select
        platform,
        district_code,
        month,
        n_active_members
    from derived._members_by_platform_district_month
),

coverage as (
    select
        platform,
        district_code,
        month,
        status
    from derived.coverage_by_platform_district_month
),

reported as (
    select
        platform,
        month,
        completeness
    from derived._completeness_by_platform_month
),

-- A platform serves a need if anyone ever asked it for it, in any district: judging by the
-- district itself would let the outcome choose its own exposure.
platform_needs as (
    select
        platform,
        need_code
    from exchanges
    group by platform, need_code
),

platform_districts as (
    select
        platform,
        district_code
    from exchanges
    group by platform, district_code
),

served_months as (
    select
        platform_needs.need_code,
        coverage.district_code,
        coverage.month,
        coalesce(activity.n_active_members, 0) as n_active_members,
        coalesce(reported.completeness, 1) as completeness,
        case when coverage.status in ('covered', 'partly') then 1 else 0 end as is_covered
    from coverage
    inner join platform_districts
        on
            coverage.platform = platform_districts.platform
            and coverage.district_code = platform_districts.district_code
    inner join platform_needs
        on coverage.platform = platform_needs.platform
    left join activity
        on
            coverage.platform = activity.platform
            and coverage.district_code = activity.district_code
            and coverage.month = activity.month
    left join reported
        on
            coverage.platform = reported.platform
            and coverage.month = reported.month
),

exposures as (
    select
        district_code,
        need_code,
        month,
        sum(n_active_members) as n_active_members,
        sum(n_active_members * completeness) as n_exposed,
        min(completeness) as least_completeness,
        min(is_covered) as is_covered
    from served_months
    group by district_code, need_code, month
)

select
    exposures.district_code,
    exposures.need_code,
    exposures.month,
    exposures.n_active_members,
    exposures.n_exposed,
    -- With nobody active there is nobody to weigh the platforms by.
    case
        when exposures.n_active_members > 0
            then exposures.n_exposed / exposures.n_active_members
        else exposures.least_completeness
    end as completeness,
    coalesce(demand.n_requests, 0) as n_requests,
    exposures.is_covered = 1 as is_covered
from exposures
left join demand
    on
        exposures.district_code = demand.district_code
        and exposures.need_code = demand.need_code
        and exposures.month = demand.month
