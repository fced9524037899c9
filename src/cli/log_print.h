/* SPDX-License-Identifier: Apache-2.0 */
/* What `thole logs` and `thole workflow logs` share: which lines, and how they are printed. */
#pragma once

#include <regex.h>

#include "cli/cli.h"
#include "cli/log_feed.h"
#include "cli/prefix.h"

typedef struct LogOptions {
    bool follow;
    int64_t tail, run; /* -1: not given */
    const char *since, *until, *grep, *stream;
} LogOptions;

typedef enum LogForm { FORM_TEXT, FORM_JSON, FORM_RAW } LogForm;

typedef struct LogPrint {
    Cli *cli;
    LogAsk ask; /* whose, and which names: the caller's to set */
    LogForm form;
    Prefix prefix;
    regex_t re;
    bool has_re;
    char since[TIME_TEXT], until[TIME_TEXT];
} LogPrint;

/* Also of one that could not be: log_print_deinit. */
MUST int log_print_init(LogPrint *print, Cli *cli, const LogOptions *given, Err *err);
void log_print_deinit(LogPrint *print);

/* The server has ended a stream that followed: will nothing come any more? */
typedef bool (*LogOverFn)(LogPrint *print);
/* Prints all there is; following, until it is over or nobody reads what is printed. */
MUST int log_print(LogPrint *print, LogOverFn over, Err *err);
