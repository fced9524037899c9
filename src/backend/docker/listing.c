/* SPDX-License-Identifier: Apache-2.0 */
#include "backend/docker/listing.h"

#include "backend/docker/container.h"
#include "data/json.h"

enum { CALL_MS = 60 * 1000, FILTERS_MAX = 4 * 1024, PATH_MAX_BYTES = 16 * 1024 };

typedef struct KindPaths {
    const char *list, *one, *how; /* "…/NAME" between `one` and `how` */
    const char *handle;           /* the key of NAME */
} KindPaths;

static const KindPaths kinds[LISTING_KINDS] = {
    [LISTING_CONTAINERS] = {"/containers/json?all=1&filters=", "/containers/", "?v=1&force=1",
                            "Id"},
    [LISTING_NETWORKS] = {"/networks?filters=", "/networks/", "", "Id"},
    [LISTING_VOLUMES] = {"/volumes?filters=", "/volumes/", "?force=1", "Name"},
};

static void put_filters(const Listing *what, Buf *out) {
    Buf json;
    JsonWriter w;
    buf_init(&json, FILTERS_MAX);
    json_writer_init(&w, &json);
    json_object_begin(&w);
    json_kv_array(&w, "label");
    json_stringf(&w, "%s=%s", LABEL_OWNER, what->owner);
    if (what->task)
        json_stringf(&w, "%s=%s", LABEL_TASK, what->task);
    json_array_end(&w);
    if (what->running) {
        json_kv_array(&w, "status");
        json_string(&w, "running");
        json_string(&w, "paused");
        json_array_end(&w);
    }
    json_object_end(&w);
    docker_put_encoded(buf_cstr(&json), out);
    buf_deinit(&json);
}

Op *docker_list(DockerEngine *engine, const Listing *what, OpFn fn, void *arg) {
    Buf path;
    buf_init(&path, PATH_MAX_BYTES);
    buf_puts(&path, kinds[what->kind].list);
    put_filters(what, &path);
    DockerCall call = {.path = buf_cstr(&path), .timeout_ms = CALL_MS};
    Op *op = docker_call(engine, &call, fn, arg);
    buf_deinit(&path);
    return op;
}

const Value *listing_at(ListingKind kind, const DockerReply *reply, size_t i) {
    const Value *items = kind == LISTING_VOLUMES ? value_get(reply->body, "Volumes") : reply->body;
    return i < value_count(items) ? value_at(items, i) : NULL;
}

const char *listing_name(ListingKind kind, const Value *item) {
    const char *name = kind == LISTING_CONTAINERS ? value_str(value_at(value_get(item, "Names"), 0))
                                                  : value_get_str(item, "Name");
    return name && name[0] == '/' ? name + 1 : name;
}

bool listing_put_removal(ListingKind kind, const Value *item, Buf *out) {
    const char *handle = value_get_str(item, kinds[kind].handle);
    if (!handle)
        return false;
    buf_puts(out, kinds[kind].one);
    docker_put_encoded(handle, out);
    buf_puts(out, kinds[kind].how);
    return true;
}
