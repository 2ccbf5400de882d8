/* model
description.it = "Richieste con risposta prima e dopo un progetto, nel suo ambito e in simili."
description.en = "Answered requests before and after a project, in its district and similar ones."
grain = ["project_id"]
checks = [
    "unique(grain)",
    "n_quarters_before >= 0 and n_quarters_after >= 0",
    "n_persons_before <= n_matched_before",
    "(n_matched_before = 0) = (n_persons_before = 0)",
    "n_persons_after <= n_matched_after",
    "(n_matched_after = 0) = (n_persons_after = 0)",
    "n_persons_comparison_before <= n_matched_comparison_before",
    "(n_matched_comparison_before = 0) = (n_persons_comparison_before = 0)",
    "n_persons_comparison_after <= n_matched_comparison_after",
    "(n_matched_comparison_after = 0) = (n_persons_comparison_after = 0)",
    "difference_in_differences_low <= difference_in_differences",
    "difference_in_differences <= difference_in_differences_high",
    "not_null(warning)",
    "(warning = 'no_comparable_district') = (comparison_districts is null)",
    "warning <> '' or difference_in_differences_low is not null",
]
tags = ["projects"]
owner = "antenne"

[columns.project_id]
role = "key"
it = "Progetto."
en = "Project."

[columns.platform]
role = "key"
it = "Piattaforma che ha registrato la riga."
en = "Platform that recorded the row."

[columns.welco_area]
role = "code"
it = "Area WELCO."
en = "WELCO area."

[columns.district_code]
role = "code"
it = "Ambito della sede all'avvio; OUTSIDE se fuori da ogni ambito."
en = "District of the seat at the start; OUTSIDE if in no district."

[columns.comparison_districts]
role = "code"
it = "Ambiti di confronto, separati da virgole."
en = "Districts compared with, separated by commas."

[columns.n_quarters_before]
role = "count"
unit = "quarters"
it = "Trimestri completi prima dell'avvio con dati in tutti questi ambiti."
en = "Complete quarters before the start with data in all these districts."

[columns.n_quarters_after]
role = "count"
unit = "quarters"
it = "Trimestri completi dopo l'avvio con dati in tutti questi ambiti."
en = "Complete quarters after the start with data in all these districts."

[columns.n_matched_before]
role = "count"
unit = "requests"
it = "Richieste della stessa area con risposta, prima, nell'ambito del progetto."
en = "Answered requests of the same area, before, in the district of the project."

[columns.n_matched_after]
role = "count"
unit = "requests"
it = "Lo stesso, dopo l'avvio."
en = "The same, after the start."

[columns.n_matched_comparison_before]
role = "count"
unit = "requests"
it = "Richieste della stessa area con risposta, prima, negli ambiti di confronto."
en = "Answered requests of the same area, before, in the districts compared with."

[columns.n_matched_comparison_after]
role = "count"
unit = "requests"
it = "Lo stesso, dopo l'avvio."
en = "The same, after the start."

[columns.n_persons_before]
role = "count"
unit = "persons"
it = "Persone dietro le richieste di prima, nell'ambito."
en = "Persons behind the requests before, in the district."

[columns.n_persons_after]
role = "count"
unit = "persons"
it = "Persone dietro le richieste di dopo, nell'ambito."
en = "Persons behind the requests after, in the district."

[columns.n_persons_comparison_before]
role = "count"
unit = "persons"
it = "Persone dietro le richieste di prima, negli ambiti di confronto."
en = "Persons behind the requests before, in the districts compared with."

[columns.n_persons_comparison_after]
role = "count"
unit = "persons"
it = "Persone dietro le richieste di dopo, negli ambiti di confronto."
en = "Persons behind the requests after, in the districts compared with."

[columns.platforms]
role = "code"
it = "Piattaforme dietro queste richieste, separate da virgole."
en = "Platforms behind these requests, separated by commas."

[columns.matched_per_1000_before]
role = "measure"
unit = "requests"
it = "Richieste con risposta ogni 1.000 residenti per trimestre, prima."
en = "Answered requests per 1,000 residents and quarter, before."
vis = "outcome"

[columns.matched_per_1000_after]
role = "measure"
unit = "requests"
it = "Lo stesso, dopo l'avvio."
en = "The same, after the start."
vis = "outcome"

[columns.comparison_per_1000_before]
role = "measure"
unit = "requests"
it = "Lo stesso, prima, in media negli ambiti di confronto."
en = "The same, before, on average in the districts compared with."

[columns.comparison_per_1000_after]
role = "measure"
unit = "requests"
it = "Lo stesso, dopo, in media negli ambiti di confronto."
en = "The same, after, on average in the districts compared with."

[columns.difference_in_differences]
role = "measure"
unit = "requests"
it = "Crescita nell'ambito meno crescita negli ambiti di confronto: un indizio, non una prova."
en = "Growth in the district less growth in those compared with: a hint, not a proof."
vis = "outcome"

[columns.difference_in_differences_low]
role = "measure"
unit = "requests"
it = "Limite inferiore al 95 %, normale, tra trimestri presi come indipendenti: è stretto."
en = "Lower 95 % limit, normal, of quarters taken as independent: it is narrow."

[columns.difference_in_differences_high]
role = "measure"
unit = "requests"
it = "Limite superiore al 95 %, normale, tra trimestri presi come indipendenti: è stretto."
en = "Upper 95 % limit, normal, of quarters taken as independent: it is narrow."

[columns.warning]
role = "code"
it = "Avviso: no_comparable_district, few_quarters, small_counts, pre_trends_differ o vuoto."
en = "Warning: no_comparable_district, few_quarters, small_counts, pre_trends_differ or empty."
*/
with projects as (
    select
        project_id,
        platform,
        welco_area,
        comune_code,
        starts_on
    from conformed.projects
),

comuni as (
    select
        comune_code,
        district_code,
        valid_from,
        valid_to
    from reference.districts
),

matches as (
    select
        project_id,
        district_code
    from derived._project_matches
),

districts as (
    select
        district_code,
        residents
    from derived.districts
    where residents > 0
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
        quarter
    from derived._coverage_by_district_quarter
    where coverage in ('covered', 'partly')
),

exchanges as (
    select
        district_code,
        quarter,
        platform,
        person_key,
        welco_area
    from derived._exchanges
    where outcome = 'matched'
),

seated_projects as (
    select
        projects.project_id,
        projects.platform,
        projects.welco_area,
        projects.starts_on,
        case
            when projects.comune_code is null then null
            else coalesce(comuni.district_code, 'OUTSIDE')
        end as district_code
    from projects
    left join comuni
        on
            projects.comune_code = comuni.comune_code
            and coalesce(projects.starts_on, date '9999-12-31')
            >= coalesce(comuni.valid_from, date '1900-01-01')
            and coalesce(projects.starts_on, date '9999-12-31')
            <= coalesce(comuni.valid_to, date '9999-12-31')
),

compared_districts as (
    select
        project_id,
        district_code,
        1 as is_own
    from seated_projects
    union all
    select
        project_id,
        district_code,
        0 as is_own
    from matches
),

compared_projects as (
    select
        project_id,
        count(*) as n_districts,
        string_agg(
            case when is_own = 0 then district_code end, ','
            order by district_code
        ) as comparison_districts
    from compared_districts
    group by project_id
),

-- The quarter in which the project starts is neither before nor after.
district_quarters as (
    select
        seated_projects.project_id,
        seated_projects.welco_area,
        compared_districts.district_code,
        compared_districts.is_own,
        districts.residents,
        quarters.quarter,
        quarters.starts_on,
        case when quarters.ends_on < seated_projects.starts_on then 1 else 0 end as is_before
    from seated_projects
    inner join compared_districts
        on seated_projects.project_id = compared_districts.project_id
    inner join districts
        on compared_districts.district_code = districts.district_code
    inner join quarters
        on
            seated_projects.starts_on > quarters.ends_on
            or seated_projects.starts_on <= quarters.starts_on
    inner join coverage
        on
            compared_districts.district_code = coverage.district_code
            and quarters.quarter = coverage.quarter
),

-- A quarter with a silent district would compare data with no data.
full_quarters as (
    select
        district_quarters.project_id,
        district_quarters.quarter
    from district_quarters
    inner join compared_projects
        on district_quarters.project_id = compared_projects.project_id
    group by district_quarters.project_id, district_quarters.quarter
    having count(*) = max(compared_projects.n_districts)
),

cells as (
    select
        district_quarters.project_id,
        district_quarters.welco_area,
        district_quarters.district_code,
        district_quarters.is_own,
        district_quarters.residents,
        district_quarters.quarter,
        district_quarters.starts_on,
        district_quarters.is_before
    from district_quarters
    inner join full_quarters
        on
            district_quarters.project_id = full_quarters.project_id
            and district_quarters.quarter = full_quarters.quarter
),

-- Rows without a person key count as one person: the fewest they can be.
area_persons as (
    select
        district_code,
        quarter,
        platform,
        person_key,
        welco_area,
        count(*) as n_matched
    from exchanges
    group by district_code, quarter, platform, person_key, welco_area
),

-- A project that does not say its area is compared over all requests.
matched_persons as (
    select
        cells.project_id,
        cells.district_code,
        cells.is_own,
        cells.quarter,
        cells.is_before,
        area_persons.platform,
        area_persons.person_key,
        sum(area_persons.n_matched) as n_matched
    from cells
    inner join area_persons
        on
            cells.district_code = area_persons.district_code
            and cells.quarter = area_persons.quarter
    where cells.welco_area is null or cells.welco_area = area_persons.welco_area
    group by
        cells.project_id,
        cells.district_code,
        cells.is_own,
        cells.quarter,
        cells.is_before,
        area_persons.platform,
        area_persons.person_key
),

cell_matches as (
    select
        project_id,
        district_code,
        quarter,
        sum(n_matched) as n_matched
    from matched_persons
    group by project_id, district_code, quarter
),

cell_rates as (
    select
        cells.project_id,
        cells.is_own,
        cells.is_before,
        4 * date_part('year', cells.starts_on) + date_part('quarter', cells.starts_on)
            as quarter_number,
        cast(1000 * coalesce(cell_matches.n_matched, 0) as double) / cells.residents
            as matched_per_1000
    from cells
    left join cell_matches
        on
            cells.project_id = cell_matches.project_id
            and cells.district_code = cell_matches.district_code
            and cells.quarter = cell_matches.quarter
),

quarter_rates as (
    select
        project_id,
        is_before,
        quarter_number,
        avg(case when is_own = 1 then matched_per_1000 end) as own_rate,
        avg(case when is_own = 0 then matched_per_1000 end) as comparison_rate
    from cell_rates
    group by project_id, is_before, quarter_number
),

quarter_differences as (
    select
        project_id,
        is_before,
        own_rate,
        comparison_rate,
        cast(quarter_number as double) as quarter_number,
        own_rate - comparison_rate as difference,
        case when is_before = 1 then own_rate - comparison_rate end as difference_before,
        case when is_before = 0 then own_rate - comparison_rate end as difference_after
    from quarter_rates
),

project_differences as (
    select
        project_id,
        sum(is_before) as n_quarters_before,
        sum(1 - is_before) as n_quarters_after,
        avg(case when is_before = 1 then own_rate end) as own_before,
        avg(case when is_before = 0 then own_rate end) as own_after,
        avg(case when is_before = 1 then comparison_rate end) as comparison_before,
        avg(case when is_before = 0 then comparison_rate end) as comparison_after,
        avg(difference_after) - avg(difference_before) as difference,
        var_samp(difference_before) as variance_before,
        var_samp(difference_after) as variance_after,
        regr_slope(difference_before, quarter_number) as slope_before,
        regr_sxx(difference_before, quarter_number) as sxx_before,
        regr_syy(difference_before, quarter_number) as syy_before
    from quarter_differences
    group by project_id
),

-- The difference of two means of independent quarters; what one quarter hands to the next is
-- not in this standard error.
project_intervals as (
    select
        project_id,
        n_quarters_before,
        n_quarters_after,
        own_before,
        own_after,
        comparison_before,
        comparison_after,
        difference,
        1.959964 * sqrt(
            variance_before / nullif(n_quarters_before, 0)
            + variance_after / nullif(n_quarters_after, 0)
        ) as half_width,
        -- Slope before the start more than twice its standard error: t² > 4, free of divisions.
        coalesce(
            power(slope_before, 2) * sxx_before * (n_quarters_before - 2)
            > 4 * (syy_before - power(slope_before, 2) * sxx_before),
            false
        ) as has_trend_before
    from project_differences
),

project_persons as (
    select
        project_id,
        is_own,
        is_before,
        platform,
        person_key,
        sum(n_matched) as n_matched
    from matched_persons
    group by project_id, is_own, is_before, platform, person_key
),

platform_parts as (
    select
        project_id,
        platform,
        is_own,
        is_before,
        sum(n_matched) as n_matched,
        count(*) as n_persons
    from project_persons
    group by project_id, platform, is_own, is_before
),

parts as (
    select
        project_id,
        sum(case when is_own = 1 and is_before = 1 then n_matched else 0 end)
            as n_matched_before,
        sum(case when is_own = 1 and is_before = 0 then n_matched else 0 end)
            as n_matched_after,
        sum(case when is_own = 0 and is_before = 1 then n_matched else 0 end)
            as n_matched_comparison_before,
        sum(case when is_own = 0 and is_before = 0 then n_matched else 0 end)
            as n_matched_comparison_after,
        max(case when is_own = 1 and is_before = 1 then n_persons else 0 end)
            as n_persons_before,
        max(case when is_own = 1 and is_before = 0 then n_persons else 0 end)
            as n_persons_after,
        max(case when is_own = 0 and is_before = 1 then n_persons else 0 end)
            as n_persons_comparison_before,
        max(case when is_own = 0 and is_before = 0 then n_persons else 0 end)
            as n_persons_comparison_after
    from platform_parts
    group by project_id
),

project_platforms as (
    select
        project_id,
        platform
    from platform_parts
    group by project_id, platform
),

listed_platforms as (
    select
        project_id,
        string_agg(platform, ',' order by platform) as platforms
    from project_platforms
    group by project_id
),

counted_projects as (
    select
        seated_projects.project_id,
        seated_projects.platform,
        seated_projects.welco_area,
        seated_projects.district_code,
        compared_projects.comparison_districts,
        project_intervals.own_before,
        project_intervals.own_after,
        project_intervals.comparison_before,
        project_intervals.comparison_after,
        project_intervals.difference,
        project_intervals.half_width,
        project_intervals.has_trend_before,
        listed_platforms.platforms,
        coalesce(project_intervals.n_quarters_before, 0) as n_quarters_before,
        coalesce(project_intervals.n_quarters_after, 0) as n_quarters_after,
        coalesce(parts.n_matched_before, 0) as n_matched_before,
        coalesce(parts.n_matched_after, 0) as n_matched_after,
        coalesce(parts.n_matched_comparison_before, 0) as n_matched_comparison_before,
        coalesce(parts.n_matched_comparison_after, 0) as n_matched_comparison_after,
        coalesce(parts.n_persons_before, 0) as n_persons_before,
        coalesce(parts.n_persons_after, 0) as n_persons_after,
        coalesce(parts.n_persons_comparison_before, 0) as n_persons_comparison_before,
        coalesce(parts.n_persons_comparison_after, 0) as n_persons_comparison_after
    from seated_projects
    inner join compared_projects
        on seated_projects.project_id = compared_projects.project_id
    left join project_intervals
        on seated_projects.project_id = project_intervals.project_id
    left join parts
        on seated_projects.project_id = parts.project_id
    left join listed_platforms
        on seated_projects.project_id = listed_platforms.project_id
)

-- Rounded, so that the order in which numbers were added up does not show in the result.
select
    project_id,
    platform,
    welco_area,
    district_code,
    comparison_districts,
    n_quarters_before,
    n_quarters_after,
    n_matched_before,
    n_matched_after,
    n_matched_comparison_before,
    n_matched_comparison_after,
    n_persons_before,
    n_persons_after,
    n_persons_comparison_before,
    n_persons_comparison_after,
    platforms,
    round(own_before, 6) as matched_per_1000_before,
    round(own_after, 6) as matched_per_1000_after,
    round(comparison_before, 6) as comparison_per_1000_before,
    round(comparison_after, 6) as comparison_per_1000_after,
    round(difference, 6) as difference_in_differences,
    round(difference - half_width, 6) as difference_in_differences_low,
    round(difference + half_width, 6) as difference_in_differences_high,
    case
        when comparison_districts is null then 'no_comparable_district'
        when n_quarters_before < 4 or n_quarters_after < 4 then 'few_quarters'
        when
            n_matched_before < 20
            or n_matched_after < 20
            or n_matched_comparison_before < 20
            or n_matched_comparison_after < 20
            then 'small_counts'
        when has_trend_before then 'pre_trends_differ'
        else ''
    end as warning
from counted_projects
