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
select
    exchanges.data as requested_on,
    givers.person_no as giver,
    receivers.person_no as receiver,
    exchanges.categoria as category,
    exchanges.fidi as amount,
    exchanges.comune,
    exchanges.attesa as wait_days,
    exchanges.stato as state
from source.bench__movimenti as exchanges
inner join derived._persons as givers
    on exchanges.id_socio_cedente = givers.person_key
inner join derived._persons as receivers
    on exchanges.id_socio_ricevente = receivers.person_key
