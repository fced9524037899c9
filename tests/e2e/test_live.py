# SPDX-License-Identifier: Apache-2.0
"""Liveness: a server that does not work any more is restarted, and readiness that is lost is shown with its reason."""

import os

from driver import free_port, wait_until

RESTART = "restart: {delay: 10ms, max_delay: 10ms, max_restarts: 0}"
# Works as long as there is a file `well`; the probes look at it, each run says that it was begun.
CONFIG = """
    version: 1
    services:
      api:
        command: echo begun >>$LEDGER; exec sleep 1000
        live: {exec: "test -e well || { echo ill; exit 1; }", period: 50ms, failure_threshold: 2}
        restart: {delay: 10ms, max_delay: 10ms, max_restarts: 0}
    """


def test_a_server_that_does_not_live_is_restarted(thole):
    thole.config(CONFIG)
    thole.file("well", "")
    thole.run("up", "-d", "--wait")
    first = thole.wait_target("api:serve", "active", run=1, ready=True)
    os.unlink(thole.project / "well")
    wait_until(lambda: thole.target("api:serve")["state"].get("active", {}).get("run", 0) > 2)
    thole.file("well", "")
    now = thole.wait_target("api:serve", "active", ready=True)
    assert now["run"] > 2 and now["pid"] != first["pid"]
    assert not os.path.exists(f"/proc/{first['pid']}")
    restarts = thole.target("api:serve")["state"]["active"]["restarts"]
    assert restarts == thole.target("api:serve")["state"]["active"]["run"] - 1


def test_the_reason_is_the_last_thing_the_probe_said(thole):
    thole.config(CONFIG.replace("max_restarts: 0", "max_restarts: 1, reset_after: 1h"))
    thole.run("up", "-d")
    ended = thole.wait_target("api:serve", "terminated")
    assert ended["error"] == ("liveness probe failed: the probe's command exited with 1: ill; "
                              "gave up after 1 restart in a row")
    assert thole.ledger() == ["begun", "begun"]


def test_in_ci_it_is_a_failure(thole):
    thole.config(CONFIG.replace("services:", "ci: {soak: 1h}\n    services:").replace(RESTART, ""))
    failed = thole.run("ci", code=1)
    assert "api:serve failed: liveness probe failed: the probe's command exited with 1: ill" in failed.err


def test_it_begins_when_the_server_is_ready(thole):
    """A slow start is no failure: what asks whether it lives waits for `ready`."""
    thole.config("""
        version: 1
        services:
          api:
            command: exec sleep 1000
            ready: {exec: test -e ready, period: 20ms}
            live: {exec: "echo asked >>$LEDGER; test -e well", period: 20ms, failure_threshold: 1}
            restart: {delay: 10ms, max_delay: 10ms, max_restarts: 0}
        """)
    thole.run("up", "-d")
    thole.wait_target("api:serve", "active", run=1, ready=False)
    assert thole.ledger() == []
    thole.file("well", "")
    thole.file("ready", "")
    thole.wait_ledger("asked", times=3)
    os.unlink(thole.project / "ready")  # not ready any more: it is still asked whether it lives
    thole.wait_target("api:serve", "active", run=1, ready=False)
    os.unlink(thole.project / "well")
    thole.wait_target("api:serve", "active", run=2, ready=False)
    thole.file("well", "")
    thole.file("ready", "")
    thole.wait_target("api:serve", "active", run=2, ready=True)


def test_the_next_server_goes_on_asking(thole):
    thole.config(CONFIG)
    thole.file("well", "")
    thole.run("up", "-d", "--wait")
    first = thole.wait_target("api:serve", "active", run=1, ready=True)
    thole.replace_server()
    assert thole.wait_target("api:serve", "active", run=1)["pid"] == first["pid"]
    os.unlink(thole.project / "well")
    wait_until(lambda: thole.target("api:serve")["state"].get("active", {}).get("run", 0) > 1)
    thole.file("well", "")
    thole.wait_target("api:serve", "active", ready=True)


def test_a_kill_between_failure_and_restart_loses_nothing(thole):
    """The server dies while the run that does not live is being stopped: the next one ends it and starts another."""
    thole.config("""
        version: 1
        services:
          api:
            command: |
              trap 'echo told >>$LEDGER; while ! test -e go; do sleep 0.01; done; exit 0' TERM
              echo begun >>$LEDGER
              while :; do sleep 0.01; done
            live: {exec: test -e well, period: 20ms, failure_threshold: 1}
            restart: {delay: 10ms, max_delay: 10ms, max_restarts: 0}
        """)
    thole.file("well", "")
    thole.run("up", "-d", "--wait")
    os.unlink(thole.project / "well")
    thole.wait_ledger("told")
    thole.replace_server()
    thole.file("well", "")
    thole.file("go", "")
    thole.wait_target("api:serve", "active", run=2, ready=True)
    assert thole.ledger().count("begun") == 2


def test_lost_readiness_says_why_and_comes_back(thole):
    port = free_port()
    thole.config(f"""
        version: 1
        services:
          api:
            command: exec sleep 1000
            ready: {{exec: "test -e ready || {{ echo no database; exit 1; }}", period: 20ms, failure_threshold: 1}}
          web: {{command: exec sleep 1000, depends_on: [api]}}
          never: {{command: exec sleep 1000, ready: {{tcp: {port}, period: 20ms, deadline: 200ms}}, restart: never}}
        """)
    thole.file("ready", "")
    thole.run("up", "-d")
    thole.wait_target("web:serve", "active", run=1, ready=True)
    os.unlink(thole.project / "ready")
    thole.wait_target("api:serve", "active", run=1, ready=False)
    wait_until(lambda: thole.target("api:serve")["message"] ==
               "not ready any more: the probe's command exited with 1: no database")
    thole.file("ready", "")
    thole.wait_target("api:serve", "active", run=1, ready=True)
    assert thole.target("web:serve")["state"]["active"]["run"] == 1
    error = thole.wait_target("never:serve", "terminated")["error"]
    assert error.startswith("not ready within 200ms: ") and "refused" in error, error
