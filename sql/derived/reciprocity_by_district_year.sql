/* model
description.it = "Chi riceve, chi dà e chi fa l'uno e l'altro, per ambito dello scambio e anno."
description.en = "Who receives, who gives and who does both, by district of the exchange and year."
grain = ["district_code", "year"]
checks = [
    "unique(grain)",
    "n_reciprocal between 0 and n_taking_part",
    "n_persons_reciprocal <= n_reciprocal",
    "(n_reciprocal = 0) = (n_persons_reciprocal = 0)",
    "n_persons_not_reciprocal <= n_taking_part - n_reciprocal",
    "(n_taking_part = n_reciprocal) = (n_persons_not_reciprocal = 0)",
    "(n_taking_part = 0) = (reciprocity_pct is null)",
    "reciprocity_pct between 0 and 100",
    "reciprocity_pct_low <= reciprocity_pct + 1e-9",
    "reciprocity_pct <= reciprocity_pct_high + 1e-9",
    "n_receivers + n_givers - n_reciprocal = n_taking_part",
    "n_gave_back <= n_givers",
    "(n_gave_back = 0) = (days_to_gift is null)",
    "days_to_gift >= 0",
]
tags = ["reciprocity"]
owner = "antenne"

[columns.district_code]
role = "key"
it = "Ambito; OUTSIDE per i comuni fuori da ogni ambito."
en = "District; OUTSIDE for comuni in no district."

[columns.year]
role = "key"
it = "Anno."
en = "Year."

[columns.n_taking_part]
role = "count"
unit = "persons"
it = "Persone che hanno ricevuto, o dato senza paga, su ogni piattaforma."
en = "Persons who received, or gave without pay, on each platform."
vis = "output"

[columns.n_receivers]
role = "count"
unit = "persons"
it = "Tra loro, chi ha ricevuto nell'anno, in qualunque ambito."
en = "Of these, who received in the year, in any district."

[columns.n_givers]
role = "count"
unit = "persons"
it = "Tra loro, chi ha dato nell'anno, in qualunque ambito."
en = "Of these, who gave in the year, in any district."

[columns.n_reciprocal]
role = "count"
unit = "persons"
it = "Tra loro, chi nell'anno ha sia ricevuto sia dato."
en = "Of these, who both received and gave in the year."

[columns.n_gave_back]
role = "count"
unit = "persons"
it = "Tra loro, chi ha dato nell'anno per la prima volta dopo aver ricevuto."
en = "Of these, who gave for the first time in the year after having received."

[columns.n_persons_reciprocal]
role = "count"
unit = "persons"
it = "Persone dietro chi ha sia ricevuto sia dato."
en = "Persons behind those who both received and gave."

[columns.n_persons_not_reciprocal]
role = "count"
unit = "persons"
it = "Persone dietro gli altri."
en = "Persons behind the others."

[columns.platforms]
role = "code"
it = "Piattaforme in ordine alfabetico, separate da virgole."
en = "Platforms in alphabetical order, separated by commas."

[columns.reciprocity_pct]
role = "measure"
unit = "%"
it = "Quota di persone che hanno sia ricevuto sia dato."
en = "Share of persons who both received and gave."
rate = ["n_reciprocal", "n_taking_part"]
vis = "outcome"

[columns.reciprocity_pct_low]
role = "measure"
unit = "%"
it = "Limite inferiore al 95 %."
en = "Lower 95 % limit."

[columns.reciprocity_pct_high]
role = "measure"
unit = "%"
it = "Limite superiore al 95 %."
en = "Upper 95 % limit."

[columns.days_to_gift]
role = "measure"
unit = "days"
it = "Mediana dei giorni tra il primo aiuto ricevuto e il primo dato."
en = "Median days from the first help received to the first given."

[columns.coverage]
role = "code"
it = "Completezza dei dati: covered, partly, not_covered o source_down."
en = "Completeness of the data: covered, partly, not_covered or source_down."
*/
with participations as (
    select
        platform,
        person_key,
        district_code,
        took_part_as,
        exchanged_on,
        cast(cast(date_part('year', exchanged_on) as integer) as varchar) as year
    from derived._participations
    -- What was only asked for or offered is neither received nor given.
    where exchanged_on is not null
),

quarters as (
    select quarter
    from derived._complete_quarters
),

coverage as (
    select
        district_code,
        year,
        coverage
    from derived._coverage_by_district_year
),

complete_years as (
    select substr(quarter, 1, 4) as year
    from quarters
    group by substr(quarter, 1, 4)
    having count(*) = 4
),

-- Both roles count wherever they were taken: people give in the district next to their own.
person_years as (
    select
        platform,
        person_key,
        year,
        max(case when took_part_as = 'receiver' then 1 else 0 end) as has_received,
        max(case when took_part_as = 'giver' then 1 else 0 end) as has_given
    from participations
    group by platform, person_key, year
),

first_exchanges as (
    select
        platform,
        person_key,
        min(case when took_part_as = 'receiver' then exchanged_on end) as first_received_on,
        min(case when took_part_as = 'giver' then exchanged_on end) as first_given_on
    from participations
    group by platform, person_key
),

-- Who gave before ever receiving does not give back.
returned_gifts as (
    select
        platform,
        person_key,
        cast(cast(date_part('year', first_given_on) as integer) as varchar) as year,
        cast(
            (date_part('epoch', first_given_on) - date_part('epoch', first_received_on)) / 86400
            as bigint
        ) as days_to_gift
    from first_exchanges
    where first_given_on >= first_received_on
),

person_districts as (
    select
        district_code,
        platform,
        person_key,
        year
    from participations
    group by district_code, platform, person_key, year
),

persons as (
    select
        person_districts.district_code,
        person_districts.year,
        person_districts.platform,
        person_years.has_received,
        person_years.has_given,
        returned_gifts.days_to_gift,
        person_years.has_received * person_years.has_given as is_reciprocal
    from person_districts
    inner join complete_years
        on person_districts.year = complete_years.year
    inner join person_years
        on
            person_districts.platform = person_years.platform
            and person_districts.person_key = person_years.person_key
            and person_districts.year = person_years.year
    left join returned_gifts
        on
            person_districts.platform = returned_gifts.platform
            and person_districts.person_key = returned_gifts.person_key
            and person_districts.year = returned_gifts.year
),

platform_cells as (
    select
        district_code,
        year,
        platform,
        count(*) as n_taking_part,
        sum(has_received) as n_receivers,
        sum(has_given) as n_givers,
        sum(is_reciprocal) as n_reciprocal
    from persons
    group by district_code, year, platform
),

cells as (
    select
        district_code,
        year,
        sum(n_taking_part) as n_taking_part,
        sum(n_receivers) as n_receivers,
        sum(n_givers) as n_givers,
        sum(n_reciprocal) as n_reciprocal,
        max(n_reciprocal) as n_persons_reciprocal,
        max(n_taking_part - n_reciprocal) as n_persons_not_reciprocal,
        string_agg(platform, ',' order by platform) as platforms
    from platform_cells
    group by district_code, year
),

returns as (
    select
        district_code,
        year,
        count(days_to_gift) as n_gave_back,
        weighted_quantile(days_to_gift, 1.0, 0.5) as days_to_gift
    from persons
    group by district_code, year
)

select
    cells.district_code,
    cells.year,
    cells.n_taking_part,
    cells.n_receivers,
    cells.n_givers,
    cells.n_reciprocal,
    returns.n_gave_back,
    cells.n_persons_reciprocal,
    cells.n_persons_not_reciprocal,
    cells.platforms,
    returns.days_to_gift,
    100 * cast(cells.n_reciprocal as double) / nullif(cells.n_taking_part, 0) as reciprocity_pct,
    100 * wilson_low(cells.n_reciprocal, cells.n_taking_part) as reciprocity_pct_low,
    100 * wilson_high(cells.n_reciprocal, cells.n_taking_part) as reciprocity_pct_high,
    coalesce(coverage.coverage, 'not_covered') as coverage
from cells
inner join returns
    on
        cells.district_code = returns.district_code
        and cells.year = returns.year
left join coverage
    on
        cells.district_code = coverage.district_code
        and cells.year = coverage.year
