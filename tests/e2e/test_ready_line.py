# SPDX-License-Identifier: Apache-2.0
"""What `thole up` says when all is ready: quiet services leave nobody before an empty screen."""

import re
import signal

import pytest

import driver

QUIET = """
    version: 1
    services:
      quiet: {{command: exec sleep 1000, port: auto, env: {{X: '{x}'}}}}
      named: {{command: exec sleep 1000, ports: {{admin: auto}}}}
      job: {{type: job, command: 'true'}}
      nightly: {{type: job, command: 'true', schedule: '@yearly'}}
      slow: {{command: exec sleep 1000, ready: {{exec: test -e go}}}}
      later: {{command: exec sleep 1000, auto: false, port: auto}}
    """
READY = r"thole: shop-\w+ is ready: 3 servers, 1 job done, 1 job scheduled; named admin \d+, quiet \d+; \^C stops it\r?$"


@pytest.mark.parametrize("tty", [True, False])
def test_it_is_said_once_and_again_after_a_reload(thole, tty):
    thole.config(QUIET.format(x=1))
    live = thole.popen("up", tty=tty)
    stream = 1 if tty else 2
    said = lambda: live.output[stream].decode().count("is ready:")
    thole.wait_target("quiet:serve", "active")
    assert said() == 0, "slow is not ready"
    thole.file("go", "")
    live.wait_for(READY, stream=stream)
    thole.run("restart", "quiet")
    assert said() == 1, "nothing was worth a word"
    thole.config(QUIET.format(x=2))
    driver.wait_until(lambda: said() == 2, what="it to be said after the reload")
    live.signal(signal.SIGINT)
    assert live.wait() == 130
    assert said() == 2


def test_what_came_back_after_a_failure_is_told(thole):
    thole.config("version: 1\nservices: {a: {command: 'test -e crash && rm crash && exit 3; exec sleep 1000', restart: {delay: 10ms}}}")
    thole.file("crash", "")
    live = thole.popen("up")
    live.wait_for("a:serve is to be restarted: exit code 3; restart 1 of 10 after", stream=2)
    live.wait_for("is ready: 1 server; ", stream=2)


def test_who_joins_is_told_how_to_leave(thole):
    thole.config("version: 1\nservices: {a: {command: exec sleep 1000}, b: {command: exec sleep 1000, auto: false}}")
    thole.run("up", "-d", "--wait")
    live = thole.popen("up", tty=True)
    live.wait_for(r"is ready: 1 server; \^C detaches")
    live.signal(signal.SIGINT)
    assert live.wait() == 0
    assert "is ready:" not in thole.run("up", "-d", "--wait").out


def test_where_nothing_starts_by_itself(thole):
    thole.config("version: 1\nservices: {b: {command: exec sleep 1000, auto: false}}")
    live = thole.popen("up")
    live.wait_for("is ready: nothing in it starts by itself, `thole start NAME` does", stream=2)


@pytest.mark.parametrize("columns", [40, 80, 200])
def test_lines_fit_the_terminal(thole, columns):
    """Long names are cut in their middle; on a pipe nothing is."""
    name = "a-very-long-name-of-fifty-characters-nobody-wants-x"
    thole.config(f"version: 1\nservices: {{{name}: {{command: 'echo hello; exec sleep 1000', ready: {{exec: test -e go}}}}}}")
    live = thole.popen("up", tty=(24, columns))
    live.wait_for("starting.*not read")
    live.wait_for("….*serve.* .*hello")
    thole.wait_target(f"{name}:serve", "active")
    shown = thole.popen("ps", tty=(24, columns))
    assert shown.wait() == 0
    for text in (live.out, shown.out):  # ps has columns that are not cut
        lines = [line for line in re.sub(r'\x1b\[[0-9;?]*[A-Za-z]', '', text).splitlines() if "serve" in line and "│" not in line]
        assert lines and max(map(len, lines)) <= max(columns, 70), lines
    assert f"{name}:serve" in thole.run("ps").out
    assert f"{name}:serve | hello" in thole.run("logs").out
