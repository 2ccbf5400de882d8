/* model
description.it = "Richieste di persone che i servizi non conoscono, per ambito e bisogno."
description.en = "Requests by persons whom services do not know, by district and need."
grain = ["district_code", "need_code", "quarter"]
checks = [
    "unique(grain)",
    "n_hidden between 0 and n_known",
    "n_persons_hidden <= n_hidden",
    "(n_hidden = 0) = (n_persons_hidden = 0)",
    "n_persons_not_hidden <= n_known - n_hidden",
    "(n_known = n_hidden) = (n_persons_not_hidden = 0)",
    "(n_known = 0) = (hidden_need_pct is null)",
    "hidden_need_pct between 0 and 100",
    "hidden_need_pct_low <= hidden_need_pct + 1e-9",
    "hidden_need_pct <= hidden_need_pct_high + 1e-9",
    "n_known + n_unknown >= 1",
    "n_persons_unknown <= n_unknown",
    "(n_unknown = 0) = (n_persons_unknown = 0)",
    "not_null(platforms)",
    "coverage in ('covered', 'partly', 'not_covered', 'source_down')",
]
tags = ["hidden_need"]
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

[columns.n_known]
role = "count"
unit = "requests"
it = "Richieste di cui si sa se i servizi conoscono la persona."
en = "Requests of which it is known whether services know the person."

[columns.n_hidden]
role = "count"
unit = "requests"
it = "Tra queste, quelle di persone non note ai servizi."
en = "Of these, those by persons unknown to services."

[columns.n_unknown]
role = "count"
unit = "requests"
it = "Richieste di cui non si sa."
en = "Requests of which it is not known."

[columns.n_persons_hidden]
role = "count"
unit = "persons"
it = "Persone non note ai servizi dietro le richieste."
en = "Persons unknown to services behind the requests."

[columns.n_persons_not_hidden]
role = "count"
unit = "persons"
it = "Persone note ai servizi dietro le richieste."
en = "Persons known to services behind the requests."

[columns.n_persons_unknown]
role = "count"
unit = "persons"
it = "Persone dietro le richieste di cui non si sa."
en = "Persons behind the requests of which it is not known."

[columns.platforms]
role = "code"
it = "Piattaforme in ordine alfabetico, separate da virgole."
en = "Platforms in alphabetical order, separated by commas."

[columns.hidden_need_pct]
role = "measure"
unit = "%"
it = "Quota di richieste di persone non note ai servizi, su quelle di cui si sa."
en = "Share by persons unknown to services, among the requests where it is known."
rate = ["n_hidden", "n_known"]
vis = "outcome"

[columns.hidden_need_pct_low]
role = "measure"
unit = "%"
it = "Limite inferiore al 95 %."
en = "Lower 95 % limit."

[columns.hidden_need_pct_high]
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
        district_code,
        need_code,
        quarter,
        platform,
        person_key,
        -- `unknown` was asked and not found out: as little an answer as none.
        case when known_to_services in ('yes', 'no') then 1 else 0 end as is_known,
        case when known_to_services = 'no' then 1 else 0 end as is_hidden
    from derived._exchanges
    where counts_as = 'request'
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
        count(*) as n_requests,
        sum(exchanges.is_known) as n_known,
        sum(exchanges.is_hidden) as n_hidden
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
        sum(n_known) as n_known,
        sum(n_hidden) as n_hidden,
        sum(n_requests - n_known) as n_unknown,
        sum(case when n_hidden > 0 then 1 else 0 end) as n_persons_hidden,
        sum(case when n_hidden < n_known then 1 else 0 end) as n_persons_not_hidden,
        sum(case when n_known < n_requests then 1 else 0 end) as n_persons_unknown
    from persons
    group by district_code, need_code, quarter, platform
),

cells as (
    select
        district_code,
        need_code,
        quarter,
        sum(n_known) as n_known,
        sum(n_hidden) as n_hidden,
        sum(n_unknown) as n_unknown,
        max(n_persons_hidden) as n_persons_hidden,
        max(n_persons_not_hidden) as n_persons_not_hidden,
        max(n_persons_unknown) as n_persons_unknown,
        string_agg(platform, ',' order by platform) as platforms
    from platform_cells
    group by district_code, need_code, quarter
)

select
    cells.district_code,
    cells.need_code,
    cells.quarter,
    cells.n_known,
    cells.n_hidden,
    cells.n_unknown,
    cells.n_persons_hidden,
    cells.n_persons_not_hidden,
    cells.n_persons_unknown,
    cells.platforms,
    100 * cast(cells.n_hidden as double) / nullif(cells.n_known, 0) as hidden_need_pct,
    100 * wilson_low(cells.n_hidden, cells.n_known) as hidden_need_pct_low,
    100 * wilson_high(cells.n_hidden, cells.n_known) as hidden_need_pct_high,
    coalesce(coverage.coverage, 'not_covered') as coverage
from cells
left join coverage
    on
        cells.district_code = coverage.district_code
        and cells.quarter = coverage.quarter
