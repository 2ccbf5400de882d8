/* model
description.it = "Attese delle richieste per ambito, bisogno e mese della richiesta."
description.en = "Waits of the requests by district, need and month of the request."
grain = ["district_code", "need_code", "month"]
checks = [
    "unique(grain)",
    "(n_matched = 0) = (wait_days is null)",
    "wait_days is null or wait_days >= 0",
]

[columns.district_code]
role = "key"
it = "Ambito; OUTSIDE per i comuni fuori da ogni ambito."
en = "District; OUTSIDE for comuni in no district."

[columns.need_code]
role = "key"
it = "Bisogno SIUSS; NEW se il vocabolario non ha la parola."
en = "SIUSS need; NEW when the vocabulary has no word."

[columns.month]
role = "key"
it = "Mese, come suo primo giorno."
en = "Month, as its first day."

[columns.n_matched]
role = "count"
unit = "requests"
it = "Richieste che hanno trovato risposta."
en = "Requests that found an answer."

[columns.n_censored]
role = "count"
unit = "requests"
it = "Richieste senza risposta finora: attesa solo in parte nota."
en = "Requests with no answer so far: wait known only in part."

[columns.wait_days]
role = "measure"
unit = "days"
it = "Mediana (inferiore) dei giorni di attesa di chi ha avuto risposta."
en = "Lower median of the days waited by those answered."
*/
with waits as (
    select
        district_code,
        need_code,
        requested_month as month,
        days,
        is_matched
    from derived._waits
),

cells as (
    select
        district_code,
        need_code,
        month,
        sum(case when is_matched then 1 else 0 end) as n_matched,
        sum(case when is_matched then 0 else 1 end) as n_censored
    from waits
    group by district_code, need_code, month
),

-- The median is read from the counts by day: exact, the same on every run, small in memory.
matched_days as (
    select
        district_code,
        need_code,
        month,
        days,
        count(*) as n_waits
    from waits
    where is_matched
    group by district_code, need_code, month, days
),

cumulated_days as (
    select
        district_code,
        need_code,
        month,
        days,
        sum(n_waits) over (
            partition by district_code, need_code, month
            order by days
            rows between unbounded preceding and current row
        ) as n_up_to_here,
        sum(n_waits) over (
            partition by district_code, need_code, month
        ) as n_waits
    from matched_days
),

medians as (
    select
        district_code,
        need_code,
        month,
        min(days) as wait_days
    from cumulated_days
    where 2 * n_up_to_here >= n_waits
    group by district_code, need_code, month
)

select
    cells.district_code,
    cells.need_code,
    cells.month,
    cells.n_matched,
    cells.n_censored,
    cast(medians.wait_days as double) as wait_days
from cells
left join medians
    on
        cells.district_code = medians.district_code
        and cells.need_code = medians.need_code
        and cells.month = medians.month
