/* SPDX-License-Identifier: Apache-2.0 */
/* What a pin hears and tells: its one poll. */
#include "pin/pin.h"
#include "base/sys.h"

void pin_owe(Pin *p, PinNews news) {
    for (int i = 0; i < PEERS_MAX; i++)
        p->peers.all[i].owed |= p->peers.all[i].fd >= 0 ? news : 0;
}

static RunPhase phase(const Pin *p) {
    return p->recorded           ? RUN_PHASE_ENDED
           : p->step == PIN_EXEC ? RUN_PHASE_STARTING
           : p->step == PIN_RUN  ? RUN_PHASE_RUNNING
                                 : RUN_PHASE_STOPPING;
}

bool pin_tell(Pin *p) {
    uint64_t size = p->output.log.size;
    const WireStarted *s = &p->started;
    WireLog log = WIRE(WIRE_LOG, WireLog, size);
    WireState state = WIRE(WIRE_STATE, WireState, WIRE_PROTOCOL, phase(p), p->pid, p->self,
                           s->start_ticks, s->started_us, size);
    const void *news[] = {&state, s, &log, &p->survivors, &p->input.taken, &p->ended};
    uint32_t owed = 0;
    for (Peer *peer = p->peers.all; peer < p->peers.all + PEERS_MAX; peer++) {
        bool grown = peer->watches && p->output.log.size > peer->number;
        peer->owed |= grown ? NEWS_LOG : 0;
        peer->watches = peer->watches && !grown;
        for (uint32_t i = 0; peer->owed != 0 && i < COUNT(news); i++) {
            if ((peer->owed & 1u << i) && !peer_send(peer, news[i]))
                break;
            peer->owed &= ~(1u << i);
        }
        owed |= peer->owed;
    }
    return owed == 0;
}

/* Gives the process what it takes now of the message that is held. */
static void feed(Pin *p) {
    Input *i = &p->input;
    const WireInput *m = &i->held;
    InputWriter *w = &i->writers[m->writer % INPUT_WRITERS];
    size_t size = m->size < sizeof(m->bytes) ? m->size : sizeof(m->bytes);
    if (!i->peer)
        return;
    if (w->writer != m->writer || w->at < m->at) /* there may have been others meanwhile */
        *w = (InputWriter){m->writer, m->at};
    size_t skip = w->at - m->at < size ? w->at - m->at : size; /* it was taken before */
    ssize_t done = sys_write(i->fd, m->bytes + skip, size - skip);
    int error = done < 0 ? errno : 0;
    w->at += done > 0 ? (size_t)done : 0;
    if (error == EAGAIN || (error == 0 && skip + (size_t)done < size))
        return;
    if (m->end || error != 0) {
        close(i->fd);
        i->fd = -1;
    }
    i->taken = WIRE(WIRE_TAKEN, WireTaken, error, 0, m->writer, w->at);
    i->peer->owed |= NEWS_TAKEN;
    i->peer = NULL;
}

static void hear_peer(void *arg, Peer *peer, const Packet *packet) {
    Pin *p = arg;
    union {
        WireHead head;
        WireStop stop;
        WireSignal signal;
        WireWatchLog watch;
        WireResize resize;
    } m;
    packet_body(packet, &m, sizeof(m));
    switch (packet->size > 0 ? m.head.type : 0) {
    case WIRE_ATTACH:
        peer->owed |= NEWS_STATE | (p->recorded ? NEWS_ENDED : 0);
        peer->owed |= p->step == PIN_STUCK ? NEWS_SURVIVORS : 0;
        break;
    case WIRE_STOP:
        p->may_linger = p->may_linger && m.stop.linger;
        pin_stop(p, m.stop.signal, sys_mono_ms() + m.stop.grace_ms);
        break;
    case WIRE_SIGNAL:
        if (p->exec_known && p->pid > 0 && !p->reaped)
            sys_kill(m.signal.group ? -p->pid : p->pid, m.signal.signal);
        break;
    case WIRE_WATCH_LOG:
        peer->watches = m.watch.on != 0;
        peer->number = m.watch.seen;
        break;
    case WIRE_INPUT: /* in place of the one before */
        packet_body(packet, &p->input.held, sizeof(p->input.held));
        p->input.peer = peer;
        break;
    case WIRE_RESIZE: ioctl(p->input.fd, TIOCSWINSZ, &m.resize.rows); break;
    default: break; /* it is gone, or speaks a later protocol */
    }
}

/* Takes zombies that are not the leader. The leader's death is only noted. */
static void hear_signals(Pin *p) {
    struct signalfd_siginfo news;
    siginfo_t i;
    (void)!sys_read(PIN_SIGNALS, &news, sizeof(news));
    for (;;) {
        int found = sys_waitid(P_ALL, 0, &i, WEXITED | WNOHANG | WNOWAIT);
        if (found < 0 && errno != ECHILD) /* it said nothing, and the signal will not come again */
            continue;
        if (found < 0 || i.si_pid == 0)
            return;
        p->dead |= i.si_pid == p->pid;
        if (i.si_pid == p->pid && !p->reaped)
            return;
        sys_waitid(P_PID, (id_t)i.si_pid, &i, WEXITED | WNOHANG);
    }
}

enum { SIGNALS, EXEC, INPUT, STREAMS, PEERS = STREAMS + OUTPUT_STREAMS, ALL = PEERS + PEERS_POLL };

static void live(Pin *p) {
    struct pollfd fds[ALL];
    for (;;) {
        int64_t now = sys_mono_ms();
        feed(p);
        pin_step(p, now);
        if (p->step == PIN_GONE)
            return;
        pin_tell(p);
        fds[SIGNALS] = (struct pollfd){PIN_SIGNALS, POLLIN, 0};
        fds[EXEC] = (struct pollfd){p->error, POLLIN, 0};
        fds[INPUT] = (struct pollfd){p->input.peer ? p->input.fd : -1, POLLOUT, 0};
        for (int i = 0; i < OUTPUT_STREAMS; i++)
            fds[STREAMS + i] = (struct pollfd){p->output.streams[i].fd, POLLIN, 0};
        int64_t due = sys_earlier(p->due, output_tick(&p->output, now));
        due = sys_earlier(due, peers_poll(&p->peers, fds + PEERS, now));
        if (sys_poll(fds, ALL, peers_wait(due, now)) <= 0)
            continue;
        now = sys_mono_ms();
        if (fds[EXEC].revents) { /* end of file: the exec has happened */
            (void)!sys_read(p->error, &p->failure, sizeof(p->failure));
            p->exec_known = true;
            close(p->error);
            p->error = -1;
        }
        for (int i = 0; i < OUTPUT_STREAMS; i++) {
            if (fds[STREAMS + i].revents)
                output_read(&p->output, &p->output.streams[i], now);
        }
        if (fds[SIGNALS].revents)
            hear_signals(p);
        peers_hear(&p->peers, fds + PEERS, hear_peer, p);
    }
}

noreturn void pin_main(Pin *p) {
    sys_program("pin");
    prctl(PR_SET_NAME, "thole-pin");
    p->self = getpid();
    p->error = p->leaf = p->input.fd = -1;
    p->entered = PIN_GONE;
    p->ended = WIRE(WIRE_ENDED, WireEnded);
    p->output = (Output){.dir = PIN_DIR, .capture = -1, .buffer = p->start.buffer};
    p->output.streams[0].fd = p->output.streams[1].fd = -1;
    log_init(&p->output.log, PIN_DIR, 0);
    peers_init(&p->peers, p->start.buffer);
    p->peers.all[0].fd = PIN_SERVER;
    RunStage stage = pin_begin(p);
    if (stage == RUN_STAGE_CLAIM && errno == EEXIST) /* somebody else's: no trace */
        _exit(0);
    if (stage != RUN_STAGE_NONE)
        p->step = pin_fail(p, stage, errno);
    live(p);
    _exit(0);
}
