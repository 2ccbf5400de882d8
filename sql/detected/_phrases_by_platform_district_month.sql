/* model
description.it = "Parole e frasi che il vocabolario non ha, per piattaforma, ambito e mese."
description.en = "Words and phrases that the vocabulary lacks, by platform, district and month."
grain = ["phrase_key", "platform", "district_code", "month"]
checks = [
    "unique(grain)",
    "n_unmapped <= n_requests",
    "n_persons <= n_requests",
    "n_requests <= n_worded",
]
tags = ["new_needs"]
owner = "antenne"

[columns.phrase_key]
role = "key"
it = "Chiave della frase, uguale per tutte le sue scritture (label_phrase)."
en = "Key of the phrase, the same for all its writings (label_phrase)."

[columns.platform]
role = "key"
it = "Piattaforma."
en = "Platform."

[columns.district_code]
role = "key"
it = "Ambito; OUTSIDE per i comuni fuori da ogni ambito."
en = "District; OUTSIDE for comuni in no district."

[columns.month]
role = "key"
it = "Mese, come suo primo giorno."
en = "Month, as its first day."

[columns.label]
role = "code"
it = "Scrittura più frequente della frase, in minuscolo."
en = "Most frequent writing of the phrase, in lower case."

[columns.n_requests]
role = "count"
unit = "requests"
it = "Richieste che portano la frase, una volta ciascuna."
en = "Requests that carry the phrase, once each."

[columns.n_unmapped]
role = "count"
unit = "requests"
it = "Di cui senza codice di bisogno."
en = "Of which with no need code."

[columns.n_persons]
role = "count"
unit = "persons"
it = "Persone distinte."
en = "Distinct persons."

[columns.n_worded]
role = "count"
unit = "requests"
it = "Richieste della piattaforma nel mese che portano una frase qualsiasi, in tutti gli ambiti."
en = "Requests of the platform in the month that carry any phrase, in all districts."
*/
with requests as (
    select
        exchange_id,
        platform,
        district_code,
        need_code,
        need_label,
        tags,
        person_key,
        month
    from derived._exchanges
    where counts_as = 'request'
),

needs as (
    select
        label_it,
        label_en
    from reference.needs
),

-- Lists are not a type here: tags and phrases are read one position at a time.
tag_positions as (
    select listed.position_in_list
    from (
        values
        (1), (2), (3), (4), (5), (6)
    ) as listed (position_in_list)
),

phrase_positions as (
    select listed.position_in_label
    from (
        values
        (1), (2), (3), (4), (5), (6), (7), (8),
        (9), (10), (11), (12), (13), (14), (15), (16)
    ) as listed (position_in_label)
),

written_words as (
    select
        requests.exchange_id,
        requests.platform,
        requests.district_code,
        requests.need_code,
        requests.person_key,
        requests.month,
        lower(trim(split_part(requests.tags, '|', tag_positions.position_in_list))) as written
    from requests
    cross join tag_positions
    where requests.tags is not null
    union all
    select
        exchange_id,
        platform,
        district_code,
        need_code,
        person_key,
        month,
        lower(trim(need_label)) as written
    from requests
    where need_code = 'NEW'
),

forms as (
    select
        written,
        label_key(written) as label_key
    from written_words
    where written <> ''
    group by written
),

coded_labels as (
    select need_label
    from requests
    where need_code <> 'NEW'
    group by need_label
),

-- What the code list says, and what the platforms' categories with a code say.
known_phrases as (
    select label_key(label_it) as phrase_key
    from needs
    union
    select label_key(label_en) as phrase_key
    from needs
    union
    select label_key(need_label) as phrase_key
    from coded_labels
),

-- Of a label that says what a code says nothing is new, not even its words.
new_forms as (
    select forms.written
    from forms
    left join known_phrases
        on forms.label_key = known_phrases.phrase_key
    where known_phrases.phrase_key is null
),

written_phrases as (
    select
        new_forms.written,
        label_phrase(new_forms.written, phrase_positions.position_in_label) as phrase_key,
        label_phrase_form(new_forms.written, phrase_positions.position_in_label) as form
    from new_forms
    cross join phrase_positions
),

new_phrases as (
    select
        written_phrases.written,
        written_phrases.phrase_key,
        written_phrases.form
    from written_phrases
    left join known_phrases
        on written_phrases.phrase_key = known_phrases.phrase_key
    where written_phrases.phrase_key is not null and known_phrases.phrase_key is null
),

-- A request that carries a phrase in two places, or in two writings, carries it once.
phrased_requests as (
    select
        written_words.exchange_id,
        written_words.platform,
        written_words.district_code,
        written_words.need_code,
        written_words.person_key,
        written_words.month,
        new_phrases.phrase_key,
        min(new_phrases.form) as form
    from written_words
    inner join new_phrases
        on written_words.written = new_phrases.written
    group by
        written_words.exchange_id,
        written_words.platform,
        written_words.district_code,
        written_words.need_code,
        written_words.person_key,
        written_words.month,
        new_phrases.phrase_key
),

form_uses as (
    select
        phrase_key,
        form,
        count(*) as n_requests
    from phrased_requests
    group by phrase_key, form
),

ranked_forms as (
    select
        phrase_key,
        form,
        row_number() over (
            partition by phrase_key
            order by n_requests desc, form asc
        ) as rank_in_phrase
    from form_uses
),

worded_requests as (
    select
        exchange_id,
        platform,
        month
    from written_words
    where written <> ''
    group by exchange_id, platform, month
),

worded as (
    select
        platform,
        month,
        count(*) as n_worded
    from worded_requests
    group by platform, month
),

persons as (
    select
        phrase_key,
        platform,
        district_code,
        month,
        person_key,
        count(*) as n_requests,
        sum(case when need_code = 'NEW' then 1 else 0 end) as n_unmapped
    from phrased_requests
    group by phrase_key, platform, district_code, month, person_key
),

cells as (
    select
        phrase_key,
        platform,
        district_code,
        month,
        sum(n_requests) as n_requests,
        sum(n_unmapped) as n_unmapped,
        count(*) as n_persons
    from persons
    group by phrase_key, platform, district_code, month
)

select
    cells.phrase_key,
    cells.platform,
    cells.district_code,
    cells.month,
    ranked_forms.form as label,
    cells.n_requests,
    cells.n_unmapped,
    cells.n_persons,
    worded.n_worded
from cells
inner join ranked_forms
    on
        cells.phrase_key = ranked_forms.phrase_key
        and ranked_forms.rank_in_phrase = 1
inner join worded
    on
        cells.platform = worded.platform
        and cells.month = worded.month
