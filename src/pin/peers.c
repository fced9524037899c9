/* SPDX-License-Identifier: Apache-2.0 */
#include "pin/peers.h"
#include "base/sys.h"

void peers_init(Peers *p, char *buffer) {
    *p = (Peers){.listener = -1, .buffer = buffer};
    for (Peer *peer = p->all; peer < p->all + PEERS_MAX; peer++)
        peer->fd = -1;
}

int peers_listen(Peers *p, const char *name) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int used = snprintf(address.sun_path + 1, sizeof(address.sun_path) - 1, "%s", name);
    if (used >= (int)sizeof(address.sun_path) - 1)
        return errno = ENAMETOOLONG, -1;
    socklen_t size = (socklen_t)offsetof(struct sockaddr_un, sun_path) + 1 + (socklen_t)used;
    int fd = sys_socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -1;
    if (sys_bind(fd, (struct sockaddr *)&address, size) == 0 && sys_listen(fd, PEERS_MAX) == 0)
        return p->listener = fd;
    return close(fd), -1; /* keeps errno */
}

int64_t peers_poll(Peers *p, struct pollfd *fds, int64_t now) {
    bool room = false;
    for (int i = 0; i < PEERS_MAX; i++) {
        const Peer *peer = &p->all[i];
        fds[i] = (struct pollfd){peer->fd, peer->owed ? POLLIN | POLLOUT : POLLIN, 0};
        room |= peer->fd < 0;
    }
    p->deaf_until = p->deaf_until > now ? p->deaf_until : 0;
    fds[PEERS_MAX] = (struct pollfd){room && !p->deaf_until ? p->listener : -1, POLLIN, 0};
    return p->deaf_until;
}

static void hear(const Peers *p, Peer *peer, PeersFn fn, void *arg) {
    Packet packet = {.at = p->buffer, .size = 1};
    _Alignas(struct cmsghdr) char space[CMSG_SPACE(sizeof(packet.fds))];
    while (packet.size > 0) {
        struct iovec part = {p->buffer, WIRE_MAX};
        struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = space};
        message.msg_controllen = CMSG_LEN(sizeof(packet.fds));
        ssize_t size = sys_recvmsg(peer->fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
        if (size < 0 && errno == EAGAIN)
            return;
        packet.size = size > 0 ? (size_t)size : 0;
        const struct cmsghdr *control = size > 0 ? CMSG_FIRSTHDR(&message) : NULL;
        bool rights = control && control->cmsg_type == SCM_RIGHTS;
        size_t bytes = rights ? control->cmsg_len - CMSG_LEN(0) : 0;
        memcpy(packet.fds, space + CMSG_LEN(0), bytes);
        packet.fd_count = (int)(bytes / sizeof(int));
        fn(arg, peer, &packet);
        for (int i = 0; i < packet.fd_count; i++)
            close(packet.fds[i]);
    }
    close(peer->fd);
    *peer = (Peer){.fd = -1};
}

static void greet(Peers *p) {
    struct ucred who = {.uid = (uid_t)-1};
    int fd = sys_accept4(p->listener, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0 && errno != EAGAIN && errno != ECONNABORTED)
        p->deaf_until = sys_mono_ms() + PEERS_DEAF_MS;
    if (fd < 0)
        return;
    getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &(socklen_t){sizeof(who)});
    for (Peer *peer = p->all; peer < p->all + PEERS_MAX; peer++) {
        if (peer->fd >= 0 || (who.uid != 0 && who.uid != geteuid()))
            continue;
        *peer = (Peer){.fd = fd, .pid = who.pid};
        return;
    }
    close(fd);
}

void peers_hear(Peers *p, const struct pollfd *fds, PeersFn fn, void *arg) {
    for (int i = 0; i < PEERS_MAX; i++) {
        if (fds[i].revents & ~POLLOUT)
            hear(p, &p->all[i], fn, arg);
    }
    if (fds[PEERS_MAX].revents)
        greet(p);
}

bool peer_send_fd(const Peer *peer, const void *head, int fd) {
    struct {
        struct cmsghdr head;
        int fd;
    } control = {{CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS}, fd};
    struct iovec part = {(void *)(uintptr_t)head, ((const WireHead *)head)->size};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = &control};
    message.msg_controllen = fd >= 0 ? sizeof(control) : 0;
    ssize_t size = sys_sendmsg(peer->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    bool later = size < 0 && (errno == EAGAIN || errno == ENOBUFS);
    if (size < 0 && !later)
        shutdown(peer->fd, SHUT_RDWR); /* who cannot be told must not believe in silence */
    return !later;
}
