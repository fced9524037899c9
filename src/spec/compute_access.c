/* SPDX-License-Identifier: Apache-2.0 */
#include "spec/compute_access.h"

#include <ctype.h>
#include <limits.h>
#include <string.h>

#include "base/path.h"

int compute_word_check(const char *name, const char *value, Err *err) {
    if (!value)
        return 0;
    for (const char *c = value; *c; c++)
        if (isspace((unsigned char)*c) || iscntrl((unsigned char)*c))
            return err_set(err, ERR_INVALID, "%s: there is a blank in it", name);
    if (value[0] == '-')
        return err_set(err, ERR_INVALID, "%s: ssh would take \"%s\" for an option", name, value);
    return 0;
}

int compute_path_check(const char *name, const char *path, Err *err) {
    if (strlen(path) >= PATH_MAX)
        return err_set(err, ERR_INVALID, "%s: it is longer than %d bytes", name, PATH_MAX - 1);
    return path[0] == '/' ? 0
                          : err_set(err, ERR_INVALID, "%s: \"%s\" is no absolute path", name, path);
}

int compute_tree_check(const ComputeAccess *access, const char *project_file, const char *state_dir,
                       Err *err) {
    if (!access->managed || !access->path)
        return 0;
    if (path_below(project_file, access->path))
        return err_set(err, ERR_INVALID, "path: the project lies in %s", access->path);
    return path_below(state_dir, access->path)
               ? err_set(err, ERR_INVALID, "path: the state directory lies in %s", access->path)
               : 0;
}

int compute_access_check(const ComputeAccess *access, Err *err) {
    bool local = strcmp(access->type, "local") == 0;
    if (access->root && compute_path_check(local ? "thole.root" : "path", access->root, err) < 0)
        return -1;
    if (local)
        return access->path ? compute_path_check("path", access->path, err)
                            : err_set(err, ERR_INVALID, "path: it is missing");
    if (strcmp(access->type, "ssh") != 0)
        return err_set(err, ERR_INVALID, "type: \"%s\" is neither local nor ssh", access->type);
    if (compute_word_check("host", access->host, err) < 0)
        return -1;
    return compute_word_check("user", access->user, err);
}
