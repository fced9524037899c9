/* SPDX-License-Identifier: Apache-2.0 */
#include "spec/config_modes.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/path.h"
#include "base/str.h"
#include "base/xalloc.h"
#include "spec/manifest.h"

bool config_mode_named(const char *text, size_t n) {
    if (n == 0 || n > MODE_MAX || text[0] == '.' || text[0] == '-')
        return false;
    for (size_t i = 0; i < n; i++)
        if (!(text[i] >= 'a' && text[i] <= 'z') && !(text[i] >= 'A' && text[i] <= 'Z') &&
            !(text[i] >= '0' && text[i] <= '9') && !strchr("-_.", text[i]))
            return false;
    return true;
}

/* Bytes of "thole" of "/srv/thole.yaml" with what is before it. */
static size_t stem(const char *file) {
    size_t n = strlen(file);
    return str_ends(file, ".yaml") ? n - 5 : str_ends(file, ".yml") ? n - 4 : n;
}

const char *config_overlay_path(const char *file, const char *mode, Arena *arena) {
    return arena_printf(arena, "%.*s.%s.yaml", (int)stem(file), file, mode);
}

StrList config_modes(const char *file, Arena *arena) {
    struct dirent **entries;
    StrList modes = {0};
    AUTO_FREE char *dir = path_dir(file);
    const char *base = path_base(file);
    size_t n = stem(base);
    int found = scandir(dir, &entries, NULL, alphasort);
    if (found < 0)
        return modes;
    modes.at = arena_alloc(arena, ((size_t)found + 1) * sizeof(*modes.at));
    for (int i = 0; i < found; i++) {
        const char *name = entries[i]->d_name;
        size_t len = strlen(name);
        if (len > n + 6 && strncmp(name, base, n) == 0 && name[n] == '.' &&
            str_ends(name, ".yaml") && config_mode_named(name + n + 1, len - n - 6))
            modes.at[modes.n++] = arena_strndup(arena, name + n + 1, len - n - 6);
        free(entries[i]);
    }
    free(entries);
    return modes;
}

const char *config_of_manifest(const char *path, Arena *arena, Err *err) {
    static const char *const names[] = {"thole.yaml", "previewctl.yaml"};
    AUTO_FREE char *dir = path_dir(path);
    size_t first = strcmp(path_base(path), MANIFEST_PREVIEWCTL) == 0;
    for (size_t i = 0; i < COUNT(names); i++) {
        const char *file = arena_printf(arena, "%s/%s", dir, names[i ^ first]);
        if (access(file, F_OK) == 0)
            return file;
    }
    err_set(err, ERR_NOT_FOUND,
            "there is no thole.yaml and no previewctl.yaml in %s, beside the manifest", dir);
    return NULL;
}
