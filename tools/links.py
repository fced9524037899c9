#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Checks that every relative link in the Markdown files leads to a file (and a heading) that exists. usage: links.py [ROOT]"""

import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import csource  # noqa: E402

LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
FENCE = re.compile(r"^```.*?^```", re.M | re.S)


def anchors(text: str):
    """Headings as the usual renderers name them."""
    for heading in re.findall(r"^#+\s+(.*)$", FENCE.sub("", text), re.M):
        yield re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def check(root: pathlib.Path):
    for file in csource.tree(root, "*.md"):
        text = (root / file).read_text()
        for link in LINK.findall(FENCE.sub("", text)):
            if re.match(r"[a-z]+:", link):
                continue
            path, _, anchor = link.partition("#")
            target = (root / file).parent / path if path else root / file
            if not target.exists():
                yield f"{file}: {link} leads nowhere"
            elif anchor and target.suffix == ".md" and anchor not in anchors(target.read_text()):
                yield f"{file}: {link}: no such heading"


def main() -> int:
    problems = list(check(pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).resolve().parent.parent)))
    for problem in problems:
        print(problem)
    print(f"links: {len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
