# SPDX-License-Identifier: Apache-2.0
"""stop.command: what it writes, that it failed, and that KILL was needed are told."""

import pytest

STUBBORN = "trap \"\" TERM; while :; do sleep 0.1; done"


@pytest.fixture
def up(thole):
    thole.config(f"""
        version: 1
        services:
          slow: {{command: '{STUBBORN}', stop: {{command: 'echo closing; sleep 1000', grace: 500ms}}}}
          wrong: {{command: exec sleep 1000, stop: {{command: no-such-program-anywhere}}}}
          plain: {{command: '{STUBBORN}', stop: {{grace: 300ms}}}}
          kill: {{command: exec sleep 1000, stop: {{signal: KILL}}}}
        """)
    thole.run("up", "-d", "--wait")
    return thole


def test_what_went_wrong_is_said_and_kept(up):
    slow = up.run("stop", "slow").err
    assert "slow:serve: stopped by request; SIGKILL ended it; the stop command did not end in time" in slow
    wrong = up.run("stop", "wrong").err
    assert "wrong:serve: stopped by request; the stop command failed: exit code 127: " in wrong
    assert up.run("stop", "plain").err == "thole: plain:serve: stopped by request; SIGKILL ended it\n"
    assert up.run("stop", "kill").err == "", "that is what it is stopped with"
    assert "the stop command failed: exit code 127" in up.run("why", "wrong").out
    told = up.run("events", "wrong").out
    assert "hook       the stop command failed: exit code 127" in told
    up.run("down")
    assert "the stop command failed: exit code 127" in up.run("why", "wrong").out


def test_what_it_writes_is_in_the_log(up):
    up.run("stop", "slow", "wrong")
    assert "slow:serve.stop | closing" in up.run("logs", "slow").out
    assert "wrong:serve.stop | " in up.run("logs", "wrong").out
    up.run("start", "slow")
    up.run("stop", "slow")
    assert up.run("logs", "slow").out.count("closing") == 2
    up.run("down", "--purge")
    assert not list((up.state / "sessions").glob("*/runs/*")), "nothing is left of it"
