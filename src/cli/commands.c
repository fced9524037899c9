/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/commands.h"

const Command *const commands[] = {
    &command_up,       &command_ci,         &command_down,    &command_ps,
    &command_ports,    &command_status,     &command_logs,    &command_why,
    &command_events,   &command_timeline,   &command_start,   &command_stop,
    &command_restart,  &command_enable,     &command_disable, &command_trigger,
    &command_attach,   &command_send_keys,  &command_exec,    &command_wait,
    &command_workflow, &command_env,        &command_backend, &command_init,
    &command_vet,      &command_completion, &command_config,  &command_server,
    &command_api,      &command_version,    &command_help,    NULL,
};
