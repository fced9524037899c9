/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/limits.h"
#include "base/xalloc.h"
#include "harness/test.h"
#include "spec/config.h"

static Arena arena;
static Report report;

/* A file in the directory of this test. */
static const char *at(const char *name) {
    return arena_printf(&arena, "%s/%s", test_dir(), name);
}

static void put(const char *name, const char *text) {
    Err err;
    ASSERT(file_write(at(name), text, strlen(text), 0600, &err) == 0);
}

static const Config *load(const char *name) {
    report_init(&report, &arena);
    return config_load(&(ConfigAsk){.file = at(name)}, &arena, &report);
}

static const Config *load_text(const char *text) {
    put("thole.yaml", text);
    return load("thole.yaml");
}

/* The first problem, or "". */
static const char *first(void) {
    return report.n ? report_line(&report.at[0], &arena) : "";
}

static void begin(void) {
    arena_init(&arena);
}

TEST(config_finds_out_where_it_is)
{
    begin();
    ASSERT(mkdir(at("My Project"), 0700) == 0);
    put("My Project/thole.yaml", "version: 1\nservices: {a: {command: x}}\n");
    const Config *config = load("My Project/thole.yaml");
    ASSERT(config);
    CHECK_STR(config->name, "My Project");
    CHECK_STR(config->root, at("My Project"));
    CHECK_STR(config->file, at("My Project/thole.yaml"));
    CHECK_STR(config->slug, config_slug("My Project", config->file, &arena));
    CHECK_HAS(config->slug, "my-project-");
    arena_deinit(&arena);
}

TEST(config_is_the_same_through_a_link)
{
    begin();
    ASSERT(mkdir(at("real"), 0700) == 0);
    ASSERT(symlink(at("real"), at("link")) == 0);
    put("real/thole.yaml", "version: 1\nservices: {a: {command: x, path: .}}\n");
    const Config *one = load("real/thole.yaml"), *two = load("link/thole.yaml");
    ASSERT(one && two);
    CHECK_STR(one->slug, two->slug);
    CHECK_STR(two->services.at[0].path, at("real"));
    arena_deinit(&arena);
}

TEST(config_that_cannot_be_read)
{
    begin();
    CHECK(load("missing.yaml") == NULL);
    CHECK_HAS(first(), "missing.yaml: it cannot be read: no such file or directory");
    ASSERT(mkdir(at("dir.yaml"), 0700) == 0);
    CHECK(load("dir.yaml") == NULL);
    CHECK_HAS(first(), "dir.yaml: it is a directory, not a file");
    ASSERT(mkfifo(at("fifo.yaml"), 0600) == 0);
    CHECK(load("fifo.yaml") == NULL); /* must not wait for a writer */
    CHECK_HAS(first(), "it is a pipe, socket or device, not a file");
    ASSERT(symlink(at("loop.yaml"), at("loop.yaml")) == 0);
    CHECK(load("loop.yaml") == NULL);
    CHECK_EQ(report.errors, 1);
    arena_deinit(&arena);
}

TEST(config_secrets_that_are_set_nowhere)
{
    begin();
    StrMap nothing = {0};
    StrMap client = {.at = (StrPair[]){{"GIVEN", "long enough"}, {"SHORT", "abc"}}, .n = 2};
    put("thole.yaml", "version: 1\nservices:\n  a:\n    command: x\n    env: {OWN: long enough}\n"
                      "    secrets: [OWN, GIVEN, MISSING, SHORT]\n");
    ASSERT(load("thole.yaml"));
    CHECK_EQ(report.n, 0); /* nobody asks for whom */
    report_init(&report, &arena);
    ASSERT(
        config_review(&(ConfigAsk){.file = at("thole.yaml"), .client = &client}, &arena, &report));
    ASSERT(report.n == 2 && report.errors == 0);
    CHECK_HAS(first(), "thole.yaml:6:27: warning: services.a.secrets[2]: MISSING is set nowhere");
    CHECK_HAS(report_line(&report.at[1], &arena), "SHORT in the environment of this command has 3");
    report_init(&report, &arena);
    ASSERT(
        config_review(&(ConfigAsk){.file = at("thole.yaml"), .client = &nothing}, &arena, &report));
    CHECK_EQ(report.n, 3);
    arena_deinit(&arena);
}

TEST(config_of_ten_megabytes_is_refused)
{
    begin();
    size_t size = 10 << 20;
    char *text = xmalloc(size);
    memset(text, '#', size);
    Err err;
    ASSERT(file_write(at("big.yaml"), text, size, 0600, &err) == 0);
    free(text);
    CHECK(load("big.yaml") == NULL);
    CHECK_HAS(first(), "big.yaml: it has 10485760 bytes, more than the limit of 4194304 (4 MiB)");
    CHECK_EQ(report.errors, 1);
    arena_deinit(&arena);
}

TEST(config_commands_become_argv)
{
    begin();
    const Config *config = load_text("version: 1\n"
                                     "services:\n"
                                     "  a: {command: echo $A | cat, build: [make, -j2], shell: "
                                     "[bash, -e, -c], ready: {exec: test -e x}}\n"
                                     "  b: {command: ls}\n"
                                     "  c: {}\n");
    ASSERT(config);
    const Service *a = config_service(config, "a"), *b = config_service(config, "b"),
                  *c = config_service(config, "c");
    ASSERT(a && b && c);
    CHECK_EQ(a->command.argv.n, 4);
    CHECK_STR(a->command.argv.at[0], "bash");
    CHECK_STR(a->command.argv.at[3], "echo $A | cat");
    CHECK_EQ(a->build.argv.n, 2);
    CHECK(a->build.script == NULL);
    CHECK_EQ(a->ready.kind, PROBE_KIND_EXEC);
    CHECK_STR(a->ready.exec.argv.at[3], "test -e x");
    CHECK_STR(b->command.argv.at[0], "sh");
    CHECK_EQ(b->ready.kind, PROBE_NONE);
    CHECK_EQ(c->command.argv.n, 0);
    CHECK(config_service(config, "d") == NULL);
    arena_deinit(&arena);
}

TEST(config_layers_the_environment)
{
    begin();
    put("one.env", "A=one\nB=one\nC=one\nD=one\nE=one\n");
    put("two.env", "B=two\n");
    put("mine.env", "D=mine\nE=mine\n");
    const Config *config =
        load_text("version: 1\n"
                  "env_from: [one.env, two.env]\n"
                  "env: {C: project, D: project}\n"
                  "services:\n"
                  "  a: {command: x, env_from: mine.env, env: {E: service, F: service}}\n"
                  "  b: {command: x}\n");
    ASSERT(config);
    const StrMap *a = &config->services.at[0].env, *b = &config->services.at[1].env;
    CHECK_STR(strmap_get(a, "A"), "one");
    CHECK_STR(strmap_get(a, "B"), "two");
    CHECK_STR(strmap_get(a, "C"), "project");
    CHECK_STR(strmap_get(a, "D"), "mine");
    CHECK_STR(strmap_get(a, "E"), "service");
    CHECK_STR(strmap_get(a, "F"), "service");
    CHECK_STR(strmap_get(b, "D"), "project");
    CHECK_STR(strmap_get(b, "E"), "one");
    CHECK_STR(strmap_get(b, "F"), NULL);
    CHECK_STR(strmap_get(&config->env, "B"), "two");
    arena_deinit(&arena);
}

TEST(config_paths_stay_inside)
{
    begin();
    ASSERT(mkdir(at("in"), 0700) == 0 && mkdir(at("in/sub"), 0700) == 0 &&
           mkdir(at("out"), 0700) == 0);
    ASSERT(symlink("../out", at("in/escape")) == 0 && symlink("sub", at("in/alias")) == 0);
    put("in/thole.yaml", "version: 1\nservices: {a: {command: x, path: ./sub/../alias/}}\n");
    const Config *config = load("in/thole.yaml");
    ASSERT(config);
    CHECK_STR(config->services.at[0].path, at("in/sub"));
    put("in/thole.yaml", "version: 1\nservices: {a: {command: x, path: escape}}\n");
    CHECK(load("in/thole.yaml") == NULL);
    CHECK_HAS(first(), "is outside the project");
    put("in/thole.yaml",
        arena_printf(&arena, "version: 1\nservices: {a: {command: x, path: %s}}\n", at("in/sub")));
    CHECK(load("in/thole.yaml") != NULL);
    /* A neighbour whose name begins alike is no inside. */
    ASSERT(mkdir(at("in-other"), 0700) == 0);
    put("in/thole.yaml", arena_printf(&arena, "version: 1\nservices: {a: {command: x, path: %s}}\n",
                                      at("in-other")));
    CHECK(load("in/thole.yaml") == NULL);
    arena_deinit(&arena);
}

TEST(config_knows_what_was_written)
{
    begin();
    const Config *config = load_text("version: 1\n"
                                     "services:\n"
                                     "  a: {command: x, restart: on-failure}\n"
                                     "  b: {command: x, restart: {delay: 2m}}\n"
                                     "  c: {command: x}\n");
    ASSERT(config);
    CHECK(config->services.at[0].restart_written);
    CHECK(!config->services.at[2].restart_written);
    CHECK_EQ(config->services.at[1].restart.max_delay_ms, 120000); /* as long as the first delay */
    CHECK_EQ(config->services.at[2].restart.max_delay_ms, 30000);
    CHECK(!schema_has(&type_service, &config->services.at[2], "ready"));
    CHECK_EQ(config->services.at[1].line, 4);
    CHECK_EQ(config->parallelism, 0);
    arena_deinit(&arena);
}

TEST(config_defaults_are_those_of_the_page)
{
    begin();
    const Config *config = load_text("version: 1\nservices: {a: {command: x, ready: {tcp: 1}}}\n");
    ASSERT(config);
    const Service *a = &config->services.at[0];
    CHECK_EQ(config->ci.timeout_ms, 30 * 60000);
    CHECK_EQ(config->ci.readiness_timeout_ms, 5 * 60000);
    CHECK_EQ(config->ci.grace_ms, 0);
    CHECK_EQ(config->logs.max_size, 64 << 20);
    CHECK_EQ(a->type, SERVICE_SERVER);
    CHECK_EQ(a->ready.period_ms, 1000);
    CHECK_EQ(a->ready.timeout_ms, 1000);
    CHECK_EQ(a->ready.success_threshold, 1);
    CHECK_EQ(a->ready.failure_threshold, 3);
    CHECK_EQ(a->ready.deadline_ms, 0);
    CHECK_STR(a->ready.tcp.host, "localhost");
    CHECK_EQ(a->restart.policy, RESTART_ON_FAILURE);
    CHECK_EQ(a->restart.delay_ms, 500);
    CHECK_EQ(a->restart.max_delay_ms, 30000);
    CHECK_EQ(a->restart.max_restarts, 10);
    CHECK_EQ(a->restart.reset_after_ms, 60000);
    CHECK_EQ(a->stop.signal, 15);
    CHECK_EQ(a->stop.grace_ms, 10000);
    CHECK_EQ(a->timeout_ms, 0);
    CHECK(a->auto_start);
    CHECK(!a->linger);
    CHECK_EQ(a->success_exit_codes.n, 1);
    arena_deinit(&arena);
}

TEST(config_secrets_of_known_values)
{
    begin();
    put("p.env", "SHORT=abc\nLONG=abcd\n");
    CHECK(load_text("version: 1\nenv_from: p.env\nservices: {a: {command: x, secrets: [LONG, "
                    "OF_THE_CLIENT]}}\n") != NULL);
    CHECK(
        load_text(
            "version: 1\nenv_from: p.env\nservices: {a: {command: x, secrets: [LONG, SHORT]}}\n") ==
        NULL);
    CHECK_HAS(first(), "thole.yaml:3:44: services.a.secrets[1]: the value of SHORT has 3 bytes");
    arena_deinit(&arena);
}

TEST(config_keeps_warnings_for_vet)
{
    begin();
    const Config *config = load_text("version: 1\nservices: {a: {depends_on: []}}\n");
    ASSERT(config);
    CHECK_EQ(config->warnings.n, 1);
    CHECK_HAS(config->warnings.at[0], "nothing to run");
    arena_deinit(&arena);
}

TEST(config_survives_being_stored)
{
    begin();
    put("x.env", "A='b c'\n");
    const Config *config =
        load_text("version: 1\n"
                  "name: N\n"
                  "env_from: [x.env]\n"
                  "services:\n"
                  "  a:\n"
                  "    command: x $A\n"
                  "    ready: {http: {port: 80, headers: {X: y}}, deadline: 10s}\n"
                  "    restart: always\n"
                  "    env: {SECRET: hunter22}\n"
                  "    secrets: [SECRET]\n"
                  "    stop: {signal: QUIT}\n"
                  "    depends_on: {b: started}\n"
                  "  b: {command: [x, y], labels: [l]}\n"
                  "  j: {command: j, type: job, success_exit_codes: [0, 7], timeout: 1m}\n");
    ASSERT(config);
    Buf first_text, second;
    buf_init(&first_text, 1 << 20);
    buf_init(&second, 1 << 20);
    JsonWriter w;
    json_writer_init(&w, &first_text);
    config_encode(config, false, &w);
    Err err;
    const Config *back = config_decode(first_text.p, first_text.n, &arena, &err);
    ASSERT(back);
    json_writer_init(&w, &second);
    config_encode(back, false, &w);
    CHECK_STR(buf_cstr(&second), buf_cstr(&first_text));
    const Service *a = config_service(back, "a");
    ASSERT(a);
    CHECK_STR(back->slug, config->slug);
    CHECK_STR(back->root, config->root);
    CHECK_STR(a->command.argv.at[2], "x $A");
    CHECK_STR(strmap_get(&a->env, "SECRET"), "hunter22");
    CHECK_EQ(a->ready.kind, PROBE_KIND_HTTP);
    CHECK(a->restart_written);
    CHECK(!config_service(back, "b")->restart_written);
    CHECK_EQ(a->depends_on.at[0].condition, DEP_STARTED);
    CHECK_EQ(a->line, 5);
    CHECK_EQ(a->stop.signal, 3);
    buf_deinit(&first_text);
    buf_deinit(&second);
    CHECK(config_decode("{", 1, &arena, &err) == NULL);
    CHECK(config_decode("{\"version\":[]}", 14, &arena, &err) == NULL);
    CHECK_HAS(err.msg, "version");
    arena_deinit(&arena);
}

TEST(config_masks_secrets_wherever_they_are_shown)
{
    begin();
    const Config *config =
        load_text("version: 1\n"
                  "env: {TOKEN: hunter22}\n"
                  "services: {a: {command: x, secrets: [TOKEN]}, b: {command: x}}\n");
    ASSERT(config);
    Buf text;
    buf_init(&text, 1 << 20);
    JsonWriter w;
    json_writer_init(&w, &text);
    config_encode(config, true, &w);
    CHECK(!strstr(buf_cstr(&text), "hunter22"));
    CHECK_HAS(buf_cstr(&text), "\"TOKEN\":\"********\"");
    CHECK_STR(strmap_get(&config->services.at[1].env, "TOKEN"), "hunter22");
    buf_deinit(&text);
    arena_deinit(&arena);
}

/* 10,000 services in a chain: no recursion that deep, no quadratic search. */
TEST(config_of_many_services)
{
    begin();
    Buf text;
    buf_init(&text, MAX_CONFIG_BYTES);
    buf_puts(&text, "version: 1\nservices:\n  s0: {command: x}\n");
    for (int i = 1; i < 9000; i++)
        buf_printf(&text, "  s%d: {command: x, depends_on: [s%d]}\n", i, i - 1);
    const Config *config = load_text(buf_cstr(&text));
    ASSERT(config);
    CHECK_EQ(config->services.n, 9000);
    buf_puts(&text, "  s9000: {command: x, depends_on: [s8999, s9001]}\n  s9001: {command: x, "
                    "depends_on: [s9000]}\n");
    CHECK(load_text(buf_cstr(&text)) == NULL);
    CHECK_HAS(first(), "these wait for each other: s9000 -> s9001 -> s9000");
    for (int i = 9002; i < 10100; i++)
        buf_printf(&text, "  s%d: {command: x}\n", i);
    CHECK(load_text(buf_cstr(&text)) == NULL);
    CHECK_HAS(first(), "10100 services are more than the limit of 9999");
    buf_deinit(&text);
    arena_deinit(&arena);
}

TEST(config_parse_has_no_file)
{
    begin();
    report_init(&report, &arena);
    const char *text = "version: 1\nservices: {a: {command: x}}\n";
    const Config *config = config_parse("/thole.yaml", text, strlen(text), &arena, &report);
    ASSERT(config);
    CHECK_STR(config->root, "/");
    CHECK_STR(config->services.at[0].path, "/");
    arena_deinit(&arena);
}
