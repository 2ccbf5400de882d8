"""Attacks on releases that round, add noise, or spend a privacy budget.

They read `protection` of `datapackage.json`: `mode`, and by mode `base`; `max_noise`;
`budget` and `spent` (a list of `{release, rho}`).
"""

import math
from collections import defaultdict
from functools import reduce

from attacker.compile import Compiler
from attacker.findings import Finding, judged, not_applicable, shown
from attacker.solver import System


def rounding_base(release):
    """The base that all printed counts are rounded to, as said or as seen."""
    said = release.protection
    if said["mode"] == "round":
        return int(said.get("base", 0)) or seen_base(release)
    base = seen_base(release)
    return base if base >= 3 else 0


def seen_base(release):
    """The greatest number that divides every printed count."""
    values = [shown(t, m, r) for t in release.counts for m in t.measures for r in t.rows]
    values = [v for v in values if v]
    return reduce(math.gcd, values, 0) if len(values) > 5 else 0


def widened(release, width):
    """The system in which each printed figure is only near the true one."""
    compiled = Compiler([release]).compile()
    system = System()
    for variable, value in compiled.system.known.items():
        system.bounds[variable] = (max(0, value - width), value + width)
    system.bounds.update({v: b for v, b in compiled.system.bounds.items() if v not in system.bounds})
    system.rows = compiled.system.rows
    return system


def narrowed(case, release, width):
    """Small figures that the sums fix although each is printed with an error."""
    system = widened(release, width)
    for component in system.components():
        for variable in component.variables:
            interval = component.interval(variable)
            if interval and interval.high - interval.low < 0.5 and 1 <= interval.low < case.k:
                verdict = case.verdict(variable[0], interval.low, interval.high)
                claim = f"is exactly {interval.low:g} in spite of its error"
                yield Finding(f"{release} {variable[0]}", claim, "certain", [], verdict)


def attack_29(case):
    """Rounded figures: what they and their sums leave open."""
    findings, n = [], 0
    for release in case.releases:
        base = rounding_base(release)
        if base:
            n += 1
            findings += narrowed(case, release, base / 2)
    if not n:
        return not_applicable("no release rounds its counts")
    return judged(findings, f"{n} rounded releases")


def attack_30(case):
    """Bounded noise: what sums fix, and what the mean over tables and releases gives back."""
    noisy = [r for r in case.releases if r.protection["mode"] == "cellkey"]
    if not noisy:
        return not_applicable("no release adds cell-key noise")
    findings, values = [], defaultdict(set)
    for release in noisy:
        findings += narrowed(case, release, float(release.protection.get("max_noise", 2)))
        for table in release.counts:
            for m in table.measures:
                for row in table.rows:
                    value = shown(table, m, row)
                    if value is not None:
                        values[table.cell(m, row)].add(value)
    for at, seen in values.items():
        if len(seen) > 1:
            findings.append(Finding(str(at), f"is printed with fresh noise, so its mean tells: {sorted(seen)}"))
    return judged(findings, f"{len(values)} figures with noise")


def attack_31(case):
    """A privacy budget: what was spent is told, adds up, and is not beyond it."""
    private = [r for r in case.releases if r.protection["mode"].startswith("dp")]
    if not private:
        return not_applicable("no release spends a privacy budget")
    findings, before = [], []
    for release in private:
        said = release.protection
        spent, budget = said.get("spent"), said.get("budget")
        if not isinstance(spent, list) or budget is None:
            findings.append(Finding(str(release), "does not tell its budget and what was spent of it"))
            continue
        if spent[: len(before)] != before:
            findings.append(Finding(str(release), "tells another past than the release before"))
        if sum(s["rho"] for s in spent) > budget + 1e-9:
            findings.append(Finding(str(release), f"spent more than {budget}"))
        if len(spent) <= len(before) and before:
            findings.append(Finding(str(release), "is a release that cost nothing"))
        before = spent
    return judged(findings, f"{len(private)} releases with a budget")
