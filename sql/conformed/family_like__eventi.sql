/* model
description.it = "Eventi e servizi di Family Like: offerte a un pubblico, senza persone."
description.en = "Events and services of Family Like: offered to an audience, with no persons."
into = "exchanges"
*/
with events as (
    select
        id,
        registrato_il,
        categoria,
        ente_id,
        comune,
        inizio,
        fine,
        annullato,
        etichette,
        _revision
    from source.family_like__eventi
),

categories as (
    select
        listed.category,
        listed.need_code,
        listed.life_domain,
        listed.target_area
    from (
        values
        ('genitori', 'A2.28', 'educating', 'famiglia_minori'),
        ('ricreativo', 'A2.29', 'caring', 'multiutenza'),
        ('infanzia', 'A2.10', 'caring', 'famiglia_minori'),
        ('mutuo_aiuto', 'A2.20', 'caring', 'multiutenza')
    ) as listed (category, need_code, life_domain, target_area)
),

-- The last word of the platform stands for today: a model reads no clock.
extracts as (
    select max(registrato_il) as taken_at
    from events
)

select
    events.id as exchange_id,
    events._revision as revision,
    events.registrato_il as recorded_at,
    events.ente_id as provider_id,
    events.comune as comune_code,
    categories.need_code,
    events.categoria as need_label,
    events.etichette as tags,
    categories.life_domain,
    categories.target_area,
    'event' as kind,
    'territorial_hub' as welco_area,
    'group' as mode,
    'sociality' as purpose,
    'passive' as collaboration,
    'information' as interactivity,
    -- A day is one of Italy, not of UTC: an evening request counts on the day it was filed.
    cast(events.registrato_il at time zone 'Europe/Rome' as date) as requested_on,
    cast(events.inizio at time zone 'Europe/Rome' as date) as started_on,
    cast(events.fine at time zone 'Europe/Rome' as date) as ended_on,
    case
        -- Written only where an event was called off.
        when coalesce(events.annullato, false) then 'cancelled'
        when events.inizio <= extracts.taken_at then 'completed'
        else 'requested'
    end as state
from events
cross join extracts
left join categories
    on events.categoria = categories.category
