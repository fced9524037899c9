# SPDX-License-Identifier: Apache-2.0
"""What the keys of thole.yaml do, through the real programs."""

import json
import os
import re
import subprocess

import pytest

import driver

PYTHON = "/usr/bin/python3"

# Answers 200 at /ready with the header, else 503; notes each request in the ledger. argv: port [certificate with key]
WEB = """
import http.server, os, ssl, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        with open(os.environ["LEDGER"], "a") as ledger:
            ledger.write(f"{self.path} {self.headers['X-Probe']}\\n")
        if self.path == "/moved":
            self.send_response(302)
            self.send_header("Location", "/ready")
        else:
            self.send_response(200 if self.path.startswith("/ready") else 503)
        self.end_headers()
server = http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler)
if len(sys.argv) > 2:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(sys.argv[2])
    server.socket = context.wrap_socket(server.socket, server_side=True)
server.serve_forever()
"""


def project(thole, services, **more):
    thole.config({"version": 1, **more, "services": services})


# --- the environment


def test_the_environment_in_its_layers(thole):
    names = ["CLIENT", "FILE", "FILE2", "PROJECT", "SERVICE_FILE", "SERVICE", "THOLE_TARGET"]
    thole.file("a.env", "".join(f"{name}=file\n" for name in names[1:]))
    thole.file("b.env", "".join(f"export {name}='file 2' # the later one wins\n" for name in names[2:]))
    thole.file("web/c.env", "".join(f'{name}="service $HOME\nfile"\n' for name in names[4:]))
    project(thole, {"web": {"type": "job", "command": [PYTHON, "-c", "import json, os; print(json.dumps(dict(os.environ)))"],
                            "env_from": "web/c.env", "env": {"SERVICE": "service", "THOLE_TARGET": "no"}}},
            env_from=["a.env", "b.env"], env={name: "project" for name in names[3:]})
    thole.run("up", "-d", "--wait", env={name: "client" for name in names})
    env = json.loads(thole.run("logs", "-o", "raw", "web").out)
    assert {name: env[name] for name in names} == {
        "CLIENT": "client", "FILE": "file", "FILE2": "file 2", "PROJECT": "project",
        "SERVICE_FILE": "service $HOME\nfile", "SERVICE": "service", "THOLE_TARGET": "web:update"}
    assert env["THOLE_RESOURCE"] == "web" and env["THOLE_SESSION"] == thole.session()["metadata"]["name"]
    assert re.fullmatch("[0-9a-f]{32}", env["THOLE_RUN_ID"])


# --- what is run, and where


def test_commands_shells_and_paths(thole):
    (thole.project / "sub" / "inner").mkdir(parents=True)
    os.symlink("sub/inner", thole.project / "link")
    project(thole, {
        "text": {"type": "job", "command": "echo $((1 + 1)) | tr 2 two; pwd", "path": "sub"},
        "list": {"type": "job", "command": ["echo", "$((1 + 1))", "a  b", "", "*"]},
        "other": {"type": "job", "shell": ["env", "WHO=me", "sh", "-euc"], "command": "echo $WHO; false; echo not reached", "success_exit_codes": [1]},
        "link": {"type": "job", "command": ["pwd"], "path": "link"},
        "both": {"build": "echo first >> $LEDGER", "command": ["sh", "-c", "echo second >> $LEDGER; exec sleep 1000"]}})
    thole.run("up", "-d", "--wait")
    assert thole.run("logs", "-o", "raw", "text").lines == ["t", str(thole.project / "sub")]
    assert thole.run("logs", "-o", "raw", "list").lines == ["$((1 + 1)) a  b  *"]
    assert thole.run("logs", "-o", "raw", "other").lines == ["me"]
    assert thole.run("logs", "-o", "raw", "link").lines == [str(thole.project / "sub" / "inner")]
    assert thole.ledger() == ["first", "second"]


def test_a_path_that_goes_outside_later_is_refused_at_the_next_up(thole):
    (thole.project / "sub").mkdir()
    project(thole, {"a": {"type": "job", "command": "true", "path": "sub"}})
    thole.run("vet")
    (thole.project / "sub").rmdir()
    os.symlink("/", thole.project / "sub")
    assert "/ is outside the project" in thole.run("up", "-d", code=2).err


# --- how it ends


def test_jobs_end_by_their_exit_codes_or_their_timeout(thole):
    project(thole, {
        "fine": {"type": "job", "command": "exit 3", "success_exit_codes": [0, 3]},
        "not_0": {"type": "job", "command": "exit 0", "success_exit_codes": [3]},
        "signal": {"type": "job", "command": "kill -9 $$"},
        "slow": {"type": "job", "command": "trap '' TERM; sleep 1000 & wait; wait", "timeout": "300ms", "stop": {"grace": "100ms"}},
        "build": {"build": "sleep 1000", "timeout": "300ms"}})
    thole.run("up", "-d")
    for name, error in (("not_0", "exit code 0, which success_exit_codes does not list"), ("signal", "killed by SIGKILL"), ("slow", "timed out after 300ms"), ("build", "timed out after 300ms")):
        assert thole.wait_target(f"{name}:update", "terminated")["error"] == error
    assert "error" not in thole.wait_target("fine:update", "terminated", exitCode=3)


def test_a_server_that_ends_has_failed(thole):
    project(thole, {"zero": {"command": "true", "restart": "never"}, "three": {"command": "exit 3", "restart": "never"}})
    thole.run("up", "-d")
    assert thole.wait_target("zero:serve", "terminated")["error"] == "server exited with code 0, but a server is expected to keep running"
    assert thole.wait_target("three:serve", "terminated")["error"] == "exit code 3"


@pytest.mark.parametrize("policy, runs", [("never", 1), ({"policy": "on-failure", "delay": "10ms", "max_restarts": 2}, 3),
                                          ({"policy": "always", "delay": "0", "max_restarts": 1}, 2)])
def test_restart_policies_of_servers(thole, policy, runs):
    project(thole, {"web": {"command": "echo run >> $LEDGER", "restart": policy}})
    thole.run("up", "-d")
    end = thole.wait_target("web:serve", "terminated")
    assert thole.ledger() == ["run"] * runs and end["run"] == runs and end["restarts"] == runs - 1
    assert runs == 1 or f"gave up after {runs - 1} restart" in end["error"]


def test_jobs_are_run_again_only_if_it_is_written(thole):
    project(thole, {"once": {"type": "job", "command": "echo once >> $LEDGER; exit 1"},
                    "twice": {"type": "job", "command": "echo twice >> $LEDGER; exit 1", "restart": {"delay": "10ms", "max_restarts": 1}}})
    thole.run("up", "-d")
    for name in ("once", "twice"):
        thole.wait_target(f"{name}:update", "terminated")
    assert sorted(thole.ledger()) == ["once", "twice", "twice"]


def test_how_a_server_is_stopped(thole):
    loop = "echo on; while :; do sleep 0.02; done"
    project(thole, {"polite": {"command": f"trap 'echo usr1 >> $LEDGER; exit 0' USR1; trap 'echo term >> $LEDGER' TERM; {loop}", "stop": {"signal": "USR1"}},
                    "number": {"command": f"trap 'echo int >> $LEDGER; exit 0' INT; {loop}", "stop": 2},
                    "deaf": {"command": f"trap 'echo deaf >> $LEDGER' TERM; {loop}", "stop": {"grace": "200ms"}}})
    for name in ("polite", "number", "deaf"):
        thole.run("up", "-d", name)
        driver.wait_until(lambda n=name: "on" in thole.run("logs", n).out, what="the traps to be set")
    pid = thole.target("deaf:serve")["state"]["active"]["pid"]
    thole.run("stop", "polite", "number", "deaf", timeout=8)
    assert sorted(thole.ledger()) == ["deaf", "int", "usr1"] and not driver.alive(pid)


# --- readiness


def test_an_http_probe_asks_as_it_is_told(thole, free_port):
    port = free_port()
    thole.file("web.py", WEB)
    project(thole, {"web": {"command": [PYTHON, "web.py", port], "ready": {
        "http": {"port": port, "path": "/ready?x=1", "host": "127.0.0.1", "headers": {"X-Probe": "yes"}}}}})
    thole.run("up", "-d", "--wait", "--timeout", "20s")
    assert set(thole.ledger()) == {"/ready?x=1 yes"}


@pytest.mark.parametrize("path, status, ready", [("/", None, False), ("/", 503, True), ("/ready", 503, False), ("/moved", None, True), ("/ready", 200, True)])
def test_the_status_that_counts(thole, free_port, path, status, ready):
    port = free_port()
    thole.file("web.py", WEB)
    project(thole, {"web": {"command": [PYTHON, "web.py", port], "ready": {
        "http": {"port": port, "path": path, **({"status": status} if status else {})}, "period": "100ms"}}})
    thole.run("up", "-d")
    if ready:
        thole.run("wait", "--timeout", "20s")
    else:
        says = f"not ready yet: GET {path} on port {port} answered {200 if path == '/ready' else 503}"
        driver.wait_until(lambda: thole.message("web:serve") == says, what=says)


def test_https_needs_no_certificate_that_anybody_knows(thole, free_port):
    port = free_port()
    pem = thole.project / "web.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", "/CN=nobody",
                    "-keyout", pem, "-out", thole.project / "cert.pem"], check=True, capture_output=True)
    pem.write_text(pem.read_text() + (thole.project / "cert.pem").read_text())
    thole.file("web.py", WEB)
    project(thole, {"web": {"command": [PYTHON, "web.py", port, str(pem)], "ready": {"http": {"port": port, "path": "/ready", "scheme": "https"}}}})
    thole.run("up", "-d", "--wait", "--timeout", "20s")
    assert thole.ledger()[-1] == "/ready None"


def test_a_probe_that_cannot_be_run_says_so(thole):
    project(thole, {"web": {"command": "exec sleep 1000", "ready": {"exec": ["./no-such-probe"]}}})
    thole.run("up", "-d")
    why = driver.wait_until(lambda: (text := thole.message("web:serve")).startswith("not ready yet: ") and text)
    assert "the probe's command could not be run: " in why and "no-such-probe" in why and "signal" not in why, why


def test_a_probe_that_takes_too_long_has_failed(thole):
    project(thole, {"web": {"command": "exec sleep 1000", "ready": {"exec": "sleep 1000", "timeout": "100ms", "period": "50ms"}}})
    thole.run("up", "-d")
    driver.wait_until(lambda: "took longer than 100 ms" in thole.message("web:serve"))


def test_a_log_probe_and_its_deadline(thole):
    project(thole, {"web": {"command": "echo starting; until [ -e go ]; do sleep 0.01; done; echo listening on 80; exec sleep 1000",
                            "ready": {"log": "^listening on [0-9]+$"}},
                    "never": {"command": "exec sleep 1000", "ready": {"log": {"match": "^up$"}, "deadline": "200ms"}, "restart": "never"}})
    thole.run("up", "-d")
    assert thole.wait_target("never:serve", "terminated")["error"] == "not ready within 200ms: no line of its log matches ^up$"
    assert thole.target("web:serve")["state"]["active"]["ready"] is False
    assert thole.message("web:serve") == "not ready yet: no line of its log matches ^listening on [0-9]+$"
    thole.file("go", "")
    thole.wait_target("web:serve", "active", ready=True)


# --- what waits for what


def test_conditions_of_dependencies(thole):
    gate = "until [ -e {0} ]; do sleep 0.01; done"
    project(thole, {
        "db": {"build": gate.format("built"), "command": "exec sleep 1000", "ready": {"exec": "test -e ready", "period": "20ms"}},
        "broken": {"command": ["./no-such-program"], "restart": "never"},
        "on_started": {"command": "exec sleep 1000", "depends_on": {"db": "started"}},
        "on_ready": {"command": "exec sleep 1000", "depends_on": ["db"]},
        "on_completed": {"command": "exec sleep 1000", "depends_on": {"db": {"condition": "completed"}}},
        "on_broken": {"command": "exec sleep 1000", "depends_on": {"broken": {"condition": "started"}}}})

    def running():
        return {name for name, target in thole.targets().items() if name.startswith("on_") and "active" in target["state"]}
    thole.run("up", "-d")
    thole.wait_target("db:update", "active")
    assert running() == set()
    thole.file("built", "")
    driver.wait_until(lambda: running() == {"on_started:serve", "on_completed:serve"})
    assert thole.target("on_ready:serve")["state"]["waiting"]["waitReason"] == "waiting-for-dep"
    thole.file("ready", "")
    driver.wait_until(lambda: running() == {"on_started:serve", "on_completed:serve", "on_ready:serve"})
    waiting = thole.target("on_broken:serve")
    assert "waiting" in waiting["state"] and "broken" in waiting["message"], "its exec has not happened"


def test_parallelism_is_that_of_jobs(thole):
    job = {"type": "job", "command": "until [ -e go ]; do sleep 0.01; done"}
    project(thole, {**{f"job{i}": job for i in range(4)}, "server": {"command": "exec sleep 1000"}}, parallelism=2)
    thole.run("up", "-d")
    thole.wait_target("server:serve", "active")
    driver.wait_until(lambda: sum("active" in t["state"] for t in thole.targets().values()) == 3, what="two jobs and the server to run")
    waiting = [t["state"]["waiting"]["waitReason"] for t in thole.targets().values() if "waiting" in t["state"]]
    assert waiting == ["waiting-for-slot"] * 2
    thole.file("go", "")
    thole.run("wait", timeout=20)


# --- ci


def test_ci_keeps_watching_for_the_soak(thole):
    project(thole, {"web": {"command": "exec sleep 1000"}, "late": {"command": "sleep 0.4; exit 1", "restart": "never"}}, ci={"soak": "10s"})
    result = thole.run("ci", code=1)
    assert "late:serve failed: exit code 1" in result.err, "ready, but not well for long enough"
    project(thole, {"web": {"command": "exec sleep 1000"}}, ci={"soak": "100ms"})
    thole.run("ci", timeout=20)


def test_the_grace_of_ci_is_for_servers_that_fail_early(thole):
    web = {"command": "echo run >> $LEDGER; [ -e second ] || { touch second; exit 1; }; exec sleep 1000"}
    project(thole, {"web": {**web, "ready": {"exec": "false"}}})
    assert "exit code 1" in thole.run("ci", code=1).err
    (thole.project / "second").unlink()
    project(thole, {"web": web, "job": {"type": "job", "command": "until [ $(wc -l < $LEDGER) = 3 ]; do sleep 0.01; done"}}, ci={"grace": "30s"})
    thole.run("ci", timeout=30)
    assert thole.ledger() == ["run"] * 3
    project(thole, {"job": {"type": "job", "command": "exit 4"}}, ci={"grace": "30s"})
    assert "exit code 4" in thole.run("ci", code=1).err, "a job has none"


def test_the_timeouts_of_ci_are_those_of_the_file_unless_said_otherwise(thole):
    project(thole, {"job": {"type": "job", "command": "sleep 1000"}}, ci={"timeout": "200ms"})
    assert "Timeout after 200ms" in thole.run("ci", code=4).err
    project(thole, {"job": {"type": "job", "command": "sleep 0.4"}}, ci={"timeout": "200ms"})
    thole.run("ci", "--timeout", "0", timeout=20)
    project(thole, {"web": {"command": "exec sleep 1000", "ready": {"exec": "false"}}}, ci={"readiness_timeout": "200ms"})
    assert "Readiness timeout after 200ms: target web:serve not ready" in thole.run("ci", code=4).err


def test_ci_says_nothing_of_what_it_did_not_start(thole):
    project(thole, {"bad": {"type": "job", "command": "exit 1"}, "after": {"type": "job", "command": "true", "depends_on": ["bad"]},
                    "other": {"command": "exec sleep 1000"}, "asleep": {"command": "exec sleep 1000", "auto": False}})
    thole.run("ci", "after", code=1)
    assert thole.message("after:update") == "not started: the session is done"
    assert thole.message("other:serve") == "not among what was asked for"
    assert thole.message("asleep:serve") == "not started: its `auto` is false"
    thole.run("ci", "other")
    assert thole.message("other:serve") == "stopped: the session is done"
    lines = {line.split()[0]: line for line in thole.run("ci", "other").err.splitlines() if line.startswith("  ")}
    assert "ready" in lines["other:serve"] and "ready" not in lines["asleep:serve"]


# --- secrets, and what is for people


def test_secrets_wherever_they_come_from_and_go(thole):
    value, client, filed = "correct horse", "battery-staple", "from-a-file"
    thole.file(".env", f"FILED={filed}\n")
    project(thole, {"web": {
        "command": f"""echo "$TOKEN and $TOKEN$TOKEN"; printf 'correct '; sleep 0.03; echo horse; echo "$CLIENT $FILED {value}" >&2
                       echo "correct hors"; exec "./$CLIENT" """,
        "env": {"TOKEN": value}, "env_from": ".env", "secrets": ["TOKEN", "CLIENT", "FILED"], "restart": "never"},
        "probed": {"command": "exec sleep 1000", "env": {"TOKEN": value}, "secrets": ["TOKEN"], "ready": {"exec": f"echo {value} >&2; exit 9"}}})
    thole.run("up", "-d", env={"CLIENT": client})
    thole.wait_target("web:serve", "terminated")
    driver.wait_until(lambda: "exited with 9" in thole.message("probed:serve"))
    lines = thole.run("logs", "-o", "raw", "web").lines
    assert {"******** and ****************", "********", "******** ******** ********", "correct hors"} <= set(lines)
    said = "".join(thole.run(*words).out for words in (["logs", "-o", "json"], ["status"], ["ps", "-o", "json"], ["config"], ["server", "status", "--json"]))
    stored = "".join(file.read_text(errors="replace") for pattern in ("log.*", "exit.json", "run.json") for file in thole.state.rglob(pattern))
    for secret in (client, filed):
        assert secret not in said and secret not in stored
    assert value not in stored and value not in thole.run("logs").out + thole.run("status").out
    for file in thole.state.rglob("*"):
        if file.is_file() and any(secret in file.read_text(errors="replace") for secret in (value, client, filed)):
            assert file.stat().st_mode & 0o077 == 0 and (file.name in ("client.json", "launch") or file.name.startswith("spec.")), file


@pytest.mark.parametrize("env, says", [({}, "TOKEN is not set"), ({"TOKEN": "abc"}, "is shorter than 4 bytes")])
def test_a_secret_that_cannot_be_masked_is_refused(thole, env, says):
    project(thole, {"web": {"command": "true", "secrets": ["TOKEN"]}})
    assert says in thole.run("up", "-d", code=2, env=env).err
    assert not thole.pins()


def test_what_is_for_people_and_tools(thole):
    project(thole, {"web": {"command": "exec sleep 1000", "description": "the front", "labels": {"tier": "front"}, "x-note": {"any": ["thing"]}}},
            **{"x-top": 1})
    thole.run("up", "-d", "--wait")
    item = next(i for i in thole.run("ps", "-o", "json").json()["items"] if i["spec"]["target"] == "web:serve")
    assert item["spec"]["description"] == "the front" and item["metadata"]["labels"] == {"tier": "front"}
