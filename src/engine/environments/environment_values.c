/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/environments/environment_values.h"

#include <ctype.h>
#include <string.h>

#include "engine/environments/environment_look.h"
#include "engine/operations/operation.h"
#include "spec/manifest.h"

enum { VALUE_NAME_MAX = 200 };

int environment_value_name_check(const char *name, Err *err) {
    size_t n = strlen(name), i = 0;
    while (i < n && (isalpha((unsigned char)name[i]) || name[i] == '_' ||
                     (i > 0 && (isdigit((unsigned char)name[i]) || name[i] == '-'))))
        i++;
    if (n == 0 || i < n)
        return err_set(err, ERR_INVALID,
                       "\"%.60s\" is no name of a key-value: it is of letters, digits, '_' and "
                       "'-', and begins with a letter or '_'",
                       name);
    return n <= VALUE_NAME_MAX
               ? 0
               : err_set(err, ERR_INVALID, "the name \"%.20s…\" has more than %d bytes", name,
                         VALUE_NAME_MAX);
}

/* A config that cannot be read is said by what needs it. */
int environment_values_check(const Environment *environment, const StrMap *set, Err *err) {
    EnvironmentEntry entry = environment->entry;
    const ClientSetup *client = environment_client(environment);
    Arena arena;
    Report report;
    arena_init(&arena);
    report_init(&report, &arena);
    entry.values = *set;
    const Config *config = config_load(&(ConfigAsk){.file = environment->project,
                                                    .client = client ? &client->env : NULL,
                                                    .mode = entry.mode,
                                                    .environment = true},
                                       &arena, &report);
    int r = config ? manifest_check_values(config, &entry, &arena, err) : 0;
    arena_deinit(&arena);
    return r;
}

typedef struct Setting {
    EnvironmentValues values;
    StrMap set;
    StrList unset;
    AuditEntry audit;
    StoredEnvironment stored;
} Setting;

static int do_set(Blocking *blocking, Err *err) {
    Setting *setting = blocking->ask;
    EnvironmentRead read = {.key = setting->values.key, .parts = ENVIRONMENT_VALUES};
    blocking->result = &setting->stored;
    blocking->result_size = sizeof(setting->stored);
    if ((setting->set.n || setting->unset.n) &&
        store_environment_values(blocking->store, &setting->values, err) < 0)
        return -1;
    return store_environment(blocking->store, &read, &blocking->arena, &setting->stored, err);
}

/* "A, B"; of both kinds "A; unset: B". Never what they are. */
static const char *names_of(const Setting *setting, Arena *arena) {
    const char *text = "";
    for (size_t i = 0; i < setting->set.n; i++)
        text = arena_printf(arena, "%s%s%s", text, i ? ", " : "", setting->set.at[i].name);
    for (size_t i = 0; i < setting->unset.n; i++)
        text = arena_printf(arena, "%s%s%s", text,
                            i                ? ", "
                            : setting->set.n ? "; unset: "
                                             : "",
                            setting->unset.at[i]);
    return text;
}

Op *environment_set_values(Environment *environment, const ValuesAsk *ask, OpFn fn, void *arg) {
    Engine *engine = environment->engine;
    Blocking *blocking = blocking_store(engine);
    Arena *arena = &blocking->arena;
    Setting *setting = arena_alloc(arena, sizeof(*setting));
    *setting = (Setting){.set = strmap_copy(ask->set, arena)};
    setting->unset.at = arena_alloc(arena, (ask->unset->n + 1) * sizeof(*setting->unset.at));
    for (size_t i = 0; i < ask->unset->n; i++)
        setting->unset.at[setting->unset.n++] = arena_strdup(arena, ask->unset->at[i]);
    setting->audit = (AuditEntry){.time_ns = loop_wall_us(engine->loop) * 1000,
                                  .step = "",
                                  .action = setting->set.n ? "value_set" : "value_unset",
                                  .machine = operation_machine(arena),
                                  .user = operation_user(NULL, arena),
                                  .message = names_of(setting, arena)};
    setting->values =
        (EnvironmentValues){.key = {.project = arena_strdup(arena, environment->project),
                                    .name = arena_strdup(arena, environment->entry.name)},
                            .set = &setting->set,
                            .unset = &setting->unset,
                            .audit = &setting->audit};
    blocking->ask = setting;
    return blocking_run(blocking, do_set, fn, arg);
}
