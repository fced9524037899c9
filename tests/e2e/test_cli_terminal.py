# SPDX-License-Identifier: Apache-2.0
"""`up` in a terminal of its own: what ^C does to whom, also while nothing has begun yet, and what a closed terminal leaves."""

import os
import signal

import pytest

import driver

DEAF = """
    version: 1
    services:
      deaf: {command: 'trap "echo no" TERM; echo deaf; while :; do sleep 0.05; done', stop: {grace: 10m}, ready: {exec: ["false"]}}
      late: {command: sleep 1000, depends_on: [deaf]}
    """
PLAIN = "version: 1\nservices: {a: {command: 'echo begun; exec sleep 1000'}}\n"


def active(thole, *options):
    return thole.targets(*options)["a:serve"]["state"]["active"]["pid"]


@pytest.mark.parametrize("options", [(), ("--session", "two")])
def test_a_closed_terminal_leaves_the_session_and_is_told_once(thole, options):
    thole.config(PLAIN)
    for next_words in (["ps"], ["up", "-d"], ["ps", "-a"]):
        up = thole.popen(*options, "up", tty=True)
        up.wait_for("begun")
        pid = active(thole, *options)
        up.hang_up()
        assert up.wait() == 143 and driver.alive(pid)
        said = thole.run(*options, *next_words).err
        assert f"goes on without the `thole up` that began it (process {up.pid} has gone)" in said
        assert ("in its directory stops it" if "-a" in next_words else f"`{' '.join(['thole', *options, 'down'])}` stops it") in said
        assert "without" not in thole.run(*options, "ps").err, "it is said once"
        thole.run(*options, "down", "--purge")


def test_up_that_attaches_says_that_the_client_has_gone(thole):
    thole.config(PLAIN)
    first = thole.popen("up", tty=True)
    first.wait_for("begun")
    first.signal(signal.SIGKILL)
    first.wait()
    second = thole.popen("up", tty=True)
    second.wait_for("without the `thole up` that began it")
    second.wait_for("attached to")
    second.type("\x03")
    assert second.wait() == 0
    second.wait_for("detached; the session goes on: `thole down` stops it")
    assert active(thole)


def test_interrupts_while_things_start(thole):
    thole.config(DEAF)
    up = thole.popen("up", tty=True)
    up.wait_for("│ deaf|│.* deaf")
    up.wait_for("late:serve +\\S*waiting")
    up.type("\x03")
    up.wait_for("stopping; \\^C again kills")
    up.wait_for("│.* no")
    up.type("\x03")
    up.wait_for("killing")
    assert up.wait() == 130 and not thole.pins()


def test_who_created_stops_and_who_attached_detaches(thole):
    thole.config(PLAIN)
    first = thole.popen("up", tty=True)
    first.wait_for("begun")
    others = [thole.popen("up", tty=True) for _ in range(2)]
    for other in others:
        other.wait_for("attached to")
    others[0].type("\x03")
    assert others[0].wait() == 0 and active(thole)
    first.type("\x03")
    assert first.wait() == 130 and not thole.pins()
    assert others[1].wait() == 0, "it saw the session end"


@pytest.fixture
def halted(thole):
    """A server that does not move until it is told to."""
    thole.config(PLAIN)
    thole.run("vet")
    server = thole.server_pid()
    thole.kill(server, signal.SIGSTOP)
    yield thole, lambda: os.kill(server, signal.SIGCONT)
    os.kill(server, signal.SIGCONT)


def asked(thole, live):
    """Its question lies with the server: it waits for the answer."""
    driver.wait_until(lambda: any(driver.link_of(f"/proc/{live.pid}/fd/{fd}").startswith("socket:") for fd in
                                  os.listdir(f"/proc/{live.pid}/fd")) and driver.read_proc(live.pid, "wchan").startswith(b"do_poll")
                      or driver.read_proc(live.pid, "syscall").startswith((b"7 ", b"271 ")), what="the client to wait")


def test_an_interrupt_before_the_answer_stops_what_begins(halted):
    thole, go_on = halted
    up = thole.popen("up", tty=True)
    asked(thole, up)
    up.type("\x03")
    go_on()
    assert up.wait() == 130
    up.wait_for("stopping; \\^C again kills")
    up.wait_for("is down")
    assert not thole.pins()


def test_an_interrupt_does_not_wait_for_a_server_that_hangs(halted):
    thole, _ = halted
    up = thole.popen("up", tty=True)
    asked(thole, up)
    up.type("\x03")
    assert up.wait(10) == 130
    up.wait_for("interrupted before the server answered; should the session have begun all the same, `thole down` stops it")


def test_a_server_that_does_not_answer_is_named_and_waited_for(halted):
    thole, go_on = halted
    plain, drawn = thole.popen("env", "list"), thole.popen("env", "list", tty=True)
    said = [plain.wait_for(r"^thole: the server \(process (\d+)\) has not answered for 5s\n", stream=2),
            drawn.wait_for(r"^thole: the server \(process (\d+)\) has not answered for 5s\r+\n")]
    go_on()
    assert plain.wait() == 0 and drawn.wait() == 0
    assert {int(match[1]) for match in said} == {thole.server_pid()}


def test_a_terminal_that_closes_before_the_answer_leaves_the_session(halted):
    thole, go_on = halted
    up = thole.popen("up", tty=True)
    asked(thole, up)
    up.hang_up()
    go_on()
    assert up.wait() == 143
    thole.wait_target("a:serve", "active")
    assert f"process {up.pid} has gone" in thole.run("ps").err
