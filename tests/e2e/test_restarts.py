# SPDX-License-Identifier: Apache-2.0
"""What is tried again after it failed, and what is not."""

import os
import shutil

import pytest

from driver import wait_until

HELPLESS = "; trying again would not help"


def never_starts(thole):
    """[(command, the sentence)]; the project has what they need."""
    thole.file("plain", "echo hi\n", mode=0o644)
    thole.file("text", "echo hi\n", mode=0o755)  # no #! line; a list is not for the shell
    thole.file("orphan", "#!/no/such/interpreter\n", mode=0o755)
    os.symlink("circle", thole.project / "circle")
    (thole.project / "folder").mkdir()
    path = thole.env["PATH"]
    return [(["no-such-command"], f"command not found: no-such-command (looked in PATH: {path})"),
            (["./no-such-command"], "command not found: ./no-such-command"),
            (["./folder"], "is a directory: ./folder"),
            (["./plain"], "not executable: ./plain"),
            (["./orphan"], "not executable: ./orphan (the interpreter it names does not exist)"),
            (["./plain/x"], "command not found: ./plain/x"),
            (["./circle"], "could not be executed: ./circle: Too many levels of symbolic links")]


@pytest.mark.parametrize("case", range(7))
def test_what_cannot_be_executed_is_not_tried_again(thole, case):
    command, sentence = never_starts(thole)[case]
    thole.config({"version": 1, "services": {"s0": {"command": command, "restart": {"delay": "1ms"}}}})
    failed = thole.run("up", "-d", "--wait", code=1, timeout=20)
    assert f"s0:serve failed: could not start: {sentence}{HELPLESS}" in failed.err
    for server in ("the same", "the next"):
        state = thole.wait_target("s0:serve", "terminated", run=1, error=f"could not start: {sentence}{HELPLESS}")
        assert "exitCode" not in state, server
        if server == "the same":
            thole.replace_server()


def test_ci_fails_at_once_over_what_cannot_be_executed(thole):
    thole.config("""
        version: 1
        ci: {grace: 10m}
        services:
          web: {command: [./no-such-server], restart: always}
          other: {command: sleep 1000}
        """)
    failed = thole.run("ci", code=1, timeout=20)
    assert "could not start: command not found: ./no-such-server" in failed.err


@pytest.mark.parametrize("how", ["start", "restart"])
def test_people_try_again_when_they_have_mended_it(thole, how):
    thole.config("version: 1\nservices: {web: {command: [./server]}}\n")
    thole.run("up", "-d", "--wait", code=1)
    assert "command not found: ./server" in thole.run(how, "web", code=1).err
    assert thole.wait_target("web:serve", "terminated", run=2)
    thole.file("server", "#!/bin/sh\nexec sleep 1000\n", mode=0o755)
    thole.run(how, "web")
    assert thole.wait_target("web:serve", "active", run=3)["restarts"] == 0


def test_a_server_whose_directory_went_away_is_not_tried_again(thole):
    (thole.project / "sub").mkdir()
    thole.config("version: 1\nservices: {web: {path: sub, command: [sleep, '1000'], restart: {delay: 1ms}}}\n")
    thole.run("up", "-d", "--wait")
    shutil.rmtree(thole.project / "sub")
    os.kill(thole.target("web:serve")["state"]["active"]["pid"], 9)
    thole.wait_target("web:serve", "terminated", run=2,
                      error=f"could not start: working directory does not exist: {thole.project}/sub{HELPLESS}")


def test_a_program_that_is_being_written_is_tried_again(thole):
    """ETXTBSY passes."""
    shutil.copy2("/bin/sleep", thole.project / "server")
    thole.config("version: 1\nservices: {web: {command: [./server, '1000'], restart: {delay: 1ms, max_delay: 50ms, max_restarts: 0}}}\n")
    with open(thole.project / "server", "r+b"):
        thole.run("up", "-d")
        wait_until(lambda: thole.wait_target("web:serve", "waiting", waitReason="backoff") and
                   "Text file busy" in thole.target("web:serve")["message"], what="the sentence")
    thole.run("wait", "web", "--timeout", "20s")
    assert thole.wait_target("web:serve", "active")["restarts"] > 0


@pytest.mark.ordinary("nothing is closed to root")
def test_a_directory_that_may_not_be_entered(thole):
    (thole.project / "closed").mkdir()
    thole.config("version: 1\nservices: {web: {path: closed, command: [sleep, '1000']}}\n")
    (thole.project / "closed").chmod(0)
    failed = thole.run("up", "-d", "--wait", code=1)
    assert f"working directory cannot be entered: {thole.project}/closed: Permission denied{HELPLESS}" in failed.err


def test_up_that_waits_says_what_is_tried_again(thole):
    thole.config("""
        version: 1
        services: {web: {command: 'test -e go && exec sleep 1000; exit 7', restart: {delay: 10ms, max_delay: 50ms, max_restarts: 0},
                         ready: {exec: test -e go}}}
        """)
    up = thole.popen("up", "-d", "--wait")
    up.wait_for("web:serve is to be restarted: exit code 7; restart 1 after", stream=2)
    thole.file("go", "")
    assert up.wait() == 0
