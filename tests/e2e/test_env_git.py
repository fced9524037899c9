# SPDX-License-Identifier: Apache-2.0
"""Worktrees of environments in repositories as people have them: branches here, there and nowhere, submodules, hooks, LFS."""

import pathlib
import shutil

import pytest

import environment_api as environments
from driver import wait_until
from env_shop import Shop
from git_repository import Repository, path_without

CONFIG = {"version": 1, "name": "shop", "services": {"web": {"command": "exec sleep 1000", "port": "auto", "env": {"PORT": "{{self.port}}"}}}}


@pytest.fixture
def shop(thole):
    thole.config(CONFIG)
    thole.repository = Repository.of(thole)
    thole.repository.ignore(".env.local", ".thole.json", ".thole/", ".env", "cache/")
    return thole


def tree(thole, name="feat-x"):
    """Its worktree, as a Repository."""
    return thole.repository.at(environments.tree(thole, name))


def create(thole, name="feat-x", *options, **more):
    thole.run("env", "create", name, *options, **more)
    return tree(thole, name)


def refused(thole, *words, **more):
    said = thole.run("env", "create", *words, code=None, **more)
    assert said.code != 0, said
    return said.err


def test_a_new_branch_begins_at_head_or_at_base(shop):
    head = shop.repository.head
    other = shop.repository.branch_with("other", {"a": "1"})
    made = create(shop)
    assert (made.branch, made.head) == ("feat-x", head)
    made = create(shop, "feat-y", "-b", "work/y", "--base", "other")
    assert (made.branch, made.head) == ("work/y", other)
    assert "environment 'feat-x' is there, and was made without --base" in refused(shop, "feat-x", "--base", "other")
    assert "nothing-of-it" in refused(shop, "feat-z", "--base", "nothing-of-it")
    assert shop.repository.branches() == {"main", "other", "feat-x", "work/y"}


def test_a_branch_that_is_there_is_checked_out(shop):
    commit = shop.repository.branch_with("feat-x", {"a": "1"})
    assert create(shop).head == commit


def test_a_branch_of_the_remote_is_followed(shop):
    bare = Repository.init(shop.base / "origin.git", shop.repository.env, "--bare")
    commit = shop.repository.branch_with("elsewhere", {"x": "1"})
    shop.repository.git("push", "-q", bare.path, "main", "elsewhere")
    shutil.rmtree(shop.project)
    shop.repository = bare.clone(shop.project)
    made = create(shop, "feat-x", "-b", "elsewhere")
    assert (made.head, made.branch) == (commit, "elsewhere")
    assert made.git("rev-parse", "--abbrev-ref", "@{upstream}") == "origin/elsewhere"


def test_a_branch_that_is_checked_out_elsewhere_is_refused(shop):
    elsewhere = shop.base / "elsewhere"
    shop.repository.git("worktree", "add", "-q", elsewhere, "-b", "feat-x")
    assert str(elsewhere) in refused(shop, "feat-x")
    assert "main" in refused(shop, "feat-y", "-b", "main")
    assert set(shop.repository.worktrees()) == {elsewhere}


@pytest.mark.parametrize("branch", ["x;touch${IFS}pwned", "feat/$(touch pwned)", "-b", "--force", "@", "a'b", "ü/ö", "x`touch pwned`", "a&b|c"])
def test_names_of_branches_never_reach_a_shell(shop, branch):
    if branch.startswith("-") or branch == "@" or " " in branch:
        assert repr(branch)[1:-1] in refused(shop, "feat-x", f"--branch={branch}")
        assert shop.repository.worktrees() == {}
    else:
        assert create(shop, "feat-x", f"--branch={branch}").branch == branch
    assert not list(shop.base.rglob("pwned")) and shop.repository.status() == {}


def test_a_detached_head_is_a_beginning_too(shop):
    shop.repository.git("checkout", "-q", "--detach")
    made = create(shop)
    assert (made.branch, made.head) == ("feat-x", shop.repository.head)


def test_where_there_is_nothing_to_copy_it_is_said(shop):
    shutil.rmtree(shop.project / ".git")
    assert "git" in refused(shop, "feat-x")
    shop.repository.git("init", "-q")
    assert "commit" in refused(shop, "feat-x")  # unborn
    assert {item["status"]["phase"] for item in environments.items(shop)} <= {"error"}


def test_submodules_come_along(shop):
    inner = Repository.init(shop.base / "inner", shop.repository.env)
    inner.commit({"inner.txt": "inner"})
    library = Repository.init(shop.base / "library", shop.repository.env)
    library.add_submodule(inner, "inner")
    shop.repository.add_submodule(library, "vendor/library")
    made = create(shop)
    assert (made.path / "vendor/library/inner/inner.txt").read_text() == "inner"
    shop.run("env", "delete", "feat-x")
    assert not made.path.exists() and shop.repository.worktrees() == {}


def test_a_submodule_that_cannot_be_had_is_named_with_the_reason(shop):
    library = Repository.init(shop.base / "library", shop.repository.env)
    library.commit({"library.txt": "library"})
    shop.repository.add_submodule(library, "vendor/library")
    shutil.rmtree(shop.project / ".git/modules")
    library.path.rename(shop.base / "moved")
    why = f"fatal: repository '{library.path}' does not exist; Failed to clone 'vendor/library'"
    assert f"exit code 1: {why}" in refused(shop, "feat-x")
    assert why in shop.run("env", "show", "feat-x").out and why in environments.item(shop, "feat-x")["status"]["error"]
    (shop.base / "moved").rename(library.path)
    made = create(shop)
    assert (made.path / "vendor/library/library.txt").exists()


def test_a_hook_of_git_that_makes_an_environment_has_its_commit_for_itself(shop):
    """What git tells its hooks of index and repository is not told to those of the environment, nor to what `exec` runs."""
    shop.config({**CONFIG, "runner": {"before": "echo z >z.txt; git add z.txt"}})
    shop.repository.git("add", "-A")
    shop.repository.hook("pre-commit", f"cd {shop.project} && {shop.bin}/thole env create feat-x && "
                                       f"{shop.bin}/thole env exec feat-x -- sh -c 'echo y >y.txt; git add y.txt'")
    shop.repository.git("commit", "-q", "-m", "a change", env=shop.env)
    assert shop.repository.git("show", "--format=", "--name-only", "HEAD").split() == ["thole.yaml"]
    assert tree(shop).git("diff", "--cached", "--name-only").split() == ["y.txt", "z.txt"]


def test_hooks_of_git_run_and_may_fail(shop):
    """As after `git worktree add` all is there; what is not as the hook would have it people hear."""
    library = Repository.init(shop.base / "library", shop.repository.env)
    library.commit({"library.txt": "library"})
    shop.repository.add_submodule(library, "vendor/library")
    shop.repository.hook("post-checkout", f'echo "$3" >>{shop.base}/hooked')
    create(shop)
    assert (shop.base / "hooked").read_text() == "1\n"
    shop.repository.hook("post-checkout", "echo the hook says no >&2; exit 3")
    said = shop.run("env", "create", "feat-y")
    assert "the post-checkout hook of the repository has failed: the hook says no" in said.out + said.err, said
    assert (tree(shop, "feat-y").path / "vendor/library/library.txt").read_text() == "library"
    assert environments.item(shop, "feat-y")["status"]["phase"] == "running"


def test_what_git_does_is_logged_without_its_progress(shop):
    shop.repository.fill(500)
    create(shop, env={"GIT_PROGRESS_DELAY": "0"})
    said = shop.run("env", "logs", "feat-x", "create_compute").out
    assert "\r" not in said and "Updating files" not in said and "%" not in said


def test_large_files_need_lfs(shop):
    store = Repository.init(shop.base / "origin.git", shop.repository.env, "--bare")
    shop.repository.use_lfs({"big.bin": b"\0" * 5000}, store)
    made = create(shop)
    assert (made.path / "big.bin").read_bytes() == b"\0" * 5000
    path = path_without(shop.base / "programs", "git-lfs")
    assert "git-lfs" in refused(shop, "feat-y", env={"PATH": path}) + shop.run("env", "logs", "feat-y", "create_compute", code=None).out


def test_a_worktree_that_was_removed_by_hand_heals(shop):
    made = create(shop)
    commit = made.commit({"a": "1"})
    shutil.rmtree(made.path)
    assert create(shop).path == made.path and made.head == commit and (made.path / ".thole.json").exists()
    shutil.rmtree(made.path)
    shop.run("env", "delete", "feat-x")
    assert shop.repository.worktrees() == {} and "feat-x" in shop.repository.branches()


def test_commits_that_no_branch_has_are_not_lost(shop):
    made = create(shop)
    made.git("checkout", "-q", "--detach")
    made.commit({"idea": "1"})
    said = shop.run("env", "delete", "feat-x", code=None)
    assert said.code != 0 and "commit" in said.err and "--force" in said.err and (made.path / "idea").exists()
    shop.run("env", "delete", "feat-x", "--force")
    assert not made.path.exists()


def test_a_project_may_be_a_part_of_its_repository(thole):
    part = thole.project / "services" / "shop"
    part.mkdir(parents=True)
    thole.config(CONFIG, part)
    thole.repository = Repository.of(thole)
    thole.run("env", "create", "feat-x", cwd=part)
    root = pathlib.Path(tree(thole).git("rev-parse", "--show-toplevel"))
    assert {(root / "services/shop" / name).exists() for name in (".env.local", ".thole.json")} == {True}
    thole.run("env", "delete", "feat-x", "--force", cwd=part)


def test_a_bare_repository_is_asked_from_one_of_its_worktrees(thole):
    thole.config(CONFIG)
    whole = Repository.of(thole)
    bare = Repository.init(thole.base / "bare.git", thole.env, "--bare")
    whole.git("push", "-q", bare.path, "main")
    bare.git("worktree", "add", "-q", thole.base / "first", "main")
    thole.repository = bare.at(thole.base / "first")
    thole.run("env", "create", "feat-x", cwd=thole.base / "first")
    assert (tree(thole).branch, tree(thole).head) == ("feat-x", whole.head)
    (bare.path / "thole.yaml").write_text((thole.project / "thole.yaml").read_text())
    said = thole.run("env", "create", "feat-y", cwd=bare.path, code=None)
    assert said.code != 0 and "is a bare repository, which has no files: ask from one of its worktrees" in said.err


def test_a_clone_of_a_single_branch_knows_no_other_base(shop):
    commit = shop.repository.branch_with("release", {"a": "1"})
    bare = Repository.init(shop.base / "origin.git", shop.repository.env, "--bare")
    shop.repository.git("push", "-q", bare.path, "main", "release")
    shutil.rmtree(shop.project)
    shop.repository = bare.clone(shop.project, "--single-branch", "--branch", "main")
    assert "there is no commit, branch or tag release in" in refused(shop, "feat-x", "--base", "release")
    shop.repository.git("fetch", "-q", "origin", "release:refs/remotes/origin/release")
    assert create(shop, "feat-x", "--base", "release").head == commit


GIT = """#!/bin/sh
case " $* " in *" worktree add "*) ;; *) exec {git} "$@" ;; esac
echo begin >>{dir}/turns
until [ -e {dir}/go ]; do sleep 0.02; done
{git} "$@"
code=$?
echo end >>{dir}/turns
exit $code
"""


def test_worktrees_of_one_repository_are_made_one_after_the_other(thole):
    """git gives up where it meets what another git is just making."""
    programs = thole.base / "programs"
    git = shutil.which("git")
    thole.env["PATH"] = path_without(programs, "git")
    (programs / "git").write_text(GIT.format(git=git, dir=programs))
    (programs / "git").chmod(0o755)
    turns = programs / "turns"
    project = Shop(thole, {"version": 1, "name": "shop", "services": {"web": {"command": "exec sleep 1000"}}})
    first = thole.popen("env", "create", "feat-x")
    wait_until(turns.exists, what="the first git to begin")
    second = thole.popen("env", "create", "feat-y")
    wait_until(lambda: thole.named("flock") or len(turns.read_text().split()) > 1, what="the second to come to git")
    (programs / "go").touch()
    assert first.wait() == 0 and second.wait() == 0, (first, second)
    assert turns.read_text().split() == ["begin", "end"] * 2
    assert set(project.objects()) == {"feat-x", "feat-y"}
