# SPDX-License-Identifier: Apache-2.0
"""The server is killed with -9 in the midst of workflows on local processes: with a service, parallel steps, and steps that end while
nobody looks. Each step appends to a ledger when it begins and before it ends: the ledger is the oracle of what ran. THOLE_CRASH_SEED
repeats a run."""

import collections
import contextlib
import json
import time

import pytest

from driver import alive, free_port, wait_until
from killer import SEED, Killer
from ledger import request
from test_workflow import WORKFLOWS, step

POINTS = ["server.launched", "server.asked", "server.wf-asked", "server.wf-started", "server.wf-ended", "server.wf-destroy", "server.wf-destroyed",
          "server.wf-over"]
EARLY = ["server.wf-begun", "server.wf-set-up"]  # of these one is armed before it is created
EACH = 10  # times that each point is hit at least
LINES = 3000  # more than a pipe takes
SECRET = "hunter2-hunter2"


def said(name):
    """What the log of a step holds, byte for byte."""
    return "".join(f"{name} line {i:05d} of ********\n" for i in range(1, LINES + 1)).encode()


def commands(name, ledger, code):
    """No command is shown but the first, which is all of it."""
    return (f'echo "start {name} $$" >>{ledger}; i=0; while [ $i -lt {LINES} ]; do i=$((i+1)); printf "{name} line %05d of $KEY\\n" $i; done; '
            f'echo "end {name} $$" >>{ledger}; exit {code}')


class Flow:
    """A workflow: a service; then three steps at once, one of which fails and does not matter; then one that fails; then what is skipped
    and what handles it."""

    EXPECTED = {"db": ("success", None), "a": ("success", 0), "b": ("failure", 3), "c": ("success", 0), "d": ("failure", 4),
                "never": ("skipped", None), "handler": ("success", 0)}

    def __init__(self, thole, number):
        self.thole, self.task, self.ledger_path = thole, f"t{number}", thole.base / f"ledger{number}"
        key = {"KEY": SECRET}

        def one(name, code=0, **more):
            return step(name, commands(name, self.ledger_path, code), environment=key, **more)
        db = step("db", f'echo "start db $$" >>{self.ledger_path}; echo up; exec sleep 100000', type="service", detach=True, ports=[{"number": free_port()}])
        stages = [[db], [one("a"), one("b", 3, failure="ignore"), one("c")], [one("d", 4)], [one("never")], [one("handler", on_success=False, on_failure=True)]]
        self.config = {"pipeline": [{"steps": stage} for stage in stages], "secrets": [{"name": "key", "value": SECRET}]}

    def create(self):
        """Until a server has said that it is there, whoever was killed in between."""
        body = {"spec": {"task": self.task, "backend": "local", "config": self.config}}

        def ask():
            self.thole.run("workflow", "list", code=None)  # starts a server if there is none
            code, _ = request(self.thole, WORKFLOWS, "POST", body)
            return code in (201, 409)
        wait_until(ask, what="the workflow to be taken")

    def ledger(self):
        lines = self.ledger_path.read_text().splitlines() if self.ledger_path.exists() else []
        return [(what, name, int(pid)) for what, name, pid in (line.split() for line in lines)]

    def status(self):
        self.thole.run("workflow", "list", code=None)
        code, body = request(self.thole, f"{WORKFLOWS}/{self.task}")
        assert code == 200, body
        return body["status"]

    def over(self):
        def ask():
            status = self.status()
            return status if status["done"] else None
        return wait_until(ask, 40, f"the end of {self.task}")

    def log(self, name):
        runs = (self.thole.state / "workflows" / self.task / "runs" / f"U{name}").glob("*/log.*")
        return b"".join(path.read_bytes() for path in sorted(runs))

    def check(self):
        status = self.over()
        assert (status["result"], status["error"]) == ("failure", "step d: exit code 4"), status
        steps = {s["name"]: (s["state"], s.get("exit_code") if s["name"] != "db" else None) for s in status["steps"]}
        assert steps == self.EXPECTED, status
        starts = collections.Counter(name for what, name, _ in self.ledger() if what == "start")
        ends = collections.Counter(name for what, name, _ in self.ledger() if what == "end")
        assert starts == {name: 1 for name in ("db", "a", "b", "c", "d", "handler")}, starts
        assert ends == {name: 1 for name in ("a", "b", "c", "d", "handler")}, ends
        for name in ("a", "b", "c", "d", "handler"):
            first, _, rest = self.log(name).partition(b"\n")
            assert first.startswith(b"+ echo"), first
            assert rest == said(name), (name, len(rest), len(said(name)))
        assert self.log("db").endswith(b"\nup\n")
        assert not [pid for what, name, pid in self.ledger() if alive(pid)]
        assert not (self.thole.state / "workflows" / self.task / "workspace").exists()


@pytest.mark.deadline(400)
def test_at_named_points_each_step_is_run_once_and_all_it_wrote_is_there(thole):
    killer, number = Killer(thole), 0
    while any(killer.counts()[point] < EACH for point in POINTS + EARLY):
        assert number < 4 * EACH, f"{killer.counts()} after {number} rounds, seed {SEED}"
        number += 1
        flow = Flow(thole, number)
        killer.arm(EARLY[number % len(EARLY)])
        flow.create()
        seen = killer.random.randrange(6)  # in the midst of which step
        wait_until(lambda: thole.run("workflow", "list", code=None) and len(flow.ledger()) >= seen, what="the workflow to get so far")
        for point in POINTS:
            killer.arm(point)
        try:
            flow.check()
        except AssertionError as problem:
            raise AssertionError(f"round {number}, seed {SEED}, {killer.counts()}: {problem}") from problem
        killer.disarm()
    print(f"seed {SEED}: {dict(killer.counts())} in {number} rounds")


@pytest.mark.deadline(400)
def test_at_any_moment(thole):
    killer = Killer(thole)
    for number in range(1, 13):
        flow = Flow(thole, number)
        flow.create()
        for _ in range(killer.random.randrange(1, 4)):
            time.sleep(killer.random.uniform(0, 0.15))  # sleep: the kill comes at any moment
            killer.kill()
        try:
            flow.check()
        except AssertionError as problem:
            raise AssertionError(f"round {number}, seed {SEED}: {problem}") from problem
    assert json.loads(thole.run("api", "GET", WORKFLOWS).out)["items"]


@pytest.mark.deadline(200)
def test_what_was_asked_for_is_done_though_the_server_dies_of_it(thole):
    """A cancel that was written down ends the workflow; one that was being deleted is gone with its files."""
    killer = Killer(thole)
    for number in range(1, EACH + 1):
        ledger = thole.base / f"ledger{number}"
        words = {"pipeline": [{"steps": [step("a", f'echo $$ >{ledger}; exec sleep 100000')]}, {"steps": [step("b", f"echo b >>{ledger}")]}]}
        thole.run("workflow", "list", code=None)
        task, path = f"t{number}", f"{WORKFLOWS}/t{number}"
        assert request(thole, WORKFLOWS, "POST", {"spec": {"task": task, "backend": "local", "config": words}})[0] == 201
        wait_until(lambda: ledger.read_text().endswith("\n"), what="a to run")
        killer.arm("server.wf-cancel")
        with contextlib.suppress(OSError):  # it dies
            request(thole, f"{path}/cancel", "POST", {})
        wait_until(lambda: killer.counts()["server.wf-cancel"] == number, what="the server to die")
        thole.run("workflow", "wait", task, code=1)
        assert len(ledger.read_text().split()) == 1 and not alive(int(ledger.read_text()))
        killer.arm("server.wf-gone")
        with contextlib.suppress(OSError):
            request(thole, path, "DELETE")
        wait_until(lambda: killer.counts()["server.wf-gone"] == number, what="the server to die")
        thole.run("workflow", "list", code=None)
        wait_until(lambda: not list((thole.state / "workflows").iterdir()), what="its files to be gone")
        assert request(thole, path)[0] == 404
