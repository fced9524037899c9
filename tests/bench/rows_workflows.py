# SPDX-License-Identifier: Apache-2.0
"""Rows about workflows: on local processes, in containers, on the fake backend."""

import contextlib
import http.client
import json
import os
import time

import driver
from rows import Failed, Row, private_dirty_kib, timed, tool


def step(index, stage, **more):
    return {"name": f"s{index}", "uuid": f"U{stage}-{index}", "type": "commands", "image": "sh", "on_success": True, "environment": {},
            "commands": ["echo here"], **more}


class Workflow(Row):
    """One Config with `thole workflow run`, server up, until the command has ended. All of them stay until the row is over:
    ext4 does not give the inodes of what was deleted away again for 5 s, and looks for others far and wide."""
    backend, stages, parallel, image = "local", 1, 1, "sh"
    environment = {}

    def config(self):
        return {"pipeline": [{"steps": [step(i, stage, image=self.image) for i in range(self.parallel)]} for stage in range(self.stages)]}

    def before_thole(self, thole):
        self.server_up()
        thole.env.update(self.environment)
        (thole.project / "config.json").write_text(json.dumps(self.config()))

    def run(self, *words):
        return self.timed("workflow", "run", *(words or ["config.json"]), "--backend", self.backend)[0][1] / 1e6

    def thole(self):
        return self.run()


class Sequential(Workflow):
    name, what, budget, rounds = "workflow-200", "200 sequential trivial steps, local, against bare sequential spawn", 1.6, 10
    stages = 200

    def reference(self):
        return timed([tool("sequential"), self.stages, self.scratch / "out", "sh", "-c", "echo here"])[0][1] / 1e6


class Docker(Workflow):
    name, what, budget, rounds = "docker-1", "one step, docker, against the same calls by hand over one connection", 1.10, 30
    backend = "docker"

    def before(self, reference_only):
        self.address, self.image = (os.environ.get(f"THOLE_TEST_{name}") for name in ("DOCKER", "IMAGE"))
        if not self.address or not self.image:
            raise Failed("it wants a Docker Engine: as root or with sudo, or named in THOLE_TEST_DOCKER and THOLE_TEST_IMAGE")
        self.environment = {"DOCKER_HOST": self.address}

    def reference(self):
        return timed([tool("docker"), self.address.removeprefix("unix://"), self.image, self.parallel])[0][1] / 1e6


class DockerParallel(Docker):
    name, what, budget, rounds = "docker-10", "10 parallel steps, docker, against the same by hand in parallel", 1.15, 10
    parallel = 10


class Fake(Workflow):
    """What 5,000 steps cost more than 500; and what the server then takes."""
    name, what, budget, rounds = "workflow-5000", "5,000 steps against 500, fake", 12.0, 5
    backend, stages, allowed_kib = "fake", 500, 30 * 1024

    def before_thole(self, thole):
        super().before_thole(thole)
        self.stages *= 10
        (thole.project / "many.json").write_text(json.dumps(self.config()))

    def reference(self):
        return self.run("config.json")

    def thole(self):
        took = self.run("many.json")
        dirty = private_dirty_kib(self.thole_.server_pid())
        self.notes = [f"Private_Dirty of the server {dirty / 1024:.1f} MiB, with {self.allowed_kib // 1024} allowed"]
        if dirty > self.allowed_kib:
            raise Failed(self.notes[0])
        return took


class Together(Workflow):
    name, what, budget, rounds = "workflows-200", "200 workflows at once, local: first asked → last ended, against a loop that starts them", 1.3, 5
    workflows = 200

    def reference(self):
        return timed([tool("together"), self.workflows, self.scratch, "sh", "-c", "echo here"])[0][1] / 1e6

    def thole(self):
        """Asked over one connection; ended when the last run's record says."""
        path, words = "/apis/thole.dev/v1alpha1/workflows", self.config()
        asked = [json.dumps({"spec": {"task": f"T{i}", "backend": "local", "config": words}}) for i in range(self.workflows)]
        with contextlib.closing(driver.UnixConnection(self.thole_.socket_path(), 60)) as connection:
            began = time.time()
            for body in asked:
                connection.request("POST", path, body, {"Content-Type": "application/json"})
                reply = connection.getresponse()
                text = reply.read()
                if reply.status >= 300:
                    raise Failed(text.decode())
            driver.wait_until(lambda: self.ended(connection, path), 60, "the last workflow to end")
            took = self.last_end() / 1000 - began * 1000
        for i in range(self.workflows):
            self.thole_.run("workflow", "delete", f"T{i}")
        driver.wait_until(lambda: not list((self.thole_.state / "workflows").glob("t*")), 60, "all to be gone")
        return took

    def ended(self, connection: http.client.HTTPConnection, path):
        connection.request("GET", path)
        states = [item["status"] for item in json.loads(connection.getresponse().read())["items"]]
        if len(states) != self.workflows or not all(state["done"] for state in states):
            return False
        if any(state["result"] != "success" for state in states):
            raise Failed(f"not all went well: {states[0]}")
        return True

    def last_end(self):
        """By the runs' own records, µs."""
        return max(json.loads(path.read_text())["ended_us"] for path in (self.thole_.state / "workflows").glob("t*/runs/*/1/exit.json"))


ROWS_WORKFLOWS = (Sequential, Docker, DockerParallel, Fake, Together)
