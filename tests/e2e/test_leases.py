# SPDX-License-Identifier: Apache-2.0
"""Ports of services: drawn, told, leased, kept until the spawn, the same next time; and the templates that they feed."""

import json
import os
import socket
import sqlite3
import subprocess

import pytest

from driver import wait_until

PYTHON = "/usr/bin/python3"
# Says what it was told, then listens on its port until it is stopped.
TELL = """exec /usr/bin/python3 -u -c 'import os
print("told", *sorted(f"{k}={v}" for k, v in os.environ.items() if "PORT" in k))
import http.server; http.server.test(http.server.SimpleHTTPRequestHandler, port=int(os.environ["PORT"]), bind="127.0.0.1")'"""


def project(thole, at=None, **more):
    thole.config({"version": 1, **more}, project=at)


def told(thole, name, *options):
    """The variables that `told` was given, from the log."""
    def ask():
        lines = [line for line in thole.run(*options, "logs", name).lines if "told" in line]
        return dict(word.split("=", 1) for word in lines[-1].split("told", 1)[1].split())
    return wait_until(ask, 20, f"{name} to say what it was told")


def leases(thole):
    if not (thole.state / "thole.db").exists():
        return []
    try:
        with sqlite3.connect(f"file:{thole.state}/thole.db?mode=ro", uri=True) as db:
            return db.execute("SELECT service, name, port, automatic, held, slug FROM lease ORDER BY service, name").fetchall()
    except sqlite3.OperationalError:  # it is being made
        return []


def bound(port):
    """Is somebody bound to it, listening or not, on any address?"""
    for family, address in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1"), (socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::")):
        with socket.socket(family) as probe:
            try:
                probe.bind((address, port))
            except OSError:
                return True
    return False


AUTO = {"api": {"command": TELL, "port": "auto", "ports": {"admin": "auto"}, "ready": {"http": {}}},
        "web": {"command": TELL, "port": "auto", "env": {"API": "http://localhost:{{services.api.port}}/{{self.port}}", "WEB_PORT": "mine"}}}


def test_services_are_told_their_ports_and_those_of_the_others(thole):
    project(thole, services=AUTO)
    thole.run("up", "-d", "--wait", "--timeout", "20s")
    api, web = told(thole, "api"), told(thole, "web")
    assert api["PORT"] == api["API_PORT"] == web["API_PORT"]
    assert api["PORT_ADMIN"] == web["API_PORT_ADMIN"] and "PORT_ADMIN" not in web
    assert web["PORT"] != api["PORT"] and web["WEB_PORT"] == "mine", "what the file sets wins"
    assert all(20000 <= int(api[key]) <= 29999 for key in ("PORT", "PORT_ADMIN")) and len({api["PORT"], api["PORT_ADMIN"], web["PORT"]}) == 3
    assert thole.target("api:serve")["state"]["active"]["ready"], "a probe without a port asks the service's own"
    assert leases(thole) == [("api", "", int(api["PORT"]), 1, 1, thole.session()["metadata"]["name"]),
                             ("api", "admin", int(api["PORT_ADMIN"]), 1, 1, thole.session()["metadata"]["name"]),
                             ("web", "", int(web["PORT"]), 1, 1, thole.session()["metadata"]["name"])]
    state = wait_until(lambda: json.loads((thole.project / ".thole/state.json").read_text())["services"]["api"], 10, "the state file")
    assert (state["port"], state["port_auto"]) == (int(api["PORT"]), True)


def test_they_are_the_same_next_time_until_they_are_purged(thole):
    project(thole, services=AUTO)
    thole.run("up", "-d", "--wait", "--timeout", "20s")
    first = told(thole, "api"), told(thole, "web")
    thole.run("down")
    assert [row[4] for row in leases(thole)] == [0, 0, 0], "released, and remembered"
    thole.run("up", "-d", "--wait", "--timeout", "20s")
    wait_until(lambda: thole.target("web:serve")["state"]["active"]["run"] == 2, 20, "the second run")
    assert (told(thole, "api"), told(thole, "web")) == first
    thole.run("down", "--purge")
    assert leases(thole) == []


def test_a_session_that_is_down_is_forgotten_when_it_is_purged(thole):
    project(thole, services={"api": AUTO["api"]})
    thole.run("up", "-d", "--wait", "--timeout", "20s")
    thole.run("down")
    thole.run("down", "--purge")
    wait_until(lambda: leases(thole) == [], 10, "the leases to be forgotten")


def test_what_one_had_is_not_given_to_another(thole):
    """A range of one port: whoever had it gets it again; another gets it only while nobody holds it."""
    port = next(p for p in range(29000, 29900) if not bound(p))
    env = {"THOLE_PORT_RANGE": f"{port}-{port}"}
    other = thole.another_project("other")
    for at in (None, other):
        project(thole, at, services={"api": {"command": TELL, "port": "auto"}})
    thole.run("up", "-d", "--wait", "--timeout", "20s", env=env)
    assert told(thole, "api")["PORT"] == str(port)
    refused = thole.run("up", "-d", "--wait", "--timeout", "20s", env=env, cwd=other, code=None)
    assert refused.code not in (0, None)
    said = thole.session("-C", str(other))["status"]["error"]
    assert f"no port from {port} to {port} is free for the port of service api: 1 are held" in said and "THOLE_PORT_RANGE" in said
    thole.run("down")
    thole.run("-C", str(other), "down")
    thole.run("up", "-d", "--wait", "--timeout", "20s", env=env, cwd=other)
    assert told(thole, "api", "-C", str(other))["PORT"] == str(port)


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "0.0.0.0", "::"])
def test_a_port_that_a_stranger_is_bound_to_is_not_drawn(thole, address):
    low = next(p for p in range(28000, 28900, 3) if not bound(p) and not bound(p + 1))
    project(thole, services={"api": {"command": TELL, "port": "auto"}})
    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET) as stranger:
        stranger.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if ":" in address:
            stranger.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        for taken in (low, low + 1):  # whichever would be drawn first
            stranger.close() if taken == low + 1 else None
            stranger = socket.socket(stranger.family)
            stranger.bind((address, taken))
            stranger.listen()
            thole.run("up", "-d", "--wait", "--timeout", "20s", env={"THOLE_PORT_RANGE": f"{low}-{low + 1}"})
            assert told(thole, "api")["PORT"] == str(low + low + 1 - taken)
            thole.run("down", "--purge")
            stranger.close()


@pytest.mark.parametrize("text", ["x", "1", "0-5", "20-10", "1-70000", "1-2-3", "-1-5", "1-2 "])
def test_a_range_that_is_none_is_refused(thole, text):
    project(thole, services={"api": {"command": TELL, "port": "auto"}})
    assert f'THOLE_PORT_RANGE is "{text}", no range such as 20000-29999' in thole.run("up", "-d", env={"THOLE_PORT_RANGE": text}, code=2).err


def test_a_fixed_port_of_another_session_is_refused_before_anything_starts(thole, free_port):
    port, other = free_port(), thole.another_project("other")
    project(thole, services={"api": {"command": TELL, "port": port}})
    project(thole, other, services={"web": {"command": TELL, "ports": {"p": port}}, "first": {"command": "echo started >> $LEDGER; sleep 1000"}})
    thole.run("up", "-d", "--wait", "--timeout", "20s")
    slug = thole.session()["metadata"]["name"]
    refused = thole.run("up", "-d", cwd=other, code=None)
    assert refused.code == 3 and f"port {port} (services.web.ports.p) is that of api:serve of session {slug}" in refused.err, refused
    assert thole.ledger() == [] and "use another number or auto" in refused.err
    again = thole.run("--session", "second", "up", "-d", code=None)
    assert again.code == 3 and f"of api:serve of session {slug}" in again.err
    thole.run("down")
    project(thole, other, services={"web": {"command": TELL, "port": port}})
    thole.run("up", "-d", "--wait", "--timeout", "20s", cwd=other)
    assert told(thole, "web", "-C", str(other))["PORT"] == str(port)


def unasked(free_port, port):
    """A file with a port of somebody else's, and ports of what nobody has asked for."""
    ports = {"web": port, "idle": free_port(), "off": free_port()}
    services = {name: {"command": TELL, "port": number} for name, number in ports.items()} | {"worker": {"command": "exec sleep 1000"}}
    services["idle"]["auto"] = services["off"]["enabled"] = False
    return ports, services


def test_only_what_is_started_has_its_fixed_port(thole, free_port):
    port, other = free_port(), thole.another_project("other")
    at = ("-C", str(other))
    project(thole, services={"api": {"command": TELL, "port": port}})
    ports, services = unasked(free_port, port)
    project(thole, other, services=services)
    thole.run("up", "-d", "--wait", "--timeout", "20s")
    thole.run("up", "-d", "--wait", "--timeout", "20s", "worker", cwd=other)
    assert [row[0] for row in leases(thole) if row[4]] == ["api"] and not bound(ports["idle"]) and not bound(ports["off"])
    failed = thole.run("start", "web", cwd=other, code=None)
    assert failed.code == 1 and f"port {port} (services.web.port) is that of api:serve of session" in failed.err, failed
    assert thole.targets(*at)["worker:serve"]["state"]["active"]["run"] == 1, "that is its own matter"
    thole.run("start", "idle", cwd=other)
    assert told(thole, "idle", *at)["PORT"] == str(ports["idle"])
    assert [row[:2] + row[4:5] for row in leases(thole)] == [("api", "", 1), ("idle", "", 1)]
    thole.kill(thole.server_pid())
    refused = thole.run("--session", "third", "up", "-d", "idle", cwd=other, code=3)
    assert f"port {ports['idle']} (services.idle.port) is that of idle:serve of session" in refused.err, "it is known to the next server"
    thole.run("down")
    thole.run("start", "web", cwd=other)
    assert told(thole, "web", *at)["PORT"] == str(port)
    thole.run("enable", "off", cwd=other, code=None)
    thole.run("start", "off", cwd=other)
    assert told(thole, "off", *at)["PORT"] == str(ports["off"])
    assert sorted(row[0] for row in leases(thole) if row[4]) == ["idle", "off", "web"]


@pytest.mark.parametrize("point", ["saved", "leased", "rename"])
def test_a_server_that_is_killed_while_it_leases_what_is_started_later(thole, free_port, point):
    thole.use_faults("server")
    thole.env["THOLE_CRASH_DIR"] = str(thole.base)
    ports, services = unasked(free_port, free_port())
    project(thole, services=services)
    thole.run("up", "-d", "--wait", "--timeout", "20s", "worker")
    armed = thole.file(f"server.{point}", "", project=thole.base)
    thole.run("start", "idle", "web", code=None)
    wait_until(lambda: not armed.exists(), 20, "the server to be killed there")
    thole.run("start", "idle", "web")
    assert told(thole, "idle")["PORT"] == str(ports["idle"]) and told(thole, "web")["PORT"] == str(ports["web"])
    assert sorted(row[0] for row in leases(thole) if row[4]) == ["idle", "web"]


def test_a_lazy_service_that_nobody_asked_for_does_not_listen(thole, free_port):
    port, other = free_port(), thole.another_project("other")
    lazy = {"command": TELL, "port": port, "pass": "fd", "lazy": True}
    project(thole, services={"lazy": {**lazy, "auto": False}, "on": {"command": "exec sleep 1000"}})
    project(thole, other, services={"lazy": lazy})
    thole.run("up", "-d", "--wait", "--timeout", "20s")
    assert not bound(port)
    thole.run("up", "-d", "--wait", "--timeout", "20s", cwd=other)
    refused = thole.run("start", "lazy", code=None)
    assert refused.code == 1 and f"port {port} (services.lazy.port) is that of lazy:serve of session other-" in refused.err, refused
    thole.run("-C", str(other), "down")
    thole.run("start", "lazy")
    assert bound(port) and thole.target("lazy:serve")["state"]["waiting"]["waitReason"] == "waiting-for-connection"


def test_two_at_once_in_two_directories_never_get_the_same(make_thole):
    """Worktrees of one server, and servers of different state directories, all of whose services would begin their search at the
    same place: a range that is just large enough."""
    low = next(p for p in range(27000, 27800, 16) if not any(bound(q) for q in range(p, p + 16)))
    env = {"THOLE_PORT_RANGE": f"{low}-{low + 15}"}
    one, two = make_thole(), make_thole()
    services = {f"s{i}": {"command": TELL, "port": "auto"} for i in range(4)}
    places = [(one, one.project), (one, one.another_project("tree")), (two, two.project), (two, two.another_project("tree"))]
    for thole, at in places:
        project(thole, at, services=services)
    clients = [thole.popen("up", "-d", "--wait", "--timeout", "40s", env=env, cwd=at) for thole, at in places]
    assert [client.wait(50) for client in clients] == [0] * 4, clients
    ports = [told(thole, f"s{i}", "-C", str(at))["PORT"] for thole, at in places for i in range(4)]
    assert sorted(map(int, ports)) == list(range(low, low + 16))


def test_a_port_is_kept_until_the_spawn(thole):
    project(thole, services={"gate": {"type": "job", "command": "while test ! -e go; do sleep 0.05; done"},
                             "api": {"command": TELL, "port": "auto", "depends_on": ["gate"]}})
    thole.run("up", "-d")
    port = wait_until(lambda: leases(thole)[0][2], 20, "the lease")
    wait_until(lambda: "waiting" in thole.target("api:serve")["state"], 10, "it to wait")
    wait_until(lambda: bound(port), 10, "the port to be kept")
    with socket.socket() as client:
        assert client.connect_ex(("127.0.0.1", port)) != 0, "nobody listens"
    thole.kill(thole.server_pid())
    wait_until(lambda: "waiting" in thole.target("api:serve")["state"] and bound(port), 20, "the next server to keep it")
    (thole.project / "go").touch()
    assert told(thole, "api")["PORT"] == str(port)


def former_connection(port):
    """The kernel remembers a connection of somebody who listened there, for a minute."""
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        listener.listen()
        client = socket.create_connection(("127.0.0.1", port))
        listener.accept()[0].close()
        assert client.recv(1) == b""
        client.close()


def test_it_is_kept_for_us_alone_also_after_a_former_connection(thole, free_port):
    """Neither it nor a stranger's SO_REUSEADDR, which most servers set, changes that."""
    port, given = free_port(), free_port()
    for each in (port, given):
        former_connection(each)
    project(thole, services={"gate": {"type": "job", "command": "while test ! -e go; do sleep 0.05; done"},
                             "api": {"command": TELL, "port": port, "depends_on": ["gate"]},
                             "passed": {"command": "exec sleep 1000", "port": given, "pass": "fd"}})
    thole.run("up", "-d")
    wait_until(lambda: "waiting" in thole.target("api:serve")["state"] and bound(port), 10, "it to wait")
    for family, address in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::1"), (socket.AF_INET6, "::")):
        with socket.socket(family) as stranger, pytest.raises(OSError):
            stranger.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            stranger.bind((address, port))
    socket.create_connection(("127.0.0.1", given)).close()
    thole.file("go", "")
    assert told(thole, "api")["PORT"] == str(port)


def test_who_takes_it_after_the_spawn_is_named(thole):
    """The service ends at once; a stranger takes its port while it waits to be started again."""
    project(thole, services={"api": {"command": "echo ran >> $LEDGER; test ! -e gone || exec sleep 1000; exit 1", "port": "auto",
                                     "restart": {"delay": "1s", "max_delay": "1s", "max_restarts": 0}}})
    thole.run("up", "-d")
    port = wait_until(lambda: leases(thole)[0][2], 20, "the lease")
    thole.wait_ledger("ran")
    with subprocess.Popen([PYTHON, "-m", "http.server", "--bind", "127.0.0.1", str(port)], stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL, cwd="/") as stranger:
        try:
            said = wait_until(lambda: "in use" in (m := thole.target("api:serve").get("message") or "") and m, 20, "the stranger to be named")
            assert f"port {port} is in use by pid {stranger.pid} (" in said
        finally:
            stranger.kill()
    (thole.project / "gone").touch()
    thole.wait_target("api:serve", "active")


def test_the_next_server_has_the_very_same_table(thole):
    project(thole, services=AUTO)
    thole.run("up", "-d", "--wait", "--timeout", "20s")
    before = told(thole, "api")
    thole.kill(thole.server_pid())
    thole.run("restart", "web", "--wait", code=None)
    thole.run("restart", "api", code=0)
    wait_until(lambda: thole.target("api:serve")["state"]["active"]["run"] == 2, 20, "the second run")
    wait_until(lambda: told(thole, "api") == before and len([line for line in thole.run("logs", "api").lines if "told" in line]) == 2,
               20, "the second run to say the same")


@pytest.mark.parametrize("point", ["created", "saved", "leased", "rename"])
def test_a_server_that_is_killed_while_it_leases(thole, point):
    """Whatever was written, the next one leases the rest, and what is started has the port that is leased."""
    thole.use_faults("server")
    thole.env["THOLE_CRASH_DIR"] = str(thole.base)
    project(thole, services=AUTO)
    armed = thole.file(f"server.{point}", "", project=thole.base)
    thole.run("up", "-d", "--wait", "--timeout", "30s", code=None)
    assert not armed.exists(), "it was killed there"
    thole.run("up", "-d", "--wait", "--timeout", "30s")
    said = told(thole, "api")
    assert [row[2] for row in leases(thole) if row[0] == "api" and row[4]] == [int(said["PORT"]), int(said["PORT_ADMIN"])]


# ---- the file of leases

def up_fails(thole, words):
    """Says so within a bound, starts nothing, and leaves the file alone."""
    project(thole, services={"api": {"command": "echo started >> $LEDGER; sleep 1000", "port": "auto"}})
    failed = thole.run("up", "-d", "--wait", "--timeout", "40s", code=None)
    assert failed.code not in (0, None), failed
    said = thole.session()["status"]["error"]
    assert all(word in said for word in ["could not set up", f"{thole.state}/thole.db", *words]), said
    assert failed.code == 1 and all(word in failed.err for word in ["tiltfile:update failed: could not set up", *words]), failed
    assert "the session could not be set up" in thole.target("api:serve")["message"]
    assert thole.ledger() == []
    thole.run("down")


def test_a_broken_file_is_refused_and_left_alone(thole):
    (thole.state / "thole.db").write_bytes(b"not a database at all, whatever the name says. " * 40)
    before = (thole.state / "thole.db").read_bytes()
    up_fails(thole, ["is damaged", "move it away"])
    assert (thole.state / "thole.db").read_bytes() == before
    (thole.state / "thole.db").unlink()
    thole.run("up", "-d")
    thole.wait_target("api:serve", "active")


def test_a_newer_file_is_refused_and_left_alone(thole):
    project(thole, services={"api": {"command": "sleep 1000", "port": "auto"}})
    thole.run("up", "-d", "--wait", "--timeout", "20s")
    thole.run("down")
    thole.run("server", "stop")
    with sqlite3.connect(thole.state / "thole.db") as db:
        db.execute("PRAGMA user_version = 99")
    up_fails(thole, ["format 99", "newer thole"])
    with sqlite3.connect(thole.state / "thole.db") as db:
        assert db.execute("PRAGMA user_version").fetchone() == (99,)


def test_a_file_that_another_process_has_locked(thole):
    project(thole, services={"api": {"command": "sleep 1000", "port": "auto"}, "quick": {"command": "sleep 1000"}})
    thole.run("up", "-d", "--wait", "--timeout", "20s")
    thole.run("down")
    other = thole.another_project("other")
    project(thole, other, services={"quick": {"command": "sleep 1000"}})
    locker = sqlite3.connect(thole.state / "thole.db", isolation_level=None)
    locker.execute("BEGIN IMMEDIATE")
    waiting = thole.popen("up", "-d", "--wait", "--timeout", "40s")
    thole.run("up", "-d", "--wait", "--timeout", "3s", cwd=other)  # nobody else waits for it
    assert waiting.wait(30) != 0
    assert "is locked by another process" in waiting.err, waiting
    assert "is locked by another process" in thole.session()["status"]["error"]
    locker.execute("ROLLBACK")
    thole.run("down")
    thole.run("up", "-d", "--wait", "--timeout", "20s")


@pytest.mark.root("mounts a small file system")
def test_a_full_disk(thole):
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=300k,mode=700", "tmpfs", thole.state], check=True)
    try:
        project(thole, services={"api": {"command": "sleep 1000", "port": "auto"}})
        thole.run("up", "-d", "--wait", "--timeout", "20s", code=None)
        thole.run("down", code=None)
        thole.run("server", "stop")
        subprocess.run(["dd", "if=/dev/zero", f"of={thole.state}/filler", "bs=512"], stderr=subprocess.DEVNULL, check=False)
        failed = thole.run("up", "-d", "--wait", "--timeout", "20s", code=None)
        assert failed.code == 3 and "no space left" in failed.err.lower(), failed
        (thole.state / "filler").unlink()
        thole.run("up", "-d", "--wait", "--timeout", "20s")
        thole.run("down", "--purge")
        thole.run("server", "stop")
        wait_until(lambda: not thole.processes(), 20, "everything to be gone")
    finally:
        subprocess.run(["umount", "-l", thole.state], check=True)


# ---- templates at work

def test_templates_are_put_in_where_they_are_used(thole, free_port):
    port = free_port()
    (thole.project / "more.env").write_text("LITERAL={{self.port}}\n")
    project(thole, name="shop", vars={"word": "hello", "raw": "{{self.port}}"}, env={"ROOT": "{{project.root}}"}, env_from=["more.env"], services={
        "api": {"command": [PYTHON, "-u", "-c", "import os, sys, time\nprint('args', *sys.argv[1:])\n"
                            "print('env', *(os.environ[k] for k in ('ROOT', 'LITERAL', 'BRACES', 'NAME', 'RAW')))\n"
                            "import http.server; http.server.test(http.server.SimpleHTTPRequestHandler, port=int(sys.argv[1]), bind='127.0.0.1')",
                            "{{self.port}}", "{{ vars.word }}", "{{.Names}}", "{{{{self.port}}"],
                "build": "echo build {{project.name}} {{self.port}} {{.Keep}}",
                "port": port, "ports": {"no": "auto"},
                "env": {"BRACES": "{{{{x}}", "NAME": "{{project.name}}-{{vars.word}}", "RAW": "{{vars.raw}}"},
                "ready": {"http": {"path": "/?{{vars.word}}"}}}})
    thole.run("up", "-d", "--wait", "--timeout", "20s")
    log = wait_until(lambda: "GET /?hello" in (text := thole.run("logs", "api").out) and text, 20, "the probe's request")
    assert f"build shop {port} {{{{.Keep}}}}" in log
    assert f"args {port} hello {{{{.Names}}}} {{{{self.port}}}}" in log
    assert f"env {thole.project} {{{{self.port}}}} {{{{x}}}} shop-hello {{{{self.port}}}}" in log
    shown = thole.run("config").out
    assert "{{ vars.word }}" in shown and "{{project.name}}-{{vars.word}}" in shown, "as it is written"


def test_templates_in_probes_hooks_and_the_command_that_stops(thole, free_port):
    http, tcp = free_port(), free_port()
    listen = "import http.server, sys; http.server.test(http.server.SimpleHTTPRequestHandler, port=int(sys.argv[1]), bind='127.0.0.1')"
    server = {"command": [PYTHON, "-u", "-c", listen, "{{self.port}}"]}
    live = {"period": "50ms"}
    project(thole, vars={"word": "hello"}, services={
        "web": {**server, "port": http, "ready": {"http": {"headers": {"X-Word": "{{vars.word}}"}}},
                "live": {**live, "exec": "echo live {{self.port}} {{.Keep}} >> $LEDGER"},
                "hooks": {"before": "echo before {{self.port}} >> $LEDGER", "after": "echo after {{services.tcp.port}} >> $LEDGER"},
                "stop": {"command": "echo stop {{self.port}} $PORT >> $LEDGER; kill $(cat pid)", "grace": "20s"}},
        "tcp": {**server, "port": tcp, "ready": {"tcp": "{{self.port}}"}},
        "log": {"command": "echo hello there; exec sleep 1000", "ready": {"log": "^{{vars.word}} there$"}}})
    thole.run("up", "-d", "--wait", "--timeout", "20s")
    thole.file("pid", str(thole.target("web:serve")["state"]["active"]["pid"]))
    thole.wait_ledger(f"live {http} {{{{.Keep}}}}")
    thole.run("stop", "web")
    thole.wait_ledger(f"after {tcp}")
    said = [line for line in thole.ledger() if not line.startswith("live")]
    assert said == [f"before {http}", f"stop {http} {http}", f"after {tcp}"]


def test_what_the_file_sets_wins_over_ports_and_these_over_the_client(thole):
    project(thole, services={
        "api": {"command": "echo $PORT $DB_PORT >> $LEDGER; exec sleep 1000", "port": "auto", "env": {"DB_PORT": "mine"}},
        "db": {"command": "exec sleep 1000", "port": "auto"}})
    thole.run("up", "-d", "--wait", env={"PORT": "client", "DB_PORT": "client"})
    port = {entry["service"]: entry["port"] for entry in thole.run("ports", "-o", "json").json()}["api"]
    assert wait_until(thole.ledger) == [f"{port} mine"]


def test_a_secret_is_masked_as_it_is_rendered(thole):
    project(thole, vars={"key": "s3cr3t-part"}, services={"api": {
        "command": "echo value $TOKEN; sleep 1000", "port": "auto", "env": {"TOKEN": "{{vars.key}}-{{self.port}}"}, "secrets": ["TOKEN"]}})
    thole.run("up", "-d")
    line = wait_until(lambda: [line for line in thole.run("logs", "api").lines if "value" in line], 20, "the line")[0]
    assert line.endswith("value ********")
    for file in (thole.state / "sessions").rglob("log.*"):
        assert b"s3cr3t-part-2" not in file.read_bytes()


def test_a_wrong_template_is_told_before_anything_starts(thole):
    project(thole, services={"api": {"command": "echo {{services.wbe.port}} >> $LEDGER", "port": "auto"}, "web": {"command": TELL, "port": "auto"}})
    failed = thole.run("up", "-d", code=2)
    assert 'services.api.command: {{services.wbe.port}}: there is no service "wbe"; did you mean web?' in failed.err
    assert thole.ledger() == [] and not os.path.exists(thole.state / "thole.db")


def test_who_has_no_ports_needs_no_file(thole):
    project(thole, services={"api": {"command": "sleep 1000"}})
    thole.run("up", "-d", "--wait", "--timeout", "20s")
    thole.run("down", "--purge")
    assert not os.path.exists(thole.state / "thole.db")


def test_a_server_that_is_stopped_and_started_again(thole):
    """SIGTERM leaves everything running; the next server has the table."""
    project(thole, services=AUTO)
    thole.run("up", "-d", "--wait", "--timeout", "20s")
    before = leases(thole)
    thole.run("server", "stop")
    assert thole.target("api:serve")["state"]["active"]["run"] == 1
    assert leases(thole) == before


def test_ports_are_shown(thole, free_port):
    port, other = free_port(), thole.another_project("other")
    project(thole, services={"api": {"command": TELL, "port": "auto", "ports": {"admin": port}}, "quiet": {"command": "sleep 1000"}})
    project(thole, other, services={"web": {"type": "job", "command": "true", "port": "auto"}})
    assert "no session has a port" in thole.run("ports").err
    thole.run("up", "-d", "--wait", "--timeout", "20s")
    thole.run("up", "-d", "--wait", "--timeout", "20s", cwd=other)
    slug, drawn = thole.session()["metadata"]["name"], told(thole, "api")["PORT"]
    pid = thole.target("api:serve")["state"]["active"]["pid"]
    rows = [line.split() for line in thole.run("ports").lines]
    assert ["PORT", "KIND", "SERVICE", "NAME", "SESSION", "STATE", "PID"] == rows[0]
    assert [drawn, "auto", "api", slug, "ready", str(pid)] in rows and [str(port), "fixed", "api", "admin", slug, "ready", str(pid)] in rows
    assert any(row[1:3] == ["auto", "web"] and row[4] == "done" for row in rows[1:]), rows
    listed = thole.run("ports", "-o", "json").json()
    assert [row["port"] for row in listed] == sorted(row["port"] for row in listed) and len(listed) == 3
    assert {"port": port, "auto": False, "service": "api", "name": "admin", "target": "api:serve", "session": slug, "state": "ready", "pid": pid} in listed
    wide = next(line for line in thole.run("ps", "-o", "wide").lines if line.startswith("api:serve"))
    assert f"{drawn} admin:{port}" in wide
    _, target = thole.api(f"/apis/thole.dev/v1alpha1/namespaces/{slug}/targets/api.serve")
    assert target["status"]["ports"] == [{"port": int(drawn), "auto": True}, {"name": "admin", "port": port, "auto": False}]


def test_a_reload_leases_what_is_new_and_leaves_the_rest(thole, free_port):
    services = {"api": {"command": TELL, "port": "auto"}, "old": {"command": TELL, "port": "auto"},
                "says": {"command": "echo '{{vars.word}}' >> $LEDGER; exec sleep 1000"}}
    project(thole, vars={"word": "one", "other": "x"}, services=services)
    thole.run("up", "-d", "--wait", "--timeout", "20s")
    before = told(thole, "api")
    thole.wait_ledger("one")
    fixed = free_port()
    del services["old"]
    services |= {"web": {"command": TELL, "port": "auto", "env": {"A_PORT": "{{services.api.port}}"}}, "last": {"command": TELL, "port": fixed}}
    project(thole, vars={"word": "one", "other": "y"}, services=services)
    thole.run("up", "-d")
    web = told(thole, "web")
    assert web["A_PORT"] == before["PORT"] and web["LAST_PORT"] == str(fixed)
    told(thole, "last")
    wait_until(lambda: sorted((row[0], row[4]) for row in leases(thole)) == [("api", 1), ("last", 1), ("old", 0), ("web", 1)], 20, "the leases")
    assert thole.target("api:serve")["state"]["active"]["run"] == 1 == thole.target("says:serve")["state"]["active"]["run"]
    project(thole, vars={"word": "two", "other": "y"}, services=services)
    thole.run("up", "-d")
    thole.wait_ledger("two")
    wait_until(lambda: thole.target("says:serve")["state"]["active"]["run"] == 2, 20, "the second run")
    assert "command changed in thole.yaml" in thole.run("why", "says").out
    assert thole.target("api:serve")["state"]["active"]["run"] == 1
    thole.kill(thole.server_pid())
    thole.run("restart", "web")
    wait_until(lambda: thole.target("web:serve")["state"]["active"]["run"] == 2 and told(thole, "web") == web, 20, "the same table")


def test_a_reload_with_a_port_of_another_session_is_refused(thole, free_port):
    port, other = free_port(), thole.another_project("other")
    project(thole, services={"api": {"command": TELL, "port": port}})
    project(thole, other, services={"web": {"command": "sleep 1000"}})
    thole.run("up", "-d", "--wait", "--timeout", "20s")
    thole.run("up", "-d", "--wait", "--timeout", "20s", cwd=other)
    project(thole, other, services={"web": {"command": "sleep 1000", "port": port}})
    thole.run("up", "-d", cwd=other, code=None)
    problem = wait_until(lambda: (thole.targets("-C", str(other))["tiltfile:update"]["state"].get("terminated") or {}).get("error"), 20, "the refusal")
    assert f"port {port} (services.web.port) is that of api:serve of session" in problem
    assert thole.targets("-C", str(other))["web:serve"]["state"]["active"]["run"] == 1
