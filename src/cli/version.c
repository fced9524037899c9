/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "cli/commands.h"
#include "config.h"
#include "spec/routes.h"

/* Of the server that runs; none is started for it. */
static const char *server_version(Cli *cli) {
    const Value *server;
    cli->client.may_start = false;
    if (client_ask(&cli->client, "GET", THOLE_API "/servers/local", NULL, &cli->arena, &server,
                   NULL) < 0)
        return NULL;
    return value_get_str(value_get(server, "status"), "version");
}

static void print_json(Cli *cli, const char *server) {
    Arena *arena = &cli->arena;
    Value *v = value_new(arena, VALUE_MAP);
    value_set(arena, v, "client", value_new_string(arena, THOLE_VERSION));
    value_set(arena, v, "server",
              server ? value_new_string(arena, server) : value_new(arena, VALUE_NULL));
    cli_print(cli, v);
}

static int run(Cli *cli, void *options, Err *err) {
    const char *server = server_version(cli);
    if (strcmp(cli_output(cli), "json") == 0) {
        print_json(cli, server);
    } else {
        printf("thole %s\n", THOLE_VERSION);
        if (server)
            printf("thole-server %s\n", server);
    }
    if (server && strcmp(server, THOLE_VERSION) != 0)
        cli_say("the server has another version; `thole server restart` replaces it and leaves "
                "what runs alone");
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
