/* SPDX-License-Identifier: Apache-2.0 */
/* The services that `thole init` writes: each has a name of ours, once, and what cannot have one is
 * kept for a note. Whatever text is given, what is written is valid. */
#pragma once

#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/map.h"

typedef struct Init {
    const char *dir;
    Arena arena;
    Map names;
    Buf *out;
    bool served; /* one that starts with `thole up` is there */
} Init;

/* Begins a service; false: the name is taken, or none. */
bool init_begin(Init *init, const char *word, const char *comment);
/* `command: text`: what is a template to us is text there. */
void init_command(Init *init, const char *text);
/* The text in one line of a comment, not much of it. In the arena. */
const char *init_comment(Init *init, const char *text);

/* What begins a service is followed by one of these. `port`: 0 if nobody knows it. */
void init_job(Init *init, const char *command);
void init_server(Init *init, const char *command, int64_t port, bool starts);

/* A port that the command names, or that its tool has; 0: nobody knows. */
int64_t init_port_of(const char *command);
