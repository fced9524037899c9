/* SPDX-License-Identifier: Apache-2.0 */
/* A step as a container: what it is called, the labels by which it is found again, and the body
 * that creates it. Pure. */
#pragma once

#include "backend/backend.h"
#include "base/buf.h"

enum { CONTAINER_NAME_MAX = 128 };

/* Labels of all that we create: who made it, and for what. */
#define LABEL_OWNER     "thole.dev/owner" /* the state directory it belongs to */
#define LABEL_TASK      "thole.dev/task"
#define LABEL_STEP      "thole.dev/step"
#define LABEL_STEP_NAME "thole.dev/step-name"
#define LABEL_RUN       "thole.dev/run"
#define LABEL_ORG       "thole.dev/org-id"

/* Of the backend, for every step. Zero: none, or the engine's own. */
typedef struct ContainerDefaults {
    const char *network; /* one more for all */
    StrList volumes;     /* "src:dst[:mode]" */
    const char *apparmor_profile;
    int64_t memory, memory_swap, shm_size; /* bytes */
    int64_t cpu_quota, cpu_shares;
    const char *cpu_set;
} ContainerDefaults;

typedef struct ContainerAsk {
    StepId id;
    const char *owner;
    const Step *step;
    const ContainerDefaults *defaults; /* NULL: none */
} ContainerAsk;

/* The same for the same run, another for any other; legal whatever the step is called. With the
 * scheme `hash` thole-<hash>, else thole-<task>-<step's name>-<hash>, shortened. */
void container_name(const ContainerAsk *ask, char ret[CONTAINER_NAME_MAX]);

/* Its first process is a shell that runs our script. */
bool container_has_script(const Step *step);

/* The body of POST /containers/create, JSON. -1: it cannot be run so, and why. */
MUST int container_body(const ContainerAsk *ask, Buf *out, Err *err);

/* The networks that it is connected to, in order; the first is in the body, the others are to be
 * connected before it is started. NULL: that is all. `i` from 0. */
const StepNetwork *container_network(const ContainerAsk *ask, size_t i, StepNetwork *room);

/* The value of X-Registry-Auth. */
void container_put_auth(const RegistryAuth *auth, Buf *out);
