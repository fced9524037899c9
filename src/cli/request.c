/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/request.h"

#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/map.h"
#include "base/utf8.h"
#include "base/xalloc.h"
#include "spec/routes.h"

/* The first of several variables of one name counts, as for getenv. JSON holds UTF-8 alone: other
 * values are written as {"base64": …}, and variables whose very name is none in `envBytes`. */
static void write_variable(JsonWriter *out, const char *name, const char *value) {
    size_t n = strlen(value);
    if (utf8_valid(value, n)) {
        json_kv_string(out, name, value);
        return;
    }
    json_kv_object(out, name);
    json_key(out, "base64");
    json_base64(out, value, n);
    json_object_end(out);
}

static void write_env(JsonWriter *out) {
    Map seen;
    map_init(&seen);
    json_kv_object(out, "env");
    for (char **at = environ; *at; at++) {
        const char *equals = strchr(*at, '=');
        if (!equals || equals == *at || !utf8_valid(*at, (size_t)(equals - *at)))
            continue;
        AUTO_FREE char *name = xstrndup(*at, (size_t)(equals - *at));
        if (!map_put(&seen, name, *at))
            write_variable(out, name, equals + 1);
    }
    json_object_end(out);
    map_deinit(&seen);
}

static void write_env_bytes(JsonWriter *out) {
    bool any = false;
    for (char **at = environ; *at; at++) {
        const char *equals = strchr(*at, '=');
        if (!equals || equals == *at || utf8_valid(*at, (size_t)(equals - *at)))
            continue;
        if (!any)
            json_kv_array(out, "envBytes");
        any = true;
        json_base64(out, *at, strlen(*at));
    }
    if (any)
        json_array_end(out);
}

static void write_limits(JsonWriter *out) {
    json_kv_array(out, "limits");
    for (int resource = 0; resource < RLIM_NLIMITS; resource++) {
        struct rlimit limit;
        if (getrlimit((__rlimit_resource_t)resource, &limit) < 0)
            continue;
        json_object_begin(out);
        json_kv_int(out, "resource", resource);
        json_kv_int(out, "soft", (int64_t)limit.rlim_cur); /* -1: no limit */
        json_kv_int(out, "hard", (int64_t)limit.rlim_max);
        json_object_end(out);
    }
    json_array_end(out);
}

void request_client(JsonWriter *out) {
    mode_t mask = umask(0);
    umask(mask);
    json_kv_object(out, "client");
    write_env(out);
    write_env_bytes(out);
    json_kv_int(out, "umask", mask);
    json_kv_int(out, "nice", getpriority(PRIO_PROCESS, 0));
    write_limits(out);
    json_object_end(out);
}

static int write_choice(const Cli *cli, const TextList *labels, JsonWriter *out, Err *err) {
    json_kv_array(out, "names");
    for (size_t i = 0; i < cli->names.n; i++)
        json_string(out, cli->names.at[i]);
    json_array_end(out);
    json_kv_object(out, "labels");
    for (size_t i = 0; i < labels->n; i++) {
        size_t n = strcspn(labels->at[i], "=");
        if (n == 0)
            return err_set(err, ERR_INVALID, "-l takes KEY or KEY=VALUE, not \"%.60s\"",
                           labels->at[i]);
        AUTO_FREE char *key = xstrndup(labels->at[i], n);
        json_key(out, key);
        if (labels->at[i][n])
            json_string(out, labels->at[i] + n + 1);
        else
            json_null(out); /* whatever its value */
    }
    json_object_end(out);
    return 0;
}

static void write_duration(JsonWriter *out, const char *key, int64_t ms) {
    char text[DURATION_TEXT];
    if (ms < 0)
        return;
    duration_format_go(ms, text);
    json_kv_string(out, key, text);
}

static void write_spec(const Cli *cli, const UpAsk *ask, JsonWriter *out) {
    json_kv_string(out, "apiVersion", TILT_API_VERSION);
    json_kv_string(out, "kind", "Session");
    json_kv_object(out, "spec");
    json_kv_string(out, "tiltfilePath", cli->config_file);
    json_kv_string(out, "exitCondition", ask->ci ? "ci" : "manual");
    json_kv_object(out, "ci");
    write_duration(out, "timeout", ask->timeout_ms);
    write_duration(out, "readinessTimeout", ask->readiness_timeout_ms);
    json_object_end(out);
    json_object_end(out);
}

char *request_up(const Cli *cli, const UpAsk *ask, bool start, Err *err) {
    Buf buf;
    JsonWriter out;
    buf_init(&buf, MAX_REQUEST_BYTES);
    json_writer_init(&out, &buf);
    json_object_begin(&out);
    if (!start) {
        write_spec(cli, ask, &out);
        json_kv_object(&out, "start");
        if (cli->session)
            json_kv_string(&out, "session", cli->session);
        if (ask->uid[0])
            json_kv_string(&out, "uid", ask->uid);
        json_kv_bool(&out, "hold", ask->hold);
    }
    if (ask->force)
        json_kv_bool(&out, "force", true);
    int r = write_choice(cli, &ask->labels, &out, err);
    if (ask->with_client)
        request_client(&out);
    if (!start)
        json_object_end(&out);
    json_object_end(&out);
    if (r == 0 && buf.failed)
        r = err_set(err, ERR_LIMIT, "the environment is too large to be sent (%d bytes at most)",
                    MAX_REQUEST_BYTES);
    char *text = r == 0 ? buf_take(&buf) : NULL;
    buf_deinit(&buf);
    return text;
}
