/* model
description.it = "Ogni progetto in una riga: risultati, costo, contributo, continuità."
description.en = "Each project in one row: results, cost, grant, continuity."
grain = ["project_id"]
checks = [
    "unique(grain)",
    "n_reports >= 0",
    "n_reports_cited between 0 and n_reports",
    "(n_reports = 0) = (last_half_year is null)",
    "grant_eur <= budget_eur",
    "grant_pct between 0 and 100",
    "training_hours >= 0",
    "continuity_basis in ('report', 'exchange', 'members', 'none', 'too_early', 'no_end')",
    "is_continuing <> 'yes' or continuity_basis in ('report', 'exchange', 'members')",
    "is_continuing <> 'no' or continuity_basis = 'none'",
    "(is_continuing is null) = (continuity_basis in ('too_early', 'no_end'))",
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

[columns.title]
role = "code"
it = "Titolo del progetto."
en = "Title of the project."

[columns.welco_area]
role = "code"
it = "Area WELCO."
en = "WELCO area."

[columns.funder]
role = "code"
it = "Chi finanzia."
en = "Who funds it."

[columns.programme]
role = "code"
it = "Programma di finanziamento."
en = "Funding programme."

[columns.comune_code]
role = "code"
it = "Codice Istat del comune, sei cifre."
en = "Istat code of the comune, six digits."

[columns.district_code]
role = "code"
it = "Ambito della sede all'avvio; OUTSIDE se fuori da ogni ambito."
en = "District of the seat at the start; OUTSIDE if in no district."

[columns.starts_on]
role = "code"
it = "Giorno di avvio."
en = "Day it starts."

[columns.ends_on]
role = "code"
it = "Giorno di chiusura."
en = "Day it ends."

[columns.n_reports]
role = "count"
unit = "reports"
it = "Schede semestrali."
en = "Half-year sheets."

[columns.last_half_year]
role = "code"
it = "Semestre dell'ultima scheda."
en = "Half-year of the last sheet."

[columns.n_people_reached]
role = "count"
unit = "persons"
it = "Persone raggiunte; chi torna in un altro semestre conta di nuovo."
en = "People reached; who comes again in another half-year counts again."
vis = "output"

[columns.n_people_activated]
role = "count"
unit = "persons"
it = "Persone attivate; chi torna in un altro semestre conta di nuovo."
en = "People activated; who comes again in another half-year counts again."
vis = "outcome"

[columns.n_volunteers_most]
role = "count"
unit = "persons"
it = "Volontari nel semestre in cui erano di più."
en = "Volunteers in the half-year that had the most."
vis = "input"

[columns.hours]
role = "measure"
unit = "hours"
it = "Ore donate."
en = "Hours given."
vis = "input"

[columns.n_new_services]
role = "count"
unit = "services"
it = "Servizi nuovi."
en = "New services."
vis = "output"

[columns.training_hours]
role = "measure"
unit = "hours"
it = "Ore di formazione svolta."
en = "Hours of training held."
vis = "activity"

[columns.grant_eur]
role = "measure"
unit = "EUR"
it = "Contributo in euro."
en = "Grant in euro."
vis = "input"

[columns.budget_eur]
role = "measure"
unit = "EUR"
it = "Contributo più cofinanziamento previsto."
en = "Grant plus planned co-financing."
vis = "input"

[columns.cost_so_far_eur]
role = "measure"
unit = "EUR"
it = "Costo fino all'ultima scheda, come in project_progress_by_half_year."
en = "Cost up to the last sheet, as in project_progress_by_half_year."
vis = "input"

[columns.cost_per_hour_eur]
role = "measure"
unit = "EUR"
it = "Costo fino all'ultima scheda per ora donata."
en = "Cost up to the last sheet per hour given."

[columns.cost_per_person_eur]
role = "measure"
unit = "EUR"
it = "Costo fino all'ultima scheda per persona raggiunta."
en = "Cost up to the last sheet per person reached."

[columns.continuity_basis]
role = "code"
it = "Da che cosa lo si sa: report, exchange, members, none; oppure too_early, no_end."
en = "How it is known: report, exchange, members, none; or too_early, no_end."

[columns.n_reports_cited]
role = "count"
unit = "reports"
it = "Schede che dicono il progetto citato nel Piano di zona."
en = "Sheets that say the Piano di zona cites the project."
vis = "outcome"

[columns.grant_pct]
role = "measure"
unit = "%"
it = "Quota del contributo su contributo e cofinanziamento previsto."
en = "Share of the grant in grant and planned co-financing."
rate = ["grant_eur", "budget_eur"]
vis = "input"

[columns.is_continuing]
role = "code"
it = "Se dodici mesi dopo la fine c'è ancora attività: yes, no; assente se non si può dire."
en = "Whether there is activity twelve months after the end: yes, no; absent if it cannot be said."
vis = "outcome"
*/
with projects as (
    select
        project_id,
        platform,
        title,
        welco_area,
        funder,
        programme,
        comune_code,
        starts_on,
        ends_on,
        grant_eur,
        cofinancing_eur,
        cast(ends_on + interval '12 months' as date) as year_after
    from conformed.projects
),

progress as (
    select
        project_id,
        platform,
        half_year,
        n_people_reached,
        n_people_reached_so_far,
        n_people_activated,
        n_people_activated_so_far,
        n_volunteers,
        hours_total,
        hours_so_far,
        n_new_services_so_far,
        cost_so_far_eur,
        cost_per_hour_eur,
        cost_per_person_eur,
        cited_in_plan
    from derived.project_progress_by_half_year
),

trainings as (
    select
        project_id,
        hours
    from conformed.trainings
),

exchanges as (
    select
        project_id,
        platform,
        comune_code,
        requested_on,
        recorded_at
    from conformed.exchanges
),

activity as (
    select
        platform,
        comune_code,
        month,
        n_active_members
    from conformed.activity
),

districts as (
    select
        comune_code,
        district_code,
        valid_from,
        valid_to
    from reference.districts
),

reports as (
    select
        project_id,
        platform,
        half_year,
        n_people_reached_so_far,
        n_people_activated_so_far,
        n_volunteers,
        hours_so_far,
        n_new_services_so_far,
        cost_so_far_eur,
        cost_per_hour_eur,
        cost_per_person_eur,
        case when cited_in_plan = 'yes' then 1 else 0 end as is_cited,
        -- A sheet of zeros is no sign of life.
        case
            when
                coalesce(n_people_reached, 0) > 0
                or coalesce(n_people_activated, 0) > 0
                or coalesce(n_volunteers, 0) > 0
                or coalesce(hours_total, 0) > 0
                then 1
            else 0
        end as is_alive,
        row_number() over (partition by project_id order by half_year desc) as place,
        case
            when half_year like '____-H1'
                then try_cast(concat(substr(half_year, 1, 4), '-06-30') as date)
            when half_year like '____-H2'
                then try_cast(concat(substr(half_year, 1, 4), '-12-31') as date)
        end as reported_until
    from progress
),

report_totals as (
    select
        project_id,
        count(*) as n_reports,
        sum(is_cited) as n_reports_cited,
        max(half_year) as last_half_year,
        max(n_volunteers) as n_volunteers_most,
        max(case when is_alive = 1 then reported_until end) as alive_until,
        min(case when place = 1 then n_people_reached_so_far end) as n_people_reached,
        min(case when place = 1 then n_people_activated_so_far end) as n_people_activated,
        min(case when place = 1 then hours_so_far end) as hours,
        min(case when place = 1 then n_new_services_so_far end) as n_new_services,
        min(case when place = 1 then cost_so_far_eur end) as cost_so_far_eur,
        min(case when place = 1 then cost_per_hour_eur end) as cost_per_hour_eur,
        min(case when place = 1 then cost_per_person_eur end) as cost_per_person_eur
    from reports
    group by project_id
),

-- How far the sheets of a platform reach, whichever projects they are of.
platform_reports as (
    select
        platform,
        max(reported_until) as reported_until
    from reports
    group by platform
),

project_trainings as (
    select
        project_id,
        sum(cast(hours as decimal(12, 2))) as training_hours
    from trainings
    group by project_id
),

-- Where the exchanges of a project take place: platform and comune.
project_sites as (
    select
        project_id,
        platform,
        comune_code,
        max(requested_on) as last_requested_on
    from exchanges
    where project_id is not null
    group by project_id, platform, comune_code
),

platform_records as (
    select
        platform,
        cast(max(recorded_at) as date) as last_recorded_on
    from exchanges
    group by platform
),

site_activity as (
    select
        platform,
        comune_code,
        max(month) as last_active_month
    from activity
    where n_active_members > 0
    group by platform, comune_code
),

project_activity as (
    select
        project_sites.project_id,
        max(project_sites.last_requested_on) as last_requested_on,
        max(site_activity.last_active_month) as last_active_month,
        max(platform_records.last_recorded_on) as last_recorded_on
    from project_sites
    inner join platform_records
        on project_sites.platform = platform_records.platform
    left join site_activity
        on
            project_sites.platform = site_activity.platform
            and project_sites.comune_code = site_activity.comune_code
    group by project_sites.project_id
),

judged_projects as (
    select
        projects.project_id,
        projects.platform,
        projects.title,
        projects.welco_area,
        projects.funder,
        projects.programme,
        projects.comune_code,
        projects.starts_on,
        projects.ends_on,
        report_totals.n_reports_cited,
        report_totals.last_half_year,
        report_totals.n_people_reached,
        report_totals.n_people_activated,
        report_totals.n_volunteers_most,
        report_totals.hours,
        report_totals.n_new_services,
        report_totals.cost_so_far_eur,
        report_totals.cost_per_hour_eur,
        report_totals.cost_per_person_eur,
        cast(projects.grant_eur as double) as grant_eur,
        cast(projects.grant_eur + projects.cofinancing_eur as double) as budget_eur,
        cast(coalesce(project_trainings.training_hours, 0) as double) as training_hours,
        coalesce(report_totals.n_reports, 0) as n_reports,
        case
            when projects.comune_code is null then null
            else coalesce(districts.district_code, 'OUTSIDE')
        end as district_code,
        case
            when projects.ends_on is null then 'no_end'
            when report_totals.alive_until >= projects.year_after then 'report'
            when project_activity.last_requested_on >= projects.year_after then 'exchange'
            when
                project_activity.last_active_month
                >= cast(date_trunc('month', projects.year_after) as date)
                then 'members'
            when
                platform_reports.reported_until >= projects.year_after
                or project_activity.last_recorded_on >= projects.year_after
                then 'none'
            else 'too_early'
        end as continuity_basis
    from projects
    left join report_totals
        on projects.project_id = report_totals.project_id
    left join platform_reports
        on projects.platform = platform_reports.platform
    left join project_trainings
        on projects.project_id = project_trainings.project_id
    left join project_activity
        on projects.project_id = project_activity.project_id
    left join districts
        on
            projects.comune_code = districts.comune_code
            and coalesce(projects.starts_on, date '9999-12-31')
            >= coalesce(districts.valid_from, date '1900-01-01')
            and coalesce(projects.starts_on, date '9999-12-31')
            <= coalesce(districts.valid_to, date '9999-12-31')
)

select
    project_id,
    platform,
    title,
    welco_area,
    funder,
    programme,
    comune_code,
    district_code,
    starts_on,
    ends_on,
    n_reports,
    last_half_year,
    n_people_reached,
    n_people_activated,
    n_volunteers_most,
    hours,
    n_new_services,
    training_hours,
    grant_eur,
    budget_eur,
    cost_so_far_eur,
    cost_per_hour_eur,
    cost_per_person_eur,
    continuity_basis,
    coalesce(n_reports_cited, 0) as n_reports_cited,
    100 * grant_eur / nullif(budget_eur, 0) as grant_pct,
    case
        when continuity_basis in ('report', 'exchange', 'members') then 'yes'
        when continuity_basis = 'none' then 'no'
    end as is_continuing
from judged_projects
