/* model
description = { it = "Ogni persona con un numero.", en = "Every person with a number." }
grain = ["person_key"]
columns.person_key = { role = "identifier", it = "Pseudonimo.", en = "Pseudonym." }
columns.person_no = { role = "identifier", it = "Numero.", en = "Number." }
*/
with persons as (
    select id_socio_cedente as person_key
    from source.bench__movimenti
    union
    select id_socio_ricevente
    from source.bench__movimenti
)

select
    person_key,
    row_number() over (
        order by person_key
        rows between unbounded preceding and current row
    ) as person_no
from persons
