/* SPDX-License-Identifier: Apache-2.0 */
/* References to what only an environment has. */
#include <string.h>

#include "harness/test.h"
#include "spec/environment.h"
#include "spec/template.h"

static Arena arena;
static char said[400], hinted[200];

static const char file[] =
    "version: 1\n"
    "name: shop\n"
    "vars: {region: eu}\n"
    "provisioner: {services: {main: {outputs: [host, EMPTY, self, LATE], seed: x}, "
    "other: {outputs: [X]}}}\n"
    "infrastructure: {compose_file: x.yaml}\n"
    "runner: {compose: {proxy: {domain: ex.com}}}\n"
    "services: {backend: {command: x}, web: {command: x, port: 3000}}\n";

static void on_problem(void *arg, const char *message, const char *hint) {
    snprintf(said, sizeof(said), "%s", message);
    snprintf(hinted, sizeof(hinted), "%s", hint ? hint : "");
}

/* As the environment pr-1 has them; without: as nobody does. */
static TemplateValues values(bool with) {
    static EnvironmentPort ports[] = {{"backend", 8042}, {"redis", 6421}, {"web", 3042}};
    static StrPair outputs[] = {{"EMPTY", ""}, {"host", "localhost"}, {"self", "{{self.port}}"}};
    static StrPair store[] = {{"E", ""}, {"K", "v"}, {"a-b", "dash"}};
    static ProvisionedOutputs main_outputs[] = {{"main", {outputs, 3}}};
    static InfraService infra[] = {{.name = "backend"}, {.name = "mail"}, {.name = "redis"}};
    static EnvironmentEntry entry;
    static Config config;
    Report report;
    report_init(&report, &arena);
    const Config *read = config_parse("/usr/thole.yaml", file, strlen(file), &arena, &report);
    ASSERT(read || (fprintf(stderr, "%s\n", report_line(&report.at[0], &arena)), false));
    config = *read;
    config.infrastructure.services.at = infra;
    config.infrastructure.services.n = 3;
    entry = (EnvironmentEntry){
        .name = "pr-1", .ports = {ports, 3}, .outputs = {main_outputs, 1}, .values = {store, 3}};
    PortTable *table = arena_alloc(&arena, sizeof(*table));
    *table = port_table_of(&config, &arena);
    return (TemplateValues){
        .config = &config, .ports = table, .self = "backend", .environment = with ? &entry : NULL};
}

static const char *render(const char *text, const TemplateValues *all) {
    said[0] = hinted[0] = '\0';
    return template_render(text, TEMPLATE_STRICT, all, &(TemplateProblems){on_problem, NULL},
                           &arena);
}

typedef struct Row {
    const char *text, *result, *problem;
} Row;

TEST(an_environment_gives_templates_their_values)
{
    static const Row rows[] = {
        {"{{ self.port }}", "8042", NULL},
        {"{{services.web.port}}", "3042", NULL},
        {"{{infrastructure.redis.port}}", "6421", NULL},
        {"{{provisioner.main.host}}", "localhost", NULL},
        {"[{{provisioner.main.EMPTY}}]", "[]", NULL},
        {"{{provisioner.main.self}}", "{{self.port}}", NULL},
        {"{{env.name}}", "pr-1", NULL},
        {"{{store.K}}", "v", NULL},
        {"[{{store.E}}]", "[]", NULL},
        {"{{store.a-b}}", "dash", NULL},
        {"{{proxy.domain}}", "ex.com", NULL},
        {"{{proxy.url.web}}", "https://pr-1--web.ex.com", NULL},
        {"{{services.web.port}}:{{infrastructure.redis.port}}/{{provisioner.main.host}}",
         "3042:6421/localhost", NULL},
        {"{{{{store.K}}", "{{store.K}}", NULL},
        {"{{services.redis.port}}", NULL, "there is no service \"redis\""},
        {"{{infrastructure.nosuch.port}}", NULL, "there is no infrastructure service \"nosuch\""},
        {"{{infrastructure.mail.port}}", NULL, "the environment pr-1 has no port for it"},
        {"{{infrastructure.redis}}", NULL, "expected infrastructure.<name>.port"},
        {"{{infrastructure.redis.host}}", NULL, "expected infrastructure.<name>.port"},
        {"{{provisioner.nosuch.X}}", NULL, "there is no provisioner service \"nosuch\""},
        {"{{provisioner.main.hots}}", NULL, "provisioner service \"main\" has no output \"hots\""},
        {"{{provisioner.main.LATE}}", NULL, "main was not provisioned yet in the environment pr-1"},
        {"{{provisioner.main}}", NULL, "expected provisioner.<service>.<OUTPUT>"},
        {"{{provisioner.main.host.x}}", NULL, "expected provisioner.<service>.<OUTPUT>"},
        {"{{store.NOPE}}", NULL, "the environment pr-1 has no value \"NOPE\""},
        {"{{store.}}", NULL, "expected store.<KEY>"},
        {"{{store.a.b}}", NULL, "expected store.<KEY>"},
        {"{{proxy.url.redis}}", NULL, "there is no service \"redis\""},
        {"{{proxy.url}}", NULL, "expected proxy.domain or proxy.url.<service>"},
        {"{{proxy}}", NULL, "expected proxy.domain or proxy.url.<service>"},
        {"{{env.HOME}}", NULL, "expected env.name"},
    };
    arena_init(&arena);
    TemplateValues all = values(true);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        CHECK_STR(render(rows[i].text, &all), rows[i].result ? rows[i].result : rows[i].text);
        const char *why = strstr(said, "}}: ");
        CHECK_STR(why ? why + 4 : said, rows[i].problem ? rows[i].problem : "");
    }
    (void)render("{{store.NOPE}}", &all);
    CHECK_STR(hinted, "set it with `thole env store set pr-1 NOPE=VALUE`");
    (void)render("{{provisioner.main.LATE}}", &all);
    CHECK_STR(hinted, "`thole env create pr-1` does its step seed_main");
    (void)render("{{provisioner.other.X}}", &all);
    CHECK_STR(hinted, "run `thole env hook other reset pr-1`");
    arena_deinit(&arena);
}

TEST(the_name_in_a_url_is_one_label)
{
    arena_init(&arena);
    TemplateValues all = values(true);
    EnvironmentEntry entry = *all.environment;
    entry.name = "feat/A";
    all.environment = &entry;
    const char *url = render("{{proxy.url.web}}", &all);
    CHECK(strncmp(url, "https://feat-a-", 15) == 0);
    CHECK(strcmp(url + 21, "--web.ex.com") == 0);
    arena_deinit(&arena);
}

TEST(without_an_environment_its_values_are_a_problem)
{
    static const char *const texts[] = {"{{env.name}}",
                                        "{{infrastructure.redis.port}}",
                                        "{{provisioner.main.host}}",
                                        "{{store.ANY}}",
                                        "{{proxy.url.web}}",
                                        "{{self.port}}"};
    arena_init(&arena);
    TemplateValues none = values(false), checking = none;
    checking.checking = true;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        (void)render(texts[i], &none);
        CHECK(strstr(said, "only an environment has this"));
        CHECK_STR(hinted, "make one with `thole env create NAME`");
        CHECK_STR(render(texts[i], &checking), "20000");
        CHECK_STR(said, "");
    }
    CHECK_STR(render("{{proxy.domain}}", &none), "ex.com");
    CHECK_STR(render("{{services.web.port}}", &none), "3000");
    arena_deinit(&arena);
}

TEST(placed_values_come_out_as_they_are_and_the_rest_waits)
{
    static const char *const rows[][2] = {
        {"{{store.K}}/{{self.port}}/{{vars.region}}", "v/{{self.port}}/{{vars.region}}"},
        {"{{provisioner.main.self}}", "{{{{self.port}}"},
        {"{{{{store.K}} {{env.name}}", "{{{{store.K}} pr-1"},
        {"none", "none"},
    };
    arena_init(&arena);
    TemplateValues all = values(true);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const char *placed = template_place(rows[i][0], TEMPLATE_STRICT, &all, NULL, &arena);
        CHECK_STR(placed, rows[i][1]);
        CHECK_STR(render(placed, &all), render(rows[i][0], &all));
        CHECK_STR(said, "");
    }
    arena_deinit(&arena);
}
