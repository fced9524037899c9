# SPDX-License-Identifier: Apache-2.0
"""-l chooses by label wherever a command takes names: a target's own labels, and those of the groups it is in."""

import re

import pytest

CONFIG = """
    version: 1
    services:
      db: {command: echo i am db; exec sleep 1000, labels: {tier: data, size: big}}
      api: {command: echo i am api; exec sleep 1000, labels: {tier: front}}
      once: {type: job, command: echo i am once, labels: {tier: data}, auto: false}
      back: {depends_on: [db], labels: {team: storage, tier: group}}
    """


@pytest.fixture
def shop(thole):
    thole.config(CONFIG)
    thole.run("up", "-d", "--wait")
    return thole


def active(thole):
    return sorted(name for name, target in thole.targets().items() if target["state"].get("active"))


def listed(result):
    return [line.split()[0] for line in result.lines[1:]]


def test_commands_that_show(shop):
    assert listed(shop.run("ps", "-l", "tier=data")) == ["db:serve", "once:update"]
    assert listed(shop.run("ps", "-l", "tier=data", "-l", "size=big")) == ["db:serve"]
    assert listed(shop.run("ps", "-a", "-l", "tier=front")) == ["api:serve"]
    assert [item["spec"]["target"] for item in shop.run("ps", "-l", "size", "-o", "json").json()["items"]] == ["db:serve"]
    assert "i am api" not in shop.run("logs", "-l", "tier=data").out
    assert "i am db" in shop.run("logs", "-l", "tier=data").out
    assert {"i am api", "i am db"} == {line.split("| ")[1] for line in shop.run("logs", "-l", "tier=data", "api").lines}
    shop.run("wait", "-l", "tier=front", "--timeout", "10s")


def test_commands_that_act(shop):
    shop.run("stop", "-l", "tier=data")
    assert active(shop) == ["api:serve"]
    shop.run("start", "-l", "tier=data")
    assert active(shop) == ["api:serve", "db:serve"]
    assert shop.target("once:update")["state"]["terminated"]["run"] == 1
    shop.run("restart", "-l", "tier=front")
    assert shop.target("api:serve")["state"]["active"]["run"] == 2


def test_a_group_s_labels_are_those_of_its_members(shop):
    assert listed(shop.run("ps", "-l", "team=storage")) == ["db:serve"]
    shop.run("ps", "-l", "tier=group", code=2)  # its own label wins
    shop.run("stop", "-l", "team")
    assert active(shop) == ["api:serve"]
    shop.run("up", "-d", "-l", "team=storage")
    shop.wait_target("db:serve", "active", run=2)


def test_a_label_that_nothing_carries(shop):
    """Every command that takes names takes labels, and none of them then acts on everything."""
    taking = [name for name in shop.commands() if "NAME…" in shop.run("help", name).out]
    assert {"up", "ci", "start", "stop", "trigger", "why", "events", "logs", "wait"} <= set(taking)
    told = lambda: {name: target for name, target in shop.targets().items() if name != "tiltfile:update"}  # `up` reads the file
    before = told()
    for name in [*taking, "ps"]:
        ci = ["--session", "two"] if name == "ci" else []
        refused = shop.run(*ci, name, *(["-d"] if name == "up" else []), "-l", "tier=none", "-l", "size", code=2)
        assert re.search("nothing.* carries the labels (tier=none and size|size and tier=none)$", refused.err, re.M), name
    assert told() == before


def test_a_label_with_any_value(shop):
    shop.run("stop", "-l", "size")
    assert active(shop) == ["api:serve"]


def test_ps_takes_names_too(thole):
    import json
    thole.config("""
        version: 1
        services:
          a: {command: exec sleep 1000, labels: {tier: x}}
          b: {command: exec sleep 1000, build: 'true'}
          c: {command: exec sleep 1000}
        """)
    thole.run("up", "-d", "--wait")
    names = lambda *args: [line.split()[0] for line in thole.run("ps", *args).lines[1:]]
    assert names("b") == ["b:serve", "b:update"]
    assert names("b:serve", "-l", "tier=x") == ["a:serve", "b:serve"]
    listed = json.loads(thole.run("ps", "c", "--json").out)
    assert [item["spec"]["target"] for item in listed["items"]] == ["c:serve"] and listed["kind"] == "TargetList"
    assert 'has no resource or target "d"' in thole.run("ps", "d", code=2).err
