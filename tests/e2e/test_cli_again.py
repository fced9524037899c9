# SPDX-License-Identifier: Apache-2.0
"""The server dies between what was asked and its answer: the command asks the next one, and comes to the same end."""

import pytest

import driver

PLAIN = "version: 1\nservices: {a: {command: sleep 1000}, job: {type: job, command: 'echo begun; echo job >> $LEDGER'}}\n"


@pytest.mark.parametrize("point", ["created", "saved", "rename"])
@pytest.mark.parametrize("words", [["up"], ["ci"]])
def test_a_session_that_was_created_is_its_creators(thole, words, point):
    thole.use_faults("server")
    thole.config(PLAIN)
    thole.run("vet", env={"THOLE_CRASH_DIR": str(thole.base)})
    (thole.base / f"server.{point}").touch()
    live = thole.popen(*words)
    live.wait_for("begun")
    assert "attached" not in live.err and "already" not in live.err, live
    if words == ["ci"]:
        assert live.wait() == 0
    else:
        thole.wait_ledger("job")
        live.signal(2)
        assert live.wait() == 130 and "is down" in live.err, "it is the one that created the session"
    assert thole.ledger() == ["job"] and not thole.pins()
    assert not (thole.base / f"server.{point}").exists(), "no server died"


def test_down_goes_on_with_the_next_server(thole):
    thole.use_faults("server")
    thole.config(PLAIN)
    thole.run("up", "-d", "--wait", env={"THOLE_CRASH_DIR": str(thole.base)})
    (thole.base / "server.down").touch()
    assert "is down" in thole.run("down").err
    assert not (thole.base / "server.down").exists() and not thole.pins(), "no server died"


def test_restart_is_not_asked_twice(thole):
    thole.use_faults("server")
    thole.config(PLAIN)
    thole.run("up", "-d", "--wait", env={"THOLE_CRASH_DIR": str(thole.base)})
    (thole.base / "server.saved").touch()
    result = thole.run("restart", "a", code=3)
    assert "the server went away before it answered" in result.err and "`thole ps` shows" in result.err
    driver.wait_until(lambda: thole.target("a:serve")["state"]["active"]["run"] <= 2)
