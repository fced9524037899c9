/* SPDX-License-Identifier: Apache-2.0 */
/* What the *-faults programs do at each call and point of base/sys.h. Linked into those alone. */
#include "base/sys.h"

#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>

typedef struct Fault {
    char name[32]; /* of a call, "any", or of a point */
    long at;       /* the how-manieth */
    int number;    /* errno */
    long seen;
} Fault;

static struct {
    bool read;
    char program[16];
    Fault fault, crash;
} state;

static int number_of(const char *text) {
    static const struct {
        const char *name;
        int number;
    } names[] = {{"ENOSPC", ENOSPC}, {"EIO", EIO},       {"EMFILE", EMFILE}, {"ENOMEM", ENOMEM},
                 {"EAGAIN", EAGAIN}, {"EACCES", EACCES}, {"EPERM", EPERM},   {"EDQUOT", EDQUOT}};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (strcmp(names[i].name, text) == 0)
            return names[i].number;
    int number = (int)strtoll(text, NULL, 10);
    return number > 0 ? number : EIO;
}

/* "<name>:<n>[:<errno>]" */
static void fault_read(const char *variable, Fault *ret) {
    const char *text = getenv(variable);
    char number[16] = "EIO";
    memset(ret, 0, sizeof(*ret));
    if (text && sscanf(text, "%31[^:]:%ld:%15s", ret->name, &ret->at, number) >= 2)
        ret->number = number_of(number);
    else
        ret->name[0] = '\0';
}

static void setup(void) {
    const char *only = getenv("THOLE_FAULT_PROGRAM");
    state.read = true;
    memset(&state.fault, 0, sizeof(state.fault));
    memset(&state.crash, 0, sizeof(state.crash));
    if (only && strcmp(only, state.program) != 0)
        return;
    fault_read("THOLE_FAULT", &state.fault);
    fault_read("THOLE_CRASH", &state.crash);
}

static void note(const char *what) {
    const char *path = getenv("THOLE_FAULT_FILE");
    char line[96];
    int n = snprintf(line, sizeof(line), "%s %s %d\n", state.program[0] ? state.program : "-", what,
                     (int)getpid());
    int fd = path ? open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666) : -1;
    if (fd < 0)
        return;
    (void)!write(fd, line, (size_t)n);
    close(fd);
}

void sys_program(const char *name) {
    snprintf(state.program, sizeof(state.program), "%s", name);
    setup();
}

bool sys_fault(const char *call) {
    Fault *fault = &state.fault;
    if (!state.read)
        setup();
    if (!fault->name[0] || (strcmp(fault->name, "any") != 0 && strcmp(fault->name, call) != 0))
        return false;
    if (++fault->seen != fault->at)
        return false;
    note(call);
    errno = fault->number;
    return true;
}

/* Whoever removes the file has the crash to itself. */
static bool is_armed(const char *name) {
    const char *dir = getenv("THOLE_CRASH_DIR");
    char path[512];
    if (!dir)
        return false;
    snprintf(path, sizeof(path), "%s/%s.%s", dir, state.program, name);
    return unlink(path) == 0;
}

void sys_point(const char *name) {
    Fault *crash = &state.crash;
    if (!state.read)
        setup();
    bool counted = crash->name[0] && strcmp(crash->name, name) == 0 && ++crash->seen == crash->at;
    if (!counted && !is_armed(name))
        return;
    note(name);
    kill(getpid(), SIGKILL);
}

int64_t sys_clock_step(clockid_t clock) {
    const char *path = getenv("THOLE_CLOCK_FILE");
    char text[64];
    if (!path || (clock != CLOCK_REALTIME && clock != CLOCK_BOOTTIME))
        return 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof(text) - 1);
    if (fd >= 0)
        close(fd);
    if (n <= 0)
        return 0;
    text[n] = '\0';
    char *rest;
    int64_t wall = strtoll(text, &rest, 10);
    return clock == CLOCK_REALTIME ? wall : strtoll(rest, NULL, 10);
}

int64_t sys_idle_ms(int64_t ms) {
    const char *text = getenv("THOLE_IDLE_MS");
    return text ? strtoll(text, NULL, 10) : ms;
}

int sys_clock_watch(void) {
    const char *path = getenv("THOLE_CLOCK_FILE"), *slash = path ? strrchr(path, '/') : NULL;
    char dir[512];
    if (!slash || (size_t)(slash - path) >= sizeof(dir))
        return -1;
    memcpy(dir, path, (size_t)(slash - path));
    dir[slash - path] = '\0';
    int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (fd >= 0)
        inotify_add_watch(fd, dir, IN_MOVED_TO | IN_CLOSE_WRITE);
    return fd;
}
