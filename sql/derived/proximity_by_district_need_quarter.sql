/* model
description.it = "Vicinanza di luogo e di ruolo negli abbinamenti, per ambito, bisogno e trimestre."
description.en = "Nearness of place and of role in matches, by district, need and quarter."
grain = ["district_code", "need_code", "quarter"]
checks = [
    "unique(grain)",
    "n_same_comune between 0 and n_comune_known",
    "n_persons_same_comune <= n_same_comune",
    "(n_same_comune = 0) = (n_persons_same_comune = 0)",
    "n_persons_not_same_comune <= n_comune_known - n_same_comune",
    "(n_comune_known = n_same_comune) = (n_persons_not_same_comune = 0)",
    "n_persons_within_10_km <= n_within_10_km",
    "(n_within_10_km = 0) = (n_persons_within_10_km = 0)",
    "n_persons_beyond_10_km <= n_distance_known - n_within_10_km",
    "(n_distance_known = n_within_10_km) = (n_persons_beyond_10_km = 0)",
    "(n_distance_known = 0) = (within_10_km_pct is null)",
    "within_10_km_pct between 0 and 100",
    "within_10_km_pct_low <= within_10_km_pct + 1e-9",
    "within_10_km_pct <= within_10_km_pct_high + 1e-9",
    "n_persons_within_20_km <= n_within_20_km",
    "(n_within_20_km = 0) = (n_persons_within_20_km = 0)",
    "n_persons_beyond_20_km <= n_distance_known - n_within_20_km",
    "(n_distance_known = n_within_20_km) = (n_persons_beyond_20_km = 0)",
    "(n_distance_known = 0) = (within_20_km_pct is null)",
    "within_20_km_pct between 0 and 100",
    "within_20_km_pct_low <= within_20_km_pct + 1e-9",
    "within_20_km_pct <= within_20_km_pct_high + 1e-9",
    "n_within_10_km <= n_within_20_km and n_within_20_km <= n_distance_known",
    "n_distance_known <= n_comune_known",
    "n_same_district between 0 and n_district_known",
    "n_persons_same_district <= n_same_district",
    "(n_same_district = 0) = (n_persons_same_district = 0)",
    "n_persons_not_same_district <= n_district_known - n_same_district",
    "(n_district_known = n_same_district) = (n_persons_not_same_district = 0)",
    "n_peer between 0 and n_performer_known",
    "n_persons_peer <= n_peer",
    "(n_peer = 0) = (n_persons_peer = 0)",
    "n_persons_not_peer <= n_performer_known - n_peer",
    "(n_performer_known = n_peer) = (n_persons_not_peer = 0)",
    "(n_comune_known = 0) = (same_comune_pct is null)",
    "same_comune_pct between 0 and 100",
    "same_comune_pct_low <= same_comune_pct + 1e-9",
    "same_comune_pct <= same_comune_pct_high + 1e-9",
    "(n_district_known = 0) = (same_district_pct is null)",
    "same_district_pct between 0 and 100",
    "same_district_pct_low <= same_district_pct + 1e-9",
    "same_district_pct <= same_district_pct_high + 1e-9",
    "(n_performer_known = 0) = (peer_pct is null)",
    "peer_pct between 0 and 100",
    "peer_pct_low <= peer_pct + 1e-9",
    "peer_pct <= peer_pct_high + 1e-9",
    "n_comune_known <= n_matches and n_performer_known <= n_matches",
    "n_district_known <= n_comune_known",
    "n_district_known = 0 or n_same_comune <= n_same_district",
]
tags = ["proximity"]
owner = "antenne"

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

[columns.n_matches]
role = "count"
unit = "matches"
it = "Richieste e offerte abbinate."
en = "Requests and offers that were matched."

[columns.n_comune_known]
role = "count"
unit = "matches"
it = "Abbinamenti di cui si sanno i comuni di entrambe le persone."
en = "Matches with the comuni of both persons known."

[columns.n_same_comune]
role = "count"
unit = "matches"
it = "Tra questi, nello stesso comune."
en = "Of these, within one comune."

[columns.n_persons_same_comune]
role = "count"
unit = "persons"
it = "Persone dietro gli abbinamenti nello stesso comune."
en = "Persons behind the matches within one comune."

[columns.n_persons_not_same_comune]
role = "count"
unit = "persons"
it = "Persone dietro quelli tra comuni diversi."
en = "Persons behind those between comuni."

[columns.n_distance_known]
role = "count"
unit = "matches"
it = "Abbinamenti di cui si sa quanto distano i comuni, in linea d'aria tra i loro centri."
en = "Matches with a known distance between the comuni, as the crow flies between their centers."

[columns.n_within_10_km]
role = "count"
unit = "matches"
it = "Tra questi, entro 10 km; nello stesso comune la distanza è 0."
en = "Of these, within 10 km; within one comune the distance is 0."

[columns.n_persons_within_10_km]
role = "count"
unit = "persons"
it = "Persone dietro gli abbinamenti entro 10 km."
en = "Persons behind the matches within 10 km."

[columns.n_persons_beyond_10_km]
role = "count"
unit = "persons"
it = "Persone dietro quelli oltre 10 km."
en = "Persons behind those beyond 10 km."

[columns.n_within_20_km]
role = "count"
unit = "matches"
it = "Tra questi, entro 20 km; nello stesso comune la distanza è 0."
en = "Of these, within 20 km; within one comune the distance is 0."

[columns.n_persons_within_20_km]
role = "count"
unit = "persons"
it = "Persone dietro gli abbinamenti entro 20 km."
en = "Persons behind the matches within 20 km."

[columns.n_persons_beyond_20_km]
role = "count"
unit = "persons"
it = "Persone dietro quelli oltre 20 km."
en = "Persons behind those beyond 20 km."

[columns.n_district_known]
role = "count"
unit = "matches"
it = "Abbinamenti di cui si sanno gli ambiti; mai in OUTSIDE."
en = "Matches with both districts known; never in OUTSIDE."

[columns.n_same_district]
role = "count"
unit = "matches"
it = "Tra questi, nello stesso ambito."
en = "Of these, within one district."

[columns.n_persons_same_district]
role = "count"
unit = "persons"
it = "Persone dietro gli abbinamenti nello stesso ambito."
en = "Persons behind the matches within one district."

[columns.n_persons_not_same_district]
role = "count"
unit = "persons"
it = "Persone dietro quelli tra ambiti diversi."
en = "Persons behind those between districts."

[columns.n_performer_known]
role = "count"
unit = "matches"
it = "Abbinamenti di cui si sa chi svolge il compito."
en = "Matches with the performer known."

[columns.n_peer]
role = "count"
unit = "matches"
it = "Tra questi, con un pari: un utente esperto, una famiglia consapevole."
en = "Of these, with a peer: an expert user, an aware family."

[columns.n_persons_peer]
role = "count"
unit = "persons"
it = "Persone dietro gli abbinamenti con un pari."
en = "Persons behind the matches with a peer."

[columns.n_persons_not_peer]
role = "count"
unit = "persons"
it = "Persone dietro gli altri."
en = "Persons behind the others."

[columns.platforms]
role = "code"
it = "Piattaforme in ordine alfabetico, separate da virgole."
en = "Platforms in alphabetical order, separated by commas."

[columns.same_comune_pct]
role = "measure"
unit = "%"
it = "Quota nello stesso comune."
en = "Share within one comune."
rate = ["n_same_comune", "n_comune_known"]
vis = "output"

[columns.same_comune_pct_low]
role = "measure"
unit = "%"
it = "Limite inferiore al 95 %."
en = "Lower 95 % limit."

[columns.same_comune_pct_high]
role = "measure"
unit = "%"
it = "Limite superiore al 95 %."
en = "Upper 95 % limit."

[columns.within_10_km_pct]
role = "measure"
unit = "%"
it = "Quota entro 10 km."
en = "Share within 10 km."
rate = ["n_within_10_km", "n_distance_known"]

[columns.within_10_km_pct_low]
role = "measure"
unit = "%"
it = "Limite inferiore al 95 %."
en = "Lower 95 % limit."

[columns.within_10_km_pct_high]
role = "measure"
unit = "%"
it = "Limite superiore al 95 %."
en = "Upper 95 % limit."

[columns.within_20_km_pct]
role = "measure"
unit = "%"
it = "Quota entro 20 km."
en = "Share within 20 km."
rate = ["n_within_20_km", "n_distance_known"]

[columns.within_20_km_pct_low]
role = "measure"
unit = "%"
it = "Limite inferiore al 95 %."
en = "Lower 95 % limit."

[columns.within_20_km_pct_high]
role = "measure"
unit = "%"
it = "Limite superiore al 95 %."
en = "Upper 95 % limit."

[columns.same_district_pct]
role = "measure"
unit = "%"
it = "Quota nello stesso ambito."
en = "Share within one district."
rate = ["n_same_district", "n_district_known"]

[columns.same_district_pct_low]
role = "measure"
unit = "%"
it = "Limite inferiore al 95 %."
en = "Lower 95 % limit."

[columns.same_district_pct_high]
role = "measure"
unit = "%"
it = "Limite superiore al 95 %."
en = "Upper 95 % limit."

[columns.peer_pct]
role = "measure"
unit = "%"
it = "Quota con un pari."
en = "Share with a peer."
rate = ["n_peer", "n_performer_known"]
vis = "output"

[columns.peer_pct_low]
role = "measure"
unit = "%"
it = "Limite inferiore al 95 %."
en = "Lower 95 % limit."

[columns.peer_pct_high]
role = "measure"
unit = "%"
it = "Limite superiore al 95 %."
en = "Upper 95 % limit."

[columns.coverage]
role = "code"
it = "Completezza dei dati: covered, partly, not_covered o source_down."
en = "Completeness of the data: covered, partly, not_covered or source_down."
*/
with exchanges as (
    select
        exchange_id,
        platform,
        person_key,
        comune_code,
        counterpart_comune_code,
        district_code,
        need_code,
        quarter,
        requested_on,
        performer
    from derived._exchanges
    where
        counts_as in ('request', 'offer')
        and (matched_on is not null or state in ('matched', 'active', 'completed'))
),

quarters as (
    select quarter
    from derived._complete_quarters
),

districts as (
    select
        comune_code,
        district_code,
        valid_from,
        valid_to
    from reference.districts
),

coverage as (
    select
        district_code,
        quarter,
        coverage
    from derived._coverage_by_district_quarter
),

places as (
    select
        comune_code,
        latitude,
        longitude
    from reference.comune_places
),

-- As the crow flies between the centers; within one comune nobody has to leave it.
distances as (
    select
        exchanges.exchange_id,
        case
            when exchanges.comune_code = exchanges.counterpart_comune_code then 0
            else distance_km(here.latitude, here.longitude, there.latitude, there.longitude)
        end as km
    from exchanges
    left join places as here
        on exchanges.comune_code = here.comune_code
    left join places as there
        on exchanges.counterpart_comune_code = there.comune_code
),

matches as (
    select
        exchanges.district_code,
        exchanges.need_code,
        exchanges.quarter,
        exchanges.platform,
        exchanges.person_key,
        case when exchanges.counterpart_comune_code is null then 0 else 1 end as is_comune_known,
        case
            when exchanges.comune_code = exchanges.counterpart_comune_code then 1 else 0
        end as is_same_comune,
        case when distances.km is null then 0 else 1 end as is_distance_known,
        case when distances.km <= 10 then 1 else 0 end as is_within_10_km,
        case when distances.km <= 20 then 1 else 0 end as is_within_20_km,
        -- Of two comuni in no district nobody can say that they are the same.
        case
            when exchanges.counterpart_comune_code is null then 0
            when exchanges.district_code = 'OUTSIDE' then 0
            else 1
        end as is_district_known,
        case
            when exchanges.district_code = districts.district_code then 1 else 0
        end as is_same_district,
        case when exchanges.performer is null then 0 else 1 end as is_performer_known,
        case when exchanges.performer = 'peer' then 1 else 0 end as is_peer
    from exchanges
    inner join quarters
        on exchanges.quarter = quarters.quarter
    inner join distances
        on exchanges.exchange_id = distances.exchange_id
    -- Where the comune was on the day; `valid_to` is the last day that holds.
    left join districts
        on
            exchanges.counterpart_comune_code = districts.comune_code
            and exchanges.requested_on >= coalesce(districts.valid_from, date '1900-01-01')
            and exchanges.requested_on <= coalesce(districts.valid_to, date '9999-12-31')
),

-- Rows without a person key count as one person: the fewest they can be.
persons as (
    select
        district_code,
        need_code,
        quarter,
        platform,
        person_key,
        count(*) as n_matches,
        sum(is_comune_known) as n_comune_known,
        sum(is_same_comune) as n_same_comune,
        sum(is_distance_known) as n_distance_known,
        sum(is_within_10_km) as n_within_10_km,
        sum(is_within_20_km) as n_within_20_km,
        sum(is_district_known) as n_district_known,
        sum(is_same_district) as n_same_district,
        sum(is_performer_known) as n_performer_known,
        sum(is_peer) as n_peer
    from matches
    group by district_code, need_code, quarter, platform, person_key
),

platform_cells as (
    select
        district_code,
        need_code,
        quarter,
        platform,
        sum(n_matches) as n_matches,
        sum(n_comune_known) as n_comune_known,
        sum(n_same_comune) as n_same_comune,
        sum(case when n_same_comune > 0 then 1 else 0 end) as n_persons_same_comune,
        sum(case when n_same_comune < n_comune_known then 1 else 0 end)
            as n_persons_not_same_comune,
        sum(n_distance_known) as n_distance_known,
        sum(n_within_10_km) as n_within_10_km,
        sum(case when n_within_10_km > 0 then 1 else 0 end) as n_persons_within_10_km,
        sum(case when n_within_10_km < n_distance_known then 1 else 0 end)
            as n_persons_beyond_10_km,
        sum(n_within_20_km) as n_within_20_km,
        sum(case when n_within_20_km > 0 then 1 else 0 end) as n_persons_within_20_km,
        sum(case when n_within_20_km < n_distance_known then 1 else 0 end)
            as n_persons_beyond_20_km,
        sum(n_district_known) as n_district_known,
        sum(n_same_district) as n_same_district,
        sum(case when n_same_district > 0 then 1 else 0 end) as n_persons_same_district,
        sum(case when n_same_district < n_district_known then 1 else 0 end)
            as n_persons_not_same_district,
        sum(n_performer_known) as n_performer_known,
        sum(n_peer) as n_peer,
        sum(case when n_peer > 0 then 1 else 0 end) as n_persons_peer,
        sum(case when n_peer < n_performer_known then 1 else 0 end)
            as n_persons_not_peer
    from persons
    group by district_code, need_code, quarter, platform
),

cells as (
    select
        district_code,
        need_code,
        quarter,
        sum(n_matches) as n_matches,
        sum(n_comune_known) as n_comune_known,
        sum(n_same_comune) as n_same_comune,
        max(n_persons_same_comune) as n_persons_same_comune,
        max(n_persons_not_same_comune) as n_persons_not_same_comune,
        sum(n_distance_known) as n_distance_known,
        sum(n_within_10_km) as n_within_10_km,
        max(n_persons_within_10_km) as n_persons_within_10_km,
        max(n_persons_beyond_10_km) as n_persons_beyond_10_km,
        sum(n_within_20_km) as n_within_20_km,
        max(n_persons_within_20_km) as n_persons_within_20_km,
        max(n_persons_beyond_20_km) as n_persons_beyond_20_km,
        sum(n_district_known) as n_district_known,
        sum(n_same_district) as n_same_district,
        max(n_persons_same_district) as n_persons_same_district,
        max(n_persons_not_same_district) as n_persons_not_same_district,
        sum(n_performer_known) as n_performer_known,
        sum(n_peer) as n_peer,
        max(n_persons_peer) as n_persons_peer,
        max(n_persons_not_peer) as n_persons_not_peer,
        string_agg(platform, ',' order by platform) as platforms
    from platform_cells
    group by district_code, need_code, quarter
)

select
    cells.district_code,
    cells.need_code,
    cells.quarter,
    cells.n_matches,
    cells.n_comune_known,
    cells.n_same_comune,
    cells.n_persons_same_comune,
    cells.n_persons_not_same_comune,
    cells.n_distance_known,
    cells.n_within_10_km,
    cells.n_persons_within_10_km,
    cells.n_persons_beyond_10_km,
    cells.n_within_20_km,
    cells.n_persons_within_20_km,
    cells.n_persons_beyond_20_km,
    cells.n_district_known,
    cells.n_same_district,
    cells.n_persons_same_district,
    cells.n_persons_not_same_district,
    cells.n_performer_known,
    cells.n_peer,
    cells.n_persons_peer,
    cells.n_persons_not_peer,
    cells.platforms,
    100 * cast(cells.n_same_comune as double) / nullif(cells.n_comune_known, 0) as same_comune_pct,
    100 * wilson_low(cells.n_same_comune, cells.n_comune_known) as same_comune_pct_low,
    100 * wilson_high(cells.n_same_comune, cells.n_comune_known) as same_comune_pct_high,
    100 * cast(cells.n_within_10_km as double)
    / nullif(cells.n_distance_known, 0) as within_10_km_pct,
    100 * wilson_low(cells.n_within_10_km, cells.n_distance_known) as within_10_km_pct_low,
    100 * wilson_high(cells.n_within_10_km, cells.n_distance_known) as within_10_km_pct_high,
    100 * cast(cells.n_within_20_km as double)
    / nullif(cells.n_distance_known, 0) as within_20_km_pct,
    100 * wilson_low(cells.n_within_20_km, cells.n_distance_known) as within_20_km_pct_low,
    100 * wilson_high(cells.n_within_20_km, cells.n_distance_known) as within_20_km_pct_high,
    100 * cast(cells.n_same_district as double)
    / nullif(cells.n_district_known, 0) as same_district_pct,
    100 * wilson_low(cells.n_same_district, cells.n_district_known) as same_district_pct_low,
    100 * wilson_high(cells.n_same_district, cells.n_district_known) as same_district_pct_high,
    100 * cast(cells.n_peer as double) / nullif(cells.n_performer_known, 0) as peer_pct,
    100 * wilson_low(cells.n_peer, cells.n_performer_known) as peer_pct_low,
    100 * wilson_high(cells.n_peer, cells.n_performer_known) as peer_pct_high,
    coalesce(coverage.coverage, 'not_covered') as coverage
from cells
left join coverage
    on
        cells.district_code = coverage.district_code
        and cells.quarter = coverage.quarter
