/* SPDX-License-Identifier: Apache-2.0 */
/* The objects that the API serves, and the news about them.
 *
 * Every object has a version, drawn from one counter that starts at the wall-clock microseconds of
 * the server's start, so a version of an earlier server is always older than all of ours (a watch
 * from it gets 410). Watching is level-triggered: whoever touches an object bumps its version; once
 * per loop turn each watcher is told "something changed" and asks for what is newer than it has
 * seen. A slow watcher skips versions and holds nobody up. */
#pragma once

#include "base/list.h"
#include "data/json.h"
#include "data/schema.h"
#include "loop/loop.h"

typedef enum ObjectKind {
    OBJECT_SESSION,
    OBJECT_TARGET,
    OBJECT_WORKFLOW,
    OBJECT_ENVIRONMENT,
    OBJECT_KINDS
} ObjectKind;

typedef struct Objects Objects;
typedef struct Object Object;

/* Writes the members `spec` and `status` (and what else the kind has beside `metadata`) into the
 * open JSON object. Changes nothing that it shows. */
typedef void (*ObjectEncodeFn)(Object *object, JsonWriter *out);

/* Embedded in what it shows. The strings are the owner's and live as long as the object. */
struct Object {
    ObjectKind kind;
    const char *space; /* namespace; NULL: cluster-scoped */
    const char *name;  /* legal DNS name */
    char uid[37];
    uint64_t version;
    uint64_t added;      /* version at which it appeared: a watcher who is older has not seen it */
    uint64_t generation; /* of the spec */
    int64_t created_us;
    int64_t deleted_us;   /* asked to go (deletionTimestamp); 0: no */
    const StrMap *labels; /* may be NULL */
    ObjectEncodeFn encode;
    ObjectEncodeFn encode_brief; /* likewise, but nothing that may be long; NULL: nothing is */
    List by_version;             /* Objects.all */
    struct ObjectText {
        char *json; /* rendered for `version`, shared by all who ask */
        size_t size;
        uint64_t version;
    } whole, brief;
};

/* What is left of an object that is gone, for watchers. Its version is that of its end. */
typedef struct Tombstone {
    ObjectKind kind;
    uint64_t version, added;
    char *space, *name;
    char *json; /* as it was last, in brief, with the new version */
    size_t json_size;
} Tombstone;

Objects *objects_new(Loop *loop);
/* Before there is any: versions begin at this or a later one. */
void objects_begin_at(Objects *objects, uint64_t version);
Objects *objects_free(Objects *objects);

/* Draws a version, tells watchers. `uid` empty: one is drawn. */
void object_add(Objects *objects, Object *object);
void object_touch(Objects *objects, Object *object);
void object_remove(Objects *objects, Object *object); /* leaves a tombstone */

uint64_t objects_version(const Objects *objects); /* newest */
/* Watching from before this is Gone: tombstones were dropped, or another server's. */
uint64_t objects_oldest(const Objects *objects);

Object *object_find(Objects *objects, ObjectKind kind, const char *space, const char *name);
/* In order of (space, name); `space` NULL: all. NULL after the last. */
Object *object_next(Objects *objects, ObjectKind kind, const char *space, Object *after);
/* The oldest one newer than `version`; NULL: none. Cost: what is newer. Then each next one by
 * object_after. */
Object *object_newer(Objects *objects, uint64_t version);
Object *object_after(Objects *objects, Object *object);
/* Likewise the oldest tombstone newer than `version`. */
const Tombstone *tombstone_newer(Objects *objects, uint64_t version);

/* The whole object as JSON (one line); kept until it changes. */
const char *object_json(Object *object, size_t *ret_size);
/* Likewise, but nothing that may be long: what rows of Tables are made of. */
const char *object_brief(Object *object, size_t *ret_size);
void object_forget_json(Object *object);       /* it may be large; it is rendered again */
void object_deinit(Object *object);            /* what was rendered */
const char *object_kind_name(ObjectKind kind); /* "Session" */
const char *object_plural(ObjectKind kind);    /* "sessions" */
const char *object_group(ObjectKind kind);     /* "tilt.dev" */

/* ---- Watchers ---- */
typedef struct Watcher {
    List link; /* Objects.watchers */
    LoopFn fn; /* at the end of a turn in which any object changed */
    void *arg;
} Watcher;
void watcher_add(Objects *objects, Watcher *watcher);
void watcher_remove(Watcher *watcher);
/* Calls them although no version is new: much of what was shown has been let go. */
void objects_tell(Objects *objects);
