/* SPDX-License-Identifier: Apache-2.0 */
/* Status: how the API says that something failed, or was done. */
#pragma once

#include "api/http_server.h"
#include "base/report.h"
#include "data/json.h"
#include "engine/objects.h"

/* One of `details.causes`. */
typedef struct Cause {
    const char *reason, *message, *field;
} Cause;

typedef struct Status {
    int code;
    const char *reason, *message;          /* reason NULL: none */
    const char *group, *kind, *name, *uid; /* details; NULL: absent */
    const Cause *causes;
    size_t cause_n;
    const Report *problems; /* of a config file: causes and `problems` of the details; NULL: none */
    int64_t retry_after_s;  /* 0: absent */
} Status;

void status_write(const Status *status, JsonWriter *out);
void reply_status_full(Request *request, const Status *status);
void reply_status(Request *request, int code, const char *reason, const char *format, ...)
    PRINTF(4, 5);
/* An Err that the engine returned. */
void reply_err(Request *request, const Err *err);
void reply_not_found(Request *request, const char *group, const char *plural, const char *name);
/* "404 page not found", as text. */
void reply_no_page(Request *request);

/* `problems` as an array of {file, line, column, path, message, hint}; warnings: those, else the
 * errors. */
void problems_write(const Report *report, bool warnings, JsonWriter *out);
