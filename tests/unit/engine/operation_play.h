/* SPDX-License-Identifier: Apache-2.0 */
/* A stage for tests of operations: an environment e1, attached to a worktree, with four hooks, and
 * a store that goes away when the test says. */
#pragma once

#include "engine/operations/operation.h"
#include "unit/engine/scene.h"

/* A store of which call n, and as many after it as are to, fail. */
typedef struct Shaky {
    Store base, *inner;
    uint32_t calls, first, last;
    ErrKind kind;
} Shaky;

typedef struct Play {
    Scene *scene;
    Shaky shaky;
    const char *owner; /* of the state directory */
    char tree[200];
    Arena arena;
} Play;

Play *play_new(void); /* with its engine */
void play_free(Play *play);
void play_begin_engine(Play *play); /* in the place of the one that there is */
/* In the directory of the test; what fails fails the test. */
void play_sh(const char *script);

enum { PLAY_HOOKS = 4 };
extern const char *const play_hooks[PLAY_HOOKS];

/* Must not be refused. */
Environment *play_ask(Play *play, OperationKind kind);
/* A create whose hook runner_before does not end by itself. */
Environment *play_begin_long(Play *play);
/* What the store has of it; no project: nothing. */
StoredEnvironment play_stored(Play *play);
size_t play_audits(const StoredEnvironment *found, const char *action, const char *step);
/* Nobody else has it. */
EnvironmentLease play_take_lease(Play *play, const char *server);
