/* SPDX-License-Identifier: Apache-2.0 */
/* Compute against real git repositories, and what it makes of docker compose. */
#include <fcntl.h>
#include <sys/stat.h>

#include "base/str.h"
#include "harness/test.h"
#include "unit/engine/tree_yard.h"

/* ---- making one ---- */

TEST(a_worktree_is_made_on_a_branch_of_its_own)
{
    TreeYard *y = tree_yard_new();
    CHECK(!tree_yard_look(y).stands);
    CHECK_HAS(tree_yard_look(y).why, "/t is gone");
    tree_yard_create(y);
    ComputeLook now = tree_yard_look(y);
    CHECK(now.stands && !now.why);
    CHECK_STR(now.branch, "x");
    CHECK_STR(now.root, y->ask.path);
    CHECK_STR(tree_yard_sh(y, "cat t/a; git -C r branch --show-current"), "one\nmain");
    ComputeCommand again;
    ASSERT(compute_create(&compute_local, &y->ask, &y->arena, &again, &y->err) == 0);
    CHECK_EQ(again.argv.n, 0);
    tree_yard_free(y);
}

TEST(a_branch_that_exists_is_checked_out)
{
    TreeYard *y = tree_yard_new();
    tree_yard_sh(
        y,
        "cd r; git switch -qc x; echo two >a; git commit -qam two; git switch -q main; git tag x");
    tree_yard_create(y);
    CHECK_STR(tree_yard_sh(y, "cat t/a; git -C t branch --show-current"), "two\nx");
    tree_yard_free(y);
}

TEST(a_new_branch_is_made_from_its_base)
{
    TreeYard *y = tree_yard_new();
    tree_yard_sh(y, "cd r; git branch old; echo two >a; git commit -qam two");
    y->ask.base = "old";
    tree_yard_create(y);
    CHECK_STR(tree_yard_sh(y, "cat t/a"), "one");
    y->ask = (ComputeAsk){.project = y->ask.project,
                          .path = tree_yard_at(y, "u"),
                          .branch = "y",
                          .base = "nowhere",
                          .env = &y->env};
    CHECK_HAS(tree_yard_refusal(y), "there is no commit, branch or tag nowhere in ");
    y->ask.base = "--exec=x";
    CHECK_HAS(tree_yard_refusal(y), "there is no commit, branch or tag --exec=x in ");
    tree_yard_free(y);
}

TEST(a_branch_of_the_remote_is_tracked)
{
    TreeYard *y = tree_yard_new();
    tree_yard_sh(
        y,
        "cd r; git branch x; git branch z; git clone -q . ../c; cd ../c; git remote add up ../r");
    y->ask.project = tree_yard_at(y, "c");
    tree_yard_create(y);
    CHECK_STR(tree_yard_sh(y, "git -C t rev-parse --abbrev-ref x@{u}"), "origin/x");
    y->ask.path = tree_yard_at(y, "u"), y->ask.branch = "z";
    tree_yard_sh(y, "cd c; git fetch -q up; git remote rename origin down");
    CHECK_HAS(tree_yard_refusal(y), "down and up both have a branch z");
    y->ask.branch = "up/z"; /* as who knows `git worktree add` would say it */
    CHECK_HAS(tree_yard_refusal(y), "up/z is branch z of the remote up: `-b z` checks that out, "
                                    "`--base up/z` makes a new one from it");
    y->ask.branch = "new", y->ask.base = "z"; /* of neither: no origin */
    CHECK_HAS(tree_yard_refusal(y), "there is no commit, branch or tag z in ");
    tree_yard_sh(y, "cd c; git remote rename down origin");
    tree_yard_create(y);
    CHECK_STR(tree_yard_sh(y, "git -C u config branch.new.remote || echo none"), "none");
    tree_yard_free(y);
}

TEST(names_that_shells_do_not_like_are_names)
{
    static const char *const names[] = {"x;touch${IFS}pwned", "$(touch pwned)", "a'b\"c",
                                        "`touch_pwned`",      "caf\xc3\xa9",    "a&b|c>d"};
    TreeYard *y = tree_yard_new();
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        y->ask.branch = names[i];
        y->ask.path = arena_printf(&y->arena, "%s/t %zu '$(touch pwned)'", y->dir, i);
        if (strchr(names[i], ' ')) {
            CHECK_HAS(tree_yard_refusal(y), "is no name that git allows for a branch");
            continue;
        }
        tree_yard_create(y);
        CHECK_STR(tree_yard_look(y).branch, names[i]);
        tree_yard_destroy(y);
        CHECK(!tree_yard_look(y).stands);
    }
    CHECK_STR(tree_yard_sh(y, "find . -name '*pwned' | grep -v .git/ || :"), "");
    static const char *const taken[] = {"refs/heads/x", "heads/x", "remotes/origin/x",
                                        "FETCH_HEAD"};
    for (size_t i = 0; i < COUNT(taken); i++) {
        y->ask.branch = taken[i];
        CHECK_HAS(tree_yard_refusal(y), "is what git calls something else");
    }
    static const char *const bad[] = {"-x",     "--force", "",     "HEAD", "a..b", "a b",
                                      "x.lock", "@{-1}",   "a//b", "/a",   "a/",   "a/.b"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        y->ask.branch = bad[i];
        CHECK_HAS(tree_yard_refusal(y), "is no name that git allows for a branch");
    }
    y->ask.branch = "main/x/y";
    CHECK_HAS(tree_yard_refusal(y), "there can be no branch main/x/y beside the branch main:");
    tree_yard_sh(y, "git -C r branch feat/a; git -C r branch feat/b");
    y->ask.branch = "feat";
    CHECK_HAS(tree_yard_refusal(y), "there can be no branch feat beside the branch feat/a:");
    y->ask.branch = "feat/c";
    y->ask.path = tree_yard_at(y, "c");
    tree_yard_create(y);
    tree_yard_free(y);
}

TEST(a_branch_checked_out_elsewhere_is_told_of_with_its_place)
{
    TreeYard *y = tree_yard_new();
    y->ask.branch = "main";
    CHECK_HAS(tree_yard_refusal(y), "branch main is checked out at ");
    CHECK_HAS(y->err.msg, "/r: choose another one");
    CHECK_EQ(y->err.kind, ERR_CONFLICT);
    tree_yard_sh(y, "git -C r worktree add -q ../other -b x; rm -r other");
    y->ask.branch = "x";
    CHECK_HAS(tree_yard_refusal(y), "which is gone: `git worktree prune`");
    tree_yard_free(y);
}

TEST(what_is_at_the_path_is_not_taken_for_a_worktree)
{
    TreeYard *y = tree_yard_new();
    tree_yard_sh(y, "mkdir t");
    tree_yard_create(y); /* an empty directory is fine */
    CHECK(tree_yard_look(y).stands);
    tree_yard_destroy(y);
    tree_yard_sh(y, "mkdir t; touch t/mine");
    CHECK(!tree_yard_look(y).stands);
    CHECK_HAS(tree_yard_refusal(y), "is there already and is no worktree of ");
    tree_yard_sh(y, "rm -r t; git clone -q r t; git -C t switch -qc x");
    CHECK(!tree_yard_look(y).stands);
    CHECK_HAS(tree_yard_refusal(y), "is there already and is no worktree of ");
    tree_yard_sh(y, "rm -rf t; git -C r worktree add -q ../t -b other");
    CHECK_HAS(tree_yard_refusal(y), "is on branch other, not on branch x");
    tree_yard_free(y);
}

TEST(projects_that_have_no_worktrees_are_told_why)
{
    TreeYard *y = tree_yard_new();
    tree_yard_sh(y, "mkdir plain; git init -q empty; git init -q --bare bare");
    y->ask.project = tree_yard_at(y, "plain");
    CHECK_HAS(tree_yard_refusal(y), "/plain is in no git repository");
    y->ask.project = tree_yard_at(y, "empty");
    CHECK_HAS(tree_yard_refusal(y), "/empty has no commit yet");
    y->ask.project = tree_yard_at(y, "bare");
    CHECK_HAS(tree_yard_refusal(y), "/bare is a bare repository");
    tree_yard_sh(y, "git -C r worktree add -q ../w -b w; cd w; git checkout -q --detach");
    y->ask.project = tree_yard_at(y, "w"); /* a linked one, on no branch, is fine */
    tree_yard_create(y);
    CHECK_STR(tree_yard_look(y).branch, "x");
    tree_yard_free(y);
}

TEST(a_project_below_the_top_has_its_root_there)
{
    TreeYard *y = tree_yard_new();
    tree_yard_sh(y, "cd r; mkdir -p apps/shop; touch apps/shop/f; git add .; git commit -qm shop");
    y->ask.project = tree_yard_at(y, "r/apps/shop");
    tree_yard_create(y);
    CHECK(tree_yard_look(y).stands);
    CHECK_STR(tree_yard_look(y).root, tree_yard_at(y, "t/apps/shop"));
    tree_yard_free(y);
}

TEST(variables_of_a_git_hook_lead_nowhere_else)
{
    TreeYard *y = tree_yard_new();
    tree_yard_sh(y, "git init -q other");
    tree_yard_set(y, "GIT_DIR", tree_yard_at(y, "other/.git"));
    tree_yard_set(y, "GIT_INDEX_FILE", tree_yard_at(y, "other/index"));
    tree_yard_create(y);
    CHECK_STR(tree_yard_look(y).branch, "x");
    tree_yard_free(y);
}

TEST(of_what_a_tool_says_the_cause_is_told_not_the_advice_that_follows)
{
    static const struct {
        const char *script, *error;
    } said[] = {
        {"printf 'warning: a\\nfatal: no\\nTo go on, call:\\n\\n\\tgit x\\n' >&2; exit 1",
         "fatal: no"},
        {"printf 'one\\n\\ttwo fatal: x \\n\\n' >&2; exit 1", "two fatal: x"},
        {"exit 1", ""},
    };
    TreeYard *y = tree_yard_new();
    for (size_t i = 0; i < COUNT(said); i++) {
        const char *argv[] = {"sh", "-c", said[i].script, NULL};
        ToolDone done;
        ASSERT(tool_run(&(ToolAsk){argv, &y->env, y->dir}, &y->arena, &done, &y->err) == 0);
        CHECK_STR(done.error, said[i].error);
    }
    tree_yard_free(y);
}

/* ---- healing ---- */

TEST(a_worktree_that_was_removed_by_hand_heals)
{
    TreeYard *y = tree_yard_new();
    tree_yard_create(y);
    tree_yard_sh(y, "rm -rf t");
    CHECK(!tree_yard_look(y).stands);
    tree_yard_create(y);
    CHECK(tree_yard_look(y).stands);
    CHECK_STR(tree_yard_sh(y, "cat t/a; git -C r worktree list | wc -l"), "one\n2");
    tree_yard_sh(y, "git -C r worktree lock --reason 'on a stick' t; rm -rf t");
    CHECK_HAS(tree_yard_refusal(y), "somebody has locked it, saying on a stick");
    tree_yard_free(y);
}

/* As `kill -9` leaves it: locked by git itself, files missing. */
TEST(one_that_was_half_made_is_made_again)
{
    TreeYard *y = tree_yard_new();
    tree_yard_create(y);
    tree_yard_sh(y, "rm t/a; git -C r worktree lock --reason initializing t; touch "
                    "r/.git/worktrees/t/index.lock");
    CHECK(!tree_yard_look(y).stands);
    CHECK_HAS(tree_yard_look(y).why, "git was interrupted");
    tree_yard_create(y);
    CHECK(tree_yard_look(y).stands);
    CHECK_STR(tree_yard_sh(y, "cat t/a"), "one");
    tree_yard_sh(y, "git -C r worktree lock --reason initializing t; rm -rf t");
    tree_yard_create(y);
    CHECK(tree_yard_look(y).stands);
    tree_yard_free(y);
}

/* Of a worktree that it cannot remove whole git forgets all the same. */
TEST(a_removal_that_git_gave_up_comes_to_its_end)
{
    TreeYard *y = tree_yard_new();
    ComputeCommand command;
    const char *loss;
    y->ask.removing = tree_yard_at(y, "note");
    tree_yard_create(y);
    tree_yard_sh(y, "rm -rf r/.git/worktrees/t t/.git t/a; echo left >t/b");
    CHECK_EQ(compute_loss(&compute_local, &y->ask, &y->arena, &loss, &y->err), -1);
    CHECK_HAS(y->err.msg, "is no worktree of");
    CHECK_EQ(compute_destroy(&compute_local, &y->ask, &y->arena, &command, &y->err), -1);
    tree_yard_sh(y, "stat -c %d:%i:%.9W t >note");
    ASSERT(compute_loss(&compute_local, &y->ask, &y->arena, &loss, &y->err) == 0);
    CHECK(!loss);
    tree_yard_destroy(y);
    CHECK_STR(tree_yard_sh(y, "ls -d t 2>/dev/null || echo gone"), "gone");
    tree_yard_sh(y, "mkdir keep t; echo mine >t/c"); /* another directory */
    CHECK_EQ(compute_destroy(&compute_local, &y->ask, &y->arena, &command, &y->err), -1);
    tree_yard_free(y);
}

/* ^C in the removal of a large tree: git lists it still, and does not go on without its .git. */
TEST(a_removal_that_was_interrupted_comes_to_its_end)
{
    TreeYard *y = tree_yard_new();
    const char *loss;
    y->ask.removing = tree_yard_at(y, "note");
    tree_yard_create(y);
    tree_yard_sh(y, "stat -c %d:%i:%.9W t >note; rm t/a"); /* .git comes later */
    ASSERT(compute_loss(&compute_local, &y->ask, &y->arena, &loss, &y->err) == 0);
    CHECK_STR(loss, NULL);
    CHECK_HAS(tree_yard_look(y).why, "the removal of");
    CHECK_HAS(tree_yard_refusal(y), "is what a removal has left");
    tree_yard_sh(y, "echo mine >t/new");
    ASSERT(compute_loss(&compute_local, &y->ask, &y->arena, &loss, &y->err) == 0);
    CHECK_STR(loss, "1 untracked file (new)");
    tree_yard_sh(y, "rm t/new t/.git; mkdir t/cache; touch t/cache/left");
    ASSERT(compute_loss(&compute_local, &y->ask, &y->arena, &loss, &y->err) == 0);
    CHECK_STR(loss, NULL);
    CHECK_HAS(tree_yard_refusal(y), "is what a removal has left");
    tree_yard_destroy(y);
    CHECK_STR(tree_yard_sh(y, "ls -d t 2>/dev/null || echo gone"), "gone");
    CHECK_STR(tree_yard_sh(y, "git -C r worktree list | wc -l"), "1");
    tree_yard_create(y);
    CHECK(tree_yard_look(y).stands);
    tree_yard_free(y);
}

TEST(what_git_leaves_of_a_worktree_is_removed)
{
    TreeYard *y = tree_yard_new();
    y->ask.removing = tree_yard_at(y, "note");
    tree_yard_create(y);
    tree_yard_sh(y,
                 "mkdir bin; cat >bin/git <<'END'\n"
                 "#!/bin/sh\n"
                 "case $*: in *worktree\\ remove*) rm -rf \"$2/.git/worktrees/t\"; exit 255; esac\n"
                 "PATH=${PATH#*:} exec git \"$@\"\n"
                 "END\n"
                 "chmod +x bin/git");
    tree_yard_set(y, "PATH", tree_yard_at(y, "bin:/usr/bin:/bin"));
    tree_yard_destroy(y);
    CHECK_STR(tree_yard_sh(y, "ls -d t 2>/dev/null || echo gone; cat note | wc -l"), "gone\n1");
    tree_yard_free(y);
}

/* ---- monitors, large files ---- */

/* A monitor that has missed something, and one that git has built in. */
TEST(what_watches_files_for_git_is_not_believed)
{
    TreeYard *y = tree_yard_new();
    const char *loss;
    tree_yard_create(y);
    tree_yard_sh(
        y, "printf '#!/bin/sh\\nprintf \"tok\\\\0\"\\n' >monitor; chmod +x monitor\n"
           "git -C r config core.fsmonitor \"$PWD/monitor\"; cd t; git update-index --fsmonitor\n"
           "git status >/dev/null; echo two >>a");
    CHECK_STR(tree_yard_sh(y, "git -C t status --porcelain"), "");
    ASSERT(compute_loss(&compute_local, &y->ask, &y->arena, &loss, &y->err) == 0);
    CHECK_STR(loss, "1 changed file (a)");
    tree_yard_free(y);
}

TEST(large_files_without_git_lfs_are_told_of)
{
    TreeYard *y = tree_yard_new();
    tree_yard_sh(
        y, "cd r; mkdir img; echo '*.bin filter=lfs -text' >img/.gitattributes; echo pointer "
           ">img/a.bin\n"
           "git add .; git commit -qm bin; mkdir ../bin; ln -s $(command -v git) $(command -v sh) "
           "../bin");
    y->env.n = 0;
    tree_yard_set(y, "PATH", tree_yard_at(y, "bin"));
    tree_yard_set(y, "HOME", y->dir);
    tree_yard_set(y, "GIT_EXEC_PATH", "/usr/lib/git-core");
    CHECK_HAS(tree_yard_refusal(y), "keeps files with Git LFS, and git-lfs is not installed");
    CHECK_EQ(y->err.kind, ERR_UNAVAILABLE);
    tree_yard_set(y, "GIT_LFS_SKIP_SMUDGE", "1");
    ComputeCommand command;
    ASSERT(compute_create(&compute_local, &y->ask, &y->arena, &command, &y->err) == 0);
    tree_yard_set(y, "GIT_CONFIG_COUNT", "2"); /* as git-lfs leaves it in the configuration */
    tree_yard_set(y, "GIT_CONFIG_KEY_0", "filter.lfs.process");
    tree_yard_set(y, "GIT_CONFIG_VALUE_0", "git-lfs filter-process");
    tree_yard_set(y, "GIT_CONFIG_KEY_1", "filter.lfs.required");
    tree_yard_set(y, "GIT_CONFIG_VALUE_1", "true");
    command.env = y->env;
    CHECK_EQ(tree_yard_run(y, &command), 0);
    tree_yard_set(y, "PATH", "/usr/bin:/bin");
    tree_yard_free(y);
}

/* ---- the end of it ---- */

TEST(what_is_not_ours_is_not_destroyed)
{
    TreeYard *y = tree_yard_new();
    ComputeCommand command;
    tree_yard_destroy(y); /* nothing there: fine */
    tree_yard_sh(y, "mkdir t; touch t/mine");
    CHECK(compute_destroy(&compute_local, &y->ask, &y->arena, &command, &y->err) < 0);
    CHECK_HAS(y->err.msg, "so it is left alone");
    tree_yard_sh(y, "rm -r t");
    tree_yard_create(y);
    y->ask.managed = false;
    tree_yard_destroy(y);
    CHECK(tree_yard_look(y).stands);
    y->ask.managed = true;
    tree_yard_sh(y, "rm -rf t");
    tree_yard_destroy(y);
    CHECK_STR(tree_yard_sh(y, "git -C r worktree list | wc -l; git -C r branch --list x"),
              "1\n  x");
    tree_yard_free(y);
}

TEST(of_a_repository_that_is_gone_the_directory_goes)
{
    TreeYard *y = tree_yard_new();
    const char *loss;
    ComputeCommand command;
    tree_yard_create(y);
    tree_yard_sh(y, "mkdir r/below; mv r gone; mkdir u; touch u/mine");
    CHECK(compute_loss(&compute_local, &y->ask, &y->arena, &loss, &y->err) < 0);
    CHECK_EQ(y->err.kind, ERR_CONFLICT);
    CHECK_HAS(y->err.msg, "is gone, so nobody can say what would be lost");
    tree_yard_destroy(y);
    CHECK_STR(tree_yard_sh(y, "ls"), "gone\nu");
    tree_yard_destroy(y); /* nothing there: fine */
    y->ask.path = tree_yard_at(y, "u");
    CHECK(compute_destroy(&compute_local, &y->ask, &y->arena, &command, &y->err) < 0);
    CHECK_HAS(y->err.msg, "so it is left alone");
    tree_yard_free(y);
}

/* It lay below the top, and is in no commit any more. */
TEST(of_a_project_that_is_gone_the_repository_is_asked)
{
    TreeYard *y = tree_yard_new();
    const char *loss;
    y->ask.project = tree_yard_at(y, "r/below");
    tree_yard_sh(y, "mkdir r/below");
    tree_yard_create(y);
    tree_yard_sh(y, "rmdir r/below; touch t/mine");
    ASSERT(compute_loss(&compute_local, &y->ask, &y->arena, &loss, &y->err) == 0);
    CHECK_STR(loss, "1 untracked file (mine)");
    tree_yard_destroy(y);
    CHECK_STR(tree_yard_sh(y, "ls; git -C r worktree list | wc -l"), "r\n1");
    tree_yard_free(y);
}

TEST(a_given_worktree_must_be_one)
{
    TreeYard *y = tree_yard_new();
    ComputeLook now;
    y->ask.managed = false;
    CHECK(compute_local_attach(&y->ask, &y->arena, &now, &y->err) < 0);
    CHECK_HAS(y->err.msg, "there is no worktree ");
    tree_yard_sh(y, "mkdir t");
    CHECK(compute_local_attach(&y->ask, &y->arena, &now, &y->err) < 0);
    CHECK_HAS(y->err.msg, "/t is no git worktree");
    tree_yard_sh(y, "git clone -q r t");
    CHECK(compute_local_attach(&y->ask, &y->arena, &now, &y->err) < 0);
    CHECK_HAS(y->err.msg, "is a worktree of the repository ");
    tree_yard_sh(y, "rm -rf t; git -C r worktree add -q -b own ../t; mkdir t/sub");
    ASSERT(compute_local_attach(&y->ask, &y->arena, &now, &y->err) == 0);
    CHECK(now.stands);
    CHECK_STR(now.branch, "own");
    y->ask.path = tree_yard_at(y, "t/sub");
    CHECK(compute_local_attach(&y->ask, &y->arena, &now, &y->err) < 0);
    CHECK_HAS(y->err.msg, "is inside of the worktree");
    y->ask.path = tree_yard_at(y, "t");
    tree_yard_sh(y, "git -C t checkout -q --detach");
    CHECK(compute_local_attach(&y->ask, &y->arena, &now, &y->err) < 0);
    CHECK_HAS(y->err.msg, "has a detached HEAD");
    tree_yard_free(y);
}
