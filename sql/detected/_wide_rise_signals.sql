/* model
description.it = "Aree e province che crescono senza che un bisogno o ambito lo spieghi."
description.en = "Areas and provinces that rise with no need or district to account for it."
grain = ["aspect", "district_code", "need_code", "quarter"]
checks = [
    "unique(grain)",
    "observed > expected_high",
    "q_value between p_value and 1",
    "score > 1",
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
with judgments as (
    select
        scope,
        place_code,
        need_code,
        month,
        n_window_months,
        observed,
        expected,
        ratio,
        p_value,
        q_value,
        quarter_observed,
        quarter_expected,
        quarter_low,
        quarter_high
    from detected._wide_rises_by_month
),

limits as (
    select
        max(case when name = 'rise_max_q' then value end) as max_q,
        max(case when name = 'rise_min_ratio' then value end) as min_ratio,
        max(case when name = 'rise_min_excess' then value end) as min_excess
    from reference.detection
),

quarters as (
    select
        quarter,
        ends_on
    from derived._complete_quarters
),

needs as (
    select
        need_code,
        target_area
    from reference.needs
),

district_provinces as (
    select
        districts.district_code,
        comuni.provincia_code
    from reference.districts as districts
    inner join reference.comuni as comuni
        on districts.comune_code = comuni.comune_code
    where districts.valid_to is null
    group by districts.district_code, comuni.provincia_code
),

rises as (
    select
        district_code,
        need_code,
        quarter
    from detected._rise_signals
),

-- What a signal of one need in one district accounts for.
accounted as (
    select
        'area' as scope,
        rises.district_code as place_code,
        needs.target_area as need_code,
        rises.quarter
    from rises
    inner join needs
        on rises.need_code = needs.need_code
    union
    select
        'province' as scope,
        district_provinces.provincia_code as place_code,
        rises.need_code,
        rises.quarter
    from rises
    inner join district_provinces
        on rises.district_code = district_provinces.district_code
),

rising as (
    select
        judgments.scope,
        judgments.place_code,
        judgments.need_code,
        quarters.quarter,
        judgments.month,
        judgments.n_window_months,
        judgments.p_value,
        judgments.q_value,
        judgments.quarter_observed,
        judgments.quarter_expected,
        judgments.quarter_low,
        judgments.quarter_high
    from judgments
    inner join quarters
        on judgments.month = cast(date_trunc('month', quarters.ends_on) as date)
    cross join limits
    left join accounted
        on
            judgments.scope = accounted.scope
            and judgments.place_code = accounted.place_code
            and judgments.need_code = accounted.need_code
            and quarters.quarter = accounted.quarter
    where
        accounted.scope is null
        and judgments.q_value <= limits.max_q
        and judgments.ratio >= limits.min_ratio
        and judgments.observed - judgments.expected >= limits.min_excess
        and judgments.quarter_observed > judgments.quarter_high
        and judgments.quarter_observed >= limits.min_ratio * judgments.quarter_expected
)

select
    place_code as district_code,
    place_code as districts,
    need_code,
    quarter,
    quarter_observed as observed,
    quarter_expected as expected,
    quarter_low as expected_low,
    quarter_high as expected_high,
    p_value,
    q_value,
    'pooled_gamma_poisson' as method,
    '2' as method_version,
    concat(scope, '_rise') as aspect,
    to_char(date_trunc('quarter', month), '%Y-%m') as first_month,
    to_char(month, '%Y-%m') as last_month,
    (quarter_observed - quarter_expected) / (quarter_high - quarter_expected) as score,
    concat(
        '[{"code":"more_than_expected","n_window_months":',
        cast(n_window_months as varchar),
        '},{"code":"adjusted_for_exposure"},{"code":"no_part_accounts_for_it"}]'
    ) as reasons
from rising
