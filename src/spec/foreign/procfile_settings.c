/* SPDX-License-Identifier: Apache-2.0 */
#include "spec/foreign/procfile_settings.h"

#include <string.h>
#include <unistd.h>

#include "base/path.h"
#include "base/str.h"
#include "spec/foreign/dotenv.h"
#include "spec/foreign/procfile_lines.h"
#include "spec/foreign/switch.h"

#define PREFIX "OVERMIND_"

const ProcfileSwitch procfile_switches[] = {
    {"PROCFILE", SWITCH_WORKS, NULL},
    {"PORT", SWITCH_WORKS, NULL},
    {"PORT_STEP", SWITCH_WORKS, NULL},
    {"NO_PORT", SWITCH_WORKS, NULL},
    {"FORMATION", SWITCH_WORKS, NULL},
    {"FORMATION_PORT_STEP", SWITCH_WORKS, NULL},
    {"PROCESSES", SWITCH_WORKS, NULL},
    {"IGNORED_PROCESSES", SWITCH_WORKS, NULL},
    {"CAN_DIE", SWITCH_WORKS, NULL},
    {"ANY_CAN_DIE", SWITCH_WORKS, NULL},
    {"AUTO_RESTART", SWITCH_WORKS, NULL},
    {"STOP_SIGNALS", SWITCH_WORKS, NULL},
    {"TIMEOUT", SWITCH_WORKS, NULL},
    {"SHELL", SWITCH_WORKS, NULL},
    {"ENV", SWITCH_WORKS, NULL},
    {"SKIP_ENV", SWITCH_WORKS, NULL},
    {"SOCKET", SWITCH_IGNORED, "thole has one server for all projects"},
    {"NETWORK", SWITCH_IGNORED, "thole has one server for all projects"},
    {"TITLE", SWITCH_IGNORED, "`name` in a thole.yaml names the project"},
    {"COLORS", SWITCH_IGNORED, "colours follow from the names"},
    {"SHOW_TIMESTAMPS", SWITCH_IGNORED, "`thole logs -o json` has them"},
    {"DAEMONIZE", SWITCH_IGNORED, "`thole up -d` returns at once"},
    {"TMUX_CONFIG", SWITCH_IGNORED, "thole needs no tmux"},
    {"CONTROL_MODE", SWITCH_IGNORED, "thole needs no tmux"},
    {0},
};

typedef struct Reading {
    const Source *source;
    const char *dir;
    StrMap all; /* the environment, and over it what the files say */
    ProcfileSettings *ret;
} Reading;

static const char *get(const Reading *r, const char *name) {
    return strmap_get(&r->all, arena_printf(r->source->arena, PREFIX "%s", name));
}

/* --- files --- */

static int take_file(Reading *r, const char *dir, const char *name) {
    StrMap more;
    StrList *files = &r->ret->files;
    if (dotenv_read(r->source, dir, name, &more) < 0)
        return -1;
    if (dir == r->dir && more.n) {
        const char **at = arena_alloc(r->source->arena, (files->n + 1) * sizeof(*at));
        memcpy(at, files->at ? files->at : at, files->n * sizeof(*at));
        at[files->n++] = name;
        files->at = at;
    }
    r->ret->env = strmap_merge(&r->ret->env, &more, r->source->arena);
    r->all = strmap_merge(&r->all, &more, r->source->arena);
    return 0;
}

static int missing(const Reading *r, const char *path) {
    Place place = {.file = r->source->file};
    report_add(r->source->report, &place, NULL, "OVERMIND_ENV names %s, which is not there", path);
    return -1;
}

static int take_named(Reading *r, const char *list) {
    for (const char *at = list; *at;) {
        size_t n = strcspn(at, ",");
        const char *name = arena_strndup(r->source->arena, at, n);
        AUTO_FREE char *path = path_join(r->dir, name);
        if (n && access(path, F_OK) < 0)
            return missing(r, path);
        if (n && take_file(r, r->dir, name) < 0)
            return -1;
        at += n + (at[n] == ',');
    }
    return 0;
}

/* As overmind does: each file wins over the one before, and all over the environment. */
static int take_files(Reading *r) {
    const char *home = strmap_get(&r->all, "HOME");
    if (home && home[0] == '/' && take_file(r, home, ".overmind.env") < 0)
        return -1;
    if (take_file(r, r->dir, ".overmind.env") < 0)
        return -1;
    if (!get(r, "SKIP_ENV") && take_file(r, r->dir, ".env") < 0)
        return -1;
    const char *named = get(r, "ENV");
    return named ? take_named(r, named) : 0;
}

/* --- values --- */

typedef struct Number {
    const char *name;
    int64_t max, usual;
    int64_t *ret;
} Number;

static int take_number(const Reading *r, const Number *n) {
    const char *text = strmap_get(&r->all, n->name);
    Place place = {.file = r->source->file};
    *n->ret = n->usual;
    if (!text || !*text || number_parse(text, 0, n->max, n->ret) == 0)
        return 0;
    report_add(r->source->report, &place, NULL,
               "%s is \"%.40s\", which is no number from 0 to %lld", n->name, text,
               (long long)n->max);
    return -1;
}

static void tell_ignored(const Reading *r) {
    Place place = {.file = r->source->file};
    for (const ProcfileSwitch *s = procfile_switches; s->name; s++) {
        const char *value = get(r, s->name);
        if (s->fate == SWITCH_IGNORED && value && *value)
            report_warn(r->source->report, &place, s->why,
                        PREFIX "%s has no meaning here and is ignored", s->name);
    }
}

int procfile_settings(const Source *source, ProcfileSettings *ret) {
    static const StrMap nothing;
    Reading r = {.source = source, .dir = dotenv_dir(source->file, source->arena), .ret = ret};
    *ret = (ProcfileSettings){0};
    r.all = source->client ? *source->client : nothing;
    if (take_files(&r) < 0)
        return -1;
    const Number numbers[] = {
        {switch_is_on(get(&r, "PORT")) ? PREFIX "PORT" : "PORT", 65535, PROCFILE_PORT, &ret->port},
        {PREFIX "PORT_STEP", 10000, PROCFILE_PORT_STEP, &ret->port_step},
        {PREFIX "FORMATION_PORT_STEP", 10000, 10, &ret->formation_step},
        {PREFIX "TIMEOUT", 24 * 3600, 5, &ret->timeout_s}};
    for (size_t i = 0; i < COUNT(numbers); i++)
        if (take_number(&r, &numbers[i]) < 0)
            return -1;
    ret->no_port = switch_is_on(get(&r, "NO_PORT"));
    ret->any_can_die = switch_is_on(get(&r, "ANY_CAN_DIE"));
    ret->shell = switch_is_on(get(&r, "SHELL")) ? get(&r, "SHELL") : "sh";
    ret->processes = get(&r, "PROCESSES");
    ret->ignored = get(&r, "IGNORED_PROCESSES");
    ret->can_die = get(&r, "CAN_DIE");
    ret->auto_restart = get(&r, "AUTO_RESTART");
    ret->formation = get(&r, "FORMATION");
    ret->stop_signals = get(&r, "STOP_SIGNALS");
    tell_ignored(&r);
    return 0;
}

/* --- lists --- */

static bool blank(char c) {
    return c == ' ' || c == '\t';
}

/* The next item of a list, without blanks around it; false: there is none. */
static bool next_item(const char **at, const char **ret_item, size_t *ret_n) {
    const char *from = *at;
    if (!from || !*from)
        return false;
    size_t n = strcspn(from, ",");
    *at = from + n + (from[n] == ',');
    while (n && blank(*from)) {
        from++;
        n--;
    }
    while (n && blank(from[n - 1]))
        n--;
    *ret_item = from;
    *ret_n = n;
    return true;
}

bool procfile_listed(const char *list, const char *word) {
    const char *item;
    size_t n;
    while (next_item(&list, &item, &n))
        if (n == strlen(word) && strncmp(item, word, n) == 0)
            return true;
    return false;
}

const char *procfile_value(const char *list, const char *word, Arena *arena) {
    const char *item;
    size_t n, size = strlen(word);
    while (next_item(&list, &item, &n))
        if (n > size && strncmp(item, word, size) == 0 && item[size] == '=')
            return arena_strndup(arena, item + size + 1, n - size - 1);
    return NULL;
}
