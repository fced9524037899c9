/* SPDX-License-Identifier: Apache-2.0 */
/* list, show */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/path.h"
#include "base/str.h"
#include "base/vec.h"
#include "base/xalloc.h"
#include "cli/env_view.h"
#include "cli/table.h"

/* ---- list ---- */

static int by_name(const void *a, const void *b) {
    return strcmp(env_text(*(Value *const *)a, "name"), env_text(*(Value *const *)b, "name"));
}

/* previewctl's EnvironmentEntry of each. Among those of several projects each says which it is. */
static int add_entries(Cli *cli, const EnvOptions *ask, const char *project, Value *list,
                       Err *err) {
    const Value *state;
    if (env_state(cli, project, ask, &state, err) < 0)
        return -1;
    const Value *all = value_get(state, "environments");
    for (size_t i = 0; value_is(all, VALUE_MAP) && i < all->map.n; i++) {
        Value *entry = value_copy(all->map.at[i].value, &cli->arena);
        if (!cli->config_file)
            value_set(&cli->arena, entry, "project", value_new_string(&cli->arena, project));
        value_add(&cli->arena, list, entry);
    }
    return 0;
}

static const char *project_of(const Value *items, size_t i) {
    return env_text(value_get(value_at(items, i), "spec"), "project");
}

static bool is_first_of(const Value *items, size_t n) {
    size_t i = 0;
    while (strcmp(project_of(items, i), project_of(items, n)) != 0)
        i++;
    return i == n;
}

static int list_json(Cli *cli, const EnvOptions *ask, Err *err) {
    const Value *items = NULL;
    Value *list = value_new(&cli->arena, VALUE_LIST);
    if (env_project_if_any(cli, err) < 0)
        return -1;
    int r = cli->config_file ? add_entries(cli, ask, cli->config_file, list, err)
                             : env_items(cli, &items, err);
    for (size_t i = 0; r == 0 && i < value_count(items); i++)
        if (is_first_of(items, i))
            r = add_entries(cli, ask, project_of(items, i), list, err);
    if (r < 0)
        return -1;
    if (value_count(list))
        qsort(list->list.at, list->list.n, sizeof(*list->list.at), by_name);
    cli_print(cli, list);
    return EXIT_DONE;
}

typedef struct Columns {
    size_t at[16]; /* which cell of a row */
    const char *names[16];
    size_t n;
    size_t status; /* which of them it is; SIZE_MAX: none */
} Columns;

/* What is of little use in a list has a priority; whose it is is worth a column only among those of
 * several projects. */
static bool is_shown(const Cli *cli, const Value *definition) {
    return value_get_int(definition, "priority", 0) == 0 ||
           (!cli->config_file && str_same(value_get_str(definition, "name"), "Project"));
}

static Columns columns_of_table(Cli *cli, const Value *definitions) {
    Columns ret = {.status = SIZE_MAX};
    for (size_t i = 0; i < value_count(definitions) && ret.n < COUNT(ret.at); i++) {
        const Value *definition = value_at(definitions, i);
        if (!is_shown(cli, definition))
            continue;
        char *name = arena_strdup(&cli->arena, env_text(definition, "name"));
        for (char *at = name; *at; at++)
            *at = (char)toupper((unsigned char)*at);
        if (strcmp(name, "STATUS") == 0)
            ret.status = ret.n;
        ret.at[ret.n] = i;
        ret.names[ret.n++] = name;
    }
    return ret;
}

typedef struct Row {
    const char *project, *name;
    const Value *cells;
} Row;

static const char *cell_of(const Value *definitions, const Value *cells, const char *column) {
    size_t i = 0;
    while (i < value_count(definitions) &&
           !str_same(value_get_str(value_at(definitions, i), "name"), column))
        i++;
    const char *text = value_str(value_at(cells, i));
    return text ? text : "";
}

static int by_project_and_name(const void *a, const void *b) {
    const Row *x = a, *y = b;
    int order = strcmp(x->project, y->project);
    return order ? order : strcmp(x->name, y->name);
}

/* The server has them in the order of their objects, whose names are not those that people gave. */
static Row *sorted_rows(Cli *cli, const Value *reply) {
    const Value *definitions = value_get(reply, "columnDefinitions");
    const Value *rows = value_get(reply, "rows");
    size_t n = value_count(rows);
    Row *sorted = arena_alloc(&cli->arena, (n + 1) * sizeof(*sorted));
    for (size_t i = 0; i < n; i++) {
        const Value *cells = value_get(value_at(rows, i), "cells");
        sorted[i] = (Row){cell_of(definitions, cells, "Project"),
                          cell_of(definitions, cells, "Name"), cells};
    }
    qsort(sorted, n, sizeof(*sorted), by_project_and_name);
    return sorted;
}

static void print_table(Cli *cli, const Value *reply) {
    Columns columns = columns_of_table(cli, value_get(reply, "columnDefinitions"));
    const Row *rows = sorted_rows(cli, reply);
    Table *table = table_new(columns.names, columns.n, cli->color);
    for (size_t i = 0; i < value_count(value_get(reply, "rows")); i++) {
        const char *cells[16];
        for (size_t k = 0; k < columns.n; k++) {
            const Value *cell = value_at(rows[i].cells, columns.at[k]);
            cells[k] = value_str(cell) ? value_str(cell) : cell && cell->text ? cell->text : "";
        }
        table_row(table, cells,
                  columns.status != SIZE_MAX ? env_color(cells[columns.status]) : NULL);
    }
    if (columns.n)
        table_fit_terminal(table, &(TableFit){.cut = columns.n - 1, .stay = 2, .paths = true},
                           cli->terminal);
    table_print(table);
}

/* A thole.yaml put beside a previewctl.yaml is another project: nothing of that is lost. */
static void say_hidden(Cli *cli) {
    const Value *list;
    Err err;
    if (!cli->config_file || strcmp(path_base(cli->config_file), "thole.yaml") != 0)
        return;
    AUTO_FREE char *dir = path_dir(cli->config_file), *other = path_join(dir, "previewctl.yaml");
    Buf path;
    if (access(other, F_OK) < 0)
        return;
    buf_init(&path, CLI_PATH_BYTES);
    buf_puts(&path, ENVIRONMENTS);
    client_param(&path, "project", other);
    int r = client_ask(&cli->client, "GET", buf_cstr(&path), NULL, &cli->arena, &list, &err);
    buf_deinit(&path);
    size_t n = r < 0 ? 0 : value_count(value_get(list, "items"));
    if (n)
        cli_say("%s has %zu environment%s of its own: `thole --file %s env list`", other, n,
                n == 1 ? "" : "s", other);
}

int env_list(Cli *cli, const EnvOptions *ask, Err *err) {
    const Value *table;
    Buf path;
    if (env_as_json(cli))
        return list_json(cli, ask, err);
    if (ask->audit)
        return err_set(err, ERR_INVALID,
                       "the audit logs are shown with --json; `thole env steps NAME --audit` shows "
                       "one");
    if (env_project_if_any(cli, err) < 0)
        return -1;
    buf_init(&path, CLI_PATH_BYTES);
    buf_puts(&path, ENVIRONMENTS);
    if (cli->config_file)
        client_param(&path, "project", cli->config_file);
    client_param(&path, "includeObject", "None"); /* rows alone: a third of the bytes */
    int r = client_table(&cli->client, buf_cstr(&path), &cli->arena, &table, err);
    buf_deinit(&path);
    if (r < 0)
        return -1;
    say_hidden(cli);
    if (value_count(value_get(table, "rows"))) {
        print_table(cli, table);
        return EXIT_DONE;
    }
    cli_say("%s has no environment; `thole env create NAME` makes one",
            cli->config_file ? cli->config_file : "this user");
    env_tell_gone(cli);
    return EXIT_DONE;
}

/* ---- show ---- */

/* previewctl's EnvironmentDetail, and what we know besides. */
static void show_json(Cli *cli, const Value *entry, const EnvDetail *detail) {
    Arena *arena = &cli->arena;
    bool running = value_get_bool(detail->infrastructure, "running", false);
    Value *all = value_new(arena, VALUE_MAP);
    const struct {
        const char *key;
        const Value *value;
    } members[] = {{"entry", entry},
                   {"infraRunning", value_new_bool(arena, running)},
                   {"environment", detail->object},
                   {"steps", detail->steps},
                   {"infrastructure", detail->infrastructure}};
    for (size_t i = 0; i < COUNT(members); i++)
        if (members[i].value)
            value_set(arena, all, members[i].key, value_copy(members[i].value, arena));
    cli_print(cli, all);
}

/* What is begun and waits for the store, which does not know of it yet. */
static bool is_unrecorded(const Value *object) {
    const Value *operation = value_get(value_get(object, "status"), "operation");
    return str_same(value_get_str(operation, "state"), "waiting");
}

/* Its steps and infrastructure. Where the config is not valid just now there is none of it; the
 * rest is shown all the same. */
static int look_live(Cli *cli, const EnvTarget *env, const Value **ret, Err *err) {
    *ret = NULL;
    int r = env_look(cli, env, "steps?infrastructure=true", ret, err);
    if (r == 0 || (err->kind == ERR_NOT_FOUND && is_unrecorded(env->object)))
        return 0;
    if (err->kind != ERR_INVALID)
        return r;
    const char *project = env_text(value_get(env->object, "spec"), "project");
    cli_say("%s; its steps and infrastructure are not known%s", err->msg,
            access(project, F_OK) == 0 ? ": `thole vet` says why" : "");
    return 0;
}

int env_show(Cli *cli, const EnvOptions *ask, Err *err) {
    size_t rest;
    EnvTarget env;
    const Value *live, *entry = NULL;
    if (env_find(cli, env_given(cli, 0, &rest), &env, err) < 0 ||
        look_live(cli, &env, &live, err) < 0)
        return -1;
    const EnvDetail detail = {env.object, value_get(live, "steps"),
                              value_get(live, "infrastructure")};
    if (!env_as_json(cli)) {
        env_print_detail(cli, &detail);
        return EXIT_DONE;
    }
    if (env_look(cli, &env, "entry", &entry, err) < 0 && !is_unrecorded(env.object))
        return -1;
    show_json(cli, entry, &detail);
    return EXIT_DONE;
}
