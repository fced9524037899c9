/* SPDX-License-Identifier: Apache-2.0 */

#include "engine/ports/port_hold.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/sys.h"

/* Abstract names belong to the network namespace, as ports do, and go with the socket. */
static int take_name(uint16_t port) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int n = snprintf(address.sun_path + 1, sizeof(address.sun_path) - 1, "thole/port/%u", port);
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)n);
    int fd = sys_socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && sys_bind(fd, (struct sockaddr *)&address, size) == 0)
        return fd;
    int why = errno;
    if (fd >= 0)
        close(fd);
    errno = why;
    return -1;
}

/* Two sockets that both have it may be bound to one port. */
static void set_reuse(int fd, int on) {
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
}

/* One socket for both families where there are two: `::` is every address. */
static int bound_socket(uint16_t port, bool reuse) {
    struct sockaddr_in6 all6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    struct sockaddr_in all4 = {.sin_family = AF_INET, .sin_port = htons(port)};
    int off = 0;
    int fd = sys_socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool six = fd >= 0 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off)) == 0;
    if (!six && fd >= 0)
        close(fd);
    if (!six)
        fd = sys_socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    if (reuse)
        set_reuse(fd, 1);
    int r = six ? sys_bind(fd, (struct sockaddr *)&all6, sizeof(all6))
                : sys_bind(fd, (struct sockaddr *)&all4, sizeof(all4));
    if (r == 0) {
        set_reuse(fd, 0);
        return fd;
    }
    int why = errno;
    close(fd);
    errno = why;
    return -1;
}

/* Without SO_REUSEADDR nobody else can bind it. But connections of a former run that are only
 * waiting to be forgotten would be in the way: they are not with it, and it is taken away again
 * when the port is bound. */
static int bind_socket(uint16_t port) {
    int fd = bound_socket(port, false);
    return fd < 0 && errno == EADDRINUSE ? bound_socket(port, true) : fd;
}

PortHold port_hold_name(uint16_t port) {
    return (PortHold){.port = port, .socket = -1, .name = take_name(port)};
}

int port_hold(uint16_t port, PortHold *ret, Err *err) {
    PortHold hold = port_hold_name(port);
    if (hold.name >= 0)
        hold.socket = bind_socket(port);
    if (hold.socket >= 0) {
        *ret = hold;
        return 0;
    }
    int why = errno;
    port_hold_deinit(&hold);
    if (why == EADDRINUSE)
        return err_set(err, ERR_CONFLICT, "port %u is in use", port);
    return err_sys(err, why, "bind port %u", port);
}

int port_hold_listen(PortHold *hold, Err *err) {
    set_reuse(hold->socket, 1); /* as for bind */
    if (!hold->listening && sys_listen(hold->socket, SOMAXCONN) < 0)
        return err_sys(err, errno, "listen on port %u", hold->port);
    hold->listening = true;
    return 0;
}

void port_hold_let_go(PortHold *hold) {
    hold->listening = false;
    if (hold->socket >= 0)
        close(hold->socket);
    hold->socket = -1;
}

void port_hold_deinit(PortHold *hold) {
    port_hold_let_go(hold);
    if (hold->name >= 0)
        close(hold->name);
    hold->name = -1;
}
