/* SPDX-License-Identifier: Apache-2.0 */
/* Environments as they are kept, shown, exported and imported. */
#include "spec/environment.h"

#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/xalloc.h"
#include "harness/test.h"

enum { TEXT_MAX = 8 << 20 };

typedef struct World {
    Arena arena;
    Report report;
    Buf text; /* what was written last */
} World;

static void world_init(World *w) {
    arena_init(&w->arena);
    report_init(&w->report, &w->arena);
    buf_init(&w->text, TEXT_MAX);
}

static void world_deinit(World *w) {
    buf_deinit(&w->text);
    arena_deinit(&w->arena);
}

static const char *problems(World *w) {
    const char *all = "";
    for (size_t i = 0; i < w->report.n; i++)
        all = arena_printf(&w->arena, "%s%s\n", all, report_line(&w->report.at[i], &w->arena));
    return all;
}

static const Value *parsed(World *w, const char *json) {
    const Value *v = NULL;
    Err err;
    if (json_parse(json, strlen(json), &w->arena, &v, &err) < 0)
        test_fail(__FILE__, __LINE__, "%s in %s", err.msg, json);
    return v;
}

static EnvironmentState import(World *w, const char *json) {
    EnvironmentState state = {0};
    if (state_decode(parsed(w, json), "state.json", &w->arena, &w->report, &state) < 0)
        test_fail(__FILE__, __LINE__, "%sin %s", problems(w), json);
    return state;
}

static JsonWriter begin(World *w, bool pretty) {
    JsonWriter out;
    buf_reset(&w->text);
    json_writer_init(&out, &w->text);
    out.pretty = pretty;
    return out;
}

/* In the arena. */
static const char *export(World *w, const EnvironmentState *state, bool pretty) {
    JsonWriter out = begin(w, pretty);
    json_object_begin(&out);
    state_encode(state, ENTRY_SEED, &out);
    json_object_end(&out);
    return arena_strdup(&w->arena, buf_cstr(&w->text));
}

static const char *encoded(World *w, const EnvironmentEntry *entry, EntryForm form) {
    JsonWriter out = begin(w, false);
    entry_encode(entry, form, &out);
    return arena_strdup(&w->arena, buf_cstr(&w->text));
}

static EnvironmentEntry entry_of(World *w, const char *name, const char *json) {
    EnvironmentEntry entry = {0};
    if (entry_decode(parsed(w, json), name, &w->arena, &w->report, &entry) < 0)
        test_fail(__FILE__, __LINE__, "%sin %s", problems(w), json);
    return entry;
}

static void refuses(const char *json, const char *why) {
    World w;
    EnvironmentState state = {.version = 77};
    world_init(&w);
    if (state_decode(parsed(&w, json), "state.json", &w.arena, &w.report, &state) == 0)
        test_fail(__FILE__, __LINE__, "accepted: %s", json);
    const char *told = strstr(problems(&w), why);
    CHECK_HAS(problems(&w), why);
    CHECK(!told || !strstr(told + 1, why));
    CHECK_EQ(state.version, 77);
    world_deinit(&w);
}

/* ---- equal in meaning ---- */

static bool is_time(const char *text, int64_t *ret) {
    Err err;
    return text && strlen(text) > 18 && time_parse(text, ret, &err) == 0;
}

static bool empty(const Value *v) {
    return !v || v->kind == VALUE_NULL || (v->kind == VALUE_MAP && value_count(v) == 0);
}

static bool same_meaning(const Value *a, const Value *b) {
    int64_t x, y;
    if (empty(a) || empty(b))
        return empty(a) && empty(b);
    if (is_time(value_str(a), &x) && is_time(value_str(b), &y))
        return x == y;
    if (a->kind != b->kind || a->kind == VALUE_STRING || value_count(a) != value_count(b))
        return value_equal(a, b);
    if (a->kind != VALUE_MAP && a->kind != VALUE_LIST)
        return value_equal(a, b);
    for (size_t i = 0; i < value_count(a); i++)
        if (a->kind == VALUE_LIST
                ? !same_meaning(value_at(a, i), value_at(b, i))
                : !same_meaning(a->map.at[i].value, value_get(b, a->map.at[i].key)))
            return false;
    return true;
}

static void keeps_its_meaning(World *w, const char *json) {
    EnvironmentState state = import(w, json);
    const char *out = export(w, &state, false);
    if (!same_meaning(parsed(w, json), parsed(w, out)))
        test_fail(__FILE__, __LINE__, "%s\ncame back as\n%s", json, out);
    EnvironmentState again = import(w, out);
    CHECK_STR(export(w, &again, false), out);
}

TEST(a_state_of_previewctl_is_imported_and_exported)
{
    AUTO_FREE char *path = test_source("tests/golden/environment/previewctl.json");
    AUTO_FREE char *expect = test_source("tests/golden/environment/previewctl.expect");
    AUTO_FREE char *json = NULL, *wanted = NULL;
    World w;
    Err err;
    world_init(&w);
    ASSERT(file_read(path, TEXT_MAX, &json, NULL, &err) == 0);
    keeps_its_meaning(&w, json);
    EnvironmentState state = import(&w, json);
    const char *out = arena_printf(&w.arena, "%s\n", export(&w, &state, true));
    if (test_updates())
        ASSERT(file_write(expect, out, strlen(out), 0644, &err) == 0);
    ASSERT(file_read(expect, TEXT_MAX, &wanted, NULL, &err) == 0);
    CHECK_STR(out, wanted);
    world_deinit(&w);
}

TEST(what_is_in_a_state_of_previewctl_is_found)
{
    AUTO_FREE char *path = test_source("tests/golden/environment/previewctl.json"), *json = NULL;
    World w;
    Err err;
    world_init(&w);
    ASSERT(file_read(path, TEXT_MAX, &json, NULL, &err) == 0);
    EnvironmentState state = import(&w, json);
    ASSERT(state.environments.n == 3);
    CHECK_STR(state.environments.at[0].name, "caf\xc3\xa9/\xc3\xbc"); /* in byte order */
    CHECK_STR(state.environments.at[1].name, "feat-auth");
    const EnvironmentEntry *pr = &state.environments.at[2];
    CHECK_EQ(pr->status, ENVIRONMENT_RUNNING);
    CHECK_EQ(pr->created_ns, INT64_C(1772439304123456789));
    CHECK_EQ(state.environments.at[1].updated_ns, 0);
    CHECK_EQ(entry_port(pr, "redis"), 61401);
    CHECK_EQ(entry_port(pr, "nobody"), 0);
    CHECK_STR(strmap_get(entry_outputs(pr, "main"), "DB_NAME"), "pr_42");
    CHECK(!entry_outputs(pr, "other"));
    CHECK_STR(pr->compute->root, "/app"); /* of the other machine: no directory of ours */
    CHECK_STR(entry_path(pr), "");
    CHECK_STR(entry_path(&state.environments.at[1]), "");
    CHECK_HAS(entry_path(&state.environments.at[0]), "/worktrees/shop/");
    CHECK(!state.environments.at[0].compute->managed);
    CHECK(entry_completed(pr, "allocate_ports"));
    CHECK(!entry_completed(pr, "runner_deploy"));
    CHECK_STR(entry_checkpoint(pr, "runner_deploy")->error, "remote exec: exit status 3");
    CHECK_EQ(entry_checkpoint(pr, "start_services")->status, CHECKPOINT_INVALIDATED);
    CHECK_EQ(entry_checkpoint(pr, "start_services")->started_ns, 0);
    CHECK(!entry_checkpoint(pr, "seed_main"));
    CHECK_STR(pr->enabled_services.at[0], "web");
    CHECK_EQ(pr->audit.n, 3);
    CHECK_STR(strmap_get(&pr->values, "API_TOKEN"), "t0ken <&>");
    world_deinit(&w);
}

/* ---- any state ---- */

typedef struct Dice {
    World *w;
    unsigned seed;
} Dice;

static unsigned roll(Dice *d, unsigned n) {
    return (unsigned)rand_r(&d->seed) % n;
}

static const char *any_text(Dice *d) {
    static const char *const texts[] = {
        "",   "a",     "web",   "a b",   "\\\"quoted\\\"",         "line\\nbreak", "caf\xc3\xa9",
        "=x", "{{x}}", "\\\\d", "$HOME", "\\u003cb\\u003e\\u2028", "********",     "0"};
    return texts[roll(d, COUNT(texts))];
}

static const char *some_text(Dice *d) {
    return arena_printf(&d->w->arena, "%s%u", any_text(d), roll(d, 100));
}

static const char *any_time(Dice *d) {
    static const char *const tails[] = {
        "Z", ".5Z", ".000000001Z", "+01:00", ".25-08:00", ".999999999+05:45", ".100Z", "-00:00"};
    if (roll(d, 8) == 0)
        return "0001-01-01T00:00:00Z";
    return arena_printf(&d->w->arena, "20%02u-%02u-%02uT%02u:%02u:%02u%s", roll(d, 100),
                        1 + roll(d, 12), 1 + roll(d, 28), roll(d, 24), roll(d, 60), roll(d, 60),
                        tails[roll(d, COUNT(tails))]);
}

static const char *any_value(Dice *d, unsigned depth) {
    switch (roll(d, depth ? 7 : 5)) {
    case 0: return arena_printf(&d->w->arena, "\"%s\"", any_text(d));
    case 1: return arena_printf(&d->w->arena, "%d", (int)roll(d, 70000) - 100);
    case 2: return "true";
    case 3: return "1.5";
    case 4: return "[]";
    case 5:
        return arena_printf(&d->w->arena, "[%s,%s]", any_value(d, depth - 1),
                            any_value(d, depth - 1));
    default:
        return arena_printf(&d->w->arena, "{\"k\":%s,\"l\":%s}", any_value(d, depth - 1),
                            any_value(d, depth - 1));
    }
}

/* Members of keys that nobody knows yet. */
static const char *news(Dice *d) {
    return roll(d, 3) ? ""
                      : arena_printf(&d->w->arena, ",\"new%u\":%s,\"thole\":{\"later\":%s}",
                                     roll(d, 10), any_value(d, 2), any_value(d, 2));
}

static const char *any_strings(Dice *d) {
    const char *all = "";
    for (unsigned i = 0, n = roll(d, 4); i < n; i++)
        all = arena_printf(&d->w->arena, "%s%s\"K%u%s\":\"%s\"", all, i ? "," : "", i, any_text(d),
                           any_text(d));
    return arena_printf(&d->w->arena, "{%s}", all);
}

static const char *any_ports(Dice *d) {
    const char *all = "";
    for (unsigned i = 0, n = roll(d, 4); i < n; i++)
        all =
            arena_printf(&d->w->arena, "%s%s\"s%u\":%u", all, i ? "," : "", 9 - i, roll(d, 65536));
    return roll(d, 4) ? arena_printf(&d->w->arena, "{%s}", all) : "null";
}

static const char *any_outputs(Dice *d) {
    return roll(d, 3) ? arena_printf(&d->w->arena, "{\"pg\":%s,\"bucket\":%s}", any_strings(d),
                                     any_strings(d))
                      : "null";
}

static const char *any_compute(Dice *d) {
    static const char *const some[] = {
        "{\"type\":\"local\",\"path\":\"/w/t\",\"managedWorktree\":true",
        "{\"type\":\"ssh\",\"path\":\"/app\",\"host\":\"h\",\"user\":\"u\"", "{\"type\":\"local\"",
        "{\"type\":\"pod\",\"path\":\"/x\""};
    return roll(d, 4) ? arena_printf(&d->w->arena, ",\"compute\":%s%s}", some[roll(d, COUNT(some))],
                                     news(d))
                      : "";
}

static const char *any_steps(Dice *d) {
    static const char *const statuses[] = {"completed", "failed", "invalidated"};
    const char *all = "";
    unsigned n = roll(d, 4);
    for (unsigned i = 0; i < n; i++)
        all = arena_printf(
            &d->w->arena,
            "%s%s\"seed_%u\":{\"name\":\"seed_%u\",\"status\":\"%s\",\"startedAt\":\"%s\","
            "\"finishedAt\":\"%s\",\"durationMs\":%u,\"machine\":\"%s\"%s%s}",
            all, i ? "," : "", n - i, n - i, statuses[roll(d, 3)], any_time(d), any_time(d),
            roll(d, 100000), any_text(d),
            roll(d, 2) ? arena_printf(&d->w->arena, ",\"error\":\"%s\"", some_text(d))
                       : arena_printf(&d->w->arena, ",\"outputs\":{\"o\":%s}", any_value(d, 3)),
            news(d));
    return n ? arena_printf(&d->w->arena, ",\"steps\":{%s}", all) : "";
}

static const char *any_audit(Dice *d) {
    const char *all = "";
    unsigned n = roll(d, 4);
    for (unsigned i = 0; i < n; i++)
        all = arena_printf(&d->w->arena,
                           "%s%s{\"timestamp\":\"%s\",\"step\":\"%s\",\"action\":\"executed\","
                           "\"machine\":\"%s\",\"message\":\"%s\",\"durationMs\":%u%s}",
                           all, i ? "," : "", any_time(d), any_text(d), any_text(d), some_text(d),
                           1 + roll(d, 1000), news(d));
    return n ? arena_printf(&d->w->arena, ",\"auditLog\":[%s]", all) : "";
}

static const char *any_entry(Dice *d, const char *name) {
    static const char *const statuses[] = {"creating", "provisioned", "running", "stopped",
                                           "error"};
    return arena_printf(
        &d->w->arena,
        "\"%s\":{\"name\":\"%s\",\"mode\":\"%s\",\"branch\":\"%s\",\"status\":\"%s\","
        "\"createdAt\":\"%s\",\"updatedAt\":\"%s\",\"ports\":%s,\"provisionerOutputs\":%s%s%s%s%s%"
        "s}",
        name, name, any_text(d), any_text(d), statuses[roll(d, COUNT(statuses))], any_time(d),
        any_time(d), any_ports(d), any_outputs(d), any_compute(d),
        roll(d, 2) ? ",\"env\":{\"A\":\"1\"},\"enabledServices\":[\"b\",\"a\"]" : "", any_steps(d),
        any_audit(d), news(d));
}

static const char *any_state(Dice *d) {
    const char *all = "";
    for (unsigned i = 0, n = roll(d, 5); i < n; i++)
        all = arena_printf(&d->w->arena, "%s%s%s", all, i ? "," : "",
                           any_entry(d, arena_printf(&d->w->arena, "e/%u", 9 - i)));
    return arena_printf(&d->w->arena, "{\"version\":1,\"environments\":%s%s}",
                        *all ? arena_printf(&d->w->arena, "{%s}", all) : "null", news(d));
}

TEST(whatever_previewctl_wrote_means_the_same_after_import_and_export)
{
    for (unsigned seed = 1; seed <= 500; seed++) {
        World w;
        world_init(&w);
        Dice d = {&w, seed};
        keeps_its_meaning(&w, any_state(&d));
        world_deinit(&w);
    }
}

TEST(whatever_is_stored_is_read_back)
{
    for (unsigned seed = 1; seed <= 300; seed++) {
        World w;
        world_init(&w);
        Dice d = {&w, seed};
        EnvironmentState state = import(&w, any_state(&d));
        for (size_t i = 0; i < state.environments.n; i++) {
            EnvironmentEntry *e = &state.environments.at[i];
            e->status = seed % 2 ? ENVIRONMENT_DELETING : e->status;
            e->uid = "u-1";
            e->expires_ns = seed % 3 ? 0 : INT64_C(1772439304123456789);
            e->failed_step = seed % 5 ? NULL : "seed_pg";
            for (size_t k = 0; k < e->steps.n; k++) {
                e->steps.at[k].status = k % 2 ? e->steps.at[k].status : CHECKPOINT_STARTED;
                e->steps.at[k].run = (int64_t)k;
                e->steps.at[k].inputs = "abc123";
                e->steps.at[k].server = k % 2 ? NULL : "0b5e";
                e->steps.at[k].operation = (int64_t)k;
            }
            for (size_t k = 0; k < e->audit.n; k++)
                e->audit.at[k].user = "ada";
            const char *stored = encoded(&w, e, ENTRY_STORED);
            EnvironmentEntry back = entry_of(&w, e->name, stored);
            CHECK_EQ(back.status, e->status);
            CHECK_STR(encoded(&w, &back, ENTRY_STORED), stored);
        }
        world_deinit(&w);
    }
}

/* ---- ours ---- */

static EnvironmentEntry full_entry(World *w) {
    EnvironmentEntry e = entry_of(
        w, "feat/a",
        "{\"mode\":\"local\",\"branch\":\"feat/a\",\"status\":\"error\","
        "\"createdAt\":\"2026-01-01T00:00:00Z\",\"updatedAt\":\"2026-01-02T00:00:00Z\","
        "\"ports\":{\"web\":61200},\"provisionerOutputs\":{\"pg\":{\"URL\":\"s3cret-out\"}},"
        "\"env\":{\"TOKEN\":\"s3cret-value\"},\"future\":\"s3cret-unknown\","
        "\"steps\":{\"seed_pg\":{\"name\":\"seed_pg\",\"status\":\"completed\","
        "\"outputs\":{\"outputs\":{\"URL\":\"s3cret-out\"},\"n\":5}}},"
        "\"auditLog\":[{\"timestamp\":\"2026-01-02T00:00:00Z\",\"step\":\"\",\"action\":\"x\","
        "\"machine\":\"m\"}]}");
    Checkpoint *seed = entry_checkpoint(&e, "seed_pg");
    seed->inputs = "0123abcd";
    seed->run = 4;
    seed->server = "5e1f";
    seed->operation = 9;
    entry_set_checkpoint(
        &e, &(Checkpoint){.name = "runner_deploy", .status = CHECKPOINT_STARTED, .run = 5},
        &w->arena);
    e.uid = "0b5e";
    e.base = "main";
    e.expires_ns = INT64_C(1772439304000000000);
    e.failed_step = "runner_deploy";
    e.error = "exit code 3";
    e.audit.at[0].user = "ada";
    return e;
}

TEST(ours_is_exported_below_one_key_and_comes_back)
{
    World w;
    world_init(&w);
    EnvironmentEntry e = full_entry(&w);
    EnvironmentState state = {.version = 1, .environments = {&e, 1}};
    const char *out = export(&w, &state, false);
    const Value *entry = value_get(value_get(parsed(&w, out), "environments"), "feat/a");
    const Value *own = value_get(entry, "thole");
    CHECK_STR(value_get_str(own, "uid"), "0b5e");
    CHECK_STR(value_get_str(own, "base"), "main");
    CHECK_STR(value_get_str(own, "expiresAt"), "2026-03-02T08:15:04Z");
    CHECK_STR(value_get_str(own, "failedStep"), "runner_deploy");
    CHECK_STR(value_get_str(own, "error"), "exit code 3");
    const Value *steps = value_get(entry, "steps");
    CHECK_EQ(value_count(steps), 1); /* not what is started */
    const Value *own_step = value_get(value_get(steps, "seed_pg"), "thole");
    CHECK_STR(value_get_str(own_step, "inputs"), "0123abcd");
    CHECK_STR(value_get_str(own_step, "server"), "5e1f");
    CHECK_EQ(value_get_int(own_step, "operation", 0), 9);
    EnvironmentState back = import(&w, out);
    EnvironmentEntry *again = &back.environments.at[0];
    CHECK_STR(again->uid, "0b5e");
    CHECK_EQ(again->expires_ns, e.expires_ns);
    CHECK_STR(entry_checkpoint(again, "seed_pg")->inputs, "0123abcd");
    CHECK_EQ(entry_checkpoint(again, "seed_pg")->run, 4);
    CHECK_STR(entry_checkpoint(again, "seed_pg")->server, "5e1f");
    CHECK_EQ(entry_checkpoint(again, "seed_pg")->operation, 9);
    CHECK(!entry_checkpoint(again, "seed_pg")->unknown);
    CHECK_STR(again->audit.at[0].user, "ada");
    CHECK_STR(value_get_str(again->unknown, "future"), "s3cret-unknown");
    world_deinit(&w);
}

TEST(what_is_being_deleted_is_exported_as_an_error)
{
    World w;
    world_init(&w);
    EnvironmentEntry e = {.name = "a", .status = ENVIRONMENT_DELETING};
    EnvironmentState state = {.version = 1, .environments = {&e, 1}};
    EnvironmentState back = import(&w, export(&w, &state, false));
    CHECK_EQ(back.environments.at[0].status, ENVIRONMENT_ERROR);
    CHECK_STR(back.environments.at[0].error, "it was being deleted");
    const Value *shown = parsed(&w, encoded(&w, &e, ENTRY_SHOWN));
    CHECK_STR(value_get_str(shown, "status"), "error");
    CHECK_STR(value_get_str(value_get(shown, "thole"), "status"), "deleting");
    EnvironmentEntry stored = entry_of(&w, "a", encoded(&w, &e, ENTRY_STORED));
    CHECK_EQ(stored.status, ENVIRONMENT_DELETING);
    world_deinit(&w);
}

TEST(people_are_shown_no_value)
{
    World w;
    world_init(&w);
    EnvironmentEntry e = full_entry(&w);
    const char *text = encoded(&w, &e, ENTRY_SHOWN);
    CHECK(!strstr(text, "s3cret"));
    const Value *v = parsed(&w, text);
    CHECK_EQ(value_count(value_get(v, "auditLog")), e.audit.n);
    CHECK_STR(value_get_str(value_get(value_get(v, "provisionerOutputs"), "pg"), "URL"),
              SCHEMA_MASKED);
    CHECK_STR(value_get_str(value_get(v, "env"), "TOKEN"), SCHEMA_MASKED);
    CHECK_STR(value_get_str(v, "branch"), "feat/a");
    CHECK_EQ(value_get_int(value_get(v, "ports"), "web", 0), 61200);
    world_deinit(&w);
}

/* It is no value of the project's; a hook may well print one of that name. */
TEST(people_are_shown_which_server_has_started_things)
{
    static const struct {
        const char *step, *shown;
    } rows[] = {{"start_services", "host:/state"},
                {"runner_deploy", "host:/state"},
                {"create_compute", SCHEMA_MASKED}};
    World w;
    world_init(&w);
    for (size_t i = 0; i < COUNT(rows); i++) {
        const char *text =
            arena_printf(&w.arena,
                         "{\"steps\":{\"%s\":{\"name\":\"%s\",\"status\":\"completed\",\"outputs\":"
                         "{\"server\":\"host:/state\",\"more\":\"s3cret\"}}}}",
                         rows[i].step, rows[i].step);
        EnvironmentEntry e = entry_of(&w, "a", text);
        const Value *steps = value_get(parsed(&w, encoded(&w, &e, ENTRY_SHOWN)), "steps");
        const Value *outputs = value_get(value_get(steps, rows[i].step), "outputs");
        CHECK_STR(value_get_str(outputs, "server"), rows[i].shown);
        CHECK_STR(value_get_str(outputs, "more"), SCHEMA_MASKED);
    }
    world_deinit(&w);
}

TEST(checkpoints_and_audit_entries_are_kept_one_by_one)
{
    World w;
    world_init(&w);
    Checkpoint step = {.name = "seed_pg",
                       .status = CHECKPOINT_STARTED,
                       .started_ns = 5,
                       .machine = "m",
                       .run = 7},
               step_back;
    JsonWriter out = begin(&w, false);
    checkpoint_encode(&step, ENTRY_STORED, &out);
    const char *text = arena_strdup(&w.arena, buf_cstr(&w.text));
    ASSERT(checkpoint_decode(parsed(&w, text), &w.arena, &w.report, &step_back) == 0);
    CHECK_EQ(step_back.status, CHECKPOINT_STARTED);
    CHECK_EQ(step_back.run, 7);
    CHECK_EQ(step_back.started_ns, 5);
    AuditEntry audit = {.time_ns = 9, .step = "s", .action = "executed", .user = "ada"}, back;
    out = begin(&w, false);
    audit_encode(&audit, &out);
    CHECK_STR(buf_cstr(&w.text),
              "{\"timestamp\":\"1970-01-01T00:00:00.000000009Z\",\"step\":\"s\","
              "\"action\":\"executed\",\"machine\":\"\",\"thole\":{\"user\":\"ada\"}}");
    text = arena_strdup(&w.arena, buf_cstr(&w.text));
    ASSERT(audit_decode(parsed(&w, text), &w.arena, &w.report, &back) == 0);
    CHECK_STR(back.user, "ada");
    CHECK(checkpoint_decode(parsed(&w, "{\"status\":\"completed\"}"), &w.arena, &w.report,
                            &step_back) < 0);
    CHECK_HAS(problems(&w), "it has no name");
    world_deinit(&w);
}

/* ---- what is wrong ---- */

TEST(a_state_of_a_newer_version_is_refused)
{
    refuses("{\"version\":2,\"environments\":{\"a b\":7}}",
            "state.json: version: the file is of version 2, and this thole reads up to 1: import "
            "it with a newer one\n");
    refuses("{\"version\":0,\"environments\":{}}", "there is no version 0");
    refuses("{\"version\":\"1\"}", "version: expected an integer, got string");
}

#define ENTRY(members) "{\"version\":1,\"environments\":{\"a\":{" members "}}}"

TEST(what_is_wrong_in_a_state_is_told_with_its_place)
{
    refuses("[]", "expected a map, got list");
    refuses("null", "expected a map");
    refuses(ENTRY("\"ports\":{\"web\":\"1\"}"), "environments.a.ports.web: expected");
    refuses(ENTRY("\"ports\":{\"web\":1.5}"), "environments.a.ports.web: expected");
    refuses(ENTRY("\"ports\":{\"web\":65536}"), "65536 is outside 0..65535");
    refuses(ENTRY("\"ports\":{\"web\":-1}"), "-1 is outside 0..65535");
    refuses(ENTRY("\"ports\":[]"), "environments.a.ports: expected");
    refuses(ENTRY("\"createdAt\":\"yesterday\""), "environments.a.createdAt: \"yesterday\" is not");
    refuses(ENTRY("\"createdAt\":\"2999-01-01T00:00:00Z\""), "environments.a.createdAt");
    refuses(ENTRY("\"status\":\"flying\""), "\"flying\" is none of creating,");
    refuses(ENTRY("\"name\":\"b\""), "it says \"b\", and stands under \"a\"");
    refuses(ENTRY("\"branch\":\"a\\u0000b\""), "environments.a.branch: it has a NUL");
    refuses(ENTRY("\"auditLog\":[1]"), "environments.a.auditLog: expected a map, got integer");
    refuses(ENTRY("\"steps\":{\"x\":{\"status\":\"new\"}}"), "environments.a.steps.x.status");
    refuses(ENTRY("\"steps\":{\"x\":{}}"), "environments.a.steps.x.status");
    refuses(ENTRY("\"provisionerOutputs\":{\"pg\":{\"A\":1}}"), "provisionerOutputs.pg.A");
    refuses(ENTRY("\"thole\":7"), "environments.a.thole: expected");
    refuses(ENTRY("\"compute\":{\"thole\":[]}"), "environments.a.compute.thole: expected");
    refuses(ENTRY("\"enabledServices\":[1]"), "environments.a.enabledServices: expected a string");
    refuses("{\"version\":1,\"thole\":7}", "thole: expected a map, got integer");
    refuses("{\"version\":1,\"environments\":{\"../../x\":{}}}", "environments.../../x: the name");
}

TEST(what_is_null_or_absent_is_empty)
{
    World w;
    world_init(&w);
    EnvironmentState state =
        import(&w, "{\"environments\":{\"a\":{},\"b\":null,\"c\":{\"name\":null,\"ports\":null,"
                   "\"compute\":null,\"steps\":{\"x\":null},\"auditLog\":null,\"env\":null,"
                   "\"enabledServices\":[\"web\",null]}}}");
    ASSERT(state.environments.n == 2);
    CHECK_STR(state.environments.at[0].name, "a");
    CHECK_EQ(state.environments.at[0].status, ENVIRONMENT_CREATING);
    CHECK_EQ(state.environments.at[1].steps.n, 0);
    CHECK(!state.environments.at[1].compute);
    CHECK_EQ(state.environments.at[1].enabled_services.n, 2);
    CHECK_STR(state.environments.at[1].enabled_services.at[1], "");
    CHECK_EQ(import(&w, "{\"version\":1,\"environments\":null}").environments.n, 0);
    world_deinit(&w);
}

TEST(parts_of_an_entry_are_kept_in_the_order_of_their_names)
{
    static const char *const names[] = {"m", "a", "z", "k", "a", "zz", "", "m"};
    Arena arena;
    arena_init(&arena);
    EnvironmentEntry e = {.name = "x"};
    StrMap none = {0};
    for (size_t i = 0; i < COUNT(names); i++) {
        entry_set_checkpoint(
            &e, &(Checkpoint){.name = names[i], .status = CHECKPOINT_COMPLETED, .run = (int64_t)i},
            &arena);
        entry_set_outputs(&e, names[i], &none, &arena);
    }
    ASSERT(e.steps.n == 6 && e.outputs.n == 6);
    for (size_t i = 1; i < e.steps.n; i++) {
        CHECK(strcmp(e.steps.at[i - 1].name, e.steps.at[i].name) < 0);
        CHECK(strcmp(e.outputs.at[i - 1].service, e.outputs.at[i].service) < 0);
    }
    CHECK_EQ(entry_checkpoint(&e, "m")->run, 7);
    CHECK_EQ(entry_checkpoint(&e, "a")->run, 4);
    CHECK(!entry_checkpoint(&e, "b"));
    arena_deinit(&arena);
}

TEST(statuses_have_names)
{
    EnvironmentStatus status;
    CheckpointStatus checkpoint;
    for (int i = ENVIRONMENT_CREATING; i <= ENVIRONMENT_DELETING; i++) {
        const char *name = environment_status_name((EnvironmentStatus)i);
        CHECK(environment_status_parse(name, &status) == 0 && (int)status == i);
    }
    for (int i = CHECKPOINT_STARTED; i <= CHECKPOINT_INVALIDATED; i++) {
        const char *name = checkpoint_status_name((CheckpointStatus)i);
        CHECK(checkpoint_status_parse(name, &checkpoint) == 0 && (int)checkpoint == i);
    }
    CHECK(environment_status_parse("Running", &status) < 0);
    CHECK(checkpoint_status_parse("", &checkpoint) < 0);
}
