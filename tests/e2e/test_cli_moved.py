# SPDX-License-Identifier: Apache-2.0
"""A project whose directory was moved while its session runs, and directories with odd names."""

import shutil

import pytest

import driver

PLAIN = "version: 1\nname: shop\nservices: {a: {command: 'echo begun; exec sleep 1000'}}\n"


def up(thole, *options):
    thole.config(PLAIN)
    thole.run(*options, "up", "-d", "--wait")
    name = thole.session(*options)["metadata"]["name"]
    state = thole.project / ".thole" / (name if options else ".") / "logs"
    driver.wait_until(state.is_symlink, what="the link to the logs")
    return name


@pytest.mark.parametrize("options", [(), ("--session", "two")])
def test_a_moved_directory_still_knows_its_session(thole, options):
    name, old, new = up(thole, *options), thole.project, thole.base / "elsewhere"
    old.rename(new)
    thole.project = new
    down = " ".join(["thole", *options, "down"])
    note = f"this is session {name} of {old}/thole.yaml, from before the directory was moved; `{down}` stops it\n"
    for words in (["ps"], ["status"], ["logs"], ["wait", "a"]):  # of all it would fail: the file has gone
        result = thole.run(*options, *words)
        assert note in result.err and (result.out or words[0] == "wait"), result
    assert "begun" in thole.run(*options, "logs").out
    for words in (["up", "-d"], ["ci"]):
        error = thole.run(*options, *words, code=3).err
        assert f"session {name} of {old}/thole.yaml still runs" in error and f"`{down}`" in error
    assert f"{name} is down" in thole.run(*options, "down").err and not thole.pins()
    assert "nothing of" in thole.run(*options, "down").err
    thole.run("server", "stop")
    thole.run(*options, "up", "-d", "--wait")
    assert thole.session(*options)["metadata"]["name"] != name
    assert "moved" not in thole.run(*options, "ps").err


def test_a_copy_is_another_project(thole):
    up(thole)
    copy = thole.base / "copy"
    shutil.copytree(thole.project, copy, symlinks=True)
    for words in (["ps"], ["logs"]):
        assert f"nothing of {copy}/thole.yaml is running" in thole.run(*words, cwd=copy, code=2).err
    thole.run("up", "-d", "--wait", cwd=copy)
    assert thole.run("ps", "-a").out.count("a:serve") == 2


@pytest.mark.parametrize("name", ["with space", "a,b=c", "back\\slash", "ümläut", "100%"])
def test_odd_names_of_directories(thole, name):
    thole.project = thole.another_project(name)
    thole.config(PLAIN)
    thole.run("up", "-d", "--wait")
    assert "a:serve" in thole.run("ps").out
    assert "is up" in thole.run("up", "-d").err
    assert "is down" in thole.run("down").err


@pytest.mark.parametrize("place", ["session", "file"])
def test_a_session_whose_directory_is_gone_for_good_is_ended_by_what_ps_names(thole, place):
    thole.config({"version": 1, "services": {"a": {"command": "exec sleep 1000"}}})
    thole.run("up", "-d", "--wait")
    slug = thole.run("ps", "-a", "--json").json()["items"][0]["metadata"]["namespace"]
    assert "is gone" not in thole.run("ps", "-a").err
    shutil.rmtree(thole.project)
    said = thole.run("ps", "-a", cwd=thole.base).err
    assert said == f"thole: {thole.project}/thole.yaml of session {slug} is gone; `thole --session {slug} down` stops it\n", said
    assert "there is no thole.yaml" in thole.run("--session", "another", "down", cwd=thole.base, code=2).err
    assert thole.pins()
    words = {"session": ("--session", slug), "file": ("--file", "shop/thole.yaml")}[place]
    assert f"{slug} is down" in thole.run(*words, "down", cwd=thole.base).err
    assert not thole.pins()
