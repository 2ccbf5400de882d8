/* model
description.it = "Gruppi di ambiti vicini in cui un bisogno cresce insieme, per mese."
description.en = "Groups of neighboring districts where a need rises together, by month."
grain = ["need_code", "month"]
checks = [
    "unique(grain)",
    "n_districts between 2 and 12",
    "observed > expected",
    "p_value between 0 and 1",
    "q_value between p_value and 1",
]
tags = ["emerging_needs"]
owner = "antenne"

[columns.need_code]
role = "key"
it = "Bisogno SIUSS."
en = "SIUSS need."

[columns.month]
role = "key"
it = "Ultimo mese della finestra, come suo primo giorno."
en = "Last month of the window, as its first day."

[columns.center_code]
role = "code"
it = "Ambito al centro."
en = "District at the center."

[columns.districts]
role = "code"
it = "Ambiti del gruppo che crescono, in ordine alfabetico, separati da virgole."
en = "Districts of the group that rise, in alphabetical order, separated by commas."

[columns.n_districts]
role = "count"
unit = "districts"
it = "Quanti sono."
en = "How many they are."

[columns.n_window_months]
role = "measure"
unit = "months"
it = "Mesi della finestra."
en = "Months of the window."

[columns.observed]
role = "count"
unit = "requests"
it = "Richieste osservate nel gruppo e nella finestra."
en = "Requests seen in the group and window."

[columns.expected]
role = "measure"
unit = "requests"
it = "Richieste attese."
en = "Requests expected."

[columns.score]
role = "measure"
it = "Punteggio della scansione."
en = "Score of the scan."

[columns.p_value]
role = "measure"
it = "Probabilità di un punteggio simile ovunque, se nulla fosse cambiato."
en = "Chance of such a score anywhere, if nothing had changed."

[columns.q_value]
role = "measure"
it = "Quota attesa di falsi tra i gruppi del mese con evidenza almeno pari."
en = "Expected share of false ones among the groups of the month with as much evidence."
*/
with panel as (
    select
        district_code,
        need_code,
        month,
        n_requests,
        n_exposed,
        is_usable
    from detected._usable_panel
),

districts as (
    select
        district_code,
        longitude,
        latitude
    from derived._district_places
),

located_panel as (
    select
        panel.district_code,
        panel.need_code,
        panel.month,
        panel.n_requests,
        panel.n_exposed,
        districts.longitude,
        districts.latitude,
        panel.is_usable
    from panel
    inner join districts
        on panel.district_code = districts.district_code
),

scanned as (
    select
        district_code,
        need_code,
        month,
        rise_cluster(
            need_code, district_code, month, n_requests, n_exposed, is_usable,
            longitude, latitude, 24
        ) over (order by need_code, district_code, month) as found
    from located_panel
),

members as (
    select
        district_code,
        need_code,
        month,
        found['center'] as center_code,
        found['n_window_months'] as n_window_months,
        found['observed'] as observed,
        found['expected'] as expected,
        found['score'] as score,
        found['p'] as p_value
    from scanned
    where found['p'] is not null
),

clusters as (
    select
        need_code,
        month,
        min(center_code) as center_code,
        string_agg(district_code, ',' order by district_code) as districts,
        count(*) as n_districts,
        min(n_window_months) as n_window_months,
        min(observed) as observed,
        min(expected) as expected,
        min(score) as score,
        min(p_value) as p_value
    from members
    group by need_code, month
),

-- A need in which nothing stands out was scanned as well: it counts in the family.
scans as (
    select
        need_code,
        month
    from located_panel
    group by need_code, month
),

weighed as (
    select
        scans.need_code,
        scans.month,
        clusters.center_code,
        clusters.districts,
        clusters.n_districts,
        clusters.n_window_months,
        clusters.observed,
        clusters.expected,
        clusters.score,
        clusters.p_value,
        fdr_bh(coalesce(clusters.p_value, 1)) over (
            partition by scans.month order by scans.need_code
        ) as q_value
    from scans
    left join clusters
        on
            scans.need_code = clusters.need_code
            and scans.month = clusters.month
)

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
from weighed
where center_code is not null
