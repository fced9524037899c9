/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/client_setup.h"

#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "base/utf8.h"
#include "base/xalloc.h"

enum { UMASK = 022 };

/* ---- written ---- */

/* What need not be UTF-8: as it is where it is, else {"hex": "…"}. */
static void write_bytes(JsonWriter *out, const char *bytes) {
    size_t n = strlen(bytes);
    if (utf8_valid(bytes, n)) {
        json_string(out, bytes);
        return;
    }
    AUTO_FREE char *hex = xmalloc(2 * n + 1);
    str_hex(hex, bytes, n);
    json_object_begin(out);
    json_kv_string(out, "hex", hex);
    json_object_end(out);
}

void client_setup_encode(const ClientSetup *client, JsonWriter *out) {
    json_kv_int(out, "umask", client->process.umask);
    json_kv_int(out, "nice", client->process.nice);
    json_kv_array(out, "limits");
    for (size_t i = 0; i < client->process.limit_n; i++) {
        const ProcessLimit *limit = &client->process.limits[i];
        json_array_begin(out);
        json_int(out, limit->resource);
        json_int(out, (int64_t)limit->soft); /* RLIM_INFINITY is -1 */
        json_int(out, (int64_t)limit->hard);
        json_array_end(out);
    }
    json_array_end(out);
    json_kv_array(out, "env"); /* name, value, name, value …: odd names are no keys */
    for (size_t i = 0; i < client->env.n; i++) {
        write_bytes(out, client->env.at[i].name);
        write_bytes(out, client->env.at[i].value);
    }
    json_array_end(out);
}

/* ---- read ---- */

static unsigned nibble(char digit) {
    return (unsigned)(digit <= '9' ? digit - '0' : digit - 'a' + 10) & 0xf;
}

static const char *read_bytes(const Value *v, Arena *arena) {
    const char *text = value_str(v), *hex = value_get_str(v, "hex");
    if (text || !hex)
        return arena_strdup(arena, text ? text : "");
    size_t n = strlen(hex) / 2;
    char *bytes = arena_alloc(arena, n + 1);
    for (size_t i = 0; i < n; i++)
        bytes[i] = (char)(nibble(hex[2 * i]) << 4 | nibble(hex[2 * i + 1]));
    return bytes;
}

void client_setup_load(const Value *v, Arena *arena, ClientSetup *ret) {
    const Value *env = value_get(v, "env"), *limits = value_get(v, "limits");
    ret->process.umask = (uint32_t)value_get_int(v, "umask", UMASK);
    ret->process.nice = (int32_t)value_get_int(v, "nice", 0);
    ProcessLimit *own = arena_alloc(arena, (value_count(limits) + 1) * sizeof(*own));
    for (size_t i = 0; i < value_count(limits); i++) {
        const Value *limit = value_at(limits, i);
        own[i] = (ProcessLimit){.resource = (int)value_int(value_at(limit, 0), 0),
                                .soft = (uint64_t)value_int(value_at(limit, 1), -1),
                                .hard = (uint64_t)value_int(value_at(limit, 2), -1)};
    }
    ret->process.limits = own;
    ret->process.limit_n = value_count(limits);
    ret->env.n = value_count(env) / 2;
    ret->env.at = arena_alloc(arena, (ret->env.n + 1) * sizeof(*ret->env.at));
    for (size_t i = 0; i < ret->env.n; i++)
        ret->env.at[i] = (StrPair){.name = read_bytes(value_at(env, 2 * i), arena),
                                   .value = read_bytes(value_at(env, 2 * i + 1), arena)};
}

/* ---- copied ---- */

void client_setup_copy(const ClientSetup *client, Arena *arena, ClientSetup *ret) {
    ClientSetup own = *client;
    own.env = strmap_copy(&client->env, arena);
    ProcessLimit *limits = arena_alloc(arena, (client->process.limit_n + 1) * sizeof(*limits));
    if (client->process.limit_n)
        memcpy(limits, client->process.limits, client->process.limit_n * sizeof(*limits));
    own.process.limits = limits;
    *ret = own;
}
