/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/operations/steps.h"

const StepDoer *step_doer(LifecycleKind kind) {
    static const StepDoer *const doers[] = {
        [STEP_HOOK] = &hook_doer,
        [STEP_DEPLOY] = &deploy_doer,
        [STEP_CREATE_COMPUTE] = &create_compute_doer,
        [STEP_COPY_FILES] = &copy_files_doer,
        [STEP_ALLOCATE_PORTS] = &allocate_ports_doer,
        [STEP_BUILD_MANIFEST] = &build_manifest_doer,
        [STEP_WRITE_MANIFEST] = &write_manifest_doer,
        [STEP_GENERATE_ENV] = &generate_env_doer,
        [STEP_START_INFRA] = &start_infra_doer,
        [STEP_START_SERVICES] = &start_services_doer,
        [STEP_CHECK_LOSS] = &check_loss_doer,
        [STEP_STOP_DEPLOY] = &stop_deploy_doer,
        [STEP_STOP_SERVICES] = &stop_services_doer,
        [STEP_STOP_INFRA] = &stop_infra_doer,
        [STEP_DESTROY_COMPUTE] = &destroy_compute_doer,
        [STEP_CLEANUP_ENV] = &cleanup_env_doer,
        [STEP_REMOVE_STATE] = &remove_state_doer,
    };
    return doers[kind];
}

const Value *operation_started_here(Operation *operation) {
    Value *kept = value_new(&operation->arena, VALUE_MAP);
    value_set(&operation->arena, kept, SERVICES_SERVER,
              value_new_string(&operation->arena, operation->lease.holder));
    return kept;
}

const char *operation_started_by(const Operation *operation, const char *step) {
    const Checkpoint *record = entry_checkpoint(&operation->entry, step);
    bool done = record && record->status == CHECKPOINT_COMPLETED && record->outputs;
    return done ? value_get_str(record->outputs, SERVICES_SERVER) : NULL;
}
