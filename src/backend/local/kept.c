/* SPDX-License-Identifier: Apache-2.0 */
#include "backend/local/kept.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/xalloc.h"

void kept_init(Kept *kept) {
    *kept = (Kept){.known = false};
    for (size_t i = 0; i < WIRE_KEPT_MAX; i++)
        kept->at[i] = (KeptEntry){.fd = -1, .told = true};
}

static void clear(KeptEntry *entry) {
    if (entry->fd >= 0)
        close(entry->fd);
    free(entry->name);
    *entry = (KeptEntry){.fd = -1};
}

void kept_deinit(Kept *kept) {
    for (size_t i = 0; i < WIRE_KEPT_MAX; i++)
        clear(&kept->at[i]);
    VEC_FREE(kept->waits);
}

/* NULL is a free place. */
static KeptEntry *find(Kept *kept, const char *name) {
    for (KeptEntry *entry = kept->at; entry < kept->at + WIRE_KEPT_MAX; entry++)
        if (name ? entry->name && strcmp(entry->name, name) == 0 : !entry->name)
            return entry;
    return NULL;
}

/* What we know better, or do not want any more, the rail is told afterwards. */
void kept_give(Kept *kept, const WireKeep *keep, int fd) {
    KeptEntry *entry = &kept->at[keep->place % WIRE_KEPT_MAX];
    AUTO_FREE char *name = xstrndup(keep->name, sizeof keep->name - 1);
    entry->told = false;
    if (kept->known || find(kept, name) || fd < 0) {
        if (fd >= 0)
            close(fd);
        return;
    }
    KeptEntry *other = entry->name ? find(kept, NULL) : NULL;
    if (other) {
        *other = *entry;
        other->told = false;
    }
    if (other || !entry->name)
        *entry = (KeptEntry){.name = TAKE(name), .fd = fd, .told = true};
    else
        close(fd);
}

static void answer(Kept *kept, Op *op) {
    Arena *arena = op_arena(op);
    KeptSocket *sockets = arena_alloc(arena, WIRE_KEPT_MAX * sizeof *sockets);
    KeptSockets all = {.at = sockets};
    for (size_t i = 0; i < WIRE_KEPT_MAX; i++)
        if (kept->at[i].name)
            sockets[all.n++] = (KeptSocket){arena_strdup(arena, kept->at[i].name), kept->at[i].fd};
    op_finish(op, &all, sizeof all, NULL);
}

void kept_wait(Kept *kept, Op *op) {
    if (kept->known)
        answer(kept, op);
    else
        VEC_PUSH(kept->waits, op);
}

void kept_flush(Kept *kept, RailLink *link) {
    for (uint32_t i = 0; kept->keeps > 0 && i < WIRE_KEPT_MAX; i++) {
        KeptEntry *entry = &kept->at[i];
        WireKeep keep = {.head = {WIRE_KEEP, sizeof keep}, .place = i};
        snprintf(keep.name, sizeof keep.name, "%s", entry->name ? entry->name : "");
        if (!entry->told && rail_link_keep(link, &keep, entry->fd) < 0)
            return;
        entry->told = true;
    }
}

void kept_complete(Kept *kept, RailLink *link, uint32_t keeps) {
    for (size_t i = 0; i < WIRE_KEPT_MAX; i++)
        if (kept->known && kept->at[i].name)
            kept->at[i].told = false;
    kept->known = true;
    kept->keeps = keeps;
    for (size_t i = 0; i < kept->waits.n; i++)
        answer(kept, kept->waits.at[i]);
    VEC_FREE(kept->waits);
    kept_flush(kept, link);
}

int kept_put(Kept *kept, const char *name, int fd, Err *err) {
    KeptEntry *entry = find(kept, name);
    if (!entry && fd < 0)
        return 0;
    if (!entry && !(entry = find(kept, NULL)))
        return err_set(err, ERR_LIMIT, "no more than %d sockets can be kept", WIRE_KEPT_MAX);
    int copy = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 3);
    if (copy < 0 && fd >= 0)
        return err_sys(err, errno, "keep the socket %s", name);
    clear(entry);
    *entry = (KeptEntry){.name = fd < 0 ? NULL : xstrdup(name), .fd = copy};
    return 0;
}
