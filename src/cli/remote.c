/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/remote.h"

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#include "base/boot.h"
#include "base/str.h"
#include "base/xalloc.h"
#include "cli/targets.h"
#include "data/json.h"
#include "spec/routes.h"

/* Of several that the name stands for: the server of the resource. NULL: there is no telling which
 * is meant. */
static const Seen *choose(const Targets *targets, Err *err) {
    const Seen *found = NULL;
    Buf names;
    bool several = false; /* resources */
    buf_init(&names, 4096);
    for (size_t i = 0; i < targets->all.n; i++) {
        const Seen *seen = targets->all.at[i];
        if (!seen->chosen)
            continue;
        buf_printf(&names, "%s%s", found ? ", " : "", seen->view.name);
        several |= found && !str_same(found->view.resource, seen->view.resource);
        found = !found || !seen->view.job ? seen : found;
    }
    if (several) {
        err_set(err, ERR_INVALID, "it stands for several targets, name one: %s", buf_cstr(&names));
        found = NULL;
    }
    buf_deinit(&names);
    return found;
}

int remote_find(Cli *cli, const char *name, Remote *ret, Err *err) {
    Targets targets;
    const char *words[] = {name};
    TextList list = {words, 1}, no_labels = {0};
    const char *slug = cli_session(cli, NULL, err);
    if (!slug)
        return -1;
    targets_init(&targets, &cli->client, slug);
    int r = targets_read(&targets, err);
    if (r == 0)
        r = targets_choose(&targets, &list, &no_labels, err);
    const Seen *seen = r == 0 ? choose(&targets, err) : NULL;
    if (seen)
        *ret = (Remote){.cli = cli,
                        .slug = arena_strdup(&cli->arena, slug),
                        .name = arena_strdup(&cli->arena, seen->view.name),
                        .object = arena_strdup(&cli->arena, seen->view.object),
                        .writer = (random_u64() >> 1) | 1};
    targets_deinit(&targets);
    return seen ? 0 : -1;
}

char *remote_path(const Remote *remote, const char *format, ...) {
    Buf path;
    va_list args;
    buf_init(&path, CLI_PATH_BYTES);
    buf_printf(&path, THOLE_API "/namespaces/%s/targets/", remote->slug);
    client_segment(&path, remote->object);
    buf_putc(&path, '/');
    va_start(args, format);
    AUTO_FREE char *rest = xvasprintf(format, args);
    va_end(args);
    buf_puts(&path, rest);
    char *text = buf_take(&path);
    buf_deinit(&path);
    return text;
}

int remote_look(Remote *remote, Err *err) {
    const Value *reply;
    Arena arena;
    arena_init(&arena);
    AUTO_FREE char *path = remote_path(remote, "terminal");
    int r = client_ask(&remote->cli->client, "GET", path, NULL, &arena, &reply, err);
    const Value *status = value_get(reply, "status");
    if (r == 0) {
        remote->run = value_get_int(status, "run", 0);
        remote->tty = value_get_bool(status, "tty", false);
        remote->stdin_open = value_get_bool(status, "stdin", false);
        remote->log_first = (uint64_t)value_get_int(status, "logFirst", 0);
        remote->log_end = (uint64_t)value_get_int(status, "logEnd", 0);
    }
    arena_deinit(&arena);
    return r;
}

int remote_look_reader(Remote *remote, Err *err) {
    if (remote_look(remote, err) < 0)
        return -1;
    if (remote->tty || remote->stdin_open)
        return 0;
    return err_set(
        err, ERR_CONFLICT,
        "%s reads nothing; `tty: true` or `stdin: true` in its service changes that, and "
        "`thole logs -f %s` shows what it writes",
        remote->name, remote->name);
}

HttpLines *remote_give(const Remote *remote, const char *bytes, size_t n, bool end, Err *err) {
    AUTO_FREE char *path = remote_path(remote, "input?writer=%" PRIu64 "&at=%" PRIu64 "%s",
                                       remote->writer, remote->written, end ? "&end=true" : "");
    return client_give(&remote->cli->client, path, n ? bytes : "", n, err);
}

int remote_status(HttpLines *lines, Err *err) {
    size_t size;
    const Value *status = NULL;
    Arena arena;
    const char *text = http_lines_rest(lines, &size);
    arena_init(&arena);
    int r = json_parse(text, size, &arena, &status, err);
    if (r < 0)
        err_set(err, ERR_UNAVAILABLE, "the server broke off");
    else if (!str_same(value_get_str(status, "status"), "Success"))
        r = err_set(err, http_err_kind((int)value_get_int(status, "code", 503)), "%s",
                    value_get_str(status, "message") ? value_get_str(status, "message")
                                                     : "the server broke off");
    arena_deinit(&arena);
    return r;
}
