/* SPDX-License-Identifier: Apache-2.0 */
#include "base/attr.h"
#include "base/report.h"
#include "harness/test.h"
#include "plan/port_block.h"

static unsigned char bound[65536];

static bool is_free(void *arg, uint16_t port) {
    (void)arg;
    return !bound[port];
}

typedef struct Drawn {
    Arena arena;
    EnvironmentPorts ports;
    Err err;
    int failed;
} Drawn;

/* `names` ends with NULL; `fixed`: of each, or NULL. */
static void draw(Drawn *d, const char *name, const char *const *names, const int64_t *fixed) {
    PortWishes wishes = {0};
    arena_init(&d->arena);
    while (names[wishes.n])
        wishes.n++;
    wishes.at = arena_alloc(&d->arena, wishes.n * sizeof(*wishes.at));
    for (size_t i = 0; i < wishes.n; i++)
        wishes.at[i] = (PortWish){.name = names[i], .fixed = fixed ? fixed[i] : 0};
    PortBlockAsk ask = {&wishes, port_block_of(name), is_free, NULL};
    d->failed = port_block_draw(&ask, &d->arena, &d->ports, &d->err);
}

static void is(const Drawn *d, size_t i, const char *name, int port) {
    ASSERT(!d->failed && i < d->ports.n);
    CHECK_STR(d->ports.at[i].name, name);
    CHECK_EQ(d->ports.at[i].port, port);
}

TEST(a_name_has_the_same_block_everywhere)
{
    static const struct {
        const char *name;
        int block, start;
    } rows[] = {
        {"", 21, 63100},
        {"a", 20, 63000},
        {"b", 37, 64700},
        {"main", 32, 64200},
        {"dev", 36, 64600},
        {"feat-auth", 2, 61200},
        {"pr-42", 4, 61400},
        {"feat-payments", 27, 63700},
        {"pr-43", 23, 63300},
        {"test-env", 23, 63300},
        {"env-one", 17, 62700},
        {"env-two", 3, 61300},
        {"staging", 22, 63200},
        {"feat/my-feature", 7, 61700},
        {"f1", 8, 61800},
        {"f2", 25, 63500},
        {"caf\xc3\xa9", 9, 61900},
        {"x", 15, 62500},
        {"Prod", 36, 64600},
        {"prod", 4, 61400},
        {"pr-1", 13, 62300},
        {"pr-2", 36, 64600},
        {"pr-100", 29, 63900},
        {"bugfix-login", 20, 63000},
        {"release-v2", 21, 63100},
        {"hotfix-42", 20, 63000},
        {"feat_my-feature", 39, 64900},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        uint32_t block = port_block_of(rows[i].name);
        if (block != (uint32_t)rows[i].block || port_block_start(block) != rows[i].start)
            test_fail(__FILE__, __LINE__, "%s: block %u, start %d", rows[i].name, block,
                      port_block_start(block));
    }
}

TEST(services_have_the_ports_of_the_block_in_order)
{
    Drawn d;
    draw(&d, "feat-auth", (const char *[]){"backend", "redis", "web", NULL}, NULL);
    is(&d, 0, "backend", 61200);
    is(&d, 1, "redis", 61201);
    is(&d, 2, "web", 61202);
    CHECK_EQ(d.ports.n, 3);
    arena_deinit(&d.arena);
}

TEST(a_busy_port_is_left_out)
{
    Drawn d;
    bound[61201] = 1;
    draw(&d, "feat-auth", (const char *[]){"backend", "redis", "web", NULL}, NULL);
    is(&d, 0, "backend", 61200);
    is(&d, 1, "redis", 61202);
    is(&d, 2, "web", 61203);
    arena_deinit(&d.arena);
}

TEST(a_name_that_is_there_twice_has_the_second_port)
{
    Drawn d;
    draw(&d, "feat-auth", (const char *[]){"dup", "dup", "z", NULL}, NULL);
    CHECK_EQ(d.ports.n, 2);
    is(&d, 0, "dup", 61201);
    is(&d, 1, "z", 61202);
    arena_deinit(&d.arena);
}

TEST(a_fixed_port_takes_one_of_the_block_all_the_same)
{
    static const int64_t fixed[] = {8080, 0, 0};
    Drawn d;
    draw(&d, "f1", (const char *[]){"backend", "redis", "web", NULL}, fixed);
    is(&d, 0, "backend", 8080);
    is(&d, 1, "redis", 61801);
    is(&d, 2, "web", 61802);
    arena_deinit(&d.arena);
}

TEST(a_fixed_port_of_the_block_is_nobody_elses)
{
    static const int64_t fixed[] = {0, 0, 61801, 0, 0};
    Drawn d;
    draw(&d, "f1", (const char *[]){"api", "cache", "db", "mail", "web", NULL}, fixed);
    is(&d, 0, "api", 61800);
    is(&d, 1, "cache", 61802);
    is(&d, 2, "db", 61801);
    is(&d, 3, "mail", 61804);
    is(&d, 4, "web", 61805);
    arena_deinit(&d.arena);
}

TEST(a_fixed_port_where_it_would_be_anyway_changes_nothing)
{
    static const int64_t fixed[] = {0, 61801, 0};
    Drawn d;
    draw(&d, "f1", (const char *[]){"api", "db", "web", NULL}, fixed);
    is(&d, 1, "db", 61801);
    is(&d, 2, "web", 61802);
    arena_deinit(&d.arena);
}

TEST(without_names_there_are_no_ports)
{
    Drawn d;
    draw(&d, "feat-auth", (const char *[]){NULL}, NULL);
    CHECK(!d.failed && d.ports.at);
    CHECK_EQ(d.ports.n, 0);
    arena_deinit(&d.arena);
}

static const char *const *many(size_t n) {
    static char text[128][8];
    static const char *names[128];
    for (size_t i = 0; i < n; i++) {
        snprintf(text[i], sizeof(text[i]), "s%03zu", i);
        names[i] = text[i];
    }
    names[n] = NULL;
    return names;
}

TEST(a_block_can_be_used_to_its_end)
{
    Drawn d;
    draw(&d, "feat-auth", many(100), NULL);
    is(&d, 0, "s000", 61200);
    is(&d, 99, "s099", 61299);
    arena_deinit(&d.arena);
}

TEST(what_is_said_of_a_full_block_is_true)
{
    Drawn d;
    draw(&d, "feat-auth", many(101), NULL);
    CHECK(d.failed && d.err.kind == ERR_LIMIT);
    CHECK_STR(d.err.msg, "101 services need a port each, but an environment has a block of 100");
    arena_deinit(&d.arena);

    bound[61250] = 1;
    draw(&d, "feat-auth", many(100), NULL);
    CHECK(d.failed && d.err.kind == ERR_LIMIT);
    CHECK_STR(d.err.msg, "ports 61200-61299 are not enough for 100 services: 1 is taken by other "
                         "programs or given by the config; end those programs, or give the "
                         "environment another name");
    arena_deinit(&d.arena);

    memset(&bound[61200], 1, 100);
    draw(&d, "feat-auth", many(1), NULL);
    CHECK_HAS(d.err.msg, "not enough for 1 service: 100 are taken");
    arena_deinit(&d.arena);
}

/* ---- who gets one ---- */

TEST(services_named_ports_and_infrastructure_get_one)
{
    static const char yaml[] = "version: 1\n"
                               "runner: {before: x}\n"
                               "services:\n"
                               "  web: {command: x, port: 3000, ports: {admin: 3001, ui: auto}}\n"
                               "  api: {path: .}\n"
                               "  pair: {command: x, replicas: 2}\n";
    static const struct {
        const char *name, *key;
        int fixed;
    } want[] = {
        {"api", "services.api", 0},
        {"mail", "infrastructure.compose_file", 0},
        {"pair-0", "services.pair-0", 0},
        {"pair-1", "services.pair-1", 0},
        {"web", "services.web", 3000},
        {"web", "infrastructure.compose_file", 3000},
        {"web.admin", "services.web.ports.admin", 3001},
        {"web.ui", "services.web.ports.ui", 0},
    };
    InfraService infra[] = {{.name = "mail"}, {.name = "web"}};
    Arena arena;
    Report report;
    arena_init(&arena);
    report_init(&report, &arena);
    const Config *read = config_parse("/usr/thole.yaml", yaml, strlen(yaml), &arena, &report);
    ASSERT(read);
    Config config = *read;
    config.infrastructure.services.at = infra;
    config.infrastructure.services.n = 2;
    PortWishes wishes = port_wishes_of(&config, &arena);
    ASSERT(wishes.n == COUNT(want));
    for (size_t i = 0; i < COUNT(want); i++) {
        CHECK_STR(wishes.at[i].name, want[i].name);
        CHECK_STR(wishes.at[i].key, want[i].key);
        CHECK_EQ(wishes.at[i].fixed, want[i].fixed);
    }
    arena_deinit(&arena);
}
