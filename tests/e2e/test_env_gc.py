# SPDX-License-Identifier: Apache-2.0
"""`thole env gc`: what is left of environments that are no more, or whose time has passed; and what it never touches."""

import json
import pathlib
import shutil
import sqlite3
import time
import urllib.parse

import pytest

from driver import alive, link_of, pids, wait_until
from env_shop import API, CONFIG, Shop
from git_repository import Repository


@pytest.fixture
def shop(thole):
    return Shop(thole)


def orphans(shop):
    """{(kind, name): the orphan}"""
    found = shop.thole.run("env", "gc", "--dry-run", "-o", "json").json()
    return {(orphan["kind"], orphan["name"]): orphan for orphan in found}


def remove(shop, kind, name, code=200):
    query = urllib.parse.urlencode({"project": shop.file, "kind": kind, "name": name})
    status, body = shop.thole.api(f"{API}/environmentorphans?{query}", "DELETE")
    assert status == code, body
    return body


def worktrees(shop):
    """Where those of the project are."""
    return shop.worktree().parent


def forget(shop, name):
    """The store loses an environment, as if the file had been restored from a copy of before."""
    shop.thole.run("down", cwd=shop.worktree(name))
    shop.thole.run("server", "stop")
    with sqlite3.connect(shop.thole.state / "thole.db") as database:
        ids = [row[0] for row in database.execute("SELECT id FROM environment WHERE name = ?", (name,))]
        for table in ("step", "value", "audit"):
            database.execute(f"DELETE FROM {table} WHERE environment = ?", ids)
        database.execute("DELETE FROM environment WHERE id = ?", ids)
    shop.thole.run("env", "list")


def test_nothing_is_left_of_what_lives(shop):
    shop.create()
    shop.create("feat/y", "--path", str(shop.thole.base / "elsewhere"))
    assert not orphans(shop)
    shop.thole.run("env", "delete", "feat-x")
    shop.thole.run("env", "delete", "feat/y")
    assert not orphans(shop)
    assert "nothing is left" in shop.thole.run("env", "gc", "-y").err


def test_all_of_one_that_the_store_has_forgotten(shop):
    shop.create("stays")
    shop.create()
    tree = shop.worktree()
    forget(shop, "feat-x")
    found = orphans(shop)
    [session] = [path.name for path in (shop.thole.state / "sessions").iterdir() if str(tree) in (path / "session.json").read_text()]
    assert set(found) == {("worktree", "feat-x"), ("directory", "feat-x"), ("session", session), ("ports", "feat-x")}, found
    assert all(orphan["removable"] for orphan in found.values()), found
    assert found["worktree", "feat-x"]["path"] == str(tree) and "ports 6" in found["ports", "feat-x"]["why"]
    shop.thole.run("env", "gc", "-y")
    assert not orphans(shop) and not tree.exists() and tree not in shop.repository.worktrees()
    assert shop.worktree("stays").exists() and set(shop.objects()) == {"stays"}


def test_a_worktree_with_work_in_it_is_left_alone(shop):
    shop.create()
    tree = shop.worktree()
    (tree / "mine.txt").write_text("work\n")
    forget(shop, "feat-x")
    orphan = orphans(shop)["worktree", "feat-x"]
    assert not orphan["removable"] and "mine.txt" in orphan["why"], orphan
    assert "mine.txt" in remove(shop, "worktree", "feat-x", 409)["message"]
    shop.thole.run("env", "gc", "-y")
    assert (tree / "mine.txt").exists()


def test_where_services_run_nothing_is_removed(shop):
    """The store was lost, or is a copy of before."""
    shop.create()
    tree = shop.worktree()
    shop.thole.run("server", "stop")
    (shop.thole.state / "thole.db").unlink()
    found = orphans(shop)
    for kind in ("worktree", "directory"):
        assert not found[kind, "feat-x"]["removable"] and f"services run in it: `thole --file {tree}/thole.yaml down`" in found[kind, "feat-x"]["why"], found
    assert "services run in it" in remove(shop, "worktree", "feat-x", 409)["message"]
    shop.thole.run("env", "gc", "-y")
    assert tree.exists() and (shop.thole.state / "environments" / tree.parent.name / "feat-x").exists()
    shop.thole.run("--file", tree / "thole.yaml", "down")
    assert orphans(shop)["worktree", "feat-x"]["removable"]


def test_what_runs_where_no_directory_is_any_more_is_named(shop):
    shop.create()
    tree = shop.worktree()
    shop.thole.run("server", "stop")
    (shop.thole.state / "thole.db").unlink()
    shutil.rmtree(tree)
    shutil.rmtree(shop.thole.state / "environments")
    shop.repository.git("worktree", "prune")
    [(kind, name), orphan] = next(iter(orphans(shop).items()))
    assert kind == "session" and not orphan["removable"] and f"`thole --file {tree}/thole.yaml down` ends it" in orphan["why"], orphan
    assert shop.thole.run("env", "gc", "-y").code == 0 and shop.thole.pins()
    shop.thole.run("--file", tree / "thole.yaml", "down")
    assert not shop.thole.pins() and orphans(shop)["session", name]["removable"]


def test_where_another_server_runs_services_nothing_is_removed(shop, make_thole):
    shop.create()
    tree = shop.worktree()
    shop.thole.run("--file", tree / "thole.yaml", "down")
    forget(shop, "feat-x")
    other = make_thole()
    other.run("up", "-d", "--wait", cwd=tree)
    assert f"services run in it under another server: `THOLE_RUNTIME_DIR={other.runtime} THOLE_STATE_DIR={other.state} thole down` there" in remove(shop, "worktree", "feat-x", 409)["message"]
    other.run("down", cwd=tree)
    assert orphans(shop)["worktree", "feat-x"]["removable"]


def test_what_another_store_knows_is_left_alone(shop):
    shop.create()
    tree = shop.worktree()
    shop.thole.run("down", cwd=tree)
    shop.thole.run("server", "stop")
    other = {**shop.thole.env, "THOLE_STORE": str(shop.thole.base / "other.db")}
    found = {(orphan["kind"], orphan["name"]): orphan for orphan in shop.thole.run("env", "gc", "--dry-run", "-o", "json", env=other).json()}
    for kind in ("worktree", "directory"):
        assert not found[kind, "feat-x"]["removable"] and f"in another store, {shop.thole.state}/thole.db" in found[kind, "feat-x"]["why"], found
    shop.thole.run("env", "gc", "-y", env=other)
    refused = shop.thole.run("env", "create", "feat-x", code=3, env=other).err
    assert f"environment 'feat-x' of this project is in another store, {shop.thole.state}/thole.db" in refused, refused
    shop.thole.run("server", "stop", code=None)  # it may have left by itself
    assert tree.exists() and "feat-x" in shop.thole.run("env", "list").out


def test_ports_that_this_version_does_not_know(shop):
    shop.create()
    shop.thole.run("server", "stop")
    with sqlite3.connect(shop.thole.state / "thole.db") as database:
        database.execute("UPDATE port_block SET block = 2147483648, name = 'gone'")
    assert orphans(shop)["ports", "gone"]["why"] == "ports that this version does not know are kept for one that is no more"


def test_a_worktree_that_was_kept_is_left_alone(shop):
    """Until there is an environment for it again, and that is deleted."""
    shop.create()
    tree = shop.worktree()
    shop.thole.run("env", "delete", "feat-x", "--keep-worktree")
    orphan = orphans(shop)["worktree", "feat-x"]
    assert not orphan["removable"] and "git worktree remove" in orphan["why"], orphan
    shop.thole.run("env", "gc", "-y", code=None)
    assert tree.exists()
    shop.create()
    shop.thole.run("env", "delete", "feat-x")
    assert not tree.exists() and not orphans(shop)


def test_what_git_does_not_know_is_left_alone(shop):
    shop.create()
    base = worktrees(shop)
    (base / "notes").mkdir()
    (base / "notes" / "a.txt").write_text("a\n")
    (base / "empty").mkdir()
    other = Repository.init(base / "other", shop.thole.env)
    found = orphans(shop)
    assert {name: orphan["removable"] for (_, name), orphan in found.items()} == {"notes": False, "empty": True, "other": False}, found
    shop.thole.run("env", "gc", "-y")
    assert (base / "notes" / "a.txt").exists() and not (base / "empty").exists() and other.head


def test_a_record_of_git_whose_tree_is_gone(shop):
    shop.create()
    tree = shop.worktree()
    forget(shop, "feat-x")
    shutil.rmtree(tree)
    orphan = orphans(shop)["worktree", "feat-x"]
    assert orphan["removable"] and "git still lists it" in orphan["why"]
    remove(shop, "worktree", "feat-x")
    assert tree not in shop.repository.worktrees()


def test_worktrees_of_people_are_none_of_ours(shop):
    shop.create("stays")
    mine = shop.thole.base / "shop-mine"
    shop.repository.git("worktree", "add", "-q", "-b", "mine", mine)
    gone = shop.thole.base / "gone"
    shop.repository.git("worktree", "add", "-q", "-b", "gone", gone)
    shutil.rmtree(gone)
    assert not orphans(shop)
    shop.thole.run("env", "gc", "-y")
    assert mine.exists() and set(shop.repository.worktrees()) >= {mine, gone}


def test_another_project_is_none_of_ours(shop):
    shop.create("stays")
    project = shop.thole.another_project("zoo")
    shop.thole.config({**CONFIG, "name": "zoo"}, project=project)
    shop.thole.file("web/index.html", "hello\n", project=project)
    shop.thole.file(".gitignore", ".env.local\n.thole.json\n.thole/\n", project=project)
    Repository.init(project, shop.thole.env)
    shop.thole.run("env", "create", "lion", cwd=project)
    forget(shop, "lion")
    assert not orphans(shop)
    theirs = shop.thole.run("env", "gc", "--dry-run", "-o", "json", cwd=project).json()
    assert {orphan["kind"] for orphan in theirs} == {"worktree", "directory", "session", "ports"}
    remove(shop, "worktree", "lion", 404)
    assert pathlib.Path(theirs[0]["path"]).exists()


def test_one_whose_time_has_passed(shop):
    shop.create("feat-x", "--ttl", "1s")
    shop.create("feat-y", "--ttl", "1h")
    shop.create("feat-z", "--ttl", "1s")
    (shop.worktree("feat-z") / "mine.txt").write_text("work\n")
    found = wait_until(lambda: (now := orphans(shop)) and len(now) == 2 and now, what="both to expire")
    assert set(found) == {("expired", "feat-x"), ("expired", "feat-z")}
    assert found["expired", "feat-x"]["removable"] and not found["expired", "feat-z"]["removable"]
    assert "mine.txt" in found["expired", "feat-z"]["why"]
    tree = shop.worktree()
    said = shop.thole.run("env", "gc", "-y").err
    assert "expired feat-x is gone" in said and "feat-z is" not in said
    assert set(shop.objects()) == {"feat-y", "feat-z"} and not tree.exists() and tree not in shop.repository.worktrees()


def test_one_that_a_forced_delete_could_not_undo(shop):
    config = json.loads(json.dumps(CONFIG))
    config["provisioner"]["services"]["db"]["destroy"] = "echo destroy >>$LEDGER; test -e $GO"
    shop.write(config)
    go = shop.thole.base / "go"
    shop.thole.env["GO"] = str(go)
    shop.create()
    shop.thole.run("env", "delete", "feat-x", "--force", code=None)
    orphan = orphans(shop)["leftover", "feat-x"]
    assert orphan["removable"] and "destroy_core_db" in orphan["why"], orphan
    refused = shop.thole.run("env", "gc", "-y", code=3)
    assert "leftover feat-x is not gone" in refused.err and shop.objects(), refused
    go.touch()
    shop.thole.run("env", "gc", "-y")
    assert not shop.objects()
    assert not orphans(shop) and shop.thole.ledger().count("destroy") == 3


@pytest.mark.parametrize("link", [False, True])
def test_what_took_the_place_of_a_worktree_is_left_alone(shop, link):
    """Git cannot say what it is: the way out is named before anything is undone, and gc says no."""
    shop.create()
    tree = shop.worktree()
    other = shop.thole.base / "other"
    tree.rename(other)
    if link:
        tree.symlink_to(other)
    else:
        tree.mkdir()
    refused = shop.thole.run("env", "delete", "feat-x", code=3).err
    assert f"failed in check_loss: {tree} is no worktree of {shop.thole.project} any more" in refused and "--keep-worktree" in refused, refused
    shop.thole.run("env", "delete", "feat-x", "--force", code=None)
    orphan = orphans(shop)["leftover", "feat-x"]
    assert not orphan["removable"] and orphan["why"].count("--keep-worktree") == 1, orphan
    assert shop.thole.run("env", "gc", "-y").code == 0 and shop.objects()
    shop.thole.run("env", "delete", "feat-x", "--keep-worktree")
    assert not shop.objects() and tree.exists() and other.exists()


def test_one_that_is_being_made_is_no_orphan(shop):
    config = json.loads(json.dumps(CONFIG))
    config["provisioner"]["services"]["db"]["seed"] = "echo in >>$LEDGER; until [ -e $GO ]; do sleep 0.05; done; echo URL=x"
    shop.write(config)
    go = shop.thole.base / "go"
    live = shop.thole.popen("env", "create", "feat-x", "--ttl", "1ms", env={"GO": str(go)})
    shop.thole.wait_ledger("in")
    assert not orphans(shop)
    go.touch()
    assert live.wait() == 0, live
    assert set(orphans(shop)) == {("expired", "feat-x")}


def test_what_is_no_orphan_any_more_is_not_removed(shop):
    shop.create()
    forget(shop, "feat-x")
    assert ("ports", "feat-x") in orphans(shop)
    shop.create()
    for kind in ("worktree", "directory", "ports"):
        remove(shop, kind, "feat-x", 404)
    assert shop.worktree().exists()
    remove(shop, "tree", "feat-x", 400)


def test_one_whose_time_has_passed_goes_with_its_services_and_its_links(shop):
    shop.thole.file(".gitignore", ".env.local\n.thole.json\n.thole/\nnode_modules/\n")
    shop.thole.file("node_modules/x/index.js", "x\n")
    shop.repository.commit({".worktreeinclude": "link:node_modules\n"})
    shop.create("feat-x", "--ttl", "1s")
    tree = shop.worktree()
    services = [pid for pid in pids() if link_of(f"/proc/{pid}/cwd").startswith(f"{tree}")]
    assert services and (tree / "node_modules").is_symlink()
    wait_until(lambda: orphans(shop).get(("expired", "feat-x")), what="it to expire")
    shop.thole.run("env", "gc", "-y")
    assert not shop.objects() and not tree.exists() and not any(map(alive, services))
    assert (shop.thole.project / "node_modules/x/index.js").exists() and not orphans(shop)


def test_a_session_of_a_tree_that_was_given_a_path(shop):
    mine = shop.thole.base / "mine"
    shop.repository.git("worktree", "add", "-q", "-b", "mine", mine)
    (mine / "web/.env.local").write_text("DB=x\nPORT=1\n")
    shop.thole.run("up", "-d", cwd=mine)
    shop.thole.run("down", cwd=mine)
    there = shop.thole.base / "there"
    shop.create("feat-x", "--path", str(there))
    forget(shop, "feat-x")
    found = [orphan for (kind, _), orphan in orphans(shop).items() if kind == "session"]
    assert [orphan["path"] for orphan in found] == [str(there)], found
    shop.thole.run("env", "gc", "-y")
    assert not orphans(shop) and there.exists(), "a tree elsewhere is its owner's"


def test_the_session_of_a_tree_that_lies_in_another(shop):
    """Asked from there it is the project's own."""
    within = shop.thole.project / ".worktrees/x"
    shop.create("feat-x", "--path", str(within))
    forget(shop, "feat-x")
    assert [orphan["path"] for (kind, _), orphan in orphans(shop).items() if kind == "session"] == [str(within)]
    found = shop.thole.run("env", "gc", "--dry-run", "-o", "json", cwd=within).json()
    assert not [orphan for orphan in found if orphan["kind"] == "session"], found


def test_what_all_share_is_left_once_there_is_none(shop):
    config = json.loads(json.dumps(CONFIG))
    config["provisioner"]["services"]["db"]["init"] = "echo init >>$LEDGER"
    shop.write(config)
    shop.thole.run("env", "hook", "db", "init")
    shop.create()
    assert not orphans(shop)
    shop.thole.run("env", "delete", "feat-x")
    assert set(orphans(shop)) == {("directory", "shared")}
    shop.thole.run("env", "gc", "-y")
    assert not orphans(shop) and not list((shop.thole.state / "environments").glob("*/*"))


# -- compose


def shop_with_infrastructure(thole, compose):
    config = json.loads(json.dumps(CONFIG))
    config["infrastructure"] = {"compose_file": "compose.yaml"}
    thole.file("compose.yaml", compose.text({"cache": {"ports": ["${CACHE_PORT:-6379}:6379"], "volumes": ["data:/data"]}, "queue": {}},
                                            volumes={"data": {}}))
    thole.env.update(compose.env)
    return Shop(thole, config)


def project_of(compose):
    (name,) = compose.projects()
    return name


def test_infrastructure_is_seen_as_it_runs(thole, compose):
    shop = shop_with_infrastructure(thole, compose)
    made = shop.create()
    seen = shop.look("infrastructure")
    assert seen == {"running": True, "services": [{"name": "cache", "state": "running", "port": made["status"]["ports"]["cache"]},
                                                  {"name": "queue", "state": "running"}]}
    compose.docker.ask("POST", f"/containers/{compose.containers(project_of(compose))['queue']['Id']}/kill")
    seen = shop.look("infrastructure")
    assert not seen["running"] and seen["error"] == "not running: queue"
    assert [service["state"] for service in seen["services"]] == ["running", "stopped"]
    assert shop.steps()["start_infra"]["stale"] and "queue" in shop.steps()["start_infra"]["why"]
    thole.run("env", "delete", "feat-x", "--force")


def test_infrastructure_whose_engine_does_not_answer(thole, compose):
    shop = shop_with_infrastructure(thole, compose)
    shop.create()
    thole.run("env", "delete", "feat-x", "--force")
    thole.run("server", "stop")
    thole.env["DOCKER_HOST"] = f"unix://{thole.base}/nobody"
    thole.run("env", "create", "feat-y", code=None)
    seen = shop.look("infrastructure", name="feat-y")
    assert not seen["running"] and seen["error"] and {service["state"] for service in seen["services"]} == {"unknown"}, seen
    thole.env.update(compose.env)


def test_a_compose_project_of_one_that_is_no_more(thole, compose):
    shop = shop_with_infrastructure(thole, compose)
    shop.create("stays")
    shop.create()
    tree = shop.worktree()
    (mine := thole.base / "mine").mkdir()
    shutil.copy(thole.project / "compose.yaml", mine)
    compose.run("-p", "shop-mine", "-f", str(mine / "compose.yaml"), "up", "-d", cwd=mine, env={"CACHE_PORT": "61999"})
    forget(shop, "feat-x")
    orphan = orphans(shop)["compose", "shop-feat-x"]
    assert orphan["removable"] and orphan["path"] == str(tree)
    thole.run("env", "gc", "-y")
    assert compose.projects() == {"shop-stays": 4, "shop-mine": 4} and not orphans(shop)
    thole.run("env", "delete", "stays", "--force")
    compose.run("-p", "shop-mine", "-f", str(mine / "compose.yaml"), "down", "-v", "-t", "0", cwd=mine)


def test_infrastructure_is_asked_of_the_engine_of_who_has_started_it(thole, compose):
    """Not of the one that the server would ask."""
    thole.run("env", "list", code=None)
    shop = shop_with_infrastructure(thole, compose)
    address = thole.env.pop("DOCKER_HOST")
    thole.run("server", "stop")
    thole.run("env", "list")
    thole.run("env", "create", "feat-x", env={"DOCKER_HOST": address})
    assert shop.look("infrastructure")["running"]
    thole.run("env", "delete", "feat-x", "--force", env={"DOCKER_HOST": address})
