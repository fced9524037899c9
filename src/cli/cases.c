/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cases.h"

#include <string.h>

#include "base/clock.h"
#include "base/str.h"
#include "base/xalloc.h"
#include "cli/target_view.h"
#include "cli/timeline.h"
#include "data/json.h"
#include "spec/routes.h"

static const char *text_of(const Value *v, const char *key) {
    const char *text = value_get_str(v, key);
    return text ? text : "";
}

static void read_case(const Value *row, Case *ret) {
    *ret = (Case){.target = text_of(row, "target"),
                  .job = strcmp(text_of(row, "type"), "job") == 0,
                  .critical = value_get_bool(row, "critical", false),
                  .state = text_of(row, "state"),
                  .message = text_of(row, "message"),
                  .reason = text_of(row, "reason"),
                  .run = value_get_int(row, "run", 0),
                  .ms = value_get_int(row, "ms", 0)};
}

static int64_t between_ms(const char *from, const char *to) {
    int64_t from_us, to_us;
    if (time_parse(from, &from_us, NULL) < 0 || time_parse(to, &to_us, NULL) < 0)
        return 0;
    return (to_us - from_us) / 1000;
}

static int read_timeline(Cli *cli, Cases *ret, Err *err) {
    HttpAnswer answer;
    const Value *timeline;
    if (timeline_ask(cli, ret->slug, "format=json", &answer, err) < 0)
        return -1;
    int r = json_parse(arena_strndup(&cli->arena, answer.body, answer.size), answer.size,
                       &cli->arena, &timeline, err);
    http_answer_free(&answer);
    if (r < 0)
        return -1;
    const Value *rows = value_get(timeline, "targets");
    ret->started = text_of(timeline, "from");
    ret->ms = between_ms(ret->started, text_of(timeline, "to"));
    ret->n = value_count(rows);
    ret->at = arena_alloc(&cli->arena, (ret->n + 1) * sizeof(*ret->at));
    for (size_t i = 0; i < ret->n; i++)
        read_case(value_at(rows, i), &ret->at[i]);
    return 0;
}

static void read_path(Cli *cli, Cases *ret) {
    HttpAnswer answer;
    Err err;
    ret->path = "";
    if (timeline_ask(cli, ret->slug, "format=path", &answer, &err) < 0)
        return;
    ret->path = arena_strndup(&cli->arena, answer.body, answer.size);
    http_answer_free(&answer);
}

/* Where in the file each is: of a session that is down nobody knows any more. */
static void read_lines(Cli *cli, Cases *ret) {
    const Value *list;
    Err err;
    AUTO_FREE char *path = xasprintf(THOLE_API "/namespaces/%s/targets", ret->slug);
    if (client_ask(&cli->client, "GET", path, NULL, &cli->arena, &list, &err) < 0)
        return;
    const Value *items = value_get(list, "items");
    for (size_t i = 0; i < value_count(items); i++) {
        const Value *spec = value_get(value_at(items, i), "spec");
        for (size_t c = 0; c < ret->n; c++)
            if (str_same(value_get_str(spec, "target"), ret->at[c].target))
                ret->at[c].line = value_get_int(spec, "line", 0);
    }
}

static int read_session(Cli *cli, Cases *ret, Err *err) {
    const Value *session = cli_find_session(cli, true, err);
    if (!session)
        return -1;
    const Value *status = value_get(session, "status");
    ret->file = text_of(value_get(session, "spec"), "tiltfilePath");
    ret->error = text_of(status, "error");
    ret->culprit = value_get_str(status, "culprit");
    ret->late = str_same(value_get_str(status, "reason"), "Timeout");
    ret->name = text_of(status, "project");
    return 0;
}

int cases_read(Cli *cli, const char *slug, Cases *ret, Err *err) {
    *ret = (Cases){.slug = slug};
    if (read_session(cli, ret, err) < 0 || read_timeline(cli, ret, err) < 0)
        return -1;
    read_path(cli, ret);
    read_lines(cli, ret);
    return 0;
}

bool case_is_failure(const Case *it, const Cases *cases) {
    if (strcmp(it->state, "failed") == 0)
        return true;
    return cases->late &&
           (strcmp(it->state, "not-ready") == 0 || (it->job && strcmp(it->state, "stopped") == 0));
}

bool case_is_success(const Case *it) {
    return strcmp(it->state, "done") == 0 || strcmp(it->state, "ready") == 0;
}

const char *case_why(const Case *it, Arena *arena) {
    if (strcmp(it->state, "failed") == 0)
        return it->message[0] ? it->message : "failed";
    if (strcmp(it->state, "not-ready") == 0)
        return "was not ready";
    if (strcmp(it->state, "stopped") == 0)
        return "was stopped before its end";
    if (strcmp(it->state, "skipped") == 0)
        return "skipped: a run was not needed";
    if (strcmp(it->state, "running") == 0)
        return "was still running";
    return arena_printf(arena, "never started%s%s", it->message[0] ? ": " : "", it->message);
}
