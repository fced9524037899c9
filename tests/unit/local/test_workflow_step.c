/* SPDX-License-Identifier: Apache-2.0 */
/* A step of a workflow, turned into a process. */
#include "backend/local/workflow_step.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "backend/argument_limit.h"
#include "backend/local/workflow_script.h"
#include "backend/local/workflow_services.h"
#include "base/base64.h"
#include "base/file.h"
#include "base/xalloc.h"
#include "harness/test.h"
#include "spec/inherited.h"

static const char *two[] = {"echo 'a b'", "false"}, *bash[] = {"/bin/bash", "-c", "x"};
static StrPair env_pairs[] = {
    {"CI_NETRC_PASSWORD", "p"}, {"CI_WORKSPACE", "/w/src"}, {"HOME", "/h"}, {"MINE", "1"}};

static Step plain(void) {
    return (Step){.name = "s",
                  .uuid = "U",
                  .image = "sh",
                  .commands = {two, 2},
                  .working_dir = "/w/src",
                  .workspace_base = "/w",
                  .environment = {env_pairs, 4}};
}

typedef struct Made {
    Arena arena;
    WorkflowProcess process;
    Step step; /* of the process */
    Err err;
    int r;
} Made;

static void make(Made *made, Step step) {
    arena_init(&made->arena);
    const WorkflowPlace place = {.dir = test_dir(), .script = "/run/script"};
    made->r = workflow_places_make(test_dir(), &made->err);
    if (made->r == 0)
        made->r = workflow_process(&step, &place, &made->arena, &made->process, &made->err);
    if (made->r == 0)
        made->step = made->process.step;
}

TEST(commands_become_a_script_of_their_shell)
{
    Made made;
    make(&made, plain());
    ASSERT(made.r == 0);
    CHECK_EQ(made.step.type, STEP_PROCESS);
    ASSERT(made.step.entrypoint.n == 3);
    CHECK_STR(made.step.entrypoint.at[0], "sh");
    CHECK_STR(made.step.entrypoint.at[1], "-e");
    CHECK_STR(made.step.entrypoint.at[2], "/run/script");
    CHECK_STR(made.process.script, "exec 2>&1\nprintf '%s\\n' '+ echo '\\''a b'\\'''\necho 'a b'\n"
                                   "printf '%s\\n' '+ false'\nfalse\n");
    arena_deinit(&made.arena);
}

TEST(its_environment_is_its_own)
{
    Made made;
    AUTO_FREE char *home = xasprintf("%s/home", test_dir());
    AUTO_FREE char *workspace = xasprintf("%s/workspace", test_dir());
    setenv("SECRET_OF_THE_SERVER", "x", 1);
    make(&made, plain());
    ASSERT(made.r == 0);
    const StrMap *map = &made.step.environment;
    CHECK_STR(strmap_get(map, "HOME"), home);
    CHECK_STR(strmap_get(map, "CI_WORKSPACE"), workspace);
    CHECK_STR(strmap_get(map, "MINE"), "1");
    CHECK_STR(strmap_get(map, "PATH"), INHERITED_PATH);
    CHECK(!strmap_get(map, "SECRET_OF_THE_SERVER"));
    CHECK(!strmap_get(map, "CI_NETRC_PASSWORD"));
    CHECK_STR(made.step.working_dir, workspace);
    arena_deinit(&made.arena);
}

TEST(its_directory_is_below_the_workspace)
{
    static const struct {
        const char *wanted, *below;
    } cases[] = {{"/w/src/backend", "/backend"},
                 {"/w/other", "/other"},
                 {"sub", "/sub"},
                 {NULL, ""},
                 {"/etc", NULL},
                 {"a/../../b", NULL}};
    for (size_t i = 0; i < COUNT(cases); i++) {
        Made made;
        struct stat st;
        Step step = plain();
        step.working_dir = cases[i].wanted;
        make(&made, step);
        CHECK_EQ(made.r, cases[i].below ? 0 : -1);
        if (made.r == 0) {
            AUTO_FREE char *path = xasprintf("%s/workspace%s", test_dir(), cases[i].below);
            CHECK_STR(made.step.working_dir, path);
            CHECK_EQ(stat(path, &st), 0);
        }
        arena_deinit(&made.arena);
    }
}

TEST(it_inherits_only_a_few_variables)
{
    static StrPair client[] = {{"LANG", "C"}, {"LC_ALL", "C"}, {"PATH", "/bin"}, {"TOKEN", "x"}};
    Made made;
    Step step = plain();
    step.process.inherited = (StrMap){client, 4};
    step.process.nice = 3;
    step.process.umask = 077;
    make(&made, step);
    ASSERT(made.r == 0);
    const StrMap *map = &made.step.environment;
    CHECK_STR(strmap_get(map, "LANG"), "C");
    CHECK_STR(strmap_get(map, "LC_ALL"), "C");
    CHECK_STR(strmap_get(map, "PATH"), "/bin");
    CHECK(!strmap_get(map, "TOKEN"));
    CHECK_EQ(made.step.process.nice, 3);
    CHECK_EQ(made.step.process.umask, 022);
    arena_deinit(&made.arena);
}

TEST(an_entrypoint_gets_the_script_and_a_plugin_is_a_program)
{
    Made made;
    Step step = plain();
    step.entrypoint = (StrList){bash, 3};
    make(&made, step);
    ASSERT(made.r == 0);
    CHECK_EQ(made.step.entrypoint.n, 3);
    const char *script = base64_text(strmap_get(&made.step.environment, "CI_SCRIPT"), &made.arena);
    CHECK_HAS(script, "\necho + 'echo '\"'\"'a b'\"'\"''\necho 'a b'\n");
    arena_deinit(&made.arena);
    step = plain();
    step.type = STEP_PLUGIN;
    step.commands.n = 0;
    step.image = "true";
    make(&made, step);
    ASSERT(made.r == 0 && made.step.entrypoint.n == 1);
    CHECK_STR(made.step.entrypoint.at[0], "true");
    arena_deinit(&made.arena);
    step.image = "no-such-plugin";
    make(&made, step);
    CHECK_EQ(made.r, -1);
    CHECK_HAS(made.err.msg, "there is no program no-such-plugin in PATH");
    arena_deinit(&made.arena);
}

TEST(a_clone_is_made_by_its_program)
{
    Made made;
    StrPair path[] = {{"PATH", test_dir()}};
    Step step = plain();
    step.type = STEP_CLONE;
    step.image = "registry.example/ci/plugin-git:2.10.0";
    step.commands.n = 0;
    step.environment = (StrMap){path, 1};
    make(&made, step);
    CHECK_EQ(made.r, -1);
    CHECK_HAS(made.err.msg, "plugin-git, and there is none in PATH");
    arena_deinit(&made.arena);
    AUTO_FREE char *program = xasprintf("%s/plugin-git", test_dir());
    Err err;
    ASSERT(file_write_atomic(program, "#!/bin/sh\n", 10, 0700, false, &err) == 0);
    make(&made, step);
    ASSERT(made.r == 0);
    CHECK_STR(made.step.entrypoint.at[0], "plugin-git");
    arena_deinit(&made.arena);
}

TEST(what_is_too_long_for_a_process_is_said_before_it_starts)
{
    size_t max = argument_limit();
    AUTO_FREE char *text = xcalloc(1, max + 1);
    memset(text, 'x', max);
    const char *commands[] = {text};
    StrPair pairs[] = {{"LONG", text + strlen("LONG=")}};
    Made made;
    Step step = plain();
    step.commands = (StrList){commands, 1}; /* of any length without an entrypoint */
    make(&made, step);
    CHECK(made.r == 0 && strlen(made.process.script) > max);
    arena_deinit(&made.arena);
    step.entrypoint = (StrList){bash, 3};
    make(&made, step);
    CHECK(made.r < 0 && made.err.kind == ERR_LIMIT);
    CHECK_HAS(made.err.msg, "its commands make the variable CI_SCRIPT for its entrypoint ");
    arena_deinit(&made.arena);
    step = plain();
    step.environment = (StrMap){pairs, 1};
    make(&made, step); /* just fits */
    CHECK(made.r == 0);
    arena_deinit(&made.arena);
    pairs[0].value--;
    make(&made, step);
    CHECK(made.r < 0 && made.err.kind == ERR_LIMIT);
    CHECK_HAS(made.err.msg, "its variable LONG is too long: 131072 bytes with its name, and a "
                            "process can be given 131071");
    arena_deinit(&made.arena);
}

/* ---- HOME ---- */

static Step with_netrc(StrPair pairs[3], const char *machine) {
    Step step = plain();
    pairs[0] = (StrPair){"CI_NETRC_MACHINE", machine};
    pairs[1] = (StrPair){"CI_NETRC_PASSWORD", "p4ss"};
    pairs[2] = (StrPair){"CI_NETRC_USERNAME", "octocat"};
    step.environment = (StrMap){pairs, 3};
    return step;
}

/* Below the task's directory. */
static const char *home_of(Step step, Made *made) {
    make(made, step);
    ASSERT(made->r == 0);
    const char *home = strmap_get(&made->step.environment, "HOME");
    ASSERT(strncmp(home, test_dir(), strlen(test_dir())) == 0);
    return home + strlen(test_dir());
}

TEST(credentials_for_git_are_in_a_home_of_their_own)
{
    StrPair pairs[3];
    Made made;
    Err err;
    AUTO_FREE char *path = xasprintf("%s/homes/1/.netrc", test_dir());
    AUTO_FREE char *text = NULL;
    struct stat st;
    CHECK_STR(home_of(with_netrc(pairs, "git.example.com"), &made), "/homes/1");
    ASSERT(file_read(path, 4096, &text, NULL, &err) == 0);
    CHECK_STR(text, "machine git.example.com\nlogin octocat\npassword p4ss\n");
    CHECK(stat(path, &st) == 0 && (st.st_mode & 0777) == 0600);
    CHECK(!strmap_get(&made.step.environment, "CI_NETRC_PASSWORD"));
    arena_deinit(&made.arena);
    CHECK_STR(home_of(plain(), &made), "/home"); /* while the other is at work */
    CHECK(stat(path, &st) == 0);
    arena_deinit(&made.arena);
    CHECK(workflow_places_remove(test_dir(), &err) == 0 && stat(path, &st) < 0);
}

TEST(steps_with_the_same_credentials_share_a_home)
{
    StrPair pairs[3];
    Made made;
    static const char *const machines[] = {"a", "b", "a", "b"};
    for (size_t i = 0; i < COUNT(machines); i++) {
        const char *home = home_of(with_netrc(pairs, machines[i]), &made);
        CHECK_STR(home, i % 2 ? "/homes/2" : "/homes/1");
        arena_deinit(&made.arena);
    }
    AUTO_FREE char *path = xasprintf("%s/homes/1/.netrc", test_dir());
    ASSERT(unlink(path) == 0); /* a step took it away, and is still at work there */
    CHECK_STR(home_of(with_netrc(pairs, "c"), &made), "/homes/3");
    arena_deinit(&made.arena);
}

/* ---- shells ---- */

TEST(each_shell_is_called_as_it_wants)
{
    static const char *const fish[] = {"true || false"};
    Step step = plain();
    Arena arena;
    arena_init(&arena);
    step.image = "/bin/bash";
    StrList list = shell_argv(&step, "/s", &arena);
    ASSERT(list.n == 3);
    CHECK_STR(list.at[0], "/bin/bash");
    CHECK_STR(list.at[1], "-e");
    step.image = "fish";
    step.commands = (StrList){(const char **)(uintptr_t)fish, 1};
    list = shell_argv(&step, "/s", &arena);
    ASSERT(list.n == 5);
    CHECK_STR(list.at[3], "fish");
    CHECK_STR(list.at[4], "/s");
    CHECK_HAS(shell_script(&step, &arena), "true || false || exit $status\n");
    arena_deinit(&arena);
    CHECK(shell_refused("cmd") && shell_refused("/usr/bin/pwsh") && !shell_refused("sh"));
}

/* The exit code of `exit 7` in it. */
static int run_in(const char *image) {
    Err err;
    Arena arena;
    int status = 0;
    Step step = plain();
    char *copy[8] = {NULL};
    AUTO_FREE char *script = xasprintf("%s/script", test_dir());
    ASSERT(file_write(script, "exit 7\n", 7, 0600, &err) == 0);
    step.image = image;
    arena_init(&arena);
    StrList argv = shell_argv(&step, script, &arena);
    CHECK_STR(argv.at[0], "/bin/sh");
    for (size_t i = 0; i < argv.n; i++)
        copy[i] = (char *)(uintptr_t)argv.at[i];
    pid_t pid = fork();
    if (pid == 0) {
        execv(copy[0], copy);
        _exit(99);
    }
    bool exited = waitpid(pid, &status, 0) == pid && WIFEXITED(status);
    arena_deinit(&arena);
    return exited ? WEXITSTATUS(status) : -1;
}

TEST(an_unknown_shell_is_tried_first)
{
    AUTO_FREE char *link = xasprintf("%s/myshell", test_dir());
    ASSERT(symlink("/bin/sh", link) == 0);
    CHECK_EQ(run_in(link), 7);
    CHECK_EQ(run_in("/bin/cat"), 126);
}

/* ---- refusals ---- */

/* The first problem; "": there is none. */
static const char *refused(const WorkflowConfig *config) {
    static char text[400];
    Arena arena;
    Report report;
    arena_init(&arena);
    report_init(&report, &arena);
    workflow_check_values(config, &report);
    snprintf(text, sizeof(text), "%s", report.n ? report_line(&report.at[0], &arena) : "");
    arena_deinit(&arena);
    return text;
}

TEST(what_processes_cannot_have_is_refused_by_name)
{
    static const char *own[] = {"wp_1:/w"}, *other[] = {"/srv:/srv"};
    Step step = plain();
    Stage stage = {{&step, 1}};
    WorkflowConfig config = {.stages = {&stage, 1}, .volume = "wp_1"};
    step.volumes = (StrList){own, 1};
    CHECK_STR(refused(&config), "");
    step.volumes = (StrList){other, 1};
    CHECK_HAS(refused(&config), "pipeline[0].steps[0].volumes: step s: ");
    step.volumes.n = 0;
    step.image = "golang:1.24";
    CHECK_HAS(refused(&config), "golang:1.24 is the image of a container");
    step.entrypoint = (StrList){bash, 3}; /* then it is not used */
    CHECK_STR(refused(&config), "");
    step.entrypoint.n = 0;
    step.image = "pwsh";
    CHECK_HAS(refused(&config), "step s: pwsh is no shell");
    step.image = "sh";
    step.working_dir = "/etc";
    CHECK_HAS(refused(&config), "working_dir /etc is not below the workspace");
}

TEST(what_is_too_long_is_refused_with_the_name_of_its_step)
{
    AUTO_FREE char *text = xcalloc(1, argument_limit() + 1);
    memset(text, 'x', argument_limit());
    const char *commands[] = {text};
    Step step = plain();
    Stage stage = {{&step, 1}};
    WorkflowConfig config = {.stages = {&stage, 1}};
    step.commands = (StrList){commands, 1};
    CHECK_STR(refused(&config), "");
    step.entrypoint = (StrList){bash, 3};
    CHECK_HAS(refused(&config), "pipeline[0].steps[0].commands: step s: its commands make");
    StrPair pairs[] = {{"LONG", text}};
    step = plain();
    step.environment = (StrMap){pairs, 1};
    CHECK_HAS(refused(&config), "pipeline[0].steps[0].environment: step s: its variable LONG is");
}

/* ---- services ---- */

static Step service(const char *name, StepPort *ports, size_t n) {
    Step step = plain();
    step.name = name;
    step.type = STEP_SERVICE;
    step.detach = true;
    step.ports.at = ports;
    step.ports.n = n;
    return step;
}

TEST(services_are_found_by_variables)
{
    StepPort one[] = {{.number = 5432}}, both[] = {{.number = 80}, {.number = 443}};
    Step steps[] = {service("my-db", one, 1), service("web", both, 2), service("2x", NULL, 0),
                    plain()};
    Stage stage = {{steps, 4}};
    WorkflowConfig config = {.stages = {&stage, 1}};
    Arena arena;
    arena_init(&arena);
    StrMap map = services_environment(&config, &arena);
    CHECK_STR(strmap_get(&map, "MY_DB_HOST"), "127.0.0.1");
    CHECK_STR(strmap_get(&map, "MY_DB_PORT"), "5432");
    CHECK(!strmap_get(&map, "MY_DB_PORT_1"));
    CHECK_STR(strmap_get(&map, "WEB_PORT"), "80");
    CHECK_STR(strmap_get(&map, "WEB_PORT_2"), "443");
    CHECK_STR(strmap_get(&map, "_2X_HOST"), "127.0.0.1");
    CHECK_EQ(map.n, 2 + 4 + 1);
    arena_deinit(&arena);
}

TEST(two_services_on_one_port_are_refused_with_both_names)
{
    StepPort tcp[] = {{.number = 5432}}, udp[] = {{.number = 5432, .protocol = "UDP"}};
    Step steps[] = {service("a", tcp, 1), service("b", udp, 1), service("c", tcp, 1)};
    Stage stage = {{steps, 2}};
    WorkflowConfig config = {.stages = {&stage, 1}};
    CHECK_STR(refused(&config), "");
    stage.steps.n = 3;
    CHECK_HAS(refused(&config), "the services a and c both want port 5432");
}

static void port_is_said_with_its_owner(int type, const char *protocol) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(address);
    int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);
    Err err;
    ASSERT(bind(fd, (struct sockaddr *)&address, size) == 0 &&
           getsockname(fd, (struct sockaddr *)&address, &size) == 0);
    ASSERT(type == SOCK_DGRAM || listen(fd, 1) == 0);
    StepPort port[] = {{.number = ntohs(address.sin_port), .protocol = protocol}};
    Step step = service("db", port, 1);
    CHECK_EQ(services_check_free(&step, &err), -1);
    CHECK_EQ(err.kind, ERR_CONFLICT);
    AUTO_FREE char *who =
        xasprintf("port %lld is in use by pid %d", (long long)port[0].number, getpid());
    CHECK_HAS(err.msg, who);
    close(fd);
    CHECK_EQ(services_check_free(&step, &err), 0);
}

TEST(a_port_that_somebody_has_is_said_with_who_it_is)
{ port_is_said_with_its_owner(SOCK_STREAM, NULL); }

TEST(a_port_of_udp_that_somebody_has_is_said_with_who_it_is)
{ port_is_said_with_its_owner(SOCK_DGRAM, "udp"); }
