/* SPDX-License-Identifier: Apache-2.0 */
/* Which compose is asked, and with what: programs of that name that write down what they are told.
 * The real one is in tests/e2e. */
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

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
    d->ask.composed = true;
    program(d, "docker", "case \"$*\" in 'compose version' | 'ps '*) ;; *) exit 1 ;; esac");
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

/* ---- gone ---- */

static void compose_file(Dock *d, const char *text) {
    ASSERT(file_write(d->ask.compose_file, text, strlen(text), 0644, NULL) == 0);
}

static void words(Dock *d, const char *name, const char *text) {
    const char *path = arena_printf(&d->arena, "%s/%s", d->dir, name);
    ASSERT(file_write(path, text, strlen(text), 0644, NULL) == 0);
}

/* A docker that has two containers and a network, and one for each of its words that changes. */
static void fleet(Dock *d) {
    words(d, "from", "/t/apps\n/t\n");
    program(d, "docker",
            "[ \"$2\" != ls ] || echo \"$*\" >>\"$PATH/listed\"\n"
            "case \"$1 $2\" in\n"
            "'compose version') exit 1;;\n"
            "'ps --all') while read -r dir; do echo \"$dir\"; done <\"$PATH/from\";;\n"
            "'container ls') printf 'c1\\nc2\\n';;\n"
            "'network ls') echo n1;;\n"
            "'volume ls') ;;\n"
            "*) echo \"$*\" >>\"$PATH/asked\";;\n"
            "esac");
}

/* What was asked for, and its exit code, if there was anything to be done. */
static const char *done_by(Dock *d, int (*make)(const Compute *, const ComputeAsk *, Arena *,
                                                ComputeCommand *, Err *)) {
    ComputeCommand command;
    ToolDone done;
    AUTO_FREE char *text = NULL;
    const char *asked = arena_printf(&d->arena, "%s/asked", d->dir);
    unlink(asked);
    if (make(&compute_local, &d->ask, &d->arena, &command, &d->err) < 0)
        return "refused";
    if (command.argv.n == 0)
        return "nothing";
    const ToolAsk run = {command.argv.at, &command.env, command.cwd};
    ASSERT(tool_run(&run, &d->arena, &done, &d->err) == 0);
    if (file_read(asked, 4096, &text, NULL, NULL) < 0)
        return arena_printf(&d->arena, "%d", done.code);
    return arena_printf(&d->arena, "%s%d", text, done.code);
}

#define BY_LABELS "container rm -fv c1 c2\nnetwork rm n1\n"

TEST(to_destroy_compose_is_asked_and_then_what_has_its_labels_goes)
{
    Dock *d = dock_new();
    AUTO_FREE char *listed = NULL;
    fleet(d);
    d->ask.composed = true;
    program(d, "docker-compose", "echo \"compose $5 $6 $7\" >>\"$PATH/asked\"");
    CHECK_STR(done_by(d, compute_destroy), "compose down -v --remove-orphans\n" BY_LABELS "0");
    ASSERT(file_read(arena_printf(&d->arena, "%s/listed", d->dir), 4096, &listed, NULL, NULL) == 0);
    CHECK_STR(listed, "container ls -aq --filter label=com.docker.compose.project=shop-x\n"
                      "network ls -q --filter label=com.docker.compose.project=shop-x\n"
                      "volume ls -q --filter label=com.docker.compose.project=shop-x\n");
    program(d, "docker-compose", "echo broken >&2; exit 3");
    CHECK_STR(done_by(d, compute_destroy), BY_LABELS "0");
    program(d, "docker", "[ \"$1\" != compose ] && echo 'no engine' >&2 && exit 4");
    CHECK_STR(done_by(d, compute_destroy), "refused"); /* and is not forgotten */
    CHECK_EQ(d->err.kind, ERR_UNAVAILABLE);
    CHECK_STR(d->err.msg, "compose project shop-x is left: docker: no engine");
    unlink(arena_printf(&d->arena, "%s/docker", d->dir));
    CHECK_STR(done_by(d, compute_destroy), "3");
    program(d, "docker-compose", "exit 0");
    CHECK_STR(done_by(d, compute_destroy), "0");
    arena_deinit(&d->arena);
}

TEST(without_its_compose_file_infrastructure_is_found_by_its_labels)
{
    Dock *d = dock_new();
    fleet(d);
    program(d, "docker-compose", "exit 9");
    ASSERT(unlink(d->ask.compose_file) == 0);
    CHECK_STR(done_by(d, compute_destroy), "nothing");
    CHECK_STR(done_by(d, compute_stop), "nothing");
    d->ask.composed = true;
    CHECK_STR(done_by(d, compute_destroy), BY_LABELS "0");
    CHECK_STR(done_by(d, compute_stop), "container stop c1 c2\n0");
    d->ask.compose_file = NULL; /* the config does not name it any more */
    CHECK_STR(done_by(d, compute_destroy), BY_LABELS "0");
    program(d, "docker", "exit 4");
    CHECK_STR(done_by(d, compute_destroy), "refused");
    CHECK_STR(done_by(d, compute_stop), "refused");
    program(d, "docker", "[ \"$2\" = rm ] && exit 5; echo /t");
    CHECK_STR(done_by(d, compute_destroy), "5");
    unlink(arena_printf(&d->arena, "%s/docker", d->dir));
    CHECK_STR(done_by(d, compute_destroy), "refused");
    CHECK_EQ(d->err.kind, ERR_UNAVAILABLE);
    CHECK_STR(d->err.msg, "the compose file of shop-x is gone, and there is no docker on PATH to "
                          "find its containers with");
    CHECK_STR(done_by(d, compute_stop), "refused");
    arena_deinit(&d->arena);
}

TEST(what_was_never_started_needs_no_docker)
{
    Dock *d = dock_new();
    program(d, "docker-compose", "echo asked >>\"$PATH/asked\"");
    CHECK_STR(done_by(d, compute_destroy), "nothing");
    program(d, "docker", "exit 4");
    CHECK_STR(done_by(d, compute_destroy), "nothing");
    CHECK_STR(done_by(d, compute_stop), "nothing");
    fleet(d); /* started by another half, which told nobody */
    CHECK_STR(done_by(d, compute_destroy), "asked\n" BY_LABELS "0");
    words(d, "from", "");
    CHECK_STR(done_by(d, compute_destroy), "nothing");
    arena_deinit(&d->arena);
}

TEST(a_project_of_that_name_from_elsewhere_is_left_alone)
{
    Dock *d = dock_new();
    ComputeCommand command;
    fleet(d);
    program(d, "docker-compose", "echo asked >>\"$PATH/asked\"");
    d->ask.composed = true;
    words(d, "from", "/t\n/tt/x\n");
    CHECK(compute_start(&compute_local, &d->ask, &d->arena, &command, &d->err) < 0);
    CHECK_EQ(d->err.kind, ERR_CONFLICT);
    CHECK_HAS(d->err.msg, "the compose project shop-x runs already, from /tt/x, which is none of");
    CHECK_STR(done_by(d, compute_destroy), "0");
    CHECK_STR(done_by(d, compute_stop), "0");
    ASSERT(unlink(d->ask.compose_file) == 0);
    CHECK_STR(done_by(d, compute_destroy), "0");
    words(d, "from", arena_printf(&d->arena, "%s\n", d->dir)); /* where the compose file lies */
    CHECK(compute_start(&compute_local, &d->ask, &d->arena, &command, &d->err) == 0);
    arena_deinit(&d->arena);
}

/* ---- does it run? ---- */

/* As docker-compose and `docker compose` answer; what runs is in the file `up`. */
#define ANSWERS                                           \
    "case \"$*\" in\n"                                    \
    "*config*) echo a warning >&2; cat \"$PATH/all\";;\n" \
    "*ps*) echo running: all >&2; cat \"$PATH/up\";;\n"   \
    "esac"

/* "runs", or what does not; with these services, of which these run, and these have ended well. */
static const char *state(Dock *d, const char *all, const char *up, const char *ended) {
    ComputeLook now;
    words(d, "all", all);
    words(d, "up", up);
    words(d, "ended", ended);
    if (compute_running(&compute_local, &d->ask, &d->arena, &now, &d->err) < 0)
        return d->err.msg;
    CHECK_EQ(now.stands, now.why == NULL);
    return now.why ? now.why : "runs";
}

#define ONCE \
    "services: {db: {ports: [\"5432\"]}, migrate: {}, web: {ports: [\"${WEB_PORT}:80\"]}}\n"

static void check_running(Dock *d) {
    compose_file(d, ONCE);
    CHECK_STR(state(d, "db\nmigrate\nweb\n", "db\n", ""), "not running: migrate, web");
    CHECK_STR(state(d, "db\nmigrate\nweb\n", "db\n", "migrate\n"), "not running: web");
    CHECK_STR(state(d, "db\nmigrate\nweb\n", "db\nweb\n", "migrate\n"), "runs");
    /* Stopped: everything has ended, and well; but for what has a port that is no end. */
    CHECK_STR(state(d, "db\nmigrate\nweb\n", "db\n", "migrate\nweb\n"), "not running: web");
    CHECK_STR(state(d, "db\nmigrate\n", "", "db\nmigrate\n"), "not running: db");
    CHECK_STR(state(d, "migrate\nseed\n", "", "migrate\nseed\n"), "runs");
    compose_file(d, "services: [\n");
    CHECK_STR(state(d, "db\nmigrate\n", "db\n", "migrate\n"), "not running: migrate");
}

static void tool(Dock *d, const char *name) {
    ASSERT(symlink(arena_printf(&d->arena, "/bin/%s", name),
                   arena_printf(&d->arena, "%s/%s", d->dir, name)) == 0);
}

TEST(infrastructure_runs_when_all_of_it_does)
{
    Dock *d = dock_new();
    tool(d, "cat");
    program(d, "docker-compose", ANSWERS);
    compose_file(d, ONCE);
    CHECK_STR(state(d, "db\nmigrate\n", "db\n", "migrate\n"), "not running: migrate");
    program(d, "docker", "[ \"$1\" = ps ] && cat \"$PATH/ended\"");
    check_running(d);
    program(d, "docker-compose", "echo talk >&2; echo 'no engine' >&2; exit 1");
    CHECK_HAS(state(d, "", "", ""), "docker-compose: no engine");
    arena_deinit(&d->arena);
}

TEST(infrastructure_of_the_plugin_runs_when_all_of_it_does)
{
    Dock *d = dock_new();
    tool(d, "cat");
    program(d, "docker",
            "case \"$1\" in\n"
            "ps) cat \"$PATH/ended\";;\n"
            "compose) shift; [ \"$1\" = version ] || exec compose-plugin \"$@\";;\n"
            "esac");
    program(d, "compose-plugin", ANSWERS);
    check_running(d);
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
