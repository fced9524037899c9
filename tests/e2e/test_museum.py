# SPDX-License-Identifier: Apache-2.0
"""What other tools of this field fell into, and what else a server has to survive. One test each; traps whose tests are elsewhere:

the keeper of a log dies after an adoption     test_adoption.py: a_killed_pin_is_told_of_in_the_log_and_by_the_next_run
a state file is torn at any write              test_crash.py, at every named point; here what a power cut leaves
a second ^C                                    test_cli_up.py: a_second_interrupt_kills; here the closed terminal
a port that was just left, or is TIME_WAIT     test_ports.py: restarts_do_not_see_their_former_self, a_connection_that_lingers_is_no_conflict
one port in two worktrees                      test_ports.py: a_living_run_of_another_session_is_no_orphan
a port is made free by killing a stranger      test_ports.py: a_port_in_use_fails_the_run_and_names_who_has_it
what a leader leaves behind                    test_escapes.py

File watches and clean-up hooks, which have their traps too, are not there yet."""

import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess

import pytest

from driver import alive, read_proc, wait_until
from ledger import KILL, THOLE, Shop, end_of, kill_for_good, named, server_pid, server_pid_or_0, stamped


@pytest.fixture
def shop(thole):
    shop = Shop(thole, 1)
    yield shop
    end_of(thole)


def up(shop):
    shop.thole.run("up", "-d", cwd=shop.dir)
    return settled(shop)


def settled(shop):
    def ask():
        targets = shop.settled()
        shop.check_watched(targets)
        return targets
    return wait_until(ask, 20, "the shop to be settled")


def down(shop, *excused):
    shop.thole.run("down", cwd=shop.dir)
    shop.check_gone(excused)


def kill_all(thole):
    """As a power cut does."""
    kill_for_good(thole)
    for pid in [*named(thole, "thole-pin"), *stamped(thole)]:
        try:
            os.kill(pid, KILL)
        except ProcessLookupError:
            pass
    wait_until(lambda: not stamped(thole) and not named(thole, "thole-pin") and not server_pid_or_0(thole), 20, "everything to be gone")


# -- what a process gets from us, and keeps


def test_nothing_of_ours_is_open_in_a_process(shop):
    """A lock that a child keeps open makes the next server believe that one runs already."""
    pid = up(shop)["api:serve"]["active"]["pid"]
    assert sorted(os.listdir(f"/proc/{pid}/fd")) in (["0", "1", "2"], ["0", "1", "10", "2"])  # 10: sh's own script
    kept = [os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd")]
    assert not any(".lock" in path or "socket" in path for path in kept), kept
    kill_for_good(shop.thole)
    assert "is up" in shop.thole.run("up", "-d", cwd=shop.dir).err
    assert settled(shop)["api:serve"]["active"]["pid"] == pid
    down(shop)


def test_a_number_that_now_is_another_process(shop):
    """Everything died, and pid and pin of the record are others' now: they are not believed, watched or signalled."""
    thole = shop.thole
    up(shop)
    kill_all(thole)
    stranger = subprocess.Popen(["sleep", "1000"])
    record = shop.session_dir() / "runs" / "api:serve" / "1" / "run.json"
    record.write_text(json.dumps({**json.loads(record.read_text()), "pid": stranger.pid, "pin": stranger.pid}))
    assert up(shop)["api:serve"]["active"]["run"] == 2
    down(shop, "pin")
    assert stranger.poll() is None
    stranger.kill()
    stranger.wait()


@pytest.mark.parametrize("text", [b"", b"{\"format\":1,\"uid\":\"", b"\0" * 100, b"[]"], ids=["empty", "half", "zeros", "list"])
@pytest.mark.parametrize("name", ["session.json", "client.json", "spec.1.json"])
def test_a_torn_state_file(shop, name, text):
    """After a power cut a file may be empty, half or zeros: that session is named, the server serves, `up` begins anew."""
    thole, other = shop.thole, Shop(shop.thole, 2)
    up(shop)
    up(other)
    kill_all(thole)
    (shop.session_dir() / name).write_bytes(text)
    thole.run("ps", "-a", cwd=shop.dir)
    settled(other)
    log = "".join(path.read_text() for path in thole.state.glob("*.log"))
    assert f"session {shop.slug} is not adopted" in log and name in log, log
    assert settled_again(shop)["api:serve"]["active"]["run"] == 2
    down(shop, "pin")
    down(other, "pin")


@pytest.mark.parametrize("text", [b"", None], ids=["empty", "gone"])
def test_a_torn_state_file_while_everything_runs(shop, text):
    """Nobody knows any more what was asked for; what runs is found by the next `up` and ended before it begins."""
    thole, path = shop.thole, None
    pid = up(shop)["api:serve"]["active"]["pid"]
    path = shop.session_dir() / "session.json"
    kill_for_good(thole)
    path.unlink() if text is None else path.write_bytes(text)
    assert settled_again(shop)["api:serve"]["active"]["run"] == 2
    assert not alive(pid)
    wait_until(lambda: len(stamped(thole)) == 3, 20, "the new tree alone")
    down(shop)


def settled_again(shop):
    shop.thole.run("up", "-d", cwd=shop.dir)
    return settled(shop)


def test_a_file_of_a_newer_version_is_left_alone(shop):
    thole = shop.thole
    up(shop)
    kill_all(thole)
    path = shop.session_dir() / "session.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "format": 99}))
    text = path.read_text()
    thole.run("ps", "-a", cwd=shop.dir)
    refused = thole.run("up", "-d", cwd=shop.dir, code=None)
    assert path.read_text() == text
    assert refused.code == 3 and "newer" in refused.err, refused


# -- stopping and restarting


def test_stop_while_it_waits_and_between_restarts(thole):
    thole.config("""
        version: 1
        services:
          slow: {type: job, command: sleep 1000}
          late: {command: 'echo late >>"$LEDGER"; sleep 1000', depends_on: [slow]}
          crash: {command: 'echo crash >>"$LEDGER"; exit 1', restart: {delay: 1000s, max_delay: 1000s}}
        """)
    thole.run("up", "-d")
    thole.wait_target("crash:serve", "waiting")
    thole.wait_ledger("crash")
    thole.run("stop", "late", "crash", timeout=10)
    thole.run("stop", "slow", timeout=10)
    thole.wait_target("late:serve", "none")
    thole.wait_target("crash:serve", "none")
    thole.run("down")
    assert thole.ledger() == ["crash"]


def test_a_hundred_restarts_at_once(shop):
    up(shop)
    clients = [shop.thole.popen("restart", "api", cwd=shop.dir) for _ in range(100)]
    codes = {client.wait() for client in clients}
    assert codes == {0}
    settled(shop)
    shop.check_once()
    lives = [pid for what, target, run, pid in shop.ledger() if what == "start" and target == "api:serve" and alive(pid)]
    assert len(lives) == 1
    wait_until(lambda: len(stamped(shop.thole)) == 3, 20, "one tree")  # sh, its sleep, the helper
    down(shop)


def test_what_was_restarted_is_not_shown_as_it_ended(thole):
    """Whoever looks on from the first run to the third never sees a later run with the end of an earlier one."""
    thole.config("""
        version: 1
        services:
          api: {command: 'echo up; read line <go; exit 7', restart: {delay: 10ms, max_delay: 10ms}, ready: {log: {match: up}}}
        """)
    os.mkfifo(thole.project / "go")
    thole.run("up", "-d", "--wait")
    path = f"{THOLE}/namespaces/{thole.session()['metadata']['name']}/targets?watch=true&timeoutSeconds=15"
    watch = thole.popen("api", "GET", path)
    for run in (1, 2):
        thole.wait_target("api:serve", "active", run=run, ready=True)
        (thole.project / "go").write_text("\n")
    thole.wait_target("api:serve", "active", run=3, ready=True)
    watch.wait_for(r'"active":\{[^}]*"ready":true[^}]*"run":3')
    seen = [json.loads(line)["object"] for line in watch.out.splitlines() if line.endswith("}") and '"api:serve"' in line]
    states = [item["status"]["state"] for item in seen if item["spec"]["target"] == "api:serve"]
    assert all(len(state) == 1 for state in states), states
    runs = [(state.get("active") or state.get("terminated") or {}).get("run") for state in states]
    runs = [run for run in runs if run]
    assert runs == sorted(runs) and {1, 2, 3} <= set(runs), states
    assert not any(state["active"].get("exitCode") for state in states if "active" in state)
    thole.run("down")


@pytest.mark.parametrize("how", ["", "trap '' HUP; "], ids=["as usual", "which does not hear of it"])
def test_a_closed_terminal(thole, how):
    """Writing to it fails from then on: the client ends and does not spin; the session goes on."""
    thole.config("version: 1\nservices: {api: {command: 'while :; do echo tick; sleep 0.02; done'}}")
    live = thole.popen("version")  # only for its class
    live.wait()
    terminal = type(live)(["sh", "-c", f"{how}exec {thole.bin}/thole up"], tty=True, env=thole.env, cwd=thole.project)
    thole.live.append(terminal)
    terminal.wait_for("tick")
    os.close(terminal.keyboard)
    terminal.wait()
    assert thole.target("api:serve")["state"]["active"]["run"] == 1
    assert "without the `thole up` that began it" in thole.run("ps").err
    thole.run("down")


def test_a_project_behind_a_link_is_the_same(shop):
    link = shop.thole.base / "link"
    link.symlink_to(shop.dir)
    pid = up(shop)["api:serve"]["active"]["pid"]
    env = {"PWD": str(link)}
    assert "is up" in shop.thole.run("up", "-d", cwd=link, env=env).err
    assert "is up" in shop.thole.run("-C", link, "up", "-d", cwd="/").err
    assert settled(shop)["api:serve"]["active"]["pid"] == pid
    down(shop)


def test_a_child_that_ignores_the_end_of_its_leader(shop):
    up(shop)
    wait_until(lambda: len(stamped(shop.thole)) == 3, 20, "the whole tree")  # sh, its sleep, the helper in a session of its own
    shop.thole.run("stop", "api", cwd=shop.dir)
    wait_until(lambda: not stamped(shop.thole), 20, "all of the tree to be gone")
    down(shop)


def test_a_background_process_group(thole):
    """GNU timeout puts its command into one: writing and asking about the terminal must not stop it."""
    thole.config("version: 1\nservices: {api: {command: 'echo hello; sleep 1000'}}")
    live = thole.popen("version")  # only for its class
    live.wait()
    terminal = type(live)(["sh", "-c", f"timeout 60 {thole.bin}/thole up"], tty=True, env=thole.env, cwd=thole.project)
    thole.live.append(terminal)
    thole.wait_target("api:serve", "active")
    child = wait_until(lambda: [pid for pid in map(int, filter(str.isdigit, os.listdir("/proc")))
                                if read_proc(pid, "cmdline").split(b"\0")[:2] == [str(thole.bin / "thole").encode(), b"up"]], 10, "the client")[0]
    terminal.wait_for("hello", 10)
    assert read_proc(child, "stat").rpartition(b")")[2].split()[0] != b"T", "it was stopped"
    os.kill(child, signal.SIGTERM)
    terminal.wait()
    thole.run("down")


# -- what programs write, need and are given


def test_any_bytes_in_the_log(thole):
    said = b"\xff\xfe\x00 \x1b]0;never ended \x1b[38;5;\x1bP" + bytes(range(256)) * 400
    thole.file("bytes", said)
    thole.config("version: 1\nservices: {bytes: {type: job, command: cat bytes}, api: {command: sleep 1000, depends_on: [bytes]}}")
    thole.run("up", "-d", "--wait")
    assert thole.run("logs", "-o", "raw", "bytes").raw == said
    for line in thole.run("logs", "-o", "json", "bytes").lines:
        json.loads(line)
    thole.run("logs", "bytes")
    thole.run("down")


LISTEN = """import socket, sys
listener = socket.socket(socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET)
listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
listener.bind((sys.argv[1], int(sys.argv[2])))
listener.listen()
while True:
    listener.accept()[0].close()
"""


@pytest.mark.parametrize("address", [pytest.param("::1", marks=pytest.mark.ipv6("listens there")), "127.0.0.1"])
def test_a_listener_on_one_family_only(thole, free_port, address):
    port = free_port()
    thole.file("listen.py", LISTEN)
    thole.config({"version": 1, "services": {"api": {"command": ["/usr/bin/python3", "listen.py", address, str(port)],
                                                     "ready": {"tcp": {"port": port}}}}})
    thole.run("up", "-d", "--wait", "--timeout", "15s")
    thole.run("down")


def test_an_exec_probe_shares_environment_and_directory(thole):
    (thole.project / "inner").mkdir()
    thole.config("""
        version: 1
        services:
          api:
            path: inner
            env: {PGDATA: here}
            command: 'touch "$PGDATA"; sleep 1000'
            ready: {exec: 'test "$PGDATA" = here && test -f here && test -n "$THOLE_TARGET"'}
        """)
    thole.run("up", "-d", "--wait", "--timeout", "15s")
    thole.run("down")


def test_a_huge_environment_and_exported_functions(thole):
    env = {"BIG": "x" * 100_000, "BASH_FUNC_greet%%": "() {  echo hello from a function\n}", "ODD": "a=b\nc"}
    thole.config("""
        version: 1
        services:
          job: {type: job, command: [bash, -c, 'greet; echo ${#BIG}; echo "$ODD"']}
          api: {command: sleep 1000, depends_on: [job]}
        """)
    thole.run("up", "-d", "--wait", env=env)
    assert thole.run("logs", "-o", "raw", "job").lines == ["hello from a function", "100000", "a=b", "c"]
    thole.run("down")


# -- server and client find each other


def test_the_runtime_directory_is_removed(shop):
    before = up(shop)["api:serve"]["active"]["pid"]
    server = server_pid(shop.thole)
    shop.thole.runtime.rename(shop.thole.base / "gone")  # at once: the server makes it again meanwhile
    shutil.rmtree(shop.thole.base / "gone")
    shop.thole.run("ps", cwd=shop.dir)
    assert wait_until(lambda: server_pid(shop.thole), 20, "the socket to be made again") == server
    assert settled(shop)["api:serve"]["active"]["pid"] == before
    down(shop)


def test_the_socket_is_removed(shop):
    up(shop)
    server = server_pid(shop.thole)
    (shop.thole.runtime / "server.sock").unlink()
    assert wait_until(lambda: server_pid(shop.thole), 20, "the socket to be made again") == server
    down(shop)


def test_two_ups_at_once(thole):
    """No server yet, and both begin: one server, one session, one process."""
    shops = [Shop(thole, number) for number in range(4)]
    clients = [thole.popen("up", "-d", cwd=shop.dir) for shop in shops for _ in range(3)]
    assert {client.wait() for client in clients} == {0}
    for shop in shops:
        settled(shop)
        assert len([entry for entry in shop.ledger() if entry[0] == "start"]) == 2
    servers = [pid for pid in map(int, filter(str.isdigit, os.listdir("/proc"))) if read_proc(pid, "comm") == b"thole-server\n"
               and f"THOLE_STATE_DIR={thole.state}".encode() in read_proc(pid, "environ").split(b"\0") and alive(pid)]
    wait_until(lambda: [pid for pid in servers if alive(pid)] == [server_pid(thole)], 10, "one server")
    for shop in shops:
        down(shop)


def test_two_servers_started_at_once(shop):
    thole = shop.thole
    up(shop)
    again = subprocess.run([thole.bin / "thole-server"], env=thole.env, timeout=20)
    assert again.returncode == 0
    settled(shop)
    down(shop)


def test_a_server_that_listens_elsewhere_is_named(shop):
    """A cron job, an ssh session: XDG_RUNTIME_DIR is not that of the desktop where the server was started."""
    thole = shop.thole
    before = up(shop)["api:serve"]["active"]["pid"]
    elsewhere = thole.base / "elsewhere"
    elsewhere.mkdir(mode=0o700)
    refused = thole.run("ps", cwd=shop.dir, env={"THOLE_RUNTIME_DIR": str(elsewhere)}, code=3, timeout=8)
    assert f"THOLE_RUNTIME_DIR={thole.runtime}" in refused.err, refused
    thole.run("ps", cwd=shop.dir, env={"THOLE_RUNTIME_DIR": str(thole.runtime)})
    assert settled(shop)["api:serve"]["active"]["pid"] == before
    thole.kill(server_pid(thole))  # whoever has the lock next says where it listens
    settled(shop)
    assert f"THOLE_RUNTIME_DIR={thole.runtime}" in thole.run("ps", cwd=shop.dir, env={"THOLE_RUNTIME_DIR": str(elsewhere)}, code=3, timeout=8).err
    down(shop)


def test_a_server_of_another_state_directory_is_not_taken_for_ours(shop):
    thole = shop.thole
    up(shop)
    other, same = thole.base / "other", thole.base / "same"
    other.mkdir(mode=0o700)
    same.symlink_to(thole.state)
    refused = thole.run("ps", cwd=shop.dir, env={"THOLE_STATE_DIR": str(other)}, code=3, timeout=8)
    assert f"keeps its state in {thole.state}, not in {other}" in refused.err and "THOLE_RUNTIME_DIR" in refused.err, refused
    thole.run("ps", cwd=shop.dir, env={"THOLE_STATE_DIR": str(same)})
    down(shop)


@pytest.mark.parametrize("script", ["sleep 1000", "exit 1", "echo it is broken >&3; exit 3"])
def test_a_server_that_cannot_start_is_not_waited_for(thole, script):
    thole.bin = thole.base / "bin"
    thole.bin.mkdir()
    shutil.copy2(os.environ.get("THOLE_BUILD", "build") + "/thole", thole.bin / "thole")
    thole.file("thole-server", f"#!/bin/sh\n{script}\n", mode=0o755, project=thole.bin)
    thole.config("version: 1\nservices: {api: {command: sleep 1000}}")
    result = thole.run("up", "-d", code=3, timeout=25)
    thole._force()
    assert "server" in result.err


def test_a_server_that_is_killed_while_it_starts_is_started_again(thole):
    """Whoever runs a script over `thole` hears nothing of it."""
    thole.bin = thole.base / "bin"
    thole.bin.mkdir()
    build = pathlib.Path(os.environ.get("THOLE_BUILD", "build")).resolve()
    shutil.copy2(build / "thole", thole.bin / "thole")
    thole.file("thole-server", f"#!/bin/sh\ncd {thole.bin} && mkdir once 2>/dev/null && kill -9 $$\nexec {build}/thole-server \"$@\"\n", mode=0o755,
               project=thole.bin)
    assert thole.run("workflow", "list", "--json").json() == []
    assert (thole.bin / "once").exists()


def test_a_suspended_server(shop):
    """What it missed is seen when it goes on; a client waits for it, and not for ever."""
    thole = shop.thole
    active = up(shop)["api:serve"]["active"]
    server = server_pid(thole)
    os.kill(server, signal.SIGSTOP)
    client = thole.popen("ps", cwd=shop.dir)
    os.kill(active["pid"], KILL)
    wait_until(lambda: not alive(active["pid"]), 20, "the process to be gone")
    os.kill(server, signal.SIGCONT)
    assert client.wait() == 0
    wait_until(lambda: shop.settled()["api:serve"]["active"]["run"] == 2, 20, "the restart")
    assert server_pid(thole) == server
    down(shop, "process")


# -- what runs out


def test_too_many_open_files(thole):
    """The server has 48 descriptors for 60 processes: what cannot start says why, and those who ask are heard."""
    names = [f"s{number}" for number in range(60)]
    thole.config({"version": 1, "services": {name: {"command": 'echo "$THOLE_TARGET" >>"$LEDGER"; exec sleep 1000', "restart": "never"}
                                             for name in names}})
    done = subprocess.run(["sh", "-c", f"ulimit -n 48 && exec {thole.bin}/thole up -d"], env=thole.env, cwd=thole.project,
                          timeout=30, capture_output=True, text=True)
    assert done.returncode == 0, done

    def ask():
        states = [target["state"] for name, target in thole.targets().items() if name != "tiltfile:update"]
        over = [state["terminated"]["error"] for state in states if state.get("terminated")]
        active = [state for state in states if state.get("active")]
        assert len(over) + len(active) == len(names), states
        return active, over
    active, over = wait_until(ask, 40, "each to run or to have failed")
    assert active and over and all("too many open files" in error.lower() for error in over), over
    wait_until(lambda: len(thole.ledger()) == len(active), 20, "their lines")
    thole.run("down", timeout=60)
    assert not stamped(thole)


@pytest.mark.root("mounts a small file system")
def test_a_full_disk(thole):
    """New sessions are refused in a sentence; what runs goes on, its end is known, and gaps in its log are named."""
    thole.config("""
        version: 1
        logs: {max_size: 0}
        services:
          noisy: {command: 'while test ! -e go; do sleep 0.05; done; head -c 3000000 /dev/zero | tr "\\0" x; touch full; while test ! -e on; do sleep 0.05; done; echo after; touch said; sleep 1000'}
        """)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1500k,mode=700", "tmpfs", thole.state], check=True)
    try:
        thole.run("up", "-d")
        thole.wait_target("noisy:serve", "active")
        thole.file("go", "")
        wait_until((thole.project / "full").exists, 20, "the disk to be full")
        other = thole.another_project("other")
        thole.config("version: 1\nservices: {api: {command: sleep 1000}}", project=other)
        refused = thole.run("up", "-d", cwd=other, code=3)
        assert "no space left" in refused.err.lower(), refused
        os.kill(server_pid(thole), KILL)
        thole.wait_target("noisy:serve", "active", run=1)
        subprocess.run(["mount", "-o", "remount,size=16m", thole.state], check=True)
        thole.file("on", "")
        wait_until(lambda: "after" in thole.run("logs", "noisy").out, 20, "the log to go on")
        log = thole.run("logs", "noisy")
        assert "missing" in log.out + log.err or "lost" in log.out + log.err, (log.out + log.err)[-500:]
        thole.run("down")
        assert not stamped(thole)
        end_of(thole)
    finally:
        subprocess.run(["umount", "-l", thole.state], check=True)
