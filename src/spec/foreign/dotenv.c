/* SPDX-License-Identifier: Apache-2.0 */
#include "spec/foreign/dotenv.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/path.h"
#include "spec/env_file.h"

const char *dotenv_dir(const char *file, Arena *arena) {
    const char *slash = strrchr(file, '/');
    if (!slash)
        return ".";
    return slash == file ? "/" : arena_strndup(arena, file, (size_t)(slash - file));
}

int dotenv_read(const Source *source, const char *dir, const char *name, StrMap *ret) {
    Err err;
    size_t size;
    AUTO_FREE char *joined = path_join(dir, name);
    const char *path = arena_strdup(source->arena, joined);
    *ret = (StrMap){0};
    source_note(source, path);
    if (access(path, F_OK) < 0)
        return 0;
    AUTO_FREE char *text = source_read(source, path, &size, &err);
    if (!text) {
        Place place = {.file = path};
        report_add(source->report, &place, NULL, "%s", err.msg);
        return -1;
    }
    return env_file_parse_expanded(&(EnvText){path, text, size}, source->arena, source->report,
                                   ret);
}
