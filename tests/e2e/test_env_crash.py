# SPDX-License-Identifier: Apache-2.0
"""The server is killed with -9 in the midst of creating and deleting environments, at named points and at any moment. Whatever was killed:
the end is the same (git, files, ports, the store), and each hook was run once. THOLE_CRASH_SEED repeats a run."""

import time

import pytest

from driver import wait_until
from environments import CREATED_HOOKS, DESTROYED_HOOKS, Project, config
from killer import SEED, Killer
from ledger import request

POINTS = [f"server.{point}" for point in ("env-started", "env-asked", "env-runs", "env-ran", "env-noted", "env-told", "env-over", "env-resumed",
                                          "store-write", "store-written")]
EACH = 10  # times that each point is hit at least


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

    def delete(self):
        meta = wait_until(lambda: self.project.object(self.name), what="it to be listed")["metadata"]
        self.project.thole.run("env", "list", code=None)
        path = f"/apis/thole.dev/v1alpha1/namespaces/{meta['namespace']}/environments/{meta['name']}"

        def begun():
            found = self.project.object(self.name)
            return not found or (found["status"].get("operation") or {}).get("kind") == "delete"

        def ask():
            if begun():
                return True
            code, _ = request(self.project.thole, path, "DELETE", {"client": self.client()})
            return code in (200, 404, 409)
        wait_until(ask, 20, f"the deletion of {self.name} to be taken")

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


def told(number, killer, problem):
    return AssertionError(f"round {number}, seed {SEED}, {killer.counts()}: {problem}")


@pytest.mark.deadline(240)
def test_at_named_points_each_hook_is_run_once_and_the_end_is_the_same(thole):
    killer, number = Killer(thole), 0
    project = Project(thole)
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
