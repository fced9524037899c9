/* SPDX-License-Identifier: Apache-2.0 */
#include "pin/child.h"
#include "base/sys.h"
#include "pin/record.h"

#include <linux/close_range.h>
#include <sys/prctl.h>
#include <sys/resource.h>

void child_reset_signals(void) {
    struct sigaction usual = {.sa_handler = SIG_DFL};
    for (int signal = 1; signal < NSIG; signal++)
        sigaction(signal, &usual, NULL); /* those that may not be changed are as they should be */
    sigprocmask(SIG_SETMASK, &(sigset_t){0}, NULL);
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

/* The parent-death signal goes off with the pin; if the pin went before it was set, nobody would send it. */
static int set_up(const Child *c) {
    const Launch *l = c->launch;
    bool done = setsid() >= 0 && sys_dup2(c->out, STDOUT_FILENO) >= 0 &&
                sys_dup2(c->err, STDERR_FILENO) >= 0;
    child_reset_signals();
    for (uint32_t i = 0; done && i < l->limitc; i++)
        done = set_limit(&l->limits[i]) == 0;
    setpriority(PRIO_PROCESS, 0, l->nice); /* nicer than asked for beats no process, too */
    umask((mode_t)l->umask & 0777);
    close_range(STDERR_FILENO + 1, ~0U, CLOSE_RANGE_CLOEXEC); /* as all are already */
    if (!done || prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
        return -1;
    return getppid() == c->parent ? 0 : -1;
}

char **child_point(char **to, const char *strings, const char *end, uint32_t count) {
    for (; count > 0 && (!end || strings < end); count--) {
        *to++ = (char *)(uintptr_t)strings;
        strings += strlen(strings) + 1;
    }
    *to = NULL;
    return to + 1;
}

/* Returns only on failure. execvp looks in PATH of `environ`, which from here on is the new program's. */
static void execute(const Launch *l) {
    size_t size = sizeof(char *) * ((size_t)l->argc + l->envc + 2);
    char **argv = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (argv == MAP_FAILED || sys_fault("execve"))
        return;
    environ = child_point(argv, launch_text(l, l->argv_at), NULL, l->argc);
    child_point(environ, launch_text(l, l->env_at), NULL, l->envc);
    execvp(argv[0], argv);
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
