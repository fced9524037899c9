# SPDX-License-Identifier: Apache-2.0
"""Environments exported and imported: previewctl's State, version 1."""

import json
import sqlite3

import pytest

from env_shop import API, Shop
from killer import Killer

FOREIGN = {  # as previewctl writes it
    "version": 1, "projects": {"later": [True]},
    "environments": {
        "feat-a": {
            "name": "feat-a", "mode": "local", "branch": "feat/a", "status": "running",
            "createdAt": "2026-01-02T03:04:05.123456789Z", "updatedAt": "2026-01-02T03:04:06Z",
            "ports": {"web": 61234}, "provisionerOutputs": {"db": {"URL": "postgres://s3cret"}},
            "compute": {"type": "local", "path": "/nowhere/feat-a", "managedWorktree": True},
            "env": {"TOKEN": "t0ken"},
            "steps": {"create_compute": {
                "name": "create_compute", "status": "completed", "startedAt": "2026-01-02T03:04:05Z", "finishedAt": "2026-01-02T03:04:06Z",
                "durationMs": 1000, "machine": "m1", "outputs": {"worktreePath": "/nowhere/feat-a"}}},
            "auditLog": [{"timestamp": "2026-01-02T03:04:06Z", "step": "create_compute", "action": "executed", "machine": "m1", "durationMs": 1000, "later": {"why": "x"}}],
            "later": {"kept": [1, None]},
        },
        "feat-b": {"name": "feat-b", "mode": "preview", "branch": "b", "status": "creating",
                   "createdAt": "2026-01-02T03:04:05Z", "updatedAt": "2026-01-02T03:04:05Z", "ports": {}, "provisionerOutputs": {}},
    },
}


@pytest.fixture
def shop(thole):
    return Shop(thole)


def imports(shop, state, code=0, name="state.json"):
    path = shop.thole.base / name
    path.write_text(state if isinstance(state, str) else json.dumps(state))
    return shop.thole.run("env", "import", str(path), code=code)


def exported(shop):
    return shop.thole.run("env", "export").json()


def without_ours(state):
    """What previewctl would read, without the entry of the import itself."""
    made = json.loads(json.dumps(state))
    for entry in made["environments"].values():
        entry.pop("thole", None)
        entry["auditLog"] = [line for line in entry.get("auditLog", []) if line["action"] != "imported"]
        if not entry["auditLog"]:
            del entry["auditLog"]
        for record in entry.get("steps", {}).values():
            record.pop("thole", None)
    return made


def blocks(thole):
    """Those that are taken: no other environment draws its ports from them."""
    with sqlite3.connect(thole.state / "thole.db") as db:
        return [block for block, in db.execute("SELECT block FROM port_block ORDER BY block")]


def test_what_is_imported_is_exported_alike(shop):
    imports(shop, FOREIGN)
    state = exported(shop)
    assert without_ours(state) == FOREIGN
    for entry in state["environments"].values():
        last = entry["auditLog"][-1]
        assert last["action"] == "imported" and last["machine"]
    assert set(shop.objects(project=shop.file)) == {"feat-a", "feat-b"}
    spec = shop.object("feat-a")["spec"]
    assert spec["path"] == "/nowhere/feat-a" and spec["branch"] == "feat/a" and spec["managed"]


def test_what_is_exported_can_be_imported(shop):
    shop.create()
    state = exported(shop)
    ours = json.loads(json.dumps(state))
    assert ours["environments"]["feat-x"]["provisionerOutputs"]["db"]["URL"] == "postgres://u:hunter2@h/feat-x"
    ours["environments"]["feat-z"] = {**ours["environments"].pop("feat-x"), "name": "feat-z"}
    imports(shop, ours)
    both = exported(shop)["environments"]
    for key in ("branch", "ports", "provisionerOutputs", "compute", "createdAt", "status", "steps"):
        assert both["feat-z"][key] == both["feat-x"][key]


def test_what_is_there_is_refused_by_name_and_nothing_is_taken(shop):
    shop.create("feat-b")
    before = exported(shop)
    result = imports(shop, FOREIGN, code=3)
    assert "nothing was imported" in result.err and "environment 'feat-b' is there already" in result.err, result
    assert exported(shop) == before


@pytest.mark.parametrize("change, sentence", [
    (lambda state: {**state, "version": 2}, "version"),
    (lambda state: {**state, "environments": {**state["environments"], "../x": {}}}, "name of an environment"),
    (lambda state: {**state, "environments": {"a": {"ports": {"web": "x"}}}}, "ports"),
    (lambda state: {**state, "environments": {"a": {"status": "sleepy"}}}, "sleepy"),
    (lambda state: {"environments": []}, "no map `environments`"),
    (lambda state: "{", "state.json"),
])
def test_a_bad_state_is_refused_whole(shop, change, sentence):
    result = imports(shop, change(FOREIGN), code=2)
    assert sentence in result.err, result
    assert exported(shop) == {"version": 1, "environments": {}}


def test_the_ports_of_what_is_imported_are_not_given_to_others(shop):
    """The block is that of `feat-x` by its name: the next environment of that block gets another."""
    first = shop.create()["status"]["ports"]["web"]
    state = exported(shop)
    shop.thole.run("env", "delete", "feat-x", "--force")
    state["environments"]["other"] = {**state["environments"].pop("feat-x"), "name": "other"}
    imports(shop, state)
    assert shop.object("other")["status"]["ports"]["web"] == first
    assert shop.create()["status"]["ports"]["web"] // 100 != first // 100


def test_an_import_into_a_project_that_is_not_there(shop):
    status, body = shop.thole.api(f"{API}/environmentstate", "POST", {"project": "/nowhere/thole.yaml", "state": FOREIGN})
    assert status == 404 and "/nowhere/thole.yaml" in body["message"], body


def test_values_are_masked_unless_they_are_to_be_seen(shop):
    imports(shop, FOREIGN)
    path = f"{API}/environmentstate?project={shop.file}"
    masked = json.dumps(shop.get(path))
    assert "s3cret" not in masked and "t0ken" not in masked and "auditLog" not in masked
    shown = json.dumps(shop.get(path + "&reveal=true&audit=true"))
    assert "s3cret" in shown and "t0ken" in shown and "auditLog" in shown
    entry = shop.thole.run("env", "list", "--json").json()
    assert [one["name"] for one in entry] == ["feat-a", "feat-b"] and "s3cret" not in json.dumps(entry)


@pytest.mark.parametrize("point", ["store-write", "store-written"])
def test_an_import_whose_server_is_killed_is_whole_or_not_there(thole, point):
    killer = Killer(thole)
    shop = Shop(thole)
    killer.arm(f"server.{point}")
    imports(shop, FOREIGN, code=None)
    killer.disarm()
    assert killer.counts()[f"server.{point}"] == 1
    there = exported(shop)["environments"]
    assert blocks(thole) == ([2] if there else [])
    if not there:
        imports(shop, FOREIGN)
    assert without_ours(exported(shop)) == FOREIGN and blocks(thole) == [2]
