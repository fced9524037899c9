/* SPDX-License-Identifier: Apache-2.0 */
#include "spec/compute_access.h"

#include <ctype.h>
#include <string.h>

/* No option of ssh, nothing that ends a word or a line. */
static int check_word(const char *member, const char *value, Err *err) {
    if (!value)
        return 0;
    for (const char *c = value; *c; c++)
        if (isspace((unsigned char)*c) || iscntrl((unsigned char)*c))
            return err_set(err, ERR_INVALID, "%s: there is a blank in it", member);
    if (value[0] == '-')
        return err_set(err, ERR_INVALID, "%s: ssh would take \"%s\" for an option", member, value);
    return 0;
}

static int check_path(const char *path, Err *err) {
    return path[0] == '/' ? 0 : err_set(err, ERR_INVALID, "path: \"%s\" is no absolute path", path);
}

int compute_access_check(const ComputeAccess *access, Err *err) {
    if (strcmp(access->type, "local") == 0)
        return access->path ? check_path(access->path, err)
                            : err_set(err, ERR_INVALID, "path: it is missing");
    if (strcmp(access->type, "ssh") != 0)
        return err_set(err, ERR_INVALID, "type: \"%s\" is neither local nor ssh", access->type);
    if (check_word("host", access->host, err) < 0 || check_word("user", access->user, err) < 0)
        return -1;
    return access->root ? check_path(access->root, err) : 0;
}
