/* SPDX-License-Identifier: Apache-2.0 */
/* A job that has `inputs`: a look at them before each run, and the record of its good runs. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/path.h"
#include "base/str.h"
#include "base/sys.h"
#include "base/xalloc.h"
#include "engine/targets/target.h"
#include "spec/digest.h"

static char *record_path(const Target *target) {
    return xasprintf("%s/inputs/%s.json", target->session->dir, target_name(target));
}

/* ---- what a run depends on beside its inputs ---- */

static void add_list(Digest *digest, const char *what, const StrList *list) {
    digest_add_text(digest, what);
    for (size_t i = 0; i < list->n; i++)
        digest_add_text(digest, list->at[i]);
    digest_add_text(digest, "");
}

static void add_map(Digest *digest, const char *what, const StrMap *map) {
    digest_add_text(digest, what);
    for (size_t i = 0; i < map->n; i++) {
        digest_add_text(digest, map->at[i].name);
        digest_add_text(digest, map->at[i].value);
    }
    digest_add_text(digest, "");
}

static void add_numbers(Digest *digest, const Service *service) {
    char text[40];
    snprintf(text, sizeof(text), "%lld", (long long)service->timeout_ms);
    digest_add_text(digest, text);
    for (size_t i = 0; i < service->success_exit_codes.n; i++) {
        snprintf(text, sizeof(text), "%lld", (long long)service->success_exit_codes.at[i]);
        digest_add_text(digest, text);
    }
}

/* Of the client's environment only what the file names: `secrets` that it does not set itself. */
static void add_secrets(Digest *digest, const Target *target, const Service *service) {
    digest_add_text(digest, "secrets");
    for (size_t i = 0; i < service->secrets.n; i++) {
        const char *name = service->secrets.at[i];
        digest_add_text(digest, name);
        if (!strmap_get(&service->env, name))
            digest_add_text(digest, strmap_get(&target->session->client.env, name));
    }
}

static void define(const Target *target, uint8_t ret[DIGEST_BYTES]) {
    const TargetSpec *spec = target_spec(target);
    const Generation *generation = target->session->generation;
    TemplateValues values = ports_values(generation, spec->resource);
    Digest *digest = digest_new();
    Arena arena;
    arena_init(&arena);
    Command command = template_command(spec->command, &values, &arena);
    StrMap env = template_env(&spec->service->env, &values, &arena);
    StrMap port = port_env_own(&generation->ports, spec->resource, &arena);
    digest_add_text(digest, "2"); /* of this way of putting it together */
    add_list(digest, "command", &command.argv);
    digest_add_text(digest, spec->service->path);
    add_numbers(digest, spec->service);
    add_map(digest, "env", &env);
    add_map(digest, "port", &port);
    add_map(digest, "ports", &generation->port_env);
    add_secrets(digest, target, spec->service);
    add_list(digest, "inputs", &spec->service->inputs);
    add_list(digest, "outputs", &spec->service->outputs);
    digest_take(digest, ret);
    digest_free(digest);
    arena_deinit(&arena);
}

/* ---- the look ---- */

static void on_looked(void *arg, const InputsSeen *seen) {
    Target *target = arg;
    PlanWorld world = session_world(target->session);
    char at[TIME_TEXT], note[FACTS_TEXT];
    target->look = NULL;
    str_copy(target->inputs_digest, sizeof(target->inputs_digest), seen->digest);
    time_format_seconds(seen->ended_us, at); /* it is read later, too: no "2h ago" */
    snprintf(note, sizeof(note), "skipped: nothing changed since run %u (%s)", seen->run, at);
    fact_looked(target_facts(target), seen->fresh, note, &world);
    if (target_facts(target)->skipped) {
        target->session->unsaved = true; /* else the next server only looks again */
        engine_calm_later(target->session->engine);
        event_record(target->session, &(Event){.target = target_name(target),
                                               .run = seen->run,
                                               .kind = EVENT_SKIPPED,
                                               .reason = "Unchanged",
                                               .message = note});
    } else {
        log_debug("%s %s: %s", target->session->slug, target_name(target), seen->why);
    }
    target_mark(target);
}

void target_look_at_inputs(Target *target) {
    const Service *service = target_spec(target)->service;
    Engine *engine = target->session->engine;
    AUTO_FREE char *record = record_path(target);
    uint8_t definition[DIGEST_BYTES];
    define(target, definition);
    InputsAsk ask = {.root = target->session->config->root,
                     .inputs = &service->inputs,
                     .outputs = &service->outputs,
                     .definition = definition,
                     .record = record};
    inputs_look_free(target->look);
    target->look = inputs_look_new(engine->loop, engine->reader, &ask, on_looked, target);
    fact_look_asked(target_facts(target));
}

/* ---- the record ---- */

void target_inputs_begun(Target *target) {
    const TargetSpec *spec = target_spec(target);
    if (spec->type != TARGET_JOB || !spec->service->inputs.n)
        return;
    InputsRecord record = {.run = target_facts(target)->run};
    str_copy(record.digest, sizeof(record.digest), target->inputs_digest);
    AUTO_FREE char *path = record_path(target);
    inputs_write(path, &record);
    sys_point("inputs");
}

void target_inputs_ended(Target *target) {
    const TargetSpec *spec = target_spec(target);
    const TargetFacts *facts = target_facts(target);
    InputsRecord record;
    bool good = facts->run_state == RUN_ENDED && facts->result.kind == END_EXITED &&
                !facts->failure && !facts->stop_requested;
    if (spec->type != TARGET_JOB || !spec->service->inputs.n || !good)
        return;
    AUTO_FREE char *path = record_path(target);
    if (!inputs_read(path, &record) || record.run != facts->run || !record.digest[0] || record.good)
        return;
    record.good = true;
    record.ended_us = facts->ended_us;
    inputs_write(path, &record);
}
