# SPDX-License-Identifier: Apache-2.0
"""Jobs that share a lock never run together, whoever is killed meanwhile."""

# Each job complains if somebody else is inside, and says that it began. The kernel ends its claim with its last process, however
# that dies.
JOB = "exec 9>inside; flock -n 9 || echo BROKEN >>$LEDGER; echo {name} >>$LEDGER; while ! test -e go; do sleep 0.01; done"


def jobs(thole, names, **more):
    services = {name: {"type": "job", "command": JOB.format(name=name), "locks": ["db"]} for name in names}
    thole.config({"version": 1, "services": {**services, **more}})


def running(thole):
    return [name for name, target in thole.targets().items() if target["state"].get("active")]


def test_one_at_a_time_in_order_of_their_wishes(thole):
    jobs(thole, "abc", free={"type": "job", "command": "echo free >>$LEDGER"})
    thole.run("up", "-d")
    thole.wait_ledger("free")
    thole.wait_target("a:update", "active")
    assert running(thole) == ["a:update"]
    waiting = thole.wait_target("b:update", "waiting", waitReason="waiting-for-lock")
    assert waiting["waitingOn"] == ["a:update"]
    assert thole.target("b:update")["message"] == "waiting for the lock db, which a holds"
    thole.file("go", "")
    thole.run("wait", "--timeout", "20s")
    assert [line for line in thole.ledger() if line != "free"] == ["a", "b", "c"]


def test_a_new_server_keeps_the_locks(thole):
    jobs(thole, "ab")
    thole.run("up", "-d")
    first = thole.wait_target("a:update", "active")
    for _ in range(3):
        thole.replace_server()
        assert thole.wait_target("a:update", "active")["pid"] == first["pid"]
        thole.wait_target("b:update", "waiting", waitReason="waiting-for-lock")
    thole.file("go", "")
    thole.run("wait", "--timeout", "20s")
    assert thole.ledger() == ["a", "b"]


def test_a_job_that_is_stopped_or_killed_lets_go(thole):
    jobs(thole, "abcd")
    thole.run("up", "-d")
    thole.wait_ledger("a")
    thole.run("stop", "b")  # it only waited
    thole.run("stop", "a")
    thole.wait_ledger("c")
    thole.kill(thole.wait_target("c:update", "active")["pid"])
    thole.wait_target("d:update", "active")
    thole.file("go", "")
    thole.run("wait", "d", "--timeout", "20s")
    assert thole.ledger() == ["a", "c", "d"]


def test_several_locks_and_few_slots(thole):
    """Everybody shares with somebody, and two slots for all: all are done in the end."""
    names = [f"j{n}" for n in range(12)]
    services = {name: {"type": "job", "command": " ; ".join(
        [f"mkdir lock-{lock} || echo BROKEN >>$LEDGER" for lock in {n % 3, n % 4 + 10}] + ["sleep 0.01"]
        + [f"rmdir lock-{lock}" for lock in {n % 3, n % 4 + 10}] + [f"echo {name} >>$LEDGER"]),
        "locks": [f"l{n % 3}", f"m{n % 4}"]} for n, name in enumerate(names)}
    thole.config({"version": 1, "parallelism": 2, "services": services})
    thole.run("ci", timeout=30)
    assert sorted(thole.ledger()) == sorted(names)


def test_builds_hold_locks_and_servers_do_not(thole):
    thole.config("""
        version: 1
        services:
          api: {build: "echo api >>$LEDGER; while ! test -e go; do sleep 0.01; done", command: exec sleep 1000, locks: [disk]}
          web: {build: "echo web >>$LEDGER", command: exec sleep 1000, locks: [disk]}
        """)
    thole.run("up", "-d")
    thole.wait_ledger("api")
    thole.wait_target("web:update", "waiting", waitReason="waiting-for-lock")
    thole.file("go", "")
    thole.wait_target("api:serve", "active")
    thole.wait_target("web:serve", "active")
