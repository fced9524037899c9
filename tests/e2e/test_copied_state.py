# SPDX-License-Identifier: Apache-2.0
"""A state directory that was copied while its server lives (a backup, a second home) has the original's records, and none of its processes:
what runs is left alone. One that was moved is the same as before."""

import shutil

import pytest

from driver import alive

LINGERS = "setsid sleep 4711 & while ! test \"$(ps -o sid= -p $! | tr -d ' ')\" = $!; do sleep 0.01; done"


def at(thole, name):
    """The words that a command takes to use another state directory."""
    runtime = thole.base / f"run-{name}"
    runtime.mkdir(mode=0o700, exist_ok=True)
    return {"env": {"THOLE_STATE_DIR": str(thole.base / name), "THOLE_RUNTIME_DIR": str(runtime)}}


def targets(thole, **there):
    answer = thole.run("api", "GET", "/apis/thole.dev/v1alpha1/targets", **there).json()
    return {item["spec"]["target"]: item["status"] for item in answer["items"] if item["spec"]["target"] != "(Tiltfile)"}


@pytest.fixture
def running(thole):
    thole.config({"version": 1, "services": {
        "web": {"command": "exec sleep 1000", "restart": "always"},
        "once": {"type": "job", "command": LINGERS, "linger": True}}})
    thole.run("up", "-d", "--wait")
    return thole


def test_a_copy_leaves_what_runs_alone(running):
    before = targets(running)
    pid, [helper] = before["web:serve"]["state"]["active"]["pid"], before["once:update"]["helpers"]
    shutil.copytree(running.state, running.base / "copy", ignore=shutil.ignore_patterns("*.sock"))
    there = at(running, "copy")
    for again in (False, True):  # also where a server has looked before
        copied = targets(running, **there)["web:serve"]
        assert "active" not in copied["state"] and "it goes on under the server of the state directory" in copied["message"], copied
        assert not targets(running, **there)["once:update"].get("helpers")
        running.run("server", "stop", *(["--all"] if again else []), **there)
    assert alive(pid) and alive(helper["pid"])
    after = targets(running)
    assert after["web:serve"] == before["web:serve"] and after["once:update"]["helpers"] == [helper]
    running.run("down", "--purge")
    assert not alive(pid) and not alive(helper["pid"])


def test_one_that_was_moved_is_the_same(running):
    before = targets(running)
    running.run("server", "stop")
    running.state.rename(running.base / "moved")
    there = at(running, "moved")
    assert targets(running, **there) == before
    running.run("server", "stop", **there)
    (running.base / "moved").rename(running.state)
    assert targets(running) == before
    running.run("down", "--purge")
