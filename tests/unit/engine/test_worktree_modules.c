/* SPDX-License-Identifier: Apache-2.0 */
/* Submodules of a worktree: made with it, and gone on with where that was cut off. */
#include "harness/test.h"
#include "unit/engine/tree_yard.h"

TEST(submodules_come_along)
{
    TreeYard *y = tree_yard_new();
    tree_yard_sh(y, "git init -q m; cd m; echo deep >d; git add d; git commit -qm d; cd ../r\n"
                    "git submodule --quiet add ../m sub; git commit -qm sub");
    tree_yard_create(y);
    CHECK_STR(tree_yard_sh(y, "cat t/sub/d"), "deep");
    tree_yard_sh(y, "git -C t submodule --quiet deinit -f sub");
    tree_yard_create(y); /* the worktree stands, what is missing is made up for */
    CHECK_STR(tree_yard_sh(y, "cat t/sub/d"), "deep");
    tree_yard_sh(y, "cd t/sub; echo more >>d; git commit -qam more");
    const char *head = tree_yard_sh(y, "git -C t/sub rev-parse HEAD");
    tree_yard_create(y); /* what people have done there stays */
    CHECK_STR(tree_yard_sh(y, "git -C t/sub rev-parse HEAD"), head);
    const char *loss;
    ASSERT(compute_loss(&compute_local, &y->ask, &y->arena, &loss, &y->err) == 0);
    CHECK_STR(loss, "1 changed file (sub), 1 commit that is on no remote of a submodule (sub)");
    tree_yard_sh(y,
                 "cd t/sub; git push -q origin HEAD:refs/heads/more; echo kept >>d; git stash -q\n"
                 "git fetch -q; cd ..; git commit -qam more");
    ASSERT(compute_loss(&compute_local, &y->ask, &y->arena, &loss, &y->err) == 0);
    CHECK_STR(loss, "1 stash of a submodule (sub)"); /* of one's own the repository has it */
    tree_yard_sh(
        y, "cd t; git submodule --quiet deinit -f sub; git rm -q --cached sub; rmdir sub; rm -f "
           ".gitmodules; git commit -qam without");
    ASSERT(compute_loss(&compute_local, &y->ask, &y->arena, &loss, &y->err) == 0);
    CHECK_STR(loss, "1 stash of a submodule (sub)");
    tree_yard_destroy(y);
    CHECK_STR(tree_yard_sh(y, "ls -d t 2>/dev/null || echo gone"), "gone");
    tree_yard_free(y);
}

/* As a machine that goes down does: git kills nobody, and clears up nothing. */
TEST(a_clone_of_a_submodule_that_was_interrupted_is_gone_on_with)
{
    TreeYard *y = tree_yard_new();
    ComputeCommand command;
    const char *loss;
    tree_yard_sh(
        y, "git init -q m; cd m; echo deep >d; git add d; git commit -qm d; cd ../r\n"
           "git submodule --quiet add ../m sub; git config --global protocol.ext.allow always\n"
           "git config submodule.sub.url \"ext::$PWD/../serve\"; git commit -qm sub\n"
           "cat >../serve <<'END'; chmod +x ../serve\n"
           "#!/bin/sh\n"
           "cd \"${0%/*}\"; [ ! -e up ] || exec git upload-pack m\n"
           "read -r _ _ _ git _ <\"/proc/$PPID/stat\"; kill -9 \"$git\"\n"
           "END\n");
    ASSERT(compute_create(&compute_local, &y->ask, &y->arena, &command, &y->err) == 0);
    CHECK(tree_yard_run(y, &command) != 0);
    CHECK_STR(tree_yard_sh(y, "ls -A t/sub; git -C t/sub rev-parse -q --verify HEAD || echo none"),
              ".git\nnone");
    ASSERT(compute_loss(&compute_local, &y->ask, &y->arena, &loss, &y->err) == 0);
    CHECK(!loss);
    tree_yard_sh(y, "echo >up");
    tree_yard_create(y);
    CHECK_STR(tree_yard_sh(y, "cat t/sub/d; git -C t status --porcelain"), "deep");
    ASSERT(compute_create(&compute_local, &y->ask, &y->arena, &command, &y->err) == 0);
    CHECK_EQ(command.argv.n, 0);
    tree_yard_free(y);
}

TEST(a_checkout_of_a_submodule_that_was_interrupted_is_gone_on_with)
{
    TreeYard *y = tree_yard_new();
    ComputeCommand command;
    tree_yard_sh(y,
                 "git init -q m; cd m; echo 1 >1; echo 2 >2; echo '2 filter=die' >.gitattributes\n"
                 "git add .; git commit -qm m; cd ..; git init -q n; cd n\n"
                 "git submodule --quiet add \"$PWD/../m\" 'in (1)'; git commit -qm m; cd ../r\n"
                 "git submodule --quiet add ../n sub; git commit -qm sub\n"
                 "git config --global filter.die.smudge \"$PWD/../die\"; cat >../die <<'END'\n"
                 "#!/bin/sh\n"
                 "[ ! -e \"$0.d\" ] || exec cat; echo >\"$0.d\"; kill -9 \"$PPID\"\n"
                 "END\n"
                 "chmod +x ../die");
    ASSERT(compute_create(&compute_local, &y->ask, &y->arena, &command, &y->err) == 0);
    CHECK(tree_yard_run(y, &command) != 0);
    CHECK_STR(tree_yard_sh(y, "ls 't/sub/in (1)'"), "1");
    tree_yard_create(y);
    CHECK_STR(tree_yard_sh(y, "cat 't/sub/in (1)/2'; git -C t status --porcelain"), "2");
    ASSERT(compute_create(&compute_local, &y->ask, &y->arena, &command, &y->err) == 0);
    CHECK_EQ(command.argv.n, 0);
    tree_yard_free(y);
}
