# SPDX-License-Identifier: Apache-2.0
"""Services of environments: one thole.yaml, and each environment runs what it says on ports of its own."""

import json
import pathlib
import socket
import urllib.error
import urllib.request

import pytest

import driver
from git_repository import Repository

PYTHON = "/usr/bin/python3"
SAYS = """\
import http.server, os, sys

class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        text = " ".join(f"{name}={os.environ.get(name)}" for name in sys.argv[2:]) + f" in {os.getcwd()}"
        self.send_response(200)
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *words):
        print("asked for", self.path, flush=True)

port = int(os.environ[sys.argv[1]])
print("serving", flush=True)
http.server.ThreadingHTTPServer(("127.0.0.1", port), Page).serve_forever()
"""


def page(*names, port="PORT", **more):
    """A service that answers with these variables of its environment, and where it is."""
    return {"command": [PYTHON, "says.py", port, *names], "port": "auto", "ready": {"tcp": {}, "period": "50ms"}, **more}


def without(service, *keys):
    return {key: value for key, value in service.items() if key not in keys}


def project(thole, **more):
    """A repository with a thole.yaml."""
    thole.file("says.py", SAYS)
    thole.config({"version": 1, "name": "shop", **more})
    return Repository.of(thole)


def environment(thole, name):
    """The object of the API: spec and status."""
    status, said = thole.api("/apis/thole.dev/v1alpha1/environments")
    assert status == 200, said
    return next(one for one in said["items"] if one["spec"]["name"] == name)


def phase(thole, name):
    return environment(thole, name)["status"]["phase"]


def ports(thole, name):
    return environment(thole, name)["status"]["ports"]


def worktree(thole, name):
    return pathlib.Path(environment(thole, name)["spec"]["path"])


def ask(port, path="/"):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as reply:
        return reply.read().decode()


def answers(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def states(thole, where):
    status = thole.run("status", "-o", "json", cwd=where).json()["status"]
    return {target["name"]: target["state"] for target in status["targets"]}


def starts(thole, name):
    """How often each service of it was started, as its own ledger lines say."""
    return [line.split()[1] for line in thole.ledger() if line.startswith(f"{name} ")]


def test_two_environments_answer_side_by_side(thole):
    project(thole, services={"web": page("NAME", env={"NAME": "{{env.name}}", "API": "{{services.api.port}}"}), "api": page("NAME")})
    for name in ("feat-x", "feat-y"):
        thole.run("env", "create", name)
    x, y = ports(thole, "feat-x"), ports(thole, "feat-y")
    assert not set(x.values()) & set(y.values())
    for name, of in (("feat-x", x), ("feat-y", y)):
        assert phase(thole, name) == "running"
        assert ask(of["web"]) == f"NAME={name} in {worktree(thole, name)}"
        assert f"in {worktree(thole, name)}" in ask(of["api"])
    thole.run("env", "delete", "feat-x")
    assert not answers(x["web"]) and ask(y["web"]).startswith("NAME=feat-y")


# ---- the session of the worktree ----

def done(result):
    """{step: completed or skipped}, of a command that was asked for its events."""
    events = [json.loads(line) for line in result.lines]
    return {event["step"]: event["status"] for event in events if event.get("step") and event["status"] in ("completed", "skipped")}


def runs(thole, where):
    """{service: the pid it has}"""
    return {name: state["active"]["pid"] for name, state in states(thole, where).items() if state.get("active")}


def test_everything_in_a_worktree_means_its_environment(thole):
    project(thole, services={"web": page("NAME", env={"NAME": "{{env.name}}"})})
    thole.file("deep/down/here.txt", "")
    Repository(thole.project, thole.env).commit({}, "a directory")
    thole.run("env", "create", "feat-x")
    where, port = worktree(thole, "feat-x"), ports(thole, "feat-x")["web"]
    deep = where / "deep" / "down"
    for place in (where, deep):
        assert "web:serve" in thole.run("ps", cwd=place).out
        assert "serving" in thole.run("logs", "web", cwd=place).out
    thole.run("down", cwd=deep)
    assert not answers(port)
    thole.run("up", "-d", cwd=deep)
    thole.run("wait", "web", cwd=deep)
    assert ask(port) == f"NAME=feat-x in {where}", "the same port, and the same values"


def test_up_in_a_tree_that_becomes_an_environment(thole):
    """What ran there before takes up the environment's ports and values."""
    repository = project(thole, services={"web": page("NAME", env={"NAME": "{{env.name}}"})})
    plain = thole.base / "plain"
    repository.git("worktree", "add", "-q", "-b", "plain", plain)
    refused = thole.run("up", "-d", cwd=plain, code=2)
    assert "NAME" in refused.err and "thole env create" in refused.err
    thole.file("thole.yaml", json.dumps({"version": 1, "name": "shop", "services": {"web": page("NAME")}}), project=plain)
    thole.run("up", "-d", cwd=plain)
    thole.run("wait", "web", cwd=plain)
    before = runs(thole, plain)
    thole.run("env", "attach", "mine", "--worktree", str(plain))
    port = ports(thole, "mine")["web"]
    assert ask(port) == f"NAME=mine in {plain}" and runs(thole, plain) != before, "its env file says so"
    assert 61000 <= port < 65000


def test_what_is_stopped_stays_stopped_until_it_is_started(thole):
    project(thole, services={"web": page()})
    thole.run("env", "create", "feat-x")
    where, port = worktree(thole, "feat-x"), ports(thole, "feat-x")["web"]
    thole.run("env", "stop", "feat-x")
    assert phase(thole, "feat-x") == "stopped" and not answers(port)
    thole.replace_server()
    assert phase(thole, "feat-x") == "stopped" and not answers(port) and not thole.pins()
    thole.run("env", "start", "feat-x")
    assert phase(thole, "feat-x") == "running" and ask(port) and ports(thole, "feat-x")["web"] == port
    thole.run("env", "start", "feat-x")  # is no mistake
    thole.run("env", "stop", "feat-x")
    thole.run("env", "stop", "feat-x")
    assert phase(thole, "feat-x") == "stopped"
    thole.run("up", "-d", cwd=where)  # of one that is stopped, too
    thole.run("wait", "web", cwd=where)
    assert ask(port) and phase(thole, "feat-x") == "running"


def said_phases(thole, name):
    """Whatever tells of it: API, table, entry."""
    row = next(line.split() for line in thole.run("env", "list").lines if line.startswith(f"{name} "))
    entries = {entry["name"]: entry for entry in thole.run("env", "list", "--json").json()}
    shown = thole.run("env", "show", name, "--json").json()
    return {phase(thole, name), row[1], entries[name]["status"], shown["entry"]["status"], shown["environment"]["status"]["phase"]}


def test_what_is_down_is_stopped_whoever_has_ended_it(thole):
    project(thole, services={"web": page()})
    thole.run("env", "create", "feat-x")
    thole.run("env", "create", "feat-y")
    where = worktree(thole, "feat-x")
    assert said_phases(thole, "feat-x") == {"running"}
    thole.run("down", cwd=where)
    assert said_phases(thole, "feat-x") == {"stopped"} and said_phases(thole, "feat-y") == {"running"}
    thole.replace_server()
    assert said_phases(thole, "feat-x") == {"stopped"} and said_phases(thole, "feat-y") == {"running"}
    thole.run("up", "-d", cwd=where)
    assert said_phases(thole, "feat-x") == {"running"}
    thole.run("server", "stop", "--all")
    assert said_phases(thole, "feat-x") == said_phases(thole, "feat-y") == {"stopped"}
    thole.run("env", "start", "feat-x")
    assert said_phases(thole, "feat-x") == {"running"} and said_phases(thole, "feat-y") == {"stopped"}


def test_what_has_ended_is_stopped_though_its_session_is_there(thole):
    """After `thole ci`: what counts is whether anything of it is up."""
    project(thole, services={"web": page(restart="never"), "prepare": {"type": "job", "command": "true"}})
    thole.run("env", "create", "feat-x")
    where = worktree(thole, "feat-x")
    refused = thole.run("ci", code=3, cwd=where).err
    assert "`thole down` first" in refused and "in an environment each is" in refused, refused
    thole.run("down", cwd=where)
    thole.run("ci", cwd=where)
    assert said_phases(thole, "feat-x") == {"stopped"}
    thole.run("env", "start", "feat-x")
    assert said_phases(thole, "feat-x") == {"running"}
    thole.replace_server()
    assert said_phases(thole, "feat-x") == {"running"}


def test_one_whose_only_service_has_ended_is_stopped(thole):
    project(thole, services={"web": page(restart="never", build="true")})
    thole.run("env", "create", "feat-x")
    where = worktree(thole, "feat-x")
    thole.run("stop", "web", cwd=where)
    driver.wait_until(lambda: phase(thole, "feat-x") == "stopped", 20, "its build alone to be of no use")
    thole.run("start", "web", cwd=where)
    assert phase(thole, "feat-x") == "running"


def test_up_of_nothing_makes_nothing_run(thole):
    project(thole, runner={"deploy": "true"})
    thole.run("env", "create", "feat-x")
    where = worktree(thole, "feat-x")
    thole.run("up", "-d", cwd=where)
    assert said_phases(thole, "feat-x") == {"running"}, "it was deployed"
    thole.run("env", "stop", "feat-x")
    assert "nothing is there to start" in thole.run("up", "-d", cwd=where).err
    assert said_phases(thole, "feat-x") == {"stopped"}


def test_of_one_that_was_stopped_nothing_is_left_once_it_is_deleted(thole):
    project(thole, services={"web": page()})
    thole.run("env", "create", "feat-x")
    sessions = thole.state / "sessions"
    assert list(sessions.iterdir()), "its services have logs"
    thole.run("env", "stop", "feat-x")
    thole.run("env", "delete", "feat-x")
    assert not list(sessions.iterdir())


def test_a_tree_goes_with_all_that_runs_in_it(thole):
    """Also what was started there under another name, or of another file."""
    project(thole, services={"web": page()})
    thole.run("env", "create", "feat-x")
    other = thole.file("more.yaml", '{"version": 1, "services": {"more": {"command": "exec sleep 1000"}}}', project=worktree(thole, "feat-x"))
    thole.run("--file", other.name, "--session", "other", "up", "-d", cwd=other.parent)
    thole.run("env", "delete", "feat-x", "--force")
    assert not thole.pins() and not list((thole.state / "sessions").iterdir())


def test_sessions_of_another_name_or_file_are_its_services_too(thole):
    """While one of them is up it runs, and stop ends them all."""
    project(thole, services={"web": page("PORT")})
    thole.run("env", "create", "feat-x")
    where, port = worktree(thole, "feat-x"), ports(thole, "feat-x")["web"]
    thole.run("down", cwd=where)
    assert phase(thole, "feat-x") == "stopped"
    other = thole.file("more.yaml", '{"version": 1, "services": {"more": {"command": "exec sleep 1000"}}}', project=where)
    thole.run("--file", other.name, "up", "-d", cwd=where)
    thole.run("--session", "two", "up", "-d", cwd=where)
    thole.run("--session", "two", "wait", "web", cwd=where)
    assert ask(port).startswith(f"PORT={port} ") and phase(thole, "feat-x") == "running"
    thole.run("env", "stop", "feat-x")
    assert not thole.pins() and phase(thole, "feat-x") == "stopped"
    thole.run("env", "start", "feat-x")
    assert ask(port).startswith(f"PORT={port} ") and phase(thole, "feat-x") == "running"


def test_what_else_runs_in_a_tree_that_stays_is_left_alone(thole):
    """It is somebody's own: neither a stop nor a delete of the environment ends it, or takes its logs."""
    repository = project(thole, services={"web": page("PORT")})
    plain = thole.base / "plain"
    repository.git("worktree", "add", "-q", "-b", "plain", plain)
    other = thole.file("more.yaml", '{"version": 1, "services": {"more": {"command": "echo here; exec sleep 1000"}}}', project=plain)
    thole.run("--file", other.name, "up", "-d", cwd=plain)
    thole.run("env", "attach", "mine", "--worktree", plain)
    thole.run("env", "stop", "mine")
    assert phase(thole, "mine") == "stopped" and len(thole.pins()) == 1
    thole.run("env", "delete", "mine")
    assert len(thole.pins()) == 1
    assert "here" in thole.run("--file", other.name, "logs", cwd=plain).out


@pytest.mark.parametrize("file", ["thole.yaml", "previewctl.yaml"])
def test_services_that_only_the_branch_has_end_with_the_environment(thole, file):
    """The project's own file knows none: what `thole up` has started in the worktree is stopped and deleted with it all the same."""
    text = {"version": 1, "runner": {"before": "true"}}
    if file == "previewctl.yaml":
        text |= {"name": "shop", "services": {"web": {"path": "."}}}
    thole.file(file, json.dumps(text))
    Repository.of(thole)
    thole.run("env", "create", "feat-x")
    where = worktree(thole, "feat-x")
    text["services"] = {"web": {"path": ".", "command": "exec sleep 1000"}}
    thole.file(file, json.dumps(text), project=where)
    thole.run("up", "-d", cwd=where)
    thole.run("wait", "web", cwd=where)
    assert thole.pins()
    thole.run("env", "stop", "feat-x")
    assert not thole.pins() and phase(thole, "feat-x") == "stopped"
    thole.run("up", "-d", cwd=where)
    thole.run("wait", "web", cwd=where)
    thole.run("env", "delete", "feat-x", "--force")
    assert not thole.pins() and not list((thole.state / "sessions").iterdir()) and not where.exists()


def test_create_again_starts_the_services_and_nothing_else(thole):
    project(thole, services={"web": page("K", env={"K": "{{provisioner.db.K}}"})},
            provisioner={"before": "echo before >> $LEDGER", "services": {"db": {"outputs": ["K"], "seed": "echo seed >> $LEDGER; echo K=v"}}},
            runner={"before": "echo runner >> $LEDGER"})
    thole.run("env", "create", "feat-x")
    where, port = worktree(thole, "feat-x"), ports(thole, "feat-x")["web"]
    thole.run("down", cwd=where)
    before = thole.ledger()
    steps = done(thole.run("env", "create", "feat-x", "--json"))
    assert [name for name, status in steps.items() if status == "completed"] == ["start_services"], steps
    assert thole.ledger() == before and ask(port) == f"K=v in {where}"
    steps = done(thole.run("env", "create", "feat-x", "--json"))
    assert set(steps.values()) == {"skipped"}


def test_a_killed_server_and_a_reload_keep_ports_and_values(thole):
    project(thole, services={"web": page("K", "EXTRA", env={"K": "{{provisioner.db.K}}"})},
            provisioner={"services": {"db": {"outputs": ["K"], "seed": "echo K=v"}}})
    thole.run("env", "create", "feat-x")
    where, port = worktree(thole, "feat-x"), ports(thole, "feat-x")["web"]
    before = runs(thole, where)
    thole.replace_server()
    assert ask(port) == f"K=v EXTRA=None in {where}" and runs(thole, where) == before
    said = json.loads((where / "thole.yaml").read_text())
    said["services"]["web"]["env"]["EXTRA"] = "{{env.name}}:{{self.port}}"
    thole.file("thole.yaml", json.dumps(said), project=where)
    driver.wait_until(lambda: ask(port) == f"K=v EXTRA=feat-x:{port} in {where}", 20, "the new variable")
    thole.replace_server()
    assert ask(port) == f"K=v EXTRA=feat-x:{port} in {where}"
    thole.run("restart", "web", cwd=where)
    driver.wait_until(lambda: ask(port) == f"K=v EXTRA=feat-x:{port} in {where}", 20, "the service to be back")


# ---- what fails ----

def test_a_service_that_fails_fails_the_step_and_create_goes_on(thole):
    broken = {"command": "test -e works && echo came >> $LEDGER && exec sleep 1000; echo no database >&2; exit 3", "restart": "never"}
    project(thole, services={"web": page(), "worker": broken}, provisioner={"before": "echo before >> $LEDGER"})
    failed = thole.run("env", "create", "feat-x", code=1)
    assert "worker:serve" in failed.err and "exit code 3" in failed.err
    status = environment(thole, "feat-x")["status"]
    assert status["phase"] == "error" and status["failedStep"] == "start_services" and "worker:serve" in status["error"]
    assert "env create feat-x" in status["resume"]
    where = worktree(thole, "feat-x")
    assert "no database" in thole.run("logs", "worker", cwd=where).out
    (where / "works").touch()
    thole.run("env", "create", "feat-x")
    assert phase(thole, "feat-x") == "running" and thole.ledger() == ["before", "came"]
    assert ask(ports(thole, "feat-x")["web"])


def test_a_service_that_is_never_ready_is_named(thole):
    project(thole, ci={"readiness_timeout": "500ms"},
            services={"web": {"command": "sleep 1000", "ready": {"exec": "test -e works", "period": "20ms"}, "port": "auto"}})
    failed = thole.run("env", "create", "feat-x", code=1)
    assert "web:serve was not ready after 500ms" in failed.err, failed
    where = worktree(thole, "feat-x")
    (where / "works").touch()
    thole.run("env", "create", "feat-x")
    assert phase(thole, "feat-x") == "running"


def test_services_start_in_the_order_of_depends_on(thole):
    def says(name, **more):
        return {"command": f"echo {name} >> $LEDGER; touch {name}.ready; exec sleep 1000", "ready": {"exec": f"test -e {name}.ready", "period": "20ms"},
                **more}
    project(thole, services={"a": says("a", depends_on=["c"]), "b": says("b"), "c": says("c", depends_on=["b"])})
    thole.run("env", "create", "feat-x")
    assert thole.ledger() == ["b", "c", "a"]


# ---- what a config may say ----

def test_the_mode_of_the_environment_says_what_its_services_are(thole):
    project(thole, services={"web": page("K", env={"K": "local"})})
    thole.config({"services": {"web": {"env": {"K": "previewed"}}}}, None)
    (thole.project / "thole.yaml").rename(thole.project / "thole.preview.yaml")
    repository = Repository(thole.project, thole.env)
    repository.git("checkout", "-q", "thole.yaml")
    repository.commit({}, "an overlay")
    thole.run("env", "create", "p", "--mode", "preview")
    thole.run("env", "create", "l")
    assert ask(ports(thole, "p")["web"]).startswith("K=previewed ") and ask(ports(thole, "l")["web"]).startswith("K=local ")
    where = worktree(thole, "p")
    thole.run("down", cwd=where)
    thole.run("up", "-d", cwd=where)
    thole.run("wait", "web", cwd=where)
    assert ask(ports(thole, "p")["web"]).startswith("K=previewed "), "`up` in its worktree means its mode"


def test_config_in_a_worktree_says_what_its_services_have(thole):
    says = lambda name: {"X": f"from-{name}", "P": "{{self.port}}", "OF_A": "{{services.a.port}}"}
    project(thole, services={"a": page("X", "P", "OF_A", env=says("a")), "b": page("X", "P", "OF_A", env=says("b")),
                             "api": page("THOLE_REPLICA", "P", replicas=2, env={"P": "{{self.port}}"})})  # all in one .env.local
    thole.file("thole.preview.yaml", "{services: {a: {env: {X: previewed}}}}")
    thole.file("thole.other.yaml", "{services: {a: {prot: 1}}}")  # vet says it; here nobody has that mode
    Repository(thole.project, thole.env).commit({}, "overlays")
    thole.run("env", "create", "feat-x", "-m", "preview")
    where = worktree(thole, "feat-x")
    said = thole.run("config", "-o", "json", cwd=where).json()["services"]
    assert said["a"]["env"]["X"] == "previewed" and said["b"]["env"]["X"] == "from-b"
    for name, port in ports(thole, "feat-x").items():
        own = said[name]
        assert own["port"] == port and own["env"]["P"] == str(port)
        assert ask(port).split(" in ")[0].split() == [f"{key}={own['env'][key]}" for key in own["command"][3:]]
    assert "prot" in thole.run("vet", cwd=where, code=2).err
    assert thole.run("config", "-o", "json").json()["services"]["a"]["env"]["X"] == "from-a", "the project has no mode"
    (where / "thole.preview.yaml").write_text("{services: {a: {prot: 1}}}")
    assert "prot" in thole.run("config", cwd=where, code=2).err


def test_a_service_that_the_branch_does_not_have_is_said_to_be_not_started(thole):
    project(thole, services={"web": page("K", env={"K": "local"})})
    overlay = {"services": {"extra": {"command": "exec sleep 1000"}}}
    thole.file("thole.preview.yaml", json.dumps(overlay))
    said = thole.run("env", "create", "p", "--mode", "preview").err
    where = worktree(thole, "p")
    assert f"start_services: not started: extra; only {thole.project}/thole.yaml and the overlay beside it have that" in said and str(where) in said, said
    thole.file("thole.preview.yaml", json.dumps(overlay), project=where)
    assert "not started" not in thole.run("env", "create", "p", "--no-cache").err
    assert "extra:serve" in states(thole, where)


def test_a_service_that_the_branch_had_first_gets_the_port_of_the_environment(thole):
    """Until the project's file has it, its port is one of its own choice; then all say the environment's, so it has to be there."""
    one = page("PORT")
    project(thole, services={"web": one})
    thole.run("env", "create", "feat-x")
    where = worktree(thole, "feat-x")
    renamed = json.dumps({"version": 1, "name": "shop", "services": {"page": one}})
    thole.file("thole.yaml", renamed, project=where)
    driver.wait_until(lambda: "page:serve" in states(thole, where))
    thole.run("wait", "page", cwd=where)
    thole.file("thole.yaml", renamed)
    thole.run("env", "create", "feat-x")
    of = ports(thole, "feat-x")
    assert set(of) == {"page"}
    assert ask(of["page"]).startswith(f"PORT={of['page']} ")


def test_a_group_has_a_port_in_each_environment_and_needs_no_command(thole):
    project(thole, services={"web": page("K", env={"K": "local"}), "all": {"depends_on": ["web"]}})
    thole.run("env", "create", "p")
    assert states(thole, worktree(thole, "p")).keys() >= {"web:serve"} and "all" in ports(thole, "p")


def test_a_project_below_the_root_of_its_repository(thole):
    thole.file("README", "")
    repository = Repository.of(thole)
    below = thole.project / "apps" / "shop"
    thole.file("apps/shop/says.py", SAYS)
    thole.config({"version": 1, "services": {"web": page("PORT", path="site")}}, below)
    thole.file("apps/shop/site/says.py", SAYS)
    repository.commit({}, "a project")
    thole.run("env", "create", "feat-x", cwd=below)
    where = worktree(thole, "feat-x")
    assert f"in {where}/apps/shop" in ask(ports(thole, "feat-x")["web"])
    assert "web:serve" in thole.run("ps", cwd=where / "apps" / "shop").out


def test_named_ports_and_a_port_without_a_command(thole):
    project(thole, services={"web": {**without(page("DB", port="HTTP_PORT", env={"DB": "{{services.db.port}}", "HTTP_PORT": "{{services.web.ports.http}}"}), "port"),
                                     "ports": {"http": "auto", "admin": "auto"}, "ready": {"tcp": {"port": "{{services.web.ports.http}}"}}},
                             "db": {"port": "auto"}}, runner={"before": "true"})
    for name in ("feat-x", "feat-y"):
        thole.run("env", "create", name)
    x, y = ports(thole, "feat-x"), ports(thole, "feat-y")
    assert not set(x.values()) & set(y.values()) and set(x) == {"web", "web.http", "web.admin", "db"}
    assert all(61000 <= port < 65000 for port in x.values())
    for of in (x, y):
        assert ask(of["web.http"]).startswith(f"DB={of['db']} ")


def test_each_replica_has_a_port_of_the_environment(thole):
    project(thole, services={"web": page("PORT", replicas=2)})
    thole.run("env", "create", "feat-x")
    of = ports(thole, "feat-x")
    assert set(of) == {"web-0", "web-1"}
    for port in of.values():
        assert ask(port).startswith(f"PORT={port} ")
    asked = thole.run("env", "env", "feat-x", "web", code=2)
    assert "of web each replica has variables of its own: web-0, …" in asked.err, asked


def test_a_service_that_is_named_as_one_of_the_compose_file(thole):
    """They share a port; two of the compose file without any have ports of their own."""
    thole.file("compose.yaml", "services:\n  web: {image: web, ports: ['8080:80']}\n  a: {image: a}\n  b: {image: b}\n")
    project(thole, services={"web": page("A", env={"A": "{{infrastructure.a.port}}"})}, infrastructure={"compose_file": "compose.yaml"})
    thole.run("env", "provision", "feat-x")
    of = ports(thole, "feat-x")
    assert set(of) == {"web", "a", "b"} and len(set(of.values())) == 3
    where = worktree(thole, "feat-x")
    thole.run("up", "-d", cwd=where)
    thole.run("wait", "web", cwd=where)
    assert ask(of["web"]).startswith(f"A={of['a']} ")


def test_lazy_services_and_passed_sockets(thole):
    serve = "import os, socket; s = socket.socket(fileno=3)\nwhile True:\n c, _ = s.accept(); c.sendall(b'here'); c.close()"
    service = {"command": [PYTHON, "-c", serve], "port": "auto", "pass": "fd"}
    project(thole, services={"now": service, "later": {**service, "lazy": True}})
    thole.run("env", "create", "feat-x")
    of = ports(thole, "feat-x")
    assert phase(thole, "feat-x") == "running"
    assert states(thole, worktree(thole, "feat-x"))["later:serve"].get("waiting"), "it waits for a connection"
    for port in of.values():
        with socket.create_connection(("127.0.0.1", port), 10) as client:
            assert client.recv(4) == b"here"


def test_an_env_file_that_does_not_parse_is_said_with_its_place(thole):
    project(thole, services={"web": page("K", env={"K": "v"}, env_file="web.env"), "other": page()})
    thole.run("env", "create", "feat-x")
    where = worktree(thole, "feat-x")
    thole.run("down", cwd=where)
    (where / "web.env").write_text("K='open\n")
    refused = thole.run("up", "-d", cwd=where, code=2)
    assert "web.env:1" in refused.err, refused
    thole.run("env", "create", "feat-x")  # writes it anew
    assert ask(ports(thole, "feat-x")["web"]).startswith("K=v ")


def test_a_service_that_is_tried_again_and_again_fails_the_step_at_once(thole):
    project(thole, services={"web": page(), "worker": {"command": "test -e works && exec sleep 1000; exit 3"}}, ci={"readiness_timeout": "40s"})
    failed = thole.run("env", "create", "feat-x", code=1, timeout=20)
    assert "worker:serve: exit code 3" in failed.err, failed
    where = worktree(thole, "feat-x")
    (where / "works").touch()
    thole.run("env", "create", "feat-x", timeout=20)
    assert phase(thole, "feat-x") == "running" and states(thole, where)["worker:serve"]["active"]


def test_what_somebody_has_stopped_is_left_alone_and_what_nobody_asked_for_is_started(thole):
    project(thole, services={"web": page(), "api": page()})
    thole.run("env", "create", "feat-x")
    where, of = worktree(thole, "feat-x"), ports(thole, "feat-x")
    thole.run("stop", "api", cwd=where)
    assert set(done(thole.run("env", "create", "feat-x", "--json", timeout=20)).values()) == {"skipped"}
    assert not answers(of["api"]) and answers(of["web"])
    thole.run("down", cwd=where)
    thole.run("up", "-d", "api", cwd=where)
    thole.run("env", "create", "feat-x", timeout=20)
    assert answers(of["web"]) and answers(of["api"])


def test_a_service_takes_up_what_its_command_is_told_of_the_environment(thole):
    """Also where no service has an `env`, and generate_env is no step."""
    project(thole, provisioner={"services": {"db": {"outputs": ["URL"], "seed": "echo URL=one", "reset": "echo URL=two"}}},
            services={"a": {"command": "echo got {{provisioner.db.URL}}; exec sleep 1000"}})
    thole.run("env", "create", "feat-x")
    where = worktree(thole, "feat-x")
    thole.run("env", "hook", "db", "reset", "feat-x")
    assert done(thole.run("env", "create", "feat-x", "--json"))["start_services"] == "completed"
    driver.wait_until(lambda: "got two" in thole.run("logs", "a", cwd=where).out, what="the new value")
    assert done(thole.run("env", "create", "feat-x", "--json"))["start_services"] == "skipped"


def test_a_server_that_is_killed_while_services_begin_starts_none_twice(thole):
    service = {"command": "echo begun >> $LEDGER; exec sleep 1000", "ready": {"exec": "test -e works", "period": "20ms"}}
    project(thole, services={"web": service, "api": {**service, "depends_on": ["web"]}})
    create = thole.popen("env", "create", "feat-x")
    thole.wait_ledger("begun")
    where = worktree(thole, "feat-x")
    before = runs(thole, where)
    for _ in range(2):
        thole.replace_server()
    (where / "works").touch()
    assert create.wait() == 0, create
    assert thole.ledger() == ["begun"] * 2 and before.items() <= runs(thole, where).items() and phase(thole, "feat-x") == "running"
    thole.run("env", "delete", "feat-x", "--force")
    assert not thole.pins()


def test_a_hook_that_outlives_the_server_finds_the_services_as_they_are(thole):
    """The next server first looks what runs, then goes on."""
    project(thole, services={"web": page()}, runner={"deploy": f"echo deploy >> $LEDGER; until test -e {thole.base}/go; do sleep 0.02; done; echo deployed >> $LEDGER"})
    create = thole.popen("env", "create", "feat-x")
    thole.wait_ledger("deploy")
    where = worktree(thole, "feat-x")
    before = runs(thole, where)
    thole.replace_server()
    (thole.base / "go").touch()  # nowhere in the worktree: a file there that a hook names is an input of it
    assert create.wait() == 0, create
    assert thole.ledger() == ["deploy", "deployed"] and runs(thole, where) == before
    assert "start_services" in create.err and phase(thole, "feat-x") == "running"


def test_fixed_ports_are_the_same_in_each_and_one_of_them_runs(thole, free_port):
    port = free_port()
    project(thole, services={"web": page(port="PORT", **{}) | {"port": port}, "api": page()}, provisioner={"before": "echo before >> $LEDGER"})
    thole.run("env", "create", "feat-x")
    x = ports(thole, "feat-x")
    assert x["web"] == port and 61000 <= x["api"] < 65000
    refused = thole.run("env", "create", "feat-y", code=None)
    assert refused.code != 0 and f"port {port} (services.web.port)" in refused.err and "feat-x" in refused.err, refused
    assert thole.ledger() == ["before"], "nothing of the second was begun"
    thole.run("env", "stop", "feat-x")
    thole.run("env", "create", "feat-y")
    assert ask(port).endswith(f"in {worktree(thole, 'feat-y')}")
    refused = thole.run("env", "start", "feat-x", code=None)
    assert refused.code != 0 and "feat-y" in refused.err and phase(thole, "feat-x") == "stopped"


# ---- ports that are handed over ----

def test_ports_are_held_until_the_services_have_them(thole):
    """Neither a stranger nor another environment gets one between allocate_ports and the start of the service; a new server holds it again."""
    project(thole, services={"web": page(), "db": {"port": "auto"}}, runner={"before": "echo before >> $LEDGER; until test -e go; do sleep 0.02; done"})
    create = thole.popen("env", "create", "held")
    thole.wait_ledger("before")
    of = ports(thole, "held")
    for server in range(2):
        driver.wait_until(lambda: taken(of["web"]), 20, "the port to be held")
        assert not taken(of["db"]), "what hooks or containers listen on is free for them"
        if server == 0:
            thole.replace_server()
    (worktree(thole, "held") / "go").touch()
    assert create.wait() == 0, create
    assert ask(of["web"]) and ports(thole, "held") == of


def taken(port):
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # connections that are over do not count
        try:
            probe.bind(("0.0.0.0", port))
            return False
        except OSError:
            return True


def test_colliding_blocks_and_two_creates_at_once(thole, make_thole):
    """pr-43 and test-env ask for the same block; two servers share a store or know nothing of each other."""
    other = make_thole()
    for one in (thole, other):
        project(one, services={"web": page(), "api": page()}, runner={"before": "until test -e go; do sleep 0.02; done"})
    started = [(one, name, one.popen("env", "create", name)) for one in (thole, other) for name in ("pr-43", "test-env")]
    found = []
    for one, name, create in started:
        create.wait_for("write_manifest", stream=2)
        found += ports(one, name).values()
    assert len(set(found)) == len(found) == 8, found
    for one, name, create in started:
        (worktree(one, name) / "go").touch()
        assert create.wait() == 0, create
    for port in found:
        assert ask(port)
