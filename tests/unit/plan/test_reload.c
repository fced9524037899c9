/* SPDX-License-Identifier: Apache-2.0 */
/* What another reading of the file means for each target. */
#include <string.h>

#include "base/report.h"
#include "harness/test.h"
#include "plan/reload.h"

typedef struct Two {
    Arena arena;
    Graph now, next;
    ReloadPlan plan;
} Two;

static void read_graph(Two *two, const char *services, Graph *ret) {
    Report report;
    report_init(&report, &two->arena);
    const char *text = arena_printf(&two->arena, "version: 1\nname: shop\nservices:\n%s", services);
    const Config *config = config_parse("/thole.yaml", text, strlen(text), &two->arena, &report);
    CHECK_STR(report.n ? report_line(&report.at[0], &two->arena) : "", "");
    graph_build(config, &two->arena, ret);
}

static Two *two_new(const char *now, const char *next) {
    static Two two;
    memset(&two, 0, sizeof two);
    arena_init(&two.arena);
    read_graph(&two, now, &two.now);
    read_graph(&two, next, &two.next);
    reload_plan(&two.now, &two.next, &two.arena, &two.plan);
    return &two;
}

/* "a:serve restart (command), b:serve keep" */
static const char *told(Two *two) {
    const char *text = "";
    for (size_t i = 0; i < two->plan.n; i++) {
        const TargetChange *c = &two->plan.at[i];
        text = arena_printf(&two->arena, "%s%s%s %s%s%s%s", text, i ? ", " : "", c->target,
                            reload_action_name(c->action), *c->keys ? " (" : "", c->keys,
                            *c->keys ? ")" : "");
    }
    return text;
}

static void check(const char *now, const char *next, const char *expected) {
    Two *two = two_new(now, next);
    CHECK_STR(told(two), expected);
    arena_deinit(&two->arena);
}

TEST(what_has_not_changed_is_kept)
{
    const char *same =
        "  a: {command: x, env: {A: '1'}, ready: {tcp: 80}}\n  b: {type: job, command: y}\n";
    Two *two = two_new(same, same);
    CHECK_STR(told(two), "a:serve keep, b:update keep");
    CHECK(!two->plan.any);
    arena_deinit(&two->arena);
    /* written in another way, or in another place of the file */
    check("  a: {command: [x], ready: {tcp: 80}}\n",
          "\n\n  a:\n    ready: {tcp: {port: 80}}\n    command:\n    - x\n", "a:serve keep");
}

TEST(what_a_process_is_made_of_restarts_it)
{
    check("  a: {command: x}\n", "  a: {command: y}\n", "a:serve restart (command)");
    check("  a: {command: x}\n", "  a: {command: [x]}\n", "a:serve restart (command)");
    check("  a: {command: x, env: {A: '1', B: '2', C: '3'}}\n",
          "  a: {command: x, env: {A: '1', B: '3', D: '4'}}\n",
          "a:serve restart (env.B, env.C, env.D)");
    check("  a: {command: x}\n", "  a: {command: x, path: usr}\n", "a:serve restart (path)");
    check("  a: {command: x}\n", "  a: {command: x, shell: [bash, -c]}\n",
          "a:serve restart (command, shell)");
    check("  a: {command: x, ready: {tcp: 80}}\n", "  a: {command: x, ready: {tcp: 81}}\n",
          "a:serve restart (ready)");
    check("  a: {command: x, ready: {tcp: 80}}\n", "  a: {command: x}\n",
          "a:serve restart (ready)");
    check("  a: {command: x}\n", "  a: {command: x, tty: true}\n", "a:serve restart (tty)");
    check("  a: {type: job, command: x}\n", "  a: {type: job, command: y}\n",
          "a:update restart (command)");
}

TEST(a_build_and_its_server)
{
    check("  a: {build: b, command: x}\n", "  a: {build: c, command: x}\n",
          "a:serve restart (build), a:update restart (build)");
    check("  a: {build: b, command: x}\n", "  a: {build: b, command: y}\n",
          "a:serve restart (command), a:update update (command)");
    check("  a: {build: b, command: x}\n", "  a: {build: b, command: x, env: {A: '1'}}\n",
          "a:serve restart (env.A), a:update restart (env.A)");
}

TEST(what_concerns_no_process_is_taken_up)
{
    check("  a: {command: x}\n", "  a: {command: x, description: d, labels: [l]}\n",
          "a:serve update (description, labels)");
    check("  a: {command: x}\n", "  a: {command: x, restart: never}\n", "a:serve update (restart)");
    check("  a: {command: x}\n  b: {command: y}\n",
          "  a: {command: x, depends_on: [b]}\n  b: {command: y}\n",
          "a:serve update (depends_on), b:serve keep");
}

TEST(of_hooks_only_before_concerns_a_run)
{
    check("  a: {command: x, hooks: {before: b, after: c}}\n",
          "  a: {command: x, hooks: {before: B, after: C}}\n", "a:serve restart (hooks.before)");
    check("  a: {command: x, hooks: {before: b, after: c, on_failure: f}}\n",
          "  a: {command: x, hooks: {before: b, after: C, on_failure: F, timeout: 2m}}\n",
          "a:serve update (hooks.after, hooks.on_failure, hooks.timeout)");
    check("  a: {command: x}\n", "  a: {command: x, hooks: {after: c}}\n",
          "a:serve update (hooks.after)");
    check("  a: {command: x, hooks: {before: 'b {{services.p.port}}'}}\n"
          "  p: {command: y, port: 3000}\n",
          "  a: {command: x, hooks: {before: 'b {{services.p.port}}'}}\n"
          "  p: {command: y, port: 3001}\n",
          "a:serve restart (hooks.before), p:serve restart (port)");
}

TEST(what_comes_and_goes)
{
    check("  a: {command: x}\n  b: {command: y}\n",
          "  b: {command: y}\n  c: {build: z, command: z}\n",
          "a:serve stop, b:serve keep, c:serve start, c:update start");
    check("  a: {command: x}\n", "  a: {type: job, command: x}\n", "a:serve stop, a:update start");
    check("  zz: {command: x}\n", "  aa: {command: x}\n", "aa:serve start, zz:serve stop");
}

/* "a:serve: b:serve is restarted, ..." of those that follow; all would. */
static void check_follow(const char *now, const char *next, const char *expected) {
    Two *two = two_new(now, next);
    unsigned char *follows = arena_alloc(&two->arena, two->next.n);
    memset(follows, 1, two->next.n);
    reload_follow(&two->next, follows, &two->arena, &two->plan);
    const char *text = "";
    for (size_t i = 0; i < two->plan.n; i++) {
        const TargetChange *c = &two->plan.at[i];
        if (c->because)
            text = arena_printf(&two->arena, "%s%s%s %s: %s", text, *text ? ", " : "", c->target,
                                reload_action_name(c->action),
                                reload_why(c, "thole.yaml", &two->arena));
    }
    CHECK_STR(text, expected);
    arena_deinit(&two->arena);
}

#define FOLLOWERS                                               \
    "  web: {command: w, depends_on: {api: {restart: true}}}\n" \
    "  top: {command: t, depends_on: {web: {restart: true}}}\n" \
    "  cold: {command: c, depends_on: [api]}\n"

TEST(who_follows_is_restarted_too)
{
    check_follow("  api: {command: x}\n" FOLLOWERS, "  api: {command: y}\n" FOLLOWERS,
                 "top:serve restart: web:serve is restarted, web:serve restart: api:serve is "
                 "restarted");
    check_follow("  api: {command: x}\n" FOLLOWERS,
                 "  api: {command: x, description: d}\n" FOLLOWERS, "");
    check_follow("  web: {command: w}\n",
                 "  web: {command: w, depends_on: {b: {restart: true}}}\n  b: {command: x}\n",
                 "web:serve restart: b:serve is started");
}

TEST(who_follows_and_does_not_run_stays)
{
    Two *two = two_new("  api: {command: x}\n" FOLLOWERS, "  api: {command: y}\n" FOLLOWERS);
    unsigned char *follows = arena_alloc(&two->arena, two->next.n);
    memset(follows, 0, two->next.n);
    reload_follow(&two->next, follows, &two->arena, &two->plan);
    CHECK_STR(told(two),
              "api:serve restart (command), cold:serve keep, top:serve keep, web:serve keep");
    arena_deinit(&two->arena);
}

TEST(what_is_of_the_whole_project)
{
    Two two = {0};
    arena_init(&two.arena);
    read_graph(&two, "  a: {command: x}\n", &two.now);
    read_graph(&two, "  a: {command: x}\n", &two.next);
    ((Config *)(uintptr_t)two.next.config)->parallelism = 7;
    reload_plan(&two.now, &two.next, &two.arena, &two.plan);
    CHECK_STR(told(&two), "a:serve keep");
    CHECK(two.plan.any);
    arena_deinit(&two.arena);
}

TEST(a_session_that_is_not_there_yet)
{
    const Graph nothing = {.config = NULL};
    Two two = {0};
    arena_init(&two.arena);
    read_graph(&two, "  a: {command: x}\n", &two.next);
    reload_plan(&nothing, &two.next, &two.arena, &two.plan);
    CHECK_STR(told(&two), "a:serve start");
    CHECK(two.plan.any);
    arena_deinit(&two.arena);
}

TEST(what_is_gone_from_the_file_stays_while_it_runs)
{
    Two *two = two_new("  a: {command: x, depends_on: [c]}\n  b: {command: y}\n  c: {command: z}\n",
                       "  b: {command: y}\n  d: {command: z}\n");
    unsigned char stay[8] = {0};
    bool again;
    stay[graph_find(&two->now, "a:serve")] = 1;
    stay[graph_find(&two->now, "b:serve")] = 1;
    const Config *merged = reload_merge(&two->now, &two->next, stay, &two->arena, &again);
    CHECK_EQ(merged->services.n, 3);
    CHECK_STR(merged->services.at[0].name, "a");
    CHECK(merged->services.at[0].leaving && !merged->services.at[0].auto_start);
    CHECK_EQ(merged->services.at[0].depends_on.n, 0);
    CHECK(!merged->services.at[1].leaving && !merged->services.at[2].leaving);
    CHECK(!again);
    arena_deinit(&two->arena);
}

TEST(a_service_of_another_kind_comes_when_the_former_has_gone)
{
    Two *two = two_new("  a: {command: x}\n", "  a: {type: job, command: x}\n");
    unsigned char stay[4] = {0};
    bool again;
    stay[graph_find(&two->now, "a:serve")] = 1;
    const Config *merged = reload_merge(&two->now, &two->next, stay, &two->arena, &again);
    CHECK_EQ(merged->services.n, 1);
    CHECK(merged->services.at[0].leaving && merged->services.at[0].type == SERVICE_SERVER);
    CHECK(again);
    arena_deinit(&two->arena);
}

static void check_summary(const char *now, const char *next, const char *expected) {
    Two *two = two_new(now, next);
    CHECK_STR(reload_summary(&two->plan, "thole.yaml", &two->arena), expected);
    arena_deinit(&two->arena);
}

TEST(a_reload_in_one_line)
{
    check_summary("  a: {command: x}\n  b: {command: x}\n  old: {command: x}\n",
                  "  a: {command: y}\n  b: {command: y}\n  new: {command: x}\n",
                  "thole.yaml changed: restart a:serve, b:serve; start new:serve; stop old:serve");
    check_summary("  a: {command: x}\n", "  a: {command: x, labels: [l]}\n",
                  "thole.yaml changed: update a:serve");
    check_summary("  z: {command: x}\n",
                  "  a: {command: x}\n  b: {command: x}\n  c: {command: x}\n  d: {command: x}\n"
                  "  z: {command: x}\n",
                  "thole.yaml changed: start a:serve, b:serve, c:serve and 1 more");
    check_summary("  a: {command: x}\n", "  a: {command: x}\n",
                  "thole.yaml changed: no target is concerned");
}
