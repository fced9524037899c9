/* SPDX-License-Identifier: Apache-2.0 */
#include "plan/names.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"

static uint32_t hash_of(const char *name) { /* FNV-1a, folded */
    uint64_t hash = 0xcbf29ce484222325u;
    for (; *name; name++)
        hash = (hash ^ (unsigned char)*name) * 0x100000001b3u;
    return (uint32_t)(hash ^ hash >> 32);
}

static NameSlot *slot_of(const Names *names, const char *name, uint32_t hash) {
    for (size_t i = hash & names->mask;; i = (i + 1) & names->mask) {
        NameSlot *slot = &names->slots[i];
        if (slot->service == 0)
            return slot;
        if (slot->hash == hash && strcmp(names->of[slot->service - 1], name) == 0)
            return slot;
    }
}

void names_init(Names *names, const Config *config) {
    size_t size = 16;
    while (size < config->services.n * 2)
        size *= 2;
    *names = (Names){.mask = size - 1};
    names->slots = xcalloc(size, sizeof *names->slots);
    names->of = xcalloc(config->services.n + 1, sizeof *names->of);
    for (uint32_t i = 0; i < config->services.n; i++) {
        names->of[i] = config->services.at[i].name;
        uint32_t hash = hash_of(names->of[i]);
        *slot_of(names, names->of[i], hash) = (NameSlot){.hash = hash, .service = i + 1};
    }
}

void names_deinit(Names *names) {
    free(names->slots);
    free(names->of);
}

uint32_t names_find(const Names *names, const char *name) {
    const NameSlot *slot = slot_of(names, name, hash_of(name));
    assert(slot->service != 0);
    return slot->service - 1;
}
