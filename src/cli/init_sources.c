/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/init_sources.h"

#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/limits.h"
#include "base/path.h"
#include "base/str.h"
#include "base/utf8.h"
#include "base/xalloc.h"
#include "cli/init_service.h"
#include "data/json.h"
#include "spec/env_file.h"
#include "spec/foreign/procfile_lines.h"
#include "spec/foreign/shell_quote.h"

enum { PORT_MAX = 65535 };

static char *read_file(const char *dir, const char *name) {
    AUTO_FREE char *path = path_join(dir, name);
    char *text = NULL;
    return file_read(path, MAX_CONFIG_BYTES, &text, NULL, NULL) < 0 ? NULL : text;
}

static bool there(const char *dir, const char *name) {
    AUTO_FREE char *path = path_join(dir, name);
    return access(path, F_OK) == 0;
}

/* ---- package.json ---- */

static bool is_word(const char *word, size_t size, const char *const *list, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (strlen(list[i]) == size && strncmp(word, list[i], size) == 0)
            return true;
    return false;
}

/* By its first part, else by its last: `test:unit` is a test, `css:watch` watches. */
typedef enum ScriptKind { SCRIPT_OTHER, SCRIPT_SERVER, SCRIPT_JOB } ScriptKind;

static ScriptKind kind_of_part(const char *part, size_t size) {
    static const char *const servers[] = {"dev", "develop", "start", "serve", "watch", "storybook"};
    static const char *const jobs[] = {"build", "test",   "lint", "check",    "typecheck",
                                       "types", "format", "e2e",  "generate", "migrate"};
    return is_word(part, size, servers, COUNT(servers)) ? SCRIPT_SERVER
           : is_word(part, size, jobs, COUNT(jobs))     ? SCRIPT_JOB
                                                        : SCRIPT_OTHER;
}

static ScriptKind kind_of(const char *script) {
    const char *last = strrchr(script, ':');
    ScriptKind kind = kind_of_part(script, strcspn(script, ":"));
    return kind || !last ? kind : kind_of_part(last + 1, strlen(last + 1));
}

static const char *manager(const Init *init, const Value *package) {
    static const struct {
        const char *lock, *name;
    } locks[] = {{"pnpm-lock.yaml", "pnpm"},
                 {"yarn.lock", "yarn"},
                 {"bun.lockb", "bun"},
                 {"bun.lock", "bun"},
                 {"package-lock.json", "npm"}};
    const char *named = value_get_str(package, "packageManager");
    for (size_t i = 0; i < COUNT(locks); i++)
        if (named ? str_starts(named, locks[i].name) : there(init->dir, locks[i].lock))
            return locks[i].name;
    return "npm";
}

static bool has_script(const Value *scripts, const char *name) {
    return value_get_str(scripts, name) != NULL;
}

/* `dev` is what people work with; where there is none it is `start`, or `serve`. Watchers go with
 * it, unless it runs them itself. */
static bool starts(const Value *scripts, const char *name) {
    const char *dev = value_get_str(scripts, "dev");
    if (strcmp(name, "start") == 0)
        return !dev && !has_script(scripts, "develop");
    if (strcmp(name, "serve") == 0)
        return !dev && !has_script(scripts, "develop") && !has_script(scripts, "start");
    if (strcmp(name, "watch") == 0)
        return !dev || !strstr(dev, "watch");
    return strcmp(name, "dev") == 0 || strcmp(name, "develop") == 0;
}

/* A word of the shell, as people write it. */
static const char *word(Init *init, const char *text) {
    bool plain = *text && *text != '-' &&
                 !text[strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                    "0123456789_-:./@+")];
    return plain ? text : shell_quote(text, &init->arena);
}

/* What is no service is named in a note, which begins so. */
static void note(Init *init, Buf *notes, const char *begin, const char *name) {
    if (notes->n == 0)
        buf_printf(notes, "  # %s:", begin);
    buf_printf(notes, "%s %s", notes->p[notes->n - 1] == ':' ? "" : ",", init_comment(init, name));
}

static void put_notes(Init *init, Buf *notes) {
    if (notes->n)
        buf_printf(init->out, "%s\n", buf_cstr(notes));
    buf_deinit(notes);
}

typedef struct Package {
    const Value *scripts;
    const char *with; /* what runs them */
    bool apart;       /* somebody else starts them already */
} Package;

/* False: it is none, or cannot have its name. */
static bool put_script(Init *init, const Package *package, const ValuePair *pair) {
    const char *text = value_str(pair->value);
    ScriptKind kind = kind_of(pair->key);
    if (!text || !kind || !init_begin(init, pair->key, text))
        return false;
    const char *command =
        arena_printf(&init->arena, "%s run %s", package->with, word(init, pair->key));
    if (kind == SCRIPT_JOB)
        init_job(init, command);
    else
        init_server(init, command, init_port_of(text),
                    !package->apart && starts(package->scripts, pair->key));
    return true;
}

static int put_package(Init *init, Err *err) {
    AUTO_FREE char *text = read_file(init->dir, "package.json");
    const Value *package;
    Buf notes;
    if (!text)
        return 0;
    if (json_parse(text, strlen(text), &init->arena, &package, err) < 0)
        return err_in(err, "package.json");
    const Package p = {value_get(package, "scripts"), manager(init, package), init->served};
    buf_init(&notes, MAX_CONFIG_BYTES);
    for (size_t i = 0; value_is(p.scripts, VALUE_MAP) && i < p.scripts->map.n; i++)
        if (!put_script(init, &p, &p.scripts->map.at[i]))
            note(init, &notes, "package.json has more scripts", p.scripts->map.at[i].key);
    put_notes(init, &notes);
    return 0;
}

/* ---- Procfile ---- */

static const char *procfile_name(const char *dir) {
    static const char *const names[] = {"Procfile.dev", "Procfile"};
    for (size_t i = 0; i < COUNT(names); i++)
        if (there(dir, names[i]))
            return names[i];
    return NULL;
}

/* Its port, which is what foreman would give it, is a fact only if the command asks for it. */
static bool put_process(Init *init, const ProcfileEntry *p, int64_t port) {
    bool asks = strstr(p->command, "$PORT") || strstr(p->command, "${PORT");
    int64_t named = init_port_of(p->command);
    if (!init_begin(init, p->name, ""))
        return false;
    if (!asks || port > PORT_MAX) {
        init_server(init, p->command, named ? named : port > PORT_MAX ? 0 : port, true);
        return true;
    }
    init_server(init, p->command, 0, true);
    buf_printf(init->out, "    port: %-30lld # it gets PORT, the others <NAME>_PORT\n",
               (long long)port);
    buf_printf(init->out,
               "    # ready: {tcp: {}}                  # if it listens: until then others wait\n");
    return true;
}

static int put_procfile(Init *init, Err *err) {
    const char *name = procfile_name(init->dir);
    AUTO_FREE char *text = name ? read_file(init->dir, name) : NULL;
    Report unheard; /* `thole vet` tells of lines that are none */
    ProcfileEntries entries;
    Buf notes;
    if (!text)
        return 0;
    if (!utf8_valid(text, strlen(text)))
        return err_set(err, ERR_INVALID, "%s is not UTF-8 text", name);
    report_init(&unheard, &init->arena);
    procfile_parse(&(Source){.file = name, .report = &unheard, .arena = &init->arena}, text,
                   strlen(text), &entries);
    buf_init(&notes, MAX_CONFIG_BYTES);
    const char *begin = arena_printf(&init->arena, "%s has more processes", name);
    for (size_t i = 0; i < entries.n; i++)
        if (!put_process(init, &entries.at[i], PROCFILE_PORT + (int64_t)i * PROCFILE_PORT_STEP))
            note(init, &notes, begin, entries.at[i].name);
    put_notes(init, &notes);
    return 0;
}

/* ---- compose.yaml, Makefile ---- */

static void put_compose_hint(Init *init) {
    static const char *const names[] = {"compose.yaml", "compose.yml", "docker-compose.yaml",
                                        "docker-compose.yml"};
    for (size_t i = 0; i < COUNT(names); i++) {
        if (!there(init->dir, names[i]))
            continue;
        buf_printf(init->out,
                   "  # %s is run by docker compose; as a service of this file:\n"
                   "  # infrastructure:\n"
                   "  #   command: docker compose -f %s up\n"
                   "  #   stop: {command: docker compose -f %s down}\n",
                   names[i], names[i], names[i]);
        return;
    }
}

/* Is it among the words of a `.PHONY:` line? Then it is no file that make would look for. */
static bool is_phony(const char *text, const char *target) {
    for (const char *at = text; (at = strstr(at, ".PHONY:")); at++) {
        if (at > text && at[-1] != '\n')
            continue;
        for (const char *word = at + 7; *word && *word != '\n';) {
            size_t n = strcspn(word, " \t\r\n\\");
            if (n == strlen(target) && strncmp(word, target, n) == 0)
                return true;
            word += n + strspn(word + n, " \t\r");
            word += str_starts(word, "\\\n") ? 2 : *word == '\\';
        }
    }
    return false;
}

/* Phony, or a rule of its own. */
static bool is_target(const char *text, const char *target) {
    size_t n = strlen(target);
    for (const char *at = text; (at = strstr(at, target)); at += n)
        if ((at == text || at[-1] == '\n') && at[n] == ':' && at[n + 1] != '=' && at[n + 1] != ':')
            return true;
    return is_phony(text, target);
}

/* In the order of preference for what `thole up` starts. */
static const struct {
    const char *name;
    bool serves, starts;
} make_targets[] = {
    {"dev", true, true},      {"serve", true, true},     {"run", true, true},
    {"start", true, true},    {"watch", true, false},    {"build", false, false},
    {"test", false, false},   {"lint", false, false},    {"check", false, false},
    {"format", false, false}, {"migrate", false, false}, {"generate", false, false}};

static bool has_make(const char *dir) {
    AUTO_FREE char *text = read_file(dir, "Makefile");
    for (size_t i = 0; text && i < COUNT(make_targets); i++)
        if (is_target(text, make_targets[i].name))
            return true;
    return false;
}

static void put_make(Init *init) {
    AUTO_FREE char *text = read_file(init->dir, "Makefile");
    Buf notes;
    buf_init(&notes, MAX_CONFIG_BYTES);
    for (size_t i = 0; text && i < COUNT(make_targets); i++) {
        const char *name = make_targets[i].name;
        const char *command = arena_printf(&init->arena, "make %s", name);
        if (!is_target(text, name))
            continue;
        if (!init_begin(init, name, "of the Makefile"))
            note(init, &notes, "the Makefile too has", name);
        else if (make_targets[i].serves)
            init_server(init, command, 0, make_targets[i].starts && !init->served);
        else
            init_job(init, command);
    }
    put_notes(init, &notes);
}

/* ---- .env ---- */

/* What others read may be nothing that we do. */
static void put_env_from(Init *init) {
    AUTO_FREE char *text = read_file(init->dir, ".env");
    Report report;
    StrMap read;
    report_init(&report, &init->arena);
    if (!there(init->dir, ".env"))
        return;
    bool good = text && env_file_parse(&(EnvText){".env", text, strlen(text)}, &init->arena,
                                       &report, &read) == 0;
    const char *why =
        report.n ? report_line(&report.at[0], &init->arena) : "it cannot be read as a plain file";
    buf_printf(init->out, good ? "env_from: [.env]\n" : "# env_from: [.env]  # %s\n",
               init_comment(init, why));
}

/* ---- all of them ---- */

/* Has the package.json a script that would become a service? One that cannot be read is a source
 * too, to be told. */
static bool has_package(const char *dir) {
    AUTO_FREE char *text = read_file(dir, "package.json");
    const Value *package;
    Arena arena;
    bool found = false;
    if (!text)
        return false;
    arena_init(&arena);
    if (json_parse(text, strlen(text), &arena, &package, NULL) < 0) {
        found = true;
    } else {
        const Value *scripts = value_get(package, "scripts");
        for (size_t i = 0; value_is(scripts, VALUE_MAP) && i < scripts->map.n; i++)
            found = found || kind_of(scripts->map.at[i].key);
    }
    arena_deinit(&arena);
    return found;
}

bool init_has_sources(const char *dir) {
    return has_package(dir) || procfile_name(dir) || has_make(dir);
}

int init_write_sources(const char *dir, Buf *out, Err *err) {
    Buf services;
    Init init = {.dir = dir, .out = out};
    arena_init(&init.arena);
    map_init(&init.names);
    buf_init(&services, MAX_CONFIG_BYTES);
    buf_puts(out, "version: 1\n");
    put_env_from(&init);
    init.out = &services;
    int r = put_procfile(&init, err);
    r = r < 0 ? r : put_package(&init, err);
    put_make(&init);
    put_compose_hint(&init);
    buf_puts(out, init.names.n ? "services:\n" : "services: {}\n");
    buf_puts(out, buf_cstr(&services));
    buf_deinit(&services);
    map_deinit(&init.names);
    arena_deinit(&init.arena);
    return r;
}
