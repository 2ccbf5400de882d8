"""The attacker's own test: show one secondary suppression again, and something must break."""

import copy
import random

from attacker.compile import measure_names
from attacker.findings import Case, Finding, Result, held, named, not_applicable
from attacker.intervals import Audit, LEVELS
from attacker.release import PUBLISHED, SUPPRESSED, TOTAL

KNOWLEDGE = LEVELS[2][1]


def secondaries(case):
    """Withheld figures that are large enough by themselves, with their true figure."""
    release = case.releases[-1]
    names = measure_names(case.releases)
    truth = case.truths[-1] if case.truths else None
    for table in release.counts if truth else []:
        if table.name not in truth.rows:
            continue
        persons = persons_of(truth, table)
        for m in table.measures:
            figures = truth.figures(table, m, names[table.name, m])
            for row in table.rows:
                value = figures.get(table.cell(m, row), 0)
                few = persons.get(tuple(row[k] for k in table.key))
                enough = value >= case.k and (few is None or few >= case.k)
                if row[table.flag] == SUPPRESSED and enough:
                    yield table, m, row, value


def persons_of(truth, table):
    """The fewest persons on any side that are surely behind each figure.

    Persons do not add up, so behind a total only those of its largest part are sure.
    """
    found = {}
    for row in truth.rows[table.name]:
        sides = {c: int(float(row[c])) for c in row if c.startswith("n_persons") and row[c] != ""}
        for mask in range(2 ** len(table.axes)):
            summed = {a for j, a in enumerate(table.axes) if mask >> j & 1}
            key = tuple(TOTAL if k in summed else row[k] for k in table.key)
            at = found.setdefault(key, {})
            for side, n in sides.items():
                at[side] = max(at.get(side, 0), n)
    return {key: min(sides.values()) for key, sides in found.items() if sides}


def only_period(release, table_period):
    """A release with the rows of one period alone, so that the audit is short."""
    smaller = copy.copy(release)
    tables = []
    for table in release.tables:
        other = copy.copy(table)
        for name in ("flag", "period", "axes", "measures", "values", "parts_of"):
            other.__dict__.pop(name, None)
        period = table.period
        rows = table.rows if not period else [r for r in table.rows if r[period] == table_period]
        other.rows = [dict(r) for r in rows]
        tables.append(other)
    smaller.tables = tables
    for name in ("counts", "geography"):
        smaller.__dict__.pop(name, None)
    smaller.__dict__["counts"] = [t for t in tables if t.rows and t.measures]
    return smaller


def mutations(case, most, seed):
    """Shows secondaries again, one at a time: the name of each, and what breaks."""
    found = list(secondaries(case))
    random.Random(seed).shuffle(found)
    release = case.releases[-1]
    baselines = {}
    for table, m, row, value in found[:most]:
        period = row[table.period]
        if period not in baselines:
            baselines[period] = {v[0] for _, v, _ in small_audit(case, release, period).failing}
        audit = small_audit(case, release, period, (table.name, m, row, value))
        new = [f for f in audit.failing if f[1][0] not in baselines[period]]
        yield named(table, m, row), value, new, audit


def small_audit(case, release, period, shown=None):
    """The audit of one period, with one more figure shown."""
    smaller = only_period(release, period)
    if shown:
        name, m, row, value = shown
        table = next(t for t in smaller.counts if t.name == name)
        for other in table.rows:
            if all(other[k] == row[k] for k in table.key):
                other[m], other[table.flag] = str(value), PUBLISHED
    return Audit(Case([smaller], k=case.k), [smaller], KNOWLEDGE)


def attack_40(case, most=40, seed=1):
    """Each secondary suppression is needed, and the attacker notices when one is missing."""
    if not case.truths:
        return not_applicable("needs the true figures (--truth)")
    missed, n = [], 0
    for name, value, new, _ in mutations(case, most, seed):
        n += 1
        if not new:
            claim = f"shown again ({value}), and nothing breaks: not needed, or the attacker is blind"
            missed.append(Finding(name, claim, "likely"))
    if not n:
        return not_applicable("no secondary suppression")
    told = f"{n - len(missed)} of {n} secondaries are missed when they are shown"
    return Result("broken", told, missed) if missed else held(told)
