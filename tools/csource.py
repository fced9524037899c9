# SPDX-License-Identifier: Apache-2.0
"""Just enough of a reader of C for the checkers: comments and strings blanked, includes, functions. It relies on the
formatting that clang-format gives: what begins in column 0 is at file scope, a function ends with `}` in column 0."""

import fnmatch
import pathlib
import re
import subprocess
from dataclasses import dataclass

TOKEN = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)
ATTRIBUTE = re.compile(r"__attribute__\s*\(\(.*?\)\)|\bPRINTF\([^()]*\)", re.S)
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.M)


@dataclass
class Function:
    name: str
    line: int  # of the first line of its head
    lines: int  # head to closing brace
    params: int


def blank(text: str, strings: bool = True) -> str:
    """The text with comments (and what stands in strings) as spaces; lines and columns stay."""
    def space(match: re.Match) -> str:
        found = match.group(0)
        if found[0] in '"\'' and not strings:
            return found
        if found[0] in '"\'':
            return found[0] + re.sub(r"[^\n]", " ", found[1:-1]) + found[-1]
        return re.sub(r"[^\n]", " ", found)
    return TOKEN.sub(space, text)


def includes(text: str):
    """(line, quoted, path) of each include."""
    for match in INCLUDE.finditer(blank(text, strings=False)):
        yield text.count("\n", 0, match.start(2)) + 1, match.group(1) == '"', match.group(2)


def count_params(head: str) -> int:
    inside = re.sub(r",\s*(\.\.\.|va_list \w+)\s*$", "", head[head.index("(") + 1:head.rindex(")")])
    if inside.strip() in ("", "void"):
        return 0
    depth, commas = 0, 0
    for char in inside:
        depth += char in "([{"
        depth -= char in ")]}"
        commas += char == "," and depth == 0
    return commas + 1


def functions(text: str):
    """The functions defined in the file, in order."""
    lines = blank(text).split("\n")
    at = 0
    while at < len(lines):
        head, end = head_at(lines, at)
        if head is None:
            at += 1
            continue
        last = next((i for i in range(end, len(lines)) if lines[i].startswith("}")), len(lines) - 1)
        if lines[end].rstrip().endswith("}"):
            last = end
        head = ATTRIBUTE.sub("", head)
        name = re.search(r"([A-Za-z_]\w*)\s*\(", head)
        yield Function(name.group(1) if name else "?", at + 1, last - at + 1, count_params(head))
        at = last + 1


def head_at(lines, at):
    """(head, line of its brace) when a function definition begins at line index `at`, else (None, at)."""
    first = lines[at]
    if not re.match(r"[A-Za-z_]", first) or re.match(r"(typedef|enum|struct\s+\w+\s*\{|union|extern)\b", first):
        return None, at
    head = ""
    for i in range(at, min(at + 12, len(lines))):
        head += lines[i] + "\n"
        code = lines[i].rstrip()
        if code.endswith(";") or "=" in code.split("(")[0] or (i > at and re.match(r"[#}]", code)):
            return None, at
        if "{" in code:
            body = head[:head.index("{")]
            return (body, i) if "(" in body and ")" in body and "=" not in body else (None, at)
    return None, at


def tree(root: pathlib.Path, *patterns: str):
    """Files of the tree that match, committed or about to be, as paths relative to root."""
    try:
        listed = subprocess.run(["git", "-c", "safe.directory=*", "ls-files", "-co", "--exclude-standard", "-z", "--", *patterns],
                                cwd=root, capture_output=True, check=True).stdout.decode().split("\0")
        if (root / ".git").exists():
            return sorted({p for p in listed if p and (root / p).is_file()})
    except (OSError, subprocess.CalledProcessError):
        pass
    found = (str(p.relative_to(root)) for p in root.rglob("*") if p.is_file())
    return sorted(p for p in found if not p.startswith(("build", ".git/")) and any(fnmatch.fnmatch(p, x) for x in patterns))
