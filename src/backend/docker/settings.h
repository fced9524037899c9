/* SPDX-License-Identifier: Apache-2.0 */
/* What the options of the backend docker (spec/backend_flag.h) mean. */
#pragma once

#include "backend/docker/container.h"
#include "spec/backend_flag.h"

typedef struct DockerSettings {
    const char *host, *api_version;
    const char *cert_path; /* "": no TLS */
    bool tls_verify;
    ContainerDefaults defaults;
    int64_t stop_timeout_ms, patience_ms;
    bool enable_ipv6;
} DockerSettings;

/* In `arena`. -1: one of them cannot be honoured, and which. */
MUST int docker_settings_read(const StrMap *options, Arena *arena, DockerSettings *ret, Err *err);
