/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "cli/commands.h"
#include "config.h"
#include "spec/routes.h"

/* Of the server that runs; none is started for it. */
static const char *server_version(Cli *cli, Arena *arena) {
    const Value *server;
    Err err;
    cli->client.may_start = false;
    if (client_ask(&cli->client, "GET", THOLE_API "/servers/local", NULL, arena, &server, &err) < 0)
        return NULL;
    return value_get_str(value_get(server, "status"), "version");
}

static int run(Cli *cli, void *options) {
    (void)options;
    Arena arena;
    arena_init(&arena);
    const char *server = server_version(cli, &arena);
    if (strcmp(cli_output(cli), "json") == 0) {
        Value *v = value_new(&arena, VALUE_MAP);
        value_set(&arena, v, "client", value_new_string(&arena, THOLE_VERSION));
        value_set(&arena, v, "server",
                  server ? value_new_string(&arena, server) : value_new(&arena, VALUE_NULL));
        cli_print(cli, v);
    } else {
        printf("thole %s\n", THOLE_VERSION);
        if (server)
            printf("thole-server %s\n", server);
    }
    if (server && strcmp(server, THOLE_VERSION) != 0)
        cli_say("the server has another version; `thole server restart` replaces it and leaves "
                "what runs alone");
    arena_deinit(&arena);
    return EXIT_DONE;
}

const Command command_version = {
    .name = "version",
    .args = "[-o text|json]",
    .doc = "Says which version this is, and which the server is",
    .outputs = "text|json",
    .run = run,
    .no_names = true,
};
