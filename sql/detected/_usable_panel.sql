/* model
description.it = "Il pannello dei trimestri completi, e i mesi che si possono giudicare."
description.en = "The panel up to the last complete quarter, and which months can be judged."
grain = ["district_code", "need_code", "month"]
checks = [
    "unique(grain)",
    "n_requests >= 0",
    "n_exposed >= 0",
    "completeness between 0 and 1 + 1e-9",
]
tags = ["emerging_needs"]
owner = "antenne"

[columns.district_code]
role = "key"
it = "Ambito."
en = "District."

[columns.need_code]
role = "key"
it = "Bisogno SIUSS."
en = "SIUSS need."

[columns.month]
role = "key"
it = "Mese, come suo primo giorno."
en = "Month, as its first day."

[columns.n_requests]
role = "count"
unit = "requests"
it = "Richieste."
en = "Requests."

[columns.n_exposed]
role = "measure"
unit = "persons"
it = "Persone attive delle piattaforme che servono il bisogno, per la quota già registrata."
en = "Active members of the platforms that serve the need, times the share already recorded."

[columns.completeness]
role = "measure"
it = "Quota attesa delle richieste del mese già registrate."
en = "Expected share of the month's requests already recorded."

[columns.is_usable]
role = "code"
it = "Se il mese è coperto e ne è registrato abbastanza."
en = "Whether the month is covered and enough of it is in."
*/
with panel as (
    select
        district_code,
        need_code,
        month,
        n_requests,
        n_exposed,
        completeness,
        is_covered
    from derived._panel_by_district_need_month
    where district_code <> 'OUTSIDE' and need_code <> 'NEW'
),

limits as (
    select max(case when name = 'min_completeness' then value end) as min_completeness
    from reference.detection
),

last_quarter as (
    select max(ends_on) as ends_on
    from derived._complete_quarters
)

-- Months after the last complete quarter are not whole yet. A month of which too little is in is
-- as good as not covered.
select
    panel.district_code,
    panel.need_code,
    panel.month,
    panel.n_requests,
    panel.n_exposed,
    panel.completeness,
    panel.is_covered and panel.completeness >= limits.min_completeness as is_usable
from panel
cross join limits
cross join last_quarter
where panel.month <= last_quarter.ends_on
