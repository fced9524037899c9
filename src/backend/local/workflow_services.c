/* SPDX-License-Identifier: Apache-2.0 */
#include "backend/local/workflow_services.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "backend/port_owner.h"

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

static int by_name(const void *a, const void *b) {
    return strcmp(((const StrPair *)a)->name, ((const StrPair *)b)->name);
}

/* Of what is sorted; the first counts. */
static void drop_doubles(StrMap *map) {
    size_t kept = 0;
    for (size_t i = 0; i < map->n; i++)
        if (i == 0 || strcmp(map->at[kept - 1].name, map->at[i].name) != 0)
            map->at[kept++] = map->at[i];
    map->n = kept;
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
    qsort(to.map.at, to.map.n, sizeof(*to.map.at), by_name);
    drop_doubles(&to.map);
    return to.map;
}

/* ---- conflicts ---- */

enum { PORTS = 65536 };

typedef struct Claims {
    const Step **tcp, **udp; /* by number; NULL: nobody wants it */
    Report *report;
} Claims;

static bool is_udp(const StepPort *port) {
    return port->protocol && strcasecmp(port->protocol, "udp") == 0;
}

static void claim(void *arg, const Step *step, size_t stage, size_t index) {
    Claims *claims = arg;
    for (size_t i = 0; i < step->ports.n; i++) {
        const StepPort *port = &step->ports.at[i];
        const Step **owner = (is_udp(port) ? claims->udp : claims->tcp) + (port->number % PORTS);
        Place place = {.path =
                           arena_printf(claims->report->arena,
                                        "pipeline[%zu].steps[%zu].ports[%zu]", stage, index, i)};
        if (*owner && *owner != step)
            report_add(claims->report, &place, "give one of them another port",
                       "the services %s and %s both want port %lld, and on the local backend they "
                       "share one machine",
                       (*owner)->name, step->name, (long long)port->number);
        *owner = step;
    }
}

void services_check(const WorkflowConfig *config, Report *report) {
    Claims claims = {.tcp = xcalloc(PORTS, sizeof(*claims.tcp)),
                     .udp = xcalloc(PORTS, sizeof(*claims.udp)),
                     .report = report};
    each(config, claim, &claims);
    free(claims.tcp);
    free(claims.udp);
}

int services_check_free(const Step *step, Err *err) {
    for (size_t i = 0; is_service(step) && i < step->ports.n; i++) {
        Listener listeners[LISTENERS_MAX];
        PortOwner owner;
        const StepPort *port = &step->ports.at[i];
        size_t n = is_udp(port) ? 0 : port_listeners((uint16_t)port->number, listeners);
        if (n && port_owner(listeners, n, &owner) && owner.command[0])
            return err_set(err, ERR_CONFLICT, "port %lld is in use by pid %d (%s); stop it first",
                           (long long)port->number, owner.pid, owner.command);
        if (n)
            return err_set(err, ERR_CONFLICT,
                           "port %lld is in use by a process of uid %u; stop it first",
                           (long long)port->number, listeners[0].uid);
    }
    return 0;
}
