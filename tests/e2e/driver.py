# SPDX-License-Identifier: Apache-2.0
"""Drives the real programs. A Thole is a project, a state and a runtime directory of its own; it ends everything it
started and complains about every process that outlives it. Nothing here sleeps and hopes: wait_until() asks again and
again until a deadline, and says what it last saw."""

import fcntl
import http.client
import json
import os
import pathlib
import pty
import re
import select
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import termios
import textwrap
import threading
import time

SOURCE = pathlib.Path(os.environ.get("THOLE_SOURCE") or pathlib.Path(__file__).resolve().parents[2])
BUILD = pathlib.Path(os.environ.get("THOLE_BUILD") or SOURCE / "build").resolve()
SANITIZED = (BUILD / "thole-pin").exists() and b"__asan_init" in (BUILD / "thole-pin").read_bytes()  # takes memory of its own
ROOT = os.geteuid() == 0


def wait_until(ask, timeout=20.0, what="it"):
    """The first true answer of ask(); an exception of ask() counts as not yet. Fails at the deadline with the last answer."""
    deadline, pause, last = time.monotonic() + timeout, 0.002, None
    while True:
        try:
            last = ask()
            if last:
                return last
        except (AssertionError, OSError, ValueError, KeyError, IndexError, TypeError, http.client.HTTPException) as error:
            last = error
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {timeout} s for {what}; last answer: {last!r}")
        time.sleep(pause)  # sleep: the pause between two questions of a bounded wait
        pause = min(pause * 1.5, 0.05)


class Result:
    """A finished command."""

    def __init__(self, args, code, out, err):
        self.args, self.code, self.raw, self.err = args, code, out, err.decode(errors="replace")
        self.out = out.decode(errors="replace")

    @property
    def lines(self):
        return self.out.splitlines()

    def json(self):
        return json.loads(self.out)

    def __repr__(self):
        return f"{' '.join(map(str, self.args))}: exit {self.code}\n--- stdout\n{self.out[-4000:]}\n--- stderr\n{self.err[-4000:]}"


class Live:
    """A running command whose output is read as it comes. With tty=True it has a terminal of its own (one stream),
    with tty=(rows, columns) one of that size. With unread=True nothing is read until read() is called."""

    def __init__(self, args, tty=False, unread=False, **options):
        self.args, self.output, self.changed = args, {1: b"", 2: b""}, threading.Condition()
        self.hung_up = None
        if tty:
            ours, theirs = pty.openpty()
            if tty is not True:
                fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", *tty, 0, 0))
            self.process = subprocess.Popen(args, stdin=theirs, stdout=theirs, stderr=theirs, preexec_fn=_own_terminal, **options)
            os.close(theirs)
            self.keyboard, streams = ours, {1: ours}
            self.hung_up, self.hang = os.pipe()
        else:
            self.process = subprocess.Popen(args, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                            start_new_session=True, **options)
            self.keyboard = self.process.stdin.fileno()
            streams = {1: self.process.stdout.fileno(), 2: self.process.stderr.fileno()}
        self.readers = [threading.Thread(target=self._read, args=item, daemon=True) for item in streams.items()]
        if not unread:
            self.read()

    def read(self):
        for reader in self.readers:
            reader.start()

    def waiting(self):
        """Bytes that its terminal has for us, and that are unread."""
        return struct.unpack("i", fcntl.ioctl(self.keyboard, termios.FIONREAD, b"\0" * 4))[0]

    def _read(self, stream, fd):
        ends = [self.hung_up] if self.hung_up is not None else []
        while True:
            try:
                readable, _, _ = select.select([fd, *ends], [], [])
                if set(ends) & set(readable):
                    return
                data = os.read(fd, 65536)
            except OSError:  # EIO: the last one closed the terminal
                data = b""
            with self.changed:
                self.output[stream] += data
                self.changed.notify_all()
            if not data:
                return

    @property
    def pid(self):
        return self.process.pid

    @property
    def out(self):
        return self.output[1].decode(errors="replace")

    @property
    def err(self):
        return self.output[2].decode(errors="replace")

    def wait_for(self, pattern, timeout=20.0, stream=1):
        """Waits until the stream's whole text so far matches the regular expression; returns the match."""
        deadline = time.monotonic() + timeout
        with self.changed:
            while True:
                match = re.search(pattern, self.output[stream].decode(errors="replace"), re.M)
                if match:
                    return match
                left = deadline - time.monotonic()
                ended = self.process.poll() is not None and not any(r.is_alive() for r in self.readers)
                if left <= 0 or ended:
                    raise AssertionError(f"{'it ended' if ended else f'waited {timeout} s'} without {pattern!r}: {self!r}")
                self.changed.wait(min(left, 0.2))

    def type(self, text):
        os.write(self.keyboard, text.encode())

    def hang_up(self):
        """Closes its terminal."""
        os.write(self.hang, b"x")
        for reader in self.readers:
            reader.join(5)
        os.close(self.keyboard)

    def signal(self, number):
        self.process.send_signal(number)

    def wait(self, timeout=30.0):
        """Its exit code, as a shell gives it (128 + n after a signal)."""
        try:
            code = self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"still running after {timeout} s: {self!r}") from None
        for reader in self.readers:
            reader.join(5)
        return code if code >= 0 else 128 - code

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        if self.hung_up is not None:
            os.write(self.hang, b"x")
            for reader in self.readers:
                reader.join(5)
            os.close(self.hung_up)
            os.close(self.hang)
            self.hung_up = None

    def __repr__(self):
        return f"{' '.join(map(str, self.args))}\n--- stdout\n{self.out[-4000:]}\n--- stderr\n{self.err[-4000:]}"


def _own_terminal():
    os.setsid()
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path, timeout):
        super().__init__("localhost", timeout=timeout)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


_ports = {"next": 20000 + (os.getpid() * 37) % 9000}


def free_port():
    """A port nobody listens on, below the ephemeral range, and not given out before by this process."""
    while True:
        port = _ports["next"] = 20000 + (_ports["next"] - 20000 + 1) % 10000
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue


def read_proc(pid, name):
    try:
        return pathlib.Path(f"/proc/{pid}/{name}").read_bytes()
    except OSError:
        return b""


def link_of(path):
    try:
        return os.readlink(path)
    except OSError:
        return ""


def alive(pid):
    """Neither gone nor a zombie."""
    stat = read_proc(pid, "stat")
    return bool(stat) and stat.rpartition(b")")[2].split()[0] not in (b"Z", b"X")


def comm(pid):
    return read_proc(pid, "comm").decode(errors="replace").strip()


def parent(pid):
    stat = read_proc(pid, "stat")
    return int(stat.rpartition(b")")[2].split()[1]) if stat else 0


def pids():
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


class Thole:
    """One user's thole, in directories of its own."""

    def __init__(self):
        self.base = pathlib.Path(tempfile.mkdtemp(prefix="th-", dir=os.environ.get("THOLE_TEST_DIR", "/tmp")))  # short: socket paths have 107 bytes
        self.project, self.state, self.runtime = self.base / "shop", self.base / "state", self.base / "run"
        for directory in (self.project, self.state, self.runtime, self.base / "home"):
            directory.mkdir(mode=0o700)
        self.bin, self.live, self.identity = BUILD, [], {}
        self.env = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": str(self.base / "home"),
                    "LANG": "C.UTF-8", "TERM": "xterm", "THOLE_STATE_DIR": str(self.state), "THOLE_RUNTIME_DIR": str(self.runtime),
                    "LEDGER": str(self.base / "ledger")}
        for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS"):
            if name in os.environ:
                self.env[name] = os.environ[name]

    # -- the project

    def config(self, text, project=None):
        """Writes thole.yaml: text (indented as the test likes) or a dict."""
        text = json.dumps(text, indent=1) if isinstance(text, dict) else textwrap.dedent(text).lstrip("\n")
        return self.file("thole.yaml", text, project=project)

    def file(self, name, text, mode=0o644, project=None):
        path = (project or self.project) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        path.chmod(mode)
        return path

    def edit(self, name, text):
        """As most editors do: written beside, and renamed over it."""
        path = self.project / name
        beside = path.with_name(f".{path.name}.new~")
        beside.write_text(text)
        os.replace(beside, path)

    def another_project(self, name):
        directory = self.base / name
        directory.mkdir()
        return directory

    def use_faults(self, *programs):
        """From now on runs `server` and/or `pin` of the build whose system calls can be made to fail (THOLE_FAULT, THOLE_CRASH)."""
        self.bin = self.base / "bin"
        self.bin.mkdir(exist_ok=True)
        for name in ("thole", "thole-server", "thole-pin"):
            suffix = "-faults" if name.removeprefix("thole-") in programs else ""
            shutil.copy2(BUILD / (name + suffix), self.bin / name)

    def become(self, uid):
        """Of root's only: from now on everything is done as that user."""
        self.identity = {"user": uid, "group": uid, "extra_groups": []}
        for directory, _, files in os.walk(self.base):
            for path in [directory, *(os.path.join(directory, name) for name in files)]:
                os.chown(path, uid, uid)

    # -- commands

    def _words(self, args):
        return [str(self.bin / "thole"), *map(str, args)]

    def run(self, *args, code=0, timeout=60, input=None, env=None, cwd=None):
        """Runs `thole args…` to its end. `code` is the exit code it must have; None: any."""
        words = self._words(args)
        try:
            done = subprocess.run(words, input=input.encode() if isinstance(input, str) else input, capture_output=True,
                                  stdin=subprocess.DEVNULL if input is None else None, env={**self.env, **(env or {})},
                                  cwd=cwd or self.project, timeout=timeout, start_new_session=True, **self.identity)
        except subprocess.TimeoutExpired as late:
            raise AssertionError(f"{' '.join(words)} still ran after {timeout} s\n{late.stdout}\n{late.stderr}") from None
        result = Result(words, done.returncode if done.returncode >= 0 else 128 - done.returncode, done.stdout, done.stderr)
        assert code is None or result.code == code, f"expected exit {code}: {result!r}"
        return result

    def commands(self):
        """The names of all commands, as `thole help` lists them."""
        return re.findall(r"^  ([a-z][a-z-]*) {2,}\S", self.run("help").out, re.M)

    def popen(self, *args, tty=False, env=None, cwd=None, **options):
        """Starts `thole args…` and returns it Live; it is ended with the test."""
        live = Live(self._words(args), tty=tty, env={**self.env, **(env or {})}, cwd=cwd or self.project, **self.identity, **options)
        self.live.append(live)
        return live

    # -- what the session says

    def session(self, *options):
        return self.run(*options, "status", "-o", "json").json()

    def targets(self, *options):
        """{name: the target of Session.status}"""
        return {target["name"]: target for target in self.session(*options)["status"]["targets"] or []}

    def target(self, name):
        return self.targets()[name]

    def message(self, name):
        """The sentence beside the target's state."""
        return self.target(name).get("message", "")

    def last_run(self, name):
        """The number of its last run, 0 before the first."""
        return max((inner or {}).get("run", 0) for inner in self.target(name)["state"].values())

    def wait_target(self, name, phase, timeout=20.0, **fields):
        """Waits until the target is in the phase (none, waiting, active, terminated, disabled) with these fields; returns the state's
        inner object."""
        def ask():
            state = self.target(name)["state"]
            if phase == "none":
                return not any(state.values()) and {"none": True}
            inner = state.get(phase)
            if inner is None or any(inner.get(key) != value for key, value in fields.items()):
                raise AssertionError(state)
            return inner or {"empty": True}
        return wait_until(ask, timeout, f"{name} to be {phase} {fields or ''}")

    def wait_done(self, timeout=30.0):
        return wait_until(lambda: (s := self.session()["status"])["done"] and s, timeout, "the session to be done")

    # -- the ledger: services append lines to $LEDGER (O_APPEND), the oracle of what really ran

    def ledger(self):
        path = self.base / "ledger"
        return path.read_text().splitlines() if path.exists() else []

    def wait_ledger(self, line, times=1, timeout=20.0):
        return wait_until(lambda: self.ledger().count(line) >= times and self.ledger(), timeout, f"{times} × {line!r} in the ledger")

    # -- the API

    def socket_path(self):
        return self.run("server", "status", "--json").json()["socket"]

    def api(self, path, method="GET", body=None, timeout=20.0, headers=None):
        """(status, decoded body) of one request on the unix socket."""
        connection = UnixConnection(self.socket_path(), timeout)
        try:
            data = None if body is None else json.dumps(body)
            connection.request(method, path, data, {**({"Content-Type": "application/json"} if data else {}), **(headers or {})})
            reply = connection.getresponse()
            text = reply.read()
            return reply.status, json.loads(text) if text else None
        finally:
            connection.close()

    # -- processes

    def server_pid(self):
        return self.run("server", "status", "--json").json()["pid"]

    def replace_server(self):
        """Kills the server; returns the pid of the next one, which answers."""
        old = self.server_pid()
        self.kill(old)
        return wait_until(lambda: (pid := self.server_pid()) != old and pid, what="the next server")

    def owned(self, pid):
        """Does the process carry this Thole's mark: its environment, its words, its directory or a file of it?"""
        mark = str(self.base).encode()
        if pid == os.getpid():
            return False
        if any(mark + end in read_proc(pid, name) for name in ("environ", "cmdline") for end in (b"/", b"\0")):
            return True
        try:
            links = [f"/proc/{pid}/fd/{fd}" for fd in os.listdir(f"/proc/{pid}/fd")]
        except OSError:
            links = []
        return any(link_of(link).startswith(str(self.base) + "/") for link in [f"/proc/{pid}/cwd", *links])

    def processes(self):
        """{pid: "comm: command line"} of everything alive that carries the mark, and of what is below it."""
        candidates = [pid for pid in pids() if alive(pid)]
        ours = {pid for pid in candidates if self.owned(pid)}
        grown = True
        while grown:
            grown = {pid for pid in candidates if pid not in ours and parent(pid) in ours}
            ours |= grown
        clients = {live.pid for live in self.live}
        return {pid: f"{comm(pid)}: {read_proc(pid, 'cmdline').replace(bytes(1), b' ').decode(errors='replace')[:200]}"
                for pid in ours if pid not in clients}

    def named(self, name):
        return sorted(pid for pid in self.processes() if comm(pid) == name)

    def pins(self):
        return self.named("thole-pin")

    def rail_pid(self):
        rails = self.named("thole-rail")
        assert len(rails) == 1, rails
        return rails[0]

    def kill(self, pid, number=signal.SIGKILL):
        """Signals a process of ours and, when that must end it, waits until it is gone."""
        assert self.owned(pid), f"{pid} ({comm(pid)}) is not ours"
        os.kill(pid, number)
        if number == signal.SIGKILL:
            wait_until(lambda: not alive(pid), 10, f"{pid} to be gone")

    # -- the end

    def report(self):
        """What helps to understand a failure."""
        parts = ["processes: " + json.dumps(self.processes(), indent=1)]
        found = [pathlib.Path(above) / name for above, _, names in os.walk(self.base) for name in names]  # passes over what goes meanwhile
        for file in sorted(path for path in found if path.suffix == ".log"):
            text = file.read_bytes()[-3000:].decode(errors="replace") if file.is_file() else ""
            parts.append(f"--- {file.relative_to(self.base)}\n{text}")
        return "\n".join(parts)

    def close(self):
        """Ends everything; fails when that took force or when the server could not stop by itself."""
        problems = []
        for live in self.live:
            live.close()
        if self.processes():
            problems += self._stop_all()
        try:
            wait_until(lambda: not self.processes(), 10, "every process to be gone")
        except AssertionError:
            problems.append(f"left behind: {self.processes()}")
        self._force()
        self._remove()
        assert not problems, "; ".join(problems)

    def _stop_all(self):
        try:
            result = self.run("server", "stop", "--all", code=None, timeout=60, cwd="/")
            return [] if result.code == 0 else [f"the end of the test: {result!r}"]
        except (AssertionError, OSError) as error:
            return [f"the end of the test: {error}"]

    def _force(self):
        for _ in range(50):
            left = self.processes()
            if not left:
                return
            for pid in left:
                try:
                    os.kill(pid, signal.SIGKILL)
                except OSError:
                    pass
            try:
                wait_until(lambda: not any(alive(pid) for pid in left), 2)
            except AssertionError:
                pass

    def _remove(self):
        for directory, _, _ in os.walk(self.base):
            try:
                os.chmod(directory, 0o700)
            except OSError:
                pass
        shutil.rmtree(self.base, ignore_errors=True)
