# SPDX-License-Identifier: Apache-2.0
"""Steps in containers that are to end before they have."""

import time

from workflows import step, write_config

GRACE = 30


def run(thole, docker, *commands):
    thole.env["DOCKER_HOST"] = docker.address
    path = write_config(thole, [step("a", *commands, image=docker.image)])
    return thole.popen("workflow", "run", path, "--backend", "docker", "--task-uuid", "T1")


def cancel(thole, live):
    """How long it took, in seconds."""
    live.wait_for(r"^a \| here")
    began = time.monotonic()
    thole.run("workflow", "cancel", "T1", "--grace", f"{GRACE}s")
    live.wait()
    return time.monotonic() - began


def test_commands_hear_of_a_cancel(thole, docker):
    live = run(thole, docker, "trap 'echo cleaned up; exit 3' TERM", "echo here", "sleep 1000")
    assert cancel(thole, live) < GRACE / 2
    assert "a | cleaned up" in live.out.splitlines()
    assert thole.run("workflow", "show", "T1", "--json").json()["status"]["steps"][0]["exit_code"] == 3
    thole.run("workflow", "delete", "T1")


def test_commands_without_a_trap_end_at_once(thole, docker):
    live = run(thole, docker, "echo here", "sleep 1000", "echo never")
    assert cancel(thole, live) < GRACE / 2
    assert "a | never" not in live.out.splitlines()
    thole.run("workflow", "delete", "T1")
