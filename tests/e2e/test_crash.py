# SPDX-License-Identifier: Apache-2.0
"""Crash rounds: server, rail, pins and processes are killed with -9, at named points and at any moment. THOLE_CRASH_ROUNDS says how
many rounds (200); THOLE_CRASH_SEED repeats a run."""

import collections
import json
import os
import random
import time

import pytest

from driver import alive, comm, wait_until
from ledger import KILL, Shop, end_of, kill_for_good, named, server_pid, server_pid_or_0, stamped

ROUNDS = int(os.environ.get("THOLE_CRASH_ROUNDS", "200"))
SEED = int(os.environ.get("THOLE_CRASH_SEED", "0")) or random.SystemRandom().randrange(1, 10**6)
EACH = 10  # times that each point is hit at least

PIN_POINTS = ["pin.claim", "pin.spawn", "pin.record", "pin.recorded", "pin.exit", "pin.exited", "pin.reply", "rail.rail-spawn"]
SERVER_POINTS = ["server.rename", "server.saved", "server.created", "server.launched", "server.asked", "server.started",
                 "server.ended", "server.lost", "server.adopt", "server.down"]


class Rounds:
    """Rounds on one Thole. What is armed is a file that the program which arrives there removes before it dies."""

    def __init__(self, thole):
        self.thole, self.number = thole, 0
        self.points, self.hits = thole.base / "points", thole.base / "hits"
        self.points.mkdir()
        thole.use_faults("server", "pin")
        thole.env.update(THOLE_CRASH_DIR=str(self.points), THOLE_FAULT_FILE=str(self.hits))
        self.random = random.Random(SEED)

    def counts(self):
        lines = self.hits.read_text().splitlines() if self.hits.exists() else []
        return collections.Counter(".".join(line.split()[:2]) for line in lines)

    def arm(self, points):
        for point in points:
            (self.points / point).touch()

    def disarm(self):
        for path in self.points.iterdir():
            path.unlink(missing_ok=True)

    # -- what a user does

    def up(self, shop):
        """`up -d`, again when the server was killed before it could answer."""
        wait_until(lambda: self.thole.run("up", "-d", cwd=shop.dir, code=None).code == 0, 20, "up -d")

    def settle(self, shop):
        def ask():
            self.thole.run("ps", cwd=shop.dir, code=None)  # starts a server if none is there
            shop.check_watched(shop.settled())  # what was killed a moment ago may not be noticed yet
            return True
        wait_until(ask, 20, f"{shop.dir.name} to be settled")

    def down(self, shop):
        """`down`, again when the server was killed before it could answer."""
        def ask():
            result = self.thole.run("down", cwd=shop.dir, code=None, timeout=5)
            assert not self.present(shop), result
            return True
        wait_until(ask, 20, f"{shop.dir.name} to be down")

    def present(self, shop):
        return not json.loads((shop.session_dir() / "session.json").read_text())["down"]

    # -- kills at any moment

    def victim(self, what, shop):
        """pid, or 0 when there is none of the kind now."""
        if what == "server":
            return server_pid_or_0(self.thole)
        if what == "process":
            living = [pid for kind, _, _, pid in shop.ledger() if kind == "start" and alive(pid)]
            return self.random.choice(living) if living else 0
        found = named(self.thole, "thole-rail" if what == "rail" else "thole-pin")
        return self.random.choice(found) if found else 0

    def kill(self, what, shop):
        pid = self.victim(what, shop)
        if pid:
            try:
                os.kill(pid, KILL)
            except ProcessLookupError:
                pid = 0
        return bool(pid)

    # -- a round

    def round(self, points=(), kill=None, when="up"):
        self.number += 1
        shop = Shop(self.thole, self.number)
        before = self.counts()
        killed = set()
        try:
            if when == "up":
                self.arm(points)
            live = self.thole.popen("up", "-d", cwd=shop.dir)
            if kill and when == "up":
                time.sleep(self.random.uniform(0, 0.03))  # sleep: the kill comes at any moment
                killed |= {kill} if self.kill(kill, shop) else set()
            live.wait()
            self.thole.live.remove(live)
            self.up(shop)
            self.settle(shop)
            shop.check_once()
            if when == "down":
                self.arm(points)
                if kill:
                    live = self.thole.popen("down", cwd=shop.dir)
                    time.sleep(self.random.uniform(0, 0.01))  # sleep: the kill comes at any moment
                    killed |= {kill} if self.kill(kill, shop) else set()
                    live.wait()
                    self.thole.live.remove(live)
            self.down(shop)
            hit = {point.partition(".")[0] for point in self.counts() - before}
            shop.check_gone(killed | hit)
            left = [pid for pid in stamped(self.thole)]
            assert not left, f"left behind: {[(pid, comm(pid)) for pid in left]}"
        except BaseException as error:
            raise AssertionError(f"seed {SEED}, round {self.number}: points {points}, kill {kill} during {when}, hit "
                                 f"{self.counts() - before}, killed {killed}, {shop.dir.name}: {shop.ledger()}: {error}") from error
        finally:
            self.disarm()


@pytest.fixture
def rounds(thole):
    yield Rounds(thole)
    end_of(thole)


@pytest.mark.deadline(1800)
def test_killed_at_named_points(rounds):
    """Half of the rounds; two points each, so that two die in one story. Each point is hit ten times at least."""
    pairs = [(PIN_POINTS[i % len(PIN_POINTS)], SERVER_POINTS[i % len(SERVER_POINTS)]) for i in range(max(ROUNDS // 2, EACH))]
    for pin, server in pairs:
        late = pin in ("pin.exit", "pin.exited", "pin.reply") or server == "server.down"
        points = [pin, server] + (["server.asked"] if server == "server.adopt" else [])
        rounds.round(points, when="down" if late and rounds.random.random() < 0.5 or server == "server.down" else "up")
    for point in PIN_POINTS + SERVER_POINTS:
        for _ in range(5 * EACH):
            if rounds.counts()[point] >= EACH:
                break
            company = {"server.lost": ["pin.recorded"], "server.adopt": ["server.started"]}.get(point, [])
            rounds.round([point, *company], when="down" if point == "server.down" else "up")
    counts = rounds.counts()
    assert all(counts[point] >= EACH for point in PIN_POINTS + SERVER_POINTS), counts
    print(f"{rounds.number} rounds, {sum(counts.values())} kills at named points: {dict(counts)}")


@pytest.mark.deadline(1800)
def test_killed_at_any_moment(rounds):
    kinds = ["server", "rail", "pin", "process"]
    for i in range(ROUNDS // 2):
        rounds.round(kill=kinds[i % len(kinds)], when="up" if i % 3 else "down")
    print(f"{rounds.number} rounds")


# -- docs/concepts.md, "What survives what": who may be killed with -9, a row each


class Row:
    """A settled shop, and what is true of it before and after."""

    def __init__(self, thole):
        self.thole, self.shop = thole, Shop(thole, 0)
        thole.run("up", "-d", cwd=self.shop.dir)
        self.before = self.wait()["api:serve"]["active"]

    def wait(self):
        def ask():
            targets = self.shop.settled()
            self.shop.check_watched(targets)
            return targets
        return wait_until(ask, 20, "the shop to be settled")

    def api(self):
        return self.wait()["api:serve"]["active"]

    def record(self):
        return json.loads((self.shop.runs()[self.run_id()] / "run.json").read_text())

    def run_id(self):
        return self.shop.run_id("api:serve", self.api()["run"])

    def check_untouched(self):
        """The same process in the same run; nothing was started meanwhile."""
        after = self.api()
        assert (after["pid"], after["run"]) == (self.before["pid"], self.before["run"])
        assert len(self.shop.ledger()) == 3, self.shop.ledger()

    def end(self, *excused):
        self.thole.run("down", cwd=self.shop.dir)
        self.shop.check_gone(excused)
        assert not stamped(self.thole)


@pytest.fixture
def row(thole):
    yield Row(thole)
    end_of(thole)


def test_client_killed(thole, row):
    client = thole.popen("up", cwd=row.shop.dir)
    client.wait_for("attached", stream=2)
    client.process.kill()
    client.wait()
    row.check_untouched()
    row.end()


def test_creating_client_killed(thole):
    shop = Shop(thole, 1)
    client = thole.popen("up", cwd=shop.dir)
    wait_until(shop.settled, 20, "the shop to be settled")
    client.process.kill()
    client.wait()
    shop.check_watched(shop.settled())
    assert "is up" in thole.run("up", "-d", cwd=shop.dir).err
    thole.run("down", cwd=shop.dir)
    shop.check_gone()


def test_server_killed_is_started_again_by_the_rail(thole, row):
    before = server_pid(thole)
    os.kill(before, KILL)
    after = wait_until(lambda: (pid := server_pid(thole)) != before and pid, 20, "a server, without any client asking")
    row.check_untouched()
    assert after == server_pid(thole)
    row.end()


def test_process_ends_while_no_server_lives(thole, row):
    """The exit code is exact although nobody but the pin was there to see it."""
    kill_for_good(thole)
    run = row.shop.session_dir() / "runs" / "api:serve" / str(row.before["run"])
    os.kill(row.before["pid"], 10)  # USR1
    wait_until((run / "exit.json").exists, 20, "the record of the end")
    thole.run("up", "-d", cwd=row.shop.dir)
    end = json.loads((run / "exit.json").read_text())
    assert (end["end"], end["code"]) == ("signaled", 10)
    assert row.api()["run"] == row.before["run"] + 1  # restart policy
    row.shop.check_once()
    row.end()


def test_rail_killed(thole, row):
    before = named(thole, "thole-rail")
    os.kill(before[0], KILL)
    thole.run("restart", "init", cwd=row.shop.dir)  # a new run needs a rail
    wait_until(lambda: (rails := named(thole, "thole-rail")) and rails != before, 20, "another rail")
    wait_until(lambda: row.shop.targets()["init:update"]["terminated"]["run"] == 2, 20, "the new run")
    after = row.api()
    assert (after["pid"], after["run"]) == (row.before["pid"], row.before["run"])
    row.end()


def test_pin_killed(thole, row):
    path = row.shop.runs()[row.run_id()]
    os.kill(row.record()["pin"], KILL)
    wait_until(lambda: row.api()["run"] == row.before["run"] + 1, 20, "the restart")
    assert not alive(row.before["pid"])
    end = json.loads((path / "exit.json").read_text())
    assert end["end"] == "lost"
    assert path.name == "1"
    wait_until(lambda: len(stamped(thole)) == 3, 20, "the helper of the first run to be gone and that of the second to live")
    log = thole.run("logs", "--run", "1", "api", cwd=row.shop.dir)
    assert "pin was killed" in log.out + log.err, log
    row.end("pin")


def test_process_killed(thole, row):
    path = row.shop.runs()[row.run_id()]
    os.kill(row.before["pid"], KILL)
    wait_until(lambda: row.api()["run"] == row.before["run"] + 1, 20, "the restart")
    end = json.loads((path / "exit.json").read_text())
    assert (end["end"], end["code"]) == ("signaled", 9)
    row.end("process")


def test_everything_killed_and_another_boot(thole, row):
    """Power: what ran is gone and the boot id differs, so nothing of the old numbers is believed."""
    kill_for_good(thole)
    for pid in [*named(thole, "thole-pin"), *stamped(thole)]:
        try:
            os.kill(pid, KILL)
        except ProcessLookupError:
            pass
    wait_until(lambda: not stamped(thole) and not named(thole, "thole-pin"), 20, "everything to be gone")
    path = row.shop.session_dir() / "runs" / "api:serve" / "1"
    record = json.loads((path / "run.json").read_text())
    bystander = thole.popen("logs", "-f", cwd=row.shop.dir)  # a process that now has the number
    record.update(boot_id="00000000-0000-0000-0000-000000000000", pid=bystander.pid, pin=os.getpid())
    (path / "run.json").write_text(json.dumps(record))
    thole.run("up", "-d", cwd=row.shop.dir)
    assert row.api()["run"] == 2
    assert json.loads((path / "exit.json").read_text())["end"] == "lost"
    assert bystander.process.poll() is None, "a process that we did not start was signalled"
    bystander.close()
    assert row.shop.targets()["init:update"]["terminated"]["run"] == 1, "the job's record was there"
    row.end("pin")
