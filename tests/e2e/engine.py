# SPDX-License-Identifier: Apache-2.0
"""Docker Engines, seen from outside of thole: what is in them, by the API on their socket. `./dev test` starts them
(tests/real/engines.py) and names them in THOLE_TEST_…"""

import contextlib
import json
import os
import pathlib
import urllib.parse

from driver import UnixConnection, wait_until

KINDS = {"container": "/containers/json?all=1&filters=", "network": "/networks?filters=", "volume": "/volumes?filters="}


def given(name):
    """THOLE_TEST_<name>; a test that needs a real part fails where there is none."""
    value = os.environ.get(f"THOLE_TEST_{name}")
    assert value, (f"THOLE_TEST_{name} is not set: run this by ./dev test, as root or with sudo, or name a Docker Engine in "
                   "THOLE_TEST_DOCKER (unix://...) and an image with a busybox in it in THOLE_TEST_IMAGE")
    return value


class Engine:
    def __init__(self, address):
        assert address.startswith("unix://"), f"the tests want an engine on a unix socket, not {address}"
        self.address, self.path = address, address.removeprefix("unix://")

    @property
    def image(self):
        return given("IMAGE")

    def ask(self, method, target, body=None, timeout=30.0, **headers):
        """(status, the answer as it came)"""
        with contextlib.closing(UnixConnection(self.path, timeout)) as connection:
            data = None if body is None else json.dumps(body)
            connection.request(method, target, data, {**({"Content-Type": "application/json"} if data else {}), **headers})
            reply = connection.getresponse()
            return reply.status, reply.read()

    def get(self, target):
        status, text = self.ask("GET", target)
        assert status == 200, f"GET {target}: {status} {text}"
        return json.loads(text)

    def answers(self):
        try:
            return self.ask("GET", "/_ping", timeout=5)[0] == 200
        except OSError:
            return False

    def list(self, kind, **labels):
        """All containers, networks or volumes with these labels; None as a value: whatever the label says."""
        filters = json.dumps({"label": [key if value is None else f"{key}={value}" for key, value in labels.items()]})
        found = self.get(KINDS[kind] + urllib.parse.quote(filters))
        return (found["Volumes"] or []) if kind == "volume" else found

    def containers(self, **labels):
        return self.list("container", **labels)

    def inspect(self, container):
        return self.get(f"/containers/{container}/json")

    def everything(self):
        """{(kind, name or id)} of all there is."""
        names = {"container": "Id", "network": "Id", "volume": "Name"}
        return {(kind, thing[name]) for kind, name in names.items() for thing in self.list(kind)}

    def remove(self, things):
        for kind, name in sorted(things):  # containers first
            self.ask("DELETE", f"/{kind}s/{urllib.parse.quote(name)}{'?force=1&v=1' if kind == 'container' else ''}")

    def forget_image(self, name):
        self.ask("DELETE", f"/images/{name}?force=1")


class OwnEngine(Engine):
    """The second engine of ./dev test: its keeper does what is written into a fifo."""

    count = 0

    def __init__(self):
        self.base, self.live = pathlib.Path(given("ENGINES")), False
        super().__init__(f"unix://{self.base}/second.sock")

    def _say(self, word):
        OwnEngine.count += 1
        number = f"{os.getpid()}.{OwnEngine.count}"
        (self.base / "words").write_text(f"{number} {word}\n")
        wait_until(lambda: (self.base / "said").read_text() == number, 60, f"the engine to {word}")

    def start(self):
        """Returns when it answers. What runs when it was killed is ended by it first."""
        self._say("start")

    def stop(self):
        """As `systemctl stop docker` does: its containers end."""
        self._say("stop")

    def kill(self):
        """SIGKILL to dockerd: what serves its containers lives on."""
        self._say("kill")

    def freeze(self):
        """SIGSTOP to dockerd: it takes connections, and says nothing."""
        self._say("freeze")

    def thaw(self):
        self._say("thaw")

    def restore_live(self):
        """From now on its containers run on while it does not."""
        self._restart("live")

    def _restart(self, word):
        self.stop()
        self._say(word)
        self.start()
        self.live = word == "live"

    def close(self):
        if self.answers() and self.live:
            self.remove(self.everything())
        if self.live:
            self._restart("plain")
        self.start()
        self.remove(self.everything())
