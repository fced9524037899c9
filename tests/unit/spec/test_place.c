/* SPDX-License-Identifier: Apache-2.0 */
/* What a session gets of its environment: values, ports, env files. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/path.h"
#include "config_dir.h"
#include "spec/environment.h"

static const Config *load(const EnvironmentEntry *entry) {
    return load_as(&(ConfigAsk){.file = at("thole.yaml"), .entry = entry});
}

static const char base[] =
    "version: 1\n"
    "provisioner: {services: {db: {outputs: [URL], seed: x}}}\n"
    "infrastructure: {compose_file: compose.yaml}\n"
    "services:\n"
    "  api:\n"
    "    command: serve {{store.KEY}} {{self.port}}\n"
    "    port: auto\n"
    "    depends_on: [db, redis, web]\n"
    "    env: {URL: '{{provisioner.db.URL}}', R: 'x:{{infrastructure.redis.port}}'}\n"
    "  web: {command: [web, '{{env.name}}'], env: {MINE: '{{self.port}}'}}\n";

TEST(a_session_in_an_environment_has_its_ports_and_values)
{
    EnvironmentPort ports[] = {{"api", 61200}, {"redis", 61201}, {"web", 61202}};
    StrPair outputs[] = {{"URL", "pg://{{x}}"}}, store[] = {{"KEY", "k"}};
    ProvisionedOutputs db[] = {{"db", {outputs, 1}}};
    EnvironmentEntry entry = {
        .name = "pr-1", .ports = {ports, 3}, .outputs = {db, 1}, .values = {store, 1}};
    begin();
    put("thole.yaml", base);
    put("compose.yaml", "broken: ["); /* a session does not read it */
    const Config *c = load(&entry);
    CHECK_STR(said(), "");
    ASSERT(c);
    const Service *api = config_service(c, "api"), *web = config_service(c, "web");
    CHECK_EQ(api->port.number, 61200);
    CHECK_EQ(web->port.number, 61202);
    CHECK_STR(api->command.script, "serve k {{self.port}}");
    CHECK_STR(api->command.argv.at[2], api->command.script);
    CHECK_STR(strmap_get(&api->env, "URL"), "pg://{{{{x}}");
    CHECK_STR(strmap_get(&api->env, "R"), "x:61201");
    CHECK_STR(web->command.argv.at[1], "pr-1");
    ASSERT(api->depends_on.n == 1 && api->needs.n == 2);
    CHECK_STR(api->depends_on.at[0].name, "web");
    CHECK_STR(api->needs.at[0], "db");
    CHECK_STR(api->needs.at[1], "redis");
    entry.values.n = 0;
    CHECK(!load(&entry));
    CHECK_STR(said(), "/thole.yaml:6:14: services.api.command: {{store.KEY}}: the environment pr-1 "
                      "has no value \"KEY\"; set it with `thole env store set pr-1 KEY=VALUE`");
    end();
}

TEST(an_env_file_stands_for_what_only_an_environment_knows)
{
    begin();
    put("thole.yaml", "version: 1\n"
                      "provisioner: {services: {db: {outputs: [URL], seed: x}}}\n"
                      "services:\n"
                      "  api: {command: x, env: {URL: '{{provisioner.db.URL}}', A: a}}\n");
    CHECK(!load(NULL));
    CHECK_STR(said(), "/thole.yaml:4:32: services.api.env.URL: {{provisioner.db.URL}}: only an "
                      "environment has this; make one with `thole env create NAME`, or set URL in "
                      ".env.local");
    put(".env.local", "URL='pg://$x {{self.port}}'\nMORE=1\n");
    const Config *c = load(NULL);
    ASSERT(c);
    const StrMap *env = &config_service(c, "api")->env;
    CHECK_STR(strmap_get(env, "URL"), "pg://$x {{{{self.port}}"); /* as it is */
    CHECK_STR(strmap_get(env, "A"), "a");
    CHECK_STR(strmap_get(env, "MORE"), "1");
    ASSERT(c->files.n == 2); /* so that a change is seen */
    CHECK_STR(c->files.at[1], at(".env.local"));
    CHECK_EQ(strlen(c->digests.at[1]), 64);
    report_init(&report, &arena);
    c = load_as(&(ConfigAsk){.file = at("thole.yaml"), .environment = true});
    ASSERT(c); /* what an environment writes is none of what it is made from */
    CHECK_STR(strmap_get(&config_service(c, "api")->env, "URL"), "{{provisioner.db.URL}}");
    put(".env.local", "URL\n");
    CHECK(!load(NULL));
    CHECK(strncmp(said(), "/.env.local:1:", 14) == 0);
    end();
}

TEST(in_an_environment_what_a_service_says_itself_wins_over_those_it_shares_the_file_with)
{
    EnvironmentPort ports[] = {{"e", 61200}, {"f", 61201}};
    EnvironmentEntry entry = {.name = "pr-1", .ports = {ports, 2}};
    begin();
    put("thole.yaml", "version: 1\n"
                      "runner: {after: x}\n"
                      "services:\n"
                      "  e: {command: x, port: auto, env: {A: 1, P: e, PORT: '{{self.port}}',\n"
                      "      K: '{{store.KEY}}'}}\n"
                      "  f: {command: x, port: auto, env: {A: 2, PORT: '{{self.port}}'}}\n");
    put(".env.local", "A=2\nP=e\nPORT=61201\nK=k\n");
    const Config *c = load(&entry);
    CHECK_STR(said(), "");
    ASSERT(c);
    const StrMap *e = &config_service(c, "e")->env, *f = &config_service(c, "f")->env;
    CHECK_STR(strmap_get(e, "A"), "1");
    CHECK_STR(strmap_get(e, "PORT"), "{{self.port}}"); /* 61200, once it starts */
    CHECK_STR(strmap_get(e, "K"), "k"); /* only the file knows it: `env run` asks no store */
    CHECK_STR(strmap_get(f, "A"), "2");
    CHECK_STR(strmap_get(f, "P"), "e");
    report_init(&report, &arena);
    ASSERT(config_review(&(ConfigAsk){.file = at("thole.yaml")}, &arena, &report));
    CHECK_EQ(report.warnings, 2);
    CHECK_STR(said(),
              "/thole.yaml:6:40: warning: services.f.env.A: A of e (thole.yaml:4:40) is written "
              "into the same .env.local: there this value stays; give one of them another "
              "`env_file`");
    CHECK_EQ(report.at[1].place.line, 6);
    end();
}

TEST(an_env_file_that_nobody_fights_for_is_nothing_to_warn_of)
{
    static const char *const files[] = {
        "runner: {after: x}\nservices:\n"
        "  e: {command: x, env: {A: 1}}\n  f: {command: x, env: {A: 1}}\n",
        "runner: {after: x}\nservices:\n"
        "  e: {command: x, env: {A: 1}}\n  f: {command: x, env_file: .env.f, env: {A: 2}}\n",
        "runner: {after: x}\nservices:\n"
        "  e: {command: x, port: auto, replicas: 2, env: {A: '{{self.port}}'}}\n",
        "services:\n  e: {command: x, env: {A: 1}}\n  f: {command: x, env: {A: 2}}\n"};
    begin();
    for (size_t i = 0; i < COUNT(files); i++) {
        put("thole.yaml", arena_printf(&arena, "version: 1\n%s", files[i]));
        report_init(&report, &arena);
        CHECK(config_review(&(ConfigAsk){.file = at("thole.yaml")}, &arena, &report));
        CHECK_STR(said(), "");
    }
    end();
}

TEST(an_env_file_stays_inside_the_project)
{
    begin();
    ASSERT(mkdir(at("sub"), 0700) == 0 && mkdir(at("deep"), 0700) == 0);
    put("thole.yaml", "version: 1\nservices: {a: {command: x, path: sub, env_file: ../deep/e}}\n");
    put("deep/e", "A=1\n");
    const Config *c = load(NULL);
    ASSERT(c);
    CHECK_STR(strmap_get(&config_service(c, "a")->env, "A"), "1");
    put("thole.yaml", "version: 1\nservices: {a: {command: x, path: sub, env_file: ../../e}}\n");
    CHECK(!load(NULL));
    CHECK(strstr(said(), "\"../../e\" leads out of the project; use a file inside the project"));
    put("thole.yaml", "version: 1\nservices: {a: {command: x, env_file: link}}\n");
    ASSERT(symlink("/etc/hostname", at("link")) == 0);
    CHECK(!load(NULL));
    CHECK(strstr(said(), "/link is outside the project"));
    ASSERT(unlink(at("link")) == 0 && mkdir(at("link"), 0700) == 0);
    CHECK(!load(NULL));
    CHECK(strstr(said(), "it is a directory, not a file"));
    end();
}
