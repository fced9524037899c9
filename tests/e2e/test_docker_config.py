# SPDX-License-Identifier: Apache-2.0
"""Configs that no engine would take."""

from workflows import step, write_config


def test_what_an_engine_would_refuse_is_said_before_anything_starts(thole, docker):
    thole.env["DOCKER_HOST"] = docker.address
    path = write_config(thole, [step("a", "echo here", image=docker.image)],
                        [step("b", "true", image=docker.image, devices=["null:/dev/null"])], network="thole_test_config")
    result = thole.run("workflow", "run", path, "--backend", "docker", "--task-uuid", "T1", code=2)
    assert 'pipeline[1].steps[0].devices: step b: `devices`: "null:/dev/null" is not /dev/host[:/dev/container[:rwm]]' in result.err
    assert "a | here" not in result.out and thole.run("workflow", "list").lines == []
