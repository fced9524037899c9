# SPDX-License-Identifier: Apache-2.0
"""Each system call of the server fails once: the first of a short story, then the second, and so on until the story is not touched any
more. Never a wedge, never two processes for a run, never one that nobody knows; and who is refused is told why."""

import json
import shutil

import pytest

from driver import wait_until
from ledger import Shop, end_of, server_pid_or_0, stamped

SPAN = 400  # more calls than the story has


class Story:
    def __init__(self, thole, number, fault):
        self.thole, self.fault, self.hits = thole, fault, thole.base / f"hits{number}"
        self.shop = Shop(thole, number)
        self.failing = {"THOLE_FAULT": fault, "THOLE_FAULT_PROGRAM": "server", "THOLE_FAULT_FILE": str(self.hits)}

    def run(self, *words, env=None, codes=(0, 1, 2, 3)):
        result = self.thole.run(*words, cwd=self.shop.dir, env=env, code=None, timeout=30)
        assert result.code in codes, result
        assert result.code == 0 or len(result.err.strip()) > 10, f"a failure without a word: {result}"
        return result

    def settled(self):
        targets = self.shop.settled()
        self.shop.check_watched(targets)
        return True

    def tell(self):
        """True: the fault was met."""
        first = self.run("up", "-d", "--wait", "--timeout", "20s", env=self.failing)
        if first.code != 0:
            self.run("up", "-d", codes=(0,))
            init = wait_until(self.init_at_rest, 10)
            if not init.get("terminated") or init["terminated"].get("error"):
                self.run("restart", "init", codes=(0,))
        wait_until(self.started_what_failed, 20, "everything to run")
        self.shop.check_once()
        if self.run("down").code != 0:
            self.run("down", codes=(0,))
        if not self.is_down():  # that could not be written: the next server says so
            end_of(self.thole)
            wait_until(lambda: not server_pid_or_0(self.thole), 10, "the server to leave")
            self.run("ps", "-a", codes=(0,))
            wait_until(self.is_down, 10, "the session to be down")
        self.shop.check_gone()
        assert not stamped(self.thole)
        end_of(self.thole)
        wait_until(lambda: not server_pid_or_0(self.thole), 10, "the server to leave")
        shutil.rmtree(self.shop.session_dir())  # else the next server has more to read
        return self.hits.exists()

    def init_at_rest(self):
        state = self.shop.targets()["init:update"]
        return not state.get("active") and not state.get("waiting") and state

    def is_down(self):
        return json.loads((self.shop.session_dir() / "session.json").read_text())["down"]

    def started_what_failed(self):
        """A restart policy may have given up, rightly: then it is asked for again."""
        for name, state in self.shop.targets().items():
            if state.get("terminated", {}).get("error"):
                self.run("start", name.partition(":")[0], codes=(0,))
        return self.settled()


@pytest.mark.deadline(600)
@pytest.mark.parametrize("error", ["EIO", "EMFILE"])
def test_each_call_of_the_server_fails_once(thole, error):
    thole.use_faults("server")
    for number in range(1, SPAN):
        story = Story(thole, number, f"any:{number}:{error}")
        try:
            met = story.tell()
        except BaseException as problem:
            what = story.hits.read_text() if story.hits.exists() else "nothing"
            raise AssertionError(f"call {number} with {error} ({what.strip()}): {problem}") from problem
        if not met:
            break
    assert 20 < number < SPAN - 1, f"{number} calls"
    print(f"{number - 1} calls failed with {error}")
