# SPDX-License-Identifier: Apache-2.0
"""Rows about files: what watching costs, how soon a change is acted upon, and what looking at many inputs holds up."""

import statistics
import time

import driver
from rows import Failed, Row, output, settle, switches, timed, tool


class WatchIdle(Row):
    """The budget is none at all."""
    name, what, unit, budget, rounds = "watch-idle", "2,000 watched directories: wake-ups of the server in 30 s", "", 0.0, 1
    directories, seconds = 2000, 30

    def ratio(self, reference, thole):
        return thole

    def before_thole(self, thole):
        for i in range(self.directories):
            directory = thole.project / "src" / f"d{i % 40}" / f"e{i}"
            directory.mkdir(parents=True)
            (directory / "file").write_text(str(i))
        thole.config({"version": 1, "name": "watched", "services": {
            f"s{i}": {"command": [tool("child"), f"s{i}"], "watch": "src"} for i in range(3)}})
        thole.run("up", "-d", "--wait")
        settle(3)

    def reference(self):
        return 0

    def thole(self):
        server = self.thole_.server_pid()
        before = switches(server)
        settle(self.seconds)
        return switches(server) - before


class Change(Row):
    """From the end of the write to the first line of the new run, as the program itself says."""
    name, what, budget, rounds = "change", "a file changed → the new run, against the debounce of 200 ms", 1.3, 15
    debounce_ms = 200

    def before_thole(self, thole):
        thole.file("src/a", "0")
        thole.config({"version": 1, "name": "change", "services": {
            "s": {"command": [tool("child"), "s"], "stop": {"signal": "KILL"},
                  "watch": {"paths": ["src"], "debounce": f"{self.debounce_ms}ms"}}}})
        thole.run("up", "-d", "--wait")
        driver.wait_until(lambda: self.started(1), 20, "its first line")
        self.runs = 1

    def started(self, run):
        logs = list(self.thole_.state.glob(f"sessions/change-*/runs/s*/{run}/log.*"))
        return logs and int(logs[0].read_text().split()[1])

    def reference(self):
        return float(self.debounce_ms)

    def thole(self):
        self.runs += 1
        (self.thole_.project / "src/a").write_text(str(self.runs))
        wrote = time.time_ns()
        settle(0.5)
        return (driver.wait_until(lambda: self.started(self.runs), 20, "the new run's line") - wrote) / 1e6


class TriggerWait(Row):
    name, what, budget, rounds = "trigger-wait", "`thole trigger --wait` on a trivial job, against a bare spawn", 6.0, 30

    def before_thole(self, thole):
        thole.config({"version": 1, "name": "trigger", "services": {
            "job": {"type": "job", "command": ["/bin/true"]}, "stay": {"command": [tool("child"), "stay"]}}})
        thole.run("up", "-d", "--wait")

    def reference(self):
        """As that of start-1, until it has ended."""
        return statistics.median(took for _, took in timed([tool("spawn"), 1, self.scratch, tool("child")], 5)) / 1e6

    def thole(self):
        return statistics.median(took for _, took in self.timed("trigger", "job", "--wait", times=5)) / 1e6


class InputsStall(Row):
    """What others wait while 50,000 inputs are looked at."""
    name, what, budget, rounds = "inputs-stall", "`thole ps` while 50,000 inputs are hashed, against /bin/true", 6.0, 3
    files = 50000

    def before_thole(self, thole):
        for i in range(self.files):
            directory = thole.project / "in" / f"d{i % 200}"
            if i < 200:
                directory.mkdir(parents=True)
            (directory / f"f{i}").write_text(f"{i}\n" * 50)
        thole.config({"version": 1, "name": "inputs", "services": {
            "job": {"type": "job", "command": ["/bin/true"], "inputs": ["in"]}, "stay": {"command": [tool("child"), "stay"]}}})
        thole.run("up", "-d", "--wait", timeout=120)

    def reference(self):
        return statistics.median(took for _, took in timed(["/bin/true"], 10)) / 1e6

    def thole(self):
        began = time.monotonic()
        looking = self.thole_.popen("restart", "job")
        asked = []
        while looking.process.poll() is None:
            asked += [took for _, took in self.timed("ps", times=3)]
        self.notes = [f"looked for {time.monotonic() - began:.2f} s, asked {len(asked)} times, {max(asked) / 1e6:.1f} ms at most"]
        if len(asked) < 6:
            raise Failed("it was over before anybody could ask")
        return statistics.median(asked) / 1e6


ROWS_FILES = (WatchIdle, Change, TriggerWait, InputsStall)
