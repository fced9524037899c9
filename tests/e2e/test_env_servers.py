# SPDX-License-Identifier: Apache-2.0
"""Several servers, each with its own runtime and state directory, on one store: they take turns, and nothing is lost."""

import concurrent.futures
import json
import re
import sqlite3

import pytest

from driver import UnixConnection, wait_until
from environments import CREATED_HOOKS, Project, config, says

SERVERS, UPDATES, STEPS = 16, 200, 3


def fleet(make_thole, n, words=None):
    """Projects that are the same one, each with a server of its own."""
    others = [make_thole() for _ in range(n - 1)]
    first = make_thole()  # the last to end: it owns what they share
    store = str(first.base / "shared.db")
    projects = [Project(first, words)]
    for other in others:
        other.env["HOME"] = first.env["HOME"]
        other.env["GIT_CONFIG_NOSYSTEM"] = "1"
        project = Project.__new__(Project)
        project.__dict__.update(projects[0].__dict__)
        project.thole = other
        projects.append(project)
    for project in projects:
        project.thole.env["THOLE_STORE"] = store
    return projects


def at_once(work, items):
    with concurrent.futures.ThreadPoolExecutor(len(items)) as pool:
        return list(pool.map(work, items))


def patch(thole, path, body):
    connection = UnixConnection(str(thole.runtime / "server.sock"), 60)
    try:
        connection.request("PATCH", path, json.dumps(body), {"Content-Type": "application/merge-patch+json"})
        reply = connection.getresponse()
        return reply.status, reply.read()
    finally:
        connection.close()


def values_path(project, name):
    meta = project.object(name)["metadata"]
    return f"/apis/thole.dev/v1alpha1/namespaces/{meta['namespace']}/environments/{meta['name']}/values"


@pytest.mark.deadline(170)
def test_no_update_is_lost_and_waiting_is_no_failure(make_thole):
    projects = fleet(make_thole, SERVERS)
    projects[0].run("create", "e1")
    projects[0].forget()

    def update(number):
        project = projects[number]
        path = values_path(project, "e1")
        for i in range(UPDATES):
            code, body = patch(project.thole, path, {f"K{number}_{i}": str(i)})
            assert code == 200, body
            if i % (UPDATES // STEPS) == number % 10:
                project.run("step", "e1", "runner_deploy", timeout=150)
    at_once(update, range(SERVERS))
    values = projects[0].entry("e1")["env"]
    assert values == {f"K{n}_{i}": str(i) for n in range(SERVERS) for i in range(UPDATES)}
    runs = [project for project in projects[0].ran("e1")]
    asked = SERVERS * len([i for i in range(UPDATES) if i % (UPDATES // STEPS) == 0])
    assert runs.count("runner_deploy") == len(runs) and SERVERS * STEPS <= len(runs) <= asked, len(runs)
    said = [(what, pid) for what, _, _, pid in projects[0].ledger()]
    assert said == [(what, pid) for _, pid in said[::2] for what in ("start", "end")], "two of them ran at once"
    audit = projects[0].audit("e1")
    assert len([entry for entry in audit if entry[0] == "value_set"]) == SERVERS * UPDATES
    assert len([entry for entry in audit if entry[:2] == ("executed", "runner_deploy")]) == len(runs) + 1


@pytest.mark.parametrize("servers", [2, 1])
def test_two_creates_at_once(make_thole, servers):
    """On two servers the second waits, and finds all done; on one it is refused, and says so."""
    projects = fleet(make_thole, servers, config("sleep 0.05"))
    results = at_once(lambda i: projects[i % servers].run("create", "e1", code=None, timeout=60), range(2))
    codes = sorted(result.code for result in results)
    assert codes == [0, 0] or (servers == 1 and codes[0] == 0 and "is busy" in "".join(result.err for result in results)), results
    for project in projects:
        project.over("e1")
    projects[0].check_created("e1")
    assert projects[0].ran("e1") == CREATED_HOOKS


@pytest.mark.deadline(170)
def test_sixteen_servers_create_one_at_once(make_thole):
    """They take turns: one does it, the others find all done."""
    projects = fleet(make_thole, SERVERS)
    results = at_once(lambda project: project.run("create", "e1", code=None, timeout=150), projects)
    assert [result.code for result in results] == [0] * SERVERS, [result for result in results if result.code]
    projects[0].check_created("e1")
    assert projects[0].ran("e1") == CREATED_HOOKS


def test_one_server_deletes_while_another_creates(make_thole):
    """It waits for its turn, says whose, and comes after it."""
    words = config()
    words["runner"]["after"] = says("runner_after", 'while ! test -e "$LEDGER.open"; do sleep 0.01; done')
    projects = fleet(make_thole, 2, words)
    create = projects[0].popen("create", "e1")
    wait_until(lambda: "runner_after" in projects[0].ran("e1"), what="the hook to run")
    delete = projects[1].popen("delete", "e1")
    delete.wait_for(r"works on it \(create\)", stream=2)
    (projects[0].dir / "ledger.open").touch()
    assert create.wait() == 0 and delete.wait() == 0, (create, delete)
    wait_until(lambda: projects[0].object("e1") is None, what="it to be gone")
    projects[1].check_gone("e1")


def as_advised(project, said, cwd=None):
    """Does what the message says is to be done first."""
    command = re.search(r"first `(.*) thole (.*?)`", said)
    project.thole.run(*command[2].split(), env=dict(word.split("=", 1) for word in command[1].split()), cwd=cwd)


def test_services_are_those_of_the_server_that_started_them(make_thole):
    """Another one neither runs them a second time nor leaves them behind; it names whose they are."""
    words = config()
    words["services"]["web"]["command"] = "exec sleep 1000"
    first, second = fleet(make_thole, 2, words)
    first.run("create", "e1")
    for verb in ("create", "start", "stop", "delete"):
        refused = second.run(verb, "e1", code=3)
        assert "run under another server" in refused.err and f"THOLE_STATE_DIR={first.thole.state}" in refused.err, refused
    assert len(first.thole.pins()) == 1
    first.check_created("e1")
    as_advised(second, refused.err)
    second.run("start", "e1")
    assert len(first.thole.pins()) == 1 and list((second.thole.state / "sessions").iterdir())
    second.run("delete", "e1")
    assert not first.thole.pins() and not list((second.thole.state / "sessions").iterdir())


def phase(project, name):
    return project.object(name)["status"]["phase"]


@pytest.mark.parametrize("down", [["down"], ["down", "--purge"], ["server", "stop", "--all"]])
def test_services_that_are_down_are_nobody_s(make_thole, down):
    """However they came down: another server starts them, and says how they are; the first says of them what is recorded."""
    words = config()
    words["services"]["web"]["command"] = "exec sleep 1000"
    first, second = fleet(make_thole, 2, words)
    first.run("create", "e1")
    first.thole.run(*down, cwd=first.tree("e1"))
    assert not first.thole.pins() and phase(first, "e1") == "stopped"
    second.run("start", "e1")
    assert phase(second, "e1") == phase(first, "e1") == "running", "those of the second"
    first.run("delete", "e1", code=3)
    second.thole.run("down", cwd=second.tree("e1"))
    first.run("delete", "e1")
    first.check_gone("e1")


def test_a_delete_by_force_says_whose_services_go_on(make_thole):
    words = config()
    words["services"]["web"]["command"] = "exec sleep 1000"
    first, second = fleet(make_thole, 2, words)
    first.run("create", "e1")
    said = second.run("delete", "e1", "--force")
    assert "its services go on under another server" in said.err and str(first.thole.state) in said.err, said
    assert len(first.thole.pins()) == 1


def test_what_another_server_runs_in_a_worktree_keeps_it(make_thole):
    """`thole up` is as in any directory there: that server knows nothing of environments, nor this one of it."""
    words = config()
    words["services"] = {"web": {"path": "web", "command": "exec sleep 1000", "env": {"A": "b"}}}
    first, second = fleet(make_thole, 2, words)
    second.thole.env["THOLE_STORE"] = str(second.thole.base / "own.db")
    for name in ("e1", "e2"):
        first.run("create", name)
        second.thole.run("up", "-d", "--wait", cwd=first.tree(name))
    for verb in ("create", "start", "refresh", "delete"):
        refused = first.run(verb, "e1", code=3).err
        assert f"services run in its worktree under another server: first `THOLE_RUNTIME_DIR={second.thole.runtime} THOLE_STATE_DIR=" in refused
    assert len(second.thole.pins()) == 2 and phase(first, "e1") == "running", "nothing has begun"
    as_advised(first, refused, first.tree("e1"))
    first.run("delete", "e1")
    first.check_gone("e1")
    forced = first.run("delete", "e2", "--force").err
    assert f"what runs in what was its worktree goes on under another server, {second.thole.state}" in forced, forced


def test_other_servers_hold_up_nobody_by_what_they_run_elsewhere(make_thole):
    """Of another user, or of a later version: what cannot be read of them says nothing. Nor is a machine below their trees."""
    words = config()
    words["services"] = {"web": {"path": "web", "command": "exec sleep 1000", "env": {"A": "b"}}}
    words["provisioner"] = {"compute": {"create": "echo VM_IP=10.0.0.5; echo SSH_USER=root", "destroy": "true", "outputs": ["VM_IP", "SSH_USER"]}}
    other = make_thole()
    other.config({"version": 1, "services": {"a": {"command": "exec sleep 1000"}}})
    other.run("up", "-d", "--wait")
    broken = other.state / "sessions" / "broken-123456" / "session.json"
    broken.parent.mkdir()
    broken.write_text("{")
    local, remote = Project(make_thole(), {**words, "provisioner": {}}), Project(make_thole(), words)
    local.run("create", "e1")
    local.run("delete", "e1")
    remote.run("provision", "e1")
    remote.run("delete", "e1")
    assert "ready" in other.run("ps").out
    broken.unlink()


def test_another_server_goes_on_with_what_one_has_left(make_thole):
    projects = fleet(make_thole, 2)
    words = config()
    words["runner"]["deploy"] = says("runner_deploy", code=3)
    projects[0].configure(words)
    projects[0].run("create", "e1", code=1)
    projects[0].configure(config())
    projects[1].run("create", "e1")
    projects[1].check_created("e1")
    assert projects[0].counts("start", "e1") == {step: 2 if step == "runner_deploy" else 1 for step in CREATED_HOOKS}
    wait_until(lambda: projects[0].object("e1")["status"]["phase"] == "running", what="the first to know")


@pytest.mark.parametrize("begun_here", [True, False])
def test_what_another_server_has_begun_is_not_taken_for_one_s_own(thole, begun_here):
    """A run of that number lies here, and has ended well: of the own record it is the end, of another's it is something else."""
    project = Project(thole)
    project.run("create", "e1")
    thole.run("server", "stop")
    with sqlite3.connect(thole.state / "thole.db") as database:
        database.execute("UPDATE step SET status = 'started' WHERE name = 'runner_after'")
        if not begun_here:
            database.execute("UPDATE step SET server = 'another' WHERE name = 'runner_after'")
    project.run("create", "e1")
    project.check_created("e1")
    assert project.counts("start", "e1")["runner_after"] == (1 if begun_here else 2)


def test_the_failure_of_an_operation_is_not_that_of_the_next(thole):
    """The server is killed in the second one before it comes to the step that had failed in the first."""
    words = config()
    words["runner"]["before"] = says("runner_before", 'while ! test -e "$LEDGER.open"; do sleep 0.01; done')
    words["runner"]["after"] = says("runner_after", 'test -e "$LEDGER.good"')
    project = Project(thole, words)
    gate, good = project.dir / "ledger.open", project.dir / "ledger.good"
    gate.touch()
    project.run("create", "e1", code=1)
    project.run("invalidate", "e1", "runner_before")
    gate.unlink()
    create = project.popen("create", "e1")
    wait_until(lambda: project.counts("start", "e1")["runner_before"] == 2, what="the hook to run")
    thole.kill(thole.server_pid())
    good.touch()
    gate.touch()
    assert create.wait() == 0, create
    assert project.counts("start", "e1")["runner_after"] == 2
    assert project.counts("start", "e1")["runner_before"] == 2
    project.check_created("e1")


def test_a_server_knows_its_services_by_whatever_path_its_directory_is_reached(thole):
    words = config()
    words["services"]["web"]["command"] = "exec sleep 1000"
    project = Project(thole, words)
    project.run("create", "e1")
    thole.run("server", "stop")
    link = thole.base / "link"
    link.symlink_to(thole.state)
    elsewhere = {"THOLE_STATE_DIR": str(link)}
    thole.run("env", "stop", "e1", env=elsewhere)
    assert [item for item in thole.run("env", "list", "--json", env=elsewhere).json() if item["status"] == "stopped"]
    thole.run("env", "start", "e1", env=elsewhere)
    thole.run("server", "stop", env=elsewhere)
    thole.run("down", cwd=project.object("e1")["spec"]["path"])
    assert project.object("e1")["status"]["phase"] == "stopped", "its services are down, and it was their server"
    project.run("delete", "e1")
