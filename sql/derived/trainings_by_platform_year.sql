/* model
description.it = "Formazione svolta per piattaforma e anno, nei trimestri completi."
description.en = "Training held by platform and year, in the complete quarters."
grain = ["platform", "year"]
checks = [
    "unique(grain)",
    "n_quarters between 1 and 4",
    "n_trainings >= 1",
    "n_unknown between 0 and n_trainings",
    "n_parties between 0 and n_trainings",
    "hours >= 0 and n_participants >= 0 and participant_hours >= 0",
    "n_participants > 0 or hours_per_participant is null",
]
tags = ["training"]
owner = "antenne"

[columns.platform]
role = "key"
it = "Piattaforma che ha registrato la riga."
en = "Platform that recorded the row."

[columns.n_quarters]
role = "count"
unit = "quarters"
it = "Trimestri completi dell'anno."
en = "Complete quarters of the year."

[columns.n_trainings]
role = "count"
unit = "trainings"
it = "Incontri di formazione."
en = "Trainings held."

[columns.hours]
role = "measure"
unit = "hours"
it = "Ore di formazione."
en = "Hours of training."
vis = "activity"

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

[columns.participant_hours]
role = "measure"
unit = "hours"
it = "Ore ricevute da tutti i partecipanti insieme."
en = "Hours received by all participants together."
vis = "output"

[columns.n_parties]
role = "count"
unit = "parties"
it = "Destinatari diversi a cui era rivolta."
en = "Different parties it was for."

[columns.year]
role = "key"
it = "Anno."
en = "Year."

[columns.hours_per_participant]
role = "measure"
unit = "hours"
it = "Ore ricevute in media da un partecipante."
en = "Hours that a participant received on average."
*/
with trainings as (
    select
        platform,
        held_on,
        party,
        hours,
        n_participants
    from conformed.trainings
),

quarters as (
    select
        quarter,
        starts_on,
        ends_on
    from derived._complete_quarters
),

years as (
    select
        date_part('year', starts_on) as calendar_year,
        count(*) as n_quarters
    from quarters
    group by date_part('year', starts_on)
),

-- Hours are summed as decimals: the order of the rows must not show in the result.
parties as (
    select
        trainings.platform,
        trainings.party,
        date_part('year', trainings.held_on) as calendar_year,
        count(*) as n_trainings,
        count(trainings.n_participants) as n_known,
        sum(trainings.n_participants) as n_participants,
        sum(cast(trainings.hours as decimal(12, 2))) as hours,
        sum(cast(trainings.hours * trainings.n_participants as decimal(18, 2)))
            as participant_hours
    from trainings
    inner join quarters
        on trainings.held_on >= quarters.starts_on and trainings.held_on <= quarters.ends_on
    group by trainings.platform, trainings.party, date_part('year', trainings.held_on)
),

platform_years as (
    select
        platform,
        calendar_year,
        cast(sum(hours) as double) as hours,
        cast(coalesce(sum(participant_hours), 0) as double) as participant_hours,
        sum(n_trainings) as n_trainings,
        sum(n_trainings - n_known) as n_unknown,
        coalesce(sum(n_participants), 0) as n_participants,
        sum(case when party is null then 0 else 1 end) as n_parties
    from parties
    group by platform, calendar_year
)

select
    platform_years.platform,
    years.n_quarters,
    platform_years.n_trainings,
    platform_years.hours,
    platform_years.n_participants,
    platform_years.n_unknown,
    platform_years.participant_hours,
    platform_years.n_parties,
    cast(cast(platform_years.calendar_year as integer) as varchar) as year,
    platform_years.participant_hours
    / nullif(platform_years.n_participants, 0) as hours_per_participant
from platform_years
inner join years
    on platform_years.calendar_year = years.calendar_year
