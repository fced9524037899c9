/* SPDX-License-Identifier: Apache-2.0 */
/* run: the second half of an environment's life, of which its manifest says all. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/file.h"
#include "base/xalloc.h"
#include "cli/env_operate.h"
#include "spec/config_modes.h"

/* The one that is named, or the first of those that may lie here. Owned, absolute. */
static char *find_manifest(const char *given, Err *err) {
    static const char *const names[] = {".thole.json", ".previewctl.json"};
    for (size_t i = 0; !given && i < COUNT(names); i++)
        if (access(names[i], F_OK) == 0)
            given = names[i];
    if (!given) {
        err_set(
            err, ERR_NOT_FOUND,
            "there is no .thole.json and no .previewctl.json here; `thole env provision` writes "
            "one, --manifest names another");
        return NULL;
    }
    char *real = realpath(given, NULL);
    if (!real)
        err_sys(err, errno, "%s", given);
    return real;
}

/* NULL: err. In the arena of the call. */
static const Value *read_manifest(Cli *cli, const char *file, Err *err) {
    const Value *manifest;
    AUTO_FREE char *text = NULL;
    size_t size;
    if (file_read(file, MAX_STATE_BYTES, &text, &size, err) < 0)
        return NULL;
    if (json_parse(text, size, &cli->arena, &manifest, err) < 0) {
        err_in(err, "%s", file);
        return NULL;
    }
    return manifest;
}

/* What people call its environment; NULL: err. */
static const char *name_in(const Value *manifest, const char *file, Err *err) {
    const char *name = value_get_str(manifest, "env_name");
    if (!name)
        err_set(err, ERR_INVALID, "%s is no manifest: it has no env_name", file);
    return name;
}

/* What is wrong with either is told by the server. */
static void say_mode(Cli *cli, const Value *manifest, const char *file) {
    const char *mode = value_get_str(manifest, "mode");
    const char *config = config_of_manifest(file, &cli->arena, NULL);
    if (mode && config)
        env_say_bare_mode(cli, config, mode);
}

int env_run(Cli *cli, const EnvOptions *ask, Err *err) {
    Buf buf;
    JsonWriter out;
    AUTO_FREE char *file = find_manifest(ask->manifest, err);
    const Value *manifest = file ? read_manifest(cli, file, err) : NULL;
    const char *name = manifest ? name_in(manifest, file, err) : NULL;
    if (!name)
        return -1;
    say_mode(cli, manifest, file);
    env_body_begin(&buf, &out);
    json_kv_string(&out, "manifest", file);
    if (ask->from)
        json_kv_string(&out, "from", ask->from);
    if (ask->no_cache)
        json_kv_bool(&out, "noCache", true);
    AUTO_FREE char *body = env_body_end(&buf, &out, err);
    if (!body)
        return -1;
    return env_operate(cli,
                       &(EnvRequest){.method = "POST",
                                     .path = THOLE_API "/environmentruns",
                                     .body = body,
                                     .verb = "run",
                                     .name = name,
                                     .phases = "run",
                                     .apart = true,
                                     .sums_up = true},
                       err);
}
