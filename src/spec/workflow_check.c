/* SPDX-License-Identifier: Apache-2.0 */
#include "spec/workflow_check.h"

#include <arpa/inet.h>
#include <string.h>

#include "base/limits.h"
#include "base/map.h"
#include "base/str.h"

typedef struct StepAt {
    const Step *step;
    uint32_t stage, index; /* its place in the text */
} StepAt;

typedef struct Check {
    const Source *source;
    StepAt *at; /* all steps, in the order of the text */
    size_t n;
    Map names; /* → StepAt; the first of that name */
} Check;

/* A problem with a key of a step ("": the step itself). */
#define PROBLEM(check, at, key, hint, ...) \
    source_problem((check)->source, key_path(check, at, key), hint, __VA_ARGS__)

static const char *key_path(const Check *check, const StepAt *at, const char *key) {
    return arena_printf(check->source->arena, "pipeline[%u].steps[%u]%s%s", at->stage, at->index,
                        *key ? "." : "", key);
}

static const char *item_path(const Check *check, const StepAt *at, const char *key, size_t i) {
    return arena_printf(check->source->arena, "pipeline[%u].steps[%u].%s[%zu]", at->stage,
                        at->index, key, i);
}

static void gather(Check *check, const WorkflowConfig *config) {
    check->at =
        arena_alloc(check->source->arena, (workflow_step_count(config) + 1) * sizeof(*check->at));
    for (uint32_t i = 0; i < config->stages.n; i++)
        for (uint32_t k = 0; k < config->stages.at[i].steps.n; k++)
            check->at[check->n++] = (StepAt){&config->stages.at[i].steps.at[k], i, k};
}

/* --- one step --- */

static void check_when(const Check *check, const StepAt *at) {
    const Step *step = at->step;
    if (!step->on_success && !step->on_failure)
        source_warning(check->source, key_path(check, at, ""),
                       "add `on_success: true`, which a compiler writes for ordinary steps",
                       "step %s is never run: it has neither `on_success` nor `on_failure`",
                       step->name);
    if (step->backend_options.thole.on_cancel && !step->on_failure)
        PROBLEM(check, at, "backend_options.thole.on_cancel", "add `on_failure: true`",
                "only a step that runs after a failure can run after a cancel");
}

/* Names become names of files, containers, labels and hosts. What those cannot have is escaped, but
 * they have a length; and people read names in their terminals. */
static void check_name(const Check *check, const StepAt *at, const char *key, const char *name,
                       size_t most) {
    size_t n = strlen(name);
    if (n > most)
        PROBLEM(check, at, key, "shorten it", "the %s %.40s… has %zu bytes; %zu are the most", key,
                name, n, most);
    for (size_t i = 0; i < n; i++)
        if (((unsigned char)name[i] < ' ' && name[i] != '\t') || name[i] == 0x7f) {
            PROBLEM(check, at, key, NULL,
                    "the %s has the control character \\x%02x at byte %zu; a %s is one line of "
                    "plain text",
                    key, (unsigned)name[i], i + 1, key);
            return;
        }
}

static void check_kind(const Check *check, const StepAt *at) {
    const Step *step = at->step;
    if (step->type == STEP_CACHE)
        PROBLEM(check, at, "type", "use commands or plugin",
                "steps of type cache are reserved and cannot be run");
    if (step->container_name_scheme && *step->container_name_scheme &&
        !str_same(step->container_name_scheme, "hash") &&
        !str_same(step->container_name_scheme, "descriptive"))
        PROBLEM(check, at, "container_name_scheme", "use hash or descriptive",
                "there is no scheme \"%s\"", step->container_name_scheme);
    if (!step->image || !*step->image)
        PROBLEM(check, at, "image", "name an image; for local processes the shell or program",
                "step %s has no image", step->name);
}

static void check_addresses(const Check *check, const StepAt *at) {
    const Step *step = at->step;
    unsigned char address[sizeof(struct in6_addr)];
    for (size_t i = 0; i < step->dns.n; i++)
        if (inet_pton(AF_INET, step->dns.at[i], address) != 1 &&
            inet_pton(AF_INET6, step->dns.at[i], address) != 1)
            source_problem(check->source, item_path(check, at, "dns", i), NULL,
                           "%s is no IP address", step->dns.at[i]);
    for (size_t i = 0; i < step->ports.n; i++) {
        const char *protocol = step->ports.at[i].protocol;
        if (protocol && *protocol && strcasecmp(protocol, "tcp") != 0 &&
            strcasecmp(protocol, "udp") != 0)
            source_problem(check->source, item_path(check, at, "ports", i), "use tcp or udp",
                           "there is no protocol \"%s\"", protocol);
    }
}

/* As Woodpecker does, what has no name is left out; but not in silence. */
static void check_environment(const Check *check, const StepAt *at) {
    const StrMap *environment = &at->step->environment;
    for (size_t i = 0; i < environment->n; i++) {
        const char *name = environment->at[i].name;
        if (!*name)
            source_warning(check->source, key_path(check, at, "environment"), NULL,
                           "step %s: a variable without a name is left out", at->step->name);
        if (strchr(name, '='))
            PROBLEM(check, at, "environment", NULL,
                    "step %s: no variable can be called %s: in an environment the name ends at =",
                    at->step->name, name);
    }
}

/* --- identity --- */

static void check_uuids(const Check *check) {
    Map seen;
    map_init(&seen);
    for (size_t i = 0; i < check->n; i++) {
        StepAt *at = &check->at[i];
        const StepAt *first = map_get(&seen, at->step->uuid);
        if (first)
            PROBLEM(check, at, "uuid", "each step needs one of its own",
                    "the uuid %s is that of step %s already", at->step->uuid, first->step->name);
        else
            (void)map_put(&seen, at->step->uuid, at);
    }
    map_deinit(&seen);
}

static bool is_graph(const Check *check) {
    for (size_t i = 0; i < check->n; i++)
        if (check->at[i].step->depends_on.n)
            return true;
    return false;
}

static void name_steps(Check *check) {
    for (size_t i = 0; i < check->n; i++) {
        StepAt *at = &check->at[i];
        if (map_get(&check->names, at->step->name))
            PROBLEM(check, at, "name", "rename one of them",
                    "the step name %s is used more than once, so `depends_on` cannot tell them "
                    "apart",
                    at->step->name);
        else
            (void)map_put(&check->names, at->step->name, at);
    }
}

/* --- depends_on --- */

static void unknown_step(const Check *check, const StepAt *at, size_t i) {
    const char *name = at->step->depends_on.at[i];
    const char **names = arena_alloc(check->source->arena, (check->n + 1) * sizeof(*names));
    for (size_t k = 0; k < check->n; k++)
        names[k] = check->at[k].step->name;
    const char *near = str_suggest(name, names, check->n);
    source_problem(check->source, item_path(check, at, "depends_on", i),
                   near ? arena_printf(check->source->arena, "did you mean %s?", near) : NULL,
                   "step %s depends on \"%s\", and there is no such step", at->step->name, name);
}

static bool check_dependencies(const Check *check) {
    bool all = true;
    for (size_t i = 0; i < check->n; i++)
        for (size_t k = 0; k < check->at[i].step->depends_on.n; k++)
            if (!map_get(&check->names, check->at[i].step->depends_on.at[k])) {
                unknown_step(check, &check->at[i], k);
                all = false;
            }
    return all;
}

/* Depth first, without recursion: a chain may have thousands of steps. */
typedef struct Walk {
    const Check *check;
    unsigned char *state; /* 0: not seen, 1: on the way, 2: done */
    struct {
        const StepAt *at;
        size_t next; /* of its depends_on */
    } * way;
    size_t n;
} Walk;

static void report_cycle(const Walk *walk, const StepAt *back) {
    Buf text;
    size_t i = 0;
    buf_init(&text, SCHEMA_PATH_MAX);
    while (walk->way[i].at != back)
        i++;
    for (size_t k = i; k < walk->n; k++)
        buf_printf(&text, "%s -> ", walk->way[k].at->step->name);
    PROBLEM(walk->check, back, "depends_on", "remove one of these dependencies",
            "the steps wait for each other: %s%s", buf_cstr(&text), back->step->name);
    buf_deinit(&text);
}

/* False: it leads back to where it came from. */
static bool walk_from(Walk *walk, const StepAt *first) {
    const StepAt *all = walk->check->at;
    walk->n = 0;
    walk->way[walk->n].at = first;
    walk->way[walk->n++].next = 0;
    walk->state[first - all] = 1;
    while (walk->n) {
        const StepAt *at = walk->way[walk->n - 1].at;
        size_t next = walk->way[walk->n - 1].next++;
        if (next == at->step->depends_on.n) {
            walk->state[at - all] = 2;
            walk->n--;
            continue;
        }
        const StepAt *to = map_get(&walk->check->names, at->step->depends_on.at[next]);
        if (walk->state[to - all] == 1) {
            report_cycle(walk, to);
            return false;
        }
        if (walk->state[to - all] == 0) {
            walk->state[to - all] = 1;
            walk->way[walk->n].at = to;
            walk->way[walk->n++].next = 0;
        }
    }
    return true;
}

static void check_cycles(const Check *check) {
    Arena *arena = check->source->arena;
    Walk walk = {.check = check, .state = arena_alloc(arena, check->n)};
    walk.way = arena_alloc(arena, check->n * sizeof(*walk.way));
    memset(walk.state, 0, check->n);
    for (size_t i = 0; i < check->n; i++)
        if (walk.state[i] == 0 && !walk_from(&walk, &check->at[i]))
            return; /* one tells enough */
}

void workflow_check(const WorkflowConfig *config, const Source *source) {
    Check check = {.source = source};
    gather(&check, config);
    if (check.n > MAX_WORKFLOW_STEPS) {
        source_problem(source, "pipeline", "divide it into several workflows",
                       "%zu steps are more than a workflow may have, which is %d", (size_t)check.n,
                       MAX_WORKFLOW_STEPS);
        return;
    }
    if (!check.n)
        source_warning(source, "pipeline", NULL, "it has no steps: nothing is run");
    map_init(&check.names);
    for (size_t i = 0; i < check.n; i++) {
        const Step *step = check.at[i].step;
        check_name(&check, &check.at[i], "name", step->name, MAX_STEP_NAME);
        check_name(&check, &check.at[i], "uuid", step->uuid, MAX_STEP_UUID);
        check_when(&check, &check.at[i]);
        check_kind(&check, &check.at[i]);
        check_addresses(&check, &check.at[i]);
        check_environment(&check, &check.at[i]);
    }
    check_uuids(&check);
    if (is_graph(&check)) {
        name_steps(&check);
        if (check_dependencies(&check))
            check_cycles(&check);
    }
    map_deinit(&check.names);
}
