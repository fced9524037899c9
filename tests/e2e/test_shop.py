# SPDX-License-Identifier: Apache-2.0
"""examples/shop as a person uses it: it opens, sells, ships, survives, closes."""

import json
import shutil
import urllib.error
import urllib.request

import pytest

import driver


@pytest.fixture
def shop(thole):
    """The example on ports of its own; `shop.page` is its address."""
    web, api = driver.free_port(), driver.free_port()
    shutil.copytree(driver.SOURCE / "examples" / "shop", thole.project, dirs_exist_ok=True, ignore=shutil.ignore_patterns("data", ".thole"))
    text = (thole.project / "thole.yaml").read_text()
    assert "18080" in text and "18081" in text
    thole.config(text.replace("18080", str(web)).replace("18081", str(api)))
    thole.page = f"http://127.0.0.1:{web}/"
    thole.run("up", "-d", "--wait", "--timeout", "30s")
    return thole


def fetch(address, body=None):
    request = urllib.request.Request(address, None if body is None else json.dumps(body).encode())
    with urllib.request.urlopen(request, timeout=20) as reply:
        text = reply.read().decode()
    return json.loads(text) if reply.headers["Content-Type"] == "application/json" else text


def buy(shop):
    number = fetch(shop.page + "api/orders", {"item": "oar", "quantity": 2})["id"]
    return fetch(f"{shop.page}api/orders/{number}?wait=shipped")


def test_the_shop_opens_and_ships(shop):
    assert "The thole shop" in fetch(shop.page)
    assert {item["name"] for item in fetch(shop.page + "api/items")} == {"oar", "thole pin", "rope", "lantern"}
    assert buy(shop)["state"] == "shipped"
    targets = shop.targets()
    assert targets["migrate:update"]["state"]["terminated"].get("exitCode") == 0
    assert all(targets[f"{name}:serve"]["state"]["active"]["ready"] for name in ("api", "web", "worker"))
    said = shop.run("logs", "worker").out
    assert "order 1: shipped" in said and "token ********" in said and "2f1c9a" not in said


def test_a_wrong_order_is_refused(shop):
    with pytest.raises(urllib.error.HTTPError) as refused:
        fetch(shop.page + "api/orders", {"item": "anchor", "quantity": 1})
    assert refused.value.code == 422


@pytest.mark.parametrize("victim", ["api", "worker"])
def test_a_killed_service_comes_back_and_no_order_is_lost(shop, victim):
    before = buy(shop)["id"]
    killed = shop.target(f"{victim}:serve")["state"]["active"]
    shop.kill(killed["pid"])
    again = shop.wait_target(f"{victim}:serve", "active", ready=True, run=killed["run"] + 1)
    assert again["pid"] != killed["pid"]
    assert buy(shop)["id"] == before + 1
    assert [order["state"] for order in fetch(shop.page + "api/orders")] == ["shipped"] * (before + 1)


def test_the_shop_survives_its_server(shop):
    pids = {name: target["state"]["active"]["pid"] for name, target in shop.targets().items() if target["state"].get("active")}
    shop.kill(shop.server_pid())
    assert buy(shop)["state"] == "shipped"
    assert {name: target["state"]["active"]["pid"] for name, target in shop.targets().items() if target["state"].get("active")} == pids


def test_down_closes_it(shop):
    shop.run("down")
    driver.wait_until(lambda: not shop.pins(), 10, "every pin to be gone")
    with pytest.raises(urllib.error.URLError):
        fetch(shop.page)
    assert "the worker goes home" in shop.run("logs", "worker").out


def test_ci_ends_as_soon_as_it_is_ready(shop):
    shop.run("down")
    shop.run("ci", timeout=30)
    driver.wait_until(lambda: not shop.pins(), 10, "every pin to be gone")


@pytest.mark.parametrize("project", [".", "examples/shop"])
def test_our_own_files_are_in_order(thole, project):
    assert thole.run("vet", cwd=driver.SOURCE / project).err == ""
