"""Instances of the literature: the attacker must learn from them what is known to be learnable."""

import csv
import itertools
import json
import math
from pathlib import Path

from attacker.findings import Finding, judged
from attacker.solver import Row, System

INSTANCES = Path(__file__).resolve().parent.parent / "instances"


def system_of(equations, values, hidden, lowest=0):
    """Equations `total = sum of parts` over named cells, some of them hidden."""
    system = System()
    for name in hidden:
        system.bounds[name, 0] = (lowest, math.inf)
        system.audited.add((name, 0))
    system.known = {(name, 0): v for name, v in values.items() if name not in hidden}
    for total, parts in equations:
        terms = {(p, 0): 1 for p in parts}
        terms[total, 0] = -1
        system.rows.append(Row(f"sum {total}", terms, 0, 0))
    return system


def intervals(system):
    """The interval of each hidden cell, by name."""
    found = {}
    for component in system.components():
        for variable in component.variables:
            found[variable[0]] = component.interval(variable)
    return found


def exact(system):
    """Hidden cells that are given away exactly."""
    return sorted(n for n, i in intervals(system).items() if i.high - i.low < 0.5)


def geurts():
    """Handbook on Statistical Disclosure Control, example 3: cell 11 lies in [3, 6]."""
    data = json.loads((INSTANCES / "instances.json").read_text())["geurts"]
    found = intervals(system_of(data["equations"], data["cells"], data["hidden"]))
    for name, (low, high) in data["expect"].items():
        if (found[name].low, found[name].high) != (low, high):
            yield Finding(f"geurts {name}", f"{found[name]} instead of [{low}, {high}]")


def four_by_four():
    """With the primaries alone one of them is exact; hiding one more repairs it."""
    data = json.loads((INSTANCES / "instances.json").read_text())["four_by_four"]
    columns = data["columns"]
    values = {f"{r}{c}": v for r, row in data["rows"].items() for c, v in zip(columns, row)}
    equations = [[f"{r}T", [f"{r}{c}" for c in columns]] for r in data["rows"]]
    equations += [[f"T{c}", [f"{r}{c}" for r in data["rows"]]] for c in columns]
    values |= {total: sum(values[p] for p in parts) for total, parts in equations}
    wanted = data["expect"]
    found = exact(system_of(equations, values, data["primary"]))
    if found != sorted(wanted["exact_with_primary_only"]):
        yield Finding("four_by_four", f"exact are {found}")
    repaired = exact(system_of(equations, values, [*data["primary"], wanted["cheapest_secondary"]]))
    if repaired:
        yield Finding("four_by_four repaired", f"exact are {repaired}")


def linked():
    """Two tables, each safe alone, that give a cell away together."""
    data = json.loads((INSTANCES / "instances.json").read_text())["linked"]
    hidden, values = data["primary"], data["cells"]
    for name in ("table_1", "table_2"):
        alone = exact(system_of(data[name], values, hidden))
        if alone:
            yield Finding(f"linked {name}", f"exact are {alone}")
    both = data["table_1"] + data["table_2"]
    if exact(system_of(both, values, hidden)) != data["expect"]["jointly_exact"]:
        yield Finding("linked", f"jointly exact are {exact(system_of(both, values, hidden))}")
    repaired = exact(system_of(both, values, hidden + data["expect"]["repaired_by"]))
    if repaired:
        yield Finding("linked repaired", f"exact are {repaired}")


def vignette_rows():
    """sdcTable's vignette: cells and equations."""
    with (INSTANCES / "vignette.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    cells = {(r["v1"], r["v2"], r["v3"]): int(r["count"]) for r in rows}
    levels = [
        [("Tot", ["A", "B", "C", "D"]), ("B", ["Ba", "Bb", "Bc"])],
        [("Tot", ["m", "w"])],
        [("Tot", ["a", "b", "c", "d", "e", "f"])],
    ]
    axes = [sorted({c[i] for c in cells}) for i in range(3)]
    equations = []
    for i in range(3):
        others = [a for j, a in enumerate(axes) if j != i]
        for total, parts in levels[i]:
            for rest in itertools.product(*others):
                def at(value, rest=rest, i=i):
                    return tuple([*rest[:i], value, *rest[i:]])

                if all(at(p) in cells for p in [total, *parts]):
                    equations.append([at(total), [at(p) for p in parts]])
    return cells, equations


def vignette():
    """With the 15 primaries alone the vignette's table gives all or most of them away."""
    cells, equations = vignette_rows()
    for total, parts in equations:
        if cells[total] != sum(cells[p] for p in parts):
            yield Finding(f"vignette {total}", "does not add up")
    primary = [c for c, v in cells.items() if 0 < v <= 10]
    if len(cells) != 168 or len(primary) != 15:
        yield Finding("vignette", f"{len(cells)} cells, {len(primary)} primaries")
    system = system_of(equations, cells, primary)
    if not exact(system):
        yield Finding("vignette", "the primaries alone are safe, which is known to be wrong")
    for name, interval in intervals(system).items():
        if not interval.low <= cells[name] <= interval.high:
            yield Finding(f"vignette {name}", f"{interval} does not hold {cells[name]}")


def attack_39(_case):
    """The attacker itself: it must reproduce the instances of the literature."""
    findings = [f for make in (geurts, four_by_four, linked, vignette) for f in make()]
    return judged(findings, "4 instances (Geurts, four by four, linked tables, vignette)")
