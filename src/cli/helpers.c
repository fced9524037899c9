/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/helpers.h"

#include "base/buf.h"
#include "base/xalloc.h"

enum { LINE_BYTES = 16 * 1024 };

bool helpers_say(const TargetView *view) {
    size_t n = value_count(view->helpers);
    Buf line;
    if (n == 0)
        return false;
    buf_init(&line, LINE_BYTES);
    for (size_t i = 0; i < n; i++) {
        const Value *helper = value_at(view->helpers, i);
        const char *command = value_get_str(helper, "command");
        buf_printf(&line, "%s%lld (%s)", i ? ", " : "", (long long)value_get_int(helper, "pid", 0),
                   command ? command : "");
    }
    cli_say("%s has left %zu helper%s running: %s", view->name, n, n == 1 ? "" : "s",
            buf_cstr(&line));
    buf_deinit(&line);
    return true;
}

void helpers_say_how(const Cli *cli) {
    AUTO_FREE char *purge = cli_words(cli, "down --purge");
    cli_say("`kill PID` ends one of them, `%s` all of them, and removes the logs of the session",
            purge);
}

void helpers_say_all(const Cli *cli, const Targets *targets, bool chosen) {
    bool any = false;
    for (size_t i = 0; i < targets->all.n; i++) {
        const Seen *seen = targets->all.at[i];
        if (!chosen || seen->chosen)
            any |= helpers_say(&seen->view);
    }
    if (any)
        helpers_say_how(cli);
}
