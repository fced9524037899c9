# SPDX-License-Identifier: Apache-2.0
"""examples/preview as a person uses it: environments side by side, each with its worktree, database, ports and page."""

import json
import shutil
import stat
import subprocess
import urllib.error
import urllib.request

import pytest

import driver
import environment_api as environments
import postgres as database
from git_repository import Repository
from test_preview_parts import EXAMPLE, TWO


class Preview:
    """The example in a repository of its own."""

    def __init__(self, thole, postgres):
        self.thole, self.postgres = thole, postgres
        shutil.copytree(EXAMPLE, thole.project, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__", ".thole"))
        thole.env.update(postgres.env)
        self.repository = Repository.of(thole)
        thole.file("author", "cox\n")

    def tree(self, name):
        return environments.tree(self.thole, name)

    def port(self, name):
        return environments.ports(self.thole, name)["web"]

    def steps(self, name):
        """{step: its record}"""
        return environments.about(self.thole, name, "entry")["steps"]

    def variables(self, name):
        """What a shell reads from the file that the environment has written for `web`."""
        script = "set -a; . ./.env.local; env -0"
        done = subprocess.run(["env", "-i", "sh", "-c", script], cwd=self.tree(name), capture_output=True, text=True, check=True)
        return dict(item.split("=", 1) for item in done.stdout.split("\0") if item)

    def database(self, name):
        return self.variables(name)["DATABASE_URL"].rpartition("/")[2]

    def fetch(self, name, path="/notes", body=None):
        request = urllib.request.Request(f"http://127.0.0.1:{self.port(name)}{path}", None if body is None else body.encode())
        with urllib.request.urlopen(request, timeout=20) as reply:
            text = reply.read().decode()
        return json.loads(text) if reply.headers["Content-Type"] == "application/json" else text

    def texts(self, name):
        return [note["text"] for note in self.fetch(name)]

    def copies(self):
        """The databases of environments."""
        return {name for name in self.postgres.databases() if name.startswith("preview_") and not name.startswith("preview_template_")}

    def close(self):
        templates = {name for name in self.postgres.databases() if name.startswith("preview_template_")}
        self.postgres.drop(templates)


@pytest.fixture
def preview(thole, postgres):
    made = Preview(thole, postgres)
    yield made
    made.close()


def write(preview, name, text):
    preview.fetch(name, body=json.dumps({"text": text}))


def closed(preview, port):
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5)
    return True


@pytest.mark.deadline(120)
def test_two_environments_side_by_side(preview):
    thole = preview.thole
    for name, *options in (("feat-x",), ("feat-y", "-m", "preview")):
        said = thole.run("env", "create", name, *options, timeout=60)
        assert f"http://localhost:{preview.port(name)}" in said.out + said.err and environments.phase(thole, name) == "running"
        assert preview.repository.at(preview.tree(name)).branch == name and preview.texts(name) == TWO
    assert preview.copies() == {preview.database("feat-x"), preview.database("feat-y")} and len(preview.copies()) == 2
    assert "<h1>Notebook</h1>" in preview.fetch("feat-x", "/") and "<h1>Notebook of feat-y</h1>" in preview.fetch("feat-y", "/")
    assert (preview.variables("feat-x").get("DEBUG"), preview.variables("feat-y").get("DEBUG")) == ("1", None)
    write(preview, "feat-x", "mine")
    write(preview, "feat-y", "another's")
    assert (preview.texts("feat-x"), preview.texts("feat-y")) == ([*TWO, "mine"], [*TWO, "another's"])
    assert database.ask(preview.variables("feat-x")["DATABASE_URL"], "SELECT count(*) FROM notes") == ["3"]

    thole.run("env", "hook", "db", "reset", "feat-x")
    assert (preview.texts("feat-x"), preview.texts("feat-y")) == (TWO, [*TWO, "another's"])

    port, tree = preview.port("feat-x"), preview.tree("feat-x")
    thole.run("env", "delete", "feat-x")
    assert environments.item(thole, "feat-x") is None and not tree.exists() and closed(preview, port)
    assert preview.copies() == {preview.database("feat-y")} and preview.texts("feat-y") == [*TWO, "another's"]
    thole.run("env", "delete", "feat-y")
    assert preview.copies() == set() and preview.repository.worktrees() == {} and preview.repository.status() == {}


def test_in_its_worktree_everything_means_the_environment(preview):
    thole = preview.thole
    thole.run("env", "create", "feat-x")
    tree, port = preview.tree("feat-x"), preview.port("feat-x")
    assert thole.run("env", "show", "--json", cwd=tree).json()["entry"]["name"] == "feat-x"
    assert "web" in thole.run("ps", cwd=tree).out
    write(preview, "feat-x", "mine")
    thole.run("down", cwd=tree)
    assert closed(preview, port)
    thole.run("up", "-d", "--wait", cwd=tree)
    assert preview.port("feat-x") == port and preview.texts("feat-x") == [*TWO, "mine"]
    assert thole.run("env", "exec", "feat-x", "--", "sh", "-c", "pwd; exit 7", code=7).lines == [str(tree)]
    thole.run("env", "delete", "feat-x")


def test_outside_of_an_environment_up_says_what_is_missing(preview):
    said = preview.thole.run("up", "-d", code=2)
    assert "DATABASE_URL" in said.err and "thole env create" in said.err


def test_the_same_again_changes_nothing(preview):
    thole = preview.thole
    thole.run("env", "create", "feat-x")
    before, tree = environments.about(thole, "feat-x", "entry"), preview.tree("feat-x")
    files = {name: (tree / name).read_bytes() for name in (".thole.json", ".env.local")}
    write(preview, "feat-x", "mine")
    thole.run("env", "create", "feat-x")
    again = environments.about(thole, "feat-x", "entry")
    assert {key: again[key] for key in ("ports", "branch", "status", "createdAt")} == {key: before[key] for key in ("ports", "branch", "status", "createdAt")}
    assert {name: (tree / name).read_bytes() for name in files} == files and preview.texts("feat-x") == [*TWO, "mine"]
    (tree / ".env.local").unlink()  # what is lost heals
    thole.run("env", "create", "feat-x")
    assert {name: (tree / name).read_bytes() for name in files} == files
    thole.run("env", "delete", "feat-x")


def test_what_failed_is_named_and_goes_on_from_there(preview):
    thole = preview.thole
    said = thole.run("env", "create", "feat-x", code=1, env={"PGPORT": str(driver.free_port())})
    assert "seed_db" in said.err and "thole env create feat-x" in said.err
    assert (environments.phase(thole, "feat-x"), preview.steps("feat-x")["seed_db"]["status"]) == ("error", "failed")
    assert "Connection refused" in thole.run("env", "logs", "feat-x", "seed_db").out
    made = preview.steps("feat-x")["create_compute"]
    thole.run("env", "create", "feat-x")
    assert preview.steps("feat-x")["create_compute"] == made and preview.texts("feat-x") == TWO
    thole.run("env", "delete", "feat-x")


def test_what_is_not_committed_is_not_lost(preview):
    thole = preview.thole
    thole.run("env", "create", "feat-x")
    tree = preview.tree("feat-x")
    (tree / "idea.txt").write_text("not committed")
    said = thole.run("env", "delete", "feat-x", code=None)
    assert said.code != 0 and "idea.txt" in said.err and "--force" in said.err
    assert (tree / "idea.txt").exists() and preview.texts("feat-x") == TWO
    thole.run("env", "delete", "feat-x", "--force")
    assert not tree.exists() and preview.copies() == set()


def test_the_password_is_in_its_files_alone(preview):
    thole, secret = preview.thole, "stroke%40side"
    said = [thole.run("env", "create", "feat-x")]
    said += [thole.run(*words) for words in (("env", "list"), ("env", "list", "--json"), ("env", "show", "feat-x"), ("env", "show", "feat-x", "--json"),
                                             ("env", "env", "feat-x", "web"), ("env", "logs", "feat-x", "seed_db"), ("env", "steps", "feat-x", "--audit"))]
    assert not [result for result in said if secret in result.out + result.err]
    assert secret in thole.run("env", "env", "feat-x", "web", "--reveal").out
    files = [path for directory in (thole.state, preview.tree("feat-x")) for path in directory.rglob("*")
             if path.is_file() and not path.is_symlink() and secret.encode() in path.read_bytes()]
    assert preview.tree("feat-x") / ".env.local" in files
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}
    thole.run("env", "delete", "feat-x")


def test_a_killed_server_goes_on_with_the_database(preview):
    thole = preview.thole
    creating = thole.popen("env", "create", "feat-x")
    driver.wait_until(lambda: any(name.startswith("preview_") for name in preview.postgres.databases()), 30, "its database")
    thole.kill(thole.server_pid())
    assert creating.wait(60) == 0, creating
    assert environments.phase(thole, "feat-x") == "running" and preview.texts("feat-x") == TWO and len(preview.copies()) == 1
    thole.run("env", "delete", "feat-x")
