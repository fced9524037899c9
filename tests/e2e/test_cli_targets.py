# SPDX-License-Identifier: Apache-2.0
"""Single targets: ps, status, start, stop, restart, wait."""

import json
import os
import re

import pytest

import driver

SHOP = """
    version: 1
    services:
      db: {command: 'echo db; exec sleep 1000'}
      job: {type: job, command: 'echo job >> $LEDGER', depends_on: [db]}
      api: {build: 'echo build >> $LEDGER', command: 'echo api >> $LEDGER; exec sleep 1000', depends_on: [job]}
      extra: {command: sleep 1000, auto: false}
    """


@pytest.fixture
def shop(thole):
    thole.config(SHOP)
    thole.run("up", "-d", "--wait")
    return thole


def active(thole, name):
    return thole.target(name)["state"]["active"]


def test_ps(shop):
    lines = shop.run("ps").lines
    assert lines[0].split() == ["NAME", "STATE", "WHY", "READY", "RUN", "PID", "UPTIME", "RESTARTS"]
    rows = {line.split()[0]: line.split() for line in lines[1:]}
    assert set(rows) == {"api:serve", "api:update", "db:serve", "extra:serve", "job:update"}
    pid = str(active(shop, "db:serve")["pid"])
    assert rows["db:serve"][1:5] == ["ready", "yes", "1", pid] and rows["db:serve"][-1] == "0"
    assert rows["job:update"][1:4] == ["done", "-", "1"]
    extra = next(line for line in lines if line.startswith("extra:serve"))
    assert "not started: its `auto` is false" in extra
    starts = {line[lines[0].index("READY"):].split()[0] for line in lines[1:]}
    assert starts <= {"yes", "-"}, "the columns stand below their titles"


def test_ps_wide_and_json(shop):
    wide = shop.run("ps", "-o", "wide").lines
    assert wide[0].split()[-3:] == ["EXIT", "STARTED", "PORTS"] and any(line.startswith("tiltfile:update") for line in wide)
    items = shop.run("ps", "--json").json()
    assert items["kind"] == "TargetList" and {item["spec"]["target"] for item in items["items"]} >= {"db:serve", "api:update"}
    again = json.loads(shop.run("api", "GET", f"/apis/thole.dev/v1alpha1/namespaces/{shop.session()['metadata']['name']}/targets").out)
    assert again["items"] == items["items"], "as the API serves it"


def test_ps_cuts_long_reasons_on_a_terminal_only(thole):
    names = [f"long-name-of-a-service-{i}" for i in range(6)]
    thole.config({"version": 1, "services": {"z": {"command": "sleep 1", "depends_on": names},
                                             **{name: {"type": "job", "command": "sleep 1000"} for name in names}}})
    thole.run("up", "-d")
    thole.wait_target(f"{names[0]}:update", "active")

    def row(*words, **options):
        live = thole.popen("ps", *words, **options)
        assert live.wait() == 0
        return next(line.rstrip() for line in live.out.splitlines() if line.startswith("z:serve"))
    whole = next(line for line in thole.run("ps").lines if line.startswith("z:serve"))
    assert "and 3 more" in whole and "…" not in whole, "what is read by a program is whole"
    plain = {"NO_COLOR": "1"}
    assert row(tty=(24, 300), env=plain).split() == whole.split()
    for columns in (100, 120):
        cut = row(tty=(24, columns), env=plain)
        assert "waiting for long" in cut and "…" in cut and len(cut) <= columns
    assert row("-o", "wide", tty=(24, 100), env=plain).split() == whole.split(), "-o wide never cuts"


def test_status(shop):
    session = shop.run("status").json()
    assert session["kind"] == "Session" and session["spec"]["tiltfilePath"] == f"{shop.project}/thole.yaml"
    assert json.loads(shop.run("api", "GET", f"/apis/tilt.dev/v1alpha1/sessions/{session['metadata']['name']}").out)["metadata"]["uid"] == session["metadata"]["uid"]
    assert re.search(r"^kind: Session$", shop.run("status", "-o", "yaml").out, re.M)
    shop.run("down")
    down = shop.run("status")
    assert "is down" in down.err and down.json()["metadata"]["uid"] == session["metadata"]["uid"]


def test_stop_and_start(shop):
    pid = active(shop, "db:serve")["pid"]
    shop.run("stop", "db")
    assert not driver.alive(pid) and shop.target("db:serve")["state"] == {}
    assert "stopped" in next(line for line in shop.run("ps").lines if line.startswith("db:serve"))
    shop.run("stop", "db"), "stopping what is stopped is fine"
    shop.run("start", "db:serve")
    assert active(shop, "db:serve")["run"] == 2
    before = active(shop, "db:serve")["pid"]
    shop.run("start", "db")
    assert active(shop, "db:serve")["pid"] == before, "what runs is left alone"
    shop.run("start", "extra")
    assert active(shop, "extra:serve")


def test_restart(shop):
    before = active(shop, "api:serve")["pid"]
    shop.run("restart", "api")
    assert active(shop, "api:serve")["run"] == 2 and not driver.alive(before)
    assert shop.ledger().count("build") == 1, "the server alone"
    shop.run("restart", "job", "api:update")
    assert shop.ledger().count("job") == 2 and shop.ledger().count("build") == 2


def test_start_of_what_fails(thole):
    thole.config("""
        version: 1
        services:
          bad: {type: job, command: 'echo because; exit 5', auto: false}
          none: {command: [/nowhere/at/all], auto: false}
          db: {command: sleep 1000}
        """)
    thole.run("up", "-d", "--wait")
    result = thole.run("start", "bad", code=1)
    assert "bad:update failed: exit code 5" in result.err and "bad:update | because" in result.err
    assert "/nowhere/at/all" in thole.run("restart", "none", code=1).err


def test_start_of_a_job_that_is_done_runs_it_again(shop):
    shop.run("start", "job", timeout=20)
    shop.run("start", "job:update", timeout=20)
    assert shop.ledger().count("job") == 3
    pid = active(shop, "api:serve")["pid"]
    shop.run("start", "api", timeout=20)
    assert active(shop, "api:serve")["pid"] == pid and shop.ledger().count("build") == 1, "a build runs for itself alone"
    shop.run("start", "api:update", timeout=20)
    assert shop.ledger().count("build") == 2


def test_start_of_a_job_that_runs_waits_for_it(thole):
    os.mkfifo(thole.base / "gate")
    thole.config("version: 1\nservices: {slow: {type: job, command: 'echo go; cat \"$GATE\"'}}\n")
    thole.run("up", "-d", env={"GATE": str(thole.base / "gate")})
    thole.wait_target("slow:update", "active")
    before = thole.session()["metadata"]["resourceVersion"]
    start = thole.popen("start", "slow")
    driver.wait_until(lambda: thole.session()["metadata"]["resourceVersion"] != before, what="the server to be asked")
    (thole.base / "gate").write_text("")
    assert start.wait(20) == 0


def test_a_group_stands_for_what_it_depends_on(thole):
    thole.config("""
        version: 1
        services:
          job: {type: job, command: 'echo job >> $LEDGER; echo from job'}
          web: {command: 'echo from web; exec sleep 1000', ready: {exec: 'test -e ready'}}
          other: {command: 'echo from other; exec sleep 1000'}
          inner: {depends_on: [web]}
          all: {depends_on: [job, inner]}
        """)
    late = thole.run("up", "-d", "--wait", "all", "--timeout", "300ms", code=4)
    assert "web:serve is starting" in late.err, "it is waited for"
    thole.file("ready", "")
    thole.run("wait", "all", "--for", "ready", timeout=20)
    pid = active(thole, "web:serve")["pid"]
    thole.run("start", "all", timeout=20)
    assert active(thole, "web:serve")["pid"] == pid and thole.ledger() == ["job"]
    assert "from job" in thole.run("logs", "all").out and "from web" in thole.run("logs", "inner").out
    thole.run("start", "other")
    assert "from other" not in thole.run("logs", "all").out
    thole.run("restart", "inner", timeout=20)
    assert active(thole, "web:serve")["run"] == 2
    thole.run("stop", "all", timeout=20)
    assert thole.target("web:serve")["state"] == {} and active(thole, "other:serve")
    assert "did you mean inner" in thole.run("stop", "iner", code=2).err


def test_the_file_itself_is_suggested_to_nobody(shop):
    assert "did you mean" not in shop.run("start", "tiltfile", code=2).err


def test_unknown_names(shop):
    for command in ("start", "stop", "restart", "wait"):
        result = shop.run(command, "dbb", code=2)
        assert 'no resource or target "dbb"; did you mean db?' in result.err
    shop.run("stop", "db", "nope", code=2)
    assert active(shop, "db:serve"), "nothing half-done"


def test_without_a_session(thole):
    thole.config(SHOP)
    for words in (["start", "db"], ["stop", "db"], ["restart", "db"], ["wait"], ["ps"], ["logs"], ["status"]):
        assert "start it with `thole up`" in thole.run(*words, code=2).err


def test_stop_has_a_limit(thole):
    thole.config("""
        version: 1
        services:
          deaf: {command: 'trap "" TERM; echo deaf; while :; do sleep 0.05; done', stop: {grace: 10m}, ready: {log: {match: deaf}}}
        """)
    thole.run("up", "-d", "--wait")
    late = thole.run("stop", "deaf", "--timeout", "200ms", code=4)
    assert "deaf:serve is stopping" in late.err
    name = thole.session()["metadata"]["name"]
    thole.run("api", "DELETE", f"/apis/tilt.dev/v1alpha1/sessions/{name}?gracePeriodSeconds=0")


def test_a_stop_is_over_when_somebody_starts_it_again(thole):
    thole.config("""
        version: 1
        services:
          slow: {command: 'trap "echo told; until test -e go; do sleep 0.02; done; exit 0" TERM; echo up; while :; do sleep 0.02; done'}
        """)
    thole.run("up", "-d", "--wait")
    driver.wait_until(lambda: "up" in thole.run("logs").out)
    stop = thole.popen("stop", "slow")
    driver.wait_until(lambda: "told" in thole.run("logs").out)
    restart = thole.popen("restart", "slow")
    driver.wait_until(lambda: "to be started again" in thole.run("ps").out)
    thole.file("go", "")
    assert restart.wait() == 0
    assert stop.wait() == 0
    assert thole.wait_target("slow:serve", "active")["run"] == 2


def test_a_restart_is_over_when_somebody_stops_it(thole):
    thole.config("""
        version: 1
        services:
          slow: {command: 'trap "echo told; until test -e go; do sleep 0.02; done; exit 0" TERM; echo up; while :; do sleep 0.02; done'}
        """)
    thole.run("up", "-d", "--wait")
    driver.wait_until(lambda: "up" in thole.run("logs").out)
    restart = thole.popen("restart", "slow")
    driver.wait_until(lambda: "told" in thole.run("logs").out)
    stop = thole.popen("stop", "slow")
    driver.wait_until(lambda: "to be started again" not in thole.run("ps").out)
    thole.file("go", "")
    assert stop.wait() == 0
    assert restart.wait() == 1 and "slow:serve was stopped meanwhile" in restart.err


def test_what_was_ready_once_is_said_not_to_be_any_more(thole):
    thole.config("""
        version: 1
        services:
          web: {command: sleep 1000, ready: {exec: test -e well, period: 20ms, failure_threshold: 1}}
        """)
    thole.file("well", "")
    thole.run("up", "-d", "--wait")
    (thole.project / "well").unlink()
    thole.wait_target("web:serve", "active", ready=False)
    driver.wait_until(lambda: "not ready any more: the probe's command exited with 1" in thole.run("ps").out)


def test_wait(thole):
    thole.config("""
        version: 1
        services:
          gate: {type: job, command: 'until test -e go; do sleep 0.02; done'}
          web: {command: sleep 1000, depends_on: [gate]}
          bad: {type: job, command: 'until test -e go; do sleep 0.02; done; exit 9'}
          later: {command: sleep 1000, auto: false}
        """)
    thole.run("up", "-d")
    idle = thole.run("wait", "later", "--timeout", "200ms", code=4).err
    assert idle.startswith("thole: waiting: later:serve is not started: its `auto` is false\n"), idle
    late = thole.run("wait", "web", "--timeout", "200ms", code=4)
    assert "thole: web:serve is waiting for gate, " in late.err
    thole.run("wait", "gate", "--for", "done", "--timeout", "200ms", code=4)
    waiting = [thole.popen("wait", *words) for words in (["web"], ["gate", "--for", "done"], ["bad", "--for", "terminated"], ["bad"], [])]
    thole.file("go", "")
    assert [live.wait() for live in waiting] == [0, 0, 0, 1, 1]
    assert "bad:update failed: exit code 9" in waiting[3].err


def test_wait_for_what_can_never_be(thole):
    thole.config("""
        version: 1
        services:
          web: {build: 'true', command: sleep 1000}
          crashy: {command: 'exit 3', restart: {delay: 1m}}
        """)
    thole.run("up", "-d")
    for words in (["web"], ["web:serve"], ["web:update", "web:serve"], ["web", "--timeout", "1m"]):
        refused = thole.run("wait", *words, "--for", "done", code=2).err
        assert "web:serve is a server, which is never done; use --for ready or --for terminated, or name a job" in refused
    thole.run("wait", "web:update", "--for", "done")
    thole.run("wait", "--for", "done")
    thole.wait_target("crashy:serve", "waiting", waitReason="backoff")
    late = thole.run("wait", "crashy", "--timeout", "100ms", code=4).err
    assert "crashy:serve is to be restarted: exit code 3; restart 1 of 10" in late


def test_wait_over_the_death_of_the_server(thole):
    thole.config("version: 1\nservices: {gate: {type: job, command: 'until test -e go; do sleep 0.02; done'}}\n")
    thole.run("up", "-d")
    waiting = thole.popen("wait", "gate")
    for _ in range(3):
        thole.wait_target("gate:update", "active")
        thole.kill(thole.server_pid())
        driver.wait_until(thole.server_pid, what="another server")
    assert waiting.process.poll() is None, waiting
    thole.file("go", "")
    assert waiting.wait() == 0


def test_wait_ends_with_the_session(thole):
    thole.config("version: 1\nservices: {gate: {type: job, command: sleep 1000}}\n")
    thole.run("up", "-d")
    ready, ended = thole.popen("wait"), thole.popen("wait", "gate", "--for", "terminated")
    thole.wait_target("gate:update", "active")
    thole.run("down")
    assert ended.wait() == 0
    assert ready.wait() in (1, 3)


def test_two_clients_start_one_server(thole):
    thole.config(SHOP)
    clients = [thole.popen("vet") for _ in range(8)]
    assert [client.wait() for client in clients] == [0] * 8
    assert len(thole.named("thole-server")) == 1
