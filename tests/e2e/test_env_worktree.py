# SPDX-License-Identifier: Apache-2.0
"""Trees that people have: attached, never removed; repositories of every kind; files that git ignores, brought along."""

import json
import os
import pathlib
import stat

import pytest

import environment_api as environments
from git_repository import Repository

CONFIG = {"version": 1, "name": "shop",
          "runner": {"after": "echo ran >> $LEDGER"},
          "services": {"web": {"path": ".", "port": "auto", "env": {"URL": "http://localhost:{{self.port}}"}}}}


@pytest.fixture
def repository(thole):
    thole.config(CONFIG)
    thole.file(".gitignore", ".env.local\n.thole.json\n")
    return Repository.of(thole)


def show(thole, name):
    return environments.item(thole, name)


# ---- attach

def test_attach_takes_a_tree_and_never_removes_it(thole, repository):
    tree = thole.base / "tree"
    repository.git("worktree", "add", "-q", "-b", "feat/x", tree)
    (tree / "mine.txt").write_text("mine\n")
    thole.run("env", "attach", "--worktree", "../tree", cwd=thole.project)
    shown = show(thole, "tree")
    assert shown["spec"]["branch"] == "feat/x" and shown["spec"]["managed"] is False and shown["spec"]["path"] == str(tree)
    assert shown["status"]["phase"] == "running"
    steps = environments.about(thole, "tree", "entry")["steps"]
    assert {"write_manifest", "generate_env"} <= set(steps) and "create_compute" not in steps
    assert (tree / ".env.local").exists() and json.loads((tree / ".thole.json").read_text())["branch"] == "feat/x"
    assert "already running" in thole.run("env", "attach", "tree", "--worktree", tree, code=None).err
    thole.run("env", "delete", "tree")
    assert (tree / "mine.txt").read_text() == "mine\n" and not (tree / ".env.local").exists() and not (tree / ".thole.json").exists()
    assert repository.at(tree).status() == {"mine.txt": "??"} and "feat/x" in repository.branches()


def test_what_cannot_be_attached_is_said(thole, repository):
    plain, inside, detached = thole.base / "plain", thole.base / "tree" / "sub", thole.base / "detached"
    plain.mkdir()
    repository.git("worktree", "add", "-q", "-b", "x", thole.base / "tree")
    inside.mkdir()
    repository.git("worktree", "add", "-q", "--detach", detached)
    other = repository.clone(thole.base / "other")
    bare = Repository.init(thole.base / "bare", thole.env, "--bare")
    for path, sentence in ((plain, "is no git worktree"), (inside, "is inside of the worktree"), (detached, "has a detached HEAD"),
                           (other.path, "is a worktree of the repository"), (bare.path, "is no git worktree")):
        result = thole.run("env", "attach", "e", "--worktree", path, code=2)
        assert sentence in result.err and len(result.err.splitlines()) == 1, result
    assert "no such file" in thole.run("env", "attach", "e", "--worktree", thole.base / "nowhere", code=None).err
    assert environments.items(thole) == []


def test_one_tree_has_one_environment_and_one_environment_one_tree(thole, repository):
    for name in ("a", "b"):
        repository.git("worktree", "add", "-q", "-b", name, thole.base / name)
    thole.run("env", "attach", "--worktree", thole.base / "a")
    refused = lambda *words: thole.run("env", *words, code=3).err
    assert "is the worktree of environment 'a' already" in refused("attach", "other", "--worktree", thole.base / "a")
    assert f"environment 'a' is attached to {thole.base / 'a'}: `thole env attach a --worktree" in refused("create", "a")
    thole.run("env", "stop", "a")
    assert "environment 'a' is attached to" in refused("attach", "a", "--worktree", thole.base / "b")
    thole.run("env", "attach", "a", "--worktree", thole.base / "a")
    thole.run("env", "create", "own", "--path", thole.base / "own")
    thole.run("env", "stop", "own")
    assert "has a worktree of its own" in refused("attach", "own", "--worktree", thole.base / "b")
    assert "is at" in refused("create", "own", "--path", thole.base / "elsewhere")
    assert "has branch own, not b2" in refused("create", "own", "-b", "b2")
    assert "has mode local, not preview" in refused("create", "own", "-m", "preview")
    assert not (thole.base / "elsewhere").exists()


def test_a_ttl_that_is_given_again_counts_from_now(thole, repository):
    thole.run("env", "create", "a", "--ttl", "1h")
    first = show(thole, "a")["spec"]["expires"]
    thole.run("env", "create", "a")
    assert show(thole, "a")["spec"]["expires"] == first
    thole.run("env", "create", "a", "--ttl", "72h")
    assert show(thole, "a")["spec"]["expires"] > first


def test_what_failed_in_an_attached_tree_is_resumed_by_attach(thole, repository):
    thole.config({**CONFIG, "runner": {"before": "test -e ok"}})
    tree = thole.base / "a tree"
    repository.git("worktree", "add", "-q", "-b", "x", tree)
    assert thole.run("env", "attach", "x", "--worktree", tree, code=1)
    assert show(thole, "x")["status"]["resume"] == f"thole env attach x --worktree '{tree}'"
    (tree / "ok").write_text("")
    thole.run("env", "attach", "x", "--worktree", tree)
    assert show(thole, "x")["status"]["phase"] == "running"


# ---- files that git ignores

@pytest.fixture
def ignoring(thole, repository):
    repository.ignore(".env*", ".thole*.json", "node_modules/", "cache", "*.log", "!.env.shared")
    repository.commit({".worktreeinclude": ".env*\n!.env.production\nlink:node_modules\ncache/keep.txt\n"}, "what goes along")
    repository.write({".env": "A=1\n", "web/.env.test": "B=1\n", ".env.production": "no", "node_modules/x/index.js": "x",
                      "cache/keep.txt": "keep", "cache/other": "no", "a.log": "log", "notes.txt": "not ignored"})
    return repository


def copies(thole, name):
    return environments.about(thole, name, "entry?reveal=true")["steps"].get("copy_files")


def test_ignored_files_that_are_named_come_along(thole, ignoring):
    os.chmod(thole.project / ".env", 0o640)
    os.utime(thole.project / ".env", ns=(10**18, 10**18))
    thole.run("env", "create", "a", "--copy", "a.log")
    tree = environments.tree(thole, "a")
    made = {str(path.relative_to(tree)) for path in tree.rglob("*") if not path.is_dir() and ".git" not in path.parts}
    assert {".env", "web/.env.test", "cache/keep.txt", "a.log"} <= made
    assert not {".env.production", "cache/other", "notes.txt"} & made
    assert (tree / "node_modules").readlink() == thole.project / "node_modules"
    found = (tree / ".env").stat()
    assert (stat.S_IMODE(found.st_mode), found.st_mtime_ns) == (0o640, 10**18)
    assert set(copies(thole, "a")["outputs"]["files"]) == {".env", "web/.env.test", "cache/keep.txt", "node_modules", "a.log"}
    thole.run("env", "delete", "a")
    assert not tree.exists() and (thole.project / "node_modules/x/index.js").exists()


def test_what_people_changed_is_not_overwritten_and_no_loss(thole, ignoring):
    thole.run("env", "create", "a", "--copy", "notes.txt")
    tree = environments.tree(thole, "a")
    (tree / ".env").write_text("mine\n")
    thole.run("env", "create", "a")
    assert copies(thole, "a")["outputs"]["asked"] == ["notes.txt"]
    thole.run("env", "create", "a", "--from", "copy_files")
    assert (tree / ".env").read_text() == "mine\n"
    (tree / "notes.txt").write_text("changed")
    refused = thole.run("env", "delete", "a", code=3)
    assert "notes.txt" in refused.err and "node_modules" not in refused.err
    (tree / "notes.txt").unlink()
    thole.run("env", "create", "a", "--from", "copy_files")
    assert (tree / "notes.txt").read_text() == "not ignored"
    thole.run("env", "delete", "a")
    assert not tree.exists()


def test_nothing_is_written_beside_the_tree(thole, ignoring):
    outside = thole.base / "outside"
    outside.mkdir()
    ignoring.git("rm", "-rq", "--cached", "--ignore-unmatch", "web")
    ignoring.git("checkout", "-q", "-b", "evil")
    (thole.project / "web").rename(thole.base / "kept")
    (thole.project / "web").symlink_to(outside)
    ignoring.git("add", "web")
    ignoring.git("commit", "-qm", "a link that leads out")
    ignoring.git("checkout", "-q", "main")
    (thole.base / "kept").rename(thole.project / "web")
    assert "leads out of" in thole.run("env", "create", "a", "-b", "evil", code=None).err
    assert os.listdir(outside) == []


def test_files_that_are_named_may_be_links(thole, ignoring):
    thole.file("web/cache/big", "big\n")
    (thole.project / "web/own").symlink_to("cache/big")
    thole.run("env", "create", "a", "--copy", "link:cache", "--copy", "link:../notes.txt", "--copy", "own", cwd=thole.project / "web")
    tree = environments.tree(thole, "a")
    assert (tree / "web/cache").readlink() == thole.project / "web/cache" and (tree / "notes.txt").readlink() == thole.project / "notes.txt"
    assert (tree / "web/own").is_symlink() and (tree / "web/own").read_text() == "big\n"
    assert copies(thole, "a")["outputs"]["asked"] == ["link:web/cache", "link:notes.txt", "web/own"]
    assert "not below" in thole.run("env", "create", "b", "--copy", "link:../..", cwd=thole.project / "web", code=2).err
    thole.run("env", "delete", "a")
    assert (thole.project / "web/cache/big").exists()


def test_what_is_named_at_the_top_of_the_repository_comes_along_too(thole):
    part = thole.project / "apps" / "shop"
    part.mkdir(parents=True)
    thole.config(CONFIG, part)
    thole.file(".worktreeinclude", ".env*\nlink:cache\n")
    thole.file("apps/shop/.worktreeinclude", "/own.log\n")
    thole.file(".gitignore", ".env*\n*.log\ncache/\n.thole.json\n")
    Repository.of(thole)
    for name in (".env", "apps/shop/.env.test", "cache/x", "apps/shop/own.log", "apps/other.log", "apps/shop/asked.log", "own.log"):
        thole.file(name, f"{name}\n")
    thole.file("apps/shop/notes.txt", "not ignored\n")
    thole.run("env", "create", "a", "--copy", "asked.log", "--copy", "notes.txt", cwd=part)
    tree = environments.tree(thole, "a")
    assert {name for name in (".env", "apps/shop/.env.test", "apps/shop/own.log", "apps/shop/asked.log") if (tree / name).read_text() == f"{name}\n"}
    assert (tree / "cache").readlink() == thole.project / "cache"
    assert not (tree / "apps/other.log").exists() and not (tree / "own.log").exists()
    assert set(copies(thole, "a")["outputs"]["files"]) == {
        ".env", "cache", *(f"apps/shop/{name}" for name in (".env.test", "own.log", "asked.log", "notes.txt"))}
    thole.run("env", "delete", "a", cwd=part)
    assert not tree.exists()


def test_what_a_killed_copy_has_left_is_nobodys_work(thole, ignoring):
    thole.run("env", "create", "a", "--copy", "notes.txt")
    tree = environments.tree(thole, "a")
    (tree / ".thole-00000000000000aa~").write_text("half")
    (tree / ".env").unlink()
    thole.run("env", "create", "a", "--from", "copy_files")
    assert (tree / ".env").read_text() == "A=1\n" and not (tree / ".thole-00000000000000aa~").exists()
    (tree / "web" / ".thole-00000000000000ab~").write_text("half")
    thole.run("env", "delete", "a")
    assert not tree.exists()


def test_without_anything_to_copy_there_is_no_such_step(thole, repository):
    thole.run("env", "create", "a")
    assert copies(thole, "a") is None
    assert "no such file" in thole.run("env", "create", "b", "--copy", "nothing", code=None).err
    tree = thole.base / "tree"
    repository.git("worktree", "add", "-q", "-b", "x", tree)
    repository.write({".env.local": "x", ".worktreeinclude": ".env*\n", "own.txt": "own"})
    thole.run("env", "attach", "t", "--worktree", tree, "--copy", "own.txt")
    assert copies(thole, "t")["outputs"]["files"] == ["own.txt"] and (tree / "own.txt").read_text() == "own"
    thole.run("env", "delete", "t")
    assert (tree / "own.txt").exists()
