# SPDX-License-Identifier: Apache-2.0
"""Stop means gone, or it fails and names who is left. An ordinary user's pin may not end what has become another user: root's pass
makes one with a program that becomes root."""

import json
import os
import shutil
import signal

import pytest

from driver import alive, comm, parent, pids, wait_until

pytestmark = pytest.mark.root("makes a program that becomes root")

USER = 65534


@pytest.fixture
def user(thole):
    """A Thole of an ordinary user, who has a program that runs others as root: `$BECOME sleep 1000`. Ends what is left of those."""
    tool = thole.base / "setpriv"
    shutil.copy("/usr/bin/setpriv", tool)
    thole.become(USER)
    os.chown(tool, 0, 0)
    tool.chmod(0o4755)
    thole.env["BECOME"] = f"{tool} --reuid 0 --regid 0 --clear-groups"
    yield thole
    for pid in others(thole):
        thole.kill(pid)


def others(thole):
    """Processes of root below the rails of the user."""
    def below(pid):
        while pid > 1:
            pid = parent(pid)
            if comm(pid) == "thole-rail" and thole.owned(pid):
                return True
        return False
    return [pid for pid in pids() if alive(pid) and os.stat(f"/proc/{pid}").st_uid == 0 and below(pid)]


def other(thole):
    """The one that a service has made, once it is root's."""
    def ask():
        [pid] = others(thole)
        return comm(pid) == "sleep" and pid
    return wait_until(ask, 20, "a process to be root's")


@pytest.fixture
def stuck(user):
    """A session whose server has a process that it cannot end; its number."""
    user.config("""
        version: 1
        services:
          db: {command: exec sleep 1000}
          api: {command: $BECOME sleep 1000 & sleep 1001, stop: {grace: 100ms}, depends_on: [db], restart: never}
        """)
    user.run("up", "-d", "--wait")
    user.survivor = other(user)
    return user


def names(thole, result, target="api:serve"):
    assert f"{target}: 1 process could not be ended: {thole.survivor} (sleep, uid 0)" in result.err, result
    return True


def test_a_survivor_fails_stop_and_restart_and_is_named(stuck):
    names(stuck, stuck.run("stop", "api", code=3))
    shown = stuck.target("api:serve")
    assert "active" in shown["state"] and f"{stuck.survivor} (sleep, uid 0)" in shown["message"], shown
    [item] = [item for item in stuck.run("ps", "-o", "json").json()["items"] if item["spec"]["target"] == "api:serve"]
    assert f"{stuck.survivor} (sleep, uid 0)" in item["status"]["stopFailed"]
    assert str(stuck.survivor) in stuck.run("ps").out
    names(stuck, stuck.run("stop", "api", code=3))  # tried again, and failed again
    names(stuck, stuck.run("restart", "api", code=3))
    stuck.kill(stuck.survivor)
    stuck.wait_target("api:serve", "active", run=2)  # the restart that was asked for
    assert "stopFailed" not in str(stuck.run("ps", "-o", "json").out)
    stuck.survivor = other(stuck)
    stuck.kill(stuck.survivor)
    stuck.run("stop", "api")
    stuck.wait_target("api:serve", "none")


@pytest.mark.parametrize("words", [["down"], ["down", "--all"], ["server", "stop", "--all"]], ids=" ".join)
def test_a_survivor_fails_the_end_of_its_session(stuck, words):
    db = stuck.target("db:serve")["state"]["active"]["pid"]
    names(stuck, stuck.run(*words, code=3))
    wait_until(lambda: not alive(db), 10, "all the rest to be gone")
    assert "could not be stopped" in stuck.target("api:serve")["message"]
    names(stuck, stuck.run(*words, code=3))
    stuck.kill(stuck.survivor)
    stuck.run(*words)
    assert "is down" in stuck.run("ps", code=None).err


def test_a_survivor_is_known_to_the_next_server(stuck):
    names(stuck, stuck.run("down", code=3))
    stuck.replace_server()
    names(stuck, stuck.run("down", code=3))
    stuck.kill(stuck.survivor)
    stuck.run("down")


def test_an_interrupted_up_that_cannot_stop_says_so(stuck):
    stuck.run("down", code=3)
    stuck.kill(stuck.survivor)
    stuck.run("down")
    client = stuck.popen("up")
    stuck.wait_target("api:serve", "active")
    stuck.survivor = other(stuck)
    client.signal(signal.SIGINT)
    assert client.wait() == 3 and names(stuck, client)
    stuck.kill(stuck.survivor)
    stuck.run("down")


def test_a_helper_that_cannot_be_ended_fails_the_purge(user):
    user.config("""
        version: 1
        services: {build: {type: job, linger: true, command: $BECOME setsid sleep 1000 & echo built, stop: {grace: 100ms}}}
        """)
    user.run("up", "-d", "--wait")
    user.survivor = other(user)
    assert f"build:update has left 1 helper running: {user.survivor} (sleep 1000)" in user.run("down").err
    names(user, user.run("down", "--purge", code=3), "build:update")
    names(user, user.run("down", "--purge", code=3), "build:update")
    user.kill(user.survivor)
    user.run("down", "--purge")
    assert not list((user.state / "sessions").iterdir())


def test_a_survivor_of_a_killed_pin_is_named(stuck):
    """Nobody can end it any more, and nobody is its parent who would know its run: the rail is asked who is left."""
    record = next((stuck.state / "sessions").glob("*/runs/api:serve/1/run.json"))
    stuck.run("stop", "db")
    stuck.kill(json.loads(record.read_text())["pin"])
    message = wait_until(lambda: "still alive" in (said := str(stuck.target("api:serve"))) and said, 20, "the loss to be told")
    assert f"still alive: {stuck.survivor} (sleep, uid 0)" in message
