/* SPDX-License-Identifier: Apache-2.0 */
/* What would be lost with a worktree, of real git repositories. */
#include <sys/stat.h>

#include "engine/compute/tree_within.h"
#include "harness/test.h"
#include "unit/engine/tree_yard.h"

typedef struct LossCase {
    const char *script, *text; /* run in `dir`; then what would be lost */
} LossCase;

static void check_losses(TreeYard *y, const char *dir, const LossCase *cases, size_t n) {
    for (size_t i = 0; i < n; i++) {
        const char *loss;
        tree_yard_sh(y, arena_printf(&y->arena, "cd %s; %s", dir, cases[i].script));
        ASSERT(compute_loss(&compute_local, &y->ask, &y->arena, &loss, &y->err) == 0);
        CHECK_STR(loss, cases[i].text);
    }
}

TEST(what_would_be_lost_is_named)
{
    static const char *own[] = {".thole.json", "web/.env.local"};
    StrList list = {own, 2};
    const char *loss;
    TreeYard *y = tree_yard_new();
    tree_yard_sh(y, "cd r; printf 'ignored\\n' >.gitignore; git add .; git commit -qm ignore");
    y->ask.own = &list;
    tree_yard_create(y);
    tree_yard_sh(y, "cd t; touch .thole.json ignored; mkdir web; touch web/.env.local");
    ASSERT(compute_loss(&compute_local, &y->ask, &y->arena, &loss, &y->err) == 0);
    CHECK_STR(loss, NULL);
    tree_yard_sh(y, "cd t; echo changed >a; touch 'n 1' web/n2 n3 n4");
    ASSERT(compute_loss(&compute_local, &y->ask, &y->arena, &loss, &y->err) == 0);
    CHECK_STR(loss, "1 changed file (a), 4 untracked files (n 1, n3, n4, …)");
    tree_yard_sh(y, "cd t; git add .; git commit -qm all"); /* the branch stays */
    ASSERT(compute_loss(&compute_local, &y->ask, &y->arena, &loss, &y->err) == 0);
    CHECK_STR(loss, NULL);
    tree_yard_sh(
        y, "cd t; git checkout -q --detach; echo 2 >a; git commit -qam 2; echo 3 >a; git commit "
           "-qam 3");
    ASSERT(compute_loss(&compute_local, &y->ask, &y->arena, &loss, &y->err) == 0);
    CHECK_STR(loss, "2 commits that are on no branch and no remote");
    tree_yard_free(y);
}

/* A file that we have not finished is nobody's work; what we have written lies below the top. */
TEST(other_worktrees_in_it_are_a_loss)
{
    TreeYard *y = tree_yard_new();
    const char *loss;
    tree_yard_create(y);
    tree_yard_sh(y,
                 "echo trees/ >>r/.git/info/exclude; git -C t worktree add -q trees/mine -b mine");
    ASSERT(compute_loss(&compute_local, &y->ask, &y->arena, &loss, &y->err) == 0);
    CHECK_STR(loss, "1 other worktree in it (trees/mine)");
    tree_yard_sh(y, "git -C t worktree remove trees/mine");
    ASSERT(compute_loss(&compute_local, &y->ask, &y->arena, &loss, &y->err) == 0);
    CHECK_STR(loss, NULL);
    tree_yard_free(y);
}

TEST(a_worktree_of_an_environment_of_another_project_is_a_loss)
{
    TreeYard *y = tree_yard_new();
    const char *loss;
    tree_yard_create(y);
    tree_yard_sh(y, "echo trees/ >>r/.git/info/exclude; git init -q other; cd other; git commit -q "
                    "--allow-empty -m 1; git worktree add -q ../t/trees/theirs");
    ASSERT(compute_loss(&compute_local, &y->ask, &y->arena, &loss, &y->err) == 0);
    CHECK_STR(loss, NULL); /* its branch stays, there is nothing in it */
    const char *theirs[] = {arena_printf(&y->arena, "%s/trees/theirs", y->ask.path)};
    y->ask.others = (StrList){theirs, 1};
    ASSERT(compute_loss(&compute_local, &y->ask, &y->arena, &loss, &y->err) == 0);
    CHECK_STR(loss, "1 other worktree in it (trees/theirs)");
    tree_yard_free(y);
}

/* Package managers clone, too: that can be had again. */
TEST(work_in_other_repositories_in_it_is_a_loss)
{
    static const LossCase cases[] = {
        {"git clone -q ../../other got", NULL},
        {"git init -q empty", NULL},
        {"touch got/new", "1 repository in it with work that is nowhere else (deps/got)"},
        {"rm got/new; cd got; git commit -q --allow-empty -m 2",
         "1 repository in it with work that is nowhere else (deps/got)"},
        {"cd got; git push -q origin HEAD:new; git fetch -q", NULL},
        {"cd got; echo more >>f; git stash -q",
         "1 repository in it with work that is nowhere else (deps/got)"},
        {"rm -rf got; git -C ../../other worktree add -q --detach ../t/deps/tree", NULL},
        {"cd tree; git commit -q --allow-empty -m 3",
         "1 repository in it with work that is nowhere else (deps/tree)"},
        {"git -C tree switch -q -c kept; rm -rf tree/.git; echo nothing >tree/.git", NULL},
    };
    TreeYard *y = tree_yard_new();
    tree_yard_create(y);
    tree_yard_sh(
        y,
        "echo deps/ >>r/.git/info/exclude; mkdir t/deps; git init -q other; cd other; echo 1 >f; "
        "git add .; git commit -qm 1");
    check_losses(y, "t/deps", cases, COUNT(cases));
    tree_yard_free(y);
}

/* Neither a setting of people nor what they have told git makes it less theirs. */
TEST(what_git_does_not_show_in_repositories_and_submodules_is_a_loss)
{
    static const LossCase cases[] = {
        {"touch sub/new", "1 changed file (sub)"},
        {"rm sub/new; touch deps/got/new", "1 repository in it with work that is nowhere else "
                                           "(deps/got)"},
        {"rm deps/got/new; git -C sub update-index --assume-unchanged f; echo 2 >sub/f",
         "1 changed file (sub/f)"},
        {"echo 1 >sub/f; git -C deps/got update-index --assume-unchanged f; echo 2 >deps/got/f",
         "1 repository in it with work that is nowhere else (deps/got)"},
        {"echo 1 >deps/got/f; git -C deps/got update-index --no-assume-unchanged f; git -C sub "
         "update-index --no-assume-unchanged f",
         NULL},
        {"d=$(git -C sub rev-parse --git-dir); mkdir $d/rebase-merge; git -C sub rev-parse HEAD "
         ">$d/rebase-merge/autostash",
         "1 stash that --autostash has made"},
        {"rm -r $(git -C sub rev-parse --git-dir)/rebase-merge; mkdir "
         "deps/got/.git/rebase-merge; git -C sub rev-parse HEAD "
         ">deps/got/.git/rebase-merge/autostash",
         "1 repository in it with work that is nowhere else (deps/got)"},
    };
    TreeYard *y = tree_yard_new();
    tree_yard_sh(y, "git config --global status.showUntrackedFiles no; git init -q m; cd m; echo 1 "
                    ">f; git add f; git commit -qm 1; cd ../r; git submodule --quiet add ../m sub; "
                    "git commit -qm sub; echo deps/ >>.git/info/exclude");
    tree_yard_create(y);
    tree_yard_sh(y, "git clone -q m t/deps/got");
    check_losses(y, "t", cases, COUNT(cases));
    tree_yard_free(y);
}

/* `git init` and a tag are all that there is: nobody else has it. */
TEST(a_tag_of_ones_own_keeps_nothing)
{
    static const LossCase cases[] = {
        {"git init -q own; cd own; git commit -q --allow-empty -m 1; git tag mine; git checkout -q "
         "mine; git branch -q -D main",
         "1 repository in it with work that is nowhere else (deps/own)"},
        {"rm -rf own; git clone -q ../../other got; cd got; git commit -q --allow-empty -m 2; git "
         "tag mine",
         "1 repository in it with work that is nowhere else (deps/got)"},
        {"cd got; git tag -d mine >../out; rm ../out; git fetch -q . HEAD",
         "1 repository in it with work that is nowhere else (deps/got)"},
        {"rm -rf got; git init -q --bare hub.git; git clone -q hub.git got 2>&1; cd got; git "
         "commit "
         "-q --allow-empty -m 1; git push -q origin main",
         "1 repository in it with work that is nowhere else (deps/hub.git)"},
        {"rm -rf got", "1 repository in it with work that is nowhere else (deps/hub.git)"},
    };
    TreeYard *y = tree_yard_new();
    tree_yard_create(y);
    tree_yard_sh(y, "echo deps/ >>r/.git/info/exclude; mkdir t/deps; git init -q other; cd other; "
                    "git commit -q --allow-empty -m 1");
    check_losses(y, "t/deps", cases, COUNT(cases));
    tree_yard_free(y);
}

/* In other/: commit 1 has only a tag, 2 is on main, 3 has no name at all by now. */
TEST(what_package_managers_clone_is_no_loss)
{
    static const LossCase cases[] = {
        {"git clone -q --branch one ../../other at-a-tag 2>&1", NULL},
        {"git clone -q --depth 1 --branch one file://$PWD/../../other shallow 2>&1", NULL},
        {"git init -q by-id; cd by-id; git fetch -q --depth 1 ../../../other $(cat "
         "../../../other/id);"
         " git checkout -q FETCH_HEAD",
         NULL},
        {"git init -q whole-by-id; cd whole-by-id; git fetch -q ../../../other $(cat "
         "../../../other/id); git checkout -q FETCH_HEAD; git fetch -q --append ../../../other "
         "main",
         NULL},
        {"git clone -q ../../other crate; cd crate; touch .cargo-ok .fetch; mkdir x.egg-info; "
         "touch "
         "x.egg-info/PKG-INFO",
         NULL},
        {"git clone -q --mirror ../../other mirror.git; git clone -q --shared mirror.git "
         "from-mirror",
         NULL},
        {"git init -q --bare db; git -C db fetch -q ../../../other main:refs/remotes/origin/HEAD",
         NULL},
        {"cd by-id; git commit -q --allow-empty -m own",
         "1 repository in it with work that is nowhere else (deps/by-id)"},
    };
    TreeYard *y = tree_yard_new();
    tree_yard_create(y);
    tree_yard_sh(y,
                 "echo deps/ >>r/.git/info/exclude; mkdir t/deps; git init -q other; cd other\n"
                 "git config uploadpack.allowAnySHA1InWant true; git commit -q --allow-empty -m 0\n"
                 "git commit -q --allow-empty -m 1; git tag one; git reset -q --hard HEAD~\n"
                 "git commit -q --allow-empty -m 3; git rev-parse HEAD >id; git reset -q --hard "
                 "HEAD~; git commit -q --allow-empty -m 2");
    check_losses(y, "t/deps", cases, COUNT(cases));
    tree_yard_free(y);
}

/* As a submodule is that a project has at a release: no branch of the remote has it. */
TEST(a_submodule_at_a_tag_is_no_loss)
{
    TreeYard *y = tree_yard_new();
    const char *loss;
    tree_yard_sh(y, "git init -q m; cd m; git commit -q --allow-empty -m 0; git commit -q "
                    "--allow-empty -m 1; git tag one; git reset -q --hard HEAD~");
    tree_yard_sh(y, "cd r; git submodule --quiet add ../m sub; git -C sub checkout -q one; git add "
                    "sub; git commit -qm sub");
    tree_yard_create(y);
    ASSERT(compute_loss(&compute_local, &y->ask, &y->arena, &loss, &y->err) == 0);
    CHECK_STR(loss, NULL);
    tree_yard_sh(y, "cd t/sub; git commit -q --allow-empty -m own");
    ASSERT(compute_loss(&compute_local, &y->ask, &y->arena, &loss, &y->err) == 0);
    CHECK_STR(loss, "1 changed file (sub), 1 commit that is on no remote of a submodule (sub)");
    /* git was killed in the midst of the clone */
    tree_yard_sh(y, "rm -rf t/sub; mkdir t/sub; d=$(git -C t rev-parse --git-dir); rm -rf "
                    "\"$d/modules/sub\"; git init -q --bare \"$d/modules/sub\"");
    ASSERT(compute_loss(&compute_local, &y->ask, &y->arena, &loss, &y->err) == 0);
    CHECK_STR(loss, NULL);
    tree_yard_free(y);
}

/* Of the root, below which /proc is mounted wherever a test runs. */
TEST(what_is_mounted_in_a_worktree_is_never_emptied)
{
    TreeYard *y = tree_yard_new();
    const char *loss;
    ComputeCommand command;
    StrList mounts;
    bool found = false;
    ASSERT(tree_mounts("/", &y->arena, &mounts, &y->err) == 0);
    for (size_t i = 0; i < mounts.n; i++)
        found = found || strcmp(mounts.at[i], "proc") == 0;
    CHECK(found);
    ASSERT(tree_mounts(y->dir, &y->arena, &mounts, &y->err) == 0);
    CHECK_EQ(mounts.n, 0);
    y->ask.path = "/";
    y->ask.managed = true;
    CHECK(compute_loss(&compute_local, &y->ask, &y->arena, &loss, &y->err) < 0);
    CHECK_HAS(y->err.msg, "something is mounted in the worktree / (");
    memset(&y->err, 0, sizeof(y->err));
    CHECK(compute_destroy(&compute_local, &y->ask, &y->arena, &command, &y->err) < 0);
    CHECK_HAS(y->err.msg, "which would be emptied: `umount` it first");
    y->ask.managed = false; /* it stays */
    CHECK_EQ(compute_local_mounted(&y->ask, &y->arena, &y->err), 0);
    tree_yard_free(y);
}

TEST(what_a_rebase_has_put_aside_is_a_loss)
{
    TreeYard *y = tree_yard_new();
    const char *loss;
    tree_yard_create(y);
    tree_yard_sh(
        y,
        "cd t; git commit -q --allow-empty -m 2; git commit -q --allow-empty -m 3; echo more >>a; "
        "GIT_SEQUENCE_EDITOR='sed -i 1s/pick/edit/' git rebase -q -i --autostash HEAD~2 "
        "2>/dev/null; test -z \"$(git status --porcelain)\"");
    ASSERT(compute_loss(&compute_local, &y->ask, &y->arena, &loss, &y->err) == 0);
    CHECK_HAS(loss, "1 stash that --autostash has made");
    tree_yard_free(y);
}

TEST(refs_of_the_worktree_alone_are_a_loss)
{
    TreeYard *y = tree_yard_new();
    const char *loss;
    tree_yard_create(y);
    tree_yard_sh(y,
                 "cd t; git commit -q --allow-empty -m 2; git update-ref refs/worktree/kept HEAD");
    ASSERT(compute_loss(&compute_local, &y->ask, &y->arena, &loss, &y->err) == 0);
    CHECK_STR(loss, NULL); /* the branch has it */
    tree_yard_sh(y, "cd t; git reset -q --hard HEAD~1");
    ASSERT(compute_loss(&compute_local, &y->ask, &y->arena, &loss, &y->err) == 0);
    CHECK_STR(loss, "1 commit that is on no branch and no remote");
    tree_yard_free(y);
}

TEST(a_repository_in_the_place_of_a_worktree_is_left_alone)
{
    TreeYard *y = tree_yard_new();
    const char *loss;
    ComputeCommand command;
    tree_yard_create(y);
    tree_yard_sh(y, "cd t; rm .git; git init -q; git add .; git commit -qm mine");
    CHECK(compute_loss(&compute_local, &y->ask, &y->arena, &loss, &y->err) < 0);
    CHECK_HAS(y->err.msg, "is no worktree of");
    CHECK(compute_destroy(&compute_local, &y->ask, &y->arena, &command, &y->err) < 0);
    CHECK_HAS(y->err.msg, "delete with --keep-worktree");
    tree_yard_free(y);
}

/* What git tracks there is somebody's. */
TEST(of_what_is_called_thole_only_our_own_files_are_no_loss)
{
    static const char *own[] = {"gen.env"};
    StrList list = {own, 1};
    TreeYard *y = tree_yard_new();
    const char *loss;
    y->ask.own = &list;
    tree_yard_create(y);
    tree_yard_sh(y, "cd t; mkdir -p .thole/x sub/.thole; touch .thole/state.json .thole/.gitignore "
                    ".thole/x/state.json.prev sub/.thole/state.lock gen.env; ln -s / .thole/logs");
    ASSERT(compute_loss(&compute_local, &y->ask, &y->arena, &loss, &y->err) == 0);
    CHECK_STR(loss, NULL);
    tree_yard_sh(y, "cd t; echo mine >.thole/template; echo mine >sub/.thole/x; echo mine "
                    ">sub/.thole/state.sql; echo mine >sub/.thole/logs");
    ASSERT(compute_loss(&compute_local, &y->ask, &y->arena, &loss, &y->err) == 0);
    CHECK_STR(loss,
              "4 untracked files (.thole/template, sub/.thole/logs, sub/.thole/state.sql, …)");
    tree_yard_sh(y,
                 "cd t; git add -f .; git commit -qm all; echo edit >>.thole/state.json; echo edit "
                 ">>gen.env");
    ASSERT(compute_loss(&compute_local, &y->ask, &y->arena, &loss, &y->err) == 0);
    CHECK_STR(loss, "2 changed files (.thole/state.json, gen.env)");
    tree_yard_free(y);
}

TEST(any_number_of_files_that_git_does_not_look_at_is_compared)
{
    TreeYard *y = tree_yard_new();
    const char *loss;
    tree_yard_create(y);
    tree_yard_sh(
        y, "cd t && seq 1300 | sed 's/^/file-with-a-long-name-/' | xargs touch && git add . && "
           "git commit -qm many && git ls-files -z | xargs -0 git update-index --assume-unchanged");
    ASSERT(compute_loss(&compute_local, &y->ask, &y->arena, &loss, &y->err) == 0);
    CHECK_STR(loss, NULL);
    tree_yard_sh(y, "cd t && echo mine >>file-with-a-long-name-1300");
    ASSERT(compute_loss(&compute_local, &y->ask, &y->arena, &loss, &y->err) == 0);
    CHECK_STR(loss, "1 changed file (file-with-a-long-name-1300)");
    tree_yard_free(y);
}

/* What git was told not to look at is nevertheless somebody's. */
TEST(edits_that_git_does_not_look_at_are_a_loss)
{
    TreeYard *y = tree_yard_new();
    const char *loss;
    tree_yard_create(y);
    tree_yard_sh(y, "cd t && echo k >k && echo l >l && git add k l && git commit -qm more");
    tree_yard_sh(
        y, "cd t && git update-index --skip-worktree a k && git update-index --assume-unchanged l");
    ASSERT(compute_loss(&compute_local, &y->ask, &y->arena, &loss, &y->err) == 0);
    CHECK_STR(loss, NULL);
    tree_yard_sh(y, "cd t && echo mine >>a && echo mine >>l && rm k");
    ASSERT(compute_loss(&compute_local, &y->ask, &y->arena, &loss, &y->err) == 0);
    CHECK_STR(loss, "2 changed files (a, l)");
    tree_yard_free(y);
}

TEST(what_we_have_written_is_no_loss)
{
    static const char *own[] = {"shop/.thole.json"};
    StrList list = {own, 1};
    const char *loss;
    TreeYard *y = tree_yard_new();
    y->ask.own = &list;
    tree_yard_create(y);
    tree_yard_sh(y, "cd t; mkdir shop; touch shop/.thole.json shop/.thole-0123456789abcdef~");
    ASSERT(compute_loss(&compute_local, &y->ask, &y->arena, &loss, &y->err) == 0);
    CHECK_STR(loss, NULL);
    tree_yard_sh(y, "cd t; touch .thole.json");
    ASSERT(compute_loss(&compute_local, &y->ask, &y->arena, &loss, &y->err) == 0);
    CHECK_STR(loss, "1 untracked file (.thole.json)");
    tree_yard_free(y);
}

TEST(what_was_brought_is_a_loss_once_it_was_changed)
{
    static const char *brought[] = {".env", "cache", "notes"};
    const char *loss;
    TreeYard *y = tree_yard_new();
    tree_yard_sh(y,
                 "cd r; printf '.env\\ncache/\\n' >.gitignore; git add .; git commit -qm ignore\n"
                 "echo A=b >.env; mkdir cache; echo 1 >cache/one; echo 2 >notes");
    tree_yard_create(y);
    tree_yard_sh(y, "cp -a r/.env r/notes t; ln -s \"$HOME/r/cache\" t/cache");
    ASSERT(compute_loss(&compute_local, &y->ask, &y->arena, &loss, &y->err) == 0);
    CHECK_STR(loss, NULL); /* links are not what a pattern for directories means */
    y->ask.brought = (StrList){brought, 3};
    ASSERT(compute_loss(&compute_local, &y->ask, &y->arena, &loss, &y->err) == 0);
    CHECK_STR(loss, NULL);
    tree_yard_sh(
        y,
        "cd t; rm cache; cp -a ../r/cache .; echo C=d >>.env; echo 1+1 >cache/one; echo 3 >notes");
    ASSERT(compute_loss(&compute_local, &y->ask, &y->arena, &loss, &y->err) == 0);
    CHECK_STR(loss, "3 files that were brought and changed since (.env, cache/one, notes)");
    y->ask.brought_ns = INT64_MAX; /* as they were brought, then; but git does not know notes */
    ASSERT(compute_loss(&compute_local, &y->ask, &y->arena, &loss, &y->err) == 0);
    CHECK_STR(loss, "1 untracked file (notes)");
    y->ask.brought_ns = 0;
    tree_yard_sh(y, "cd t; git add -f notes cache .env; git commit -qm all");
    ASSERT(compute_loss(&compute_local, &y->ask, &y->arena, &loss, &y->err) == 0);
    CHECK_STR(loss, NULL);
    tree_yard_free(y);
}

TEST(a_lock_of_people_is_respected)
{
    const char *loss;
    TreeYard *y = tree_yard_new();
    tree_yard_create(y);
    tree_yard_sh(y, "cd r; git worktree lock --reason 'on a stick' ../t");
    CHECK(compute_loss(&compute_local, &y->ask, &y->arena, &loss, &y->err) < 0);
    CHECK_EQ(y->err.kind, ERR_CONFLICT);
    CHECK_HAS(y->err.msg, "has locked the worktree ");
    CHECK_HAS(y->err.msg, "/t, saying on a stick: `git worktree unlock` gives it free");
    tree_yard_sh(y, "mv t away");
    CHECK(compute_loss(&compute_local, &y->ask, &y->arena, &loss, &y->err) < 0);
    tree_yard_sh(y, "mv away t; cd r; git worktree unlock ../t");
    CHECK(compute_loss(&compute_local, &y->ask, &y->arena, &loss, &y->err) == 0);
    tree_yard_free(y);
}

/* The commit is there, but not what it was made from. */
TEST(where_git_cannot_say_what_would_be_lost_it_is_not_nothing)
{
    TreeYard *y = tree_yard_new();
    const char *loss;
    tree_yard_create(y);
    tree_yard_sh(
        y,
        "cd t; git checkout -q --detach; echo 2 >a; git commit -qam 2; was=$(git rev-parse HEAD)\n"
        "echo 3 >a; git commit -qam 3; cd ../r/.git/objects\n"
        "rm -f $(echo $was | cut -c1-2)/$(echo $was | cut -c3-)");
    CHECK(compute_loss(&compute_local, &y->ask, &y->arena, &loss, &y->err) < 0);
    CHECK_HAS(y->err.msg, "git rev-list in ");
    tree_yard_free(y);
}
