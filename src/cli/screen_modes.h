/* SPDX-License-Identifier: Apache-2.0 */
/* What a program has made of the terminal that it writes to: which modes it turned on. From what it
 * wrote they are known, so a terminal that comes later can be brought into them, and one that
 * leaves can be put back. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

enum { SCREEN_MODES_MOST = 24, SCREEN_ESCAPE = 32 };

/* A private mode (ESC [ ? number h) that is off in a fresh terminal, or a mode of the keyboard that
 * was pushed (ESC [ > number u). */
typedef struct ScreenMode {
    bool keyboard;
    uint16_t number;
} ScreenMode;

typedef struct ScreenModes {
    ScreenMode on[SCREEN_MODES_MOST]; /* in their order: each screen has keyboards of its own */
    size_t n;
    bool hidden_cursor, unwrapped, keypad;
    unsigned cursor_style, modified_keys; /* 0: as in a fresh terminal */
    /* the sequence that is being read; its bytes between ESC [ and the last one */
    enum { SCREEN_TEXT, SCREEN_ESC, SCREEN_CSI } at;
    char escape[SCREEN_ESCAPE];
    size_t escape_n;
} ScreenModes;

/* The program has written this. */
void screen_modes_saw(ScreenModes *modes, const char *bytes, size_t n);
/* What brings a fresh terminal into these modes; a screen that is filled (the alternate one) is
 * empty then. */
void screen_modes_put(const ScreenModes *modes, Buf *to);
/* What puts the terminal back: also the scrolling region, colours, characters and keys, of which
 * nothing need be known. */
void screen_modes_undo(const ScreenModes *modes, Buf *to);
