/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include <strings.h>

#include "base/str.h"
#include "base/file.h"
#include "base/limits.h"
#include "cli/commands.h"
#include "spec/routes.h"

static bool goes_on(const char *path) {
    return strstr(path, "watch=true") || strstr(path, "follow=true") || strstr(path, "/hold");
}

static int wait_more(HttpLines *lines, Err *err) {
    if (!cli_await(http_lines_fd(lines)))
        return 0;
    return http_lines_fill(lines, err) < 0 ? -1 : 1;
}

/* What has no end is printed as it comes. */
static int stream(Cli *cli, const char *path, Err *err) {
    HttpLines *lines = client_lines(&cli->client, path, err);
    int r;
    if (!lines)
        return -1;
    do {
        size_t size;
        const char *bytes = http_lines_rest(lines, &size);
        fwrite(bytes, 1, size, stdout);
        r = http_lines_done(lines) ? 0 : wait_more(lines, err);
    } while (r > 0);
    http_lines_close(lines);
    return r;
}

/* The reply goes to stdout whatever it is; what it says of itself decides the exit code. */
static int ask(Cli *cli, const char *method, const char *path, const char *body, Err *err) {
    HttpAnswer answer;
    char message[400];
    if (client_raw(&cli->client, method, path, body, &answer, err) < 0)
        return -1;
    cli_print_raw(cli, &answer);
    int r = EXIT_DONE;
    if (answer.status >= 400) {
        http_status_message(&answer, message, sizeof(message));
        if (str_starts(message, "the server answered"))
            cli_say("%s", message);
        else
            cli_say("%d: %s", answer.status, message);
        r = answer.status < 500 ? EXIT_USAGE : EXIT_TROUBLE;
    }
    http_answer_free(&answer);
    return r;
}

static int method_of(const char *name, HttpMethod *ret) {
    for (HttpMethod method = 0; method < HTTP_METHODS; method++)
        if (strcasecmp(name, http_method_name(method)) == 0) {
            *ret = method;
            return 0;
        }
    return -1;
}

static int run(Cli *cli, void *options, Err *err) {
    const char *path = cli->names.n > 1 ? cli->names.at[1] : "";
    const char *body = cli->names.n > 2 ? cli->names.at[2] : "{}";
    HttpMethod method;
    bool known = cli->names.n && method_of(cli->names.at[0], &method) == 0;
    bool has_body = known && (method == HTTP_POST || method == HTTP_PATCH);
    if (!known || path[0] != '/' || cli->names.n > (has_body ? 3u : 2u))
        return err_set(err, ERR_INVALID,
                       "use it as `thole api GET|DELETE /PATH` or `thole api POST|PATCH /PATH "
                       "[JSON]`");
    if (strpbrk(path, " \t\r\n"))
        return err_set(err, ERR_INVALID, "a path has no spaces; write %%20");
    if (method == HTTP_GET && goes_on(path))
        return stream(cli, path, err);
    return ask(cli, http_method_name(method), path, has_body ? body : NULL, err);
}

const Command command_api = {
    .name = "api",
    .args = "GET|POST|PATCH|DELETE PATH [JSON]",
    .words = "GET|POST|PATCH|DELETE",
    .doc = "Asks the server's API directly and prints what it answers",
    .run = run,
    .once = true,
};
