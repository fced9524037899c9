# SPDX-License-Identifier: Apache-2.0
"""A docker that does not answer: who asks it waits, and nobody else."""

import os
import re
import signal
import time

from driver import alive, wait_until
from env_shop import CONFIG, Shop
from git_repository import path_without

DOCKER = """#!/bin/sh
echo "$$ $*" >>{dir}/asked
case "$*" in
    *version*) echo "Docker Compose version v2.20.0" ;;
    compose*" config "*) echo cache ;;
    compose*" ps "*) exec sleep 1000 ;;
esac
"""


class Hanging:
    """A shop with infrastructure, whose docker starts all and then never says how it is."""

    def __init__(self, thole):
        self.dir = thole.base / "programs"
        thole.env["PATH"] = path_without(self.dir, "docker", "docker-compose")
        (self.dir / "docker").write_text(DOCKER.format(dir=self.dir))
        (self.dir / "docker").chmod(0o755)
        thole.file("compose.yaml", "services:\n  cache:\n    image: none\n")
        self.shop = Shop(thole, {**CONFIG, "infrastructure": {"compose_file": "compose.yaml"}})

    def asked(self):
        """[pid] of those that hang"""
        file = self.dir / "asked"
        lines = file.read_text().splitlines() if file.exists() else []
        return [int(pid) for pid, words in (line.split(" ", 1) for line in lines) if re.search("^compose.* ps ", words)]

    def is_asked(self, n):
        return wait_until(lambda: len(self.asked()) >= n and self.asked()[n - 1], what=f"docker to be asked {n} times")


def test_it_holds_up_no_other_environment_and_no_job(thole):
    hanging = Hanging(thole)
    hanging.shop.create()
    looking = thole.popen("env", "show", "feat-x")
    assert alive(hanging.is_asked(1))
    thole.run("env", "create", "feat-y")
    other = thole.file("job/thole.yaml", '{"version": 1, "services": {"made": {"type": "job", "command": "true", "inputs": ["thole.yaml"]}}}')
    thole.run("ci", cwd=other.parent)
    assert alive(looking.pid) and alive(hanging.asked()[0])


def test_a_server_that_leaves_waits_for_none_of_them(thole):
    hanging = Hanging(thole)
    hanging.shop.create()
    looking = thole.popen("env", "show", "feat-x")
    docker = hanging.is_asked(1)
    begun = time.monotonic()
    thole.run("server", "stop")
    assert time.monotonic() - begun < 20  # the program itself is given a minute
    assert not alive(docker)
    looking.close()  # it asks the next server


def test_what_is_looked_at_for_long_is_told(thole):
    hanging = Hanging(thole)
    hanging.shop.create()
    live = thole.popen("env", "create", "feat-x", "--json")
    live.wait_for(r'"step":\s*"start_infra".*"status":\s*"verifying"')
    docker = hanging.is_asked(1)
    assert "started" not in re.findall(r'"step":\s*"start_infra".*"status":\s*"(\w+)"', live.out)
    os.kill(docker, signal.SIGKILL)
    assert live.wait() == 0, live


def test_what_is_looked_at_for_long_is_drawn(thole):
    """The first of it, too: the tree is there before anything is looked at."""
    hanging = Hanging(thole)
    hanging.shop.create()
    live = thole.popen("env", "create", "feat-x", tty=(30, 80))
    live.wait_for("create feat-x(?s:.*)▶(?s:.*) start_infra(?s:.*)start_services")
    os.kill(hanging.is_asked(1), signal.SIGKILL)
    assert live.wait() == 0, live
