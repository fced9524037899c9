/* SPDX-License-Identifier: Apache-2.0 */
/* run: the second half of an environment's life, of which its manifest says all; and the stop of
 * what that has left running. */
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
        (void)!env_check_mode(cli, config, mode, NULL);
}

static char *body_of(const char *file, const EnvOptions *ask, bool stops, Err *err) {
    Buf buf;
    JsonWriter out;
    env_body_begin(&buf, &out);
    json_kv_string(&out, "manifest", file);
    if (ask->from)
        json_kv_string(&out, "from", ask->from);
    if (ask->no_cache)
        json_kv_bool(&out, "noCache", true);
    if (stops)
        json_kv_bool(&out, "stop", true);
    return env_body_end(&buf, &out, err);
}

static int operate(Cli *cli, const EnvOptions *ask, EnvRequest request, bool stops, Err *err) {
    AUTO_FREE char *file = find_manifest(ask->manifest, err);
    const Value *manifest = file ? read_manifest(cli, file, err) : NULL;
    request.name = manifest ? name_in(manifest, file, err) : NULL;
    if (!request.name)
        return -1;
    if (!stops)
        say_mode(cli, manifest, file);
    AUTO_FREE char *body = body_of(file, ask, stops, err);
    request.method = "POST";
    request.path = THOLE_API "/environmentruns";
    request.body = body;
    request.apart = true;
    return body ? env_operate(cli, &request, err) : -1;
}

int env_run(Cli *cli, const EnvOptions *ask, Err *err) {
    return operate(cli, ask, (EnvRequest){.verb = "run", .phases = "run", .sums_up = true}, false,
                   err);
}

int env_stop_run(Cli *cli, const EnvOptions *ask, Err *err) {
    return operate(cli, ask, (EnvRequest){.verb = "stop", .done = "stopped"}, true, err);
}
