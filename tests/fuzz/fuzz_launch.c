/* SPDX-License-Identifier: Apache-2.0 */
/* The launch file, as the pin maps it and as the server reads it back. What is accepted is then
 * used as a child would. */
#include "fuzz/fuzz.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "backend/local/launch_file.h"
#include "pin/mask.h"
#include "pin/record.h"

static char dir[] = "/tmp/thole-fuzz-XXXXXX";

static void leave(void) {
    char path[64];
    snprintf(path, sizeof(path), "%s/" RUN_LAUNCH, dir);
    unlink(path);
    rmdir(dir);
}

/* Every text has its end within the file. */
static void walk(const Launch *l, size_t size, uint32_t count, uint32_t at) {
    for (; count > 0; count--) {
        if (at >= size)
            __builtin_trap();
        at += (uint32_t)strnlen((const char *)l + at, size - at) + 1;
        if (at > size)
            __builtin_trap();
    }
}

static void use(const Launch *l, size_t size) {
    static Mask mask;
    const uint32_t texts[] = {l->id_at, l->cwd_at, l->title_at, l->cause_at};
    walk(l, size, l->argc, l->argv_at);
    walk(l, size, l->envc, l->env_at);
    walk(l, size, l->secretc, l->secrets_at);
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        walk(l, size, 1, texts[i]);
    if (l->limitc > LAUNCH_LIMITS_MAX)
        __builtin_trap();
    memset(&mask, 0, sizeof(mask));
    if (l->secretc > 0)
        (void)!mask_init(&mask, launch_text(l, l->secrets_at), l->secretc);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static int directory = -1;
    if (directory < 0) {
        if (access("/dev/shm", W_OK) == 0) /* many small files */
            memcpy(dir, "/dev/shm/thole-XXXXXX", sizeof("/dev/shm/thole-XXXXXX"));
        if (!mkdtemp(dir) || (directory = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0)
            abort();
        atexit(leave);
    }
    int fd = openat(directory, RUN_LAUNCH, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0 || write(fd, data, size) != (ssize_t)size)
        abort();
    close(fd);
    const Launch *mapped;
    Launch *copy = NULL;
    size_t mapped_size;
    Err err;
    if (launch_map(directory, &mapped, &mapped_size) == 0) {
        use(mapped, mapped_size);
        munmap((void *)(uintptr_t)mapped, mapped_size);
    }
    if (launch_read(dir, &copy, &err) > 0)
        use(copy, size);
    free(copy);
    return 0;
}
