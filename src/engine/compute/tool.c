/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/compute/tool.h"

#include <assert.h>
#include <poll.h>
#include <spawn.h>
#include <string.h>

#include "base/buf.h"
#include "base/sys.h"
#include "loop/worker.h"

typedef struct Tool {
    const ToolAsk *ask;
    pid_t pid;
    int pidfd, out, err;      /* -1: closed */
    int out_there, err_there; /* the program's ends */
    Buf text, errors;
    bool cut;
} Tool;

static bool can_run(const char *path) {
    struct stat st;
    return stat(path, &st) == 0 && S_ISREG(st.st_mode) && access(path, X_OK) == 0;
}

const char *tool_find(const char *name, const StrMap *env, Arena *arena) {
    const char *at = strmap_get(env, "PATH");
    if (strchr(name, '/'))
        return name[0] == '/' && can_run(name) ? name : NULL;
    while (at && *at) {
        size_t n = strcspn(at, ":");
        const char *path = arena_printf(arena, "%.*s/%s", (int)n, at, name);
        if (path[0] == '/' && can_run(path))
            return path;
        at += n + (at[n] == ':');
    }
    return NULL;
}

/* ---- starting ---- */

static int prepare(const Tool *tool, posix_spawn_file_actions_t *actions,
                   posix_spawnattr_t *attributes) {
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
                                             POSIX_SPAWN_SETPGROUP);
    posix_spawnattr_setsigmask(attributes, &none);
    posix_spawnattr_setsigdefault(attributes, &all);
    posix_spawnattr_setpgroup(attributes, 0);
    int error = posix_spawn_file_actions_addopen(actions, 0, "/dev/null", O_RDONLY, 0);
    if (error == 0)
        error = posix_spawn_file_actions_adddup2(actions, tool->out_there, 1);
    if (error == 0)
        error = posix_spawn_file_actions_adddup2(actions, tool->err_there, 2);
    if (error == 0)
        error = posix_spawn_file_actions_addchdir_np(actions, tool->ask->cwd);
    return error;
}

static char **environment_of(const StrMap *env, Arena *arena) {
    char **list = arena_alloc(arena, (env->n + 1) * sizeof(*list));
    for (size_t i = 0; i < env->n; i++)
        list[i] = arena_printf(arena, "%s=%s", env->at[i].name, env->at[i].value);
    return list;
}

static int start(Tool *tool, Arena *arena, Err *err) {
    const ToolAsk *ask = tool->ask;
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    const char *program = tool_find(ask->argv[0], ask->env, arena);
    if (!program)
        return err_set(err, ERR_UNAVAILABLE, "there is no %s on PATH", ask->argv[0]);
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    int error = prepare(tool, &actions, &attributes);
    if (error == 0)
        error = posix_spawn(&tool->pid, program, &actions, &attributes,
                            (char **)(uintptr_t)ask->argv, environment_of(ask->env, arena));
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    if (error) {
        err_sys(err, error, "start %s in %s", program, ask->cwd);
        if (err)
            err->kind = ERR_UNAVAILABLE;
        return -1;
    }
    tool->pidfd = sys_pidfd_open(tool->pid);
    return 0;
}

/* ---- listening ---- */

static void close_end(int *fd) {
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

/* What does not fit is read all the same, so that the program can end. */
static void take(int *fd, Buf *buf, bool *cut) {
    char bytes[16384];
    ssize_t n = sys_read(*fd, bytes, sizeof(bytes));
    if (n < 0 && errno == EAGAIN)
        return;
    if (n <= 0) {
        close_end(fd);
        return;
    }
    size_t room = buf->max - buf->n, put = (size_t)n < room ? (size_t)n : room;
    buf_put(buf, bytes, put);
    *cut = *cut || put < (size_t)n;
}

/* Until the program has ended and nothing more is in the pipes: what it left behind may keep them
 * open. */
static int listen_to(Tool *tool, Err *err) {
    int64_t until = sys_mono_ms() + TOOL_TIMEOUT_MS;
    const char *const *argv = tool->ask->argv;
    bool ended = false, unused = false;
    while (tool->out >= 0 || tool->err >= 0 || (!ended && tool->pidfd >= 0)) {
        struct pollfd fds[] = {{tool->out, POLLIN, 0},
                               {tool->err, POLLIN, 0},
                               {ended ? -1 : tool->pidfd, POLLIN, 0},
                               {worker_leaving_fd(), POLLIN, 0},
                               {worker_heeded_fd(), POLLIN, 0}};
        int64_t left = until - sys_mono_ms();
        int n = left <= 0 ? 0 : sys_poll(fds, COUNT(fds), ended ? 0 : (int)left);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0 && ended)
            return 0;
        if (n <= 0)
            return err_set(err, ERR_TIMEOUT, "%s %s did not end within %d seconds", argv[0],
                           argv[1] ? argv[1] : "", TOOL_TIMEOUT_MS / 1000);
        if (fds[3].revents)
            return err_set(err, ERR_CANCELLED, "%s was ended, since the server leaves", argv[0]);
        if (fds[4].revents)
            return err_set(err, ERR_CANCELLED, "canceled");
        if (fds[0].revents)
            take(&tool->out, &tool->text, &tool->cut);
        if (fds[1].revents)
            take(&tool->err, &tool->errors, &unused);
        ended = ended || fds[2].revents;
    }
    return 0;
}

static int reap(const Tool *tool) {
    siginfo_t info = {0};
    if (sys_waitid(P_PID, (id_t)tool->pid, &info, WEXITED) < 0)
        return 127;
    return info.si_code == CLD_EXITED ? info.si_status : 128 + info.si_status;
}

/* ---- what came of it ---- */

static bool is_blank(char c) {
    return c == '\n' || c == '\r' || c == ' ' || c == '\t';
}

/* The last line; but of git the one that it died of, for advice may follow. */
static const char *why_of(const Buf *errors, Arena *arena) {
    const char *text = buf_cstr(errors), *fatal = strstr(text, "fatal: ");
    size_t end = errors->n, at;
    if (fatal && (fatal == text || fatal[-1] == '\n'))
        end = (size_t)(fatal - text) + strcspn(fatal, "\n");
    while (end > 0 && is_blank(text[end - 1]))
        end--;
    for (at = end; at > 0 && text[at - 1] != '\n';)
        at--;
    while (at < end && is_blank(text[at]))
        at++;
    return arena_strndup(arena, text + at, end - at);
}

static int finish(Tool *tool, Arena *arena, ToolDone *ret, Err *err) {
    int heard = listen_to(tool, err);
    if (heard < 0)
        kill(-tool->pid, SIGKILL);
    int code = reap(tool);
    if (heard < 0)
        return -1;
    *ret = (ToolDone){.code = code,
                      .out = arena_strndup(arena, buf_cstr(&tool->text), tool->text.n),
                      .out_n = tool->text.n,
                      .cut = tool->cut,
                      .error = why_of(&tool->errors, arena)};
    return 0;
}

static int open_pipes(Tool *tool, Err *err) {
    int out[2], errors[2];
    if (sys_pipe2(out, O_CLOEXEC) < 0)
        return err_sys(err, errno, "a pipe for %s", tool->ask->argv[0]);
    if (sys_pipe2(errors, O_CLOEXEC) < 0) {
        close(out[0]);
        close(out[1]);
        return err_sys(err, errno, "a pipe for %s", tool->ask->argv[0]);
    }
    tool->out = out[0];
    tool->out_there = out[1];
    tool->err = errors[0];
    tool->err_there = errors[1];
    fcntl(tool->out, F_SETFL, O_NONBLOCK);
    fcntl(tool->err, F_SETFL, O_NONBLOCK);
    return 0;
}

int tool_run(const ToolAsk *ask, Arena *arena, ToolDone *ret, Err *err) {
    Tool tool = {.ask = ask, .pidfd = -1};
    assert(ask->argv[0]);
    if (open_pipes(&tool, err) < 0)
        return -1;
    buf_init(&tool.text, TOOL_OUTPUT_MAX);
    buf_init(&tool.errors, TOOL_ERRORS_MAX);
    int result = start(&tool, arena, err);
    close_end(&tool.out_there);
    close_end(&tool.err_there);
    if (result == 0)
        result = finish(&tool, arena, ret, err);
    close_end(&tool.out);
    close_end(&tool.err);
    close_end(&tool.pidfd);
    buf_deinit(&tool.text);
    buf_deinit(&tool.errors);
    return result;
}

int tool_lines(const ToolAsk *ask, Arena *arena, StrList *ret, Err *err) {
    ToolDone done;
    size_t cap = 0;
    char *rest;
    if (tool_run(ask, arena, &done, err) < 0)
        return -1;
    if (done.code != 0)
        return err_set(err, ERR_UNAVAILABLE, "%s: %s", ask->argv[0],
                       done.error[0] ? done.error : "it failed and does not say why");
    *ret = (StrList){0};
    char *text = arena_strdup(arena, done.out);
    for (char *line = strtok_r(text, "\r\n", &rest); line; line = strtok_r(NULL, "\r\n", &rest)) {
        ret->at = arena_grow(arena, ret->at, ret->n, &cap, sizeof(*ret->at));
        ret->at[ret->n++] = line;
    }
    return 0;
}
