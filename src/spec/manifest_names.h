/* SPDX-License-Identifier: Apache-2.0 */
/* Files in the worktree of an environment. */
#pragma once

#define MANIFEST_THOLE      ".thole.json"
#define MANIFEST_PREVIEWCTL ".previewctl.json"  /* of a project that has a previewctl.yaml */
#define MANIFEST_STEPS      ".thole.steps.json" /* beside one that is run: what was done of it */
