# SPDX-License-Identifier: Apache-2.0
"""Ways out of a run, and that none of them is one: after `stop` and after `down` nothing is left of what a service began."""

import pytest

from driver import alive, pids, read_proc, wait_until

# Every process of it has the mark among its words, whatever it does to its session, parents, descriptors and environment.
ESCAPE = '''
import ctypes, os, signal, sys

kind, mark, here = sys.argv[1], sys.argv[2], os.path.dirname(os.path.abspath(__file__))


def up():
    with open(os.path.join(here, "up"), "a") as file:
        file.write(f"{os.getpid()}\\n")


def stay():
    up()
    while True:
        signal.pause()


def fork():
    """In the child: True, in a session of its own."""
    child = os.fork() == 0
    if child:
        os.setsid()
    return child


def again(how, environment):
    os.execve(sys.executable, [sys.executable, "-I", "-S", os.path.join(here, "escape.py"), how, mark], environment)


def daemon():
    if not fork():
        return stay()
    if os.fork():
        os._exit(0)
    os.chdir("/")
    os.umask(0)
    os.closerange(0, 64)
    stay()


def no_stamp():
    if fork():
        again("stay", {})
    stay()


def another_stamp():
    if fork():
        again("stay", {"THOLE_RUN_ID": "0" * 32, "THOLE_SESSION": "another", "THOLE_TARGET": "another"})
    stay()


def another_name():
    if fork():
        ctypes.CDLL(None).prctl(15, b"thole-pin", 0, 0, 0)
    stay()


def another_reaper():
    """A process that takes in the orphans below it, as the pin does."""
    if not fork():
        return stay()
    ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)
    if os.fork() == 0:
        if os.fork():
            os._exit(0)
        os.setsid()
    stay()


def stubborn():
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD):
        signal.signal(number, signal.SIG_IGN)
    fork() or os.fork()
    stay()


def stopped():
    fork() and os.fork()
    up()
    while True:
        os.kill(os.getpid(), signal.SIGSTOP)


def faster():
    """Eight chains: each process forks the next one and is gone, as fast as it can; so far and no further."""
    for _ in range(8):
        if fork():
            up()
            for _ in range(4000):
                if os.fork():
                    os._exit(0)
                os.setsid()
            while True:
                signal.pause()
    stay()


globals()[kind]()
'''
WAYS = {"daemon": 2, "no_stamp": 2, "another_stamp": 2, "another_name": 2, "another_reaper": 3, "stubborn": 3, "stopped": 3, "faster": 9}  # how many say that they are up


def left(mark):
    return [pid for pid in pids() if mark.encode() in read_proc(pid, "cmdline").split(b"\0") and alive(pid)]


@pytest.mark.parametrize("words", [["stop", "api"], ["restart", "api"], ["down"], ["server", "stop", "--all"]], ids="-".join)
@pytest.mark.parametrize("way", WAYS)
def test_there_is_no_way_out(thole, way, words):
    mark = f"mark-of-{thole.base.name}"
    thole.file("escape.py", ESCAPE)
    thole.config({"version": 1, "services": {"api": {"stop": {"grace": "200ms"}, "command":
                  f"test -e up && exec sleep 1000; exec /usr/bin/python3 -I -S escape.py {way} {mark}"}}})
    thole.run("up", "-d")
    wait_until(lambda: (thole.project / "up").read_text().count("\n") >= WAYS[way], 20, "all of them to be up")
    assert len(left(mark)) > 1 or way == "faster"
    thole.run(*words)
    assert not left(mark)
    if words[0] != "restart":
        wait_until(lambda: not thole.pins(), 10, "its pin to be gone")
