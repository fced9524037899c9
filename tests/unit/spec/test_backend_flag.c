/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "harness/test.h"
#include "spec/backend_flag.h"

static Arena arena;

static StrMap map_of(StrPair *pairs, size_t n) {
    return (StrMap){pairs, n};
}

TEST(backend_flags_have_names_types_variables_and_good_defaults)
{
    BackendFlags flags = backend_flags("docker");
    Err err;
    CHECK(flags.n > 10);
    for (size_t i = 0; i < flags.n; i++) {
        CHECK(flags.at[i].doc[0] && flags.at[i].env[0]);
        CHECK(strstr(flags.at[i].env, "THOLE_BACKEND_DOCKER_") == flags.at[i].env);
        CHECK(i == 0 || strcmp(flags.at[i - 1].name, flags.at[i].name) < 0);
        StrPair pair = {flags.at[i].name, flags.at[i].dflt};
        StrMap options = map_of(&pair, 1);
        CHECK_EQ(backend_flags_check("docker", &options, &err), 0);
    }
    CHECK_EQ(backend_flags("local").n, 0);
    CHECK_EQ(backend_flags("fake").n, 0);
    CHECK_EQ(backend_flags("what").n, 0);
}

TEST(backend_flags_are_read_from_the_first_variable_that_is_set)
{
    StrPair env[] = {{"DOCKER_HOST", "unix:///c"},
                     {"THOLE_BACKEND_DOCKER_NETWORK", "mine"},
                     {"WOODPECKER_BACKEND_DOCKER_HOST", "unix:///b"},
                     {"WOODPECKER_BACKEND_DOCKER_NETWORK", "other"},
                     {"WOODPECKER_LIMIT_MEM", "1GiB"}};
    StrMap environment = map_of(env, COUNT(env));
    arena_init(&arena);
    StrMap read = backend_flags_read("docker", &environment, &arena);
    CHECK_EQ(read.n, 3);
    CHECK_STR(strmap_get(&read, "host"), "unix:///b");
    CHECK_STR(strmap_get(&read, "network"), "mine");
    CHECK_STR(strmap_get(&read, "limit_mem"), "1GiB");
    env[2].value = ""; /* not set */
    read = backend_flags_read("docker", &environment, &arena);
    CHECK_STR(strmap_get(&read, "host"), "unix:///c");
    CHECK_EQ(backend_flags_read("local", &environment, &arena).n, 0);
    arena_deinit(&arena);
}

TEST(backend_flags_say_values_of_their_types)
{
    StrPair pairs[] = {{"enable_ipv6", "ON"},     {"limit_cpu_quota", "-1"},
                       {"limit_mem", "64MiB"},    {"limit_mem_swap", "-1"},
                       {"limit_shm_size", "100"}, {"patience", "1m30s"},
                       {"stop_timeout", "5"},     {"volumes", " /a:/b , c:/d:ro,,"}};
    StrMap options = map_of(pairs, COUNT(pairs));
    const char *text;
    StrList list;
    bool boolean = false;
    int64_t n;
    arena_init(&arena);
    CHECK_EQ(backend_flag_bool("docker", &options, "enable_ipv6", &boolean, NULL), 0);
    CHECK(boolean);
    CHECK_EQ(backend_flag_bool("docker", &options, "tls_verify", &boolean, NULL), 0);
    CHECK(boolean);
    CHECK_EQ(backend_flag_int("docker", &options, "limit_cpu_quota", &n, NULL), 0);
    CHECK_EQ(n, -1);
    CHECK_EQ(backend_flag_int("docker", &options, "limit_mem", &n, NULL), 0);
    CHECK_EQ(n, 64 << 20);
    CHECK_EQ(backend_flag_int("docker", &options, "limit_mem_swap", &n, NULL), 0);
    CHECK_EQ(n, -1);
    CHECK_EQ(backend_flag_int("docker", &options, "limit_shm_size", &n, NULL), 0);
    CHECK_EQ(n, 100);
    CHECK_EQ(backend_flag_int("docker", &options, "patience", &n, NULL), 0);
    CHECK_EQ(n, 90000);
    CHECK_EQ(backend_flag_int("docker", &options, "stop_timeout", &n, NULL), 0);
    CHECK_EQ(n, 5000);
    CHECK_EQ(backend_flag_int("docker", NULL, "stop_timeout", &n, NULL), 0);
    CHECK_EQ(n, 20000);
    CHECK_EQ(backend_flag_text("docker", &options, "volumes", &text, NULL), 0);
    list = backend_flag_split(text, &arena);
    CHECK_EQ(list.n, 2);
    CHECK_STR(list.at[0], "/a:/b");
    CHECK_STR(list.at[1], "c:/d:ro");
    CHECK_EQ(backend_flag_split("", &arena).n, 0);
    CHECK_EQ(backend_flag_split(" , ", &arena).n, 0);
    CHECK_EQ(backend_flag_text("docker", &options, "host", &text, NULL), 0);
    CHECK_STR(text, "unix:///var/run/docker.sock");
    arena_deinit(&arena);
}

TEST(backend_flags_that_say_nothing_are_named)
{
    static const struct {
        const char *name, *value, *says;
    } rows[] = {
        {"hots", "x", "the backend docker has no option hots; did you mean host?"},
        {"tls_verify", "maybe",
         "the option tls_verify of the backend docker is \"maybe\", which is not true or false"},
        {"stop_timeout", "soon",
         "the option stop_timeout of the backend docker is \"soon\", which is not a duration such "
         "as 20s or 1m30s, or seconds, and at most 24h"},
        {"stop_timeout", "-1",
         "the option stop_timeout of the backend docker is \"-1\", which is not a duration such "
         "as 20s or 1m30s, or seconds, and at most 24h"},
        {"stop_timeout", "1200h",
         "the option stop_timeout of the backend docker is \"1200h\", which is not a duration such "
         "as 20s or 1m30s, or seconds, and at most 24h"},
        {"limit_mem", "much",
         "the option limit_mem of the backend docker is \"much\", which is not a size such as "
         "64MiB, or bytes"},
        {"limit_cpu_shares", "1MiB",
         "the option limit_cpu_shares of the backend docker is \"1MiB\", which is not a number"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        StrPair pair = {rows[i].name, rows[i].value};
        StrMap options = map_of(&pair, 1);
        Err err = {0};
        CHECK_EQ(backend_flags_check("docker", &options, &err), -1);
        CHECK_EQ(err.kind, ERR_INVALID);
        CHECK_STR(err.msg, rows[i].says);
    }
}
