/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/limits.h"
#include "cli/commands.h"
#include "data/json.h"
#include "data/yaml_write.h"

static int run(Cli *cli, void *options) {
    (void)options;
    Arena arena;
    Buf buf;
    Err err;
    arena_init(&arena);
    buf_init(&buf, MAX_JSON_BYTES);
    const Value *session = cli_find_session(cli, &arena, true, &err);
    if (session && strcmp(cli_output(cli), "yaml") == 0) {
        yaml_write(session, &buf);
    } else if (session) {
        JsonWriter out;
        json_writer_init(&out, &buf);
        out.pretty = true;
        json_value(&out, session);
        buf_putc(&buf, '\n');
    }
    fputs(buf_cstr(&buf), stdout);
    buf_deinit(&buf);
    arena_deinit(&arena);
    return session ? EXIT_DONE : cli_fail(&err);
}

const Command command_status = {
    .name = "status", .args = "[-o json|yaml]", .doc = "Prints the Session object, as the API serves it", .outputs = "json|yaml",
    .run = run, .no_names = true,
};
