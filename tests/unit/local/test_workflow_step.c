/* SPDX-License-Identifier: Apache-2.0 */
/* A step of a workflow, turned into a process. */
#include "backend/local/workflow_step.h"

#include <stdlib.h>
#include <sys/stat.h>

#include "base/xalloc.h"
#include "harness/test.h"

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
    Step step;
    Err err;
    int r;
} Made;

static void make(Made *made, Step step) {
    arena_init(&made->arena);
    made->r = workflow_places_make(test_dir(), &made->err);
    if (made->r == 0)
        made->r = workflow_process(&step, test_dir(), &made->arena, &made->step, &made->err);
}

TEST(commands_become_a_script_of_their_shell)
{
    Made made;
    make(&made, plain());
    ASSERT(made.r == 0);
    CHECK_EQ(made.step.type, STEP_PROCESS);
    ASSERT(made.step.entrypoint.n == 4);
    CHECK_STR(made.step.entrypoint.at[0], "sh");
    CHECK_STR(made.step.entrypoint.at[1], "-e");
    CHECK_STR(made.step.entrypoint.at[3], "printf '%s\\n' '+ echo '\\''a b'\\'''\necho 'a b'\n"
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
    CHECK_STR(strmap_get(map, "PATH"), getenv("PATH"));
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

TEST(an_entrypoint_gets_the_script_and_a_plugin_is_a_program)
{
    Made made;
    Step step = plain();
    step.entrypoint = (StrList){bash, 3};
    make(&made, step);
    ASSERT(made.r == 0);
    CHECK_EQ(made.step.entrypoint.n, 3);
    CHECK(strmap_get(&made.step.environment, "CI_SCRIPT") != NULL);
    arena_deinit(&made.arena);
    step = plain();
    step.type = STEP_PLUGIN;
    step.commands.n = 0;
    step.image = "true";
    make(&made, step);
    ASSERT(made.r == 0 && made.step.entrypoint.n == 1);
    CHECK_STR(made.step.entrypoint.at[0], "true");
    arena_deinit(&made.arena);
    step = plain();
    step.image = "alpine:3.22";
    make(&made, step);
    CHECK_EQ(made.r, -1);
    CHECK_HAS(made.err.msg, "alpine:3.22 is none that we know");
    arena_deinit(&made.arena);
}

TEST(what_processes_cannot_have_is_refused_by_name)
{
    static const char *own[] = {"wp_1:/w"}, *other[] = {"/srv:/srv"};
    Err err;
    Step step = plain();
    Stage stage = {{&step, 1}};
    WorkflowConfig config = {.stages = {&stage, 1}, .volume = "wp_1"};
    step.volumes = (StrList){own, 1};
    CHECK_EQ(workflow_refuse(&config, &err), 0);
    step.volumes = (StrList){other, 1};
    CHECK_EQ(workflow_refuse(&config, &err), -1);
    CHECK_HAS(err.msg, "step s: ");
    CHECK_HAS(err.msg, "`volumes`");
}
