# SPDX-License-Identifier: Apache-2.0
"""What is seen of environments without doing anything to them: steps, plans, files, variables, key-values, infrastructure."""

import json
import re
import urllib.parse

import pytest

import driver
from env_shop import API, CONFIG, Shop


@pytest.fixture
def shop(thole):
    return Shop(thole)


def test_steps_say_what_was_done_and_what_is_stale(shop):
    shop.create()
    steps = shop.steps()
    assert list(steps) == ["create_compute", "allocate_ports", "seed_db", "build_manifest", "write_manifest", "generate_env",
                           "start_services", "runner_after"]
    assert not [step for step in steps.values() if step["stale"] or step["status"] != "completed"]
    assert steps["seed_db"]["phase"] == "provision" and steps["generate_env"]["phase"] == "run"
    assert steps["seed_db"]["machine"] and steps["seed_db"]["durationMs"] >= 0 and steps["seed_db"]["started"] <= steps["seed_db"]["finished"]
    (shop.worktree() / "web" / ".env.local").unlink()
    steps = shop.steps()
    assert steps["generate_env"]["stale"] and ".env.local" in steps["generate_env"]["why"], steps["generate_env"]
    assert not steps["seed_db"]["stale"]


def test_a_changed_config_makes_stale_what_is_made_from_it(shop):
    shop.create()
    changed = json.loads(json.dumps(CONFIG))
    changed["provisioner"]["services"]["db"]["seed"] += "-2"
    shop.write(changed)
    steps = shop.steps()
    stale = [name for name, step in steps.items() if step["stale"]]
    assert stale == ["seed_db", "build_manifest", "write_manifest", "generate_env", "start_services", "runner_after"], steps
    assert "has changed" in steps["seed_db"]["why"] and "seed_db is done again" in steps["build_manifest"]["why"]


def has_been_told(shop):
    """What its session says in .thole/ of services that run: after the create, by a worker."""
    file = shop.worktree() / ".thole/state.json"
    services = json.loads(file.read_text())["services"] if file.exists() else {}
    return set(services) == set(CONFIG["services"]) and all(
        service["phase"] == "running" and service.get("start_ticks") for service in services.values())


def test_a_look_changes_nothing(shop):
    shop.create()
    driver.wait_until(lambda: has_been_told(shop), what="its services to stand in the state file")
    (shop.worktree() / "web" / ".env.local").write_text("mine\n")
    before, ledger = shop.everything(), shop.thole.ledger()
    entry = shop.look("entry?audit=true&reveal=true")
    for below in ("steps", "step?name=generate_env", "step?name=seed_db", "variables", "variables?service=web", "values", "infrastructure"):
        shop.look(below)
    shop.plan()
    shop.plan("feat-y")
    shop.plan(**{"from": "seed_db"})
    assert shop.everything() == before and shop.thole.ledger() == ledger
    assert shop.look("entry?audit=true&reveal=true") == entry and list(shop.objects()) == ["feat-x"]


def test_a_plan_of_one_that_is_not_there(shop):
    plan = shop.plan()
    assert list(plan) == ["create_compute", "allocate_ports", "seed_db", "build_manifest", "write_manifest", "generate_env", "start_services",
                          "runner_after"]
    assert all(step["verdict"] == "run" and "why" not in step for step in plan.values()), plan
    assert list(shop.plan(provisionOnly=True)) == list(plan)[:5]
    assert not shop.objects() and not (shop.thole.state / "worktrees").exists()
    assert shop.thole.run("env", "create", "feat-x", "--dry-run").out.count(" run\n") == 8


def test_a_plan_of_one_that_is_there(shop):
    shop.create()
    plan = shop.plan()
    verdicts = {name: step["verdict"] for name, step in plan.items()}
    assert verdicts == {"create_compute": "verify", "allocate_ports": "verify", "seed_db": "skip", "build_manifest": "skip",
                        "write_manifest": "verify", "generate_env": "verify", "start_services": "verify", "runner_after": "run"}
    assert plan["runner_after"]["why"] == "it runs each time"
    plan = shop.plan(**{"from": "generate_env"})
    assert [name for name, step in plan.items() if step["verdict"] == "run"] == ["generate_env", "start_services", "runner_after"]
    assert "--from generate_env" in plan["generate_env"]["why"]
    assert {step["verdict"] for step in shop.plan(noCache=True).values()} == {"run"}
    status, body = shop.thole.api(f"{API}/environments?dryRun=All", "POST",
                                  {"spec": {"name": "feat-x", "project": shop.file, "from": "generat_env"}})
    assert status == 404 and "generate_env" in body["message"], body


def test_a_plan_of_a_bad_config_or_name(shop):
    status, body = shop.thole.api(f"{API}/environments?dryRun=All", "POST", {"spec": {"name": "-x", "project": shop.file}})
    assert status == 422 and "name" in body["message"], body
    shop.write({"version": 1, "services": {"web": {"comand": "x"}}})
    status, body = shop.thole.api(f"{API}/environments?dryRun=All", "POST", {"spec": {"name": "feat-x", "project": shop.file}})
    assert status == 422 and body["details"]["problems"], body


def test_a_project_that_does_not_exist(shop):
    status, body = shop.thole.api(f"{API}/environments", "POST", {"spec": {"name": "feat-x", "project": "/nope"}})
    assert status == 422 and body["message"] == "/nope does not exist", body


def test_what_a_step_writes(shop):
    shop.create()
    file = shop.worktree() / "web" / ".env.local"
    view = shop.look("step?name=generate_env&reveal=true")
    assert view == {"path": "web/.env.local", "text": file.read_text(), "now": file.read_text(), "same": True}
    written = file.read_text()
    for step in ("generate_env", "write_manifest"):
        seen = shop.thole.run("env", "step", "feat-x", step, "--print").out
        assert "hunter2" not in seen and "by its name" not in seen and "********" in seen and "yes" in seen, seen
    file.write_text(written.replace("hunter2", "older-one"))
    diff = shop.thole.run("env", "step", "feat-x", "generate_env", "--dry-run")
    assert diff.out == "" and "only what is masked changes; --reveal shows it" in diff.err, diff
    assert "older-one" in shop.thole.run("env", "step", "feat-x", "generate_env", "--dry-run", "--reveal").out
    file.write_text(f"GONE=secret\n{written}")
    assert "-GONE=********\n" in shop.thole.run("env", "step", "feat-x", "generate_env", "--dry-run").out
    file.write_text("mine\n")
    assert shop.look("step?name=generate_env")["now"] == "mine\n"
    file.unlink()
    assert shop.look("step?name=generate_env")["now"] is None
    manifest = shop.look("step?name=write_manifest&reveal=true")
    assert manifest["path"] == ".thole.json" and json.loads(manifest["text"])["env_name"] == "feat-x" and manifest["now"] == manifest["text"]
    assert shop.look("step?name=seed_db") == {"hook": "seed_db", "command": CONFIG["provisioner"]["services"]["db"]["seed"]}
    assert shop.look("step?name=allocate_ports") == {"files": []}
    assert "did you mean seed_db" in shop.look("step?name=sed_db", 404)
    printed = shop.thole.run("env", "step", "feat-x", "generate_env", "--print", "--reveal")
    assert "DB=" in printed.out and "hunter2" in printed.out


def test_where_the_worktree_is_is_no_secret(shop):
    made = shop.create()
    entry = shop.look("entry")
    assert entry["steps"]["create_compute"]["outputs"] == {"worktreePath": made["spec"]["path"]}
    assert "hunter2" not in json.dumps(entry)


def test_variables_of_hooks(shop):
    made = shop.create()
    view = shop.look("variables")
    variables = view["variables"]
    assert view["path"] == made["spec"]["path"]
    for prefix in ("THOLE_", "PREVIEWCTL_"):
        assert variables[prefix + "ENV_NAME"] == "feat-x" and variables[prefix + "BRANCH"] == "feat-x"
        assert variables[prefix + "WORKTREE_PATH"] == made["spec"]["path"]
        assert variables[prefix + "PORT_WEB"] == str(made["status"]["ports"]["web"])
    assert "PATH" not in variables and "HOME" not in variables


def test_variables_of_a_service_are_those_of_its_file(shop):
    made = shop.create()
    seen = shop.look("variables?service=web&reveal=true")["variables"]
    assert seen == {"DB": "postgres://u:hunter2@h/feat-x?x=1", "PORT": str(made["status"]["ports"]["web"]), "PLAIN": "yes",
                    "NAMED": "by its name"}
    masked = shop.look("variables?service=web")["variables"]
    assert masked == {**seen, "DB": "********", "NAMED": "********"}
    assert shop.look("variables?service=worker")["variables"] == {}
    assert 'shop has no service "wob"; did you mean web?' in shop.look("variables?service=wob", 404)
    result = shop.thole.run("env", "env", "feat-x", "web", "--reveal")
    assert "DB='postgres://u:hunter2@h/feat-x?x=1'" in result.out, result


def set_values(shop, values, code=200):
    status, body = shop.thole.api(shop.path("/values"), "PATCH", values, headers={"Content-Type": "application/merge-patch+json"})
    assert status == code, body
    return body if code == 200 else body["message"]


def test_key_values(shop):
    shop.create()
    assert set_values(shop, {"TOKEN": "s3cret", "empty": "", "a-b": "x=1\ny"}) == {
        "values": {"TOKEN": "********", "empty": "********", "a-b": "********"}}
    assert shop.look("values?reveal=true")["values"] == {"TOKEN": "s3cret", "empty": "", "a-b": "x=1\ny"}
    assert shop.look("variables")["variables"]["THOLE_STORE_TOKEN"] == "********"
    assert shop.look("variables?reveal=true")["variables"]["THOLE_STORE_TOKEN"] == "s3cret"
    set_values(shop, {"TOKEN": None, "NEW": "n", "unknown": None})
    assert shop.look("values?reveal=true")["values"] == {"NEW": "n", "empty": "", "a-b": "x=1\ny"}
    assert '"1x" is no name of a key-value' in set_values(shop, {"A": "1", "1x": "2"}, 422)
    assert "expected a string" in set_values(shop, {"A": "1", "B": 2}, 422)
    assert "A" not in shop.look("values")["values"]
    audit = [entry for entry in shop.look("entry?audit=true")["auditLog"] if entry["action"].startswith("value_")]
    assert [(entry["action"], entry["message"]) for entry in audit] == [
        ("value_set", "TOKEN, a-b, empty"), ("value_set", "NEW; unset: TOKEN, unknown")], audit
    assert "s3cret" not in json.dumps(shop.look("entry?audit=true"))


def test_key_values_by_hand(shop):
    shop.create()
    run = shop.thole.run
    run("env", "store", "set", "feat-x", "TOKEN=s3cret", "URL=a=b")
    assert run("env", "store", "get", "feat-x", "URL").out == "a=b\n"
    assert run("env", "store", "list", "feat-x").out == "TOKEN=********\nURL=********\n"
    assert run("env", "store", "list", "feat-x", "--reveal").out == "TOKEN=s3cret\nURL=a=b\n"
    run("env", "store", "unset", "feat-x", "TOKEN")
    assert run("env", "store", "list", "feat-x", "--reveal").out == "URL=a=b\n"
    assert "no name of a key-value" in run("env", "store", "set", "feat-x", "1x=2", code=2).err


def test_key_values_are_set_while_a_hook_runs(thole):
    """Whatever an operation holds: nothing is lost on either side."""
    shop = Shop(thole)
    config = json.loads(json.dumps(CONFIG))
    config["provisioner"]["services"]["db"]["seed"] = "echo in >>$LEDGER; until [ -e $GO ]; do sleep 0.05; done; echo URL=x; echo GLOBAL_HOOKED=yes"
    shop.write(config)
    go = thole.base / "go"
    live = thole.popen("env", "create", "feat-x", env={"GO": str(go)})
    thole.wait_ledger("in")
    set_values(shop, {"MINE": "1"})
    go.touch()
    assert live.wait() == 0, live
    assert shop.look("values?reveal=true")["values"] == {"HOOKED": "yes", "MINE": "1"}


def test_a_status_is_that_of_the_moment(thole):
    shop = Shop(thole)
    config = json.loads(json.dumps(CONFIG))
    waits = "echo {0} >>$LEDGER; until [ -e $GO/{0} ]; do sleep 0.05; done; "
    config["provisioner"]["services"]["db"].update(seed=waits.format("seed") + "echo URL=x", destroy=waits.format("destroy"))
    shop.write(config)

    def phase():
        return shop.object()["status"]["phase"]

    live = thole.popen("env", "create", "feat-x", env={"GO": str(thole.base)})
    thole.wait_ledger("seed")
    assert phase() == "creating"
    (thole.base / "seed").touch()
    assert live.wait() == 0 and phase() == "running", live
    thole.run("env", "stop", "feat-x")
    assert phase() == "stopped"
    live = thole.popen("env", "delete", "feat-x", env={"GO": str(thole.base)})
    thole.wait_ledger("destroy")
    assert phase() == "deleting"
    [entry] = thole.run("env", "list", "--json").json()  # previewctl does not know that word
    assert entry["status"] == "error" and entry["thole"]["status"] == "deleting" and entry["thole"]["error"] == "it was being deleted"
    (thole.base / "destroy").touch()
    assert live.wait() == 0 and not shop.objects(), live


def test_lists_of_a_project_and_of_a_place(shop):
    made = shop.create()
    shop.create("feat-y")
    tree = shop.worktree()
    assert set(shop.objects(project=shop.file)) == {"feat-x", "feat-y"}
    assert set(shop.objects(project=tree / "thole.yaml")) == {"feat-x", "feat-y"}
    assert not shop.objects(project=tree / "web" / "thole.yaml") and not shop.objects(project="/nowhere/thole.yaml")
    assert set(shop.objects(at=tree)) == set(shop.objects(at=tree / "web" / "index.html")) == {"feat-x"}
    assert not shop.objects(at=shop.thole.project) and not shop.objects(at=f"{tree}y")
    assert set(shop.objects(at=tree, project=shop.file)) == {"feat-x"}
    assert "absolute path" in shop.get(f"{API}/environments?at=.", 400)
    assert made["metadata"]["name"] in shop.thole.run("env", "show", cwd=tree / "web").out


def test_of_worktrees_that_lie_in_each_other_the_innermost_is_meant(shop):
    shop.create()
    outer = shop.worktree()
    for name in ("a", "z"):  # before it and behind it, in whatever order they are kept
        shop.create(name, "--path", str(outer / "inside" / name))
    for name in ("a", "z"):
        inner = shop.worktree(name)
        assert set(shop.objects(at=inner / "web")) == {name}
        assert set(shop.objects(project=inner / "thole.yaml")) == {"a", "feat-x", "z"}
        port = shop.object(name)["status"]["ports"]["web"]
        assert f"PORT={port}" in shop.thole.run("env", "env", "web", cwd=inner).lines
    assert set(shop.objects(at=outer / "inside")) == {"feat-x"}


def test_infrastructure_where_there_is_none(shop):
    shop.create()
    assert shop.look("infrastructure") == {"running": False, "services": []}


def test_a_table_of_environments(shop):
    shop.create()
    accept = {"Accept": "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"}
    status, table = shop.thole.api(f"{API}/environments", headers=accept)
    assert status == 200 and [column["name"] for column in table["columnDefinitions"] if not column["priority"]] == [
        "Name", "Status", "Branch", "Mode", "Age", "Path"]
    assert table["rows"][0]["cells"][:4] == ["feat-x", "running", "feat-x", "local"]


def test_what_is_invalidated_is_said_once_it_is_so(shop):
    shop.create()
    result = shop.thole.run("env", "invalidate", "feat-x", "write_manifest")
    assert result.lines[0] == "write_manifest", result
    assert {name for name, step in shop.steps().items() if step["status"] == "invalidated"} == set(result.lines)
    again = shop.thole.run("env", "invalidate", "feat-x", "write_manifest")
    assert again.out == "" and "nothing changes" in again.err
    assert "did you mean write_manifest" in shop.thole.run("env", "invalidate", "feat-x", "write_manifst", code=None).err
    strict = shop.path("/invalidate") + ("&" if "?" in shop.path("/invalidate") else "?") + "fieldValidation=Strict"
    for body, said in (({"step": "seed_db", "stpe": 1}, 'unknown field "stpe"'), ({"step": 7}, "step: expected a string"), ({}, "step: it is missing")):
        status, refused = shop.thole.api(strict, "POST", body)
        assert status in (400, 422) and said in refused["message"], (body, refused)
    assert shop.steps()["seed_db"]["status"] == "completed"


def objects_of(shop, **query):
    """What a watch tells, one by one."""
    connection = driver.UnixConnection(shop.thole.socket_path(), 30)
    connection.request("GET", f"{API}/environments?watch=true&{urllib.parse.urlencode(query)}")
    reply = connection.getresponse()
    while line := reply.readline():
        event = json.loads(line)
        yield event["type"], event["object"]


def events_of(shop, **query):
    return ((kind, item["spec"]["name"]) for kind, item in objects_of(shop, **query))


def test_a_watch_of_a_project_tells_of_its_end(shop):
    shop.create()
    events = events_of(shop, project=shop.file)
    assert next(events) == ("ADDED", "feat-x")
    shop.thole.run("env", "delete", "feat-x")
    assert any(event == ("DELETED", "feat-x") for event in events)


def test_a_watch_of_a_place_tells_when_there_is_one(shop):
    place = shop.thole.base / "here"
    events = events_of(shop, at=place / "web")
    shop.create("feat-y")
    shop.create("feat-x", "--path", str(place))
    assert next(events) == ("ADDED", "feat-x")
    shop.thole.run("env", "delete", "feat-x")
    assert any(event == ("DELETED", "feat-x") for event in events)


def test_what_is_shown_of_an_operation(shop):
    made = shop.create()
    operation = made["status"]["operation"]
    assert operation["kind"] == "create" and operation["state"] == "done" and operation["since"].startswith("20")
    assert "message" not in operation
    go = shop.thole.base / "go"
    config = json.loads(json.dumps(CONFIG))
    config["provisioner"]["services"]["db"]["seed"] = f"echo in >>$LEDGER; until test -e {go}; do sleep 0.02; done; echo URL=x"
    shop.write(config)
    live = shop.thole.popen("env", "create", "feat-x")
    shop.thole.wait_ledger("in")
    operation = shop.object()["status"]["operation"]
    assert (operation["state"], operation["step"]) == ("running", "seed_db") and operation["message"].startswith("Seeding db"), operation
    go.touch()
    assert live.wait() == 0, live


def test_the_session_that_runs_its_services_is_shown_as_long_as_there_is_one(shop):
    slug = shop.create()["status"]["session"]
    assert shop.get(f"/apis/tilt.dev/v1alpha1/sessions/{slug}")["metadata"]["name"] == slug
    assert re.search(rf"^  session +{slug}$", shop.thole.run("env", "show", "feat-x").out, re.M)
    seen = objects_of(shop, project=shop.file)
    assert next(seen)[1]["status"]["session"] == slug
    shop.thole.run("down", cwd=shop.worktree())
    assert next(item for _, item in seen if "session" not in item["status"])["status"]["phase"] == "stopped"
    shop.thole.run("up", "-d", cwd=shop.worktree())
    assert next(item for _, item in seen if item["status"].get("session") == slug)["status"]["phase"] == "running"
    shop.thole.run("stop", *CONFIG["services"], cwd=shop.worktree())
    assert next(item for _, item in seen if item["status"]["phase"] == "stopped")["status"]["session"] == slug


def test_an_event_and_the_record_of_a_step_tell_the_same_time(shop):
    events = [json.loads(line) for line in shop.thole.run("env", "create", "feat-x", "--json").lines]
    told = {event["step"]: event["durationMs"] for event in events if event.get("step") and event["status"] == "completed"}
    assert told == {name: step["durationMs"] for name, step in shop.steps().items()}


def test_what_is_known_is_shown_with_a_config_that_is_not_valid(shop):
    made = shop.create()
    said = [shop.thole.run("env", "env", *words, "--reveal").out for words in (("feat-x",), ("feat-x", "web"))]
    shop.write({"version": 1, "services": {"web": {"comand": "x"}}})
    assert [shop.thole.run("env", "env", *words, "--reveal").out for words in (("feat-x",), ("feat-x", "web"))] == said and all(said)
    assert shop.thole.run("env", "exec", "feat-x", "--", "pwd").out == made["spec"]["path"] + "\n"
    result = shop.thole.run("env", "show", "feat-x")
    assert made["spec"]["path"] in result.out and "thole vet" in result.err, result
    assert shop.thole.run("env", "show", "feat-x", "--json").json()["entry"]["name"] == "feat-x"
    assert "is not valid" in shop.look("steps", 422)


def test_one_on_another_machine(thole):
    shop = Shop(thole, {**CONFIG, "infrastructure": {"compose_file": "compose.yaml"}, "provisioner": {
        **CONFIG["provisioner"], "compute": {"create": "echo VM_IP=10.0.0.7; echo SSH_USER=deploy", "outputs": ["VM_IP"], "destroy": "true"}}})
    thole.file("compose.yaml", "services: {cache: {image: redis, ports: [6379]}}\n")
    said = thole.run("env", "create", "feat-x").err
    assert "it is on another machine: there no manifest is written and nothing is run yet, that comes later" in said, said
    assert shop.object()["spec"]["compute"] == "ssh" and shop.object()["spec"]["host"] == "10.0.0.7"
    assert all(url.startswith("http://10.0.0.7:") for url in shop.object()["status"]["urls"].values())
    assert "ssh, 10.0.0.7 (nothing is run there yet: that comes later)" in thole.run("env", "show", "feat-x").out
    view = shop.look("variables")
    assert view["path"] == "" and view["variables"]["THOLE_VM_IP"] == "10.0.0.7" and view["variables"]["THOLE_SSH_USER"] == "deploy"
    seen = shop.look("infrastructure")
    assert not seen["running"] and "later" in seen["error"] and seen["services"][0]["state"] == "unknown", seen
    assert shop.steps()["create_compute"]["status"] == "completed"
    thole.run("env", "exec", "feat-x", "--", "true", code=3)


def test_discovery_knows_the_kind(shop):
    resources = {resource["name"]: resource for resource in shop.get(f"{API}")["resources"]}
    kind = resources["environments"]
    assert kind["kind"] == "Environment" and kind["namespaced"] and kind["shortNames"] == ["env"]
    assert set(kind["verbs"]) == {"create", "delete", "get", "list", "watch"}
    for below in ("steps", "step", "variables", "values", "infrastructure", "entry", "invalidate"):
        assert f"environments/{below}" in resources
