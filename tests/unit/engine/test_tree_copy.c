/* SPDX-License-Identifier: Apache-2.0 */
/* Files of one tree that are brought into another. */
#include "engine/compute/tree_copy.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/path.h"
#include "base/xalloc.h"
#include "engine/compute/beside.h"
#include "harness/test.h"

typedef struct Trees {
    Arena arena;
    TreeCopy copy;
    Err err;
} Trees;

static const char *in(Trees *t, const char *root, const char *path) {
    return arena_printf(&t->arena, "%s/%s", root, path);
}

static void put(Trees *t, const char *root, const char *path, const char *text) {
    AUTO_FREE char *dir = path_dir(in(t, root, path));
    ASSERT(path_mkdirs(dir, 0755, &t->err) == 0);
    ASSERT(file_write(in(t, root, path), text, strlen(text), 0644, &t->err) == 0);
}

static const char *get(Trees *t, const char *path) {
    AUTO_FREE char *text = NULL;
    if (file_read(in(t, t->copy.to, path), 1 << 20, &text, NULL, NULL) < 0)
        return NULL;
    return arena_strdup(&t->arena, text);
}

static bool is_there(Trees *t, const char *path) {
    return access(in(t, t->copy.to, path), F_OK) == 0;
}

static Trees *trees_new(void) {
    static Trees trees;
    Trees *t = &trees;
    arena_init(&t->arena);
    t->copy = (TreeCopy){.from = in(t, test_dir(), "from"), .to = in(t, test_dir(), "to")};
    ASSERT(mkdir(t->copy.from, 0755) == 0 && mkdir(t->copy.to, 0755) == 0);
    return t;
}

TEST(a_tree_is_brought_as_it_is)
{
    Trees *t = trees_new();
    struct stat st;
    const struct timespec times[] = {{7, 8}, {1000000000, 123456789}};
    char target[16] = "";
    put(t, t->copy.from, "m/a/f", "text");
    put(t, t->copy.from, "m/empty", "");
    put(t, t->copy.from, "m/.git/HEAD", "ref");
    put(t, t->copy.from, "m/.thole-0123456789abcdef~", "of a writer");
    ASSERT(symlink("a/f", in(t, t->copy.from, "m/link")) == 0);
    ASSERT(mkfifo(in(t, t->copy.from, "m/pipe"), 0600) == 0);
    ASSERT(chmod(in(t, t->copy.from, "m/a/f"), 0751) == 0);
    ASSERT(chmod(in(t, t->copy.from, "m/a"), 0555) == 0);
    ASSERT(utimensat(AT_FDCWD, in(t, t->copy.from, "m/a/f"), times, 0) == 0);
    ASSERT(utimensat(AT_FDCWD, in(t, t->copy.from, "m/a"), times, 0) == 0);
    ASSERT(tree_copy(&t->copy, "m", &t->err) == 0);
    CHECK_EQ(t->copy.files, 3);
    CHECK_STR(get(t, "m/a/f"), "text");
    CHECK_STR(get(t, "m/empty"), "");
    ASSERT(readlink(in(t, t->copy.to, "m/link"), target, sizeof(target) - 1) == 3);
    CHECK_STR(target, "a/f");
    ASSERT(stat(in(t, t->copy.to, "m/a/f"), &st) == 0);
    CHECK_EQ(st.st_mode & 07777, 0751);
    CHECK_EQ(st.st_mtim.tv_nsec, 123456789);
    ASSERT(stat(in(t, t->copy.to, "m/a"), &st) == 0);
    CHECK_EQ(st.st_mode & 07777, 0555);
    CHECK_EQ(st.st_mtim.tv_sec, 1000000000);
    CHECK(!is_there(t, "m/.git") && !is_there(t, "m/pipe"));
    CHECK(!is_there(t, "m/.thole-0123456789abcdef~"));
    arena_deinit(&t->arena);
}

/* Whatever the umask: nobody else sees more of them than in the project. */
TEST(directories_above_what_is_brought_have_the_mode_of_the_originals)
{
    Trees *t = trees_new();
    struct stat st;
    put(t, t->copy.from, "x/y/f", "text");
    ASSERT(chmod(in(t, t->copy.from, "x"), 0750) == 0);
    ASSERT(chmod(in(t, t->copy.from, "x/y"), 0777) == 0);
    ASSERT(tree_copy(&t->copy, "x/y/f", &t->err) == 0);
    ASSERT(stat(in(t, t->copy.to, "x"), &st) == 0);
    CHECK_EQ(st.st_mode & 07777, 0750);
    ASSERT(stat(in(t, t->copy.to, "x/y"), &st) == 0);
    CHECK_EQ(st.st_mode & 07777, 0777);
    arena_deinit(&t->arena);
}

TEST(what_leads_elsewhere_is_not_brought)
{
    static const char *const bad[] = {"", ".", "..", "../from/f", "m/../f", "/etc/passwd", "m//f"};
    Trees *t = trees_new();
    put(t, t->copy.from, "f", "text");
    put(t, t->copy.from, "m/f", "text");
    for (size_t i = 0; i < COUNT(bad); i++) {
        CHECK(tree_copy(&t->copy, bad[i], &t->err) < 0);
        CHECK_EQ(t->err.kind, ERR_INVALID);
    }
    CHECK(tree_copy(&t->copy, "no/such", &t->err) < 0);
    CHECK_EQ(t->err.kind, ERR_NOT_FOUND);
    CHECK(!is_there(t, "no"));
    ASSERT(symlink("../from", in(t, t->copy.to, "m")) == 0);
    CHECK(tree_copy(&t->copy, "m", &t->err) < 0);
    CHECK_HAS(t->err.msg, "leads out of ");
    arena_deinit(&t->arena);
}

TEST(a_tree_in_which_the_other_lies_is_left_out)
{
    Trees *t = trees_new();
    t->copy.to = in(t, t->copy.from, "trees/x");
    ASSERT(path_mkdirs(t->copy.to, 0755, &t->err) == 0);
    put(t, t->copy.from, "trees/y", "of another");
    ASSERT(tree_copy(&t->copy, "trees", &t->err) == 0);
    CHECK_EQ(t->copy.files, 0);
    arena_deinit(&t->arena);
}

/* ---- writers that were killed, and those that live ---- */

TEST(what_a_killed_writer_has_left_is_swept_and_what_a_living_one_has_is_not)
{
    static const char dead[] = ".thole-00000000000000aa~", near[] = ".thole-00000000000000a~";
    Trees *t = trees_new();
    Beside living;
    int dir = open(t->copy.to, O_PATH | O_DIRECTORY | O_CLOEXEC);
    ASSERT(dir >= 0 && beside_open(dir, &living) == 0);
    CHECK(beside_is_name(living.name) && beside_is_name(dead) && !beside_is_name(near));
    put(t, t->copy.from, "f", "text");
    put(t, t->copy.from, "m/f", "text");
    put(t, t->copy.to, dead, "half");
    put(t, t->copy.to, near, "not ours");
    put(t, t->copy.to, in(t, "m", dead), "half");
    ASSERT(tree_copy(&t->copy, "f", &t->err) == 0 && tree_copy(&t->copy, "m", &t->err) == 0);
    CHECK(!is_there(t, dead) && !is_there(t, in(t, "m", dead)));
    CHECK(is_there(t, living.name) && is_there(t, near));
    beside_close(&living);
    CHECK(!is_there(t, living.name));
    close(dir);
    arena_deinit(&t->arena);
}

/* ---- stopped ---- */

static _Atomic bool stop;
static int leased;

static void on_opened(int number) {
    stop = true;
    fcntl(leased, F_SETLEASE, F_UNLCK);
}

/* Whoever opens the file waits until its lease is given back: by then somebody has stopped it. */
TEST(one_that_is_stopped_ends_in_the_midst_of_it)
{
    Trees *t = trees_new();
    t->copy.stop = &stop;
    put(t, t->copy.from, "m/f", "text");
    leased = open(in(t, t->copy.from, "m/f"), O_RDWR | O_CLOEXEC);
    ASSERT(signal(SIGIO, on_opened) != SIG_ERR);
    ASSERT(leased >= 0 && fcntl(leased, F_SETLEASE, F_WRLCK) == 0);
    CHECK(tree_copy(&t->copy, "m", &t->err) < 0);
    CHECK_EQ(t->err.kind, ERR_CANCELLED);
    CHECK(stop && is_there(t, "m") && !is_there(t, "m/f"));
    CHECK_EQ(t->copy.files, 0);
    stop = false;
    ASSERT(tree_copy(&t->copy, "m", &t->err) == 0);
    CHECK_STR(get(t, "m/f"), "text");
    close(leased);
    arena_deinit(&t->arena);
}

/* ---- what is still as it was brought ---- */

TEST(what_was_changed_is_told_from_what_was_brought)
{
    enum { MANY = 300 };
    Trees *t = trees_new();
    StrList changed = {0};
    for (size_t i = 0; i < MANY; i++)
        put(t, t->copy.from, arena_printf(&t->arena, "m/%zu", i), "text");
    put(t, t->copy.from, "own", "text");
    ASSERT(symlink("7", in(t, t->copy.from, "m/link")) == 0);
    ASSERT(symlink("8", in(t, t->copy.from, "m/other")) == 0);
    ASSERT(tree_copy(&t->copy, "m", &t->err) == 0);
    ASSERT(unlink(in(t, t->copy.to, "m/other")) == 0);
    ASSERT(symlink("9", in(t, t->copy.to, "m/other")) == 0);
    t->copy.link = true;
    ASSERT(tree_copy(&t->copy, "own", &t->err) == 0);
    CHECK(tree_copy_is_same(&t->copy, "m/7") && tree_copy_is_same(&t->copy, "own"));
    put(t, t->copy.from, "m/6", "the project goes on");
    t->copy.since_ns = INT64_MAX;
    tree_copy_changed(&t->copy, "m", &t->arena, &changed);
    CHECK_EQ(changed.n, 0); /* nobody has touched it since */
    t->copy.since_ns = 0;
    tree_copy_changed(&t->copy, "m", &t->arena, &changed);
    CHECK_EQ(changed.n, 2); /* m/6 and m/other: nobody knows since when */
    put(t, t->copy.to, "m/7", "other text");
    put(t, t->copy.to, "m/new", "text");
    CHECK(!tree_copy_is_same(&t->copy, "m/7") && !tree_copy_is_same(&t->copy, "m/new"));
    tree_copy_changed(&t->copy, "m", &t->arena, &changed);
    CHECK_EQ(changed.n, 5); /* what is new was not brought */
    tree_copy_changed(&t->copy, "m/7", &t->arena, &changed);
    CHECK_STR(changed.at[5], "m/7");
    tree_copy_changed(&t->copy, "nothing", &t->arena, &changed);
    CHECK_EQ(changed.n, 6);
    arena_deinit(&t->arena);
}
