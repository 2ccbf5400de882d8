/* model
description.it = "Offerte di persone per ambito, bisogno e trimestre completo."
description.en = "Offers by persons by district, need and complete quarter."
grain = ["district_code", "need_code", "quarter"]
checks = [
    "unique(grain)",
    "n_offers >= 1",
    "n_persons between 1 and n_offers",
    "not_null(platforms)",
]

[columns.district_code]
role = "key"
it = "Ambito; OUTSIDE per i comuni fuori da ogni ambito."
en = "District; OUTSIDE for comuni in no district."

[columns.need_code]
role = "key"
it = "Bisogno SIUSS; NEW se il vocabolario non ha la parola."
en = "SIUSS need; NEW when the vocabulary has no word."

[columns.quarter]
role = "key"
it = "Trimestre, per esempio 2026-Q3."
en = "Quarter, for example 2026-Q3."

[columns.n_offers]
role = "count"
unit = "offers"
it = "Offerte di persone."
en = "Offers by persons."

[columns.n_persons]
role = "count"
unit = "persons"
it = "Persone dietro questo conteggio, il massimo tra le piattaforme."
en = "Persons behind this very count, the most of any platform."

[columns.platforms]
role = "code"
it = "Piattaforme in ordine alfabetico, separate da virgole."
en = "Platforms in alphabetical order, separated by commas."
*/
with offers as (
    select
        district_code,
        need_code,
        quarter,
        platform,
        person_key
    from derived._exchanges
    where counts_as = 'offer'
),

quarters as (
    select quarter
    from derived._complete_quarters
),

-- Rows without a person key count as one person: the fewest they can be.
persons as (
    select
        offers.district_code,
        offers.need_code,
        offers.quarter,
        offers.platform,
        offers.person_key,
        count(*) as n_offers
    from offers
    inner join quarters
        on offers.quarter = quarters.quarter
    group by
        offers.district_code,
        offers.need_code,
        offers.quarter,
        offers.platform,
        offers.person_key
),

platform_cells as (
    select
        district_code,
        need_code,
        quarter,
        platform,
        sum(n_offers) as n_offers,
        count(*) as n_persons
    from persons
    group by district_code, need_code, quarter, platform
)

select
    district_code,
    need_code,
    quarter,
    sum(n_offers) as n_offers,
    max(n_persons) as n_persons,
    string_agg(platform, ',' order by platform) as platforms
from platform_cells
group by district_code, need_code, quarter
