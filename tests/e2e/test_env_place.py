# SPDX-License-Identifier: Apache-2.0
"""Where an environment is: how the place is said, what is refused before anything is made, and what its worktree says of itself later."""

import os
import pathlib

import pytest

from env_shop import Shop
from git_repository import Repository

CONFIG = {"version": 1, "name": "shop", "services": {"web": {"command": "exec sleep 1000", "port": "auto"}}}


@pytest.fixture
def shop(thole):
    return Shop(thole, CONFIG)


def sessions(thole):
    return thole.run("server", "status", "--json").json()["sessions"]


@pytest.mark.parametrize("said", ["../beside", "./inside", "inside//deep/../here", "link/behind", "../not/yet/../there"])
def test_a_path_is_one_however_it_is_said(thole, shop, said):
    (thole.project / "link").symlink_to(thole.base / "elsewhere")
    (thole.base / "elsewhere").mkdir()
    real = pathlib.Path(os.path.normpath(thole.project / said))
    if said.startswith("link"):
        real = thole.base / "elsewhere" / "behind"
    thole.run("env", "create", "feat-x", "--path", said)
    found = shop.object()
    assert found["spec"]["path"] == str(real) and found["status"]["phase"] == "running"
    thole.run("env", "create", "feat-x", "--path", real)  # the same place: nothing to be done
    thole.run("env", "delete", "feat-x")
    assert not real.exists() and not sessions(thole)


REFUSED = {
    "no such base": (["--base", "nope"], 2, "there is no commit, branch or tag nope"),
    "no name of a branch": (["-b", "a b"], 2, "'a b' is no name that git allows"),
    "a branch that is checked out": (["-b", "main"], 3, "branch main is checked out at"),
    "the project itself": (["--path", "."], 3, "is a worktree of the project already"),
    "a directory of somebody": (["--path", "../mine"], 3, "is there already and is no worktree"),
    "nowhere": (["--path", "/proc/foo"], 2, "no worktree can be made at /proc/foo (--path): No such file or directory"),
    "below a file": (["--path", "thole.yaml/x/y"], 2, "(--path): Not a directory"),
    "a tree of somebody": (["-b", "tree", "--path", "../tree"], 3, "env attach feat-x --worktree"),
}


@pytest.mark.parametrize("words, code, sentence", REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_made_is_refused_before_anything_is_written(thole, shop, words, code, sentence):
    thole.file("../mine/README", "mine\n")
    shop.repository.git("worktree", "add", "-q", "-b", "tree", "../tree")
    before = shop.everything(), shop.repository.git("branch", "--list")
    for dry in ([], ["--dry-run"]):
        done = thole.run("env", "create", "feat-x", *words, *dry, code=code)
        assert sentence in done.err, done
    assert (shop.everything(), shop.repository.git("branch", "--list")) == before
    assert not shop.objects() and thole.run("env", "create", "feat-x").code == 0  # with other words, at once


@pytest.mark.parametrize("words, sentence", [(["-b", "other"], "has branch feat-x, not other"), (["--path", "../other"], ", not at "), (["-m", "preview"], "has mode local, not preview")])
def test_a_dry_run_refuses_what_the_environment_is_not(thole, shop, words, sentence):
    shop.create()
    for dry in ([], ["--dry-run"]):
        assert sentence in thole.run("env", "create", "feat-x", *words, *dry, code=3).err


def test_a_directory_of_another_project_stays_its_own(thole, shop):
    other = thole.file("../other/thole.yaml", '{"version": 1, "name": "other", "services": {"a": {"command": "exec sleep 1000"}}}').parent
    Repository.init(other, thole.env)
    thole.run("env", "create", "feat-x", "--path", other, code=3)
    thole.run("env", "create", "feat-x", "--path", "../mine")
    assert "feat-x" not in thole.run("env", "list", cwd=other).out
    thole.run("env", "show", cwd=other, code=2)


def test_an_environment_is_of_the_branch_that_its_tree_is_on(thole, shop):
    shop.create()
    tree = shop.worktree()
    Repository(tree, thole.env).git("switch", "-q", "-c", "fix/y")
    thole.run("env", "create", "feat-x")
    assert shop.object()["spec"]["branch"] == "fix/y" and "THOLE_BRANCH=fix/y" in thole.run("env", "env", "feat-x").lines
    assert "fix/y, was feat-x" in thole.run("env", "steps", "feat-x", "--audit").out
    Repository(tree, thole.env).git("switch", "-q", "--detach")
    thole.run("env", "create", "feat-x")
    assert shop.object()["spec"]["branch"] == "fix/y"


def test_of_a_project_below_the_root_it_is_the_directory_of_the_project(thole):
    below = thole.file("svc/thole.yaml", '{"version": 1, "name": "svc", "services": {"s": {"command": "exec sleep 1000", "port": "auto"}}}').parent
    thole.file(".gitignore", ".env.local\n.thole.json\n.thole/\n")
    Repository.of(thole)
    made = thole.run("env", "create", "feat-x", cwd=below)
    where = made.lines[-1].removeprefix("cd ")
    assert where.endswith("/feat-x/svc") and thole.run("env", "exec", "feat-x", "--", "pwd", cwd=below).out.strip() == where
    assert "s:serve" in thole.run("ps", cwd=where).out


def test_a_branch_that_an_environment_is_on_is_told_with_its_name(thole, shop):
    shop.create("pr1")
    tree = shop.worktree("pr1")
    refused = thole.run("env", "create", "other", "-b", "pr1", code=3).err
    assert f"branch pr1 is checked out in environment 'pr1', at {tree}" in refused and "attach" not in refused, refused
    shop.repository.at(tree).git("switch", "-q", "-c", "elsewhere")
    shop.create("other", "-b", "pr1")
