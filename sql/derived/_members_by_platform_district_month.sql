/* model
description.it = "Persone attive per piattaforma, ambito e mese, con quelle dei comuni che tardano."
description.en = "Active members by platform, district and month; late comuni as last heard."
grain = ["platform", "district_code", "month"]
checks = [
    "unique(grain)",
    "n_active_members >= 0",
    "n_carried between 0 and n_active_members",
]
warnings = ["n_carried = 0"]
owner = "antenne"

[columns.platform]
role = "key"
it = "Piattaforma."
en = "Platform."

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
it = "Persone attive nel mese."
en = "Members active in the month."

[columns.n_carried]
role = "count"
unit = "persons"
it = "Tra queste, quelle di comuni senza un dato: il loro ultimo, vecchio al più di tre mesi."
en = "Of these, those of comuni without a figure: their last one, three months old at most."
*/
with activity as (
    select
        platform,
        comune_code,
        month,
        n_active_members
    from conformed.activity
),

coverage as (
    select
        platform,
        month
    from derived.coverage_by_platform_district_month
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

months as (
    select
        platform,
        month
    from coverage
    group by platform, month
),

-- A comune that says nothing has not lost its members: they count as it last said, for a while.
known as (
    select
        months.platform,
        months.month,
        comuni.comune_code,
        comuni.n_active_members,
        case when comuni.month = months.month then 0 else 1 end as is_carried,
        row_number() over (
            partition by months.platform, months.month, comuni.comune_code
            order by comuni.month desc
        ) as age
    from months
    inner join comuni
        on
            months.platform = comuni.platform
            and months.month >= comuni.month
            and months.month <= comuni.month + interval '3 months'
),

located as (
    select
        known.platform,
        known.month,
        known.n_active_members,
        known.is_carried,
        coalesce(districts.district_code, 'OUTSIDE') as district_code
    from known
    -- Where the comune was on the first of the month.
    left join districts
        on
            known.comune_code = districts.comune_code
            and known.month >= coalesce(districts.valid_from, date '1900-01-01')
            and known.month <= coalesce(districts.valid_to, date '9999-12-31')
    where known.age = 1
)

select
    platform,
    district_code,
    month,
    sum(n_active_members) as n_active_members,
    sum(is_carried * n_active_members) as n_carried
from located
group by platform, district_code, month
