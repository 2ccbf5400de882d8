"""Times the detection methods on one thread: ours and R package surveillance in turn, after their answers were compared,
then our scans, for which there is no peer to install. Prints a table and one line of JSON.
On R's side the method alone is timed, by processor time. On ours it is Farrington from CSV to CSV, by processor time, and EARS
both alone, by the clock, and from CSV to CSV, where reading and writing is nearly all of it; the goal is for the method alone.
Ours is given the golden series more often than R, and both are told in series-weeks a second."""
import csv, json, math, os, pathlib, random, shutil, statistics, subprocess, sys

antenne, bench, alone = (pathlib.Path(word).resolve() for word in sys.argv[1:])
peers = pathlib.Path(__file__).resolve().parent
golden = peers.parents[1] / "tests/golden"
TURNS = 3
# One core for every process that is timed.
CPU = int(os.environ.get("CPU", min(os.sched_getaffinity(0))))
# One series of 528 weeks, and sixteen.
TOTAL, STATES = golden / "input/salmNewport_total.csv", golden / "input/salmNewport_states.csv"
NEW_YORK = golden / "scan/nydf_input.csv"
PACKAGE = ["--trend", "package", "--trend_p", "1", "--dispersion", "package"]
# Name, words of ours, series, how often ours reads them, word of R's, how often R reads them, the ratio to reach.
METHODS = [
    ("farrington", ["farrington", *PACKAGE], (TOTAL, 400), "farrington", 2, 300),
    ("ears_c1", ["ears", "--statistic", "C1"], (STATES, 200), "C1", 2, 1000),
    ("ears_c2", ["ears", "--statistic", "C2"], (STATES, 200), "C2", 2, 1000),
    ("ears_c3", ["ears", "--statistic", "C3", "--c3", "package", "--alpha", "0.025"], (STATES, 200), "C3", 2, 1000),
]
N_DISTRICTS, N_MONTHS, N_NEEDS, N_REPLICATES = 100, 60, 40, 999


def say(text):
    print(text, file=sys.stderr, flush=True)


def run(command):
    """Processor seconds and standard output of a command on one core."""
    child = subprocess.Popen([str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                             preexec_fn=lambda: os.sched_setaffinity(0, {CPU}))
    output = child.stdout.read()
    _, status, usage = os.wait4(child.pid, 0)
    if os.waitstatus_to_exitcode(status) != 0:
        raise SystemExit(f"{command}: exit code {os.waitstatus_to_exitcode(status)}")
    return usage.ru_utime + usage.ru_stime, output


def has_peer():
    """Whether R and its package are there; says it loudly when they are not."""
    if shutil.which("Rscript"):
        asked = ["Rscript", "-e", "q(status = !requireNamespace('surveillance', quietly = TRUE))"]
        if subprocess.run(asked, capture_output=True).returncode == 0:
            return True
    say("SKIPPED: R package surveillance is not installed (apt-get install r-cran-surveillance); there are no ratios")
    return False


def repeated(series, n_times):
    """Golden series so many times, each time under other names."""
    path = bench / f"{series.stem}-{n_times}.csv"
    lines = series.read_text().splitlines()
    with path.open("w") as out:
        out.write(lines[0] + "\n")
        for turn in range(n_times):
            out.writelines(f"{turn}_{line}\n" for line in lines[1:])
    return path


def judged(path):
    """Bound, if there is one, and alarm of every judged point, by series and time."""
    with path.open() as file:
        return {(row["unit"], row["t"]): (float(row["upperbound"] or "nan"), row["alarm"] or "0") for row in csv.DictReader(file)}


def compare(name, ours, theirs):
    """Both must judge the same points, raise the same alarms and give the same bounds; R gives none where cases are few."""
    n_alarms = sum(ours.get(key, (0, "none"))[1] != alarm for key, (_, alarm) in theirs.items())
    bounds = [(ours[key][0], bound) for key, (bound, _) in theirs.items() if key in ours and not math.isnan(bound)]
    n_bounds = sum(not math.isclose(*pair, rel_tol=1e-6, abs_tol=1e-6) for pair in bounds)
    if not bounds or n_alarms or n_bounds or len(ours) != len(theirs):
        raise SystemExit(f"{name}: of {len(theirs)} points of R and {len(ours)} of ours {n_alarms} alarms and {n_bounds} bounds differ")
    say(f"{name}: {len(theirs)} alarms and {len(bounds)} bounds agree")


def ours(words, path):
    return run([antenne, "stats", *words, path, "-o", bench / "ours.csv"])[0]


def theirs(word, path):
    _, output = run(["Rscript", peers / "surveillance.R", word, path, bench / "theirs.csv"])
    return float(output.split()[-1])


def against_r(method, is_peer_there):
    """Series-weeks a second of both sides, medians of the turns."""
    name, words, (series, n_ours), word, n_theirs, goal = method
    once, often, some = repeated(series, 1), repeated(series, n_ours), repeated(series, n_theirs)
    ours(words, once)
    n_points = len(judged(bench / "ours.csv"))
    if is_peer_there:
        theirs(word, once)
        compare(name, judged(bench / "ours.csv"), judged(bench / "theirs.csv"))
    timers = {"ours": lambda: n_points * n_ours / ours(words, often)}
    if name.startswith("ears"):
        timers = {"ours": lambda: float(run([alone, name, some])[1]), "csv_to_csv": timers["ours"]}
    if is_peer_there:
        timers["r"] = lambda: n_points * n_theirs / theirs(word, some)
    turns = [{side: rate() for side, rate in timers.items()} for _ in range(TURNS)]
    found = {side: statistics.median(turn[side] for turn in turns) for side in timers}
    found["goal"] = goal
    if is_peer_there:
        found["ratio"] = found["ours"] / found["r"]
    return name, found


def panel(need):
    """Counts and expectations of one need in all districts and months, the districts at random places; always the same."""
    path = bench / f"panel-{need}.csv"
    chance = random.Random(need)
    with path.open("w") as out:
        out.write("area,time,cases,expected,x,y\n")
        places = random.Random(7)
        for area in range(N_DISTRICTS):
            x, y, mean = places.random(), places.random(), 2 + 10 * chance.random()
            for month in range(N_MONTHS):
                # A negative binomial as a Poisson of a gamma, its variance 1.5 times the mean.
                level, cases, left = chance.gammavariate(2 * mean, 0.5), 0, 0.0
                while (left := left + chance.expovariate(1)) < level:
                    cases += 1
                out.write(f"{area},{month},{cases},{mean:.6f},{x:.6f},{y:.6f}\n")
    return path


def scans():
    """Median processor seconds of the two scans."""
    new_york = ["scan", "--cases", "cases_floor", "--replicates", "9999"]
    space_time = ["scan_spacetime", "--model", "negative_binomial", "--expected", "expected", "--dispersion", "1.5", "--replicates", N_REPLICATES]
    panels = [panel(need) for need in range(N_NEEDS)]
    seconds = {"scan_new_york": [], "scan_spacetime": []}
    for _ in range(TURNS):
        seconds["scan_new_york"].append(ours(new_york, NEW_YORK))
        seconds["scan_spacetime"].append(sum(ours(space_time, path) for path in panels))
    goals = {"scan_new_york": 1, "scan_spacetime": 60}
    return {name: {"seconds": statistics.median(values), "goal": goals[name]} for name, values in seconds.items()}


def region():
    """Median processor seconds of the methods that judge a region of a hundred districts, forty needs and sixty months, the
    last twenty-four of them month by month from what was there before."""
    folder = bench / "region"
    run([antenne, "sample", "panel", "--seed", "11", "--out", folder])
    counts, series = folder / "counts.csv", folder / "series.csv"
    with counts.open() as rows, series.open("w") as out:
        out.write("unit,t,freq,observed\n")
        out.writelines(f"{row['district']}_{row['category']},{row['month']},12,{row['count']}\n" for row in csv.DictReader(rows))
    exposure = ["--exposure", folder / "exposure.csv"]
    calls = [(["pooled", *exposure], counts), (["clusters", *exposure, "--places", folder / "districts.csv"], counts),
             (["novelty"], counts), (["ears"], series), (["farrington"], series)]
    seconds = [sum(ours(*call) for call in calls) for _ in range(TURNS)]
    return {"region": {"seconds": statistics.median(seconds), "goal": 60}}


def main():
    shutil.rmtree(bench, ignore_errors=True)
    bench.mkdir(parents=True)
    is_peer_there = has_peer()
    say(f"one core, CPU {CPU}, processor time, median of {TURNS} turns")
    found = dict(against_r(method, is_peer_there) for method in METHODS)
    found |= scans() | region()
    for name, one in found.items():
        if "seconds" in one:
            say(f"{name:15} {one['seconds']:12.2f} s   goal below {one['goal']} s")
            continue
        peer = f"R {one['r']:10.0f}   {one['ratio']:8.0f} times, goal {one['goal']}" if "ratio" in one else "R not there"
        say(f"{name:15} {one['ours']:12.0f} series-weeks/s   {peer}")
    print(json.dumps(found))


main()
