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
#include "engine/events/event_stream.h"
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

/* What it waits for changes while it waits: the last to be told is what it waits for still. */
TEST(what_it_waits_for_is_told_anew_when_it_is_another)
{
    Arena arena;
    arena_init(&arena);
    Scene *scene = scene_new("services:\n"
                             "  a: {type: job, command: a}\n"
                             "  b: {type: job, command: b}\n"
                             "  api: {command: api, depends_on: [a, b]}\n");
    fake_script(scene->backend, NULL, NULL, &runs_on);
    fake_script(scene->backend, NULL, "a:update", &(FakeScript){.life_ms = 100});
    fake_script(scene->backend, NULL, "b:update", &(FakeScript){.life_ms = 5000});
    ASSERT(scene_up(scene, NULL));
    AUTO_FREE char *dir = session_dir(scene);
    CHECK_STR(told(scene, "api:serve", &arena), "waiting WaitingForDep");
    CHECK_STR(find(events_read(dir, &arena), EVENT_WAITING, "api:serve")->cause.target, "a:update");
    loop_advance(scene->loop, 500);
    scene_crash(scene);
    CHECK_STR(told(scene, "api:serve", &arena), "waiting WaitingForDep, waiting WaitingForDep");
    CHECK_STR(find(events_read(dir, &arena), EVENT_WAITING, "api:serve")->cause.target, "b:update");
    scene_free(scene);
    arena_deinit(&arena);
}

/* A person stops the run while its hook runs: that its time passes meanwhile is no failure. */
TEST(a_hook_that_is_being_stopped_is_not_late)
{
    Arena arena;
    arena_init(&arena);
    Scene *scene = scene_new("services:\n"
                             "  api: {command: api, hooks: {before: wait, timeout: 1s},"
                             " stop: {grace: 5s}}\n");
    fake_script(scene->backend, NULL, NULL, &runs_on);
    fake_script(scene->backend, NULL, "api:serve.before",
                &(FakeScript){.life_ms = -1, .ignores_stop = true});
    ASSERT(scene_up(scene, NULL));
    loop_advance(scene->loop, 500);
    ASSERT(target_stop(scene_target(scene, "api:serve"), &scene->err) == 0);
    loop_advance(scene->loop, 10000);
    CHECK(!strstr(told(scene, "api:serve", &arena), "hook"));
    CHECK_STR(scene_state(scene, "api:serve"), "none");
    scene_free(scene);
    arena_deinit(&arena);
}

static void never(void *arg) {
    CHECK(!"nobody follows");
}

TEST(a_stream_that_does_not_follow_has_the_events_of_this_turn)
{
    Scene *scene = scene_new("services:\n  api: {command: api}\n");
    fake_script(scene->backend, NULL, NULL, &runs_on);
    ASSERT(scene_up(scene, NULL));
    event_record(scene->session, &(Event){.kind = EVENT_CONFIG, .reason = "Reloaded"});
    const EventAsk ask = {.slug = session_slug(scene->session), .tail = 1};
    EventStream *stream = event_stream_new(scene->engine, &ask, never, NULL, &scene->err);
    EventLine line;
    ASSERT(stream && event_stream_next(stream, &line) == 1);
    CHECK_STR(line.event.reason, "Reloaded");
    CHECK_EQ(event_stream_next(stream, &line), -1);
    event_stream_free(stream);
    scene_free(scene);
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

/* Of a server that ended, or found no room, while one file was to follow the other. */
static void check_numbers_go_on(const char *left) {
    Arena arena;
    arena_init(&arena);
    Scene *scene = scene_new("services:\n  api: {command: api}\n");
    fake_script(scene->backend, NULL, NULL, &runs_on);
    ASSERT(scene_up(scene, NULL));
    AUTO_FREE char *dir = session_dir(scene);
    AUTO_FREE char *path = path_join(dir, EVENTS_FILE);
    AUTO_FREE char *older = path_join(dir, EVENTS_OLDER);
    size_t before = events_read(dir, &arena).n;
    ASSERT(rename(path, older) == 0);
    if (left)
        ASSERT(file_write(path, left, strlen(left), 0600, &scene->err) == 0);
    scene_crash(scene);
    CHECK_HAS(told(scene, NULL, &arena), "server Adopted");
    EventList events = events_read(dir, &arena);
    ASSERT(events.n == before + 1);
    CHECK_EQ(events.at[before].seq, (int64_t)before + 1);
    scene_free(scene);
    arena_deinit(&arena);
}

TEST(numbers_go_on_where_no_file_has_followed_the_older_one)
{ check_numbers_go_on(NULL); }

TEST(numbers_go_on_where_the_newest_file_is_empty)
{ check_numbers_go_on(""); }

TEST(numbers_go_on_where_the_newest_file_has_half_a_head)
{ check_numbers_go_on("{\"format\":1,\"af"); }

/* `n` events that take some room, in turns of their own. */
static void record_many(Scene *scene, int n) {
    char message[EVENT_MESSAGE];
    memset(message, 'x', sizeof(message) - 1);
    message[sizeof(message) - 1] = '\0';
    for (int i = 0; i < n; i++) {
        event_record(scene->session,
                     &(Event){.kind = EVENT_CONFIG, .reason = "Reloaded", .message = message});
        if (i % 20 == 0)
            turn(scene);
    }
    turn(scene);
}

TEST(a_full_file_is_followed_by_another_as_soon_as_that_can_be_opened)
{
    Arena arena;
    arena_init(&arena);
    Scene *scene = scene_new("services:\n  api: {command: api}\n");
    fake_script(scene->backend, NULL, NULL, &runs_on);
    ASSERT(scene_up(scene, NULL));
    const int to_fill = MAX_EVENTS_BYTES / EVENT_MESSAGE;
    struct rlimit all, none = {0};
    struct stat st;
    getrlimit(RLIMIT_NOFILE, &all);
    none.rlim_max = all.rlim_max;
    record_many(scene, to_fill - 300);
    setrlimit(RLIMIT_NOFILE, &none);
    record_many(scene, 300);
    setrlimit(RLIMIT_NOFILE, &all);
    record_many(scene, 1);
    AUTO_FREE char *dir = session_dir(scene);
    AUTO_FREE char *path = path_join(dir, EVENTS_FILE);
    AUTO_FREE char *older = path_join(dir, EVENTS_OLDER);
    CHECK(stat(older, &st) == 0 && st.st_size > MAX_EVENTS_BYTES);
    CHECK(stat(path, &st) == 0 && st.st_size < 2 * EVENT_MESSAGE);
    told(scene, NULL, &arena); /* none is missing */
    scene_free(scene);
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
