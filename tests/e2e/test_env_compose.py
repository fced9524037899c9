# SPDX-License-Identifier: Apache-2.0
"""Infrastructure of environments: compose projects side by side, in a real Docker Engine."""

import pytest

import environment_api as environments
from compose import as_plugin
from driver import wait_until
from git_repository import Repository, path_without

CONFIG = {"version": 1, "name": "shop", "infrastructure": {"compose_file": "compose.yaml"}, "services": {
    "web": {"command": "exec sleep 1000", "env": {"CACHE": "localhost:{{infrastructure.cache.port}}", "QUEUE": "{{infrastructure.queue.port}}"}}}}
SERVICES = {"cache": {"ports": ["${CACHE_PORT:-6379}:6379"], "volumes": ["data:/data"]}, "queue": {"ports": ["${QUEUE_PORT:-5672}:5672"]}}


@pytest.fixture
def shop(thole, compose):
    thole.env.update(compose.env)
    thole.config(CONFIG)
    thole.file("compose.yaml", compose.text(SERVICES, volumes={"data": {}}))
    thole.repository = Repository.of(thole)
    thole.repository.ignore(".env.local", ".thole.json", ".thole/")
    return thole


def infrastructure(thole, name):
    """{service: (its state, its port)} as thole sees it"""
    said = environments.about(thole, name, "infrastructure")
    return said["running"], {service["name"]: (service["state"], service.get("port")) for service in said["services"]}


@pytest.mark.deadline(180)
def test_each_environment_has_its_own(shop, compose):
    for name in ("feat-x", "feat-y"):
        shop.run("env", "create", name, timeout=90)
    ports = {name: environments.ports(shop, name) for name in ("feat-x", "feat-y")}
    assert len({*ports["feat-x"].values(), *ports["feat-y"].values()}) == 6
    for name, project in (("feat-x", "shop-feat-x"), ("feat-y", "shop-feat-y")):
        assert compose.states(project) == {"cache": "running", "queue": "running"}
        assert compose.ports(project) == {service: [ports[name][service]] for service in ("cache", "queue")}
        assert infrastructure(shop, name) == (True, {service: ("running", ports[name][service]) for service in ("cache", "queue")})
        said = shop.run("env", "env", name, "web").lines
        assert f"CACHE=localhost:{ports[name]['cache']}" in said and f"QUEUE={ports[name]['queue']}" in said
    shop.run("env", "stop", "feat-x")
    assert set(compose.states("shop-feat-x").values()) <= {"exited"} and set(compose.states("shop-feat-y").values()) == {"running"}
    assert (environments.phase(shop, "feat-x"), infrastructure(shop, "feat-x")[0]) == ("stopped", False)
    shop.run("env", "start", "feat-x", timeout=90)
    assert set(compose.states("shop-feat-x").values()) == {"running"} and environments.phase(shop, "feat-x") == "running"
    shop.run("env", "delete", "feat-x", timeout=90)
    assert set(compose.projects()) == {"shop-feat-y"}
    shop.run("env", "delete", "feat-y", timeout=90)
    assert compose.projects() == {}


@pytest.mark.deadline(120)
def test_one_container_that_is_gone_is_not_running(shop, compose):
    """A project counts as running when all of it does, not when any container does."""
    shop.run("env", "create", "feat-x", timeout=60)
    [cache] = [container["Id"] for service, container in compose.containers("shop-feat-x").items() if service == "cache"]
    compose.docker.ask("DELETE", f"/containers/{cache}?force=1")
    assert infrastructure(shop, "feat-x")[0] is False
    shop.run("env", "create", "feat-x", timeout=60)
    assert compose.states("shop-feat-x") == {"cache": "running", "queue": "running"}
    shop.run("env", "delete", "feat-x", timeout=60)


@pytest.mark.deadline(120)
def test_a_compose_file_that_cannot_start_says_why(shop, compose):
    shop.file("compose.yaml", compose.text({**SERVICES, "broken": {"image": "127.0.0.1:1/no/such:image"}}, volumes={"data": {}}))
    shop.repository.commit({})
    said = shop.run("env", "create", "feat-x", code=1, timeout=60)
    assert "start_infra" in said.err
    assert "no/such" in shop.run("env", "logs", "feat-x", "start_infra").out
    shop.run("env", "delete", "feat-x", timeout=60)
    assert compose.projects() == {}


@pytest.mark.deadline(120)
def test_the_plugin_is_compose_as_well(shop, compose):
    shop.env["PATH"] = as_plugin(shop.base / "programs")
    shop.run("env", "create", "feat-x", timeout=60)
    assert set(compose.states("shop-feat-x").values()) == {"running"}
    before = (shop.base / "programs" / "asked").read_text()
    shown = shop.run("env", "show", "feat-x", "--json").json()
    looked = (shop.base / "programs" / "asked").read_text().removeprefix(before)
    assert shown["infraRunning"] and not any(step["stale"] for step in shown["steps"]) and looked.count(" ps ") == 1, looked
    shop.run("env", "delete", "feat-x", timeout=60)
    asked = (shop.base / "programs" / "asked").read_text()
    assert " up " in asked and " down " in asked and compose.projects() == {}


@pytest.mark.deadline(120)
def test_infrastructure_goes_without_its_compose_file(shop, compose):
    """Removed from the branch, broken, or not in the config any more: what was started is known by its labels."""
    for name, spoil in (("gone", lambda tree: tree.git("rm", "-q", "compose.yaml")), ("broken", lambda tree: tree.write({"compose.yaml": "services: ["}))):
        shop.run("env", "create", name, timeout=60)
        tree = shop.repository.at(environments.tree(shop, name))
        spoil(tree)
        tree.git("commit", "-qam", "no infrastructure any more")
        shop.run("env", "delete", name, timeout=60)
        assert compose.projects() == {} and not tree.path.exists()
    shop.run("env", "create", "feat-x", timeout=60)
    shop.config({key: value for key, value in CONFIG.items() if key in ("version", "name")} | {"services": {"web": {"command": "exec sleep 1000"}}})
    shop.run("env", "delete", "feat-x", timeout=60)
    assert compose.projects() == {}


@pytest.mark.deadline(120)
def test_what_only_sets_something_up_has_been_done(shop, compose):
    shop.config({key: value for key, value in CONFIG.items() if key != "services"} | {"services": {"web": {"command": "exec sleep 1000"}}})
    shop.file("compose.yaml", compose.text({"migrate": {"command": ["true"]}}))
    shop.repository.commit({})
    shop.run("env", "create", "feat-x", timeout=60)
    wait_until(lambda: compose.states("shop-feat-x") == {"migrate": "exited"}, what="the end of the migration")
    assert infrastructure(shop, "feat-x") == (True, {"migrate": ("done", None)})
    [before] = compose.containers("shop-feat-x").values()
    shop.run("env", "create", "feat-x", timeout=60)
    [after] = compose.containers("shop-feat-x").values()
    assert after["State"]["StartedAt"] == before["State"]["StartedAt"]
    shop.run("env", "delete", "feat-x", timeout=60)


def test_without_compose_it_is_refused(shop):
    without = {"PATH": path_without(shop.base / "programs", "docker", "docker-compose")}
    said = shop.run("env", "create", "feat-x", code=None, env=without)
    assert said.code != 0 and "docker compose" in said.err and "docker-compose" in said.err
    shop.run("env", "delete", "feat-x")
