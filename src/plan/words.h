/* SPDX-License-Identifier: Apache-2.0 */
/* How the end of a run reads: the sentences of `error`. Each replaces `*text`, which is on the heap
 * or NULL, by at most FACTS_TEXT bytes, cut between characters if need be. */
#pragma once

#include "plan/plan.h"

/* "exit code 2", "killed by SIGKILL (out of memory)", "could not start: …", … */
void words_for_end(char **text, const TargetSpec *spec, const RunResult *result);
/* "run 3: its exit code is unknown: the pin was killed" */
void words_for_lost(char **text, uint32_t run, const char *failure);
/* "timed out after 5s"; "not ready within 30s: connection refused" */
void words_for_timeout(char **text, const TargetSpec *spec, const char *detail);
/* "liveness probe failed: connection refused" */
void words_for_unlive(char **text, const char *detail);
/* "exit code 3; gave up after 10 restarts in a row" */
void words_add_gave_up(char **text, uint32_t restarts);
/* "could not start: command not found: ./x; trying again would not help" */
void words_add_hopeless(char **text);
/* "the run due at 2026-11-22 03:00 CET was left out: run 3 still runs" */
void words_for_left_out(char **text, const TargetFacts *facts);
/* "hook after failed: exit code 2" */
void words_for_hook(char **text, Hook hook, const char *why);
/* "could not be stopped: 4711 (sleep, uid 0)" */
void words_for_survivors(char **text, const char *survivors);
void words_for_unclear(char **text, uint32_t run, const char *why);
/* "stopped by request; SIGKILL ended it" */
void words_for_more(char **text, const char *more); /* nothing if there is nothing yet */
/* "started again: src/app.js changed"; NULL: nothing to say */
void words_for_again(char **text, const char *cause);
/* Copies; NULL and "" leave NULL. */
void words_copy(char **text, const char *from);
