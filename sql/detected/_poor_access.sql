/* model
description.it = "Quanti che offrono un servizio può raggiungere chi abita in ogni ambito (E2SFCA)."
description.en = "How many who offer a service people of each district can reach (E2SFCA)."
grain = ["district_code", "need_code", "quarter"]
checks = [
    "unique(grain)",
    "observed >= 0",
    "expected >= 5",
    "people > 0",
    "expected_low <= expected_high",
    "ratio_low <= ratio and ratio <= ratio_high",
    "dispersion >= 1",
    "p_value between 0 and 1",
    "q_value between p_value and 1",
]
tags = ["service_gaps"]
owner = "antenne"

[columns.district_code]
role = "key"
it = "Ambito."
en = "District."

[columns.need_code]
role = "key"
it = "Bisogno SIUSS; NEW se il vocabolario non ha la parola."
en = "SIUSS need; NEW when the vocabulary has no word."

[columns.quarter]
role = "key"
it = "Trimestre, per esempio 2026-Q3."
en = "Quarter, for example 2026-Q3."

[columns.platforms]
role = "code"
it = "Piattaforme in ordine alfabetico, separate da virgole."
en = "Platforms in alphabetical order, separated by commas."

[columns.people]
role = "count"
unit = "persons"
it = "Abitanti del gruppo a cui il servizio si rivolge."
en = "Residents of the group that the service is for."

[columns.observed]
role = "measure"
unit = "suppliers"
it = "Offerenti dell'anno che toccano a chi vi abita, divisi con chi altro li raggiunge."
en = "Suppliers of the year that fall to who lives there, shared with who else reaches them."

[columns.expected]
role = "measure"
unit = "suppliers"
it = "Quanti ne toccherebbero se a tutti ne toccassero altrettanti."
en = "How many would fall to them if all had alike."

[columns.expected_low]
role = "measure"
unit = "suppliers"
it = "Limite inferiore al 95 % di ciò che si attendeva."
en = "Lower 95 % limit of what was expected."

[columns.expected_high]
role = "measure"
unit = "suppliers"
it = "Limite superiore al 95 % di ciò che si attendeva."
en = "Upper 95 % limit of what was expected."

[columns.dispersion]
role = "measure"
it = "Sovradispersione tra le celle del trimestre; 1 se basta il caso."
en = "Over-dispersion among the cells of the quarter; 1 where chance suffices."

[columns.p_value]
role = "measure"
it = "Probabilità di così pochi, se tutti ne avessero altrettanti."
en = "Chance of so few, if all had alike."

[columns.access_per_1000]
role = "measure"
unit = "suppliers"
it = "Offerenti raggiungibili per mille abitanti del gruppo."
en = "Suppliers in reach per thousand residents of the group."

[columns.ratio]
role = "measure"
it = "Visto su atteso."
en = "Seen over expected."

[columns.ratio_low]
role = "measure"
it = "Limite inferiore al 95 % esatto del rapporto."
en = "Exact lower 95 % limit of the ratio."

[columns.ratio_high]
role = "measure"
it = "Limite superiore al 95 % esatto del rapporto."
en = "Exact upper 95 % limit of the ratio."

[columns.q_value]
role = "measure"
it = "Quota attesa di falsi tra le celle almeno altrettanto forti."
en = "Expected share of false ones among cells as strong."
*/
with exchanges as (
    select
        platform,
        need_code,
        quarter,
        counts_as,
        outcome,
        comune_code,
        person_key,
        provider_id,
        place_id,
        counterpart_key,
        counterpart_comune_code
    from derived._exchanges
    where counts_as in ('request', 'offer', 'event') and need_code <> 'NEW'
),

providers as (
    select
        provider_id,
        platform,
        comune_code
    from conformed.providers
),

places as (
    select
        place_id,
        platform,
        comune_code
    from conformed.places
),

needs as (
    select
        need_code,
        case
            when target_area = 'anziani' then '65+'
            when target_area = 'famiglia_minori' then '0-17'
            else 'all'
        end as target_group
    from reference.needs
),

coverage as (
    select
        platform,
        district_code,
        quarter
    from derived.coverage_by_platform_district_quarter
    where status in ('covered', 'partly') and district_code <> 'OUTSIDE'
),

quarters as (
    select
        quarter,
        ends_on,
        row_number() over (order by starts_on desc) as age
    from derived._complete_quarters
),

judged_quarters as (
    select
        quarter,
        age,
        ends_on
    from quarters
    where age <= 8
),

districts as (
    select
        comune_code,
        district_code,
        valid_from,
        valid_to
    from reference.districts
),

population as (
    select
        comune_code,
        residents,
        case
            when age_class in ('0-4', '5-9', '10-14') then '0-17'
            when age_class in ('65-69', '70-74', '75-79', '80-84', '85+') then '65+'
            else age_class
        end as age_band
    from reference.population
),

comune_places as (
    select
        comune_code,
        longitude,
        latitude
    from reference.comune_places
),

-- Who supplies, and where: at the place, else where the person lives, else at the body's seat.
acts as (
    select
        exchanges.platform,
        exchanges.need_code,
        exchanges.quarter,
        case
            when exchanges.counts_as = 'offer' then exchanges.person_key
            else coalesce(exchanges.counterpart_key, exchanges.provider_id, exchanges.place_id)
        end as supplier,
        case
            when exchanges.counts_as in ('offer', 'event') then exchanges.comune_code
            else
                coalesce(
                    places.comune_code,
                    exchanges.counterpart_comune_code,
                    providers.comune_code
                )
        end as comune_code
    from exchanges
    left join providers
        on
            exchanges.provider_id = providers.provider_id
            and exchanges.platform = providers.platform
    left join places
        on exchanges.place_id = places.place_id and exchanges.platform = places.platform
    where exchanges.counts_as <> 'request' or exchanges.outcome = 'matched'
),

-- Whether a platform says where its suppliers are; else nobody can tell who reaches them.
located as (
    select
        platform,
        need_code,
        case
            when
                10 * sum(
                    case when supplier is not null and comune_code is not null then 1 else 0 end
                ) >= 8 * count(*)
                then 1
            else 0
        end as is_located
    from acts
    group by platform, need_code
),

platform_needs as (
    select
        exchanges.platform,
        exchanges.need_code,
        coalesce(min(located.is_located), 0) as is_located
    from exchanges
    left join located
        on
            exchanges.platform = located.platform
            and exchanges.need_code = located.need_code
    group by exchanges.platform, exchanges.need_code
),

served_districts as (
    select
        coverage.platform,
        coverage.district_code,
        coverage.quarter,
        platform_needs.need_code,
        min(platform_needs.is_located) over (
            partition by coverage.district_code, coverage.quarter, platform_needs.need_code
        ) as is_located
    from coverage
    inner join platform_needs
        on coverage.platform = platform_needs.platform
),

-- Judged where every platform that serves the need and is present says so.
judged_districts as (
    select
        platform,
        district_code,
        quarter,
        need_code
    from served_districts
    where is_located = 1
),

-- Who supplied anything in the four quarters up to the judged one.
distinct_suppliers as (
    select
        acts.platform,
        acts.need_code,
        judged_quarters.quarter,
        acts.supplier,
        acts.comune_code
    from acts
    inner join quarters
        on acts.quarter = quarters.quarter
    inner join judged_quarters
        on quarters.age >= judged_quarters.age and quarters.age < judged_quarters.age + 4
    where acts.supplier is not null and acts.comune_code is not null
    group by
        acts.platform,
        acts.need_code,
        judged_quarters.quarter,
        acts.supplier,
        acts.comune_code
),

suppliers as (
    select
        platform,
        need_code,
        quarter,
        comune_code,
        count(*) as supply
    from distinct_suppliers
    group by platform, need_code, quarter, comune_code
),

comuni as (
    select
        population.comune_code,
        comune_places.longitude,
        comune_places.latitude,
        cast(sum(population.residents) as double) as residents,
        cast(
            sum(case when population.age_band = '65+' then population.residents else 0 end)
            as double
        ) as residents_65_plus,
        sum(
            case
                when population.age_band = '0-17' then population.residents
                when population.age_band = '15-19' then 3 * population.residents / 5.0
                else 0
            end
        ) as residents_0_17
    from population
    inner join comune_places
        on population.comune_code = comune_places.comune_code
    group by population.comune_code, comune_places.longitude, comune_places.latitude
),

-- `valid_to` is the last day that holds.
origins as (
    select
        judged_districts.platform,
        judged_districts.district_code,
        judged_districts.need_code,
        judged_districts.quarter,
        comuni.comune_code,
        comuni.longitude,
        comuni.latitude,
        case
            when needs.target_group = '65+' then comuni.residents_65_plus
            when needs.target_group = '0-17' then comuni.residents_0_17
            else comuni.residents
        end as people
    from judged_districts
    inner join judged_quarters
        on judged_districts.quarter = judged_quarters.quarter
    inner join needs
        on judged_districts.need_code = needs.need_code
    inner join districts
        on
            judged_districts.district_code = districts.district_code
            and judged_quarters.ends_on >= coalesce(districts.valid_from, date '1900-01-01')
            and judged_quarters.ends_on <= coalesce(districts.valid_to, date '9999-12-31')
    inner join comuni
        on districts.comune_code = comuni.comune_code
),

-- As the crow flies at two minutes a kilometer, which is 30 km an hour.
neighbors as (
    select
        one.comune_code as origin,
        other.comune_code as destination,
        2 * distance_km(one.latitude, one.longitude, other.latitude, other.longitude) as minutes
    from comuni as one
    cross join comuni as other
    where
        abs(one.latitude - other.latitude) <= 0.2
        and abs(one.longitude - other.longitude) <= 0.3
),

pairs as (
    select
        origins.platform,
        origins.district_code,
        origins.need_code,
        origins.quarter,
        origins.comune_code,
        origins.people,
        suppliers.comune_code as destination,
        suppliers.supply,
        neighbors.minutes
    from origins
    left join neighbors
        on origins.comune_code = neighbors.origin and neighbors.minutes <= 30
    left join suppliers
        on
            neighbors.destination = suppliers.comune_code
            and origins.platform = suppliers.platform
            and origins.need_code = suppliers.need_code
            and origins.quarter = suppliers.quarter
),

-- Comuni without suppliers are one row of their neighbor's, so that it has an access of zero.
distinct_pairs as (
    select
        platform,
        district_code,
        need_code,
        quarter,
        comune_code,
        people,
        destination,
        min(supply) as supply,
        min(case when destination is not null then minutes end) as minutes
    from pairs
    group by platform, district_code, need_code, quarter, comune_code, people, destination
),

-- A body and a neighbor are not as much supply: what platforms offer is not added up in reach.
comune_access as (
    select
        platform,
        district_code,
        need_code,
        quarter,
        people,
        e2sfca(comune_code, destination, supply, people, minutes) over (
            partition by platform, need_code, quarter order by comune_code, destination
        ) as access,
        row_number() over (
            partition by platform, need_code, quarter, comune_code order by destination
        ) as row_of_comune
    from distinct_pairs
),

district_values as (
    select
        platform,
        district_code,
        need_code,
        quarter,
        sum(people) as people,
        sum(people * access) as observed
    from comune_access
    where row_of_comune = 1
    group by platform, district_code, need_code, quarter
),

-- With fewer than three districts there is nobody to compare with.
wholes as (
    select
        platform,
        need_code,
        quarter,
        sum(people) as people,
        sum(observed) as observed
    from district_values
    group by platform, need_code, quarter
    having count(*) >= 3 and sum(observed) > 0
),

cells as (
    select
        district_values.district_code,
        district_values.need_code,
        district_values.quarter,
        max(district_values.people) as people,
        sum(district_values.observed) as observed,
        sum(district_values.people * wholes.observed / wholes.people) as expected,
        string_agg(district_values.platform, ',' order by district_values.platform)
            as platforms
    from district_values
    inner join wholes
        on
            district_values.platform = wholes.platform
            and district_values.need_code = wholes.need_code
            and district_values.quarter = wholes.quarter
    group by district_values.district_code, district_values.need_code, district_values.quarter
    having sum(district_values.people * wholes.observed / wholes.people) >= 5
),

-- Shared suppliers vary less than so many counted ones: the Poisson law is a cautious one.
tested_cells as (
    select
        district_code,
        need_code,
        quarter,
        platforms,
        people,
        observed,
        expected,
        ratio_funnel(observed, expected) over (
            partition by quarter order by need_code, district_code
        ) as test
    from cells
),

judged_cells as (
    select
        district_code,
        need_code,
        quarter,
        platforms,
        people,
        observed,
        expected,
        test['low'] as expected_low,
        test['high'] as expected_high,
        test['phi'] as dispersion,
        test['p_low'] as p_value
    from tested_cells
)

select
    district_code,
    need_code,
    quarter,
    platforms,
    observed,
    expected,
    expected_low,
    expected_high,
    dispersion,
    p_value,
    cast(round(people) as bigint) as people,
    1000 * observed / people as access_per_1000,
    observed / expected as ratio,
    exact_rate_low(observed, expected) as ratio_low,
    exact_rate_high(observed, expected) as ratio_high,
    fdr_bh(p_value) over (
        partition by quarter order by need_code, district_code
    ) as q_value
from judged_cells
