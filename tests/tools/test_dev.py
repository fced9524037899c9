# SPDX-License-Identifier: Apache-2.0
"""./dev: how it gets what it needs, and that a failure anywhere makes the suite fail."""

import os
import pathlib
import re
import shutil
import subprocess

import pytest

SOURCE = pathlib.Path(os.environ.get("THOLE_SOURCE", pathlib.Path(__file__).resolve().parents[2]))


def bash(script, **options):
    done = subprocess.run(["bash", "-c", "set -euo pipefail\n" + script], cwd=SOURCE, capture_output=True, text=True,
                          stdin=subprocess.DEVNULL, timeout=60, **options)
    return done.returncode, done.stdout + done.stderr


def need(setting):
    """`need one two` where neither is there, in a world that the setting describes."""
    return bash(". tools/dev/need.sh\n" + """
        here=
        has_package() { [ -n "$here" ]; }
        has() { case $1 in apt-get | sudo) return 0 ;; *) return 1 ;; esac; }
        id() { echo 1000; }
        apt_install() { echo "INSTALL $*"; here=yes; }
    """ + setting + "\nneed one two")


def test_every_variable_that_is_passed_on_is_read_by_somebody():
    scripts = [SOURCE / "dev", *(SOURCE / "tools/dev").glob("*.sh")]
    named = {name for path in scripts for name in re.findall(r"THOLE_[A-Z_]*[A-Z]\b", path.read_text())} - {"THOLE_DEV_LOGS"}
    readers = [path.read_text() for folder in ("src", "tests/e2e", "tests/unit") for path in (SOURCE / folder).rglob("*") if path.suffix in (".c", ".py")]
    assert len(named) > 3 and not [name for name in named if not any(f'"{name}"' in text for text in readers)]


def test_root_just_installs():
    assert need("id() { echo 0; }") == (0, "INSTALL -- one two\ndev: installing one two\n")


def test_nothing_is_done_when_all_is_there():
    assert need("here=yes") == (0, "")


def test_sudo_is_asked_for_first():
    assert need("ask() { return 0; }")[1].startswith("INSTALL sudo -- one two")
    code, said = need("ask() { return 1; }")
    assert code == 1 and "INSTALL" not in said and "sudo apt-get install one two" in said


def test_without_a_terminal_nothing_is_installed_by_sudo():
    code, said = need("")
    assert code == 1 and "INSTALL" not in said and "sudo apt-get install one two" in said


def test_without_apt_or_sudo_it_names_what_it_needs():
    code, said = need("has() { return 1; }")
    assert code == 1 and "what Debian calls one two" in said
    code, said = need("has() { [ $1 = apt-get ]; }")
    assert code == 1 and "there is no sudo; as root: apt-get install one two" in said


def test_an_installation_that_brings_nothing_is_noticed():
    code, said = need("id() { echo 0; }; apt_install() { :; }")
    assert code == 1 and "still missing after the installation: one two" in said


def suite(tmp_path, program, pytest_says="run_pytest() { :; }", pattern=""):
    unit = tmp_path / "build/tests/unit/x/unit-x"
    unit.parent.mkdir(parents=True)
    unit.write_text("#!/bin/sh\n" + program)
    unit.chmod(0o755)
    return bash(f"root={tmp_path} logs={tmp_path}; id() {{ echo 1000; }}; . tools/dev/need.sh; . tools/dev/suite.sh; left_behind_s=1; {pytest_says}\n"
                f"suite {tmp_path}/build '{pattern}' both")


def test_suite_passes_on_closing_lines(tmp_path):
    code, said = suite(tmp_path, "echo talk\necho '3 passed, 0 failed'\n")
    assert code == 0 and "\n3 passed, 0 failed\n" in "\n" + said and "talk" not in said


@pytest.mark.parametrize("program, why", [
    ("echo 'FAIL thing: x.c:3'\necho '3 passed, 1 failed'\nexit 1\n", "FAIL thing: x.c:3"),
    ("echo '3 passed, 0 failed'\nexit 139\n", "the suite failed"),
    ("exit 0\n", "printed no closing line"),
    ("echo '0 passed, 0 failed'\n", "no test ran"),
])
def test_suite_fails(tmp_path, program, why):
    code, said = suite(tmp_path, program)
    assert code == 1 and why in said, said


def test_suite_fails_when_something_is_left_behind(tmp_path):
    (tmp_path / "build").mkdir()
    shutil.copy2("/bin/sleep", tmp_path / "build/thole-pin")
    code, said = suite(tmp_path, f"{tmp_path}/build/thole-pin 1000 >/dev/null 2>&1 </dev/null &\necho '1 passed, 0 failed'\n")
    assert code == 1 and "the unit tests left behind" in said and "thole-pin 1000" in said, said
    assert subprocess.run(["pgrep", "-f", f"^{tmp_path}/build/thole-pin"], capture_output=True).stdout == b""


def test_suite_fails_with_pytest(tmp_path):
    (tmp_path / "tests/e2e").mkdir(parents=True)
    (tmp_path / "tests/tools").mkdir()
    (tmp_path / "tests/e2e/test_a.py").write_text("def test_good():\n    pass\ndef test_bad():\n    assert 0\n")
    code, said = suite(tmp_path, "echo '1 passed, 0 failed'\n", pytest_says="")
    assert code == 1 and "1 failed, 1 passed" in said, said


def test_in_ci_what_fails_once_is_named_and_runs_again(tmp_path):
    (tmp_path / "tests/e2e").mkdir(parents=True)
    (tmp_path / "tests/tools").mkdir()
    (tmp_path / "tests/e2e/test_a.py").write_text(
        "import pathlib, pytest\n"
        "@pytest.mark.parametrize('said', ['x'], ids=['two words'])\n"
        "def test_luck(said):\n"
        f"    once = pathlib.Path({str(tmp_path)!r}, 'once')\n"
        "    seen = once.exists()\n"
        "    once.touch()\n"
        "    assert seen, 'no - luck'\n")
    code, said = suite(tmp_path, "echo '1 passed, 0 failed'\n", pytest_says="CI=true")
    assert code == 0 and "UNSTABLE tests/e2e/test_a.py::test_luck[two words]" in said, said


def test_a_pattern_may_match_on_one_side_only(tmp_path):
    (tmp_path / "tests/e2e").mkdir(parents=True)
    (tmp_path / "tests/tools").mkdir()
    (tmp_path / "tests/e2e/test_a.py").write_text("def test_good():\n    pass\n")
    code, said = suite(tmp_path, 'echo "$1"\necho "1 passed, 0 failed"\n', pytest_says="", pattern="oar")
    assert code == 0, said
    assert (next(tmp_path.glob("*.unit-x.log"))).read_text().startswith("oar\n")


def test_help_and_unknown_commands():
    for command in "build test run demo asan fuzz bench fmt lint".split():
        code, said = bash(f"./dev help {command}", env={**os.environ, "THOLE_DEV_LOGS": "/tmp"})
        assert code == 0 and said.startswith(command), said
    code, said = bash("./dev nonsense", env={**os.environ, "THOLE_DEV_LOGS": "/tmp"})
    assert code == 1 and "no command 'nonsense'" in said and "usage: ./dev" in said
