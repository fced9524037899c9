# SPDX-License-Identifier: Apache-2.0
"""A Docker Engine that goes away, comes back, is somebody else's, or says things that it should not."""

import contextlib
import re
import socket
import threading

import pytest

from docker_task import Task, bare, step
from driver import wait_until


class Relay:
    """Between thole and an engine: TCP on loopback, or a unix socket. `cut()` closes what is open, `spoil` is what is
    answered from then on instead of the engine, `after` how many bytes of an answer that contains `marker` still come."""

    def __init__(self, engine, path=None):
        self.engine, self.spoil, self.open, self.taken = engine, None, [], 0
        self.marker, self.after, self.free = None, 0, threading.Event()
        self.free.set()
        if path:
            self.listener = socket.socket(socket.AF_UNIX)
            self.listener.bind(str(path))
            self.address = f"unix://{path}"
        else:
            self.listener = socket.socket()
            self.listener.bind(("127.0.0.1", 0))
            self.address = "tcp://127.0.0.1:%d" % self.listener.getsockname()[1]
        self.listener.listen(64)
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            self.taken += 1
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client):
        with contextlib.suppress(OSError):
            self.free.wait()
            if self.spoil is not None:
                client.recv(65536)
                client.sendall(self.spoil)
                client.close()
                return
            server = socket.socket(socket.AF_UNIX)
            server.connect(self.engine.path)
            self.open += [client, server]
            threading.Thread(target=self._copy, args=(client, server, False), daemon=True).start()
            self._copy(server, client, True)

    def _copy(self, source, target, answers):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if answers and self.marker and self.marker in data:
                    data, self.marker = data[:data.index(self.marker) + self.after], None
                    target.sendall(data)
                    break
                target.sendall(data)
        for end in (source, target):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def hold(self):
        """From now on everybody is connected, and nothing is said."""
        self.free.clear()
        self.cut()

    def release(self):
        self.free.set()

    def cut(self):
        ends, self.open = self.open, []
        for end in ends:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)  # whoever accepts wakes up: the number may be another's soon
        self.listener.close()
        self.release()
        self.cut()


@pytest.fixture
def relay(docker, thole):
    made = Relay(docker)
    yield made
    made.close()


def through(thole, docker, relay, **env):
    task = Task(thole, docker, **env)
    thole.env["DOCKER_HOST"] = relay.address
    return task


def test_an_engine_over_tcp(thole, docker, relay):
    task = through(thole, docker, relay)
    task.run([bare("a", "echo here; exit 3")], code=1)
    assert (task.log("a"), task.steps()["a"]["exit_code"]) == (b"here\n", 3)
    assert relay.taken > 0
    assert task.things() == {}


def test_connections_that_break(thole, docker, relay):
    """All of them, again and again, while it runs: each line once."""
    task = through(thole, docker, relay)
    task.begin([bare("a", "for i in $(seq 200); do echo $i; sleep 0.01; done; exit 5")])
    for line in ("20", "60", "100", "150"):
        task.wait_line("a", line)
        relay.cut()
    assert task.over()["error"] == "step a: exit code 5"
    assert task.lines("a") == [str(i) for i in range(1, 201)]
    assert task.started() == {"a": 1}
    assert task.things() == {}


def test_half_a_frame_of_a_log(thole, docker, relay):
    task = through(thole, docker, relay)
    relay.marker, relay.after = b"needle", 3
    task.run([bare("a", "echo before; sleep 0.3; echo a needle in it; echo after")])
    assert task.log("a") == b"before\na needle in it\nafter\n"


def test_an_engine_that_talks_rubbish(thole, docker, relay):
    task = through(thole, docker, relay, THOLE_BACKEND_DOCKER_PATIENCE="2s")
    task.begin([bare("a", "echo here; exec sleep 1000")])
    task.wait_line("a", "here")
    relay.spoil = b"what is HTTP?\r\n"
    relay.cut()
    end = task.over()
    assert end["result"] != "success" and end["error"], end
    relay.spoil = None
    task.thole.run("workflow", "delete", task.name, code=1)  # it says what it has left
    wait_until(lambda: not task.dir.exists(), what="it to be gone")
    wait_until(lambda: task.thole.run("backend", "orphans", "--remove") and task.things() == {}, what="everything to be removed")


@pytest.mark.parametrize("answer", ids=["nothing", "half", "noise", "text", "500"], argvalues=[b"", b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"half", b"\x00\xff" * 100,
                                    b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nnope", b"HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n"])
def test_what_answers_is_no_engine(thole, docker, relay, answer):
    task = through(thole, docker, relay, THOLE_BACKEND_DOCKER_PATIENCE="1s")
    relay.spoil = answer
    task.run([bare("a", "true")], code=1)
    end = task.status()
    assert end["result"] == "error" and relay.address in end["error"] and end["error"].count("\n") == 0, end
    assert task.steps()["a"]["state"] == "skipped"


def test_there_is_no_engine(thole, docker):
    task = Task(thole, docker)
    thole.env.update(DOCKER_HOST=f"unix://{thole.base}/none.sock", THOLE_BACKEND_DOCKER_PATIENCE="1s")
    result = task.run([step("a", "true")], code=3)
    assert "none.sock" in result.err and result.err.strip().count("\n") == 0, result
    assert thole.run("workflow", "list", "--json").json() == []


def test_somebody_removes_the_container(thole, docker):
    task = Task(thole, docker).begin([bare("a", "echo here; exec sleep 1000")], [step("b", "true")])
    task.wait_line("a", "here")
    docker.remove({("container", task.container("a")["Id"])})
    end = task.over()
    assert end["result"] != "success" and end["error"].startswith("step a: ") and end["error"].count("\n") == 0, end
    assert task.steps()["a"]["state"] != "success" and task.steps()["b"]["state"] == "skipped"
    assert task.things() == {}


def test_somebody_kills_the_container(thole, docker):
    task = Task(thole, docker).begin([bare("a", "echo here; exec sleep 1000")])
    task.wait_line("a", "here")
    docker.ask("POST", f"/containers/{task.container('a')['Id']}/kill")
    end = task.over()
    assert (end["result"], task.steps()["a"]["exit_code"]) == ("failure", 137), end
    assert not task.steps()["a"].get("oom_killed")


# -- an engine of its own, which is stopped and killed

@pytest.mark.deadline(150)
@pytest.mark.parametrize("how", ["stop", "kill"])
def test_the_engine_is_restarted(thole, own_docker, how):
    """Its containers end with it. What was written before is there, the end is known, and it is used again."""
    task = Task(thole, own_docker, THOLE_BACKEND_DOCKER_PATIENCE="60s")
    task.begin([bare("a", "trap 'exit 4' TERM; echo here; while true; do sleep 0.1; done")])
    task.wait_line("a", "here")
    getattr(own_docker, how)()
    own_docker.start()
    end = task.over(90)
    lines = task.lines("a")
    assert lines[0] == "here" and len(lines) == (1 if how == "stop" else 2), lines
    assert how == "stop" or re.fullmatch("docker: the engine was away for [0-9.]+m?s; what was written meanwhile may be missing", lines[1])
    assert (end["result"], end["error"]) == ("failure", f"step a: exit code {task.steps()['a']['exit_code']}"), end
    assert task.things() == {}
    again = Task(thole, own_docker, "T2")
    again.run([bare("b", "echo there")])
    assert (again.log("b"), again.started(), again.things()) == (b"there\n", {"b": 1}, {})


@pytest.mark.deadline(150)
def test_a_step_that_begins_while_the_engine_is_stopped(thole, own_docker):
    """An engine that leaves answers for a while still, with errors of its inside: they are not the step's."""
    task = Task(thole, own_docker, THOLE_BACKEND_DOCKER_PATIENCE="60s")
    task.begin([bare("a", "trap 'exit 0' TERM; echo here; while true; do sleep 0.1; done")], [bare("b", "echo there")], [bare("c", "echo then")])
    task.wait_line("a", "here")
    own_docker.stop()
    own_docker.start()
    end = task.over(90)
    assert end["result"] == "success", (end, task.steps())
    assert [task.log(name) for name in "abc"] == [b"here\n", b"there\n", b"then\n"]
    assert task.things() == {}


@pytest.mark.deadline(120)
def test_the_engine_stays_away(thole, own_docker):
    task = Task(thole, own_docker, THOLE_BACKEND_DOCKER_PATIENCE="2s")
    task.begin([bare("a", "echo here; exec sleep 1000")])
    task.wait_line("a", "here")
    own_docker.kill()
    end = task.over()
    assert end["result"] == "error" and own_docker.address in end["error"] and end["error"].count("\n") == 0, end
    own_docker.start()
    thole.run("workflow", "delete", task.name, code=1)  # it says what it has left
    wait_until(lambda: not task.dir.exists(), what="it to be gone")
    wait_until(lambda: thole.run("backend", "orphans", "--remove") and task.things() == {}, what="everything to be removed")


def test_an_engine_that_says_nothing_holds_nobody_else_up(thole, docker, relay):
    """The next server serves at once: what it does not know yet is shown as it was written down."""
    task = through(thole, docker, relay)
    task.begin([bare("a", "echo here; exec sleep 1000")])
    task.wait_line("a", "here")
    relay.hold()
    thole.replace_server()
    assert task.steps()["a"]["state"] == "starting"  # that it was asked for is what is written down
    assert thole.run("ps", "-a", "--json").json()
    assert "not all known" not in (thole.state / "rail.log").read_text()
    relay.release()
    thole.run("workflow", "cancel", task.name, "--grace", "0s")
    assert task.over()["result"] == "canceled"
    assert (task.started(), task.things()) == ({"a": 1}, {})


@pytest.mark.deadline(120)
def test_the_server_dies_while_the_engine_is_away(thole, own_docker):
    task = Task(thole, own_docker, THOLE_BACKEND_DOCKER_PATIENCE="60s")
    task.begin([bare("a", "echo here; exec sleep 1000")])
    task.wait_line("a", "here")
    own_docker.kill()
    thole.replace_server()
    own_docker.start()
    end = task.over()
    assert end["result"] != "success" and task.lines("a")[0] == "here", end
    assert task.things() == {}


COUNTS = "for i in $(seq 100); do echo $i; sleep 0.05; done; exit 5"


@pytest.mark.deadline(150)
@pytest.mark.parametrize("how", ["stop", "kill"])
def test_containers_run_on_without_their_engine(thole, own_docker, how):
    """With live-restore: each line once, and the step's own exit code."""
    own_docker.restore_live()
    task = Task(thole, own_docker, THOLE_BACKEND_DOCKER_PATIENCE="60s")
    task.begin([bare("a", COUNTS)])
    task.wait_line("a", "20")
    getattr(own_docker, how)()
    own_docker.start()
    assert task.over(90)["error"] == "step a: exit code 5"
    assert task.lines("a") == [str(i) for i in range(1, 101)]
    assert task.things() == {}


@pytest.mark.deadline(120)
def test_the_engine_is_silent_for_a_while(thole, own_docker):
    """So is it to the server that comes meanwhile."""
    task = Task(thole, own_docker, THOLE_BACKEND_DOCKER_PATIENCE="60s")
    task.begin([bare("a", COUNTS)])
    task.wait_line("a", "20")
    own_docker.freeze()
    thole.replace_server()
    own_docker.thaw()
    assert task.over(90)["error"] == "step a: exit code 5"
    assert task.lines("a") == [str(i) for i in range(1, 101)]
    assert task.things() == {}
