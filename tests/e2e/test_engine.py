# SPDX-License-Identifier: Apache-2.0
"""The real parts that other tests stand on: engines, images, a registry (tests/real/engines.py, engine.py)."""

import json
from base64 import urlsafe_b64encode

from engine import given


def pull(docker, user, password):
    auth = urlsafe_b64encode(json.dumps({"username": user, "password": password}).encode()).decode()
    return docker.ask("POST", f"/images/create?fromImage={given('REGISTRY_IMAGE')}", **{"X-Registry-Auth": auth})


def test_the_engine_has_the_image(docker):
    assert docker.answers()
    status, text = docker.ask("POST", "/containers/create", {"Image": docker.image, "Cmd": ["false"], "Labels": {"thole.test": "image"}})
    assert status == 201, text
    made = json.loads(text)["Id"]
    assert docker.ask("POST", f"/containers/{made}/start")[0] == 204
    assert json.loads(docker.ask("POST", f"/containers/{made}/wait")[1])["StatusCode"] == 1
    assert [c["Id"] for c in docker.containers(**{"thole.test": "image"})] == [made]
    docker.remove({("container", made)})


def test_the_registry_wants_its_credentials(docker):
    docker.forget_image(given("REGISTRY_IMAGE"))
    assert pull(docker, given("REGISTRY_USER"), "wrong")[0] == 500
    status, text = pull(docker, given("REGISTRY_USER"), given("REGISTRY_PASSWORD"))
    assert status == 200 and b"Downloaded newer image" in text, text
    docker.forget_image(given("REGISTRY_IMAGE"))


def test_an_engine_can_be_killed_and_started(own_docker):
    assert own_docker.answers()
    own_docker.kill()
    assert not own_docker.answers()
    own_docker.start()
    assert own_docker.answers()
    own_docker.stop()
    assert not own_docker.answers()
