# SPDX-License-Identifier: Apache-2.0
"""up, ci and down: what begins, what one sees of it, and how it ends."""

import os
import re
import resource
import signal
import subprocess

import pytest

import driver

CHAIN = """
    version: 1
    services:
      db:
        command: 'echo db is up; trap "echo db says bye; exit 0" TERM; while :; do sleep 0.05; done'
        ready: {log: {match: is up}}
      migrate: {type: job, command: 'echo one; echo two >&2', depends_on: [db]}
      api: {build: echo built, command: 'echo serving; exec sleep 1000', depends_on: [migrate]}
    """


def slug(thole):
    return thole.session()["metadata"]["name"]


def test_up_streams_until_it_is_interrupted(thole):
    thole.config(CHAIN)
    up = thole.popen("up")
    up.wait_for(r"^api:serve \| serving$")
    lines = up.out.splitlines()
    assert lines == ["db:serve | db is up", *lines[1:]] and {"migrate:update | one", "migrate:update | two"} <= set(lines)
    up.signal(signal.SIGINT)
    assert up.wait() == 130
    assert "db:serve | db says bye" in up.out, "the last words are part of it"
    assert "stopping; ^C again kills" in up.err and "is down" in up.err
    assert "is down; `thole up` starts it again" in thole.run("ps", code=2).err
    assert not thole.pins()


def test_a_second_interrupt_kills(thole):
    thole.config("""
        version: 1
        services:
          deaf: {command: 'trap "echo no" TERM; echo deaf; while :; do sleep 0.05; done', stop: {grace: 10m}}
        """)
    up = thole.popen("up")
    up.wait_for(r"\| deaf$")
    up.signal(signal.SIGINT)
    up.wait_for(r"\| no$")
    up.signal(signal.SIGINT)
    assert up.wait() == 130 and "killing" in up.err and not thole.pins()


def test_a_second_up_attaches_and_detaches(thole):
    thole.config(CHAIN)
    thole.run("up", "-d", "--wait")
    runs = {name: target["state"] for name, target in thole.targets().items()}
    second = thole.popen("up")
    second.wait_for("attached to", stream=2)
    thole.run("restart", "api")
    second.wait_for(r"^api:serve \| serving$")
    second.signal(signal.SIGINT)
    assert second.wait() == 0 and "detached" in second.err
    now = {name: target["state"] for name, target in thole.targets().items()}
    assert now["migrate:update"] == runs["migrate:update"], "attaching ran a job again"
    assert now["api:serve"]["active"]["run"] == 2
    assert "is up" in thole.run("up", "-d").err
    waited = thole.run("up", "-d", "--wait").err
    assert "is ready" in waited and "attached" not in waited, waited
    assert thole.targets()["migrate:update"]["state"] == runs["migrate:update"]


@pytest.mark.parametrize("number, code", [(signal.SIGTERM, 143), (signal.SIGHUP, 143), (signal.SIGKILL, 137)])
def test_a_client_that_dies_leaves_the_session(thole, number, code):
    thole.config(CHAIN)
    up = thole.popen("up")
    up.wait_for(r"\| serving$")
    pid = thole.target("api:serve")["state"]["active"]["pid"]
    up.signal(number)
    assert up.wait() == code and driver.alive(pid)
    said = thole.run("ps")
    assert "without the `thole up` that began it" in said.err and f"process {up.pid}" in said.err
    assert "without" not in thole.run("ps").err, "it is said once"
    assert "is down" in thole.run("down").err


def test_in_a_terminal_it_says_what_waits(thole):
    thole.config("""
        version: 1
        services:
          slow: {type: job, command: 'until test -e go; do sleep 0.02; done'}
          web-front: {command: 'printf "\\033[31mred\\n"; exec sleep 1000', depends_on: [slow]}
        """)
    up = thole.popen("up", tty=True)
    up.wait_for(r"slow:update +\S*running")
    up.wait_for(r"web-front:serve +\S*waiting\S* +waiting for slow, which is still running")
    up.wait_for(r"slow:update +\S*running\S* +1s", timeout=10)
    thole.file("go", "")
    up.wait_for("web-front:serve\x1b\\[0m \x1b\\[2m│\x1b\\[0m \x1b\\[31mred\x1b\\[0m")
    up.type("\x03")
    assert up.wait() == 130


def test_the_screen_is_plain_with_no_color(thole):
    thole.config("version: 1\nservices: {a: {command: 'echo hi; exec sleep 1000'}, longer: {command: sleep 1000}}\n")
    up = thole.popen("up", tty=True, env={"NO_COLOR": "1", "TERM": "dumb"})
    up.wait_for(r"a:serve      │ hi")
    assert "\x1b" not in up.out
    up.type("\x03")
    up.wait()


def test_detached(thole):
    thole.config(CHAIN)
    result = thole.run("up", "-d")
    assert result.out == "" and "started" in result.err
    thole.run("wait", "--timeout", "20s")
    assert thole.target("api:serve")["state"]["active"]["ready"]


def test_wait_returns_when_all_is_ready(thole):
    thole.config(CHAIN)
    for _ in range(3):
        assert thole.run("up", "-d", "--wait").err.endswith(" is ready\n")
        states = {name: target["state"] for name, target in thole.targets().items()}
        assert states["api:serve"]["active"]["ready"] and states["migrate:update"]["terminated"]["exitCode"] == 0
        thole.run("down")


def test_wait_without_d_shows_the_log(thole):
    thole.config(CHAIN)
    assert "migrate:update | one" in thole.run("up", "--wait").lines
    assert thole.target("api:serve")["state"]["active"]["ready"]


def test_wait_names_the_culprit(thole):
    thole.config("""
        version: 1
        services:
          bad: {type: job, command: 'for i in $(seq 30); do echo line $i; done; exit 7'}
          web: {command: sleep 1000, depends_on: [bad]}
          other: {command: sleep 1000}
        """)
    result = thole.run("up", "-d", "--wait", code=1)
    assert "bad:update failed: exit code 7" in result.err, result
    assert "bad:update | line 30" in result.err and "line 20\n" not in result.err
    driver.wait_until(lambda: thole.target("other:serve")["state"].get("active"), 10, "the session to go on")


def test_wait_cares_for_the_names_alone(thole):
    thole.config("""
        version: 1
        services:
          bad: {type: job, command: exit 7}
          never: {command: sleep 1000, ready: {exec: ["false"]}}
          db: {command: sleep 1000}
          web: {command: sleep 1000, depends_on: [db]}
          stuck: {command: sleep 1000, depends_on: [bad]}
        """)
    thole.run("up", "-d", "--wait", "web")
    assert thole.target("bad:update")["state"] == {}
    assert "bad:update failed" in thole.run("up", "-d", "--wait", "stuck", code=1).err, "what it needs counts"
    thole.run("up", "-d", "--wait", "web", "--timeout", "20s")
    late = thole.run("up", "-d", "--wait", "never", "--timeout", "300ms", code=4)
    assert "never:serve is starting" in late.err


def test_up_takes_up_what_has_changed_in_the_file(thole):
    thole.config("version: 1\nservices: {a: {command: sleep 1000}}\n")
    thole.run("up", "-d", "--wait")
    thole.config("version: 1\nservices: {a: {command: sleep 1000}, b: {command: sleep 1000}}\n")
    thole.run("up", "-d", "b", "--wait")
    assert thole.target("b:serve")["state"]["active"]["ready"]
    thole.run("down")
    thole.run("up", "-d", "b", "--wait")


def test_up_with_labels(thole):
    thole.config("""
        version: 1
        services:
          a: {command: sleep 1000, labels: {tier: front}}
          b: {command: sleep 1000}
        """)
    thole.run("up", "-d", "--wait", "-l", "tier=front")
    assert thole.target("a:serve")["state"]["active"] and thole.target("b:serve")["state"] == {}
    thole.run("down")
    assert "tier=back" in thole.run("up", "-d", "-l", "tier=back", code=2).err
    assert "the labels nosuch and tier=back" in thole.run("up", "-d", "b", "-l", "nosuch", "-l", "tier=back", code=2).err
    for wrong in ("", "=front"):
        assert "-l takes KEY or KEY=VALUE" in thole.run("up", "-d", "-l", wrong, code=2).err


@pytest.mark.parametrize("label, chosen", [("fast", {"a", "b"}), ("fast=", {"a"}), ("fast=no", {"b"}), ("tier", {"b"})])
def test_a_label_may_be_named_without_its_value(thole, label, chosen):
    thole.config("""
        version: 1
        services:
          a: {type: job, command: 'echo a >> $LEDGER', labels: [fast]}
          b: {type: job, command: 'echo b >> $LEDGER', labels: {fast: no, tier: 1}}
          c: {type: job, command: 'echo c >> $LEDGER'}
        """)
    thole.run("up", "-d", "--wait", "-l", label)
    assert set(thole.ledger()) == chosen


def test_up_of_an_unknown_name(thole):
    thole.config(CHAIN)
    assert thole.run("up", "-d", "ap", code=2).err == 'thole: there is no service or target named "ap"; did you mean api?\n'
    thole.run("up", "-d")
    assert "nope" in thole.run("up", "-d", "nope", code=2).err
    assert "`thole config` shows them" in thole.run("up", "nosuch", code=2).err
    assert "`thole ps` lists them" in thole.run("stop", "nosuch", code=2).err
    assert "`thole ps` lists" in thole.run("logs", "nosuch", code=2).err


def test_a_further_session(thole):
    thole.config(CHAIN)
    thole.run("up", "-d", "--wait")
    thole.run("--session", "two", "up", "-d", "--wait")
    assert thole.session("--session", "two")["metadata"]["name"].endswith("-two")
    assert len(thole.run("ps", "-a", "-o", "json").json()["items"]) == 10
    assert re.search(r"^NAME .* SESSION$", thole.run("ps", "-a").lines[0])
    thole.run("--session", "two", "down")
    assert "is down" in thole.run("--session", "two", "ps", code=2).err
    assert "--session three up" in thole.run("--session", "three", "ps", code=2).err
    assert thole.target("api:serve")["state"]["active"]
    assert thole.run("down", "--all").err.count("is down") == 1


def test_the_environment_of_the_client_arrives(thole):
    thole.config("version: 1\nservices: {show: {type: job, command: [env, '-0']}, limits: {type: job, command: 'umask; ulimit -n'}}\n")
    odd = {b"BASH_FUNC_x%%": b"() {  echo hi\n}", b"BYTES": b"a\xff\x80b", b"N\xe9": b"latin", b"BIG": b"x" * 100_000, b"EMPTY": b""}

    def unusual():
        os.umask(0o027)
        resource.setrlimit(resource.RLIMIT_NOFILE, (333, 400))
    subprocess.run([thole.bin / "thole", "up", "-d", "--wait"], env={**thole.env, **odd}, cwd=thole.project, check=True, timeout=30,
                   preexec_fn=unusual)
    for server in ("the same", "another"):
        text = b"\0" + thole.run("logs", "-o", "raw", "show").raw
        for name, value in odd.items():
            assert text.count(b"\0" + name + b"=" + value + b"\0") == 1, (server, name)
        assert thole.run("logs", "-o", "raw", "limits").lines == ["0027", "333"]
        thole.kill(thole.server_pid())
        thole.run("restart", "show", "limits")
        thole.run("wait")
        driver.wait_until(lambda: thole.run("logs", "-n", "1", "-o", "raw", "limits").lines == ["333"])
        thole.run("down", "--purge") if server == "another" else None
        if server == "the same":
            text = b"\0" + thole.run("logs", "-o", "raw", "--run", "2", "show").raw
            assert all(b"\0" + name + b"=" + value + b"\0" in text for name, value in odd.items())
            break


# ---- ci


def test_ci_that_succeeds(thole):
    thole.config(CHAIN)
    result = thole.run("ci")
    assert "migrate:update | one" in result.lines and "db:serve | db says bye" in result.lines
    assert "everything succeeded" in result.err
    assert re.search(r"^  migrate:update +done ", result.err, re.M) and re.search(r"^  api:serve +ready", result.err, re.M)
    assert not thole.pins(), "what ran is down when it returns"


def test_ci_shows_nothing_that_an_earlier_one_wrote(thole):
    thole.config({"version": 1, "services": {"job": {"type": "job", "command": 'echo "said by $WHO"'}}})
    assert "said by first" in thole.run("ci", env={"WHO": "first"}).out
    again = thole.run("ci", env={"WHO": "second"}).out
    assert "said by second" in again and "said by first" not in again


def test_ci_that_fails(thole):
    thole.config("version: 1\nservices: {ok: {command: sleep 1000}, bad: {type: job, command: 'echo why; exit 3'}}\n")
    result = thole.run("ci", code=1)
    assert "bad:update | why" in result.lines
    assert re.search(r"^  bad:update +failed +exit code 3", result.err, re.M), result
    assert not thole.pins()


def test_ci_tells_what_never_started_from_what_was_stopped(thole):
    thole.config("""
        version: 1
        services:
          bad: {type: job, command: 'until test -e go; do sleep 0.02; done; exit 3'}
          late: {command: sleep 1000, depends_on: [bad]}
          slow: {command: sleep 1000, ready: {exec: ["false"]}}
        """)
    for _ in range(2):
        ci = thole.popen("ci")
        thole.wait_target("slow:serve", "active")
        thole.file("go", "")
        assert ci.wait() == 1
        rows = dict(re.findall(r"^  (\S+) +(.*)$", ci.err, re.M))
        assert rows == {"bad:update": "failed   exit code 3", "late:serve": "-        not started: the session is done",
                        "slow:serve": "stopped  the session is done"}, "also when an earlier one ran"
        (thole.project / "go").unlink()


def test_ci_that_fails_at_once_has_stopped_everything_all_the_same(thole):
    thole.config("""
        version: 1
        services:
          bad: {type: job, command: exit 3}
          deaf: {command: 'trap "" TERM; while :; do sleep 0.05; done', stop: {grace: 300ms}}
        """)
    for _ in range(5):
        ci = thole.run("ci", code=1)
        assert not thole.pins()
        assert dict(re.findall(r"^  (\S+) +(\S+)", ci.err, re.M))["bad:update"] == "failed", ci.err
        assert not re.search(r"being (started|stopped)", ci.err), ci.err


def test_the_last_words_are_those_of_the_run_that_failed(thole):
    thole.config("""
        version: 1
        services:
          bad: {type: job, command: 'echo said by $WHO; exit 3'}
        """)
    thole.run("up", "-d", "--wait", code=1, env={"WHO": "first"})
    thole.run("down")
    again = thole.run("up", "-d", "--wait", code=1, env={"WHO": "second"}).err
    assert "said by second" in again and "said by first" not in again


def test_ci_of_nothing_but_done_jobs(thole):
    thole.config("version: 1\nservices: {a: {type: job, command: 'true'}}\n")
    for _ in range(5):
        thole.run("ci", timeout=20)


def test_ci_that_takes_too_long(thole):
    thole.config("version: 1\nservices: {slow: {type: job, command: sleep 1000}}\n")
    assert "Timeout" in thole.run("ci", "--timeout", "300ms", code=4).err
    thole.config("version: 1\nservices: {slow: {command: sleep 1000, ready: {exec: ['false']}}}\n")
    assert "Readiness timeout" in thole.run("ci", "--readiness-timeout", "300ms", code=4).err


def test_ci_is_refused_while_up_runs(thole):
    thole.config(CHAIN)
    thole.run("up", "-d", "--wait")
    result = thole.run("ci", code=3)
    assert "`thole down` first, or" in result.err and "thole --session NAME ci" in result.err and slug(thole) in result.err
    thole.run("--session", "ci", "ci")
    assert thole.target("api:serve")["state"]["active"]


def test_ci_detached(thole):
    thole.config("version: 1\nservices: {a: {type: job, command: 'until test -e go; do sleep 0.02; done'}}\n")
    thole.run("ci", "-d")
    waiting = thole.popen("wait", "--for", "done")
    thole.file("go", "")
    assert waiting.wait() == 0
    assert not thole.wait_done().get("error")


def test_ci_interrupted(thole):
    thole.config("version: 1\nservices: {a: {type: job, command: 'echo begun; exec sleep 1000'}}\n")
    ci = thole.popen("ci")
    ci.wait_for("begun")
    ci.signal(signal.SIGINT)
    assert ci.wait() == 130 and not thole.pins()


def test_ci_whose_session_is_stopped(thole):
    thole.config("version: 1\nservices: {a: {type: job, command: 'echo begun; exec sleep 1000'}}\n")
    ci = thole.popen("ci")
    ci.wait_for("begun")
    thole.run("down")
    assert ci.wait() == 1 and "was stopped meanwhile" in ci.err


# ---- down


def test_down(thole):
    thole.config(CHAIN)
    assert "nothing of" in thole.run("down").err
    thole.run("up", "-d", "--wait")
    name = slug(thole)
    assert f"{name} is down" in thole.run("down").err
    assert (thole.state / "sessions" / name).exists()
    assert "its files are removed" in thole.run("down", "--purge").err
    assert not (thole.state / "sessions" / name).exists()


def test_down_purge_while_it_runs(thole):
    thole.config(CHAIN)
    thole.run("up", "-d", "--wait")
    name = slug(thole)
    thole.run("down", "--purge")
    assert not (thole.state / "sessions" / name).exists() and not thole.pins()


def test_down_has_a_limit(thole):
    thole.config("""
        version: 1
        services:
          deaf: {command: 'trap "" TERM; echo deaf; while :; do sleep 0.05; done', stop: {grace: 10m}, ready: {log: {match: deaf}}}
        """)
    thole.run("up", "-d", "--wait")
    late = thole.run("down", "--timeout", "300ms", code=4)
    assert "deaf:serve is stopping" in late.err
    name = slug(thole)
    thole.run("api", "DELETE", f"/apis/tilt.dev/v1alpha1/sessions/{name}?gracePeriodSeconds=0")
    thole.run("down", "--timeout", "20s")


def test_down_while_somebody_looks_on(thole):
    thole.config(CHAIN)
    up = thole.popen("up")
    up.wait_for(r"\| serving$")
    thole.run("down")
    assert up.wait() == 0 and "db:serve | db says bye" in up.out
