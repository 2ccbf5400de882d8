"""What an attack found, and what the attacks have in common."""

import csv
from collections import defaultdict
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import pyarrow.parquet as pq

from attacker.release import TOTAL, Release, cell, number
from attacker.solver import Rule

HELD, BROKEN, NOT_APPLICABLE = "held", "broken", "n/a"


@dataclass
class Finding:
    """One thing that an attacker learns and should not."""

    cell: str
    claim: str
    sure: str = "certain"
    because: list = field(default_factory=list)
    verdict: str = ""


@dataclass
class Result:
    """What became of one attack."""

    status: str
    reason: str = ""
    findings: list = field(default_factory=list)


def held(reason):
    """The attack had something to bite on and learned nothing."""
    return Result(HELD, reason)


def not_applicable(reason):
    """The attack had nothing to bite on."""
    return Result(NOT_APPLICABLE, reason)


def judged(findings, looked_at):
    """Broken when anything was found."""
    if findings:
        return Result(BROKEN, f"{len(findings)} of {looked_at}", findings)
    return held(looked_at)


class Truth:
    """The operator's own figures, to judge claims with; attacks never read them."""

    def __init__(self, path):
        path = Path(path)
        files = sorted(path.iterdir()) if path.is_dir() else [path]
        self.rows = {f.stem: read_rows(f) for f in files if f.suffix in (".csv", ".parquet")}

    def figures(self, table, measure, name):
        """The figure of each cell of a table, totals too."""
        found = defaultdict(int)
        for row in self.rows.get(table.name, []):
            period = row[table.period] if table.period else ""
            n = int(float(row[measure]))
            for mask in range(2 ** len(table.axes)):
                place = {a: TOTAL if mask >> j & 1 else row[a] for j, a in enumerate(table.axes)}
                found[cell(name, period, place)] += n
        return found


def read_rows(path):
    """Rows of a CSV or Parquet file as texts."""
    if path.suffix == ".parquet":
        rows = pq.read_table(path).to_pylist()
        return [{k: "" if v is None else str(v) for k, v in row.items()} for row in rows]
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@dataclass
class Case:
    """The releases under attack, in order, and what the attacker brings."""

    releases: list
    truths: list = field(default_factory=list)
    insiders: dict = field(default_factory=dict)
    canaries: list = field(default_factory=list)
    k: int = 0
    n_explained: int = 5

    def __post_init__(self):
        self.releases = [r if isinstance(r, Release) else Release(r) for r in self.releases]
        self.k = self.k or max(r.k for r in self.releases)
        self.rule = Rule(self.k, self.k)
        self.memory = {}

    def figures(self):
        """Every row of every table of counts: release, table, measure, row."""
        for release in self.releases:
            for table in release.counts:
                for measure in table.measures:
                    for row in table.rows:
                        yield release, table, measure, row

    @cached_property
    def true_figures(self):
        """What is true of each cell, by release."""
        from attacker.compile import measure_names

        names = measure_names(self.releases)
        found = []
        for release, truth in zip(reversed(self.releases), reversed(self.truths)):
            figures = {}
            for table in release.counts:
                for m in table.measures:
                    if table.name in truth.rows:
                        figures.update(truth.figures(table, m, names[table.name, m]))
            found.append(figures)
        return found[::-1]

    def verdict(self, at, low, high):
        """Whether a claim is right in the last release that the truth is known of."""
        if not self.true_figures:
            return ""
        for figures in reversed(self.true_figures):
            value = figures.get(at)
            if value is not None and low <= value <= high:
                return f"right: it is {value}"
        values = {f[at] for f in self.true_figures if at in f}
        if values:
            return f"wrong: it is {', '.join(map(str, sorted(values)))}"
        if not at.measure.startswith("("):
            return "right: it is 0" if low <= 0 <= high else "wrong: it is 0"
        return ""


def shown(table, measure, row):
    """The figure of a row when it is printed."""
    return number(row[measure]) if row[table.flag] == "published" else None


def named(table, measure, row):
    """A row in words."""
    return f"{measure}[{' '.join(row[k] for k in table.key)}]"
