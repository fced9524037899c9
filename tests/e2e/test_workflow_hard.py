# SPDX-License-Identifier: Apache-2.0
"""Workflows when the disk is full, the state directory moves, the power is cut, and time goes on without a server."""

import json
import os
import shutil
import signal
import socket
import subprocess
import time

import pytest

from driver import wait_until
from workflows import step, write_config

OTHER_BOOT = "00000000-0000-0000-0000-000000000000"


def begin(thole, path, *words, backend="local"):
    thole.run("workflow", "run", path, "--backend", backend, "--task-uuid", "T1", "-d", *words)


def status(thole):
    return thole.run("workflow", "show", "T1", "--json").json()["status"]


def state_of(thole, name):
    return next(one for one in status(thole)["steps"] if one["name"] == name)


def kill_all(thole):
    """A rail and a server bring each other back, so once more until nothing is left."""
    def dead():
        pids = [*thole.named("thole-rail"), *thole.processes()]
        for pid in pids:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        return not pids
    wait_until(dead, 10, "everything to be dead")


@pytest.mark.root("mounts a small file system")
def test_a_workflow_that_cannot_be_written_down_is_refused(thole):
    path = write_config(thole, [step("a", f"echo a >> {thole.base}/ran")])
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=300k,mode=700", "tmpfs", thole.state], check=True)
    try:
        assert thole.run("workflow", "list").out == ""
        subprocess.run(["dd", "if=/dev/zero", f"of={thole.state}/filler", "bs=512"], stderr=subprocess.DEVNULL, check=False)
        refused = thole.run("workflow", "run", path, "--backend", "local", "--task-uuid", "T1", code=3)
        assert "no space left" in refused.err.lower(), refused
        assert not (thole.base / "ran").exists() and thole.run("workflow", "list").out == ""
        (thole.state / "filler").unlink()
        thole.run("workflow", "run", path, "--backend", "local", "--task-uuid", "T1")
        assert (thole.base / "ran").read_text() == "a\n"
        thole.run("server", "stop")
        wait_until(lambda: not thole.processes(), 20, "everything to be gone")
    finally:
        subprocess.run(["umount", "-l", thole.state], check=True)


def test_a_step_whose_start_cannot_be_written_down_is_not_started(thole):
    gate = thole.project / "gate"
    path = write_config(thole, [step("a", f"while ! test -e {gate}; do sleep 0.01; done")], [step("b", f"echo b >> {thole.base}/ran")])
    begin(thole, path)
    wait_until(lambda: state_of(thole, "a")["state"] == "running", what="a to run")
    facts = thole.state / "workflows" / "t1" / "facts.jsonl"
    facts.unlink()
    facts.symlink_to("/dev/full")
    gate.touch()
    wait_until(lambda: status(thole)["done"], what="the end")
    assert not (thole.base / "ran").exists() and not (thole.state / "workflows" / "t1" / "runs" / "Ub").exists()
    assert "no space left" in state_of(thole, "b")["error"].lower() and status(thole)["result"] == "error"


def test_what_fills_the_disk_can_be_stopped(thole):
    path = write_config(thole, [step("a", "sleep 1000")], [step("b", "true")])
    begin(thole, path)
    wait_until(lambda: state_of(thole, "a")["state"] == "running", what="a to run")
    facts = thole.state / "workflows" / "t1" / "facts.jsonl"
    facts.unlink()
    facts.symlink_to("/dev/full")
    thole.run("workflow", "cancel", "T1")
    wait_until(lambda: status(thole)["done"], what="the end")
    assert status(thole)["result"] == "canceled" and state_of(thole, "a")["state"] == "killed"


def test_a_state_directory_that_was_moved(thole):
    """What is over is shown with its logs from where it lies now."""
    path = write_config(thole, [step("a", "echo here")])
    thole.run("workflow", "run", path, "--backend", "local", "--task-uuid", "T1")
    before = status(thole)
    thole.run("server", "stop")
    wait_until(lambda: not thole.processes(), 20, "the server to be gone")
    moved = thole.base / "moved"
    shutil.move(thole.state, moved)
    thole.state = moved
    thole.env["THOLE_STATE_DIR"] = str(moved)
    assert status(thole) == before
    assert "a | here" in thole.run("workflow", "logs", "T1").out
    thole.run("workflow", "run", path, "--backend", "local", "--task-uuid", "T2")


def test_a_power_cut_loses_what_ran_and_nothing_that_was_over(thole):
    path = write_config(thole, [step("a", f"echo a >> {thole.base}/ran", "exit 0")], [step("b", f"echo b >> {thole.base}/ran", "sleep 1000")],
                        [step("c", f"echo c >> {thole.base}/ran", on_failure=True, on_success=False)])
    begin(thole, path)
    wait_until(lambda: "b" in (thole.base / "ran").read_text(), what="b to run")
    wait_until(lambda: state_of(thole, "b")["state"] == "running", what="b to be known to run")
    kill_all(thole)
    for record in thole.state.glob("workflows/t1/runs/*/*/run.json"):
        record.write_text(json.dumps({**json.loads(record.read_text()), "boot_id": OTHER_BOOT}))
    who = thole.state / "workflows" / "t1" / "workflow.json"
    who.write_text(json.dumps({**json.loads(who.read_text()), "boot_id": OTHER_BOOT}))
    wait_until(lambda: status(thole)["done"], what="the end")
    assert [one["state"] for one in status(thole)["steps"]] == ["success", "error", "success"]
    assert (thole.base / "ran").read_text() == "a\nb\nc\n"


@pytest.mark.parametrize("which", ["--timeout", "--step-timeout"])
def test_a_timeout_counts_on_while_there_is_no_server(thole, which):
    """It is up when the next server comes, which therefore ends it at once."""
    path = write_config(thole, [step("a", "sleep 1000")])
    begin(thole, path, which, "3s")
    wait_until(lambda: state_of(thole, "a")["state"] == "running", what="a to run")
    rail, server = thole.rail_pid(), thole.server_pid()
    thole.kill(rail)
    thole.kill(server)
    began = json.loads((thole.state / "workflows" / "t1" / "workflow.json").read_text())["started_us"] / 1e6
    wait_until(lambda: time.time() > began + 3.5, 10, "its time to be up")
    asked = time.monotonic()
    thole.run("workflow", "wait", "T1", code=4 if which == "--timeout" else 1)
    assert time.monotonic() - asked < 2.5, "it began to count anew"
    assert "its timeout" in state_of(thole, "a").get("error", "") or "timeout of 3s" in status(thole)["error"]
    wait_until(lambda: not thole.pins(), what="its process to be gone")


def test_names_are_files_of_their_own_or_refused_before_anything_starts(thole):
    odd = ["../../up", ".", "..", "a/b", "$(touch x) 'q' \"d\" \\", "ä" * 40, "/" * 80, "%2f"]
    steps = [step(name, "echo here", uuid=uuid) for name, uuid in [(f"{i} {uuid[:20]}", uuid) for i, uuid in enumerate(odd)]]
    path = write_config(thole, steps)
    lines = thole.run("workflow", "run", path, "--backend", "local", "--task-uuid", "T1").lines
    assert [line.endswith(" | here") for line in lines].count(True) == len(odd), lines
    assert len(list((thole.state / "workflows" / "t1" / "runs").iterdir())) == len(odd)
    for field, text in (("uuid", "y" * 300), ("name", "n" * 300), ("name", "\x1b[31mred"), ("uuid", "a\nb")):
        path = write_config(thole, [step("first", f"echo ran > {thole.base}/ran"), {**step("x", "true"), field: text}])
        said = thole.run("workflow", "run", path, "--backend", "local", "--task-uuid", "T2", code=2).err
        assert f"pipeline[0].steps[1].{field}" in said and "\x1b" not in said, said
    assert not (thole.base / "ran").exists() and not (thole.state / "workflows" / "t2").exists()


@pytest.fixture
def silent(thole):
    """What an engine that accepts and never answers listens on: the kernel connects who comes."""
    path = str(thole.base / "silent.sock")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen(64)
        yield {"DOCKER_HOST": f"unix://{path}"}


def run_on(thole, engine, *words, **more):
    path = write_config(thole, [step("a", "true")])
    return thole.popen("workflow", "run", path, "--backend", "docker", "--task-uuid", "T1", *words, env=engine, **more)


def test_a_timeout_ends_what_waits_for_an_engine_that_never_answers(thole, silent):
    before = time.monotonic()
    live = run_on(thole, silent, "--timeout", "1s")
    assert live.wait(30) == 4
    assert time.monotonic() - before < 20  # 1 s, then 10 s at most; the engine has a minute
    assert "thole: not all that it made is gone: its end was not waited for; `thole backend orphans` lists" in live.err
    assert "timeout" in live.err.splitlines()[-1], live.err


def test_a_cancel_with_a_grace_ends_what_waits_for_an_engine_that_never_answers(thole, silent):
    live = run_on(thole, silent)
    wait_until(lambda: "T1" in thole.run("workflow", "list").out, what="it to be there")
    before = time.monotonic()
    thole.run("workflow", "cancel", "T1", "--grace", "1s")
    assert live.wait(30) == 1
    assert time.monotonic() - before < 8


def test_a_server_that_dies_while_its_engine_never_answers(thole, silent):
    live = run_on(thole, silent)
    wait_until(lambda: "T1" in thole.run("workflow", "list").out, what="it to be there")
    thole.run("workflow", "cancel", "T1", "--grace", "2s")
    thole.kill(thole.server_pid())
    assert live.wait(40) == 1
    assert status(thole)["result"] == "canceled"
