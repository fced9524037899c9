#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Checks the style that clang-format cannot see, and prints the budgets with what was measured.
usage: lint.py [ROOT]. tools/lint.allow lists exceptions, each with its reason; one that is no longer needed is an error."""

import pathlib
import re
import statistics
import sys
from dataclasses import dataclass, field

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import csource  # noqa: E402

FUNCTION_MAX, FILE_MAX, PARAMS_MAX, PIN_MAX, COLUMNS_MAX = 100, 800, 5, 1500, 100
BANNED = re.compile(r"(?<![\w.>])(strcpy|strcat|strncpy|sprintf|vsprintf|strtok|atoi|strtol|gmtime|localtime|system|popen|alloca|"
                    r"mktemp|tmpnam|gets)\s*\(")
SLEEP = re.compile(r"(?<!\w)(time\.sleep|sleep|usleep|nanosleep)\s*\(|^\s*sleep [0-9.]")
TODO = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b(?!\(#\d+\))")
WHERE_BANNED = {"src/base/banned.h"}
CONDITIONALS_IN = {"src/base/sys.h"}  # the seam


@dataclass
class Measured:
    functions: list = field(default_factory=list)  # (lines, params, where)
    files: list = field(default_factory=list)  # (lines, path)
    lines: int = 0
    conditionals: int = 0
    gotos: int = 0
    globals: int = 0
    includes: list = field(default_factory=list)  # (n, path), of .c


class Lint:
    def __init__(self, root: pathlib.Path):
        self.root, self.measured, self.found = root, Measured(), []

    def say(self, rule: str, path: str, line: int, text: str, name: str = ""):
        self.found.append((rule, f"{path}:{name}" if name else path, f"{path}:{line}: {text} [{rule}]"))

    def c_file(self, path: str):
        text = (self.root / path).read_text(errors="replace")
        code, ours = csource.blank(text), path.startswith("src/")
        lines = text.count("\n")
        if lines > FILE_MAX:
            self.say("file-length", path, 1, f"{lines} lines, more than {FILE_MAX}: split it by noun")
        for function in csource.functions(text):
            self.function(path, function, ours)
        self.globals_of(path, code, ours)
        self.words(path, text, code)
        if ours:
            self.measure(path, text, code, lines)

    def function(self, path: str, function: csource.Function, ours: bool):
        if ours:
            self.measured.functions.append((function.lines, function.params, f"{path}:{function.name}"))
        if function.lines > FUNCTION_MAX:
            self.say("function-length", path, function.line, f"{function.name} has {function.lines} lines, more than {FUNCTION_MAX}",
                     function.name)
        if function.params > PARAMS_MAX:
            self.say("params", path, function.line, f"{function.name} takes {function.params} parameters, more than {PARAMS_MAX}: "
                     "use a struct with designated initialisers", function.name)

    def globals_of(self, path: str, code: str, ours: bool):
        if not ours:
            return
        for number, line in enumerate(code.split("\n"), 1):
            name = mutable_global(line)
            if name:
                self.measured.globals += 1
                self.say("global", path, number, f"{name} is a mutable global", name)

    def words(self, path: str, text: str, code: str):
        if not text.startswith("/* SPDX-License-Identifier: Apache-2.0 */\n"):
            self.say("spdx", path, 1, "the first line is not /* SPDX-License-Identifier: Apache-2.0 */")
        for number, line in enumerate(code.split("\n"), 1):
            banned = BANNED.search(line)
            if banned and path not in WHERE_BANNED:
                self.say("banned", path, number, f"{banned.group(1)}() is banned", banned.group(1))
            if re.match(r"\s*#\s*(if|ifdef|ifndef|elif)\b", line):
                self.measured.conditionals += path.startswith("src/")
                if path not in CONDITIONALS_IN and path.startswith("src/"):
                    self.say("conditional", path, number, "#if belongs to src/base/sys.h alone")
        for number, line in enumerate(text.split("\n"), 1):
            if len(line) > COLUMNS_MAX:  # comments, mostly: clang-format leaves them alone
                self.say("columns", path, number, f"{len(line)} columns, more than {COLUMNS_MAX}")
        self.lines_of(path, text)

    def lines_of(self, path: str, text: str):
        """What holds for every language."""
        for number, line in enumerate(text.split("\n"), 1):
            if TODO.search(line) and not path.startswith("tools/lint"):
                self.say("todo", path, number, "a TODO needs the number of an issue: TODO(#12)")
            if line != line.rstrip():
                self.say("space", path, number, "white space at the end of the line")
            if path.startswith("tests/") and SLEEP.search(line) and not re.search(r"[#/]\S*\s*sleep:", line):
                self.say("sleep", path, number, "a test waits for events; if this must sleep, say why: `# sleep: …` on the line")

    def measure(self, path: str, text: str, code: str, lines: int):
        measured = self.measured
        measured.files.append((lines, path))
        measured.lines += lines
        measured.gotos += len(re.findall(r"\bgoto\b", code))
        if path.endswith(".c"):
            measured.includes.append((sum(quoted for _, quoted, _ in csource.includes(text)), path))

    def pin(self):
        lines = sum(n for n, path in self.measured.files if path.startswith("src/pin/") and path.endswith(".c"))
        if lines > PIN_MAX:
            self.say("pin-length", "src/pin", 1, f"the pin has {lines} lines, more than {PIN_MAX}")
        return lines

    def allowed(self):
        """Takes out what tools/lint.allow excuses; returns messages."""
        file, used, kept = self.root / "tools/lint.allow", set(), []
        entries = {}
        for number, line in enumerate(file.read_text().split("\n") if file.exists() else [], 1):
            words = line.split(None, 2)
            if not words or words[0].startswith("#"):
                continue
            if len(words) < 3:
                kept.append(f"tools/lint.allow:{number}: an exception is `rule path[:name] reason`")
                continue
            entries[(words[0], words[1])] = number
        for rule, where, message in self.found:
            if (rule, where) in entries:
                used.add((rule, where))
            else:
                kept.append(message)
        for entry in sorted(set(entries) - used):
            kept.append(f"tools/lint.allow:{entries[entry]}: {' '.join(entry)} is not needed any more")
        return kept


def mutable_global(line: str):
    """The name, when this line defines a variable that outlives its function and can change."""
    match = re.match(r"(?:static |_Thread_local )*(?!static|typedef|extern|struct \w+ \{|struct \w+;|enum|union|return|else|case|goto)"
                     r"([A-Za-z_][\w ]*[ *]+)(\w+)(\[[^\]]*\])*\s*(=|;)", line)
    if not match:
        local = re.match(r"\s+static (?!inline)([\w ]*[ *]+)(\w+)(\[[^\]]*\])*\s*(=|;)", line)
        match = local
    if not match:
        return None
    kind = match.group(1)
    constant = kind.rstrip().endswith("const") if "*" in kind else re.search(r"\bconst\b", kind)
    return None if constant else match.group(2)


def percentile(values, share):
    return sorted(values)[min(len(values) - 1, int(len(values) * share))] if values else 0


def budgets(measured: Measured, pin_lines: int):
    lengths = [n for n, _, _ in measured.functions] or [0]
    per_kloc = max(measured.lines, 1) / 1000
    longest = max(measured.functions, default=(0, 0, "-"))
    biggest = max(measured.files, default=(0, "-"))
    rows = [("function lines, median", statistics.median(lengths), 17, ""), ("function lines, p90", percentile(lengths, .9), 50, ""),
            ("function lines, max", longest[0], FUNCTION_MAX, longest[2]),
            ("file lines, p90", percentile([n for n, _ in measured.files], .9), 600, ""),
            ("file lines, max", biggest[0], FILE_MAX, biggest[1]),
            ("parameters, max", max((p for _, p, _ in measured.functions), default=0), PARAMS_MAX, ""),
            ("mutable globals per kloc", measured.globals / per_kloc, .5, ""), ("#if per kloc", measured.conditionals / per_kloc, 1, ""),
            ("goto per kloc", measured.gotos / per_kloc, 3, ""),
            ("own includes per .c, p90", percentile([n for n, _ in measured.includes], .9), 8, ""),
            ("lines of the pin", pin_lines, PIN_MAX, "")]
    print(f"{measured.lines} lines in {len(measured.files)} files, {len(measured.functions)} functions")
    for name, value, limit, where in rows:
        print(f"  {name:28} {value:8.4g} of {limit:<6g} {'' if value <= limit else 'OVER '}{where}")


def main() -> int:
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).resolve().parent.parent)
    lint = Lint(root)
    for path in csource.tree(root, "src/*.c", "src/*.h", "tests/*.c", "tests/*.h"):
        lint.c_file(path)
    for path in csource.tree(root, "tests/*.py", "tests/*.sh", "tools/*.py", "tools/*.sh", "examples/*.py"):
        lint.lines_of(path, (root / path).read_text(errors="replace"))
    pin_lines = lint.pin()
    messages = lint.allowed()
    for message in messages:
        print(message)
    budgets(lint.measured, pin_lines)
    print(f"lint: {len(messages)} problems")
    return 1 if messages else 0


if __name__ == "__main__":
    sys.exit(main())
