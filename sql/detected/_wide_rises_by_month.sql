/* model
description.it = "Richieste osservate e attese, per area e ambito e per bisogno e provincia."
description.en = "Requests seen and expected, by target area and district and by need and province."
grain = ["scope", "place_code", "need_code", "month"]
checks = [
    "unique(grain)",
    "scope in ('area', 'province')",
    "expected > 0",
    "p_value between 0 and 1",
    "q_value between p_value and 1",
]
tags = ["emerging_needs"]
owner = "antenne"

[columns.scope]
role = "key"
it = "Livello: area (area di utenza in un ambito) o province (bisogno in una provincia)."
en = "Level: area (target area in a district) or province (need in a province)."

[columns.place_code]
role = "key"
it = "Ambito, o provincia."
en = "District, or province."

[columns.need_code]
role = "key"
it = "Area di utenza, o bisogno SIUSS."
en = "Target area, or SIUSS need."

[columns.month]
role = "key"
it = "Ultimo mese della finestra, come suo primo giorno."
en = "Last month of the window, as its first day."

[columns.n_window_months]
role = "measure"
unit = "months"
it = "Mesi della finestra che si scosta di più."
en = "Months of the window that departs most."

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

[columns.ratio]
role = "measure"
it = "Osservate su attese."
en = "Seen over expected."

[columns.p_value]
role = "measure"
it = "Probabilità di tanto, se nulla fosse cambiato."
en = "Chance of as much, if nothing had changed."

[columns.q_value]
role = "measure"
it = "Quota attesa di falsi tra i segnali almeno altrettanto forti."
en = "Expected share of false ones among signals as strong."

[columns.quarter_observed]
role = "count"
unit = "requests"
it = "Richieste osservate nei tre mesi che finiscono qui."
en = "Requests seen in the three months that end here."

[columns.quarter_expected]
role = "measure"
unit = "requests"
it = "Richieste attese nei tre mesi."
en = "Requests expected in the three months."

[columns.quarter_low]
role = "measure"
unit = "requests"
it = "Limite inferiore al 95 % per i tre mesi."
en = "Lower 95 % limit for the three months."

[columns.quarter_high]
role = "measure"
unit = "requests"
it = "Limite superiore al 95 % per i tre mesi."
en = "Upper 95 % limit for the three months."
*/
with usable_panel as (
    select
        district_code,
        need_code,
        month,
        n_requests,
        n_exposed
    from detected._usable_panel
    where is_usable and n_exposed > 0
),

needs as (
    select
        need_code,
        target_area
    from reference.needs
),

-- A district is of the province where most of its comuni lie.
district_provinces as (
    select
        districts.district_code,
        comuni.provincia_code,
        row_number() over (
            partition by districts.district_code
            order by count(*) desc, comuni.provincia_code asc
        ) as rank_in_district
    from reference.districts as districts
    inner join reference.comuni as comuni
        on districts.comune_code = comuni.comune_code
    where districts.valid_to is null
    group by districts.district_code, comuni.provincia_code
),

-- What a person asks for in a month on the whole: by it the exposures of different needs are made
-- comparable, so that a platform that comes with some of them is no rise of their area.
rates as (
    select
        need_code,
        sum(n_requests) / sum(n_exposed) as rate
    from usable_panel
    group by need_code
    having sum(n_requests) > 0
),

wide_panel as (
    select
        'area' as scope,
        usable_panel.district_code as place_code,
        needs.target_area as need_code,
        usable_panel.month,
        sum(usable_panel.n_requests) as n_requests,
        sum(usable_panel.n_exposed * rates.rate) as n_exposed
    from usable_panel
    inner join rates
        on usable_panel.need_code = rates.need_code
    inner join needs
        on usable_panel.need_code = needs.need_code
    where needs.target_area is not null
    group by usable_panel.district_code, needs.target_area, usable_panel.month
    union all
    select
        'province' as scope,
        district_provinces.provincia_code as place_code,
        usable_panel.need_code,
        usable_panel.month,
        sum(usable_panel.n_requests) as n_requests,
        sum(usable_panel.n_exposed) as n_exposed
    from usable_panel
    inner join district_provinces
        on usable_panel.district_code = district_provinces.district_code
    where district_provinces.rank_in_district = 1
    group by district_provinces.provincia_code, usable_panel.need_code, usable_panel.month
),

judged as (
    select
        scope,
        place_code,
        need_code,
        month,
        rise(need_code, place_code, month, n_requests, n_exposed, true, 24) over (
            partition by scope order by need_code, place_code, month
        ) as found
    from wide_panel
),

judgments as (
    select
        scope,
        place_code,
        need_code,
        month,
        found['n_window_months'] as n_window_months,
        found['observed'] as observed,
        found['expected'] as expected,
        found['low'] as expected_low,
        found['high'] as expected_high,
        found['ratio'] as ratio,
        found['p'] as p_value,
        found['quarter_observed'] as quarter_observed,
        found['quarter_expected'] as quarter_expected,
        found['quarter_low'] as quarter_low,
        found['quarter_high'] as quarter_high
    from judged
    where found['p'] is not null
)

select
    scope,
    place_code,
    need_code,
    month,
    n_window_months,
    observed,
    expected,
    expected_low,
    expected_high,
    ratio,
    p_value,
    quarter_observed,
    quarter_expected,
    quarter_low,
    quarter_high,
    fdr_bh(p_value) over (
        partition by month order by scope, need_code, place_code
    ) as q_value
from judgments
