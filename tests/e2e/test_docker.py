# SPDX-License-Identifier: Apache-2.0
"""Workflows in containers of a real Docker Engine: what each field of a step does there, and that nothing is left of it."""

import base64
import json

import pytest

from docker_task import LABELS, Task, bare, step
from driver import wait_until
from engine import given

NET, VOLUME = "wp_test_0_default", "wp_test_0_volume"


@pytest.fixture
def task(thole, docker):
    return Task(thole, docker)


def gone(task):
    assert task.things() == {}, "left behind in the engine"


def mounted(steps):
    """The steps, with the workspace and the network that a compiler of pipelines gives to each."""
    return [{"volumes": [f"{VOLUME}:/woodpecker"], "workspace_base": "/woodpecker", "working_dir": "/woodpecker/src",
             "networks": [{"name": NET, "aliases": [one["name"]]}], **one} for one in steps]


def test_a_pipeline_with_a_service_and_a_plugin(task):
    """The shape of what a server compiles: a clone, a service reached by its name, commands, a plugin with settings."""
    serve = "mkdir /www && echo 'from the database' >/www/index.html && exec httpd -f -p 8000 -h /www"
    stages = [[bare("clone", "mkdir -p src && echo hello >src/file", working_dir="/woodpecker", type="clone")],
              [bare("database", serve, type="service", detach=True)],
              [step("test", "until wget -q -O answer http://database:8000/; do sleep 0.1; done", "cat answer file", "pwd")],
              [bare("publish", "echo $PLUGIN_REPO; cat /woodpecker/src/answer; test -z \"$SHELL\"",
                    environment={"PLUGIN_REPO": "octocat/hello-world"})]]
    end = task.run(*map(mounted, stages), network=NET, volume=VOLUME)
    assert "workflow T1: success" in end.err, end
    assert task.lines("test") == ["from the database", "hello", "/woodpecker/src"]
    assert task.log("publish") == b"octocat/hello-world\nfrom the database\n"
    assert [task.steps()[name]["state"] for name in ("clone", "test", "publish")] == ["success"] * 3
    gone(task)


def test_exit_codes_skips_and_failure_handlers(task):
    task.run([step("a", "exit 7", failure="ignore")], [step("b", "echo $CI_PIPELINE_STATUS", "exit 3")], [step("c", "true")],
             [step("d", "echo $CI_PIPELINE_STATUS $CI_STEP_NAME", on_success=False, on_failure=True)], code=1)
    steps = task.steps()
    assert [(steps[name]["state"], steps[name].get("exit_code")) for name in "abcd"] == \
        [("failure", 7), ("failure", 3), ("skipped", None), ("success", 0)]
    assert (task.lines("b"), task.lines("d")) == (["success"], ["failure d"])
    gone(task)


def test_what_a_step_is_given(task):
    fields = {"environment": {"A": "one two", "B": "x=y\nz"}, "extra_hosts": [{"name": "artifacts.internal", "ip": "10.0.0.5"}],
              "dns": ["10.0.0.2"], "dns_search": ["example.test"], "tmpfs": ["/scratch:size=1m"], "working_dir": "/deep/down",
              "backend_options": {"docker": {"user": "1000:1000"}}, "privileged": False}
    task.run([bare("a", "echo \"$A|$B\"; grep artifacts /etc/hosts; cat /etc/resolv.conf; grep scratch /proc/mounts; pwd; id -u", **fields)])
    text = task.log("a").decode()
    assert text.startswith("one two|x=y\nz\n")
    for part in ("10.0.0.5\tartifacts.internal", "nameserver 10.0.0.2", "search example.test", "/scratch tmpfs", "size=1024k", "/deep/down\n1000\n"):
        assert part in text, text


def test_devices_and_ports_and_volumes_of_its_own(task):
    """A device under the name that was asked for; ports are exposed to other steps, not published on the machine."""
    script = "test -c /dev/rower && echo lost >/dev/rower && mount | grep -c ' on /cache ' && echo ready && exec sleep 1000"
    task.begin([bare("a", script, devices=["/dev/null:/dev/rower:rw"], volumes=["/cache"], ports=[{"number": 8080}, {"number": 53, "protocol": "udp"}])])
    task.wait_line("a", "ready")
    assert task.lines("a") == ["1", "ready"]
    container = task.container("a")
    assert container["Config"]["ExposedPorts"] == {"8080/tcp": {}, "53/udp": {}} and not container["HostConfig"]["PortBindings"]
    assert container["HostConfig"]["Devices"] == [{"PathOnHost": "/dev/null", "PathInContainer": "/dev/rower", "CgroupPermissions": "rw"}]
    task.thole.run("workflow", "cancel", task.name, "--grace", "0s")
    task.over()
    gone(task)  # its volume, too


def test_a_network_mode_stands_instead_of_networks(task):
    networks = [{"name": NET, "aliases": ["a"]}]
    links = ["sed -n 's/^ *\\([a-z0-9]*\\):.*/\\1/p' /proc/net/dev"]
    task.run([step("a", *links, networks=networks, network_mode="none"), step("b", *links, networks=networks)], network=NET)
    assert "eth0" not in task.lines("a") and {"lo", "eth0"} <= set(task.lines("b"))


def test_an_entrypoint_takes_the_commands(task):
    word = "echo $CI_SCRIPT | base64 -d | sed -n 's/^echo + //p'"
    task.run([step("a", "./report.sh", entrypoint=["sh", "-c", word])])
    assert "./report.sh" in task.log("a").decode()


def test_out_of_memory(thole, docker):
    task = Task(thole, docker, WOODPECKER_BACKEND_DOCKER_LIMIT_MEM="16MiB", WOODPECKER_BACKEND_DOCKER_LIMIT_MEM_SWAP="16MiB")
    task.run([bare("a", "x=$(yes | head -c 64000000); echo ${#x}"), bare("b", "true")], code=1)
    steps = task.steps()
    assert (steps["a"]["oom_killed"], steps["a"]["exit_code"]) == (True, 137), steps
    assert not steps["b"].get("oom_killed")
    gone(task)


@pytest.mark.parametrize("scheme", ["hash", "descriptive"])
def test_everything_carries_our_labels_and_a_name(task, scheme):
    names = {"container_name_scheme": scheme, "org_id": 3, "workflow_labels": {"woodpecker-ci.org/repo-id": "7", "thole.dev/task": "theirs"}}
    task.begin(mounted([step("my step!", "sleep 1000", **names)]), network=NET, volume=VOLUME)
    task.wait_step("my step!", "running")
    assert task.things() == {"container": 1, "network": 1, "volume": 1}
    seen = task.container("my step!")
    labels = seen["Config"]["Labels"]
    assert [labels[LABELS[name]] for name in ("task", "step", "run")] == ["T1", "Umy step!", "1"]
    assert (labels["woodpecker-ci.org/repo-id"], labels["thole.dev/org-id"]) == ("7", "3")
    assert labels[LABELS["owner"]]
    name = seen["Name"].strip("/")
    assert name.startswith("thole-T1-my-step-" if scheme == "descriptive" else "thole-") and ("my-step" in name) == (scheme == "descriptive")
    task.thole.run("workflow", "cancel", task.name, "--grace", "0s")
    task.over()
    gone(task)


@pytest.mark.parametrize("script, expected", ids=["bytes", "long", "unended", "many", "none"], argvalues=[
    ("printf 'a\\r\\nb\\0c\\377\\376\\n'", b"a\r\nb\0c" + "\ufffd\ufffd\n".encode()),  # json-file stores UTF-8
    ("head -c 1048576 /dev/zero | tr '\\0' x; echo; echo after", b"x" * (1 << 20) + b"\nafter\n"),
    ("printf 'no end'", b"no end"),
    ("i=0; while [ $i -lt 3000 ]; do echo line $i; i=$((i+1)); done", b"".join(b"line %d\n" % i for i in range(3000))),
    ("true", b"")])
def test_logs_are_what_was_written(task, script, expected):
    task.run([bare("a", script)])
    got = task.log("a")
    assert len(got) == len(expected) and got == expected


def test_each_stream_keeps_its_order(task):
    task.run([bare("a", "for i in $(seq 500); do echo out $i; echo err $i >&2; done")])
    lines = task.lines("a")
    assert [line for line in lines if line.startswith("out")] == [f"out {i}" for i in range(1, 501)]
    assert [line for line in lines if line.startswith("err")] == [f"err {i}" for i in range(1, 501)]


def test_secrets_are_masked(task):
    secret = "correct-horse-battery"
    coded = base64.b64encode(secret.encode()).decode()
    task.run([bare("a", f"echo \"<$KEY>\"; printf correct-horse; sleep 0.2; echo -battery; echo {coded}; echo short", environment={"KEY": secret})],
             secrets=[{"name": "key", "value": secret}])
    assert task.log("a") == b"<********>\n********\n********\nshort\n"
    assert secret not in task.thole.run("workflow", "show", task.name, "--json").out


def test_a_cancel_is_graceful(task):
    trap = "trap 'echo cleaning up; exit 5' TERM; echo ready; while true; do sleep 0.1; done"
    task.begin([bare("a", trap)], [step("b", "true")])
    task.wait_line("a", "ready")
    task.thole.run("workflow", "cancel", task.name, "--grace", "20s")
    end = task.over()
    assert end["result"] == "canceled", end
    assert task.lines("a") == ["ready", "cleaning up"]
    assert [task.steps()[name]["state"] for name in "ab"] == ["killed", "skipped"]
    gone(task)


def test_what_does_not_listen_is_killed(task):
    task.begin([bare("a", "trap '' TERM; echo ready; while true; do sleep 0.1; done")])
    task.wait_line("a", "ready")
    task.thole.run("workflow", "cancel", task.name, "--grace", "200ms")
    assert task.over()["result"] == "canceled"
    gone(task)


def test_a_step_that_takes_too_long(task):
    task.run([bare("a", "echo here; exec sleep 1000", backend_options={"timeout": "1s"})], code=1)
    one = task.steps()["a"]
    assert one["state"] == "failure" and "timeout" in one["error"], one
    assert task.lines("a") == ["here"]
    gone(task)


def test_a_workflow_that_takes_too_long(task):
    end = task.run([bare("a", "exec sleep 1000")], options=("--timeout", "1s"), code=4)
    assert "timeout of 1s" in end.err
    gone(task)


def test_clean_up_after_a_cancel(task):
    task.begin([bare("a", "echo ready; exec sleep 1000")],
               [bare("b", "echo swept", on_success=False, on_failure=True, backend_options={"thole": {"on_cancel": True}})])
    task.wait_line("a", "ready")
    task.thole.run("workflow", "cancel", task.name, "--grace", "0s")
    assert task.over()["result"] == "canceled"
    assert task.lines("b") == ["swept"]
    gone(task)


# -- images and a registry

def test_an_image_that_there_is_not(task):
    result = task.run([bare("a", "true", image="no/such:1")], [step("b", "true")], code=1)
    assert "no/such:1" in result.err, result
    assert task.status()["error"].startswith("step a: ") and "no/such:1" in task.status()["error"]
    assert "no/such:1" in task.steps()["a"]["error"] and task.steps()["b"]["state"] == "skipped"
    gone(task)


@pytest.fixture
def private(docker):
    docker.forget_image(given("REGISTRY_IMAGE"))
    yield given("REGISTRY_IMAGE")
    docker.forget_image(given("REGISTRY_IMAGE"))


def auth(password):
    return {"username": given("REGISTRY_USER"), "password": password}


@pytest.mark.parametrize("pull", [True, False])
def test_a_private_image_is_pulled(task, private, pull):
    task.run([bare("a", "echo here", image=private, pull=pull, auth_config=auth(given("REGISTRY_PASSWORD")))])
    assert task.log("a").endswith(b"here\n") and b"Pulling from thole/private" in task.log("a")
    gone(task)


def test_wrong_credentials(task, private):
    result = task.run([bare("a", "true", image=private, auth_config=auth("wrong"))], code=1)
    assert private in result.err and "unauthorized" in result.err, result
    assert "wrong" not in result.err
    gone(task)


def test_an_image_that_is_there_is_pulled_again_if_asked_for(task, docker, private):
    task.run([bare("a", "true", image=private, auth_config=auth(given("REGISTRY_PASSWORD")))])
    again = Task(task.thole, docker, "T2")
    again.run([bare("a", "echo here", image=private, auth_config=auth("wrong"))])  # it is there: nobody is asked
    assert again.log("a") == b"here\n"
    third = Task(task.thole, docker, "T3")
    third.run([bare("a", "true", image=private, pull=True, auth_config=auth("wrong"))], code=1)
    gone(third)


# -- bad input, and what is left over

@pytest.mark.parametrize("name", ["ünïcödé/..", "a" * 200, "-o", "x y\tz"])
def test_names_that_no_container_has(task, name):
    task.run([bare("a", "echo here", name=name, uuid="Ua")])
    assert task.log("a") == b"here\n"
    gone(task)


def test_a_network_that_is_taken_by_somebody_else(task, docker):
    made = json.loads(docker.ask("POST", "/networks/create", {"Name": NET})[1])["Id"]
    result = task.run(mounted([step("a", "true")]), network=NET, volume=VOLUME, code=1)
    assert f"the network {NET} is there already and is not of this workflow" in result.err, result
    assert task.steps()["a"]["state"] == "skipped"
    assert ("network", made) in docker.everything(), "a network that is not ours was removed"
    docker.remove({("network", made)})
    gone(task)


def test_a_state_directory_that_was_lost(thole, docker):
    task = Task(thole, docker)
    task.begin(mounted([bare("a", "exec sleep 1000")]), network=NET, volume=VOLUME)
    task.wait_step("a", "running")
    for path in sorted(task.dir.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    task.dir.rmdir()
    thole.replace_server()
    assert "T1" in thole.run("backend", "orphans").out
    assert task.things() == {"container": 1, "network": 1, "volume": 1}
    thole.run("backend", "orphans", "--remove")
    wait_until(lambda: task.things() == {}, what="the orphans to be gone")
