/* SPDX-License-Identifier: Apache-2.0 */
/* Every file of tests/golden/plan is a transcript: lines that begin with "$ " are commands
 * (script.h), the lines below them what came of it. '#' begins a comment. With THOLE_UPDATE=1 the
 * files are rewritten from what happens now. */
#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "harness/test.h"
#include "script.h"

static void replay_line(Script *script, Buf *out, const char *line) {
    bool comment = line[0] == '#' || line[0] == '\0';
    bool command = strncmp(line, "$ ", 2) == 0;
    if (!comment && !command)
        return;
    buf_printf(out, "%s\n", line);
    if (command)
        script_line(script, line + 2);
}

static char *replay(char *text) {
    Buf out;
    Script script;
    buf_init(&out, 1 << 20);
    script_init(&script, &out);
    for (char *line = text; *line;) {
        char *end = line + strcspn(line, "\n");
        bool more = *end != '\0';
        *end = '\0';
        replay_line(&script, &out, line);
        line = end + more;
    }
    script_deinit(&script);
    return buf_take(&out);
}

/* The first line that differs, for the message. */
static void differ(const char *name, const char *got, const char *want) {
    int line = 1;
    while (*got && *got == *want) {
        line += *got == '\n';
        got++;
        want++;
    }
    test_fail(name, line, "got \"%.*s\", not \"%.*s\"", (int)strcspn(got, "\n"), got,
              (int)strcspn(want, "\n"), want);
}

static void check_file(const char *folder, const char *name) {
    char path[512], *text, *want;
    size_t size;
    Err err;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    if (file_read(path, 1 << 20, &text, &size, &err) < 0) {
        test_fail(name, 1, "%s", err.msg);
        return;
    }
    want = strdup(text);
    char *got = replay(text);
    if (strcmp(got, want) != 0 && test_updates()) {
        if (file_write(path, got, strlen(got), 0644, &err) < 0)
            test_fail(name, 1, "%s", err.msg);
    } else if (strcmp(got, want) != 0) {
        differ(name, got, want);
    }
    free(got);
    free(want);
    free(text);
}

TEST(golden_plan)
{
    struct dirent **entries;
    char *folder = test_source("tests/golden/plan");
    int n = scandir(folder, &entries, NULL, alphasort), seen = 0;
    ASSERT(n >= 0);
    for (int i = 0; i < n; i++) {
        if (entries[i]->d_name[0] != '.') {
            check_file(folder, entries[i]->d_name);
            seen++;
        }
        free(entries[i]);
    }
    free(entries);
    free(folder);
    CHECK(seen >= 25);
}
