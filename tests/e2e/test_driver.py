# SPDX-License-Identifier: Apache-2.0
"""The driver itself: what a test relies on when it says that nothing was left behind."""

import os
import signal
import socket
import subprocess
import sys

import pytest

import driver


def started(thole, *words, **options):
    process = subprocess.Popen(words, stdout=subprocess.PIPE, start_new_session=True, **options)
    assert process.stdout.read(1)  # it runs and has said so
    return process


@pytest.fixture
def bare(tmp_path):
    """A Thole whose `thole` does nothing, so that only the driver's own eyes count."""
    thole = driver.Thole()
    thole.bin = tmp_path
    (tmp_path / "thole").write_text("#!/bin/sh\nexit 0\n")
    (tmp_path / "thole").chmod(0o755)
    return thole


@pytest.mark.parametrize("mark", ["environment", "directory", "open file", "child"])
def test_close_finds_what_was_left_behind(bare, mark, monkeypatch):
    options, words = {"env": {"PATH": os.environ["PATH"]}, "cwd": "/"}, ["sh", "-c", "echo; exec sleep 1000"]
    if mark == "environment":
        options["env"] = bare.env
    elif mark == "directory":
        options["cwd"] = bare.project
    elif mark == "open file":
        words[2] = f"exec 3>{bare.base}/x; echo; exec sleep 1000"
    else:
        options["env"] = bare.env
        words[2] = "(cd /; exec env -i sh -c 'echo; exec sleep 1000')"
    process = started(bare, *words, **options)
    wait = driver.wait_until
    monkeypatch.setattr(driver, "wait_until", lambda ask, timeout=20, what="it": wait(ask, min(timeout, 1), what))
    with pytest.raises(AssertionError, match="left behind.*sleep 1000"):
        bare.close()
    assert process.wait(10) in (-signal.SIGKILL, 128 + signal.SIGKILL)  # the shell, or what it has waited for, was first
    assert not bare.base.exists()


def test_close_is_silent_when_nothing_is_left(bare):
    other = started(bare, "sh", "-c", "echo; exec sleep 1000", cwd="/")
    bare.close()
    assert other.poll() is None, "a stranger was killed"
    other.kill()
    other.wait()


def test_close_fails_when_stopping_fails(bare, tmp_path):
    (tmp_path / "thole").write_text(f"#!/bin/sh\nkill $(cat {tmp_path}/pid)\necho cannot >&2\nexit 3\n")
    process = started(bare, "sh", "-c", "echo; exec sleep 1000", cwd=bare.project)
    (tmp_path / "pid").write_text(str(process.pid))
    with pytest.raises(AssertionError, match="cannot"):
        bare.close()
    process.wait()


def test_wait_until_says_what_it_saw():
    with pytest.raises(AssertionError, match="waited 0.1 s for rain; last answer: 0"):
        driver.wait_until(lambda: 0, 0.1, "rain")


def test_run_checks_the_exit_code(bare, tmp_path):
    (tmp_path / "thole").write_text("#!/bin/sh\necho out; echo err >&2\nexit $1\n")
    assert bare.run("0").lines == ["out"]
    assert bare.run("2", code=2).err == "err\n"
    with pytest.raises(AssertionError, match="expected exit 0"):
        bare.run("1")
    bare.close()


def test_live_reads_and_waits(bare, tmp_path):
    (tmp_path / "thole").write_text("#!/bin/sh\necho ready\nread word\necho got $word >&2\nexit 7\n")
    live = bare.popen()
    live.wait_for("^ready$")
    live.type("oar\n")
    live.wait_for("^got oar$", stream=2)
    assert live.wait() == 7
    with pytest.raises(AssertionError, match="it ended without"):
        live.wait_for("never")
    bare.close()


def test_live_has_a_terminal(bare, tmp_path):
    (tmp_path / "thole").write_text("#!/bin/sh\ntrap 'echo interrupted; exit 130' INT\ntest -t 1 && echo terminal\nwhile :; do sleep 0.05; done\n")
    live = bare.popen(tty=True)
    live.wait_for("terminal")
    live.type("\x03")
    live.wait_for("interrupted")
    assert live.wait() == 130
    bare.close()


def test_free_port_is_free():
    ports = {driver.free_port() for _ in range(20)}
    assert len(ports) == 20
    for port in ports:
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", port))


def test_a_test_that_hangs_fails(tmp_path):
    (tmp_path / "test_slow.py").write_text("import threading, pytest\n@pytest.mark.deadline(1)\ndef test_slow():\n    threading.Event().wait(30)\n")
    done = subprocess.run([sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "conftest",
                            f"--rootdir={tmp_path}", str(tmp_path)],  # its fixtures count below its own root alone timeout=25,
                          env={**os.environ, "PYTHONPATH": os.path.dirname(driver.__file__)}, capture_output=True, text=True)
    assert "took longer than 1 s" in done.stdout and "1 failed" in done.stdout, done.stdout


def test_pytest_that_is_stopped_ends_what_it_started(tmp_path):
    (tmp_path / "test_slow.py").write_text(
        "import subprocess, threading, driver\n"
        "def test_slow(make_thole):\n"
        "    thole = make_thole()\n"
        "    sleeper = subprocess.Popen(['sleep', '1000'], env=thole.env, cwd='/', start_new_session=True)\n"
        f"    open('{tmp_path}/pid', 'w').write(str(sleeper.pid) + '\\n')\n"
        "    threading.Event().wait(30)\n")
    # Its root is named: the fixtures of a plugin called conftest count only below their own folder otherwise.
    run = subprocess.Popen([sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "conftest",
                            f"--rootdir={tmp_path}", str(tmp_path)],
                           env={**os.environ, "PYTHONPATH": os.path.dirname(driver.__file__)}, stdout=subprocess.DEVNULL)
    pid = int(driver.wait_until(lambda: (tmp_path / "pid").read_text().endswith("\n") and (tmp_path / "pid").read_text(), 90))
    run.terminate()
    driver.wait_until(lambda: not driver.alive(pid), 30, "the sleeper to be ended")
    assert run.wait(30) != 0
