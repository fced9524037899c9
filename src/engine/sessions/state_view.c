/* SPDX-License-Identifier: Apache-2.0 */

#include "engine/sessions/state_view.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/boot.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/str.h"
#include "base/xalloc.h"
#include "engine/targets/target.h"
#include "loop/worker.h"
#include "pin/wire.h"
#include "store/state_file.h"

enum {
    WRITE_MS = 250,   /* between a change and its being written */
    LOCKED_MS = 1000, /* another holds the lock: how long until the next try */
    FINISH_MS = 2000, /* how long the end of a session waits for its last state */
};

/* What the file shows of a service's processes and the facts forget. */
typedef struct Memory {
    uint32_t run;
    int64_t pid, started_us;
    OptInt start_ms, start_ticks; /* found out on the worker */
    OptInt exit_code;
} Memory;

/* One write. The worker has it from worker_run to on_written. */
typedef struct Write {
    StateView *view; /* NULL: freed meanwhile */
    List link;       /* StateView.writes */
    Arena arena;
    const char *dir, *logs;
    ProjectState state;
    Memory *memory;        /* parallel to the services */
    unsigned shape;        /* the view's, when it began */
    const char **run_dirs; /* parallel; NULL: nothing to find out */
    OptInt server_start_ms;
    /* the first of this server: take exit codes from the file if it is this session's */
    bool recall;
    bool remove, last;
    int result;
    Err err;
} Write;

struct StateView {
    Session *session;
    char *dir, *logs;
    Memory *memory; /* parallel to config->services */
    unsigned shape; /* how often they have become others */
    OptInt server_start_ms;
    bool recalled, dirty, complained;
    bool finishing, finished;
    List writes;  /* Write.link: on the worker */
    Timer *timer; /* armed only while there is something to write, or to wait for at the end */
};

/* ---- on the worker: what must be looked up, and the write ---- */

static OptInt boot_ms(void) {
    AUTO_FREE char *text = NULL;
    if (file_read("/proc/stat", 16 << 20, &text, NULL, NULL) < 0)
        return (OptInt){0};
    char *at = strstr(text, "\nbtime ");
    int64_t seconds;
    if (!at)
        return (OptInt){0};
    at += strlen("\nbtime ");
    at[strcspn(at, "\n")] = '\0';
    if (number_parse(at, 0, INT64_MAX / 1000, &seconds) < 0)
        return (OptInt){0};
    return (OptInt){.set = true, .n = seconds * 1000};
}

/* As other tools compute it: the second of the boot, and the clock ticks since. */
static OptInt start_ms_of(OptInt boot, uint64_t ticks) {
    int64_t hz = sysconf(_SC_CLK_TCK);
    return (OptInt){.set = boot.set, .n = boot.n + (int64_t)ticks * 1000 / (hz > 0 ? hz : 100)};
}

static void find_ticks(const char *run_dir, Memory *memory, OptInt boot) {
    Arena arena;
    const Value *record;
    AUTO_FREE char *path = xasprintf("%s/" RUN_RECORD, run_dir);
    AUTO_FREE char *text = NULL;
    size_t size;
    memory->start_ms = (OptInt){.set = true, .n = memory->started_us / 1000};
    if (file_read(path, MAX_RECORD_BYTES, &text, &size, NULL) < 0)
        return;
    arena_init(&arena);
    if (json_parse(text, size, &arena, &record, NULL) == 0 &&
        value_get_int(record, "pid", 0) == memory->pid) {
        int64_t ticks = value_get_int(record, "start_ticks", 0);
        memory->start_ticks = (OptInt){.set = ticks > 0, .n = ticks};
        if (ticks > 0 && boot.set)
            memory->start_ms = start_ms_of(boot, (uint64_t)ticks);
    }
    arena_deinit(&arena);
}

static void look_up(Write *w) {
    OptInt boot = {0};
    ProcStat self;
    for (size_t i = 0; i < w->state.services.n; i++) {
        if (!w->run_dirs[i])
            continue;
        if (!boot.set)
            boot = boot_ms();
        find_ticks(w->run_dirs[i], &w->memory[i], boot);
    }
    if (!w->server_start_ms.set && proc_stat(getpid(), &self) == 0)
        w->server_start_ms = start_ms_of(boot.set ? boot : boot_ms(), self.start_ticks);
}

/* A server that adopts knows the newest runs alone; how the ones before ended stands in the
 * file. */
static void recall(Write *w) {
    const ProjectState *old = state_load(w->dir, &w->arena);
    if (!old || !str_same(old->started_at, w->state.started_at) ||
        !str_same(old->slug, w->state.slug))
        return;
    for (size_t i = 0, j = 0; i < w->state.services.n; i++) {
        const char *name = w->state.services.at[i].name;
        while (j < old->services.n && strcmp(old->services.at[j].name, name) < 0)
            j++;
        if (j == old->services.n)
            return;
        if (strcmp(old->services.at[j].name, name) == 0 && !w->memory[i].exit_code.set)
            w->memory[i].exit_code = old->services.at[j].exit_code;
    }
}

static void complete(Write *w) {
    for (size_t i = 0; i < w->state.services.n; i++) {
        ServiceState *service = &w->state.services.at[i];
        service->start_time_ms = w->memory[i].start_ms;
        service->start_ticks = w->memory[i].start_ticks;
        service->exit_code = w->memory[i].exit_code;
    }
    if (w->state.pid.set)
        w->state.pid_start_time_ms = w->server_start_ms;
}

static void write_now(void *arg) {
    Write *w = arg;
    if (w->remove) {
        w->result = state_remove(w->dir, &w->err);
        return;
    }
    look_up(w);
    if (w->recall)
        recall(w);
    complete(w);
    w->result = state_save(w->dir, &w->state, w->logs, &w->err);
}

/* ---- a snapshot ---- */

static const char *phase_waiting(const Session *session, const ServiceTargets *of,
                                 const TargetState *shown) {
    static const char *const same[] = {"backoff", "stopping", "starting"};
    for (size_t i = 0; i < COUNT(same); i++)
        if (str_same(shown->wait_reason, same[i]))
            return same[i];
    bool builds = of->serve != TARGET_NONE && of->update != TARGET_NONE &&
                  facts_alive(&session->facts[of->update]);
    return builds ? "building" : "pending";
}

static const char *phase_active(const TargetSpec *spec, const TargetFacts *facts) {
    if (facts->run_state == RUN_STOPPING)
        return "stopping";
    if (spec->type == TARGET_JOB)
        return spec->service->type == SERVICE_SERVER ? "building" : "running";
    if (spec->service->ready.kind == PROBE_NONE)
        return "running";
    if (facts->ready)
        return "ready";
    return facts->last_ready_us ? "unhealthy" : "starting";
}

static const char *phase_of(const Session *session, const ServiceTargets *of, uint32_t target) {
    const TargetState *shown = &session->targets[target]->shown;
    const TargetFacts *facts = &session->facts[target];
    switch (shown->phase) {
    case PHASE_NONE: return facts->queued && facts->want == WANT_RUN ? "pending" : "stopped";
    case PHASE_DISABLED: return "stopped";
    case PHASE_WAITING: return phase_waiting(session, of, shown);
    case PHASE_ACTIVE: return phase_active(&session->graph.targets[target], facts);
    case PHASE_TERMINATED:
        if (shown->error)
            return "failed";
        return facts->stop_requested ? "stopped" : "exited";
    }
    UNREACHABLE();
}

/* Its own port, or the one that it is asked on. */
static void show_port(const Session *session, const Service *service, Arena *arena,
                      ServiceState *ret) {
    TemplateValues values = ports_values(session->generation, service->name);
    Probe rendered = template_probe(&service->ready, &values, arena), *probe = &rendered;
    const PortEntry *own = port_table_find(&session->generation->ports, service->name, "");
    if (probe->kind == PROBE_KIND_HTTP) {
        ret->port = (OptInt){true, probe->http.port.number};
        ret->protocol = probe->http.scheme == PROBE_HTTPS ? "https" : "http";
    } else if (probe->kind == PROBE_KIND_TCP) {
        ret->port = (OptInt){true, probe->tcp.port.number};
        ret->protocol = "tcp";
    }
    if (own && own->number) {
        ret->port = (OptInt){true, own->number};
        ret->port_auto = own->automatic;
    }
}

static void show_backoff(const Session *session, const TargetFacts *facts, Arena *arena,
                         ServiceState *ret) {
    Loop *loop = session->engine->loop;
    if (facts->attempt > 0)
        ret->attempt = (OptInt){true, facts->attempt};
    if (strcmp(ret->phase, "backoff") != 0 || !facts->not_before_ms)
        return;
    char *text = arena_alloc(arena, TIME_TEXT);
    time_format_micro(loop_wall_us(loop) + (facts->not_before_ms - loop_now_ms(loop)) * 1000, text);
    ret->next_at = text;
}

static void show_service(StateView *view, size_t i, Write *w, ServiceState *ret) {
    const Session *session = view->session;
    const ServiceTargets *of = &session->graph.of[i];
    const Service *service = &session->config->services.at[i];
    *ret = (ServiceState){.name = arena_strdup(&w->arena, service->name)};
    uint32_t target = of->serve != TARGET_NONE ? of->serve : of->update;
    if (target == TARGET_NONE) {
        ret->phase = "exited"; /* a group: nothing of its own ever runs */
        return;
    }
    const TargetFacts *facts = &session->facts[target];
    Memory *memory = &view->memory[i];
    bool own = facts->run > session->targets[target]->base_run;
    if (own && facts->pid > 0 && (facts->run != memory->run || facts->pid != memory->pid))
        *memory = (Memory){.run = facts->run,
                           .pid = facts->pid,
                           .started_us = facts->started_us,
                           .exit_code = memory->exit_code};
    if (own && facts->run_state == RUN_ENDED)
        state_view_ended(view, target);
    const TargetState *shown = &session->targets[target]->shown;
    const char *why =
        session->targets[target]->why[0] ? session->targets[target]->why : shown->error;
    ret->pid = memory->pid;
    ret->phase = phase_of(session, of, target);
    ret->reason = why ? arena_strdup(&w->arena, why) : NULL;
    ret->run = (OptInt){own, facts->run};
    show_port(session, service, &w->arena, ret);
    show_backoff(session, facts, &w->arena, ret);
    if (memory->pid && !memory->start_ms.set)
        w->run_dirs[i] = arena_printf(&w->arena, "%s/runs/%s/%u", session->dir,
                                      session->graph.targets[target].name, memory->run);
}

static void show_project(StateView *view, Write *w) {
    const Session *session = view->session;
    size_t n = session->config->services.n;
    char *started = arena_alloc(&w->arena, TIME_TEXT);
    time_format_micro(session->started_us, started);
    w->state = (ProjectState){.slug = arena_strdup(&w->arena, session->slug),
                              .config_path = arena_strdup(&w->arena, session->config->file),
                              .started_at = started,
                              .pid = {.set = !view->finishing, .n = getpid()},
                              .format = {true, STATE_FORMAT},
                              .boot_id = boot_id()};
    w->state.services.at = arena_alloc(&w->arena, (n + 1) * sizeof(ServiceState));
    w->state.services.n = n;
    w->run_dirs = arena_alloc(&w->arena, (n + 1) * sizeof(*w->run_dirs));
    for (size_t i = 0; i < n; i++)
        show_service(view, i, w, &w->state.services.at[i]);
    w->memory = arena_dup(&w->arena, view->memory, (n + 1) * sizeof(*w->memory));
    w->server_start_ms = view->server_start_ms;
    w->recall = !view->recalled;
}

void state_view_ended(StateView *view, uint32_t target) {
    if (!view)
        return;
    const Session *session = view->session;
    const RunResult *result = &session->facts[target].result;
    OptInt code = {0};
    if (result->kind == END_EXITED)
        code = (OptInt){true, result->code};
    else if (result->kind == END_SIGNALED)
        code = (OptInt){true, 128 + result->code};
    const Service *service = session->graph.targets[target].service;
    size_t i = (size_t)(service - session->config->services.at);
    const ServiceTargets *of = &session->graph.of[i];
    if (target == (of->serve != TARGET_NONE ? of->serve : of->update))
        view->memory[i].exit_code = code;
}

/* ---- on the loop: when ---- */

static void on_timer(void *arg);

static void arm(StateView *view, int64_t ms) {
    if (!view->timer)
        view->timer = timer_new(view->session->engine->loop, ms, on_timer, view);
}

static void take_back(StateView *view, const Write *w) {
    if (w->shape != view->shape) { /* it was about other services: the next one finds out again */
        view->dirty = true;
        return;
    }
    for (size_t i = 0; i < w->state.services.n; i++) {
        Memory *memory = &view->memory[i];
        const Memory *found = &w->memory[i];
        if (memory->run == found->run && memory->pid == found->pid) {
            memory->start_ms = found->start_ms;
            memory->start_ticks = found->start_ticks;
        }
        if (w->recall && !memory->exit_code.set)
            memory->exit_code = found->exit_code;
    }
    view->server_start_ms = w->server_start_ms;
    view->recalled = true;
}

static void tell(StateView *view, const Write *w) {
    const char *slug = view->session->slug;
    if (w->result > 0)
        log_warn("%s: %s/state.json was broken; it is kept as state.json.broken", slug, w->dir);
    if (w->result < 0 && !view->complained)
        log_warn("%s: its state file is not written: %s", slug, w->err.msg);
    view->complained = w->result < 0;
}

static void on_written(void *arg) {
    Write *w = arg;
    StateView *view = w->view;
    if (view) {
        list_remove(&w->link);
        if (!w->remove)
            take_back(view, w);
        tell(view, w);
        view->finished |= w->last;
        if (w->last)
            engine_changed(view->session->engine, view->session);
        bool locked = w->result < 0 && w->err.kind == ERR_CONFLICT;
        view->dirty |= locked;
        if (view->dirty && !view->finishing)
            arm(view, locked ? LOCKED_MS : WRITE_MS);
    }
    arena_deinit(&w->arena);
    free(w);
}

static void submit(StateView *view, bool remove, bool last) {
    Write *w = xcalloc(1, sizeof(*w));
    Err err;
    w->view = view;
    w->shape = view->shape;
    w->remove = remove;
    w->last = last;
    arena_init(&w->arena);
    w->dir = arena_strdup(&w->arena, view->dir);
    w->logs = arena_strdup(&w->arena, view->logs);
    if (!remove)
        show_project(view, w);
    view->dirty = false;
    if (worker_run(view->session->engine->worker, write_now, on_written, w, &err) == 0) {
        list_append(&view->writes, &w->link);
        return;
    }
    log_warn("%s: its state file is not written: %s", view->session->slug, err.msg);
    view->finished |= last;
    arena_deinit(&w->arena);
    free(w);
}

static void on_timer(void *arg) {
    StateView *view = arg;
    view->timer = timer_free(view->timer);
    if (view->finishing) { /* long enough */
        view->finished = true;
        engine_changed(view->session->engine, view->session);
    } else if (view->dirty && list_empty(&view->writes)) {
        submit(view, false, false);
    }
}

void state_view_changed(StateView *view) {
    if (!view || view->finishing)
        return;
    view->dirty = true;
    if (list_empty(&view->writes)) /* else on_written sees to it */
        arm(view, WRITE_MS);
}

bool state_view_finish(StateView *view, bool purge) {
    if (!view)
        return true;
    if (!view->finishing) {
        view->finishing = true;
        view->timer = timer_free(view->timer);
        arm(view, FINISH_MS);
        submit(view, purge, true);
    }
    return view->finished;
}

/* ---- life ---- */

StateView *state_view_new(Session *session) {
    StateView *view = xcalloc(1, sizeof(*view));
    const Config *config = session->config;
    view->session = session;
    list_init(&view->writes);
    view->dir = state_dir_of(config->file, config->slug, session->name ? session->slug : NULL);
    view->logs = xasprintf("%s/runs", session->dir);
    view->memory = xcalloc(config->services.n + 1, sizeof(*view->memory));
    return view;
}

void state_view_move(StateView *view, const Config *former) {
    if (!view)
        return;
    const Config *config = view->session->config;
    Memory *memory = xcalloc(config->services.n + 1, sizeof(*memory));
    for (size_t i = 0; i < config->services.n; i++) {
        const Service *old = config_service(former, config->services.at[i].name);
        if (old)
            memory[i] = view->memory[old - former->services.at];
    }
    free(view->memory);
    view->memory = memory;
    view->shape++;
    state_view_changed(view);
}

StateView *state_view_free(StateView *view) {
    if (!view)
        return NULL;
    if (view->dirty && !view->finishing)
        submit(view, false, false);
    Write *w;
    LIST_FOREACH (w, &view->writes, link)
        w->view = NULL;
    timer_free(view->timer);
    free(view->dir);
    free(view->logs);
    free(view->memory);
    free(view);
    return NULL;
}
