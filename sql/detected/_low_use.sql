/* model
description.it = "Richieste contro quelle attese per la popolazione di ogni ambito, età per età."
description.en = "Requests against those expected of each district's population, age by age."
grain = ["district_code", "need_code", "quarter"]
checks = [
    "unique(grain)",
    "expected >= 5",
    "observed >= 0",
    "expected_low <= expected_high",
    "ratio_low <= ratio and ratio <= ratio_high",
    "dispersion >= 1",
    "p_value between 0 and 1",
    "q_value between p_value and 1",
    "not_null(platforms)",
]
tags = ["service_gaps", "hidden_need"]
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

[columns.observed]
role = "count"
unit = "requests"
it = "Richieste alle piattaforme confrontate."
en = "Requests on the platforms compared."

[columns.expected]
role = "measure"
unit = "requests"
it = "Attese ai tassi per età degli ambiti coperti dalla stessa piattaforma."
en = "Expected at the rates by age of the districts that the same platform covers."

[columns.platforms]
role = "code"
it = "Piattaforme in ordine alfabetico, separate da virgole."
en = "Platforms in alphabetical order, separated by commas."

[columns.expected_low]
role = "measure"
unit = "requests"
it = "Limite inferiore al 95 % di ciò che si attendeva."
en = "Lower 95 % limit of what was expected."

[columns.expected_high]
role = "measure"
unit = "requests"
it = "Limite superiore al 95 % di ciò che si attendeva."
en = "Upper 95 % limit of what was expected."

[columns.dispersion]
role = "measure"
it = "Sovradispersione tra le celle del trimestre; 1 se basta il caso."
en = "Over-dispersion among the cells of the quarter; 1 where chance suffices."

[columns.p_value]
role = "measure"
it = "Probabilità di così poche richieste, se si chiedesse come altrove."
en = "Chance of so few requests, if people asked as elsewhere."

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
with requests as (
    select
        platform,
        district_code,
        need_code,
        quarter,
        case
            when age_class in ('0-4', '5-9', '10-14', '0-14', '0-17') then '0-17'
            when age_class in ('18-24', '20-24', '25-29', '30-34', '18-34') then '18-34'
            when
                age_class in ('35-39', '40-44', '45-49', '50-54', '55-59', '60-64', '35-64')
                then '35-64'
            when age_class in ('65-69', '70-74', '65-74') then '65-74'
            when age_class in ('75-79', '80-84', '75-84') then '75-84'
            when age_class = '85+' then '85+'
            else 'any'
        end as age_band
    from derived._exchanges
    where counts_as = 'request' and need_code <> 'NEW'
),

quarters as (
    select
        quarter,
        starts_on,
        ends_on,
        row_number() over (order by starts_on desc) as age
    from derived._complete_quarters
),

coverage as (
    select
        platform,
        district_code,
        quarter
    from derived.coverage_by_platform_district_quarter
    where status = 'covered' and district_code <> 'OUTSIDE'
),

numbered_coverage as (
    select
        coverage.platform,
        coverage.district_code,
        coverage.quarter,
        quarters.age
    from coverage
    inner join quarters
        on coverage.quarter = quarters.quarter
),

-- Covered now and in each of the four quarters before: who has just arrived is not yet used.
settled_platforms as (
    select
        present.platform,
        present.district_code,
        present.quarter
    from numbered_coverage as present
    inner join numbered_coverage as past
        on
            present.platform = past.platform
            and present.district_code = past.district_code
            and present.age <= past.age
            and past.age <= present.age + 4
    where present.age <= 8
    group by present.platform, present.district_code, present.quarter
    having count(*) = 5
),

-- With fewer than three districts there is nobody to compare with.
compared_platforms as (
    select
        platform,
        quarter
    from settled_platforms
    group by platform, quarter
    having count(*) >= 3
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
            when age_class in ('0-4', '5-9', '10-14', '0-14', '0-17') then '0-17'
            when age_class in ('18-24', '20-24', '25-29', '30-34', '18-34') then '18-34'
            when
                age_class in ('35-39', '40-44', '45-49', '50-54', '55-59', '60-64', '35-64')
                then '35-64'
            when age_class in ('65-69', '70-74', '65-74') then '65-74'
            when age_class in ('75-79', '80-84', '75-84') then '75-84'
            when age_class = '85+' then '85+'
            else '15-19'
        end as age_band
    from reference.population
),

-- Of the class from 15 to 19, three of the five years are below 18.
comune_bands as (
    select
        comune_code,
        age_band,
        cast(residents as double) as residents
    from population
    where age_band <> '15-19'
    union all
    select
        comune_code,
        '0-17' as age_band,
        cast(3 * residents as double) / 5 as residents
    from population
    where age_band = '15-19'
    union all
    select
        comune_code,
        '18-34' as age_band,
        cast(2 * residents as double) / 5 as residents
    from population
    where age_band = '15-19'
    union all
    select
        comune_code,
        'any' as age_band,
        cast(residents as double) as residents
    from population
),

district_bands as (
    select
        districts.district_code,
        quarters.quarter,
        comune_bands.age_band,
        sum(comune_bands.residents) as residents
    from districts
    -- `valid_to` is the last day that holds.
    inner join quarters
        on
            quarters.ends_on >= coalesce(districts.valid_from, date '1900-01-01')
            and quarters.ends_on <= coalesce(districts.valid_to, date '9999-12-31')
    inner join comune_bands
        on districts.comune_code = comune_bands.comune_code
    group by districts.district_code, quarters.quarter, comune_bands.age_band
),

-- The needs and the ages that ever came to a platform: nobody is expected of the others.
platform_bands as (
    select
        platform,
        need_code,
        age_band
    from requests
    group by platform, need_code, age_band
),

request_counts as (
    select
        platform,
        district_code,
        need_code,
        quarter,
        age_band,
        count(*) as n_requests
    from requests
    group by platform, district_code, need_code, quarter, age_band
),

strata as (
    select
        settled_platforms.platform,
        settled_platforms.district_code,
        settled_platforms.quarter,
        platform_bands.need_code,
        platform_bands.age_band,
        district_bands.residents,
        coalesce(request_counts.n_requests, 0) as n_requests
    from settled_platforms
    inner join compared_platforms
        on
            settled_platforms.platform = compared_platforms.platform
            and settled_platforms.quarter = compared_platforms.quarter
    inner join platform_bands
        on settled_platforms.platform = platform_bands.platform
    inner join district_bands
        on
            settled_platforms.district_code = district_bands.district_code
            and settled_platforms.quarter = district_bands.quarter
            and platform_bands.age_band = district_bands.age_band
    left join request_counts
        on
            settled_platforms.platform = request_counts.platform
            and settled_platforms.district_code = request_counts.district_code
            and settled_platforms.quarter = request_counts.quarter
            and platform_bands.need_code = request_counts.need_code
            and platform_bands.age_band = request_counts.age_band
),

-- The rate of an age is that of all districts of the platform (indirect standardization).
rates as (
    select
        platform,
        quarter,
        need_code,
        age_band,
        sum(n_requests) / sum(residents) as rate
    from strata
    group by platform, quarter, need_code, age_band
    having sum(residents) > 0
),

platform_cells as (
    select
        strata.platform,
        strata.district_code,
        strata.need_code,
        strata.quarter,
        sum(strata.n_requests) as observed,
        sum(strata.residents * rates.rate) as expected
    from strata
    inner join rates
        on
            strata.platform = rates.platform
            and strata.quarter = rates.quarter
            and strata.need_code = rates.need_code
            and strata.age_band = rates.age_band
    group by strata.platform, strata.district_code, strata.need_code, strata.quarter
),

cells as (
    select
        district_code,
        need_code,
        quarter,
        sum(observed) as observed,
        sum(expected) as expected,
        string_agg(platform, ',' order by platform) as platforms
    from platform_cells
    group by district_code, need_code, quarter
    having sum(expected) >= 5
),

tested_cells as (
    select
        district_code,
        need_code,
        quarter,
        observed,
        expected,
        platforms,
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
        observed,
        expected,
        platforms,
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
    observed,
    expected,
    platforms,
    expected_low,
    expected_high,
    dispersion,
    p_value,
    observed / expected as ratio,
    exact_rate_low(observed, expected) as ratio_low,
    exact_rate_high(observed, expected) as ratio_high,
    fdr_bh(p_value) over (
        partition by quarter order by need_code, district_code
    ) as q_value
from judged_cells
