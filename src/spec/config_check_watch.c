/* SPDX-License-Identifier: Apache-2.0 */
/* What can be wrong with the keys that name files: watch, trigger, inputs, outputs. */
#include <string.h>

#include "base/glob.h"
#include "spec/config_check.h"

enum { DEBOUNCE_MAX_MS = 10 * 60 * 1000 };

/* Commands are not resolved yet: service_has_job() does not know. */
static bool makes_job(const Service *service) {
    return has(service, "build") || (service->type == SERVICE_JOB && has(service, "command"));
}

static bool makes_server(const Service *service) {
    return service->type == SERVICE_SERVER && has(service, "command");
}

/* The key of a list, and of its i-th element as it is in the file: a single one may stand alone. */
static void check_globs(const Source *source, const Service *service, const char *key,
                        const StrList *globs) {
    bool any = false;
    for (size_t i = 0; i < globs->n; i++) {
        Err err;
        any |= globs->at[i][0] != '!';
        if (glob_check(globs->at[i], &err) < 0)
            PROBLEM(source, service, arena_printf(source->arena, "%s[%zu]", key, i), NULL,
                    "\"%s\" is no glob: %s", globs->at[i], err.msg);
        else if (strstr(globs->at[i], "{{") && strstr(globs->at[i], "}}"))
            source_warning(
                source,
                service_key_path(source, service, arena_printf(source->arena, "%s[%zu]", key, i)),
                "write what it stands for", "\"%s\": globs have no templates", globs->at[i]);
    }
    if (!globs->n)
        PROBLEM(source, service, key, "name some, or remove it", "it names no files");
    else if (!any)
        PROBLEM(source, service, key, "add what it takes away from, such as `.`",
                "it only takes away");
}

static void check_on_change(const Source *source, const Service *service) {
    const Watch *watch = &service->watch;
    bool given = schema_has(&type_watch, watch, "on_change");
    if (given && watch->on_change == CHANGE_SIGNAL && !makes_server(service))
        PROBLEM(source, service, "watch.on_change", "use `rebuild` or `restart`",
                "only a server can be told by a signal");
    if (given && watch->on_change == CHANGE_REBUILD && !makes_job(service))
        PROBLEM(source, service, "watch.on_change", "add `build`, or use `restart`",
                "there is no `build` to run");
    if (schema_has(&type_watch, watch, "signal") && watch->on_change != CHANGE_SIGNAL)
        PROBLEM(source, service, "watch.signal", "add `on_change: signal`, or remove it",
                "it is only sent with `on_change: signal`");
}

static void check_watch(const Source *source, const Service *service) {
    const Watch *watch = &service->watch;
    if (has(service, "watch")) {
        /* the short form has no key `paths` */
        bool map = schema_has(&type_watch, watch, "debounce") ||
                   schema_has(&type_watch, watch, "ignore") || watch->on_change;
        if (!makes_job(service) && !makes_server(service))
            PROBLEM(source, service, "watch", "add a `command`, or remove it",
                    "there is nothing to run when a file changes");
        check_globs(source, service, map ? "watch.paths" : "watch", &watch->paths);
        check_on_change(source, service);
        if (watch->debounce_ms > DEBOUNCE_MAX_MS)
            PROBLEM(source, service, "watch.debounce", NULL, "it is longer than 10 minutes");
    } else if (has(service, "trigger") && service->trigger == TRIGGER_MANUAL) {
        PROBLEM(source, service, "trigger", "add `watch`, or remove it",
                "without `watch` there are no changes to act on");
    }
}

static void check_inputs(const Source *source, const Service *service) {
    if (has(service, "inputs"))
        check_globs(source, service, "inputs", &service->inputs);
    if (has(service, "outputs"))
        check_globs(source, service, "outputs", &service->outputs);
    if (has(service, "inputs") && !makes_job(service))
        PROBLEM(source, service, "inputs", "use `watch` to start it again when they change",
                "only a job or a build can be skipped, and this is neither");
    if (has(service, "outputs") && !has(service, "inputs") && !has(service, "watch"))
        PROBLEM(source, service, "outputs", "add `inputs`, or remove it",
                "without `inputs` or `watch` nothing depends on them");
}

void config_check_watch(const Source *source, const Service *service) {
    check_watch(source, service);
    check_inputs(source, service);
}
