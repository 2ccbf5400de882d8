/* model
description.it = "Chi prende parte a ogni scambio, per ricevere o per dare senza paga."
description.en = "Who takes part in each exchange, to receive or to give without pay."
grain = ["exchange_id", "took_part_as"]
checks = [
    "unique(grain)",
    "not_null(person_key, took_part_on)",
    "took_part_as in ('receiver', 'giver')",
]
owner = "antenne"

[columns.exchange_id]
role = "key"
it = "Chiave dello scambio."
en = "Key of the exchange."

[columns.platform]
role = "key"
it = "Piattaforma che ha registrato la riga."
en = "Platform that recorded the row."

[columns.person_key]
role = "identifier"
it = "Pseudonimo della persona, della sua piattaforma."
en = "Pseudonym of the person, of its platform."

[columns.district_code]
role = "key"
it = "Ambito; OUTSIDE per i comuni fuori da ogni ambito."
en = "District; OUTSIDE for comuni in no district."

[columns.need_code]
role = "key"
it = "Bisogno SIUSS; NEW se il vocabolario non ha la parola."
en = "SIUSS need; NEW when the vocabulary has no word."

[columns.quarter]
role = "key"
it = "Trimestre, per esempio 2026-Q3."
en = "Quarter, for example 2026-Q3."

[columns.took_part_as]
role = "key"
it = "receiver: riceve; giver: dà senza essere pagato, per quanto se ne sa."
en = "receiver: receives; giver: gives without pay, as far as is known."

[columns.took_part_on]
role = "quasi_identifier"
it = "Giorno della richiesta o offerta; per chi risponde, dell'abbinamento."
en = "Day of the request or offer; for who answers, of the match."

[columns.exchanged_on]
role = "quasi_identifier"
it = "Giorno dell'abbinamento; assente se non se n'è fatto nulla."
en = "Day of the match; absent when nothing came of it."
*/
with exchanges as (
    select
        exchange_id,
        platform,
        counts_as,
        person_key,
        counterpart_key,
        district_code,
        need_code,
        quarter,
        requested_on,
        coalesce(matched_on, requested_on) as met_on,
        -- Work that is paid is no gift, and who does it alone gives nothing to another.
        coalesce(
            performer in ('professional', 'family_assistant', 'self'), false
        ) as is_no_gift,
        case
            when state in ('cancelled', 'refused', 'expired', 'given_up_for_cost') then null
            when state in ('matched', 'active', 'completed')
                then coalesce(matched_on, requested_on)
            else matched_on
        end as exchanged_on
    from derived._exchanges
    where counts_as in ('request', 'repeated', 'offer')
),

-- Who files a request receives, who files an offer gives.
filed as (
    select
        exchange_id,
        platform,
        person_key,
        district_code,
        need_code,
        quarter,
        requested_on as took_part_on,
        exchanged_on,
        is_no_gift,
        case when counts_as = 'offer' then 'giver' else 'receiver' end as took_part_as
    from exchanges
    where person_key is not null
),

-- And who answers does the other of the two.
answered as (
    select
        exchange_id,
        platform,
        counterpart_key as person_key,
        district_code,
        need_code,
        quarter,
        met_on as took_part_on,
        exchanged_on,
        is_no_gift,
        case when counts_as = 'offer' then 'receiver' else 'giver' end as took_part_as
    from exchanges
    where counterpart_key is not null and (person_key is null or counterpart_key <> person_key)
),

participations as (
    select
        exchange_id,
        platform,
        person_key,
        district_code,
        need_code,
        quarter,
        took_part_on,
        exchanged_on,
        is_no_gift,
        took_part_as
    from filed
    union all
    select
        exchange_id,
        platform,
        person_key,
        district_code,
        need_code,
        quarter,
        took_part_on,
        exchanged_on,
        is_no_gift,
        took_part_as
    from answered
)

select
    exchange_id,
    platform,
    person_key,
    district_code,
    need_code,
    quarter,
    took_part_as,
    took_part_on,
    exchanged_on
from participations
where took_part_as = 'receiver' or not is_no_gift
