/* model
description.it = "Segnali di parole senza codice, nuove o usate di colpo di più, per trimestre."
description.en = "Signals of words without a code, new or suddenly used more, by quarter."
grain = ["need_code", "quarter"]
checks = [
    "unique(grain)",
    "observed > expected",
    "p_value between 0 and 1",
    "first_month <= last_month",
]
tags = ["new_needs"]
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
it = "La parola o frase, nella scrittura più frequente."
en = "The word or phrase, in its most frequent writing."

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
with alerts as (
    select
        quarter,
        alert,
        label,
        observed,
        expected,
        p_value,
        n_districts,
        districts,
        first_month,
        last_month
    from detected._word_alerts
)

select
    'TOTAL' as district_code,
    districts,
    label as need_code,
    quarter,
    first_month,
    last_month,
    observed,
    expected,
    cast(0 as double) as expected_low,
    p_value,
    p_value as q_value,
    '1' as method_version,
    case alert when 'new' then 'new_label' else 'label_burst' end as aspect,
    greatest(expected, 1) as expected_high,
    observed / greatest(expected, 1) as score,
    case alert when 'new' then 'novelty_rule' else 'word_burst' end as method,
    concat(
        case alert
            when 'new' then '[{"code":"word_not_seen_before"'
            else '[{"code":"word_used_more"'
        end,
        ',"n_districts":',
        cast(n_districts as varchar),
        '}]'
    ) as reasons
from alerts
