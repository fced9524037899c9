/* SPDX-License-Identifier: Apache-2.0 */

#include "engine/objects.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/boot.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/map.h"
#include "base/xalloc.h"
#include "spec/routes.h"

enum { TOMBSTONES = 1024, TOMBSTONE_BYTES = 4 << 20 };

struct Objects {
    Loop *loop;
    uint64_t version, oldest;
    List all; /* Object.by_version, newest last */
    struct {
        Object **at;
        size_t n, cap;
    } sorted[OBJECT_KINDS];      /* by (space, name) */
    Tombstone tombs[TOMBSTONES]; /* ring */
    size_t tomb_next;
    size_t tomb_bytes; /* of their JSON */
    List watchers;     /* Watcher.link */
    bool changed;
    Deferred *turn; /* sees to it that the turn has an end */
};

static const struct {
    const char *kind, *plural, *group;
} kinds[OBJECT_KINDS] = {
    [OBJECT_SESSION] = {"Session", "sessions", "tilt.dev"},
    [OBJECT_TARGET] = {"Target", "targets", "thole.dev"},
    [OBJECT_WORKFLOW] = {"Workflow", "workflows", "thole.dev"},
    [OBJECT_ENVIRONMENT] = {"Environment", "environments", "thole.dev"},
};

const char *object_kind_name(ObjectKind kind) {
    return kinds[kind].kind;
}
const char *object_plural(ObjectKind kind) {
    return kinds[kind].plural;
}
const char *object_group(ObjectKind kind) {
    return kinds[kind].group;
}

/* ---- telling watchers ---- */

static void tell(void *arg) {
    Objects *objects = arg;
    if (!objects->changed)
        return;
    objects->changed = false;
    Watcher *watcher;
    LIST_FOREACH_SAFE (watcher, &objects->watchers, link)
        watcher->fn(watcher->arg);
}

void watcher_add(Objects *objects, Watcher *watcher) {
    list_append(&objects->watchers, &watcher->link);
}
void watcher_remove(Watcher *watcher) {
    list_remove(&watcher->link);
}

Objects *objects_new(Loop *loop) {
    Objects *objects = xcalloc(1, sizeof(*objects));
    objects->loop = loop;
    objects->version = objects->oldest = (uint64_t)loop_wall_us(loop);
    list_init(&objects->all);
    list_init(&objects->watchers);
    loop_at_turn_end(loop, tell, objects);
    return objects;
}

void objects_begin_at(Objects *objects, uint64_t version) {
    assert(list_empty(&objects->all));
    if (objects->version < version)
        objects->version = objects->oldest = version;
}

static void tombstone_clear(Tombstone *tomb) {
    free(tomb->space);
    free(tomb->name);
    free(tomb->json);
    memset(tomb, 0, sizeof(*tomb));
}

Objects *objects_free(Objects *objects) {
    if (!objects)
        return NULL;
    assert(list_empty(&objects->all));
    for (size_t i = 0; i < TOMBSTONES; i++)
        tombstone_clear(&objects->tombs[i]);
    for (size_t k = 0; k < OBJECT_KINDS; k++)
        free(objects->sorted[k].at);
    loop_at_turn_end(objects->loop, NULL, objects);
    deferred_free(objects->turn);
    free(objects);
    return NULL;
}

/* ---- the sorted table of a kind ---- */

static int compare(const char *space_a, const char *name_a, const Object *b) {
    int order = strcmp(space_a ? space_a : "", b->space ? b->space : "");
    return order ? order : strcmp(name_a, b->name);
}

/* Index of the first object not before (space, name). */
static size_t place(const Objects *objects, ObjectKind kind, const char *space, const char *name) {
    size_t low = 0, high = objects->sorted[kind].n;
    while (low < high) {
        size_t mid = (low + high) / 2;
        if (compare(space, name, objects->sorted[kind].at[mid]) > 0)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

Object *object_find(Objects *objects, ObjectKind kind, const char *space, const char *name) {
    size_t i = place(objects, kind, space, name);
    if (i == objects->sorted[kind].n || compare(space, name, objects->sorted[kind].at[i]) != 0)
        return NULL;
    return objects->sorted[kind].at[i];
}

Object *object_next(Objects *objects, ObjectKind kind, const char *space, Object *after) {
    size_t i = 0;
    if (after)
        i = place(objects, kind, after->space, after->name) + 1;
    else if (space)
        i = place(objects, kind, space, "");
    if (i >= objects->sorted[kind].n)
        return NULL;
    Object *object = objects->sorted[kind].at[i];
    if (space && (!object->space || strcmp(object->space, space) != 0))
        return NULL;
    return object;
}

static void insert(Objects *objects, Object *object) {
    size_t i = place(objects, object->kind, object->space, object->name);
    size_t *n = &objects->sorted[object->kind].n, *cap = &objects->sorted[object->kind].cap;
    if (*n == *cap) {
        *cap = *cap ? *cap * 2 : 64;
        objects->sorted[object->kind].at =
            xreallocarray(objects->sorted[object->kind].at, *cap, sizeof(Object *));
    }
    Object **at = objects->sorted[object->kind].at;
    memmove(at + i + 1, at + i, (*n - i) * sizeof(*at));
    at[i] = object;
    (*n)++;
}

static void take_out(Objects *objects, const Object *object) {
    size_t i = place(objects, object->kind, object->space, object->name);
    Object **at = objects->sorted[object->kind].at;
    assert(i < objects->sorted[object->kind].n && at[i] == object);
    memmove(at + i, at + i + 1, (objects->sorted[object->kind].n - i - 1) * sizeof(*at));
    objects->sorted[object->kind].n--;
}

/* ---- changes ---- */

static void on_turn(void *arg) {
    ((Objects *)arg)->turn = NULL;
}

static void news(Objects *objects) {
    objects->changed = true;
    if (!objects->turn)
        objects->turn = loop_defer(objects->loop, on_turn, objects);
}

void objects_tell(Objects *objects) {
    news(objects);
}

void object_add(Objects *objects, Object *object) {
    object->version = object->added = ++objects->version;
    object->generation = object->generation ? object->generation : 1;
    if (!object->uid[0])
        random_uuid(object->uid);
    if (!object->created_us)
        object->created_us = loop_wall_us(objects->loop);
    insert(objects, object);
    list_append(&objects->all, &object->by_version);
    news(objects);
}

void object_touch(Objects *objects, Object *object) {
    object->version = ++objects->version;
    list_remove(&object->by_version);
    list_append(&objects->all, &object->by_version);
    news(objects);
}

/* Who is behind this one has to begin anew. */
static void bury(Objects *objects, Tombstone *tomb) {
    if (!tomb->json)
        return;
    objects->oldest = tomb->version;
    objects->tomb_bytes -= tomb->json_size;
    tombstone_clear(tomb);
}

/* The oldest go, but for the newest, while all of them are too large: one object may be of
 * megabytes. */
static void bury_oldest(Objects *objects) {
    for (size_t i = 0; i + 1 < TOMBSTONES && objects->tomb_bytes > TOMBSTONE_BYTES; i++)
        bury(objects, &objects->tombs[(objects->tomb_next + i) % TOMBSTONES]);
}

void object_remove(Objects *objects, Object *object) {
    object_touch(objects, object);
    Tombstone *tomb = &objects->tombs[objects->tomb_next];
    bury(objects, tomb);
    size_t size;
    const char *json = object_brief(object, &size);
    *tomb = (Tombstone){
        .kind = object->kind,
        .version = object->version,
        .added = object->added,
        .space = object->space ? xstrdup(object->space) : NULL,
        .name = xstrdup(object->name),
        .json = xstrndup(json, size),
        .json_size = size,
    };
    objects->tomb_bytes += size;
    objects->tomb_next = (objects->tomb_next + 1) % TOMBSTONES;
    bury_oldest(objects);
    list_remove(&object->by_version);
    take_out(objects, object);
    object_deinit(object);
}

uint64_t objects_version(const Objects *objects) {
    return objects->version;
}
uint64_t objects_oldest(const Objects *objects) {
    return objects->oldest;
}

Object *object_newer(Objects *objects, uint64_t version) {
    Object *found = NULL;
    for (List *at = objects->all.prev; at != &objects->all; at = at->prev) {
        Object *object = container_of(at, Object, by_version);
        if (object->version <= version)
            break;
        found = object;
    }
    return found;
}

Object *object_after(Objects *objects, Object *object) {
    List *next = object->by_version.next;
    return next == &objects->all ? NULL : container_of(next, Object, by_version);
}

const Tombstone *tombstone_newer(Objects *objects, uint64_t version) {
    const Tombstone *found = NULL;
    for (size_t i = 0; i < TOMBSTONES; i++) {
        const Tombstone *tomb =
            &objects->tombs[(objects->tomb_next + TOMBSTONES - 1 - i) % TOMBSTONES];
        if (!tomb->json || tomb->version <= version)
            break;
        found = tomb;
    }
    return found;
}

/* ---- rendering ---- */

static void write_labels(const StrMap *labels, JsonWriter *out) {
    if (!labels || !labels->n)
        return;
    json_kv_object(out, "labels");
    for (size_t i = 0; i < labels->n; i++)
        json_kv_string(out, labels->at[i].name, labels->at[i].value);
    json_object_end(out);
}

static void write_meta(const Object *object, JsonWriter *out) {
    char time[TIME_TEXT];
    json_kv_object(out, "metadata");
    json_kv_string(out, "name", object->name);
    if (object->space)
        json_kv_string(out, "namespace", object->space);
    json_kv_string(out, "uid", object->uid);
    json_key(out, "resourceVersion");
    json_stringf(out, "%llu", (unsigned long long)object->version);
    json_kv_int(out, "generation", (int64_t)object->generation);
    time_format_seconds(object->created_us, time);
    json_kv_string(out, "creationTimestamp", time);
    if (object->deleted_us) {
        time_format_seconds(object->deleted_us, time);
        json_kv_string(out, "deletionTimestamp", time);
    }
    write_labels(object->labels, out);
    json_object_end(out);
}

static const char *render(Object *object, ObjectEncodeFn encode, struct ObjectText *text,
                          size_t *ret_size) {
    if (!text->json || text->version != object->version) {
        Buf buf;
        JsonWriter out;
        buf_init(&buf, MAX_OBJECT_BYTES);
        json_writer_init(&out, &buf);
        json_object_begin(&out);
        json_key(&out, "apiVersion");
        json_stringf(&out, "%s/" API_VERSION, object_group(object->kind));
        json_kv_string(&out, "kind", object_kind_name(object->kind));
        write_meta(object, &out);
        encode(object, &out);
        json_object_end(&out);
        free(text->json);
        *text = (struct ObjectText){.size = buf.n, .version = object->version};
        text->json = buf_take(&buf);
    }
    *ret_size = text->size;
    return text->json;
}

const char *object_json(Object *object, size_t *ret_size) {
    return render(object, object->encode, &object->whole, ret_size);
}

const char *object_brief(Object *object, size_t *ret_size) {
    return object->encode_brief ? render(object, object->encode_brief, &object->brief, ret_size)
                                : object_json(object, ret_size);
}

static void text_drop(struct ObjectText *text) {
    free(text->json);
    *text = (struct ObjectText){0};
}

void object_forget_json(Object *object) {
    text_drop(&object->whole);
}

void object_deinit(Object *object) {
    text_drop(&object->whole);
    text_drop(&object->brief);
}
