# SPDX-License-Identifier: Apache-2.0
"""What ci leaves for continuous integration: JUnit, GitHub Actions, the summary, the last words of the culprit."""

import os
import re
import signal
import xml.etree.ElementTree as ElementTree

import driver

SHOP = """
    version: 1
    services:
      db: {command: 'sleep 0.2; touch up; exec sleep 1000', ready: {exec: test -e up}}
      lint: {type: job, command: echo fine}
      test: {type: job, command: 'seq 1 30; echo ::error::forged; exit 3', depends_on: [db]}
      deploy: {type: job, command: 'true', depends_on: [test]}
    """
GOOD = SHOP.replace("exit 3", "exit 0")
SECONDS = re.compile(r"\d+\.\d{3}$")


def check_schema(root):
    """What the schema of Jenkins and its kin asks for: elements, their order, their attributes and their types."""
    assert root.tag == "testsuites" and set(root.attrib) == {"tests", "failures", "errors", "time"}
    suites = list(root)
    assert [suite.tag for suite in suites] == ["testsuite"]
    for suite in suites:
        assert {"name", "tests", "failures", "errors", "skipped", "time"} <= set(suite.attrib) <= {
            "name", "tests", "failures", "errors", "skipped", "time", "timestamp"}
        if "timestamp" in suite.attrib:
            assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", suite.attrib["timestamp"])
        assert all(case.tag == "testcase" for case in suite)
        for case in suite:
            assert set(case.attrib) == {"classname", "name", "time"} and SECONDS.match(case.attrib["time"])
            tags = [child.tag for child in case]
            assert tags == [tag for tag in ("skipped", "error", "failure", "system-out") if tag in tags] and len(set(tags)) == len(tags)
            for child in case:
                assert child.tag == "system-out" or child.attrib["message"]
                assert set(child.attrib) <= {"message", "type"}
        for name, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
            assert int(suite.attrib[name]) == len(suite.findall(f"testcase/{tag}"))
        assert int(suite.attrib["tests"]) == len(suite) and SECONDS.match(suite.attrib["time"])


def report(thole, name="report.xml"):
    root = ElementTree.parse(thole.project / name).getroot()
    check_schema(root)
    return root.find("testsuite")


def cases(thole, name="report.xml"):
    return {case.attrib["name"]: case for case in report(thole, name)}


def problem(thole):
    return cases(thole)["thole ci"].find("error").attrib["message"]


# ---- JUnit

def test_a_failure(thole):
    thole.config(SHOP)
    said = thole.run("ci", "--junit", "report.xml", code=1)
    suite, found = report(thole), cases(thole)
    assert suite.attrib["name"].startswith("shop-") and float(suite.attrib["time"]) > 0.2
    assert set(found) == {"db:serve", "lint:update", "test:update", "deploy:update"}
    assert found["test:update"].attrib["classname"] == "shop"
    failure = found["test:update"].find("failure")
    assert failure.attrib == {"message": "exit code 3", "type": "ExitCode"}
    lines = failure.text.splitlines()
    assert lines[0] == "test:update: exit code 3" and "30" in lines and "5" not in lines
    assert lines[-1] == "thole logs test:update --run 1 shows the rest"
    assert found["test:update"].find("system-out").text.splitlines()[0] == "1"
    assert found["deploy:update"].find("skipped").attrib["message"] == "never started: waiting for test, which failed: exit code 3"
    assert found["lint:update"].find("system-out").text == "fine\n" and len(found["lint:update"]) == 1
    assert 0.2 <= float(found["db:serve"].attrib["time"]) < 20 and len(found["db:serve"]) == 0
    assert "the last lines of test:update (run 1):\n    test:update | 22\n" in said.err
    assert "`thole logs test:update --run 1` shows the rest" in said.err


def test_success(thole):
    thole.config(GOOD)
    thole.run("ci", "--junit", "report.xml")
    assert {name: [child.tag for child in case if child.tag != "system-out"] for name, case in cases(thole).items()} == {
        "db:serve": [], "lint:update": [], "test:update": [], "deploy:update": []}


def test_a_timeout(thole):
    thole.config("version: 1\nservices: {slow: {command: exec sleep 1000, ready: {exec: 'false'}}, job: {type: job, command: sleep 1000}}\n")
    thole.run("ci", "--junit", "report.xml", "--timeout", "400ms", code=4)
    found = cases(thole)
    assert found["slow:serve"].find("failure").attrib == {"message": "was not ready", "type": "Timeout"}
    assert found["job:update"].find("failure").attrib == {"message": "was stopped before its end", "type": "Timeout"}
    said = thole.run("--session", "b", "ci", "--junit", "report.xml", "--readiness-timeout", "400ms", code=4, env={"GITHUB_ACTIONS": "true"})
    assert cases(thole)["slow:serve"].find("failure") is not None
    assert "title=slow%3Aserve::slow:serve: was not ready" in said.out


def test_an_interrupt(thole):
    thole.config("version: 1\nservices: {job: {type: job, command: 'echo begun; sleep 1000'}}\n")
    ci = thole.popen("ci", "--junit", "report.xml")
    ci.wait_for("begun")
    assert problem(thole) == "thole ci did not come to its end"
    ci.signal(signal.SIGINT)
    assert ci.wait() == 130
    assert problem(thole) == "interrupted"
    assert cases(thole)["job:update"].find("skipped").attrib["message"] == "was stopped before its end"
    assert cases(thole)["job:update"].find("system-out").text == "begun\n"


def test_a_client_that_is_killed_leaves_no_report_of_another_run(thole):
    thole.config("version: 1\nservices: {job: {type: job, command: 'echo begun; sleep 1000'}}\n")
    thole.file("report.xml", "<testsuites/>")
    ci = thole.popen("ci", "--junit", "report.xml")
    ci.wait_for("begun")
    ci.signal(signal.SIGKILL)
    ci.wait()
    assert problem(thole) == "thole ci did not come to its end"


def test_a_server_that_is_killed_changes_nothing(thole):
    thole.config("version: 1\nservices: {job: {type: job, command: 'echo begun; read x < gate; echo over; exit 9'}, aside: {type: job, command: 'true'}}\n")
    os.mkfifo(thole.project / "gate")
    ci = thole.popen("ci", "--junit", "report.xml", "--summary")
    ci.wait_for("begun")
    thole.kill(thole.server_pid())
    driver.wait_until(lambda: thole.server_pid())
    with open(thole.project / "gate", "w") as gate:
        gate.write("go\n")
    assert ci.wait() == 1
    found = cases(thole)
    assert found["job:update"].find("failure").attrib["message"] == "exit code 9"
    assert found["job:update"].find("system-out").text == "begun\nover\n" and len(found["aside:update"]) == 0


def test_what_never_begins(thole):
    thole.config("version: 1\nservices: {job: {type: job, comand: 'true'}}\n")
    thole.run("ci", "--junit", "report.xml", code=2)
    assert "comand" in problem(thole) or "not valid" in problem(thole) or "problem" in problem(thole)
    thole.config(GOOD)
    assert "no/dir/report.xml" in thole.run("ci", "--junit", "no/dir/report.xml", code=2).err
    assert "it is no regular file" in thole.run("ci", "--junit", ".", code=2).err
    assert "name a file" in thole.run("ci", "--junit", "-", code=2).err and not (thole.project / "-").exists()
    assert "leave -d away" in thole.run("ci", "-d", "--junit", "report.xml", code=2).err
    assert "leave -d away" in thole.run("ci", "-d", "--summary", code=2).err
    assert not thole.pins()


def test_what_fails_before_its_program_runs_is_named(thole):
    thole.config("""
        version: 1
        services:
          hk: {type: job, command: 'true', hooks: {before: exit 9}}
          nf: {type: job, command: [no-such-program]}
        """)
    for name, why in ("hk", "hook before failed: exit code 9"), ("nf", "command not found: no-such-program"):
        thole.run("ci", name, "--junit", "report.xml", code=1)
        found = cases(thole)
        assert set(found) == {f"{name}:update"} and why in found[f"{name}:update"].find("failure").attrib["message"]
        assert f"{name}:update" in thole.run("timeline").out


def test_where_nothing_was_written_nothing_is_quoted(thole):
    thole.config("version: 1\nservices: {slow: {command: exec sleep 1000, ready: {exec: 'false'}}}\n")
    said = thole.run("ci", "--junit", "report.xml", "--timeout", "400ms", code=4).err
    assert "the last lines" not in said and "shows the rest" not in said
    assert cases(thole)["slow:serve"].find("failure").text == "slow:serve: was not ready\n"


def test_any_output_is_valid_xml_and_bounded(thole):
    thole.config(r"""
        version: 1
        services:
          bytes: {type: job, command: "printf '\\033[31mred\\033[0m <&>\"\\000\\a caf\\351 \\357\\277\\276 ]]> \\303\\251\\n'; exit 1"}
          flood: {type: job, command: "seq 1 300; head -c 300000 /dev/zero | tr '\\0' x"}
          crlf: {type: job, command: "printf 'a\\r\\nb\\r\\n'"}
        """)
    thole.run("ci", "--junit", "report.xml", code=1)
    found = cases(thole)
    text = found["bytes:update"].find("system-out").text
    assert text == "\\x1b[31mred\\x1b[0m <&>\"\\x00\\x07 caf\ufffd \ufffd ]]> \u00e9\n"
    assert (thole.project / "report.xml").stat().st_size < 300_000


# ---- GitHub Actions

def actions(thole, *args, code):
    env = {"GITHUB_ACTIONS": "true", "GITHUB_WORKSPACE": str(thole.project.parent), "GITHUB_STEP_SUMMARY": str(thole.base / "step.md")}
    return thole.run("ci", *args, code=code, env=env)


def outside(lines):
    """The lines in which the runner looks for commands."""
    token, seen = None, []
    for line in lines:
        if token:
            if line == f"::{token}::":
                token = None
            continue
        stop = re.fullmatch(r"::stop-commands::([0-9a-f-]{36})", line)
        if stop:
            token = stop[1]
        else:
            seen.append(line)
    assert token is None
    return seen


def test_github(thole):
    thole.config(SHOP)
    said = actions(thole, code=1)
    commands = [line for line in outside(said.lines) if line.startswith("::")]
    line = (thole.project / "thole.yaml").read_text().splitlines().index(next(l for l in SHOP.splitlines() if "test:" in l).replace("    ", "", 1)) + 1
    assert commands[0].startswith("::group::thole ci: shop-") and commands[1] == "::endgroup::"
    assert commands[2:] == [f"::error file={thole.project.name}/thole.yaml,line={line},title=test%3Aupdate::test:update: exit code 3"]
    assert not [l for l in outside(said.lines) if "forged" in l] and len([l for l in said.lines if "forged" in l]) == 2
    summary = (thole.base / "step.md").read_text()
    assert summary.startswith("### shop: failed after ") and "| ❌ | test:update | failed |" in summary
    assert "| ✅ | db:serve | ready |" in summary and "the critical path:\n  db:serve" in summary
    actions(thole, code=1)
    assert (thole.base / "step.md").read_text().count("### shop") == 2


def test_github_success_and_what_never_begins(thole):
    thole.config(GOOD)
    said = actions(thole, code=0)
    assert not [line for line in outside(said.lines) if line.startswith("::error")]
    assert "### shop: everything succeeded after" in (thole.base / "step.md").read_text()
    thole.config("version: 1\nservices: {}\nnonsense: 1\n")
    assert any(line.startswith("::error::") for line in actions(thole, code=2).lines)


def test_elsewhere_there_are_no_workflow_commands(thole):
    thole.config(SHOP)
    said = thole.run("ci", code=1, env={"GITHUB_ACTIONS": "false", "GITHUB_STEP_SUMMARY": str(thole.base / "step.md")})
    assert not [line for line in said.lines if line.startswith("::")] and not (thole.base / "step.md").exists()


# ---- the summary

def test_the_summary(thole):
    thole.config(SHOP)
    said = thole.run("ci", "--summary", code=1)
    rows = dict(re.findall(r"^  (\S+?)\s*\*?\s+(done|ready|failed|waiting) ", said.err, re.M))
    assert rows == {"db:serve": "ready", "lint:update": "done", "test:update": "failed", "deploy:update": "waiting"}
    assert re.search(r"failed after .*; the critical path:\n  db:serve +\S+\n  test:update +\S+\n", said.err)
    assert re.search(r"^  db:serve +\* +ready +\d+ms$", said.err, re.M)
    assert "\033" not in said.err
    thole.config(GOOD)
    assert "everything was ready or done after" in thole.run("ci", "--summary").err


def test_a_terminated_ci_stops_what_it_began(thole):
    """Runners send TERM; the next try must not find the former one in its way."""
    thole.config("version: 1\nservices: {a: {command: exec sleep 1000}, b: {command: exec sleep 1000, ready: {exec: 'false'}}}\n")
    ci = thole.popen("ci")
    thole.wait_target("a:serve", "active")
    ci.signal(signal.SIGTERM)
    assert ci.wait() == 143
    assert not thole.pins()


def test_ci_of_what_carries_a_label(thole):
    thole.config("""
        version: 1
        services:
          a: {type: job, command: echo one, labels: [fast]}
          b: {type: job, command: exit 3}
        """)
    assert "b:update" not in thole.run("ci", "-l", "fast").out
