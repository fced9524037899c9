/* SPDX-License-Identifier: Apache-2.0 */
#include "backend/docker/settings.h"

#include <string.h>

#include "base/str.h"

typedef struct Reading {
    const StrMap *options;
    Arena *arena;
    Err *err;
    bool failed; /* `err` says why */
} Reading;

static const char *text(Reading *r, const char *name) {
    const char *value = NULL;
    if (!r->failed && backend_flag_text("docker", r->options, name, &value, r->err) < 0)
        r->failed = true;
    return value ? arena_strdup(r->arena, value) : "";
}

static int64_t number(Reading *r, const char *name) {
    int64_t value = 0;
    if (!r->failed && backend_flag_int("docker", r->options, name, &value, r->err) < 0)
        r->failed = true;
    return value;
}

static bool truth(Reading *r, const char *name) {
    bool value = false;
    if (!r->failed && backend_flag_bool("docker", r->options, name, &value, r->err) < 0)
        r->failed = true;
    return value;
}

static StrList volumes(Reading *r) {
    StrList list = backend_flag_split(text(r, "volumes"), r->arena);
    for (size_t i = 0; i < list.n && !r->failed; i++)
        if (!strchr(list.at[i], ':') || list.at[i][0] == ':') {
            err_set(r->err, ERR_INVALID,
                    "the option volumes of the backend docker has \"%.80s\", which is not "
                    "source:destination[:mode]",
                    list.at[i]);
            r->failed = true;
        }
    return list;
}

/* Asked for by itself it would be silently not done. */
static void check_tls(Reading *r, const DockerSettings *s) {
    const char *asked = r->options ? strmap_get(r->options, "tls_verify") : NULL;
    if (r->failed || s->cert_path[0] || !asked || !s->tls_verify || !str_starts(s->host, "tcp://"))
        return;
    err_set(r->err, ERR_INVALID,
            "the option tls_verify of the backend docker wants cert_path, the directory with "
            "ca.pem, cert.pem and key.pem; set DOCKER_CERT_PATH");
    r->failed = true;
}

int docker_settings_read(const StrMap *options, Arena *arena, DockerSettings *ret, Err *err) {
    Reading r = {.options = options, .arena = arena, .err = err};
    DockerSettings s = {.host = text(&r, "host"),
                        .api_version = text(&r, "api_version"),
                        .cert_path = text(&r, "cert_path"),
                        .tls_verify = truth(&r, "tls_verify"),
                        .stop_timeout_ms = number(&r, "stop_timeout"),
                        .patience_ms = number(&r, "patience"),
                        .enable_ipv6 = truth(&r, "enable_ipv6")};
    s.defaults = (ContainerDefaults){.network = text(&r, "network"),
                                     .volumes = volumes(&r),
                                     .apparmor_profile = text(&r, "apparmor_profile"),
                                     .memory = number(&r, "limit_mem"),
                                     .memory_swap = number(&r, "limit_mem_swap"),
                                     .shm_size = number(&r, "limit_shm_size"),
                                     .cpu_quota = number(&r, "limit_cpu_quota"),
                                     .cpu_shares = number(&r, "limit_cpu_shares"),
                                     .cpu_set = text(&r, "limit_cpu_set")};
    check_tls(&r, &s);
    if (r.failed)
        return -1;
    *ret = s;
    return 0;
}
