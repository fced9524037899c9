# SPDX-License-Identifier: Apache-2.0
"""Hooks that write much or oddly, that leave processes behind; names that would be dangerous anywhere; a disk that is full."""

import os
import subprocess

import pytest

from driver import alive, wait_until
from environments import Project, config

MANY = 10 * 1024 * 1024


def printing(text):
    """One seed that runs this."""
    return {"version": 1, "name": "shop", "provisioner": {"services": {"db": {"outputs": ["URL"], "seed": text}}},
            "services": {"web": {"path": "web", "env": {"DB": "{{provisioner.db.URL}}"}}}}


@pytest.mark.parametrize("text, outputs", [
    (f"head -c {MANY} /dev/zero | tr '\\\\0' x; echo; echo URL=a", {"URL": "a"}),
    (f"yes 'some talk' | head -c {MANY}; echo; echo URL=a", {"URL": "a"}),
    ("printf 'URL=a'", {"URL": "a"}),
    ("printf 'URL=a\\r\\nMORE=b\\r\\n'", {"URL": "a", "MORE": "b"}),
    ("printf '# talk\\n\\nURL=a b = c\\n'", {"URL": "a b = c"}),
    ("echo 'URL<<END'; echo one; echo 'URL=two'; echo END", None),
    ("echo URL=a; echo 'MORE<<END'; echo one; echo 'URL=two'; echo END", {"URL": "a", "MORE": "one\nURL=two"}),
    ("echo URL=a >&2; echo URL=b", {"URL": "b"}),
])
def test_what_a_hook_prints(thole, text, outputs):
    project = Project(thole, printing(text))
    result = project.run("create", "e1", code=None)
    if outputs is None:  # a value that no env file can have, for one: refused by name
        assert result.code == 1 and "seed_db" in result.err and "services.web.env.DB: " in result.err, result
        assert not project.entry("e1").get("provisionerOutputs")
        return
    assert result.code == 0, result
    assert project.entry("e1")["provisionerOutputs"]["db"] == outputs


def test_what_commands_of_one_environment_are_told_does_not_reach_another(thole):
    """Whoever makes one from within `env exec` hands on what is his, not what is of the environment he is in."""
    project = Project(thole, printing("echo URL=a; env >&2"))
    project.run("create", "outer")
    thole.run("env", "store", "set", "outer", "TOKEN=secret-of-outer")
    thole.run("env", "exec", "outer", "--", "env", "OWN=mine", thole.bin / "thole", "env", "create", "inner", cwd=thole.project)
    told = thole.run("env", "logs", "inner", "seed_db").out
    assert "OWN=mine" in told and "THOLE_ENV_NAME=inner" in told and "outer" not in told, told
    told = thole.run("env", "exec", "outer", "--", "env", "OWN=mine", "THOLE_STORE_NOT=outer", thole.bin / "thole", "env", "exec", "inner",
                     "--", "env", cwd=thole.project).out
    assert "OWN=mine" in told and "THOLE_ENV_NAME=inner" in told and "outer" not in told, told


def test_a_hook_cannot_do_anything_to_the_environment_that_waits_for_it(thole):
    """It would look on at itself, without end, or wait for its own end; also by way of `exec`. What only looks works."""
    own = "thole env %s >/dev/null 2>>said || echo $? >>codes; "
    words = ["create $THOLE_ENV_NAME", "delete $THOLE_ENV_NAME --force", "stop $THOLE_ENV_NAME", "start $THOLE_ENV_NAME",
             "refresh $THOLE_ENV_NAME", "hook db init $THOLE_ENV_NAME", "exec $THOLE_ENV_NAME -- thole env stop $THOLE_ENV_NAME"]
    looks = ["show $THOLE_ENV_NAME", "list", "store list $THOLE_ENV_NAME", "env $THOLE_ENV_NAME"]
    project = Project(thole, printing("".join(own % each for each in words + looks) + "thole env list >&2; echo URL=a"))
    thole.env["PATH"] = f"{thole.bin}:{thole.env['PATH']}"
    project.run("create", "e1")
    assert (thole.project / "codes").read_text().split() == ["3"] * len(words)
    assert set((thole.project / "said").read_text().splitlines()) == {
        "thole: environment 'e1' is busy: create, at seed_db, and this is one of its hooks"}
    assert "e1" in thole.run("env", "logs", "e1", "seed_db").out


def test_what_a_hook_has_made_knows_whose_it_is(thole):
    """Its hooks cannot ask for the outer one either, which waits for them; a hook that is over keeps nobody from anything."""
    seed = ("test $THOLE_ENV_NAME = outer && timeout 60 thole env create inner >&2 || timeout 60 thole env create outer 2>>said; "
            "echo URL=$THOLE_OPERATIONS")
    project = Project(thole, printing(seed))
    thole.env["PATH"] = f"{thole.bin}:{thole.env['PATH']}"
    project.run("create", "outer")
    assert (thole.project / "said").read_text().endswith("environment 'outer' is busy: create, at seed_db, and this is one of its hooks\n")
    told = project.entry("outer")["provisionerOutputs"]["db"]["URL"]
    project.run("create", "outer", env={"THOLE_OPERATIONS": told})


@pytest.mark.parametrize("text, sentence", [
    ("true", "did not print URL"),
    ("printf 'URL=a\\0b\\n'", "NUL"),
    ("echo 'URL<<END'; echo one", "END"),
    ("printf 'URL=\\377\\n'", "UTF-8"),
    ("printf 'URL='; head -c 2000000 /dev/zero | tr '\\0' x", "1048576 bytes"),
])
def test_outputs_that_cannot_be_are_refused(thole, text, sentence):
    project = Project(thole, printing(text))
    result = project.run("create", "e1", code=1)
    assert "seed_db" in result.err and sentence.lower() in result.err.lower(), result
    status = project.object("e1")["status"]
    assert (status["phase"], status["failedStep"]) == ("error", "seed_db"), status
    project.configure(printing("echo URL=a"))
    project.run("create", "e1")


def test_what_no_process_can_be_given_is_named_before_anything_runs(thole):
    """The kernel takes 128 KiB of one argument or variable."""
    project = Project(thole, printing(f": {'x' * 131070}; echo URL=a"))
    refused = project.run("create", "e1", code=2).err
    assert "seed_db: the hook is too long: 131084 bytes, and a shell can be given 131071; put it into a file, and call that" in refused, refused
    project.configure({**printing("echo URL=a; printf GLOBAL_BIG=; head -c 131072 /dev/zero | tr '\\0' x"), "runner": {"before": "true"}})
    refused = project.run("create", "e1", code=3).err
    assert "runner_before: its variable PREVIEWCTL_STORE_BIG is too long: 131093 bytes with its name" in refused, refused


def test_a_value_of_more_lines_than_a_log_can_mask_keeps_no_hook_from_running(thole):
    config = printing("echo 'URL<<END'; seq -f 'line %04g' 1000; echo END")
    config["services"]["web"]["env"] = {"A": "b"}
    project = Project(thole, {**config, "runner": {"after": "echo line 0001"}})
    project.run("create", "e1")
    assert project.run("logs", "e1", "runner_after", "-o", "raw").out == "********\n"


def test_children_that_keep_stdout_open_hold_nobody_up(thole):
    project = Project(thole, printing('setsid sleep 100000 & echo $! >"$LEDGER.child"; echo URL=a'))
    said = project.run("create", "e1", timeout=40).err
    assert "seed_db: ended 1 process that the hook had left" in said, said
    assert any(action == "executed" and "ended 1 process" in (message or "") for action, step, message in project.audit("e1") if step == "seed_db")
    assert project.entry("e1")["provisionerOutputs"]["db"] == {"URL": "a"}
    child = int((project.dir / "ledger.child").read_text())
    wait_until(lambda: not alive(child), what="the child to be gone")


def sharing(init):
    return {"version": 1, "name": "shop", "provisioner": {"services": {"db": {"outputs": ["URL"], "init": init, "seed": "echo URL=a"}}},
            "services": {"web": {"path": "web"}}}


def test_what_all_environments_share_is_made_without_any(thole):
    project = Project(thole, sharing('echo "init [$THOLE_ENV_NAME] $THOLE_MODE $THOLE_ACTION $THOLE_SERVICE_NAME $(pwd) [$THOLE_WORKTREE_PATH]" >>"$LEDGER"'))
    result = project.run("hook", "db", "init")
    assert f"hook db init {project.dir.name}: core_init_db ✓" in result.err, result
    project.run("hook", "db", "init", "-m", "preview")
    assert project.ledger_path.read_text().splitlines() == [f"init [] {mode} init db {project.dir} []" for mode in ("local", "preview")]
    assert project.run("list", "--json").json() == []
    assert [(left["kind"], left["name"]) for left in project.run("gc", "--dry-run", "--json").json()] == [("directory", "shared")]
    assert "has no environment" in project.run("hook", "db", "init", "nope", code=2).err
    project.run("create", "e1")
    project.forget()
    project.run("hook", "db", "init", "e1")
    tree = project.tree("e1")
    project.run("hook", "db", "init", cwd=tree)
    assert project.ledger_path.read_text().splitlines() == [f"init [e1] local init db {project.dir} [{tree}]"] * 2
    assert "--mode is for an init of none" in project.run("hook", "db", "init", "e1", "-m", "preview", code=2).err
    assert "the working directory is in no environment" in project.run("hook", "db", "seed", code=2).err


def test_an_init_that_fails_is_said_and_one_there_is_not_is_named(thole):
    project = Project(thole, sharing("echo nothing works >&2; exit 3"))
    result = project.run("hook", "db", "init", code=1)
    assert "core_init_db | nothing works" in result.err and f"hook db init {project.dir.name} failed" in result.err and "exit code 3" in result.err, result
    assert "unknown provisioner service 'cache'" in project.run("hook", "cache", "init", code=2).err
    project.configure(printing("echo URL=a"))
    assert "provisioner service 'db' has no init hook" in project.run("hook", "db", "init", code=2).err


def test_an_init_outlives_the_server_and_who_asks_again_looks_on(thole):
    project = Project(thole, sharing('echo in >>"$LEDGER"; until test -e go; do sleep 0.02; done; echo out >>"$LEDGER"'))
    live = project.popen("hook", "db", "init")
    wait_until(lambda: project.ledger_path.exists(), what="the hook to begin")
    thole.kill(thole.server_pid())
    again = project.popen("hook", "db", "init", "--json")
    again.wait_for(r'"status":"streaming"')
    (project.dir / "go").touch()
    assert live.wait() == again.wait() == 0, (live, again)
    assert project.ledger_path.read_text() == "in\nout\n"


def test_of_a_hook_that_leaves_nothing_nothing_is_said(thole):
    project = Project(thole, printing("echo URL=a"))
    assert "had left" not in project.run("create", "e1").err


BRANCHES = ["x;touch${IFS}pwned", "$(touch_pwned)", "-n", "a'b", 'a"b', "a&b|c", "ünïcode/zweig", "a%s%n", "\u202ea", "--force", "HEAD~", "a`b`"]


@pytest.mark.parametrize("branch", BRANCHES)
def test_branches_that_shells_would_run(thole, branch):
    """Taken as they are where git takes them; else refused, and nothing is there."""
    project = Project(thole)
    legal = subprocess.run(["git", "check-ref-format", "--branch", branch], cwd=project.dir, env=project.git.env, capture_output=True).returncode == 0
    result = project.run("create", "e1", f"--branch={branch}", code=None)
    assert not list(project.dir.glob("*pwned*")) and not list(thole.state.rglob("pwned")), result
    assert not result.code or legal or branch == "HEAD~" or not project.git.worktrees(), result
    if result.code:
        assert len(result.err.strip().splitlines()[-2:]) and branch.lstrip("-")[:1] in result.err, result
        assert not project.git.worktrees() and project.git.branches() == {"main"}, result
    else:
        assert legal and project.git.at(project.tree("e1")).branch == branch
        project.run("delete", "e1")
        project.check_gone_tree("e1")


NAMES = {"../x": False, "a/../b": False, "/a": False, "a/": False, "-x": False, ".": False, "..": False, "a b": False, "x" * 101: False, "x" * 300: False,
         "a;b": False, "$(x)": False, "a'b": False, 'a"; DROP TABLE environment; --': False, "a\nb": False, "\u202ea": False, ".git": False,
         "a.lock": False, "": False, "a//b": False, "~": False, "*": False,
         "feat/my-feature": True, "Feat_X": True, "ünïcode": True, "日本": True, "x" * 100: True, "a.b": True, "a@b": True, "a%s": True, "a=b": True}


def test_names_are_refused_or_safe(thole):
    project = Project(thole, {"version": 1, "name": "shop", "runner": {"after": "true"}, "services": {"web": {"path": "web", "env": {"PORT": "{{self.port}}"}}}})
    before = set(os.listdir(thole.base))
    made = [name for name, good in NAMES.items() if good]
    for name in NAMES:
        result = project.run("create", "--", name, code=None) if name.startswith("-") else project.run("create", name, code=None)
        assert (result.code == 0) == NAMES[name], (name, result)
        if not NAMES[name]:
            assert len(result.err.splitlines()) == 1, result
    assert set(os.listdir(thole.base)) == before
    trees = project.git.worktrees()
    assert {tree["branch"] for tree in trees.values()} == set(made)
    assert all(path.is_relative_to(thole.state / "worktrees") and len(path.relative_to(thole.state / "worktrees").parts) == 2 for path in trees), trees
    assert len({project.entry(name)["ports"]["web"] for name in made}) == len(made)
    for name in made:
        project.run("delete", name)
    assert not project.git.worktrees() and not project.rows("SELECT 1 FROM port_block")


@pytest.mark.root("mounts a small file system")
def test_a_full_disk_is_said_and_what_was_begun_goes_on(thole):
    """The disk of the worktree: git fails, and the same command goes on once there is room."""
    project = Project(thole, config())
    project.git.fill(200, size=10000)
    small = thole.base / "small"
    small.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "none", str(small)], check=True)
    try:
        result = project.run("create", "e1", "--path", small / "e1", code=1)
        assert "create_compute" in result.err, result
        assert project.object("e1")["status"]["failedStep"] == "create_compute"
        subprocess.run(["mount", "-o", "remount,size=40m", str(small)], check=True)
        project.run("create", "e1")
        project.check_created("e1")
        project.run("delete", "e1")
        assert not (small / "e1").exists()
    finally:
        thole.run("server", "stop", "--all", code=None)
        subprocess.run(["umount", "-l", str(small)], check=True)
