/* SPDX-License-Identifier: Apache-2.0 */
/* An input as the packets of one connection: two bytes of length, little end first, then as many
 * bytes; the last may be cut. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "pin/wire.h"

typedef struct Frames {
    const uint8_t *at;
    size_t left;
} Frames;

/* NULL: there is no further one. */
static inline const uint8_t *frames_next(Frames *frames, size_t *ret_size) {
    if (frames->left < 3)
        return NULL;
    size_t size = (size_t)frames->at[0] | (size_t)frames->at[1] << 8;
    const uint8_t *packet = frames->at + 2;
    frames->left -= 2;
    if (size > frames->left || size > WIRE_MAX)
        size = frames->left < WIRE_MAX ? frames->left : WIRE_MAX;
    frames->at += 2 + size;
    frames->left -= size;
    *ret_size = size;
    return packet;
}
