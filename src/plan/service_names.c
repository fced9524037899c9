/* SPDX-License-Identifier: Apache-2.0 */
#include "plan/service_names.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "base/xalloc.h"

static uint32_t hash_of(const char *name) {
    uint64_t hash = str_hash(STR_HASH, name);
    return (uint32_t)(hash ^ hash >> 32);
}

static NameSlot *slot_of(const ServiceNames *names, const char *name, uint32_t hash) {
    for (size_t i = hash & names->mask;; i = (i + 1) & names->mask) {
        NameSlot *slot = &names->slots[i];
        if (slot->service == 0)
            return slot;
        if (slot->hash == hash && strcmp(names->of[slot->service - 1], name) == 0)
            return slot;
    }
}

void service_names_init(ServiceNames *names, const Config *config) {
    size_t size = 16;
    while (size < config->services.n * 2)
        size *= 2;
    *names = (ServiceNames){.mask = size - 1};
    names->slots = xcalloc(size, sizeof *names->slots);
    names->of = xcalloc(config->services.n + 1, sizeof *names->of);
    for (uint32_t i = 0; i < config->services.n; i++) {
        names->of[i] = config->services.at[i].name;
        uint32_t hash = hash_of(names->of[i]);
        *slot_of(names, names->of[i], hash) = (NameSlot){.hash = hash, .service = i + 1};
    }
}

void service_names_deinit(ServiceNames *names) {
    free(names->slots);
    free(names->of);
}

uint32_t service_names_find(const ServiceNames *names, const char *name) {
    const NameSlot *slot = slot_of(names, name, hash_of(name));
    assert(slot->service != 0);
    return slot->service - 1;
}
