/* SPDX-License-Identifier: Apache-2.0 */
/* export, import: the state of all environments of the project, as previewctl's JSON. */
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/xalloc.h"
#include "cli/env_view.h"
#include "cli/input.h"
#include "cli/report_print.h"
#include "data/json.h"

/* All of it, or it could not come back: also what is secret. */
int env_export(Cli *cli, const EnvOptions *ask, Err *err) {
    const Value *state;
    const EnvOptions all = {.audit = true, .reveal = true};
    if (cli_project(cli, err) < 0 || env_state(cli, cli->config_file, &all, &state, err) < 0)
        return -1;
    cli->json = true;
    cli_print(cli, state);
    return EXIT_DONE;
}

/* How many environments it has; -1: it is no state. */
static int check_json(Cli *cli, const char *file, const char *text, size_t size, Err *err) {
    const Value *state;
    if (json_parse(text, size, &cli->arena, &state, err) < 0)
        return err_in(err, "%s", strcmp(file, "-") == 0 ? "stdin" : file);
    if (!value_is(state, VALUE_MAP) || !value_is(value_get(state, "environments"), VALUE_MAP))
        return err_set(
            err, ERR_INVALID,
            "%s is no state: it has no map `environments`; `thole env export` writes one",
            strcmp(file, "-") == 0 ? "stdin" : file);
    return (int)value_count(value_get(state, "environments"));
}

int env_import(Cli *cli, const EnvOptions *ask, Err *err) {
    const char *file = cli->names.at[1];
    const Value *reply;
    char *text = NULL;
    size_t size;
    Buf body;
    JsonWriter out;
    if (cli_project(cli, err) < 0)
        return -1;
    int n = 0, r = input_read(file, MAX_STATE_BYTES, &text, &size, err);
    AUTO_FREE char *owned = text;
    if (r < 0 || (n = check_json(cli, file, text, size, err)) < 0)
        return -1;
    buf_init(&body, MAX_REQUEST_BYTES);
    json_writer_init(&out, &body);
    json_object_begin(&out);
    json_kv_string(&out, "project", cli->config_file);
    json_key(&out, "state");
    json_raw(&out, text, size);
    json_object_end(&out);
    r = body.failed ? err_set(err, ERR_LIMIT, "%s has more than %d bytes", file, MAX_REQUEST_BYTES)
                    : client_ask(&cli->client, "POST", ENVIRONMENT_STATE, buf_cstr(&body),
                                 &cli->arena, &reply, err);
    buf_deinit(&body);
    if (r < 0)
        return -1;
    if (env_as_json(cli))
        cli_print(cli, reply);
    else
        printf("%d environment%s imported\n", n, n == 1 ? "" : "s");
    return EXIT_DONE;
}
