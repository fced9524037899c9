/* SPDX-License-Identifier: Apache-2.0 */
#include "pin/record.h"
#include "base/sys.h"

#include <inttypes.h>
#include <stdarg.h>

/* `count` NUL-terminated strings of at most `longest` bytes lie inside the file, from offset `at` on. */
static bool holds(const Launch *l, size_t size, uint32_t count, size_t at, size_t longest) {
    for (uint32_t i = 0; i < count; i++) {
        const char *text = (const char *)l + at;
        const char *end = at >= l->size && at < size ? memchr(text, 0, size - at) : NULL;
        if (!end || (size_t)(end - text) >= longest)
            return false;
        at += (size_t)(end - text) + 1;
    }
    return true;
}

static bool is_launch(const Launch *l, size_t size) {
    uint32_t texts[] = {l->id_at, l->cwd_at, l->title_at, l->cause_at};
    for (size_t i = 0; i < COUNT(texts); i++) {
        if (!holds(l, size, 1, texts[i], LAUNCH_TEXT_MAX))
            return false;
    }
    const char *id = launch_text(l, l->id_at);
    size_t hex = strspn(id, "0123456789abcdef");
    return l->argc > 0 && l->limitc <= LAUNCH_LIMITS_MAX && hex > 0 && hex < WIRE_ID_MAX &&
           id[hex] == '\0' && holds(l, size, l->argc, l->argv_at, size) &&
           holds(l, size, l->envc, l->env_at, size) &&
           holds(l, size, l->secretc, l->secrets_at, size);
}

int launch_map(int dir, const Launch **ret_launch, size_t *ret_size) {
    struct stat file;
    int fd = sys_openat(dir, RUN_LAUNCH, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0);
    if (fd < 0)
        return -1;
    size_t size = fstat(fd, &file) == 0 && S_ISREG(file.st_mode) ? (size_t)file.st_size : 0;
    const Launch *l = MAP_FAILED;
    errno = EINVAL;
    if (size >= sizeof(Launch) && size <= UINT32_MAX)
        l = sys_mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
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

/* A JSON text in the making. Running out of room shows in the size. */
typedef struct Json {
    char *at;
    size_t size;
} Json;

PRINTF(2, 3)
static void put(Json *j, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    size_t room = j->size < RECORD_BYTES_MAX ? RECORD_BYTES_MAX - j->size : 0;
    j->size += (size_t)vsnprintf(j->at + RECORD_BYTES_MAX - room, room, format, arguments);
    va_end(arguments);
}

static void put_cause(Json *j, const char *text) {
    put(j, "\"cause\":\"");
    for (size_t plain = 0; *text != '\0'; text += plain) {
        for (plain = 0; (uint8_t)text[plain] >= ' ' && text[plain] != '"' && text[plain] != '\\';)
            plain++;
        put(j, "%.*s", (int)plain, text);
        if (text[plain] != '\0')
            put(j, "\\u%04x", text[plain++]);
    }
    put(j, "\"}\n");
}

static int write_whole(int dir, const char *name, int flags, const Json *j) {
    if (j->size >= RECORD_BYTES_MAX)
        return errno = ENAMETOOLONG, -1;
    int fd = sys_openat(dir, name, O_WRONLY | O_CLOEXEC | flags, 0600);
    if (fd < 0)
        return -1;
    errno = ENOSPC; /* if the write falls short */
    bool done = sys_write(fd, j->at, j->size) == (ssize_t)j->size;
    done = done && ((flags & O_TRUNC) || ftruncate(fd, (off_t)j->size) == 0);
    close(fd);
    return done ? 0 : -1;
}

/* Over the spare launch file or under a temporary name; crash point, rename, crash point. */
static int publish(int dir, const Json *j, const char *const names[4], bool spare) {
    const char *written = RUN_LAUNCH;
    if (!spare || write_whole(dir, written, 0, j) < 0) {
        written = names[0];
        if (write_whole(dir, written, O_CREAT | O_TRUNC, j) < 0)
            return sys_unlinkat(dir, written, 0), -1;
    }
    sys_point(names[1]);
    if (sys_renameat(dir, written, dir, names[2]) < 0)
        return -1;
    sys_point(names[3]);
    return 0;
}

int record_run(int dir, const RecordRun *run, char *room) {
    static const char *const names[] = {RUN_RECORD ".tmp", "record", RUN_RECORD, "recorded"};
    const Launch *l = run->launch;
    const Machine *m = run->machine;
    const WireStarted *w = run->started;
    Json j = {.at = room};
    put(&j, "{\"format\":1,\"id\":\"%s\",\"run\":%u,", launch_text(l, l->id_at), l->run);
    put(&j, "\"boot_id\":\"%s\",\"pidns\":%" PRIu64 ",\"pin\":%d,", m->boot_id, m->pidns, run->pin);
    put(&j, "\"pin_start_ticks\":%" PRIu64 ",\"pid\":%d,", run->pin_start_ticks, w->pid);
    put(&j, "\"start_ticks\":%" PRIu64 ",\"restarts\":%u,", w->start_ticks, l->restarts);
    put(&j, "\"started_us\":%" PRId64 ",\"attempt\":%u,", w->started_us, l->attempt);
    put_cause(&j, launch_text(l, l->cause_at));
    return publish(dir, &j, names, false);
}

int record_exit(int dir, const WireEnded *e, bool spare, char *room) {
    static const char *const ends[] = {"", "exited", "signaled", "failed", "lost"};
    static const char *const oom[] = {"null", "false", "true"};
    static const char *const names[] = {EXIT_RECORD ".tmp", "exit", EXIT_RECORD, "exited"};
    Json j = {.at = room};
    put(&j, "{\"format\":1,\"end\":\"%s\",\"code\":%d,", ends[e->end], e->code);
    put(&j, "\"stage\":%u,\"oom\":%s,", e->stage, oom[e->oom]);
    put(&j, "\"started_us\":%" PRId64 ",\"ended_us\":%" PRId64 ",", e->started_us, e->ended_us);
    put(&j, "\"user_us\":%" PRIu64 ",\"system_us\":%" PRIu64 ",", e->user_us, e->system_us);
    put(&j, "\"max_rss_kib\":%" PRIu64 ",\"log_size\":%" PRIu64 ",", e->max_rss_kib, e->log_size);
    put(&j, "\"lingering\":%u,\"killed\":%u}\n", e->lingering, e->killed);
    return publish(dir, &j, names, spare) < 0 ? -1 : (sys_unlinkat(dir, RUN_LAUNCH, 0), 0);
}
