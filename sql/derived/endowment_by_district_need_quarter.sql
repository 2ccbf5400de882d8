/* model
description.it = "Se chi ha meno riceve meno: con assistenza o da soli, senza o con una rete."
description.en = "Whether those who have less get less: assisted or alone, without a network."
grain = ["district_code", "need_code", "quarter"]
checks = [
    "unique(grain)",
    "n_assisted_matched between 0 and n_assisted",
    "n_persons_assisted_matched <= n_assisted_matched",
    "(n_assisted_matched = 0) = (n_persons_assisted_matched = 0)",
    "n_persons_assisted_not_matched <= n_assisted - n_assisted_matched",
    "(n_assisted = n_assisted_matched) = (n_persons_assisted_not_matched = 0)",
    "(n_assisted = 0) = (assisted_matched_pct is null)",
    "assisted_matched_pct between 0 and 100",
    "assisted_wait_days >= 0",
    "n_alone_matched between 0 and n_alone",
    "n_persons_alone_matched <= n_alone_matched",
    "(n_alone_matched = 0) = (n_persons_alone_matched = 0)",
    "n_persons_alone_not_matched <= n_alone - n_alone_matched",
    "(n_alone = n_alone_matched) = (n_persons_alone_not_matched = 0)",
    "(n_alone = 0) = (alone_matched_pct is null)",
    "alone_matched_pct between 0 and 100",
    "alone_wait_days >= 0",
    "n_absent_matched between 0 and n_absent",
    "n_persons_absent_matched <= n_absent_matched",
    "(n_absent_matched = 0) = (n_persons_absent_matched = 0)",
    "n_persons_absent_not_matched <= n_absent - n_absent_matched",
    "(n_absent = n_absent_matched) = (n_persons_absent_not_matched = 0)",
    "(n_absent = 0) = (absent_matched_pct is null)",
    "absent_matched_pct between 0 and 100",
    "absent_wait_days >= 0",
    "n_present_matched between 0 and n_present",
    "n_persons_present_matched <= n_present_matched",
    "(n_present_matched = 0) = (n_persons_present_matched = 0)",
    "n_persons_present_not_matched <= n_present - n_present_matched",
    "(n_present = n_present_matched) = (n_persons_present_not_matched = 0)",
    "(n_present = 0) = (present_matched_pct is null)",
    "present_matched_pct between 0 and 100",
    "present_wait_days >= 0",
    "(n_assisted = 0 or n_alone = 0) = (assistance_gap_points is null)",
    "assistance_gap_points between -100 and 100",
    "assistance_gap_points_low <= assistance_gap_points + 1e-9",
    "assistance_gap_points <= assistance_gap_points_high + 1e-9",
    "(n_absent = 0 or n_present = 0) = (network_gap_points is null)",
    "network_gap_points between -100 and 100",
    "network_gap_points_low <= network_gap_points + 1e-9",
    "network_gap_points <= network_gap_points_high + 1e-9",
    "n_assistance_unknown >= 0 and n_network_unknown >= 0",
    "not_null(platforms)",
    "coverage in ('covered', 'partly', 'not_covered', 'source_down')",
]
tags = ["endowment"]
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

[columns.n_assisted]
role = "count"
unit = "requests"
it = "Richieste decise compilate da un operatore."
en = "Decided requests filed by an operator."

[columns.n_assisted_matched]
role = "count"
unit = "requests"
it = "Tra queste, con risposta."
en = "Of these, those answered."

[columns.n_persons_assisted_matched]
role = "count"
unit = "persons"
it = "Persone dietro le risposte: con assistenza."
en = "Persons behind those answered: with assistance."

[columns.n_persons_assisted_not_matched]
role = "count"
unit = "persons"
it = "Persone dietro le mancate risposte: con assistenza."
en = "Persons behind those unmet: with assistance."

[columns.n_alone]
role = "count"
unit = "requests"
it = "Richieste decise compilate da soli."
en = "Decided requests filed alone."

[columns.n_alone_matched]
role = "count"
unit = "requests"
it = "Tra queste, con risposta."
en = "Of these, those answered."

[columns.n_persons_alone_matched]
role = "count"
unit = "persons"
it = "Persone dietro le risposte: da soli."
en = "Persons behind those answered: alone."

[columns.n_persons_alone_not_matched]
role = "count"
unit = "persons"
it = "Persone dietro le mancate risposte: da soli."
en = "Persons behind those unmet: alone."

[columns.n_absent]
role = "count"
unit = "requests"
it = "Richieste decise di chi non ha una rete di sostegno."
en = "Decided requests by persons without a support network."

[columns.n_absent_matched]
role = "count"
unit = "requests"
it = "Tra queste, con risposta."
en = "Of these, those answered."

[columns.n_persons_absent_matched]
role = "count"
unit = "persons"
it = "Persone dietro le risposte: senza rete."
en = "Persons behind those answered: without a network."

[columns.n_persons_absent_not_matched]
role = "count"
unit = "persons"
it = "Persone dietro le mancate risposte: senza rete."
en = "Persons behind those unmet: without a network."

[columns.n_present]
role = "count"
unit = "requests"
it = "Richieste decise di chi ha una rete di sostegno."
en = "Decided requests by persons with a support network."

[columns.n_present_matched]
role = "count"
unit = "requests"
it = "Tra queste, con risposta."
en = "Of these, those answered."

[columns.n_persons_present_matched]
role = "count"
unit = "persons"
it = "Persone dietro le risposte: con rete."
en = "Persons behind those answered: with a network."

[columns.n_persons_present_not_matched]
role = "count"
unit = "persons"
it = "Persone dietro le mancate risposte: con rete."
en = "Persons behind those unmet: with a network."

[columns.n_assistance_unknown]
role = "count"
unit = "requests"
it = "Richieste decise di cui non si sa chi le ha compilate."
en = "Decided requests of which it is not known who filed them."

[columns.n_network_unknown]
role = "count"
unit = "requests"
it = "Richieste decise di cui non si sa la rete; quella parziale non è confrontata."
en = "Decided requests with the network unknown; a partial one is not compared."

[columns.platforms]
role = "code"
it = "Piattaforme in ordine alfabetico, separate da virgole."
en = "Platforms in alphabetical order, separated by commas."

[columns.assisted_wait_days]
role = "measure"
unit = "days"
it = "Attesa mediana di Kaplan-Meier: con assistenza."
en = "Median wait after Kaplan-Meier: with assistance."

[columns.alone_wait_days]
role = "measure"
unit = "days"
it = "Attesa mediana di Kaplan-Meier: da soli."
en = "Median wait after Kaplan-Meier: alone."

[columns.absent_wait_days]
role = "measure"
unit = "days"
it = "Attesa mediana di Kaplan-Meier: senza rete."
en = "Median wait after Kaplan-Meier: without a network."

[columns.present_wait_days]
role = "measure"
unit = "days"
it = "Attesa mediana di Kaplan-Meier: con rete."
en = "Median wait after Kaplan-Meier: with a network."

[columns.assisted_matched_pct]
role = "measure"
unit = "%"
it = "Quota con risposta: con assistenza."
en = "Share answered: with assistance."
rate = ["n_assisted_matched", "n_assisted"]

[columns.alone_matched_pct]
role = "measure"
unit = "%"
it = "Quota con risposta: da soli."
en = "Share answered: alone."
rate = ["n_alone_matched", "n_alone"]

[columns.absent_matched_pct]
role = "measure"
unit = "%"
it = "Quota con risposta: senza rete."
en = "Share answered: without a network."
rate = ["n_absent_matched", "n_absent"]

[columns.present_matched_pct]
role = "measure"
unit = "%"
it = "Quota con risposta: con rete."
en = "Share answered: with a network."
rate = ["n_present_matched", "n_present"]

[columns.assistance_gap_points]
role = "measure"
unit = "points"
it = "Quota con assistenza meno quella da soli."
en = "Share with assistance minus that alone."
vis = "outcome"

[columns.assistance_gap_points_low]
role = "measure"
unit = "points"
it = "Limite inferiore al 95 %."
en = "Lower 95 % limit."

[columns.assistance_gap_points_high]
role = "measure"
unit = "points"
it = "Limite superiore al 95 %."
en = "Upper 95 % limit."

[columns.network_gap_points]
role = "measure"
unit = "points"
it = "Quota senza rete meno quella con rete: negativa se chi ha meno riceve meno."
en = "Share without a network minus that with one: negative where less get less."
vis = "outcome"

[columns.network_gap_points_low]
role = "measure"
unit = "points"
it = "Limite inferiore al 95 %."
en = "Lower 95 % limit."

[columns.network_gap_points_high]
role = "measure"
unit = "points"
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
        wait_days,
        outcome = 'matched' as is_answered,
        case when outcome in ('matched', 'unmet') then 1 else 0 end as is_decided,
        case when outcome = 'matched' then 1 else 0 end as is_matched,
        case when assisted_access then 1 else 0 end as is_assisted,
        case when not assisted_access then 1 else 0 end as is_alone,
        case when assisted_access is null then 1 else 0 end as is_assistance_unknown,
        case when support_network = 'absent' then 1 else 0 end as is_absent,
        case when support_network = 'present' then 1 else 0 end as is_present,
        case when support_network is null then 1 else 0 end as is_network_unknown
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
        sum(exchanges.is_decided * exchanges.is_assisted) as n_assisted,
        sum(exchanges.is_matched * exchanges.is_assisted) as n_assisted_matched,
        sum(exchanges.is_decided * exchanges.is_alone) as n_alone,
        sum(exchanges.is_matched * exchanges.is_alone) as n_alone_matched,
        sum(exchanges.is_decided * exchanges.is_absent) as n_absent,
        sum(exchanges.is_matched * exchanges.is_absent) as n_absent_matched,
        sum(exchanges.is_decided * exchanges.is_present) as n_present,
        sum(exchanges.is_matched * exchanges.is_present) as n_present_matched,
        sum(exchanges.is_decided * exchanges.is_assistance_unknown) as n_assistance_unknown,
        sum(exchanges.is_decided * exchanges.is_network_unknown) as n_network_unknown
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
        sum(n_assisted) as n_assisted,
        sum(n_assisted_matched) as n_assisted_matched,
        sum(n_alone) as n_alone,
        sum(n_alone_matched) as n_alone_matched,
        sum(n_absent) as n_absent,
        sum(n_absent_matched) as n_absent_matched,
        sum(n_present) as n_present,
        sum(n_present_matched) as n_present_matched,
        sum(n_assistance_unknown) as n_assistance_unknown,
        sum(n_network_unknown) as n_network_unknown,
        sum(case when n_assisted_matched > 0 then 1 else 0 end) as n_persons_assisted_matched,
        sum(case when n_assisted_matched < n_assisted then 1 else 0 end)
            as n_persons_assisted_not_matched,
        sum(case when n_alone_matched > 0 then 1 else 0 end) as n_persons_alone_matched,
        sum(case when n_alone_matched < n_alone then 1 else 0 end) as n_persons_alone_not_matched,
        sum(case when n_absent_matched > 0 then 1 else 0 end) as n_persons_absent_matched,
        sum(case when n_absent_matched < n_absent then 1 else 0 end)
            as n_persons_absent_not_matched,
        sum(case when n_present_matched > 0 then 1 else 0 end) as n_persons_present_matched,
        sum(case when n_present_matched < n_present then 1 else 0 end)
            as n_persons_present_not_matched
    from persons
    group by district_code, need_code, quarter, platform
),

cells as (
    select
        district_code,
        need_code,
        quarter,
        sum(n_assisted) as n_assisted,
        sum(n_assisted_matched) as n_assisted_matched,
        sum(n_alone) as n_alone,
        sum(n_alone_matched) as n_alone_matched,
        sum(n_absent) as n_absent,
        sum(n_absent_matched) as n_absent_matched,
        sum(n_present) as n_present,
        sum(n_present_matched) as n_present_matched,
        sum(n_assistance_unknown) as n_assistance_unknown,
        sum(n_network_unknown) as n_network_unknown,
        max(n_persons_assisted_matched) as n_persons_assisted_matched,
        max(n_persons_assisted_not_matched) as n_persons_assisted_not_matched,
        max(n_persons_alone_matched) as n_persons_alone_matched,
        max(n_persons_alone_not_matched) as n_persons_alone_not_matched,
        max(n_persons_absent_matched) as n_persons_absent_matched,
        max(n_persons_absent_not_matched) as n_persons_absent_not_matched,
        max(n_persons_present_matched) as n_persons_present_matched,
        max(n_persons_present_not_matched) as n_persons_present_not_matched,
        string_agg(platform, ',' order by platform) as platforms
    from platform_cells
    group by district_code, need_code, quarter
),

-- Those withdrawn or still open are in the waits as far as they go, not in the shares.
waits as (
    select
        exchanges.district_code,
        exchanges.need_code,
        exchanges.quarter,
        km_quantile(
            case when exchanges.is_assisted = 1 then exchanges.wait_days end,
            exchanges.is_answered,
            0.5
        ) as assisted_wait_days,
        km_quantile(
            case when exchanges.is_alone = 1 then exchanges.wait_days end,
            exchanges.is_answered,
            0.5
        ) as alone_wait_days,
        km_quantile(
            case when exchanges.is_absent = 1 then exchanges.wait_days end,
            exchanges.is_answered,
            0.5
        ) as absent_wait_days,
        km_quantile(
            case when exchanges.is_present = 1 then exchanges.wait_days end,
            exchanges.is_answered,
            0.5
        ) as present_wait_days
    from exchanges
    inner join quarters
        on exchanges.quarter = quarters.quarter
    group by exchanges.district_code, exchanges.need_code, exchanges.quarter
)

select
    cells.district_code,
    cells.need_code,
    cells.quarter,
    cells.n_assisted,
    cells.n_assisted_matched,
    cells.n_persons_assisted_matched,
    cells.n_persons_assisted_not_matched,
    cells.n_alone,
    cells.n_alone_matched,
    cells.n_persons_alone_matched,
    cells.n_persons_alone_not_matched,
    cells.n_absent,
    cells.n_absent_matched,
    cells.n_persons_absent_matched,
    cells.n_persons_absent_not_matched,
    cells.n_present,
    cells.n_present_matched,
    cells.n_persons_present_matched,
    cells.n_persons_present_not_matched,
    cells.n_assistance_unknown,
    cells.n_network_unknown,
    cells.platforms,
    waits.assisted_wait_days,
    waits.alone_wait_days,
    waits.absent_wait_days,
    waits.present_wait_days,
    100 * cast(cells.n_assisted_matched as double)
    / nullif(cells.n_assisted, 0) as assisted_matched_pct,
    100 * cast(cells.n_alone_matched as double)
    / nullif(cells.n_alone, 0) as alone_matched_pct,
    100 * cast(cells.n_absent_matched as double)
    / nullif(cells.n_absent, 0) as absent_matched_pct,
    100 * cast(cells.n_present_matched as double)
    / nullif(cells.n_present, 0) as present_matched_pct,
    100 * cast(cells.n_assisted_matched as double) / nullif(cells.n_assisted, 0)
    - 100 * cast(cells.n_alone_matched as double)
    / nullif(cells.n_alone, 0) as assistance_gap_points,
    100 * newcombe_low(
        cells.n_assisted_matched, cells.n_assisted, cells.n_alone_matched, cells.n_alone
    ) as assistance_gap_points_low,
    100 * newcombe_high(
        cells.n_assisted_matched, cells.n_assisted, cells.n_alone_matched, cells.n_alone
    ) as assistance_gap_points_high,
    100 * cast(cells.n_absent_matched as double) / nullif(cells.n_absent, 0)
    - 100 * cast(cells.n_present_matched as double)
    / nullif(cells.n_present, 0) as network_gap_points,
    100 * newcombe_low(
        cells.n_absent_matched, cells.n_absent, cells.n_present_matched, cells.n_present
    ) as network_gap_points_low,
    100 * newcombe_high(
        cells.n_absent_matched, cells.n_absent, cells.n_present_matched, cells.n_present
    ) as network_gap_points_high,
    coalesce(coverage.coverage, 'not_covered') as coverage
from cells
inner join waits
    on
        cells.district_code = waits.district_code
        and cells.need_code = waits.need_code
        and cells.quarter = waits.quarter
left join coverage
    on
        cells.district_code = coverage.district_code
        and cells.quarter = coverage.quarter
