# SPDX-License-Identifier: Apache-2.0
"""`replicas`: one service, many of it, each with a number, ports and a name of its own."""

from driver import free_port, wait_until

CONFIG = """
    version: 1
    services:
      api: {{command: "echo api $THOLE_REPLICA >>$LEDGER; exec sleep 1000", replicas: {n}}}
      web: {{command: "echo web >>$LEDGER; exec sleep 1000", depends_on: [api]}}
    """


def active(thole):
    return {name: target["state"]["active"]["run"] for name, target in thole.targets().items() if target["state"].get("active")}


def test_each_knows_its_number_and_all_are_waited_for(thole):
    thole.config(CONFIG.format(n=3))
    thole.run("up", "-d", "--wait")
    assert active(thole) == {"api-0:serve": 1, "api-1:serve": 1, "api-2:serve": 1, "web:serve": 1}
    ledger = wait_until(lambda: len(thole.ledger()) == 4 and thole.ledger(), what="their lines")
    assert sorted(ledger) == ["api 0", "api 1", "api 2", "web"]


def test_the_name_stands_for_all_and_each_has_its_own(thole):
    thole.config(CONFIG.format(n=3))
    thole.run("up", "-d", "--wait")
    thole.run("stop", "api")
    assert active(thole) == {"web:serve": 1}
    thole.run("start", "api-1")
    assert active(thole) == {"api-1:serve": 2, "web:serve": 1}
    thole.run("start", "api")
    assert active(thole) == {"api-0:serve": 2, "api-1:serve": 2, "api-2:serve": 2, "web:serve": 1}
    thole.kill(thole.target("api-2:serve")["state"]["active"]["pid"])
    thole.wait_target("api-2:serve", "active", run=3)
    assert active(thole)["api-1:serve"] == 2


def test_a_new_server_knows_them_all(thole):
    thole.config(CONFIG.format(n=3))
    thole.run("up", "-d", "--wait")
    before = active(thole)
    thole.replace_server()
    wait_until(lambda: active(thole) == before)
    assert len(thole.ledger()) == 4


def test_ports_are_counted_on(thole):
    while True:
        port = free_port()
        if free_port() == port + 1:
            break
    thole.config(f"""
        version: 1
        services:
          api:
            command: echo port $PORT >>$LEDGER; exec sleep 1000
            port: {port}
            replicas: 2
            hooks: {{before: "echo hook {{{{self.port}}}} >>$LEDGER"}}
        """)
    thole.run("up", "-d", "--wait")
    wait_until(lambda: len(thole.ledger()) == 4, what="their lines")
    assert sorted(thole.ledger()) == [f"hook {port}", f"hook {port + 1}", f"port {port}", f"port {port + 1}"]


def test_jobs_have_replicas_too(thole):
    thole.config("""
        version: 1
        services:
          part: {type: job, command: echo part $THOLE_REPLICA >>$LEDGER, replicas: 4}
          all: {type: job, command: echo all >>$LEDGER, depends_on: [part]}
        """)
    thole.run("ci")
    ledger = thole.ledger()
    assert sorted(ledger[:4]) == ["part 0", "part 1", "part 2", "part 3"] and ledger[4:] == ["all"]


def test_a_hundred(thole):
    thole.config(CONFIG.format(n=100))
    thole.run("up", "-d", "--wait", timeout=60)
    assert len(active(thole)) == 101
    assert sorted(thole.ledger()) == sorted(["web", *(f"api {n}" for n in range(100))])


def test_another_number_is_taken_up(thole):
    thole.config(CONFIG.format(n=2))
    thole.run("up", "-d", "--wait")
    pids = {name: thole.target(f"{name}:serve")["state"]["active"]["pid"] for name in ("api-0", "api-1", "web")}
    thole.config(CONFIG.format(n=4))
    thole.wait_target("api-3:serve", "active", run=1)
    thole.wait_target("api-2:serve", "active", run=1)
    assert {name: thole.target(f"{name}:serve")["state"]["active"]["pid"] for name in pids} == pids
    thole.config(CONFIG.format(n=1))
    wait_until(lambda: active(thole) == {"api-0:serve": 1, "web:serve": 1})
    thole.replace_server()
    wait_until(lambda: active(thole) == {"api-0:serve": 1, "web:serve": 1})
    assert thole.target("api-0:serve")["state"]["active"]["pid"] == pids["api-0"]
