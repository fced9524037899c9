# SPDX-License-Identifier: Apache-2.0
"""A running session takes up its config file again."""

import json
import os
import re
import socket
import time

import pytest

from driver import wait_until

SLEEP = "exec sleep 1000"
THOLE_API = "/apis/thole.dev/v1alpha1"


def config(**services):
    return {"version": 1, "services": services}


def serve(command=SLEEP, **more):
    return {"command": command, **more}


def run_of(thole, name):
    """(run, pid) of what runs."""
    state = thole.target(name)["state"]["active"]
    return state["run"], state["pid"]


def names(thole):
    return sorted(target["name"] for target in thole.session()["status"]["targets"])


def gone(thole, name):
    wait_until(lambda: name not in names(thole), what=f"{name} is gone")


def test_unchanged_targets_are_not_touched(thole):
    thole.config(config(a=serve(), b=serve(env={"X": "1"}), c=serve(), old=serve()))
    thole.run("up", "-d", "--wait")
    before = {name: run_of(thole, f"{name}:serve") for name in "abc"}
    thole.config(config(a=serve(), b=serve(env={"X": "2"}), c=serve(labels=["l"]), new=serve("echo hi; " + SLEEP)))
    thole.run("up", "-d", "--wait")
    thole.wait_target("b:serve", "active", run=2)
    thole.wait_target("new:serve", "active", run=1)
    gone(thole, "old:serve")
    assert {name: run_of(thole, f"{name}:serve") for name in "ac"} == {name: before[name] for name in "ac"}
    assert thole.api("/apis/thole.dev/v1alpha1/targets?labelSelector=l")[1]["items"][0]["metadata"]["name"] == "c.serve"


def test_a_changed_job_runs_again_and_others_do_not(thole):
    thole.config(config(a={"type": "job", "command": "echo one"}, b={"type": "job", "command": "echo b"}))
    thole.run("up", "-d", "--wait")
    thole.config(config(a={"type": "job", "command": "echo two"}, b={"type": "job", "command": "echo b"}))
    thole.run("up", "-d", "--wait")
    thole.wait_target("a:update", "terminated", run=2)
    assert thole.target("b:update")["state"]["terminated"]["run"] == 1
    wait_until(lambda: "a:update | two" in thole.run("logs", "a").lines)


def test_a_broken_file_changes_nothing(thole):
    path = thole.config(config(a=serve()))
    thole.run("up", "-d", "--wait")
    before = run_of(thole, "a:serve")
    thole.config("version: 1\nservices:\n  a: {comand: x}\n  b: {command: y, depends_on: [z]}\n")
    refused = thole.run("up", "-d", code=2)
    assert f'{path}:3:7: services.a: unknown key "comand"; did you mean command?' in refused.err
    assert "goes on as it is" in refused.err
    state = thole.wait_target("tiltfile:update", "terminated")
    assert f"{path}:3:7: services.a: unknown key" in state["error"]
    assert run_of(thole, "a:serve") == before and names(thole) == ["a:serve", "tiltfile:update"]
    thole.config(config(a=serve(), b=serve()))
    thole.run("up", "-d", "--wait")
    assert "error" not in thole.target("tiltfile:update")["state"]["terminated"] or \
        not thole.target("tiltfile:update")["state"]["terminated"]["error"]
    assert run_of(thole, "a:serve") == before and "b:serve" in names(thole)


def test_what_depends_on_others_starts_in_order(thole):
    thole.config(config(a=serve()))
    thole.run("up", "-d", "--wait")
    thole.config(config(a=serve(), b=serve("echo b; " + SLEEP, depends_on=["c"]),
                        c={"type": "job", "command": "echo c"}))
    thole.run("up", "-d", "--wait")
    wait_until(lambda: "b:serve | b" in thole.run("logs").lines)
    lines = thole.run("logs").lines
    assert lines.index("c:update | c") < lines.index("b:serve | b")


def test_only_what_was_asked_for_starts(thole):
    thole.config(config(a=serve(), b=serve()))
    thole.run("up", "-d", "--wait", "a")
    thole.config(config(a=serve(depends_on=["d"]), b=serve(), c=serve(), d=serve()))
    thole.run("up", "-d", "--wait", "a")
    thole.wait_target("d:serve", "active")  # what it needs now
    assert thole.target("b:serve")["state"] == {} and thole.target("c:serve")["state"] == {}


def test_what_was_stopped_stays_stopped(thole):
    thole.config(config(a=serve(), b=serve()))
    thole.run("up", "-d", "--wait")
    thole.run("stop", "a")
    thole.config(config(a=serve(SLEEP + " 0"), b=serve()))
    thole.run("up", "-d", "--wait")
    assert thole.target("a:serve")["state"] == {}
    thole.run("start", "a")
    assert thole.wait_target("a:serve", "active", run=2)


def test_a_service_of_another_kind(thole):
    thole.config(config(a=serve("trap 'sleep 0.2; exit' TERM; echo up; while :; do sleep 0.01; done")))
    thole.run("up", "-d", "--wait")
    thole.config(config(a={"type": "job", "command": "echo done"}))
    thole.run("up", "-d")
    thole.wait_target("a:update", "terminated", run=1)
    gone(thole, "a:serve")
    assert names(thole) == ["a:update", "tiltfile:update"]


def test_what_is_added_while_it_is_followed_is_heard(thole):
    thole.config(config(a=serve("echo from a; " + SLEEP)))
    up = thole.popen("up")
    up.wait_for(r"^a:serve \| from a$")
    thole.config(config(a=serve("echo from a; " + SLEEP), b=serve("echo from b; " + SLEEP)))
    thole.run("up", "-d")
    up.wait_for(r"^b:serve \| from b$")


def test_what_a_removed_service_wrote_is_still_there(thole):
    thole.config(config(a=serve(), old=serve("echo last words; " + SLEEP)))
    thole.run("up", "-d", "--wait")
    wait_until(lambda: "old:serve | last words" in thole.run("logs").lines)
    thole.config(config(a=serve()))
    thole.run("up", "-d")
    gone(thole, "old:serve")
    assert "old:serve | last words" in thole.run("logs").lines
    assert "old:serve | last words" in thole.run("logs", "old").lines


def test_dry_run_says_what_would_happen_and_does_nothing(thole):
    thole.config(config(a=serve(), b=serve(env={"X": "1"}), old=serve()))
    first = thole.run("up", "--dry-run", "-o", "json").json()
    assert [(c["target"], c["action"]) for c in first["changes"]] == \
        [("a:serve", "start"), ("b:serve", "start"), ("old:serve", "start")]
    assert "nothing of" in thole.run("ps", code=2).err
    thole.run("up", "-d", "--wait")
    thole.config(config(a=serve(), b=serve(env={"X": "2"}), new=serve()))
    text = thole.run("up", "--dry-run")
    table = [line.split() for line in text.lines]
    assert ["b:serve", "restart", "env.X", "changed", "in", "thole.yaml"] in table
    assert ["new:serve", "start", "new", "in", "thole.yaml"] in table
    assert ["old:serve", "stop", "removed", "from", "thole.yaml"] in table
    assert "1 of 4 targets would stay" in text.err


def test_dry_run_promises_nothing_that_is_stopped(thole):
    thole.config(config(a=serve(), b=serve(), off=serve(enabled=False)))
    thole.run("up", "-d", "--wait")
    thole.run("stop", "a")
    thole.config(config(a=serve(SLEEP + " 0"), b=serve(), off=serve(SLEEP + " 0", enabled=False)))
    wait_until(lambda: not thole.target("tiltfile:update")["state"]["terminated"].get("error"))
    changes = {c["target"]: c["action"] for c in thole.run("up", "--dry-run", "-o", "json").json()["changes"]}
    assert set(changes.values()) <= {"keep", "update"}
    changes = {c["target"]: c["action"] for c in thole.run("up", "--dry-run", "a", "-o", "json").json()["changes"]}
    assert changes["a:serve"] == "start"


def test_dry_run_of_a_broken_file(thole):
    thole.config("version: 1\nservices: {a: {comand: x}}\n")
    assert 'unknown key "comand"' in thole.run("up", "--dry-run", code=2).err
    thole.config(config(a=serve()))
    assert 'no service or target named "b"' in thole.run("up", "--dry-run", "b", code=2).err


def test_a_ci_session_goes_on_with_the_file_it_began_with(thole):
    services = {"a": serve(), "b": serve("exec sleep 1000", ready={"exec": "false"})}
    thole.config(config(**services))
    thole.run("ci", "-d")
    thole.wait_target("a:serve", "active")
    path = f"/apis/tilt.dev/v1alpha1/sessions/{thole.session()['metadata']['name']}/reload"
    assert thole.api(path, method="POST", body={})[0] == 200, "nothing has changed"
    thole.run("up", "-d")
    thole.config(config(**services, c=serve()))
    code, reply = thole.api(path, method="POST", body={})
    assert code == 409 and "goes on with the file as it was" in reply["message"]
    assert "goes on with the file as it was" in thole.run("up", "-d", code=3).err


def test_a_file_that_says_the_same_changes_nothing_for_the_next_server(thole):
    path = thole.config(config(a=serve()))
    thole.run("up", "-d", "--wait")
    thole.config(config(a=serve(SLEEP + " 0")))
    thole.run("up", "-d", "--wait")
    told = len(re.findall("thole.yaml changed", thole.run("events").out))
    with open(path, "a", encoding="utf-8") as file:
        file.write("\n# nothing new\n")
    for _ in range(2):
        thole.replace_server()
        thole.run("up", "-d")
    assert len(re.findall("thole.yaml changed", thole.run("events").out)) == told


@pytest.mark.parametrize("point", ["saved", "reloaded"])
def test_a_server_killed_while_it_reloads(thole, point):
    """What was taken up is on disk before anything is done about it. (The first `saved` is that of the reload.)"""
    thole.use_faults("server")
    thole.config(config(a=serve(), b=serve(), old=serve()))
    thole.run("up", "-d", "--wait", env={"THOLE_CRASH_DIR": str(thole.base)})
    before = run_of(thole, "a:serve")
    (thole.base / f"server.{point}").touch()
    thole.config(config(a=serve(), b=serve(SLEEP + " 0"), new=serve()))
    thole.run("up", "-d", "--wait")
    assert not (thole.base / f"server.{point}").exists(), "no server died"
    thole.wait_target("b:serve", "active", run=2)
    thole.wait_target("new:serve", "active", run=1)
    gone(thole, "old:serve")
    assert run_of(thole, "a:serve") == before


def test_a_service_that_leaves_is_stopped_by_the_next_server(thole):
    thole.config(config(a=serve(), old=serve("trap '' TERM; echo deaf; while :; do sleep 0.01; done", stop={"grace": "3s"})))
    thole.run("up", "-d", "--wait")
    wait_until(lambda: "old:serve | deaf" in thole.run("logs").lines)
    pid = run_of(thole, "old:serve")[1]
    thole.config(config(a=serve()))
    thole.run("up", "-d")
    assert thole.target("old:serve")["state"]["active"]["pid"] == pid
    thole.replace_server()
    gone(thole, "old:serve")
    assert pid not in thole.processes()
    assert run_of(thole, "a:serve")[0] == 1


# ---- a file that is saved

def test_a_saved_file_is_taken_up(thole):
    thole.config(config(a=serve(), b=serve()))
    thole.run("up", "-d", "--wait")
    before = run_of(thole, "a:serve")
    thole.config(config(a=serve(), b=serve(SLEEP + " 0"), c=serve()))
    thole.wait_target("b:serve", "active", run=2)
    thole.wait_target("c:serve", "active", run=1)
    assert run_of(thole, "a:serve") == before


def test_a_broken_file_is_told_and_a_mended_one_taken_up(thole):
    path = thole.config(config(a=serve()))
    up = thole.popen("up")
    up.wait_for("", stream=1)
    thole.wait_target("a:serve", "active")
    before = run_of(thole, "a:serve")
    thole.config("version: 1\nservices: {a: {comand: x}}\n")
    wait_until(lambda: thole.target("tiltfile:update")["state"]["terminated"].get("error"))
    assert f"{path}:2:" in thole.target("tiltfile:update")["state"]["terminated"]["error"]
    up.wait_for(r'tiltfile:update failed: .*unknown key "comand"', stream=2)
    thole.config(config(a=serve(), b=serve()))
    thole.wait_target("b:serve", "active", run=1)
    wait_until(lambda: not thole.target("tiltfile:update")["state"]["terminated"].get("error"))
    assert run_of(thole, "a:serve") == before


@pytest.mark.parametrize("how", ["rename", "delete", "write"])
def test_the_ways_of_editors(thole, how):
    path = thole.config(config(a=serve()))
    thole.run("up", "-d", "--wait")
    text = json.dumps(config(a=serve(), b=serve()))
    slug = thole.session()["metadata"]["name"]
    if how == "rename":
        thole.file(".thole.yaml.swp", text)
        os.rename(thole.project / ".thole.yaml.swp", path)
    elif how == "delete":
        os.remove(path)
        targets = f"{THOLE_API}/namespaces/{slug}/targets/tiltfile.update"
        wait_until(lambda: thole.api(targets)[1]["status"]["state"]["terminated"].get("error"))
        thole.file("thole.yaml", text)
    else:
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
    thole.wait_target("b:serve", "active", run=1)
    assert run_of(thole, "a:serve")[0] == 1


def test_an_env_file_is_taken_up(thole):
    thole.file(".env", "X=1\n")
    thole.config(config(a=serve("echo X is $X; " + SLEEP, env_from=[".env"]), b=serve()))
    thole.run("up", "-d", "--wait")
    thole.file(".env", "X=2\n")
    thole.wait_target("a:serve", "active", run=2)
    wait_until(lambda: "a:serve | X is 2" in thole.run("logs").lines)
    assert run_of(thole, "b:serve")[0] == 1


@pytest.mark.deadline(120)
def test_fifty_edits_a_second(thole):
    """The last one counts, and what it leaves alone was not touched."""
    thole.config(config(a=serve(), b=serve(env={"X": "0"})))
    thole.run("up", "-d", "--wait")
    before = run_of(thole, "a:serve")
    next_at = time.monotonic()
    for i in range(1, 151):
        text = json.dumps(config(a=serve(), b=serve(env={"X": str(i)})))
        thole.file("thole.yaml", text if i % 7 else text[:len(text) // 2])
        next_at += 0.02
        time.sleep(max(0, next_at - time.monotonic()))  # sleep: the pace is what is tested
    want = "150"
    wait_until(lambda: thole.run("config", "-o", "json").json()["services"]["b"]["env"]["X"] == want)

    def env_of_b():
        with open(f"/proc/{run_of(thole, 'b:serve')[1]}/environ", "rb") as file:
            return b"X=150" in file.read().split(b"\0")
    wait_until(env_of_b, what="the last edit")
    assert run_of(thole, "a:serve") == before
    assert not thole.target("tiltfile:update")["state"]["terminated"].get("error")


def test_a_file_that_is_saved_while_no_server_lives(thole):
    thole.config(config(a=serve(), b=serve()))
    thole.run("up", "-d", "--wait")
    before = run_of(thole, "a:serve")
    thole.run("server", "stop")
    thole.config(config(a=serve(), b=serve(SLEEP + " 0")))
    thole.wait_target("b:serve", "active", run=2)
    assert run_of(thole, "a:serve") == before


def test_why_it_was_started_again(thole):
    thole.config(config(a=serve()))
    thole.run("up", "-d", "--wait")
    thole.config(config(a=serve(SLEEP + " 0")))
    thole.wait_target("a:serve", "active", run=2)
    assert "command changed in thole.yaml" in thole.run("why", "a").out


def test_a_file_that_is_gone(thole):
    """Another branch is checked out: the session is found all the same."""
    path = thole.config(config(a=serve("echo from a; " + SLEEP)))
    thole.run("up", "-d", "--wait")
    wait_until((thole.project / ".thole" / "state.json").exists)
    os.remove(path)
    assert "a:serve" in thole.run("ps").out
    assert "a:serve" in thole.run("--file", "thole.yaml", "ps").out
    (thole.project / "below").mkdir()
    assert "a:serve" in thole.run("ps", cwd=thole.project / "below").out
    wait_until(lambda: "a:serve | from a" in thole.run("logs").lines)
    thole.run("down", "--purge")
    (thole.project / ".thole").mkdir(exist_ok=True)
    thole.file(".thole/state.json", json.dumps({"config_path": str(path)}))
    assert f"{path} is gone, and nothing of it is running" in thole.run("ps", code=2).err


def test_a_broken_file_is_told_by_whoever_comes_later(thole):
    path = thole.config(config(a=serve()))
    thole.run("up", "-d", "--wait")
    thole.config("version: 1\nservices: {a: {comand: x}}\n")
    wait_until(lambda: thole.target("tiltfile:update")["state"]["terminated"].get("error"))
    later = thole.run("up", "-d", code=2)
    assert f'{path}:2:' in later.err and 'unknown key "comand"' in later.err
    assert any(line.startswith("tiltfile:update") and "failed" in line for line in thole.run("ps").lines)
    assert "thole vet" in thole.run("why", "tiltfile:update").out


def test_what_concerns_no_process_counts_from_now_on(thole):
    """The policy of restarts, dependencies, the project's name: nothing is started anew for them."""
    thole.config(config(a=serve(restart="never"), b=serve()))
    thole.run("up", "-d", "--wait")
    before, slug = run_of(thole, "a:serve"), thole.session()["metadata"]["name"]
    changed = config(a=serve(restart={"delay": "1ms"}, depends_on=["b"]), b=serve())
    thole.config({**changed, "name": "another"})
    thole.run("up", "-d", "--wait")
    assert run_of(thole, "a:serve") == before
    assert thole.session()["metadata"]["name"] == slug
    thole.kill(before[1])
    thole.wait_target("a:serve", "active", run=2)


def reloaded(thole, times):
    wait_until(lambda: thole.run("events").out.count("thole.yaml changed:") == times, what="the reload")


def test_what_is_watched_follows_the_file(thole):
    """`watch` and `trigger` come, change and go without a run of their own."""
    for name in ("one", "two"):
        thole.file(f"{name}/a", "1")
    web = {"command": "echo ran >>$LEDGER; exec sleep 1000"}
    thole.config(config(web=web))
    thole.run("up", "-d", "--wait")
    thole.config(config(web={**web, "watch": "one"}))
    reloaded(thole, 1)
    thole.edit("one/a", "2")
    thole.wait_target("web:serve", "active", run=2)
    thole.config(config(web={**web, "watch": "two"}))
    reloaded(thole, 2)
    thole.edit("one/a", "3")
    thole.edit("two/a", "3")
    thole.wait_target("web:serve", "active", run=3)
    wait_until(lambda: "started again: two/a changed" in thole.message("web:serve"), what="its reason")
    thole.config(config(web={**web, "watch": "two", "trigger": "manual"}))
    reloaded(thole, 3)
    thole.edit("two/a", "4")
    wait_until(lambda: "two/a" in json.dumps(thole.target("web:serve")), what="what is pending")
    assert run_of(thole, "web:serve")[0] == 3
    thole.config(config(web=web))
    reloaded(thole, 4)
    assert run_of(thole, "web:serve")[0] == 3 and thole.ledger() == ["ran"] * 3


def test_a_schedule_follows_the_file(thole):
    job = {"type": "job", "command": "echo tick >>$LEDGER"}
    thole.config(config(tick={**job, "schedule": "@yearly"}))
    thole.run("up", "-d", "--wait")
    thole.config(config(tick={**job, "schedule": {"interval": "100ms"}}))
    wait_until(lambda: len(thole.ledger()) >= 2, what="its times")
    thole.config(config(tick={**job, "schedule": "@yearly"}))
    reloaded(thole, 2)
    wait_until(lambda: "-01-01 00:00" in thole.message("tick:update"), what="its next time")
    assert thole.target("tick:update")["state"]["waiting"]["waitReason"] == "schedule"


LISTEN = ["/usr/bin/python3", "-u", "-c", """
import os, socket
listener = socket.socket(fileno=3)
while True:
    peer = listener.accept()[0]
    peer.sendall(str(os.getpid()).encode())
    peer.close()
"""]


def test_lazy_follows_the_file(thole, free_port):
    """One that runs goes on when it becomes lazy; when it waits and is lazy no more, it starts."""
    port = free_port()
    web = {"command": LISTEN, "port": port, "pass": "fd"}
    thole.config(config(web={**web, "lazy": True}))
    thole.run("up", "-d", "--wait")
    assert thole.target("web:serve")["state"]["waiting"]["waitReason"] == "waiting-for-connection"
    thole.config(config(web=web))
    first = thole.wait_target("web:serve", "active", run=1)["pid"]
    thole.config(config(web={**web, "lazy": True}))
    reloaded(thole, 2)
    assert run_of(thole, "web:serve") == (1, first)
    with socket.create_connection(("127.0.0.1", port), 20) as client:
        assert client.recv(20) == str(first).encode()
    thole.kill(first)
    thole.wait_target("web:serve", "active", run=2)


def test_who_looks_on_is_told_what_a_reload_does(thole):
    thole.config(config(a=serve(), old=serve()))
    live = thole.popen("up")
    live.wait_for("is ready: 2 servers", stream=2)
    thole.config(config(a=serve("exec sleep 1001"), new=serve()))
    live.wait_for(r"thole: thole\.yaml changed: restart a:serve; start new:serve; stop old:serve", stream=2)
    live.wait_for("(?s)changed: restart.*is ready: 2 servers", stream=2)
    os.utime(thole.project / "thole.yaml")  # nothing in it is new: nothing is told
    thole.config(config(a=serve("exec sleep 1001"), new=serve(), more=serve()))
    live.wait_for(r"changed: start more:serve", stream=2)
    assert live.output[2].decode().count("yaml changed:") == 2
    told = [event["message"] for event in map(json.loads, thole.run("events", "--json").lines) if event["reason"] == "Reloaded"]
    assert told == ["thole.yaml changed: restart a:serve; start new:serve; stop old:serve", "thole.yaml changed: start more:serve"]
