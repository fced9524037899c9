# SPDX-License-Identifier: Apache-2.0
"""why: the chain of causes, from the target to the root, and the command that helps."""

import json

import pytest

import driver

SHOP = """
    version: 1
    services:
      db: {command: exec sleep 1000, ready: {exec: test -e db-up}}
      api: {command: exec sleep 1000, depends_on: [db]}
      web: {command: exec sleep 1000, depends_on: [api]}
      test: {type: job, command: exit 3, auto: false}
      report: {type: job, command: 'true', depends_on: [test], auto: false}
      loop: {command: 'exit 7', auto: false, restart: {delay: 10m}}
    """


@pytest.fixture
def shop(thole):
    thole.config(SHOP)
    thole.run("up", "-d")
    return thole


def why(thole, *names, code=0):
    return thole.run("why", *names, code=code).lines


def chain(thole, name):
    return thole.run("why", "-o", "json", name).json()


def test_what_waits_names_the_root(shop):
    shop.wait_target("db:serve", "active")
    driver.wait_until(lambda: "not ready yet: the probe" in shop.run("why", "web").out)
    lines = why(shop, "web")
    assert lines[0].startswith("web:serve is waiting for api, held up by db, which")
    assert lines[1].startswith("└ api:serve is waiting for db, which")
    assert lines[2].startswith("  └ db:serve has been running for ") and "and is not ready yet: the probe's command exited with 1" in lines[2]
    assert "because `thole up` began the session" in lines[3]
    assert lines[-1] == "→ thole logs db:serve --run 1"
    assert [line["target"] for line in chain(shop, "web")["lines"]] == ["web:serve", "api:serve", "db:serve", "db:serve"]
    assert chain(shop, "web")["command"] == "logs db:serve --run 1"


def test_what_happened(shop):
    shop.file("db-up", "")
    shop.run("wait", "--timeout", "20s")
    assert "api:serve started" in why(shop, "api")[1] and "when db:serve was ready" in why(shop, "api")[1]
    shop.run("restart", "api")
    assert why(shop, "api")[1].endswith("because it was restarted by request")
    shop.run("stop", "web")
    assert "web:serve has not been running since it was stopped" in why(shop, "web")[0]
    assert why(shop, "web")[-1] == "→ thole start web:serve"
    shop.run("start", "--timeout", "2s", "report", code=None)
    assert why(shop, "report")[0].startswith("report:update is waiting for test, which failed: exit code 3")
    assert why(shop, "report")[-1] == "→ thole logs test:update --run 1"
    assert "test:update failed" in why(shop, "test")[0] and "(run 1): exit code 3" in why(shop, "test")[0]
    shop.run("disable", "api")
    assert "api:serve has been disabled for " in why(shop, "api")[0]
    assert why(shop, "api")[-1] == "→ thole enable api:serve"


def test_a_restart_by_policy(shop):
    shop.file("db-up", "")
    shop.run("start", "loop", code=None)
    shop.wait_target("loop:serve", "waiting", waitReason="backoff")
    lines = why(shop, "loop")
    assert lines[0].startswith("loop:serve is to be restarted: exit code 7; restart 1 of 10 after")
    assert lines[1].startswith("└ loop:serve failed") and lines[-1] == "→ thole logs loop:serve --run 1"


def test_without_names_it_is_about_trouble(shop):
    shop.wait_target("db:serve", "active")
    driver.wait_until(lambda: "not ready yet" in shop.run("why").out)
    assert "web:serve is waiting" in shop.run("why").out
    shop.file("db-up", "")
    shop.run("wait", "--timeout", "20s")
    said = shop.run("why")
    assert said.out == "" and "everything that was asked for is ready or done" in said.err


def test_also_when_the_session_is_down_and_after_a_crash(thole):
    thole.config("""
        version: 1
        services:
          ok: {command: exec sleep 1000}
          bad: {type: job, command: exit 5, depends_on: [ok]}
        """)
    thole.run("ci", code=1)
    thole.kill(thole.server_pid())
    assert why(thole, "ok")[-1] == "→ thole logs bad:update --run 1"
    assert "the session was done" in thole.run("why", "ok").out
    thole.run("down")
    assert why(thole, "bad")[0].startswith("bad:update failed") and why(thole, "bad")[0].endswith("(run 1): exit code 5")
    assert "bad:update failed" in thole.run("why", "ok").out
    assert "is down: name the target" in thole.run("why", code=2).err
    assert "has no target \"nobody\"" in thole.run("why", "nobody", code=2).err


def test_wrong_names(shop):
    assert "did you mean api?" in shop.run("why", "apy", code=2).err
    assert "has no target \"nobody\"; `thole ps`" in shop.run("why", "nobody", code=2).err
    shop.run("why", "-o", "yaml", "api", code=2)
    assert "nothing in session" in shop.run("why", "-l", "tier", code=2).err
    status, body = shop.api(f"/apis/thole.dev/v1alpha1/namespaces/{shop.session()['metadata']['name']}/targets/api.serve/why")
    assert status == 200 and body["target"] == "api:serve" and body["lines"]


def reload(thole):
    thole.api(f"/apis/tilt.dev/v1alpha1/sessions/{thole.session()['metadata']['name']}/reload", "POST", {})


def test_a_file_a_dependency_and_the_config(thole):
    """Each kind of cause, as the others record it."""
    thole.file("src/app.js", "1")
    text = """
        version: 1
        services:
          api: {command: exec sleep 1000, watch: {paths: [src], debounce: 10ms}}
          web: {command: exec sleep 1000, depends_on: {api: {restart: true}}}
        """
    thole.config(text)
    thole.run("up", "-d", "--wait")
    thole.file("src/app.js", "2")
    thole.wait_target("web:serve", "active", run=2)
    lines = why(thole, "web")
    assert lines[1].startswith("└ web:serve started ") and lines[1].endswith("(run 2) because api:serve was restarted"), lines
    assert lines[2].startswith("  └ api:serve started ") and "(run 2) because src/app.js changed" in lines[2]
    thole.config(text.replace("web: {command: exec sleep 1000,", "web: {command: exec sleep 1001,"))
    reload(thole)
    thole.wait_target("web:serve", "active", run=3)
    assert "(run 3) because " in why(thole, "web")[1] and "thole.yaml" in why(thole, "web")[1]
    events = [json.loads(line) for line in thole.run("events", "-o", "json").lines]
    assert {("asked", "FileChanged"), ("asked", "DependencyRestarted"), ("config", "Reloaded"), ("asked", "ConfigChanged")} <= {
        (e["kind"], e["reason"]) for e in events}
    thole.config("version: 1\nnonsense: 1\n")
    reload(thole)
    driver.wait_until(lambda: '"Refused"' in thole.run("events", "-o", "json").out)


def test_a_skipped_job_and_a_port(thole):
    port = driver.free_port()
    thole.file("in", "1")
    thole.config(f"""
        version: 1
        services:
          gen: {{type: job, command: cp in out, inputs: [in], outputs: [out]}}
          first: {{command: exec python3 -m http.server {port} --bind 127.0.0.1, ready: {{tcp: {{port: {port}, host: 127.0.0.1}}}}, restart: {{policy: never}}}}
        """)
    thole.run("up", "-d", "--wait")
    thole.run("down")
    with driver.socket.create_server(("127.0.0.1", port)):
        thole.run("up", "-d")
        thole.wait_target("gen:update", "terminated")
        thole.wait_target("first:serve", "terminated")
        assert why(thole, "gen")[0].startswith("gen:update was skipped ") and ": nothing changed since run 1 (2" in why(thole, "gen")[0]
        assert f"port {port}" in why(thole, "first")[0]
        kinds = [(e["kind"], e["reason"]) for e in map(json.loads, thole.run("events", "-o", "json", "first").lines)]
        assert ("port", "Taken") in kinds
        assert "gen:update" in thole.run("timeline").out and "skipped" in thole.run("timeline").out


def test_a_first_connection(thole):
    port = driver.free_port()
    thole.config(f"""
        version: 1
        services:
          web:
            command: [python3, -c, "import socket, signal; socket.socket(fileno=3).accept(); signal.pause()"]
            port: {port}
            pass: fd
            lazy: true
        """)
    thole.run("up", "-d")
    thole.wait_target("web:serve", "waiting")
    with driver.socket.create_connection(("127.0.0.1", port)):
        thole.wait_target("web:serve", "active")
        assert why(thole, "web")[1].endswith("(run 1) because somebody connected")


def test_what_never_started_says_what_it_waited_for_at_the_end(thole):
    thole.config("""
        version: 1
        services:
          a: {type: job, command: "true"}
          b: {type: job, command: exec sleep 1000, depends_on: [a]}
          c: {type: job, command: "true", depends_on: [b]}
        """)
    thole.run("up", "-d")
    thole.wait_target("b:update", "active")
    driver.wait_until(lambda: "b" in thole.target("c:update").get("message", "") and
                      "running" in thole.target("c:update")["message"])
    thole.run("down")
    assert "waiting for b, which is still running" in thole.run("why", "c").out
