/* model
description = { it = "Attese per comune e trimestre.", en = "Waits by comune and quarter." }
grain = ["comune", "quarter"]
columns.comune = { role = "key", it = "Comune.", en = "Comune." }
columns.quarter = { role = "key", it = "Trimestre.", en = "Quarter." }
columns.p50 = { role = "measure", it = "Mediana dei giorni.", en = "Median of the days." }
columns.p90 = { role = "measure", it = "Nono decile dei giorni.", en = "Ninth decile of the days." }
*/
select
    comune,
    date_trunc('quarter', requested_on) as quarter,
    percentile_cont(wait_days, 0.5) as p50,
    percentile_cont(wait_days, 0.9) as p90
from derived._exchanges
where state in ('abbinata', 'conclusa')
group by comune, date_trunc('quarter', requested_on)
