/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buf.h"
#include "base/report.h"
#include "harness/test.h"
#include "plan/lifecycle.h"

/* ---- the list ---- */

static Arena arena; /* of the test that runs: each has a process of its own */

static const Config *read_config(const char *file, const char *text) {
    Report report;
    arena_init(&arena);
    report_init(&report, &arena);
    const Config *config = config_parse(file, text, strlen(text), &arena, &report);
    ASSERT(config);
    return config;
}

/* A line per step: "name: what it needs". */
static void is_list(const LifecycleAsk *ask, const char *expected) {
    Lifecycle list = lifecycle_of(ask, &arena);
    Buf out;
    buf_init(&out, 1 << 16);
    for (uint32_t i = 0; i < list.n; i++) {
        buf_printf(&out, "%s%s", list.at[i].name, list.at[i].need_n ? ":" : "");
        for (uint32_t k = 0; k < list.at[i].need_n; k++)
            buf_printf(&out, " %s", list.at[list.at[i].needs[k]].name);
        buf_putc(&out, '\n');
        CHECK(list.at[i].starting && list.at[i].complete);
        bool hook = list.at[i].kind == STEP_HOOK || list.at[i].kind == STEP_DEPLOY;
        CHECK(hook == (list.at[i].hook != NULL));
    }
    CHECK_STR(buf_cstr(&out), expected);
    buf_deinit(&out);
}

static const char whole[] =
    "version: 1\n"
    "name: shop\n"
    "provisioner:\n"
    "  before: echo before\n"
    "  after: echo after\n"
    "  services:\n"
    "    db: {outputs: [URL], seed: \"make db\\nmake rows\", destroy: drop}\n"
    "    cache: {outputs: [URL], seed: flush, destroy: drop}\n"
    "    mail: {outputs: [URL], init: setup}\n"
    "infrastructure: {compose_file: compose.yaml}\n"
    "services:\n"
    "  web: {path: ., command: serve, env: {PORT: \"1\"}}\n"
    "runner:\n"
    "  before: npm ci\n"
    "  build: npm run build\n"
    "  deploy: migrate\n"
    "  after: notify\n"
    "  destroy: bye\n";

TEST(all_steps_and_what_they_need)
{
    LifecycleAsk ask = {.config = read_config("/srv/thole.yaml", whole),
                        .phases = LIFECYCLE_PROVISION | LIFECYCLE_RUN};
    is_list(&ask, "provisioner_before\n"
                  "create_compute\n"
                  "allocate_ports\n"
                  "seed_cache: provisioner_before\n"
                  "seed_db: provisioner_before\n"
                  "build_manifest: allocate_ports seed_cache seed_db\n"
                  "write_manifest: create_compute build_manifest\n"
                  "provisioner_after: build_manifest write_manifest\n"
                  "runner_before: create_compute write_manifest provisioner_after\n"
                  "generate_env: create_compute build_manifest runner_before\n"
                  "start_infra: create_compute allocate_ports\n"
                  "build_services: runner_before generate_env start_infra\n"
                  "start_services: runner_before generate_env start_infra build_services\n"
                  "runner_deploy: runner_before generate_env start_infra build_services "
                  "start_services\n"
                  "runner_after: runner_before generate_env start_infra build_services "
                  "start_services runner_deploy\n");
    arena_deinit(&arena);
}

TEST(what_the_config_does_not_have_is_no_step)
{
    static const char text[] = "version: 1\nname: shop\nservices: {web: {path: ., build: make}}\n";
    LifecycleAsk ask = {.config = read_config("/srv/thole.yaml", text),
                        .phases = LIFECYCLE_PROVISION | LIFECYCLE_RUN};
    is_list(&ask, "create_compute\n"
                  "allocate_ports\n"
                  "build_manifest: allocate_ports\n"
                  "write_manifest: create_compute build_manifest\n");
    arena_deinit(&arena);
}

TEST(previewctl_starts_no_services_and_has_a_manifest_of_its_own_name)
{
    static const char text[] = "version: 1\nname: shop\n"
                               "services: {web: {path: ., command: serve, env: {A: \"1\"}}}\n";
    static const char *const files[] = {"/srv/previewctl.yaml", "/srv/previewctl.ci.yml"};
    for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++) {
        LifecycleAsk ask = {.config = read_config(files[i], text),
                            .phases = LIFECYCLE_PROVISION | LIFECYCLE_RUN};
        is_list(&ask, "create_compute\n"
                      "allocate_ports\n"
                      "build_manifest: allocate_ports\n"
                      "write_manifest: create_compute build_manifest\n"
                      "generate_env: create_compute build_manifest\n");
        Lifecycle list = lifecycle_of(&ask, &arena);
        CHECK_STR(list.at[3].complete, "Manifest written to .previewctl.json");
        arena_deinit(&arena);
    }
}

TEST(a_given_worktree_is_not_created)
{
    LifecycleAsk ask = {.config = read_config("/srv/thole.yaml", whole),
                        .attached = true,
                        .phases = LIFECYCLE_PROVISION};
    Lifecycle list = lifecycle_of(&ask, &arena);
    CHECK_EQ(lifecycle_find(&list, "create_compute"), UINT32_MAX);
    arena_deinit(&arena);
}

TEST(files_are_brought_into_a_tree_that_stands)
{
    LifecycleAsk ask = {.config = read_config("/srv/thole.yaml", whole),
                        .copies = true,
                        .phases = LIFECYCLE_PROVISION | LIFECYCLE_RUN};
    Lifecycle list = lifecycle_of(&ask, &arena);
    uint32_t at = lifecycle_find(&list, "copy_files"), dependants[32];
    ASSERT(at != UINT32_MAX);
    CHECK_STR(list.at[at - 1].name, "create_compute");
    CHECK_EQ(list.at[at].need_n, 1);
    ASSERT(lifecycle_dependants(&list, at, dependants) > 0);
    CHECK_STR(list.at[dependants[0]].name, "runner_before");
    ask.copies = false;
    list = lifecycle_of(&ask, &arena);
    CHECK_EQ(lifecycle_find(&list, "copy_files"), UINT32_MAX);
    arena_deinit(&arena);
}

TEST(of_a_long_hook_the_beginning_is_said)
{
    Buf text, brief;
    buf_init(&text, 4096);
    buf_init(&brief, 4096);
    buf_puts(&text, "version: 1\nprovisioner: {before: ");
    buf_puts(&brief, "Running provisioner.before → ");
    for (size_t i = 0; i < 1000; i++) {
        buf_puts(&text, "é");
        if (i < 100)
            buf_puts(&brief, "é");
    }
    buf_puts(&text, "}\n");
    buf_puts(&brief, " …");
    LifecycleAsk ask = {.config = read_config("/srv/thole.yaml", buf_cstr(&text)),
                        .phases = LIFECYCLE_PROVISION};
    Lifecycle list = lifecycle_of(&ask, &arena);
    CHECK_STR(list.at[0].starting, buf_cstr(&brief));
    buf_deinit(&text);
    buf_deinit(&brief);
    arena_deinit(&arena);
}

TEST(what_is_said_of_hooks)
{
    LifecycleAsk ask = {.config = read_config("/srv/thole.yaml", whole),
                        .phases = LIFECYCLE_PROVISION | LIFECYCLE_RUN};
    Lifecycle list = lifecycle_of(&ask, &arena);
    const LifecycleStep *seed = &list.at[lifecycle_find(&list, "seed_db")];
    CHECK_STR(seed->starting, "Seeding db → make db …");
    CHECK_STR(seed->complete, "Seeded db (make db …)");
    CHECK_STR(seed->service, "db");
    CHECK_STR(seed->action, "seed");
    CHECK_STR(seed->outputs->at[0], "URL");
    CHECK_EQ(seed->place, HOOK_PROJECT);
    const LifecycleStep *before = &list.at[lifecycle_find(&list, "runner_before")];
    CHECK_STR(before->starting, "Running runner.before → npm ci");
    CHECK_STR(before->complete, "Ran runner.before (npm ci)");
    CHECK_EQ(before->place, HOOK_COMPUTE);
    CHECK(!before->outputs);
    arena_deinit(&arena);
}

/* ---- to destroy ---- */

static ComputeAccess tree = {.type = "local", .path = "/trees/x", .managed = true};

TEST(a_worktree_of_ours_is_destroyed_in_reverse)
{
    LifecycleAsk ask = {.config = read_config("/srv/thole.yaml", whole),
                        .compute = &tree,
                        .phases = LIFECYCLE_DESTROY};
    is_list(&ask, "check_loss\nstop_services\nrunner_destroy\ndestroy_core_db\n"
                  "destroy_core_cache\ndestroy_compute\ncleanup_env\nremove_state\n");
    tree.managed = false;
    is_list(&ask, "stop_services\nrunner_destroy\ndestroy_core_db\ndestroy_core_cache\n"
                  "stop_infra\ncleanup_env\nremove_state\n");
    Lifecycle list = lifecycle_of(&ask, &arena);
    static const char *const undone[] = {"start_services", "runner_before", "seed_db", "seed_cache",
                                         "start_infra",    "generate_env",  NULL};
    for (uint32_t i = 0; i < list.n; i++)
        CHECK_STR(list.at[i].undoes, undone[i]);
    arena_deinit(&arena);
}

/* The file of its branch may have services that the project's own has not. */
TEST(services_are_stopped_whatever_the_file_of_the_project_says)
{
    LifecycleAsk ask = {.config = read_config("/srv/previewctl.yaml", "version: 1\nname: shop\n"),
                        .compute = &tree,
                        .phases = LIFECYCLE_STOP};
    is_list(&ask, "stop_services\n");
    ask.phases = LIFECYCLE_DESTROY;
    is_list(&ask, "check_loss\nstop_services\ndestroy_compute\ncleanup_env\nremove_state\n");
    arena_deinit(&arena);
}

TEST(what_deploy_has_left_is_ended_where_it_was_run)
{
    LifecycleAsk ask = {.config = read_config("/srv/thole.yaml", whole),
                        .compute = &tree,
                        .deployed = true,
                        .phases = LIFECYCLE_STOP};
    is_list(&ask, "stop_deploy\nstop_services\nstop_infra\n");
    ask.phases = LIFECYCLE_DESTROY; /* runner.destroy may want to end it itself */
    Lifecycle list = lifecycle_of(&ask, &arena);
    uint32_t at = lifecycle_find(&list, "stop_deploy");
    CHECK_STR(list.at[at - 1].name, "runner_destroy");
    CHECK(!list.at[at].undoes && lifecycle_stops("stop_deploy") &&
          !lifecycle_destroys("stop_deploy"));
    ask.phases = LIFECYCLE_RUN;
    list = lifecycle_of(&ask, &arena);
    at = lifecycle_find(&list, "runner_deploy");
    CHECK_EQ(list.at[at].kind, STEP_DEPLOY);
    CHECK(list.at[at].verified);
    arena_deinit(&arena);
}

static const char remote[] =
    "version: 1\nname: shop\nservices: {web: {path: .}}\n"
    "provisioner: {compute: {create: mk, destroy: rm, outputs: [VM_IP]}}\nrunner: {destroy: bye}\n";

TEST(a_machine_is_destroyed_by_its_hook_also_if_nothing_is_known_of_it)
{
    ComputeAccess machine = {.type = "ssh", .host = "10.0.0.1", .managed = true};
    LifecycleAsk ask = {.config = read_config("/srv/thole.yaml", remote),
                        .compute = &machine,
                        .phases = LIFECYCLE_DESTROY};
    is_list(&ask, "destroy_compute_hook\nremove_state\n");
    ask.compute = NULL;
    is_list(&ask, "destroy_compute_hook\nremove_state\n");
    ask.compute = &tree; /* the hook came into the file later */
    is_list(&ask, "check_loss\nstop_services\nrunner_destroy\ndestroy_compute_hook\n"
                  "destroy_compute\ncleanup_env\nremove_state\n");
    ask = (LifecycleAsk){.config = ask.config, .phases = LIFECYCLE_PROVISION};
    Lifecycle list = lifecycle_of(&ask, &arena);
    CHECK_EQ(list.at[0].kind, STEP_HOOK);
    CHECK_STR(list.at[0].complete, "Compute created via hook");
    CHECK_STR(list.at[0].outputs->at[0], "VM_IP");
    arena_deinit(&arena);
}

/* Whatever the file says by now. */
TEST(what_there_is_says_where_it_is)
{
    ComputeAccess machine = {.type = "ssh", .host = "10.0.0.1", .managed = true};
    LifecycleAsk ask = {.config = read_config("/srv/thole.yaml", remote),
                        .compute = &tree,
                        .phases = LIFECYCLE_PROVISION};
    Lifecycle list = lifecycle_of(&ask, &arena);
    CHECK_EQ(list.at[0].kind, STEP_CREATE_COMPUTE);
    arena_deinit(&arena);
    ask.config =
        read_config("/srv/thole.yaml", "version: 1\nname: shop\nservices: {web: {path: .}}\n");
    ask.compute = &machine;
    list = lifecycle_of(&ask, &arena);
    CHECK_EQ(lifecycle_find(&list, "create_compute"), UINT32_MAX);
    arena_deinit(&arena);
}

/* What would be done there comes later; on the machine itself the other half is as anywhere. */
TEST(what_is_on_another_machine_has_no_steps_there)
{
    ComputeAccess machine = {.type = "ssh", .host = "10.0.0.1", .managed = true};
    LifecycleAsk ask = {.config = read_config("/srv/thole.yaml",
                                              "version: 1\nname: shop\n"
                                              "services: {web: {path: ., env: {A: b}}}\n"
                                              "provisioner: {compute: {create: mk}}\n"
                                              "runner: {deploy: go, destroy: bye}\n"),
                        .phases = LIFECYCLE_PROVISION | LIFECYCLE_RUN | LIFECYCLE_STOP};
    is_list(&ask, "create_compute\nallocate_ports\nbuild_manifest: allocate_ports\n");
    ask.compute = &machine;
    is_list(&ask, "create_compute\nallocate_ports\nbuild_manifest: allocate_ports\n");
    ask = (LifecycleAsk){.config = ask.config, .compute = &tree, .phases = LIFECYCLE_RUN};
    is_list(&ask, "generate_env\nrunner_deploy: generate_env\n");
    arena_deinit(&arena);
}

/* ---- names ---- */

TEST(an_unknown_step_is_told_of_with_those_that_there_are)
{
    LifecycleAsk ask = {.config = read_config("/srv/thole.yaml", remote),
                        .phases = LIFECYCLE_PROVISION};
    Lifecycle list = lifecycle_of(&ask, &arena);
    uint32_t at = 99;
    Err err;
    CHECK_EQ(lifecycle_require(&list, "build_manifest", &at, &err), 0);
    CHECK_EQ(at, 2);
    CHECK(lifecycle_require(&list, "build_manifst", &at, &err) < 0);
    CHECK_EQ(err.kind, ERR_NOT_FOUND);
    CHECK_STR(err.msg, "there is no step build_manifst; did you mean build_manifest? the steps are "
                       "create_compute, allocate_ports, build_manifest");
    CHECK(lifecycle_require(&list, "zzz", &at, &err) < 0);
    CHECK_HAS(err.msg, "there is no step zzz; the steps are create_compute, ");
    arena_deinit(&arena);
}

/* ---- the order of services ---- */

/* "a:b,c d" is: a depends on b and c, d on nothing; names sorted. */
static void add_services(Config *config, const char *text) {
    char *copy = arena_strdup(&arena, text), *rest, *inner;
    config->services.at = arena_alloc(&arena, 20 * sizeof(*config->services.at));
    for (char *word = strtok_r(copy, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) {
        Service *s = &config->services.at[config->services.n++];
        char *deps = strchr(word, ':');
        s->name = word;
        s->depends_on.at = arena_alloc(&arena, 10 * sizeof(*s->depends_on.at));
        if (!deps)
            continue;
        *deps++ = '\0';
        for (char *d = strtok_r(deps, ",", &inner); d; d = strtok_r(NULL, ",", &inner))
            s->depends_on.at[s->depends_on.n++].name = d;
    }
}

TEST(services_follow_what_they_depend_on_else_their_names)
{
    static const struct {
        const char *services, *order;
    } rows[] = {
        {"", ""},
        {"a b c", "a b c"},
        {"a:b b:c c", "c b a"},
        {"a b:a c:a d:b,c", "a b c d"},
        {"a:z b z", "b z a"},       /* the queue is kept sorted: not z before b */
        {"a:m b c:b m", "b c m a"}, /* c is sorted in before m, which was ready first */
        {"a:nobody,b b", "b a"},    /* what is unknown here does not count */
        {"a:b,b b", "b a"},         /* twice is once */
        {"10 9 B _ a a-b a_b ab", "10 9 B _ a a-b a_b ab"},
        {"a:a b", "b a"}, /* a circle comes last, by name */
        {"a:b b:a c:d d", "d c a b"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        Config config = {0};
        uint32_t order[20];
        const char *text = "";
        arena_init(&arena);
        add_services(&config, rows[i].services);
        lifecycle_service_order(&config, order);
        for (size_t k = 0; k < config.services.n; k++)
            text = arena_printf(&arena, "%s%s%s", text, k ? " " : "",
                                config.services.at[order[k]].name);
        CHECK_STR(text, rows[i].order);
        arena_deinit(&arena);
    }
}

TEST(what_is_provisioned_follows_the_services_of_its_name)
{
    ProvisionedService services[] = {{.name = "api"}, {.name = "db"}, {.name = "zoo"}};
    Config config = {.provisioner = {.services = {services, 3}}};
    uint32_t order[3];
    arena_init(&arena);
    add_services(&config, "api:worker db worker:zoo");
    lifecycle_provisioner_order(&config, order);
    CHECK_STR(services[order[0]].name, "db");
    CHECK_STR(services[order[1]].name, "zoo");
    CHECK_STR(services[order[2]].name, "api");
    arena_deinit(&arena);
}

/* ---- what is to be done ---- */

static const EnvironmentHook cached = {.command = "x", .allow_cache = true};
static const EnvironmentHook uncached = {.command = "x"};

TEST(what_is_to_be_done_about_a_step)
{
    enum { NONE = -1 };
    static const struct {
        const char *of; /* "pure", "verified", "cached" hook, "uncached" hook */
        int status;
        int64_t run;
        const char *was, *is; /* inputs */
        bool forced, stands;
        StepVerdict verdict;
        bool invalidates;
        const char *action, *message;
    } rows[] = {
        {"pure", NONE, 0, NULL, "1", .verdict = VERDICT_RUN, .invalidates = true},
        {"pure", CHECKPOINT_COMPLETED, 0, "1", "1", .verdict = VERDICT_SKIP, .action = "skipped"},
        {"pure", CHECKPOINT_COMPLETED, 0, NULL, "1", .verdict = VERDICT_SKIP, .action = "skipped"},
        {"pure", CHECKPOINT_COMPLETED, 0, "1", NULL, .verdict = VERDICT_SKIP, .action = "skipped"},
        {"pure", CHECKPOINT_COMPLETED, 0, "1", "2", .verdict = VERDICT_RUN, .invalidates = true,
         .action = "invalidated", .message = "Invalidated: what it is made from has changed"},
        {"pure", CHECKPOINT_COMPLETED, 0, "1", "1", .forced = true, .verdict = VERDICT_RUN,
         .invalidates = true, .action = "invalidated", .message = "Invalidated: gone"},
        {"pure", CHECKPOINT_FAILED, 0, "1", "1", .verdict = VERDICT_RUN, .invalidates = true},
        {"pure", CHECKPOINT_INVALIDATED, 0, "1", "1", .verdict = VERDICT_RUN, .invalidates = true},
        {"pure", CHECKPOINT_COMPLETED, 3, "", NULL, .verdict = VERDICT_RUN, .invalidates = true,
         .action = "invalidated", .message = "Invalidated: what it is made from has changed"},
        {"pure", CHECKPOINT_STARTED, 0, "1", "1", .verdict = VERDICT_RUN, .invalidates = true},
        {"pure", CHECKPOINT_STARTED, 3, "1", "1", .verdict = VERDICT_RESUME, .invalidates = true},
        {"uncached", CHECKPOINT_STARTED, 3, "1", "1", .verdict = VERDICT_RESUME},
        {"uncached", CHECKPOINT_STARTED, 3, "", "1", .verdict = VERDICT_RESUME,
         .invalidates = true},
        {"verified", CHECKPOINT_COMPLETED, 0, "1", "1", .stands = true, .verdict = VERDICT_SKIP,
         .action = "verified"},
        {"verified", CHECKPOINT_COMPLETED, 0, "1", "1", .verdict = VERDICT_RUN, .invalidates = true,
         .action = "verify_failed", .message = "Re-executing: gone"},
        {"verified", CHECKPOINT_COMPLETED, 0, "1", "2", .stands = true, .verdict = VERDICT_RUN,
         .invalidates = true, .action = "invalidated",
         .message = "Invalidated: what it is made from has changed"},
        {"cached", CHECKPOINT_COMPLETED, 3, "1", "1", .verdict = VERDICT_SKIP, .action = "skipped"},
        {"cached", CHECKPOINT_STARTED, 3, "1", "2", .forced = true, .verdict = VERDICT_RESUME,
         .invalidates = true},
        {"cached", CHECKPOINT_FAILED, 3, "1", "1", .verdict = VERDICT_RUN, .invalidates = true},
        {"uncached", NONE, 0, NULL, "1", .verdict = VERDICT_RUN, .invalidates = true},
        {"uncached", CHECKPOINT_COMPLETED, 3, "1", "1", .verdict = VERDICT_RUN},
        {"uncached", CHECKPOINT_FAILED, 3, "1", "1", .verdict = VERDICT_RUN},
        {"uncached", CHECKPOINT_COMPLETED, 3, "1", "2", .verdict = VERDICT_RUN, .invalidates = true,
         .action = "invalidated", .message = "Invalidated: what it is made from has changed"},
        {"uncached", CHECKPOINT_INVALIDATED, 3, "1", "1", .verdict = VERDICT_RUN,
         .invalidates = true},
    };
    arena_init(&arena);
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        const char *of = rows[i].of;
        LifecycleStep step = {.name = "x",
                              .hook = strcmp(of, "cached") == 0     ? &cached
                                      : strcmp(of, "uncached") == 0 ? &uncached
                                                                    : NULL,
                              .verified = strcmp(of, "verified") == 0};
        Checkpoint record = {
            .status = (CheckpointStatus)rows[i].status, .run = rows[i].run, .inputs = rows[i].was};
        StepLook look = {.record = rows[i].status == NONE ? NULL : &record,
                         .inputs = rows[i].is,
                         .forced = rows[i].forced,
                         .stands = rows[i].stands,
                         .why = "gone"};
        StepDecision d = lifecycle_decide(&step, &look, &arena);
        if (d.verdict != rows[i].verdict || d.invalidates != rows[i].invalidates)
            test_fail(__FILE__, __LINE__, "row %zu: verdict %d, invalidates %d", i, d.verdict,
                      d.invalidates);
        CHECK_STR(d.action, rows[i].action);
        CHECK_STR(d.message, rows[i].message);
    }
    arena_deinit(&arena);
}

TEST(inputs_are_a_chain)
{
    LifecycleAsk ask = {.config = read_config("/srv/thole.yaml", whole),
                        .phases = LIFECYCLE_PROVISION | LIFECYCLE_RUN};
    Lifecycle list = lifecycle_of(&ask, &arena);
    Value *outputs = value_new(&arena, VALUE_MAP), *same = value_new(&arena, VALUE_MAP);
    value_set(&arena, outputs, "A", value_new_string(&arena, "1"));
    value_set(&arena, outputs, "B", value_new_string(&arena, "2"));
    value_set(&arena, same, "B", value_new_string(&arena, "2"));
    value_set(&arena, same, "A", value_new_string(&arena, "1"));
    Checkpoint records[] = {
        {.name = "provisioner_before",
         .status = CHECKPOINT_COMPLETED,
         .inputs = "p",
         .started_ns = 1,
         .outputs = outputs},
        {.name = "allocate_ports", .status = CHECKPOINT_COMPLETED},
    };
    EnvironmentEntry entry = {.steps = {records, 2}};
    uint32_t seed = lifecycle_find(&list, "seed_db"), other = lifecycle_find(&list, "seed_cache");
    const char *first = lifecycle_inputs(&list, seed, "own", &entry, &arena);
#define CHANGED (strcmp(lifecycle_inputs(&list, seed, "own", &entry, &arena), first) != 0)
    CHECK_EQ(strlen(first), 64);
    CHECK(!CHANGED);
    CHECK(strcmp(lifecycle_inputs(&list, seed, "other", &entry, &arena), first) != 0);
    CHECK(strcmp(lifecycle_inputs(&list, other, "own", &entry, &arena), first) != 0);
    records[0].outputs = same; /* in another order */
    CHECK(!CHANGED);
    records[0].outputs = NULL;
    CHECK(CHANGED);
    records[0].outputs = outputs;
    records[0].inputs = "q";
    CHECK(CHANGED);
    records[0].inputs = "p";
    records[0].started_ns = 2; /* done again */
    CHECK(CHANGED);
    records[0].started_ns = 1;
    records[0].status = CHECKPOINT_FAILED;
    CHECK(CHANGED);
    records[0].status = CHECKPOINT_COMPLETED;
    records[1].started_ns = 9; /* it is not needed */
    CHECK(!CHANGED);
#undef CHANGED
    arena_deinit(&arena);
}

TEST(dependants_are_all_that_need_it_also_over_others)
{
    LifecycleAsk ask = {.config = read_config("/srv/thole.yaml", whole),
                        .phases = LIFECYCLE_PROVISION | LIFECYCLE_RUN};
    Lifecycle list = lifecycle_of(&ask, &arena);
    uint32_t found[20];
    uint32_t n = lifecycle_dependants(&list, lifecycle_find(&list, "create_compute"), found);
    static const char *const names[] = {"write_manifest", "provisioner_after", "runner_before",
                                        "generate_env",   "start_infra",       "build_services",
                                        "start_services", "runner_deploy",     "runner_after"};
    CHECK_EQ(n, 9);
    for (uint32_t i = 0; i < n; i++)
        CHECK_STR(list.at[found[i]].name, names[i]);
    CHECK_EQ(lifecycle_dependants(&list, lifecycle_find(&list, "runner_after"), found), 0);
    arena_deinit(&arena);
}
