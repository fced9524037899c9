/* SPDX-License-Identifier: Apache-2.0 */
/* What the local backend promises beyond the contract: the sentences of failed starts, trees that
 * are gone, and that it endures whoever is killed. */
#include <errno.h>
#include <fcntl.h>
#include <nettle/sha2.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "backend/local/failure.h"
#include "backend/local/pin_socket.h"
#include "backend/local/records.h"
#include "backend/platform.h"
#include "base/boot.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/path.h"
#include "base/xalloc.h"
#include "harness/test.h"
#include "unit/local/pin_world.h"

/* ---- Starts that fail ---- */

static const char *failure_of(World *w, uint32_t run, const char *program, const char *cwd) {
    Heard heard = {0};
    Step *step = (Step *)(uintptr_t)script_step(w, "broken", "");
    step->entrypoint.at[0] = program;
    step->working_dir = cwd;
    run_begin(w, step_id("t", "broken", run), step, &heard);
    UNTIL(w, heard.called);
    CHECK_STR(heard.err.msg, "");
    CHECK_EQ(heard.state.phase, STEP_ENDED);
    CHECK_EQ(heard.state.end, STEP_FAILED);
    CHECK(heard.state.own_fault);
    return arena_strdup(&w->arena, heard.state.error);
}

TEST(local_failed_starts_name_the_cause)
{
    World *w = world_open();
    Err err = {0};
    AUTO_FREE char *file = xasprintf("%s/plain", w->dir);
    ASSERT(file_write(file, "no program\n", 11, 0600, &err) == 0);
    world_setup(w, "t");
    CHECK_STR(failure_of(w, 1, "no-such-command", "/"),
              "command not found: no-such-command (looked in PATH: /usr/local/bin:/usr/bin:/bin)");
    CHECK_STR(failure_of(w, 2, "./no-such-command", w->dir),
              "command not found: ./no-such-command");
    CHECK_STR(failure_of(w, 3, "./plain", w->dir), "not executable: ./plain");
    CHECK_STR(failure_of(w, 4, "./", w->dir), "is a directory: ./");
    CHECK_STR(failure_of(w, 5, "/bin/sh", "/no/such/dir"),
              "working directory does not exist: /no/such/dir");
    CHECK_STR(failure_of(w, 6, "/bin/sh", file),
              arena_printf(&w->arena, "working directory is not a directory: %s", file));
    world_close(w);
}

TEST(local_a_start_that_failed_reads_the_same_to_the_next_server)
{
    World *w = world_open();
    Heard again = {0};
    world_setup(w, "t");
    CHECK_STR(failure_of(w, 1, "./no-such-command", w->dir),
              "command not found: ./no-such-command");
    world_crash(w);
    world_setup(w, "t");
    run_resume(w, step_id("t", "broken", 1), &again);
    CHECK_EQ(again.state.end, STEP_FAILED);
    CHECK_EQ(again.state.code, ENOENT);
    CHECK(again.state.own_fault);
    CHECK_STR(again.state.error, "command not found: ./no-such-command");
    world_close(w);
}

TEST(local_too_large_environment)
{
    World *w = world_open();
    Heard heard = {0};
    Step *step = (Step *)(uintptr_t)script_step(w, "broken", "");
    size_t size = 8 << 20;
    char *huge = arena_alloc(&w->arena, size + 1);
    memset(huge, 'x', size);
    StrPair pairs[] = {{"HUGE", huge}};
    step->environment = (StrMap){.at = pairs, .n = 1};
    world_setup(w, "t");
    run_begin(w, step_id("t", "broken", 1), step, &heard);
    UNTIL(w, heard.called);
    CHECK_EQ(heard.state.end, STEP_FAILED);
    CHECK_HAS(heard.state.error, "the environment is too large (E2BIG)");
    world_close(w);
}

TEST(local_hundred_kilobytes_of_environment_are_fine)
{
    World *w = world_open();
    Heard end = {0};
    char *large = arena_alloc(&w->arena, 100001);
    memset(large, 'x', 100000);
    StrPair pairs[] = {
        {"BASH_FUNC_x%%", "() {  echo hi\n}"}, {"LARGE", large}, {"PATH", "/usr/bin:/bin"}};
    Step *step = (Step *)(uintptr_t)script_step(w, "large", "test ${#LARGE} = 100000");
    step->environment = (StrMap){.at = pairs, .n = 3};
    world_setup(w, "t");
    run_begin_now(w, step_id("t", "large", 1), step);
    wait_now(w, step_id("t", "large", 1), &end);
    CHECK_EQ(end.state.code, 0);
    world_close(w);
}

TEST(local_a_step_needs_a_command)
{
    World *w = world_open();
    Heard heard = {0};
    Step *step = (Step *)(uintptr_t)script_step(w, "empty", "");
    step->entrypoint.n = 0;
    world_setup(w, "t");
    run_begin(w, step_id("t", "empty", 1), step, &heard);
    UNTIL(w, heard.called);
    CHECK_EQ(heard.err.kind, ERR_INVALID);
    /* nothing half-started */
    CHECK_EQ(access(world_run_dir(w, step_id("t", "empty", 1)), F_OK), -1);
    world_close(w);
}

/* ---- Stop means gone ---- */

TEST(local_a_stop_ends_what_escaped)
{
    World *w = world_open();
    StepId id = step_id("t", "fork", 1);
    world_setup(w, "t");
    run_begin_now(
        w, id,
        script_step(w, "fork",
                    "trap '' TERM; setsid sh -c 'trap \"\" TERM; (sleep 9999 &) ; sleep 9998' & "
                    "(setsid sleep 9997 &); echo forked; exec sleep 9996"));
    written(w, id, "forked");
    const char *stamp = run_stamp(w, id);
    UNTIL(w, processes_of(stamp) >= 4);
    destroy_now(w, id, SIGTERM, 100);
    CHECK_EQ(processes_of(stamp), 0);
    world_close(w);
}

TEST(local_a_stop_command_ends_the_step)
{
    World *w = world_open();
    StepId id = step_id("t", "server", 1);
    Heard stop = {0}, end = {0};
    AUTO_FREE char *flag = xasprintf("%s/flag", w->dir);
    AUTO_FREE char *touch = xasprintf("echo $WORD > %s", flag);
    static StrPair env[] = {{"PATH", "/usr/bin:/bin"}, {"WORD", "please"}};
    const char *command[] = {"/bin/sh", "-c", touch, NULL};
    StopHow how = {.signal = SIGTERM, .grace_ms = 20000, .command = command};
    AUTO_FREE char *script = xasprintf(
        "trap '' TERM; mkfifo %s; echo up; read word < %s; test \"$word\" = please && exit 7", flag,
        flag);
    Step *step = (Step *)(uintptr_t)script_step(w, "server", script);
    step->environment = (StrMap){.at = env, .n = 2};
    world_setup(w, "t");
    run_begin_now(w, id, step);
    written(w, id, "up");
    backend_destroy_step(w->backend, id, &how, hear, &stop);
    UNTIL(w, stop.called);
    CHECK_STR(stop.err.msg, "");
    wait_now(w, id, &end);
    CHECK_EQ(end.state.end, STEP_EXITED);
    CHECK_EQ(end.state.code, 7); /* by the command, in the step's own environment */
    world_close(w);
}

TEST(local_a_stop_command_that_fails_falls_back_to_the_signal)
{
    World *w = world_open();
    StepId id = step_id("t", "server", 1);
    Heard stop = {0}, end = {0};
    const char *command[] = {"/no/such/command", NULL};
    StopHow how = {.signal = SIGINT, .grace_ms = 20000, .command = command};
    world_setup(w, "t");
    run_begin_now(w, id, script_step(w, "server", "exec sleep 9999"));
    backend_destroy_step(w->backend, id, &how, hear, &stop);
    UNTIL(w, stop.called);
    wait_now(w, id, &end);
    CHECK_EQ(end.state.code, SIGINT);
    world_close(w);
}

TEST(local_a_stop_command_that_hangs_has_the_grace)
{
    World *w = world_open();
    StepId id = step_id("t", "server", 1);
    Heard stop = {0}, end = {0};
    const char *command[] = {"/bin/sleep", "9999", NULL};
    StopHow how = {.signal = SIGTERM, .grace_ms = 100, .command = command};
    world_setup(w, "t");
    run_begin_now(w, id, script_step(w, "server", "exec sleep 9999"));
    backend_destroy_step(w->backend, id, &how, hear, &stop);
    UNTIL(w, stop.called);
    wait_now(w, id, &end);
    CHECK_EQ(end.state.code, SIGKILL);
    world_close(w);
}

static void end_helpers_now(World *w, StepId id) {
    Heard stop = {0};
    StopHow how = {.signal = SIGTERM, .grace_ms = 5000, .helpers = true};
    backend_destroy_step(w->backend, id, &how, hear, &stop);
    UNTIL(w, stop.called);
    CHECK_STR(stop.err.msg, "");
}

TEST(local_helpers_may_linger)
{
    World *w = world_open();
    StepId id = step_id("t", "build", 1);
    Heard end = {0};
    Step *step = (Step *)(uintptr_t)script_step(w, "build", "sleep 9999 & exit 3");
    step->linger = true;
    world_setup(w, "t");
    run_begin_now(w, id, step);
    wait_now(w, id, &end);
    CHECK_EQ(end.state.code, 3);
    CHECK_EQ(end.state.lingering, 1);
    Helper helper[4];
    UNTIL(w, backend_helpers(w->backend, id, helper, 4) == 1 &&
                 strcmp(helper[0].command, "sleep 9999") == 0); /* it may have been a shell still */
    CHECK_EQ(helper[0].run, 1);
    const char *stamp = run_stamp(w, id);
    CHECK_EQ(processes_of(stamp), 1);
    world_crash(w);
    world_setup(w, "t");
    ASSERT(backend_helpers(w->backend, id, helper, 4) == 1); /* the next server finds it too */
    destroy_now(w, id, SIGTERM, 5000);
    CHECK_EQ(processes_of(stamp), 1); /* which is not what was meant */
    end_helpers_now(w, id);
    CHECK_EQ(processes_of(stamp), 0);
    CHECK_EQ(backend_helpers(w->backend, id, helper, 4), 0);
    world_close(w);
}

/* What has left the process group of the leader is a helper, what has not is stopped with it. */
TEST(local_a_stop_leaves_helpers_alone)
{
    World *w = world_open();
    StepId id = step_id("t", "server", 1);
    Heard end = {0};
    Helper helper[4];
    Step *step = (Step *)(uintptr_t)script_step(
        w, "server", "setsid -f sleep 9999; sleep 9998 & echo up; exec sleep 9997");
    step->linger = true;
    world_setup(w, "t");
    run_begin_now(w, id, step);
    const char *stamp = run_stamp(w, id);
    UNTIL(w, processes_of(stamp) == 3);
    destroy_now(w, id, SIGTERM, 5000);
    wait_now(w, id, &end);
    CHECK_EQ(end.state.code, SIGTERM);
    CHECK_EQ(end.state.lingering, 1);
    ASSERT(backend_helpers(w->backend, id, helper, 4) == 1);
    CHECK_STR(helper[0].command, "sleep 9999");
    CHECK_EQ(processes_of(stamp), 1);
    Heard cleared = {0};
    backend_destroy_workflow(w->backend, "t", NULL, hear, &cleared); /* everything goes */
    UNTIL(w, cleared.called);
    CHECK_EQ(processes_of(stamp), 0);
    world_close(w);
}

/* Nothing in memory knows of the run, and it has an exit record. */
TEST(local_a_workflow_ends_with_its_helpers)
{
    World *w = world_open();
    StepId id = step_id("t", "build", 1);
    Heard end = {0}, cleared = {0};
    Step *step = (Step *)(uintptr_t)script_step(w, "build", "sleep 9999 & exit 0");
    step->linger = true;
    world_setup(w, "t");
    run_begin_now(w, id, step);
    wait_now(w, id, &end);
    const char *stamp = run_stamp(w, id);
    CHECK_EQ(processes_of(stamp), 1);
    world_crash(w);
    world_setup(w, "t");
    backend_destroy_workflow(w->backend, "t", NULL, hear, &cleared);
    UNTIL(w, cleared.called);
    CHECK_EQ(processes_of(stamp), 0);
    world_close(w);
}

static void clear_now(World *w, Heard *cleared) {
    *cleared = (Heard){0};
    backend_destroy_workflow(w->backend, "t", NULL, hear, cleared);
    UNTIL(w, cleared->called);
}

TEST(a_machine_has_the_name_that_images_have)
{
    CHECK_STR(platform_machine("x86_64"), "amd64");
    CHECK_STR(platform_machine("armv7l"), "arm");
    CHECK_STR(platform_machine("ppc64le"), "ppc64le");
    CHECK_STR(platform_machine("riscv64"), "riscv64");
}

/* Each level of a tree costs a descriptor: one that nobody can remove, for want of them. */
TEST(local_what_could_not_be_removed_is_said_as_often_as_it_is_tried)
{
    enum { FEW = 90, LEVELS = 120 };
    World *w = world_open();
    Heard cleared;
    struct rlimit before;
    char path[4 * LEVELS + 200];
    const char *task_dir = arena_printf(&w->arena, "%s/t74", w->dir);
    world_setup(w, "t");
    size_t n = (size_t)snprintf(path, sizeof path, "%s/workspace", task_dir);
    for (size_t i = 0; i < LEVELS; i++)
        n += (size_t)snprintf(path + n, sizeof path - n, "/d");
    ASSERT(path_mkdirs(path, 0700, &(Err){0}) == 0);
    ASSERT(getrlimit(RLIMIT_NOFILE, &before) == 0);
    ASSERT(setrlimit(RLIMIT_NOFILE, &(struct rlimit){FEW, before.rlim_max}) == 0);
    for (size_t i = 0; i < 3; i++) {
        clear_now(w, &cleared);
        CHECK(cleared.err.msg[0]);
    }
    ASSERT(setrlimit(RLIMIT_NOFILE, &before) == 0);
    clear_now(w, &cleared);
    CHECK_STR(cleared.err.msg, "");
    CHECK(access(arena_printf(&w->arena, "%s/workspace", task_dir), F_OK) < 0);
    world_close(w);
}

/* ---- Commands beside a step ---- */

static void exec_now(World *w, StepId id, const Step *step, int64_t timeout_ms, Heard *heard) {
    *heard = (Heard){0};
    backend_exec_step(w->backend, id, step, timeout_ms, hear_exec, heard);
    UNTIL(w, heard->called);
    CHECK_STR(heard->err.msg, "");
}

static size_t execs_on_disk(World *w, const char *task) {
    AUTO_FREE char *dir = xasprintf("%s/exec", local_task(local_of(w->backend), task)->dir);
    struct stat st;
    return stat(dir, &st) == 0 ? (size_t)st.st_nlink - 2 : 0;
}

TEST(local_exec_has_the_environment_of_the_step)
{
    World *w = world_open();
    StepId id = step_id("t", "db", 1);
    Heard heard = {0};
    static StrPair env[] = {{"PATH", "/usr/bin:/bin"}, {"PGDATA", "/data"}};
    Step *step = (Step *)(uintptr_t)script_step(w, "db", "exec sleep 9999");
    step->environment = (StrMap){.at = env, .n = 2};
    Step *probe = (Step *)(uintptr_t)script_step(w, "probe", "echo $PGDATA; pwd; exit 1");
    probe->environment = (StrMap){0};
    probe->working_dir = NULL;
    world_setup(w, "t");
    run_begin_now(w, id, step);
    exec_now(w, id, probe, 5000, &heard);
    AUTO_FREE char *expect = xasprintf("/data\n%s\n", w->dir);
    CHECK_STR(heard.exec.output, expect);
    CHECK_EQ(heard.exec.code, 1);
    CHECK_EQ(execs_on_disk(w, "t"), 0);
    world_close(w);
}

TEST(local_exec_shows_the_last_it_wrote)
{
    World *w = world_open();
    Heard heard = {0};
    world_setup(w, "t");
    exec_now(w, step_id("t", "x", 1), script_step(w, "probe", "seq 1 5000"), 0, &heard);
    CHECK_EQ(strlen(heard.exec.output), sizeof heard.exec.output - 1);
    CHECK_HAS(heard.exec.output, "4999\n5000\n");
    exec_now(w, step_id("t", "x", 1), script_step(w, "probe", "echo out; echo err >&2"), 0, &heard);
    CHECK_HAS(heard.exec.output, "err\n");
    Step *missing = (Step *)(uintptr_t)script_step(w, "probe", "");
    missing->entrypoint.at[0] = "no-such-probe";
    exec_now(w, step_id("t", "x", 1), missing, 0, &heard);
    CHECK_EQ(heard.exec.end, STEP_FAILED);
    CHECK_STR(heard.exec.output, "command not found: no-such-probe (looked in PATH)");
    world_close(w);
}

TEST(local_exec_that_was_cancelled_is_gone)
{
    World *w = world_open();
    Heard heard = {0};
    world_setup(w, "t");
    Op *op = backend_exec_step(w->backend, step_id("t", "x", 1),
                               script_step(w, "probe", "exec sleep 9999"), 0, hear_exec, &heard);
    UNTIL(w, execs_on_disk(w, "t") == 1);
    op_cancel(op);
    UNTIL(w, heard.called);
    CHECK_EQ(heard.err.kind, ERR_CANCELLED);
    UNTIL(w, execs_on_disk(w, "t") == 0);
    world_close(w);
}

TEST(local_exec_of_a_dead_server_is_tidied)
{
    World *w = world_open();
    world_setup(w, "t");
    AUTO_FREE char *mark = xasprintf("MARK=%s", w->dir);
    StrPair env[] = {{"MARK", w->dir}, {"PATH", "/usr/bin:/bin"}};
    Step *probe = (Step *)(uintptr_t)script_step(w, "probe", "exec sleep 9999");
    probe->environment = (StrMap){.at = env, .n = 2};
    backend_exec_step(w->backend, step_id("t", "x", 1), probe, 0, hear_exec, NULL);
    UNTIL(w, processes_of(mark) > 0);
    world_crash(w);
    CHECK(processes_of(mark) > 0);
    world_setup(w, "t");
    UNTIL(w, execs_on_disk(w, "t") == 0);
    CHECK_EQ(processes_of(mark), 0);
    world_close(w);
}

TEST(local_capture_is_whole_and_private)
{
    World *w = world_open();
    StepId id = step_id("t", "job", 1);
    Heard end = {0};
    struct stat st;
    Step *step = (Step *)(uintptr_t)script_step(w, "job", "echo secret-value; echo err >&2");
    const char *secrets[] = {"secret-value"};
    step->secrets = (StrList){.at = secrets, .n = 1};
    step->capture = true;
    world_setup(w, "t");
    run_begin_now(w, id, step);
    wait_now(w, id, &end);
    AUTO_FREE char *path = xasprintf("%s/" RUN_CAPTURE, world_run_dir(w, id));
    AUTO_FREE char *text = NULL;
    Err err = {0};
    ASSERT(stat(path, &st) == 0);
    CHECK_EQ(st.st_mode & 0777, 0600);
    ASSERT(file_read(path, 1000, &text, NULL, &err) == 0);
    CHECK_STR(text, "secret-value\n");
    Heard heard = {0};
    backend_capture_step(w->backend, id, hear, &heard);
    UNTIL(w, heard.called);
    CHECK(heard.result);
    backend_capture_step(w->backend, step_id("t", "job", 9), hear, &heard);
    UNTIL(w, heard.called == 2);
    CHECK_EQ(heard.err.kind, ERR_NOT_FOUND);
    world_close(w);
}

/* ---- Who may be killed ---- */

TEST(local_the_rail_is_killed_and_replaced)
{
    World *w = world_open();
    StepId id = step_id("t", "server", 1);
    Heard end = {0}, more = {0};
    world_setup(w, "t");
    run_begin_now(w, id, script_step(w, "server", "echo up; read x; exit 0"));
    Heard state = {0};
    run_begin_now(w, step_id("t", "server", 2), script_step(w, "server", "exec sleep 9999"));
    backend_wait_step(w->backend, step_id("t", "server", 2), hear_state, &more);
    pid_t rail = world_rail(w);
    kill(rail, SIGKILL);
    /* by a new one */
    run_begin_now(w, step_id("t", "server", 3), script_step(w, "server", "exit 5"));
    wait_now(w, step_id("t", "server", 3), &end);
    CHECK_EQ(end.state.code, 5);
    CHECK(world_rail(w) != rail);
    CHECK_EQ(more.called, 0); /* pins live on */
    destroy_now(w, step_id("t", "server", 2), SIGTERM, 5000);
    CHECK_EQ(more.called, 1);
    CHECK_EQ(more.state.code, SIGTERM);
    run_resume(w, id, &state);
    CHECK_EQ(state.state.phase, STEP_ENDED);
    world_close(w);
}

/* Requests that die with the rail are asked again, once: all run, and none twice. */
TEST_TIMEOUT(local_the_rail_is_killed_amid_starts, 60) {
    enum { RUNS = 40 };
    World *w = world_open();
    Heard started[RUNS] = {0};
    AUTO_FREE char *ledger = xasprintf("%s/ledger", w->dir);
    AUTO_FREE char *script = xasprintf("echo $N >> %s; exec sleep 9999", ledger);
    world_setup(w, "t");
    pid_t rail = world_rail(w);
    for (uint32_t i = 0; i < RUNS; i++) {
        StrPair env[] = {{"N", arena_printf(&w->arena, "%u", i)}, {"PATH", "/usr/bin:/bin"}};
        Step *step = (Step *)(uintptr_t)script_step(w, "server", script);
        step->environment = (StrMap){.at = env, .n = 2};
        run_begin(w, step_id("t", "server", i + 1), step, &started[i]);
        if (i == RUNS / 2)
            kill(rail, SIGKILL);
    }
    for (uint32_t i = 0; i < RUNS; i++) {
        UNTIL(w, started[i].called);
        CHECK_STR(started[i].err.msg, "");
        CHECK_EQ(started[i].called, 1);
        CHECK_EQ(started[i].state.phase, STEP_RUNNING);
    }
    struct stat st;
    enum { LEDGER_BYTES = 10 * 2 + 30 * 3 };
    UNTIL(w, stat(ledger, &st) == 0 && st.st_size >= LEDGER_BYTES);
    world_settle(w);
    ASSERT(stat(ledger, &st) == 0);
    CHECK_EQ(st.st_size, LEDGER_BYTES); /* each wrote its line once */
    world_close(w);
}

static void kill_pin(World *w, StepId id, const char *stamp, Heard *end) {
    backend_wait_step(w->backend, id, hear_state, end);
    kill(world_pin(w, id), SIGKILL);
    UNTIL(w, end->called);
    CHECK_EQ(processes_of(stamp), 0); /* before anybody is told */
    CHECK_EQ(end->state.end, STEP_LOST);
    CHECK_STR(end->state.error, "its exit code is unknown: the pin was killed");
}

TEST(local_a_killed_pin_is_told_when_its_tree_is_gone)
{
    World *w = world_open();
    StepId id = step_id("t", "server", 1);
    Heard end = {0}, again = {0};
    Shown shown = {0};
    world_setup(w, "t");
    run_begin_now(w, id, script_step(w, "server", "setsid sleep 9999 & echo up; exec sleep 9998"));
    written(w, id, "up");
    const char *stamp = run_stamp(w, id);
    UNTIL(w, processes_of(stamp) == 2);
    tail(w, id, 0, &shown);
    kill_pin(w, id, stamp, &end);
    UNTIL(w, shown.heard.called);
    CHECK_STR(buf_cstr(&shown.text), "up\n");
    CHECK_EQ(shown.pieces, 2); /* the text, and that bytes may be missing */
    shown_clear(&shown);
    world_crash(w);
    world_setup(w, "t");
    run_resume(w, id, &again);
    CHECK_EQ(again.state.end, STEP_LOST);
    CHECK_STR(again.state.error, end.state.error);
    world_close(w);
}

TEST(local_pin_and_rail_are_killed)
{
    World *w = world_open();
    StepId id = step_id("t", "server", 1);
    Heard end = {0};
    world_setup(w, "t");
    run_begin_now(w, id, script_step(w, "server", "setsid sleep 9999 & echo up; exec sleep 9998"));
    written(w, id, "up");
    const char *stamp = run_stamp(w, id);
    UNTIL(w, processes_of(stamp) == 2);
    kill(world_rail(w), SIGKILL);
    kill_pin(w, id, stamp, &end);
    world_close(w);
}

TEST(local_pin_and_server_are_killed)
{
    World *w = world_open();
    StepId id = step_id("t", "server", 1);
    Heard again = {0};
    world_setup(w, "t");
    run_begin_now(w, id, script_step(w, "server", "setsid sleep 9999 & echo up; exec sleep 9998"));
    written(w, id, "up");
    const char *stamp = run_stamp(w, id);
    pid_t pin = world_pin(w, id), rail = world_rail(w);
    kill(rail, SIGKILL);
    kill(pin, SIGKILL);
    world_crash(w);
    world_setup(w, "t");
    run_resume(w, id, &again);
    CHECK_EQ(again.state.phase, STEP_ENDED);
    CHECK_EQ(again.state.end, STEP_LOST);
    CHECK_EQ(processes_of(stamp), 0);
    world_close(w);
}

/* ---- Leaving ---- */

TEST(local_a_rail_without_pins_ends_after_a_bye)
{
    World *w = world_open();
    Loop *loop = w->loop;
    pid_t rail = world_rail(w);
    world_settle(w);
    local_backend_say_bye(w->backend);
    backend_free(w->backend);
    for (int64_t until = clock_mono_ms() + 10000; process_lives(rail) && clock_mono_ms() < until;)
        loop_turn(loop, 10);
    CHECK(!process_lives(rail));
    loop_free(loop);
    arena_deinit(&w->arena);
    free(w);
}

TEST(local_ended_runs_need_no_memory)
{
    World *w = world_open();
    Local *local = local_of(w->backend);
    Heard end = {0};
    world_setup(w, "t");
    for (uint32_t run = 1; run <= 20; run++) {
        run_begin_now(w, step_id("t", "job", run), script_step(w, "job", "exit 2"));
        wait_now(w, step_id("t", "job", run), &end);
    }
    world_settle(w);
    CHECK_EQ(local->runs.n, 1);
    wait_now(w, step_id("t", "job", 7), &end); /* the disk knows */
    CHECK_EQ(end.state.code, 2);
    world_close(w);
}

/* ---- Many, and fast ---- */

TEST_TIMEOUT(local_a_hundred_at_once, 60) {
    enum { RUNS = 100 };
    World *w = world_open();
    Heard started[RUNS] = {0}, ends[RUNS] = {0};
    world_setup(w, "t");
    for (uint32_t i = 0; i < RUNS; i++) {
        AUTO_FREE char *script = xasprintf("echo line %u; exit %u", i, i);
        run_begin(w, step_id("t", "job", i + 1), script_step(w, "job", script), &started[i]);
        backend_wait_step(w->backend, step_id("t", "job", i + 1), hear_state, &ends[i]);
    }
    for (uint32_t i = 0; i < RUNS; i++) {
        UNTIL(w, started[i].called && ends[i].called);
        CHECK_EQ(ends[i].state.code, i);
        CHECK_EQ(ends[i].state.log_size, i < 10 ? 7 : 8);
    }
    world_close(w);
}

TEST_TIMEOUT(local_few_descriptors_delay_and_lose_nothing, 60) {
    enum { RUNS = 60 };
    World *w = world_open();
    Heard ends[RUNS] = {0};
    struct rlimit limit;
    world_setup(w, "t");
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = 40;
    ASSERT(setrlimit(RLIMIT_NOFILE, &limit) == 0);
    for (uint32_t i = 0; i < RUNS; i++) {
        op_forget(backend_start_step(w->backend, step_id("t", "job", i + 1),
                                     script_step(w, "job", "exit 3"), hear_state, NULL));
        backend_wait_step(w->backend, step_id("t", "job", i + 1), hear_state, &ends[i]);
    }
    for (uint32_t i = 0; i < RUNS; i++) {
        UNTIL(w, ends[i].called);
        CHECK_STR(ends[i].err.msg, "");
        CHECK_EQ(ends[i].state.code, 3);
    }
    world_close(w);
}

typedef struct Digest {
    struct sha256_ctx sha;
    uint64_t bytes;
    Heard end;
} Digest;

static bool digest_piece(void *arg, const LogPiece *piece) {
    Digest *digest = arg;
    CHECK(piece->data);
    sha256_update(&digest->sha, piece->size, (const uint8_t *)piece->data);
    digest->bytes += piece->size;
    return true;
}

static void digest_end(void *arg, const void *result, const Err *err) {
    hear(&((Digest *)arg)->end, result, err);
}

TEST_TIMEOUT(local_a_tail_keeps_up_with_a_busy_writer, 60) {
    enum { BYTES = 32 << 20 };
    World *w = world_open();
    StepId id = step_id("t", "gen", 1);
    Digest digest = {0};
    uint8_t got[SHA256_DIGEST_SIZE], expect[SHA256_DIGEST_SIZE];
    char line[100];
    struct sha256_ctx sha;
    sha256_init(&digest.sha);
    sha256_init(&sha);
    memset(line, 'x', sizeof line - 1);
    line[sizeof line - 1] = '\n';
    for (size_t left = BYTES; left > 0;) {
        size_t n = left < sizeof line ? left : sizeof line;
        sha256_update(&sha, n, (const uint8_t *)line);
        left -= n;
    }
    sha256_digest(&sha, sizeof expect, expect);
    world_setup(w, "t");
    AUTO_FREE char *script = xasprintf("yes %.99s | head -c %d", line, BYTES);
    run_begin_now(w, id, script_step(w, "gen", script));
    backend_tail_step(w->backend, id, 0, digest_piece, digest_end, &digest);
    UNTIL(w, digest.end.called);
    CHECK_STR(digest.end.err.msg, "");
    CHECK_EQ(digest.bytes, BYTES);
    sha256_digest(&digest.sha, sizeof got, got);
    CHECK(memcmp(got, expect, sizeof got) == 0);
    world_close(w);
}

/* Nobody reads the log: nobody says anything about it. */
TEST(local_silence_while_nobody_follows)
{
    World *w = world_open();
    StepId id = step_id("t", "talker", 1);
    world_setup(w, "t");
    run_begin_now(w, id, script_step(w, "talker", "while :; do echo line; sleep 0.005; done"));
    written(w, id, "line");
    world_settle(w);
    while (loop_turn(w->loop, 0))
        ; /* the last news of the tail that is over */
    CHECK(!loop_turn(w->loop, 200));
    destroy_now(w, id, SIGKILL, 0);
    world_close(w);
}
