/* SPDX-License-Identifier: Apache-2.0 */
/* Setting a workflow up and taking it down, and what the options of the backend mean. */
#include "harness/test.h"

#include "backend/docker/settings.h"
#include "unit/docker/town.h"

#define OURS  "\"Labels\":{\"thole.dev/owner\":\"me\",\"thole.dev/task\":\"u\"}"
#define OTHER "\"Labels\":{\"thole.dev/owner\":\"me\",\"thole.dev/task\":\"t\"}"
#define TAKEN "409 {\"message\":\"network with name n already exists\"}"

static Err setup(const char *const *replies) {
    Town town;
    static const WorkflowConfig config = {.network = "n", .volume = "v"};
    town_open(&town, replies);
    backend_setup_workflow(town.backend, "u", test_dir(), &config, town_hear_end, &town);
    town_until(&town);
    CHECK(scripted_at_end());
    town_close(&town);
    return town.err;
}

TEST(setup_may_be_repeated)
{
    const char *first[] = {"201 {\"Name\":\"v\"," OURS "}", "201 {\"Id\":\"n1\"}", NULL};
    CHECK_STR(setup(first).msg, "");
    const char *again[] = {"201 {\"Name\":\"v\"," OURS "}", TAKEN, "200 {" OURS "}", NULL};
    CHECK_STR(setup(again).msg, "");
    const char *went[] = {"201 {\"Name\":\"v\"," OURS "}", TAKEN,
                          "404 {\"message\":\"no such network\"}", "201 {\"Id\":\"n1\"}", NULL};
    CHECK_STR(setup(went).msg, "");
}

/* A name that is taken and that nobody has: asked for a few times, not for ever. */
TEST(setup_of_a_name_without_an_owner_has_an_end)
{
    const char *none = "404 {\"message\":\"no such network\"}";
    Err err = setup((const char *[]){"201 {\"Name\":\"v\"," OURS "}", TAKEN, none, TAKEN, none,
                                     TAKEN, none, TAKEN, NULL});
    CHECK_EQ(err.kind, ERR_CONFLICT);
    CHECK_HAS(err.msg, "network with name n already exists");
}

TEST(setup_leaves_alone_what_others_have)
{
    Err err = setup((const char *[]){"201 {\"Name\":\"v\",\"Labels\":null}", NULL});
    CHECK_EQ(err.kind, ERR_CONFLICT);
    CHECK_HAS(err.msg, "the volume v is there already and is not of this workflow; remove it, or");
    err = setup((const char *[]){"201 {\"Name\":\"v\"," OURS "}", TAKEN, "200 {" OTHER "}", NULL});
    CHECK_EQ(err.kind, ERR_CONFLICT);
    CHECK_HAS(err.msg, "the network n is there already and is not of this workflow");
}

#define NOTHING "200 []"
#define VOLUME  "200 {\"Volumes\":[{\"Name\":\"v\"}]}"

/* An engine says so for a while after the last container that used it has gone. */
TEST(setup_is_undone_although_a_volume_is_in_use_for_a_while)
{
    Town town;
    const char *busy = "409 {\"message\":\"remove v: volume is in use\"}";
    town_open(&town, (const char *[]){NOTHING, NOTHING, VOLUME, busy, NOTHING, NOTHING, VOLUME,
                                      DONE, NULL});
    backend_destroy_workflow(town.backend, "t", NULL, town_hear_end, &town);
    town_until(&town);
    CHECK_STR(town.err.msg, "");
    CHECK(scripted_at_end());
    town_close(&town);
}

TEST(settings_are_checked)
{
    static const struct {
        const char *name, *value, *says;
    } wrong[] = {
        {"volumes", "/a", "has \"/a\", which is not source:destination[:mode]"},
        {"limit_mem", "lots", "limit_mem"},
        {"limit_cpu_quota", "x", "limit_cpu_quota"},
        {"patience", "soon", "patience"},
        {"enable_ipv6", "perhaps", "enable_ipv6"},
    };
    for (size_t i = 0; i < COUNT(wrong); i++) {
        Arena arena;
        Err err = {0};
        DockerSettings settings;
        StrPair pair = {wrong[i].name, wrong[i].value};
        StrMap options = {.at = &pair, .n = 1};
        arena_init(&arena);
        CHECK(docker_settings_read(&options, &arena, &settings, &err) < 0);
        CHECK_EQ(err.kind, ERR_INVALID);
        CHECK_HAS(err.msg, wrong[i].says);
        arena_deinit(&arena);
    }
}

TEST(settings_mean_what_they_say)
{
    Arena arena;
    Err err = {0};
    DockerSettings s;
    StrPair pairs[] = {/* in order */
                       {"limit_cpu_set", "0-1"}, {"limit_mem", "64MiB"}, {"network", "extra"},
                       {"patience", "5s"},       {"stop_timeout", "2s"}, {"tls_verify", "false"},
                       {"volumes", "/a:/b,c:/d"}};
    StrMap options = {.at = pairs, .n = COUNT(pairs)};
    arena_init(&arena);
    ASSERT(docker_settings_read(&options, &arena, &s, &err) == 0);
    CHECK_EQ(s.defaults.memory, 64 << 20);
    CHECK_STR(s.defaults.cpu_set, "0-1");
    CHECK_STR(s.defaults.network, "extra");
    CHECK_EQ(s.patience_ms, 5000);
    CHECK_EQ(s.stop_timeout_ms, 2000);
    CHECK(!s.tls_verify && !s.cert_path[0]);
    CHECK_EQ(s.defaults.volumes.n, 2);
    CHECK_STR(s.defaults.volumes.at[1], "c:/d");
    CHECK_STR(s.host, "unix:///var/run/docker.sock");
    arena_deinit(&arena);
}
