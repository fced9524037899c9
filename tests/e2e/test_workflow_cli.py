# SPDX-License-Identifier: Apache-2.0
"""Workflows as a person sees them: `thole workflow`, `thole ps -a`."""

import json
import re
import signal
import subprocess

import pytest

import driver
from driver import wait_until
from workflows import config, step, write_config


def lines_of(result):
    """What steps wrote, without the commands that the shell shows."""
    return [line for line in result.lines if " | + " not in line]


# ---- run

def test_run_shows_what_steps_write_and_says_what_becomes_of_them(thole):
    path = write_config(thole, [step("a", "echo one", "echo two >&2")], [step("b", "echo three", "exit 3")], [step("c", "true")])
    result = thole.run("workflow", "run", path, "--backend", "local", "--task-uuid", "T1", code=1)
    assert lines_of(result) == ["a | one", "a | two", "b | three"]
    said = [re.sub(r"after \S+?(?=[: ]|$)", "after D", line) for line in result.err.splitlines()]
    assert said == ["thole: a: success, after D", "thole: b: failure, exit code 3, after D", "thole: c: skipped",
                    "thole: workflow T1: failure after D: step b: exit code 3 (1 success, 1 failure, 1 skipped)"]
    assert "task T1 has run already" in thole.run("workflow", "run", path, "--task-uuid", "T1", code=3).err


def test_run_on_the_fake_backend_needs_no_program(thole):
    path = write_config(thole, [step("a", "x", image="no/such:image", environment={"SLEEP": "10ms"})],
                        [step("b", "x", environment={"STEP_EXIT_CODE": "4"})])
    result = thole.run("workflow", "run", path, "--backend", "fake", code=1)
    assert "thole: b: failure, exit code 4" in result.err


def test_json_is_the_workflow_at_its_end_alone(thole):
    path = write_config(thole, [step("a", "echo one")])
    result = thole.run("workflow", "run", path, "--backend", "local", "-o", "json")
    assert result.json()["status"]["result"] == "success" and result.err == ""


def test_run_reads_stdin(thole):
    result = thole.run("workflow", "run", "-", "--backend", "local", input=json.dumps(config([step("a", "echo one")])))
    assert lines_of(result) == ["a | one"]
    assert "stdin:1:9: not valid JSON: " in thole.run("workflow", "run", "-", input="{nonsense", code=2).err


def test_its_time_is_up(thole):
    path = write_config(thole, [step("a", "sleep 1000")])
    assert "timeout of 200ms" in thole.run("workflow", "run", path, "--backend", "local", "--timeout", "200ms", code=4).err


def test_an_interrupt_cancels_it(thole):
    path = write_config(thole, [step("a", "echo here", "sleep 1000")],
                        [step("b", "true", on_failure=True, backend_options={"thole": {"on_cancel": True}})])
    live = thole.popen("workflow", "run", path, "--backend", "local", "--task-uuid", "T1")
    live.wait_for(r"^a \| here")
    live.signal(signal.SIGINT)
    assert live.wait() == 130
    assert re.search("a: killed, after .*: Canceled", live.err) and "b: success" in live.err
    assert "workflow T1: canceled" in live.err.splitlines()[-1]


def test_a_closed_terminal_leaves_it_running(thole):
    path = write_config(thole, [step("a", "echo here", "until test -e go; do sleep 0.02; done")])
    live = thole.popen("workflow", "run", path, "--backend", "local", "--task-uuid", "T1")
    live.wait_for(r"^a \| here")
    live.signal(signal.SIGHUP)
    assert live.wait() == 143 and live.err == ""
    assert thole.run("workflow", "show", "T1", "--json").json()["status"]["phase"] == "running"
    (thole.state / "workflows" / "t1" / "workspace" / "go").touch()
    thole.run("workflow", "wait", "T1")


def test_a_termination_cancels_it(thole):
    path = write_config(thole, [step("a", "echo here", "sleep 1000")])
    live = thole.popen("workflow", "run", path, "--backend", "local", "--task-uuid", "T1")
    live.wait_for(r"^a \| here")
    live.signal(signal.SIGTERM)
    assert live.wait() == 143 and "workflow T1: canceled" in live.err.splitlines()[-1]


def test_what_is_deleted_is_shown_to_its_end(thole):
    path = write_config(thole, [step("a", "trap 'seq 1000; exit' TERM", "echo here", "while :; do sleep 0.01; done")], [step("b", "true")])
    live = thole.popen("workflow", "run", path, "--backend", "local", "--task-uuid", "T1")
    live.wait_for(r"^a \| here")
    thole.run("workflow", "delete", "T1")
    assert live.wait() == 1
    assert re.findall(r"^a \| (\d+)$", live.out, re.M) == [str(i) for i in range(1, 1001)]
    said = live.err.splitlines()
    assert re.match("thole: a: killed,.* after .*: Canceled", said[0]) and said[1:] == ["thole: b: skipped", "thole: workflow T1: deleted meanwhile"]
    wait_until(lambda: not (thole.state / "workflows" / "t1").exists(), what="it to be gone")


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_each_line_is_printed_once_though_servers_end(thole, number):
    """Two steps that write all the while; the second only says that it goes on when it is told to."""
    write = "i=0; while ! test -e stop; do i=$((i+1)); echo line $i; sleep 0.005; done; echo last $i"
    path = write_config(thole, [step("a", write), step("b", write)], [step("c", "echo end")])
    live = thole.popen("workflow", "run", path, "--backend", "local", "--task-uuid", "T1")
    live.wait_for(r"^b \| line 20$")
    for _ in range(3):
        seen = int(re.findall(r"^a \| line (\d+)$", live.out, re.M)[-1])
        thole.kill(thole.server_pid(), number)
        wait_until(lambda: int(re.findall(r"^a \| line (\d+)$", live.out, re.M)[-1]) > seen + 50, what="lines after the server has ended")
    (thole.state / "workflows" / "t1" / "workspace" / "stop").touch()
    assert live.wait() == 0, live
    for name in "ab":
        lines = re.findall(rf"^{name} \| (line \d+|last \d+)$", live.out, re.M)
        n = int(lines[-1].split()[1])
        assert lines == [*(f"line {i}" for i in range(1, n + 1)), f"last {n}"]
    assert live.out.splitlines()[-1] == "c | end"
    assert "workflow T1: success" in live.err.splitlines()[-1]


def test_much_output_is_all_there_before_the_last_word(thole):
    path = write_config(thole, [step(name, "seq 1 20000") for name in "abcd"])
    result = thole.run("workflow", "run", path, "--backend", "local", code=0)
    for name in "abcd":
        assert [line for line in lines_of(result) if line.startswith(f"{name} |")] == [f"{name} | {i}" for i in range(1, 20001)]


def test_thousands_of_steps_are_shown_once_each(thole):
    path = write_config(thole, *([step(f"s{i}", "x")] for i in range(2000)))
    result = thole.run("workflow", "run", path, "--backend", "fake", code=0)
    shown = [line.split(" | ")[0] for line in result.lines]
    assert len(shown) % 2000 == 0 and all(shown.count(f"s{i}") == len(shown) // 2000 for i in range(0, 2000, 97))
    said = result.err.splitlines()
    assert len(said) == 2001 and "success after" in said[-1] and "(2000 success)" in said[-1]


def test_an_event_has_the_step_as_it_was_then(thole):
    path = write_config(thole, [step("a", "exit 3")], [step("b", "true")])
    thole.run("workflow", "run", path, "--backend", "local", "--task-uuid", "T1", code=1)
    steps = thole.run("workflow", "show", "T1", "--json").json()["status"]["steps"]
    steps = [{key: value for key, value in one.items() if key != "log"} for one in steps]  # which is where it is now
    events = [json.loads(line) for line in thole.run("workflow", "events", "T1", "-o", "json").lines]
    assert [event["step"] for event in events if event["kind"] in ["ended", "skipped"]] == steps
    begun = [event["step"] for event in events if event["kind"] == "started"]
    assert begun == [{"name": "a", "uuid": "Ua", "type": "commands", "state": "starting", "exited": False}]


def test_what_became_of_a_step_stands_behind_its_last_line(thole):
    """In one stream, as every CI has it."""
    path = write_config(thole, *[[step(f"s{i}", "echo one", "echo two >&2", "exit 3" if i == 5 else "true")] for i in range(6)])
    words = f"'{driver.BUILD}/thole' workflow run {path} --backend local 2>&1"
    said = subprocess.run(["sh", "-c", words], env=thole.env, cwd=thole.project, stdout=subprocess.PIPE, text=True, timeout=60).stdout
    lines = [re.sub(r"after \S+", "after", line) for line in said.splitlines()]
    for i in range(6):
        end = "failure, exit code 3, after" if i == 5 else "success, after"
        shown = [f"s{i} | {text}" for text in ["+ echo one", "one", "+ echo two >&2", "two", "+ exit 3" if i == 5 else "+ true"]]
        assert lines[6 * i:6 * i + 6] == [*shown, f"thole: s{i}: {end}"], said


def test_a_terminal_shows_what_runs_and_for_how_long(thole):
    path = write_config(thole, [step("quiet", "until test -e go; do sleep 0.02; done", "true"), step("other", "true")], [step("afterwards", "true")])
    live = thole.popen("workflow", "run", path, "--backend", "local", "--task-uuid", "T1", tty=(24, 80))
    live.wait_for(r"quiet +\x1b\[33mrunning\x1b\[0m +1s")
    (thole.state / "workflows" / "t1" / "workspace" / "go").touch()
    assert live.wait() == 0
    assert "\x1b[32msuccess\x1b[0m after" in live.out.splitlines()[-1]
    assert "quiet     \x1b[0m" in live.out  # as wide as the widest from the beginning


def test_a_terminal_shows_what_is_being_stopped(thole):
    path = write_config(thole, [step("deaf", "trap '' TERM", "echo here", "while :; do sleep 0.1; done")])
    live = thole.popen("workflow", "run", path, "--backend", "local", "--task-uuid", "T1", tty=(24, 80))
    live.wait_for(r"│\x1b\[0m here")
    live.wait_for(r"deaf +\x1b\[33mrunning")
    thole.run("workflow", "cancel", "T1", "--grace", "30s")
    live.wait_for(r"deaf +\x1b\[35mstopping")
    thole.run("workflow", "cancel", "T1", "--grace", "0s")
    assert live.wait() == 1


def test_names_are_cut_in_one_way(thole):
    name = "unit tests with a long name that goes on and on"
    path = write_config(thole, [step(name, "echo here", "until test -e go; do sleep 0.02; done")])
    live = thole.popen("workflow", "run", path, "--backend", "local", "--task-uuid", "T1", tty=(24, 80))
    live.wait_for(r"│\x1b\[0m here")
    cut = re.search(r"\x1b\[\d+m(unit[^\x1b]*…[^\x1b]*?) *\x1b\[0m \x1b\[2m│", live.out)[1]
    live.wait_for(re.escape(cut) + r" +\x1b\[33mrunning")
    (thole.state / "workflows" / "t1" / "workspace" / "go").touch()
    assert live.wait() == 0


# ---- what is wrong

def test_what_is_wrong_with_a_config_is_said(thole):
    path = thole.file("config.json", '{"pipeline": [{"steps": [{"name": "a"}]}]}')
    result = thole.run("workflow", "run", path, code=2)
    assert "pipeline[0].steps[0]" in result.err and "uuid" in result.err
    for key, value, said in [("image", "no/such", "no/such is the image of a container"), ("tmpfs", ["/x"], "`tmpfs`")]:
        path = write_config(thole, [step("a", "true", **{key: value})])
        assert said in thole.run("workflow", "run", path, "--backend", "local", code=2).err
    assert thole.run("workflow", "list", "--json").json() == []


WRONG = [
    (["run"], "takes the file of a Config"),
    (["run", "nothing.json"], "nothing.json"),
    (["run", "-", "--env", "A"], "--env A: it is K=V"),
    (["run", "-", "--env", "=x"], "a name stands before the ="),
    (["run", "-", "--secret", "NOT_SET_HERE"], "--secret NOT_SET_HERE: there is no such variable in your environment"),
    (["run", "-", "--backend", "moon"], "--backend takes auto|local|docker|fake"),
    (["run", "-", "-f"], "thole workflow run takes no --follow; that is for logs"),
    (["list", "--grace", "1s"], "thole workflow list takes no --grace; that is for cancel"),
    (["list", "x"], '"x" is one too many'),
    (["list", "-o", "raw"], 'thole workflow list has no output "raw"; there is text|json'),
    (["cancel"], "thole workflow cancel takes the uuid of a task"),
    (["show"], "there is no workflow; `thole workflow run CONFIG` begins one"),
    (["shwo"], "did you mean show?"),
    (["show", "nobody"], "there is no workflow nobody; `thole workflow list` shows them"),
    (["logs", "nobody"], "there is no workflow nobody"),
    (["logs", "nobody", "--since", "yesterday-ish"], "is no time"),
]


@pytest.mark.parametrize("words, says", WRONG, ids=[" ".join(words) for words, _ in WRONG])
def test_what_is_wrong_is_said(thole, words, says):
    result = thole.run("workflow", *words, code=2, input=json.dumps(config([step("a", "true")])))
    assert says in result.err and result.out == "", result


# ---- which is meant

def test_the_newest_stands_first_and_is_meant_without_a_uuid(thole):
    path = write_config(thole, [step("a", "echo $WHICH")])
    for which in ("Zeta", "alpha", "Mid"):  # neither their order nor the other way round
        thole.run("workflow", "run", path, "--backend", "local", "--task-uuid", which, "--env", f"WHICH={which}")
    assert [line.split()[0] for line in thole.run("workflow", "list").lines] == ["TASK", "Mid", "alpha", "Zeta"]
    assert [w["spec"]["task"] for w in thole.run("workflow", "list", "--json").json()] == ["Mid", "alpha", "Zeta"]
    assert thole.run("workflow", "show").lines[0].startswith("workflow Mid: success")
    assert thole.run("workflow", "wait", "--json").json()["spec"]["task"] == "Mid"
    assert lines_of(thole.run("workflow", "logs")) == ["a | Mid"]
    assert thole.run("workflow", "graph", "-o", "json").out == thole.run("workflow", "graph", "Mid", "-o", "json").out
    assert thole.run("workflow", "events").out == thole.run("workflow", "events", "Mid").out
    for verb in ("cancel", "delete"):
        assert "takes the uuid of a task" in thole.run("workflow", verb, code=2).err


def test_what_is_over_is_not_offered_to_be_cancelled(thole):
    def offered(*words):
        answers = thole.run("completion", "answer", "--", *(f"={word}" for word in ("workflow", *words, ""))).lines
        return {line.split("\t")[0] for line in answers}
    thole.run("workflow", "run", write_config(thole, [step("a", "true")]), "--backend", "local", "--task-uuid", "past")
    thole.run("workflow", "run", write_config(thole, [step("a", "exec sleep 1000")]), "--backend", "local", "--task-uuid", "now", "-d")
    assert offered("show") == offered("delete") == {"past", "now"}
    assert offered("cancel") == offered("wait") == {"now"}
    assert offered("show", "-o") == {"text", "json"} and offered("graph", "-o") == {"text", "json", "dot"}


# ---- logs

def test_logs_of_all_or_some_steps(thole):
    two = step("b", entrypoint=["sh", "-c", "echo two; echo three >&2"])  # which has a pipe for each stream
    path = write_config(thole, [step("a", "echo one")], [two])
    thole.run("workflow", "run", path, "--backend", "local", "--task-uuid", "T1")
    assert lines_of(thole.run("workflow", "logs", "T1")) == ["a | one", "b | two", "b | three"]
    assert lines_of(thole.run("workflow", "logs", "T1", "Ub", "--stream", "out")) == ["b | two"]
    assert thole.run("workflow", "logs", "t1", "b", "-n", "1").lines == ["b | three"]
    assert thole.run("workflow", "logs", "T1", "--grep", "^t").lines == ["b | two", "b | three"]
    last = json.loads(thole.run("workflow", "logs", "T1", "-o", "json").lines[-1])
    assert (last["target"], last["object"], last["text"]) == ("b", "Ub", "three")
    assert thole.run("workflow", "logs", "T1", "a", "-o", "raw").out == "+ echo one\none\n"
    assert 'workflow T1 has no step "bb"; `thole workflow show` lists them' in thole.run("workflow", "logs", "T1", "bb", code=2).err


def test_logs_go_on_over_a_server_that_is_killed_until_the_workflow_is_over(thole):
    path = write_config(thole, [step("a", "echo one", "until test -e go; do sleep 0.02; done", "echo two")], [step("b", "echo three")])
    thole.run("workflow", "run", path, "--backend", "local", "--task-uuid", "T1", "-d")
    live = thole.popen("workflow", "logs", "T1", "-f")
    live.wait_for(r"^a \| one$")
    thole.kill(thole.server_pid())
    wait_until(lambda: thole.run("workflow", "show", "T1", "--json").json()["status"]["steps"][0]["state"] == "running", what="adoption")
    (thole.state / "workflows" / "t1" / "workspace" / "go").touch()
    assert live.wait() == 0
    assert [line for line in live.out.splitlines() if " | + " not in line and "until" not in line] == ["a | one", "a | two", "b | three"]


# ---- the others


def test_events_tell_what_happened_and_go_on_over_a_server_that_is_killed(thole):
    path = write_config(thole, [step("a", "exit 0")], [step("b", "sleep 1000")], [step("c", "true")])
    thole.run("workflow", "run", path, "--backend", "local", "--task-uuid", "T1", "-d")
    live = thole.popen("workflow", "events", "T1", "-f")
    live.wait_for(r" b +started ")
    thole.kill(thole.server_pid())
    thole.run("workflow", "cancel", "T1", "--grace", "0s")
    assert live.wait() == 0
    events = [json.loads(line) for line in thole.run("workflow", "events", "T1", "-o", "json").lines]
    assert [(event["target"], event["kind"]) for event in events if "target" in event] == [
        ("a", "started"), ("a", "ended"), ("b", "started"), ("b", "ended"), ("c", "skipped")]
    assert [event["reason"] for event in events if event["kind"] == "workflow"] == ["Created", "SetUp", "Canceled", "Failed"]
    assert all(event["message"] for event in events), events
    assert len(live.out.splitlines()) == len(events)
    assert [line.split()[1:3] for line in thole.run("workflow", "events", "T1", "a").lines] == [["a", "started"], ["a", "ended"]]
    assert len(thole.run("workflow", "events", "T1", "-n", "1").lines) == 1
    assert "has no step nosuch" in thole.run("workflow", "events", "T1", "nosuch", code=None).err


def test_a_task_is_found_by_as_much_as_no_other_begins_with(thole):
    path = write_config(thole, [step("a", "true")])
    for task in ("abc1", "abc2", "abc"):
        thole.run("workflow", "run", path, "--backend", "fake", "--task-uuid", task)
    assert thole.run("workflow", "show", "abc", "--json").json()["spec"]["task"] == "abc"
    assert thole.run("workflow", "show", "abc1", "--json").json()["spec"]["task"] == "abc1"
    result = thole.run("workflow", "show", "ab", code=2)
    assert "3 workflows begin with ab: " in result.err and "abc1" in result.err
    thole.run("workflow", "delete", "abc2")
    wait_until(lambda: "abc2" not in thole.run("workflow", "list").out, what="it to be gone")


def test_list_and_show(thole):
    path = write_config(thole, [step("a", "true"), step("b", "true", environment={"STEP_EXIT_CODE": "2"})], [step("c", "true")])
    assert "there is no workflow" in thole.run("workflow", "list").err
    thole.run("workflow", "run", path, "--backend", "fake", "--task-uuid", "T1", code=1)
    head, row = thole.run("workflow", "list").lines
    assert head.split() == ["TASK", "STATE", "BACKEND", "STEPS", "AGE", "TOOK", "ERROR"]
    assert row.split()[:4] == ["T1", "failure", "fake", "3/3"] and row.endswith("step b: exit code 2")
    shown = thole.run("workflow", "show", "T1").lines
    assert shown[0].startswith("workflow T1: failure after ") and shown[1] == "on fake, 3 steps in 2 stages"
    assert [line.split()[:3] for line in shown[4:]][1] == ["b", "failure", "2"]
    assert shown[-1].split() == ["c", "skipped"]
    assert thole.run("workflow", "wait", "T1", code=1).out == ""
    thole.run("workflow", "run", write_config(thole, [step("a", "true")]), "--backend", "fake", "--task-uuid", "T2")
    assert thole.run("workflow", "show", "T2").lines[1] == "on fake, 1 step in 1 stage"


def test_cancel_and_wait(thole):
    path = write_config(thole, [step("a", "sleep 1000")])
    task = thole.run("workflow", "run", path, "--backend", "local", "-d").out.strip()
    assert "is not over yet" in thole.run("workflow", "wait", task, "--timeout", "100ms", code=4).err
    thole.run("workflow", "cancel", task[:8], "--grace", "1s")
    thole.run("workflow", "wait", task, code=1)
    assert thole.run("workflow", "show", task, "--json").json()["status"]["result"] == "canceled"


# ---- graph

def test_graph_is_drawn_and_is_data(thole):
    path = write_config(thole, [step("a", "x"), step("b", "x", depends_on=["a"], environment={"STEP_EXIT_CODE": "1"}), step("c", "x", depends_on=["a"])])
    thole.run("workflow", "run", path, "--backend", "fake", "--task-uuid", "T1", code=1)
    assert thole.run("workflow", "show", "T1").lines[1] == "on fake, 3 steps in a graph"
    marks = [line.split("  ")[0].rstrip() for line in thole.run("workflow", "graph", "T1").lines]
    assert marks == ["✓", "├─✗", "✓"]
    assert thole.run("workflow", "graph", "T1", env={"LC_ALL": "C"}).lines[1].startswith("+-x")
    graph = thole.run("workflow", "graph", "T1", "-o", "json").json()
    assert [(node["name"], node["state"]) for node in graph["nodes"]] == [("a", "success"), ("b", "failure"), ("c", "success")]
    assert graph["edges"] == [{"from": "Ua", "to": "Ub"}, {"from": "Ua", "to": "Uc"}]
    assert '"Ua" -> "Ub";' in thole.run("workflow", "graph", "T1", "-o", "dot").out


def test_stages_are_boxes_and_edges_between_those_that_follow_each_other(thole):
    path = write_config(thole, [step("a", "x"), step("b", "x")], [step("c", "x")])
    thole.run("workflow", "run", path, "--backend", "fake", "--task-uuid", "T1")
    assert [line[:10] for line in thole.run("workflow", "graph", "T1").lines if "stage" in line] == ["┌─ stage 1", "┌─ stage 2"]
    assert len(thole.run("workflow", "graph", "T1", "-o", "json").json()["edges"]) == 2


# ---- what is given to steps

def test_a_graph_of_any_size_is_written(thole):
    """1,000 × 1,000 edges, and no more memory than their nodes take."""
    wide = [{"name": f"s{i}", "uuid": f"{'u' * 40}{i}", "type": "commands", "image": "sh", "on_success": True, "environment": {}, "commands": ["x"]}
            for i in range(2000)]
    path = write_config(thole, wide[:1000], wide[1000:])
    thole.run("workflow", "run", path, "--backend", "fake", "--task-uuid", "T1", "-d")
    assert len(thole.run("workflow", "graph", "T1", "-o", "json").json()["edges"]) == 1000000
    assert thole.run("workflow", "graph", "T1", "-o", "dot").out.count(" -> ") == 1000000


def test_names_say_nothing_to_a_terminal(thole):
    path = write_config(thole, [{**step("a", "true"), "name": "\x1b[31mred"}], **{"\x1b[32mkey": 1})
    result = thole.run("workflow", "run", path, "--backend", "local", code=2)
    assert "pipeline[0].steps[0].name" in result.err and "\x1b" not in result.err


def test_env_and_secrets_reach_steps_and_secrets_are_shown_nowhere(thole):
    path = write_config(thole, [step("a", "echo $GREETING $TOKEN $MINE")])
    result = thole.run("workflow", "run", path, "--backend", "local", "--task-uuid", "T1", "--env", "GREETING=hello", "--secret", "TOKEN",
                       "--secret", "MINE=opensesame", env={"TOKEN": "hunter2222"})
    assert lines_of(result) == ["a | hello ******** ********"]
    everywhere = result.out + result.err + thole.run("workflow", "show", "T1", "--json").out + thole.run("workflow", "logs", "T1").out
    assert "hunter2222" not in everywhere and "opensesame" not in everywhere


# ---- ps

def test_ps_all_shows_workflows_beside_sessions(thole):
    path = write_config(thole, [step("a", "x")])
    assert "no session is up" in thole.run("ps", "-a").err
    thole.run("workflow", "run", path, "--backend", "fake", "--task-uuid", "T1")
    result = thole.run("ps", "-a")
    assert [line.split()[:4] for line in result.lines] == [["TASK", "STATE", "BACKEND", "STEPS"], ["T1", "success", "fake", "1/1"]]
    assert result.err == ""
    thole.config("version: 1\nservices: {db: {command: sleep 1000}}\n")
    thole.run("up", "-d", "--wait")
    lines = thole.run("ps", "-a").lines
    assert lines[0].startswith("NAME") and lines[1].startswith("db:serve") and lines[2] == "" and lines[4].startswith("T1")
    assert not any(line.startswith("T1") for line in thole.run("ps").lines)
    listed = thole.run("ps", "-a", "--json").json()
    assert [item["spec"]["task"] for item in listed["workflows"]] == ["T1"] and len(listed["items"]) >= 1
    assert "workflows" not in thole.run("ps", "--json").json()


# ---- completion, Tables, the example

def offered(thole, *words):
    return [line.split("\t")[0] for line in thole.run("completion", "answer", "--", *(f"={word}" for word in words)).lines]


def test_tasks_and_steps_are_completed(thole):
    path = write_config(thole, [step("alpha", "x"), step("beta", "x")])
    thole.run("workflow", "run", path, "--backend", "fake", "--task-uuid", "T1")
    assert offered(thole, "workflow", "show", "") == ["T1"]
    assert offered(thole, "workflow", "logs", "T1", "al") == ["alpha"]
    assert offered(thole, "workflow", "events", "T1", "al") == ["alpha"]
    assert "--grace" in offered(thole, "workflow", "cancel", "--g") and offered(thole, "workflow", "run", "--g") == []


def test_kubectl_sees_steps(thole):
    thole.run("workflow", "run", write_config(thole, [step("a", "x")]), "--backend", "fake", "--task-uuid", "T1")
    _, table = thole.api("/apis/thole.dev/v1alpha1/workflows", headers={"Accept": "application/json;as=Table;v=v1;g=meta.k8s.io"})
    names = [column["name"] for column in table["columnDefinitions"]]
    assert table["rows"][0]["cells"][names.index("Steps")] == "1/1"


def test_the_example_runs(thole):
    path = str(driver.SOURCE / "examples" / "workflow" / "build.yaml")
    result = thole.run("workflow", "run", path, "--backend", "local", "--task-uuid", "demo")
    assert "test | all is well" in result.lines and "report: skipped" in result.err


# ---- delete

SLOW_TO_STOP = ("trap 'sleep 1; exit' TERM", "echo here", "while :; do sleep 0.01; done")


def begin_slow(thole, task):
    path = write_config(thole, [step("a", *SLOW_TO_STOP)])
    live = thole.popen("workflow", "run", path, "--backend", "local", "--task-uuid", task)
    live.wait_for(r"^a \| here")
    live.signal(signal.SIGHUP)
    live.wait()


def test_delete_waits_until_it_is_gone(thole):
    begin_slow(thole, "T1")
    thole.run("workflow", "delete", "T1")
    assert not (thole.state / "workflows" / "t1").exists()
    thole.run("workflow", "run", write_config(thole, [step("a", "true")]), "--backend", "local", "--task-uuid", "T1")
    assert "there is no workflow T2" in thole.run("workflow", "delete", "T2", code=2).err


def test_delete_need_not_wait(thole):
    begin_slow(thole, "T1")
    thole.run("workflow", "delete", "T1", "--no-wait")
    assert "T1" in thole.run("workflow", "list").out
    wait_until(lambda: "T1" not in thole.run("workflow", "list").out, what="it to be gone")


def test_delete_waits_though_the_server_is_killed(thole):
    begin_slow(thole, "T1")
    live = thole.popen("workflow", "delete", "T1")
    wait_until(lambda: "canceling" in thole.run("workflow", "list").out, what="it to be ended")
    thole.kill(thole.server_pid())
    assert live.wait() == 0
    assert not (thole.state / "workflows" / "t1").exists()


def test_delete_shows_on_a_terminal_what_it_waits_for(thole):
    begin_slow(thole, "T1")
    live = thole.popen("workflow", "delete", "T1", tty=True)
    live.wait_for(r"T1 .*canceling.*0/1 steps")
    assert live.wait() == 0


def test_delete_says_what_could_not_be_removed(thole):
    """A backend that is silent from the start: who asks twice does not wait for it."""
    task = "WorkflowEngineShouldHang"
    thole.run("workflow", "run", write_config(thole, [step("a", "true")]), "--backend", "fake", "--task-uuid", task, "-d")
    live = thole.popen("workflow", "delete", task)
    wait_until(lambda: "ending" in thole.run("workflow", "list").out, what="it to be ended")
    thole.run("workflow", "delete", task, "--no-wait")
    assert live.wait() == 1
    assert f"thole: workflow {task} is deleted, but not all that it made: its end was not waited for" in live.err
