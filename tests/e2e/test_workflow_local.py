# SPDX-License-Identifier: Apache-2.0
"""Steps of workflows as processes: what they inherit, how they find each other, how they end, what is hidden."""

import base64
import hashlib
import json
import os
import re
import socket
import subprocess
import urllib.parse

import pytest

from driver import free_port, wait_until
from test_workflow import WORKFLOWS, create, log, over, status, step


def service(name, port, *commands, **more):
    return step(name, *commands, type="service", detach=True, ports=[{"number": port}], **more)


def raw_log(thole, name, task="t1"):
    runs = thole.state / "workflows" / task / "runs" / ("U" + name) / "1"
    return b"".join(part.read_bytes() for part in sorted(runs.glob("log.*")))


def run(thole, *stages, code=0, args=(), env=None, **config):
    path = thole.project / "config.json"
    path.write_text(json.dumps({"pipeline": [{"steps": list(steps)} for steps in stages], **config}))
    return thole.run("workflow", "run", str(path), "--backend", "local", "--task-uuid", "T1", *args, code=code, env=env)


# -- what is inherited

def test_nothing_but_a_few_variables_is_inherited(thole):
    thole.run("workflow", "list", env={"OF_THE_SERVER": "secret", "LC_SERVER": "secret"})  # starts it
    ask = "env | sort; umask; ulimit -Sn; nice"
    run(thole, [step("a", ask)], env={"OF_THE_CLIENT": "secret", "LC_TIME": "C", "TZ": "UTC", "AWS_SECRET_ACCESS_KEY": "x"})
    said = log(thole, "a").splitlines()
    names = {line.partition("=")[0] for line in said if "=" in line}
    assert "LC_TIME=C" in said and "TZ=UTC" in said
    assert not {name for name in names if name.startswith(("OF_THE", "AWS", "THOLE_STATE", "THOLE_RUNTIME", "LEDGER", "LC_SERVER"))}, names
    assert f"HOME={thole.state}/workflows/t1/home" in said and "0022" in said
    kept = (thole.state / "workflows" / "t1" / "workflow.json")
    assert b"OF_THE" not in kept.read_bytes() and kept.stat().st_mode & 0o777 == 0o600


def test_limits_are_those_of_the_client(thole):
    thole.run("workflow", "list")
    config = thole.project / "config.json"
    config.write_text(json.dumps({"pipeline": [{"steps": [step("a", "ulimit -Sn", "nice", "umask")]}]}))
    script = f"ulimit -Sn 321; umask 077; exec nice -n 5 {thole.bin}/thole workflow run {config} --backend local --task-uuid T1"
    subprocess.run(["sh", "-c", script], env=thole.env, check=True, stdout=subprocess.DEVNULL, timeout=60)
    assert [line for line in log(thole, "a").splitlines() if line[0] != "+"] == ["321", str(os.nice(0) + 5), "0022"]


def test_who_says_nothing_of_itself_gives_nothing(thole):
    thole.run("workflow", "list", env={"LANG": "xx_SERVER"})
    create(thole, [step("a", "env")])
    over(thole)
    assert "xx_SERVER" not in log(thole, "a") and "PATH=/usr/local/sbin:" in log(thole, "a")


# -- variables and secrets that come along

def test_what_is_given_along_is_in_every_step_and_secrets_are_hidden(thole):
    secret = "hunter2-is-l0ng/er"
    create(thole, [step("a", "echo $WHO $TOKEN", "echo $TOKEN | base64", environment={"WHO": "config"})], [step("b", "echo $TOKEN; exit 3")],
           env={"WHO": "flag", "MORE": f"https://u:{secret}@x"}, secrets={"TOKEN": secret})
    assert over(thole)["result"] == "failure"
    said = log(thole, "a") + log(thole, "b")
    assert "flag ********" in said and secret not in said
    assert base64.b64encode(secret.encode()).decode()[:20] not in said
    shown = thole.run("api", "GET", f"{WORKFLOWS}/t1").out
    assert secret not in shown
    spec = json.loads(shown)["spec"]
    assert spec["env"] == {"MORE": "https://u:********@x", "WHO": "flag"} and spec["secrets"] == {"TOKEN": "********"}
    thole.replace_server()
    assert json.loads(thole.run("api", "GET", f"{WORKFLOWS}/t1").out)["spec"]["secrets"] == {"TOKEN": "********"}


def test_secrets_that_were_given_outlive_the_server(thole):
    create(thole, [step("a", "echo up", "until test -e go; do sleep 0.05; done")], [step("b", "echo $TOKEN | wc -c; echo $TOKEN")], secrets={"TOKEN": "hunter2222"})
    wait_until(lambda: "up" in log(thole, "a").splitlines(), what="a to run")
    thole.replace_server()
    (thole.state / "workflows" / "t1" / "workspace" / "go").touch()
    assert over(thole)["result"] == "success"
    assert [line.strip() for line in log(thole, "b").splitlines()[1:]] == ["11", "********"]


@pytest.mark.parametrize("spec, said", [({"env": {"A B": "x"}}, "spec.env.A B"), ({"env": {"A": 7}}, "spec.env.A: its value is no string"),
                                        ({"secrets": ["A"]}, "spec.secrets: expected a map"), ({"secrets": {"A": "abc"}}, "shorter than 4 bytes")])
def test_what_cannot_be_given_is_refused(thole, spec, said):
    body = {"spec": {"backend": "local", "config": {"pipeline": []}, **spec}}
    result = thole.run("api", "POST", WORKFLOWS, json.dumps(body), code=None)
    assert result.code != 0 and said in result.out + result.err
    assert json.loads(thole.run("api", "GET", WORKFLOWS).out)["items"] == []


SECRET = "s3cr3t +value/of&some=length"


@pytest.mark.parametrize("form", [SECRET, base64.b64encode(SECRET.encode()).decode().rstrip("="), urllib.parse.quote(SECRET, safe=""), urllib.parse.quote_plus(SECRET),
                                  base64.b64encode(b"user:" + SECRET.encode()).decode()])
def test_a_secret_is_hidden_however_it_is_cut(thole, form):
    """One byte at a time, and with lines between."""
    (thole.project / "form").write_text(form)
    program = f"import os, time\nfor c in open('{thole.project}/form').read():\n os.write(1, c.encode()); time.sleep(0.001)\nprint()"  # sleep: the step's own, so that each byte is read by itself
    (thole.project / "slow.py").write_text(program)
    create(thole, [step("a", f"/usr/bin/python3 {thole.project}/slow.py; cat {thole.project}/form")], config={"secrets": [{"name": "s", "value": SECRET}]})
    assert over(thole)["result"] == "success"
    said = "\n".join(log(thole, "a").splitlines()[1:])
    assert "********" in said and SECRET[4:16] not in said
    core = form[8:24]
    assert core not in said, said


def test_lines_of_a_secret_are_hidden_but_short_ones_are_not(thole):
    key = "-----BEGIN KEY-----\nabcdefgh12345678\n}\nzzzz9999yyyy\n-----END KEY-----"
    create(thole, [step("a", "echo '}'", "printf '%s\\n' \"$KEY\"", "printf '%s' \"$KEY\" | head -2 | tail -1")], secrets={"KEY": key})
    over(thole)
    said = log(thole, "a")
    assert "\n}\n" in said
    assert not [part for part in key.splitlines() if len(part) > 3 and part in said]


def test_a_sentence_hides_secrets_too(thole):
    create(thole, [step("a", "true", image="hunter2222")], config={"secrets": [{"name": "s", "value": "hunter2222"}]})
    end = over(thole)
    assert end["result"] == "error" and "no program ******** in PATH" in end["error"], end
    assert "hunter2222" not in thole.run("api", "GET", f"{WORKFLOWS}/t1").out


def test_the_command_gives_variables_and_secrets(thole):
    """A secret's value without it being in anybody's argv."""
    run(thole, [step("a", "echo $WHO; echo $TOKEN; printf %s $TOKEN | wc -c")], args=("--env", "WHO=me", "--secret", "TOKEN"), env={"TOKEN": "hunter2222"})
    assert [line.strip() for line in log(thole, "a").splitlines() if line[0] != "+"] == ["me", "********", "10"]
    assert b"hunter2222" not in thole.run("workflow", "show", "T1", "--json").raw


# -- their scripts

def command_lines(marker):
    """Of all processes whose command line holds it: what `ps` shows to everybody."""
    found = []
    for entry in os.listdir("/proc"):
        if entry.isdigit() and int(entry) != os.getpid():
            try:
                with open(f"/proc/{entry}/cmdline", "rb") as file:
                    found.append(file.read())
            except OSError:
                pass
    return [line for line in found if marker.encode() in line]


def script_of(thole, name):
    return thole.state / "workflows" / "t1" / "runs" / ("U" + name) / "1" / "script"


def test_no_command_line_shows_what_a_step_does(thole):
    create(thole, [step("a", "TOKEN=literal-s3cret", "echo up", "until test -e go; do sleep 0.05; done", "echo done")])
    wait_until(lambda: "up" in log(thole, "a").splitlines(), what="a to run")
    script = script_of(thole, "a")
    assert command_lines(str(script)) and not command_lines("literal-s3cret")
    assert script.stat().st_mode & 0o777 == 0o600
    thole.replace_server()
    assert script.exists()
    (thole.state / "workflows" / "t1" / "workspace" / "go").touch()
    assert over(thole)["result"] == "success" and "done" in log(thole, "a").splitlines()
    assert not script.exists()


def test_a_script_goes_with_its_step_also_when_nobody_watches(thole):
    create(thole, [step("a", "echo up", "until test -e go; do sleep 0.05; done"), step("b", "exit 3", failure="ignore"), step("c", "true", image="/etc/passwd", failure="ignore")])
    wait_until(lambda: "up" in log(thole, "a").splitlines(), what="a to run")
    wait_until(lambda: status(thole)["steps"][1]["state"] == "failure", what="b to end")
    thole.kill(thole.server_pid())
    (thole.state / "workflows" / "t1" / "workspace" / "go").touch()
    over(thole)
    assert not [name for name in "abc" if script_of(thole, name).exists()]


def test_commands_may_be_of_any_length(thole):
    """One MiB in one command, and in many."""
    long, word = "x" * (1 << 20), "y" * 1000
    run(thole, [step("a", f"WORD={long}", "echo ${#WORD}")], [step("b", *[f"true {word}"] * 1024, "echo all", image="bash")])
    assert log(thole, "a").splitlines()[-1] == str(1 << 20) and log(thole, "b").splitlines()[-1] == "all"


def test_a_variable_that_is_too_long_is_named_before_anything_starts(thole):
    long = "x" * (1 << 17)
    first = step("first", "touch started")
    end = run(thole, [first], [step("a", "true " + long, entrypoint=["/bin/sh", "-c", "echo $CI_SCRIPT | base64 -d | sh -e"])], code=2)
    assert "step a: its commands make the variable CI_SCRIPT for its entrypoint" in end.err and "131071" in end.err, end.err
    end = run(thole, [first], [step("a", "true", environment={"LONG": long})], code=2)
    assert "step a: its variable LONG is too long" in end.err, end.err
    assert not (thole.state / "workflows" / "t1" / "runs").exists()


# -- services

LISTEN = ("exec /usr/bin/python3 -c 'import os, socket; s = socket.create_server((\"127.0.0.1\", int(os.environ[\"DB_PORT\"]))); print(\"up\", flush=True)\n"
          "while 1: s.accept()[0].sendall(b\"hello\")'")
CALL = ("/usr/bin/python3 -c 'import os, socket, time\nwhile 1:\n try: s = socket.create_connection((os.environ[\"DB_HOST\"], int(os.environ[\"DB_PORT\"]))); break\n"
        " except OSError: time.sleep(0.05)\nprint(s.recv(9).decode())'")  # sleep: the step's own: its service may not listen yet


def test_steps_find_services_which_end_with_the_workflow(thole):
    port = free_port()
    end = run(thole, [service("db", port, LISTEN)], [step("a", CALL)])
    assert "hello" in log(thole, "a").splitlines()
    shown = status(thole)
    assert shown["result"] == "success" and shown["steps"][0]["state"] == "success", (end, shown)
    assert re.search(r"^thole: db: stopped, after \S+$", end.err, re.M), end  # not "success, exit code 143"
    with pytest.raises(OSError):
        socket.create_connection(("127.0.0.1", port), 1)


def test_two_services_that_want_one_port(thole):
    end = run(thole, [service("db", 5432, "sleep 1000"), service("other", 5432, "sleep 1000")], code=2)
    assert re.search(r"config\.json:1:\d+: pipeline\[0\]\.steps\[1\]\.ports\[0\]: the services db and other both want port 5432", end.err), end
    assert not list((thole.state / "workflows").glob("t1/runs/*/*"))


def test_a_port_that_is_taken_is_said_with_who_has_it(thole):
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = holder.getsockname()[1]
        end = run(thole, [service("db", port, LISTEN)], [step("a", CALL)], code=1)
        assert f"step db: port {port} is in use by pid {os.getpid()}" in end.err, end
        assert "is in use by pid" in status(thole)["steps"][0]["error"]


def test_a_port_that_another_workflow_has_is_said_with_its_step(thole):
    """Also before anybody listens there, and over a killed server; once it is over the port is free."""
    port = free_port()
    other = [service("db", port, "until test -e listen; do sleep 0.05; done", LISTEN)], [step("a", "until test -e go; do sleep 0.05; done")]
    create(thole, *other, task="first")
    wait_until(lambda: "+ until" in log(thole, "db", task="first"), what="the first workflow")
    for _ in range(2):
        end = run(thole, [service("mine", port, LISTEN)], [step("a", CALL)], code=1)
        assert f"step mine: port {port} is in use by step db of workflow first; wait for its end" in end.err, end.err
        thole.run("workflow", "delete", "T1")
        wait_until(lambda: not (thole.state / "workflows" / "t1").exists(), what="it to be gone")
        thole.replace_server()
    (thole.state / "workflows" / "first" / "workspace" / "go").touch()
    assert over(thole, "first")["result"] == "success"
    run(thole, [service("db", port, LISTEN)], [step("a", CALL)])
    assert "hello" in log(thole, "a").splitlines()


def test_a_service_lives_on_when_the_server_is_killed(thole):
    port = free_port()
    create(thole, [service("db", port, LISTEN)], [step("a", CALL, "until test -e go; do sleep 0.05; done", CALL)])
    wait_until(lambda: "hello" in log(thole, "a").splitlines(), what="the service")
    thole.replace_server()
    (thole.state / "workflows" / "t1" / "workspace" / "go").touch()
    end = over(thole)
    assert end["result"] == "success" and [s["state"] for s in end["steps"]] == ["success", "success"], end
    assert log(thole, "a").splitlines().count("hello") == 2 and log(thole, "db").splitlines().count("up") == 1


# -- how steps are run

SHELLS = ["sh", "/bin/bash", "dash", "zsh", "fish"]


@pytest.mark.parametrize("shell", SHELLS)
def test_a_shell_shows_its_commands_and_stops_at_the_first_that_fails(thole, shell):
    end = run(thole, [step("a", "echo 'a b'", "cd sub", "echo never", image=shell)], code=1)
    lines = log(thole, "a").splitlines()
    assert lines[:3] == ["+ echo 'a b'", "a b", "+ cd sub"] and "never" not in lines
    assert "step a: exit code" in end.err


@pytest.mark.parametrize("shell", SHELLS)
def test_both_streams_of_commands_are_in_the_order_in_which_they_were_written(thole, shell):
    words = [word for number in range(50) for word in (f"echo out{number}", f"echo err{number} >&2")]
    run(thole, [step("a", "; ".join(words), image=shell)])
    assert log(thole, "a").splitlines()[-100:] == [f"{stream}{number}" for number in range(50) for stream in ("out", "err")]


def test_a_shell_nobody_knows_is_tried(thole):
    thole.file("myshell", '#!/bin/sh\nexec sh "$@"\n', 0o755)
    thole.file("calc", "#!/bin/sh\nexit 1\n", 0o755)
    assert "step a: exit code 5" in run(thole, [step("a", "echo fine", "exit 5", image=str(thole.project / "myshell"))], code=1).err
    thole.run("workflow", "delete", "T1")
    wait_until(lambda: not (thole.state / "workflows" / "t1").exists(), what="it to be gone")
    assert "exit code 126" in run(thole, [step("a", "echo fine", image=str(thole.project / "calc"))], code=1).err
    assert "was taken for a POSIX shell and is none" in log(thole, "a")


def test_an_entrypoint_gets_the_commands_as_a_script(thole):
    entry = ["/bin/bash", "-c", "echo mine; echo $CI_SCRIPT | base64 -d | /bin/bash -e"]
    run(thole, [step("a", "echo one", "exit 4", entrypoint=entry, image="golang:1.24", working_dir="sub")], code=1)
    lines = log(thole, "a").splitlines()
    assert lines == ["mine", "+ echo one", "one", "+ exit 4"]
    assert status(thole)["steps"][0]["exit_code"] == 4


def test_a_plugin_is_a_program_with_its_settings(thole):
    thole.file("bin/notify", "#!/bin/sh\necho \"to $PLUGIN_URL of $DRONE_BUILD_NUMBER by $DRONE_STEP_NAME\"\n", 0o755)
    settings = {"PLUGIN_URL": "https://x", "CI_PIPELINE_NUMBER": "7"}
    plugin = step("a", type="plugin", image="notify", environment=settings)
    run(thole, [plugin], env={"PATH": f"{thole.project}/bin:{thole.env['PATH']}"})
    assert log(thole, "a") == "to https://x of 7 by a\n"


def test_a_clone_is_made_by_its_program_with_credentials_for_it_alone(thole):
    thole.file("bin/plugin-git", "#!/bin/sh\nstat -c %a $HOME/.netrc; cat $HOME/.netrc; env | grep -c NETRC; echo cloned >file\n", 0o755)
    netrc = {"CI_NETRC_MACHINE": "git.example.com", "CI_NETRC_USERNAME": "octocat", "CI_NETRC_PASSWORD": "hunter2222"}
    clone = step("clone", type="clone", image="registry.example/ci/plugin-git:2", environment=netrc)
    rest = step("a", "cat file", "ls -A $HOME")
    assert "plugin-git, and there is none in PATH" in run(thole, [clone], [rest], code=1).err
    thole.run("workflow", "delete", "T1")
    wait_until(lambda: not (thole.state / "workflows" / "t1").exists(), what="it to be gone")
    run(thole, [clone], [rest], env={"PATH": f"{thole.project}/bin:{thole.env['PATH']}"})
    assert log(thole, "clone").splitlines() == ["600", "machine git.example.com", "login octocat", "password ********", "0"]
    assert log(thole, "a").splitlines() == ["+ cat file", "cloned", "+ ls -A $HOME"]


def test_steps_side_by_side_have_their_own_credentials(thole):
    """Those with the same share a HOME; the others share another, with what is cached there."""
    netrc = [{"CI_NETRC_MACHINE": machine, "CI_NETRC_USERNAME": "octocat", "CI_NETRC_PASSWORD": "hunter2222"} for machine in ("one", "two")]
    wait = "touch $CI_STEP_NAME.up; until test -e a.up -a -e b.up -a -e c.up -a -e d.up; do sleep 0.05; done"  # sleep: the step's own
    show = "cat ~/.netrc 2>/dev/null || echo none"
    create(thole, [step("a", wait, show, environment=netrc[0]), step("b", wait, show, environment=netrc[1]), step("c", wait, show),
                   step("d", wait, "touch ~/cached", environment=netrc[0])],
           [step("e", "ls ~", "touch ~/shared", environment=netrc[0])], [step("f", "ls -A ~"), step("g", "ls ~", environment=netrc[1])], [step("h", "touch ~/more; ls ~")])
    assert over(thole)["result"] == "success"
    assert "machine one" in log(thole, "a").splitlines() and "machine two" in log(thole, "b").splitlines()
    assert log(thole, "c").splitlines()[-1] == "none"
    assert "cached" in log(thole, "e").splitlines()
    assert log(thole, "f").splitlines() == ["+ ls -A ~"] and log(thole, "g").splitlines() == ["+ ls ~"]
    assert not (thole.state / "workflows" / "t1" / "homes").exists()


def test_a_signal_is_said(thole):
    end = run(thole, [step("a", "kill -9 $$")], code=1)
    assert "step a: killed by signal 9 (KILL)" in end.err
    assert "exit_code" not in status(thole)["steps"][0]


def test_a_step_ends_by_its_timeout_and_what_it_started_with_it(thole):
    end = run(thole, [step("a", "sleep 1000 & echo $! >pid; echo up; wait", backend_options={"timeout": "300ms"}),
                      step("b", "until test -s pid; do sleep 0.05; done", "echo fine", backend_options={"timeout": "5m"})],
              [step("c", "kill -0 $(cat pid) 2>&1", on_failure=True, on_success=False)], code=1)
    a, b, c = status(thole)["steps"]
    assert "step a: it ran for longer than its timeout" in end.err, end.err
    assert (a["state"], b["state"], c["state"]) == ("failure", "success", "failure") and "No such process" in log(thole, "c"), (a, b, c)


def test_a_directory_that_cannot_be_is_said(thole):
    """Made by nobody, since a file has its name."""
    end = run(thole, [step("a", "echo x >taken", "mkdir -p deep/er")], [step("b", "pwd", working_dir="taken/below", failure="ignore"), step("c", "pwd", working_dir="deep/er")], code=1)
    b, c = status(thole)["steps"][1:]
    assert b["state"] == "error" and "taken" in b["error"] and "make the directory" in b["error"] and "not a directory" in b["error"], (b, end.err)
    assert c["state"] == "success" and log(thole, "c").splitlines()[-1].endswith("/workspace/deep/er")


def test_names_may_be_in_any_language(thole):
    port = free_port()
    name, service_name = "prüfe 漢字 / ‮x", "datenbänk"
    end = run(thole, [service(service_name, port, LISTEN.replace("DB_PORT", "DATENB__NK_PORT"))],
              [step(name, "echo $CI_STEP_NAME", CALL.replace("DB_HOST", "DATENB__NK_HOST").replace("DB_PORT", "DATENB__NK_PORT"), uuid="Uä/ü")])
    shown = status(thole)["steps"]
    assert [s["state"] for s in shown] == ["success", "success"] and shown[1]["name"] == name, (shown, end.err)
    said = thole.run("workflow", "logs", "T1", name).out
    assert "hello" in said and name.split()[0] in said, said


# -- what they write

def test_whatever_is_written_is_stored_byte_for_byte(thole):
    """Long lines, carriage returns, bytes that are no UTF-8, faster than anybody reads."""
    data = b"x" * (1 << 20) + b"\n" + b"10%\r50%\r100%\r\n" + bytes(range(256)) * 64 + b"\n" + b"".join(b"line %07d\n" % i for i in range(200000)) + b"no end"
    thole.file("data", data)
    create(thole, [step("a", f"cat {thole.project}/data"), step("b", f"cat {thole.project}/data")])
    assert over(thole)["result"] == "success"
    for name in "ab":
        said = raw_log(thole, name).partition(b"\n")[2]
        assert hashlib.sha256(said).hexdigest() == hashlib.sha256(data).hexdigest(), (len(said), len(data))
