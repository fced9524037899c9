/* SPDX-License-Identifier: Apache-2.0 */
/* Logs made by hand, as pins leave them whole and broken, and what the reader makes of them. */
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "backend/log_reader.h"
#include "base/xalloc.h"
#include "harness/test.h"
#include "pin/wire.h"

/* ---- Writing a log ---- */

static void append(const char *prefix, uint64_t segment, const void *bytes, size_t size) {
    AUTO_FREE char *path =
        xasprintf("%s/%s%016llx", test_dir(), prefix, (unsigned long long)segment);
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND, 0600);
    ASSERT(fd >= 0 && write(fd, bytes, size) == (ssize_t)size);
    close(fd);
}

static void put_index(uint64_t segment, LogChunk chunk) {
    append(LOG_INDEX, segment, &chunk, sizeof chunk);
}

static uint64_t put(uint64_t segment, uint64_t at, int stream, int64_t time_us, const char *text) {
    size_t n = strlen(text);
    append(LOG_DATA, segment, text, n);
    put_index(
        segment,
        (LogChunk){.at = at, .time_us = time_us, .size = (uint32_t)n, .stream = (uint16_t)stream});
    return at + n;
}

static void put_gap(uint64_t segment, uint64_t at, uint32_t size, LogGap why) {
    put_index(
        segment,
        (LogChunk){.at = at, .time_us = 1, .size = size, .kind = LOG_GAP, .stream = (uint16_t)why});
}

static void run_has_ended(void) {
    AUTO_FREE char *path = xasprintf("%s/" EXIT_RECORD, test_dir());
    int fd = open(path, O_WRONLY | O_CREAT, 0600);
    ASSERT(fd >= 0);
    close(fd);
}

/* ---- Reading it: "1:text" "2:text" "0:gap (7)" joined by '|' ---- */

static const char *read_on(LogReader *reader) {
    static char text[4096];
    size_t n = 0;
    LogPiece piece;
    Err err = {0};
    int got;
    text[0] = '\0';
    while ((got = log_reader_next(reader, &piece, &err)) > 0) {
        n += (size_t)snprintf(text + n, sizeof text - n, "%s%d:", n ? "|" : "", piece.stream);
        if (piece.data)
            n += (size_t)snprintf(text + n, sizeof text - n, "%.*s", (int)piece.size, piece.data);
        else
            n += (size_t)snprintf(text + n, sizeof text - n, "%s", piece.gap);
    }
    if (got < 0)
        return err.msg[0] ? "error" : "?";
    return text;
}

static const char *read_from(uint64_t at) {
    LogReader *reader = log_reader_new(test_dir());
    log_reader_seek(reader, at);
    const char *text = read_on(reader);
    log_reader_free(reader);
    return text;
}

static const char *read_tail(size_t lines) {
    Err err;
    LogReader *reader = log_reader_new(test_dir());
    ASSERT(log_reader_seek_tail(reader, lines, &err) == 0);
    const char *text = read_on(reader);
    log_reader_free(reader);
    return text;
}

static const char *read_since(int64_t time_us) {
    Err err;
    LogReader *reader = log_reader_new(test_dir());
    ASSERT(log_reader_seek_time(reader, time_us, &err) == 0);
    const char *text = read_on(reader);
    log_reader_free(reader);
    return text;
}

/* ---- Tests ---- */

TEST(log_without_directory)
{
    Err err;
    uint64_t first, end;
    LogPiece piece;
    LogReader *reader = log_reader_new("/nonexistent/run");
    CHECK_EQ(log_reader_next(reader, &piece, &err), 0);
    CHECK_EQ(log_reader_bounds(reader, &first, &end, &err), 0);
    CHECK_EQ(end, 0);
    CHECK_EQ(log_reader_seek_tail(reader, 5, &err), 0);
    CHECK_EQ(log_reader_seek_time(reader, 5, &err), 0);
    CHECK_EQ(log_reader_tell(reader), 0);
    log_reader_free(reader);
}

TEST(log_streams_in_order)
{
    uint64_t at = put(0, 0, 1, 10, "one\n");
    at = put(0, at, 2, 20, "two\n");
    put(0, at, 1, 30, "three\n");
    CHECK_STR(read_from(0), "1:one\n|2:two\n|1:three\n");
    CHECK_STR(read_from(4), "2:two\n|1:three\n");
    CHECK_STR(read_from(6), "2:o\n|1:three\n");
    CHECK_STR(read_from(14), "");
    CHECK_STR(read_from(99), "");
}

TEST(log_piece_carries_time_and_offset)
{
    LogPiece piece;
    Err err;
    put(0, put(0, 0, 1, 1000, "abc"), 2, 2000, "defg");
    LogReader *reader = log_reader_new(test_dir());
    log_reader_seek(reader, 4);
    ASSERT(log_reader_next(reader, &piece, &err) == 1);
    CHECK_EQ(piece.at, 4);
    CHECK_EQ(piece.size, 3);
    CHECK_EQ(piece.time_us, 2000);
    CHECK_EQ(log_reader_tell(reader), 7);
    log_reader_free(reader);
}

TEST(log_is_followed)
{
    LogReader *reader = log_reader_new(test_dir());
    CHECK_STR(read_on(reader), "");
    uint64_t at = put(0, 0, 1, 1, "a");
    CHECK_STR(read_on(reader), "1:a");
    CHECK_STR(read_on(reader), "");
    at = put(0, at, 2, 2, "b");
    put(at, at, 1, 3, "c"); /* a new segment */
    CHECK_STR(read_on(reader), "2:b|1:c");
    CHECK_STR(read_on(reader), "");
    log_reader_free(reader);
}

TEST(log_data_is_not_shown_before_its_entry)
{
    uint64_t at = put(0, 0, 1, 1, "whole|");
    append(LOG_DATA, 0, "being written", 13);
    LogReader *reader = log_reader_new(test_dir());
    CHECK_STR(read_on(reader), "1:whole|");
    put_index(0, (LogChunk){.at = at, .size = 13, .stream = 2});
    CHECK_STR(read_on(reader), "2:being written");
    log_reader_free(reader);
}

TEST(log_rest_without_entry_after_the_end)
{
    struct stat st;
    LogPiece piece;
    Err err;
    put(0, 0, 2, 1, "seen|");
    append(LOG_DATA, 0, "rest", 4);
    run_has_ended();
    AUTO_FREE char *path = xasprintf("%s/" LOG_DATA "%016x", test_dir(), 0);
    ASSERT(stat(path, &st) == 0);
    CHECK_STR(read_from(0), "2:seen||1:rest");
    LogReader *reader = log_reader_new(test_dir());
    log_reader_seek(reader, 5);
    ASSERT(log_reader_next(reader, &piece, &err) == 1);
    CHECK_EQ(piece.time_us / 1000000, st.st_mtim.tv_sec);
    log_reader_free(reader);
}

TEST(log_torn_last_entry)
{
    uint64_t at = put(0, 0, 1, 1, "good|");
    LogChunk torn = {.at = at, .size = 4, .stream = 2};
    append(LOG_DATA, 0, "torn", 4);
    append(LOG_INDEX, 0, &torn, sizeof torn - 5);
    CHECK_STR(read_from(0), "1:good|");
    run_has_ended();
    CHECK_STR(read_from(0), "1:good||1:torn");
}

TEST(log_index_missing)
{
    append(LOG_DATA, 0, "first ", 6);
    append(LOG_DATA, 6, "second", 6);
    put_index(6, (LogChunk){.at = 6, .size = 6, .stream = 2, .time_us = 1});
    CHECK_STR(read_from(0), "1:first |2:second");
    CHECK_STR(read_from(3), "1:st |2:second");
}

TEST(log_index_of_zeros_after_a_power_cut)
{
    uint64_t at = put(0, 0, 1, 1, "good|");
    (void)at;
    put_index(0, (LogChunk){0});
    put_index(0, (LogChunk){0});
    append(LOG_DATA, 0, "tail", 4);
    run_has_ended();
    CHECK_STR(read_from(0), "1:good||1:tail");
}

TEST(log_data_missing_after_a_power_cut)
{
    put(0, 0, 1, 1, "good|");
    put_index(0, (LogChunk){.at = 5, .size = 10, .stream = 1, .time_us = 1});
    append(LOG_DATA, 0, "abc", 3);
    run_has_ended();
    CHECK_STR(read_from(0), "1:good||1:abc|0:7 bytes are missing on the disk");
}

TEST(log_capped)
{
    put(1000, 1000, 1, 1, "kept\n");
    CHECK_STR(read_from(0), "0:1000 bytes were dropped by the cap|1:kept\n");
    CHECK_STR(read_from(999), "0:1 bytes were dropped by the cap|1:kept\n");
    CHECK_STR(read_from(1000), "1:kept\n");
}

TEST(log_capped_under_the_reader)
{
    put(0, 0, 1, 1, "aaaa");
    put(4, 4, 1, 1, "bbbb");
    LogReader *reader = log_reader_new(test_dir());
    LogPiece piece;
    Err err;
    ASSERT(log_reader_next(reader, &piece, &err) == 1);
    const uint64_t gone[] = {0, 4};
    put(8, 8, 1, 1, "cccc");
    for (size_t i = 0; i < 2; i++) {
        AUTO_FREE char *data =
            xasprintf("%s/" LOG_DATA "%016llx", test_dir(), (unsigned long long)gone[i]);
        AUTO_FREE char *index =
            xasprintf("%s/" LOG_INDEX "%016llx", test_dir(), (unsigned long long)gone[i]);
        ASSERT(unlink(data) == 0 && unlink(index) == 0);
    }
    CHECK_STR(read_on(reader), "0:4 bytes were dropped by the cap|1:cccc");
    log_reader_free(reader);
}

TEST(log_gaps_are_told)
{
    uint64_t at = put(0, 0, 1, 1, "a");
    put_gap(0, at, 512, LOG_GAP_DISK);
    at = put(0, at, 1, 2, "b");
    put_gap(0, at, 0, LOG_GAP_PIN);
    CHECK_STR(read_from(0), "1:a|0:512 bytes were lost: the disk did not take them|1:b|"
                            "0:bytes may be missing here: its pin was killed");
    CHECK_STR(read_from(1), "0:512 bytes were lost: the disk did not take them|1:b|"
                            "0:bytes may be missing here: its pin was killed");
}

TEST(log_gap_after_bytes_without_entry)
{
    put(0, 0, 2, 1, "a");
    append(LOG_DATA, 0, "bc", 2);
    put_gap(0, 3, 9, LOG_GAP_DISK);
    CHECK_STR(read_from(0), "2:a|1:bc|0:9 bytes were lost: the disk did not take them");
}

TEST(log_many_segments)
{
    char expect[4096] = "";
    size_t n = 0;
    uint64_t at = 0;
    for (int i = 0; i < 50; i++) {
        AUTO_FREE char *text = xasprintf("line %d\n", i);
        uint64_t segment = at;
        at = put(segment, at, 1 + i % 2, i, text);
        n += (size_t)snprintf(expect + n, sizeof expect - n, "%s%d:%s", i ? "|" : "", 1 + i % 2,
                              text);
    }
    CHECK_STR(read_from(0), expect);
    CHECK_STR(read_tail(2), "1:line 48\n|2:line 49\n");
    CHECK_STR(read_since(48), "1:line 48\n|2:line 49\n");
}

TEST(log_tail_counts_lines)
{
    put(0, put(0, 0, 1, 1, "one\ntwo\n"), 2, 2, "three\nfour");
    CHECK_STR(read_tail(0), "");
    CHECK_STR(read_tail(1), "2:four");
    CHECK_STR(read_tail(2), "2:three\nfour");
    CHECK_STR(read_tail(3), "1:two\n|2:three\nfour");
    CHECK_STR(read_tail(9), "1:one\ntwo\n|2:three\nfour");
}

TEST(log_tail_of_whole_lines)
{
    put(0, 0, 1, 1, "one\ntwo\n");
    CHECK_STR(read_tail(1), "1:two\n");
    CHECK_STR(read_tail(2), "1:one\ntwo\n");
    CHECK_STR(read_tail(3), "1:one\ntwo\n");
}

TEST(log_since)
{
    uint64_t at = put(0, 0, 1, 100, "a");
    at = put(0, at, 1, 200, "b");
    at = put(at, at, 1, 300, "c");
    put(2, at, 1, 400, "d");
    CHECK_STR(read_since(0), "1:a|1:b|1:c|1:d");
    CHECK_STR(read_since(150), "1:b|1:c|1:d");
    CHECK_STR(read_since(200), "1:b|1:c|1:d");
    CHECK_STR(read_since(250), "1:c|1:d");
    CHECK_STR(read_since(400), "1:d");
    CHECK_STR(read_since(401), "");
}

TEST(log_pieces_are_bounded)
{
    size_t size = 200 * 1024, seen = 0;
    char *big = xmalloc(size + 1);
    for (size_t i = 0; i < size; i++)
        big[i] = (char)('a' + i % 26);
    big[size] = '\0';
    put(0, 0, 1, 1, big);
    LogReader *reader = log_reader_new(test_dir());
    LogPiece piece;
    Err err;
    while (log_reader_next(reader, &piece, &err) > 0) {
        CHECK(piece.size <= 64 * 1024);
        CHECK(memcmp(piece.data, big + seen, piece.size) == 0);
        seen += piece.size;
    }
    CHECK_EQ(seen, size);
    log_reader_free(reader);
    free(big);
}

static uint64_t bytes_read(void) {
    unsigned long long bytes = 0;
    char line[64];
    FILE *file = fopen("/proc/self/io", "re");
    while (file && fgets(line, sizeof line, file))
        if (sscanf(line, "rchar: %llu", &bytes) == 1)
            break;
    if (file)
        fclose(file);
    return bytes;
}

/* The last lines of 64 MiB cost a block or two, wherever they are. */
TEST(log_tail_costs_what_it_shows)
{
    enum { CHUNK = 64 * 1024, CHUNKS = 1024 };
    char *block = xmalloc(CHUNK);
    for (size_t i = 0; i < CHUNK; i++)
        block[i] = i % 100 == 99 ? '\n' : 'x';
    LogChunk *chunks = xcalloc(CHUNKS, sizeof *chunks);
    for (size_t i = 0; i < CHUNKS; i++) {
        append(LOG_DATA, 0, block, CHUNK);
        chunks[i] =
            (LogChunk){.at = i * CHUNK, .size = CHUNK, .stream = 1, .time_us = 1 + (int64_t)i};
    }
    append(LOG_INDEX, 0, chunks, CHUNKS * sizeof *chunks);
    uint64_t before = bytes_read();
    LogReader *reader = log_reader_new(test_dir());
    LogPiece piece;
    Err err;
    ASSERT(log_reader_seek_tail(reader, 10, &err) == 0);
    uint64_t shown = 0;
    while (log_reader_next(reader, &piece, &err) > 0)
        shown += piece.size;
    CHECK(shown >= 900 && shown <= 1100);
    CHECK(bytes_read() - before < 256 * 1024);
    before = bytes_read();
    ASSERT(log_reader_seek_time(reader, 1001, &err) == 0);
    CHECK_EQ(log_reader_tell(reader), 1000 * CHUNK);
    CHECK(bytes_read() - before < 4096);
    log_reader_free(reader);
    free(chunks);
    free(block);
}

/* No descriptor is kept: a thousand followers need none. */
TEST(log_reader_keeps_no_descriptor)
{
    put(0, 0, 1, 1, "a");
    LogReader *reader = log_reader_new(test_dir());
    int before = dup(0);
    close(before);
    CHECK_STR(read_on(reader), "1:a");
    int after = dup(0);
    close(after);
    CHECK_EQ(after, before);
    log_reader_free(reader);
}
