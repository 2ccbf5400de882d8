/* model
description.it = "Quanto gli abbinamenti uniscono persone diverse, per ambito e anno completo."
description.en = "How far matches bring different persons together, by district and complete year."
grain = ["district_code", "year"]
checks = [
    "unique(grain)",
    "n_age_mixed between 0 and n_age_known",
    "n_persons_age_mixed <= n_age_mixed",
    "(n_age_mixed = 0) = (n_persons_age_mixed = 0)",
    "n_persons_not_age_mixed <= n_age_known - n_age_mixed",
    "(n_age_known = n_age_mixed) = (n_persons_not_age_mixed = 0)",
    "n_age_known <= n_matches",
    "n_district_mixed between 0 and n_district_known",
    "n_persons_district_mixed <= n_district_mixed",
    "(n_district_mixed = 0) = (n_persons_district_mixed = 0)",
    "n_persons_not_district_mixed <= n_district_known - n_district_mixed",
    "(n_district_known = n_district_mixed) = (n_persons_not_district_mixed = 0)",
    "n_district_known <= n_matches",
    "n_network_mixed between 0 and n_network_known",
    "n_persons_network_mixed <= n_network_mixed",
    "(n_network_mixed = 0) = (n_persons_network_mixed = 0)",
    "n_persons_not_network_mixed <= n_network_known - n_network_mixed",
    "(n_network_known = n_network_mixed) = (n_persons_not_network_mixed = 0)",
    "n_network_known <= n_matches",
    "(n_age_known = 0) = (age_mixed_pct is null)",
    "age_mixed_pct between 0 and 100",
    "age_mixed_pct_low <= age_mixed_pct + 1e-9",
    "age_mixed_pct <= age_mixed_pct_high + 1e-9",
    "age_mixed_expected between 0 and n_age_known",
    "age_mixing_index >= 0",
    "(n_district_known = 0) = (district_mixed_pct is null)",
    "district_mixed_pct between 0 and 100",
    "district_mixed_pct_low <= district_mixed_pct + 1e-9",
    "district_mixed_pct <= district_mixed_pct_high + 1e-9",
    "district_mixed_expected between 0 and n_district_known",
    "district_mixing_index >= 0",
    "(n_network_known = 0) = (network_mixed_pct is null)",
    "network_mixed_pct between 0 and 100",
    "network_mixed_pct_low <= network_mixed_pct + 1e-9",
    "network_mixed_pct <= network_mixed_pct_high + 1e-9",
    "network_mixed_expected between 0 and n_network_known",
    "network_mixing_index >= 0",
]
tags = ["mixing"]
owner = "antenne"

[columns.district_code]
role = "key"
it = "Ambito; OUTSIDE per i comuni fuori da ogni ambito."
en = "District; OUTSIDE for comuni in no district."

[columns.year]
role = "key"
it = "Anno."
en = "Year."

[columns.n_matches]
role = "count"
unit = "matches"
it = "Richieste e offerte abbinate."
en = "Requests and offers that were matched."

[columns.n_age_known]
role = "count"
unit = "matches"
it = "Abbinamenti di cui si sa la classe di età di entrambe le persone."
en = "Matches with the age class of both persons known."

[columns.n_age_mixed]
role = "count"
unit = "matches"
it = "Tra questi, tra persone di classe di età diversa."
en = "Of these, between persons of different age class."

[columns.n_persons_age_mixed]
role = "count"
unit = "persons"
it = "Persone dietro questi abbinamenti."
en = "Persons behind these matches."

[columns.n_persons_not_age_mixed]
role = "count"
unit = "persons"
it = "Persone dietro gli altri di cui si sa."
en = "Persons behind the others that are known."

[columns.n_district_known]
role = "count"
unit = "matches"
it = "Abbinamenti di cui si sa l'ambito di entrambe le persone."
en = "Matches with the district of both persons known."

[columns.n_district_mixed]
role = "count"
unit = "matches"
it = "Tra questi, tra persone di ambito diverso."
en = "Of these, between persons of different district."

[columns.n_persons_district_mixed]
role = "count"
unit = "persons"
it = "Persone dietro questi abbinamenti."
en = "Persons behind these matches."

[columns.n_persons_not_district_mixed]
role = "count"
unit = "persons"
it = "Persone dietro gli altri di cui si sa."
en = "Persons behind the others that are known."

[columns.n_network_known]
role = "count"
unit = "matches"
it = "Abbinamenti di cui si sa la rete di sostegno di entrambe le persone."
en = "Matches with the support network of both persons known."

[columns.n_network_mixed]
role = "count"
unit = "matches"
it = "Tra questi, tra persone con rete di sostegno diversa."
en = "Of these, between persons of different support network."

[columns.n_persons_network_mixed]
role = "count"
unit = "persons"
it = "Persone dietro questi abbinamenti."
en = "Persons behind these matches."

[columns.n_persons_not_network_mixed]
role = "count"
unit = "persons"
it = "Persone dietro gli altri di cui si sa."
en = "Persons behind the others that are known."

[columns.platforms]
role = "code"
it = "Piattaforme in ordine alfabetico, separate da virgole."
en = "Platforms in alphabetical order, separated by commas."

[columns.age_mixed_pct]
role = "measure"
unit = "%"
it = "Quota di abbinamenti tra persone di classe di età diversa."
en = "Share of matches between persons of different age class."
rate = ["n_age_mixed", "n_age_known"]
vis = "outcome"

[columns.age_mixed_pct_low]
role = "measure"
unit = "%"
it = "Limite inferiore al 95 %."
en = "Lower 95 % limit."

[columns.age_mixed_pct_high]
role = "measure"
unit = "%"
it = "Limite superiore al 95 %."
en = "Upper 95 % limit."

[columns.age_mixed_expected]
role = "measure"
unit = "matches"
it = "Abbinamenti così attesi se chi risponde fosse preso a caso sulla piattaforma."
en = "Such matches expected if who answers were drawn at random on the platform."

[columns.age_mixing_index]
role = "measure"
unit = "ratio"
it = "Osservati su attesi: 1 come a caso, meno di 1 tra simili."
en = "Observed over expected: 1 as at random, below 1 among the like."

[columns.district_mixed_pct]
role = "measure"
unit = "%"
it = "Quota di abbinamenti tra persone di ambito diverso."
en = "Share of matches between persons of different district."
rate = ["n_district_mixed", "n_district_known"]
vis = "outcome"

[columns.district_mixed_pct_low]
role = "measure"
unit = "%"
it = "Limite inferiore al 95 %."
en = "Lower 95 % limit."

[columns.district_mixed_pct_high]
role = "measure"
unit = "%"
it = "Limite superiore al 95 %."
en = "Upper 95 % limit."

[columns.district_mixed_expected]
role = "measure"
unit = "matches"
it = "Abbinamenti così attesi se chi risponde fosse preso a caso sulla piattaforma."
en = "Such matches expected if who answers were drawn at random on the platform."

[columns.district_mixing_index]
role = "measure"
unit = "ratio"
it = "Osservati su attesi: 1 come a caso, meno di 1 tra simili."
en = "Observed over expected: 1 as at random, below 1 among the like."

[columns.network_mixed_pct]
role = "measure"
unit = "%"
it = "Quota di abbinamenti tra persone con rete di sostegno diversa."
en = "Share of matches between persons of different support network."
rate = ["n_network_mixed", "n_network_known"]
vis = "outcome"

[columns.network_mixed_pct_low]
role = "measure"
unit = "%"
it = "Limite inferiore al 95 %."
en = "Lower 95 % limit."

[columns.network_mixed_pct_high]
role = "measure"
unit = "%"
it = "Limite superiore al 95 %."
en = "Upper 95 % limit."

[columns.network_mixed_expected]
role = "measure"
unit = "matches"
it = "Abbinamenti così attesi se chi risponde fosse preso a caso sulla piattaforma."
en = "Such matches expected if who answers were drawn at random on the platform."

[columns.network_mixing_index]
role = "measure"
unit = "ratio"
it = "Osservati su attesi: 1 come a caso, meno di 1 tra simili."
en = "Observed over expected: 1 as at random, below 1 among the like."

[columns.coverage]
role = "code"
it = "Completezza dei dati: covered, partly, not_covered o source_down."
en = "Completeness of the data: covered, partly, not_covered or source_down."
*/
with exchanges as (
    select
        platform,
        district_code,
        matched_on,
        state,
        substr(quarter, 1, 4) as year
    from derived._exchanges
    where counts_as in ('request', 'offer')
),

compared_matches as (
    select
        dimension,
        district_code,
        year,
        platform,
        person_key,
        own_class,
        other_class
    from derived._compared_matches
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

matches as (
    select
        exchanges.platform,
        exchanges.year,
        exchanges.district_code
    from exchanges
    inner join complete_years
        on exchanges.year = complete_years.year
    where
        exchanges.matched_on is not null
        or exchanges.state in ('matched', 'active', 'completed')
),

answering_classes as (
    select
        dimension,
        platform,
        year,
        other_class,
        count(*) as n_matches
    from compared_matches
    group by dimension, platform, year, other_class
),

answering_wholes as (
    select
        dimension,
        platform,
        year,
        sum(n_matches) as n_matches
    from answering_classes
    group by dimension, platform, year
),

own_classes as (
    select
        dimension,
        platform,
        year,
        district_code,
        own_class,
        count(*) as n_known
    from compared_matches
    group by dimension, platform, year, district_code, own_class
),

-- Summed as decimals: the order of the rows must not show in the result.
expected_cells as (
    select
        own_classes.dimension,
        own_classes.district_code,
        own_classes.year,
        sum(
            cast(
                own_classes.n_known * (
                    1 - cast(coalesce(answering_classes.n_matches, 0) as double)
                    / answering_wholes.n_matches
                ) as decimal(18, 9)
            )
        ) as n_expected
    from own_classes
    inner join answering_wholes
        on
            own_classes.dimension = answering_wholes.dimension
            and own_classes.platform = answering_wholes.platform
            and own_classes.year = answering_wholes.year
    left join answering_classes
        on
            own_classes.dimension = answering_classes.dimension
            and own_classes.platform = answering_classes.platform
            and own_classes.year = answering_classes.year
            and own_classes.own_class = answering_classes.other_class
    group by own_classes.dimension, own_classes.district_code, own_classes.year
),

-- Rows without a person key count as one person: the fewest they can be.
persons as (
    select
        dimension,
        district_code,
        year,
        platform,
        person_key,
        count(*) as n_known,
        sum(case when own_class <> other_class then 1 else 0 end) as n_mixed
    from compared_matches
    group by dimension, district_code, year, platform, person_key
),

platform_cells as (
    select
        dimension,
        district_code,
        year,
        platform,
        sum(n_known) as n_known,
        sum(n_mixed) as n_mixed,
        sum(case when n_mixed > 0 then 1 else 0 end) as n_persons_mixed,
        sum(case when n_mixed < n_known then 1 else 0 end) as n_persons_not_mixed
    from persons
    group by dimension, district_code, year, platform
),

compared_cells as (
    select
        dimension,
        district_code,
        year,
        sum(n_known) as n_known,
        sum(n_mixed) as n_mixed,
        max(n_persons_mixed) as n_persons_mixed,
        max(n_persons_not_mixed) as n_persons_not_mixed
    from platform_cells
    group by dimension, district_code, year
),

dimension_cells as (
    select
        compared_cells.dimension,
        compared_cells.district_code,
        compared_cells.year,
        compared_cells.n_known,
        compared_cells.n_mixed,
        compared_cells.n_persons_mixed,
        compared_cells.n_persons_not_mixed,
        cast(expected_cells.n_expected as double) as n_expected
    from compared_cells
    inner join expected_cells
        on
            compared_cells.dimension = expected_cells.dimension
            and compared_cells.district_code = expected_cells.district_code
            and compared_cells.year = expected_cells.year
),

match_cells as (
    select
        district_code,
        year,
        platform,
        count(*) as n_matches
    from matches
    group by district_code, year, platform
),

wholes as (
    select
        district_code,
        year,
        sum(n_matches) as n_matches,
        string_agg(platform, ',' order by platform) as platforms
    from match_cells
    group by district_code, year
),

cells as (
    select
        wholes.district_code,
        wholes.year,
        wholes.n_matches,
        wholes.platforms,
        coalesce(age_cells.n_known, 0) as n_age_known,
        coalesce(age_cells.n_mixed, 0) as n_age_mixed,
        coalesce(age_cells.n_persons_mixed, 0) as n_persons_age_mixed,
        coalesce(age_cells.n_persons_not_mixed, 0) as n_persons_not_age_mixed,
        coalesce(age_cells.n_expected, 0) as age_mixed_expected,
        coalesce(district_cells.n_known, 0) as n_district_known,
        coalesce(district_cells.n_mixed, 0) as n_district_mixed,
        coalesce(district_cells.n_persons_mixed, 0) as n_persons_district_mixed,
        coalesce(district_cells.n_persons_not_mixed, 0) as n_persons_not_district_mixed,
        coalesce(district_cells.n_expected, 0) as district_mixed_expected,
        coalesce(network_cells.n_known, 0) as n_network_known,
        coalesce(network_cells.n_mixed, 0) as n_network_mixed,
        coalesce(network_cells.n_persons_mixed, 0) as n_persons_network_mixed,
        coalesce(network_cells.n_persons_not_mixed, 0) as n_persons_not_network_mixed,
        coalesce(network_cells.n_expected, 0) as network_mixed_expected
    from wholes
    left join dimension_cells as age_cells
        on
            wholes.district_code = age_cells.district_code
            and wholes.year = age_cells.year
            and age_cells.dimension = 'age'
    left join dimension_cells as district_cells
        on
            wholes.district_code = district_cells.district_code
            and wholes.year = district_cells.year
            and district_cells.dimension = 'district'
    left join dimension_cells as network_cells
        on
            wholes.district_code = network_cells.district_code
            and wholes.year = network_cells.year
            and network_cells.dimension = 'network'
)

select
    cells.district_code,
    cells.year,
    cells.n_matches,
    cells.n_age_known,
    cells.n_age_mixed,
    cells.n_persons_age_mixed,
    cells.n_persons_not_age_mixed,
    cells.n_district_known,
    cells.n_district_mixed,
    cells.n_persons_district_mixed,
    cells.n_persons_not_district_mixed,
    cells.n_network_known,
    cells.n_network_mixed,
    cells.n_persons_network_mixed,
    cells.n_persons_not_network_mixed,
    cells.platforms,
    cells.age_mixed_expected,
    cells.district_mixed_expected,
    cells.network_mixed_expected,
    100 * cast(cells.n_age_mixed as double) / nullif(cells.n_age_known, 0) as age_mixed_pct,
    100 * wilson_low(cells.n_age_mixed, cells.n_age_known) as age_mixed_pct_low,
    100 * wilson_high(cells.n_age_mixed, cells.n_age_known) as age_mixed_pct_high,
    cast(cells.n_age_mixed as double)
    / nullif(cells.age_mixed_expected, 0) as age_mixing_index,
    100 * cast(cells.n_district_mixed as double)
    / nullif(cells.n_district_known, 0) as district_mixed_pct,
    100 * wilson_low(cells.n_district_mixed, cells.n_district_known) as district_mixed_pct_low,
    100 * wilson_high(cells.n_district_mixed, cells.n_district_known) as district_mixed_pct_high,
    cast(cells.n_district_mixed as double)
    / nullif(cells.district_mixed_expected, 0) as district_mixing_index,
    100 * cast(cells.n_network_mixed as double)
    / nullif(cells.n_network_known, 0) as network_mixed_pct,
    100 * wilson_low(cells.n_network_mixed, cells.n_network_known) as network_mixed_pct_low,
    100 * wilson_high(cells.n_network_mixed, cells.n_network_known) as network_mixed_pct_high,
    cast(cells.n_network_mixed as double)
    / nullif(cells.network_mixed_expected, 0) as network_mixing_index,
    coalesce(coverage.coverage, 'not_covered') as coverage
from cells
left join coverage
    on
        cells.district_code = coverage.district_code
        and cells.year = coverage.year
