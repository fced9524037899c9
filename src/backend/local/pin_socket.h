/* SPDX-License-Identifier: Apache-2.0 */
/* The server's side of the sockets of pin/wire.h. Nothing here blocks. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/err.h"
#include "pin/wire.h"

/* The abstract name of the rail of a state directory, and of the pin of a run. */
void pin_socket_rail_name(const char *state_dir, char *ret, size_t size);
void pin_socket_pin_name(const char *id, char *ret, size_t size);

/* Connects to an abstract name. -1: ERR_NOT_FOUND nobody listens, ERR_UNAVAILABLE it is busy,
 * ERR_DENIED it is not ours. */
MUST int pin_socket_connect(const char *name, Err *err);

/* A connected pair: [0] ours, [1] for the pin. -1: errno; EMFILE already when only a few
 * descriptors are left, for whoever wants to know what runs, or to end it, must be heard. */
MUST int pin_socket_pair(int ret_fds[2]);

/* 0, or -1 with errno; EAGAIN when there is no room. */
int pin_socket_send(int fd, const void *bytes, size_t size, const int *fds, size_t n);

typedef struct PinPacket {
    size_t size;
    int fd; /* that came with it, the receiver's; -1: none */
    union {
        WireHead head;
        uint64_t align;
        char bytes[WIRE_MAX];
    };
} PinPacket;

typedef enum PinReceived { PIN_RECEIVED, PIN_NOTHING, PIN_GONE } PinReceived;

PinReceived pin_socket_receive(int fd, PinPacket *ret);
uint32_t pin_packet_type(const PinPacket *packet);
/* The struct in the packet as we know it: what is missing is zero, what is beyond is ignored. */
void pin_packet_body(const PinPacket *packet, void *ret, size_t size);
