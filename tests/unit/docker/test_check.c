/* SPDX-License-Identifier: Apache-2.0 */
/* Values of a Config that no engine would take. */
#include "harness/test.h"

#include "backend/docker/docker_check.h"

/* The problems of a Config whose step says this, a line each. */
static const char *problems(const char *top, const char *rest, Arena *arena) {
    Report report;
    report_init(&report, arena);
    char *text =
        arena_printf(arena,
                     "{%s\"pipeline\":[{\"steps\":[{\"name\":\"b\",\"uuid\":\"S1\",\"type\":"
                     "\"commands\",\"on_success\":true,%s}]}]}",
                     top, rest);
    const WorkflowConfig *config = workflow_load("config", text, strlen(text), arena, &report);
    if (!config)
        return arena_printf(arena, "unread: %s", report_line(&report.at[0], arena));
    docker_check_config(config, &report);
    const char *all = "";
    for (size_t i = 0; i < report.n; i++)
        all = arena_printf(arena, "%s%s\n", all, report_line(&report.at[i], arena));
    return all;
}

TEST(check_refuses_what_an_engine_would)
{
    static const struct {
        const char *step, *says;
    } cases[] = {
        {"\"tmpfs\":[\"tmp:size=1k\"]", "tmpfs: step b: `tmpfs`: \"tmp:size=1k\" is not an"},
        {"\"devices\":[\"/dev/a:b\"]", "`devices`: \"/dev/a:b\" is not /dev/host["},
        {"\"devices\":[\"/dev/a:/dev/b:rx\"]", "`devices`: \"/dev/a:/dev/b:rx\" is not"},
        {"\"volumes\":[\"a-volume\"]", "\"a-volume\" has no absolute path in the container"},
        {"\"volumes\":[\"vol:dst\"]", "\"vol:dst\" has no absolute path in the container"},
        {"\"volumes\":[\"/a:/\"]", "\"/a:/\" has no absolute path in the container"},
        {"\"volumes\":[\"./src:/dst\"]", "has a source that is neither an absolute path nor"},
        {"\"volumes\":[\"/a:/b:rx\"]", "\"/a:/b:rx\" has an unknown mode"},
        {"\"extra_hosts\":[{\"name\":\"a b\",\"ip\":\"1.2.3.4\"}]", "\"a b\" is not the name of"},
        {"\"extra_hosts\":[{\"name\":\"a\",\"ip\":\"b\"}]", "\"b\" is not the address of a host"},
        {"\"networks\":[{\"name\":\"a/b\"}]", "`networks`: \"a/b\" is not the name of a network"},
        {"\"network_mode\":\"container:\"", "\"container:\" names no container"},
        {"\"network_mode\":\"a/b\"", "`network_mode`: \"a/b\" is no network"},
        {"\"network_mode\":\"container:x\",\"dns\":[\"1.1.1.1\"]", "goes without dns, extra_hosts"},
        {"\"working_dir\":\"src\"", "`working_dir`: \"src\" is not an absolute path"},
        {"\"workspace_base\":\"w\",\"commands\":[\"x\"]", "`workspace_base`: \"w\" is not an"},
        {"\"image\":\"two words\"", "`image`: \"two words\" is not the name of an image"},
        {"\"image\":\"Alpine\"", "`image`: \"Alpine\" is not the name of an image"},
        {"\"image\":\"r:5000/\"", "`image`: \"r:5000/\" is not the name of an image"},
        {"\"image\":\"alpine:a b\"", "\"alpine:a b\" has a tag or digest that cannot be one"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        Arena arena;
        arena_init(&arena);
        const char *image = strstr(cases[i].step, "\"image\"") ? "" : "\"image\":\"alpine\",";
        const char *step = arena_printf(&arena, "%s%s", image, cases[i].step);
        const char *said = problems("", step, &arena);
        CHECK_HAS(said, "pipeline[0].steps[0].");
        CHECK_HAS(said, cases[i].says);
        CHECK(strchr(said, '\n') == strrchr(said, '\n')); /* one */
        arena_deinit(&arena);
    }
}

TEST(check_takes_what_engines_take)
{
    Arena arena;
    arena_init(&arena);
    CHECK_STR(problems("\"network\":\"wp_1_default\",\"volume\":\"wp_1_default\",",
                       "\"image\":\"Registry.example:5000/a/b-c_d:V1.2@sha256:00ff\","
                       "\"dns\":[\"8.8.8.8\",\"::1\"],\"tmpfs\":[\"/t\",\"/u:size=1k\"],"
                       "\"devices\":[\"/dev/a\",\"/dev/a:/dev/b\",\"/dev/a:/dev/b:rwm\"],"
                       "\"volumes\":[\"/own\",\"wp_1_default:/w\",\"/a:/b:ro,z\"],"
                       "\"extra_hosts\":[{\"name\":\"h\",\"ip\":\"::1\"},"
                       "{\"name\":\"i\",\"ip\":\"host-gateway\"}],"
                       "\"networks\":[{\"name\":\"net.1\",\"aliases\":[\"a\"]}],"
                       "\"ports\":[{\"number\":80},{\"number\":53,\"protocol\":\"udp\"}],"
                       "\"commands\":[\"x\"],\"working_dir\":\"src\",\"workspace_base\":\"/w\"",
                       &arena),
              "");
    static const char *const modes[] = {"none", "host", "bridge", "container:x", "own"};
    static const char *const images[] = {"a", "localhost/b", "a/b/c", "sha256:00ff"};
    for (size_t i = 0; i < COUNT(modes); i++)
        CHECK_STR(
            problems("", arena_printf(&arena, "\"image\":\"a\",\"network_mode\":\"%s\"", modes[i]),
                     &arena),
            "");
    for (size_t i = 0; i < COUNT(images); i++)
        CHECK_STR(problems("", arena_printf(&arena, "\"image\":\"%s\"", images[i]), &arena), "");
    arena_deinit(&arena);
}

TEST(check_refuses_names_of_a_workflow_that_are_none)
{
    Arena arena;
    arena_init(&arena);
    const char *said =
        problems("\"network\":\"a b\",\"volume\":\"a/b\",", "\"image\":\"a\"", &arena);
    CHECK_HAS(said, "network: \"a b\" is not a name");
    CHECK_HAS(said, "volume: \"a/b\" is not a name");
    arena_deinit(&arena);
}
