/* SPDX-License-Identifier: Apache-2.0 */
#include <poll.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/str.h"
#include "base/file.h"
#include "base/limits.h"
#include "cli/commands.h"

static bool goes_on(const char *path) {
    return strstr(path, "watch=true") || strstr(path, "follow=true") || strstr(path, "/hold");
}

static int wait_more(HttpLines *lines, Err *err) {
    struct pollfd p = {.fd = http_lines_fd(lines), .events = POLLIN};
    (void)!poll(&p, 1, -1);
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
        r = fflush(stdout) < 0 ? 0 : http_lines_done(lines) ? 0 : wait_more(lines, err);
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
    cli_print_raw(&answer);
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

static int run(Cli *cli, void *options, Err *err) {
    const char *method = cli->names.n ? cli->names.at[0] : "";
    const char *path = cli->names.n > 1 ? cli->names.at[1] : "";
    const char *body = cli->names.n > 2 ? cli->names.at[2] : "{}";
    bool get = strcasecmp(method, "GET") == 0, delete = strcasecmp(method, "DELETE") == 0;
    bool post = strcasecmp(method, "POST") == 0;
    if ((!get && !post && !delete) || path[0] != '/' || cli->names.n > (post ? 3u : 2u))
        return err_set(err, ERR_INVALID,
                       "use it as `thole api GET /PATH`, `thole api POST /PATH [JSON]` "
                       "or `thole api DELETE /PATH`");
    if (strpbrk(path, " \t\r\n"))
        return err_set(err, ERR_INVALID, "a path has no spaces; write %%20");
    if (get && goes_on(path))
        return stream(cli, path, err);
    if (post)
        return ask(cli, "POST", path, body, err);
    return ask(cli, get ? "GET" : "DELETE", path, NULL, err);
}

const Command command_api = {
    .name = "api",
    .args = "GET|POST|DELETE PATH [JSON]",
    .doc = "Asks the server's API directly and prints what it answers",
    .run = run,
    .once = true,
};
