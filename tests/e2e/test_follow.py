# SPDX-License-Identifier: Apache-2.0
"""`depends_on: {x: {restart: true}}`: who follows x is restarted when a new run of x is what was waited for."""

from driver import wait_until

CONFIG = """
    version: 1
    services:
      db:
        command: echo db >>$LEDGER; exec sleep 1000
        ready: {exec: test -e ready, period: 20ms, failure_threshold: 1}
        restart: {delay: 1ms, max_delay: 1ms, max_restarts: 0}
      api:
        command: echo api >>$LEDGER; exec sleep 1000
        depends_on: {db: {restart: true}}
      web:
        command: echo web >>$LEDGER; exec sleep 1000
        depends_on: {api: {restart: true}, db: {restart: true}}
      log: {command: echo log >>$LEDGER; exec sleep 1000, depends_on: [db]}
    """


def runs(thole):
    return {name[:-6]: target["state"]["active"]["run"] for name, target in thole.targets().items()
            if target["state"].get("active")}


def up(thole):
    thole.config(CONFIG)
    thole.file("ready", "")
    thole.run("up", "-d", "--wait")
    assert runs(thole) == {"db": 1, "api": 1, "web": 1, "log": 1}


def test_a_crash_is_followed_in_order_and_once(thole):
    up(thole)
    for n in (2, 3):
        thole.kill(thole.target("db:serve")["state"]["active"]["pid"])
        thole.wait_target("web:serve", "active", run=n, ready=True)
        assert runs(thole) == {"db": n, "api": n, "web": n, "log": 1}
    ledger = thole.ledger()
    assert ledger[4:] == ["db", "api", "web"] * 2, ledger


def test_a_restart_by_request_is_followed(thole):
    up(thole)
    thole.run("restart", "db")
    thole.wait_target("web:serve", "active", run=2)
    thole.run("restart", "api")
    thole.wait_target("web:serve", "active", run=3)
    assert runs(thole) == {"db": 2, "api": 3, "web": 3, "log": 1}


def test_nobody_is_stopped_before_it_is_ready_again(thole):
    up(thole)
    (thole.project / "ready").unlink()
    thole.wait_target("db:serve", "active", run=1, ready=False)
    thole.run("restart", "db")
    thole.wait_target("db:serve", "active", run=2, ready=False)
    assert runs(thole) == {"db": 2, "api": 1, "web": 1, "log": 1}
    thole.file("ready", "")
    thole.wait_target("web:serve", "active", run=2)


def test_readiness_that_comes_back_is_no_restart(thole):
    up(thole)
    (thole.project / "ready").unlink()
    thole.wait_target("db:serve", "active", run=1, ready=False)
    thole.file("ready", "")
    thole.wait_target("db:serve", "active", run=1, ready=True)
    thole.run("restart", "log")
    thole.wait_target("log:serve", "active", run=2)
    assert runs(thole) == {"db": 1, "api": 1, "web": 1, "log": 2}


def test_a_new_server_restarts_nothing_that_it_need_not(thole):
    up(thole)
    thole.run("restart", "db")
    thole.wait_target("web:serve", "active", run=2)
    for _ in range(3):
        thole.replace_server()
        assert thole.wait_target("web:serve", "active")["run"] == 2
        assert runs(thole) == {"db": 2, "api": 2, "web": 2, "log": 1}


def test_what_came_anew_while_no_server_knew_is_followed(thole):
    """The server is killed when the new run of db is there and before api was told: the next one tells it."""
    up(thole)
    (thole.project / "ready").unlink()
    thole.wait_target("db:serve", "active", run=1, ready=False)
    thole.run("restart", "db")
    thole.wait_target("db:serve", "active", run=2, ready=False)
    thole.replace_server()
    thole.file("ready", "")
    thole.wait_target("web:serve", "active", run=2)
    assert runs(thole) == {"db": 2, "api": 2, "web": 2, "log": 1}


def test_a_reload_is_followed_as_the_preview_says(thole):
    up(thole)
    pid = thole.target("log:serve")["state"]["active"]["pid"]
    thole.config(CONFIG.replace("echo db ", "echo DB "))
    table = [line.split() for line in thole.run("up", "--dry-run").lines]
    assert ["db:serve", "restart", "command", "changed", "in", "thole.yaml"] in table
    assert ["api:serve", "restart", "db:serve", "is", "restarted"] in table
    assert ["web:serve", "restart", "db:serve", "is", "restarted"] in table or ["web:serve", "restart", "api:serve", "is", "restarted"] in table
    assert not any("log:serve" in line for line in table)  # what is kept is not in it
    thole.wait_target("web:serve", "active", run=2, ready=True)
    assert runs(thole) == {"db": 2, "api": 2, "web": 2, "log": 1} and thole.ledger()[4:] == ["DB", "api", "web"]
    assert thole.target("log:serve")["state"]["active"]["pid"] == pid
    assert "because" in (why := thole.run("why", "api").out) and "db:serve was restarted" in why


def test_a_server_that_did_not_live_is_followed(thole):
    thole.config(CONFIG.replace("restart: {delay", "live: {exec: test ! -e dead, period: 20ms, failure_threshold: 1}\n        restart: {delay"))
    thole.file("ready", "")
    thole.run("up", "-d", "--wait")
    dead = thole.file("dead", "")
    wait_until(lambda: thole.target("db:serve").get("state", {}).get("active", {}).get("run") != 1, what="it is found dead")
    dead.unlink()
    wait_until(lambda: (now := runs(thole)).get("db", 1) > 1 and now.get("api", 1) > 1 and now.get("web", 1) > 1, what="all follow")
    assert runs(thole)["log"] == 1


def test_a_port_that_is_known_by_its_variable_alone_is_told_to_who_follows(thole, free_port):
    """Everybody has everybody's ports in the environment: nobody is restarted for that, but for those who ask for it."""
    def config(port):
        tell = "echo $0 $WEB_PORT >>$LEDGER; exec sleep 1000"
        return {"version": 1, "services": {"web": {"command": "exec sleep 1000", "port": port}, "other": {"command": tell.replace("$0", "other")},
                                           "api": {"command": tell.replace("$0", "api"), "depends_on": {"web": {"restart": True}}}}}
    first, second = free_port(), free_port()
    thole.config(config(first))
    thole.run("up", "-d", "--wait")
    thole.config(config(second))
    thole.wait_target("api:serve", "active", run=2)
    wait_until(lambda: f"api {second}" in thole.ledger(), what="the new port")
    assert runs(thole) == {"web": 2, "api": 2, "other": 1}
    thole.run("restart", "other")
    wait_until(lambda: thole.ledger()[-1] == f"other {second}", what="the new port")
