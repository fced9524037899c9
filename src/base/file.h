/* SPDX-License-Identifier: Apache-2.0 */
/* Whole files. Every descriptor made here is close-on-exec. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/err.h"

/* Reads at most `max` bytes; a longer file is ERR_LIMIT. *ret is owned, NUL-terminated; ret_size
 * may be NULL. Pipes and sockets, which could keep us waiting, are refused. */
MUST int file_read(const char *path, size_t max, char **ret, size_t *ret_size, Err *err);
/* Plain: creates or truncates. */
MUST int file_write(const char *path, const void *bytes, size_t size, mode_t mode, Err *err);
/* Makes the file, or leaves nothing there. ERR_CONFLICT: there is one already, or a link. */
MUST int file_write_new(const char *path, const void *bytes, size_t size, mode_t mode, Err *err);
/* Adds to its end, or nothing; makes it if it is missing. One writer at a time. */
MUST int file_append(const char *path, const void *bytes, size_t size, mode_t mode, Err *err);
/* <path>.tmp, then renamed into place: a reader sees the old or the new one. One writer per path
 * (locks are the caller's). sync: survives a power cut. */
MUST int file_write_atomic(const char *path, const void *bytes, size_t size, mode_t mode, bool sync,
                           Err *err);
/* Likewise, with what was written into a Buf; one that was not large enough is refused. */
MUST int file_write_buf(const char *path, const Buf *buf, mode_t mode, Err *err);
/* Exclusive flock on `path` (made if missing); kept until the descriptor is closed. ERR_CONFLICT:
 * another has it and !wait. */
MUST int file_lock(const char *path, bool wait, int *ret_fd, Err *err);
