"""Tests of the attacker: releases written here, with and without a flaw, and what it finds."""

import csv
import io
import json
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import attack  # noqa: E402
from attacker import files, published  # noqa: E402
from attacker.findings import BROKEN, HELD, NOT_APPLICABLE, Case, Truth  # noqa: E402
from attacker.mutate import mutations  # noqa: E402
from attacker.release import TOTAL  # noqa: E402

Q = "2026-Q1"


def count_table(measure, cells, axes=("district_code", "need_code"), unit="requests", period=Q):
    """A table of counts: `cells` maps coordinates to a figure, or to None where it is withheld."""
    rows = []
    for place, value in cells.items():
        at = dict(zip(axes, place))
        quarter = place[len(axes)] if len(place) > len(axes) else period
        status = value if isinstance(value, str) else "suppressed" if value is None else "published"
        figure = value if isinstance(value, int) else None
        rows.append({**at, "quarter": quarter, measure: figure, "status": status})
    roles = {**dict.fromkeys(axes, "key"), "quarter": "key", measure: "count", "status": "flag"}
    return {"rows": rows, "key": [*axes, "quarter"], "roles": roles, "units": {measure: unit}}


def write_release(folder, tables, package=None, extra=None):
    """Writes a small release folder."""
    folder = Path(folder)
    (folder / "data").mkdir(parents=True)
    (folder / "metadata").mkdir()
    resources, dictionary = [], []
    for name, table in tables.items():
        columns = list(table["rows"][0])
        rows = sorted(table["rows"], key=lambda r: tuple(str(r[k]) for k in table["key"]))
        with (folder / "data" / f"{name}.csv").open("w", newline="") as file:
            writer = csv.DictWriter(file, columns, lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
        pq.write_table(
            pa.table({c: [r[c] for r in rows] for c in columns}),
            folder / "data" / f"{name}.parquet",
            write_statistics=False,
            store_schema=False,
            **table.get("parquet", {}),
        )
        resources.append(
            {
                "name": name,
                "path": f"data/{name}.csv",
                "schema": {"fields": [{"name": c} for c in columns], "primaryKey": table["key"]},
                "parquet": {"path": f"data/{name}.parquet"},
            }
        )
        for c in columns:
            role, unit = table["roles"].get(c, ""), table.get("units", {}).get(c, "")
            dictionary.append((name, c, role, unit, "true", c, c))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["table", "column", "role", "unit", "is_in_grain", "meaning_it", "meaning_en"])
    writer.writerows(dictionary)
    (folder / "metadata" / "dictionary.csv").write_text(text.getvalue())
    said = {"version": folder.name, "resources": resources, **(package or {})}
    (folder / "datapackage.json").write_text(json.dumps(said))
    for name, content in (extra or {}).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content)
    return folder


def with_totals(inner, axes=2):
    """Adds the totals over both axes."""
    cells = dict(inner)
    for place, value in inner.items():
        for mask in range(1, 2**axes):
            at = tuple(TOTAL if mask >> j & 1 else place[j] for j in range(axes)) + place[axes:]
            cells[at] = cells.get(at, 0) + value
    return cells


def hide(cells, *places):
    """The same cells with some withheld."""
    return {p: None if p in places else v for p, v in cells.items()}


SAFE = with_totals(
    {("a", "x"): 4, ("a", "y"): 30, ("a", "z"): 40, ("b", "x"): 25, ("b", "y"): 33, ("b", "z"): 50,
     ("c", "x"): 60, ("c", "y"): 70, ("c", "z"): 80}
)  # fmt: skip
SAFE_HIDDEN = [("a", "x"), ("a", "y"), ("b", "x"), ("b", "y")]


class Attacks(unittest.TestCase):
    """One attack at a time."""

    def setUp(self):
        self.temporary = tempfile.TemporaryDirectory()
        self.addCleanup(self.temporary.cleanup)
        self.folder = Path(self.temporary.name)

    def release(self, name="2026.1.0", **options):
        """A release with one safe table, or with what is given."""
        tables = options.pop("tables", None) or {
            "requests": count_table("n_requests", hide(SAFE, *SAFE_HIDDEN))
        }
        return write_release(self.folder / name, tables, **options)

    def result(self, number, *releases, **more):
        """The result of an attack."""
        return attack.run(Case(list(releases), **more), [number])[number]

    def assert_broken(self, number, *releases, cell="", **more):
        result = self.result(number, *releases, **more)
        self.assertEqual(result.status, BROKEN, result.reason)
        self.assertTrue(any(cell in f.cell for f in result.findings), result.findings)
        return result

    def assert_held(self, number, *releases, **more):
        result = self.result(number, *releases, **more)
        self.assertEqual(result.status, HELD, (result.reason, result.findings[:3]))

    def test_a_safe_table_holds_against_all_that_applies(self):
        results = attack.run(Case([self.release()]), sorted(attack.NAMES))
        broken = {n: r.findings[:2] for n, r in results.items() if r.status == BROKEN}
        self.assertEqual(broken, {})
        self.assertEqual([n for n in (4, 5, 6, 9) if results[n].status != HELD], [])
        for n in (8, 12, 13, 14, 16, 17, 18, 20, 28, 29, 30, 31, 38, 40):
            self.assertEqual(results[n].status, NOT_APPLICABLE, n)
            self.assertTrue(results[n].reason)

    def test_1_a_small_count_is_printed(self):
        cells = hide(SAFE, *SAFE_HIDDEN[1:])
        self.assert_broken(1, self.release(tables={"t": count_table("n", cells)}), cell="n[a x")

    def test_2_a_row_is_missing(self):
        cells = hide(SAFE, *SAFE_HIDDEN)
        del cells["c", "z"]
        self.assert_broken(2, self.release(tables={"t": count_table("n", cells)}), cell="c z")

    def test_3_two_flags(self):
        cells = hide(SAFE, *SAFE_HIDDEN) | {("a", "x"): "suppressed_primary"}
        self.assert_broken(3, self.release(tables={"t": count_table("n", cells)}), cell="n[a x")

    def test_4_a_total_is_wrong(self):
        cells = SAFE | {("c", TOTAL): 211}
        self.assert_broken(4, self.release(tables={"t": count_table("n", cells)}), cell="total")

    def test_4_withheld_figures_that_cannot_be(self):
        cells = hide(SAFE, *SAFE_HIDDEN) | {("a", TOTAL): 39, (TOTAL, TOTAL): 357}
        self.assert_broken(4, self.release(tables={"t": count_table("n", cells)}))

    def test_5_one_withheld_figure_in_a_row(self):
        cells = hide(SAFE, ("a", "x"), ("b", "x"))
        found = self.assert_broken(5, self.release(tables={"t": count_table("n", cells)}), cell="a x")
        self.assertIn("is exactly 4", [f.claim for f in found.findings])

    def test_6_geurts_from_files(self):
        """Handbook, example 3: X11 lies in [3, 6], which is too narrow for k = 10."""
        cells = {
            ("1", "1"): None, ("1", "2"): None, ("1", TOTAL): 7,
            ("2", "1"): None, ("2", "2"): None, ("2", TOTAL): 3,
            ("3", "1"): 3, ("3", "2"): 3, ("3", TOTAL): 6,
            (TOTAL, "1"): 9, (TOTAL, "2"): 7, (TOTAL, TOTAL): 16,
        }  # fmt: skip
        found = self.assert_broken(6, self.release(tables={"t": count_table("n", cells)}))
        claims = {f.cell: f.claim for f in found.findings}
        self.assertEqual(claims[f"n[1 1 {Q}]"], "lies in [3, 6]")
        self.assertTrue(all(f.because for f in found.findings))

    def test_7_linked_tables_from_files(self):
        """sdcTable's linked tables: no cell is exact in either, K is in both together."""
        data = json.loads((HERE / "instances" / "instances.json").read_text())["linked"]
        values, hidden = data["cells"], set(data["primary"])
        names = ["A", "B", "I", "J", "K", "L", "M", "N"]
        group = {"A": "c1", "B": "c1", "I": "c1", "J": "c1", "K": "c2", "L": "c2", "M": "c2", "N": "c2"}
        size = {n: "big" if n in "LM" else "small" for n in names}

        def tables(hidden):
            figures = {(n,): None if n in hidden else values[n] for n in names}
            figures |= {(TOTAL,): values["T"]}
            return {
                "items": count_table("n", figures, axes=("item",)),
                "groups": count_table("n", {(g,): values[g] for g in ("c1", "c2")}, axes=("grp",)),
                "sizes": count_table("n", {(s,): values[s] for s in ("big", "small")}, axes=("size",)),
                "item_list": {
                    "rows": [{"item": n, "grp": group[n], "size": size[n]} for n in names],
                    "key": ["item"],
                    "roles": {"item": "key"},
                },
            }

        release = self.release(tables=tables(hidden))
        found = self.assert_broken(14, release, cell="K", k=2)
        self.assertEqual({f.cell: f.claim for f in found.findings}, {f"n[K {Q}]": "is exactly 3"})
        self.assertEqual(self.result(6, release, k=2).status, HELD)
        repaired = self.release("2026.1.1", tables=tables(hidden | {"N"}))
        self.assert_held(14, repaired, k=2)

    def test_6_the_vignette_from_files(self):
        """sdcTable's vignette, three axes: the primaries alone are given away."""
        cells, _ = published.vignette_rows()
        inner = {p: v for p, v in cells.items() if p[0] != "B" and "Tot" not in p}
        named = {tuple(TOTAL if x == "Tot" else x for x in p): v for p, v in with_totals(inner, 3).items()}
        primary = [p for p, v in named.items() if 0 < v <= 10]
        table = count_table("n", hide(named, *primary), axes=("v1", "v2", "v3"))
        found = self.assert_broken(6, self.release(tables={"t": table}))
        right = [f for f in found.findings if f.claim.startswith("is exactly")]
        self.assertTrue(right)
        for f in right:
            place = tuple(f.cell[2:-1].split()[:3])
            value = next(v for p, v in named.items() if set(p) == set(place))
            self.assertEqual(f.claim, f"is exactly {value}")

    def test_9_whole_numbers_are_narrower(self):
        """Three sums of pairs allow halves; whole tables have fewer figures."""
        from attacker.solver import Row, System

        system = System()
        for name in "xyz":
            system.bounds[name, 0] = (0, 1)
        system.bounds["w", 0] = (0, 20)
        pairs = [("x", "y"), ("y", "z"), ("x", "z")]
        for a, b in pairs:
            system.rows.append(Row("pair", {(a, 0): 1, (b, 0): 1}, 1, 2))
        system.rows.append(Row("all", {("x", 0): 2, ("y", 0): 2, ("z", 0): 2, ("w", 0): 1}, 7, 7))
        (component,) = system.components()
        self.assertEqual(str(component.interval(("w", 0))), "[1, 4]")
        self.assertEqual(str(component.whole_interval(("w", 0))), "[1, 3]")

    def test_10_zeros_are_printed(self):
        """With a zero printed, a withheld figure is at least one, so the other is at most 9."""
        cells = with_totals({("a", "x"): 3, ("a", "y"): 7, ("b", "x"): 8, ("b", "y"): 13, ("c", "x"): 0, ("c", "y"): 20})
        table = count_table("n", hide(cells, *[(d, n) for d in "ab" for n in "xy"]))
        found = self.assert_broken(10, self.release(tables={"t": table}), cell="a x")
        claims = {f.cell: f.claim for f in found.findings}
        self.assertEqual(claims, {f"n[a {n} {Q}]": "lies in [1, 9]" for n in "xy"} | {f"n[b x {Q}]": "lies in [2, 10]"})

    def test_11_only_one_can_be_small(self):
        """A figure withheld with its total, beside a printed one: the total cannot be the reason."""
        cells = {("a", "x"): None, ("a", "y"): 40, ("a", TOTAL): None}
        found = self.assert_broken(11, self.release(tables={"t": count_table("n", cells)}))
        self.assertEqual([f.cell for f in found.findings], [f"n[a x {Q}]"])

    def test_12_months_and_quarters(self):
        quarter = count_table("n", {("a", "x"): None, ("a", "y"): 30, ("a", TOTAL): None})
        months = {("a", "x", f"2026-0{m}"): v for m, v in ((1, 11), (2, 12), (3, 13))}
        table = count_table("n", months)
        found = self.assert_broken(12, self.release(tables={"q": quarter, "m": table}), cell="a x")
        self.assertEqual({f.claim for f in found.findings if "a x" in f.cell}, {"is exactly 36"})

    def test_13_districts_and_provinces(self):
        tables = {
            "d": count_table("n", {("a",): None, ("b",): 40, ("c",): 50}, axes=("district_code",)),
            "p": count_table("n", {("P",): 75, ("R",): 50}, axes=("province",)),
            "districts": {
                "rows": [{"district_code": d, "province": p} for d, p in ("aP", "bP", "cR")],
                "key": ["district_code"],
                "roles": {"district_code": "key"},
            },
        }
        found = self.assert_broken(13, self.release(tables=tables), cell="a")
        self.assertEqual(found.findings[0].claim, "is exactly 35")

    def test_15_the_rest_of_a_whole(self):
        whole = count_table("n_requests", with_totals({("a", "x"): 30, ("a", "y"): 40}))
        part = count_table("n_unmet", with_totals({("a", "x"): 25, ("a", "y"): 12}))
        found = self.assert_broken(15, self.release(tables={"r": whole, "u": part}), cell="n_unmet[a x")
        self.assertIn("is 5: 30 - 25", [f.claim for f in found.findings])

    def test_16_and_18_a_difference_of_two(self):
        first = self.release()
        later = with_totals({p: v - 2 * (p == ("c", "z")) for p, v in SAFE.items() if TOTAL not in p})
        books = "source,table,accepted,erased\ns,t,{},{}\n"
        (first / "metadata" / "books.csv").write_text(books.format(100, 0))
        tables = {"requests": count_table("n_requests", hide(later, *SAFE_HIDDEN))}
        second = self.release("2026.1.1", tables=tables)
        (second / "metadata" / "books.csv").write_text(books.format(98, 2))
        self.assert_broken(16, first, second, cell="c z")
        self.assert_broken(18, first, second, cell="c z")

    def test_17_and_8_withheld_then_printed(self):
        first = self.release()
        tables = {"requests": count_table("n_requests", hide(SAFE, ("a", "x"), ("a", "z"), ("b", "x"), ("b", "z")))}
        second = self.release("2026.1.1", tables=tables)
        self.assert_broken(17, first, second, cell="a y")
        found = self.assert_broken(8, first, second, cell="a x")
        self.assertEqual({f.claim for f in found.findings if "a x" in f.cell}, {"is exactly 4"})
        self.assert_held(6, first, second)

    def test_20_a_district_is_split(self):
        def release(name, cells, comuni):
            pages = {
                f"site/it/districts/{d}/index.html": "<details><summary>I comuni</summary>"
                f"<p>{', '.join(c)}.</p></details>"
                for d, c in comuni.items()
            }
            tables = {
                "n": count_table("n", cells),
                "districts": {
                    "rows": [{"district_code": d} for d in comuni],
                    "key": ["district_code"],
                    "roles": {"district_code": "key"},
                },
            }
            return self.release(name, tables=tables, extra=pages)

        first = release("2026.1.0", {("a", "x"): 34, ("b", "x"): 50}, {"a": ["A", "B"], "b": ["C"]})
        second = release(
            "2026.1.1",
            {("a1", "x"): 30, ("a2", "x"): None, ("b", "x"): 50},
            {"a1": ["A"], "a2": ["B"], "b": ["C"]},
        )
        found = self.assert_broken(20, first, second)
        self.assertIn("a2 is exactly 4", [f.claim for f in found.findings])
        self.assert_broken(8, first, second, cell="a2 x")

    def test_19_overlapping_districts(self):
        pages = {
            f"site/it/districts/{d}/index.html": f"<details><summary>I comuni</summary><p>{c}.</p></details>"
            for d, c in (("a", "A, B"), ("b", "B, C"))
        }
        tables = {
            "districts": {
                "rows": [{"district_code": d} for d in "ab"],
                "key": ["district_code"],
                "roles": {"district_code": "key"},
            },
            "n": count_table("n", {("a", "x"): 20, ("b", "x"): 20}),
        }
        self.assert_broken(19, self.release(tables=tables, extra=pages), cell="a and b")

    def test_21_and_22_everybody_has_the_same(self):
        cells = with_totals({("a", "x"): 95, ("a", "y"): 5, ("b", "x"): 40, ("b", "y"): 0})
        release = self.release(tables={"t": count_table("n", cells)})
        self.assert_broken(21, release, cell="a x")
        self.assert_broken(22, release, cell="b x")

    def test_24_a_median_of_nobody_knows_how_many(self):
        signals = {
            "rows": [
                {"signal_id": "s1", "aspect": "long_wait", "district_code": "a", "need_code": n, "quarter": Q}
                for n in ("x", "z")
            ],
            "key": ["need_code"],
            "roles": {},
        }
        tables = {"requests": count_table("n_requests", hide(SAFE, *SAFE_HIDDEN)), "signals": signals}
        found = self.assert_broken(24, self.release(tables=tables))
        self.assertEqual(len(found.findings), 1)

    def test_25_decimals(self):
        table = {
            "rows": [{"place": "a", "share": v} for v in ("14.285714", "7.2")],
            "key": ["place"],
            "roles": {"share": "measure"},
            "units": {"share": "%"},
        }
        found = self.assert_broken(25, self.release(tables={"t": table}))
        self.assertEqual(len(found.findings), 1)

    def test_26_nearly_everybody(self):
        districts = {
            "rows": [{"district_code": d, "residents": n} for d, n in (("a", 77), ("b", 5000), ("c", 5000))],
            "key": ["district_code"],
            "roles": {"district_code": "key"},
        }
        tables = {"requests": count_table("n_requests", hide(SAFE, *SAFE_HIDDEN)), "districts": districts}
        self.assert_broken(26, self.release(tables=tables), cell="a TOTAL")

    def test_27_a_platform_alone(self):
        coverage = {
            "rows": [
                {"platform": p, "district_code": d, "quarter": Q, "status": "covered"}
                for p, d in (("p1", "a"), ("p2", "b"), ("p2", "c"))
            ],
            "key": ["platform", "district_code", "quarter"],
            "roles": {},
        }
        tables = {
            "requests": count_table("n_requests", hide(SAFE, *SAFE_HIDDEN)),
            "coverage_by_platform_district_quarter": coverage,
        }
        agreed = {"metadata/sources.csv": "source,waivers\np2,min_platforms: agreed\n"}
        found = self.assert_broken(27, self.release(tables=tables, extra=agreed), cell="[a z")
        self.assertFalse([f for f in found.findings if "[b" in f.cell or "[c" in f.cell])

    def test_28_an_insider_subtracts_its_own(self):
        """Districts a and c are of one platform: it is left with b, cell by cell."""
        coverage = {
            "rows": [
                {"platform": p, "district_code": d, "quarter": Q, "status": "covered"}
                for p, d in (("p1", "a"), ("p2", "b"), ("p1", "c"))
            ],
            "key": ["platform", "district_code", "quarter"],
            "roles": {},
        }
        tables = {
            "requests": count_table("n_requests", hide(SAFE, *SAFE_HIDDEN)),
            "coverage_by_platform_district_quarter": coverage,
        }
        own = [
            {"district_code": d, "need_code": n, "quarter": Q, "n_requests": str(SAFE[d, n])}
            for d in "ac" for n in "xyz"
        ]  # fmt: skip
        release = self.release(tables=tables)
        found = self.assert_broken(28, release, cell="b x", insiders={"p1": own})
        self.assertTrue(any("is exactly 25" in f.claim for f in found.findings))

    def test_29_rounded_sums(self):
        """Three counts printed as 6 are at least 3 each; a total printed as 6 is at most 9."""
        rounded = {"protection": {"mode": "round", "base": 6}}
        cells = {("a", n): 6 for n in "xyz"}
        told = self.release(tables={"t": count_table("n", cells | {("a", TOTAL): 6})}, package=rounded)
        found = self.assert_broken(29, told, cell="a x")
        self.assertEqual({f.claim for f in found.findings if " x " in f.cell}, {"is exactly 3 in spite of its error"})
        wide = count_table("n", cells | {("a", TOTAL): 18})
        self.assert_held(29, self.release("2026.1.1", tables={"t": wide}, package=rounded))

    def test_30_fresh_noise_every_time(self):
        noisy = {"protection": {"mode": "cellkey", "max_noise": 8}}
        first = self.release(tables={"t": count_table("n", {("a", "x"): 40})}, package=noisy)
        second = self.release("2026.1.1", tables={"t": count_table("n", {("a", "x"): 43})}, package=noisy)
        self.assert_broken(30, first, second, cell="a x")

    def test_31_a_budget_is_overspent(self):
        spent = [{"release": "1", "rho": 0.6}, {"release": "2", "rho": 0.6}]
        private = {"protection": {"mode": "dp_zcdp", "budget": 1.0, "spent": spent}}
        self.assert_broken(31, self.release(package=private))

    def test_32_a_dictionary_keeps_a_withheld_figure(self):
        release = self.release()
        path = release / "data" / "requests.parquet"
        rows = pq.read_table(path)
        column = rows["n_requests"].to_pylist()
        values = sorted({v for v in column if v is not None} | {4})
        codes = pa.array([None if v is None else values.index(v) for v in column], pa.int32())
        texts = pa.DictionaryArray.from_arrays(codes, pa.array([str(v) for v in values]))
        at = rows.column_names.index("n_requests")
        pq.write_table(rows.set_column(at, "n_requests", texts), path, write_statistics=False, store_schema=False)
        self.assert_broken(32, release, cell="n_requests")

    def test_32_statistics_and_a_talking_footer(self):
        table = count_table("n", hide(SAFE, *SAFE_HIDDEN))
        release = self.release(tables={"t": table})
        path = release / "data" / "t.parquet"
        rows = pq.read_table(path).replace_schema_metadata({"made_by": "someone"})
        pq.write_table(rows, path)
        self.assert_broken(32, release)

    def test_33_the_hash_of_a_number(self):
        digest = files.blake3(b"1234")[:16]
        release = self.release(extra={"metadata/keys.md": f"id {digest}\n"})
        self.assert_broken(33, release, cell="keys.md")

    def test_33_blake3_of_its_test_vectors(self):
        start = "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262"
        self.assertEqual(files.blake3(b""), start)
        self.assertEqual(files.blake3(b"\0")[:16], "2d3adedff11b61f1")

    def test_34_an_order_of_its_own(self):
        release = self.release()
        path = release / "data" / "requests.csv"
        head, *rows = path.read_text().splitlines()
        path.write_text("\n".join([head, *rows[3:], *rows[:3]]) + "\n")
        self.assert_broken(34, release)

    def test_35_identifiers(self):
        cases = ("RSSMRA85T10A562S", "mario.rossi@example.net", "+39 333 123 4567", "via Roma 12", "0123456789abcdef" * 2)
        for i, text in enumerate(cases):
            release = self.release(f"2026.1.{i}", extra={"README.md": f"ask {text} please"})
            self.assert_broken(35, release, cell="README.md")

    def test_36_a_day(self):
        table = count_table("n", hide(SAFE, *SAFE_HIDDEN))
        for row in table["rows"]:
            row["seen"] = "2026-02-03"
        self.assert_broken(36, self.release(tables={"t": table}), cell="seen")

    def test_37_csv_and_parquet_differ(self):
        release = self.release()
        path = release / "data" / "requests.csv"
        path.write_text(path.read_text().replace(",80,", ",81,"))
        self.assert_broken(37, release, cell="n_requests")

    def test_38_a_canary(self):
        release = self.release(extra={"README.md": "zzcanarino"})
        self.assert_broken(38, release, canaries=["zzcanarino"])
        self.assert_held(38, release, canaries=["another"])

    def test_39_the_instances(self):
        self.assert_held(39, self.release())

    def test_40_every_secondary_is_missed(self):
        release = self.release()
        truth = self.folder / "truth"
        truth.mkdir()
        inner = [(p, v) for p, v in SAFE.items() if TOTAL not in p]
        lines = [f"{d},{n},{Q},{v},{v}" for (d, n), v in inner]
        head = "district_code,need_code,quarter,n_requests,n_persons"
        (truth / "requests.csv").write_text("\n".join([head, *lines]) + "\n")
        case = Case([release], [Truth(truth)])
        found = list(mutations(case, 100, 1))
        self.assertEqual(len(found), 3)
        self.assertTrue(all(new for _, _, new, _ in found))
        self.assertEqual(attack.run(case, [40])[40].status, HELD)

    def test_the_command(self):
        command = [sys.executable, str(HERE / "attack.py"), "--format", "json", "--only", "1,6"]
        good = subprocess.run([*command, str(self.release())], capture_output=True, text=True)
        self.assertEqual(good.returncode, 0, good.stderr)
        answer = json.loads(good.stdout)
        self.assertEqual((answer["cells"], answer["suppressed"]), (16, 4))
        self.assertEqual(answer["attacks"], {"small_counts": "held", "intervals_of_a_table": "held"})
        table = count_table("n", hide(SAFE, *SAFE_HIDDEN[1:]))
        bad = self.release("2026.1.1", tables={"t": table})
        self.assertEqual(subprocess.run([*command, str(bad)], capture_output=True).returncode, 3)
        self.assertEqual(subprocess.run([*command, "nowhere"], capture_output=True).returncode, 2)


if __name__ == "__main__":
    unittest.main()
