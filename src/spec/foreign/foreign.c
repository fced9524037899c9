/* SPDX-License-Identifier: Apache-2.0 */
#include "spec/foreign/foreign.h"

#include <string.h>

#include "base/path.h"
#include "base/str.h"
#include "spec/config.h"
#include "spec/foreign/process_compose.h"
#include "spec/foreign/procfile.h"

static bool is_procfile(const char *base) {
    return strncmp(base, "Procfile", 8) == 0 || str_ends(base, ".procfile") ||
           str_ends(base, ".Procfile");
}

/* Is `key:` a key of the whole file? Enough to tell languages apart; whether it is well formed is
 * another question. */
static bool has_key(const char *text, size_t size, const char *key) {
    size_t n = strlen(key);
    for (const char *p = text, *end = text + size; p < end;) {
        const char *q = *p == '"' || *p == '\'' || *p == '{' ? p + 1 : p;
        q += *p == '{' && q < end && *q == '"';
        if ((size_t)(end - q) > n && memcmp(q, key, n) == 0) {
            q += n + (q[n] == '"' || q[n] == '\'');
            if (q < end && *q == ':')
                return true;
        }
        const char *line = memchr(p, '\n', (size_t)(end - p));
        p = line ? line + 1 : end;
    }
    return false;
}

static bool is_json(const char *text, size_t size) {
    size_t at = 0;
    while (at < size && strchr(" \t\r\n", text[at]))
        at++;
    return at < size && text[at] == '{';
}

Language foreign_language(const char *file, const char *text, size_t size) {
    const char *base = path_base(file);
    if (strcmp(base, "thole.yaml") == 0 || config_of_previewctl(base))
        return LANGUAGE_THOLE;
    if (is_procfile(base))
        return LANGUAGE_PROCFILE;
    if (str_starts(base, "process-compose") ||
        (has_key(text, size, "processes") && !has_key(text, size, "services")) ||
        (is_json(text, size) && memmem(text, size, "\"processes\"", 11)))
        return LANGUAGE_PROCESS_COMPOSE;
    bool compose = str_starts(base, "compose.") || str_starts(base, "docker-compose");
    return compose && !has_key(text, size, "version: 1") ? LANGUAGE_COMPOSE : LANGUAGE_THOLE;
}

static const Value *read_process_compose(Source *source, const char *text, size_t size) {
    PcFiles files;
    const PcProject *project = pc_read(source, text, size, &files);
    return project ? pc_translate(project, &files, source) : NULL;
}

int foreign_read(Source *source, Language language, const char *text, size_t size) {
    if (language == LANGUAGE_COMPOSE)
        return source_problem(
            source, "",
            "run it with docker compose; what else the project needs goes into a thole.yaml",
            "this is a file of Docker Compose, which thole does not run");
    const Value *value = language == LANGUAGE_PROCFILE ? procfile_translate(source, text, size)
                                                       : read_process_compose(source, text, size);
    source->value = value;
    return value ? 0 : -1;
}
