/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/limits.h"
#include "harness/test.h"
#include "spec/environment.h"
#include "spec/template.h"

static Arena arena;
static char said[400], hinted[200];
static int problems;

static const char file[] =
    "version: 1\n"
    "name: shop\n"
    "vars: {a-b: dash, E: '', inner: '{{self.port}}', region: eu}\n"
    "services:\n"
    "  backend: {command: x, port: 8042, ports: {admin: 8043, http-2: 8044}}\n"
    "  web: {command: x, port: 3042}\n"
    "  port: {command: x}\n";

static TemplateValues values(void) {
    static Report report;
    static PortTable ports;
    report_init(&report, &arena);
    const Config *config = config_parse("/usr/thole.yaml", file, strlen(file), &arena, &report);
    ASSERT(config || (fprintf(stderr, "%s\n", report_line(&report.at[0], &arena)), false));
    ports = port_table_of(config, &arena);
    return (TemplateValues){.config = config, .ports = &ports, .self = "backend"};
}

static void on_problem(void *arg, const char *message, const char *hint) {
    problems++;
    snprintf(said, sizeof(said), "%s", message);
    snprintf(hinted, sizeof(hinted), "%s", hint ? hint : "");
}

static const char *render(const char *text, TemplateMode mode) {
    static TemplateValues all;
    if (!all.config)
        all = values();
    said[0] = hinted[0] = '\0';
    problems = 0;
    return template_render(text, mode, &all, &(TemplateProblems){on_problem, NULL}, &arena);
}

typedef struct Row {
    const char *text, *result, *problem;
} Row;

static void check_rows(const Row *rows, size_t n, TemplateMode mode) {
    for (size_t i = 0; i < n; i++) {
        const char *result = render(rows[i].text, mode);
        CHECK_STR(result, rows[i].result ? rows[i].result : rows[i].text);
        CHECK_STR(said, rows[i].problem ? rows[i].problem : "");
    }
}

TEST(a_strict_template_is_scanned_by_these_rules)
{
    static const Row rows[] = {
        {"", "", NULL},
        {"plain", "plain", NULL},
        {"{{ self.port }}", "8042", NULL},
        {"{{\tself.port\n}}", "8042", NULL},
        {"{{\u00a0self.port\u3000\u2009}}", "8042", NULL},
        {"{{self .port}}", NULL, "{{self .port}}: unknown namespace \"self \""},
        {"{{}}", "{{}}", NULL},
        {"{{ }}", NULL, "{{ }}: unknown namespace \"\""},
        {"{{{self.port}}}", NULL, "{{{self.port}}: unknown namespace \"{self\""},
        {"{{self.port}}}", "8042}", NULL},
        {"{{self.port}", NULL, NULL},
        {"{self.port}}", NULL, NULL},
        {"{{a}b}}", NULL, NULL},
        {"{{a}b}}{{self.port}}", "{{a}b}}8042", NULL},
        {"{{", NULL, NULL},
        {"{{x", NULL, NULL},
        {"{", NULL, NULL},
        {"${{self.port}}", "$8042", NULL},
        {"\\{{self.port}}", "\\8042", NULL},
        {"{{SERVICES.web.port}}", NULL, "{{SERVICES.web.port}}: unknown namespace \"SERVICES\""},
        {"{{services..port}}", NULL, "{{services..port}}: there is no service \"\""},
        {"{{services.web.port}}", "3042", NULL},
        {"{{services.web.port.x}}", NULL,
         "{{services.web.port.x}}: expected services.<name>.port or services.<name>.ports.<name>"},
        {"{{services.web}}", NULL,
         "{{services.web}}: expected services.<name>.port or services.<name>.ports.<name>"},
        {"{{services.redis.port}}", NULL, "{{services.redis.port}}: there is no service \"redis\""},
        {"{{services.port.port}}", NULL, "{{services.port.port}}: services.port has no `port`"},
        {"{{services.backend.ports.admin}}", "8043", NULL},
        {"{{self.ports.http-2}}", "8044", NULL},
        {"{{self.ports.}}", NULL, "{{self.ports.}}: the service has no port named \"\""},
        {"{{self.ports.adnin}}", NULL,
         "{{self.ports.adnin}}: the service has no port named \"adnin\""},
        {"{{self.prot}}", NULL, "{{self.prot}}: expected self.port or self.ports.<name>"},
        {"{{self}}", NULL, "{{self}}: expected self.port or self.ports.<name>"},
        {"{{self.port.}}", NULL, "{{self.port.}}: expected self.port or self.ports.<name>"},
        {"{{project.name}}:{{project.root}}", "shop:/usr", NULL},
        {"{{project.slug}}", NULL, "{{project.slug}}: expected project.name or project.root"},
        {"{{vars.a-b}}", "dash", NULL},
        {"[{{vars.E}}]", "[]", NULL},
        {"{{vars.inner}}", "{{self.port}}", NULL},
        {"{{vars.K}}", NULL, "{{vars.K}}: there is no variable \"K\""},
        {"{{vars}}", NULL, "{{vars}}: expected vars.<name>"},
        {"{{vars.a.b}}", NULL, "{{vars.a.b}}: expected vars.<name>"},
        {"{{env.name}}", NULL, "{{env.name}}: only an environment has this"},
        {"{{env.HOME}}", NULL, "{{env.HOME}}: expected env.name"},
        {"{{ .Values.x }}", NULL, "{{.Values.x}}: unknown namespace \"\""},
        {"{{services.web.port}}:{{self.port}}/{{vars.region}}", "3042:8042/eu", NULL},
        {"{{{{}}", "{{}}", NULL},
        {"{{{{self.port}}", "{{self.port}}", NULL},
        {"{{{{{{self.port}}", "{{8042", NULL},
        {"{{{{{{{{", "{{{{", NULL},
        {"{{{{ .Names }}", "{{ .Names }}", NULL},
        {"{{a.b.c.d.e.f.g.h}}", NULL, "{{a.b.c.d.e.f.g.h}}: unknown namespace \"a\""},
    };
    check_rows(rows, sizeof(rows) / sizeof(rows[0]), TEMPLATE_STRICT);
}

TEST(a_lenient_one_leaves_what_is_not_ours)
{
    static const Row rows[] = {
        {"docker ps --format '{{.Names}} {{ .ID }}'", NULL, NULL},
        {"echo ${{ github.sha }} {{ }} {{}} {{self}} {{env}}", NULL, NULL},
        {"serve --port {{self.port}}", "serve --port 8042", NULL},
        {"{{{self.port}}}", "{8042}", NULL},
        {"awk '{{print $1}}'; serve {{ self.port }}", "awk '{{print $1}}'; serve 8042", NULL},
        {"echo {{ not closed; serve {{self.port}}", "echo {{ not closed; serve 8042", NULL},
        {"echo '{{{{self.port}}'", "echo '{{self.port}}'", NULL},
        {"echo '{{{{.Names}}'", NULL, NULL},
        {"{{{{{{self.port}}", "{{{{self.port}}", NULL},
        {"{{self .port}}", NULL, NULL},
        {"{{selfish.port}}", NULL, NULL},
        {"{{self.prot}}", NULL, "{{self.prot}}: expected self.port or self.ports.<name>"},
        {"{{ vars.nope }}", NULL, "{{vars.nope}}: there is no variable \"nope\""},
        {"{{services.nope.port}} {{.x}}", NULL,
         "{{services.nope.port}}: there is no service \"nope\""},
    };
    check_rows(rows, sizeof(rows) / sizeof(rows[0]), TEMPLATE_LENIENT);
}

TEST(each_problem_is_told_and_good_values_are_put)
{
    const char *result =
        render("{{self.prot}} {{self.port}} {{servces.web.port}}", TEMPLATE_STRICT);
    CHECK_STR(result, "{{self.prot}} 8042 {{servces.web.port}}");
    CHECK_EQ(problems, 2);
    CHECK_STR(hinted, "did you mean services?");
    render("{{services.wbe.port}}", TEMPLATE_STRICT);
    CHECK_STR(hinted, "did you mean web?");
    render("{{self.ports.adnin}}", TEMPLATE_STRICT);
    CHECK_STR(hinted, "did you mean admin?");
    render("{{vars.regoin}}", TEMPLATE_STRICT);
    CHECK_STR(hinted, "did you mean region?");
}

TEST(outside_a_service_nobody_is_self)
{
    TemplateValues all = values();
    all.self = NULL;
    template_render("{{self.port}}", TEMPLATE_STRICT, &all, &(TemplateProblems){on_problem, NULL},
                    &arena);
    CHECK_STR(said, "{{self.port}}: `self` is known only inside a service");
}

TEST(in_an_environment_its_name_is_known)
{
    TemplateValues all = values();
    EnvironmentEntry entry = {.name = "pr-1"};
    all.environment = &entry;
    CHECK_STR(template_render("x-{{env.name}}", TEMPLATE_STRICT, &all, NULL, &arena), "x-pr-1");
}

TEST(what_is_escaped_comes_out_as_it_was)
{
    static const char *const texts[] = {"{{self.port}}",
                                        "{{{{",
                                        "{{{x}}}",
                                        "{",
                                        "{{{",
                                        "a{{b",
                                        "{{{self.port}}",
                                        "{{{{self.port}}",
                                        "{{{{{ vars.x }}}}",
                                        "{{.Name}}{{ env.name }}{{x}}"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        for (int mode = TEMPLATE_STRICT; mode <= TEMPLATE_LENIENT; mode++)
            CHECK_STR(render(template_escape(texts[i], (TemplateMode)mode, &arena), mode),
                      texts[i]);
    CHECK_STR(template_escape("docker ps --format {{.Name}}", TEMPLATE_LENIENT, &arena),
              "docker ps --format {{.Name}}");
}

/* A text that is scanned anew from each byte would take hours. */
TEST(a_long_text_is_looked_through_once)
{
    enum { SIZE = MAX_RENDERED_BYTES };
    static const char *const pieces[] = {"{{a", "{", "{{{{self.", "{{self. "};
    char *text = malloc(SIZE + 16);
    for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
        size_t n = 0;
        while (n < MAX_RENDERED_BYTES / 2) {
            memcpy(text + n, pieces[i], strlen(pieces[i]) + 1);
            n += strlen(pieces[i]);
        }
        CHECK(strlen(render(text, TEMPLATE_LENIENT)) > 0);
        CHECK(strlen(render(text, TEMPLATE_STRICT)) > 0);
        text[n] = '}';
        text[n + 1] = '}';
        text[n + 2] = '\0';
        CHECK(strlen(render(text, TEMPLATE_LENIENT)) > 0);
    }
    free(text);
}

TEST(what_would_grow_too_large_is_a_problem)
{
    enum { REFS = MAX_RENDERED_BYTES / 4 + 1 }; /* of 4 bytes each: /usr */
    char *text = malloc(REFS * 16 + 1);
    text[0] = '\0';
    for (size_t i = 0; i < REFS; i++)
        memcpy(text + i * 16, "{{project.root}}", 17);
    render(text, TEMPLATE_STRICT);
    CHECK_HAS(said, "more than 1048576 bytes");
    CHECK_EQ(problems, 1);
    free(text);
}

TEST(variables_tell_of_ports)
{
    TemplateValues all = values();
    StrMap shared = port_env_shared(all.ports, &arena);
    StrMap own = port_env_own(all.ports, "backend", &arena);
    CHECK_EQ(shared.n, 4);
    CHECK_STR(strmap_get(&shared, "WEB_PORT"), "3042");
    CHECK_STR(strmap_get(&shared, "BACKEND_PORT"), "8042");
    CHECK_STR(strmap_get(&shared, "BACKEND_PORT_ADMIN"), "8043");
    CHECK_STR(strmap_get(&shared, "BACKEND_PORT_HTTP_2"), "8044");
    CHECK_EQ(own.n, 3);
    CHECK_STR(strmap_get(&own, "PORT"), "8042");
    CHECK_STR(strmap_get(&own, "PORT_HTTP_2"), "8044");
    CHECK_EQ(port_env_own(all.ports, "port", &arena).n, 0);
}

TEST(a_probe_asks_the_services_own_port)
{
    TemplateValues all = values();
    Probe probe = {.kind = PROBE_KIND_HTTP, .http = {.path = "/{{vars.region}}"}};
    probe.tcp.port.text = "{{self.ports.admin}}";
    Probe rendered = template_probe(&probe, &all, &arena);
    CHECK_EQ(rendered.http.port.number, 8042);
    CHECK_EQ(rendered.tcp.port.number, 8043);
    CHECK_STR(rendered.http.path, "/eu");
}
