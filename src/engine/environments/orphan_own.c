/* SPDX-License-Identifier: Apache-2.0 */
/* What we have written into a worktree ourselves, as its manifest says: it is no loss. */
#include <string.h>

#include "base/file.h"
#include "base/limits.h"
#include "base/path.h"
#include "base/xalloc.h"
#include "engine/compute/compute_inside.h"
#include "engine/environments/orphan_search.h"
#include "spec/env_text.h"
#include "spec/manifest.h"

/* Only what begins as such a file does. */
static bool is_ours(const char *root, const char *relative) {
    AUTO_FREE char *path = path_join(root, relative), *text = NULL;
    return file_read(path, MAX_STATE_BYTES, &text, NULL, NULL) == 0 && env_text_generated(text);
}

static bool read_manifest(const char *path, Arena *arena, ManifestFiles *ret) {
    AUTO_FREE char *text = NULL;
    Manifest manifest;
    size_t size;
    Err err;
    return file_read(path, MAX_STATE_BYTES, &text, &size, &err) == 0 &&
           manifest_decode(text, size, arena, &manifest, &err) == 0 &&
           manifest_files(&manifest, arena, ret, &err) == 0;
}

StrList orphan_own_files(const ComputeAsk *ask, Arena *arena) {
    static const char *const names[] = {MANIFEST_THOLE, MANIFEST_PREVIEWCTL};
    StrList own = {0};
    ComputeLook look;
    Err err;
    if (compute_look(&compute_local, ask, arena, &look, &err) < 0 || !look.root)
        return own;
    for (size_t i = 0; i < COUNT(names); i++) {
        AUTO_FREE char *path = path_join(look.root, names[i]);
        ManifestFiles files;
        if (!read_manifest(path, arena, &files))
            continue;
        own.at = arena_alloc(arena, (files.n + 2) * sizeof(*own.at));
        own.n = 0;
        own.at[own.n++] = names[i];
        for (size_t k = 0; k < files.n; k++)
            if (is_ours(look.root, files.at[k].path))
                own.at[own.n++] = files.at[k].path;
        return compute_own(ask->path, look.root, &own, arena);
    }
    return own;
}
