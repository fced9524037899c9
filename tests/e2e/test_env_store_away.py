# SPDX-License-Identifier: Apache-2.0
"""The store of an environment goes away in the middle of what is done, or is not as it should be: it is said, nothing is lost, and all goes on
when it is back."""

import contextlib
import os
import signal
import sqlite3
import subprocess

import pytest

from driver import wait_until
from environments import CREATED_HOOKS, Project, config, says


def mount(*words):
    subprocess.run(["mount", *map(str, words)], check=True)


def unmount(path):
    subprocess.run(["umount", "-l", str(path)], check=True)


@contextlib.contextmanager
def removed(directory):
    """... with all that is in it."""
    aside = directory.with_name("aside")
    directory.rename(aside)
    yield
    assert not directory.exists(), "an empty one was made in its place"
    aside.rename(directory)


@contextlib.contextmanager
def locked(directory):
    """By another process, for longer than anybody waits for his turn."""
    with contextlib.closing(sqlite3.connect(directory / "thole.db", isolation_level=None)) as database:
        database.execute("BEGIN IMMEDIATE")
        yield
        database.execute("ROLLBACK")


@contextlib.contextmanager
def unmounted(directory):
    disk = directory.with_name("disk")
    unmount(directory)
    yield
    assert not list(directory.iterdir()), "something was written below the mount"
    mount("--bind", disk, directory)


@contextlib.contextmanager
def full(directory, room=0):
    """But for `room` bytes. Yields what is to be shortened for more."""
    filler = directory / "filler"
    subprocess.run(["dd", "if=/dev/zero", f"of={filler}", "bs=512"], stderr=subprocess.DEVNULL, check=False)
    os.truncate(filler, filler.stat().st_size - room)
    yield filler
    filler.unlink()


@pytest.fixture
def plain(thole):
    directory = thole.base / "store"
    directory.mkdir()
    thole.env["THOLE_STORE"] = str(directory / "thole.db")
    return directory


@pytest.fixture
def disk(thole, plain):
    """The store on a small file system of its own."""
    own = plain.with_name("disk")
    own.mkdir()
    mount("-t", "tmpfs", "-o", "size=3m", "none", own)
    mount("--bind", own, plain)
    yield plain
    thole.run("server", "stop", "--all", code=None)
    unmount(plain)
    unmount(own)


def goes_on(thole, directory, away, sentence):
    words = config()
    words["runner"]["deploy"] = says("runner_deploy", f"while ! test -e {thole.base}/open; do sleep 0.01; done")
    project = Project(thole, words)
    create = project.popen("create", "e1")
    wait_until(lambda: "runner_deploy" in project.ran("e1"), what="the hook to run")
    with away(directory):
        (thole.base / "open").touch()
        create.wait_for(sentence, stream=2, timeout=10)
        assert project.counts("end", "e1")["runner_deploy"] == 1 and "runner_after" not in project.ran("e1")
    assert create.wait(60) == 0, create
    project.check_created("e1")
    assert project.ran("e1") == CREATED_HOOKS
    assert [action for action, step, _ in project.audit("e1") if step == "runner_deploy"].count("executed") == 1
    project.run("delete", "e1")
    project.check_gone("e1")


@pytest.mark.parametrize("away, sentence", [(removed, "the store: .*was deleted while it was in use"), (locked, "the store: .*is locked by another process")])
def test_a_store_that_is_away_while_a_hook_ends_is_waited_for(thole, plain, away, sentence):
    goes_on(thole, plain, away, sentence)


@pytest.mark.root("mounts a small file system")
@pytest.mark.parametrize("away, sentence", [(unmounted, "the store: .*was deleted while it was in use"), (full, "the store: .*no space left")])
def test_a_disk_of_the_store_that_is_away_while_a_hook_ends_is_waited_for(thole, disk, away, sentence):
    goes_on(thole, disk, away, sentence)


@pytest.mark.root("mounts a small file system")
def test_a_store_that_is_read_only_is_looked_at_and_not_begun_in(thole, disk):
    project = Project(thole)
    project.run("create", "e1")
    thole.run("server", "stop", "--all")
    mount("-o", "remount,bind,ro", disk)
    refused = project.run("create", "e2", code=None)
    assert refused.code not in (0, None) and "read-only" in refused.err and str(disk / "thole.db") in refused.err, refused
    assert "e2" not in project.git.branches() and project.ran("e2") == []
    mount("-o", "remount,bind,rw", disk)
    project.run("create", "e2")
    project.check_created("e1")
    project.check_created("e2")


def test_a_damaged_store_is_named_and_left_as_it_is(thole, plain):
    project = Project(thole)
    project.run("create", "e1")
    thole.run("server", "stop", "--all")
    store = plain / "thole.db"
    sound = store.read_bytes()
    damaged = sound[:4096] + b"x" * (len(sound) - 4096)
    store.write_bytes(damaged)
    for words in (("list",), ("create", "e1"), ("create", "e2"), ("delete", "e1")):
        refused = project.run(*words, code=None)
        assert refused.code not in (0, None) and f"{store} is damaged" in refused.err and "left as it is" in refused.err, refused
        assert "the environments in it are not known any more" in refused.err, refused
    assert store.read_bytes() == damaged and "e2" not in project.git.branches()
    store.write_bytes(sound)
    project.check_created("e1")


# ---- a disk that is full ----

@pytest.fixture
def small(thole):
    """The state directory on a small file system of its own."""
    thole.state.mkdir(exist_ok=True)
    mount("-t", "tmpfs", "-o", "size=6m,mode=0700", "none", thole.state)
    yield thole.state
    thole.run("server", "stop", "--all", code=None)
    unmount(thole.state)


@pytest.mark.root("mounts a small file system")
def test_a_create_on_a_full_disk_says_so_and_can_be_ended(thole, small):
    project = Project(thole)
    project.run("create", "e1")
    with full(small, 16384):
        create = project.popen("create", "e2")
        create.wait_for("create e2: the store: .*no space left.* it goes on as soon as it can; \\^C ends it", stream=2, timeout=10)
        waiting = project.object("e2")["status"]["operation"]
        assert waiting["state"] == "waiting" and "no space left" in waiting["message"], waiting
        assert "no space left" in project.run("show", "e2").out
        create.signal(signal.SIGINT)
        assert create.wait(20) == 130, create
        wait_until(lambda: project.object("e2") is None, what="it to be nowhere")
    assert "e2" not in project.git.branches() and not list((small / "environments").glob("*/*e2"))
    project.run("create", "e2")
    project.check_created("e1")
    project.check_created("e2")


@pytest.mark.root("mounts a small file system")
def test_a_create_on_a_full_disk_goes_on_once_there_is_room(thole, small):
    project = Project(thole)
    project.run("create", "e1")
    with full(small, 16384):
        create = project.popen("create", "e2")
        create.wait_for("no space left", stream=2, timeout=10)
    assert create.wait(60) == 0, create
    project.check_created("e2")


@pytest.mark.root("mounts a small file system")
def test_what_cannot_even_be_begun_on_a_full_disk_is_refused(thole, small):
    project = Project(thole)
    project.run("create", "e1")
    with full(small):
        refused = project.run("create", "e2", code=3)
        assert "no space left" in refused.err
        assert project.object("e2") is None and not list((small / "environments").glob("*/*e2"))


@pytest.mark.root("mounts a small file system")
def test_to_delete_needs_little_room_on_a_full_disk(thole, small):
    project = Project(thole)
    project.run("create", "e1")
    with full(small) as filler:
        delete = project.popen("delete", "e1")
        delete.wait_for("the store: .*no space left", stream=2, timeout=10)
        os.truncate(filler, filler.stat().st_size - 65536)
        assert delete.wait(30) == 0, delete
        assert project.object("e1") is None and not list((small / "worktrees").glob("*/e1"))
    project.check_gone("e1")


@pytest.mark.root("mounts a small file system")
def test_to_stop_needs_no_room_beside_the_store(thole, small):
    words = config()
    words["services"]["web"]["command"] = "exec sleep 1000"
    thole.env["THOLE_STORE"] = str(thole.base / "own.db")
    project = Project(thole, words)
    project.run("create", "e1")
    with full(small):
        project.run("stop", "e1")
        assert not thole.pins() and project.object("e1")["status"]["phase"] == "stopped"
