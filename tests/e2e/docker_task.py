# SPDX-License-Identifier: Apache-2.0
"""A workflow on Docker, as a test sees it: run with the real programs, looked at through them, the engine and the files."""

import collections
import json
import time
import urllib.parse

from driver import wait_until

LABELS = {"owner": "thole.dev/owner", "task": "thole.dev/task", "step": "thole.dev/step", "run": "thole.dev/run"}


def step(name, *commands, **more):
    """A step with these commands; `image` is added by the task."""
    return {"name": name, "uuid": "U" + name, "type": "commands", "on_success": True, "environment": {}, "commands": list(commands), **more}


def bare(called, script, **more):
    """A step whose log has what `script` writes and nothing else."""
    more = {"type": "plugin", **more}
    return {"name": called, "uuid": "U" + called, "on_success": True, "environment": {}, "entrypoint": ["sh", "-c", script], **more}


class Task:
    def __init__(self, thole, docker, name="T1", **env):
        self.thole, self.docker, self.name, self.born = thole, docker, name, time.time()
        thole.env.update({"DOCKER_HOST": docker.address, "THOLE_BACKEND_DOCKER_STOP_TIMEOUT": "2s", **env})

    @property
    def dir(self):
        return self.thole.state / "workflows" / self.name.lower()

    def config(self, *stages, **more):
        """Writes a Config and returns its path; a stage is a list of steps."""
        steps = [{"steps": [{"image": self.docker.image, **step} for step in stage]} for stage in stages]
        path = self.thole.project / f"{self.name}.json"
        path.write_text(json.dumps({"pipeline": steps, **more}))
        return str(path)

    def run(self, *stages, options=(), code=0, timeout=60, **more):
        """`thole workflow run` to its end."""
        return self.thole.run("workflow", "run", self.config(*stages, **more), "--backend", "docker", "--task-uuid", self.name, *options,
                              code=code, timeout=timeout)

    def begin(self, *stages, options=(), **more):
        self.run(*stages, options=("-d", *options), **more)
        return self

    def status(self):
        return self.thole.run("workflow", "show", self.name, "--json").json()["status"]

    def steps(self):
        """{name: its status}"""
        return {step["name"]: step for step in self.status()["steps"]}

    def wait_step(self, name, state, timeout=30):
        return wait_until(lambda: (step := self.steps()[name])["state"] == state and step, timeout, f"step {name} to be {state}")

    def over(self, timeout=60):
        wait_until(lambda: self.status()["done"], timeout, f"the end of {self.name}")
        return self.status()

    def log(self, name):
        """What its runs wrote, one after the other: of those that never began there is nothing."""
        runs = sorted((self.dir / "runs" / f"U{name}").glob("*"), key=lambda path: int(path.name))
        return b"".join(file.read_bytes() for run in runs for file in sorted(run.glob("log.*")))

    def lines(self, name):
        """What it wrote, without the echo of its commands."""
        return [line for line in self.log(name).decode().splitlines() if not line.startswith("+ ")]

    def wait_line(self, name, line, timeout=30):
        wait_until(lambda: line in self.lines(name), timeout, f"{line!r} in the log of {name}")

    def things(self):
        """{kind: how many} of what carries the label of this task."""
        label = {LABELS["task"]: self.name}
        return {kind: len(found) for kind in ("container", "network", "volume") if (found := self.docker.list(kind, **label))}

    def container(self, name):
        """What the engine says of the step's container, running or not."""
        found = self.docker.containers(**{LABELS["task"]: self.name, LABELS["step"]: f"U{name}"})
        assert len(found) == 1, f"{len(found)} containers of {name}"
        return self.docker.inspect(found[0]["Id"])

    def shell(self, name, script):
        """Runs a script in the step's container, as somebody else would; returns when it has ended."""
        made = self.docker.ask("POST", f"/containers/{self.container(name)['Id']}/exec", {"Cmd": ["sh", "-c", script], "AttachStdout": True})
        self.docker.ask("POST", f"/exec/{json.loads(made[1])['Id']}/start", {})

    def started(self):
        """How often each step's containers were started, as the engine remembers it, until it is restarted."""
        filters = json.dumps({"type": ["container"], "event": ["start"], "label": [f"{LABELS['task']}={self.name}"]})
        events = self.docker.ask("GET", f"/events?since={self.born:.6f}&until={time.time():.6f}&filters={urllib.parse.quote(filters)}")[1]
        steps = [json.loads(line)["Actor"]["Attributes"][LABELS["step"]] for line in events.splitlines()]
        return collections.Counter(step.removeprefix("U") for step in steps)

    def __repr__(self):
        return f"{self.name}: {json.dumps(self.status(), indent=1)}"
