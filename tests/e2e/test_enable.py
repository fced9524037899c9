# SPDX-License-Identifier: Apache-2.0
"""What is disabled does not run, says so, and is remembered; enabling is the way back."""

import pytest

from driver import alive, wait_until

CONFIG = """
    version: 1
    services:
      db: {command: echo db >>$LEDGER; exec sleep 1000, labels: {tier: data}}
      api: {command: exec sleep 1000, depends_on: [db]}
      web: {command: exec sleep 1000, depends_on: [api]}
      off: {command: exec sleep 1000, enabled: false}
      late: {command: exec sleep 1000, auto: false}
    """


def states(thole):
    return {name: next((phase for phase, inner in target["state"].items() if inner is not None), "none")
            for name, target in thole.targets().items() if name != "tiltfile:update"}


@pytest.fixture
def shop(thole):
    thole.config(CONFIG)
    thole.run("up", "-d", "--wait")
    return thole


def test_the_file_disables(shop):
    assert states(shop) == {"db:serve": "active", "api:serve": "active", "web:serve": "active",
                            "off:serve": "disabled", "late:serve": "none"}
    assert shop.target("off:serve")["message"] == "disabled by thole.yaml (`enabled: false`)"
    for verb in ("start", "restart"):
        refused = shop.run(verb, "off", code=3)
        assert "off:serve is disabled; `thole enable off` first" in refused.err
    assert "off:serve" not in shop.ledger()
    shop.run("enable", "off")
    shop.wait_target("off:serve", "active")


def test_disable_stops_and_enable_starts(shop):
    pid = shop.wait_target("db:serve", "active", run=1)["pid"]
    shop.run("disable", "db")
    assert not alive(pid)
    assert states(shop)["db:serve"] == "disabled" and states(shop)["api:serve"] == "active"
    assert shop.target("db:serve")["message"] == "disabled by request"
    assert "disabled" in next(line for line in shop.run("ps").lines if line.startswith("db:serve"))
    shop.run("stop", "db")  # changes nothing: it is stopped
    assert states(shop)["db:serve"] == "disabled"
    shop.run("up", "-d")  # nor does `up` start it
    assert states(shop)["db:serve"] == "disabled"
    shop.run("enable", "db")
    shop.wait_target("db:serve", "active", run=2)
    assert shop.ledger() == ["db", "db"]


def test_what_nobody_asked_for_is_enabled_and_not_started(shop):
    shop.run("disable", "late")
    assert "late:serve is enabled, and not started" in shop.run("enable", "late").err
    assert states(shop)["late:serve"] == "none"
    assert "not started" not in shop.run("enable", "db").err
    shop.run("start", "late")
    shop.wait_target("late:serve", "active", run=1)


def test_what_depends_on_it_waits_and_says_so(thole):
    thole.config(CONFIG.replace("labels:", "enabled: false, labels:"))
    thole.run("up", "-d")
    thole.wait_target("api:serve", "waiting", waitReason="waiting-for-dep", waitingOn=["db:serve"])
    assert thole.target("api:serve")["message"] == "waiting for db, which is disabled; `thole enable db`"
    wait_until(lambda: thole.target("web:serve")["message"] ==
               "waiting for api, held up by db, which is disabled; `thole enable db`")
    thole.run("enable", "db")
    thole.wait_target("web:serve", "active")


def test_with_deps(shop):
    shop.run("disable", "db", "--with-deps")
    assert states(shop) == {"db:serve": "disabled", "api:serve": "disabled", "web:serve": "disabled",
                            "off:serve": "disabled", "late:serve": "none"}
    shop.run("enable", "api", "--with-deps")
    shop.wait_target("api:serve", "active")
    assert states(shop)["web:serve"] == "disabled"


def test_by_label(shop):
    shop.run("disable", "-l", "tier=data")
    assert states(shop)["db:serve"] == "disabled"
    shop.run("enable", "-l", "tier")
    shop.wait_target("db:serve", "active", run=2)
    assert "nothing in session" in shop.run("enable", "-l", "tier=none", code=2).err


def test_a_new_server_knows_who_is_disabled(shop):
    shop.run("disable", "db")
    shop.run("enable", "off")
    shop.wait_target("off:serve", "active")
    shop.replace_server()
    shop.wait_target("db:serve", "disabled")
    assert shop.target("db:serve")["message"] == "disabled by request"
    assert shop.wait_target("off:serve", "active")["run"] == 1
    shop.run("enable", "db")
    shop.wait_target("db:serve", "active", run=2)
    shop.run("down")
    shop.run("up", "-d", "--wait")  # another session: the file decides again
    assert states(shop)["off:serve"] == "disabled" and states(shop)["db:serve"] == "active"


def test_a_kill_while_it_is_stopped_ends_it_all_the_same(thole):
    thole.config("""
        version: 1
        services:
          db:
            command: |
              trap 'echo told >>$LEDGER; while ! test -e go; do sleep 0.01; done; exit 0' TERM
              while :; do sleep 0.01; done
        """)
    thole.run("up", "-d", "--wait")
    waiting = thole.popen("disable", "db")
    thole.wait_ledger("told")
    thole.replace_server()
    thole.file("go", "")
    assert waiting.wait() == 0
    thole.wait_target("db:serve", "disabled")


def test_in_ci_what_is_disabled_is_out(thole):
    thole.config("""
        version: 1
        services:
          test: {type: job, command: "true"}
          bad: {type: job, command: "false", enabled: false}
        """)
    thole.run("ci", code=0)


def test_what_cannot_be_disabled(shop):
    assert "tiltfile:update is the config file itself and cannot be disabled" in shop.run("disable", "tiltfile:update", code=2).err
    assert "no resource or target" in shop.run("disable", "nobody", code=2).err
    assert "needs a NAME" in shop.run("enable", code=2).err


def test_disabled_names_at_up(thole):
    """A session of disabled targets alone is one, and they can be enabled in it."""
    thole.config(CONFIG)
    thole.run("up", "-d", "off")
    thole.wait_target("off:serve", "disabled")
    thole.run("enable", "off")
    thole.wait_target("off:serve", "active")


def test_the_api(shop):
    path = f"/apis/thole.dev/v1alpha1/namespaces/{shop.session()['metadata']['name']}/targets/db.serve"
    code, target = shop.api(f"{path}/disable", "POST", {"withDeps": True})
    assert code == 200 and target["spec"]["enabled"] is False
    shop.wait_target("web:serve", "disabled")
    assert shop.api(f"{path}/enable", "POST", {})[1]["spec"]["enabled"] is True
    shop.wait_target("db:serve", "active", run=2)
    assert shop.api(f"{path}/enable", "POST", {"withDeps": "yes"})[0] == 422


def test_patch(shop):
    path = f"/apis/thole.dev/v1alpha1/namespaces/{shop.session()['metadata']['name']}/targets/db.serve"
    merge = {"Content-Type": "application/merge-patch+json"}
    code, target = shop.api(path, "PATCH", {"spec": {"enabled": False}}, headers=merge)
    assert code == 200 and target["spec"]["enabled"] is False
    shop.wait_target("db:serve", "disabled")
    assert shop.api(path, "PATCH", {"spec": {"enabled": True}}, headers=merge)[0] == 200
    shop.wait_target("db:serve", "active", run=2)
    old = {"metadata": {"resourceVersion": target["metadata"]["resourceVersion"]}, "spec": {"enabled": False}}
    assert shop.api(path, "PATCH", old, headers=merge)[0] == 409


def test_a_file_that_is_saved(thole):
    thole.config(CONFIG)
    thole.run("up", "-d", "--wait")
    thole.config(CONFIG.replace("labels:", "enabled: false, labels:"))
    thole.wait_target("db:serve", "disabled")
    assert states(thole)["api:serve"] == "active"
    thole.config(CONFIG)
    thole.wait_target("db:serve", "active", run=2)
    thole.run("disable", "db")  # what was asked for outweighs the file
    thole.config(CONFIG.replace("labels: {tier: data}", "labels: {tier: other}"))
    wait_until(lambda: thole.run("ps", "-l", "tier=other", code=None).code == 0)
    assert states(thole)["db:serve"] == "disabled"
