/* SPDX-License-Identifier: Apache-2.0 */
/* What a program has made of the terminal that it writes to: which modes it turned on. From what it
 * wrote they are known, so a terminal that comes later can be brought into them, and one that
 * leaves can be put back. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

enum { SCREEN_MODES_MOST = 24, SCREEN_ESCAPE = 32 };

typedef struct ScreenModes {
    /* private modes (ESC [ ? number h) that are off in a fresh terminal, in their order */
    uint16_t on[SCREEN_MODES_MOST];
    size_t n;
    bool hidden_cursor, unwrapped, keypad, cursor_style, modified_keys;
    unsigned keyboards; /* how often it has pushed one */
    /* the sequence that is being read; its bytes between ESC [ and the last one */
    enum { SCREEN_TEXT, SCREEN_ESC, SCREEN_CSI } at;
    char escape[SCREEN_ESCAPE];
    size_t escape_n;
} ScreenModes;

/* The program has written this. */
void screen_modes_saw(ScreenModes *modes, const char *bytes, size_t n);
/* Does it fill the screen (the alternate one)? */
bool screen_modes_full(const ScreenModes *modes);
/* What brings a fresh terminal into these modes; a screen that is filled is empty then. */
void screen_modes_put(const ScreenModes *modes, Buf *to);
/* What puts the terminal back: also the scrolling region, colours, characters and keys, of which
 * nothing need be known. */
void screen_modes_undo(const ScreenModes *modes, Buf *to);
