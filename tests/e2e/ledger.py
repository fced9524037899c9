# SPDX-License-Identifier: Apache-2.0
"""What services write about themselves, and what must be true of it whatever was killed.

Each process of a Shop appends "start TARGET RUN-ID PID" to the ledger when it begins and "end TARGET RUN-ID PID" before it ends by
itself. Lines are short and the file is O_APPEND, so nothing tears. The ledger is the oracle: it cannot be wrong about what ran."""

import http.client
import json
import os
import signal
import struct

from driver import UnixConnection, alive, read_proc, wait_until

TILT, THOLE = "/apis/tilt.dev/v1alpha1", "/apis/thole.dev/v1alpha1"
RUNS_KEPT = 10  # of a target
INIT_CODE = 7
INIT_BYTES = "".join(f"line {i:06d} of what init has to say\n" for i in range(2500)).encode()  # more than a pipe takes

INIT = f"""echo "start $THOLE_TARGET $THOLE_RUN_ID $$" >>"$LEDGER"
cat lines
echo "end $THOLE_TARGET $THOLE_RUN_ID $$" >>"$LEDGER"
exit {INIT_CODE}
"""
# The helper is in a session of its own and ignores TERM: only a stop that means it finds it.
API = """trap 'echo "end $THOLE_TARGET $THOLE_RUN_ID $$" >>"$LEDGER"; exit 0' TERM
setsid sh -c 'trap "" TERM; exec sleep 1000' </dev/null >/dev/null 2>&1 &
echo "start $THOLE_TARGET $THOLE_RUN_ID $$" >>"$LEDGER"
echo up
while :; do sleep 1000 & wait $!; done
"""


def services(delay="0s"):
    restart = {"policy": "on-failure", "delay": delay, "max_restarts": 100}
    stop = {"grace": "30ms"}
    return {"init": {"type": "job", "command": ["sh", "init.sh"], "success_exit_codes": [INIT_CODE], "restart": restart, "stop": stop},
            "api": {"command": ["sh", "api.sh"], "depends_on": ["init"], "restart": restart, "stop": stop}}


def request(thole, path, method="GET", body=None, timeout=20.0):
    """(status, decoded body) from the server that runs now; OSError if none does."""
    connection = UnixConnection(str(thole.runtime / "server.sock"), timeout)
    try:
        data = None if body is None else json.dumps(body)
        connection.request(method, path, data, {"Content-Type": "application/json"} if data else {})
        reply = connection.getresponse()
        text = reply.read()
        return reply.status, json.loads(text) if text else None
    except http.client.HTTPException as error:  # killed while it answered
        raise OSError(str(error)) from error
    finally:
        connection.close()


def server_pid(thole):
    """Of the server that answers; OSError if none does."""
    connection = UnixConnection(str(thole.runtime / "server.sock"), 5)
    try:
        connection.connect()
        import socket
        return struct.unpack("iii", connection.sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[0]
    finally:
        connection.close()


def environ_has(pid, text):
    return text.encode() in read_proc(pid, "environ").split(b"\0")


class Shop:
    """A small project with a job and a server, whose every process is in the ledger."""

    def __init__(self, thole, number, **options):
        self.thole, self.dir = thole, thole.another_project(f"p{number}")
        self.ledger_path = self.dir / "ledger"
        thole.config({"version": 1, "env": {"LEDGER": str(self.ledger_path)}, "services": services(**options)}, self.dir)
        thole.file("init.sh", INIT, project=self.dir)
        thole.file("api.sh", API, project=self.dir)
        thole.file("lines", INIT_BYTES, project=self.dir)
        self.slug = None

    # -- what it says

    def ledger(self):
        """[(what, target, run id, pid)]"""
        text = self.ledger_path.read_text() if self.ledger_path.exists() else ""
        return [(what, target, run, int(pid)) for what, target, run, pid in (line.split() for line in text.splitlines())]

    def session_dir(self):
        if not self.slug:
            found = list((self.thole.state / "sessions").glob(f"{self.dir.name}-*"))
            assert len(found) == 1, found
            self.slug = found[0].name
        return self.thole.state / "sessions" / self.slug

    def runs(self):
        """{run id: its directory}; directories that were never launched are left out."""
        found = {}
        for path in sorted((self.session_dir() / "runs").glob("*/*")):
            record = path / "run.json"
            if record.exists():
                found[json.loads(record.read_text())["id"]] = path
        return found

    def targets(self):
        self.session_dir()
        status, body = request(self.thole, f"{TILT}/sessions/{self.slug}")
        assert status == 200, body
        return {target["name"]: target["state"] for target in body["status"]["targets"]}

    def settled(self):
        """Everything is as `up` wants it; returns the states."""
        targets = self.targets()
        init, api = targets["init:update"], targets["api:serve"]
        assert "terminated" in init and not init["terminated"].get("error"), targets
        assert "active" in api and ("start", "api:serve", self.run_id("api:serve", api["active"]["run"]), api["active"]["pid"]) \
            in self.ledger(), targets
        return targets

    def run_id(self, target, number):
        return json.loads((self.session_dir() / "runs" / target / str(number) / "run.json").read_text())["id"]

    # -- what must be true

    def check_once(self):
        """No run has started two processes."""
        starts = [entry[2] for entry in self.ledger() if entry[0] == "start"]
        assert len(starts) == len(set(starts)), f"started twice: {[run for run in set(starts) if starts.count(run) > 1]}"

    def check_watched(self, targets):
        """Each process of the ledger that lives is that of an active target, under a living pin that says so."""
        for target in ("init:update", "api:serve"):
            living = {(run, pid) for what, name, run, pid in self.ledger() if name == target and what == "start"
                      and alive(pid) and environ_has(pid, f"THOLE_RUN_ID={run}")}
            active = targets[target].get("active")
            watched = {(self.run_id(target, active["run"]), active["pid"])} if active else set()
            assert living == watched, f"{target}: alive {living}, watched {watched}"
            for run, _ in living:
                record = json.loads((self.runs()[run] / "run.json").read_text())
                assert alive(record["pin"]), f"{target}: no pin above {record}"

    def check_end(self, path, excused):
        """The exit record of a run that is over: exact, or lost and said so because its pin was killed."""
        end = json.loads((path / "exit.json").read_text())
        record = json.loads((path / "run.json").read_text())
        by_itself = ("end", path.parent.name, record["id"], record["pid"]) in self.ledger()
        if end["end"] == "lost":
            assert "pin" in excused, f"{path} is lost although no pin was killed"
            return
        if by_itself and path.parent.name == "init:update" and "process" not in excused:
            assert (end["end"], end["code"]) == ("exited", INIT_CODE), f"{path}: {end}"
        log = b"".join(part.read_bytes() for part in sorted(path.glob("log.*")))
        if path.parent.name == "init:update":
            assert INIT_BYTES.startswith(log), f"{path}: {log[-200:]}"
            assert not (end["end"] == "exited" and end["code"] == INIT_CODE) or log == INIT_BYTES, f"{path}: {len(log)} bytes of log"
        assert end["log_size"] == len(log), f"{path}: {end} but {len(log)} bytes of log"

    def check_gone(self, excused=()):
        """After `down`: nothing alive, every run has its end."""
        state = json.loads((self.session_dir() / "session.json").read_text())
        assert state["down"], state
        self.check_once()
        runs = self.runs()
        for what, target, run, pid in self.ledger():
            kept = sum(path.parent.name == target for path in runs.values())  # of older runs only so many are
            assert run in runs or "pin" in excused or kept >= RUNS_KEPT, f"no record of {target} run {run}"
            assert not (alive(pid) and environ_has(pid, f"THOLE_RUN_ID={run}")), f"{target}: {pid} is alive after down"
        for path in (self.session_dir() / "runs").glob("*/*"):
            if (path / "run.json").exists():
                self.check_end(path, excused)
            elif (path / "claim").exists() and not (path / "exit.json").exists():
                assert (path / "claim").read_text().startswith("void"), f"{path} was claimed and has no end"
            assert not (path / "launch").exists(), f"{path}: the launch file with the environment is left"


def stamped(thole):
    """Processes of runs of this Thole."""
    mark = f"THOLE_STATE_DIR={thole.state}".encode()
    found = []
    for name in os.listdir("/proc"):
        environ = read_proc(name, "environ") if name.isdigit() else b""
        if b"THOLE_RUN_ID=" in environ and mark in environ.split(b"\0") and alive(int(name)):
            found.append(int(name))
    return found


def named(thole, name):
    """Rails or pins of this Thole; they inherit the environment of its server."""
    mark = f"THOLE_STATE_DIR={thole.state}".encode()
    return [int(pid) for pid in os.listdir("/proc") if pid.isdigit() and read_proc(pid, "comm") == name.encode() + b"\n"
            and mark in read_proc(pid, "environ").split(b"\0") and alive(int(pid))]


def end_of(thole):
    """Whatever a test left: `server stop --all` by the API, until no server answers."""
    def ask():
        request(thole, f"{THOLE}/servers/local/stop?all=true", "POST", timeout=5)
    try:
        ask()
    except OSError:
        return
    wait_until(lambda: not any((thole.runtime / "server.sock").exists() and alive(pid) for pid in [server_pid_or_0(thole)] if pid),
               20, "the server to leave")


def server_pid_or_0(thole):
    try:
        return server_pid(thole)
    except OSError:
        return 0


def kill_for_good(thole):
    """Server and rail, so that neither starts the other again."""
    server = server_pid(thole)
    os.kill(server, signal.SIGSTOP)
    for pid in [*named(thole, "thole-rail"), server]:
        os.kill(pid, KILL)
    wait_until(lambda: not alive(server) and not named(thole, "thole-rail"), 20, "server and rail to be gone")


KILL = signal.SIGKILL
