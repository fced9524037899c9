# SPDX-License-Identifier: Apache-2.0
"""Compose as other tests use it (compose.py)."""


def test_projects_live_side_by_side_and_leave_nothing(compose, tmp_path):
    (tmp_path / "compose.yaml").write_text(compose.text({"cache": {"ports": ["${CACHE_PORT:-6379}:6379"], "volumes": ["data:/data"]}, "queue": {}},
                                                        volumes={"data": {}}))
    words = ("-f", str(tmp_path / "compose.yaml"))
    for name, port in (("thole-one", "61310"), ("thole-two", "61410")):
        compose.run(*words, "-p", name, "up", "-d", cwd=tmp_path, env={"CACHE_PORT": port})
    assert compose.states("thole-one") == compose.states("thole-two") == {"cache": "running", "queue": "running"}
    assert (compose.ports("thole-one"), compose.ports("thole-two")) == ({"cache": [61310], "queue": []}, {"cache": [61410], "queue": []})
    assert compose.projects() == {"thole-one": 4, "thole-two": 4}  # two containers, a network, a volume
    compose.run(*words, "-p", "thole-one", "stop", "cache", cwd=tmp_path)
    assert compose.states("thole-one") == {"cache": "exited", "queue": "running"}
    compose.run(*words, "-p", "thole-one", "down", "-v", cwd=tmp_path)
    assert compose.projects() == {"thole-two": 4}
    compose.run(*words, "-p", "thole-two", "down", "-v", cwd=tmp_path)
    assert compose.projects() == {}
