"""Runs one query of queries.sql in DuckDB over the Parquet that duckdb_intake.py wrote; the answer goes to Parquet."""
import json, pathlib, re, sys, time

import duckdb

folder, name, target = pathlib.Path(sys.argv[1]), sys.argv[2], sys.argv[3]
con = duckdb.connect()
con.execute("set threads = 2")
con.execute(f"create view exchanges as select * from read_parquet('{folder}/duckdb_csv/*/*.parquet')")
text = (pathlib.Path(__file__).parent / "queries.sql").read_text()
query = dict(re.findall(r"-- (q\d)[^\n]*\n(.*?);", text, re.S))[name]
query = re.sub(r"approx_percentile_cont\((\w+), ([\d.]+)\)", r"approx_quantile(\1, \2)", query)
start = time.monotonic()
con.execute(f"copy ({query}) to '{target}' (format parquet, compression zstd)")
print(json.dumps({"query": name, "seconds": time.monotonic() - start}))
