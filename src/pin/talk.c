/* SPDX-License-Identifier: Apache-2.0 */
/* The pin's connections. */
#include "pin/packet.h"
#include "pin/pin.h"

#include "base/sys.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

static void hang_up(PinConn *c) {
    close(c->fd);
    *c = (PinConn){.fd = -1};
}

void talk_owe(Pin *p, PinNews news) {
    for (PinConn *c = p->conns; c < p->conns + PIN_CONNS_MAX; c++)
        c->owed |= c->fd >= 0 ? news : 0;
}

void talk_accept(Pin *p, int64_t now) {
    for (PinConn *c = p->conns; c < p->conns + PIN_CONNS_MAX; c++) {
        if (c->fd >= 0)
            continue;
        c->fd = packet_accept(p->listener, NULL);
        if (c->fd >= 0)
            return;
        if (errno != EAGAIN && errno != ECONNABORTED)
            p->deaf_until = now + PIN_RETRY_MS;
        return;
    }
}

static RunPhase phase(const Pin *p) {
    switch (p->step) {
    case PIN_EXEC:
        return RUN_PHASE_STARTING;
    case PIN_RUN:
        return RUN_PHASE_RUNNING;
    case PIN_GRACE:
    case PIN_KILL:
    case PIN_STUCK:
    case PIN_DRAIN:
    case PIN_RECORD:
        return p->recorded ? RUN_PHASE_ENDED : RUN_PHASE_STOPPING;
    case PIN_LINGER:
    case PIN_LEAVE:
    case PIN_GONE:
        break;
    }
    return RUN_PHASE_ENDED;
}

static void attach(const Pin *p, PinConn *c) {
    c->owed |= NEWS_STATE;
    c->owed |= p->recorded ? NEWS_ENDED : 0;
    c->owed |= p->step == PIN_STUCK ? NEWS_SURVIVORS : 0;
}

static void send_signal(const Pin *p, const WireSignal *m) {
    if (p->pid == 0 || !p->exec_known || p->reaped)
        return;
    if (m->group != 0)
        sys_kill(-p->pid, m->signal);
    else
        sys_pidfd_send_signal(p->pidfd, m->signal);
}

static void hear(Pin *p, PinConn *c, const Packet *packet, int64_t now) {
    const char *bytes = p->start.buffer;
    union {
        WireHead head;
        WireStop stop;
        WireSignal signal;
        WireWatchLog watch;
    } m;
    packet_body(bytes, (size_t)packet->size, &m, sizeof(m));
    switch (m.head.type) {
    case WIRE_ATTACH:
        attach(p, c);
        break;
    case WIRE_STOP:
        pin_stop(p, m.stop.signal, now + m.stop.grace_ms);
        break;
    case WIRE_SIGNAL:
        send_signal(p, &m.signal);
        break;
    case WIRE_WATCH_LOG:
        c->watches = m.watch.on != 0;
        c->seen = m.watch.seen;
        break;
    default: /* of a later protocol */
        break;
    }
}

void talk_hear(Pin *p, PinConn *c, int64_t now) {
    for (;;) {
        Packet packet = packet_receive(c->fd, p->start.buffer, WIRE_MAX, false);
        if (packet.size < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        if (packet.size <= 0) {
            hang_up(c);
            return;
        }
        hear(p, c, &packet, now);
    }
}

typedef union Room {
    WireState state;
    WireLog log;
} Room;

/* The head of a message that says what is true now. */
static const WireHead *message(const Pin *p, PinNews news, Room *room) {
    switch (news) {
    case NEWS_STATE:
        room->state = (WireState){PACKET_HEAD(WIRE_STATE, WireState), WIRE_PROTOCOL, phase(p), p->pid, p->self,
                                  p->started.start_ticks, p->started.started_us, p->output.log.size};
        return &room->state.head;
    case NEWS_STARTED:
        return &p->started.head;
    case NEWS_LOG:
        room->log = (WireLog){PACKET_HEAD(WIRE_LOG, WireLog), p->output.log.size};
        return &room->log.head;
    case NEWS_SURVIVORS:
        return &p->survivors.head;
    case NEWS_ENDED:
        break;
    }
    return &p->ended.head;
}

static void tell(const Pin *p, PinConn *c) {
    Room room;
    for (uint32_t news = NEWS_STATE; news <= NEWS_ENDED; news <<= 1) {
        if (!(c->owed & news))
            continue;
        if (packet_send(c->fd, message(p, news, &room)) == 0)
            c->owed &= ~news;
        else if (errno == EAGAIN || errno == ENOBUFS)
            return;
        else
            return hang_up(c);
    }
}

void talk_tell(Pin *p) {
    for (PinConn *c = p->conns; c < p->conns + PIN_CONNS_MAX; c++) {
        if (c->watches && p->output.log.size > c->seen) {
            c->watches = false;
            c->owed |= NEWS_LOG;
        }
        if (c->owed != 0)
            tell(p, c);
    }
}
