# SPDX-License-Identifier: Apache-2.0
"""process-compose files run as they are: found by name, with their override, `.env` and the environment of the command;
processes that end by themselves, daemons, and one whose end is that of the session."""

import os
import signal

import pytest

import driver


def write(thole, text, name="process-compose.yaml"):
    return thole.file(name, driver.textwrap.dedent(text).lstrip("\n"))


def test_a_file_runs_as_it_is(thole):
    port = driver.free_port()
    write(thole, f"""
        version: "0.5"
        environment: ["GREETING=hello ${{WHO:-nobody}}"]
        vars: {{PORT: {port}}}
        processes:
          migrate:
            command: echo "migrate $${{PC_PROC_NAME}}" >> $LEDGER
          once:
            command: echo "once $$GREETING" >> $LEDGER; exit 7
            success_exit_codes: [7]
            depends_on: {{migrate: {{condition: process_completed_successfully}}}}
          after:
            command: echo "after once" >> $LEDGER
            depends_on: {{once: {{condition: process_completed}}}}
          web:
            command: exec python3 -m http.server --bind 127.0.0.1 {{{{.PORT}}}}
            readiness_probe: {{http_get: {{port: "{{{{.PORT}}}}", host: 127.0.0.1}}, period_seconds: 1}}
            depends_on: {{migrate: {{condition: process_completed_successfully}}}}
          client:
            command: echo "client $PC_REPLICA_NUM" >> $LEDGER; exec sleep 1000
            replicas: 2
            depends_on: {{web: {{condition: process_healthy}}}}
          off: {{command: "echo off >> $LEDGER", disabled: true}}
        """.replace("$LEDGER", "$$LEDGER").replace("$PC_REPLICA_NUM", "$$PC_REPLICA_NUM"))
    thole.run("up", "-d", "--wait", env={"WHO": "world"})
    thole.wait_ledger("client 0"), thole.wait_ledger("client 1"), thole.wait_ledger("after once")
    lines = thole.ledger()
    assert lines[0] == "migrate migrate" and "once hello world" in lines and "off" not in lines
    assert lines.index("once hello world") < lines.index("after once")
    targets = thole.targets()
    assert not targets["once:update"]["state"]["terminated"].get("error")
    assert targets["web:serve"]["state"]["active"]["ready"]
    thole.run("start", "off")
    thole.wait_ledger("off")
    thole.run("down")
    assert not thole.pins()


def test_the_server_may_die(thole):
    write(thole, """
        processes:
          a: {command: "echo a $X >> $$LEDGER; exec sleep 1000", environment: ["X=${X}"]}
          b: {command: "exec sleep 1000", depends_on: {a: {condition: process_started}}}
        """)
    thole.run("up", "-d", "--wait", env={"X": "seen"})
    before = {name: target["state"]["active"]["pid"] for name, target in thole.targets().items() if target["state"].get("active")}
    os.kill(thole.server_pid(), signal.SIGKILL)
    after = {name: target["state"]["active"]["pid"] for name, target in thole.targets().items() if target["state"].get("active")}
    assert before == after and len(before) == 2
    assert thole.ledger() == ["a seen"]


def test_a_daemon_is_stopped_by_its_command(thole):
    write(thole, """
        processes:
          daemon:
            command: |
              setsid sh -c 'echo $$$$ > daemon.pid; exec sleep 1000' &
              while [ ! -s daemon.pid ]; do sleep 0.01; done
              echo launched >> $$LEDGER
            is_daemon: true
            liveness_probe: {exec: {command: "kill -0 $$(cat daemon.pid)"}, period_seconds: 1, failure_threshold: 1}
            shutdown: {command: "echo stopped >> $$LEDGER; kill $$(cat daemon.pid)", timeout_seconds: 5}
            availability: {restart: always}
        """)
    thole.run("up", "-d", "--wait")
    thole.wait_ledger("launched")
    pid = int((thole.project / "daemon.pid").read_text())
    assert driver.alive(pid)
    thole.file("daemon.pid", "")  # what the next launch writes is its own
    os.kill(pid, signal.SIGKILL)
    thole.wait_ledger("launched", times=2)  # liveness says that it is gone, the policy that it is to be again
    driver.wait_until(lambda: (thole.project / "daemon.pid").read_text().strip(), what="the next one")
    pid = int((thole.project / "daemon.pid").read_text())
    thole.run("down")
    assert "stopped" in thole.ledger() and not driver.alive(pid) and not thole.pins()


@pytest.mark.parametrize("how, code", [("exit_on_end: true", 0), ("restart: exit_on_failure", 1)])
def test_a_process_whose_end_is_the_end_of_the_session(thole, how, code):
    write(thole, f"""
        processes:
          web: {{command: "echo web >> $$LEDGER; exec sleep 1000"}}
          main:
            command: while [ ! -e go ]; do sleep 0.01; done; exit {code * 3}
            availability: {{{how}}}
            depends_on: {{web: {{condition: process_started}}}}
        """)
    up = thole.popen("up")
    thole.wait_ledger("web")
    main = "main:update" if code == 0 else "main:serve"
    thole.wait_target(main, "active")
    thole.file("go", "")
    assert up.wait() == code
    assert not thole.pins()
    assert thole.session()["status"]["done"]
    thole.file("go", "").unlink()
    thole.run("up", "-d")  # what is over gives way to the next
    thole.wait_ledger("web", times=2)
    thole.wait_target(main, "active")


def test_the_end_of_the_session_survives_the_server(thole):
    write(thole, """
        processes:
          web: {command: "exec sleep 1000"}
          main:
            command: while [ ! -e go ]; do sleep 0.01; done; exit 3
            availability: {restart: exit_on_failure}
        """)
    up = thole.popen("up")
    thole.wait_target("main:serve", "active")
    os.kill(thole.server_pid(), signal.SIGKILL)
    thole.file("go", "")
    assert up.wait() == 1 and "exit code 3" in up.err
    assert not thole.pins()


def test_the_override_and_the_order_of_names(thole):
    write(thole, "processes: {a: {command: 'echo one >> $$LEDGER; exec sleep 1000'}}")
    write(thole, "processes: {a: {environment: [X=over], command: 'echo $$X >> $$LEDGER; exec sleep 1000'}}", "process-compose.override.yaml")
    write(thole, "services: {a: {image: nginx}}", "compose.yaml")  # Docker's is left alone
    thole.run("up", "-d", "--wait")
    thole.wait_ledger("over")
    thole.run("down", "--purge")
    write(thole, "processes: {a: {command: 'echo compose >> $$LEDGER; exec sleep 1000'}}", "compose.yaml")
    (thole.project / "process-compose.override.yaml").unlink()
    thole.run("up", "-d", "--wait")
    thole.wait_ledger("compose")
    thole.run("down", "--purge")
    thole.config({"version": 1, "services": {"own": {"command": "echo own >> $LEDGER; exec sleep 1000"}}})
    below = thole.project / "below"
    below.mkdir()
    thole.file("below/process-compose.yaml", "processes: {a: {command: 'x'}}")
    thole.run("up", "-d", "--wait", cwd=below)  # a thole.yaml above comes before the files of others
    thole.wait_ledger("own")


def test_what_is_found_without_a_file(thole):
    error = thole.run("up", code=2).err
    assert "there is no thole.yaml" in error and "thole init" in error
    write(thole, "services: {a: {image: nginx}}", "compose.yaml")
    assert "is one of Docker's" in thole.run("up", code=2).err
    named = thole.run("--file", "compose.yaml", "up", code=2).err
    assert "Docker Compose, which thole does not run" in named


def test_wrong_files_start_nothing(thole):
    path = write(thole, """
        processes:
          good: {command: "echo good >> $$LEDGER"}
          bad: {command: x, is_elevated: true}
        """)
    for words in (["up", "-d"], ["vet"], ["config"], ["ci"]):
        error = thole.run(*words, code=2).err
        assert f"{path}:3:34: processes.bad.is_elevated: thole does not do this" in error, error
    assert not thole.ledger() and not thole.pins()


def test_config_shows_the_thole_yaml_that_it_means(thole):
    write(thole, """
        processes:
          db: {command: "exec sleep 1000", ready_log_line: "up (1)"}
          job: {command: "true"}
          web: {command: "exec sleep 1000", depends_on: {job: {condition: process_completed_successfully}, db: {condition: process_log_ready}}}
        """)
    shown = thole.run("config").out
    again = thole.another_project("again")
    thole.file("thole.yaml", shown.replace(str(thole.project), str(again)), project=again)
    assert thole.run("config", cwd=again).out.replace(str(again), str(thole.project)) == shown


def test_what_is_saved_is_taken_up(thole):
    """The file, its override when it appears, and .env are files of the session like a thole.yaml."""
    path = write(thole, "processes:\n  a: {command: 'echo a $$X >> $$LEDGER; exec sleep 1000'}\n  b: {command: 'exec sleep 1000'}\n")
    thole.file(".env", "X=one\n")
    thole.run("up", "-d", "--wait")
    thole.wait_ledger("a one")
    thole.file(".env", "X=two\n")
    thole.wait_ledger("a two")
    write(thole, "processes: {a: {environment: [X=three]}}", "process-compose.override.yaml")
    thole.wait_ledger("a three")
    path.write_text(path.read_text() + "  c: {command: 'echo c >> $$LEDGER; exec sleep 1000'}\n")
    thole.wait_ledger("c")
    b = thole.target("b:serve")["state"]["active"]["pid"]
    path.write_text(path.read_text() + "  d: {command: x, is_elevated: true}\n")
    driver.wait_until(lambda: "is_elevated" in str(thole.target("tiltfile:update")["state"]["terminated"].get("error")), what="the refusal")
    assert thole.target("b:serve")["state"]["active"]["pid"] == b  # a broken file changes nothing


def test_schedules_and_watches(thole):
    thole.file("src/app.js", "1\n")
    write(thole, """
        processes:
          tick: {command: "echo tick >> $$LEDGER", schedule: {interval: 24h, run_on_start: true}}
          dev: {command: "echo dev >> $$LEDGER; exec sleep 1000", watch: {paths: [{path: ./src, include: ["*.js"]}], debounce: 50ms, cascade: true}}
          tail: {command: "echo tail >> $$LEDGER; exec sleep 1000", depends_on: {dev: {condition: process_started}}}
        """)
    thole.run("up", "-d")
    thole.wait_ledger("dev"), thole.wait_ledger("tick"), thole.wait_ledger("tail")
    thole.file("src/ignored.css", "x\n")
    thole.file("src/app.js", "2\n")
    thole.wait_ledger("dev", times=2)
    thole.wait_ledger("tail", times=2)
    assert thole.ledger().count("dev") == 2 and thole.ledger().count("tick") == 1


def test_a_terminal(thole):
    write(thole, """
        processes:
          shell: {command: "test -t 0 && test -t 1 && echo terminal >> $$LEDGER; exec sleep 1000", is_tty: true}
          plain: {command: "test -t 1 || echo none >> $$LEDGER; exec sleep 1000"}
          console: {command: "echo console >> $$LEDGER; exec sleep 1000", is_foreground: true}
        """)
    thole.run("up", "-d", "--wait")
    thole.wait_ledger("none")
    thole.wait_ledger("terminal")
    thole.run("start", "console")
    thole.wait_ledger("console")


def test_what_is_ignored_is_told_when_it_begins(thole):
    write(thole, "log_configuration: {no_color: true}\nprocesses: {a: {command: 'exec sleep 1000', surprise: 1}}\n")
    said = thole.run("up", "-d").err
    assert "warning: log_configuration: this has no meaning here and is ignored" in said and 'unknown key "surprise"' in said
    assert "warning" not in thole.run("up", "-d").err  # it was told


def test_ci_waits_for_what_ends_the_project(thole):
    write(thole, """
        processes:
          web: {command: "exec sleep 1000"}
          tests:
            command: while [ ! -e go ]; do sleep 0.01; done; echo tested >> $$LEDGER
            availability: {exit_on_end: true}
            depends_on: {web: {condition: process_started}}
        """)
    ci = thole.popen("ci")
    thole.wait_target("tests:update", "active")
    assert not thole.session()["status"]["done"]
    thole.file("go", "")
    assert ci.wait() == 0 and thole.ledger() == ["tested"]


def test_the_end_counts_once_it_is_final(thole):
    thole.config("""
        version: 1
        services:
          web: {command: exec sleep 1000}
          main:
            command: echo main >> $LEDGER; exit 3
            restart: {max_restarts: 2, delay: 0s}
            ends_session: on-failure
        """)
    up = thole.popen("up")
    assert up.wait() == 1 and thole.ledger() == ["main"] * 3
    thole.config("""
        version: 1
        services:
          main: {command: exec sleep 1000, ends_session: always}
        """)
    thole.run("up", "-d", "--wait")
    pid = thole.target("main:serve")["state"]["active"]["pid"]
    thole.run("restart", "main")
    thole.wait_target("main:serve", "active", ready=True)
    thole.run("stop", "main")  # by request: that is no end
    assert not thole.session()["status"]["done"] and not driver.alive(pid)


def test_a_log_file_gets_what_is_written(thole):
    write(thole, """
        log_location: logs/all.log
        processes:
          web: {command: "echo from web; echo wrong >&2; trap 'echo stopped; exit' TERM; echo up >> $$LEDGER; while :; do sleep 0.01; done"}
          job: {command: "echo from job; exit 3", log_location: job.log, truncate_log: true, availability: {exit_on_end: false}}
          after: {command: "exec sleep 1000", depends_on: {job: {condition: process_completed}}}
        """)
    thole.file("job.log", "old\n")
    thole.run("up", "-d", "--wait", code=None)
    thole.wait_ledger("up")
    assert thole.target("job:update")["state"]["terminated"]["error"] == "exit code 3"
    assert (thole.project / "job.log").read_text() == "from job\n"
    thole.run("down")
    text = (thole.project / "logs/all.log").read_text()
    assert text.startswith("from web\nwrong\n") and text.endswith("stopped\n")
    assert [line.split("| ")[1] for line in thole.run("logs", "web").lines][-1:] == ["stopped"]
    assert not thole.pins()
