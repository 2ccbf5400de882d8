"""What a figure can be, given everything that is visible: intervals by HiGHS, and their reasons."""

import math
import os
import sys
from dataclasses import dataclass, field

import highspy
import numpy as np

EPSILON = 1e-6
MIP_SECONDS = 20.0


def without_banner():
    """Makes the first solver, which prints a banner, with standard output turned away."""
    sys.stdout.flush()
    kept, nowhere = os.dup(1), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    try:
        highspy.Highs()
    finally:
        os.dup2(kept, 1)
        os.close(kept)
        os.close(nowhere)


without_banner()


@dataclass
class Row:
    """One thing that is known: low <= sum of coefficient * variable <= high."""

    label: str
    terms: dict
    low: float
    high: float
    is_certain: bool = True


@dataclass
class Interval:
    """The least and the largest whole number that a figure can be."""

    low: float
    high: float
    is_whole: bool = True

    def __str__(self):
        high = "∞" if self.high == math.inf else f"{self.high:g}"
        return f"[{self.low:g}, {high}]"


@dataclass
class Rule:
    """When an interval is too narrow."""

    k: int
    spread: int

    def is_broken(self, interval):
        """Whether a figure so narrowed is given away."""
        low, high = interval.low, interval.high
        if high - low < 0.5:
            return True
        is_small = low <= self.k - 1 and high >= 1
        return is_small and (high - low < self.spread or high < self.k)

    def is_safe_already(self, low, high):
        """Whether seeing both figures possible settles that nothing is given away."""
        return high - low >= self.spread - EPSILON and high >= self.k - EPSILON


@dataclass
class System:
    """Variables with bounds, known figures, and rows that tie them."""

    known: dict = field(default_factory=dict)
    bounds: dict = field(default_factory=dict)
    rows: list = field(default_factory=list)
    audited: set = field(default_factory=set)
    contradictions: list = field(default_factory=list)

    def unknowns(self):
        """Variables that no file shows."""
        return [v for v in self.bounds if v not in self.known]

    def reduced(self, row):
        """A row with the known figures moved to its bounds."""
        terms, constant = {}, 0
        for variable, coefficient in row.terms.items():
            value = self.known.get(variable)
            if value is None:
                terms[variable] = coefficient
            else:
                constant += coefficient * value
        return terms, row.low - constant, row.high - constant

    def components(self):
        """Groups of unknowns that rows tie together, with their reduced rows."""
        parent = {v: v for v in self.unknowns()}

        def find(v):
            while parent[v] != v:
                parent[v] = parent[parent[v]]
                v = parent[v]
            return v

        reduced = []
        for row in self.rows:
            terms, low, high = self.reduced(row)
            if not terms:
                if low > EPSILON or high < -EPSILON:
                    self.contradictions.append(row)
                continue
            reduced.append((row, terms, low, high))
            first, *others = terms
            for other in others:
                parent[find(other)] = find(first)
        groups, rows = {}, {}
        for v in parent:
            groups.setdefault(find(v), []).append(v)
        for item in reduced:
            rows.setdefault(find(next(iter(item[1]))), []).append(item)
        return [Component(self, group, rows.get(root, [])) for root, group in groups.items()]

    def told(self, row):
        """A row in words, with the visible figures."""
        parts = []
        for variable, coefficient in row.terms.items():
            value = self.known.get(variable)
            if value == 0:
                continue
            name = "" if value is None else f"={value:g}"
            sign = "-" if coefficient < 0 else "+"
            parts.append(f"{sign} {variable[0]}{name}")
        text = " ".join(parts).removeprefix("+ ")
        side = f"= {row.low:g}" if row.low == row.high else f"in [{row.low:g}, {row.high:g}]"
        return f"{row.label}: {text} {side}"


class Component:
    """Unknowns tied together, as one linear program with hot starts."""

    def __init__(self, system, variables, rows):
        self.system, self.variables, self.rows = system, variables, rows
        self.index = {v: i for i, v in enumerate(variables)}
        self.solver = self._solver()
        self.last_cost = None

    def _solver(self):
        n, m = len(self.variables), len(self.rows)
        lp = highspy.HighsLp()
        lp.num_col_, lp.num_row_ = n, m
        lp.col_cost_ = np.zeros(n)
        bounds = [self.system.bounds[v] for v in self.variables]
        lp.col_lower_ = np.array([low for low, _ in bounds], dtype=float)
        lp.col_upper_ = np.array([high for _, high in bounds], dtype=float)
        lp.row_lower_ = np.array([low for _, _, low, _ in self.rows], dtype=float)
        lp.row_upper_ = np.array([high for _, _, _, high in self.rows], dtype=float)
        starts, indices, values = [0], [], []
        for _, terms, _, _ in self.rows:
            indices.extend(self.index[v] for v in terms)
            values.extend(terms.values())
            starts.append(len(indices))
        lp.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
        lp.a_matrix_.start_ = np.array(starts, dtype=np.int32)
        lp.a_matrix_.index_ = np.array(indices, dtype=np.int32)
        lp.a_matrix_.value_ = np.array(values, dtype=float)
        solver = highspy.Highs()
        solver.setOptionValue("output_flag", False)
        solver.setOptionValue("threads", 1)
        solver.setOptionValue("presolve", "off")
        solver.passModel(lp)
        return solver

    def _optimum(self, costs):
        """The least value of a sum and the point that has it; None when there is no point."""
        n = len(self.variables)
        cost = np.zeros(n)
        for v, c in costs.items():
            cost[self.index[v]] = c
        self.solver.changeColsCost(n, np.arange(n, dtype=np.int32), cost)
        self.solver.run()
        status = self.solver.getModelStatus()
        if status == highspy.HighsModelStatus.kOptimal:
            point = np.array(self.solver.getSolution().col_value)
            return float(cost @ point), point
        if status in (
            highspy.HighsModelStatus.kUnbounded,
            highspy.HighsModelStatus.kUnboundedOrInfeasible,
        ):
            return -math.inf, None
        return None, None

    def is_possible(self):
        """Whether any figures fit what is visible."""
        return self._optimum({})[0] is not None

    def interval(self, variable):
        """Least and largest whole value of one unknown."""
        low, high = self._optimum({variable: 1})[0], self._optimum({variable: -1})[0]
        if low is None or high is None:
            return None
        return whole(low, -high)

    def audit(self, targets, rule):
        """The interval of each target, as far as it takes to see that it is wide enough.

        Each solution is a whole table that fits, so it widens what is known of all others.
        """
        seen = Seen(self.variables)
        for sign in (1, -1):
            seen.add(self._optimum({v: sign for v in self.variables})[1])
        found = {}
        for target in targets:
            i = self.index[target]
            if rule.is_safe_already(seen.low[i], seen.high[i]):
                continue
            ends = []
            for sign in (1, -1):
                value, point = self._optimum({target: sign})
                if value is None:
                    return None, seen
                ends.append(sign * value)
                seen.add(point)
            found[target] = whole(*ends)
        for target in targets:
            if target not in found:
                i = self.index[target]
                found[target] = Interval(seen.low[i], seen.high[i])
        return found, seen

    def whole_interval(self, variable):
        """The interval among whole tables only; None when the time does not suffice."""
        n = len(self.variables)
        ends = []
        for sign in (1, -1):
            solver = self._solver()
            solver.setOptionValue("presolve", "on")
            solver.setOptionValue("time_limit", MIP_SECONDS)
            kinds = np.array([highspy.HighsVarType.kInteger] * n)
            solver.changeColsIntegrality(n, np.arange(n, dtype=np.int32), kinds)
            solver.changeColCost(self.index[variable], float(sign))
            solver.run()
            status = solver.getModelStatus()
            if status == highspy.HighsModelStatus.kOptimal:
                ends.append(sign * solver.getInfo().objective_function_value)
            elif status == highspy.HighsModelStatus.kInfeasible:
                return Interval(math.inf, -math.inf)
            elif status == highspy.HighsModelStatus.kTimeLimit:
                return None
            else:
                ends.append(-sign * -math.inf if sign == 1 else math.inf)
        return whole(*ends)

    def reasons(self, variable):
        """The fewest rows that narrow an unknown as far as all of them do (a minimal set)."""
        target = self.interval(variable)
        used = set()
        for sign in (1, -1):
            self._optimum({variable: sign})
            duals = self.solver.getSolution().row_dual
            used.update(i for i, d in enumerate(duals) if abs(d) > EPSILON)
        kept = sorted(used)
        if len(kept) > 60:
            return [self.rows[i][0] for i in kept]
        for i in list(kept):
            rest = [j for j in kept if j != i]
            part = Component(self.system, self.variables, [self.rows[j] for j in rest])
            tried = part.interval(variable)
            if tried and tried.low >= target.low and tried.high <= target.high:
                kept = rest
        return [self.rows[i][0] for i in kept]


class Seen:
    """The extremes of each unknown over all solutions, and over the whole ones."""

    def __init__(self, variables):
        n = len(variables)
        self.low, self.high = np.full(n, np.inf), np.full(n, -np.inf)
        self.whole_low, self.whole_high = np.full(n, np.inf), np.full(n, -np.inf)

    def add(self, point):
        """Takes in one solution."""
        if point is None:
            return
        self.low, self.high = np.minimum(self.low, point), np.maximum(self.high, point)
        rounded = np.round(point)
        if np.abs(point - rounded).max(initial=0) < EPSILON:
            self.whole_low = np.minimum(self.whole_low, rounded)
            self.whole_high = np.maximum(self.whole_high, rounded)


def whole(low, high):
    """The whole numbers between two ends."""
    low = low if math.isinf(low) else math.ceil(low - EPSILON)
    high = high if math.isinf(high) else math.floor(high + EPSILON)
    return Interval(low, high)
