/* SPDX-License-Identifier: Apache-2.0 */
#include "pin/launch.h"

#include "base/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

const char *launch_text(const Launch *l, uint32_t at) {
    return (const char *)l + at;
}

/* `count` NUL-terminated strings of at most `longest` bytes each lie inside the file. */
static bool holds(const Launch *l, size_t size, const uint32_t list[static 2], size_t longest) {
    size_t at = list[1];
    for (uint32_t i = 0; i < list[0]; i++) {
        const char *end = at >= l->size && at < size ? memchr(launch_text(l, (uint32_t)at), 0, size - at) : NULL;
        size_t past = end ? (size_t)(end - (const char *)l) + 1 : 0;
        if (!end || past - at > longest)
            return false;
        at = past;
    }
    return true;
}

static bool is_id(const char *id) {
    size_t size = strlen(id);
    return size > 0 && size < WIRE_ID_MAX && strspn(id, "0123456789abcdef") == size;
}

static bool is_launch(const Launch *l, size_t size) {
    const uint32_t lists[][2] = {{l->argc, l->argv_at}, {l->envc, l->env_at}, {l->secretc, l->secrets_at}};
    const uint32_t texts[][2] = {{1, l->id_at}, {1, l->cwd_at}, {1, l->title_at}, {1, l->cause_at}};
    for (size_t i = 0; i < sizeof(lists) / sizeof(*lists); i++) {
        if (!holds(l, size, lists[i], size))
            return false;
    }
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        if (!holds(l, size, texts[i], LAUNCH_TEXT_MAX))
            return false;
    }
    return l->argc > 0 && l->limitc <= LAUNCH_LIMITS_MAX && is_id(launch_text(l, l->id_at));
}

int launch_map(int dir, const Launch **ret_launch) {
    struct stat file;
    int fd = sys_openat(dir, RUN_LAUNCH, O_RDONLY | O_CLOEXEC | O_NOFOLLOW, 0);
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
    if (known && l->format == LAUNCH_FORMAT && is_launch(l, size))
        return *ret_launch = l, 0;
    int error = known && l->format > LAUNCH_FORMAT ? EPROTO : EINVAL;
    munmap((void *)(uintptr_t)l, size);
    return errno = error, -1;
}
