/* SPDX-License-Identifier: Apache-2.0 */
/* The Config of a workflow, as a compiler of pipelines makes it (Woodpecker's names and rules):
 * stages of steps in which nothing is left to be looked up or substituted.
 *
 *     {"pipeline": [{"steps": [{"name", "uuid", "type", "image", "commands", …}]}],
 *      "network", "volume", "secrets": [{"name", "value"}]}
 *
 * Go writes it with zero values left out, so an absent `on_success` is false: such a step is never
 * run while all goes well. A stage begins when the one before has ended; but where any step has
 * `depends_on`, each begins when the steps it names have ended, and stages mean nothing. */
#pragma once

#include "base/report.h"
#include "spec/step.h"

typedef struct Source Source;

typedef struct Stage {
    struct {
        Step *at;
        size_t n;
    } steps;
} Stage;

typedef struct WorkflowSecret {
    const char *name, *value;
} WorkflowSecret;

typedef struct WorkflowConfig {
    struct {
        Stage *at;
        size_t n;
    } stages; /* key `pipeline` */
    const char *network, *volume;
    struct {
        WorkflowSecret *at;
        size_t n;
    } secrets; /* whatever is to be masked, used or not */
} WorkflowConfig;

SCHEMA_DECLARE(type_workflow, WorkflowConfig);
SCHEMA_DECLARE(type_step, Step);

/* Reads and checks a Config, JSON or YAML. Unknown keys: one warning each. All problems go to the
 * report, with place and path; NULL: there was an error. The Config lives in `arena`. */
const WorkflowConfig *workflow_load(const char *file, const char *text, size_t size, Arena *arena,
                                    Report *report);
/* Likewise, of source->file; the source has its places then. The Config alone goes into `arena`,
 * what it was read from, which is several times as large, into the source's. */
const WorkflowConfig *workflow_read(Source *source, const char *text, size_t size, Arena *arena);
/* Likewise, but JSON without its places, which take as long as all the rest: is anything reported,
 * ask workflow_read. */
const WorkflowConfig *workflow_read_quickly(Source *source, const char *text, size_t size,
                                            Arena *arena);
/* Likewise, of source->value: one that was stored. */
const WorkflowConfig *workflow_decode(const Source *source, Arena *arena);
/* The forms of all its secrets, in `arena`: what is masked in logs, and what shows it. */
StrList workflow_mask_forms(const WorkflowConfig *config, Arena *arena);
/* As it is stored (masks: NULL), or shown: secrets become "********", and in all other texts each
 * form in `masks`, as in a log. It stays a Config. */
void workflow_encode(const WorkflowConfig *config, const StrList *masks, JsonWriter *out);

/* The steps in the order of the text. */
size_t workflow_step_count(const WorkflowConfig *config);
/* Has any step `depends_on`? Then stages mean nothing. */
bool workflow_is_graph(const WorkflowConfig *config);
const char *step_type_name(StepType type);
