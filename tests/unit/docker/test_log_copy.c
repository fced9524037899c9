/* SPDX-License-Identifier: Apache-2.0 */
/* The log of a container in the log of its run: each byte once, whatever was cut. */
#include "harness/test.h"

#include <signal.h>
#include <sys/resource.h>

#include "backend/docker/demux.h"
#include "backend/docker/log_copy.h"
#include "backend/log_reader.h"
#include "base/buf.h"
#include "base/path.h"

#define TIME    "2026-01-02T03:04:05.123456789Z "
#define SECRETS "hunter22\0opensesame"
#define STORED  "docker: Pulling\na ******** b\nerr ********\nend hunt"

enum { STREAM_MAX = 4096, TIME_US = 123456 };

static void put_frame(Buf *stream, int number, const char *text) {
    const unsigned char head[DEMUX_HEAD] = {
        (unsigned char)number, 0, 0, 0, 0, 0, 0, (unsigned char)(strlen(TIME) + strlen(text))};
    buf_put(stream, head, sizeof(head));
    buf_puts(stream, TIME);
    buf_puts(stream, text);
}

/* Secrets lie across frames of one stream, with those of the other between. */
static void make_stream(Buf *stream) {
    buf_init(stream, STREAM_MAX);
    put_frame(stream, 1, "a hunt");
    put_frame(stream, 1, "er22 b\n");
    put_frame(stream, 2, "err open");
    put_frame(stream, 2, "sesame\n");
    put_frame(stream, 1, "end hunt");
}

static LogCopy *open_copy(const char *dir, uint64_t from) {
    LogCopyAsk ask = {
        .dir = dir, .from = from, .secrets = SECRETS, .secrets_size = sizeof(SECRETS)};
    Err err = {0};
    LogCopy *copy = log_copy_new(&ask, &err);
    CHECK_STR(err.msg, "");
    ASSERT(copy);
    return copy;
}

static const char *run_dir(size_t number) {
    static char dir[300];
    snprintf(dir, sizeof(dir), "%s/%zu", test_dir(), number);
    ASSERT(path_mkdirs(dir, 0700, NULL) == 0);
    return dir;
}

static void check_stored(const char *dir, const char *expected) {
    LogReader *reader = log_reader_new(dir);
    LogPiece piece;
    Err err = {0};
    Buf text;
    buf_init(&text, STREAM_MAX);
    while (log_reader_next(reader, &piece, &err) > 0) {
        if (piece.data)
            buf_put(&text, piece.data, piece.size);
        if (piece.at > 0)
            CHECK_EQ(piece.time_us % 1000000, TIME_US);
    }
    CHECK_STR(buf_cstr(&text), expected);
    buf_deinit(&text);
    log_reader_free(reader);
}

static void put(LogCopy *copy, const char *bytes, size_t n) {
    Err err = {0};
    CHECK_EQ(log_copy_put(copy, bytes, n, &err), 0);
    CHECK_STR(err.msg, "");
}

static void finish(LogCopy *copy) {
    Err err = {0};
    CHECK_EQ(log_copy_end(copy, &err), 0);
    log_copy_finish(copy);
    log_copy_free(copy);
}

TEST(log_copy_stores_the_same_wherever_a_piece_ends)
{
    Buf stream;
    make_stream(&stream);
    for (size_t cut = 0; cut <= stream.n; cut++) {
        const char *dir = run_dir(cut);
        LogCopy *copy = open_copy(dir, 0);
        log_copy_say(copy, "docker: Pulling");
        log_copy_begin(copy);
        put(copy, stream.p, cut);
        log_copy_flush(copy);
        put(copy, stream.p + cut, stream.n - cut);
        finish(copy);
        check_stored(dir, STORED);
    }
    buf_deinit(&stream);
}

/* A server is killed at each byte, before or after it has stored what came; the next one reads the
 * stream from its beginning. */
TEST(log_copy_stores_each_byte_once_whoever_is_killed)
{
    Buf stream;
    make_stream(&stream);
    for (size_t cut = 0; cut <= 2 * stream.n; cut++) {
        const char *dir = run_dir(cut);
        LogCopy *copy = open_copy(dir, 0);
        log_copy_say(copy, "docker: Pulling");
        uint64_t from = log_copy_from(copy);
        log_copy_begin(copy);
        put(copy, stream.p, cut / 2);
        if (cut % 2)
            log_copy_flush(copy);
        log_copy_free(copy);
        copy = open_copy(dir, from);
        log_copy_begin(copy);
        put(copy, stream.p, stream.n);
        finish(copy);
        copy = open_copy(dir, from); /* and once more, when all is there */
        log_copy_begin(copy);
        put(copy, stream.p, stream.n);
        finish(copy);
        check_stored(dir, STORED);
    }
    buf_deinit(&stream);
}

/* What a full disk (here a limit of file size) did not take is not made up for by what follows. */
TEST(log_copy_counts_what_the_disk_did_not_take)
{
    Buf stream;
    const char *dir = run_dir(0);
    struct rlimit few = {.rlim_cur = 40, .rlim_max = RLIM_INFINITY};
    struct rlimit all = {.rlim_cur = RLIM_INFINITY, .rlim_max = RLIM_INFINITY};
    signal(SIGXFSZ, SIG_IGN);
    buf_init(&stream, STREAM_MAX);
    put_frame(&stream, 1, "one\n");
    put_frame(&stream, 2, "two\n"); /* which has no room: an entry has 24 bytes */
    size_t lost = stream.n;
    put_frame(&stream, 1, "three\n");
    size_t third = stream.n;
    put_frame(&stream, 1, "four\n");
    LogCopy *copy = open_copy(dir, 0);
    log_copy_begin(copy);
    setrlimit(RLIMIT_FSIZE, &few);
    put(copy, stream.p, lost);
    log_copy_flush(copy);
    setrlimit(RLIMIT_FSIZE, &all);
    put(copy, stream.p + lost, third - lost);
    log_copy_flush(copy);
    log_copy_begin(copy); /* it was cut */
    put(copy, stream.p, third);
    log_copy_flush(copy);
    log_copy_free(copy);
    copy = open_copy(dir, 0); /* we were killed */
    log_copy_begin(copy);
    put(copy, stream.p, stream.n);
    finish(copy);
    check_stored(dir, "one\nthree\nfour\n");
    buf_deinit(&stream);
}

TEST(log_copy_says_that_a_stream_was_cut)
{
    Buf stream;
    Err err = {0};
    make_stream(&stream);
    LogCopy *copy = open_copy(run_dir(1), 0);
    log_copy_begin(copy);
    put(copy, stream.p, stream.n - 3);
    CHECK_EQ(log_copy_end(copy, &err), -1);
    CHECK_EQ(err.kind, ERR_UNAVAILABLE);
    log_copy_begin(copy); /* again */
    put(copy, stream.p, stream.n);
    finish(copy);
    buf_deinit(&stream);
}

TEST(log_copy_refuses_what_is_no_log)
{
    static const char *const streams[] = {"HTTP/1.1 200 OK", "\1\0\0\0\0\0\0\4none",
                                          "\1\0\0\0\0\0\0\5none "};
    static const size_t sizes[] = {15, 12, 13};
    LogCopy *copy = open_copy(run_dir(1), 0);
    for (size_t i = 0; i < 3; i++) {
        Err err = {0};
        log_copy_begin(copy);
        int put_result = log_copy_put(copy, streams[i], sizes[i], &err);
        CHECK_EQ(put_result, i == 1 ? 0 : -1);
        CHECK_EQ(err.kind, i == 1 ? ERR_NONE : ERR_UNAVAILABLE);
    }
    CHECK_EQ(log_copy_size(copy), 0);
    log_copy_free(copy);
}

TEST(log_copy_has_no_room_for_too_many_secrets)
{
    Buf secrets;
    Err err = {0};
    buf_init(&secrets, STREAM_MAX);
    for (int i = 0; i < 300; i++) {
        buf_printf(&secrets, "word%d", i);
        buf_putc(&secrets, '\0');
    }
    LogCopyAsk ask = {.dir = run_dir(1), .secrets = secrets.p, .secrets_size = secrets.n};
    CHECK(!log_copy_new(&ask, &err));
    CHECK_EQ(err.kind, ERR_LIMIT);
    CHECK_HAS(err.msg, "300 secrets");
    buf_deinit(&secrets);
}
