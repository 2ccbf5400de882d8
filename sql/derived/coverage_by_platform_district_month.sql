/* model
description.it = "Quanto ogni piattaforma copre ogni ambito in ogni mese: griglia completa."
description.en = "How far each platform covers each district in each month: a complete grid."
grain = ["platform", "district_code", "month"]
checks = [
    "unique(grain)",
    "status in ('covered', 'partly', 'not_covered', 'source_down')",
    "n_comuni_covered <= n_comuni",
    "(n_comuni_covered > 0) = (status in ('covered', 'partly'))",
]

[columns.platform]
role = "key"
it = "Piattaforma che ha registrato la riga."
en = "Platform that recorded the row."

[columns.district_code]
role = "key"
it = "Ambito; OUTSIDE per i comuni fuori da ogni ambito."
en = "District; OUTSIDE for comuni in no district."

[columns.month]
role = "key"
it = "Mese, come suo primo giorno."
en = "Month, as its first day."

[columns.n_comuni]
role = "count"
unit = "comuni"
it = "Comuni dell'ambito in quel mese."
en = "Comuni of the district in that month."

[columns.n_comuni_covered]
role = "count"
unit = "comuni"
it = "Comuni con persone attive o scambi."
en = "Comuni with active members or exchanges."

[columns.status]
role = "code"
it = "covered, partly, not_covered o source_down."
en = "covered, partly, not_covered or source_down."
*/
with activity as (
    select
        platform,
        comune_code,
        month
    from conformed.activity
    where n_active_members > 0
),

exchanges as (
    select
        platform,
        comune_code,
        month
    from derived._exchanges
),

districts as (
    select
        comune_code,
        district_code,
        valid_from,
        valid_to
    from reference.districts
),

-- Union, not union all: a comune counts once, whether seen by members, by exchanges or by both.
seen_comuni as (
    select
        platform,
        comune_code,
        month
    from activity
    union
    select
        platform,
        comune_code,
        month
    from exchanges
),

months as (
    select month
    from seen_comuni
    group by month
),

platforms as (
    select
        platform,
        min(month) as first_month
    from seen_comuni
    group by platform
),

platform_months as (
    select
        platform,
        month
    from seen_comuni
    group by platform, month
),

district_months as (
    select
        districts.district_code,
        months.month,
        count(*) as n_comuni
    from districts
    cross join months
    where
        months.month >= coalesce(districts.valid_from, date '1900-01-01')
        and months.month <= coalesce(districts.valid_to, date '9999-12-31')
    group by districts.district_code, months.month
),

covered as (
    select
        seen_comuni.platform,
        districts.district_code,
        seen_comuni.month,
        count(*) as n_comuni_covered
    from seen_comuni
    inner join districts
        on seen_comuni.comune_code = districts.comune_code
    where
        seen_comuni.month >= coalesce(districts.valid_from, date '1900-01-01')
        and seen_comuni.month <= coalesce(districts.valid_to, date '9999-12-31')
    group by seen_comuni.platform, districts.district_code, seen_comuni.month
),

first_covered as (
    select
        platform,
        district_code,
        min(month) as first_month
    from covered
    group by platform, district_code
),

grid as (
    select
        platforms.platform,
        district_months.district_code,
        district_months.month,
        district_months.n_comuni
    from platforms
    cross join district_months
)

select
    grid.platform,
    grid.district_code,
    grid.month,
    grid.n_comuni,
    coalesce(covered.n_comuni_covered, 0) as n_comuni_covered,
    case
        when 2 * covered.n_comuni_covered >= grid.n_comuni then 'covered'
        when covered.n_comuni_covered > 0 then 'partly'
        -- The platform is silent everywhere, here too where it was present before.
        when platform_months.month is null and first_covered.first_month <= grid.month
            then 'source_down'
        else 'not_covered'
    end as status
from grid
left join covered
    on
        grid.platform = covered.platform
        and grid.district_code = covered.district_code
        and grid.month = covered.month
left join first_covered
    on
        grid.platform = first_covered.platform
        and grid.district_code = first_covered.district_code
left join platform_months
    on
        grid.platform = platform_months.platform
        and grid.month = platform_months.month
