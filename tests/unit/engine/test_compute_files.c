/* SPDX-License-Identifier: Apache-2.0 */
/* What every Compute promises of files; and of the local one that nothing leaves its root. */
#include <fcntl.h>
#include <sys/stat.h>

#include "base/file.h"
#include "compute_memory.h"
#include "harness/test.h"

typedef struct Desk {
    const Compute *compute;
    const char *root;
    Arena arena;
    Err err;
} Desk;

static int put(Desk *d, const char *path, const char *text, uint32_t mode) {
    ComputeFile file = {path, text, text ? strlen(text) : 0, mode};
    return compute_write(d->compute, d->root, &file, &d->err);
}

static const char *get(Desk *d, const char *path, uint32_t mode) {
    ComputeFile file = {.path = path};
    if (compute_read(d->compute, d->root, &file, &d->arena, &d->err) < 0)
        return NULL;
    CHECK_EQ(file.mode, mode);
    CHECK_EQ(strlen(file.bytes), file.size);
    return file.bytes;
}

/* ---- all of them ---- */

static void files_are_kept(Desk *d) {
    CHECK(!get(d, "a/b/c", 0));
    CHECK_EQ(d->err.kind, ERR_NOT_FOUND);
    CHECK_EQ(put(d, "a/b/c", "one", 0600), 0);
    CHECK_STR(get(d, "a/b/c", 0600), "one");
    CHECK_EQ(put(d, "a/b/c", "", 0644), 0);
    CHECK_STR(get(d, "a/b/c", 0644), "");
    CHECK_EQ(put(d, "a/b/c", NULL, 0), 0);
    CHECK_EQ(put(d, "a/b/c", NULL, 0), 0); /* gone is gone */
    CHECK_EQ(put(d, "no/such/dir", NULL, 0), 0);
    CHECK(!get(d, "a/b/c", 0));
}

static void paths_stay_below(Desk *d) {
    static const char *const bad[] = {"/etc/passwd", "../x", "a/../../x"};
    for (size_t i = 0; i < COUNT(bad); i++) {
        CHECK(put(d, bad[i], "x", 0600) < 0);
        CHECK_EQ(d->err.kind, ERR_INVALID);
        CHECK(!get(d, bad[i], 0));
        CHECK_EQ(d->err.kind, ERR_INVALID);
    }
}

static void it_stands_once_it_was_made(Desk *d) {
    StrMap env = {0};
    ComputeLook now;
    ComputeCommand command;
    ComputeAsk ask = {.project = "/", .path = "/t", .branch = "x", .managed = true, .env = &env};
    ASSERT(compute_look(d->compute, &ask, &d->arena, &now, &d->err) == 0);
    CHECK(!now.stands && now.why);
    ASSERT(compute_create(d->compute, &ask, &d->arena, &command, &d->err) == 0);
    CHECK(command.argv.n > 0 && command.argv.at[0][0] == '/' && !command.argv.at[command.argv.n]);
    ASSERT(compute_look(d->compute, &ask, &d->arena, &now, &d->err) == 0);
    CHECK(now.stands && !now.why);
    CHECK_STR(now.branch, "x");
    ASSERT(compute_create(d->compute, &ask, &d->arena, &command, &d->err) == 0);
    CHECK_EQ(command.argv.n, 0);
    ASSERT(compute_destroy(d->compute, &ask, &d->arena, &command, &d->err) == 0);
    ASSERT(compute_look(d->compute, &ask, &d->arena, &now, &d->err) == 0);
    CHECK(!now.stands);
}

TEST(compute_in_memory_keeps_the_promises)
{
    MemoryCompute *memory = memory_compute_new();
    Desk d = {&memory->base, "/t"};
    arena_init(&d.arena);
    files_are_kept(&d);
    paths_stay_below(&d);
    it_stands_once_it_was_made(&d);
    ComputeLook now;
    StrMap env = {0};
    ComputeAsk ask = {.project = "/", .path = "/t", .env = &env};
    CHECK(compute_running(d.compute, &ask, &d.arena, &now, &d.err) < 0); /* a MAY it has not */
    CHECK_HAS(d.err.msg, "whose compute is memory comes later");
    arena_deinit(&d.arena);
    memory_compute_free(memory);
}

static Desk local_desk(void) {
    Desk d = {&compute_local, test_dir()};
    arena_init(&d.arena);
    return d;
}

TEST(local_compute_keeps_the_promises_of_files)
{
    Desk d = local_desk();
    files_are_kept(&d);
    paths_stay_below(&d);
    arena_deinit(&d.arena);
}

/* ---- the local one ---- */

TEST(paths_that_are_none_are_refused)
{
    static const char *const bad[] = {"", ".", "./a", "a//b", "a/", "a/./b", "..", "a/.."};
    Desk d = local_desk();
    for (size_t i = 0; i < COUNT(bad); i++) {
        CHECK(put(&d, bad[i], "x", 0600) < 0);
        CHECK_HAS(d.err.msg, "is no path below");
    }
    CHECK_EQ(put(&d, "a..b/...", "x", 0600), 0);
    CHECK(put(&d, "a..b", "x", 0600) < 0); /* a directory */
    CHECK(!get(&d, "a..b", 0));
    CHECK_HAS(d.err.msg, "is no file");
    arena_deinit(&d.arena);
}

TEST(a_file_that_is_too_large_is_refused)
{
    Desk d = local_desk();
    const ComputeFile large = {.path = "large", .bytes = "", .size = COMPUTE_FILE_MAX + 1};
    CHECK(compute_write(d.compute, d.root, &large, &d.err) < 0);
    CHECK_HAS(d.err.msg, "/large would have 16777217 bytes: more than the 16777216 that such a");
    CHECK(!get(&d, "large", 0));
    arena_deinit(&d.arena);
}

TEST(links_that_lead_out_are_not_followed)
{
    Desk d = local_desk();
    const char *outside = arena_printf(&d.arena, "%s/outside", d.root);
    d.root = arena_printf(&d.arena, "%s/root", d.root);
    ASSERT(mkdir(outside, 0755) == 0 && mkdir(d.root, 0755) == 0);
    ASSERT(file_write(arena_printf(&d.arena, "%s/secret", outside), "s", 1, 0600, NULL) == 0);
    ASSERT(symlink("../outside", arena_printf(&d.arena, "%s/out", d.root)) == 0);
    ASSERT(symlink(outside, arena_printf(&d.arena, "%s/abs", d.root)) == 0);
    ASSERT(symlink("../outside/secret", arena_printf(&d.arena, "%s/file", d.root)) == 0);
    CHECK(!get(&d, "out/secret", 0));
    CHECK_HAS(d.err.msg, "out leads out of ");
    CHECK(!get(&d, "abs/secret", 0));
    CHECK(!get(&d, "file", 0));
    CHECK(put(&d, "out/new", "x", 0600) < 0);
    CHECK(put(&d, "out/deep/new", "x", 0600) < 0);
    CHECK(put(&d, "out/secret", NULL, 0) < 0);
    CHECK_EQ(put(&d, "file", "ours", 0600), 0); /* the link is replaced, not what it leads to */
    CHECK_STR(get(&d, "file", 0600), "ours");
    char *text;
    ASSERT(file_read(arena_printf(&d.arena, "%s/secret", outside), 10, &text, NULL, NULL) == 0);
    CHECK_STR(text, "s");
    free(text);
    CHECK(access(arena_printf(&d.arena, "%s/deep", outside), F_OK) < 0);
    arena_deinit(&d.arena);
}

TEST(links_that_stay_inside_are_followed)
{
    Desk d = local_desk();
    ASSERT(mkdir(arena_printf(&d.arena, "%s/packages", d.root), 0755) == 0);
    ASSERT(symlink("packages", arena_printf(&d.arena, "%s/apps", d.root)) == 0);
    CHECK_EQ(put(&d, "apps/web/.env", "A=1\n", 0600), 0);
    CHECK_STR(get(&d, "packages/web/.env", 0600), "A=1\n");
    arena_deinit(&d.arena);
}

TEST(what_is_there_already_is_left_alone)
{
    struct stat before, after;
    Desk d = local_desk();
    umask(0077);
    CHECK_EQ(put(&d, "f", "same", 0644), 0); /* whatever the umask */
    const char *path = arena_printf(&d.arena, "%s/f", d.root);
    ASSERT(stat(path, &before) == 0);
    CHECK_EQ(before.st_mode & 07777, 0644);
    CHECK_EQ(put(&d, "f", "same", 0644), 0);
    ASSERT(stat(path, &after) == 0);
    CHECK_EQ(after.st_ino, before.st_ino);
    CHECK_EQ(put(&d, "f", "same", 0600), 0);
    ASSERT(stat(path, &after) == 0);
    CHECK_EQ(after.st_mode & 07777, 0600);
    ASSERT(link(path, arena_printf(&d.arena, "%s/g", d.root)) == 0);
    CHECK_EQ(put(&d, "f", "othr", 0600), 0); /* a hard link elsewhere keeps what it had */
    CHECK_STR(get(&d, "g", 0600), "same");
    arena_deinit(&d.arena);
}

TEST(what_a_killed_writer_has_left_goes_with_the_next_write)
{
    Desk d = local_desk();
    CHECK_EQ(put(&d, "a/.thole-0123456789abcdef~", "half", 0600), 0);
    CHECK_EQ(put(&d, "a/.thole-0123456789abcdef", "not ours", 0600), 0);
    CHECK_EQ(put(&d, "a/f", "whole", 0600), 0);
    CHECK(access(arena_printf(&d.arena, "%s/a/.thole-0123456789abcdef~", d.root), F_OK) < 0);
    CHECK_STR(get(&d, "a/.thole-0123456789abcdef", 0600), "not ours");
    CHECK_STR(get(&d, "a/f", 0600), "whole");
    arena_deinit(&d.arena);
}

/* ---- made by hooks ---- */

static int access_of(const char *host, const char *user, const char *root, ComputeAccess *ret,
                     Err *err) {
    StrPair pairs[] = {{"REMOTE_ROOT", root}, {"SSH_USER", user}, {"VM_IP", host}};
    return compute_hooks_access(&(StrMap){pairs, 3}, ret, err);
}

TEST(a_machine_is_reached_as_its_hook_says)
{
    ComputeAccess access;
    Err err;
    ASSERT(access_of("10.0.0.7", "dev", "", &access, &err) == 0);
    CHECK_STR(access.type, "ssh");
    CHECK_STR(access.host, "10.0.0.7");
    CHECK_STR(access.user, "dev");
    CHECK_STR(access.root, "/app");
    CHECK(compute_of(&access) == &compute_hooks && compute_of(NULL) == &compute_local);
    CHECK(access_of("10.0.0.7", "-oProxyCommand=x", "", &access, &err) < 0);
    CHECK_HAS(
        err.msg,
        "compute.create printed: SSH_USER: ssh would take \"-oProxyCommand=x\" for an option");
    CHECK(access_of("-x", "", "", &access, &err) < 0);
    CHECK(access_of("a b", "", "", &access, &err) < 0);
    CHECK(access_of("a", "", "srv", &access, &err) < 0);
    CHECK_HAS(err.msg, "REMOTE_ROOT: \"srv\" is no absolute path");
    CHECK(access_of("", "", "", &access, &err) < 0);
    CHECK_HAS(err.msg, "VM_IP: it is empty");
}

TEST(what_needs_the_other_side_comes_later)
{
    Desk d = {&compute_hooks, "/app"};
    StrMap env = {0};
    ComputeAsk ask = {.project = "/", .path = "/app", .branch = "x", .env = &env};
    ComputeCommand command;
    ComputeLook now;
    const char *loss;
    arena_init(&d.arena);
    CHECK(put(&d, "f", "x", 0600) < 0);
    CHECK_EQ(d.err.kind, ERR_UNAVAILABLE);
    CHECK_STR(d.err.msg, "writing files of an environment whose compute is ssh comes later: so far "
                         "it is created, listed and destroyed by its hooks");
    CHECK(!get(&d, "f", 0));
    CHECK(compute_start(d.compute, &ask, &d.arena, &command, &d.err) < 0);
    CHECK(compute_stop(d.compute, &ask, &d.arena, &command, &d.err) < 0);
    CHECK(compute_running(d.compute, &ask, &d.arena, &now, &d.err) < 0);
    CHECK_EQ(compute_create(d.compute, &ask, &d.arena, &command, &d.err), 0);
    CHECK_EQ(command.argv.n, 0);
    CHECK_EQ(compute_destroy(d.compute, &ask, &d.arena, &command, &d.err), 0);
    CHECK_EQ(compute_look(d.compute, &ask, &d.arena, &now, &d.err), 0);
    CHECK(now.stands);
    CHECK_EQ(compute_loss(d.compute, &ask, &d.arena, &loss, &d.err), 0);
    CHECK_STR(loss, NULL);
    arena_deinit(&d.arena);
}
