# SPDX-License-Identifier: Apache-2.0
"""The man pages: there is one for each command, they say what the tables say, groff has nothing to complain about, and they
are installed where man looks; so are the completions."""

import json
import os
import re
import subprocess

import pytest

import driver

PAGES = driver.BUILD / "docs"


@pytest.fixture
def commands(thole):
    return thole.commands()


def shown(path):
    done = subprocess.run(["man", "--warnings", "-l", str(path)], capture_output=True, text=True, timeout=60,
                          env={**os.environ, "MANWIDTH": "100", "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8", "MAN_KEEP_FORMATTING": ""})
    assert done.returncode == 0 and not done.stderr, (path, done.stderr)
    return done.stdout


def test_there_is_a_page_for_each_command(commands):
    assert {path.name for path in PAGES.glob("*.[15]")} == {"thole.1", "thole.yaml.5", *(f"thole-{name}.1" for name in commands)}


def test_they_are_clean(thole):
    for path in sorted(PAGES.glob("*.[15]")):
        assert shown(path)
        done = subprocess.run(["groff", "-man", "-ww", "-Tutf8", "-z", str(path)], capture_output=True, text=True, timeout=60)
        assert done.returncode == 0 and not done.stderr, (path, done.stderr)
        text = path.read_text()
        assert text.isascii() and "`" not in text and not re.search(r"\]\(|\*\*", text), path


def test_they_say_what_the_program_says(thole, commands):
    for name in commands:
        page = re.sub(r"\s+", " ", shown(PAGES / f"thole-{name}.1"))
        words = thole.run("help", name).out
        for option in re.findall(r"^(?:  | {6})(?:-\w, )?(--[a-z-]+)", words, re.M):
            assert option in page, (name, option)
        assert f"thole-{name} -" in page and "SYNOPSIS" in page and "EXIT STATUS" in page


def test_commands_have_their_examples():
    assert "thole logs -f -n 20 api" in shown(PAGES / "thole-logs.1")
    assert "thole init --from Procfile" in shown(PAGES / "thole-init.1")
    assert "THOLE_STATE_DIR" in shown(PAGES / "thole.1") and "130, 143" in shown(PAGES / "thole.1")


def test_thole_yaml_has_every_key():
    page = shown(PAGES / "thole.yaml.5")
    keys = re.findall(r"^\| `([a-z_]+)` \|", (driver.SOURCE / "docs/keys.md").read_text(), re.M)
    assert len(keys) > 60
    for key in keys:
        assert re.search(rf"^ +{key}( |$)", page, re.M), key
    assert "pictures:" in page and "(5)" in page


def test_they_are_installed(tmp_path):
    if os.access(driver.BUILD / "meson-logs", os.W_OK):
        subprocess.run(["meson", "install", "-C", str(driver.BUILD), "--no-rebuild", "--destdir", str(tmp_path)], check=True, capture_output=True)
        files = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    else:  # another user's build: where its files would go
        files = {path.lstrip("/") for path in json.loads((driver.BUILD / "meson-info/intro-installed.json").read_text()).values()}
    for ending in ("bin/thole", "share/man/man1/thole.1", "share/man/man1/thole-up.1", "share/man/man5/thole.yaml.5",
                   "share/bash-completion/completions/thole", "share/zsh/site-functions/_thole",
                   "share/fish/vendor_completions.d/thole.fish"):
        assert [name for name in files if name.endswith("/" + ending)], (ending, sorted(files))
