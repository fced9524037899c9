/* SPDX-License-Identifier: Apache-2.0 */
#include "store/sqlite/entry_json.h"

#include <string.h>

#include "base/limits.h"
#include "data/json.h"

/* ---- written ---- */

static void put_ports(JsonWriter *w, const EnvironmentEntry *entry) {
    json_object_begin(w);
    for (size_t i = 0; i < entry->ports.n; i++)
        json_kv_int(w, entry->ports.at[i].name, entry->ports.at[i].port);
    json_object_end(w);
}

static void put_outputs(JsonWriter *w, const EnvironmentEntry *entry) {
    json_object_begin(w);
    for (size_t i = 0; i < entry->outputs.n; i++) {
        const ProvisionedOutputs *outputs = &entry->outputs.at[i];
        json_kv_object(w, outputs->service);
        for (size_t j = 0; j < outputs->values.n; j++)
            json_kv_string(w, outputs->values.at[j].name, outputs->values.at[j].value);
        json_object_end(w);
    }
    json_object_end(w);
}

static void put_services(JsonWriter *w, const EnvironmentEntry *entry) {
    json_array_begin(w);
    for (size_t i = 0; i < entry->enabled_services.n; i++)
        json_string(w, entry->enabled_services.at[i]);
    json_array_end(w);
}

static int take_text(Buf *buf, Arena *arena, const char **ret, Err *err) {
    int r = 0;
    if (buf->failed)
        r = err_set(err, ERR_LIMIT, "it has more than %d MiB of JSON", MAX_OBJECT_BYTES >> 20);
    else
        *ret = arena_strndup(arena, buf->p, buf->n);
    buf_deinit(buf);
    return r;
}

static int part_text(const EnvironmentEntry *entry,
                     void (*put)(JsonWriter *, const EnvironmentEntry *), Arena *arena,
                     const char **ret, Err *err) {
    Buf buf;
    JsonWriter w;
    buf_init(&buf, MAX_OBJECT_BYTES);
    json_writer_init(&w, &buf);
    put(&w, entry);
    return take_text(&buf, arena, ret, err);
}

int value_to_text(const Value *v, Arena *arena, const char **ret, Err *err) {
    Buf buf;
    JsonWriter w;
    *ret = NULL;
    if (!v)
        return 0;
    buf_init(&buf, MAX_OBJECT_BYTES);
    json_writer_init(&w, &buf);
    json_value(&w, v);
    return take_text(&buf, arena, ret, err);
}

int entry_texts(const EnvironmentEntry *entry, Arena *arena, EntryTexts *ret, Err *err) {
    EntryTexts texts = {0};
    if ((entry->ports.n && part_text(entry, put_ports, arena, &texts.ports, err) < 0) ||
        (entry->outputs.n && part_text(entry, put_outputs, arena, &texts.outputs, err) < 0) ||
        (entry->enabled_services.n &&
         part_text(entry, put_services, arena, &texts.services, err) < 0) ||
        value_to_text(entry->unknown, arena, &texts.unknown, err) < 0 ||
        (entry->compute &&
         value_to_text(entry->compute->unknown, arena, &texts.compute_unknown, err) < 0))
        return -1;
    *ret = texts;
    return 0;
}

/* ---- read ---- */

int value_of_text(const char *text, Arena *arena, const Value **ret, Err *err) {
    *ret = NULL;
    return text ? json_parse(text, strlen(text), arena, ret, err) : 0;
}

static void read_ports(const Value *v, Arena *arena, EnvironmentPorts *ret) {
    ret->n = value_is(v, VALUE_MAP) ? value_count(v) : 0;
    ret->at = arena_alloc(arena, ret->n * sizeof(*ret->at));
    for (size_t i = 0; i < ret->n; i++)
        ret->at[i] = (EnvironmentPort){v->map.at[i].key, value_int(v->map.at[i].value, 0)};
}

static StrMap read_strings(const Value *v, Arena *arena) {
    StrMap map = {.n = value_is(v, VALUE_MAP) ? value_count(v) : 0};
    map.at = arena_alloc(arena, map.n * sizeof(*map.at));
    for (size_t i = 0; i < map.n; i++) {
        const char *text = value_str(v->map.at[i].value);
        map.at[i] = (StrPair){v->map.at[i].key, text ? text : ""};
    }
    return map;
}

static void read_outputs(const Value *v, Arena *arena, EnvironmentOutputs *ret) {
    ret->n = value_is(v, VALUE_MAP) ? value_count(v) : 0;
    ret->at = arena_alloc(arena, ret->n * sizeof(*ret->at));
    for (size_t i = 0; i < ret->n; i++)
        ret->at[i] =
            (ProvisionedOutputs){v->map.at[i].key, read_strings(v->map.at[i].value, arena)};
}

static void read_services(const Value *v, Arena *arena, StrList *ret) {
    ret->n = value_is(v, VALUE_LIST) ? value_count(v) : 0;
    ret->at = arena_alloc(arena, ret->n * sizeof(*ret->at));
    for (size_t i = 0; i < ret->n; i++) {
        const char *text = value_str(value_at(v, i));
        ret->at[i] = text ? text : "";
    }
}

int entry_texts_read(const EntryTexts *texts, Arena *arena, EnvironmentEntry *ret, Err *err) {
    const Value *ports, *outputs, *services;
    if (value_of_text(texts->ports, arena, &ports, err) < 0)
        return err_in(err, "ports");
    if (value_of_text(texts->outputs, arena, &outputs, err) < 0)
        return err_in(err, "outputs");
    if (value_of_text(texts->services, arena, &services, err) < 0)
        return err_in(err, "services");
    if (value_of_text(texts->unknown, arena, &ret->unknown, err) < 0)
        return err_in(err, "unknown");
    if (ret->compute &&
        value_of_text(texts->compute_unknown, arena, &ret->compute->unknown, err) < 0)
        return err_in(err, "compute_unknown");
    read_ports(ports, arena, &ret->ports);
    read_outputs(outputs, arena, &ret->outputs);
    read_services(services, arena, &ret->enabled_services);
    return 0;
}
