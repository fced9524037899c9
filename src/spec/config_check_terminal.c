/* SPDX-License-Identifier: Apache-2.0 */
/* What can be wrong with the keys that say what a service reads and what stops it: tty, stdin,
 * stop.command. */
#include "spec/config_check.h"

static void check_stop(const Source *source, const Service *service, bool command) {
    const Stop *stop = &service->stop;
    if (!schema_has(&type_service, service, "stop") || !schema_has(&type_stop, stop, "command"))
        return;
    config_check_command(source, service, "stop.command", &stop->command);
    if (!command && schema_has(&type_service, service, "build"))
        PROBLEM(source, service, "stop.command", "use `signal`, or add a `command`",
                "a stop command is about `command`, and there is only a `build`");
    if (stop->grace_ms == 0)
        PROBLEM(source, service, "stop.grace", "give it the time that the stop command needs",
                "without any grace it is killed before the stop command can do anything");
}

void config_check_terminal(const Source *source, const Service *service) {
    static const char *const keys[] = {"tty", "stdin"};
    const bool on[] = {service->tty, service->stdin_open};
    bool command = schema_has(&type_service, service, "command");
    for (size_t i = 0; i < COUNT(keys); i++)
        if (on[i] && !command)
            PROBLEM(source, service, keys[i], "add a `command`, or remove this key",
                    "`%s` is given, but there is no `command` that could read", keys[i]);
    check_stop(source, service, command);
}
