/* SPDX-License-Identifier: Apache-2.0 */
/* allocate_ports: the block that the environment's name asks for, or, if another has it, the next
 * free one, which it keeps; and in it a port for each service. */
#include <string.h>

#include "engine/operations/steps.h"
#include "plan/port_block.h"
#include "spec/digest.h"

/* ---- who gets one ---- */

static const char *digest_wishes(const PortWishes *wishes, Arena *arena) {
    Digest *digest = digest_new();
    for (size_t i = 0; i < wishes->n; i++) {
        digest_add_text(digest, wishes->at[i].name);
        digest_add(digest, &wishes->at[i].fixed, sizeof(wishes->at[i].fixed));
    }
    return digest_end(digest, arena);
}

/* All that wish for one, and nobody else. */
static bool all_have(const EnvironmentEntry *entry, const PortWishes *wishes) {
    size_t n = 0;
    for (size_t i = 0; i < wishes->n; i++) {
        if (entry_port(entry, wishes->at[i].name) == 0)
            return false;
        n += i == 0 || strcmp(wishes->at[i].name, wishes->at[i - 1].name) != 0;
    }
    return entry->ports.n == n;
}

static int look(const Operation *operation, Arena *arena, StepFound *ret, Err *err) {
    PortWishes wishes = port_wishes_of(operation->config, arena);
    ret->own = digest_wishes(&wishes, arena);
    ret->stands = all_have(&operation->entry, &wishes);
    ret->why = ret->stands ? NULL : "not every service has a port";
    return 0;
}

/* ---- which ---- */

/* What the environment has already is its own, whoever listens there. */
static bool is_free(void *arg, uint16_t port) {
    Operation *operation = arg;
    for (size_t i = 0; i < operation->entry.ports.n; i++)
        if (operation->entry.ports.at[i].port == port)
            return true;
    return operation_hold_port(operation, port);
}

static int act(Operation *operation, Arena *arena, StepActed *ret, Err *err) {
    PortWishes wishes = port_wishes_of(operation->config, arena);
    PortBlockAsk ask = {.wishes = &wishes, .is_free = is_free, .arg = operation};
    PortBlockClaim claim = {.key = operation->lease.key,
                            .wanted = port_block_of(operation->entry.name),
                            .n = PORT_BLOCKS,
                            .token = operation->lease.token};
    if (store_port_block(operation->engine->options.store, &claim, &ask.block, err) < 0)
        return -1;
    return port_block_draw(&ask, arena, &ret->ports, err);
}

static int take(Operation *operation, Err *err) {
    Arena *arena = &operation->arena;
    Value *ports = value_new(arena, VALUE_MAP), *kept = value_new(arena, VALUE_MAP);
    operation->entry.ports = operation->doing.drawn;
    operation_hold_ports(operation);
    for (size_t i = 0; i < operation->doing.drawn.n; i++)
        value_set(arena, ports, operation->doing.drawn.at[i].name,
                  value_new_int(arena, operation->doing.drawn.at[i].port));
    value_set(arena, kept, "ports", ports);
    operation->doing.produced = kept;
    return 0;
}

const StepDoer allocate_ports_doer = {
    .look = look, .act = act, .in_store = true, .take = take, .skip = operation_hold_ports};
