# SPDX-License-Identifier: Apache-2.0
"""Procfiles run as they are: ports, `.env`, overmind's switches, and the end of one that ends all."""

import os
import signal


def test_a_procfile_runs_as_it_is(thole):
    thole.file(".env", "WHO=dotenv\n")
    thole.file("Procfile", "# two of them\nweb: echo web $PORT $PS $WHO >> $LEDGER; exec sleep 1000\n"
                           "Worker-1: echo worker $PORT $OVERMIND_PROCESS_web_PORT >> $LEDGER; exec sleep 1000\n")
    thole.run("up", "-d", "--wait", env={"WHO": "the environment"})
    thole.wait_ledger("web 5000 web.1 dotenv")
    thole.wait_ledger("worker 5100 5000")
    assert sorted(thole.targets()) == ["tiltfile:update", "web:serve", "worker-1:serve"]
    os.kill(thole.server_pid(), signal.SIGKILL)
    assert thole.target("web:serve")["state"]["active"]
    thole.run("down")
    assert not thole.pins() and len(thole.ledger()) == 2


def test_one_that_ends_ends_all_unless_it_may(thole):
    thole.file("Procfile", "web: echo web >> $LEDGER; exec sleep 1000\n"
                           "css: echo css >> $LEDGER; while [ ! -e css ]; do sleep 0.01; done\n"
                           "main: while [ ! -e main ]; do sleep 0.01; done; exit 5\n")
    up = thole.popen("up", env={"OVERMIND_CAN_DIE": "css"})
    thole.wait_ledger("web"), thole.wait_ledger("css")
    thole.wait_target("main:serve", "active")
    thole.file("css", "")
    thole.wait_target("css:serve", "terminated")
    assert thole.target("web:serve")["state"]["active"]
    thole.file("main", "")
    assert up.wait() == 1 and "exit code 5" in up.err
    assert not thole.pins()


def test_the_file_that_overmind_names(thole):
    thole.file("Procfile", "web: echo production >> $LEDGER; exec sleep 1000\n")
    thole.file("Procfile.dev", "web: echo development >> $LEDGER; exec sleep 1000\n")
    thole.run("--file", "Procfile.dev", "up", "-d", "--wait")
    thole.wait_ledger("development")
    thole.run("--file", "Procfile.dev", "down", "--purge")
    thole.run("up", "-d", "--wait")  # as foreman and overmind: Procfile.dev is read when it is named
    thole.wait_ledger("production")
    thole.run("down", "--purge")
    thole.file(".overmind.env", "OVERMIND_PROCFILE=./Procfile.dev\nOVERMIND_AUTO_RESTART=web\n")
    thole.run("up", "-d", "--wait")
    thole.wait_ledger("development", times=2)
    pid = thole.target("web:serve")["state"]["active"]["pid"]
    os.kill(pid, signal.SIGKILL)
    thole.wait_ledger("development", times=3)


def test_formation_and_signals(thole):
    thole.file("Procfile", "web: trap 'echo quit >> $LEDGER; exit' QUIT; echo $PS $PORT >> $LEDGER; while :; do sleep 0.01; done\n")
    thole.run("up", "-d", "--wait", env={"OVERMIND_FORMATION": "web=2", "PORT": "7000", "OVERMIND_STOP_SIGNALS": "web=QUIT"})
    thole.wait_ledger("web.1 7000"), thole.wait_ledger("web.2 7010")
    thole.run("stop", "web")
    thole.wait_ledger("quit", times=2)
