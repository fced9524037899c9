/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/engine/scene.h"

#include <sys/stat.h>

#include "base/file.h"
#include "base/xalloc.h"
#include "data/json.h"

static Backend *same_backend(void *arg, const StrMap *options, Err *err) {
    return ((Scene *)arg)->backend;
}

void scene_begin(Scene *scene) {
    scene->kind = (BackendKind){.name = "fake", .make = same_backend, .arg = scene, .lent = true};
    EngineOptions options = {.loop = scene->loop,
                             .state_dir = scene->state,
                             .backend = scene->backend,
                             .kinds = &scene->kind,
                             .kind_n = 1,
                             .version = "test",
                             .scripted = true};
    scene->engine = engine_new(&options);
}

void scene_save(Scene *scene, const char *yaml) {
    AUTO_FREE char *text = xasprintf("version: 1\n%s", yaml);
    ASSERT(file_write(scene->file, text, strlen(text), 0644, &scene->err) == 0);
}

Scene *scene_new(const char *yaml) {
    Scene *scene = xcalloc(1, sizeof(*scene));
    snprintf(scene->file, sizeof(scene->file), "%s/thole.yaml", test_dir());
    snprintf(scene->state, sizeof(scene->state), "%s/state", test_dir());
    scene_save(scene, yaml);
    scene->loop = loop_new_scripted(1000, 1700000000000000);
    scene->backend = fake_backend_new(scene->loop);
    scene_begin(scene);
    return scene;
}

void scene_free(Scene *scene) {
    engine_free(scene->engine);
    backend_free(scene->backend);
    loop_free(scene->loop);
    free(scene);
}

static Session *create(Scene *scene, const char *const *names, bool ci) {
    Arena arena;
    Report report;
    ClientSetup client = {.process = {.umask = 022}};
    StrPair env[] = {{"FROM_CLIENT", "yes"}, {"PATH", "/usr/bin:/bin"}};
    client.env = (StrMap){.at = env, .n = 2};
    SessionAsk ask = {.file = scene->file,
                      .ci = ci,
                      .ci_timeout_ms = -1,
                      .ci_readiness_timeout_ms = -1,
                      .client = &client};
    const char *at[16];
    for (; names && names[ask.names.n]; ask.names.n++)
        at[ask.names.n] = names[ask.names.n];
    ask.names.at = at;
    arena_init(&arena);
    report_init(&report, &arena);
    scene->session = session_create(scene->engine, &ask, &report, &scene->err);
    for (size_t i = 0; !scene->session && i < report.n; i++)
        fprintf(stderr, "  %s\n", report_line(&report.at[i], &arena));
    arena_deinit(&arena);
    if (scene->session)
        loop_advance(scene->loop, 0);
    return scene->session;
}

Session *scene_up(Scene *scene, const char *const *names) {
    return create(scene, names, false);
}

Session *scene_ci(Scene *scene) {
    return create(scene, NULL, true);
}

void scene_crash(Scene *scene) {
    char slug[64];
    snprintf(slug, sizeof(slug), "%s", session_slug(scene->session));
    engine_free(scene->engine);
    fake_crash_server(scene->backend);
    scene_begin(scene);
    ASSERT(engine_adopt(scene->engine, NULL, NULL, &scene->err) == 0);
    loop_advance(scene->loop, 0);
    scene->session = session_find(scene->engine, slug);
}

static Object *find(Scene *scene, const char *target) {
    char name[64];
    snprintf(name, sizeof(name), "%s", target);
    char *colon = strchr(name, ':');
    if (colon)
        *colon = '.';
    for (Object *object = NULL;
         (object = object_next(engine_objects(scene->engine), OBJECT_TARGET, NULL, object));)
        if (strcmp(object->name, name) == 0)
            return object;
    return NULL;
}

Target *scene_target(Scene *scene, const char *target) {
    Object *object = find(scene, target);
    ASSERT(object);
    return target_of(object);
}

const Value *scene_json(Scene *scene, Object *object, Arena *arena) {
    size_t size;
    const char *json = object_json(object, &size);
    const Value *value;
    ASSERT(json_parse(json, size, arena, &value, &scene->err) == 0);
    return value;
}

static void describe(const Value *state, char *text, size_t size) {
    const Value *waiting = value_get(state, "waiting"), *active = value_get(state, "active");
    const Value *ended = value_get(state, "terminated");
    const char *error = value_get_str(ended, "error");
    if (waiting)
        snprintf(text, size, "waiting %s", value_get_str(waiting, "waitReason"));
    else if (active)
        snprintf(text, size, "active%s", value_get_bool(active, "ready", false) ? " ready" : "");
    else if (ended)
        snprintf(text, size, "terminated %s", error ? error : "ok");
    else
        snprintf(text, size, "%s", value_get(state, "disabled") ? "disabled" : "none");
}

const char *scene_state(Scene *scene, const char *target) {
    static char text[512];
    Object *object = find(scene, target);
    if (!object)
        return "gone";
    Arena arena;
    arena_init(&arena);
    describe(value_get(value_get(scene_json(scene, object, &arena), "status"), "state"), text,
             sizeof(text));
    arena_deinit(&arena);
    return text;
}

const char *scene_message(Scene *scene, const char *target) {
    static char text[512];
    Object *object = find(scene, target);
    Arena arena;
    arena_init(&arena);
    const char *message =
        object ? value_get_str(value_get(scene_json(scene, object, &arena), "status"), "message")
               : NULL;
    snprintf(text, sizeof(text), "%s", message ? message : "");
    arena_deinit(&arena);
    return text;
}
