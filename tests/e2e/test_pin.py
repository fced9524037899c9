# SPDX-License-Identifier: Apache-2.0
"""The rail and its pins, with the test in the place of the server."""

import errno
import hashlib
import json
import os
import pathlib
import shutil
import signal
import socket
import struct
import subprocess
import sys
import time

import pytest

import pinlib
from driver import SANITIZED
from pinlib import *  # noqa: F403

GRACE = 300  # ms, of stops that are to run into their end


@pytest.fixture
def make_rail():
    made = []

    def make(*args, **kwargs):
        made.append(Rail(*args, **kwargs))
        return made[-1]
    yield make
    for rail in made:
        rail.close()


@pytest.fixture
def rail(make_rail):
    return make_rail()


def line(path):
    """A process says something through a file: the first line of it, when it is there."""
    wait_for(lambda: path.exists() and path.read_text().endswith("\n"), f"{path} is written")
    return path.read_text().strip()


# --- starting ---

@pytest.mark.parametrize("script, end, code", [
    ("exit 0", EXITED, 0), ("exit 3", EXITED, 3), ("exit 255", EXITED, 255),
    ("kill -9 $$", SIGNALED, 9), ("kill -TERM $$", SIGNALED, 15), ("kill -SEGV $$", SIGNALED, 11)])
def test_a_run_ends_as_its_process_does(rail, script, end, code):
    run = rail.sh("ulimit -c 0; " + script, run=4, cause='said "so"')
    started, ended = run.started(), run.ended()
    assert (ended.end, ended.code, ended.stage) == (end, code, 0)
    assert run.conn.receive() is None
    assert ended.started_us == started.started_us <= ended.ended_us
    assert started.started_us / 1e6 == pytest.approx(time.time(), abs=60)
    record = run.record()
    assert (record["id"], record["run"], record["pid"], record["cause"]) == (run.id, 4, started.pid, 'said "so"')
    assert record["boot_id"] == pathlib.Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    assert record["pidns"] == os.stat("/proc/self/ns/pid").st_ino
    assert record["start_ticks"] == started.start_ticks > 0
    names = {EXITED: "exited", SIGNALED: "signaled"}
    assert (run.exit()["end"], run.exit()["code"]) == (names[end], code)
    assert run.exit()["oom"] == (None if code == 9 else False)
    assert sorted(p.name for p in run.dir.iterdir()) == ["claim", "exit.json", "run.json"]
    wait_for(lambda: rail.children() == [], "the pin is reaped")


def test_resources_are_counted(rail):
    run = rail.run([sys.executable, "-c", "x = 'x' * 40_000_000\nwhile __import__('time').process_time() < 0.1: pass"])
    ended = run.ended()
    assert ended.user_us + ended.system_us > 90_000
    assert ended.max_rss_kib > 40_000


def failing(tmp):
    script = tmp / "script"
    script.write_text("#!/bin/sh\n")
    big = ["x" * 200_000]
    usual = {"env": {"PATH": "/usr/bin:/bin"}}  # a directory that may not be searched would be EACCES
    return [(["no-such-program"], usual, STAGE_EXEC, errno.ENOENT), (["/no/such/program"], {}, STAGE_EXEC, errno.ENOENT),
            ([str(tmp)], {}, STAGE_EXEC, errno.EACCES), ([str(script)], {}, STAGE_EXEC, errno.EACCES),
            (["script"], {"env": {"PATH": str(tmp)}}, STAGE_EXEC, errno.EACCES),
            ([""], {}, STAGE_EXEC, errno.ENOENT), (["sh", *big], {}, STAGE_EXEC, errno.E2BIG),
            (["sh"], {"cwd": "/no/such/dir"}, STAGE_CHDIR, errno.ENOENT),
            (["sh"], {"cwd": str(script)}, STAGE_CHDIR, errno.ENOTDIR),
            (["sh"], {"limits": [(99, 1, 1)]}, STAGE_SETUP, errno.EINVAL)]


@pytest.mark.parametrize("case", range(10))
def test_what_cannot_be_executed_says_why(rail, case):
    argv, options, stage, number = failing(rail.root)[case]
    run = rail.run(argv, **options)
    ended = run.conn.receive()
    assert (ended.type, ended.end, ended.stage, ended.code) == (ENDED, FAILED, stage, number)
    assert ended.started_us == 0
    assert (run.exit()["end"], run.exit()["stage"], run.exit()["code"]) == ("failed", stage, number)
    assert run.conn.receive() is None
    wait_for(lambda: rail.children() == [], "the pin is reaped")


def test_programs_are_found_as_by_a_shell(rail):
    (rail.root / "plain").write_text("echo plain $1\n")  # no "#!"
    (rail.root / "plain").chmod(0o755)
    run = rail.run(["plain", "text"], env={"PATH": f"/no/such:{rail.root}"})
    assert run.ended().code == 0 and run.log() == b"plain text\n"


def test_a_process_gets_what_was_asked_and_nothing_else(rail):
    script = """
import os, json, resource, signal, sys
status = open('/proc/self/status').read()
masks = {k: int(v, 16) for k, v in (l.split(':\\t') for l in status.splitlines() if l[:3] == 'Sig' and l[3:6] in ('Blk', 'Ign'))}
print(json.dumps(dict(fds=sorted(os.listdir('/proc/self/fd'))[:-1], sid=os.getsid(0) == os.getpid(), cwd=os.getcwd(),
      stdin=os.readlink('/proc/self/fd/0'), umask=os.umask(0), nice=os.nice(0), masks=masks, env=dict(os.environ),
      argv=sys.argv[1:], files=resource.getrlimit(resource.RLIMIT_NOFILE), core=resource.getrlimit(resource.RLIMIT_CORE))))
"""
    env = {"PATH": os.environ["PATH"], "BASH_FUNC_x%%": "() { :; }", "EMPTY": "", "BIG": "y" * 100_000, "LC_ALL": "C.UTF-8"}
    cwd = rail.root / "näme with space"
    cwd.mkdir()
    run = rail.run(["/usr/bin/python3", "-I", "-S", "-c", script, "", "a\nb"], env=env, cwd=str(cwd), umask=0o027, nice=3,
                   limits=[(7, 100, 200), (4, 0, 0)])
    assert run.ended().code == 0, run.log()
    seen = json.loads(run.log())
    assert seen["fds"] == ["0", "1", "2"] and seen["stdin"] == "/dev/null" and seen["sid"]
    assert (seen["cwd"], seen["umask"], seen["argv"]) == (str(cwd), 0o027, ["", "a\nb"])
    assert seen["nice"] == os.nice(0) + 3 if os.nice(0) == 0 else seen["nice"] == 3
    assert seen["masks"]["SigBlk"] == 0 and seen["masks"]["SigIgn"] & ~0x1001000 == 0  # python ignores PIPE and XFSZ itself
    assert seen["env"] == env
    assert (seen["files"], seen["core"]) == ([100, 200], [0, 0])


def test_dispositions_are_default(rail):
    run = rail.run(["cat", "/proc/self/status"])
    run.ended()
    assert {v.split()[1] for v in run.log().decode().splitlines() if v[:6] in ("SigBlk", "SigIgn", "SigCgt")} == {"0" * 16}, run.log()


@pytest.mark.ordinary("root may have any limit")
def test_a_limit_above_what_we_may_have_becomes_the_most(rail):
    hard = int(subprocess.check_output(["sh", "-c", "ulimit -Hn"]))
    run = rail.sh("ulimit -Hn; ulimit -Sn", limits=[(7, hard + 1000, hard + 1000)])
    run.ended()
    assert run.log().split() == [b"%d" % hard] * 2


def test_a_claim_decides(rail):
    run = Run(rail, ["sh", "-c", f"echo ran >> {rail.root}/ledger"])
    (run.dir / "claim").write_text("void\n")
    run.spawn()
    assert run.conn.receive() is None
    assert sorted(p.name for p in run.dir.iterdir()) == ["claim", "launch"]
    assert (run.dir / "claim").read_text() == "void\n"
    assert not (rail.root / "ledger").exists()


def test_of_two_pins_one_runs(rail):
    run = Run(rail, ["sh", "-c", f"echo ran >> {rail.root}/ledger"]).spawn()
    other = Run(rail, ["sh"], id=run.id, dir=run.dir, raw=(run.dir / "launch").read_bytes()).spawn()
    ends = [[m.type for m in iter(lambda: conn.receive(), None)] for conn in (run.conn, other.conn)]
    assert sorted(ends) in ([[], [STARTED, ENDED]], [[ENDED], [STARTED, ENDED]]), ends
    assert (rail.root / "ledger").read_text() == "ran\n"


@pytest.mark.parametrize("raw", [b"x", b"\0" * 4096, launch_bytes(["sh"], id="abc", cwd="/", title="", cause="")[:-1],
                                 launch_bytes(["sh"], id="abc", cwd="/", title="", cause="", magic=1),
                                 launch_bytes([], id="abc", cwd="/", title="", cause=""),
                                 launch_bytes(["sh"], id="../x", cwd="/", title="", cause=""),
                                 launch_bytes(["sh"], id="abc", cwd="/", title="", cause="", secrets=[""])])
def test_a_launch_that_is_not_one_fails(rail, raw):
    run = rail.run(["sh"], raw=raw)
    ended = run.conn.receive()
    assert (ended.type, ended.end, ended.stage, ended.code) == (ENDED, FAILED, STAGE_LAUNCH, errno.EINVAL)
    assert run.exit()["stage"] == STAGE_LAUNCH


def test_a_missing_run_directory_is_a_failed_start(rail):
    run = Run(rail, ["sh"])
    shutil.rmtree(run.dir)
    run.dir.mkdir()
    run.spawn()
    ended = run.conn.receive()
    assert (ended.end, ended.stage, ended.code) == (FAILED, STAGE_LAUNCH, errno.ENOENT)


def test_a_spawn_without_descriptors_is_refused(rail):
    rail.conn.send(pack(SPAWN, "Q", 77))
    failed = rail.conn.until(SPAWN_FAILED)
    assert (failed.tag, failed.error) == (77, errno.EBADF)


def test_pins_have_a_name_and_a_title(rail):
    run = rail.sh("exec sleep 1000", title="shop api:serve 3")
    run.started()
    pin, = rail.children()
    assert pathlib.Path(f"/proc/{pin}/comm").read_text() == "thole-pin\n"
    assert pathlib.Path(f"/proc/{rail.process.pid}/comm").read_text() == "thole-rail\n"
    assert subprocess.check_output(["ps", "-o", "args=", "-p", str(pin)]).decode().strip() == "thole-pin shop api:serve 3"
    assert run.record()["pin"] == pin


# --- stopping ---

def test_stop_sends_the_signal(rail):
    run = rail.sh("trap 'echo got; exit 7' INT; echo up; while :; do sleep 0.05; done")
    run.started()
    wait_for(lambda: run.log() == b"up\n", "the trap is set")
    run.stop(signal.SIGINT)
    assert run.ended().code == 7 and run.log() == b"up\ngot\n"


def test_stop_kills_after_the_grace(rail):
    run = rail.sh("trap '' TERM; echo up; while :; do sleep 0.05; done")
    run.started()
    wait_for(lambda: run.log() == b"up\n", "the trap is set")
    begin = time.monotonic()
    run.stop(grace_ms=GRACE)
    ended = run.ended()
    assert (ended.end, ended.code, ended.oom) == (SIGNALED, 9, 1)
    assert GRACE / 1000 <= time.monotonic() - begin < 5


def test_stop_again_hastens(rail):
    run = rail.sh("trap '' TERM; echo up; while :; do sleep 0.05; done")
    run.started()
    wait_for(lambda: run.log() == b"up\n", "the trap is set")
    run.stop(grace_ms=60_000)
    run.stop(grace_ms=600_000)
    conn = run.attach()
    assert conn.until(STATE).phase == STOPPING
    run.stop(signal.SIGKILL, 60_000)
    assert run.ended(5).code == 9


def stubborn(tmp, how=""):
    """A child that ignores TERM and is left behind; it writes its pid."""
    return f"{how} sh -c 'trap \"\" TERM; echo $$ > {tmp}/child; while :; do sleep 0.05; done' >/dev/null 2>&1 &"


@pytest.mark.parametrize("how", ["", "setsid", "setsid setsid -f", "nohup"])
def test_stop_ends_what_the_leader_leaves(rail, how):
    run = rail.sh(f"trap 'exit 0' TERM; {stubborn(rail.root, how)} while :; do sleep 0.05; done")
    run.started()
    child = int(line(rail.root / "child"))
    run.stop(grace_ms=GRACE)
    ended = run.ended()
    assert (ended.end, ended.code) == (EXITED, 0)
    assert not alive(child) and ended.killed >= 1


@pytest.mark.parametrize("how", ["", "setsid", "setsid setsid -f"])
def test_the_leaders_exit_ends_the_rest(rail, how):
    run = rail.sh(f"{stubborn(rail.root, how)} while [ ! -s {rail.root}/child ]; do sleep 0.01; done; exit 5",
                  end_grace_ms=GRACE)
    ended = run.ended()
    assert (ended.end, ended.code) == (EXITED, 5)
    assert ended.killed >= 1 and not alive(int(line(rail.root / "child")))


def test_the_rest_may_end_by_itself(rail):
    run = rail.sh(f"(trap 'echo bye; exit' TERM; echo up; while :; do sleep 0.02; done) & "
                  f"until grep -q up {rail.root}/*/log.0* 2>/dev/null; do sleep 0.01; done; exit 5", end_grace_ms=20_000)
    begin = time.monotonic()
    assert run.ended().code == 5
    assert time.monotonic() - begin < 10 and b"bye\n" in run.log()


def test_stopped_processes_are_ended(rail):
    run = rail.sh("echo up; kill -STOP $$; exit 9")
    started = run.started()
    wait_for(lambda: processes()[started.pid][1] == "T", "it is stopped")
    run.stop(grace_ms=20_000)
    ended = run.ended(5)
    assert (ended.end, ended.code) == (SIGNALED, 15)


def test_a_tree_of_sessions_is_ended(rail):
    deep = "sh -c 'sleep 1000 & setsid -f sleep 1000; setsid -f sh -c \"setsid -f sleep 1000; sleep 1000\"; echo up; sleep 1000'"
    run = rail.sh(f"for i in 1 2 3 4 5; do setsid -f {deep}; done; sleep 1000")
    run.started()
    wait_for(lambda: run.log().count(b"up") == 5, "all are there")
    run.stop(grace_ms=0)
    run.ended()
    assert not rail.left()


@pytest.mark.deadline(120)
def test_processes_that_fork_on_and_on_are_ended(rail):
    bomb = "import os,select\nwhile True:\n    if os.fork(): os._exit(0)\n    os.setsid(); select.select([], [], [], 0.002)"
    run = rail.run([sys.executable, "-I", "-S", "-c", f"import os,signal\nprint('up', flush=True)\nif os.fork() == 0:\n"
                    f"    exec({bomb!r})\nsignal.pause()"])
    run.started()
    run.stop(grace_ms=0)
    run.ended(60)
    assert not rail.left()


def test_signals_reach_leader_or_group(rail):
    run = rail.sh("trap 'echo leader' USR1; sh -c 'trap \"echo child\" USR1; echo up; while :; do sleep 0.02; done' & "
                  "while :; do sleep 0.02; done")
    run.started()
    wait_for(lambda: run.log() == b"up\n", "both are there")
    run.conn.send(pack(SIGNAL, "iI", signal.SIGUSR1, 0))
    wait_for(lambda: run.log() == b"up\nleader\n", "the leader has it")
    run.conn.send(pack(SIGNAL, "iI", signal.SIGUSR1, 1))
    wait_for(lambda: run.log().count(b"leader") == 2 and b"child" in run.log(), "both have it")


@pytest.mark.root("makes a program that becomes root")
def test_survivors_are_named_and_stopped_again(make_rail):
    user = 65534
    rail = make_rail(connect_now=False, user=user)
    tool = rail.root / "setpriv"
    shutil.copy("/usr/bin/setpriv", tool)
    tool.chmod(0o4755)
    rail.conn = rail.hello()
    run = Run(rail, ["sh", "-c", f"{tool} --reuid 0 --regid 0 --clear-groups sleep 1000 & echo up; wait"])
    subprocess.check_call(["chown", "-R", str(user), run.dir])
    run.spawn()
    run.started()
    wait_for(lambda: [p for p in descendants(rail.process.pid) if processes().get(p, ("", "", ""))[2] == "sleep"
                      and os.stat(f"/proc/{p}").st_uid == 0], "a process is another user's")
    run.stop(grace_ms=100)
    left = run.conn.until(SURVIVORS)
    assert left.count == 1 and [(uid, name) for _, uid, name in left.who] == [(0, "sleep")]
    assert run.attach().until(SURVIVORS).who == left.who
    run.stop(grace_ms=0)
    assert run.conn.until(SURVIVORS).who == left.who
    kill(left.who[0][0])
    assert run.ended().end in (EXITED, SIGNALED)


# --- linger ---

def test_lingering_helpers_are_left_alone_and_stopped_on_request(rail):
    run = rail.sh(f"echo one; (setsid sh -c 'echo $$ > {rail.root}/child; trap \"\" TERM; echo two; while :; do sleep 0.02; done' &) ; "
                  f"until [ -s {rail.root}/child ]; do sleep 0.01; done; exit 4", flags=LINGER)
    ended = run.ended()
    child = int(line(rail.root / "child"))
    assert ended.code == 4 and ended.lingering >= 1 and alive(child)
    assert run.exit()["lingering"] == ended.lingering and not (run.dir / "launch").exists()
    conn = run.attach()
    assert conn.until(STATE).phase == OVER and conn.until(ENDED).code == 4
    conn.send(pack(STOP, "iI", signal.SIGTERM, GRACE))
    assert conn.closed() and not alive(child)
    assert run.log() == b"one\ntwo\n"


def helper_and_child(rail):
    """A leader with a helper in a session of its own and a stubborn child in its group; both ignore TERM. Returns run, helper, child."""
    stubborn = "trap \"\" TERM; echo $$ > {root}/{name}; while :; do sleep 0.02; done"
    helper, child = (stubborn.format(root=rail.root, name=name) for name in ("helper", "child"))
    run = rail.sh(f"(setsid sh -c '{helper}' &); sh -c '{child}' & trap 'exit 6' TERM; "
                  f"until [ -s {rail.root}/helper ] && [ -s {rail.root}/child ]; do sleep 0.01; done; echo up; while :; do sleep 0.02; done",
                  flags=LINGER)
    wait_for(lambda: run.log() == b"up\n", "all are there")
    return run, int(line(rail.root / "helper")), int(line(rail.root / "child"))


def test_a_stop_ends_the_group_and_leaves_helpers_alone(rail):
    run, helper, child = helper_and_child(rail)
    run.stop(grace_ms=GRACE, linger=1)
    ended = run.ended()
    assert (ended.end, ended.code) == (EXITED, 6) and ended.lingering >= 1 and ended.killed >= 1
    assert alive(helper) and not alive(child)
    run.stop(linger=1)  # a stop of what has ended already: again nothing to do with helpers
    assert run.attach().until(STATE).phase == OVER and alive(helper)
    begin = time.monotonic()
    run.stop(grace_ms=GRACE)
    assert run.conn.closed() and not alive(helper)
    assert GRACE / 1000 <= time.monotonic() - begin, "it had its own grace"


def test_a_kill_leaves_helpers_alone(rail):
    run, helper, child = helper_and_child(rail)
    run.stop(signal.SIGKILL, 0, linger=1)
    ended = run.ended()
    assert (ended.end, ended.code) == (SIGNALED, 9) and ended.lingering >= 1
    assert alive(helper) and not alive(child)


def test_a_stop_may_mean_helpers_too(rail):
    run, helper, child = helper_and_child(rail)
    run.stop(grace_ms=GRACE)
    assert run.ended().lingering == 0
    assert not alive(helper) and not alive(child)


def test_a_lingering_pin_goes_on_logging_and_ends_with_its_helpers(rail):
    run = rail.sh(f"(setsid sh -c 'until [ -e {rail.root}/go ]; do sleep 0.01; done; echo late' &); echo early", flags=LINGER)
    assert run.ended().lingering >= 1
    (rail.root / "go").touch()
    assert run.conn.closed()
    assert run.log() == b"early\nlate\n"


def test_without_helpers_linger_is_an_ordinary_end(rail):
    run = rail.sh("echo x; exit 0", flags=LINGER)
    assert run.ended().lingering == 0 and run.conn.receive() is None


# --- log ---

def test_the_log_is_exact_in_both_streams(rail):
    gen = ("import sys,os,hashlib\nh=hashlib.sha256()\nfor i in range(int(sys.argv[2])):\n    b=(sys.argv[1]*(i%997)+'\\n').encode()\n"
           "    h.update(b); os.write(int(sys.argv[3]),b)\nopen(sys.argv[4],'w').write(h.hexdigest()+'\\n')")
    root = rail.root
    (root / "gen.py").write_text(gen)
    run = rail.sh(f"{sys.executable} {root}/gen.py o 20000 1 {root}/out & {sys.executable} {root}/gen.py e 20000 2 {root}/err & wait")
    ended = run.ended(60)
    assert hashlib.sha256(run.stream(1)).hexdigest() == line(root / "out")
    assert hashlib.sha256(run.stream(2)).hexdigest() == line(root / "err")
    at = 0
    for chunk in run.chunks():
        assert chunk[0] == at and chunk[3] == BYTES
        at += chunk[2]
    assert at == ended.log_size == len(run.log())
    times = [chunk[1] for chunk in run.chunks()]
    assert times == sorted(times)


def test_the_cap_drops_the_oldest_segments(rail):
    run = rail.sh("seq -f %099.0f 1 60000", log_max=1024 * 1024)
    ended = run.ended()
    assert ended.log_size == 60000 * 100
    segments = [(int(p.name.split(".")[1], 16), p.stat().st_size) for p in run.segments()]
    assert sum(size for _, size in segments) <= 1024 * 1024
    assert segments[0][0] > 0 and segments[-1][0] + segments[-1][1] == ended.log_size
    assert all(a + size == b for (a, size), (b, _) in zip(segments, segments[1:]))
    tail = b"".join(b"%099d\n" % i for i in range(1, 60001))[segments[0][0]:]
    assert run.log() == tail


def test_output_may_go_nowhere_or_be_captured(rail):
    run = rail.sh("echo out; echo err >&2; readlink /proc/self/fd/1", flags=NO_LOG)
    assert run.ended().log_size == 0 and run.segments() == []
    run = rail.sh("echo hush-secret; echo err >&2", flags=CAPTURE, secrets=["hush-secret"])
    run.ended()
    assert (run.dir / "stdout").read_bytes() == b"hush-secret\n" and (run.dir / "stdout").stat().st_mode & 0o777 == 0o600
    assert run.stream(1) == b"********\n" and run.stream(2) == b"err\n"
    run = rail.sh("head -c 300000 /dev/zero; echo err >&2", flags=CAPTURE | NO_LOG)
    assert run.ended().log_size == 0 and (run.dir / "stdout").stat().st_size == 300000


def test_secrets_are_masked_across_writes(rail):
    run = rail.sh("printf 'pass hunt'; sleep 0.03; printf 'er22 and tok'; sleep 0.03; printf 'en-1 end\\n'; printf hunt >&2; "
                  "printf 'er22' >&2", secrets=["hunter22", "token-1"])
    run.ended()
    assert run.stream(1) == b"pass ******** and ******** end\n"
    assert run.stream(2) == b"********"


def test_a_prefix_of_a_secret_is_held_for_a_tenth_of_a_second(rail):
    run = rail.sh("printf 'prompt hunt'; exec sleep 1000", secrets=["hunter22"])
    run.started()
    wait_for(lambda: run.log() == b"prompt ", "what is certain is written")
    begin = time.monotonic()
    wait_for(lambda: run.log() == b"prompt hunt", "the rest follows")
    assert time.monotonic() - begin < 2


@pytest.mark.root("mounts a small file system")
def test_a_full_disk_costs_bytes_and_nothing_else(rail):
    small = rail.root / "small"
    small.mkdir()
    subprocess.check_call(["mount", "-t", "tmpfs", "-o", "size=512k", "none", small])
    try:
        run = Run(rail, ["sh", "-c", f"seq -f %099.0f 1 10000; touch {rail.root}/written; until [ -e {rail.root}/go ]; do sleep 0.01; done; echo back; "
                         f"until [ -e {rail.root}/end ]; do sleep 0.01; done; seq -f %099.0f 1 10000; exit 6"],
                  dir=small / "run").spawn()
        run.started()
        wait_for(lambda: os.statvfs(small).f_bavail == 0, "the disk is full")
        log = run.segments()[0]
        wait_for((rail.root / "written").exists, "all is written")
        subprocess.check_call(["mount", "-o", "remount,size=1m", small])
        (rail.root / "go").touch()
        wait_for(lambda: log.read_bytes().endswith(b"back\n"), "writing works again")
        gaps = [(size, stream) for _, _, size, kind, stream in run.chunks() if kind == GAP]
        assert gaps and {stream for _, stream in gaps} == {1} and sum(size for size, _ in gaps) + len(run.log()) - 5 == 1_000_000
        assert sum(size for _, _, size, kind, _ in run.chunks() if kind == BYTES) == len(run.log())
        (rail.root / "end").touch()
        ended = run.ended()
        assert ended.code == 6 and run.exit()["code"] == 6 and ended.log_size == len(run.log())
        assert run.chunks()[-1][3] in (GAP, BYTES)
    finally:
        subprocess.check_call(["umount", "-l", small])


def test_growth_is_told_once_per_request(rail):
    os.mkfifo(rail.root / "fifo")
    run = rail.sh(f"while read x; do echo $x; done < {rail.root}/fifo")
    run.started()
    with open(rail.root / "fifo", "w") as fifo:
        def say(text):
            print(text, file=fifo, flush=True)
        run.conn.send(pack(WATCH_LOG, "IIQ", 1, 0, 0))
        say("one")
        assert run.conn.until(LOG).size == 4
        say("two")
        wait_for(lambda: run.log() == b"one\ntwo\n", "it is logged")
        assert run.conn.quiet()
        run.conn.send(pack(WATCH_LOG, "IIQ", 1, 0, 4))
        assert run.conn.until(LOG).size == 8
        run.conn.send(pack(WATCH_LOG, "IIQ", 1, 0, 8))
        run.conn.send(pack(WATCH_LOG, "IIQ", 0, 0, 0))
        say("three")
        wait_for(lambda: run.log().endswith(b"three\n"), "it is logged")
        assert run.conn.quiet()
    run.ended()


def test_somebody_elses_pipe_end_does_not_hold_up_the_end(rail):
    """A process outside the tree has the pipe: it was passed over a socket."""
    ours, theirs = socket.socketpair()
    os.set_inheritable(theirs.fileno(), True)
    path = str(rail.root / "sock")
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen()
    run = rail.run([sys.executable, "-c", "import socket,array\ns=socket.socket(socket.AF_UNIX)\n"
                    f"s.connect({path!r})\ns.sendmsg([b'x'],[(socket.SOL_SOCKET,socket.SCM_RIGHTS,array.array('i',[1]))])\nprint('said')"])
    conn, _ = listener.accept()
    _, fds, _, _ = socket.recv_fds(conn, 10, 1)
    begin = time.monotonic()
    assert run.ended().code == 0 and run.log() == b"said\n"
    assert time.monotonic() - begin < 5
    os.close(fds[0])


# --- connections ---

def test_a_pin_is_adopted(rail):
    run = rail.sh(f"echo one; until [ -e {rail.root}/go ]; do sleep 0.01; done; echo two; exit 8")
    started = run.started()
    run.conn.close()
    rail.conn.close()
    conn, other = run.attach(), run.attach()
    state = conn.until(STATE)
    assert (state.protocol, state.phase, state.pid, state.pin) == (1, RUNNING, started.pid, run.record()["pin"])
    assert (state.start_ticks, state.started_us) == (started.start_ticks, started.started_us)
    (rail.root / "go").touch()
    assert conn.until(ENDED).code == other.until(ENDED).code == 8
    assert run.log() == b"one\ntwo\n"


def test_a_peer_that_does_not_read_harms_nobody(rail):
    run = rail.sh("while :; do echo x; sleep 0.01; done")
    run.started()
    deaf = run.attach()
    deaf.sock.setblocking(False)
    with pytest.raises(BlockingIOError):
        while True:
            deaf.sock.send(pack(ATTACH))
    conn = run.attach()
    assert conn.until(STATE).phase == RUNNING
    size = conn.until(STATE).log_size if not conn.quiet() else 0
    wait_for(lambda: len(run.log()) > size + 10, "it still logs")
    conn.send(pack(STOP, "iI", signal.SIGKILL, 0))
    begin = time.monotonic()
    assert conn.until(ENDED).code == 9
    assert conn.closed() and time.monotonic() - begin < 5


def test_nonsense_is_ignored(rail):
    run = rail.sh("exec sleep 1000")
    run.started()
    for packet in (b"x", b"\0" * 8, os.urandom(64), struct.pack("=II", STOP, 8)[:4], struct.pack("=II", 4711, 8), b"\xff" * 16384):
        for conn in (run.conn, rail.conn):
            if packet[:1] != b"A":
                conn.send(packet)
    extra = os.open("/dev/null", os.O_RDONLY)
    for _ in range(50):
        run.conn.send(pack(4711), [extra])
    os.close(extra)
    run.conn.send(pack(ATTACH))
    state = run.conn.until(STATE)
    assert state.phase == RUNNING
    assert "/dev/null" not in [os.readlink(p) for p in pathlib.Path(f"/proc/{state.pin}/fd").iterdir() if int(p.name) > 2]


def test_more_peers_than_there_is_room_for_wait(rail):
    run = rail.sh("exec sleep 1000")
    run.started()
    conns = [run.attach() for _ in range(12)]
    for conn in conns[:7]:
        conn.until(STATE)
    assert conns[7].quiet()
    conns[0].close()
    conns[7].until(STATE)


@pytest.mark.root("connects as another user")
def test_other_users_are_hung_up_on(rail):
    run = rail.sh("exec sleep 1000")
    run.started()
    script = ("import socket,sys\ns=socket.socket(socket.AF_UNIX,socket.SOCK_SEQPACKET)\ns.connect('\\0'+sys.argv[1])\n"
              "s.settimeout(20)\nprint(s.recv(100))")
    for name in (rail.name, f"thole/0/{run.id}"):
        seen = subprocess.run([sys.executable, "-c", script, name], user=65534, capture_output=True, text=True)
        assert seen.stdout.strip() == "b''" or "ConnectionReset" in seen.stderr, seen
    assert alive(run.record()["pin"])


# --- who may be killed ---

def test_only_kill_ends_pin_and_rail(rail):
    run = rail.sh("exec sleep 1000")
    run.started()
    pin, = rail.children()
    for number in range(1, 32):
        if number not in (signal.SIGKILL, signal.SIGSTOP, signal.SIGSEGV, signal.SIGBUS, signal.SIGFPE, signal.SIGILL):
            kill(pin, number)
            kill(rail.process.pid, number)
    conn = run.attach()
    assert conn.until(STATE).phase == RUNNING
    rail.conn.send(pack(SWEEP, "Q", 1))
    rail.conn.until(SWEPT)


def test_a_killed_pins_orphans_are_ended(rail):
    run = rail.sh(f"{stubborn(rail.root, 'setsid setsid -f')} exec sleep 1000")
    other = rail.sh("exec sleep 1000")
    started = run.started()
    kept = other.started().pid
    child = int(line(rail.root / "child"))
    pin = run.record()["pin"]
    kill(pin)
    died = rail.conn.until(PIN_DIED)
    assert (died.pid, died.status, died.survivors, died.id) == (pin, signal.SIGKILL, 0, run.id)
    assert not alive(started.pid) and not alive(child) and alive(kept)
    assert run.conn.receive() is None and not (run.dir / "exit.json").exists()


def test_a_hundred_killed_pins_are_all_told(rail):
    runs = [rail.sh("exec sleep 1000") for _ in range(100)]
    pids = [run.started().pid for run in runs]
    for run in runs:
        kill(run.record()["pin"])
    assert {rail.conn.until(PIN_DIED).id for _ in runs} == {run.id for run in runs}
    assert not any(alive(pid) for pid in pids)


def test_a_sweep_is_answered(rail):
    rail.conn.send(pack(SWEEP, "Q", 99))
    swept = rail.conn.until(SWEPT)
    assert (swept.tag, swept.survivors) == (99, 0)


def test_pins_outlive_their_rail(rail):
    run = rail.sh(f"echo one; until [ -e {rail.root}/go ]; do sleep 0.01; done; echo two; exit 8")
    run.started()
    pin = run.record()["pin"]
    kill(rail.process.pid)
    rail.process.wait()
    next_rail = subprocess.Popen([pinlib.BUILD / "thole-pin", "rail", rail.name, "/bin/false"])
    rail.process = next_rail
    rail.conn = rail.hello()
    assert rail.welcome.pins == 0
    assert rail.sh("exit 0").ended().code == 0
    (rail.root / "go").touch()
    assert run.ended().code == 8 and run.log() == b"one\ntwo\n"
    wait_for(lambda: not alive(pin), "the pin ends")


def test_a_second_rail_gives_way(rail):
    process = subprocess.run([pinlib.BUILD / "thole-pin", "rail", rail.name, "/bin/false"])
    assert process.returncode == 3
    assert subprocess.run([pinlib.BUILD / "thole-pin"], stderr=subprocess.PIPE).returncode == 2


# --- the server ---

SERVER = """
import os, socket, struct, sys
name, ledger, how = sys.argv[1:4]
open(ledger, "a").write(f"{os.getpid()}\\n")
if how == "quit":
    sys.exit(0)
s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
s.connect("\\0" + name)
argv = [sys.executable, *sys.argv]
s.send(struct.pack("=IIIIi", 1, 20, 1, len(argv), os.getpid()) + b"".join(a.encode() + b"\\0" for a in argv))
s.recv(1000)
open(ledger, "a").write(f"hello {os.getpid()}\\n")
s.recv(1000)
"""


@pytest.fixture
def served(make_rail, tmp_path):
    """A rail whose server is a script; `hello` waits for the n-th hello and returns the pid."""
    (tmp_path / "server.py").write_text(SERVER)

    def make(how="stay"):
        rail = make_rail(connect_now=False)
        rail.server = [sys.executable, str(tmp_path / "server.py"), rail.name, str(tmp_path / "ledger"), how]
        rail.ledger = tmp_path / "ledger"
        rail.conn = rail.hello()
        return rail
    return make


def hello(rail, number):
    def pids():
        return [int(text.split()[1]) for text in rail.ledger.read_text().splitlines() if "hello" in text] \
            if rail.ledger.exists() else []
    wait_for(lambda: len(pids()) >= number, f"hello number {number}")
    return pids()[number - 1]


def test_a_server_that_dies_is_started_again(served):
    rail = served()
    run = rail.sh("exec sleep 1000")
    run.started()
    rail.conn.close()
    begin = time.monotonic()
    for number in (1, 2, 3):
        kill(hello(rail, number))
    pid = hello(rail, 4)
    assert time.monotonic() - begin >= 0.1 + 0.2
    assert len(rail.ledger.read_text().splitlines()) == 8  # never two at once, none in vain
    assert [processes()[pid][0], os.getsid(pid)] == [rail.process.pid, pid]
    assert alive(run.record()["pin"])


def test_a_server_that_gives_way_is_tried_with_ever_longer_pauses(served):
    rail = served("quit")
    rail.conn.close()
    begin = time.monotonic()
    wait_for(lambda: len(line(rail.ledger).split()) >= 5, "five attempts")
    assert time.monotonic() - begin >= 0.1 + 0.2 + 0.4 + 0.8
    conn = rail.hello()
    count = len(line(rail.ledger).split())
    conn.send(pack(SWEEP, "Q", 1))
    conn.until(SWEPT)
    assert len(line(rail.ledger).split()) - count <= 1


@pytest.mark.deadline(60)
def test_a_rail_without_pins_gives_up_on_a_server_that_never_lasts(served):
    rail = served("quit")
    rail.conn.close()
    assert rail.process.wait(40) == 0
    assert 6 <= len(line(rail.ledger).split()) <= 9


def test_after_bye_no_server_is_started_and_the_rail_ends_with_its_pins(served):
    rail = served()
    run = rail.sh(f"until [ -e {rail.root}/go ]; do sleep 0.01; done")
    run.started()
    rail.conn.send(pack(BYE))
    rail.conn.close()
    assert run.attach().until(STATE).phase == RUNNING
    assert rail.process.poll() is None
    (rail.root / "go").touch()
    run.ended()
    assert rail.process.wait(20) == 0 and not rail.ledger.exists()


def test_the_newest_server_is_told(served):
    rail = served()
    newer = rail.hello()
    run = Run(rail, ["sleep", "1000"]).spawn(conn=rail.conn)
    run.started()
    kill(run.record()["pin"])
    assert newer.until(PIN_DIED).id == run.id
    assert rail.conn.quiet()
    newer.close()  # the older one is still there: nobody is started
    run = rail.sh("exec sleep 1000")
    run.started()
    kill(run.record()["pin"])
    assert rail.conn.until(PIN_DIED).id == run.id
    assert not rail.ledger.exists()


# --- cheap ---

def switches(pid):
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return [int(text.split()[1]) for text in status.splitlines() if "ctxt_switches" in text]


def at_rest(pid):
    before = switches(pid)
    time.sleep(0.5)  # sleep: the absence of wake-ups can only be seen by waiting for them
    return switches(pid) == before


def test_idle_means_no_wakeups_and_little_memory(rail):
    run = rail.sh("head -c 1048576 /dev/zero | tr '\\0' x; echo; exec sleep 1000")
    run.started()
    pin, = rail.children()
    wait_for(lambda: len(run.log()) == 1048577, "a megabyte is logged")
    wait_for(lambda: at_rest(pin) if SANITIZED else private_dirty_kib(pin) <= 32, "its memory is given back", 10)
    before = [switches(pin), switches(rail.process.pid)]
    time.sleep(1.5)  # sleep: the absence of wake-ups can only be seen by waiting for them
    assert [switches(pin), switches(rail.process.pid)] == before
    assert SANITIZED or private_dirty_kib(pin) <= 32


@pytest.mark.root("makes a cgroup")
def test_a_run_gets_a_cgroup_leaf_where_there_is_one(rail):
    mount = next(text.split()[4] for text in open("/proc/self/mountinfo") if " - cgroup2 " in text)
    place = pathlib.Path(mount) / f"thole-test-{os.getpid()}"
    place.mkdir()
    try:
        run = rail.sh("exec sleep 1000", cgroup=place)
        pid = run.started().pid
        assert (place / run.id / "cgroup.procs").read_text().split() == [str(pid)]
        run.stop()
        run.ended()
        assert run.conn.receive() is None and not (place / run.id).exists()
    finally:
        place.rmdir()


# --- crashes and failures ---

def outcome(rail, run):
    """What a run left when its pin is gone. Nothing of it may be alive."""
    told = []
    for message in iter(run.conn.receive, None):
        told.append(message.type)
    wait_for(lambda: not [p for p in rail.children() if alive(p) and processes().get(p, (0, 0, ""))[2] == "thole-pin"], "the pin ends")
    rail.conn.send(pack(SWEEP, "Q", 5))
    rail.conn.until(SWEPT)
    started = run.dir / "ledger"
    return told, started.read_text().count("ran") if started.exists() else 0


@pytest.mark.parametrize("point", ["claim", "spawn", "record", "recorded", "exit", "exited", "reply"])
def test_a_crash_at_any_point_has_a_defined_end(make_rail, point):
    rail = make_rail(program="thole-pin-faults", env={"THOLE_FAULT_PROGRAM": "pin", "THOLE_CRASH": f"{point}:1"})
    for _ in range(10):
        run = Run(rail, ["sh", "-c", "echo ran >> ledger; exit 3"])
        (run.dir / "launch").write_bytes(launch_bytes(["sh", "-c", "echo ran >> ledger; exit 3"], id=run.id, cwd=str(run.dir),
                                                      title="t", cause="c", env=run.env))
        run.spawn()
        told, ran = outcome(rail, run)
        recorded = (run.dir / "exit.json").exists()
        assert (run.dir / "claim").exists() and ran <= 1 and ENDED not in told
        assert recorded == (point in ("exited", "reply"))
        assert STARTED not in told or point in ("recorded", "exit", "exited", "reply")
        if recorded:
            assert (run.exit()["code"], ran) == (3, 1)
        assert not rail.left()


def stopped(run):
    """Asks for a stop as a server does whose connections break: again and again, until nobody is there any more."""
    try:
        conn = run.attach()
        conn.send(pack(STOP, "iI", signal.SIGTERM, 100))
        conn.close()
    except OSError:
        pass
    return not alive(run.record()["pin"])


CALLS = ["openat", "read", "write", "writev", "renameat", "unlinkat", "pipe2", "mmap", "socket", "bind", "listen", "clone3",
         "dup2", "chdir", "execve", "kill", "waitid", "sendmsg", "recvmsg", "poll", "getdents64", "pidfd_open",
         "pidfd_send_signal", "accept4"]


@pytest.mark.deadline(300)
@pytest.mark.parametrize("call", CALLS)
def test_any_failing_call_leads_to_a_defined_end(make_rail, call):
    """The n-th call fails, for every n that there is (or 50: a look at /proc has as many as there are processes)."""
    for number in range(1, 51):
        fired = pathlib.Path(f"/tmp/thole-fired-{os.getpid()}")
        fired.unlink(missing_ok=True)
        rail = make_rail(program="thole-pin-faults", env={"THOLE_FAULT_PROGRAM": "pin", "THOLE_FAULT": f"{call}:{number}:ENOMEM",
                                                          "THOLE_FAULT_FILE": str(fired)})
        run = Run(rail, [])
        talks = call in ("accept4", "recvmsg", "kill")
        script = "echo ran >> ledger; echo hello; (trap '' TERM; sleep 1000) & echo err >&2; " + \
            ("trap 'exit 3' TERM; echo up; while :; do sleep 0.01; done" if talks else "exit 3")
        (run.dir / "launch").write_bytes(launch_bytes(["sh", "-c", script], id=run.id, cwd=str(run.dir), title="t", cause="c",
                                                      end_grace_ms=50, env=run.env))
        run.spawn()
        if talks:
            wait_for(lambda: b"up" in run.log(), "it runs")
            wait_for(lambda: stopped(run), "a stop is heard", 20)
        told, ran = outcome(rail, run)
        claimed, recorded = (run.dir / "claim").exists(), (run.dir / "exit.json").exists()
        assert ran <= 1
        if recorded:
            end = (run.exit()["end"], run.exit()["code"])
            assert end[0] == "failed" or (end, ran) == (("exited", 3), 1) or (call, end) == ("kill", ("signaled", 9))
        assert recorded or not claimed, "an exit was lost"
        assert ENDED in told or call in ("sendmsg", "recvmsg")
        assert not rail.left(), "something lives"
        rail.close()
        if not fired.exists():
            assert number > 1 or call in ("mkdirat",), "no call was made"
            return


@pytest.mark.parametrize("events, known", [("oom 1\noom_kill 1\n", True), ("oom 0\noom_kill 0\noom_group_kill 0\n", False)])
def test_the_memory_controller_knows_about_oom(rail, events, known):
    """A directory stands for the cgroup: what counts is what its memory.events says."""
    place = rail.root / "cgroup"
    place.mkdir()
    run = rail.sh(f"until [ -e {rail.root}/go ]; do sleep 0.01; done; kill -9 $$", cgroup=place)
    run.started()
    (place / run.id / "memory.events").write_text(events)
    (rail.root / "go").touch()
    run.ended()
    assert run.exit()["oom"] is known


def test_a_rail_killed_before_it_forks_starts_nothing(make_rail):
    rail = make_rail(program="thole-pin-faults", env={"THOLE_FAULT_PROGRAM": "rail", "THOLE_CRASH": "rail-spawn:1"})
    run = rail.run(["sh", "-c", "echo ran"])
    assert run.conn.receive() is None and rail.conn.receive() is None
    assert rail.process.wait(20) == -9
    assert sorted(p.name for p in run.dir.iterdir()) == ["launch"]


@pytest.mark.deadline(300)
@pytest.mark.parametrize("call", ["openat", "read", "socket", "bind", "listen", "mmap", "fork", "recvmsg", "sendmsg", "accept4",
                                  "poll", "getdents64", "pidfd_open", "pidfd_send_signal"])
def test_a_failing_call_does_not_stop_the_rail(make_rail, call):
    """It ends at its start with a code, or goes on: the server tries again what was refused, and gets it."""
    for number in range(1, 31):
        fired = pathlib.Path(f"/tmp/thole-fired-{os.getpid()}")
        fired.unlink(missing_ok=True)
        rail = make_rail(program="thole-pin-faults", connect_now=False,
                         env={"THOLE_FAULT_PROGRAM": "rail", "THOLE_FAULT": f"{call}:{number}:ENOMEM", "THOLE_FAULT_FILE": str(fired)})
        wait_for(lambda: rail.process.poll() is not None or listens(rail), "it listens or has ended")
        if rail.process.poll() is not None:
            assert rail.process.returncode == 1 and fired.exists()
            rail.close()
            continue
        orphan = serve_once(rail)
        wait_for(lambda: not alive(orphan), "the orphan is ended")
        done = not fired.exists()
        rail.close()
        if done:
            return
    assert call in ("openat", "read", "getdents64", "pidfd_open", "pidfd_send_signal")


def listens(rail):
    try:
        connect(rail.name).close()
    except OSError:
        return False
    return True


def serve_once(rail):
    """Gets a run done and a pin's orphan ended, with as many attempts as it takes a patient server."""
    def attempt():
        try:
            rail.conn = rail.hello()
            run = rail.sh("exit 3")
            assert run.ended(5).code == 3
            run = rail.sh(f"{stubborn(rail.root, 'setsid -f')} exec sleep 1000")
            run.started()
            child = int(line(rail.root / "child"))
            kill(run.record()["pin"])
            rail.conn.send(pack(SWEEP, "Q", 1))
            return child
        except (AssertionError, TimeoutError, OSError):
            assert rail.process.poll() is None
            return None
    found = []
    wait_for(lambda: found.append(attempt()) or found[-1], "the server is served")
    return found[-1]
