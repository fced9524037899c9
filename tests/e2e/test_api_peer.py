# SPDX-License-Identifier: Apache-2.0
"""Who may speak to the server: real clients of other users and in other namespaces."""

import os
import pathlib
import signal
import subprocess
import sys
import tempfile

import pytest

from driver import BUILD, ROOT, UnixConnection, wait_until

CLIENT = """
import socket, sys
s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[1])
s.sendall(b"GET /healthz HTTP/1.1\\r\\nHost: x\\r\\nConnection: close\\r\\n\\r\\n")
reply = b""
while True:
    more = s.recv(65536)
    if not more:
        break
    reply += more
print(reply.decode())
"""


class Server:
    def __init__(self, home):
        self.socket = home / "run" / "server.sock"
        env = {**os.environ, "THOLE_RUNTIME_DIR": str(home / "run"), "THOLE_STATE_DIR": str(home / "state")}
        with open(home / "log", "wb") as log:
            self.process = subprocess.Popen([BUILD / "thole-server"], env=env, stdout=log, stderr=log)
        # It leaves when it has nothing to do: a connection that is open keeps it.
        self.keep = UnixConnection(str(self.socket), 20)
        wait_until(lambda: self.keep.connect() or True, what="the socket")
        self.keep.request("GET", "/healthz")
        assert self.keep.getresponse().read() == b"ok"

    def stop(self):
        if self.process.poll() is None:
            self.keep.request("POST", "/apis/thole.dev/v1alpha1/servers/local/stop")
            self.keep.getresponse().read()
        self.keep.close()
        self.process.wait(20)


@pytest.fixture
def server():
    with tempfile.TemporaryDirectory(prefix="thole-peer-") as home:
        server = Server(pathlib.Path(home))
        try:
            yield server
        finally:
            try:
                server.stop()
            finally:
                if server.process.poll() is None:
                    server.process.send_signal(signal.SIGKILL)
                    server.process.wait()


def ask(server, *before, **options):
    done = subprocess.run([*before, sys.executable, "-c", CLIENT, str(server.socket)], capture_output=True, text=True,
                          timeout=30, **options)
    assert done.returncode == 0, done.stderr
    return done.stdout


def unshare(*flags):
    """A prefix that runs a command in other namespaces; an ordinary user needs one more for that."""
    return ["unshare", *([] if ROOT else ["--user", "--map-current-user"]), *flags]


def test_our_own_client_is_served(server):
    assert ask(server).startswith("HTTP/1.1 200")


def test_a_client_in_another_mount_namespace_is_refused_by_name(server):
    reply = ask(server, *unshare("--mount"))
    assert reply.startswith("HTTP/1.1 403"), reply
    assert "the client is in another mount namespace" in reply and "THOLE_RUNTIME_DIR" in reply
    assert '"reason":"Forbidden"' in reply


def test_a_client_in_another_pid_namespace_is_refused_by_name(server):
    reply = ask(server, *unshare("--pid", "--fork"))
    assert reply.startswith("HTTP/1.1 403"), reply
    assert "the client is in another pid namespace" in reply


def test_the_socket_is_for_its_user_alone(server):
    assert server.socket.stat().st_mode & 0o777 == 0o600
    assert server.socket.parent.stat().st_mode & 0o777 == 0o700


if ROOT:
    def test_a_client_of_another_user_is_refused_by_name_even_if_somebody_opens_the_way(server):
        home = server.socket.parent.parent
        home.chmod(0o755)
        server.socket.parent.chmod(0o755)
        server.socket.chmod(0o666)
        reply = ask(server, user=65534, group=65534, extra_groups=[])
        assert reply.startswith("HTTP/1.1 403"), reply
        assert "the client is user 65534, and this server serves user 0 only" in reply
