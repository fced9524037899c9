/* SPDX-License-Identifier: Apache-2.0 */
#include "main/owner.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/boot.h"
#include "base/file.h"
#include "base/path.h"
#include "base/str.h"

enum { FILE_MAX = 200 };

int owner_of(const char *state_dir, char ret[OWNER_TEXT], Err *err) {
    AUTO_FREE char *path = path_join(state_dir, "owner");
    AUTO_FREE char *text = NULL;
    char drawn[OWNER_TEXT];
    if (access(path, F_OK) == 0) {
        if (file_read(path, FILE_MAX, &text, NULL, err) < 0)
            return -1;
        text[strcspn(text, "\n")] = '\0';
        if (strlen(text) != OWNER_TEXT - 1) /* another would find nothing of what it made */
            return err_set(err, ERR_INVALID, "%s holds no uuid", path);
        str_copy(ret, OWNER_TEXT, text);
        return 0;
    }
    random_uuid(drawn);
    if (file_write_atomic(path, drawn, strlen(drawn), 0600, true, err) < 0)
        return -1;
    str_copy(ret, OWNER_TEXT, drawn);
    return 0;
}
