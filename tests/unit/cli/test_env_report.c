/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>

#include "base/file.h"
#include "cli/env_report.h"
#include "data/json.h"
#include "harness/test.h"

typedef struct Scene {
    Cli cli;
    EnvReport report;
    char *path;
} Scene;

/* Both streams go into one file, as in a CI. */
static void stage(Scene *s, bool json, bool github) {
    *s = (Scene){.cli = {.json = json}, .path = xasprintf("%s/out", test_dir())};
    if (github)
        setenv("GITHUB_ACTIONS", "true", 1);
    else
        unsetenv("GITHUB_ACTIONS");
    int fd = open(s->path, O_CREAT | O_RDWR | O_APPEND, 0600);
    ASSERT(fd >= 0 && dup2(fd, STDOUT_FILENO) >= 0 && dup2(fd, STDERR_FILENO) >= 0);
    close(fd);
    env_report_init(&s->report, &s->cli, "create feat-x");
}

static void tell(Scene *s, const char *json) {
    const Value *tree;
    Arena arena;
    arena_init(&arena);
    ASSERT(json_parse(json, strlen(json), &arena, &tree, NULL) == 0);
    EnvEvent event = env_event_of(tree);
    env_report_event(&s->report, &event, json, strlen(json));
    arena_deinit(&arena);
}

static void write_line(Scene *s, const char *text) {
    env_report_line(&s->report, &(LogEntry){.target = "seed_db",
                                            .object = "seed_db",
                                            .time = "",
                                            .stream = LOG_ERR,
                                            .bytes = text,
                                            .size = strlen(text)});
    fflush(stdout);
    fflush(stderr);
}

static char *told(Scene *s) {
    char *text;
    env_report_close(&s->report);
    env_report_deinit(&s->report);
    ASSERT(file_read(s->path, 1 << 20, &text, NULL, NULL) == 0);
    free(s->path);
    return text;
}

static void play(Scene *s) {
    tell(s, "{\"seq\":1,\"status\":\"waiting\",\"message\":\"box2 creates it\"}");
    tell(s, "{\"seq\":2,\"status\":\"started\"}");
    tell(s, "{\"seq\":3,\"step\":\"allocate_ports\",\"status\":\"skipped\",\"message\":\"x\"}");
    tell(s, "{\"seq\":4,\"step\":\"seed_db\",\"status\":\"started\",\"message\":\"Seeding…\"}");
    tell(s, "{\"seq\":5,\"step\":\"seed_db\",\"status\":\"streaming\",\"run\":2}");
    write_line(s, "::warning::from the hook");
    tell(s, "{\"seq\":6,\"step\":\"seed_db\",\"status\":\"failed\",\"durationMs\":1200,"
            "\"error\":\"exit code 3,\\nsee its log\",\"run\":2}");
    tell(s, "{\"seq\":7,\"status\":\"failed\",\"error\":\"seed_db: exit code 3\"}");
}

TEST(plain_lines_say_what_becomes_of_steps_behind_what_their_hooks_write)
{
    Scene s;
    stage(&s, false, false);
    play(&s);
    AUTO_FREE char *text = told(&s);
    CHECK_STR(text, "create feat-x: box2 creates it; ^C ends it\n"
                    "create feat-x: allocate_ports ○ cached\n"
                    "seed_db | ::warning::from the hook\n"
                    "create feat-x: seed_db ✗ 1.2s exit code 3,\\x0asee its log\n");
}

TEST(json_is_the_events_as_they_came_and_what_hooks_write)
{
    Scene s;
    stage(&s, true, true);
    tell(&s, "{\"seq\":1, \"status\":\"started\"}");
    LogEntry line = {.target = "a",
                     .time = "2026-01-02T03:04:05.000000Z",
                     .run = 7,
                     .stream = LOG_ERR,
                     .bytes = "half \"\xff\"?",
                     .size = strlen("half \"\xff\"")};
    env_report_line(&s.report, &line);
    line.stream = LOG_GAP; /* of the log, not of the hook */
    env_report_line(&s.report, &line);
    tell(&s, "{\"seq\":2,\"step\":\"a\",\"status\":\"of tomorrow\"}");
    AUTO_FREE char *text = told(&s);
    CHECK_STR(text,
              "{\"seq\":1, \"status\":\"started\"}\n"
              "{\"time\":\"2026-01-02T03:04:05.000000Z\",\"step\":\"a\",\"run\":7,"
              "\"status\":\"output\",\"stream\":\"err\",\"line\":\"half \\\"\xef\xbf\xbd\\\"\"}\n"
              "{\"seq\":2,\"step\":\"a\",\"status\":\"of tomorrow\"}\n");
}

/* What a hook writes is no command to the runner. */
TEST(github_folds_what_hooks_write_and_blames_the_step)
{
    Scene s;
    stage(&s, false, true);
    play(&s);
    char token[37];
    memcpy(token, s.report.github.token, sizeof(token));
    AUTO_FREE char *text = told(&s);
    AUTO_FREE char *expected =
        xasprintf("create feat-x: box2 creates it; ^C ends it\n"
                  "create feat-x: allocate_ports ○ cached\n"
                  "::group::create feat-x: seed_db\n::stop-commands::%s\n"
                  "::warning::from the hook\n::%s::\n::endgroup::\n"
                  "create feat-x: seed_db ✗ 1.2s exit code 3,\\x0asee its log\n"
                  "::error title=seed_db::exit code 3,%%0Asee its log\n",
                  token, token);
    CHECK_STR(text, expected);
}

TEST(a_group_that_is_open_at_the_end_is_closed)
{
    Scene s;
    stage(&s, false, true);
    tell(&s, "{\"seq\":1,\"step\":\"seed_db\",\"status\":\"streaming\",\"run\":1}");
    AUTO_FREE char *text = told(&s);
    CHECK_HAS(text, "::endgroup::\n");
}

TEST(the_end_of_the_whole_is_told_from_that_of_a_step)
{
    static const struct {
        const char *json;
        bool end;
    } all[] = {{"{\"status\":\"done\"}", true},
               {"{\"status\":\"failed\"}", true},
               {"{\"status\":\"canceled\"}", true},
               {"{\"status\":\"started\"}", false},
               {"{\"status\":\"waiting\"}", false},
               {"{\"step\":\"a\",\"status\":\"failed\"}", false},
               {"{\"step\":\"a\",\"status\":\"completed\"}", false},
               {"{}", false},
               {"[]", false}};
    for (size_t i = 0; i < COUNT(all); i++) {
        const Value *tree;
        Arena arena;
        arena_init(&arena);
        ASSERT(json_parse(all[i].json, strlen(all[i].json), &arena, &tree, NULL) == 0);
        EnvEvent event = env_event_of(tree);
        CHECK(env_event_is_end(&event) == all[i].end);
        arena_deinit(&arena);
    }
}
