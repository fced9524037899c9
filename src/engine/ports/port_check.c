/* SPDX-License-Identifier: Apache-2.0 */

#include "engine/ports/port_check.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/boot.h"
#include "base/log.h"
#include "base/path.h"
#include "base/str.h"
#include "base/xalloc.h"
#include "backend/port_owner.h"

enum {
    FIRST_PAUSE_MS = 10,
    LAST_PAUSE_MS = 100,
    UNSEEN_MS = 500,   /* how long a listener may be without an owner: it is about to end */
    KILL_MS = 3000,    /* an orphan that was asked to end is killed */
    GIVE_UP_MS = 8000, /* ... and could not be */
};

uint16_t probe_port(const Probe *probe) {
    bool http = probe->kind == PROBE_KIND_HTTP;
    if (!http && probe->kind != PROBE_KIND_TCP)
        return 0;
    const char *host = http ? probe->http.host : probe->tcp.host;
    bool local = !host || !host[0] || strcmp(host, "localhost") == 0 || str_starts(host, "127.") ||
                 strcmp(host, "::1") == 0 || strcmp(host, "0.0.0.0") == 0;
    return local ? (uint16_t)(http ? probe->http.port.number : probe->tcp.port.number) : 0;
}

bool port_in_use(uint16_t port) {
    Listener listeners[LISTENERS_MAX];
    return port_listeners(port, listeners) > 0;
}

/* ---- making it free ---- */

struct PortClear {
    Loop *loop;
    PortFn fn;
    void *arg;
    Timer *timer;
    uint16_t port;
    int64_t known_ms; /* when it began, or last knew whose it was */
    int64_t pause_ms;
    int64_t asked_ms; /* the orphan was asked to end; 0: there was none */
};

static void end(PortClear *clear, const Err *err) {
    PortFn fn = clear->fn;
    void *arg = clear->arg;
    port_clear_free(clear);
    fn(arg, err);
}

static void refuse(PortClear *clear, const PortOwner *owner, const char *more) {
    Err err;
    err_set(&err, ERR_CONFLICT, "port %u is in use by pid %d (%s)%s; stop it or change the port",
            clear->port, (int)owner->pid, owner->command, more);
    end(clear, &err);
}

static void refuse_uid(PortClear *clear, uid_t uid) {
    Err err;
    err_set(&err, ERR_CONFLICT,
            "port %u is in use by a process of uid %u; stop it or change the port", clear->port,
            (unsigned)uid);
    end(clear, &err);
}

static void refuse_run(PortClear *clear, const PortOwner *owner) {
    Err err;
    err_set(
        &err, ERR_CONFLICT,
        "port %u is in use by pid %d (%s), which is %s of session %s; stop it or change the port",
        clear->port, (int)owner->pid, owner->command,
        owner->stamp.target[0] ? owner->stamp.target : "part of a run",
        owner->stamp.session[0] ? owner->stamp.session : "another server");
    end(clear, &err);
}

static void look_again(PortClear *clear) {
    timer_set(clear->timer, clear->pause_ms);
    clear->pause_ms *= 2;
    if (clear->pause_ms > LAST_PAUSE_MS)
        clear->pause_ms = LAST_PAUSE_MS;
}

static void end_orphan(PortClear *clear, const PortOwner *owner) {
    int64_t now = loop_now_ms(clear->loop);
    clear->known_ms = now;
    if (!clear->asked_ms) {
        clear->asked_ms = now;
        log_info(
            "port %u is held by pid %d (%s), which a run that is over has left behind: it is ended",
            clear->port, (int)owner->pid, owner->command);
    } else if (now - clear->asked_ms > GIVE_UP_MS) {
        refuse(clear, owner, ", which a run that is over has left behind and which does not end");
        return;
    }
    (void)run_stamp_signal(owner->stamp.id, now - clear->asked_ms > KILL_MS ? SIGKILL : SIGTERM);
    look_again(clear);
}

static void look(void *arg) {
    PortClear *clear = arg;
    Listener listeners[LISTENERS_MAX];
    PortOwner owner;
    size_t n = port_listeners(clear->port, listeners);
    if (n == 0) {
        end(clear, NULL);
        return;
    }
    for (size_t i = 0; i < n; i++)
        if (listeners[i].uid != geteuid()) {
            refuse_uid(clear, listeners[i].uid);
            return;
        }
    bool seen = port_owner(listeners, n, &owner) && owner.command[0];
    bool lives = seen && owner.stamp.id[0] && run_stamp_lives(&owner.stamp);
    bool early = loop_now_ms(clear->loop) - clear->known_ms < UNSEEN_MS;
    if (seen && owner.stamp.id[0] && !lives)
        end_orphan(clear, &owner);
    else if ((!seen || lives) && early) /* it may be on its way out */
        look_again(clear);
    else if (!seen)
        refuse_uid(clear, geteuid());
    else if (lives)
        refuse_run(clear, &owner);
    else
        refuse(clear, &owner, "");
}

PortClear *port_clear_new(Loop *loop, uint16_t port, PortFn fn, void *arg) {
    PortClear *clear = xcalloc(1, sizeof(*clear));
    *clear = (PortClear){.loop = loop,
                         .fn = fn,
                         .arg = arg,
                         .port = port,
                         .known_ms = loop_now_ms(loop),
                         .pause_ms = FIRST_PAUSE_MS};
    clear->timer = timer_new(loop, 0, look, clear);
    return clear;
}

PortClear *port_clear_free(PortClear *clear) {
    if (clear)
        timer_free(clear->timer);
    free(clear);
    return NULL;
}

/* ---- who answers ---- */

/* Programs that listen on behalf of others: of containers, of other machines. */
static bool forwards(const PortOwner *owner) {
    static const char *const names[] = {
        "docker-proxy", "rootlesskit",     "rootlessport",       "rootlesskit-docker-proxy",
        "slirp4netns",  "pasta",           "pasta.avx2",         "gvproxy",
        "conmon",       "containerd-shim", "com.docker.backend", "limactl",
        "ssh",          "systemd"};
    char name[PROCESS_COMMAND];
    str_copy(name, sizeof(name), owner->command);
    name[strcspn(name, " ")] = '\0';
    const char *base = path_base(name);
    for (size_t i = 0; i < COUNT(names); i++)
        if (strcmp(base, names[i]) == 0)
            return true;
    return false;
}

/* Below the leader, or below its pin, to which everything falls whose parent has ended. */
static bool run_listens(pid_t leader, const Listener *listeners, size_t n) {
    ProcStat stat;
    if (process_listens(leader, listeners, n))
        return true;
    if (proc_stat(leader, &stat) < 0)
        return true; /* it is over: that is told elsewhere */
    return tree_listens(stat.ppid > 1 ? stat.ppid : leader, listeners, n);
}

static bool same_run(const PortOwner *owner, pid_t leader) {
    RunStamp own;
    run_stamp_read(leader, &own);
    return own.id[0] && strcmp(own.id, owner->stamp.id) == 0;
}

bool port_stranger(uint16_t port, pid_t leader, char *why, size_t size) {
    Listener listeners[LISTENERS_MAX];
    PortOwner owner;
    size_t n = port_listeners(port, listeners);
    if (n == 0 || leader <= 0 || run_listens(leader, listeners, n))
        return false; /* 0: whoever answers is not of this machine */
    for (size_t i = 0; i < n; i++) {
        if (!port_owner(&listeners[i], 1, &owner) || !owner.command[0])
            return false; /* another user's, which it may well have started */
        if (same_run(&owner, leader) || forwards(&owner))
            return false;
    }
    snprintf(why, size, "port %u is answered by pid %d (%s), not by this run", port, (int)owner.pid,
             owner.command);
    return true;
}
