# SPDX-License-Identifier: Apache-2.0
"""Rows about files: what watching costs, how soon a change is acted upon, and what looking at many inputs holds up."""

import re
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


class Reload(Row):
    """Both are asked for with `thole api`, and end when the new run writes its first line."""
    name, what, budget, rounds = "reload", "1,000 services, `env` of one changed: asked → its new run, against its restart", 1.5, 15
    services, one = 1000, "s0500"

    def before_thole(self, thole):
        self.names = [f"s{i:04}" for i in range(self.services)]
        self.value, self.cpu = 0, []
        self.save()
        thole.run("up", "-d", "--wait", timeout=120)
        self.session = thole.session()["metadata"]["name"]
        self.run = 1

    def save(self):
        """As people write it: a file of 8,000 lines, of which one is another."""
        lines = ["version: 1", "name: many", "services:"]
        for name in self.names:
            lines += [f"  {name}:", f"    command: [{tool('child')}, {name}]", "    env:", f"      NAME: {name}",
                      f"      VALUE: '{self.value if name == self.one else 0}'", "    stop:", "      signal: KILL"]
        self.thole_.config("\n".join(lines) + "\n")

    def stamp(self):
        logs = list(self.thole_.state.glob(f"sessions/many-*/runs/{self.one}*/{self.run}/log.*"))
        match = logs and re.fullmatch(r"\w+ (\d+)\n", logs[0].read_text())
        return match and int(match.group(1))

    def ask(self, path):
        self.run += 1
        used = self.used()
        began = self.timed("api", "POST", path)[0][0]
        took = (driver.wait_until(self.stamp, 20, "the new run's line") - began) / 1e6
        settle(0.3)  # what follows the run, and the look at the saved file
        return took, self.used() - used

    def used(self):
        """What the server has used of the CPU, ms."""
        return int(driver.read_proc(self.thole_.server_pid(), "schedstat").split()[0]) / 1e6

    def reference(self):
        took, self.restart_used = self.ask(f"/apis/thole.dev/v1alpha1/namespaces/{self.session}/targets/{self.one}.serve/restart")
        return took

    def thole(self):
        self.value += 1
        self.save()
        took, used = self.ask(f"/apis/tilt.dev/v1alpha1/sessions/{self.session}/reload")
        self.cpu.append((self.restart_used, used))
        self.notes = ["CPU of the server: {:.1f} ms for the restart, {:.1f} ms for the reload".format(
            *map(statistics.median, zip(*self.cpu)))]
        return took


ROWS_FILES = (WatchIdle, Change, TriggerWait, InputsStall, Reload)
