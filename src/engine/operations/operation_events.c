/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/operations/operation_events.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/path.h"
#include "base/xalloc.h"
#include "data/json.h"
#include "engine/operations/operation_files.h"

struct OperationEvents {
    List link;                /* Environment.readers */
    Environment *environment; /* NULL: it is gone */
    OperationEventAsk ask;
    FILE *file;
    char *line;
    size_t cap;
    Arena arena;
    char *rest;    /* what the file did not have when the environment went */
    bool replaced; /* `file` is: what it has not comes from the new one */
    bool ended;    /* the last event of its operation was read */
    LoopFn more;
    void *arg;
};

/* What others have told before is not read for one of which that is known. */
static int open_file(OperationEvents *events, Err *err) {
    const Environment *environment = events->environment;
    AUTO_FREE char *path = path_join(environment->dir, OPERATION_EVENTS);
    const Operation *operation = environment->operation;
    bool asked = operation && operation->number == events->ask.number;
    events->file = fopen(path, "ae+");
    if (!events->file)
        return err_sys(err, errno, "open %s", path);
    fseek(events->file, asked ? operation->told_from : 0, SEEK_SET);
    return 0;
}

OperationEvents *operation_events_new(Environment *environment, const OperationEventAsk *ask,
                                      LoopFn more, void *arg, Err *err) {
    OperationEvents *events = xcalloc(1, sizeof(*events));
    arena_init(&events->arena);
    list_init(&events->link);
    events->environment = environment;
    events->ask = *ask;
    events->more = more;
    events->arg = arg;
    if (open_file(events, err) < 0)
        return operation_events_free(events);
    list_append(&environment->readers, &events->link);
    return events;
}

OperationEvents *operation_events_free(OperationEvents *events) {
    if (!events)
        return NULL;
    Environment *environment = list_empty(&events->link) ? NULL : events->environment;
    list_remove(&events->link);
    if (events->file)
        fclose(events->file);
    arena_deinit(&events->arena);
    free(events->line);
    free(events->rest);
    free(events);
    if (environment && list_empty(&environment->readers))
        environment_unheard(environment);
    return NULL;
}

/* A whole line of the file, for now; NULL: there is none. */
static const char *read_line(OperationEvents *events, size_t *ret_size) {
    long at = ftell(events->file);
    clearerr(events->file);
    ssize_t n = getline(&events->line, &events->cap, events->file);
    if (n > 0 && events->line[n - 1] == '\n') {
        *ret_size = (size_t)n - 1;
        events->line[n - 1] = '\0';
        return events->line;
    }
    fseek(events->file, at, SEEK_SET);
    return NULL;
}

/* What has been read is known by its seq. */
static const char *next_line(OperationEvents *events, size_t *ret_size) {
    Err err;
    const char *line = events->file ? read_line(events, ret_size) : NULL;
    if (line || !events->replaced || !events->environment)
        return line;
    events->replaced = false;
    if (events->file)
        fclose(events->file);
    if (open_file(events, &err) < 0) {
        log_warn("environment %s: %s", events->environment->slug, err.msg);
        return NULL;
    }
    return read_line(events, ret_size);
}

static bool is_last(const Value *event) {
    const char *status = value_get_str(event, "status");
    return !value_get(event, "step") && status &&
           (strcmp(status, "done") == 0 || strcmp(status, "failed") == 0 ||
            strcmp(status, "canceled") == 0);
}

static bool is_wanted(OperationEvents *events, const Value *event) {
    int64_t number = value_get_int(event, "operation", 0);
    if (events->ask.number && number != events->ask.number)
        return false;
    events->ended = events->ask.number && is_last(event);
    return value_get_int(event, "seq", 0) > events->ask.after;
}

/* Does more come? */
static bool goes_on(const OperationEvents *events) {
    const Environment *environment = events->environment;
    if (!events->ask.follow || events->ended || !environment)
        return false;
    const Operation *operation = environment->operation;
    return !events->ask.number ||
           (operation_under_way(operation) && operation->number <= events->ask.number);
}

static bool take(OperationEvents *events, const char *line, size_t size, EventLine *ret) {
    const Value *event;
    Err err;
    arena_reset(&events->arena);
    *ret = (EventLine){.json = arena_strndup(&events->arena, line, size), .size = size};
    if (json_parse(ret->json, size, &events->arena, &event, &err) < 0 || !is_wanted(events, event))
        return false;
    events->ask.after = value_get_int(event, "seq", 0);
    return true;
}

static const char *untold(const OperationEvents *events) {
    if (events->environment)
        return buf_cstr(&events->environment->untold);
    return events->rest ? events->rest : "";
}

int operation_events_next(OperationEvents *events, EventLine *ret) {
    size_t size;
    for (const char *line; !events->ended && (line = next_line(events, &size));)
        if (take(events, line, size, ret))
            return 1;
    for (const char *line = untold(events); !events->ended && *line; line += size + 1) {
        size = strcspn(line, "\n");
        if (take(events, line, size, ret))
            return 1;
    }
    return goes_on(events) ? 0 : -1;
}

void operation_readers_wake(const Environment *environment) {
    OperationEvents *events;
    LIST_FOREACH_SAFE (events, &environment->readers, link)
        events->more(events->arg);
}

void operation_readers_reopen(const Environment *environment) {
    OperationEvents *events;
    LIST_FOREACH (events, &environment->readers, link)
        events->replaced = true;
}

void operation_readers_leave(Environment *environment) {
    OperationEvents *events;
    LIST_FOREACH_SAFE (events, &environment->readers, link) {
        list_remove(&events->link);
        events->rest = xstrdup(untold(events));
        events->environment = NULL;
        events->more(events->arg);
    }
}
