/* model
description.it = "Scambi nei quadranti di condizioni e interessi; lo zero non sta in alcuno."
description.en = "Exchanges in the quadrants of conditions and interests; zero lies in none."
grain = ["district_code", "quarter"]
checks = [
    "unique(grain)",
    "n_persons_different_convergent <= n_different_convergent",
    "(n_different_convergent = 0) = (n_persons_different_convergent = 0)",
    "n_persons_similar_convergent <= n_similar_convergent",
    "(n_similar_convergent = 0) = (n_persons_similar_convergent = 0)",
    "n_persons_similar_divergent <= n_similar_divergent",
    "(n_similar_divergent = 0) = (n_persons_similar_divergent = 0)",
    "n_persons_different_divergent <= n_different_divergent",
    "(n_different_divergent = 0) = (n_persons_different_divergent = 0)",
    "(n_in_quadrants = 0) = (different_convergent_pct is null)",
    "different_convergent_pct between 0 and 100",
    "different_convergent_pct_low <= different_convergent_pct + 1e-9",
    "different_convergent_pct <= different_convergent_pct_high + 1e-9",
    "(n_in_quadrants = 0) = (similar_convergent_pct is null)",
    "similar_convergent_pct between 0 and 100",
    "similar_convergent_pct_low <= similar_convergent_pct + 1e-9",
    "similar_convergent_pct <= similar_convergent_pct_high + 1e-9",
    "(n_in_quadrants = 0) = (similar_divergent_pct is null)",
    "similar_divergent_pct between 0 and 100",
    "similar_divergent_pct_low <= similar_divergent_pct + 1e-9",
    "similar_divergent_pct <= similar_divergent_pct_high + 1e-9",
    "(n_in_quadrants = 0) = (different_divergent_pct is null)",
    "different_divergent_pct between 0 and 100",
    "different_divergent_pct_low <= different_divergent_pct + 1e-9",
    "different_divergent_pct <= different_divergent_pct_high + 1e-9",
    "n_unknown + n_on_axis + n_in_quadrants = n_exchanges",
    """
        n_similar_convergent + n_similar_divergent
        = n_in_quadrants - n_different_convergent - n_different_divergent
    """,
]
tags = ["quadrants"]
owner = "antenne"

[columns.district_code]
role = "key"
it = "Ambito; OUTSIDE per i comuni fuori da ogni ambito."
en = "District; OUTSIDE for comuni in no district."

[columns.quarter]
role = "key"
it = "Trimestre, per esempio 2026-Q3."
en = "Quarter, for example 2026-Q3."

[columns.n_exchanges]
role = "count"
unit = "exchanges"
it = "Richieste, offerte ed eventi."
en = "Requests, offers and events."

[columns.n_unknown]
role = "count"
unit = "exchanges"
it = "Di cui non si sanno le condizioni o gli interessi."
en = "With conditions or interests unknown."

[columns.n_on_axis]
role = "count"
unit = "exchanges"
it = "Con condizioni o interessi a zero: né dall'una né dall'altra parte."
en = "With conditions or interests at zero: on neither side."

[columns.n_in_quadrants]
role = "count"
unit = "exchanges"
it = "Con entrambi diversi da zero: il tutto delle quattro quote."
en = "With both other than zero: the whole of the four shares."

[columns.n_different_convergent]
role = "count"
unit = "exchanges"
it = "Condizioni diverse e interessi convergenti, l'angolo virtuoso."
en = "Different conditions, convergent interests: the virtuous corner."

[columns.n_similar_convergent]
role = "count"
unit = "exchanges"
it = "Condizioni simili e interessi convergenti: mutuo aiuto, o «club»."
en = "Similar conditions, convergent interests: mutual aid, or clubs."

[columns.n_similar_divergent]
role = "count"
unit = "exchanges"
it = "Condizioni simili e interessi divergenti."
en = "Similar conditions, divergent interests."

[columns.n_different_divergent]
role = "count"
unit = "exchanges"
it = "Condizioni diverse e interessi divergenti."
en = "Different conditions, divergent interests."

[columns.n_persons_different_convergent]
role = "count"
unit = "persons"
it = "Persone dietro: condizioni diverse, interessi convergenti."
en = "Persons behind: different conditions, convergent interests."

[columns.n_persons_similar_convergent]
role = "count"
unit = "persons"
it = "Persone dietro: condizioni simili, interessi convergenti."
en = "Persons behind: similar conditions, convergent interests."

[columns.n_persons_similar_divergent]
role = "count"
unit = "persons"
it = "Persone dietro: condizioni simili, interessi divergenti."
en = "Persons behind: similar conditions, divergent interests."

[columns.n_persons_different_divergent]
role = "count"
unit = "persons"
it = "Persone dietro: condizioni diverse, interessi divergenti."
en = "Persons behind: different conditions, divergent interests."

[columns.platforms]
role = "code"
it = "Piattaforme in ordine alfabetico, separate da virgole."
en = "Platforms in alphabetical order, separated by commas."

[columns.different_convergent_pct]
role = "measure"
unit = "%"
it = "Quota: condizioni diverse, interessi convergenti."
en = "Share: different conditions, convergent interests."
rate = ["n_different_convergent", "n_in_quadrants"]
vis = "outcome"

[columns.different_convergent_pct_low]
role = "measure"
unit = "%"
it = "Limite inferiore al 95 %."
en = "Lower 95 % limit."

[columns.different_convergent_pct_high]
role = "measure"
unit = "%"
it = "Limite superiore al 95 %."
en = "Upper 95 % limit."

[columns.similar_convergent_pct]
role = "measure"
unit = "%"
it = "Quota: condizioni simili, interessi convergenti."
en = "Share: similar conditions, convergent interests."
rate = ["n_similar_convergent", "n_in_quadrants"]

[columns.similar_convergent_pct_low]
role = "measure"
unit = "%"
it = "Limite inferiore al 95 %."
en = "Lower 95 % limit."

[columns.similar_convergent_pct_high]
role = "measure"
unit = "%"
it = "Limite superiore al 95 %."
en = "Upper 95 % limit."

[columns.similar_divergent_pct]
role = "measure"
unit = "%"
it = "Quota: condizioni simili, interessi divergenti."
en = "Share: similar conditions, divergent interests."
rate = ["n_similar_divergent", "n_in_quadrants"]

[columns.similar_divergent_pct_low]
role = "measure"
unit = "%"
it = "Limite inferiore al 95 %."
en = "Lower 95 % limit."

[columns.similar_divergent_pct_high]
role = "measure"
unit = "%"
it = "Limite superiore al 95 %."
en = "Upper 95 % limit."

[columns.different_divergent_pct]
role = "measure"
unit = "%"
it = "Quota: condizioni diverse, interessi divergenti."
en = "Share: different conditions, divergent interests."
rate = ["n_different_divergent", "n_in_quadrants"]

[columns.different_divergent_pct_low]
role = "measure"
unit = "%"
it = "Limite inferiore al 95 %."
en = "Lower 95 % limit."

[columns.different_divergent_pct_high]
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
        quarter,
        platform,
        person_key,
        -- Above zero is similar or convergent, below is different or divergent.
        case
            when conditions_similarity is null or interests_convergence is null then 'unknown'
            when conditions_similarity = 0 or interests_convergence = 0 then 'on_axis'
            when conditions_similarity < 0 and interests_convergence > 0
                then 'different_convergent'
            when conditions_similarity > 0 and interests_convergence > 0
                then 'similar_convergent'
            when conditions_similarity > 0 then 'similar_divergent'
            else 'different_divergent'
        end as quadrant
    from derived._exchanges
    where counts_as in ('request', 'offer', 'event')
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
        exchanges.quarter,
        exchanges.platform,
        exchanges.person_key,
        exchanges.quadrant,
        count(*) as n_exchanges
    from exchanges
    inner join quarters
        on exchanges.quarter = quarters.quarter
    group by
        exchanges.district_code,
        exchanges.quarter,
        exchanges.platform,
        exchanges.person_key,
        exchanges.quadrant
),

platform_quadrants as (
    select
        district_code,
        quarter,
        platform,
        quadrant,
        count(*) as n_persons,
        sum(n_exchanges) as n_exchanges
    from persons
    group by district_code, quarter, platform, quadrant
),

platform_cells as (
    select
        district_code,
        quarter,
        platform,
        sum(n_exchanges) as n_exchanges,
        sum(case when quadrant = 'unknown' then n_exchanges else 0 end) as n_unknown,
        sum(case when quadrant = 'on_axis' then n_exchanges else 0 end) as n_on_axis,
        sum(case when quadrant = 'different_convergent' then n_exchanges else 0 end)
            as n_different_convergent,
        sum(case when quadrant = 'different_convergent' then n_persons else 0 end)
            as n_persons_different_convergent,
        sum(case when quadrant = 'similar_convergent' then n_exchanges else 0 end)
            as n_similar_convergent,
        sum(case when quadrant = 'similar_convergent' then n_persons else 0 end)
            as n_persons_similar_convergent,
        sum(case when quadrant = 'similar_divergent' then n_exchanges else 0 end)
            as n_similar_divergent,
        sum(case when quadrant = 'similar_divergent' then n_persons else 0 end)
            as n_persons_similar_divergent,
        sum(case when quadrant = 'different_divergent' then n_exchanges else 0 end)
            as n_different_divergent,
        sum(case when quadrant = 'different_divergent' then n_persons else 0 end)
            as n_persons_different_divergent
    from platform_quadrants
    group by district_code, quarter, platform
),

cells as (
    select
        district_code,
        quarter,
        sum(n_exchanges) as n_exchanges,
        sum(n_unknown) as n_unknown,
        sum(n_on_axis) as n_on_axis,
        sum(n_exchanges - n_unknown - n_on_axis) as n_in_quadrants,
        sum(n_different_convergent) as n_different_convergent,
        sum(n_similar_convergent) as n_similar_convergent,
        sum(n_similar_divergent) as n_similar_divergent,
        sum(n_different_divergent) as n_different_divergent,
        max(n_persons_different_convergent) as n_persons_different_convergent,
        max(n_persons_similar_convergent) as n_persons_similar_convergent,
        max(n_persons_similar_divergent) as n_persons_similar_divergent,
        max(n_persons_different_divergent) as n_persons_different_divergent,
        string_agg(platform, ',' order by platform) as platforms
    from platform_cells
    group by district_code, quarter
)

select
    cells.district_code,
    cells.quarter,
    cells.n_exchanges,
    cells.n_unknown,
    cells.n_on_axis,
    cells.n_in_quadrants,
    cells.n_different_convergent,
    cells.n_similar_convergent,
    cells.n_similar_divergent,
    cells.n_different_divergent,
    cells.n_persons_different_convergent,
    cells.n_persons_similar_convergent,
    cells.n_persons_similar_divergent,
    cells.n_persons_different_divergent,
    cells.platforms,
    100 * cast(cells.n_different_convergent as double)
    / nullif(cells.n_in_quadrants, 0) as different_convergent_pct,
    100 * wilson_low(
        cells.n_different_convergent, cells.n_in_quadrants
    ) as different_convergent_pct_low,
    100 * wilson_high(
        cells.n_different_convergent, cells.n_in_quadrants
    ) as different_convergent_pct_high,
    100 * cast(cells.n_similar_convergent as double)
    / nullif(cells.n_in_quadrants, 0) as similar_convergent_pct,
    100 * wilson_low(
        cells.n_similar_convergent, cells.n_in_quadrants
    ) as similar_convergent_pct_low,
    100 * wilson_high(
        cells.n_similar_convergent, cells.n_in_quadrants
    ) as similar_convergent_pct_high,
    100 * cast(cells.n_similar_divergent as double)
    / nullif(cells.n_in_quadrants, 0) as similar_divergent_pct,
    100 * wilson_low(cells.n_similar_divergent, cells.n_in_quadrants) as similar_divergent_pct_low,
    100 * wilson_high(
        cells.n_similar_divergent, cells.n_in_quadrants
    ) as similar_divergent_pct_high,
    100 * cast(cells.n_different_divergent as double)
    / nullif(cells.n_in_quadrants, 0) as different_divergent_pct,
    100 * wilson_low(
        cells.n_different_divergent, cells.n_in_quadrants
    ) as different_divergent_pct_low,
    100 * wilson_high(
        cells.n_different_divergent, cells.n_in_quadrants
    ) as different_divergent_pct_high,
    coalesce(coverage.coverage, 'not_covered') as coverage
from cells
left join coverage
    on
        cells.district_code = coverage.district_code
        and cells.quarter = coverage.quarter
