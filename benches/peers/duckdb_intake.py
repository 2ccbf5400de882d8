"""The intake job in DuckDB: what a careful user would write instead."""
import json, pathlib, shutil, sys, time
import duckdb

folder, kind = pathlib.Path(sys.argv[1]), sys.argv[2]
threads = sys.argv[3] if len(sys.argv) > 3 else "2"
reference = pathlib.Path(__file__).resolve().parents[2] / "reference/comuni.csv"
IDENTIFIER = (r"[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,}"
              r"|\b[A-Za-z]{6}[0-9LMNPQRSTUV]{2}[A-EHLMPRST][0-9LMNPQRSTUV]{2}[A-Z][0-9LMNPQRSTUV]{3}[A-Z]\b"
              r"|\b(?:\+39 ?)?3\d{2}[ .-]?\d{6,7}\b|\bIT\d{2}[A-Z]\d{22}\b")
target = folder / f"duckdb_{kind}"
shutil.rmtree(target, ignore_errors=True)
con = duckdb.connect()
con.execute(f"set threads = {threads}")
start = time.time()
con.execute(f"create table comuni as select comune_code from read_csv('{reference}', all_varchar = true)")
if kind == "csv":
    raw = f"""select id_movimento as id, try_strptime(data, '%d/%m/%Y')::date as requested_on, id_socio_cedente as giver, id_socio_ricevente as receiver,
        tipo_annuncio as side, categoria as category, descr_breve as descr, try_cast(replace(fidi, ',', '.') as decimal(12, 2)) as amount,
        try_cast(minuti as int) as minutes, comune, try_cast(attesa as int) as wait_days, stato as state, seq::bigint as seq
        from read_csv('{folder}/mifido.csv', delim = ';', header = true, all_varchar = true, encoding = 'latin-1')"""
else:
    raw = f"""select id, try_strptime(creato, '%Y-%m-%dT%H:%M:%SZ')::date as requested_on, persona as giver, operatore as receiver,
        tipo as side, categoria as category, descr, try_cast(importo as decimal(12, 2)) as amount,
        minuti as minutes, comune, attesa as wait_days, stato as state, seq
        from read_json('{folder}/cura.ndjson', format = 'newline_delimited', columns = {{id: 'varchar', creato: 'varchar', persona: 'varchar', operatore: 'varchar',
        tipo: 'varchar', categoria: 'varchar', descr: 'varchar', importo: 'varchar', minuti: 'int', comune: 'varchar', attesa: 'int', stato: 'varchar', seq: 'bigint'}})"""
con.execute(f"""create temp table judged as
select r.*, case when requested_on is null then 'bad_date' when amount is null then 'bad_amount' when c.comune_code is null then 'unknown_comune'
    when regexp_matches(descr, '{IDENTIFIER}') then 'identifier' else 'none' end as fault
from ({raw}) r left join comuni c on c.comune_code = r.comune""")
con.execute(f"""copy (select md5('mifido' || id) as exchange_id, requested_on, year(requested_on) as y, sha256('secret' || giver) as giver_key,
    sha256('secret' || receiver) as receiver_key, side, category, amount, minutes, comune, wait_days, state
    from judged where fault = 'none' qualify row_number() over (partition by id order by seq desc) = 1)
    to '{target}' (format parquet, compression zstd, partition_by (y))""")
counts = dict(con.sql("select fault, count(*) from judged group by 1").fetchall())
kept = con.sql(f"select count(*) from read_parquet('{target}/*/*.parquet')").fetchall()[0][0]
print(json.dumps({"engine": "duckdb", "kind": kind, "seconds": round(time.time() - start, 2), "kept": kept, "counts": counts}))
