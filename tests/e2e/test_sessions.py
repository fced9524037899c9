# SPDX-License-Identifier: Apache-2.0
"""Whose environment, which session, which runs: what is kept from one command to the next."""

import os
import re
import resource
import subprocess

import pytest

import driver
from ledger import THOLE, TILT

SAY = 'echo "$THOLE_TARGET $WHO" >>"$LEDGER"; '


def project(thole, logs=None, **services):
    thole.config({"version": 1, "services": services, **({"logs": logs} if logs else {})})


def sessions(thole):
    """{name: the Session object}, those that are down included."""
    return {item["metadata"]["name"]: item for item in thole.api(TILT + "/sessions?stopped=true")[1]["items"]}


def is_stopped(session):
    return session["metadata"].get("annotations", {}).get("thole.dev/stopped") == "true"


def test_the_environment_is_that_of_the_first_up_until_it_is_refreshed(thole):
    project(thole, api={"command": SAY + "exec sleep 1000"})
    thole.run("up", "-d", env={"WHO": "first"})
    thole.wait_ledger("api:serve first")
    thole.run("up", "-d", env={"WHO": "second"})
    thole.run("restart", "api", env={"WHO": "third"})
    thole.wait_ledger("api:serve first", times=2)
    thole.run("up", "-d", "--env-refresh", env={"WHO": "fourth"})
    thole.run("restart", "api")
    thole.wait_ledger("api:serve fourth")
    assert not {"api:serve second", "api:serve third"} & set(thole.ledger())


def test_a_refreshed_environment_survives_the_server(thole):
    project(thole, api={"command": SAY + "exec sleep 1000"})
    thole.run("up", "-d", env={"WHO": "first"})
    thole.wait_ledger("api:serve first")
    thole.run("up", "-d", "--env-refresh", env={"WHO": "second"})
    thole.kill(thole.server_pid())
    driver.wait_until(lambda: thole.run("restart", "api", env={"WHO": "third"}), 20, "the next server to restart it")
    thole.wait_ledger("api:serve second")
    assert "api:serve third" not in thole.ledger()


def test_a_refreshed_environment_is_for_what_starts_from_then_on(thole):
    """What runs goes on, what is done stays done, what was stopped stays so; what failed is tried again."""
    project(thole, done={"type": "job", "command": SAY}, failing={"type": "job", "command": SAY + "test $WHO = second"},
            stopped={"command": SAY + "exec sleep 1000"}, crashing={"command": SAY + "test $WHO = second && exec sleep 1000",
                                                                    "restart": {"delay": "1h", "max_delay": "1h"}},
            api={"command": SAY + "exec sleep 1000", "depends_on": ["done"]},
            late={"command": SAY + "exec sleep 1000", "depends_on": ["done"], "auto": False})
    thole.run("up", "-d", env={"WHO": "first"})
    thole.wait_target("failing:update", "terminated", exitCode=1)
    thole.wait_target("crashing:serve", "waiting", waitReason="backoff")
    api = thole.wait_target("api:serve", "active", ready=True)["pid"]
    thole.run("stop", "stopped")
    said = thole.run("up", "-d", "--env-refresh", env={"WHO": "second"}).err
    assert "what runs keeps its own until it is restarted" in said
    thole.wait_target("failing:update", "terminated", exitCode=0, run=2)
    thole.wait_target("crashing:serve", "active", run=2)
    thole.run("start", "late", env={"WHO": "third"})
    thole.wait_ledger("late:serve second")
    thole.run("restart", "done")
    thole.wait_ledger("done:update second")
    assert sorted(thole.ledger()) == sorted(["done:update first", "done:update second", "failing:update first", "failing:update second",
                                             "stopped:serve first", "crashing:serve first", "crashing:serve second", "api:serve first",
                                             "late:serve second"])
    assert thole.target("api:serve")["state"]["active"]["pid"] == api and thole.target("stopped:serve")["state"] == {}
    thole.run("up", "-d", "--env-refresh", "stopped", env={"WHO": "fourth"})
    thole.wait_ledger("stopped:serve fourth")


def test_limits_and_umask_are_refreshed_too(thole):
    project(thole, api={"type": "job", "command": 'echo "$(umask) $(ulimit -n)" >>"$LEDGER"'})
    for mask, files in ((0o027, 300), (0o077, 200)):
        def inherit():
            os.umask(mask)
            resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))
        subprocess.run([thole.bin / "thole", "up", "-d", "--env-refresh"], env=thole.env, cwd=thole.project, check=True, timeout=30,
                       preexec_fn=inherit, capture_output=True)
        thole.wait_target("api:update", "terminated")
        thole.run("restart", "api")
        thole.wait_ledger(f"{mask:04o} {files}")


def test_a_refresh_without_a_secret_is_refused_and_changes_nothing(thole):
    project(thole, api={"command": SAY + "echo $TOKEN; exec sleep 1000", "secrets": ["TOKEN"]})
    thole.run("up", "-d", env={"WHO": "first", "TOKEN": "abcdefgh"})
    thole.wait_ledger("api:serve first")
    assert "TOKEN is not set" in thole.run("up", "-d", "--env-refresh", env={"WHO": "second"}, code=2).err
    thole.run("restart", "api")
    thole.wait_ledger("api:serve first", times=2)


def test_sessions_of_one_file_live_side_by_side(thole):
    project(thole, api={"command": SAY + "exec sleep 1000"})
    thole.run("up", "-d", "--wait", "--timeout", "20s", env={"WHO": "a"})
    thole.run("--session", "two", "up", "-d", "--wait", "--timeout", "20s", env={"WHO": "b"})
    assert sorted(thole.wait_ledger("api:serve b")) == ["api:serve a", "api:serve b"]
    first, second = sorted(sessions(thole), key=len)
    assert second == first + "-two"
    pids = {slug: thole.api(f"{THOLE}/namespaces/{slug}/targets/api.serve")[1]["status"]["state"]["active"]["pid"]
            for slug in (first, second)}
    assert pids[first] != pids[second]
    thole.run("--session", "two", "restart", "api")
    thole.wait_ledger("api:serve b", times=2)
    assert thole.target("api:serve")["state"]["active"]["pid"] == pids[first]
    thole.run("--session", "two", "down")
    assert driver.alive(pids[first]) and not is_stopped(sessions(thole)[first])
    assert is_stopped(sessions(thole)[second])
    thole.run("down")


def test_a_session_may_have_a_name_like_the_digits_of_a_slug(thole):
    thole.config("version: 1\nservices: {api: {command: sleep 1000}}\n")
    thole.run("--session", "facade", "up", "-d", "--wait", "--timeout", "20s")
    assert "nothing of" in thole.run("stop", "api", code=None).err
    assert thole.targets("--session", "facade")["api:serve"]["state"]["active"]
    assert [(s["status"]["project"], s["status"]["session"]) for s in sessions(thole).values()] == [("shop", "facade")]
    thole.run("--session", "facade", "down")
    assert [(s["status"]["project"], s["status"]["session"]) for s in sessions(thole).values()] == [("shop", "facade")]


def test_a_second_session_is_adopted_too(thole):
    project(thole, api={"command": "exec sleep 1000"})
    thole.run("--session", "two", "up", "-d", "--wait", "--timeout", "20s")
    pid = thole.targets("--session", "two")["api:serve"]["state"]["active"]["pid"]
    thole.kill(thole.server_pid())
    again = driver.wait_until(lambda: thole.targets("--session", "two")["api:serve"]["state"]["active"], 20, "the next server")
    assert again["pid"] == pid
    thole.run("--session", "two", "up", "-d")
    assert len(thole.pins()) == 1


def test_what_is_down_is_listed_until_it_is_purged(thole):
    project(thole, api={"command": "exec sleep 1000"})
    thole.run("up", "-d", "--wait", "--timeout", "20s")
    other = thole.another_project("other")  # so that the server stays
    thole.file("thole.yaml", '{"version": 1, "services": {"x": {"command": "exec sleep 1000"}}}', project=other)
    thole.run("up", "-d", cwd=other)
    slug = next(name for name in sessions(thole) if name.startswith("shop"))
    thole.run("down")
    assert is_stopped(sessions(thole)[slug]) and sessions(thole)[slug]["spec"]["tiltfilePath"].endswith("/thole.yaml")
    thole.run("up", "-d", "--wait", "--timeout", "20s")
    assert not is_stopped(sessions(thole)[slug]) and thole.target("api:serve")["state"]["active"]["run"] == 2
    thole.run("down", "--purge")
    assert slug not in sessions(thole) and not (thole.state / "sessions" / slug).exists()


def log_bytes(thole, target):
    runs = next(iter((thole.state / "sessions").iterdir())) / "runs" / target
    return {int(run.name): sum(file.stat().st_size for file in run.glob("log.*")) for run in runs.iterdir()}


def test_the_cap_holds_while_runs_write(thole):
    """All together, at any moment; of the run before, the last that it wrote stays."""
    cap, talk = 1024 * 1024, "echo begin $$; seq 1 200000; echo end $$; exec sleep 1000"
    project(thole, logs={"max_size": "1MiB"}, web={"command": talk})
    thole.run("up", "-d", "--wait")
    most = 0
    for run in range(1, 4):
        process = thole.wait_target("web:serve", "active", run=run)["pid"]

        def written():
            nonlocal most
            most = max(most, sum(log_bytes(thole, "web:serve").values()))
            return f"end {process}" in thole.run("logs", "-n", "1", "web").out
        driver.wait_until(written, 20, f"run {run} to have written")
        if run > 1:
            assert log_bytes(thole, "web:serve")[run - 1] <= cap // 2
            assert re.search(r"end \d+$", thole.run("logs", "--run", run - 1, "-n", "1", "web").out)
        thole.run("restart", "web")
    assert cap // 2 < most <= cap


def test_all_runs_of_a_target_share_the_cap_of_its_logs(thole):
    project(thole, logs={"max_size": "100KiB"}, job={"type": "job", "command": "head -c 40000 /dev/zero | tr '\\0' x; echo"})
    thole.run("up", "-d")
    thole.wait_target("job:update", "terminated", run=1)
    for run in range(2, 6):
        thole.run("restart", "job")
        thole.wait_target("job:update", "terminated", run=run)
    runs = next(iter((thole.state / "sessions").iterdir())) / "runs" / "job:update"
    left = driver.wait_until(lambda: len(list(runs.iterdir())) <= 2 and sorted(int(run.name) for run in runs.iterdir()), 20, "old runs to go")
    assert left == [4, 5]
    assert len(thole.run("logs", "--run", "5", "-o", "raw", "job").out) == 40001


def test_of_what_was_resolved_the_newest_is_kept(thole):
    """It holds the values of secrets."""
    thole.config({"version": 1, "services": {"web": {"command": "sleep 1000"}}})
    for _ in range(3):
        thole.run("up", "-d", "--wait")
        thole.run("down")
    assert [path.name for path in thole.state.glob("sessions/*/spec.*.json")] == ["spec.3.json"]


def test_a_service_that_has_ended_for_good_ends_the_session(thole):
    project(thole, main={"command": "echo main >>$LEDGER; while ! test -e go; do sleep 0.01; done",
                         "success_exit_codes": [0], "ends_session": "always"},
            other={"command": "exec sleep 1000"})
    up = thole.popen("up")
    thole.wait_target("other:serve", "active")
    thole.wait_ledger("main")
    thole.file("go", "")
    assert up.wait() == 0
    assert not thole.pins()
    (thole.project / "go").unlink()
    thole.run("up", "-d")  # begins another one
    thole.wait_ledger("main", times=2)
    thole.wait_target("main:serve", "active")


@pytest.mark.parametrize("ask", [("restart", "a"), ("disable", "a"), ("trigger", "a"), ("start", "b"), ("up", "-d", "b")])
def test_what_cannot_be_written_down_is_not_done(thole, ask):
    thole.config({"version": 1, "services": {"a": {"command": "exec sleep 1000"}, "b": {"command": "exec sleep 1000", "auto": False}}})
    thole.run("up", "-d", "--wait")
    pid = thole.target("a:serve")["state"]["active"]["pid"]
    place = thole.state / "sessions" / thole.session()["metadata"]["name"] / "session.json.tmp"
    events = len(thole.run("events").lines)
    place.mkdir()  # where it is written first: nothing can be, as on a full disk
    assert "session.json" in thole.run(*ask, code=2).err
    assert thole.target("a:serve")["state"]["active"]["pid"] == pid and driver.alive(pid)
    assert not thole.target("b:serve")["state"] and len(thole.run("events").lines) == events
    place.rmdir()
    thole.run(*ask)
