/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/str.h"
#include "base/xalloc.h"
#include "cli/commands.h"
#include "cli/helpers.h"
#include "cli/labelled.h"
#include "cli/moved.h"
#include "cli/presence.h"
#include "cli/table.h"
#include "cli/targets.h"
#include "cli/workflow.h"
#include "cli/workflow_view.h"
#include "spec/routes.h"

typedef struct PsOptions {
    bool all;
    TextList labels;
} PsOptions;

static const Option options[] = {
    {"all", 'a', OPTION_FLAG, offsetof(PsOptions, all), NULL,
     "every session of this user, and the workflows", NULL},
    OPTION_LABELS(PsOptions),
};

/* The columns, and who has them. */
typedef enum Column {
    NAME,
    STATE,
    WHY,
    READY,
    RUN,
    PID,
    UPTIME,
    RESTARTS,
    EXIT,
    STARTED,
    PORTS,
    SESSION,
    COLUMNS
} Column;

static const struct {
    const char *title;
    bool wide, all; /* only with -o wide, only with -a */
} columns[COLUMNS] = {
    [NAME] = {"NAME", false, false},     [STATE] = {"STATE", false, false},
    [WHY] = {"WHY", false, false},       [READY] = {"READY", false, false},
    [RUN] = {"RUN", false, false},       [PID] = {"PID", false, false},
    [UPTIME] = {"UPTIME", false, false}, [RESTARTS] = {"RESTARTS", false, false},
    [EXIT] = {"EXIT", true, false},      [STARTED] = {"STARTED", true, false},
    [PORTS] = {"PORTS", true, false},    [SESSION] = {"SESSION", false, true},
};

typedef struct Ps {
    Cli *cli;
    bool all, wide;
    const TextList *labels;
    Targets *only; /* those that are chosen are shown; NULL: all */
    Table *table;
} Ps;

enum { CELL = 64 };

static bool is_shown(const Ps *ps, size_t column) {
    return (ps->wide || !columns[column].wide) && (ps->all || !columns[column].all);
}

static bool is_meant(const Ps *ps, const TargetView *view) {
    const Seen *seen = ps->only && view->name ? targets_find(ps->only, view->name) : NULL;
    return view->name && (!ps->only || (seen && seen->chosen));
}

/* ---- cells ---- */

static void age(const char *since, const char *until, char text[DURATION_TEXT]) {
    int64_t from_us, to_us = clock_wall_us();
    text[0] = '\0';
    if (!since || time_parse(since, &from_us, NULL) < 0 ||
        (until && time_parse(until, &to_us, NULL) < 0))
        return;
    duration_format_short((to_us - from_us) / 1000, text);
}

static void number(int64_t n, bool there, char text[CELL]) {
    text[0] = '\0';
    if (there)
        snprintf(text, CELL, "%lld", (long long)n);
}

/* "8080 admin:8081" */
static void list_ports(const TargetView *view, Buf *out) {
    buf_init(out, CELL * CELL);
    for (size_t i = 0; i < value_count(view->ports); i++) {
        const Value *port = value_at(view->ports, i);
        const char *name = value_get_str(port, "name");
        buf_printf(out, "%s%s%s%lld", i ? " " : "", name ? name : "", name ? ":" : "",
                   (long long)value_get_int(port, "port", 0));
    }
}

static void add_row(Ps *ps, const TargetView *view) {
    char run[CELL], pid[CELL], restarts[CELL], code[CELL], uptime[DURATION_TEXT];
    bool active = view->phase == PHASE_ACTIVE, ended = view->phase == PHASE_TERMINATED;
    number(view->run, view->run > 0, run);
    number(view->pid, view->pid && active, pid);
    number(view->restarts, view->run > 0, restarts);
    number(view->exit_code, ended && view->exit_code >= 0, code);
    age(active || ended ? view->start : NULL, view->finish, uptime);
    Buf ports;
    list_ports(view, &ports);
    const char *all[COLUMNS] = {
        [NAME] = view->name,
        [STATE] = target_word(view),
        [WHY] = target_why(view),
        [READY] = !active || view->job ? "-"
                  : view->ready        ? "yes"
                                       : "no",
        [RUN] = run,
        [PID] = pid,
        [UPTIME] = uptime,
        [RESTARTS] = restarts,
        [EXIT] = ended && view->signal ? view->signal : code,
        [STARTED] = active || ended ? view->start : "",
        [PORTS] = buf_cstr(&ports),
        [SESSION] = view->space,
    };
    const char *cells[COLUMNS];
    size_t n = 0;
    for (size_t i = 0; i < COLUMNS; i++)
        if (is_shown(ps, i))
            cells[n++] = all[i];
    table_row(ps->table, cells, word_color(target_word(view)));
    buf_deinit(&ports);
}

/* On a terminal, reasons are cut so that a row fits a line; `-o wide` has them whole. */
static void fit(Ps *ps) {
    table_fit_terminal(ps->table, &(TableFit){.cut = WHY, .stay = WHY + 1},
                       ps->cli->terminal && !ps->wide);
}

static void print_table(Ps *ps, const Value *items) {
    const char *titles[COLUMNS];
    size_t n = 0;
    for (size_t i = 0; i < COLUMNS; i++)
        if (is_shown(ps, i))
            titles[n++] = columns[i].title;
    ps->table = table_new(titles, n, ps->cli->color);
    for (size_t i = 0; i < value_count(items); i++) {
        TargetView view;
        target_view(value_at(items, i), &view);
        bool file = target_is_file(&view);
        if (is_meant(ps, &view) && (!file || ps->wide || view.error || ps->only))
            add_row(ps, &view);
    }
    fit(ps);
    table_print(ps->table);
}

/* ---- asking ---- */

static int print_json(Cli *cli, const char *path, Err *err) {
    HttpAnswer raw;
    if (client_raw(&cli->client, "GET", path, NULL, &raw, err) < 0)
        return -1;
    int r = raw.status == 200 ? EXIT_DONE : http_status_err(&raw, err);
    if (r == EXIT_DONE)
        cli_print_raw(cli, &raw);
    http_answer_free(&raw);
    return r;
}

/* The list, with only those of its items that are meant. */
static const Value *meant_of(const Ps *ps, const Value *list) {
    Arena *arena = &ps->cli->arena;
    const Value *all = value_get(list, "items");
    Value *items = value_new(arena, VALUE_LIST), *ret = value_new(arena, VALUE_MAP);
    for (size_t i = 0; i < value_count(all); i++) {
        TargetView view;
        target_view(value_at(all, i), &view);
        if (is_meant(ps, &view))
            value_add(arena, items, all->list.at[i]);
    }
    for (size_t i = 0; i < list->map.n; i++) {
        const ValuePair *pair = &list->map.at[i];
        value_set(arena, ret, pair->key, pair->value == all ? items : pair->value);
    }
    return ret;
}

static void say_abandoned(const Ps *ps, const Value *items) {
    const char *last = "";
    AUTO_FREE char *down = cli_words(ps->cli, "down");
    AUTO_FREE char *how =
        ps->all ? xstrdup("`thole down` in its directory") : xasprintf("`%s`", down);
    for (size_t i = 0; i < value_count(items); i++) {
        const char *slug = value_get_str(value_get(value_at(items, i), "metadata"), "namespace");
        if (slug && strcmp(slug, last) != 0)
            presence_check(&ps->cli->client, slug, how);
        last = slug ? slug : last;
    }
}

static void say_helpers(const Ps *ps, const Value *items) {
    bool any = false;
    for (size_t i = 0; i < value_count(items); i++) {
        TargetView view;
        target_view(value_at(items, i), &view);
        any |= is_meant(ps, &view) && helpers_say(&view);
    }
    if (any)
        helpers_say_how(ps->cli);
}

/* The labels as a selector of the API. */
static void put_selector(const Ps *ps, Buf *path) {
    for (size_t i = 0; i < ps->labels->n; i++) {
        char label[CLI_PATH_BYTES / 4];
        if (url_escape(ps->labels->at[i], label, sizeof(label)) < 0)
            buf_puts(path, "?"); /* longer than any label */
        else
            buf_printf(path, "%s%s", i ? "%2C" : "?labelSelector=", label);
    }
}

/* Beside all sessions, but not what carries a label: they have none. */
static bool wants_workflows(const Ps *ps) {
    return ps->all && !ps->labels->n;
}

static int print_json_of(const Ps *ps, const Value *list, Err *err) {
    const Value *meant = meant_of(ps, list), *all;
    if (wants_workflows(ps)) {
        if (client_ask(&ps->cli->client, "GET", WORKFLOWS, NULL, &ps->cli->arena, &all, err) < 0)
            return -1;
        value_set(&ps->cli->arena, (Value *)(uintptr_t)meant, "workflows",
                  (Value *)(uintptr_t)value_get(all, "items"));
    }
    cli_print(ps->cli, meant);
    return EXIT_DONE;
}

static void print_all(Ps *ps, const Value *items, const WorkflowRows *workflows) {
    bool any = workflows->n > 0;
    if (value_count(items) || !any)
        print_table(ps, items);
    if (value_count(items) && any)
        putchar('\n');
    if (any)
        workflow_print_rows(ps->cli, workflows);
    if (ps->all && !value_count(items) && !any)
        cli_say("no session is up");
}

static int ask(Ps *ps, const Buf *path, bool json, Err *err) {
    const Value *list, *items;
    WorkflowRows workflows = {.n = 0};
    if (client_ask(&ps->cli->client, "GET", buf_cstr(path), NULL, &ps->cli->arena, &list, err) < 0)
        return -1;
    items = value_get(list, "items");
    if (!ps->only && ps->labels->n > 0 && value_count(items) == 0)
        return labelled_none("", ps->labels, err);
    if (json)
        return print_json_of(ps, list, err);
    if (wants_workflows(ps) && workflow_rows(ps->cli, WORKFLOWS, &workflows, err) < 0)
        return -1;
    print_all(ps, items, &workflows);
    say_helpers(ps, items);
    say_abandoned(ps, items);
    if (ps->all)
        moved_say_lost(ps->cli);
    return EXIT_DONE;
}

static int show(Ps *ps, const char *slug, Err *err) {
    Buf path;
    buf_init(&path, 4096);
    buf_puts(&path, THOLE_API);
    if (slug)
        buf_printf(&path, "/namespaces/%s", slug);
    buf_puts(&path, "/targets");
    if (!ps->only)
        put_selector(ps, &path);
    bool json = strcmp(cli_output(ps->cli), "json") == 0;
    int r = json && !ps->only && !ps->all ? print_json(ps->cli, buf_cstr(&path), err)
                                          : ask(ps, &path, json, err);
    buf_deinit(&path);
    return r;
}

/* Those that the names and labels stand for. */
static int show_named(Ps *ps, const char *slug, Err *err) {
    Targets targets;
    targets_init(&targets, &ps->cli->client, slug);
    int r = targets_read(&targets, err);
    if (r == 0)
        r = targets_choose(&targets, &ps->cli->names, ps->labels, err);
    ps->only = &targets;
    if (r == 0)
        r = show(ps, slug, err);
    targets_deinit(&targets);
    return r;
}

static int refuse_down(const Cli *cli, const char *slug, Err *err) {
    AUTO_FREE char *up = cli_words(cli, "up");
    AUTO_FREE char *logs = cli_words(cli, "logs");
    return err_set(err, ERR_NOT_FOUND,
                   "session %s is down; `%s` starts it again, `%s` shows what it wrote", slug, up,
                   logs);
}

static int run(Cli *cli, void *given, Err *err) {
    const PsOptions *ask = given;
    Ps ps = {.cli = cli,
             .all = ask->all,
             .labels = &ask->labels,
             .wide = strcmp(cli_output(cli), "wide") == 0};
    bool stopped = false;
    if (ask->all && cli->names.n)
        return err_set(err, ERR_INVALID, "ps -a shows every session: leave the names away");
    if (ask->all)
        return show(&ps, NULL, err);
    const char *slug = cli_session(cli, &stopped, err);
    if (!slug)
        return -1;
    if (stopped)
        return refuse_down(cli, slug, err);
    return cli->names.n ? show_named(&ps, slug, err) : show(&ps, slug, err);
}

const Command command_ps = {
    .name = "ps",
    .args = "[-a] [-l KEY[=VALUE]] [-o table|wide|json] [NAME…]",
    .doc = "Shows the targets: state, why, ready, run, pid, uptime, restarts",
    .outputs = "table|wide|json",
    .options = options,
    .option_n = COUNT(options),
    .options_size = sizeof(PsOptions),
    .run = run,
};
