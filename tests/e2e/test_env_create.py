# SPDX-License-Identifier: Apache-2.0
"""The life of an environment as people see it, with real git: what is done, what is not done again, what is done anew and why."""

import json
import re

import pytest

from environments import CREATED_HOOKS, PROVISIONED, RUN, Project, config, says

VERIFIED = {"create_compute", "allocate_ports", "write_manifest", "generate_env", "runner_deploy"}


@pytest.fixture
def shop(thole):
    return Project(thole)


def again(shop, *words, **options):
    """The hooks that this runs, and what the audit log says since."""
    before = len(shop.audit("e1"))
    shop.forget()
    shop.run(*words, **options)
    return shop.ran("e1"), shop.audit("e1")[before:]


def actions(audit, action):
    return {step for what, step, _ in audit if what == action}


def test_what_is_done_and_stands_is_not_done_again(shop):
    shop.run("create", "e1")
    shop.check_created("e1")
    assert shop.ran("e1") == CREATED_HOOKS
    ran, audit = again(shop, "create", "e1")
    assert ran == []
    assert actions(audit, "verified") == VERIFIED and actions(audit, "skipped") == set(PROVISIONED + RUN) - VERIFIED, audit
    assert not actions(audit, "executed")
    shop.check_created("e1")


def test_a_hook_that_was_edited_runs_again_with_all_that_needs_it(shop):
    shop.run("create", "e1")
    words = config()
    words["runner"]["deploy"] += "; true"
    shop.configure(words)
    shop.git.commit({})
    ran, audit = again(shop, "create", "e1")
    assert ran == ["runner_deploy", "runner_after"], ran
    assert actions(audit, "executed") == {"runner_deploy", "runner_after"}
    words["provisioner"]["services"]["db"]["seed"] += "; true"
    shop.configure(words)
    ran, audit = again(shop, "create", "e1")
    assert "seed_db" in ran and "seed_cache" not in ran and "provisioner_before" not in ran, ran
    assert ("invalidated", "seed_db", "Invalidated: what it is made from has changed") in audit, audit


def test_values_of_the_config_reach_the_files_and_nothing_else_runs(shop):
    shop.run("create", "e1")
    words = config()
    words["services"]["web"]["env"]["MORE"] = "of it"
    shop.configure(words)
    ran, audit = again(shop, "create", "e1")
    assert "MORE" in (shop.tree("e1") / "web/.env.local").read_text()
    assert json.loads((shop.tree("e1") / ".thole.json").read_text())["services"]["web"]["env"]["MORE"] == "of it"
    assert not {"seed_db", "seed_cache", "provisioner_before"} & set(ran) and "generate_env" in actions(audit, "executed"), (ran, audit)


def test_a_seed_is_done_again_for_the_ports_that_it_uses_alone(shop):
    """Somebody works in the database: a service more, whose port comes before the others, is no reason to begin with it anew."""
    words = config()
    services = words["provisioner"]["services"]
    (shop.dir / "port.sh").write_text("echo URL=at-$THOLE_PORT_WEB\n")
    (shop.dir / "all.sh").write_text('n=WEB; eval "echo URL=\\$THOLE_PORT_$n"\n')
    for name, text in (("cache", "sh port.sh"), ("all", "sh all.sh"), ("extra", "echo URL=$THOLE_PORT_WEBSITE")):
        services[name] = {"outputs": ["URL"], "seed": says(f"seed_{name}", text)}
    shop.configure(words)
    shop.run("create", "e1")
    first = shop.entry("e1")["provisionerOutputs"]
    words["services"]["api"] = {"env": {"A": "{{self.port}}"}}
    shop.configure(words)
    ran, audit = again(shop, "create", "e1")
    assert {"allocate_ports", "write_manifest"} <= actions(audit, "executed"), audit
    assert {step for step in ran if step.startswith("seed_")} == {"seed_cache", "seed_all"}, ran
    now = shop.entry("e1")["provisionerOutputs"]
    for name, head in (("cache", "at-"), ("all", "")):
        assert int(now[name]["URL"].removeprefix(head)) == int(first[name]["URL"].removeprefix(head)) + 1
    assert now["db"] == first["db"]
    assert again(shop, "create", "e1")[0] == []


@pytest.mark.parametrize("words, ran", [
    (("create", "e1", "--from", "runner_before"), ["runner_before", "runner_deploy", "runner_after"]),
    (("create", "e1", "--from", "seed_db"), ["seed_db", "provisioner_after", "runner_before", "runner_deploy", "runner_after"]),
    (("create", "e1", "--no-cache"), CREATED_HOOKS),
    (("refresh", "e1"), ["runner_before", "runner_deploy", "runner_after"]),
    (("refresh", "e1", "--only", "runner_deploy"), ["runner_deploy"]),
    (("step", "e1", "seed_cache"), ["seed_cache"]),
])
def test_what_is_asked_for_is_done_anew(shop, words, ran):
    shop.run("create", "e1")
    assert again(shop, *words)[0] == ran
    assert again(shop, *words)[0] == ran  # each time
    shop.run("create", "e1")
    shop.check_created("e1")
    assert again(shop, "create", "e1")[0] == []


def test_a_step_that_is_done_again_takes_the_records_of_what_needs_it_with_it(shop):
    shop.run("create", "e1")
    ran, audit = again(shop, "step", "e1", "seed_cache")
    gone = {name for name, status in shop.steps("e1").items() if status == "invalidated"}
    assert ran == ["seed_cache"] and {"build_manifest", "write_manifest", "provisioner_after", "generate_env", "runner_deploy"} <= gone, gone
    assert not {"provisioner_before", "create_compute", "allocate_ports", "seed_db"} & gone, gone
    assert {step for what, step, why in audit if what == "invalidated" and "seed_cache is done again" in why} == gone, audit


def test_unknown_steps_are_named_and_nothing_is_done(shop):
    shop.run("create", "e1")
    for words in (("create", "e1", "--from", "seed_dbb"), ("step", "e1", "seed_dbb"), ("invalidate", "e1", "seed_dbb")):
        result = shop.run(*words, code=None)
        assert result.code and "seed_dbb" in result.err and "seed_db" in result.err.replace("seed_dbb", ""), result
    assert again(shop, "create", "e1")[0] == []


def test_what_is_invalidated_is_done_next_time(shop):
    shop.run("create", "e1")
    ran, audit = again(shop, "invalidate", "e1", "runner_before")
    assert ran == [] and "runner_before" in actions(audit, "invalidated"), audit
    assert shop.steps("e1")["runner_before"] == "invalidated"
    assert "runner_before" in again(shop, "create", "e1")[0]


def test_a_reset_gives_new_outputs_and_what_uses_them_follows(shop):
    shop.run("create", "e1")
    shop.forget()
    said = shop.run("hook", "db", "reset", "e1").err
    assert shop.ran("e1") == ["core_reset_db"]
    assert "what was made from db is stale: `thole env refresh e1` makes it anew" in said, said
    assert shop.entry("e1")["provisionerOutputs"]["db"] == {"URL": "db://again-e1"}
    ran, _ = again(shop, "create", "e1")
    assert "seed_db" not in ran and "seed_cache" not in ran, ran
    assert "db://again-e1" in (shop.tree("e1") / "web/.env.local").read_text()
    assert again(shop, "create", "e1")[0] == []


@pytest.mark.parametrize("action", ["reset", "destroy"])
def test_of_what_a_hook_left_half_way_nothing_counts(shop, action):
    words = config()
    shop.run("create", "e1")
    words["provisioner"]["services"]["db"][action] = says(action, "echo dropped", code=7)
    shop.configure(words)
    said = shop.run("hook", "db", action, "e1", code=1).err
    assert f"what is left of db is not known: `thole env hook db {action} e1` does this again, `thole env create e1` makes it anew" in said, said
    steps = shop.steps("e1")
    assert {steps[name] for name in ("seed_db", "build_manifest", "generate_env", "runner_deploy")} == {"invalidated"}, steps
    assert steps["seed_cache"] == "completed"
    assert "seed_db" in again(shop, "create", "e1")[0]


@pytest.mark.parametrize("action", ["init", "seed"])
def test_what_init_and_seed_say_by_hand_is_not_kept(shop, action):
    words = config()
    words["provisioner"]["services"]["db"].update({name: says(name, "echo URL=db://$$") for name in ("init", "seed")})
    shop.configure(words)
    shop.run("create", "e1")
    before, made = shop.entry("e1"), shop.steps("e1")
    shop.forget()
    shop.run("hook", "db", action, "e1")
    assert shop.ran("e1") == [action]
    now, steps = shop.entry("e1"), shop.steps("e1")
    steps.pop(f"core_{action}_db")
    assert now["provisionerOutputs"] == before["provisionerOutputs"] and before["provisionerOutputs"]["db"]["URL"].startswith("db://")
    assert steps == made and {name: now["steps"][name] for name in made} == before["steps"]
    assert again(shop, "create", "e1")[0] == []


def test_a_hook_that_is_asked_for_and_fails_leaves_the_environment_as_it_was(shop):
    words = config()
    words["provisioner"]["services"]["db"]["init"] = "exit 3"
    shop.configure(words)
    shop.run("create", "e1")
    assert "exit code 3" in shop.run("hook", "db", "init", "e1", code=1).err
    shop.check_created("e1")
    result = shop.run("hook", "cache", "init", "e1", code=None)
    assert result.code and "provisioner service 'cache' has no init hook" in result.err, result


@pytest.mark.parametrize("step", CREATED_HOOKS)
def test_a_failed_hook_is_named_and_the_same_command_goes_on(shop, step):
    words = config()
    good = json.dumps(words)
    place = words["provisioner"]["services"][step[5:]] if step.startswith("seed_") else words["provisioner" if step.startswith("prov") else "runner"]
    key = "seed" if step.startswith("seed_") else step.split("_")[1]
    place[key] = f"test -e {shop.dir}/ledger.open || exit 5; " + place[key]
    shop.configure(words)
    result = shop.run("create", "e1", code=1)
    assert f"failed in {step}: exit code 5" in result.err and "`thole env create e1` goes on with it" in result.err, result
    status = shop.object("e1")["status"]
    assert (status["phase"], status["failedStep"], status["error"], status["resume"]) == ("error", step, "exit code 5", "thole env create e1")
    assert shop.ran("e1") == CREATED_HOOKS[:CREATED_HOOKS.index(step)]
    (shop.dir / "ledger.open").touch()
    shop.run("create", "e1")
    assert shop.ran("e1") == CREATED_HOOKS
    shop.check_created("e1")
    assert good  # the file as it was


@pytest.mark.parametrize("path", [".thole.json", "web/.env.local"])
@pytest.mark.parametrize("how", ["gone", "edited"])
def test_files_heal(shop, path, how):
    shop.run("create", "e1")
    file = shop.tree("e1") / path
    before = file.read_bytes()
    if how == "gone":
        file.unlink()
    else:
        file.write_text("something else\n")
    _, audit = again(shop, "create", "e1")
    assert file.read_bytes() == before and file.stat().st_mode & 0o777 == 0o600
    step = "write_manifest" if path == ".thole.json" else "generate_env"
    assert step in actions(audit, "verify_failed") and step in actions(audit, "executed"), audit


def test_a_hook_that_is_never_cached_runs_each_time_and_takes_nothing_with_it(shop):
    words = config()
    words["runner"]["before"] = {"command": words["runner"]["before"], "allow_cache": False}
    shop.configure(words)
    shop.run("create", "e1")
    for _ in range(2):
        assert again(shop, "create", "e1")[0] == ["runner_before"]


PREFIXES = ("PREVIEWCTL_", "THOLE_")
ALWAYS = {"ENV_NAME", "ENVIRONMENT_NAME", "PROJECT_NAME", "PROJECT_ROOT", "MODE"}
PORT = {"PORT_WEB"}
TOLD = {"provisioner_before": ALWAYS, "seed_db": ALWAYS | PORT | {"WORKTREE_PATH", "ACTION", "SERVICE_NAME"},
        "provisioner_after": ALWAYS | PORT | {"WORKTREE_PATH"}, "runner_before": ALWAYS | PORT | {"WORKTREE_PATH"},
        "runner_deploy": ALWAYS | PORT | {"WORKTREE_PATH"}, "runner_destroy": ALWAYS | PORT | {"WORKTREE_PATH"},
        "destroy_core_db": ALWAYS | PORT | {"WORKTREE_PATH", "ACTION", "SERVICE_NAME"}}


@pytest.mark.parametrize("file", ["thole.yaml", "previewctl.yaml"])
def test_what_hooks_are_told(thole, file):
    def tells(step):
        return f'env -0 >"{thole.base}/env.{step}"; pwd -P >"{thole.base}/cwd.{step}"'
    words = {"version": 1, "name": "shop",
             "provisioner": {"before": tells("provisioner_before"), "after": tells("provisioner_after"),
                             "services": {"db": {"outputs": ["URL"], "seed": tells("seed_db") + "; echo URL=x", "destroy": tells("destroy_core_db")}}},
             "runner": {name: tells(f"runner_{name}") for name in ("before", "deploy", "destroy")},
             "services": {"web": {"path": "web", "env": {"DB": "{{provisioner.db.URL}}"}}}}
    shop = Project(thole, words, file=file)
    shop.git.ignore(".env.local", ".thole.json", ".previewctl.json", ".thole")
    own = {"MINE": "my own", "THOLE_STORE_NOT": "of a store", "PREVIEWCTL_PORT_NOT": "4711"}
    shop.run("create", "feat/One", env=own)
    tree, port = shop.tree("feat/One"), shop.entry("feat/One")["ports"]["web"]
    assert (tree / (".previewctl.json" if file == "previewctl.yaml" else ".thole.json")).exists()
    shop.run("create", "feat/One", "--no-cache", env=own)  # told the same again
    shop.run("delete", "feat/One", env=own)
    values = {"ENV_NAME": "feat/One", "ENVIRONMENT_NAME": "feat_one", "PROJECT_NAME": "shop", "PROJECT_ROOT": str(shop.dir), "MODE": "local",
              "WORKTREE_PATH": str(tree), "PORT_WEB": str(port), "SERVICE_NAME": "db"}
    for step, names in TOLD.items():
        env = dict(pair.split("=", 1) for pair in (thole.base / f"env.{step}").read_text().split("\0") if pair)
        assert env["MINE"] == "my own" and env["HOME"] == thole.env["HOME"], step
        for prefix in PREFIXES:
            told = {name.removeprefix(prefix): value for name, value in env.items() if name.startswith(prefix)}
            for ours in ("RUNTIME_DIR", "STATE_DIR", "RUN_ID"):
                told.pop(ours, None)
            assert (told.pop("OPERATIONS", None) is not None) == (prefix == "THOLE_"), step
            assert set(told) == names, (step, prefix, set(told) ^ names)
            assert {name: value for name, value in told.items() if name in values} == {name: values[name] for name in names if name in values}, step
            assert told.get("ACTION") == ({"seed_db": "seed", "destroy_core_db": "destroy"}.get(step)), step
        cwd = (thole.base / f"cwd.{step}").read_text().strip()
        assert cwd == str(tree if step.startswith("runner_") else shop.dir), (step, cwd)


def test_the_mode_is_that_of_the_environment(thole):
    shop = Project(thole)
    (shop.dir / "thole.preview.yaml").write_text(json.dumps({"runner": {"deploy": says("preview_deploy"), "destroy": says("preview_destroy")}}))
    shop.git.commit({})
    shop.run("create", "e1", "-m", "preview")
    assert "preview_deploy" in shop.ran("e1") and "runner_deploy" not in shop.ran("e1")
    assert again(shop, "create", "e1")[0] == []
    assert again(shop, "delete", "e1")[0][0] == "preview_destroy"
    shop.check_gone("e1")


def test_deleted_and_made_again(shop):
    for _ in range(3):
        shop.forget()
        shop.run("create", "e1")
        shop.check_created("e1")
        shop.run("delete", "e1")
        shop.check_gone("e1")
    assert len([entry for entry in shop.audit("e1") if entry[0] == "created"]) == 3


def test_what_never_was_made_is_not_listed(shop):
    result = shop.run("create", "e1", "--from", "nothing", code=None)
    assert result.code, result
    assert shop.run("list", "--json").json() == []
    shop.run("create", "e1")
    shop.check_created("e1")
