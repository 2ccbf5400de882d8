/* model
description.it = "Parole senza codice, nuove o usate di colpo molto di più, per trimestre."
description.en = "Words that the vocabulary lacks, new or suddenly used far more, by quarter."
grain = ["phrase_key", "quarter"]
checks = [
    "unique(grain)",
    "accepted_values(alert, 'new', 'burst')",
    "observed > expected",
    "p_value between 0 and 1",
    "n_districts >= 1",
    "first_month <= last_month",
]
tags = ["new_needs"]
owner = "antenne"

[columns.phrase_key]
role = "key"
it = "Chiave della parola o frase."
en = "Key of the word or phrase."

[columns.quarter]
role = "key"
it = "Trimestre, per esempio 2026-Q3."
en = "Quarter, for example 2026-Q3."

[columns.alert]
role = "code"
it = "new se prima non c'era, anche nei sei mesi dopo; burst se c'era ed è usata il triplo o più."
en = "new if it was not there, for six months; burst if it was and is used three times as much."

[columns.label]
role = "code"
it = "Scrittura più frequente."
en = "Most frequent writing."

[columns.observed]
role = "count"
unit = "requests"
it = "Richieste che la portano nel trimestre."
en = "Requests that carry it in the quarter."

[columns.expected]
role = "measure"
unit = "requests"
it = "Richieste che ci si attendeva dal passato."
en = "Requests that the past let expect."

[columns.p_value]
role = "measure"
it = "Probabilità di tante richieste se il passato fosse continuato."
en = "Chance of so many requests if the past had gone on."

[columns.n_districts]
role = "count"
unit = "districts"
it = "Ambiti che la usano, o che la usano almeno due volte tanto."
en = "Districts that use it, or use it twice as much or more."

[columns.districts]
role = "code"
it = "Quegli ambiti, in ordine alfabetico, separati da virgole."
en = "Those districts, in alphabetical order, separated by commas."

[columns.first_month]
role = "code"
it = "Primo mese d'uso nel trimestre, AAAA-MM."
en = "First month of use in the quarter, YYYY-MM."

[columns.last_month]
role = "code"
it = "Ultimo mese d'uso nel trimestre, AAAA-MM."
en = "Last month of use in the quarter, YYYY-MM."
*/
with phrases as (
    select
        phrase_key,
        platform,
        district_code,
        month,
        label,
        n_requests,
        n_worded
    from detected._phrases_by_platform_district_month
),

limits as (
    select max(case when name = 'new_word_max_p' then value end) as max_p
    from reference.detection
),

spans as (
    select min(month) as first_month
    from phrases
),

quarters as (
    select
        quarter,
        cast(starts_on as date) as first_month,
        cast(date_trunc('month', ends_on) as date) as last_month
    from derived._complete_quarters
    order by quarter desc
    limit 8
),

-- Fewer uses than this are never an alert.
used as (
    select
        phrase_key,
        label,
        sum(n_requests) as n_requests
    from phrases
    group by phrase_key, label
    having sum(n_requests) >= 5
),

district_uses as (
    select
        phrases.phrase_key,
        phrases.district_code,
        phrases.month,
        sum(phrases.n_requests) as n_requests
    from phrases
    inner join used
        on phrases.phrase_key = used.phrase_key
    group by phrases.phrase_key, phrases.district_code, phrases.month
),

-- A word is judged at the end of each quarter, used in that month or not.
counted as (
    select
        phrase_key,
        district_code,
        month,
        n_requests
    from district_uses
    union all
    select
        used.phrase_key,
        'TOTAL' as district_code,
        quarters.last_month as month,
        0 as n_requests
    from used
    cross join quarters
),

judged_as_new as (
    select
        counted.phrase_key,
        counted.district_code,
        counted.month,
        new_word(counted.district_code, counted.month, counted.n_requests, spans.first_month)
            over (
                partition by counted.phrase_key
                order by counted.district_code, counted.month
            ) as found
    from counted
    cross join spans
),

platform_months as (
    select
        platform,
        month,
        max(n_worded) as n_worded
    from phrases
    group by platform, month
),

platform_uses as (
    select
        phrase_key,
        platform,
        month,
        sum(n_requests) as n_requests
    from phrases
    group by phrase_key, platform, month
),

shares as (
    select
        used.phrase_key,
        platform_months.platform,
        platform_months.month,
        platform_months.n_worded,
        coalesce(platform_uses.n_requests, 0) as n_requests
    from used
    cross join platform_months
    left join platform_uses
        on
            used.phrase_key = platform_uses.phrase_key
            and platform_months.platform = platform_uses.platform
            and platform_months.month = platform_uses.month
),

judged_as_burst as (
    select
        phrase_key,
        month,
        word_burst(platform, month, n_requests, n_worded)
            over (partition by phrase_key order by platform, month) as found
    from shares
),

-- Every platform has the same answer for a month.
bursts as (
    select
        judged_as_burst.phrase_key,
        quarters.quarter,
        max(judged_as_burst.found['observed']) as observed,
        max(judged_as_burst.found['expected']) as expected,
        max(judged_as_burst.found['p']) as p_value
    from judged_as_burst
    inner join quarters
        on judged_as_burst.month = quarters.last_month
    where judged_as_burst.found['is_burst']
    group by judged_as_burst.phrase_key, quarters.quarter
),

judged as (
    select
        judged_as_new.phrase_key,
        quarters.quarter,
        'new' as alert,
        judged_as_new.found['observed'] as observed,
        judged_as_new.found['expected'] as expected,
        judged_as_new.found['p'] as p_value
    from judged_as_new
    inner join quarters
        on judged_as_new.month = quarters.last_month
    where
        judged_as_new.district_code = 'TOTAL'
        and judged_as_new.found['is_still_new']
        and judged_as_new.found['observed'] >= 5
    union all
    select
        phrase_key,
        quarter,
        'burst' as alert,
        observed,
        expected,
        p_value
    from bursts
),

believed as (
    select
        judged.phrase_key,
        judged.quarter,
        judged.alert,
        judged.observed,
        judged.expected,
        judged.p_value,
        row_number() over (
            partition by judged.phrase_key, judged.quarter
            order by judged.alert desc
        ) as rank_of_alert
    from judged
    cross join limits
    where judged.p_value <= limits.max_p
),

uses_around as (
    select
        believed.phrase_key,
        believed.quarter,
        believed.alert,
        district_uses.district_code,
        sum(
            case when district_uses.month >= quarters.first_month then district_uses.n_requests end
        ) as n_in_quarter,
        sum(
            case when district_uses.month < quarters.first_month then district_uses.n_requests end
        ) as n_in_year_before,
        min(
            case when district_uses.month >= quarters.first_month then district_uses.month end
        ) as first_month,
        max(district_uses.month) as last_month
    from believed
    inner join quarters
        on believed.quarter = quarters.quarter
    inner join district_uses
        on
            believed.phrase_key = district_uses.phrase_key
            and quarters.last_month >= district_uses.month
            and quarters.first_month - interval '12 months' <= district_uses.month
    where believed.rank_of_alert = 1
    group by
        believed.phrase_key, believed.quarter, believed.alert, district_uses.district_code
),

-- A burst is a matter of the districts that use the word twice as much as in the year before.
districts_of_alert as (
    select
        phrase_key,
        quarter,
        string_agg(district_code, ',' order by district_code) as districts,
        count(*) as n_districts,
        min(first_month) as first_month,
        max(last_month) as last_month
    from uses_around
    where
        n_in_quarter >= 1
        and (
            alert = 'new'
            or (n_in_quarter >= 2 and 2 * n_in_quarter >= coalesce(n_in_year_before, 0))
        )
    group by phrase_key, quarter
),

alerts as (
    select
        believed.phrase_key,
        believed.quarter,
        believed.alert,
        believed.observed,
        believed.expected,
        believed.p_value,
        districts_of_alert.districts,
        districts_of_alert.n_districts,
        districts_of_alert.first_month,
        districts_of_alert.last_month
    from believed
    inner join districts_of_alert
        on
            believed.phrase_key = districts_of_alert.phrase_key
            and believed.quarter = districts_of_alert.quarter
    where believed.rank_of_alert = 1 and districts_of_alert.n_districts >= 3
),

-- A phrase that is nearly always a part of a longer one says less than that one.
closed_alerts as (
    select
        alerts.phrase_key,
        alerts.quarter
    from alerts
    left join alerts as longer
        on
            alerts.quarter = longer.quarter
            and alerts.phrase_key <> longer.phrase_key
            and label_contains(longer.phrase_key, alerts.phrase_key)
            and longer.observed >= 0.8 * alerts.observed
    where longer.phrase_key is null
),

-- Of what is left a longer phrase is counted within its part.
lasting_alerts as (
    select
        closed_alerts.phrase_key,
        closed_alerts.quarter
    from closed_alerts
    left join closed_alerts as part
        on
            closed_alerts.quarter = part.quarter
            and closed_alerts.phrase_key <> part.phrase_key
            and label_contains(closed_alerts.phrase_key, part.phrase_key)
    where part.phrase_key is null
)

select
    alerts.phrase_key,
    alerts.quarter,
    alerts.alert,
    used.label,
    alerts.observed,
    alerts.expected,
    alerts.p_value,
    alerts.n_districts,
    alerts.districts,
    to_char(alerts.first_month, '%Y-%m') as first_month,
    to_char(alerts.last_month, '%Y-%m') as last_month
from alerts
inner join lasting_alerts
    on
        alerts.phrase_key = lasting_alerts.phrase_key
        and alerts.quarter = lasting_alerts.quarter
inner join used
    on alerts.phrase_key = used.phrase_key
