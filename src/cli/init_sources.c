/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/init_sources.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/file.h"
#include "base/limits.h"
#include "base/map.h"
#include "base/path.h"
#include "base/str.h"
#include "base/xalloc.h"
#include "data/json.h"
#include "data/yaml_write.h"

enum { PORT_BASE = 5000, PORT_STEP = 100, COMMENT_COLUMN = 40 };

typedef struct Init {
    const char *dir;
    Arena arena;
    Map names;
    Buf *out;
} Init;

static char *read_file(const char *dir, const char *name) {
    AUTO_FREE char *path = path_join(dir, name);
    char *text = NULL;
    return file_read(path, MAX_CONFIG_BYTES, &text, NULL, NULL) < 0 ? NULL : text;
}

static bool there(const char *dir, const char *name) {
    AUTO_FREE char *path = path_join(dir, name);
    return access(path, F_OK) == 0;
}

/* ---- writing ---- */

/* `key: text`, quoted as YAML wants it. */
static void put(Init *init, const char *key, const char *text) {
    Value *map = value_new(&init->arena, VALUE_MAP);
    Buf line;
    buf_init(&line, MAX_CONFIG_BYTES);
    value_set(&init->arena, map, key, value_new_string(&init->arena, text));
    yaml_write(map, &line);
    buf_printf(init->out, "    %s", buf_cstr(&line));
    buf_deinit(&line);
}

static char *name_of(Init *init, const char *word) {
    char *name = arena_strdup(&init->arena, word);
    for (char *p = name; *p; p++) {
        if (*p >= 'A' && *p <= 'Z')
            *p = (char)(*p - 'A' + 'a');
        if (!((*p >= 'a' && *p <= 'z') || (*p >= '0' && *p <= '9') || *p == '_'))
            *p = '-';
    }
    while (*name == '-' || *name == '_')
        name++;
    return name;
}

/* Begins a service; false: the name is taken, or none. */
static bool begin(Init *init, const char *word, const char *comment) {
    char *name = name_of(init, word);
    if (!*name || strlen(name) > 63 || strcmp(name, "tiltfile") == 0 || map_get(&init->names, name))
        return false;
    map_put(&init->names, name, name);
    bool plain = strcmp(name, "on") != 0 && strcmp(name, "off") != 0 && strcmp(name, "yes") != 0 &&
                 strcmp(name, "no") != 0 && strspn(name, "0123456789") < strlen(name);
    buf_printf(init->out, plain ? "  %s:%s%s\n" : "  \"%s\":%s%s\n", name, *comment ? "  # " : "",
               comment);
    return true;
}

/* ---- package.json ---- */

static bool is_one(const char *word, const char *const *list, size_t n) {
    size_t size = strcspn(word, ":");
    for (size_t i = 0; i < n; i++)
        if (strlen(list[i]) == size && strncmp(word, list[i], size) == 0)
            return true;
    return false;
}

static bool is_server(const char *script) {
    static const char *const words[] = {"dev", "develop", "start", "serve", "watch", "storybook"};
    return is_one(script, words, COUNT(words));
}

static bool is_job(const char *script) {
    static const char *const words[] = {"build", "test",   "lint", "check",    "typecheck",
                                        "types", "format", "e2e",  "generate", "migrate"};
    return is_one(script, words, COUNT(words));
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

/* A port that the script names, or that its tool has; 0: nobody knows. */
static int64_t port_of(const char *script) {
    static const char *const flags[] = {"--port=", "--port ", "-p ", "PORT="};
    static const struct {
        const char *tool;
        int64_t port;
    } tools[] = {{"vite", 5173},          {"next", 3000},     {"react-scripts", 3000},
                 {"nuxt", 3000},          {"astro", 4321},    {"webpack-dev-server", 8080},
                 {"webpack serve", 8080}, {"ng serve", 4200}, {"storybook", 6006},
                 {"gatsby", 8000}};
    for (size_t i = 0; i < COUNT(flags); i++) {
        const char *at = strstr(script, flags[i]);
        int64_t port = at ? atoll(at + strlen(flags[i])) : 0;
        if (port > 0 && port < 65536)
            return port;
    }
    for (size_t i = 0; i < COUNT(tools); i++)
        if (strstr(script, tools[i].tool))
            return tools[i].port;
    return 0;
}

static void put_server(Init *init, const char *command, const char *text, bool starts) {
    int64_t port = port_of(text);
    put(init, "command", command);
    if (!starts)
        buf_puts(init->out, "    auto: false                         # `thole start` starts it\n");
    buf_printf(init->out, "    # port: %-28lld # it gets PORT, the others <NAME>_PORT\n",
               (long long)(port ? port : 8080));
    buf_printf(init->out, "    # ready: {tcp: {port: %lld}}%*s # until then others wait\n",
               (long long)(port ? port : 8080), port && port < 1000 ? 9 : 8, "");
}

static void put_job(Init *init, const char *command) {
    buf_puts(init->out, "    type: job\n");
    put(init, "command", command);
    buf_puts(init->out, "    auto: false                         # `thole start` runs it\n");
}

static bool has_script(const Value *scripts, const char *name) {
    return value_get_str(scripts, name) != NULL;
}

/* `dev` is what people work with; where there is none it is `start`, or `serve`. Watchers go with
 * it. */
static bool starts(const Value *scripts, const char *name) {
    if (strcmp(name, "start") == 0)
        return !has_script(scripts, "dev") && !has_script(scripts, "develop");
    if (strcmp(name, "serve") == 0)
        return !has_script(scripts, "dev") && !has_script(scripts, "develop") &&
               !has_script(scripts, "start");
    return strcmp(name, "dev") == 0 || strcmp(name, "develop") == 0 || strcmp(name, "watch") == 0;
}

static void put_script(Init *init, const Value *scripts, const ValuePair *pair, const char *with) {
    const char *text = value_str(pair->value);
    const char *command = arena_printf(&init->arena, "%s run %s", with, pair->key);
    if (!text || (!is_server(pair->key) && !is_job(pair->key)))
        return;
    size_t line = strcspn(text, "\r\n");
    if (!begin(init, pair->key, arena_strndup(&init->arena, text, line > 60 ? 60 : line)))
        return;
    if (is_server(pair->key))
        put_server(init, command, text, starts(scripts, pair->key));
    else
        put_job(init, command);
}

static int put_package(Init *init, Err *err) {
    AUTO_FREE char *text = read_file(init->dir, "package.json");
    const Value *package;
    if (!text)
        return 0;
    if (json_parse(text, strlen(text), &init->arena, &package, err) < 0)
        return err_in(err, "package.json");
    const Value *scripts = value_get(package, "scripts");
    const char *with = manager(init, package);
    for (size_t i = 0; value_is(scripts, VALUE_MAP) && i < scripts->map.n; i++)
        put_script(init, scripts, &scripts->map.at[i], with);
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

static void put_process(Init *init, char *line, int64_t *port) {
    size_t n = strspn(line, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-");
    if (n == 0 || line[n] != ':')
        return;
    const char *command = line + n + 1 + strspn(line + n + 1, " \t");
    line[n] = 0;
    if (!*command || !begin(init, line, ""))
        return;
    put(init, "command", command);
    buf_printf(init->out, "    port: %-30lld # it gets PORT, the others <NAME>_PORT\n",
               (long long)*port);
    buf_printf(init->out,
               "    # ready: {tcp: {}}                  # if it listens: until then others wait\n");
    *port += PORT_STEP;
}

static void put_procfile(Init *init) {
    const char *name = procfile_name(init->dir);
    AUTO_FREE char *text = name ? read_file(init->dir, name) : NULL;
    int64_t port = PORT_BASE;
    for (char *line = text; line && *line;) {
        size_t n = strcspn(line, "\n");
        char *next = line[n] ? line + n + 1 : line + n;
        line[n] = 0;
        while (n && strchr(" \t\r", line[n - 1]))
            line[--n] = 0;
        put_process(init, line, &port);
        line = next;
    }
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

static const char *const make_targets[] = {"build", "test", "lint", "check", "format"};

static bool has_make(const char *dir) {
    AUTO_FREE char *text = read_file(dir, "Makefile");
    for (size_t i = 0; text && i < COUNT(make_targets); i++)
        if (is_phony(text, make_targets[i]))
            return true;
    return false;
}

static void put_make(Init *init) {
    AUTO_FREE char *text = read_file(init->dir, "Makefile");
    for (size_t i = 0; text && i < COUNT(make_targets); i++)
        if (is_phony(text, make_targets[i]) && begin(init, make_targets[i], "of the Makefile"))
            put_job(init, arena_printf(&init->arena, "make %s", make_targets[i]));
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
            found = found || is_server(scripts->map.at[i].key) || is_job(scripts->map.at[i].key);
    }
    arena_deinit(&arena);
    return found;
}

bool init_has_sources(const char *dir) {
    return has_package(dir) || procfile_name(dir) || has_make(dir);
}

int init_write_sources(const char *dir, Buf *out, Err *err) {
    Init init = {.dir = dir, .out = out};
    arena_init(&init.arena);
    map_init(&init.names);
    buf_puts(out, "version: 1\n");
    if (there(dir, ".env"))
        buf_puts(out, "env_from: [.env]\n");
    buf_puts(out, "services:\n");
    int r = put_package(&init, err);
    put_procfile(&init);
    put_make(&init);
    put_compose_hint(&init);
    map_deinit(&init.names);
    arena_deinit(&init.arena);
    return r;
}
