/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/moved.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/path.h"
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
