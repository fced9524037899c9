/* SPDX-License-Identifier: Apache-2.0 */
/* The steps of an environment's life: what was done, what would be, and what they write. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/str.h"
#include "base/xalloc.h"
#include "cli/env_tree.h"
#include "cli/env_view.h"
#include "cli/table.h"
#include "cli/text_diff.h"
#include "cli/when.h"

/* ---- tables, a phase below the other ---- */

static const char *sign_of(const char *status, bool stale) {
    if (str_same(status, "completed"))
        return stale ? tree_sign(TREE_PENDING) : tree_sign(TREE_DONE);
    if (str_same(status, "failed"))
        return tree_sign(TREE_FAILED);
    return tree_sign(str_same(status, "started") ? TREE_RUNNING : TREE_PENDING);
}

/* A row of its own for each phase. */
static void put_phase(Table *table, const char *phase, const char **last) {
    const char *cells[8] = {phase};
    if (str_same(phase, *last))
        return;
    *last = phase;
    if (*phase)
        table_row(table, cells, NULL);
}

static void put_step(Table *table, const Value *step) {
    const char *status = env_text(step, "status"), *error = env_text(step, "error");
    bool stale = value_get_bool(step, "stale", false);
    const char *finished = env_text(step, "finished"), *started = env_text(step, "started");
    int64_t ms = value_get_int(step, "durationMs", -1), n = value_get_int(step, "processes", 0);
    char took[DURATION_TEXT] = "", age[DURATION_TEXT];
    const char *word = stale && str_same(status, "completed") ? "stale" : status;
    env_age(*finished ? finished : started, age);
    if (ms >= 0 && *finished)
        duration_format_short(ms, took);
    AUTO_FREE char *name = xasprintf("  %s %s", sign_of(status, stale), env_text(step, "name"));
    AUTO_FREE char *left =
        n ? xasprintf("%lld process%s left running", (long long)n, n == 1 ? "" : "es")
          : xstrdup("");
    const char *why = *error ? error : env_text(step, "why");
    const char *cells[] = {name, word, took, age, env_text(step, "machine"), *why ? why : left};
    table_row(table, cells, env_color(word));
}

void env_print_steps(Cli *cli, const Value *steps) {
    static const char *const columns[] = {"STEP", "STATUS", "TOOK", "AGE", "MACHINE", "WHY"};
    const char *phase = "";
    Table *table = table_new(columns, COUNT(columns), cli->color);
    for (size_t i = 0; i < value_count(steps); i++) {
        put_phase(table, env_text(value_at(steps, i), "phase"), &phase);
        put_step(table, value_at(steps, i));
    }
    table_fit_last(table, cli->terminal);
    table_print(table);
}

void env_print_plan(Cli *cli, const Value *steps) {
    static const char *const columns[] = {"STEP", "VERDICT", "WHY"};
    const char *phase = "";
    Table *table = table_new(columns, COUNT(columns), cli->color);
    for (size_t i = 0; i < value_count(steps); i++) {
        const Value *step = value_at(steps, i);
        const char *verdict = env_text(step, "verdict");
        put_phase(table, env_text(step, "phase"), &phase);
        AUTO_FREE char *name = xasprintf("  %s", env_text(step, "name"));
        const char *cells[] = {name, verdict, env_text(step, "why")};
        table_row(table, cells, env_color(verdict));
    }
    table_fit_last(table, cli->terminal);
    table_print(table);
}

/* ---- the audit log ---- */

static void put_entry(Table *table, const Value *entry) {
    const char *message = env_text(entry, "message"), *error = env_text(entry, "error");
    const char *user = env_text(entry, "user"), *time = env_text(entry, "timestamp");
    int64_t ms = value_get_int(entry, "durationMs", 0);
    char took[DURATION_TEXT] = "", when[TIME_TEXT];
    if (!*user)
        user = env_text(value_get(entry, "thole"), "user");
    if (ms)
        duration_format_short(ms, took);
    when_show(time, when);
    AUTO_FREE char *why = xasprintf("%s%s%s", message, *message && *error ? ": " : "", error);
    const char *cells[] = {when[0] ? when : time,
                           env_text(entry, "action"),
                           env_text(entry, "step"),
                           took,
                           env_text(entry, "machine"),
                           user,
                           why};
    table_row(table, cells, env_color(env_text(entry, "action")));
}

static void print_audit(const Cli *cli, const Value *log) {
    static const char *const columns[] = {"TIME",    "ACTION", "STEP", "TOOK",
                                          "MACHINE", "USER",   "WHY"};
    Table *table = table_new(columns, COUNT(columns), cli->color);
    for (size_t i = 0; i < value_count(log); i++)
        put_entry(table, value_at(log, i));
    table_fit_last(table, cli->terminal);
    table_print(table);
}

int env_steps(Cli *cli, const EnvOptions *ask, Err *err) {
    size_t rest;
    EnvTarget env;
    const Value *reply;
    if (env_find(cli, env_given(cli, 0, &rest), &env, err) < 0 ||
        env_look(cli, &env, ask->audit ? "entry?audit=true" : "steps", &reply, err) < 0)
        return -1;
    const Value *list = value_get(reply, ask->audit ? "auditLog" : "steps");
    if (env_as_json(cli))
        cli_print(cli, list ? list : value_new(&cli->arena, VALUE_LIST));
    else if (ask->audit)
        print_audit(cli, list);
    else
        env_print_steps(cli, list);
    return EXIT_DONE;
}

/* ---- what a step writes ---- */

static void print_diff(const Cli *cli, const Value *reply) {
    const char *path = env_text(reply, "path");
    Buf out;
    buf_init(&out, MAX_JSON_BYTES);
    text_diff(&(TextDiff){.before_name = path,
                          .after_name = path,
                          .before = value_get_str(reply, "now"),
                          .after = env_text(reply, "text"),
                          .color = cli->color},
              &out);
    if (out.n)
        fwrite(buf_cstr(&out), 1, out.n, stdout);
    else
        cli_say("%s: %s", path,
                value_get_bool(reply, "same", true)
                    ? "no changes"
                    : "only what is masked changes; --reveal shows it");
    buf_deinit(&out);
}

static void print_one(const Cli *cli, const Value *file, bool differs) {
    const Value *text = value_get(file, "text");
    if (differs)
        print_diff(cli, file);
    else if (value_str(text))
        fwrite(value_str(text), 1, text->len, stdout);
}

void env_print_step(Cli *cli, const char *step, const Value *reply, bool differs) {
    const Value *files = value_get(reply, "files");
    if (value_get_str(reply, "command")) {
        cli_say("%s is a hook, and what it writes is its own; it runs: %s", step,
                env_text(reply, "command"));
        return;
    }
    for (size_t i = 0; i < value_count(files); i++) {
        if (!differs)
            printf("%s==> %s <==\n", i ? "\n" : "", env_text(value_at(files, i), "path"));
        print_one(cli, value_at(files, i), differs);
    }
    if (value_get(reply, "text"))
        print_one(cli, reply, differs);
    else if (!files)
        cli_say("%s writes no file", step);
}

void env_print_invalidated(Cli *cli, const EnvTarget *env, const Value *steps) {
    if (!value_count(steps))
        cli_say("nothing of %s was recorded as done; nothing changes", env->name);
    for (size_t i = 0; i < value_count(steps); i++)
        puts(value_str(value_at(steps, i)) ? value_str(value_at(steps, i))
                                           : env_text(value_at(steps, i), "name"));
}
