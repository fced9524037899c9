# SPDX-License-Identifier: Apache-2.0
"""The two halves of an environment's life, for CI: `provision` makes it, `run` needs the manifest alone."""

import json
import os
import shutil
import sqlite3
import stat

import pytest

import environment_api as environments
from driver import wait_until
from git_repository import Repository

CONFIG = {"version": 1, "name": "shop",
          "provisioner": {"services": {"db": {"outputs": ["URL"], "seed": "echo URL=pg://$THOLE_ENV_NAME; echo seeded >>$LEDGER"}}},
          "runner": {"before": "echo before $THOLE_MODE $THOLE_PORT_WEB $THOLE_PROJECT_NAME >>$LEDGER",
                     "after": "cat .env.local >>$LEDGER; echo after >>$LEDGER"},
          "services": {"web": {"path": ".", "port": "auto", "env": {"URL": "{{provisioner.db.URL}}"}}}}


@pytest.fixture
def shop(thole):
    thole.config(CONFIG)
    thole.file(".gitignore", ".env.local\n.thole*.json\n")
    thole.repository = Repository.of(thole)
    return thole


def provisioned(shop, name="pr-1", *words):
    """The directory with its manifest, somewhere where nobody knows of it."""
    shop.run("env", "provision", name, *words)
    tree = environments.tree(shop, name)
    there = shop.base / "checkout"
    shutil.copytree(tree, there, ignore=shutil.ignore_patterns(".git", ".env.local"))
    return there


def test_provision_is_the_first_half_and_leaves_what_runs_running(shop):
    shop.run("env", "provision", "pr-1")
    assert environments.phase(shop, "pr-1") == "provisioned" and shop.ledger() == ["seeded"]
    assert not (environments.tree(shop, "pr-1") / ".env.local").exists()
    shop.run("env", "create", "pr-1")
    assert environments.phase(shop, "pr-1") == "running"
    shop.run("env", "provision", "pr-1")
    assert environments.phase(shop, "pr-1") == "running" and shop.ledger().count("seeded") == 1
    assert "that is no step of `thole env provision`" in shop.run("env", "provision", "pr-1", "--from", "runner_before", code=None).err


def test_what_was_never_run_is_not_started_and_stop_makes_nothing_of_it(shop):
    """start starts what was stopped: it is not told from a create that nothing was missing."""
    web = {"command": "exec sleep 1000", **CONFIG["services"]["web"]}
    shop.config({**CONFIG, "services": {"web": web}})
    Repository(shop.project, shop.env).commit({}, "a command")
    shop.run("env", "provision", "pr-1")
    refused = shop.run("env", "start", "pr-1", code=3).err
    assert "for runner_before was not done: `thole env create pr-1` does what is left, and starts it" in refused, refused
    shop.run("env", "stop", "pr-1")
    assert environments.phase(shop, "pr-1") == "provisioned" and shop.ledger() == ["seeded"] and not shop.pins()
    shop.run("env", "create", "pr-1")
    shop.run("env", "stop", "pr-1")
    assert environments.phase(shop, "pr-1") == "stopped"
    shop.run("env", "start", "pr-1")
    assert environments.phase(shop, "pr-1") == "running" and shop.pins()
    shop.run("env", "stop", "pr-1")
    shop.run("env", "invalidate", "pr-1", "generate_env")
    assert "for generate_env is to be done anew" in shop.run("env", "start", "pr-1", code=3).err
    shop.run("env", "refresh", "pr-1")
    assert environments.phase(shop, "pr-1") == "running"


def test_of_what_has_failed_stop_forgets_nothing(shop):
    shop.config({**CONFIG, "runner": {**CONFIG["runner"], "before": "exit 3"}, "services": {"web": {"command": "exec sleep 1000", **CONFIG["services"]["web"]}}})
    shop.run("env", "create", "pr-1", code=1)
    failed = environments.item(shop, "pr-1")["status"]
    assert failed["phase"] == "error" and failed["failedStep"] == "runner_before", failed
    assert "for runner_before failed" in shop.run("env", "start", "pr-1", code=3).err
    shop.run("env", "stop", "pr-1")
    now = environments.item(shop, "pr-1")["status"]
    assert {key: now[key] for key in ("phase", "failedStep", "error")} == {key: failed[key] for key in ("phase", "failedStep", "error")}


def test_run_needs_the_manifest_alone(shop):
    there = provisioned(shop)
    assert "there is no step nope; the steps are runner_before, generate_env, runner_after" in shop.run(
        "env", "run", "--from", "nope", cwd=there, code=None).err
    assert "that is no step of `thole env run`" in shop.run("env", "run", "--from", "seed_db", cwd=there, code=None).err
    manifest = json.loads((there / ".thole.json").read_text())
    before = environments.items(shop)
    shutil.move(shop.project, shop.base / "moved")
    shop.project.mkdir()
    os.remove(shop.state / "thole.db")
    shop.replace_server()
    shop.run("env", "run", cwd=there)
    assert shop.ledger() == ["seeded", f"before local {manifest['ports']['web']} shop", *(there / ".env.local").read_text().splitlines(), "after"]
    assert "URL=pg://pr-1" in (there / ".env.local").read_text()
    steps = there / ".thole.steps.json"
    assert stat.S_IMODE(steps.stat().st_mode) == 0o600 and "pg://" not in steps.read_text()
    database = shop.state / "thole.db"
    if database.exists():
        tables = sqlite3.connect(database).execute("select name from sqlite_master where type='table'").fetchall()
        assert not [name for name, in tables if "environment" in name and sqlite3.connect(database).execute(f"select * from {name}").fetchall()]
    assert len(before) == 1 and environments.items(shop) == []


def test_run_skips_what_is_done_and_begins_where_it_is_told(shop):
    there = provisioned(shop)
    run = lambda *words, **more: shop.run("env", "run", *words, cwd=there, **more)
    run()
    first = shop.ledger()
    run()
    assert shop.ledger() == first
    run("--from", "runner_after")
    assert [line for line in shop.ledger() if line in ("after", "seeded")] == ["seeded", "after", "after"]
    assert len([line for line in shop.ledger() if line.startswith("before")]) == 1
    assert "no step of `thole env run`" in run("--from", "build_manifest", code=None).err
    assert "did you mean runner_after" in run("--from", "runner_aftr", code=None).err
    (there / ".env.local").unlink()
    run()
    assert (there / ".env.local").exists()
    run("--manifest", there / ".thole.json")
    run("--no-cache")
    assert shop.ledger().count("after") == 4  # the env file that was mended made one of them
    count = len(shop.ledger())
    manifest = json.loads((there / ".thole.json").read_text())
    manifest["services"]["web"]["env"]["URL"] = "pg://else"
    (there / ".thole.json").write_text(json.dumps(manifest))
    run()
    assert "pg://else" in (there / ".env.local").read_text() and len(shop.ledger()) > count


def test_looking_at_what_was_run_says_where_to_look(shop):
    there = provisioned(shop)
    assert "has no environment; `thole env create NAME` makes one" in shop.run("env", "show", cwd=there, code=2).err
    shop.run("env", "run", cwd=there)
    for words in (("show",), ("steps",), ("step", "generate_env", "--print"), ("logs", "runner_after"), ("exec", "--", "true"), ("env",), ("env", "web"), ("store", "list")):
        result = shop.run("env", *words, cwd=there, code=2)
        assert ".thole.steps.json says what was done, `thole env run` goes on" in result.err and len(result.err.splitlines()) == 1, result


def test_a_failed_run_is_gone_on_with(shop):
    shop.config({**CONFIG, "runner": {"before": "echo before >>$LEDGER", "deploy": "echo no >&2; test -e ok"}})
    shop.repository.commit({}, "a failing deploy")
    there = provisioned(shop)
    failed = shop.run("env", "run", cwd=there, code=1)
    assert "runner_deploy" in failed.err and f"thole env run --manifest {there}/.thole.json" in failed.err
    (there / "ok").write_text("")
    shop.run("env", "run", cwd=there)
    assert shop.ledger() == ["seeded", "before"]


def test_the_mode_of_the_manifest_counts(shop):
    shop.file("thole.preview.yaml", json.dumps({"runner": {"after": "echo in $THOLE_MODE >>$LEDGER"}}))
    shop.repository.commit({}, "a mode")
    there = provisioned(shop, "pr-1", "-m", "preview")
    shop.run("env", "run", cwd=there)
    assert shop.ledger()[-1] == "in preview"


def test_a_mode_of_the_manifest_without_an_overlay_is_said(shop):
    there = provisioned(shop)
    manifest = json.loads((there / ".thole.json").read_text())
    for mode, said in (("local", ""), ("nosuch", f"thole: mode nosuch has no overlay beside {there}/thole.yaml\n")):
        (there / ".thole.json").write_text(json.dumps({**manifest, "mode": mode}))
        told = shop.run("env", "run", cwd=there).err
        assert "no overlay" not in told if not said else said in told, told


def test_a_hook_of_run_survives_the_server(shop):
    shop.config({**CONFIG, "runner": {"after": "echo begun >>$LEDGER; while ! test -e $LEDGER.go; do sleep 0.02; done; echo ended >>$LEDGER"}})
    shop.repository.commit({}, "a long hook")
    there = provisioned(shop)
    live = shop.popen("env", "run", cwd=there)
    shop.wait_ledger("begun")
    shop.replace_server()
    (shop.base / "ledger.go").write_text("")
    assert live.wait() == 0, live
    assert shop.ledger() == ["seeded", "begun", "ended"]
    shop.run("env", "run", cwd=there)
    assert shop.ledger() == ["seeded", "begun", "ended"]


def test_services_are_started_on_the_ports_of_the_manifest(shop):
    shop.config({**CONFIG, "runner": {}, "services": {"web": {"command": "echo on $PORT $URL >>$LEDGER; exec sleep 1000", "port": "auto",
                                                              "env": {"URL": "{{provisioner.db.URL}}"}}}})
    shop.repository.commit({}, "a server")
    there = provisioned(shop)
    port = json.loads((there / ".thole.json").read_text())["ports"]["web"]
    shop.run("env", "run", cwd=there)
    shop.wait_ledger(f"on {port} pg://pr-1")
    shop.run("down", cwd=there)


@pytest.mark.parametrize("text, sentence", [
    ('{"version": 2, "env_name": "a", "project_name": "b"}', "version 2"),
    ('{"version": 1, "env_name": "a"}', "project_name"),
    ('{"version": 1', "the manifest"),
    ('{"version": 1, "env_name": "a", "project_name": "b"}', "there is no thole.yaml and no previewctl.yaml in"),
])
def test_what_is_no_manifest_is_said(shop, text, sentence):
    there = shop.base / "elsewhere"
    there.mkdir()
    (there / ".thole.json").write_text(text)
    result = shop.run("env", "run", cwd=there, code=None)
    assert result.code in (2, 3) and len(result.err.splitlines()) == 1, result
    assert sentence in result.err or (sentence == "the manifest" and ".thole.json" in result.err), result
    assert os.listdir(there) == [".thole.json"]


def test_what_hooks_have_said_is_hidden_in_what_later_hooks_write(shop):
    shop.config({**CONFIG, "provisioner": {"services": {"db": {"outputs": ["URL"], "seed": "echo URL=pg://s3cret-$THOLE_ENV_NAME; echo GLOBAL_TOKEN=t0ken-of-it",
                                                               "reset": "echo URL=pg://s3cret-pr-1; echo pg://s3cret-pr-1 is made anew >&2"}}},
                 "runner": {"after": ". ./.env.local; echo it is at $URL with $THOLE_STORE_TOKEN >&2"}})
    shop.repository.commit({}, "talkative hooks")
    said = shop.run("env", "create", "pr-1")
    assert "it is at ******** with ********" in said.err and "s3cret" not in said.out + said.err and "t0ken" not in said.out + said.err
    said = shop.run("env", "hook", "db", "reset", "pr-1")
    assert "******** is made anew" in said.err and "s3cret" not in said.out + said.err
    entry = environments.about(shop, "pr-1", "entry?reveal=true")
    assert entry["provisionerOutputs"]["db"]["URL"] == "pg://s3cret-pr-1"
