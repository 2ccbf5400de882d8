/* model
description.it = "Interventi di La cura è di casa, nell'ultima versione non eliminata."
description.en = "Interventions of La cura è di casa, in their latest version that is not deleted."
into = "exchanges"
*/
with interventions as (
    select
        id,
        aggiornato_il,
        id_assistito,
        id_operatore,
        cod_tipint,
        dt_richiesta,
        dt_abbinamento,
        dt_ape_pai,
        dt_chius_pai,
        motiv_chius,
        stato_int,
        num_nuc,
        ore_previste,
        ore_erogate,
        tipo_operatore,
        cod_comune,
        classe_eta,
        fonte_segnalazione,
        rete,
        noto_ai_servizi,
        compito,
        canale,
        segnalato_da_operatore,
        gradimento,
        sede_id,
        etichette,
        _revision
    from source.la_cura_e_di_casa__interventi
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
        ('SAD', 'A2.07', 'caring', 'anziani', 'family_mutual_help'),
        ('INF', 'A2.08', 'caring', 'anziani', 'family_mutual_help'),
        ('TRA', 'A2.14', 'caring', 'disabilita', 'mobility'),
        ('PAS', 'A2.13', 'caring', 'anziani', 'family_mutual_help'),
        ('TEL', 'A2.21', 'caring', 'anziani', 'family_mutual_help'),
        ('CAF', 'A2.17', 'caring', 'disabilita', 'territorial_hub'),
        ('SOL', 'A2.20', 'caring', 'anziani', 'shared_caregiver')
    ) as listed (category, need_code, life_domain, target_area, welco_area)
)

select
    interventions.id as exchange_id,
    interventions._revision as revision,
    interventions.aggiornato_il as recorded_at,
    interventions.id_assistito as person_key,
    interventions.id_operatore as counterpart_key,
    interventions.sede_id as place_id,
    interventions.cod_comune as comune_code,
    categories.need_code,
    interventions.cod_tipint as need_label,
    interventions.etichette as tags,
    categories.life_domain,
    categories.target_area,
    interventions.classe_eta as age_class,
    interventions.num_nuc as household,
    interventions.compito as task_complexity,
    interventions.tipo_operatore as performer,
    interventions.canale as access_channel,
    interventions.noto_ai_servizi as known_to_services,
    interventions.fonte_segnalazione as referral_source,
    interventions.rete as support_network,
    interventions.dt_richiesta as requested_on,
    interventions.dt_abbinamento as matched_on,
    interventions.dt_ape_pai as started_on,
    interventions.dt_chius_pai as ended_on,
    interventions.ore_previste as hours_planned,
    interventions.ore_erogate as hours_delivered,
    'passive' as collaboration,
    'operator' as mediation,
    'two_way' as interactivity,
    'grant' as revenue_model,
    -- The service is free for the person.
    cast(0 as decimal(12, 2)) as price_eur,
    case when interventions.dt_abbinamento is null then 'need' else 'exchange' end as kind,
    coalesce(categories.welco_area, 'family_mutual_help') as welco_area,
    -- The Alzheimer cafés are the one meeting among the interventions.
    case when interventions.cod_tipint = 'CAF' then 'group' else 'individual' end as mode,
    case when interventions.cod_tipint = 'CAF' then 'sociality' else 'help' end as purpose,
    case
        when interventions.stato_int = 'refused' and interventions.motiv_chius = 'COSTO'
            then 'given_up_for_cost'
        else interventions.stato_int
    end as state,
    -- Written only where an operator filed the request.
    coalesce(interventions.segnalato_da_operatore, false) as assisted_access,
    -- From the platform's scale 1 to 10.
    cast(interventions.gradimento - 1 as double) / 9 as feedback_score
from interventions
left join categories
    on interventions.cod_tipint = categories.category
