# SPDX-License-Identifier: Apache-2.0
"""`pass: fd`: the server listens, the service is given the socket, and no connection is refused over its restarts."""

import concurrent.futures
import socket

import pytest

from driver import wait_until

# Answers each connection with its pid, and says which sockets it was given.
SERVER = ["/usr/bin/python3", "-u", "-c", """import os, socket
n = int(os.environ["LISTEN_FDS"])
assert int(os.environ["LISTEN_PID"]) == os.getpid()
print("given", n, os.environ["LISTEN_FDNAMES"], *(socket.socket(fileno=os.dup(3 + i)).getsockname()[1] for i in range(n)))
listener = socket.socket(fileno=3)
while True:
    peer, _ = listener.accept()
    peer.recv(100)
    peer.sendall(str(os.getpid()).encode())
    peer.close()
"""]


def project(thole, **service):
    thole.config({"version": 1, "services": {"web": {"command": SERVER, "pass": "fd", **service}}})


def port_of(thole):
    return wait_until(lambda: thole.run("ports", "-o", "json").json()[0]["port"], 20, "the port")


def ask(port, address="127.0.0.1", timeout=20):
    """Who answers; a refused connection is an error."""
    with socket.create_connection((address, port), timeout) as connection:
        connection.sendall(b"hello")
        return int(connection.recv(100))


def pid(thole):
    return thole.target("web:serve")["state"]["active"]["pid"]


def test_a_service_is_given_its_sockets(thole, free_port):
    first, second = free_port(), free_port()
    project(thole, port=first, ports={"admin": second, "b": "auto"}, ready={"tcp": {}})
    thole.run("up", "-d", "--wait", "--timeout", "20s")
    said = wait_until(lambda: [words for line in thole.run("logs", "web").lines if len(words := line.partition("given ")[2].split()) == 5], 20, "what it was given")[0]
    assert said[:4] == ["3", "port:admin:b", str(first), str(second)]
    assert ask(first) == pid(thole) == ask(first, "::1")
    thole.run("down")
    with pytest.raises(ConnectionRefusedError):
        ask(first)


def test_no_connection_is_refused_over_restarts(thole):
    project(thole, port="auto")
    thole.run("up", "-d", "--wait", "--timeout", "20s")
    port, seen = port_of(thole), set()
    with concurrent.futures.ThreadPoolExecutor(100) as pool:
        for run in range(2, 6):
            before = [pool.submit(ask, port) for _ in range(50)]
            restart = pool.submit(thole.run, "restart", "web")
            after = [pool.submit(ask, port) for _ in range(50)]
            restart.result()
            thole.wait_target("web:serve", "active", run=run)
            lost = 0
            for answer in before + after:
                try:
                    seen.add(answer.result())
                except (ConnectionResetError, ValueError):  # accepted by the one that was stopped
                    lost += 1
            assert lost <= 1, "at most the one connection that it had in hand"
    assert len(seen) >= 2


def test_they_survive_the_server_and_the_service(thole):
    project(thole, port="auto", restart={"delay": "300ms"})
    thole.run("up", "-d", "--wait", "--timeout", "20s")
    port = port_of(thole)
    first = ask(port)
    thole.kill(thole.server_pid())
    assert ask(port) == first, "the service goes on"
    wait_until(lambda: pid(thole) == first, 20, "the next server")
    thole.kill(first)
    assert ask(port) != first, "it waited, and was answered by the next run"
    thole.run("restart", "web")
    assert ask(port) not in (first, 0)


def test_what_waits_while_the_server_is_killed_is_answered(thole):
    """Nothing of the service runs: the socket alone is kept."""
    thole.config({"version": 1, "services": {"gate": {"type": "job", "command": "while test ! -e go; do sleep 0.05; done"},
                                             "web": {"command": SERVER, "pass": "fd", "port": "auto", "depends_on": ["gate"]}}})
    thole.run("up", "-d")
    port = port_of(thole)
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        answer = pool.submit(ask, port, timeout=40)
        thole.kill(thole.server_pid())
        wait_until(lambda: "waiting" in thole.target("web:serve")["state"], 20, "the next server")
        (thole.project / "go").touch()
        assert answer.result() == wait_until(lambda: pid(thole), 20, "it to run")


def test_another_rail_is_given_them(thole):
    """The rail dies, then the server: who waits in the queue is answered all the same, so the next rail had the socket."""
    thole.config({"version": 1, "services": {"gate": {"type": "job", "command": "while test ! -e go; do sleep 0.05; done"},
                                             "other": {"command": "exec sleep 1000"},
                                             "web": {"command": SERVER, "pass": "fd", "port": "auto", "depends_on": ["gate"]}}})
    thole.run("up", "-d")
    thole.wait_target("other:serve", "active")
    port, old = port_of(thole), thole.rail_pid()
    thole.kill(old)
    thole.run("restart", "other")  # that needs one
    wait_until(lambda: thole.named("thole-rail") not in ([], [old]), 20, "another rail")
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        answer = pool.submit(ask, port, timeout=40)
        thole.kill(thole.server_pid())
        wait_until(lambda: "waiting" in thole.target("web:serve")["state"], 20, "the next server")
        (thole.project / "go").touch()
        assert answer.result() == wait_until(lambda: pid(thole), 20, "it to run")


def test_without_a_rail_it_is_bound_again(thole):
    project(thole, port="auto")
    thole.run("up", "-d", "--wait", "--timeout", "20s")
    port = port_of(thole)
    thole.run("down")
    thole.run("up", "-d", "--wait", "--timeout", "20s")
    assert port_of(thole) == port
    thole.kill(thole.rail_pid())
    thole.kill(thole.server_pid())
    thole.run("restart", "web")
    assert ask(port) == wait_until(lambda: pid(thole), 20, "it to run")


def test_a_fixed_port_that_is_taken_is_told(thole, free_port):
    port = free_port()
    with socket.socket() as stranger:
        stranger.bind(("127.0.0.1", port))
        stranger.listen()
        project(thole, port=port, restart={"delay": "200ms", "max_delay": "200ms", "max_restarts": 0})
        thole.run("up", "-d")
        said = wait_until(lambda: "in use" in (m := thole.target("web:serve").get("message") or "") and m, 20, "the conflict")
        assert f"port {port} is in use" in said
    wait_until(lambda: ask(port) == pid(thole), 20, "it to run")


def test_a_lazy_service_is_started_by_the_first_connection(thole):
    project(thole, port="auto", lazy=True)
    config = {"version": 1, "services": {"web": {"command": SERVER, "pass": "fd", "port": "auto", "lazy": True},
                                         "user": {"command": "echo began >> $LEDGER; exec sleep 1000", "depends_on": ["web"]}}}
    thole.config(config)
    thole.run("up", "-d", "--wait", "--timeout", "20s")
    thole.wait_ledger("began")
    state = thole.target("web:serve")
    assert state["state"]["waiting"]["waitReason"] == "waiting-for-connection" and state["message"] == "waiting for the first connection to its port"
    port = port_of(thole)
    thole.kill(thole.server_pid())
    first = ask(port)
    assert first == wait_until(lambda: pid(thole), 20, "it to run") == ask(port)
    thole.kill(first)
    assert ask(port) != first, "restarted by its policy"
    thole.run("stop", "web")
    thole.run("start", "web")
    wait_until(lambda: thole.target("web:serve")["state"]["waiting"]["waitReason"] == "waiting-for-connection", 20, "it to wait again")
    assert ask(port) == wait_until(lambda: pid(thole), 20, "it to run")


def test_a_lazy_service_holds_nothing_up_in_ci(thole):
    thole.config({"version": 1, "services": {"web": {"command": SERVER, "pass": "fd", "port": "auto", "lazy": True},
                                             "test": {"type": "job", "command": "echo tested", "depends_on": ["web"]}}})
    thole.run("ci", timeout=40)


def test_a_lazy_service_that_was_adopted_is_restarted_by_its_policy(thole):
    """Nobody need connect again: it was asked for."""
    project(thole, port="auto", lazy=True)
    thole.run("up", "-d", "--wait", "--timeout", "20s")
    ask(port_of(thole))
    first = wait_until(lambda: pid(thole), 20, "it to run")
    thole.replace_server()
    thole.kill(first)
    thole.wait_target("web:serve", "active", run=2)
