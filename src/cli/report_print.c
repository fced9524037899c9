/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/report_print.h"

static void print_problem(const Value *problem) {
    const char *path = value_get_str(problem, "path"), *hint = value_get_str(problem, "hint");
    const char *file = value_get_str(problem, "file"), *message = value_get_str(problem, "message");
    int64_t line = value_get_int(problem, "line", 0), column = value_get_int(problem, "column", 0);
    fputs(file ? file : "", stderr);
    if (line)
        fprintf(stderr, ":%lld:%lld", (long long)line, (long long)column);
    fprintf(stderr, ": %s%s%s", path && path[0] ? path : "", path && path[0] ? ": " : "", message ? message : "");
    fprintf(stderr, "%s%s\n", hint ? "; " : "", hint ? hint : "");
}

void report_print(const Cli *cli, const Value *reply) {
    (void)cli;
    const Value *problems = value_get(value_get(reply, "details"), "problems");
    if (!problems)
        problems = value_get(value_get(reply, "status"), "problems");
    for (size_t i = 0; i < value_count(problems); i++)
        print_problem(value_at(problems, i));
}
