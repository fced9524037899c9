# SPDX-License-Identifier: Apache-2.0
"""`linger`: what a run leaves running is left alone, listed wherever somebody looks, and ended by `down --purge` alone."""

import os
import signal

import pytest

from driver import alive, read_proc, wait_until
from ledger import kill_for_good

# A build that leaves a daemon, as build tools do: in a session of its own. Its number is in `daemon`.
BUILD = "setsid sh -c 'echo $$ >>daemon; exec sleep 4711' </dev/null >/dev/null 2>&1 & while ! test -s daemon; do sleep 0.01; done; echo built"


def daemons(thole):
    path = thole.project / "daemon"
    return [int(line) for line in path.read_text().split()] if path.exists() else []


def left(thole, name="build:update"):
    """The helpers that the target names: {pid: command}."""
    return {helper["pid"]: helper["command"] for helper in thole.target(name).get("helpers", [])}


@pytest.fixture
def built(thole):
    """A session with a build that is done, and what it has left."""
    thole.config({"version": 1, "services": {"build": {"type": "job", "command": BUILD, "linger": True},
                                             "api": {"command": "exec sleep 1000", "depends_on": ["build"]}}})
    thole.run("up", "-d", "--wait")
    yield thole
    for pid in daemons(thole):
        if alive(pid) and b"4711" in read_proc(pid, "cmdline"):
            os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not any(alive(pid) for pid in daemons(thole)), 10, "the daemons to be gone")


def test_a_helper_is_listed_wherever_somebody_looks(built):
    [daemon] = daemons(built)
    helper = {"run": 1, "pid": daemon, "command": "sleep 4711"}
    target = built.target("build:update")
    assert target["helpers"] == [helper] and not target["state"]["terminated"].get("error")
    assert target["message"] == f"1 helper is left running: {daemon} (sleep 4711)"
    [item] = [item for item in built.run("ps", "-o", "json").json()["items"] if item["spec"]["target"] == "build:update"]
    assert item["status"]["helpers"] == [helper]
    table = built.run("ps")
    assert f"1 helper is left running: {daemon} (sleep 4711)" in table.out
    assert f"build:update has left 1 helper running: {daemon} (sleep 4711)" in table.err
    assert "thole down --purge" in table.err and "kill PID" in table.err


def test_a_helper_that_ended_is_not_listed_any_more(built):
    [daemon] = daemons(built)
    os.kill(daemon, signal.SIGKILL)
    wait_until(lambda: not alive(daemon), 10, "the daemon to be gone")
    assert left(built) == {} and "helper" not in built.run("ps").err
    wait_until(lambda: len(built.pins()) == 1, 10, "its pin to be gone")


def test_a_new_server_lists_it_too(built):
    [daemon] = daemons(built)
    kill_for_good(built)
    assert left(built) == {daemon: "sleep 4711"}


def test_a_run_after_it_changes_nothing(built):
    [first] = daemons(built)
    told = built.run("restart", "build").err
    wait_until(lambda: len(daemons(built)) == 2, 10, "the second daemon")
    second = daemons(built)[1]
    assert wait_until(lambda: len(left(built)) == 2 and left(built), 10, "both") == {first: "sleep 4711", second: "sleep 4711"}
    assert [helper["run"] for helper in built.target("build:update")["helpers"]] == [1, 2]
    assert f"{first} (sleep 4711)" in told and alive(first)


def test_down_leaves_it_and_says_so(built):
    [daemon] = daemons(built)
    down = built.run("down")
    assert f"build:update has left 1 helper running: {daemon} (sleep 4711)" in down.err and "thole down --purge" in down.err
    assert alive(daemon)
    built.run("up", "-d")  # a new session knows of it, from before its first run
    assert daemon in left(built)
    built.run("down", "--purge")
    assert not any(alive(pid) for pid in daemons(built))


def test_server_stop_all_leaves_it_and_says_so(built):
    [daemon] = daemons(built)
    stop = built.run("server", "stop", "--all")
    assert f"build:update has left 1 helper running: {daemon} (sleep 4711)" in stop.err
    assert alive(daemon)


@pytest.mark.parametrize("when", ["up", "down"])
def test_a_purge_ends_it(built, when):
    [daemon] = daemons(built)
    if when == "down":
        built.run("down")
    purge = built.run("down", "--purge")
    assert not alive(daemon) and "helper" not in purge.err
    assert not list((built.state / "sessions").iterdir())


def test_stop_and_restart_of_a_server_leave_helpers_alone(thole):
    """What has left the group of its leader is a helper; what has not goes with it, also if it ignores the signal."""
    thole.config({"version": 1, "services": {"api": {
        "command": "(trap '' TERM; echo $$ >stubborn; while :; do sleep 0.05; done) & test -s daemon || { " + BUILD + "; }; wait",
        "linger": True, "stop": {"grace": "300ms"}}}})
    thole.run("up", "-d")
    [daemon] = wait_until(lambda: daemons(thole), 10, "the daemon")
    wait_until(lambda: "built" in thole.run("logs", "api").out, 10, "it to have started")
    told = thole.run("restart", "api").err
    assert f"api:serve has left 1 helper running: {daemon} (sleep 4711)" in told
    assert thole.target("api:serve")["state"]["active"]["run"] == 2
    told = thole.run("stop", "api").err
    assert f"api:serve has left 1 helper running: {daemon} (sleep 4711)" in told
    known = {thole.server_pid(), thole.rail_pid(), daemon, *thole.pins()}
    wait_until(lambda: set(thole.processes()) == known, 10, "all but the daemon to be gone")
    thole.run("down", "--purge")
    assert not alive(daemon)


def test_without_linger_nothing_is_left(thole):
    thole.config({"version": 1, "services": {"build": {"type": "job", "command": BUILD, "stop": {"grace": "300ms"}}}})
    thole.run("up", "-d", "--wait")
    [daemon] = daemons(thole)
    assert not alive(daemon) and left(thole) == {}
    assert not thole.pins()


def test_the_run_of_a_helper_keeps_its_directory(thole):
    """Its pin goes on logging there, however many runs come after it."""
    thole.config({"version": 1, "services": {"build": {"type": "job", "linger": True, "command":
                  "test -s daemon || { setsid sh -c 'echo $$ >>daemon; until test -e go; do sleep 0.02; done; echo late' & }; "
                  "while ! test -s daemon; do sleep 0.01; done; echo built"}}})
    thole.run("up", "-d", "--wait")
    for _ in range(12):
        thole.run("restart", "build")
    assert thole.target("build:update")["state"]["terminated"]["run"] == 13
    thole.file("go", "")
    wait_until(lambda: thole.run("logs", "--run", "1", "-o", "raw", "build").lines == ["built", "late"], 10, "the last word of the helper")


def test_ci_names_what_is_left(thole):
    thole.config({"version": 1, "services": {"build": {"type": "job", "command": BUILD, "linger": True}}})
    done = thole.run("ci")
    [daemon] = daemons(thole)
    assert f"build:update has left 1 helper running: {daemon} (sleep 4711)" in done.err
    assert alive(daemon)
    thole.run("down", "--purge")
    assert not alive(daemon)
