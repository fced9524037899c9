# SPDX-License-Identifier: Apache-2.0
"""The machine went down: everything is dead, the boot id is another, and what was not recorded is unknown."""

import json
import os
import signal

import driver

SAY = 'echo "$THOLE_TARGET" >>"$LEDGER"; '


def cut_power(thole):
    """Kills all there is at once, and makes the records look as if they were of another boot."""
    for client in thole.live:  # first: who waits for an answer puts another server in the place of one that died
        client.close()
    for pid in [*thole.named("thole-rail"), *thole.processes()]:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
    driver.wait_until(lambda: not thole.processes(), 10, "everything to be dead")
    for path in [*thole.state.glob("sessions/*/runs/*/*/run.json"), *thole.state.glob("environments/*/*/runs/*/*/run.json")]:
        record = json.loads(path.read_text())
        path.write_text(json.dumps({**record, "boot_id": "00000000-0000-0000-0000-000000000000"}))


def test_jobs_whose_record_is_lost_run_again_and_finished_ones_do_not(thole):
    thole.config({"version": 1, "services": {
        "migrate": {"type": "job", "command": SAY + "true"},
        "build": {"type": "job", "command": SAY + "exec sleep 1000", "depends_on": ["migrate"]},
        "api": {"command": SAY + "exec sleep 1000", "restart": {"delay": "10ms"}}}})
    thole.run("up", "-d")
    for name in ("migrate:update", "build:update", "api:serve"):
        thole.wait_ledger(name)
    thole.wait_target("migrate:update", "terminated")
    thole.wait_target("build:update", "active")
    thole.wait_target("api:serve", "active")
    cut_power(thole)
    thole.run("ps")
    thole.wait_ledger("build:update", times=2)
    thole.wait_ledger("api:serve", times=2)
    thole.wait_target("build:update", "active")
    assert thole.ledger().count("migrate:update") == 1
