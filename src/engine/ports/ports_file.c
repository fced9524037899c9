/* SPDX-License-Identifier: Apache-2.0 */
/* ports.json: what is leased, for the next server. */
#include <unistd.h>

#include "base/file.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/path.h"
#include "base/xalloc.h"
#include "data/json.h"
#include "engine/ports/ports_inside.h"

enum { PORTS_FORMAT = 1 };

void ports_take_known(const PortTable *known, PortTable *table) {
    for (size_t i = 0; i < table->n; i++) {
        PortEntry *port = &table->at[i];
        const PortEntry *had = port_table_find(known, port->service, port->name);
        if (had && had->automatic && port->automatic)
            port->number = had->number;
        port->leased = had && had->leased && had->number == port->number;
    }
}

void ports_now_known(Generation *generation) {
    generation->port_env = port_env_shared(&generation->ports, &generation->arena);
}

int ports_save(const Session *session, const PortTable *table, Err *err) {
    AUTO_FREE char *path = path_join(session->dir, "ports.json");
    Buf buf;
    JsonWriter out;
    buf_init(&buf, MAX_STATE_BYTES);
    json_writer_init(&out, &buf);
    json_object_begin(&out);
    json_kv_int(&out, "format", PORTS_FORMAT);
    json_kv_array(&out, "ports");
    for (size_t i = 0; i < table->n; i++) {
        json_object_begin(&out);
        json_kv_string(&out, "service", table->at[i].service);
        json_kv_string(&out, "name", table->at[i].name);
        json_kv_int(&out, "port", table->at[i].number);
        json_kv_bool(&out, "auto", table->at[i].automatic);
        json_kv_bool(&out, "leased", table->at[i].leased);
        json_object_end(&out);
    }
    json_array_end(&out);
    json_object_end(&out);
    int r = file_write_atomic(path, buf_cstr(&buf), buf.n, 0600, false, err);
    buf_deinit(&buf);
    return r;
}

static void read_table(const Value *list, Arena *arena, PortTable *ret) {
    PortTable table = {.at = arena_alloc(arena, value_count(list) * sizeof(*table.at))};
    for (size_t i = 0; i < value_count(list); i++) {
        const Value *v = value_at(list, i);
        const char *service = value_get_str(v, "service"), *name = value_get_str(v, "name");
        int64_t number = value_get_int(v, "port", 0);
        if (service && name && number > 0 && number <= UINT16_MAX)
            table.at[table.n++] = (PortEntry){.service = arena_strdup(arena, service),
                                              .name = arena_strdup(arena, name),
                                              .number = number,
                                              .automatic = value_get_bool(v, "auto", false),
                                              .leased = value_get_bool(v, "leased", true)};
    }
    *ret = table;
}

void ports_begin(Session *session) {
    AUTO_FREE char *path = path_join(session->dir, "ports.json");
    if (unlink(path) == 0)
        ports_of_session(session); /* what is remembered of it is its own matter still */
}

int ports_load(Session *session, Generation *generation, Err *err) {
    AUTO_FREE char *path = path_join(session->dir, "ports.json");
    AUTO_FREE char *text = NULL;
    const Value *v;
    size_t size;
    Arena arena;
    Err why = {.kind = ERR_NONE};
    if (file_read(path, MAX_STATE_BYTES, &text, &size, &why) < 0) {
        if (why.kind == ERR_NOT_FOUND)
            return 0; /* it was not written yet, or there is nothing to write */
        *err = why;
        return -1;
    }
    arena_init(&arena);
    int r = json_parse(text, size, &arena, &v, &why);
    if (r == 0)
        r = value_check_format(v, PORTS_FORMAT, &why);
    if (r == 0) {
        Ports *ports = ports_of_session(session);
        read_table(value_get(v, "ports"), &ports->arena, &ports->table);
        ports_take_known(&ports->table, &generation->ports);
        ports_now_known(generation);
    }
    arena_deinit(&arena);
    if (r == 0)
        return 0;
    err_in(&why, "%s", path);
    if (why.kind == ERR_UNAVAILABLE) {
        *err = why;
        return -1;
    }
    log_warn("%s; its ports are leased again", why.msg);
    return 0;
}
