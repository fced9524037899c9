/* SPDX-License-Identifier: Apache-2.0 */
#include "backend/fake/fake.h"

static const BackendField fields[] = {
    {"network", FIELD_WITHOUT_MEANING, "nothing is connected"},
    {"volume", FIELD_WITHOUT_MEANING, "nothing is stored"},
    {"secrets", FIELD_HONOURED, "masked in logs"},
    {"step.name", FIELD_HONOURED, "in its output"},
    {"step.org_id", FIELD_WITHOUT_MEANING, "nothing carries labels"},
    {"step.uuid", FIELD_HONOURED, "its identity"},
    {"step.type", FIELD_HONOURED, "in its output"},
    {"step.image", FIELD_HONOURED, "any will do"},
    {"step.pull", FIELD_WITHOUT_MEANING, "nothing is pulled"},
    {"step.detach", FIELD_HONOURED, "nobody waits for it"},
    {"step.privileged", FIELD_WITHOUT_MEANING, "nothing runs"},
    {"step.working_dir", FIELD_WITHOUT_MEANING, "nothing runs"},
    {"step.workspace_base", FIELD_WITHOUT_MEANING, "nothing runs"},
    {"step.environment", FIELD_HONOURED, "says what it does"},
    {"step.secret_mapping", FIELD_HONOURED, "masked in logs"},
    {"step.entrypoint", FIELD_WITHOUT_MEANING, "nothing runs"},
    {"step.commands", FIELD_HONOURED, "written to its log"},
    {"step.extra_hosts", FIELD_WITHOUT_MEANING, "nothing is connected"},
    {"step.volumes", FIELD_WITHOUT_MEANING, "nothing is mounted"},
    {"step.tmpfs", FIELD_WITHOUT_MEANING, "nothing is mounted"},
    {"step.devices", FIELD_WITHOUT_MEANING, "nothing runs"},
    {"step.networks", FIELD_WITHOUT_MEANING, "nothing is connected"},
    {"step.dns", FIELD_WITHOUT_MEANING, "nothing is connected"},
    {"step.dns_search", FIELD_WITHOUT_MEANING, "nothing is connected"},
    {"step.on_failure", FIELD_HONOURED, "it runs after a failure"},
    {"step.on_success", FIELD_HONOURED, "it runs while all goes well"},
    {"step.failure", FIELD_HONOURED, "what its failure means"},
    {"step.auth_config", FIELD_WITHOUT_MEANING, "nothing is pulled"},
    {"step.network_mode", FIELD_WITHOUT_MEANING, "nothing is connected"},
    {"step.ports", FIELD_WITHOUT_MEANING, "nothing is connected"},
    {"step.backend_options.timeout", FIELD_HONOURED, "it is ended after so long"},
    {"step.backend_options.thole", FIELD_HONOURED, "on_cancel: it cleans up"},
    {"step.backend_options.docker", FIELD_WITHOUT_MEANING, "of another backend"},
    {"step.backend_options.kubernetes", FIELD_WITHOUT_MEANING, "of another backend"},
    {"step.workflow_labels", FIELD_WITHOUT_MEANING, "nothing carries labels"},
    {"step.container_name_scheme", FIELD_WITHOUT_MEANING, "there is no container"},
    {"step.depends_on", FIELD_HONOURED, "it waits for these"},
};

const BackendField *fake_fields(size_t *ret_n) {
    *ret_n = COUNT(fields);
    return fields;
}
