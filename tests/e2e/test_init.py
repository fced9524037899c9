# SPDX-License-Identifier: Apache-2.0
"""thole init: what it writes is valid, runs, and destroys nothing."""

import json
import subprocess

import pytest

import driver


def package(thole, scripts, **more):
    thole.file("package.json", json.dumps({"name": "shop", "scripts": scripts, **more}))


def services(thole):
    return thole.run("config", "-o", "json").json()["services"]


def program(thole, name):
    """A package manager that says what it was asked."""
    path = thole.file(f"bin/{name}", f"#!/bin/sh\necho {name} \"$@\" >> $LEDGER\ncase $2 in dev|watch*) exec sleep 1000 ;; esac\n", 0o755)
    return {"PATH": f"{path.parent}:{thole.env['PATH']}"}


def test_with_nothing_to_read_it_writes_an_example_that_runs(thole):
    said = thole.run("init").err
    assert f"wrote {thole.project}/thole.yaml" in said
    assert "is valid" in thole.run("vet").out
    thole.run("up", "-d", "--wait")
    assert thole.target("clock:serve")["state"]["active"] and thole.target("hello:update")["state"]["terminated"]


def test_package_json(thole):
    package(thole, {"dev": "vite", "start": "node .", "watch:css": "tailwind -w", "build": "vite build", "test:unit": "vitest",
                    "postinstall": "patch", "deploy": "rm -rf /", "watch": "tsc -w"})
    thole.file("pnpm-lock.yaml", "")
    thole.run("init")
    text = (thole.project / "thole.yaml").read_text()
    assert "# ready: {tcp: {port: 5173}}" in text and "# package.json has more scripts: postinstall, deploy\n" in text
    all = services(thole)
    assert {name: (s["type"], s["auto"], s["command"]) for name, s in all.items()} == {
        "dev": ("server", True, "pnpm run dev"), "start": ("server", False, "pnpm run start"),
        "watch-css": ("server", False, "pnpm run watch:css"), "build": ("job", False, "pnpm run build"),
        "test-unit": ("job", False, "pnpm run test:unit"), "watch": ("server", True, "pnpm run watch")}
    env = program(thole, "pnpm")
    thole.run("up", "-d", "--wait", env=env)
    thole.wait_ledger("pnpm run dev"), thole.wait_ledger("pnpm run watch")
    thole.run("start", "build")
    thole.wait_ledger("pnpm run build")
    assert len(thole.ledger()) == 3


@pytest.mark.parametrize("lock, manager", [("yarn.lock", "yarn"), ("bun.lock", "bun"), ("bun.lockb", "bun"), ("package-lock.json", "npm"),
                                           (None, "npm")])
def test_the_package_manager(thole, lock, manager):
    package(thole, {"start": "node server.js"})
    if lock:
        thole.file(lock, "")
    thole.run("init")
    assert services(thole)["start"]["command"] == f"{manager} run start" and services(thole)["start"]["auto"]


def test_the_package_manager_that_is_named(thole):
    package(thole, {"start": "node server.js"}, packageManager="yarn@4.1.0")
    thole.file("package-lock.json", "")
    thole.run("init")
    assert services(thole)["start"]["command"] == "yarn run start"


def test_all_sources_together(thole):
    package(thole, {"test": "vitest", "tiltfile": "x"})
    thole.file("Procfile", "web: echo web $PORT >> $LEDGER; exec sleep 1000\nWorker: echo 'worker: #1' $PORT >> $LEDGER; exec sleep 1000\n"
                           "test: never\n")
    thole.file("Procfile.dev", "web: echo dev $PORT >> $LEDGER; exec sleep 1000\nWorker: echo \"worker: #1\" $PORT >> $LEDGER; exec sleep 1000\n")
    thole.file("Makefile", ".PHONY: all lint \\\n\tformat test\nlint:\n\ttrue\nbuild:\n\ttrue\n")
    thole.file("compose.yaml", "services: {db: {image: postgres}}\n")
    thole.file(".env", "A=b\n")
    thole.run("init")
    text = (thole.project / "thole.yaml").read_text()
    assert "#   command: docker compose -f compose.yaml up" in text and "env_from: [.env]" in text
    assert sorted(services(thole)) == ["build", "format", "lint", "test", "web", "worker"]
    assert "# package.json has more scripts: tiltfile\n" in text and "# the Makefile too has: test\n" in text
    port = driver.free_port()
    text = text.replace("5000", str(port)).replace("5100", str(driver.free_port()))
    thole.file("thole.yaml", text)
    thole.run("up", "-d", "--wait")
    thole.wait_ledger(f"dev {port}")


def test_from_a_foreign_file(thole):
    thole.file(".env", "SECRET=not in the file\n")
    thole.file("process-compose.yaml", "processes:\n  a: {command: 'echo a $$SECRET >> $$LEDGER; exec sleep 1000'}\n  b: {command: 'true', disabled: true}\n")
    shown = thole.run("init", "--stdout").out
    assert not (thole.project / "thole.yaml").exists() and "not in the file" not in shown and "env_from: .env" in shown
    thole.run("init")
    assert (thole.project / "thole.yaml").read_text() == shown
    thole.run("up", "-d", "--wait")
    thole.wait_ledger("a not in the file")
    thole.run("down", "--purge")
    thole.file("Procfile.dev", "web: echo web $PORT >> $LEDGER; exec sleep 1000\n")
    thole.run("init", "--from", "Procfile.dev", "--force")
    assert "Made from Procfile.dev" in (thole.project / "thole.yaml").read_text()
    thole.run("up", "-d", "--wait")
    thole.wait_ledger("web 5000")


def test_a_disk_without_room_is_named_and_nothing_is_left(thole):
    limited = "trap '' XFSZ; ulimit -f 1; exec \"$0\" init"
    done = subprocess.run(["sh", "-c", limited, driver.BUILD / "thole"], cwd=thole.project, env=thole.env, capture_output=True, text=True)
    assert done.returncode and "thole.yaml: file too large" in done.stderr, done
    assert not (thole.project / "thole.yaml").exists()


def test_nothing_is_destroyed(thole):
    path = thole.file("thole.yaml", "version: 1 # mine\n")
    for words in (["init"], ["init", "--from", "thole.yaml"]):
        assert "--force replaces it" in thole.run(*words, code=2).err
    assert path.read_text() == "version: 1 # mine\n"
    thole.run("init", "--stdout")
    assert path.read_text() == "version: 1 # mine\n"
    assert "is a thole.yaml already" in thole.run("init", "--from", "thole.yaml", "--force", code=2).err
    assert path.read_text() == "version: 1 # mine\n"
    path.unlink()
    path.symlink_to("nowhere")
    assert "--force replaces it" in thole.run("init", code=2).err
    path.unlink()
    thole.file("package.json", "{broken")
    assert "package.json" in thole.run("init", code=2).err and not path.exists()
    (thole.project / "package.json").unlink()
    assert "no-such-file" in thole.run("init", "--from", "no-such-file", code=2).err and not path.exists()
    thole.file("process-compose.yaml", "processes: {a: {command: x, is_elevated: true}}\n")
    assert "is_elevated" in thole.run("init", code=2).err and not path.exists()


def automatic(thole):
    return sorted(name for name, service in services(thole).items() if service["auto"])


def test_what_is_in_two_places_starts_once(thole):
    package(thole, {"dev": "foreman start -f Procfile.dev", "start": "node .", "css": "tailwind -w", "db:migrate": "knex", "a'b:test": "x"})
    thole.file("Procfile.dev", "\ufeffweb: bin/rails server -p 3000\ndev: exec sleep 1000\njs: yarn build --watch\napi: serve -p $PORT\n")
    thole.file("Makefile", "dev:\n\tnpm run dev\nserve::\nwatch := 1\nmigrate: x\n\ttrue\n")
    thole.run("init")
    text = (thole.project / "thole.yaml").read_text()
    assert automatic(thole) == ["api", "dev", "js", "web"]
    all = services(thole)
    assert all["dev"]["command"] == "exec sleep 1000" and all["db-migrate"]["command"] == "npm run db:migrate"
    assert all["a-b-test"]["command"] == "npm run 'a'\\''b:test'" and all["migrate"]["command"] == "make migrate"
    assert "# package.json has more scripts: dev, css\n" in text and "# the Makefile too has: dev\n" in text and "watch:" not in text
    assert "# port: 3000" in text and "\n    port: 5300 " in text and all["api"]["port"] == 5300 and "port" not in all["web"]


def test_the_server_of_a_makefile(thole):
    thole.file("Makefile", ".PHONY: run dev serve\nrun:\n\ttrue\ndev:\n\ttrue\nserve:\n\ttrue\nwatch:\n\ttrue\n")
    thole.run("init")
    assert automatic(thole) == ["dev"] and sorted(services(thole)) == ["dev", "run", "serve", "watch"]


ODD = {
    "package.json": [
        {"scripts": {name: text for name in ("null", "on", "1e3", "~", "", "-", "x" * 64, "dev:#", "start: x", "test\nx", "build:{{self.port}}",
                                             "watch\u2028", "test:é", "lint:\u0001")
                     for text in ("a\u2028b: c\u0085\u0001 {{vars.x}} " + "é" * 50,)}},
        {"scripts": {"null:test": "x", "true:build": "x", "1:test": "\r\n", "0x1f:test": "# é", "no:dev": "'\\\"", "dev": {"not": "text"}}},
        {"scripts": ["dev"]}, {"scripts": {"nothing": "known"}}, {"scripts": {"dev": ""}}],
    "Procfile": ["", "no line\n", "null: x\non: y: z # w\n1: {{self.port}} {{vars.X}}\nA: 'x\nweb: \t\"{{{{env.name}}\\\\\nWEB: z\nweb: twice",
                 "tiltfile: x\n" + "x" * 64 + ": y\n_: z\n", "\ufeffweb: é \u2028 \u0001\r\n"],
    "Makefile": ["", "dev:", "serve:=1\nrun::=2\nstart: ; x\n", ".PHONY:"],
    ".env": ["D\n", "F: yaml\n", "A='", "A=b\n", "A=$B\n"],
    "compose.yaml": ["services: {}\n"],
}


@pytest.mark.parametrize("name, at", [(name, i) for name, texts in ODD.items() for i in range(len(texts))])
def test_what_is_written_is_valid_whatever_is_there(thole, name, at):
    text = ODD[name][at]
    thole.file(name, text if isinstance(text, str) else json.dumps(text))
    thole.run("init")
    assert "is valid" in thole.run("vet").out
    known = json.dumps(text) == '"dev:"' or "start:" in text
    assert ("No target of the Makefile" in (thole.project / "thole.yaml").read_text()) == (name == "Makefile" and not known)
    if name != ".env":
        thole.file(".env", ODD[".env"][at % 5])
        thole.file("package.json", json.dumps(ODD["package.json"][at % 2]))
        thole.file("Procfile", ODD["Procfile"][2 + at % 3])
        thole.file("Makefile", "dev:\ntest:\n")
        thole.run("init", "--force")
        assert "is valid" in thole.run("vet").out


def test_a_session_of_the_file_is_not_taken_by_surprise(thole):
    path = thole.config("""
        version: 1
        services:
          mine: {command: exec sleep 1000}
        """)
    thole.run("up", "-d", "--wait")
    path.unlink()
    said = thole.run("init", code=None)
    assert said.code != 0 and "is up and would take up what is written" in said.err and not path.exists()
    assert thole.run("init", "--stdout").out
    thole.run("init", "--force")
    assert path.exists()


def test_a_session_of_a_procfile_goes_on(thole):
    thole.file("Procfile", "web: exec sleep 1000\n")
    thole.run("up", "-d", "--wait")
    assert "of Procfile is up and goes on" in thole.run("init").err
    thole.run("--file", "Procfile", "down")
