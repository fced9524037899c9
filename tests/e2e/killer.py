# SPDX-License-Identifier: Apache-2.0
"""Ends the server with -9, at named points (sys_point() of the faults build) or at any moment. THOLE_CRASH_SEED repeats a run."""

import collections
import os
import random
import signal

from ledger import server_pid_or_0

SEED = int(os.environ.get("THOLE_CRASH_SEED", "0")) or random.SystemRandom().randrange(1, 10**6)


class Killer:
    def __init__(self, thole):
        self.thole, self.points, self.hits, self.kills = thole, thole.base / "points", thole.base / "hits", 0
        self.points.mkdir()
        thole.use_faults("server")
        thole.env.update(THOLE_CRASH_DIR=str(self.points), THOLE_FAULT_FILE=str(self.hits))
        self.random = random.Random(SEED)

    def counts(self):
        """{point: how often the server has died there}"""
        lines = self.hits.read_text().splitlines() if self.hits.exists() else []
        return collections.Counter(".".join(line.split()[:2]) for line in lines)

    def arm(self, point):
        """The next server that comes there dies."""
        (self.points / point).touch()

    def disarm(self):
        for path in self.points.iterdir():
            path.unlink(missing_ok=True)

    def kill(self):
        """Whichever runs now, if one does."""
        pid = server_pid_or_0(self.thole)
        if pid:
            try:
                os.kill(pid, signal.SIGKILL)
                self.kills += 1
            except ProcessLookupError:
                pass
