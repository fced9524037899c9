# SPDX-License-Identifier: Apache-2.0
"""The PostgreSQL of the tests (tests/real/postgres.py), seen from outside of thole: by psql."""

import contextlib
import json
import os
import subprocess
import sys

import driver


@contextlib.contextmanager
def server():
    """One that lives as long as the block: it reads the end of its stdin, whatever becomes of us."""
    keeper = subprocess.Popen([sys.executable, driver.SOURCE / "tests" / "real" / "postgres.py"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                              text=True, start_new_session=True)
    try:
        line = keeper.stdout.readline()
        assert line, "PostgreSQL did not start; see above (Debian's packages are postgresql and postgresql-client)"
        yield Postgres(**json.loads(line))
    finally:
        keeper.stdin.close()
        keeper.wait(60)
        keeper.stdout.close()


def ask(database, sql, env=None):
    """The lines of what `sql` gives; without `env`, `database` is a URL that must suffice."""
    words = ["psql", "-X", "-q", "-A", "-t", "-w", "-F", "\t", "-v", "ON_ERROR_STOP=1", "-d", database, "-c", sql]
    done = subprocess.run(words, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=30,
                          env={"PATH": os.environ["PATH"], **(env or {})})
    assert done.returncode == 0, f"{sql}: {done.stderr}"
    return done.stdout.splitlines()


class Postgres:
    def __init__(self, host, port, user, password):
        self.host, self.port, self.user, self.password = host, port, user, password

    @property
    def env(self):
        """What libpq and the scripts of people read."""
        return {"PGHOST": self.host, "PGPORT": str(self.port), "PGUSER": self.user, "PGPASSWORD": self.password}

    def psql(self, sql, database="postgres"):
        """The lines of what `sql` gives, fields separated by tabs."""
        return ask(database, sql, self.env)

    def databases(self):
        return set(self.psql("SELECT datname FROM pg_database"))

    def drop(self, names):
        for name in sorted(names):
            self.psql(f"DROP DATABASE IF EXISTS {self.quoted(name)} WITH (FORCE)")

    @staticmethod
    def quoted(name):
        return '"' + name.replace('"', '""') + '"'
