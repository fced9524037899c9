# SPDX-License-Identifier: Apache-2.0
"""`trigger: manual` and `thole trigger`: changes wait until somebody asks; who waits gets the run's logs and exit code."""

import json
import os

from driver import wait_until


def manual(thole):
    thole.file("src/a", "0")
    thole.file("src/b", "0")
    thole.config("""
        version: 1
        services:
          api: {command: "cat src/a >> $LEDGER; echo >> $LEDGER; sleep 1000", trigger: manual, watch: {paths: [src], debounce: 10ms}}
        """)
    thole.run("up", "-d", "--wait")
    thole.wait_ledger("0")


def test_changes_wait_until_somebody_asks(thole):
    manual(thole)
    thole.edit("src/a", "1")
    wait_until(lambda: "src/a changed, `thole trigger api` applies it" in thole.message("api:serve"))
    thole.edit("src/b", "1")
    wait_until(lambda: "2 files changed, `thole trigger api` applies them" in thole.message("api:serve"))
    thole.replace_server()
    wait_until(lambda: "2 files changed, `thole trigger api` applies them" in thole.message("api:serve"))
    assert thole.ledger() == ["0"]
    thole.run("trigger", "api", "--wait")
    thole.wait_ledger("1")
    assert thole.ledger() == ["0", "1"]
    assert thole.message("api:serve") == "started again: src/a changed (and 1 more)"
    thole.run("trigger", "api", "--wait")  # nothing waits: afresh all the same
    assert thole.last_run("api:serve") == 3


def test_the_exit_code_and_the_output_are_the_runs(thole):
    thole.config("""
        version: 1
        services:
          job: {type: job, command: "echo out; echo err >&2; exit $(cat code)"}
          killed: {type: job, auto: false, command: "kill -9 $$"}
        """)
    thole.file("code", "0")
    thole.run("up", "-d", "--wait")
    done = thole.run("trigger", "job", "--wait")
    assert (done.out, done.err) == ("out\n", "err\n")
    thole.file("code", "7")
    failed = thole.run("trigger", "job", "--wait", code=7)
    assert failed.out == "out\n"
    assert "job:update failed: exit code 7" in failed.err
    thole.run("trigger", "killed", "--wait", code=137)


def test_of_a_server_it_is_whether_it_became_ready(thole):
    thole.config("""
        version: 1
        services:
          api:
            build: "echo built; test ! -e broken"
            command: "echo up; test ! -e crash || exit 3; sleep 1000"
            restart: never
            ready: {log: up}
        """)
    thole.run("up", "-d", "--wait")
    done = thole.run("trigger", "api", "--wait")
    assert "api:update | built" in done.out and "api:serve | up" in done.out
    thole.file("broken", "")
    failed = thole.run("trigger", "api", "--wait", code=1)
    assert "api:update failed: exit code 1" in failed.err
    assert thole.last_run("api:serve") == 2
    (thole.project / "broken").unlink()
    thole.file("crash", "")
    thole.config((thole.project / "thole.yaml").read_text().replace("{log: up}", "{log: never}"))
    thole.run("down")
    thole.run("up", "-d")
    thole.wait_target("api:serve", "terminated")
    assert "api:serve failed: exit code 3" in thole.run("trigger", "api", "--wait", code=1).err


def triggers(thole):
    events = thole.run("events", "-o", "json").out.splitlines()
    return sum(json.loads(event)["reason"] == "Triggered" for event in events)


def test_two_at_once_both_get_a_true_answer(thole):
    os.mkfifo(thole.project / "pipe")
    thole.config("""
        version: 1
        services:
          job: {type: job, auto: false, command: "echo ran >> $LEDGER; read x < pipe; exit $x"}
        """)
    thole.run("up", "-d")
    first = thole.popen("trigger", "job", "--wait")
    thole.wait_ledger("ran")
    second = thole.popen("trigger", "job", "--wait")  # comes while the first one's runs: gets the next
    third = thole.popen("trigger", "job", "--wait")  # and so does this one
    wait_until(lambda: triggers(thole) == 3)
    (thole.project / "pipe").write_text("3\n")
    assert first.wait() == 3
    thole.wait_ledger("ran", times=2)
    (thole.project / "pipe").write_text("4\n")
    assert (second.wait(), third.wait()) == (4, 4)
    assert thole.ledger() == ["ran"] * 2


def test_who_waits_outlives_the_server(thole):
    os.mkfifo(thole.project / "pipe")
    thole.config("""
        version: 1
        services:
          job: {type: job, auto: false, command: "echo began; read x < pipe; echo $x; exit $x"}
        """)
    thole.run("up", "-d")
    waiting = thole.popen("trigger", "job", "--wait")
    waiting.wait_for("began")
    thole.replace_server()
    (thole.project / "pipe").write_text("5\n")
    assert waiting.wait() == 5
    assert waiting.out == "began\n5\n"


def test_what_cannot_be_triggered_says_why(thole):
    thole.config("""
        version: 1
        services:
          api: {command: sleep 1000, labels: {tier: back}}
          job: {type: job, command: "true", labels: {tier: back}}
          slow: {type: job, auto: false, command: sleep 1000}
        """)
    thole.run("up", "-d", "--wait")
    thole.run("disable", "api")
    assert "api is disabled" in thole.run("trigger", "api", code=3).err.replace("api:serve", "api")
    assert "no resource or target" in thole.run("trigger", "nobody", code=2).err
    assert "needs a NAME" in thole.run("trigger", code=2).err
    assert "--timeout goes with --wait" in thole.run("trigger", "job", "--timeout", "1s", code=2).err
    assert "slow:update is running" in thole.run("trigger", "slow", "--wait", "--timeout", "200ms", code=4).err
    thole.run("trigger", "tiltfile:update", code=2)
    thole.run("enable", "api")
    thole.run("trigger", "-l", "tier=back", "--wait")
    assert thole.last_run("job:update") == 2
    stopped = thole.popen("trigger", "slow", "--wait")
    thole.wait_target("slow:update", "active", run=1)
    thole.run("stop", "slow")
    assert stopped.wait() == 1


def test_the_api_tells_which_run_answers(thole):
    thole.config("version: 1\nservices: {job: {type: job, command: 'true'}}\n")
    thole.run("up", "-d", "--wait")
    slug = thole.session()["metadata"]["name"]
    path = f"/apis/thole.dev/v1alpha1/namespaces/{slug}/targets/job.update/trigger"
    status, reply = thole.api(path, "POST", {})[:2]
    assert status == 200 and (reply["target"], reply["run"]) == ("job:update", 2)
    status, reply = thole.api(path, "POST", {"force": 3})[:2]
    assert status == 422


def test_a_scheduled_job_that_is_triggered_ends(thole):
    thole.config("""
        version: 1
        services:
          good: {type: job, command: echo well, schedule: "@daily"}
          bad: {type: job, command: exit 5, schedule: "@daily"}
        """)
    thole.run("up", "-d")
    assert "well" in thole.run("trigger", "good", "--wait", timeout=20).out
    failed = thole.run("trigger", "bad", "--wait", timeout=20, code=5)
    assert "bad:update failed: exit code 5" in failed.err


def test_a_lazy_service_is_not_waited_for(thole):
    thole.config("version: 1\nservices: {lz: {command: exec sleep 1000, port: auto, pass: fd, lazy: true}}\n")
    thole.run("up", "-d", "--wait")
    thole.run("wait", "lz", timeout=20)
    thole.run("trigger", "lz", "--wait", timeout=20)


def test_the_verdict_comes_behind_the_last_line(thole):
    """On a terminal they come by one stream."""
    thole.config("""
        version: 1
        services:
          e: {type: job, auto: false, command: 'echo last; exit 2'}
          bb: {auto: false, build: 'echo broken; exit 7', command: exec sleep 1000}
        """)
    thole.run("up", "-d", "--wait")
    for name, said, code in (("e", "last", 2), ("bb", "broken", 7)):
        live = thole.popen("trigger", name, "--wait", tty=True)
        assert live.wait() == code
        assert live.out.index(said) < live.out.index(f"{name}:update failed: exit code {code}"), live.out


def test_a_server_that_ends_at_once_is_not_ready(thole):
    thole.config("""
        version: 1
        services:
          a: {auto: false, command: 'sleep 0.1; exit 4', restart: {max_restarts: 2, delay: 5s}}
          b: {auto: false, command: 'no-such-program-anywhere', restart: {max_restarts: 2, delay: 5s}}
        """)
    thole.run("up", "-d", "--wait")
    assert "a:serve failed: exit code 4" in thole.run("trigger", "a", "--wait", code=1).err
    assert "b:serve failed: exit code 127" in thole.run("trigger", "b", "--wait", code=1).err


def test_a_scheduled_job_that_is_started_shows_its_own_run(thole):
    thole.config("version: 1\nservices: {sch: {type: job, command: 'echo run $THOLE_RUN; date +%N >> count; wc -l < count; exit 5', schedule: '@yearly'}}")
    thole.run("up", "-d", "--wait")
    thole.run("start", "sch", code=1)
    failed = thole.run("start", "sch", code=1)
    assert failed.err.splitlines()[0] == "thole: sch:update failed: exit code 5"
    assert "sch:update | 2" in failed.err and "sch:update | 1" not in failed.err


def test_a_failure_is_said_once(thole):
    thole.config("""
        version: 1
        services:
          a: {type: job, auto: false, command: exit 3}
          b: {type: job, auto: false, command: 'until test -e go; do sleep 0.05; done'}
        """)
    thole.run("up", "-d", "--wait")
    live = thole.popen("start", "a", "b")
    thole.wait_target("a:update", "terminated")
    thole.file("go", "")
    assert live.wait() == 1
    assert live.err.count("a:update failed") == 1


def test_what_is_about_to_run_is_the_run_that_is_waited_for(thole):
    thole.config("""
        version: 1
        services:
          gate: {type: job, command: "while ! test -e go; do sleep 0.01; done"}
          job: {type: job, command: "echo ran >> $LEDGER; exit 6", depends_on: [gate]}
        """)
    thole.run("up", "-d")
    thole.wait_target("job:update", "waiting", waitReason="waiting-for-dep")
    waiting = [thole.popen("trigger", "job", "--wait") for _ in range(2)]
    wait_until(lambda: triggers(thole) == 2)
    thole.file("go", "")
    assert [one.wait() for one in waiting] == [6, 6]
    assert thole.ledger() == ["ran"]


def test_of_several_the_first_that_is_not_well_decides(thole):
    thole.config("""
        version: 1
        services:
          good: {type: job, auto: false, command: "true"}
          seven: {type: job, auto: false, command: exit 7}
        """)
    thole.run("up", "-d")
    thole.run("trigger", "good", "seven", "--wait", code=7)
    thole.run("trigger", "seven", "good", "--wait", code=7)
