/* SPDX-License-Identifier: Apache-2.0 */
#include "base/xalloc.h"
#include "cli/commands.h"

static bool is_down(const Value *session) {
    const Value *annotations = value_get(value_get(session, "metadata"), "annotations");
    return value_get_str(annotations, "thole.dev/stopped") != NULL;
}

static int run(Cli *cli, void *options, Err *err) {
    const Value *session = cli_find_session(cli, true, err);
    if (!session)
        return -1;
    cli_print(cli, session);
    if (is_down(session)) {
        AUTO_FREE char *up = cli_words(cli, "up");
        cli_say("this session is down; `%s` starts a new one", up);
    }
    return EXIT_DONE;
}

const Command command_status = {
    .name = "status",
    .args = "[-o json|yaml]",
    .doc = "Prints the Session object, as the API serves it",
    .outputs = "json|yaml",
    .run = run,
    .no_names = true,
};
