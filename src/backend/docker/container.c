/* SPDX-License-Identifier: Apache-2.0 */
#include "backend/docker/container.h"

#include <ctype.h>
#include <inttypes.h>
#include <string.h>

#include "backend/script.h"
#include "base/base64.h"
#include "base/limits.h"
#include "base/str.h"
#include "data/json.h"
#include "spec/digest.h"

enum { HASH_DIGITS = 16, NAME_PART_MAX = 40 };

static bool is_set(const char *text) {
    return text && text[0];
}

/* ---- Its name ---- */

static void put_hash(const ContainerAsk *ask, Buf *out) {
    uint8_t bytes[DIGEST_BYTES];
    char run[16], hex[2 * DIGEST_BYTES + 1];
    snprintf(run, sizeof(run), "%" PRIu32, ask->id.run);
    Digest *digest = digest_new();
    digest_add_text(digest, ask->owner);
    digest_add_text(digest, ask->id.task);
    digest_add_text(digest, ask->id.step);
    digest_add_text(digest, run);
    digest_take(digest, bytes);
    digest_free(digest);
    str_hex(hex, bytes, HASH_DIGITS / 2);
    buf_puts(out, hex);
}

/* Letters, digits, '_' and '.'; all else is one '-'. */
static void put_part(const char *text, Buf *out) {
    bool gap = false;
    size_t n = 0;
    for (const char *at = text; *at && n < NAME_PART_MAX; at++) {
        bool legal = isalnum((unsigned char)*at) || *at == '_' || *at == '.';
        if (legal && gap && n > 0)
            buf_putc(out, '-');
        if (legal) {
            buf_putc(out, *at);
            n++;
        }
        gap = !legal;
    }
    if (n > 0)
        buf_putc(out, '-');
}

void container_name(const ContainerAsk *ask, char ret[CONTAINER_NAME_MAX]) {
    Buf name;
    buf_init(&name, 4 * CONTAINER_NAME_MAX);
    buf_puts(&name, "thole-");
    if (!str_same(ask->step->container_name_scheme, "hash")) {
        put_part(ask->id.task, &name);
        put_part(ask->step->name, &name);
    }
    put_hash(ask, &name);
    size_t over = name.n < CONTAINER_NAME_MAX ? 0 : name.n - CONTAINER_NAME_MAX + 1;
    str_copy(ret, CONTAINER_NAME_MAX, name.p + over); /* its hash is at the end */
    buf_deinit(&name);
}

/* ---- What it is ---- */

static void put_label(JsonWriter *w, const char *name, const char *value) {
    json_kv_string(w, name, value ? value : "");
}

static void put_labels(const ContainerAsk *ask, JsonWriter *w) {
    const StrMap *theirs = &ask->step->workflow_labels;
    json_kv_object(w, "Labels");
    for (size_t i = 0; i < theirs->n; i++)
        if (!str_starts(theirs->at[i].name, "thole.dev/")) /* ours are not theirs to set */
            put_label(w, theirs->at[i].name, theirs->at[i].value);
    put_label(w, LABEL_OWNER, ask->owner);
    put_label(w, LABEL_TASK, ask->id.task);
    put_label(w, LABEL_STEP, ask->id.step);
    put_label(w, LABEL_STEP_NAME, ask->step->name);
    json_key(w, LABEL_RUN);
    json_stringf(w, "%" PRIu32, ask->id.run);
    if (ask->step->org_id) {
        json_key(w, LABEL_ORG);
        json_stringf(w, "%" PRId64, ask->step->org_id);
    }
    json_object_end(w);
}

static void put_script(const Step *step, JsonWriter *w) {
    Buf line;
    buf_init(&line, SIZE_MAX / 2);
    buf_puts(&line, SCRIPT_VARIABLE "=");
    script_put_encoded(step, &line);
    json_stringn(w, line.p, line.n);
    json_string(w, "SHELL=" SCRIPT_SHELL);
    buf_deinit(&line);
}

static void put_environment(const Step *step, JsonWriter *w) {
    bool script = step->commands.n > 0;
    json_kv_array(w, "Env");
    for (size_t i = 0; i < step->environment.n; i++) {
        const StrPair *pair = &step->environment.at[i];
        bool ours =
            script && (!strcmp(pair->name, SCRIPT_VARIABLE) || !strcmp(pair->name, "SHELL"));
        if (pair->name[0] && !ours)
            json_stringf(w, "%s=%s", pair->name, pair->value);
    }
    if (script)
        put_script(step, w);
    json_array_end(w);
}

static void put_strings(const StrList *list, const char *key, JsonWriter *w) {
    if (list->n == 0)
        return;
    json_kv_array(w, key);
    for (size_t i = 0; i < list->n; i++)
        json_string(w, list->at[i]);
    json_array_end(w);
}

bool container_has_script(const Step *step) {
    return step->entrypoint.n == 0 && step->commands.n > 0;
}

static void put_entrypoint(const Step *step, JsonWriter *w) {
    if (!container_has_script(step)) {
        put_strings(&step->entrypoint, "Entrypoint", w);
    } else {
        json_kv_array(w, "Entrypoint");
        for (const char *const *word = script_entrypoint; *word; word++)
            json_string(w, *word);
        json_array_end(w);
    }
}

static void put_ports(const Step *step, JsonWriter *w) {
    if (step->ports.n == 0)
        return;
    json_kv_object(w, "ExposedPorts");
    for (size_t i = 0; i < step->ports.n; i++) {
        const StepPort *port = &step->ports.at[i];
        char key[64];
        snprintf(key, sizeof(key), "%" PRId64 "/%.20s", port->number,
                 is_set(port->protocol) ? port->protocol : "tcp");
        json_kv_object(w, key);
        json_object_end(w);
    }
    json_object_end(w);
}

/* ---- Volumes ---- */

static bool has_source(const char *volume) {
    return strchr(volume, ':') != NULL;
}

/* Given twice it would be refused. */
static bool is_among(const StrList *list, size_t n, const char *text) {
    for (size_t i = 0; i < n; i++)
        if (strcmp(list->at[i], text) == 0)
            return true;
    return false;
}

static void put_binds(const Step *step, const StrList *more, JsonWriter *w) {
    json_kv_array(w, "Binds");
    for (size_t i = 0; i < step->volumes.n; i++)
        if (has_source(step->volumes.at[i]) && !is_among(&step->volumes, i, step->volumes.at[i]))
            json_string(w, step->volumes.at[i]);
    for (size_t i = 0; i < more->n; i++)
        if (!is_among(&step->volumes, step->volumes.n, more->at[i]) &&
            !is_among(more, i, more->at[i]))
            json_string(w, more->at[i]);
    json_array_end(w);
}

/* Without a source it is one of its own, which goes with the container. */
static void put_own_volumes(const Step *step, JsonWriter *w) {
    json_kv_object(w, "Volumes");
    for (size_t i = 0; i < step->volumes.n; i++) {
        if (has_source(step->volumes.at[i]) || is_among(&step->volumes, i, step->volumes.at[i]))
            continue;
        json_kv_object(w, step->volumes.at[i]);
        json_object_end(w);
    }
    json_object_end(w);
}

/* ---- Networks ---- */

const StepNetwork *container_network(const ContainerAsk *ask, size_t i, StepNetwork *room) {
    const Step *step = ask->step;
    const char *more = ask->defaults ? ask->defaults->network : NULL;
    if (is_set(step->network_mode))
        return NULL;
    if (i < step->networks.n)
        return &step->networks.at[i];
    if (i > step->networks.n || !is_set(more))
        return NULL;
    for (size_t k = 0; k < step->networks.n; k++)
        if (strcmp(step->networks.at[k].name, more) == 0)
            return NULL;
    *room = (StepNetwork){.name = more};
    return room;
}

static void put_network(const ContainerAsk *ask, JsonWriter *w) {
    StepNetwork room;
    const StepNetwork *first = container_network(ask, 0, &room);
    if (!first)
        return;
    json_kv_object(w, "NetworkingConfig");
    json_kv_object(w, "EndpointsConfig");
    json_kv_object(w, first->name);
    put_strings(&first->aliases, "Aliases", w);
    json_object_end(w);
    json_object_end(w);
    json_object_end(w);
}

static void put_network_mode(const ContainerAsk *ask, JsonWriter *w) {
    StepNetwork room;
    const StepNetwork *first = container_network(ask, 0, &room);
    if (is_set(ask->step->network_mode))
        json_kv_string(w, "NetworkMode", ask->step->network_mode);
    else if (first)
        json_kv_string(w, "NetworkMode", first->name);
}

/* ---- What the machine gives it ---- */

static void put_tmpfs(const Step *step, JsonWriter *w) {
    json_kv_object(w, "Tmpfs");
    for (size_t i = 0; i < step->tmpfs.n; i++) {
        const char *text = step->tmpfs.at[i], *colon = strchr(text, ':');
        Buf path;
        buf_init(&path, SIZE_MAX / 2);
        buf_put(&path, text, colon ? (size_t)(colon - text) : strlen(text));
        json_kv_string(w, buf_cstr(&path), colon ? colon + 1 : "");
        buf_deinit(&path);
    }
    json_object_end(w);
}

/* "host[:container[:rwm]]" */
static void put_device(const char *text, JsonWriter *w) {
    size_t host = strcspn(text, ":");
    const char *inside = text[host] ? text + host + 1 : text;
    size_t n = strcspn(inside, ":");
    json_object_begin(w);
    json_key(w, "PathOnHost");
    json_stringn(w, text, host);
    json_key(w, "PathInContainer");
    json_stringn(w, inside, n);
    json_kv_string(w, "CgroupPermissions", text[host] && inside[n] ? inside + n + 1 : "rwm");
    json_object_end(w);
}

static void put_devices(const Step *step, JsonWriter *w) {
    json_kv_array(w, "Devices");
    for (size_t i = 0; i < step->devices.n; i++)
        put_device(step->devices.at[i], w);
    json_array_end(w);
}

static void put_names(const Step *step, JsonWriter *w) {
    put_strings(&step->dns, "Dns", w);
    put_strings(&step->dns_search, "DnsSearch", w);
    json_kv_array(w, "ExtraHosts");
    for (size_t i = 0; i < step->extra_hosts.n; i++)
        json_stringf(w, "%s:%s", step->extra_hosts.at[i].name, step->extra_hosts.at[i].ip);
    json_array_end(w);
}

static void put_number(JsonWriter *w, const char *key, int64_t number) {
    if (number)
        json_kv_int(w, key, number);
}

static void put_limits(const ContainerDefaults *defaults, JsonWriter *w) {
    put_number(w, "Memory", defaults->memory);
    put_number(w, "MemorySwap", defaults->memory_swap);
    put_number(w, "ShmSize", defaults->shm_size);
    put_number(w, "CpuQuota", defaults->cpu_quota);
    put_number(w, "CpuShares", defaults->cpu_shares);
    if (is_set(defaults->cpu_set))
        json_kv_string(w, "CpusetCpus", defaults->cpu_set);
    if (is_set(defaults->apparmor_profile)) {
        json_kv_array(w, "SecurityOpt");
        json_stringf(w, "apparmor=%s", defaults->apparmor_profile);
        json_array_end(w);
    }
}

/* The one whose logs can be read whole, at any time: never rotated, and nothing is dropped that is
 * written faster than it can be stored, whatever the engine does with those of others. What is not
 * set here it fills in from its own options, and it knows no word for "never". */
static void put_log_config(JsonWriter *w) {
    json_kv_object(w, "LogConfig");
    json_kv_string(w, "Type", "json-file");
    json_kv_object(w, "Config");
    json_kv_string(w, "max-size", "1024t");
    json_kv_string(w, "max-file", "1");
    json_kv_string(w, "compress", "false");
    json_kv_string(w, "mode", "blocking");
    json_object_end(w);
    json_object_end(w);
}

static void put_host_config(const ContainerAsk *ask, JsonWriter *w) {
    static const ContainerDefaults none = {0};
    const ContainerDefaults *defaults = ask->defaults ? ask->defaults : &none;
    json_kv_object(w, "HostConfig");
    put_binds(ask->step, &defaults->volumes, w);
    put_tmpfs(ask->step, w);
    put_devices(ask->step, w);
    put_names(ask->step, w);
    put_network_mode(ask, w);
    json_kv_bool(w, "Privileged", ask->step->privileged);
    put_log_config(w);
    put_limits(defaults, w);
    json_object_end(w);
}

/* ---- The body ---- */

/* Not every step comes from a Config that was checked. */
static int check(const Step *step, Err *err) {
    if (step->type == STEP_CACHE)
        return err_set(err, ERR_INVALID, "step %s: type cache cannot be run", step->name);
    if (!is_set(step->image))
        return err_set(err, ERR_INVALID, "step %s has no image", step->name);
    return 0;
}

/* With commands the script goes to working_dir, which need not exist before. */
static const char *directory_of(const Step *step) {
    return step->commands.n > 0 ? step->workspace_base : step->working_dir;
}

int container_body(const ContainerAsk *ask, Buf *out, Err *err) {
    const Step *step = ask->step;
    JsonWriter w;
    if (check(step, err) < 0)
        return -1;
    json_writer_init(&w, out);
    json_object_begin(&w);
    json_kv_string(&w, "Image", step->image);
    put_labels(ask, &w);
    put_environment(step, &w);
    json_kv_bool(&w, "AttachStdout", true);
    json_kv_bool(&w, "AttachStderr", true);
    if (is_set(directory_of(step)))
        json_kv_string(&w, "WorkingDir", directory_of(step));
    put_entrypoint(step, &w);
    if (is_set(step->backend_options.docker.user))
        json_kv_string(&w, "User", step->backend_options.docker.user);
    put_ports(step, &w);
    put_own_volumes(step, &w);
    put_host_config(ask, &w);
    put_network(ask, &w);
    json_object_end(&w);
    if (out->failed)
        return err_set(err, ERR_LIMIT, "step %s is more than %zu bytes", step->name, out->max);
    return 0;
}

void container_put_auth(const RegistryAuth *auth, Buf *out) {
    Buf json;
    JsonWriter w;
    size_t from = out->n;
    buf_init(&json, SIZE_MAX / 4);
    json_writer_init(&w, &json);
    json_object_begin(&w);
    if (is_set(auth->username))
        json_kv_string(&w, "username", auth->username);
    if (is_set(auth->password))
        json_kv_string(&w, "password", auth->password);
    json_object_end(&w);
    base64_put(out, json.p, json.n);
    for (size_t i = from; i < out->n; i++) /* of URLs */
        out->p[i] = out->p[i] == '+' ? '-' : out->p[i] == '/' ? '_' : out->p[i];
    buf_deinit(&json);
}
