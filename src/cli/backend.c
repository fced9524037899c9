/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/str.h"
#include "base/xalloc.h"
#include "cli/backend_options.h"
#include "cli/backend_orphans.h"
#include "cli/commands.h"
#include "cli/table.h"
#include "data/json.h"
#include "spec/routes.h"

#define BACKENDS THOLE_API "/backends"

typedef struct BackendAsk {
    bool remove, unread;
} BackendAsk;

static const Option options[] = {
    {"remove", 0, OPTION_FLAG, offsetof(BackendAsk, remove), NULL,
     "destroy them, by their labels alone", NULL, "orphans"},
    {"unread", 0, OPTION_FLAG, offsetof(BackendAsk, unread), NULL,
     "with --remove: also those whose record cannot be read, perhaps of a newer server", NULL,
     "orphans"},
};

static bool as_json(const Cli *cli) {
    return strcmp(cli_output(cli), "json") == 0;
}

static const char *text_of(const Value *map, const char *key) {
    const char *text = value_get_str(map, key);
    return text ? text : "";
}

/* The path with what our environment says. Returns owned. */
static char *path_of(const char *name, const char *below, const char *task) {
    Buf path, said;
    JsonWriter out;
    buf_init(&path, CLI_PATH_BYTES);
    buf_init(&said, CLI_PATH_BYTES);
    json_writer_init(&out, &said);
    backend_options_put(&out);
    buf_puts(&path, BACKENDS);
    const char *const segments[] = {name, below, task};
    for (size_t i = 0; i < COUNT(segments) && segments[i]; i++) {
        buf_putc(&path, '/');
        client_segment(&path, segments[i]);
    }
    client_param(&path, "options", buf_cstr(&said));
    buf_deinit(&said);
    return buf_take(&path);
}

/* The reply begins before the server knows: what failed is a Status with its code. */
static int ask(Cli *cli, const char *method, const char *path, const Value **ret, Err *err) {
    HttpAnswer answer;
    if (client_raw(&cli->client, method, path, NULL, &answer, err) < 0)
        return -1;
    int r = json_parse(answer.body, answer.size, &cli->arena, ret, err);
    if (r == 0 && str_same(value_get_str(*ret, "status"), "Failure"))
        answer.status = (int)value_get_int(*ret, "code", 500);
    if (answer.status >= 400)
        r = http_status_err(&answer, err);
    http_answer_free(&answer);
    return r;
}

static int look(Cli *cli, const char *name, const char *below, const Value **ret, Err *err) {
    AUTO_FREE char *path = path_of(name, below, NULL);
    return ask(cli, "GET", path, ret, err);
}

/* ---- list ---- */

static int list(Cli *cli, Err *err) {
    static const char *const columns[] = {"BACKEND", "AVAILABLE", "PLATFORM", "VERSION", "WHERE"};
    const Value *reply;
    if (look(cli, NULL, NULL, &reply, err) < 0)
        return -1;
    const Value *items = value_get(reply, "items");
    if (as_json(cli)) {
        cli_print(cli, items);
        return EXIT_DONE;
    }
    Table *table = table_new(columns, COUNT(columns), cli->color);
    for (size_t i = 0; i < value_count(items); i++) {
        const Value *item = value_at(items, i), *status = value_get(item, "status");
        bool available = value_get_bool(status, "available", false);
        const char *cells[] = {text_of(value_get(item, "metadata"), "name"),
                               available ? "yes" : "no", text_of(status, "platform"),
                               text_of(status, "version"),
                               available ? text_of(status, "where") : text_of(status, "why")};
        table_row(table, cells, available ? "32" : "31");
    }
    table_print(table);
    return EXIT_DONE;
}

/* ---- show ---- */

static const char *variables_of(Cli *cli, const Value *flag) {
    const Value *env = value_get(flag, "env");
    const char *all = "";
    for (size_t i = 0; i < value_count(env); i++)
        all = arena_printf(&cli->arena, "%s%s%s", all, i ? ", " : "", value_str(value_at(env, i)));
    return all;
}

static void print_flags(Cli *cli, const Value *flags) {
    if (!value_count(flags)) {
        puts("\nIt has no options.");
        return;
    }
    puts("\nOptions, the environment that says them (the first that is set), and what they are "
         "for:");
    for (size_t i = 0; i < value_count(flags); i++) {
        const Value *flag = value_at(flags, i);
        const char *value = text_of(flag, "value"), *dflt = text_of(flag, "default");
        printf("\n  %s (%s) = %s%s\n", text_of(flag, "name"), text_of(flag, "type"),
               *value ? value : "\"\"", strcmp(value, dflt) == 0 ? ", the default" : "");
        if (strcmp(value, dflt) != 0)
            printf("    default: %s\n", *dflt ? dflt : "\"\"");
        printf("    %s\n    %s\n", variables_of(cli, flag), text_of(flag, "doc"));
    }
}

static void print_fields(const Value *fields) {
    puts("\nOf a Config all fields are honoured, but for:");
    for (size_t i = 0; i < value_count(fields); i++) {
        const Value *field = value_at(fields, i);
        if (strcmp(text_of(field, "use"), "honoured") != 0)
            printf("  %-32s %s: %s\n", text_of(field, "path"), text_of(field, "use"),
                   text_of(field, "why"));
    }
}

static int show(Cli *cli, const char *name, Err *err) {
    const Value *reply;
    if (look(cli, name, NULL, &reply, err) < 0)
        return -1;
    if (as_json(cli)) {
        cli_print(cli, reply);
        return EXIT_DONE;
    }
    static const char *const keys[] = {"where", "platform", "version"};
    const Value *status = value_get(reply, "status");
    if (value_get_bool(status, "available", false))
        printf("%s is available\n", name);
    else
        printf("%s is not available: %s\n", name, text_of(status, "why"));
    for (size_t i = 0; i < COUNT(keys); i++)
        if (*text_of(status, keys[i]))
            printf("%s: %s\n", keys[i], text_of(status, keys[i]));
    print_flags(cli, value_get(status, "flags"));
    print_fields(value_get(status, "fields"));
    return EXIT_DONE;
}

/* ---- orphans ---- */

typedef struct Orphan {
    const char *backend;
    const Value *what;
} Orphan;

typedef struct Orphans {
    Orphan *at;
    size_t n, cap;
} Orphans;

static void gather(Cli *cli, const char *backend, const Value *left, Orphans *ret) {
    for (size_t i = 0; i < value_count(left); i++) {
        const Value *what = value_at(left, i);
        if (!value_get_bool(what, "orphan", false))
            continue;
        ret->at = arena_grow(&cli->arena, ret->at, ret->n, &ret->cap, sizeof(*ret->at));
        ret->at[ret->n++] = (Orphan){backend, what};
    }
}

static int find_orphans(Cli *cli, Orphans *ret, Err *err) {
    const Value *all, *left;
    if (look(cli, NULL, NULL, &all, err) < 0)
        return -1;
    const Value *items = value_get(all, "items");
    for (size_t i = 0; i < value_count(items); i++) {
        const Value *item = value_at(items, i);
        const char *name = text_of(value_get(item, "metadata"), "name");
        if (!value_get_bool(value_get(item, "status"), "available", false))
            continue;
        if (look(cli, name, "leftovers", &left, err) < 0)
            return -1;
        gather(cli, name, value_get(left, "items"), ret);
    }
    return 0;
}

static void print_orphans(Cli *cli, const Orphans *orphans) {
    static const char *const columns[] = {"BACKEND", "TASK", "KIND", "RUNS", "NAME"};
    if (as_json(cli)) {
        JsonWriter out;
        Buf buf;
        buf_init(&buf, MAX_REPLY_BYTES);
        json_writer_init(&out, &buf);
        out.pretty = true;
        json_array_begin(&out);
        for (size_t i = 0; i < orphans->n; i++) {
            const Value *what = orphans->at[i].what;
            json_object_begin(&out);
            json_kv_string(&out, "backend", orphans->at[i].backend);
            json_kv_string(&out, "task", text_of(what, "task"));
            json_kv_string(&out, "kind", text_of(what, "kind"));
            json_kv_string(&out, "name", text_of(what, "name"));
            json_kv_bool(&out, "running", value_get_bool(what, "running", false));
            json_object_end(&out);
        }
        json_array_end(&out);
        puts(buf_cstr(&buf));
        buf_deinit(&buf);
        return;
    }
    Table *table = table_new(columns, COUNT(columns), cli->color);
    for (size_t i = 0; i < orphans->n; i++) {
        const Value *what = orphans->at[i].what;
        const char *cells[] = {orphans->at[i].backend, text_of(what, "task"), text_of(what, "kind"),
                               value_get_bool(what, "running", false) ? "yes" : "no",
                               text_of(what, "name")};
        table_row(table, cells, NULL);
    }
    table_print(table);
}

/* One after the other; the first error is that of all. */
static int remove_orphans(Cli *cli, const Orphans *orphans, bool unread, Err *err) {
    int r = EXIT_DONE;
    const Value *reply;
    for (size_t i = 0; i < orphans->n; i++) {
        const Orphan *one = &orphans->at[i], *before = i ? one - 1 : NULL;
        const char *task = text_of(one->what, "task");
        Err own;
        if (before && strcmp(before->backend, one->backend) == 0 &&
            strcmp(text_of(before->what, "task"), task) == 0)
            continue;
        AUTO_FREE char *known = path_of(one->backend, "leftovers", task);
        AUTO_FREE char *path = xasprintf("%s%s", known, unread ? "&unread=true" : "");
        if (ask(cli, "DELETE", path, &reply, &own) == 0) {
            cli_say("task %s is gone from %s", task, one->backend);
            continue;
        }
        cli_say("task %s is not gone from %s: %s", task, one->backend, own.msg);
        *err = r == EXIT_DONE ? own : *err;
        r = -1;
    }
    return r;
}

int backend_end_orphans(Cli *cli, Err *err) {
    const Value *left;
    Orphans all = {0};
    size_t n = 0;
    if (look(cli, "local", "leftovers", &left, err) < 0)
        return -1;
    gather(cli, "local", value_get(left, "items"), &all);
    for (size_t i = 0; i < all.n; i++)
        if (str_same(value_get_str(all.at[i].what, "kind"), "process"))
            all.at[n++] = all.at[i];
    all.n = n;
    return remove_orphans(cli, &all, false, err);
}

static int orphans(Cli *cli, const BackendAsk *given, Err *err) {
    Orphans all = {0};
    if (given->unread && !given->remove)
        return err_set(err, ERR_INVALID, "--unread is of --remove; all orphans are listed anyway");
    if (find_orphans(cli, &all, err) < 0)
        return -1;
    if (all.n || as_json(cli))
        print_orphans(cli, &all);
    else
        cli_say("nothing is left of tasks that do not live");
    return given->remove ? remove_orphans(cli, &all, given->unread, err) : EXIT_DONE;
}

#define VERBS "list|show|orphans"

static int run(Cli *cli, void *given, Err *err) {
    static const char *const verbs[] = {"list", "show", "orphans"};
    const char *verb = cli->names.n ? cli->names.at[0] : "";
    if (strcmp(verb, "list") == 0 && cli->names.n == 1)
        return list(cli, err);
    if (strcmp(verb, "orphans") == 0 && cli->names.n == 1)
        return orphans(cli, given, err);
    if (strcmp(verb, "show") == 0 && cli->names.n == 2)
        return show(cli, cli->names.at[1], err);
    if (strcmp(verb, "show") == 0)
        return err_set(err, ERR_INVALID,
                       "thole backend show takes the name of one backend; "
                       "`thole backend list` shows them");
    if (option_is_choice(VERBS, verb))
        return err_set(err, ERR_INVALID,
                       "thole backend %s takes no word; \"%.60s\" is one too many", verb,
                       cli->names.at[1]);
    err_set(err, ERR_INVALID, "thole backend takes " VERBS);
    return err_suggest(err, str_suggest(verb, verbs, COUNT(verbs)), "");
}

const Command command_backend = {
    .name = "backend",
    .args = "list | show NAME | orphans [--remove [--unread]]",
    .words = VERBS,
    .doc = "Shows where workflows may run, and what is left there",
    .more = "What is available is a matter of your environment: DOCKER_HOST and its like.",
    .outputs = "table|json",
    .options = options,
    .option_n = COUNT(options),
    .options_size = sizeof(BackendAsk),
    .run = run,
};
