/* model
description = { it = "Gli scambi come li leggono gli altri modelli: vicini quelli dello stesso comune.", en = "The exchanges as the other models read them: those of a comune together." }
order = ["comune", "category", "requested_on", "giver", "receiver", "state", "wait_days", "amount"]
columns.requested_on = { role = "quasi_identifier", it = "Giorno.", en = "Day." }
columns.giver = { role = "identifier", it = "Chi dà.", en = "Who gives." }
columns.receiver = { role = "identifier", it = "Chi riceve.", en = "Who receives." }
columns.category = { role = "code", it = "Categoria.", en = "Category." }
columns.amount = { role = "measure", it = "Fidi.", en = "Fidi." }
columns.comune = { role = "code", it = "Comune.", en = "Comune." }
columns.wait_days = { role = "count", it = "Attesa in giorni.", en = "Wait in days." }
columns.state = { role = "code", it = "Stato.", en = "State." }
*/
-- The engine holds the left side of a join in memory, and cannot tell how much a join before it gives: persons stand left.
with given as (
    select
        exchanges.data,
        givers.person_no,
        exchanges.id_socio_ricevente,
        exchanges.categoria,
        exchanges.fidi,
        exchanges.comune,
        exchanges.attesa,
        exchanges.stato
    from derived._persons as givers
    inner join source.bench__movimenti as exchanges
        on givers.person_key = exchanges.id_socio_cedente
)

select
    given.data as requested_on,
    given.person_no as giver,
    receivers.person_no as receiver,
    given.categoria as category,
    given.fidi as amount,
    given.comune,
    given.attesa as wait_days,
    given.stato as state
from derived._persons as receivers
inner join given
    on receivers.person_key = given.id_socio_ricevente
