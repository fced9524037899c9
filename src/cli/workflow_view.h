/* SPDX-License-Identifier: Apache-2.0 */
/* Workflows as the server shows them, for people. */
#pragma once

#include "base/clock.h"
#include "cli/workflow_rows.h"

/* The state of a step as a literal of ours. */
const char *workflow_state_literal(const char *state);
/* SGR of a state, a result or a phase; NULL: plain. */
const char *workflow_state_color(const char *state);
/* "pending", "running", …; of one that is over its result. */
const char *workflow_word(const Value *workflow);
/* How long it took, or has been; "" if it has not begun. */
void workflow_took(const Value *workflow, char text[DURATION_TEXT]);
void workflow_step_took(const Value *step, char text[DURATION_TEXT]);

/* "b: failure, exit code 3, after 1.2s" */
void workflow_step_sentence(const Value *step, bool color, Buf *out);
/* "workflow 5f3a…: failure after 1.2s: step b: exit code 3 (1 success, 1 failure)" */
void workflow_sentence(const Value *workflow, bool color, Buf *out);

void workflow_print(const Cli *cli, const Value *workflow); /* and its steps */
void workflow_print_rows(const Cli *cli, const WorkflowRows *rows);
