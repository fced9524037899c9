/* SPDX-License-Identifier: Apache-2.0 */
/* The fake backend as a world of the conformance suite: scripts do what the tests ask, and turns
 * move the scripted clock. */
#include <string.h>

#include "backend/fake/fake_inside.h"
#include "base/buf.h"
#include "harness/test.h"
#include "unit/backend/conformance.h"

enum { TURN_MS = 10, OUTPUT_MAX = 1 << 20 };

static void open_world(World *world) {
    world->loop = loop_new_scripted(1000, 1700000000000000);
    world->backend = fake_backend_new(world->loop);
    world->dir = test_dir();
}

static void close_world(World *world) {
    backend_free(world->backend);
    loop_free(world->loop);
}

static void crash(World *world) {
    fake_crash_server(world->backend);
}

static char *output_of(World *world, const Act *act) {
    Buf text;
    buf_init(&text, OUTPUT_MAX);
    buf_puts(&text, act->out ? act->out : "");
    for (int i = 1; i <= act->lines; i++)
        buf_printf(&text, "%d\n", i);
    char *output = arena_strdup(&world->arena, buf_cstr(&text));
    buf_deinit(&text);
    return output;
}

static const Step *step(World *world, const Act *act) {
    Step *made = arena_alloc(&world->arena, sizeof(*made));
    FakeScript script = {.life_ms = act->life_ms,
                         .end = act->dies_of ? STEP_SIGNALED : STEP_EXITED,
                         .code = act->dies_of ? act->dies_of : act->code,
                         .start_error = act->cannot_start ? "it cannot be started" : NULL,
                         .ignores_stop = act->ignores_term,
                         .output = output_of(world, act)};
    made->name = arena_strdup(&world->arena, act->name);
    made->type = STEP_PROCESS;
    made->restarts = act->restarts;
    made->stdin_open = act->reads;
    made->tty = act->tty;
    script.life_ms = act->reads ? -1 : script.life_ms;
    if (act->secret) {
        made->secrets.at = arena_alloc(&world->arena, sizeof(char *));
        made->secrets.at[0] = act->secret;
        made->secrets.n = 1;
    }
    fake_script(world->backend, NULL, act->name, &script);
    return made;
}

static const Step *commands(World *world, const Act *act) {
    Step *made = arena_dup(&world->arena, step(world, act), sizeof(*made));
    made->type = STEP_COMMANDS;
    made->image = "sh";
    return made;
}

static void spoil_log(World *world, StepId id) {
    fake_run(fake_of(world->backend), id)->plan.tail_fails = true;
}

static void turn(World *world) {
    loop_advance(world->loop, TURN_MS);
}

const Conformance conformance = {.open = open_world,
                                 .close = close_world,
                                 .crash = crash,
                                 .step = step,
                                 .workflow_step = commands,
                                 .break_log = spoil_log,
                                 .turn = turn};
