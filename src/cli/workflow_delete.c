/* SPDX-License-Identifier: Apache-2.0 */
/* Deleting a workflow, and waiting until it is gone: the answer to the wish comes at once, while
 * its steps have still to end. Whichever server does it is watched by a row of a Table. */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/str.h"
#include "base/xalloc.h"
#include "cli/progress.h"
#include "cli/workflow.h"
#include "cli/workflow_view.h"
#include "data/json.h"
#include "spec/routes.h"

typedef struct Deletion {
    Cli *cli;
    const char *name, *task, *uid;
    const char *version; /* what is newer is to be heard */
    HttpLines *lines;    /* NULL: it broke off */
    Arena head;          /* of `columns`, which the first line of a watch has */
    const Value *columns;
    bool gone;
    char *left; /* owned; why not all is gone. NULL: it is */
    Progress progress;
    char state[16], steps[40];
    int64_t since_ms;
} Deletion;

static void draw(Deletion *d) {
    ProgressRow row = {d->task, d->state, d->steps, workflow_state_color(d->state), d->since_ms};
    if (progress_due(&d->progress))
        progress_rows(&d->progress, &row, 1, 1);
}

static void show(Deletion *d, const char *state, const char *steps) {
    str_copy(d->state, sizeof(d->state), state);
    snprintf(d->steps, sizeof(d->steps), "%s steps", steps);
    progress_touch(&d->progress);
}

static void take_row(Deletion *d, const char *type, const WorkflowRow *row) {
    show(d, row->state, row->steps);
    if (!str_same(row->uid, d->uid) || !str_same(type, "DELETED"))
        return;
    d->gone = true;
    d->left = *row->left ? xstrdup(row->left) : NULL;
}

/* False: the watch cannot go on, because it was not told all. */
static bool take(Deletion *d, const char *line, size_t size) {
    const Value *event, *table;
    Arena arena;
    arena_init(&arena);
    bool known = json_parse(line, size, &arena, &event, NULL) == 0;
    const char *type = known ? value_get_str(event, "type") : NULL;
    table = known ? value_get(event, "object") : NULL;
    known = type && !str_same(type, "ERROR");
    bool head = known && value_count(value_get(table, "columnDefinitions")) > 0;
    if (head)
        d->columns = value_get(table, "columnDefinitions");
    if (known) {
        WorkflowRows rows = workflow_rows_of(d->columns, table, &arena);
        if (rows.n)
            take_row(d, type, rows.at);
    }
    if (head)
        arena_adopt(&d->head, &arena);
    arena_deinit(&arena);
    return known;
}

static void hear(Deletion *d) {
    size_t size;
    bool open = true;
    for (const char *line; open && !d->gone && (line = http_lines_next(d->lines, &size));)
        open = take(d, line, size);
    if (!open || http_lines_done(d->lines))
        d->lines = http_lines_close(d->lines);
}

/* Another server may know more than the watch that broke off. */
static int look(Deletion *d, Err *err) {
    WorkflowRows rows;
    AUTO_FREE char *path = xasprintf(WORKFLOWS "/%s", d->name);
    if (workflow_rows(d->cli, path, &rows, err) < 0) {
        d->gone = err->kind == ERR_NOT_FOUND;
        return d->gone ? 0 : -1;
    }
    d->gone = rows.n == 0 || !str_same(rows.at->uid, d->uid); /* a new one has its name by now */
    d->version = rows.version;
    return 0;
}

static int watch(Deletion *d, Err *err) {
    AUTO_FREE char *path = xasprintf(WORKFLOWS "?watch=true&fieldSelector=metadata.name%%3D%s"
                                               "&resourceVersion=%s",
                                     d->name, d->version);
    d->lines = client_table_lines(&d->cli->client, path, err);
    if (!d->lines)
        return -1;
    hear(d);
    return 0;
}

static int until_gone(Deletion *d, Err *err) {
    for (bool again = false; !d->gone; again = true) {
        if ((again && look(d, err) < 0) || (!d->gone && watch(d, err) < 0))
            return -1;
        while (!d->gone && d->lines) {
            struct pollfd p = {.fd = http_lines_fd(d->lines), .events = POLLIN};
            draw(d);
            if (poll(&p, 1, progress_timeout(&d->progress)) == 0)
                continue;
            if (http_lines_fill(d->lines, err) < 0)
                d->lines = http_lines_close(d->lines);
            else
                hear(d);
        }
    }
    return 0;
}

static int say_gone(const Deletion *d) {
    if (!d->left)
        return EXIT_DONE;
    cli_say("workflow %s is deleted, but not all that it made: %s", d->task, d->left);
    return EXIT_FAILED;
}

static int wait_gone(Cli *cli, const WorkflowRow *row, const Value *reply, Err *err) {
    const Value *meta = value_get(reply, "metadata"), *status = value_get(reply, "status");
    const char *phase = value_get_str(status, "phase");
    Deletion d = {.cli = cli,
                  .name = row->name,
                  .task = row->task,
                  .uid = value_get_str(meta, "uid"),
                  .version = value_get_str(meta, "resourceVersion"),
                  .since_ms = clock_mono_ms()};
    arena_init(&d.head);
    progress_init(&d.progress, cli->color_err);
    show(&d, phase ? phase : "", row->steps);
    int r = until_gone(&d, err);
    progress_clear(&d.progress);
    r = r < 0 ? -1 : say_gone(&d);
    http_lines_close(d.lines);
    arena_deinit(&d.head);
    free(d.left);
    return r;
}

int workflow_delete(Cli *cli, const WorkflowOptions *ask, Err *err) {
    const Value *reply;
    const WorkflowRow *row = workflow_look(cli, workflow_given(cli), err);
    if (!row)
        return -1;
    AUTO_FREE char *path = xasprintf(WORKFLOWS "/%s", row->name);
    if (client_ask(&cli->client, "DELETE", path, NULL, &cli->arena, &reply, err) < 0)
        return -1;
    return ask->no_wait ? EXIT_DONE : wait_gone(cli, row, reply, err);
}
