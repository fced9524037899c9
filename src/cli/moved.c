/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/moved.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/path.h"
#include "base/str.h"
#include "base/xalloc.h"
#include "spec/routes.h"

/* `.thole` beside the config file. Returns owned. */
static char *trace_dir(const Cli *cli) {
    AUTO_FREE char *dir = path_dir(cli->config_file);
    return path_join(dir, ".thole");
}

/* …/sessions/<slug>/runs: where the logs of the default config file's session are. Returns owned,
 * or NULL. */
static char *linked_slug(const char *dir) {
    AUTO_FREE char *path = path_join(dir, "logs");
    char to[PATH_MAX];
    ssize_t n = readlink(path, to, sizeof(to) - 1);
    to[n < 0 ? 0 : n] = '\0';
    char *end = strrchr(to, '/');
    if (!end)
        return NULL;
    *end = '\0';
    const char *slug = path_base(to);
    return slug > to && *slug ? xstrdup(slug) : NULL;
}

const char *moved_from(const Value *session) {
    return value_get_str(value_get(session, "spec"), "tiltfilePath");
}

/* A further session, or one of another config file, has a directory of its name. */
static bool is_it(const Cli *cli, const Value *session, const char *dir, const char *linked) {
    const char *file = moved_from(session);
    const char *slug = value_get_str(value_get(session, "metadata"), "name");
    if (!file || !slug || access(file, F_OK) == 0 || !cli_is_meant(cli, session))
        return false;
    AUTO_FREE char *own = path_join(dir, slug);
    return access(own, F_OK) == 0 || (linked && strcmp(linked, slug) == 0);
}

/* Of all sessions of other files, or of the one of that name. */
static const Value *look(Cli *cli, const char *dir, const char *linked) {
    const Value *list;
    Buf path;
    Err err;
    AUTO_FREE char *others = cli_file_selector(cli, "!=");
    AUTO_FREE char *named = xasprintf("%s,metadata.name=%s", others, linked ? linked : "");
    buf_init(&path, CLI_PATH_BYTES);
    buf_puts(&path, TILT_API "/sessions");
    client_param(&path, "fieldSelector", linked ? named : others);
    int r = client_ask(&cli->client, "GET", buf_cstr(&path), NULL, &cli->arena, &list, &err);
    buf_deinit(&path);
    const Value *items = r == 0 ? value_get(list, "items") : NULL;
    for (size_t i = 0; i < value_count(items); i++)
        if (is_it(cli, value_at(items, i), dir, linked))
            return value_at(items, i);
    return NULL;
}

const Value *moved_find(Cli *cli) {
    AUTO_FREE char *dir = trace_dir(cli);
    AUTO_FREE char *linked = cli->session ? NULL : linked_slug(dir);
    const Value *found = linked ? look(cli, dir, linked) : NULL;
    if (!found && (cli->session || cli->file) && access(dir, F_OK) == 0)
        found = look(cli, dir, NULL);
    return found;
}

/* ---- gone for good ---- */

static const char *slug_of(const Value *session) {
    return value_get_str(value_get(session, "metadata"), "name");
}

/* The sessions of all files. NULL: they are not known. */
static const Value *ask_sessions(Cli *cli, bool stopped) {
    const Value *list;
    Err err;
    const char *path = stopped ? TILT_API "/sessions?stopped=true" : TILT_API "/sessions";
    bool known = client_ask(&cli->client, "GET", path, NULL, &cli->arena, &list, &err) == 0;
    return known ? value_get(list, "items") : NULL;
}

static bool is_lost(const Value *session) {
    const char *file = moved_from(session);
    return file && slug_of(session) && access(file, F_OK) < 0;
}

/* Where --file would be; owned. NULL: none was given. */
static char *file_given(const Cli *cli) {
    char here[PATH_MAX];
    if (!cli->file || (cli->file[0] != '/' && !getcwd(here, sizeof(here))))
        return NULL;
    AUTO_FREE char *whole = cli->file[0] == '/' ? xstrdup(cli->file) : path_join(here, cli->file);
    return path_resolve(whole);
}

const char *moved_lost(Cli *cli, bool stopped) {
    AUTO_FREE char *file = file_given(cli);
    const Value *items = cli->session || file ? ask_sessions(cli, stopped) : NULL;
    for (size_t i = 0; i < value_count(items); i++) {
        const Value *session = value_at(items, i);
        bool named = str_same(slug_of(session), cli->session) ||
                     (str_same(moved_from(session), file) && cli_is_meant(cli, session));
        if (named && is_lost(session))
            return slug_of(session);
    }
    return NULL;
}

void moved_say_lost(Cli *cli) {
    const Value *items = ask_sessions(cli, false);
    for (size_t i = 0; i < value_count(items); i++) {
        const Value *session = value_at(items, i);
        if (is_lost(session))
            cli_say("%s of session %s is gone; `thole --session %s down` stops it",
                    moved_from(session), slug_of(session), slug_of(session));
    }
}
