/* SPDX-License-Identifier: Apache-2.0 */
/* The logs of an environment's steps: those that have run a command. */
#include <string.h>

#include "base/path.h"
#include "base/str.h"
#include "base/xalloc.h"
#include "engine/operations/operation.h"
#include "engine/logs/log_inside.h"
#include "engine/targets/run_files.h"

static const Environment *find(const LogStream *stream) {
    Object *object = object_find(stream->engine->objects, OBJECT_ENVIRONMENT, stream->ask.space,
                                 stream->ask.environment);
    return object ? environment_of(object) : NULL;
}

static char *dir_of(const LogStream *stream) {
    return xasprintf("%s/environments/%s/%s", stream->engine->state_dir, stream->ask.space,
                     stream->ask.environment);
}

static bool goes_on(const LogStream *stream) {
    const Environment *environment = find(stream);
    return environment && operation_under_way(environment->operation);
}

/* Also one that is just being started: there may be files of its run already. */
static bool lives(const Environment *environment, const char *step) {
    const Operation *operation = environment->operation;
    const LifecycleStep *now = operation_under_way(operation) ? operation_step(operation) : NULL;
    return now && strcmp(now->name, step) == 0 && operation->doing.run;
}

static int refuse(LogStream *stream, const char *name, const StrList *all, Err *err) {
    const Environment *environment = find(stream);
    const char *tree = environment ? entry_root(environment_entry(environment)) : "";
    const char *have = all->n ? "; there is one of " : "; no hook has run";
    if (strcmp(name, "start_services") == 0 && *tree)
        return err_set(err, ERR_NOT_FOUND,
                       "%s has no log of its own: `thole -C %s logs` has what the services write",
                       name, tree);
    for (size_t i = 0; i < all->n; i++)
        have = arena_printf(&stream->arena, "%s%s%s", have, i ? ", " : "", all->at[i]);
    err_set(err, ERR_NOT_FOUND, "environment %s has no log of a step \"%.100s\"",
            stream->ask.environment, name);
    return err_suggest(err, str_suggest(name, all->at, all->n), have);
}

/* One that there is not, or not any more: the oldest go. */
static int check_run(LogStream *stream, const char *step, Err *err) {
    uint32_t runs[2 * RUNS_KEPT];
    uint32_t n = run_files_list(stream->dir, step, runs, COUNT(runs));
    for (uint32_t i = 0; i < n; i++)
        if (runs[i] == stream->ask.run)
            return 0;
    if (!stream->ask.run || stream->ask.follow || n == 0)
        return 0;
    return err_set(err, ERR_NOT_FOUND,
                   "there is no run %u of %s; its runs that are kept are %u to %u", stream->ask.run,
                   step, runs[0], runs[n - 1]);
}

/* The steps that are asked for; those that have no log yet may get one. */
static int choose(LogStream *stream, StrList *ret, Err *err) {
    AUTO_FREE char *runs = path_join(stream->dir, "runs");
    StrList all = run_files_targets(runs, &stream->arena);
    *ret = stream->asked.n ? stream->asked : all;
    for (size_t i = 0; i < stream->asked.n; i++) {
        bool found = stream->ask.follow;
        for (size_t k = 0; k < all.n && !found; k++)
            found = strcmp(all.at[k], stream->asked.at[i]) == 0;
        if (!found)
            return refuse(stream, stream->asked.at[i], &all, err);
        if (check_run(stream, stream->asked.at[i], err) < 0)
            return -1;
    }
    return 0;
}

static void open_step(LogStream *stream, const Environment *environment, const char *name,
                      size_t n) {
    LogSourceAsk ask = {.backend = stream->engine->backend,
                        .task = arena_strdup(&stream->arena, environment->task),
                        .target = name,
                        .name = name,
                        .object = name,
                        .newest = run_files_newest(stream->dir, name),
                        .alive = lives(environment, name),
                        .since_past = stream->ask.since_us <= loop_wall_us(stream->engine->loop),
                        .ahead = log_stream_share(n)};
    log_stream_open(stream, &ask);
}

static int open_all(LogStream *stream, Err *err) {
    const Environment *environment = find(stream);
    StrList steps;
    if (!environment)
        return err_set(err, ERR_NOT_FOUND, "there is no environment %s", stream->ask.environment);
    if (choose(stream, &steps, err) < 0)
        return -1;
    for (size_t i = 0; i < steps.n; i++)
        open_step(stream, environment, steps.at[i], steps.n);
    return 0;
}

/* ---- what changes while it is followed ---- */

static void hear(LogStream *stream, const Environment *environment) {
    const LifecycleStep *step = operation_step(environment->operation);
    if (!step || !environment->operation->doing.running) /* its log begins when it runs */
        return;
    size_t place = log_stream_place(stream, step->name);
    if (!place && !stream->asked.n) {
        open_step(stream, environment, arena_strdup(&stream->arena, step->name), stream->n + 1);
        place = stream->n;
    }
    if (place)
        log_stream_news(stream, place, environment->operation->doing.run, true);
}

static void changed(LogStream *stream) {
    const Environment *environment = find(stream);
    if (!environment) {
        log_stream_cut(stream);
        return;
    }
    if (operation_under_way(environment->operation))
        hear(stream, environment);
    else
        log_stream_close(stream);
}

const LogKind log_of_environment = {
    .dir = dir_of, .goes_on = goes_on, .open = open_all, .changed = changed, .masked = true};
