/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/presence.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/boot.h"
#include "base/file.h"
#include "base/str.h"
#include "base/xalloc.h"
#include "cli/cli.h"

enum { NOTE_BYTES = 128 };

static char *path_of(const Client *client, const char *slug) {
    return xasprintf("%s/up.%s", client->runtime_dir, slug);
}

void presence_note(const Client *client, const char *slug) {
    AUTO_FREE char *path = path_of(client, slug);
    ProcStat own = {0};
    (void)!proc_stat(getpid(), &own);
    AUTO_FREE char *text = xasprintf("%d %" PRIu64 "\n", (int)getpid(), own.start_ticks);
    (void)!file_write_atomic(path, text, strlen(text), 0600, false, NULL);
}

void presence_forget(const Client *client, const char *slug) {
    AUTO_FREE char *path = path_of(client, slug);
    unlink(path);
}

void presence_check(const Client *client, const char *slug, const char *how) {
    AUTO_FREE char *path = path_of(client, slug);
    AUTO_FREE char *text = NULL;
    int64_t pid, start_ticks;
    if (file_read(path, NOTE_BYTES, &text, NULL, NULL) < 0)
        return;
    text[strcspn(text, "\n")] = '\0';
    char *space = strchr(text, ' ');
    if (!space)
        return;
    *space = '\0';
    if (number_parse(text, 1, INT32_MAX, &pid) < 0 ||
        number_parse(space + 1, 0, INT64_MAX, &start_ticks) < 0 ||
        proc_alive((pid_t)pid, (uint64_t)start_ticks))
        return;
    unlink(path);
    cli_say("session %s goes on without the `thole up` that began it (process %lld has gone); "
            "%s stops it",
            slug, (long long)pid, how);
}
