/* SPDX-License-Identifier: Apache-2.0 */

#include "engine/targets/run_files.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backend/step_name.h"
#include "base/file.h"
#include "base/limits.h"
#include "base/path.h"
#include "base/str.h"
#include "base/xalloc.h"
#include "pin/wire.h"

#define READY_MARK   "ready"
#define ASKED_MARK   "asked"
#define HOOKS_MARK   "hooks"
#define REFUSED_MARK "refused" /* "<ended_us> <attempt> <restarts>", and why on the next line */

static int by_number(const void *a, const void *b) {
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

char *run_files_dir(const char *session_dir, const char *target, uint32_t run) {
    AUTO_FREE char *name = step_to_name(target);
    return xasprintf("%s/runs/%s/%u", session_dir, name, run);
}

uint32_t run_files_list(const char *session_dir, const char *target, uint32_t *ret, uint32_t max) {
    AUTO_FREE char *name = step_to_name(target);
    AUTO_FREE char *path = xasprintf("%s/runs/%s", session_dir, name);
    DIR *dir = opendir(path);
    uint32_t n = 0;
    if (!dir)
        return 0;
    for (struct dirent *entry; n < max && (entry = readdir(dir));) {
        int64_t run;
        if (number_parse(entry->d_name, 1, UINT32_MAX, &run) == 0)
            ret[n++] = (uint32_t)run;
    }
    closedir(dir);
    qsort(ret, n, sizeof(*ret), by_number);
    return n;
}

StrList run_files_targets(const char *runs, Arena *arena) {
    StrList names = {0};
    size_t cap = 0;
    DIR *dir = opendir(runs);
    for (struct dirent *entry; dir && (entry = readdir(dir));) {
        if (entry->d_name[0] == '.')
            continue;
        names.at = arena_grow(arena, names.at, names.n, &cap, sizeof(*names.at));
        names.at[names.n++] = arena_strdup(arena, entry->d_name);
    }
    if (dir)
        closedir(dir);
    return names;
}

uint32_t run_files_newest(const char *session_dir, const char *target) {
    uint32_t runs[MAX_RUNS_LISTED];
    uint32_t n = run_files_list(session_dir, target, runs, MAX_RUNS_LISTED);
    return n ? runs[n - 1] : 0;
}

/* ---- the cap ---- */

static int is_log(const struct dirent *entry) {
    return strncmp(entry->d_name, LOG_DATA, strlen(LOG_DATA)) == 0;
}

static int64_t file_bytes(const char *dir, const char *name) {
    AUTO_FREE char *path = path_join(dir, name);
    struct stat st;
    return lstat(path, &st) == 0 && S_ISREG(st.st_mode) ? st.st_size : 0;
}

static void remove_segment(const char *dir, const char *name) {
    AUTO_FREE char *data = path_join(dir, name);
    AUTO_FREE char *index = xasprintf("%s/" LOG_INDEX "%s", dir, name + strlen(LOG_DATA));
    unlink(data);
    unlink(index);
}

/* The bytes of a run's log, after its oldest segments, but never the last, were removed as long as
 * there were more than `most`; < 0: none is. Their names are in the order of what they hold. */
static int64_t run_bytes(const char *session_dir, const char *target, uint32_t run, int64_t most) {
    AUTO_FREE char *dir = run_files_dir(session_dir, target, run);
    struct dirent **segments = NULL;
    int n = scandir(dir, &segments, is_log, alphasort);
    int64_t bytes = 0;
    for (int i = 0; i < n; i++)
        bytes += file_bytes(dir, segments[i]->d_name);
    for (int i = 0; i < n - 1 && most >= 0 && bytes > most; i++) {
        bytes -= file_bytes(dir, segments[i]->d_name);
        remove_segment(dir, segments[i]->d_name);
    }
    for (int i = 0; i < n; i++)
        free(segments[i]);
    free(segments);
    return bytes;
}

static void remove_run(const char *session_dir, const char *target, uint32_t run) {
    AUTO_FREE char *path = run_files_dir(session_dir, target, run);
    Err err;
    (void)!path_remove_tree(path, &err); /* what cannot be removed only takes room */
}

/* What never was asked of the backend is a directory with at most why not: it drives out no run
 * that was. */
static bool remove_void(const char *session_dir, const char *target, uint32_t run) {
    AUTO_FREE char *path = run_files_dir(session_dir, target, run);
    AUTO_FREE char *refused = path_join(path, REFUSED_MARK);
    unlink(refused);
    return rmdir(path) == 0;
}

/* Its pin may still write there. */
static bool is_written(const RunsKept *keep, uint32_t run) {
    return run >= keep->newest || (keep->helpers && helpers_of_run(keep->helpers, run));
}

int64_t run_files_retain(const char *session_dir, const char *target, const RunsKept *keep) {
    uint32_t runs[MAX_RUNS_LISTED];
    uint32_t n = run_files_list(session_dir, target, runs, MAX_RUNS_LISTED), kept = 0;
    int64_t max = keep->max_bytes, all = 0, older = 0;
    for (uint32_t i = n; i-- > 0;) {
        bool whole = is_written(keep, runs[i]);
        if (!whole && remove_void(session_dir, target, runs[i]))
            continue;
        int64_t room = max > all ? max - all : 0;
        int64_t bytes = run_bytes(session_dir, target, runs[i], whole || max <= 0 ? -1 : room);
        bool last = kept > 0 && max > 0 && (room == 0 || bytes > room);
        if (!whole && (last || kept >= RUNS_KEPT)) {
            for (uint32_t j = 0; j <= i; j++)
                if (!is_written(keep, runs[j]))
                    remove_run(session_dir, target, runs[j]);
            break;
        }
        all += bytes;
        older += runs[i] < keep->newest ? bytes : 0;
        kept++;
    }
    return older;
}

void run_files_void(const char *session_dir, const char *target, uint32_t run) {
    AUTO_FREE char *path = run_files_dir(session_dir, target, run);
    Err err;
    (void)!path_mkdirs(path, 0700, &err); /* lost: the number is given again after a crash */
}

/* Lost: it is tried again. */
void run_files_refuse(const char *session_dir, const char *target, uint32_t run,
                      const RunRefusal *refusal) {
    AUTO_FREE char *dir = run_files_dir(session_dir, target, run);
    AUTO_FREE char *path = path_join(dir, REFUSED_MARK);
    AUTO_FREE char *text = xasprintf("%lld %u %u\n%s\n", (long long)refusal->ended_us,
                                     refusal->attempt, refusal->restarts, refusal->why);
    Err err;
    run_files_void(session_dir, target, run);
    (void)!file_write_atomic(path, text, strlen(text), 0600, false, &err);
}

bool run_files_refused(const char *session_dir, const char *target, uint32_t run, RunRefusal *ret) {
    AUTO_FREE char *path = xasprintf("%s/runs/%s/%u/" REFUSED_MARK, session_dir, target, run);
    AUTO_FREE char *text = NULL;
    Err err;
    long long ended_us;
    if (file_read(path, FACTS_TEXT + 64, &text, NULL, &err) < 0)
        return false;
    char *why = strchr(text, '\n');
    if (!why || sscanf(text, "%lld %u %u", &ended_us, &ret->attempt, &ret->restarts) != 3)
        return false;
    ret->ended_us = ended_us;
    str_copy(ret->why, sizeof(ret->why), why + 1);
    ret->why[strcspn(ret->why, "\n")] = '\0';
    return true;
}

/* ---- marks: a file that holds a moment ---- */

static void write_mark(const char *session_dir, const char *target, uint32_t run, const char *name,
                       Moment when) {
    AUTO_FREE char *path = xasprintf("%s/runs/%s/%u/%s", session_dir, target, run, name);
    char text[48];
    int n = snprintf(text, sizeof(text), "%lld %lld\n", (long long)when.wall_us,
                     (long long)when.boot_ms);
    Err err;
    (void)!file_write(path, text, (size_t)n, 0600, &err);
}

static Moment read_mark(const char *session_dir, const char *target, uint32_t run,
                        const char *name) {
    AUTO_FREE char *path = xasprintf("%s/runs/%s/%u/%s", session_dir, target, run, name);
    AUTO_FREE char *text = NULL;
    Moment when = {0};
    Err err;
    if (file_read(path, 64, &text, NULL, &err) < 0)
        return when;
    text[strcspn(text, "\n")] = '\0';
    char *boot = strchr(text, ' '); /* of older servers: none */
    if (boot)
        *boot++ = '\0';
    if (number_parse(text, 0, INT64_MAX, &when.wall_us) < 0 ||
        (boot && number_parse(boot, 0, INT64_MAX, &when.boot_ms) < 0))
        return (Moment){0};
    return when;
}

/* Lost: it is probed again. */
void run_files_mark_ready(const char *session_dir, const char *target, uint32_t run, Moment when) {
    write_mark(session_dir, target, run, READY_MARK, when);
}

Moment run_files_ready(const char *session_dir, const char *target, uint32_t run) {
    return read_mark(session_dir, target, run, READY_MARK);
}

/* Lost: when it was executed counts instead. */
void run_files_mark_asked(const char *session_dir, const char *target, uint32_t run, Moment when) {
    write_mark(session_dir, target, run, ASKED_MARK, when);
}

Moment run_files_asked(const char *session_dir, const char *target, uint32_t run) {
    return read_mark(session_dir, target, run, ASKED_MARK);
}

/* Lost: they are not run if the server is replaced before the end of the run. */
void run_files_mark_hooks(const char *session_dir, const char *target, uint32_t run,
                          const char *names) {
    AUTO_FREE char *path = xasprintf("%s/runs/%s/%u/" HOOKS_MARK, session_dir, target, run);
    Err err;
    (void)!file_write(path, names, strlen(names), 0600, &err);
}

char *run_files_hooks(const char *session_dir, const char *target, uint32_t run) {
    AUTO_FREE char *path = xasprintf("%s/runs/%s/%u/" HOOKS_MARK, session_dir, target, run);
    char *names = NULL;
    Err err;
    return file_read(path, 256, &names, NULL, &err) < 0 ? NULL : names;
}
