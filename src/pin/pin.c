/* SPDX-License-Identifier: Apache-2.0 */
/* The start of a pin and its one poll. */
#include "pin/pin.h"

#include "base/sys.h"
#include "pin/due.h"
#include "pin/launch.h"
#include "pin/packet.h"
#include "pin/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

typedef struct Pipes {
    int out[2], err[2], error[2]; /* [0] read end, [1] write end; -1 */
} Pipes;

static void close_one(int *fd) {
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

static void set_title(const PinStart *s, const char *title) {
    memset(s->title, 0, s->title_size);
    snprintf(s->title, s->title_size, "thole-pin %s", title);
}

static int listen_as(Pin *p) {
    char name[64];
    snprintf(p->start.id, WIRE_ID_MAX, "%s", launch_text(p->launch, p->launch->id_at));
    snprintf(name, sizeof(name), WIRE_PIN_NAME, (unsigned)geteuid(), p->start.id);
    return p->listener = packet_listen(name);
}

/* A leaf of our own, when we were given a place for it. Without one everything works, only less exactly. */
static void make_leaf(Pin *p) {
    if (p->start.cgroup < 0 || sys_mkdirat(p->start.cgroup, p->start.id, 0755) < 0)
        return;
    p->leaf = sys_openat(p->start.cgroup, p->start.id, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
}

static int make_pipes(Pin *p, Pipes *s) {
    uint32_t flags = p->launch->flags;
    p->output.logged = !(flags & LAUNCH_NO_LOG);
    if (flags & LAUNCH_CAPTURE) {
        p->output.capture =
            sys_openat(p->start.dir, RUN_CAPTURE, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        if (p->output.capture < 0)
            return -1;
    }
    if (sys_pipe2(s->error, O_CLOEXEC) < 0)
        return -1;
    if ((p->output.logged || p->output.capture >= 0) && sys_pipe2(s->out, O_CLOEXEC) < 0)
        return -1;
    if (p->output.logged && sys_pipe2(s->err, O_CLOEXEC) < 0)
        return -1;
    p->output.streams[0].fd = s->out[0];
    p->output.streams[1].fd = s->err[0];
    p->error = s->error[0];
    return 0;
}

static int fork_child(Pin *p, const Pipes *s) {
    p->pid = sys_clone_pidfd(&p->pidfd, p->leaf);
    if (p->pid != 0)
        return p->pid > 0 ? 0 : -1;
    child_exec(&(Child){
        .launch = p->launch,
        .parent = p->self,
        .out = s->out[1] < 0 ? STDIN_FILENO : s->out[1], /* /dev/null, for reading and writing */
        .err = s->err[1] < 0 ? STDIN_FILENO : s->err[1],
        .error = s->error[1],
    });
}

static int write_record(Pin *p) {
    ProcStat self = {0}, child = {0};
    if (proc_stat(AT_FDCWD, p->self, &self) < 0 || proc_stat(AT_FDCWD, p->pid, &child) < 0)
        return -1;
    p->started = (WireStarted){PACKET_HEAD(WIRE_STARTED, WireStarted), p->pid, 0, child.start_ticks, sys_wall_us()};
    RecordRun run = {p->start.machine, p->launch, p->self, p->pid, self.start_ticks, child.start_ticks,
                     p->started.started_us};
    return record_run(p->start.dir, &run, p->start.buffer);
}

/* From the pipes to the record of who runs. The child becomes the process while its record is written. */
static RunStage spawn(Pin *p) {
    Pipes s = {{-1, -1}, {-1, -1}, {-1, -1}};
    RunStage stage = RUN_STAGE_NONE;
    int error = 0;
    if (make_pipes(p, &s) < 0)
        stage = RUN_STAGE_PIPE;
    else if (fork_child(p, &s) < 0)
        stage = RUN_STAGE_FORK;
    if (stage == RUN_STAGE_NONE)
        sys_point("spawn");
    if (stage == RUN_STAGE_NONE && write_record(p) < 0)
        stage = RUN_STAGE_RECORD;
    error = errno;
    close_one(&s.out[1]);
    close_one(&s.err[1]);
    close_one(&s.error[1]);
    return errno = error, stage;
}

static int set_mask(Pin *p) {
    static Mask mask; /* touched only if there are secrets */
    const Launch *l = p->launch;
    if (l->secretc > 0)
        p->output.mask = &mask;
    return l->secretc == 0 ? 0 : mask_init(&mask, launch_text(l, l->secrets_at), l->secretc);
}

/* Returns the stage that failed, with errno; RUN_STAGE_NONE: the child is on its way. */
static RunStage begin(Pin *p) {
    if (launch_map(p->start.dir, &p->launch) < 0)
        p->launch = NULL;
    int error = errno;
    if (record_claim(p->start.dir) < 0)
        return RUN_STAGE_CLAIM;
    p->claimed = true;
    sys_point("claim");
    if (!p->launch)
        return errno = error, RUN_STAGE_LAUNCH;
    set_title(&p->start, launch_text(p->launch, p->launch->title_at));
    log_init(&p->output.log, p->start.dir, p->launch->log_max);
    p->rest_signal = p->launch->end_signal;
    if (set_mask(p) < 0)
        return RUN_STAGE_LAUNCH;
    if (listen_as(p) < 0 || prctl(PR_SET_CHILD_SUBREAPER, 1) < 0)
        return RUN_STAGE_PIPE;
    make_leaf(p);
    return spawn(p);
}

/* Zombies that are not the leader. The leader's death is only noted. */
static void reap(Pin *p) {
    struct signalfd_siginfo news[4];
    while (sys_read(p->start.signals, news, sizeof(news)) > 0)
        continue;
    for (;;) {
        siginfo_t i = {.si_pid = 0};
        if (sys_waitid(P_ALL, 0, &i, WEXITED | WNOHANG | WNOWAIT) < 0 || i.si_pid == 0)
            return;
        if (i.si_pid == p->pid && !p->reaped) {
            p->dead = true;
            return;
        }
        sys_waitid(P_PID, (id_t)i.si_pid, &i, WEXITED | WNOHANG);
    }
}

/* End of file: the exec has happened. */
static void hear_child(Pin *p) {
    ssize_t size = sys_read(p->error, &p->failure, sizeof(p->failure));
    if (size != (ssize_t)sizeof(p->failure))
        p->failure.stage = RUN_STAGE_NONE;
    p->exec_known = true;
    close_one(&p->error);
}

enum { POLL_SIGNALS, POLL_LISTENER, POLL_ERROR, POLL_STREAMS, POLL_CONNS = POLL_STREAMS + OUTPUT_STREAMS,
       POLL_COUNT = POLL_CONNS + PIN_CONNS_MAX };

static int64_t prepare(Pin *p, struct pollfd *fds, int64_t now) {
    bool deaf = p->deaf_until > now, room = false;
    fds[POLL_SIGNALS] = (struct pollfd){p->start.signals, POLLIN, 0};
    fds[POLL_ERROR] = (struct pollfd){p->error, POLLIN, 0};
    for (int i = 0; i < OUTPUT_STREAMS; i++)
        fds[POLL_STREAMS + i] = (struct pollfd){p->output.streams[i].fd, POLLIN, 0};
    for (int i = 0; i < PIN_CONNS_MAX; i++) {
        const PinConn *c = &p->conns[i];
        fds[POLL_CONNS + i] = (struct pollfd){c->fd, c->owed != 0 ? POLLIN | POLLOUT : POLLIN, 0};
        room |= c->fd < 0;
    }
    fds[POLL_LISTENER] = (struct pollfd){deaf || !room ? -1 : p->listener, POLLIN, 0};
    int64_t due = sys_earlier(p->due, output_tick(&p->output, now));
    return sys_earlier(due, deaf ? p->deaf_until : 0);
}

static void hear(Pin *p, const struct pollfd *fds, int64_t now) {
    if (fds[POLL_ERROR].revents)
        hear_child(p);
    for (int i = 0; i < OUTPUT_STREAMS; i++) {
        if (fds[POLL_STREAMS + i].revents)
            output_read(&p->output, &p->output.streams[i], now);
    }
    if (fds[POLL_SIGNALS].revents)
        reap(p);
    for (int i = 0; i < PIN_CONNS_MAX; i++) {
        if (fds[POLL_CONNS + i].revents & ~POLLOUT)
            talk_hear(p, &p->conns[i], now);
    }
    if (fds[POLL_LISTENER].revents)
        talk_accept(p, now);
}

static void live(Pin *p) {
    struct pollfd fds[POLL_COUNT];
    for (;;) {
        int64_t now = sys_mono_ms();
        pin_step(p, now);
        if (p->step == PIN_GONE)
            return;
        talk_tell(p);
        int64_t due = prepare(p, fds, now);
        if (sys_poll(fds, POLL_COUNT, due_wait(due, now)) > 0)
            hear(p, fds, sys_mono_ms());
    }
}

noreturn void pin_main(const PinStart *start) {
    static Pin pin = {.listener = -1, .error = -1, .leaf = -1, .pidfd = -1};
    Pin *p = &pin;
    sys_program("pin");
    prctl(PR_SET_NAME, "thole-pin");
    p->start = *start;
    p->self = getpid();
    p->ended.head = (WireHead)PACKET_HEAD(WIRE_ENDED, WireEnded);
    p->output = (Output){{{.fd = -1}, {.fd = -1}}, .dir = start->dir, .capture = -1, .buffer = start->buffer};
    log_init(&p->output.log, start->dir, 0);
    for (PinConn *c = p->conns; c < p->conns + PIN_CONNS_MAX; c++)
        c->fd = -1;
    p->conns[0].fd = start->server;
    RunStage stage = begin(p);
    int error = errno;
    if (stage == RUN_STAGE_CLAIM && error == EEXIST)
        _exit(0);
    p->entered = PIN_GONE;
    if (stage != RUN_STAGE_NONE) {
        pin_fail(p, stage, error);
        p->step = PIN_KILL;
    }
    live(p);
    _exit(0);
}
