/* model
description.it = "Lacune dei servizi che passano le soglie, come segnali."
description.en = "Service gaps that pass the thresholds, as signals."
grain = ["aspect", "district_code", "need_code", "quarter"]
checks = [
    "unique(grain)",
    "q_value between p_value and 1",
    "first_month < last_month",
    "score > 0",
    "expected_low <= expected_high",
    "not_null(reasons)",
    "not_null(aspect)",
]
tags = ["service_gaps"]
owner = "antenne"

[columns.aspect]
role = "key"
it = "Che cosa manca."
en = "What is lacking."

[columns.district_code]
role = "key"
it = "Ambito; TOTAL se riguarda più ambiti."
en = "District; TOTAL when it is about several."

[columns.need_code]
role = "key"
it = "Bisogno SIUSS; NEW se il vocabolario non ha la parola."
en = "SIUSS need; NEW when the vocabulary has no word."

[columns.quarter]
role = "key"
it = "Trimestre, per esempio 2026-Q3."
en = "Quarter, for example 2026-Q3."

[columns.first_month]
role = "code"
it = "Primo mese del trimestre, AAAA-MM."
en = "First month of the quarter, YYYY-MM."

[columns.last_month]
role = "code"
it = "Ultimo mese del trimestre, AAAA-MM."
en = "Last month of the quarter, YYYY-MM."

[columns.observed]
role = "count"
it = "Ciò che si è visto, nell'unità del modello di origine."
en = "What was seen, in the unit of the model it comes from."

[columns.expected]
role = "measure"
it = "Ciò che si attendeva."
en = "What was expected."

[columns.expected_low]
role = "measure"
it = "Limite inferiore al 95 % di ciò che si attendeva."
en = "Lower 95 % limit of what was expected."

[columns.expected_high]
role = "measure"
it = "Limite superiore al 95 % di ciò che si attendeva."
en = "Upper 95 % limit of what was expected."

[columns.score]
role = "measure"
it = "Forza: il valore normale di p_value diviso 1,96; 1 al limite del caso."
en = "Strength: the normal score of p_value over 1.96; 1 at the limit of chance."

[columns.p_value]
role = "measure"
it = "Probabilità di tanto, se nulla fosse fuori dal solito."
en = "Chance of as much, if nothing were out of the usual."

[columns.q_value]
role = "measure"
it = "Quota attesa di falsi tra le celle almeno altrettanto forti."
en = "Expected share of false ones among cells as strong."

[columns.method]
role = "code"
it = "Metodo."
en = "Method."

[columns.method_version]
role = "code"
it = "Versione del metodo."
en = "Version of the method."

[columns.reasons]
role = "code"
it = "Ragioni in JSON, che le pagine volgono in frasi."
en = "Reasons as JSON, which pages turn into sentences."
*/
with unmet_shares as (
    select
        aspect,
        district_code,
        need_code,
        quarter,
        n_unmet,
        expected,
        expected_low,
        expected_high,
        p_value,
        q_value,
        dispersion,
        unmet_share,
        reference_share
    from detected._unmet_shares
),

long_waits as (
    select
        district_code,
        need_code,
        quarter,
        waited_days,
        median_days,
        median_before_days,
        median_before_low,
        median_before_high,
        p_value,
        q_value,
        ratio
    from detected._long_waits
),

low_uses as (
    select
        district_code,
        need_code,
        quarter,
        observed,
        expected,
        expected_low,
        expected_high,
        p_value,
        q_value,
        dispersion,
        ratio
    from detected._low_use
),

poor_access as (
    select
        district_code,
        need_code,
        quarter,
        observed,
        expected,
        expected_low,
        expected_high,
        p_value,
        q_value,
        dispersion,
        ratio
    from detected._poor_access
),

missing_levels as (
    select
        district_code,
        need_code,
        quarter,
        observed,
        expected,
        expected_low,
        expected_high,
        p_value,
        q_value,
        dispersion
    from detected._missing_levels
    where is_missing
),

uneven_uses as (
    select
        district_code,
        need_code,
        quarter,
        n_parts,
        n_requests,
        observed,
        expected,
        expected_low,
        expected_high,
        p_value,
        q_value,
        dispersion
    from detected._uneven_use
),

limits as (
    select
        max(case when name = 'gap_max_q' then value end) as max_q,
        max(case when name = 'gap_min_share_above' then value end) as min_share_above,
        max(case when name = 'wait_min_ratio' then value end) as min_wait_ratio,
        max(case when name = 'use_max_ratio' then value end) as max_use_ratio,
        max(case when name = 'access_max_ratio' then value end) as max_access_ratio
    from reference.detection
),

quarters as (
    select
        quarter,
        starts_on,
        ends_on
    from derived._complete_quarters
),

unmet_gaps as (
    select
        unmet_shares.aspect,
        unmet_shares.district_code,
        unmet_shares.need_code,
        unmet_shares.quarter,
        unmet_shares.n_unmet as observed,
        unmet_shares.expected,
        unmet_shares.expected_low,
        unmet_shares.expected_high,
        unmet_shares.p_value,
        unmet_shares.q_value,
        unmet_shares.dispersion,
        'unmet_share_funnel' as method,
        concat(
            '{"code":"unmet_above_reference","share_pct":',
            cast(round(100 * unmet_shares.unmet_share, 1) as varchar),
            ',"reference_pct":',
            cast(round(100 * unmet_shares.reference_share, 1) as varchar),
            '}'
        ) as reason
    from unmet_shares
    cross join limits
    where
        unmet_shares.q_value <= limits.max_q
        and unmet_shares.unmet_share - unmet_shares.reference_share >= limits.min_share_above
),

wait_gaps as (
    select
        'long_wait' as aspect,
        long_waits.district_code,
        long_waits.need_code,
        long_waits.quarter,
        long_waits.waited_days as observed,
        long_waits.median_before_days as expected,
        long_waits.p_value,
        long_waits.q_value,
        1 as dispersion,
        'aalen_johansen_median' as method,
        coalesce(long_waits.median_before_low, 0) as expected_low,
        coalesce(
            long_waits.median_before_high, long_waits.median_before_days
        ) as expected_high,
        concat(
            '{"code":"median_wait_longer","days":',
            cast(cast(round(long_waits.waited_days) as bigint) as varchar),
            ',"reference_days":',
            cast(cast(round(long_waits.median_before_days) as bigint) as varchar),
            '}',
            case
                when long_waits.median_days is null then ',{"code":"half_not_answered"}' else ''
            end
        ) as reason
    from long_waits
    cross join limits
    where
        long_waits.q_value <= limits.max_q
        and long_waits.ratio >= limits.min_wait_ratio
),

use_gaps as (
    select
        'low_use' as aspect,
        low_uses.district_code,
        low_uses.need_code,
        low_uses.quarter,
        low_uses.observed,
        low_uses.expected,
        low_uses.expected_low,
        low_uses.expected_high,
        low_uses.p_value,
        low_uses.q_value,
        low_uses.dispersion,
        'standardized_ratio_funnel' as method,
        '{"code":"fewer_than_population_asks"},{"code":"adjusted_for_age"}' as reason
    from low_uses
    cross join limits
    where low_uses.q_value <= limits.max_q and low_uses.ratio <= limits.max_use_ratio
),

access_gaps as (
    select
        'poor_access' as aspect,
        poor_access.district_code,
        poor_access.need_code,
        poor_access.quarter,
        poor_access.observed,
        poor_access.expected,
        poor_access.expected_low,
        poor_access.expected_high,
        poor_access.p_value,
        poor_access.q_value,
        poor_access.dispersion,
        'e2sfca_funnel' as method,
        concat(
            '{"code":"fewer_suppliers_in_reach","pct_of_usual":',
            cast(round(100 * poor_access.ratio, 1) as varchar),
            '}'
        ) as reason
    from poor_access
    cross join limits
    where
        poor_access.q_value <= limits.max_q
        and poor_access.ratio <= limits.max_access_ratio
),

-- Where requests stay without any answer, that is the signal.
missing_gaps as (
    select
        'missing_level' as aspect,
        missing_levels.district_code,
        missing_levels.need_code,
        missing_levels.quarter,
        missing_levels.observed,
        missing_levels.expected,
        missing_levels.expected_low,
        missing_levels.expected_high,
        missing_levels.p_value,
        missing_levels.q_value,
        missing_levels.dispersion,
        'supply_ratio_funnel' as method,
        '{"code":"level_not_offered"}' as reason
    from missing_levels
    cross join limits
    left join unmet_gaps
        on
            missing_levels.district_code = unmet_gaps.district_code
            and missing_levels.need_code = unmet_gaps.need_code
            and missing_levels.quarter = unmet_gaps.quarter
    where missing_levels.q_value <= limits.max_q and unmet_gaps.aspect is null
),

uneven_gaps as (
    select
        'uneven_use' as aspect,
        uneven_uses.district_code,
        uneven_uses.need_code,
        uneven_uses.quarter,
        uneven_uses.observed,
        uneven_uses.expected,
        uneven_uses.expected_low,
        uneven_uses.expected_high,
        uneven_uses.p_value,
        uneven_uses.q_value,
        uneven_uses.dispersion,
        'unevenness_chi_square' as method,
        concat(
            '{"code":"',
            case
                when uneven_uses.district_code = 'TOTAL' then 'uneven_among_districts'
                else 'uneven_among_comuni'
            end,
            '","n_parts":',
            cast(uneven_uses.n_parts as varchar),
            '},{"code":"adjusted_for_age"}'
        ) as reason
    from uneven_uses
    cross join limits
    where
        uneven_uses.q_value <= limits.max_q
        and (uneven_uses.observed - uneven_uses.expected) / uneven_uses.n_requests
        >= limits.min_share_above
),

gaps as (
    select
        aspect,
        district_code,
        need_code,
        quarter,
        cast(observed as double) as observed,
        expected,
        expected_low,
        expected_high,
        p_value,
        q_value,
        dispersion,
        method,
        reason
    from unmet_gaps
    union all
    select
        aspect,
        district_code,
        need_code,
        quarter,
        cast(observed as double) as observed,
        expected,
        expected_low,
        expected_high,
        p_value,
        q_value,
        dispersion,
        method,
        reason
    from wait_gaps
    union all
    select
        aspect,
        district_code,
        need_code,
        quarter,
        cast(observed as double) as observed,
        expected,
        expected_low,
        expected_high,
        p_value,
        q_value,
        dispersion,
        method,
        reason
    from use_gaps
    union all
    select
        aspect,
        district_code,
        need_code,
        quarter,
        cast(observed as double) as observed,
        expected,
        expected_low,
        expected_high,
        p_value,
        q_value,
        dispersion,
        method,
        reason
    from access_gaps
    union all
    select
        aspect,
        district_code,
        need_code,
        quarter,
        cast(observed as double) as observed,
        expected,
        expected_low,
        expected_high,
        p_value,
        q_value,
        dispersion,
        method,
        reason
    from missing_gaps
    union all
    select
        aspect,
        district_code,
        need_code,
        quarter,
        cast(observed as double) as observed,
        expected,
        expected_low,
        expected_high,
        p_value,
        q_value,
        dispersion,
        method,
        reason
    from uneven_gaps
)

select
    gaps.aspect,
    gaps.district_code,
    gaps.need_code,
    gaps.quarter,
    gaps.expected,
    gaps.expected_low,
    gaps.expected_high,
    gaps.p_value,
    gaps.q_value,
    gaps.method,
    '2' as method_version,
    cast(round(gaps.observed) as bigint) as observed,
    to_char(quarters.starts_on, '%Y-%m') as first_month,
    to_char(quarters.ends_on, '%Y-%m') as last_month,
    score_of_p(gaps.p_value) / score_of_p(0.025) as score,
    concat(
        '[',
        gaps.reason,
        case
            when gaps.dispersion > 1 then ',{"code":"adjusted_for_usual_differences"}' else ''
        end,
        ']'
    ) as reasons
from gaps
inner join quarters
    on gaps.quarter = quarters.quarter
