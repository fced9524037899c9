# SPDX-License-Identifier: Apache-2.0
"""What tools of this kind get wrong: what two do at once, what lies about for others to read, what is forgotten half way."""

import json
import os
import pathlib
import stat

import environment_api as environments
from driver import wait_until
from git_repository import Repository


def project(thole, **more):
    thole.config({"version": 1, "name": "shop", "services": {"web": {"path": ".", "env": {"A": "b"}}}, **more})
    return Repository.of(thole)


def entry(thole, name):
    return next(one for one in thole.run("env", "list", "--json", "--reveal").json() if one["name"] == name)


# ---- several at once ----

def test_thirty_who_set_a_value_at_once_lose_none(thole):
    project(thole)
    thole.run("env", "create", "feat-x")
    setting = [thole.popen("env", "store", "set", "feat-x", f"K{i}=value {i}") for i in range(30)]
    for one in setting:
        assert one.wait() == 0, one
    said = environments.about(thole, "feat-x", "values?reveal=true")["values"]
    assert said == {f"K{i}": f"value {i}" for i in range(30)}


def test_two_creates_of_one_name_do_it_once(thole):
    project(thole, provisioner={"before": "echo here >&2; echo before >> $LEDGER; until test -e go; do sleep 0.02; done"})
    first = thole.popen("env", "create", "feat-x")
    thole.wait_ledger("before")
    same = thole.popen("env", "create", "feat-x")
    refused = thole.run("env", "create", "feat-x", "--no-cache", code=3)
    assert "busy" in refused.err and "provisioner_before" in refused.err
    same.wait_for(r"provisioner_before \| here", stream=2)
    (thole.project / "go").touch()
    assert first.wait() == 0 and same.wait() == 0 and thole.ledger() == ["before"], (first, same)


def test_names_that_are_nearly_the_same_share_nothing(thole):
    project(thole)
    for name in ("feat/a", "feat_a", "feat-a"):
        thole.run("env", "create", name, "-b", f"b-{name.replace('/', '.')}")
    trees = {environments.tree(thole, name) for name in ("feat/a", "feat_a", "feat-a")}
    assert len(trees) == 3 and all(not (a != b and a in b.parents) for a in trees for b in trees)
    thole.run("env", "delete", "feat_a")
    assert environments.tree(thole, "feat/a").exists() and environments.item(thole, "feat_a") is None


# ---- what others may read ----

def readable(root, secret):
    """Files below it that have the secret in them and that others may read, as far as directories let them."""
    found = []
    for directory, names, files in os.walk(root):
        names[:] = [name for name in names if stat.S_IMODE(os.stat(os.path.join(directory, name)).st_mode) & 0o077]
        for name in files:
            path = pathlib.Path(directory) / name
            if not path.is_symlink() and path.is_file() and secret in path.read_bytes() and path.stat().st_mode & 0o077:
                found.append(path)
    return found


def test_secrets_are_in_files_that_nobody_else_may_read_and_not_shown(thole):
    secret = "s3cr3t-of-the-database"
    project(thole, provisioner={"services": {"db": {"outputs": ["URL"], "seed": f"echo talk; echo URL={secret}", "reset": f"echo URL={secret}"}}},
            services={"web": {"path": ".", "env": {"URL": "{{provisioner.db.URL}}"}}})
    repository = Repository(thole.project, thole.env)
    (thole.project / "thole.yaml").write_text((thole.project / "thole.yaml").read_text().replace(f"URL={secret}", "URL=$SECRET"))
    repository.commit({}, "no secret in the config")
    thole.env["SECRET"] = secret
    shown = [thole.run("env", "create", "feat-x"), thole.run("env", "store", "set", "feat-x", f"TOKEN={secret}"),
             thole.run("env", "show", "feat-x"), thole.run("env", "list", "--json", "--audit"), thole.run("env", "steps", "feat-x", "--audit"),
             thole.run("env", "env", "feat-x", "web"), thole.run("env", "store", "list", "feat-x"), thole.run("env", "hook", "db", "reset", "feat-x"),
             thole.run("env", "logs", "feat-x", "seed_db"), thole.run("env", "show", "feat-x", "--json")]
    for said in shown:
        assert secret not in said.out + said.err, said
    tree = environments.tree(thole, "feat-x")
    assert secret in (tree / ".env.local").read_text() and secret in (tree / ".thole.json").read_text()
    assert not readable(tree, secret.encode()) and not readable(thole.project, secret.encode())
    os.chmod(thole.state, 0o755)  # as if the directory did not guard them
    assert not readable(thole.state, secret.encode())
    os.chmod(thole.state, 0o700)


# ---- values as they are ----

def test_values_reach_hooks_as_they_are_and_run_nothing(thole):
    hook = "printf '%s\\n' \"$THOLE_STORE_ODD\" \"$PREVIEWCTL_STORE_ODD\" > odd.txt"
    project(thole, runner={"deploy": hook})
    thole.run("env", "provision", "feat-x")
    odd = "a b $(touch pwned) `touch pwned` ' \" \\ # é"
    thole.run("env", "store", "set", "feat-x", f"ODD={odd}")
    thole.run("env", "create", "feat-x")
    tree = environments.tree(thole, "feat-x")
    assert (tree / "odd.txt").read_text() == f"{odd}\n{odd}\n" and not (tree / "pwned").exists() and not (thole.project / "pwned").exists()


# ---- what is forgotten half way ----

MACHINE = {"create": "echo VM_IP=10.0.0.7; echo SSH_USER=deploy; test -e more && echo NAME=vm-7; true", "outputs": ["VM_IP", "NAME"],
           "destroy": "echo destroyed $PREVIEWCTL_VM_IP $PREVIEWCTL_SSH_USER >> $LEDGER"}


def test_a_machine_whose_hook_has_not_said_all_is_not_lost(thole):
    project(thole, provisioner={"compute": MACHINE})
    failed = thole.run("env", "provision", "vm", code=None)
    assert failed.code != 0 and "NAME" in failed.err
    assert entry(thole, "vm")["compute"]["host"] == "10.0.0.7"
    thole.run("env", "delete", "vm")
    assert thole.ledger() == ["destroyed 10.0.0.7 deploy"]
    thole.config({"version": 1, "name": "shop", "provisioner": {"compute": {**MACHINE, "create": "echo VM_IP=10.0.0.8; exit 3"}}})
    failed = thole.run("env", "provision", "vm", code=1)
    assert "exit code 3" in failed.err and entry(thole, "vm")["compute"]["host"] == "10.0.0.8"
    thole.run("env", "delete", "vm")
    assert thole.ledger()[1].startswith("destroyed 10.0.0.8")


def test_delete_means_the_mode_it_was_made_in(thole):
    repository = project(thole)
    repository.commit({"thole.vm.yaml": json.dumps({"provisioner": {"compute": {**MACHINE, "outputs": ["VM_IP"]}}})}, "a mode")
    thole.run("env", "provision", "r1", "-m", "vm")
    thole.run("env", "delete", "r1")
    assert thole.ledger() == ["destroyed 10.0.0.7 deploy"]
    assert environments.item(thole, "r1") is None


def test_to_provision_again_does_not_end_what_runs(thole):
    project(thole, provisioner={"before": "test ! -e broken"})
    thole.run("env", "create", "feat-x")
    thole.run("env", "provision", "feat-x", "--no-cache")
    assert environments.phase(thole, "feat-x") == "running"
    (thole.project / "broken").touch()
    thole.run("env", "provision", "feat-x", "--no-cache", code=1)
    assert environments.phase(thole, "feat-x") == "error"
    (thole.project / "broken").unlink()
    thole.run("env", "create", "feat-x")
    assert environments.phase(thole, "feat-x") == "running"


def test_refresh_does_what_there_is_to_do(thole):
    """Also without generated compose files, in each mode."""
    project(thole, runner={"before": "echo before >> $LEDGER", "after": "echo after >> $LEDGER"})
    thole.run("env", "create", "feat-x")
    thole.run("env", "refresh", "feat-x")
    assert thole.ledger() == ["before", "after"] * 2
    thole.run("env", "refresh", "feat-x", "--from", "runner_after")
    assert thole.ledger() == ["before", "after"] * 2 + ["after"]
    thole.run("env", "refresh", "feat-x", "--only", "runner_before")
    assert thole.ledger()[-1] == "before" and len(thole.ledger()) == 6
    unknown = thole.run("env", "refresh", "feat-x", "--only", "runner_befor", code=None)
    assert unknown.code != 0 and "did you mean runner_before" in unknown.err
    left_out = thole.run("env", "refresh", "feat-x", "--only", "runner_before", "--from", "runner_after", code=None)
    assert left_out.code != 0 and "--from runner_after: that is none of the steps of --only" in left_out.err and len(thole.ledger()) == 6


def test_to_refresh_some_steps_does_not_make_it_run(thole):
    project(thole, services={"web": {"build": "test -e $OK || exit 3", "command": "exec sleep 1000", "path": ".", "env": {"A": "b", "OK": str(thole.base / "ok")}}})
    thole.run("env", "create", "feat-x", code=1)
    thole.run("env", "refresh", "feat-x", "--only", "generate_env")
    status = environments.item(thole, "feat-x")["status"]
    assert status["phase"] == "error" and status["failedStep"] == "start_services" and "exit code 3" in status["error"], status
    (thole.base / "ok").touch()
    for words, phase in ((["create"], "running"), (["refresh", "--only", "generate_env"], "running"), (["stop"], "stopped"),
                         (["refresh", "--only", "generate_env"], "stopped"), (["refresh", "--only", "generate_env,start_services"], "running")):
        thole.run("env", words[0], "feat-x", *words[1:])
        assert environments.phase(thole, "feat-x") == phase, words


def test_what_a_hook_says_for_all_is_kept_beside_what_there_is(thole):
    """GLOBAL_ outputs are key-values, also where there were some; a hook that sets one itself loses none of them."""
    seed = "echo URL=x; echo GLOBAL_TOKEN=t-1; echo GLOBAL_REGION=eu"
    project(thole, provisioner={"services": {"db": {"outputs": ["URL"], "seed": seed}}})
    thole.run("env", "provision", "feat-x")
    thole.run("env", "store", "set", "feat-x", "MINE=m", "REGION=us")
    thole.run("env", "provision", "feat-x", "--from", "seed_db")
    assert environments.about(thole, "feat-x", "values?reveal=true")["values"] == {"MINE": "m", "REGION": "eu", "TOKEN": "t-1"}


def test_what_is_gone_is_made_again_with_all_that_needs_it(thole):
    repository = project(thole, runner={"deploy": "echo deploy >> $LEDGER"})
    thole.run("env", "create", "feat-x")
    tree = environments.tree(thole, "feat-x")
    for name in (".env.local", ".thole.json"):
        (tree / name).unlink()
        thole.run("env", "create", "feat-x")
        assert (tree / name).exists(), "it heals"
    (tree / ".env.local").write_text("A='edited'\n")
    thole.run("env", "create", "feat-x")
    assert "edited" not in (tree / ".env.local").read_text()
    repository.git("worktree", "remove", "--force", tree)
    thole.run("env", "create", "feat-x")
    assert (tree / ".env.local").exists() and (tree / ".thole.json").exists() and thole.ledger()[-1] == "deploy"
    assert environments.phase(thole, "feat-x") == "running"


def test_a_step_that_is_none_is_refused_and_nothing_begins(thole):
    project(thole, provisioner={"before": "echo before >> $LEDGER"})
    for words in (("create", "feat-x", "--from", "alocate_ports"), ("provision", "feat-x", "--from", "nonsense")):
        refused = thole.run("env", *words, code=None)
        assert refused.code == 2 and words[-1] in refused.err and "allocate_ports" in refused.err, refused
    assert not thole.ledger() and environments.item(thole, "feat-x") is None


# ---- a hook and all that it has started ----

def test_what_a_hook_has_started_ends_with_it(thole):
    """Also what is in a session of its own."""
    project(thole, provisioner={"before": "setsid sleep 1000 & echo $! > child; echo begun >> $LEDGER; sleep 1000"})
    create = thole.popen("env", "create", "feat-x")
    thole.wait_ledger("begun")
    create.signal(2)
    assert create.wait() == 130, create
    wait_until(lambda: not [pid for pid, what in thole.processes().items() if "sleep 1000" in what], 20, "the hook's children to be gone")
    assert environments.phase(thole, "feat-x") in ("creating", "error")


def test_to_stop_all_stops_what_is_being_made_too(thole):
    project(thole, provisioner={"before": "echo begun >> $LEDGER; sleep 1000"}, runner={"deploy": "echo deploy >> $LEDGER"})
    create = thole.popen("env", "create", "feat-x")
    thole.wait_ledger("begun")
    thole.run("server", "stop", "--all", timeout=20)
    assert not [what for what in thole.processes().values() if "sleep 1000" in what]
    create.wait()
    thole.config({"version": 1, "name": "shop", "services": {"web": {"path": ".", "env": {"A": "b"}}}, "runner": {"deploy": "echo deploy >> $LEDGER"}})
    thole.run("env", "create", "feat-x")
    assert thole.ledger() == ["begun", "deploy"]


# ---- a store that cannot be used ----

def test_a_broken_store_is_said_by_all_who_need_it(thole):
    project(thole)
    thole.run("env", "create", "feat-x")
    thole.run("server", "stop", "--all")
    store = thole.state / "thole.db"
    for extra in (store.with_name("thole.db-wal"), store.with_name("thole.db-shm")):
        extra.unlink(missing_ok=True)
    good = store.read_bytes()
    store.write_bytes(b"not a database, not at all. " * 400)
    for words in (("list",), ("show", "feat-x"), ("create", "feat-x"), ("delete", "feat-x")):
        said = thole.run("env", *words, code=None)
        assert said.code not in (0, None) and "thole.db" in said.err and "not found" not in said.err, said
    assert store.read_bytes().startswith(b"not a database"), "it is left alone"
    thole.run("server", "stop", "--all", code=None)
    store.write_bytes(good)
    thole.run("env", "list")
    assert environments.phase(thole, "feat-x") == "running"
