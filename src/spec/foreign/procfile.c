/* SPDX-License-Identifier: Apache-2.0 */
#include "spec/foreign/procfile.h"

#include <inttypes.h>
#include <string.h>

#include "base/str.h"
#include "base/utf8.h"
#include "spec/foreign/foreign_name.h"
#include "spec/foreign/procfile_lines.h"
#include "spec/foreign/procfile_settings.h"
#include "spec/foreign/writing.h"
#include "spec/template.h"

enum { COPIES_MAX = 100 };

typedef struct Making {
    const Source *source;
    Arena *arena;
    ProcfileSettings settings;
    const ProcfileEntries *entries;
    Names names;
} Making;

static int problem(const Making *m, const ProcfileEntry *entry, const char *hint,
                   const char *message) {
    Place place = {.file = m->source->file, .line = entry->line, .column = 1};
    report_add(m->source->report, &place, hint, "%s", message);
    return -1;
}

/* How many of it run; -1: reported. */
static int64_t copies_of(const Making *m, const ProcfileEntry *entry) {
    int64_t n = 1;
    const char *text = procfile_value(m->settings.formation, entry->name, m->arena);
    if (!text)
        text = procfile_value(m->settings.formation, "all", m->arena);
    if (text && number_parse(text, 0, COPIES_MAX, &n) < 0)
        return problem(m, entry, "OVERMIND_FORMATION is name=number,name=number",
                       arena_printf(m->arena, "\"%.40s\" is no number of %s from 0 to %d", text,
                                    entry->name, COPIES_MAX));
    return n;
}

static int64_t port_of(const Making *m, size_t i, int64_t copy) {
    return m->settings.port + (int64_t)i * m->settings.port_step +
           copy * m->settings.formation_step;
}

static bool starts(const Making *m, const ProcfileEntry *entry) {
    bool asked = !m->settings.processes || !*m->settings.processes ||
                 procfile_listed(m->settings.processes, entry->name);
    return asked && !procfile_listed(m->settings.ignored, entry->name);
}

static void put_restart(const Making *m, const Writing *w, const ProcfileEntry *entry,
                        Value *service) {
    const ProcfileSettings *s = &m->settings;
    bool again =
        procfile_listed(s->auto_restart, entry->name) || procfile_listed(s->auto_restart, "all");
    bool may_die = s->any_can_die || procfile_listed(s->can_die, entry->name);
    writing_text(w, service, "restart", again ? "always" : "never");
    if (again)
        return;
    Value *codes = writing_list(w);
    value_add(m->arena, codes, value_new_int(m->arena, 0));
    writing_put(w, service, "success_exit_codes", codes);
    if (!may_die)
        writing_text(w, service, "ends_session", "always");
}

static void put_stop(const Making *m, const Writing *w, const ProcfileEntry *entry,
                     Value *service) {
    Value *stop = writing_map(w);
    const char *name = procfile_value(m->settings.stop_signals, entry->name, m->arena);
    if (name)
        writing_text(w, stop, "signal", name);
    writing_ms(w, stop, "grace", m->settings.timeout_s * 1000);
    writing_put(w, service, "stop", stop);
}

/* PS says who it is, as foreman has it; each knows its port, and those of the others. */
static void put_env(const Making *m, const Writing *w, size_t i, int64_t copy, Value *service) {
    const ProcfileEntry *entry = &m->entries->at[i];
    Value *env = writing_map(w);
    writing_text(w, env, "PS", arena_printf(m->arena, "%s.%" PRId64, entry->name, copy + 1));
    if (!m->settings.no_port) {
        writing_text(w, env, "PORT", arena_printf(m->arena, "%" PRId64, port_of(m, i, copy)));
        for (size_t k = 0; k < m->entries->n; k++) {
            char *name = arena_printf(m->arena, "OVERMIND_PROCESS_%s_PORT", m->entries->at[k].name);
            for (char *p = name; *p; p++)
                *p = *p == '-' ? '_' : *p;
            writing_over(w, env, name, arena_printf(m->arena, "%" PRId64, port_of(m, k, 0)));
        }
    }
    writing_put(w, service, "env", env);
}

static void put_service(const Making *m, size_t i, int64_t copy, const char *name,
                        Value *services) {
    const ProcfileEntry *entry = &m->entries->at[i];
    Writing w = {m->arena, entry->line, 1};
    Value *service = writing_map(&w);
    const char *shell[] = {m->settings.shell, "-c"};
    writing_text(&w, service, "command",
                 template_escape(entry->command, TEMPLATE_LENIENT, m->arena));
    writing_words(&w, service, "shell", &(StrList){shell, 2});
    put_env(m, &w, i, copy, service);
    put_restart(m, &w, entry, service);
    put_stop(m, &w, entry, service);
    if (!starts(m, entry))
        writing_bool(&w, service, "auto", false);
    writing_put(&w, services, name, service);
}

/* Several of one: web-1, web-2, and `web` stands for all of them. */
static void put_copies(const Making *m, size_t i, int64_t copies, const char *name,
                       Value *services) {
    const ProcfileEntry *entry = &m->entries->at[i];
    Writing w = {m->arena, entry->line, 1};
    Value *group = writing_map(&w), *members = writing_list(&w);
    for (int64_t k = 0; k < copies; k++) {
        const char *own = arena_printf(m->arena, "%s-%" PRId64, name, k + 1);
        put_service(m, i, k, own, services);
        writing_item(&w, members, own);
    }
    writing_put(&w, group, "depends_on", members);
    if (!starts(m, entry))
        writing_bool(&w, group, "auto", false);
    writing_put(&w, services, name, group);
}

static const ProcfileEntry *named_before(const Making *m, size_t i) {
    for (size_t k = 0; k < i; k++)
        if (strcmp(m->entries->at[k].name, m->entries->at[i].name) == 0)
            return &m->entries->at[k];
    return NULL;
}

static int put_entry(Making *m, size_t i, Value *services) {
    const ProcfileEntry *entry = &m->entries->at[i];
    int64_t copies = copies_of(m, entry);
    const ProcfileEntry *before = named_before(m, i);
    if (before)
        return problem(m, entry, "rename one of them",
                       arena_printf(m->arena, "\"%s\" is the process of line %" PRIu32 " too",
                                    entry->name, before->line));
    const char *name = foreign_name(&m->names, entry->name);
    if (copies < 0)
        return -1;
    if (!name || value_get(services, name))
        return problem(
            m, entry, "rename one of them",
            arena_printf(m->arena,
                         "\"%s\" is the name of another process here, where names are lower case",
                         entry->name));
    if (copies > 1) {
        put_copies(m, i, copies, name, services);
        return 0;
    }
    put_service(m, i, 0, name, services);
    Value *service = services->map.at[services->map.n - 1].value;
    if (copies == 0 && starts(m, entry))
        writing_bool(&(Writing){m->arena, entry->line, 1}, service, "auto", false);
    return 0;
}

static const Value *translate(Making *m) {
    Writing w = {m->arena, 1, 1};
    Value *root = writing_map(&w), *services = writing_map(&w), *env = writing_map(&w);
    int r = 0;
    writing_int(&w, root, "version", 1);
    if (m->source->keep && m->settings.files.n)
        writing_words(&w, root, "env_from", &m->settings.files);
    for (size_t i = 0; i < m->settings.env.n && !m->source->keep; i++)
        writing_text(&w, env, m->settings.env.at[i].name,
                     template_escape(m->settings.env.at[i].value, TEMPLATE_STRICT, m->arena));
    if (env->map.n)
        writing_put(&w, root, "env", env);
    for (size_t i = 0; i < m->entries->n; i++)
        if (put_entry(m, i, services) < 0)
            r = -1;
    foreign_names_tell(&m->names, m->source);
    writing_put(&w, root, "services", services);
    return r == 0 ? root : NULL;
}

const Value *procfile_translate(const Source *source, const char *text, size_t size) {
    ProcfileEntries entries;
    Place place = {.file = source->file};
    Making m = {.source = source, .arena = source->arena, .entries = &entries};
    if (!utf8_valid(text, size) || memchr(text, 0, size)) {
        report_add(source->report, &place, "save it as UTF-8", "the file is not UTF-8 text");
        return NULL;
    }
    procfile_parse(source, text, size, &entries);
    if (entries.n == 0) {
        report_add(source->report, &place, "a line is `name: command`",
                   "there is no process in it");
        return NULL;
    }
    if (procfile_settings(source, &m.settings) < 0)
        return NULL;
    foreign_names_init(&m.names, m.arena);
    const Value *root = translate(&m);
    foreign_names_deinit(&m.names);
    return root;
}
