/* SPDX-License-Identifier: Apache-2.0 */
/* The unit-test harness: TEST(name) { … } registers itself; each runs in a process of its own, so
 * that a crash, a leak or a hang is that test's failure alone. `binary [PATTERN]` runs the tests
 * whose name contains PATTERN, and ends with "N passed, N failed"; `binary --list [PATTERN]` names
 * them. Link tests/harness/test.c. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct Test {
    const char *name, *file;
    void (*run)(void);
    unsigned timeout_s;
    struct Test *next;
} Test;

void test_register(Test *test);
void test_fail(const char *file, int line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* The path of a file of the repository, below THOLE_SOURCE or the working directory. Returns
 * owned. */
char *test_source(const char *path);
/* THOLE_UPDATE=1: what is expected is written anew instead of compared. */
bool test_updates(void);
/* The path of a program of the build that this test belongs to. Returns owned. */
char *test_program(const char *name);
/* A directory of this test's own, removed after it; the same at each call. */
const char *test_dir(void);

#define TEST_TIMEOUT(test_name, seconds)                                                     \
    static void test_##test_name(void);                                                      \
    static Test test_##test_name##_entry = {#test_name, __FILE__, test_##test_name, seconds, \
                                            NULL};                                           \
    __attribute__((constructor)) static void test_##test_name##_register(void) {             \
        test_register(&test_##test_name##_entry);                                            \
    }                                                                                        \
    static void test_##test_name(void)
#define TEST(test_name) TEST_TIMEOUT(test_name, 30)

/* A failed CHECK is noted and the test goes on; a failed ASSERT ends it. */
#define CHECK(cond) ((cond) ? (void)0 : test_fail(__FILE__, __LINE__, "%s", #cond))
#define CHECK_EQ(a, b)                                                                  \
    do {                                                                                \
        long long a_ = (long long)(a), b_ = (long long)(b);                             \
        if (a_ != b_)                                                                   \
            test_fail(__FILE__, __LINE__, "%s is %lld, not %s (%lld)", #a, a_, #b, b_); \
    } while (0)
#define CHECK_STR(a, b)                                                                       \
    do {                                                                                      \
        const char *a_ = (a), *b_ = (b);                                                      \
        if (a_ != b_ && (!a_ || !b_ || strcmp(a_, b_) != 0))                                  \
            test_fail(__FILE__, __LINE__, "%s is \"%s\", not \"%s\"", #a, a_ ? a_ : "(null)", \
                      b_ ? b_ : "(null)");                                                    \
    } while (0)
#define CHECK_HAS(text, part)                                               \
    do {                                                                    \
        const char *text_ = (text), *part_ = (part);                        \
        if (!text_ || !strstr(text_, part_))                                \
            test_fail(__FILE__, __LINE__, "\"%s\" does not contain \"%s\"", \
                      text_ ? text_ : "(null)", part_);                     \
    } while (0)
#define ASSERT(cond)                                    \
    do {                                                \
        if (!(cond)) {                                  \
            test_fail(__FILE__, __LINE__, "%s", #cond); \
            exit(1);                                    \
        }                                               \
    } while (0)
