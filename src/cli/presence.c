/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/presence.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/str.h"
#include "base/xalloc.h"
#include "cli/cli.h"

enum { NOTE_BYTES = 128, STAT_BYTES = 4096, START_FIELD = 22 };

static char *path_of(const Client *client, const char *slug) {
    return xasprintf("%s/up.%s", client->runtime_dir, slug);
}

/* When a process started, in ticks since boot, as text; NULL: there is none. Returns owned. */
static char *start_of(pid_t pid) {
    AUTO_FREE char *path = xasprintf("/proc/%d/stat", (int)pid);
    AUTO_FREE char *text = NULL;
    if (file_read(path, STAT_BYTES, &text, NULL, NULL) < 0)
        return NULL;
    char *at = strrchr(text, ')'); /* field 2 ends */
    for (int field = 2; at && field < START_FIELD; field++)
        at = strchr(at + 1, ' ');
    return at ? xstrndup(at + 1, strcspn(at + 1, " ")) : NULL;
}

void presence_note(const Client *client, const char *slug) {
    AUTO_FREE char *path = path_of(client, slug);
    AUTO_FREE char *start = start_of(getpid());
    AUTO_FREE char *text = xasprintf("%d %s\n", (int)getpid(), start ? start : "0");
    (void)!file_write_atomic(path, text, strlen(text), 0600, false, NULL);
}

void presence_forget(const Client *client, const char *slug) {
    AUTO_FREE char *path = path_of(client, slug);
    unlink(path);
}

void presence_check(const Client *client, const char *slug, const char *how) {
    AUTO_FREE char *path = path_of(client, slug);
    AUTO_FREE char *text = NULL;
    int64_t pid;
    if (file_read(path, NOTE_BYTES, &text, NULL, NULL) < 0)
        return;
    text[strcspn(text, "\n")] = '\0';
    char *space = strchr(text, ' ');
    if (!space)
        return;
    *space = '\0';
    if (number_parse(text, 1, INT32_MAX, &pid) < 0)
        return;
    AUTO_FREE char *start = start_of((pid_t)pid);
    if (start && strcmp(start, space + 1) == 0)
        return;
    unlink(path);
    cli_say("session %s goes on without the `thole up` that began it (process %lld has gone); "
            "%s stops it",
            slug, (long long)pid, how);
}
