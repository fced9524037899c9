/* SPDX-License-Identifier: Apache-2.0 */
/* How a run begins: launch, claim, socket, pipes, fork, record. */
#include "pin/pin.h"
#include "base/sys.h"

/* The child's ends: of its standard descriptors, and where it says what failed. */
enum { IN, OUT, ERR, ERROR, PIPES };

/* ---- The child, between fork and exec ---- */

void child_reset_signals(void) {
    sigprocmask(SIG_SETMASK, &(sigset_t){0}, NULL);
}

/* Limits above what we may have become what we may have: a smaller limit beats no process. */
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

/* The parent-death signal goes off with the pin; had it gone before, nobody would send it. */
static int set_up(const Pin *p, const Launch *l, const int *fds) {
    int last = STDERR_FILENO + p->start.sockets;
    bool done = setsid() >= 0;
    for (int fd = STDERR_FILENO; done && fd < last; fd++) /* each comes from above its place */
        done = sys_dup2(p->start.socket + fd - STDERR_FILENO, fd + 1) >= 0;
    for (int fd = STDERR_FILENO; done && fd >= STDIN_FILENO; fd--)
        done = sys_dup2(fds[fd], fd) >= 0;
    ioctl(STDIN_FILENO, TIOCSCTTY, 0); /* a terminal becomes the session's; of all else it fails */
    child_reset_signals();
    for (uint32_t i = 0; done && i < l->limitc; i++)
        done = set_limit(&l->limits[i]) == 0;
    setpriority(PRIO_PROCESS, 0, l->nice); /* nicer than asked for beats no process, too */
    umask((mode_t)l->umask & 0777);
    close_range((unsigned)last + 1, ~0U, CLOSE_RANGE_CLOEXEC); /* as all are already */
    if (!done || prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
        return -1;
    return getppid() == p->self ? 0 : -1;
}

char **child_point(char **to, const char *strings, const char *end, uint32_t count) {
    for (; count > 0 && (!end || strings < end); count--) {
        *to++ = (char *)(uintptr_t)strings;
        strings += strlen(strings) + 1;
    }
    *to = NULL;
    return to + 1;
}

/* Returns only on failure. execvp looks in PATH of `environ`: from here on the new program's. */
static void execute(const Launch *l, bool listens) {
    char self[32];
    size_t size = sizeof(char *) * ((size_t)l->argc + l->envc + 2);
    char **argv = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (argv == MAP_FAILED || sys_fault("execve"))
        return;
    environ = child_point(argv, launch_text(l, l->argv_at), NULL, l->argc);
    child_point(environ, launch_text(l, l->env_at), NULL, l->envc);
    snprintf(self, sizeof(self), "LISTEN_PID=%d", getpid());
    for (char **e = environ; listens && *e; e++)
        *e = strncmp(*e, self, strlen("LISTEN_PID=")) == 0 ? self : *e;
    execvp(argv[0], argv);
}

/* Becomes the process. argv and envp are made here, in memory that is not the pin's. */
static noreturn void child_exec(const Pin *p, const Launch *l, const int *fds) {
    ChildFailure failure = {.stage = RUN_STAGE_SETUP};
    if (set_up(p, l, fds) == 0) {
        failure.stage = RUN_STAGE_CHDIR;
        if (sys_chdir(launch_text(l, l->cwd_at)) == 0) {
            failure.stage = RUN_STAGE_EXEC;
            execute(l, p->start.sockets > 0);
        }
    }
    failure.error = errno;
    (void)!sys_write(fds[ERROR], &failure, sizeof(failure));
    _exit(127);
}

/* ---- The pin ---- */

/* Ours is kept for input and for output apart: each is closed in its own time. */
static int make_terminal(Pin *p, int theirs[PIPES]) {
    struct winsize size = {.ws_row = 24, .ws_col = 80};
    int flags = O_RDWR | O_NOCTTY | O_CLOEXEC, locked = 0;
    int fd = p->input.fd = sys_openat(AT_FDCWD, "/dev/ptmx", flags, 0);
    if (fd < 0 || sys_ioctl(fd, TIOCSPTLCK, &locked) < 0 || sys_ioctl(fd, TIOCSWINSZ, &size) < 0)
        return -1;
    theirs[IN] = theirs[OUT] = theirs[ERR] = sys_ioctl(fd, TIOCGPTPEER, (void *)(intptr_t)flags);
    p->output.streams[0].fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    return theirs[IN] < 0 || p->output.streams[0].fd < 0 ? -1 : 0;
}

/* Where no pipe is wanted /dev/null stays in its place. */
static int make_pipes(Pin *p, const Launch *l, int theirs[PIPES]) {
    Output *o = &p->output;
    int flags = O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, ends[2];
    bool captures = l->flags & LAUNCH_CAPTURE, tty = l->flags & LAUNCH_TTY;
    bool wanted[] = {l->flags & LAUNCH_STDIN, o->logged || captures, o->logged, true};
    int *ours[] = {&p->input.fd, &o->streams[0].fd, &o->streams[1].fd, &p->error};
    if (captures && (o->capture = sys_openat(PIN_DIR, RUN_CAPTURE, flags, 0600)) < 0)
        return -1;
    if (tty && make_terminal(p, theirs) < 0)
        return -1;
    for (int i = tty ? ERROR : IN; i < PIPES; i++) {
        if (wanted[i] && sys_pipe2(ends, O_CLOEXEC) < 0)
            return -1;
        *ours[i] = wanted[i] ? ends[i == IN] : -1;
        theirs[i] = wanted[i] ? ends[i != IN] : STDIN_FILENO;
    }
    return fcntl(p->input.fd, F_SETFL, O_NONBLOCK), 0; /* -1 does no harm */
}

/* A parent needs no pidfd: the number stays its child's until it is reaped. */
static int fork_child(Pin *p, const Launch *l, const int *theirs) {
    int pidfd = -1;
    pid_t pid = sys_clone_pidfd(&pidfd, p->leaf);
    if (pid == 0)
        child_exec(p, l, theirs);
    for (int i = 0; i < p->start.sockets; i++)
        close(p->start.socket + i);
    if (pid < 0)
        return -1;
    close(pidfd);
    p->pid = pid;
    sys_point("spawn");
    return 0;
}

static int write_record(Pin *p, const Launch *l) {
    TreeStat self, child;
    if (tree_stat(p->self, &self) < 0 || tree_stat(p->pid, &child) < 0)
        return -1;
    p->started = WIRE(WIRE_STARTED, WireStarted, p->pid, 0, child.start_ticks, sys_wall_us());
    RecordRun run = {p->start.machine, l, p->self, self.start_ticks, &p->started};
    return record_run(PIN_DIR, &run, p->start.buffer);
}

/* From the pipes to the record of who runs, written while the child becomes the process. */
static RunStage spawn(Pin *p, const Launch *l) {
    int theirs[PIPES] = {STDIN_FILENO, STDIN_FILENO, STDIN_FILENO, STDIN_FILENO};
    RunStage stage = make_pipes(p, l, theirs) < 0   ? RUN_STAGE_PIPE
                     : fork_child(p, l, theirs) < 0 ? RUN_STAGE_FORK
                     : write_record(p, l) < 0       ? RUN_STAGE_RECORD
                                                    : RUN_STAGE_NONE;
    int error = errno;
    for (int i = 0; i < PIPES; i++)
        close(theirs[i] > STDIN_FILENO ? theirs[i] : -1);
    return errno = error, stage;
}

RunStage pin_begin(Pin *p) {
    static Mask mask; /* touched only if there are secrets */
    char name[64];
    const Launch *l;
    size_t size;
    int bad = launch_map(PIN_DIR, &l, &size) < 0 ? errno : 0;
    if (record_claim(PIN_DIR) < 0)
        return RUN_STAGE_CLAIM;
    p->claimed = true;
    sys_point("claim");
    if (bad)
        return errno = bad, RUN_STAGE_LAUNCH;
    if (l->secretc > 0 && mask_init(&mask, launch_text(l, l->secrets_at), l->secretc) < 0)
        return RUN_STAGE_LAUNCH;
    memset(p->start.title, 0, p->start.title_size);
    snprintf(p->start.title, p->start.title_size, "thole-pin %s", launch_text(l, l->title_at));
    snprintf(p->start.id, WIRE_ID_MAX, "%s", launch_text(l, l->id_at));
    snprintf(name, sizeof(name), WIRE_PIN_NAME, (unsigned)geteuid(), p->start.id);
    log_init(&p->output.log, PIN_DIR, l->log_max);
    p->output.mask = l->secretc > 0 ? &mask : NULL;
    p->output.logged = !(l->flags & LAUNCH_NO_LOG);
    p->may_linger = l->flags & LAUNCH_LINGER;
    p->rest_signal = l->end_signal;
    p->rest_grace_ms = l->end_grace_ms;
    if (peers_listen(&p->peers, name) < 0 || prctl(PR_SET_CHILD_SUBREAPER, 1) < 0)
        return RUN_STAGE_PIPE;
    if (p->start.has_cgroup && sys_mkdirat(PIN_CGROUP, p->start.id, 0755) == 0)
        p->leaf = sys_openat(PIN_CGROUP, p->start.id, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
    RunStage stage = spawn(p, l);
    madvise((void *)(uintptr_t)l, size, MADV_DONTNEED); /* secrets are read again when needed */
    madvise(p->start.buffer, OUTPUT_BUFFER, MADV_DONTNEED);
    return stage;
}
