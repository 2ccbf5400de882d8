/* model
description.it = "Per ogni progetto i tre ambiti più simili al suo, con la stessa piattaforma."
description.en = "For each project the three districts most like its own, on the same platform."
grain = ["project_id", "district_code"]
checks = [
    "unique(grain)",
    "distance >= 0",
    "place between 1 and 3",
]
tags = ["projects"]
owner = "antenne"

[columns.project_id]
role = "key"
it = "Progetto."
en = "Project."

[columns.district_code]
role = "key"
it = "Ambito di confronto."
en = "District compared with."

[columns.place]
role = "count"
it = "Posto per somiglianza, da 1."
en = "Place by likeness, from 1."

[columns.distance]
role = "measure"
it = "Distanza dall'ambito del progetto, in scarti tipo."
en = "Distance from the district of the project, in standard deviations."
*/
with projects as (
    select
        project_id,
        comune_code,
        welco_area,
        starts_on
    from conformed.projects
    where starts_on is not null
),

comuni as (
    select
        comune_code,
        district_code,
        valid_from,
        valid_to
    from reference.districts
),

districts as (
    select
        district_code,
        residents,
        ageing_index
    from derived.districts
    where residents > 0 and ageing_index is not null
),

activity as (
    select
        platform,
        district_code,
        month,
        n_active_members
    from derived.activity_by_platform_district_month
),

coverage as (
    select district_code
    from derived._coverage_by_district_quarter
    where coverage in ('covered', 'partly')
),

-- Only the seat of a project is known, not everywhere it works.
seated_projects as (
    select
        projects.project_id,
        projects.welco_area,
        projects.starts_on,
        comuni.district_code
    from projects
    inner join comuni
        on
            projects.comune_code = comuni.comune_code
            and projects.starts_on >= coalesce(comuni.valid_from, date '1900-01-01')
            and projects.starts_on <= coalesce(comuni.valid_to, date '9999-12-31')
),

monthly_members as (
    select
        district_code,
        month,
        sum(n_active_members) as n_active_members
    from activity
    group by district_code, month
),

-- As it was before the start: afterwards the project itself may have brought the members.
members_before as (
    select
        seated_projects.project_id,
        monthly_members.district_code,
        avg(monthly_members.n_active_members) as n_active_members
    from seated_projects
    inner join monthly_members
        on seated_projects.starts_on > monthly_members.month
    group by seated_projects.project_id, monthly_members.district_code
),

-- Residents by their logarithm: one city would else make all other districts look alike.
described_districts as (
    select
        seated_projects.project_id,
        seated_projects.welco_area,
        seated_projects.district_code as project_district_code,
        districts.district_code,
        districts.ageing_index,
        ln(districts.residents) as log_residents,
        1000 * coalesce(members_before.n_active_members, 0) / districts.residents
            as members_per_1000
    from seated_projects
    cross join districts
    left join members_before
        on
            seated_projects.project_id = members_before.project_id
            and districts.district_code = members_before.district_code
),

scales as (
    select
        project_id,
        nullif(stddev(log_residents), 0) as log_residents,
        nullif(stddev(ageing_index), 0) as ageing_index,
        nullif(stddev(members_per_1000), 0) as members_per_1000
    from described_districts
    group by project_id
),

covered_districts as (
    select district_code
    from coverage
    group by district_code
),

platform_districts as (
    select
        platform,
        district_code
    from activity
    where n_active_members > 0
    group by platform, district_code
),

-- Two platforms grow each at its own pace, which would pass for an effect of the project.
districts_in_common as (
    select
        platform_districts.district_code,
        peers.district_code as other_code
    from platform_districts
    inner join platform_districts as peers
        on platform_districts.platform = peers.platform
    where platform_districts.district_code <> peers.district_code
    group by platform_districts.district_code, peers.district_code
),

candidates as (
    select
        described_districts.project_id,
        described_districts.district_code,
        described_districts.project_district_code,
        described_districts.log_residents,
        described_districts.ageing_index,
        described_districts.members_per_1000
    from described_districts
    inner join covered_districts
        on described_districts.district_code = covered_districts.district_code
    inner join districts_in_common
        on
            described_districts.project_district_code = districts_in_common.district_code
            and described_districts.district_code = districts_in_common.other_code
    where
        -- A project that does not say its area may be of any.
        not exists (
            select 1
            from seated_projects
            where
                seated_projects.district_code = described_districts.district_code
                and coalesce(
                    seated_projects.welco_area = described_districts.welco_area, true
                )
        )
),

-- A trait that is the same everywhere has no scale and tells no district from another.
-- Rounded, so that the order in which numbers were added up cannot decide.
distances as (
    select
        candidates.project_id,
        candidates.district_code,
        round(
            sqrt(
                coalesce(
                    power(
                        (candidates.log_residents - homes.log_residents) / scales.log_residents, 2
                    ),
                    0
                )
                + coalesce(
                    power((candidates.ageing_index - homes.ageing_index) / scales.ageing_index, 2),
                    0
                )
                + coalesce(
                    power(
                        (candidates.members_per_1000 - homes.members_per_1000)
                        / scales.members_per_1000,
                        2
                    ),
                    0
                )
            ),
            6
        ) as distance
    from candidates
    inner join described_districts as homes
        on
            candidates.project_id = homes.project_id
            and candidates.project_district_code = homes.district_code
    inner join scales
        on candidates.project_id = scales.project_id
),

ranked_districts as (
    select
        project_id,
        district_code,
        distance,
        row_number() over (partition by project_id order by distance, district_code) as place
    from distances
)

select
    project_id,
    district_code,
    place,
    distance
from ranked_districts
where place <= 3
