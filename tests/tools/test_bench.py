# SPDX-License-Identifier: Apache-2.0
"""The reference programs do what the rows say they do, and the arithmetic of the table is right."""

import contextlib
import os
import pathlib
import re
import sqlite3
import subprocess
import sys
import types

SOURCE = pathlib.Path(os.environ.get("THOLE_SOURCE", pathlib.Path(__file__).resolve().parents[2]))
BUILD = pathlib.Path(os.environ.get("THOLE_BUILD") or SOURCE / "build")
sys.path.insert(0, str(SOURCE / "tests" / "bench"))
import bench  # noqa: E402


def tool(name):
    return str(BUILD / "tests" / "bench" / f"bench-{name}")


def said(*words, code=0):
    done = subprocess.run(list(map(str, words)), capture_output=True, timeout=60)
    assert done.returncode == code, done
    return done.stdout


def test_gen_numbers_its_lines():
    text = said(tool("gen"), 100 * 2000 + 50)
    assert len(text) == 200050
    lines = text[:200000].decode().split("\n")[:-1]
    assert {len(line) for line in lines} == {99}
    assert [int(line[:12]) for line in lines] == list(range(2000))


def test_gen_puts_the_word_in_every_thousandth_line():
    lines = said(tool("gen"), 100 * 3000, "12345678").decode().split("\n")
    assert [i for i, line in enumerate(lines) if "12345678" in line] == [0, 1000, 2000]
    said(tool("gen"), 100, "short", code=1)


def test_spawn_logs_every_child_and_ends_it(tmp_path):
    said(tool("spawn"), 30, tmp_path, tool("child"))
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"s{i:04}.log" for i in range(30)]
    assert all(re.fullmatch(rf"{path.stem} \d{{19}}\n", path.read_text()) for path in tmp_path.iterdir())
    assert subprocess.run(["pgrep", "-f", f"^{tool('child')} "], capture_output=True).stdout == b""


def test_timing_and_sequential(tmp_path):
    assert re.fullmatch(rb"(\d+ \d+\n){3}", said(tool("timing"), 3, tool("sequential"), 4, tmp_path / "out", "echo", "x"))
    assert (tmp_path / "out").read_text() == "x\n" * 12
    said(tool("timing"), 1, "false", code=1)
    said(tool("sequential"), 1, tmp_path / "out", "false", code=1)


def test_crasher_keeps_its_ledger(tmp_path):
    said(tool("respawn"), 3, tool("crasher"), tmp_path / "ledger", 3)
    words = (tmp_path / "ledger").read_text().split()
    assert words[::2] == ["start", "exit"] * 3
    assert sorted(words[1::2]) == words[1::2]


def test_tell_reaches_all():
    spans = said(tool("tell"), 200, 300, 4).split()
    assert len(spans) == 4 and all(0 < int(span) < 5e9 for span in spans)


def test_query_reads_every_column(tmp_path):
    with contextlib.closing(sqlite3.connect(tmp_path / "a.db")) as db, db:
        db.execute("CREATE TABLE boats (name TEXT, seats INTEGER)")
        db.executemany("INSERT INTO boats VALUES (?, ?)", [("eight", 8), ("single", 1), (None, 10)])
    assert said(tool("query"), tmp_path / "a.db", "SELECT name, seats FROM boats") == b"3 15\n"
    said(tool("query"), tmp_path / "a.db", "SELECT wheels FROM boats", code=1)


def row(**fields):
    base = {"name": "x", "what": "y", "unit": "ms", "budget": 2.0, "at_least": False, "notes": [], "ratio": lambda a, b: b / a}
    return types.SimpleNamespace(**{**base, **fields})


def test_summary_takes_the_median_of_ratios():
    result = bench.summary(row(), [(1, 1), (1, 100), (10, 15)])
    assert (result["ratio"], result["reference"], result["thole"], result["met"]) == (1.5, 1, 15, True)
    assert bench.summary(row(budget=1.4), [(10, 15)])["met"] is False
    assert bench.summary(row(at_least=True, budget=1.0), [(10, 15)])["met"] is True
    assert bench.summary(row(), [(10, None)])["ratio"] is None


def test_bench_measures_and_refuses(tmp_path):
    script = [sys.executable, str(SOURCE / "tests/bench/bench.py"), "--build", str(BUILD)]
    text = said(*script, "--reference", "--rounds", 1, "--json", tmp_path / "out.json", "cli", "watchers").decode()
    assert re.search(r"^cli +[0-9.]+ +- ms", text, re.M), text
    assert '"row": "watchers"' in (tmp_path / "out.json").read_text()
    refused = subprocess.run([*script, "nonsense"], capture_output=True, text=True)
    assert refused.returncode == 1 and "no row 'nonsense'; the rows are cli, start-1000" in refused.stderr
