# SPDX-License-Identifier: Apache-2.0
"""`attach`, `send-keys` and `exec` with real programs, in real terminals and without."""

import os
import pty
import signal
import subprocess
import termios
import time

import pytest

import driver

SERVICES = """
    version: 1
    services:
      sh: {command: [sh, -i], tty: true, restart: never, stop: {signal: HUP}, env: {PS1: '$ ', ENV: ''}}
      echo: {command: [cat], stdin: true, restart: never}
      code: {command: 'read x; exit "$x"', stdin: true, restart: never}
      deaf: {command: 'trap "exit 0" TERM; echo deaf; while :; do sleep 0.05; done', stdin: true, restart: never}
      plain: {command: 'sleep 1000', restart: never, env: {HELLO: world}}
    """


@pytest.fixture
def up(thole):
    thole.config(SERVICES)
    thole.run("up", "-d", "--wait")
    return thole


def logged(thole, name, text, timeout=20):
    driver.wait_until(lambda: text in thole.run("logs", name).out, timeout, f"{name} writes {text!r}")


def fresh():
    """How a terminal is that nobody has changed."""
    ours, theirs = pty.openpty()
    try:
        return termios.tcgetattr(ours)
    finally:
        os.close(ours)
        os.close(theirs)


def attach(thole, name, *options, tty=(30, 100)):
    live = thole.popen("attach", name, *options, tty=tty)
    if tty:
        driver.wait_until(lambda: not termios.tcgetattr(live.keyboard)[3] & termios.ICANON, what="the terminal to be raw")
    return live


# --- terminals ---

def test_a_shell_in_a_terminal(up):
    live = attach(up, "sh")
    live.type("stty size; tty; echo $TERM-$((6*7))\r")
    live.wait_for("^30 100\r$")
    live.wait_for("^/dev/pts/\\d+\r$")
    live.wait_for("-42\r$")
    live.type("exit 7\r")
    assert live.wait() == 7
    live.wait_for("thole: sh:serve ended with exit code 7")


def test_who_is_at_a_run_hears_its_end_also_when_it_is_started_again(up):
    """The next run is there before it looks: what is told is the end of the one that it was at."""
    live = attach(up, "sh")
    live.signal(signal.SIGSTOP)
    up.run("restart", "sh")
    up.wait_target("sh:serve", "active", run=2)
    live.signal(signal.SIGCONT)
    assert live.wait() == 129
    live.wait_for("thole: sh:serve was ended by signal 1")


def test_keys_detach_and_the_terminal_is_as_it_was(up):
    for keys, typed in (((), "\x10\x11"), (("--detach-keys", "C-a,d"), "\x01d"), (("--detach-keys", "ctrl-x"), "\x18")):
        live = attach(up, "sh", *keys)
        live.type("\x10\x15echo on$((1+1))\r")  # alone it is a key like others, which the ^U takes away
        live.wait_for("on2\r$")
        live.type(typed)
        assert live.wait() == 0
        live.wait_for("thole: detached; it goes on")
        assert termios.tcgetattr(live.keyboard) == fresh()
    assert up.target("sh:serve")["state"]["active"]


@pytest.mark.parametrize("number, code", [(signal.SIGTERM, 143), (signal.SIGHUP, 129), (signal.SIGINT, 130), (signal.SIGQUIT, 131)])
def test_signals_leave_the_terminal_as_it_was(up, number, code):
    live = attach(up, "sh")
    live.signal(number)
    assert live.wait() == code
    assert termios.tcgetattr(live.keyboard) == fresh()
    assert up.target("sh:serve")["state"]["active"]


def test_the_size_follows_the_window(up):
    import fcntl
    import struct
    live = attach(up, "sh")
    fcntl.ioctl(live.keyboard, termios.TIOCSWINSZ, struct.pack("HHHH", 44, 133, 0, 0))
    live.signal(signal.SIGWINCH)
    driver.wait_until(lambda: live.type("stty size\r") or "\n44 133" in live.out, what="the terminal to have that size")


def test_a_full_screen_program_paints_the_screen_of_who_comes_later(thole):
    thole.file("screen.py", """
import curses

def main(screen):
    screen.keypad(True)
    while True:
        screen.clear()
        rows, columns = screen.getmaxyx()
        screen.addstr(0, 0, "size %d %d" % (rows, columns))
        screen.refresh()
        if screen.getch() == ord("q"):
            return

curses.wrapper(main)
""")
    thole.config("version: 1\nservices: {ui: {command: [/usr/bin/python3, screen.py], tty: true, restart: never, env: {TERM: xterm}}}\n")
    thole.run("up", "-d", "--wait")
    for size in ((30, 100), (30, 100), (20, 60)):
        live = attach(thole, "ui", tty=size)
        live.wait_for(f"size {size[0]} {size[1]}")
        live.type("\x10\x11")
        assert live.wait() == 0
    live = attach(thole, "ui", tty=(20, 60))
    live.wait_for("size 20 60")
    live.type("q")
    assert live.wait() == 0
    live.wait_for("ui:serve ended with exit code 0")


def test_two_at_one_terminal(up):
    one, two = attach(up, "sh"), attach(up, "sh")
    one.type("echo fr''om one\r")
    for live in (one, two):
        live.wait_for("^from one\r$")
    two.type("echo fr''om two\r")
    for live in (one, two):
        live.wait_for("^from two\r$")
    one.type("\x10\x11")
    assert one.wait() == 0
    two.type("exit 3\r")
    assert two.wait() == 3


def test_a_killed_server_is_not_noticed(up):
    """Output goes on at its place and what is typed arrives once, whatever the server goes through."""
    live = attach(up, "sh")
    live.type("stty -echo\r")
    for i in range(12):
        if i % 3 == 1:
            up.kill(up.server_pid())
        live.type(f"echo line{i}.\r")
        live.wait_for(f"^(\\$ )*line{i}\\.\r$", 30)
    for i in range(12):
        assert live.out.count(f"line{i}.") <= 2, f"line {i} came twice:\n{live.out}"  # the first, before the echo is off, twice
    live.type("\x10\x11")
    assert live.wait() == 0


# --- without a terminal ---

def test_input_from_a_pipe_ends_with_it(up):
    assert up.run("attach", "echo", input="one\ntwo").out == "one\ntwo"
    assert "echo:serve ended with exit code 0" in up.run("attach", "code", input="5\n", code=5).err.replace("code:serve ended with exit code 5",
                                                                                                   "echo:serve ended with exit code 0")


def test_a_mebibyte_passes_as_it_is(up):
    text = "".join(f"{i:07d}\n" for i in range(131072))
    assert up.run("attach", "echo", input=text).out == text


def test_a_mebibyte_passes_while_servers_are_killed(up):
    """Every byte once and in order, both ways."""
    text = "".join(f"{i:07d}\n" for i in range(131072))
    live = up.popen("attach", "echo")
    done = []
    import threading
    feeder = threading.Thread(target=lambda: (live.process.stdin.write(text.encode()), live.process.stdin.close(), done.append(1)))
    feeder.start()
    for _ in range(4):
        size = len(live.output[1])
        driver.wait_until(lambda: len(live.output[1]) > size + 1000 or live.process.poll() is not None, what="bytes to come")
        if live.process.poll() is None:
            up.kill(driver.wait_until(up.server_pid, what="the next server"))
    feeder.join(60)
    assert live.wait(60) == 0
    assert live.out == text


def test_a_terminals_input_may_come_from_a_pipe(up):
    said = up.run("attach", "sh", input="echo fr''om afar\n")
    assert "detached, as there is no more input; it goes on" in said.err
    logged(up, "sh", "from afar")


def test_who_does_not_read_holds_up_nobody(up):
    """1 MiB for a program that reads nothing: the sender waits, others go on, a stop works, and then the sender is told."""
    sender = subprocess.Popen(up._words(["attach", "deaf"]), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              cwd=up.project, env=up.env)
    os.set_blocking(sender.stdin.fileno(), False)
    sent = 0

    def push():
        nonlocal sent
        try:
            sent += os.write(sender.stdin.fileno(), b"x" * min(65536, (1 << 20) - sent)) if sent < 1 << 20 else 0
        except BlockingIOError:
            return True
        return sent >= 1 << 20
    driver.wait_until(push, what="the sender to be held back")
    assert up.run("ps").out and up.run("send-keys", "echo", "hello", "Enter").code == 0
    logged(up, "echo", "hello")
    assert up.run("send-keys", "deaf", "x", "--timeout", "300ms", code=4).err
    up.run("stop", "deaf")
    sender.stdin.close()
    assert sender.wait(20) == 0
    assert b"deaf:serve ended with exit code 0" in sender.stderr.read()


def test_what_reads_nothing_is_refused(up):
    for words in (("attach", "plain"), ("send-keys", "plain", "x")):
        said = up.run(*words, code=3).err
        assert "plain:serve reads nothing; `tty: true` or `stdin: true`" in said
    up.run("stop", "plain")
    assert "plain:serve is not running" in up.run("attach", "plain", code=3).err
    assert "attach needs one NAME" in up.run("attach", code=2).err
    assert "are no keys" in up.run("attach", "sh", "--detach-keys", "C-p,nonsense", code=2).err
    assert "needs a NAME and a KEY" in up.run("send-keys", "sh", code=2).err


# --- send-keys ---

def test_keys_are_sent_by_name(up):
    up.run("send-keys", "sh", "echo a''b", "Space", "c", "BSpace", "d", "Enter")
    logged(up, "sh", "ab d")
    up.run("send-keys", "sh", "sleep 1000", "Enter")
    up.run("send-keys", "sh", "C-c", "echo in''terrupted", "Enter")
    logged(up, "sh", "\ninterrupted".strip())
    up.run("send-keys", "-l", "sh", "--", "echo -", "Enter")
    up.run("send-keys", "sh", "Enter")
    logged(up, "sh", "-Enter")
    up.run("send-keys", "echo", "to a pipe", "Enter")
    logged(up, "echo", "to a pipe")


# --- exec ---

def test_exec_is_in_the_targets_place(up):
    up.file("sub/thole.txt", "")
    done = up.run("exec", "plain", "--", "sh", "-c", "echo $HELLO $THOLE_RESOURCE; pwd; exit 9", code=9)
    assert done.out == f"world plain\n{up.project}\n"
    up.run("stop", "plain")
    assert up.run("exec", "plain", "--", "printenv", "HELLO").out == "world\n"
    assert up.run("exec", "plain", "--", "printf", "%s|", "", "a b").out == "|a b|"
    assert "no-such-program" in up.run("exec", "plain", "--", "no-such-program", code=127).err
    assert up.run("exec", "plain", "--", "sh", "-c", "kill -9 $$", code=137)
    assert up.run("exec", "plain", input="echo $HELLO\n", env={"SHELL": "/bin/sh"}).out == "world\n"
    assert "nobody" in up.run("exec", "nobody", "--", "true", code=None).err


def test_exec_has_the_terminal(up):
    live = up.popen("exec", "plain", "--", "sh", "-c", "stty size; test -t 0 && test -t 1 && read x && echo got $x", tty=(25, 70))
    live.wait_for("^25 70\r$")
    live.type("it\r")
    live.wait_for("^got it\r$")
    assert live.wait() == 0


# --- stop commands ---

def test_a_stop_command_ends_it_with_its_environment(thole):
    thole.config("""
        version: 1
        services:
          a:
            command: 'trap "" TERM; until [ -e bye ]; do sleep 0.02; done; echo bye; exit 0'
            env: {FILE: bye}
            restart: never
            stop: {command: 'touch "$FILE"', grace: 30s}
          b:
            command: 'trap "echo told; exit 0" INT; echo up; while :; do sleep 0.02; done'
            restart: never
            stop: {command: 'echo cannot >&2; exit 4', signal: INT, grace: 30s}
        """)
    thole.run("up", "-d", "--wait")
    logged(thole, "b", "up")
    thole.kill(thole.server_pid())
    began = time.monotonic()
    thole.run("stop", "a", "b")
    assert time.monotonic() - began < 20
    assert thole.target("a:serve")["state"].get("terminated", {}).get("exitCode", 0) == 0
    logged(thole, "a", "bye")
    logged(thole, "b", "told")
    assert "the stop command failed: exit code 4: cannot" in "".join(
        (thole.state / name).read_text() for name in ("server.log", "rail.log") if (thole.state / name).exists())


def test_down_uses_stop_commands(thole):
    thole.config("version: 1\nservices: {a: {command: 'trap \"\" TERM; until [ -e bye ]; do sleep 0.02; done; echo bye >> ledger',"
                 " stop: {command: touch bye, grace: 30s}}}\n")
    thole.run("up", "-d", "--wait")
    thole.run("down")
    assert (thole.project / "ledger").read_text() == "bye\n"


# --- what a program made of the terminal ---

MODES = r"""
import os, signal, sys
def paint(*_):  # not through sys.stdout: a signal that comes while that is written would be an error
    os.write(1, b"\033[5;10rpainted")
signal.signal(signal.SIGWINCH, paint)
sys.stdout.write("\033[?1049h\033[?1h\033=\033[?1000;1006h\033[?25l")
sys.stdout.write("x" * int(sys.argv[1]))
sys.stdout.flush()
paint()
while True:
    signal.pause()
"""


@pytest.mark.parametrize("written", [0, 3 << 20])
def test_who_comes_back_has_a_clean_screen_and_leaves_one(thole, written):
    """Also when the modes were set long ago, and megabytes were painted since."""
    thole.file("modes.py", MODES)
    thole.config(f"version: 1\nservices: {{ui: {{command: [/usr/bin/python3, modes.py, '{written}'], tty: true, restart: never}}}}\n")
    thole.run("up", "-d", "--wait")
    logged(thole, "ui", "painted")
    for _ in range(2):
        live = attach(thole, "ui")
        live.wait_for("painted")
        assert live.out.count("xxx") == 0
        begun = live.out[:live.out.index("painted")]
        assert begun.startswith("\x1b[?1049h\x1b[?1h\x1b[?1000h\x1b[?1006h\x1b[?25l\x1b=\x1b[H\x1b[2J")
        live.type("\x10\x11")
        assert live.wait() == 0
        left = live.out[live.out.rindex("painted"):]
        for off in ("?1006l", "?1000l", "?1l", "?1049l", "?25h", "r"):
            assert f"\x1b[{off}" in left, off
        assert "\x1b>" in left and left.index("\x1b[?1049l") < left.index("detached")


def test_in_the_background_it_is_told_and_not_stopped(up):
    """As GNU timeout starts it: who is in the background can neither read nor change the terminal."""
    live = driver.Live(["sh", "-c", f"timeout 60 {up.bin}/thole attach sh"], tty=True, env=up.env, cwd=up.project)
    up.live.append(live)
    live.wait_for("in the background: what is typed goes to sh:serve once this is in the foreground")
    up.run("send-keys", "sh", "echo sh''own", "Enter")
    live.wait_for("^shown\r+$")
    assert termios.tcgetattr(live.keyboard)[3] & termios.ICANON
    client = [pid for pid in map(int, filter(str.isdigit, os.listdir("/proc")))
              if driver.read_proc(pid, "cmdline").split(b"\0")[:2] == [str(up.bin / "thole").encode(), b"attach"]][0]
    os.kill(client, signal.SIGTERM)
    live.wait()
    live.wait_for("thole: detached; it goes on")


def test_from_the_background_to_the_foreground(up):
    shell = driver.Live(["/bin/bash", "--norc", "-i"], tty=True, env={**up.env, "PS1": "READY> "}, cwd=up.project)
    up.live.append(shell)
    shell.wait_for("READY> ")
    shell.type(f"{up.bin}/thole attach sh &\r")
    shell.wait_for("in the background")
    shell.type("fg\r")
    driver.wait_until(lambda: not termios.tcgetattr(shell.keyboard)[3] & termios.ICANON and b"attach" in
                      driver.read_proc(os.tcgetpgrp(shell.keyboard), "cmdline"), what="it to have the terminal")
    shell.type("echo typ''ed\r")
    shell.wait_for("^typed\r$")
    shell.type("\x10\x11")
    shell.wait_for("detached; it goes on")
    shell.type("exit\r")
    shell.wait()


def test_who_waits_for_a_server_is_told(thole):
    import fcntl
    thole.config("version: 1\nservices: {plain: {command: sleep 1000}}\n")
    thole.state.mkdir(parents=True, exist_ok=True)
    with open(thole.state / "server.lock", "a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        live = thole.popen("up", "-d", tty=True)
        live.wait_for("thole: (no server answers; waiting for one|waiting for the server to start)")
    live.wait()


def test_a_stop_command_that_hangs_costs_the_grace_and_no_more(thole):
    thole.config("""
        version: 1
        services:
          deaf:
            command: trap "" TERM; while :; do sleep 0.02; done
            restart: never
            stop: {command: echo $$ >> $LEDGER; exec sleep 1000, grace: 300ms}
        """)
    thole.run("up", "-d", "--wait")
    thole.run("restart", "deaf", timeout=20)
    thole.wait_target("deaf:serve", "active", run=2)
    thole.run("down", timeout=20)
    assert len(thole.ledger()) == 2, "it counts for every stop"
    assert not any(driver.alive(int(pid)) for pid in thole.ledger())


def test_exec_goes_on_when_the_session_is_down(up):
    live = up.popen("exec", "plain", "--", "sh", "-c", "echo here; read x; echo got $x")
    live.wait_for("^here$")
    up.run("down")
    live.type("it\n")
    live.wait_for("^got it$")
    assert live.wait() == 0
