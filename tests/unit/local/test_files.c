/* SPDX-License-Identifier: Apache-2.0 */
/* The files of a run directory, the sentences, and the search by stamp. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "backend/local/cgroup.h"
#include "backend/local/failure.h"
#include "backend/local/launch_file.h"
#include "backend/local/records.h"
#include "backend/local/survivors.h"
#include "backend/log_reader.h"
#include "base/boot.h"
#include "base/file.h"
#include "base/xalloc.h"
#include "harness/test.h"

static void put_file(const char *name, const char *text) {
    AUTO_FREE char *path = xasprintf("%s/%s", test_dir(), name);
    Err err = {0};
    ASSERT(file_write(path, text, strlen(text), 0600, &err) == 0);
}

/* ---- Launch ---- */

static const char *argv_texts[] = {"prog", "an argument", ""};
static const char *secret_texts[] = {"hunter22", "line\ttwo"};
static StrPair env_pairs[] = {
    {"A", "1"}, {"BASH_FUNC_x%%", "() {  echo hi\n}"}, {"EMPTY", ""}, {RUN_STAMP, "outer"}};
static ProcessLimit limit_values[] = {{.resource = 7, .soft = 1024, .hard = 4096}};

static Step full_step(void) {
    return (Step){
        .name = "api:serve",
        .type = STEP_PROCESS,
        .working_dir = "/srv",
        .entrypoint = {.at = argv_texts, .n = 3},
        .environment = {.at = env_pairs, .n = 4},
        .secrets = {.at = secret_texts, .n = 2},
        .log_max = 1 << 20,
        .linger = true,
        .end_signal = SIGINT,
        .end_grace_ms = 77,
        .restarts = 5,
        .attempt = 2,
        .cause = "it crashed",
        .title = "shop api:serve",
        .process = {.umask = 027, .nice = 3, .limits = limit_values, .limit_n = 1},
    };
}

static Launch *write_and_read(const LaunchPlan *plan) {
    Launch *launch = NULL;
    Err err = {0};
    size_t size;
    CHECK_EQ(launch_check(plan, &err), 0);
    ASSERT(launch_write(test_dir(), plan, false, &size, &err) == 0);
    ASSERT(launch_read(test_dir(), &launch, &err) == 1);
    return launch;
}

static const char *nth(const Launch *launch, uint32_t at, uint32_t i) {
    const char *text = launch_string(launch, at);
    while (i--)
        text += strlen(text) + 1;
    return text;
}

TEST(launch_holds_the_whole_step)
{
    Step step = full_step();
    LaunchPlan plan = {.id = "0123456789abcdef", .run = 3, .step = &step};
    AUTO_FREE Launch *l = write_and_read(&plan);
    CHECK_EQ(l->flags, LAUNCH_LINGER);
    CHECK_EQ(l->argc, 3);
    CHECK_STR(nth(l, l->argv_at, 1), "an argument");
    CHECK_STR(nth(l, l->argv_at, 2), "");
    CHECK_EQ(l->envc, 4);
    /* ours instead of the outer one */
    CHECK_STR(nth(l, l->env_at, 0), RUN_STAMP "=0123456789abcdef");
    CHECK_STR(nth(l, l->env_at, 2), "BASH_FUNC_x%%=() {  echo hi\n}");
    CHECK_STR(nth(l, l->env_at, 3), "EMPTY=");
    CHECK_EQ(l->secretc, 2);
    CHECK_STR(nth(l, l->secrets_at, 1), "line\ttwo");
    CHECK_STR(launch_string(l, l->id_at), "0123456789abcdef");
    CHECK_STR(launch_string(l, l->cwd_at), "/srv");
    CHECK_STR(launch_string(l, l->title_at), "shop api:serve");
    CHECK_STR(launch_string(l, l->cause_at), "it crashed");
    CHECK_EQ(l->run, 3);
    CHECK_EQ(l->restarts, 5);
    CHECK_EQ(l->attempt, 2);
    CHECK_EQ(l->end_signal, SIGINT);
    CHECK_EQ(l->end_grace_ms, 77);
    CHECK_EQ(l->log_max, 1 << 20);
    CHECK_EQ(l->umask, 027);
    CHECK_EQ(l->nice, 3);
    CHECK_EQ(l->limitc, 1);
    CHECK_EQ(l->limits[0].hard, 4096);
}

TEST(launch_is_private)
{
    Step step = full_step();
    LaunchPlan plan = {.id = "a", .run = 1, .step = &step};
    struct stat st;
    umask(0);
    free(write_and_read(&plan));
    AUTO_FREE char *path = xasprintf("%s/" RUN_LAUNCH, test_dir());
    ASSERT(stat(path, &st) == 0);
    CHECK_EQ(st.st_mode & 07777, 0600);
}

TEST(launch_beside_takes_what_is_left_out)
{
    Step step = full_step();
    LaunchPlan plan = {.id = "aaaa", .run = 1, .step = &step};
    AUTO_FREE Launch *base = write_and_read(&plan);
    const char *argv[] = {"probe"};
    Step probe = {.name = "probe", .type = STEP_PROCESS, .entrypoint = {.at = argv, .n = 1}};
    LaunchPlan beside = {.id = "bbbb", .run = 1, .step = &probe, .base = base};
    AUTO_FREE Launch *l = write_and_read(&beside);
    CHECK_STR(launch_string(l, l->cwd_at), "/srv");
    CHECK_EQ(l->envc, 4);
    CHECK_STR(nth(l, l->env_at, 0), RUN_STAMP "=bbbb");
    CHECK_STR(nth(l, l->env_at, 1), "A=1");
    CHECK_EQ(l->secretc, 2);
    CHECK_EQ(l->umask, 027);
    CHECK_EQ(l->limitc, 1);
}

TEST(launch_refuses_what_cannot_be)
{
    Step step = full_step();
    LaunchPlan plan = {.id = "a", .run = 1, .step = &step};
    Err err = {0};
    step.entrypoint.n = 0;
    CHECK_EQ(launch_check(&plan, &err), -1);
    CHECK_HAS(err.msg, "nothing to run");
    step = full_step();
    step.working_dir = "relative";
    CHECK_EQ(launch_check(&plan, &err), -1);
    CHECK_HAS(err.msg, "not absolute: relative");
    step.working_dir = NULL;
    CHECK_EQ(launch_check(&plan, &err), -1);
}

TEST(launch_too_large)
{
    Step step = full_step();
    LaunchPlan plan = {.id = "a", .run = 1, .step = &step};
    Err err = {0};
    size_t size;
    AUTO_FREE char *huge = xmalloc((17 << 20) + 1);
    memset(huge, 'x', 17 << 20);
    huge[17 << 20] = '\0';
    StrPair pairs[] = {{"HUGE", huge}};
    step.environment = (StrMap){.at = pairs, .n = 1};
    CHECK_EQ(launch_write(test_dir(), &plan, false, &size, &err), -1);
    CHECK_EQ(err.kind, ERR_LIMIT);
    CHECK_HAS(err.msg, "environment is too large (E2BIG)");
}

/* Whatever is cut off or changed, what is read back is whole or nothing. */
TEST(launch_torn_or_foreign_is_none)
{
    Step step = full_step();
    LaunchPlan plan = {.id = "a", .run = 1, .step = &step};
    AUTO_FREE char *path = xasprintf("%s/" RUN_LAUNCH, test_dir());
    struct stat st;
    Launch *launch = NULL;
    Err err = {0};
    free(write_and_read(&plan));
    ASSERT(stat(path, &st) == 0);
    for (off_t size = st.st_size - 1; size >= 0; size -= 7) {
        ASSERT(truncate(path, size) == 0);
        CHECK_EQ(launch_read(test_dir(), &launch, &err), 0);
    }
    put_file(RUN_LAUNCH, "#!/bin/sh\n");
    CHECK_EQ(launch_read(test_dir(), &launch, &err), 0);
}

/* ---- Records ---- */

TEST(record_of_a_run)
{
    RunRecord record = {0};
    Err err = {0};
    CHECK_EQ(records_run(test_dir(), &record, &err), 0);
    put_file(RUN_RECORD, "{\"format\":1,\"id\":\"abc\",\"run\":2,\"boot_id\":\"b\",\"pidns\":7,"
                         "\"pin\":10,\"pin_start_ticks\":11,"
                         "\"pid\":12,\"start_ticks\":13,\"started_us\":14,\"restarts\":15,"
                         "\"attempt\":16,\"cause\":\"x\",\"new\":1}");
    ASSERT(records_run(test_dir(), &record, &err) == 1);
    CHECK_STR(record.id, "abc");
    CHECK_EQ(record.pidns, 7);
    CHECK_EQ(record.pin, 10);
    CHECK_EQ(record.pin_start_ticks, 11);
    CHECK_EQ(record.pid, 12);
    CHECK_EQ(record.start_ticks, 13);
    CHECK_EQ(record.started_us, 14);
    CHECK_EQ(record.restarts, 15);
    CHECK_EQ(record.attempt, 16);
    CHECK(!records_same_boot(&record));
    CHECK(!records_pin_lives(test_dir(), &record));
    CHECK(!records_are_copied(test_dir(), &record));
}

TEST(record_empty_or_torn_is_none)
{
    RunRecord record;
    WireEnded ended;
    Err err = {0};
    put_file(RUN_RECORD, "");
    put_file(EXIT_RECORD, "{\"format\":1,\"end\":\"exi");
    CHECK_EQ(records_run(test_dir(), &record, &err), 0);
    CHECK_EQ(records_exit(test_dir(), &ended, &err), 0);
}

TEST(record_of_a_newer_format_is_refused)
{
    WireEnded ended;
    Err err = {0};
    put_file(EXIT_RECORD, "{\"format\":2,\"end\":\"exited\"}");
    CHECK_EQ(records_exit(test_dir(), &ended, &err), -1);
    CHECK_HAS(err.msg, "newer");
}

TEST(record_of_an_end_goes_round)
{
    WireEnded given = {.end = RUN_END_SIGNALED,
                       .code = 9,
                       .oom = RUN_OOM_YES,
                       .started_us = 5,
                       .ended_us = 6,
                       .user_us = 7,
                       .system_us = 8,
                       .max_rss_kib = 9,
                       .log_size = 10,
                       .lingering = 2,
                       .killed = 3};
    WireEnded read = {0};
    Err err = {0};
    ASSERT(records_write_exit(test_dir(), &given, &err) == 0);
    ASSERT(records_exit(test_dir(), &read, &err) == 1);
    given.head = read.head;
    CHECK(memcmp(&given, &read, sizeof given) == 0);
    given.oom = RUN_OOM_UNKNOWN;
    ASSERT(records_write_exit(test_dir(), &given, &err) == 0);
    ASSERT(records_exit(test_dir(), &read, &err) == 1);
    CHECK_EQ(read.oom, RUN_OOM_UNKNOWN);
}

TEST(claim_is_made_once)
{
    Claim claim;
    Err err = {0};
    CHECK_EQ(records_claim(test_dir(), &claim, &err), 0);
    CHECK_EQ(claim.kind, CLAIM_NONE);
    CHECK_EQ(records_void(test_dir(), &err), 1);
    CHECK_EQ(records_void(test_dir(), &err), 0);
    CHECK_EQ(records_claim(test_dir(), &claim, &err), 1);
    CHECK_EQ(claim.kind, CLAIM_VOID);
}

TEST(claim_of_a_pin_stands)
{
    Claim claim;
    Err err = {0};
    put_file(RUN_CLAIM, "pin 1234\n");
    CHECK_EQ(records_void(test_dir(), &err), 0);
    CHECK_EQ(records_claim(test_dir(), &claim, &err), 1);
    CHECK_EQ(claim.kind, CLAIM_PIN);
    CHECK_EQ(claim.pin, 1234);
    put_file(RUN_CLAIM, ""); /* on a full disk */
    CHECK_EQ(records_claim(test_dir(), &claim, &err), 1);
    CHECK_EQ(claim.kind, CLAIM_PIN);
    CHECK_EQ(claim.pin, 0);
}

/* Of many who claim at once exactly one wins, whatever they declare. */
TEST(claim_race_has_one_winner)
{
    enum { RACERS = 16 };
    int winners = 0;
    pid_t pids[RACERS];
    int gate[2];
    CHECK(test_dir()); /* one for all */
    ASSERT(pipe(gate) == 0);
    for (int i = 0; i < RACERS; i++) {
        pids[i] = fork();
        if (pids[i] == 0) {
            char go;
            Err err = {0};
            close(gate[1]);
            (void)!read(gate[0], &go, 1); /* all begin when the gate is closed */
            _exit(records_void(test_dir(), &err) == 1 ? 1 : 0);
        }
    }
    close(gate[1]);
    for (int i = 0; i < RACERS; i++) {
        int status;
        waitpid(pids[i], &status, 0);
        winners += WEXITSTATUS(status);
    }
    CHECK_EQ(winners, 1);
}

TEST(gap_at_the_end_of_a_lost_log)
{
    LogChunk chunk = {.at = 0, .size = 5, .stream = 2, .time_us = 9};
    AUTO_FREE char *index = xasprintf("%s/" LOG_INDEX "%016x", test_dir(), 0);
    uint64_t size = 0;
    Err err = {0};
    LogPiece piece;
    put_file(LOG_DATA "0000000000000000", "knownrest");
    int fd = open(index, O_WRONLY | O_CREAT, 0600);
    ASSERT(write(fd, &chunk, sizeof chunk) == sizeof chunk && write(fd, "torn", 4) == 4);
    close(fd);
    ASSERT(records_log_gap(test_dir(), 1234, &size, &err) == 0);
    CHECK_EQ(size, 9);
    LogReader *reader = log_reader_new(test_dir());
    ASSERT(log_reader_next(reader, &piece, &err) == 1);
    CHECK_EQ(piece.stream, 2);
    ASSERT(log_reader_next(reader, &piece, &err) == 1);
    CHECK_EQ(piece.stream, 1);
    CHECK_EQ(piece.size, 4);
    ASSERT(log_reader_next(reader, &piece, &err) == 1);
    CHECK_EQ(piece.stream, 0);
    CHECK_HAS(piece.gap, "pin was killed");
    CHECK_EQ(piece.time_us, 1234);
    log_reader_free(reader);
}

TEST(gap_in_a_lost_log_that_was_not_begun)
{
    uint64_t size = 7;
    Err err = {0};
    LogPiece piece;
    ASSERT(records_log_gap(test_dir(), 1234, &size, &err) == 0);
    CHECK_EQ(size, 0);
    LogReader *reader = log_reader_new(test_dir());
    ASSERT(log_reader_next(reader, &piece, &err) == 1);
    CHECK_EQ(piece.stream, 0);
    CHECK_HAS(piece.gap, "pin was killed");
    CHECK_EQ(piece.time_us, 1234);
    CHECK_EQ(log_reader_next(reader, &piece, &err), 0);
    log_reader_free(reader);
}

/* ---- Sentences ---- */

static const char *say(Failure failure) {
    static char text[256];
    failure_describe(&failure, text, sizeof text);
    return text;
}

TEST(failures_name_their_cause)
{
    AUTO_FREE char *file = xasprintf("%s/script", test_dir());
    put_file("script", "#!/nonexistent/interpreter\n");
    ASSERT(chmod(file, 0700) == 0);
    CHECK_STR(say((Failure){RUN_STAGE_EXEC, ENOENT, "foo", "/", 0}),
              "command not found: foo (looked in PATH)");
    CHECK_STR(say((Failure){RUN_STAGE_EXEC, ENOENT, "foo", "/", 0, "/usr/bin:/bin"}),
              "command not found: foo (looked in PATH: /usr/bin:/bin)");
    CHECK_STR(say((Failure){RUN_STAGE_EXEC, ENOENT, "./foo", "/", 0}), "command not found: ./foo");
    CHECK_STR(say((Failure){RUN_STAGE_EXEC, ENOENT, "./script", test_dir(), 0}),
              "not executable: ./script (the interpreter it names does not exist)");
    CHECK_STR(say((Failure){RUN_STAGE_EXEC, EACCES, "./script", test_dir(), 0}),
              "not executable: ./script");
    CHECK_STR(say((Failure){RUN_STAGE_EXEC, EACCES, "./", test_dir(), 0}), "is a directory: ./");
    CHECK_STR(say((Failure){RUN_STAGE_EXEC, E2BIG, "x", "/", 4096}),
              "the environment is too large (E2BIG) for x: 4096 bytes with the arguments");
    CHECK_STR(say((Failure){RUN_STAGE_EXEC, ENOENT, NULL, NULL, 0}),
              "command not found: the program");
    CHECK_STR(say((Failure){RUN_STAGE_CHDIR, ENOENT, "x", "/gone", 0}),
              "working directory does not exist: /gone");
    CHECK_HAS(say((Failure){RUN_STAGE_CHDIR, EACCES, "x", "/root", 0}),
              "working directory cannot be entered: /root");
    CHECK_HAS(say((Failure){RUN_STAGE_FORK, EAGAIN, "x", "/", 0}), "no more processes");
    CHECK_HAS(say((Failure){RUN_STAGE_PIPE, EMFILE, "x", "/", 0}), "too many open files");
    CHECK_HAS(say((Failure){RUN_STAGE_RECORD, ENOSPC, "x", "/", 0}), "No space left");
}

/* ---- Survivors ---- */

static pid_t stamped(const char *id) {
    int ready[2];
    ASSERT(pipe(ready) == 0);
    AUTO_FREE char *stamp = xasprintf(RUN_STAMP "=%s", id);
    AUTO_FREE char *padding = xmalloc(130000); /* a large environment, with the stamp behind it */
    memset(padding, 'p', 130000 - 1);
    memcpy(padding, "PADDING=", 8);
    padding[130000 - 1] = '\0';
    pid_t pid = fork();
    if (pid == 0) {
        char *env[] = {padding, stamp, NULL};
        /* its end closes when the new environment is in place */
        fcntl(ready[1], F_SETFD, FD_CLOEXEC);
        close(ready[0]);
        execle("/bin/sleep", "sleep", "1000", (char *)NULL, env);
        _exit(127);
    }
    char byte;
    close(ready[1]);
    ASSERT(read(ready[0], &byte, 1) == 0);
    close(ready[0]);
    return pid;
}

typedef struct Seen {
    int n;
    pid_t pid;
    char id[40], name[16];
} Seen;

static void see(void *arg, const Survivor *survivor, bool killed) {
    Seen *seen = arg;
    CHECK(killed);
    seen->n++;
    seen->pid = survivor->pid;
    snprintf(seen->id, sizeof seen->id, "%s", survivor->id);
    snprintf(seen->name, sizeof seen->name, "%s", survivor->name);
}

TEST(survivors_are_found_by_their_stamp)
{
    /* Nobody else's: all tests of the machine see each other's processes. */
    AUTO_FREE char *none = xasprintf("5eed%024x0001", (unsigned)getpid());
    AUTO_FREE char *mine = xasprintf("5eed%024x0002", (unsigned)getpid());
    AUTO_FREE char *others = xasprintf("5eed%024x00ff", (unsigned)getpid());
    const char *ids[] = {none, mine};
    pid_t ours = stamped(mine), other = stamped(others);
    Seen seen = {0};
    int status;
    survivors_kill(ids, 2, see, &seen);
    CHECK_EQ(seen.n, 1);
    CHECK_EQ(seen.pid, ours);
    CHECK_STR(seen.id, ids[1]);
    CHECK_STR(seen.name, "sleep");
    ASSERT(waitpid(ours, &status, 0) == ours);
    CHECK_EQ(WTERMSIG(status), SIGKILL);
    CHECK_EQ(waitpid(other, &status, WNOHANG), 0); /* not ours: untouched */
    seen.n = 0;
    survivors_kill(ids, 2, see, &seen);
    CHECK_EQ(seen.n, 0);
    kill(other, SIGKILL);
    waitpid(other, &status, 0);
}

/* ---- Control groups: there or not, never an error ---- */

TEST(cgroup_is_a_bonus)
{
    int dir = cgroup_open();
    cgroup_remove(dir, "no-such-run");
    cgroup_remove(-1, "no-such-run");
    if (dir >= 0) {
        AUTO_FREE char *leaf = xasprintf("unit-test-%d", (int)getpid());
        ASSERT(mkdirat(dir, leaf, 0755) == 0);
        cgroup_remove(dir, leaf);
        CHECK_EQ(faccessat(dir, leaf, F_OK, 0), -1);
        close(dir);
    }
}
