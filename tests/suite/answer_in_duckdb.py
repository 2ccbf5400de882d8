"""Runs models in DuckDB over the files of a lake and compares their answers with the tables there.

usage: answer_in_duckdb.py WORK.json; prints one JSON object, per model its rows, error and differences.
"""

import datetime
import decimal
import json
import sys

import duckdb

work = json.load(open(sys.argv[1]))
con = duckdb.connect()
con.execute("set timezone = 'UTC'")
con.execute("set threads = 2")
for schema in ("conformed", "derived", "reference"):
    con.execute(f"create schema {schema}")
con.execute(open(work["macros"]).read())
for name, table in work["tables"].items():
    columns = ", ".join(f'"{column}" {kind}' for column, kind in table["columns"])
    if table.get("csv"):
        kinds = ", ".join(f"'{column}': '{kind}'" for column, kind in table["columns"])
        con.execute(
            f"create view {name} as select * from read_csv('{table['csv']}', header = true, "
            f"delim = ',', quote = '\"', nullstr = '', types = {{{kinds}}})"
        )
    elif table["files"]:
        files = ", ".join(f"'{file}'" for file in table["files"])
        con.execute(f"create view {name} as select * from read_parquet([{files}])")
    else:
        con.execute(f"create table {name} ({columns})")


def plain(value):
    """A value in the form in which both sides can be compared."""
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, decimal.Decimal):
        return float(value)
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(value).hex()
    if isinstance(value, datetime.datetime):
        return value.replace(tzinfo=None).isoformat()
    if isinstance(value, datetime.date):
        return value.isoformat()
    return value


def same(left, right):
    """Whether two values are the same, floats up to the digits that a table keeps."""
    if isinstance(left, float) or isinstance(right, float):
        if left is None or right is None:
            return left is right
        return abs(left - right) <= 1e-9 * max(1.0, abs(left), abs(right))
    if isinstance(left, str) and isinstance(right, str):
        # A day at midnight and the day itself.
        return left.removesuffix("T00:00:00") == right.removesuffix("T00:00:00")
    return left == right


answers = {}
for model in work["models"]:
    answer = {"rows": 0, "error": None, "differences": []}
    answers[model["name"]] = answer
    columns = ", ".join(f'"{column}"' for column, _kind in work["tables"][model["name"]]["columns"])
    order = ", ".join(f'"{column}"' for column in model["grain"])
    try:
        found = con.execute(f"select {columns} from ({model['sql']}) as answer order by {order}").fetchall()
    except duckdb.Error as error:
        answer["error"] = str(error).splitlines()[0]
        continue
    wanted = con.execute(f"select {columns} from {model['name']} order by {order}").fetchall()
    answer["rows"] = len(wanted)
    if len(found) != len(wanted):
        answer["differences"].append(f"{len(found)} rows instead of {len(wanted)}")
    for left, right in zip(found, wanted):
        pairs = [(plain(one), plain(other)) for one, other in zip(left, right)]
        if all(same(one, other) for one, other in pairs):
            continue
        answer["differences"].append(f"DuckDB {left} · lake {right}")
        if len(answer["differences"]) >= 3:
            break
print(json.dumps(answers))
