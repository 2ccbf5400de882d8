/* model
description.it = "Ogni scambio con ambito, mese, conteggio ed esito, per gli altri modelli."
description.en = "Every exchange with district, month, standing and outcome, for the other models."
grain = ["exchange_id"]
checks = [
    "unique(grain)",
    "not_null(district_code)",
    "not_null(need_code)",
    "not_null(month)",
    "counts_as in ('request', 'repeated', 'offer', 'event')",
    "(counts_as = 'request') = (outcome is not null)",
    "(counts_as = 'request') = (wait_days is not null)",
    "wait_days >= 0",
]

[columns.exchange_id]
role = "key"
it = "Chiave dello scambio."
en = "Key of the exchange."

[columns.platform]
role = "key"
it = "Piattaforma che ha registrato la riga."
en = "Platform that recorded the row."

[columns.counts_as]
role = "code"
it = "Conta come: request, repeated (ritirata e ripetuta), offer, event."
en = "Counts as: request, repeated (withdrawn, filed again), offer, event."

[columns.comune_code]
role = "code"
it = "Codice Istat del comune, sei cifre."
en = "Istat code of the comune, six digits."

[columns.district_code]
role = "key"
it = "Ambito; OUTSIDE per i comuni fuori da ogni ambito."
en = "District; OUTSIDE for comuni in no district."

[columns.need_code]
role = "key"
it = "Bisogno SIUSS; NEW se il vocabolario non ha la parola."
en = "SIUSS need; NEW when the vocabulary has no word."

[columns.need_label]
role = "code"
it = "Categoria come scritta dalla piattaforma."
en = "Category as the platform wrote it."

[columns.tags]
role = "code"
it = "Etichette separate da una barra verticale."
en = "Tags separated by a vertical bar."

[columns.person_key]
role = "identifier"
it = "Pseudonimo di chi chiede o offre."
en = "Pseudonym of who asks or offers."

[columns.provider_id]
role = "identifier"
it = "Ente che eroga."
en = "Body that provides."

[columns.requested_on]
role = "quasi_identifier"
it = "Giorno della richiesta o offerta."
en = "Day of the request or offer."

[columns.state]
role = "code"
it = "Stato come ultimo noto."
en = "State as last known."

[columns.outcome]
role = "code"
it = "Esito: matched, unmet, withdrawn, pending; solo richieste."
en = "Outcome: matched, unmet, withdrawn, pending; requests only."

[columns.hours_delivered]
role = "measure"
unit = "hours"
it = "Ore erogate."
en = "Hours delivered."

[columns.month]
role = "key"
it = "Mese, come suo primo giorno."
en = "Month, as its first day."

[columns.quarter]
role = "key"
it = "Trimestre, per esempio 2026-Q3."
en = "Quarter, for example 2026-Q3."

[columns.wait_days]
role = "measure"
unit = "days"
it = "Giorni fino alla risposta, o fino a dove se ne sa."
en = "Days until the answer, or as far as is known."

[columns.counterpart_key]
role = "identifier"
it = "Pseudonimo dell'altra persona."
en = "Pseudonym of the other person."

[columns.counterpart_comune_code]
role = "code"
it = "Comune dell'altra persona."
en = "Comune of the other person."

[columns.place_id]
role = "identifier"
it = "Luogo dove avviene."
en = "Place where it happens."

[columns.life_domain]
role = "code"
it = "Ambito di vita: abitare, curare, lavorare, educare."
en = "Life domain: housing, caring, working, educating."

[columns.target_area]
role = "code"
it = "Area di utenza Istat."
en = "Target area of Istat."

[columns.welco_area]
role = "code"
it = "Area WELCO."
en = "WELCO area."

[columns.age_class]
role = "quasi_identifier"
it = "Classe di età di chi chiede o offre."
en = "Age class of who asks or offers."

[columns.mode]
role = "code"
it = "individual, shared, group."
en = "individual, shared, group."

[columns.purpose]
role = "code"
it = "help o sociality."
en = "help or sociality."

[columns.collaboration]
role = "code"
it = "passive o active."
en = "passive or active."

[columns.task_complexity]
role = "code"
it = "simple o complex."
en = "simple or complex."

[columns.performer]
role = "code"
it = "Chi svolge il compito."
en = "Who carries the task out."

[columns.mediation]
role = "code"
it = "Chi fa da tramite, o none."
en = "Who mediates, or none."

[columns.access_channel]
role = "code"
it = "Canale di accesso."
en = "Channel of access."

[columns.delivery_channel]
role = "code"
it = "Canale di erogazione."
en = "Channel of delivery."

[columns.assisted_access]
role = "code"
it = "Se un operatore ha compilato la richiesta per la persona."
en = "Whether an operator filed the request for the person."

[columns.interactivity]
role = "code"
it = "Livello di interattività AgID."
en = "Level of interactivity after AgID."

[columns.known_to_services]
role = "code"
it = "Se la persona è nota ai servizi: yes, no, unknown."
en = "Whether services know the person: yes, no, unknown."

[columns.referral_source]
role = "code"
it = "Fonte della segnalazione SIUSS."
en = "Source of the referral after SIUSS."

[columns.support_network]
role = "quasi_identifier"
it = "Rete di sostegno: present, partial, absent."
en = "Support network: present, partial, absent."

[columns.conditions_similarity]
role = "measure"
it = "Somiglianza delle condizioni, da -1 a 1."
en = "Similarity of conditions, from -1 to 1."

[columns.interests_convergence]
role = "measure"
it = "Convergenza degli interessi, da -1 a 1."
en = "Convergence of interests, from -1 to 1."

[columns.matched_on]
role = "quasi_identifier"
it = "Giorno dell'abbinamento."
en = "Day of the match."

[columns.ended_on]
role = "quasi_identifier"
it = "Giorno della conclusione."
en = "Day of the end."

[columns.price_eur]
role = "measure"
unit = "EUR"
it = "Prezzo."
en = "Price."

[columns.public_share_eur]
role = "measure"
unit = "EUR"
it = "Parte a carico pubblico."
en = "Part borne by the public."

[columns.revenue_model]
role = "code"
it = "free, subscription, fee, grant."
en = "free, subscription, fee, grant."

[columns.feedback_score]
role = "measure"
it = "Voto, da 0 a 1."
en = "Score, from 0 to 1."
*/
with exchanges as (
    select
        exchange_id,
        platform,
        recorded_at,
        kind,
        person_key,
        provider_id,
        comune_code,
        need_code,
        need_label,
        tags,
        requested_on,
        matched_on,
        ended_on,
        state,
        hours_delivered,
        counterpart_key,
        counterpart_comune_code,
        place_id,
        life_domain,
        target_area,
        welco_area,
        age_class,
        mode,
        purpose,
        collaboration,
        task_complexity,
        performer,
        mediation,
        access_channel,
        delivery_channel,
        assisted_access,
        interactivity,
        known_to_services,
        referral_source,
        support_network,
        conditions_similarity,
        interests_convergence,
        price_eur,
        public_share_eur,
        revenue_model,
        feedback_score
    from conformed.exchanges
),

districts as (
    select
        comune_code,
        district_code,
        valid_from,
        valid_to
    from reference.districts
),

-- How far each platform's word reaches: a model reads no clock.
last_records as (
    select
        platform,
        cast(max(recorded_at) as date) as last_recorded_on
    from exchanges
    group by platform
),

withdrawn_requests as (
    select
        exchange_id,
        platform,
        person_key,
        need_label,
        requested_on
    from exchanges
    where kind in ('need', 'exchange') and state = 'cancelled' and person_key is not null
),

-- Withdrawn and asked for again by the same person within 30 days: one request, not two.
repeated_requests as (
    select withdrawn_requests.exchange_id
    from withdrawn_requests
    inner join exchanges
        on
            withdrawn_requests.platform = exchanges.platform
            and withdrawn_requests.person_key = exchanges.person_key
            and withdrawn_requests.need_label = exchanges.need_label
            and withdrawn_requests.exchange_id <> exchanges.exchange_id
    where
        exchanges.kind in ('need', 'exchange')
        -- Of two withdrawn on the same day the one with the greater key stays.
        and (
            exchanges.requested_on > withdrawn_requests.requested_on
            or (
                exchanges.requested_on = withdrawn_requests.requested_on
                and (
                    exchanges.state <> 'cancelled'
                    or exchanges.exchange_id > withdrawn_requests.exchange_id
                )
            )
        )
        and exchanges.requested_on <= withdrawn_requests.requested_on + interval '30 days'
    group by withdrawn_requests.exchange_id
),

located_exchanges as (
    select
        exchanges.exchange_id,
        exchanges.platform,
        exchanges.comune_code,
        exchanges.need_label,
        exchanges.tags,
        exchanges.person_key,
        exchanges.provider_id,
        exchanges.requested_on,
        exchanges.matched_on,
        exchanges.ended_on,
        exchanges.state,
        exchanges.hours_delivered,
        exchanges.counterpart_key,
        exchanges.counterpart_comune_code,
        exchanges.place_id,
        exchanges.life_domain,
        exchanges.target_area,
        exchanges.welco_area,
        exchanges.age_class,
        exchanges.mode,
        exchanges.purpose,
        exchanges.collaboration,
        exchanges.task_complexity,
        exchanges.performer,
        exchanges.mediation,
        exchanges.access_channel,
        exchanges.delivery_channel,
        exchanges.assisted_access,
        exchanges.interactivity,
        exchanges.known_to_services,
        exchanges.referral_source,
        exchanges.support_network,
        exchanges.conditions_similarity,
        exchanges.interests_convergence,
        exchanges.price_eur,
        exchanges.public_share_eur,
        exchanges.revenue_model,
        exchanges.feedback_score,
        last_records.last_recorded_on,
        case
            when exchanges.kind not in ('need', 'exchange') then exchanges.kind
            when repeated_requests.exchange_id is not null then 'repeated'
            else 'request'
        end as counts_as,
        -- A comune in no district is kept and seen, not dropped.
        coalesce(districts.district_code, 'OUTSIDE') as district_code,
        coalesce(exchanges.need_code, 'NEW') as need_code
    from exchanges
    inner join last_records
        on exchanges.platform = last_records.platform
    left join repeated_requests
        on exchanges.exchange_id = repeated_requests.exchange_id
    -- Counted where the comune was on the day; `valid_to` is the last day that holds.
    left join districts
        on
            exchanges.comune_code = districts.comune_code
            and exchanges.requested_on >= coalesce(districts.valid_from, date '1900-01-01')
            and exchanges.requested_on <= coalesce(districts.valid_to, date '9999-12-31')
),

judged_exchanges as (
    select
        exchange_id,
        platform,
        counts_as,
        comune_code,
        district_code,
        need_code,
        need_label,
        tags,
        person_key,
        provider_id,
        requested_on,
        state,
        hours_delivered,
        counterpart_key,
        counterpart_comune_code,
        place_id,
        life_domain,
        target_area,
        welco_area,
        age_class,
        mode,
        purpose,
        collaboration,
        task_complexity,
        performer,
        mediation,
        access_channel,
        delivery_channel,
        assisted_access,
        interactivity,
        known_to_services,
        referral_source,
        support_network,
        conditions_similarity,
        interests_convergence,
        matched_on,
        ended_on,
        price_eur,
        public_share_eur,
        revenue_model,
        feedback_score,
        case
            when counts_as <> 'request' then null
            when state in ('expired', 'refused', 'given_up_for_cost') then 'unmet'
            when state in ('matched', 'active', 'completed') then 'matched'
            when matched_on is not null then 'matched'
            when state = 'cancelled' then 'withdrawn'
            -- Nobody came forward in 60 days: unmet, even if the platform still shows it open.
            when requested_on + interval '60 days' < last_recorded_on then 'unmet'
            else 'pending'
        end as outcome,
        -- A request that is over stopped waiting; one that is open waits as far as is known.
        case
            when counts_as <> 'request' then null
            when state not in ('expired', 'refused', 'given_up_for_cost')
                then coalesce(matched_on, ended_on, last_recorded_on)
            else coalesce(ended_on, last_recorded_on)
        end as waited_until
    from located_exchanges
)

select
    exchange_id,
    platform,
    counts_as,
    comune_code,
    district_code,
    need_code,
    need_label,
    tags,
    person_key,
    provider_id,
    requested_on,
    state,
    outcome,
    hours_delivered,
    counterpart_key,
    counterpart_comune_code,
    place_id,
    life_domain,
    target_area,
    welco_area,
    age_class,
    mode,
    purpose,
    collaboration,
    task_complexity,
    performer,
    mediation,
    access_channel,
    delivery_channel,
    assisted_access,
    interactivity,
    known_to_services,
    referral_source,
    support_network,
    conditions_similarity,
    interests_convergence,
    matched_on,
    ended_on,
    price_eur,
    public_share_eur,
    revenue_model,
    feedback_score,
    cast(date_trunc('month', requested_on) as date) as month,
    concat(
        cast(cast(date_part('year', requested_on) as integer) as varchar),
        '-Q',
        cast(cast(date_part('quarter', requested_on) as integer) as varchar)
    ) as quarter,
    case
        when waited_until is not null
            then greatest(
                cast(
                    (date_part('epoch', waited_until) - date_part('epoch', requested_on)) / 86400
                    as bigint
                ),
                0
            )
    end as wait_days
from judged_exchanges
