#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Makes the man pages: thole(1), one for each command, thole.yaml(5). What a command takes is asked of the program itself (its
tables); prose and examples are those of docs/.

usage: man.py --list COMMANDS.C          names of the pages
       man.py PROGRAM DOCS VERSION OUT   writes them into the directory OUT"""

import pathlib
import re
import subprocess
import sys

SECTION_OF_COMMAND = re.compile(r"^## thole ([a-z][a-z, -]*)\n(.*?)(?=^## |\Z)", re.M | re.S)


# ---- text as roff ----

def escape(text, code=False):
    """What roff would take for its own, made text. Beyond ASCII by its number, so that no preprocessor is needed."""
    text = text.replace("\\", "\\e")
    if code:
        text = text.replace("-", "\\-").replace("'", "\\(aq").replace("`", "\\(ga").replace("^", "\\(ha").replace("~", "\\(ti")
    text = re.sub(r"[^\x00-\x7f]", lambda found: f"\\[u{ord(found.group()):04X}]", text)
    return "\\&" + text if text[:1] in (".", "'") else text


LINK = re.compile(r"\[([^\]]*)\]\(([^)\s]+)\)")


def inline(text):
    """Code and bold in bold, links as their text."""
    text = LINK.sub(lambda link: link.group(1) if not link.group(2).startswith("http") else f"{link.group(1)} ({link.group(2)})", text)
    parts, out = re.split(r"(``.*?``|`[^`]*`|\*\*.+?\*\*|(?<!\w)\*[^*\s][^*]*\*)", text), ""
    for part in parts:
        if part.startswith("``") or part.startswith("`"):
            out += "\\fB" + escape(part.strip("`").strip(), code=True).removeprefix("\\&") + "\\fR"
        elif part.startswith("**"):
            out += "\\fB" + inline(part[2:-2]).removeprefix("\\&") + "\\fR"
        elif part.startswith("*") and len(part) > 1 and part.endswith("*"):
            out += "\\fI" + escape(part[1:-1]).removeprefix("\\&") + "\\fR"
        else:
            out += escape(part).removeprefix("\\&")
    return "\\&" + out if out[:1] in (".", "'") else out


def verbatim(lines):
    return [".PP", ".RS 4", ".nf", *(escape(line, code=True) or "\\&" for line in lines), ".fi", ".RE"]


def cells(line):
    return [cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line.strip().strip("|"))]


def table(rows):
    """The first cell is what it is about, the last what is said of it; those between stand beside the first, with their headings."""
    heads, out = cells(rows[0]), []
    for row in map(cells, rows[2:]):
        between = [f"{head}: {inline(cell)}" if head and head != "value" and cell != "required" else inline(cell)
                   for head, cell in zip(heads[1:-1], row[1:-1]) if cell]
        out += [".TP", inline(row[0]) + (" \\~ " + "; ".join(between) if between else ""), inline(row[-1]) or "\\&"]
    return out


def blocks(text):
    """Markdown as (kind, lines)."""
    lines, at = text.splitlines(), 0
    while at < len(lines):
        line, begin = lines[at], at
        if line.startswith("```"):
            at += 1
            while not lines[at].startswith("```"):
                at += 1
            yield "code", lines[begin + 1:at]
            at += 1
        elif line.startswith("    "):
            while at < len(lines) and (lines[at].startswith("    ") or (not lines[at] and at + 1 < len(lines) and lines[at + 1].startswith("    "))):
                at += 1
            yield "code", [line[4:] for line in lines[begin:at]]
        elif line.startswith("|"):
            while at < len(lines) and lines[at].startswith("|"):
                at += 1
            yield "table", lines[begin:at]
        elif line.startswith("#"):
            yield "heading", [line]
            at += 1
        elif re.match(r"(- |\d+\. )", line):
            at += 1
            while at < len(lines) and lines[at].startswith("  "):
                at += 1
            yield "item", [re.sub(r"^(- |\d+\. )", "", line), *(more.strip() for more in lines[begin + 1:at])]
        elif not line.strip() or line.startswith("<!--"):
            at += 1
        else:
            while at < len(lines) and lines[at].strip() and not re.match(r"(```|\||#|- |\d+\. )", lines[at]):
                at += 1
            yield "text", lines[begin:at]


def roff(text, heading=".SS"):
    """Markdown as lines of roff; `heading` is what its headings are."""
    out = []
    for kind, lines in blocks(text):
        if kind == "code":
            out += verbatim(lines)
        elif kind == "table":
            out += table(lines)
        elif kind == "heading":
            title = inline(lines[0].lstrip("# ")).replace('"', "\\(dq")
            out += [f'{heading} "{title.upper() if heading == ".SH" else title}"']
        elif kind == "item":
            out += [".IP \\(bu 2", inline(" ".join(lines))]
        else:
            out += [".PP", inline(" ".join(lines))]
    return out


# ---- what the program says of itself ----

class Command:
    """One command, as its help has it."""

    def __init__(self, program, name):
        text = subprocess.run([program, "help", name], check=True, capture_output=True, text=True).stdout
        usage, _, rest = text.partition("\n\n")
        about, _, options = rest.partition("\n\n")
        self.name = name
        self.usage = " ".join(usage.removeprefix("usage:").split())
        self.doc, *self.more = about.splitlines()
        own, _, shared = options.rstrip().rpartition("\n\n")
        self.own, self.shared = option_lines(own), option_lines(shared)


def option_lines(text):
    """(["-n", "--tail N"], what it does) of each line."""
    return [(left.strip().split(", "), doc) for left, doc in
            (re.match(r"(?:  )?(\s*\S.*?)\s{2,}(\S.*)$", line).groups() for line in text.splitlines() if line.strip())]


def named(words):
    """--tail N: the name in bold, what it takes in italics."""
    out = []
    for word in words:
        name, _, value = word.partition(" ")
        out.append("\\fB" + escape(name, code=True) + "\\fR" + (" \\fI" + escape(value) + "\\fR" if value else ""))
    return ", ".join(out)


def option_list(options):
    out = []
    for words, doc in options:
        out += [".TP", named(words), inline(doc)]
    return out


def synopsis(usage):
    """thole logs [-f] [-n N]: literal words in bold, what stands for something else as it is."""
    words = [("\\fB" + escape(word, code=True) + "\\fR") if re.match(r"\[?-|[a-z]+$", word) and word == word.lower() else escape(word)
             for word in usage.split()]
    return ".PP\n" + " ".join(words)


# ---- the pages ----

def head(title, section, version):
    manual = "User Commands" if section == 1 else "File Formats"
    return ['.\\" Made from the tables of the program and from docs/.', f'.TH "{title}" {section} "" "thole {version}" "{manual}"',
            ".ad l", ".hy 0"]


def see_also(*pages):
    refs = [f"\\fB{escape(name, code=True)}\\fR({section})" for name, section in pages]
    return [".SH SEE ALSO", ".PP", ", ".join(refs)]


def command_page(command, prose, version):
    out = [*head(f"THOLE\\-{command.name.upper()}", 1, version), ".SH NAME",
           f"thole\\-{escape(command.name, code=True)} \\- {escape(lower_first(command.doc.rstrip('.').replace('`', '')))}",
           ".SH SYNOPSIS", synopsis(command.usage), ".SH DESCRIPTION", *roff(prose)]
    if command.own:
        out += [".SH OPTIONS", *option_list(command.own)]
    out += [".SH OPTIONS OF EVERY COMMAND", *option_list(command.shared),
            ".SH EXIT STATUS", ".PP", "See \\fBthole\\fR(1)."]
    return out + see_also(("thole", 1), ("thole.yaml", 5))


def lower_first(text):
    return text[:1].lower() + text[1:]


def part(text, title, level="##"):
    return re.search(rf"^{level} {re.escape(title)}\n(.*?)(?=^## |\Z)", text, re.M | re.S).group(1)


def main_page(commands, docs, version):
    cli, concepts = docs["cli.md"], docs["concepts.md"]
    prelude = cli.partition("\n\n")[2].partition("\n## ")[0]
    usage, _, rest = prelude.partition("\n\n")
    prose = rest.partition("\n|")[0]
    out = [*head("THOLE", 1, version), ".SH NAME", "thole \\- runs what a repository needs while people work on it",
           ".SH SYNOPSIS", synopsis(usage.strip()), ".SH DESCRIPTION", *roff(docs["intro"]), *roff(prose), ".SH COMMANDS"]
    for command in commands:
        out += [".TP", f"\\fBthole\\-{escape(command.name, code=True)}\\fR(1)", inline(command.doc)]
    out += [".SH OPTIONS OF EVERY COMMAND", *option_list(commands[0].shared), ".SH EXIT STATUS", *roff(part(cli, "Exit codes")),
            ".SH FILES", *roff(part(concepts, "Where things are")), ".SH EXAMPLES", *roff(docs["example"])]
    return out + see_also(*((f"thole-{command.name}", 1) for command in commands), ("thole.yaml", 5))


def keys_page(docs, version):
    keys = docs["keys.md"]
    text = keys.partition("# The keys of thole.yaml\n")[2]
    prose, _, tables = text.partition("\n## ")
    out = [*head("THOLE.YAML", 5, version), ".SH NAME", "thole.yaml \\- what a repository needs while people work on it",
           ".SH DESCRIPTION", *roff(prose), ".SH EXAMPLE", *roff(docs["example"]), ".SH KEYS", *roff("## " + tables),
           ".SH READINESS, RESTARTS, STOPS"]
    for title in ("Dependencies", "Readiness", "Restarts", "Stops"):
        out += [f".SS {title}", *roff(part(docs["concepts.md"], title), ".SS")]
    return out + see_also(("thole", 1), ("thole-vet", 1), ("thole-config", 1), ("thole-init", 1))


def write_pages(program, folder, version, out):
    docs = {path.name: path.read_text() for path in folder.glob("*.md")}
    readme = (folder.parent / "README.md").read_text()
    docs["intro"] = readme.partition("# thole\n")[2].partition("\nIt is written in C")[0]
    docs["example"] = re.search(r"^```yaml\n.*?^```\n", readme, re.M | re.S).group() + "\n`thole up` starts it.\n"
    names = re.findall(r"^  ([a-z][a-z-]*) {2,}\S", subprocess.run([program, "help"], check=True, capture_output=True, text=True).stdout, re.M)
    commands = [Command(program, name) for name in names]
    prose = {name: body for title, body in SECTION_OF_COMMAND.findall(docs["cli.md"])
             for name in title.replace("thole ", "").replace(",", " ").split()}
    out.mkdir(parents=True, exist_ok=True)
    pages = {"thole.1": main_page(commands, docs, version), "thole.yaml.5": keys_page(docs, version)}
    for command in commands:
        pages[f"thole-{command.name}.1"] = command_page(command, prose.get(command.name, command.doc + ".\n"), version)
    for name, lines in pages.items():
        (out / name).write_text("\n".join(lines) + "\n")


def list_pages(commands_c):
    names = [name.replace("_", "-") for name in re.findall(r"&command_(\w+)", pathlib.Path(commands_c).read_text())]
    return ["thole.1", "thole.yaml.5", *(f"thole-{name}.1" for name in names)]


if __name__ == "__main__":
    if len(sys.argv) == 3 and sys.argv[1] == "--list":
        print("\n".join(list_pages(sys.argv[2])))
    elif len(sys.argv) == 5:
        write_pages(sys.argv[1], pathlib.Path(sys.argv[2]), sys.argv[3], pathlib.Path(sys.argv[4]))
    else:
        sys.exit(__doc__)
