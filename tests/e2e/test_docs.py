# SPDX-License-Identifier: Apache-2.0
"""The pages tell the truth: their examples of thole.yaml are valid, the commands and options they name exist, and their
links lead somewhere."""

import re
import subprocess
import sys

import pytest

import driver

PAGES = sorted([driver.SOURCE / name for name in ("README.md", "CHANGELOG.md")] + list((driver.SOURCE / "docs").glob("*.md"))
               + list((driver.SOURCE / "examples").rglob("*.md")))
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.M | re.S)
INDENTED = re.compile(r"^ {4}(.*)$", re.M)
INLINE = re.compile(r"`([^`\n]+)`")
GLOBAL_WITH_VALUE = {"-C", "--dir", "--file", "--session", "-o", "--output"}


def name_of(page):
    return str(page.relative_to(driver.SOURCE))


def examples(text):
    """The thole.yaml files of a page: fenced yaml that has services."""
    return [body for kind, body in FENCE.findall(text) if kind == "yaml" and re.search(r"^services:", body, re.M)]


def code_lines(text):
    """What a page shows as commands: after a prompt, in an indented block, or within backticks."""
    for _, body in FENCE.findall(text):
        yield from (line[2:] for line in body.splitlines() if line.startswith("$ "))
    prose = FENCE.sub("", text)
    yield from INDENTED.findall(prose)
    yield from INLINE.findall(prose)


def split(line):
    """(command, options) of `thole … COMMAND …`, or None. What stands for something else (NAME, …) is no command."""
    words = re.split(r" #|[|;&]", line)[0].split()
    if len(words) < 2 or words[0] != "thole":
        return None
    command, options, at = None, [], 1
    while at < len(words):
        word = words[at].strip("[],")
        if re.match(r"--?[a-z]", word, re.I):
            options.append(word.split("=")[0])
            at += word in GLOBAL_WITH_VALUE and "=" not in word
        elif command is None:
            command = word
        at += 1
    return (command, options) if command and re.fullmatch(r"[a-z-]+", command) else None


@pytest.fixture
def commands(thole):
    return thole.commands()


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_example_is_valid(thole, page):
    for text in examples(page.read_text()):
        thole.config(text)
        thole.run("vet")


def test_there_are_examples_and_a_wrong_one_would_be_found(thole):
    assert examples((driver.SOURCE / "README.md").read_text()) and examples((driver.SOURCE / "docs/concepts.md").read_text())
    thole.config(examples((driver.SOURCE / "README.md").read_text())[0].replace("depends_on", "depend_on"))
    assert "depends_on" in thole.run("vet", code=2).err


def test_every_command_and_option_that_is_named_exists(thole, commands):
    help_of = {command: thole.run("help", command).out for command in commands}
    wrong, seen = [], set()
    for page in PAGES:
        for command, options in filter(None, map(split, code_lines(page.read_text()))):
            seen.add(command)
            if command not in commands:
                wrong.append(f"{name_of(page)}: there is no command thole {command}")
                continue
            wrong += [f"{name_of(page)}: thole {command} has no {option}" for option in options
                      if not re.search(rf"(^|[\s,]){re.escape(option)}([\s,=]|$)", help_of[command], re.M)]
    assert not wrong, "\n".join(wrong)
    assert seen == set(commands), f"no example of: {set(commands) - seen}"


def test_the_page_of_the_command_line_has_every_command(commands):
    headings = " ".join(re.findall(r"^## thole (.*)$", (driver.SOURCE / "docs/cli.md").read_text(), re.M))
    assert set(re.findall(r"[a-z-]+", headings.replace("thole", ""))) == set(commands)


def test_every_file_and_variable_of_the_source_that_is_named_exists():
    wrong = []
    sources = "\n".join(path.read_text(errors="replace") for path in (driver.SOURCE / "src").rglob("*.[ch]"))
    for page in (driver.SOURCE / "docs/hacking.md", driver.SOURCE / "docs/architecture.md"):
        for word in INLINE.findall(FENCE.sub("", page.read_text())):
            if re.fullmatch(r"(src|tests|tools)/[\w/.-]+", word) and not (driver.SOURCE / word).exists():
                if not re.search(r"-faults|unit-", word):
                    wrong.append(f"{page.name}: there is no {word}")
            if re.fullmatch(r"[a-z]+_[a-z_]+(\(\))?", word) and not re.search(rf"\b{word.rstrip('()')}\b", sources):
                wrong.append(f"{page.name}: nothing in src is called {word}")
    assert not wrong, "\n".join(wrong)


def test_every_crash_point_that_is_named_exists_and_none_is_missing():
    text = (driver.SOURCE / "docs/hacking.md").read_text()
    named = set(re.findall(r"`([a-z-]+)`", re.search(r"^The points: (.*?)\. A new", text, re.M | re.S).group(1)))
    there = set()
    for path in (driver.SOURCE / "src").rglob("*.c"):
        code = path.read_text()
        there |= set(re.findall(r'sys_point\("([a-z-]+)"\)', code))
        if "sys_point(names[" in code:
            there |= {"record", "recorded", "exit", "exited"}
            assert all(f'"{name}"' in code for name in ("record", "recorded", "exit", "exited")), path
    assert named == there


def test_every_link_leads_somewhere():
    done = subprocess.run([sys.executable, str(driver.SOURCE / "tools/links.py"), str(driver.SOURCE)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
