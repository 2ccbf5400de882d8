/* model
description.it = "Schede semestrali dei progetti WELCO, nell'ultima versione."
description.en = "Half-year sheets of the WELCO projects, in their latest version."
into = "project_reports"
*/
with sheets as (
    select
        codice,
        semestre,
        persone_raggiunte,
        persone_attivate,
        volontari,
        ore_volontari,
        nuovi_servizi,
        citato
    from source.welco__schede
)

select
    codice as project_id,
    persone_raggiunte as n_people_reached,
    persone_attivate as n_people_activated,
    volontari as n_volunteers,
    nuovi_servizi as n_new_services,
    ore_volontari as hours_total,
    -- `2024-1` is written as `2024-H1`, beside quarters written as `2024-Q1`.
    replace(semestre, '-', '-H') as half_year,
    citato = 'yes' as is_cited_in_plan
from sheets
