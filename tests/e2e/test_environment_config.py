# SPDX-License-Identifier: Apache-2.0
"""What a config says of environments, seen by somebody who has none."""

from driver import wait_until

PROJECT = """\
version: 1
infrastructure: {compose_file: compose.yaml}
provisioner: {services: {db: {outputs: [URL], seed: x}}}
services:
  api:
    command: echo "url=$URL over=$OVER"; exec sleep 1000
    depends_on: [db, redis]
    env: {URL: "{{provisioner.db.URL}}", OVER: file}
"""


def test_up_reads_the_env_file_and_sees_it_change(thole):
    thole.config(PROJECT)
    thole.file("compose.yaml", "services: [broken\n")
    refused = thole.run("up", "-d", code=2)
    assert "services.api.env.URL: {{provisioner.db.URL}}: only an environment has this" in refused.err
    assert "make one with `thole env create NAME`, or set URL in .env.local" in refused.err
    assert refused.err.splitlines()[-1].endswith("thole.yaml is not valid")  # the compose file is broken, too
    thole.file("compose.yaml", "services: {redis: {ports: ['${P:-1}:1']}}\n")
    for words in (["up", "-d"], ["up", "--dry-run"]):
        assert thole.run(*words, code=2).err.splitlines()[-1] == \
            f"thole: {thole.project}/thole.yaml runs in an environment alone: `thole env create NAME` makes one"
    assert "is valid" in thole.run("vet").out
    thole.file("compose.yaml", "services: [broken\n")
    env = thole.file(".env.local", "URL='pg://$x'\n")
    thole.run("up", "-d", "--wait")
    wait_until(lambda: "api:serve | url=pg://$x over=file" in thole.run("logs", "api").lines)
    thole.file(".env.local", "URL='pg://$x'\nOVER=local\n")
    thole.run("up", "-d", "--wait")
    wait_until(lambda: "api:serve | url=pg://$x over=local" in thole.run("logs", "api").lines)
    assert open(env).read() == "URL='pg://$x'\nOVER=local\n"
    thole.run("ps")  # a compose file that is broken is nothing to it


def test_vet_reads_compose_files_and_overlays(thole):
    thole.config(PROJECT)
    compose = thole.file("compose.yaml", "services:\n  redis: {ports: [x]}\n")
    assert f'{compose}:2:19: services.redis.ports[0]: "x" is no port mapping' in thole.run("vet", code=2).err
    thole.file("compose.yaml", "services:\n  redis: {ports: ['${P:-1}:1']}\n")
    thole.run("vet")
    overlay = thole.file("thole.preview.yaml", "services:\n  api: {prt: 1}\n")
    said = thole.run("vet", code=2).err
    assert f'{overlay}:2:9: services.api: unknown key "prt"' in said and said.endswith(f"{overlay} has 1 problem\n"), said
    thole.file("thole.yaml", "version: 1\nservice: {}\n")
    assert thole.run("vet", code=2).err.splitlines()[-1].endswith(": 2 problems"), "of two files"


def test_previewctl_yaml_is_vetted_under_its_own_name(thole):
    path = thole.file("previewctl.yaml", "version: 1\nname: shop\nextra: 1\nservices: {web: {path: ., port: 3000, start: x}}\n")
    said = thole.run("vet")
    assert f'{path}:3:1: warning: unknown key "extra" is ignored' in said.err + said.out


def test_up_of_what_has_nothing_to_start_says_so(thole):
    path = thole.file("previewctl.yaml", "version: 1\nname: shop\nservices: {web: {path: ., port: 3000, start: x}}\n")
    assert f"nothing is there to start: no service of {path} has a `command`" in thole.run("up", "-d").err
    assert "nothing is there" not in thole.run("up", "-d").err  # it is up, and that is said
    thole.run("down")
    thole.config({"version": 1, "services": {"web": {"command": "exec sleep 1000"}}})
    assert "nothing is there" not in thole.run("up", "-d").err


def test_more_ports_than_an_environment_has_room_for_are_told_by_vet(thole):
    def vet(n, code):
        services = "".join(f"  s{i}: {{path: ., port: auto, command: x}}\n" for i in range(n))
        path = thole.file("thole.yaml", f"version: 1\nrunner: {{deploy: 'true'}}\nservices:\n{services}")
        return path, thole.run("vet", code=code).err
    path, said = vet(101, 2)
    assert f"{path}:3:1: services: 101 ports are needed, but an environment has room for 100" in said, said
    vet(100, 0)
