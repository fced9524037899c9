# SPDX-License-Identifier: Apache-2.0
"""The command line itself: what it understands, what it says to what it does not, and its exit codes."""

import json
import os
import re
import subprocess

import pytest

import driver
from workflows import step, write_config

COMMANDS = ["up", "ci", "down", "ps", "status", "logs", "start", "stop", "restart", "wait", "vet", "config", "server", "api",
            "version", "help", "why", "events", "timeline"]

WRONG = [
    (["pss"], "did you mean ps?"),
    (["frobnicate"], 'there is no command "frobnicate"'),
    (["--frob"], "there is no option --frob"),
    (["ps", "--al"], "did you mean --all?"),
    (["ps", "-x"], "there is no option -x"),
    (["ps", "-o", "yaml"], 'no output "yaml"; there is table|wide|json'),
    (["ps", "-o", "tab"], 'no output "tab"'),
    (["ps", "-a", "db"], "leave the names away"),
    (["ps", "--all=yes"], "--all takes no value"),
    (["logs", "-n"], "--tail needs a value"),
    (["logs", "-n", "five"], '--tail takes a number, not "five"'),
    (["logs", "-n", "-3"], "--tail needs a value"),
    (["logs", "--tail=-3"], '--tail takes a number, not "-3"'),
    (["logs", "--since", "yesterday-ish"], "is no time"),
    (["logs", "--grep", "("], "--grep"),
    (["logs", "--stream", "both"], "--stream takes out|err"),
    (["wait", "--for", "godot"], "--for takes ready|terminated|done"),
    (["wait", "--timeout", "5"], "--timeout"),
    (["up", "--timeout", "5s"], "--timeout goes with --wait"),
    (["up", "-l", "=nokey"], "-l takes KEY or KEY=VALUE"),
    (["up", ""], "a word is empty"),
    (["up", b"\xff\xfe"], "not UTF-8"),
    (["--session", "Big", "ps"], "use a-z, 0-9 and -"),
    (["start"], "thole start needs a NAME"),
    (["server"], "status, stop or restart"),
    (["server", "stats"], "did you mean status?"),
    (["api", "GET"], "thole api GET|DELETE /PATH"),
    (["api", "GET", "healthz"], "thole api GET|DELETE /PATH"),
    (["api", "BREW", "/healthz"], "thole api GET|DELETE /PATH"),
    (["api", "GET", "/a b"], "write %20"),
    (["help", "pss"], "did you mean ps?"),
    (["help", "up", "down"], 'takes one COMMAND, and a verb of it ("down")'),
    (["logs", "--run", "0"], "runs are numbered from 1"),
    (["-C", "/nowhere/at/all", "ps"], "-C /nowhere/at/all"),
    (["--file", "nothing.yaml", "ps"], "--file nothing.yaml"),
]


@pytest.mark.parametrize("words, says", WRONG, ids=[repr(words) for words, _ in WRONG])
def test_what_is_wrong_is_said(thole, words, says):
    thole.config("version: 1\nservices: {db: {command: sleep 1000}}\n")
    words = [os.fsdecode(word) for word in words]
    result = thole.run(*words, code=2)
    assert says in result.err and result.out == "", result
    assert not thole.processes(), "something was started for it"


def test_a_bare_thole_says_what_there_is(thole):
    assert "usage: thole" in thole.run(code=2).out
    assert "usage: thole" in thole.run("--help").out
    listed = thole.run("help").out
    for command in COMMANDS:
        assert f"\n  {command} " in listed
    assert not thole.processes()


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(thole, command):
    help_page = thole.run(command, "--help").out
    assert help_page.startswith(f"usage: thole {command}") and "--session NAME" in help_page
    assert thole.run("help", command).out == help_page
    assert not thole.processes()


FLAGS = {"up": "-l -d --wait --timeout --env-refresh", "ci": "--timeout --readiness-timeout --junit --summary -d", "down": "--all --purge",
         "ps": "-a -o", "status": "-o", "logs": "-f -n --since --until --grep --stream --run -o", "start": "--timeout",
         "stop": "--timeout", "restart": "--timeout", "wait": "--for --timeout", "config": "-o", "server": "--all", "why": "-l -o",
         "events": "-f -n --since -l -o", "timeline": "--svg --since --until -o"}


@pytest.mark.parametrize("command", COMMANDS)
def test_help_is_readable(thole, command):
    lines = thole.run("help", command).lines
    usage = " ".join(lines[:lines.index("")])
    for flag in FLAGS.get(command, "").split():
        assert f"[{flag}" in usage, f"{flag} is not in {usage!r}"
        assert any(re.match(rf" +(-\w, )?{flag}\b", line) for line in lines), f"{flag} is not explained"
    rows = [re.match(r"( {2}(?:-\w,|   ) --\S+(?: [A-Z]\S*)? {2,})\S", line) for line in lines if re.match(r" +-", line)]
    assert all(rows) and len({len(row[1]) for row in rows}) == 1, "the explanations stand below each other"
    assert max(map(len, lines)) <= 80, max(lines, key=len)
    assert ("--json" in "".join(lines)) == (command in ("up", "ps", "status", "logs", "vet", "config", "server", "version", "why", "events", "timeline"))


def test_help_lists_every_command_and_option(thole):
    lines = thole.run("help").lines
    assert max(map(len, lines)) <= 80
    assert all(any(line.startswith(f"  {command} ") for line in lines) for command in COMMANDS)
    assert all(any(flag in line for line in lines) for flag in ("--dir", "--file", "--session", "--output", "--json", "--help"))


def test_without_a_config_file(thole):
    for words in (["up"], ["ps"], ["logs"], ["vet"], ["down"], ["status"]):
        result = thole.run(*words, code=2)
        assert "there is no thole.yaml in" in result.err and "--file" in result.err


def test_the_config_file_is_found_above_and_by_name(thole):
    thole.config("version: 1\nservices: {db: {command: sleep 1000}}\n")
    (thole.project / "deep" / "er").mkdir(parents=True)
    inside = thole.run("config", cwd=thole.project / "deep" / "er").out
    assert inside == thole.run("-C", thole.project, "config", cwd="/").out
    assert inside == thole.run("config", "-C", str(thole.project), cwd="/").out
    assert inside == thole.run("--file", thole.project / "thole.yaml", "config", cwd="/").out
    assert inside == thole.run(f"--file={thole.project}/thole.yaml", "config", cwd="/").out
    (thole.project / "thole.yaml").rename(thole.project / "previewctl.yaml")
    assert "sleep 1000" in thole.run("config").out


def test_json_is_the_same_as_o_json(thole):
    thole.config("version: 1\nservices: {db: {command: sleep 1000}}\n")
    for command in (["config"], ["vet"], ["version"], ["server", "status"]):
        assert thole.run(*command, "--json").json() == thole.run(*command, "-o", "json").json() == thole.run(*command, "-ojson").json()


def test_version(thole):
    assert thole.run("version").out.startswith("thole ")
    assert thole.run("--version").out == thole.run("version").out
    assert not thole.processes(), "a version needs no server"
    assert thole.run("version", "--json").json()["server"] is None
    thole.config("version: 1\nservices: {db: {command: sleep 1000}}\n")
    thole.run("vet")
    both = thole.run("version", "--json").json()
    assert both["client"] == both["server"]


def test_vet(thole):
    thole.config("version: 1\nservices: {db: {command: sleep 1000}}\n")
    assert "is valid" in thole.run("vet").out
    thole.config("""
        version: 1
        services:
          db: {comand: sleep 1000}
          web: {command: x, depends_on: [bd]}
        """)
    result = thole.run("vet", code=2)
    assert f"{thole.project}/thole.yaml:3:8: " in result.err and "command" in result.err, result
    assert "bd" in result.err and "2 problems" in result.err and result.out == ""
    review = thole.run("vet", "--json", code=2).json()
    assert review["valid"] is False and len(review["problems"]) == 2 and review["problems"][0]["line"] == 3
    assert not thole.named("thole-pin")


def test_vet_shows_the_line_in_a_terminal(thole):
    thole.config("version: 1\nservices:\n  db: {comand: sleep 1000}\n")
    live = thole.popen("vet", tty=True)
    assert live.wait() == 2
    live.wait_for(r"3 \|   db: \{comand: sleep 1000\}\r\n +\|        .*\^")


def test_up_of_a_wrong_file_starts_nothing(thole):
    thole.config("version: 1\nservices: {a: {command: x, depends_on: [b]}, b: {command: x, depends_on: [a]}}\n")
    for words in (["up", "-d"], ["ci"], ["config"]):
        result = thole.run(*words, code=2)
        assert "thole.yaml:" in result.err and "is not valid" in result.err
    assert not list((thole.state / "sessions").glob("*")) and not thole.pins()


def test_config_is_resolved(thole):
    thole.config("version: 1\nservices: {db: {command: sleep 1000}}\n")
    resolved = thole.run("config", "-o", "json").json()
    assert resolved["services"]["db"]["command"] == "sleep 1000" and resolved["services"]["db"]["stop"]["grace"] == "10s"
    assert "command: sleep 1000" in thole.run("config").out
    again = thole.file("again.yaml", thole.run("config").out)
    assert thole.run("--file", str(again), "config").out == again.read_text()


def test_api(thole):
    assert thole.run("api", "GET", "/healthz").out == "ok\n"
    assert json.loads(thole.run("api", "get", "/apis").out)["kind"] == "APIGroupList"
    missing = thole.run("api", "GET", "/apis/tilt.dev/v1alpha1/sessions/none", code=2)
    assert missing.json()["reason"] == "NotFound" and "thole: 404: " in missing.err
    assert thole.run("api", "GET", "/nothing", code=2).err == "thole: the server answered 404\n"
    assert thole.run("api", "POST", "/apis/thole.dev/v1alpha1/configreviews", '{"spec":{}}', code=2).json()["code"] == 422
    thole.config("version: 1\nservices: {db: {command: sleep 1000}}\n")
    watch = thole.popen("api", "GET", "/apis/thole.dev/v1alpha1/targets?watch=true")
    thole.run("up", "-d")
    watch.wait_for(r'"ADDED".*"db\.serve"')


def test_server_status_starts_none(thole):
    result = thole.run("server", "status", code=3)
    assert "no server is running" in result.err and not thole.processes()
    assert "no server is running" in thole.run("server", "stop").err
    assert "no server is running" in thole.run("server", "stop", "--all").err
    thole.run("server", "restart", code=3)
    assert not thole.processes()


def test_server_stop_leaves_what_runs_and_all_ends_it(thole):
    thole.config("version: 1\nservices: {db: {command: sleep 1000}}\n")
    thole.run("up", "-d", "--wait")
    status = thole.run("server", "status", "--json").json()
    assert {"pid", "version", "socket", "startTime", "sessions"} <= set(status)
    assert [(s["targets"], s["active"], s["tiltfilePath"]) for s in status["sessions"]] == [(2, 1, f"{thole.project}/thole.yaml")]
    assert f"process {status['pid']}" in thole.run("server", "status").out
    sleeper = thole.target("db:serve")["state"]["active"]["pid"]
    said = thole.run("server", "stop")
    assert said.out == "" and said.err == (f"thole: server {status['pid']} has stopped; 1 session with 1 active target goes on, "
                                           "and the next command starts a server for it\n")
    assert not driver.alive(status["pid"]) and driver.alive(sleeper)
    thole.run("wait")  # the next command starts a server, which adopts
    assert thole.target("db:serve")["state"]["active"]["pid"] == sleeper
    again = thole.server_pid()
    thole.run("server", "restart")
    assert thole.server_pid() != again and driver.alive(sleeper)
    thole.run("--session", "two", "up", "-d")
    names, last = [s["name"] for s in thole.run("server", "status", "--json").json()["sessions"]], thole.server_pid()
    said = thole.run("server", "stop", "--all").err
    assert len(names) == 2 and said == "".join(f"thole: {name} is down\n" for name in names) + f"thole: server {last} has stopped\n"
    assert not driver.alive(sleeper)
    driver.wait_until(lambda: not thole.processes(), what="everything to be gone")
    thole.run("up", "-d", "--wait")  # without a server, where a session has been before
    thole.run("down")


def test_server_status_and_stop_know_of_workflows(thole):
    config = write_config(thole, [step("a", "exec sleep 1000")])
    thole.run("workflow", "run", config, "--backend", "local", "--task-uuid", "Long", "-d")
    driver.wait_until(lambda: thole.pins(), what="the step to run")
    (shown,) = thole.run("server", "status", "--json").json()["workflows"]
    assert shown == {"name": shown["name"], "task": "Long", "phase": "running", "backend": "local"}
    assert ["Long", "running", "local"] in [line.split() for line in thole.run("server", "status").lines]
    pid = thole.server_pid()
    assert thole.run("server", "stop").err == (f"thole: server {pid} has stopped; 1 workflow goes on, "
                                               "and the next command starts a server for it\n")
    assert len(thole.pins()) == 1
    said = thole.run("server", "stop", "--all").err.splitlines()  # starts a server for it
    assert len(said) == 2 and said[0].startswith("thole: workflow Long: canceled after ") and said[1].endswith("has stopped"), said
    driver.wait_until(lambda: not thole.processes(), what="everything to be gone")
    thole.run("ps", "-a")
    assert thole.run("server", "status", "--json").json()["workflows"] == []


def test_output_that_cannot_be_written(thole):
    with open("/dev/full", "w") as full:
        done = subprocess.run([str(thole.bin / "thole"), "help"], stdout=full, stderr=subprocess.PIPE, env=thole.env)
    assert done.returncode == 3 and b"could not write" in done.stderr
    thole.config({"version": 1, "services": {f"s{i}": {"command": "sleep 1000"} for i in range(200)}})
    with open("/dev/full", "w") as full:  # more than stdout keeps
        done = subprocess.run([str(thole.bin / "thole"), "config", "-o", "json"], stdout=full, stderr=subprocess.PIPE, env=thole.env, cwd=thole.project)
    assert done.returncode == 3 and b"could not write everything: No space left on device" in done.stderr, done


def test_where_nothing_runs(thole):
    thole.run("api", "GET", "/healthz")
    assert "no session is up" in thole.run("ps", "-a").err and "no session is up" in thole.run("down", "--all").err
    assert thole.run("ps", "-a", "--json").json()["items"] == []


def test_closed_streams_are_no_sockets(thole):
    thole.config("version: 1\nservices: {db: {command: 'echo up; exec sleep 1000'}}\n")
    thole.run("up", "-d", "--wait")
    for closed in ("<&-", ">&-", "2>&-", "<&- 2>&-"):
        words = ["sh", "-c", f'exec "$0" "$@" {closed}', str(thole.bin / "thole"), "ps"]
        done = subprocess.run(words, env=thole.env, cwd=thole.project, capture_output=True, text=True, timeout=30)
        assert (done.returncode, "db:serve" in done.stdout) == ((3, False) if closed == ">&-" else (0, True)), (closed, done)


def test_no_color(thole):
    thole.config("version: 1\nservices: {db: {command: sleep 1000}}\n")
    thole.run("up", "-d", "--wait")
    colored = thole.popen("ps", tty=True)
    assert colored.wait() == 0 and "\x1b[32mready" in colored.out
    plain = thole.popen("ps", tty=True, env={"NO_COLOR": "1"})
    assert plain.wait() == 0 and "\x1b" not in plain.out and "ready" in plain.out
    assert "\x1b" not in thole.run("ps").out
