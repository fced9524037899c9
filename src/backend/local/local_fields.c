/* SPDX-License-Identifier: Apache-2.0 */
#include "backend/local/local.h"

static const BackendField fields[] = {
    {"network", FIELD_WITHOUT_MEANING, "processes share the network of the machine"},
    {"volume", FIELD_HONOURED, "the workspace, a directory of the workflow"},
    {"secrets", FIELD_HONOURED, "masked in logs"},
    {"step.name", FIELD_HONOURED, "for people; SERVICE_HOST of a service"},
    {"step.org_id", FIELD_WITHOUT_MEANING, "nothing carries labels"},
    {"step.uuid", FIELD_HONOURED, "its identity"},
    {"step.type", FIELD_HONOURED, "clone: by the program plugin-git"},
    {"step.image", FIELD_HONOURED, "the shell of its commands, or a program"},
    {"step.pull", FIELD_WITHOUT_MEANING, "nothing is pulled"},
    {"step.detach", FIELD_HONOURED, "nobody waits for it"},
    {"step.privileged", FIELD_REFUSED, "it runs as you"},
    {"step.working_dir", FIELD_HONOURED, "below the workspace"},
    {"step.workspace_base", FIELD_HONOURED, "stands for the workspace"},
    {"step.environment", FIELD_HONOURED, "on top of an allow-list"},
    {"step.secret_mapping", FIELD_HONOURED, "masked in logs"},
    {"step.entrypoint", FIELD_HONOURED, "the program and its arguments"},
    {"step.commands", FIELD_HONOURED, "run by the shell"},
    {"step.extra_hosts", FIELD_REFUSED, "the hosts file is that of the machine"},
    {"step.volumes", FIELD_HONOURED, "the workflow's own; others are refused"},
    {"step.tmpfs", FIELD_REFUSED, "processes see the files of the machine"},
    {"step.devices", FIELD_REFUSED, "processes have the devices of the machine"},
    {"step.networks", FIELD_WITHOUT_MEANING, "processes share the network of the machine"},
    {"step.dns", FIELD_WITHOUT_MEANING, "names are resolved as the machine does"},
    {"step.dns_search", FIELD_WITHOUT_MEANING, "names are resolved as the machine does"},
    {"step.on_failure", FIELD_HONOURED, "it runs after a failure"},
    {"step.on_success", FIELD_HONOURED, "it runs while all goes well"},
    {"step.failure", FIELD_HONOURED, "what its failure means"},
    {"step.auth_config", FIELD_WITHOUT_MEANING, "nothing is pulled"},
    {"step.network_mode", FIELD_REFUSED, "processes share the network of the machine"},
    {"step.ports", FIELD_HONOURED, "of a service: SERVICE_PORT"},
    {"step.backend_options.timeout", FIELD_HONOURED, "it is ended after so long"},
    {"step.backend_options.thole", FIELD_HONOURED, "on_cancel: it cleans up"},
    {"step.backend_options.docker", FIELD_WITHOUT_MEANING, "of another backend"},
    {"step.backend_options.kubernetes", FIELD_WITHOUT_MEANING, "of another backend"},
    {"step.workflow_labels", FIELD_WITHOUT_MEANING, "nothing carries labels"},
    {"step.container_name_scheme", FIELD_WITHOUT_MEANING, "there is no container"},
    {"step.depends_on", FIELD_HONOURED, "it waits for these"},
};

const BackendField *local_fields(size_t *ret_n) {
    *ret_n = COUNT(fields);
    return fields;
}
