/* SPDX-License-Identifier: Apache-2.0 */
/* The backend docker: steps are containers of a Docker Engine. What is true of them is asked of the
 * engine, by the name and the labels that a run's key gives; what it will not say any more once a
 * container is removed lies in the run's directory (run_record.h), as does the log (log_copy.h).
 *
 * An engine that does not answer is asked again for as long as the option `patience` says; what
 * cannot be learned by then has failed, with a sentence. */
#pragma once

#include "backend/backend.h"

typedef struct DockerSetup {
    const char *owner; /* value of the label of all that is created: one for a state directory */
    const StrMap *options; /* spec/backend_flag.h, table "docker"; NULL: all as is usual */
} DockerSetup;

/* NULL: an option cannot be honoured. Connects to nothing yet. */
Backend *docker_backend_new(Loop *loop, const DockerSetup *setup, Err *err);
