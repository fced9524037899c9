/* SPDX-License-Identifier: Apache-2.0 */
#include "pin/child.h"

#include "base/sys.h"
#include "pin/launch.h"

#include <errno.h>
#include <linux/close_range.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define DEFAULT_PATH "/usr/local/bin:/usr/bin:/bin"

static void reset_signals(void) {
    struct sigaction usual = {.sa_handler = SIG_DFL};
    sigset_t none;
    for (int signal = 1; signal < NSIG; signal++)
        sigaction(signal, &usual, NULL); /* those that may not be changed are as they should be */
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Limits above what we may have become the most that we may have: a smaller limit beats no process. */
static int set_limit(const LaunchLimit *l) {
    struct rlimit may, want = {l->soft, l->hard};
    if (setrlimit((__rlimit_resource_t)l->resource, &want) == 0)
        return 0;
    if (errno != EPERM || getrlimit((__rlimit_resource_t)l->resource, &may) < 0)
        return -1;
    want.rlim_max = want.rlim_max < may.rlim_max ? want.rlim_max : may.rlim_max;
    want.rlim_cur = want.rlim_cur < want.rlim_max ? want.rlim_cur : want.rlim_max;
    return setrlimit((__rlimit_resource_t)l->resource, &want);
}

static int set_limits(const Launch *l) {
    for (uint32_t i = 0; i < l->limitc; i++) {
        if (set_limit(&l->limits[i]) < 0)
            return -1;
    }
    if (setpriority(PRIO_PROCESS, 0, l->nice) < 0 && errno != EACCES && errno != EPERM)
        return -1;
    umask((mode_t)l->umask & 0777);
    return 0;
}

/* The parent-death signal goes with the pin; if it went before, nobody would send it. */
static int set_up(const Child *c) {
    if (setsid() < 0 || sys_dup2(c->out, STDOUT_FILENO) < 0 || sys_dup2(c->err, STDERR_FILENO) < 0)
        return -1;
    reset_signals();
    if (set_limits(c->launch) < 0 || prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
        return -1;
    if (getppid() != c->parent)
        _exit(127);
    return close_range(STDERR_FILENO + 1, ~0U, CLOSE_RANGE_CLOEXEC);
}

/* Pointers to `count` consecutive strings; returns where the next ones go. */
static char **point(char **to, const char *strings, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) {
        *to++ = (char *)(uintptr_t)strings;
        strings += strlen(strings) + 1;
    }
    *to = NULL;
    return to + 1;
}

static const char *find_path(char *const *env) {
    for (; *env; env++) {
        if (strncmp(*env, "PATH=", 5) == 0)
            return *env + 5;
    }
    return DEFAULT_PATH;
}

/* As a shell would: a text without "#!" is a script of sh. argv[-1] is ours to use. */
static void try(const char *file, char **argv, char **env) {
    sys_execve(file, argv, env);
    if (errno != ENOEXEC)
        return;
    char *name = argv[0], *before = argv[-1];
    argv[0] = (char *)(uintptr_t)file;
    argv[-1] = (char *)(uintptr_t)"sh";
    sys_execve("/bin/sh", argv - 1, env);
    argv[0] = name;
    argv[-1] = before;
}

/* Returns only on failure, with errno. What may not be executed is reported unless another directory has it. */
static void search(const char *path, char **argv, char **env) {
    char file[PATH_MAX];
    int denied = 0;
    for (const char *next = path; next; path = next) {
        size_t size = strcspn(path, ":");
        next = path[size] == ':' ? path + size + 1 : NULL;
        int used = snprintf(file, sizeof(file), "%.*s%s%s", (int)size, path, size > 0 ? "/" : "", argv[0]);
        if (used >= (int)sizeof(file))
            continue;
        try(file, argv, env);
        if (errno == EACCES)
            denied = EACCES;
        else if (errno != ENOENT && errno != ENOTDIR && errno != ELOOP && errno != ENAMETOOLONG)
            return;
    }
    errno = denied ? denied : ENOENT;
}

static void execute(const Launch *l) {
    size_t size = sizeof(char *) * ((size_t)l->argc + l->envc + 3);
    char **argv = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (argv == MAP_FAILED)
        return;
    argv++; /* room for the shell of a script */
    char **env = point(argv, launch_text(l, l->argv_at), l->argc);
    point(env, launch_text(l, l->env_at), l->envc);
    if (strchr(argv[0], '/'))
        try(argv[0], argv, env);
    else if (argv[0][0] == '\0')
        errno = ENOENT;
    else
        search(find_path(env), argv, env);
}

noreturn void child_exec(const Child *c) {
    ChildFailure failure = {.stage = RUN_STAGE_SETUP};
    if (set_up(c) == 0) {
        failure.stage = RUN_STAGE_CHDIR;
        if (sys_chdir(launch_text(c->launch, c->launch->cwd_at)) == 0) {
            failure.stage = RUN_STAGE_EXEC;
            execute(c->launch);
        }
    }
    failure.error = errno;
    (void)!sys_write(c->error, &failure, sizeof(failure));
    _exit(127);
}
