/* SPDX-License-Identifier: Apache-2.0 */
/* What is done with an environment that there is. */
#include <string.h>

#include "base/limits.h"
#include "base/path.h"
#include "base/xalloc.h"
#include "cli/env_operate.h"
#include "cli/env_view.h"
#include "cli/options.h"

static const char *given_name(const Cli *cli) {
    size_t rest;
    return env_given(cli, 0, &rest);
}

/* A POST to what is below the environment; `body` is freed. */
static int act(Cli *cli, const EnvTarget *env, EnvRequest request, char *body, Err *err) {
    AUTO_FREE char *owned = body;
    AUTO_FREE char *path = env_below(env, request.path);
    if (!owned)
        return -1;
    request.method = "POST";
    request.path = path;
    request.body = owned;
    request.name = env->name;
    return env_operate(cli, &request, err);
}

static char *plain_body(Err *err) {
    Buf buf;
    JsonWriter out;
    env_body_begin(&buf, &out);
    return env_body_end(&buf, &out, err);
}

int env_start(Cli *cli, const EnvOptions *ask, Err *err) {
    EnvTarget env;
    if (env_find(cli, given_name(cli), &env, err) < 0)
        return -1;
    return act(cli, &env, (EnvRequest){.path = "start", .verb = "start", .sums_up = true},
               plain_body(err), err);
}

int env_stop(Cli *cli, const EnvOptions *ask, Err *err) {
    EnvTarget env;
    const char *name = given_name(cli);
    if (name && ask->manifest)
        return err_set(err, ERR_INVALID,
                       "thole env stop takes a NAME, or --manifest of what `thole env run` runs");
    if (ask->manifest)
        return env_stop_run(cli, ask, err);
    if (env_find(cli, name, &env, err) < 0)
        return !name && env_is_only_run() ? env_stop_run(cli, ask, err) : -1;
    return act(cli, &env, (EnvRequest){.path = "stop", .verb = "stop", .done = "stopped"},
               plain_body(err), err);
}

int env_delete(Cli *cli, const EnvOptions *ask, Err *err) {
    EnvTarget env;
    Buf path;
    if (env_find(cli, given_name(cli), &env, err) < 0)
        return -1;
    buf_init(&path, CLI_PATH_BYTES);
    buf_puts(&path, env.path);
    if (ask->force)
        client_param(&path, "force", "true");
    if (ask->keep_worktree)
        client_param(&path, "keepWorktree", "true");
    AUTO_FREE char *body = plain_body(err);
    const EnvRequest request = {.method = "DELETE",
                                .path = buf_cstr(&path),
                                .body = body,
                                .verb = "delete",
                                .name = env.name,
                                .phases = "destroy",
                                .done = "gone"};
    int r = body ? env_operate(cli, &request, err) : -1;
    const char *tree = env_text(value_get(env.object, "spec"), "path");
    if (r == EXIT_DONE && ask->keep_worktree && *tree && !env_as_json(cli))
        cli_say("its worktree stays: %s", tree);
    buf_deinit(&path);
    return r;
}

/* "a,b" */
static void put_list(const char *key, const char *text, JsonWriter *out) {
    json_kv_array(out, key);
    while (*text) {
        size_t n = strcspn(text, ",");
        if (n)
            json_stringn(out, text, n);
        text += n + (text[n] == ',');
    }
    json_array_end(out);
}

int env_refresh(Cli *cli, const EnvOptions *ask, Err *err) {
    EnvTarget env;
    Buf buf;
    JsonWriter out;
    if (env_find(cli, given_name(cli), &env, err) < 0)
        return -1;
    env_body_begin(&buf, &out);
    if (ask->only)
        put_list("only", ask->only, &out);
    if (ask->from)
        json_kv_string(&out, "from", ask->from);
    return act(cli, &env,
               (EnvRequest){.path = "refresh",
                            .verb = "refresh",
                            .phases = ask->only ? NULL : "provision|run",
                            .sums_up = true},
               env_body_end(&buf, &out, err), err);
}

typedef struct HookAsk {
    const char *service, *action;
    const char *name; /* NULL: none was given */
    const char *mode;
} HookAsk;

/* What all environments share is made without any. */
static int share_hook(Cli *cli, const HookAsk *hook, EnvRequest request, Err *err) {
    Buf buf;
    JsonWriter out;
    if (cli_project(cli, err) < 0)
        return -1;
    if (hook->mode && env_check_mode(cli, cli->config_file, hook->mode, err) < 0)
        return -1;
    AUTO_FREE char *dir = path_dir(cli->config_file);
    env_body_begin(&buf, &out);
    json_kv_string(&out, "project", cli->config_file);
    json_kv_string(&out, "service", hook->service);
    json_kv_string(&out, "action", hook->action);
    if (hook->mode)
        json_kv_string(&out, "mode", hook->mode);
    AUTO_FREE char *body = env_body_end(&buf, &out, err);
    request.method = "POST";
    request.path = THOLE_API "/environmenthooks";
    request.body = body;
    request.name = path_base(dir);
    request.apart = true;
    return body ? env_operate(cli, &request, err) : -1;
}

static int run_hook(Cli *cli, const HookAsk *hook, Err *err) {
    bool shared = strcmp(hook->action, "init") == 0 && !hook->name;
    AUTO_FREE char *verb = xasprintf("hook %s %s", hook->service, hook->action);
    EnvRequest request = {.path = "hook", .verb = verb};
    EnvTarget env;
    Buf buf;
    JsonWriter out;
    int r = env_find(cli, hook->name, &env, err);
    if (r < 0 && shared && err->kind == ERR_NOT_FOUND)
        return share_hook(cli, hook, request, err);
    if (r < 0)
        return -1;
    if (hook->mode)
        return err_set(err, ERR_INVALID,
                       "an environment has its mode: --mode is for an init of none");
    env_body_begin(&buf, &out);
    json_kv_string(&out, "service", hook->service);
    json_kv_string(&out, "action", hook->action);
    return act(cli, &env, request, env_body_end(&buf, &out, err), err);
}

int env_hook(Cli *cli, const EnvOptions *ask, Err *err) {
    static const char actions[] = "init|seed|reset|destroy";
    const char *const *words = cli->names.at + 1;
    size_t n = cli->names.n - 1;
    bool first = n == 3 && !option_is_choice(actions, words[1]); /* NAME, as with all others */
    const HookAsk hook = {.service = words[first],
                          .action = words[1 + first],
                          .name = n < 3 ? NULL : words[first ? 0 : 2],
                          .mode = ask->mode};
    if (!option_is_choice(actions, hook.action))
        return err_set(err, ERR_INVALID,
                       "thole env hook takes SERVICE %s [NAME]; \"%.40s\" is none of these",
                       actions, words[1]);
    return run_hook(cli, &hook, err);
}

/* ---- steps ---- */

/* What the step would write, and what is there. */
static const Value *look_at_step(Cli *cli, const EnvTarget *env, const char *step,
                                 const EnvOptions *ask, Err *err) {
    const Value *reply;
    Buf path;
    buf_init(&path, CLI_PATH_BYTES);
    buf_printf(&path, "%s/step", env->path);
    client_param(&path, "name", step);
    if (ask->reveal)
        client_param(&path, "reveal", "true");
    int r = client_ask(&cli->client, "GET", buf_cstr(&path), NULL, &cli->arena, &reply, err);
    buf_deinit(&path);
    return r < 0 ? NULL : reply;
}

static int show_step(Cli *cli, const EnvTarget *env, const char *step, const EnvOptions *ask,
                     Err *err) {
    if (ask->print && ask->dry_run)
        return err_set(err, ERR_INVALID,
                       "--print shows the whole text, --dry-run how it differs: one of both");
    const Value *reply = look_at_step(cli, env, step, ask, err);
    if (!reply)
        return -1;
    if (env_as_json(cli))
        cli_print(cli, reply);
    else
        env_print_step(cli, step, reply, ask->dry_run);
    return EXIT_DONE;
}

int env_step(Cli *cli, const EnvOptions *ask, Err *err) {
    const char *step;
    EnvTarget env;
    Buf buf;
    JsonWriter out;
    if (env_find_with_step(cli, &env, &step, err) < 0)
        return -1;
    if (ask->print || ask->dry_run)
        return show_step(cli, &env, step, ask, err);
    AUTO_FREE char *verb = xasprintf("step %s of", step);
    env_body_begin(&buf, &out);
    json_kv_string(&out, "step", step);
    return act(cli, &env, (EnvRequest){.path = "step", .verb = verb}, env_body_end(&buf, &out, err),
               err);
}

int env_invalidate(Cli *cli, const EnvOptions *ask, Err *err) {
    const char *step;
    EnvTarget env;
    const Value *reply;
    Buf buf;
    JsonWriter out;
    if (env_find_with_step(cli, &env, &step, err) < 0)
        return -1;
    buf_init(&buf, MAX_REQUEST_BYTES);
    json_writer_init(&out, &buf);
    json_object_begin(&out);
    json_kv_string(&out, "step", step);
    json_object_end(&out);
    AUTO_FREE char *path = env_below(&env, "invalidate");
    int r = client_ask(&cli->client, "POST", path, buf_cstr(&buf), &cli->arena, &reply, err);
    buf_deinit(&buf);
    if (r < 0)
        return -1;
    if (env_as_json(cli))
        cli_print(cli, value_get(reply, "steps"));
    else
        env_print_invalidated(cli, &env, value_get(reply, "steps"));
    return EXIT_DONE;
}
