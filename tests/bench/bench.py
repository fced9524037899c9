#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Measures thole against its budgets: each row runs a reference program and thole in turn, and reports the median of the
ratios. usage: bench.py [--build DIR] [--list] [--json FILE] [--check] [ROW…]

  --build DIR   where the programs are (a release build)
  --rounds N    rounds of each row instead of its own number
  --reference   the reference programs alone: their numbers, no ratios
  --json FILE   the results as JSON too
  --check       exit with 1 when a budget is not met"""

import argparse
import json
import os
import pathlib
import platform
import signal
import statistics
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "e2e")]


def arguments():
    parser = argparse.ArgumentParser(description="Measures thole against its budgets.")
    parser.add_argument("--build", default=os.environ.get("THOLE_BUILD", "build-bench"))
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--reference", action="store_true")
    parser.add_argument("--json")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("row", nargs="*")
    return parser.parse_args()


def number(value):
    return "-" if value is None else f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"


def summary(row, samples):
    """{name, reference, thole, ratio, budget, met} from a row's samples of (reference, thole)."""
    references = [reference for reference, _ in samples if reference is not None]
    ours = [thole for _, thole in samples if thole is not None]
    ratios = [row.ratio(reference, thole) for reference, thole in samples if None not in (reference, thole)]
    ratio = statistics.median(ratios) if ratios else None
    met = None if ratio is None else ratio >= row.budget if row.at_least else ratio <= row.budget
    return {"row": row.name, "what": row.what, "unit": row.unit, "reference": statistics.median(references) if references else None,
            "thole": statistics.median(ours) if ours else None, "ratio": ratio, "ratios": ratios, "budget": row.budget,
            "at_least": row.at_least, "met": met, "notes": row.notes}


def show(result):
    sign = "≥" if result["at_least"] else "≤"
    verdict = {None: "", True: "met", False: "NOT MET"}[result["met"]]
    print(f"{result['row']:<14} {number(result['reference']):>9} {number(result['thole']):>9} {result['unit']:<5} "
          f"{number(result['ratio']):>7}  {sign} {result['budget']:<5g} {verdict:<8} {result['what']}")
    for note in result["notes"]:
        print(f"{'':<14} {note}")
    sys.stdout.flush()


def measure(row, rounds, reference_only):
    samples = []
    with row.prepared(reference_only):
        for index in range(rounds):
            reference = row.reference()
            samples.append((reference, None if reference_only else row.thole()))
    return summary(row, samples)


def choose(names, rows):
    unknown = [name for name in names if name not in rows]
    if unknown:
        sys.exit(f"bench: no row '{unknown[0]}'; the rows are {', '.join(rows)}")
    return [rows[name] for name in names or rows]


def main():
    options = arguments()
    os.environ["THOLE_BUILD"] = str(pathlib.Path(options.build).resolve())
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))  # rows end what they started
    import rows  # after the build is known
    if options.list:
        for row in rows.ROWS.values():
            print(f"{row.name:<14} {row.what}")
        return 0
    chosen, results = choose(options.row, rows.ROWS), []
    who = "root" if os.geteuid() == 0 else "an ordinary user"
    print(f"thole, {os.cpu_count()} CPUs, {platform.release()}, as {who}; medians")
    print(f"{'row':<14} {'reference':>9} {'thole':>9} {'':<5} {'ratio':>7}  budget")
    for row in chosen:
        try:
            results.append(measure(row, options.rounds or row.rounds, options.reference))
        except (AssertionError, OSError, rows.Failed) as error:
            results.append({"row": row.name, "met": False, "error": str(error)})
            print(f"{row.name:<14} failed: {str(error)[:2000]}")
            continue
        show(results[-1])
    if options.json:
        pathlib.Path(options.json).write_text(json.dumps({"cpus": os.cpu_count(), "who": who, "rows": results}, indent=1) + "\n")
    failed = any("error" in result for result in results)
    missed = any(result["met"] is False for result in results)
    return 1 if failed or (options.check and missed) else 0


if __name__ == "__main__":
    sys.exit(main())
