/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/report_print.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/limits.h"
#include "base/xalloc.h"
#include "cli/plain.h"

enum { EXCERPT_MOST = 160 };

/* The n-th line of a text. */
static const char *find_line(const char *text, int64_t n, size_t *ret_size) {
    for (; n > 1 && text; n--) {
        text = strchr(text, '\n');
        text = text ? text + 1 : NULL;
    }
    *ret_size = text ? strcspn(text, "\r\n") : 0;
    return text;
}

/* The line, and a caret below its column (in characters). */
static void print_excerpt(const char *file, int64_t line, int64_t column, bool color) {
    AUTO_FREE char *text = NULL;
    size_t size, at = 0;
    if (file_read(file, MAX_CONFIG_BYTES, &text, NULL, NULL) < 0)
        return;
    const char *found = find_line(text, line, &size);
    if (!found || size > EXCERPT_MOST)
        return;
    fprintf(stderr, "%6lld | %.*s\n       | ", (long long)line, (int)size, found);
    for (int64_t left = column - 1; left > 0 && at < size; at++) {
        if (((unsigned char)found[at] & 0xc0) == 0x80)
            continue;
        fputc(found[at] == '\t' ? '\t' : ' ', stderr);
        left--;
    }
    fprintf(stderr, "%s^%s\n", color ? "\033[32m" : "", color ? "\033[0m" : "");
}

static void print_problem(const Cli *cli, const Value *problem, const char *kind) {
    const char *path = value_get_str(problem, "path"), *hint = value_get_str(problem, "hint");
    const char *file = value_get_str(problem, "file"), *message = value_get_str(problem, "message");
    int64_t line = value_get_int(problem, "line", 0), column = value_get_int(problem, "column", 0);
    fputs(file ? file : cli->config_file, stderr);
    if (line)
        fprintf(stderr, ":%lld:%lld", (long long)line, (long long)column);
    AUTO_FREE char *plain_path = plain_copy(path ? path : "");
    AUTO_FREE char *plain_message = plain_copy(message ? message : "");
    fprintf(stderr, ": %s%s%s%s", kind, plain_path, plain_path[0] ? ": " : "", plain_message);
    fprintf(stderr, "%s%s\n", hint ? "; " : "", hint ? hint : "");
    if (line && isatty(STDERR_FILENO))
        print_excerpt(file ? file : cli->config_file, line, column, cli->color_err);
}

static void print_list(const Cli *cli, const Value *list, const char *kind) {
    for (size_t i = 0; i < value_count(list); i++)
        print_problem(cli, value_at(list, i), kind);
}

void report_print(const Cli *cli, const Value *reply) {
    print_list(cli, value_get(value_get(reply, "details"), "problems"), "");
}

void report_print_review(const Cli *cli, const Value *status) {
    print_list(cli, value_get(status, "problems"), "");
    print_list(cli, value_get(status, "warnings"), "warning: ");
}

void report_take_cause(const Value *reply, Err *err) {
    const Value *details = value_get(reply, "details");
    const char *cause = value_get_str(value_at(value_get(details, "causes"), 0), "message");
    if (cause && !value_get(details, "problems"))
        err_set(err, err->kind, "%s", cause);
}
