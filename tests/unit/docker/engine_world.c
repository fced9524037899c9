/* SPDX-License-Identifier: Apache-2.0 */
/* The docker backend, on a real engine, as a world of the conformance suite. Engine and image are
 * named by the environment: `./dev test` starts one. */
#include "unit/docker/engine_world.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backend/docker/docker.h"
#include "base/xalloc.h"
#include "harness/test.h"

enum { TURN_MS = 10, SCRIPT_MAX = 64 * 1024 };

const char *engine_world_address(void) {
    const char *address = getenv("THOLE_TEST_DOCKER");
    if (!address)
        test_fail(__FILE__, __LINE__,
                  "THOLE_TEST_DOCKER names no Docker engine to test with, such as "
                  "unix:///run/docker.sock; `./dev test` starts one");
    ASSERT(address);
    return address;
}

const char *engine_world_image(void) {
    const char *image = getenv("THOLE_TEST_IMAGE");
    return image ? image : "busybox:test";
}

Backend *engine_world_backend(World *world) {
    StrPair pairs[] = {
        {"host", engine_world_address()}, {"patience", "3s"}, {"stop_timeout", "1s"}};
    StrMap options = {.at = pairs, .n = COUNT(pairs)};
    Err err = {0};
    DockerSetup setup = {.owner = world->dir, .options = &options};
    Backend *backend = docker_backend_new(world->loop, &setup, &err);
    CHECK_STR(err.msg, "");
    ASSERT(backend);
    return backend;
}

static void open_world(World *world) {
    world_make(world);
    world->backend = engine_world_backend(world);
}

static void crash(World *world) {
    backend_free(world->backend);
    world->backend = engine_world_backend(world);
}

/* ---- Ending ---- */

static void on_found(void *arg, const void *result, const Err *err) {
    Ending *ending = arg;
    const Leftovers *found = result;
    (void)err;
    for (size_t i = 0; found && i < found->n; i++) {
        if (i > 0 && strcmp(found->at[i].task, found->at[i - 1].task) == 0)
            continue;
        ending->left++;
        backend_destroy_workflow(ending->world->backend, found->at[i].task, NULL, world_ended,
                                 ending);
    }
    ending->left--;
}

static void close_world(World *world) {
    Ending ending = {.world = world, .left = 1};
    backend_free(world->backend); /* so that nothing is asked to end in its own time */
    world->backend = engine_world_backend(world);
    backend_leftovers(world->backend, on_found, &ending);
    UNTIL(world, ending.left == 0);
    backend_free(world->backend);
    loop_free(world->loop);
}

static void turn(World *world) {
    loop_turn(world->loop, TURN_MS);
}

/* ---- Steps ---- */

Step *engine_world_script(World *world, const char *name, const char *script) {
    Step *step = arena_alloc(&world->arena, sizeof *step);
    const char **argv = arena_alloc(&world->arena, 3 * sizeof *argv);
    argv[0] = "/bin/sh";
    argv[1] = "-c";
    argv[2] = arena_strdup(&world->arena, script);
    step->name = arena_strdup(&world->arena, name);
    step->type = STEP_COMMANDS;
    step->image = engine_world_image();
    step->entrypoint = (StrList){.at = argv, .n = 3};
    step->network_mode = "none";
    return step;
}

/* The first process of a container ignores signals that it has no handler for. */
static const Step *act_step(World *world, const Act *act) {
    Buf script;
    buf_init(&script, SCRIPT_MAX);
    if (act->ignores_term)
        buf_puts(&script, "trap '' TERM\n");
    else if (act->life_ms < 0)
        buf_puts(&script, "for s in 2 3 15; do trap \"exit $((128 + s))\" $s; done\n");
    if (act->out)
        buf_printf(&script, "printf '%.*s%s'\n", (int)strcspn(act->out, "\n"), act->out,
                   strchr(act->out, '\n') ? "\\n" : "");
    if (act->lines)
        buf_printf(&script, "seq 1 %d\n", act->lines);
    if (act->reads)
        buf_puts(&script, "cat\n");
    if (act->life_ms < 0)
        buf_puts(&script, "sleep 100000 & while :; do wait; done\n");
    else if (act->life_ms)
        buf_printf(&script, "sleep %d.%03d\n", (int)(act->life_ms / 1000),
                   (int)(act->life_ms % 1000));
    if (act->dies_of)
        buf_printf(&script, "sh -c 'kill -%d $$' 2>/dev/null\nexit $?\n", act->dies_of);
    buf_printf(&script, "exit %d\n", act->code);
    Step *step = engine_world_script(world, act->name, buf_cstr(&script));
    buf_deinit(&script);
    step->restarts = act->restarts;
    if (act->cannot_start)
        step->entrypoint.at[0] = "/nonexistent/program";
    if (act->secret) {
        step->secrets.at = arena_alloc(&world->arena, sizeof(char *));
        step->secrets.at[0] = act->secret;
        step->secrets.n = 1;
    }
    return step;
}

const Conformance conformance = {.open = open_world,
                                 .close = close_world,
                                 .crash = crash,
                                 .step = act_step,
                                 .contained = true,
                                 .turn = turn};
