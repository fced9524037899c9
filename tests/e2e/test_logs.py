# SPDX-License-Identifier: Apache-2.0
"""What targets wrote, as `thole logs` and the log routes tell it."""

import json
import os
import signal
import urllib.parse

import pytest

import driver

API = "/apis/tilt.dev/v1alpha1/sessions"


def ask(thole, path, **params):
    """The reply of a log route, open."""
    connection = driver.UnixConnection(thole.socket_path(), 30)
    connection.request("GET", path + "?" + urllib.parse.urlencode(params, doseq=True))
    reply = connection.getresponse()
    assert reply.status == 200, reply.read()
    return reply


def session_log(thole, **params):
    name = thole.session()["metadata"]["name"]
    return [json.loads(line) for line in ask(thole, f"{API}/{name}/log", **params)]


def texts(lines):
    return [line["text"] for line in lines]


def test_a_follower_goes_on_over_restarts_and_a_killed_server(thole):
    thole.config("""
        version: 1
        services:
          web:
            restart: {policy: always, delay: 0s}
            command: |
              n=$(($(cat n 2>/dev/null || echo 0) + 1)); echo $n > n
              printf 'half ' >&2; echo begun $n
              until test -e go$n; do sleep 0.02; done
              echo line >&2; echo over $n
          late: {type: job, auto: false, command: echo late}
        """)
    thole.run("up", "-d")
    logs = thole.popen("logs", "-f")
    logs.wait_for("begun 1$")
    os.kill(thole.server_pid(), signal.SIGKILL)
    thole.file("go1", "")
    logs.wait_for("half line$")
    logs.wait_for("begun 2$")
    thole.run("start", "late")
    logs.wait_for("late$")
    os.kill(thole.server_pid(), signal.SIGKILL)
    thole.file("go2", "")
    logs.wait_for("begun 3$")
    thole.run("down")
    logs.wait()
    said = [line.partition("| ")[2] for line in logs.out.splitlines()]
    for line in ("begun 1", "over 1", "begun 2", "over 2", "begun 3", "late"):
        assert said.count(line) == 1, logs
    assert said.count("half line") == 2, logs


def test_any_bytes(thole):
    thole.config("""
        version: 1
        services: {odd: {type: job, command: "printf 'a\\\\0b\\\\n\\\\377\\\\376\\\\n\\\\r50%%\\\\r\\\\n\\\\303\\\\244 end'"}}
        """)
    thole.run("ci")
    name = next(thole.state.glob("sessions/*")).name
    assert thole.run("logs", "-o", "raw").raw == b"a\0b\n\xff\xfe\n\r50%\r\n\xc3\xa4 end"
    lines = [json.loads(line) for line in thole.run("logs", "-o", "json").lines]
    assert lines[0]["text"] == "a\0b" and lines[1]["base64"] == "//4=" and lines[2]["text"] == "\r50%\r"
    assert lines[3]["text"] == "ä end" and lines[3]["partial"]
    assert ask(thole, f"{API}/{name}/log", format="raw", target="odd").read() == b"a\0b\n\xff\xfe\n\r50%\r\n\xc3\xa4 end"


def test_what_is_asked_for(thole):
    thole.config("""
        version: 1
        services:
          a: {type: job, command: 'for i in 1 2 3; do echo $i; echo e$i >&2; done'}
          b: {type: job, command: 'seq 10 20', depends_on: [a]}
        """)
    thole.run("up", "-d", "--wait")
    assert texts(session_log(thole, tail=1))[1:] == ["20"]
    assert texts(session_log(thole, target="a", stream="err")) == ["e1", "e2", "e3"]
    assert texts(session_log(thole, target="a", stream="out", tail=2)) == ["2", "3"]
    lines = session_log(thole)
    assert texts(lines)[-11:] == [str(i) for i in range(10, 21)]
    for cut in (1, 3, 5):
        after = "{object}:{run}:{offset}".format(**lines[cut])
        assert texts(session_log(thole, target="a", after=after)) == texts(lines)[cut + 1:6]
    thole.run("restart", "a")
    thole.run("wait", "a", "--for", "terminated")
    assert sorted(texts(session_log(thole, target="a", run=2))) == ["1", "2", "3", "e1", "e2", "e3"]
    assert len(session_log(thole, target="a", tail=8)) == 8
    status, reply = thole.api(f"{API}/{thole.session()['metadata']['name']}/log?after=a:x")
    assert status == 400 and "after" in reply["message"]


def test_a_long_line(thole):
    thole.config("""
        version: 1
        services: {long: {type: job, command: 'head -c 2500000 /dev/zero | tr "\\\\0" x; echo; echo next'}}
        """)
    thole.run("up", "-d", "--wait")
    lines = session_log(thole)
    assert [len(line["text"]) for line in lines] == [1 << 20, 1 << 20, 2500000 - (2 << 20), 4]
    assert [line.get("partial", False) for line in lines] == [True, True, False, False]


def test_the_cap_is_told(thole):
    thole.config("""
        version: 1
        logs: {max_size: 1MiB}
        services: {much: {type: job, command: 'seq 1 1000000'}}
        """)
    thole.run("up", "-d", "--wait")
    lines = session_log(thole)
    assert lines[0]["stream"] == "gap" and "dropped by the cap" in lines[0]["text"]
    assert texts(lines)[-1] == "1000000"


@pytest.mark.deadline(120)
def test_a_slow_reader_holds_nobody_up(thole):
    thole.config("""
        version: 1
        services:
          much: {command: 'yes 0123456789 | head -c 60000000; echo written > done; exec sleep 1000'}
          other: {command: 'until test -e done; do sleep 0.02; done; echo heard; exec sleep 1000'}
        """)
    thole.run("up", "-d")
    name = thole.session()["metadata"]["name"]
    slow = ask(thole, f"{API}/{name}/log", follow="true", target="much")
    quick = thole.popen("logs", "-f", "other")
    quick.wait_for("heard", timeout=60)
    status = driver.read_proc(thole.server_pid(), "smaps_rollup").decode()
    dirty = int(next(line.split()[1] for line in status.splitlines() if line.startswith("Private_Dirty")))
    assert driver.SANITIZED or dirty < 12 * 1024, dirty
    first = json.loads(slow.readline())
    assert first["text"] == "0123456789"
    slow.close()


def test_nobody_speaks_nothing_wakes(thole):
    services = {f"s{i}": {"command": "echo up; exec sleep 1000"} for i in range(20)}
    thole.config({"version": 1, "services": services})
    thole.run("up", "-d", "--wait")
    logs = thole.popen("logs", "-f")
    logs.wait_for(r"(.*\| up\n){20}")
    pid = thole.server_pid()
    before = len(os.listdir(f"/proc/{pid}/fd"))
    more = [thole.popen("logs", "-f") for _ in range(3)]
    for follower in more:
        follower.wait_for(r"(.*\| up\n){20}")

    def descriptors():
        return len(os.listdir(f"/proc/{pid}/fd"))
    assert descriptors() <= before + 3 * 2, "a follower costs its connection, not one per target"
