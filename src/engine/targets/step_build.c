/* SPDX-License-Identifier: Apache-2.0 */
/* From a target to the Step its next run is: whose environment, what is masked, how it ends. */

#include "engine/targets/step_build.h"

#include <string.h>

#include "base/limits.h"
#include "base/xalloc.h"
#include "engine/targets/target.h"

enum { PROBE_LOG_MAX = 64 * 1024 };

/* What all of a run is made of: what it was begun with, also when the file says otherwise since. */
static const Generation *generation_of(const Target *target) {
    return target->begun ? target->begun : target->session->generation;
}

static const Service *service_of(const Target *target) {
    return config_service(generation_of(target)->config, target_spec(target)->resource);
}

/* The client's, and the ports of this session: all of them, and its own as PORT. */
static StrMap given(const Target *target, Arena *arena) {
    const Session *session = target->session;
    const Generation *generation = generation_of(target);
    if (!generation->ports.n)
        return session->client.env;
    StrMap own = port_env_own(&generation->ports, target_spec(target)->resource, arena);
    StrMap all = strmap_merge(&session->client.env, &generation->port_env, arena);
    return strmap_merge(&all, &own, arena);
}

/* Low to high: the client's, ports, then what the file says (config_load merged project and
 * service), then ours. */
static StrMap environment(const Target *target, Arena *arena) {
    const Session *session = target->session;
    const TargetSpec *spec = target_spec(target);
    TemplateValues values = ports_values(generation_of(target), spec->resource);
    StrPair own[] = {
        {"THOLE_RESOURCE", spec->resource},
        {"THOLE_SESSION", session->slug},
        {"THOLE_TARGET", spec->name},
    };
    StrMap injected = {.at = own, .n = COUNT(own)};
    StrMap low = given(target, arena);
    StrMap high = template_env(&service_of(target)->env, &values, arena);
    StrMap file = strmap_merge(&low, &high, arena);
    return strmap_merge(&file, &injected, arena);
}

/* Every part of a value that stands on a line of its own is masked by itself: programs print line
 * by line. */
static void add_secret(StrList *list, const char *value, Arena *arena) {
    for (const char *at = value; *at;) {
        size_t n = strcspn(at, "\r\n");
        if (n >= SECRET_MIN) {
            const char *part = arena_strndup(arena, at, n);
            if (!strlist_has(list, part))
                list->at[list->n++] = part;
        }
        at += n;
        at += strspn(at, "\r\n");
    }
}

static StrList secret_values(const StrList *names, const StrMap *env, Arena *arena) {
    size_t room = 1;
    for (size_t i = 0; i < names->n; i++) {
        const char *value = strmap_get(env, names->at[i]);
        for (const char *p = value; p && *p; p++)
            room += *p == '\n' || *p == '\r';
        room++;
    }
    StrList list = {.at = arena_alloc(arena, room * sizeof(*list.at))};
    for (size_t i = 0; i < names->n; i++) {
        const char *value = strmap_get(env, names->at[i]);
        if (value)
            add_secret(&list, value, arena);
    }
    return list;
}

int step_check_secrets(const Config *config, const StrMap *client_env, Err *err) {
    for (size_t i = 0; i < config->services.n; i++) {
        const Service *service = &config->services.at[i];
        for (size_t j = 0; j < service->secrets.n; j++) {
            const char *name = service->secrets.at[j];
            const char *value = strmap_get(&service->env, name);
            if (!value)
                value = strmap_get(client_env, name);
            if (!value)
                return err_set(
                    err, ERR_INVALID,
                    "services.%s.secrets: %s is not set; set it in env, in a file of env_from, or "
                    "in the environment of the command",
                    service->name, name);
            if (strlen(value) < SECRET_MIN)
                return err_set(
                    err, ERR_INVALID,
                    "services.%s.secrets: the value of %s is shorter than %d bytes and would mask "
                    "ordinary text; use a longer one",
                    service->name, name, SECRET_MIN);
        }
    }
    return 0;
}

static void fill(const Target *target, const Command *command, Arena *arena, Step *ret) {
    const Session *session = target->session;
    const Service *service = service_of(target);
    *ret = (Step){
        .name = target_spec(target)->name,
        .uuid = target_spec(target)->name,
        .type = STEP_PROCESS,
        .working_dir = service->path,
        .environment = environment(target, arena),
        .entrypoint = command->argv,
        .on_success = true,
        .linger = service->linger,
        .end_signal = (int32_t)service->stop.signal,
        .end_grace_ms = (uint32_t)service->stop.grace_ms,
        .log_max = session->config->logs.max_size,
        .process = session->client.process,
    };
    ret->secrets = secret_values(&service->secrets, &ret->environment, arena);
}

bool step_is_main(const Target *target) {
    const TargetSpec *spec = target_spec(target);
    return spec->service && spec->command == &spec->service->command;
}

const char *const *step_stop_command(const Target *target, Arena *arena) {
    const TargetSpec *spec = target_spec(target);
    if (!spec->service || !spec->service->stop.command.argv.n || !step_is_main(target))
        return NULL;
    TemplateValues values = ports_values(generation_of(target), spec->resource);
    Command command = template_command(&spec->service->stop.command, &values, arena);
    const StrList *words = &command.argv;
    const char **argv = arena_alloc(arena, (words->n + 1) * sizeof(*argv));
    memcpy(argv, words->at, words->n * sizeof(*argv));
    return argv;
}

void step_build(const Target *target, Arena *arena, Step *ret) {
    const TargetSpec *spec = target_spec(target);
    const TargetFacts *facts = &target->session->facts[target->index];
    const Service *service = service_of(target);
    TemplateValues values = ports_values(generation_of(target), spec->resource);
    bool main = step_is_main(target);
    Command command = template_command(main ? &service->command : &service->build, &values, arena);
    fill(target, &command, arena, ret);
    ret->tty = main && service->tty;
    ret->stdin_open = main && service->stdin_open;
    ret->restarts = facts->restarts;
    ret->attempt = facts->attempt;
    ret->cause = arena_strdup(arena, facts->note ? facts->note : "");
    ret->title =
        arena_printf(arena, "%s %s %u", target->session->config->name, spec->name, facts->run);
}

void step_build_probe(const Target *target, const Command *command, Arena *arena, Step *ret) {
    fill(target, command, arena, ret);
    ret->log_max = PROBE_LOG_MAX; /* its last line says why it failed */
    ret->title = arena_printf(arena, "%s %s probe", target->session->config->name,
                              target_spec(target)->name);
}

/* What the hook may want to know of its run. */
static StrMap hook_environment(const Target *target, Hook hook, Arena *arena) {
    const TargetFacts *facts = &target->session->facts[target->index];
    const RunResult *result = &facts->result;
    bool over = hook != HOOK_BEFORE, exited = result->kind == END_EXITED;
    int code = exited ? result->code : result->kind == END_SIGNALED ? 128 + result->code : -1;
    StrPair *own = arena_alloc(arena, 4 * sizeof(*own));
    StrMap map = {.at = own};
    if (over) {
        own[map.n++] = (StrPair){"THOLE_ERROR", facts->failure ? facts->failure : ""};
        own[map.n++] =
            (StrPair){"THOLE_EXIT_CODE", code < 0 ? "" : arena_printf(arena, "%d", code)};
    }
    own[map.n++] = (StrPair){"THOLE_HOOK", hook_name(hook)};
    own[map.n++] = (StrPair){"THOLE_RUN", arena_printf(arena, "%u", facts->run)};
    return map;
}

void step_build_hook(const Target *target, Hook hook, const Command *command, Arena *arena,
                     Step *ret) {
    const TargetFacts *facts = &target->session->facts[target->index];
    TemplateValues values = ports_values(generation_of(target), target_spec(target)->resource);
    Command rendered = template_command(command, &values, arena);
    StrMap own = hook_environment(target, hook, arena);
    fill(target, &rendered, arena, ret);
    ret->environment = strmap_merge(&ret->environment, &own, arena);
    ret->linger = false;
    ret->restarts = facts->restarts;
    ret->attempt = facts->attempt;
    ret->cause =
        arena_printf(arena, "%u", facts->run); /* for which run: the next server reads it */
    ret->title = arena_printf(arena, "%s %s.%s", target->session->config->name,
                              target_spec(target)->name, hook_name(hook));
}
