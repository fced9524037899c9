/* SPDX-License-Identifier: Apache-2.0 */
/* A stage for engine tests: a project in a directory of its own, the fake backend, and time that
 * moves when the test says. */
#pragma once

#include "backend/fake/fake.h"
#include "engine/engine.h"
#include "harness/test.h"

typedef struct Scene {
    Loop *loop;
    Backend *backend;
    Engine *engine;
    Session *session;
    BackendKind kind; /* that of `backend`, for workflows */
    char file[160], state[160];
    Err err;
} Scene;

/* `yaml` becomes thole.yaml (version: 1 is put in front). */
Scene *scene_new(const char *yaml);
void scene_free(Scene *scene);
void scene_begin(Scene *scene); /* a server: its engine */

Session *scene_up(Scene *scene, const char *const *names); /* NULL-terminated; NULL: all */
Session *scene_ci(Scene *scene);
/* kill -9 of the server, and the next one: steps go on, calls in flight are lost. */
void scene_crash(Scene *scene);

/* The state as a word or two: "waiting backoff", "active ready", "active", "terminated ok",
 * "terminated <error>", "none", "gone". */
const char *scene_state(Scene *scene, const char *target);
const char *scene_message(Scene *scene, const char *target);
Target *scene_target(Scene *scene, const char *target);
const Value *scene_json(Scene *scene, Object *object, Arena *arena);
void scene_save(Scene *scene, const char *yaml);
