/* SPDX-License-Identifier: Apache-2.0 */
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

/* `names` ends with NULL. */
static void draw(Drawn *d, const char *name, const char *const *names, const int64_t *fixed) {
    StrList list = {0};
    arena_init(&d->arena);
    while (names[list.n])
        list.n++;
    list.at = arena_dup(&d->arena, names, list.n * sizeof(*names));
    PortBlockAsk ask = {&list, fixed, port_block_of(name), is_free, NULL};
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
    CHECK_STR(d.err.msg, "ports 61200-61299 are not enough for 100 services: 1 is used by other "
                         "programs; end those, or give the environment another name");
    arena_deinit(&d.arena);

    memset(&bound[61200], 1, 100);
    draw(&d, "feat-auth", many(1), NULL);
    CHECK_HAS(d.err.msg, "not enough for 1 service: 100 are used");
    arena_deinit(&d.arena);
}
