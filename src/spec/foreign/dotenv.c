/* SPDX-License-Identifier: Apache-2.0 */
#include "spec/foreign/dotenv.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/path.h"
#include "base/str.h"
#include "spec/env_file.h"

const char *dotenv_dir(const char *file, Arena *arena) {
    AUTO_FREE char *dir = path_dir(file);
    return arena_strdup(arena, dir);
}

static int check_kept(const Source *source, const EnvText *file, const StrMap *theirs) {
    StrMap ours;
    Place place = {.file = file->file};
    if (env_file_parse(file, source->arena, source->report, &ours) < 0)
        return -1;
    for (size_t i = 0; i < ours.n; i++)
        if (!str_same(strmap_get(theirs, ours.at[i].name), ours.at[i].value))
            report_warn(source->report, &place, "write the value itself",
                        "in a thole.yaml %s is as it is written, `$` and `\\` are nothing special",
                        ours.at[i].name);
    return 0;
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
    const EnvText file = {path, text, size};
    if (env_file_parse_expanded(&file, source->arena, source->report, ret) < 0)
        return -1;
    return source->keep ? check_kept(source, &file, ret) : 0;
}
