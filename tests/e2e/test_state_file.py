# SPDX-License-Identifier: Apache-2.0
"""The state file in the project: what it shows, that it follows, and that nothing about it can do harm."""

import fcntl
import json
import os
import pathlib
import shutil
import signal

import pytest

import driver

PYTHON = "/usr/bin/python3"


def web(port, **more):
    return {"command": [PYTHON, "-m", "http.server", "--bind", "127.0.0.1", str(port)],
            "ready": {"http": {"port": port}, "period": "50ms"}, **more}


def project(thole, **services):
    return thole.config({"version": 1, "services": services})


def directory(thole):
    return thole.project / ".thole"


def state(where):
    return json.loads((where / "state.json").read_text())


def wait_phase(where, service, phase, timeout=20):
    def ask():
        now = state(where)["services"][service]
        return now if now["phase"] == phase else None
    return driver.wait_until(ask, timeout, f"{service} to be {phase} in the file")


def start_time_ms(pid):
    boot = next(int(line.split()[1]) for line in pathlib.Path("/proc/stat").read_text().splitlines() if line.startswith("btime"))
    ticks = int(driver.read_proc(pid, "stat").rpartition(b")")[2].split()[19])
    return boot * 1000 + ticks * 1000 // os.sysconf("SC_CLK_TCK"), ticks


def test_it_shows_what_runs(thole, free_port):
    port = free_port()
    file = project(thole, web=web(port), migrate={"type": "job", "command": "exit 0"}, later={"command": "sleep 1000", "auto": False})
    thole.run("up", "-d", "--wait", "--timeout", "20s")
    now = wait_phase(directory(thole), "web", "ready")
    pid = thole.target("web:serve")["state"]["active"]["pid"]
    began, ticks = start_time_ms(pid)
    assert now == {"pid": pid, "start_time_ms": began, "start_ticks": ticks, "port": port, "port_auto": False, "protocol": "http",
                   "phase": "ready", "run": 1}
    whole = state(directory(thole))
    slug = thole.session()["metadata"]["name"]
    assert (whole["slug"], whole["config_path"], whole["docker"], whole["compose_services"]) == (slug, str(file.resolve()), {}, {})
    assert whole["pid"] == thole.server_pid() and whole["pid_start_time_ms"] == start_time_ms(whole["pid"])[0]
    assert whole["services"]["migrate"]["phase"] == "exited" and whole["services"]["migrate"]["exit_code"] == 0
    assert whole["services"]["later"]["phase"] == "stopped" and whole["services"]["later"]["pid"] == 0
    assert "exit_code" not in whole["services"]["later"] and "port" not in whole["services"]["later"]
    assert (directory(thole) / ".gitignore").read_text() == "*\n"
    assert (directory(thole) / "logs" / "web:serve" / "1").is_dir()


def test_it_follows_through_crash_back_off_and_restart(thole):
    project(thole, api={"command": "[ -e go ] && exec sleep 1000; kill -9 $$",
                        "restart": {"delay": "300ms", "max_delay": "300ms", "max_restarts": 1000}})
    thole.run("up", "-d")
    crashed = wait_phase(directory(thole), "api", "backoff")
    assert crashed["exit_code"] == 128 + signal.SIGKILL and crashed["attempt"] >= 1 and crashed["next_at"].endswith("Z")
    assert "SIGKILL" in crashed["reason"] and crashed["pid"] > 0
    thole.file("go", "")
    running = wait_phase(directory(thole), "api", "running")
    assert running["exit_code"] == 137, "how the last one ended stays"
    thole.run("stop", "api")
    stopped = wait_phase(directory(thole), "api", "stopped")
    assert stopped["exit_code"] == 128 + signal.SIGTERM and stopped["pid"] == running["pid"]


def test_builds_failures_and_lost_readiness_have_phases(thole, free_port):
    port = free_port()
    project(thole, slow={"build": "while [ ! -e built ]; do sleep 0.05; done", "command": "sleep 1000"},
            broken={"command": "exit 4", "restart": "never"},
            flaky={"command": "sleep 1000", "ready": {"exec": ["test", "!", "-e", "ill"], "period": "50ms", "failure_threshold": 1}},
            never={"command": "sleep 1000", "ready": {"tcp": {"port": port}}}, after={"command": "sleep 1000", "depends_on": ["never"]})
    thole.run("up", "-d")
    wait_phase(directory(thole), "slow", "building")
    assert wait_phase(directory(thole), "broken", "failed")["exit_code"] == 4
    wait_phase(directory(thole), "flaky", "ready")
    assert wait_phase(directory(thole), "never", "starting")["port"] == port
    assert "never" in wait_phase(directory(thole), "after", "pending")["reason"]
    thole.file("built", "")
    thole.file("ill", "")
    wait_phase(directory(thole), "slow", "running")
    wait_phase(directory(thole), "flaky", "unhealthy")


def test_down_writes_the_last_state_and_purge_takes_it_away(thole):
    project(thole, api={"command": "sleep 1000"}, job={"type": "job", "command": "true"})
    thole.run("up", "-d", "--wait", "--timeout", "20s")
    thole.run("down")
    last = state(directory(thole))
    assert last["services"]["api"]["phase"] == "stopped" and last["services"]["job"]["phase"] == "exited"
    assert "pid" not in last
    thole.run("down", "--purge")  # of a session that is down
    assert not directory(thole).exists()
    thole.run("up", "-d", "--wait", "--timeout", "20s")
    driver.wait_until((directory(thole) / "state.json").exists, 20, "the file")
    thole.run("down", "--purge")
    assert not directory(thole).exists()


def test_what_others_put_there_stays(thole):
    project(thole, api={"command": "sleep 1000"})
    directory(thole).mkdir()
    (directory(thole) / "state.json").write_text(json.dumps({
        "slug": "old", "docker": {"pg": {"container_id": "c1"}}, "x": [1, None], "services": {"api": {"pid": 1, "note": "mine"}}}))
    (directory(thole) / "own.txt").write_text("mine")
    thole.run("up", "-d")
    wait_phase(directory(thole), "api", "running")
    now = state(directory(thole))
    assert now["docker"] == {"pg": {"container_id": "c1"}} and now["x"] == [1, None] and now["services"]["api"]["note"] == "mine"
    assert json.loads((directory(thole) / "state.json.prev").read_text())["x"] == [1, None]
    thole.run("down", "--purge")
    assert [path.name for path in directory(thole).iterdir() if path.name != ".gitignore"] == ["own.txt"]


def server_log(thole):
    return (thole.state / "server.log").read_text(errors="replace")


@pytest.mark.parametrize("text", ["", '{"slug": "de', "null"])
def test_an_empty_or_broken_file_counts_as_absent(thole, text):
    project(thole, api={"command": "sleep 1000"})
    directory(thole).mkdir()
    (directory(thole) / "state.json").write_text(text)
    thole.run("up", "-d")
    wait_phase(directory(thole), "api", "running")
    thole.run("restart", "api")
    driver.wait_until(lambda: state(directory(thole))["services"]["api"]["run"] == 2, 20, "the second run")
    aside = directory(thole) / "state.json.broken"
    assert (aside.read_text() == text) if text else not aside.exists()
    assert server_log(thole).count("was broken") == (1 if text else 0)


def test_a_server_that_adopts_goes_on_with_it(thole):
    project(thole, api={"command": "[ -e go ] && exec sleep 1000; exit 5", "restart": {"delay": "50ms", "max_restarts": 1000}})
    thole.run("up", "-d")
    driver.wait_until(lambda: state(directory(thole))["services"]["api"]["exit_code"] == 5, 20, "the exit code")
    thole.file("go", "")
    before = wait_phase(directory(thole), "api", "running")
    server = thole.server_pid()
    thole.kill(server)
    again = driver.wait_until(thole.server_pid, 20, "the next server")
    driver.wait_until(lambda: state(directory(thole))["pid"] == again, 20, "the new server's pid in the file")
    assert again != server
    now = state(directory(thole))["services"]["api"]
    assert now == before and now["exit_code"] == 5


def test_sessions_and_other_files_have_directories_of_their_own(thole):
    project(thole, api={"command": "sleep 1000"})
    thole.file("other.yaml", json.dumps({"version": 1, "services": {"db": {"command": "sleep 1000"}}}))
    thole.run("up", "-d")
    thole.run("--session", "b", "up", "-d")
    thole.run("--file", "other.yaml", "up", "-d")
    slugs = {item["metadata"]["name"]: item for item in thole.api("/apis/tilt.dev/v1alpha1/sessions")[1]["items"]}
    assert len(slugs) == 3
    wait_phase(directory(thole), "api", "running")
    slug = state(directory(thole))["slug"]
    others = sorted(set(slugs) - {slug})
    for other in others:
        now = driver.wait_until(lambda: state(directory(thole) / other), 20, "its file")
        assert now["slug"] == other
        assert os.readlink(directory(thole) / other / "logs").endswith(f"/sessions/{other}/runs")
    assert f"{slug}-b" in others
    thole.run("down", "--all", "--purge")
    assert not directory(thole).exists()


def test_who_holds_the_lock_is_waited_for(thole):
    project(thole, api={"command": "sleep 1000"})
    thole.run("up", "-d")
    wait_phase(directory(thole), "api", "running")
    with open(directory(thole) / "state.lock") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        thole.run("restart", "api")
        thole.wait_target("api:serve", "active", run=2)
        driver.wait_until(lambda: "is locked" in server_log(thole), 20, "the server to meet the lock")
        assert state(directory(thole))["services"]["api"]["run"] == 1
    driver.wait_until(lambda: state(directory(thole))["services"]["api"]["run"] == 2, 20, "the file to follow")
    assert server_log(thole).count("is locked") == 1


def test_a_project_that_is_moved_or_deleted_harms_nothing(thole):
    project(thole, api={"command": "sleep 1000"})
    thole.run("up", "-d")
    wait_phase(directory(thole), "api", "running")
    slug = thole.session()["metadata"]["name"]
    path = f"/apis/thole.dev/v1alpha1/namespaces/{slug}/targets/api.serve"
    moved = thole.base / "moved"
    thole.project.rename(moved)
    socket = thole.run("server", "status", "--json", cwd="/").json()["socket"]
    thole.socket_path = lambda: socket
    assert thole.api(path + "/stop", "POST")[0] < 300
    driver.wait_until(lambda: "state file is not written" in server_log(thole), 20, "the server to say so")
    assert thole.api(path + "/start", "POST")[0] < 300
    assert not thole.project.exists()
    moved.rename(thole.project)
    assert thole.api(path + "/restart", "POST")[0] < 300
    wait_phase(directory(thole), "api", "running")
    shutil.rmtree(thole.project)
    thole.run("down", "--all", cwd="/")
    assert server_log(thole).count("state file is not written") <= 2
    thole.project.mkdir()


@pytest.mark.ordinary("nothing is read-only for root")
def test_a_read_only_project_harms_nothing(thole):
    project(thole, api={"command": "sleep 1000"})
    thole.project.chmod(0o500)
    thole.run("up", "-d", "--wait", "--timeout", "20s")
    thole.run("restart", "api")
    thole.wait_target("api:serve", "active", run=2)
    thole.run("down")
    assert server_log(thole).count("state file is not written") == 1
    thole.project.chmod(0o700)


def test_a_file_in_the_way_harms_nothing(thole):
    project(thole, api={"command": "sleep 1000"})
    thole.file(".thole", "a file")
    thole.run("up", "-d", "--wait", "--timeout", "20s")
    thole.run("restart", "api")
    thole.wait_target("api:serve", "active", run=2)
    thole.run("down", "--purge")
    assert (thole.project / ".thole").read_text() == "a file"


def test_it_is_not_written_while_nothing_changes(thole):
    project(thole, api={"command": "sleep 1000"})
    thole.run("up", "-d", "--wait", "--timeout", "20s")
    wait_phase(directory(thole), "api", "running")

    def switches():
        return {task: driver.read_proc(f"{thole_pid}/task/{task}", "status").split(b"\nvoluntary_ctxt_switches:\t")[1].split(b"\n")[0]
                for task in os.listdir(f"/proc/{thole_pid}/task")}
    thole_pid = thole.server_pid()

    def look():
        stat = (directory(thole) / "state.json").stat()
        return stat.st_ino, stat.st_mtime_ns, switches()
    # What goes on by itself goes on in each of these windows; what is only late, on a busy machine, ends.
    driver.wait_until(lambda: (before := look()) and pause(2) and look() == before, 30, "two seconds without a write or a wake-up")


def pause(seconds):
    import time
    time.sleep(seconds)  # sleep: that nothing happens shows only over time
    return True


def test_a_storm_of_changes_is_few_writes(thole):
    project(thole, **{f"s{i}": {"command": "exit 1", "restart": {"delay": "1ms", "max_delay": "1ms", "max_restarts": 60}}
                      for i in range(5)})
    thole.run("up", "-d")
    inodes, count = set(), 0

    def ended():
        nonlocal count
        count += 1
        inodes.add((directory(thole) / "state.json").stat().st_ctime_ns)
        return all(service["phase"] == "failed" for service in state(directory(thole))["services"].values())
    started = os.times().elapsed
    driver.wait_until(ended, 40, "every service to have failed")
    took = os.times().elapsed - started
    assert len(inodes) <= took / 0.25 + 3, (len(inodes), took)
