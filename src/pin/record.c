/* SPDX-License-Identifier: Apache-2.0 */
#include "pin/record.h"

#include "base/sys.h"
#include "pin/launch.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define RUN_TEMPORARY RUN_RECORD ".tmp"
#define EXIT_TEMPORARY EXIT_RECORD ".tmp"

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

static void put_string(Json *j, const char *text) {
    put(j, "\"");
    while (*text != '\0') {
        size_t plain = 0;
        while ((uint8_t)text[plain] >= ' ' && text[plain] != '"' && text[plain] != '\\')
            plain++;
        put(j, "%.*s", (int)plain, text);
        text += plain;
        if (*text != '\0')
            put(j, "\\u%04x", *text++);
    }
    put(j, "\"");
}

void machine_read(Machine *ret_machine) {
    Machine m = {0};
    struct stat ns = {0};
    int fd = sys_openat(AT_FDCWD, "/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC, 0);
    ssize_t size = fd < 0 ? 0 : sys_read(fd, m.boot_id, sizeof(m.boot_id) - 1);
    if (fd >= 0)
        close(fd);
    m.boot_id[size > 0 ? strcspn(m.boot_id, "\n") : 0] = '\0';
    stat("/proc/self/ns/pid", &ns);
    m.pidns = ns.st_ino;
    *ret_machine = m;
}

int record_claim(int dir) {
    char text[24];
    int fd = sys_openat(dir, RUN_CLAIM, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return -1;
    int size = snprintf(text, sizeof(text), "pin %d\n", getpid());
    (void)!sys_write(fd, text, (size_t)size); /* the file is the claim; on a full disk it stays empty */
    close(fd);
    return 0;
}

static int write_whole(int dir, const char *name, int flags, const Json *j) {
    if (j->size >= RECORD_BYTES_MAX)
        return errno = ENAMETOOLONG, -1;
    int fd = sys_openat(dir, name, O_WRONLY | O_CLOEXEC | flags, 0600);
    if (fd < 0)
        return -1;
    ssize_t size = sys_write(fd, j->at, j->size);
    int error = size < 0 ? errno : size < (ssize_t)j->size ? ENOSPC : 0;
    if (error == 0 && ftruncate(fd, (off_t)j->size) < 0)
        error = errno;
    close(fd);
    return error == 0 ? 0 : (errno = error, -1);
}

int record_run(int dir, const RecordRun *run, char *room) {
    const Launch *l = run->launch;
    Json j = {.at = room};
    put(&j, "{\"format\":1,\"id\":");
    put_string(&j, launch_text(l, l->id_at));
    put(&j, ",\"run\":%u,\"boot_id\":\"%s\",\"pidns\":%" PRIu64, l->run, run->machine->boot_id,
        run->machine->pidns);
    put(&j, ",\"pin\":%d,\"pin_start_ticks\":%" PRIu64, run->pin, run->pin_start_ticks);
    put(&j, ",\"pid\":%d,\"start_ticks\":%" PRIu64, run->pid, run->start_ticks);
    put(&j, ",\"started_us\":%" PRId64 ",\"restarts\":%u,\"cause\":", run->started_us, l->restarts);
    put_string(&j, launch_text(l, l->cause_at));
    put(&j, "}\n");
    if (write_whole(dir, RUN_TEMPORARY, O_CREAT | O_TRUNC, &j) < 0)
        return -1;
    sys_point("record");
    if (sys_renameat(dir, RUN_TEMPORARY, dir, RUN_RECORD) < 0)
        return -1;
    sys_point("recorded");
    return 0;
}

static const char *const end_names[] = {
    [RUN_END_EXITED] = "exited",
    [RUN_END_SIGNALED] = "signaled",
    [RUN_END_FAILED] = "failed",
    [RUN_END_LOST] = "lost",
};

static void put_exit(Json *j, const WireEnded *e) {
    const char *oom = e->oom == RUN_OOM_YES ? "true" : e->oom == RUN_OOM_NO ? "false" : "null";
    put(j, "{\"format\":1,\"end\":\"%s\",\"code\":%d,\"stage\":%u", end_names[e->end], e->code, e->stage);
    put(j, ",\"oom\":%s,\"started_us\":%" PRId64 ",\"ended_us\":%" PRId64, oom, e->started_us, e->ended_us);
    put(j, ",\"user_us\":%" PRIu64 ",\"system_us\":%" PRIu64, e->user_us, e->system_us);
    put(j, ",\"max_rss_kib\":%" PRIu64 ",\"log_size\":%" PRIu64, e->max_rss_kib, e->log_size);
    put(j, ",\"lingering\":%u,\"killed\":%u}\n", e->lingering, e->killed);
}

int record_exit(int dir, const WireEnded *ended, bool spare, char *room) {
    Json j = {.at = room};
    const char *written = EXIT_TEMPORARY;
    put_exit(&j, ended);
    if (write_whole(dir, written, O_CREAT | O_TRUNC, &j) < 0) {
        sys_unlinkat(dir, written, 0);
        written = RUN_LAUNCH;
        if (!spare || write_whole(dir, written, 0, &j) < 0)
            return -1;
    }
    sys_point("exit");
    if (sys_renameat(dir, written, dir, EXIT_RECORD) < 0)
        return -1;
    sys_point("exited");
    return 0;
}
