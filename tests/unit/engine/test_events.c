/* SPDX-License-Identifier: Apache-2.0 */
/* What happened is recorded once, in order, with its cause; also over a crash, a torn line and a
 * full file. */
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/limits.h"
#include "base/path.h"
#include "base/xalloc.h"
#include "engine/events/event_cursor.h"
#include "engine/sessions/session.h"
#include "unit/engine/scene.h"

static const FakeScript runs_on = {.life_ms = -1};

static char *session_dir(const Scene *scene) {
    return xasprintf("%s/sessions/%s", scene->state, session_slug(scene->session));
}

static void nothing(void *arg) {
}

/* A turn of the loop, at whose end what was recorded is written. */
static void turn(Scene *scene) {
    loop_defer(scene->loop, nothing, NULL);
    loop_advance(scene->loop, 1);
}

/* The one before was freed. */
static void next_server(Scene *scene) {
    scene->engine = engine_new(&(EngineOptions){.loop = scene->loop,
                                                .state_dir = scene->state,
                                                .backend = scene->backend,
                                                .version = "test",
                                                .scripted = true});
    ASSERT(engine_adopt(scene->engine, NULL, NULL, &scene->err) == 0);
    loop_advance(scene->loop, 10);
}

/* Each as "kind target reason", of one target or (NULL) all, in a row. */
static const char *told(const Scene *scene, const char *target, Arena *arena) {
    AUTO_FREE char *dir = session_dir(scene);
    EventList events = events_read(dir, arena);
    const char *text = "";
    for (size_t i = 0; i < events.n; i++) {
        const Event *event = &events.at[i];
        CHECK(i == 0 || event->seq == events.at[i - 1].seq + 1);
        if (target && (!event->target || strcmp(event->target, target) != 0))
            continue;
        text = arena_printf(arena, "%s%s%s %s", text, *text ? ", " : "",
                            event_kind_name(event->kind), event->reason);
    }
    return text;
}

static const Event *find(EventList events, EventKind kind, const char *target) {
    for (size_t i = events.n; i-- > 0;)
        if (events.at[i].kind == kind && events.at[i].target &&
            strcmp(events.at[i].target, target) == 0)
            return &events.at[i];
    return NULL;
}

TEST(the_life_of_targets_is_recorded_with_its_causes)
{
    Arena arena;
    arena_init(&arena);
    Scene *scene = scene_new("services:\n"
                             "  migrate: {type: job, command: migrate}\n"
                             "  api: {command: api, depends_on: [migrate]}\n");
    fake_script(scene->backend, NULL, "migrate:update", &(FakeScript){.life_ms = 500});
    fake_script(scene->backend, NULL, "api:serve", &runs_on);
    ASSERT(scene_up(scene, NULL));
    loop_advance(scene->loop, 600);
    CHECK_STR(told(scene, "migrate:update", &arena), "started Started, ended Completed");
    CHECK_STR(told(scene, "api:serve", &arena),
              "waiting WaitingForDep, started Started, ready Ready");
    ASSERT(target_restart(scene_target(scene, "api:serve"), &scene->err) == 0);
    loop_advance(scene->loop, 600);
    CHECK_STR(told(scene, "api:serve", &arena),
              "waiting WaitingForDep, started Started, ready Ready, asked Restart, stopping "
              "Restart, ended Stopped, started Started, ready Ready");
    AUTO_FREE char *dir = session_dir(scene);
    EventList events = events_read(dir, &arena);
    ASSERT(find(events, EVENT_WAITING, "api:serve"));
    CHECK_STR(find(events, EVENT_WAITING, "api:serve")->cause.target, "migrate:update");
    CHECK(find(events, EVENT_STARTED, "api:serve")->cause.target == NULL);
    CHECK_EQ(find(events, EVENT_STARTED, "api:serve")->run, 2);
    for (size_t i = 0; i < events.n; i++)
        if (events.at[i].kind == EVENT_STARTED && events.at[i].run == 1 &&
            strcmp(events.at[i].target, "api:serve") == 0) {
            CHECK_STR(events.at[i].cause.target, "migrate:update");
            CHECK_EQ(events.at[i].cause.run, 1);
        }
    scene_free(scene);
    arena_deinit(&arena);
}

TEST(failures_are_recorded_until_the_policy_gives_up)
{
    Arena arena;
    arena_init(&arena);
    Scene *scene =
        scene_new("services:\n  api: {command: api, restart: {delay: 1s, max_restarts: 1}}\n");
    fake_script(scene->backend, NULL, NULL, &(FakeScript){.life_ms = 100, .code = 3});
    ASSERT(scene_up(scene, NULL));
    loop_advance(scene->loop, 10000);
    CHECK_STR(told(scene, "api:serve", &arena),
              "started Started, ready Ready, ended ExitCode, backoff Policy, started Started, "
              "ready Ready, ended ExitCode, gave-up TooManyRestarts");
    AUTO_FREE char *dir = session_dir(scene);
    EventList events = events_read(dir, &arena);
    CHECK_HAS(find(events, EVENT_ENDED, "api:serve")->message, "exit code 3; gave up");
    CHECK_HAS(find(events, EVENT_BACKOFF, "api:serve")->message, "restart 1 of 1");
    scene_free(scene);
    arena_deinit(&arena);
}

/* The next server says what the one before could not, and nothing twice. */
TEST(a_crash_neither_loses_nor_doubles_events)
{
    Arena arena;
    arena_init(&arena);
    Scene *scene = scene_new("services:\n"
                             "  api: {command: api}\n"
                             "  late: {command: late, depends_on: [never]}\n"
                             "  never: {command: never, ready: {log: {match: x}}}\n"
                             "  job: {type: job, command: job}\n");
    fake_script(scene->backend, NULL, NULL, &runs_on);
    fake_script(scene->backend, NULL, "job:update", &(FakeScript){.life_ms = 500});
    ASSERT(scene_up(scene, NULL));
    for (int i = 0; i < 3; i++)
        scene_crash(scene);
    loop_advance(scene->loop, 1000);
    scene_crash(scene);
    CHECK_STR(told(scene, "api:serve", &arena), "started Started, ready Ready");
    CHECK_STR(told(scene, "late:serve", &arena), "waiting WaitingForDep");
    CHECK_STR(told(scene, "job:update", &arena), "started Started, ended Completed");
    scene_free(scene);
    arena_deinit(&arena);
}

TEST(an_end_that_nobody_saw_is_recorded_by_the_next_server)
{
    Arena arena;
    arena_init(&arena);
    Scene *scene = scene_new("services:\n  job: {type: job, command: job}\n");
    fake_script(scene->backend, NULL, NULL, &runs_on);
    ASSERT(scene_up(scene, NULL));
    char slug[64];
    snprintf(slug, sizeof(slug), "%s", session_slug(scene->session));
    engine_free(scene->engine);
    fake_crash_server(scene->backend);
    fake_end(scene->backend, (StepId){.task = slug, .step = "job:update", .run = 1}, STEP_EXITED,
             4);
    next_server(scene);
    scene->session = session_find(scene->engine, slug);
    ASSERT(scene->session);
    CHECK_STR(told(scene, "job:update", &arena), "started Started, ended ExitCode");
    scene_free(scene);
    arena_deinit(&arena);
}

TEST(a_torn_last_line_is_passed_over_and_its_number_not_given_again)
{
    Arena arena;
    arena_init(&arena);
    Scene *scene = scene_new("services:\n  api: {command: api}\n");
    fake_script(scene->backend, NULL, NULL, &runs_on);
    ASSERT(scene_up(scene, NULL));
    AUTO_FREE char *dir = session_dir(scene);
    AUTO_FREE char *path = path_join(dir, EVENTS_FILE);
    size_t before = events_read(dir, &arena).n;
    int fd = open(path, O_WRONLY | O_APPEND);
    ASSERT(fd >= 0 && write(fd, "{\"seq\":99,\"ti", 13) == 13);
    close(fd);
    scene_crash(scene);
    EventList events = events_read(dir, &arena);
    ASSERT(events.n == before + 1);
    CHECK_STR(events.at[before].reason, "Adopted");
    CHECK_EQ(events.at[before].seq, (int64_t)before + 1);
    scene_free(scene);
    arena_deinit(&arena);
}

TEST(a_full_file_is_followed_by_another_and_a_reader_goes_on)
{
    Arena arena, line_arena;
    arena_init(&arena);
    arena_init(&line_arena);
    Scene *scene = scene_new("services:\n  api: {command: api}\n");
    fake_script(scene->backend, NULL, NULL, &runs_on);
    ASSERT(scene_up(scene, NULL));
    AUTO_FREE char *dir = session_dir(scene);
    EventCursor *cursor = event_cursor_new(dir, 0);
    EventLine line = {.size = 0};
    int64_t seq = 0;
    for (int i = 0; i < 30000; i++) {
        event_record(scene->session, &(Event){.target = "api:serve",
                                              .kind = EVENT_ASKED,
                                              .reason = "FileChanged",
                                              .message = "app.js changed, and that is a long story "
                                                         "that takes some room in the file"});
        if (i % 5000)
            continue;
        turn(scene);
        for (; event_cursor_next(cursor, &line_arena, &line); seq = line.event.seq)
            CHECK_EQ(line.event.seq, seq + 1);
    }
    turn(scene);
    for (; event_cursor_next(cursor, &line_arena, &line); seq = line.event.seq)
        CHECK_EQ(line.event.seq, seq + 1);
    CHECK(seq > 30000);
    event_cursor_free(cursor);
    struct stat st;
    AUTO_FREE char *path = path_join(dir, EVENTS_FILE);
    AUTO_FREE char *older = path_join(dir, EVENTS_OLDER);
    CHECK(stat(path, &st) == 0 && st.st_size <= MAX_EVENTS_BYTES);
    CHECK(stat(older, &st) == 0 && st.st_size <= MAX_EVENTS_BYTES);
    EventList events = events_read(dir, &arena);
    CHECK(events.n > 10000);
    CHECK_EQ(events.at[events.n - 1].seq, seq);
    scene_free(scene);
    arena_deinit(&line_arena);
    arena_deinit(&arena);
}

TEST(a_file_of_a_newer_format_is_left_alone)
{
    Arena arena;
    arena_init(&arena);
    Scene *scene = scene_new("services:\n  api: {command: api}\n");
    fake_script(scene->backend, NULL, NULL, &runs_on);
    ASSERT(scene_up(scene, NULL));
    AUTO_FREE char *dir = session_dir(scene);
    AUTO_FREE char *path = path_join(dir, EVENTS_FILE);
    static const char newer[] = "{\"format\":2,\"after\":0}\nwhatever\n";
    engine_free(scene->engine);
    ASSERT(file_write(path, newer, strlen(newer), 0600, &scene->err) == 0);
    fake_crash_server(scene->backend);
    next_server(scene);
    AUTO_FREE char *text = NULL;
    ASSERT(file_read(path, 1000, &text, NULL, &scene->err) == 0);
    CHECK_STR(text, newer);
    scene_free(scene);
    arena_deinit(&arena);
}

/* A directory that takes nothing holds nobody up, and what was lost is said. */
TEST(what_the_disk_does_not_take_is_counted)
{
    Arena arena;
    arena_init(&arena);
    Scene *scene = scene_new("services:\n  api: {command: api}\n");
    fake_script(scene->backend, NULL, NULL, &runs_on);
    ASSERT(scene_up(scene, NULL));
    const Event event = {.kind = EVENT_CONFIG, .reason = "Reloaded", .message = "for the test"};
    struct rlimit all, none = {0};
    getrlimit(RLIMIT_FSIZE, &all);
    none.rlim_max = all.rlim_max;
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &none);
    for (int i = 0; i < 3; i++)
        event_record(scene->session, &event);
    turn(scene);
    setrlimit(RLIMIT_FSIZE, &all);
    event_record(scene->session, &event);
    turn(scene);
    AUTO_FREE char *dir = session_dir(scene);
    EventList events = events_read(dir, &arena);
    ASSERT(events.n >= 2);
    CHECK_HAS(events.at[events.n - 2].message, "3 events before this one could not be written");
    CHECK_STR(events.at[events.n - 1].reason, "Reloaded");
    scene_free(scene);
    arena_deinit(&arena);
}
