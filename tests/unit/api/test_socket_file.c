/* SPDX-License-Identifier: Apache-2.0 */
/* The socket's file: whose, how, and again when it vanishes. */
#include "client.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "api/socket_file.h"
#include "base/path.h"

static void ignore(void *arg, int fd) {
    (*(int *)arg)++;
}

static int connects(const char *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof(address.sun_path), "%.107s", path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int r = connect(fd, (struct sockaddr *)&address, sizeof(address));
    close(fd);
    return r;
}

/* A socket nobody listens on any more. */
static void leave_socket(const char *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof(address.sun_path), "%.107s", path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ASSERT(bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0);
    close(fd);
}

TEST(the_socket_is_ours_alone)
{
    Front *front = front_new();
    struct stat st;
    ASSERT(lstat(front->socket, &st) == 0);
    CHECK(S_ISSOCK(st.st_mode));
    CHECK_EQ(st.st_mode & 0777, 0600);
    CHECK_EQ(st.st_uid, geteuid());
    char socket_path[240];
    snprintf(socket_path, sizeof(socket_path), "%s", front->socket);
    mode_t mask = umask(0);
    umask(mask);
    CHECK(mask != 0177); /* put back */
    front_free(front);
    CHECK(lstat(socket_path, &st) < 0); /* gone with its server */
}

TEST(a_leftover_is_replaced_a_living_one_is_not)
{
    char path[240];
    int calls = 0;
    Err err;
    snprintf(path, sizeof(path), "%s/s.sock", test_dir());
    leave_socket(path);
    Loop *loop = loop_new();
    SocketFile *file = socket_file_new(loop, path, ignore, &calls, &err);
    ASSERT(file);
    CHECK_EQ(connects(path), 0);
    CHECK(!socket_file_new(loop, path, ignore, &calls, &err));
    CHECK_EQ(err.kind, ERR_CONFLICT);
    CHECK_HAS(err.msg, "a server answers at");
    socket_file_free(file);
    loop_free(loop);
}

TEST(what_is_in_the_way_is_left_alone)
{
    char path[240];
    int calls = 0;
    Err err;
    struct stat st;
    snprintf(path, sizeof(path), "%s/s.sock", test_dir());
    FILE *plain = fopen(path, "w");
    fclose(plain);
    Loop *loop = loop_new();
    CHECK(!socket_file_new(loop, path, ignore, &calls, &err));
    CHECK_EQ(err.kind, ERR_DENIED);
    CHECK(lstat(path, &st) == 0 && S_ISREG(st.st_mode));
    if (geteuid() == 0) {
        unlink(path);
        leave_socket(path);
        ASSERT(lchown(path, 12345, 12345) == 0);
        CHECK(!socket_file_new(loop, path, ignore, &calls, &err));
        CHECK_HAS(err.msg, "a socket of user 12345");
    }
    loop_free(loop);
}

TEST(paths_have_a_limit)
{
    char path[300];
    int calls = 0;
    Err err;
    Loop *loop = loop_new();
    snprintf(path, sizeof(path), "%s/", test_dir());
    size_t n = strlen(path);
    memset(path + n, 'x', MAX_SOCKET_PATH - n);
    path[MAX_SOCKET_PATH] = '\0';
    SocketFile *file = socket_file_new(loop, path, ignore, &calls, &err);
    ASSERT(file);
    CHECK_EQ(connects(path), 0);
    socket_file_free(file);
    memcpy(path + MAX_SOCKET_PATH, "y", 2);
    CHECK(!socket_file_new(loop, path, ignore, &calls, &err));
    CHECK_HAS(err.msg, "longer than 107 bytes");
    CHECK(!socket_file_new(loop, "relative.sock", ignore, &calls, &err));
    CHECK_HAS(err.msg, "must be absolute");
    loop_free(loop);
}

static bool is_there(void *arg) {
    return connects(arg) == 0;
}

TEST(a_socket_that_is_removed_is_made_again)
{
    Front *front = front_new();
    Client *early = client_new(front);
    for (int i = 0; i < 3; i++) {
        ASSERT(unlink(front->socket) == 0);
        CHECK(front_wait(front, is_there, front->socket));
        Answer answer = ask_get(front, "/healthz");
        CHECK_EQ(answer.status, 200);
        answer_free(&answer);
    }
    client_text(early, "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"); /* who is connected stays so */
    Answer answer = client_answer(early);
    CHECK_EQ(answer.status, 200);
    answer_free(&answer);
    client_free(early);
    struct stat st;
    CHECK(lstat(front->socket, &st) == 0 && (st.st_mode & 0777) == 0600);
    front_free(front);
}

TEST(a_directory_that_is_removed_is_made_again)
{
    char dir[240], path[300];
    int calls = 0;
    Err err;
    Front *front = front_new();
    snprintf(dir, sizeof(dir), "%s/run/deep", test_dir());
    snprintf(path, sizeof(path), "%s/s.sock", dir);
    SocketFile *file = socket_file_new(front->loop, path, ignore, &calls, &err);
    ASSERT(file);
    for (int i = 1; i <= 2; i++) {
        char run[240];
        snprintf(run, sizeof(run), "%s/run", test_dir());
        ASSERT(path_remove_tree(run, &err) == 0);
        CHECK(front_wait(front, is_there, path));
        CHECK(calls >= i);
    }
    char moved[260];
    snprintf(moved, sizeof(moved), "%s-moved", dir);
    ASSERT(rename(dir, moved) == 0);
    CHECK(front_wait(front, is_there, path));
    front_settle(front);
    CHECK(!loop_turn(front->loop, 30)); /* and then it is quiet */
    socket_file_free(file);
    front_free(front);
}

TEST(somebody_elses_socket_in_our_place_is_not_removed)
{
    char path[240];
    int calls = 0;
    Err err;
    Loop *loop = loop_new();
    snprintf(path, sizeof(path), "%s/s.sock", test_dir());
    SocketFile *file = socket_file_new(loop, path, ignore, &calls, &err);
    ASSERT(file);
    unlink(path);
    SocketFile *other = socket_file_new(loop, path, ignore, &calls, &err);
    ASSERT(other);
    while (loop_turn(loop, 50))
        continue;
    CHECK_EQ(calls, 0);
    socket_file_free(file);
    CHECK_EQ(connects(path), 0);
    socket_file_free(other);
    loop_free(loop);
}
