/* model
description.it = "Quota delle richieste di un mese già registrate, per piattaforma."
description.en = "Share of a month's requests that has been recorded by now, by platform."
grain = ["platform", "month"]
checks = [
    "unique(grain)",
    "n_recorded >= 0",
    "completeness > 0",
    "completeness <= 1",
    "stamp in ('first', 'last')",
]

[columns.platform]
role = "key"
it = "Piattaforma."
en = "Platform."

[columns.month]
role = "key"
it = "Mese della richiesta, come suo primo giorno."
en = "Month of the request, as its first day."

[columns.n_recorded]
role = "count"
unit = "requests"
it = "Richieste registrate finora."
en = "Requests recorded so far."

[columns.stamp]
role = "code"
it = "Che cosa data la registrazione: first, la prima volta; last, l'ultima modifica."
en = "What the record is dated by: first, when it was made; last, when it was last changed."

[columns.completeness]
role = "measure"
it = "Quota attesa delle richieste già registrate; 1 dove non si può stimare."
en = "Expected share of the requests already recorded; 1 where it cannot be estimated."
*/
with requests as (
    select
        platform,
        requested_on,
        ended_on,
        cast(recorded_at as date) as recorded_on,
        12 * date_part('year', requested_on) + date_part('month', requested_on) as cohort,
        12 * date_part('year', recorded_at) + date_part('month', recorded_at) as recorded_in
    from conformed.exchanges
    where kind in ('need', 'exchange')
),

ended_requests as (
    select
        platform,
        count(*) as n_ended,
        sum(case when recorded_on >= ended_on then 1 else 0 end) as n_dated_after
    from requests
    where ended_on > requested_on
    group by platform
),

-- A stamp that hardly ever lies before the end of what it stands for is that of the last change:
-- it says nothing of when the request became known.
platforms as (
    select
        requests.platform,
        cast(max(requests.recorded_in) as bigint) as as_of,
        max(
            case
                when ended_requests.n_dated_after >= 0.95 * ended_requests.n_ended then 'last'
                else 'first'
            end
        ) as stamp
    from requests
    left join ended_requests
        on requests.platform = ended_requests.platform
    group by requests.platform
),

-- A record from before the request counts as known at once.
reports as (
    select
        platform,
        cast(cohort as bigint) as cohort,
        cast(greatest(recorded_in - cohort, 0) as bigint) as delay,
        min(cast(date_trunc('month', requested_on) as date)) as month,
        count(*) as n
    from requests
    group by platform, cohort, greatest(recorded_in - cohort, 0)
),

-- Delays change: only those of the last two years tell those of now.
shares as (
    select
        reports.platform,
        reports.cohort,
        completeness(reports.cohort, reports.delay, reports.n, platforms.as_of) over (
            partition by reports.platform
            order by reports.cohort, reports.delay
        ) as completeness
    from reports
    inner join platforms
        on reports.platform = platforms.platform
    where platforms.stamp = 'first' and reports.cohort > platforms.as_of - 24
),

cohort_shares as (
    select
        platform,
        cohort,
        max(completeness) as completeness
    from shares
    group by platform, cohort
),

cohorts as (
    select
        platform,
        cohort,
        min(month) as month,
        sum(n) as n_recorded
    from reports
    group by platform, cohort
)

select
    cohorts.platform,
    cohorts.month,
    cohorts.n_recorded,
    platforms.stamp,
    coalesce(nullif(cohort_shares.completeness, 0), 1) as completeness
from cohorts
inner join platforms
    on cohorts.platform = platforms.platform
left join cohort_shares
    on
        cohorts.platform = cohort_shares.platform
        and cohorts.cohort = cohort_shares.cohort
