# SPDX-License-Identifier: Apache-2.0
"""Where workflows may run: what is available, with which options, and what is left there."""
import json


def step(name, *commands, **more):
    return {"name": name, "uuid": f"U-{name}", "type": "commands", "image": "sh", "commands": list(commands),
            "environment": {}, "on_success": True, **more}


def write(thole, *steps):
    path = thole.project / "c.json"
    path.write_text(json.dumps({"pipeline": [{"steps": list(steps)}]}))
    return str(path)


def test_orphans_are_listed_and_removed(thole):
    config = write(thole, step("a", "true"))
    env = {"DOCKER_HOST": f"unix://{thole.project}/nobody.sock"}
    thole.run("workflow", "run", config, "--backend", "local", "--task-uuid", "known")
    broken, never = thole.state / "workflows" / "broken", thole.state / "workflows" / "never"
    never.mkdir()
    broken.mkdir()
    (broken / "workflow.json").write_text("{")
    thole.replace_server()
    found = thole.run("backend", "orphans", "--json", env=env).json()
    assert [(o["backend"], o["task"], o["kind"]) for o in found] == [("local", "broken", "directory"), ("local", "never", "directory")]
    assert "the task known" not in thole.run("backend", "orphans", env=env).out
    said = thole.run("backend", "orphans", "--remove", env=env).err
    assert "task broken is gone from local" in said and "task never is gone from local" in said
    assert not broken.exists() and not never.exists() and (thole.state / "workflows" / "known").exists()
    assert "nothing is left" in thole.run("backend", "orphans", env=env).err
    reply = thole.run("api", "DELETE", "/apis/thole.dev/v1alpha1/backends/local/leftovers/known").json()
    assert reply["status"] == "Failure" and "nothing is left of a task known" in reply["message"]
