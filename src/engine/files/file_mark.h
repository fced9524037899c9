/* SPDX-License-Identifier: Apache-2.0 */
/* What a file was when it was looked at: its identity and times, and its content. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "base/err.h"

enum { MARK_HASH = 16 };

typedef struct FileMark {
    int64_t size, mtime_ns, ctime_ns;
    uint64_t inode;
    bool there;
    bool hashed;
    uint8_t hash[MARK_HASH]; /* the first bytes of SHA-256 */
} FileMark;

void file_mark_stat(const struct stat *st, FileMark *ret);
/* Looks at a file and reads it, unless it is larger than MAX_HASHED_BYTES, becomes so while it is
 * read, or cannot be read: then size and time count. Blocks. */
void file_mark_read(const char *path, FileMark *ret);
/* SHA-256 of all of it, DIGEST_BYTES. ERR_CONFLICT: it grows while it is read, beyond
 * MAX_HASHED_BYTES. Blocks. */
MUST int file_content(const char *path, uint8_t *ret, Err *err);
/* Nobody has touched it. */
bool file_mark_untouched(const FileMark *a, const FileMark *b);
/* The same content, as far as is known. */
bool file_mark_same(const FileMark *a, const FileMark *b);
