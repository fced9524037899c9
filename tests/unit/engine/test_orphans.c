/* SPDX-License-Identifier: Apache-2.0 */
/* What is left of tasks that nobody knows: swept after a crash, listed and removed when asked. */
#include "unit/engine/scene.h"

#include <string.h>

#include "base/file.h"
#include "base/path.h"
#include "base/xalloc.h"
#include "engine/backends/backend_look.h"
#include "engine/backends/orphans.h"
#include "engine/workflows/workflow.h"

/* An engine with what servers before have left there. */
typedef struct Yard {
    Scene *scene;
    Backend base;
    Engine *engine;
    BackendKind kind;
    OpList calls;
    char destroyed[200];
} Yard;

static Yard *yard_of(Backend *backend) {
    return (Yard *)((char *)backend - offsetof(Yard, base));
}

static bool yard_available(Backend *backend, Err *why) {
    return true;
}

static Op *done(Backend *backend, const void *result, size_t size, OpFn fn, void *arg) {
    Op *op = op_new(backend->loop, fn, arg, NULL, NULL);
    op_list_add(&yard_of(backend)->calls, op);
    op_finish(op, result, size, NULL);
    return op;
}

static Op *yard_load(Backend *backend, OpFn fn, void *arg) {
    backend->platform = "linux/any";
    backend->version = "7";
    return done(backend, NULL, 0, fn, arg);
}

static Op *yard_leftovers(Backend *backend, OpFn fn, void *arg) {
    static const Leftover all[] = {{"GONE", "container", "c1", true},
                                   {"GONE", "network", "n1", false},
                                   {"Known", "container", "c2", true},
                                   {"lost", "volume", "v1", false}};
    Leftovers left = {all, COUNT(all)};
    return done(backend, &left, sizeof(left), fn, arg);
}

static Op *yard_destroy(Backend *backend, const char *task, const WorkflowConfig *config, OpFn fn,
                        void *arg) {
    Yard *yard = yard_of(backend);
    size_t n = strlen(yard->destroyed);
    CHECK(config == NULL);
    snprintf(yard->destroyed + n, sizeof(yard->destroyed) - n, "%s ", task);
    return done(backend, NULL, 0, fn, arg);
}

static void yard_free(Backend *backend) {
    op_list_abandon(&yard_of(backend)->calls);
}

static const BackendOps yard_ops = {.free = yard_free,
                                    .available = yard_available,
                                    .load = yard_load,
                                    .leftovers = yard_leftovers,
                                    .destroy_workflow = yard_destroy};

static Backend *make(void *arg, const StrMap *options, Err *err) {
    Yard *yard = arg;
    yard->base = (Backend){.ops = &yard_ops, .name = "yard", .loop = yard->scene->loop};
    return &yard->base;
}

static const OrphanAsk lost = {.wish.name = "yard", .task = "lost"};

static void note(void *arg, const void *result, const Err *err) {
    snprintf(arg, 300, "%s", err ? err->msg : "done");
}

/* A server that begins; a workflow's directory that it cannot read is there. */
static Yard *yard_new(void) {
    Yard *yard = xcalloc(1, sizeof(*yard));
    yard->scene = scene_new("services:\n  api: {command: api}\n");
    yard->kind = (BackendKind){.name = "yard", .make = make, .arg = yard};
    AUTO_FREE char *known = workflow_name_of("Known");
    AUTO_FREE char *dir = xasprintf("%s/workflows/%s", yard->scene->state, known);
    AUTO_FREE char *file = xasprintf("%s/workflow.json", dir);
    ASSERT(path_mkdirs(dir, 0700, &yard->scene->err) == 0);
    ASSERT(file_write(file, "{\"format\": 99}", 14, 0600, &yard->scene->err) == 0);
    yard->engine = engine_new(&(EngineOptions){.loop = yard->scene->loop,
                                               .state_dir = yard->scene->state,
                                               .backend = yard->scene->backend,
                                               .kinds = &yard->kind,
                                               .kind_n = 1,
                                               .version = "test",
                                               .scripted = true});
    return yard;
}

static void yard_end(Yard *yard) {
    engine_free(yard->engine);
    scene_free(yard->scene);
    free(yard);
}

TEST(what_no_record_knows_is_destroyed_by_label_when_a_server_begins)
{
    Yard *yard = yard_new();
    ASSERT(engine_adopt(yard->engine, NULL, NULL, &yard->scene->err) == 0);
    loop_advance(yard->scene->loop, 100);
    CHECK_STR(yard->destroyed, "lost GONE "); /* a directory that cannot be read is a record */
    yard_end(yard);
}

/* What could not be destroyed when it ended is tried again by the next server. */
TEST(what_is_left_of_a_workflow_that_is_over_is_an_orphan)
{
    Yard *yard = yard_new();
    AUTO_FREE char *dir = xasprintf("%s/workflows/lost", yard->scene->state);
    AUTO_FREE char *who = xasprintf("%s/workflow.json", dir);
    AUTO_FREE char *facts = xasprintf("%s/facts.jsonl", dir);
    static const char config[] =
        "{\"format\":1,\"task\":\"lost\",\"uid\":\"u\",\"backend\":\"yard\",\"config\":"
        "{\"pipeline\":[]}}";
    static const char over[] = "{\"fact\":\"set_up\"}\n{\"fact\":\"destroyed\",\"why\":\"no\"}\n"
                               "{\"fact\":\"over\",\"us\":1}\n";
    ASSERT(path_mkdirs(dir, 0700, &yard->scene->err) == 0);
    ASSERT(file_write(who, config, strlen(config), 0600, &yard->scene->err) == 0);
    ASSERT(file_write(facts, over, strlen(over), 0600, &yard->scene->err) == 0);
    ASSERT(engine_adopt(yard->engine, NULL, NULL, &yard->scene->err) == 0);
    ASSERT(workflow_find(yard->engine, "lost") != NULL);
    CHECK_EQ(task_owner(yard->engine, "lost"), TASK_LIVES);
    loop_advance(yard->scene->loop, 100);
    CHECK_EQ(task_owner(yard->engine, "lost"), TASK_ORPHAN);
    CHECK_EQ(task_owner(yard->engine, "Known"), TASK_UNREAD);
    CHECK_STR(yard->destroyed, "lost GONE ");
    yard_end(yard);
}

TEST(what_cannot_be_read_is_removed_by_whoever_says_so)
{
    Yard *yard = yard_new();
    char said[300] = "";
    OrphanAsk ask = {.wish.name = "yard", .task = "Known"};
    orphan_remove(yard->engine, &ask, note, said);
    loop_advance(yard->scene->loop, 100);
    CHECK_STR(said, "the record of task Known cannot be read: it may be of a newer server; `thole "
                    "backend orphans --remove --unread` removes it all the same");
    CHECK_STR(yard->destroyed, "");
    ask.unread = true;
    orphan_remove(yard->engine, &ask, note, said);
    loop_advance(yard->scene->loop, 100);
    CHECK_STR(said, "done");
    CHECK_STR(yard->destroyed, "Known ");
    yard_end(yard);
}

TEST(a_server_that_leaves_in_the_midst_of_a_sweep_leaves_nothing)
{
    Yard *yard = yard_new();
    ASSERT(engine_adopt(yard->engine, NULL, NULL, &yard->scene->err) == 0);
    op_drop(backends_look(yard->engine, &(BackendsAsk){.name = "yard"}, NULL, NULL));
    op_drop(orphan_remove(yard->engine, &lost, NULL, NULL));
    yard_end(yard);
}

static void note_seen(void *arg, const void *result, const Err *err) {
    char *text = arg;
    const SeenBackends *seen = result;
    if (err) {
        note(arg, NULL, err);
        return;
    }
    size_t n = (size_t)snprintf(text, 300, "%zu %s %d %s %s:", seen->n, seen->at[0].name,
                                seen->at[0].available, seen->at[0].platform, seen->at[0].version);
    for (size_t i = 0; i < seen->at[0].left.n; i++)
        n += (size_t)snprintf(text + n, 300 - n, " %s%s", seen->at[0].left.at[i].what.name,
                              seen->at[0].left.at[i].orphan ? "!" : "");
}

TEST(what_is_left_is_seen_and_removed_but_not_of_what_lives)
{
    Yard *yard = yard_new();
    char said[300] = "";
    backends_look(yard->engine, &(BackendsAsk){.name = "yard", .leftovers = true}, note_seen, said);
    loop_advance(yard->scene->loop, 100);
    CHECK_STR(said, "1 yard 1 linux/any 7: c1! n1! c2! v1!");
    orphan_remove(yard->engine, &lost, note, said);
    loop_advance(yard->scene->loop, 100);
    CHECK_STR(said, "done");
    CHECK_STR(yard->destroyed, "lost ");
    backends_look(yard->engine, &(BackendsAsk){.name = "gard"}, note_seen, said);
    loop_advance(yard->scene->loop, 100);
    CHECK_STR(said, "there is no backend gard; did you mean yard?");
    op_drop(backends_look(yard->engine, &(BackendsAsk){.name = "yard"}, note_seen, said));
    op_drop(orphan_remove(yard->engine, &lost, note, said));
    loop_advance(yard->scene->loop, 100);
    CHECK_STR(said, "there is no backend gard; did you mean yard?");
    yard_end(yard);
}
