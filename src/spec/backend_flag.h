/* SPDX-License-Identifier: Apache-2.0 */
/* The settings of backends: what `thole backend show` lists, what a client reads from its
 * environment and sends along with a workflow, and what a Backend is made with. */
#pragma once

#include "base/report.h"
#include "data/schema.h"

typedef enum FlagType {
    FLAG_TEXT,
    FLAG_LIST, /* comma separated */
    FLAG_BOOL,
    FLAG_INTEGER,
    FLAG_SIZE,     /* "64MiB"; a plain number is bytes */
    FLAG_DURATION, /* "20s"; a plain number is seconds */
} FlagType;

typedef struct BackendFlag {
    const char *name; /* "host" */
    FlagType type;
    const char *env; /* variables that say it, '|' between them: the first that is set counts */
    const char *dflt;
    const char *doc;
} BackendFlag;

typedef struct BackendFlags {
    const BackendFlag *at;
    size_t n;
} BackendFlags;

/* Of the backend of this name; none for one that is not known. */
BackendFlags backend_flags(const char *backend);
/* Its names with the values that `environment` says, in byte order; in `arena`. Values are shared;
 * a variable that is empty is not set. */
StrMap backend_flags_read(const char *backend, const StrMap *environment, Arena *arena);
/* Does the backend have all these options, and do their values say something? */
MUST int backend_flags_check(const char *backend, const StrMap *options, Err *err);
const char *flag_type_name(FlagType type); /* "size" */
/* What a value, or else the default says; options may be NULL. -1: it says nothing; the sentence
 * names backend, flag and value. */
MUST int backend_flag_text(const char *backend, const StrMap *options, const char *name,
                           const char **ret, Err *err);
/* What the text of a LIST says, in `arena`. */
StrList backend_flag_split(const char *text, Arena *arena);
MUST int backend_flag_bool(const char *backend, const StrMap *options, const char *name, bool *ret,
                           Err *err);
/* INTEGER; SIZE in bytes; DURATION in milliseconds. */
MUST int backend_flag_int(const char *backend, const StrMap *options, const char *name,
                          int64_t *ret, Err *err);
