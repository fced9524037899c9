/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/compute/worktree_kept.h"

#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "engine/compute/git_tree.h"

/* NULL: it is the main worktree, or none. */
static const char *note_of(const char *path, Arena *arena) {
    GitTree tree;
    Err err;
    if (git_tree_of(path, arena, &tree, &err) < 0 || strcmp(tree.dir, tree.common) == 0)
        return NULL;
    return arena_printf(arena, "%s/thole-kept", tree.dir);
}

int worktree_keep(const char *path, Arena *arena, Err *err) {
    static const char text[] = "kept by `thole env delete --keep-worktree`\n";
    const char *note = note_of(path, arena);
    return note ? file_write(note, text, sizeof(text) - 1, 0644, err) : 0;
}

bool worktree_is_kept(const char *path, Arena *arena) {
    const char *note = note_of(path, arena);
    return note && access(note, F_OK) == 0;
}
