# SPDX-License-Identifier: Apache-2.0
"""PATCH: what a session is for, and who is enabled."""

from driver import wait_until

TILT = "/apis/tilt.dev/v1alpha1"
THOLE = "/apis/thole.dev/v1alpha1"
MERGE = {"Content-Type": "application/merge-patch+json"}


def patch(thole, path, body):
    return thole.api(path, method="PATCH", body=body, headers=MERGE)


def session_path(thole):
    return f"{TILT}/sessions/{thole.session()['metadata']['name']}"


def target_path(thole, name):
    return f"{THOLE}/namespaces/{thole.session()['metadata']['name']}/targets/{name.replace(':', '.')}"


def test_a_session_becomes_a_ci_run(thole):
    """It is judged from then on, is done when all is well, and stops what runs."""
    thole.config("""
        version: 1
        services:
          a: {command: exec sleep 1000, ready: {exec: test -e go}}
        """)
    thole.run("up", "-d")
    thole.wait_target("a:serve", "active")
    path = session_path(thole)
    code, session = patch(thole, path, {"spec": {"exitCondition": "ci", "ci": {"timeout": "1h"}}})
    assert code == 200 and session["spec"]["exitCondition"] == "ci" and session["spec"]["ci"]["timeout"] == "1h0m0s"
    thole.replace_server()
    assert thole.api(path)[1]["spec"]["ci"]["timeout"] == "1h0m0s", "it is on disk"
    thole.file("go", "")
    wait_until(lambda: thole.api(path)[1]["status"]["done"])
    wait_until(lambda: not thole.pins())
    code, refused = patch(thole, path, {"spec": {"exitCondition": "manual"}})
    assert code == 409 and "is done" in refused["message"]


def test_the_generation_of_a_session_never_goes_back(thole):
    """Whatever changed it: people, or its file; and for the next server too."""
    config = "version: 1\nservices: {a: {command: exec sleep 1000, env: {N: '%d'}}}\n"
    thole.config(config % 0)
    thole.run("up", "-d")
    path = session_path(thole)
    seen = [thole.api(path)[1]["metadata"]["generation"]]
    for n in (1, 2):
        for timeout in ("1h", "2h", "3h"):
            code, session = patch(thole, path, {"spec": {"ci": {"timeout": timeout}}})
            assert code == 200
            seen.append(session["metadata"]["generation"])
        thole.config(config % n)
        thole.run("up", "-d")
        seen.append(thole.api(path)[1]["metadata"]["generation"])
        thole.replace_server()
        assert thole.api(path)[1]["metadata"]["generation"] == seen[-1]
    assert seen == sorted(set(seen)), seen


def test_a_ci_run_that_is_patched_times_out(thole):
    thole.config("version: 1\nservices: {a: {command: exec sleep 1000, ready: {exec: 'false'}}}\n")
    thole.run("ci", "-d")
    path = session_path(thole)
    assert patch(thole, path, {"spec": {"ci": {"timeout": "100ms"}}})[0] == 200
    wait_until(lambda: thole.api(path)[1]["status"].get("error", "").startswith("Timeout after 100ms"))


def test_a_patch_that_is_wrong_changes_nothing(thole):
    thole.config("version: 1\nservices: {a: {command: exec sleep 1000}}\n")
    thole.run("up", "-d", "--wait")
    path = session_path(thole)
    before = thole.api(path)[1]["spec"]
    for body, field in (({"spec": {"exitCondition": "x", "ci": {"timeout": "3s"}}}, "spec.exitCondition"),
                        ({"spec": {"exitCondition": "ci", "ci": {"timeout": "soon"}}}, "spec.ci.timeout"),
                        ({"spec": {"tiltfilePath": "/x", "exitCondition": "ci"}}, "spec.tiltfilePath")):
        code, reply = patch(thole, path, body)
        assert code == 422 and field in reply["message"]
    assert thole.api(path)[1]["spec"] == before
    assert patch(thole, path, {"spec": {}, "metadata": {"resourceVersion": "1"}})[0] == 409


def test_metadata_is_not_changed(thole):
    thole.config("version: 1\nservices: {a: {command: exec sleep 1000, labels: {x: y}}}\n")
    thole.run("up", "-d", "--wait")
    for path in session_path(thole), target_path(thole, "a:serve"):
        before = thole.api(path)[1]["metadata"]
        for change in {"labels": {"a": "b"}}, {"annotations": {"a": "b"}}, {"labels": None} if "labels" in before else {"finalizers": ["a"]}:
            code, reply = patch(thole, path, {"metadata": change})
            assert code == 422 and f"metadata.{next(iter(change))}: it cannot be changed" in reply["message"]
        assert thole.api(path)[1]["metadata"] == before
        assert patch(thole, path, {"metadata": before})[0] == 200, "what is so already"
    assert patch(thole, session_path(thole), {"metadata": 3})[0] == 422


def test_targets_are_disabled_and_enabled(thole):
    thole.config("version: 1\nservices: {a: {command: exec sleep 1000}, b: {command: exec sleep 1000, enabled: false}}\n")
    thole.run("up", "-d", "--wait")
    a, b = target_path(thole, "a:serve"), target_path(thole, "b:serve")
    code, target = patch(thole, a, {"spec": {"enabled": False}})
    assert code == 200 and target["spec"]["enabled"] is False
    wait_until(lambda: "disabled" in thole.api(a)[1]["status"]["state"])
    assert patch(thole, b, {"spec": {"enabled": True}})[0] == 200
    thole.wait_target("b:serve", "active")
    assert patch(thole, b, {"spec": {"enabled": None}})[1]["spec"]["enabled"] is False, "as the file says"
    wait_until(lambda: "disabled" in thole.api(b)[1]["status"]["state"])
    assert patch(thole, a, {"spec": {"target": "x"}})[0] == 422


def test_the_command_reaches_it(thole):
    import json
    thole.config("version: 1\nservices: {a: {command: exec sleep 1000}}")
    thole.run("up", "-d", "--wait")
    done = thole.run("api", "patch", session_path(thole), '{"spec": {"ci": {"timeout": "1h"}}}')
    assert json.loads(done.out)["spec"]["ci"]["timeout"] == "1h0m0s"
    assert "400" in thole.run("api", "PATCH", session_path(thole), '{', code=2).err
