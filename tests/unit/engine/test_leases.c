/* SPDX-License-Identifier: Apache-2.0 */
/* Leases of a session: what is asked for while another one is under way, what cannot be written or
 * read. With a store that is a list in memory. */
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/path.h"
#include "base/xalloc.h"
#include "engine/ports/ports.h"
#include "engine/ports/ports_inside.h"
#include "engine/sessions/reload.h"
#include "store/store.h"
#include "unit/engine/scene.h"

enum { MANY = 16 };

typedef struct ListStore {
    Store base;
    Arena arena;
    Lease at[MANY];
    size_t n;
} ListStore;

static void list_close(Store *store) {
    arena_deinit(&((ListStore *)store)->arena);
}

static int list_leases(Store *store, Arena *arena, Leases *ret, Err *err) {
    const ListStore *list = (const ListStore *)store;
    ret->at = arena_alloc(arena, MANY * sizeof(Lease));
    ret->n = list->n;
    memcpy(ret->at, list->at, list->n * sizeof(Lease));
    return 0;
}

static int list_lease(Store *store, const Leases *leases, Err *err) {
    ListStore *list = (ListStore *)store;
    ASSERT(leases->n <= MANY);
    for (list->n = 0; list->n < leases->n; list->n++) {
        Lease *lease = &list->at[list->n];
        *lease = leases->at[list->n];
        lease->owner.file = arena_strdup(&list->arena, lease->owner.file);
        lease->owner.session = arena_strdup(&list->arena, lease->owner.session);
        lease->owner.slug = arena_strdup(&list->arena, lease->owner.slug);
        lease->service = arena_strdup(&list->arena, lease->service);
        lease->name = arena_strdup(&list->arena, lease->name);
    }
    return 0;
}

static int list_release(Store *store, const LeaseOwner *owner, Err *err) {
    ListStore *list = (ListStore *)store;
    for (size_t i = 0; i < list->n; i++)
        list->at[i].held = false;
    return 0;
}

static const StoreOps list_ops = {list_close, list_leases, list_lease, list_release, list_release};

#define ONE   "services:\n  a: {command: one, port: auto}\n"
#define TWO   ONE "  b: {command: two, port: auto}\n"
#define THREE TWO "  c: {command: three, port: auto}\n"

static Scene *leasing_scene(ListStore *list, const char *yaml) {
    Scene *scene = scene_new(yaml);
    *list = (ListStore){.base.ops = &list_ops};
    arena_init(&list->arena);
    scene->engine->options.store = &list->base;
    fake_script(scene->backend, NULL, NULL, &(FakeScript){.life_ms = -1});
    ASSERT(scene_up(scene, NULL));
    loop_advance(scene->loop, 0);
    return scene;
}

static void end(Scene *scene, ListStore *list) {
    scene_free(scene);
    list_close(&list->base);
}

static void reload(Scene *scene, const char *yaml) {
    Arena arena;
    Report report;
    arena_init(&arena);
    report_init(&report, &arena);
    scene_save(scene, yaml);
    ASSERT(session_reload(scene->session, &report, &scene->err) == 0);
    arena_deinit(&arena);
}

static int64_t number(const PortTable *table, const char *service) {
    const PortEntry *port = port_table_find(table, service, "");
    return port ? port->number : 0;
}

TEST(a_lease_that_is_overtaken_is_not_in_the_way_of_the_next)
{
    ListStore list;
    Scene *scene = leasing_scene(&list, ONE);
    const PortTable *ports = &scene->session->ports->table;
    int64_t a = number(ports, "a");
    reload(scene, TWO);
    ASSERT(scene->session->ports->work);
    int64_t b = number(&scene->session->ports->work->ask.ports, "b");
    CHECK(b > 0 && b != a);
    reload(scene, THREE);
    reload(scene, THREE "vars: {x: y}\n");
    loop_advance(scene->loop, 0);
    CHECK_EQ(number(ports, "a"), a);
    CHECK_EQ(number(ports, "b"), b);
    CHECK(number(ports, "c") > 0);
    CHECK_STR(scene_state(scene, "c:serve"), "active ready");
    end(scene, &list);
}

TEST(a_session_may_go_while_a_lease_waits_for_another)
{
    ListStore list;
    Scene *scene = leasing_scene(&list, ONE);
    reload(scene, TWO);
    reload(scene, THREE);
    end(scene, &list);
}

TEST(ports_that_cannot_be_written_are_nobodys)
{
    ListStore list;
    Scene *scene = leasing_scene(&list, ONE);
    const Session *session = scene->session;
    AUTO_FREE char *path = path_join(session->dir, "ports.json");
    AUTO_FREE char *temporary = xasprintf("%s.tmp", path);
    AUTO_FREE char *text = NULL;
    ASSERT(mkdir(temporary, 0700) == 0);
    reload(scene, TWO);
    loop_advance(scene->loop, 0);
    CHECK_EQ(session->ports->table.n, 1);
    CHECK_STR(scene_state(scene, "a:serve"), "active ready");
    CHECK(strcmp(scene_state(scene, "b:serve"), "active ready") != 0);
    CHECK(strstr(scene_message(scene, "b:serve"), "ports.json") != NULL);
    ASSERT(rmdir(temporary) == 0);
    reload(scene, TWO "vars: {x: y}\n");
    loop_advance(scene->loop, 0);
    CHECK(number(&session->ports->table, "b") > 0);
    ASSERT(file_read(path, 4096, &text, NULL, &scene->err) == 0);
    CHECK(strstr(text, "\"service\":\"b\"") != NULL);
    end(scene, &list);
}

TEST(ports_that_cannot_be_read_are_not_leased_again)
{
    ListStore list;
    Scene *scene = leasing_scene(&list, ONE);
    Session *session = scene->session;
    AUTO_FREE char *path = path_join(session->dir, "ports.json");
    ASSERT(unlink(path) == 0);
    CHECK_EQ(ports_load(session, session->generation, &scene->err), 0); /* not written yet */
    ASSERT(mkdir(path, 0700) == 0);
    CHECK_EQ(ports_load(session, session->generation, &scene->err), -1);
    CHECK(strstr(scene->err.msg, path) != NULL);
    end(scene, &list);
}

TEST(what_holds_nothing_is_no_hold)
{
    Ports ports = {0};
    CHECK(ports_add_hold(&ports, &(PortHold){.port = 7, .socket = -1, .name = -1}) == NULL);
    CHECK(ports_find_hold(&ports, 7) == NULL);
    VEC_FREE(ports.holds);
}
