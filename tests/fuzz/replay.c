/* SPDX-License-Identifier: Apache-2.0 */
/* unit-fuzz-<name> [PATTERN]: every file of the corpus (whose name contains PATTERN) as a test of
 * its own, in a process of its own: as it is, and changed a little in a few thousand ways that are
 * the same in every run. */
#include "fuzz/fuzz.h"

#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { INPUT_MAX = 1 << 20, MUTATIONS = 3000, SECONDS = 60, PATH_SIZE = 4096 };

static uint64_t random_next(uint64_t *state) {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

/* Changes a byte, removes some, or doubles some; returns the new size. */
static size_t mutate(uint8_t *bytes, size_t size, uint64_t *state) {
    static const uint8_t likely[] = {0,   '\n', '"', '\'', '{',  '}',  '[', ']',
                                     ':', '-',  '&', '*',  '\\', 0x80, 0xff};
    size_t at = size ? random_next(state) % size : 0, some = random_next(state) % 8 + 1;
    some = some > size - at ? size - at : some;
    switch (random_next(state) % 3) {
    case 0: bytes[at] = (uint8_t)random_next(state); return size ? size : 1;
    case 1: memmove(bytes + at, bytes + at + some, size - at - some); return size - some;
    }
    memmove(bytes + at + some, bytes + at, size - at);
    bytes[at] = likely[random_next(state) % sizeof(likely)];
    return size + some;
}

/* The function gets memory of exactly this size, so that a sanitizer sees one byte too many. */
static void feed(const uint8_t *bytes, size_t size) {
    uint8_t *exact = malloc(size ? size : 1);
    if (!exact)
        abort();
    memcpy(exact, bytes, size);
    LLVMFuzzerTestOneInput(exact, size);
    free(exact);
}

static void replay(const char *path) {
    uint8_t *seed = malloc(INPUT_MAX + 64), *bytes = malloc(INPUT_MAX + 64);
    FILE *file = fopen(path, "rb");
    if (!seed || !bytes || !file)
        abort();
    size_t size = fread(seed, 1, INPUT_MAX, file);
    fclose(file);
    feed(seed, size);
    uint64_t state = 0x9e3779b97f4a7c15u + size;
    for (int i = 0; i < MUTATIONS; i++) {
        memcpy(bytes, seed, size);
        size_t now = size;
        for (uint64_t times = random_next(&state) % 4 + 1; times > 0; times--)
            now = mutate(bytes, now, &state);
        feed(bytes, now);
    }
    free(seed);
    free(bytes);
}

static bool passes(const char *path) {
    int status;
    fflush(NULL);
    pid_t pid = fork();
    if (pid < 0)
        abort();
    if (pid == 0) {
        alarm(SECONDS);
        replay(path);
        exit(0); /* not _exit: the leak checker looks now */
    }
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        continue;
    if (status != 0)
        fprintf(stderr, "FAIL %s: status %d\n", path, status);
    return status == 0;
}

int main(int argc, char **argv) {
    const char *source = getenv("THOLE_SOURCE");
    char folder[PATH_SIZE], path[PATH_SIZE];
    snprintf(folder, sizeof(folder), "%s/tests/fuzz/corpus/" FUZZ_NAME, source ? source : ".");
    struct dirent **entries;
    int n = scandir(folder, &entries, NULL, alphasort), passed = 0, failed = 0;
    if (n < 0)
        fprintf(stderr, "FAIL %s: %s\n", folder, strerror(errno));
    for (int i = 0; i < n; i++) {
        bool chosen =
            entries[i]->d_name[0] != '.' && (argc < 2 || strstr(entries[i]->d_name, argv[1]));
        int length = snprintf(path, sizeof(path), "%s/%s", folder, entries[i]->d_name);
        free(entries[i]);
        if (!chosen || length >= (int)sizeof(path))
            continue;
        if (passes(path))
            passed++;
        else
            failed++;
    }
    if (n >= 0)
        free(entries);
    printf("%d passed, %d failed\n", passed, failed);
    return n < 0 || failed ? 1 : 0;
}
