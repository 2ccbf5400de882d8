/* model
description.it = """
Compiti complessi affidati a volontari. Allarme se sono almeno 5 e il limite inferiore della \
loro quota supera la quota di tutti gli altri ambiti insieme, stesso bisogno e trimestre."""
description.en = """
Complex tasks given to volunteers. Alert if they are 5 or more and the lower limit of their \
share is above the share of all other districts together, same need and quarter."""
grain = ["district_code", "need_code", "quarter"]
checks = [
    "unique(grain)",
    "n_complex_by_volunteer between 0 and n_complex",
    "n_persons_complex_by_volunteer <= n_complex_by_volunteer",
    "(n_complex_by_volunteer = 0) = (n_persons_complex_by_volunteer = 0)",
    "n_persons_not_complex_by_volunteer <= n_complex - n_complex_by_volunteer",
    "(n_complex = n_complex_by_volunteer) = (n_persons_not_complex_by_volunteer = 0)",
    "(n_complex = 0) = (complex_by_volunteer_pct is null)",
    "complex_by_volunteer_pct between 0 and 100",
    "complex_by_volunteer_pct_low <= complex_by_volunteer_pct + 1e-9",
    "complex_by_volunteer_pct <= complex_by_volunteer_pct_high + 1e-9",
    "(n_others_complex = 0) = (others_by_volunteer_pct is null)",
    "others_by_volunteer_pct between 0 and 100",
    "n_complex >= 1",
    "n_others_by_volunteer between 0 and n_others_complex",
    "alert in ('yes', 'no')",
    "alert = 'no' or n_complex_by_volunteer >= 5",
    "alert = 'no' or complex_by_volunteer_pct_low > others_by_volunteer_pct",
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

[columns.n_complex]
role = "count"
unit = "matches"
it = "Compiti complessi di cui si sa chi li svolge."
en = "Complex tasks with the performer known."

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

[columns.n_others_complex]
role = "count"
unit = "matches"
it = "Gli stessi compiti complessi in tutti gli altri ambiti insieme."
en = "The same complex tasks in all other districts together."

[columns.n_others_by_volunteer]
role = "count"
unit = "matches"
it = "Tra questi, quelli affidati a volontari."
en = "Of these, those given to volunteers."

[columns.platforms]
role = "code"
it = "Piattaforme in ordine alfabetico, separate da virgole."
en = "Platforms in alphabetical order, separated by commas."

[columns.coverage]
role = "code"
it = "Completezza dei dati: covered, partly, not_covered o source_down."
en = "Completeness of the data: covered, partly, not_covered or source_down."

[columns.complex_by_volunteer_pct]
role = "measure"
unit = "%"
it = "Quota di compiti complessi affidati a volontari."
en = "Share of complex tasks given to volunteers."
rate = ["n_complex_by_volunteer", "n_complex"]

[columns.complex_by_volunteer_pct_low]
role = "measure"
unit = "%"
it = "Limite inferiore al 95 %."
en = "Lower 95 % limit."

[columns.complex_by_volunteer_pct_high]
role = "measure"
unit = "%"
it = "Limite superiore al 95 %."
en = "Upper 95 % limit."

[columns.others_by_volunteer_pct]
role = "measure"
unit = "%"
it = "La stessa quota negli altri ambiti, stesso bisogno e trimestre."
en = "The same share in the other districts, same need and quarter."
rate = ["n_others_by_volunteer", "n_others_complex"]

[columns.alert]
role = "code"
it = "yes: almeno 5, e il limite inferiore supera la quota degli altri ambiti."
en = "yes: 5 or more, and the lower limit is above the share of the others."
*/
with tasks as (
    select
        district_code,
        need_code,
        quarter,
        n_complex,
        n_complex_by_volunteer,
        n_persons_complex_by_volunteer,
        n_persons_not_complex_by_volunteer,
        platforms,
        coverage
    from derived.performers_by_district_need_quarter
    where n_complex > 0
),

wholes as (
    select
        need_code,
        quarter,
        sum(n_complex) as n_complex,
        sum(n_complex_by_volunteer) as n_complex_by_volunteer
    from tasks
    group by need_code, quarter
),

compared_tasks as (
    select
        tasks.district_code,
        tasks.need_code,
        tasks.quarter,
        tasks.n_complex,
        tasks.n_complex_by_volunteer,
        tasks.n_persons_complex_by_volunteer,
        tasks.n_persons_not_complex_by_volunteer,
        tasks.platforms,
        tasks.coverage,
        wholes.n_complex - tasks.n_complex as n_others_complex,
        wholes.n_complex_by_volunteer - tasks.n_complex_by_volunteer as n_others_by_volunteer
    from tasks
    inner join wholes
        on
            tasks.need_code = wholes.need_code
            and tasks.quarter = wholes.quarter
)

select
    district_code,
    need_code,
    quarter,
    n_complex,
    n_complex_by_volunteer,
    n_persons_complex_by_volunteer,
    n_persons_not_complex_by_volunteer,
    n_others_complex,
    n_others_by_volunteer,
    platforms,
    coverage,
    100 * cast(n_complex_by_volunteer as double) / nullif(n_complex, 0) as complex_by_volunteer_pct,
    100 * wilson_low(n_complex_by_volunteer, n_complex) as complex_by_volunteer_pct_low,
    100 * wilson_high(n_complex_by_volunteer, n_complex) as complex_by_volunteer_pct_high,
    100 * cast(n_others_by_volunteer as double)
    / nullif(n_others_complex, 0) as others_by_volunteer_pct,
    -- Where no other district has such tasks there is nothing to stand out from.
    case
        when
            n_complex_by_volunteer >= 5
            and wilson_low(n_complex_by_volunteer, n_complex)
            > cast(n_others_by_volunteer as double) / nullif(n_others_complex, 0)
            then 'yes'
        else 'no'
    end as alert
from compared_tasks
