/* SPDX-License-Identifier: Apache-2.0 */
/* A workflow on disk, workflows/<name>/:
 *
 *   workflow.json   who it is: task, backend, limits, Config. Written once, before anything is done
 *   facts.jsonl     what happened, a fact a line, in order: replayed by the next server. A step's
 *                   `asked` is written before the backend is asked; a line that a killed server did
 *                   not finish never was. Names and words, no numbers of ours: what a server does
 *                   not know it refuses, untouched. Its format is that of workflow.json
 *   over.json       when it is over: workflow_shelf.c
 *
 * Beside them the backend's: runs/ and what else it needs. */
#pragma once

#include "engine/workflows/workflow_inside.h"

/* Members of what is written: backend_options, as a BackendWish has them; warnings. */
void workflow_encode_options(const Workflow *workflow, JsonWriter *out);
void workflow_encode_warnings(const Workflow *workflow, JsonWriter *out);
void workflow_load_warnings(Workflow *workflow, const Value *list);

#define WORKFLOW_WHO   "workflow.json"
#define WORKFLOW_FACTS "facts.jsonl"

MUST int workflow_files_begin(const Workflow *workflow, Err *err);
/* Reads it and replays its facts. Not published yet. ERR_NOT_FOUND: it never was begun. */
MUST int workflow_files_load(Engine *engine, const char *name, Workflow **ret, Err *err);

/* A disk that takes no facts is warned of; the workflow goes on, and can be stopped: it may be what
 * fills the disk. But: is one that must be there before the act. */
MUST int workflow_note_asked(Workflow *workflow, uint32_t step, uint32_t run, Err *err);
void workflow_note_started(Workflow *workflow, uint32_t step, int64_t us);
void workflow_note_ended(Workflow *workflow, uint32_t step, const StepEnded *ended);
void workflow_note_skipped(Workflow *workflow, uint32_t step);
void workflow_note_timed_out(Workflow *workflow, uint32_t step);
void workflow_note_cancel(Workflow *workflow, WorkflowResult result, const char *why);
/* `culprit`: the step that is blamed, or UINT32_MAX. */
void workflow_note_not_set_up(Workflow *workflow, uint32_t culprit, const char *why, int64_t us);
/* When it ended: workflow->ended_us. */
void workflow_note_over(Workflow *workflow);
/* "set_up", "destroyed" (`why`: it is not), "delete" */
void workflow_note_phase(Workflow *workflow, const char *phase, const char *why, int64_t us);
