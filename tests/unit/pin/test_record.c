/* SPDX-License-Identifier: Apache-2.0 */
#include "pin/record.h"

#include "harness/test.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

static int open_dir(void) {
    int dir = open(test_dir(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    ASSERT(dir >= 0);
    return dir;
}

static void write_file(int dir, const char *name, const void *bytes, size_t size) {
    int fd = openat(dir, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    ASSERT(fd >= 0 && write(fd, bytes, size) == (ssize_t)size);
    close(fd);
}

static const char *read_text(int dir, const char *name) {
    static char text[RECORD_BYTES_MAX];
    return record_read(dir, name, text, sizeof(text));
}

/* A launch file with a blob of strings. */
static size_t make_launch(char *file) {
    static const char blob[] = "prog\0arg\0A=b\0secret\0abc123\0/tmp\0title\0because \"\\\n";
    Launch l = {.magic = LAUNCH_MAGIC,
                .format = LAUNCH_FORMAT,
                .size = sizeof(l),
                .run = 3,
                .restarts = 2,
                .attempt = 4};
    uint32_t at = sizeof(l);
    l.argc = 2, l.argv_at = at;
    l.envc = 1, l.env_at = at + 9;
    l.secretc = 1, l.secrets_at = at + 13;
    l.id_at = at + 20;
    l.cwd_at = at + 27;
    l.title_at = at + 32;
    l.cause_at = at + 38;
    memcpy(file, &l, sizeof(l));
    memcpy(file + sizeof(l), blob, sizeof(blob));
    return sizeof(l) + sizeof(blob);
}

TEST(launch_is_mapped)
{
    char file[1024];
    const Launch *l = NULL;
    int dir = open_dir();
    size_t size = make_launch(file), mapped = 0;
    write_file(dir, RUN_LAUNCH, file, size);
    ASSERT(launch_map(dir, &l, &mapped) == 0);
    CHECK_EQ(mapped, size);
    CHECK_STR(launch_text(l, l->id_at), "abc123");
    CHECK_STR(launch_text(l, l->argv_at), "prog");
}

/* Cut anywhere, it is refused, never read beyond its end. */
TEST(launch_that_is_torn_is_refused)
{
    char file[1024];
    const Launch *l;
    int dir = open_dir();
    size_t size = make_launch(file), mapped;
    for (size_t cut = 0; cut < size; cut++) {
        write_file(dir, RUN_LAUNCH, file, cut);
        CHECK(launch_map(dir, &l, &mapped) < 0);
        CHECK_EQ(errno, EINVAL);
    }
}

TEST(launch_of_another_format_or_kind_is_refused)
{
    char file[1024];
    const Launch *l;
    int dir = open_dir();
    size_t size = make_launch(file), mapped;
    ((Launch *)(void *)file)->format = LAUNCH_FORMAT + 1;
    write_file(dir, RUN_LAUNCH, file, size);
    CHECK(launch_map(dir, &l, &mapped) < 0);
    CHECK_EQ(errno, EPROTO);
    make_launch(file);
    ((Launch *)(void *)file)->magic++;
    write_file(dir, RUN_LAUNCH, file, size);
    CHECK(launch_map(dir, &l, &mapped) < 0);
    CHECK_EQ(errno, EINVAL);
    unlinkat(dir, RUN_LAUNCH, 0);
    CHECK(launch_map(dir, &l, &mapped) < 0);
    CHECK_EQ(errno, ENOENT);
    mkdirat(dir, RUN_LAUNCH, 0700);
    CHECK(launch_map(dir, &l, &mapped) < 0);
    unlinkat(dir, RUN_LAUNCH, AT_REMOVEDIR);
    ASSERT(mkfifoat(dir, RUN_LAUNCH, 0600) == 0);
    CHECK(launch_map(dir, &l, &mapped) < 0);
}

static size_t list_size(const char *strings, uint32_t count) {
    size_t size = 0;
    for (uint32_t i = 0; i < count; i++)
        size += strlen(strings + size) + 1;
    return size;
}

/* Random damage: whatever is accepted can be walked to its end inside the file. */
TEST(launch_with_damage_is_refused_or_whole)
{
    char file[1024];
    int dir = open_dir(), accepted = 0;
    for (unsigned seed = 0; seed < 3000; seed++) {
        const Launch *l;
        size_t size = make_launch(file), mapped;
        srand(seed);
        for (int i = rand() % 3; i >= 0; i--)
            file[rand() % (int)size] = (char)(rand() % 4 ? rand() : 0xff);
        write_file(dir, RUN_LAUNCH, file, size);
        if (launch_map(dir, &l, &mapped) < 0)
            continue;
        accepted++;
        CHECK(l->argv_at + list_size(launch_text(l, l->argv_at), l->argc) <= mapped);
        CHECK(l->env_at + list_size(launch_text(l, l->env_at), l->envc) <= mapped);
        CHECK(l->secrets_at + list_size(launch_text(l, l->secrets_at), l->secretc) <= mapped);
        CHECK(strlen(launch_text(l, l->id_at)) < WIRE_ID_MAX && l->limitc <= LAUNCH_LIMITS_MAX);
    }
    CHECK(accepted > 100);
}

TEST(claim_is_won_once)
{
    int dir = open_dir();
    char text[32];
    CHECK_EQ(record_claim(dir), 0);
    CHECK_EQ(record_claim(dir), -1);
    CHECK_EQ(errno, EEXIST);
    snprintf(text, sizeof(text), "pin %d\n", getpid());
    CHECK_STR(read_text(dir, RUN_CLAIM), text);
}

TEST(run_record_is_json)
{
    char file[1024], room[RECORD_BYTES_MAX], wanted[512];
    const Launch *l;
    int dir = open_dir();
    size_t mapped;
    Machine machine = {"boot", 42};
    WireStarted started = {.pid = 7, .start_ticks = 8, .started_us = 9};
    write_file(dir, RUN_LAUNCH, file, make_launch(file));
    ASSERT(launch_map(dir, &l, &mapped) == 0);
    CHECK_EQ(record_run(dir, &(RecordRun){&machine, l, 5, 6, &started}, room), 0);
    snprintf(wanted, sizeof(wanted), "%s%s",
             "{\"format\":1,\"id\":\"abc123\",\"run\":3,\"boot_id\":\"boot\",\"pidns\":42,\"pin\":"
             "5,\"pin_start_ticks\":6,",
             "\"pid\":7,\"start_ticks\":8,\"restarts\":2,\"started_us\":9,\"attempt\":4,\"cause\":"
             "\"because \\u0022\\u005c\\u000a\"}\n");
    CHECK_STR(read_text(dir, RUN_RECORD), wanted);
}

TEST(machine_knows_where_it_is)
{
    Machine m = {0};
    machine_read(&m);
    CHECK_EQ(strlen(m.boot_id), 36);
    CHECK(m.pidns > 0);
}

/* Nothing more can be written: the record takes the place of the launch file. */
TEST(exit_record_is_written_on_a_full_disk)
{
    char file[1024], room[RECORD_BYTES_MAX];
    int dir = open_dir();
    struct rlimit limit;
    WireEnded e = {.end = RUN_END_EXITED, .code = 3, .oom = RUN_OOM_NO};
    write_file(dir, RUN_LAUNCH, file, make_launch(file));
    ASSERT(symlinkat("/dev/full", dir, EXIT_RECORD ".tmp") == 0);
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &limit);
    CHECK_EQ(record_exit(dir, &e, false, room), -1);
    ASSERT(symlinkat("/dev/full", dir, EXIT_RECORD ".tmp") == 0);
    CHECK_EQ(record_exit(dir, &e, true, room), 0);
    CHECK_HAS(read_text(dir, EXIT_RECORD), "{\"format\":1,\"end\":\"exited\",\"code\":3,");
    CHECK_HAS(read_text(dir, EXIT_RECORD), "\"oom\":false,");
    CHECK(faccessat(dir, RUN_LAUNCH, F_OK, 0) < 0);
    CHECK_EQ(strcspn(read_text(dir, EXIT_RECORD), "\n"), strlen(read_text(dir, EXIT_RECORD)) - 1);
}
