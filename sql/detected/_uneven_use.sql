/* model
description.it = "Quanto si chiede in modo diseguale tra i comuni, e tra gli ambiti (TOTAL)."
description.en = "How unevenly a need is asked for among comuni, and among districts (TOTAL)."
grain = ["district_code", "need_code", "quarter"]
checks = [
    "unique(grain)",
    "n_parts >= 2",
    "n_requests >= 5 * n_parts",
    "observed between 0 and n_requests",
    "expected > 0",
    "expected_low <= expected and expected <= expected_high",
    "theil >= -1e-9",
    "gini between 0 and 1",
    "dispersion >= 1",
    "p_value between 0 and 1",
    "q_value between p_value and 1",
]
tags = ["service_gaps"]
owner = "antenne"

[columns.district_code]
role = "key"
it = "Ambito; TOTAL per il confronto tra ambiti."
en = "District; TOTAL for the comparison among districts."

[columns.need_code]
role = "key"
it = "Bisogno SIUSS; NEW se il vocabolario non ha la parola."
en = "SIUSS need; NEW when the vocabulary has no word."

[columns.quarter]
role = "key"
it = "Trimestre, per esempio 2026-Q3."
en = "Quarter, for example 2026-Q3."

[columns.n_parts]
role = "measure"
unit = "places"
it = "Comuni, o ambiti, confrontati."
en = "Comuni, or districts, compared."

[columns.n_requests]
role = "count"
unit = "requests"
it = "Richieste dei quattro trimestri fino a questo; del trimestre solo per TOTAL."
en = "Requests of the four quarters up to this one; of the quarter alone for TOTAL."

[columns.observed]
role = "measure"
unit = "requests"
it = "Richieste che dovrebbero venire da altrove perché l'uso sia pari."
en = "Requests that would have to come from elsewhere for use to be even."

[columns.theil]
role = "measure"
it = "Indice T di Theil del rapporto tra richieste e attese."
en = "Theil's T of requests over expected ones."

[columns.gini]
role = "measure"
it = "Indice di Gini del rapporto tra richieste e attese."
en = "Gini index of requests over expected ones."

[columns.dispersion]
role = "measure"
it = "Sovradispersione tra le celle del trimestre; 1 se basta il caso."
en = "Over-dispersion among the cells of the quarter; 1 where chance suffices."

[columns.expected]
role = "measure"
unit = "requests"
it = "Lo stesso se le sole differenze fossero del caso e quelle consuete."
en = "The same if only chance and the usual differences were at work."

[columns.expected_low]
role = "measure"
unit = "requests"
it = "Limite inferiore al 95 % di ciò che si attendeva."
en = "Lower 95 % limit of what was expected."

[columns.expected_high]
role = "measure"
unit = "requests"
it = "Limite superiore al 95 % di ciò che si attendeva."
en = "Upper 95 % limit of what was expected."

[columns.p_value]
role = "measure"
it = "Probabilità di differenze così, oltre a quelle consuete (chi quadrato)."
en = "Chance of such differences, beyond the usual ones (chi-square)."

[columns.q_value]
role = "measure"
it = "Quota attesa di falsi tra le celle almeno altrettanto forti."
en = "Expected share of false ones among cells as strong."

[columns.ratio]
role = "measure"
it = "Visto su atteso."
en = "Seen over expected."
*/
with requests as (
    select
        comune_code,
        district_code,
        need_code,
        quarter,
        case
            when age_class in ('0-4', '5-9', '10-14', '0-14', '0-17') then '0-17'
            when age_class in ('18-24', '20-24', '25-29', '30-34', '18-34') then '18-34'
            when
                age_class in ('35-39', '40-44', '45-49', '50-54', '55-59', '60-64', '35-64')
                then '35-64'
            when age_class in ('65-69', '70-74', '65-74') then '65-74'
            when age_class in ('75-79', '80-84', '75-84') then '75-84'
            when age_class = '85+' then '85+'
            else 'any'
        end as age_band
    from derived._exchanges
    where counts_as = 'request' and need_code <> 'NEW'
),

activity as (
    select
        comune_code,
        month
    from conformed.activity
    where n_active_members > 0
),

district_uses as (
    select
        need_code,
        quarter,
        observed,
        expected
    from detected._low_use
),

quarters as (
    select
        quarter,
        starts_on,
        ends_on,
        row_number() over (order by starts_on desc) as age
    from derived._complete_quarters
),

districts as (
    select
        comune_code,
        district_code,
        valid_from,
        valid_to
    from reference.districts
),

population as (
    select
        comune_code,
        residents,
        case
            when age_class in ('0-4', '5-9', '10-14', '0-14', '0-17') then '0-17'
            when age_class in ('18-24', '20-24', '25-29', '30-34', '18-34') then '18-34'
            when
                age_class in ('35-39', '40-44', '45-49', '50-54', '55-59', '60-64', '35-64')
                then '35-64'
            when age_class in ('65-69', '70-74', '65-74') then '65-74'
            when age_class in ('75-79', '80-84', '75-84') then '75-84'
            when age_class = '85+' then '85+'
            else '15-19'
        end as age_band
    from reference.population
),

-- Of the class from 15 to 19, three of the five years are below 18.
comune_bands as (
    select
        comune_code,
        age_band,
        cast(residents as double) as residents
    from population
    where age_band <> '15-19'
    union all
    select
        comune_code,
        '0-17' as age_band,
        cast(3 * residents as double) / 5 as residents
    from population
    where age_band = '15-19'
    union all
    select
        comune_code,
        '18-34' as age_band,
        cast(2 * residents as double) / 5 as residents
    from population
    where age_band = '15-19'
    union all
    select
        comune_code,
        'any' as age_band,
        cast(residents as double) as residents
    from population
),

judged_quarters as (
    select
        quarter,
        age,
        ends_on
    from quarters
    where age <= 8
),

year_requests as (
    select
        judged_quarters.quarter,
        requests.comune_code,
        requests.district_code,
        requests.need_code,
        requests.age_band,
        count(*) as n_requests
    from requests
    inner join quarters
        on requests.quarter = quarters.quarter
    inner join judged_quarters
        on quarters.age >= judged_quarters.age and quarters.age < judged_quarters.age + 4
    group by
        judged_quarters.quarter,
        requests.comune_code,
        requests.district_code,
        requests.need_code,
        requests.age_band
),

-- A comune that no platform reaches is not used unevenly; it is not covered.
reached_comuni as (
    select
        judged_quarters.quarter,
        activity.comune_code
    from activity
    inner join judged_quarters
        on
            activity.month <= judged_quarters.ends_on
            and activity.month > judged_quarters.ends_on - interval '12 months'
    union
    select
        quarter,
        comune_code
    from year_requests
),

-- `valid_to` is the last day that holds.
reached_bands as (
    select
        reached_comuni.quarter,
        districts.district_code,
        reached_comuni.comune_code,
        comune_bands.age_band,
        comune_bands.residents
    from reached_comuni
    inner join judged_quarters
        on reached_comuni.quarter = judged_quarters.quarter
    inner join districts
        on
            reached_comuni.comune_code = districts.comune_code
            and judged_quarters.ends_on >= coalesce(districts.valid_from, date '1900-01-01')
            and judged_quarters.ends_on <= coalesce(districts.valid_to, date '9999-12-31')
    inner join comune_bands
        on reached_comuni.comune_code = comune_bands.comune_code
),

reached_sums as (
    select
        quarter,
        district_code,
        age_band,
        sum(residents) as residents
    from reached_bands
    group by quarter, district_code, age_band
    having sum(residents) > 0
),

-- What each age asks for in the district as a whole.
rates as (
    select
        sums.quarter,
        sums.district_code,
        sums.age_band,
        year_requests.need_code,
        sum(year_requests.n_requests) / min(sums.residents) as rate
    from reached_sums as sums
    inner join year_requests
        on
            sums.quarter = year_requests.quarter
            and sums.district_code = year_requests.district_code
            and sums.age_band = year_requests.age_band
    group by sums.quarter, sums.district_code, sums.age_band, year_requests.need_code
),

expectations as (
    select
        reached_bands.quarter,
        reached_bands.district_code,
        reached_bands.comune_code,
        rates.need_code,
        sum(reached_bands.residents * rates.rate) as expected
    from reached_bands
    inner join rates
        on
            reached_bands.quarter = rates.quarter
            and reached_bands.district_code = rates.district_code
            and reached_bands.age_band = rates.age_band
    group by
        reached_bands.quarter,
        reached_bands.district_code,
        reached_bands.comune_code,
        rates.need_code
),

comune_requests as (
    select
        quarter,
        district_code,
        comune_code,
        need_code,
        sum(n_requests) as observed
    from year_requests
    group by quarter, district_code, comune_code, need_code
),

parts as (
    select
        expectations.district_code,
        expectations.need_code,
        expectations.quarter,
        expectations.expected,
        cast(coalesce(comune_requests.observed, 0) as double) as observed
    from expectations
    left join comune_requests
        on
            expectations.quarter = comune_requests.quarter
            and expectations.district_code = comune_requests.district_code
            and expectations.comune_code = comune_requests.comune_code
            and expectations.need_code = comune_requests.need_code
    union all
    select
        'TOTAL' as district_code,
        need_code,
        quarter,
        expected,
        cast(observed as double) as observed
    from district_uses
),

-- Cochran (1954): enough is expected everywhere for the chi-square to hold.
cells as (
    select
        district_code,
        need_code,
        quarter,
        cast(round(sum(observed)) as bigint) as n_requests,
        count(*) as n_parts,
        sum((observed - expected) * (observed - expected) / expected) as chi_square,
        sum(abs(observed - expected)) / 2 as observed,
        sum(sqrt(expected)) as root_sum,
        sum(expected) as expected_sum,
        theil(observed / expected, expected) as theil,
        gini(observed / expected, expected) as gini
    from parts
    group by district_code, need_code, quarter
    having
        count(*) >= 2
        and min(expected) >= 1
        and sum(expected) >= 5 * count(*)
        and sum(observed) >= 5 * count(*)
),

-- Some unevenness is usual: what half of the cells exceed is not yet out of line.
dispersions as (
    select
        quarter,
        district_code = 'TOTAL' as is_total,
        greatest(median(chi_square / (n_parts - 1)), 1) as dispersion
    from cells
    group by quarter, district_code = 'TOTAL'
),

-- Of a normal deviation z the mean size is sqrt(2 / pi), its variance 1 - 2 / pi.
judged_cells as (
    select
        cells.district_code,
        cells.need_code,
        cells.quarter,
        cells.n_parts,
        cells.n_requests,
        cells.observed,
        cells.theil,
        cells.gini,
        dispersions.dispersion,
        sqrt(dispersions.dispersion / (2 * pi())) * cells.root_sum as expected,
        0.98 * sqrt(dispersions.dispersion * (1 - 2 / pi()) * cells.expected_sum) as half_width,
        chi_square_p(cells.chi_square / dispersions.dispersion, cells.n_parts - 1) as p_value
    from cells
    inner join dispersions
        on
            cells.quarter = dispersions.quarter
            and (cells.district_code = 'TOTAL') = dispersions.is_total
)

select
    district_code,
    need_code,
    quarter,
    n_parts,
    n_requests,
    observed,
    theil,
    gini,
    dispersion,
    expected,
    p_value,
    greatest(expected - half_width, 0) as expected_low,
    expected + half_width as expected_high,
    fdr_bh(p_value) over (
        partition by quarter order by need_code, district_code
    ) as q_value,
    observed / expected as ratio
from judged_cells
