/* SPDX-License-Identifier: Apache-2.0 */
/* Hooks of the config: what they are told, what they are made from, and what becomes of what they
 * say. */
#include <ctype.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backend/argument_limit.h"
#include "base/file.h"
#include "base/path.h"
#include "base/str.h"
#include "engine/operations/steps.h"
#include "spec/digest.h"
#include "spec/environment_name.h"
#include "spec/environment_secrets.h"

enum { HOOK_FILE_MAX = 16 * 1024 * 1024 }; /* a longer one counts by its size and time */

/* ---- variables ---- */

typedef struct Variables {
    Arena *arena;
    StrPair *at;
    size_t n, cap;
} Variables;

/* Under both of its names. */
static void put(Variables *to, const char *name, const char *value) {
    static const char *const prefixes[] = {"PREVIEWCTL_", "THOLE_"};
    for (size_t i = 0; value && i < COUNT(prefixes); i++) {
        to->at = arena_grow(to->arena, to->at, to->n, &to->cap, sizeof(*to->at));
        to->at[to->n++] = (StrPair){arena_printf(to->arena, "%s%s", prefixes[i], name), value};
    }
}

static void put_ports(Variables *to, const EnvironmentPorts *ports) {
    for (size_t i = 0; i < ports->n; i++)
        put(to,
            arena_printf(to->arena, "PORT_%s", environment_variable(ports->at[i].name, to->arena)),
            arena_printf(to->arena, "%lld", (long long)ports->at[i].port));
}

static void put_values(Variables *to, const StrMap *values) {
    for (size_t i = 0; i < values->n; i++)
        put(to,
            arena_printf(to->arena, "STORE_%s",
                         environment_variable(values->at[i].name, to->arena)),
            values->at[i].value);
}

static const char *root_of(const Operation *operation) {
    return operation->config->root;
}

/* Which of them a hook is told: not what is there only when it runs again. NULL: all. */
typedef struct Told {
    bool worktree, ports, branch, machine;
} Told;

static Told told_to(const LifecycleStep *step, const ComputeAccess *compute) {
    if (!step)
        return (Told){true, true, true, true};
    bool creates = step->kind == STEP_HOOK && strcmp(step->name, "create_compute") == 0;
    bool destroys = strcmp(step->name, "destroy_compute_hook") == 0;
    bool before = strcmp(step->name, "provisioner_before") == 0;
    bool init = step->service && strcmp(step->action, "init") == 0;
    return (Told){.worktree = compute && !creates && !destroys && !(before && compute->managed),
                  .ports = !creates && !before && !init,
                  .branch = creates,
                  .machine = destroys || creates}; /* which it has named before it failed */
}

StrMap hook_variables(const Config *config, const EnvironmentEntry *entry,
                      const LifecycleStep *step, Arena *arena) {
    const ComputeAccess *compute = entry->compute;
    const Told told = told_to(step, compute);
    Variables to = {.arena = arena};
    put(&to, "ENV_NAME", entry->name);
    put(&to, "ENVIRONMENT_NAME", environment_sanitize(entry->name, arena));
    put(&to, "PROJECT_NAME", config->name);
    put(&to, "PROJECT_ROOT", config->root);
    put(&to, "MODE", entry->mode);
    if (told.branch) {
        put(&to, "BRANCH", entry->branch);
        put(&to, "BASE_BRANCH", entry->base);
    }
    if (compute && told.worktree)
        put(&to, "WORKTREE_PATH", entry_root(entry));
    if (compute && told.machine) {
        put(&to, "VM_IP", compute->host);
        put(&to, "SSH_USER", compute->user);
    }
    if (told.ports)
        put_ports(&to, &entry->ports);
    put_values(&to, &entry->values);
    if (step && step->service) {
        put(&to, "SERVICE_NAME", step->service);
        put(&to, "ACTION", step->action);
    }
    StrMap map = {to.at, to.n};
    strmap_sort(&map);
    return map;
}

/* ---- what it is made from ---- */

/* Where it runs: files that it names are there. What it undoes may outlive the worktree, which
 * people have removed, or which never came to be: then it runs where the project is. */
static const char *directory_of(const Operation *operation, const LifecycleStep *step) {
    const char *tree = entry_root(&operation->entry);
    bool gone = step->phase == LIFECYCLE_DESTROY && access(tree, F_OK) < 0;
    return step->place == HOOK_COMPUTE && !gone ? tree : root_of(operation);
}

typedef struct Inputs {
    Digest *digest;
    const char *root;              /* where the hook runs */
    const EnvironmentPorts *ports; /* that it is told */
    Arena *arena;
} Inputs;

/* Does a text speak of a port, by its variable? One that puts the names together means all. */
static bool names_port(const char *text, size_t n, const char *variable) {
    static const char head[] = "_PORT_";
    const char *const end = text + n;
    while ((text = memmem(text, (size_t)(end - text), head, strlen(head)))) {
        size_t name = 0;
        text += strlen(head);
        while (text + name < end && (isalnum((unsigned char)text[name]) || text[name] == '_'))
            name++;
        if (name == 0 || (name == strlen(variable) && memcmp(text, variable, name) == 0))
            return true;
    }
    return false;
}

/* Of the ports only those that it uses: a service more, which has one, is no reason to seed a
 * database again that somebody works with. */
static void digest_ports(const Inputs *inputs, const char *text, size_t n) {
    for (size_t i = 0; i < inputs->ports->n; i++) {
        const EnvironmentPort *port = &inputs->ports->at[i];
        const char *variable = environment_variable(port->name, inputs->arena);
        if (!names_port(text, n, variable))
            continue;
        digest_add_text(inputs->digest, variable);
        digest_add(inputs->digest, &port->port, sizeof(port->port));
    }
}

/* A word of the script that is a file: its bytes count, too. */
static void digest_file(const Inputs *inputs, const char *word) {
    AUTO_FREE char *path = path_join(inputs->root, word), *text = NULL;
    size_t size;
    struct stat st;
    Err err;
    if (stat(path, &st) < 0 || !S_ISREG(st.st_mode) || !path_below(path, inputs->root))
        return;
    digest_add_text(inputs->digest, word);
    if (file_read(path, HOOK_FILE_MAX, &text, &size, &err) < 0) {
        digest_add(inputs->digest, &st.st_size, sizeof(st.st_size));
        digest_add(inputs->digest, &st.st_mtim, sizeof(st.st_mtim));
    } else {
        digest_add(inputs->digest, text, size);
        digest_ports(inputs, text, size);
    }
}

/* What it writes into (`> log`) is no input of it. */
static void digest_files(const Inputs *inputs, const char *script) {
    static const char blanks[] = " \t\r\n\"'`;&|()<>$={}";
    for (const char *p = script; *p;) {
        size_t between = strspn(p, blanks);
        bool written = memchr(p, '>', between) != NULL;
        p += between;
        size_t n = strcspn(p, blanks);
        char word[4096];
        if (n > 0 && n < sizeof(word) && !written) {
            memcpy(word, p, n);
            word[n] = '\0';
            digest_file(inputs, word);
        }
        p += n;
    }
}

int hook_look(const Operation *operation, Arena *arena, StepFound *ret, Err *err) {
    static const EnvironmentPorts none;
    const LifecycleStep *step = operation_step(operation);
    const EnvironmentEntry *entry = &operation->entry;
    const char *script = step->hook->command;
    const Inputs inputs = {.digest = digest_new(),
                           .root = directory_of(operation, step),
                           .ports = told_to(step, entry->compute).ports ? &entry->ports : &none,
                           .arena = arena};
    digest_add_text(inputs.digest, script);
    digest_add_text(inputs.digest, entry->mode);
    for (size_t i = 0; step->outputs && i < step->outputs->n; i++)
        digest_add_text(inputs.digest, step->outputs->at[i]);
    if (step->phase != LIFECYCLE_DESTROY) { /* what is undone is not undone again */
        digest_ports(&inputs, script, strlen(script));
        digest_files(&inputs, script);
    }
    ret->own = digest_end(inputs.digest, arena);
    return 0;
}

/* ---- its command ---- */

/* The directory of the project is gone, and with it what the hook would call. By force that is
 * said, and passed over: nobody could ever do it. */
static int cannot_undo(const Operation *operation, const char *dir, Arena *arena, StepCommand *ret,
                       Err *err) {
    ret->note = arena_printf(
        arena, "it was not run, for %s is gone: what it was to undo may be there still", dir);
    return operation->ask.force
               ? 0
               : err_set(err, ERR_CONFLICT,
                         "it cannot run, for %s is gone: put that back, or delete with --force, "
                         "which leaves what this was to undo",
                         dir);
}

int hook_command(const Operation *operation, Arena *arena, StepCommand *ret, Err *err) {
    const LifecycleStep *step = operation_step(operation);
    const char *dir = directory_of(operation, step);
    if (step->phase == LIFECYCLE_DESTROY && access(dir, F_OK) < 0)
        return cannot_undo(operation, dir, arena, ret, err);
    size_t size = strlen(step->hook->command), max = argument_limit();
    if (size > max)
        return err_set(err, ERR_INVALID,
                       "the hook is too long: %zu bytes, and a shell can be given %zu; put it into "
                       "a file, and call that",
                       size, max);
    StrMap own = hook_variables(operation->config, &operation->entry, step, arena);
    const char **argv = arena_alloc(arena, 4 * sizeof(*argv));
    argv[0] = "sh";
    argv[1] = "-c";
    argv[2] = step->hook->command;
    ret->run.argv = (StrList){argv, 3};
    StrPair pair = {OPERATIONS_VARIABLE, operation_chain(operation, arena)};
    own = strmap_merge(&own, &(StrMap){&pair, 1}, arena);
    ret->run.env = strmap_merge(&operation->ask.client->env, &own, arena);
    /* Hidden in what it writes, not in what is taken from its stdout. */
    ret->secrets = environment_mask_forms(&operation->entry, arena);
    ret->run.cwd = dir;
    bool remote = lifecycle_is_remote(operation->config, operation->entry.compute);
    if (*ret->run.cwd && (!remote || step->place != HOOK_COMPUTE))
        return 0;
    return err_set(err, ERR_UNAVAILABLE,
                   "the hook %s runs where the environment is, which is on another machine: that "
                   "comes later",
                   step->name);
}

/* ---- what it said ---- */

static const Value *outputs_value(const StrMap *outputs, Arena *arena) {
    Value *map = value_new(arena, VALUE_MAP);
    for (size_t i = 0; i < outputs->n; i++)
        value_set(arena, map, outputs->at[i].name, value_new_string(arena, outputs->at[i].value));
    return map;
}

/* What begins with GLOBAL_ is for everybody: a key-value of the environment. */
static StrMap globals_of(const Operation *operation) {
    const StrMap *outputs = &operation->doing.outputs;
    StrMap globals = {
        .at = arena_alloc((Arena *)&operation->arena, (outputs->n + 1) * sizeof(StrPair))};
    for (size_t i = 0; i < outputs->n; i++)
        if (str_starts(outputs->at[i].name, "GLOBAL_"))
            globals.at[globals.n++] =
                (StrPair){outputs->at[i].name + strlen("GLOBAL_"), outputs->at[i].value};
    return globals;
}

/* Asked for by people: seed says it to them alone; what reset says is how it is now. */
static bool is_kept(const LifecycleStep *step) {
    return step->service && (step->phase != LIFECYCLE_HOOK || strcmp(step->action, "reset") == 0);
}

/* What no env file could hold later fails the hook that says it, before more is done. */
static int check_values(Operation *operation, const StrMap *globals, Err *err) {
    const LifecycleStep *step = operation_step(operation);
    Arena *arena = &operation->arena;
    EnvironmentEntry next = operation->entry;
    next.values = strmap_merge(&next.values, globals, arena);
    next.outputs.at = arena_dup(arena, next.outputs.at, next.outputs.n * sizeof(*next.outputs.at));
    if (is_kept(step))
        entry_set_outputs(&next, step->service, &operation->doing.outputs, arena);
    return manifest_check_values(operation->config, &next, arena, err);
}

static int take(Operation *operation, Err *err) {
    const LifecycleStep *step = operation_step(operation);
    Arena *arena = &operation->arena;
    if (!step->outputs)
        return 0;
    const StrMap globals = globals_of(operation);
    if (check_values(operation, &globals, err) < 0)
        return -1;
    if (globals.n)
        operation_set_values(operation, &globals);
    if (!step->service) { /* create_compute */
        operation->doing.produced = outputs_value(&operation->doing.outputs, arena);
        return operation_take_compute(operation, err);
    }
    if (!is_kept(step))
        return 0;
    Value *kept = value_new(arena, VALUE_MAP);
    value_set(arena, kept, "outputs", (Value *)outputs_value(&operation->doing.outputs, arena));
    operation->doing.produced = kept;
    entry_set_outputs(&operation->entry, step->service, &operation->doing.outputs, arena);
    return 0;
}

const StepDoer hook_doer = {.look = hook_look, .command = hook_command, .take = take};
