# SPDX-License-Identifier: Apache-2.0
"""Config files as people get them wrong: each is refused with one sentence that names the place, and nothing is started."""

import os

import pytest

ONE = "services: {a: {command: sleep 1000}}\n"
BOMB = "x0: &x0 [" + ", ".join(["l"] * 10) + "]\n" + "".join(
    f"x{n}: &x{n} [" + ", ".join([f"*x{n - 1}"] * 10) + "]\n" for n in range(1, 8))

WRONG = {
    "nothing": ("", ": the file is empty; begin with `version: 1`"),
    "no version": (ONE, ":1:1: the key `version` is missing; begin the file with `version: 1`"),
    "version in quotes": ("version: '1'\n" + ONE, ":1:10: version: it is a text, not a number; write `version: 1`, without quotes"),
    "no map": ("- a\n", ": the file is no map of keys"),
    "two of a key": ("version: 1\nservices:\n  a: {command: x}\n  a: {command: y}\n", ':4:3: the key "a" is given twice, first in line 3'),
    "no such anchor": ("version: 1\nservices: {a: *b}\n", ":2:15: the alias *b names no anchor before it"),
    "a bomb": ("version: 1\n" + BOMB, "with its aliases expanded, the file has more than 1048576 values"),
    "too deep": ("version: 1\nx-a: " + "[" * 3000 + "]" * 3000 + "\n", "nested more than 100 deep"),
    "latin 1": (b"version: 1\nname: caf\xe9\n", ":2:10: the byte 0xe9 here is not UTF-8; save the file as UTF-8"),
    "utf 16": ("version: 1\n".encode("utf-16"), ":1:1: the byte 0xff here is not UTF-8"),
    "ten megabytes": ("version: 1\n" + ONE + "# x\n" * 2_500_000, ": it has 10000048 bytes, more than the limit of 4194304 (4 MiB)"),
    "two documents": ("version: 1\n" + ONE + "---\nx: 1\n", ":3:1: a second document begins here"),
    "a cycle": ("version: 1\nservices: {a: {command: x, depends_on: [a]}}\n", ":2:41: services.a.depends_on.a: a depends on itself"),
}


@pytest.mark.parametrize("what", WRONG)
def test_a_wrong_file_is_refused(thole, what):
    text, says = WRONG[what]
    path = thole.file("thole.yaml", text)
    for words in (["vet"], ["up", "-d"], ["ci"], ["config"]):
        lines = thole.run(*words, code=2).err.splitlines()
        assert len(lines) == 2 and lines[0].startswith(str(path) + ":") and lines[0].count(str(path)) == 1, lines
        assert says in lines[0], lines
    assert not thole.pins() and not list((thole.state / "sessions").glob("*"))


@pytest.mark.parametrize("what, says", [("directory", "it is a directory, not a file"), ("pipe", "it is a pipe, socket or device, not a file"),
                                        ("link", "is a link that leads nowhere")])
def test_what_is_no_file_is_refused(thole, what, says):
    path = thole.project / "thole.yaml"
    {"directory": path.mkdir, "pipe": lambda: os.mkfifo(path), "link": lambda: path.symlink_to("nowhere")}[what]()
    for words in (["vet"], ["up", "-d"], ["--file", path, "vet"]):
        error = thole.run(*words, code=2).err.splitlines()[0]
        assert says in error and error.count(str(path)) == 1, error


def test_vet_warns_of_a_secret_that_is_set_nowhere(thole):
    thole.file("local.env", "FROM_FILE=long enough\n")
    thole.config("""
        version: 1
        services:
          a:
            command: sleep 1000
            env: {OWN: long enough}
            env_from: local.env
            secrets: [OWN, FROM_FILE, GIVEN, TOKEN]
        """)
    result = thole.run("vet", env={"GIVEN": "long enough"})
    assert result.err == (f"{thole.project}/thole.yaml:7:38: warning: services.a.secrets[3]: TOKEN is set nowhere, and the session will "
                          "not start without it; set it in env, in a file of env_from, or in the environment of `thole up`\n"), result
    assert "is valid" in result.out
    short = thole.run("vet", "--json", env={"GIVEN": "abc", "TOKEN": "long enough"}).json()
    assert [w["path"] for w in short["warnings"]] == ["services.a.secrets[2]"] and "has 3 bytes" in short["warnings"][0]["message"]
    given = {"GIVEN": "long enough", "TOKEN": "also long"}
    assert thole.run("vet", env=given).err == ""
    assert "TOKEN is not set" in thole.run("up", "-d", env={"GIVEN": "long enough"}, code=2).err
    thole.run("up", "-d", "--wait", env=given)
