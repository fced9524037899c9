# SPDX-License-Identifier: Apache-2.0
"""What `thole env` makes of words that are wrong: one sentence, before anything is asked of the server."""

import os
import re

import pytest

import driver

CONFIG = {"version": 1, "name": "shop", "services": {"web": {"command": "exec sleep 1000"}}}


@pytest.mark.parametrize("words, sentence", [
    ((), "thole env takes create|attach|"),
    (("creat", "x"), 'did you mean create?'),
    (("create",), "thole env create takes a NAME"),
    (("create", "a", "b"), 'thole env create takes a NAME; "b" is one too many'),
    (("list", "a"), 'thole env list takes no word; "a" is one too many'),
    (("show", ""), "thole env show: a word is empty"),
    (("stop", "x", "--force"), "thole env stop takes no --force; that is for delete"),
    (("create", "x", "--ttl", "soon"), "--ttl"),
    (("show", "-o", "raw"), 'thole env show has no output "raw"; there is text|json'),
    (("hook", "db", "sow"), 'takes SERVICE init|seed|reset|destroy [NAME]; "sow" is none of these'),
    (("store", "sett", "a=b"), 'not "sett"; did you mean set?'),
    (("store", "set", "x"), "thole env store set takes [NAME] K=V…"),
    (("store", "get"), "thole env store get takes [NAME] K"),
    (("exec", "a", "b", "--", "true"), 'takes one NAME before the --; "b" is one too many'),
    (("attach", "x"), "--worktree DIR"),
    (("list", "--audit"), "--json"),
    (("import", "no-such-file"), "no-such-file"),
    (("run",), "there is no .thole.json and no .previewctl.json here"),
    (("run", "--manifest", "thole.yaml"), "thole.yaml is no manifest: it has no env_name"),
    (("create", "x", "--copy", "/etc/passwd"), "is not below"),
    (("create", "x", "-b", b"br\xff"), "thole env create: --branch is not UTF-8"),
    (("create", "x", "--base", b"br\xff"), "--base is not UTF-8"),
    (("create", "x", "--path", b"/br\xff"), "--path is not UTF-8"),
    (("create", "x", "--copy", "thole.yaml", "--copy", b"br\xff"), "--copy is not UTF-8"),
    (("create", "x", "--copy", ""), "--copy is empty"),
])
def test_wrong_words_are_named(thole, words, sentence):
    thole.config(CONFIG)
    result = thole.run("env", *map(os.fsdecode, words), code=2)
    assert sentence in result.err and result.out == "", result
    assert len(result.err.splitlines()) == 1, result


@pytest.mark.parametrize("option", ["--path", "--copy"])
def test_a_path_that_no_server_can_be_told_is_named(thole, option):
    thole.config(CONFIG)
    here = thole.project / os.fsdecode(b"here\xff")
    here.mkdir()
    (here / "file").write_text("")
    refused = thole.run("env", "create", "x", option, "file", cwd=here, code=2)
    assert "is not UTF-8" in refused.err and len(refused.err.splitlines()) == 1 and refused.out == "", refused


@pytest.mark.parametrize("words", [("create", "x"), ("provision", "x"), ("attach", "x", "--worktree", ".")], ids=lambda words: words[0])
def test_a_session_of_another_name_is_none_of_an_environment(thole, words):
    thole.config(CONFIG)
    result = thole.run("--session", "two", "env", *words, code=2)
    assert result.err == f"thole: an environment has a session of its own: thole env {words[0]} takes no --session\n" and result.out == ""


def test_an_init_of_a_mode_without_an_overlay_says_so(thole):
    thole.config({**CONFIG, "provisioner": {"services": {"db": {"outputs": ["URL"], "init": "true", "seed": "echo URL=x"}}}})
    assert "thole: mode foo has no overlay beside" in thole.run("env", "hook", "db", "init", "-m", "foo").err
    assert "has no overlay" not in thole.run("env", "hook", "db", "init").err


def test_without_a_project_it_says_where_it_looked(thole):
    assert "there is no thole.yaml in" in thole.run("env", "create", "x", code=2).err


OPTIONS = {"create": "mode branch base path from no-cache dry-run ttl copy", "attach": "worktree mode copy ttl from no-cache dry-run", "list": "json audit reveal",
           "show": "json", "delete": "force keep-worktree", "start": "", "stop": "manifest", "steps": "audit", "step": "print dry-run reveal", "refresh": "only from",
           "invalidate": "", "provision": "mode branch base path from no-cache dry-run ttl copy", "run": "manifest from no-cache", "hook": "mode", "exec": "",
           "env": "reveal", "logs": "follow tail run since until grep stream", "gc": "dry-run yes", "store": "reveal", "export": "", "import": ""}
COMMON = "dir file session output json help".split()


@pytest.mark.parametrize("verb", OPTIONS)
def test_a_verb_explains_its_own_options_and_no_others(thole, verb):
    lines = thole.run("env", verb, "--help").lines
    assert lines == thole.run("help", "env", verb).lines and not thole.processes()
    forms = [line for line in lines if line[:7].strip() in ("usage:", "") and "thole env " in line[:18]]
    assert forms and all(line[7:].startswith(f"thole env {verb}") for line in forms)
    named = [word.split()[0] for line in lines if line.startswith("  ") for word in re.findall(r"^ +(?:-\w, )?--(\S+)", line)]
    assert sorted(named) == sorted({*OPTIONS[verb].split(), *COMMON}), lines
    offered = [line.split("\t")[0] for line in thole.run("completion", "answer", "--", "=env", f"={verb}", "=--").lines]
    assert set(OPTIONS[verb].split()) <= {word.lstrip("-") for word in offered}


def test_the_usage_has_a_line_for_each_verb_and_the_page_every_option(thole):
    lines = thole.run("env", "--help").lines
    usage = lines[:lines.index("")]
    assert [verb for verb in OPTIONS if not any(line[7:].startswith(f"thole env {verb}") for line in usage)] == []
    assert max(map(len, usage)) <= 80
    page = (driver.SOURCE / "docs" / "cli.md").read_text()
    section = page[page.index("\n## thole env"):]
    assert [option for options in OPTIONS.values() for option in options.split()
            if option not in ("json", "yes", "follow", "tail", "run", "since", "until", "grep", "stream", "mode", "branch") and f"--{option}" not in section] == []
