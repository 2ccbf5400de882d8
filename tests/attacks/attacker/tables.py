"""Attacks on single figures: small ones, gaps in the grid, shares, medians, lone platforms."""

import itertools
import re
from collections import defaultdict

from attacker.compile import measure_names, part_pairs
from attacker.findings import Finding, judged, named, not_applicable, shown
from attacker.release import (
    FLAGS,
    GEOGRAPHY,
    NOT_COVERED,
    PUBLISHED,
    TOTAL,
    number,
    period_of,
)

EXTREME = re.compile(r"median|_min$|^min_|_max$|^max_|mean|average|longest|shortest|quantile")
MIN_PLATFORMS = 3
MIN_REFERENCE = 100


def attack_1(case):
    """No printed count is from 1 to k - 1."""
    findings, n = [], 0
    for release, table, m, row in case.figures():
        value = shown(table, m, row)
        if value is not None:
            n += 1
            if 1 <= value < case.k:
                findings.append(Finding(f"{release} {named(table, m, row)}", f"is printed: {value}"))
    return judged(findings, f"{n} printed counts") if n else not_applicable("no count is printed")


def attack_2(case):
    """Every combination of the axes has exactly one row, and no period is skipped."""
    findings, n = [], 0
    for release in case.releases:
        for table in release.counts:
            values = [list(dict.fromkeys(r[k] for r in table.rows)) for k in table.key]
            there = defaultdict(int)
            for row in table.rows:
                there[tuple(row[k] for k in table.key)] += 1
            for combination in itertools.product(*values):
                n += 1
                if there[combination] != 1:
                    where = f"{release} {table.name} {' '.join(combination)}"
                    findings.append(Finding(where, f"has {there[combination]} rows"))
            findings += skipped_periods(release, table)
    return judged(findings, f"{n} combinations") if n else not_applicable("no tables of counts")


def skipped_periods(release, table):
    """Periods that are missing between the first and the last."""
    months = sorted({m for r in table.rows for m in (period_of(r[table.period]) or ("", []))[1]})
    found = []
    for a, b in itertools.pairwise(months):
        (y1, m1), (y2, m2) = (map(int, x.split("-")) for x in (a, b))
        if 12 * y2 + m2 - 12 * y1 - m1 != 1:
            found.append(Finding(f"{release} {table.name}", f"skips from {a} to {b}"))
    return found


def attack_3(case):
    """One flag says all, and nothing else differs between withheld figures."""
    findings, n = [], 0
    for release, table, m, row in case.figures():
        status, n = row[table.flag], n + 1
        where = f"{release} {named(table, m, row)}"
        others = [c for c in table.columns if c not in table.key and c != table.flag]
        if status not in FLAGS:
            findings.append(Finding(where, f"has a flag of its own: {status}"))
        if status == PUBLISHED and row[m] == "":
            findings.append(Finding(where, "is printed without a figure"))
        if status != PUBLISHED and any(row[c] != "" for c in others):
            findings.append(Finding(where, f"is {status} and yet says something"))
    for release in case.releases:
        for path, page in release.pages.items():
            marks = {c["class"] for t in page.tables for r in t for c in r if hidden_text(c["text"])}
            if len(marks) > 1:
                findings.append(Finding(str(path), f"withheld figures look different: {sorted(marks)}"))
    return judged(findings, f"{n} rows and the pages") if n else not_applicable("no tables of counts")


def hidden_text(text):
    """Whether a cell of a page says that its figure is withheld."""
    return text.strip().lower() in ("withheld", "riservato", "riservata")


def attack_21(case):
    """No category has 90 % of its row: all of them would share it."""
    return shares(case, 0.9, 1.0)


def attack_22(case):
    """No row is zero but for one category."""
    findings, n = [], 0
    for release in case.releases:
        for table in release.counts:
            for m in table.measures:
                for total, cells in rows_of(table, m).values():
                    n += 1
                    values = [v for v, s in cells.values() if s != NOT_COVERED]
                    ones = [c for c, (v, s) in cells.items() if v != 0 and s != NOT_COVERED]
                    if len(ones) == 1 and len(values) > 1 and total:
                        claim = f"all {total} of the row are in it"
                        findings.append(Finding(f"{release} {ones[0]}", claim))
    return judged(findings, f"{n} rows") if n else not_applicable("no table has rows with a total")


def rows_of(table, m):
    """Rows that share persons among categories: a place and a period, each category with its figure."""
    category = next((a for a in table.axes if not GEOGRAPHY.search(a)), None)
    if category is None or TOTAL not in table.values[category]:
        return {}
    found = {}
    for row in table.rows:
        where = tuple(row[k] for k in table.key if k != category)
        total, cells = found.get(where, (None, {}))
        if row[category] == TOTAL:
            total = shown(table, m, row)
        else:
            cells[named(table, m, row)] = (shown(table, m, row), row[table.flag])
        found[where] = (total, cells)
    return found


def shares(case, least, below):
    """Categories with too great a share of a printed total, and parts of their whole."""
    findings, n = [], 0
    for release in case.releases:
        for table in release.counts:
            for m in table.measures:
                for total, cells in rows_of(table, m).values():
                    n += 1
                    for name, (value, _) in cells.items():
                        if total and value and least <= value / total <= below:
                            share = f"{value} of {total}, {100 * value / total:.0f} %"
                            findings.append(Finding(f"{release} {name}", share))
        for name, value, whole in printed_parts(release):
            n += 1
            if whole and value / whole >= least:
                findings.append(Finding(f"{release} {name}", f"{value} of {whole} share it"))
    if not n:
        return not_applicable("no printed totals or wholes")
    return judged(findings, f"{n} rows and parts")


def printed_parts(release):
    """Parts of which the whole is printed too."""
    names = measure_names([release])
    by_name = {names[t.name, m]: (t, m) for t in release.counts for m in t.measures}
    for part, whole in part_pairs(release, names):
        (a, m), (b, w) = by_name[part], by_name[whole]
        wholes = {tuple(r[k] for k in a.key): shown(b, w, r) for r in b.rows}
        for row in a.rows:
            value, of = shown(a, m, row), wholes.get(tuple(row[k] for k in a.key))
            if value is not None and of is not None:
                yield named(a, m, row), value, of


def small_rests(release, k):
    """What is left of a printed whole without its printed part, where it is small."""
    for name, value, whole in printed_parts(release):
        if 1 <= whole - value < k:
            yield Finding(f"{release} rest of {name}", f"is {whole - value}: {whole} - {value}")


def attack_23(case):
    """Rates beside counts: each must follow from printed counts alone."""
    findings, n = [], 0
    for release in case.releases:
        for told in (page_rates(release), signal_rates(release)):
            for finding in told:
                n += 1
                if finding:
                    findings.append(finding)
    if not n:
        return not_applicable("no rates are printed")
    return judged(findings, f"{n} rates")


def page_rates(release):
    """Rates on pages, against the printed counts of a row that fits."""
    from attacker.pages import page_rows

    for row in page_rows(release):
        for period, (_, rate) in row.figures.items():
            if rate is None:
                continue
            fitting = [f.get(period) for f in row.parts]
            if any(p is not None and round(100 * p[0] / p[1]) == rate for p in fitting if p and p[1]):
                yield None
            else:
                yield Finding(f"{release} {row.label} {period}", f"a rate of {rate} % without its count")


def signal_rates(release):
    """What is expected of a part, recomputed from printed totals of the year before."""
    table = release.table("signals")
    requests, unmet = (release.table(f"{n}_by_district_need_quarter") for n in ("requests", "unmet"))
    if not table or not requests or not unmet:
        return
    whole = {tuple(r[k] for k in requests.key): shown(requests, "n_requests", r) for r in requests.rows}
    part = {tuple(r[k] for k in unmet.key): shown(unmet, "n_unmet", r) for r in unmet.rows}
    for row in table.rows:
        if row["aspect"] not in ("unmet_share", "no_offer"):
            continue
        place = (row["district_code"], row["need_code"], row["quarter"])
        rates = [reference(part, whole, need, row["quarter"]) for need in (row["need_code"], TOTAL)]
        n, expected = whole.get(place), float(row["expected"])
        digits = len(row["expected"].partition(".")[2]) if "." in row["expected"] else 0
        slack = max(0.5 * 10**-digits, 0.005 * expected) * 1.001
        if n is not None and any(r is not None and abs(r * n - expected) <= slack for r in rates):
            yield None
        else:
            claim = f"expected {expected} does not follow from printed counts, so it says something of hidden ones"
            yield Finding(f"{release} signal {row['signal_id']}", claim, "likely")


def reference(part, whole, need, quarter):
    """A need's share in the four quarters before, from printed totals."""
    year, q = int(quarter[:4]), int(quarter[-1])
    ordinals = range(4 * year + q - 5, 4 * year + q - 1)
    a = b = 0
    for past in (f"{o // 4}-Q{o % 4 + 1}" for o in ordinals):
        x, y = part.get((TOTAL, need, past)), whole.get((TOTAL, need, past))
        if x is not None and y is not None:
            a, b = a + x, b + y
    return a / b if b >= MIN_REFERENCE else None


def attack_24(case):
    """Medians and extremes only where at least k stand behind them."""
    findings, n = [], 0
    for release in case.releases:
        counts = {}
        for table in release.counts:
            for m in table.measures:
                for row in table.rows:
                    place = (row.get("district_code"), row.get("need_code"), row.get(table.period))
                    counts.setdefault(place, {})[m] = shown(table, m, row)
        for table, row in extremes(release):
            n += 1
            place = (row.get("district_code"), row.get("need_code"), row.get("quarter"))
            known = counts.get(place, {})
            behind = known.get("n_requests", max((v for v in known.values() if v), default=None))
            if behind is None or behind < case.k:
                name = f"{release} {table.name} {row.get('signal_id') or ' '.join(map(str, place))}"
                findings.append(Finding(name, f"a median with {behind or 'an unprinted number'} behind it"))
    return judged(findings, f"{n} medians") if n else not_applicable("no median or extreme is printed")


def extremes(release):
    """Rows that print a median, a mean or an extreme."""
    for table in release.tables:
        columns = [c for c in table.columns if EXTREME.search(c)]
        for row in table.rows:
            if any(row[c] for c in columns) or row.get("aspect") == "long_wait":
                yield table, row


def attack_25(case):
    """Decimals: a percentage so fine that it can only be a fraction of few."""
    findings, n = [], 0
    for release in case.releases:
        for table in release.tables:
            if table.name == "districts":
                continue
            for column in (c for c in table.columns if table.units[c] == "%"):
                for row in (r for r in table.rows if r[column] != ""):
                    n += 1
                    few = few_behind(row[column], case.k)
                    if few:
                        where = f"{release} {table.name}.{column} {row[table.key[0]]}"
                        findings.append(Finding(where, f"{row[column]} % is {few}", "likely"))
    if not n:
        return not_applicable("no percentage rests on unprinted counts")
    return judged(findings, f"{n} percentages")


def few_behind(text, k):
    """The fraction below k that a percentage is, if it is one by more than chance."""
    digits = len(text.partition(".")[2].rstrip("0"))
    value, slack = abs(float(text)) / 100, 0.5 * 10 ** (-digits - 2)
    for b in range(2, k) if digits else ():
        a = round(value * b)
        if a % b and abs(a / b - value) <= slack and 2 * slack * b * b < 0.05:
            return f"{a}/{b}"
    return None


def attack_26(case):
    """What is left of the population without those counted."""
    findings, n = [], 0
    for release in case.releases:
        places = release.table("districts")
        if not places or "residents" not in places.columns:
            continue
        residents = {r[places.key[0]]: number(r["residents"]) for r in places.rows}
        for table in release.counts:
            for m in table.measures:
                for row in table.rows:
                    value = shown(table, m, row)
                    people = next((residents[row[a]] for a in table.axes if row[a] in residents), None)
                    if value is None or people is None:
                        continue
                    n += 1
                    if people - value < case.k:
                        claim = f"{value} of {people} residents"
                        findings.append(Finding(f"{release} {named(table, m, row)}", claim))
    return judged(findings, f"{n} counts") if n else not_applicable("no population is printed")


def attack_27(case):
    """A figure behind which one platform stands, without that platform's leave."""
    findings, n, n_open = [], 0, 0
    for release in case.releases:
        coverage = release.table("coverage_by_platform_district_quarter")
        if not coverage:
            continue
        covering = defaultdict(set)
        for row in coverage.rows:
            if row["status"] in ("covered", "partly"):
                covering[row["district_code"], row["quarter"]].add(row["platform"])
        for table in release.counts:
            for m in table.measures:
                for row in table.rows:
                    value = shown(table, m, row)
                    platforms = covering.get((row.get("district_code"), row.get(table.period)), set())
                    if not value or row.get("district_code") == TOTAL:
                        continue
                    n += 1
                    not_waived = platforms - release.waivers
                    if len(platforms) == 1 and not_waived:
                        claim = f"is of {not_waived.pop()} alone, which has not agreed to it"
                        findings.append(Finding(f"{release} {named(table, m, row)}", claim))
                    n_open += bool(not_waived) and 1 < len(platforms) < MIN_PLATFORMS
    if not n:
        return not_applicable("no coverage by platform is printed")
    told = f"{n} figures"
    if n_open:
        told += f"; {n_open} have two platforms of which one has not agreed, and files do not say whose they are"
    return judged(findings, told)
