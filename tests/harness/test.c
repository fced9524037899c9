/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/test.h"

#include <errno.h>
#include <ftw.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/wait.h>

static Test *tests, **last = &tests;
static int failures; /* of the test that runs, in its process */
static char directory[64];

void test_register(Test *test) {
    *last = test;
    last = &test->next;
}

void test_fail(const char *file, int line, const char *format, ...) {
    va_list args;
    fprintf(stderr, "  %s:%d: ", file, line);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    failures++;
}

static int remove_entry(const char *path, const struct stat *st, int kind, struct FTW *walk) {
    (void)st, (void)kind, (void)walk;
    return remove(path);
}

static void remove_directory(void) {
    if (directory[0])
        nftw(directory, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

const char *test_dir(void) {
    if (!directory[0]) {
        snprintf(directory, sizeof(directory), "%s/thole-test-XXXXXX", "/tmp");
        if (!mkdtemp(directory))
            abort();
        atexit(remove_directory);
    }
    return directory;
}

static char *joined(const char *folder, const char *path) {
    char *text = NULL;
    if (asprintf(&text, "%s/%s", folder, path) < 0)
        abort();
    return text;
}

char *test_source(const char *path) {
    const char *root = getenv("THOLE_SOURCE");
    return joined(root ? root : ".", path);
}

bool test_updates(void) {
    return getenv("THOLE_UPDATE") != NULL;
}

/* This program is build/tests/unit/<layer>/unit-<layer>. */
char *test_program(const char *name) {
    char own[4096];
    ssize_t n = readlink("/proc/self/exe", own, sizeof(own) - 1);
    own[n < 0 ? 0 : n] = '\0';
    for (int up = 0; up < 4; up++) {
        char *slash = strrchr(own, '/');
        if (!slash)
            abort();
        *slash = '\0';
    }
    return joined(own, name);
}

static void run_here(const Test *test) {
    alarm(test->timeout_s);
    test->run();
    exit(failures ? 1 : 0); /* exit, not _exit: the leak checker looks now */
}

static bool passes(const Test *test) {
    int status;
    fflush(NULL);
    pid_t pid = fork();
    if (pid < 0)
        abort();
    if (pid == 0)
        run_here(test);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return true;
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM)
        fprintf(stderr, "  took longer than %u s\n", test->timeout_s);
    else if (WIFSIGNALED(status))
        fprintf(stderr, "  killed by signal %d (%s)\n", WTERMSIG(status),
                strsignal(WTERMSIG(status)));
    fprintf(stderr, "FAIL %s (%s)\n", test->name, test->file);
    return false;
}

static int run_all(const char *pattern) {
    int passed = 0, failed = 0;
    for (const Test *test = tests; test; test = test->next) {
        if (!strstr(test->name, pattern))
            continue;
        if (passes(test))
            passed++;
        else
            failed++;
    }
    printf("%d passed, %d failed\n", passed, failed);
    return failed ? 1 : 0;
}

static int list_all(const char *pattern) {
    for (const Test *test = tests; test; test = test->next)
        if (strstr(test->name, pattern))
            puts(test->name);
    return 0;
}

int main(int argc, char **argv) {
    bool lists = argc > 1 && strcmp(argv[1], "--list") == 0;
    const char *pattern = argc > 1 + lists ? argv[1 + lists] : "";
    return lists ? list_all(pattern) : run_all(pattern);
}
