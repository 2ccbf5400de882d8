/* model
description.it = "Pagine viste su Family Like per comune, categoria e giorno."
description.en = "Pages seen on Family Like by comune, category and day."
into = "visits"
*/
with visits as (
    select
        giorno,
        comune,
        categoria,
        visualizzazioni
    from source.family_like__visite
),

categories as (
    select
        listed.category,
        listed.need_code
    from (
        values
        ('genitori', 'A2.28'),
        ('ricreativo', 'A2.29'),
        ('infanzia', 'A2.10'),
        ('mutuo_aiuto', 'A2.20')
    ) as listed (category, need_code)
)

select
    visits.comune as comune_code,
    categories.need_code,
    visits.giorno as visited_on,
    visits.visualizzazioni as n_visits
from visits
left join categories
    on visits.categoria = categories.category
