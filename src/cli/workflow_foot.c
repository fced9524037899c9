/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/workflow_foot.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/str.h"
#include "cli/plain.h"
#include "cli/workflow_view.h"

enum { ASK_MS = 1000, IDLE_MS = 1000, CUT_BYTES = 4 * 64 };

void workflow_foot_init(WorkflowFoot *foot, const char *task, const Prefix *prefix, bool color) {
    *foot = (WorkflowFoot){.prefix = prefix, .task = task, .idle_ms = clock_mono_ms()};
    progress_init(&foot->progress, color);
}

void workflow_foot_deinit(WorkflowFoot *foot) {
    for (size_t i = 0; i < foot->live.n; i++)
        free(foot->live.at[i]->why);
    VEC_FREE(foot->live);
}

/* ---- what is under way ---- */

static bool is_live(const char *state) {
    return str_same(state, "starting") || str_same(state, "running") || str_same(state, "stopping");
}

static void set_why(FootStep *step, const char *why) {
    free(step->why);
    step->why = why ? plain_copy(why) : NULL;
}

static void add(WorkflowFoot *foot, FootStep *step) {
    VEC_PUSH(foot->live, step);
    step->place = foot->live.n;
    step->since_ms = clock_mono_ms();
}

static void leave(WorkflowFoot *foot, FootStep *step) {
    for (size_t i = step->place; i < foot->live.n; i++) {
        foot->live.at[i - 1] = foot->live.at[i];
        foot->live.at[i - 1]->place = i;
    }
    foot->live.n--;
    step->place = 0;
    step->unsure = false;
    set_why(step, NULL);
    if (foot->live.n == 0)
        foot->idle_ms = clock_mono_ms();
}

/* Most run as soon as they are begun. */
void workflow_foot_take(WorkflowFoot *foot, FootStep *step, const char *state) {
    bool starting = str_same(state, "starting"), live = is_live(state);
    progress_touch(&foot->progress);
    step->state = starting ? "running" : state;
    if (live && !step->place)
        add(foot, step);
    else if (!live && step->place)
        leave(foot, step);
    step->unsure = starting;
    if (starting && !foot->ask_ms)
        foot->ask_ms = step->since_ms + ASK_MS;
}

void workflow_foot_set_up(WorkflowFoot *foot) {
    foot->set_up = true;
    foot->idle_ms = clock_mono_ms();
}

void workflow_foot_cancel(WorkflowFoot *foot) {
    for (size_t i = 0; i < foot->live.n; i++) {
        FootStep *step = foot->live.at[i];
        if (step->service)
            continue;
        step->state = "stopping";
        step->unsure = false;
        step->since_ms = clock_mono_ms();
        set_why(step, NULL);
    }
    progress_touch(&foot->progress);
}

/* ---- what it waits for ---- */

/* When the one is due that has been unsure for the longest time; 0: none is. */
static int64_t next_ask_ms(const WorkflowFoot *foot) {
    int64_t next_ms = 0;
    for (size_t i = 0; i < foot->live.n; i++) {
        const FootStep *step = foot->live.at[i];
        if (step->unsure && (!next_ms || step->since_ms + ASK_MS < next_ms))
            next_ms = step->since_ms + ASK_MS;
    }
    return next_ms;
}

bool workflow_foot_asks(WorkflowFoot *foot) {
    int64_t now_ms = clock_mono_ms();
    if (!foot->progress.on || !foot->ask_ms || now_ms < foot->ask_ms)
        return false;
    foot->ask_ms = next_ask_ms(foot);
    if (!foot->ask_ms || now_ms < foot->ask_ms)
        return false;
    foot->ask_ms = now_ms + ASK_MS;
    return true;
}

static void hear_step(WorkflowFoot *foot, FootStep *step, const Value *status) {
    const char *state = value_get_str(status, "state");
    if (!step->unsure || !is_live(state))
        return; /* what has ended is an event, too */
    if (str_same(step->state, "starting") && !str_same(state, "starting"))
        step->since_ms = clock_mono_ms();
    step->state = workflow_state_literal(state);
    step->unsure = str_same(state, "starting");
    set_why(step, step->unsure ? value_get_str(status, "why") : NULL);
    progress_touch(&foot->progress);
}

void workflow_foot_hear(WorkflowFoot *foot, const Value *workflow) {
    const Value *steps = value_get(value_get(workflow, "status"), "steps");
    Map known;
    map_init(&known);
    for (size_t i = 0; i < foot->live.n; i++)
        (void)map_put(&known, foot->live.at[i]->uuid, foot->live.at[i]);
    for (size_t i = 0; i < value_count(steps); i++) {
        const char *uuid = value_get_str(value_at(steps, i), "uuid");
        FootStep *step = uuid ? map_get(&known, uuid) : NULL;
        if (step)
            hear_step(foot, step, value_at(steps, i));
    }
    map_deinit(&known);
}

/* ---- the screen ---- */

static bool is_idle(const WorkflowFoot *foot) {
    return foot->live.n == 0 && clock_mono_ms() >= foot->idle_ms + IDLE_MS;
}

/* Where no step is under way for long it is being set up, or destroyed. */
static void draw_idle(WorkflowFoot *foot) {
    const char *word = foot->set_up ? "ending" : "pending";
    ProgressRow row = {foot->task, word, foot->set_up ? "" : "is being set up",
                       workflow_state_color(word), foot->idle_ms};
    progress_rows(&foot->progress, &row, 1, 1);
}

void workflow_foot_draw(WorkflowFoot *foot) {
    ProgressRow rows[PROGRESS_LINES_MOST];
    char names[PROGRESS_LINES_MOST][CUT_BYTES];
    size_t n = 0;
    if (is_idle(foot) && !foot->progress.lines)
        progress_touch(&foot->progress);
    if (!progress_due(&foot->progress))
        return;
    if (is_idle(foot)) {
        draw_idle(foot);
        return;
    }
    for (; n < foot->live.n && n < COUNT(rows); n++) {
        const FootStep *step = foot->live.at[n];
        prefix_name(foot->prefix, step->name, names[n], sizeof(names[n]));
        rows[n] = (ProgressRow){names[n], step->state, step->why ? step->why : "",
                                workflow_state_color(step->state), step->since_ms};
    }
    progress_rows(&foot->progress, rows, n, foot->live.n);
}

static int sooner(int timeout, int64_t at_ms) {
    int64_t left_ms = at_ms - clock_mono_ms();
    left_ms = left_ms < 0 ? 0 : left_ms;
    return timeout >= 0 && timeout < left_ms ? timeout : (int)left_ms;
}

int workflow_foot_timeout(const WorkflowFoot *foot) {
    int timeout = progress_timeout(&foot->progress);
    if (!foot->progress.on)
        return timeout;
    if (foot->ask_ms)
        timeout = sooner(timeout, foot->ask_ms);
    if (foot->live.n == 0 && !foot->progress.lines)
        timeout = sooner(timeout, foot->idle_ms + IDLE_MS);
    return timeout;
}
