/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/target_view.h"
#include "data/json.h"
#include "harness/test.h"

static void check_word(const char *type, const char *state, const char *message, const char *word) {
    char json[600];
    Arena arena;
    const Value *v;
    TargetView view;
    arena_init(&arena);
    snprintf(json, sizeof(json),
             "{\"metadata\":{\"name\":\"a.x\"},\"spec\":{\"target\":\"a:x\",\"resource\":\"a\","
             "\"type\":\"%s\"},"
             "\"status\":{\"state\":%s,\"message\":\"%s\"}}",
             type, state, message);
    ASSERT(json_parse(json, strlen(json), &arena, &v, NULL) == 0);
    target_view(v, &view);
    CHECK_STR(view.name, "a:x");
    CHECK_STR(target_word(&view), word);
    arena_deinit(&arena);
}

TEST(a_word_for_each_state)
{
    check_word("server", "{}", "", "-");
    check_word("server", "{}", "not among what was asked for", "-");
    check_word("server", "{}", "stopped by request", "stopped");
    check_word("server", "{\"waiting\":{\"waitReason\":\"dependencies\"}}", "waiting for db",
               "waiting");
    check_word("server", "{\"waiting\":{\"waitReason\":\"backoff\"}}", "exit code 1", "backoff");
    check_word("server", "{\"active\":{\"ready\":true}}", "", "ready");
    check_word("server", "{\"active\":{\"ready\":false}}", "not ready yet", "starting");
    check_word("job", "{\"active\":{\"ready\":false}}", "", "running");
    check_word("server", "{\"active\":{\"ready\":true}}", "being stopped", "stopping");
    check_word("job", "{\"terminated\":{\"exitCode\":0}}", "", "done");
    check_word("job", "{\"terminated\":{\"error\":\"exit code 1\",\"exitCode\":1}}", "", "failed");
    check_word("job", "{\"disabled\":{}}", "", "disabled");
}
