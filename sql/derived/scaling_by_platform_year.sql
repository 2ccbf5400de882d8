/* model
description.it = "Crescita in profondità o in ampiezza di ogni piattaforma, per anno completo."
description.en = "Scaling deep or wide of each platform, by complete year."
grain = ["platform", "year"]
checks = [
    "unique(grain)",
    "exchanges_per_member_low <= exchanges_per_member + 1e-9",
    "exchanges_per_member <= exchanges_per_member_high + 1e-9",
    "(n_taking_part = 0) = (repeat_pct is null)",
    "repeat_pct between 0 and 100",
    "repeat_pct_low <= repeat_pct + 1e-9",
    "repeat_pct <= repeat_pct_high + 1e-9",
    "n_comuni >= 1",
    "n_months between 0 and 12",
    "n_exchanged <= n_filed",
    "n_persons_repeat + n_persons_not_repeat = n_taking_part",
    "exchanges_per_member >= 0",
    "members_per_1000_residents >= 0",
    "n_months > 0 or mean_members is null",
    "coverage in ('covered', 'partly', 'not_covered', 'source_down')",
]
tags = ["scaling"]
owner = "antenne"

[columns.platform]
role = "key"
it = "Piattaforma che ha registrato la riga."
en = "Platform that recorded the row."

[columns.year]
role = "key"
it = "Anno."
en = "Year."

[columns.n_comuni]
role = "count"
unit = "comuni"
it = "Comuni raggiunti: una persona attiva, o una richiesta, offerta o evento."
en = "Comuni reached: an active member, or a request, offer or event."
vis = "output"

[columns.n_months]
role = "count"
unit = "months"
it = "Mesi di cui si sanno le persone attive."
en = "Months with the active members known."

[columns.n_filed]
role = "count"
unit = "exchanges"
it = "Richieste e offerte."
en = "Requests and offers."

[columns.n_exchanged]
role = "count"
unit = "exchanges"
it = "Tra queste, quelle abbinate e non interrotte."
en = "Of these, those matched and not broken off."
vis = "output"

[columns.n_taking_part]
role = "count"
unit = "persons"
it = "Persone che hanno ricevuto, o dato senza paga, su ogni piattaforma."
en = "Persons who received, or gave without pay, on each platform."

[columns.n_persons_repeat]
role = "count"
unit = "persons"
it = "Tra loro, chi ha almeno due scambi nell'anno."
en = "Of these, those with two exchanges or more in the year."

[columns.n_persons_not_repeat]
role = "count"
unit = "persons"
it = "Tra loro, chi ne ha uno solo."
en = "Of these, those with one only."

[columns.residents]
role = "count"
unit = "persons"
it = "Residenti dei comuni raggiunti (Istat)."
en = "Residents of the comuni reached (Istat)."

[columns.mean_members]
role = "measure"
unit = "persons"
it = "Persone attive nel mese, in media."
en = "Active members in the month, on average."

[columns.exchanges_per_member]
role = "measure"
unit = "exchanges"
it = "Scambi nell'anno per persona attiva nel mese; assente senza richieste né offerte."
en = "Exchanges of the year per active member; absent without requests or offers."
vis = "outcome"

[columns.exchanges_per_member_low]
role = "measure"
unit = "exchanges"
it = "Limite inferiore al 95 %."
en = "Lower 95 % limit."

[columns.exchanges_per_member_high]
role = "measure"
unit = "exchanges"
it = "Limite superiore al 95 %."
en = "Upper 95 % limit."

[columns.members_per_1000_residents]
role = "measure"
unit = "persons"
it = "Persone attive nel mese ogni 1.000 residenti dei comuni raggiunti."
en = "Active members in the month per 1,000 residents of the comuni reached."
vis = "outcome"

[columns.repeat_pct]
role = "measure"
unit = "%"
it = "Quota di persone con almeno due scambi."
en = "Share of persons with two exchanges or more."
rate = ["n_persons_repeat", "n_taking_part"]
vis = "outcome"

[columns.repeat_pct_low]
role = "measure"
unit = "%"
it = "Limite inferiore al 95 %."
en = "Lower 95 % limit."

[columns.repeat_pct_high]
role = "measure"
unit = "%"
it = "Limite superiore al 95 %."
en = "Upper 95 % limit."

[columns.coverage]
role = "code"
it = "Completezza nei suoi ambiti: covered, partly, not_covered o source_down."
en = "Completeness in its districts: covered, partly, not_covered or source_down."
*/
with exchanges as (
    select
        platform,
        comune_code,
        counts_as,
        state,
        matched_on,
        substr(quarter, 1, 4) as year
    from derived._exchanges
    where counts_as in ('request', 'offer', 'event')
),

participations as (
    select
        platform,
        person_key,
        substr(quarter, 1, 4) as year
    from derived._participations
    where exchanged_on is not null
),

activity as (
    select
        platform,
        comune_code,
        month,
        n_active_members
    from conformed.activity
),

comuni as (
    select
        comune_code,
        population
    from reference.comuni
),

quarters as (
    select
        quarter,
        starts_on,
        ends_on
    from derived._complete_quarters
),

district_coverage as (
    select
        platform,
        district_code,
        status,
        substr(quarter, 1, 4) as year
    from derived.coverage_by_platform_district_quarter
),

complete_years as (
    select substr(quarter, 1, 4) as year
    from quarters
    group by substr(quarter, 1, 4)
    having count(*) = 4
),

active_months as (
    select
        activity.platform,
        activity.comune_code,
        activity.month,
        activity.n_active_members,
        substr(quarters.quarter, 1, 4) as year
    from activity
    inner join quarters
        on activity.month >= quarters.starts_on and activity.month <= quarters.ends_on
),

reached_comuni as (
    select
        platform,
        year,
        comune_code
    from exchanges
    union
    select
        platform,
        year,
        comune_code
    from active_months
    where n_active_members > 0
),

reach as (
    select
        reached_comuni.platform,
        reached_comuni.year,
        count(*) as n_comuni,
        sum(comuni.population) as residents
    from reached_comuni
    inner join complete_years
        on reached_comuni.year = complete_years.year
    left join comuni
        on reached_comuni.comune_code = comuni.comune_code
    group by reached_comuni.platform, reached_comuni.year
),

months as (
    select
        active_months.platform,
        active_months.year,
        active_months.month,
        sum(active_months.n_active_members) as n_members,
        -- Members of a comune of unknown population cannot be held against residents.
        sum(
            case
                when comuni.population is not null then active_months.n_active_members
                else 0
            end
        ) as n_resident_members
    from active_months
    left join comuni
        on active_months.comune_code = comuni.comune_code
    group by active_months.platform, active_months.year, active_months.month
),

members as (
    select
        platform,
        year,
        count(*) as n_months,
        cast(sum(n_members) as double) / count(*) as mean_members,
        cast(sum(n_resident_members) as double) / count(*) as mean_resident_members
    from months
    group by platform, year
),

counted_exchanges as (
    select
        platform,
        year,
        sum(case when counts_as <> 'event' then 1 else 0 end) as n_filed,
        sum(
            case
                when counts_as = 'event' then 0
                when state in ('cancelled', 'refused', 'expired', 'given_up_for_cost') then 0
                when state in ('matched', 'active', 'completed') then 1
                when matched_on is not null then 1
                else 0
            end
        ) as n_exchanged
    from exchanges
    group by platform, year
),

persons as (
    select
        platform,
        year,
        person_key,
        count(*) as n_exchanged
    from participations
    group by platform, year, person_key
),

counted_persons as (
    select
        platform,
        year,
        count(*) as n_taking_part,
        sum(case when n_exchanged > 1 then 1 else 0 end) as n_persons_repeat
    from persons
    group by platform, year
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
        district_coverage.year,
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
    group by district_coverage.platform, district_coverage.year
),

cells as (
    select
        reach.platform,
        reach.year,
        reach.n_comuni,
        reach.residents,
        members.mean_members,
        members.mean_resident_members,
        coalesce(members.n_months, 0) as n_months,
        coalesce(counted_exchanges.n_filed, 0) as n_filed,
        coalesce(counted_exchanges.n_exchanged, 0) as n_exchanged,
        coalesce(counted_persons.n_taking_part, 0) as n_taking_part,
        coalesce(counted_persons.n_persons_repeat, 0) as n_persons_repeat,
        coalesce(counted_persons.n_taking_part - counted_persons.n_persons_repeat, 0)
            as n_persons_not_repeat,
        coalesce(coverage.coverage, 'not_covered') as coverage,
        -- Where nobody can ask or offer, no exchanges say nothing about depth.
        case
            when counted_exchanges.n_filed > 0 then members.mean_members
        end as exposure
    from reach
    left join members
        on
            reach.platform = members.platform
            and reach.year = members.year
    left join counted_exchanges
        on
            reach.platform = counted_exchanges.platform
            and reach.year = counted_exchanges.year
    left join counted_persons
        on
            reach.platform = counted_persons.platform
            and reach.year = counted_persons.year
    left join coverage
        on
            reach.platform = coverage.platform
            and reach.year = coverage.year
)

select
    platform,
    year,
    n_comuni,
    n_months,
    n_filed,
    n_exchanged,
    n_taking_part,
    n_persons_repeat,
    n_persons_not_repeat,
    residents,
    mean_members,
    coverage,
    n_exchanged / nullif(exposure, 0) as exchanges_per_member,
    byar_low(n_exchanged, exposure) as exchanges_per_member_low,
    byar_high(n_exchanged, exposure) as exchanges_per_member_high,
    1000 * mean_resident_members / nullif(residents, 0) as members_per_1000_residents,
    100 * cast(n_persons_repeat as double) / nullif(n_taking_part, 0) as repeat_pct,
    100 * wilson_low(n_persons_repeat, n_taking_part) as repeat_pct_low,
    100 * wilson_high(n_persons_repeat, n_taking_part) as repeat_pct_high
from cells
