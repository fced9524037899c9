# SPDX-License-Identifier: Apache-2.0
"""What the programs are made of: the CLI starts fast because it links next to nothing, a pin is static and can be read in one
sitting."""

import os
import pathlib
import re
import subprocess

SOURCE = pathlib.Path(os.environ.get("THOLE_SOURCE", pathlib.Path(__file__).resolve().parents[2]))
BUILD = pathlib.Path(os.environ.get("THOLE_BUILD") or SOURCE / "build")
SANITIZERS = {"libasan", "libubsan", "libm"}


def needed(program):
    """Names of the shared libraries, and whether it has a loader at all."""
    said = subprocess.run(["readelf", "-dlW", str(BUILD / program)], capture_output=True, text=True, check=True).stdout
    return {name.split(".so")[0] for name in re.findall(r"\(NEEDED\).*\[(.*)\]", said)}, "INTERP" in said


def test_the_cli_links_libc_and_jansson_alone():
    libraries, _ = needed("thole")
    if "libasan" in libraries:
        libraries -= SANITIZERS
    assert libraries == {"libc", "libjansson"}


def test_the_pin_is_static():
    libraries, loader = needed("thole-pin")
    assert not libraries and not loader or "libasan" in libraries


def test_version_is_told_in_one_place():
    version = re.search(r"^    version: '(.*)'", (SOURCE / "meson.build").read_text(), re.M).group(1)
    said = subprocess.run([str(BUILD / "thole"), "version"], capture_output=True, text=True, timeout=20)
    assert said.returncode == 0 and version in said.stdout
    elsewhere = subprocess.run(["grep", "-rnF", f'"{version}"', str(SOURCE / "src")], capture_output=True, text=True).stdout
    assert elsewhere == "", elsewhere


def test_every_crash_point_is_in_the_programs_that_can_crash():
    """A file that meson's faults_src forgets has points that nobody ever meets."""
    programs = b"".join((BUILD / f"{name}-faults").read_bytes() for name in ("thole-server", "thole-pin"))
    points = {point for file in (SOURCE / "src").rglob("*.c") for point in re.findall(r'\bsys_point\("([^"]+)"\)', file.read_text())}
    assert len(points) > 30
    assert [point for point in sorted(points) if point.encode() + b"\0" not in programs] == []
