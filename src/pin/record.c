/* SPDX-License-Identifier: Apache-2.0 */
#include "pin/record.h"
#include "base/sys.h"

#include <inttypes.h>

/* Every string lies inside the file, behind the head, and is not too long. */
static bool is_launch(const Launch *l, size_t size) {
    const uint32_t lists[][3] = {{l->id_at, 1, WIRE_ID_MAX},
                                 {l->cwd_at, 1, LAUNCH_TEXT_MAX},
                                 {l->title_at, 1, LAUNCH_TEXT_MAX},
                                 {l->cause_at, 1, LAUNCH_TEXT_MAX},
                                 {l->argv_at, l->argc, UINT32_MAX},
                                 {l->env_at, l->envc, UINT32_MAX},
                                 {l->secrets_at, l->secretc, UINT32_MAX}};
    for (size_t i = 0; i < COUNT(lists); i++) {
        size_t at = lists[i][0];
        for (uint32_t left = lists[i][1]; left > 0; left--) {
            const char *text = (const char *)l + at;
            const char *end = at >= l->size && at < size ? memchr(text, 0, size - at) : NULL;
            if (!end || end - text >= lists[i][2])
                return false;
            at += (size_t)(end - text) + 1;
        }
    }
    const char *id = launch_text(l, l->id_at);
    bool hex = id[0] != '\0' && id[strspn(id, "0123456789abcdef")] == '\0';
    return hex && l->argc > 0 && l->limitc <= LAUNCH_LIMITS_MAX;
}

int launch_map(int dir, const Launch **ret_launch, size_t *ret_size) {
    struct stat file;
    int fd = sys_openat(dir, RUN_LAUNCH, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0);
    if (fd < 0)
        return -1;
    size_t size = fstat(fd, &file) == 0 && S_ISREG(file.st_mode) ? (size_t)file.st_size : 0;
    bool fits = size >= sizeof(Launch) && size <= UINT32_MAX;
    const Launch *l = fits ? sys_mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0) : MAP_FAILED;
    errno = fits ? errno : EINVAL;
    close(fd);
    if (l == MAP_FAILED)
        return -1;
    bool known = l->magic == LAUNCH_MAGIC && l->size >= sizeof(Launch);
    if (!known || l->format != LAUNCH_FORMAT || !is_launch(l, size))
        return errno = known && l->format > LAUNCH_FORMAT ? EPROTO : EINVAL, -1;
    *ret_launch = l;
    *ret_size = size;
    return 0;
}

const char *record_read(int dir, const char *path, char *text, size_t size) {
    int fd = sys_openat(dir, path, O_RDONLY | O_CLOEXEC, 0);
    ssize_t done = fd < 0 ? -1 : sys_read(fd, text, size - 1);
    close(fd); /* -1 does no harm */
    text[done > 0 ? done : 0] = '\0';
    return text;
}

void machine_read(Machine *ret_machine) {
    struct stat ns = {0};
    char *id = ret_machine->boot_id;
    record_read(AT_FDCWD, "/proc/sys/kernel/random/boot_id", id, sizeof(ret_machine->boot_id));
    id[strcspn(id, "\n")] = '\0';
    stat("/proc/self/ns/pid", &ns);
    ret_machine->pidns = ns.st_ino;
}

int record_claim(int dir) {
    char text[24];
    int size = snprintf(text, sizeof(text), "pin %d\n", getpid());
    int fd = sys_openat(dir, RUN_CLAIM, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return -1;
    (void)!sys_write(fd, text, (size_t)size); /* on a full disk it stays empty, and a claim */
    close(fd);
    return 0;
}

static int write_whole(int dir, const char *name, int flags, const char *text) {
    size_t size = strlen(text);
    int fd = sys_openat(dir, name, O_WRONLY | O_CLOEXEC | flags, 0600);
    if (fd < 0)
        return -1;
    errno = ENOSPC; /* if the write falls short */
    bool done = sys_write(fd, text, size) == (ssize_t)size;
    done = done && ((flags & O_TRUNC) || ftruncate(fd, (off_t)size) == 0);
    close(fd);
    return done ? 0 : -1;
}

/* Over the spare launch file or under a temporary name; crash point, rename, crash point. */
static int publish(int dir, const char *text, const char *const names[4], bool spare) {
    const char *written = RUN_LAUNCH;
    if (!spare || write_whole(dir, written, 0, text) < 0) {
        written = names[0];
        if (write_whole(dir, written, O_CREAT | O_TRUNC, text) < 0)
            return sys_unlinkat(dir, written, 0), -1;
    }
    sys_point(names[1]);
    if (sys_renameat(dir, written, dir, names[2]) < 0)
        return -1;
    sys_point(names[3]);
    return 0;
}

/* The texts of a launch are short enough for both records to fit into the room. */
int record_run(int dir, const RecordRun *run, char *room) {
    static const char *const names[] = {RUN_RECORD ".tmp", "record", RUN_RECORD, "recorded"};
    const Launch *l = run->launch;
    const Machine *m = run->machine;
    const WireStarted *w = run->started;
    char *at = room;
    at += snprintf(room, RECORD_BYTES_MAX,
                   "{\"format\":1,\"id\":\"%s\",\"run\":%u,\"boot_id\":\"%s\",\"pidns\":%" PRIu64
                   ",\"pin\":%d,\"pin_start_ticks\":%" PRIu64 ",\"pid\":%d,\"start_ticks\":%" PRIu64
                   ",\"restarts\":%u,\"started_us\":%" PRId64 ",\"attempt\":%u,\"cause\":\"",
                   launch_text(l, l->id_at), l->run, m->boot_id, m->pidns, run->pin,
                   run->pin_start_ticks, w->pid, w->start_ticks, l->restarts, w->started_us,
                   l->attempt);
    for (const char *cause = launch_text(l, l->cause_at); *cause != '\0'; cause++) {
        bool plain = (uint8_t)*cause >= ' ' && *cause != '"' && *cause != '\\';
        at += snprintf(at, 8, plain ? "%c" : "\\u%04x", *cause);
    }
    memcpy(at, "\"}\n", 4);
    return publish(dir, room, names, false);
}

int record_exit(int dir, const WireEnded *e, bool spare, char *room) {
    static const char *const ends[] = {"", "exited", "signaled", "failed", "lost"};
    static const char *const oom[] = {"null", "false", "true"};
    static const char *const names[] = {EXIT_RECORD ".tmp", "exit", EXIT_RECORD, "exited"};
    snprintf(
        room, RECORD_BYTES_MAX,
        "{\"format\":1,\"end\":\"%s\",\"code\":%d,\"stage\":%u,\"oom\":%s,\"started_us\":%" PRId64
        ",\"ended_us\":%" PRId64 ",\"user_us\":%" PRIu64 ",\"system_us\":%" PRIu64
        ",\"max_rss_kib\":%" PRIu64 ",\"log_size\":%" PRIu64 ",\"lingering\":%u,\"killed\":%u}\n",
        ends[e->end], e->code, e->stage, oom[e->oom], e->started_us, e->ended_us, e->user_us,
        e->system_us, e->max_rss_kib, e->log_size, e->lingering, e->killed);
    return publish(dir, room, names, spare) < 0 ? -1 : (sys_unlinkat(dir, RUN_LAUNCH, 0), 0);
}
