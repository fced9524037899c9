/* SPDX-License-Identifier: Apache-2.0 */
/* Manifests: made of config and environment, written, read, and the env files that follow. */
#include "spec/manifest.h"

#include <string.h>

#include "base/file.h"
#include "base/path.h"
#include "base/xalloc.h"
#include "harness/test.h"

enum { TEXT_MAX = 1 << 20 };

static Manifest decoded(const char *json, Arena *arena) {
    Manifest manifest = {0};
    Err err;
    if (manifest_decode(json, strlen(json), arena, &manifest, &err) < 0)
        test_fail(__FILE__, __LINE__, "%s", err.msg);
    return manifest;
}

static const char *encoded(const Manifest *manifest, Arena *arena) {
    Buf out;
    buf_init(&out, TEXT_MAX);
    manifest_encode(manifest, &out);
    const char *text = arena_strdup(arena, buf_cstr(&out));
    buf_deinit(&out);
    return text;
}

static void refuses(const char *json, const char *why) {
    Arena arena;
    Manifest manifest = {.version = 77};
    Err err = {.kind = ERR_NONE};
    arena_init(&arena);
    if (manifest_decode(json, strlen(json), &arena, &manifest, &err) == 0)
        test_fail(__FILE__, __LINE__, "accepted: %s", json);
    CHECK_EQ(err.kind, ERR_INVALID);
    CHECK_HAS(err.msg, why);
    CHECK_EQ(manifest.version, 77);
    arena_deinit(&arena);
}

TEST(manifests_of_previewctl_are_read_and_written_with_the_same_meaning)
{
    AUTO_FREE char *path = test_source("tests/golden/environment/manifest.json"), *json = NULL;
    const Value *was, *is;
    Arena arena;
    Err err;
    arena_init(&arena);
    ASSERT(file_read(path, TEXT_MAX, &json, NULL, &err) == 0);
    Manifest manifest = decoded(json, &arena);
    CHECK_STR(manifest.env_name, "pr-42");
    CHECK_STR(manifest.compose_file, "compose.yaml");
    CHECK_STR(manifest.enabled_services.at[0], "web");
    CHECK_STR(strmap_get(&manifest.outputs.at[0].values, "DB_NAME"), "pr_42");
    const char *text = encoded(&manifest, &arena);
    ASSERT(json_parse(json, strlen(json), &arena, &was, &err) == 0);
    ASSERT(json_parse(text, strlen(text), &arena, &is, &err) == 0);
    CHECK(value_equal(was, is));
    Manifest again = decoded(text, &arena);
    CHECK_STR(encoded(&again, &arena), text);
    CHECK(text[strlen(text) - 1] == '\n' && text[strlen(text) - 2] == '}');
    arena_deinit(&arena);
}

TEST(what_a_manifest_does_not_say_is_empty)
{
    Arena arena;
    arena_init(&arena);
    Manifest manifest = decoded("{\"version\":1,\"env_name\":\"a\",\"project_name\":\"p\","
                                "\"ports\":null,\"services\":{\"b\":null,\"a\":{\"path\":\"x\"}},"
                                "\"of_a_newer_one\":[1]}",
                                &arena);
    CHECK_EQ(manifest.ports.n, 0);
    ASSERT(manifest.services.n == 2);
    CHECK_STR(manifest.services.at[0].env_file, ".env.local");
    CHECK_STR(manifest.services.at[1].path, ".");
    CHECK(!manifest.compose_file);
    CHECK_STR(encoded(&manifest, &arena),
              "{\n  \"version\": 1,\n  \"env_name\": \"a\",\n  \"project_name\": \"p\",\n"
              "  \"branch\": \"\",\n  \"mode\": \"\",\n  \"ports\": {},\n  \"services\": {\n"
              "    \"a\": {\n      \"path\": \"x\",\n      \"env_file\": \".env.local\"\n    },\n"
              "    \"b\": {\n      \"path\": \".\",\n      \"env_file\": \".env.local\"\n    }\n"
              "  }\n}\n");
    arena_deinit(&arena);
}

#define MANIFEST(members) "{\"version\":1,\"env_name\":\"a\",\"project_name\":\"p\"," members "}"

TEST(what_is_wrong_in_a_manifest_is_told_with_its_key)
{
    refuses("", "the manifest: ");
    refuses("null", "the manifest: expected a map, got null");
    refuses("[]", "expected a map, got list");
    refuses("{\"version\":1} x", "the manifest: ");
    refuses("{\"version\":2}", "the manifest: version: it is of version 2, and this thole reads");
    refuses("{}", "version: it is of version 0");
    refuses("{\"version\":1,\"env_name\":\"\"}", "the manifest: it has no env_name");
    refuses("{\"version\":1,\"env_name\":\"../a b\",\"project_name\":\"p\"}", "env_name: ");
    refuses(MANIFEST("\"ports\":{\"a\":\"1\"}"), "ports.a: expected an integer, got string");
    refuses(MANIFEST("\"ports\":{\"a\":1.5}"), "ports.a: expected an integer");
    refuses(MANIFEST("\"services\":{\"a\":{\"env\":{\"B\":1}}}"), "services.a.env.B: expected a");
    refuses(MANIFEST("\"services\":[]"), "services: expected a map");
    refuses(MANIFEST("\"infrastructure\":{\"compose_file\":{}}"), "infrastructure.compose_file: ");
    refuses(MANIFEST("\"enabled_services\":[1]"), "enabled_services: expected a string");
}

/* ---- env files ---- */

static const char *files_of(const char *services, Arena *arena) {
    Manifest manifest =
        decoded(arena_printf(arena,
                             "{\"version\":1,\"env_name\":\"a\",\"project_name\":\"p\","
                             "\"services\":{%s}}",
                             services),
                arena);
    ManifestFiles files;
    Err err;
    const char *all = "";
    if (manifest_files(&manifest, arena, &files, &err) < 0)
        return arena_strdup(arena, err.msg);
    for (size_t i = 0; i < files.n; i++) {
        all = arena_printf(arena, "%s%s:", all, files.at[i].path);
        for (size_t k = 0; k < files.at[i].env.n; k++)
            all = arena_printf(arena, "%s %s=%s", all, files.at[i].env.at[k].name,
                               files.at[i].env.at[k].value);
        all = arena_printf(arena, "%s\n", all);
    }
    return all;
}

#define SERVICE(name, path, file, env) \
    "\"" name "\":{\"path\":\"" path "\",\"env_file\":\"" file "\",\"env\":{" env "}}"

TEST(env_files_are_merged_by_path_in_the_order_of_services)
{
    Arena arena;
    arena_init(&arena);
    CHECK_STR(
        files_of(SERVICE("b", "web", "../.env", "\"A\":\"b\",\"B\":\"b\"") "," SERVICE(
                     "a", ".", ".env",
                     "\"A\":\"a\",\"C\":\"a\"") "," SERVICE("c", "api/", "./x/../.env.local",
                                                            "\"A\":\"c\"") "," SERVICE("d", "docs",
                                                                                       ".env", ""),
                 &arena),
        ".env: A=b B=b C=a\napi/.env.local: A=c\n");
    CHECK_STR(files_of("", &arena), "");
    arena_deinit(&arena);
}

TEST(env_files_outside_of_the_worktree_are_refused)
{
    static const char *const bad[] = {
        SERVICE("s", "..", ".env", "\"A\":\"1\""),
        SERVICE("s", "a", "../../.env", "\"A\":\"1\""),
        SERVICE("s", "a", "../../p/.env", "\"A\":\"1\""),
        SERVICE("s", "/etc", "passwd", "\"A\":\"1\""),
        SERVICE("s", "a", "/etc/passwd", "\"A\":\"1\""),
        SERVICE("s", "a", "..", "\"A\":\"1\""),
        SERVICE("s", "a", "b/", "\"A\":\"1\""),
    };
    Arena arena;
    arena_init(&arena);
    for (size_t i = 0; i < COUNT(bad); i++)
        CHECK_HAS(files_of(bad[i], &arena), "services.s: its env file would be ");
    CHECK_STR(files_of(SERVICE("s", "..", ".env", ""), &arena), ""); /* it writes none */
    arena_deinit(&arena);
}

/* ---- of config and environment ---- */

typedef struct World {
    Arena arena;
    Report report;
    const Config *config;
    EnvironmentEntry entry;
} World;

static void world_init(World *w, const char *file, const char *yaml) {
    static EnvironmentPort ports[] = {{"api", 61200}, {"redis", 61201}, {"web", 61202}};
    static StrPair values[] = {{"EMPTY", ""}, {"URL", "postgres://x/{{self.port}}"}};
    static StrPair store[] = {{"a-b", "dash"}};
    static ProvisionedOutputs outputs[] = {{"pg", {values, 2}}};
    Err err;
    arena_init(&w->arena);
    report_init(&w->report, &w->arena);
    AUTO_FREE char *web = xasprintf("%s/apps/web", test_dir());
    AUTO_FREE char *path = xasprintf("%s/%s", test_dir(), file);
    AUTO_FREE char *compose = xasprintf("%s/compose.yaml", test_dir());
    static const char redis[] = "services: {redis: {image: redis, ports: ['6379:6379']}}\n";
    ASSERT(path_mkdirs(web, 0700, &err) == 0);
    ASSERT(file_write(compose, redis, strlen(redis), 0600, &err) == 0);
    w->config =
        config_parse(arena_strdup(&w->arena, path), yaml, strlen(yaml), &w->arena, &w->report);
    if (!w->config)
        test_fail(__FILE__, __LINE__, "%s", report_line(&w->report.at[0], &w->arena));
    ASSERT(w->config);
    w->entry = (EnvironmentEntry){.name = "feat/a",
                                  .branch = "feat/a",
                                  .ports = {ports, 3},
                                  .outputs = {outputs, 1},
                                  .values = {store, 1}};
}

static const Manifest *built(World *w) {
    Manifest *manifest = arena_alloc(&w->arena, sizeof *manifest);
    Err err;
    if (manifest_build(w->config, &w->entry, &w->arena, manifest, &err) < 0)
        test_fail(__FILE__, __LINE__, "%s", err.msg);
    return manifest;
}

TEST(manifests_have_the_ports_of_the_environment_in_their_env)
{
    World w;
    world_init(&w, "thole.yaml",
               "version: 1\nname: shop\n"
               "env: {SHARED: s, LEVEL: low}\n"
               "services:\n"
               "  web:\n"
               "    path: apps/web\n"
               "    command: serve\n"
               "    port: 3000\n"
               "    env: {API: 'http://localhost:{{services.api.port}}', ME: '{{self.port}}', "
               "LEVEL: high}\n"
               "  api:\n"
               "    command: serve\n"
               "    port: auto\n"
               "    env_file: .env.api\n"
               "    env: {LIT: '{{{{}}'}\n"
               "  docs: {command: serve}\n");
    const Manifest *m = built(&w);
    CHECK_STR(m->env_name, "feat/a");
    CHECK_STR(m->project_name, "shop");
    CHECK_STR(m->mode, "local");
    ASSERT(m->services.n == 3);
    const ManifestService *api = &m->services.at[0], *web = &m->services.at[2];
    CHECK_STR(api->path, ".");
    CHECK_STR(api->env_file, ".env.api");
    CHECK_STR(strmap_get(&api->env, "LIT"), "{{}}");
    CHECK_STR(web->path, "apps/web");
    CHECK_STR(web->env_file, ".env.local");
    CHECK_STR(strmap_get(&web->env, "API"), "http://localhost:61200");
    CHECK_STR(strmap_get(&web->env, "ME"), "61202");
    CHECK_STR(strmap_get(&web->env, "LEVEL"), "high");
    CHECK(!strmap_get(&web->env, "SHARED")); /* of the project, not of the service */
    CHECK_EQ(m->services.at[1].env.n, 0);
    CHECK_STR(encoded(m, &w.arena), encoded(built(&w), &w.arena));
    arena_deinit(&w.arena);
}

#define PROJECT                                                              \
    "version: 1\n"                                                           \
    "name: shop\n"                                                           \
    "provisioner: {services: {pg: {outputs: [URL, EMPTY], seed: ./seed}}}\n" \
    "infrastructure: {compose_file: compose.yaml}\n"                         \
    "runner: {compose: {image: x, proxy: {domain: example.com}}}\n"

static const char *value_of(World *w, const char *name) {
    return strmap_get(&built(w)->services.at[0].env, name);
}

TEST(manifests_have_what_only_the_environment_knows)
{
    World w;
    world_init(&w, "previewctl.yaml",
               PROJECT "services:\n"
                       "  api:\n"
                       "    path: .\n"
                       "    env:\n"
                       "      NAME: 'x-{{ env.name }}'\n"
                       "      SELF: '{{self.port}}'\n"
                       "      WEB: 'http://localhost:{{services.web.port}}'\n"
                       "      REDIS: '{{infrastructure.redis.port}}/{{provisioner.pg.URL}}'\n"
                       "      EMPTY: '[{{provisioner.pg.EMPTY}}]'\n"
                       "      STORE: '{{store.a-b}}'\n"
                       "      DOMAIN: '{{proxy.domain}}'\n"
                       "  web: {path: apps/web}\n");
    const Manifest *m = built(&w);
    CHECK_STR(value_of(&w, "NAME"), "x-feat/a");
    CHECK_STR(value_of(&w, "SELF"), "61200");
    CHECK_STR(value_of(&w, "WEB"), "http://localhost:61202");             /* it asks for no port */
    CHECK_STR(value_of(&w, "REDIS"), "61201/postgres://x/{{self.port}}"); /* inserted once */
    CHECK_STR(value_of(&w, "EMPTY"), "[]");
    CHECK_STR(value_of(&w, "STORE"), "dash");
    CHECK_STR(value_of(&w, "DOMAIN"), "example.com");
    CHECK_STR(m->compose_file, "compose.yaml");
    CHECK_STR(m->services.at[1].path, "apps/web");
    CHECK_STR(manifest_name(w.config), ".previewctl.json");
    Manifest again = decoded(encoded(m, &w.arena), &w.arena);
    CHECK_STR(encoded(&again, &w.arena), encoded(m, &w.arena));
    arena_deinit(&w.arena);
}

static void cannot_build(const char *value, const char *why) {
    World w;
    Manifest manifest = {.version = 77};
    Err err = {.kind = ERR_NONE};
    const EnvironmentEntry bare = {.name = "feat/a"};
    AUTO_FREE char *yaml =
        xasprintf(PROJECT "services: {api: {path: ., env: {A: 'x', B: '%s'}}}\n", value);
    world_init(&w, "thole.yaml", yaml);
    CHECK(manifest_build(w.config, &bare, &w.arena, &manifest, &err) < 0);
    CHECK_EQ(err.kind, ERR_INVALID);
    CHECK_HAS(err.msg, "services.api.env.B: {{");
    CHECK_HAS(err.msg, why);
    CHECK_EQ(manifest.version, 77);
    arena_deinit(&w.arena);
}

TEST(what_the_environment_does_not_know_is_told_with_service_and_variable)
{
    cannot_build("{{provisioner.pg.URL}}", "provisioner.pg.URL");
    cannot_build("{{infrastructure.redis.port}}", "infrastructure.redis.port");
    cannot_build("{{self.port}}", "self.port");
    cannot_build("{{store.missing}}", "store.missing");
}
