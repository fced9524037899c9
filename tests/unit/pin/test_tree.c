/* SPDX-License-Identifier: Apache-2.0 */
#include "pin/tree.h"

#include "harness/test.h"

#include <errno.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

static Tree tree;

static int count(void) {
    return tree_signal(&tree, &(TreeSignal){.signal = 0, .self = getpid()});
}

/* A child that waits for its end, in `depth` generations, each in a session of its own. The pipe
 * says that all are there. */
static pid_t grow(int depth, int ready) {
    pid_t pid = fork();
    if (pid != 0)
        return pid;
    setsid();
    signal(SIGTERM, SIG_IGN);
    if (depth > 1)
        grow(depth - 1, ready);
    (void)!write(ready, "x", 1);
    for (;;)
        pause();
}

static void wait_ready(int fd, int wanted) {
    char byte;
    for (; wanted > 0; wanted--)
        ASSERT(read(fd, &byte, 1) == 1);
}

TEST(tree_finds_generations_and_ends_them)
{
    int ready[2];
    ASSERT(pipe(ready) == 0);
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    CHECK_EQ(count(), 0);
    CHECK(!tree_has_child());
    pid_t pid = grow(5, ready[1]);
    wait_ready(ready[0], 5);
    CHECK_EQ(count(), 5);
    CHECK(tree_has_child());
    kill(pid, SIGKILL); /* the others come up to us */
    waitpid(pid, NULL, 0);
    CHECK_EQ(count(), 4);
    CHECK_EQ(tree_signal(&tree, &(TreeSignal){.signal = SIGKILL, .self = getpid()}), 4);
    while (waitpid(-1, NULL, 0) > 0)
        continue;
    CHECK_EQ(count(), 0);
}

static bool skip_pid(const void *arg, pid_t child) {
    return child == *(const pid_t *)arg;
}

TEST(tree_skips_a_child_with_all_below_it)
{
    int ready[2];
    ASSERT(pipe(ready) == 0);
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    pid_t spared = grow(3, ready[1]), other = grow(2, ready[1]);
    wait_ready(ready[0], 5);
    TreeSignal how = {.signal = SIGKILL, .self = getpid(), .skip = skip_pid, .arg = &spared};
    CHECK_EQ(tree_signal(&tree, &how), 2);
    /* both that were meant, and only they */
    CHECK(waitpid(-1, NULL, 0) != spared && waitpid(-1, NULL, 0) != spared);
    CHECK_EQ(count(), 3);
    CHECK(kill(other, 0) < 0);
    while (tree_has_child()) {
        tree_signal(&tree, &(TreeSignal){.signal = SIGKILL, .self = getpid()});
        while (waitpid(-1, NULL, WNOHANG) > 0)
            continue;
    }
}

TEST(tree_does_not_count_zombies)
{
    pid_t pid = fork();
    if (pid == 0)
        _exit(3);
    siginfo_t info;
    waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT);
    CHECK_EQ(count(), 0);
    CHECK(!tree_has_child());
    CHECK_EQ(waitpid(pid, NULL, 0), pid); /* it was left alone */
}

TEST(tree_sees_a_stopped_child)
{
    pid_t pid = fork();
    if (pid == 0) {
        raise(SIGSTOP);
        _exit(0);
    }
    siginfo_t info;
    waitid(P_PID, (id_t)pid, &info, WSTOPPED | WNOWAIT);
    CHECK(tree_has_child());
    CHECK(tree_has_child()); /* nothing was taken */
    CHECK_EQ(tree_signal(&tree, &(TreeSignal){.signal = SIGTERM, .self = getpid()}), 1);
    int status = 0;
    CHECK_EQ(waitpid(pid, &status, 0), pid);
    CHECK(WIFSIGNALED(status));
}

TEST(tree_names_who_is_left)
{
    int ready[2];
    ASSERT(pipe(ready) == 0);
    pid_t pid = grow(1, ready[1]);
    wait_ready(ready[0], 1);
    WireSurvivors left = {.count = 0};
    CHECK_EQ(tree_signal(&tree, &(TreeSignal){.signal = SIGTERM, .self = getpid(), .left = &left}),
             1);
    CHECK_EQ(left.count, 1);
    CHECK_EQ(left.named, 1);
    CHECK_EQ(left.who[0].pid, pid);
    CHECK_EQ(left.who[0].uid, getuid());
    CHECK_STR(left.who[0].name, "unit-pin");
    kill(pid, SIGKILL);
}

TEST(stat_reads_names_that_try_to_mislead)
{
    TreeStat s;
    prctl(PR_SET_NAME, "a) R 1 (b");
    ASSERT(tree_stat(getpid(), &s) == 0);
    CHECK_STR(s.name, "a) R 1 (b");
    CHECK_EQ(s.parent, getppid());
    CHECK_EQ(s.state, 'R');
    CHECK(s.start_ticks > 0);
    CHECK_EQ(tree_stat(0x3fffff, &s), -1);
    CHECK_EQ(errno, ESRCH);
}
