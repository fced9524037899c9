/* SPDX-License-Identifier: Apache-2.0 */
#include "backend/local/records.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backend/log_segments.h"
#include "base/boot.h"
#include "base/file.h"
#include "base/limits.h"
#include "base/sys.h"
#include "base/xalloc.h"
#include "data/json.h"

enum { RECORD_FORMAT = 1 };

/* ---- Reading ---- */

static int read_json(const char *dir, const char *name, Arena *arena, const Value **ret, Err *err) {
    AUTO_FREE char *path = xasprintf("%s/%s", dir, name);
    AUTO_FREE char *text = NULL;
    size_t size = 0;
    Err failed = {0};
    if (file_read(path, MAX_RECORD_BYTES, &text, &size, &failed) < 0) {
        if (failed.kind == ERR_NOT_FOUND)
            return 0;
        *err = failed;
        return -1;
    }
    int result = json_parse(text, size, arena, ret, &failed) == 0 && value_is(*ret, VALUE_MAP);
    if (!result || value_check_format(*ret, RECORD_FORMAT, err) == 0)
        return result;
    err->kind = ERR_INVALID; /* it does not pass */
    return err_in(err, "%s", path);
}

static void copy_text(char *ret, size_t size, const Value *map, const char *key) {
    const char *text = value_get_str(map, key);
    snprintf(ret, size, "%s", text ? text : "");
}

int records_run(const char *dir, RunRecord *ret, Err *err) {
    Arena arena;
    const Value *v = NULL;
    arena_init(&arena);
    int there = read_json(dir, RUN_RECORD, &arena, &v, err);
    if (there > 0) {
        *ret = (RunRecord){
            .pidns = (uint64_t)value_get_int(v, "pidns", 0),
            .pin = value_get_int(v, "pin", 0),
            .pid = value_get_int(v, "pid", 0),
            .pin_start_ticks = (uint64_t)value_get_int(v, "pin_start_ticks", 0),
            .start_ticks = (uint64_t)value_get_int(v, "start_ticks", 0),
            .started_us = value_get_int(v, "started_us", 0),
            .restarts = (uint32_t)value_get_int(v, "restarts", 0),
            .attempt = (uint32_t)value_get_int(v, "attempt", 0),
        };
        copy_text(ret->id, sizeof ret->id, v, "id");
        copy_text(ret->boot_id, sizeof ret->boot_id, v, "boot_id");
        copy_text(ret->cause, sizeof ret->cause, v, "cause");
    }
    arena_deinit(&arena);
    return there;
}

static const char *const end_names[] = {
    [RUN_END_EXITED] = "exited",
    [RUN_END_SIGNALED] = "signaled",
    [RUN_END_FAILED] = "failed",
    [RUN_END_LOST] = "lost",
};

static RunEnd end_named(const char *name) {
    for (size_t i = 1; name && i < COUNT(end_names); i++)
        if (strcmp(end_names[i], name) == 0)
            return (RunEnd)i;
    return RUN_END_LOST;
}

static RunOom oom_of(const Value *v) {
    if (!value_is(v, VALUE_BOOL))
        return RUN_OOM_UNKNOWN;
    return value_bool(v, false) ? RUN_OOM_YES : RUN_OOM_NO;
}

int records_exit(const char *dir, WireEnded *ret, Err *err) {
    Arena arena;
    const Value *v = NULL;
    arena_init(&arena);
    int there = read_json(dir, EXIT_RECORD, &arena, &v, err);
    if (there > 0)
        *ret = (WireEnded){
            .head = {WIRE_ENDED, sizeof *ret},
            .end = end_named(value_get_str(v, "end")),
            .code = (int32_t)value_get_int(v, "code", 0),
            .stage = (uint32_t)value_get_int(v, "stage", 0),
            .oom = oom_of(value_get(v, "oom")),
            .started_us = value_get_int(v, "started_us", 0),
            .ended_us = value_get_int(v, "ended_us", 0),
            .user_us = (uint64_t)value_get_int(v, "user_us", 0),
            .system_us = (uint64_t)value_get_int(v, "system_us", 0),
            .max_rss_kib = (uint64_t)value_get_int(v, "max_rss_kib", 0),
            .log_size = (uint64_t)value_get_int(v, "log_size", 0),
            .lingering = (uint32_t)value_get_int(v, "lingering", 0),
            .killed = (uint32_t)value_get_int(v, "killed", 0),
        };
    arena_deinit(&arena);
    return there;
}

int records_claim(const char *dir, Claim *ret, Err *err) {
    AUTO_FREE char *path = xasprintf("%s/" RUN_CLAIM, dir);
    char text[64];
    *ret = (Claim){.kind = CLAIM_NONE};
    AUTO_CLOSE int fd = sys_openat(AT_FDCWD, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW, 0);
    if (fd < 0)
        return errno == ENOENT ? 0 : err_sys(err, errno, "read %s", path);
    ssize_t n = sys_read(fd, text, sizeof text - 1);
    if (n < 0)
        return err_sys(err, errno, "read %s", path);
    text[n] = '\0';
    int pin = 0;
    ret->kind = strncmp(text, "void", 4) == 0 ? CLAIM_VOID : CLAIM_PIN;
    if (ret->kind == CLAIM_PIN && sscanf(text, "pin %9d", &pin) == 1)
        ret->pin = pin;
    return 1;
}

bool records_same_boot(const RunRecord *record) {
    return strcmp(record->boot_id, boot_id()) == 0;
}

/* One that was moved is the same, whatever its path. */
bool pin_holds_another(const char *dir, pid_t pin) {
    char held[48];
    struct stat its, own;
    snprintf(held, sizeof held, "/proc/%d/fd/%d", (int)pin, WIRE_PIN_DIR);
    return stat(held, &its) == 0 && S_ISDIR(its.st_mode) && its.st_nlink > 0 &&
           stat(dir, &own) == 0 && (its.st_dev != own.st_dev || its.st_ino != own.st_ino);
}

static bool pin_lives(const RunRecord *record) {
    return records_same_boot(record) && record->pidns == pidns_inode(0) &&
           proc_alive((pid_t)record->pin, record->pin_start_ticks);
}

bool records_pin_lives(const char *dir, const RunRecord *record) {
    return pin_lives(record) && !pin_holds_another(dir, (pid_t)record->pin);
}

bool records_are_copied(const char *dir, const RunRecord *record) {
    return pin_lives(record) && pin_holds_another(dir, (pid_t)record->pin);
}

int64_t records_started_boot_ms(const RunRecord *record) {
    int64_t per_second = sysconf(_SC_CLK_TCK);
    bool known = records_same_boot(record) && per_second > 0;
    return known ? (int64_t)record->start_ticks * 1000 / per_second : 0;
}

/* ---- Writing ---- */

int records_void(const char *dir, Err *err) {
    AUTO_FREE char *path = xasprintf("%s/" RUN_CLAIM, dir);
    AUTO_FREE char *mine = xasprintf("%s/" RUN_CLAIM ".%d", dir, (int)getpid());
    /* Linked into place with its text, so that no reader takes it for a pin's. */
    AUTO_CLOSE int fd =
        sys_openat(AT_FDCWD, mine, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return errno == ENOENT ? 1 : err_sys(err, errno, "write %s", mine);
    if (sys_write(fd, "void\n", 5) != 5) {
        unlink(mine);
        return err_sys(err, errno, "write %s", mine);
    }
    int result = link(mine, path) == 0 ? 1 : 0;
    int error = errno;
    unlink(mine);
    return result == 0 && error != EEXIST ? err_sys(err, error, "write %s", path) : result;
}

int records_write_exit(const char *dir, const WireEnded *e, Err *err) {
    char text[1024];
    const char *oom = e->oom == RUN_OOM_YES ? "true" : e->oom == RUN_OOM_NO ? "false" : "null";
    int n = snprintf(
        text, sizeof text,
        "{\"format\":1,\"end\":\"%s\",\"code\":%d,\"stage\":%u,\"oom\":%s,\"started_us\":%" PRId64
        ",\"ended_us\":%" PRId64 ",\"user_us\":%" PRIu64 ",\"system_us\":%" PRIu64
        ",\"max_rss_kib\":%" PRIu64 ",\"log_size\":%" PRIu64 ",\"lingering\":%u,\"killed\":%u}\n",
        end_names[e->end], e->code, e->stage, oom, e->started_us, e->ended_us, e->user_us,
        e->system_us, e->max_rss_kib, e->log_size, e->lingering, e->killed);
    AUTO_FREE char *path = xasprintf("%s/" EXIT_RECORD, dir);
    return file_write_atomic(path, text, (size_t)n, 0600, false, err);
}

void records_write_why(const char *dir, const char *why) {
    AUTO_FREE char *path = xasprintf("%s/" RUN_WHY, dir);
    Err err;
    (void)!file_write(path, why, strlen(why), 0600, &err); /* lost: the next one says less */
}

int records_why(const char *dir, char *ret, size_t size) {
    AUTO_FREE char *path = xasprintf("%s/" RUN_WHY, dir);
    AUTO_FREE char *text = NULL;
    Err err;
    if (file_read(path, MAX_RECORD_BYTES, &text, NULL, &err) < 0 || !text[0])
        return -1;
    snprintf(ret, size, "%s", text);
    return 0;
}

static int append(const char *dir, uint64_t segment, const LogChunk *chunks, size_t n, Err *err) {
    AUTO_FREE char *path = xasprintf("%s/" LOG_INDEX "%016llx", dir, (unsigned long long)segment);
    AUTO_CLOSE int fd =
        sys_openat(AT_FDCWD, path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    uint64_t size = 0;
    if (fd < 0)
        return err_sys(err, errno, "write %s", path);
    if (log_index_size(dir, segment, &size, err) < 0)
        return -1;
    size -= size % sizeof *chunks; /* a torn entry is overwritten */
    ssize_t done = pwrite(fd, chunks, n * sizeof *chunks, (off_t)size);
    return done == (ssize_t)(n * sizeof *chunks)
               ? 0
               : err_sys(err, done < 0 ? errno : ENOSPC, "write %s", path);
}

/* Where the bytes that have an entry end. */
static int indexed_end(const char *dir, const LogSegment *last, uint64_t *ret, Err *err) {
    uint64_t size;
    LogChunk chunk;
    *ret = last->at;
    if (log_index_size(dir, last->at, &size, err) < 0)
        return -1;
    for (uint64_t i = size / sizeof chunk; i > 0; i--) {
        LogRead read = {
            .prefix = LOG_INDEX, .segment = last->at, .into = &chunk, .size = sizeof chunk};
        read.from = (i - 1) * sizeof chunk;
        if (log_segment_read(dir, &read, err) < 0)
            return -1;
        if (chunk.kind == LOG_BYTES) {
            *ret = chunk.at + chunk.size;
            break;
        }
    }
    return 0;
}

/* A log that was not begun begins with the gap. */
static int begin_log(const char *dir, Err *err) {
    AUTO_FREE char *path = xasprintf("%s/" LOG_DATA "%016llx", dir, 0ull);
    return file_write(path, "", 0, 0600, err);
}

int records_log_gap(const char *dir, int64_t now_us, uint64_t *ret_log_size, Err *err) {
    LogSegments found;
    *ret_log_size = 0;
    if (log_segments_list(dir, &found, err) < 0)
        return -1;
    uint64_t end = *ret_log_size = log_segments_end(&found), indexed;
    LogSegment last = found.n ? found.at[found.n - 1] : (LogSegment){0};
    bool begun = found.n > 0;
    log_segments_deinit(&found);
    if (!begun && begin_log(dir, err) < 0)
        return -1;
    if (indexed_end(dir, &last, &indexed, err) < 0)
        return -1;
    LogChunk chunks[2] = {{.at = indexed, .time_us = last.mtime_us, .kind = LOG_BYTES, .stream = 1},
                          {.at = end, .time_us = now_us, .kind = LOG_GAP, .stream = LOG_GAP_PIN}};
    if (indexed < end && end - indexed <= UINT32_MAX) {
        chunks[0].size = (uint32_t)(end - indexed);
        return append(dir, last.at, chunks, 2, err);
    }
    return append(dir, last.at, chunks + 1, 1, err);
}
