"""Runs the intake job with antenne, DuckDB and Polars in turn, checks our counts, prints a table and one line of JSON."""
import json, os, pathlib, shutil, statistics, subprocess, sys, time

antenne, bench = pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2]).resolve()
peers = pathlib.Path(__file__).resolve().parent
root = peers.parents[1]
TURNS, THREADS = 3, "2"
RECORDS = {"csv": "mifido.csv", "ndjson": "cura.ndjson"}
# What the generator planted, and the rule by which ours refuses it.
RULES = {"bad_date": ("bad_date", "bad_instant"), "bad_amount": ("bad_decimal",), "unknown_comune": ("unknown_comune",),
         "email": ("identifier_email",), "codice_fiscale": ("identifier_codice_fiscale",), "phone": ("identifier_phone",)}
answers = json.loads((bench / "answers.json").read_text())


def say(text):
    print(text, file=sys.stderr, flush=True)


def timed(command, **options):
    """Seconds, peak MiB and standard output of a command."""
    began = time.monotonic()
    child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, **options)
    output = child.stdout.read()
    _, status, usage = os.wait4(child.pid, 0)
    seconds = time.monotonic() - began
    code = os.waitstatus_to_exitcode(status)
    if code not in (0, 4):
        raise SystemExit(f"{command}: exit code {code}")
    return seconds, usage.ru_maxrss / 1024, output


def commons(kind):
    """A fresh commons with one source; its records are the generated file itself, under another name."""
    folder = bench / f"commons-{kind}"
    shutil.rmtree(folder, ignore_errors=True)
    for name in ("pipelines/sources", "sql", "records"):
        (folder / name).mkdir(parents=True)
    shutil.copy(peers / "antenne.toml", folder)
    shutil.copy(peers / "sources" / f"{kind}.toml", folder / "pipelines/sources/bench.toml")
    shutil.copytree(root / "reference", folder / "reference")
    (folder / "bench.key").write_text(f"{7:064x}\n")
    os.link(bench / RECORDS[kind], folder / "records" / RECORDS[kind])
    return folder


def check(folder):
    """Our counts are those that were planted, exactly."""
    def ask(sql):
        _, _, output = timed([antenne, "query", "--private", "--format", "json", sql], cwd=folder)
        return json.loads(output)
    rejected = {}
    for row in ask("select rule, count(*) as n from conformed.rejects group by rule"):
        rejected[row["rule"]] = row["n"]
    planted = {fault: sum(rejected.pop(rule, 0) for rule in rules) for fault, rules in RULES.items()}
    wanted = {fault: answers["rejected"].get(fault, 0) for fault in RULES}
    books = ask("select * from conformed.books")[0]
    found = (books["accepted"], books["superseded"], books["source_count"], planted, rejected)
    if found != (answers["kept"], answers["superseded"], answers["source"], wanted, {}):
        raise SystemExit(f"our counts are not those that were planted: {found} instead of {answers}")


def ours(kind):
    folder = commons(kind)
    acquire, peak_acquire, _ = timed([antenne, "acquire", "--talk", "quiet"], cwd=folder)
    conform, peak_conform, _ = timed([antenne, "conform", "--talk", "quiet"], cwd=folder)
    check(folder)
    shutil.rmtree(folder)
    return {"seconds": acquire + conform, "acquire": acquire, "conform": conform, "peak_mib": max(peak_acquire, peak_conform)}


def peer(script, kind, *arguments):
    environment = dict(os.environ, POLARS_MAX_THREADS=THREADS)
    seconds, peak, output = timed([sys.executable, peers / script, bench, kind, *arguments], env=environment)
    return {"seconds": json.loads(output.splitlines()[-1])["seconds"], "whole": seconds, "peak_mib": peak}


def medians(runs):
    return {key: statistics.median(run[key] for run in runs) for key in runs[0]}


result = {}
say(f"{answers['source']} rows, {THREADS} threads each, median of {TURNS} in turn\n")
say("| format | who | seconds | of these acquire | conform | peak MiB |\n|---|---|--:|--:|--:|--:|")
for kind in RECORDS:
    runs = {"antenne": [], "DuckDB": [], "Polars": []}
    for _ in range(TURNS):
        runs["antenne"].append(ours(kind))
        runs["DuckDB"].append(peer("duckdb_intake.py", kind, THREADS))
        runs["Polars"].append(peer("polars_intake.py", kind))
    middle = {who: medians(these) for who, these in runs.items()}
    for who, row in middle.items():
        parts = [f"{row[part]:.2f}" if part in row else "" for part in ("acquire", "conform")]
        say(f"| {kind} | {who} | {row['seconds']:.2f} | {parts[0]} | {parts[1]} | {row['peak_mib']:.0f} |")
    mine = middle["antenne"]
    result[kind] = {
        "vs_duckdb": round(middle["DuckDB"]["seconds"] / mine["seconds"], 2),
        "vs_polars": round(middle["Polars"]["seconds"] / mine["seconds"], 2),
        "peak_mib": round(mine["peak_mib"]),
    }
print(json.dumps(result))
