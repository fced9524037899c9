/* SPDX-License-Identifier: Apache-2.0 */
/* The file that a Config came from, so that what is wrong with the Config can be told at its place
 * in the text. */
#pragma once

#include "base/report.h"
#include "data/schema.h"

typedef struct EnvironmentEntry EnvironmentEntry;

typedef struct Source {
    const char *file;
    const char *overlay; /* laid over it: the file of what is marked VALUE_OVERLAY; NULL: none */
    const Value *value;  /* of the whole file, with the overlay */
    Report *report;
    size_t misread; /* of these problems the first: what could not be read at all */
    Arena *arena;
    const char *mode; /* whose overlay is laid over it; NULL: none is */
    bool previewctl; /* a file of previewctl: what it knows nothing of is ignored, with a warning */
    bool foreign;    /* a file of another tool, translated */
    const EnvironmentEntry *entry; /* of the session's environment; ConfigAsk */
    bool alone;                    /* no other file is read */
    bool environment;              /* for an environment, not for a session; ConfigAsk */
    const StrMap *client;          /* environment of whoever asks; NULL: unknown */
    StrList *files;   /* that were read, or looked for, absolute; NULL: nobody wants to know */
    StrList *digests; /* parallel to files; see Config */
    bool keep;        /* what is made of it is kept as a file: variables stay in theirs */
    bool review;      /* for `thole vet`: warn of secrets that `client` does not have */
} Source;

/* Reports a problem with the key `path` ("services.api.depends_on.db", "env_from[0]"; as much
 * of it as exists gives the place). What is wrong with a key that could not be read, or with what
 * such a key is in, may be wrong for that alone: it is not told. Returns -1. */
int source_problem(const Source *source, const char *path, const char *hint, const char *format,
                   ...) PRINTF(4, 5);
void source_warning(const Source *source, const char *path, const char *hint, const char *format,
                    ...) PRINTF(4, 5);

/* Where `path` stands in the text. False: there is no such key; then it is the place of as much of
 * it as there is. */
bool source_find(const Source *source, const char *path, Place *ret);

/* Reads one of the files that the Config is made of, which must be a plain one. Returns owned.
 * NULL: err says why, without the path. */
char *source_read(const Source *source, const char *path, size_t *ret_size, Err *err);
/* Should it appear, or change, the Config may be another one. (source_read says so by itself.) */
void source_note(const Source *source, const char *path);
