/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/workflow_view.h"

#include <string.h>

#include "base/clock.h"
#include "base/columns.h"
#include "base/str.h"
#include "cli/plain.h"
#include "cli/table.h"
#include "cli/workflow.h"

/* ---- states ---- */

/* Of steps; then what workflows have besides. */
static const struct State {
    const char *name, *color;
} states[] = {
    {"success", "\033[32m"}, {"failure", "\033[31m"},  {"error", "\033[31m"},
    {"killed", "\033[35m"},  {"skipped", "\033[2m"},   {"pending", "\033[2m"},
    {"running", "\033[33m"}, {"starting", "\033[33m"}, {"stopping", "\033[35m"},
    {"timeout", "\033[31m"}, {"canceled", "\033[35m"}, {"canceling", "\033[35m"},
    {"ending", "\033[33m"},
};
enum { STEP_STATES = 9, SHAPE_TEXT = 32 };

const char *workflow_state_literal(const char *state) {
    for (size_t i = 0; i < STEP_STATES; i++)
        if (str_same(states[i].name, state))
            return states[i].name;
    return "unknown";
}

const char *workflow_state_color(const char *state) {
    for (size_t i = 0; i < COUNT(states); i++)
        if (str_same(states[i].name, state))
            return states[i].color;
    return NULL;
}

static const char *text_of(const Value *map, const char *key) {
    const char *text = value_get_str(map, key);
    return text ? text : "";
}

const char *workflow_word(const Value *workflow) {
    const Value *status = value_get(workflow, "status");
    const char *result = value_get_str(status, "result");
    return value_get_bool(status, "done", false) && result ? result : text_of(status, "phase");
}

static void put_word(const char *word, bool color, Buf *out) {
    const char *paint = color ? workflow_state_color(word) : NULL;
    buf_printf(out, "%s%s%s", paint ? paint : "", word, paint ? "\033[0m" : "");
}

/* ---- times ---- */

void workflow_took(const Value *workflow, char text[DURATION_TEXT]) {
    const Value *status = value_get(workflow, "status");
    const char *from = value_get_str(status, "startTime"),
               *to = value_get_str(status, "finishTime");
    int64_t from_us, to_us = clock_wall_us();
    text[0] = '\0';
    if (from && time_parse(from, &from_us, NULL) == 0 && (!to || time_parse(to, &to_us, NULL) == 0))
        duration_format_short((to_us - from_us) / 1000, text);
}

void workflow_step_took(const Value *step, char text[DURATION_TEXT]) {
    int64_t ms = value_get_int(step, "duration_ms", -1), from_s = value_get_int(step, "started", 0);
    text[0] = '\0';
    if (ms < 0 && from_s && !value_get_bool(step, "exited", false))
        ms = clock_wall_us() / 1000 - from_s * 1000;
    if (ms >= 0)
        duration_format_short(ms, text);
}

/* ---- sentences ---- */

static void put_error(const char *error, Buf *out) {
    if (!error)
        return;
    buf_puts(out, ": ");
    plain_put(error, out);
}

/* One that was ended with its workflow did well, however it took that. */
static bool was_stopped(const Value *step) {
    return str_same(value_get_str(step, "state"), "success") &&
           value_get_int(step, "exit_code", -1) != 0;
}

void workflow_step_sentence(const Value *step, bool color, Buf *out) {
    const char *error = value_get_str(step, "error");
    bool stopped = was_stopped(step);
    int64_t code = stopped ? 0 : value_get_int(step, "exit_code", 0);
    char took[DURATION_TEXT];
    workflow_step_took(step, took);
    plain_put(text_of(step, "name"), out);
    buf_puts(out, ": ");
    if (stopped)
        buf_puts(out, "stopped");
    else
        put_word(text_of(step, "state"), color, out);
    if (code)
        buf_printf(out, ", exit code %lld", (long long)code);
    if (value_get_bool(step, "oom_killed", false))
        buf_puts(out, ", out of memory");
    if (took[0])
        buf_printf(out, ", after %s", took);
    put_error(error, out);
}

static void put_counts(const Value *steps, Buf *out) {
    const char *before = " (";
    for (size_t s = 0; s < STEP_STATES; s++) {
        size_t n = 0;
        for (size_t i = 0; i < value_count(steps); i++)
            n += str_same(value_get_str(value_at(steps, i), "state"), states[s].name);
        if (!n)
            continue;
        buf_printf(out, "%s%zu %s", before, n, states[s].name);
        before = ", ";
    }
    if (before[0] == ',')
        buf_putc(out, ')');
}

void workflow_sentence(const Value *workflow, bool color, Buf *out) {
    const Value *status = value_get(workflow, "status");
    const char *error = value_get_str(status, "error");
    char took[DURATION_TEXT];
    workflow_took(workflow, took);
    buf_printf(out, "workflow %s: ", workflow_task(workflow));
    put_word(workflow_word(workflow), color, out);
    if (took[0])
        buf_printf(out, " after %s", took);
    put_error(error, out);
    put_counts(value_get(status, "steps"), out);
}

/* ---- tables ---- */

/* Where a step has `depends_on` stages mean nothing. */
static void put_shape(const Value *stages, char ret[SHAPE_TEXT]) {
    size_t n = value_count(stages);
    for (size_t s = 0; s < n; s++) {
        const Value *steps = value_get(value_at(stages, s), "steps");
        for (size_t i = 0; i < value_count(steps); i++)
            if (value_count(value_get(value_at(steps, i), "depends_on"))) {
                snprintf(ret, SHAPE_TEXT, "a graph");
                return;
            }
    }
    snprintf(ret, SHAPE_TEXT, "%zu stage%s", n, n == 1 ? "" : "s");
}

void workflow_print(const Cli *cli, const Value *workflow) {
    static const char *const columns[] = {"STEP", "STATE", "EXIT", "TOOK", "WHY"};
    const Value *spec = value_get(workflow, "spec"), *steps;
    const char *timeout = value_get_str(spec, "timeout");
    char shape[SHAPE_TEXT];
    Buf head;
    steps = value_get(value_get(workflow, "status"), "steps");
    buf_init(&head, CLI_PATH_BYTES);
    workflow_sentence(workflow, cli->color, &head);
    put_shape(value_get(value_get(spec, "config"), "pipeline"), shape);
    printf("%s\non %s, %zu step%s in %s%s%s\n\n", buf_cstr(&head), text_of(spec, "backend"),
           value_count(steps), value_count(steps) == 1 ? "" : "s", shape,
           timeout ? ", timeout " : "", timeout ? timeout : "");
    buf_deinit(&head);
    Table *table = table_new(columns, COUNT(columns), cli->color);
    for (size_t i = 0; i < value_count(steps); i++) {
        const Value *step = value_at(steps, i);
        char code[24] = "", took[DURATION_TEXT];
        if (value_get(step, "exit_code"))
            snprintf(code, sizeof(code), "%lld", (long long)value_get_int(step, "exit_code", 0));
        workflow_step_took(step, took);
        const char *cells[] = {text_of(step, "name"), text_of(step, "state"), code, took,
                               text_of(step, value_get(step, "error") ? "error" : "why")};
        table_row(table, cells, workflow_state_color(cells[1]));
    }
    table_fit_last(table, cli->terminal);
    table_print(table);
}

void workflow_print_rows(const Cli *cli, const WorkflowRows *rows) {
    static const char *const columns[] = {"TASK", "STATE", "BACKEND", "STEPS",
                                          "AGE",  "TOOK",  "ERROR"};
    Table *table = table_new(columns, COUNT(columns), cli->color);
    for (size_t i = 0; i < rows->n; i++) {
        const WorkflowRow *row = &rows->at[i];
        const char *cells[] = {row->task, row->state, row->backend, row->steps,
                               row->age,  row->took,  row->error};
        table_row(table, cells, workflow_state_color(row->state));
    }
    table_fit_last(table, cli->terminal);
    table_print(table);
}
