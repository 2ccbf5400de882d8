#!/usr/bin/env python3
"""Makes releases with the built binary and attacks them.

    campaign.py --binary target/debug/antenne [--quick] [--only first,chain,split,small] [--seed 1]

Four campaigns: the sample's first release; a chain of six monthly releases with late rows,
corrections and erasures; a district that is split; small random commons. Ends with exit code 3
when an attack succeeds.
"""

import argparse
import csv
import gzip
import io
import json
import random
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from datetime import date, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

HERE = Path(__file__).resolve().parent
PARTS = ["antenne.toml", "pipelines", "sql", "reference", "sample-data"]
TABLES = {
    "requests_by_district_need_quarter": "derived.requests_by_district_need_quarter",
    "unmet_by_district_need_quarter": "derived.unmet_by_district_need_quarter",
    "offers_by_district_need_quarter": "derived.offers_by_district_need_quarter",
}
CANARIES = ["S9417733", "zzcanarino", "frase unica del canarino"]
MONTH_ENDS = [date(2026, m, d) for m, d in ((4, 30), (5, 31), (6, 30), (7, 31), (8, 31), (10, 1))]
INSIDER = """
with counted as (
    select platform, district_code, need_code, quarter,
        case when counts_as = 'request' then 1 else 0 end as n_requests,
        case when counts_as = 'request' and outcome = 'unmet' then 1 else 0 end as n_unmet,
        case when counts_as = 'offer' then 1 else 0 end as n_offers
    from derived._exchanges
)
select district_code, need_code, quarter,
    sum(n_requests) as n_requests, sum(n_unmet) as n_unmet, sum(n_offers) as n_offers
from counted where platform = '{}' group by district_code, need_code, quarter
"""


class Commons:
    """A temporary commons."""

    def __init__(self, binary, root, folder):
        self.binary, self.folder = Path(binary).resolve(), Path(folder)
        self.truths = []
        self.folder.mkdir(parents=True)
        for part in PARTS:
            source = Path(root) / part
            copy = shutil.copytree if source.is_dir() else shutil.copy2
            copy(source, self.folder / part)

    def antenne(self, *arguments, may_be=(0, 4)):
        """Runs the command in this commons; fails loudly on any other exit code."""
        command = [str(self.binary), *arguments]
        done = subprocess.run(command, cwd=self.folder, capture_output=True, text=True)
        if done.returncode not in may_be:
            raise RuntimeError(f"{command} ended with {done.returncode}\n{done.stderr[-2000:]}")
        return done

    def sample(self, seed, exchanges):
        """Writes another sample in place of the repository's."""
        key = (self.folder / "sample-data" / "sample.key").read_bytes()
        shutil.rmtree(self.folder / "sample-data")
        size = str(exchanges)
        self.antenne("sample", "--seed", str(seed), "--exchanges", size, "--out", "sample-data")
        (self.folder / "sample-data" / "sample.key").write_bytes(key)

    def plant_canary(self):
        """One more person, alone with a tag and a text of their own."""
        path = self.folder / "sample-data" / "mi_fido_di_noi" / "movimenti.csv"
        lines = path.read_text(encoding="windows-1252").splitlines()
        row = dict.fromkeys(lines[0].split(";"), "")
        row.update(
            id_movimento="M9417733", versione="1", data="15/04/2026",
            data_registrazione="15/04/2026 09:00", id_socio_cedente="S9417734",
            id_socio_ricevente="S9417733", tipo_annuncio="CERCO", categoria="Passaggi",
            descr_breve=CANARIES[2], etichette=CANARIES[1], comune="Monza", stato="SCADUTO",
            modalita="individuale", assistito="N",
        )  # fmt: skip
        text = "\n".join([*lines, ";".join(row.values())]) + "\n"
        path.write_text(text, encoding="windows-1252")

    def releases(self):
        """The releases, oldest first."""
        folders = (self.folder / "releases").glob("v*")
        return sorted(folders, key=lambda p: [int(n) for n in re.findall(r"\d+", p.name)])

    def publish(self):
        """A run; whether it made a new release. Its truth is exported beside it."""
        before = len(self.releases())
        done = self.antenne("run", may_be=(0, 3, 4))
        if done.returncode == 3:
            refusal = next((x for x in done.stderr.splitlines() if "refused" in x), "no reason")
            print(f"  refused: {refusal}"[:200], file=sys.stderr)
        if len(self.releases()) == before:
            return False
        truth = self.folder / "truth" / f"{len(self.truths):02}"
        truth.mkdir(parents=True)
        for name, table in TABLES.items():
            self.export(f"select * from {table}", truth / f"{name}.csv")
        self.truths.append(truth)
        return True

    def export(self, sql, path):
        """What a query over the lake answers, as CSV: only to judge, and for insiders."""
        self.antenne("query", "--private", "--format", "csv", "--output", str(path), sql)

    def insiders(self):
        """The counts of each platform that takes requests, as it knows them itself."""
        found = []
        listed = self.folder / "platforms.csv"
        self.export("select distinct platform from derived._exchanges order by platform", listed)
        with listed.open(encoding="utf-8", newline="") as file:
            platforms = [row["platform"] for row in csv.DictReader(file)]
        for platform in platforms:
            path = self.folder / f"insider-{platform}.csv"
            self.export(INSIDER.format(platform), path)
            found.append(f"{platform}={path}")
        return found

    def attack(self, *more):
        """All attacks on all releases together; the answer as JSON."""
        canary = self.folder / "canaries.txt"
        canary.write_text("\n".join(CANARIES), encoding="utf-8")
        command = [sys.executable, str(HERE / "attack.py"), "--format", "json"]
        command += [*map(str, self.releases()), "--canaries", str(canary)]
        for truth in self.truths:
            command += ["--truth", str(truth)]
        for insider in self.insiders():
            command += ["--insider", insider]
        done = subprocess.run([*command, *more], capture_output=True, text=True)
        if done.returncode not in (0, 3):
            raise RuntimeError(done.stderr[-3000:])
        return json.loads(done.stdout)


def until(source, target, end):
    """Copies the sample's files with only what was recorded until a day."""
    for path in sorted(p for p in source.rglob("*") if p.is_file()):
        name = path.relative_to(source)
        kept = cut(path, name, end)
        if kept is not None:
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            (target / name).write_bytes(kept)


def cut(path, name, end):
    """The bytes of one file as of a day; None when it was not there yet."""
    kind = name.parts[0]
    if kind == "mi_fido_di_noi":
        return cut_ledger(path, end)
    if kind == "la_cura_e_di_casa":
        return cut_page(path, end)
    if kind == "wemi" and path.suffix == ".parquet":
        return cut_parquet(path, end)
    if kind == "bacheca_digitale":
        return cut_workbook(path, end)
    if kind == "family_like" and name.parts[1] == "eventi":
        return path.read_bytes() if path.name[:7] <= end.isoformat()[:7] else None
    if kind == "family_like":
        lines = path.read_text(encoding="utf-8").splitlines()
        kept = [x for x in lines if (json.loads(x).get("mese") or json.loads(x).get("giorno") or "") <= end.isoformat()]
        return ("\n".join(kept) + "\n").encode()
    return path.read_bytes()


def cut_ledger(path, end):
    """Semicolons; days as 31/12/2026."""
    header, *lines = path.read_text(encoding="windows-1252").splitlines()
    column = next(i for i, c in enumerate(header.split(";")) if c in ("data_registrazione", "mese"))

    def day(line):
        text = line.split(";")[column]
        found = re.match(r"(?:(\d\d)/)?(\d\d)/(\d{4})", text)
        return f"{found[3]}-{found[2]}-{found[1] or '01'}" if found else ""

    kept = [x for x in lines if day(x) <= end.isoformat()]
    return ("\n".join([header, *kept]) + "\n").encode("windows-1252")


def cut_page(path, end):
    """A page of a REST service; its total is of what it holds over all pages."""
    page = json.loads(gzip.decompress(path.read_bytes()))

    def is_in(item):
        return (item.get("aggiornato_il") or item.get("mese") or "")[:10] <= end.isoformat()

    page["items"] = [item for item in page["items"] if is_in(item)]
    if "total" in page:
        pages = (json.loads(gzip.decompress(p.read_bytes())) for p in sorted(path.parent.glob("*.gz")))
        page["total"] = sum(is_in(item) for p in pages for item in p["items"])
    return gzip.compress(json.dumps(page, ensure_ascii=False).encode(), mtime=0)


def cut_parquet(path, end):
    """A table of a dump: by its own day, or by the requests that are in."""
    table = pq.read_table(path)
    days = [c for c in ("ts_registrazione", "ts_variazione_stato", "ts_associazione", "ts_recensione", "dt_mese") if c in table.column_names]
    if days:
        kept = pc.less(table[days[0]].cast(pa.date32()), pa.scalar(end + timedelta(days=1)))
        table = table.filter(kept)
    elif "id_richiesta_servizio_base" in table.column_names:
        base = pq.read_table(path.parent / "richiesta_servizio_base.parquet")
        kept = pc.less(base["ts_registrazione"].cast(pa.date32()), pa.scalar(end + timedelta(days=1)))
        ids = base.filter(kept)["id_richiesta_servizio_base"]
        table = table.filter(pc.is_in(table["id_richiesta_servizio_base"], ids))
    out = io.BytesIO()
    pq.write_table(table, out)
    return out.getvalue()


def cut_workbook(path, end):
    """A workbook: rows of its first sheet that were registered later go, and its count with them."""
    source = zipfile.ZipFile(path)
    strings = re.findall(r"<si>(.*?)</si>", source.read("xl/sharedStrings.xml").decode(), re.S)
    strings = [re.sub(r"<[^>]*>", "", s) for s in strings]
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as target:
        for item in source.infolist():
            data = source.read(item.filename)
            if item.filename == "xl/worksheets/sheet1.xml":
                data = cut_sheet(data.decode(), strings, end).encode()
            target.writestr(zipfile.ZipInfo(item.filename), data)
    return out.getvalue()


def registered_on(row, strings):
    """The day in column R of a row, written as a number or as a text."""
    found = re.search(r'<c r="R\d+"([^>]*)><v>([\d.]+)</v>', row)
    if not found:
        return date.min
    if 't="s"' not in found[1]:
        return date(1899, 12, 30) + timedelta(days=int(float(found[2])))
    text = re.match(r"(\d\d)/(\d\d)/(\d{4})", strings[int(found[2])])
    return date(int(text[3]), int(text[2]), int(text[1])) if text else date.min


def cut_sheet(text, strings, end):
    """Rows of a sheet that were registered later are left out, and the rest moves up."""
    rows = re.findall(r"<row .*?</row>", text, re.S)
    kept, place = [], 5
    for row in rows:
        old = int(re.match(r'<row r="(\d+)"', row)[1])
        if old > 5:
            if registered_on(row, strings) > end:
                continue
            place += 1
            row = re.sub(rf'(r="[A-Z]*){old}"', rf'\g<1>{place}"', row)
        kept.append(row)
    body = re.sub(r'(<c r="B2"[^>]*><v>)\d+', rf"\g<1>{place - 5}", "".join(kept))
    start, stop = text.index(rows[0]), text.rindex(rows[-1]) + len(rows[-1])
    return text[:start] + body + text[stop:]


def some_persons(folder, chance, n):
    """Persons of the time bank, drawn by chance."""
    text = (folder / "sample-data/mi_fido_di_noi/movimenti.csv").read_text(encoding="windows-1252")
    persons = sorted(set(re.findall(r"S\d{6}", text)))
    return chance.sample(persons, min(n, len(persons)))


def first(make, options):
    """The first release of the sample."""
    commons = make("first")
    if options.quick:
        commons.sample(options.seed, 6000)
    commons.plant_canary()
    commons.publish()
    return [commons.attack()]


def chain(make, options):
    """Six monthly releases, with what came late, what was corrected, and who was erased."""
    commons = make("chain")
    chance = random.Random(options.seed)
    if options.quick:
        commons.sample(options.seed, 6000)
    commons.plant_canary()
    whole = commons.folder / "whole"
    (commons.folder / "sample-data").rename(whole)
    for i, end in enumerate(MONTH_ENDS):
        shutil.rmtree(commons.folder / "sample-data", ignore_errors=True)
        until(whole, commons.folder / "sample-data", end)
        made = commons.publish()
        print(f"  {end}: {'a release' if made else 'nothing new'}", file=sys.stderr)
        if i in (1, 3, 4):
            erase(commons, chance, whole)
    return [commons.attack()]


def erase(commons, chance, whole):
    """Three persons are erased, at the source too: a platform would hand them over no more."""
    persons = some_persons(commons.folder, chance, 3)
    listed = commons.folder / "persons.txt"
    listed.write_text("\n".join(persons) + "\n", encoding="utf-8")
    commons.antenne("erase", "--platform", "mi_fido_di_noi", "--subject-file", str(listed))
    listed.unlink()
    path = whole / "mi_fido_di_noi" / "movimenti.csv"
    lines = path.read_text(encoding="windows-1252").splitlines()
    kept = [x for x in lines if not any(p in x for p in persons)]
    path.write_text("\n".join(kept) + "\n", encoding="windows-1252")


def split(make, options):
    """A district that is split between two releases, once from a day on and once as if always."""
    answers = []
    for name, since in (("split-from-a-day", "2026-07-01"), ("split-as-if-always", None)):
        commons = make(name)
        if options.quick:
            commons.sample(options.seed, 6000)
        commons.publish()
        split_district(commons.folder / "reference" / "districts.csv", "DEMO-OSSOLA", since)
        commons.publish()
        answers.append(commons.attack())
    return answers


def split_district(path, code, since):
    """Half of the comuni of a district go to a new one."""
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        columns, rows = reader.fieldnames, list(reader)
    moved = [r for r in rows if r["district_code"] == code][::2]
    for row in moved:
        new = {**row, "district_code": f"{code}-ALTA", "district_name": row["district_name"] + " alta"}
        if since:
            row["valid_to"] = (date.fromisoformat(since) - timedelta(days=1)).isoformat()
            new["valid_from"] = since
        else:
            rows.remove(row)
        rows.append(new)
    rows.sort(key=lambda r: (r["district_code"], r["comune_code"], r["valid_from"]))
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def small(make, options):
    """Small commons by chance."""
    answers = []
    for i in range(10 if options.quick else options.small):
        commons = make(f"small-{i:03}")
        commons.sample(options.seed * 1000 + i, options.exchanges)
        commons.plant_canary()
        commons.publish()
        answers.append(commons.attack())
        if not options.keep:
            shutil.rmtree(commons.folder)
    return answers


CAMPAIGNS = {"first": first, "chain": chain, "split": split, "small": small}


def summary(name, answers):
    """What became of a campaign, as lines; whether anything was broken."""
    lines, broken = [], {}
    for answer in answers:
        for finding in answer["at_risk"]:
            broken.setdefault(finding["attack"], []).append(finding)
    n_cells = sum(a["cells"] for a in answers)
    n_hidden = sum(a["suppressed"] for a in answers)
    lines.append(f"{name}: {len(answers)} chain(s), {n_cells} cells, {n_hidden} withheld")
    for attack, findings in broken.items():
        example = findings[0]
        lines.append(f"  {attack}: {len(findings)} finding(s), such as {example['cell']}: {example['claim']}")
    lines += [] if broken else ["  all attacks held"]
    return lines, bool(broken)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--binary", required=True, help="the built `antenne`")
    parser.add_argument("--root", default=HERE.parent.parent, help="repository or commons to copy")
    parser.add_argument("--only", default=",".join(CAMPAIGNS), help="campaigns, separated by commas")
    parser.add_argument("--quick", action="store_true", help="smaller samples, ten small commons")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--small", type=int, default=200, help="how many small commons")
    parser.add_argument("--exchanges", type=int, default=600, help="size of a small commons")
    parser.add_argument("--keep", help="folder that keeps the commons and the answers")
    options = parser.parse_args()
    unknown = set(options.only.split(",")) - set(CAMPAIGNS)
    if unknown:
        parser.error(f"unknown campaigns {sorted(unknown)}; there are {sorted(CAMPAIGNS)}")
    any_broken = False
    with tempfile.TemporaryDirectory(prefix="antenne-attacks-") as temporary:
        base = Path(options.keep or temporary)

        def make(name):
            return Commons(options.binary, options.root, base / name)

        for name in options.only.split(","):
            answers = CAMPAIGNS[name](make, options)
            (base / f"{name}.json").write_text(json.dumps(answers, indent=1), encoding="utf-8")
            lines, is_broken = summary(name, answers)
            print("\n".join(lines), flush=True)
            any_broken |= is_broken
    return 3 if any_broken else 0


if __name__ == "__main__":
    sys.exit(main())
