/* SPDX-License-Identifier: Apache-2.0 */
/* A docker backend whose engine answers as the test says (scripted.h). */
#pragma once

#include "backend/docker/docker.h"
#include "unit/docker/scripted.h"

#define CREATED "201 {\"Id\":\"c1\"}"
#define DONE    "304 "
#define RUNS                                                                 \
    "200 {\"Id\":\"c1\",\"State\":{\"Status\":\"running\",\"Running\":true," \
    "\"StartedAt\":\"2026-01-02T03:04:05Z\"}}"
#define NONE    "404 {\"message\":\"No such container\"}"
#define CREATES "200 {\"Id\":\"c1\",\"State\":{\"Status\":\"created\"}}"

typedef struct Town {
    Scripted s;
    Backend *backend;
    int called;
    Err err;
    StepState state;
} Town;

extern const Step town_step; /* "build", without a pull */
extern const StepId town_id; /* of it, in the workflow "t" of the owner "me" */

/* The workflow is set up; its directory is test_dir(). */
void town_open(Town *town, const char *const *replies);
void town_close(Town *town);
void town_make_backend(Town *town);
void town_start(Town *town); /* town_step; it must go well */
/* Until one of these was called; then as if it had not been. */
void town_until(Town *town);
void town_hear(void *arg, const void *result, const Err *err);     /* with a StepState */
void town_hear_end(void *arg, const void *result, const Err *err); /* without */
