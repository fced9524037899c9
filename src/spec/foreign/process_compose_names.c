/* SPDX-License-Identifier: Apache-2.0 */
#include "spec/foreign/process_compose_names.h"

const char *const pc_names[PC_NAMES] = {"compose.yml", "compose.yaml", "process-compose.yml",
                                        "process-compose.yaml"};
