# SPDX-License-Identifier: Apache-2.0
"""The rows of the benchmark. Each knows its reference program, how thole does the same, and the budget of their ratio."""

import contextlib
import hashlib
import json
import os
import pathlib
import re
import shutil
import statistics
import struct
import subprocess
import tempfile
import time

import driver

BENCH = driver.BUILD / "tests" / "bench"


class Failed(Exception):
    pass


def tool(name):
    return str(BENCH / f"bench-{name}")


def output(*words, **options):
    done = subprocess.run(list(map(str, words)), capture_output=True, text=True, **options)
    if done.returncode != 0:
        raise Failed(f"{' '.join(map(str, words))}: exit {done.returncode}\n{done.stdout[-1000:]}{done.stderr[-2000:]}")
    return done.stdout


def timed(words, times=1, **options):
    """[(when, how long)] in ns of a command run `times` times."""
    lines = output(tool("timing"), times, *words, **options).splitlines()
    return [tuple(map(int, line.split())) for line in lines]


class Row:
    """A row: `reference()` and `thole()` each measure once; `prepared()` surrounds all rounds."""
    name, what, unit, budget, rounds, at_least = "", "", "ms", 1.0, 5, False

    def __init__(self):
        self.notes = []

    def ratio(self, reference, thole):
        return thole / reference

    @contextlib.contextmanager
    def prepared(self, reference_only):
        self.scratch = pathlib.Path(tempfile.mkdtemp(prefix="th-bench-", dir="/tmp"))
        self.thole_ = driver.Thole()
        self.notes = []
        try:
            self.before(reference_only)
            if not reference_only:
                self.before_thole(self.thole_)
            yield
        finally:
            self.thole_.close()
            shutil.rmtree(self.scratch, ignore_errors=True)

    def before(self, reference_only):
        pass

    def before_thole(self, thole):
        pass

    def command(self, *words):
        return [str(self.thole_.bin / "thole"), *map(str, words)]

    def timed(self, *words, times=1):
        return timed(self.command(*words), times, cwd=self.thole_.project, env=self.thole_.env)

    def server_up(self):
        """A server runs and stays: it has the session of another project to watch."""
        keeper = self.thole_.another_project("keeper")
        self.thole_.config({"version": 1, "name": "keeper", "services": {"stay": {"command": [tool("child"), "stay"]}}}, keeper)
        self.thole_.run("up", "-d", "--wait", cwd=keeper)

    def log_bytes(self, target):
        """Everything the newest run of the target wrote, as it lies on disk."""
        return b"".join(segment.read_bytes() for segment in self.segments(target, "log"))

    def segments(self, target, kind):
        runs = [path for path in self.thole_.state.glob("sessions/*/runs/*/*") if re.sub(r"[.:]", ":", path.parent.name) == target]
        if not runs:
            return []
        newest = max(runs, key=lambda path: int(path.name) if path.name.isdigit() else -1)
        return sorted(newest.glob(f"{kind}.*"))


class Cli(Row):
    name, what, budget, rounds = "cli", "a CLI call to a running server (thole ps) against /bin/true", 3.0, 40

    def before_thole(self, thole):
        thole.config({"version": 1, "name": "cli", "services": {"a": {"command": [tool("child"), "a"]}}})
        thole.run("up", "-d", "--wait")

    def reference(self):
        return statistics.median(took for _, took in timed(["/bin/true"], 10)) / 1e6

    def thole(self):
        return statistics.median(took for _, took in self.timed("ps", times=10)) / 1e6


class Start(Row):
    name, what, budget, rounds = "start-1000", "1,000 services: command given → each one's own line is in its log on disk", 1.5, 5
    services = 1000

    def before_thole(self, thole):
        self.server_up()
        names = [f"s{i:04}" for i in range(self.services)]
        thole.config({"version": 1, "name": "many", "services": {
            name: {"command": [tool("child"), name], "stop": {"signal": "KILL", "grace": "0s"}} for name in names}})

    def reference(self):
        directory = self.scratch / "logs"
        directory.mkdir(exist_ok=True)
        began = time.time_ns()
        ended = int(output(tool("spawn"), self.services, directory, tool("child")))
        for i in range(self.services):
            assert (directory / f"s{i:04}.log").read_text().startswith(f"s{i:04} ")
        return (ended - began) / 1e6

    def thole(self):
        assert len(self.thole_.pins()) == 1, "pins exist before the start"  # the keeper's
        began = time.time_ns()
        self.thole_.run("up", "-d", timeout=120)
        ended = driver.wait_until(self.all_logged, 120, "each service's line in its log")
        self.thole_.run("down", "--purge", timeout=120)
        driver.wait_until(lambda: len(self.thole_.pins()) == 1, 60, "every pin to be gone")
        return (ended - began) / 1e6

    def all_logged(self):
        """When the last line came to its file (the file's own time), once all are there. Asked seldom: it must not disturb."""
        logs = list(self.thole_.state.glob("sessions/many-*/runs/s*/*/log.*"))
        if len(logs) < self.services:
            return None
        last = 0
        for log in logs:
            name = re.split(r"[.:]", log.parent.parent.name)[0]
            if not re.fullmatch(rf"{name} \d+\n", log.read_text()):
                return None
            last = max(last, log.stat().st_mtime_ns)
        return last


class StartOne(Row):
    name, what, budget, rounds = "start-1", "1 service, server up: command given → it runs, against a bare spawn", 4.0, 30

    def before_thole(self, thole):
        self.server_up()
        thole.config({"version": 1, "name": "one", "services": {
            "one": {"command": [tool("child"), "one"], "auto": False, "stop": {"signal": "KILL", "grace": "0s"}}}})
        thole.run("up", "-d")

    def stamp(self, text):
        match = re.search(r"^\w+ (\d+)$", text, re.M)
        return int(match.group(1)) if match else None

    def reference(self):
        began = timed([tool("spawn"), 1, self.scratch, tool("child")])[0][0]
        return (self.stamp((self.scratch / "s0000.log").read_text()) - began) / 1e6

    def thole(self):
        began = self.timed("start", "one")[0][0]
        stamp = driver.wait_until(lambda: self.stamp(self.log_bytes("one:serve").decode()), 20, "the service's line")
        assert stamp > began, "the log is that of an older run"
        self.thole_.run("stop", "one")
        return (stamp - began) / 1e6


class Jobs(Row):
    """A session of jobs with `thole ci`, server up, until the command has ended."""
    jobs, chained, rounds = 50, True, 10

    def services(self):
        words = {f"j{i:03}": {"type": "job", "command": ["sh", "-c", f"echo {i}"]} for i in range(self.jobs)}
        for i in range(1, self.jobs if self.chained else 0):
            words[f"j{i:03}"]["depends_on"] = [f"j{i - 1:03}"]
        return words

    def before_thole(self, thole):
        self.server_up()
        thole.config({"version": 1, "name": "jobs", "parallelism": 2, "services": self.services()})

    def thole(self):
        took = self.timed("ci")[0][1] / 1e6
        self.thole_.run("down", "--purge", code=None)
        return took


class ChainSpawn(Jobs):
    name, what, budget = "chain-50", "a chain of 50 dependent jobs, against bare sequential spawn", 1.6

    def reference(self):
        return timed([tool("sequential"), self.jobs, self.scratch / "out", "sh", "-c", "echo 1"])[0][1] / 1e6


class JobsMake(Jobs):
    name, what, budget, jobs, chained, rounds = "jobs-200", "200 jobs, two at once, against make -j2", 2.0, 200, False, 5

    def before(self, reference_only):
        rules = [f"all: {' '.join(self.services())}"]
        for name, service in self.services().items():
            rules.append(f"{name}: {' '.join(service.get('depends_on', []))}\n\t@sh -c \"{service['command'][2]}\"\n.PHONY: {name}")
        (self.scratch / "Makefile").write_text("\n".join(rules) + "\n")

    def reference(self):
        return timed(["make", "-s", "-j2", "-C", self.scratch])[0][1] / 1e6


class ChainMake(JobsMake):
    name, what, jobs, chained = "chain-200", "200 jobs in a chain, against make", 200, True


class Memory(Row):
    """Not a ratio of two programs: KiB against what the budget allows."""
    name, what, unit, budget, rounds = "memory-pin", "mean Private_Dirty of 100 pins, 10 s after each logged 1 MiB, against 32 KiB", "KiB", 1.0, 1
    services, allowed = 100, 32.0

    def before_thole(self, thole):
        self.before_kib = kernel_kib()
        thole.config({"version": 1, "name": "memory", "services": {
            f"s{i:03}": {"command": [tool("child"), f"s{i:03}", str(1 << 20)]} for i in range(self.services)}})
        thole.run("up", "-d", "--wait", timeout=120)
        driver.wait_until(self.all_written, 60, "every log to have its MiB")
        settle(10)

    def all_written(self):
        logs = list(self.thole_.state.glob("sessions/memory-*/runs/s*/*/log.*"))
        return len(logs) >= self.services and sum(log.stat().st_size for log in logs) >= self.services << 20

    def reference(self):
        return self.allowed

    def thole(self):
        pins = self.thole_.pins()
        assert len(pins) == self.services, f"{len(pins)} pins"
        kernel = (kernel_kib() - self.before_kib) / self.services
        self.notes.append(f"kernel memory per target (slab, stacks, page tables; the process included): {kernel:.0f} KiB")
        return statistics.mean(private_dirty_kib(pid) for pid in pins)


class MemoryServer(Memory):
    name, what, allowed = "memory-server", "the server's Private_Dirty at 100 services, against 4 MiB", 4096.0

    def thole(self):
        return private_dirty_kib(self.thole_.server_pid())


class Idle(Row):
    """The budget is none at all."""
    name, what, unit, budget, rounds = "idle", "20 services, no probe, no client: wake-ups of server, rail and pins in 30 s", "", 0.0, 1
    services, seconds = 20, 30

    def ratio(self, reference, thole):
        return thole

    def before_thole(self, thole):
        thole.config({"version": 1, "name": "idle", "services": {
            f"s{i:02}": {"command": [tool("child"), f"s{i:02}"]} for i in range(self.services)}})
        thole.run("up", "-d", "--wait")
        self.watched = [thole.server_pid(), thole.rail_pid(), *thole.pins()]
        assert len(self.watched) == self.services + 2
        settle(2)

    def reference(self):
        return 0

    def thole(self):
        before = {pid: switches(pid) for pid in self.watched}
        settle(self.seconds)
        woken = {pid: switches(pid) - before[pid] for pid in self.watched}
        self.notes += [f"{driver.comm(pid)} {pid} woke {n} times" for pid, n in woken.items() if n]
        return sum(woken.values())


class Logs(Row):
    name, what, unit, budget, rounds, at_least = "logs", "512 MiB of 100-byte lines, throughput against gen | cat > file", "MiB/s", 1.0, 3, True
    size, words = 512 << 20, ()
    environment, secrets = {}, []

    def before(self, reference_only):
        digest = hashlib.sha256()
        with subprocess.Popen([tool("gen"), str(self.size), *self.expected_words()], stdout=subprocess.PIPE) as gen:
            while block := gen.stdout.read(1 << 20):
                digest.update(block)
        self.digest = digest.hexdigest()

    def expected_words(self):
        return self.words

    def before_thole(self, thole):
        self.server_up()
        thole.config({"version": 1, "name": "logs", "logs": {"max_size": 0}, "services": {"gen": {
            "type": "job", "command": [tool("gen"), str(self.size), *self.words], "env": self.environment, "secrets": self.secrets}}})

    def rate(self, took_ns):
        return self.size / (1 << 20) / (took_ns / 1e9)

    def reference(self):
        target = self.scratch / "out"
        took = timed(["sh", "-c", f"{tool('gen')} {self.size} {' '.join(self.words)} | cat > {target}"])[0][1]
        target.unlink()
        return self.rate(took)

    def thole(self):
        """Nobody looks on: from the start of the process until its last byte is in the log, by the run's own record."""
        self.thole_.run("up", "-d", timeout=120)
        self.thole_.run("wait", "gen", "--for", "done", timeout=120)
        record = json.loads(next(self.thole_.state.glob("sessions/logs-*/runs/gen:update/*/exit.json")).read_text())
        took = (record["ended_us"] - record["started_us"]) * 1000
        self.verify()
        self.thole_.run("down", "--purge", code=None)
        return self.rate(took)

    def verify(self):
        """Every byte is there, in order, and the index names each of them once."""
        digest = hashlib.sha256()
        for segment in self.segments("gen:update", "log"):
            with segment.open("rb") as file:
                while block := file.read(1 << 20):
                    digest.update(block)
        assert digest.hexdigest() == self.digest, "the log differs from what was written"
        at = 0
        for segment in self.segments("gen:update", "index"):
            for offset, _, size, kind, _ in struct.iter_unpack("=QqIHH", segment.read_bytes()):
                assert kind == 0 and offset == at, f"the index jumps from {at} to {offset} (kind {kind})"
                at += size
        assert at == self.size, f"the index ends at {at}"


class LogsSecrets(Logs):
    name, what, budget = "logs-secrets", "the same with three secrets to mask", 0.5
    words = ("wlqzvxkj",)
    environment = {"A": "wlqzvxkj", "B": "another secret of some length", "C": "third-9f8e7d6c5b4a"}
    secrets = ["A", "B", "C"]

    def expected_words(self):
        return ("********",)


class Crash(Row):
    name, what, budget, rounds = "crash", "crash → running again, delay 0, against a bare respawn loop", 4.0, 5
    crashes = 40

    def gaps(self, ledger):
        """Median of the times between an exit and the next start, ms."""
        stamps = re.findall(r"(start|exit) +(\d+)", ledger.read_text())
        ends = [int(at) for word, at in stamps if word == "exit"]
        starts = [int(at) for word, at in stamps if word == "start"]
        assert len(starts) == len(ends) + 1
        return statistics.median(start - end for end, start in zip(ends, starts[1:])) / 1e6

    def reference(self):
        ledger = self.scratch / "ledger"
        ledger.unlink(missing_ok=True)
        respawn = subprocess.Popen([tool("respawn"), str(self.crashes + 1), tool("crasher"), ledger, str(self.crashes)],
                                   start_new_session=True)
        try:
            driver.wait_until(lambda: ledger.read_text().count("start") > self.crashes, 30, "the last start")
        finally:
            os.killpg(respawn.pid, 9)
            respawn.wait()
        return self.gaps(ledger)

    def before_thole(self, thole):
        self.server_up()

    def thole(self):
        ledger = self.thole_.base / "crashes"
        ledger.unlink(missing_ok=True)
        self.thole_.config({"version": 1, "name": "crash", "services": {"c": {
            "command": [tool("crasher"), str(ledger), str(self.crashes)],
            "restart": {"policy": "always", "delay": "0s", "max_restarts": 0}}}})
        self.thole_.run("up", "-d")
        driver.wait_until(lambda: ledger.read_text().count("start") > self.crashes, 60, "the last start")
        self.thole_.run("down", "--purge")
        return self.gaps(ledger)


class Watchers(Row):
    name, what, budget, rounds = "watchers", "one state change to 1,000 watchers: first told → last told, against socket writes", 3.0, 11
    watchers, bytes = 1000, 2000

    def before_thole(self, thole):
        thole.config({"version": 1, "name": "watched", "services": {
            f"s{i}": {"command": [tool("child"), f"s{i}"], "stop": {"signal": "KILL", "grace": "0s"}} for i in range(10)}})
        thole.run("up", "-d", "--wait")
        path = "/apis/tilt.dev/v1alpha1/sessions?watch=true"
        self.watch = subprocess.Popen([tool("watch"), thole.socket_path(), path, str(self.watchers)], text=True, bufsize=1,
                                      stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=thole.project, env=thole.env)
        thole.live.append(self)  # ended with it
        self.expect("ready")
        self.running = True

    def expect(self, word):
        line = self.watch.stdout.readline().strip()
        assert line.startswith(word), f"the watchers said {line!r}"
        return line

    pid = property(lambda self: self.watch.pid)

    def close(self):
        self.watch.kill()
        self.watch.wait()

    def reference(self):
        return statistics.median(map(int, output(tool("tell"), self.watchers, self.bytes, 5).split())) / 1e6

    def thole(self):
        self.watch.stdin.write("go\n")
        self.expect("armed")
        self.thole_.run("stop" if self.running else "start", "s5")
        self.running = not self.running
        span, heard = map(int, self.expect("").split())
        self.bytes = max(heard, 1)
        return span / 1e6


class Plan(Row):
    name, what, budget, rounds = "plan", "plan of a 10,000-target graph against one of 1,000", 12.0, 11

    def reference(self):
        return self.plan(1000)

    def thole(self):
        return self.plan(10000)

    def plan(self, targets):
        """The fastest of some: it only computes, and what slows it down is what else the machine does."""
        return min(map(int, output(tool("plan"), targets, 9).split())) / 1e6


def settle(seconds):
    time.sleep(seconds)  # sleep: the row measures what happens while nothing is asked


def private_dirty_kib(pid):
    match = re.search(rb"^Private_Dirty:\s+(\d+) kB", driver.read_proc(pid, "smaps_rollup"), re.M)
    if not match:
        raise Failed(f"no smaps_rollup of {pid}")
    return int(match.group(1))


def kernel_kib():
    text = pathlib.Path("/proc/meminfo").read_text()
    return sum(int(re.search(rf"^{name}:\s+(\d+)", text, re.M).group(1)) for name in ("Slab", "KernelStack", "PageTables"))


def switches(pid):
    match = re.search(rb"^voluntary_ctxt_switches:\s+(\d+)", driver.read_proc(pid, "status"), re.M)
    if not match:
        raise Failed(f"{pid} is gone")
    return int(match.group(1))


from rows_environments import ROWS_ENVIRONMENTS  # noqa: E402  they are made of what stands above
from rows_files import ROWS_FILES  # noqa: E402
from rows_workflows import ROWS_WORKFLOWS  # noqa: E402
ROWS = {row.name: row for row in (kind() for kind in (Cli, Start, StartOne, ChainSpawn, JobsMake, ChainMake, Memory, MemoryServer,
                                                      Idle, Logs, LogsSecrets, Crash, Watchers, Plan, *ROWS_FILES, *ROWS_WORKFLOWS, *ROWS_ENVIRONMENTS))}
