# SPDX-License-Identifier: Apache-2.0
"""The repositories that other tests stand on (git_repository.py) are what they say they are."""

import time

import pytest

from git_repository import Repository, path_without


@pytest.fixture
def repository(thole):
    thole.file("README", "a shop\n")
    return Repository.of(thole)


def test_what_lies_there_is_the_first_commit(repository):
    assert (repository.branch, repository.status(), repository.git("show", "HEAD:README")) == ("main", {}, "a shop")
    repository.write({"README": "changed", "new": ""})
    assert repository.status() == {"README": " M", "new": "??"}


def test_branches_and_worktrees(repository, thole):
    commit = repository.branch_with("feat/a;b", {"a": "1"})
    assert (repository.branch, repository.branches()) == ("main", {"main", "feat/a;b"})
    tree = thole.base / "tree"
    repository.git("worktree", "add", "-q", tree, "feat/a;b")
    assert repository.worktrees()[tree]["branch"] == repository.at(tree).branch == "feat/a;b"
    assert repository.at(tree).head == commit and repository.at(tree).common == repository.common
    repository.at(tree).git("checkout", "-q", "--detach")
    assert repository.at(tree).branch is None and repository.worktrees()[tree]["branch"] is None


def test_a_clone_sees_branches_of_its_remote_only(repository, thole):
    bare = Repository.init(thole.base / "origin.git", repository.env, "--bare")
    assert bare.git("rev-parse", "--verify", "-q", "HEAD", code=1) == ""  # unborn
    repository.branch_with("elsewhere", {"x": "1"})
    repository.git("push", "-q", bare.path, "main", "elsewhere")
    clone = bare.clone(thole.base / "clone")
    assert clone.branches() == {"main"} and clone.git("rev-parse", "origin/elsewhere") == repository.git("rev-parse", "elsewhere")
    only = bare.clone(thole.base / "only", "--single-branch")
    assert only.git("rev-parse", "--verify", "-q", "origin/elsewhere", code=1) == ""


def test_submodules_and_hooks(repository, thole):
    library = Repository.init(thole.base / "library", repository.env)
    library.commit({"code": "1"})
    repository.add_submodule(library, "vendor/library")
    repository.hook("post-checkout", f'echo "$1 $2 $3" >> {thole.base}/hooked')
    repository.git("worktree", "add", "-q", thole.base / "tree", "-b", "feat")
    assert (thole.base / "hooked").read_text().split()[1] == repository.head
    assert not (thole.base / "tree/vendor/library/code").exists()
    repository.at(thole.base / "tree").git("submodule", "--quiet", "update", "--init", "--recursive")
    assert (thole.base / "tree/vendor/library/code").read_text() == "1"


def test_ignored_files_stay_behind(repository, thole):
    repository.ignore(".env", "cache/")
    repository.commit({".worktreeinclude": ".env\n"})
    repository.write({".env": "TOKEN=1\n", "cache/x": "1"})
    assert repository.status() == {}
    repository.git("worktree", "add", "-q", thole.base / "tree", "-b", "feat")
    assert not (thole.base / "tree/.env").exists()


def test_large_files_with_and_without_lfs(repository, thole):
    store = Repository.init(thole.base / "origin.git", repository.env, "--bare")
    repository.use_lfs({"big.bin": b"\0" * 5000}, store)
    there = store.clone(thole.base / "there")
    assert (there.path / "big.bin").read_bytes() == b"\0" * 5000 and store.git("show", "main:big.bin").startswith("version https://git-lfs")
    without = {"PATH": path_without(thole.base / "programs", "git-lfs")}
    assert "git-lfs: not found" in there.git("worktree", "add", thole.base / "tree", "-b", "feat", code=128, env=without)
    there.lfs_filter(False)
    assert (store.clone(thole.base / "pointers", env=without).path / "big.bin").read_text().startswith("version https://git-lfs")


def test_5000_files_are_there_at_once(repository):
    began = time.monotonic()
    commit = repository.fill(5000)
    assert time.monotonic() - began < 20
    assert repository.head == commit and repository.status() == {}
    assert len(repository.git("ls-files").splitlines()) == 5001 and (repository.path / "src/d7/f4907.txt").read_text().startswith("file 4907\n")
