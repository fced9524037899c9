# SPDX-License-Identifier: Apache-2.0
"""Environments, as the API tells of them."""

import pathlib

API = "/apis/thole.dev/v1alpha1"
ALL = f"{API}/environments"


def items(thole):
    status, said = thole.api(ALL)
    assert status == 200, said
    return said["items"] or []


def item(thole, name):
    """The Environment of this name; None: there is none."""
    found = [item for item in items(thole) if item["spec"]["name"] == name]
    assert len(found) < 2, found
    return found[0] if found else None


def path(item):
    """Where it is asked for."""
    return f"{API}/namespaces/{item['metadata']['namespace']}/environments/{item['metadata']['name']}"


def about(thole, name, what):
    """What the server says at its subresource."""
    status, said = thole.api(f"{path(item(thole, name))}/{what}")
    assert status == 200, said
    return said


def phase(thole, name):
    return item(thole, name)["status"]["phase"]


def ports(thole, name):
    return item(thole, name)["status"]["ports"]


def tree(thole, name):
    """The root of its worktree."""
    return pathlib.Path(item(thole, name)["spec"]["path"])
