/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions that are down: listed, found, purged. And a second session of a file. */
#include "unit/engine/scene.h"

#include <errno.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/path.h"
#include "base/xalloc.h"
#include "engine/sessions/session_elsewhere.h"
#include "engine/sessions/stopped.h"

static const FakeScript runs_on = {.life_ms = -1};

static Scene *scene_down(void) {
    Scene *scene = scene_new("services:\n  api: {command: api}\n");
    fake_script(scene->backend, NULL, NULL, &runs_on);
    ASSERT(scene_up(scene, NULL));
    return scene;
}

static void go_down(Scene *scene, bool purge) {
    session_delete(scene->session, -1, purge);
    loop_advance(scene->loop, 100);
    ASSERT(engine_empty(scene->engine));
}

TEST(a_session_that_is_down_is_listed_and_one_that_runs_is_not)
{
    Scene *scene = scene_down();
    Arena arena;
    StoppedList list;
    StoppedSession one;
    char slug[100];
    arena_init(&arena);
    snprintf(slug, sizeof(slug), "%s", session_slug(scene->session));
    stopped_list(scene->state, &arena, &list);
    CHECK_EQ(list.n, 0);
    CHECK_EQ(stopped_find(scene->state, slug, &arena, &one), -1);
    go_down(scene, false);
    stopped_list(scene->state, &arena, &list);
    ASSERT(list.n == 1);
    CHECK_STR(list.at[0].slug, slug);
    CHECK_STR(list.at[0].file, scene->file);
    CHECK_STR(list.at[0].error, "");
    CHECK(!list.at[0].name && !list.at[0].ci && !list.at[0].done);
    ASSERT(stopped_find(scene->state, slug, &arena, &one) == 0);
    CHECK_EQ(one.started_us, 1700000000000000);
    arena_deinit(&arena);
    scene_free(scene);
}

TEST(a_stopped_session_reads_as_a_session)
{
    Scene *scene = scene_down();
    Arena arena;
    Buf buf;
    JsonWriter out;
    StoppedList list;
    const Value *v;
    arena_init(&arena);
    go_down(scene, false);
    stopped_list(scene->state, &arena, &list);
    ASSERT(list.n == 1);
    buf_init(&buf, 1 << 20);
    json_writer_init(&out, &buf);
    stopped_encode(&list.at[0], &out);
    ASSERT(json_parse(buf_cstr(&buf), buf.n, &arena, &v, &scene->err) == 0);
    CHECK_STR(value_get_str(v, "kind"), "Session");
    const Value *meta = value_get(v, "metadata");
    CHECK_STR(value_get_str(value_get(meta, "annotations"), "thole.dev/stopped"), "true");
    CHECK_STR(value_get_str(meta, "name"), list.at[0].slug);
    CHECK_STR(value_get_str(value_get(v, "spec"), "tiltfilePath"), scene->file);
    buf_deinit(&buf);
    arena_deinit(&arena);
    scene_free(scene);
}

static void write_session(const Scene *scene, const char *slug, const char *json) {
    AUTO_FREE char *dir = xasprintf("%s/sessions/%s", scene->state, slug);
    AUTO_FREE char *path = xasprintf("%s/session.json", dir);
    ASSERT(path_mkdirs(dir, 0700, NULL) == 0);
    ASSERT(file_write(path, json, strlen(json), 0600, NULL) == 0);
}

TEST(what_cannot_be_read_is_left_out_and_left_alone)
{
    Scene *scene = scene_down();
    Arena arena;
    StoppedList list;
    arena_init(&arena);
    write_session(scene, "b", "{\"format\":1,\"down\":true,\"file\":\"/b\"}");
    write_session(scene, "a", "{\"format\":1,\"down\":true,\"file\":\"/a\",\"session\":\"x\"}");
    write_session(scene, "newer", "{\"format\":2,\"down\":true,\"file\":\"/c\"}");
    write_session(scene, "torn", "{\"format\":1,\"dow");
    write_session(scene, "up", "{\"format\":1,\"down\":false,\"file\":\"/d\"}");
    stopped_list(scene->state, &arena, &list);
    ASSERT(list.n == 2);
    CHECK_STR(list.at[0].slug, "a");
    CHECK_STR(list.at[0].name, "x");
    CHECK_STR(list.at[1].slug, "b");
    AUTO_FREE char *newer = xasprintf("%s/sessions/newer/session.json", scene->state);
    CHECK(access(newer, F_OK) == 0);
    arena_deinit(&arena);
    scene_free(scene);
}

TEST(purge_removes_the_files_of_that_session_alone)
{
    Scene *scene = scene_down();
    Arena arena;
    StoppedSession one;
    arena_init(&arena);
    write_session(scene, "a", "{\"format\":1,\"down\":true,\"file\":\"/nowhere/a\"}");
    write_session(scene, "b", "{\"format\":1,\"down\":true,\"file\":\"/nowhere/b\"}");
    ASSERT(stopped_purge(scene->state, "a", &scene->err) == 0);
    CHECK_EQ(stopped_find(scene->state, "a", &arena, &one), -1);
    CHECK_EQ(stopped_find(scene->state, "b", &arena, &one), 0);
    CHECK_EQ(stopped_purge(scene->state, "../b", &scene->err), -1);
    CHECK_EQ(stopped_purge(scene->state, "b/../b", &scene->err), -1);
    CHECK_EQ(stopped_find(scene->state, "b", &arena, &one), 0);
    arena_deinit(&arena);
    scene_free(scene);
}

TEST(down_with_purge_leaves_no_file)
{
    Scene *scene = scene_down();
    AUTO_FREE char *dir = xasprintf("%s/sessions/%s", scene->state, session_slug(scene->session));
    CHECK(access(dir, F_OK) == 0);
    go_down(scene, true);
    CHECK(access(dir, F_OK) < 0);
    scene_free(scene);
}

static void listens(const char *state_dir, const char *socket) {
    AUTO_FREE char *dir = path_join(test_dir(), state_dir), *lock = path_join(dir, SERVER_LOCK);
    Err err;
    ASSERT(mkdir(dir, 0700) == 0 || errno == EEXIST);
    ASSERT(file_write(lock, socket, strlen(socket), 0600, &err) == 0);
}

TEST(another_server_is_reached_where_it_listens)
{
    Arena arena;
    arena_init(&arena);
    AUTO_FREE char *own = path_join(test_dir(), "own"), *other = path_join(test_dir(), "other");
    const char *unknown =
        arena_printf(&arena, "THOLE_RUNTIME_DIR=$(mktemp -d) THOLE_STATE_DIR=%s", other);
    CHECK_STR(session_elsewhere_vars(own, other, &arena), unknown);
    listens("own", "/run/1/server.sock");
    listens("other", "/run/1/server.sock"); /* one after the other: by now ours does */
    CHECK_STR(session_elsewhere_vars(own, other, &arena), unknown);
    listens("other", "/run/2/server.sock");
    CHECK_STR(session_elsewhere_vars(own, other, &arena),
              arena_printf(&arena, "THOLE_RUNTIME_DIR=/run/2 THOLE_STATE_DIR=%s", other));
    arena_deinit(&arena);
}
