/* SPDX-License-Identifier: Apache-2.0 */
/* tests/golden/workflow/{good,bad}/<case>.{json,yaml} beside <case>.expect: the warnings and the
 * Config as it is shown, or the problems. With THOLE_UPDATE=1 in the environment the .expect files
 * are written anew. */
#include <dirent.h>
#include <string.h>

#include "base/file.h"
#include "base/str.h"
#include "base/xalloc.h"
#include "harness/test.h"
#include "spec/workflow.h"

enum { TEXT_MAX = 1 << 20 };

static void show(const WorkflowConfig *config, bool mask, Buf *out) {
    JsonWriter w;
    Arena arena;
    arena_init(&arena);
    StrList masks = workflow_mask_forms(config, &arena);
    json_writer_init(&w, out);
    w.pretty = true;
    workflow_encode(config, mask ? &masks : NULL, &w);
    buf_putc(out, '\n');
    arena_deinit(&arena);
}

/* What is stored is read back as the same. */
static void check_stored(const WorkflowConfig *config, Arena *arena) {
    Report report;
    Buf stored, again;
    report_init(&report, arena);
    buf_init(&stored, TEXT_MAX);
    buf_init(&again, TEXT_MAX);
    show(config, false, &stored);
    const WorkflowConfig *copy =
        workflow_load("stored", buf_cstr(&stored), stored.n, arena, &report);
    if (copy)
        show(copy, false, &again);
    CHECK_STR(buf_cstr(&again), buf_cstr(&stored));
    buf_deinit(&stored);
    buf_deinit(&again);
}

static bool describe(const char *name, const char *text, size_t size, Buf *out) {
    Arena arena;
    Report report;
    arena_init(&arena);
    report_init(&report, &arena);
    const WorkflowConfig *config = workflow_load(name, text, size, &arena, &report);
    for (size_t i = 0; i < report.n; i++)
        buf_printf(out, "%s\n", report_line(&report.at[i], &arena));
    if (config) {
        show(config, true, out);
        check_stored(config, &arena);
    }
    arena_deinit(&arena);
    return config != NULL;
}

static void check_case(const char *folder, const char *name, bool good) {
    AUTO_FREE char *file = xasprintf("%s/%s", folder, name);
    AUTO_FREE char *expect =
        xasprintf("%s/%.*s.expect", folder, (int)(strrchr(name, '.') - name), name);
    AUTO_FREE char *text = NULL, *wanted = NULL;
    size_t size;
    Err err;
    Buf got;
    buf_init(&got, TEXT_MAX);
    ASSERT(file_read(file, TEXT_MAX, &text, &size, &err) == 0);
    if (describe(name, text, size, &got) != good)
        test_fail(__FILE__, __LINE__, "%s is %s:\n%s", file, good ? "refused" : "accepted",
                  buf_cstr(&got));
    if (test_updates() && file_write(expect, buf_cstr(&got), got.n, 0644, &err) < 0)
        test_fail(__FILE__, __LINE__, "%s", err.msg);
    if (file_read(expect, TEXT_MAX, &wanted, NULL, &err) < 0)
        test_fail(__FILE__, __LINE__, "%s (THOLE_UPDATE=1 writes it)", err.msg);
    else if (strcmp(wanted, buf_cstr(&got)) != 0)
        test_fail(__FILE__, __LINE__, "%s gives\n%s\nnot\n%s", file, buf_cstr(&got), wanted);
    buf_deinit(&got);
}

static void check_folder(const char *which, bool good) {
    AUTO_FREE char *path = xasprintf("tests/golden/workflow/%s", which);
    AUTO_FREE char *folder = test_source(path);
    struct dirent **entries;
    int n = scandir(folder, &entries, NULL, alphasort), cases = 0;
    ASSERT(n >= 0);
    for (int i = 0; i < n; i++) {
        if (str_ends(entries[i]->d_name, ".yaml") || str_ends(entries[i]->d_name, ".json")) {
            check_case(folder, entries[i]->d_name, good);
            cases++;
        }
        free(entries[i]);
    }
    free(entries);
    CHECK(cases > 5);
}

TEST(golden_good_workflows)
{ check_folder("good", true); }

TEST(golden_bad_workflows)
{ check_folder("bad", false); }

/* A chain of many steps is no recursion, and quick. */
TEST(ten_thousand_steps)
{
    enum { STEPS = 10000 };
    Arena arena;
    Report report;
    Buf text;
    arena_init(&arena);
    report_init(&report, &arena);
    buf_init(&text, 4 << 20);
    buf_puts(&text, "{\"pipeline\":[{\"steps\":[");
    for (int i = 0; i < STEPS; i++)
        buf_printf(&text,
                   "%s{\"name\":\"s%d\",\"uuid\":\"u%d\",\"image\":\"sh\",\"on_success\":true,"
                   "\"depends_on\":[\"s%d\"]}",
                   i ? "," : "", i, i, i ? i - 1 : STEPS - 1);
    buf_puts(&text, "]}]}");
    CHECK(workflow_load("ring", buf_cstr(&text), text.n, &arena, &report) == NULL);
    CHECK(report.n == 1 && strstr(report.at[0].message, "wait for each other"));
    buf_deinit(&text);
    arena_deinit(&arena);
}

TEST(every_member_of_a_config_is_described)
{
    const Type *type;
    CHECK(schema_uncovered(&type_workflow, &type) < 0 || type == &type_step); /* ours come last */
}
