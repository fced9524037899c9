# SPDX-License-Identifier: Apache-2.0
"""Completions, asked of the real shells: commands, options and choices from the tables, names of the project from its
session or its file. They start no server, wait for nothing and say nothing."""

import os
import re
import shlex
import signal
import time

import pytest

import driver

CONFIG = """
    version: 1
    services:
      api: {command: exec sleep 1000, labels: {tier: back}}
      web: {build: "true", command: exec sleep 1000, labels: [front], depends_on: [api]}
      all: {depends_on: [web]}
    """


def environment(thole, **more):
    return {**thole.env, "PATH": f"{thole.bin}:{thole.env['PATH']}", **more}


def shell(thole, *words):
    done = driver.subprocess.run(words, env=environment(thole), cwd=thole.project, capture_output=True, text=True, timeout=30, **thole.identity)
    assert not done.stderr, done.stderr
    return done.stdout.splitlines()


def bash(thole, line):
    """What bash would put in the place of its last word (which : and = break)."""
    words = [word for word in re.split(r"([:=])|\s+", line) if word]
    if line.endswith(" "):
        words.append("")
    quoted = " ".join(map(shlex.quote, words))
    return shell(thole, "bash", "--norc", "-c", f"""
        source <(thole completion bash)
        compopt() {{ echo "option $*"; }}
        COMP_LINE={shlex.quote(line)} COMP_POINT=${{#COMP_LINE}} COMP_WORDS=({quoted}) COMP_CWORD={len(words) - 1}
        COMP_POINT=${{#COMP_LINE}}
        _thole
        printf '%s\\n' "${{COMPREPLY[@]}}" """)


def fish(thole, line):
    return [answer.split("\t")[0] for answer in
            shell(thole, "fish", "--no-config", "-c", f"thole completion fish | source; complete -C {shlex.quote(line)}")]


def answer(thole, *words):
    return [line.split("\t")[0] for line in thole.run("completion", "answer", "--", *("=" + word for word in words)).lines]


@pytest.mark.parametrize("ask", [bash, fish])
def test_words_that_the_tables_know(thole, ask):
    assert set(ask(thole, "thole re")) == {"restart"}
    assert {"up", "down", "completion", "init"} <= set(ask(thole, "thole "))
    assert "--purge" in ask(thole, "thole down --p") and "--timeout" in ask(thole, "thole up --t")
    assert {"bash", "zsh", "fish"} == set(ask(thole, "thole completion "))
    assert {"status", "stop", "restart"} == set(ask(thole, "thole server ")) and not any(ask(thole, "thole server stop "))
    assert {"GET", "POST", "PATCH", "DELETE"} == set(ask(thole, "thole api "))
    assert set(ask(thole, "thole help vers")) == {"version"}
    assert {"table", "wide", "json"} <= set(ask(thole, "thole ps -o "))
    assert not any(ask(thole, "thole nonsense "))
    assert not (thole.runtime / "server.sock").exists()  # nothing was started


def test_choices_behind_an_equals_sign(thole):
    assert set(bash(thole, "thole ps --output=w")) == {"wide"}
    assert set(fish(thole, "thole ps --output=w")) == {"--output=wide"}


def test_files_are_left_to_the_shell(thole):
    thole.file("other.yaml", "")
    assert bash(thole, "thole --file oth") [0] == "option -o default"
    assert fish(thole, "thole --file oth") == ["other.yaml"]
    (thole.project / "folder").mkdir()
    assert fish(thole, "thole -C fol") == ["folder/"] and bash(thole, "thole -C fol")[0] == "option -o dirnames"


def test_programs_are_left_to_the_shell(thole):
    directory = thole.base / "programs"
    directory.mkdir()
    os.chmod(directory, 0o755)
    (directory / "thole-only-here").symlink_to("/bin/true")
    thole.env["PATH"] = f"{directory}:{thole.env['PATH']}"
    for ask in (bash, fish):
        assert ask(thole, "thole env exec x -- thole-only-h") == ["thole-only-here"], ask
    live = typed(thole, ["zsh", "-f", "-i"], "autoload -U compinit && compinit -D; source <(thole completion zsh)", "thole env exec x -- thole-only-h\t")
    live.wait_for(r"thole-only-h.*ere ")
    live.type("\x15exit\n")
    live.wait()


@pytest.mark.parametrize("ask", [bash, fish])
def test_names_of_the_project(thole, ask):
    thole.config(CONFIG)
    assert {"api", "web", "all"} <= set(ask(thole, "thole restart "))  # there is no server to ask: the file is read
    assert {"web", "web:update", "web:serve"} <= set(ask(thole, "thole up web"))
    assert not (thole.runtime / "server.sock").exists() and not list(thole.state.iterdir())
    thole.run("vet")  # now one runs, and reads the file
    assert {"api", "web", "all"} <= set(ask(thole, "thole up "))
    targets = set(ask(thole, "thole restart web"))
    assert {"web", "web:update", "web:serve"} <= targets
    thole.run("up", "-d", "--wait", "api")
    assert {"api", "web", "all"} <= set(ask(thole, "thole logs -f "))
    assert "serve" in " ".join(ask(thole, "thole stop api:s"))
    below = thole.project / "below"
    below.mkdir()
    assert set(ask(thole, f"thole -C {below} restart a")) >= {"api", "all"}


def test_labels_and_sessions(thole):
    thole.config(CONFIG)
    assert answer(thole, "up", "-l", "") == ["tier=back", "front"]
    assert not (thole.runtime / "server.sock").exists()
    thole.run("vet")
    assert answer(thole, "up", "-l", "") == ["tier=back", "front"]
    thole.run("up", "-d")
    thole.run("--session", "two", "up", "-d")
    assert answer(thole, "--session", "") == ["two"]
    thole.run("--session", "two", "down"), thole.run("down")


def test_names_of_a_foreign_file_without_a_server(thole):
    thole.file("Procfile", "web: x\nworker: y\n")
    assert set(answer(thole, "up", "w")) >= {"web", "worker"}
    assert not (thole.runtime / "server.sock").exists()


def test_a_server_that_does_not_answer_holds_nobody_up(thole):
    thole.config(CONFIG)
    thole.run("vet")
    pid = thole.server_pid()
    os.kill(pid, signal.SIGSTOP)
    try:
        before = time.monotonic()
        result = thole.run("completion", "answer", "--", "=restart", "=")
        assert time.monotonic() - before < 2 and not result.out and not result.err
    finally:
        os.kill(pid, signal.SIGCONT)


def test_nothing_is_said_of_a_broken_project(thole):
    for text in ("{broken", "version: 1\nservices: {a: {command: 7: 8}}\n"):
        thole.file("thole.yaml", text)
        thole.run("vet", code=2)
        result = thole.run("completion", "answer", "--", "=restart", "=")
        assert not result.out and not result.err
    assert not thole.run("-C", "/", "completion", "answer", "--", "=restart", "=").err


def test_wrong_words(thole):
    for words in (["completion"], ["completion", "tcsh"], ["completion", "bash", "zsh"]):
        assert "one of bash, zsh and fish" in thole.run(*words, code=2).err
    assert thole.run("completion", "answer").out  # no word yet: the commands


def typed(thole, program, setup, line):
    live = driver.Live(program, tty=(24, 200), env=environment(thole, PS1="ready> ", PROMPT="ready> ", TERM="dumb"), cwd=thole.project,
                       **thole.identity)
    thole.live.append(live)
    live.wait_for(r"ready> ")
    live.type(setup + "; echo set''up\n")
    live.wait_for(r"^setup[\s\S]*ready> ")
    live.type(line)
    return live


def test_bash_with_a_tab(thole):
    thole.config(CONFIG)
    thole.run("vet")
    live = typed(thole, ["bash", "--norc", "--noprofile", "-i"], "source <(thole completion bash)", "thole resta\t")
    live.wait_for(r"thole restart ")
    live.type("web:s\t")
    live.wait_for(r"thole restart web:serve")
    live.type("\x15exit\n")
    live.wait()


def test_zsh_with_a_tab(thole):
    thole.config(CONFIG)
    thole.run("vet")
    live = typed(thole, ["zsh", "-f", "-i"], "autoload -U compinit && compinit -D; source <(thole completion zsh)", "thole resta\t")
    live.wait_for(r"thole resta.*rt ")
    live.type("web:s\t")
    live.wait_for(r"web:serve")
    live.type("\x15thole ps -o w\t")
    live.wait_for(r"wide")
    live.type("\x15exit\n")
    live.wait()


def test_zsh_from_its_own_directory(thole):
    directory = thole.base / "site"
    directory.mkdir()
    (directory / "_thole").write_text(thole.run("completion", "zsh").out)
    os.chmod(directory, 0o755)
    live = typed(thole, ["zsh", "-f", "-i"], f"fpath=({directory} $fpath); autoload -U compinit && compinit -D -u", "thole resta\t")
    live.wait_for(r"thole resta.*rt ")
    live.type("\x15exit\n")
    live.wait()
