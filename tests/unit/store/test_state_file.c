/* SPDX-License-Identifier: Apache-2.0 */
/* The project state file: its shape, and that nothing is lost of it. */
#include "harness/test.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/file.h"
#include "base/path.h"
#include "base/xalloc.h"
#include "store/state_file.h"

typedef struct Desk {
    char project[200], dir[220];
    Arena arena;
    Err err;
} Desk;

static Desk *desk_new(void) {
    Desk *desk = xcalloc(1, sizeof(*desk));
    snprintf(desk->project, sizeof(desk->project), "%s/shop", test_dir());
    snprintf(desk->dir, sizeof(desk->dir), "%s/.thole", desk->project);
    ASSERT(mkdir(desk->project, 0755) == 0);
    arena_init(&desk->arena);
    return desk;
}

static void desk_free(Desk *desk) {
    arena_deinit(&desk->arena);
    free(desk);
}

static const char *path_of(const Desk *desk, const char *name) {
    static char path[300];
    snprintf(path, sizeof(path), "%s/%s", desk->dir, name);
    return path;
}

static void put(const Desk *desk, const char *name, const char *text) {
    (void)mkdir(desk->dir, 0755);
    ASSERT(file_write(path_of(desk, name), text, strlen(text), 0644, NULL) == 0);
}

static const char *get(Desk *desk, const char *name) {
    char *text;
    size_t size;
    if (file_read(path_of(desk, name), 1 << 20, &text, &size, NULL) < 0)
        return NULL;
    const char *own = arena_strndup(&desk->arena, text, size);
    free(text);
    return own;
}

static const Value *read_json(Desk *desk, const char *name) {
    const char *text = get(desk, name);
    const Value *v = NULL;
    ASSERT(text && json_parse(text, strlen(text), &desk->arena, &v, &desk->err) == 0);
    return v;
}

static ServiceState services[] = {
    {.name = "api",
     .pid = 4321,
     .start_time_ms = {true, 1781773200123},
     .port = {true, 3000},
     .protocol = "http",
     .phase = "ready",
     .exit_code = {true, 0}},
    {.name = "worker", .phase = "pending"},
};

static ProjectState sample(void) {
    return (ProjectState){.slug = "demo-54bc7b",
                          .config_path = "/srv/demo/thole.yaml",
                          .started_at = "2026-06-18T09:00:00Z",
                          .services = {services, 2},
                          .pid = {true, 4000},
                          .pid_start_time_ms = {true, 1781773199000},
                          .format = {true, STATE_FORMAT}};
}

static int save(Desk *desk) {
    ProjectState state = sample();
    return state_save(desk->dir, &state, NULL, &desk->err);
}

TEST(no_member_is_without_a_descriptor)
{
    const Type *type = NULL;
    CHECK_EQ(schema_uncovered(&type_project_state, &type), -1);
}

TEST(the_file_has_the_shape_of_the_seed)
{
    Desk *desk = desk_new();
    ASSERT(save(desk) == 0);
    const Value *v = read_json(desk, "state.json");
    static const char expected[] =
        "{\"slug\":\"demo-54bc7b\",\"config_path\":\"/srv/demo/"
        "thole.yaml\",\"started_at\":\"2026-06-18T09:00:00Z\","
        "\"services\":{\"api\":{\"pid\":4321,\"start_time_ms\":1781773200123,\"port\":3000,\"port_"
        "auto\":false,"
        "\"protocol\":\"http\",\"phase\":\"ready\",\"exit_code\":0},"
        "\"worker\":{\"pid\":0,\"port_auto\":false,\"phase\":\"pending\"}},"
        "\"docker\":{},\"compose_services\":{},\"pid\":4000,\"pid_start_time_ms\":1781773199000,"
        "\"format\":1}";
    const Value *want;
    ASSERT(json_parse(expected, strlen(expected), &desk->arena, &want, &desk->err) == 0);
    CHECK(value_equal(v, want));
    CHECK_HAS(get(desk, "state.json"), "{\n  \"slug\": ");
    CHECK_STR(get(desk, ".gitignore"), "*\n");
    desk_free(desk);
}

TEST(what_was_saved_is_loaded)
{
    Desk *desk = desk_new();
    ASSERT(save(desk) == 0);
    const ProjectState *state = state_load(desk->dir, &desk->arena);
    ASSERT(state);
    CHECK_STR(state->slug, "demo-54bc7b");
    CHECK_EQ(state->services.n, 2);
    CHECK_STR(state->services.at[0].name, "api");
    CHECK_EQ(state->services.at[0].pid, 4321);
    CHECK(state->services.at[0].exit_code.set);
    CHECK(!state->services.at[1].exit_code.set);
    CHECK(!state->services.at[1].start_time_ms.set);
    CHECK_STR(state->services.at[1].phase, "pending");
    CHECK_EQ(state->pid.n, 4000);
    desk_free(desk);
}

/* One writer of theirs leaves out what is not set, the other writes null. */
TEST(files_of_both_old_writers_are_read)
{
    Desk *desk = desk_new();
    put(desk, "state.json",
        "{\"slug\":\"a\",\"config_path\":\"/"
        "a\",\"started_at\":\"2026-06-18T09:00:00Z\",\"services\":{\"api\":{\"pid\":7,"
        "\"port\":null,\"port_auto\":true,\"protocol\":null,\"phase\":null,\"exit_code\":null}},"
        "\"docker\":{},"
        "\"compose_services\":{},\"network_name\":null,\"cluster\":null,\"dashboard\":null}");
    const ProjectState *state = state_load(desk->dir, &desk->arena);
    ASSERT(state);
    CHECK_EQ(state->services.at[0].pid, 7);
    CHECK(state->services.at[0].port_auto);
    CHECK(!state->services.at[0].port.set);
    CHECK(!state->services.at[0].phase);
    put(desk, "state.json",
        "{\"slug\":\"a\",\"config_path\":\"/"
        "a\",\"started_at\":\"x\",\"services\":null,\"docker\":null}");
    state = state_load(desk->dir, &desk->arena);
    ASSERT(state);
    CHECK_EQ(state->services.n, 0);
    desk_free(desk);
}

TEST(unknown_keys_are_kept_and_stale_ones_go)
{
    Desk *desk = desk_new();
    put(desk, "state.json",
        "{\"slug\":\"old\",\"x-note\":{\"deep\":[1,null,\"z\"]},\"network_name\":\"demo-net\","
        "\"docker\":{\"postgres\":{\"container_id\":\"abc\"}},"
        "\"services\":{\"api\":{\"pid\":1,\"reason\":\"gone by "
        "now\",\"mood\":\"good\"},\"removed\":{\"pid\":2}}}");
    ASSERT(save(desk) == 0);
    const Value *v = read_json(desk, "state.json");
    CHECK_STR(value_get_str(v, "slug"), "demo-54bc7b");
    CHECK_STR(value_get_str(v, "network_name"), "demo-net");
    CHECK_EQ(value_count(value_get(value_get(v, "x-note"), "deep")), 3);
    CHECK_STR(value_get_str(value_get(value_get(v, "docker"), "postgres"), "container_id"), "abc");
    const Value *api = value_get(value_get(v, "services"), "api");
    CHECK_STR(value_get_str(api, "mood"), "good");
    CHECK_EQ(value_get_int(api, "pid", 0), 4321);
    CHECK(!value_get(api, "reason"));
    CHECK(!value_get(value_get(v, "services"), "removed"));
    desk_free(desk);
}

TEST(the_previous_file_is_kept)
{
    Desk *desk = desk_new();
    ProjectState state = sample();
    ASSERT(state_save(desk->dir, &state, NULL, &desk->err) == 0);
    CHECK(!get(desk, "state.json.prev"));
    state.slug = "second";
    ASSERT(state_save(desk->dir, &state, NULL, &desk->err) == 0);
    CHECK_STR(value_get_str(read_json(desk, "state.json"), "slug"), "second");
    CHECK_STR(value_get_str(read_json(desk, "state.json.prev"), "slug"), "demo-54bc7b");
    ASSERT(state_save(desk->dir, &state, NULL, &desk->err) == 0); /* nothing new: nothing written */
    CHECK_STR(value_get_str(read_json(desk, "state.json.prev"), "slug"), "demo-54bc7b");
    desk_free(desk);
}

TEST(a_broken_file_counts_as_absent_and_is_kept_aside)
{
    static const char *const broken[] = {"{\"slug\": \"de", "[]", "{} {}", "\xff", "null", "\n"};
    Desk *desk = desk_new();
    for (size_t i = 0; i < COUNT(broken); i++) {
        put(desk, "state.json", broken[i]);
        CHECK(!state_load(desk->dir, &desk->arena));
        CHECK_EQ(save(desk), 1);
        CHECK_STR(get(desk, "state.json.broken"), broken[i]);
        CHECK(state_load(desk->dir, &desk->arena));
    }
    CHECK_EQ(save(desk), 0);
    desk_free(desk);
}

TEST(an_empty_file_counts_as_absent)
{
    Desk *desk = desk_new();
    put(desk, "state.json", "");
    CHECK(!state_load(desk->dir, &desk->arena));
    CHECK_EQ(save(desk), 0);
    CHECK(state_load(desk->dir, &desk->arena));
    CHECK(!get(desk, "state.json.broken"));
    CHECK(!get(desk, "state.json.prev"));
    desk_free(desk);
}

TEST(a_wrong_type_is_no_state)
{
    Desk *desk = desk_new();
    put(desk, "state.json", "{\"slug\":\"a\",\"services\":{\"api\":{\"pid\":\"many\"}}}");
    CHECK(!state_load(desk->dir, &desk->arena));
    put(desk, "state.json", "{\"slug\":\"a\",\"pid\":\"many\"}");
    CHECK(!state_load(desk->dir, &desk->arena));
    CHECK_EQ(save(desk), 0);
    CHECK(state_load(desk->dir, &desk->arena));
    desk_free(desk);
}

TEST(a_newer_format_is_left_as_it_is)
{
    Desk *desk = desk_new();
    put(desk, "state.json", "{\"format\":2,\"slug\":\"later\"}");
    CHECK(!state_load(desk->dir, &desk->arena));
    CHECK_EQ(save(desk), -1);
    CHECK_EQ(desk->err.kind, ERR_UNAVAILABLE);
    CHECK_STR(get(desk, "state.json"), "{\"format\":2,\"slug\":\"later\"}");
    desk_free(desk);
}

TEST(who_holds_the_lock_keeps_writers_out)
{
    Desk *desk = desk_new();
    ASSERT(save(desk) == 0);
    const char *before = get(desk, "state.json");
    int lock = open(path_of(desk, "state.lock"), O_RDWR);
    ASSERT(lock >= 0 && flock(lock, LOCK_EX) == 0);
    ProjectState state = sample();
    state.slug = "other";
    CHECK_EQ(state_save(desk->dir, &state, NULL, &desk->err), -1);
    CHECK_EQ(desk->err.kind, ERR_CONFLICT);
    CHECK_STR(get(desk, "state.json"), before);
    close(lock);
    CHECK_EQ(state_save(desk->dir, &state, NULL, &desk->err), 0);
    desk_free(desk);
}

/* Readers look while it is written again and again: each sees a whole one. */
TEST(a_reader_never_sees_half_a_file)
{
    Desk *desk = desk_new();
    ASSERT(save(desk) == 0);
    pid_t writer = fork();
    if (writer == 0) {
        ProjectState state = sample();
        for (int i = 0; i < 200; i++) {
            services[1].reason = i % 2 ? "short" : "a much longer reason, so that the sizes differ";
            if (state_save(desk->dir, &state, NULL, NULL) != 0)
                _exit(1);
        }
        _exit(0);
    }
    int status, reads = 0;
    while (waitpid(writer, &status, WNOHANG) == 0) {
        Arena arena;
        arena_init(&arena);
        CHECK(state_load(desk->dir, &arena) != NULL);
        arena_deinit(&arena);
        reads++;
    }
    CHECK_EQ(status, 0);
    CHECK(reads > 0);
    desk_free(desk);
}

TEST(a_project_that_is_gone_is_not_made_again)
{
    Desk *desk = desk_new();
    ASSERT(rmdir(desk->project) == 0);
    CHECK_EQ(save(desk), -1);
    CHECK_EQ(desk->err.kind, ERR_NOT_FOUND);
    CHECK(access(desk->project, F_OK) < 0);
    CHECK(!state_load(desk->dir, &desk->arena));
    CHECK_EQ(state_remove(desk->dir, &desk->err), 0);
    desk_free(desk);
}

TEST(a_file_in_the_way_is_an_error)
{
    Desk *desk = desk_new();
    ASSERT(file_write(desk->dir, "x", 1, 0644, NULL) == 0);
    CHECK_EQ(save(desk), -1);
    CHECK_EQ(state_remove(desk->dir, &desk->err), 0);
    CHECK(access(desk->dir, F_OK) == 0);
    desk_free(desk);
}

TEST(the_link_leads_to_the_logs)
{
    Desk *desk = desk_new();
    ProjectState state = sample();
    char to[300];
    ASSERT(state_save(desk->dir, &state, "/first", &desk->err) == 0);
    ASSERT(state_save(desk->dir, &state, "/second", &desk->err) == 0);
    ssize_t n = readlink(path_of(desk, "logs"), to, sizeof(to) - 1);
    ASSERT(n > 0);
    to[n] = '\0';
    CHECK_STR(to, "/second");
    ASSERT(unlink(path_of(desk, "logs")) == 0 && mkdir(path_of(desk, "logs"), 0755) == 0);
    CHECK_EQ(state_save(desk->dir, &state, "/third", &desk->err), 0); /* somebody's own directory */
    ASSERT(state_remove(desk->dir, &desk->err) == 0);
    CHECK(access(path_of(desk, "logs"), F_OK) == 0);
    desk_free(desk);
}

TEST(remove_takes_what_was_made_and_nothing_else)
{
    Desk *desk = desk_new();
    ProjectState state = sample();
    ASSERT(state_save(desk->dir, &state, "/logs", &desk->err) == 0);
    state.slug = "b";
    ASSERT(state_save(desk->dir, &state, "/logs", &desk->err) == 0);
    ASSERT(state_remove(desk->dir, &desk->err) == 0);
    CHECK(access(desk->dir, F_OK) < 0);
    CHECK_EQ(state_remove(desk->dir, &desk->err), 0);
    ASSERT(save(desk) == 0);
    put(desk, "own", "kept");
    ASSERT(state_remove(desk->dir, &desk->err) == 0);
    CHECK_STR(get(desk, "own"), "kept");
    CHECK_STR(get(desk, ".gitignore"), "*\n");
    CHECK(!get(desk, "state.json"));
    desk_free(desk);
}

TEST(what_keeps_it_out_of_git_is_written_again_if_the_disk_was_full)
{
    Desk *desk = desk_new();
    ASSERT(save(desk) == 0);
    put(desk, ".gitignore", "");
    ASSERT(save(desk) == 0);
    CHECK_STR(get(desk, ".gitignore"), "*\n");
    put(desk, ".gitignore", "");
    ASSERT(state_remove(desk->dir, &desk->err) == 0);
    CHECK(access(desk->dir, F_OK) < 0);
    desk_free(desk);
}

TEST(a_further_session_has_a_directory_below)
{
    Desk *desk = desk_new();
    ProjectState state = sample();
    char dir[300];
    snprintf(dir, sizeof(dir), "%s/shop-123456-b", desk->dir);
    ASSERT(state_save(dir, &state, NULL, &desk->err) == 0);
    ASSERT(save(desk) == 0);
    CHECK_STR(get(desk, ".gitignore"), "*\n");
    CHECK(state_load(dir, &desk->arena) && state_load(desk->dir, &desk->arena));
    ASSERT(state_remove(desk->dir, &desk->err) == 0);
    CHECK(state_load(dir, &desk->arena));
    ASSERT(state_remove(dir, &desk->err) == 0);
    CHECK(access(desk->dir, F_OK) < 0);
    desk_free(desk);
}

static void check_dir(const char *file, const char *session, const char *expected) {
    char path[300], want[300];
    snprintf(path, sizeof(path), "%s/shop/%s", test_dir(), file);
    snprintf(want, sizeof(want), "%s/shop/%s", test_dir(), expected);
    AUTO_FREE char *dir = state_dir_of(path, "shop-abcdef", session);
    CHECK_STR(dir, want);
}

TEST(every_file_and_session_has_its_own_directory)
{
    Desk *desk = desk_new();
    check_dir("thole.yaml", NULL, ".thole");
    check_dir("previewctl.yaml", NULL, ".thole");
    check_dir("other.yaml", NULL, ".thole/shop-abcdef");
    check_dir("thole.yaml", "shop-abcdef-two", ".thole/shop-abcdef-two");
    char ours[300];
    snprintf(ours, sizeof(ours), "%s/thole.yaml", desk->project);
    ASSERT(file_write(ours, "", 0, 0644, NULL) == 0);
    check_dir("previewctl.yaml", NULL, ".thole/shop-abcdef"); /* beside ours it is another file */
    AUTO_FREE char *top = state_dir_of("/thole.yaml", "x", NULL);
    CHECK_STR(top, "/.thole");
    desk_free(desk);
}
