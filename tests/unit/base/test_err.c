/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/test.h"

#include <errno.h>

#include "base/err.h"
#include "base/limits.h"
#include "base/report.h"

TEST(err_set_makes_a_sentence_and_returns_minus_one)
{
    Err err = {0};
    CHECK_EQ(err_set(&err, ERR_NOT_FOUND, "no service named %s", "api"), -1);
    CHECK_EQ(err.kind, ERR_NOT_FOUND);
    CHECK_STR(err.msg, "no service named api");
}

TEST(err_sys_goes_on_in_lower_case)
{
    Err err = {0};
    CHECK_EQ(err_sys(&err, ENOENT, "open %s", "x"), -1);
    CHECK_EQ(err.kind, ERR_NOT_FOUND);
    CHECK_STR(err.msg, "open x: no such file or directory");
    err_sys(&err, EXDEV, "rename");
    CHECK_STR(err.msg, "rename: invalid cross-device link");
}

TEST(err_in_puts_context_in_front_and_keeps_the_kind)
{
    Err err = {0};
    err_set(&err, ERR_TIMEOUT, "no answer");
    CHECK_EQ(err_in(&err, "service %s", "api"), -1);
    CHECK_STR(err.msg, "service api: no answer");
    CHECK_EQ(err.kind, ERR_TIMEOUT);
}

TEST(err_accepts_null)
{
    CHECK_EQ(err_set(NULL, ERR_INVALID, "x"), -1);
    CHECK_EQ(err_sys(NULL, EIO, "x"), -1);
    CHECK_EQ(err_in(NULL, "x"), -1);
}

TEST(err_truncates_what_is_too_long)
{
    Err err = {0};
    char text[2000];
    memset(text, 'y', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    err_set(&err, ERR_INVALID, "%s", text);
    CHECK_EQ(strlen(err.msg), sizeof(err.msg) - 1);
    err_sys(&err, ENOENT, "%s", text);
    CHECK_EQ(strlen(err.msg), sizeof(err.msg) - 1);
    err_set(&err, ERR_INVALID, "the cause");
    err_in(&err, "%s", text);
    CHECK_EQ(strlen(err.msg), sizeof(err.msg) - 1);
}

TEST(err_kind_of_an_errno)
{
    CHECK_EQ(err_kind_of(ENOENT), ERR_NOT_FOUND);
    CHECK_EQ(err_kind_of(EACCES), ERR_DENIED);
    CHECK_EQ(err_kind_of(EPERM), ERR_DENIED);
    CHECK_EQ(err_kind_of(EEXIST), ERR_CONFLICT);
    CHECK_EQ(err_kind_of(EINVAL), ERR_INVALID);
    CHECK_EQ(err_kind_of(ETIMEDOUT), ERR_TIMEOUT);
    CHECK_EQ(err_kind_of(ECANCELED), ERR_CANCELLED);
    CHECK_EQ(err_kind_of(EFBIG), ERR_LIMIT);
    CHECK_EQ(err_kind_of(ENOSPC), ERR_UNAVAILABLE);
    CHECK_EQ(err_kind_of(EMFILE), ERR_UNAVAILABLE);
}

TEST(err_kinds_have_codes)
{
    static const struct {
        ErrKind kind;
        const char *reason;
        int http, exit_code;
    } want[] = {{ERR_INVALID, "Invalid", 422, 2},
                {ERR_NOT_FOUND, "NotFound", 404, 2},
                {ERR_CONFLICT, "Conflict", 409, 3},
                {ERR_DENIED, "Forbidden", 403, 3},
                {ERR_TIMEOUT, "Timeout", 504, 4},
                {ERR_UNAVAILABLE, "ServiceUnavailable", 503, 3},
                {ERR_INTERNAL, "InternalError", 500, 3},
                {ERR_FAILED, "Failed", 500, 1},
                {ERR_LIMIT, "RequestEntityTooLarge", 413, 3},
                {ERR_CANCELLED, "Cancelled", 499, 130}};
    for (size_t i = 0; i < COUNT(want); i++) {
        CHECK_STR(err_reason(want[i].kind), want[i].reason);
        CHECK_EQ(err_kind_of_reason(want[i].reason), want[i].kind);
        CHECK_EQ(err_http(want[i].kind), want[i].http);
        CHECK_EQ(err_exit_code(want[i].kind), want[i].exit_code);
    }
    CHECK_EQ(err_exit_code(ERR_NONE), 0);
}

/* --- reports --- */

TEST(err_suggest_says_what_was_meant_or_where_to_look)
{
    Err err;
    err_set(&err, ERR_NOT_FOUND, "there is no x");
    CHECK_EQ(err_suggest(&err, "y", "; `z` lists them"), -1);
    CHECK_STR(err.msg, "there is no x; did you mean y?");
    err_set(&err, ERR_NOT_FOUND, "there is no x");
    CHECK_EQ(err_suggest(&err, NULL, "; `z` lists them"), -1);
    CHECK_STR(err.msg, "there is no x; `z` lists them");
    CHECK_EQ(err_suggest(NULL, "y", ""), -1);
}

TEST(report_keeps_its_own_copies_in_order)
{
    Arena arena;
    Report report;
    char file[] = "thole.yaml", path[] = "services.api.port", hint[] = "did you mean 80?";
    arena_init(&arena);
    report_init(&report, &arena);
    report_add(&report, &(Place){file, 3, 5, path}, hint, "%d is outside 1..65535", 99999);
    report_warn(&report, &(Place){.file = file}, NULL, "empty");
    memset(file, 'x', 3);
    memset(path, 'x', 3);
    memset(hint, 'x', 3);
    ASSERT(report.n == 2);
    CHECK_EQ(report.errors, 1);
    CHECK_EQ(report.warnings, 1);
    CHECK_STR(report_line(&report.at[0], &arena),
              "thole.yaml:3:5: services.api.port: 99999 is outside 1..65535; did you mean 80?");
    CHECK_STR(report_line(&report.at[1], &arena), "thole.yaml: warning: empty");
    arena_deinit(&arena);
}

TEST(report_sorts_by_file_and_position)
{
    static const Place places[] = {{"b", 3, 1, NULL}, {"a", 2, 2, NULL}, {"b", 1, 7, NULL},
                                   {"a", 2, 1, NULL}, {"b", 1, 7, NULL}, {"b", 1, 2, NULL}};
    Arena arena;
    Report report;
    char order[16] = "";
    arena_init(&arena);
    report_init(&report, &arena);
    report_sort(&report);
    for (size_t i = 0; i < COUNT(places); i++)
        report_add(&report, &places[i], NULL, "%zu", i);
    report_sort(&report);
    for (size_t i = 0; i < report.n; i++)
        order[i] = report.at[i].message[0];
    CHECK_STR(order, "524031");
    arena_deinit(&arena);
}

TEST(report_counts_beyond_its_maximum)
{
    Arena arena;
    Report report;
    arena_init(&arena);
    report_init(&report, &arena);
    for (int i = 0; i < MAX_PROBLEMS + 50; i++)
        report_add(&report, &(Place){"f", 1, 1, NULL}, NULL, "problem %d", i);
    CHECK_EQ(report.n, MAX_PROBLEMS);
    CHECK_EQ(report.errors, MAX_PROBLEMS + 50);
    CHECK_STR(report.at[0].message, "problem 0");
    CHECK_STR(report.at[MAX_PROBLEMS - 1].message, "problem 99");
    arena_deinit(&arena);
}
