/* SPDX-License-Identifier: Apache-2.0 */
/* A listening unix socket with a name in the file system, mode 0600, that is made again when
 * somebody removes it: the kernel tells us (inotify), so waiting costs no wake-up. It appears under
 * its name only once it listens. */
#pragma once

#include "loop/loop.h"

typedef struct SocketFile SocketFile;

enum { MAX_SOCKET_PATH = 107 }; /* bytes that fit into a socket address */

/* The socket to accept from has changed; -1: none for now. */
typedef void (*SocketFileFn)(void *arg, int fd);

/* A leftover of a server that is gone is replaced. ERR_CONFLICT: somebody answers there.
 * ERR_DENIED: it is no socket, or not ours. */
SocketFile *socket_file_new(Loop *loop, const char *path, SocketFileFn fn, void *arg, Err *err);
SocketFile *socket_file_free(SocketFile *file); /* removes it, if it is still ours */
int socket_file_fd(const SocketFile *file);     /* -1: none; NULL is fine */
