# SPDX-License-Identifier: Apache-2.0
"""Ports of environments: here they are worked out anew, from what is promised of them, and compared."""

import json
import socket
import sqlite3

from environment_api import ports
from git_repository import Repository

FIRST, SIZE, BLOCKS = 61000, 100, 40


def block_of(name):
    value = 0x811C9DC5
    for byte in name.encode():
        value = ((value ^ byte) * 0x01000193) % 2**32
    return value % BLOCKS


def is_free(port):
    """Nobody listens there, and no other server of this machine holds it for one of its environments."""
    with socket.socket() as probe, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as name:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("0.0.0.0", port))
            name.bind(f"\0thole/port/{port}")
            return True
        except OSError:
            return False


def assigned(block, names, fixed):
    """By name; one that is there twice takes two, and has the second."""
    free = (port for port in range(FIRST + block * SIZE, FIRST + (block + 1) * SIZE) if is_free(port))
    found = {}
    for name in sorted(names, key=str.encode):
        port = next(free)
        while name not in fixed and port in fixed.values():
            port = next(free)
        found[name] = fixed.get(name, port)
    return found


def listener(port):
    held = socket.socket()
    held.bind(("127.0.0.1", port))
    held.listen()
    return held


SERVICES = {"web": {"path": ".", "ports": {"admin": "auto", "ui": 8099}}, "api": {"path": "."}, "a-b": {"path": "."}, "both": {"path": "."}, "z": {"path": ".", "port": 8088}}
NAMES = ["web", "web.admin", "web.ui", "api", "a-b", "both", "z", "both", "redis", "B", "10"]
FIXED = {"z": 8088, "web.ui": 8099}


def project(thole, services, **more):
    thole.config({"version": 1, "name": "shop", "services": services, **more})
    return Repository.of(thole)


def with_compose(thole, services):
    thole.file("compose.yaml", json.dumps({"services": {name: {"image": "x"} for name in ("both", "redis", "B", "10")}}))
    return project(thole, services, infrastructure={"compose_file": "compose.yaml"})


def test_each_environment_has_the_ports_that_its_name_says(thole):
    with_compose(thole, SERVICES)
    taken = set()
    assert block_of("twin-2") == block_of("twin-28")
    for name in ("café-of-ports", "Ports", "ports/of-it", "twin-2", "twin-28"):
        block = block_of(name)
        while block in taken:
            block = (block + 1) % BLOCKS
        taken.add(block)
        with listener(next(filter(is_free, range(FIRST + block * SIZE + 2, FIRST + (block + 1) * SIZE)))):
            expected = assigned(block, NAMES, FIXED)
            thole.run("env", "provision", name)
            assert ports(thole, name) == expected, name
            thole.run("env", "provision", name, "--from", "allocate_ports")
            assert ports(thole, name) == expected, f"{name}: done again it has the same"


def test_a_number_of_the_config_is_given_to_nobody_else(thole):
    start = FIRST + block_of("fixed-ports") * SIZE
    fixed = {"z": start + 1, "web.ui": start + 3}
    with_compose(thole, {**SERVICES, "z": {"path": ".", "port": fixed["z"]}, "web": {"path": ".", "ports": {"admin": "auto", "ui": fixed["web.ui"]}}})
    expected = assigned(block_of("fixed-ports"), NAMES, fixed)
    thole.run("env", "provision", "fixed-ports")
    assert ports(thole, "fixed-ports") == expected and len(set(expected.values())) == len(expected)


def test_a_service_that_an_import_has_no_port_for_gets_one(thole):
    """What was made elsewhere, from a config that is older."""
    project(thole, SERVICES, runner={"deploy": "true"})
    thole.run("env", "provision", "older-ports")
    state = thole.run("env", "export").json()
    entry = state["environments"]["older-ports"]
    whole = dict(entry["ports"])
    del entry["ports"]["z"], entry["thole"]
    for step in entry["steps"].values():
        step.pop("thole", None)
    thole.run("env", "delete", "older-ports")
    thole.run("env", "import", thole.file("state.json", json.dumps(state)))
    thole.run("env", "provision", "older-ports")
    assert ports(thole, "older-ports") == whole


def test_one_more_than_there_are_blocks_is_refused_before_anything_is_made(thole):
    repository = project(thole, SERVICES, runner={"deploy": "true"})
    thole.run("env", "provision", "own")
    thole.run("server", "stop")
    with sqlite3.connect(thole.state / "thole.db") as database:
        [(own,)] = database.execute("SELECT block FROM port_block").fetchall()
        others = [block for block in range(BLOCKS) if block != own]
        database.executemany("INSERT INTO port_block(project, name, block) VALUES(?, ?, ?)",
                             [("/home/me/" + ("blog" if i < 30 else "shop-2") + "/thole.yaml", f"e{i}", block) for i, block in enumerate(others)])
    refused = thole.run("env", "create", "one-more", code=3).err
    assert "all 40 blocks of ports are taken: 30 of blog, 9 of shop-2, 1 of shop; delete an environment" in refused, refused
    assert "one-more" not in repository.branches() and not list((thole.state / "worktrees").glob("*/one-more"))
    assert "own" in thole.run("env", "list").out and "one-more" not in thole.run("env", "list").out
    thole.run("env", "provision", "own")  # has one already
    thole.run("env", "delete", "own")
    thole.run("env", "provision", "one-more")
    assert set(ports(thole, "one-more").values()) - {8088, 8099} <= set(range(FIRST + own * SIZE, FIRST + (own + 1) * SIZE))
