/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of conformance_*.c share. */
#include "unit/backend/conformance.h"

#include <glob.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/xalloc.h"
#include "harness/test.h"

enum { PATIENCE_MS = 20000, TURNS_TO_SETTLE = 8, SHOWN_MAX = 64 << 20 };

/* ---- Worlds ---- */

bool world_waits(World *world, int64_t *deadline) {
    if (*deadline == 0)
        *deadline = clock_mono_ms() + PATIENCE_MS;
    conformance.turn(world);
    return clock_mono_ms() < *deadline;
}

static void load(World *world) {
    Heard heard = {0};
    backend_load(world->backend, hear, &heard);
    UNTIL(world, heard.called);
    ASSERT(heard.err.kind == ERR_NONE);
}

void world_make(World *world) {
    static int worlds;
    char *dir = arena_printf(&world->arena, "%s/state%d", test_dir(), ++worlds);
    ASSERT(mkdir(dir, 0700) == 0);
    world->dir = dir;
    world->loop = loop_new();
}

void world_ended(void *arg, const void *result, const Err *err) {
    Ending *ending = arg;
    (void)result, (void)err;
    ending->left--;
}

World *world_open(void) {
    World *world = xcalloc(1, sizeof(*world));
    arena_init(&world->arena);
    conformance.open(world);
    load(world);
    return world;
}

void world_close(World *world) {
    conformance.close(world);
    arena_deinit(&world->arena);
    free(world);
}

void world_crash(World *world) {
    conformance.crash(world);
    load(world);
}

void world_settle(World *world) {
    for (int i = 0; i < TURNS_TO_SETTLE; i++)
        conformance.turn(world);
}

void world_setup(World *world, const char *task) {
    Heard heard = {0};
    static const char hex[] = "0123456789abcdef";
    char name[600] = "t"; /* of a directory, whatever the task is called */
    size_t n = 1;
    for (const char *c = task; *c && n + 3 < sizeof(name); c++) {
        name[n++] = hex[(unsigned char)*c >> 4];
        name[n++] = hex[*c & 15];
    }
    name[n] = '\0';
    backend_setup_workflow(world->backend, task,
                           arena_printf(&world->arena, "%s/%s", world->dir, name), NULL, hear,
                           &heard);
    await_well(world, &heard);
}

StepId step_id(const char *task, const char *step, uint32_t run) {
    return (StepId){.task = task, .step = step, .run = run};
}

/* ---- Hearing ---- */

void hear(void *arg, const void *result, const Err *err) {
    Heard *heard = arg;
    heard->called++;
    heard->result = result != NULL;
    if (err) {
        CHECK(err->kind != ERR_NONE && err->msg[0]);
        CHECK(!result);
        heard->err = *err;
    }
}

void hear_state(void *arg, const void *result, const Err *err) {
    Heard *heard = arg;
    hear(arg, result, err);
    CHECK(result || err);
    if (result)
        heard->state = *(const StepState *)result;
    heard->state.container = NULL; /* was lent */
}

void hear_exec(void *arg, const void *result, const Err *err) {
    Heard *heard = arg;
    hear(arg, result, err);
    CHECK(result || err);
    if (result)
        heard->exec = *(const ExecResult *)result;
}

void hear_found(void *arg, const void *result, const Err *err) {
    Heard *heard = arg;
    const Discovered *found = result;
    size_t n = 0;
    hear(arg, result, err);
    CHECK(result || err);
    heard->names[0] = '\0';
    for (size_t i = 0; found && i < found->n && n < sizeof(heard->names); i++)
        n += (size_t)snprintf(heard->names + n, sizeof(heard->names) - n, "%s/%s/%u ",
                              found->at[i].task, found->at[i].step, found->at[i].run);
    heard->found = found ? found->n : 0;
}

void hear_kept(void *arg, const void *result, const Err *err) {
    Heard *heard = arg;
    const KeptSockets *kept = result;
    size_t n = 0;
    struct stat st;
    hear(arg, result, err);
    heard->names[0] = '\0';
    for (size_t i = 0; kept && i < kept->n && n < sizeof(heard->names); i++)
        n += (size_t)snprintf(heard->names + n, sizeof(heard->names) - n, "%s=%llu ",
                              kept->at[i].name,
                              fstat(kept->at[i].fd, &st) == 0 ? (unsigned long long)st.st_ino : 0);
    heard->found = kept ? kept->n : 0;
}

/* ---- Doing ---- */

void await(World *world, const Heard *heard) {
    CHECK_EQ(heard->called, 0);
    UNTIL(world, heard->called);
}

void await_well(World *world, const Heard *heard) {
    await(world, heard);
    CHECK_STR(heard->err.msg, "");
}

void start(World *world, StepId id, const Act *act, Heard *heard) {
    backend_start_step(world->backend, id, conformance.step(world, act), hear_state, heard);
    CHECK_EQ(heard->called, 0); /* never inside the call */
}

void start_now(World *world, StepId id, const Act *act) {
    Heard heard = {0};
    start(world, id, act, &heard);
    UNTIL(world, heard.called);
    CHECK_STR(heard.err.msg, "");
    ASSERT(heard.result);
    ASSERT(heard.state.phase == STEP_RUNNING);
    CHECK(heard.state.started_us > 0);
    if (act->out && (act->ignores_term || (conformance.contained && act->life_ms < 0)))
        written(world, id, act->out);
}

/* Whoever writes it may have it open. */
void break_log(World *world, StepId id) {
    glob_t found;
    if (conformance.break_log) {
        conformance.break_log(world, id);
        return;
    }
    const char *pattern =
        arena_printf(&world->arena, "%s/*/runs/%s/%u/log.*", world->dir, id.step, id.run);
    ASSERT(glob(pattern, 0, NULL, &found) == 0);
    for (size_t i = 0; i < found.gl_pathc; i++) {
        const char *path = found.gl_pathv[i];
        ASSERT(rename(path, arena_printf(&world->arena, "%s/spoiled.%zu", world->dir, i)) == 0);
        ASSERT(mkdir(path, 0700) == 0);
    }
    globfree(&found);
}

void wait_now(World *world, StepId id, Heard *heard) {
    *heard = (Heard){0};
    backend_wait_step(world->backend, id, hear_state, heard);
    await_well(world, heard);
    CHECK_EQ(heard->state.phase, STEP_ENDED);
}

void check_signal(const Heard *end, int signal) {
    CHECK_EQ(end->state.end, conformance.contained ? STEP_EXITED : STEP_SIGNALED);
    CHECK_EQ(end->state.code, conformance.contained ? 128 + signal : signal);
}

void destroy_now(World *world, StepId id, int signal, uint32_t grace_ms) {
    Heard heard = {0};
    StopHow how = {.signal = signal, .grace_ms = grace_ms};
    backend_destroy_step(world->backend, id, &how, hear, &heard);
    await_well(world, &heard);
}

static bool show(void *arg, const LogPiece *piece) {
    Shown *shown = arg;
    CHECK(piece->size > 0 || piece->gap); /* how much a gap swallowed may be unknown */
    if (shown->pieces++ == 0)
        shown->first = shown->next = piece->at;
    shown->wrong += piece->at != shown->next || shown->heard.called > 0;
    shown->next = piece->at + piece->size;
    if (piece->data)
        buf_put(&shown->text, piece->data, piece->size);
    if (shown->drop)
        op_drop(shown->op);
    return !shown->hold;
}

static void hear_end(void *arg, const void *result, const Err *err) {
    hear(&((Shown *)arg)->heard, result, err);
}

void tail(World *world, StepId id, uint64_t from, Shown *shown) {
    shown->world = world;
    buf_init(&shown->text, SHOWN_MAX);
    shown->op = backend_tail_step(world->backend, id, from, show, hear_end, shown);
    CHECK_EQ(shown->heard.called, 0);
    CHECK_EQ(shown->pieces, 0);
}

void written(World *world, StepId id, const char *text) {
    Shown shown = {0};
    tail(world, id, 0, &shown);
    UNTIL(world, strstr(buf_cstr(&shown.text), text));
    op_drop(shown.heard.called ? NULL : shown.op);
    shown_clear(&shown);
}

void shown_clear(Shown *shown) {
    buf_deinit(&shown->text);
}
