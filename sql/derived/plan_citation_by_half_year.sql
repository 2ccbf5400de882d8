/* model
description.it = "Quanti progetti il Piano di zona cita, semestre per semestre."
description.en = "How many projects the Piano di zona cites, half-year by half-year."
grain = ["half_year"]
checks = [
    "unique(grain)",
    "n_projects + n_unknown >= 1",
    "n_cited between 0 and n_projects",
    "(n_projects = 0) = (cited_pct is null)",
    "cited_pct between 0 and 100",
    "cited_pct_low <= cited_pct + 1e-9",
    "cited_pct <= cited_pct_high + 1e-9",
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
it = "Progetti la cui scheda dice se sono citati."
en = "Projects whose sheet says whether they are cited."

[columns.n_cited]
role = "count"
unit = "projects"
it = "Progetti citati nel Piano di zona."
en = "Projects cited in the Piano di zona."
vis = "outcome"

[columns.n_unknown]
role = "count"
unit = "projects"
it = "Progetti la cui scheda non lo dice."
en = "Projects whose sheet does not say."

[columns.cited_pct]
role = "measure"
unit = "%"
it = "Quota dei progetti citati."
en = "Share of the projects cited."
rate = ["n_cited", "n_projects"]
vis = "outcome"

[columns.cited_pct_low]
role = "measure"
unit = "%"
it = "Limite inferiore al 95 %."
en = "Lower 95 % limit."

[columns.cited_pct_high]
role = "measure"
unit = "%"
it = "Limite superiore al 95 %."
en = "Upper 95 % limit."
*/
with reports as (
    select
        half_year,
        is_cited_in_plan
    from conformed.project_reports
),

half_years as (
    select
        half_year,
        count(is_cited_in_plan) as n_projects,
        sum(case when is_cited_in_plan then 1 else 0 end) as n_cited,
        sum(case when is_cited_in_plan is null then 1 else 0 end) as n_unknown
    from reports
    group by half_year
)

select
    half_year,
    n_projects,
    n_cited,
    n_unknown,
    100 * cast(n_cited as double) / nullif(n_projects, 0) as cited_pct,
    100 * wilson_low(n_cited, n_projects) as cited_pct_low,
    100 * wilson_high(n_cited, n_projects) as cited_pct_high
from half_years
