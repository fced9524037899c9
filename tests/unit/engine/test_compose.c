/* SPDX-License-Identifier: Apache-2.0 */
/* Which compose is asked, and with what: programs of that name that write down what they are told.
 * The real one is in tests/e2e. */
#include <signal.h>
#include <sys/stat.h>

#include "base/file.h"
#include "engine/compute/compute_inside.h"
#include "harness/test.h"

typedef struct Dock {
    Arena arena;
    const char *dir;
    StrPair vars[2];
    StrMap env;
    EnvironmentPort port[2];
    EnvironmentPorts ports;
    ComputeAsk ask;
    Err err;
} Dock;

static void program(Dock *d, const char *name, const char *script) {
    const char *path = arena_printf(&d->arena, "%s/%s", d->dir, name);
    const char *text = arena_printf(&d->arena, "#!/bin/sh\n%s\n", script);
    ASSERT(file_write(path, text, strlen(text), 0755, NULL) == 0);
    ASSERT(chmod(path, 0755) == 0);
}

static Dock *dock_new(void) {
    static Dock dock;
    Dock *d = &dock;
    arena_init(&d->arena);
    d->dir = test_dir();
    d->vars[0] = (StrPair){"PATH", d->dir};
    d->env = (StrMap){d->vars, 1};
    d->port[0] = (EnvironmentPort){"my-db", 61201};
    d->port[1] = (EnvironmentPort){"web", 61202};
    d->ports = (EnvironmentPorts){d->port, 2};
    d->ask = (ComputeAsk){.project = d->dir,
                          .path = "/t",
                          .branch = "x",
                          .compose_file = arena_printf(&d->arena, "%s/-f $(x).yaml", d->dir),
                          .compose_project = "shop-x",
                          .ports = &d->ports,
                          .env = &d->env};
    ASSERT(file_write(d->ask.compose_file, "services: {}", 12, 0644, NULL) == 0);
    return d;
}

static void is_argv(Dock *d, const ComputeCommand *command, const char *expected) {
    const char *text = "";
    for (size_t i = 0; i < command->argv.n; i++)
        text = arena_printf(&d->arena, "%s|%s", text, command->argv.at[i]);
    CHECK_STR(text, arena_printf(&d->arena, "|%s/%s|-p|shop-x|-f|%s|%s", d->dir,
                                 strcmp(command->argv.at[1], "compose") == 0 ? "docker|compose"
                                                                             : "docker-compose",
                                 d->ask.compose_file, expected));
}

TEST(docker_compose_is_asked_in_words)
{
    Dock *d = dock_new();
    ComputeCommand command;
    program(d, "docker", "[ \"$*\" = 'compose version' ]");
    program(d, "docker-compose", "exit 9");
    ASSERT(compute_start(&compute_local, &d->ask, &d->arena, &command, &d->err) == 0);
    CHECK_STR(command.argv.at[1], "compose");
    is_argv(d, &command, "up|-d");
    CHECK_STR(strmap_get(&command.env, "COMPOSE_PROJECT_NAME"), "shop-x");
    CHECK_STR(strmap_get(&command.env, "MY_DB_PORT"), "61201");
    CHECK_STR(strmap_get(&command.env, "WEB_PORT"), "61202");
    CHECK_STR(strmap_get(&command.env, "PATH"), d->dir);
    ASSERT(compute_stop(&compute_local, &d->ask, &d->arena, &command, &d->err) == 0);
    is_argv(d, &command, "stop");
    arena_deinit(&d->arena);
}

TEST(the_older_docker_compose_does_as_well)
{
    Dock *d = dock_new();
    ComputeCommand command;
    program(d, "docker-compose", "exit 9");
    ASSERT(compute_start(&compute_local, &d->ask, &d->arena, &command, &d->err) == 0);
    is_argv(d, &command, "up|-d");
    program(d, "docker", "exit 1"); /* without the plugin */
    ASSERT(compute_start(&compute_local, &d->ask, &d->arena, &command, &d->err) == 0);
    is_argv(d, &command, "up|-d");
    arena_deinit(&d->arena);
}

TEST(without_any_compose_infrastructure_is_refused_with_the_reason)
{
    Dock *d = dock_new();
    ComputeCommand command;
    CHECK(compute_start(&compute_local, &d->ask, &d->arena, &command, &d->err) < 0);
    CHECK_EQ(d->err.kind, ERR_UNAVAILABLE);
    CHECK_STR(d->err.msg, "infrastructure needs `docker compose` or docker-compose, and there is "
                          "neither: install one of them");
    program(d, "docker", "exit 1");
    CHECK(compute_start(&compute_local, &d->ask, &d->arena, &command, &d->err) < 0);
    CHECK_HAS(d->err.msg, "neither (docker is there, its compose plugin is not)");
    d->ask.compose_file = NULL; /* and without infrastructure nobody asks for one */
    ASSERT(compute_start(&compute_local, &d->ask, &d->arena, &command, &d->err) == 0);
    CHECK_EQ(command.argv.n, 0);
    arena_deinit(&d->arena);
}

TEST(to_destroy_volumes_go_too)
{
    Dock *d = dock_new();
    ComputeCommand command;
    program(d, "docker-compose", "exit 9");
    ASSERT(compute_destroy(&compute_local, &d->ask, &d->arena, &command, &d->err) == 0);
    CHECK_STR(command.argv.at[0], "/bin/sh");
    CHECK_STR(command.argv.at[5], ""); /* no worktree of ours */
    CHECK_STR(command.argv.at[10], d->ask.compose_file);
    CHECK_STR(command.argv.at[11], "down");
    CHECK_STR(command.argv.at[12], "-v");
    arena_deinit(&d->arena);
}

TEST(infrastructure_runs_when_all_of_it_does)
{
    Dock *d = dock_new();
    ComputeLook now;
    program(d, "docker-compose",
            "case \"$*\" in\n"
            "*config*) echo a warning >&2; printf 'db\\nmigrate\\nweb\\n';;\n"
            "*ps*) echo running: all >&2; printf 'db\\n'; [ ! -e \"$PATH/up\" ] || echo web;;\n"
            "esac");
    ASSERT(compute_running(&compute_local, &d->ask, &d->arena, &now, &d->err) == 0);
    CHECK(!now.stands);
    CHECK_STR(now.why, "not running: migrate, web");
    program(d, "docker", "[ \"$1\" = ps ] && echo migrate"); /* it has ended well */
    ASSERT(compute_running(&compute_local, &d->ask, &d->arena, &now, &d->err) == 0);
    CHECK_STR(now.why, "not running: web");
    program(d, "up", "");
    ASSERT(compute_running(&compute_local, &d->ask, &d->arena, &now, &d->err) == 0);
    CHECK(now.stands && !now.why);
    /* Stopped: everything has ended, and well. */
    program(d, "docker-compose", "case \"$*\" in *config*) printf 'db\\nmigrate\\n';; esac");
    program(d, "docker", "[ \"$1\" = ps ] && printf 'db\\nmigrate\\n'");
    ASSERT(compute_running(&compute_local, &d->ask, &d->arena, &now, &d->err) == 0);
    CHECK_STR(now.why, "not running: db, migrate");
    program(d, "docker-compose", "echo talk >&2; echo 'no engine' >&2; exit 1");
    CHECK(compute_running(&compute_local, &d->ask, &d->arena, &now, &d->err) < 0);
    CHECK_HAS(d->err.msg, "docker-compose: no engine");
    arena_deinit(&d->arena);
}

/* ---- programs that look ---- */

static int run(Dock *d, ToolDone *done) {
    static const char *const argv[] = {"look", NULL};
    return tool_run(&(ToolAsk){argv, &d->env, "/"}, &d->arena, done, &d->err);
}

TEST(what_a_program_says_and_how_it_ends)
{
    Dock *d = dock_new();
    ToolDone done;
    CHECK(run(d, &done) < 0);
    CHECK_STR(d->err.msg, "there is no look on PATH");
    program(d, "look", "printf 'a\\0b'; echo first >&2; echo 'last ' >&2; echo >&2; exit 3");
    ASSERT(run(d, &done) == 0);
    CHECK_EQ(done.code, 3);
    CHECK_EQ(done.out_n, 3);
    CHECK(memcmp(done.out, "a\0b", 3) == 0);
    CHECK_STR(done.error, "last");
    program(d, "look", "kill -9 $$");
    ASSERT(run(d, &done) == 0);
    CHECK_EQ(done.code, 137);
    program(d, "look", "/usr/bin/head -c 5000000 /dev/zero");
    ASSERT(run(d, &done) == 0);
    CHECK(done.cut && done.out_n == TOOL_OUTPUT_MAX);
    program(d, "look", "exec 3<&0; read x <&3 && exit 1; echo over"); /* no stdin */
    ASSERT(run(d, &done) == 0);
    CHECK_STR(done.out, "over\n");
    arena_deinit(&d->arena);
}

/* What it leaves behind keeps its stdout open for a minute. */
TEST(a_program_is_not_waited_for_longer_than_it_lives)
{
    Dock *d = dock_new();
    ToolDone done;
    program(d, "look", "/bin/sleep 60 & echo $!");
    ASSERT(run(d, &done) == 0);
    CHECK_EQ(done.code, 0);
    int pid = 0;
    CHECK_EQ(sscanf(done.out, "%d", &pid), 1);
    if (pid > 1)
        kill(pid, 9);
    arena_deinit(&d->arena);
}
