/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/workflow_stop.h"

#include "base/clock.h"
#include "base/xalloc.h"
#include "cli/workflow_follow.h"
#include "cli/workflow_view.h"
#include "spec/routes.h"

void workflows_cancel(Cli *cli, const Value *list) {
    for (size_t i = 0; i < value_count(list); i++) {
        const char *name = value_get_str(value_at(list, i), "name");
        AUTO_FREE char *path = xasprintf(WORKFLOWS "/%s/cancel", name);
        const Value *reply;
        Err err;
        int r = client_ask(&cli->client, "POST", path, "{}", &cli->arena, &reply, &err);
        if (r < 0 && err.kind != ERR_CONFLICT && err.kind != ERR_NOT_FOUND) /* over meanwhile */
            cli_say("workflow %s: %s", name, err.msg);
    }
}

static void say_end(const Cli *cli, const Value *workflow) {
    Buf text;
    buf_init(&text, CLI_PATH_BYTES);
    workflow_sentence(workflow, cli->color_err, &text);
    cli_say("%s", buf_cstr(&text));
    buf_deinit(&text);
}

int workflows_wait_over(Cli *cli, const Value *list, int64_t timeout_ms, Err *err) {
    int64_t deadline_ms = timeout_ms ? clock_mono_ms() + timeout_ms : 0;
    for (size_t i = 0; i < value_count(list); i++) {
        const Value *one = value_at(list, i), *last = NULL;
        WorkflowFollow follow = {.name = value_get_str(one, "name"),
                                 .task = value_get_str(one, "task"),
                                 .deadline_ms = deadline_ms};
        if (workflow_follow(cli, &follow, &last, err) < 0)
            return -1;
        if (last) /* else it was deleted, which is said */
            say_end(cli, last);
    }
    return EXIT_DONE;
}
