/* model
description.it = "Quanto i progetti vivono di contributi, semestre per semestre."
description.en = "How far the projects live on grants, half-year by half-year."
grain = ["half_year"]
checks = [
    "unique(grain)",
    "n_projects >= 1",
    "n_projects_budget between 0 and n_projects",
    "n_projects_raised between 0 and n_projects",
    "(n_projects_budget = 0) = (budget_eur is null)",
    "(n_projects_raised = 0) = (cost_raised_eur is null)",
    "grant_eur <= budget_eur",
    "grant_so_far_eur <= cost_raised_eur",
    "grant_pct between 0 and 100",
    "grant_so_far_pct between 0 and 100",
]
tags = ["projects"]
owner = "antenne"

[columns.half_year]
role = "key"
it = "Semestre, per esempio 2024-H1."
en = "Half-year, for example 2024-H1."

[columns.n_projects]
role = "count"
unit = "projects"
it = "Progetti con una scheda nel semestre."
en = "Projects with a sheet in the half-year."

[columns.n_projects_budget]
role = "count"
unit = "projects"
it = "Quelli di cui si sanno contributo e cofinanziamento previsto."
en = "Those whose grant and planned co-financing are known."

[columns.grant_eur]
role = "measure"
unit = "EUR"
it = "I loro contributi."
en = "Their grants."
vis = "input"

[columns.budget_eur]
role = "measure"
unit = "EUR"
it = "I loro contributi e cofinanziamenti previsti."
en = "Their grants and planned co-financing."
vis = "input"

[columns.n_projects_raised]
role = "count"
unit = "projects"
it = "Quelli che dicono quanto cofinanziamento hanno raccolto finora."
en = "Those that say how much co-financing they have raised so far."

[columns.grant_so_far_eur]
role = "measure"
unit = "EUR"
it = "I loro contributi finora, in parti uguali sui giorni dei progetti."
en = "Their grants so far, spread evenly over the days of the projects."
vis = "input"

[columns.cost_raised_eur]
role = "measure"
unit = "EUR"
it = "I loro contributi finora più il cofinanziamento raccolto."
en = "Their grants so far plus the co-financing raised."
vis = "input"

[columns.grant_pct]
role = "measure"
unit = "%"
it = "Quota dei contributi come prevista."
en = "Share of the grants as planned."
rate = ["grant_eur", "budget_eur"]
vis = "input"

[columns.grant_so_far_pct]
role = "measure"
unit = "%"
it = "Quota dei contributi finora, su contributi e cofinanziamento raccolto."
en = "Share of the grants so far in grants and co-financing raised."
rate = ["grant_so_far_eur", "cost_raised_eur"]
vis = "input"
*/
with progress as (
    select
        project_id,
        half_year,
        grant_so_far_eur,
        cofinancing_so_far_eur
    from derived.project_progress_by_half_year
),

projects as (
    select
        project_id,
        grant_eur,
        cofinancing_eur
    from conformed.projects
),

-- What was planned and what came in are never mixed in one share.
-- Euros are summed as decimals: the order of the rows must not show in the result.
known_projects as (
    select
        progress.half_year,
        case when projects.cofinancing_eur is not null then projects.grant_eur end as grant_eur,
        projects.grant_eur + projects.cofinancing_eur as budget_eur,
        case
            when progress.cofinancing_so_far_eur is not null
                then cast(progress.grant_so_far_eur as decimal(18, 2))
        end as grant_so_far_eur,
        cast(progress.grant_so_far_eur as decimal(18, 2))
        + cast(progress.cofinancing_so_far_eur as decimal(18, 2)) as cost_raised_eur
    from progress
    left join projects
        on progress.project_id = projects.project_id
),

half_years as (
    select
        half_year,
        cast(sum(grant_eur) as double) as grant_eur,
        cast(sum(budget_eur) as double) as budget_eur,
        cast(sum(grant_so_far_eur) as double) as grant_so_far_eur,
        cast(sum(cost_raised_eur) as double) as cost_raised_eur,
        count(*) as n_projects,
        count(budget_eur) as n_projects_budget,
        count(cost_raised_eur) as n_projects_raised
    from known_projects
    group by half_year
)

select
    half_year,
    n_projects,
    n_projects_budget,
    grant_eur,
    budget_eur,
    n_projects_raised,
    grant_so_far_eur,
    cost_raised_eur,
    100 * grant_eur / nullif(budget_eur, 0) as grant_pct,
    100 * grant_so_far_eur / nullif(cost_raised_eur, 0) as grant_so_far_pct
from half_years
