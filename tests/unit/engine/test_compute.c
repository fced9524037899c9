/* SPDX-License-Identifier: Apache-2.0 */
/* Compute against real git repositories, and what it makes of docker compose. */
#include <fcntl.h>
#include <sys/stat.h>

#include "base/str.h"
#include "engine/compute/compute_inside.h"
#include "engine/compute/tree_within.h"
#include "harness/test.h"

/* A repository r with one commit on main, and an environment x whose worktree is to be t. */
typedef struct Yard {
    Arena arena;
    const char *dir;
    StrMap env;
    StrPair vars[16];
    ComputeAsk ask;
    Err err;
} Yard;

static const char *at(Yard *y, const char *name) {
    return arena_printf(&y->arena, "%s/%s", y->dir, name);
}

static void set(Yard *y, const char *name, const char *value) {
    y->vars[y->env.n++] = (StrPair){name, value};
    y->env.at = y->vars;
    strmap_sort(&y->env);
}

/* A shell in the yard; what it prints, without the line break at its end. */
static const char *sh(Yard *y, const char *script) {
    const char *argv[] = {"/bin/sh", "-ec", script, NULL};
    ToolDone done;
    ASSERT(tool_run(&(ToolAsk){argv, &y->env, y->dir}, &y->arena, &done, &y->err) == 0);
    if (done.code != 0)
        test_fail(__FILE__, __LINE__, "%s: exit code %d: %s", script, done.code, done.error);
    return arena_strndup(&y->arena, done.out, done.out_n ? done.out_n - 1 : 0);
}

static Yard *yard_new(void) {
    static Yard yard;
    Yard *y = &yard;
    arena_init(&y->arena);
    y->dir = realpath(test_dir(), NULL);
    set(y, "PATH", getenv("PATH"));
    set(y, "HOME", y->dir);
    set(y, "GIT_CONFIG_NOSYSTEM", "1");
    sh(y, "git config --global user.name Rower; git config --global user.email r@example.org\n"
          "git config --global init.defaultBranch main\n"
          "git config --global protocol.file.allow always\n"
          "git init -q r; cd r; echo one >a; git add a; git commit -qm one");
    y->ask = (ComputeAsk){
        .project = at(y, "r"), .path = at(y, "t"), .branch = "x", .managed = true, .env = &y->env};
    return y;
}

static void yard_free(Yard *y) {
    free((char *)(uintptr_t)y->dir);
    arena_deinit(&y->arena);
}

/* As a pin would; its exit code. */
static int run(Yard *y, const ComputeCommand *command) {
    ToolDone done;
    ASSERT(command->argv.at[command->argv.n] == NULL);
    ASSERT(tool_run(&(ToolAsk){command->argv.at, &command->env, command->cwd}, &y->arena, &done,
                    &y->err) == 0);
    return done.code;
}

static void create(Yard *y) {
    ComputeCommand command;
    if (compute_create(&compute_local, &y->ask, &y->arena, &command, &y->err) < 0) {
        test_fail(__FILE__, __LINE__, "create: %s", y->err.msg);
        exit(1);
    }
    if (command.argv.n)
        CHECK_EQ(run(y, &command), 0);
}

static const char *refusal(Yard *y) {
    ComputeCommand command;
    CHECK(compute_create(&compute_local, &y->ask, &y->arena, &command, &y->err) < 0);
    return y->err.msg;
}

static ComputeLook look(Yard *y) {
    ComputeLook now;
    ASSERT(compute_look(&compute_local, &y->ask, &y->arena, &now, &y->err) == 0);
    return now;
}

static void destroy(Yard *y) {
    ComputeCommand command;
    if (compute_destroy(&compute_local, &y->ask, &y->arena, &command, &y->err) < 0) {
        test_fail(__FILE__, __LINE__, "destroy: %s", y->err.msg);
        exit(1);
    }
    if (command.argv.n)
        CHECK_EQ(run(y, &command), 0);
}

/* ---- making one ---- */

TEST(a_worktree_is_made_on_a_branch_of_its_own)
{
    Yard *y = yard_new();
    CHECK(!look(y).stands);
    CHECK_HAS(look(y).why, "/t is gone");
    create(y);
    ComputeLook now = look(y);
    CHECK(now.stands && !now.why);
    CHECK_STR(now.branch, "x");
    CHECK_STR(now.root, y->ask.path);
    CHECK_STR(sh(y, "cat t/a; git -C r branch --show-current"), "one\nmain");
    ComputeCommand again;
    ASSERT(compute_create(&compute_local, &y->ask, &y->arena, &again, &y->err) == 0);
    CHECK_EQ(again.argv.n, 0);
    yard_free(y);
}

TEST(a_branch_that_exists_is_checked_out)
{
    Yard *y = yard_new();
    sh(y,
       "cd r; git switch -qc x; echo two >a; git commit -qam two; git switch -q main; git tag x");
    create(y);
    CHECK_STR(sh(y, "cat t/a; git -C t branch --show-current"), "two\nx");
    yard_free(y);
}

TEST(a_new_branch_is_made_from_its_base)
{
    Yard *y = yard_new();
    sh(y, "cd r; git branch old; echo two >a; git commit -qam two");
    y->ask.base = "old";
    create(y);
    CHECK_STR(sh(y, "cat t/a"), "one");
    y->ask = (ComputeAsk){.project = y->ask.project,
                          .path = at(y, "u"),
                          .branch = "y",
                          .base = "nowhere",
                          .env = &y->env};
    CHECK_HAS(refusal(y), "there is no commit, branch or tag nowhere in ");
    y->ask.base = "--exec=x";
    CHECK_HAS(refusal(y), "there is no commit, branch or tag --exec=x in ");
    yard_free(y);
}

TEST(a_branch_of_the_remote_is_tracked)
{
    Yard *y = yard_new();
    sh(y, "cd r; git branch x; git branch z; git clone -q . ../c; cd ../c; git remote add up ../r");
    y->ask.project = at(y, "c");
    create(y);
    CHECK_STR(sh(y, "git -C t rev-parse --abbrev-ref x@{u}"), "origin/x");
    y->ask.path = at(y, "u"), y->ask.branch = "z";
    sh(y, "cd c; git fetch -q up; git remote rename origin down");
    CHECK_HAS(refusal(y), "down and up both have a branch z");
    y->ask.branch = "new", y->ask.base = "z"; /* of neither: no origin */
    CHECK_HAS(refusal(y), "there is no commit, branch or tag z in ");
    sh(y, "cd c; git remote rename down origin");
    create(y);
    CHECK_STR(sh(y, "git -C u config branch.new.remote || echo none"), "none");
    yard_free(y);
}

TEST(names_that_shells_do_not_like_are_names)
{
    static const char *const names[] = {"x;touch${IFS}pwned", "$(touch pwned)", "a'b\"c",
                                        "`touch_pwned`",      "caf\xc3\xa9",    "a&b|c>d"};
    Yard *y = yard_new();
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        y->ask.branch = names[i];
        y->ask.path = arena_printf(&y->arena, "%s/t %zu '$(touch pwned)'", y->dir, i);
        if (strchr(names[i], ' ')) {
            CHECK_HAS(refusal(y), "is no name that git allows for a branch");
            continue;
        }
        create(y);
        CHECK_STR(look(y).branch, names[i]);
        destroy(y);
        CHECK(!look(y).stands);
    }
    CHECK_STR(sh(y, "find . -name '*pwned' | grep -v .git/ || :"), "");
    static const char *const bad[] = {"-x",     "--force", "",     "HEAD", "a..b", "a b",
                                      "x.lock", "@{-1}",   "a//b", "/a",   "a/",   "a/.b"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        y->ask.branch = bad[i];
        CHECK_HAS(refusal(y), "is no name that git allows for a branch");
    }
    y->ask.branch = "main/x/y";
    CHECK_HAS(refusal(y), "there can be no branch main/x/y beside the branch main:");
    sh(y, "git -C r branch feat/a; git -C r branch feat/b");
    y->ask.branch = "feat";
    CHECK_HAS(refusal(y), "there can be no branch feat beside the branch feat/a:");
    y->ask.branch = "feat/c";
    y->ask.path = at(y, "c");
    create(y);
    yard_free(y);
}

TEST(a_branch_checked_out_elsewhere_is_told_of_with_its_place)
{
    Yard *y = yard_new();
    y->ask.branch = "main";
    CHECK_HAS(refusal(y), "branch main is checked out at ");
    CHECK_HAS(y->err.msg, "/r: choose another one");
    CHECK_EQ(y->err.kind, ERR_CONFLICT);
    sh(y, "git -C r worktree add -q ../other -b x; rm -r other");
    y->ask.branch = "x";
    CHECK_HAS(refusal(y), "which is gone: `git worktree prune`");
    yard_free(y);
}

TEST(what_is_at_the_path_is_not_taken_for_a_worktree)
{
    Yard *y = yard_new();
    sh(y, "mkdir t");
    create(y); /* an empty directory is fine */
    CHECK(look(y).stands);
    destroy(y);
    sh(y, "mkdir t; touch t/mine");
    CHECK(!look(y).stands);
    CHECK_HAS(refusal(y), "is there already and is no worktree of ");
    sh(y, "rm -r t; git clone -q r t; git -C t switch -qc x");
    CHECK(!look(y).stands);
    CHECK_HAS(refusal(y), "is there already and is no worktree of ");
    sh(y, "rm -rf t; git -C r worktree add -q ../t -b other");
    CHECK_HAS(refusal(y), "is on branch other, not on branch x");
    yard_free(y);
}

TEST(projects_that_have_no_worktrees_are_told_why)
{
    Yard *y = yard_new();
    sh(y, "mkdir plain; git init -q empty; git init -q --bare bare");
    y->ask.project = at(y, "plain");
    CHECK_HAS(refusal(y), "/plain is in no git repository");
    y->ask.project = at(y, "empty");
    CHECK_HAS(refusal(y), "/empty has no commit yet");
    y->ask.project = at(y, "bare");
    CHECK_HAS(refusal(y), "/bare is a bare repository");
    sh(y, "git -C r worktree add -q ../w -b w; cd w; git checkout -q --detach");
    y->ask.project = at(y, "w"); /* a linked one, on no branch, is fine */
    create(y);
    CHECK_STR(look(y).branch, "x");
    yard_free(y);
}

TEST(a_project_below_the_top_has_its_root_there)
{
    Yard *y = yard_new();
    sh(y, "cd r; mkdir -p apps/shop; touch apps/shop/f; git add .; git commit -qm shop");
    y->ask.project = at(y, "r/apps/shop");
    create(y);
    CHECK(look(y).stands);
    CHECK_STR(look(y).root, at(y, "t/apps/shop"));
    yard_free(y);
}

TEST(variables_of_a_git_hook_lead_nowhere_else)
{
    Yard *y = yard_new();
    sh(y, "git init -q other");
    set(y, "GIT_DIR", at(y, "other/.git"));
    set(y, "GIT_INDEX_FILE", at(y, "other/index"));
    create(y);
    CHECK_STR(look(y).branch, "x");
    yard_free(y);
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
    Yard *y = yard_new();
    for (size_t i = 0; i < COUNT(said); i++) {
        const char *argv[] = {"sh", "-c", said[i].script, NULL};
        ToolDone done;
        ASSERT(tool_run(&(ToolAsk){argv, &y->env, y->dir}, &y->arena, &done, &y->err) == 0);
        CHECK_STR(done.error, said[i].error);
    }
    yard_free(y);
}

/* ---- healing ---- */

TEST(a_worktree_that_was_removed_by_hand_heals)
{
    Yard *y = yard_new();
    create(y);
    sh(y, "rm -rf t");
    CHECK(!look(y).stands);
    create(y);
    CHECK(look(y).stands);
    CHECK_STR(sh(y, "cat t/a; git -C r worktree list | wc -l"), "one\n2");
    sh(y, "git -C r worktree lock --reason 'on a stick' t; rm -rf t");
    CHECK_HAS(refusal(y), "somebody has locked it, saying on a stick");
    yard_free(y);
}

/* As `kill -9` leaves it: locked by git itself, files missing. */
TEST(one_that_was_half_made_is_made_again)
{
    Yard *y = yard_new();
    create(y);
    sh(y, "rm t/a; git -C r worktree lock --reason initializing t; touch "
          "r/.git/worktrees/t/index.lock");
    CHECK(!look(y).stands);
    CHECK_HAS(look(y).why, "git was interrupted");
    create(y);
    CHECK(look(y).stands);
    CHECK_STR(sh(y, "cat t/a"), "one");
    sh(y, "git -C r worktree lock --reason initializing t; rm -rf t");
    create(y);
    CHECK(look(y).stands);
    yard_free(y);
}

/* Of a worktree that it cannot remove whole git forgets all the same. */
TEST(a_removal_that_git_gave_up_comes_to_its_end)
{
    Yard *y = yard_new();
    ComputeCommand command;
    ComputeLoss loss;
    y->ask.removing = at(y, "note");
    create(y);
    sh(y, "rm -rf r/.git/worktrees/t t/.git t/a; echo left >t/b");
    CHECK_EQ(compute_loss(&compute_local, &y->ask, &y->arena, &loss, &y->err), -1);
    CHECK_HAS(y->err.msg, "is no worktree of");
    CHECK_EQ(compute_destroy(&compute_local, &y->ask, &y->arena, &command, &y->err), -1);
    sh(y, "stat -c %d:%i:%.9W t >note");
    ASSERT(compute_loss(&compute_local, &y->ask, &y->arena, &loss, &y->err) == 0);
    CHECK(!loss.text);
    destroy(y);
    CHECK_STR(sh(y, "ls -d t 2>/dev/null || echo gone"), "gone");
    sh(y, "mkdir keep t; echo mine >t/c"); /* another directory */
    CHECK_EQ(compute_destroy(&compute_local, &y->ask, &y->arena, &command, &y->err), -1);
    yard_free(y);
}

TEST(what_git_leaves_of_a_worktree_is_removed)
{
    Yard *y = yard_new();
    y->ask.removing = at(y, "note");
    create(y);
    sh(y, "mkdir bin; cat >bin/git <<'END'\n"
          "#!/bin/sh\n"
          "case $*: in *worktree\\ remove*) rm -rf \"$2/.git/worktrees/t\"; exit 255; esac\n"
          "PATH=${PATH#*:} exec git \"$@\"\n"
          "END\n"
          "chmod +x bin/git");
    set(y, "PATH", at(y, "bin:/usr/bin:/bin"));
    destroy(y);
    CHECK_STR(sh(y, "ls -d t 2>/dev/null || echo gone; cat note | wc -l"), "gone\n1");
    yard_free(y);
}

/* ---- submodules, large files ---- */

TEST(submodules_come_along)
{
    Yard *y = yard_new();
    sh(y, "git init -q m; cd m; echo deep >d; git add d; git commit -qm d; cd ../r\n"
          "git submodule --quiet add ../m sub; git commit -qm sub");
    create(y);
    CHECK_STR(sh(y, "cat t/sub/d"), "deep");
    sh(y, "git -C t submodule --quiet deinit -f sub");
    create(y); /* the worktree stands, what is missing is made up for */
    CHECK_STR(sh(y, "cat t/sub/d"), "deep");
    sh(y, "cd t/sub; echo more >>d; git commit -qam more");
    const char *head = sh(y, "git -C t/sub rev-parse HEAD");
    create(y); /* what people have done there stays */
    CHECK_STR(sh(y, "git -C t/sub rev-parse HEAD"), head);
    ComputeLoss loss;
    ASSERT(compute_loss(&compute_local, &y->ask, &y->arena, &loss, &y->err) == 0);
    CHECK_STR(loss.text,
              "1 changed file (sub), 1 commit that is on no remote of a submodule (sub)");
    CHECK_EQ(loss.commits, 1);
    sh(y, "cd t/sub; git push -q origin HEAD:refs/heads/more; echo kept >>d; git stash -q\n"
          "git fetch -q; cd ..; git commit -qam more");
    ASSERT(compute_loss(&compute_local, &y->ask, &y->arena, &loss, &y->err) == 0);
    CHECK_STR(loss.text, "1 stash of a submodule (sub)"); /* of one's own the repository has it */
    sh(y, "cd t; git submodule --quiet deinit -f sub; git rm -q --cached sub; rmdir sub; rm -f "
          ".gitmodules; git commit -qam without");
    ASSERT(compute_loss(&compute_local, &y->ask, &y->arena, &loss, &y->err) == 0);
    CHECK_STR(loss.text, "1 stash of a submodule (sub)");
    destroy(y);
    CHECK_STR(sh(y, "ls -d t 2>/dev/null || echo gone"), "gone");
    yard_free(y);
}

/* A monitor that has missed something, and one that git has built in. */
TEST(what_watches_files_for_git_is_not_believed)
{
    Yard *y = yard_new();
    ComputeLoss loss;
    create(y);
    sh(y, "printf '#!/bin/sh\\nprintf \"tok\\\\0\"\\n' >monitor; chmod +x monitor\n"
          "git -C r config core.fsmonitor \"$PWD/monitor\"; cd t; git update-index --fsmonitor\n"
          "git status >/dev/null; echo two >>a");
    CHECK_STR(sh(y, "git -C t status --porcelain"), "");
    ASSERT(compute_loss(&compute_local, &y->ask, &y->arena, &loss, &y->err) == 0);
    CHECK_STR(loss.text, "1 changed file (a)");
    yard_free(y);
}

TEST(large_files_without_git_lfs_are_told_of)
{
    Yard *y = yard_new();
    sh(y, "cd r; mkdir img; echo '*.bin filter=lfs -text' >img/.gitattributes; echo pointer "
          ">img/a.bin\n"
          "git add .; git commit -qm bin; mkdir ../bin; ln -s $(command -v git) $(command -v sh) "
          "../bin");
    y->env.n = 0;
    set(y, "PATH", at(y, "bin"));
    set(y, "HOME", y->dir);
    set(y, "GIT_EXEC_PATH", "/usr/lib/git-core");
    CHECK_HAS(refusal(y), "keeps files with Git LFS, and git-lfs is not installed");
    CHECK_EQ(y->err.kind, ERR_UNAVAILABLE);
    set(y, "GIT_LFS_SKIP_SMUDGE", "1");
    ComputeCommand command;
    ASSERT(compute_create(&compute_local, &y->ask, &y->arena, &command, &y->err) == 0);
    set(y, "GIT_CONFIG_COUNT", "2"); /* as git-lfs leaves it in the configuration */
    set(y, "GIT_CONFIG_KEY_0", "filter.lfs.process");
    set(y, "GIT_CONFIG_VALUE_0", "git-lfs filter-process");
    set(y, "GIT_CONFIG_KEY_1", "filter.lfs.required");
    set(y, "GIT_CONFIG_VALUE_1", "true");
    command.env = y->env;
    CHECK_EQ(run(y, &command), 0);
    set(y, "PATH", "/usr/bin:/bin");
    yard_free(y);
}

/* ---- what would be lost ---- */

TEST(what_would_be_lost_is_named)
{
    static const char *own[] = {".thole.json", "web/.env.local"};
    StrList list = {own, 2};
    ComputeLoss loss;
    Yard *y = yard_new();
    sh(y, "cd r; printf 'ignored\\n' >.gitignore; git add .; git commit -qm ignore");
    y->ask.own = &list;
    create(y);
    sh(y, "cd t; touch .thole.json ignored; mkdir web; touch web/.env.local");
    ASSERT(compute_loss(&compute_local, &y->ask, &y->arena, &loss, &y->err) == 0);
    CHECK_STR(loss.text, NULL);
    sh(y, "cd t; echo changed >a; touch 'n 1' web/n2 n3 n4");
    ASSERT(compute_loss(&compute_local, &y->ask, &y->arena, &loss, &y->err) == 0);
    CHECK_STR(loss.text, "1 changed file (a), 4 untracked files (n 1, n3, n4, …)");
    sh(y, "cd t; git add .; git commit -qm all"); /* the branch stays */
    ASSERT(compute_loss(&compute_local, &y->ask, &y->arena, &loss, &y->err) == 0);
    CHECK_STR(loss.text, NULL);
    sh(y, "cd t; git checkout -q --detach; echo 2 >a; git commit -qam 2; echo 3 >a; git commit "
          "-qam 3");
    ASSERT(compute_loss(&compute_local, &y->ask, &y->arena, &loss, &y->err) == 0);
    CHECK_STR(loss.text, "2 commits that are on no branch and no remote");
    CHECK_EQ(loss.commits, 2);
    yard_free(y);
}

/* A file that we have not finished is nobody's work; what we have written lies below the top. */
TEST(other_worktrees_in_it_are_a_loss)
{
    Yard *y = yard_new();
    ComputeLoss loss;
    create(y);
    sh(y, "echo trees/ >>r/.git/info/exclude; git -C t worktree add -q trees/mine -b mine");
    ASSERT(compute_loss(&compute_local, &y->ask, &y->arena, &loss, &y->err) == 0);
    CHECK_STR(loss.text, "1 other worktree in it (trees/mine)");
    sh(y, "git -C t worktree remove trees/mine");
    ASSERT(compute_loss(&compute_local, &y->ask, &y->arena, &loss, &y->err) == 0);
    CHECK_STR(loss.text, NULL);
    yard_free(y);
}

TEST(a_worktree_of_an_environment_of_another_project_is_a_loss)
{
    Yard *y = yard_new();
    ComputeLoss loss;
    create(y);
    sh(y, "echo trees/ >>r/.git/info/exclude; git init -q other; cd other; git commit -q "
          "--allow-empty -m 1; git worktree add -q ../t/trees/theirs");
    ASSERT(compute_loss(&compute_local, &y->ask, &y->arena, &loss, &y->err) == 0);
    CHECK_STR(loss.text, NULL); /* its branch stays, there is nothing in it */
    const char *theirs[] = {arena_printf(&y->arena, "%s/trees/theirs", y->ask.path)};
    y->ask.others = (StrList){theirs, 1};
    ASSERT(compute_loss(&compute_local, &y->ask, &y->arena, &loss, &y->err) == 0);
    CHECK_STR(loss.text, "1 other worktree in it (trees/theirs)");
    yard_free(y);
}

/* Package managers clone, too: that can be had again. */
TEST(work_in_other_repositories_in_it_is_a_loss)
{
    static const struct {
        const char *script, *text;
    } cases[] = {
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
    Yard *y = yard_new();
    create(y);
    sh(y, "echo deps/ >>r/.git/info/exclude; mkdir t/deps; git init -q other; cd other; echo 1 >f; "
          "git add .; git commit -qm 1");
    for (size_t i = 0; i < COUNT(cases); i++) {
        ComputeLoss loss;
        sh(y, arena_printf(&y->arena, "cd t/deps; %s", cases[i].script));
        ASSERT(compute_loss(&compute_local, &y->ask, &y->arena, &loss, &y->err) == 0);
        CHECK_STR(loss.text, cases[i].text);
    }
    yard_free(y);
}

/* Of the root, below which /proc is mounted wherever a test runs. */
TEST(what_is_mounted_in_a_worktree_is_never_emptied)
{
    Yard *y = yard_new();
    ComputeLoss loss;
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
    yard_free(y);
}

TEST(what_a_rebase_has_put_aside_is_a_loss)
{
    Yard *y = yard_new();
    ComputeLoss loss;
    create(y);
    sh(y,
       "cd t; git commit -q --allow-empty -m 2; git commit -q --allow-empty -m 3; echo more >>a; "
       "GIT_SEQUENCE_EDITOR='sed -i 1s/pick/edit/' git rebase -q -i --autostash HEAD~2 "
       "2>/dev/null; test -z \"$(git status --porcelain)\"");
    ASSERT(compute_loss(&compute_local, &y->ask, &y->arena, &loss, &y->err) == 0);
    CHECK_HAS(loss.text, "changes that --autostash has put aside");
    yard_free(y);
}

TEST(refs_of_the_worktree_alone_are_a_loss)
{
    Yard *y = yard_new();
    ComputeLoss loss;
    create(y);
    sh(y, "cd t; git commit -q --allow-empty -m 2; git update-ref refs/worktree/kept HEAD");
    ASSERT(compute_loss(&compute_local, &y->ask, &y->arena, &loss, &y->err) == 0);
    CHECK_STR(loss.text, NULL); /* the branch has it */
    sh(y, "cd t; git reset -q --hard HEAD~1");
    ASSERT(compute_loss(&compute_local, &y->ask, &y->arena, &loss, &y->err) == 0);
    CHECK_STR(loss.text, "1 commit that is on no branch and no remote");
    yard_free(y);
}

TEST(a_repository_in_the_place_of_a_worktree_is_left_alone)
{
    Yard *y = yard_new();
    ComputeLoss loss;
    ComputeCommand command;
    create(y);
    sh(y, "cd t; rm .git; git init -q; git add .; git commit -qm mine");
    CHECK(compute_loss(&compute_local, &y->ask, &y->arena, &loss, &y->err) < 0);
    CHECK_HAS(y->err.msg, "is no worktree of");
    CHECK(compute_destroy(&compute_local, &y->ask, &y->arena, &command, &y->err) < 0);
    CHECK_HAS(y->err.msg, "delete with --keep-worktree");
    yard_free(y);
}

/* What git tracks there is somebody's. */
TEST(of_what_is_called_thole_only_our_own_files_are_no_loss)
{
    static const char *own[] = {"gen.env"};
    StrList list = {own, 1};
    Yard *y = yard_new();
    ComputeLoss loss;
    y->ask.own = &list;
    create(y);
    sh(y, "cd t; mkdir -p .thole/x sub/.thole; touch .thole/state.json .thole/.gitignore "
          ".thole/x/state.json.prev sub/.thole/state.lock gen.env; ln -s / .thole/logs");
    ASSERT(compute_loss(&compute_local, &y->ask, &y->arena, &loss, &y->err) == 0);
    CHECK_STR(loss.text, NULL);
    sh(y, "cd t; echo mine >.thole/template; echo mine >sub/.thole/x");
    ASSERT(compute_loss(&compute_local, &y->ask, &y->arena, &loss, &y->err) == 0);
    CHECK_STR(loss.text, "2 untracked files (.thole/template, sub/.thole/x)");
    sh(y, "cd t; git add -f .; git commit -qm all; echo edit >>.thole/state.json; echo edit "
          ">>gen.env");
    ASSERT(compute_loss(&compute_local, &y->ask, &y->arena, &loss, &y->err) == 0);
    CHECK_STR(loss.text, "2 changed files (.thole/state.json, gen.env)");
    yard_free(y);
}

TEST(any_number_of_files_that_git_does_not_look_at_is_compared)
{
    Yard *y = yard_new();
    ComputeLoss loss;
    create(y);
    sh(y, "cd t && seq 1300 | sed 's/^/file-with-a-long-name-/' | xargs touch && git add . && "
          "git commit -qm many && git ls-files -z | xargs -0 git update-index --assume-unchanged");
    ASSERT(compute_loss(&compute_local, &y->ask, &y->arena, &loss, &y->err) == 0);
    CHECK_STR(loss.text, NULL);
    sh(y, "cd t && echo mine >>file-with-a-long-name-1300");
    ASSERT(compute_loss(&compute_local, &y->ask, &y->arena, &loss, &y->err) == 0);
    CHECK_STR(loss.text, "1 changed file (file-with-a-long-name-1300)");
    yard_free(y);
}

/* What git was told not to look at is nevertheless somebody's. */
TEST(edits_that_git_does_not_look_at_are_a_loss)
{
    Yard *y = yard_new();
    ComputeLoss loss;
    create(y);
    sh(y, "cd t && echo k >k && echo l >l && git add k l && git commit -qm more");
    sh(y, "cd t && git update-index --skip-worktree a k && git update-index --assume-unchanged l");
    ASSERT(compute_loss(&compute_local, &y->ask, &y->arena, &loss, &y->err) == 0);
    CHECK_STR(loss.text, NULL);
    sh(y, "cd t && echo mine >>a && echo mine >>l && rm k");
    ASSERT(compute_loss(&compute_local, &y->ask, &y->arena, &loss, &y->err) == 0);
    CHECK_STR(loss.text, "2 changed files (a, l)");
    yard_free(y);
}

TEST(what_we_have_written_is_no_loss)
{
    static const char *own[] = {"shop/.thole.json"};
    StrList list = {own, 1};
    ComputeLoss loss;
    Yard *y = yard_new();
    y->ask.own = &list;
    create(y);
    sh(y, "cd t; mkdir shop; touch shop/.thole.json shop/.thole-0123456789abcdef~");
    ASSERT(compute_loss(&compute_local, &y->ask, &y->arena, &loss, &y->err) == 0);
    CHECK_STR(loss.text, NULL);
    sh(y, "cd t; touch .thole.json");
    ASSERT(compute_loss(&compute_local, &y->ask, &y->arena, &loss, &y->err) == 0);
    CHECK_STR(loss.text, "1 untracked file (.thole.json)");
    yard_free(y);
}

TEST(what_was_brought_is_a_loss_once_it_was_changed)
{
    static const char *brought[] = {".env", "cache", "notes"};
    ComputeLoss loss;
    Yard *y = yard_new();
    sh(y, "cd r; printf '.env\\ncache/\\n' >.gitignore; git add .; git commit -qm ignore\n"
          "echo A=b >.env; mkdir cache; echo 1 >cache/one; echo 2 >notes");
    create(y);
    sh(y, "cp -a r/.env r/notes t; ln -s \"$HOME/r/cache\" t/cache");
    ASSERT(compute_loss(&compute_local, &y->ask, &y->arena, &loss, &y->err) == 0);
    CHECK_STR(loss.text, NULL); /* links are not what a pattern for directories means */
    y->ask.brought = (StrList){brought, 3};
    ASSERT(compute_loss(&compute_local, &y->ask, &y->arena, &loss, &y->err) == 0);
    CHECK_STR(loss.text, NULL);
    sh(y,
       "cd t; rm cache; cp -a ../r/cache .; echo C=d >>.env; echo 1+1 >cache/one; echo 3 >notes");
    ASSERT(compute_loss(&compute_local, &y->ask, &y->arena, &loss, &y->err) == 0);
    CHECK_STR(loss.text, "3 files that were brought and changed since (.env, cache/one, notes)");
    y->ask.brought_ns = INT64_MAX; /* as they were brought, then; but git does not know notes */
    ASSERT(compute_loss(&compute_local, &y->ask, &y->arena, &loss, &y->err) == 0);
    CHECK_STR(loss.text, "1 untracked file (notes)");
    y->ask.brought_ns = 0;
    sh(y, "cd t; git add -f notes cache .env; git commit -qm all");
    ASSERT(compute_loss(&compute_local, &y->ask, &y->arena, &loss, &y->err) == 0);
    CHECK_STR(loss.text, NULL);
    yard_free(y);
}

TEST(a_lock_of_people_is_respected)
{
    ComputeLoss loss;
    Yard *y = yard_new();
    create(y);
    sh(y, "cd r; git worktree lock --reason 'on a stick' ../t");
    CHECK(compute_loss(&compute_local, &y->ask, &y->arena, &loss, &y->err) < 0);
    CHECK_EQ(y->err.kind, ERR_CONFLICT);
    CHECK_HAS(y->err.msg, "has locked the worktree ");
    CHECK_HAS(y->err.msg, "/t, saying on a stick: `git worktree unlock` gives it free");
    sh(y, "mv t away");
    CHECK(compute_loss(&compute_local, &y->ask, &y->arena, &loss, &y->err) < 0);
    sh(y, "mv away t; cd r; git worktree unlock ../t");
    CHECK(compute_loss(&compute_local, &y->ask, &y->arena, &loss, &y->err) == 0);
    yard_free(y);
}

/* The commit is there, but not what it was made from. */
TEST(where_git_cannot_say_what_would_be_lost_it_is_not_nothing)
{
    Yard *y = yard_new();
    ComputeLoss loss;
    create(y);
    sh(y,
       "cd t; git checkout -q --detach; echo 2 >a; git commit -qam 2; was=$(git rev-parse HEAD)\n"
       "echo 3 >a; git commit -qam 3; cd ../r/.git/objects\n"
       "rm -f $(echo $was | cut -c1-2)/$(echo $was | cut -c3-)");
    CHECK(compute_loss(&compute_local, &y->ask, &y->arena, &loss, &y->err) < 0);
    CHECK_HAS(y->err.msg, "git rev-list in ");
    yard_free(y);
}

TEST(what_is_not_ours_is_not_destroyed)
{
    Yard *y = yard_new();
    ComputeCommand command;
    destroy(y); /* nothing there: fine */
    sh(y, "mkdir t; touch t/mine");
    CHECK(compute_destroy(&compute_local, &y->ask, &y->arena, &command, &y->err) < 0);
    CHECK_HAS(y->err.msg, "so it is left alone");
    sh(y, "rm -r t");
    create(y);
    y->ask.managed = false;
    destroy(y);
    CHECK(look(y).stands);
    y->ask.managed = true;
    sh(y, "rm -rf t");
    destroy(y);
    CHECK_STR(sh(y, "git -C r worktree list | wc -l; git -C r branch --list x"), "1\n  x");
    yard_free(y);
}

TEST(of_a_repository_that_is_gone_the_directory_goes)
{
    Yard *y = yard_new();
    ComputeLoss loss;
    ComputeCommand command;
    create(y);
    sh(y, "mkdir r/below; mv r gone; mkdir u; touch u/mine");
    CHECK(compute_loss(&compute_local, &y->ask, &y->arena, &loss, &y->err) < 0);
    CHECK_EQ(y->err.kind, ERR_CONFLICT);
    CHECK_HAS(y->err.msg, "is gone, so nobody can say what would be lost");
    destroy(y);
    CHECK_STR(sh(y, "ls"), "gone\nu");
    destroy(y); /* nothing there: fine */
    y->ask.path = at(y, "u");
    CHECK(compute_destroy(&compute_local, &y->ask, &y->arena, &command, &y->err) < 0);
    CHECK_HAS(y->err.msg, "so it is left alone");
    yard_free(y);
}

/* It lay below the top, and is in no commit any more. */
TEST(of_a_project_that_is_gone_the_repository_is_asked)
{
    Yard *y = yard_new();
    ComputeLoss loss;
    y->ask.project = at(y, "r/below");
    sh(y, "mkdir r/below");
    create(y);
    sh(y, "rmdir r/below; touch t/mine");
    ASSERT(compute_loss(&compute_local, &y->ask, &y->arena, &loss, &y->err) == 0);
    CHECK_STR(loss.text, "1 untracked file (mine)");
    destroy(y);
    CHECK_STR(sh(y, "ls; git -C r worktree list | wc -l"), "r\n1");
    yard_free(y);
}

TEST(a_given_worktree_must_be_one)
{
    Yard *y = yard_new();
    ComputeLook now;
    y->ask.managed = false;
    CHECK(compute_local_attach(&y->ask, &y->arena, &now, &y->err) < 0);
    CHECK_HAS(y->err.msg, "there is no worktree ");
    sh(y, "mkdir t");
    CHECK(compute_local_attach(&y->ask, &y->arena, &now, &y->err) < 0);
    CHECK_HAS(y->err.msg, "/t is no git worktree");
    sh(y, "git clone -q r t");
    CHECK(compute_local_attach(&y->ask, &y->arena, &now, &y->err) < 0);
    CHECK_HAS(y->err.msg, "is a worktree of the repository ");
    sh(y, "rm -rf t; git -C r worktree add -q -b own ../t; mkdir t/sub");
    ASSERT(compute_local_attach(&y->ask, &y->arena, &now, &y->err) == 0);
    CHECK(now.stands);
    CHECK_STR(now.branch, "own");
    y->ask.path = at(y, "t/sub");
    CHECK(compute_local_attach(&y->ask, &y->arena, &now, &y->err) < 0);
    CHECK_HAS(y->err.msg, "is inside of the worktree");
    y->ask.path = at(y, "t");
    sh(y, "git -C t checkout -q --detach");
    CHECK(compute_local_attach(&y->ask, &y->arena, &now, &y->err) < 0);
    CHECK_HAS(y->err.msg, "has a detached HEAD");
    yard_free(y);
}
