/* model
description.it = "Ogni progetto semestre per semestre, con i totali fino a lì e il loro costo."
description.en = "Each project half-year by half-year, with the totals up to there and their cost."
grain = ["project_id", "half_year"]
checks = [
    "unique(grain)",
    "n_reports >= 1",
    "n_reports_missing >= 0",
    "n_people_reached <= n_people_reached_so_far",
    "n_people_activated <= n_people_activated_so_far",
    "hours_total <= hours_so_far",
    "n_new_services <= n_new_services_so_far",
    "cofinancing_eur <= cofinancing_so_far_eur",
    "grant_so_far_eur <= cost_so_far_eur",
    "cofinancing_pct between 0 and 100",
    "cited_in_plan in ('yes', 'no')",
]
tags = ["projects"]
owner = "antenne"

[columns.project_id]
role = "key"
it = "Progetto."
en = "Project."

[columns.half_year]
role = "key"
it = "Semestre, per esempio 2024-H1."
en = "Half-year, for example 2024-H1."

[columns.platform]
role = "key"
it = "Piattaforma che ha registrato la riga."
en = "Platform that recorded the row."

[columns.n_reports]
role = "count"
unit = "reports"
it = "Schede semestrali del progetto fino a qui."
en = "Half-year sheets of the project up to here."

[columns.n_people_reached]
role = "count"
unit = "persons"
it = "Persone raggiunte nel semestre."
en = "People reached in the half-year."
vis = "output"

[columns.n_people_reached_so_far]
role = "count"
unit = "persons"
it = "Persone raggiunte finora; chi torna in un altro semestre conta di nuovo."
en = "People reached so far; who comes again in another half-year counts again."
vis = "output"

[columns.n_people_activated]
role = "count"
unit = "persons"
it = "Persone attivate nel semestre."
en = "People activated in the half-year."
vis = "outcome"

[columns.n_people_activated_so_far]
role = "count"
unit = "persons"
it = "Persone attivate finora; chi torna in un altro semestre conta di nuovo."
en = "People activated so far; who comes again in another half-year counts again."
vis = "outcome"

[columns.n_volunteers]
role = "count"
unit = "persons"
it = "Volontari nel semestre."
en = "Volunteers in the half-year."
vis = "input"

[columns.hours_total]
role = "measure"
unit = "hours"
it = "Ore donate nel semestre."
en = "Hours given in the half-year."
vis = "input"

[columns.hours_so_far]
role = "measure"
unit = "hours"
it = "Ore donate finora."
en = "Hours given so far."
vis = "input"

[columns.n_new_services]
role = "count"
unit = "services"
it = "Servizi nuovi nel semestre."
en = "New services in the half-year."
vis = "output"

[columns.n_new_services_so_far]
role = "count"
unit = "services"
it = "Servizi nuovi finora."
en = "New services so far."
vis = "output"

[columns.cofinancing_eur]
role = "measure"
unit = "EUR"
it = "Cofinanziamento raccolto nel semestre."
en = "Co-financing raised in the half-year."
vis = "input"

[columns.cofinancing_so_far_eur]
role = "measure"
unit = "EUR"
it = "Cofinanziamento raccolto finora; assente se nessuna scheda lo dice."
en = "Co-financing raised so far; absent if no sheet says it."
vis = "input"

[columns.grant_so_far_eur]
role = "measure"
unit = "EUR"
it = "Contributo finora, come se speso in parti uguali ogni giorno del progetto."
en = "Grant so far, as if spent evenly over the days of the project."
vis = "input"

[columns.cost_so_far_eur]
role = "measure"
unit = "EUR"
it = "Contributo finora più cofinanziamento raccolto, o previsto se non è detto."
en = "Grant so far plus co-financing raised, or planned where it is not said."
vis = "input"

[columns.n_reports_missing]
role = "count"
unit = "reports"
it = "Semestri dall'avvio senza scheda: i totali sono più bassi del vero."
en = "Half-years since the start without a sheet: the totals are lower than in truth."

[columns.cofinancing_pct]
role = "measure"
unit = "%"
it = "Quota del costo finora coperta dal cofinanziamento raccolto."
en = "Share of the cost so far borne by the co-financing raised."
rate = ["cofinancing_so_far_eur", "cost_so_far_eur"]
vis = "input"

[columns.cost_per_hour_eur]
role = "measure"
unit = "EUR"
it = "Costo finora per ora donata."
en = "Cost so far per hour given."

[columns.cost_per_person_eur]
role = "measure"
unit = "EUR"
it = "Costo finora per persona raggiunta."
en = "Cost so far per person reached."

[columns.cited_in_plan]
role = "code"
it = "Se il Piano di zona cita il progetto: yes, no."
en = "Whether the Piano di zona cites the project: yes, no."
vis = "outcome"
*/
with reports as (
    select
        project_id,
        platform,
        half_year,
        n_people_reached,
        n_people_activated,
        n_volunteers,
        n_new_services,
        hours_total,
        cofinancing_eur,
        is_cited_in_plan
    from conformed.project_reports
),

projects as (
    select
        project_id,
        starts_on,
        ends_on,
        grant_eur,
        cofinancing_eur
    from conformed.projects
),

dated_reports as (
    select
        project_id,
        platform,
        half_year,
        n_people_reached,
        n_people_activated,
        n_volunteers,
        n_new_services,
        hours_total,
        cofinancing_eur,
        is_cited_in_plan,
        case
            when half_year like '____-H1'
                then try_cast(concat(substr(half_year, 1, 4), '-06-30') as date)
            when half_year like '____-H2'
                then try_cast(concat(substr(half_year, 1, 4), '-12-31') as date)
        end as reported_until
    from reports
),

-- What a sheet does not say adds nothing; what none has said so far stays absent.
summed_reports as (
    select
        project_id,
        half_year,
        platform,
        reported_until,
        n_people_reached,
        n_people_activated,
        n_volunteers,
        n_new_services,
        hours_total,
        cofinancing_eur,
        is_cited_in_plan,
        count(*) over (
            partition by project_id
            order by half_year
            rows between unbounded preceding and current row
        ) as n_reports,
        sum(n_people_reached) over (
            partition by project_id
            order by half_year
            rows between unbounded preceding and current row
        ) as n_people_reached_so_far,
        sum(n_people_activated) over (
            partition by project_id
            order by half_year
            rows between unbounded preceding and current row
        ) as n_people_activated_so_far,
        sum(n_new_services) over (
            partition by project_id
            order by half_year
            rows between unbounded preceding and current row
        ) as n_new_services_so_far,
        sum(cast(hours_total as decimal(12, 2))) over (
            partition by project_id
            order by half_year
            rows between unbounded preceding and current row
        ) as hours_so_far,
        sum(cofinancing_eur) over (
            partition by project_id
            order by half_year
            rows between unbounded preceding and current row
        ) as cofinancing_so_far_eur
    from dated_reports
),

-- A project without a last day has no known pace, so no known cost so far.
paced_reports as (
    select
        summed_reports.project_id,
        summed_reports.half_year,
        summed_reports.platform,
        summed_reports.n_reports,
        summed_reports.n_people_reached,
        summed_reports.n_people_reached_so_far,
        summed_reports.n_people_activated,
        summed_reports.n_people_activated_so_far,
        summed_reports.n_volunteers,
        summed_reports.hours_total,
        summed_reports.n_new_services,
        summed_reports.n_new_services_so_far,
        summed_reports.is_cited_in_plan,
        cast(summed_reports.hours_so_far as double) as hours_so_far,
        cast(summed_reports.cofinancing_eur as double) as cofinancing_eur,
        cast(summed_reports.cofinancing_so_far_eur as double) as cofinancing_so_far_eur,
        cast(projects.grant_eur as double) as grant_eur,
        cast(projects.cofinancing_eur as double) as planned_cofinancing_eur,
        cast(
            2 * (
                date_part('year', summed_reports.reported_until)
                - date_part('year', projects.starts_on)
            )
            + case when date_part('month', summed_reports.reported_until) > 6 then 1 else 0 end
            - case when date_part('month', projects.starts_on) > 6 then 1 else 0 end
            + 1
            as bigint
        ) as n_half_years,
        case
            when projects.ends_on is null or projects.starts_on > projects.ends_on then null
            when summed_reports.reported_until < projects.starts_on then 0.0
            when summed_reports.reported_until >= projects.ends_on then 1.0
            else cast(
                date_part('epoch', summed_reports.reported_until)
                - date_part('epoch', projects.starts_on)
                + 86400
                as double
            )
            / cast(
                date_part('epoch', projects.ends_on)
                - date_part('epoch', projects.starts_on)
                + 86400
                as double
            )
        end as elapsed_share
    from summed_reports
    left join projects
        on summed_reports.project_id = projects.project_id
),

costed_reports as (
    select
        project_id,
        half_year,
        platform,
        n_reports,
        n_half_years,
        n_people_reached,
        n_people_reached_so_far,
        n_people_activated,
        n_people_activated_so_far,
        n_volunteers,
        hours_total,
        hours_so_far,
        n_new_services,
        n_new_services_so_far,
        cofinancing_eur,
        cofinancing_so_far_eur,
        is_cited_in_plan,
        grant_eur * elapsed_share as grant_so_far_eur,
        grant_eur * elapsed_share
        + coalesce(cofinancing_so_far_eur, planned_cofinancing_eur * elapsed_share)
            as cost_so_far_eur
    from paced_reports
)

select
    project_id,
    half_year,
    platform,
    n_reports,
    n_people_reached,
    n_people_reached_so_far,
    n_people_activated,
    n_people_activated_so_far,
    n_volunteers,
    hours_total,
    hours_so_far,
    n_new_services,
    n_new_services_so_far,
    cofinancing_eur,
    cofinancing_so_far_eur,
    grant_so_far_eur,
    cost_so_far_eur,
    case
        when n_half_years > n_reports then n_half_years - n_reports
        when n_half_years is not null then 0
    end as n_reports_missing,
    100 * cofinancing_so_far_eur / nullif(cost_so_far_eur, 0) as cofinancing_pct,
    cost_so_far_eur / nullif(hours_so_far, 0) as cost_per_hour_eur,
    cost_so_far_eur / nullif(n_people_reached_so_far, 0) as cost_per_person_eur,
    case
        when is_cited_in_plan then 'yes'
        when not is_cited_in_plan then 'no'
    end as cited_in_plan
from costed_reports
