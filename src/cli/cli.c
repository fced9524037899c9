/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/path.h"
#include "base/str.h"
#include "base/xalloc.h"
#include "cli/moved.h"
#include "cli/project.h"
#include "data/json.h"
#include "data/yaml_write.h"
#include "spec/routes.h"

/* In one write: others may talk to the same terminal. */
void cli_say(const char *format, ...) {
    va_list args;
    va_start(args, format);
    AUTO_FREE char *text = xvasprintf(format, args);
    va_end(args);
    fprintf(stderr, "thole: %s\n", text);
}

bool cli_await(int fd) {
    struct pollfd fds[2] = {{fd, POLLIN, 0}, {STDOUT_FILENO, 0, 0}}; /* its end is always told */
    if (poll(fds, 1, 0) != 0)
        return !ferror(stdout);
    if (fflush(stdout) < 0)
        return false;
    (void)!poll(fds, COUNT(fds), -1);
    return !(fds[1].revents & (POLLERR | POLLHUP));
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

static void put(Cli *cli, const char *bytes, size_t size) {
    if (fwrite(bytes, 1, size, stdout) < size && !cli->unwritten)
        cli->unwritten = errno;
}

void cli_print(Cli *cli, const Value *v) {
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
    put(cli, buf_cstr(&buf), buf.n);
    buf_deinit(&buf);
}

void cli_print_raw(Cli *cli, const HttpAnswer *answer) {
    put(cli, answer->body, answer->size);
    if (answer->size && answer->body[answer->size - 1] != '\n')
        putchar('\n');
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

/* `--file` names a file that is gone: its session may be there all the same. */
static int take_vanished(Cli *cli) {
    AUTO_FREE char *dir = path_dir(cli->file);
    AUTO_FREE char *real = realpath(dir, NULL);
    AUTO_FREE char *found = real ? project_vanished(real) : NULL;
    AUTO_FREE char *path = real ? path_join(real, path_base(cli->file)) : NULL;
    if (!found || strcmp(found, path) != 0)
        return -1;
    cli->config_file = TAKE(found);
    return 0;
}

/* With `why` not NULL. */
static int find_project(Cli *cli, Err *why) {
    char here[PATH_MAX];
    if (cli->file) {
        AUTO_FREE char *said = xasprintf("--file %s", cli->file);
        int r = take_file(cli, cli->file, said, why);
        return r < 0 && why->kind == ERR_NOT_FOUND ? take_vanished(cli) : r;
    }
    if (!getcwd(here, sizeof(here)))
        return err_sys(why, errno, "the working directory is gone");
    AUTO_FREE char *found = project_find(here, why);
    if (found)
        return take_file(cli, found, found, why);
    if (why->kind == ERR_NOT_FOUND)
        cli->config_file = project_vanished(here);
    return cli->config_file ? 0 : -1;
}

int cli_project(Cli *cli, Err *err) {
    Err why;
    if (cli->config_file || find_project(cli, &why) == 0)
        return 0;
    if (err)
        *err = why;
    return -1;
}

/* ---- its session ---- */

/* `--session NAME` is the end of the slug. */
bool cli_is_meant(const Cli *cli, const Value *session) {
    const Value *status = value_get(session, "status");
    return status && str_same(value_get_str(status, "session"), cli->session);
}

/* In values of selectors a backslash stands before what would end them. */
char *cli_file_selector(const Cli *cli, const char *sign) {
    Buf text;
    buf_init(&text, CLI_PATH_BYTES);
    buf_printf(&text, "spec.tiltfilePath%s", sign);
    for (const char *at = cli->config_file; *at; at++)
        buf_printf(&text, "%s%c", strchr("\\,=", *at) ? "\\" : "", *at);
    char *owned = buf_take(&text);
    buf_deinit(&text);
    return owned;
}

char *cli_words(const Cli *cli, const char *verb) {
    return xasprintf("thole %s%s%s%s%s%s%s", cli->file ? "--file " : "", cli->file ? cli->file : "",
                     cli->file ? " " : "", cli->session ? "--session " : "",
                     cli->session ? cli->session : "", cli->session ? " " : "", verb);
}

static const Value *ask_for_session(Cli *cli, bool stopped, Err *err) {
    const Value *list;
    Buf path;
    AUTO_FREE char *selector = cli_file_selector(cli, "=");
    buf_init(&path, CLI_PATH_BYTES);
    buf_puts(&path, TILT_API "/sessions");
    client_param(&path, "fieldSelector", selector);
    if (stopped)
        client_param(&path, "stopped", "true");
    int r = client_ask(&cli->client, "GET", buf_cstr(&path), NULL, &cli->arena, &list, err);
    buf_deinit(&path);
    if (r < 0)
        return NULL;
    const Value *items = value_get(list, "items");
    for (size_t i = 0; i < value_count(items); i++)
        if (cli_is_meant(cli, value_at(items, i)))
            return value_at(items, i);
    AUTO_FREE char *up = cli_words(cli, "up");
    if (access(cli->config_file, F_OK) < 0)
        err_set(err, ERR_NOT_FOUND, "%s is gone, and nothing of it is running", cli->config_file);
    else if (cli->session)
        err_set(err, ERR_NOT_FOUND, "%s has no session \"%.40s\"; start it with `%s`",
                cli->config_file, cli->session, up);
    else
        err_set(err, ERR_NOT_FOUND, "nothing of %s is running; start it with `%s`",
                cli->config_file, up);
    return NULL;
}

const Value *cli_find_session(Cli *cli, bool stopped, Err *err) {
    if (cli_project(cli, err) < 0)
        return NULL;
    const Value *session = ask_for_session(cli, stopped, err);
    if (session || err->kind != ERR_NOT_FOUND || !(session = moved_find(cli)))
        return session;
    AUTO_FREE char *down = cli_words(cli, "down");
    cli_say("this is session %s of %s, from before the directory was moved; `%s` stops it",
            value_get_str(value_get(session, "metadata"), "name"), moved_from(session), down);
    return session;
}

const char *cli_session(Cli *cli, bool *stopped, Err *err) {
    const Value *session = cli_find_session(cli, stopped != NULL, err);
    const Value *metadata = value_get(session, "metadata");
    if (stopped)
        *stopped = value_get_str(value_get(metadata, "annotations"), "thole.dev/stopped") != NULL;
    return value_get_str(metadata, "name");
}
