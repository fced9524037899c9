/* SPDX-License-Identifier: Apache-2.0 */
/* Overlays of modes: how they merge, and where problems in them stand. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/path.h"
#include "base/xalloc.h"
#include "config_dir.h"
#include "spec/config_modes.h"
#include "spec/config_overlay.h"

static const Config *load(const char *name, const char *mode) {
    return load_as(&(ConfigAsk){.file = at(name), .mode = mode, .environment = true});
}

static const char base[] = "version: 1\n"
                           "provisioner:\n"
                           "  before: one\n"
                           "  after: {command: two, allow_cache: false}\n"
                           "  services:\n"
                           "    main: {outputs: [URL], seed: seed, destroy: gone}\n"
                           "services:\n"
                           "  api:\n"
                           "    command: x\n"
                           "    env: {A: a, B: b}\n"
                           "    depends_on: [web]\n"
                           "    restart: {delay: 2s}\n"
                           "  web: {command: y}\n";

TEST(an_overlay_is_merged_field_by_field)
{
    begin();
    put("thole.yaml", base);
    put("thole.preview.yaml", "provisioner:\n"
                              "  before: null\n"
                              "  after: deux\n"
                              "  services: {main: {seed: other, destroy: }, more: {outputs: [K]}}\n"
                              "runner: {deploy: {command: go}}\n"
                              "services:\n"
                              "  api:\n"
                              "    env: {B: '', C: c}\n"
                              "    depends_on: []\n"
                              "    restart: never\n"
                              "  job: {command: z, type: job}\n");
    const Config *c = load("thole.yaml", "preview");
    CHECK_STR(said(), "");
    ASSERT(c);
    CHECK_STR(c->mode, "preview");
    CHECK(!hook_given(&c->provisioner.before)); /* null takes it away */
    CHECK_STR(c->provisioner.after.command, "deux");
    CHECK(!c->provisioner.after.allow_cache); /* a string says nothing of it */
    ASSERT(c->provisioner.services.n == 2);
    CHECK_STR(c->provisioner.services.at[0].seed.command, "other");
    CHECK(!hook_given(&c->provisioner.services.at[0].destroy));
    CHECK_STR(c->provisioner.services.at[0].outputs.at[0], "URL");
    CHECK_STR(c->runner.deploy.command, "go");
    const Service *api = config_service(c, "api");
    CHECK_STR(api->command.script, "x");
    CHECK_STR(strmap_get(&api->env, "A"), "a");
    CHECK_STR(strmap_get(&api->env, "B"), "");
    CHECK_STR(strmap_get(&api->env, "C"), "c");
    CHECK_EQ(api->depends_on.n, 0);
    CHECK_EQ(api->restart.policy, RESTART_NEVER);
    CHECK_EQ(api->restart.delay_ms, 2000);
    CHECK(config_service(c, "job") && config_service(c, "web"));
    end();
}

TEST(a_mode_without_overlay_is_the_file_alone_and_no_mode_has_none)
{
    begin();
    put("thole.yaml", base);
    put("thole.preview.yaml", "services: {web: null}\n");
    const Config *c = load("thole.yaml", "local");
    ASSERT(c);
    CHECK_STR(c->mode, "local");
    CHECK(config_service(c, "web"));
    ASSERT(c->files.n == 2); /* it is looked for: should it appear, all is different */
    CHECK_STR(c->files.at[1], at("thole.local.yaml"));
    CHECK_STR(c->digests.at[1], "");
    c = load("thole.yaml", NULL);
    ASSERT(c);
    CHECK_STR(c->mode, "");
    CHECK(config_service(c, "web"));
    put("thole.preview.yaml", "\n# nothing\n");
    CHECK(load("thole.yaml", "preview"));
    end();
}

TEST(what_is_merged_is_checked_again_and_a_problem_names_its_file)
{
    static const struct {
        const char *overlay, *said;
    } rows[] = {
        {"services: {web: null}\n",
         "/thole.yaml:11:18: services.api.depends_on.web: there is no service \"web\" (with "
         "thole.preview.yaml laid over it)"},
        {"services:\n  web: {prot: 1}\n", "/thole.preview.yaml:2:9: services.web: unknown key "
                                          "\"prot\"; did you mean port?"},
        {"services:\n  web:\n    restart: {delay: 3}\n",
         "/thole.preview.yaml:3:22: services.web.restart.delay: 3 has no unit; expected a duration "
         "such as 300ms, 10s or 1h30m; write 3s if you mean seconds"},
        {"services:\n  web: {depends_on: [api]}\n",
         "/thole.preview.yaml:2:22: services.web.depends_on.api: these wait for each other: api -> "
         "web -> api; one of them must not wait for the next"},
        {"services:\n  web: {env: {A: '{{slef.port}}'}}\n",
         "/thole.preview.yaml:2:18: services.web.env.A: {{slef.port}}: unknown namespace \"slef\"; "
         "did you mean self?"},
        {"version: 2\n", "/thole.preview.yaml:1:10: version: version 2 is unknown; this thole "
                         "reads version 1; a newer thole may know it"},
        {"- a\n", "/thole.preview.yaml:1:1: the file is no map of keys; write the keys that "
                  "differ in this mode"},
        {"a: b: c\n", NULL},
        {"services: {api: {path: ..}}\n", NULL},
    };
    begin();
    put("thole.yaml", base);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        put("thole.preview.yaml", rows[i].overlay);
        CHECK(!load("thole.yaml", "preview"));
        if (rows[i].said)
            CHECK_STR(said(), rows[i].said);
        else
            CHECK(strncmp(said(), "/thole.preview.yaml:1:", 22) == 0);
    }
    end();
}

TEST(a_mode_is_a_name_and_no_path)
{
    static const char *const bad[] = {"../x", "a/b", ".", "..", "-x", "a b", "\xc3\xa4", "a\nb"};
    begin();
    put("thole.yaml", base);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        CHECK(!load("thole.yaml", bad[i]));
        CHECK(strstr(said(), "cannot be the name of a mode"));
    }
    CHECK(load("thole.yaml", ""));
    CHECK(load("thole.yaml", "pre-view_1.x"));
    end();
}

TEST(modes_are_found_beside_the_file)
{
    begin();
    put("thole.yaml", base);
    put("thole.preview.yaml", "services: {nosuch: {}}\n");
    put("thole.a.yaml", "{}");
    put("other.b.yaml", "{}");
    put("thole..yaml", "{}");
    StrList modes = config_modes(at("thole.yaml"), &arena);
    ASSERT(modes.n == 2);
    CHECK_STR(modes.at[0], "a");
    CHECK_STR(modes.at[1], "preview");
    end();
}

TEST(vet_reads_each_overlay)
{
    begin();
    put("thole.yaml", base);
    put("thole.a.yaml", "services: {web: {command: }}\n");
    report_init(&report, &arena);
    CHECK(config_review(&(ConfigAsk){.file = at("thole.yaml")}, &arena, &report));
    put("thole.b.yaml", "services:\n  web: {prot: 1}\n");
    report_init(&report, &arena);
    CHECK(config_review(&(ConfigAsk){.file = at("thole.yaml")}, &arena, &report)); /* without it */
    CHECK_EQ(report.errors, 1);
    CHECK_STR(said(), "/thole.b.yaml:2:9: services.web: unknown key \"prot\"; did you mean port?");
    put("thole.b.yaml", "services: {web: null}\n");
    report_init(&report, &arena);
    CHECK(config_review(&(ConfigAsk){.file = at("thole.yaml")}, &arena, &report)); /* without it */
    CHECK_EQ(report.errors, 1);
    CHECK(strstr(said(), "there is no service \"web\" (with thole.b.yaml laid over it)"));
    end();
}

TEST(previewctl_yaml_is_read_as_it_was)
{
    begin();
    put("previewctl.yaml", "version: 1.0\n"
                           "name: 7\n"
                           "extra: 1\n"
                           "provisioner:\n"
                           "  before:\n"
                           "  after: ''\n"
                           "  services: {main: {outputs: [A], seed: 7, reset: true, init: 0}}\n"
                           "runner:\n"
                           "  deploy: {command: x, allow_cache: no}\n"
                           "  compose: {proxy: {domain: ex.com}}\n"
                           "services:\n"
                           "  api:\n"
                           "    path: .\n"
                           "    port: 0x10\n"
                           "    unknown: 1\n"
                           "    depends_on: []\n"
                           "    env: {A: 1, B: true, C: , D: 1.50, E: 2020-01-01, F: yes, G: 0x10, "
                           "I: 1e3, J: 010}\n");
    put("previewctl.preview.yaml", "runner: {deploy: '', before: {command: y}}\n"
                                   "services: {api: {path: '', env: {B: ''}}}\n");
    const Config *c = load("previewctl.yaml", "preview");
    ASSERT(c || (fprintf(stderr, "%s\n", said()), false));
    CHECK_EQ(report.warnings, 2);
    CHECK_STR(said(),
              "/previewctl.yaml:3:1: warning: unknown key \"extra\" is ignored; the keys here are "
              "version, name, vars, env, env_from, parallelism, ci, logs, services, "
              "provisioner, infrastructure, runner");
    CHECK_STR(c->name, "7");
    CHECK(!hook_given(&c->provisioner.before) && !hook_given(&c->provisioner.after));
    CHECK_STR(c->provisioner.services.at[0].seed.command, "7");
    CHECK_STR(c->provisioner.services.at[0].reset.command, "true");
    CHECK_STR(c->provisioner.services.at[0].init.command, "0"); /* a text like any other */
    CHECK_STR(c->runner.deploy.command, "x");
    CHECK(!c->runner.deploy.allow_cache);
    CHECK(c->runner.compose.proxy.enabled);
    const Service *api = config_service(c, "api");
    static const char *const values[][2] = {{"A", "1"},          {"B", ""},    {"C", ""},
                                            {"D", "1.50"},       {"F", "yes"}, {"G", "0x10"},
                                            {"E", "2020-01-01"}, {"I", "1e3"}, {"J", "010"}};
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
        CHECK_STR(strmap_get(&api->env, values[i][0]), values[i][1]);
    CHECK_EQ(api->port.number, 16);
    end();
}

TEST(what_loses_its_meaning_in_previewctl_yaml_is_an_error)
{
    static const char *const bad[] = {
        "version: 1.5\n",
        "version: 2\n",
        "version: \"1\"\n",
        "name: x\n",
        "version: 1\nservices: []\n",
        "version: 1\nservices: {a: {port: 1.5}}\n",
        "version: 1\nservices: {a: {port: \"1\"}}\n",
        "version: 1\nservices: {a: {port: true}}\n",
        "version: 1\nservices: {a: {depends_on: b}}\n",
        "version: 1\nservices: {a: {}, a: {}}\n",
        "version: 1\nrunner: {deploy: [a]}\n",
        "version: 1\nrunner: {deploy: '  '}\n",
        "version: 1\nrunner: {deploy: {allow_cache: false}}\n",
        "version: 1\nrunner: {deploy: {command: x, allow_cache: nope}}\n",
        "version: 1\ninfrastructure: {}\n",
        "version: 1\nprovisioner: {services: {main: {seed: x}}}\n",
    };
    begin();
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        put("previewctl.yaml", bad[i]);
        if (load("previewctl.yaml", NULL))
            test_fail(__FILE__, __LINE__, "accepted: %s", bad[i]);
    }
    end();
}
