"""Attacks on the files themselves: what lies beside the figures."""

import csv
import hashlib
import io
import itertools
import json
import re
from datetime import date

import pyarrow as pa
import pyarrow.parquet as pq

from attacker.findings import Finding, judged, not_applicable
from attacker.pages import card_disagreements, disagreements
from attacker.parquet import chunks, unaccounted
from attacker.release import TOTAL, period_of

TEXT = {".csv", ".json", ".md", ".html", ".css", ".svg", ".txt", ""}


def parquet_files(case):
    """Each Parquet file with its table."""
    for release in case.releases:
        for table in release.tables:
            if table.parquet_path and table.parquet_path.is_file():
                yield release, table


def attack_32(case):
    """Footers, dictionaries and null counts hold nothing that the rows do not."""
    findings, n = [], 0
    for release, table in parquet_files(case):
        n += 1
        name = f"{release} {table.parquet_path.name}"
        data, meta, found = chunks(table.parquet_path)
        rows = pq.read_table(table.parquet_path)
        for chunk in found:
            values = set(rows[chunk.column].to_pylist())
            extra = [v for v in chunk.dictionary if v not in values]
            if extra:
                claim = f"a dictionary holds what no row has: {extra[:3]}"
                findings.append(Finding(f"{name} {chunk.column}", claim))
            findings += statistics(name, chunk, values)
        for start, end in unaccounted(data, found):
            findings.append(Finding(name, f"bytes {start} to {end} belong to no page"))
        for key in meta.metadata or {}:
            if key != b"ARROW:schema":
                findings.append(Finding(name, f"its footer says {key.decode(errors='replace')}"))
    return judged(findings, f"{n} files, page by page") if n else not_applicable("no Parquet files")


def statistics(name, chunk, values):
    """Minimum and maximum that no row has."""
    told = chunk.statistics
    if told is None or not told.has_min_max:
        return
    for value in (told.min, told.max):
        if value not in values:
            yield Finding(f"{name} {chunk.column}", f"a footer names {value}, which no row has")


def hex_words(release):
    """Words of hexadecimal digits in texts, but for the published checksums of files."""
    sums = {hashlib.sha256(p.read_bytes()).hexdigest() for p in release.files}
    found = {}
    for path, text in texts(release):
        for word in re.findall(r"\b(?=[0-9a-f]*[a-f])(?=[0-9a-f]*\d)[0-9a-f]{8,128}\b", text):
            if word not in sums:
                found.setdefault(word, path)
    return found


def texts(release):
    """Every text of a release: files, their names, strings of Parquet files and their footers."""
    for path in release.files:
        name = path.relative_to(release.folder)
        yield f"name of {name}", str(name)
        if path.suffix in TEXT:
            yield str(name), path.read_text(encoding="utf-8", errors="replace")
        elif path.suffix == ".parquet":
            yield from parquet_texts(path, name)
        else:
            yield str(name), path.read_bytes().decode("latin-1")


def parquet_texts(path, name):
    """Strings of a Parquet file and what its footer says."""
    meta = pq.read_metadata(path)
    for key, value in (meta.metadata or {}).items():
        yield f"footer of {name}", f"{key.decode(errors='replace')} {value.decode(errors='replace')}"
    yield f"footer of {name}", f"{meta.created_by} {' '.join(meta.schema.names)}"
    table = pq.read_table(path)
    for column in table.column_names:
        if pa.types.is_string(table[column].type) or pa.types.is_large_string(table[column].type):
            yield f"{name} {column}", "\n".join(v for v in table[column].unique().to_pylist() if v)


def attack_33(case):
    """No word is the unsalted hash of a small value."""
    words = {}
    for release in case.releases:
        for word, path in hex_words(release).items():
            words.setdefault(word, f"{release} {path}")
    if not words:
        return not_applicable("no words of hexadecimal digits")
    findings, lengths = [], sorted({len(w) for w in words})
    for message in small_values():
        for name, digest in digests(message):
            for length in lengths:
                path = words.get(digest[:length])
                if path:
                    claim = f"{digest[:length]} is the {name} of {message!r}"
                    findings.append(Finding(path, claim))
    return judged(findings, f"{len(words)} words of hexadecimal digits")


def small_values():
    """Values that a person could be found by if only their hash were known."""
    for i in range(10000):
        yield str(i)
    for prefix, width in (("S", 6), ("C", 7), ("A", 6), ("L", 6), ("M", 7), ("V", 5), ("P", 6)):
        for i in range(2000):
            yield f"{prefix}{i:0{width}}"
    for day in range(date(2022, 1, 1).toordinal(), date(2027, 1, 1).toordinal()):
        yield date.fromordinal(day).isoformat()


def digests(message):
    """The usual hashes of a text."""
    data = message.encode()
    for name in ("md5", "sha1", "sha256", "blake2b", "blake2s"):
        yield name, hashlib.new(name, data).hexdigest()
    yield "blake3", blake3(data)


BLAKE3_START = (0x6A09E667, 0xBB67AE85, 0x3C6EF372, 0xA54FF53A, 0x510E527F, 0x9B05688C, 0x1F83D9AB, 0x5BE0CD19)
BLAKE3_ORDER = (2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8)


def blake3(data):
    """BLAKE3 of at most 64 bytes, in hexadecimal digits."""
    m = [int.from_bytes(data.ljust(64, b"\0")[i : i + 4], "little") for i in range(0, 64, 4)]
    v = [*BLAKE3_START, *BLAKE3_START[:4], 0, 0, len(data), 1 | 2 | 8]
    for turn in range(7):
        for i, (a, b, c, d) in enumerate(
            ((0, 4, 8, 12), (1, 5, 9, 13), (2, 6, 10, 14), (3, 7, 11, 15),
             (0, 5, 10, 15), (1, 6, 11, 12), (2, 7, 8, 13), (3, 4, 9, 14))
        ):  # fmt: skip
            for word, (r, s) in ((m[2 * i], (16, 12)), (m[2 * i + 1], (8, 7))):
                v[a] = (v[a] + v[b] + word) & 0xFFFFFFFF
                x = v[d] ^ v[a]
                v[d] = (x >> r | x << 32 - r) & 0xFFFFFFFF
                v[c] = (v[c] + v[d]) & 0xFFFFFFFF
                x = v[b] ^ v[c]
                v[b] = (x >> s | x << 32 - s) & 0xFFFFFFFF
        if turn < 6:
            m = [m[i] for i in BLAKE3_ORDER]
    return b"".join((v[i] ^ v[i + 8]).to_bytes(4, "little") for i in range(8)).hex()


def attack_34(case):
    """The order of rows follows from the keys, and no byte is there but for the figures."""
    findings, n = [], 0
    for release in case.releases:
        for table in release.tables:
            n += 1
            keys = [tuple(row[k] for k in table.key) for row in table.rows]
            if table.measures and not is_ordered(keys):
                findings.append(Finding(f"{release} {table.name}", "its rows have an order of their own"))
            out = io.StringIO()
            writer = csv.writer(out, lineterminator="\n")
            writer.writerow(table.columns)
            writer.writerows([row[c] for c in table.columns] for row in table.rows)
            if out.getvalue().encode() != table.csv_path.read_bytes().replace(b"\r\n", b"\n"):
                findings.append(Finding(f"{release} {table.csv_path.name}", "has bytes that its figures do not need"))
    return judged(findings, f"{n} tables")


def is_ordered(keys):
    """Whether rows are in the order of some arrangement of their key columns, totals last or not."""
    width = len(keys[0]) if keys else 0
    for order in itertools.permutations(range(width)):
        for last in (True, False):
            arranged = [tuple((k[i] == TOTAL and last, k[i]) for i in order) for k in keys]
            if arranged == sorted(arranged):
                return True
    return False


ODD = dict(zip("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ", [1, 0, 5, 7, 9, 13, 15, 17, 19, 21] + [1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23]))
PATTERNS = {
    "tax code": re.compile(r"\b[A-Z]{6}[0-9LMNPQRSTUV]{2}[ABCDEHLMPRST][0-9LMNPQRSTUV]{2}[A-Z][0-9LMNPQRSTUV]{3}[A-Z]\b", re.I),
    "IBAN": re.compile(r"\bIT\d{2}[A-Z]\d{10}[0-9A-Z]{12}\b", re.I),
    "e-mail": re.compile(r"[\w.+-]+@[\w-]+\.[\w.-]*\w"),
    "mobile phone": re.compile(r"(?<![\w.])(?:\+39|0039)?[ .-]?3\d{2}[ .-]?\d{3}[ .-]?\d{3,4}(?![\w.])"),
    "phone": re.compile(r"(?<![\w.,])(?:\+39|0039)[ .-]?0\d{1,3}[ .-]?\d{5,8}(?![\w.])"),
    "address": re.compile(r"\b(?:via|viale|piazza|corso|largo|vicolo)\s+[A-Z][\w' ]{2,30},?\s+\d{1,4}\b"),
    "coordinates": re.compile(r"\b(?:3[5-9]|4[0-7])\.\d{3,}\s*[,; ]\s*(?:[6-9]|1[0-8])\.\d{3,}\b"),
    "key of a person": re.compile(r"\b[0-9a-f]{32}\b"),
    "UUID": re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b"),
    "id of the sample's platforms": re.compile(r"\b(?:S\d{6}|A\d{6}|C\d{7}|L\d{6}|V\d{5}|M\d{7}|LC-\d{7})\b"),
    "VAT number": re.compile(r"(?<![\w.,/-])\d{11}(?![\w.,/-])"),
}


def is_contact(release, word):
    """Whether an address is one that the release gives as a contact."""
    given = json.dumps([release.package.get(k) for k in ("contributors", "publisher", "contact")])
    given += json.dumps([[s.get("email"), s.get("agreement", {}).get("contact")] for s in release.package.get("sources", [])])
    return word in given


def is_vat(word):
    """Whether the check digit of a VAT number is right."""
    digits = [int(c) for c in word]
    total = sum(digits[0:10:2]) + sum(sum(divmod(2 * d, 10)) for d in digits[1:10:2])
    return (10 - total % 10) % 10 == digits[10]


def attack_35(case):
    """No direct identifier is in any text, name or footer."""
    findings, n = [], 0
    for release in case.releases:
        contacts = set()
        for path, text in texts(release):
            n += 1
            plain = re.sub(r"<svg.*?</svg>", " ", text, flags=re.S)
            for kind, pattern in PATTERNS.items():
                for word in {m.group(0) for m in pattern.finditer(plain)}:
                    if kind == "e-mail" and is_contact(release, word):
                        contacts.add(word)
                        continue
                    if kind == "VAT number" and not is_vat(word):
                        continue
                    findings.append(Finding(f"{release} {path}", f"{kind}: {word[:3]}…"))
    return judged(findings, f"{n} texts") if n else not_applicable("no texts")


FINE = re.compile(r"\b(20\d\d)-(\d\d)-(\d\d)(?:[T ]\d\d:\d\d(?::\d\d)?)?|\b\d\d/\d\d/20\d\d\b|\b\d\d:\d\d:\d\d\b")


def attack_36(case):
    """No time finer than the period is in the data, the pages or the footers."""
    findings, n, months = [], 0, []
    for release in case.releases:
        finest = {(period_of(r[t.period]) or ("",))[0] for t in release.counts for r in t.rows if t.period}
        for table in release.tables:
            for column in table.columns:
                for row in table.rows:
                    n += 1
                    value = row[column]
                    if FINE.search(value):
                        findings.append(Finding(f"{release} {table.name}.{column}", f"a day: {value[:40]}"))
                        break
        for path, text in texts(release):
            if path.startswith("footer") and FINE.search(text):
                findings.append(Finding(f"{release} {path}", "a day in a footer"))
            if path.endswith((".html", ".svg")) and re.search(r"\d\d:\d\d:\d\d", text):
                findings.append(Finding(f"{release} {path}", "a time of day on a page"))
        if "month" not in finest:
            months += [f"{t.name}.{c}" for t, c in month_columns(release)]
    told = f"{n} values, footers and pages"
    if months:
        told += f"; months stand beside counts of quarters in {', '.join(sorted(set(months)))}"
    return judged(findings, told)


def month_columns(release):
    """Columns of months in a release whose counts are of quarters: finer than its periods."""
    for table in release.tables:
        for c in table.columns:
            if any((period_of(r[c]) or ("",))[0] == "month" for r in table.rows):
                yield table, c


def attack_37(case):
    """Pages, JSON, CSV and Parquet say the same, and the checksums are theirs."""
    findings, n = [], 0
    for release, table in parquet_files(case):
        n += 1
        rows = pq.read_table(table.parquet_path)
        if rows.column_names != table.columns or rows.num_rows != len(table.rows):
            findings.append(Finding(f"{release} {table.name}", "CSV and Parquet have other rows or columns"))
            continue
        for column in table.columns:
            for value, row in zip(rows[column].to_pylist(), table.rows):
                if not is_same(value, row[column]):
                    claim = f"CSV has {row[column]!r}, Parquet {value!r}"
                    findings.append(Finding(f"{release} {table.name}.{column}", claim))
                    break
    for release in case.releases:
        n += 1
        findings += checksums(release)
        for look in (disagreements, card_disagreements):
            n_seen, found = look(release)
            n += n_seen
            findings += found
    return judged(findings, f"{n} files, rows of pages and cards")


def is_same(value, text):
    """Whether a value of Parquet is a text of CSV."""
    if value is None:
        return text == ""
    if isinstance(value, bool):
        return text == str(value).lower()
    if isinstance(value, (int, float)):
        return text != "" and abs(float(text) - value) <= 1e-9 * max(1, abs(value))
    return str(value) == text


def checksums(release):
    """Files that are not what the data package or the list of checksums says."""
    for resource in release.package["resources"]:
        for entry in (resource, resource.get("parquet", {})):
            if "hash" in entry:
                path = release.folder / entry["path"]
                digest = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
                if entry["hash"].removeprefix("sha256:") != digest:
                    yield Finding(f"{release} {entry['path']}", "is not the file that the data package names")
    sums = release.folder / "SHA256SUMS"
    if sums.is_file():
        told = dict(reversed(x.split(maxsplit=1)) for x in sums.read_text().splitlines() if x)
        for path in release.files:
            name = str(path.relative_to(release.folder))
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
            if path != sums and told.get(name, told.get(f"*{name}")) != digest:
                yield Finding(f"{release} {name}", "is not in the list of checksums, or differs")


def attack_38(case):
    """What only one planted person has is nowhere."""
    if not case.canaries:
        return not_applicable("no canaries are given (--canaries FILE, one text per line)")
    findings, n = [], 0
    for release in case.releases:
        for path, text in texts(release):
            n += 1
            for canary in case.canaries:
                if canary.lower() in text.lower():
                    findings.append(Finding(f"{release} {path}", f"holds {canary!r}"))
    return judged(findings, f"{len(case.canaries)} canaries in {n} texts")
