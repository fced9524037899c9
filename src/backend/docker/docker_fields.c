/* SPDX-License-Identifier: Apache-2.0 */
#include "backend/docker/docker_fields.h"

static const BackendField fields[] = {
    {"network", FIELD_HONOURED, "made for the workflow, a bridge"},
    {"volume", FIELD_HONOURED, "made for the workflow"},
    {"secrets", FIELD_HONOURED, "masked in logs"},
    {"step.name", FIELD_HONOURED, "in its name and labels"},
    {"step.org_id", FIELD_HONOURED, "the label thole.dev/org-id"},
    {"step.uuid", FIELD_HONOURED, "its identity, a label"},
    {"step.type", FIELD_HONOURED, "commands, plugin, service, clone"},
    {"step.image", FIELD_HONOURED, "pulled if it is not there"},
    {"step.pull", FIELD_HONOURED, "pulled also if it is there"},
    {"step.detach", FIELD_HONOURED, "nobody waits for it"},
    {"step.privileged", FIELD_HONOURED, "a privileged container"},
    {"step.working_dir", FIELD_HONOURED, "in the container"},
    {"step.workspace_base", FIELD_HONOURED, "where commands begin"},
    {"step.environment", FIELD_HONOURED, "on top of that of the image"},
    {"step.secret_mapping", FIELD_HONOURED, "masked in logs"},
    {"step.entrypoint", FIELD_HONOURED, "instead of the image's"},
    {"step.commands", FIELD_HONOURED, "run by /bin/sh"},
    {"step.extra_hosts", FIELD_HONOURED, "in its hosts file"},
    {"step.volumes", FIELD_HONOURED, "mounted"},
    {"step.tmpfs", FIELD_HONOURED, "mounted"},
    {"step.devices", FIELD_HONOURED, "given to it"},
    {"step.networks", FIELD_HONOURED, "connected, with its aliases"},
    {"step.dns", FIELD_HONOURED, "its name servers"},
    {"step.dns_search", FIELD_HONOURED, "domains to look in"},
    {"step.on_failure", FIELD_HONOURED, "it runs after a failure"},
    {"step.on_success", FIELD_HONOURED, "it runs while all goes well"},
    {"step.failure", FIELD_HONOURED, "what its failure means"},
    {"step.auth_config", FIELD_HONOURED, "for pulling its image"},
    {"step.network_mode", FIELD_HONOURED, "instead of networks"},
    {"step.ports", FIELD_HONOURED, "exposed, not published"},
    {"step.backend_options.timeout", FIELD_HONOURED, "it is ended after so long"},
    {"step.backend_options.thole", FIELD_HONOURED, "on_cancel: it cleans up"},
    {"step.backend_options.docker", FIELD_HONOURED, "the user it runs as"},
    {"step.backend_options.kubernetes", FIELD_WITHOUT_MEANING, "of another backend"},
    {"step.workflow_labels", FIELD_HONOURED, "labels of the container"},
    {"step.container_name_scheme", FIELD_HONOURED, "hash or descriptive"},
    {"step.depends_on", FIELD_HONOURED, "it waits for these"},
};

const BackendField *docker_fields(size_t *ret_n) {
    *ret_n = COUNT(fields);
    return fields;
}
