/* model
description.it = "Serie settimanali abbastanza lunghe e dense da giudicarle una per una."
description.en = "Weekly series long and dense enough to be judged one by one."
grain = ["district_code", "need_code", "week"]
checks = [
    "unique(grain)",
    "n_requests >= 0",
    "n_exposed > 0",
]

[columns.district_code]
role = "key"
it = "Ambito."
en = "District."

[columns.need_code]
role = "key"
it = "Bisogno SIUSS."
en = "SIUSS need."

[columns.week]
role = "key"
it = "Settimana, come il suo lunedì."
en = "Week, as its Monday."

[columns.n_requests]
role = "count"
unit = "requests"
it = "Richieste; zero dove non ce ne sono."
en = "Requests; zero where there are none."

[columns.n_exposed]
role = "measure"
unit = "persons"
it = "Esposizione del mese del lunedì."
en = "Exposure of the month of the Monday."
*/
with requests as (
    select
        district_code,
        need_code,
        cast(date_trunc('week', requested_on) as date) as week
    from derived._exchanges
    where counts_as = 'request' and district_code <> 'OUTSIDE' and need_code <> 'NEW'
),

exposures as (
    select
        district_code,
        need_code,
        month,
        n_exposed,
        is_covered
    from derived._panel_by_district_need_month
),

last_quarter as (
    select max(ends_on) as ends_on
    from derived._complete_quarters
),

-- Only whole weeks: the first may have begun before the first record.
weeks as (
    select requests.week
    from requests
    cross join last_quarter
    where requests.week + interval '6 days' <= last_quarter.ends_on
    group by requests.week
),

first_weeks as (
    select min(week) as week
    from weeks
),

counts as (
    select
        district_code,
        need_code,
        week,
        count(*) as n_requests
    from requests
    group by district_code, need_code, week
),

exposed_weeks as (
    select
        exposures.district_code,
        exposures.need_code,
        weeks.week,
        exposures.n_exposed,
        exposures.is_covered and exposures.n_exposed > 0 as is_usable
    from weeks
    inner join exposures
        on cast(date_trunc('month', weeks.week) as date) = exposures.month
    cross join first_weeks
    where weeks.week > first_weeks.week
),

-- A series begins after its last week without data: a hole would shift its season.
last_holes as (
    select
        district_code,
        need_code,
        max(case when not is_usable then week end) as week
    from exposed_weeks
    group by district_code, need_code
),

usable_weeks as (
    select
        exposed_weeks.district_code,
        exposed_weeks.need_code,
        exposed_weeks.week,
        exposed_weeks.n_exposed,
        coalesce(counts.n_requests, 0) as n_requests
    from exposed_weeks
    inner join last_holes
        on
            exposed_weeks.district_code = last_holes.district_code
            and exposed_weeks.need_code = last_holes.need_code
    left join counts
        on
            exposed_weeks.district_code = counts.district_code
            and exposed_weeks.need_code = counts.need_code
            and exposed_weeks.week = counts.week
    where last_holes.week is null or exposed_weeks.week > last_holes.week
),

-- Three years and five requests a week: below that months together say more.
long_series as (
    select
        district_code,
        need_code
    from usable_weeks
    group by district_code, need_code
    having count(*) >= 156 and sum(n_requests) >= 5 * count(*)
)

select
    usable_weeks.district_code,
    usable_weeks.need_code,
    usable_weeks.week,
    usable_weeks.n_requests,
    usable_weeks.n_exposed
from usable_weeks
inner join long_series
    on
        usable_weeks.district_code = long_series.district_code
        and usable_weeks.need_code = long_series.need_code
