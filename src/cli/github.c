/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/github.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/boot.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/path.h"
#include "base/str.h"

enum { SUMMARY_BYTES = 1 << 20 }; /* the runner takes no more of a step */

void github_init(Github *github, FILE *to) {
    const char *actions = getenv("GITHUB_ACTIONS");
    *github = (Github){.to = to, .on = actions && strcmp(actions, "true") == 0};
}

/* ---- folding ---- */

void github_fold(Github *github, const char *title) {
    if (!github->on || github->folded)
        return;
    random_uuid(github->token);
    fprintf(github->to, "::group::%s\n::stop-commands::%s\n", title, github->token);
    fflush(github->to);
    github->folded = true;
}

void github_unfold(Github *github) {
    if (!github->folded)
        return;
    fprintf(github->to, "::%s::\n::endgroup::\n", github->token);
    fflush(github->to);
    github->folded = false;
}

void github_quote(Github *github) {
    if (!github->on)
        return;
    random_uuid(github->token);
    fprintf(github->to, "::stop-commands::%s\n", github->token);
}

void github_unquote(Github *github) {
    if (!github->on)
        return;
    fprintf(github->to, "::%s::\n", github->token);
    fflush(github->to);
}

/* ---- annotations ---- */

/* As the runner decodes it; in a property more has a meaning. */
static void put_escaped(const char *text, bool property, FILE *to) {
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        if (c == '%' || c == '\r' || c == '\n' || (property && (c == ':' || c == ',')))
            fprintf(to, "%%%02X", c);
        else
            putc(c, to);
    }
}

/* As it is called in the repository. */
static const char *file_name(const char *file) {
    const char *workspace = getenv("GITHUB_WORKSPACE");
    size_t n = workspace ? strlen(workspace) : 0;
    if (n && path_below(file, workspace) && strlen(file) > n)
        return file + n + (file[n] == '/');
    return file;
}

static void annotate(FILE *to, const Cases *cases, const Case *it, const char *message) {
    fputs("::error", to);
    if (cases->file[0]) {
        fputs(" file=", to);
        put_escaped(file_name(cases->file), true, to);
        if (it && it->line)
            fprintf(to, ",line=%lld", (long long)it->line);
        fputs(",title=", to);
        put_escaped(it ? it->target : cases->name, true, to);
    }
    fputs("::", to);
    if (it) {
        put_escaped(it->target, false, to);
        fputs(": ", to);
    }
    put_escaped(message, false, to);
    putc('\n', to);
}

void github_error(const Github *github, const char *title, const char *message) {
    if (!github->on)
        return;
    fputs("::error title=", github->to);
    put_escaped(title, true, github->to);
    fputs("::", github->to);
    put_escaped(message, false, github->to);
    putc('\n', github->to);
    fflush(github->to);
}

/* ---- the summary of the step ---- */

/* In a cell of a table, as text. */
static void put_cell(Buf *out, const char *text) {
    for (; *text; text++)
        if (strchr("|\\`*_<>[]#~", *text))
            buf_printf(out, "\\%c", *text);
        else
            buf_putc(out, *text == '\n' || *text == '\r' ? ' ' : *text);
}

static void put_row(const Cases *cases, const Case *it, Arena *arena, Buf *out) {
    char took[DURATION_TEXT];
    bool failed = case_is_failure(it, cases), well = case_is_success(it);
    duration_format_short(it->ms, took);
    buf_printf(out, "| %s | ", failed ? "❌" : well ? "✅" : "⏭️");
    put_cell(out, it->target);
    buf_printf(out, " | %s | %s | ", it->state, it->run ? took : "");
    put_cell(out, well ? "" : case_why(it, arena));
    buf_puts(out, " |\n");
}

static void put_summary(const Cases *cases, const char *problem, Arena *arena, Buf *out) {
    const char *error = problem ? problem : cases->error;
    char took[DURATION_TEXT];
    duration_format_short(cases->ms, took);
    buf_puts(out, "### ");
    put_cell(out, cases->name);
    buf_printf(out, ": %s after %s\n\n", error[0] ? "failed" : "everything succeeded", took);
    if (error[0]) {
        put_cell(out, error);
        buf_puts(out, "\n\n");
    }
    buf_puts(out, "| | target | | time | |\n|---|---|---|---:|---|\n");
    for (size_t i = 0; i < cases->n; i++)
        put_row(cases, &cases->at[i], arena, out);
    if (cases->path[0])
        buf_printf(out, "\n```\n%s```\n", cases->path);
    buf_putc(out, '\n');
}

static void append_summary(const Buf *text) {
    const char *file = getenv("GITHUB_STEP_SUMMARY");
    if (!file || !file[0])
        return;
    Err err;
    if (file_append(file, text->p, text->n, 0666, &err) < 0)
        cli_say("GITHUB_STEP_SUMMARY: %s", err.msg);
}

void github_report(const Github *github, Cli *cli, const Cases *cases, const char *problem) {
    bool blamed = false;
    Buf out;
    if (!github->on)
        return;
    for (size_t i = 0; i < cases->n; i++)
        if (case_is_failure(&cases->at[i], cases)) {
            annotate(github->to, cases, &cases->at[i], case_why(&cases->at[i], &cli->arena));
            blamed = true;
        }
    if (problem || (cases->error[0] && !blamed))
        annotate(github->to, cases, NULL, problem ? problem : cases->error);
    fflush(github->to);
    buf_init(&out, SUMMARY_BYTES);
    put_summary(cases, problem, &cli->arena, &out);
    append_summary(&out);
    buf_deinit(&out);
}

void github_report_problem(const Github *github, const char *problem) {
    if (!github->on)
        return;
    annotate(github->to, &(Cases){.file = "", .name = "thole ci"}, NULL, problem);
    fflush(github->to);
}
