/* SPDX-License-Identifier: Apache-2.0 */
/* One process of process-compose as one service of ours. */
#pragma once

#include "spec/foreign/foreign_name.h"
#include "spec/foreign/process_compose.h"
#include "spec/foreign/writing.h"

typedef struct PcTranslation {
    const PcProject *project;
    const PcFiles *files;
    const Source *source;
    Arena *arena;
    Names *names;
    bool dotenv_for_all; /* no process is without .env: it stands at the project */
} PcTranslation;

/* `process` with its templates filled in, the `replica`-th. NULL: reported. */
const Value *pc_service(const PcTranslation *t, const PcProcess *process, int64_t replica);

/* A member `key` (ready, live) of the service. -1: reported. */
MUST int pc_probe(const PcTranslation *t, const PcProcess *process, const char *from,
                  const char *key, Value *service);

/* What must stand before a command so that it does what it did there: `cd`, variables that commands
 * give. "": nothing. */
const char *pc_prefix(const PcTranslation *t, const PcProcess *process, const char *working_dir);

/* A directory of theirs as a word of the shell. */
const char *pc_directory(const PcTranslation *t, const char *dir);

/* NAME-07 */
const char *pc_replica_name(const PcTranslation *t, const char *name, int64_t replica,
                            int64_t replicas);

bool pc_is_job(const PcProject *project, const PcProcess *process);
bool pc_starts(const PcProcess *process, const StrMap *client);
const PcProcess *pc_process(const PcProject *project, const char *name);
