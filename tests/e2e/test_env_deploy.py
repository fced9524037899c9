# SPDX-License-Identifier: Apache-2.0
"""What `runner.deploy` leaves running: it goes on until the environment is stopped or deleted, or deploy is run again."""

import os
import shutil
import signal
import sqlite3

import pytest

from driver import alive, wait_until
from environments import Project
from ledger import kill_for_good

# A server in the background, as `npm run dev &` is one. Whoever is begun writes its number down; then the hook ends.
SERVE = "nohup sh -c 'echo $$ >>\"$LEDGER.pids\"; exec sleep 100000' >/dev/null 2>&1 & "
DEPLOY = 'n=$(cat "$LEDGER.pids" 2>/dev/null | wc -l); ' + SERVE + 'until test "$(cat "$LEDGER.pids" 2>/dev/null | wc -l)" -gt "$n"; do sleep 0.01; done'


def deploying(deploy=DEPLOY, **runner):
    return {"version": 1, "name": "shop", "runner": {"deploy": deploy, **runner}, "services": {"web": {"path": "web", "env": {"A": "b"}}}}


@pytest.fixture
def project(thole):
    project = Project(thole, deploying())
    yield project
    for pid in begun(project):
        if alive(pid):
            os.kill(pid, signal.SIGKILL)


def begun(project):
    path = project.dir / "ledger.pids"
    return [int(line) for line in path.read_text().split()] if path.exists() else []


def living(project):
    return [pid for pid in begun(project) if alive(pid)]


def step(project, name="e1"):
    return {step["name"]: step for step in project.below(name, "/steps")["steps"]}["runner_deploy"]


def test_it_goes_on_and_is_shown(project):
    said = project.run("create", "e1").err
    assert "runner_deploy: what it has left running goes on" in said and "ended" not in said, said
    [pid] = living(project)
    seen = step(project)
    assert seen["processes"] == 1 and not seen["stale"], seen
    for command in ("show", "steps"):
        assert "1 process left running" in project.run(command, "e1").out
    project.run("create", "e1")
    assert living(project) == begun(project) == [pid], "what stands is not done again"


def test_an_environment_whose_deploy_is_gone_does_not_run(project):
    project.configure({**deploying(), "services": {}})
    project.run("create", "e1")
    assert project.object("e1")["status"]["phase"] == "running"
    [pid] = living(project)
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: project.object("e1")["status"]["phase"] == "stopped", 10, "its only process is gone")
    assert " stopped " in project.run("list").out and project.run("show", "e1").out.startswith("e1  stopped")
    project.run("start", "e1")
    assert project.object("e1")["status"]["phase"] == "running" and len(living(project)) == 1


def test_a_stop_ends_it_and_a_start_brings_it_again(project):
    project.run("create", "e1")
    project.run("stop", "e1")
    assert not living(project)
    assert "processes" not in step(project) and step(project)["stale"], step(project)
    project.run("start", "e1")
    assert len(begun(project)) == 2 and living(project) == begun(project)[1:]
    project.run("start", "e1")
    assert len(begun(project)) == 2


def test_a_stop_and_a_start_of_one_that_leaves_nothing_do_not_run_it_again(project):
    project.configure(deploying('echo ran >>"$LEDGER.ran"'))
    project.run("create", "e1")
    project.run("stop", "e1")
    project.run("start", "e1")
    assert (project.dir / "ledger.ran").read_text() == "ran\n" and not step(project)["stale"]


@pytest.mark.parametrize("forgotten", [False, True])
def test_a_delete_ends_it_also_if_the_config_has_it_no_more(project, forgotten):
    project.configure(deploying(destroy='kill -0 $(cat "$LEDGER.pids") && echo there >"$LEDGER.there"'))
    project.run("create", "e1")
    if forgotten:
        project.configure({**project.words, "runner": {"destroy": project.words["runner"]["destroy"]}})
    project.run("delete", "e1")
    assert (project.dir / "ledger.there").exists(), "runner.destroy comes before"
    assert begun(project) and not living(project)
    project.check_gone("e1")


def test_each_deploy_ends_what_the_one_before_has_left(project):
    once = 'test -z "$(for pid in $(cat "$LEDGER.pids" 2>/dev/null); do ! kill -0 $pid 2>/dev/null || echo $pid; done)" && { ' + DEPLOY + "; }"
    project.configure(deploying({"command": once, "allow_cache": False}))
    for n in (1, 2, 3):
        project.run("create", "e1")
        assert len(begun(project)) == n and living(project) == begun(project)[-1:]
    project.run("step", "e1", "runner_deploy")
    assert len(begun(project)) == 4 and living(project) == begun(project)[-1:]


def test_a_deploy_that_fails_leaves_it_until_the_next(project):
    project.configure(deploying(DEPLOY + "; exit 3"))
    assert "exit code 3" in project.run("create", "e1", code=1).err
    assert len(living(project)) == 1
    project.configure(deploying())
    project.run("create", "e1")
    assert len(begun(project)) == 2 and living(project) == begun(project)[1:]


def test_a_cancel_ends_what_it_has_left_so_far(project):
    project.configure(deploying(DEPLOY + "; exec sleep 100000"))
    create = project.popen("create", "e1")
    wait_until(lambda: begun(project), what="the hook to begin")
    create.signal(signal.SIGINT)
    assert create.wait() != 0
    wait_until(lambda: not living(project), what="all of it to be gone")


def test_what_has_gone_by_itself_is_brought_again(project):
    project.run("create", "e1")
    [pid] = living(project)
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: step(project)["stale"], what="it to be seen")
    project.run("create", "e1")
    assert len(begun(project)) == 2 and living(project) == begun(project)[1:]


@pytest.mark.parametrize("command", ["stop", "delete", "create"])
def test_it_outlives_the_server(project, thole, command):
    project.run("create", "e1")
    [pid] = living(project)
    kill_for_good(thole)
    seen = step(project)
    assert seen["processes"] == 1 and not seen["stale"], seen
    project.run(command, "e1")
    assert living(project) == ([pid] if command == "create" else []) and begun(project) == [pid]


def test_a_server_that_is_killed_during_the_hook_takes_it_over(project, thole):
    project.configure(deploying(DEPLOY + '; until test -e "$LEDGER.go"; do sleep 0.02; done'))
    create = project.popen("create", "e1")
    wait_until(lambda: begun(project), what="the hook to begin")
    thole.kill(thole.server_pid())
    (project.dir / "ledger.go").touch()
    assert create.wait() == 0
    assert living(project) == begun(project) and len(begun(project)) == 1 and step(project)["processes"] == 1
    project.run("delete", "e1")
    assert not living(project)


def run_beside(project, thole, name="e1"):
    """`env run` in the worktree of a provisioned environment."""
    project.run("provision", name)
    tree = project.tree(name)
    project.run("run", cwd=tree)
    assert len(living(project)) == 1
    return tree


@pytest.mark.parametrize("command", ["stop", "delete"])
def test_a_stop_and_a_delete_end_what_env_run_has_left(project, thole, command):
    run_beside(project, thole)
    project.run(command, "e1", *(["--force"] if command == "delete" else []))
    assert begun(project) and not living(project)
    left = [path for path in (thole.state / "environments").glob("*/e1") if (path / "runs").exists()]
    assert len(left) == (0 if command == "delete" else 2), left


def test_a_create_ends_what_env_run_has_left(project, thole):
    project.configure({**deploying(), "services": {"web": {"path": "web", "port": 4000, "env": {"A": "b"}}}})
    run_beside(project, thole)
    project.run("create", "e1")
    assert len(begun(project)) == 2 and living(project) == begun(project)[1:]


@pytest.mark.parametrize("words", [[], ["--manifest"]])
def test_a_stop_ends_what_was_run_where_no_store_knows_it(project, thole, words):
    project.run("provision", "e1")
    there = thole.base / "checkout"
    shutil.copytree(project.tree("e1"), there, ignore=shutil.ignore_patterns(".git"))
    project.run("run", cwd=there)
    assert len(living(project)) == 1
    assert "`thole env stop` ends it" in project.run("show", cwd=there, code=2).err
    result = project.run("stop", *words, *([there / ".thole.json"] if words else []), cwd=thole.base if words else there)
    assert "e1 is stopped" in result.err and begun(project) and not living(project), result
    project.run("run", cwd=there)
    assert len(begun(project)) == 2 and living(project) == begun(project)[1:]


def test_it_outlives_the_end_of_all_and_is_named(project, thole):
    project.run("create", "e1")
    project.run("create", "e2")
    project.run("stop", "e2")
    for _ in range(2):  # also by a server that has done nothing to it
        said = thole.run("server", "stop", "--all").err
        assert f"what runner.deploy of e1 ({project.tree('e1').parent.name}) has left goes on: 1 process; `thole env stop e1` ends it" in said, said
        assert "of e2" not in said and len(living(project)) == 1, said
    project.run("stop", "e1")
    assert "runner.deploy" not in thole.run("server", "stop", "--all").err


def test_gc_ends_it_where_the_store_has_forgotten_the_environment(project, thole):
    project.run("create", "e1")
    thole.run("server", "stop")
    with sqlite3.connect(thole.state / "thole.db") as database:
        for table in ("step", "value", "audit", "environment"):
            database.execute(f"DELETE FROM {table}")
    assert len(living(project)) == 1
    project.run("gc", "-y")
    assert not living(project) and not list((thole.state / "environments").glob("*/e1"))
