# SPDX-License-Identifier: Apache-2.0
"""Infrastructure of environments: compose projects side by side, in a real Docker Engine."""

import pytest

import environment_api as environments
from compose import as_plugin
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
    return said["running"], {service["name"]: (service["state"], service["port"]) for service in said["services"]}


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
    shop.run("env", "delete", "feat-x", timeout=60)
    asked = (shop.base / "programs" / "asked").read_text()
    assert " up " in asked and " down " in asked and compose.projects() == {}
