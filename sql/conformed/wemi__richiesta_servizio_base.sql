/* model
description.it = "Richieste WeMi con l'ultimo stato, chi risponde e il voto."
description.en = "WeMi requests with their latest state, who answers and the rating."
into = "exchanges"
*/
with requests as (
    select
        id_richiesta_servizio_base,
        id_cittadino,
        id_operatore,
        id_spazio,
        cd_tipologia,
        cd_origine_richiesta,
        ts_creazione,
        ts_registrazione,
        categoria,
        municipio,
        fascia_eta,
        nucleo,
        rete,
        noto_ai_servizi,
        fonte_segnalazione,
        compito,
        canale,
        scopo,
        etichette,
        _revision
    from source.wemi__richiesta_servizio_base
),

provider_requests as (
    select
        id_richiesta_servizio_base,
        id_ente,
        im_costo_totale_calcolato,
        im_costo_totale_ente,
        im_quota_pubblica,
        nr_ore_previste,
        nr_ore_erogate,
        cd_ricavo
    from source.wemi__richiesta_servizio_ente
),

changes as (
    select
        id_richiesta_servizio_base,
        ts_variazione_stato,
        cd_stato_ric_serv_ente,
        cd_motivo
    from source.wemi__richiesta_servizio_ente_stt
),

associations as (
    select
        id_richiesta,
        id_lavoratore,
        cd_stato_associazione,
        ts_associazione,
        nr_ore_previste,
        nr_ore_erogate,
        im_paga_oraria
    from source.wemi__r_match_ric_lav
),

reviews as (
    select
        id_richiesta_servizio_base,
        nr_voto
    from source.wemi__recensione_ente
),

categories as (
    select
        listed.category,
        listed.need_code,
        listed.life_domain,
        listed.target_area,
        listed.welco_area
    from (
        values
        ('BADANTE', 'A2.07', 'caring', 'anziani', 'shared_caregiver'),
        ('BABYSITTER', 'A2.10', 'caring', 'famiglia_minori', 'shared_caregiver'),
        ('PASTI', 'A2.13', 'caring', 'anziani', 'digital_platform'),
        ('DOPOSCUOLA', 'A2.11', 'educating', 'famiglia_minori', 'digital_platform'),
        ('TRASPORTO', 'A2.14', 'caring', 'disabilita', 'mobility'),
        ('TELESOCCORSO', 'A2.21', 'caring', 'anziani', 'digital_platform'),
        ('GENITORI', 'A2.28', 'educating', 'famiglia_minori', 'digital_platform'),
        ('SOCIALITA', 'A2.29', 'caring', 'multiutenza', 'territorial_hub'),
        ('CASA', 'A2.16', 'housing', 'poverta', 'co_housing'),
        ('LAVORO', 'A2.09', 'working', 'poverta', 'digital_platform')
    ) as listed (category, need_code, life_domain, target_area, welco_area)
),

-- The progress breaks ties between changes written at the same instant: further on, later.
staged_changes as (
    select
        id_richiesta_servizio_base,
        ts_variazione_stato,
        cd_motivo,
        case
            when cd_stato_ric_serv_ente in ('sent', 'in_conversation', 'domestic_sent')
                then 'requested'
            when cd_stato_ric_serv_ente in ('accepted', 'domestic_in_work') then 'matched'
            when cd_stato_ric_serv_ente = 'confirmed' then 'active'
            when cd_stato_ric_serv_ente in ('paid', 'domestic_closed_good') then 'completed'
            when cd_stato_ric_serv_ente in ('cancelled', 'domestic_cancelled') then 'cancelled'
            when cd_stato_ric_serv_ente = 'expired' then 'expired'
            when cd_motivo = 'cost' then 'given_up_for_cost'
            else 'refused'
        end as state,
        case
            when cd_stato_ric_serv_ente in ('sent', 'domestic_sent') then 0
            when cd_stato_ric_serv_ente = 'in_conversation' then 1
            when cd_stato_ric_serv_ente in ('accepted', 'domestic_in_work') then 2
            when cd_stato_ric_serv_ente = 'confirmed' then 3
            else 4
        end as progress,
        case
            when cd_stato_ric_serv_ente in ('accepted', 'domestic_in_work')
                then ts_variazione_stato
        end as matched_at,
        case
            when cd_stato_ric_serv_ente in ('confirmed', 'domestic_in_work')
                then ts_variazione_stato
        end as started_at,
        case
            when cd_stato_ric_serv_ente in ('cancelled', 'closed', 'expired', 'paid')
                then ts_variazione_stato
            when cd_stato_ric_serv_ente in ('domestic_closed_good', 'domestic_closed_bad')
                then ts_variazione_stato
            when cd_stato_ric_serv_ente = 'domestic_cancelled' then ts_variazione_stato
        end as ended_at
    from changes
),

ranked_changes as (
    select
        id_richiesta_servizio_base,
        state,
        row_number() over (
            partition by id_richiesta_servizio_base
            order by ts_variazione_stato desc, progress desc, state asc
        ) as place_from_last
    from staged_changes
),

latest_states as (
    select
        id_richiesta_servizio_base,
        state
    from ranked_changes
    where place_from_last = 1
),

milestones as (
    select
        id_richiesta_servizio_base,
        cast(min(matched_at) at time zone 'Europe/Rome' as date) as matched_on,
        cast(min(started_at) at time zone 'Europe/Rome' as date) as started_on,
        cast(max(ended_at) at time zone 'Europe/Rome' as date) as ended_on
    from staged_changes
    group by id_richiesta_servizio_base
),

ranked_associations as (
    select
        id_richiesta,
        id_lavoratore,
        nr_ore_previste,
        nr_ore_erogate,
        im_paga_oraria,
        row_number() over (
            partition by id_richiesta
            order by ts_associazione desc, id_lavoratore asc
        ) as place_from_last
    from associations
    -- A worker who was only proposed does not stand behind the exchange.
    where cd_stato_associazione <> 'proposed'
),

workers as (
    select
        id_richiesta,
        id_lavoratore,
        nr_ore_previste,
        nr_ore_erogate,
        im_paga_oraria
    from ranked_associations
    where place_from_last = 1
),

-- From the platform's scale 1 to 5; whole votes add up to the same in any order of the rows.
ratings as (
    select
        id_richiesta_servizio_base,
        (avg(cast(nr_voto as double)) - 1) / 4 as feedback_score
    from reviews
    group by id_richiesta_servizio_base
)

select
    requests.id_richiesta_servizio_base as exchange_id,
    requests._revision as revision,
    requests.ts_registrazione as recorded_at,
    requests.id_cittadino as person_key,
    workers.id_lavoratore as counterpart_key,
    provider_requests.id_ente as provider_id,
    requests.id_spazio as place_id,
    requests.municipio as sub_area,
    categories.need_code,
    requests.categoria as need_label,
    requests.etichette as tags,
    categories.life_domain,
    categories.target_area,
    requests.fascia_eta as age_class,
    requests.nucleo as household,
    requests.cd_tipologia as mode,
    requests.compito as task_complexity,
    requests.canale as access_channel,
    requests.noto_ai_servizi as known_to_services,
    requests.fonte_segnalazione as referral_source,
    requests.rete as support_network,
    milestones.matched_on,
    milestones.started_on,
    milestones.ended_on,
    provider_requests.im_quota_pubblica as public_share_eur,
    ratings.feedback_score,
    '015146' as comune_code,
    -- A day is one of Italy, not of UTC: an evening request counts on the day it was filed.
    cast(requests.ts_creazione at time zone 'Europe/Rome' as date) as requested_on,
    'passive' as collaboration,
    'transaction' as interactivity,
    case when milestones.matched_on is null then 'need' else 'exchange' end as kind,
    coalesce(requests.scopo, 'help') as purpose,
    coalesce(categories.welco_area, 'digital_platform') as welco_area,
    case
        when requests.categoria in ('BADANTE', 'BABYSITTER') then 'family_assistant'
        else 'professional'
    end as performer,
    case
        when requests.id_operatore is not null or requests.cd_origine_richiesta = 2
            then 'operator'
        else 'platform'
    end as mediation,
    requests.id_operatore is not null as assisted_access,
    coalesce(latest_states.state, 'requested') as state,
    coalesce(provider_requests.nr_ore_previste, workers.nr_ore_previste) as hours_planned,
    coalesce(provider_requests.nr_ore_erogate, workers.nr_ore_erogate) as hours_delivered,
    coalesce(
        provider_requests.im_costo_totale_ente,
        provider_requests.im_costo_totale_calcolato,
        cast(workers.im_paga_oraria * workers.nr_ore_previste as decimal(12, 2))
    ) as price_eur,
    coalesce(
        provider_requests.cd_ricavo,
        case when workers.im_paga_oraria is not null then 'fee' end
    ) as revenue_model
from requests
left join provider_requests
    on requests.id_richiesta_servizio_base = provider_requests.id_richiesta_servizio_base
left join latest_states
    on requests.id_richiesta_servizio_base = latest_states.id_richiesta_servizio_base
left join milestones
    on requests.id_richiesta_servizio_base = milestones.id_richiesta_servizio_base
left join workers
    on requests.id_richiesta_servizio_base = workers.id_richiesta
left join ratings
    on requests.id_richiesta_servizio_base = ratings.id_richiesta_servizio_base
left join categories
    on requests.categoria = categories.category
