/* model
description.it = "Quanto richieste e mancate risposte sono diseguali tra gli ambiti."
description.en = "How unequal requests and unmet ones are between districts."
grain = ["need_code", "quarter"]
checks = [
    "unique(grain)",
    "n_districts >= 1 and n_districts_left_out >= 0",
    "n_districts_decided between 0 and n_districts",
    "n_requests >= 1 and n_unmet between 0 and n_decided and n_decided <= n_requests",
    "n_persons between 1 and n_requests",
    "n_persons_unmet <= n_unmet and (n_unmet = 0) = (n_persons_unmet = 0)",
    "n_persons_not_unmet <= n_decided - n_unmet",
    "(n_decided = n_unmet) = (n_persons_not_unmet = 0)",
    "(n_districts >= 2) = (requests_theil is not null)",
    "(n_districts >= 2) = (requests_gini is not null)",
    "(n_districts_decided >= 2 and n_unmet > 0) = (unmet_gini is not null)",
    "requests_theil >= -1e-9 and unmet_theil >= -1e-9",
    "requests_gini between -1e-9 and 1 and unmet_gini between -1e-9 and 1",
    "requests_concentration between -1 and 1 and unmet_concentration between -1 and 1",
]
tags = ["inequality"]
owner = "antenne"

[columns.need_code]
role = "key"
it = "Bisogno SIUSS; NEW se il vocabolario non ha la parola."
en = "SIUSS need; NEW when the vocabulary has no word."

[columns.quarter]
role = "key"
it = "Trimestre, per esempio 2026-Q3."
en = "Quarter, for example 2026-Q3."

[columns.n_districts]
role = "count"
unit = "districts"
it = "Ambiti con residenti e dati nel trimestre; senza richieste valgono zero."
en = "Districts with residents and data in the quarter; without requests they are zero."

[columns.n_districts_left_out]
role = "count"
unit = "districts"
it = "Ambiti lasciati fuori perché senza dati o senza residenti noti."
en = "Districts left out, without data or residents known."

[columns.n_districts_decided]
role = "count"
unit = "districts"
it = "Tra quelli con dati, con almeno una richiesta decisa."
en = "Of those with data, with a decided request or more."

[columns.n_requests]
role = "count"
unit = "requests"
it = "Richieste, senza quelle ritirate e poi ripetute."
en = "Requests, without those withdrawn and filed again."

[columns.n_decided]
role = "count"
unit = "requests"
it = "Richieste decise: con o senza risposta."
en = "Requests decided: matched or unmet."

[columns.n_unmet]
role = "count"
unit = "requests"
it = "Richieste rimaste senza risposta."
en = "Requests left without an answer."

[columns.n_persons]
role = "count"
unit = "persons"
it = "Persone dietro le richieste, il massimo tra le piattaforme."
en = "Persons behind the requests, the most of any platform."

[columns.n_persons_unmet]
role = "count"
unit = "persons"
it = "Persone dietro le richieste senza risposta."
en = "Persons behind the unmet requests."

[columns.n_persons_not_unmet]
role = "count"
unit = "persons"
it = "Persone dietro le richieste con risposta."
en = "Persons behind the matched requests."

[columns.platforms]
role = "code"
it = "Piattaforme in ordine alfabetico, separate da virgole."
en = "Platforms in alphabetical order, separated by commas."

[columns.requests_theil]
role = "measure"
unit = "index"
it = "Indice di Theil delle richieste per residente: 0 se uguale ovunque."
en = "Theil index of requests per resident: 0 if the same everywhere."

[columns.requests_gini]
role = "measure"
unit = "index"
it = "Indice di Gini delle richieste per residente: 0 se uguale ovunque."
en = "Gini index of requests per resident: 0 if the same everywhere."
vis = "outcome"

[columns.requests_concentration]
role = "measure"
unit = "index"
it = "Concentrazione delle richieste per residente: oltre 0 dove si è più anziani."
en = "Concentration of requests per resident: above 0 where older districts have more."

[columns.unmet_theil]
role = "measure"
unit = "index"
it = "Indice di Theil della quota senza risposta: 0 se uguale ovunque."
en = "Theil index of the unmet share: 0 if the same everywhere."

[columns.unmet_gini]
role = "measure"
unit = "index"
it = "Indice di Gini della quota senza risposta: 0 se uguale ovunque."
en = "Gini index of the unmet share: 0 if the same everywhere."
vis = "outcome"

[columns.unmet_concentration]
role = "measure"
unit = "index"
it = "Concentrazione della quota senza risposta: oltre 0 dove si è più anziani."
en = "Concentration of the unmet share: above 0 where older districts have more."
*/
with exchanges as (
    select
        district_code,
        need_code,
        quarter,
        platform,
        person_key,
        case when outcome in ('matched', 'unmet') then 1 else 0 end as is_decided,
        case when outcome = 'unmet' then 1 else 0 end as is_unmet
    from derived._exchanges
    where counts_as = 'request'
),

residents as (
    select
        district_code,
        quarter,
        residents,
        ageing_index
    from derived._residents_by_district_quarter
),

coverage as (
    select
        district_code,
        quarter,
        coverage
    from derived._coverage_by_district_quarter
),

districts as (
    select
        residents.district_code,
        residents.quarter,
        residents.ageing_index,
        residents.residents,
        case
            when residents.residents > 0 and coverage.coverage in ('covered', 'partly') then 1
            else 0
        end as has_data
    from residents
    left join coverage
        on
            residents.district_code = coverage.district_code
            and residents.quarter = coverage.quarter
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
        sum(exchanges.is_decided) as n_decided,
        sum(exchanges.is_unmet) as n_unmet
    from exchanges
    inner join districts
        on
            exchanges.district_code = districts.district_code
            and exchanges.quarter = districts.quarter
    where districts.has_data = 1
    group by
        exchanges.district_code,
        exchanges.need_code,
        exchanges.quarter,
        exchanges.platform,
        exchanges.person_key
),

-- Who asks in two districts is one person of the whole.
whole_persons as (
    select
        need_code,
        quarter,
        platform,
        person_key,
        sum(n_requests) as n_requests,
        sum(n_decided) as n_decided,
        sum(n_unmet) as n_unmet
    from persons
    group by need_code, quarter, platform, person_key
),

platform_cells as (
    select
        need_code,
        quarter,
        platform,
        sum(n_requests) as n_requests,
        sum(n_decided) as n_decided,
        sum(n_unmet) as n_unmet,
        count(*) as n_persons,
        sum(case when n_unmet > 0 then 1 else 0 end) as n_persons_unmet,
        sum(case when n_unmet < n_decided then 1 else 0 end) as n_persons_not_unmet
    from whole_persons
    group by need_code, quarter, platform
),

cells as (
    select
        need_code,
        quarter,
        sum(n_requests) as n_requests,
        sum(n_decided) as n_decided,
        sum(n_unmet) as n_unmet,
        max(n_persons) as n_persons,
        max(n_persons_unmet) as n_persons_unmet,
        max(n_persons_not_unmet) as n_persons_not_unmet,
        string_agg(platform, ',' order by platform) as platforms
    from platform_cells
    group by need_code, quarter
),

district_cells as (
    select
        district_code,
        need_code,
        quarter,
        sum(n_requests) as n_requests,
        sum(n_decided) as n_decided,
        sum(n_unmet) as n_unmet
    from persons
    group by district_code, need_code, quarter
),

-- A district with data where nobody asks counts with zero; one without data does not count.
values_by_district as (
    select
        cells.need_code,
        cells.quarter,
        districts.has_data,
        districts.ageing_index,
        district_cells.n_decided,
        case when districts.has_data = 1 then districts.residents end as residents,
        case
            when districts.has_data = 1
                then
                    cast(coalesce(district_cells.n_requests, 0) as double)
                    / nullif(districts.residents, 0)
        end as requests_per_resident,
        cast(district_cells.n_unmet as double) / nullif(district_cells.n_decided, 0)
            as unmet_share
    from cells
    inner join districts
        on cells.quarter = districts.quarter
    left join district_cells
        on
            cells.need_code = district_cells.need_code
            and cells.quarter = district_cells.quarter
            and districts.district_code = district_cells.district_code
),

indices as (
    select
        need_code,
        quarter,
        sum(has_data) as n_districts,
        sum(1 - has_data) as n_districts_left_out,
        count(unmet_share) as n_districts_decided,
        theil(requests_per_resident, residents) as requests_theil,
        gini(requests_per_resident, residents) as requests_gini,
        concentration_index(requests_per_resident, residents, ageing_index)
            as requests_concentration,
        theil(unmet_share, n_decided) as unmet_theil,
        gini(unmet_share, n_decided) as unmet_gini,
        concentration_index(unmet_share, n_decided, ageing_index) as unmet_concentration
    from values_by_district
    group by need_code, quarter
)

-- One district alone is not unequal, and it is not equal either.
select
    cells.need_code,
    cells.quarter,
    indices.n_districts,
    indices.n_districts_left_out,
    indices.n_districts_decided,
    cells.n_requests,
    cells.n_decided,
    cells.n_unmet,
    cells.n_persons,
    cells.n_persons_unmet,
    cells.n_persons_not_unmet,
    cells.platforms,
    case when indices.n_districts >= 2 then indices.requests_theil end as requests_theil,
    case when indices.n_districts >= 2 then indices.requests_gini end as requests_gini,
    case
        when indices.n_districts >= 2 then indices.requests_concentration
    end as requests_concentration,
    case when indices.n_districts_decided >= 2 then indices.unmet_theil end as unmet_theil,
    case when indices.n_districts_decided >= 2 then indices.unmet_gini end as unmet_gini,
    case
        when indices.n_districts_decided >= 2 then indices.unmet_concentration
    end as unmet_concentration
from cells
inner join indices
    on
        cells.need_code = indices.need_code
        and cells.quarter = indices.quarter
