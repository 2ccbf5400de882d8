/* model
description.it = "Segnali di bisogni che crescono insieme in ambiti vicini, per trimestre."
description.en = "Signals of needs that rise together in neighboring districts, by quarter."
grain = ["need_code", "quarter"]
checks = [
    "unique(grain)",
    "observed > expected",
    "q_value between p_value and 1",
    "first_month <= last_month",
]
tags = ["emerging_needs"]
owner = "antenne"

[columns.aspect]
role = "code"
it = "Che cosa spicca."
en = "What stands out."

[columns.district_code]
role = "key"
it = "Ambito; TOTAL se riguarda più ambiti."
en = "District; TOTAL when it is about several."

[columns.districts]
role = "code"
it = "Ambiti toccati, in ordine alfabetico, separati da virgole."
en = "Districts concerned, in alphabetical order, separated by commas."

[columns.need_code]
role = "key"
it = "Bisogno SIUSS, o la parola nuova."
en = "SIUSS need, or the new word."

[columns.quarter]
role = "key"
it = "Trimestre dell'evidenza, per esempio 2026-Q3."
en = "Quarter of the evidence, for example 2026-Q3."

[columns.first_month]
role = "code"
it = "Mese da cui dura, AAAA-MM."
en = "Month since which it lasts, YYYY-MM."

[columns.last_month]
role = "code"
it = "Ultimo mese che spicca, AAAA-MM."
en = "Last month that stands out, YYYY-MM."

[columns.observed]
role = "count"
unit = "requests"
it = "Ciò che si è visto."
en = "What was seen."

[columns.expected]
role = "measure"
unit = "requests"
it = "Ciò che si attendeva."
en = "What was expected."

[columns.expected_low]
role = "measure"
unit = "requests"
it = "Limite inferiore al 95 % di ciò che si prevedeva."
en = "Lower 95 % limit of what was predicted."

[columns.expected_high]
role = "measure"
unit = "requests"
it = "Limite superiore al 95 % di ciò che si prevedeva."
en = "Upper 95 % limit of what was predicted."

[columns.score]
role = "measure"
it = "Forza: 1 al limite di ciò che si prevedeva, di più oltre."
en = "Strength: 1 at the limit of what was predicted, more beyond it."

[columns.p_value]
role = "measure"
it = "Probabilità di tanto, se nulla fosse cambiato."
en = "Chance of as much, if nothing had changed."

[columns.q_value]
role = "measure"
it = "Quota attesa di falsi tra i segnali almeno altrettanto forti."
en = "Expected share of false ones among signals as strong."

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
with clusters as (
    select
        need_code,
        month,
        center_code,
        districts,
        n_districts,
        n_window_months,
        observed,
        expected,
        score,
        p_value,
        q_value
    from detected._clusters_by_need_month
),

limits as (
    select
        max(case when name = 'cluster_max_q' then value end) as max_q,
        max(case when name = 'rise_min_ratio' then value end) as min_ratio,
        max(case when name = 'rise_min_excess' then value end) as min_excess
    from reference.detection
),

quarters as (
    select
        quarter,
        starts_on,
        ends_on
    from derived._complete_quarters
),

rising_clusters as (
    select
        clusters.need_code,
        quarters.quarter,
        clusters.month,
        clusters.center_code,
        clusters.districts,
        clusters.n_districts,
        clusters.n_window_months,
        clusters.observed,
        clusters.expected,
        clusters.score,
        clusters.p_value,
        clusters.q_value,
        -- Months since year zero: the window begins so many before its last.
        12 * cast(date_part('year', clusters.month) as integer)
        + cast(date_part('month', clusters.month) as integer)
        - cast(clusters.n_window_months as integer) as began,
        row_number() over (
            partition by clusters.need_code, quarters.quarter
            order by clusters.p_value asc, clusters.month desc
        ) as rank_in_quarter
    from clusters
    inner join quarters
        on
            clusters.month >= quarters.starts_on
            and clusters.month <= quarters.ends_on
    cross join limits
    where
        clusters.q_value <= limits.max_q
        and clusters.observed >= limits.min_ratio * clusters.expected
        and clusters.observed - clusters.expected >= limits.min_excess
)

select
    'cluster' as aspect,
    'TOTAL' as district_code,
    districts,
    need_code,
    quarter,
    observed,
    expected,
    cast(null as double) as expected_low,
    cast(null as double) as expected_high,
    score,
    p_value,
    q_value,
    'space_time_scan' as method,
    '1' as method_version,
    to_char(make_date(began / 12, began % 12 + 1, 1), '%Y-%m') as first_month,
    to_char(month, '%Y-%m') as last_month,
    concat(
        '[{"code":"neighbors_rise_together","n_districts":',
        cast(n_districts as varchar),
        ',"center":"',
        center_code,
        '","n_window_months":',
        cast(n_window_months as varchar),
        '},{"code":"adjusted_for_exposure"}]'
    ) as reasons
from rising_clusters
where rank_in_quarter = 1
