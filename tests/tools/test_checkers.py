# SPDX-License-Identifier: Apache-2.0
"""The tree passes its own checkers, and each rule of theirs finds a sample that breaks it."""

import os
import pathlib
import subprocess
import sys

import pytest

SOURCE = pathlib.Path(os.environ.get("THOLE_SOURCE", pathlib.Path(__file__).resolve().parents[2]))
SPDX = "/* SPDX-License-Identifier: Apache-2.0 */\n"


def check(tool, root=SOURCE):
    done = subprocess.run([sys.executable, str(SOURCE / "tools" / tool), str(root)], capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout + done.stderr


def sample(tmp_path, files):
    for name, text in files.items():
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return tmp_path


@pytest.mark.parametrize("tool", ["layers.py", "lint.py", "links.py"])
def test_tree_passes(tool):
    code, said = check(tool)
    assert code == 0, said


def test_layers_accept_what_points_down(tmp_path):
    root = sample(tmp_path, {
        "src/base/err.c": SPDX + '#include "base/err.h"\n#include <errno.h>\n#include <sys/stat.h>\n',
        "src/loop/timer.c": SPDX + '#include "base/err.h"\n#include <uv.h>\n',
        "src/main/server.c": SPDX + '#include "backend/local/local.h"\n#include "config.h"\n',
        "src/backend/local/local.c": SPDX + '#include "backend/local/local.h"\n#include "pin/wire.h"\n',
    })
    assert check("layers.py", root)[0] == 0


@pytest.mark.parametrize("file, include, why", [
    ("src/base/err.c", '"engine/node.h"', "base/ may not include engine/"),
    ("src/plan/restart.c", '"loop/timer.h"', "plan/ may not include loop/"),
    ("src/cli/ps.c", '"engine/node.h"', "cli/ may not include engine/"),
    ("src/client/http.c", '"loop/http_client.h"', "client/ may not include loop/"),
    ("src/pin/pin.c", '"base/map.h"', "the pin stands alone"),
    ("src/engine/node.c", '"pin/rail.h"', "wire.h only"),
    ("src/engine/node.c", '"backend/local/local.h"', "only src/main"),
    ("src/backend/docker/docker.c", '"backend/local/local.h"', "only src/main"),
    ("src/engine/node.c", '"node.h"', "not written from src/"),
    ("src/engine/node.c", "<uv.h>", "belongs to loop/ alone"),
    ("src/api/routes.c", "<curl/curl.h>", "belongs to loop/ alone"),
    ("src/strange/x.c", "<stdio.h>", "is not a layer"),
])
def test_layers_find(tmp_path, file, include, why):
    code, said = check("layers.py", sample(tmp_path, {file: SPDX + "#include " + include + "\n"}))
    assert code == 1 and why in said and said.startswith(file), said


def test_layers_ignore_comments(tmp_path):
    assert check("layers.py", sample(tmp_path, {"src/base/a.c": SPDX + '/*\n#include "engine/node.h"\n*/\n'}))[0] == 0


def test_layers_find_a_library_that_searches_its_own_folder(tmp_path):
    good = "a = static_library('a', files('a.c'),\n    include_directories: inc, implicit_include_directories: false)\n"
    assert check("layers.py", sample(tmp_path, {"src/base/meson.build": good}))[0] == 0
    bad = good + "b = static_library('b', files('b.c'), include_directories: inc)\n"
    code, said = check("layers.py", sample(tmp_path, {"src/base/meson.build": bad}))
    assert code == 1 and "src/base/meson.build:3: needs implicit" in said


def test_layers_find_a_library_in_two_directories(tmp_path):
    code, said = check("layers.py", sample(tmp_path, {"src/base/a.c": "#include <foo/a.h>\n", "src/data/b.c": "#include <foo/b.h>\n"}))
    assert code == 1 and "several directories: base, data" in said


def function(lines, head="int f(void) {"):
    return head + "\n" + "    g();\n" * (lines - 2) + "}\n"


def test_lint_accepts(tmp_path):
    variadic = "PRINTF(5, 6)\nvoid say(int a, int b, int c, int d, const char *f, ...) {\n}\n"
    variadic += "struct Later;\n"
    good = SPDX + variadic + "#include <stdio.h>\n\nstatic const char *const names[] = {\"a\"};\nstatic const int n = 3;\n\n" + function(100) + \
        "\nstatic int five(int a, int b, int c, int d, void (*e)(int, int)) {\n    return \"system(strcpy(\"[0];\n}\n"
    code, said = check("lint.py", sample(tmp_path, {"src/base/a.c": good}))
    assert code == 0, said
    assert "3 functions" in said and "100 of 100" in said


@pytest.mark.parametrize("rule, path, text", [
    ("function-length", "src/base/a.c", SPDX + function(101)),
    ("function-length", "tests/unit/base/a.c", SPDX + function(101, "TEST(long) {")),
    ("function-length", "src/base/a.c", SPDX + function(101, "static int\nf(int a,\n  int b) {")),
    ("file-length", "src/base/a.c", SPDX + "\n" * 800),
    ("params", "src/base/a.c", SPDX + "int f(int a, int b, int c,\n      int d, int e, int g) {\n}\n"),
    ("global", "src/base/a.c", SPDX + "static int count;\n"),
    ("global", "src/base/a.c", SPDX + "static const char *names[] = {\"a\"};\n"),
    ("global", "src/base/a.c", SPDX + "void f(void) {\n    static int calls = 0;\n}\n"),
    ("conditional", "src/base/a.c", SPDX + "#ifdef __linux__\n#endif\n"),
    ("banned", "src/base/a.c", SPDX + "void f(void) {\n    strcpy(a, b);\n}\n"),
    ("banned", "src/base/a.c", SPDX + "void f(void) {\n    n = atoi(b);\n}\n"),
    ("spdx", "src/base/a.c", "int f(void);\n"),
    ("todo", "src/base/a.c", SPDX + "/* TO" + "DO: later */\n"),
    ("todo", "tools/x.py", "# FIX" + "ME\n"),
    ("space", "src/base/a.c", SPDX + "int f(void); \n"),
    ("sleep", "tests/e2e/test_x.py", "time.sl" + "eep(1)\n"),
    ("sleep", "tests/unit/base/a.c", SPDX + "void f(void) {\n    us" + "leep(1000);\n}\n"),
    ("pin-length", "src/pin/pin.c", SPDX + "\n" * 750),
])
def test_lint_finds(tmp_path, rule, path, text):
    files = {path: text}
    if rule == "pin-length":
        files["src/pin/rail.c"] = text
    code, said = check("lint.py", sample(tmp_path, files))
    assert code == 1 and f"[{rule}]" in said, said


def test_lint_accepts_todo_with_an_issue(tmp_path):
    assert check("lint.py", sample(tmp_path, {"src/base/a.c": SPDX + "/* TO" + "DO(#12): later */\n"}))[0] == 0


def test_lint_exceptions_must_be_needed(tmp_path):
    bad = SPDX + "static int count;\n"
    root = sample(tmp_path, {"src/base/a.c": bad, "tools/lint.allow": "global src/base/a.c:count it counts\n"})
    assert check("lint.py", root)[0] == 0
    (root / "src/base/a.c").write_text(SPDX)
    code, said = check("lint.py", root)
    assert code == 1 and "not needed any more" in said
    (root / "tools/lint.allow").write_text("global src/base/a.c:count\n")
    assert "rule path[:name] reason" in check("lint.py", root)[1]


def test_links_find(tmp_path):
    text = "# A page\n[a](b.md) [c](b.md#two-words) [d](#a-page) [e](https://example.org/x)\n```\n[f](nowhere)\n```\n"
    root = sample(tmp_path, {"docs/a.md": text, "docs/b.md": "## Two words\n"})
    assert check("links.py", root)[0] == 0
    (root / "docs/b.md").write_text("## Other words\n")
    assert "docs/a.md: b.md#two-words: no such heading" in check("links.py", root)[1]
    (root / "docs/b.md").unlink()
    code, said = check("links.py", root)
    assert code == 1 and "docs/a.md: b.md leads nowhere" in said
