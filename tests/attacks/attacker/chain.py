"""Attacks across releases: what changed, what appeared, how districts were cut."""

import itertools
from collections import defaultdict

from attacker.compile import part_pairs, measure_names, recut
from attacker.findings import Finding, judged, named, not_applicable, shown
from attacker.release import PUBLISHED, SUPPRESSED, number
from attacker.tables import printed_parts

ONE = "only one release"


def pairs_of(case):
    """Each release with the one after it."""
    return list(itertools.pairwise(case.releases))


def printed(release):
    """Printed figures, and what is left of wholes, by name."""
    found = {}
    for table in release.counts:
        for m in table.measures:
            for row in table.rows:
                value = shown(table, m, row)
                if value is not None:
                    found[named(table, m, row)] = value
    for name, value, whole in printed_parts(release):
        found[f"rest of {name}"] = whole - value
    return found


def changes(before, after):
    """Figures that both releases print, where they differ."""
    old, new = printed(before), printed(after)
    return {name: (old[name], v) for name, v in new.items() if name in old and old[name] != v}


def attack_16(case):
    """The difference of two vintages is nothing or at least k."""
    if len(case.releases) < 2:
        return not_applicable(ONE)
    findings, n = [], 0
    for before, after in pairs_of(case):
        n += len(printed(before).keys() & printed(after).keys())
        for name, (old, new) in changes(before, after).items():
            if abs(new - old) < case.k:
                claim = f"{old} became {new}: {abs(new - old)} {'more' if new > old else 'fewer'}"
                findings.append(Finding(f"{before}→{after} {name}", claim))
    return judged(findings, f"{n} figures printed twice")


def attack_17(case):
    """What was withheld stays so, and what was printed too."""
    if len(case.releases) < 2:
        return not_applicable(ONE)
    findings, n = [], 0
    for before, after in pairs_of(case):
        old = flags(before)
        for name, (status, value) in flags(after).items():
            was = old.get(name)
            n += was is not None
            if was and {was[0], status} == {PUBLISHED, SUPPRESSED}:
                figure = value if status == PUBLISHED else was[1]
                claim = f"{was[0]}, then {status}: {figure}"
                findings.append(Finding(f"{before}→{after} {name}", claim))
    return judged(findings, f"{n} figures in two releases")


def flags(release):
    """Flag and figure of each row."""
    return {
        named(t, m, row): (row[t.flag], number(row[m]))
        for t in release.counts
        for m in t.measures
        for row in t.rows
    }


def attack_18(case):
    """An erasure leaves closed periods as they were."""
    if len(case.releases) < 2:
        return not_applicable(ONE)
    findings, n_erasures = [], 0
    for before, after in pairs_of(case):
        sources = shrunk(before, after)
        n_erasures += bool(sources)
        places = covered_by(after, sources)
        parts = {part for part, _ in part_pairs(after, measure_names([after]))}
        for name, (old, new) in changes(before, after).items():
            if new >= old or name.startswith("rest") or name.split("[")[0] in parts:
                continue
            told = sources and any(f"[{p} " in name for p in places)
            why = f"the books of {', '.join(sources)} shrank" if told else "no book says why"
            findings.append(Finding(f"{before}→{after} {name}", f"{old} became {new}: {why}", "likely"))
    if not n_erasures and not findings:
        return not_applicable("no book and no printed figure shrank between these releases")
    return judged(findings, f"{n_erasures} pairs of releases whose books shrank, and all that was printed twice")


def shrunk(before, after):
    """Sources whose books tell of more erased records, or of fewer accepted ones."""
    old, new = by_source(before), by_source(after)

    def count(books, key, column):
        return number(books.get(key, {}).get(column, "")) or 0

    found = {
        key[0]
        for key in old
        if count(new, key, "erased") > count(old, key, "erased")
        or count(new, key, "accepted") < count(old, key, "accepted")
    }
    return sorted(found)


def covered_by(release, sources):
    """Districts that one of these sources covers, as the coverage table prints it; else all."""
    table = release.table("coverage_by_platform_district_quarter")
    rows = table.rows if table else []
    found = {r["district_code"] for r in rows if r["platform"] in sources and r["status"] in ("covered", "partly")}
    if table:
        return found
    return {r[a] for t in release.counts for a in t.axes for r in t.rows}


def by_source(release):
    """The books by source table."""
    return {(r["source"], r["table"]): r for r in release.books}


def attack_19(case):
    """No two geographies overlap without nesting."""
    findings, n = [], 0
    for release in case.releases:
        known = {c: k for c, k in release.geography.items() if isinstance(k, frozenset)}
        for (a, x), (b, y) in itertools.combinations(sorted(known.items()), 2):
            n += 1
            common = x & y
            if common and not (x <= y or y <= x):
                claim = f"share {', '.join(sorted(common)[:3])}"
                findings.append(Finding(f"{release} {a} and {b}", claim))
        axes = {a for t in release.counts for a in t.axes if a.endswith("_code") and "need" not in a}
        n += len(axes) > 1
    if not n:
        return not_applicable("no page or table says which comuni a district has")
    return judged(findings, f"{n} pairs of districts by their lists of comuni")


def attack_20(case):
    """Districts that were split or merged give no difference away."""
    if len(case.releases) < 2:
        return not_applicable(ONE)
    findings, n = [], 0
    for before, after in pairs_of(case):
        same = {c for c in before.geography if after.geography.get(c) == before.geography[c]}
        if len(same) == len(before.geography) == len(after.geography):
            continue
        for old, new in recut(before, after):
            n += 1
            findings += recut_differences(case, (before, after), (old, new))
    if not n:
        return not_applicable("no district was cut anew between these releases")
    return judged(findings, f"{n} groups of districts cut anew")


def recut_differences(case, releases, codes):
    """Parts of an old district that follow from the new ones, and the reverse."""
    old, new = codes
    sums = defaultdict(dict)
    for side, (release, wanted) in enumerate(zip(releases, codes)):
        for table in release.counts:
            if "district_code" not in table.key:
                continue
            for m in table.measures:
                for row in table.rows:
                    if row["district_code"] in wanted:
                        rest = tuple(row[k] for k in table.key if k != "district_code")
                        at = sums[table.name, m, rest].setdefault(side, {})
                        at[row["district_code"]] = (row[table.flag], number(row[m]))
    for (table, m, rest), sides in sums.items():
        olds, news = sides.get(0, {}), sides.get(1, {})
        if set(olds) != old or set(news) != new:
            continue
        hidden = [(c, s) for s in (olds, news) for c, (f, v) in s.items() if f == SUPPRESSED]
        total_old = sum(v or 0 for _, v in olds.values())
        total_new = sum(v or 0 for _, v in news.values())
        where = f"{releases[0]}→{releases[1]} {m}[{'+'.join(sorted(old | new))} {' '.join(rest)}]"
        if len(hidden) == 1:
            value = abs(total_old - total_new)
            yield Finding(where, f"{hidden[0][0]} is exactly {value}", "likely")
        elif not hidden and total_old != total_new and abs(total_old - total_new) < case.k:
            yield Finding(where, f"the cut moved {abs(total_old - total_new)}", "likely")
