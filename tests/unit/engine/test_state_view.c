/* SPDX-License-Identifier: Apache-2.0 */
/* The state file follows a session: on the fake backend, with a real clock, for it is written on a
 * thread. */
#include "harness/test.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "backend/fake/fake.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/xalloc.h"
#include "engine/engine.h"
#include "store/state_file.h"

typedef struct Set {
    Loop *loop;
    Backend *backend;
    Engine *engine;
    Session *session;
    char file[200], dir[200], state[200], slug[100];
    Arena arena;
} Set;

static void begin(Set *set) {
    EngineOptions options = {
        .loop = set->loop, .state_dir = set->state, .backend = set->backend, .version = "test"};
    set->engine = engine_new(&options);
}

static Set *set_new(const char *services) {
    Set *set = xcalloc(1, sizeof(*set));
    AUTO_FREE char *text = xasprintf("version: 1\nservices:\n%s", services);
    snprintf(set->file, sizeof(set->file), "%s/thole.yaml", test_dir());
    snprintf(set->dir, sizeof(set->dir), "%s/.thole", test_dir());
    snprintf(set->state, sizeof(set->state), "%s/state", test_dir());
    ASSERT(file_write(set->file, text, strlen(text), 0644, NULL) == 0);
    set->loop = loop_new();
    set->backend = fake_backend_new(set->loop);
    arena_init(&set->arena);
    begin(set);
    return set;
}

static void up(Set *set) {
    Report report;
    Err err = {0};
    ClientSetup client = {.process = {.umask = 022}};
    SessionAsk ask = {
        .file = set->file, .ci_timeout_ms = -1, .ci_readiness_timeout_ms = -1, .client = &client};
    report_init(&report, &set->arena);
    set->session = session_create(set->engine, &ask, &report, &err);
    ASSERT(set->session);
    snprintf(set->slug, sizeof(set->slug), "%s", session_slug(set->session));
}

static void set_free(Set *set) {
    engine_free(set->engine);
    backend_free(set->backend);
    loop_free(set->loop);
    arena_deinit(&set->arena);
    free(set);
}

static const ServiceState *shown(Set *set, const char *service) {
    const ProjectState *state = state_load(set->dir, &set->arena);
    for (size_t i = 0; state && i < state->services.n; i++)
        if (strcmp(state->services.at[i].name, service) == 0)
            return &state->services.at[i];
    return NULL;
}

/* Turns until the file shows the service in that phase. */
static const ServiceState *wait_phase(Set *set, const char *service, const char *phase) {
    int64_t end = clock_mono_ms() + 10000;
    for (;;) {
        const ServiceState *state = shown(set, service);
        if (state && strcmp(state->phase, phase) == 0)
            return state;
        ASSERT(clock_mono_ms() < end);
        loop_turn(set->loop, 20);
    }
}

static StepId run_of(const Set *set, uint32_t run) {
    return (StepId){.task = set->slug, .step = "api:serve", .run = run};
}

static const char api[] = "  api: {command: api, restart: {delay: 20s}}\n";
static const FakeScript runs_on = {.life_ms = -1};

TEST(the_file_follows_the_session)
{
    Set *set = set_new(api);
    fake_script(set->backend, NULL, NULL, &runs_on);
    up(set);
    wait_phase(set, "api", "running");
    fake_end(set->backend, run_of(set, 1), STEP_SIGNALED, 9);
    const ServiceState *state = wait_phase(set, "api", "backoff");
    CHECK_EQ(state->exit_code.n, 137);
    CHECK_EQ(state->attempt.n, 1);
    CHECK(state->next_at && state->reason);
    set_free(set);
}

static int64_t written_at(const Set *set) {
    char path[250];
    struct stat st;
    snprintf(path, sizeof(path), "%s/state.json", set->dir);
    return stat(path, &st) < 0 ? 0
                               : (int64_t)st.st_mtim.tv_sec * 1000000 + st.st_mtim.tv_nsec / 1000;
}

TEST(many_changes_are_few_writes_and_none_are_none)
{
    Set *set = set_new("  api: {command: api, restart: {delay: 0s, max_restarts: 0}}\n");
    fake_script(set->backend, NULL, NULL, &(FakeScript){.life_ms = 1, .code = 1});
    up(set);
    int64_t began = clock_mono_ms(), last = 0;
    int writes = 0;
    while (writes < 4 || fake_starts(set->backend, set->slug, "api:serve") <= 20) {
        loop_turn(set->loop, 5);
        int64_t now = written_at(set);
        writes += now != last;
        last = now;
    }
    CHECK(writes <= 1 + (clock_mono_ms() - began) / 250); /* one at once, then one each 250 ms */
    fake_script(set->backend, NULL, NULL, &runs_on);
    wait_phase(set, "api", "running");
    loop_turn(set->loop, 600); /* what was still to be told */
    while (loop_turn(set->loop, 600))
        ;
    last = written_at(set);
    CHECK(!loop_turn(set->loop, 700)); /* no timer, no event */
    CHECK_EQ(written_at(set), last);
    set_free(set);
}

TEST(a_server_that_leaves_writes_what_it_knows)
{
    Set *set = set_new(api);
    fake_script(set->backend, NULL, NULL, &runs_on);
    up(set);
    while (fake_running(set->backend) == 0)
        ASSERT(loop_turn(set->loop, 1000));
    while (loop_turn(set->loop, 0))
        ;
    CHECK(!shown(set, "api"));
    set->engine = engine_free(set->engine); /* long before the 250 ms */
    const ServiceState *state = shown(set, "api");
    ASSERT(state);
    CHECK_STR(state->phase, "running");
    set_free(set);
}

TEST(the_next_server_goes_on_with_it)
{
    Set *set = set_new("  api: {command: api, restart: {delay: 0s}}\n");
    fake_script(set->backend, NULL, NULL, &runs_on);
    up(set);
    wait_phase(set, "api", "running");
    fake_end(set->backend, run_of(set, 1), STEP_EXITED, 3);
    while (!shown(set, "api")->exit_code.set)
        ASSERT(loop_turn(set->loop, 1000));
    engine_free(set->engine);
    fake_crash_server(set->backend);
    begin(set);
    ASSERT(engine_adopt(set->engine, NULL, NULL, NULL) == 0);
    int64_t before = written_at(set);
    fake_script(set->backend, NULL, NULL, &runs_on);
    Session *session = session_find(set->engine, set->slug);
    ASSERT(session);
    while (written_at(set) == before)
        if (!loop_turn(set->loop, 2000))
            break; /* the same as before: not written again */
    CHECK_EQ(shown(set, "api")->exit_code.n, 3);
    CHECK_EQ(shown(set, "api")->run.n, 2);
    set_free(set);
}

TEST(the_last_state_is_there_when_the_session_is_gone)
{
    Set *set = set_new(api);
    fake_script(set->backend, NULL, NULL, &runs_on);
    up(set);
    wait_phase(set, "api", "running");
    session_delete(set->session, -1, false);
    while (!engine_empty(set->engine))
        ASSERT(loop_turn(set->loop, 3000));
    CHECK_STR(shown(set, "api")->phase, "stopped");
    CHECK(!state_load(set->dir, &set->arena)->pid.set);
    set_free(set);
}

TEST(a_state_that_cannot_be_written_holds_up_no_end)
{
    Set *set = set_new(api);
    fake_script(set->backend, NULL, NULL, &runs_on);
    up(set);
    wait_phase(set, "api", "running");
    char path[250];
    snprintf(path, sizeof(path), "%s/state.lock", set->dir);
    int lock = open(path, O_RDWR | O_CLOEXEC);
    ASSERT(lock >= 0 && flock(lock, LOCK_EX) == 0);
    session_delete(set->session, -1, false);
    int64_t began = clock_mono_ms();
    while (!engine_empty(set->engine))
        ASSERT(loop_turn(set->loop, 5000));
    CHECK(clock_mono_ms() - began < 4000);
    CHECK_STR(shown(set, "api")->phase, "running");
    close(lock);
    set_free(set);
}

TEST(purge_takes_the_file_away)
{
    Set *set = set_new(api);
    fake_script(set->backend, NULL, NULL, &runs_on);
    up(set);
    wait_phase(set, "api", "running");
    session_delete(set->session, -1, true);
    while (!engine_empty(set->engine))
        ASSERT(loop_turn(set->loop, 3000));
    CHECK(access(set->dir, F_OK) < 0);
    set_free(set);
}
