/* model
description.it = "Persone attive per piattaforma, ambito e mese: quanti potevano chiedere."
description.en = "Active members by platform, district and month: how many could ask."
grain = ["platform", "district_code", "month"]
checks = [
    "unique(grain)",
    "n_active_members >= 0",
    "n_comuni >= 0",
]

[columns.platform]
role = "key"
it = "Piattaforma che ha registrato la riga."
en = "Platform that recorded the row."

[columns.district_code]
role = "key"
it = "Ambito; OUTSIDE per i comuni fuori da ogni ambito."
en = "District; OUTSIDE for comuni in no district."

[columns.month]
role = "key"
it = "Mese, come suo primo giorno."
en = "Month, as its first day."

[columns.n_active_members]
role = "count"
unit = "persons"
it = "Persone o famiglie attive sulla piattaforma."
en = "Active persons or families on the platform."

[columns.n_comuni]
role = "count"
unit = "comuni"
it = "Comuni con almeno una persona attiva."
en = "Comuni with at least one active member."
*/
with activity as (
    select
        platform,
        comune_code,
        month,
        n_active_members
    from conformed.activity
),

districts as (
    select
        comune_code,
        district_code,
        valid_from,
        valid_to
    from reference.districts
),

comuni as (
    select
        platform,
        comune_code,
        month,
        sum(n_active_members) as n_active_members
    from activity
    group by platform, comune_code, month
),

located_comuni as (
    select
        comuni.platform,
        comuni.month,
        comuni.n_active_members,
        coalesce(districts.district_code, 'OUTSIDE') as district_code
    from comuni
    -- Where the comune was on the first of the month.
    left join districts
        on
            comuni.comune_code = districts.comune_code
            and comuni.month >= coalesce(districts.valid_from, date '1900-01-01')
            and comuni.month <= coalesce(districts.valid_to, date '9999-12-31')
)

select
    platform,
    district_code,
    month,
    sum(n_active_members) as n_active_members,
    sum(case when n_active_members > 0 then 1 else 0 end) as n_comuni
from located_comuni
group by platform, district_code, month
