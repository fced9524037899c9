/* SPDX-License-Identifier: Apache-2.0 */
/* Logs that the server writes, also behind one who was killed, as the reader sees them. */
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "backend/log_reader.h"
#include "backend/log_writer.h"
#include "base/xalloc.h"
#include "harness/test.h"
#include "pin/wire.h"

static LogWriter *writer(uint64_t max) {
    Err err = {0};
    LogWriter *w = log_writer_new(test_dir(), max, &err);
    CHECK_STR(err.msg, "");
    ASSERT(w);
    return w;
}

static void put(LogWriter *w, int stream, const char *text) {
    log_writer_put(w, stream, 1000 + stream, text, strlen(text));
}

static void damage(const char *prefix, uint64_t segment, const void *bytes, size_t n) {
    AUTO_FREE char *path =
        xasprintf("%s/%s%016llx", test_dir(), prefix, (unsigned long long)segment);
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND, 0600);
    ASSERT(fd >= 0 && write(fd, bytes, n) == (ssize_t)n);
    close(fd);
}

/* "1:hello 2:bad " */
static const char *all(void) {
    static char text[1000];
    size_t n = 0;
    LogReader *reader = log_reader_new(test_dir());
    LogPiece piece;
    text[0] = '\0';
    while (log_reader_next(reader, &piece, NULL) > 0)
        n += (size_t)snprintf(text + n, sizeof(text) - n, "%d:%.*s ", piece.stream, (int)piece.size,
                              piece.data ? piece.data : "");
    log_reader_free(reader);
    return text;
}

TEST(log_writer_writes_what_a_reader_reads)
{
    LogWriter *w = writer(0);
    CHECK_EQ(log_writer_end(w), 0);
    put(w, 1, "hello");
    put(w, 2, "");
    put(w, 2, "bad");
    CHECK_EQ(log_writer_end(w), 8);
    CHECK_STR(all(), "1:hello 2:bad "); /* while it is open */
    log_writer_free(w);
    CHECK(!log_writer_free(NULL));
    Err err = {0};
    AUTO_FREE char *nowhere = xasprintf("%s/none", test_dir());
    CHECK(!log_writer_new(nowhere, 0, &err));
    CHECK_EQ(err.kind, ERR_NOT_FOUND);
}

TEST(log_writer_goes_on_behind_what_is_there)
{
    LogWriter *w = writer(0);
    put(w, 1, "one");
    log_writer_free(w);
    w = writer(0);
    CHECK_EQ(log_writer_end(w), 3);
    put(w, 1, "two");
    CHECK_STR(all(), "1:one 1:two ");
    log_writer_free(w);
}

TEST(log_writer_cuts_off_what_is_not_whole)
{
    LogWriter *w = writer(0);
    put(w, 1, "one");
    log_writer_free(w);
    damage(LOG_DATA, 0, "without an entry", 16);
    damage(LOG_INDEX, 0, "half an ent", 11);
    w = writer(0);
    CHECK_EQ(log_writer_end(w), 3);
    put(w, 2, "two");
    CHECK_STR(all(), "1:one 2:two ");
    log_writer_free(w);
    LogChunk lost = {.at = 6, .time_us = 1, .size = 9, .stream = 1}; /* its bytes are not there */
    damage(LOG_INDEX, 0, &lost, sizeof(lost));
    w = writer(0);
    put(w, 1, "three");
    CHECK_STR(all(), "1:one 2:two 1:three ");
    log_writer_free(w);
}

TEST(log_writer_makes_up_for_an_index_that_is_not_there)
{
    damage(LOG_DATA, 0, "nothing", 7);
    LogWriter *w = writer(0);
    CHECK_EQ(log_writer_end(w), 0);
    put(w, 1, "one");
    CHECK_STR(all(), "1:one ");
    log_writer_free(w);
}

/* The cap holds over writers, and offsets go on. */
TEST(log_writer_keeps_its_cap)
{
    enum { PIECE = 60 * 1024, MAX = 512 * 1024, PIECES = 40 };
    static char piece[PIECE];
    uint64_t first, end;
    LogReader *reader = log_reader_new(test_dir());
    memset(piece, 'x', sizeof(piece));
    for (int i = 0; i < PIECES; i++) {
        LogWriter *w = writer(MAX);
        log_writer_put(w, 1, i, piece, PIECE);
        log_writer_free(w);
    }
    ASSERT(log_reader_bounds(reader, &first, &end, NULL) == 0);
    CHECK_EQ(end, (uint64_t)PIECE * PIECES);
    CHECK(end - first <= MAX + 2 * PIECE);
    CHECK(end - first >= MAX / 2);
    log_reader_free(reader);
}

/* A disk that takes no more, here a limit of file size: a gap says what is missing. */
TEST(log_writer_names_what_is_lost)
{
    struct rlimit few = {.rlim_cur = 6, .rlim_max = RLIM_INFINITY};
    struct rlimit all_again = {.rlim_cur = RLIM_INFINITY, .rlim_max = RLIM_INFINITY};
    signal(SIGXFSZ, SIG_IGN);
    LogWriter *w = writer(0);
    setrlimit(RLIMIT_FSIZE, &few); /* an entry has 24 bytes */
    put(w, 1, "lost");
    CHECK_EQ(log_writer_end(w), 0);
    setrlimit(RLIMIT_FSIZE, &all_again);
    put(w, 1, "kept");
    CHECK_STR(all(), "0: 1:kept ");
    log_writer_free(w);
}
