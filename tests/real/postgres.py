# SPDX-License-Identifier: Apache-2.0
"""A PostgreSQL for the tests, until something or the end is read from stdin.

    postgres.py     prints one line when it takes connections: {"host": …, "port": …, "user": …, "password": …}

It listens on a free port of 127.0.0.1, on its own data in a directory below /tmp, and meets no other server of this
machine, the one that Debian's package may have started included. It runs as whoever calls; as root, which it refuses, as
`postgres` or `nobody`. What is lost when the machine fails is of no value: nothing is synced. It does not outlive us."""

import contextlib
import json
import os
import pathlib
import pwd
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

USER, PASSWORD = "oar", "stroke@side: 50%/#1"  # with what a URL has to escape
START_S, STOP_S, TRIES = 60, 30, 5
SETTINGS = {"listen_addresses": "127.0.0.1", "fsync": "off", "synchronous_commit": "off", "full_page_writes": "off",
            "max_connections": "100", "shared_buffers": "16MB", "autovacuum": "off", "logging_collector": "off"}


def programs():
    """The directory of the newest server: Debian keeps them out of the PATH."""
    found = [path.parent for path in pathlib.Path("/usr/lib/postgresql").glob("*/bin/postgres")]
    there = shutil.which("postgres")
    if not found and not there:
        raise SystemExit("postgres.py: there is no PostgreSQL here (Debian's package is postgresql)")
    return max(found, key=lambda path: float(path.parent.name)) if found else pathlib.Path(there).parent


def identity():
    """(the words that make a command run as somebody who is not root, that user's id)"""
    ends_with_us = ["setpriv", "--pdeathsig", "QUIT"]
    if os.geteuid() != 0:
        return ends_with_us, os.geteuid()
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            user = pwd.getpwnam(name)
            return [*ends_with_us, f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"], user.pw_uid
    raise SystemExit("postgres.py: neither postgres nor nobody is a user here")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def initialise(base, words, bin_dir):
    (base / "password").write_text(PASSWORD + "\n")
    (base / "password").chmod(0o644)  # the directory is nobody else's
    done = subprocess.run([*words, bin_dir / "initdb", "--no-sync", "--username", USER, "--pwfile", base / "password", "--auth", "scram-sha-256",
                           "--encoding", "UTF8", "--locale", "C", "-D", base / "data"], cwd=base, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if done.returncode != 0:
        raise SystemExit(f"postgres.py: initdb: {done.stdout}{done.stderr}")


def is_ready(base, server):
    """As pg_ctl knows: the last line of its pid file says so."""
    try:
        lines = (base / "data" / "postmaster.pid").read_text().splitlines()
    except OSError:
        return False
    return len(lines) >= 8 and int(lines[0]) == server.pid and lines[7].strip() == "ready"


def start(base, words, bin_dir):
    """(the server, its port). Somebody may take the port before the server does: then another one is tried."""
    for _ in range(TRIES):
        port, deadline = free_port(), time.monotonic() + START_S
        settings = [f"--{name}={value}" for name, value in {**SETTINGS, "port": port, "unix_socket_directories": base}.items()]
        with open(base / "log", "ab") as log:
            server = subprocess.Popen([*words, bin_dir / "postgres", "-D", base / "data", *settings], cwd=base, stdin=subprocess.DEVNULL,
                                      stdout=log, stderr=log)
        while server.poll() is None and time.monotonic() < deadline:
            if is_ready(base, server):
                return server, port
            time.sleep(0.02)  # sleep: the pause between two questions of a bounded wait
        stop(server)
        if not re.search(rb"could not bind", (base / "log").read_bytes()):
            break
    raise SystemExit(f"postgres.py: it did not start:\n{(base / 'log').read_text(errors='replace')[-2000:]}")


def stop(server):
    """What is connected is cut off."""
    for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
        if server.poll() is None:
            server.send_signal(number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                server.wait(STOP_S)


def main():
    os.umask(0o022)
    words, uid = identity()
    base, server = pathlib.Path(tempfile.mkdtemp(prefix="thole-pg-", dir="/tmp")), None
    os.chown(base, uid, -1)
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    try:
        initialise(base, words, programs())
        server, port = start(base, words, programs())
        print(json.dumps({"host": "127.0.0.1", "port": port, "user": USER, "password": PASSWORD}), flush=True)
        os.read(0, 1)
    finally:
        if server:
            stop(server)
        shutil.rmtree(base, ignore_errors=True)


if __name__ == "__main__":
    main()
