"""Attacks by arithmetic: what the hidden figures can be, given all visible ones."""

from dataclasses import replace

from attacker.compile import ALL, Compiler, Knowledge, measure_names, part_pairs, publishes_zeros
from attacker.findings import Finding, judged, not_applicable
from attacker.release import GEOGRAPHY, TOTAL, cell, number
from attacker.solver import System

NONE = frozenset()
# From the weakest attacker to the strongest; what a weaker one finds is not counted again.
LEVELS = [
    (6, Knowledge(False, False, False, NONE, False), "one table at a time"),
    (10, Knowledge(False, True, False, NONE, False), "withheld is at least 1 where zeros are printed"),
    (7, Knowledge(True, True, False, NONE, True), "all tables of a release"),
    (12, Knowledge(True, True, False, frozenset({"period"}), True), "months, quarters, years"),
    (13, Knowledge(True, True, False, frozenset({"geography"}), True), "districts, provinces"),
    (14, Knowledge(True, True, False, frozenset({"category"}), True), "needs, areas"),
    (8, ALL, "all releases"),
    (8, replace(ALL, assumes=True), "all releases, and revisions go one way"),
]


class Audit:
    """One system and what it gives away."""

    def __init__(self, case, releases, knowledge, wanted=None):
        self.case, self.wanted = case, wanted
        compiled = Compiler(releases, knowledge).compile()
        self.system, self.kinds = compiled.system, compiled.kinds
        self.components = self.system.components()
        self.n_targets = 0
        self.failing, self.impossible, self.seen = [], [], []
        for component in self.components:
            self._audit(component)

    def _audit(self, component):
        targets = [v for v in component.variables if v in self.system.audited]
        if self.wanted is not None:
            targets = [v for v in targets if v[0] in self.wanted]
            if not targets:
                return
        self.n_targets += len(targets)
        found, seen = component.audit(targets, self.case.rule)
        if found is None:
            certain = [r for r in component.rows if r[0].is_certain]
            if len(certain) < len(component.rows):
                parted = System(self.system.known, self.system.bounds, [], self.system.audited)
                parted.bounds = {v: self.system.bounds[v] for v in component.variables}
                parted.rows = [r[0] for r in certain]
                for part in parted.components():
                    self._audit(part)
                return
            self.impossible.append(component)
            return
        self.seen.append((component, targets, found, seen))
        for variable, interval in found.items():
            if self.case.rule.is_broken(interval):
                self.failing.append((component, variable, interval))

    def finding(self, failing, is_explained):
        """A failing cell in words."""
        component, variable, interval = failing
        rows = component.reasons(variable) if is_explained else []
        found = explained(self.case, self.system, (variable, interval), rows)
        if not is_explained and not all(r[0].is_certain for r in component.rows):
            found.sure = "likely"
        return found


def explained(case, system, at, rows):
    """A narrowed cell with the equations that narrow it."""
    variable, interval = at
    same = interval.high - interval.low < 0.5
    claim = f"is exactly {interval.low:g}" if same else f"lies in {interval}"
    sure = "certain" if all(r.is_certain for r in rows) else "likely"
    verdict = case.verdict(variable[0], interval.low, interval.high)
    return Finding(str(variable[0]), claim, sure, [system.told(r) for r in rows], verdict)


def all_levels(case):
    """Findings of each level that no weaker one has; computed once."""
    if "levels" in case.memory:
        return case.memory["levels"]
    strongest = Audit(case, case.releases, ALL)
    guess = Audit(case, case.releases, LEVELS[-1][1]) if len(case.releases) > 1 else strongest
    levels = {"strongest": strongest, "findings": {}, "kinds": strongest.kinds | guess.kinds}
    known = set()
    wanted = {v[0] for audit in (strongest, guess) for _, v, _ in audit.failing}
    for attack, knowledge, _ in LEVELS if wanted else []:
        own = {12: "period", 13: "geography", 14: "category"}.get(attack)
        if own and own not in levels["kinds"]:
            continue
        if knowledge.is_over_releases:
            audits = [guess if knowledge.assumes else strongest]
        else:
            audits = (Audit(case, [r], knowledge, wanted - known) for r in case.releases)
        for audit in audits:
            take_new(audit, attack, knowledge, (levels["findings"], known))
    case.memory["levels"] = levels
    return levels


def take_new(audit, attack, knowledge, into):
    """Adds what was not known at a weaker level."""
    findings, known = into
    for failing in audit.failing:
        at = failing[1][0]
        if at in known:
            continue
        known.add(at)
        number_of = 15 if attack == 7 and at.measure.startswith("(") else attack
        told = findings.setdefault(number_of, [])
        found = audit.finding(failing, len(told) < audit.case.n_explained)
        if knowledge.assumes:
            found.sure = "likely"
        told.append(found)


TRIES = {
    6: "Each table alone, by linear programs.",
    7: "All tables of a release as one system.",
    8: "All releases as one system.",
    10: "A withheld figure is at least 1 where zeros are printed.",
    12: "Months, quarters and years as one system.",
    13: "Districts, provinces and regions as one system.",
    14: "Needs and their areas as one system.",
    15: "What is left of a whole without its part.",
}


def by_level(attack, kind=None, is_applicable=None):
    """The attack that reads one level's findings."""

    def run(case):
        hidden = [1 for _, t, _, row in case.figures() if row[t.flag] == "suppressed"]
        if not hidden:
            return not_applicable("nothing is withheld")
        levels = all_levels(case)
        if kind and kind not in levels["kinds"]:
            return not_applicable(f"no equations of this kind ({kind}) in these tables")
        if is_applicable and not is_applicable(case):
            return not_applicable(MISSING[attack])
        strongest = levels["strongest"]
        told = next((text for n, _, text in LEVELS if n == attack), "parts and wholes")
        looked_at = f"{strongest.n_targets} withheld figures; {told}"
        return judged(levels["findings"].get(attack, []), looked_at)

    run.__doc__ = TRIES[attack]
    return run


MISSING = {
    7: "only one table, and no signals",
    8: "only one release",
    10: "no table prints a zero of its own",
}


def has_zeros(case):
    """Whether a zero is printed anywhere as a figure of its own."""
    return any(
        publishes_zeros(r, t, m) for r in case.releases for t in r.counts for m in t.measures
    )


def has_many_tables(case):
    """Whether there is more than one source of figures in a release."""
    return any(len(r.counts) > 1 or r.table("signals") for r in case.releases)


attack_6 = by_level(6)
attack_7 = by_level(7, is_applicable=has_many_tables)
attack_8 = by_level(8, is_applicable=lambda case: len(case.releases) > 1)
attack_10 = by_level(10, is_applicable=has_zeros)
attack_12 = by_level(12, kind="period")
attack_13 = by_level(13, kind="geography")
attack_14 = by_level(14, kind="category")
attack_15 = by_level(15, kind="parts")


def attack_4(case):
    """Totals are the sums of what they sum."""
    findings, n_rows = [], 0
    for release in case.releases:
        system = Compiler([release], Knowledge(False, False, False, NONE, False)).compile().system
        components = system.components()
        n_rows += len(system.rows)
        for row in system.contradictions:
            findings.append(Finding(row.label, "does not add up", because=[system.told(row)]))
        for component in components:
            if not component.is_possible():
                told = [system.told(r[0]) for r in component.rows[:3]]
                findings.append(Finding(str(component.variables[0][0]), "no figures fit", because=told))
    if not n_rows:
        return not_applicable("no table has totals")
    return judged(findings, f"{n_rows} sums")


def attack_5(case):
    """No sum has exactly one withheld part."""
    findings, n_rows = [], 0
    for release in case.releases:
        system = Compiler([release], Knowledge(True, False, False)).compile().system
        for row in system.rows:
            terms, low, high = system.reduced(row)
            if row.low != row.high:
                continue
            n_rows += 1
            if len(terms) == 1:
                (variable, coefficient), = terms.items()
                value = low / coefficient
                verdict = case.verdict(variable[0], value, value)
                told = [system.told(row)]
                findings.append(Finding(str(variable[0]), f"is exactly {value:g}", "certain", told, verdict))
    if not n_rows:
        return not_applicable("no sums are printed")
    return judged(findings, f"{n_rows} sums")


def attack_9(case):
    """Whole tables only: an interval may be narrower among them."""
    strongest = all_levels(case)["strongest"]
    if not strongest.n_targets:
        return not_applicable("nothing is withheld")
    findings, n_solved, n_open = [], 0, 0
    for component, targets, found, seen in strongest.seen:
        for variable in targets:
            i = component.index[variable]
            low, high = seen.whole_low[i], seen.whole_high[i]
            is_high = found[variable].low >= case.k and high > low
            if case.rule.is_broken(found[variable]) or is_high or case.rule.is_safe_already(low, high):
                continue
            n_solved += 1
            interval = component.whole_interval(variable) if n_solved <= 300 else None
            if interval is None:
                n_open += 1
            elif case.rule.is_broken(interval):
                findings.append(explained(case, strongest.system, (variable, interval), []))
    looked_at = f"{strongest.n_targets} withheld figures, {n_solved} by integer programs"
    if n_open:
        looked_at += f", {n_open} not settled"
    return judged(findings, looked_at)


def attack_11(case):
    """Something must be small where anything is withheld: is it clear what?"""
    findings, n_groups = [], 0
    for release in case.releases:
        audit = Audit(case, [release], Knowledge(False, True, False, NONE, False))
        parts = {part for part, _ in part_pairs(release, measure_names([release]))}
        for component, targets, found, seen in audit.seen:
            n_groups += 1
            small = suspects(component, targets, seen, case.k, parts)
            if len(small) == 1 and not case.rule.is_broken(found[small[0]]):
                at = small[0][0]
                findings.append(
                    Finding(
                        str(at),
                        f"is the only figure of its group that can be below {case.k}",
                        "likely",
                        [f"{len(targets)} figures are withheld together"],
                        case.verdict(at, 0, case.k - 1),
                    )
                )
    if not n_groups:
        return not_applicable("nothing is withheld")
    return judged(findings, f"{n_groups} groups of withheld figures")


def suspects(component, targets, seen, k, parts):
    """Figures that may be the small ones; two are enough to leave it open.

    Of a part its rest may be the reason too, so it stays open.
    """
    found = [v for v in targets if seen.low[component.index[v]] <= k - 1]
    if len(found) > 1 or any(v[0].measure in parts for v in targets):
        return targets
    for variable in targets:
        interval = component.interval(variable)
        if variable not in found and interval and interval.low <= k - 1:
            found.append(variable)
    return found


def attack_28(case):
    """Each platform subtracts its own figures."""
    if not case.insiders:
        return not_applicable("no platform's own figures are given (--insider PLATFORM=counts.csv)")
    findings, n_cells = [], 0
    release = case.releases[-1]
    for platform, rows in case.insiders.items():
        audit, own, sole = insider_audit(case, release, platform, rows)
        n_cells += audit.n_targets
        told = 0
        for failing in audit.failing:
            at, interval = failing[1][0], failing[2]
            is_total = not any(GEOGRAPHY.search(axis) for axis, _ in at.place)
            nobody_else = is_total and interval.low == interval.high == 0
            if at in sole or nobody_else:
                continue
            found = audit.finding(failing, told < case.n_explained)
            low, high = interval.low + own.get(at, 0), interval.high + own.get(at, 0)
            found.verdict = case.verdict(at, low, high)
            found.claim = f"{platform} learns that what others have of it {found.claim}"
            told += 1
            findings.append(found)
    return judged(findings, f"{n_cells} figures of others, {len(case.insiders)} platforms")


def insider_audit(case, release, platform, rows):
    """The audit of what is left of each figure without the platform's own part."""
    own, sole = {}, set()
    coverage = others_cover(release, platform)
    for table in release.counts:
        for m in table.measures:
            if rows and m not in rows[0]:
                continue
            for row in rows:
                for mask in range(2 ** len(table.axes)):
                    place = {a: TOTAL if mask >> j & 1 else row[a] for j, a in enumerate(table.axes)}
                    at = cell(m, row[table.period], place)
                    own[at] = own.get(at, 0) + number(row[m])
            for row in table.rows:
                if (row.get("district_code"), row[table.period]) not in coverage:
                    if row.get("district_code") not in (None, TOTAL):
                        sole.add(table.cell(m, row))
    audit = Audit.__new__(Audit)
    audit.case, audit.n_targets, audit.wanted = case, 0, None
    compiled = Compiler([release], LEVELS[2][1]).compile()
    system = compiled.system
    for variable in list(system.bounds):
        at = variable[0]
        if at.measure.startswith("("):
            whole, part = at.measure.strip("()").split(" - ")
            ones = [at._replace(measure=x) for x in (whole, part)]
            own[at] = own.get(ones[0], 0) - own.get(ones[1], 0)
            if ones[0] in sole:
                sole.add(at)
    for variable in system.known:
        system.known[variable] -= own.get(variable[0], 0)
    for variable, (low, high) in list(system.bounds.items()):
        if variable in system.known:
            continue
        at = variable[0]
        if at in sole:
            system.known[variable] = 0
            system.audited.discard(variable)
        else:
            system.bounds[variable] = (0 if own.get(at) else low, high)
    audit.system, audit.kinds = system, compiled.kinds
    audit.failing, audit.impossible, audit.seen = [], [], []
    audit.components = system.components()
    for component in audit.components:
        audit._audit(component)
    return audit, own, sole


def others_cover(release, platform):
    """Districts and quarters in which another platform takes part that stands behind counts."""
    table = release.table("coverage_by_platform_district_quarter")
    if not table:
        return set()
    behind = {p for p in release.waivers}
    signals = release.table("signals")
    if signals and "platforms" in signals.columns:
        behind |= {p for r in signals.rows for p in r["platforms"].split(",") if p}
    rows = (r for r in table.rows if r["platform"] != platform)
    rows = (r for r in rows if not behind or r["platform"] in behind)
    return {(r["district_code"], r["quarter"]) for r in rows if r["status"] in ("covered", "partly")}
