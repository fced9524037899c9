/* SPDX-License-Identifier: Apache-2.0 */
/* watch SOCKET PATH N: N watchers of one API path. Prints "ready" once each has been answered;
 * then, for each line on standard input, "armed", and after the next change "<span ns> <bytes a
 * watcher heard>". */
#include "fanout.h"

#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>

enum { QUIET_MS = 300 };

static int connect_to(const char *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    errno = ENAMETOOLONG;
    if (strlen(path) >= sizeof(address.sun_path))
        die("%s", path);
    memcpy(address.sun_path, path, strlen(path));
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
        die("connect to %s", path);
    return fd;
}

static void watch_all(Ears *ears, const char *path, const char *target) {
    char request[2048];
    int size =
        snprintf(request, sizeof(request),
                 "GET %s HTTP/1.1\r\nHost: localhost\r\nAccept: application/json\r\n\r\n", target);
    for (int i = 0; i < ears->count; i++) {
        int fd = connect_to(path);
        write_all(fd, request, (size_t)size);
        ears_add(ears, i, fd);
    }
    ears_span(ears);
    ears_drain(ears, QUIET_MS);
}

int main(int argc, char **argv) {
    errno = EINVAL;
    if (argc != 4)
        die("usage: watch SOCKET PATH N");
    int n = (int)number(argv[3]);
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    Ears ears;
    ears_init(&ears, n);
    watch_all(&ears, argv[1], argv[2]);
    setvbuf(stdout, NULL, _IOLBF, 0);
    puts("ready");
    char line[64];
    while (fgets(line, sizeof(line), stdin)) {
        ears_drain(&ears, QUIET_MS);
        ears_reset(&ears);
        ears.bytes = 0;
        puts("armed");
        int64_t span = ears_span(&ears);
        ears_drain(&ears, QUIET_MS);
        printf("%lld %lld\n", (long long)span, (long long)(ears.bytes / n));
    }
    ears_free(&ears);
    return 0;
}
