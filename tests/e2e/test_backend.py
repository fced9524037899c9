# SPDX-License-Identifier: Apache-2.0
"""Where workflows may run: what is available, with which options, and what is left there."""
import json
import shutil
import socket

from driver import alive, wait_until

NOBODY = {"DOCKER_HOST": "unix:///nobody.sock"}


def step(name, *commands, **more):
    return {"name": name, "uuid": f"U-{name}", "type": "commands", "image": "sh", "commands": list(commands),
            "environment": {}, "on_success": True, **more}


def write(thole, *steps):
    path = thole.project / "c.json"
    path.write_text(json.dumps({"pipeline": [{"steps": list(steps)}]}))
    return str(path)


def backends(thole, **env):
    return {b["metadata"]["name"]: b["status"] for b in thole.run("backend", "list", "--json", env=env).json()}


def test_what_is_available_is_a_matter_of_the_callers_environment(thole):
    thole.run("ps", "-a")  # the server, without any of it
    seen = backends(thole, DOCKER_HOST=f"unix://{thole.project}/nobody.sock")
    assert seen["local"]["available"] and seen["local"]["platform"].startswith("linux/")
    assert seen["fake"]["available"]
    assert list(seen) == ["docker", "local", "fake"]
    assert not seen["docker"]["available"] and "nobody.sock" in seen["docker"]["why"]
    table = thole.run("backend", "list", env={"DOCKER_HOST": f"unix://{thole.project}/nobody.sock"}).out.splitlines()
    assert table[0].split() == ["BACKEND", "AVAILABLE", "PLATFORM", "VERSION", "WHERE"] and "nobody.sock" in table[1]


def test_options_with_their_environment_and_value(thole):
    env = {"DOCKER_HOST": "unix:///a", "WOODPECKER_BACKEND_DOCKER_HOST": "unix:///b", "THOLE_BACKEND_DOCKER_STOP_TIMEOUT": "7"}
    shown = thole.run("backend", "show", "docker", "--json", env=env).json()
    flags = {flag["name"]: flag for flag in shown["status"]["flags"]}
    assert flags["host"]["value"] == "unix:///b" and flags["host"]["default"] == "unix:///var/run/docker.sock"
    assert flags["host"]["env"] == ["THOLE_BACKEND_DOCKER_HOST", "WOODPECKER_BACKEND_DOCKER_HOST", "DOCKER_HOST"]
    assert (flags["stop_timeout"]["value"], flags["stop_timeout"]["type"]) == ("7", "duration")
    text = thole.run("backend", "show", "docker", env=env).out
    assert "host (text) = unix:///b\n" in text and "default: unix:///var/run/docker.sock" in text
    assert "step.backend_options.kubernetes  without meaning: of another backend" in text
    assert "step.tmpfs                       refused" in thole.run("backend", "show", "local").out


def test_what_is_wrong_is_said(thole):
    assert "did you mean docker?" in thole.run("backend", "show", "doker", code=2).err
    assert "did you mean list?" in thole.run("backend", "lst", code=2).err
    assert "--remove" in thole.run("backend", "show", "local", "--remove", code=2).err
    assert "takes the name of one backend" in thole.run("backend", "show", code=2).err
    assert "\"docker\" is one too many" in thole.run("backend", "list", "docker", code=2).err
    assert "--unread is of --remove" in thole.run("backend", "orphans", "--unread", code=2).err
    wrong = "the option tls_verify of the backend docker is \"perhaps\", which is not true or false"
    docker = backends(thole, THOLE_BACKEND_DOCKER_TLS_VERIFY="perhaps")["docker"]
    assert (docker["available"], docker["why"]) == (False, wrong)
    config, away = write(thole, step("a", "true")), {"DOCKER_HOST": f"unix://{thole.project}/nobody.sock"}
    said = thole.run("workflow", "run", config, "--backend", "docker", env=away, code=3).err
    assert "the backend docker is not available: " in said and "nobody.sock" in said
    assert "--backend takes auto|local|docker|fake, not \"dokcer\"" in thole.run("workflow", "run", config, "--backend", "dokcer", code=2).err
    assert thole.run("workflow", "list", "--json").json() == []
    thole.run("workflow", "run", config, "--task-uuid", "auto", env=away)
    assert thole.run("workflow", "show", "auto", "--json").json()["spec"]["backend"] == "local"


def test_an_engine_that_says_nothing_is_not_waited_for_without_end(thole):
    path = str(thole.project / "silent.sock")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen(8)  # the kernel connects who comes
        docker = backends(thole, DOCKER_HOST=f"unix://{path}")["docker"]
    assert not docker["available"] and "does not answer" in docker["why"], docker


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
    assert [line.split()[1] for line in thole.run("backend", "orphans", env=env).lines] == ["TASK", "broken", "never"]
    said = thole.run("backend", "orphans", "--remove", env=env, code=3).err
    assert "the record of task broken cannot be read" in said and "task never is gone from local" in said
    assert broken.exists() and not never.exists()
    assert "task broken is gone from local" in thole.run("backend", "orphans", "--remove", "--unread", env=env).err
    assert not broken.exists() and not never.exists() and (thole.state / "workflows" / "known").exists()
    assert "nothing is left" in thole.run("backend", "orphans", env=env).err
    reply = thole.run("api", "DELETE", "/apis/thole.dev/v1alpha1/backends/local/leftovers/known").json()
    assert reply["status"] == "Failure" and "nothing is left of a task known" in reply["message"]


def test_orphans_of_an_engine_are_those_of_this_state_directory(thole, docker):
    env = {"DOCKER_HOST": docker.address}
    assert backends(thole, **env)["docker"]["available"]
    mark = thole.state / "owner"
    assert mark.stat().st_mode & 0o777 == 0o600
    made = []
    for owner in (mark.read_text(), "of-somebody-else"):
        labels = {"thole.dev/owner": owner, "thole.dev/task": "LOST", "thole.dev/step": "x", "thole.dev/run": "1"}
        status, text = docker.ask("POST", "/containers/create", {"Image": docker.image, "Cmd": ["true"], "Labels": labels})
        assert status == 201, text
        made.append(("container", json.loads(text)["Id"]))
    found = thole.run("backend", "orphans", "--json", env=env).json()
    assert [(o["backend"], o["task"], o["kind"], o["running"]) for o in found] == [("docker", "LOST", "container", False)]
    assert "task LOST is gone from docker" in thole.run("backend", "orphans", "--remove", env=env).err
    assert set(made) & docker.everything() == {made[1]}
    docker.remove({made[1]})


def lose(thole, ledger):
    """A workflow whose server, and rail, were killed and whose directory was removed by hand. The pids of its pin and its process."""
    config = write(thole, step("a", f"echo $$ >{ledger}; (exec sleep 1000) & exec sleep 1001"))
    thole.run("workflow", "run", config, "--backend", "local", "--task-uuid", "lost", "-d", env=NOBODY)
    wait_until(lambda: ledger.exists() and ledger.read_text().strip(), what="the step to run")
    (pin,), pid = thole.pins(), int(ledger.read_text())
    thole.kill(thole.rail_pid())
    thole.kill(thole.server_pid())
    shutil.rmtree(thole.state / "workflows" / "lost")
    return pin, pid


def test_processes_whose_directory_is_gone_are_orphans(thole):
    pin, pid = lose(thole, thole.project / "ledger")
    found = thole.run("backend", "orphans", "--json", env=NOBODY).json()
    assert found == [{"backend": "local", "task": "lost", "kind": "process", "name": str(pin), "running": True}]
    assert alive(pid)
    assert "task lost is gone from local" in thole.run("backend", "orphans", "--remove", env=NOBODY).err
    assert not alive(pin) and not alive(pid) and thole.pins() == []
    assert "nothing is left" in thole.run("backend", "orphans", env=NOBODY).err
    reply = thole.run("api", "DELETE", "/apis/thole.dev/v1alpha1/backends/local/leftovers/lost").json()
    assert reply["status"] == "Failure" and "nothing is left of a task lost" in reply["message"]


def test_a_server_that_stops_all_ends_processes_whose_directory_is_gone(thole):
    pin, pid = lose(thole, thole.project / "ledger")
    said = thole.run("server", "stop", "--all", env=NOBODY).err
    assert said.splitlines()[0] == "thole: task lost is gone from local" and "has stopped" in said.splitlines()[1], said
    assert not alive(pin) and not alive(pid)
