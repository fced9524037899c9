/* SPDX-License-Identifier: Apache-2.0 */
/* Every command there is; each lives in the file of its name. */
#pragma once

#include "cli/cli.h"

extern const Command command_up, command_ci, command_down, command_ps, command_status, command_logs,
    command_start, command_stop, command_restart, command_enable, command_disable, command_wait,
    command_ports, command_init, command_completion, command_vet, command_config, command_server,
    command_api, command_version, command_help, command_why, command_events, command_timeline,
    command_trigger, command_attach, command_send_keys, command_exec, command_workflow,
    command_backend, command_env;
