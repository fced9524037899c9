/* SPDX-License-Identifier: Apache-2.0 */
#include "history.h"

#include <dirent.h>

#include "base/file.h"
#include "base/str.h"
#include "base/xalloc.h"
#include "data/yaml.h"
#include "harness/test.h"

enum { BEGAN_US = 1700000000 };

static int64_t time_of(const Value *v, const char *key) {
    const Value *t = value_get(v, key);
    if (!t)
        return 0;
    double seconds = t->kind == VALUE_REAL ? t->real : (double)value_int(t, 0);
    return (int64_t)BEGAN_US * 1000000 + (int64_t)(seconds * 1e6 + 0.5);
}

static TargetPhase phase_of(const char *name) {
    for (TargetPhase phase = PHASE_NONE; phase <= PHASE_DISABLED; phase++)
        if (str_same(name, target_phase_name(phase)))
            return phase;
    test_fail(__FILE__, __LINE__, "no phase \"%s\"", name ? name : "");
    return PHASE_NONE;
}

static TargetStatus status_of(const Value *v, Arena *arena) {
    const Value *on = value_get(v, "on");
    const char **names = arena_alloc(arena, (value_count(on) + 1) * sizeof(*names));
    for (size_t i = 0; i < value_count(on); i++)
        names[i] = value_str(value_at(on, i));
    const char *name = value_get_str(v, "name");
    return (TargetStatus){.name = name,
                          .type = str_ends(name, ":update") ? TARGET_JOB : TARGET_SERVER,
                          .message = value_get_str(v, "message"),
                          .state = {.phase = phase_of(value_get_str(v, "phase")),
                                    .wait_reason = value_get_str(v, "reason"),
                                    .waiting_on = names,
                                    .waiting_on_n = value_count(on),
                                    .run = (uint32_t)value_get_int(v, "run", 0),
                                    .start_us = time_of(v, "start"),
                                    .ready = value_get_bool(v, "ready", false),
                                    .last_ready_us = time_of(v, "ready_at"),
                                    .finish_us = time_of(v, "finish"),
                                    .error = value_get_str(v, "error")}};
}

static Event event_of(const Value *v, size_t i) {
    const char *reason = value_get_str(v, "reason"), *message = value_get_str(v, "message");
    const Value *cause = value_get(v, "cause");
    Event event = {
        .seq = (int64_t)i + 1,
        .time_us = time_of(v, "t"),
        .target = value_get_str(v, "target"),
        .run = (uint32_t)value_get_int(v, "run", 0),
        .kind = event_kind_find(value_get_str(v, "kind")),
        .reason = reason ? reason : "",
        .message = message ? message : "",
        .cause = {value_get_str(cause, "target"), (uint32_t)value_get_int(cause, "run", 0)}};
    if (event.kind == EVENT_KINDS)
        test_fail(__FILE__, __LINE__, "line %u: no such kind", v->line);
    return event;
}

void history_read(const char *path, Arena *arena, History *ret) {
    char *text;
    size_t size;
    Err err;
    Report report;
    report_init(&report, arena);
    if (file_read(path, 1 << 20, &text, &size, &err) < 0) {
        test_fail(path, 1, "%s", err.msg);
        exit(1);
    }
    YamlText yaml = {path, arena_strndup(arena, text, size), size};
    free(text);
    if (yaml_parse(&yaml, arena, &report, &ret->file) < 0) {
        test_fail(path, 1, "%s", report_line(&report.at[0], arena));
        exit(1);
    }
    const Value *targets = value_get(ret->file, "targets"),
                *events = value_get(ret->file, "events");
    ret->now_us = time_of(ret->file, "now");
    ret->down = value_get_bool(ret->file, "down", false);
    ret->status_n = value_count(targets);
    ret->statuses = arena_alloc(arena, (ret->status_n + 1) * sizeof(*ret->statuses));
    for (size_t i = 0; i < ret->status_n; i++)
        ret->statuses[i] = status_of(value_at(targets, i), arena);
    Event *at = arena_alloc(arena, (value_count(events) + 1) * sizeof(*at));
    for (size_t i = 0; i < value_count(events); i++)
        at[i] = event_of(value_at(events, i), i);
    ret->events = (EventList){at, value_count(events)};
}

void history_check(const char *path, const char *text) {
    AUTO_FREE char *wanted = NULL;
    Err err;
    if (test_updates() && file_write(path, text, strlen(text), 0644, &err) < 0)
        test_fail(path, 1, "%s", err.msg);
    if (file_read(path, 1 << 20, &wanted, NULL, &err) < 0)
        test_fail(path, 1, "%s (THOLE_UPDATE=1 writes it)", err.msg);
    else if (strcmp(wanted, text) != 0)
        test_fail(path, 1, "gives\n%s\nnot\n%s", text, wanted);
}

size_t history_cases(const char **ret, size_t max, Arena *arena) {
    AUTO_FREE char *folder = test_source("tests/golden/history");
    struct dirent **entries;
    int n = scandir(folder, &entries, NULL, alphasort);
    size_t cases = 0;
    for (int i = 0; i < n; i++) {
        const char *name = entries[i]->d_name;
        if (str_ends(name, ".yaml") && cases < max)
            ret[cases++] = arena_printf(arena, "%s/%.*s", folder, (int)strlen(name) - 5, name);
        free(entries[i]);
    }
    if (n >= 0)
        free(entries);
    return cases;
}
