/* SPDX-License-Identifier: Apache-2.0 */

#include "engine/files/inputs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/path.h"
#include "base/str.h"
#include "base/vec.h"
#include "base/xalloc.h"
#include "data/json.h"
#include "engine/files/file_mark.h"
#include "engine/files/file_walk.h"
#include "spec/digest.h"

enum { INPUTS_FORMAT = 1 };

typedef struct Input {
    char *path;
    bool executable;
} Input;

struct InputsLook {
    /* the ask, copied */
    Arena arena;
    char *root, *record;
    StrList inputs, outputs;
    uint8_t definition[DIGEST_BYTES];
    InputsFn fn; /* NULL: nobody is interested any more */
    void *arg;
    Deferred *deferred; /* the worker has it not */
    /* the look */
    GlobSet *globs;
    GlobSet **made; /* one for each of `outputs` */
    bool *there;    /* parallel */
    VEC(Input) files;
    InputsSeen seen;
};

/* ---- the record ---- */

bool inputs_read(const char *path, InputsRecord *ret) {
    AUTO_FREE char *text = NULL;
    Arena arena;
    const Value *v;
    size_t size;
    arena_init(&arena);
    bool good = file_read(path, MAX_RECORD_BYTES, &text, &size, NULL) == 0 &&
                json_parse(text, size, &arena, &v, NULL) == 0 &&
                value_check_format(v, INPUTS_FORMAT, NULL) == 0 && value_get_str(v, "digest");
    if (good) {
        *ret = (InputsRecord){.run = (uint32_t)value_get_int(v, "run", 0),
                              .good = value_get_bool(v, "good", false),
                              .ended_us = value_get_int(v, "ended_us", 0)};
        str_copy(ret->digest, sizeof(ret->digest), value_get_str(v, "digest"));
    }
    arena_deinit(&arena);
    return good;
}

static int write_record(const char *path, const Buf *buf, Err *err) {
    AUTO_FREE char *dir = path_dir(path);
    if (path_mkdirs(dir, 0700, err) < 0)
        return -1;
    return file_write_atomic(path, buf_cstr(buf), buf->n, 0600, false, err);
}

void inputs_write(const char *path, const InputsRecord *record) {
    Buf buf;
    JsonWriter out;
    Err err;
    buf_init(&buf, MAX_RECORD_BYTES);
    json_writer_init(&out, &buf);
    json_object_begin(&out);
    json_kv_int(&out, "format", INPUTS_FORMAT);
    json_kv_int(&out, "run", record->run);
    json_kv_string(&out, "digest", record->digest);
    json_kv_bool(&out, "good", record->good);
    json_kv_int(&out, "ended_us", record->ended_us);
    json_object_end(&out);
    if (write_record(path, &buf, &err) < 0) {
        log_warn("%s", err.msg);
        unlink(path);
    }
    buf_deinit(&buf);
}

/* ---- the look, on the thread ---- */

static bool fail(InputsLook *look, const char *what, const char *why) {
    snprintf(look->seen.why, sizeof(look->seen.why), "%s %s", what, why);
    look->seen.digest[0] = '\0';
    return false;
}

static void on_input(void *arg, const WalkDir *dir, const char *path, const struct stat *st) {
    InputsLook *look = arg;
    Input input = {xstrdup(path), st->st_mode & 0100};
    VEC_PUSH(look->files, input);
}

static void on_output(void *arg, const WalkDir *dir, const char *path, const struct stat *st) {
    InputsLook *look = arg;
    for (size_t i = 0; i < look->outputs.n; i++)
        look->there[i] |= glob_set_match(look->made[i], path);
}

static int by_path(const void *a, const void *b) {
    return strcmp(((const Input *)a)->path, ((const Input *)b)->path);
}

static bool find_inputs(InputsLook *look) {
    Err err;
    look->globs = glob_set_new(look->inputs.at, look->inputs.n, &err);
    if (!look->globs)
        return fail(look, "its inputs:", err.msg);
    WalkSet set = {.globs = look->globs};
    Walk walk = {.root = look->root, .sets = &set, .n = 1, .on_file = on_input, .arg = look};
    if (file_walk(&walk, &err) < 0)
        return fail(look, "its inputs:", err.msg);
    if (look->files.n)
        qsort(look->files.at, look->files.n, sizeof(*look->files.at), by_path);
    return true;
}

static bool add_file(InputsLook *look, Digest *digest, const Input *input) {
    uint8_t content[DIGEST_BYTES];
    AUTO_FREE char *full = path_join(look->root, input->path);
    Err err;
    if (file_content(full, content, &err) < 0)
        return fail(look, "its inputs:", err.msg);
    digest_add_text(digest, input->path);
    digest_add(digest, input->executable ? "x" : "-", 1);
    digest_add(digest, content, sizeof(content));
    return true;
}

static bool take_digest(InputsLook *look) {
    uint8_t whole[DIGEST_BYTES];
    Digest *digest = digest_new();
    bool good = true;
    digest_add(digest, look->definition, sizeof(look->definition));
    for (size_t i = 0; good && i < look->files.n; i++)
        good = add_file(look, digest, &look->files.at[i]);
    digest_take(digest, whole);
    digest_free(digest);
    if (good)
        str_hex(look->seen.digest, whole, sizeof(whole));
    return good;
}

/* Every output is there; .gitignore does not count, outputs are mostly ignored. */
static bool find_outputs(InputsLook *look) {
    size_t n = look->outputs.n;
    WalkSet *sets = arena_alloc(&look->arena, (n + 1) * sizeof(*sets));
    look->made = arena_alloc(&look->arena, (n + 1) * sizeof(GlobSet *));
    look->there = arena_alloc(&look->arena, n + 1);
    for (size_t i = 0; i < n; i++) {
        Err err;
        look->made[i] = glob_set_new(&look->outputs.at[i], 1, &err);
        sets[i] = (WalkSet){.globs = look->made[i], .all = true};
        if (!look->made[i])
            return false;
    }
    Walk walk = {.root = look->root, .sets = sets, .n = n, .on_file = on_output, .arg = look};
    Err err;
    return file_walk(&walk, &err) == 0;
}

static bool outputs_there(InputsLook *look) {
    bool good = find_outputs(look);
    for (size_t i = 0; good && i < look->outputs.n; i++) {
        /* "!x" takes away from nothing */
        if (!look->there[i] && look->outputs.at[i][0] != '!') {
            snprintf(look->seen.why, sizeof(look->seen.why), "its output %s is missing",
                     look->outputs.at[i]);
            return false;
        }
    }
    return good;
}

static void compare(InputsLook *look) {
    InputsRecord record;
    InputsSeen *seen = &look->seen;
    if (!inputs_read(look->record, &record) || !record.good) {
        snprintf(seen->why, sizeof(seen->why), "there is no good run to compare with");
    } else if (strcmp(record.digest, seen->digest) != 0) {
        snprintf(seen->why, sizeof(seen->why), "its inputs have changed since run %u", record.run);
    } else if (outputs_there(look)) {
        seen->fresh = true;
        seen->run = record.run;
        seen->ended_us = record.ended_us;
    }
}

static void work(void *arg) {
    InputsLook *look = arg;
    if (find_inputs(look) && take_digest(look))
        compare(look);
}

/* ---- the loop's side ---- */

static void look_free(InputsLook *look) {
    for (size_t i = 0; i < look->files.n; i++)
        free(look->files.at[i].path);
    for (size_t i = 0; look->made && i < look->outputs.n; i++)
        glob_set_free(look->made[i]);
    VEC_FREE(look->files);
    glob_set_free(look->globs);
    arena_deinit(&look->arena);
    free(look);
}

static void done(void *arg) {
    InputsLook *look = arg;
    look->deferred = NULL;
    if (look->fn)
        look->fn(look->arg, &look->seen);
    look_free(look);
}

static void work_and_done(void *arg) {
    work(arg);
    done(arg);
}

static StrList copy_list(const StrList *list, Arena *arena) {
    StrList copy = {.at = arena_alloc(arena, (list->n + 1) * sizeof(*copy.at)), .n = list->n};
    for (size_t i = 0; i < list->n; i++)
        copy.at[i] = arena_strdup(arena, list->at[i]);
    return copy;
}

InputsLook *inputs_look_new(Loop *loop, Worker *worker, const InputsAsk *ask, InputsFn fn,
                            void *arg) {
    InputsLook *look = xcalloc(1, sizeof(*look));
    Arena *arena = &look->arena;
    Err err;
    arena_init(arena);
    look->root = arena_strdup(arena, ask->root);
    look->record = arena_strdup(arena, ask->record);
    look->inputs = copy_list(ask->inputs, arena);
    look->outputs = copy_list(ask->outputs, arena);
    memcpy(look->definition, ask->definition, sizeof(look->definition));
    look->fn = fn;
    look->arg = arg;
    if (!worker) {
        look->deferred = loop_defer(loop, work_and_done, look);
    } else if (worker_run(worker, work, done, look, &err) < 0) {
        fail(look, "its inputs cannot be looked at:", err.msg);
        look->deferred = loop_defer(loop, done, look);
    }
    return look;
}

InputsLook *inputs_look_free(InputsLook *look) {
    if (!look)
        return NULL;
    look->fn = NULL;
    if (look->deferred) {
        deferred_free(look->deferred);
        look_free(look);
    }
    return NULL;
}
