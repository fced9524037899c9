/* SPDX-License-Identifier: Apache-2.0 */
#include "backend/argument_limit.h"

#include <string.h>
#include <unistd.h>

enum { PAGES = 32 };

size_t argument_limit(void) {
    return (size_t)sysconf(_SC_PAGESIZE) * PAGES - 1; /* the NUL counts, too */
}

int arguments_check(const Step *step, Err *err) {
    size_t max = argument_limit();
    for (size_t i = 0; i < step->environment.n; i++) {
        const StrPair *pair = &step->environment.at[i];
        size_t size = strlen(pair->name) + 1 + strlen(pair->value);
        if (size > max)
            return err_set(err, ERR_LIMIT,
                           "its variable %.60s is too long: %zu bytes with its name, and a process "
                           "can be given %zu; put it into a file",
                           pair->name, size, max);
    }
    for (size_t i = 0; i < step->entrypoint.n; i++)
        if (strlen(step->entrypoint.at[i]) > max)
            return err_set(err, ERR_LIMIT,
                           "argument %zu of its entrypoint is too long: %zu bytes, and a process "
                           "can be given %zu; put it into a file",
                           i, strlen(step->entrypoint.at[i]), max);
    return 0;
}
