/* SPDX-License-Identifier: Apache-2.0 */
#include "backend/local/failure.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/attr.h"
#include "base/xalloc.h"

static const char *const stage_names[] = {
    [RUN_STAGE_NONE] = "it could not be started",
    [RUN_STAGE_CLAIM] = "the run could not be claimed",
    [RUN_STAGE_LAUNCH] = "the launch file could not be read",
    [RUN_STAGE_PIPE] = "no pipe for its output",
    [RUN_STAGE_FORK] = "no process for it",
    [RUN_STAGE_SETUP] = "the process could not be set up",
    [RUN_STAGE_CHDIR] = "the working directory could not be entered",
    [RUN_STAGE_EXEC] = "it could not be executed",
    [RUN_STAGE_RECORD] = "the run record could not be written",
};

static bool has_slash(const char *program) {
    return strchr(program, '/') != NULL;
}

/* As the process would have seen it: relative to its directory. */
static bool program_stat(const Failure *f, struct stat *ret) {
    if (!has_slash(f->program))
        return false;
    bool relative = f->program[0] != '/' && f->cwd;
    AUTO_FREE char *path = relative ? xasprintf("%s/%s", f->cwd, f->program) : xstrdup(f->program);
    return stat(path, ret) == 0;
}

/* "foo (looked in PATH: /usr/bin:/bin)" */
static void describe_missing(const Failure *f, const char *program, char *ret, size_t size) {
    enum { SHOWN = 100 };
    if (!f->program || has_slash(f->program))
        snprintf(ret, size, "command not found: %s", program);
    else if (!f->path)
        snprintf(ret, size, "command not found: %s (looked in PATH)", program);
    else
        snprintf(ret, size, "command not found: %s (looked in PATH: %.*s%s)", program, SHOWN,
                 f->path, strlen(f->path) > SHOWN ? "..." : "");
}

static void describe_exec(const Failure *f, char *ret, size_t size) {
    struct stat st = {0};
    const char *program = f->program ? f->program : "the program";
    bool there = f->program && program_stat(f, &st);
    if (f->error == ENOENT && there)
        snprintf(ret, size, "not executable: %s (the interpreter it names does not exist)",
                 program);
    else if (f->error == ENOENT || f->error == ENOTDIR)
        describe_missing(f, program, ret, size);
    else if ((f->error == EACCES || f->error == EISDIR) && there && S_ISDIR(st.st_mode))
        snprintf(ret, size, "is a directory: %s", program);
    else if (f->error == EACCES || f->error == EPERM)
        snprintf(ret, size, "not executable: %s", program);
    else if (f->error == ENOEXEC)
        snprintf(ret, size, "not executable: %s (no program the system knows, and no #! line)",
                 program);
    else if (f->error == E2BIG && f->environment)
        snprintf(ret, size,
                 "the environment is too large (E2BIG) for %s: %zu bytes with the arguments",
                 program, f->environment);
    else if (f->error == E2BIG)
        snprintf(ret, size, "the environment is too large (E2BIG) for %s", program);
    else
        snprintf(ret, size, "could not be executed: %s: %s", program, strerror(f->error));
}

static void describe_chdir(const Failure *f, char *ret, size_t size) {
    const char *cwd = f->cwd ? f->cwd : "(it was not recorded)";
    if (f->error == ENOENT)
        snprintf(ret, size, "working directory does not exist: %s", cwd);
    else if (f->error == ENOTDIR)
        snprintf(ret, size, "working directory is not a directory: %s", cwd);
    else
        snprintf(ret, size, "working directory cannot be entered: %s: %s", cwd, strerror(f->error));
}

void failure_describe(const Failure *f, char *ret, size_t size) {
    if (f->stage == RUN_STAGE_EXEC)
        describe_exec(f, ret, size);
    else if (f->stage == RUN_STAGE_CHDIR)
        describe_chdir(f, ret, size);
    else if (f->stage == RUN_STAGE_FORK && f->error == EAGAIN)
        snprintf(ret, size,
                 "no more processes: the limit of processes (ulimit -u, or of the control group) "
                 "is reached");
    else if (f->stage == RUN_STAGE_FORK && f->error == ENOMEM)
        snprintf(ret, size, "no more processes: the system is out of memory");
    else if (f->error == EMFILE || f->error == ENFILE)
        snprintf(ret, size, "%s: too many open files",
                 stage_names[f->stage < COUNT(stage_names) ? f->stage : 0]);
    else
        snprintf(ret, size, "%s: %s", stage_names[f->stage < COUNT(stage_names) ? f->stage : 0],
                 strerror(f->error));
}

const char *lost_describe(LostHow how) {
    switch (how) {
    case LOST_PIN: return "its exit code is unknown: the pin was killed";
    case LOST_BOOT: return "its exit code is unknown: the machine was restarted while it ran";
    case LOST_START: return "its exit code is unknown: the pin was killed while it was starting";
    case LOST_COPY:
        return "it goes on under the server of the state directory that this one is a copy of";
    }
    return "its exit code is unknown";
}
