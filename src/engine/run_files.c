/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/run_files.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/path.h"
#include "base/str.h"
#include "base/xalloc.h"

#define READY_MARK "ready"

/* A directory's name as a run number; 0: it is none. */
static uint32_t run_number(const char *name) {
    uint64_t n = 0;
    for (const char *p = name; *p; p++) {
        if (*p < '0' || *p > '9' || n > UINT32_MAX / 10)
            return 0;
        n = n * 10 + (uint64_t)(*p - '0');
    }
    return n <= UINT32_MAX ? (uint32_t)n : 0;
}

static int by_number(const void *a, const void *b) {
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

uint32_t run_files_list(const char *session_dir, const char *target, uint32_t *ret, uint32_t max) {
    AUTO_FREE char *path = xasprintf("%s/runs/%s", session_dir, target);
    DIR *dir = opendir(path);
    uint32_t n = 0;
    if (!dir)
        return 0;
    for (struct dirent *entry; n < max && (entry = readdir(dir));) {
        uint32_t run = run_number(entry->d_name);
        if (run)
            ret[n++] = run;
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
        if (names.n == cap) {
            cap = cap ? cap * 2 : 16;
            const char **larger = arena_alloc(arena, cap * sizeof(*larger));
            if (names.n)
                memcpy(larger, names.at, names.n * sizeof(*larger));
            names.at = larger;
        }
        names.at[names.n++] = arena_strdup(arena, entry->d_name);
    }
    if (dir)
        closedir(dir);
    return names;
}

uint32_t run_files_newest(const char *session_dir, const char *target) {
    enum { MOST = 4096 };
    uint32_t runs[MOST];
    uint32_t n = run_files_list(session_dir, target, runs, MOST);
    return n ? runs[n - 1] : 0;
}

/* What the files of a run take. */
static int64_t run_bytes(const char *session_dir, const char *target, uint32_t run) {
    AUTO_FREE char *path = xasprintf("%s/runs/%s/%u", session_dir, target, run);
    DIR *dir = opendir(path);
    int64_t bytes = 0;
    for (struct dirent *entry; dir && (entry = readdir(dir));) {
        struct stat st;
        if (fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
            S_ISREG(st.st_mode))
            bytes += st.st_size;
    }
    if (dir)
        closedir(dir);
    return bytes;
}

static void remove_run(const char *session_dir, const char *target, uint32_t run) {
    AUTO_FREE char *path = xasprintf("%s/runs/%s/%u", session_dir, target, run);
    Err err;
    (void)!path_remove_tree(path, &err); /* what cannot be removed only takes room */
}

/* What never was asked of the backend is an empty directory: it drives out no run that was. */
static bool remove_void(const char *session_dir, const char *target, uint32_t run) {
    AUTO_FREE char *path = xasprintf("%s/runs/%s/%u", session_dir, target, run);
    return rmdir(path) == 0;
}

void run_files_retain(const char *session_dir, const char *target, const RunsKept *keep) {
    enum { MOST = 4096 };
    uint32_t runs[MOST], newest = keep->newest;
    int64_t max_bytes = keep->max_bytes;
    if (newest <= 1)
        return;
    uint32_t n = run_files_list(session_dir, target, runs, MOST), kept = 0;
    int64_t bytes = 0;
    for (uint32_t i = n; i-- > 0;) {
        if (runs[i] < newest && remove_void(session_dir, target, runs[i]))
            continue;
        bytes += max_bytes > 0 ? run_bytes(session_dir, target, runs[i]) : 0;
        bool goes = kept >= RUNS_KEPT || (max_bytes > 0 && bytes > max_bytes);
        if (goes && runs[i] < newest) {
            for (uint32_t j = 0; j <= i; j++)
                if (!keep->helpers || !helpers_of_run(keep->helpers, runs[j]))
                    remove_run(session_dir, target, runs[j]);
            return;
        }
        kept++;
    }
}

void run_files_void(const char *session_dir, const char *target, uint32_t run) {
    AUTO_FREE char *path = xasprintf("%s/runs/%s/%u", session_dir, target, run);
    Err err;
    (void)!path_mkdirs(path, 0700, &err); /* lost: the number is given again after a crash */
}

static char *mark_path(const char *session_dir, const char *target, uint32_t run) {
    return xasprintf("%s/runs/%s/%u/" READY_MARK, session_dir, target, run);
}

void run_files_mark_ready(const char *session_dir, const char *target, uint32_t run, Moment when) {
    AUTO_FREE char *path = mark_path(session_dir, target, run);
    char text[48];
    int n = snprintf(text, sizeof(text), "%lld %lld\n", (long long)when.wall_us,
                     (long long)when.boot_ms);
    Err err;
    (void)!file_write(path, text, (size_t)n, 0600, &err); /* lost: it is probed again */
}

Moment run_files_ready(const char *session_dir, const char *target, uint32_t run) {
    AUTO_FREE char *path = mark_path(session_dir, target, run);
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
