# SPDX-License-Identifier: Apache-2.0
"""The PostgreSQL that other tests stand on (tests/real/postgres.py, postgres.py)."""

import os
import signal
import socket
import subprocess
import sys
import urllib.parse

import pytest

import driver
import postgres as database


def url(server, name):
    """As people write it: all that is needed to get in."""
    who = ":".join(urllib.parse.quote(word, safe="") for word in (server.user, server.password))
    return f"postgresql://{who}@{server.host}:{server.port}/{name}"


def test_a_template_is_cloned_and_the_clone_is_its_own(postgres):
    postgres.psql("CREATE DATABASE pattern")
    postgres.psql("CREATE TABLE boats (name text); INSERT INTO boats VALUES ('eight')", "pattern")
    postgres.psql("CREATE DATABASE clone TEMPLATE pattern")
    assert database.ask(url(postgres, "clone"), "SELECT name FROM boats") == ["eight"]
    database.ask(url(postgres, "clone"), "INSERT INTO boats VALUES ('four')")
    assert postgres.psql("SELECT name FROM boats", "pattern") == ["eight"]
    postgres.drop({"pattern", "clone"})


def test_nobody_gets_in_without_the_password(postgres):
    with pytest.raises(AssertionError, match="password"):
        database.ask(url(postgres, "postgres").replace("stroke", "bow"), "SELECT 1")


def test_it_is_no_server_of_root(postgres):
    [path] = postgres.psql("SELECT setting FROM pg_settings WHERE name = 'data_directory'")
    owner = os.stat(os.path.dirname(path)).st_uid
    assert owner != 0 and (driver.ROOT or owner == os.geteuid())


def test_it_goes_with_whoever_started_it():
    """Even one that is killed: its end of the pipe is closed for it."""
    script = "import os, sys\nimport postgres\nwith postgres.server() as it:\n    print(it.port, flush=True)\n    sys.stdin.read()\n"
    starter = subprocess.Popen([sys.executable, "-c", script], cwd=driver.SOURCE / "tests/e2e", stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    port = int(starter.stdout.readline())
    socket.create_connection(("127.0.0.1", port)).close()
    os.kill(starter.pid, signal.SIGKILL)
    starter.wait()

    def refused():
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) != 0
    driver.wait_until(refused, 30, "the server to be gone")
