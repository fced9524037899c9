# SPDX-License-Identifier: Apache-2.0
"""Workflows on local processes, through the API."""

import json

from driver import wait_until
from workflows import step, write_config

WORKFLOWS = "/apis/thole.dev/v1alpha1/workflows"


def create(thole, *stages, task="T1", **spec):
    config = {"pipeline": [{"steps": list(steps)} for steps in stages], **spec.pop("config", {})}
    body = {"spec": {"task": task, "backend": "local", "config": config, **spec}}
    return json.loads(thole.run("api", "POST", WORKFLOWS, json.dumps(body)).out)


def status(thole, task="t1"):
    return json.loads(thole.run("api", "GET", f"{WORKFLOWS}/{task}").out)["status"]


def over(thole, task="t1"):
    wait_until(lambda: status(thole, task)["done"], what="the end of the workflow")
    return status(thole, task)


def log(thole, name, task="t1"):
    return b"".join(file.read_bytes() for file in sorted((thole.state / "workflows" / task / "runs" / ("U" + name) / "1").glob("log.*"))).decode()


def test_steps_share_a_workspace_and_secrets_are_masked(thole):
    create(thole, [step("a", "echo $KEY | tee file", "echo $CI_STEP_NAME $CI_PIPELINE_STATUS", environment={"KEY": "hunter2222"})],
           [step("b", "wc -c <file", "test ! -e nothing")], config={"secrets": [{"name": "key", "value": "hunter2222"}]})
    end = over(thole)
    assert end["result"] == "success", end
    assert log(thole, "a").splitlines()[1] == "********"
    assert "a success" in log(thole, "a")
    assert log(thole, "b").splitlines()[1].strip() == "11"
    assert not (thole.state / "workflows" / "t1" / "workspace").exists()


def test_a_server_that_is_killed_loses_nothing(thole):
    create(thole, [step("a", "echo one", "until test -e go; do sleep 0.05; done", "echo two", "exit 7")], [step("b", "echo never")])
    wait_until(lambda: "one" in log(thole, "a").splitlines(), what="the first line")
    thole.replace_server()
    assert status(thole)["steps"][0]["state"] == "running"
    (thole.state / "workflows" / "t1" / "workspace" / "go").touch()
    end = over(thole)
    assert (end["result"], end["error"]) == ("failure", "step a: exit code 7"), end
    assert [(s["state"], s.get("exit_code")) for s in end["steps"]] == [("failure", 7), ("skipped", None)]
    assert [line for line in log(thole, "a").splitlines() if line[0] != "+"] == ["one", "two"]
    assert "log" not in end["steps"][1]
    assert [json.loads(line)["text"] for line in thole.run("api", "GET", end["steps"][0]["log"]).out.splitlines()][-2:] == ["two", "+ exit 7"]
    assert [file.name for file in (thole.state / "workflows" / "t1" / "runs").glob("*/*")] == ["1"]


def test_a_cancel_ends_what_runs(thole):
    create(thole, [step("a", "echo here", "sleep 1000")])
    wait_until(lambda: "here" in log(thole, "a").splitlines(), what="the first line")
    thole.run("api", "POST", f"{WORKFLOWS}/t1/cancel", "{}")
    end = over(thole)
    assert (end["result"], end["steps"][0]["state"]) == ("canceled", "killed"), end
    thole.run("api", "DELETE", f"{WORKFLOWS}/t1")
    wait_until(lambda: "t1" not in thole.run("api", "GET", WORKFLOWS).out, what="it to be gone")
    assert not (thole.state / "workflows" / "t1").exists()


def test_what_has_no_meaning_is_said_once_and_kept(thole):
    config = write_config(thole, [step("a", "true", pull=True), step("b", "true", pull=True)])
    result = thole.run("workflow", "run", config, "--backend", "local", "--task-uuid", "w1")
    assert result.err.count("`pull` has no meaning on the backend local: nothing is pulled") == 1
    thole.replace_server()
    warnings = thole.run("workflow", "show", "w1", "--json").json()["status"]["warnings"]
    assert len(warnings) == 1 and "steps[0].pull" in warnings[0]


def test_what_the_fake_backend_plays_is_played_once_through_many_servers(thole):
    """Its steps have no process that could outlive the server; the next one goes by their records."""
    shape = [[step(f"{stage}-{i}", "anything", environment={"SLEEP": "300ms", "STEP_EXIT_CODE": "3" if stage == 2 else "0"}) for i in range(3)] for stage in range(3)]
    create(thole, *shape, backend="fake")
    while not status(thole)["done"]:
        thole.replace_server()
    end = status(thole)
    assert end["result"] == "failure" and [s["exit_code"] for s in end["steps"]] == [0] * 6 + [3] * 3
    lines = thole.run("workflow", "logs", "T1").lines
    for name in (s["name"] for s in end["steps"]):
        assert lines.count(f"{name} | StepName: {name}") == 1, lines
    assert all(s["duration_ms"] < 30000 for s in end["steps"])
