"""From published tables to one linear system."""

import math
from collections import defaultdict
from dataclasses import dataclass, field

from attacker.release import NOT_COVERED, PUBLISHED, SOURCE_DOWN, SUPPRESSED, TOTAL, Cell, cell, number, period_of
from attacker.solver import Row, System

# Which count a signal repeats, by its aspect, as the dictionary says it.
SIGNAL_COUNTS = {"rise": "n_requests", "unmet_share": "n_unmet", "no_offer": "n_unmet"}


@dataclass(frozen=True)
class Knowledge:
    """What the attacker makes use of."""

    is_joint: bool = True
    has_zero_rule: bool = True
    is_over_releases: bool = True
    hierarchies: frozenset = frozenset({"period", "geography", "category"})
    has_parts: bool = True
    assumes: bool = False


ALL = Knowledge()


@dataclass
class Compiled:
    """The system, and where each variable comes from."""

    system: System = field(default_factory=System)
    kinds: set = field(default_factory=set)
    seen_rows: set = field(default_factory=set)

    def add(self, label, terms, low, high, is_certain=True):
        """Adds a row once."""
        key = (frozenset(terms.items()), low, high)
        if terms and key not in self.seen_rows:
            self.seen_rows.add(key)
            self.system.rows.append(Row(label, terms, low, high, is_certain))


def measure_names(releases):
    """A name for each measure of each table: the column's, unless it means several things."""
    meanings = defaultdict(set)
    for release in releases:
        for table in release.counts:
            for m in table.measures:
                meanings[m].add((table.meanings[m], table.units[m]))
    names = {}
    for release in releases:
        for table in release.counts:
            for m in table.measures:
                alone = len(meanings[m]) == 1
                names[table.name, m] = m if alone else f"{m}@{table.name}"
    return names


class Vintages:
    """Which releases say the same of a period, and so can be read together."""

    def __init__(self, releases, names, is_shared):
        self.tags = {}
        self.revised = set()
        last = {}
        for number_of, release in enumerate(releases):
            for table in release.counts:
                for m in table.measures:
                    self._tag(number_of, table, (m, names[table.name, m]), last, is_shared)

    def _tag(self, number_of, table, measure, last, is_shared):
        column, name = measure
        visible = defaultdict(dict)
        for row in table.rows:
            shown = visible[row[table.period] if table.period else ""]
            if row[table.flag] == PUBLISHED:
                shown[table.cell(name, row)] = number(row[column])
            elif row[table.flag] == SOURCE_DOWN:
                shown[table.cell(name, row)] = SOURCE_DOWN
        for period, figures in visible.items():
            key = (table.name, name, period)
            tag, before = last.get(key, (0, {}))
            clash = any(before.get(c, v) != v for c, v in figures.items())
            down = {c for c, v in before.items() if v == SOURCE_DOWN}
            clash |= down != {c for c, v in figures.items() if v == SOURCE_DOWN}
            if key in last and (clash or not is_shared):
                tag, before = tag + 1, {}
                if clash:
                    self.revised.add(key)
            last[key] = (tag, {**before, **figures})
            self.tags[number_of, table.name, name, period] = tag


def geographies(releases):
    """A tag for each district of each release that changes when its comuni do."""
    tags, current = [], {}
    for release in releases:
        now = {}
        for code, known in release.geography.items():
            tag, before = current.get(code, (0, known))
            now[code] = (tag, known) if before == known else (tag + 1, known)
        current = {**current, **now}
        tags.append({code: tag for code, (tag, _) in now.items()})
    return tags


class Compiler:
    """Compiles releases, in order, under what the attacker makes use of."""

    def __init__(self, releases, knowledge=ALL, only_table=None):
        self.releases, self.knowledge, self.only = releases, knowledge, only_table
        self.names = measure_names(releases)
        self.vintages = Vintages(releases, self.names, knowledge.is_over_releases)
        self.geographies = geographies(releases)
        self.out = Compiled()
        self.remembered = {}

    def compile(self):
        """The system of everything."""
        for i, release in enumerate(self.releases):
            for table in release.counts:
                if self.only and table.name != self.only:
                    continue
                for m in table.measures:
                    self._figures(i, table, m)
                    self._margins(i, table, m)
        if self.knowledge.is_joint:
            for i, release in enumerate(self.releases):
                self._signals(i, release)
                self._hierarchies(i, release)
                if self.knowledge.has_parts:
                    self._parts(i, release)
            self._shared()
        if self.knowledge.is_over_releases:
            self._nested_geographies()
            if self.knowledge.assumes:
                self._only_additions()
        return self.out

    def variables(self, i, table, measure):
        """The variable of each row: its cell, and its table, vintage and changed places."""
        key = (i, table.name, measure)
        if key not in self.remembered:
            self.remembered[key] = [self._variable(i, table, measure, row) for row in table.rows]
        return self.remembered[key]

    def _variable(self, i, table, measure, row):
        name = self.names[table.name, measure]
        period = row[table.period] if table.period else ""
        tag = self.vintages.tags[i, table.name, name, period]
        tags = self.geographies[i]
        changed = tuple((row[a], tags[row[a]]) for a in table.axes if tags.get(row[a]))
        return table.cell(name, row), (table.name, tag, changed)

    def _figures(self, i, table, m):
        system = self.out.system
        lowest = int(self.knowledge.has_zero_rule and publishes_zeros(self.releases[i], table, m))
        for row, variable in zip(table.rows, self.variables(i, table, m)):
            status, value = row[table.flag], number(row[m])
            if status == PUBLISHED and value is not None:
                before = system.known.setdefault(variable, value)
                if before != value:
                    system.contradictions.append(
                        Row(f"{variable[0]} is said to be {before} and {value}", {}, 0, 0)
                    )
            elif status in (NOT_COVERED, SOURCE_DOWN):
                # Totals are of what there is, so what did not come is not in them.
                system.known.setdefault(variable, 0)
            elif status == SUPPRESSED:
                system.bounds.setdefault(variable, (lowest, math.inf))
                system.audited.add(variable)
            else:
                system.bounds.setdefault(variable, (0, math.inf))

    def _margins(self, i, table, m):
        for axis in table.axes:
            if TOTAL not in table.values[axis]:
                continue
            groups = defaultdict(dict)
            for row, variable in zip(table.rows, self.variables(i, table, m)):
                others = tuple(row[k] for k in table.key if k != axis)
                groups[others][variable] = -1 if row[axis] == TOTAL else 1
            for others, terms in groups.items():
                if -1 in terms.values():
                    self.out.add(f"total over {axis} ({' '.join(others)})", terms, 0, 0)

    def _by_cell(self, i, release):
        """Variables of a release by cell."""
        if i not in self.remembered:
            found = {}
            for table in release.counts:
                for m in table.measures:
                    for variable in self.variables(i, table, m):
                        at = found.setdefault(variable[0], [])
                        if variable not in at:
                            at.append(variable)
            self.remembered[i] = found
        return self.remembered[i]

    def _shared(self):
        """The same cell in two tables of one release is one figure."""
        for i, release in enumerate(self.releases):
            for variables in self._by_cell(i, release).values():
                tables = {v[1][0]: v for v in variables}
                first, *others = tables.values()
                for other in others:
                    self.out.kinds.add("shared")
                    self.out.add("the same cell in two tables", {first: 1, other: -1}, 0, 0)

    def _signals(self, i, release):
        table = release.table("signals")
        if not table or not {"aspect", "observed", "district_code", "need_code"} <= set(table.columns):
            return
        by_cell = self._by_cell(i, release)
        for row in table.rows:
            name = SIGNAL_COUNTS.get(row["aspect"])
            value = number(row["observed"])
            if name is None or value is None:
                continue
            place = {a: row[a] for a in ("district_code", "need_code")}
            for variable in by_cell.get(cell(name, row["quarter"], place), []):
                self.out.kinds.add("signals")
                if variable not in self.out.system.known:
                    self.out.add(f"signal {row.get('signal_id')}", {variable: 1}, value, value)

    def _hierarchies(self, i, release):
        by_cell = self._by_cell(i, release)
        if "period" in self.knowledge.hierarchies:
            self._period_hierarchy(by_cell)
        for child, parent, kind, children in parent_maps(release):
            if kind in self.knowledge.hierarchies:
                self._axis_hierarchy(by_cell, (child, parent, kind), children)

    def _period_hierarchy(self, by_cell):
        months = defaultdict(dict)
        for c in by_cell:
            grain = period_of(c.period)
            if grain:
                months[c.measure, c.place].setdefault(grain[0], {})[c.period] = c
        for grains in months.values():
            for coarse in ("year", "half", "quarter"):
                for fine in ("half", "quarter", "month"):
                    if coarse != fine and coarse in grains and fine in grains:
                        self._sum_periods(by_cell, grains[coarse], grains[fine])

    def _sum_periods(self, by_cell, coarse, fine):
        for period, whole_cell in coarse.items():
            wanted = set(period_of(period)[1])
            parts = [c for p, c in fine.items() if set(period_of(p)[1]) < wanted]
            if {m for c in parts for m in period_of(c.period)[1]} == wanted:
                terms = {by_cell[c][0]: 1 for c in parts}
                terms[by_cell[whole_cell][0]] = -1
                self.out.kinds.add("period")
                self.out.add(f"periods of {period}", terms, 0, 0)

    def _axis_hierarchy(self, by_cell, axes, children):
        child, parent, kind = axes
        grouped = defaultdict(list)
        for c in by_cell:
            place = dict(c.place)
            if child in place:
                rest = tuple(sorted((a, v) for a, v in place.items() if a != child))
                grouped[c.measure, c.period, rest, children.get(place[child])].append(c)
        for c in list(by_cell):
            place = dict(c.place)
            if parent in place:
                rest = tuple(sorted((a, v) for a, v in place.items() if a != parent))
                parts = grouped.get((c.measure, c.period, rest, place[parent]))
                if parts:
                    terms = {by_cell[p][0]: 1 for p in parts}
                    terms[by_cell[c][0]] = -1
                    self.out.kinds.add(kind)
                    self.out.add(f"{child} within {parent} {place[parent]}", terms, 0, 0)

    def _parts(self, i, release):
        """A part is at most its whole, and what is left of the whole is a figure too."""
        pairs = part_pairs(release, self.names)
        if not pairs:
            return
        by_cell = self._by_cell(i, release)
        wholes = defaultdict(list)
        for part, whole in pairs:
            wholes[whole].append(part)
        for c, variables in list(by_cell.items()):
            for part in wholes.get(c.measure, []):
                other = by_cell.get(Cell(part, c.period, c.place))
                if other:
                    self._rest(variables[0], other[0])

    def _rest(self, whole, part):
        system = self.out.system
        if whole in system.known and part in system.known:
            return
        self.out.kinds.add("parts")
        place = whole[0]
        left = Cell(f"({place.measure} - {part[0].measure})", place.period, place.place)
        rest = (left, (whole[1], part[1]))
        system.bounds[rest] = (0, math.inf)
        system.audited.add(rest)
        label = f"{part[0].measure} is a part of {place.measure}"
        self.out.add(label, {whole: 1, part: -1, rest: -1}, 0, 0)

    def _nested_geographies(self):
        """When districts are cut anew, the old ones and the new ones have the same sum."""
        for i in range(1, len(self.releases)):
            for old, new in recut(self.releases[i - 1], self.releases[i]):
                self._nested(i, old, new)

    def _nested(self, i, old, new):
        before = self._by_cell(i - 1, self.releases[i - 1])
        after = self._by_cell(i, self.releases[i])
        sums = defaultdict(lambda: [{}, {}])
        for side, (cells, codes) in enumerate(((before, old), (after, new))):
            for c, variables in cells.items():
                here = [a for a, v in c.place if v in codes]
                if here:
                    rest = tuple((a, v) for a, v in c.place if a != here[0])
                    sums[c.measure, c.period, rest][side][variables[0]] = 1
        for (_, period, _), (olds, news) in sums.items():
            if len(olds) == len(old) and len(news) == len(new):
                terms = {v: 1 for v in olds}
                for v in news:
                    terms[v] = terms.get(v, 0) - 1
                terms = {v: c for v, c in terms.items() if c}
                self.out.kinds.add("geographies")
                label = f"{'+'.join(sorted(old))} became {'+'.join(sorted(new))} ({period})"
                self.out.add(label, terms, 0, 0, is_certain=False)

    def _only_additions(self):
        """Where every visible change of a period goes one way, so do the hidden ones (a guess)."""
        known = self.out.system.known
        unknown = self.out.system.bounds
        series = defaultdict(dict)
        for variable in [*known, *unknown]:
            c, (table, *rest) = variable
            if isinstance(table, str) and not rest[1]:
                series[table, c.measure, c.period].setdefault(rest[0], {})[c] = variable
        for key, tags in series.items():
            for tag in sorted(tags)[1:]:
                pairs = [(tags[tag - 1][c], v) for c, v in tags[tag].items() if c in tags.get(tag - 1, {})]
                changes = {known[b] - known[a] for a, b in pairs if a in known and b in known}
                self._one_way(key, pairs, changes)

    def _one_way(self, key, pairs, changes):
        sign = 1 if min(changes, default=0) >= 0 else -1 if max(changes) <= 0 else 0
        for before, after in pairs:
            if sign:
                self.out.kinds.add("additions")
                terms = {after: sign, before: -sign}
                self.out.add(f"revisions of {key[2]} go one way", terms, 0, math.inf, False)


def publishes_zeros(release, table, measure):
    """Whether a zero is a figure like any other: then a withheld one is at least one.

    A zero of a part says nothing where its whole is zero too.
    """
    own = table.zeros(measure)
    for other in release.counts:
        for whole in other.measures:
            same = other.units[whole] == table.units[measure] and set(other.key) == set(table.key)
            if other is not table and same and is_part(table, measure, other, whole):
                own -= other.zeros(whole)
    return bool(own)


def is_part(part_table, part, whole_table, whole):
    """Whether a measure is never more than another of the same key, and sometimes less."""
    memory = part_table.__dict__.setdefault("parts_of", {})
    key = (part, id(whole_table), whole)
    if key not in memory:
        wholes = {tuple(r[k] for k in part_table.key): number(r[whole]) for r in whole_table.rows}
        rows = part_table.rows
        both = ((number(r[part]), wholes.get(tuple(r[k] for k in part_table.key))) for r in rows)
        both = [(x, y) for x, y in both if x is not None and y is not None]
        memory[key] = bool(both) and all(x <= y for x, y in both) and any(x < y for x, y in both)
    return memory[key]


def part_pairs(release, names):
    """Measures of which one is a part of another: the same unit and key, never more than it."""
    measures = [(t, m) for t in release.counts for m in t.measures if t.units[m]]
    pairs = []
    for part_table, part in measures:
        for whole_table, whole in measures:
            a, b = names[part_table.name, part], names[whole_table.name, whole]
            same = part_table.units[part] == whole_table.units[whole]
            if a == b or not same or set(part_table.key) != set(whole_table.key):
                continue
            if is_part(part_table, part, whole_table, whole):
                pairs.append((a, b))
    return pairs


def parent_maps(release):
    """Which value of an axis belongs to which of a coarser axis, as the release itself lists it."""
    axes = {a for t in release.counts for a in t.axes}
    for table in release.tables:
        if table.measures or len(table.key) != 1 or table.key[0] not in axes:
            continue
        child = table.key[0]
        for parent in table.columns:
            if parent in axes and parent != child:
                kind = "geography" if "distri" in child or "comun" in child else "category"
                yield child, parent, kind, {r[child]: r[parent] for r in table.rows}


def recut(before, after):
    """Groups of districts of two releases that cover the same comuni, cut in another way."""
    old = {c: k for c, k in before.geography.items() if isinstance(k, frozenset)}
    new = {c: k for c, k in after.geography.items() if isinstance(k, frozenset)}
    changed_old = {c: k for c, k in old.items() if new.get(c) != k}
    changed_new = {c: k for c, k in new.items() if old.get(c) != k}
    while changed_old:
        code, comuni = changed_old.popitem()
        olds, news, covered = {code}, set(), set(comuni)
        grew = True
        while grew:
            grew = False
            for codes, pool in ((news, changed_new), (olds, changed_old)):
                for c in [c for c, k in pool.items() if k & covered]:
                    covered |= pool.pop(c)
                    codes.add(c)
                    grew = True
        union_old = set().union(*(old[c] for c in olds))
        union_new = set().union(*(new[c] for c in news)) if news else set()
        if union_old == union_new:
            yield olds, news
