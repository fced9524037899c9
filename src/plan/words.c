/* SPDX-License-Identifier: Apache-2.0 */
#include "plan/words.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/attr.h"
#include "base/clock.h"
#include "base/str.h"
#include "base/xalloc.h"

PRINTF(2, 3)
static void words(char **text, const char *format, ...) {
    char whole[FACTS_TEXT + 4],
        sentence[FACTS_TEXT]; /* so that the cut is made between characters */
    va_list args;
    va_start(args, format);
    vsnprintf(whole, sizeof whole, format, args);
    va_end(args);
    str_copy(sentence, sizeof sentence, whole);
    free(*text); /* which the arguments may have named */
    *text = xstrdup(sentence);
}

void words_copy(char **text, const char *from) {
    if (from && from[0]) {
        words(text, "%s", from);
    } else if (*text) {
        free(*text);
        *text = NULL;
    }
}

static void for_signal(char **text, int number, Tristate oom) {
    const char *name = sigabbrev_np(number);
    const char *why = oom == YES ? " (out of memory)" : "";
    if (name)
        words(text, "killed by SIG%s%s", name, why);
    else
        words(text, "killed by signal %d%s", number, why);
}

static void for_exit(char **text, const TargetSpec *spec, const RunResult *result) {
    bool endless = spec->type == TARGET_SERVER &&
                   !schema_has(&type_service, spec->service, "success_exit_codes");
    if (endless && result->code == 0)
        words(text, "server exited with code 0, but a server is expected to keep running");
    else if (result->code == 0)
        words(text, "exit code 0, which success_exit_codes does not list");
    else
        words(text, "exit code %d%s", result->code,
              result->oom_killed == YES ? " (out of memory)" : "");
}

static void for_no_start(char **text, const TargetSpec *spec, const RunResult *result) {
    if (result->why && result->why[0]) {
        bool said = str_starts(result->why, "could not start") ||
                    str_starts(result->why, "hook before failed");
        words(text, "%s%s", said ? "" : "could not start: ", result->why);
        return;
    }
    const char *reason = result->code > 0 ? strerrordesc_np(result->code) : NULL;
    const char *program = spec->command && spec->command->argv.n ? spec->command->argv.at[0] : "";
    if (!reason)
        reason = "nobody knows why";
    words(text, "could not start: %c%s: %s", tolower((unsigned char)reason[0]), reason + 1,
          program);
}

void words_for_end(char **text, const TargetSpec *spec, const RunResult *result) {
    switch (result->kind) {
    case END_EXITED: for_exit(text, spec, result); return;
    case END_SIGNALED: for_signal(text, result->code, result->oom_killed); return;
    case END_FAILED: for_no_start(text, spec, result); return;
    case END_LOST:
        words_copy(text, result->why && result->why[0] ? result->why
                                                       : "its exit code is unknown: the process "
                                                         "that watched it was killed");
        return;
    }
    UNREACHABLE();
}

void words_for_lost(char **text, uint32_t run, const char *failure) {
    words(text, "run %u: %s", run, failure);
}

void words_for_timeout(char **text, const TargetSpec *spec, const char *detail) {
    char after[DURATION_TEXT];
    const char *colon = detail && detail[0] ? ": " : "";
    bool job = spec->type == TARGET_JOB;
    duration_format_go(job ? spec->service->timeout_ms : spec->service->ready.deadline_ms, after);
    words(text, "%s %s%s%s", job ? "timed out after" : "not ready within", after, colon,
          detail ? detail : "");
}

void words_for_unlive(char **text, const char *detail) {
    bool said = detail && detail[0];
    words(text, "liveness probe failed%s%s", said ? ": " : "", said ? detail : "");
}

void words_add_gave_up(char **text, uint32_t restarts) {
    words(text, "%.*s; gave up after %u restart%s in a row", FACTS_TEXT - 60, *text, restarts,
          restarts == 1 ? "" : "s");
}

void words_add_hopeless(char **text) {
    words(text, "%.*s; trying again would not help", FACTS_TEXT - 60, *text);
}

void words_for_unclear(char **text, uint32_t run, const char *why) {
    words(text, "nothing is started beside run %u, of which nobody knows whether it lives: %s", run,
          why);
}

void words_for_left_out(char **text, const TargetFacts *facts) {
    const char *due = facts->due ? facts->due : "now";
    if (facts_alive(facts))
        words(text, "the run due at %s was left out: run %u still runs", due, facts->run);
    else
        words(text, "the run due at %s was left out: the one before has not started yet", due);
}

void words_for_hook(char **text, Hook hook, const char *why) {
    words(text, "hook %s failed: %s", hook_name(hook), why);
}

void words_for_survivors(char **text, const char *survivors) {
    words(text, "could not be stopped: %s", survivors);
}

void words_for_more(char **text, const char *more) {
    if (*text && **text)
        words(text, "%s; %s", *text, more);
}

void words_for_again(char **text, const char *cause) {
    if (cause)
        words(text, "started again: %s", cause);
    else
        words_copy(text, NULL);
}
