/* SPDX-License-Identifier: Apache-2.0 */
#include "spec/config_doc.h"

#include "spec/config.h"

static const char intro[] =
    "<!-- Made from the tables in src/spec/config.c; a test keeps it up to date. -->\n"
    "# The keys of thole.yaml\n"
    "\n"
    "`thole.yaml` is YAML 1.2: `yes`, `no`, `on` and `off` are strings. Unknown keys are errors; "
    "keys that begin with `x-` are\n"
    "yours. Where a string is expected, numbers and booleans count as they are written. Anchors, "
    "aliases and `<<` work. The file is\n"
    "UTF-8, has at most 4 MiB, is nested at most 100 deep and, with its aliases expanded, has at "
    "most 1,048,576 values.\n"
    "\n"
    "- **Paths** are relative to the project: the directory of `thole.yaml`.\n"
    "- **Durations** have units: `300ms`, `10s`, `1h30m`; only `0` needs none.\n"
    "- **Sizes** are bytes, or have a unit: `512KiB`, `64MiB`.\n"
    "- **Commands**: a string is run by `shell`, a list is executed as it is.\n"
    "- **Signals** are names (`TERM`, `SIGTERM`) or numbers.\n"
    "- **The environment of a process**, from low to high: that of the client when the session was "
    "created, `env_from` and `env`\n"
    "  of the project, `env_from` and `env` of the service, and what thole adds.\n"
    "- **`.env` files** have lines `NAME=value`, also with `export` before it and a comment after "
    "it. Values are literal, `$`\n"
    "  included. Within double quotes `\\\"`, `\\\\`, `\\$` and `` \\` `` stand for the character "
    "itself; within single quotes\n"
    "  nothing does. A quoted value may span lines.\n"
    "\n";

void config_doc(Buf *out) {
    buf_puts(out, intro);
    schema_markdown(&type_config, out);
}
