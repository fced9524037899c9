# SPDX-License-Identifier: Apache-2.0
"""Compose projects in a Docker Engine of the tests, with the compose that people have: `docker compose` or `docker-compose`."""

import collections
import os
import shutil
import subprocess

import yaml

from git_repository import path_without

PROJECT, SERVICE = "com.docker.compose.project", "com.docker.compose.service"


def command():
    """The words it is called by."""
    if shutil.which("docker") and subprocess.run(["docker", "compose", "version"], capture_output=True).returncode == 0:
        return ["docker", "compose"]
    assert shutil.which("docker-compose"), "neither `docker compose` nor docker-compose is here (Debian's package is docker-compose)"
    return ["docker-compose"]


class Compose:
    def __init__(self, docker):
        self.docker, self.command = docker, command()
        self.env = {"DOCKER_HOST": docker.address}

    def text(self, services, **more):
        """A compose file; a service is what it says beside its image, which has a busybox: {"cache": {"ports": […]}}. What has no
        command stays until it is stopped, at once."""
        stays = ["sh", "-c", "trap 'exit 0' TERM; while :; do sleep 3600 & wait; done"]
        made = {name: {"image": self.docker.image, "command": stays, **said} for name, said in services.items()}
        return yaml.safe_dump({"version": "3.8", "services": made, **more}, sort_keys=False)

    def run(self, *words, cwd, env=None):
        done = subprocess.run([*self.command, *words], cwd=cwd, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=60,
                              env={"PATH": os.environ["PATH"], "HOME": str(cwd), **self.env, **(env or {})})
        assert done.returncode == 0, f"{self.command + list(words)}: {done.stdout}{done.stderr}"
        return done.stdout

    def containers(self, project):
        """{service: what the engine says of its container}, of all, running or not."""
        found = self.docker.containers(**{PROJECT: project})
        return {container["Labels"][SERVICE]: self.docker.inspect(container["Id"]) for container in found}

    def states(self, project):
        """{service: "running", "exited", …}"""
        return {name: container["State"]["Status"] for name, container in self.containers(project).items()}

    def ports(self, project):
        """{service: [ports of the host]}"""
        published = {name: container["HostConfig"]["PortBindings"] or {} for name, container in self.containers(project).items()}
        return {name: sorted({int(to["HostPort"]) for bound in ports.values() for to in bound or []}) for name, ports in published.items()}

    def projects(self):
        """{project: how many things of it there are}: containers, networks, volumes."""
        found = [thing for kind in ("container", "network", "volume") for thing in self.docker.list(kind, **{PROJECT: None})]
        return dict(collections.Counter(thing["Labels"][PROJECT] for thing in found))


def as_plugin(directory):
    """A PATH on which `docker compose` is there, as the plugin, and says what it was asked in `directory`/asked."""
    docker = shutil.which("docker")
    path_without(directory, "docker", "docker-compose")
    real = " ".join(command())
    (directory / "docker").write_text(f'#!/bin/sh\n[ "$1" != ps ] || exec {docker} "$@"\n[ "$1" = compose ] || exit 1\nshift\necho "$*" >>{directory}/asked\n'
                                      f'[ "$1" = version ] && echo "Docker Compose version v2.20.0" && exit 0\nexec /usr/bin/{real} "$@"\n')
    (directory / "docker").chmod(0o755)
    return str(directory)
