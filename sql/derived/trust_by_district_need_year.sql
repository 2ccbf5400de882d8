/* model
description.it = "Fiducia: coppie che si ritrovano, abbinamenti interrotti e voti, per anno."
description.en = "Trust: pairs that meet again, matches broken off and scores, by year."
grain = ["district_code", "need_code", "year"]
checks = [
    "unique(grain)",
    "n_repeat_pairs between 0 and n_pairs",
    "n_second_exchanges <= n_repeat_pairs",
    "n_persons_repeat_pairs <= 2 * n_repeat_pairs",
    "(n_repeat_pairs = 0) = (n_persons_repeat_pairs = 0)",
    "n_persons_not_repeat_pairs <= 2 * (n_pairs - n_repeat_pairs)",
    "(n_pairs = n_repeat_pairs) = (n_persons_not_repeat_pairs = 0)",
    "n_broken_off between 0 and n_ended",
    "n_persons_broken_off <= n_broken_off",
    "(n_broken_off = 0) = (n_persons_broken_off = 0)",
    "n_persons_not_broken_off <= n_ended - n_broken_off",
    "(n_ended = n_broken_off) = (n_persons_not_broken_off = 0)",
    "n_feedback between 0 and n_completed",
    "n_persons_feedback <= n_feedback",
    "(n_feedback = 0) = (n_persons_feedback = 0)",
    "n_persons_not_feedback <= n_completed - n_feedback",
    "(n_completed = n_feedback) = (n_persons_not_feedback = 0)",
    "(n_pairs = 0) = (repeat_pair_pct is null)",
    "repeat_pair_pct between 0 and 100",
    "repeat_pair_pct_low <= repeat_pair_pct + 1e-9",
    "repeat_pair_pct <= repeat_pair_pct_high + 1e-9",
    "(n_ended = 0) = (broken_off_pct is null)",
    "broken_off_pct between 0 and 100",
    "broken_off_pct_low <= broken_off_pct + 1e-9",
    "broken_off_pct <= broken_off_pct_high + 1e-9",
    "(n_completed = 0) = (feedback_pct is null)",
    "feedback_pct between 0 and 100",
    "feedback_pct_low <= feedback_pct + 1e-9",
    "feedback_pct <= feedback_pct_high + 1e-9",
    "(n_second_exchanges = 0) = (days_to_second is null)",
    "days_to_second >= 0",
    "(n_feedback = 0) = (feedback_mean is null)",
    "feedback_mean between 0 and 1",
]
tags = ["trust"]
owner = "antenne"

[columns.district_code]
role = "key"
it = "Ambito; OUTSIDE per i comuni fuori da ogni ambito."
en = "District; OUTSIDE for comuni in no district."

[columns.need_code]
role = "key"
it = "Bisogno SIUSS; NEW se il vocabolario non ha la parola."
en = "SIUSS need; NEW when the vocabulary has no word."

[columns.year]
role = "key"
it = "Anno."
en = "Year."

[columns.n_pairs]
role = "count"
unit = "pairs"
it = "Coppie di persone con uno scambio abbinato e non interrotto."
en = "Pairs of persons with an exchange matched and not broken off."

[columns.n_repeat_pairs]
role = "count"
unit = "pairs"
it = "Tra queste, quelle per cui non era il primo, in qualunque bisogno."
en = "Of these, those for whom it was not the first, in any need."

[columns.n_second_exchanges]
role = "count"
unit = "pairs"
it = "Tra queste, quelle al loro secondo scambio."
en = "Of these, those at their second exchange."

[columns.n_persons_repeat_pairs]
role = "count"
unit = "persons"
it = "Persone nelle coppie che si ritrovano."
en = "Persons in the pairs that meet again."

[columns.n_persons_not_repeat_pairs]
role = "count"
unit = "persons"
it = "Persone nelle altre coppie."
en = "Persons in the other pairs."

[columns.n_ended]
role = "count"
unit = "matches"
it = "Abbinamenti che sono finiti, in un modo o nell'altro."
en = "Matches that are over, one way or the other."

[columns.n_broken_off]
role = "count"
unit = "matches"
it = "Tra questi, quelli ritirati o rifiutati dopo l'abbinamento."
en = "Of these, those cancelled or refused after the match."

[columns.n_persons_broken_off]
role = "count"
unit = "persons"
it = "Persone dietro gli abbinamenti interrotti."
en = "Persons behind the matches broken off."

[columns.n_persons_not_broken_off]
role = "count"
unit = "persons"
it = "Persone dietro gli altri finiti."
en = "Persons behind the others that are over."

[columns.n_completed]
role = "count"
unit = "exchanges"
it = "Richieste e offerte portate a termine."
en = "Requests and offers completed."

[columns.n_feedback]
role = "count"
unit = "exchanges"
it = "Tra queste, quelle con un voto."
en = "Of these, those with a score."

[columns.n_persons_feedback]
role = "count"
unit = "persons"
it = "Persone dietro gli scambi con un voto."
en = "Persons behind the exchanges with a score."

[columns.n_persons_not_feedback]
role = "count"
unit = "persons"
it = "Persone dietro quelli senza."
en = "Persons behind those without."

[columns.platforms]
role = "code"
it = "Piattaforme in ordine alfabetico, separate da virgole."
en = "Platforms in alphabetical order, separated by commas."

[columns.repeat_pair_pct]
role = "measure"
unit = "%"
it = "Quota di coppie che si ritrovano."
en = "Share of pairs that meet again."
rate = ["n_repeat_pairs", "n_pairs"]
vis = "outcome"

[columns.repeat_pair_pct_low]
role = "measure"
unit = "%"
it = "Limite inferiore al 95 %."
en = "Lower 95 % limit."

[columns.repeat_pair_pct_high]
role = "measure"
unit = "%"
it = "Limite superiore al 95 %."
en = "Upper 95 % limit."

[columns.days_to_second]
role = "measure"
unit = "days"
it = "Mediana dei giorni dal primo al secondo scambio della coppia."
en = "Median days from the first to the second exchange of the pair."

[columns.broken_off_pct]
role = "measure"
unit = "%"
it = "Quota di abbinamenti interrotti."
en = "Share of matches broken off."
rate = ["n_broken_off", "n_ended"]

[columns.broken_off_pct_low]
role = "measure"
unit = "%"
it = "Limite inferiore al 95 %."
en = "Lower 95 % limit."

[columns.broken_off_pct_high]
role = "measure"
unit = "%"
it = "Limite superiore al 95 %."
en = "Upper 95 % limit."

[columns.feedback_pct]
role = "measure"
unit = "%"
it = "Quota di scambi con un voto."
en = "Share of exchanges with a score."
rate = ["n_feedback", "n_completed"]
vis = "output"

[columns.feedback_pct_low]
role = "measure"
unit = "%"
it = "Limite inferiore al 95 %."
en = "Lower 95 % limit."

[columns.feedback_pct_high]
role = "measure"
unit = "%"
it = "Limite superiore al 95 %."
en = "Upper 95 % limit."

[columns.feedback_mean]
role = "measure"
unit = "score"
it = "Media dei voti, da 0 a 1."
en = "Mean score, from 0 to 1."
vis = "outcome"

[columns.coverage]
role = "code"
it = "Completezza dei dati: covered, partly, not_covered o source_down."
en = "Completeness of the data: covered, partly, not_covered or source_down."
*/
with exchanges as (
    select
        exchange_id,
        platform,
        person_key,
        counterpart_key,
        district_code,
        need_code,
        state,
        feedback_score,
        substr(quarter, 1, 4) as year,
        coalesce(matched_on, requested_on) as met_on,
        case
            when matched_on is not null or state in ('matched', 'active', 'completed') then 1
            else 0
        end as is_matched
    from derived._exchanges
    -- A match broken off and asked for again was broken off all the same.
    where counts_as in ('request', 'repeated', 'offer')
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
        exchange_id,
        platform,
        person_key,
        counterpart_key,
        district_code,
        need_code,
        year,
        met_on,
        state,
        feedback_score,
        case
            when state in ('requested', 'matched', 'active') then 0
            else 1
        end as is_over,
        case when state in ('cancelled', 'refused') then 1 else 0 end as is_broken_off,
        case when state = 'completed' then 1 else 0 end as is_completed,
        case
            when state = 'completed' and feedback_score is not null then 1
            else 0
        end as is_scored
    from exchanges
    where is_matched = 1
),

-- A pair is the same whoever of the two asks. Only what came about makes it know itself.
pair_exchanges as (
    select
        exchange_id,
        platform,
        district_code,
        need_code,
        year,
        met_on,
        least(person_key, counterpart_key) as one_key,
        greatest(person_key, counterpart_key) as other_key
    from matches
    where
        state in ('requested', 'matched', 'active', 'completed')
        and person_key is not null
        and counterpart_key is not null
        and person_key <> counterpart_key
),

numbered_exchanges as (
    select
        platform,
        one_key,
        other_key,
        district_code,
        need_code,
        year,
        met_on,
        row_number() over (
            partition by platform, one_key, other_key
            order by met_on, exchange_id
        ) as place_in_pair,
        min(met_on) over (
            partition by platform, one_key, other_key
        ) as first_met_on
    from pair_exchanges
),

pairs as (
    select
        numbered_exchanges.district_code,
        numbered_exchanges.need_code,
        numbered_exchanges.year,
        numbered_exchanges.platform,
        numbered_exchanges.one_key,
        numbered_exchanges.other_key,
        max(case when numbered_exchanges.place_in_pair > 1 then 1 else 0 end) as is_repeat,
        max(
            case
                when numbered_exchanges.place_in_pair = 2
                    then cast(
                        (
                            date_part('epoch', numbered_exchanges.met_on)
                            - date_part('epoch', numbered_exchanges.first_met_on)
                        ) / 86400
                        as bigint
                    )
            end
        ) as days_to_second
    from numbered_exchanges
    inner join complete_years
        on numbered_exchanges.year = complete_years.year
    group by
        numbered_exchanges.district_code,
        numbered_exchanges.need_code,
        numbered_exchanges.year,
        numbered_exchanges.platform,
        numbered_exchanges.one_key,
        numbered_exchanges.other_key
),

pair_cells as (
    select
        district_code,
        need_code,
        year,
        count(*) as n_pairs,
        sum(is_repeat) as n_repeat_pairs,
        count(days_to_second) as n_second_exchanges,
        weighted_quantile(days_to_second, 1.0, 0.5) as days_to_second
    from pairs
    group by district_code, need_code, year
),

members as (
    select
        district_code,
        need_code,
        year,
        platform,
        is_repeat,
        one_key as person_key
    from pairs
    union all
    select
        district_code,
        need_code,
        year,
        platform,
        is_repeat,
        other_key as person_key
    from pairs
),

pair_persons as (
    select
        district_code,
        need_code,
        year,
        platform,
        person_key,
        max(is_repeat) as is_repeat,
        max(1 - is_repeat) as is_not_repeat
    from members
    group by district_code, need_code, year, platform, person_key
),

pair_platform_cells as (
    select
        district_code,
        need_code,
        year,
        platform,
        sum(is_repeat) as n_persons_repeat_pairs,
        sum(is_not_repeat) as n_persons_not_repeat_pairs
    from pair_persons
    group by district_code, need_code, year, platform
),

pair_person_cells as (
    select
        district_code,
        need_code,
        year,
        max(n_persons_repeat_pairs) as n_persons_repeat_pairs,
        max(n_persons_not_repeat_pairs) as n_persons_not_repeat_pairs
    from pair_platform_cells
    group by district_code, need_code, year
),

-- Rows without a person key count as one person: the fewest they can be.
persons as (
    select
        matches.district_code,
        matches.need_code,
        matches.year,
        matches.platform,
        matches.person_key,
        sum(matches.is_over) as n_ended,
        sum(matches.is_broken_off) as n_broken_off,
        sum(matches.is_completed) as n_completed,
        sum(matches.is_scored) as n_feedback,
        -- Summed as decimals: the order of the rows must not show in the result.
        sum(
            case
                when matches.is_scored = 1 then cast(matches.feedback_score as decimal(9, 6))
            end
        ) as score
    from matches
    inner join complete_years
        on matches.year = complete_years.year
    group by
        matches.district_code,
        matches.need_code,
        matches.year,
        matches.platform,
        matches.person_key
),

platform_cells as (
    select
        district_code,
        need_code,
        year,
        platform,
        sum(n_ended) as n_ended,
        sum(n_broken_off) as n_broken_off,
        sum(n_completed) as n_completed,
        sum(n_feedback) as n_feedback,
        sum(score) as score,
        sum(case when n_broken_off > 0 then 1 else 0 end) as n_persons_broken_off,
        sum(case when n_broken_off < n_ended then 1 else 0 end) as n_persons_not_broken_off,
        sum(case when n_feedback > 0 then 1 else 0 end) as n_persons_feedback,
        sum(case when n_feedback < n_completed then 1 else 0 end) as n_persons_not_feedback
    from persons
    group by district_code, need_code, year, platform
),

match_cells as (
    select
        district_code,
        need_code,
        year,
        sum(n_ended) as n_ended,
        sum(n_broken_off) as n_broken_off,
        max(n_persons_broken_off) as n_persons_broken_off,
        max(n_persons_not_broken_off) as n_persons_not_broken_off,
        sum(n_completed) as n_completed,
        sum(n_feedback) as n_feedback,
        max(n_persons_feedback) as n_persons_feedback,
        max(n_persons_not_feedback) as n_persons_not_feedback,
        sum(score) as score,
        string_agg(platform, ',' order by platform) as platforms
    from platform_cells
    group by district_code, need_code, year
),

cells as (
    select
        match_cells.district_code,
        match_cells.need_code,
        match_cells.year,
        match_cells.n_ended,
        match_cells.n_broken_off,
        match_cells.n_persons_broken_off,
        match_cells.n_persons_not_broken_off,
        match_cells.n_completed,
        match_cells.n_feedback,
        match_cells.n_persons_feedback,
        match_cells.n_persons_not_feedback,
        match_cells.score,
        match_cells.platforms,
        pair_cells.days_to_second,
        coalesce(pair_cells.n_pairs, 0) as n_pairs,
        coalesce(pair_cells.n_repeat_pairs, 0) as n_repeat_pairs,
        coalesce(pair_cells.n_second_exchanges, 0) as n_second_exchanges,
        coalesce(pair_person_cells.n_persons_repeat_pairs, 0) as n_persons_repeat_pairs,
        coalesce(pair_person_cells.n_persons_not_repeat_pairs, 0) as n_persons_not_repeat_pairs
    from match_cells
    left join pair_cells
        on
            match_cells.district_code = pair_cells.district_code
            and match_cells.need_code = pair_cells.need_code
            and match_cells.year = pair_cells.year
    left join pair_person_cells
        on
            match_cells.district_code = pair_person_cells.district_code
            and match_cells.need_code = pair_person_cells.need_code
            and match_cells.year = pair_person_cells.year
)

select
    cells.district_code,
    cells.need_code,
    cells.year,
    cells.n_pairs,
    cells.n_repeat_pairs,
    cells.n_second_exchanges,
    cells.n_persons_repeat_pairs,
    cells.n_persons_not_repeat_pairs,
    cells.n_ended,
    cells.n_broken_off,
    cells.n_persons_broken_off,
    cells.n_persons_not_broken_off,
    cells.n_completed,
    cells.n_feedback,
    cells.n_persons_feedback,
    cells.n_persons_not_feedback,
    cells.platforms,
    cells.days_to_second,
    100 * cast(cells.n_repeat_pairs as double) / nullif(cells.n_pairs, 0) as repeat_pair_pct,
    100 * wilson_low(cells.n_repeat_pairs, cells.n_pairs) as repeat_pair_pct_low,
    100 * wilson_high(cells.n_repeat_pairs, cells.n_pairs) as repeat_pair_pct_high,
    100 * cast(cells.n_broken_off as double) / nullif(cells.n_ended, 0) as broken_off_pct,
    100 * wilson_low(cells.n_broken_off, cells.n_ended) as broken_off_pct_low,
    100 * wilson_high(cells.n_broken_off, cells.n_ended) as broken_off_pct_high,
    100 * cast(cells.n_feedback as double) / nullif(cells.n_completed, 0) as feedback_pct,
    100 * wilson_low(cells.n_feedback, cells.n_completed) as feedback_pct_low,
    100 * wilson_high(cells.n_feedback, cells.n_completed) as feedback_pct_high,
    cast(cells.score as double) / nullif(cells.n_feedback, 0) as feedback_mean,
    coalesce(coverage.coverage, 'not_covered') as coverage
from cells
left join coverage
    on
        cells.district_code = coverage.district_code
        and cells.year = coverage.year
