/* SPDX-License-Identifier: Apache-2.0 */
/* Calls against a server that is a script: a child of the test that answers as it is told. */
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/path.h"
#include "client/client.h"
#include "data/json.h"
#include "harness/test.h"

/* What the server does with one connection. */
typedef struct Turn {
    const char *expect; /* part of the request */
    const char *answer; /* NULL: it breaks off */
    bool silent;        /* it keeps the connection and says nothing */
    int64_t again_ms;   /* for so long it takes another connection for the same turn */
} Turn;

/* Head and body; who closes before it has read everything takes its answer back. */
static bool is_whole(const char *request) {
    const char *end = strstr(request, "\r\n\r\n"), *length = strstr(request, "Content-Length: ");
    return end && (!length || strlen(end + 4) >= strtoul(length + 16, NULL, 10));
}

static void serve(int listener, const Turn *turns, size_t n) {
    int64_t began_ms = clock_mono_ms();
    for (size_t i = 0; i < n; i += clock_mono_ms() >= began_ms + turns[i].again_ms) {
        char request[8192] = "";
        size_t got = 0;
        int fd = accept(listener, NULL, NULL);
        while (!is_whole(request)) {
            ssize_t r = read(fd, request + got, sizeof(request) - 1 - got);
            if (r <= 0)
                _exit(9);
            got += (size_t)r;
        }
        if (turns[i].expect && !strstr(request, turns[i].expect))
            _exit(8);
        if (turns[i].silent)
            pause();
        if (turns[i].answer && write(fd, turns[i].answer, strlen(turns[i].answer)) < 0)
            _exit(7);
        close(fd);
    }
    _exit(0);
}

static pid_t start(Client *client, const Turn *turns, size_t n) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    *client = (Client){.timeout_ms = 5000};
    client->socket = path_join(test_dir(), "server.sock");
    snprintf(address.sun_path, sizeof(address.sun_path), "%s", client->socket);
    int listener = socket(AF_UNIX, SOCK_STREAM, 0);
    ASSERT(bind(listener, (struct sockaddr *)&address, sizeof(address)) == 0);
    ASSERT(listen(listener, 8) == 0);
    pid_t pid = fork();
    if (pid == 0)
        serve(listener, turns, n);
    close(listener);
    return pid;
}

static void finish(Client *client, pid_t pid) {
    int status;
    waitpid(pid, &status, 0);
    CHECK(WIFEXITED(status));
    CHECK_EQ(WEXITSTATUS(status), 0);
    client_deinit(client);
}

#define JSON_REPLY(status, json) \
    "HTTP/1.1 " status "\r\nContent-Type: application/json\r\n\r\n" json

TEST(an_answer_is_a_tree)
{
    static const Turn turns[] = {
        {"GET /a?b=c%20d HTTP/1.1\r\n", JSON_REPLY("200 OK", "{\"x\":1}"), false}};
    Client client;
    Arena arena;
    const Value *v;
    Err err;
    Buf path;
    pid_t pid = start(&client, turns, COUNT(turns));
    arena_init(&arena);
    buf_init(&path, 100);
    buf_puts(&path, "/a");
    client_param(&path, "b", "c d");
    CHECK_EQ(client_ask(&client, "GET", buf_cstr(&path), NULL, &arena, &v, &err), 0);
    CHECK_EQ(value_get_int(v, "x", 0), 1);
    buf_deinit(&path);
    arena_deinit(&arena);
    finish(&client, pid);
}

TEST(a_status_is_an_error_with_its_sentence)
{
    static const Turn turns[] = {
        {"POST /a",
         JSON_REPLY("409 Conflict", "{\"message\":\"it is there\",\"details\":{\"name\":\"x\"}}"),
         false},
        {"GET /b", JSON_REPLY("404 Not Found", "{\"message\":\"it is not\"}"), false},
        {"GET /c", "HTTP/1.1 500 Oh\r\n\r\nno json", false}};
    Client client;
    Arena arena;
    const Value *v;
    Err err;
    pid_t pid = start(&client, turns, COUNT(turns));
    arena_init(&arena);
    CHECK_EQ(client_ask(&client, "POST", "/a", "{}", &arena, &v, &err), -1);
    CHECK_EQ(err.kind, ERR_CONFLICT);
    CHECK_STR(err.msg, "it is there");
    CHECK_STR(value_get_str(value_get(v, "details"), "name"), "x");
    CHECK_EQ(client_ask(&client, "GET", "/b", NULL, &arena, &v, &err), -1);
    CHECK_EQ(err.kind, ERR_NOT_FOUND);
    CHECK_EQ(client_ask(&client, "GET", "/c", NULL, &arena, &v, &err), -1);
    CHECK_EQ(err.kind, ERR_UNAVAILABLE);
    CHECK_HAS(err.msg, "answered 500");
    arena_deinit(&arena);
    finish(&client, pid);
}

TEST(what_changes_nothing_is_asked_again)
{
    static const Turn turns[] = {{"GET /a", NULL, false},
                                 {"GET /a", "HTTP/1.1 200", false},
                                 {"GET /a", JSON_REPLY("200 OK", "7"), false}};
    Client client;
    HttpAnswer answer;
    Err err;
    pid_t pid = start(&client, turns, COUNT(turns));
    CHECK_EQ(client_raw(&client, "GET", "/a", NULL, &answer, &err), 0);
    CHECK_STR(answer.body, "7");
    http_answer_free(&answer);
    finish(&client, pid);
}

TEST(what_changes_something_is_not)
{
    static const Turn turns[] = {{"POST /a", NULL, false}};
    Client client;
    HttpAnswer answer;
    Err err;
    pid_t pid = start(&client, turns, COUNT(turns));
    CHECK_EQ(client_raw(&client, "POST", "/a", "{}", &answer, &err), -1);
    CHECK_EQ(err.kind, ERR_UNAVAILABLE);
    CHECK_HAS(err.msg, "whether it was done, `thole ps` shows");
    finish(&client, pid);
}

TEST(what_comes_to_the_same_is_asked_again)
{
    static const Turn turns[] = {{"POST /a", NULL, false},
                                 {"POST /a", JSON_REPLY("201 Created", "7"), false}};
    Client client;
    HttpAnswer answer;
    Err err;
    pid_t pid = start(&client, turns, COUNT(turns));
    client.may_repeat = true;
    CHECK_EQ(client_raw(&client, "POST", "/a", "{}", &answer, &err), 0);
    CHECK_STR(answer.body, "7");
    http_answer_free(&answer);
    finish(&client, pid);
}

TEST(an_interrupt_ends_the_waiting)
{
    static const Turn turns[] = {{"POST /a", NULL, true}};
    Client client;
    HttpAnswer answer;
    Err err;
    int ends[2];
    pid_t pid = start(&client, turns, COUNT(turns));
    ASSERT(pipe(ends) == 0 && write(ends[1], "x", 1) == 1);
    client.timeout_ms = 60 * 1000;
    client.interrupt = ends[0];
    int64_t began_ms = clock_mono_ms();
    CHECK_EQ(client_raw(&client, "POST", "/a", "{}", &answer, &err), -1);
    CHECK_EQ(err.kind, ERR_CANCELLED);
    CHECK(clock_mono_ms() - began_ms < 20 * 1000);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    client_deinit(&client);
}

TEST(nobody_there)
{
    Client client = {.socket = path_join(test_dir(), "none.sock")};
    HttpAnswer answer;
    Err err;
    CHECK_EQ(client_raw(&client, "GET", "/", NULL, &answer, &err), -1);
    CHECK_EQ(err.kind, ERR_UNAVAILABLE);
    CHECK_HAS(err.msg, "none.sock");
    CHECK_EQ(client_raw(&client, "GET", "/", NULL, &answer, NULL), -1); /* who does not care why */
    client_deinit(&client);
}

TEST(a_path_too_long_for_a_socket)
{
    char path[300];
    memset(path, 'x', sizeof(path) - 1);
    path[0] = '/';
    path[sizeof(path) - 1] = '\0';
    Client client = {.socket = path};
    HttpAnswer answer;
    Err err;
    CHECK_EQ(client_raw(&client, "GET", "/", NULL, &answer, &err), -1);
    CHECK_HAS(err.msg, "THOLE_RUNTIME_DIR");
}

TEST(a_server_that_says_nothing_is_not_waited_for_without_end)
{
    static const Turn turns[] = {{"GET /a", NULL, true}};
    Client client;
    HttpAnswer answer;
    Err err;
    pid_t pid = start(&client, turns, COUNT(turns));
    client.timeout_ms = 100;
    int64_t began_ms = clock_mono_ms();
    CHECK_EQ(client_raw(&client, "GET", "/a", NULL, &answer, &err), -1);
    CHECK_EQ(err.kind, ERR_TIMEOUT);
    CHECK_HAS(err.msg, "thole server restart");
    CHECK(clock_mono_ms() - began_ms < 5000);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    client_deinit(&client);
}

static char warned[200];

static void on_warning(const char *what) {
    snprintf(warned + strlen(warned), sizeof(warned) - strlen(warned), "%s\n", what);
}

TEST(servers_that_go_away_before_they_answer_are_told_of_once)
{
    static const Turn turns[] = {{.expect = "GET /a", .again_ms = HTTP_SILENT_MS + 1000},
                                 {"GET /a", JSON_REPLY("200 OK", "{}"), .silent = false}};
    Client client;
    HttpAnswer answer;
    Err err;
    char expected[100];
    pid_t pid = start(&client, turns, COUNT(turns));
    client.warn = on_warning;
    CHECK_EQ(client_raw(&client, "GET", "/a", NULL, &answer, &err), 0);
    snprintf(expected, sizeof(expected),
             "the server (process %d) went away before it answered; waiting for the next\n",
             (int)getpid());
    CHECK_STR(warned, expected);
    http_answer_free(&answer);
    finish(&client, pid);
}

TEST(lines_that_came_with_the_head_are_there_at_once)
{
    static const Turn turns[] = {{"GET /a",
                                  "HTTP/1.1 200 OK\r\nTransfer-Encoding: "
                                  "chunked\r\n\r\n8\r\none\ntwo\n\r\n5\r\nthree\r\n0\r\n\r\n",
                                  false}};
    Client client;
    Err err;
    size_t size;
    pid_t pid = start(&client, turns, COUNT(turns));
    HttpLines *lines = client_lines(&client, "/a", &err);
    ASSERT(lines);
    while (!http_lines_done(lines)) {
        struct pollfd p = {.fd = http_lines_fd(lines), .events = POLLIN};
        poll(&p, 1, 5000);
        CHECK(http_lines_fill(lines, &err) >= 0);
    }
    CHECK_STR(http_lines_next(lines, &size), "one");
    CHECK_EQ(size, 3);
    CHECK_STR(http_lines_next(lines, &size), "two");
    CHECK(!http_lines_next(lines, &size));
    CHECK_STR(http_lines_rest(lines, &size), "three");
    CHECK_EQ(size, 5);
    CHECK_STR(http_lines_rest(lines, &size), "");
    http_lines_close(lines);
    finish(&client, pid);
}

TEST(lines_that_are_refused_say_why)
{
    static const Turn turns[] = {
        {"GET /a", JSON_REPLY("404 Not Found", "{\"message\":\"no such log\"}"), false}};
    Client client;
    Err err;
    pid_t pid = start(&client, turns, COUNT(turns));
    CHECK(!client_lines(&client, "/a", &err));
    CHECK_EQ(err.kind, ERR_NOT_FOUND);
    CHECK_STR(err.msg, "no such log");
    finish(&client, pid);
}

TEST(segments_are_encoded)
{
    Buf path;
    buf_init(&path, 100);
    client_segment(&path, "a/b c%~\xc3\xa9:x");
    CHECK_STR(buf_cstr(&path), "a%2Fb%20c%25~%C3%A9:x");
    client_param(&path, "x", "1&2");
    client_param(&path, "y", "+");
    CHECK_STR(buf_cstr(&path), "a%2Fb%20c%25~%C3%A9:x?x=1%262&y=%2B");
    buf_deinit(&path);
}
