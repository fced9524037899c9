/* SPDX-License-Identifier: Apache-2.0 */
#include "fanout.h"

#include <sys/epoll.h>

enum { BATCH = 256, PATIENCE_MS = 20000 };

void ears_init(Ears *ears, int count) {
    *ears = (Ears){.epoll = epoll_create1(EPOLL_CLOEXEC),
                   .count = count,
                   .heard_ns = calloc((size_t)count, sizeof(int64_t))};
    if (ears->epoll < 0 || !ears->heard_ns)
        die("epoll");
}

void ears_free(Ears *ears) {
    close(ears->epoll);
    free(ears->heard_ns);
}

void ears_add(Ears *ears, int index, int fd) {
    struct epoll_event event = {.events = EPOLLIN,
                                .data.u64 = (uint64_t)index << 32 | (uint32_t)fd};
    if (epoll_ctl(ears->epoll, EPOLL_CTL_ADD, fd, &event) < 0)
        die("epoll_ctl");
}

void ears_reset(Ears *ears) {
    memset(ears->heard_ns, 0, (size_t)ears->count * sizeof(int64_t));
}

/* One wake-up; returns how many heard their first of this round, -1 when nothing came in time. */
static int hear(Ears *ears, int timeout_ms) {
    struct epoll_event events[BATCH];
    char buffer[65536];
    int n = epoll_wait(ears->epoll, events, BATCH, timeout_ms), first = 0;
    for (int i = 0; i < n; i++) {
        ssize_t size = read((int)(uint32_t)events[i].data.u64, buffer, sizeof(buffer));
        errno = size < 0 ? errno : EPIPE;
        if (size <= 0)
            die("a watcher was hung up on");
        ears->bytes += size;
        int64_t *heard = &ears->heard_ns[events[i].data.u64 >> 32];
        first += *heard == 0;
        *heard = *heard == 0 ? now_ns() : *heard;
    }
    return n <= 0 ? -1 : first;
}

int64_t ears_span(Ears *ears) {
    for (int heard = 0; heard < ears->count;) {
        int n = hear(ears, PATIENCE_MS);
        errno = ETIMEDOUT;
        if (n < 0)
            die("%d of %d watchers heard something", heard, ears->count);
        heard += n;
    }
    int64_t first = ears->heard_ns[0], last = first;
    for (int i = 1; i < ears->count; i++) {
        first = ears->heard_ns[i] < first ? ears->heard_ns[i] : first;
        last = ears->heard_ns[i] > last ? ears->heard_ns[i] : last;
    }
    return last - first;
}

void ears_drain(Ears *ears, int quiet_ms) {
    while (hear(ears, quiet_ms) >= 0)
        continue;
}
