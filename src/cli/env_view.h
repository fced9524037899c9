/* SPDX-License-Identifier: Apache-2.0 */
/* Environments as the server shows them, for people: on stdout. */
#pragma once

#include "base/clock.h"
#include "cli/env.h"

/* SGR of a phase of its life, or of the status of a step's record; NULL: plain. */
const char *env_color(const char *status);
/* "12s", "3d4h": since then; "" if it is no time. */
void env_age(const char *time, char text[DURATION_TEXT]);

/* What to know of one that has just come to be: ports with URLs, where it is. */
void env_print_summary(Cli *cli, const Value *object);

typedef struct EnvDetail {
    const Value *object, *steps, *infrastructure; /* the last two may be NULL */
} EnvDetail;
void env_print_detail(Cli *cli, const EnvDetail *detail);

/* ---- env_steps.c ---- */
void env_print_steps(Cli *cli, const Value *steps);
/* What would be done. */
void env_print_plan(Cli *cli, const Value *steps);
/* What a step writes, or (`differs`) how that differs from what is there. */
void env_print_step(Cli *cli, const char *step, const Value *reply, bool differs);
void env_print_invalidated(Cli *cli, const EnvTarget *env, const Value *steps);
