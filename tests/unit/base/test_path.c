/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/test.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/path.h"
#include "base/xalloc.h"

static char *in_dir(const char *name) {
    return path_join(test_dir(), name);
}

static void touch(const char *path) {
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    ASSERT(fd >= 0);
    close(fd);
}

static int mode_of(const char *path) {
    struct stat st;
    return stat(path, &st) == 0 ? (int)(st.st_mode & 07777) : -1;
}

static void joined(const char *dir, const char *name, const char *want) {
    AUTO_FREE char *path = path_join(dir, name);
    CHECK_STR(path, want);
}

TEST(path_join_joins)
{
    joined("a", "b", "a/b");
    joined("a/", "b", "a/b");
    joined("/", "b", "/b");
    joined("a", "/b", "/b");
    joined("", "b", "b");
}

TEST(path_resolve_makes_one_of_all_ways_to_say_it)
{
    AUTO_FREE char *dir = realpath(test_dir(), NULL), *real = path_join(dir, "real");
    AUTO_FREE char *link = path_join(dir, "link");
    const struct {
        const char *said, *is;
    } rows[] = {{"", ""},
                {"real", "/real"},
                {"./link", "/real"},
                {"link/a/b", "/real/a/b"},
                {"link/../x", "/x"},
                {"x//y/./z/", "/x/y/z"},
                {"x/../y", "/y"},
                {"real/.", "/real"}};
    ASSERT(mkdir(real, 0700) == 0 && symlink(real, link) == 0);
    for (size_t i = 0; i < COUNT(rows); i++) {
        AUTO_FREE char *said = xasprintf("%s/%s", dir, rows[i].said), *now = path_resolve(said);
        AUTO_FREE char *is = xasprintf("%s%s", dir, rows[i].is);
        CHECK_STR(now, is);
    }
    AUTO_FREE char *within = path_join(link, "a"), *last = path_resolve_above(link),
                   *above = path_resolve_above(within), *a = path_join(real, "a");
    CHECK_STR(last, link);
    CHECK_STR(above, a);
    AUTO_FREE char *top = path_resolve("/.."), *relative = path_resolve("real");
    CHECK_STR(top, "/");
    CHECK_STR(relative, "real");
}

TEST(path_base_and_dir_take_it_apart)
{
    static const struct {
        const char *path, *dir, *base;
    } rows[] = {{"/a/b", "/a", "b"}, {"/a", "/", "a"}, {"a/b/c", "a/b", "c"}, {"a", ".", "a"},
                {"/a/", "/a", ""},   {"/", "/", ""},   {"", ".", ""}};
    for (size_t i = 0; i < COUNT(rows); i++) {
        AUTO_FREE char *dir = path_dir(rows[i].path);
        CHECK_STR(dir, rows[i].dir);
        CHECK_STR(path_base(rows[i].path), rows[i].base);
    }
}

TEST(path_below_means_inside_and_not_alike)
{
    CHECK(path_below("/a/b", "/a"));
    CHECK(path_below("/a", "/a"));
    CHECK(path_below("/a/b", "/a/"));
    CHECK(path_below("/a", "/"));
    CHECK(!path_below("/ab", "/a"));
    CHECK(!path_below("/", "/a"));
    CHECK(!path_below("/b/a", "/a"));
}

TEST(path_mkdirs_makes_what_is_missing)
{
    Err err = {0};
    umask(022);
    AUTO_FREE char *deep = in_dir("a/b//c/"), *middle = in_dir("a/b");
    CHECK_EQ(path_mkdirs(deep, 0700, &err), 0);
    CHECK_EQ(mode_of(middle), 0700);
    CHECK_EQ(chmod(middle, 0711), 0);
    CHECK_EQ(path_mkdirs(deep, 0700, &err), 0); /* again: nothing changes */
    CHECK_EQ(mode_of(middle), 0711);
    CHECK_EQ(chdir(test_dir()), 0);
    CHECK_EQ(path_mkdirs("x/y", 0755, &err), 0);
    CHECK_EQ(mode_of("x/y"), 0755);
}

TEST(path_mkdirs_says_what_is_in_the_way)
{
    Err err = {0};
    AUTO_FREE char *file = in_dir("file"), *below = in_dir("file/x");
    touch(file);
    CHECK_EQ(path_mkdirs(below, 0700, &err), -1);
    CHECK_HAS(err.msg, "file");
    CHECK_HAS(err.msg, "not a directory");
    CHECK_EQ(path_mkdirs(file, 0700, &err), -1);
    CHECK_EQ(path_mkdirs("", 0700, &err), -1);
    CHECK_EQ(err.kind, ERR_INVALID);
}

/* --- removing --- */

TEST(path_remove_tree_removes_all_and_follows_no_link)
{
    Err err = {0};
    AUTO_FREE char *tree = in_dir("tree"), *deep = in_dir("tree/a/b/c"),
                   *outside = in_dir("outside");
    AUTO_FREE char *kept = in_dir("outside/kept"), *link = in_dir("tree/a/link"),
                   *dangling = in_dir("tree/dangling");
    ASSERT(path_mkdirs(deep, 0700, &err) == 0 && path_mkdirs(outside, 0700, &err) == 0);
    touch(kept);
    for (int i = 0; i < 50; i++) {
        AUTO_FREE char *file = xasprintf("%s/file %d", deep, i);
        touch(file);
    }
    ASSERT(symlink(outside, link) == 0 && symlink("/nowhere/at/all", dangling) == 0);
    CHECK_EQ(path_remove_tree(tree, &err), 0);
    CHECK(access(tree, F_OK) < 0);
    CHECK_EQ(access(kept, F_OK), 0);
}

TEST(path_remove_tree_of_a_link_a_file_and_nothing)
{
    Err err = {0};
    AUTO_FREE char *dir = in_dir("dir"), *link = in_dir("link"), *file = in_dir("file"),
                   *none = in_dir("none/x");
    ASSERT(mkdir(dir, 0700) == 0 && symlink(dir, link) == 0);
    touch(file);
    CHECK_EQ(path_remove_tree(link, &err), 0);
    CHECK(access(link, F_OK) < 0);
    CHECK_EQ(access(dir, F_OK), 0);
    CHECK_EQ(path_remove_tree(file, &err), 0);
    CHECK_EQ(path_remove_tree(none, &err), 0);
}

/* Runs `fn` as an ordinary user, whoever we are: root may do everything, so it proves nothing. */
static void as_ordinary_user(void (*fn)(void)) {
    int status;
    ASSERT(chmod(test_dir(), 0777) == 0);
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        if (geteuid() == 0 && (setgid(65534) < 0 || setuid(65534) < 0))
            _exit(99);
        fn();
        fflush(NULL);
        _exit(0);
    }
    ASSERT(waitpid(pid, &status, 0) == pid);
    CHECK_EQ(status, 0);
}

/* CHECK counts in the process that calls it, and the exit code of that one is lost. */
#define MUST_HOLD(cond)                                 \
    do {                                                \
        if (!(cond)) {                                  \
            test_fail(__FILE__, __LINE__, "%s", #cond); \
            _exit(1);                                   \
        }                                               \
    } while (0)

static void remove_read_only_tree(void) {
    Err err = {0};
    AUTO_FREE char *tree = in_dir("tree"), *cache = in_dir("tree/cache"),
                   *file = in_dir("tree/cache/file");
    AUTO_FREE char *closed = in_dir("tree/closed"), *inner = in_dir("tree/closed/inner");
    MUST_HOLD(path_mkdirs(cache, 0700, &err) == 0 && path_mkdirs(inner, 0700, &err) == 0);
    touch(file);
    MUST_HOLD(chmod(cache, 0500) == 0 && chmod(closed, 0) == 0);
    MUST_HOLD(path_remove_tree(tree, &err) == 0);
    MUST_HOLD(access(tree, F_OK) < 0);
}

TEST(path_remove_tree_opens_directories_that_are_ours)
{ as_ordinary_user(remove_read_only_tree); }

/* No more descriptors than `n` from now on: also root cannot open what is deeper than that. */
static void allow_descriptors(int n) {
    int next = dup(STDIN_FILENO);
    struct rlimit limit;
    ASSERT(next >= 0 && getrlimit(RLIMIT_NOFILE, &limit) == 0);
    close(next);
    limit.rlim_cur = (rlim_t)(next + n);
    ASSERT(setrlimit(RLIMIT_NOFILE, &limit) == 0);
}

/* Which of these names the kernel lists first. */
static char first_of(const char *path, const char *names) {
    DIR *list = opendir(path);
    char found = 0;
    ASSERT(list);
    for (struct dirent *entry; !found && (entry = readdir(list));)
        if (strchr(names, entry->d_name[0]) && !entry->d_name[1])
            found = entry->d_name[0];
    closedir(list);
    return found;
}

TEST(path_remove_tree_goes_on_and_names_the_first)
{
    Err err = {0};
    static const char *const dirs[] = {"tree/a/b/deep", "tree/e/b/deep", "tree/c/d"};
    static const char *const gone[] = {"tree/1", "tree/a/2", "tree/zz", "tree/c/d/3"};
    AUTO_FREE char *tree = in_dir("tree");
    for (size_t i = 0; i < COUNT(dirs); i++) {
        AUTO_FREE char *path = in_dir(dirs[i]);
        ASSERT(path_mkdirs(path, 0700, &err) == 0);
    }
    for (size_t i = 0; i < COUNT(gone); i++) {
        AUTO_FREE char *path = in_dir(gone[i]);
        touch(path);
    }
    AUTO_FREE char *kept_path = in_dir("tree/a/b/deep/4");
    touch(kept_path);
    char first = first_of(tree, "ae");
    allow_descriptors(3); /* tree, a, b; not deep */
    CHECK_EQ(path_remove_tree(tree, &err), -1);
    CHECK_EQ(err.kind, ERR_UNAVAILABLE);
    CHECK_HAS(err.msg, first == 'a' ? "in a: in b: open deep: too many open files"
                                    : "in e: in b: open deep: too many open files");
    for (size_t i = 0; i < COUNT(gone); i++) {
        AUTO_FREE char *path = in_dir(gone[i]);
        CHECK(access(path, F_OK) < 0);
    }
    CHECK_EQ(access(kept_path, F_OK), 0);
    allow_descriptors(100); /* for the harness, which removes the rest */
}

/* --- where ours are --- */

static void dirs_are(const char *state, const char *runtime) {
    Err err = {0};
    AUTO_FREE char *a = path_state_dir(&err), *b = path_runtime_dir(&err);
    if (!a || !b) {
        test_fail(__FILE__, __LINE__, "%s", err.msg);
        return;
    }
    CHECK_STR(a, state);
    CHECK_STR(b, runtime);
    CHECK_EQ(mode_of(a), 0700);
    CHECK_EQ(mode_of(b), 0700);
}

TEST(path_own_dirs_come_from_the_environment_in_order)
{
    AUTO_FREE char *home = in_dir("home"), *xdg = in_dir("xdg"), *own = in_dir("own"),
                   *own_run = in_dir("own-run");
    AUTO_FREE char *at_home = in_dir("home/.local/state/thole"), *at_xdg = in_dir("xdg/thole");
    AUTO_FREE char *at_tmp = xasprintf("%s/thole-%u", test_dir(), (unsigned)geteuid());
    ASSERT(mkdir(xdg, 0700) == 0);
    unsetenv("THOLE_STATE_DIR");
    unsetenv("THOLE_RUNTIME_DIR");
    unsetenv("XDG_STATE_HOME");
    unsetenv("XDG_RUNTIME_DIR");
    setenv("HOME", home, 1);
    setenv("TMPDIR", test_dir(), 1);
    dirs_are(at_home, at_tmp);
    dirs_are(at_home, at_tmp); /* they may be there already */
    setenv("XDG_STATE_HOME", "relative", 1);
    setenv("XDG_RUNTIME_DIR", "relative", 1);
    dirs_are(at_home, at_tmp);
    setenv("XDG_STATE_HOME", xdg, 1);
    setenv("XDG_RUNTIME_DIR", "/nowhere/at/all", 1);
    dirs_are(at_xdg, at_tmp);
    setenv("XDG_RUNTIME_DIR", xdg, 1);
    dirs_are(at_xdg, at_xdg);
    setenv("THOLE_STATE_DIR", own, 1);
    setenv("THOLE_RUNTIME_DIR", own_run, 1);
    dirs_are(own, own_run);
    setenv("THOLE_STATE_DIR", "", 1); /* empty is unset */
    dirs_are(at_xdg, own_run);
}

static void runtime_refused(const char *path, const char *why) {
    Err err = {0};
    setenv("THOLE_RUNTIME_DIR", path, 1);
    AUTO_FREE char *got = path_runtime_dir(&err);
    CHECK(!got);
    CHECK_HAS(err.msg, why);
}

TEST(path_own_dirs_refuse_what_is_not_private)
{
    AUTO_FREE char *open_dir = in_dir("open"), *file = in_dir("file"), *link = in_dir("link"),
                   *real = in_dir("real");
    umask(0);
    ASSERT(mkdir(open_dir, 01777) == 0 && mkdir(real, 0700) == 0 && symlink(real, link) == 0);
    touch(file);
    runtime_refused(open_dir, "private");
    CHECK_EQ(mode_of(open_dir), 01777); /* as it was: it may be /tmp */
    ASSERT(chmod(open_dir, 0755) == 0);
    runtime_refused(open_dir, "chmod 700");
    runtime_refused(file, "THOLE_RUNTIME_DIR");
    runtime_refused("relative", "absolute");
    runtime_refused(link, "not a directory"); /* somebody else's link would lead us */
    setenv("THOLE_STATE_DIR", link, 1);       /* a state directory may lie on another disk */
    Err err = {0};
    AUTO_FREE char *state = path_state_dir(&err);
    CHECK_STR(state, link);
}

static void refuse_a_directory_of_root(void) {
    Err err = {0};
    AUTO_FREE char *theirs = in_dir("theirs");
    setenv("THOLE_RUNTIME_DIR", theirs, 1);
    AUTO_FREE char *got = path_runtime_dir(&err);
    MUST_HOLD(!got && err.kind == ERR_DENIED && strstr(err.msg, "uid"));
}

TEST(path_own_dirs_refuse_another_users)
{
    AUTO_FREE char *theirs = in_dir("theirs");
    if (geteuid() != 0) { /* then root's are another user's */
        setenv("THOLE_RUNTIME_DIR", "/root", 1);
        AUTO_FREE char *got = path_runtime_dir(NULL);
        CHECK(!got);
        return;
    }
    ASSERT(mkdir(theirs, 0700) == 0);
    as_ordinary_user(refuse_a_directory_of_root);
}
