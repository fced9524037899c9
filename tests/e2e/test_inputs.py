# SPDX-License-Identifier: Apache-2.0
"""Jobs with `inputs` and `outputs`: skipped when nothing has changed since the last good run, never otherwise."""

import os
import shutil
import time

import pytest

from driver import wait_until

FILE = """
    version: 1
    services:
      gen:
        type: job
        command: "mkdir -p out && cat in/* > out/x && echo ran >> $LEDGER"
        inputs: [in]
        outputs: [out]
        env: {MODE: fast}
      web: {command: sleep 1000, depends_on: [gen]}
    """


def project(thole, text=FILE):
    thole.file("in/a", "1")
    thole.config(text)


def again(thole, *words):
    thole.run("down")
    thole.run("up", "-d", "--wait", *words)
    return len(thole.ledger())


def test_a_job_is_skipped_when_nothing_has_changed(thole):
    project(thole)
    thole.run("up", "-d", "--wait")
    assert thole.ledger() == ["ran"]
    assert again(thole) == 1
    assert thole.message("gen:update").startswith("skipped: nothing changed since run 1 (2")
    assert thole.message("gen:update").endswith("Z)")
    thole.wait_target("web:serve", "active")  # what depends on it goes on
    os.utime(thole.project / "in/a")  # not its times count
    thole.edit("in/a", "1")
    assert again(thole) == 1
    thole.edit("in/a", "2")
    assert again(thole) == 2
    assert again(thole) == 2
    thole.file("in/b", "new")
    assert again(thole) == 3
    os.chmod(thole.project / "in/b", 0o755)
    assert again(thole) == 4
    (thole.project / "in/b").unlink()
    assert again(thole) == 5
    shutil.rmtree(thole.project / "out")
    assert again(thole) == 6
    assert again(thole, "--force") == 7
    assert again(thole) == 7


@pytest.mark.parametrize("change", [("MODE: fast", "MODE: slow"), ("cat in/*", "cat  in/*"), ("type: job", "type: job\n        timeout: 1m"),
                                    ("type: job", "type: job\n        shell: [bash, -c]"), ("inputs: [in]", "inputs: [in, thole.yaml]"),
                                    ("type: job", "type: job\n        success_exit_codes: [0, 3]"), ("outputs: [out]", "outputs: [out, in]")])
def test_its_definition_counts(thole, change):
    project(thole)
    thole.run("up", "-d", "--wait")
    project(thole, FILE.replace(*change))
    assert again(thole) == 2
    assert again(thole) == 2


def test_of_the_clients_environment_only_what_is_named_counts(thole):
    project(thole, FILE.replace("env: {MODE: fast}", "secrets: [TOKEN]"))
    thole.env["TOKEN"] = "first value"
    thole.run("up", "-d", "--wait")
    thole.env["OTHER"] = "x"
    assert again(thole) == 1
    thole.env["TOKEN"] = "second value"
    assert again(thole) == 2


def test_a_run_that_failed_is_never_the_one_to_compare_with(thole):
    project(thole, FILE.replace("&& echo ran >> $LEDGER", "&& echo ran >> $LEDGER && test ! -e broken"))
    thole.run("up", "-d", "--wait")
    thole.file("broken", "")
    thole.edit("in/a", "2")
    thole.run("restart", "gen", code=1)
    thole.edit("in/a", "1")  # as in the good run; but the outputs are those of the bad one
    (thole.project / "broken").unlink()
    thole.run("restart", "gen")
    assert thole.ledger() == ["ran"] * 3


def test_who_asks_for_a_run_that_is_not_needed_is_told(thole):
    project(thole)
    thole.run("up", "-d", "--wait")
    thole.run("restart", "gen")
    thole.run("start", "gen")
    skipped = thole.run("trigger", "gen", "--wait")
    assert "gen:update: skipped: nothing changed since run 1" in skipped.err
    assert thole.ledger() == ["ran"]
    for command in (["restart", "gen", "--force"], ["start", "gen", "--force"], ["trigger", "gen", "--wait", "--force"], ["up", "-d", "--wait", "--force"]):
        before = len(thole.ledger())
        thole.run(*command)
        assert len(thole.ledger()) == before + 1, command
    thole.run("down")
    thole.run("ci", "gen")
    assert len(thole.ledger()) == 5
    thole.run("ci", "gen", "--force")
    assert len(thole.ledger()) == 6


def test_purge_forgets(thole):
    project(thole)
    thole.run("up", "-d", "--wait")
    thole.run("down", "--purge")
    thole.run("up", "-d", "--wait")
    assert thole.ledger() == ["ran"] * 2


def test_a_build_is_skipped_and_the_server_starts(thole):
    thole.file("main.c", "1")
    thole.config("""
        version: 1
        services:
          api: {build: "cp main.c built; echo built >> $LEDGER", command: "cat built; echo up >> $LEDGER; sleep 1000", inputs: ["*.c"], outputs: [built], watch: {paths: ["*.c"], debounce: 10ms}}
        """)
    thole.run("up", "-d", "--wait")
    thole.wait_ledger("up")
    thole.run("down")
    thole.run("up", "-d", "--wait")
    thole.wait_ledger("up", times=2)
    assert thole.ledger() == ["built", "up", "up"]
    thole.edit("main.c", "2")
    thole.wait_ledger("up", times=3)
    assert thole.ledger() == ["built", "up", "up", "built", "up"]


@pytest.mark.parametrize("point", ["inputs", "launched", "ended"])
def test_a_server_killed_before_the_record_runs_it_again(thole, point):
    """Killed between the look, the run and the record of its end: repeated if need be, skipped never wrongly."""
    thole.use_faults("server")
    thole.file("in/a", "1")
    thole.config("""
        version: 1
        services:
          gen: {type: job, command: "cat in/a > out; cat in/a >> $LEDGER; echo >> $LEDGER", inputs: [in], outputs: [out]}
        """)
    thole.run("up", "-d", "--wait")
    thole.edit("in/a", "2")
    crash = thole.base / "crash"
    crash.mkdir()
    thole.run("down")
    thole.env.update(THOLE_CRASH_DIR=str(crash))
    thole.run("server", "stop", code=None)
    (crash / f"server.{point}").touch()
    thole.run("up", "-d", "--wait", code=None)
    wait_until(lambda: not (crash / f"server.{point}").exists())
    thole.wait_target("gen:update", "terminated")
    assert (thole.project / "out").read_text() == "2"
    thole.edit("in/a", "3")
    thole.run("restart", "gen")
    assert (thole.project / "out").read_text() == "3"


def test_many_inputs_do_not_stall_the_api(thole):
    """Whoever asks while they are read is answered, however long that takes. (Many small ones are in the benchmark.)"""
    for i in range(20):
        thole.file(f"in/f{i}", "")
        os.truncate(thole.project / f"in/f{i}", 64 << 20)  # holes: nothing on the disk, all to be read
    thole.config("version: 1\nservices: {gen: {type: job, command: 'true', inputs: [in]}, web: {command: exec sleep 1000}}\n")
    thole.run("up", "-d", "--wait")
    began, asked = time.monotonic(), [time.monotonic()]
    looking = thole.popen("restart", "gen")
    while looking.process.poll() is None:
        thole.api("/version")
        asked.append(time.monotonic())
    longest = max(later - earlier for earlier, later in zip(asked, asked[1:]))
    assert longest < (time.monotonic() - began) / 4, "the server said nothing while it looked"
    assert thole.message("gen:update").startswith("skipped: ")
    assert thole.last_run("gen:update") == 1


def test_another_port_in_its_environment_runs_it(thole, free_port):
    one, two = free_port(), free_port()
    text = """
        version: 1
        services:
          db: {{command: exec sleep 1000, port: {port}}}
          gen: {{type: job, command: echo $URL >> $LEDGER, inputs: [thole.in], env: {{URL: "at {{{{services.db.port}}}}"}}}}
        """
    thole.file("thole.in", "x")
    thole.config(text.format(port=one))
    thole.run("up", "-d", "--wait")
    thole.wait_ledger(f"at {one}")
    thole.run("down")
    thole.config(text.format(port=two))
    thole.run("up", "-d", "--wait")
    thole.wait_ledger(f"at {two}")
    thole.run("down")
    thole.run("up", "-d", "--wait")
    assert "skipped" in thole.target("gen:update")["message"]
    assert thole.ledger() == [f"at {one}", f"at {two}"]


def test_what_was_skipped_is_not_looked_at_again_by_the_next_server(thole):
    """Nobody has asked for it since, although its inputs are others now."""
    project(thole)
    thole.run("up", "-d", "--wait")
    assert again(thole) == 1
    session = next(thole.state.glob("sessions/*/session.json"))
    wait_until(lambda: '"skipped":{"gen:update"' in session.read_text().replace(" ", "").replace("\n", ""), what="it to be written down")
    thole.edit("in/a", "2")
    thole.replace_server()
    thole.wait_target("web:serve", "active")
    assert thole.message("gen:update").startswith("skipped: nothing changed since run 1")
    assert len(thole.ledger()) == 1
    thole.run("start", "gen")
    assert len(thole.ledger()) == 2
    thole.replace_server()
    assert thole.wait_target("gen:update", "terminated", run=2) and len(thole.ledger()) == 2
