/* SPDX-License-Identifier: Apache-2.0 */

#include "backend/port_owner.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/file.h"
#include "base/process.h"
#include "base/str.h"
#include "base/sys.h"
#include "pin/wire.h"

enum {
    STATE_UNCONNECTED = 7, /* of UDP: who is bound, and has no peer */
    STATE_LISTEN = 0x0A,
    MAX_ENVIRON = 8 << 20,
};

/* ---- listeners ---- */

static bool v4_is_local(uint32_t word) {
    return word == 0 || ntohl(word) >> 24 == 127;
}

/* An address as the kernel prints it: words of 8 digits, each in the byte order of the machine. */
static bool is_local(const char *digits) {
    uint32_t word[4] = {0};
    size_t n = strlen(digits) / 8;
    for (size_t i = 0; i < n && i < COUNT(word); i++) {
        char text[9] = {0};
        memcpy(text, digits + 8 * i, 8);
        word[i] = (uint32_t)strtoul(text, NULL, 16);
    }
    if (n == 1)
        return v4_is_local(word[0]);
    if (word[0] || word[1])
        return false;
    if (word[2] == htonl(0xffff))
        return v4_is_local(word[3]);
    return word[2] == 0 && (word[3] == 0 || word[3] == htonl(1));
}

static size_t listeners_of(const char *path, bool udp, uint16_t port, Listener *ret, size_t max) {
    FILE *file = fopen(path, "re");
    char line[512], address[40];
    size_t n = 0;
    if (!file)
        return 0;
    while (n < max && fgets(line, sizeof(line), file)) {
        unsigned at, state, uid;
        unsigned long long inode;
        if (sscanf(line, " %*u: %39[0-9A-F]:%x %*s %x %*s %*s %*s %u %*d %llu", address, &at,
                   &state, &uid, &inode) != 5)
            continue; /* the heading */
        if (!udp && state != STATE_LISTEN)
            break; /* the kernel lists listeners first */
        if (udp && state != STATE_UNCONNECTED)
            continue;
        if (at == port && is_local(address))
            ret[n++] = (Listener){.inode = inode, .uid = uid};
    }
    fclose(file);
    return n;
}

size_t port_listeners(uint16_t port, Listener ret[LISTENERS_MAX]) {
    size_t n = listeners_of("/proc/net/tcp", false, port, ret, LISTENERS_MAX);
    return n + listeners_of("/proc/net/tcp6", false, port, ret + n, LISTENERS_MAX - n);
}

size_t udp_port_listeners(uint16_t port, Listener ret[LISTENERS_MAX]) {
    size_t n = listeners_of("/proc/net/udp", true, port, ret, LISTENERS_MAX);
    return n + listeners_of("/proc/net/udp6", true, port, ret + n, LISTENERS_MAX - n);
}

/* ---- processes ---- */

bool process_listens(pid_t pid, const Listener *listeners, size_t n) {
    char path[64], to[64];
    snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
    DIR *dir = opendir(path);
    bool found = false;
    for (struct dirent *entry; dir && !found && (entry = readdir(dir));) {
        unsigned long long inode;
        ssize_t size = readlinkat(dirfd(dir), entry->d_name, to, sizeof(to) - 1);
        if (size < 0)
            continue;
        to[size] = '\0';
        if (sscanf(to, "socket:[%llu]", &inode) != 1)
            continue;
        for (size_t i = 0; i < n && !found; i++)
            found = listeners[i].inode == inode;
    }
    if (dir)
        closedir(dir);
    return found;
}

typedef struct Search {
    const Listener *listeners;
    size_t n;
    pid_t found;
} Search;

static bool search(void *arg, pid_t pid) {
    Search *s = arg;
    if (!process_listens(pid, s->listeners, s->n))
        return false;
    s->found = pid;
    return true;
}

bool port_owner(const Listener *listeners, size_t n, PortOwner *ret) {
    Search s = {.listeners = listeners, .n = n};
    process_each(search, &s);
    if (!s.found)
        return false;
    *ret = (PortOwner){.pid = s.found};
    process_command(s.found, ret->command, sizeof(ret->command));
    run_stamp_read(s.found, &ret->stamp);
    return true;
}

bool tree_listens(pid_t root, const Listener *listeners, size_t n) {
    Pids tree = {0};
    bool found = false;
    process_tree(root, &tree);
    for (size_t i = 0; i < tree.n && !found; i++)
        found = process_listens(tree.at[i], listeners, n);
    VEC_FREE(tree);
    return found;
}

/* ---- stamps ---- */

static void take(const char *entry, const char *name, char *ret, size_t size) {
    if (str_starts(entry, name))
        str_copy(ret, size, entry + strlen(name));
}

void run_stamp_read(pid_t pid, RunStamp *ret) {
    char path[64];
    AUTO_FREE char *text = NULL;
    size_t size;
    *ret = (RunStamp){0};
    snprintf(path, sizeof(path), "/proc/%d/environ", (int)pid);
    if (file_read(path, MAX_ENVIRON, &text, &size, NULL) < 0)
        return;
    for (const char *at = text; at < text + size; at += strlen(at) + 1) {
        take(at, RUN_STAMP "=", ret->id, sizeof(ret->id));
        take(at, "THOLE_SESSION=", ret->session, sizeof(ret->session));
        take(at, "THOLE_TARGET=", ret->target, sizeof(ret->target));
    }
    if (strspn(ret->id, "0123456789abcdef") != strlen(ret->id))
        ret->id[0] = '\0';
}

bool run_stamp_lives(const RunStamp *stamp) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int n = snprintf(address.sun_path + 1, sizeof(address.sun_path) - 1, WIRE_PIN_NAME,
                     (unsigned)geteuid(), stamp->id);
    AUTO_CLOSE int fd = sys_socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return true; /* in doubt nothing is ended */
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)n);
    return sys_connect(fd, (struct sockaddr *)&address, size) == 0 || errno != ECONNREFUSED;
}

typedef struct Ending {
    const char *id;
    int signal;
    size_t n;
} Ending;

static bool end_if_stamped(void *arg, pid_t pid) {
    Ending *ending = arg;
    RunStamp stamp;
    /* before its environment is read: it stays that process */
    AUTO_CLOSE int pidfd = sys_pidfd_open(pid);
    if (pidfd < 0 || pid == getpid())
        return false;
    run_stamp_read(pid, &stamp);
    if (strcmp(stamp.id, ending->id) == 0 && sys_pidfd_send_signal(pidfd, ending->signal) == 0)
        ending->n++;
    return false;
}

size_t run_stamp_signal(const char *id, int signal) {
    Ending ending = {.id = id, .signal = signal};
    if (id[0])
        process_each(end_if_stamped, &ending);
    return ending.n;
}
