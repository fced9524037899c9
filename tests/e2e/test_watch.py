# SPDX-License-Identifier: Apache-2.0
"""Files are watched: what is run again when one changes, and what is not."""

import json
import os
import time

from driver import alive, wait_until


def test_a_server_is_restarted_when_a_file_changes(thole):
    thole.file("src/app.js", "one")
    thole.file("src/other.js", "one")
    thole.config("""
        version: 1
        services:
          web: {command: "cat src/app.js >> $LEDGER; echo >> $LEDGER; sleep 1000", watch: src}
          calm: {command: sleep 1000}
        """)
    thole.run("up", "-d", "--wait")
    thole.wait_ledger("one")
    thole.edit("src/app.js", "two")
    thole.wait_ledger("two")
    thole.wait_target("web:serve", "active", run=2)
    wait_until(lambda: thole.message("web:serve") == "started again: src/app.js changed")
    thole.edit("src/app.js", "two")  # the same bytes
    (thole.project / "src" / ".app.js.swp").write_text("of an editor")
    os.utime(thole.project / "src/app.js")
    thole.edit("src/app.js", "three")
    thole.edit("src/other.js", "three")
    thole.wait_ledger("three")
    wait_until(lambda: "changed (and 1 more)" in thole.message("web:serve"))
    assert thole.last_run("web:serve") == 3
    assert thole.last_run("calm:serve") == 1


def test_a_build_runs_first_and_a_failed_one_changes_nothing(thole):
    thole.file("main.c", "1")
    thole.config("""
        version: 1
        services:
          api:
            build: "grep -q good main.c && cp main.c built"
            command: "cat built >> $LEDGER; echo >> $LEDGER; sleep 1000"
            watch: {paths: ["*.c"], debounce: 20ms}
        """)
    thole.file("main.c", "good 1")
    thole.run("up", "-d", "--wait")
    thole.wait_ledger("good 1")
    thole.edit("main.c", "bad")
    thole.wait_target("api:update", "terminated", run=2, error="exit code 1")
    assert thole.last_run("api:serve") == 1
    thole.edit("main.c", "good 2")
    thole.wait_ledger("good 2")
    thole.wait_target("api:serve", "active", run=2)
    assert thole.last_run("api:update") == 3


def test_a_job_that_runs_ends_first_and_runs_once_more(thole):
    (thole.project / "in").mkdir()
    thole.config("""
        version: 1
        services:
          job:
            type: job
            command: "ls in | wc -l >> $LEDGER; [ -e go ] || read x < pipe"
            watch: {paths: [in], debounce: 20ms}
        """)
    os.mkfifo(thole.project / "pipe")
    thole.run("up", "-d")
    thole.wait_ledger("0")
    for i in range(1, 6):
        thole.edit(f"in/f{i}", str(i))
        wait_until(lambda: thole.message("job:update") == f"in/f{i} changed; it runs again when this run has ended")
    assert thole.ledger() == ["0"]
    (thole.project / "go").touch()
    (thole.project / "pipe").write_text("go\n")
    thole.wait_ledger("5")
    thole.wait_target("job:update", "terminated", run=2)
    assert thole.ledger() == ["0", "5"]


def test_with_on_change_restart_a_job_is_begun_anew(thole):
    thole.file("in", "0")
    thole.config("""
        version: 1
        services:
          job:
            type: job
            command: "cat in >> $LEDGER; echo >> $LEDGER; sleep 1000"
            watch: {paths: [in], debounce: 20ms, on_change: restart}
        """)
    thole.run("up", "-d")
    thole.wait_ledger("0")
    thole.edit("in", "1")
    thole.wait_ledger("1")
    thole.wait_target("job:update", "active", run=2)


def test_a_server_may_get_a_signal_instead(thole):
    thole.file("proxy.conf", "0")
    thole.config("""
        version: 1
        services:
          proxy:
            command: |
              trap 'cat proxy.conf >> $LEDGER; echo >> $LEDGER' USR1
              cat proxy.conf >> $LEDGER; echo >> $LEDGER
              while :; do sleep 1000 & wait; done
            watch: {paths: proxy.conf, debounce: 20ms, on_change: signal, signal: USR1}
        """)
    thole.run("up", "-d", "--wait")
    thole.wait_ledger("0")
    thole.edit("proxy.conf", "1")
    thole.wait_ledger("1")
    wait_until(lambda: thole.message("proxy:serve") == "proxy.conf changed: it was sent a signal")
    assert thole.last_run("proxy:serve") == 1


def test_what_a_job_writes_itself_does_not_start_it_again_for_ever(thole):
    """The rule: a file that changed during every run is the run's own; what somebody else changes counts."""
    thole.file("src/a", "0")
    thole.config("""
        version: 1
        services:
          gen:
            type: job
            command: "date +%s%N > src/stamp; echo declared > src/out/x; date +%s%N > src/out/y; echo ran >> $LEDGER"
            watch: {paths: [src], debounce: 20ms}
            outputs: [src/out]
        """)
    (thole.project / "src/out").mkdir()
    thole.run("up", "-d")
    wait_until(lambda: "each of its runs writes src/stamp" in thole.message("gen:update"))
    assert thole.ledger() == ["ran"] * 3
    thole.edit("src/a", "1")
    thole.wait_ledger("ran", times=4)
    wait_until(lambda: "each of its runs writes src/stamp" in thole.message("gen:update"))
    assert thole.ledger() == ["ran"] * 4


def test_two_that_write_what_the_other_watches_are_slowed_down(thole):
    thole.file("src/a", "0")
    job = "{{type: job, command: 'date +%s%N > src/{0}.c; echo {0} >> $LEDGER', watch: {{paths: [src], debounce: 10ms}}}}"
    thole.config("version: 1\nservices:\n  one: " + job.format("one") + "\n  two: " + job.format("two") + "\n")
    thole.run("up", "-d")
    # in step, each file changes in every run of both: then they are taken for their own
    said = ("changes again and again", "each of its runs writes")
    wait_until(lambda: any(text in thole.message(of) for text in said for of in ("one:update", "two:update")), what="the word")
    before = len(thole.ledger())
    assert before < 150
    thole.edit("src/a", "1")  # somebody's own change counts at once
    wait_until(lambda: "src/a changed" in thole.run("events").out, what="a change by hand")


def test_a_server_that_writes_a_watched_file_at_its_start_is_slowed_down(thole):
    thole.file("src/a", "0")
    thole.config("""
        version: 1
        services:
          web: {command: "echo ran >> $LEDGER; date +%s%N > src/pid; sleep 1000", watch: {paths: [src], debounce: 10ms}}
        """)
    thole.run("up", "-d", "--wait")
    wait_until(lambda: "each of its runs writes src/pid" in thole.message("web:serve"))
    ran = len(thole.ledger())
    assert ran >= 20  # more where the news of a file came before those of the start: that breaks the row
    thole.edit("src/a", "1")  # somebody else's counts at once
    thole.wait_ledger("ran", times=ran + 1)
    assert "src/a changed" in thole.run("events").out


def test_the_same_output_again_and_declared_outputs_do_not_loop(thole):
    thole.file("src/a", "0")
    thole.config("""
        version: 1
        services:
          gen:
            type: job
            command: "cp src/a src/copy; date +%s%N > src/out; echo ran >> $LEDGER"
            watch: {paths: [src], debounce: 20ms}
            outputs: [src/out]
        """)
    thole.run("up", "-d")
    thole.wait_ledger("ran", times=2)  # `copy` was new: it counts once
    thole.edit("src/a", "1")
    thole.wait_ledger("ran", times=4)
    thole.edit("src/a", "2")
    thole.wait_ledger("ran", times=6)
    thole.wait_target("gen:update", "terminated", run=6)


def test_a_change_while_a_job_runs_is_not_lost(thole):
    thole.file("in", "0")
    thole.config("""
        version: 1
        services:
          job: {type: job, command: "cat in > seen; read x < pipe; cat seen >> $LEDGER; echo >> $LEDGER", watch: {paths: [in], debounce: 10ms}}
        """)
    os.mkfifo(thole.project / "pipe")
    thole.run("up", "-d")
    for i in range(4):
        thole.wait_target("job:update", "active", run=i + 1)
        wait_until(lambda: (thole.project / "seen").read_text() == str(i))
        if i < 3:
            if i > 0:
                thole.edit("in", str(i + 1))
                wait_until(lambda: "runs again when" in thole.message("job:update"))
        (thole.project / "pipe").write_text("go\n")
        if i == 0:
            thole.wait_target("job:update", "terminated", run=1)
            thole.edit("in", "1")
    thole.wait_ledger("3")
    assert thole.ledger() == ["0", "1", "2", "3"]


def test_fifty_edits_a_second_end_with_the_last(thole):
    thole.file("src/a", "0")
    thole.config("""
        version: 1
        services:
          web: {command: "cat src/a >> $LEDGER; echo >> $LEDGER; sleep 1000", watch: {paths: [src], debounce: 50ms}}
        """)
    thole.run("up", "-d", "--wait")
    for i in range(1, 101):
        thole.edit("src/a", str(i))
        time.sleep(0.02)  # sleep: the pace is what is tested
    thole.wait_ledger("100")
    assert thole.last_run("web:serve") < 12


def test_a_directory_that_goes_and_comes_is_watched_on(thole):
    import shutil
    thole.file("src/deep/a", "0")
    thole.config("""
        version: 1
        services:
          web: {command: "cat src/deep/a >> $LEDGER; echo >> $LEDGER; sleep 1000", watch: {paths: ["src/**/a"], debounce: 20ms}}
        """)
    thole.run("up", "-d", "--wait")
    for i in range(1, 4):
        shutil.rmtree(thole.project / "src")
        thole.file("src/deep/a", f"made {i}")
        thole.wait_ledger(f"made {i}")
        thole.edit("src/deep/a", f"edited {i}")
        thole.wait_ledger(f"edited {i}")


def test_what_was_stopped_is_not_started_by_a_change(thole):
    thole.file("src/a", "0")
    thole.config("""
        version: 1
        services:
          web: {command: sleep 1000, watch: {paths: [src], debounce: 20ms}}
          seen: {command: sleep 1000, watch: {paths: [src], debounce: 20ms}}
        """)
    thole.run("up", "-d", "--wait")
    thole.run("stop", "web")
    thole.edit("src/a", "1")
    thole.wait_target("seen:serve", "active", run=2)
    assert "stopped by request" in thole.message("web:serve")


def test_ci_watches_nothing(thole):
    """Another project, watched by the same server, tells when the change has been heard of."""
    witness = thole.another_project("witness")
    thole.file("seen", "0", project=witness)
    thole.config("version: 1\nservices: {web: {command: exec sleep 1000, watch: {paths: [seen], debounce: 0s}}}\n", witness)
    thole.run("up", "-d", "--wait", cwd=witness)
    thole.file("in", "0")
    os.mkfifo(thole.project / "go")
    thole.config("""
        version: 1
        services:
          job: {type: job, command: echo ran >> $LEDGER, watch: {paths: [in], debounce: 0s}}
          gate: {type: job, command: echo waiting >> $LEDGER; cat go, depends_on: [job]}
        """)
    ci = thole.popen("ci")
    thole.wait_ledger("waiting")
    for run in (2, 3):  # by the second change, all that watch have begun to
        thole.edit("in", str(run))
        thole.file("seen", str(run), project=witness)
        wait_until(lambda: (thole.targets("-C", witness)["web:serve"]["state"]["active"] or {}).get("run") == run)
    (thole.project / "go").write_text("")
    assert ci.wait() == 0
    assert thole.ledger() == ["ran", "waiting"]


def test_a_new_server_goes_on_watching(thole):
    thole.file("src/a", "0")
    thole.config("""
        version: 1
        services:
          web: {command: "cat src/a >> $LEDGER; echo >> $LEDGER; sleep 1000", watch: {paths: [src], debounce: 20ms}}
        """)
    thole.run("up", "-d", "--wait")
    thole.edit("src/a", "1")
    thole.wait_ledger("1")
    thole.wait_target("web:serve", "active", run=2)
    thole.replace_server()
    wait_until(lambda: thole.message("web:serve") == "started again: src/a changed")
    assert thole.last_run("web:serve") == 2
    thole.edit("src/a", "2")
    thole.wait_ledger("2")


def test_without_inotify_files_are_looked_at_and_it_says_so(thole):
    thole.use_faults("server")
    thole.env["THOLE_FAULT"] = "inotify_add_watch:2:ENOSPC"
    thole.env["THOLE_FAULT_PROGRAM"] = "server"
    thole.file("src/a", "0")
    thole.config("""
        version: 1
        services:
          web: {command: "cat src/a >> $LEDGER; echo >> $LEDGER; sleep 1000", watch: {paths: [src], debounce: 20ms}}
        """)
    thole.run("up", "-d", "--wait")
    assert "files are looked at every 2 s: no more inotify watches (fs.inotify.max_user_watches)" in thole.message("web:serve")
    thole.edit("src/a", "1")
    thole.wait_ledger("1")
    wait_until(lambda: "looked at" not in thole.message("web:serve"))  # the limit was hit once only


def test_without_an_inotify_instance_files_are_looked_at_and_it_says_so(thole):
    """Whose look is the first has none: that of the config file, or that of the service."""
    thole.use_faults("server")
    thole.env["THOLE_FAULT"] = "inotify_init:1:EMFILE"
    thole.env["THOLE_FAULT_PROGRAM"] = "server"
    thole.file("src/a", "0")
    text = """
        version: 1
        services:
          web: {{command: "cat src/a >> $LEDGER; echo {0} >> $LEDGER; sleep 1000", watch: {{paths: [src], debounce: 20ms}}}}
        """
    thole.config(text.format("old"))
    thole.run("up", "-d", "--wait")
    said = thole.run("events", "-o", "json").out + thole.message("web:serve")
    assert "files are looked at every 2 s: no more inotify instances (fs.inotify.max_user_instances)" in said
    thole.wait_ledger("0old")
    thole.edit("src/a", "1")
    thole.wait_ledger("1old")
    thole.config(text.format("new"))
    thole.wait_ledger("1new")


def test_a_stop_is_told_with_the_change_that_it_is_for(thole):
    thole.file("src/a", "one")
    thole.file("src/b", "one")
    thole.config("version: 1\nservices: {web: {command: exec sleep 1000, watch: src}}\n")
    thole.run("up", "-d", "--wait")
    for name, run in (("src/a", 2), ("src/b", 3)):
        thole.edit(name, "two")
        thole.wait_target("web:serve", "active", run=run)
    events = [json.loads(line) for line in thole.run("events", "web", "-o", "json").lines]
    stops = [event["message"] for event in events if event["kind"] == "stopping"]
    assert stops == ["src/a changed", "src/b changed"]


def test_what_failed_or_waits_for_its_time_is_tried_at_once(thole):
    thole.file("src/a", "0")
    thole.config("""
        version: 1
        services:
          failed: {command: "echo failed $(cat src/a) >> $LEDGER; grep -q 1 src/a && exec sleep 1000", restart: never, watch: {paths: [src], debounce: 20ms}}
          later:
            command: echo later $(cat src/a) >> $LEDGER; grep -q 1 src/a && exec sleep 1000
            restart: {delay: 1h, max_delay: 1h}
            watch: {paths: [src], debounce: 20ms}
        """)
    thole.run("up", "-d")
    thole.wait_target("failed:serve", "terminated")
    thole.wait_target("later:serve", "waiting", waitReason="backoff")
    thole.edit("src/a", "1")
    thole.wait_target("failed:serve", "active", run=2)
    thole.wait_target("later:serve", "active", run=2)
    thole.wait_ledger("failed 1")
    thole.wait_ledger("later 1")
    assert sorted(thole.ledger()) == ["failed 0", "failed 1", "later 0", "later 1"]


def test_which_files_are_meant(thole):
    """What is ignored, taken away or an editor's is no change; what a glob names without a wildcard is, ignored or not."""
    for name in ("src/a.c", "src/deep/b.c", "src/a_test.c", "src/gen.c", "src/c.txt", ".env", "build/x.c"):
        thole.file(name, "0")
    thole.file(".gitignore", "build/\n.env\n/src/gen.c\n")
    (thole.project / ".git").mkdir()
    thole.config("""
        version: 1
        services:
          code: {command: exec sleep 1000, watch: {paths: ["**/*.c", "!src/deep/*"], ignore: ["*_test.c"], debounce: 20ms}}
          env: {command: exec sleep 1000, watch: {paths: .env, debounce: 20ms}}
        """)
    thole.run("up", "-d", "--wait")
    for name in ("src/deep/b.c", "src/a_test.c", "src/gen.c", "src/c.txt", "build/x.c", "src/.a.c.swp", ".env"):
        thole.edit(name, "1")
    wait_until(lambda: thole.message("env:serve") == "started again: .env changed")
    thole.edit("src/a.c", "1")
    wait_until(lambda: thole.message("code:serve") == "started again: src/a.c changed")
    assert (thole.last_run("code:serve"), thole.last_run("env:serve")) == (2, 2)


def test_the_server_stays_for_what_is_watched(thole):
    """It leaves when it has nothing to do; files that are watched are something, also when everything is done."""
    thole.use_faults("server")
    thole.env["THOLE_IDLE_MS"] = "100"
    job = {"type": "job", "command": "echo ran >>$LEDGER"}
    thole.config({"version": 1, "services": {"docs": job}})
    thole.run("up", "-d", "--wait")
    idle = thole.server_pid()
    wait_until(lambda: not alive(idle), what="a server with nothing to do to leave")
    thole.run("down")
    thole.file("src/a", "1")
    thole.config({"version": 1, "services": {"docs": {**job, "watch": "src"}}})
    thole.run("up", "-d", "--wait")
    pid = thole.server_pid()
    for n in range(3, 6):  # each longer after the last client than it would stay
        time.sleep(0.4)  # sleep: it is an absence that is looked at, of the end of the server
        assert alive(pid)
        thole.edit("src/a", str(n))
        wait_until(lambda: len(thole.ledger()) == n, what="it to run again")
    thole.run("stop", "docs")
    wait_until(lambda: not alive(pid), what="it to leave when nobody wants to run that any more")
