# SPDX-License-Identifier: Apache-2.0
"""The server is killed with -9 in the midst of creating and deleting environments, at named points and at any moment. Whatever was killed:
the end is the same (git, files, ports, the store), and each hook was run once. THOLE_CRASH_SEED repeats a run."""

import os
import signal
import time

import pytest

from driver import alive, parent, wait_until
from environments import CREATED_HOOKS, DESTROYED_HOOKS, Project, config, says
from fake_docker import COMPOSE, SERVICES, FakeDocker
from killer import SEED, Killer
from ledger import request
from test_power import cut_power

POINTS = [f"server.{point}" for point in ("env-started", "env-asked", "env-runs", "env-ran", "env-noted", "env-told", "env-over", "env-resumed",
                                          "store-write", "store-written")]
EACH = 10  # times that each point is hit at least
ROUNDS = int(os.environ.get("THOLE_CRASH_ROUNDS", "3"))  # of what takes longer


def once(project, name, hooks):
    """Each was run once, to its end; in order."""
    said = [(what, step) for what, step, env, _ in project.ledger() if env == name]
    assert said == [(what, step) for step in hooks for what in ("start", "end")], said


def nothing_lost(project, name):
    """No step's outcome was unknown: none of their pins died."""
    assert not [entry for entry in project.audit(name) if entry[0] == "lost"], project.audit(name)


class Round:
    """One environment of a project: made and removed while servers die."""

    def __init__(self, project, number):
        self.project, self.name = project, f"e{number}"

    def begin(self, method, path="", body=None, there=None):
        """Until a server has said that it is begun, whoever was killed in between. `there`: how else it shows."""
        def ask():
            if there and there():
                return True
            code, _ = self.project.ask(method, path, body)
            return code in (200, 201, 409)
        wait_until(ask, 20, f"{method} {self.name} to be taken")

    def client(self):
        thole = self.project.thole
        return {"env": {**thole.env, "LEDGER": str(self.project.ledger_path)}}

    def create(self):
        spec = {"name": self.name, "project": str(self.project.dir / self.project.file)}
        self.begin("POST", body={"spec": spec, "client": self.client()}, there=lambda: self.project.object(self.name))

    def act(self, kind, phase=None):
        """delete; stop or start, after which it is in that phase."""
        meta = wait_until(lambda: self.project.object(self.name), what="it to be listed")["metadata"]
        self.project.thole.run("env", "list", code=None)
        path = f"/apis/thole.dev/v1alpha1/namespaces/{meta['namespace']}/environments/{meta['name']}"
        method, below = ("DELETE", "") if kind == "delete" else ("POST", f"/{kind}")

        def begun():
            status = (self.project.object(self.name) or {}).get("status")
            return not status or status["phase"] == phase or (status.get("operation") or {}).get("kind") == kind

        def ask():
            if begun():
                return True
            code, _ = request(self.project.thole, path + below, method, {"client": self.client()})
            return code in (200, 202, 404, 409)
        wait_until(ask, 20, f"{kind} of {self.name} to be taken")

    def delete(self):
        self.act("delete")

    def check_created(self):
        self.project.over(self.name)
        self.project.check_created(self.name)
        once(self.project, self.name, CREATED_HOOKS)

    def check_deleted(self):
        found = self.project.over(self.name)
        assert found is None, found
        self.project.check_gone(self.name)
        once(self.project, self.name, CREATED_HOOKS + DESTROYED_HOOKS)
        nothing_lost(self.project, self.name)


def each_time(words):
    """One hook is never cached: a server that goes on does not run it again all the same."""
    words["runner"]["before"] = {"command": words["runner"]["before"], "allow_cache": False}
    return words


def told(number, killer, problem):
    return AssertionError(f"round {number}, seed {SEED}, {killer.counts()}: {problem}")


@pytest.mark.deadline(240)
def test_at_named_points_each_hook_is_run_once_and_the_end_is_the_same(thole):
    killer, number = Killer(thole), 0
    project = Project(thole, each_time(config()))
    while any(killer.counts()[point] < EACH for point in POINTS):
        assert number < 4 * EACH, f"{killer.counts()} after {number} rounds, seed {SEED}"
        number += 1
        one = Round(project, number)
        try:
            one.create()
            for point in killer.random.sample(POINTS, killer.random.randrange(2, len(POINTS))):
                killer.arm(point)
            one.check_created()
            for point in killer.random.sample(POINTS, killer.random.randrange(2, len(POINTS))):
                killer.arm(point)
            one.delete()
            one.check_deleted()
        except AssertionError as problem:
            raise told(number, killer, problem) from problem
        killer.disarm()
    print(f"seed {SEED}: {dict(killer.counts())} in {number} rounds")


@pytest.mark.deadline(240)
def test_at_any_moment(thole):
    """Three environments at once."""
    killer, number = Killer(thole), 0
    project = Project(thole, config("sleep 0.02"))
    while killer.kills < 150:
        rounds = [Round(project, number + i) for i in range(1, 4)]
        number += len(rounds)
        try:
            for one in rounds:
                one.create()
            for _ in range(killer.random.randrange(3, 9)):
                time.sleep(killer.random.uniform(0, 0.25))  # sleep: the kill comes at any moment
                killer.kill()
                thole.run("env", "list", code=None)
            for one in rounds:
                one.check_created()
            for one in rounds:
                one.delete()
            for _ in range(killer.random.randrange(2, 6)):
                time.sleep(killer.random.uniform(0, 0.2))  # sleep: the kill comes at any moment
                killer.kill()
                thole.run("env", "list", code=None)
            for one in rounds:
                one.check_deleted()
        except AssertionError as problem:
            raise told(number, killer, problem) from problem
    print(f"seed {SEED}: {killer.kills} kills in {number} rounds")


class Running(Round):
    """One with a service that says when it is started, and infrastructure."""

    def __init__(self, project, docker, number):
        super().__init__(project, number)
        self.docker, self.infrastructure = docker, f"shop-{self.name}"

    def served(self):
        """[pid] of all that were ever started of its service"""
        return [pid for what, step, env, pid in self.project.ledger() if (what, step, env) == ("start", "web", self.name)]

    def check(self, starts, state):
        """As often as that all of it was started, once each time; and it is in that state."""
        pids = wait_until(lambda: len(pids := self.served()) >= starts and pids, what="its service to say that it runs")
        asked = self.docker.asked(self.infrastructure)
        assert len(pids) == starts and [alive(pid) for pid in pids] == [False] * (starts - 1) + [state == "running"], (state, pids)
        assert asked["up"] == starts and asked["start"] == starts * len(SERVICES), asked
        assert self.docker.states(self.infrastructure) == (dict.fromkeys(SERVICES, state) if state else None)

    def check_phase(self, phase):
        status = self.project.over(self.name)["status"]
        assert (status["phase"], status.get("error")) == (phase, None), status
        assert not self.project.leases(self.name)

    def live(self, crash):
        """From its beginning to its end; crash() lets servers die."""
        self.create()
        crash()
        self.check_phase("running")
        self.check(1, "running")
        crash()
        self.act("stop", "stopped")
        crash()
        self.check_phase("stopped")
        self.check(1, "exited")
        crash()
        self.act("start", "running")
        crash()
        self.check_phase("running")
        self.check(2, "running")
        crash()
        self.delete()
        crash()
        assert self.project.over(self.name) is None
        self.check(2, None)
        self.project.check_gone(self.name)
        nothing_lost(self.project, self.name)


@pytest.mark.deadline(100 + 20 * ROUNDS)
def test_what_runs_is_started_once_and_nothing_is_left(thole):
    killer, docker = Killer(thole), FakeDocker(thole)
    words = config(infrastructure={"compose_file": "compose.yaml"})
    words["services"]["web"]["command"] = f'echo "start web $(basename "${{PWD%/web}}") $$" >>{thole.project}/ledger; exec sleep 100000'
    thole.file("compose.yaml", COMPOSE)
    project = Project(thole, words)

    def crash():
        for point in killer.random.sample(POINTS, 2):
            killer.arm(point)
        time.sleep(killer.random.uniform(0, 0.2))  # sleep: the kill comes at any moment
        killer.kill()
        thole.run("env", "list", code=None)
    for number in range(1, ROUNDS + 1):
        try:
            Running(project, docker, number).live(crash)
        except AssertionError as problem:
            raise told(number, killer, problem) from problem
        killer.disarm()
    print(f"seed {SEED}: {killer.kills} kills and {dict(killer.counts())} in {ROUNDS} rounds")


def blocked(thole, step):
    """The config with a hook that waits, as long as nobody has opened it."""
    words = config()
    text = says(step, f"test -e {thole.base}/open || sleep 100000; echo URL={step[5:]}://$THOLE_ENV_NAME")
    if step.startswith("seed_"):
        words["provisioner"]["services"][step[5:]]["seed"] = text
    else:
        words["provisioner" if step.startswith("prov") else "runner"][step.split("_")[1]] = text
    return words


def in_the_midst(project, step):
    """Its create is at that step; the process of the hook."""
    project.popen("create", "e1")
    return wait_until(lambda: [pid for what, name, _, pid in project.ledger() if (what, name) == ("start", step)], what=f"{step} to run")[0]


@pytest.mark.parametrize("point", ["", "env-next", "env-cancel", "env-told", "env-over", "store-written", "env-gone"])
def test_a_delete_ends_a_create_and_follows_it(thole, point):
    killer = Killer(thole)
    project = Project(thole, blocked(thole, "provisioner_after"))
    pid = in_the_midst(project, "provisioner_after")
    if point:
        killer.arm(f"server.{point}")
    project.run("delete", "e1", code=None if point == "env-next" else 0)
    if point == "env-next":  # it died before it said that it would be done: whoever asked asks again
        project.run("delete", "e1", code=None)
    wait_until(lambda: not point or killer.counts()[f"server.{point}"] == 1, what="the server to die")
    assert project.over("e1") is None
    project.check_gone("e1")
    assert not alive(pid)
    assert project.counts("start", "e1") == {step: 1 for step in CREATED_HOOKS[:4] + DESTROYED_HOOKS}, project.counts("start", "e1")


@pytest.mark.parametrize("point", ["env-ran", "store-write", "store-written", "env-told", "env-over"])
def test_a_hook_that_failed_is_not_tried_again_by_the_next_server(thole, point):
    killer = Killer(thole)
    words = config()
    words["runner"]["deploy"] = says("runner_deploy", f"while ! test -e {thole.base}/open; do sleep 0.01; done", code=3)
    project = Project(thole, words)
    create = project.popen("create", "e1")
    wait_until(lambda: "runner_deploy" in project.ran("e1"), what="it to run")
    killer.arm(f"server.{point}")
    (thole.base / "open").touch()
    assert create.wait() == 1 and "failed in runner_deploy: exit code 3" in create.err, create
    assert wait_until(lambda: killer.counts()[f"server.{point}"] == 1, what="the server to die")
    status = project.over("e1")["status"]
    assert (status["phase"], status["failedStep"], status["error"]) == ("error", "runner_deploy", "exit code 3"), status
    assert project.ran("e1").count("runner_deploy") == 1 and "runner_after" not in project.ran("e1")


@pytest.mark.parametrize("point", ["env-ran", "store-write", "store-written", "env-told"])
def test_a_delete_by_force_passes_over_what_failed_also_in_the_next_server(thole, point):
    killer = Killer(thole)
    words = config()
    words["runner"]["destroy"] = says("runner_destroy", f"while ! test -e {thole.base}/open; do sleep 0.01; done", code=3)
    project = Project(thole, words)
    project.run("create", "e1")
    delete = project.popen("delete", "e1", "--force")
    wait_until(lambda: "runner_destroy" in project.ran("e1"), what="it to run")
    killer.arm(f"server.{point}")
    (thole.base / "open").touch()
    assert delete.wait() == 1 and delete.err.count("runner_destroy ✗") == 1, delete
    assert wait_until(lambda: killer.counts()[f"server.{point}"] == 1, what="the server to die")
    status = project.over("e1")["status"]
    assert (status["phase"], status["error"]) == ("error", "all else is gone, but for what these were to undo: runner_destroy (exit code 3)"), status
    assert project.ran("e1") == CREATED_HOOKS + DESTROYED_HOOKS


def lost(project, step):
    return [entry for entry in project.audit("e1") if entry[:2] == ("lost", step)]


@pytest.mark.parametrize("server", [True, False])
def test_a_hook_whose_pin_was_killed_runs_again_and_that_is_said(thole, server):
    project = Project(thole, blocked(thole, "seed_db"))
    pid = in_the_midst(project, "seed_db")
    (thole.base / "open").touch()
    if not server:
        thole.kill(thole.server_pid())
    os.kill(parent(pid), signal.SIGKILL)
    project.over("e1")
    project.check_created("e1")
    assert project.counts("start", "e1") == {step: 2 if step == "seed_db" else 1 for step in CREATED_HOOKS}
    assert not alive(pid) and len(lost(project, "seed_db")) == 1, project.audit("e1")
    said = [step for action, step, message in project.audit("e1") if action == "executed" and "has run again" in (message or "")]
    assert said == ["seed_db"], project.audit("e1")


def test_a_hook_that_kills_its_pin_is_not_tried_for_ever(thole):
    words = config()
    words["runner"]["deploy"] = says("runner_deploy", "kill -9 $PPID; sleep 1000")
    project = Project(thole, words)
    assert "what became of it before is not known, so it has run again" in project.run("create", "e1", code=1).err
    assert project.ran("e1").count("runner_deploy") == 2 and project.object("e1")["status"]["failedStep"] == "runner_deploy"


def test_a_step_that_ends_every_server_is_given_up(thole):
    """Else nobody had a server any more: each next one would go on with it, and die."""
    thole.use_faults("server")
    thole.env.update(THOLE_FAULT_PROGRAM="server", THOLE_CRASH="env-asked:1")  # at the first step
    project = Project(thole)
    made = project.popen("create", "e1")
    code = made.wait(60)
    assert code == 3, made
    assert "20 servers have died at provisioner_before, one soon after the other, so it is given up: " in made.err, made.err
    assert "`thole env create e1` tries again, `thole env delete e1` removes it (" in made.err, made.err
    server = thole.server_pid()
    assert "given up" in project.object("e1")["status"]["operation"]["error"]
    assert thole.server_pid() == server, "who asks has a server that lives"


def test_after_the_machine_went_down_it_goes_on(thole):
    project = Project(thole, blocked(thole, "runner_deploy"))
    in_the_midst(project, "runner_deploy")
    (thole.base / "open").touch()
    cut_power(thole)
    project.over("e1")
    project.check_created("e1")
    assert project.counts("start", "e1") == {step: 2 if step == "runner_deploy" else 1 for step in CREATED_HOOKS}
    assert len(lost(project, "runner_deploy")) == 1, project.audit("e1")
