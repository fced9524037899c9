/* SPDX-License-Identifier: Apache-2.0 */
/* tests/golden/config/{good,bad}/<case>.yaml beside <case>.expect: the warnings and the resolved
 * config, or the problems. With THOLE_UPDATE=1 in the environment the .expect files are written
 * anew. */
#include <dirent.h>
#include <string.h>

#include "base/file.h"
#include "base/str.h"
#include "base/xalloc.h"
#include "harness/test.h"
#include "spec/config.h"

enum { TEXT_MAX = 1 << 20 };

static bool put_name_of(Buf *out, const char **text, const char *folder, const char *name) {
    size_t len = strlen(folder);
    if (strncmp(*text, folder, len) != 0)
        return false;
    buf_puts(out, name);
    *text += len;
    return true;
}

/* `text` with the folder of the cases called <root>, and the one above it <above>. */
static void put_without(Buf *out, const char *text, const char *root) {
    AUTO_FREE char *above = xstrdup(root);
    *strrchr(above, '/') = 0;
    while (*text)
        if (!put_name_of(out, &text, root, "<root>") && !put_name_of(out, &text, above, "<above>"))
            buf_putc(out, *text++);
}

static void show(const Config *config, Buf *out) {
    JsonWriter w;
    json_writer_init(&w, out);
    w.pretty = true;
    config_encode(config, true, &w);
    buf_putc(out, '\n');
}

/* What `thole config` prints is itself a config file, and means the same. */
static void check_shown(const Config *config, const char *shown, Arena *arena) {
    Report report;
    Buf again;
    report_init(&report, arena);
    buf_init(&again, TEXT_MAX);
    const Config *copy = config_parse(config->file, shown, strlen(shown), arena, &report);
    for (size_t i = 0; !copy && i < report.n; i++)
        test_fail(__FILE__, __LINE__, "as shown: %s", report_line(&report.at[i], arena));
    if (copy) {
        show(copy, &again);
        CHECK_STR(buf_cstr(&again), shown);
    }
    buf_deinit(&again);
}

static void describe(const char *file, Buf *out, bool *ret_good) {
    Arena arena;
    Report report;
    Buf json;
    arena_init(&arena);
    report_init(&report, &arena);
    buf_init(&json, TEXT_MAX);
    const Config *config = config_load(&(ConfigAsk){.file = file}, &arena, &report);
    *ret_good = config != NULL;
    for (size_t i = 0; i < report.n; i++) {
        buf_puts(&json, report_line(&report.at[i], &arena));
        buf_putc(&json, '\n');
    }
    if (report.errors > report.n)
        buf_printf(&json, "%zu in all\n", report.errors);
    if (config) {
        size_t from = json.n;
        show(config, &json);
        check_shown(config, arena_strdup(&arena, buf_cstr(&json) + from), &arena);
    }
    AUTO_FREE char *folder = realpath(file, NULL);
    *strrchr(folder, '/') = 0;
    put_without(out, buf_cstr(&json), folder);
    buf_deinit(&json);
    arena_deinit(&arena);
}

static void check_case(const char *folder, const char *name, bool good) {
    AUTO_FREE char *file = xasprintf("%s/%s", folder, name);
    AUTO_FREE char *expect = xasprintf("%s/%.*s.expect", folder, (int)(strlen(name) - 5), name);
    AUTO_FREE char *wanted = NULL;
    Buf got;
    buf_init(&got, 2 * TEXT_MAX);
    bool accepted;
    describe(file, &got, &accepted);
    if (accepted != good)
        test_fail(__FILE__, __LINE__, "%s is %s:\n%s", file, good ? "refused" : "accepted",
                  buf_cstr(&got));
    Err err;
    if (test_updates() && file_write(expect, buf_cstr(&got), got.n, 0644, &err) < 0)
        test_fail(__FILE__, __LINE__, "%s", err.msg);
    if (file_read(expect, 2 * TEXT_MAX, &wanted, NULL, &err) < 0)
        test_fail(__FILE__, __LINE__, "%s (THOLE_UPDATE=1 writes it)", err.msg);
    else if (strcmp(wanted, buf_cstr(&got)) != 0)
        test_fail(__FILE__, __LINE__, "%s gives\n%s\nnot\n%s", file, buf_cstr(&got), wanted);
    buf_deinit(&got);
}

static void check_folder(const char *which, bool good) {
    AUTO_FREE char *path = xasprintf("tests/golden/config/%s", which);
    AUTO_FREE char *folder = test_source(path);
    struct dirent **entries;
    int n = scandir(folder, &entries, NULL, alphasort), cases = 0;
    ASSERT(n >= 0);
    for (int i = 0; i < n; i++) {
        if (str_ends(entries[i]->d_name, ".yaml")) {
            check_case(folder, entries[i]->d_name, good);
            cases++;
        }
        free(entries[i]);
    }
    free(entries);
    CHECK(cases > 5);
}

TEST(golden_good_configs)
{ check_folder("good", true); }

TEST(golden_bad_configs)
{ check_folder("bad", false); }
