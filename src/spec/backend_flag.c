/* SPDX-License-Identifier: Apache-2.0 */
#include "spec/backend_flag.h"

#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/str.h"

#define BOTH(name)          "THOLE_BACKEND_" name "|WOODPECKER_BACKEND_" name
#define DOCKER(name, other) BOTH("DOCKER_" name) "|" other
#define LIMIT(name)         BOTH("DOCKER_LIMIT_" name) "|WOODPECKER_LIMIT_" name

/* In byte order of the names: that of what is read. */
static const BackendFlag docker_flags[] = {
    {"api_version", FLAG_TEXT, DOCKER("API_VERSION", "DOCKER_API_VERSION"), "",
     "version of its API to speak; empty: the newest that both know"},
    {"apparmor_profile", FLAG_TEXT, BOTH("DOCKER_APPARMOR_PROFILE"), "",
     "profile of AppArmor for all steps; empty: the engine's"},
    {"cert_path", FLAG_TEXT, DOCKER("CERT_PATH", "DOCKER_CERT_PATH"), "",
     "directory with ca.pem, cert.pem and key.pem for a host over TCP"},
    {"enable_ipv6", FLAG_BOOL, BOTH("DOCKER_ENABLE_IPV6"), "false",
     "networks of workflows have IPv6"},
    {"host", FLAG_TEXT, DOCKER("HOST", "DOCKER_HOST"), "unix:///var/run/docker.sock",
     "where the engine listens: unix:///path or tcp://host:port"},
    {"limit_cpu_quota", FLAG_INTEGER, LIMIT("CPU_QUOTA"), "0",
     "microseconds of processor time per 100 ms for each step; 0: no limit"},
    {"limit_cpu_set", FLAG_TEXT, LIMIT("CPU_SET"), "",
     "processors that steps may use, such as 0-2,4; empty: all"},
    {"limit_cpu_shares", FLAG_INTEGER, LIMIT("CPU_SHARES"), "0",
     "weight of each step among others; 0: the engine's"},
    {"limit_mem", FLAG_SIZE, LIMIT("MEM"), "0", "memory of each step; 0: no limit"},
    {"limit_mem_swap", FLAG_SIZE, LIMIT("MEM_SWAP"), "0",
     "memory and swap together of each step; 0: the engine's, -1: no limit"},
    {"limit_shm_size", FLAG_SIZE, LIMIT("SHM_SIZE"), "0",
     "size of /dev/shm of each step; 0: the engine's"},
    {"network", FLAG_TEXT, BOTH("DOCKER_NETWORK"), "", "one more network for all steps"},
    {"patience", FLAG_DURATION, "THOLE_BACKEND_DOCKER_PATIENCE", "60s",
     "how long an engine that does not answer is waited for, while steps run in it"},
    {"stop_timeout", FLAG_DURATION, BOTH("DOCKER_STOP_TIMEOUT"), "20s",
     "how long a container that is to end has before it is killed"},
    {"tls_verify", FLAG_BOOL, DOCKER("TLS_VERIFY", "DOCKER_TLS_VERIFY"), "true",
     "the certificate of a host over TCP must be good"},
    {"volumes", FLAG_LIST, BOTH("DOCKER_VOLUMES"), "",
     "more volumes for all steps: source:destination[:mode],…"},
};

BackendFlags backend_flags(const char *backend) {
    if (str_same(backend, "docker"))
        return (BackendFlags){docker_flags, COUNT(docker_flags)};
    return (BackendFlags){0};
}

/* What is set but empty is not set: that is how people switch one off for a command. */
static const char *from_environment(const BackendFlag *flag, const StrMap *environment,
                                    Arena *arena) {
    for (const char *at = flag->env; *at;) {
        size_t n = strcspn(at, "|");
        const char *value = strmap_get(environment, arena_strndup(arena, at, n));
        if (value && *value)
            return value;
        at += n + (at[n] == '|');
    }
    return NULL;
}

StrMap backend_flags_read(const char *backend, const StrMap *environment, Arena *arena) {
    BackendFlags flags = backend_flags(backend);
    StrMap map = {.at = arena_alloc(arena, (flags.n + 1) * sizeof(StrPair))};
    for (size_t i = 0; i < flags.n; i++) {
        const char *value = from_environment(&flags.at[i], environment, arena);
        if (value)
            map.at[map.n++] = (StrPair){flags.at[i].name, value};
    }
    return map;
}

/* ---- what a value says ---- */

static const BackendFlag *find(const char *backend, const char *name) {
    BackendFlags flags = backend_flags(backend);
    for (size_t i = 0; i < flags.n; i++)
        if (strcmp(flags.at[i].name, name) == 0)
            return &flags.at[i];
    return NULL;
}

static int unknown(const char *backend, const char *name, Err *err) {
    BackendFlags flags = backend_flags(backend);
    const char *names[COUNT(docker_flags)];
    for (size_t i = 0; i < flags.n; i++)
        names[i] = flags.at[i].name;
    err_set(err, ERR_INVALID, "the backend %s has no option %.80s", backend, name);
    return err_suggest(err, str_suggest(name, names, flags.n), "");
}

/* As it is given, or else its default. NULL: there is no such option. */
static const char *text_of(const char *backend, const StrMap *options, const char *name, Err *err) {
    const BackendFlag *flag = find(backend, name);
    const char *text = options ? strmap_get(options, name) : NULL;
    if (!flag)
        unknown(backend, name, err);
    return !flag ? NULL : text && *text ? text : flag->dflt;
}

static int wrong(const char *backend, const char *name, const char *text, const char *expected,
                 Err *err) {
    return err_set(err, ERR_INVALID,
                   "the option %s of the backend %s is \"%.80s\", which is not %s", name, backend,
                   text, expected);
}

int backend_flag_text(const char *backend, const StrMap *options, const char *name,
                      const char **ret, Err *err) {
    const char *text = text_of(backend, options, name, err);
    if (!text)
        return -1;
    *ret = text;
    return 0;
}

StrList backend_flag_split(const char *text, Arena *arena) {
    StrList list = {0};
    size_t cap = 0;
    for (const char *at = text; *at; at += strcspn(at, ",")) {
        at += strspn(at, ", ");
        size_t n = strcspn(at, ",");
        while (n && at[n - 1] == ' ')
            n--;
        if (!n)
            continue;
        list.at = arena_grow(arena, list.at, list.n, &cap, sizeof(*list.at));
        list.at[list.n++] = arena_strndup(arena, at, n);
    }
    return list;
}

int backend_flag_bool(const char *backend, const StrMap *options, const char *name, bool *ret,
                      Err *err) {
    static const char *const words[] = {"false", "true", "0", "1", "no", "yes", "off", "on"};
    const char *text = text_of(backend, options, name, err);
    if (!text)
        return -1;
    for (size_t i = 0; i < COUNT(words); i++)
        if (strcasecmp(text, words[i]) == 0) {
            *ret = i % 2;
            return 0;
        }
    return wrong(backend, name, text, "true or false", err);
}

/* Of sizes and numbers -1 is what Docker takes for "no limit". */
static int parse(FlagType type, const char *text, int64_t *ret) {
    bool plain = number_parse(text, -1, INT64_MAX, ret) == 0;
    if (type == FLAG_SIZE && !plain)
        return size_parse(text, ret, NULL);
    return plain ? 0 : -1;
}

/* All of them are waited for. */
static int parse_duration(const char *text, int64_t *ret) {
    int64_t ms, seconds;
    if (number_parse(text, 0, MAX_GRACE_MS / 1000, &seconds) == 0)
        ms = seconds * 1000;
    else if (duration_parse(text, &ms, NULL) < 0 || ms > MAX_GRACE_MS)
        return -1;
    *ret = ms;
    return 0;
}

int backend_flag_int(const char *backend, const StrMap *options, const char *name, int64_t *ret,
                     Err *err) {
    const char *text = text_of(backend, options, name, err);
    const BackendFlag *flag = find(backend, name);
    if (!text || !flag)
        return -1;
    if ((flag->type == FLAG_DURATION ? parse_duration(text, ret) : parse(flag->type, text, ret)) ==
        0)
        return 0;
    return wrong(backend, name, text,
                 flag->type == FLAG_DURATION
                     ? "a duration such as 20s or 1m30s, or seconds, and at most 24h"
                 : flag->type == FLAG_SIZE ? "a size such as 64MiB, or bytes"
                                           : "a number",
                 err);
}

static int check(const char *backend, const StrMap *options, const BackendFlag *flag, Err *err) {
    bool boolean;
    int64_t number;
    switch (flag->type) {
    case FLAG_TEXT:
    case FLAG_LIST: return 0;
    case FLAG_BOOL: return backend_flag_bool(backend, options, flag->name, &boolean, err);
    case FLAG_INTEGER:
    case FLAG_SIZE:
    case FLAG_DURATION: return backend_flag_int(backend, options, flag->name, &number, err);
    }
    UNREACHABLE();
}

int backend_flags_check(const char *backend, const StrMap *options, Err *err) {
    for (size_t i = 0; options && i < options->n; i++) {
        const BackendFlag *flag = find(backend, options->at[i].name);
        if (!flag)
            return unknown(backend, options->at[i].name, err);
        if (check(backend, options, flag, err) < 0)
            return -1;
    }
    return 0;
}

const char *flag_type_name(FlagType type) {
    switch (type) {
    case FLAG_TEXT: break;
    case FLAG_LIST: return "list";
    case FLAG_BOOL: return "bool";
    case FLAG_INTEGER: return "integer";
    case FLAG_SIZE: return "size";
    case FLAG_DURATION: return "duration";
    }
    return "text";
}
