# SPDX-License-Identifier: Apache-2.0
"""A project whose environments tell what was done to them: each hook appends "start STEP ENVIRONMENT PID" to a ledger when it begins and
"end STEP ENVIRONMENT PID" before it ends by itself. The ledger cannot be wrong about what ran."""

import collections
import json
import pathlib
import sqlite3

from driver import alive, wait_until
from git_repository import Repository
from ledger import request

ENVIRONMENTS = "/apis/thole.dev/v1alpha1/environments"
IGNORED = (".env.local", ".thole.json", ".thole", "ledger*")


def says(step, text="", code=0):
    """A hook. `text` is run between its two lines."""
    return (f'echo "start {step} $THOLE_ENV_NAME $$" >>"$LEDGER"; {text or ":"}; code=$?; '
            f'echo "end {step} $THOLE_ENV_NAME $$" >>"$LEDGER"; exit $(({code} + code))')


PROVISIONED = ["provisioner_before", "create_compute", "allocate_ports", "seed_cache", "seed_db", "build_manifest", "write_manifest", "provisioner_after"]
RUN = ["runner_before", "generate_env", "runner_deploy", "runner_after"]
CREATED_HOOKS = ["provisioner_before", "seed_cache", "seed_db", "provisioner_after", "runner_before", "runner_deploy", "runner_after"]
DESTROYED_HOOKS = ["runner_destroy", "destroy_core_db", "destroy_core_cache"]


def config(between="", **changes):
    """All hooks; `between`: what each of them does."""
    def hook(step, text=""):
        return says(step, f"{between or ':'}; {text or ':'}")
    services = {name: {"outputs": ["URL"], "seed": hook(f"seed_{name}", f"echo URL={name}://$THOLE_ENV_NAME"),
                       "reset": hook(f"core_reset_{name}", f"echo URL={name}://again-$THOLE_ENV_NAME"),
                       "destroy": hook(f"destroy_core_{name}")} for name in ("cache", "db")}
    made = {"version": 1, "name": "shop",
            "provisioner": {"before": hook("provisioner_before"), "after": hook("provisioner_after"), "services": services},
            "runner": {name: hook(f"runner_{name}") for name in ("before", "deploy", "after", "destroy")},
            "services": {"web": {"path": "web", "env": {"DB": "{{provisioner.db.URL}}", "CACHE": "{{provisioner.cache.URL}}", "PORT": "{{self.port}}"}}}}
    made.update(changes)
    return made


class Project:
    """A git repository with a config file. `words` is the config (a dict)."""

    def __init__(self, thole, words=None, directory=None, file="thole.yaml"):
        self.thole, self.dir, self.file = thole, pathlib.Path(directory or thole.project), file
        self.ledger_path = self.dir / "ledger"
        self.configure(words or config())
        thole.file("web/index.html", "hello\n", project=self.dir)
        thole.file(".gitignore", "".join(f"{name}\n" for name in IGNORED), project=self.dir)
        thole.env["GIT_CONFIG_NOSYSTEM"] = "1"
        if directory:
            self.git = Repository.init(self.dir, thole.env)
        else:
            self.git = Repository.of(thole)

    def configure(self, words):
        self.words = words
        path = self.dir / self.file
        beside = path.with_name(f".{path.name}.new~")
        path.parent.mkdir(parents=True, exist_ok=True)
        beside.write_text(json.dumps(words, indent=1))
        beside.replace(path)

    # -- commands

    def run(self, *words, **options):
        env = {"LEDGER": str(self.ledger_path), **(options.pop("env", None) or {})}
        return self.thole.run("env", *words, cwd=options.pop("cwd", self.dir), env=env, **options)

    def popen(self, *words, env=None, **options):
        return self.thole.popen("env", *words, cwd=self.dir, env={"LEDGER": str(self.ledger_path), **(env or {})}, **options)

    def ask(self, method, path="", body=None):
        """(status, body) of a request about environments; a server is started if there is none."""
        self.thole.run("env", "list", code=None)
        return request(self.thole, f"{ENVIRONMENTS}{path}", method, body)

    def object(self, name):
        """The Environment, or None."""
        code, body = self.ask("GET")
        assert code == 200, body
        found = [item for item in body["items"] if item["spec"]["name"] == name and item["spec"]["project"] == str(self.dir / self.file)]
        assert len(found) < 2, found
        return found[0] if found else None

    def below(self, name, what):
        meta = self.object(name)["metadata"]
        code, body = request(self.thole, f"/apis/thole.dev/v1alpha1/namespaces/{meta['namespace']}/environments/{meta['name']}{what}")
        assert code == 200, body
        return body

    def entry(self, name):
        return self.below(name, "/entry?reveal=true")

    def over(self, name, timeout=30):
        """Waits for the end of what is being done; the object, or None: it is gone."""
        def ask():
            found = self.object(name)
            operation = found and found["status"].get("operation")
            return (found or "gone") if not operation or operation["state"] not in ("waiting", "running") else None
        found = wait_until(ask, timeout, f"the end of what is done to {name}")
        return None if found == "gone" else found

    # -- what there is

    def ledger(self):
        """[(what, step, environment, pid)]"""
        text = self.ledger_path.read_text() if self.ledger_path.exists() else ""
        return [(what, step, name, int(pid)) for what, step, name, pid in (line.split(" ") for line in text.splitlines())]

    def ran(self, name=None):
        """The hooks that were begun, in order."""
        return [step for what, step, env, _ in self.ledger() if what == "start" and name in (None, env)]

    def forget(self):
        self.ledger_path.unlink(missing_ok=True)

    def tree(self, name):
        return pathlib.Path(self.object(name)["spec"]["path"])

    def rows(self, sql, *values):
        """Of the store, as it lies on disk."""
        database = sqlite3.connect(f"file:{self.thole.env.get('THOLE_STORE') or self.thole.state / 'thole.db'}?mode=ro", uri=True, timeout=20)
        try:
            return database.execute(sql, values).fetchall()
        finally:
            database.close()

    def audit(self, name):
        """[(action, step, message)], also of one that is gone."""
        return self.rows("SELECT a.action, a.step, a.message FROM audit a JOIN environment e ON e.id = a.environment "
                         "WHERE e.project = ? AND e.name = ? ORDER BY a.n", str(self.dir / self.file), name)

    def steps(self, name):
        """{step: status}"""
        return dict(self.rows("SELECT s.name, s.status FROM step s JOIN environment e ON e.id = s.environment "
                              "WHERE e.project = ? AND e.name = ?", str(self.dir / self.file), name))

    def leases(self, name):
        return self.rows("SELECT holder, doing FROM environment_lease WHERE name = ? AND expires_ms > strftime('%s', 'now') * 1000", name)

    def alive(self):
        """Hooks that still run."""
        return [pid for *_, pid in self.ledger() if alive(pid)]

    def counts(self, what, name):
        return collections.Counter(step for said, step, env, _ in self.ledger() if said == what and env == name)

    # -- what must be true

    def check_created(self, name):
        tree = self.tree(name)
        assert self.object(name)["status"]["phase"] == "running", self.object(name)
        assert (self.git.at(tree).branch, self.git.at(tree).status()) == (name, {}), self.git.at(tree).status()
        assert self.git.worktrees()[tree]["branch"] == name
        entry = self.entry(name)
        port = entry["ports"]["web"]
        assert entry["provisionerOutputs"] == {service: {"URL": f"{service}://{name}"} for service in ("cache", "db")}, entry
        values = dict(line.split("=", 1) for line in (tree / "web/.env.local").read_text().splitlines() if "=" in line)
        assert {key: value.strip("'\"") for key, value in values.items()} == {"DB": f"db://{name}", "CACHE": f"cache://{name}", "PORT": str(port)}
        manifest = json.loads((tree / ".thole.json").read_text())
        assert (manifest["env_name"], manifest["ports"]) == (name, {"web": port}), manifest
        steps = {step: status for step, status in self.steps(name).items() if step in PROVISIONED + RUN}
        assert steps == {step: "completed" for step in PROVISIONED + RUN}, steps
        assert not self.leases(name), self.leases(name)
        assert self.rows("SELECT 1 FROM port_block WHERE name = ? AND project = ?", name, str(self.dir / self.file)), "it has no port block"

    def check_gone_tree(self, name):
        assert self.object(name) is None and not [path for path in self.git.worktrees() if path.name == name]

    def check_gone(self, name):
        assert self.object(name) is None
        assert not [path for path in self.git.worktrees() if path.name == name]
        assert name in self.git.branches()
        assert not list((self.thole.state / "worktrees").glob(f"*/{name}"))
        assert not list((self.thole.state / "environments").glob(f"*/{name}")), list((self.thole.state / "environments").glob("*/*"))
        assert not self.steps(name) and not self.leases(name)
        assert not self.rows("SELECT 1 FROM port_block WHERE name = ? AND project = ?", name, str(self.dir / self.file))
