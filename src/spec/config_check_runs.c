/* SPDX-License-Identifier: Apache-2.0 */
/* What can be wrong with the keys that say when, how often and among what a service runs. */
#include "spec/config_check.h"

#include <string.h>

#include "base/zone.h"
#include "spec/cron.h"

static void check_live(const Source *source, const Service *service) {
    const Probe *live = &service->live;
    if (!has(service, "live"))
        return;
    if (schema_has(&type_probe, live, "log"))
        PROBLEM(source, service, "live.log", "use http, tcp or exec",
                "a line in the log does not say that a server still works");
    if (schema_has(&type_probe, live, "deadline"))
        PROBLEM(source, service, "live.deadline",
                "use `ready: {deadline: ...}` for the time it has to become ready",
                "`live` begins when the server is ready");
    if (schema_has(&type_probe, live, "success_threshold"))
        PROBLEM(source, service, "live.success_threshold", "remove it",
                "a server that is not live is restarted; it cannot become live again");
}

static void check_locks(const Source *source, const Service *service) {
    bool job = service->type == SERVICE_JOB || has(service, "build");
    if (has(service, "locks") && !job)
        PROBLEM(source, service, "locks", "remove it, or give it a `build`",
                "only jobs and builds hold locks; a server runs for ever");
    if (service->locks.n > LOCKS_MAX)
        PROBLEM(source, service, "locks", NULL, "%zu locks are more than the limit of %d",
                service->locks.n, LOCKS_MAX);
    for (size_t i = 0; i < service->locks.n; i++)
        for (size_t k = 0; k < i; k++)
            if (strcmp(service->locks.at[i], service->locks.at[k]) == 0)
                PROBLEM(source, service, arena_printf(source->arena, "locks[%zu]", i), NULL,
                        "%s is named twice", service->locks.at[i]);
}

static void check_zone(const Source *source, const Service *service) {
    Zone zone;
    Err err;
    if (service->schedule.timezone &&
        zone_load(service->schedule.timezone, source->arena, &zone, &err) < 0)
        PROBLEM(source, service, "schedule.timezone",
                "names are those of tzdata, such as Europe/Berlin or UTC", "%s", err.msg);
}

static void check_schedule(const Source *source, const Service *service) {
    const Schedule *schedule = &service->schedule;
    bool cron = schedule->cron != NULL, interval = schedule->interval_ms > 0;
    Cron parsed;
    Err err;
    if (!has(service, "schedule"))
        return;
    if (service->type == SERVICE_SERVER && has(service, "command"))
        PROBLEM(source, service, "schedule", "say `type: job`, or remove it",
                "only a job has a schedule; a server runs all the time");
    if (cron == interval)
        PROBLEM(source, service, "schedule", "write `cron` or `interval`",
                cron ? "both `cron` and `interval` are given" : "it is not said when it runs");
    if (cron && cron_parse(schedule->cron, &parsed, &err) < 0)
        PROBLEM(source, service, "schedule.cron", NULL, "%s", err.msg);
    if (interval && schedule->timezone)
        PROBLEM(source, service, "schedule.timezone", "remove it",
                "an interval is the same in every time zone");
    check_zone(source, service);
}

static void check_hooks(const Source *source, const Service *service) {
    static const char *const names[] = {"before", "after", "on_failure"};
    const Hooks *hooks = &service->hooks;
    const Command *commands[] = {&hooks->before, &hooks->after, &hooks->on_failure};
    bool any = false;
    for (size_t i = 0; i < COUNT(names); i++) {
        if (!schema_has(&type_hooks, hooks, names[i]))
            continue;
        any = true;
        config_check_command(source, service, arena_printf(source->arena, "hooks.%s", names[i]),
                             commands[i]);
    }
    if (has(service, "hooks") && !any)
        PROBLEM(source, service, "hooks", "write before, after or on_failure", "no hook is given");
}

/* Keys of a service that has something to run, or more exactly a command. */
static void check_subject(const Source *source, const Service *service) {
    static const char *const keys[] = {"replicas", "enabled", "schedule", "hooks"};
    bool command = has(service, "command"), any = command || has(service, "build");
    for (size_t i = 0; i < COUNT(keys); i++)
        if (has(service, keys[i]) && !(i < 2 ? any : command))
            PROBLEM(source, service, keys[i], "add a `command`, or remove this key",
                    "`%s` is given, but there is no `command` that it could be about", keys[i]);
}

void config_check_runs(const Source *source, const Service *service) {
    check_subject(source, service);
    check_live(source, service);
    check_locks(source, service);
    check_schedule(source, service);
    check_hooks(source, service);
}
