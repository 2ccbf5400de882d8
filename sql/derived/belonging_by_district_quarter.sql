/* model
description.it = "Chi arriva in un trimestre: quanti tornano dopo 12 mesi e in quanti bisogni."
description.en = "Who arrives in a quarter: how many come back after 12 months, to how many needs."
grain = ["district_code", "quarter"]
checks = [
    "unique(grain)",
    "n_multi_activity between 0 and n_followed_12m",
    "n_persons_multi_activity <= n_multi_activity",
    "(n_multi_activity = 0) = (n_persons_multi_activity = 0)",
    "n_persons_not_multi_activity <= n_followed_12m - n_multi_activity",
    "(n_followed_12m = n_multi_activity) = (n_persons_not_multi_activity = 0)",
    "n_retained_12m between 0 and n_followed_24m",
    "n_persons_retained_12m <= n_retained_12m",
    "(n_retained_12m = 0) = (n_persons_retained_12m = 0)",
    "n_persons_not_retained_12m <= n_followed_24m - n_retained_12m",
    "(n_followed_24m = n_retained_12m) = (n_persons_not_retained_12m = 0)",
    "(n_followed_12m = 0) = (multi_activity_pct is null)",
    "multi_activity_pct between 0 and 100",
    "multi_activity_pct_low <= multi_activity_pct + 1e-9",
    "multi_activity_pct <= multi_activity_pct_high + 1e-9",
    "(n_followed_24m = 0) = (retention_12m_pct is null)",
    "retention_12m_pct between 0 and 100",
    "retention_12m_pct_low <= retention_12m_pct + 1e-9",
    "retention_12m_pct <= retention_12m_pct_high + 1e-9",
    "n_members >= 1",
    "n_followed_12m in (0, n_members)",
    "n_followed_24m in (0, n_followed_12m)",
]
tags = ["belonging"]
owner = "antenne"

[columns.district_code]
role = "key"
it = "Ambito; OUTSIDE per i comuni fuori da ogni ambito."
en = "District; OUTSIDE for comuni in no district."

[columns.quarter]
role = "key"
it = "Trimestre della prima attività vista, per esempio 2026-Q3."
en = "Quarter of the first activity seen, for example 2026-Q3."

[columns.n_members]
role = "count"
unit = "persons"
it = "Persone alla prima attività, contate per ogni piattaforma."
en = "Persons at their first activity, counted on each platform."
vis = "output"

[columns.n_followed_12m]
role = "count"
unit = "persons"
it = "Le stesse, se i loro primi 12 mesi stanno nei dati; se no, 0."
en = "The same, if their first 12 months lie in the data; else 0."

[columns.n_multi_activity]
role = "count"
unit = "persons"
it = "Tra loro, chi nei primi 12 mesi è in almeno due bisogni."
en = "Of these, who in the first 12 months is in two needs or more."

[columns.n_persons_multi_activity]
role = "count"
unit = "persons"
it = "Persone dietro chi è in almeno due bisogni."
en = "Persons behind those in two needs or more."

[columns.n_persons_not_multi_activity]
role = "count"
unit = "persons"
it = "Persone dietro gli altri."
en = "Persons behind the others."

[columns.n_followed_24m]
role = "count"
unit = "persons"
it = "Le stesse, se i loro primi 24 mesi stanno nei dati; se no, 0."
en = "The same, if their first 24 months lie in the data; else 0."

[columns.n_retained_12m]
role = "count"
unit = "persons"
it = "Tra loro, chi è attivo di nuovo tra il 12° e il 24° mese."
en = "Of these, who is active again between months 12 and 24."

[columns.n_persons_retained_12m]
role = "count"
unit = "persons"
it = "Persone dietro chi è attivo di nuovo."
en = "Persons behind those active again."

[columns.n_persons_not_retained_12m]
role = "count"
unit = "persons"
it = "Persone dietro gli altri."
en = "Persons behind the others."

[columns.platforms]
role = "code"
it = "Piattaforme in ordine alfabetico, separate da virgole."
en = "Platforms in alphabetical order, separated by commas."

[columns.multi_activity_pct]
role = "measure"
unit = "%"
it = "Quota di chi nei primi 12 mesi è in almeno due bisogni."
en = "Share of those in two needs or more in the first 12 months."
rate = ["n_multi_activity", "n_followed_12m"]
vis = "outcome"

[columns.multi_activity_pct_low]
role = "measure"
unit = "%"
it = "Limite inferiore al 95 %."
en = "Lower 95 % limit."

[columns.multi_activity_pct_high]
role = "measure"
unit = "%"
it = "Limite superiore al 95 %."
en = "Upper 95 % limit."

[columns.retention_12m_pct]
role = "measure"
unit = "%"
it = "Quota di chi è attivo di nuovo dopo 12 mesi, entro 24."
en = "Share of those active again after 12 months, within 24."
rate = ["n_retained_12m", "n_followed_24m"]
vis = "outcome"

[columns.retention_12m_pct_low]
role = "measure"
unit = "%"
it = "Limite inferiore al 95 %."
en = "Lower 95 % limit."

[columns.retention_12m_pct_high]
role = "measure"
unit = "%"
it = "Limite superiore al 95 %."
en = "Upper 95 % limit."

[columns.coverage]
role = "code"
it = "Completezza dei dati: covered, partly, not_covered o source_down."
en = "Completeness of the data: covered, partly, not_covered or source_down."
*/
with participations as (
    select
        exchange_id,
        platform,
        person_key,
        district_code,
        need_code,
        took_part_as,
        took_part_on
    from derived._participations
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

-- A share over cohorts followed for different times would only show how long they were.
followed_quarters as (
    select
        quarters.quarter,
        quarters.starts_on,
        quarters.ends_on,
        case
            when quarters.ends_on + interval '12 months' <= max(ends.ends_on) then 1
            else 0
        end as is_followed_12m,
        case
            when quarters.ends_on + interval '24 months' <= max(ends.ends_on) then 1
            else 0
        end as is_followed_24m
    from quarters
    cross join quarters as ends
    group by quarters.quarter, quarters.starts_on, quarters.ends_on
),

ranked_participations as (
    select
        platform,
        person_key,
        district_code,
        took_part_on,
        row_number() over (
            partition by platform, person_key
            order by took_part_on, exchange_id, took_part_as
        ) as place_from_first
    from participations
),

newcomers as (
    select
        followed_quarters.quarter,
        followed_quarters.is_followed_12m,
        followed_quarters.is_followed_24m,
        ranked_participations.platform,
        ranked_participations.person_key,
        ranked_participations.district_code,
        ranked_participations.took_part_on as first_on
    from ranked_participations
    inner join followed_quarters
        on
            ranked_participations.took_part_on >= followed_quarters.starts_on
            and ranked_participations.took_part_on <= followed_quarters.ends_on
    where ranked_participations.place_from_first = 1
),

newcomer_needs as (
    select
        newcomers.district_code,
        newcomers.quarter,
        newcomers.platform,
        newcomers.person_key,
        newcomers.is_followed_12m,
        newcomers.is_followed_24m,
        participations.need_code,
        max(
            case
                when participations.took_part_on < newcomers.first_on + interval '12 months'
                    then 1
                else 0
            end
        ) as is_in_first_12m,
        max(
            case
                when
                    participations.took_part_on >= newcomers.first_on + interval '12 months'
                    and participations.took_part_on < newcomers.first_on + interval '24 months'
                    then 1
                else 0
            end
        ) as is_in_next_12m
    from newcomers
    inner join participations
        on
            newcomers.platform = participations.platform
            and newcomers.person_key = participations.person_key
    group by
        newcomers.district_code,
        newcomers.quarter,
        newcomers.platform,
        newcomers.person_key,
        newcomers.is_followed_12m,
        newcomers.is_followed_24m,
        participations.need_code
),

persons as (
    select
        district_code,
        quarter,
        platform,
        person_key,
        is_followed_12m,
        is_followed_24m,
        case
            when is_followed_12m = 1 and sum(is_in_first_12m) > 1 then 1
            else 0
        end as is_multi_activity,
        is_followed_24m * max(is_in_next_12m) as is_retained_12m
    from newcomer_needs
    group by district_code, quarter, platform, person_key, is_followed_12m, is_followed_24m
),

platform_cells as (
    select
        district_code,
        quarter,
        platform,
        count(*) as n_members,
        sum(is_followed_12m) as n_followed_12m,
        sum(is_multi_activity) as n_multi_activity,
        sum(is_followed_24m) as n_followed_24m,
        sum(is_retained_12m) as n_retained_12m
    from persons
    group by district_code, quarter, platform
),

cells as (
    select
        district_code,
        quarter,
        sum(n_members) as n_members,
        sum(n_followed_12m) as n_followed_12m,
        sum(n_multi_activity) as n_multi_activity,
        max(n_multi_activity) as n_persons_multi_activity,
        max(n_followed_12m - n_multi_activity) as n_persons_not_multi_activity,
        sum(n_followed_24m) as n_followed_24m,
        sum(n_retained_12m) as n_retained_12m,
        max(n_retained_12m) as n_persons_retained_12m,
        max(n_followed_24m - n_retained_12m) as n_persons_not_retained_12m,
        string_agg(platform, ',' order by platform) as platforms
    from platform_cells
    group by district_code, quarter
)

select
    cells.district_code,
    cells.quarter,
    cells.n_members,
    cells.n_followed_12m,
    cells.n_multi_activity,
    cells.n_persons_multi_activity,
    cells.n_persons_not_multi_activity,
    cells.n_followed_24m,
    cells.n_retained_12m,
    cells.n_persons_retained_12m,
    cells.n_persons_not_retained_12m,
    cells.platforms,
    100 * cast(cells.n_multi_activity as double)
    / nullif(cells.n_followed_12m, 0) as multi_activity_pct,
    100 * wilson_low(cells.n_multi_activity, cells.n_followed_12m) as multi_activity_pct_low,
    100 * wilson_high(cells.n_multi_activity, cells.n_followed_12m) as multi_activity_pct_high,
    100 * cast(cells.n_retained_12m as double)
    / nullif(cells.n_followed_24m, 0) as retention_12m_pct,
    100 * wilson_low(cells.n_retained_12m, cells.n_followed_24m) as retention_12m_pct_low,
    100 * wilson_high(cells.n_retained_12m, cells.n_followed_24m) as retention_12m_pct_high,
    coalesce(coverage.coverage, 'not_covered') as coverage
from cells
left join coverage
    on
        cells.district_code = coverage.district_code
        and cells.quarter = coverage.quarter
