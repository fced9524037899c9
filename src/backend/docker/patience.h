/* SPDX-License-Identifier: Apache-2.0 */
/* Patience with an engine that does not answer: it is asked again after ever longer pauses, until
 * it has been silent for too long. All zero: it answers. */
#pragma once

#include <stdint.h>

typedef struct Patience {
    int64_t since_ms; /* of the first failure, by the loop's clock; 0: it answers */
    int64_t last_ms;  /* of the last */
    int64_t pause_ms;
    uint32_t heard; /* answers since the last */
} Patience;

/* It answers: the next failure is the first of another outage. */
void patience_ok(Patience *patience);
/* One of several calls was answered, of which each try repeats all: the next failure is of another
 * outage if the last one is longer ago than the limit. */
void patience_heard(Patience *patience);
/* It has failed: milliseconds, from 1, until it is to be asked again. -1: it has for `limit_ms`. */
int64_t patience_again(Patience *patience, int64_t now_ms, int64_t limit_ms);
