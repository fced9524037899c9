# SPDX-License-Identifier: Apache-2.0
"""Jobs by the clock: once for each of their times, whatever happens to the clock and to the server."""

import datetime
import time

import pytest

from driver import read_proc, wait_until

HOUR = 3600


class Clock:
    """The wall clock of the server, and of the pins it starts."""

    def __init__(self, thole):
        self.thole, self.file, self.off = thole, thole.base / "clock" / "off", 0
        self.file.parent.mkdir()
        thole.use_faults("server", "pin")
        thole.env["THOLE_CLOCK_FILE"] = str(self.file)

    def set(self, when):
        """To that time (UTC)."""
        self.off = datetime.datetime.fromisoformat(when + "+00:00").timestamp() - time.time()
        new = self.file.with_suffix(".new")
        new.write_text(f"{int(self.off * 1000000)} 0\n")
        new.rename(self.file)


@pytest.fixture
def clock(thole):
    return Clock(thole)


def job(**keys):
    return {"version": 1, "services": {"tick": {"type": "job", "command": "echo tick >>$LEDGER", **keys}}}


def message(thole):
    return thole.target("tick:update")["message"]


def settled(thole, text):
    """Waits until its message says that."""
    return wait_until(lambda: text in message(thole) and message(thole), what=text)


def test_cron_runs_at_its_times(thole, clock):
    clock.set("2026-01-01T02:00:00")
    thole.config(job(schedule={"cron": "0 3 * * *", "timezone": "UTC"}))
    thole.run("up", "-d", "--wait")
    thole.wait_target("tick:update", "waiting", waitReason="schedule")
    assert message(thole) == "next run at 2026-01-01 03:00 UTC"
    assert "scheduled" in next(line for line in thole.run("ps").lines if line.startswith("tick"))
    clock.set("2026-01-01T02:59:58.5")
    assert thole.ledger() == []
    thole.wait_ledger("tick")  # by itself, when it is three
    assert settled(thole, "run 1 succeeded") == "next run at 2026-01-02 03:00 UTC; run 1 succeeded"
    clock.set("2026-01-02T02:59:59.7")
    thole.wait_ledger("tick", times=2)
    settled(thole, "2026-01-03")


def test_a_jump_runs_it_once(thole, clock):
    """Whatever was missed is made up for once."""
    clock.set("2026-01-01T00:30:00")
    thole.config(job(schedule={"cron": "0 * * * *", "timezone": "UTC"}))
    thole.run("up", "-d")
    settled(thole, "01:00")
    clock.set("2026-01-01T09:10:00")
    thole.wait_ledger("tick")
    settled(thole, "10:00 UTC; run 1")
    clock.set("2026-01-01T08:50:00")  # back: nothing that was done is done again
    settled(thole, "10:00")
    clock.set("2026-01-01T09:30:00")
    clock.set("2026-01-01T10:00:01")
    thole.wait_ledger("tick", times=2)
    settled(thole, "11:00 UTC; run 2")
    assert thole.ledger() == ["tick"] * 2


def test_another_year_and_back(thole, clock):
    clock.set("2030-05-05T02:00:00")
    thole.config(job(schedule={"cron": "0 3 * * *", "timezone": "UTC"}))
    thole.run("up", "-d")
    settled(thole, "2030-05-05 03:00")
    clock.set("2026-05-05T02:00:00")
    settled(thole, "2026-05-05 03:00")
    clock.set("2026-05-05T02:59:59.5")
    thole.wait_ledger("tick")
    settled(thole, "2026-05-06 03:00 UTC; run 1")
    assert thole.ledger() == ["tick"]


def test_a_time_in_its_zone_that_clocks_skip(thole, clock):
    clock.set("2026-03-28T22:00:00")
    thole.config(job(schedule={"cron": "30 2 * * *", "timezone": "Europe/Berlin"}))
    thole.run("up", "-d")
    assert settled(thole, "next") == "next run at 2026-03-29 03:00 CEST"
    clock.set("2026-03-29T00:59:59.5")
    thole.wait_ledger("tick")
    assert settled(thole, "run 1") == "next run at 2026-03-30 02:30 CEST; run 1 succeeded"


@pytest.mark.parametrize("late, runs", [(2, 1), (48, 0)])
def test_what_no_server_saw(thole, clock, late, runs):
    """A weekly job: its time comes while nobody is there."""
    clock.set("2026-01-05T02:59:00")  # a Monday
    thole.config(job(schedule={"cron": "0 3 * * mon", "timezone": "UTC"}))
    thole.run("up", "-d")
    settled(thole, "2026-01-05 03:00")
    rail, server = thole.rail_pid(), thole.server_pid()
    thole.kill(rail)  # nobody starts another server
    thole.kill(server)
    at = datetime.datetime(2026, 1, 5, 3) + datetime.timedelta(hours=late)
    clock.set(at.isoformat())
    thole.run("ps")
    if runs:
        thole.wait_ledger("tick")
    settled(thole, "2026-01-12 03:00")
    thole.replace_server()
    settled(thole, "2026-01-12 03:00")
    assert thole.ledger() == ["tick"] * runs


def test_the_server_is_killed_around_its_time(thole, clock):
    clock.set("2026-01-01T00:30:00")
    thole.config(job(schedule={"cron": "0 * * * *", "timezone": "UTC"}))
    thole.run("up", "-d")
    settled(thole, "01:00")
    for hour in range(1, 6):
        old = thole.server_pid()
        clock.set(f"2026-01-01T0{hour}:00:00")
        thole.kill(old)
        wait_until(lambda: thole.server_pid() != old)
        assert "succeeded" in settled(thole, f"0{hour + 1}:00 UTC; run ")
    assert thole.ledger() == ["tick"] * 5


def test_a_crash_between_the_time_and_the_run(thole, clock):
    """It dies when the time is written down and nothing was started: the next one starts it, once."""
    crashes = thole.base / "crashes"
    crashes.mkdir()
    thole.env["THOLE_CRASH_DIR"] = str(crashes)
    clock.set("2026-01-01T00:30:00")
    thole.config(job(schedule={"cron": "0 * * * *", "timezone": "UTC"}))
    thole.run("up", "-d")
    settled(thole, "01:00")
    (crashes / "server.due").touch()
    clock.set("2026-01-01T01:00:00")
    wait_until(lambda: not (crashes / "server.due").exists())
    thole.wait_ledger("tick")
    settled(thole, "02:00 UTC; run 1 succeeded")
    assert thole.ledger() == ["tick"]


def test_interval(thole):
    thole.config(job(schedule={"interval": "300ms"}))
    thole.run("up", "-d")
    thole.wait_ledger("tick", times=3)
    thole.replace_server()
    n = len(thole.ledger())
    thole.wait_ledger("tick", times=n + 2)
    thole.run("stop", "tick")
    n = len(thole.ledger())
    assert message(thole) == "stopped by request"
    thole.run("start", "tick")
    thole.wait_ledger("tick", times=n + 2)


def test_its_former_run_lives(thole):
    thole.config(job(command="echo tick >>$LEDGER; while ! test -e go; do sleep 0.01; done", schedule={"interval": "200ms"}))
    thole.run("up", "-d")
    thole.wait_ledger("tick")
    settled(thole, "was left out: run 1 still runs")
    assert thole.ledger() == ["tick"]
    thole.file("go", "")
    thole.wait_ledger("tick", times=2)


def test_on_start_and_by_request(thole):
    thole.config({"version": 1, "services": {
        "tick": {"type": "job", "command": "echo tick >>$LEDGER", "schedule": {"cron": "0 0 1 1 *", "on_start": True}},
        "tock": {"type": "job", "command": "echo tock >>$LEDGER; exit 3", "schedule": "@yearly"}}})
    thole.run("up", "-d", "--wait")
    thole.wait_ledger("tick")
    settled(thole, "run 1 succeeded")
    thole.replace_server()
    settled(thole, "run 1 succeeded")
    thole.run("start", "tock", code=None)
    wait_until(lambda: "run 1 failed: exit code 3" in thole.target("tock:update")["message"])
    assert thole.ledger() == ["tick", "tock"]


def test_it_is_waited_for_by_its_last_run(thole):
    thole.config({"version": 1, "services": {
        "good": {"type": "job", "command": "true", "schedule": {"cron": "0 0 1 1 *", "on_start": True}},
        "bad": {"type": "job", "command": "echo oh; exit 3", "schedule": {"cron": "0 0 1 1 *", "on_start": True}},
        "later": {"type": "job", "command": "true", "schedule": "@yearly"}}})
    thole.run("up", "-d")
    wait_until(lambda: "run 1 succeeded" in thole.target("good:update")["message"])
    wait_until(lambda: "run 1 failed" in thole.target("bad:update")["message"])
    for until in "ready", "done":
        thole.run("wait", "good", "later", "--for", until)
        said = thole.run("wait", "bad", "--for", until, code=1).err
        assert "bad:update failed: exit code 3\n" in said and "oh" in said
    thole.run("wait", "bad", "--for", "terminated")


def test_in_ci_only_with_on_start(thole):
    thole.config({"version": 1, "services": {
        "tick": {"type": "job", "command": "echo tick >>$LEDGER", "schedule": {"interval": "100ms", "on_start": True}},
        "tock": {"type": "job", "command": "echo tock >>$LEDGER", "schedule": {"interval": "100ms"}}}})
    thole.run("ci")
    assert thole.ledger() == ["tick"]


def test_who_waits_for_it_says_when(thole, clock):
    clock.set("2026-01-01T02:00:00")
    config = job(schedule={"cron": "0 3 * * *", "timezone": "UTC"})
    config["services"]["web"] = {"command": "exec sleep 1000", "depends_on": ["tick"]}
    thole.config(config)
    thole.run("up", "-d")
    wait_until(lambda: thole.target("web:serve")["message"] == "waiting for tick, which is due at 2026-01-01 03:00 UTC")
    clock.set("2026-01-01T03:00:00")
    thole.wait_target("web:serve", "active")


def test_waiting_costs_nothing(thole):
    thole.config(job(schedule="0 0 1 1 *"))
    thole.run("up", "-d")
    settled(thole, "next run")
    pid = thole.server_pid()

    def switches():
        return [line for line in read_proc(pid, "status").splitlines() if line.startswith(b"voluntary")][0]
    last, since = switches(), time.monotonic()

    def quiet():
        nonlocal last, since
        now = switches()
        if now != last:
            last, since = now, time.monotonic()
        return time.monotonic() - since > 2
    wait_until(quiet)


def test_a_file_that_is_saved(thole, clock):
    """Another time counts from now on; nothing runs because of that."""
    clock.set("2026-01-01T12:00:00")
    thole.config(job(schedule={"cron": "0 18 * * *", "timezone": "UTC"}))
    thole.run("up", "-d")
    settled(thole, "next run at 2026-01-01 18:00 UTC")
    thole.config(job(schedule={"cron": "0 6 * * *", "timezone": "UTC"}))
    settled(thole, "next run at 2026-01-02 06:00 UTC")
    thole.config(job(schedule={"cron": "0 6 * * *", "timezone": "UTC"}, command="echo tock >>$LEDGER"))
    thole.config(job(schedule={"cron": "0 7 * * *", "timezone": "UTC"}, command="echo tock >>$LEDGER"))
    settled(thole, "next run at 2026-01-02 07:00 UTC")
    assert thole.ledger() == []
    clock.set("2026-01-02T07:00:00")
    thole.wait_ledger("tock")
    assert thole.ledger() == ["tock"]
