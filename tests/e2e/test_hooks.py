# SPDX-License-Identifier: Apache-2.0
"""Hooks: commands around each run, runs like any other; each once for a run, whoever is killed meanwhile."""

import pytest

from driver import alive, read_proc, wait_until

NAP = "while ! test -e {go}; do sleep 0.01; done"


def hooked(**keys):
    service = {"command": "echo serve >>$LEDGER; exec sleep 1000", "restart": {"delay": "1ms", "max_delay": "1ms"}, **keys}
    return {"version": 1, "services": {"api": service}}


def say(word, then=""):
    return f"echo {word} $THOLE_RUN >>$LEDGER; {then}"


def test_around_each_run(thole):
    thole.config(hooked(env={"COLOR": "red"}, hooks={
        "before": "echo before $THOLE_HOOK $THOLE_RUN $COLOR $PWD >>$LEDGER",
        "after": ["sh", "-c", "echo after $THOLE_RUN $THOLE_EXIT_CODE >>$LEDGER"],
        "on_failure": "echo failure $THOLE_RUN $THOLE_EXIT_CODE $THOLE_ERROR >>$LEDGER"}))
    thole.run("up", "-d", "--wait")
    first = thole.wait_target("api:serve", "active", run=1)["pid"]
    assert thole.ledger() == [f"before before 1 red {thole.project}", "serve"]
    thole.kill(first)
    thole.wait_target("api:serve", "active", run=2)
    thole.run("stop", "api")
    wait_until(lambda: len(thole.ledger()) == 7)
    ledger = thole.ledger()
    assert ledger[2:4] == ["failure 1 137 killed by SIGKILL", "after 1 137"]
    assert ledger[4:6] == [f"before before 2 red {thole.project}", "serve"]
    assert ledger[6].startswith("after 2 ")


def test_before_fails(thole):
    thole.config(hooked(restart="never", hooks={"before": "echo no way; exit 2", "after": say("after"), "on_failure": say("failure")}))
    thole.run("up", "-d", "--wait", code=1)
    ended = thole.wait_target("api:serve", "terminated", run=1)
    assert ended["error"] == "hook before failed: exit code 2"
    thole.wait_ledger("failure 1")
    assert thole.ledger() == ["failure 1"]
    assert "api:serve.before | no way" in thole.run("logs", "api").out


def test_before_is_tried_again_by_the_policy(thole):
    thole.config(hooked(hooks={"before": say("before", "test -e go")}))
    thole.run("up", "-d")
    thole.wait_ledger("before 3")
    thole.file("go", "")
    thole.wait_target("api:serve", "active")
    assert thole.ledger().count("serve") == 1


def test_logs_are_followed(thole):
    thole.config(hooked(hooks={"before": "echo before it", "after": "echo after it"}))
    thole.run("up", "-d", "--wait")
    logs = thole.popen("logs", "-f", "api")
    logs.wait_for(r"api:serve\.before *\| before it")
    thole.run("stop", "api")
    logs.wait_for(r"api:serve\.after *\| after it")
    assert "after it" in thole.run("logs", "api:serve").out
    assert "before it" not in thole.run("logs", "api:serve.after").out


def test_stop_while_before_runs(thole):
    thole.config(hooked(hooks={"before": "echo $$ >pid; exec sleep 1000", "after": say("after"), "on_failure": say("failure")}))
    thole.run("up", "-d")
    pid = int(wait_until(lambda: (thole.project / "pid").read_text()))
    wait_until(lambda: thole.target("api:serve")["message"] == "waiting for its hook before to end")
    thole.run("stop", "api")
    assert not alive(pid)
    assert thole.target("api:serve")["message"] == "stopped by request"
    assert thole.ledger() == []


def test_down_waits_for_after(thole):
    thole.config({"version": 1, "services": {
        "db": {"command": "trap 'echo db stopped >>$LEDGER; exit' TERM; while :; do sleep 0.01; done"},
        "api": {"command": "exec sleep 1000", "depends_on": ["db"], "hooks": {"after": "sleep 0.2; echo after >>$LEDGER"}}}})
    thole.run("up", "-d", "--wait")
    thole.run("down")
    assert thole.ledger() == ["after", "db stopped"]


def test_the_next_run_waits_for_after(thole):
    thole.config(hooked(hooks={"after": say("after", NAP.format(go="go"))}))
    thole.run("up", "-d", "--wait")
    thole.kill(thole.target("api:serve")["state"]["active"]["pid"])
    thole.wait_target("api:serve", "waiting", waitReason="hook")
    assert thole.target("api:serve")["message"] == "killed by SIGKILL; waiting for the hook after of run 1 to end"
    thole.file("go", "")
    thole.wait_target("api:serve", "active", run=2)


def test_timeout(thole):
    thole.config(hooked(restart="never", hooks={"before": "exec sleep 1000", "timeout": "200ms"}))
    thole.run("up", "-d")
    assert thole.wait_target("api:serve", "terminated")["error"] == "hook before failed: timed out after 200ms"


def test_jobs_and_builds(thole):
    thole.config({"version": 1, "services": {
        "one": {"type": "job", "command": "echo one >>$LEDGER; exit 3", "hooks": {"before": say("before"), "after": say("after")}},
        "web": {"build": "echo build >>$LEDGER", "command": "exec sleep 1000", "hooks": {"before": say("before web")}}}})
    thole.run("up", "-d")
    thole.wait_target("web:serve", "active")
    thole.wait_target("one:update", "terminated", error="exit code 3")
    thole.wait_ledger("after 1")
    assert sorted(thole.ledger()) == ["after 1", "before 1", "before web 1", "build", "one"]


@pytest.mark.parametrize("hook", ["before", "after", "on_failure"])
def test_the_server_is_killed_while_it_runs(thole, hook):
    thole.config(hooked(hooks={hook: say(hook, NAP.format(go="go"))}))
    thole.run("up", "-d")
    if hook != "before":
        thole.wait_ledger("serve")
        thole.kill(thole.wait_target("api:serve", "active", run=1)["pid"])
    thole.wait_ledger(f"{hook} 1")
    for _ in range(2):
        thole.replace_server()
        thole.wait_target("api:serve", "waiting", waitReason="starting" if hook == "before" else "hook")
    thole.file("go", "")
    thole.wait_target("api:serve", "active", run=1 if hook == "before" else 2)
    wanted = ["before 1", "serve"] if hook == "before" else ["serve", f"{hook} 1", "serve"]
    wait_until(lambda: thole.ledger() == wanted, what="its lines")


@pytest.mark.parametrize("point", ["launched", "asked", "started", "hooked", "ended"])
def test_a_crash_at_each_point(thole, point):
    """The server dies again and again there; each run has each of its hooks once."""
    crashes = thole.base / "crashes"
    crashes.mkdir()
    thole.use_faults("server")
    thole.env["THOLE_CRASH_DIR"] = str(crashes)
    thole.config({"version": 1, "services": {"one": {
        "type": "job", "command": "echo run >>$LEDGER; exit 1",
        "hooks": {"before": say("before"), "on_failure": say("failure"), "after": say("after")}}}})
    thole.run("up", "-d")
    thole.wait_ledger("after 1")
    for n in range(1, 7):
        last = [line for line in thole.ledger() if line.startswith("after")][-1]
        (crashes / f"server.{point}").touch()
        thole.run("start", "one", code=None)
        wait_until(lambda: not (crashes / f"server.{point}").exists())
        wait_until(lambda: [line for line in thole.ledger() if line.startswith("after")][-1] != last)
        thole.wait_target("one:update", "terminated")
    ledger = thole.ledger()
    for word in ("before", "failure", "after"):
        of = [line for line in ledger if line.startswith(word + " ")]
        assert len(of) == len(set(of)), (point, ledger)
    assert len([line for line in ledger if line.startswith("run")]) == len([line for line in ledger if line.startswith("failure")])
    assert len([line for line in ledger if line.startswith("run")]) == len([line for line in ledger if line.startswith("after")])


def test_kill_nine_of_server_when_its_run_ends(thole):
    """The run ends while no server is there: the next one runs what is owed, once."""
    thole.config(hooked(restart="never", hooks={"after": say("after"), "on_failure": say("failure")}))
    thole.run("up", "-d", "--wait")
    pid = thole.wait_target("api:serve", "active", run=1)["pid"]
    rail, server = thole.rail_pid(), thole.server_pid()
    thole.kill(rail)
    thole.kill(server)
    thole.kill(pid)
    thole.run("ps")
    thole.wait_ledger("after 1")
    thole.replace_server()
    thole.replace_server()
    thole.wait_target("api:serve", "terminated")
    assert thole.ledger() == ["serve", "failure 1", "after 1"]


def test_no_hooks_cost_nothing(thole):
    """No file, no process: what has no hooks is as before."""
    thole.config({"version": 1, "services": {"api": {"command": "exec sleep 1000"}}})
    thole.run("up", "-d", "--wait")
    assert not [path for path in thole.state.rglob("hooks")]
    assert sorted(read_proc(pid, "comm").decode().strip() for pid in thole.processes()) == [
        "sleep", "thole-pin", "thole-rail", "thole-server"]


def test_a_hook_that_fails_afterwards_is_told_and_changes_nothing(thole):
    thole.config({"version": 1, "services": {
        "well": {"type": "job", "command": "echo well >>$LEDGER", "hooks": {"after": "echo broom broke; exit 4"}},
        "ill": {"type": "job", "command": "exit 3", "hooks": {"on_failure": "exit 5", "after": say("after")}},
        "next": {"type": "job", "command": "echo next >>$LEDGER", "depends_on": ["well"]}}})
    thole.run("up", "-d")
    thole.wait_ledger("next")
    wait_until(lambda: thole.message("well:update") == "hook after failed: exit code 4")
    assert thole.wait_target("well:update", "terminated", run=1).get("error", "") == ""
    wait_until(lambda: "hook on_failure failed: exit code 5" in thole.run("events", "ill").out)
    assert thole.wait_target("ill:update", "terminated", run=1)["error"].startswith("exit code 3")
    thole.wait_ledger("after 1")


def test_a_lock_is_held_until_its_hooks_have_ended(thole):
    job = {"type": "job", "locks": ["db"]}
    thole.config({"version": 1, "services": {
        "a": {**job, "command": "echo a >>$LEDGER", "hooks": {"after": say("after", NAP.format(go="go"))}},
        "b": {**job, "command": "echo b >>$LEDGER"}}})
    thole.run("up", "-d")
    thole.wait_ledger("after 1")
    thole.wait_target("b:update", "waiting", waitReason="waiting-for-lock")
    assert thole.message("b:update") == "waiting for the lock db, which a holds"
    thole.file("go", "")
    thole.wait_ledger("b")
    assert thole.ledger() == ["a", "after 1", "b"]


def test_a_hook_knows_nothing_of_an_end_that_nobody_saw(thole):
    """Its pin is killed: the exit code is unknown, and empty."""
    thole.config(hooked(restart="never", hooks={"on_failure": "echo failure $THOLE_RUN =$THOLE_EXIT_CODE= $THOLE_ERROR >>$LEDGER"}))
    thole.run("up", "-d", "--wait")
    thole.kill(thole.pins()[0])
    thole.wait_ledger("serve")
    line = wait_until(lambda: [line for line in thole.ledger() if line.startswith("failure")])[0]
    assert line.startswith("failure 1 == ") and "pin" in line


def test_after_a_reload_the_hooks_of_a_run_are_of_its_own_world(thole):
    """The one that ends has the environment, the directory and the ports it was begun with; a change of `after` alone restarts nothing."""
    thole.file("one/.keep", "")
    thole.file("two/.keep", "")

    def config(word, port, after):
        return hooked(path=word, port=port, env={"WORD": word}, hooks={"after": f"echo {after} $THOLE_RUN $WORD $PORT $(basename $PWD) >>$LEDGER"})
    thole.config(config("one", 25001, "after"))
    thole.run("up", "-d", "--wait")
    thole.config(config("one", 25001, "later"))
    wait_until(lambda: thole.run("events", "-o", "json").out.count('"Reloaded"') == 1, what="the reload")
    assert thole.target("api:serve")["state"]["active"]["run"] == 1
    thole.config(config("two", 25002, "later"))
    thole.wait_target("api:serve", "active", run=2)
    assert [line for line in thole.ledger() if "serve" not in line] == ["after 1 one 25001 one"]


@pytest.mark.parametrize("point", ["launched", "asked", "hooked"])
def test_a_run_that_before_refused_keeps_its_failure_and_its_hook(thole, point):
    """The server dies when `on_failure` is asked for; the next one runs it once, and the refused run is not tried anew."""
    crashes = thole.base / "crashes"
    crashes.mkdir()
    thole.use_faults("server")
    thole.env["THOLE_CRASH_DIR"] = str(crashes)
    thole.config(hooked(restart="never", hooks={"before": say("before", NAP.format(go="go") + "; exit 3"), "on_failure": say("failure")}))
    thole.run("up", "-d")
    thole.wait_ledger("before 1")
    (crashes / f"server.{point}").touch()
    thole.file("go", "")
    wait_until(lambda: not (crashes / f"server.{point}").exists(), what="the server to die")
    thole.wait_ledger("failure 1")
    for _ in range(2):
        assert thole.wait_target("api:serve", "terminated", run=1)["error"] == "hook before failed: exit code 3"
        thole.replace_server()
    thole.run("start", "api", code=1)
    thole.wait_ledger("failure 2")
    assert thole.ledger() == ["before 1", "failure 1", "before 2", "failure 2"]


def test_what_leaves_the_file_has_its_hook_before_it_goes(thole):
    keep = {"command": "exec sleep 1000"}
    goes = {"command": "exec sleep 1000", "hooks": {"after": "echo begun >>$LEDGER; while ! test -e go; do sleep 0.01; done; echo over >>$LEDGER"}}
    thole.config({"version": 1, "services": {"keep": keep, "goes": goes}})
    thole.run("up", "-d", "--wait")
    thole.config({"version": 1, "services": {"keep": keep}})
    thole.wait_ledger("begun")
    assert "goes:serve" in [target["name"] for target in thole.session()["status"]["targets"]]
    thole.file("go", "")
    thole.wait_ledger("over")
    wait_until(lambda: [t["name"] for t in thole.session()["status"]["targets"]] == ["keep:serve", "tiltfile:update"], what="its end")
    thole.run("down", timeout=20)
    assert thole.ledger() == ["begun", "over"]
