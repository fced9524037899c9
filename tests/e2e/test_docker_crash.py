# SPDX-License-Identifier: Apache-2.0
"""The server dies at any moment of a workflow on Docker: nothing is started twice, every exit code and every byte of every log
is there in the end. The engine's own memory of what was started is the oracle. THOLE_CRASH_ROUNDS says how many kills at random."""

import os
import random
import signal
import time

import pytest

from docker_task import Task, bare, step
from driver import alive, wait_until

ROUNDS = max(int(os.environ.get("THOLE_CRASH_ROUNDS", "200")) // 50, 1)
SEED = int(os.environ.get("THOLE_CRASH_SEED", "0")) or random.SystemRandom().randrange(1, 10**6)
POINTS = ["launched", "started", "ended", "rename", "wf-begun", "wf-set-up", "wf-asked", "wf-destroy", "wf-destroyed", "wf-over"]
COUNT = "for i in $(seq {n}); do echo {name} $i; echo {name} err $i >&2; sleep 0.01; done; "


def stages():
    def counts(name, n, code):
        return bare(name, COUNT.format(name=name, n=n) + f"exit {code}")
    return [[bare("base", "trap 'exit 0' TERM; echo up; while true; do sleep 0.1; done", type="service", detach=True)],
            [counts("a", 30, 0), {**counts("b", 10, 4), "failure": "ignore"}], [counts("c", 20, 7)],
            [{**counts("d", 5, 0), "on_failure": True, "on_success": False}], [counts("never", 1, 0)]]


def server_pid(thole):
    """Of a server that is there, or else is started: a rail gives up on one that is killed again and again."""
    thole.run("workflow", "list")
    return thole.server_pid()


def check(task):
    """As if nothing had happened."""
    end = task.over()
    assert (end["result"], end["error"]) == ("failure", "step c: exit code 7"), end
    steps = task.steps()
    assert [(steps[name]["state"], steps[name].get("exit_code")) for name in ("a", "b", "c", "d", "never")] == \
        [("success", 0), ("failure", 4), ("failure", 7), ("success", 0), ("skipped", None)], end
    for name, n in (("a", 30), ("b", 10), ("c", 20), ("d", 5)):
        lines = task.lines(name)
        assert [line for line in lines if "err" not in line] == [f"{name} {i}" for i in range(1, n + 1)], lines
        assert [line for line in lines if "err" in line] == [f"{name} err {i}" for i in range(1, n + 1)], lines
    assert task.lines("base") == ["up"]
    assert task.started() == {"base": 1, "a": 1, "b": 1, "c": 1, "d": 1}
    assert task.things() == {}


@pytest.mark.deadline(120)
@pytest.mark.parametrize("point", POINTS)
def test_killed_at_a_point(thole, docker, point):
    points, hits = thole.base / "points", thole.base / "hits"
    points.mkdir()
    thole.use_faults("server")
    thole.env.update(THOLE_CRASH_DIR=str(points), THOLE_FAULT_FILE=str(hits))
    task = Task(thole, docker, point)
    thole.run("server", "status", code=None)
    (points / f"server.{point}").touch()
    path = task.config(*stages())
    thole.run("workflow", "run", path, "--backend", "docker", "--task-uuid", task.name, "-d", code=None)
    if not wait_until(lambda: (task.dir.exists() and "known") or not alive_workflow(task) and "unknown", what="the task to begin") == "known":
        task.run(*stages(), options=("-d",))
    check(task)
    assert hits.exists() and point in hits.read_text(), "nobody came to that point"


def alive_workflow(task):
    return task.thole.run("workflow", "show", task.name, "--json", code=None).code == 0


@pytest.mark.deadline(60 + 30 * ROUNDS)
def test_killed_at_any_moment(thole, docker):
    chance = random.Random(SEED)
    for number in range(ROUNDS):
        task = Task(thole, docker, f"R{number}").begin(*stages())
        for _ in range(2):
            time.sleep(chance.uniform(0, 1.5))  # sleep: the kill comes at any moment
            thole.kill(server_pid(thole))
        try:
            check(task)
        except AssertionError as error:
            raise AssertionError(f"round {number} with THOLE_CRASH_SEED={SEED}: {error}") from None


def test_a_step_that_ends_while_nobody_looks(thole, docker):
    """The server is stopped with its rail, so that nobody follows; the next one reads the log and the code from the engine."""
    task = Task(thole, docker).begin([bare("a", "echo one; until test -e /go; do sleep 0.05; done; echo two; exit 9")])
    task.wait_line("a", "one")
    container = task.container("a")["Id"]
    server = thole.server_pid()
    os.kill(server, signal.SIGSTOP)
    task.shell("a", "touch /go")
    wait_until(lambda: not docker.inspect(container)["State"]["Running"], what="the end of the container")
    os.kill(server, signal.SIGKILL)
    wait_until(lambda: not alive(server), what="the server to be gone")
    end = task.over()
    assert (end["result"], task.steps()["a"]["exit_code"]) == ("failure", 9), end
    assert task.log("a") == b"one\ntwo\n"
    assert task.started() == {"a": 1}


@pytest.mark.deadline(120)
@pytest.mark.parametrize("form", ["commands", "entrypoint"])
def test_a_signal_that_the_server_does_not_survive(thole, docker, form):
    """It was sent: the next server does not send it again."""
    points, hits = thole.base / "points", thole.base / "hits"
    points.mkdir()
    thole.use_faults("server")
    thole.env.update(THOLE_CRASH_DIR=str(points), THOLE_FAULT_FILE=str(hits))
    script = "trap 'echo trapped' TERM; echo ready; while true; do sleep 0.1; done"
    task = Task(thole, docker).begin([bare("a", script) if form == "entrypoint" else step("a", script)])
    task.wait_line("a", "ready")
    (points / "server.told").touch()
    thole.run("workflow", "cancel", task.name, "--grace", "2s", code=None)
    assert task.over()["result"] == "canceled"
    assert task.lines("a").count("trapped") == 1, task.lines("a")
    assert "told" in hits.read_text()
    assert task.things() == {}


def test_a_cancel_that_the_server_does_not_survive(thole, docker):
    task = Task(thole, docker).begin([bare("a", "trap '' TERM; echo ready; while true; do sleep 0.1; done")])
    task.wait_line("a", "ready")
    thole.run("workflow", "cancel", task.name, "--grace", "1s")
    thole.replace_server()
    assert task.over()["result"] == "canceled"
    assert task.things() == {}


def test_masked_across_a_crash(thole, docker):
    """Half a secret is in the log when the server dies."""
    script = "printf correct-horse; until test -e /go; do sleep 0.05; done; echo -battery; echo after"
    task = Task(thole, docker).begin([bare("a", "echo before; " + script)], secrets=[{"name": "k", "value": "correct-horse-battery"}])
    task.wait_line("a", "before")
    thole.replace_server()
    task.wait_step("a", "running")
    task.shell("a", "touch /go")
    task.over()
    assert task.log("a") == b"before\n********\nafter\n"
