/* SPDX-License-Identifier: Apache-2.0 */
/* How a run begins: launch, claim, socket, pipes, fork, record. */
#include "pin/pin.h"
#include "base/sys.h"

#include <sys/prctl.h>

enum { OUT, ERR, ERROR, PIPES };

/* Where no pipe is wanted /dev/null stays in its place. */
static int make_pipes(Pin *p, const Launch *l, int pipes[PIPES][2]) {
    Output *o = &p->output;
    int flags = O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC;
    bool captures = l->flags & LAUNCH_CAPTURE;
    bool wanted[PIPES] = {o->logged || captures, o->logged, true};
    if (captures && (o->capture = sys_openat(PIN_DIR, RUN_CAPTURE, flags, 0600)) < 0)
        return -1;
    for (int i = 0; i < PIPES; i++) {
        if (wanted[i] && sys_pipe2(pipes[i], O_CLOEXEC) < 0)
            return -1;
    }
    o->streams[0].fd = pipes[OUT][0];
    o->streams[1].fd = pipes[ERR][0];
    p->error = pipes[ERROR][0];
    return 0;
}

/* A parent needs no pidfd: the number stays its child's until it is reaped. */
static int fork_child(Pin *p, const Launch *l, int pipes[PIPES][2]) {
    int pidfd = -1;
    pid_t pid = sys_clone_pidfd(&pidfd, p->leaf);
    if (pid == 0)
        child_exec(&(Child){l, p->self, pipes[OUT][1], pipes[ERR][1], pipes[ERROR][1]});
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

/* From the pipes to the record of who runs. The child becomes the process while its record is written. */
static RunStage spawn(Pin *p, const Launch *l) {
    int pipes[PIPES][2] = {{-1, STDIN_FILENO}, {-1, STDIN_FILENO}, {-1, STDIN_FILENO}};
    RunStage stage = RUN_STAGE_NONE;
    if (make_pipes(p, l, pipes) < 0)
        stage = RUN_STAGE_PIPE;
    else if (fork_child(p, l, pipes) < 0)
        stage = RUN_STAGE_FORK;
    else if (write_record(p, l) < 0)
        stage = RUN_STAGE_RECORD;
    int error = errno;
    for (int i = 0; i < PIPES; i++) {
        if (pipes[i][1] != STDIN_FILENO)
            close(pipes[i][1]);
    }
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
