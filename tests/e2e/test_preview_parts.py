# SPDX-License-Identifier: Apache-2.0
"""The parts of examples/preview by themselves: the script of its database and its page, against a real PostgreSQL."""

import json
import os
import shutil
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request

import pytest

import driver
import postgres as database

EXAMPLE = driver.SOURCE / "examples" / "preview"
TWO = ["every environment begins with these two notes", "and writes its own below them"]


class Scripts:
    """db.sh as thole runs it, and as people do."""

    def __init__(self, root, postgres):
        self.root, self.postgres = root, postgres
        shutil.copytree(EXAMPLE, root, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__", ".thole"))

    def start(self, action, name="feat-x", sanitized=None, **env):
        said = {"THOLE_ENV_NAME": name, "THOLE_ENVIRONMENT_NAME": sanitized or name.replace("-", "_"), "THOLE_PROJECT_ROOT": str(self.root)}
        return subprocess.Popen(["sh", "-c", f"./db.sh {action}"], cwd=self.root, text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, env={"PATH": os.environ["PATH"], **self.postgres.env, **said, **env})

    def end(self, process, code=0):
        """{output: value}, or of what fails its stderr."""
        out, err = process.communicate(timeout=30)
        assert process.returncode == code, f"exit {process.returncode}: {out}{err}"
        return err if code else dict(line.split("=", 1) for line in out.splitlines())

    def run(self, action, name="feat-x", code=0, **more):
        return self.end(self.start(action, name, **more), code)

    def templates(self):
        return {name for name in self.postgres.databases() if name.startswith("preview_template_")}


def texts(url):
    return database.ask(url, "SELECT text FROM notes ORDER BY id")


@pytest.fixture
def scripts(postgres, tmp_path):
    made = Scripts(tmp_path, postgres)
    yield made
    postgres.drop(made.templates())


def test_each_environment_has_a_copy_of_the_template(scripts):
    one, two = scripts.run("seed"), scripts.run("seed", "feat-y")
    assert set(one) == {"DATABASE_URL", "DATABASE_NAME"} and one["DATABASE_URL"].endswith("/" + one["DATABASE_NAME"])
    assert one["DATABASE_NAME"] != two["DATABASE_NAME"] and len(scripts.templates()) == 1
    database.ask(one["DATABASE_URL"], "INSERT INTO notes (author, text) VALUES ('me', 'mine')")
    assert (texts(one["DATABASE_URL"]), texts(two["DATABASE_URL"])) == ([*TWO, "mine"], TWO)
    assert scripts.run("seed") == one and texts(one["DATABASE_URL"]) == [*TWO, "mine"]
    assert scripts.run("reset") == one and texts(one["DATABASE_URL"]) == TWO
    for name in ("feat-x", "feat-x", "feat-y"):
        assert scripts.run("destroy", name) == {}
    assert {one["DATABASE_NAME"], two["DATABASE_NAME"]}.isdisjoint(scripts.postgres.databases())


def test_names_that_are_nearly_the_same_share_nothing(scripts):
    names = {"feat/a": "feat_a", "feat_a": "feat_a", "FEAT_A": "feat_a", "x" * 99 + "1": "x" * 99 + "1", "x" * 99 + "2": "x" * 99 + "2",
             "';DROP $(x)": "__drop___x_"}
    made = {name: scripts.run("seed", name, sanitized=sanitized)["DATABASE_NAME"] for name, sanitized in names.items()}
    elsewhere = scripts.run("seed", "feat/a", sanitized="feat_a", THOLE_PROJECT_ROOT="/elsewhere")["DATABASE_NAME"]
    assert len({*made.values(), elsewhere}) == 7 and {*made.values(), elsewhere} <= scripts.postgres.databases()
    assert made["feat/a"].startswith("preview_feat_a_")
    scripts.postgres.drop({*made.values(), elsewhere})


def test_a_changed_schema_is_another_template(scripts):
    old = scripts.run("seed", "old")
    with open(scripts.root / "schema.sql", "a") as schema:
        schema.write("ALTER TABLE notes ADD COLUMN likes integer NOT NULL DEFAULT 0;\n")
    new = scripts.run("seed", "new")
    assert database.ask(new["DATABASE_URL"], "SELECT sum(likes) FROM notes") == ["0"] and len(scripts.templates()) == 2
    assert scripts.run("seed", "old") == old and texts(old["DATABASE_URL"]) == TWO
    scripts.postgres.drop({old["DATABASE_NAME"], new["DATABASE_NAME"]})


def test_a_broken_schema_leaves_nothing(scripts):
    before = scripts.postgres.databases()
    (scripts.root / "schema.sql").write_text("CREATE TABLE notes (id integer);\nCREATE TABEL more;\n")
    assert "TABEL" in scripts.run("seed", code=1)
    assert scripts.postgres.databases() == before


def test_many_at_once_make_one_template(scripts):
    running = [scripts.start("seed", f"feat-{i}") for i in range(6)]
    made = {scripts.end(process)["DATABASE_NAME"] for process in running}
    assert len(made) == 6 and len(scripts.templates()) == 1
    scripts.postgres.drop(made)


def test_what_is_missing_is_said(scripts):
    assert "says which environment" in scripts.run("seed", "", sanitized="x", code=2)
    assert "usage: db.sh" in scripts.run("plant", code=2)
    assert "Connection refused" in scripts.run("seed", code=2, PGPORT=str(driver.free_port()))
    assert "password authentication failed" in scripts.run("seed", code=2, PGPASSWORD="wrong")


class Page:
    """web.py as a service has it."""

    def __init__(self, root, url, **env):
        self.port = driver.free_port()
        self.process = subprocess.Popen([sys.executable, "web.py"], cwd=root, stdout=subprocess.PIPE, text=True, stdin=subprocess.DEVNULL,
                                        env={"PATH": os.environ["PATH"], "DATABASE_URL": url, "PORT": str(self.port), **env})
        assert "the notebook is open" in self.process.stdout.readline()

    def fetch(self, path, body=None):
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", None if body is None else body.encode())
        with urllib.request.urlopen(request, timeout=20) as reply:
            text = reply.read().decode()
        return json.loads(text) if reply.headers["Content-Type"] == "application/json" else text

    def close(self):
        self.process.terminate()
        self.process.communicate()


@pytest.fixture
def make_page():
    made = []

    def make(*args, **env):
        made.append(Page(*args, **env))
        return made[-1]
    yield make
    for page in made:
        page.close()


def test_the_page_shows_and_takes_notes(scripts, make_page):
    made = scripts.run("seed")
    (scripts.root / "author").write_text("cox\n")
    page = make_page(scripts.root, made["DATABASE_URL"], TITLE="A <title>")
    assert page.fetch("/health") == {"ok": True}
    rude = "it's <b>'; DROP TABLE notes; -- {x} ü"
    assert [(note["author"], note["text"]) for note in page.fetch("/notes", json.dumps({"text": rude}))][2:] == [("cox", rude)]
    text = page.fetch("/", "text=" + urllib.parse.quote("by a form"))
    assert "A &lt;title&gt;" in text and "&lt;b&gt;" in text and "by a form" in text and made["DATABASE_NAME"] in text
    with pytest.raises(urllib.error.HTTPError, match="400"):
        page.fetch("/notes", "no note")
    scripts.run("destroy")
    with pytest.raises(urllib.error.HTTPError, match="503"):
        page.fetch("/notes")


def test_a_socket_is_an_address_as_well(scripts, make_page):
    """PGHOST is a directory where PostgreSQL listens on a socket; the page finds it by the URL alone."""
    [there] = scripts.postgres.psql("SHOW unix_socket_directories")
    made = scripts.run("seed", PGHOST=there)
    assert texts(made["DATABASE_URL"]) == TWO
    assert [note["text"] for note in make_page(scripts.root, made["DATABASE_URL"]).fetch("/notes")] == TWO
    scripts.run("destroy")
