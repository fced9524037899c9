# SPDX-License-Identifier: Apache-2.0
"""Environments exported and imported: previewctl's State, version 1."""

import datetime
import json
import random
import re
import sqlite3

import pytest

from driver import alive, link_of, pids, wait_until
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
    n = len(FOREIGN["environments"])
    assert imports(shop, FOREIGN).out == f"{n} environment{'' if n == 1 else 's'} imported\n"
    state = exported(shop)
    assert without_ours(state) == FOREIGN
    for entry in state["environments"].values():
        last = entry["auditLog"][-1]
        assert last["action"] == "imported" and last["machine"]
    assert set(shop.objects(project=shop.file)) == {"feat-a", "feat-b"}
    spec = shop.object("feat-a")["spec"]
    assert spec["path"] == "/nowhere/feat-a" and spec["branch"] == "feat/a" and spec["managed"]


class Dice(random.Random):
    """Whatever previewctl may have written, of every type and field of its State."""

    def text(self):
        return "".join(self.choice("aZ0 \"'\\\\\n\t\x01$`{}=#é\u2028🦀") for _ in range(self.randrange(12)))

    def time(self):
        if self.random() < 0.1:
            return "0001-01-01T00:00:00Z"
        day = datetime.date(1971, 1, 1) + datetime.timedelta(days=self.randrange(60000))
        tail = self.choice(["Z", ".5Z", ".123456789Z", ".000000001+05:45", "-08:00"])
        return f"{day}T{self.randrange(24):02}:{self.randrange(60):02}:{self.randrange(60):02}{tail}"

    def any(self, depth=3):
        kinds = [self.text, lambda: self.randrange(-2**63, 2**63), lambda: 1.5, lambda: True, lambda: None]
        if depth:
            kinds += [lambda: [self.any(depth - 1) for _ in range(self.randrange(4))], lambda: self.map(lambda: self.any(depth - 1))]
        return self.choice(kinds)()

    def map(self, of, most=4):
        return {self.text() + str(i): of() for i in range(self.randrange(most))}

    def some(self, **fields):
        """Of these, what is there; and now and then a key of a newer version."""
        made = {name: make() for name, make in fields.items() if self.random() < 0.6}
        if self.random() < 0.3:
            made["newer"] = self.any()
        if self.random() < 0.2:
            made["thole"] = {"newer": self.any()}
        return made

    def step(self, name):
        return {"name": name, "status": self.choice(["completed", "failed", "invalidated"]), "startedAt": self.time(), "finishedAt": self.time(),
                "durationMs": self.randrange(10**9), "machine": self.text(), **self.some(error=self.text, outputs=lambda: self.map(self.any))}

    def audit(self):
        return {"timestamp": self.time(), "step": self.text(), "action": self.choice(["executed", "verify_failed", self.text()]), "machine": self.text(),
                **self.some(durationMs=lambda: self.randrange(10**9), message=self.text, error=self.text)}

    def entry(self, name):
        compute = {"type": self.choice(["local", "ssh"]), "path": "/w/" + name,
                   **self.some(host=lambda: self.choice(["10.0.0.5", "vm-1.example"]), user=lambda: self.choice(["ci", "münchen"]), managedWorktree=lambda: True)}
        return {"name": name, "mode": self.choice(["", "local", "preview", "a.b-c_1"]), "branch": "b" + self.text(), "status": self.choice(["creating", "provisioned", "running", "stopped", "error"]),
                "createdAt": self.time(), "updatedAt": self.time(), "ports": self.map(lambda: self.randrange(65536)),
                "provisionerOutputs": self.map(lambda: self.map(self.text)), **self.some(
                    compute=lambda: compute, steps=lambda: {step: self.step(step) for step in ("create_compute", "seed_" + self.text())},
                    auditLog=lambda: [self.audit() for _ in range(self.randrange(5))], env=lambda: self.map(self.text),
                    enabledServices=lambda: [self.text() for _ in range(self.randrange(4))])}


def instant(text):
    """(whole seconds, fraction), in UTC."""
    found = re.fullmatch(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d+)?(Z|[+-]\d\d:\d\d)", text)
    whole = datetime.datetime.fromisoformat(found[1] + found[3].replace("Z", "+00:00")).astimezone(datetime.timezone.utc)
    return whole.isoformat(), (found[2] or ".").rstrip("0")


OMITTED = {"error", "message", "host", "user", "path", "durationMs", "outputs", "steps", "auditLog", "env", "enabledServices"}  # if empty


def meaning(value, key=""):
    """As previewctl reads it: times are instants, what it would omit is absent, and `imported` is of the import itself."""
    if isinstance(value, dict):
        made = {name: meaning(below, name) for name, below in value.items()}
        return {name: below for name, below in made.items() if not (name in OMITTED and below in ("", 0, {}, []))}
    if isinstance(value, list):
        return [meaning(below) for below in value if not (isinstance(below, dict) and below.get("action") == "imported")]
    return instant(value) if key in ("createdAt", "updatedAt", "startedAt", "finishedAt", "timestamp") else value


@pytest.mark.parametrize("compute, problem", [
    ({}, 'type: "" is neither local nor ssh'),
    ({"type": "k8s"}, 'type: "k8s" is neither local nor ssh'),
    ({"type": "local"}, "path: it is missing"),
    ({"type": "local", "path": "rel/x"}, 'path: "rel/x" is no absolute path'),
    ({"type": "local", "path": "/x", "thole": {"root": "rel/x"}}, 'thole.root: "rel/x" is no absolute path'),
    ({"type": "local", "path": "/", "managedWorktree": True}, "path: the project lies in /"),
    ({"type": "local", "path": "/x" * 2048, "managedWorktree": True}, "path: it is longer than 4095 bytes"),
    ({"type": "ssh", "host": "-oProxyCommand=x"}, 'host: ssh would take "-oProxyCommand=x" for an option'),
    ({"type": "ssh", "host": "a", "user": "b c"}, "user: there is a blank in it"),
    ({"type": "ssh", "host": "a", "path": "app"}, 'path: "app" is no absolute path'),
])
def test_an_entry_that_is_nowhere_is_refused_with_all_others(shop, compute, problem):
    entry = {"name": "zz", "branch": "zz", "compute": compute}
    refused = imports(shop, {**FOREIGN, "environments": {**FOREIGN["environments"], "zz": entry}}, 2).err
    assert f"nothing was imported: the state: environments.zz.compute.{problem}" in refused, refused
    assert shop.objects() == {}


def test_a_worktree_is_that_of_one_environment(shop):
    shop.create()
    entry = {**FOREIGN["environments"]["feat-a"], "name": "im", "branch": "im"}
    for path, others in ((shop.worktree(), {}), ("/srv/two", {"a": {**entry, "name": "a", "branch": "a"}})):
        own = {"compute": {"type": "local", "path": str(path), "managedWorktree": True}}
        state = {"version": 1, "environments": {**{name: {**other, **own} for name, other in others.items()}, "im": {**entry, **own}}}
        refused = imports(shop, state, 2).err
        assert f"environments.im.compute.path: {path} is the worktree of environment '{'a' if others else 'feat-x'}' already" in refused, refused
    assert set(shop.objects()) == {"feat-x"}


def test_a_tree_that_is_none_of_ours_is_not_ended(shop):
    """Who imports what somebody else has written: what runs below its path is that of others."""
    above = shop.thole.base / "above"
    other = shop.thole.file("../above/other/thole.yaml", '{"version": 1, "services": {"a": {"command": "exec sleep 1000"}}}').parent.resolve()
    shop.thole.run("up", "-d", "--wait", cwd=other)
    [pid] = wait_until(lambda: [pid for pid in pids() if link_of(f"/proc/{pid}/cwd") == str(other) and "sleep" in link_of(f"/proc/{pid}/exe")])
    entry = {"name": "im", "mode": "local", "branch": "im", "status": "running", "compute": {"type": "local", "path": str(above), "managedWorktree": True}}
    imports(shop, {"version": 1, "environments": {"im": {**FOREIGN["environments"]["feat-a"], **entry}}})
    shop.thole.run("env", "stop", "im", code=None)
    shop.thole.run("env", "delete", "im", "--force", code=None)
    entry["compute"] = {"type": "local", "path": str(other), "managedWorktree": False}
    refused = imports(shop, {"version": 1, "environments": {"im": {**FOREIGN["environments"]["feat-a"], **entry}}}, 2).err
    assert f"environments.im.compute.path: {other} is no worktree of the repository of" in refused, refused
    assert alive(pid) and "ready" in shop.thole.run("ps", cwd=other).out


def test_an_entry_without_a_branch_is_refused_with_all_others(shop):
    """Nothing could go on with it."""
    for entry in ({}, {"branch": ""}):
        refused = imports(shop, {**FOREIGN, "environments": {**FOREIGN["environments"], "zz": entry}}, 2).err
        assert "nothing was imported: the state: environments.zz.branch: it is missing" in refused, refused
    assert shop.objects() == {}


def test_whatever_is_imported_means_the_same_when_it_is_exported(shop):
    seed = random.SystemRandom().randrange(10**6)
    dice = Dice(seed)
    state = {"version": 1, "environments": {name: dice.entry(name) for name in (f"e{i}" for i in range(60))}, **dice.some()}
    imports(shop, state)
    for_previewctl = exported(shop)
    for entry in for_previewctl["environments"].values():
        entry["auditLog"][-1].pop("thole")  # who has imported it
    assert meaning(for_previewctl) == meaning(state), seed


def test_what_is_exported_can_be_imported(shop):
    shop.create()
    state = exported(shop)
    ours = json.loads(json.dumps(state))
    assert ours["environments"]["feat-x"]["provisionerOutputs"]["db"]["URL"] == "postgres://u:hunter2@h/feat-x"
    ours["environments"]["feat-z"] = renamed = {**ours["environments"].pop("feat-x"), "name": "feat-z"}
    renamed["compute"]["path"] = "/srv/feat-z"  # a worktree is that of one
    imports(shop, ours)
    both = exported(shop)["environments"]
    for key in ("branch", "ports", "provisionerOutputs", "createdAt", "status", "steps"):
        assert both["feat-z"][key] == both["feat-x"][key]
    assert both["feat-z"]["compute"] == renamed["compute"]


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
    (lambda state: {**state, "environments": {"a": {"branch": "a", "mode": "a b"}}}, 'environments.a.mode: "a b" cannot be the name of a mode'),
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
