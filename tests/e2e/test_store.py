# SPDX-License-Identifier: Apache-2.0
"""Where the store is, and what becomes of it under a running server."""

import sqlite3

import pytest

from driver import read_proc

SERVICES = {"version": 1, "services": {"api": {"command": "echo started >> $LEDGER; sleep 1000", "port": "auto"}}}


@pytest.mark.parametrize("name, why", [("postgres://me@db/thole", "comes later"), ("shared.db", "shared.db is not an absolute path")])
def test_a_name_that_is_none_is_refused_and_nothing_starts(thole, name, why):
    thole.config(SERVICES)
    thole.env["THOLE_STORE"] = name
    refused = thole.run("up", "-d", "--wait", "--timeout", "20s", code=None)
    assert refused.code not in (0, None) and "THOLE_STORE" in refused.err and why in refused.err, refused
    assert thole.ledger() == [] and not (thole.state / "thole.db").exists()
    del thole.env["THOLE_STORE"]
    thole.run("up", "-d", "--wait", "--timeout", "20s")
    thole.wait_target("api:serve", "active")


def test_leases_stay_beside_the_sessions(thole):
    thole.config(SERVICES)
    shared = thole.base / "shared.db"
    thole.env["THOLE_STORE"] = str(shared)
    thole.run("up", "-d", "--wait", "--timeout", "20s")
    with sqlite3.connect(thole.state / "thole.db") as db:
        assert db.execute("SELECT service, held FROM lease").fetchall() == [("api", 1)]
    assert not shared.exists(), "nobody has asked for an environment"


def test_the_next_server_has_the_same_store(thole):
    thole.config(SERVICES)
    thole.env["THOLE_STORE"] = str(thole.base / "shared.db")
    thole.run("up", "-d", "--wait", "--timeout", "20s")
    assert f"THOLE_STORE={thole.base}/shared.db".encode() in read_proc(thole.replace_server(), "environ").split(b"\0")


def test_a_file_that_is_deleted_under_the_server_is_not_made_anew(thole):
    thole.config(SERVICES)
    thole.run("up", "-d", "--wait", "--timeout", "20s")
    for path in thole.state.glob("thole.db*"):
        path.rename(thole.base / path.name)
    other = thole.another_project("other")
    thole.config(SERVICES, project=other)
    refused = thole.run("up", "-d", "--wait", "--timeout", "20s", cwd=other, code=None)
    said = refused.err + str(thole.run("-C", other, "status", code=None).out)
    assert "was deleted while it was in use, and is not made anew" in said, said
    assert not (thole.state / "thole.db").exists() and len(thole.ledger()) == 1
    for path in thole.base.glob("thole.db*"):
        path.rename(thole.state / path.name)
    thole.run("down", cwd=other, code=None)
    thole.run("up", "-d", "--wait", "--timeout", "20s", cwd=other)
    with sqlite3.connect(thole.state / "thole.db") as db:
        assert [row[0] for row in db.execute("SELECT held FROM lease")] == [1, 1]


def test_a_store_that_the_server_does_not_have_is_said(thole):
    """The variable is for who starts a server; what is asked of one that runs is in the store that it has."""
    thole.config(SERVICES)
    other = {"THOLE_STORE": str(thole.base / "other.db")}
    thole.run("env", "list")
    said = thole.run("env", "list", env=other).err
    assert (f"thole: THOLE_STORE={other['THOLE_STORE']} is not heard: the server (process {thole.server_pid()}) has its environments in "
            f"{thole.state}/thole.db; `thole server stop` ends it") in said, said
    assert "THOLE_STORE=other.db is not heard" in thole.run("env", "list", env={"THOLE_STORE": "other.db"}).err
    assert "THOLE_STORE" not in thole.run("env", "list", env={"THOLE_STORE": f"{thole.state}/./thole.db"}).err
    thole.run("server", "stop")
    assert "THOLE_STORE" not in thole.run("env", "list", env=other).err
    assert "THOLE_STORE" not in thole.run("env", "list", env=other).err
