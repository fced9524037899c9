/* SPDX-License-Identifier: Apache-2.0 */
#include "spec/manifest.h"

#include <stdlib.h>
#include <string.h>

#include "base/path.h"
#include "base/str.h"
#include "base/xalloc.h"
#include "spec/environment_json.h"
#include "spec/environment_name.h"

#define DEFAULT_ENV_FILE ".env.local"

const char *manifest_name(const Config *config) {
    return config_of_previewctl(config->file) ? MANIFEST_PREVIEWCTL : MANIFEST_THOLE;
}

/* ---- writing ---- */

static void put_service(const ManifestService *service, JsonWriter *out) {
    json_kv_object(out, service->name);
    json_kv_string(out, "path", service->path);
    json_kv_string(out, "env_file", service->env_file);
    if (service->env.n > 0) {
        json_key(out, "env");
        environment_strings_put(&service->env, out);
    }
    json_object_end(out);
}

static void put_services(const Manifest *manifest, JsonWriter *out) {
    if (manifest->services.n == 0)
        return;
    json_kv_object(out, "services");
    for (size_t i = 0; i < manifest->services.n; i++)
        put_service(&manifest->services.at[i], out);
    json_object_end(out);
}

static void put_rest(const Manifest *manifest, JsonWriter *out) {
    if (manifest->compose_file) {
        json_kv_object(out, "infrastructure");
        json_kv_string(out, "compose_file", manifest->compose_file);
        json_object_end(out);
    }
    if (manifest->enabled_services.n == 0)
        return;
    json_kv_array(out, "enabled_services");
    for (size_t i = 0; i < manifest->enabled_services.n; i++)
        json_string(out, manifest->enabled_services.at[i]);
    json_array_end(out);
}

void manifest_encode(const Manifest *manifest, Buf *out) {
    JsonWriter w;
    json_writer_init(&w, out);
    w.pretty = true;
    json_object_begin(&w);
    json_kv_int(&w, "version", manifest->version);
    json_kv_string(&w, "env_name", manifest->env_name);
    json_kv_string(&w, "project_name", manifest->project_name);
    json_kv_string(&w, "branch", manifest->branch);
    json_kv_string(&w, "mode", manifest->mode);
    json_key(&w, "ports");
    environment_ports_put(&manifest->ports, &w);
    if (manifest->outputs.n > 0) {
        json_key(&w, "provisioner_outputs");
        environment_outputs_put(&manifest->outputs, &w);
    }
    put_services(manifest, &w);
    put_rest(manifest, &w);
    json_object_end(&w);
    buf_putc(out, '\n');
}

/* ---- reading ---- */

static const char *required(const JsonAt *at, const Value *map, const char *key) {
    const char *got = json_optional(at, map, key);
    if (!got && !at->reader->failed)
        json_problem(at, "it has no %s", key);
    return got;
}

static void read_services(const JsonAt *at, const Value *map, Manifest *ret) {
    Arena *arena = at->reader->arena;
    ret->services.at = arena_alloc(arena, (value_count(map) + 1) * sizeof(ManifestService));
    for (size_t i = 0; i < value_count(map); i++) {
        const ValuePair *pair = &map->map.at[i];
        JsonAt here = json_below(at, pair->key), env = json_below(&here, "env");
        const Value *v = json_kind(&here, pair->value, VALUE_MAP);
        const char *env_file = json_optional(&here, v, "env_file");
        ret->services.at[ret->services.n++] = (ManifestService){
            .name = arena_strdup(arena, pair->key),
            .path = json_text(&here, v, "path", "."),
            .env_file = env_file ? env_file : DEFAULT_ENV_FILE,
            .env = json_strings(&env, json_member(&here, v, "env", VALUE_MAP)),
        };
    }
    qsort(ret->services.at, ret->services.n, sizeof(ManifestService), environment_by_key);
}

/* The name may come from anywhere: directories are made from it. */
static const char *required_name(const JsonAt *at, const Value *map) {
    JsonAt here = json_below(at, "env_name");
    const char *name = required(at, map, "env_name");
    Err err;
    if (name && environment_name_check(name, &err) < 0)
        json_problem(&here, "%s", err.msg);
    return name;
}

static void check_version(const JsonAt *at, int64_t version) {
    JsonAt here = json_below(at, "version");
    if (!at->reader->failed && version != MANIFEST_VERSION)
        json_problem(&here, "it is of version %lld, and this thole reads version %d",
                     (long long)version, MANIFEST_VERSION);
}

static void read_manifest(const JsonAt *at, const Value *v, Manifest *ret) {
    JsonAt ports = json_below(at, "ports"), outputs = json_below(at, "provisioner_outputs");
    JsonAt services = json_below(at, "services"), infra = json_below(at, "infrastructure");
    JsonAt enabled = json_below(at, "enabled_services");
    *ret = (Manifest){.version = json_whole(at, v, "version", INT64_MAX)};
    check_version(at, ret->version);
    ret->env_name = required_name(at, v);
    ret->project_name = required(at, v, "project_name");
    ret->branch = json_text(at, v, "branch", "");
    ret->mode = json_text(at, v, "mode", "");
    environment_ports_read(&ports, json_member(at, v, ports.key, VALUE_MAP), &ret->ports);
    environment_outputs_read(&outputs, json_member(at, v, outputs.key, VALUE_MAP), &ret->outputs);
    read_services(&services, json_member(at, v, services.key, VALUE_MAP), ret);
    const Value *infrastructure = json_member(at, v, infra.key, VALUE_MAP);
    ret->compose_file = json_optional(&infra, infrastructure, "compose_file");
    ret->enabled_services = json_string_list(&enabled, json_member(at, v, enabled.key, VALUE_LIST));
}

int manifest_decode(const char *json, size_t size, Arena *arena, Manifest *ret, Err *err) {
    Report report;
    JsonReader reader = {arena, &report, "the manifest", false};
    JsonAt top = {.reader = &reader};
    Manifest manifest;
    const Value *v;
    report_init(&report, arena);
    if (json_parse(json, size, arena, &v, err) < 0)
        return err_in(err, "the manifest");
    if (json_is_map(&top, v))
        read_manifest(&top, v, &manifest);
    if (reader.failed)
        return err_set(err, ERR_INVALID, "%s", report_line(&report.at[0], arena));
    *ret = manifest;
    return 0;
}

/* ---- the env files ---- */

/* `dir`/`name` without "." and ".."; NULL: it leaves where it begins, or is no file in it. */
static const char *clean(const char *dir, const char *name, Arena *arena) {
    AUTO_FREE char *joined = xasprintf("%s/%s", dir, name);
    char *out = arena_alloc(arena, strlen(joined) + 2);
    size_t n = 0;
    for (const char *part = joined; *part;) {
        size_t size = strcspn(part, "/");
        if (size == 2 && memcmp(part, "..", 2) == 0) {
            if (n == 0)
                return NULL;
            while (n > 0 && out[--n] != '/')
                ;
        } else if (size > 0 && !(size == 1 && *part == '.')) {
            if (n > 0)
                out[n++] = '/';
            memcpy(out + n, part, size);
            n += size;
        }
        part += size + (part[size] == '/');
    }
    out[n] = '\0';
    return n > 0 && !str_ends(joined, "/") ? out : NULL;
}

static ManifestFile *file_of(ManifestFiles *files, const char *path) {
    for (size_t i = 0; i < files->n; i++)
        if (strcmp(files->at[i].path, path) == 0)
            return &files->at[i];
    files->at[files->n] = (ManifestFile){.path = path};
    return &files->at[files->n++];
}

static int add_file(ManifestFiles *files, const ManifestService *service, Arena *arena, Err *err) {
    bool absolute = *service->path == '/' || *service->env_file == '/';
    const char *path = absolute ? NULL : clean(service->path, service->env_file, arena);
    if (!path)
        return err_set(err, ERR_INVALID,
                       "services.%.80s: its env file would be %.100s/%.100s, which is no file "
                       "inside of the worktree",
                       service->name, service->path, service->env_file);
    ManifestFile *file = file_of(files, path);
    file->env = strmap_merge(&file->env, &service->env, arena);
    return 0;
}

int manifest_files(const Manifest *manifest, Arena *arena, ManifestFiles *ret, Err *err) {
    ManifestFiles files = {
        .at = arena_alloc(arena, (manifest->services.n + 1) * sizeof(ManifestFile))};
    for (size_t i = 0; i < manifest->services.n; i++)
        if (manifest->services.at[i].env.n > 0 &&
            add_file(&files, &manifest->services.at[i], arena, err) < 0)
            return -1;
    qsort(files.at, files.n, sizeof(ManifestFile), environment_by_key);
    *ret = files;
    return 0;
}
