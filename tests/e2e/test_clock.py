# SPDX-License-Identifier: Apache-2.0
"""The clock is set while server and pins run: what is counted is counted by a clock that nobody sets, stamps are for people.
THOLE_CLOCK_FILE of the programs with faults says by how much their wall clock is off."""

import datetime
import os
import re
import time

import pytest

from driver import wait_until

HOUR = 3600
STEPS = [5 * HOUR, -7 * HOUR, 24 * HOUR, -24 * HOUR, 0]


class Clock:
    def __init__(self, thole):
        self.thole, self.file, self.wall = thole, thole.base / "clock", 0
        thole.use_faults("server", "pin")
        thole.env["THOLE_CLOCK_FILE"] = str(self.file)

    def set(self, seconds, asleep=0):
        """Off by so much; and the machine slept for `asleep` seconds, which the monotonic clock does not count."""
        temporary = self.thole.base / "clock.new"
        temporary.write_text(f"{seconds * 1000000} {asleep * 1000000}\n")
        temporary.rename(self.file)
        self.wall = seconds

    def text(self, seconds=0):
        """What the server's clock shows, and so much later."""
        at = datetime.datetime.fromtimestamp(time.time() + self.wall + seconds, datetime.timezone.utc)
        return at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


@pytest.fixture
def clock(thole):
    return Clock(thole)


def version(thole):
    return int(thole.api("/apis/thole.dev/v1alpha1/targets")[1]["metadata"]["resourceVersion"])


def write(thole, line):
    with open(thole.project / "input", "a") as file:
        file.write(line + "\n")


TALK = """
    version: 1
    services:
      talk: {command: exec tail -n +1 -f input}
      crash: {command: exec sleep 1000, restart: {delay: 200ms, max_delay: 200ms, max_restarts: 0}}
      long: {type: job, command: exec sleep 1000, timeout: 1h}
      slow: {command: exec sleep 1000, ready: {exec: "false", deadline: 1h}}
    """


def check_ages(thole):
    """Nothing is negative, and nothing ends before it began."""
    for line in thole.run("ps", "-o", "wide").lines[1:]:
        assert not re.search(r"(^|\s)-\d", line), line
    for target in thole.targets().values():
        ended = target["state"].get("terminated")
        assert not ended or ended["finishTime"] >= ended["startTime"], target


def check_step(thole, n, replaced):
    """What is told of is told of, what is restarted is restarted, nothing is late."""
    write(thole, f"line {n}")
    os.kill(thole.wait_target("crash:serve", "active")["pid"], 9)
    thole.wait_target("crash:serve", "active", run=n + 2)
    if replaced:
        thole.replace_server()
    thole.run("restart", "talk")
    check_ages(thole)
    assert thole.wait_target("long:update", "active")["run"] == 1
    assert thole.wait_target("slow:serve", "active")["run"] == 1


@pytest.mark.deadline(120)
@pytest.mark.parametrize("replaced", [False, True])
def test_the_clock_is_set_back_and_ahead(thole, clock, replaced):
    thole.file("input", "line first\n")
    thole.config(TALK)
    up = thole.popen("up")
    up.wait_for("line first")
    versions = [version(thole)]
    for n, step in enumerate(STEPS):
        clock.set(step)
        check_step(thole, n, replaced)
        up.wait_for(f"line {n}$")
        versions.append(version(thole))
    assert versions == sorted(set(versions))
    runs = [int(run) for run in re.findall(r'"run":(\d+)', thole.run("logs", "-o", "json", "talk").out)]
    assert runs == sorted(runs) and runs[-1] == len(STEPS) + 1
    up.signal(2)
    assert up.wait() == 130


def test_up_shows_what_is_written_after_the_clock_was_set_back(thole, clock):
    """Also when a target had nothing to say before, and when the server is replaced meanwhile."""
    thole.file("input", "")
    thole.config("version: 1\nservices: {talk: {command: exec tail -n +1 -f input}}\n")
    clock.set(3 * HOUR)
    up = thole.popen("up")
    thole.wait_target("talk:serve", "active")
    clock.set(0)
    thole.replace_server()
    write(thole, "hello")
    up.wait_for("hello")
    write(thole, "world")
    up.wait_for("world")
    up.signal(2)
    up.wait()


@pytest.mark.parametrize("how", ["saved", "up"])
def test_a_file_is_taken_up_whose_time_is_before_that_of_its_reading(thole, clock, how):
    clock.set(3 * HOUR)
    thole.config("version: 1\nservices: {a: {command: exec sleep 1000}}\n")
    thole.run("up", "-d", "--wait")
    clock.set(0)
    thole.config("version: 1\nservices: {a: {command: exec sleep 1001}}\n")
    if how == "up":
        thole.run("up", "-d")
        active = thole.target("a:serve")["state"].get("active", {"run": 0})
        assert active["run"] != 1 or not active["ready"], "it was not taken up first"
    thole.wait_target("a:serve", "active", run=2)


def test_a_second_up_shows_nothing_of_before_the_clock_was_set_back(thole, clock):
    thole.config("version: 1\nservices: {talk: {type: job, command: echo it is run $$; sleep 0}}\n")
    clock.set(3 * HOUR)
    first = thole.run("ci").out
    clock.set(0)
    second = thole.run("ci").out
    assert first.count("it is run") == second.count("it is run") == 1 and first != second


def test_followers_since_a_moment(thole, clock):
    thole.file("input", "old\n")
    thole.config("version: 1\nservices: {talk: {command: exec tail -n +1 -f input}}\n")
    thole.run("up", "-d", "--wait")
    wait_until(lambda: "old" in thole.run("logs").out)
    follower = thole.popen("logs", "-f", "--since", clock.text())
    write(thole, "new")
    follower.wait_for("new")
    clock.set(-5 * HOUR)
    write(thole, "newest")
    follower.wait_for("newest")
    assert "old" not in follower.out


def test_logs_since_and_until_a_moment(thole, clock):
    """By the clock as it was when it was written."""
    thole.file("input", "")
    thole.config("version: 1\nservices: {talk: {command: exec tail -n +1 -f input}}\n")
    thole.run("up", "-d", "--wait")

    def say(line):
        before = clock.text()
        write(thole, line)
        wait_until(lambda: line in thole.run("logs").out)
        return before
    clock.set(-10 * HOUR)
    early = say("early")
    clock.set(5 * HOUR)
    late = say("late")
    clock.set(-5 * HOUR)
    middle = say("middle")

    def shown(*options):
        return [line.split("| ")[1] for line in thole.run("logs", *options).lines]
    assert shown() == shown("--since", early) == ["early", "late", "middle"]
    assert shown("--since", middle)[-1] == "middle" and "early" not in shown("--since", middle)
    assert shown("--until", late) == ["early", "middle"]
    assert shown("--until", middle) == ["early"]
    assert shown("--since", clock.text(24 * HOUR)) == []
    assert shown("-n", "1") == ["middle"]


@pytest.mark.parametrize("step", [9 * HOUR, -9 * HOUR])
def test_ci_has_its_time_whatever_the_clock_shows(thole, clock, step):
    """Its timeouts count from its start, also for the next server."""
    thole.config("""
        version: 1
        ci: {timeout: 1h, readiness_timeout: 1h, soak: 1h}
        services: {web: {command: exec sleep 1000, ready: {exec: test -e ready}}, job: {type: job, command: "true"}}
        """)
    thole.run("ci", "-d")
    thole.wait_target("web:serve", "active", ready=False)
    clock.set(step)
    thole.replace_server()
    thole.wait_target("web:serve", "active", ready=False)
    assert not thole.session()["status"]["done"]
    thole.file("ready", "")
    thole.wait_target("web:serve", "active", ready=True)
    clock.set(-step)
    thole.replace_server()
    (thole.project / "ready").unlink()
    thole.wait_target("web:serve", "active", ready=False)
    assert not thole.session()["status"]["done"]


def test_a_run_that_the_clock_ends_before_it_began(thole, clock):
    thole.config("version: 1\nservices: {job: {type: job, command: test ! -e go; while test ! -e go; do sleep 0.01; done}}\n")
    thole.run("up", "-d")
    thole.wait_target("job:update", "active")
    clock.set(-5 * HOUR)
    thole.file("go", "")
    ended = thole.wait_target("job:update", "terminated", exitCode=0)
    assert ended["finishTime"] == ended["startTime"]
    check_ages(thole)
    thole.replace_server()
    assert thole.wait_target("job:update", "terminated", exitCode=0)["finishTime"] == ended["finishTime"]


def test_sleep_is_not_counted(thole, clock):
    """The machine sleeps for hours: nothing is late."""
    thole.config("version: 1\nservices: {job: {type: job, command: test ! -e go; while test ! -e go; do sleep 0.01; done, timeout: 1h}}\n")
    thole.run("up", "-d")
    thole.wait_target("job:update", "active")
    clock.set(9 * HOUR, asleep=9 * HOUR)
    thole.file("go", "")
    thole.wait_target("job:update", "terminated", exitCode=0)
