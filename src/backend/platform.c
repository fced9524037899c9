/* SPDX-License-Identifier: Apache-2.0 */
#include "backend/platform.h"

#include <string.h>

#include "base/attr.h"

const char *platform_machine(const char *machine) {
    static const char *const names[][2] = {
        {"x86_64", "amd64"}, {"aarch64", "arm64"}, {"i686", "386"}, {"armv7l", "arm"}};
    for (size_t i = 0; i < COUNT(names); i++)
        if (strcmp(names[i][0], machine) == 0)
            return names[i][1];
    return machine;
}
