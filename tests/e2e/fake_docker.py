# SPDX-License-Identifier: Apache-2.0
"""A `docker` with compose, whose containers are files: it is quick, and knows what it was asked."""

import collections

from git_repository import path_without

SERVICES = ("cache", "queue")
COMPOSE = "services:\n" + "".join(f'  {name}: {{image: none, ports: ["${{{name.upper()}_PORT}}:6379"]}}\n' for name in SERVICES)
# containers/PROJECT/SERVICE: running or exited
DOCKER = """#!/bin/sh
dir={dir}; cd $dir/containers || exit 1
work() {{ sleep 0.02; }} # sleep: a server may be killed meanwhile
note() {{ echo "$*" >>$dir/asked; }}
project() {{ # of a filter by label
    echo "${{1##*project=}}"
}}
case "$1 $2" in
    "compose version") echo "Docker Compose version v2.20.0"; exit ;;
    "compose -p") words="compose $6"; name=$3 ;;
    *) words="$1 $2" ;;
esac
case "$words" in
    "compose up")
        note up $name; mkdir -p $name
        for service in {services}; do
            work
            grep -qs running $name/$service || {{ note start $name; echo running >$name/$service; }}
        done ;;
    "compose stop") note stop $name; for file in $name/*; do work; echo exited >$file; done ;;
    "compose down") note down $name; work; rm -rf $name ;;
    "compose config") printf '%s\\n' {services} ;;
    "compose ps") for file in $(grep -l running $name/* 2>/dev/null); do basename $file; done ;;
    "container ls")
        for file in $(project "$5")/*; do
            ! [ -f $file ] || {{ [ "$3" = -q ] && ! grep -q running $file; }} || echo $file
        done ;;
    "container rm") shift 3; note removed "$@"; rm -f "$@" ;;
    "container stop") shift 2; for file; do echo exited >$file; done ;;
    "network ls" | "volume ls" | "ps --all") ;;
    *) note "not known: $*"; exit 1 ;;
esac
"""


class FakeDocker:
    def __init__(self, thole):
        self.dir = thole.base / "docker"
        thole.env["PATH"] = path_without(self.dir, "docker", "docker-compose")
        (self.dir / "containers").mkdir()
        (self.dir / "docker").write_text(DOCKER.format(dir=self.dir, services=" ".join(SERVICES)))
        (self.dir / "docker").chmod(0o755)

    def states(self, project):
        """{service: "running" or "exited"}; None: there is no such project."""
        directory = self.dir / "containers" / project
        return {file.name: file.read_text().strip() for file in directory.iterdir()} if directory.exists() else None

    def asked(self, project):
        """{what: how often}: up, start (a container), stop, down"""
        lines = [line.split() for line in (self.dir / "asked").read_text().splitlines()]
        return collections.Counter(words[0] for words in lines if words[1] == project)
