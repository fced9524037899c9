/* SPDX-License-Identifier: Apache-2.0 */
#include "backend/local/workflow_services.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "backend/port_owner.h"
#include "base/map.h"

#define HOST "127.0.0.1"

static bool is_service(const Step *step) {
    return step->detach || step->type == STEP_SERVICE;
}

/* ---- variables ---- */

/* Upper case, and `_` for what no name of a variable may hold. */
static const char *variable(const Step *step, const char *what, size_t i, Arena *arena) {
    bool digit = isdigit((unsigned char)step->name[0]);
    const char *number = i ? arena_printf(arena, "_%zu", i) : "";
    char *text = arena_printf(arena, "%s%s_%s%s", digit ? "_" : "", step->name, what, number);
    for (char *p = text; *p; p++)
        *p = isalnum((unsigned char)*p) ? (char)toupper((unsigned char)*p) : '_';
    return text;
}

static const char *port_text(const Step *step, size_t i, Arena *arena) {
    return arena_printf(arena, "%lld", (long long)step->ports.at[i].number);
}

static void add_service(const Step *step, StrMap *map, Arena *arena) {
    map->at[map->n++] = (StrPair){variable(step, "HOST", 0, arena), HOST};
    if (step->ports.n)
        map->at[map->n++] = (StrPair){variable(step, "PORT", 0, arena), port_text(step, 0, arena)};
    for (size_t i = 0; step->ports.n > 1 && i < step->ports.n; i++)
        map->at[map->n++] =
            (StrPair){variable(step, "PORT", i + 1, arena), port_text(step, i, arena)};
}

/* Calls `fn` for each service, in the order of the text. */
static void each(const WorkflowConfig *config,
                 void (*fn)(void *arg, const Step *step, size_t stage, size_t index), void *arg) {
    for (size_t i = 0; i < config->stages.n; i++)
        for (size_t k = 0; k < config->stages.at[i].steps.n; k++)
            if (is_service(&config->stages.at[i].steps.at[k]))
                fn(arg, &config->stages.at[i].steps.at[k], i, k);
}

static void count(void *arg, const Step *step, size_t stage, size_t index) {
    *(size_t *)arg += step->ports.n + 2;
}

typedef struct Gathering {
    StrMap map;
    Arena *arena;
} Gathering;

static void gather(void *arg, const Step *step, size_t stage, size_t index) {
    Gathering *to = arg;
    add_service(step, &to->map, to->arena);
}

StrMap services_environment(const WorkflowConfig *config, Arena *arena) {
    size_t n = 1;
    each(config, count, &n);
    Gathering to = {{.at = arena_alloc(arena, n * sizeof(StrPair))}, arena};
    each(config, gather, &to);
    strmap_sort(&to.map);
    return to.map;
}

/* ---- conflicts ---- */

typedef struct Claims {
    Map owners; /* "53/udp" → Step */
    Report *report;
} Claims;

static bool is_udp(const StepPort *port) {
    return port->protocol && strcasecmp(port->protocol, "udp") == 0;
}

static void claim(void *arg, const Step *step, size_t stage, size_t index) {
    Claims *claims = arg;
    for (size_t i = 0; i < step->ports.n; i++) {
        const StepPort *port = &step->ports.at[i];
        char key[32];
        snprintf(key, sizeof key, "%lld/%s", (long long)port->number, is_udp(port) ? "udp" : "tcp");
        const Step *owner = map_get(&claims->owners, key);
        Place place = {.path =
                           arena_printf(claims->report->arena,
                                        "pipeline[%zu].steps[%zu].ports[%zu]", stage, index, i)};
        if (owner && owner != step)
            report_add(claims->report, &place, "give one of them another port",
                       "the services %s and %s both want port %lld, and on the local backend they "
                       "share one machine",
                       owner->name, step->name, (long long)port->number);
        map_put(&claims->owners, key, (void *)(uintptr_t)step);
    }
}

void services_check(const WorkflowConfig *config, Report *report) {
    Claims claims = {.report = report};
    map_init(&claims.owners);
    each(config, claim, &claims);
    map_deinit(&claims.owners);
}

/* ---- who has it ---- */

typedef struct Listing {
    ServicePorts list;
    Arena *arena;
} Listing;

static void list_ports(void *arg, const Step *step, size_t stage, size_t index) {
    Listing *to = arg;
    for (size_t i = 0; i < step->ports.n; i++) {
        const StepPort *port = &step->ports.at[i];
        to->list.at[to->list.n++] =
            (ServicePort){.number = port->number,
                          .udp = is_udp(port),
                          .uuid = arena_strdup(to->arena, step->uuid ? step->uuid : ""),
                          .name = arena_strdup(to->arena, step->name)};
    }
}

ServicePorts services_ports(const WorkflowConfig *config, Arena *arena) {
    size_t n = 0;
    each(config, count, &n);
    Listing to = {{.at = arena_alloc(arena, n * sizeof(ServicePort))}, arena};
    each(config, list_ports, &to);
    return to.list;
}

const ServicePort *services_claim(const ServicePorts *ports, const Step *step,
                                  const ServicePort *after) {
    const ServicePort *end = ports->at + ports->n;
    for (const ServicePort *at = after ? after + 1 : ports->at; is_service(step) && at < end; at++)
        for (size_t i = 0; i < step->ports.n; i++)
            if (step->ports.at[i].number == at->number && is_udp(&step->ports.at[i]) == at->udp)
                return at;
    return NULL;
}

static int refuse_owner(const StepPort *port, const PortOwner *owner, Err *err) {
    const RunStamp *stamp = &owner->stamp;
    bool ours = stamp->session[0] && stamp->target[0];
    return err_set(err, ERR_CONFLICT, "port %lld is in use by pid %d (%s)%s%s%s%s; stop it first",
                   (long long)port->number, owner->pid, owner->command, ours ? ", which is " : "",
                   ours ? stamp->target : "", ours ? " of session " : "",
                   ours ? stamp->session : "");
}

static int check_free(const StepPort *port, Err *err) {
    Listener listeners[LISTENERS_MAX];
    PortOwner owner;
    uint16_t number = (uint16_t)port->number;
    size_t n =
        is_udp(port) ? udp_port_listeners(number, listeners) : port_listeners(number, listeners);
    if (n && port_owner(listeners, n, &owner) && owner.command[0])
        return refuse_owner(port, &owner, err);
    if (n)
        return err_set(err, ERR_CONFLICT,
                       "port %lld is in use by a process of uid %u; stop it first",
                       (long long)port->number, listeners[0].uid);
    return 0;
}

int services_check_free(const Step *step, Err *err) {
    for (size_t i = 0; is_service(step) && i < step->ports.n; i++)
        if (check_free(&step->ports.at[i], err) < 0)
            return -1;
    return 0;
}
