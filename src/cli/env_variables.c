/* SPDX-License-Identifier: Apache-2.0 */
/* env, exec: what an environment's commands are told. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/xalloc.h"
#include "cli/env_view.h"
#include "cli/exec.h"
#include "spec/env_text.h"
#include "spec/inherited.h"

static const Value *ask_variables(Cli *cli, const EnvTarget *env, const char *service, bool reveal,
                                  Err *err) {
    const Value *reply;
    Buf path;
    buf_init(&path, CLI_PATH_BYTES);
    buf_printf(&path, "%s/variables", env->path);
    if (service)
        client_param(&path, "service", service);
    if (reveal)
        client_param(&path, "reveal", "true");
    int r = client_ask(&cli->client, "GET", buf_cstr(&path), NULL, &cli->arena, &reply, err);
    buf_deinit(&path);
    return r < 0 ? NULL : reply;
}

/* ---- env ---- */

/* What has no such form is named, and the others are printed all the same. */
static int print_variables(const Value *variables, Err *err) {
    int r = EXIT_DONE;
    Buf out;
    buf_init(&out, MAX_JSON_BYTES);
    for (size_t i = 0; value_is(variables, VALUE_MAP) && i < variables->map.n; i++) {
        const ValuePair *pair = &variables->map.at[i];
        const char *value = value_str(pair->value);
        if (value && env_text_put(&(StrPair){pair->key, value}, &out, err) < 0) {
            cli_say("%s; --json shows it", err->msg);
            r = EXIT_TROUBLE;
        }
    }
    fwrite(buf_cstr(&out), 1, out.n, stdout);
    buf_deinit(&out);
    return r;
}

/* One word alone is a NAME, or, if there is no such environment and we are in one, a SERVICE; of
 * one that only `env run` has made there are no variables to ask for. */
static int find(Cli *cli, EnvTarget *env, const char **ret_service, Err *err) {
    const char *first = cli->names.n > 1 ? cli->names.at[1] : NULL;
    *ret_service = cli->names.n > 2 ? cli->names.at[2] : NULL;
    if (env_find(cli, first, env, err) == 0)
        return 0;
    Err own;
    if (!first || *ret_service || err->kind != ERR_NOT_FOUND)
        return -1;
    if (env_find(cli, NULL, env, &own) < 0) {
        if (env_is_only_run())
            *err = own;
        return -1;
    }
    *ret_service = first;
    return 0;
}

int env_variables(Cli *cli, const EnvOptions *ask, Err *err) {
    EnvTarget env;
    const char *service;
    if (find(cli, &env, &service, err) < 0)
        return -1;
    const Value *reply = ask_variables(cli, &env, service, ask->reveal, err);
    if (!reply)
        return -1;
    const Value *variables = value_get(reply, "variables");
    if (!env_as_json(cli))
        return print_variables(variables, err);
    cli_print(cli, variables);
    return EXIT_DONE;
}

/* ---- exec ---- */

/* What git, or the environment whose command we are, tells of others than the one asked for. */
static void drop_others(Arena *arena) {
    const StrMap own = strmap_of_environment(environ, arena);
    const StrMap kept = inherited_by_environment(&own, arena);
    for (size_t i = 0; i < own.n; i++)
        if (!strmap_get(&kept, own.at[i].name))
            unsetenv(own.at[i].name);
}

static void take_variables(const Value *variables) {
    for (size_t i = 0; value_is(variables, VALUE_MAP) && i < variables->map.n; i++) {
        const char *value = value_str(variables->map.at[i].value);
        if (value)
            setenv(variables->map.at[i].key, value, 1);
    }
}

int env_exec(Cli *cli, const EnvOptions *ask, Err *err) {
    bool named = cli->names.n > 1 && !(cli->dashed && cli->before == 1);
    size_t from = named ? 2 : 1;
    EnvTarget env;
    if (cli->dashed && cli->before > 2)
        return err_set(err, ERR_INVALID,
                       "thole env exec takes one NAME before the --; \"%.60s\" is one too many",
                       cli->names.at[2]);
    if (env_find(cli, named ? cli->names.at[1] : NULL, &env, err) < 0)
        return -1;
    const Value *reply = ask_variables(cli, &env, NULL, true, err);
    if (!reply)
        return -1;
    const char *path = env_text(reply, "path");
    if (!*path)
        return err_set(err, ERR_UNAVAILABLE, "%s has no worktree on this machine to run in",
                       env.name);
    if (chdir(path) < 0)
        return err_sys(err, errno, "the worktree of %s, %s", env.name, path);
    drop_others(&cli->arena);
    take_variables(value_get(reply, "variables"));
    setenv("PWD", path, 1);
    return exec_become(cli->names.at + from, cli->names.n - from);
}
