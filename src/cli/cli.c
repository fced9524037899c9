/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/path.h"
#include "base/str.h"
#include "base/xalloc.h"
#include "cli/report_print.h"
#include "data/json.h"
#include "data/yaml_write.h"
#include "spec/routes.h"

void cli_say(const char *format, ...) {
    va_list args;
    fputs("thole: ", stderr);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
}

int cli_fail(const Err *err) {
    cli_say("%s", err->msg);
    return err_exit_code(err->kind);
}

const char *cli_output(const Cli *cli) {
    if (cli->json)
        return "json";
    return cli->output ? cli->output : cli->usual_output;
}

void cli_print(const Cli *cli, const Value *v) {
    Buf buf;
    JsonWriter out;
    buf_init(&buf, MAX_JSON_BYTES);
    json_writer_init(&out, &buf);
    if (strcmp(cli_output(cli), "yaml") == 0) {
        yaml_write(v, &buf);
    } else {
        out.pretty = true;
        json_value(&out, v);
        buf_putc(&buf, '\n');
    }
    fwrite(buf_cstr(&buf), 1, buf.n, stdout);
    buf_deinit(&buf);
}

int cli_refused(const Cli *cli, const Value *reply, const Err *err) {
    report_print(cli, reply);
    return cli_fail(err);
}

/* ---- the project ---- */

static int take_file(Cli *cli, const char *path, const char *said, Err *err) {
    char real[PATH_MAX];
    if (!realpath(path, real)) {
        struct stat st;
        int number = errno;
        bool dangling = number == ENOENT && lstat(path, &st) == 0;
        return dangling ? err_set(err, ERR_NOT_FOUND, "%s is a link that leads nowhere", said)
                        : err_sys(err, number, "%s", said);
    }
    cli->config_file = xstrdup(real);
    return 0;
}

/* thole.yaml, or previewctl.yaml, here or above; also a link that leads nowhere, so that it is named. */
static char *search(const char *from) {
    static const char *const names[] = {"thole.yaml", "previewctl.yaml"};
    AUTO_FREE char *dir = xstrdup(from);
    for (;;) {
        for (size_t i = 0; i < COUNT(names); i++) {
            AUTO_FREE char *path = path_join(dir[0] ? dir : "/", names[i]);
            if (faccessat(AT_FDCWD, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
                return TAKE(path);
        }
        char *slash = strrchr(dir, '/');
        if (!slash || !dir[0])
            return NULL;
        *slash = '\0';
    }
}

int cli_project(Cli *cli, Err *err) {
    char here[PATH_MAX];
    if (cli->config_file)
        return 0;
    if (cli->file) {
        AUTO_FREE char *said = xasprintf("--file %s", cli->file);
        return take_file(cli, cli->file, said, err);
    }
    if (!getcwd(here, sizeof(here)))
        return err_sys(err, errno, "the working directory is gone");
    AUTO_FREE char *found = search(here);
    if (!found)
        return err_set(
            err, ERR_NOT_FOUND,
            "there is no thole.yaml in %s or above; write one (README), or name it with --file",
            here);
    return take_file(cli, found, found, err);
}

/* ---- its session ---- */

/* `--session NAME` is the end of the slug. */
static bool is_meant(const Cli *cli, const Value *session) {
    const char *slug = value_get_str(value_get(session, "metadata"), "name");
    size_t base = slug ? strlen(slug) : 0;
    if (!slug)
        return false;
    AUTO_FREE char *suffix = xasprintf("-%s", cli->session ? cli->session : "");
    if (cli->session)
        return str_ends(slug, suffix);
    return base > 7 && slug[base - 7] == '-' && strspn(slug + base - 6, "0123456789abcdef") == 6;
}

const Value *cli_find_session(Cli *cli, Arena *arena, bool stopped, Err *err) {
    const Value *list;
    Buf path;
    if (cli_project(cli, err) < 0)
        return NULL;
    AUTO_FREE char *selector = xasprintf("spec.tiltfilePath=%s", cli->config_file);
    buf_init(&path, 16384);
    buf_puts(&path, TILT_API "/sessions");
    client_param(&path, "fieldSelector", selector);
    if (stopped)
        client_param(&path, "stopped", "true");
    int r = client_ask(&cli->client, "GET", buf_cstr(&path), NULL, arena, &list, err);
    buf_deinit(&path);
    if (r < 0)
        return NULL;
    const Value *items = value_get(list, "items");
    for (size_t i = 0; i < value_count(items); i++)
        if (is_meant(cli, value_at(items, i)))
            return value_at(items, i);
    if (cli->session)
        err_set(err, ERR_NOT_FOUND,
                "%s has no session \"%.40s\"; start it with `thole --session %.40s up`",
                cli->config_file, cli->session, cli->session);
    else
        err_set(err, ERR_NOT_FOUND, "nothing of %s is running; start it with `thole up`",
                cli->config_file);
    return NULL;
}

const char *cli_session(Cli *cli, Arena *arena, bool *stopped, Err *err) {
    const Value *session = cli_find_session(cli, arena, stopped != NULL, err);
    const Value *metadata = value_get(session, "metadata");
    if (stopped)
        *stopped = value_get_str(value_get(metadata, "annotations"), "thole.dev/stopped") != NULL;
    return value_get_str(metadata, "name");
}
