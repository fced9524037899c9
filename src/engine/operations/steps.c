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
