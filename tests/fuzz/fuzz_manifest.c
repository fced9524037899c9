/* SPDX-License-Identifier: Apache-2.0 */
#include "fuzz/fuzz.h"

#include <string.h>

#include "base/limits.h"
#include "spec/manifest.h"

static bool leaves(const char *path) {
    if (*path == '/' || !*path)
        return true;
    for (const char *part = path; *part; part += strcspn(part, "/"), part += *part == '/')
        if (strncmp(part, "..", 2) == 0 && (part[2] == '/' || !part[2]))
            return true;
    return path[strlen(path) - 1] == '/';
}

/* No env file is outside of the worktree, and none there twice. */
static void check_files(const Manifest *manifest, Arena *arena) {
    ManifestFiles files;
    Err err = {.kind = ERR_NONE};
    if (manifest_files(manifest, arena, &files, &err) < 0) {
        if (!err.msg[0])
            __builtin_trap();
        return;
    }
    for (size_t i = 0; i < files.n; i++)
        if (leaves(files.at[i].path) ||
            (i > 0 && strcmp(files.at[i - 1].path, files.at[i].path) >= 0))
            __builtin_trap();
}

/* A manifest that is taken is written as one that is taken, and says the same then. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    Arena arena;
    Manifest manifest;
    Buf out[2];
    Err err = {.kind = ERR_NONE};
    arena_init(&arena);
    for (size_t i = 0; i < 2; i++)
        buf_init(&out[i], MAX_JSON_BYTES);
    if (manifest_decode((const char *)data, size, &arena, &manifest, &err) < 0) {
        if (!err.msg[0])
            __builtin_trap(); /* refused without saying why */
    } else {
        check_files(&manifest, &arena);
        for (size_t i = 0; i < 2; i++) {
            manifest_encode(&manifest, &out[i]);
            if (manifest_decode(buf_cstr(&out[i]), out[i].n, &arena, &manifest, &err) < 0)
                __builtin_trap();
        }
        if (strcmp(buf_cstr(&out[0]), buf_cstr(&out[1])) != 0)
            __builtin_trap();
    }
    for (size_t i = 0; i < 2; i++)
        buf_deinit(&out[i]);
    arena_deinit(&arena);
    return 0;
}
