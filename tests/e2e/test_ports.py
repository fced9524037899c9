# SPDX-License-Identifier: Apache-2.0
"""A server's port: taken, held by what we left behind, answered by somebody else."""

import os
import signal
import socket
import subprocess

import pytest

import driver

PYTHON = "/usr/bin/python3"


def server(port, **more):
    return {"command": [PYTHON, "-m", "http.server", "--bind", "127.0.0.1", str(port)],
            "ready": {"tcp": {"port": port}, "period": "50ms"}, **more}


def project(thole, **services):
    thole.config({"version": 1, "services": services})


def listens(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture
def stranger():
    """Starts a program that listens; ended with the test."""
    started = []

    def start(port, env=None, **options):
        process = subprocess.Popen([PYTHON, "-m", "http.server", "--bind", "127.0.0.1", str(port)], stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL, env=env or {"PATH": os.environ["PATH"]}, **options)
        started.append(process)
        driver.wait_until(lambda: listens(port), 20, "the stranger to listen")
        return process
    yield start
    for process in started:
        process.kill()
        process.wait()


def message(thole, name):
    target = thole.target(name)
    return target.get("message") or (target["state"].get("terminated") or {}).get("error") or ""


def test_a_port_in_use_fails_the_run_and_names_who_has_it(thole, free_port, stranger):
    port = free_port()
    other = stranger(port)
    project(thole, web=server(port, restart={"policy": "on-failure", "delay": "200ms", "max_delay": "200ms"}))
    thole.run("up", "-d")
    said = driver.wait_until(lambda: "in use" in (said := message(thole, "web:serve")) and said, 20, "the conflict to be told")
    assert f"port {port} is in use by pid {other.pid} ({os.path.basename(PYTHON)} -m http.server" in said and "change the port" in said
    assert not thole.pins(), "nothing was started"
    other.kill()
    other.wait()
    active = thole.wait_target("web:serve", "active", ready=True)
    assert active["run"] > 1


def test_without_a_restart_it_has_failed(thole, free_port, stranger):
    port = free_port()
    other = stranger(port)
    project(thole, web=server(port, restart="never"))
    assert thole.run("up", "-d", "--wait", "--timeout", "20s", code=None).code != 0
    ended = thole.wait_target("web:serve", "terminated")
    assert str(other.pid) in ended["error"] and "is in use" in ended["error"]
    assert thole.run("--session", "second", "ci", code=1, timeout=30).code == 1
    thole.run("down")


@pytest.mark.root("runs a program of another user")
def test_another_users_program_is_named_by_its_uid(thole, free_port, stranger):
    port = free_port()
    stranger(port, user=65534, cwd="/")
    project(thole, web=server(port, restart="never"))
    thole.run("up", "-d")
    assert f"port {port} is in use by a process of uid 65534" in thole.wait_target("web:serve", "terminated")["error"]


def test_an_orphan_of_ours_is_ended_first(thole, free_port, stranger):
    port = free_port()
    orphan = stranger(port, env={"THOLE_RUN_ID": "0123456789abcdef0123456789abcdef", "THOLE_SESSION": "shop-000000",
                                 "THOLE_TARGET": "web:serve", "PATH": "/usr/bin:/bin"})
    project(thole, web=server(port))
    thole.run("up", "-d")
    active = thole.wait_target("web:serve", "active", ready=True)
    assert active["run"] == 1 and active["pid"] != orphan.pid
    assert orphan.wait(10) == -signal.SIGTERM


def test_an_orphan_that_does_not_listen_to_reason_is_killed(thole, free_port):
    port = free_port()
    text = (f"import signal,socket;signal.signal(signal.SIGTERM,signal.SIG_IGN);s=socket.socket();"
            f"s.bind(('127.0.0.1',{port}));s.listen();print(flush=True);signal.pause()")
    orphan = subprocess.Popen([PYTHON, "-c", text], stdout=subprocess.PIPE,
                              env={"THOLE_RUN_ID": "00112233445566778899aabbccddeeff", "PATH": "/usr/bin:/bin"})
    try:
        assert orphan.stdout.readline() == b"\n"
        project(thole, web=server(port))
        thole.run("up", "-d")
        assert thole.wait_target("web:serve", "active", ready=True)["run"] == 1
        assert orphan.wait(10) == -signal.SIGKILL
    finally:
        orphan.kill()
        orphan.wait()


def test_a_living_run_of_another_session_is_no_orphan(thole, free_port):
    port = free_port()
    project(thole, web=server(port, restart="never"))
    thole.run("up", "-d", "--wait", "--timeout", "20s")
    first = thole.target("web:serve")["state"]["active"]["pid"]
    thole.run("--session", "b", "up", "-d")
    error = driver.wait_until(lambda: other_session(thole)["state"]["terminated"]["error"], 20, "the second to fail")
    assert f"port {port} is in use by pid {first}" in error and "which is web:serve of session" in error
    assert driver.alive(first)


def other_session(thole):
    items = thole.api("/apis/thole.dev/v1alpha1/targets")[1]["items"]
    return next(item["status"] for item in items
                if item["metadata"]["namespace"].endswith("-b") and item["spec"]["target"] == "web:serve")


def test_restarts_do_not_see_their_former_self(thole, free_port):
    port = free_port()
    project(thole, web=server(port, restart={"delay": "0s", "max_restarts": 100}))
    thole.run("up", "-d", "--wait", "--timeout", "20s")
    for number in range(1, 8):
        active = thole.wait_target("web:serve", "active", ready=True, run=number)
        if number % 2:
            thole.kill(active["pid"])
        else:
            thole.run("restart", "web")
    assert thole.wait_target("web:serve", "active", ready=True, run=8)


def test_a_connection_that_lingers_is_no_conflict(thole, free_port):
    port = free_port()
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        listener.listen()
        client = socket.create_connection(("127.0.0.1", port))
        served = listener.accept()[0]
        served.close()  # the side that closes first keeps the connection in TIME_WAIT
        client.close()
    project(thole, web=server(port))
    thole.run("up", "-d", "--wait", "--timeout", "20s")
    assert thole.target("web:serve")["state"]["active"]["run"] == 1


def test_a_strangers_answer_is_not_ours(thole, free_port, stranger):
    port = free_port()
    project(thole, web={"command": ["/bin/sleep", "1000"], "ready": {"http": {"port": port}, "period": "50ms"}})
    thole.run("up", "-d")
    thole.wait_target("web:serve", "active", ready=False)
    other = stranger(port)
    said = driver.wait_until(lambda: (m := message(thole, "web:serve")) and "answered by" in m and m, 20, "the stranger to be named")
    assert f"port {port} is answered by pid {other.pid}" in said
    assert not thole.target("web:serve")["state"]["active"]["ready"]


def test_a_child_that_left_for_its_own_session_still_is_ours(thole, free_port):
    port = free_port()
    project(thole, web={"command": f"setsid {PYTHON} -m http.server --bind 127.0.0.1 {port} & sleep 1000",
                        "ready": {"tcp": {"port": port}, "period": "50ms"}})
    thole.run("up", "-d", "--wait", "--timeout", "20s")
    assert thole.target("web:serve")["state"]["active"]["ready"]
    thole.run("down")
    assert not listens(port)


def test_a_stop_while_the_port_is_awaited_starts_nothing(thole, free_port):
    port = free_port()
    text = (f"import signal,socket;signal.signal(signal.SIGTERM,signal.SIG_IGN);s=socket.socket();"
            f"s.bind(('127.0.0.1',{port}));s.listen();print(flush=True);signal.pause()")
    orphan = subprocess.Popen([PYTHON, "-c", text], stdout=subprocess.PIPE,
                              env={"THOLE_RUN_ID": "ffeeddccbbaa99887766554433221100", "PATH": "/usr/bin:/bin"})
    try:
        assert orphan.stdout.readline() == b"\n"
        project(thole, web=server(port))
        thole.run("up", "-d")
        thole.wait_target("web:serve", "waiting", waitReason="starting")
        thole.run("down", timeout=20)
        assert not thole.pins() and orphan.poll() is None
    finally:
        orphan.kill()
        orphan.wait()


@pytest.mark.parametrize("restart", ["never", {"delay": "100ms", "max_delay": "100ms"}])
def test_a_run_that_was_refused_is_known_to_the_next_server(thole, free_port, stranger, restart):
    """It is tried again if its policy says so, and not because there is another server."""
    port = free_port()
    other = stranger(port)
    project(thole, web=server(port, restart=restart))
    thole.run("up", "-d")
    if restart == "never":
        error = thole.wait_target("web:serve", "terminated", run=1)["error"]
    else:
        thole.wait_target("web:serve", "waiting", waitReason="backoff")
    other.kill()
    other.wait()
    thole.replace_server()
    if restart == "never":
        assert thole.wait_target("web:serve", "terminated", run=1)["error"] == error
        thole.run("start", "web")
    again = thole.wait_target("web:serve", "active", ready=True)["run"]
    assert again == 2 if restart == "never" else again > 1
