/* model
description.it = "Chi svolge i compiti: ore per figura e compiti complessi, per ambito e bisogno."
description.en = "Who carries tasks out: hours by figure and complex tasks, by district and need."
grain = ["district_code", "need_code", "quarter"]
checks = [
    "unique(grain)",
    "n_complex_to_professional between 0 and n_complex",
    "n_persons_complex_to_professional <= n_complex_to_professional",
    "(n_complex_to_professional = 0) = (n_persons_complex_to_professional = 0)",
    "n_persons_not_complex_to_professional <= n_complex - n_complex_to_professional",
    "(n_complex = n_complex_to_professional) = (n_persons_not_complex_to_professional = 0)",
    "n_complex_by_volunteer between 0 and n_complex",
    "n_persons_complex_by_volunteer <= n_complex_by_volunteer",
    "(n_complex_by_volunteer = 0) = (n_persons_complex_by_volunteer = 0)",
    "n_persons_not_complex_by_volunteer <= n_complex - n_complex_by_volunteer",
    "(n_complex = n_complex_by_volunteer) = (n_persons_not_complex_by_volunteer = 0)",
    "(hours_known = 0) = (volunteer_hours_pct is null)",
    "volunteer_hours_pct between 0 and 100",
    "(n_complex = 0) = (complex_to_professional_pct is null)",
    "complex_to_professional_pct between 0 and 100",
    "complex_to_professional_pct_low <= complex_to_professional_pct + 1e-9",
    "complex_to_professional_pct <= complex_to_professional_pct_high + 1e-9",
    "n_hours_unknown <= n_matches and n_complexity_unknown <= n_matches",
    "n_complex <= n_matches - n_complexity_unknown",
    "n_complex_to_professional + n_complex_by_volunteer <= n_complex",
    "hours_volunteer <= hours_known + 1e-6",
    "n_persons_volunteer <= n_matches and hours_volunteer >= 0",
    "n_persons_peer <= n_matches and hours_peer >= 0",
    "n_persons_professional <= n_matches and hours_professional >= 0",
    "n_persons_family_assistant <= n_matches and hours_family_assistant >= 0",
    "n_persons_self <= n_matches and hours_self >= 0",
]
tags = ["performers"]
owner = "antenne"

[columns.district_code]
role = "key"
it = "Ambito; OUTSIDE per i comuni fuori da ogni ambito."
en = "District; OUTSIDE for comuni in no district."

[columns.need_code]
role = "key"
it = "Bisogno SIUSS; NEW se il vocabolario non ha la parola."
en = "SIUSS need; NEW when the vocabulary has no word."

[columns.quarter]
role = "key"
it = "Trimestre, per esempio 2026-Q3."
en = "Quarter, for example 2026-Q3."

[columns.n_matches]
role = "count"
unit = "matches"
it = "Richieste e offerte abbinate."
en = "Requests and offers that were matched."

[columns.n_hours_unknown]
role = "count"
unit = "matches"
it = "Tra queste, quelle concluse di cui non si sanno le ore o chi le ha svolte."
en = "Of these, those completed with hours or performer unknown."

[columns.n_persons_volunteer]
role = "count"
unit = "persons"
it = "Persone che hanno ricevuto ore da volontari."
en = "Persons who received hours by volunteers."

[columns.n_persons_peer]
role = "count"
unit = "persons"
it = "Persone che hanno ricevuto ore da pari."
en = "Persons who received hours by peers."

[columns.n_persons_professional]
role = "count"
unit = "persons"
it = "Persone che hanno ricevuto ore da professionisti."
en = "Persons who received hours by professionals."

[columns.n_persons_family_assistant]
role = "count"
unit = "persons"
it = "Persone che hanno ricevuto ore da assistenti familiari."
en = "Persons who received hours by family assistants."

[columns.n_persons_self]
role = "count"
unit = "persons"
it = "Persone che hanno ricevuto ore in autoproduzione."
en = "Persons who received hours by the persons themselves."

[columns.n_complexity_unknown]
role = "count"
unit = "matches"
it = "Abbinamenti di cui non si sa se il compito è complesso, o chi lo svolge."
en = "Matches with complexity or performer unknown."

[columns.n_complex]
role = "count"
unit = "matches"
it = "Compiti complessi di cui si sa chi li svolge."
en = "Complex tasks with the performer known."

[columns.n_complex_to_professional]
role = "count"
unit = "matches"
it = "Tra questi, quelli affidati a professionisti."
en = "Of these, those given to professionals."

[columns.n_persons_complex_to_professional]
role = "count"
unit = "persons"
it = "Persone dietro i compiti complessi affidati a professionisti."
en = "Persons behind the complex tasks given to professionals."

[columns.n_persons_not_complex_to_professional]
role = "count"
unit = "persons"
it = "Persone dietro gli altri compiti complessi."
en = "Persons behind the other complex tasks."

[columns.n_complex_by_volunteer]
role = "count"
unit = "matches"
it = "Compiti complessi affidati a volontari."
en = "Complex tasks given to volunteers."

[columns.n_persons_complex_by_volunteer]
role = "count"
unit = "persons"
it = "Persone dietro i compiti complessi affidati a volontari."
en = "Persons behind the complex tasks given to volunteers."

[columns.n_persons_not_complex_by_volunteer]
role = "count"
unit = "persons"
it = "Persone dietro gli altri compiti complessi."
en = "Persons behind the other complex tasks."

[columns.platforms]
role = "code"
it = "Piattaforme in ordine alfabetico, separate da virgole."
en = "Platforms in alphabetical order, separated by commas."

[columns.hours_volunteer]
role = "measure"
unit = "hours"
it = "Ore erogate da volontari."
en = "Hours delivered by volunteers."
vis = "output"

[columns.hours_peer]
role = "measure"
unit = "hours"
it = "Ore erogate da pari."
en = "Hours delivered by peers."
vis = "output"

[columns.hours_professional]
role = "measure"
unit = "hours"
it = "Ore erogate da professionisti."
en = "Hours delivered by professionals."
vis = "output"

[columns.hours_family_assistant]
role = "measure"
unit = "hours"
it = "Ore erogate da assistenti familiari."
en = "Hours delivered by family assistants."
vis = "output"

[columns.hours_self]
role = "measure"
unit = "hours"
it = "Ore erogate in autoproduzione."
en = "Hours delivered by the persons themselves."
vis = "output"

[columns.hours_known]
role = "measure"
unit = "hours"
it = "Ore erogate di cui si sa chi le ha svolte."
en = "Hours delivered with the performer known."

[columns.volunteer_hours_pct]
role = "measure"
unit = "%"
it = "Quota di ore da volontari; i pari si scambiano ore e non vi contano."
en = "Share of hours by volunteers; peers exchange hours and are not in it."
rate = ["hours_volunteer", "hours_known"]
vis = "output"

[columns.complex_to_professional_pct]
role = "measure"
unit = "%"
it = "Quota di compiti complessi affidati a professionisti."
en = "Share of complex tasks given to professionals."
rate = ["n_complex_to_professional", "n_complex"]
vis = "output"

[columns.complex_to_professional_pct_low]
role = "measure"
unit = "%"
it = "Limite inferiore al 95 %."
en = "Lower 95 % limit."

[columns.complex_to_professional_pct_high]
role = "measure"
unit = "%"
it = "Limite superiore al 95 %."
en = "Upper 95 % limit."

[columns.coverage]
role = "code"
it = "Completezza dei dati: covered, partly, not_covered o source_down."
en = "Completeness of the data: covered, partly, not_covered or source_down."
*/
with exchanges as (
    select
        platform,
        person_key,
        district_code,
        need_code,
        quarter,
        state,
        performer,
        task_complexity,
        -- Hours are summed as decimals: the order of the rows must not show in the result.
        cast(hours_delivered as decimal(12, 2)) as hours_delivered
    from derived._exchanges
    where
        counts_as in ('request', 'offer')
        and (matched_on is not null or state in ('matched', 'active', 'completed'))
),

quarters as (
    select quarter
    from derived._complete_quarters
),

coverage as (
    select
        district_code,
        quarter,
        coverage
    from derived._coverage_by_district_quarter
),

-- Rows without a person key count as one person: the fewest they can be.
persons as (
    select
        exchanges.district_code,
        exchanges.need_code,
        exchanges.quarter,
        exchanges.platform,
        exchanges.person_key,
        count(*) as n_matches,
        sum(
            case
                when exchanges.state <> 'completed' then 0
                when exchanges.performer is null or exchanges.hours_delivered is null then 1
                else 0
            end
        ) as n_hours_unknown,
        sum(
            case
                when exchanges.performer = 'volunteer' then exchanges.hours_delivered
            end
        ) as hours_volunteer,
        sum(
            case
                when exchanges.performer = 'peer' then exchanges.hours_delivered
            end
        ) as hours_peer,
        sum(
            case
                when exchanges.performer = 'professional' then exchanges.hours_delivered
            end
        ) as hours_professional,
        sum(
            case
                when exchanges.performer = 'family_assistant' then exchanges.hours_delivered
            end
        ) as hours_family_assistant,
        sum(
            case
                when exchanges.performer = 'self' then exchanges.hours_delivered
            end
        ) as hours_self,
        sum(
            case
                when exchanges.task_complexity is null or exchanges.performer is null then 1
                else 0
            end
        ) as n_complexity_unknown,
        sum(
            case
                when exchanges.task_complexity = 'complex' and exchanges.performer is not null
                    then 1
                else 0
            end
        ) as n_complex,
        sum(
            case
                when
                    exchanges.task_complexity = 'complex'
                    and exchanges.performer = 'professional'
                    then 1
                else 0
            end
        ) as n_complex_to_professional,
        sum(
            case
                when exchanges.task_complexity = 'complex' and exchanges.performer = 'volunteer'
                    then 1
                else 0
            end
        ) as n_complex_by_volunteer
    from exchanges
    inner join quarters
        on exchanges.quarter = quarters.quarter
    group by
        exchanges.district_code,
        exchanges.need_code,
        exchanges.quarter,
        exchanges.platform,
        exchanges.person_key
),

platform_cells as (
    select
        district_code,
        need_code,
        quarter,
        platform,
        sum(n_matches) as n_matches,
        sum(n_hours_unknown) as n_hours_unknown,
        sum(hours_volunteer) as hours_volunteer,
        sum(case when hours_volunteer > 0 then 1 else 0 end) as n_persons_volunteer,
        sum(hours_peer) as hours_peer,
        sum(case when hours_peer > 0 then 1 else 0 end) as n_persons_peer,
        sum(hours_professional) as hours_professional,
        sum(case when hours_professional > 0 then 1 else 0 end) as n_persons_professional,
        sum(hours_family_assistant) as hours_family_assistant,
        sum(case when hours_family_assistant > 0 then 1 else 0 end) as n_persons_family_assistant,
        sum(hours_self) as hours_self,
        sum(case when hours_self > 0 then 1 else 0 end) as n_persons_self,
        sum(n_complexity_unknown) as n_complexity_unknown,
        sum(n_complex) as n_complex,
        sum(n_complex_to_professional) as n_complex_to_professional,
        sum(n_complex_by_volunteer) as n_complex_by_volunteer,
        sum(case when n_complex_to_professional > 0 then 1 else 0 end)
            as n_persons_complex_to_professional,
        sum(case when n_complex_to_professional < n_complex then 1 else 0 end)
            as n_persons_not_complex_to_professional,
        sum(case when n_complex_by_volunteer > 0 then 1 else 0 end)
            as n_persons_complex_by_volunteer,
        sum(case when n_complex_by_volunteer < n_complex then 1 else 0 end)
            as n_persons_not_complex_by_volunteer
    from persons
    group by district_code, need_code, quarter, platform
),

summed_cells as (
    select
        district_code,
        need_code,
        quarter,
        sum(n_matches) as n_matches,
        sum(n_hours_unknown) as n_hours_unknown,
        sum(hours_volunteer) as hours_volunteer,
        max(n_persons_volunteer) as n_persons_volunteer,
        sum(hours_peer) as hours_peer,
        max(n_persons_peer) as n_persons_peer,
        sum(hours_professional) as hours_professional,
        max(n_persons_professional) as n_persons_professional,
        sum(hours_family_assistant) as hours_family_assistant,
        max(n_persons_family_assistant) as n_persons_family_assistant,
        sum(hours_self) as hours_self,
        max(n_persons_self) as n_persons_self,
        sum(n_complexity_unknown) as n_complexity_unknown,
        sum(n_complex) as n_complex,
        sum(n_complex_to_professional) as n_complex_to_professional,
        max(n_persons_complex_to_professional) as n_persons_complex_to_professional,
        max(n_persons_not_complex_to_professional) as n_persons_not_complex_to_professional,
        sum(n_complex_by_volunteer) as n_complex_by_volunteer,
        max(n_persons_complex_by_volunteer) as n_persons_complex_by_volunteer,
        max(n_persons_not_complex_by_volunteer) as n_persons_not_complex_by_volunteer,
        string_agg(platform, ',' order by platform) as platforms
    from platform_cells
    group by district_code, need_code, quarter
),

cells as (
    select
        district_code,
        need_code,
        quarter,
        n_matches,
        n_hours_unknown,
        n_persons_volunteer,
        n_persons_peer,
        n_persons_professional,
        n_persons_family_assistant,
        n_persons_self,
        n_complexity_unknown,
        n_complex,
        n_complex_to_professional,
        n_persons_complex_to_professional,
        n_persons_not_complex_to_professional,
        n_complex_by_volunteer,
        n_persons_complex_by_volunteer,
        n_persons_not_complex_by_volunteer,
        platforms,
        cast(
            coalesce(hours_volunteer, 0)
            + coalesce(hours_peer, 0)
            + coalesce(hours_professional, 0)
            + coalesce(hours_family_assistant, 0)
            + coalesce(hours_self, 0)
            as double
        ) as hours_known,
        coalesce(cast(hours_volunteer as double), 0) as hours_volunteer,
        coalesce(cast(hours_peer as double), 0) as hours_peer,
        coalesce(cast(hours_professional as double), 0) as hours_professional,
        coalesce(cast(hours_family_assistant as double), 0) as hours_family_assistant,
        coalesce(cast(hours_self as double), 0) as hours_self
    from summed_cells
)

select
    cells.district_code,
    cells.need_code,
    cells.quarter,
    cells.n_matches,
    cells.n_hours_unknown,
    cells.n_persons_volunteer,
    cells.n_persons_peer,
    cells.n_persons_professional,
    cells.n_persons_family_assistant,
    cells.n_persons_self,
    cells.n_complexity_unknown,
    cells.n_complex,
    cells.n_complex_to_professional,
    cells.n_persons_complex_to_professional,
    cells.n_persons_not_complex_to_professional,
    cells.n_complex_by_volunteer,
    cells.n_persons_complex_by_volunteer,
    cells.n_persons_not_complex_by_volunteer,
    cells.platforms,
    cells.hours_volunteer,
    cells.hours_peer,
    cells.hours_professional,
    cells.hours_family_assistant,
    cells.hours_self,
    cells.hours_known,
    100 * cells.hours_volunteer / nullif(cells.hours_known, 0) as volunteer_hours_pct,
    100 * cast(cells.n_complex_to_professional as double)
    / nullif(cells.n_complex, 0) as complex_to_professional_pct,
    100 * wilson_low(
        cells.n_complex_to_professional, cells.n_complex
    ) as complex_to_professional_pct_low,
    100 * wilson_high(
        cells.n_complex_to_professional, cells.n_complex
    ) as complex_to_professional_pct_high,
    coalesce(coverage.coverage, 'not_covered') as coverage
from cells
left join coverage
    on
        cells.district_code = coverage.district_code
        and cells.quarter = coverage.quarter
