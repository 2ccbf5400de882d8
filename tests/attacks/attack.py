#!/usr/bin/env python3
"""Forty attacks on published releases, from their files alone.

    attack.py RELEASE… [--insider PLATFORM=counts.csv] [--truth FOLDER] [--format json] [--only 1,7]
    attack.py --mutate RELEASE --truth FOLDER

Several releases, oldest first, are one chain. `--truth` is used only to judge what the attacker
claims. Exit codes: 0 all held; 2 wrong arguments; 3 something is broken.
"""

import argparse
import csv
import json
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from attacker import chain, files, intervals, modes, mutate, published, tables  # noqa: E402
from attacker.findings import BROKEN, Case, Truth, judged  # noqa: E402

NAMES = {
    1: ("small_counts", tables.attack_1),
    2: ("full_grid", tables.attack_2),
    3: ("one_flag", tables.attack_3),
    4: ("margins_add_up", intervals.attack_4),
    5: ("one_hidden_in_a_sum", intervals.attack_5),
    6: ("intervals_of_a_table", intervals.attack_6),
    7: ("intervals_over_tables", intervals.attack_7),
    8: ("intervals_over_releases", intervals.attack_8),
    9: ("whole_numbers", intervals.attack_9),
    10: ("zeros_are_printed", intervals.attack_10),
    11: ("legend", intervals.attack_11),
    12: ("months_quarters_years", intervals.attack_12),
    13: ("districts_provinces", intervals.attack_13),
    14: ("needs_areas", intervals.attack_14),
    15: ("parts_and_rests", None),
    16: ("vintage_differences", chain.attack_16),
    17: ("withheld_then_printed", chain.attack_17),
    18: ("erasures", chain.attack_18),
    19: ("overlapping_geographies", chain.attack_19),
    20: ("districts_cut_anew", chain.attack_20),
    21: ("nine_in_ten", tables.attack_21),
    22: ("all_but_one_zero", tables.attack_22),
    23: ("rates_and_denominators", tables.attack_23),
    24: ("medians_and_extremes", tables.attack_24),
    25: ("decimals", tables.attack_25),
    26: ("population_complements", tables.attack_26),
    27: ("lone_platforms", tables.attack_27),
    28: ("insiders", intervals.attack_28),
    29: ("rounding", modes.attack_29),
    30: ("cell_key_noise", modes.attack_30),
    31: ("privacy_budget", modes.attack_31),
    32: ("parquet_footers", files.attack_32),
    33: ("unsalted_hashes", files.attack_33),
    34: ("order_and_size", files.attack_34),
    35: ("identifiers", files.attack_35),
    36: ("fine_times", files.attack_36),
    37: ("formats_agree", files.attack_37),
    38: ("canaries", files.attack_38),
    39: ("published_instances", published.attack_39),
    40: ("mutations", mutate.attack_40),
}


def parts_and_rests(case):
    """What is left of a whole without its part, hidden or printed."""
    result = intervals.attack_15(case)
    small = [f for r in case.releases for f in tables.small_rests(r, case.k)]
    return judged(result.findings + small, result.reason) if small else result


NAMES[15] = (NAMES[15][0], parts_and_rests)


def run(case, wanted):
    """The result of each attack, by number."""
    results = {}
    for number in wanted:
        begun = time.monotonic()
        results[number] = NAMES[number][1](case)
        results[number].seconds = time.monotonic() - begun
    return results


def as_json(case, results):
    """The answer as issue 6 lays it down."""
    statuses = [row[t.flag] for _, t, _, row in case.figures()]
    at_risk = [
        {
            "attack": NAMES[n][0],
            "cell": f.cell,
            "claim": f.claim,
            "sure": f.sure,
            "because": f.because,
            "verdict": f.verdict,
        }
        for n, result in results.items()
        for f in result.findings
    ]
    return {
        "cells": len(statuses),
        "suppressed": statuses.count("suppressed"),
        "at_risk": at_risk,
        "attacks": {NAMES[n][0]: r.status for n, r in results.items()},
        "reasons": {NAMES[n][0]: r.reason for n, r in results.items()},
        "seconds": {NAMES[n][0]: round(r.seconds, 2) for n, r in results.items()},
    }


def as_text(results, most):
    """A table for people."""
    lines = []
    for n, result in results.items():
        name, attack = NAMES[n]
        tries = attack.__doc__.splitlines()[0]
        lines.append(f"{n:>2} {name:<25} {result.status:<6} {tries}")
        lines.append(f"{'':<35} {result.reason}")
        for finding in result.findings[:most]:
            verdict = f" ({finding.verdict})" if finding.verdict else ""
            lines.append(f"     ! {finding.sure}: {finding.cell} {finding.claim}{verdict}")
            lines += [f"         {reason[:600]}" for reason in finding.because]
        if len(result.findings) > most:
            lines.append(f"     … and {len(result.findings) - most} more")
    broken = [n for n, r in results.items() if r.status == BROKEN]
    held = sum(r.status == "held" for r in results.values())
    absent = sum(r.status == "n/a" for r in results.values())
    lines.append(f"{held} held, {len(broken)} broken, {absent} not applicable")
    return "\n".join(lines)


def insiders(arguments):
    """Each platform's own counts."""
    found = {}
    for argument in arguments:
        platform, _, path = argument.partition("=")
        with open(path, encoding="utf-8", newline="") as file:
            found[platform] = list(csv.DictReader(file))
    return found


def mutation_report(case, options):
    """Every secondary shown again, one at a time."""
    if not case.truths:
        raise ValueError("--mutate needs --truth: a release does not say what it withholds")
    caught, missed = 0, []
    for name, value, new, _ in mutate.mutations(case, options.most, options.seed):
        if new:
            caught += 1
        else:
            missed.append(name)
            print(f"nothing breaks when {name} is shown ({value})")
    n = caught + len(missed)
    rate = f"{100 * caught / n:.1f} %" if n else "none to show"
    print(f"{caught} of {n} mutations are caught: {rate}")
    return 3 if missed else 0


def arguments():
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("releases", nargs="+", metavar="RELEASE")
    parser.add_argument("--insider", action="append", default=[], metavar="PLATFORM=CSV")
    parser.add_argument("--truth", action="append", default=[], metavar="FOLDER")
    parser.add_argument("--canaries", metavar="FILE", help="planted texts, one per line")
    parser.add_argument("--only", help="numbers of attacks, separated by commas")
    parser.add_argument("--k", type=int, default=0, help="persons at least; else as the release says")
    parser.add_argument("--format", choices=["text", "json"], default="text")
    parser.add_argument("--mutate", action="store_true", help="only the mutation attack, in full")
    parser.add_argument("--most", type=int, default=10**9, help="how many mutations at most")
    parser.add_argument("--seed", type=int, default=1, help="which mutations, when not all")
    parser.add_argument("--show", type=int, default=5, help="findings shown for each attack")
    return parser.parse_args()


def main():
    options = arguments()
    try:
        wanted = [int(n) for n in options.only.split(",")] if options.only else sorted(NAMES)
        canaries = Path(options.canaries).read_text(encoding="utf-8").splitlines() if options.canaries else []
        case = Case(
            options.releases,
            [Truth(path) for path in options.truth],
            insiders(options.insider),
            [c for c in canaries if c],
            options.k,
        )
        unknown = set(wanted) - set(NAMES)
        if unknown:
            raise ValueError(f"there are no attacks {sorted(unknown)}")
        if options.mutate:
            return mutation_report(case, options)
    except (OSError, ValueError) as error:
        print(f"attack.py: {error}", file=sys.stderr)
        return 2
    results = run(case, wanted)
    if options.format == "json":
        print(json.dumps(as_json(case, results), indent=1, ensure_ascii=False))
    else:
        print(as_text(results, options.show))
    return 3 if any(r.status == BROKEN for r in results.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
