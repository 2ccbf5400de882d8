/* model
description.it = "Movimenti di Mi fido di noi: chi cerca e chi offre, nell'ultima versione."
description.en = "Movements of Mi fido di noi: who asks and who offers, in their latest version."
into = "exchanges"
*/
with movements as (
    select
        id_movimento,
        data,
        data_registrazione,
        id_socio_cedente,
        id_socio_ricevente,
        tipo_annuncio,
        categoria,
        etichette,
        minuti,
        comune,
        comune_cedente,
        data_abbinamento,
        data_conclusione,
        stato,
        classe_eta,
        nucleo,
        rete,
        noto_ai_servizi,
        canale,
        modalita,
        voto,
        assistito,
        _revision
    from source.mi_fido_di_noi__movimenti
),

categories as (
    select
        listed.category,
        listed.need_code,
        listed.life_domain,
        listed.target_area,
        listed.welco_area,
        listed.purpose
    from (
        values
        ('Spesa e commissioni', 'A2.22', 'caring', 'anziani', 'digital_platform', 'help'),
        ('Passaggi', 'A2.14', 'caring', 'multiutenza', 'mobility', 'help'),
        ('Piccole riparazioni', 'A2.20', 'housing', 'multiutenza', 'digital_platform', 'help'),
        ('Aiuto compiti', 'A2.11', 'educating', 'famiglia_minori', 'digital_platform', 'help'),
        ('Compagnia', 'A2.29', 'caring', 'anziani', 'digital_platform', 'sociality'),
        ('Baby-sitting', 'A2.10', 'caring', 'famiglia_minori', 'digital_platform', 'help'),
        ('Curriculum e lavoro', 'A2.09', 'working', 'poverta', 'digital_platform', 'help'),
        ('Italiano e mediazione', 'A2.19', 'educating', 'immigrati', 'digital_platform', 'help')
    ) as listed (category, need_code, life_domain, target_area, welco_area, purpose)
)

select
    movements.id_movimento as exchange_id,
    movements._revision as revision,
    movements.data_registrazione as recorded_at,
    movements.comune as comune_code,
    categories.need_code,
    movements.categoria as need_label,
    movements.etichette as tags,
    categories.life_domain,
    categories.target_area,
    movements.classe_eta as age_class,
    movements.nucleo as household,
    movements.modalita as mode,
    movements.canale as access_channel,
    movements.assistito as assisted_access,
    movements.noto_ai_servizi as known_to_services,
    movements.rete as support_network,
    movements.data as requested_on,
    movements.data_abbinamento as matched_on,
    movements.data_conclusione as ended_on,
    movements.stato as state,
    'active' as collaboration,
    'peer' as performer,
    'transaction' as interactivity,
    'free' as revenue_model,
    case
        when movements.tipo_annuncio = 'offers' then 'offer'
        when movements.data_abbinamento is null then 'need'
        else 'exchange'
    end as kind,
    -- The person is who filed the notice: the receiver when asking, the giver when offering.
    case
        when movements.tipo_annuncio = 'offers' then movements.id_socio_cedente
        else movements.id_socio_ricevente
    end as person_key,
    case
        when movements.tipo_annuncio = 'offers' then movements.id_socio_ricevente
        else movements.id_socio_cedente
    end as counterpart_key,
    case
        when movements.tipo_annuncio = 'asks' then movements.comune_cedente
    end as counterpart_comune_code,
    coalesce(categories.welco_area, 'digital_platform') as welco_area,
    coalesce(categories.purpose, 'help') as purpose,
    case when movements.assistito then 'community_manager' else 'platform' end as mediation,
    cast(movements.minuti as double) / 60 as hours_planned,
    case
        when movements.stato = 'completed' then cast(movements.minuti as double) / 60
    end as hours_delivered,
    -- From the platform's scale 1 to 5.
    (movements.voto - 1) / 4 as feedback_score
from movements
left join categories
    on movements.categoria = categories.category
