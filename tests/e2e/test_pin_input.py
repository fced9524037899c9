# SPDX-License-Identifier: Apache-2.0
"""What a process of a pin reads: terminals, pipes, passed sockets; and what the rail keeps for servers to come."""

import errno
import os
import pathlib
import select
import signal
import socket
import struct
import sys

import pytest

from pinlib import *  # noqa: F403
from test_pin import make_rail, outcome, rail  # noqa: F401

FDS = "import os,sys; sys.stdout.write(repr([(int(f), os.readlink(f'/proc/self/fd/{f}')) for f in sorted(os.listdir('/proc/self/fd'))" \
    " if os.path.exists(f'/proc/self/fd/{f}')]))"


def py(text):
    return [sys.executable, "-S", "-E", "-c", text]


def listener():
    sock = socket.socket()
    sock.bind(("127.0.0.1", 0))
    sock.listen(16)
    return sock


def inode(fd):
    return os.fstat(fd).st_ino


# --- pipes ---

def test_input_reaches_the_process_and_ends(rail):
    run = rail.sh("cat; echo over", flags=STDIN)
    taken = run.feed(b"one\n" * 5000, end=True)
    assert (taken.error, taken.writer, taken.at) == (0, 1, 20000)
    assert run.ended().code == 0
    assert run.log() == b"one\n" * 5000 + b"over\n"


def test_without_input_it_reads_nothing_and_says_so(rail):
    run = rail.sh("cat; sleep 1000")
    assert run.feed(b"x").error == errno.EBADF
    run.stop(signal.SIGKILL)
    assert run.ended().end == SIGNALED


def test_input_after_its_end_is_refused(rail):
    run = rail.sh("cat; sleep 1000", flags=STDIN)
    assert run.feed(b"x", end=True).error == 0
    assert run.feed(b"y", at=1).error == errno.EBADF
    wait_for(lambda: run.log() == b"x", "it has copied what it got")
    run.stop(signal.SIGKILL)
    run.ended()


def test_who_does_not_want_input_gets_none(rail):
    run = rail.sh("exec <&-; echo closed; sleep 1000", flags=STDIN)
    wait_for(lambda: run.log() == b"closed\n", "its input is closed")
    assert run.feed(b"x").error == errno.EPIPE
    run.stop(signal.SIGKILL)
    run.ended()


def test_a_process_that_does_not_read_holds_up_nobody(rail):
    """The pipe is full, a message is held: the log goes on, others are answered, a stop works, and nothing else was read."""
    run = rail.sh("trap 'exit 3' TERM; while :; do echo alive; sleep 0.01; done", flags=STDIN)
    sent = 0
    while True:
        run.write(b"x" * 4096, at=sent)
        message = None
        while message is None or message.type not in (TAKEN, "nothing"):
            if not select.select([run.conn.sock], [], [], 0.3)[0]:
                message = type("Nothing", (), {"type": "nothing"})
            else:
                message = run.conn.receive()
        if message.type == "nothing":
            break
        sent += 4096
    assert sent >= 65536
    size = len(run.log())
    wait_for(lambda: len(run.log()) > size, "the log goes on")
    other = run.attach()
    assert other.until(STATE).phase == RUNNING
    run.stop()
    assert (run.ended().end, run.exit()["code"]) == (EXITED, 3)


def test_a_message_that_is_repeated_is_taken_once(rail):
    """Its sender dies while it is held; the next one says it again, from a place before: each byte arrives once, in order."""
    run = rail.sh("until [ -e go ]; do sleep 0.01; done; cat", flags=STDIN)
    run.started()
    text = b"".join(b"%07d\n" % i for i in range(20000))[:100_000]
    sent = 0
    while True:
        run.write(text[sent:sent + 4096], writer=9, at=sent)
        if not select.select([run.conn.sock], [], [], 0.3)[0]:
            break
        assert run.conn.until(TAKEN).at == sent + 4096
        sent += 4096
    run.conn.close()
    run.conn = run.attach()
    back = sent - 8192
    run.write(text[back:back + 4096], writer=9, at=back)
    (rail.root / "go").touch()
    at = run.conn.until(TAKEN).at
    assert at >= back + 4096
    run.feed(text[at:], end=True, writer=9, at=at)
    run.ended()
    assert run.log() == text


def test_writers_do_not_disturb_each_other(rail):
    run = rail.sh("cat", flags=STDIN)
    for i in range(40):
        assert run.feed(b"%02d " % i, writer=i).error == 0
    assert run.feed(b"ab", writer=3, at=3).error == 0
    assert run.feed(b"abc", writer=3, at=3).error == 0
    run.feed(end=True)
    run.ended()
    assert run.log() == b"".join(b"%02d " % i for i in range(40)) + b"abc"


# --- terminals ---

def test_a_terminal_is_one(rail):
    run = rail.run(py("import os,sys; print(all(os.isatty(i) for i in range(3)), os.ttyname(0) == os.ttyname(2), "
                      "tuple(os.get_terminal_size()), os.tcgetpgrp(0) == os.getpid() == os.getsid(0), os.stat('/dev/tty').st_rdev != 0);"
                      "open('/dev/tty','w').write('mine\\n'); sys.stderr.write('err\\n'); print(sorted(os.listdir('/proc/self/fd')))"),
                   flags=TTY)
    assert run.ended().code == 0
    lines = run.log().decode().split("\r\n")
    assert lines[0] == "True True (80, 24) True True" and "mine" in lines and "err" in lines
    assert "['0', '1', '2', '3']" in lines  # 3: the directory itself
    assert {stream for *_, stream in run.chunks()} == {1}


def test_the_last_words_on_a_terminal_are_kept(rail):
    for size in (1, 4095, 4096, 4097, 20000):
        for _ in range(20):
            run = rail.run(py(f"import os; os.write(1, b'x' * {size} + b'!')"), flags=TTY)
            run.ended()
            assert run.log() == b"x" * size + b"!"


def test_a_terminal_takes_lines_control_characters_and_the_end(rail):
    run = rail.sh("trap 'echo interrupted' INT; stty -echo; echo up; read a; read b; echo $a-$b; cat; echo end", flags=TTY)
    wait_for(lambda: b"up" in run.log(), "it is up")
    run.feed(b"\x03one\ntwo\n", at=0)
    wait_for(lambda: b"one-two" in run.log(), "it has read")
    run.feed(b"three\n\x04", at=100)
    assert run.ended().code == 0
    words = run.log().split(b"\r\n")
    assert words == [b"up", b"interrupted", b"one-two", b"three", b"end", b""]


def test_a_terminal_that_is_not_read_holds_up_nobody(rail):
    run = rail.sh("stty raw -echo; echo up; trap 'exit 3' TERM; while :; do sleep 0.01; done", flags=TTY)
    wait_for(lambda: b"up" in run.log(), "it is up")
    for i in range(64):
        run.write(b"x" * 4096, at=4096 * i)
    other = run.attach()
    assert other.until(STATE).phase == RUNNING
    run.stop()
    assert run.ended().code == 3


def test_the_size_changes_and_the_foreground_hears_of_it(rail):
    run = rail.sh("trap 'stty size' WINCH; echo up; while :; do sleep 0.01; done", flags=TTY)
    wait_for(lambda: b"up" in run.log(), "it is up")
    run.resize(50, 132)
    wait_for(lambda: run.log().count(b"50 132\r\n") >= 1, "it is told")
    told = run.log().count(b"50 132\r\n")
    run.conn.send(pack(RESIZE, "HHHH", 50, 132, 1, 0))
    run.conn.send(pack(RESIZE, "HHHH", 50, 132, 0, 0))
    wait_for(lambda: run.log().count(b"50 132\r\n") > told, "it is told again")
    run.stop(signal.SIGKILL)
    run.ended()


def test_secrets_are_masked_on_a_terminal(rail):
    run = rail.sh("echo up; read x; echo it was $x", flags=TTY, secrets=["hunter2-hunter2"])
    wait_for(lambda: b"up" in run.log(), "it is up")
    run.feed(b"hunter2-hunter2\n")
    run.ended()
    assert b"hunter2" not in run.log() and run.log().count(b"********") == 2


def test_nothing_is_left_of_a_terminals_programs(rail):
    run = rail.sh("sh -c 'trap \"\" HUP TERM; sleep 1000' & sh -c 'trap \"\" HUP; sleep 1000'", flags=TTY)
    run.started()
    run.stop(grace_ms=200)
    run.ended()
    assert not rail.left()


# --- passed sockets ---

@pytest.mark.parametrize("cgroup", [False, True])
def test_sockets_are_passed_and_nothing_else(rail, cgroup):
    socks = [listener(), listener()]
    place = rail.root / "cgroup"
    place.mkdir()
    env = {"PATH": os.environ["PATH"], "LISTEN_FDS": "2", "LISTEN_PID": "0", "LISTEN_FDNAMES": "http:admin",
           **dict([rail.stamp.split("=")])}
    script = ("import os,socket; print(os.environ['LISTEN_PID'] == str(os.getpid()), os.environ['LISTEN_FDS'], "
              "[socket.socket(fileno=os.dup(i)).getsockname()[1] for i in (3, 4)], [os.get_inheritable(i) for i in (3, 4)]); "
              "print(sorted(map(int, os.listdir('/proc/self/fd'))), flush=True)")
    run = rail.run(["sh", "-c", "exec \"$@\"", "sh", *py(script)], env=env, sockets=socks, cgroup=place if cgroup else None)
    assert run.ended().code == 0
    lines = run.log().decode().split("\n")
    assert lines[0] == f"True 2 {[s.getsockname()[1] for s in socks]} [True, True]"
    assert lines[1] == "[0, 1, 2, 3, 4, 5]"  # the last is the directory itself
    port = socks[0].getsockname()
    for sock in socks:
        sock.close()
    wait_for(lambda: refused(port), "rail and pin have closed it too")


def refused(address):
    try:
        socket.create_connection(address, 1).close()
    except ConnectionRefusedError:
        return True
    return False


def test_the_pin_does_not_hold_what_it_passes(rail):
    sock = listener()
    run = rail.sh("exec 3<&-; echo closed; sleep 1000", sockets=[sock])
    wait_for(lambda: run.log() == b"closed\n", "it has closed the socket")
    address = sock.getsockname()
    sock.close()
    wait_for(lambda: refused(address), "nobody listens any more")
    run.stop(signal.SIGKILL)
    run.ended()


def test_as_many_sockets_as_there_may_be(rail):
    socks = [listener() for _ in range(16)]
    run = rail.run(py("import os; print([os.fstat(i).st_ino for i in range(3, 19)])"), sockets=socks)
    run.ended()
    assert run.log().decode() == f"{[inode(s.fileno()) for s in socks]}\n"
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    rail.conn.send(pack(SPAWN, "QII", 8, 4_000_000_000, 0), [theirs.fileno(), os.open("/", os.O_RDONLY)])
    assert rail.conn.until(SPAWN_FAILED).tag == 8


# --- what the rail keeps ---

def keep(conn, place, name=b"", sock=None):
    conn.send(pack(KEEP, "II128s", place, 0, name), [sock.fileno()] if sock else [])


def kept(rail):
    """What a new server is given."""
    wait_for(rail.try_connect, "the rail listens")
    conn = rail.found
    conn.send(pack(HELLO, "IIi", 1, 0, os.getpid()))
    found = {}
    for message in iter(conn.receive, None):
        if message.type == WELCOME:
            assert message.keeps == 64 and message.sockets == 16
            conn.send(pack(BYE))
            conn.close()
            return found
        assert message.type == KEPT and len(message.fds) == 1
        found[message.place] = (message.name, inode(message.fds[0]))
        os.close(message.fds[0])
    raise AssertionError("the rail left")


def test_the_rail_keeps_sockets_for_the_next_server(rail):
    first, second = listener(), listener()
    keep(rail.conn, 3, b"web", first)
    keep(rail.conn, 63, b"n" * 127, second)
    expected = {3: ("web", inode(first.fileno())), 63: ("n" * 127, inode(second.fileno()))}
    assert kept(rail) == expected == kept(rail)
    keep(rail.conn, 3, b"other", second)
    keep(rail.conn, 63)
    assert kept(rail) == {3: ("other", inode(second.fileno()))}
    address = first.getsockname()
    first.close()
    wait_for(lambda: refused(address), "the rail has let go of it")


def test_what_is_kept_is_not_passed_to_processes(rail):
    sock = listener()
    for place in range(64):
        keep(rail.conn, place, b"%d" % place, sock)
    assert len(kept(rail)) == 64
    run = rail.run(py("import os; print(sorted(map(int, os.listdir('/proc/self/fd'))), flush=True); import signal; signal.pause()"))
    run.started()
    wait_for(lambda: run.log().endswith(b"]\n"), "it has looked")
    assert run.log() == b"[0, 1, 2, 3]\n"
    assert not [fd for fd in os.listdir(f"/proc/{run.record()['pin']}/fd")
                if os.readlink(f"/proc/{run.record()['pin']}/fd/{fd}") == f"socket:[{inode(sock.fileno())}]"]
    run.stop(signal.SIGKILL)
    run.ended()


def test_what_is_kept_goes_with_the_rail(rail):
    sock = listener()
    keep(rail.conn, 0, b"web", sock)
    assert kept(rail)
    address = sock.getsockname()
    sock.close()
    rail.conn.send(pack(BYE))
    rail.conn.close()
    assert rail.process.wait(20) == 0
    assert refused(address)


# --- crashes and failures ---

SCRIPT = "echo ran >> ledger; stty size; read x; echo $x; exit 3"


@pytest.mark.deadline(300)
@pytest.mark.parametrize("call", ["ioctl", "openat", "read", "write", "dup2", "sendmsg", "recvmsg", "poll", "clone3", "pipe2"])
@pytest.mark.parametrize("flags", [TTY, STDIN])
def test_any_failing_call_leads_to_a_defined_end(make_rail, call, flags):
    """As for every run, with input: the n-th call fails, for every n that there is. Who is not answered says it again."""
    for number in range(1, 41):
        fired = pathlib.Path(f"/tmp/thole-input-fired-{os.getpid()}")
        fired.unlink(missing_ok=True)
        rail = make_rail(program="thole-pin-faults", env={"THOLE_FAULT_PROGRAM": "pin", "THOLE_FAULT": f"{call}:{number}:ENOMEM",
                                                          "THOLE_FAULT_FILE": str(fired)})
        run = Run(rail, [])
        (run.dir / "launch").write_bytes(launch_bytes(["sh", "-c", SCRIPT], id=run.id, cwd=str(run.dir), title="t", cause="c",
                                                      end_grace_ms=50, env=run.env, flags=flags))
        run.spawn()
        wait_for(lambda: answered(run), "the input is taken, or it is over", 30)
        told, ran = outcome(rail, run)
        claimed, recorded = (run.dir / "claim").exists(), (run.dir / "exit.json").exists()
        assert ran <= 1
        if recorded:
            end = (run.exit()["end"], run.exit()["code"])
            assert end[0] == "failed" or end == ("exited", 3) or run.input_error, end
        assert recorded or not claimed, "an exit was lost"
        assert not rail.left(), "something lives"
        rail.close()
        if not fired.exists():
            assert number > 1 or call == "ioctl" and flags == STDIN or call == "pipe2", "no call was made"
            return


def left(conn):
    """The pin has gone, whatever it has said before."""
    poll = select.poll()
    poll.register(conn.sock, 0)
    return bool(poll.poll(0))


def answered(run):
    """Says the line on a connection of its own until it is taken or the run is over. An error of a write closes the input."""
    run.input_error = getattr(run, "input_error", 0)
    if (run.dir / "exit.json").exists():
        return True
    try:
        conn = run.attach()
    except OSError:
        return left(run.conn)
    try:
        run.write(b"word\n", writer=5, conn=conn)
        message = conn.until(TAKEN, 1)
        run.input_error = run.input_error or message.error
        if run.input_error:
            conn.send(pack(STOP, "iI", signal.SIGTERM, 100))
        return not run.input_error or alive(run.record()["pid"]) is False
    except (AssertionError, OSError):
        return False
    finally:
        conn.close()


@pytest.mark.parametrize("point", ["claim", "spawn", "record", "recorded", "exit", "exited", "reply"])
@pytest.mark.parametrize("flags", [TTY, STDIN])
def test_a_crash_at_any_point_has_a_defined_end(make_rail, point, flags):
    rail = make_rail(program="thole-pin-faults", env={"THOLE_FAULT_PROGRAM": "pin", "THOLE_CRASH": f"{point}:1"})
    run = Run(rail, [])
    (run.dir / "launch").write_bytes(launch_bytes(["sh", "-c", SCRIPT.replace("read x", "x=1")], id=run.id, cwd=str(run.dir), title="t",
                                                  cause="c", env=run.env, flags=flags))
    run.spawn(sockets=[listener()])
    told, ran = outcome(rail, run)
    recorded = (run.dir / "exit.json").exists()
    assert (run.dir / "claim").exists() and ran <= 1 and ENDED not in told
    assert recorded == (point in ("exited", "reply"))
    assert not rail.left()


def test_nonsense_is_ignored(rail):
    """Sizes that lie, messages cut short, descriptors nobody asked for."""
    run = rail.sh("cat", flags=STDIN)
    run.started()
    for packet in (struct.pack("=II", INPUT, 8), pack(INPUT, "QQII", 1, 0, 4_000_000_000, 0), pack(INPUT, "QQ", 1, 2**64 - 1),
                   struct.pack("=II", RESIZE, 8), pack(RESIZE, "HHHH", 65535, 65535, 65535, 65535), pack(INPUT, "QQII", 2, 2**63, 5000, 0)):
        run.conn.send(packet, [0])
    other = run.attach()
    assert other.until(STATE).phase == RUNNING
    for packet in (struct.pack("=II", KEEP, 8), pack(KEEP, "II128s", 4_000_000_000, 7, b"x" * 128)):
        rail.conn.send(packet, [0, 0])
    assert len(kept(rail)) <= 2
    run.stop(signal.SIGKILL)
    run.ended()
