/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/ci_report.h"

#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "base/xalloc.h"
#include "cli/junit.h"
#include "cli/last_words.h"
#include "cli/summary.h"
#include "cli/why.h"

int ci_report_begin(CiReport *report, Err *err) {
    github_init(&report->github, stdout);
    return report->junit ? junit_begin(report->junit, err) : 0;
}

void ci_report_log(CiReport *report, const char *slug) {
    AUTO_FREE char *title = xasprintf("thole ci: %s", slug);
    github_fold(&report->github, title);
}

void ci_report_logged(void *arg) {
    CiReport *report = arg;
    github_unfold(&report->github);
}

/* ---- who is to blame ---- */

static const Case *find_culprit(const Cases *cases) {
    for (size_t i = 0; cases->culprit && i < cases->n; i++)
        if (strcmp(cases->at[i].target, cases->culprit) == 0)
            return &cases->at[i];
    for (size_t i = 0; i < cases->n; i++)
        if (case_is_failure(&cases->at[i], cases))
            return &cases->at[i];
    return NULL;
}

/* Its last lines, and where the rest is. Within Actions on the stream where nothing of it is a
 * command. */
static void say_last_words(CiReport *report, Cli *cli, const Cases *cases, const Case *it) {
    bool folds = report->github.on;
    AUTO_FREE char *logs = cli_words(cli, "logs");
    AUTO_FREE char *title =
        xasprintf("the last lines of %s (run %lld):", it->target, (long long)it->run);
    LastWords words = {.slug = cases->slug,
                       .target = it->target,
                       .title = title,
                       .run = it->run,
                       .indent = 4,
                       .to = folds ? stdout : stderr};
    github_quote(&report->github);
    bool any = last_words_of(&cli->client, &words);
    github_unquote(&report->github);
    if (any)
        cli_say("`%s %s --run %lld` shows the rest", logs, it->target, (long long)it->run);
}

/* What is behind it, where there is more to say than that it failed. */
static void say_why(Cli *cli, const Cases *cases, const Case *it) {
    Err err;
    const Value *chain = why_ask(cli, cases->slug, it->target, &err);
    const Value *lines = value_get(chain, "lines");
    for (size_t i = 0; value_count(lines) > 1 && i < value_count(lines); i++)
        cli_say("  %s", value_get_str(value_at(lines, i), "message"));
}

static void say_culprit(CiReport *report, Cli *cli, const Cases *cases) {
    const Case *it = cases->error[0] ? find_culprit(cases) : NULL;
    if (!it)
        return;
    if (it->run)
        say_last_words(report, cli, cases, it);
    else
        say_why(cli, cases, it);
}

/* ---- the end ---- */

static const char *problem_of(int code) {
    switch (code) {
    case EXIT_DONE:
    case EXIT_FAILED:
    case EXIT_TIMEOUT: return NULL;
    case EXIT_INTERRUPTED: return "interrupted";
    case EXIT_TERMINATED: return "terminated";
    default: return "thole could not go on";
    }
}

int ci_report_end(CiReport *report, Cli *cli, const char *slug, int code) {
    const char *problem = problem_of(code);
    Cases cases;
    Err err;
    cli->client.may_start = true;
    if (cases_read(cli, slug, &cases, &err) < 0) {
        ci_report_failed(report, &err);
        return code;
    }
    if (code == EXIT_FAILED && !cases.error[0]) /* somebody else stopped it */
        problem = "the session was stopped meanwhile";
    say_culprit(report, cli, &cases);
    if (report->summary)
        summary_table(&cases, cli->color_err);
    github_report(&report->github, cli, &cases, problem);
    if (!report->junit || junit_write(cli, report->junit, &cases, problem, &err) == 0)
        return code;
    cli_say("%s", err.msg);
    return code == EXIT_DONE ? EXIT_TROUBLE : code;
}

void ci_report_failed(const CiReport *report, const Err *err) {
    Err why;
    github_report_problem(&report->github, err->msg);
    if (report->junit && junit_write_problem(report->junit, err->msg, &why) < 0)
        cli_say("%s", why.msg);
}
