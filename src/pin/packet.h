/* SPDX-License-Identifier: Apache-2.0 */
/* Packets of wire.h on abstract SOCK_SEQPACKET sockets. Nothing here blocks. */
#pragma once

#include "base/attr.h"
#include "pin/wire.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum { PACKET_FDS_MAX = 3 };

typedef struct Packet {
    ssize_t size; /* 0: the peer is gone; -1: nothing there, or an error (errno) */
    int fd_count;
    int fds[PACKET_FDS_MAX]; /* close-on-exec; the receiver's to close */
} Packet;

/* A listening socket on the abstract name, or -1 (EADDRINUSE: another one lives). */
MUST int packet_listen(const char *name);

/* The next connection whose peer is root or of our uid, or -1. Others are hung up on. ret_pid may be NULL. */
MUST int packet_accept(int listener, pid_t *ret_pid);

/* Sends the struct behind `head`, head->size bytes. -1 with EAGAIN when the peer does not read. */
int packet_send(int fd, const void *head);

/* Fills `bytes`. With take_fds descriptors that came along are received, else they are discarded. */
Packet packet_receive(int fd, void *bytes, size_t size, bool take_fds);

/* Copies a received struct into one of ours: what is missing is zero, what is beyond is ignored. */
void packet_body(const void *bytes, size_t size, void *ret_body, size_t body_size);

#define PACKET_HEAD(type, Struct) {(type), sizeof(Struct)}
