/* SPDX-License-Identifier: Apache-2.0 */
#include "backend/local/pin_socket.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/sys.h"
#include "spec/digest.h"

enum { FDS_MAX = 3 + WIRE_SOCKETS_MAX, FDS_FOR_OTHERS = 8 };

void pin_socket_rail_name(const char *state_dir, char *ret, size_t size) {
    AUTO_FREE char *real = realpath(state_dir, NULL);
    char hex[17];
    digest_hex(real ? real : state_dir, hex, 16);
    snprintf(ret, size, WIRE_RAIL_NAME, (unsigned)geteuid(), hex);
}

void pin_socket_pin_name(const char *id, char *ret, size_t size) {
    snprintf(ret, size, WIRE_PIN_NAME, (unsigned)geteuid(), id);
}

static bool is_ours(int fd) {
    struct ucred peer;
    socklen_t size = sizeof peer;
    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 &&
           (peer.uid == 0 || peer.uid == geteuid());
}

int pin_socket_connect(const char *name, Err *err) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t n = strnlen(name, sizeof address.sun_path - 1);
    memcpy(address.sun_path + 1, name, n);
    AUTO_CLOSE int fd = sys_socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return err_sys(err, errno, "socket");
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + n);
    if (sys_connect(fd, (struct sockaddr *)&address, size) < 0) {
        if (errno == ECONNREFUSED || errno == ENOENT)
            return err_set(err, ERR_NOT_FOUND, "nobody listens on @%s", name);
        return err_set(err, ERR_UNAVAILABLE, "connect to @%s: %s", name, strerror(errno));
    }
    if (!is_ours(fd))
        return err_set(err, ERR_DENIED, "the socket @%s belongs to another user", name);
    return TAKE_FD(fd);
}

/* Descriptors are given out from the lowest: one so high is among the last that there are. */
static bool is_for_others(int fd) {
    struct rlimit files;
    return getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur != RLIM_INFINITY &&
           (rlim_t)fd + FDS_FOR_OTHERS >= files.rlim_cur;
}

int pin_socket_pair(int ret_fds[2]) {
    int type = SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC;
    if (sys_socketpair(AF_UNIX, type, 0, ret_fds) < 0)
        return -1;
    if (!is_for_others(ret_fds[0]))
        return 0;
    close(ret_fds[0]);
    close(ret_fds[1]);
    errno = EMFILE;
    return -1;
}

int pin_socket_send(int fd, const void *bytes, size_t size, const int *fds, size_t n) {
    _Alignas(struct cmsghdr) char space[CMSG_SPACE(sizeof(int) * FDS_MAX)] = {0};
    struct iovec part = {.iov_base = (void *)(uintptr_t)bytes, .iov_len = size};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    if (n) {
        message.msg_control = space;
        message.msg_controllen = CMSG_SPACE(sizeof(int) * n);
        struct cmsghdr *control = CMSG_FIRSTHDR(&message);
        control->cmsg_level = SOL_SOCKET;
        control->cmsg_type = SCM_RIGHTS;
        control->cmsg_len = CMSG_LEN(sizeof(int) * n);
        memcpy(CMSG_DATA(control), fds, sizeof(int) * n);
    }
    return sys_sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? -1 : 0;
}

PinReceived pin_socket_receive(int fd, PinPacket *ret) {
    struct iovec part = {.iov_base = ret->bytes, .iov_len = sizeof ret->bytes};
    _Alignas(struct cmsghdr) char space[CMSG_SPACE(sizeof(int))];
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    ssize_t n;
    ret->fd = -1;
    do { /* ECONNRESET: the peer closed before it had read all we sent; what it sent comes next */
        message.msg_control = space;
        message.msg_controllen = CMSG_LEN(sizeof(int));
        n = sys_recvmsg(fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    } while (n < 0 && errno == ECONNRESET);
    if (n < 0)
        return errno == EAGAIN ? PIN_NOTHING : PIN_GONE;
    const struct cmsghdr *control = CMSG_FIRSTHDR(&message);
    if (control && control->cmsg_type == SCM_RIGHTS)
        memcpy(&ret->fd, CMSG_DATA(control), sizeof ret->fd);
    ret->size = (size_t)n;
    return n == 0 ? PIN_GONE : PIN_RECEIVED;
}

uint32_t pin_packet_type(const PinPacket *packet) {
    return packet->size < sizeof packet->head ? 0 : packet->head.type;
}

void pin_packet_body(const PinPacket *packet, void *ret, size_t size) {
    memset(ret, 0, size);
    memcpy(ret, packet->bytes, size < packet->size ? size : packet->size);
}
