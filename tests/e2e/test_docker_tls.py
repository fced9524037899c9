# SPDX-License-Identifier: Apache-2.0
"""A Docker Engine over TCP with TLS: who has no certificate of the engine's own authority is refused, either way."""

import contextlib
import select
import socket
import ssl
import subprocess
import threading

import pytest

from workflows import step, write_config


class Authority:
    """One that certifies an engine on 127.0.0.1 and its clients."""

    def __init__(self, directory):
        self.directory = directory
        directory.mkdir()
        self.openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", "/CN=ca",
                     "-keyout", "ca-key.pem", "-out", "ca.pem")
        self.certify("server", "subjectAltName=IP:127.0.0.1")
        self.certify("", "extendedKeyUsage=clientAuth")  # cert.pem, key.pem

    def openssl(self, *words):
        subprocess.run(["openssl", *words], cwd=self.directory, check=True, capture_output=True)

    def certify(self, who, extension):
        dash = f"{who}-" if who else ""
        (self.directory / "more").write_text(extension)
        self.openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", f"/CN={who or 'client'}",
                     "-keyout", f"{dash}key.pem", "-out", "request")
        self.openssl("x509", "-req", "-in", "request", "-CA", "ca.pem", "-CAkey", "ca-key.pem", "-CAcreateserial", "-days", "2",
                     "-extfile", "more", "-out", f"{dash}cert.pem")


class Front:
    """TLS before the unix socket of an engine."""

    def __init__(self, authority, path):
        self.path = path
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(authority.directory / "server-cert.pem", authority.directory / "server-key.pem")
        self.context.load_verify_locations(authority.directory / "ca.pem")
        self.context.verify_mode = ssl.CERT_REQUIRED
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"tcp://127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=self.connect, args=(self.listener.accept()[0],), daemon=True).start()

    def connect(self, raw):
        with contextlib.suppress(OSError), raw, socket.socket(socket.AF_UNIX) as engine:
            with self.context.wrap_socket(raw, server_side=True) as client:
                engine.connect(self.path)
                while True:
                    ready = [client] if client.pending() else select.select([client, engine], [], [])[0]
                    for one, other in ((client, engine), (engine, client)):
                        if one in ready:
                            piece = one.recv(65536)
                            if not piece:
                                return
                            other.sendall(piece)


@pytest.fixture
def authority(tmp_path):
    return Authority(tmp_path / "ca")


@pytest.fixture
def front(authority, docker):
    front = Front(authority, docker.path)
    yield front
    front.listener.shutdown(socket.SHUT_RDWR)  # whoever accepts wakes up: the number may be another's soon
    front.listener.close()


def test_a_workflow_runs_over_tls(thole, docker, front, authority):
    thole.env.update(DOCKER_HOST=front.address, DOCKER_CERT_PATH=str(authority.directory), DOCKER_TLS_VERIFY="1")
    path = write_config(thole, [step("a", "echo here", "exit 3", image=docker.image)])
    result = thole.run("workflow", "run", path, "--backend", "docker", "--task-uuid", "T1", code=1)
    assert "a | here" in result.lines and "exit code 3" in result.err
    thole.run("workflow", "delete", "T1")


def run_refused(thole, docker, **env):
    thole.env.update(env)
    path = write_config(thole, [step("a", "echo here", image=docker.image)])
    result = thole.run("workflow", "run", path, "--backend", "docker", code=None)
    assert result.code != 0 and "a | here" not in result.out
    return result.err


def test_an_engine_that_another_authority_speaks_for_is_refused(thole, docker, front, authority, tmp_path):
    other = Authority(tmp_path / "other")
    said = run_refused(thole, docker, DOCKER_HOST=front.address, DOCKER_CERT_PATH=str(other.directory))
    assert "SSL certificate problem" in said and front.address in said
    thole.env["DOCKER_CERT_PATH"] = str(authority.directory)
    thole.run("workflow", "run", str(thole.project / "config.json"), "--backend", "docker", "--task-uuid", "T1")
    thole.run("workflow", "delete", "T1")


def test_certificates_that_are_missing_are_named(thole, docker, front, tmp_path):
    said = run_refused(thole, docker, DOCKER_HOST=front.address, DOCKER_CERT_PATH=str(tmp_path / "none"))
    assert "the option cert_path of the backend docker: " in said and "none/ca.pem" in said
    said = run_refused(thole, docker, DOCKER_HOST=front.address, DOCKER_CERT_PATH="", DOCKER_TLS_VERIFY="1")
    assert "set DOCKER_CERT_PATH" in said
