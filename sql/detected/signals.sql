/* model
description.it = "Segnali: che cosa spicca, dove, da quando e con quale evidenza."
description.en = "Signals: what stands out, where, since when and on what evidence."
grain = ["signal_id"]
checks = [
    "unique(grain)",
    "kind in ('emerging_need', 'new_need', 'service_gap')",
    "not_null(district_code)",
    "not_null(need_code)",
    "p_value between 0 and 1",
    "q_value between 0 and 1",
    "first_month <= last_month",
    "observed >= 0",
    "completeness between 0 and 1 + 1e-9",
    "coverage between 0 and 1",
]
tags = ["signals"]
owner = "antenne"

[columns.signal_id]
role = "key"
it = "Identità del segnale."
en = "Identity of the signal."

[columns.kind]
role = "code"
it = "Genere: emerging_need, new_need o service_gap."
en = "Kind: emerging_need, new_need or service_gap."

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
it = "Ciò che si è visto: richieste, richieste senza risposta, o giorni."
en = "What was seen: requests, unmet requests, or days."

[columns.expected]
role = "measure"
it = "Ciò che si attendeva."
en = "What was expected."

[columns.expected_low]
role = "measure"
it = "Limite inferiore al 95 % di ciò che si prevedeva."
en = "Lower 95 % limit of what was predicted."

[columns.expected_high]
role = "measure"
it = "Limite superiore al 95 % di ciò che si prevedeva."
en = "Upper 95 % limit of what was predicted."

[columns.excess]
role = "measure"
it = "Visto meno atteso."
en = "Seen minus expected."

[columns.ratio]
role = "measure"
it = "Visto su atteso."
en = "Seen over expected."

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

[columns.exposure]
role = "measure"
unit = "persons"
it = "Persone attive al mese nel trimestre, per la quota già registrata."
en = "Active members a month of the quarter, times the share already recorded."

[columns.exposure_change]
role = "measure"
it = "Variazione dell'esposizione sull'anno prima."
en = "Change of the exposure against the year before."

[columns.completeness]
role = "measure"
it = "Quota attesa delle richieste del trimestre già registrate."
en = "Expected share of the quarter's requests already recorded."

[columns.coverage]
role = "measure"
it = "Quota di comuni e mesi del trimestre per cui ci sono dati."
en = "Share of comuni and months of the quarter for which there are data."

[columns.platforms]
role = "code"
it = "Piattaforme in ordine alfabetico, separate da virgole."
en = "Platforms in alphabetical order, separated by commas."

[columns.series]
role = "code"
it = "Modello con la serie giudicata."
en = "Model with the series judged."

[columns.adjusted_for]
role = "code"
it = "Di che cosa si è tenuto conto, separato da virgole."
en = "What was adjusted for, separated by commas."

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
with found as (
    select
        aspect,
        district_code,
        districts,
        need_code,
        quarter,
        first_month,
        last_month,
        observed,
        expected,
        expected_low,
        expected_high,
        score,
        p_value,
        q_value,
        method,
        method_version,
        reasons,
        'derived._panel_by_district_need_month' as series,
        'exposure,completeness,season,trend,past_rises' as adjusted_for
    from detected._rise_signals
    union all
    select
        aspect,
        district_code,
        districts,
        need_code,
        quarter,
        first_month,
        last_month,
        observed,
        expected,
        expected_low,
        expected_high,
        score,
        p_value,
        q_value,
        method,
        method_version,
        reasons,
        'derived._panel_by_district_need_week' as series,
        'exposure,completeness,season,trend,past_rises' as adjusted_for
    from detected._wide_rise_signals
    union all
    select
        aspect,
        district_code,
        districts,
        need_code,
        quarter,
        first_month,
        last_month,
        observed,
        expected,
        expected_low,
        expected_high,
        score,
        p_value,
        q_value,
        method,
        method_version,
        reasons,
        'derived._panel_by_district_need_week' as series,
        'exposure,completeness,season,trend,past_rises' as adjusted_for
    from detected._burst_signals
    union all
    select
        aspect,
        district_code,
        districts,
        need_code,
        quarter,
        first_month,
        last_month,
        observed,
        expected,
        expected_low,
        expected_high,
        score,
        p_value,
        q_value,
        method,
        method_version,
        reasons,
        'derived._panel_by_district_need_month' as series,
        'exposure,completeness,season,trend,past_rises' as adjusted_for
    from detected._cluster_signals
    union all
    select
        aspect,
        district_code,
        districts,
        need_code,
        quarter,
        first_month,
        last_month,
        observed,
        expected,
        expected_low,
        expected_high,
        score,
        p_value,
        q_value,
        method,
        method_version,
        reasons,
        'detected._phrases_by_platform_district_month' as series,
        case aspect when 'label_burst' then 'exposure,season' else '' end as adjusted_for
    from detected._new_word_signals
    union all
    select
        aspect,
        district_code,
        district_code as districts,
        need_code,
        quarter,
        first_month,
        last_month,
        observed,
        expected,
        expected_low,
        expected_high,
        score,
        p_value,
        q_value,
        method,
        method_version,
        reasons,
        case aspect
            when 'unmet_share' then 'detected._unmet_shares'
            when 'no_offer' then 'detected._unmet_shares'
            when 'long_wait' then 'detected._long_waits'
            when 'low_use' then 'detected._low_use'
            when 'poor_access' then 'detected._poor_access'
            when 'missing_level' then 'detected._missing_levels'
            else 'detected._uneven_use'
        end as series,
        case aspect
            when 'unmet_share' then 'usual_differences'
            when 'no_offer' then 'usual_differences'
            when 'long_wait' then 'open_waits,withdrawals'
            when 'low_use' then 'age,coverage,usual_differences'
            when 'poor_access' then 'distance,people'
            else ''
        end as adjusted_for
    from detected._gaps
),

panel as (
    select
        district_code,
        need_code,
        month,
        n_exposed,
        completeness,
        is_covered,
        concat(
            cast(cast(date_part('year', month) as integer) as varchar),
            '-Q',
            cast(cast(date_part('quarter', month) as integer) as varchar)
        ) as quarter
    from derived._panel_by_district_need_month
),

quarters as (
    select
        quarter,
        starts_on,
        ends_on
    from derived._complete_quarters
),

exposures as (
    select
        panel.district_code,
        panel.need_code,
        quarters.quarter,
        avg(
            case when panel.month >= quarters.starts_on then panel.n_exposed end
        ) as exposure,
        avg(
            case when panel.month < quarters.starts_on then panel.n_exposed end
        ) as exposure_before,
        avg(
            case when panel.month >= quarters.starts_on then panel.completeness end
        ) as completeness
    from panel
    inner join quarters
        on
            panel.month <= quarters.ends_on
            and panel.month >= quarters.starts_on - interval '12 months'
    where panel.is_covered and panel.n_exposed > 0
    group by panel.district_code, panel.need_code, quarters.quarter
),

coverage as (
    select
        district_code,
        concat(
            cast(cast(date_part('year', month) as integer) as varchar),
            '-Q',
            cast(cast(date_part('quarter', month) as integer) as varchar)
        ) as quarter,
        cast(sum(n_comuni_covered) as double) / nullif(sum(n_comuni), 0) as coverage
    from derived.coverage_by_platform_district_month
    where status <> 'not_covered'
    group by
        district_code,
        date_part('year', month),
        date_part('quarter', month)
),

requests as (
    select
        district_code,
        need_code,
        quarter,
        platforms
    from derived.requests_by_district_need_quarter
)

select
    found.aspect,
    found.district_code,
    found.districts,
    found.need_code,
    found.quarter,
    found.first_month,
    found.last_month,
    found.observed,
    found.expected,
    found.score,
    found.p_value,
    found.q_value,
    exposures.exposure,
    coverage.coverage,
    found.series,
    found.adjusted_for,
    found.method,
    found.method_version,
    found.reasons,
    cast(found.expected_low as double) as expected_low,
    cast(found.expected_high as double) as expected_high,
    exposures.completeness,
    content_id(
        concat(
            found.aspect, '|', found.district_code, '|', found.need_code, '|', found.quarter
        )
    ) as signal_id,
    case
        when found.aspect in ('rise', 'burst', 'cluster', 'area_rise', 'province_rise')
            then 'emerging_need'
        when found.aspect in ('new_label', 'label_burst') then 'new_need'
        else 'service_gap'
    end as kind,
    found.observed - found.expected as excess,
    found.observed / nullif(found.expected, 0) as ratio,
    exposures.exposure / exposures.exposure_before - 1 as exposure_change,
    coalesce(requests.platforms, '') as platforms
from found
left join exposures
    on
        found.district_code = exposures.district_code
        and found.need_code = exposures.need_code
        and found.quarter = exposures.quarter
left join coverage
    on
        found.district_code = coverage.district_code
        and found.quarter = coverage.quarter
left join requests
    on
        found.district_code = requests.district_code
        and found.need_code = requests.need_code
        and found.quarter = requests.quarter
