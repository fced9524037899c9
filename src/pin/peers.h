/* SPDX-License-Identifier: Apache-2.0 */
/* The connections of a rail or a pin: packets of wire.h on abstract SOCK_SEQPACKET sockets. Nothing
 * here blocks. News are owed, not queued: a peer has bits that say what it has not been told yet;
 * the owner makes the message from what is true when the socket takes it. */
#pragma once

#include "base/attr.h"
#include "pin/wire.h"

#include <poll.h>
#include <stdbool.h>
#include <string.h>
#include <sys/types.h>

enum {
    PEERS_MAX = 8,
    PEERS_POLL = PEERS_MAX + 1, /* entries of poll */
    PEERS_DEAF_MS = 1000,       /* after an accept failed for want of descriptors or memory */
    PACKET_FDS_MAX = 3 + WIRE_SOCKETS_MAX,
};

typedef struct Peer {
    int fd; /* -1: free */
    pid_t pid;
    uint32_t owed;   /* bits of the owner's; while not 0 poll says when the socket takes more */
    uint32_t hello;  /* rail: the newest has the greatest; 0: not a server */
    bool bye;        /* rail: it leaves on purpose */
    bool watches;    /* pin: wants news about the log beyond `number` */
    uint64_t number; /* pin: see watches; rail: tag of the sweep that is owed */
} Peer;

typedef struct Packet {
    const char *at; /* until the next one is received */
    size_t size;    /* 0: the peer is gone */
    int fd_count;
    int fds[PACKET_FDS_MAX]; /* close-on-exec, ascending; closed after the callback */
} Packet;

/* A peer's packet, or its end: then the peer is freed after the call. */
typedef void (*PeersFn)(void *arg, Peer *peer, const Packet *packet);

typedef struct Peers {
    int listener; /* -1: none */
    char *buffer; /* WIRE_MAX bytes */
    int64_t deaf_until;
    Peer all[PEERS_MAX];
} Peers;

void peers_init(Peers *p, char *buffer);

/* Listens on the abstract name. -1 with errno EADDRINUSE: another one lives. */
MUST int peers_listen(Peers *p, const char *name);

/* Fills PEERS_POLL entries; returns when poll must end for our sake, 0: never. */
int64_t peers_poll(Peers *p, struct pollfd *fds, int64_t now);

/* Receives what poll reported, and accepts one more peer if there is one: root or of our uid,
 * others are hung up on. */
void peers_hear(Peers *p, const struct pollfd *fds, PeersFn fn, void *arg);

/* Sends the struct behind `head`, with a descriptor unless that is -1. False if it is to be tried
 * again when the socket takes more. */
bool peer_send_fd(const Peer *peer, const void *head, int fd);

static inline bool peer_send(const Peer *peer, const void *head) {
    return peer_send_fd(peer, head, -1);
}

/* Copies the struct a packet begins with into ours: what is missing is zero, what is beyond is
 * ignored. */
static inline void packet_body(const Packet *packet, void *ret_body, size_t size) {
    memset(ret_body, 0, size);
    memcpy(ret_body, packet->at, packet->size < size ? packet->size : size);
}

/* How long poll may sleep until `due`, 0: for ever. */
static inline int peers_wait(int64_t due, int64_t now) {
    return due == 0 ? -1 : due <= now ? 0 : due - now > 1000000 ? 1000000 : (int)(due - now);
}

/* A message: WIRE(WIRE_LOG, WireLog, size). */
#define WIRE(type, Struct, ...) ((Struct){{(type), sizeof(Struct)}, ##__VA_ARGS__})
