/* model
description.it = "Ore di formazione secondo a chi erano rivolte, nei trimestri completi."
description.en = "Hours of training by whom they were for, in the complete quarters."
grain = ["platform", "party", "year"]
checks = [
    "unique(grain)",
    "not_null(party)",
    "n_trainings >= 1",
    "n_projects between 0 and n_trainings",
    "hours between 0 and hours_all",
    "hours_pct between 0 and 100",
    "n_unknown between 0 and n_trainings",
]
tags = ["training"]
owner = "antenne"

[columns.platform]
role = "key"
it = "Piattaforma che ha registrato la riga."
en = "Platform that recorded the row."

[columns.party]
role = "key"
it = "A chi era rivolta; not_stated se non è detto."
en = "Whom it was for; not_stated if it is not said."

[columns.n_projects]
role = "count"
unit = "projects"
it = "Progetti che l'hanno svolta."
en = "Projects that held it."

[columns.n_trainings]
role = "count"
unit = "trainings"
it = "Incontri di formazione."
en = "Trainings held."

[columns.n_participants]
role = "count"
unit = "persons"
it = "Partecipanti; chi torna conta ogni volta."
en = "Participants; who comes again counts again."
vis = "output"

[columns.n_unknown]
role = "count"
unit = "trainings"
it = "Incontri di cui non si sa quanti hanno partecipato."
en = "Trainings of which it is not known how many took part."

[columns.year]
role = "key"
it = "Anno."
en = "Year."

[columns.hours]
role = "measure"
unit = "hours"
it = "Ore di formazione."
en = "Hours of training."
vis = "activity"

[columns.hours_all]
role = "measure"
unit = "hours"
it = "Ore di formazione della piattaforma nell'anno."
en = "Hours of training of the platform in the year."

[columns.hours_pct]
role = "measure"
unit = "%"
it = "Quota delle ore dell'anno."
en = "Share of the hours of the year."
rate = ["hours", "hours_all"]
*/
with trainings as (
    select
        platform,
        project_id,
        held_on,
        hours,
        n_participants,
        coalesce(party, 'not_stated') as party
    from conformed.trainings
),

quarters as (
    select
        starts_on,
        ends_on
    from derived._complete_quarters
),

-- Hours are summed as decimals: the order of the rows must not show in the result.
projects as (
    select
        trainings.platform,
        trainings.party,
        trainings.project_id,
        date_part('year', trainings.held_on) as calendar_year,
        count(*) as n_trainings,
        count(trainings.n_participants) as n_known,
        sum(trainings.n_participants) as n_participants,
        sum(cast(trainings.hours as decimal(12, 2))) as hours
    from trainings
    inner join quarters
        on trainings.held_on >= quarters.starts_on and trainings.held_on <= quarters.ends_on
    group by
        trainings.platform,
        trainings.party,
        trainings.project_id,
        date_part('year', trainings.held_on)
),

parties as (
    select
        platform,
        party,
        calendar_year,
        sum(case when project_id is null then 0 else 1 end) as n_projects,
        sum(n_trainings) as n_trainings,
        sum(n_trainings - n_known) as n_unknown,
        coalesce(sum(n_participants), 0) as n_participants,
        sum(hours) as hours
    from projects
    group by platform, party, calendar_year
),

years as (
    select
        platform,
        calendar_year,
        sum(hours) as hours
    from projects
    group by platform, calendar_year
)

select
    parties.platform,
    parties.party,
    parties.n_projects,
    parties.n_trainings,
    parties.n_participants,
    parties.n_unknown,
    cast(cast(parties.calendar_year as integer) as varchar) as year,
    cast(parties.hours as double) as hours,
    cast(years.hours as double) as hours_all,
    100 * cast(parties.hours as double) / nullif(cast(years.hours as double), 0) as hours_pct
from parties
inner join years
    on
        parties.platform = years.platform
        and parties.calendar_year = years.calendar_year
