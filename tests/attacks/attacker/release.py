"""A release as anybody can read it: tables, their meaning, and what is said about protection."""

import csv
import json
import re
from dataclasses import dataclass, field
from functools import cached_property
from html.parser import HTMLParser
from pathlib import Path
from typing import NamedTuple

TOTAL = "TOTAL"
PUBLISHED, SUPPRESSED, NOT_COVERED, SOURCE_DOWN = (
    "published",
    "suppressed",
    "not_covered",
    "source_down",
)
FLAGS = {PUBLISHED, SUPPRESSED, NOT_COVERED, SOURCE_DOWN}
PERIOD = re.compile(r"^(\d{4})(?:-(?:Q([1-4])|H([12])|(\d{2})))?$")
GEOGRAPHY = re.compile(r"comun|municip|distri|ambit|provinc|region|area_code|place")


def period_of(text):
    """Grain and months of a period, such as `2026-Q3`; nothing for another text."""
    match = PERIOD.match(text or "")
    if not match:
        return None
    year, quarter, half, month = match.groups()
    if quarter:
        first = 3 * int(quarter) - 2
        return "quarter", [f"{year}-{m:02}" for m in range(first, first + 3)]
    if half:
        first = 6 * int(half) - 5
        return "half", [f"{year}-{m:02}" for m in range(first, first + 6)]
    if month:
        return "month", [f"{year}-{month}"]
    return "year", [f"{year}-{m:02}" for m in range(1, 13)]


class Cell(NamedTuple):
    """A figure of the world: what is counted, when, and where; totals have no place."""

    measure: str
    period: str
    place: tuple

    def __str__(self):
        place = " ".join(value for _, value in self.place) or TOTAL
        return f"{self.measure}[{place} {self.period}]".replace(" ]", "]")


def cell(measure, period, coordinates):
    """The cell at these coordinates, without the axes that are summed over."""
    place = tuple(sorted((a, v) for a, v in coordinates.items() if v != TOTAL))
    return Cell(measure, period, place)


@dataclass
class Table:
    """One published table, rows as texts."""

    name: str
    columns: list
    key: list
    rows: list
    csv_path: Path
    parquet_path: Path | None
    description: str = ""
    roles: dict = field(default_factory=dict)
    units: dict = field(default_factory=dict)
    meanings: dict = field(default_factory=dict)

    @cached_property
    def flag(self):
        """The column that says whether a figure is printed."""
        found = [c for c in self.columns if self.roles.get(c) == "flag"]
        return found[0] if found else None

    @cached_property
    def period(self):
        """The key column that holds periods."""
        for name in self.key:
            values = {row[name] for row in self.rows}
            if values and all(v == TOTAL or period_of(v) for v in values) and values != {TOTAL}:
                return name
        return None

    @cached_property
    def axes(self):
        """Key columns but the period."""
        return [name for name in self.key if name != self.period]

    @cached_property
    def measures(self):
        """Counts beside the key, where a flag says whether they are printed."""
        if not self.flag:
            return []
        return [c for c in self.columns if self.roles.get(c) == "count" and c not in self.key]

    @cached_property
    def values(self):
        """The values of each axis, as they come."""
        return {a: list(dict.fromkeys(row[a] for row in self.rows)) for a in self.axes}

    def cell(self, measure, row):
        """The cell that a row speaks of."""
        period = row[self.period] if self.period else ""
        return cell(measure, period, {a: row[a] for a in self.axes})

    def zeros(self, measure):
        """Coordinates of the inner cells that print a zero."""
        inner = (r for r in self.rows if all(r[a] != TOTAL for a in self.axes))
        zeros = (r for r in inner if r[self.flag] == PUBLISHED and r[measure] == "0")
        return {tuple(r[k] for k in sorted(self.key)) for r in zeros}


def number(text):
    """A whole number, or nothing."""
    return int(text) if text not in (None, "") and re.fullmatch(r"-?\d+", text) else None


class Release:
    """A release folder."""

    def __init__(self, folder):
        self.folder = Path(folder)
        package = self.folder / "datapackage.json"
        if not package.is_file():
            raise ValueError(f"{folder}: no datapackage.json: is this a release folder?")
        self.package = json.loads(package.read_text(encoding="utf-8"))
        self.version = self.package.get("version", self.folder.name)
        self.tables = [self._table(r) for r in self.package["resources"] if r.get("schema")]
        self.tables = [t for t in self.tables if t]

    def __str__(self):
        return f"v{self.version}"

    @cached_property
    def files(self):
        """Every file, sorted."""
        return sorted(p for p in self.folder.rglob("*") if p.is_file())

    @cached_property
    def dictionary(self):
        """What each column means, by table and column."""
        path = self.folder / "metadata" / "dictionary.csv"
        if not path.is_file():
            return {}
        with path.open(encoding="utf-8", newline="") as file:
            return {(row["table"], row["column"]): row for row in csv.DictReader(file)}

    def _table(self, resource):
        path = self.folder / resource["path"]
        if path.suffix != ".csv" or not path.is_file():
            return None
        with path.open(encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file)
            columns = list(reader.fieldnames or [])
            rows = list(reader)
        parquet = resource.get("parquet", {}).get("path")
        table = Table(
            resource["name"],
            columns,
            list(resource["schema"].get("primaryKey", [])),
            rows,
            path,
            self.folder / parquet if parquet else None,
            resource.get("description", ""),
        )
        for column in columns:
            said = self.dictionary.get((table.name, column), {})
            table.roles[column] = said.get("role", "")
            table.units[column] = said.get("unit", "")
            table.meanings[column] = said.get("meaning_en", "")
        return table

    @cached_property
    def counts(self):
        """Tables of counts with a flag: those that protection is about."""
        return [t for t in self.tables if t.measures]

    def table(self, prefix):
        """The first table whose name begins so."""
        return next((t for t in self.tables if t.name.startswith(prefix)), None)

    @cached_property
    def books(self):
        """The published books of the sources."""
        path = self.folder / "metadata" / "books.csv"
        if not path.is_file():
            return []
        with path.open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))

    @cached_property
    def protection(self):
        """What the release says of its protection; `suppress` where it says nothing."""
        said = self.package.get("protection") or self.package.get("protect") or {}
        return {"mode": "suppress", **said} if isinstance(said, dict) else {"mode": str(said)}

    @cached_property
    def k(self):
        """Fewest persons behind a printed count, as the release says it, else ten."""
        said = self.protection.get("k_persons")
        if said:
            return int(said)
        agreed = [s.get("agreement", {}).get("min_k") for s in self.package.get("sources", [])]
        agreed = [int(k) for k in agreed if k]
        page = self.folder / "site" / "en" / "index.html"
        text = page.read_text(encoding="utf-8") if page.is_file() else ""
        match = re.search(r"at least (\d+) persons", text)
        return int(match[1]) if match else max(agreed, default=10)

    @cached_property
    def waivers(self):
        """Platforms whose agreement lets their figures stand alone."""
        said = set(self.protection.get("waivers", []))
        rows = (s for s in self.sources if s.get("waivers", "").startswith("min_platforms"))
        return said | {row["source"] for row in rows}

    @cached_property
    def sources(self):
        """Identifier and title of each source."""
        path = self.folder / "metadata" / "sources.csv"
        if not path.is_file():
            return []
        with path.open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))

    @cached_property
    def pages(self):
        """Every page, parsed."""
        return {p: Page(p.read_text(encoding="utf-8")) for p in self.files if p.suffix == ".html"}

    def comuni(self, district):
        """The comuni of a district as its page names them."""
        page = self.folder / "site" / "it" / "districts" / district / "index.html"
        if page not in self.pages:
            return None
        text = self.pages[page].comuni
        return frozenset(n.strip() for n in text.rstrip(". ").split(",")) if text else None

    @cached_property
    def geography(self):
        """What is known of each district: its comuni where named, its size at least."""
        table = self.table("districts")
        if not table:
            return {}
        known = {}
        for row in table.rows:
            code = row[table.key[0]]
            names = self.comuni(code)
            known[code] = names or (row.get("n_comuni"), row.get("residents"))
        return known


class Page(HTMLParser):
    """What a page shows: tables, cards, drawn lines, the list of comuni."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.tables, self.cards, self.classes = [], {}, set()
        self.comuni = ""
        self.text = []
        self._row = self._cell = self._card = None
        self._in_comuni = 0
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.classes.update((attrs.get("class") or "").split())
        if tag == "table":
            self.tables.append([])
        elif tag == "tr" and self.tables:
            self._row = []
            self.tables[-1].append(self._row)
        elif tag in ("td", "th") and self._row is not None:
            self._cell = {"class": attrs.get("class"), "text": "", "lines": [], "desc": ""}
            self._row.append(self._cell)
        elif tag == "article":
            self._card = attrs.get("id")
            self.cards[self._card] = ""
        elif tag == "summary":
            self._in_comuni = 1
        elif tag == "p" and self._in_comuni == 2:
            self._in_comuni = 3
        elif tag == "desc" and self._cell is not None:
            self._cell["in_desc"] = True
        elif tag in ("polyline", "circle") and self._cell is not None:
            self._cell["lines"].append(attrs.get("points") or f"{attrs.get('cx')},{attrs.get('cy')}")

    def handle_endtag(self, tag):
        if tag in ("td", "th"):
            self._cell = None
        elif tag == "tr":
            self._row = None
        elif tag == "article":
            self._card = None
        elif tag == "desc" and self._cell is not None:
            self._cell["in_desc"] = False
        elif tag == "p" and self._in_comuni == 3:
            self._in_comuni = 0

    def handle_data(self, data):
        self.text.append(data)
        if self._cell is not None:
            self._cell["desc" if self._cell.get("in_desc") else "text"] += data
        if self._card is not None:
            self.cards[self._card] += data
        if self._in_comuni == 1 and data.strip():
            self._in_comuni = 2 if data.strip() in ("I comuni", "The comuni") else 0
        elif self._in_comuni == 3:
            self.comuni += data
