/* SPDX-License-Identifier: Apache-2.0 */
/* What is left of environments that are no more, or whose time has passed. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/str.h"
#include "base/xalloc.h"
#include "cli/env_operate.h"
#include "cli/env_view.h"
#include "cli/table.h"

#define ORPHANS THOLE_API "/environmentorphans"

static int ask_orphans(Cli *cli, const Value **ret, Err *err) {
    const Value *reply;
    Buf path;
    buf_init(&path, CLI_PATH_BYTES);
    buf_puts(&path, ORPHANS);
    int r = env_project_param(cli, &path, err);
    if (r == 0)
        r = client_ask(&cli->client, "GET", buf_cstr(&path), NULL, &cli->arena, &reply, err);
    buf_deinit(&path);
    *ret = r < 0 ? NULL : value_get(reply, "orphans");
    return r;
}

static bool removable(const Value *orphan) {
    return value_get_bool(orphan, "removable", true);
}

static void print_orphans(const Cli *cli, const Value *orphans) {
    static const char *const columns[] = {"KIND", "REMOVABLE", "NAME", "WHERE", "WHY"};
    Table *table = table_new(columns, COUNT(columns), cli->color);
    for (size_t i = 0; i < value_count(orphans); i++) {
        const Value *orphan = value_at(orphans, i);
        bool goes = removable(orphan);
        const char *cells[] = {env_text(orphan, "kind"), goes ? "yes" : "no",
                               env_text(orphan, "name"), env_text(orphan, "path"),
                               env_text(orphan, "why")};
        table_row(table, cells, goes ? "\033[32m" : "\033[33m");
    }
    table_fit_terminal(table, &(TableFit){.cut = 3, .stay = 3, .paths = true}, cli->terminal);
    table_print(table);
}

static size_t count_removable(const Value *orphans) {
    size_t n = 0;
    for (size_t i = 0; i < value_count(orphans); i++)
        n += removable(value_at(orphans, i));
    return n;
}

/* ---- removing ---- */

/* One that is an environment is deleted, which takes its time. */
static bool is_environment(const Value *orphan) {
    return str_same(env_text(orphan, "kind"), "expired") ||
           str_same(env_text(orphan, "kind"), "leftover");
}

static int delete_one(Cli *cli, const char *path, const Value *orphan, Err *err) {
    Buf buf;
    JsonWriter out;
    env_body_begin(&buf, &out);
    AUTO_FREE char *body = env_body_end(&buf, &out, err);
    if (!body)
        return -1;
    int r = env_operate(cli,
                        &(EnvRequest){.method = "DELETE",
                                      .path = path,
                                      .body = body,
                                      .verb = "delete",
                                      .name = env_text(orphan, "name")},
                        err);
    if (r > 0)
        return err_set(err, ERR_INTERNAL, "the deletion of %s did not come to its end",
                       env_text(orphan, "name"));
    return r;
}

static int remove_one(Cli *cli, const Value *orphan, Err *err) {
    const Value *reply;
    Buf path;
    buf_init(&path, CLI_PATH_BYTES);
    buf_puts(&path, ORPHANS);
    int r = env_project_param(cli, &path, err);
    client_param(&path, "kind", env_text(orphan, "kind"));
    client_param(&path, "name", env_text(orphan, "name"));
    if (r == 0 && is_environment(orphan))
        r = delete_one(cli, buf_cstr(&path), orphan, err);
    else if (r == 0)
        r = client_ask(&cli->client, "DELETE", buf_cstr(&path), NULL, &cli->arena, &reply, err);
    buf_deinit(&path);
    return r;
}

/* One after the other; the first error is that of all. */
static int remove_all(Cli *cli, const Value *orphans, Err *err) {
    int r = EXIT_DONE;
    for (size_t i = 0; i < value_count(orphans); i++) {
        const Value *orphan = value_at(orphans, i);
        Err own;
        if (!removable(orphan))
            continue;
        if (remove_one(cli, orphan, &own) == 0) {
            cli_say("%s %s is gone", env_text(orphan, "kind"), env_text(orphan, "name"));
            continue;
        }
        cli_say("%s %s is not gone: %s", env_text(orphan, "kind"), env_text(orphan, "name"),
                own.msg);
        *err = r == EXIT_DONE ? own : *err;
        r = -1;
    }
    return r;
}

/* 1: yes, 0: no, -1: there is nobody to be asked. */
static int confirm(size_t n, Err *err) {
    char answer[16] = "";
    if (!isatty(STDIN_FILENO) || !isatty(STDERR_FILENO))
        return err_set(
            err, ERR_INVALID,
            "nothing was removed: there is no terminal to ask; -y removes what is listed");
    fflush(stdout);
    fprintf(stderr, "Remove %s? [y/N] ", n == 1 ? "it" : "these");
    fflush(stderr);
    if (!fgets(answer, sizeof(answer), stdin))
        fputc('\n', stderr);
    return answer[0] == 'y' || answer[0] == 'Y';
}

int env_gc(Cli *cli, const EnvOptions *ask, Err *err) {
    const Value *orphans;
    if (ask_orphans(cli, &orphans, err) < 0)
        return -1;
    size_t n = count_removable(orphans);
    if (env_as_json(cli))
        cli_print(cli, orphans ? orphans : value_new(&cli->arena, VALUE_LIST));
    else if (value_count(orphans))
        print_orphans(cli, orphans);
    else
        cli_say("nothing is left of environments that are no more");
    if (ask->dry_run || n == 0)
        return EXIT_DONE;
    int r = ask->yes ? 1 : confirm(n, err);
    if (r < 0)
        return -1;
    if (r == 0) {
        cli_say("nothing was removed");
        return EXIT_DONE;
    }
    return remove_all(cli, orphans, err);
}
