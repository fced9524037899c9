/* SPDX-License-Identifier: Apache-2.0 */
#include "backend/docker/docker_check.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <string.h>

#include "base/str.h"
#include "data/schema.h"

typedef struct Values {
    Report *report;
    size_t stage, index;
    const Step *step;
} Values;

/* What is wrong with it; NULL: nothing. */
typedef const char *(*ValueCheck)(const char *text);

static void refuse(const Values *values, const char *key, const char *text, const char *why) {
    Place place = {.path = arena_printf(values->report->arena, "pipeline[%zu].steps[%zu].%s",
                                        values->stage, values->index, key)};
    report_add(values->report, &place, NULL, "step %s: `%s`: \"%.200s\" %s", values->step->name,
               key, text, why);
}

static void check_list(const Values *values, const char *key, const StrList *list,
                       ValueCheck check) {
    for (size_t i = 0; i < list->n; i++) {
        const char *why = check(list->at[i]);
        if (why)
            refuse(values, key, list->at[i], why);
    }
}

/* ---- Words ---- */

static bool is_address(const char *text) {
    unsigned char room[sizeof(struct in6_addr)];
    return inet_pton(AF_INET, text, room) == 1 || inet_pton(AF_INET6, text, room) == 1;
}

/* Of a volume, a network, a container. */
static bool is_name(const char *text, size_t n) {
    if (n < 2 || !isalnum((unsigned char)text[0]))
        return false;
    for (size_t i = 1; i < n; i++)
        if (!isalnum((unsigned char)text[i]) && !strchr("_.-", text[i]))
            return false;
    return true;
}

static bool is_one_of(const char *const *words, const char *text, size_t n) {
    for (; *words; words++)
        if (strlen(*words) == n && strncmp(*words, text, n) == 0)
            return true;
    return false;
}

/* ---- Values ---- */

static const char *check_tmpfs(const char *text) {
    return text[0] == '/' ? NULL : "is not an absolute path, with options behind a colon or not";
}

/* "host[:container[:rwm]]" */
static const char *check_device(const char *text) {
    const char *inside = strchr(text, ':'), *mode = inside ? strchr(inside + 1, ':') : NULL;
    if (text[0] != '/' || (inside && inside[1] != '/') ||
        (mode && (!mode[1] || mode[1 + strspn(mode + 1, "rwm")])))
        return "is not /dev/host[:/dev/container[:rwm]]";
    return NULL;
}

static bool are_modes(const char *text) {
    static const char *const modes[] = {"ro",       "rw",         "z",      "Z",         "nocopy",
                                        "shared",   "rshared",    "slave",  "private",   "rslave",
                                        "rprivate", "consistent", "cached", "delegated", NULL};
    for (;;) {
        size_t n = strcspn(text, ",");
        if (!is_one_of(modes, text, n))
            return false;
        if (!text[n])
            return true;
        text += n + 1;
    }
}

/* "[source:]destination[:mode]" */
static const char *check_volume(const char *text) {
    size_t n = strcspn(text, ":");
    const char *inside = text[n] ? text + n + 1 : text;
    const char *mode = text[n] ? strchr(inside, ':') : NULL;
    if (inside[0] != '/' || inside[1 + strspn(inside + 1, "/:")] == '\0')
        return "has no absolute path in the container other than /";
    if (text[n] && text[0] != '/' && !is_name(text, n))
        return "has a source that is neither an absolute path nor the name of a volume";
    return !mode || are_modes(mode + 1) ? NULL : "has an unknown mode; it is ro, rw, z, Z, …";
}

/* Names of registries and tags have capital letters, those of images do not. */
static const char *check_image(const char *text) {
    const char *slash = strchr(text, '/'), *dot = strpbrk(text, ".:");
    bool registry = slash && ((dot && dot < slash) || str_starts(text, "localhost/"));
    const char *name = registry ? slash + 1 : text;
    size_t n = strcspn(name, ":@");
    if (!isalnum((unsigned char)name[0]) || !isalnum((unsigned char)name[n - 1]))
        return "is not the name of an image";
    for (size_t i = 0; i < n; i++)
        if (!islower((unsigned char)name[i]) && !isdigit((unsigned char)name[i]) &&
            !strchr("_.-/", name[i]))
            return "is not the name of an image, which has small letters, digits and ._-/";
    for (const char *at = name + n; *at; at++)
        if (!isalnum((unsigned char)*at) && !strchr("_.-:@+", *at))
            return "has a tag or digest that cannot be one";
    return NULL;
}

static const char *check_network_mode(const char *text) {
    if (str_starts(text, "container:"))
        return text[strlen("container:")] ? NULL : "names no container";
    return is_name(text, strlen(text)) ? NULL : "is no network; it is none, host, a name, …";
}

/* ---- Steps ---- */

static void check_hosts(const Values *values) {
    for (size_t i = 0; i < values->step->extra_hosts.n; i++) {
        const HostAlias *host = &values->step->extra_hosts.at[i];
        if (!host->name[0] || host->name[strcspn(host->name, ": \t\n")])
            refuse(values, "extra_hosts", host->name, "is not the name of a host");
        if (!is_address(host->ip) && !str_same(host->ip, "host-gateway"))
            refuse(values, "extra_hosts", host->ip, "is not the address of a host");
    }
}

static void check_networks(const Values *values) {
    for (size_t i = 0; i < values->step->networks.n; i++) {
        const char *name = values->step->networks.at[i].name;
        if (!is_name(name, strlen(name)))
            refuse(values, "networks", name, "is not the name of a network");
    }
}

/* In the network of another container there is nothing of it that could be set. */
static void check_mode(const Values *values) {
    const Step *step = values->step;
    const char *mode = step->network_mode;
    const char *why = mode && mode[0] ? check_network_mode(mode) : NULL;
    if (why)
        refuse(values, "network_mode", mode, why);
    if (!mode || !str_starts(mode, "container:"))
        return;
    if (step->dns.n || step->extra_hosts.n || step->ports.n)
        refuse(values, "network_mode", mode, "goes without dns, extra_hosts and ports");
}

/* Commands go to their working_dir themselves, from workspace_base. */
static void check_directory(const Values *values) {
    const Step *step = values->step;
    const char *key = step->commands.n > 0 ? "workspace_base" : "working_dir";
    const char *path = step->commands.n > 0 ? step->workspace_base : step->working_dir;
    if (path && path[0] && path[0] != '/')
        refuse(values, key, path, "is not an absolute path");
}

static void check_step(const Values *values) {
    const Step *step = values->step;
    const char *image = step->image ? step->image : "", *why = image[0] ? check_image(image) : NULL;
    if (why)
        refuse(values, "image", image, why);
    check_list(values, "volumes", &step->volumes, check_volume);
    check_list(values, "tmpfs", &step->tmpfs, check_tmpfs);
    check_list(values, "devices", &step->devices, check_device);
    check_hosts(values);
    check_networks(values);
    check_mode(values);
    check_directory(values);
}

/* ---- The Config ---- */

static void check_own(Report *report, const char *key, const char *name) {
    Place place = {.path = key};
    if (name && name[0] && !is_name(name, strlen(name)))
        report_add(report, &place, NULL, "\"%.200s\" is not a name: letters, digits and _.- are",
                   name);
}

void docker_check_config(const WorkflowConfig *config, Report *report) {
    check_own(report, "network", config->network);
    check_own(report, "volume", config->volume);
    for (size_t i = 0; i < config->stages.n; i++)
        for (size_t k = 0; k < config->stages.at[i].steps.n; k++)
            check_step(&(Values){report, i, k, &config->stages.at[i].steps.at[k]});
}
