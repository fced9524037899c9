/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/test.h"

#include "backend/docker/demux.h"

#define HEAD(stream, size) stream "\0\0\0\0\0\0" size

typedef struct Seen {
    char text[300]; /* "[1:hello][2:x…": begin and end of each frame, and its stream */
    size_t n;
} Seen;

static void on_part(void *arg, const DemuxPart *part) {
    Seen *seen = arg;
    size_t room = sizeof(seen->text) - seen->n;
    int put = snprintf(seen->text + seen->n, room, "%s%.*s%s", part->begins ? "[" : "",
                       (int)part->n, part->bytes, part->ends ? "]" : "");
    if (part->begins && part->stream != DEMUX_STDOUT)
        seen->text[seen->n] = part->stream == DEMUX_STDERR ? '<' : '!';
    seen->n += (size_t)put;
}

static const char stream[] = HEAD("\1", "\5") "hello" HEAD("\2", "\3") "bad" HEAD("\1", "\0")
    HEAD("\0", "\2") "in" HEAD("\3", "\4") "oops";

TEST(demux_gives_what_the_frames_hold)
{
    Seen seen = {0};
    Demux demux = {.fn = on_part, .arg = &seen};
    CHECK_EQ(demux_put(&demux, stream, sizeof(stream) - 1, NULL), 0);
    CHECK_STR(seen.text, "[hello]<bad][][in]!oops]");
    CHECK(demux_between(&demux));
}

/* Cut into three at every pair of places. */
TEST(demux_does_not_mind_where_it_is_cut)
{
    size_t size = sizeof(stream) - 1;
    for (size_t a = 0; a <= size; a++) {
        for (size_t b = a; b <= size; b++) {
            Seen seen = {0};
            Demux demux = {.fn = on_part, .arg = &seen};
            CHECK_EQ(demux_put(&demux, stream, a, NULL), 0);
            CHECK_EQ(demux_put(&demux, stream + a, b - a, NULL), 0);
            CHECK_EQ(demux_put(&demux, stream + b, size - b, NULL), 0);
            CHECK_STR(seen.text, "[hello]<bad][][in]!oops]");
        }
    }
}

TEST(demux_knows_that_a_stream_was_cut)
{
    Seen seen = {0};
    Demux demux = {.fn = on_part, .arg = &seen};
    CHECK(demux_between(&demux));
    CHECK_EQ(demux_put(&demux, stream, 4, NULL), 0);
    CHECK(!demux_between(&demux));
    CHECK_EQ(demux_put(&demux, stream + 4, 6, NULL), 0);
    CHECK(!demux_between(&demux));
    CHECK_STR(seen.text, "[he");
    CHECK_EQ(demux_put(&demux, stream + 10, 3, NULL), 0);
    CHECK(demux_between(&demux));
}

TEST(demux_refuses_what_has_no_frames)
{
    static const char raw[] = HEAD("\1", "\2") "okHTTP/1.1 500 what";
    Seen seen = {0};
    Demux demux = {.fn = on_part, .arg = &seen};
    Err err = {0};
    CHECK_EQ(demux_put(&demux, raw, sizeof(raw) - 1, &err), -1);
    CHECK_STR(seen.text, "[ok]");
    CHECK_EQ(err.kind, ERR_UNAVAILABLE);
    CHECK_HAS(err.msg, "begins with 48545450");
}

/* The size is what it says, also beyond 31 bits. */
TEST(demux_reads_large_frames)
{
    static const char head[] = "\2\0\0\0\xff\xff\xff\xff";
    static char bytes[1000];
    Seen seen = {0};
    Demux demux = {.fn = on_part, .arg = &seen};
    CHECK_EQ(demux_put(&demux, head, 8, NULL), 0);
    CHECK_EQ(demux_put(&demux, bytes, sizeof(bytes), NULL), 0);
    CHECK_EQ(demux.left, UINT32_MAX - sizeof(bytes));
}
