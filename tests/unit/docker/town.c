/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/docker/town.h"

#include "harness/test.h"

const Step town_step = {.name = "build", .image = "x:1", .network_mode = "none"};
const StepId town_id = {.task = "t", .step = "build", .run = 1};

void town_hear(void *arg, const void *result, const Err *err) {
    Town *town = arg;
    town->called++;
    town->err = err ? *err : (Err){0};
    if (result)
        town->state = *(const StepState *)result;
}

void town_hear_end(void *arg, const void *result, const Err *err) {
    (void)result;
    town_hear(arg, NULL, err);
}

void town_until(Town *town) {
    while (!town->called)
        ASSERT(loop_turn(town->s.loop, 10000));
    town->called = 0;
}

void town_make_backend(Town *town) {
    char host[220];
    Err err = {0};
    snprintf(host, sizeof(host), "unix://%s", town->s.path);
    StrPair pairs[] = {{"host", host}, {"patience", "1s"}};
    StrMap options = {.at = pairs, .n = 2};
    town->backend =
        docker_backend_new(town->s.loop, &(DockerSetup){.owner = "me", .options = &options}, &err);
    ASSERT(town->backend);
    backend_setup_workflow(town->backend, "t", test_dir(), NULL, town_hear_end, town);
    town_until(town);
}

void town_open(Town *town, const char *const *replies) {
    *town = (Town){0};
    scripted_open(&town->s, replies);
    town_make_backend(town);
}

void town_start(Town *town) {
    backend_start_step(town->backend, town_id, &town_step, town_hear, town);
    town_until(town);
    CHECK_STR(town->err.msg, "");
}

void town_close(Town *town) {
    backend_free(town->backend);
    scripted_close(&town->s);
}
