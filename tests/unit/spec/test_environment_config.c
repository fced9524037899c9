/* SPDX-License-Identifier: Apache-2.0 */
/* tests/golden/environments/{good,bad}/<case>/ holds a thole.yaml or previewctl.yaml with what
 * belongs to it: an overlay of the mode "preview", a compose file, scripts. It is read for an
 * environment of that mode; if the name of the case begins with "session", for a session outside of
 * environments, if with "vet", for `thole vet`. `expect` has the problems and the config. With
 * THOLE_UPDATE=1 in the environment it is written anew. */
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/str.h"
#include "base/xalloc.h"
#include "harness/test.h"
#include "spec/config.h"

enum { TEXT_MAX = 1 << 20 };

/* `text` with the folder of the case called <root>, and the one above it <above>. */
static void put_without(Buf *out, const char *text, const char *root) {
    size_t len = strlen(root), above = (size_t)(strrchr(root, '/') - root);
    while (*text) {
        bool here = strncmp(text, root, len) == 0, near = strncmp(text, root, above) == 0;
        if (here || near)
            buf_puts(out, here ? "<root>" : "<above>");
        else
            buf_putc(out, *text);
        text += here ? len : near ? above : 1;
    }
}

static void show(const Config *config, Buf *out) {
    JsonWriter w;
    json_writer_init(&w, out);
    w.pretty = true;
    config_encode(config, true, &w);
    buf_putc(out, '\n');
    for (size_t i = 0; i < config->infrastructure.services.n; i++) {
        const InfraService *s = &config->infrastructure.services.at[i];
        buf_printf(out, "infrastructure %s: image \"%s\", port %lld, variable \"%s\"\n", s->name,
                   s->image, (long long)s->port, s->env_var);
    }
}

static const Config *load(const char *root, const char *name, Arena *arena, Report *report) {
    AUTO_FREE char *ours = xasprintf("%s/thole.yaml", root);
    AUTO_FREE char *theirs = xasprintf("%s/previewctl.yaml", root);
    ConfigAsk ask = {.file = access(ours, F_OK) == 0 ? ours : theirs};
    if (str_starts(name, "vet"))
        return config_review(&ask, arena, report);
    if (str_starts(name, "session"))
        return config_load(&ask, arena, report);
    ask.environment = true;
    ask.mode = "preview";
    return config_load(&ask, arena, report);
}

static void describe(const char *folder, const char *name, Buf *out, bool *ret_good) {
    Arena arena;
    Report report;
    Buf text;
    AUTO_FREE char *root = xasprintf("%s/%s", folder, name);
    arena_init(&arena);
    report_init(&report, &arena);
    buf_init(&text, TEXT_MAX);
    const Config *config = load(root, name, &arena, &report);
    *ret_good = config && report.errors == 0;
    for (size_t i = 0; i < report.n; i++)
        buf_printf(&text, "%s\n", report_line(&report.at[i], &arena));
    if (*ret_good)
        show(config, &text);
    put_without(out, buf_cstr(&text), root);
    buf_deinit(&text);
    arena_deinit(&arena);
}

static void check_case(const char *folder, const char *name, bool good) {
    AUTO_FREE char *expect = xasprintf("%s/%s/expect", folder, name);
    AUTO_FREE char *wanted = NULL;
    Buf got;
    bool accepted;
    Err err;
    buf_init(&got, 2 * TEXT_MAX);
    describe(folder, name, &got, &accepted);
    if (accepted != good)
        test_fail(__FILE__, __LINE__, "%s is %s:\n%s", name, good ? "refused" : "accepted",
                  buf_cstr(&got));
    if (test_updates() && file_write(expect, buf_cstr(&got), got.n, 0644, &err) < 0)
        test_fail(__FILE__, __LINE__, "%s", err.msg);
    if (file_read(expect, 2 * TEXT_MAX, &wanted, NULL, &err) < 0)
        test_fail(__FILE__, __LINE__, "%s (THOLE_UPDATE=1 writes it)", err.msg);
    else if (strcmp(wanted, buf_cstr(&got)) != 0)
        test_fail(__FILE__, __LINE__, "%s gives\n%s\nnot\n%s", name, buf_cstr(&got), wanted);
    buf_deinit(&got);
}

static void check_folder(const char *which, bool good) {
    AUTO_FREE char *path = xasprintf("tests/golden/environments/%s", which);
    AUTO_FREE char *given = test_source(path);
    AUTO_FREE char *folder = realpath(given, NULL);
    struct dirent **entries;
    ASSERT(folder);
    int n = scandir(folder, &entries, NULL, alphasort), cases = 0;
    ASSERT(n >= 0);
    for (int i = 0; i < n; i++) {
        if (entries[i]->d_name[0] != '.') {
            check_case(folder, entries[i]->d_name, good);
            cases++;
        }
        free(entries[i]);
    }
    free(entries);
    CHECK(cases > 3);
}

TEST(golden_good_environments)
{ check_folder("good", true); }

TEST(golden_bad_environments)
{ check_folder("bad", false); }
