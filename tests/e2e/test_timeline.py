# SPDX-License-Identifier: Apache-2.0
"""timeline: what ran when, as text for any width, as JSON, as a picture."""

import re
import xml.etree.ElementTree as ElementTree

import pytest

SHOP = """
    version: 1
    services:
      db: {command: 'sleep 0.2; touch up; exec sleep 1000', ready: {exec: test -e up}}
      migrate: {type: job, command: sleep 0.2, depends_on: [db]}
      api: {command: exec sleep 1000, depends_on: [migrate]}
      aside: {type: job, command: 'true'}
      late: {type: job, command: sleep 0.1, auto: false}
    """


@pytest.fixture
def shop(thole):
    thole.config(SHOP)
    thole.run("up", "-d", "--wait")
    return thole


def path_of(thole):
    return [step["target"] for step in thole.run("timeline", "-o", "json").json()["criticalPath"]]


def test_the_critical_path(shop):
    assert path_of(shop) == ["db:serve", "migrate:update", "api:serve"]
    timeline = shop.run("timeline", "-o", "json").json()
    steps = timeline["criticalPath"]
    assert [a["to"] for a in steps[:-1]] == [b["from"] for b in steps[1:]] and steps[-1]["to"] == timeline["settled"]
    assert not timeline["failed"] and steps[0]["ms"] >= 200 and steps[1]["ms"] >= 200
    rows = {row["target"]: row for row in timeline["targets"]}
    assert rows["migrate:update"]["critical"] and not rows["aside:update"]["critical"]
    assert [span["kind"] for span in rows["migrate:update"]["spans"]] == ["wait", "run"]
    assert [span["kind"] for span in rows["db:serve"]["spans"]] == ["start", "ready"]
    assert rows["db:serve"]["spans"][-1]["open"]
    shop.run("start", "late")
    shop.run("wait", "late")
    assert path_of(shop) == ["db:serve", "migrate:update", "api:serve"]


def test_text_fits_the_terminal(shop):
    for width in (20, 40, 80, 200):
        lines = shop.run("timeline", env={"COLUMNS": str(width)}).lines
        rows = [line for line in lines if re.match(r"\S*(serve|update|…)", line)]
        assert len(rows) == 4 and all(len(row) <= width for row in rows), lines
        assert not any("\033" in line for line in lines)
    text = shop.run("timeline").out
    assert "everything was ready or done after" in text and "the critical path:\n  db:serve" in text
    assert re.search(r"^migrate:update \* ·+█+ +done in \d", text, re.M)
    shown = shop.popen("timeline", tty=True)
    assert shown.wait() == 0 and "\033[32m█" in shown.out
    plain = shop.popen("timeline", tty=True, env={"NO_COLOR": "1"})
    assert plain.wait() == 0 and "\033[" not in plain.out


def test_a_picture(shop):
    said = shop.run("timeline", "--svg", "up.svg")
    assert said.out == "" and "wrote up.svg" in said.err
    svg = (shop.project / "up.svg").read_text()
    root = ElementTree.fromstring(svg)
    names = {"".join(text.itertext()) for text in root.iter("{http://www.w3.org/2000/svg}text")}
    assert {"db:serve", "migrate:update", "api:serve", "aside:update", "critical path"} <= names
    assert "<script" not in svg and "href" not in svg and "prefers-color-scheme: dark" in svg
    assert shop.run("timeline", "--svg", "-").out.startswith("<svg ")
    assert "no/such" in shop.run("timeline", "--svg", "no/such/up.svg", code=None).err
    assert "leave -o away" in shop.run("timeline", "--svg", "up.svg", "-o", "json", code=2).err


def test_of_a_session_that_is_down_and_over_a_crash(shop):
    shop.kill(shop.server_pid())
    assert path_of(shop) == ["db:serve", "migrate:update", "api:serve"]
    shop.run("down")
    assert path_of(shop) == ["db:serve", "migrate:update", "api:serve"]
    assert "ready after" in shop.run("timeline").out
    rows = shop.run("timeline", "-o", "json").json()["targets"]
    assert not any(span.get("open") for row in rows for span in row["spans"])


def test_parts_and_wrong_words(shop):
    assert shop.run("timeline", "--since", "2999-01-01").lines
    assert "--since" in shop.run("timeline", "--since", "soon", code=2).err
    shop.run("timeline", "api", code=2)
    shop.run("timeline", "-o", "yaml", code=2)


def test_a_failure_is_the_end_of_the_path(thole):
    thole.config("""
        version: 1
        services:
          build: {type: job, command: sleep 0.1}
          test: {type: job, command: 'sleep 0.1; exit 1', depends_on: [build]}
          deploy: {type: job, command: 'true', depends_on: [test]}
        """)
    thole.run("ci", code=1)
    timeline = thole.run("timeline", "-o", "json").json()
    assert timeline["failed"] and [step["target"] for step in timeline["criticalPath"]] == ["build:update", "test:update"]
    assert "failed after" in thole.run("timeline").out and "✗" in thole.run("timeline").out
