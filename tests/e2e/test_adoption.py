# SPDX-License-Identifier: Apache-2.0
"""A server is killed and the next one takes over, as those see it who look on: nobody is told of a state that is not so."""

import http.client
import json
import os
import signal
import threading

import pytest

from driver import UnixConnection, alive, wait_until

SERVICES = """
    version: 1
    services:
      migrate: {type: job, command: "true"}
      other: {type: job, command: "exit 3"}
      never: {command: sleep 1000, auto: false}
""" + "".join(f"      s{n}: {{command: [sleep, '1000'], depends_on: [migrate]}}\n" for n in range(12))


class Poller(threading.Thread):
    """Asks for all targets and for the session, again and again, as fast as it can; keeps every answer that differs from the first."""

    def __init__(self, thole):
        super().__init__(daemon=True)
        self.socket, self.stopped, self.answers, self.wrong = str(thole.runtime / "server.sock"), threading.Event(), 0, []
        self.pids = set()
        self.expected = {path: self.ask(path) for path in ("/apis/thole.dev/v1alpha1/targets", "/apis/tilt.dev/v1alpha1/sessions")}

    def ask(self, path):
        connection = UnixConnection(self.socket, 20)
        try:
            connection.request("GET", path)
            reply = connection.getresponse()
            return reply.status, self.states(json.loads(reply.read()))
        finally:
            connection.close()

    def states(self, answer):
        items = [item for one in answer["items"] for item in one["status"].get("targets", [one])]
        for one in answer["items"]:
            self.pids.add(one["status"].get("pid"))
        return {item.get("name") or item["spec"]["target"]: item.get("state", item.get("status", {}).get("state")) for item in items}

    def run(self):
        while not self.stopped.is_set():
            for path, expected in self.expected.items():
                try:
                    got = self.ask(path)
                except (OSError, http.client.HTTPException, ValueError):
                    continue  # no server, or one that was killed while it answered
                self.answers += 1
                wrong = {name: (state, expected[1][name]) for name, state in got[1].items() if state != expected[1][name]}
                if wrong or got[0] != 200 or len(got[1]) != len(expected[1]):
                    self.wrong.append((got[0], wrong))

    def stop(self):
        self.stopped.set()
        self.join(20)
        return self.wrong


@pytest.fixture
def watched(thole):
    thole.config(SERVICES)
    thole.run("up", "-d")
    for n in range(12):
        thole.wait_target(f"s{n}:serve", "active", ready=True)
    thole.wait_target("other:update", "terminated", exitCode=3)
    poller = Poller(thole)
    poller.start()
    yield thole, poller
    poller.stop()


def test_no_answer_is_given_before_the_state_is_known(watched):
    thole, poller = watched
    for _ in range(4):
        thole.replace_server()
    assert poller.stop()[:2] == []
    assert poller.answers > 16 and len(poller.pids - {None}) >= 4


def test_nor_while_a_pin_does_not_answer(watched):
    """It is stopped: the server finds out by itself that it lives, and says so."""
    thole, poller = watched
    pin = thole.pins()[0]
    os.kill(pin, signal.SIGSTOP)
    try:
        new = thole.replace_server()
        answers = poller.answers
        wait_until(lambda: poller.answers > answers + 10)
        assert poller.stop()[:2] == []
        assert new in poller.pids
    finally:
        os.kill(pin, signal.SIGCONT)
    assert all(target["state"]["active"]["run"] == 1 for name, target in thole.targets().items() if name.startswith("s"))


def test_a_stopped_pin_is_stopped_when_it_goes_on(thole):
    thole.config("version: 1\nservices: {a: {command: [sleep, '1000']}}\n")
    thole.run("up", "-d", "--wait")
    process, pin = thole.target("a:serve")["state"]["active"]["pid"], thole.pins()[0]
    os.kill(pin, signal.SIGSTOP)
    thole.replace_server()
    down = thole.popen("down")
    wait_until(lambda: "stopping" in thole.run("ps").out or "being stopped" in thole.run("ps").out)
    os.kill(pin, signal.SIGCONT)
    assert down.wait() == 0 and not alive(process)


def test_a_client_that_comes_meanwhile_waits(thole):
    """Nobody answers before what runs is known, and nobody is told that there is no server."""
    thole.config("version: 1\nservices: {a: {command: [sleep, '1000']}}\n")
    thole.run("up", "-d", "--wait")
    pin = thole.pins()[0]
    os.kill(pin, signal.SIGSTOP)
    try:
        thole.kill(thole.server_pid())
        shown = thole.run("ps", "-o", "json").json()["items"]
        assert [item["status"]["state"] for item in shown if item["spec"]["target"] == "a:serve"][0]["active"]["run"] == 1
    finally:
        os.kill(pin, signal.SIGCONT)


# -- a pin is killed


@pytest.mark.parametrize("output", ["", "echo hello; "])
def test_a_killed_pin_is_told_of_in_the_log_and_by_the_next_run(thole, output):
    """Also when its run had not written anything."""
    thole.config({"version": 1, "services": {"a": {"command": output + "exec sleep 1000", "restart": {"delay": "0s"}}}})
    thole.run("up", "-d", "--wait")
    if output:
        wait_until(lambda: "hello" in thole.run("logs").out)
    process = thole.target("a:serve")["state"]["active"]["pid"]
    thole.kill(thole.pins()[0])
    thole.wait_target("a:serve", "active", run=2, ready=True)
    assert not alive(process)
    why = "run 1: its exit code is unknown: the pin was killed"
    for server in ("the same", "the next"):
        assert thole.target("a:serve")["message"] == why, server
        assert why in thole.run("ps").out
        gaps = [line for line in thole.run("logs", "--run", "1", "a").lines if "bytes may be missing here: its pin was killed" in line]
        assert len(gaps) == 1, thole.run("logs", "--run", "1", "a")
        if server == "the same":
            thole.replace_server()
    thole.run("restart", "a")
    thole.wait_target("a:serve", "active", run=3)
    assert "message" not in thole.target("a:serve")


def test_a_job_whose_pin_is_killed_has_failed_and_says_why(thole):
    thole.config("version: 1\nservices: {a: {type: job, command: [sleep, '1000']}}\n")
    thole.run("up", "-d")
    thole.wait_target("a:update", "active")
    wait_until(lambda: thole.pins())
    thole.kill(thole.pins()[0])
    ended = thole.wait_target("a:update", "terminated")
    assert ended["error"] == "its exit code is unknown: the pin was killed" and "exitCode" not in ended
    assert "bytes may be missing here: its pin was killed" in thole.run("logs").out
