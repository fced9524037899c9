/* SPDX-License-Identifier: Apache-2.0 */
/* The second half alone (`env run`): all that is known of the environment stands in its manifest,
 * and what was done in MANIFEST_STEPS beside it. Neither a store nor a lease has a part in it. */
#include "base/file.h"
#include "base/limits.h"
#include "base/path.h"
#include "base/str.h"
#include "engine/operations/operation.h"
#include "spec/config_modes.h"
#include "spec/digest.h"

/* ---- the manifest ---- */

typedef struct ManifestRead {
    Manifest manifest;
    const char *digest;
} ManifestRead;

static int read_manifest(const char *path, Arena *arena, ManifestRead *ret, Err *err) {
    AUTO_FREE char *text = NULL;
    size_t size;
    Digest *digest;
    if (file_read(path, MAX_STATE_BYTES, &text, &size, err) < 0)
        return -1;
    if (manifest_decode(text, size, arena, &ret->manifest, err) < 0)
        return err_in(err, "%s", path);
    digest = digest_new();
    digest_add(digest, text, size);
    ret->digest = digest_end(digest, arena);
    return 0;
}

int manifest_run_ask(const OperationAsk *ask, Arena *arena, OperationAsk *ret, Err *err) {
    ManifestRead read;
    *ret = *ask;
    if (read_manifest(ask->manifest, arena, &read, err) < 0)
        return -1;
    ret->name = read.manifest.env_name;
    ret->mode = read.manifest.mode;
    ret->file = config_of_manifest(ask->manifest, arena, err);
    return ret->file ? 0 : -1;
}

int operation_read_manifest(Operation *operation, Err *err) {
    ManifestRead *read = arena_alloc(&operation->arena, sizeof(*read));
    if (read_manifest(operation->ask.manifest, &operation->arena, read, err) < 0)
        return -1;
    operation->manifest = &read->manifest;
    operation->manifest_digest = read->digest;
    return 0;
}

/* ---- the entry that follows from it ---- */

static const char *steps_file(const Operation *operation, Arena *arena) {
    AUTO_FREE char *dir = path_dir(operation->ask.manifest);
    return arena_printf(arena, "%s/" MANIFEST_STEPS, dir);
}

/* The first half is done: what is made from it is made from the manifest as it is. */
static void add_first_half(const Operation *operation, Arena *arena, EnvironmentEntry *entry) {
    static const char *const names[] = {"allocate_ports", "build_manifest", "write_manifest"};
    for (size_t i = 0; i < COUNT(names); i++)
        entry_set_checkpoint(entry,
                             &(Checkpoint){.name = names[i],
                                           .status = CHECKPOINT_COMPLETED,
                                           .inputs = operation->manifest_digest},
                             arena);
}

/* What is of no environment has no name, but a record has one. */
static const char *name_in_file(const EnvironmentEntry *entry) {
    return *entry->name ? entry->name : "shared";
}

int steps_file_read(const char *path, Arena *arena, EnvironmentEntry *entry, Err *err) {
    AUTO_FREE char *text = NULL;
    EnvironmentEntry kept;
    const Value *v;
    Report report;
    size_t size;
    report_init(&report, arena);
    if (file_read(path, MAX_STATE_BYTES, &text, &size, err) < 0)
        return err->kind == ERR_NOT_FOUND ? 0 : -1;
    if (json_parse(text, size, arena, &v, err) < 0 ||
        entry_decode(v, name_in_file(entry), arena, &report, &kept) < 0)
        return err_set(err, ERR_INVALID,
                       "%s cannot be read; without it all steps are done again: remove it", path);
    if (str_same(kept.name, name_in_file(entry)))
        entry->steps = kept.steps;
    return 0;
}

int steps_file_write(const char *path, const EnvironmentEntry *entry, Err *err) {
    EnvironmentEntry kept = {.name = name_in_file(entry),
                             .mode = entry->mode,
                             .branch = entry->branch,
                             .status = entry->status,
                             .steps = entry->steps};
    Buf buf;
    JsonWriter out;
    buf_init(&buf, MAX_STATE_BYTES);
    json_writer_init(&out, &buf);
    out.pretty = true;
    entry_encode(&kept, ENTRY_STORED, &out);
    buf_putc(&buf, '\n');
    int r = file_write_buf(path, &buf, 0600, err);
    buf_deinit(&buf);
    return r;
}

static int open_entry(Operation *operation, Arena *arena, Opening *ret, Err *err) {
    const Manifest *manifest = operation->manifest;
    const char *root = operation->config->root;
    ComputeAccess *compute = arena_alloc(arena, sizeof(*compute));
    *compute = (ComputeAccess){.type = "local", .path = root, .root = root};
    EnvironmentEntry entry = {.name = manifest->env_name,
                              .mode = operation->ask.mode,
                              .branch = manifest->branch,
                              .status = ENVIRONMENT_PROVISIONED,
                              .ports = manifest->ports,
                              .outputs = manifest->outputs,
                              .enabled_services = manifest->enabled_services,
                              .compute = compute};
    if (steps_file_read(steps_file(operation, arena), arena, &entry, err) < 0)
        return -1;
    add_first_half(operation, arena, &entry);
    ret->lease.token = 1; /* nobody else has it: one operation at a time is ours */
    ret->found = true;
    ret->stored = (StoredEnvironment){.entry = entry, .version = 1};
    return 0;
}

static int write_entry(Operation *operation, const EnvironmentWrite *write, int64_t *ret_version,
                       Err *err) {
    Arena arena;
    arena_init(&arena);
    int r = steps_file_write(steps_file(operation, &arena), &operation->entry, err);
    arena_deinit(&arena);
    *ret_version = operation->version + 1;
    return r;
}

const EntryKeeper kept_beside_manifest = {.open = open_entry, .write = write_entry};
