/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/input.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"

static int read_stdin(size_t max, char **ret, size_t *ret_size, Err *err) {
    Buf buf;
    char piece[16 * 1024];
    ssize_t n;
    buf_init(&buf, max + sizeof(piece));
    while ((n = read(STDIN_FILENO, piece, sizeof(piece))) != 0) {
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 || buf.n + (size_t)n > max)
            break;
        buf_put(&buf, piece, (size_t)n);
    }
    int number = errno;
    *ret_size = buf.n;
    *ret = buf_take(&buf);
    buf_deinit(&buf);
    if (n > 0)
        return err_set(err, ERR_LIMIT, "stdin has more than the %zu bytes that it may have", max);
    return n < 0 ? err_sys(err, number, "read stdin") : 0;
}

int input_read(const char *file, size_t max, char **ret, size_t *ret_size, Err *err) {
    return strcmp(file, "-") == 0 ? read_stdin(max, ret, ret_size, err)
                                  : file_read(file, max, ret, ret_size, err);
}
