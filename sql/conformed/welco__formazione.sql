/* model
description.it = "Formazione svolta dai progetti WELCO."
description.en = "Training held by the WELCO projects."
into = "trainings"
*/
with trainings as (
    select
        codice,
        data,
        ore,
        partecipanti,
        destinatari
    from source.welco__formazione
)

select
    codice as project_id,
    data as held_on,
    destinatari as party,
    ore as hours,
    partecipanti as n_participants,
    -- The sheets do not say what the training was about.
    'not_stated' as topic
from trainings
