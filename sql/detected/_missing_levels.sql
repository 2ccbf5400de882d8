/* model
description.it = "Livelli garantiti: quanto si offre in ogni ambito contro quanto altrove."
description.en = "Guaranteed levels: how much each district is offered against elsewhere."
grain = ["district_code", "need_code", "quarter"]
checks = [
    "unique(grain)",
    "expected > 0",
    "observed >= 0",
    "expected_low <= expected_high",
    "ratio_low <= ratio and ratio <= ratio_high",
    "dispersion >= 1",
    "p_value between 0 and 1",
    "q_value between p_value and 1",
    "is_missing = (observed = 0)",
]
tags = ["service_gaps", "leps"]
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
unit = "acts"
it = "Risposte a richieste, offerte ed eventi."
en = "Answers to requests, offers and events."

[columns.expected]
role = "measure"
unit = "acts"
it = "Attesi per gli abitanti, al tasso degli ambiti della stessa piattaforma."
en = "Expected of the residents, at the rate of the districts of the same platform."

[columns.platforms]
role = "code"
it = "Piattaforme in ordine alfabetico, separate da virgole."
en = "Platforms in alphabetical order, separated by commas."

[columns.expected_low]
role = "measure"
unit = "acts"
it = "Limite inferiore al 95 % di ciò che si attendeva."
en = "Lower 95 % limit of what was expected."

[columns.expected_high]
role = "measure"
unit = "acts"
it = "Limite superiore al 95 % di ciò che si attendeva."
en = "Upper 95 % limit of what was expected."

[columns.dispersion]
role = "measure"
it = "Sovradispersione tra le celle del trimestre; 1 se basta il caso."
en = "Over-dispersion among the cells of the quarter; 1 where chance suffices."

[columns.p_value]
role = "measure"
it = "Probabilità di così poco, se si offrisse come altrove."
en = "Chance of so little, if it were offered as elsewhere."

[columns.is_missing]
role = "code"
it = "Se nel trimestre nessuno lo ha offerto."
en = "Whether nobody offered it in the quarter."

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
with acts as (
    select
        platform,
        district_code,
        need_code,
        quarter,
        case
            when counts_as in ('offer', 'event') or outcome = 'matched' then 1 else 0
        end as is_offered
    from derived._exchanges
    where counts_as in ('request', 'offer', 'event')
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
    where is_guaranteed = 'yes'
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

residents as (
    select
        district_code,
        quarter,
        residents,
        residents_0_17,
        residents_65_plus
    from derived._residents_by_district_quarter
),

-- A platform serves a level if anyone ever asked for it or offered it there, in any district.
platform_needs as (
    select
        acts.platform,
        acts.need_code,
        needs.target_group
    from acts
    inner join needs
        on acts.need_code = needs.need_code
    group by acts.platform, acts.need_code, needs.target_group
),

act_counts as (
    select
        platform,
        district_code,
        need_code,
        quarter,
        sum(is_offered) as n_acts
    from acts
    group by platform, district_code, need_code, quarter
),

owed as (
    select
        settled_platforms.platform,
        settled_platforms.district_code,
        settled_platforms.quarter,
        platform_needs.need_code,
        coalesce(act_counts.n_acts, 0) as n_acts,
        case
            when platform_needs.target_group = '65+' then residents.residents_65_plus
            when platform_needs.target_group = '0-17' then residents.residents_0_17
            else residents.residents
        end as n_people
    from settled_platforms
    inner join compared_platforms
        on
            settled_platforms.platform = compared_platforms.platform
            and settled_platforms.quarter = compared_platforms.quarter
    inner join platform_needs
        on settled_platforms.platform = platform_needs.platform
    inner join residents
        on
            settled_platforms.district_code = residents.district_code
            and settled_platforms.quarter = residents.quarter
    left join act_counts
        on
            settled_platforms.platform = act_counts.platform
            and settled_platforms.district_code = act_counts.district_code
            and settled_platforms.quarter = act_counts.quarter
            and platform_needs.need_code = act_counts.need_code
),

rates as (
    select
        platform,
        quarter,
        need_code,
        cast(sum(n_acts) as double) / sum(n_people) as rate
    from owed
    group by platform, quarter, need_code
    having sum(n_people) > 0
),

-- What nobody offers anywhere on a platform is no finding about a district.
cells as (
    select
        owed.district_code,
        owed.need_code,
        owed.quarter,
        sum(owed.n_acts) as observed,
        sum(owed.n_people * rates.rate) as expected,
        string_agg(owed.platform, ',' order by owed.platform) as platforms
    from owed
    inner join rates
        on
            owed.platform = rates.platform
            and owed.quarter = rates.quarter
            and owed.need_code = rates.need_code
    group by owed.district_code, owed.need_code, owed.quarter
    having sum(owed.n_people * rates.rate) > 0
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
    observed = 0 as is_missing,
    observed / expected as ratio,
    exact_rate_low(observed, expected) as ratio_low,
    exact_rate_high(observed, expected) as ratio_high,
    fdr_bh(p_value) over (
        partition by quarter order by need_code, district_code
    ) as q_value
from judged_cells
