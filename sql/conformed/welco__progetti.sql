/* model
description.it = "Progetti WELCO con finanziatore, periodo e contributi."
description.en = "WELCO projects with funder, period and grants."
into = "projects"
*/
with projects as (
    select
        codice,
        titolo,
        area,
        finanziatore,
        programma,
        avvio,
        fine,
        contributo,
        cofinanziamento,
        codici_comune
    from source.welco__progetti
)

select
    codice as project_id,
    titolo as title,
    area as welco_area,
    finanziatore as funder,
    programma as programme,
    avvio as starts_on,
    fine as ends_on,
    contributo as grant_eur,
    cofinanziamento as cofinancing_eur,
    -- A project has one seat here: the first comune it lists.
    nullif(trim(split_part(codici_comune, ',', 1)), '') as comune_code
from projects
