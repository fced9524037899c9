# SPDX-License-Identifier: Apache-2.0
"""Configs of workflows for tests."""

import json


def step(name, *commands, **more):
    return {"name": name, "uuid": "U" + name, "type": "commands", "image": "sh", "on_success": True,
            "environment": {}, "commands": list(commands), **more}


def config(*stages, **more):
    return {"pipeline": [{"steps": list(steps)} for steps in stages], **more}


def write_config(thole, *stages, name="config.json", **more):
    return str(thole.file(name, json.dumps(config(*stages, **more))))
