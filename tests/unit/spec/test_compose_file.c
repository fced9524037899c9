/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "harness/test.h"
#include "spec/compose_file.h"

static Arena arena;
static Report report;

static int parse(const char *text, InfraServices *ret) {
    report_init(&report, &arena);
    Source source = {.file = "/compose.yaml", .report = &report, .arena = &arena};
    return compose_file_parse(&source, text, strlen(text), &arena, ret);
}

static const char *problem(void) {
    return report.n ? report_line(&report.at[0], &arena) : "";
}

typedef struct Row {
    const char *port;
    int64_t number; /* -1: it is none */
    const char *variable;
} Row;

TEST(a_compose_port_is_read_in_each_of_its_forms)
{
    static const Row rows[] = {
        {"\"6379\"", 6379, ""},
        {"6379", 6379, ""},
        {"\"6379:6379\"", 6379, ""},
        {"\"16379:6379\"", 16379, ""},
        {"22:22", 22, ""},
        {"\"${REDIS_PORT:-6379}:6379\"", 6379, "REDIS_PORT"},
        {"\"${REDIS_PORT-6379}:6379\"", 6379, "REDIS_PORT"},
        {"\"${redis_port:-6379}:6379\"", 6379, "redis_port"},
        {"\"${REDIS_PORT}:6379\"", 0, "REDIS_PORT"},
        {"\"$REDIS_PORT:6379\"", 0, "REDIS_PORT"},
        {"\"${REDIS_PORT:?set it}:6379\"", 0, "REDIS_PORT"},
        {"\"${A:-${B:-70}}:80\"", 70, "A"},
        {"\"${A:-7}0:80\"", 70, "A"},
        {"\"${PORT:-3000}\"", 3000, "PORT"},
        {"\"${PORT:-3000}:${PORT:-3001}\"", 3000, "PORT"},
        {"\"127.0.0.1:6380:6379\"", 6380, ""},
        {"\"127.0.0.1:${P:-1}:1\"", 1, "P"},
        {"\"${IP:-127.0.0.1}:6380:6379\"", 6380, ""},
        {"\"[::1]:6380:6379\"", 6380, ""},
        {"\"127.0.0.1::6379\"", 6379, ""},
        {"\"8000-8009:80-89/tcp\"", 8000, ""},
        {"\"8000-8009:80\"", 8000, ""},
        {"\"6060:6060/udp\"", 6060, ""},
        {"{target: 6379, published: \"6380\", host_ip: 127.0.0.1, protocol: tcp}", 6380, ""},
        {"{target: 6379, published: 6380}", 6380, ""},
        {"{target: 6379, published: \"${P:-5}\"}", 5, "P"},
        {"{target: 6379, published: 8000-8010}", 8000, ""},
        {"{target: 6379}", 6379, ""},
        {"\"\"", -1, ""},
        {"\"0:1\"", -1, ""},
        {"\"65536:1\"", -1, ""},
        {"\"${P:-99999}:1\"", -1, ""},
        {"\"99999999999999999999:1\"", -1, ""},
        {"\" 1:1\"", -1, ""},
        {"\"1:2:3:4\"", -1, ""},
        {"\"9-8:1\"", -1, ""},
        {"\"1:x\"", -1, ""},
        {"\"1:1/sctp2\"", -1, ""},
        {"\"${P:-1:1\"", -1, ""},
        {"\"${:-1}:1\"", -1, ""},
        {"\"${P!1}:1\"", -1, ""},
        {"{published: 80}", -1, ""},
        {"{target: x}", -1, ""},
        {"[1]", -1, ""},
        {"true", -1, ""},
        {"", -1, ""},
    };
    arena_init(&arena);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        InfraServices services = {0};
        const char *text =
            arena_printf(&arena, "services:\n  redis:\n    ports:\n      - %s\n", rows[i].port);
        int rc = parse(text, &services);
        if ((rc < 0) != (rows[i].number < 0))
            test_fail(__FILE__, __LINE__, "%s: %d %s", rows[i].port, rc, problem());
        if (rc < 0 || services.n != 1)
            continue;
        CHECK_EQ(services.at[0].port, rows[i].number);
        CHECK_STR(services.at[0].env_var, rows[i].variable);
    }
    arena_deinit(&arena);
}

TEST(services_of_a_compose_file_are_in_name_order)
{
    InfraServices services = {0};
    arena_init(&arena);
    CHECK_EQ(parse("x-base: &b {image: redis:7}\n"
                   "services:\n"
                   "  redis:\n    <<: *b\n    ports: ['6379:6379', '1:1']\n"
                   "  built: {build: .}\n"
                   "  none:\n"
                   "  mail: {image: mailhog, ports: [8025, 1025]}\n",
                   &services),
             0);
    ASSERT(services.n == 4);
    CHECK_STR(services.at[0].name, "built");
    CHECK_STR(services.at[0].image, "");
    CHECK_EQ(services.at[0].port, 0);
    CHECK_STR(services.at[1].name, "mail");
    CHECK_EQ(services.at[1].port, 8025);
    CHECK_STR(services.at[2].name, "none");
    CHECK_STR(services.at[3].image, "redis:7");
    CHECK_EQ(services.at[3].port, 6379);
    CHECK_EQ(parse("services:\n", &services), 0);
    CHECK_EQ(services.n, 0);
    CHECK_EQ(parse("volumes: {}\n", &services), 0);
    arena_deinit(&arena);
}

TEST(what_is_wrong_with_a_compose_file_is_told_at_its_place)
{
    InfraServices services = {0};
    arena_init(&arena);
    CHECK_EQ(parse("services:\n  a:\n    ports:\n      - \"80:80\"\n      - \"x:80\"\n", &services),
             -1);
    CHECK_STR(problem(),
              "/compose.yaml:5:9: services.a.ports[1]: \"x:80\" is no port mapping; write "
              "\"8080\", \"8080:80\", \"${WEB_PORT:-8080}:80\", \"127.0.0.1:8080:80\" or {target: "
              "80, published: 8080}");
    CHECK_EQ(parse("services: [a]\n", &services), -1);
    CHECK_STR(problem(), "/compose.yaml:1:1: services: expected a map of names");
    CHECK_EQ(parse("services: {a: b}\n", &services), -1);
    CHECK_EQ(parse("services: {a: {ports: 80}}\n", &services), -1);
    CHECK_STR(problem(), "/compose.yaml:1:23: services.a.ports: expected a list of ports");
    CHECK_EQ(parse("- a\n", &services), -1);
    CHECK_EQ(parse("", &services), -1);
    CHECK_EQ(parse("services: {a: }\n b\n", &services), -1);
    CHECK_EQ(services.n, 0);
    arena_deinit(&arena);
}
