/* SPDX-License-Identifier: Apache-2.0 */
/* What requests about environments have in common: what they wait for, one after the other, what
 * their bodies say, and how they are refused. */
#pragma once

#include "api/api_inside.h"
#include "api/waiting.h"
#include "engine/environments/environment_look.h"
#include "store/environments.h"

typedef enum WaitedFor {
    WAITED_FOR_MIRROR, /* environments_wait() */
    WAITED_FOR_ENTRY,
    WAITED_FOR_LOOK,
    WAITED_FOR_CHANGE,
} WaitedFor;

/* -1, always: answered with 422. */
int environment_bad(Request *request, const char *field, const char *what);
/* Answers; `report` is of the config. */
void environment_refuse(Request *request, const char *name, const Report *report, const Err *err);
/* environment_begin(); NULL: refused, and answered. */
Environment *environment_begin_asked(Api *api, Request *request, const OperationAsk *ask);
/* What the body says at `key`; without it, or null there, *ret stays. An empty text is NULL. -1:
 * answered. */
MUST int environment_read_text(Request *request, const Value *map, const char *key,
                               const char **ret);
MUST int environment_read_flag(Request *request, const Value *map, const char *key, bool *ret);
/* What is asked of an operation; `path` is of the map in the body, "": it is the body. What it has
 * beside that is refused or warned of, as fieldValidation says. -1: answered. */
MUST int environment_read_fields(Request *request, const Value *map, const char *path,
                                 OperationAsk *ask);
/* {client} of a body. */
MUST int environment_read_client(Request *request, const Value *body, OperationAsk *ask);

/* The project that a config file (NULL: none was given) is of; -1: answered with 400. */
MUST int environment_project_param(Api *api, Request *request, const char *project,
                                   const char **ret);
/* Like find_object(). */
Environment *find_environment(Api *api, Request *request, const RouteMatch *match);
/* The environment with these parts (EnvironmentParts); NULL: it is waited for, or answered. */
const StoredEnvironment *environment_stored(Api *api, Request *request, const RouteMatch *match,
                                            unsigned parts);
/* Likewise, LOOK_… parts of it; `ask` has what is asked beside project and name. */
const SeenEnvironment *environment_seen(Api *api, Request *request, const RouteMatch *match,
                                        OperationAsk *ask, unsigned parts);
/* Waits for a look at it, or has answered. */
void environment_begin_look(Api *api, Request *request, const LookAsk *ask);

/* ---- replies ---- */
typedef struct Reply {
    Buf buf;
    JsonWriter out;
} Reply;
JsonWriter *reply_begin(Reply *reply); /* in an object */
void reply_end(Reply *reply, Request *request);
/* "key": {names: values}; hidden[i] (NULL: none is) says "********" for it. */
void reply_put_map(JsonWriter *out, const char *key, const StrMap *map, const bool *hidden);
