/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/engine/tree_yard.h"

#include "harness/test.h"

const char *tree_yard_at(TreeYard *y, const char *name) {
    return arena_printf(&y->arena, "%s/%s", y->dir, name);
}

void tree_yard_set(TreeYard *y, const char *name, const char *value) {
    y->vars[y->env.n++] = (StrPair){name, value};
    y->env.at = y->vars;
    strmap_sort(&y->env);
}

const char *tree_yard_sh(TreeYard *y, const char *script) {
    const char *argv[] = {"/bin/sh", "-ec", script, NULL};
    ToolDone done;
    ASSERT(tool_run(&(ToolAsk){argv, &y->env, y->dir}, &y->arena, &done, &y->err) == 0);
    if (done.code != 0)
        test_fail(__FILE__, __LINE__, "%s: exit code %d: %s", script, done.code, done.error);
    return arena_strndup(&y->arena, done.out, done.out_n ? done.out_n - 1 : 0);
}

TreeYard *tree_yard_new(void) {
    static TreeYard yard;
    TreeYard *y = &yard;
    arena_init(&y->arena);
    y->dir = realpath(test_dir(), NULL);
    tree_yard_set(y, "PATH", getenv("PATH"));
    tree_yard_set(y, "HOME", y->dir);
    tree_yard_set(y, "GIT_CONFIG_NOSYSTEM", "1");
    tree_yard_sh(
        y, "git config --global user.name Rower; git config --global user.email r@example.org\n"
           "git config --global init.defaultBranch main\n"
           "git config --global protocol.file.allow always\n"
           "git init -q r; cd r; echo one >a; git add a; git commit -qm one");
    y->ask = (ComputeAsk){.project = tree_yard_at(y, "r"),
                          .path = tree_yard_at(y, "t"),
                          .branch = "x",
                          .managed = true,
                          .env = &y->env};
    return y;
}

void tree_yard_free(TreeYard *y) {
    free((char *)(uintptr_t)y->dir);
    arena_deinit(&y->arena);
}

int tree_yard_run(TreeYard *y, const ComputeCommand *command) {
    ToolDone done;
    ASSERT(command->argv.at[command->argv.n] == NULL);
    ASSERT(tool_run(&(ToolAsk){command->argv.at, &command->env, command->cwd}, &y->arena, &done,
                    &y->err) == 0);
    return done.code;
}

void tree_yard_create(TreeYard *y) {
    ComputeCommand command;
    if (compute_create(&compute_local, &y->ask, &y->arena, &command, &y->err) < 0) {
        test_fail(__FILE__, __LINE__, "create: %s", y->err.msg);
        exit(1);
    }
    if (command.argv.n)
        CHECK_EQ(tree_yard_run(y, &command), 0);
}

const char *tree_yard_refusal(TreeYard *y) {
    ComputeCommand command;
    CHECK(compute_create(&compute_local, &y->ask, &y->arena, &command, &y->err) < 0);
    return y->err.msg;
}

ComputeLook tree_yard_look(TreeYard *y) {
    ComputeLook now;
    ASSERT(compute_look(&compute_local, &y->ask, &y->arena, &now, &y->err) == 0);
    return now;
}

void tree_yard_destroy(TreeYard *y) {
    ComputeCommand command;
    if (compute_destroy(&compute_local, &y->ask, &y->arena, &command, &y->err) < 0) {
        test_fail(__FILE__, __LINE__, "destroy: %s", y->err.msg);
        exit(1);
    }
    if (command.argv.n)
        CHECK_EQ(tree_yard_run(y, &command), 0);
}
