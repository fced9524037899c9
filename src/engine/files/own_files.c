/* SPDX-License-Identifier: Apache-2.0 */

#include "engine/files/own_files.h"

#include <stdlib.h>

#include "base/xalloc.h"

enum {
    JOB_RUNS = 3,
    JOB_ROW = 10,
    SERVER_RUNS = 20,
    SERVER_START_MS = 300,
    /* News of a file may come so long after the run has ended; and what a short run writes may be
     * heard of so long before its start is. */
    HEARD_MS = 50,
    FILES_MAX = 10000,
};

typedef struct OwnFile {
    uint32_t last, row; /* the last run that changed it, and how many in a row did */
} OwnFile;

void own_files_begin(OwnFiles *own, TargetType type, const TargetFacts *facts) {
    own->type = type;
    map_init(&own->files);
    own->base = facts->run - (facts_alive(facts) && facts->run > 0);
}

void own_files_deinit(OwnFiles *own) {
    size_t at = 0;
    const char *path;
    void *file;
    while (map_next(&own->files, &at, &path, &file))
        free(file);
    map_deinit(&own->files);
}

/* Was the run being executed then? */
static bool during(const TargetFacts *facts, const FileChange *change, const PlanWorld *world,
                   bool server) {
    int64_t ended_ms = world->now_ms;
    if (!facts->started_ms || change->at_ms + HEARD_MS < facts->started_ms)
        return false;
    if (server)
        return change->at_ms <= facts->started_ms + SERVER_START_MS;
    if (facts->run_state != RUN_ENDED)
        return true;
    ended_ms -= (world->now_us - facts->ended_us) / 1000;
    if (!change->written_us)
        return change->at_ms <= ended_ms;
    return change->written_us <= facts->ended_us && change->at_ms <= ended_ms + HEARD_MS;
}

bool own_files_has(OwnFiles *own, const TargetFacts *facts, const FileChange *change,
                   const PlanWorld *world) {
    bool server = own->type == TARGET_SERVER;
    if (facts->run <= own->base || !during(facts, change, world, server))
        return false;
    OwnFile *file = map_get(&own->files, change->path);
    if (!file && own->files.n >= FILES_MAX)
        return false;
    if (!file) {
        file = xcalloc(1, sizeof(*file));
        map_put(&own->files, change->path, file);
    }
    if (file->last != facts->run)
        file->row = file->last && file->last + 1 == facts->run ? file->row + 1 : 1;
    file->last = facts->run;
    if (server)
        return file->row >= SERVER_RUNS;
    bool in_all = file->row == facts->run - own->base;
    return file->row >= JOB_ROW || (in_all && file->row >= JOB_RUNS);
}
