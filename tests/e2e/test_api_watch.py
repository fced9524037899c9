# SPDX-License-Identifier: Apache-2.0
"""What a watcher costs."""

import re
import socket

import pytest

from driver import read_proc, wait_until
from ledger import TILT

WATCHERS, KIB_EACH = 300, 34


def private_dirty_kib(pid):
    return int(re.search(rb"Private_Dirty:\s+(\d+)", read_proc(pid, "smaps_rollup")).group(1))


def watch(path):
    """A watcher that has been told of something."""
    watcher = socket.socket(socket.AF_UNIX)
    watcher.settimeout(20)
    watcher.connect(path)
    watcher.sendall(f"GET {TILT}/sessions?watch=true HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    heard = b""
    while b"ADDED" not in heard:
        heard += watcher.recv(1 << 20)
    return watcher


@pytest.mark.unsanitized("counts memory")
def test_a_watcher_is_cheap_and_gives_back_what_it_had(thole):
    thole.config({"version": 1, "services": {f"s{n}": {"command": "exec sleep 1000"} for n in range(9)}})
    thole.run("up", "-d", "--wait")
    pid, path = thole.server_pid(), thole.socket_path()
    before = private_dirty_kib(pid)
    watchers = [watch(path) for _ in range(WATCHERS)]
    each = (private_dirty_kib(pid) - before) / WATCHERS
    assert each < KIB_EACH, each
    for watcher in watchers:
        watcher.close()
    wait_until(lambda: private_dirty_kib(pid) - before < WATCHERS * KIB_EACH / 3, what="the memory to be given back")
