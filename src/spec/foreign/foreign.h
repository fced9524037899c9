/* SPDX-License-Identifier: Apache-2.0 */
/* Files of other tools as a thole.yaml: they are read into a Value tree of our language, which then
 * goes the way of every thole.yaml, so that each feature is the same feature. */
#pragma once

#include "spec/source.h"

typedef enum Language {
    LANGUAGE_THOLE,
    LANGUAGE_PROCESS_COMPOSE,
    LANGUAGE_PROCFILE,
    LANGUAGE_COMPOSE /* Docker's: not read */
} Language;

/* By its name, and where that does not decide, by its keys. */
Language foreign_language(const char *file, const char *text, size_t size);

/* Translates into source->value. -1: reported. Call it for what is not ours. */
MUST int foreign_read(Source *source, Language language, const char *text, size_t size);
