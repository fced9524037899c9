# SPDX-License-Identifier: Apache-2.0
"""logs: all of it, the part that was asked for, and nothing twice."""

import re
import signal

import pytest

import driver

TALK = r"""
    version: 1
    services:
      a: {type: job, command: 'for i in 1 2 3 4 5; do echo out $i; echo err $i >&2; done'}
      b: {type: job, command: 'echo apple; echo banana; echo cherry', depends_on: [a]}
      bytes: {type: job, command: "printf 'caf\\351\\0x\\nno newline'", depends_on: [b]}
    """


@pytest.fixture
def talk(thole):
    thole.config(TALK)
    thole.run("up", "-d", "--wait")
    return thole


def test_all_in_order_of_time(talk):
    lines = talk.run("logs").lines
    assert [line for line in lines if " out " in line] == [f"a:update | out {i}" for i in range(1, 6)]
    assert [line for line in lines if " err " in line] == [f"a:update | err {i}" for i in range(1, 6)]
    assert lines.index("b:update | apple") > lines.index("a:update | err 5")
    assert talk.run("logs", "b").lines == talk.run("logs", "b:update").lines == ["b:update | apple", "b:update | banana", "b:update | cherry"]


def test_parts(talk):
    assert talk.run("logs", "-n", "2", "b").lines == ["b:update | banana", "b:update | cherry"]
    assert talk.run("logs", "-n0", "b").lines == []
    assert talk.run("logs", "--stream", "err", "a").lines == [f"a:update | err {i}" for i in range(1, 6)]
    assert talk.run("logs", "--grep", "^ba|y$", "b").lines == ["b:update | banana", "b:update | cherry"]
    assert talk.run("logs", "--grep", "nothing like it").lines == []
    assert len(talk.run("logs", "--since", "10m").lines) == len(talk.run("logs").lines)
    assert talk.run("logs", "--since", "2999-01-01").lines == []
    assert talk.run("logs", "--until", "2001-01-01T00:00:00Z").lines == []
    times = [line["time"] for line in map(__import__("json").loads, talk.run("logs", "-o", "json", "b").lines)]
    assert talk.run("logs", "--since", times[0], "b").lines[0] == "b:update | apple"


def test_runs(talk):
    talk.run("restart", "b")
    talk.run("wait", "b")
    assert talk.run("logs", "b").lines.count("b:update | apple") == 2
    assert talk.run("logs", "--run", "2", "b").lines == ["b:update | apple", "b:update | banana", "b:update | cherry"]
    assert "no log of run 9 of b:update;" in talk.run("logs", "--run", "9", "b", code=2).err


def test_forms(talk):
    entry = __import__("json").loads(talk.run("logs", "-o", "json", "b").lines[0])
    assert {"target": "b:update", "object": "b.update", "run": 1, "stream": "out", "text": "apple"}.items() <= entry.items()
    assert talk.run("logs", "-o", "raw", "bytes").raw == b"caf\xe9\0x\nno newline"
    assert b"bytes:update | caf\xe9\0x\n" in talk.run("logs", "bytes").raw
    coded = __import__("json").loads(talk.run("logs", "-o", "json", "bytes").lines[0])
    assert "base64" in coded and "text" not in coded
    assert talk.run("logs", "--grep", "x$", "bytes").raw == b"bytes:update | caf\xe9\0x\n"


def test_an_unknown_name(talk):
    assert 'no log of "bytes:updat"; did you mean' in talk.run("logs", "bytes:updat", code=2).err


def test_of_a_session_that_is_down(talk):
    before = talk.run("logs").lines
    talk.run("down")
    assert talk.run("logs").lines == before
    followed = talk.run("logs", "-f", timeout=20)
    assert "is down: nothing more will come" in followed.err and followed.lines == before


COUNTER = """
    version: 1
    services:
      out: {command: 'i=0; while :; do i=$((i+1)); echo $i; sleep 0.001; done'}
      mixed: {command: 'i=0; while :; do i=$((i+1)); printf "begun " ; echo $i >&2; sleep 0.005; echo and ended $i; done'}
    """


def test_follow_until_the_session_ends(thole):
    thole.config(COUNTER)
    thole.run("up", "-d", "--wait")
    follow = thole.popen("logs", "-f")
    follow.wait_for(r"^out:serve \| 20$")
    thole.run("down")
    assert follow.wait() == 0
    assert follow.out.splitlines() == thole.run("logs").lines or sorted(follow.out.splitlines()) == sorted(thole.run("logs").lines)


def check_numbers(text, at_least):
    """Every line once and in its order, whole, however many servers there were."""
    lines = text.splitlines()
    out = [int(line.split("| ")[1]) for line in lines if line.startswith("out:serve")]
    err = [int(line.split("| ")[1]) for line in lines if re.match(r"mixed:serve \| \d+$", line)]
    whole = [int(m[1]) for line in lines if (m := re.match(r"mixed:serve \| begun and ended (\d+)$", line))]
    assert out == list(range(1, len(out) + 1)) and len(out) >= at_least
    assert err == list(range(1, len(err) + 1))
    assert whole == list(range(1, len(whole) + 1))
    rest = [line for line in lines if line.startswith("mixed") and not re.match(r"mixed:serve \| (\d+|begun and ended \d+)$", line)]
    assert all(line in ("mixed:serve | begun ", "mixed:serve | Terminated") for line in rest) and len(rest) <= 2, rest


@pytest.mark.deadline(90)
def test_follow_over_the_death_of_servers(thole):
    thole.config(COUNTER)
    up = thole.popen("up")
    up.wait_for(r"^out:serve \| 20$")
    follow = thole.popen("logs", "-f")
    for _ in range(4):
        thole.kill(thole.server_pid())
        seen = int(re.findall(r"out:serve \| (\d+)$", follow.out, re.M)[-1]) if "out:serve | " in follow.out else 0
        driver.wait_until(thole.server_pid, what="another server")
        follow.wait_for(rf"^out:serve \| {seen + 100}$")
    up.signal(signal.SIGINT)
    assert up.wait() == 130 and follow.wait() == 0
    check_numbers(up.out, 300)
    check_numbers(follow.out, 300)


def test_follow_only_what_is_new(thole):
    thole.config("version: 1\nservices: {a: {command: 'echo old; until test -e go; do sleep 0.02; done; while echo new; do sleep 0.02; done'}}\n")
    thole.run("up", "-d", "--wait")
    driver.wait_until(lambda: "old" in thole.run("logs").out)
    follow = thole.popen("logs", "-f", "-n", "0")
    thole.file("go", "")  # whenever the follower is there, further lines come
    follow.wait_for("new")
    assert "old" not in follow.out


def test_a_reader_that_leaves(thole):
    thole.config(COUNTER)
    thole.run("up", "-d", "--wait")
    import subprocess
    done = subprocess.run(f"'{thole.bin}/thole' logs -f | head -n 3", shell=True, env=thole.env, cwd=thole.project, capture_output=True, timeout=20)
    assert len(done.stdout.splitlines()) == 3 and done.stderr == b""


def test_the_column_stands_still_on_a_terminal(thole):
    thole.config({"version": 1, "services": {
        "a": {"type": "job", "command": "echo first"},
        "much-longer": {"type": "job", "command": "echo second", "depends_on": ["a"]}}})
    thole.run("up", "-d", "--wait")

    def columns(*words):
        live = thole.popen("logs", *words, tty=True, env={"NO_COLOR": "1"})
        assert live.wait() == 0
        return [line.index("│") for line in live.out.splitlines()]
    assert columns() == [len("much-longer:update ")] * 2
    assert columns("a") == [len("a:update ")], "of those that were asked for"
