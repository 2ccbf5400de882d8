"""Write N synthetic exchange records in two native formats, with planted faults, and the true answers. No real person is in them.
Usage: generate.py N FOLDER [csv] [ndjson]; without a format both are written."""
import json, pathlib, sys
import duckdb

n, out, formats = int(sys.argv[1]), pathlib.Path(sys.argv[2]), sys.argv[3:] or ["csv", "ndjson"]
out.mkdir(parents=True, exist_ok=True)
reference = pathlib.Path(__file__).resolve().parents[2] / "reference/comuni.csv"
con = duckdb.connect()
con.execute(f"create table comuni as select row_number() over () - 1 as k, comune_code from read_csv('{reference}', all_varchar=true)")
n_comuni = con.sql("select count(*) from comuni").fetchall()[0][0]
con.execute(f"""
create table t as
select
    case when hash(i * 41) % 200 = 0 and i > 1000 then i - 1 - (hash(i * 43) % 900)::bigint else i end as id,
    i as seq,
    date '2019-01-01' + (hash(i * 7) % 2400)::int as d,
    'S' || (hash(i * 3) % (1 + {n} // 25)) as giver,
    'S' || (hash(i * 5) % (1 + {n} // 25)) as receiver,
    case when hash(i * 11) % 2 = 0 then 'CERCO' else 'OFFRO' end as side,
    ['assistenza domiciliare','trasporto','compagnia','baby sitting','doposcuola','pasti a domicilio','piccole riparazioni',
     'pratiche burocratiche','lezioni di italiano','attività ludiche','spesa','ascolto'][1 + (hash(i * 13) % 12)::int] as category,
    'annuncio ' || (hash(i * 17) % 5000) || ': cerco aiuto in zona, disponibile al mattino' as descr,
    (hash(i * 19) % 100000) / 100.0 as amount, (hash(i * 23) % 600)::int as minutes,
    comune_code as comune, (hash(i * 31) % 45)::int as wait,
    ['aperta','abbinata','conclusa','annullata','scaduta'][1 + (hash(i * 37) % 5)::int] as state,
    case (hash(i * 47) % 1000)::int when 1 then 'bad_date' when 2 then 'bad_amount' when 3 then 'unknown_comune'
         when 4 then 'email' when 5 then 'codice_fiscale' when 6 then 'phone' else 'none' end as fault
from range({n}) r(i) join comuni on comuni.k = (hash(r.i * 29) % {n_comuni})""")
con.execute("""update t set descr = descr || case fault when 'email' then ' scrivere a persona.finta@example.org'
   when 'codice_fiscale' then ' CF RSSMRA85T10A562S' when 'phone' then ' tel. 347 1234567' else '' end,
   comune = case fault when 'unknown_comune' then '999999' else comune end""")
dates = {"it": "%d/%m/%Y", "iso": "%Y-%m-%dT08:30:00Z"}
if "csv" in formats:
    con.execute(f"""copy (select id as id_movimento, case fault when 'bad_date' then '31/02/2023' else strftime(d, '{dates["it"]}') end as data,
       giver as id_socio_cedente, receiver as id_socio_ricevente, side as tipo_annuncio, category as categoria, descr as descr_breve,
       case fault when 'bad_amount' then '12,3,4' else replace(printf('%.2f', amount), '.', ',') end as fidi, minutes as minuti, comune, wait as attesa, state as stato, seq
       from t order by seq) to '{out}/mifido.utf8.csv' (delimiter ';', header)""")
    with open(out / "mifido.utf8.csv", encoding="utf-8") as source, open(out / "mifido.csv", "w", encoding="latin-1") as target:
        while block := source.read(1 << 24):
            target.write(block)
    (out / "mifido.utf8.csv").unlink()
if "ndjson" in formats:
    con.execute(f"""copy (select id, case fault when 'bad_date' then '2023-02-31T08:30:00Z' else strftime(d, '{dates["iso"]}') end as creato,
       giver as persona, receiver as operatore, side as tipo, category as categoria, descr,
       case fault when 'bad_amount' then '12,3,4' else printf('%.2f', amount) end as importo, minutes as minuti, comune, wait as attesa, state as stato, seq
       from t order by seq) to '{out}/cura.ndjson' (format json)""")
rejected = dict(con.sql("select fault, count(*) from t where fault <> 'none' group by 1").fetchall())
valid, kept = con.sql("select count(*), count(distinct id) from t where fault = 'none'").fetchall()[0]
answers = {"source": n, "rejected": rejected, "accepted_rows": valid, "superseded": valid - kept, "kept": kept}
(out / "answers.json").write_text(json.dumps(answers, indent=1))
print(answers)
