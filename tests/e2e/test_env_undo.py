# SPDX-License-Identifier: Apache-2.0
"""To delete an environment: nothing that matters is lost, nothing that could not be undone is forgotten."""

import json
import shutil
import signal
import subprocess
import textwrap

import pytest

import environment_api as environments
from driver import wait_until
from git_repository import Repository


def project(thole, text):
    (thole.project / "thole.yaml").write_text(textwrap.dedent(text))
    return Repository.of(thole)


def steps(said):
    """Names of the steps that were done, as plain lines tell it."""
    words = [line.split() for line in said.err.splitlines()]
    return [w[2] for w in words if w[:1] == ["delete"] and len(w) > 3 and w[3] == "✓"]


def create(thole, name="feat-x"):
    thole.run("env", "create", name)
    return environments.tree(thole, name)


HOOKED = """\
    version: 1
    name: shop
    services:
      web: {path: ., env: {A: b}}
    provisioner:
      services:
        db:
          outputs: [URL]
          seed: echo URL=x
          destroy: test -e may-go && echo gone >> ledger
        mail:
          outputs: [BOX]
          seed: echo BOX=y
          destroy: echo mail >> ledger
    """


def test_work_that_would_be_lost_keeps_all_as_it_was(thole):
    project(thole, HOOKED)
    tree = create(thole)
    (tree / "work.txt").write_text("an hour of it")
    refused = thole.run("env", "delete", "feat-x", code=None)
    assert refused.code != 0
    assert "1 untracked file (work.txt), which would be lost" in refused.err and "--force" in refused.err
    assert not (thole.project / "ledger").exists(), "no hook has run"
    assert environments.phase(thole, "feat-x") == "running"
    (tree / "work.txt").unlink()
    (thole.project / "may-go").touch()
    thole.run("env", "delete", "feat-x")
    assert not tree.exists()


def test_a_delete_that_is_refused_names_nothing_that_goes_on_with_it(thole):
    """What would go on is the create that failed before: nobody asked for that."""
    project(thole, "version: 1\nname: shop\nrunner: {deploy: test -e good}\nservices: {web: {path: ., env: {A: b}}}\n")
    assert "`thole env create feat-x` goes on with it" in thole.run("env", "create", "feat-x", code=1).err
    (environments.tree(thole, "feat-x") / "work.txt").write_text("an hour of it")
    refused = thole.run("env", "delete", "feat-x", code=None).err
    assert "which would be lost" in refused and "goes on" not in refused, refused
    assert "thole env create feat-x" in thole.run("env", "show", "feat-x").out
    thole.run("env", "delete", "feat-x", "--force")


PLAIN = "version: 1\nname: shop\nservices: {web: {command: exec sleep 1000}}\n"


@pytest.mark.root("mounts a directory")
def test_what_is_mounted_in_a_worktree_is_never_emptied(thole):
    project(thole, PLAIN)
    thole.file(".gitignore", "data/\n")
    Repository(thole.project, thole.env).commit({}, "what is ignored")
    tree, theirs = create(thole), thole.base / "theirs"
    (theirs / "deep").mkdir(parents=True)
    (theirs / "deep/p").write_text("precious")
    (tree / "data").mkdir()
    subprocess.run(["mount", "--bind", theirs, tree / "data"], check=True)
    try:
        for words in ([], ["--force"]):
            refused = thole.run("env", "delete", "feat-x", *words, code=3).err
            assert f"something is mounted in the worktree {tree} (data), which would be emptied" in refused, refused
        assert environments.phase(thole, "feat-x") == "running"
    finally:
        subprocess.run(["umount", tree / "data"], check=True)
    thole.run("env", "delete", "feat-x")
    assert not tree.exists() and (theirs / "deep/p").read_text() == "precious"


def test_an_environment_of_another_project_that_lies_in_it_is_kept(thole):
    project(thole, PLAIN)
    thole.file(".gitignore", "inner/\n")
    Repository(thole.project, thole.env).commit({}, "what is ignored")
    tree = create(thole, "outer")
    other = thole.file("../other/thole.yaml", PLAIN).parent
    Repository.init(other, thole.env)
    thole.run("env", "create", "theirs", "--path", tree / "inner", cwd=other)
    assert "has 1 other worktree in it (inner), which would be lost" in thole.run("env", "delete", "outer", code=3).err
    thole.run("env", "delete", "theirs", cwd=other)
    thole.run("env", "delete", "outer")


def test_a_link_in_the_place_of_a_worktree_is_not_followed(thole):
    project(thole, PLAIN)
    tree = create(thole)
    thole.run("env", "stop", "feat-x")
    elsewhere = tree.rename(thole.base / "elsewhere")
    tree.symlink_to(elsewhere)
    for words in (["create"], ["start"], ["refresh"]):
        assert f"its worktree {tree} is a link by now" in thole.run("env", *words, "feat-x", code=3).err
    thole.run("env", "delete", "feat-x", "--keep-worktree")
    assert elsewhere.exists()


def test_worktrees_that_were_moved_with_a_link_in_their_place_are_followed(thole):
    """As people do whose disk is full."""
    project(thole, PLAIN)
    place = thole.base / "disk"
    for name in ("stopped", "running"):
        thole.run("env", "create", name, "--path", place / name)
    thole.run("env", "stop", "stopped")
    place.rename(thole.base / "larger")
    place.symlink_to(thole.base / "larger")
    thole.run("env", "start", "stopped")
    assert environments.phase(thole, "stopped") == "running" and environments.tree(thole, "stopped") == thole.base / "larger/stopped"
    for words in (["stop"], ["create"]):
        thole.run("env", *words, "running")
    for name in ("stopped", "running"):
        thole.run("env", "delete", name)
    assert list((thole.base / "larger").iterdir()) == [] and thole.run("ps", "-a", "-o", "json").json()["items"] == []


def test_a_hook_that_puts_a_link_there_leads_nobody_elsewhere(thole):
    elsewhere = thole.base / "elsewhere"
    project(thole, f"""\
        version: 1
        name: shop
        services: {{web: {{path: ., env: {{A: b}}, command: sleep 100}}}}
        provisioner: {{services: {{db: {{outputs: [URL], seed: 'rm -rf "$THOLE_WORKTREE_PATH"; ln -s {elsewhere} "$THOLE_WORKTREE_PATH"; echo URL=x'}}}}}}
        """)
    Repository.init(elsewhere, thole.env)
    theirs = {".env.local": "# Generated by thole; do not edit\nTHEIR=own\n", "thole.yaml": "version: 1\nname: other\nservices: {web: {command: sleep 100}}\n"}
    for name, text in theirs.items():
        (elsewhere / name).write_text(text)
    failed = thole.run("env", "create", "feat-x", code=3)
    assert "is a link by now" in failed.err, failed
    assert "is left alone" in thole.run("env", "delete", "feat-x", "--force", code=3).err
    thole.run("env", "delete", "feat-x", "--keep-worktree")
    assert {path.name: path.read_text() for path in elsewhere.iterdir() if path.is_file()} == theirs
    assert thole.run("ps", "-a", "-o", "json", cwd=elsewhere).json()["items"] == []


def test_a_stop_that_failed_is_gone_on_with_by_stop_and_nothing_is_deleted(thole):
    slow = "trap '' TERM; touch up; while :; do sleep 1; done"
    project(thole, f"""\
        version: 1
        name: shop
        services: {{web: {{command: "{slow}", stop: {{grace: 100s}}}}}}
        """)
    tree = create(thole)
    wait_until(lambda: (tree / "up").exists())
    (tree / "up").unlink()
    stopping = thole.popen("env", "stop", "feat-x")
    wait_until(lambda: environments.item(thole, "feat-x")["status"].get("operation", {}).get("kind") == "stop")
    stopping.signal(signal.SIGINT)
    assert stopping.wait() == 130 and "`thole env stop feat-x` goes on with it" in stopping.err, stopping
    assert environments.item(thole, "feat-x")["status"]["phase"] == "error"
    assert "thole env stop feat-x" in thole.run("env", "show", "feat-x").out
    thole.run("env", "gc", "-y")
    assert tree.exists()
    for pid in thole.named("sh"):
        thole.kill(pid)
    thole.run("env", "stop", "feat-x")
    assert environments.phase(thole, "feat-x") == "stopped"


def test_a_git_that_does_not_answer_holds_up_nobody_else_and_ends_with_a_cancel(thole):
    project(thole, "version: 1\nname: shop\nservices: {web: {path: ., env: {A: b}}}\n")
    names = [f"e{number}" for number in range(6)]
    for name in names:
        create(thole, name)
    hangs = thole.file("../bin/git", f"""#!/bin/sh
case " $* " in *' status '*) echo $$ >>{thole.base}/hung; exec sleep 1000;; esac
exec {shutil.which('git')} "$@"
""", 0o755).parent
    deletes = [thole.popen("env", "delete", name, env={"PATH": f"{hangs}:{thole.env['PATH']}"}) for name in names[1:]]
    hung = thole.base / "hung"
    wait_until(lambda: hung.exists() and len(hung.read_text().split()) == len(deletes), what="every git to hang")
    thole.run("env", "create", "e0", timeout=30)
    thole.run("env", "create", "e6", timeout=30)
    for delete in deletes:
        delete.signal(signal.SIGINT)
    for delete in deletes:
        assert delete.wait(20) == 130, delete
    assert environments.phase(thole, "e1") == "running"


def test_what_cannot_be_undone_is_not_forgotten(thole):
    project(thole, HOOKED)
    tree = create(thole)
    failed = thole.run("env", "delete", "feat-x", code=None)
    assert failed.code == 1 and "destroy_core_db" in failed.err
    assert tree.exists(), "it stops at what fails"
    forced = thole.run("env", "delete", "feat-x", "--force", code=None)
    assert forced.code == 1 and "destroy_core_db" in forced.err
    assert not tree.exists(), "by force all else goes"
    assert environments.phase(thole, "feat-x") == "error"
    assert (thole.project / "ledger").read_text() == "mail\n"
    (thole.project / "may-go").touch()
    thole.run("env", "delete", "feat-x")
    assert (thole.project / "ledger").read_text() == "mail\ngone\n", "what was undone is not undone again"
    assert environments.items(thole) == []


def test_what_was_undone_is_not_undone_again_after_a_stop_or_a_create_that_made_nothing(thole):
    project(thole, HOOKED)
    tree = create(thole)
    thole.run("env", "delete", "feat-x", code=1)
    thole.run("env", "stop", "feat-x")
    aside = tree.rename(thole.base / "aside")
    tree.write_text("in its way")
    failed = thole.run("env", "create", "feat-x", code=3)
    assert "is there already and is no worktree" in failed.err and "`thole env delete feat-x` goes on with it" in failed.err, failed
    assert "`thole env create feat-x`" not in failed.err, failed
    tree.unlink()
    aside.rename(tree)
    (thole.project / "may-go").touch()
    thole.run("env", "delete", "feat-x")
    assert (thole.project / "ledger").read_text() == "mail\ngone\n"


def test_what_is_half_deleted_is_not_started(thole):
    project(thole, HOOKED)
    create(thole)
    (thole.project / "may-go").touch()
    git = thole.file("bin/git", '#!/bin/sh\ncase $* in *"worktree remove"*) exit 1;; esac\nexec /usr/bin/git "$@"\n', 0o755)
    thole.run("env", "delete", "feat-x", code=1, env={"PATH": f"{git.parent}:{thole.env['PATH']}"})
    refused = thole.run("env", "start", "feat-x", code=3).err
    assert "its deletion did not come to its end: `thole env delete feat-x` goes on with that" in refused and "env create" not in refused, refused
    thole.run("env", "delete", "feat-x")


def test_what_was_made_anew_is_undone_again(thole):
    project(thole, HOOKED)
    create(thole)
    thole.run("env", "delete", "feat-x", code=1)
    create(thole)
    assert environments.phase(thole, "feat-x") == "running"
    (thole.project / "may-go").touch()
    thole.run("env", "delete", "feat-x")
    assert (thole.project / "ledger").read_text() == "mail\nmail\ngone\n"


def test_it_is_undone_in_reverse(thole):
    project(thole, HOOKED)
    create(thole)
    (thole.project / "may-go").touch()
    assert steps(thole.run("env", "delete", "feat-x")) == ["check_loss", "stop_services", "destroy_core_mail", "destroy_core_db", "destroy_compute", "cleanup_env", "remove_state"]


def test_a_worktree_that_is_gone_keeps_nobody_from_deleting(thole):
    """What is undone where it was is undone where the project is."""
    project(thole, """\
        version: 1
        name: shop
        services: {web: {path: .}}
        runner: {deploy: echo it >> deployed, destroy: pwd >> ledger}
        """)
    shutil.rmtree(create(thole))
    thole.run("env", "delete", "feat-x")
    assert (thole.project / "ledger").read_text() == f"{thole.project}\n"
    assert environments.items(thole) == []


def test_what_sessions_keep_in_a_worktree_is_no_work(thole):
    """As after a disk that was full when they said so to git."""
    project(thole, HOOKED)
    (thole.project / "may-go").touch()
    (create(thole) / ".thole").mkdir()
    (environments.tree(thole, "feat-x") / ".thole/.gitignore").touch()
    thole.run("env", "delete", "feat-x")


def test_a_config_that_is_broken_since_keeps_nobody_from_deleting(thole):
    project(thole, HOOKED)
    tree = create(thole)
    (thole.project / "may-go").touch()
    (thole.project / "thole.yaml").write_text("services: [")
    assert thole.run("env", "create", "feat-x", code=None).code == 2
    thole.run("env", "delete", "feat-x")
    assert (thole.project / "ledger").read_text() == "mail\ngone\n", "its hooks are those of the config that made it"
    assert not tree.exists()


def test_a_hook_has_its_timeout(thole):
    project(thole, """\
        version: 1
        name: shop
        provisioner:
          before: {command: "sleep 1000 & sleep 1000", timeout: 300ms}
        services: {web: {path: .}}
        """)
    failed = thole.run("env", "create", "feat-x", code=None)
    assert failed.code == 1
    assert "it ran for longer than its timeout" in failed.err
    entry = environments.about(thole, "feat-x", "entry")
    assert entry["status"] == "error" and entry["steps"]["provisioner_before"]["status"] == "failed"


def test_people_may_say_what_it_is(thole):
    project(thole, HOOKED)
    create(thole)
    path = environments.path(environments.item(thole, "feat-x")) + "/status"
    assert thole.api(path, "POST", {"status": "stopped"})[0] == 200
    wait_until(lambda: environments.phase(thole, "feat-x") == "stopped")
    before = environments.item(thole, "feat-x")["status"]["operation"]
    for status in ("sleeping", "deleting"):
        code, answer = thole.api(path, "POST", {"status": status})
        assert code == 422 and f'"{status}" is no status' in answer["message"], answer
    assert environments.item(thole, "feat-x")["status"]["operation"] == before and environments.phase(thole, "feat-x") == "stopped"


def test_what_a_hook_writes_is_no_input_of_it(thole):
    project(thole, """\
        version: 1
        name: shop
        provisioner: {before: "echo once >> ledger; cat in.txt >>ledger"}
        services: {web: {path: .}}
        """)
    (thole.project / "in.txt").write_text("1\n")
    create(thole)
    create(thole)
    assert (thole.project / "ledger").read_text() == "once\n1\n"
    (thole.project / "in.txt").write_text("2\n")
    create(thole)
    assert (thole.project / "ledger").read_text() == "once\n1\nonce\n2\n", "but a file that it reads is"


def test_another_machine_is_made_listed_and_destroyed_by_its_hooks(thole):
    project(thole, """\
        version: 1
        name: shop
        provisioner:
          compute:
            create: echo VM_IP=10.0.0.5; echo REMOTE_ROOT=$PWD/there
            destroy: echo "gone $THOLE_VM_IP" >> ledger
            outputs: [VM_IP]
        services: {web: {path: ., env: {A: b}}}
        runner: {deploy: touch deployed}
        """)
    thole.run("env", "create", "feat-x")
    assert environments.phase(thole, "feat-x") == "provisioned"
    assert environments.item(thole, "feat-x")["spec"]["compute"] == "ssh"
    assert not (thole.project / "there").exists() and not (thole.project / "deployed").exists(), "nothing of it is done here"
    refused = thole.run("env", "start", "feat-x", code=None)
    assert refused.code == 3 and "10.0.0.5: to start what runs there comes later" in refused.err
    thole.run("env", "delete", "feat-x")
    assert (thole.project / "ledger").read_text() == "gone 10.0.0.5\n"


def test_what_an_operation_needs_is_asked_for_before_it_begins(thole):
    project(thole, HOOKED)
    create(thole)
    server, path = thole.server_pid(), environments.path(environments.item(thole, "feat-x"))
    for action, body in (("step", {}), ("step", {"step": ""}), ("invalidate", {}), ("hook", {}), ("hook", {"service": "db"}), ("status", {})):
        status, said = thole.api(f"{path}/{action}", "POST", body)
        assert status == 422 and "it is missing" in said["message"], (action, body, said)
    for more in ({"path": "there"}, {"worktree": "here"}, *({"copy": [name]} for name in ("", "/etc/passwd", "../x", "link:../x", ".git")), {"ttl": "3000000h"}):
        spec = {"name": "feat-y", "project": str(thole.project / "thole.yaml"), **more}
        assert thole.api(environments.ALL, "POST", {"spec": spec})[0] == 422, more
    assert thole.server_pid() == server and environments.item(thole, "feat-y") is None


def test_a_script_of_the_worktree_is_an_input_of_its_hooks(thole):
    repository = project(thole, """\
        version: 1
        name: shop
        services: {web: {path: .}}
        runner: {build: sh ./build.sh}
        """)
    repository.commit({"build.sh": f"echo one >> {thole.base}/built\n"})
    tree = create(thole)
    create(thole)
    assert (thole.base / "built").read_text() == "one\n"
    (tree / "build.sh").write_text(f"echo two >> {thole.base}/built\n")
    create(thole)
    assert (thole.base / "built").read_text() == "one\ntwo\n"


def moved(thole, config=HOOKED):
    """An environment whose project is elsewhere since: where it was, and the worktree."""
    project(thole, config)
    tree, before = create(thole), thole.project
    thole.project = before.rename(thole.base / "elsewhere")
    return before, tree


def test_what_a_project_has_left_that_is_gone_can_be_deleted(thole):
    before, tree = moved(thole)
    here = {"cwd": thole.base}
    shown = thole.run("env", "show", "feat-x", **here)
    assert "thole.yaml does not exist" in shown.err and "vet" not in shown.err
    listed = thole.run("env", "list").err
    assert f"{before}/thole.yaml is gone, or was moved, and still has environments: feat-x" in listed, listed
    other = thole.base / "other"  # of another repository: what is gone is nothing to it
    Repository.init(other, thole.env)
    (other / "thole.yaml").write_text("{version: 1, name: other, services: {}}")
    said = thole.run("env", "list", cwd=other).err
    assert "other/thole.yaml has no environment" in said and "feat-x" not in said, said
    assert "still has environments: feat-x" in thole.run("env", "delete", "feat-x", code=2).err
    refused = thole.run("env", "delete", "feat-x", code=3, **here).err
    assert "nobody can say what would be lost" in refused and "worktree repair" in refused and "--force" in refused
    assert tree.exists() and environments.phase(thole, "feat-x") == "running"
    forced = thole.run("env", "delete", "feat-x", "--force", **here)
    assert f"destroy_core_db: it was not run, for {before} is gone" in forced.err, forced
    assert not tree.exists() and environments.items(thole) == []
    assert "still has" not in thole.run("env", "list").err


def test_of_two_projects_that_are_gone_file_says_which_is_meant(thole):
    files = []
    for name in ("one", "two"):
        thole.project = thole.base / name / "shop"
        thole.project.mkdir(parents=True)
        project(thole, "{version: 1, name: shop, services: {web: {command: exec sleep 1000}}}")
        thole.run("env", "create", "twin")
        thole.project.parent.rename(thole.base / f"{name}-moved")
        files.append(str(thole.project / "thole.yaml"))
    thole.project = thole.base
    refused = thole.run("env", "delete", "twin", "--force", code=2).err
    assert "--file says which" in refused and all(file in refused for file in files), refused
    assert "twin" in thole.run("--file", files[0], "env", "show", code=2).err  # names those that there are
    assert thole.run("--file", files[0], "env", "show", "twin").out.startswith("twin")
    thole.run("--file", files[0], "env", "stop", "twin")
    phases = {item["spec"]["project"]: item["status"]["phase"] for item in environments.items(thole)}
    assert phases == {files[0]: "stopped", files[1]: "running"}
    thole.run("--file", "one/shop/thole.yaml", "env", "delete", "twin", "--force")
    assert [item["spec"]["project"] for item in environments.items(thole)] == [files[1]]
    assert "no such file" in thole.run("--file", files[0], "env", "delete", "twin", code=2).err


def test_a_worktree_that_follows_its_moved_repository_is_asked_for_losses(thole):
    before, tree = moved(thole)
    repository = Repository(thole.project, thole.env)
    repository.git("worktree", "repair", tree)
    (tree / "work.txt").write_text("an hour of it")
    here = {"cwd": thole.base}
    assert "1 untracked file (work.txt)" in thole.run("env", "delete", "feat-x", code=3, **here).err
    (tree / "work.txt").unlink()
    refused = thole.run("env", "delete", "feat-x", code=3, **here).err
    assert f"failed in destroy_core_mail: it cannot run, for {before} is gone" in refused and "--force" in refused
    thole.run("env", "delete", "feat-x", "--force", **here)
    assert not tree.exists() and tree not in repository.worktrees()


def test_a_directory_of_somebody_where_the_tree_of_a_lost_project_was_stays(thole):
    _, tree = moved(thole)
    shutil.rmtree(tree)
    tree.mkdir()
    (tree / "mine.txt").write_text("mine")
    here = {"cwd": thole.base}
    failed = thole.run("env", "delete", "feat-x", "--force", code=None, **here).err
    assert "so it is left alone" in failed and (tree / "mine.txt").exists()
    thole.run("env", "delete", "feat-x", "--force", "--keep-worktree", **here)
    assert environments.items(thole) == [] and (tree / "mine.txt").exists()


def without(text, *lines):
    """The config without some of its lines."""
    return "".join(line for line in textwrap.dedent(text).splitlines(True) if not line.strip().startswith(lines))


MAIL_ONLY = without(HOOKED, "db:", "outputs: [URL]", "seed: echo URL", "destroy: test -e")


MACHINE = """\
    version: 1
    name: shop
    provisioner:
      compute:
        create: echo VM_IP=10.0.0.5
        destroy: echo "gone $THOLE_VM_IP" >> ledger
        outputs: [VM_IP]
    services: {web: {path: ., env: {A: b}}}
    """
NO_MACHINE = without(MACHINE, "provisioner:", "compute:", "create:", "destroy:", "outputs:")


def test_what_the_file_names_no_more_is_undone_as_it_said_last(thole):
    project(thole, HOOKED)
    create(thole)
    (thole.project / "may-go").touch()
    (thole.project / "thole.yaml").write_text(NO_MACHINE)
    create(thole)  # which makes the file of today the last one
    create(thole)
    thole.replace_server()
    deleted = thole.run("env", "delete", "feat-x")
    assert steps(deleted)[2:4] == ["destroy_core_mail", "destroy_core_db"], deleted.err
    assert (thole.project / "ledger").read_text() == "mail\ngone\n"


def test_what_was_renamed_is_undone_under_both_names(thole):
    project(thole, HOOKED)
    create(thole)
    (thole.project / "may-go").touch()
    (thole.project / "thole.yaml").write_text(textwrap.dedent(HOOKED).replace("db:", "database:").replace("gone", "database gone"))
    deleted = thole.run("env", "delete", "feat-x")
    assert "destroy_core_db" in steps(deleted) and "destroy_core_database" in steps(deleted), deleted.err
    assert sorted((thole.project / "ledger").read_text().splitlines()) == ["database gone", "gone", "mail"]


def test_what_was_never_made_for_it_is_not_undone(thole):
    """The file has named it for a while, but no seed was run."""
    project(thole, MAIL_ONLY)
    create(thole)
    (thole.project / "thole.yaml").write_text(textwrap.dedent(HOOKED))
    thole.run("env", "stop", "feat-x")
    (thole.project / "thole.yaml").write_text(MAIL_ONLY)
    assert "destroy_core_db" not in steps(thole.run("env", "delete", "feat-x"))


def test_what_nobody_knows_how_to_undo_is_named(thole):
    """As of an entry that was imported."""
    project(thole, HOOKED)
    create(thole)
    exported = thole.run("env", "export").out
    (thole.project / "may-go").touch()
    thole.run("env", "delete", "feat-x", "--keep-worktree")
    (thole.project / "thole.yaml").write_text(MAIL_ONLY)
    (thole.base / "state.json").write_text(exported)
    thole.run("env", "import", thole.base / "state.json")
    refused = thole.run("env", "delete", "feat-x", code=3).err
    assert "thole.yaml no longer says how this is undone: provisioner.services.db; put it back" in refused and "--force" in refused, refused
    forced = thole.run("env", "delete", "feat-x", "--force").err
    assert "nobody knows how it is undone: provisioner.services.db" in forced, forced
    assert environments.items(thole) == []


def test_a_machine_is_not_forgotten_with_the_hook_that_made_it(thole):
    project(thole, MACHINE)
    thole.run("env", "create", "feat-x")
    (thole.project / "thole.yaml").write_text(NO_MACHINE)
    for words in ((), ("--dry-run",)):
        refused = thole.run("env", "create", "feat-x", *words, code=3).err
        assert "is on another machine, 10.0.0.5" in refused and "provisioner.compute.create" in refused, refused
    thole.run("env", "delete", "feat-x")
    assert (thole.project / "ledger").read_text() == "gone 10.0.0.5\n"


def test_a_machine_is_not_forgotten_with_the_hook_that_destroys_it(thole):
    """Also if the file says still how one is made."""
    project(thole, MACHINE)
    thole.run("env", "create", "feat-x")
    (thole.project / "thole.yaml").write_text("".join(line for line in textwrap.dedent(MACHINE).splitlines(True) if "destroy:" not in line))
    thole.run("env", "create", "feat-x")
    thole.run("env", "delete", "feat-x")
    assert (thole.project / "ledger").read_text() == "gone 10.0.0.5\n"


def test_a_machine_that_is_there_is_not_made_a_second_time(thole):
    """The first one would be nobody's: its address is known here alone."""
    project(thole, MACHINE)
    thole.run("env", "create", "feat-x")
    (thole.project / "thole.yaml").write_text(textwrap.dedent(MACHINE).replace("10.0.0.5", "10.0.0.6"))
    for words in (("create", "feat-x"), ("create", "feat-x", "--no-cache"), ("refresh", "feat-x"), ("create", "feat-x", "--from", "allocate_ports")):
        thole.run("env", *words, code=3 if words[0] == "refresh" else 0)
        assert environments.item(thole, "feat-x")["spec"]["host"] == "10.0.0.5", words
    for words in (("create", "feat-x", "--from", "create_compute"), ("create", "feat-x", "--from", "create_compute", "--dry-run"), ("step", "feat-x", "create_compute"), ("invalidate", "feat-x", "create_compute")):
        refused = thole.run("env", *words, code=3).err
        assert "has its machine, 10.0.0.5: delete it first" in refused, refused
    thole.run("env", "delete", "feat-x")
    assert (thole.project / "ledger").read_text() == "gone 10.0.0.5\n"
    thole.run("env", "create", "feat-x")
    assert environments.item(thole, "feat-x")["spec"]["host"] == "10.0.0.6"


def test_a_machine_that_was_named_before_its_hook_failed_is_told_to_it_again(thole):
    project(thole, MACHINE.replace("create: echo VM_IP=10.0.0.5", "create: 'echo told $THOLE_VM_IP >> ledger; echo VM_IP=10.0.0.5; test -e go'"))
    thole.run("env", "create", "feat-x", code=1)
    (thole.project / "go").touch()
    thole.run("env", "create", "feat-x")
    assert (thole.project / "ledger").read_text().splitlines() == ["told", "told 10.0.0.5"]
    refused = thole.run("env", "attach", "feat-x", "--worktree", ".", code=3).err
    assert "is on another machine, 10.0.0.5" in refused, refused


def test_what_is_in_a_worktree_is_not_made_a_machine(thole):
    project(thole, NO_MACHINE)
    tree = create(thole)
    (thole.project / "thole.yaml").write_text(textwrap.dedent(MACHINE))
    refused = thole.run("env", "create", "feat-x", code=3).err
    assert "is in a worktree here" in refused and "delete it first" in refused, refused
    thole.run("env", "refresh", "feat-x")
    assert environments.item(thole, "feat-x")["spec"]["compute"] == "local"
    (thole.project / "thole.yaml").write_text(NO_MACHINE)
    thole.run("env", "delete", "feat-x")
    assert not tree.exists() and not (thole.project / "ledger").exists()


def test_what_people_destroyed_is_made_anew(thole):
    project(thole, HOOKED.replace("seed: echo URL=x", "seed: echo seeded >> seeds; echo URL=x").replace("{A: b}", '{A: "{{provisioner.db.URL}}"}'))
    create(thole)
    (thole.project / "may-go").touch()
    said = thole.run("env", "hook", "db", "destroy", "feat-x").err
    assert "`thole env create feat-x` makes db anew" in said, said
    undone = {step for step, status in recorded(thole).items() if status == "invalidated"}
    assert {"seed_db", "build_manifest", "generate_env"} <= undone and "seed_mail" not in undone, undone
    create(thole)
    assert (thole.project / "seeds").read_text() == "seeded\nseeded\n"


def recorded(thole):
    """{step: status}"""
    entry = json.loads(thole.run("env", "export").out)["environments"]["feat-x"]
    return {step: record["status"] for step, record in entry["steps"].items()}
