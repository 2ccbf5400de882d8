/* model
description.it = "Quote di richieste senza risposta contro quelle dello stesso bisogno ovunque."
description.en = "Shares of unmet requests against those of the same need everywhere."
grain = ["district_code", "need_code", "quarter"]
checks = [
    "unique(grain)",
    "n_unmet between 0 and n_decided",
    "n_decided >= 10",
    "expected > 0",
    "expected_low <= expected and expected <= expected_high",
    "dispersion >= 1",
    "p_value between 0 and 1",
    "q_value between p_value and 1",
    "unmet_share between 0 and 1",
    "unmet_share_eb between 0 and 1",
]
tags = ["service_gaps"]
owner = "antenne"

[columns.district_code]
role = "key"
it = "Ambito."
en = "District."

[columns.need_code]
role = "key"
it = "Bisogno SIUSS; NEW se il vocabolario non ha la parola."
en = "SIUSS need; NEW when the vocabulary has no word."

[columns.quarter]
role = "key"
it = "Trimestre, per esempio 2026-Q3."
en = "Quarter, for example 2026-Q3."

[columns.n_decided]
role = "count"
unit = "requests"
it = "Richieste decise: con o senza risposta."
en = "Requests decided: matched or unmet."

[columns.n_unmet]
role = "count"
unit = "requests"
it = "Richieste rimaste senza risposta."
en = "Requests left without an answer."

[columns.n_reference]
role = "count"
unit = "requests"
it = "Richieste decise su cui poggia il riferimento."
en = "Decided requests that the reference rests on."

[columns.expected]
role = "measure"
unit = "requests"
it = "Senza risposta attese, alla quota di riferimento."
en = "Unmet requests expected, at the share of reference."

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

[columns.dispersion]
role = "measure"
it = "Sovradispersione tra le celle del trimestre; 1 se basta il caso."
en = "Over-dispersion among the cells of the quarter; 1 where chance suffices."

[columns.p_value]
role = "measure"
it = "Probabilità di tanto, se nulla fosse fuori dal solito."
en = "Chance of as much, if nothing were out of the usual."

[columns.q_value]
role = "measure"
it = "Quota attesa di falsi tra le celle almeno altrettanto forti."
en = "Expected share of false ones among cells as strong."

[columns.aspect]
role = "code"
it = "no_offer se nessuna ha avuto risposta, altrimenti unmet_share."
en = "no_offer where none was answered, else unmet_share."

[columns.unmet_share]
role = "measure"
it = "Quota senza risposta."
en = "Share left unmet."

[columns.unmet_share_eb]
role = "measure"
it = "La stessa quota avvicinata a quella del bisogno (Bayes empirico)."
en = "The same share drawn towards that of the need (empirical Bayes)."

[columns.reference_share]
role = "measure"
it = "Quota di riferimento: il bisogno, o tutti se raro, nell'anno prima."
en = "Share of reference: the need, or all if rare, in the year before."

[columns.ratio]
role = "measure"
it = "Visto su atteso."
en = "Seen over expected."
*/
with requests as (
    select
        district_code,
        need_code,
        quarter,
        case when outcome = 'unmet' then 1 else 0 end as is_unmet
    from derived._exchanges
    where counts_as = 'request' and outcome in ('matched', 'unmet')
),

quarters as (
    select
        quarter,
        starts_on,
        row_number() over (order by starts_on desc) as age
    from derived._complete_quarters
),

cells as (
    select
        requests.district_code,
        requests.need_code,
        requests.quarter,
        quarters.age,
        count(*) as n_decided,
        sum(requests.is_unmet) as n_unmet
    from requests
    inner join quarters
        on requests.quarter = quarters.quarter
    group by requests.district_code, requests.need_code, requests.quarter, quarters.age
),

-- The four quarters before, everywhere.
need_pasts as (
    select
        quarters.quarter,
        cells.need_code,
        sum(cells.n_decided) as n_decided,
        sum(cells.n_unmet) as n_unmet
    from quarters
    inner join cells
        on quarters.age < cells.age and cells.age <= quarters.age + 4
    group by quarters.quarter, cells.need_code
),

whole_pasts as (
    select
        quarter,
        sum(n_decided) as n_decided,
        sum(n_unmet) as n_unmet
    from need_pasts
    group by quarter
),

compared_cells as (
    select
        cells.district_code,
        cells.need_code,
        cells.quarter,
        cells.n_decided,
        cells.n_unmet,
        -- A need that is rare everywhere has no share of its own.
        case
            when need_pasts.n_decided >= 100 then need_pasts.n_decided
            else whole_pasts.n_decided
        end as n_reference,
        case
            when need_pasts.n_decided >= 100 then need_pasts.n_unmet
            else whole_pasts.n_unmet
        end as n_reference_unmet
    from cells
    inner join whole_pasts
        on cells.quarter = whole_pasts.quarter
    left join need_pasts
        on
            cells.quarter = need_pasts.quarter
            and cells.need_code = need_pasts.need_code
    where cells.age <= 8 and cells.n_decided >= 10 and cells.district_code <> 'OUTSIDE'
),

tested_cells as (
    select
        district_code,
        need_code,
        quarter,
        n_decided,
        n_unmet,
        n_reference,
        n_reference_unmet,
        share_funnel(n_unmet, n_decided, n_reference_unmet, n_reference) over (
            partition by quarter order by need_code, district_code
        ) as test,
        eb_rate(n_unmet, n_decided) over (
            partition by need_code, quarter order by district_code
        ) as unmet_share_eb
    from compared_cells
),

judged_cells as (
    select
        district_code,
        need_code,
        quarter,
        n_decided,
        n_unmet,
        n_reference,
        n_reference_unmet,
        unmet_share_eb,
        test['expected'] as expected,
        test['low'] as expected_low,
        test['high'] as expected_high,
        test['phi'] as dispersion,
        test['p'] as p_value
    from tested_cells
)

select
    district_code,
    need_code,
    quarter,
    n_decided,
    n_unmet,
    n_reference,
    expected,
    expected_low,
    expected_high,
    dispersion,
    p_value,
    unmet_share_eb,
    fdr_bh(p_value) over (
        partition by quarter order by need_code, district_code
    ) as q_value,
    case when n_unmet = n_decided then 'no_offer' else 'unmet_share' end as aspect,
    cast(n_unmet as double) / n_decided as unmet_share,
    cast(n_reference_unmet as double) / n_reference as reference_share,
    n_unmet / expected as ratio
from judged_cells
