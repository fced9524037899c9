/* SPDX-License-Identifier: Apache-2.0 */
/* Which environment is meant. */
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "base/path.h"
#include "base/str.h"
#include "base/vec.h"
#include "cli/env.h"
#include "spec/manifest_names.h"

enum { NAMED_MOST = 5 };

bool env_as_json(const Cli *cli) {
    return strcmp(cli_output(cli), "json") == 0;
}

const char *env_text(const Value *map, const char *key) {
    const char *text = value_get_str(map, key);
    return text ? text : "";
}

char *env_resume(const Cli *cli, const char *command) {
    static const char program[] = "thole ";
    bool any = command && str_starts(command, program);
    return any ? cli_words(cli, command + strlen(program)) : NULL;
}

const char *env_given(const Cli *cli, size_t needed, size_t *ret_rest) {
    bool named = cli->names.n > 1 + needed;
    *ret_rest = named ? 2 : 1;
    return named ? cli->names.at[1] : NULL;
}

void env_target_of(Cli *cli, const Value *object, EnvTarget *ret) {
    const Value *metadata = value_get(object, "metadata");
    Buf path;
    buf_init(&path, CLI_PATH_BYTES);
    buf_puts(&path, THOLE_API "/namespaces/");
    client_segment(&path, env_text(metadata, "namespace"));
    buf_puts(&path, "/environments/");
    client_segment(&path, env_text(metadata, "name"));
    *ret = (EnvTarget){.name = env_text(value_get(object, "spec"), "name"),
                       .path = arena_strdup(&cli->arena, buf_cstr(&path)),
                       .object = object};
    buf_deinit(&path);
}

char *env_below(const EnvTarget *env, const char *below) {
    return xasprintf("%s/%s", env->path, below);
}

int env_look(Cli *cli, const EnvTarget *env, const char *below, const Value **ret, Err *err) {
    AUTO_FREE char *path = env_below(env, below);
    return client_ask(&cli->client, "GET", path, NULL, &cli->arena, ret, err);
}

int env_project_param(Cli *cli, Buf *path, Err *err) {
    if (cli_project(cli, err) < 0)
        return -1;
    client_param(path, "project", cli->config_file);
    return 0;
}

static int ask_items(Cli *cli, const char *name, const char *value, const Value **ret, Err *err) {
    const Value *list;
    Buf path;
    buf_init(&path, CLI_PATH_BYTES);
    buf_puts(&path, ENVIRONMENTS);
    if (value)
        client_param(&path, name, value);
    int r = client_ask(&cli->client, "GET", buf_cstr(&path), NULL, &cli->arena, &list, err);
    buf_deinit(&path);
    *ret = r < 0 ? NULL : value_get(list, "items");
    return r;
}

/* `--file` of a project that is gone, or was moved: the store may know environments of it. */
static bool take_gone(Cli *cli) {
    char here[PATH_MAX];
    const Value *items;
    Err unused;
    if (!cli->file || !getcwd(here, sizeof(here)))
        return false;
    AUTO_FREE char *whole = path_join(here, cli->file), *file = path_resolve(whole);
    if (ask_items(cli, "project", file, &items, &unused) < 0 || value_count(items) == 0)
        return false;
    cli->config_file = TAKE(file);
    return true;
}

int env_project_if_any(Cli *cli, Err *err) {
    Err why;
    if (cli_project(cli, &why) == 0 ||
        (why.kind == ERR_NOT_FOUND && (!cli->file || take_gone(cli))))
        return 0;
    *err = why;
    return -1;
}

int env_items(Cli *cli, const Value **ret, Err *err) {
    if (env_project_if_any(cli, err) < 0)
        return -1;
    return ask_items(cli, "project", cli->config_file, ret, err);
}

int env_state(Cli *cli, const char *project, const EnvOptions *ask, const Value **ret, Err *err) {
    Buf path;
    buf_init(&path, CLI_PATH_BYTES);
    buf_puts(&path, ENVIRONMENT_STATE);
    client_param(&path, "project", project);
    if (ask->audit)
        client_param(&path, "audit", "true");
    if (ask->reveal)
        client_param(&path, "reveal", "true");
    int r = client_ask(&cli->client, "GET", buf_cstr(&path), NULL, &cli->arena, ret, err);
    buf_deinit(&path);
    return r;
}

/* ---- by its name ---- */

static const char *name_of(const Value *object) {
    return env_text(value_get(object, "spec"), "name");
}

/* "a, b, c, …" */
static void put_names(const Value *items, Buf *out) {
    for (size_t i = 0; i < value_count(items); i++) {
        if (i == NAMED_MOST) {
            buf_puts(out, ", …");
            return;
        }
        buf_printf(out, "%s%.60s", i ? ", " : "", name_of(value_at(items, i)));
    }
}

static const char *place_of(const Cli *cli) {
    return cli->config_file ? cli->config_file : "this user";
}

/* What `env run` has done here is in no list. */
bool env_is_only_run(void) {
    return access(MANIFEST_STEPS, F_OK) == 0;
}

static int only_run(Err *err) {
    if (!env_is_only_run())
        return 0;
    return err_set(
        err, ERR_NOT_FOUND,
        "what runs here was made from its manifest alone, and no store knows it: %s says "
        "what was done, `thole env run` goes on, `thole env stop` ends it",
        MANIFEST_STEPS);
}

/* The repository that the project is in knows the worktree: what is gone lay here, or is of it. */
static bool is_of_repository(const Cli *cli, const Value *object) {
    const char *tree = path_base(env_text(value_get(object, "spec"), "path"));
    AUTO_FREE char *dir = path_dir(cli->config_file);
    for (;;) {
        AUTO_FREE char *git = path_join(dir, ".git");
        AUTO_FREE char *known = xasprintf("%s/worktrees/%s", git, tree);
        char *slash = strrchr(dir, '/');
        if (access(git, F_OK) == 0 || !slash)
            return *tree && access(known, F_OK) == 0;
        *slash = '\0';
    }
}

void env_tell_gone(Cli *cli) {
    const Value *items;
    Value *left = value_new(&cli->arena, VALUE_LIST);
    const char *gone = NULL;
    Err unused;
    Buf names;
    if (!cli->config_file || ask_items(cli, NULL, NULL, &items, &unused) < 0)
        return;
    for (size_t i = 0; i < value_count(items); i++) {
        const char *project = env_text(value_get(value_at(items, i), "spec"), "project");
        if (gone ? strcmp(gone, project) != 0
                 : access(project, F_OK) == 0 || !is_of_repository(cli, value_at(items, i)))
            continue;
        gone = project;
        value_add(&cli->arena, left, value_copy(value_at(items, i), &cli->arena));
    }
    if (!gone)
        return;
    buf_init(&names, 512);
    put_names(left, &names);
    cli_say("%s is gone, or was moved, and still has environments: %s; `thole -C / env delete "
            "NAME` removes them",
            gone, buf_cstr(&names));
    buf_deinit(&names);
}

/* People copy what is advised into a shell; most of what is no word there is no name either. */
static bool is_plain_word(const char *name) {
    static const char plain[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./-";
    return name && *name && !name[strspn(name, plain)];
}

static int none_of(Cli *cli, const Value *items, const char *name, Err *err) {
    Buf names;
    VEC(const char *) known = {0};
    if (!value_count(items)) {
        env_tell_gone(cli);
        return err_set(err, ERR_NOT_FOUND,
                       "%s has no environment; `thole env create %.60s` makes one", place_of(cli),
                       is_plain_word(name) ? name : "NAME");
    }
    buf_init(&names, 512);
    put_names(items, &names);
    if (!name) {
        err_set(err, ERR_NOT_FOUND,
                "the working directory is in no environment; name one of %s: %s", place_of(cli),
                buf_cstr(&names));
    } else {
        for (size_t i = 0; i < value_count(items); i++)
            VEC_PUSH(known, name_of(value_at(items, i)));
        err_set(err, ERR_NOT_FOUND, "%s has no environment \"%.100s\"; there is %s", place_of(cli),
                name, buf_cstr(&names));
        err_suggest(err, str_suggest(name, known.at, known.n), "");
    }
    VEC_FREE(known);
    buf_deinit(&names);
    return -1;
}

/* Where no project is at hand several of them may have one of that name. */
static int by_name(Cli *cli, const char *name, EnvTarget *ret, Err *err) {
    const Value *items, *found = NULL;
    if (env_items(cli, &items, err) < 0)
        return -1;
    for (size_t i = 0; i < value_count(items); i++) {
        const Value *object = value_at(items, i);
        if (strcmp(name_of(object), name) != 0)
            continue;
        if (found)
            return err_set(err, ERR_INVALID,
                           "%s and %s both have an environment \"%.100s\"; --file says which",
                           env_text(value_get(found, "spec"), "project"),
                           env_text(value_get(object, "spec"), "project"), name);
        found = object;
    }
    if (!found)
        return none_of(cli, items, name, err);
    env_target_of(cli, found, ret);
    return 0;
}

static int by_place(Cli *cli, EnvTarget *ret, Err *err) {
    char here[PATH_MAX];
    const Value *items;
    if (!getcwd(here, sizeof(here)))
        return err_sys(err, errno, "the working directory is gone");
    if (ask_items(cli, "at", here, &items, err) < 0)
        return -1;
    if (value_count(items)) {
        env_target_of(cli, value_at(items, 0), ret);
        return 0;
    }
    if (only_run(err) < 0)
        return -1;
    return env_items(cli, &items, err) < 0 ? -1 : none_of(cli, items, NULL, err);
}

int env_find(Cli *cli, const char *name, EnvTarget *ret, Err *err) {
    return name ? by_name(cli, name, ret, err) : by_place(cli, ret, err);
}

int env_find_with_step(Cli *cli, EnvTarget *ret, const char **ret_step, Err *err) {
    size_t rest;
    EnvTarget other;
    Err why;
    const char *name = env_given(cli, 1, &rest);
    *ret_step = cli->names.at[rest];
    if (env_find(cli, name, ret, err) == 0)
        return 0;
    if (name || err->kind != ERR_NOT_FOUND || env_find(cli, *ret_step, &other, &why) < 0)
        return -1;
    return err_set(err, ERR_INVALID,
                   "thole env %s takes [NAME] STEP, and %.100s is an environment: `thole env steps "
                   "%.100s` has its steps",
                   cli->names.at[0], other.name, other.name);
}
