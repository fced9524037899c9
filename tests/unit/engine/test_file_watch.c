/* SPDX-License-Identifier: Apache-2.0 */
/* Watching files of a real directory: what counts as a change, and what does not. "Nothing happens"
 * is never waited for: a change that does count is made after it, and is the only one that is heard
 * of. */
#include "engine/files/file_watch.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/path.h"
#include "base/str.h"
#include "base/xalloc.h"
#include "engine/files/files_inside.h"
#include "harness/test.h"

enum { DEBOUNCE_MS = 20, DEADLINE_MS = 10000 };

typedef struct Watched {
    FileWatch *watch;
    int begun, fired;
    size_t total;
    char paths[1024]; /* of the last change, "a b c" */
    char trouble[512];
} Watched;

typedef struct World {
    Loop *loop;
    FileWatcher *watcher;
    Watched one, two;
} World;

static void on_begun(void *arg) {
    ((Watched *)arg)->begun++;
}

static void on_changed(void *arg, const FileChanges *changes) {
    Watched *w = arg;
    w->fired++;
    w->total = changes->total;
    w->paths[0] = '\0';
    for (size_t i = 0; i < changes->n; i++) {
        size_t n = strlen(w->paths);
        snprintf(w->paths + n, sizeof(w->paths) - n, "%s%s", i ? " " : "", changes->at[i].path);
    }
}

static void on_troubled(void *arg, const char *why) {
    snprintf(((Watched *)arg)->trouble, 512, "%s", why ? why : "");
}

static const FileWatchEvents events = {on_begun, on_changed, on_troubled};

static char *at(const char *path) {
    return path_join(test_dir(), path);
}

static void put(const char *path, const char *text) {
    AUTO_FREE char *full = at(path);
    char *slash = strrchr(full, '/');
    *slash = '\0';
    ASSERT(path_mkdirs(full, 0700, NULL) == 0);
    *slash = '/';
    ASSERT(file_write(full, text, strlen(text), 0600, NULL) == 0);
}

static void move(const char *from, const char *to) {
    AUTO_FREE char *a = at(from), *b = at(to);
    ASSERT(rename(a, b) == 0);
}

static void turn_until(World *world, const int *counter, int value) {
    int64_t end = clock_mono_ms() + DEADLINE_MS;
    while (*counter < value && clock_mono_ms() < end)
        loop_turn(world->loop, 100);
    if (*counter < value)
        test_fail(__FILE__, __LINE__, "waited in vain");
    ASSERT(*counter >= value);
}

static void begin(World *world, Watched *w, const char *const *globs, const char *ignored) {
    StrList list = {.n = 0}, ignore = {.at = &ignored, .n = ignored != NULL};
    while (globs[list.n])
        list.n++;
    list.at = (const char **)globs;
    FileWatchAsk ask = {
        .root = test_dir(), .globs = &list, .ignore = &ignore, .debounce_ms = DEBOUNCE_MS};
    Err err;
    w->watch = file_watch_new(world->watcher, &ask, &events, w, &err);
    ASSERT(w->watch);
    turn_until(world, &w->begun, 1);
}

static void open_world(World *world) {
    *world = (World){.loop = loop_new()};
    world->watcher = file_watcher_new(world->loop);
}

static void close_world(World *world) {
    file_watch_free(world->one.watch);
    file_watch_free(world->two.watch);
    file_watcher_free(world->watcher);
    loop_free(world->loop);
}

/* The next change is of these files and no others. */
static void expect(World *world, Watched *w, const char *paths) {
    turn_until(world, &w->fired, w->fired + 1);
    CHECK_STR(w->paths, paths);
}

TEST(a_file_that_has_other_content_has_changed)
{
    World world;
    const char *globs[] = {"src", NULL};
    open_world(&world);
    put("src/app.js", "one");
    put("src/deep/down/x.js", "one");
    begin(&world, &world.one, globs, NULL);
    put("src/app.js", "two");
    expect(&world, &world.one, "src/app.js");
    put("src/deep/down/x.js", "two");
    put("src/new.js", "new");
    expect(&world, &world.one, "src/deep/down/x.js src/new.js");
    AUTO_FREE char *gone = at("src/new.js");
    unlink(gone);
    expect(&world, &world.one, "src/new.js");
    CHECK_EQ(world.one.begun, 1);
    close_world(&world);
}

TEST(the_same_bytes_are_no_change)
{
    World world;
    const char *globs[] = {"src", NULL};
    open_world(&world);
    put("src/a", "same");
    put("src/b", "same");
    put("src/z", "1");
    begin(&world, &world.one, globs, NULL);
    put("src/z", "2"); /* by then the first contents are known */
    expect(&world, &world.one, "src/z");
    put("src/a", "same");
    move("src/b",
         "src/b.bak"); /* saved as vim does: the old one away, a new one, the old one removed */
    put("src/b", "same");
    AUTO_FREE char *backup = at("src/b.bak");
    unlink(backup);
    put("src/c.tmp", "same");
    move("src/c.tmp", "src/a"); /* saved by another name and renamed over it */
    AUTO_FREE char *a = at("src/a");
    chmod(a, 0644);
    put("src/z", "3");
    expect(&world, &world.one, "src/z");
    close_world(&world);
}

TEST(a_file_renamed_over_another_changes_it)
{
    World world;
    const char *globs[] = {"src", NULL};
    open_world(&world);
    put("src/a", "old");
    begin(&world, &world.one, globs, NULL);
    put("src/.a.tmp", "new");
    move("src/.a.tmp", "src/a");
    expect(&world, &world.one, "src/a");
    close_world(&world);
}

TEST(ignored_files_are_no_change)
{
    World world;
    const char *globs[] = {"src", "!src/not", "dist/deep", "plain.log", NULL};
    open_world(&world);
    put(".gitignore", "*.log\n/dist\nbuild/\n");
    put("src/sub/.gitignore", "!keep.log\nown\n");
    put("dist/deep/x.log", "1");
    put("plain.log", "1");
    begin(&world, &world.one, globs, "*.tmp");
    put("src/a.log", "1");
    put("src/build/x", "1");
    put("src/sub/own", "1");
    put("src/not/x", "1");
    put("src/x.tmp", "1");
    put("src/.x.swp", "1");
    put("src/x~", "1");
    put("src/.git/index", "1");
    put("src/.thole/state", "1");
    put("other", "1");
    put("src/sub/keep.log", "1"); /* expressly not ignored */
    put("dist/deep/x.log", "2");  /* below what a glob names */
    put("plain.log", "2");        /* named */
    turn_until(&world, &world.one.fired, 1);
    CHECK_EQ(world.one.total, 3);
    CHECK_HAS(world.one.paths, "src/sub/keep.log");
    CHECK_HAS(world.one.paths, "dist/deep/x.log");
    CHECK_HAS(world.one.paths, "plain.log");
    put(".gitignore", ""); /* from now on it counts */
    put("src/c.log", "1");
    turn_until(&world, &world.one.fired, 2);
    CHECK_HAS(world.one.paths, "src/c.log");
    close_world(&world);
}

TEST(rules_of_the_repository_around_it_count)
{
    World world;
    open_world(&world);
    put(".git/info/exclude", "secret\n");
    put(".gitignore", "/app/gen\n");
    put("app/src/x", "1");
    AUTO_FREE char *root = at("app");
    const char *all[] = {"."};
    StrList globs = {.at = all, .n = 1};
    FileWatchAsk ask = {.root = root, .globs = &globs, .debounce_ms = DEBOUNCE_MS};
    Err err;
    world.one.watch = file_watch_new(world.watcher, &ask, &events, &world.one, &err);
    turn_until(&world, &world.one.begun, 1);
    put("app/gen/x", "1");
    put("app/secret", "1");
    put("app/src/gen", "1");
    expect(&world, &world.one, "src/gen");
    close_world(&world);
}

TEST(directories_that_come_and_go_are_followed)
{
    World world;
    const char *globs[] = {"src/**/*.c", NULL};
    open_world(&world);
    begin(&world, &world.one, globs, NULL);
    put("src/new/deep/a.c", "1"); /* src itself was missing */
    expect(&world, &world.one, "src/new/deep/a.c");
    put("src/new/deep/a.c", "2");
    expect(&world, &world.one, "src/new/deep/a.c");
    move("src/new", "src/moved");
    turn_until(&world, &world.one.fired, 3);
    CHECK_EQ(world.one.total, 2);
    put("src/moved/deep/a.c", "3");
    expect(&world, &world.one, "src/moved/deep/a.c");
    AUTO_FREE char *src = at("src");
    CHECK_EQ(path_remove_tree(src, NULL), 0);
    expect(&world, &world.one, "src/moved/deep/a.c");
    put("src/again.c", "1");
    expect(&world, &world.one, "src/again.c");
    put("src/again.c", "2");
    expect(&world, &world.one, "src/again.c");
    close_world(&world);
}

TEST(a_directory_removed_and_made_again_as_it_was_has_not_changed)
{
    World world;
    const char *globs[] = {"src", NULL};
    open_world(&world);
    put("src/sub/a", "same");
    put("src/z", "1");
    begin(&world, &world.one, globs, NULL);
    put("src/z", "2");
    expect(&world, &world.one, "src/z");
    AUTO_FREE char *sub = at("src/sub");
    CHECK_EQ(path_remove_tree(sub, NULL), 0);
    put("src/sub/a", "same");
    put("src/z", "3");
    expect(&world, &world.one, "src/z");
    put("src/sub/a", "other");
    expect(&world, &world.one, "src/sub/a");
    close_world(&world);
}

TEST(a_link_that_is_named_is_followed)
{
    World world;
    const char *globs[] = {"shared", NULL};
    open_world(&world);
    put("lib/v1/a", "1");
    put("lib/v2/a", "2");
    AUTO_FREE char *link = at("shared"), *next = at("next");
    ASSERT(symlink("lib/v1", link) == 0);
    begin(&world, &world.one, globs, NULL);
    put("lib/v1/a", "1b");
    expect(&world, &world.one, "shared/a");
    ASSERT(symlink("lib/v2", next) == 0);
    move("next", "shared"); /* it leads elsewhere from now on */
    expect(&world, &world.one, "shared/a");
    put("lib/v2/a", "2b");
    expect(&world, &world.one, "shared/a");
    close_world(&world);
}

TEST(those_who_watch_the_same_tree_share_its_watches)
{
    World world;
    const char *globs[] = {"src", NULL}, *other[] = {"src/**/*.js", NULL};
    open_world(&world);
    put("src/a/x.js", "1");
    put("src/b/x.css", "1");
    begin(&world, &world.one, globs, NULL);
    size_t dirs = file_watcher_dirs(world.watcher);
    CHECK_EQ(dirs, 4);
    begin(&world, &world.two, other, NULL);
    CHECK_EQ(file_watcher_dirs(world.watcher), dirs);
    put("src/a/x.js", "2");
    turn_until(&world, &world.one.fired, 1);
    turn_until(&world, &world.two.fired, 1);
    put("src/b/x.css", "2");
    turn_until(&world, &world.one.fired, 2);
    CHECK_STR(world.two.paths, "src/a/x.js");
    world.one.watch = file_watch_free(world.one.watch);
    put("src/b/x.css", "3");
    put("src/b/x.js", "3");
    turn_until(&world, &world.two.fired, 2);
    CHECK_STR(world.two.paths, "src/b/x.js");
    world.two.watch = file_watch_free(world.two.watch);
    CHECK_EQ(file_watcher_dirs(world.watcher), 0);
    close_world(&world);
}

TEST(a_constant_stream_is_told_in_time)
{
    World world;
    const char *globs[] = {"src", NULL};
    open_world(&world);
    put("src/a", "0");
    begin(&world, &world.one, globs, NULL);
    int64_t began = clock_mono_ms();
    for (int i = 0; world.one.fired < 2 && clock_mono_ms() - began < DEADLINE_MS; i++) {
        char text[16];
        snprintf(text, sizeof(text), "%d", i);
        put("src/a", text);
        loop_turn(world.loop, DEBOUNCE_MS / 4);
    }
    CHECK_EQ(world.one.fired, 2);
    close_world(&world);
}

TEST(many_files_are_counted)
{
    World world;
    const char *globs[] = {".", NULL};
    open_world(&world);
    begin(&world, &world.one, globs, NULL);
    for (int i = 0; i < 400; i++) {
        char path[32];
        snprintf(path, sizeof(path), "d%d/f%d", i % 20, i);
        put(path, "x");
    }
    size_t seen = 0;
    while (seen < 400) { /* in one piece, unless the machine is slow */
        turn_until(&world, &world.one.fired, world.one.fired + 1);
        seen += world.one.total;
    }
    CHECK_EQ(seen, 400);
    close_world(&world);
}

/* How many news the kernel keeps for who does not fetch them. */
static int64_t queue_size(void) {
    AUTO_FREE char *text = NULL;
    size_t n;
    ASSERT(file_read("/proc/sys/fs/inotify/max_queued_events", 64, &text, &n, NULL) == 0);
    text[strcspn(text, "\n")] = '\0';
    int64_t size = 0;
    ASSERT(number_parse(text, 1, 1 << 24, &size) == 0);
    return size;
}

TEST(what_changed_while_news_were_lost_is_found)
{
    World world;
    const char *globs[] = {"src", NULL};
    open_world(&world);
    put("src/a", "one");
    put("src/z", "1");
    put("src/x.tmp", "");
    begin(&world, &world.one, globs, "*.tmp");
    put("src/z", "2"); /* by then the first contents are known */
    expect(&world, &world.one, "src/z");
    AUTO_FREE char *x = at("src/x.tmp"), *y = at("src/y.tmp");
    for (int64_t i = queue_size() / 4 + 1; i > 0; i--) /* four news each time */
        ASSERT(rename(x, y) == 0 && rename(y, x) == 0);
    put("src/a", "two");
    put("src/new/b", "new");
    turn_until(&world, &world.one.fired, world.one.fired + 1); /* in the order of the walk */
    CHECK_EQ(world.one.total, 2);
    CHECK_HAS(world.one.paths, "src/a");
    CHECK_HAS(world.one.paths, "src/new/b");
    put("src/new/b", "newer"); /* its directory is watched now */
    expect(&world, &world.one, "src/new/b");
    close_world(&world);
}

TEST(a_root_that_goes_is_said_and_found_again)
{
    World world;
    open_world(&world);
    put("root/src/a", "1");
    AUTO_FREE char *root = at("root");
    const char *all[] = {"src"};
    StrList globs = {.at = all, .n = 1};
    FileWatchAsk ask = {.root = root, .globs = &globs, .debounce_ms = DEBOUNCE_MS};
    Err err;
    world.one.watch = file_watch_new(world.watcher, &ask, &events, &world.one, &err);
    turn_until(&world, &world.one.begun, 1);
    move("root", "away");
    expect(&world, &world.one, "src/a");
    CHECK_HAS(world.one.trouble, "is gone");
    put("root/src/a", "2");
    expect(&world, &world.one, "src/a");
    CHECK_STR(world.one.trouble, "");
    put("root/src/a", "3");
    expect(&world, &world.one, "src/a");
    close_world(&world);
}

TEST(a_watch_may_go_at_any_time)
{
    World world;
    const char *globs[] = {"src", NULL};
    open_world(&world);
    for (int turns = 0; turns < 12; turns++) {
        put("src/deep/a", turns % 2 ? "1" : "2");
        StrList list = {.at = (const char **)globs, .n = 1};
        FileWatchAsk ask = {.root = test_dir(), .globs = &list, .debounce_ms = 0};
        FileWatch *watch = file_watch_new(world.watcher, &ask, &events, &world.one, NULL);
        for (int i = 0; i < turns; i++) {
            loop_turn(world.loop, 5);
            put("src/deep/a", i % 2 ? "3" : "4");
        }
        file_watch_free(watch);
    }
    begin(&world, &world.two, globs, NULL);
    put("src/deep/a", "5");
    turn_until(&world, &world.two.fired, 1);
    close_world(&world);
}

/* Directories that the kernel watches for this process. */
static size_t kernel_watches(void) {
    size_t n = 0;
    for (int fd = 0; fd < 64; fd++) {
        char path[64], *at;
        AUTO_FREE char *text = NULL;
        snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
        if (file_read(path, 1 << 20, &text, NULL, NULL) < 0)
            continue;
        for (at = text; (at = strstr(at, "inotify wd:")); at++)
            n++;
    }
    return n;
}

static void wait_for_byte(void *arg) {
    char byte;
    ASSERT(read(*(int *)arg, &byte, 1) == 1);
}

TEST(what_a_walk_for_nobody_has_watched_is_dropped)
{
    World world;
    const char *glob = "**";
    StrList list = {.at = &glob, .n = 1};
    int gate[2];
    open_world(&world);
    for (int i = 0; i < 20; i++) {
        AUTO_FREE char *path = xasprintf("big/%d/x", i);
        put(path, "x");
    }
    put("small/a", "a");
    AUTO_FREE char *big = at("big"), *small = at("small");
    FileWatchAsk ask = {.root = big, .globs = &list, .debounce_ms = DEBOUNCE_MS};
    world.one.watch = file_watch_new(world.watcher, &ask, &events, &world.one, NULL);
    ASSERT(world.one.watch && pipe(gate) == 0);
    ASSERT(worker_run(world.watcher->worker, wait_for_byte, NULL, &gate[0], NULL) == 0);
    while (!world.one.watch->tree->scan)
        loop_turn(world.loop, 0);
    world.one.watch = file_watch_free(world.one.watch);
    ASSERT(write(gate[1], "x", 1) == 1);
    ask.root = small;
    world.two.watch = file_watch_new(world.watcher, &ask, &events, &world.two, NULL);
    turn_until(&world, &world.two.begun, 1);
    CHECK_EQ(file_watcher_dirs(world.watcher), 1);
    CHECK_EQ(kernel_watches(), 1);
    while (world.two.watch->tree->hashing) /* what it holds is known then */
        loop_turn(world.loop, 100);
    put("small/a", "b");
    expect(&world, &world.two, "a");
    close(gate[0]);
    close(gate[1]);
    close_world(&world);
}

static void nothing(void *arg) {
}

TEST(a_worker_that_is_busy_is_asked_again)
{
    World world;
    const char *globs[] = {"a", NULL};
    int gate[2];
    open_world(&world);
    put("a", "one");
    begin(&world, &world.one, globs, NULL);
    while (world.one.watch->tree->hashing)
        loop_turn(world.loop, 100);
    ASSERT(pipe(gate) == 0);
    ASSERT(worker_run(world.watcher->worker, wait_for_byte, NULL, &gate[0], NULL) == 0);
    while (worker_run(world.watcher->worker, nothing, NULL, NULL, NULL) == 0) {
    }
    put("a", "two");
    int64_t quiet_ms = clock_mono_ms() + 5 * DEBOUNCE_MS;
    while (!world.one.watch->order.n || clock_mono_ms() < quiet_ms)
        loop_turn(world.loop, DEBOUNCE_MS);
    CHECK_EQ(world.one.fired, 0); /* it was not read on the loop */
    ASSERT(write(gate[1], "x", 1) == 1);
    turn_until(&world, &world.one.fired, 1);
    CHECK_STR(world.one.paths, "a");
    close(gate[0]);
    close(gate[1]);
    close_world(&world);
}
