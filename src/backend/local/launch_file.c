/* SPDX-License-Identifier: Apache-2.0 */
#include "backend/local/launch_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/sys.h"
#include "base/xalloc.h"

enum {
    /* the kernel takes 6 MiB of arguments and environment at most */
    LAUNCH_BYTES_MAX = 16 * 1024 * 1024,
    TEXT_MAX = 1000, /* title and cause: the rest is cut off */
};

typedef struct Writer {
    Launch head;
    Buf text; /* what stands behind the head */
} Writer;

static uint32_t here(const Writer *w) {
    return (uint32_t)(sizeof w->head + w->text.n);
}

static uint32_t put(Writer *w, const char *text) {
    uint32_t at = here(w);
    buf_put(&w->text, text, strlen(text) + 1);
    return at;
}

static uint32_t put_cut(Writer *w, const char *text) {
    uint32_t at = here(w);
    const char *whole = text ? text : "";
    buf_put(&w->text, whole, strnlen(whole, TEXT_MAX));
    buf_putc(&w->text, '\0');
    return at;
}

static void put_list(Writer *w, const StrList *list, uint32_t *ret_n, uint32_t *ret_at) {
    *ret_at = here(w);
    for (size_t i = 0; i < list->n; i++)
        put(w, list->at[i]);
    *ret_n = (uint32_t)list->n;
}

static void put_pair(Writer *w, const char *name, const char *value) {
    buf_puts(&w->text, name);
    buf_putc(&w->text, '=');
    put(w, value);
    w->head.envc++;
}

static bool listens(const char *name) {
    return strcmp(name, "LISTEN_FDS") == 0 || strcmp(name, "LISTEN_PID") == 0 ||
           strcmp(name, "LISTEN_FDNAMES") == 0;
}

/* LISTEN_PID becomes the process's own. */
static void put_sockets(Writer *w, const Step *step) {
    Buf names;
    char count[16];
    buf_init(&names, LAUNCH_BYTES_MAX);
    for (size_t i = 0; i < step->sockets.n; i++)
        buf_printf(&names, "%s%s", i ? ":" : "", step->sockets.at[i].name);
    AUTO_FREE char *text = buf_take(&names);
    snprintf(count, sizeof count, "%zu", step->sockets.n);
    put_pair(w, "LISTEN_FDS", count);
    put_pair(w, "LISTEN_FDNAMES", text);
    put_pair(w, "LISTEN_PID", "0");
}

static void put_environment(Writer *w, const LaunchPlan *plan) {
    const StrMap *map = &plan->step->environment;
    w->head.env_at = here(w);
    put_pair(w, RUN_STAMP, plan->id);
    for (size_t i = 0; i < map->n; i++)
        if (strcmp(map->at[i].name, RUN_STAMP) != 0 &&
            !(plan->step->sockets.n && listens(map->at[i].name)))
            put_pair(w, map->at[i].name, map->at[i].value);
    if (plan->step->tty && !strmap_get(map, "TERM"))
        put_pair(w, "TERM", "xterm-256color");
    if (plan->step->sockets.n)
        put_sockets(w, plan->step);
    if (map->n || !plan->base)
        return;
    const char *pair = launch_string(plan->base, plan->base->env_at);
    for (uint32_t i = 0; i < plan->base->envc; i++, pair += strlen(pair) + 1) {
        if (strncmp(pair, RUN_STAMP "=", sizeof RUN_STAMP) == 0)
            continue;
        put(w, pair);
        w->head.envc++;
    }
}

static void put_secrets(Writer *w, const LaunchPlan *plan) {
    put_list(w, &plan->step->secrets, &w->head.secretc, &w->head.secrets_at);
    if (plan->step->secrets.n || !plan->base)
        return;
    const char *secret = launch_string(plan->base, plan->base->secrets_at);
    for (uint32_t i = 0; i < plan->base->secretc; i++, secret += strlen(secret) + 1)
        put(w, secret);
    w->head.secretc = plan->base->secretc;
}

static void put_process(Writer *w, const LaunchPlan *plan) {
    const ProcessSetup *process = &plan->step->process;
    if (process->limit_n == 0 && plan->base) {
        w->head.umask = plan->base->umask;
        w->head.nice = plan->base->nice;
        w->head.limitc = plan->base->limitc;
        memcpy(w->head.limits, plan->base->limits, sizeof w->head.limits);
        return;
    }
    w->head.umask = process->umask;
    w->head.nice = process->nice;
    for (size_t i = 0; i < process->limit_n && i < LAUNCH_LIMITS_MAX; i++) {
        const ProcessLimit *limit = &process->limits[i];
        w->head.limits[w->head.limitc++] =
            (LaunchLimit){.resource = limit->resource, .soft = limit->soft, .hard = limit->hard};
    }
}

static const char *directory(const LaunchPlan *plan) {
    if (plan->step->working_dir && *plan->step->working_dir)
        return plan->step->working_dir;
    return plan->base ? launch_string(plan->base, plan->base->cwd_at) : NULL;
}

int launch_check(const LaunchPlan *plan, Err *err) {
    const Step *step = plan->step;
    const char *cwd = directory(plan);
    if (step->type != STEP_PROCESS)
        return err_set(err, ERR_INVALID,
                       "the local backend does not run steps of this kind yet: %s", step->name);
    if (step->entrypoint.n == 0 || !*step->entrypoint.at[0])
        return err_set(err, ERR_INVALID, "nothing to run: %s has no command", step->name);
    if (step->sockets.n > WIRE_SOCKETS_MAX)
        return err_set(err, ERR_LIMIT, "%s has %zu sockets to be passed, more than %d", step->name,
                       step->sockets.n, WIRE_SOCKETS_MAX);
    if (!cwd || *cwd != '/')
        return err_set(err, ERR_INVALID, "the working directory is not absolute: %s",
                       cwd ? cwd : "(none)");
    if (strlen(cwd) >= PATH_MAX)
        return err_set(err, ERR_INVALID, "the path of the working directory is too long: %.40s...",
                       cwd);
    return 0;
}

static void fill(Writer *w, const LaunchPlan *plan) {
    const Step *step = plan->step;
    w->head = (Launch){
        .magic = LAUNCH_MAGIC,
        .format = LAUNCH_FORMAT,
        .size = sizeof w->head,
        .flags = (step->linger ? LAUNCH_LINGER : 0u) | (step->no_log ? LAUNCH_NO_LOG : 0u) |
                 (step->capture ? LAUNCH_CAPTURE : 0u) | (step->tty ? LAUNCH_TTY : 0u) |
                 (step->stdin_open ? LAUNCH_STDIN : 0u),
        .run = plan->run,
        .restarts = step->restarts,
        .attempt = step->attempt,
        .end_signal = step->end_signal,
        .end_grace_ms = step->end_grace_ms,
        .log_max = (uint64_t)step->log_max,
    };
    put_list(w, &step->entrypoint, &w->head.argc, &w->head.argv_at);
    put_environment(w, plan);
    put_secrets(w, plan);
    put_process(w, plan);
    w->head.id_at = put(w, plan->id);
    w->head.cwd_at = put(w, directory(plan));
    w->head.title_at = put_cut(w, step->title ? step->title : step->name);
    w->head.cause_at = put_cut(w, step->cause);
}

static int write_file(const char *path, const Writer *w, Err *err) {
    AUTO_CLOSE int fd =
        sys_openat(AT_FDCWD, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return err_sys(err, errno, "write %s", path);
    struct iovec parts[2] = {
        {.iov_base = (void *)(uintptr_t)&w->head, .iov_len = sizeof w->head},
        {.iov_base = w->text.p, .iov_len = w->text.n},
    };
    ssize_t n = sys_writev(fd, parts, 2);
    if (n < 0)
        return err_sys(err, errno, "write %s", path);
    if ((size_t)n != sizeof w->head + w->text.n)
        return err_sys(err, ENOSPC, "write %s", path);
    return 0;
}

int launch_write(const char *dir, const LaunchPlan *plan, bool again, size_t *ret_size, Err *err) {
    Writer w;
    buf_init(&w.text, LAUNCH_BYTES_MAX);
    fill(&w, plan);
    int result = 0;
    AUTO_FREE char *path = xasprintf("%s/" RUN_LAUNCH, dir);
    AUTO_FREE char *fresh = again ? xasprintf("%s/" RUN_LAUNCH ".new", dir) : NULL;
    if (w.text.failed)
        result =
            err_set(err, ERR_LIMIT,
                    "the environment is too large (E2BIG): more than 16 MiB with the arguments");
    else
        result = write_file(again ? fresh : path, &w, err);
    if (result == 0 && again && sys_renameat(AT_FDCWD, fresh, AT_FDCWD, path) < 0)
        result = err_sys(err, errno, "write %s", path);
    if (result < 0)
        unlink(again ? fresh : path);
    *ret_size = w.text.n;
    buf_deinit(&w.text);
    return result;
}

void launch_remove(const char *dir) {
    AUTO_FREE char *path = xasprintf("%s/" RUN_LAUNCH, dir);
    AUTO_FREE char *script = xasprintf("%s/" RUN_SCRIPT, dir);
    unlink(path);
    unlink(script);
}

const char *launch_string(const Launch *launch, uint32_t at) {
    return (const char *)launch + at;
}

/* `n` strings from `at` on lie within the file. */
static bool holds(const Launch *launch, size_t size, uint32_t n, uint32_t at) {
    size_t offset = at;
    for (uint32_t i = 0; i < n; i++) {
        const char *nul = offset < size
                              ? memchr(launch_string(launch, (uint32_t)offset), '\0', size - offset)
                              : NULL;
        if (!nul)
            return false;
        offset = (size_t)(nul - (const char *)launch) + 1;
    }
    return true;
}

static bool sound(const Launch *launch, size_t size) {
    return launch->magic == LAUNCH_MAGIC && launch->format == LAUNCH_FORMAT &&
           launch->limitc <= LAUNCH_LIMITS_MAX &&
           holds(launch, size, launch->argc, launch->argv_at) &&
           holds(launch, size, launch->envc, launch->env_at) &&
           holds(launch, size, launch->secretc, launch->secrets_at) &&
           holds(launch, size, 1, launch->id_at) && holds(launch, size, 1, launch->cwd_at) &&
           holds(launch, size, 1, launch->title_at) && holds(launch, size, 1, launch->cause_at) &&
           strlen(launch_string(launch, launch->id_at)) < WIRE_ID_MAX;
}

int launch_read(const char *dir, Launch **ret, Err *err) {
    AUTO_FREE char *path = xasprintf("%s/" RUN_LAUNCH, dir);
    struct stat st;
    AUTO_CLOSE int fd = sys_openat(AT_FDCWD, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW, 0);
    if (fd < 0 || fstat(fd, &st) < 0)
        return errno == ENOENT ? 0 : err_sys(err, errno, "read %s", path);
    if (st.st_size < (off_t)sizeof(Launch) || st.st_size > LAUNCH_BYTES_MAX + (off_t)sizeof(Launch))
        return 0;
    AUTO_FREE Launch *launch = xmalloc((size_t)st.st_size);
    ssize_t n = sys_read(fd, launch, (size_t)st.st_size);
    if (n < 0)
        return err_sys(err, errno, "read %s", path);
    if (n != st.st_size || !sound(launch, (size_t)n))
        return 0;
    *ret = TAKE(launch);
    return 1;
}
