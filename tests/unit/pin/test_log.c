/* SPDX-License-Identifier: Apache-2.0 */
#include "pin/log.h"

#include "harness/test.h"
#include "pin/wire.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

static int open_dir(void) {
    int dir = open(test_dir(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    ASSERT(dir >= 0);
    return dir;
}

static void put(Log *log, int stream, const char *bytes, size_t size) {
    struct iovec parts[2] = {{(void *)(uintptr_t)bytes, size / 2},
                             {(void *)(uintptr_t)(bytes + size / 2), size - size / 2}};
    log_put(log, stream, 5, parts, 2);
}

static ssize_t read_file(int dir, const char *prefix, uint64_t at, void *bytes, size_t size) {
    char name[64];
    snprintf(name, sizeof(name), "%s%016" PRIx64, prefix, at);
    int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);
    ssize_t done = fd < 0 ? -1 : read(fd, bytes, size);
    close(fd);
    return done;
}

TEST(log_makes_files_at_the_first_byte)
{
    Log log;
    int dir = open_dir();
    char text[16];
    LogChunk chunks[4];
    log_init(&log, dir, 0);
    CHECK_EQ(read_file(dir, LOG_DATA, 0, text, sizeof(text)), -1);
    put(&log, 1, "", 0);
    CHECK_EQ(read_file(dir, LOG_DATA, 0, text, sizeof(text)), -1);
    put(&log, 1, "hello\n", 6);
    put(&log, 2, "err\n", 4);
    CHECK_EQ(read_file(dir, LOG_DATA, 0, text, sizeof(text)), 10);
    CHECK(memcmp(text, "hello\nerr\n", 10) == 0);
    CHECK_EQ(read_file(dir, LOG_INDEX, 0, chunks, sizeof(chunks)), 48);
    CHECK_EQ(chunks[1].at, 6);
    CHECK_EQ(chunks[1].size, 4);
    CHECK_EQ(chunks[1].stream, 2);
    CHECK_EQ(chunks[1].kind, LOG_BYTES);
    CHECK_EQ(chunks[0].time_us, 5);
    log_close(&log);
}

TEST(log_keeps_no_more_than_the_cap)
{
    Log log;
    int dir = open_dir(), files = 0;
    static char piece[10000], back[LOG_SEGMENT_MIN + sizeof(piece)];
    log_init(&log, dir, 8 * LOG_SEGMENT_MIN);
    CHECK_EQ(log.segment, LOG_SEGMENT_MIN);
    for (int i = 0; i < 1000; i++) {
        memset(piece, 'a' + i % 26, sizeof(piece));
        put(&log, 1, piece, sizeof(piece));
        CHECK(log.size - log.first <= 8 * LOG_SEGMENT_MIN);
    }
    CHECK_EQ(log.size, 1000 * sizeof(piece));
    CHECK(log.size - log.first >= 6 * LOG_SEGMENT_MIN);
    DIR *entries = fdopendir(dup(dir));
    for (struct dirent *e; (e = readdir(entries));)
        files += strncmp(e->d_name, LOG_DATA, strlen(LOG_DATA)) == 0;
    closedir(entries);
    uint64_t at = log.first;
    for (; files > 0; files--) { /* each segment begins where the one before it ends */
        ssize_t size = read_file(dir, LOG_DATA, at, back, sizeof(back));
        ASSERT(size > 0);
        CHECK_EQ(back[0], 'a' + (int)(at / sizeof(piece) % 26));
        at += (uint64_t)size;
    }
    CHECK_EQ(at, log.size);
    log_close(&log);
}

/* A file-size limit stands for a full disk: a write falls short, then fails, then works again. */
TEST(log_drops_and_says_so)
{
    Log log;
    int dir = open_dir();
    static char piece[4000], text[20000];
    LogChunk chunks[8];
    struct rlimit none, small = {6000, 0};
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &none);
    small.rlim_max = none.rlim_max;
    log_init(&log, dir, 0);
    memset(piece, 'x', sizeof(piece));
    put(&log, 1, piece, sizeof(piece));
    setrlimit(RLIMIT_FSIZE, &small);
    put(&log, 1, piece, sizeof(piece)); /* 2000 of it fit */
    put(&log, 2, piece, sizeof(piece)); /* nothing */
    CHECK_EQ(log.size, 6000);
    CHECK_EQ(log.lost, 6000);
    setrlimit(RLIMIT_FSIZE, &none);
    put(&log, 1, "back\n", 5);
    CHECK_EQ(log.lost, 0);
    CHECK_EQ(log.size, 6005);
    CHECK_EQ(read_file(dir, LOG_DATA, 0, text, sizeof(text)), 6005);
    CHECK(memcmp(text + 6000, "back\n", 5) == 0);
    CHECK_EQ(read_file(dir, LOG_INDEX, 0, chunks, sizeof(chunks)), 4 * 24);
    CHECK_EQ(chunks[1].size, 2000);
    CHECK_EQ(chunks[2].kind, LOG_GAP);
    CHECK_EQ(chunks[2].stream, LOG_GAP_DISK);
    CHECK_EQ(chunks[2].size, 6000);
    CHECK_EQ(chunks[2].at, 6000);
    CHECK_EQ(chunks[3].at, 6000);
    CHECK_EQ(chunks[3].size, 5);
    log_close(&log);
}

TEST(log_takes_back_bytes_that_got_no_entry)
{
    Log log;
    int dir = open_dir();
    struct rlimit none, small;
    struct stat data, index;
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &none);
    small = none;
    small.rlim_cur = 24 * 3 + 10; /* the fourth entry is torn */
    log_init(&log, dir, 0);
    setrlimit(RLIMIT_FSIZE, &small);
    for (int i = 0; i < 5; i++)
        put(&log, 1, "ab", 2);
    setrlimit(RLIMIT_FSIZE, &none);
    fstat(log.data, &data);
    fstat(log.index, &index);
    CHECK_EQ(log.size, 6);
    CHECK_EQ(log.lost, 4);
    CHECK_EQ(data.st_size, 6);
    CHECK_EQ(index.st_size, 72);
    log_close(&log); /* the gap is written when it can be, at the latest now */
    LogChunk chunks[8];
    CHECK_EQ(read_file(dir, LOG_INDEX, 0, chunks, sizeof(chunks)), 96);
    CHECK_EQ(chunks[3].kind, LOG_GAP);
    CHECK_EQ(chunks[3].size, 4);
}

TEST(log_stays_in_the_old_segment_when_a_new_one_cannot_be_made)
{
    Log log;
    int dir = open_dir();
    static char piece[LOG_SEGMENT_MIN];
    struct rlimit many, few;
    log_init(&log, dir, LOG_SEGMENT_MIN);
    put(&log, 1, piece, sizeof(piece));
    getrlimit(RLIMIT_NOFILE, &many);
    few = many;
    few.rlim_cur = 1;
    setrlimit(RLIMIT_NOFILE, &few);
    put(&log, 1, "more", 4);
    setrlimit(RLIMIT_NOFILE, &many);
    CHECK_EQ(log.lost, 0);
    CHECK_EQ(log.size, sizeof(piece) + 4);
    CHECK_EQ(log.start, 0);
    put(&log, 1, "next", 4);
    CHECK_EQ(log.start, sizeof(piece) + 4);
    log_close(&log);
}
