/* SPDX-License-Identifier: Apache-2.0 */
/* Steps of a Config, as containers. */
#include "harness/test.h"

#include "backend/docker/container.h"
#include "backend/script.h"
#include "base/base64.h"
#include "data/json.h"
#include "spec/digest.h"

typedef struct Made {
    Arena arena;
    ContainerAsk ask;
    Buf json;
    const Value *body, *host;
    Err err;
} Made;

/* The first step of a Config whose step says this besides its name and uuid. */
static const Step *step_of(const char *rest, Arena *arena) {
    Report report;
    report_init(&report, arena);
    char *text = arena_printf(arena,
                              "{\"pipeline\":[{\"steps\":[{\"name\":\"build it\",\"uuid\":\"S1\","
                              "\"type\":\"commands\",\"image\":\"alpine\",%s}]}]}",
                              rest);
    const WorkflowConfig *config = workflow_load("config", text, strlen(text), arena, &report);
    ASSERT(config);
    return &config->stages.at[0].steps.at[0];
}

static Made *made(const char *rest, const ContainerDefaults *defaults) {
    static Made m;
    m = (Made){0};
    arena_init(&m.arena);
    buf_init(&m.json, 1 << 20);
    m.ask = (ContainerAsk){.id = {"01J!", "S1", 2},
                           .owner = "here",
                           .step = step_of(rest, &m.arena),
                           .defaults = defaults};
    if (container_body(&m.ask, &m.json, &m.err) == 0)
        ASSERT(json_parse(m.json.p, m.json.n, &m.arena, &m.body, &m.err) == 0);
    m.host = value_get(m.body, "HostConfig");
    return &m;
}

static void drop(Made *m) {
    buf_deinit(&m->json);
    arena_deinit(&m->arena);
}

/* A member as JSON. */
static const char *text_of(const Value *map, const char *key) {
    static char texts[4][1000];
    static int at;
    Buf out;
    JsonWriter w;
    buf_init(&out, sizeof(texts[0]) - 1);
    json_writer_init(&w, &out);
    json_value(&w, value_get(map, key));
    at = (at + 1) % 4;
    snprintf(texts[at], sizeof(texts[at]), "%s", buf_cstr(&out));
    buf_deinit(&out);
    return texts[at];
}

TEST(script_is_that_of_woodpecker)
{
    const char *commands[] = {"echo hello world"};
    Step step = {.working_dir = "/woodpecker/some", .commands = {commands, 1}};
    char hex[2 * DIGEST_BYTES + 1];
    Buf out;
    buf_init(&out, 4096);
    script_put(&step, &out);
    CHECK_EQ(out.n, 330);
    digest_bytes_hex(out.p, out.n, hex);
    CHECK(strncmp(hex, "7a6abbc23bf1b174", 16) == 0);
    buf_reset(&out);
    script_put_encoded(&step, &out);
    CHECK_EQ(out.n, 440);
    digest_bytes_hex(out.p, out.n, hex);
    CHECK(strncmp(hex, "f3c455fe6018a8e1", 16) == 0);
    buf_deinit(&out);
}

TEST(script_quotes_what_a_shell_would_read_otherwise)
{
    static const struct {
        const char *word, *quoted;
    } cases[] = {
        {"make", "make"},
        {"a-b_c.d/e:f,g=h+i%j@k", "a-b_c.d/e:f,g=h+i%j@k"},
        {"", "''"},
        {"a b", "'a b'"},
        {"it's", "'it'\"'\"'s'"},
        {"$HOME", "'$HOME'"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        Buf out;
        buf_init(&out, 4096);
        script_quote(cases[i].word, &out);
        CHECK_STR(buf_cstr(&out), cases[i].quoted);
        buf_deinit(&out);
    }
}

TEST(script_goes_where_it_is_told)
{
    const char *commands[] = {"true"};
    Step step = {.working_dir = "", .commands = {commands, 1}};
    Buf out;
    buf_init(&out, 4096);
    script_put(&step, &out);
    CHECK(!strstr(out.p, "cd "));
    buf_reset(&out);
    step.working_dir = "/a \"b\" $(c)";
    script_put(&step, &out);
    CHECK_HAS(out.p, "mkdir -p '/a \"b\" $(c)'\ncd '/a \"b\" $(c)'\n\necho + true\ntrue\n");
    buf_deinit(&out);
}

TEST(container_runs_its_commands)
{
    Made *m = made("\"commands\":[\"make\"],\"working_dir\":\"/w/src\",\"workspace_base\":\"/w\","
                   "\"environment\":{\"B\":\"2\",\"A\":\"x=y\",\"SHELL\":\"no\"},"
                   "\"backend_options\":{\"docker\":{\"user\":\"1000:1000\"}}",
                   NULL);
    const Value *env = value_get(m->body, "Env");
    CHECK_STR(text_of(m->body, "Image"), "\"alpine\"");
    CHECK_STR(text_of(m->body, "Entrypoint"),
              "[\"/bin/sh\",\"-c\",\"echo $CI_SCRIPT | base64 -d | /bin/sh -e\"]");
    CHECK_EQ(value_count(env), 4);
    CHECK_STR(value_str(value_at(env, 0)), "A=x=y");
    CHECK_STR(value_str(value_at(env, 1)), "B=2");
    CHECK(strncmp(value_str(value_at(env, 2)), "CI_SCRIPT=", 10) == 0);
    CHECK_HAS(base64_text(value_str(value_at(env, 2)) + 10, &m->arena),
              "cd \"/w/src\"\n\necho + make\n");
    CHECK_STR(value_str(value_at(env, 3)), "SHELL=/bin/sh");
    CHECK_STR(text_of(m->body, "WorkingDir"), "\"/w\"");
    CHECK_STR(text_of(m->body, "User"), "\"1000:1000\"");
    CHECK_STR(text_of(m->host, "Privileged"), "false");
    CHECK_STR(text_of(m->host, "LogConfig"),
              "{\"Type\":\"json-file\",\"Config\":{\"max-size\":\"1024t\",\"max-file\":\"1\","
              "\"compress\":\"false\",\"mode\":\"blocking\"}}");
    drop(m);
}

TEST(container_keeps_what_an_image_says)
{
    Made *m = made("\"working_dir\":\"/w/src\",\"workspace_base\":\"/w\"", NULL);
    CHECK(!value_get(m->body, "Entrypoint"));
    CHECK_STR(text_of(m->body, "Env"), "[]");
    CHECK_STR(text_of(m->body, "WorkingDir"), "\"/w/src\"");
    CHECK(!value_get(m->body, "User"));
    CHECK(!value_get(m->host, "NetworkMode"));
    CHECK(!value_get(m->host, "Memory"));
    drop(m);
    m = made("\"commands\":[\"x\"],\"entrypoint\":[\"/bin/bash\",\"-c\",\"y\"]", NULL);
    CHECK_STR(text_of(m->body, "Entrypoint"), "[\"/bin/bash\",\"-c\",\"y\"]");
    CHECK_EQ(value_count(value_get(m->body, "Env")), 2); /* CI_SCRIPT and SHELL stay */
    drop(m);
}

TEST(container_is_given_what_the_step_asks_for)
{
    const char *more[] = {"/certs:/certs:ro", "vol:/w"};
    ContainerDefaults defaults = {.volumes = {more, 2},
                                  .memory = 1 << 30,
                                  .cpu_quota = 5000,
                                  .cpu_set = "0,1",
                                  .apparmor_profile = "strict"};
    Made *m = made("\"volumes\":[\"vol:/w\",\"/cache\",\"/a:/b:ro\",\"/a:/b:ro\",\"/cache\"],"
                   "\"tmpfs\":[\"/t\",\"/u:size=1m,noexec\"],"
                   "\"devices\":[\"/dev/kvm\",\"/dev/a:/dev/b\",\"/dev/c:/dev/d:r\"],"
                   "\"dns\":[\"10.0.0.2\",\"fd00::1\"],\"dns_search\":[\"lan\"],"
                   "\"extra_hosts\":[{\"name\":\"db\",\"ip\":\"10.0.0.5\"}],\"privileged\":true,"
                   "\"ports\":[{\"number\":5432},{\"number\":53,\"protocol\":\"udp\"}]",
                   &defaults);
    CHECK_STR(text_of(m->host, "Binds"), "[\"vol:/w\",\"/a:/b:ro\",\"/certs:/certs:ro\"]");
    CHECK_STR(text_of(m->body, "Volumes"), "{\"/cache\":{}}");
    CHECK_STR(text_of(m->host, "Tmpfs"), "{\"/t\":\"\",\"/u\":\"size=1m,noexec\"}");
    CHECK_STR(text_of(m->host, "Devices"),
              "[{\"PathOnHost\":\"/dev/kvm\",\"PathInContainer\":\"/dev/kvm\","
              "\"CgroupPermissions\":\"rwm\"},"
              "{\"PathOnHost\":\"/dev/a\",\"PathInContainer\":\"/dev/b\","
              "\"CgroupPermissions\":\"rwm\"},"
              "{\"PathOnHost\":\"/dev/c\",\"PathInContainer\":\"/dev/d\","
              "\"CgroupPermissions\":\"r\"}]");
    CHECK_STR(text_of(m->host, "Dns"), "[\"10.0.0.2\",\"fd00::1\"]");
    CHECK_STR(text_of(m->host, "DnsSearch"), "[\"lan\"]");
    CHECK_STR(text_of(m->host, "ExtraHosts"), "[\"db:10.0.0.5\"]");
    CHECK_STR(text_of(m->host, "Privileged"), "true");
    CHECK_STR(text_of(m->body, "ExposedPorts"), "{\"5432/tcp\":{},\"53/udp\":{}}");
    CHECK(!value_get(m->host, "PortBindings")); /* steps of many workflows would want the same */
    CHECK_STR(text_of(m->host, "Memory"), "1073741824");
    CHECK_STR(text_of(m->host, "CpuQuota"), "5000");
    CHECK_STR(text_of(m->host, "CpusetCpus"), "\"0,1\"");
    CHECK_STR(text_of(m->host, "SecurityOpt"), "[\"apparmor=strict\"]");
    drop(m);
}

TEST(container_joins_networks)
{
    ContainerDefaults defaults = {.network = "proxy"};
    StepNetwork room;
    Made *m = made("\"networks\":[{\"name\":\"net\",\"aliases\":[\"build it\"]},"
                   "{\"name\":\"more\",\"aliases\":null}]",
                   &defaults);
    CHECK_STR(text_of(m->host, "NetworkMode"), "\"net\"");
    CHECK_STR(text_of(m->body, "NetworkingConfig"),
              "{\"EndpointsConfig\":{\"net\":{\"Aliases\":[\"build it\"]}}}");
    CHECK_STR(container_network(&m->ask, 1, &room)->name, "more");
    CHECK_STR(container_network(&m->ask, 2, &room)->name, "proxy");
    CHECK(!container_network(&m->ask, 3, &room));
    drop(m);
    m = made("\"networks\":[{\"name\":\"proxy\"}]", &defaults);
    CHECK(!container_network(&m->ask, 1, &room));
    drop(m);
    m = made("\"pull\":true", &defaults);
    CHECK_STR(container_network(&m->ask, 0, &room)->name, "proxy");
    CHECK(!container_network(&m->ask, 1, &room));
    drop(m);
    m = made("\"networks\":[{\"name\":\"net\"}],\"network_mode\":\"host\"", &defaults);
    CHECK_STR(text_of(m->host, "NetworkMode"), "\"host\"");
    CHECK(!container_network(&m->ask, 0, &room));
    CHECK(!value_get(m->body, "NetworkingConfig"));
    drop(m);
}

TEST(container_is_found_by_its_labels)
{
    Made *m = made(
        "\"org_id\":3,\"workflow_labels\":{\"team\":\"a\",\"thole.dev/task\":\"not mine\"}", NULL);
    CHECK_STR(text_of(m->body, "Labels"),
              "{\"team\":\"a\",\"thole.dev/owner\":\"here\",\"thole.dev/task\":\"01J!\","
              "\"thole.dev/step\":\"S1\",\"thole.dev/step-name\":\"build it\","
              "\"thole.dev/run\":\"2\",\"thole.dev/org-id\":\"3\"}");
    drop(m);
}

TEST(container_names_are_legal_and_their_own)
{
    Made *m = made("\"pull\":true", NULL);
    char first[CONTAINER_NAME_MAX], other[CONTAINER_NAME_MAX];
    container_name(&m->ask, first);
    CHECK(strncmp(first, "thole-01J-build-it-", 19) == 0);
    CHECK_EQ(strlen(first), 19 + 16);
    container_name(&m->ask, other);
    CHECK_STR(first, other);
    m->ask.id.run = 3;
    container_name(&m->ask, other);
    CHECK(strcmp(first, other) != 0);
    m->ask.id.run = 2;
    m->ask.id.task = "01J?"; /* reads alike, is another */
    container_name(&m->ask, other);
    CHECK(strncmp(other, "thole-01J-build-it-", 19) == 0);
    CHECK(strcmp(first, other) != 0);
    Step step = *m->ask.step;
    step.name = "\xc3\xa4/../\n";
    m->ask.step = &step;
    container_name(&m->ask, other);
    CHECK_EQ(strspn(other, "abcdefghijklmnopqrstuvwxyzJ0123456789-_."), strlen(other));
    step.container_name_scheme = "hash";
    container_name(&m->ask, other);
    CHECK_EQ(strlen(other), 6 + 16);
    drop(m);
}

TEST(container_refuses_what_cannot_be_run)
{
    Made *m = made("\"pull\":true", NULL);
    Step step = *m->ask.step;
    m->ask.step = &step;
    step.image = "";
    CHECK_EQ(container_body(&m->ask, &m->json, &m->err), -1);
    CHECK_EQ(m->err.kind, ERR_INVALID);
    CHECK_STR(m->err.msg, "step build it has no image");
    step.type = STEP_CACHE;
    CHECK_EQ(container_body(&m->ask, &m->json, &m->err), -1);
    CHECK_STR(m->err.msg, "step build it: type cache cannot be run");
    step = *step_of("\"pull\":true", &m->arena);
    Buf small;
    buf_init(&small, 20);
    CHECK_EQ(container_body(&m->ask, &small, &m->err), -1);
    CHECK_EQ(m->err.kind, ERR_LIMIT);
    buf_deinit(&small);
    drop(m);
}

TEST(container_shows_credentials_to_the_registry)
{
    Buf out;
    buf_init(&out, 1000);
    container_put_auth(&(RegistryAuth){0}, &out);
    CHECK_STR(buf_cstr(&out), "e30=");
    buf_reset(&out);
    container_put_auth(&(RegistryAuth){.username = "me", .password = ">>>?"}, &out);
    CHECK(!strpbrk(out.p, "+/"));
    CHECK(strpbrk(out.p, "-_") != NULL);
    buf_deinit(&out);
}
