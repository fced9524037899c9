# SPDX-License-Identifier: Apache-2.0
"""Servers, clients, pins and files of different versions meet."""

import json
import pathlib
import shutil

import pytest

from driver import alive, wait_until
from ledger import Shop, end_of, server_pid, stamped

FIXTURES = pathlib.Path(__file__).parent.parent / "fixtures"


# -- files of older servers


@pytest.fixture(params=sorted(path.name for path in FIXTURES.iterdir() if path.is_dir()))
def release(request, thole):
    """The state directory and the project as that release left them."""
    shutil.copytree(FIXTURES / request.param / "sessions", thole.state / "sessions")
    shutil.copytree(FIXTURES / request.param / "project", thole.project, dirs_exist_ok=True)
    for path in [*thole.state.rglob("*"), *thole.project.rglob("*")]:
        path.chmod(0o700 if path.is_dir() else 0o600)
        if path.suffix == ".json":
            text = path.read_text().replace("@PROJECT@", str(thole.project)).replace("@LEDGER@", thole.env["LEDGER"])
            path.write_text(text)
    thole.config("version: 1\nname: shop\nservices: {}")  # what runs is what was resolved then
    return thole


def test_files_of_older_releases_are_adopted(release):
    thole = release
    thole.wait_target("api:serve", "active", run=2)
    thole.wait_target("late:serve", "active", run=2)
    session, targets = thole.session(), thole.targets()
    assert session["metadata"]["uid"] == "dab47013-a84e-4b11-a71b-13662268e305" and session["metadata"]["name"] == "shop-a1b2c3"
    assert session["metadata"]["creationTimestamp"] == "2026-01-01T10:00:00Z"
    assert session["status"]["startTime"] == "2026-01-01T10:00:00.004833Z"
    done = targets["migrate:update"]["state"]["terminated"]
    assert (done["run"], done["exitCode"], done["finishTime"]) == (1, 0, "2026-01-01T10:00:00.017734Z"), done
    assert targets["off:serve"]["state"] == {} and "stopped by request" in targets["off:serve"]["message"]
    assert targets["api:serve"]["state"]["active"]["restarts"] == 1
    assert sorted(thole.wait_ledger("late:serve")) == ["api:serve", "late:serve"]
    assert [(line["stream"], line["text"]) for line in map(json.loads, thole.run("logs", "-o", "json", "migrate").lines)] == [
        ("out", "migrating"), ("err", "done")]
    assert thole.run("logs", "--run", "1", "-o", "raw", "api").out.startswith("api one\n")
    wait_until(lambda: thole.run("logs", "--run", "2", "-o", "raw", "api").raw == b"a\xffb", 20, "the environment to arrive")
    thole.run("down")
    assert not stamped(thole)


def test_what_older_releases_left_of_a_session_that_is_down(release):
    thole = release
    sessions = {item["metadata"]["name"]: item for item in thole.run("api", "GET", "/apis/tilt.dev/v1alpha1/sessions?stopped=true").json()["items"]}
    old = sessions["old-d4e5f6"]
    assert old["metadata"]["annotations"] == {"thole.dev/stopped": "true"} and old["status"]["error"] == "exit code 7", old
    lines = thole.run("api", "GET", "/apis/tilt.dev/v1alpha1/sessions/old-d4e5f6/log").lines
    assert [json.loads(line)["text"] for line in lines] == ["old words"]
    thole.run("down")


def test_a_state_file_of_an_older_release_is_gone_on_with(release):
    thole, path = release, release.project / ".thole" / "state.json"
    thole.wait_target("api:serve", "active", run=2)
    state = wait_until(lambda: (s := json.loads(path.read_text()))["services"]["api"]["run"] == 2 and s, 20, "the state file")
    assert state["network_name"] == "somebody-elses" and state["services"]["api"]["note_of_mine"] == "kept"
    thole.run("down")


# -- files of newer servers


@pytest.fixture
def shop(thole):
    shop = Shop(thole, 1)
    yield shop
    end_of(thole)


@pytest.mark.parametrize("name", ["session.json", "client.json", "spec.1.json"])
def test_a_session_of_a_newer_release_is_left_alone(shop, name):
    """It runs on; nothing is started in its place and nothing of it is written; the older release goes on with it."""
    thole = shop.thole
    thole.run("up", "-d", "--wait", cwd=shop.dir)
    before, path = shop.targets(), shop.session_dir() / name
    kept = path.read_text()
    path.write_text(newer := json.dumps({**json.loads(kept), "format": 99, "of": "tomorrow"}))
    files = {file: file.read_bytes() for file in shop.session_dir().glob("*.json")}
    thole.kill(server_pid(thole))
    refused = thole.run("up", "-d", cwd=shop.dir, code=3)
    assert name in refused.err and "format 99" in refused.err and "newer" in refused.err, refused
    assert {file: file.read_bytes() for file in shop.session_dir().glob("*.json")} == files and path.read_text() == newer
    pid = before["api:serve"]["active"]["pid"]
    assert alive(pid)
    path.write_text(kept)
    thole.kill(server_pid(thole))
    wait_until(lambda: shop.targets()["api:serve"]["active"]["pid"] == pid, 20, "the session to be adopted")
    thole.run("down", cwd=shop.dir)
    shop.check_gone()


def test_a_run_of_a_newer_release_is_neither_doubled_nor_lost(shop):
    thole = shop.thole
    thole.run("up", "-d", "--wait", cwd=shop.dir)
    pid = shop.targets()["api:serve"]["active"]["pid"]
    path = shop.session_dir() / "runs" / "api:serve" / "1" / "run.json"
    kept = path.read_text()
    path.write_text(newer := json.dumps({**json.loads(kept), "format": 99}))
    thole.kill(server_pid(thole))
    target = wait_until(lambda: (t := thole.run("ps", "-o", "json", cwd=shop.dir).json()) and t, 20, "an answer")
    why = json.dumps(target)
    assert "format 99" in why and "run.json" in why, why
    refused = thole.run("down", cwd=shop.dir, code=3)
    assert "format 99" in refused.err, refused
    assert alive(pid) and path.read_text() == newer
    path.write_text(kept)
    thole.run("down", cwd=shop.dir)
    assert not alive(pid)
    shop.check_gone()


# -- clients


def test_a_client_of_another_version_is_served(thole):
    """An older client leaves out, a newer one adds: parameters, headers, fields, ways to say what it would like to have."""
    file = thole.config("version: 1\nservices: {api: {command: sleep 1000}}")
    thole.run("vet")  # starts a server
    path = "/apis/tilt.dev/v1alpha1/sessions"
    newest = {"apiVersion": "tilt.dev/v1alpha1", "kind": "Session", "metadata": {"generateName": "x-", "managedFields": []},
              "spec": {"tiltfilePath": str(file), "ofTomorrow": {"a": [1]}, "ci": {"patience": "1m0s"}},
              "start": {"names": [], "colour": "blue", "client": {"env": {"PATH": "/usr/bin:/bin"}, "oomScore": 3}}}
    status, session = thole.api(path + "?ofTomorrow=1", "POST", newest, headers={"Thole-Version": "99", "Accept": "application/x-tomorrow, application/json;q=0.1"})
    assert status == 201 and session["status"]["targets"], session
    thole.wait_target("api:serve", "active")
    thole.run("down")
    status, _ = thole.api(path, "POST", {"spec": {"tiltfilePath": str(file)}})  # what the first clients knew to say
    assert status == 201
    thole.wait_target("api:serve", "active", run=2)
    thole.run("down")
