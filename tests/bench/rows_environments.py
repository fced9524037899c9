# SPDX-License-Identifier: Apache-2.0
"""Rows about environments: what making one costs over its worktree, looking whether one is complete, and listing many."""

import contextlib
import itertools
import sqlite3
import statistics
import time

import environment_api as environments
from git_repository import Repository
from rows import Failed, Row, timed, tool

CONFIG = {"version": 1, "name": "bench", "services": {
    name: {"env_file": f"{name}.env", "env": {"ENVIRONMENT": "{{env.name}}", "ROLE": name}} for name in ("api", "web")}}
# As people would write it: arguments are repository, worktree and branch
SCRIPT = """\
set -e
cd "$1"
git worktree add -q -b "$3" "$2"
cat >"$2/.thole.json" <<END
{
  "version": 1,
  "env_name": "$3",
  "ports": {"api": 61000, "web": 61001}
}
END
for service in api web; do
    cat >"$2/$service.env" <<END
ENVIRONMENT=$3
ROLE=$service
END
done
"""


class Environments(Row):
    """A project with 5,000 files. What is made stays until the row is over: see Workflow."""
    files = 5000

    def before(self, reference_only):
        self.thole_.config(CONFIG)
        self.repository = Repository.of(self.thole_)
        self.repository.ignore("*.env", ".thole.json")
        self.repository.fill(self.files)
        self.count = itertools.count(1)

    def before_thole(self, thole):
        self.server_up()

    def create(self, name):
        return self.timed("env", "create", name)[0][1] / 1e6


class Create(Environments):
    name, what, budget, rounds = "env-create", "env create, 5,000 files, against git worktree add and a script that writes the files", 1.25, 10

    def reference(self):
        name = f"by-hand-{next(self.count)}"
        return timed(["sh", "-c", SCRIPT, "script", self.repository.path, self.thole_.base / name, name], env=self.repository.env)[0][1] / 1e6

    def thole(self):
        name = f"feat-{next(self.count)}"
        took = self.create(name)
        tree = self.repository.at(environments.tree(self.thole_, name))
        if len(list((tree.path / "src").iterdir())) != 100 or not (tree.path / "web.env").exists() or tree.branch != name:
            raise Failed(f"{tree.path} is not what it should be")
        return took


class Again(Environments):
    name, what, budget, rounds = "env-again", "the same again, every step done and verified, against git rev-parse HEAD", 8.0, 20

    def before_thole(self, thole):
        super().before_thole(thole)
        self.create("feat-x")

    def reference(self):
        words = ["git", "-C", self.repository.path, "rev-parse", "HEAD"]
        return statistics.median(took for _, took in timed(words, 10, env=self.repository.env)) / 1e6

    def thole(self):
        return statistics.median(took for _, took in self.timed("env", "create", "feat-x", times=5)) / 1e6


class List(Row):
    name, what, budget, rounds = "env-list", "env list, 1,000 environments with 200 audit entries each, against the bare query", 6.0, 20
    environments, audit = 1000, 200
    columns = "project, name, mode, branch, base, status, created_ns, updated_ns, expires_ns, error, compute_type, compute_path, ports"

    def before(self, reference_only):
        """The first one is made; the others are put beside it while there is no server."""
        thole = self.thole_
        thole.config(CONFIG)
        Repository.of(thole)
        thole.run("env", "create", "feat-0001")
        thole.run("server", "stop", "--all")
        with contextlib.closing(sqlite3.connect(thole.state / "thole.db")) as db, db:
            self.fill(db, str(thole.project / "thole.yaml"), time.time_ns())

    def fill(self, db, project, now):
        db.execute("UPDATE counter SET change = change + ?", (self.environments,))
        [change], [first] = db.execute("SELECT change FROM counter").fetchone(), db.execute("SELECT id FROM environment").fetchone()
        for i in range(first + 1, first + self.environments):
            name = f"feat-{i:04}"
            db.execute("INSERT INTO environment (id, project, name, version, change, uid, mode, branch, status, created_ns, updated_ns, expires_ns,"
                       " compute_type, compute_path, compute_managed, ports) VALUES (?,?,?,1,?,?,'local',?,'running',?,?,0,'local',?,1,?)",
                       (i, project, name, change - self.environments + i, f"00000000-0000-4000-8000-{i:012}", name, now, now,
                        f"/trees/bench/{name}", '{"api":61000,"web":61001}'))
            db.executemany("INSERT INTO audit (environment, n, time_ns, step, action, machine, duration_ms, message, user)"
                           " VALUES (?,?,?,'generate_env','executed','bench',12,'what was done and why',?)",
                           ((i, n, now, "rower") for n in range(1, self.audit + 1)))

    def before_thole(self, thole):
        self.server_up()
        lines = thole.run("env", "list").lines
        if sum("feat-" in line for line in lines) != self.environments:
            raise Failed(f"{len(lines)} lines: {lines[:3]}")

    def reference(self):
        words = [tool("query"), self.thole_.state / "thole.db", f"SELECT {self.columns} FROM environment WHERE NOT removed ORDER BY project, name"]
        return statistics.median(took for _, took in timed(words, 10)) / 1e6

    def thole(self):
        return statistics.median(took for _, took in self.timed("env", "list", times=5)) / 1e6


ROWS_ENVIRONMENTS = (Create, Again, List)
