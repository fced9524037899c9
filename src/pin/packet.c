/* SPDX-License-Identifier: Apache-2.0 */
#include "pin/packet.h"

#include "base/sys.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

int packet_listen(const char *name) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t size = strlen(name);
    if (size > sizeof(address.sun_path) - 1)
        return errno = ENAMETOOLONG, -1;
    memcpy(address.sun_path + 1, name, size);
    socklen_t length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + size);
    int fd = sys_socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -1;
    if (sys_bind(fd, (struct sockaddr *)&address, length) == 0 && sys_listen(fd, 16) == 0)
        return fd;
    int error = errno;
    close(fd);
    return errno = error, -1;
}

int packet_accept(int listener, pid_t *ret_pid) {
    int fd;
    while ((fd = sys_accept4(listener, SOCK_CLOEXEC | SOCK_NONBLOCK)) >= 0) {
        struct ucred peer = {0};
        socklen_t size = sizeof(peer);
        bool known = getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0;
        if (known && (peer.uid == 0 || peer.uid == geteuid())) {
            if (ret_pid)
                *ret_pid = peer.pid;
            return fd;
        }
        close(fd);
    }
    return -1;
}

int packet_send(int fd, const void *head) {
    WireHead h;
    memcpy(&h, head, sizeof(h));
    struct iovec part = {.iov_base = (void *)(uintptr_t)head, .iov_len = h.size};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    return sys_sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? -1 : 0;
}

static void take(Packet *p, const struct cmsghdr *control) {
    if (control->cmsg_level != SOL_SOCKET || control->cmsg_type != SCM_RIGHTS)
        return;
    size_t bytes = control->cmsg_len - CMSG_LEN(0);
    memcpy(p->fds, CMSG_DATA(control), bytes);
    p->fd_count = (int)(bytes / sizeof(int));
}

Packet packet_receive(int fd, void *bytes, size_t size, bool take_fds) {
    _Alignas(struct cmsghdr) char space[CMSG_SPACE(sizeof(int) * PACKET_FDS_MAX)];
    struct iovec part = {.iov_base = bytes, .iov_len = size};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    if (take_fds) {
        message.msg_control = space;
        message.msg_controllen = sizeof(space);
    }
    Packet p = {.size = sys_recvmsg(fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC)};
    if (p.size < 0 || !take_fds)
        return p;
    const struct cmsghdr *control = CMSG_FIRSTHDR(&message);
    if (control) /* there is room for one only */
        take(&p, control);
    return p;
}

void packet_body(const void *bytes, size_t size, void *ret_body, size_t body_size) {
    memset(ret_body, 0, body_size);
    memcpy(ret_body, bytes, size < body_size ? size : body_size);
}
