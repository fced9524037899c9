# SPDX-License-Identifier: Apache-2.0
"""A project with environments, and what the API says of them."""

import pathlib
import urllib.parse

from git_repository import Repository

API = "/apis/thole.dev/v1alpha1"
CONFIG = {
    "version": 1, "name": "shop",
    "provisioner": {"services": {"db": {"outputs": ["URL"], "seed": "echo seed >>$LEDGER; echo URL=postgres://u:hunter2@h/$THOLE_ENV_NAME"}}},
    "services": {
        "web": {"command": "exec sleep 1000", "path": "web", "env": {
            "DB": "{{provisioner.db.URL}}?x=1", "PORT": "{{self.port}}", "PLAIN": "yes", "NAMED": "by its name"}, "secrets": ["NAMED"]},
        "worker": {"command": "exec sleep 1000"},
    },
    "runner": {"after": {"command": "echo after >>$LEDGER", "allow_cache": False}},
}


class Shop:
    """A project in a repository, and its environments."""

    def __init__(self, thole, config=None):
        self.thole = thole
        self.write(config or CONFIG)
        thole.file("web/index.html", "hello\n")
        thole.file(".gitignore", ".env.local\n.thole.json\n.thole/\n")
        self.repository = Repository.of(thole)
        thole.run("env", "list")  # so that there is a server

    def write(self, config):
        self.thole.config(config)

    @property
    def file(self):
        return str(self.thole.project / "thole.yaml")

    def create(self, name="feat-x", *words):
        self.thole.run("env", "create", name, *words)
        return self.object(name)

    def objects(self, **filters):
        query = "?" + urllib.parse.urlencode(filters) if filters else ""
        return {item["spec"]["name"]: item for item in self.get(f"{API}/environments{query}")["items"]}

    def object(self, name="feat-x"):
        return self.objects()[name]

    def path(self, below="", name="feat-x"):
        metadata = self.object(name)["metadata"]
        return f"{API}/namespaces/{metadata['namespace']}/environments/{metadata['name']}{below}"

    def get(self, path, code=200):
        status, body = self.thole.api(path)
        assert status == code, body
        return body if code == 200 else body["message"]

    def look(self, below, code=200, name="feat-x"):
        return self.get(self.path(f"/{below}", name), code)

    def steps(self, name="feat-x"):
        return {step["name"]: step for step in self.look("steps", name=name)["steps"]}

    def plan(self, name="feat-x", **spec):
        status, body = self.thole.api(f"{API}/environments?dryRun=All", "POST", {"spec": {"name": name, "project": self.file, **spec}})
        assert status == 200, body
        return {step["name"]: step for step in body["steps"]}

    def worktree(self, name="feat-x"):
        return pathlib.Path(self.object(name)["spec"]["path"])

    def everything(self):
        """All there is on disk of it, but for what logs and databases say."""
        roots = [self.thole.project, self.thole.state / "environments", self.thole.state / "worktrees"]
        return {str(path): path.read_bytes() for root in roots for path in root.rglob("*")
                if path.is_file() and "/.git/" not in str(path) and "runs" not in path.parts}
