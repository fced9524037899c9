# SPDX-License-Identifier: Apache-2.0
"""Plays the server against a real rail and its pins, in directories of the test's own. See src/pin/wire.h."""

import json
import os
import pathlib
import secrets
import select
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import time

BUILD = pathlib.Path(os.environ.get("THOLE_BUILD", pathlib.Path(__file__).resolve().parents[2] / "build"))

HELLO, SPAWN, BYE, SWEEP, KEEP = 1, 2, 3, 4, 5
WELCOME, SPAWN_FAILED, PIN_DIED, SWEPT, KEPT = 32, 33, 34, 35, 36
ATTACH, STOP, SIGNAL, WATCH_LOG, INPUT, RESIZE = 64, 65, 66, 67, 68, 69
STATE, STARTED, ENDED, LOG, SURVIVORS, TAKEN = 96, 97, 98, 99, 100, 101
STARTING, RUNNING, STOPPING, OVER = 1, 2, 3, 4
EXITED, SIGNALED, FAILED = 1, 2, 3
STAGE_CLAIM, STAGE_LAUNCH, STAGE_PIPE, STAGE_FORK, STAGE_SETUP, STAGE_CHDIR, STAGE_EXEC, STAGE_RECORD = range(1, 9)
LINGER, NO_LOG, CAPTURE, TTY, STDIN = 1, 2, 4, 8, 16
BYTES, GAP = 0, 1

BODIES = {  # type: (format after the head, names)
    WELCOME: ("IiIII", "protocol pid pins keeps sockets"),
    SPAWN_FAILED: ("QiI", "tag error reserved"),
    PIN_DIED: ("iiI40s", "pid status survivors id"),
    SWEPT: ("QII", "tag survivors reserved"),
    KEPT: ("II128s", "place reserved name"),
    TAKEN: ("iIQQ", "error reserved writer at"),
    STATE: ("IIiiQqQ", "protocol phase pid pin start_ticks started_us log_size"),
    STARTED: ("iIQq", "pid reserved start_ticks started_us"),
    ENDED: ("IiIIqqQQQQII", "end code stage oom started_us ended_us user_us system_us max_rss_kib log_size lingering killed"),
    LOG: ("Q", "size"),
    SURVIVORS: ("II", "count named"),
}


class Message:
    def __init__(self, packet):
        self.type, self.size = struct.unpack_from("=II", packet)
        layout, names = BODIES[self.type]
        body = struct.unpack_from("=" + layout, packet, 8)
        for name, value in zip(names.split(), body):
            setattr(self, name, value.rstrip(b"\0").decode() if isinstance(value, bytes) else value)
        if self.type == SURVIVORS:
            who = [struct.unpack_from("=iI16s", packet, 16 + 24 * i) for i in range(self.named)]
            self.who = [(pid, uid, name.split(b"\0")[0].decode()) for pid, uid, name in who]

    def __repr__(self):
        return f"Message({vars(self)})"


def pack(kind, layout="", *values):
    body = struct.pack("=" + layout, *values)
    return struct.pack("=II", kind, 8 + len(body)) + body


class Conn:
    """A seqpacket connection; receive() waits for an event, never longer than `timeout`."""

    def __init__(self, sock):
        self.sock = sock
        self.sock.setblocking(True)

    def send(self, packet, fds=()):
        control = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, struct.pack(f"{len(fds)}i", *fds))] if fds else []
        self.sock.sendmsg([packet], control)

    def receive(self, timeout=20):
        """The next message, or None when the peer is gone. Descriptors that come with it are its `fds`."""
        self.sock.settimeout(timeout)
        try:
            packet, fds, _, _ = socket.recv_fds(self.sock, 16384, 32)
        except ConnectionResetError:
            return None
        if not packet:
            return None
        message = Message(packet)
        message.fds = fds
        return message

    def until(self, kind, timeout=20):
        end = time.monotonic() + timeout
        while True:
            message = self.receive(max(0.01, end - time.monotonic()))
            assert message is not None, f"the peer left before it sent {kind}"
            if message.type == kind:
                return message

    def closed(self, timeout=20):
        while self.receive(timeout) is not None:
            pass
        return True

    def quiet(self):
        return not select.select([self.sock], [], [], 0)[0]

    def close(self):
        self.sock.close()


def connect(name):
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_CLOEXEC)
    try:
        sock.connect("\0" + name)
    except OSError:
        sock.close()
        raise
    return Conn(sock)


def launch_bytes(argv, **o):
    """The file RUN_LAUNCH."""
    head = "IIIIIIIIIIIIIIIIiIQIiII"
    size = struct.calcsize("=" + head) + 24 * 16
    blob = b""

    def put(strings):
        nonlocal blob
        at = size + len(blob)
        blob += b"".join((s if isinstance(s, bytes) else os.fsencode(s)) + b"\0" for s in strings)
        return at
    env = o.get("env", {"PATH": os.environ["PATH"]})
    hidden = o.get("secrets", [])
    argv_at, env_at = put(argv), put([f"{k}={v}" for k, v in env.items()] if isinstance(env, dict) else env)
    secrets_at = put(hidden)
    texts = [put([o[k]]) for k in ("id", "cwd", "title", "cause")]
    limits = o.get("limits", [])
    fixed = struct.pack("=" + head, o.get("magic", 0x31484c54), o.get("format", 1), size, o.get("flags", 0), o.get("run", 1),
                        o.get("restarts", 0), len(argv), argv_at, len(env), env_at, len(hidden), secrets_at, *texts,
                        o.get("end_signal", signal.SIGTERM), o.get("end_grace_ms", 2000), o.get("log_max", 0),
                        o.get("umask", 0o022), o.get("nice", 0), len(limits), 0)
    table = b"".join(struct.pack("=iIQQ", r, 0, soft, hard) for r, soft, hard in limits)
    return fixed + table.ljust(24 * 16, b"\0") + blob


class Run:
    """A run directory and the connection to its pin."""

    def __init__(self, rail, argv, **options):
        self.rail, self.id = rail, options.setdefault("id", secrets.token_hex(12))
        self.dir = options.pop("dir", None) or rail.root / self.id
        self.dir.mkdir(exist_ok=True)
        options.setdefault("cwd", str(rail.root))
        options.setdefault("env", {"PATH": os.environ["PATH"], **dict([rail.stamp.split("=")])})
        options.setdefault("title", "shop api:serve 1")
        options.setdefault("cause", "asked for")
        self.env = options["env"]
        path = self.dir / "launch"
        path.write_bytes(options.pop("raw", None) or launch_bytes(argv, **options))
        path.chmod(0o600)
        self.conn = None

    def spawn(self, tag=7, cgroup=None, conn=None, sockets=()):
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        fds = [theirs.fileno(), os.open(self.dir, os.O_RDONLY | os.O_DIRECTORY)]
        if cgroup:
            fds.append(os.open(cgroup, os.O_RDONLY | os.O_DIRECTORY))
        (conn or self.rail.conn).send(pack(SPAWN, "QII", tag, len(sockets), 0), [*fds, *(s.fileno() for s in sockets)])
        theirs.close()
        for fd in fds[1:]:
            os.close(fd)
        self.conn = Conn(ours)
        return self

    def started(self):
        return self.conn.until(STARTED)

    def ended(self, timeout=20):
        return self.conn.until(ENDED, timeout)

    def stop(self, number=signal.SIGTERM, grace_ms=5000, linger=0):
        self.conn.send(pack(STOP, "iIII", number, grace_ms, linger, 0))

    def write(self, data=b"", end=False, writer=1, at=0, conn=None):
        """One message of input; not waited for."""
        (conn or self.conn).send(pack(INPUT, "QQII", writer, at, len(data), end) + data)

    def feed(self, data=b"", end=False, writer=1, at=0):
        """All of it, in pieces; the answer to the last."""
        for start in range(0, max(len(data), 1), 4096):
            piece = data[start:start + 4096]
            self.write(piece, end and start + len(piece) == len(data), writer, at + start)
            taken = self.conn.until(TAKEN)
        return taken

    def resize(self, rows, columns):
        self.conn.send(pack(RESIZE, "HHHH", rows, columns, 0, 0))

    def attach(self):
        conn = connect(f"thole/{self.rail.uid}/{self.id}")
        conn.send(pack(ATTACH))
        return conn

    def record(self):
        return json.loads((self.dir / "run.json").read_text())

    def exit(self):
        return json.loads((self.dir / "exit.json").read_text())

    def segments(self):
        return sorted(p for p in self.dir.glob("log.*"))

    def log(self):
        return b"".join(p.read_bytes() for p in self.segments())

    def chunks(self):
        """(at, time_us, size, kind, stream) of all index files."""
        data = b"".join(p.read_bytes() for p in sorted(self.dir.glob("index.*")))
        assert len(data) % 24 == 0
        return [struct.unpack_from("=QqIHH", data, at) for at in range(0, len(data), 24)]

    def stream(self, number):
        text, first = self.log(), int(self.segments()[0].name.split(".")[1], 16) if self.segments() else 0
        return b"".join(text[at - first:at - first + size] for at, _, size, kind, stream in self.chunks()
                        if kind == BYTES and stream == number)


class Rail:
    """A rail of the test's own. `server` is the argv it starts when the server is gone."""

    def __init__(self, server=("/bin/false",), program="thole-pin", env=None, connect_now=True, stderr=subprocess.DEVNULL, user=None):
        self.root = pathlib.Path(tempfile.mkdtemp(prefix="thole-pin-"))
        self.uid = os.geteuid() if user is None else user
        self.name = f"thole/{self.uid}/rail-{secrets.token_hex(8)}"
        self.server, self.conn = list(server), None
        self.stamp = f"THOLE_TEST_STAMP={secrets.token_hex(8)}"
        key, value = self.stamp.split("=")
        self.root.chmod(0o755)
        self.process = subprocess.Popen([BUILD / program, "rail", self.name, *self.server], stderr=stderr, user=user,
                                        env={**os.environ, **(env or {}), key: value})
        if connect_now:
            self.conn = self.hello()

    def hello(self, server=None):
        wait_for(lambda: self.try_connect(), "the rail listens")
        conn, argv = self.found, server or self.server
        conn.send(pack(HELLO, "IIi", 1, len(argv), os.getpid()) + b"".join(os.fsencode(a) + b"\0" for a in argv))
        self.welcome = conn.until(WELCOME)
        return conn

    def try_connect(self):
        assert self.process.poll() is None, f"the rail ended with {self.process.returncode}"
        try:
            self.found = connect(self.name)
        except (ConnectionRefusedError, FileNotFoundError):
            return False
        return True

    def run(self, argv, **options):
        spawn = {k: options.pop(k) for k in ("tag", "cgroup", "sockets") if k in options}
        return Run(self, argv, **options).spawn(**spawn)

    def sh(self, script, **options):
        return self.run(["/bin/sh", "-c", script], **options)

    def children(self):
        return [pid for pid, (ppid, _, _) in processes().items() if ppid == self.process.pid]

    def left(self):
        """What runs have left behind: processes with the stamp that are neither rail nor pin."""
        ours = ("thole-pin", "thole-rail")
        return [pid for pid in stamped(self.stamp) if alive(pid) and processes().get(pid, (0, "X", ours[0]))[2] not in ours]

    def close(self):
        """Ends all that is below it, and checks that nothing was left."""
        below = descendants(self.process.pid) | stamped(self.stamp)
        for pid in [self.process.pid, *below]:
            kill(pid)
        self.process.wait()
        wait_for(lambda: not [kill(pid) for pid in stamped(self.stamp)], "all processes of the test end")
        shutil.rmtree(self.root, ignore_errors=True)


def kill(pid, number=signal.SIGKILL):
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass
    return True


def processes():
    found = {}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            text = pathlib.Path(f"/proc/{pid}/stat").read_text()
        except OSError:
            continue
        name, rest = text[text.index("(") + 1:text.rindex(")")], text[text.rindex(")") + 2:].split()
        found[int(pid)] = (int(rest[1]), rest[0], name)
    return found


def descendants(root):
    table, found, new = processes(), set(), {root}
    while new:
        new = {pid for pid, (ppid, _, _) in table.items() if ppid in new} - found
        found |= new
    return found


def stamped(stamp):
    found = set()
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            if stamp.encode() in pathlib.Path(f"/proc/{pid}/environ").read_bytes().split(b"\0"):
                found.add(int(pid))
        except OSError:
            pass
    return found


def alive(pid):
    try:
        text = pathlib.Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return text[text.rindex(")") + 2] not in "ZX"


def wait_for(condition, what, timeout=20):
    """Polls for what has no event of its own."""
    end = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < end, f"waited {timeout} s until {what}"
        time.sleep(0.003)  # sleep: between two looks at a condition with a deadline


def private_dirty_kib(pid):
    text = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
    return int(text[text.index("Private_Dirty:"):].split()[1])
