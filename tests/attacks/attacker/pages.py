"""What the pages show, row by row, against the tables."""

import re
from dataclasses import dataclass, field

from attacker.findings import Finding, shown
from attacker.release import NOT_COVERED, PUBLISHED, SOURCE_DOWN, SUPPRESSED

QUARTER = re.compile(r"^\s*[QT]([1-4])\s+(\d{4})\s*$")
WORDS = {
    "withheld": SUPPRESSED,
    "riservato": SUPPRESSED,
    "riservata": SUPPRESSED,
    "not covered": NOT_COVERED,
    "non coperto": NOT_COVERED,
    "non coperta": NOT_COVERED,
    "source down": SOURCE_DOWN,
    "fonte assente": SOURCE_DOWN,
}


@dataclass
class PageRow:
    """A row of a table on a district's page."""

    path: object
    district: str
    label: str
    figures: dict
    drawn: set
    desc: str
    matches: list = field(default_factory=list)
    parts: list = field(default_factory=list)


def parsed(text):
    """Figure or status of a cell, and the rate below it."""
    rate = re.search(r"(\d+)\s*%", text)
    plain = text.strip().lower()
    head = re.match(r"\s*(\d{1,3}(?:[.,\u202f\u00a0 ]\d{3})+|\d+)", text)
    if plain in WORDS or not head:
        return WORDS.get(plain, plain), int(rate[1]) if rate else None
    return int(re.sub(r"\D", "", head[1])), int(rate[1]) if rate else None


def page_rows(release):
    """Rows of the districts' pages, with the rows of the tables that they can be."""
    table = next((t for t in release.counts if t.name.startswith("requests_by_district_need")), None)
    part = next((t for t in release.counts if t.name.startswith("unmet_by_district_need")), None)
    if not table:
        return []
    known, rest = by_need(table, "n_requests"), by_need(part, "n_unmet") if part else {}
    periods = sorted({r[table.period] for r in table.rows})
    found = []
    for path, page in release.pages.items():
        if path.parent.parent.name != "districts":
            continue
        district = path.parent.name
        for rows in page.tables:
            found += rows_of_page(path, district, rows, periods)
    for row in found:
        for need, figures in known.get(row.district, {}).items():
            if all(figures.get(q) == v for q, (v, _) in row.figures.items()):
                row.matches.append(need)
                parts = rest.get(row.district, {}).get(need, {})
                row.parts.append(
                    {
                        q: (parts.get(q), figures[q])
                        for q in figures
                        if isinstance(parts.get(q), int) and isinstance(figures[q], int)
                    }
                )
    return found


def by_need(table, measure):
    """Figure or status by district, need and period."""
    found = {}
    for row in table.rows:
        value = shown(table, measure, row) if row[table.flag] == PUBLISHED else row[table.flag]
        at = found.setdefault(row["district_code"], {}).setdefault(row["need_code"], {})
        at[row[table.period]] = value
    return found


def rows_of_page(path, district, rows, periods):
    """Rows of one table whose columns are quarters."""
    if not rows:
        return []
    columns = {}
    for i, c in enumerate(rows[0]):
        match = QUARTER.match(c["text"])
        if match:
            columns[i] = f"{match[2]}-Q{match[1]}"
    found = []
    for row in rows[1:] if columns else []:
        figures = {q: parsed(row[i]["text"]) for i, q in columns.items() if i < len(row)}
        trend = next((c for c in row if c["lines"]), {"lines": [], "desc": ""})
        drawn = drawn_periods(trend["lines"], periods)
        found.append(PageRow(path, district, row[0]["text"].strip(), figures, drawn, trend["desc"]))
    return found


def drawn_periods(lines, periods):
    """Periods at which a drawn line has a point, with its height."""
    found = set()
    step = 144.0 / max(len(periods) - 1, 1)
    for points in lines:
        for point in points.split():
            x, y = map(float, point.split(","))
            at = (x - 3.0) / step
            if abs(at - round(at)) < 0.03 and 0 <= round(at) < len(periods):
                found.add((periods[round(at)], y))
    return found


def disagreements(release):
    """Rows of pages that no row of the tables is like, and lines drawn through withheld figures."""
    table = next((t for t in release.counts if t.name.startswith("requests_by_district_need")), None)
    known = by_need(table, "n_requests") if table else {}
    n, findings = 0, []
    for row in page_rows(release):
        n += 1
        name = f"{release} {row.path.relative_to(release.folder)}: {row.label}"
        if not row.matches:
            findings.append(Finding(name, "shows figures that no row of the tables has"))
            continue
        all_figures = [known[row.district][need] for need in row.matches]
        for period, _ in row.drawn:
            if not any(isinstance(f.get(period), int) for f in all_figures):
                findings.append(Finding(name, f"a line is drawn through {period}, which is withheld"))
        highest = re.search(r"(?:highest|massimo)\D*(\d[\d.,]*)", row.desc)
        if highest:
            value = int(re.sub(r"\D", "", highest[1]))
            if not any(value == max((v for v in f.values() if isinstance(v, int)), default=None) for f in all_figures):
                findings.append(Finding(name, f"a highest figure of {value} that is not printed"))
    return n, findings


def card_disagreements(release):
    """Signals on pages whose observed figure is not that of the table."""
    table = release.table("signals")
    known = {r["signal_id"]: r for r in table.rows} if table and "signal_id" in table.columns else {}
    n, findings = 0, []
    for path, page in release.pages.items():
        for card, text in page.cards.items():
            n += 1
            name = f"{release} {path.relative_to(release.folder)}: {card}"
            if card not in known:
                findings.append(Finding(name, "a signal that the table does not have"))
                continue
            told = re.search(r"(?:observed|osservat\w)\s+(\d[\d.,]*)", text)
            if told and known[card].get("observed"):
                value = int(re.sub(r"\D", "", told[1]))
                if value != round(float(known[card]["observed"])):
                    findings.append(Finding(name, f"says {value}, the table {known[card]['observed']}"))
    return n, findings
