/* SPDX-License-Identifier: Apache-2.0 */
/* create, attach, provision: an environment comes to be, or goes on to. */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/path.h"
#include "base/str.h"
#include "base/utf8.h"
#include "base/xalloc.h"
#include "cli/env_operate.h"
#include "cli/env_view.h"
#include "cli/report_print.h"
#include "spec/config_modes.h"
#include "spec/worktree_include.h"

typedef struct Creation {
    const char *verb, *name;
    const char *worktree; /* absolute; NULL: it is made */
    bool provision_only;
} Creation;

/* A path as the server understands it; owned. NULL: err. What is not there yet is fine. */
static char *absolute(const char *path, Err *err) {
    char here[PATH_MAX];
    if (path[0] == '/')
        return xstrdup(path);
    if (!getcwd(here, sizeof(here))) {
        err_sys(err, errno, "the working directory is gone");
        return NULL;
    }
    return strcmp(path, ".") == 0 ? xstrdup(here) : path_join(here, path);
}

/* ---- the body ---- */

/* Where we are may have a name that the server cannot be told: it would take it for another. */
static int check_told(const char *path, Err *err) {
    return utf8_valid(path, strlen(path))
               ? 0
               : err_set(err, ERR_INVALID, "the path %s is not UTF-8", path);
}

static int put_path(const char *key, const char *path, JsonWriter *out, Err *err) {
    if (!path)
        return 0;
    AUTO_FREE char *whole = absolute(path, err);
    if (!whole || check_told(whole, err) < 0)
        return -1;
    json_kv_string(out, key, whole);
    return 0;
}

/* Links on the way are resolved, the file itself may be one. */
static char *real_of(const char *path, Err *err) {
    AUTO_FREE char *whole = absolute(path, err), *dir = whole ? path_dir(whole) : NULL;
    struct stat st;
    if (!whole)
        return NULL;
    const char *name = path_base(whole);
    bool named = *name && strcmp(name, ".") != 0 && strcmp(name, "..") != 0;
    AUTO_FREE char *real = realpath(named ? dir : whole, NULL);
    if (!real || lstat(whole, &st) < 0) {
        err_sys(err, errno, "--copy %s", path);
        return NULL;
    }
    return named ? path_join(real, name) : TAKE(real);
}

/* Files are said from where we are, and told from the root of the project. */
static int put_copied(const Cli *cli, const char *file, JsonWriter *out, Err *err) {
    bool link = str_starts(file, WORKTREE_LINK);
    const char *path = link ? file + strlen(WORKTREE_LINK) : file;
    AUTO_FREE char *root = path_dir(cli->config_file);
    AUTO_FREE char *real = real_of(path, err);
    if (!real)
        return -1;
    if (!path_below(real, root) || strcmp(real, root) == 0)
        return err_set(err, ERR_INVALID, "--copy %s: it is not below %s, the root of the project",
                       path, root);
    AUTO_FREE char *told = xasprintf("%s%s", link ? WORKTREE_LINK : "",
                                     real + strlen(root) + (strcmp(root, "/") != 0));
    if (check_told(told, err) < 0)
        return -1;
    json_string(out, told);
    return 0;
}

static int put_copies(const Cli *cli, const TextList *files, JsonWriter *out, Err *err) {
    int r = 0;
    if (!files->n)
        return 0;
    json_kv_array(out, "copy");
    for (size_t i = 0; r == 0 && i < files->n; i++)
        r = put_copied(cli, files->at[i], out, err);
    json_array_end(out);
    return r;
}

static void put_text(const char *key, const char *text, JsonWriter *out) {
    if (text)
        json_kv_string(out, key, text);
}

static int put_spec(const Cli *cli, const EnvOptions *ask, const Creation *it, JsonWriter *out,
                    Err *err) {
    char ttl[DURATION_TEXT];
    json_kv_object(out, "spec");
    json_kv_string(out, "name", it->name);
    json_kv_string(out, "project", cli->config_file);
    put_text("mode", ask->mode, out);
    put_text("branch", ask->branch, out);
    put_text("base", ask->base, out);
    put_text("from", ask->from, out);
    if (ask->no_cache)
        json_kv_bool(out, "noCache", true);
    if (it->provision_only)
        json_kv_bool(out, "provisionOnly", true);
    duration_format_go(ask->ttl_ms, ttl);
    put_text("ttl", ask->ttl_ms ? ttl : NULL, out);
    int r = put_path("path", ask->path, out, err);
    if (r == 0)
        r = put_path("worktree", it->worktree, out, err);
    if (r == 0)
        r = put_copies(cli, &ask->copy, out, err);
    json_object_end(out);
    return r;
}

static char *body_of(const Cli *cli, const EnvOptions *ask, const Creation *it, Err *err) {
    Buf buf;
    JsonWriter out;
    env_body_begin(&buf, &out);
    if (put_spec(cli, ask, it, &out, err) == 0)
        return env_body_end(&buf, &out, err);
    buf_deinit(&buf);
    return NULL;
}

/* ---- asking ---- */

static int show_plan(Cli *cli, const char *body, Err *err) {
    const Value *reply;
    int r = client_ask(&cli->client, "POST", ENVIRONMENTS "?dryRun=All", body, &cli->arena, &reply,
                       err);
    if (r < 0) {
        report_print(cli, reply);
        report_take_cause(reply, err);
        return -1;
    }
    if (env_as_json(cli))
        cli_print(cli, value_get(reply, "steps"));
    else
        env_print_plan(cli, value_get(reply, "steps"));
    return EXIT_DONE;
}

int env_check_mode(Cli *cli, const char *file, const char *mode, Err *err) {
    StrList modes = config_modes(file, &cli->arena);
    if (!config_mode_named(mode, strlen(mode)))
        return err_set(err, ERR_INVALID,
                       "--mode %.80s cannot be the name of a mode: use letters, digits, '-', '_' "
                       "and '.', at most %d characters",
                       mode, MODE_MAX);
    if (strcmp(mode, "local") == 0)
        return 0;
    for (size_t i = 0; i < modes.n; i++)
        if (strcmp(modes.at[i], mode) == 0)
            return 0;
    const char *like = str_suggest(mode, modes.at, modes.n);
    cli_say("mode %s has no overlay beside %s%s%s%s", mode, file, like ? "; did you mean " : "",
            like ? like : "", like ? "?" : "");
    return 0;
}

static int create(Cli *cli, const EnvOptions *ask, const Creation *it, Err *err) {
    if (cli->session)
        return err_set(err, ERR_INVALID,
                       "an environment has a session of its own: thole env %s takes no --session",
                       it->verb);
    if (cli_project(cli, err) < 0)
        return -1;
    if (ask->mode && env_check_mode(cli, cli->config_file, ask->mode, err) < 0)
        return -1;
    AUTO_FREE char *body = body_of(cli, ask, it, err);
    if (!body)
        return -1;
    if (ask->dry_run)
        return show_plan(cli, body, err);
    return env_operate(cli,
                       &(EnvRequest){.method = "POST",
                                     .path = ENVIRONMENTS,
                                     .body = body,
                                     .verb = it->verb,
                                     .name = it->name,
                                     .phases = it->provision_only ? "provision" : "provision|run",
                                     .sums_up = true},
                       err);
}

int env_create(Cli *cli, const EnvOptions *ask, Err *err) {
    return create(cli, ask, &(Creation){.verb = "create", .name = cli->names.at[1]}, err);
}

int env_provision(Cli *cli, const EnvOptions *ask, Err *err) {
    EnvTarget env = {.name = cli->names.n > 1 ? cli->names.at[1] : NULL};
    if (!env.name && env_find(cli, NULL, &env, err) < 0)
        return -1;
    return create(cli, ask,
                  &(Creation){.verb = "provision", .name = env.name, .provision_only = true}, err);
}

/* Without a name that of the tree. */
int env_attach(Cli *cli, const EnvOptions *ask, Err *err) {
    if (!ask->worktree)
        return err_set(err, ERR_INVALID,
                       "thole env attach needs to know the tree: --worktree DIR (. is this one)");
    AUTO_FREE char *tree = absolute(ask->worktree, err);
    if (!tree)
        return -1;
    AUTO_FREE char *real = realpath(tree, NULL);
    if (!real)
        return err_sys(err, errno, "--worktree %s", ask->worktree);
    return create(cli, ask,
                  &(Creation){.verb = "attach",
                              .name = cli->names.n > 1 ? cli->names.at[1] : path_base(real),
                              .worktree = real},
                  err);
}
