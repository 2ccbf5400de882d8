/* model
description.it = "Annunci della bacheca digitale: chi cerca e chi offre."
description.en = "Notices of the digital board: who asks and who offers."
into = "exchanges"
*/
with notices as (
    select
        numero,
        data,
        tipo,
        categoria,
        comune,
        chi,
        eta,
        nucleo,
        etichette,
        esito,
        data_risposta,
        chi_risponde,
        ore,
        gradimento,
        segnalato_da,
        inserito_da,
        registrato_il,
        _revision
    from source.bacheca_digitale__annunci
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
        ('Baby-sitter', 'A2.10', 'caring', 'famiglia_minori', 'digital_platform', 'help'),
        ('Aiuto compiti', 'A2.11', 'educating', 'famiglia_minori', 'digital_platform', 'help'),
        ('Trasporto', 'A2.14', 'caring', 'disabilita', 'mobility', 'help'),
        ('Assistenza anziani', 'A2.07', 'caring', 'anziani', 'digital_platform', 'help'),
        ('Spesa a domicilio', 'A2.22', 'caring', 'anziani', 'digital_platform', 'help'),
        ('Compagnia', 'A2.29', 'caring', 'anziani', 'digital_platform', 'sociality'),
        ('Casa e coabitazione', 'A2.16', 'housing', 'poverta', 'co_housing', 'help'),
        ('Lavoro', 'A2.09', 'working', 'poverta', 'digital_platform', 'help')
    ) as listed (category, need_code, life_domain, target_area, welco_area, purpose)
)

select
    notices.numero as exchange_id,
    notices._revision as revision,
    cast(notices.registrato_il as timestamp) as recorded_at,
    notices.chi as person_key,
    notices.chi_risponde as counterpart_key,
    notices.comune as comune_code,
    categories.need_code,
    notices.categoria as need_label,
    notices.etichette as tags,
    categories.life_domain,
    categories.target_area,
    notices.eta as age_class,
    notices.nucleo as household,
    notices.inserito_da as access_channel,
    notices.segnalato_da as referral_source,
    notices.data as requested_on,
    notices.data_risposta as matched_on,
    notices.ore as hours_planned,
    'individual' as mode,
    'active' as collaboration,
    'peer' as performer,
    'community_manager' as mediation,
    'two_way' as interactivity,
    'free' as revenue_model,
    case
        when notices.tipo = 'offers' then 'offer'
        when notices.data_risposta is null then 'need'
        else 'exchange'
    end as kind,
    coalesce(categories.welco_area, 'digital_platform') as welco_area,
    coalesce(categories.purpose, 'help') as purpose,
    notices.inserito_da = '01.1' as assisted_access,
    coalesce(notices.esito, 'requested') as state,
    case when notices.esito = 'completed' then notices.ore end as hours_delivered,
    -- From the board's scale 1 to 5.
    (notices.gradimento - 1) / 4 as feedback_score
from notices
left join categories
    on notices.categoria = categories.category
