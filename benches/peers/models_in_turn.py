"""Runs the six queries as models of antenne and in DuckDB in turn, compares the answers first, prints a table and one
line of JSON. Each side reads its own layout, written before anything is timed. Timed is the work itself: on our side the
`derive` stage as its report says it (planning, the query, Parquet, checks, commit), in DuckDB the copy to Parquet."""
import json, os, pathlib, shutil, statistics, subprocess, sys

import duckdb

antenne, bench = pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2]).resolve()
peers = pathlib.Path(__file__).resolve().parent
root = peers.parents[1]
TURNS = 3
QUERIES = ["q1", "q2", "q3", "q4", "q5", "q6"]
commons = bench / "commons-models"


def say(text):
    print(text, file=sys.stderr, flush=True)


def run(command, cwd=None):
    """Peak MiB and standard output of a command."""
    child = subprocess.Popen([str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=cwd)
    output = child.stdout.read()
    _, status, usage = os.wait4(child.pid, 0)
    if os.waitstatus_to_exitcode(status) not in (0, 4):
        raise SystemExit(f"{command}: exit code {os.waitstatus_to_exitcode(status)}")
    return usage.ru_maxrss / 1024, output


def prepare():
    """Our layout, once: the records through the whole intake, then numbered persons and clustered exchanges."""
    if (commons / "ready").exists():
        return
    shutil.rmtree(commons, ignore_errors=True)
    for name in ("pipelines/sources", "sql/derived", "records"):
        (commons / name).mkdir(parents=True)
    settings = (peers / "antenne.toml").read_text()
    (commons / "antenne.toml").write_text(f"{settings}\n[engine]\nmemory_mib = 1280\nthreads = 2\n")
    shutil.copy(peers / "sources/csv.toml", commons / "pipelines/sources/bench.toml")
    shutil.copytree(root / "reference", commons / "reference")
    (commons / "bench.key").write_text(f"{7:064x}\n")
    os.link(bench / "mifido.csv", commons / "records/mifido.csv")
    for model in ("_persons", "_exchanges"):
        shutil.copy(peers / f"models/{model}.sql", commons / "sql/derived")
    for stage in ("acquire", "conform", "derive"):
        peak, _ = run([antenne, stage, "--talk", "quiet"], commons)
        say(f"our layout: {stage}, peak {peak:.0f} MiB")
    (commons / "ready").touch()


def ours(query):
    shutil.rmtree(commons / "lake/derived" / query, ignore_errors=True)
    peak, output = run([antenne, "derive", "--select", query, "--talk", "quiet", "--format", "json"], commons)
    return json.loads(output)["stages"][0]["seconds"], peak


def theirs(query):
    peak, output = run([sys.executable, peers / "duckdb_models.py", bench, query, bench / f"duckdb_{query}.parquet"])
    return json.loads(output)["seconds"], peak


def compare(query):
    """Both answers, row by row; the quantiles of both are approximate and must lie near the exact ones."""
    con = duckdb.connect()
    con.execute(f"create view ours as select * from read_parquet('{commons}/lake/derived/{query}/all/*.parquet')")
    con.execute(f"create view theirs as select * from read_parquet('{bench}/duckdb_{query}.parquet')")
    columns = [row[0] for row in con.sql("describe theirs").fetchall()]
    n_ours, n_theirs = (con.sql(f"select count(*) from {side}").fetchall()[0][0] for side in ("ours", "theirs"))
    keys = {"q1": 3, "q2": 2, "q3": 1, "q4": 1, "q5": 1, "q6": 3}[query]
    on = " and ".join(f"cast(o.{key} as varchar)[:10] = cast(t.{key} as varchar)[:10]" for key in columns[:keys])
    if query == "q2":
        near = [f"abs(o.{name} - t.{name}) <= 0.25 * t.{name} + 2" for name in columns[keys:]]
    else:
        near = [f"(o.{name} is null and t.{name} is null or abs(o.{name} - t.{name}) <= 1e-9 * (1 + abs(t.{name})))" for name in columns[keys:]]
    n_same = con.sql(f"select count(*) from ours o join theirs t on {on} where {' and '.join(near)}").fetchall()[0][0]
    needed = n_theirs if query != "q2" else 0.99 * n_theirs
    if n_ours != n_theirs or n_same < needed:
        raise SystemExit(f"{query}: {n_same} of {n_theirs} rows agree, ours has {n_ours}")
    say(f"{query}: {n_same} of {n_theirs} rows agree")


prepare()
for query in QUERIES:
    shutil.copy(peers / f"models/{query}.sql", commons / "sql/derived")
for query in QUERIES:
    ours(query)
    theirs(query)
    compare(query)
answer, peak_mib = {}, 0
say("\n| query | antenne s | DuckDB s | ratio | our peak MiB | DuckDB peak MiB |\n|---|--:|--:|--:|--:|--:|")
for query in QUERIES:
    mine, other = [], []
    for _ in range(TURNS):
        mine.append(ours(query))
        other.append(theirs(query))
    seconds, seconds_theirs = (statistics.median(one[0] for one in side) for side in (mine, other))
    peak, peak_theirs = (max(one[1] for one in side) for side in (mine, other))
    answer[query], peak_mib = round(seconds_theirs / seconds, 2), max(peak_mib, peak)
    say(f"| {query} | {seconds:.2f} | {seconds_theirs:.2f} | {answer[query]} | {peak:.0f} | {peak_theirs:.0f} |")
ratios = list(answer.values())
answer["geomean_vs_duckdb"] = round(statistics.geometric_mean(ratios), 2)
answer["min_vs_duckdb"] = min(ratios)
answer["peak_mib"] = round(peak_mib)
print(json.dumps(answer))
