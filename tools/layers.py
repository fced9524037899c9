#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Checks that every include points down: a file includes its own directory or a lower layer, each third-party header
appears in one directory, and only src/main names concrete backends and stores. usage: layers.py [ROOT]"""

import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import csource  # noqa: E402

# What a layer may include beside itself. The order of the keys is the order of the layers.
LOWER = ["base", "data", "spec", "plan", "pin", "loop", "store", "backend", "engine", "api", "client", "cli", "main"]
MAY = {layer: set(LOWER[:i]) for i, layer in enumerate(LOWER)}
MAY["plan"] = {"base", "data", "spec"}  # pure: no I/O, no clock
MAY["pin"] = {"base"}  # free-standing; see PIN_BASE
MAY["loop"] = {"base", "data"}
MAY["store"] = {"base", "data", "spec", "loop"}
MAY["backend"] = {"base", "data", "spec", "pin", "loop"}
MAY["client"] = {"base", "data", "spec"}  # `thole` links libc and jansson alone
MAY["cli"] = {"base", "data", "spec", "client"}
PIN_BASE = {"base/sys.h", "base/attr.h", "base/banned.h"}
# Of the pin, others see its wire format and how it masks.
PIN_PUBLIC = {"pin/wire.h", "pin/mask.h"}

# Home of each third-party header; one that is not here must still appear in one directory only.
HOMES = {"uv.h": "loop", "curl/": "loop", "microhttpd.h": "api", "yaml.h": "data", "jansson.h": "data",
         "sqlite3.h": "store", "libpq-fe.h": "store"}

# The C library and the kernel; everything else in <> is third-party.
SYSTEM = re.compile(r"^(sys|linux|net|netinet|arpa|asm|asm-generic|bits)/|^(assert|ctype|dirent|dlfcn|elf|endian|err|errno|"
                    r"execinfo|fcntl|features|fenv|float|fnmatch|getopt|glob|grp|iconv|ifaddrs|inttypes|iso646|langinfo|libgen|"
                    r"limits|link|locale|malloc|math|mntent|netdb|paths|poll|pthread|pty|pwd|regex|resolv|sched|semaphore|"
                    r"setjmp|signal|spawn|stdalign|stdarg|stdatomic|stdbool|stddef|stdint|stdio|stdlib|stdnoreturn|string|"
                    r"strings|syslog|tar|termios|tgmath|threads|time|uchar|ucontext|unistd|utime|utmp|wchar|wctype|wordexp)\.h$")


def sub(path: str) -> str:
    """`local` of backend/local/…: what only src/main may name."""
    parts = path.split("/")
    return parts[1] if len(parts) > 2 else ""


def judge(layer: str, own_sub: str, included: str):
    """Why the file may not include this, or None."""
    target = included.split("/")[0]
    if "/" not in included or target not in MAY:
        return None if included == "config.h" else f'"{included}" is not written from src/ as layer/file.h'
    if target != layer and target not in MAY[layer]:
        return f'{layer}/ may not include {target}/ ("{included}")'
    if layer == "pin" and target == "base" and included not in PIN_BASE:
        return f'the pin stands alone: of base/ it may include {", ".join(sorted(PIN_BASE))}, not "{included}"'
    if layer != "pin" and target == "pin" and included not in PIN_PUBLIC:
        return f'of pin/ others include mask.h and wire.h only, not "{included}"'
    if target in ("backend", "store") and sub(included) and layer != "main" and (layer, own_sub) != (target, sub(included)):
        return f'only src/main and {target}/{sub(included)} itself may name "{included}"'
    return None


def library(path: str) -> str:
    return path.split("/")[0] + "/" if "/" in path else path


def check(root: pathlib.Path):
    problems, seen = [], {}
    for file in csource.tree(root, "src/*.c", "src/*.h") or []:
        parts = file.split("/")
        if parts[0] != "src" or len(parts) < 3:
            continue
        layer, own_sub = parts[1], sub("/".join(parts[1:]))
        if layer not in MAY:
            problems.append(f"{file}:1: src/{layer} is not a layer; tools/layers.py lists them")
            continue
        for line, quoted, included in csource.includes((root / file).read_text(errors="replace")):
            if quoted:
                why = judge(layer, own_sub, included)
                if why:
                    problems.append(f"{file}:{line}: {why}")
            elif not SYSTEM.search(included):
                seen.setdefault(library(included), {}).setdefault(layer, f"{file}:{line}")
    return problems + third_party(seen) + search_paths(root)


def search_paths(root: pathlib.Path):
    """Libraries whose own folder is searched for <limits.h>."""
    problems = []
    for file in csource.tree(root, "src/*meson.build"):
        text = (root / file).read_text()
        for match in re.finditer(r"^[^#\n]*\b(static_library|executable)\(", text, re.M):
            if "implicit_include_directories: false" not in text[match.end():].split("\n)")[0].split(")\n")[0]:
                line = text.count("\n", 0, match.start()) + 1
                problems.append(f"{file}:{line}: needs implicit_include_directories: false (see src/meson.build)")
    return problems


def third_party(seen: dict):
    problems = []
    for header, layers in sorted(seen.items()):
        home = HOMES.get(header)
        for layer, where in sorted(layers.items()):
            if home and layer != home:
                problems.append(f"{where}: <{header}> belongs to {home}/ alone")
        if not home and len(layers) > 1:
            problems.append(f"{min(layers.values())}: <{header}> appears in several directories: {', '.join(sorted(layers))}")
    return problems


def main() -> int:
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).resolve().parent.parent)
    problems = check(root)
    for problem in problems:
        print(problem)
    print(f"layers: {len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
