# SPDX-License-Identifier: Apache-2.0
"""events: each thing that happened, once, with its cause; over crashes, floods and the end of the session."""

import json
import re
import signal
import subprocess

import pytest

import driver
from ledger import kill_for_good

SHOP = """
    version: 1
    services:
      db: {command: exec sleep 1000, labels: {tier: back}}
      migrate: {type: job, command: 'true', depends_on: [db]}
      api: {command: exec sleep 1000, depends_on: [migrate], labels: {tier: front}}
      flaky: {type: job, command: exit 3, auto: false}
    """


@pytest.fixture
def shop(thole):
    thole.config(SHOP)
    thole.run("up", "-d", "--wait")
    return thole


def events(thole, *args):
    return [json.loads(line) for line in thole.run("events", "-o", "json", *args).lines]


def told(thole, *args):
    return [(e.get("target", "-"), e["kind"], e["reason"]) for e in events(thole, *args)]


def test_what_happened_is_told_once_and_in_order(shop):
    all_of_them = events(shop)
    assert [e["seq"] for e in all_of_them] == list(range(1, len(all_of_them) + 1))
    assert told(shop, "migrate") == [("migrate:update", "waiting", "WaitingForDep"), ("migrate:update", "started", "Started"),
                                     ("migrate:update", "ended", "Completed")]
    assert (all_of_them[0]["kind"], all_of_them[0]["reason"]) == ("session", "Created")
    started = [e for e in events(shop, "api") if e["kind"] == "started"]
    assert started[0]["cause"] == {"target": "migrate:update", "run": 1}
    assert started[0]["run"] == 1 and started[0]["time"].endswith("Z") and started[0]["message"]


def test_who_asked_is_told(shop):
    shop.run("restart", "api")
    shop.run("start", "flaky", code=1)
    shop.run("stop", "db")
    api = told(shop, "api")
    assert api.index(("api:serve", "asked", "Restart")) < api.index(("api:serve", "stopping", "Restart")) < api.index(("api:serve", "ended", "Stopped"))
    assert told(shop, "flaky") == [("flaky:update", "asked", "Start"), ("flaky:update", "started", "Started"), ("flaky:update", "ended", "ExitCode")]
    assert events(shop, "flaky")[-1]["message"] == "exit code 3"
    assert ("db:serve", "stopping", "Requested") in told(shop, "db")


def test_parts_and_forms(shop):
    assert len(events(shop, "-n", "2")) == 2
    assert events(shop, "-n", "0") == []
    assert events(shop, "-n", "1") == events(shop)[-1:]
    assert events(shop, "--since", "2999-01-01") == []
    assert len(events(shop, "--since", "10m")) == len(events(shop))
    assert {e["target"] for e in events(shop, "-l", "tier=back")} == {"db:serve"}
    assert {e["target"] for e in events(shop, "-l", "tier")} == {"db:serve", "api:serve"}
    assert {e["target"] for e in events(shop, "db", "migrate:update")} == {"db:serve", "migrate:update"}
    lines = shop.run("events", "migrate").lines
    assert "migrate:update   ended      exit code 0" in lines[-1]
    assert b"\033" not in shop.run("events").raw


def test_colour_is_for_terminals_that_want_it(shop):
    shown = shop.popen("events", tty=True)
    assert shown.wait() == 0 and "\033[" in shown.out
    plain = shop.popen("events", tty=True, env={"NO_COLOR": "1"})
    assert plain.wait() == 0 and "\033[" not in plain.out


def test_wrong_names_and_options(shop):
    assert "has no events of \"nobody\"; `thole ps`" in shop.run("events", "nobody", code=2).err
    assert "did you mean migrate:update?" in shop.run("events", "migrat:update", code=2).err
    assert "--since" in shop.run("events", "--since", "soon", code=2).err
    assert "nothing in session" in shop.run("events", "-l", "tier=none", code=2).err
    assert "--limit takes a number" in shop.run("events", "-n", "x", code=2).err


def test_a_session_that_is_down_is_still_told(shop):
    shop.run("down")
    assert told(shop)[-1] == ("-", "session", "Down")
    assert ("api:serve", "stopping", "Session") in told(shop)
    assert "no events of" in shop.run("events", "nobody", code=2).err
    assert "is down: nothing more will come" in shop.run("events", "-f", "-n", "1").err
    assert "is down: name the targets" in shop.run("events", "-l", "tier", code=2).err
    shop.run("up", "-d", "--wait")
    assert [e["seq"] for e in events(shop)] == list(range(1, len(events(shop)) + 1))
    shop.run("down", "--purge")
    assert shop.run("events", code=2).out == ""


def test_follow_ends_with_the_session(shop):
    follow = shop.popen("events", "-f", "-o", "json")
    follow.wait_for('"api:serve","run":1,"kind":"ready"')
    shop.run("down")
    assert follow.wait() == 0
    assert json.loads(follow.out.splitlines()[-1])["reason"] == "Down"


def test_follow_survives_the_server_without_loss_or_doubles(shop):
    follow = shop.popen("events", "-f", "-o", "json")
    follow.wait_for('"api:serve","run":1,"kind":"ready"')
    for run in range(2, 8):
        shop.kill(shop.server_pid())
        shop.run("restart", "api")
        follow.wait_for(f'"api:serve","run":{run},"kind":"ready"')
    seqs = [json.loads(line)["seq"] for line in follow.out.splitlines()]
    assert seqs == list(range(1, len(seqs) + 1))
    follow.signal(signal.SIGINT)
    follow.wait()


def test_an_end_that_no_server_saw_is_recorded_by_the_next(thole):
    thole.config("version: 1\nservices: {job: {type: job, command: 'read x < gate; exit 4'}}\n")
    import os
    os.mkfifo(thole.project / "gate")
    thole.run("up", "-d")
    thole.wait_target("job:update", "active")
    driver.wait_until(lambda: ("job:update", "started", "Started") in told(thole, "job"))
    rail, server = thole.rail_pid(), thole.server_pid()
    os.kill(rail, signal.SIGSTOP)  # nobody starts another server now
    thole.kill(server)
    with open(thole.project / "gate", "w") as gate:
        gate.write("go\n")
    os.kill(rail, signal.SIGCONT)
    thole.wait_target("job:update", "terminated")
    assert told(thole, "job") == [("job:update", "started", "Started"), ("job:update", "ended", "ExitCode")]
    assert ("-", "server", "Adopted") in told(thole)


@pytest.mark.deadline(300)
def test_ten_thousand_events(thole):
    """Bounded on disk, and every reader gets what is kept, in order."""
    thole.config("version: 1\nservices: {crash: {command: 'exit 1', restart: {delay: 0s, max_restarts: 0}}}\n")
    thole.run("up", "-d")
    follow = thole.popen("events", "-f", "-o", "json")
    driver.wait_until(lambda: events(thole, "-n", "1")[0]["seq"] > 10000, timeout=240)
    thole.run("down")
    assert follow.wait() == 0
    followed = [json.loads(line)["seq"] for line in follow.out.splitlines()]
    assert followed == list(range(followed[0], followed[-1] + 1)) and followed[-1] > 10000
    kept = [e["seq"] for e in events(thole)]
    assert kept == list(range(kept[0], kept[-1] + 1)) and kept[-1] == followed[-1]
    directory = next((thole.state / "sessions").iterdir())
    files = list(directory.glob("events*.jsonl"))
    assert len(files) <= 2 and all(file.stat().st_size <= 2 << 20 for file in files)
    assert all(file.stat().st_mode & 0o777 == 0o600 for file in files)


def test_the_server_is_killed_between_one_file_and_the_next(thole):
    """The numbers go on, none comes twice, and who reads misses nothing."""
    thole.use_faults("server")
    points = thole.base / "points"
    points.mkdir()
    thole.env["THOLE_CRASH_DIR"] = str(points)
    thole.config(SHOP)
    thole.run("up", "-d", "--wait")
    last = events(thole)[-1]
    kill_for_good(thole)
    path = next((thole.state / "sessions").iterdir()) / "events.jsonl"
    with path.open("a") as file:
        while path.stat().st_size < (2 << 20) - 50:
            last = {**last, "seq": last["seq"] + 1, "message": "x" * 900}
            file.write(json.dumps(last) + "\n")
            file.flush()
    (points / "server.rotate").touch()
    driver.wait_until(lambda: thole.run("up", "-d", code=None).code == 0 and not any(points.iterdir()), what="a server that lives")
    assert path.with_name("events.1.jsonl").stat().st_size > (2 << 20) - 50
    kept = events(thole)
    assert [e["seq"] for e in kept] == list(range(1, len(kept) + 1))
    assert [e["reason"] for e in kept if e["seq"] > last["seq"]][0] == "Adopted"


@pytest.mark.parametrize("command", [["events", "-f"], ["logs", "-f"], ["api", "GET", "/apis/thole.dev/v1alpha1/targets?watch=true"]])
def test_it_ends_with_its_reader(thole, command):
    """`| head -1`: what comes next may take for ever."""
    thole.config("version: 1\nservices: {a: {command: 'echo one; exec sleep 1000'}}")
    thole.run("up", "-d", "--wait")
    driver.wait_until(lambda: "one" in thole.run("logs").out)
    live = subprocess.Popen([f"{thole.bin}/thole", *command], stdout=subprocess.PIPE, env=thole.env, cwd=thole.project)
    assert live.stdout.readline()
    live.stdout.close()
    assert live.wait(20) == 0


def test_they_are_in_the_order_of_their_times(shop):
    """An end is heard of after it happened; when the clock was set back, that is no reason to mix yesterday and today."""
    shop.run("down")
    path = next((shop.state / "sessions").glob("*/events.jsonl"))
    lines = path.read_text().splitlines()
    first = json.loads(lines[1])["time"]
    day = first[:17]
    for line, (text, time) in enumerate([("zero", f"{day}59.500000Z"), ("two", f"{day}10.002000Z"), ("one", f"{day}10.001000Z"), ("three", f"{day}10.003000Z")], 2):
        event = json.loads(lines[line])
        lines[line] = json.dumps({**event, "time": time, "message": text})
    path.write_text("\n".join(lines) + "\n")
    found = re.findall("(zero|one|two|three)$", shop.run("events").out, re.M)
    assert found == ["zero", "one", "two", "three"]
