/* SPDX-License-Identifier: Apache-2.0 */
/* xalloc, arena, vec and the cleanup of locals. */
#include "harness/test.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "base/arena.h"
#include "base/vec.h"
#include "base/xalloc.h"

TEST(xalloc_gives_memory_for_zero_too)
{
    void *all[] = {xmalloc(0), xcalloc(0, 8), xrealloc(NULL, 0), xreallocarray(NULL, 0, 8)};
    for (size_t i = 0; i < COUNT(all); i++) {
        CHECK(all[i] != NULL);
        free(all[i]);
    }
}

TEST(xalloc_keeps_what_was_there)
{
    char *text = xstrdup("thole");
    text = xrealloc(text, 4096);
    CHECK_STR(text, "thole");
    text = xreallocarray(text, 100, 100);
    CHECK_STR(text, "thole");
    free(text);
    int *numbers = xcalloc(100, sizeof(*numbers));
    for (int i = 0; i < 100; i++)
        CHECK_EQ(numbers[i], 0);
    free(numbers);
}

TEST(xstrndup_stops_at_the_end_of_the_text)
{
    AUTO_FREE char *part = xstrndup("abcdef", 3);
    AUTO_FREE char *whole = xstrndup("abc", 300);
    CHECK_STR(part, "abc");
    CHECK_STR(whole, "abc");
}

TEST(xasprintf_prints)
{
    AUTO_FREE char *text = xasprintf("%s-%d", "run", 7);
    CHECK_STR(text, "run-7");
}

/* The address sanitizer shall answer like malloc does: with NULL. */
const char *__asan_default_options(void);
const char *__asan_default_options(void) {
    return "allocator_may_return_null=1";
}

/* Returns the signal that ended `fn` in a process of its own, and what it said on stderr. */
static int signal_of(void (*fn)(void), char *said, size_t size) {
    int fds[2], status;
    ASSERT(pipe(fds) == 0);
    pid_t pid = fork();
    if (pid == 0) {
        struct rlimit none = {0, 0};
        setrlimit(RLIMIT_CORE, &none);
        dup2(fds[1], STDERR_FILENO);
        fn();
        _exit(0);
    }
    close(fds[1]);
    ssize_t n = 0, got;
    while ((got = read(fds[0], said + n, size - 1 - (size_t)n)) > 0)
        n += got;
    said[n] = '\0';
    close(fds[0]);
    ASSERT(waitpid(pid, &status, 0) == pid);
    return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static void want_too_much(void) {
    volatile size_t many = SIZE_MAX / 4;
    free(xreallocarray(NULL, many, 8));
}

TEST(xalloc_aborts_with_a_line)
{
    char said[16384];
    CHECK_EQ(signal_of(want_too_much, said, sizeof(said)), SIGABRT);
    CHECK_HAS(said, "thole: out of memory\n");
}

static void want_too_much_of_an_arena(void) {
    Arena arena;
    volatile size_t size = SIZE_MAX - 3; /* rounded up, it would be 0 */
    arena_init(&arena);
    arena_alloc(&arena, size);
}

TEST(arena_refuses_what_cannot_be)
{
    char said[16384];
    CHECK_EQ(signal_of(want_too_much_of_an_arena, said, sizeof(said)), SIGABRT);
}

static bool all_zero(const char *bytes, size_t size) {
    for (size_t i = 0; i < size; i++)
        if (bytes[i])
            return false;
    return true;
}

TEST(arena_memory_is_zeroed_aligned_and_apart)
{
    Arena arena;
    unsigned seed = 1;
    enum { ROUNDS = 3000 };
    struct {
        unsigned char *at;
        size_t size;
    } *got = xcalloc(ROUNDS, sizeof(*got));
    arena_init(&arena);
    for (int i = 0; i < ROUNDS; i++) {
        got[i].size = (size_t)rand_r(&seed) % (i % 100 == 0 ? 300000 : 200);
        got[i].at = arena_alloc(&arena, got[i].size);
        ASSERT(got[i].at);
        CHECK_EQ((uintptr_t)got[i].at % 16, 0);
        CHECK(all_zero((char *)got[i].at, got[i].size));
        memset(got[i].at, i & 0xff, got[i].size);
    }
    for (int i = 0; i < ROUNDS; i++)
        for (size_t j = 0; j < got[i].size; j++)
            ASSERT(got[i].at[j] == (i & 0xff));
    arena_deinit(&arena);
    free(got);
}

TEST(arena_zero_bytes_are_a_place_of_their_own)
{
    Arena arena;
    arena_init(&arena);
    void *a = arena_alloc(&arena, 0), *b = arena_alloc(&arena, 0);
    CHECK(a && b && a != b);
    arena_deinit(&arena);
}

TEST(arena_copies_and_prints)
{
    Arena arena;
    char from[] = "thole";
    arena_init(&arena);
    char *dup = arena_strdup(&arena, from), *part = arena_strndup(&arena, from, 2);
    char *bytes = arena_dup(&arena, from, 3), *empty = arena_strndup(&arena, NULL, 0);
    from[0] = 'X';
    CHECK_STR(dup, "thole");
    CHECK_STR(part, "th");
    CHECK(memcmp(bytes, "tho", 3) == 0);
    CHECK_STR(empty, "");
    CHECK_STR(arena_printf(&arena, "%s:%d", "a", 5), "a:5");
    CHECK_STR(arena_printf(&arena, "%s", ""), "");
    char *wide = arena_printf(&arena, "%100000d", 1);
    CHECK_EQ(strlen(wide), 100000);
    CHECK_STR(dup, "thole");
    arena_deinit(&arena);
}

TEST(arena_reset_makes_it_usable_again)
{
    Arena arena;
    arena_init(&arena);
    arena_strdup(&arena, "before");
    arena_reset(&arena);
    CHECK(all_zero(arena_alloc(&arena, 500), 500));
    CHECK_STR(arena_strdup(&arena, "after"), "after");
    arena_deinit(&arena);
    arena_deinit(&arena); /* twice is fine */
}

TEST(arena_adopts_another)
{
    Arena all, part;
    arena_init(&all);
    for (int round = 0; round < 3; round++) {
        char *texts[200];
        arena_init(&part);
        for (int i = 0; i < 200; i++)
            texts[i] = arena_printf(&part, "text %d of %d", i, round);
        arena_alloc(&part, 100000);
        arena_adopt(&all, &part);
        CHECK_STR(arena_strdup(&part, "apart"), "apart"); /* empty, and usable */
        arena_deinit(&part);
        CHECK_STR(texts[7], round == 0   ? "text 7 of 0"
                            : round == 1 ? "text 7 of 1"
                                         : "text 7 of 2");
        arena_strdup(&all, "more");
    }
    arena_init(&part);
    arena_adopt(&all, &part); /* nothing to take */
    arena_deinit(&all);
}

TEST(vec_grows_and_keeps_order)
{
    VEC(int) numbers = {0};
    for (int i = 0; i < 1000; i++)
        VEC_PUSH(numbers, i * i);
    CHECK_EQ(numbers.n, 1000);
    for (int i = 0; i < 1000; i++)
        CHECK_EQ(numbers.at[i], i * i);
    VEC_FREE(numbers);
    CHECK(!numbers.at && numbers.n == 0 && numbers.cap == 0);
    VEC(Arena) structs = {0};
    VEC_PUSH(structs, (Arena){.at = NULL, .end = NULL});
    CHECK_EQ(structs.n, 1);
    VEC_FREE(structs);
}

TEST(auto_close_closes_and_keeps_errno)
{
    int seen;
    {
        AUTO_CLOSE int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
        AUTO_CLOSE int none = -1;
        ASSERT(fd >= 0);
        CHECK_EQ(none, -1);
        seen = fd;
        errno = EXDEV;
    }
    CHECK_EQ(errno, EXDEV);
    {
        AUTO_CLOSE int closed = seen; /* fails, and keeps errno still */
        CHECK_EQ(closed, seen);
    }
    CHECK_EQ(errno, EXDEV);
    CHECK(fcntl(seen, F_GETFD) < 0);
}

TEST(take_hands_over)
{
    char *kept;
    int kept_fd;
    {
        AUTO_FREE char *text = xstrdup("mine");
        AUTO_CLOSE int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
        kept = TAKE(text);
        kept_fd = TAKE_FD(fd);
        CHECK(!text);
        CHECK_EQ(fd, -1);
    }
    CHECK_STR(kept, "mine");
    CHECK(fcntl(kept_fd, F_GETFD) >= 0);
    free(kept);
    close(kept_fd);
}

TEST(arena_grow_keeps_what_was_there)
{
    Arena arena;
    int *at = NULL;
    size_t cap = 0;
    arena_init(&arena);
    for (size_t n = 0; n < 100; n++) {
        at = arena_grow(&arena, at, n, &cap, sizeof(*at));
        CHECK(cap > n);
        at[n] = (int)n;
    }
    for (size_t i = 0; i < 100; i++)
        CHECK_EQ(at[i], i);
    arena_deinit(&arena);
}
