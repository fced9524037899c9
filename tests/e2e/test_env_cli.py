# SPDX-License-Identifier: Apache-2.0
"""Environments as a person sees them: `thole env`."""

import json
import os
import pwd
import re
import signal
import termios

import pytest

from driver import wait_until
from git_repository import Repository

SEED = """
echo "copying tables" >&2
echo "DATABASE_URL=postgres://localhost/$THOLE_ENV_NAME"
echo "seed $THOLE_ENV_NAME" >>"$LEDGER"
"""


def config(seed=SEED, **more):
    return {"version": 1, "name": "shop",
            "provisioner": {"services": {"db": {"outputs": ["DATABASE_URL"], "seed": seed, "reset": seed, "init": "echo init >&2",
                                                "destroy": "echo destroy >>\"$LEDGER\""}}},
            "services": {"web": {"command": "exec sleep 1000", "port": "auto",
                                 "env": {"DATABASE_URL": "{{provisioner.db.DATABASE_URL}}", "TITLE": "a shop"}}}, **more}


@pytest.fixture
def shop(thole):
    """A project in a repository of its own; whatever a test leaves of it is deleted."""
    thole.config(config())
    Repository.of(thole).ignore(".env.local", ".thole.json", ".thole/")
    yield thole
    for item in thole.api("/apis/thole.dev/v1alpha1/environments")[1]["items"]:
        thole.run("env", "delete", item["spec"]["name"], "--force", code=None)


def create(thole, name="feat-x", *words, **options):
    return thole.run("env", "create", name, *words, **options)


def tree_of(thole, name="feat-x"):
    return thole.run("env", "show", name, "--json").json()["environment"]["spec"]["path"]


def steps_told(err, title="create feat-x"):
    """[(step, sign)] of plain lines."""
    return re.findall(rf"^{title}: (\S+) ([✓○✗])", err, re.M)


# ---- create, told

def test_create_tells_each_step_and_at_the_end_where_it_is(shop):
    result = create(shop)
    told = steps_told(result.err)
    assert [name for name, sign in told] == ["create_compute", "allocate_ports", "seed_db", "build_manifest", "write_manifest",
                                             "generate_env", "start_services"]
    assert {sign for name, sign in told} == {"✓"}
    lines = result.err.splitlines()
    assert lines.index("seed_db | copying tables") < lines.index(next(line for line in lines if "seed_db ✓" in line))
    assert "postgres://" not in result.err + result.out and "DATABASE_URL=********" in result.err
    path = re.search(r"^cd (\S+)$", result.out, re.M).group(1)
    assert re.search(r"^feat-x +running$", result.out, re.M)
    assert re.search(r"^web +61\d\d\d|^web +6[2-4]\d\d\d", result.out, re.M) and "http://localhost:6" in result.out
    assert path == tree_of(shop) and os.path.exists(f"{path}/.env.local")


def test_what_is_done_is_skipped_the_next_time(shop):
    create(shop)
    told = dict(steps_told(create(shop).err))
    assert told["seed_db"] == told["allocate_ports"] == "○"
    assert shop.ledger().count("seed feat-x") == 1
    assert dict(steps_told(create(shop, "feat-x", "--from", "seed_db").err))["seed_db"] == "✓"
    assert shop.ledger().count("seed feat-x") == 2
    told = dict(steps_told(create(shop, "feat-x", "--from", "generate_env", "--no-cache").err))
    assert told["seed_db"] == "✓", "all of them, wherever it is to begin"


def test_a_dry_run_does_nothing(shop):
    result = create(shop, "feat-x", "--dry-run")
    assert re.search(r"^  seed_db +run", result.out, re.M) and not shop.ledger()
    assert shop.run("env", "list", "--json").json() == []
    create(shop)
    plan = {step["name"]: step["verdict"] for step in create(shop, "feat-x", "--dry-run", "--json").json()}
    assert plan["seed_db"] == "skip" and plan["write_manifest"] in ("verify", "skip")


def test_json_is_each_event_as_it_came_with_what_hooks_write_between_them(shop):
    result = create(shop, "feat-x", "--json")
    told = [json.loads(line) for line in result.lines]
    events = [event for event in told if event["status"] != "output"]
    of_seed = [event for event in told if event.get("step") == "seed_db"]
    assert [event["status"] for event in of_seed] == ["started", "streaming", "output", "output", "completed"]
    assert {(line["run"], line["stream"], line["line"]) for line in of_seed[2:4]} == {(1, "err", "copying tables"), (1, "out", "DATABASE_URL=********")}
    assert all(event["time"] for event in told) and not any("seq" in event for event in told if event["status"] == "output")
    assert [event["seq"] for event in events] == sorted({event["seq"] for event in events}) and result.err == ""
    assert events[-1]["status"] == "done" and "step" not in events[-1]
    assert {"started", "streaming", "completed"} == {event["status"] for event in events if event.get("step") == "seed_db"}
    ended = next(event for event in events if event.get("step") == "seed_db" and event["status"] == "completed")
    assert ended["durationMs"] >= 0 and ended["phase"] == "provision"


def test_a_terminal_shows_a_tree_whose_finished_steps_stay(shop):
    shop.config(config(seed="echo 'copying table 7' >&2; until test -e go; do sleep 0.02; done" + SEED))
    live = shop.popen("env", "create", "feat-x", tty=(30, 80))
    live.wait_for(r"▶(?s:.*) seed_db(?s:.*)copying table 7(?s:.*)build_manifest(?s:.*)run")
    (shop.project / "go").touch()
    assert live.wait() == 0, live
    screen = re.sub(r"\x1b\[[\d;]*m", "", shown(live.out))
    assert re.search(r"create feat-x\n  provision\n    ✓ create_compute +\S+\n    ✓ allocate_ports +\S+\n    ✓ seed_db +\S+\n", screen)
    assert "copying table 7" not in screen and "·" not in screen and "\n  run\n" in screen
    assert re.search(r"✓ start_services +\S+\n\nfeat-x  running\n\nNAME", screen), screen


def test_a_narrow_terminal_has_a_tree_of_lines_that_fit(shop):
    shop.config(config(seed="echo 'copying table 7 from a template with a very long name' >&2; until test -e go; do sleep 0.02; done" + SEED))
    live = shop.popen("env", "create", "feat-x", tty=(24, 40))
    live.wait_for(r"copying table 7 from")
    (shop.project / "go").touch()
    assert live.wait() == 0, live
    tree = re.sub(r"\x1b\[[\d;]*m", "", shown(live.out)).split("\nfeat-x  running")[0].splitlines()
    assert [line.split()[1] for line in tree if "✓" in line] == ["create_compute", "allocate_ports", "seed_db", "build_manifest", "write_manifest",
                                                                "generate_env", "start_services"]
    drawn = re.split(r"[\r\n]+", re.sub(r"\x1b\[[\d;]*[a-zA-Z]", "", live.out).split("feat-x  running")[0])
    assert max(map(len, drawn)) <= 39 and any(line.endswith("…") for line in drawn), drawn


@pytest.mark.parametrize("words", [("list",), ("steps", "feat-x"), ("steps", "feat-x", "--audit"), ("gc", "--dry-run")])
def test_a_narrow_terminal_has_tables_of_rows_that_fit(shop, words):
    create(shop, "feat-x", "--ttl", "1ms")
    whole = shop.run("env", *words).lines
    assert max(map(len, whole)) > 50, "what is no terminal has it whole"
    for width in (20, 40, 50):
        live = shop.popen("env", *words, tty=(40, width))
        assert live.wait() == 0, live
        lines = re.sub(r"\x1b\[[\d;]*m", "", live.out).replace("\r", "").splitlines()
        assert len(lines) == len(whole) and max(map(len, lines)) <= width, lines
        assert lines[0].split()[:2] == whole[0].split()[:2] or width == 20, lines


@pytest.mark.parametrize("words", [("list",), ("gc", "--dry-run")])
def test_of_a_path_that_is_cut_the_end_stays(shop, words):
    create(shop, "feat-x", "--ttl", "1ms")
    live = shop.popen("env", *words, tty=(40, 70))
    assert live.wait() == 0, live
    assert re.search(r"…\S*[^…\s]*/feat-x\b", live.out), live


def test_no_color_draws_the_same_tree_without_colors(shop):
    live = shop.popen("env", "create", "feat-x", tty=(30, 80), env={"NO_COLOR": "1"})
    assert live.wait() == 0, live
    assert "\x1b[" in live.out and not re.search(r"\x1b\[[\d;]*m", live.out) and "✓ seed_db" in live.out
    table = shop.popen("env", "list", tty=(30, 80), env={"NO_COLOR": "1"})
    assert table.wait() == 0 and "feat-x" in table.out and "\x1b[" not in table.out, table


def test_a_terminal_that_is_interrupted_keeps_what_is_done_and_says_what_goes_on(shop):
    shop.config(config(seed="echo here >&2; test -e go || { sleep 1000 & wait; }" + SEED))
    live = shop.popen("env", "create", "feat-x", tty=(30, 80))
    live.wait_for(r"▶(?s:.*) seed_db(?s:.*)here")
    live.type("\x03")
    assert live.wait() == 130, live
    screen = re.sub(r"\x1b\[[\d;]*m", "", shown(live.out))
    assert re.search(r"✓ create_compute", screen) and "▶" not in screen and "· build_manifest" not in screen, screen
    assert "thole: stopping; ^C again leaves it alone\n" in screen, screen
    assert screen.rstrip().splitlines()[-1].startswith("thole: create feat-x was canceled; `thole env create feat-x` goes on"), screen
    assert "feat-x  error" in shop.run("env", "show", "feat-x").out
    (shop.project / "go").touch()
    assert dict(steps_told(create(shop).err))["create_compute"] == "○"


def test_what_a_slow_terminal_has_not_shown_when_it_is_interrupted_is_not_thrown_away(shop):
    """A key that interrupts flushes what is on its way to the terminal, unless that was asked not to be done."""
    shop.config(config(seed="while test ! -e go; do echo here >&2; echo here >>spoken; sleep 0.02; done" + SEED))
    live = shop.popen("env", "create", "feat-x", tty=(30, 80), unread=True)
    before = termios.tcgetattr(live.keyboard)
    spoken = shop.project / "spoken"
    wait_until(lambda: live.waiting() >= 4095, 20, "as much to be drawn as a terminal keeps")
    enough = spoken.read_text().count("here") + 40
    wait_until(lambda: spoken.read_text().count("here") >= enough, 20, "more to be drawn")
    live.type("\x03")
    live.read()
    assert live.wait() == 130, live
    screen = re.sub(r"\x1b\[[\d;]*m", "", shown(live.out))
    assert re.search(r"create feat-x\n  provision\n    ✓ create_compute(?s:.*)stopping; \^C again", screen), screen
    assert termios.tcgetattr(live.keyboard) == before


def shown(text):
    """What a terminal shows of it in the end: of the sequences those are understood that a tree is drawn with."""
    lines, y, x = [""], 0, 0
    for part in re.findall(r"\x1b\[\d*[AKJ]|\x1b\[[\d;]*m|[\r\n]|[^\r\n\x1b]+", text):
        move = re.fullmatch(r"\x1b\[(\d*)([AKJ])", part)
        if part == "\n":
            y, lines = y + 1, lines + [""] * (y + 2 - len(lines))
        elif part == "\r":
            x = 0
        elif move and move[2] == "A":
            y = max(0, y - int(move[1] or 1))
        elif move:
            lines[y] = lines[y][:x]
            lines = lines[:y + 1] if move[2] == "J" else lines
        elif not part.startswith("\x1b"):
            lines[y] = lines[y][:x].ljust(x) + part + lines[y][x + len(part):]
            x += len(part)
    return "\n".join(lines)


def test_within_github_actions_hooks_are_groups_and_failures_annotations(shop):
    shop.config(config(seed="echo '::warning::x' >&2; exit 3"))
    result = create(shop, env={"GITHUB_ACTIONS": "true"}, code=1)
    assert re.search(r"^::group::create feat-x: seed_db\n::stop-commands::(\S+)\n::warning::x\n::\1::\n::endgroup::\n"
                     r"create feat-x: seed_db ✗ .*3.*\n::error title=seed_db::.*3", result.err, re.M), result
    assert result.out == "", result
    shop.config(config())
    elsewhere = create(shop, env={"GITHUB_ACTIONS": "false"})
    assert create(shop, env={"GITHUB_ACTIONS": "true"}).out == elsewhere.out != "", "what is for scripts is the same there"


# ---- how it ends

def test_a_failure_says_which_step_why_and_what_goes_on_with_it(shop):
    shop.config(config(seed="echo 'no such table' >&2; test -e good || exit 3" + SEED))
    result = create(shop, code=1)
    assert steps_told(result.err)[-1] == ("seed_db", "✗") and "seed_db | no such table" in result.err
    assert "thole: create feat-x failed" in result.err and "seed_db" in result.err.splitlines()[-2]
    resume = re.search(r"^thole: `(thole env .*)` goes on with it$", result.err, re.M).group(1)
    shown = shop.run("env", "show", "feat-x").out
    assert "feat-x  error" in shown and "seed_db" in shown and resume in shown
    (shop.project / "good").touch()
    told = dict(steps_told(shop.run(*resume.split()[1:]).err))
    assert told["create_compute"] == "○" and told["seed_db"] == "✓"


def test_a_terminal_gets_the_last_words_of_what_failed(shop):
    shop.config(config(seed="for i in $(seq 20); do echo line $i >&2; done; exit 3"))
    live = shop.popen("env", "create", "feat-x", tty=(30, 80))
    assert live.wait() == 1
    screen = shown(live.out)
    assert re.search(r"✗.* seed_db .*\n +line 11\n(.*\n)* +line 20\nthole: create feat-x failed", re.sub(r"\x1b\[[\d;]*m", "", screen)), screen


def test_what_no_env_file_can_hold_fails_the_hook_that_says_it_before_more_is_done(shop):
    lines = "printf 'DATABASE_URL<<E\\na\\nb\\nE\\n'"
    later = {"outputs": ["KEY"], "seed": 'echo later >>"$LEDGER"; echo KEY=1'}
    bad = config(seed=f"{lines}; test ! -e good || echo DATABASE_URL=x")
    bad["provisioner"]["services"]["later"] = later
    shop.config(bad)
    failed = create(shop, code=1).err
    assert "services.web.env.DATABASE_URL: the value of DATABASE_URL has a line break" in failed and "`thole env create feat-x` goes on" in failed
    assert steps_told(failed)[-1] == ("seed_db", "✗") and "later" not in shop.ledger()
    (shop.project / "good").touch()
    create(shop)
    assert "later" in shop.ledger()


def test_a_value_that_no_env_file_can_hold_is_refused_where_one_has_it(shop):
    told = config()
    told["services"]["web"]["env"]["KEY"] = "{{store.KEY}}"
    shop.config(told)
    create(shop, code=2)  # it has no value yet
    for value in ("a\nb", "${x}", "it's $x"):
        refused = shop.run("env", "store", "set", "feat-x", "OTHER=1", f"KEY={value}", code=2).err
        assert refused.startswith("thole: services.web.env.KEY: the value of KEY has ") and value not in refused, refused
    assert shop.run("env", "store", "list", "feat-x").out == ""
    shop.run("env", "store", "set", "feat-x", "OTHER=a\nb", "KEY=1")
    create(shop)
    assert "KEY=1\n" in open(f"{tree_of(shop)}/.env.local").read()


def test_a_branch_is_named_as_git_shows_it(shop):
    for word in ("--branch", "--base", "--path", "--mode", "--from"):
        assert shop.run("env", "create", "feat-x", word, "", code=2).err == f"thole: thole env create: {word} is empty\n"
    create(shop, "feat-x", "-b", "refs/heads/topic/x")
    assert shop.run("env", "show", "feat-x", "--json").json()["environment"]["spec"]["branch"] == "topic/x"
    assert Repository.of(shop).git("branch", "--list", "topic/x")


def test_environments_of_a_file_that_another_one_hides_are_said(shop):
    os.rename(shop.project / "thole.yaml", shop.project / "previewctl.yaml")
    create(shop)
    said = lambda: shop.run("env", "list").err
    assert said() == ""
    shop.config(config())
    assert f"{shop.project}/previewctl.yaml has 1 environment of its own: `thole --file {shop.project}/previewctl.yaml env list`\n" in said()
    assert "feat-x" in shop.run("--file", f"{shop.project}/previewctl.yaml", "env", "list").out
    os.remove(shop.project / "thole.yaml")


def test_an_interrupt_cancels_and_the_same_command_goes_on(shop):
    shop.config(config(seed="echo here >&2; test -e go || { sleep 1000 & wait; }" + SEED))
    live = shop.popen("env", "create", "feat-x")
    live.wait_for(r"^seed_db \| here", stream=2)
    live.signal(signal.SIGINT)
    assert live.wait() == 130, live
    assert "thole: stopping; ^C again leaves it alone" in live.err
    assert "thole: create feat-x was canceled; `thole env create feat-x" in live.err
    (shop.project / "go").touch()
    assert dict(steps_told(create(shop).err))["create_compute"] == "○"


def test_what_goes_on_is_said_with_the_file_that_was_named(shop):
    (shop.project / "other.yaml").write_text(json.dumps(config(seed="exit 3")))
    said = shop.run("--file", "other.yaml", "env", "create", "feat-x", code=1).err
    assert "thole: `thole --file other.yaml env create feat-x` goes on with it" in said, said
    assert "thole --file other.yaml env create feat-x" in shop.run("--file", "other.yaml", "env", "show", "feat-x").out


def test_the_end_of_all_names_what_it_cancels(shop):
    shop.config(config(seed="echo here >&2; test -e go || { sleep 1000 & wait; }" + SEED))
    live = shop.popen("env", "create", "feat-x")
    live.wait_for(r"^seed_db \| here", stream=2)
    said = shop.run("server", "stop", "--all").err
    assert re.search(r"^thole: create of environment feat-x \(shop-[0-9a-f]{6}\) is canceled$", said, re.M), said
    live.wait()
    (shop.project / "go").touch()
    assert dict(steps_told(create(shop).err))["create_compute"] == "○"


def test_the_end_of_all_names_a_hook_of_what_all_share(shop):
    words = config()
    words["provisioner"]["services"]["db"]["init"] = "echo here >&2; sleep 1000 & wait"
    shop.config(words)
    live = shop.popen("env", "hook", "db", "init")
    live.wait_for("here", stream=2)
    said = shop.run("server", "stop", "--all").err
    assert re.search(r"^thole: hook of what all environments share \(shop-[0-9a-f]{6}\) is canceled$", said, re.M), said
    live.wait()
    shop.run("env", "list")  # by a server that stays


def test_a_second_interrupt_leaves_it_alone(shop):
    shop.config(config(seed="trap '' TERM; echo here >&2; until test -e go; do sleep 0.02; done" + SEED))
    live = shop.popen("env", "create", "feat-x")
    live.wait_for(r"^seed_db \| here", stream=2)
    live.signal(signal.SIGINT)
    live.wait_for("leaves it alone", stream=2)
    live.signal(signal.SIGINT)
    assert live.wait() == 130
    assert live.err.splitlines()[-1] == "thole: create feat-x goes on; the same command looks on again"
    (shop.project / "go").touch()


def test_the_same_words_again_look_on_and_others_do_not(shop):
    shop.config(config(seed="echo here >&2; until test -e go; do sleep 0.02; done" + SEED))
    live = shop.popen("env", "create", "feat-x")
    live.wait_for(r"^seed_db \| here", stream=2)
    again = shop.popen("env", "create", "feat-x")
    again.wait_for(r"^seed_db \| here", stream=2)
    other = create(shop, "feat-x", "--no-cache", code=3)
    assert "environment 'feat-x' is busy: create, at seed_db" in other.err
    (shop.project / "go").touch()
    assert (live.wait(), again.wait()) == (0, 0)
    assert steps_told(again.err) == steps_told(live.err) and len(shop.ledger()) == 1


def test_a_delete_during_a_create_tells_of_itself_alone(shop):
    shop.config(config(seed="echo here >&2; exec sleep 1000"))
    live = shop.popen("env", "create", "feat-x")
    live.wait_for(r"^seed_db \| here", stream=2)
    deleted = shop.run("env", "delete", "feat-x")
    told = dict(steps_told(deleted.err, "delete feat-x"))
    assert set(told.values()) == {"✓"} and told["remove_state"] == "✓" and "seed_db" not in deleted.err, deleted.err
    assert deleted.err.splitlines()[-1] == "thole: feat-x is gone"
    assert live.wait() == 1 and "create feat-x was canceled" in live.err
    assert shop.run("env", "list", "--json").json() == []


def test_an_exit_code_comes_with_the_last_words_of_its_stderr(shop):
    shop.config(config(seed="echo SECRET=abcdefgh1; printf 'one\\n\\n  fatal: no \\033[1mdisk\\r\\n \\n' >&2; echo done; exit 7"))
    why = "exit code 7: fatal: no \x1b[1mdisk"
    result = create(shop, "feat-x", "--json", code=1)
    failed = [event["error"] for event in map(json.loads, result.lines) if event["status"] == "failed"]
    assert set(failed) == {why}, failed
    assert shop.run("env", "show", "feat-x", "--json").json()["environment"]["status"]["error"] == why
    assert "fatal: no \\x1b[1mdisk" in shop.run("env", "show", "feat-x").out
    shop.config(config(seed=f"printf 'x%s' {'ü' * 150} >&2; kill -9 $$"))
    result = create(shop, code=1)
    assert f"failed in seed_db: killed by SIGKILL: x{'ü' * 99}\n" in result.err


def test_who_has_no_user_in_his_environment_has_a_name_all_the_same(shop):
    shop.env.pop("USER", None)
    create(shop)
    name = pwd.getpwuid(os.stat(shop.project).st_uid).pw_name
    assert {entry["thole"]["user"] for entry in shop.run("env", "list", "--json", "--audit").json()[0]["auditLog"]} == {name}


def test_what_took_how_long_is_told_as_it_is_kept(shop):
    told = {event["step"]: event["durationMs"] for event in map(json.loads, create(shop, "feat-x", "--json").lines) if event["status"] == "completed"}
    assert told == {step["name"]: step["durationMs"] for step in shop.run("env", "steps", "feat-x", "--json").json()}


def test_a_name_where_a_step_belongs_is_said(shop):
    create(shop)
    for verb in ("logs", "step", "invalidate"):
        assert f"thole env {verb} takes [NAME] STEP, and feat-x is an environment" in shop.run("env", verb, "feat-x", code=2).err
        assert "the working directory is in no environment" in shop.run("env", verb, "seed_db", code=None).err


def test_an_overlay_that_is_gone_makes_no_other_environment_of_one(shop):
    """The file alone may seed another database. An empty overlay says that nothing differs any more; a delete goes by what it said."""
    overlay = shop.file("thole.preview.yaml", 'provisioner: {services: {db: {seed: "echo DATABASE_URL=overlay", destroy: "touch overlaid"}}}\n')
    create(shop, "feat-x", "-m", "preview")
    text = overlay.read_text()
    overlay.unlink()
    for words in (["create"], ["create", "--dry-run"], ["refresh"], ["start"]):
        result = shop.run("env", words[0], "feat-x", *words[1:], code=2)
        assert f"environment 'feat-x' was made with {overlay}, which is gone" in result.err, result
    assert "feat-x  running\n" in shop.run("env", "show", "feat-x").out and shop.ledger() == []
    overlay.touch()
    create(shop)
    assert len(shop.ledger()) == 1
    overlay.write_text(text)
    create(shop)
    overlay.unlink()
    shop.run("env", "delete", "feat-x")
    assert (shop.project / "overlaid").exists() and len(shop.ledger()) == 1


def test_a_mode_without_an_overlay_is_said(shop):
    (shop.project / "thole.preview.yaml").write_text("{}")
    said = shop.run("env", "create", "feat-x", "-m", "preveiw", "--dry-run").err
    assert said == f"thole: mode preveiw has no overlay beside {shop.project}/thole.yaml; did you mean preview?\n"
    for mode in ("preview", "local"):
        assert shop.run("env", "create", "feat-x", "-m", mode, "--dry-run").err == ""


def test_outside_of_any_project_a_list_says_whose_they_are(shop):
    create(shop)
    assert shop.run("env", "list").lines[0].split() == ["NAME", "STATUS", "BRANCH", "MODE", "AGE", "PATH"]
    lines = shop.run("env", "list", cwd=shop.base).lines
    assert lines[0].split() == ["NAME", "STATUS", "BRANCH", "MODE", "AGE", "PROJECT", "PATH"]
    assert lines[1].split()[5] == f"{shop.project}/thole.yaml"
    inside, outside = (shop.run("env", "list", "--json", cwd=place).json() for place in (shop.project, shop.base))
    assert outside == [{**inside[0], "project": f"{shop.project}/thole.yaml"}]
    assert "auditLog" in shop.run("env", "list", "--json", "--audit", cwd=shop.base).json()[0]


def test_a_list_of_several_projects_has_those_of_each_once(shop):
    create(shop, "a")
    create(shop, "b")
    other = shop.project / "other.yaml"
    other.write_text("version: 1\nname: other\nservices: {job: {command: 'true'}}\n")
    shop.run("--file", other, "env", "provision", "c")
    entries = shop.run("env", "list", "--json", cwd=shop.base).json()
    assert [(entry["name"], entry["project"]) for entry in entries] == [
        ("a", f"{shop.project}/thole.yaml"), ("b", f"{shop.project}/thole.yaml"), ("c", str(other))]


def test_a_list_has_the_order_of_the_names_as_they_were_given(shop):
    names = ["@", "Z", "e", "feat-x", "\u65e5\u672c"]
    for name in reversed(names):
        create(shop, name, "-b", f"b{names.index(name)}")
    assert [line.split()[0] for line in shop.run("env", "list").lines[1:]] == names
    assert [entry["name"] for entry in shop.run("env", "list", "--json").json()] == names


def test_a_closed_terminal_leaves_it_alone(shop):
    shop.config(config(seed="echo here >&2; until test -e go; do sleep 0.02; done" + SEED))
    live = shop.popen("env", "create", "feat-x")
    live.wait_for(r"^seed_db \| here", stream=2)
    live.signal(signal.SIGHUP)
    assert live.wait() == 143
    (shop.project / "go").touch()
    wait_until(lambda: "feat-x  running" in shop.run("env", "show", "feat-x").out, what="it to go on")


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_nothing_is_told_twice_or_left_out_though_servers_end(shop, number):
    shop.config(config(seed="i=0; until test -e go; do i=$((i+1)); echo line $i >&2; sleep 0.005; done; echo last $i >&2" + SEED))
    live = shop.popen("env", "create", "feat-x")
    live.wait_for(r"^seed_db \| line 20$", stream=2)
    for _ in range(3):
        seen = int(re.findall(r"^seed_db \| line (\d+)$", live.err, re.M)[-1])
        shop.kill(shop.server_pid(), number)
        wait_until(lambda: int(re.findall(r"^seed_db \| line (\d+)$", live.err, re.M)[-1]) > seen + 50, what="lines after the server has ended")
    (shop.project / "go").touch()
    assert live.wait() == 0, live
    lines = re.findall(r"^seed_db \| (line \d+|last \d+)$", live.err, re.M)
    n = int(lines[-1].split()[1])
    assert lines == [*(f"line {i}" for i in range(1, n + 1)), f"last {n}"]
    told = [name for name, sign in steps_told(live.err)]
    assert len(told) == len(set(told)) == 7 and shop.ledger().count("seed feat-x") == 1


def test_json_is_each_event_once_though_servers_end(shop):
    go = shop.base / "go"
    shop.config(config(seed="until test -e $GO; do sleep 0.02; done" + SEED))
    live = shop.popen("env", "create", "feat-x", "--json", env={"GO": str(go)})
    live.wait_for(r'"step":"seed_db".*"status":"streaming"')
    for _ in range(2):
        pid = shop.server_pid()
        shop.kill(pid)
        wait_until(lambda: shop.server_pid() != pid, what="the next server")
    go.touch()
    assert live.wait() == 0 and live.err == "", live
    told = [json.loads(line) for line in live.out.splitlines()]
    events = [event for event in told if event["status"] != "output"]
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    written = [(event["step"], event["line"]) for event in told if event["status"] == "output"]
    assert sorted(written[-2:]) == [("seed_db", "DATABASE_URL=********"), ("seed_db", "copying tables")], written
    assert events[-1]["status"] == "done" and [event["status"] for event in events if event.get("step") == "seed_db"][-1] == "completed"
    assert shop.ledger().count("seed feat-x") == 1


def test_a_name_that_is_none_is_refused_before_anything_begins(shop):
    for words in (("create", "feat-y", "--from", "nope"), ("provision", "feat-y", "--from", "nope")):
        assert "there is no step nope; the steps are create_compute, " in shop.run("env", *words, code=2).err
    assert shop.run("env", "list", "--json").json() == []
    create(shop)
    for words in (("step", "feat-x", "seed_bd"), ("refresh", "feat-x", "--only", "generate_env,seed_bd"),
                  ("invalidate", "feat-x", "seed_bd")):
        assert "there is no step seed_bd; did you mean seed_db?" in shop.run("env", *words, code=2).err
    assert "there is no step seed_bd; the steps are build_manifest, write_manifest, generate_env, start_services\n" in shop.run(
        "env", "refresh", "feat-x", "--from", "seed_bd", code=2).err
    assert "unknown provisioner service 'cache'" in shop.run("env", "hook", "cache", "seed", "feat-x", code=2).err
    assert "feat-x  running" in shop.run("env", "show", "feat-x").out and shop.ledger() == ["seed feat-x"]


# ---- looking

def test_list_and_show(shop):
    assert "has no environment; `thole env create NAME` makes one" in shop.run("env", "list").err
    assert "`thole env create feat/y` makes one" in shop.run("env", "show", "feat/y", code=2).err
    assert "`thole env create NAME` makes one" in shop.run("env", "exec", "fe'at", "--", "true", code=2).err  # no name of one
    create(shop)
    create(shop, "feat/y", "-b", "y", "-m", "preview")
    table = shop.run("env", "list").out
    assert re.match(r"NAME +STATUS +BRANCH +MODE +AGE ", table)
    assert re.search(r"^feat-x +running +feat-x +local ", table, re.M) and re.search(r"^feat/y +running +y +preview ", table, re.M)
    entries = shop.run("env", "list", "--json").json()
    assert [(entry["name"], entry["status"], entry["branch"], entry["mode"]) for entry in entries] == \
        [("feat-x", "running", "feat-x", "local"), ("feat/y", "running", "y", "preview")]
    assert entries[0]["provisionerOutputs"]["db"]["DATABASE_URL"] == "********" and "auditLog" not in entries[0]
    assert shop.run("env", "list", "--json", "--audit").json()[0]["auditLog"]
    shown = shop.run("env", "show", "feat-x").out
    for word in ("branch    feat-x", "mode      local", tree_of(shop), "http://localhost:", "✓ seed_db", "completed"):
        assert word in shown, word
    detail = shop.run("env", "show", "feat/y", "--json").json()
    assert detail["entry"]["name"] == "feat/y" and detail["infraRunning"] is False and detail["steps"]


def test_without_a_name_the_one_that_contains_the_directory(shop):
    create(shop)
    result = shop.run("env", "show", code=2)
    assert "the working directory is in no environment; name one of " in result.err and "feat-x" in result.err
    outside = shop.base / "outside"
    outside.mkdir()
    assert "name one of this user: feat-x" in shop.run("env", "show", cwd=outside, code=2).err
    assert 'this user has no environment "feat-z"' in shop.run("env", "show", "feat-z", cwd=outside, code=2).err
    assert shop.run("env", "show", cwd=tree_of(shop)).out.startswith("feat-x  running")
    assert "seed_db | copying" in shop.run("env", "logs", "seed_db", cwd=tree_of(shop)).out
    result = shop.run("env", "stop", "feat-z", code=2)
    assert 'has no environment "feat-z"; there is feat-x; did you mean feat-x?' in result.err


def test_steps_and_audit(shop):
    create(shop)
    lines = shop.run("env", "steps", "feat-x").lines
    assert lines[0].split() == ["STEP", "STATUS", "TOOK", "AGE", "MACHINE", "WHY"] and lines[1] == "provision" and "run" in lines
    assert {step["status"] for step in shop.run("env", "steps", "feat-x", "--json").json() if step["phase"] != "destroy"} == {"completed"}
    audit = shop.run("env", "steps", "feat-x", "--audit").out
    assert re.search(r"^\d\d:\d\d:\d\d\.\d{3} +executed +seed_db ", audit, re.M)
    shop.run("env", "invalidate", "feat-x", "seed_db")
    assert re.search(r"seed_db +(invalidated|pending|stale)", shop.run("env", "steps", "feat-x").out)
    assert "did you mean seed_db?" in shop.run("env", "step", "feat-x", "seed_bd", code=None).err


def test_a_step_shows_what_it_would_write(shop):
    create(shop)
    tree = tree_of(shop)
    text = shop.run("env", "step", "feat-x", "generate_env", "--print").out
    assert "TITLE='a shop'\n" in text
    with open(f"{tree}/.env.local") as file:
        before = file.read()
    with open(f"{tree}/.env.local", "w") as file:
        file.write(before.replace("TITLE='a shop'\n", "") + "MINE=1\n")
    diff = shop.run("env", "step", "feat-x", "generate_env", "--dry-run").out  # what we did not write may be an old secret
    assert re.search(r"^--- .*\.env\.local\n\+\+\+ .*\.env\.local\n@@ ", diff) and "\n+TITLE='a shop'\n" in diff and "\n-MINE=********\n" in diff
    assert "\n-MINE=1\n" in shop.run("env", "step", "feat-x", "generate_env", "--dry-run", "--reveal").out
    shop.run("env", "step", "feat-x", "generate_env")
    assert "no changes" in shop.run("env", "step", "feat-x", "generate_env", "--dry-run").err
    assert "seed_db is a hook" in shop.run("env", "step", "feat-x", "seed_db", "--print").err


def test_a_step_without_a_log_says_where_to_look(shop):
    create(shop)
    said = shop.run("env", "logs", "feat-x", "start_services", code=2).err
    assert said == f"thole: start_services has no log of its own: `thole -C {tree_of(shop)} logs` has what the services write\n"
    said = shop.run("env", "logs", "feat-x", "allocate_ports", code=2).err
    before, named = said.strip().split("; there is one of ")
    assert before == 'thole: environment feat-x has no log of a step "allocate_ports"' and sorted(named.split(", ")) == ["create_compute", "seed_db"]


def test_a_run_that_there_is_not_is_named(shop):
    shop.config(config())
    create(shop)
    shop.run("env", "step", "feat-x", "seed_db")
    assert shop.run("env", "logs", "feat-x", "seed_db", "--run", "2").lines
    said = shop.run("env", "logs", "feat-x", "seed_db", "--run", "999", code=2).err
    assert said == "thole: there is no run 999 of seed_db; its runs that are kept are 1 to 2\n"


def test_logs_mask_outputs(shop):
    shop.config(config(seed=SEED + "echo 'KEY<<END'; echo first; echo second; echo END; echo talk"))
    create(shop)
    out = shop.run("env", "logs", "feat-x", "seed_db", "--stream", "out", "-o", "raw").lines
    assert out == ["DATABASE_URL=********", "KEY<<END", "********", "********", "END", "talk"]
    assert shop.run("env", "logs", "feat-x", "seed_db", "--stream", "out", "-o", "raw", "-n", "4").lines == out[2:]
    raw = shop.run("env", "logs", "feat-x", "seed_db", "--json").lines
    assert "copying tables" in [json.loads(line)["text"] for line in raw] and not any("second" in line for line in raw)
    assert shop.run("env", "logs", "feat-x", "seed_db", "--stream", "err", "-o", "raw").out == "copying tables\n"


def test_logs_mask_a_value_that_its_own_hook_writes_elsewhere(shop):
    shop.config(config(seed="echo with s3cretpw >&2; echo DATABASE_URL=s3cretpw; echo talk of s3cretpw"))
    create(shop)
    said = shop.run("env", "logs", "feat-x", "seed_db", "-o", "raw").lines
    assert sorted(said) == ["DATABASE_URL=********", "talk of ********", "with ********"]
    assert shop.run("env", "logs", "feat-x", "seed_db", "--stream", "err", "-o", "raw").out == "with ********\n"


def test_why_a_hook_has_failed_shows_no_value_that_it_has_said(shop):
    shop.config(config(seed="P=s3cret; U=postgres://u:${P}pw@h; echo DATABASE_URL=$U; echo cannot reach $U >&2; exit 1"))
    made = shop.run("env", "create", "feat-x", code=1)
    assert "exit code 1: cannot reach ********" in made.err, made
    again = shop.run("env", "create", "feat-x", "--json", code=1)
    shown = [shop.run("env", *words).out for words in (["show", "feat-x"], ["show", "feat-x", "-o", "json"], ["steps", "feat-x", "--audit"], ["list", "--json"])]
    assert not any("s3cretpw" in said for said in [made.out, made.err, again.out, again.err, *shown])
    assert "cannot reach ********" in shown[0]


def test_a_mode_that_none_can_be_called_is_refused_by_itself(shop):
    shop.config(config())
    for words in (["create", "feat-x"], ["provision", "feat-x"], ["hook", "db", "init"]):
        said = shop.run("env", *words, "-m", "a/b", code=2).err
        assert said == "thole: --mode a/b cannot be the name of a mode: use letters, digits, '-', '_' and '.', at most 63 characters\n"


def test_a_hook_that_prints_too_much_beside_its_outputs_is_told_where_talk_goes(shop):
    shop.config(config(seed="head -c 70M /dev/zero | tr '\\0' 'x' | fold; echo DATABASE_URL=x"))
    assert "is larger than 64 MiB: what is talk belongs on stderr" in shop.run("env", "create", "feat-x", code=1).err


def test_ordinary_words_that_hooks_have_said_stay_readable(shop):
    shop.config(config(seed="echo DATABASE_URL=postgres://u:hunter2@h; echo HOST=localhost; echo DEBUG=true",
                       runner={"after": "echo true: postgres://u:hunter2@h on localhost; echo but 'a true secret' is no word"}))
    create(shop)
    shop.run("env", "store", "set", "feat-x", "PHRASE=a true secret")
    shop.run("env", "step", "feat-x", "runner_after")
    out = shop.run("env", "logs", "feat-x", "runner_after", "-o", "raw").lines
    assert out[-2:] == ["true: ******** on localhost", "but ******** is no word"]
    assert shop.run("env", "logs", "feat-x", "seed_db", "--stream", "out", "-o", "raw").lines == [
        "DATABASE_URL=********", "HOST=********", "DEBUG=********"]
    entry = shop.run("env", "list", "--json").json()[0]
    assert set(entry["provisionerOutputs"]["db"].values()) == {"********"}


# ---- working with it

def test_exec_runs_in_its_worktree_with_its_variables(shop):
    create(shop)
    out = shop.run("env", "exec", "feat-x", "--", "sh", "-c", 'echo $THOLE_ENV_NAME $PREVIEWCTL_ENV_NAME $THOLE_PORT_WEB; pwd; exit 7', code=7).lines
    port = shop.run("env", "list", "--json").json()[0]["ports"]["web"]
    assert out == [f"feat-x feat-x {port}", tree_of(shop)]
    assert shop.run("env", "exec", "--", "pwd", cwd=tree_of(shop)).out == tree_of(shop) + "\n"
    assert shop.run("env", "exec", "feat-x", "no-such-program", code=127).err == "thole: no-such-program: No such file or directory\n"


def test_env_prints_lines_of_an_env_file(shop):
    create(shop)
    lines = shop.run("env", "env", "feat-x").lines
    assert "THOLE_ENV_NAME=feat-x" in lines and lines == sorted(lines)
    assert "TITLE='a shop'" in shop.run("env", "env", "feat-x", "web").lines
    assert "postgres" not in shop.run("env", "env", "feat-x", "web").out
    assert "DATABASE_URL=postgres://localhost/feat-x" in shop.run("env", "env", "feat-x", "web", "--reveal").lines
    assert shop.run("env", "env", "web", "--json", cwd=tree_of(shop)).json()["TITLE"] == "a shop"


def test_store(shop):
    create(shop)
    shop.run("env", "store", "set", "feat-x", "A=1", "B=two words", "A=3")
    assert shop.run("env", "store", "get", "feat-x", "A").out == "3\n"
    assert shop.run("env", "store", "list", "feat-x", "--reveal").out == "A=3\nB=two words\n"
    assert "two words" not in shop.run("env", "store", "list", "feat-x").out
    shop.run("env", "store", "set", "feat-x", "B=two\nEND\nlines")
    assert shop.run("env", "store", "list", "feat-x", "--reveal").out == "A=3\nB<<END2\ntwo\nEND\nlines\nEND2\n"
    refused = shop.run("env", "store", "set", "feat-x", "A B=c", code=2).err
    assert refused.startswith('thole: "A B" is no name of a key-value: it is of letters, digits'), refused
    shop.run("env", "store", "unset", "A", cwd=tree_of(shop))
    assert 'feat-x has no value "A"; `thole env store set feat-x A=…` sets it' in shop.run("env", "store", "get", "feat-x", "A", code=2).err


def test_a_name_stands_before_the_words_of_store_and_hook_or_behind_them(shop):
    create(shop)
    create(shop, "feat-y")
    store = lambda *words, **options: shop.run("env", "store", *words, **options)
    store("set", "A=1", "B=2", "feat-y")
    store("set", "feat-y", "C=3")
    store("set", "A=4", cwd=tree_of(shop))
    assert store("get", "A", "feat-y").out == store("get", "feat-y", "A").out == "1\n"
    assert store("list", "--reveal", "feat-y").lines == ["A=1", "B=2", "C=3"] and store("list", "feat-x", "--reveal").lines == ["A=4"]
    store("unset", "A", "B", "feat-y")
    store("unset", "feat-y", "C")
    assert store("list", "feat-y").out == "" and store("list", "feat-x", "--reveal").lines == ["A=4"]
    shop.run("env", "hook", "feat-y", "db", "reset")
    assert "what was made from db is stale: `thole env refresh feat-y` makes it anew" in shop.run("env", "hook", "db", "reset", "feat-y").err
    assert shop.ledger().count("seed feat-y") == 3


def test_a_name_that_is_none_changes_no_other_environment(shop):
    create(shop)
    tree = tree_of(shop)
    shop.run("env", "store", "set", "A=1", cwd=tree)
    for words in (("set", "feat-z", "A=2"), ("set", "A=2", "feat-z"), ("get", "feat-z", "A"), ("list", "feat-z")):
        assert 'has no environment "feat-z"; there is feat-x; did you mean feat-x?' in shop.run("env", "store", *words, cwd=tree, code=2).err
    assert 'feat-x has no value "feat-z"' in shop.run("env", "store", "unset", "feat-z", "A", cwd=tree, code=2).err
    assert "the working directory is in no environment" in shop.run("env", "store", "set", "A=2", code=2).err
    assert shop.run("env", "store", "list", "feat-x", "--reveal").lines == ["A=1"]


def test_a_seed_by_hand_says_that_nothing_of_it_is_kept(shop):
    create(shop)
    said = shop.run("env", "hook", "db", "seed", "feat-x").err
    assert "what it has printed is not kept: `thole env step feat-x seed_db` does this and keeps it" in said, said
    assert "is not kept" not in shop.run("env", "hook", "db", "init", "feat-x").err


def test_a_step_alone_says_what_it_leaves_stale_and_what_goes_on(shop):
    create(shop)
    said = shop.run("env", "step", "feat-x", "seed_db").err
    left = re.search(r"^thole: (.*) are stale: `thole (env refresh feat-x)` goes on$", said, re.M)
    stale = [name for name, status in statuses(shop).items() if status == "invalidated"]
    assert left and left[1].split(", ") == stale and "generate_env" in stale, said
    said = shop.run(*left[2].split()).err
    assert "stale" not in said and "invalidated" not in statuses(shop).values(), said
    assert "start_services is stale: " in shop.run("env", "refresh", "feat-x", "--only", "generate_env").err


def statuses(thole):
    return {step["name"]: step["status"] for step in thole.run("env", "steps", "feat-x", "--json").json()}


def test_hooks_stop_start_and_delete(shop):
    create(shop)
    assert "seed_db" not in shop.run("env", "hook", "db", "reset", "feat-x").out
    assert shop.ledger().count("seed feat-x") == 2
    create(shop)  # what the reset has made stale
    assert shop.run("env", "stop", "feat-x").err.splitlines()[-1] == "thole: feat-x is stopped"
    assert re.search(r"^feat-x +stopped", shop.run("env", "list").out, re.M)
    assert "feat-x  running" in shop.run("env", "start", "feat-x").out
    tree = tree_of(shop)
    with open(f"{tree}/new", "w") as file:
        file.write("work")
    assert "--force" in shop.run("env", "delete", "feat-x", code=None).err and os.path.exists(tree)
    result = shop.run("env", "delete", "feat-x", "--force")
    assert result.err.splitlines()[-1] == "thole: feat-x is gone" and not os.path.exists(tree)
    assert shop.ledger()[-1] == "destroy" and "delete feat-x: destroy_core_db ✓" in result.err


def test_attach(shop):
    Repository(shop.project, shop.env).git("worktree", "add", "-q", "../mine", "-b", "mine")
    tree = str(shop.base / "mine")
    assert f"cd {tree}" in shop.run("env", "attach", "--worktree", "../mine").out
    assert tree_of(shop, "mine") == tree
    shop.run("env", "delete", "mine", "--force")
    assert os.path.exists(tree)


def test_export_and_import(shop):
    create(shop)
    state = shop.run("env", "export").json()
    assert state["version"] == 1 and state["environments"]["feat-x"]["provisionerOutputs"]["db"]["DATABASE_URL"].startswith("postgres://")
    state["environments"]["old"] = {**state["environments"]["feat-x"], "name": "old", "branch": "old"}
    del state["environments"]["old"]["compute"]
    shop.run("env", "import", "-", input=json.dumps({"version": 1, "environments": {"old": state["environments"]["old"]}}))
    assert [entry["name"] for entry in shop.run("env", "list", "--json").json()] == ["feat-x", "old"]
    assert "has no map `environments`" in shop.run("env", "import", "-", input="[]", code=2).err
    assert "stdin: not valid JSON" in shop.run("env", "import", "-", input="nonsense", code=2).err


def test_gc_asks(shop):
    create(shop, "feat-x", "--ttl", "1ms")
    result = shop.run("env", "gc", code=2)
    assert re.search(r"^expired +yes +feat-x ", result.out, re.M) and "-y removes what is listed" in result.err
    assert shop.run("env", "gc", "--dry-run", "--json").json()[0]["name"] == "feat-x"
    live = shop.popen("env", "gc", tty=True)
    live.wait_for(r"\[y/N\] $")
    live.type("n\n")
    assert live.wait() == 0 and "nothing was removed" in live.out
    assert "expired feat-x is gone" in shop.run("env", "gc", "-y").err
    wait_until(lambda: shop.run("env", "list", "--json").json() == [], what="it to be gone")


def test_names_and_steps_are_completed(shop):
    create(shop)
    answer = lambda *words: [line.split("\t")[0] for line in shop.run("completion", "answer", "--", *(f"={word}" for word in words)).lines]
    assert answer("env", "sh") == ["show"] and answer("env", "show", "") == ["feat-x"]
    assert "seed_db" in answer("env", "step", "feat-x", "seed") and answer("env", "show", "-o", "") == ["text", "json"]
    assert answer("env", "hook", "") == ["db"] and answer("env", "hook", "db", "re") == ["reset"]
    assert answer("env", "store", "") == ["set", "get", "list", "unset"]
    assert "--ttl" in answer("env", "create", "--t") and "--ttl" not in answer("env", "show", "--t")
    assert answer("env", "create", "f") == ["feat-x"]
    assert answer("env", "create", "feat-x", "--from", "gen") == ["generate_env"] == answer("env", "refresh", "feat-x", "--only", "gen")
    assert answer("env", "refresh", "feat-x", "--only", "seed_db,gen") == ["seed_db,generate_env"]
    assert answer("env", "refresh", "feat-x", "--from=seed") == ["--from=seed_db"]
    assert answer("-C", tree_of(shop), "env", "invalidate", "gen") == ["generate_env"]
    run = set(answer("-C", tree_of(shop), "env", "run", "--from", ""))
    assert run and run < set(answer("env", "create", "feat-x", "--from", "")) and "seed_db" not in run
    assert set(answer("env", "env", "feat-x", "")) == set(config()["services"])
    shop.run("env", "store", "set", "feat-x", "TOKEN=1", "OTHER=2")
    assert answer("env", "store", "unset", "feat-x", "TO") == ["TOKEN"] == answer("-C", tree_of(shop), "env", "store", "get", "TO")
    assert {"TOKEN", "OTHER"} < set(answer("env", "store", "unset", "feat-x", "TOKEN", "")) and "TOKEN" not in answer("env", "store", "set", "feat-x", "TO")
    assert answer("env", "exec", "f") == ["feat-x"] and answer("env", "exec", "feat-x", "--", "g") == [":commands"] == answer("env", "exec", "--", "")
    assert answer("env", "exec", "feat-x", "--", "cat", "") == [":files"] == answer("env", "exec", "feat-x", "--", "cat", "--", "")
    for mode in ("preview", "staging"):
        shop.file(f"thole.{mode}.yaml", "{}")
    assert answer("env", "create", "y", "-m", "") == ["preview", "staging"] and answer("env", "create", "y", "--mode=p") == ["--mode=preview"]
    shop.run("env", "delete", "feat-x"), shop.run("server", "stop", "--all")
    assert answer("env", "hook", "") == ["db"] and not (shop.runtime / "server.sock").exists()
    shop.run("env", "list")  # a server for what clears up


def test_what_a_branch_says_wrongly_is_no_command_that_failed(shop):
    """Nothing was run: 2; and what git refuses is what thole could not do: 3."""
    repository = Repository(shop.project, shop.env)
    for branch, files, said in (("nofile", {"thole.yaml": None}, "branch nofile has no thole.yaml: commit it there, in {tree}"),
                                ("broken", {"thole.yaml": "version: 1\nservices: []\n"}, "the thole.yaml of branch broken is not valid: {tree}/thole.yaml:2:11: ")):
        repository.branch_with(branch, files)
        result = create(shop, branch, code=2)
        assert f"create {branch} failed in start_services: " + said.format(tree=tree_of(shop, branch)) in result.err, result
        failed = [event for event in map(json.loads, create(shop, branch, "--json", code=2).lines) if event["status"] == "failed"]
        assert [event["reason"] for event in failed] == ["Invalid", "Invalid"]
    create(shop, "taken")
    repository.git("worktree", "move", tree_of(shop, "taken"), str(shop.project / ".git" / "elsewhere"))
    result = create(shop, "taken", code=3)
    assert "failed in create_compute: branch taken is checked out at" in result.err and "last lines" not in result.err
