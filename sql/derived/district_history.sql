/* model
description.it = "A quale ambito è appartenuto ogni comune, periodo per periodo."
description.en = "Which district each comune has belonged to, spell by spell."
grain = ["comune_code", "spell"]
checks = [
    "unique(grain)",
    "spell >= 1",
    "valid_from <= valid_to",
    "(spell = 1) = (previous_district_code is null)",
    "days_in_no_district >= 0",
    "is_today in ('yes', 'no')",
    "(is_today = 'yes') = (valid_to is null)",
]
tags = ["districts"]
owner = "antenne"

[columns.comune_code]
role = "key"
it = "Codice Istat del comune, sei cifre."
en = "Istat code of the comune, six digits."

[columns.spell]
role = "key"
it = "Numero del periodo, da 1."
en = "Number of the spell, from 1."

[columns.comune_name]
role = "code"
it = "Nome del comune."
en = "Name of the comune."

[columns.district_code]
role = "code"
it = "Ambito nel periodo."
en = "District in the spell."

[columns.district_name]
role = "code"
it = "Nome dell'ambito."
en = "Name of the district."

[columns.kind]
role = "code"
it = "real, partial (solo alcuni comuni) o demonstration."
en = "real, partial (some comuni only) or demonstration."

[columns.valid_from]
role = "code"
it = "Primo giorno; assente se da sempre."
en = "First day; absent if since ever."

[columns.valid_to]
role = "code"
it = "Ultimo giorno; assente se vale oggi."
en = "Last day; absent if it holds today."

[columns.previous_district_code]
role = "code"
it = "Ambito del periodo prima."
en = "District of the spell before."

[columns.days_in_no_district]
role = "count"
unit = "days"
it = "Giorni fuori da ogni ambito tra i due periodi."
en = "Days in no district between the two spells."

[columns.is_today]
role = "code"
it = "yes: l'ambito del comune oggi."
en = "yes: the district of the comune today."
*/
with districts as (
    select
        comune_code,
        district_code,
        district_name,
        kind,
        valid_from,
        valid_to
    from reference.districts
),

comuni as (
    select
        comune_code,
        name as comune_name
    from reference.comuni
),

spells as (
    select
        comune_code,
        district_code,
        district_name,
        kind,
        valid_from,
        valid_to,
        row_number() over (
            partition by comune_code
            order by coalesce(valid_from, date '1900-01-01'), district_code
        ) as spell,
        lag(district_code) over (
            partition by comune_code
            order by coalesce(valid_from, date '1900-01-01'), district_code
        ) as previous_district_code,
        lag(valid_to) over (
            partition by comune_code
            order by coalesce(valid_from, date '1900-01-01'), district_code
        ) as previous_valid_to
    from districts
)

select
    spells.comune_code,
    spells.spell,
    comuni.comune_name,
    spells.district_code,
    spells.district_name,
    spells.kind,
    spells.valid_from,
    spells.valid_to,
    spells.previous_district_code,
    cast(
        (
            date_part('epoch', spells.valid_from) - date_part('epoch', spells.previous_valid_to)
        ) / 86400 - 1
        as bigint
    ) as days_in_no_district,
    case when spells.valid_to is null then 'yes' else 'no' end as is_today
from spells
left join comuni
    on spells.comune_code = comuni.comune_code
