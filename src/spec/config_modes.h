/* SPDX-License-Identifier: Apache-2.0 */
/* Modes by their names alone: which file is the overlay of one, which have any, and which
 * config file a manifest stands for. */
#pragma once

#include "data/schema.h"

enum { MODE_MAX = 63 };

/* May a mode be called so? */
bool config_mode_named(const char *text, size_t n);
/* "/srv/thole.preview.yaml", whether it is there or not. */
const char *config_overlay_path(const char *file, const char *mode, Arena *arena);
/* The modes that have an overlay beside `file` (absolute), in byte order. */
StrList config_modes(const char *file, Arena *arena);
/* The config file beside a manifest: of two that with its name. In `arena`; NULL: err. */
const char *config_of_manifest(const char *path, Arena *arena, Err *err);
