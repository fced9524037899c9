/* SPDX-License-Identifier: Apache-2.0 */
#include "spec/names.h"

#include <string.h>

#define LOWER  "abcdefghijklmnopqrstuvwxyz"
#define UPPER  "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS "0123456789"

static int only(const char *text, const char *set) {
    return text[strspn(text, set)] == 0;
}

const char *check_service_name(const char *name) {
    if (strcmp(name, "tiltfile") == 0)
        return "the name \"tiltfile\" is reserved";
    if (!*name)
        return "a service needs a name";
    if (!strchr(LOWER DIGITS, *name) || !only(name, LOWER DIGITS "_-"))
        return "not a name for a service: use a-z, 0-9, - and _, beginning with a letter or digit";
    return strlen(name) > 63 ? "the name is longer than 63 characters" : NULL;
}

const char *check_env_name(const char *name) {
    if (!*name || strchr(DIGITS, *name) || !only(name, LOWER UPPER DIGITS "_"))
        return "not a name for an environment variable: use letters, digits and _, not beginning "
               "with a digit";
    return NULL;
}

const char *check_port_name(const char *name) {
    if (!*name || !strchr(LOWER DIGITS, *name) || !only(name, LOWER DIGITS "_-"))
        return "not a name for a port: use a-z, 0-9, - and _, beginning with a letter or digit";
    return strlen(name) > 63 ? "the name is longer than 63 characters" : NULL;
}

const char *check_var_name(const char *name) {
    if (!*name || !only(name, LOWER UPPER DIGITS "_-"))
        return "not a name for a variable: use letters, digits, - and _";
    return NULL;
}

const char *check_label(const char *name) {
    if (!*name || !only(name, LOWER UPPER DIGITS "._-/"))
        return "not a label: use letters, digits, and . _ - /";
    return strlen(name) > 63 ? "the label is longer than 63 characters" : NULL;
}

const char *check_header(const char *name) {
    if (!*name || !only(name, LOWER UPPER DIGITS "!#$%&'*+-.^_`|~"))
        return "not a name for an HTTP header";
    return NULL;
}

const char *check_url_path(const char *path) {
    if (*path != '/')
        return "the path of a URL begins with \"/\"";
    for (; *path; path++)
        if ((unsigned char)*path <= ' ' || *path == 0x7f)
            return "a URL has no spaces or control characters: write %20 for a space";
    return NULL;
}

const char *check_host(const char *host) {
    return only(host, LOWER UPPER DIGITS ".-_:[]") ? NULL : "not the name or address of a host";
}
