/* SPDX-License-Identifier: Apache-2.0 */
/* Where an environment is: a worktree on this machine, or a machine that hooks have made. Compute
 * never runs for long and never changes anything by itself but files: what takes its time is a
 * *command*, which the caller runs under a pin, so that it outlives the server; everything else
 * here blocks and is for a Worker. A Compute keeps nothing between calls.
 *
 * No name that people chose ever reaches a shell as text: commands are argument lists, and where
 * two programs follow each other the script is a constant and the names are its "$@". */
#pragma once

#include "base/arena.h"
#include "base/err.h"
#include "spec/environment.h"

typedef struct Compute {
    const struct ComputeOps *ops;
    const char *name; /* "local", "ssh" */
} Compute;

/* What is asked about. All of it is lent. */
typedef struct ComputeAsk {
    const char *project;  /* directory of the config file: on this machine, in a git repository */
    const char *path;     /* absolute: where the worktree is, or is to be */
    const char *branch;   /* create */
    const char *base;     /* create: what a new branch is made from; NULL: HEAD of the project */
    bool managed;         /* the worktree is ours to remove */
    const char *removing; /* a file that tells which directory its removal has begun on; NULL */
    const char *compose_file;      /* absolute, that of the worktree; NULL: no infrastructure */
    bool composed;                 /* some was started, whatever the config says now */
    const char *compose_project;   /* environment_compose_project() */
    const EnvironmentPorts *ports; /* given to compose as <NAME>_PORT; NULL: none */
    const StrMap *env;             /* environment of whoever asked: PATH, HOME, DOCKER_HOST, ... */
    const StrList *own; /* files below `path` that we have written: no loss; NULL: none */
    StrList brought;    /* files and directories that were brought there from the project... */
    int64_t brought_ns; /* ... by then, at first */
    StrList others;     /* worktrees of other environments, of any project */
} ComputeAsk;

/* To be run under a pin, with no stdin. argv.n 0: there is nothing to be done. */
typedef struct ComputeCommand {
    StrList argv; /* argv[0] is absolute; NULL after the last */
    const char *cwd;
    StrMap env; /* all of it */
} ComputeCommand;

/* Of the infrastructure. */
typedef struct ComputeService {
    const char *name, *state; /* "running", "done" (it had no port, and ended well), "stopped" */
} ComputeService;

typedef struct ComputeLook {
    bool stands;
    const char *why;    /* it does not; NULL */
    const char *root;   /* where the config file's directory is in it: `path` with the prefix that
                           the project has in its repository */
    const char *branch; /* that it is on; "": a detached HEAD */
    ComputeService *services; /* of `running` alone: each of the compose file's */
    size_t service_n;
} ComputeLook;

typedef struct ComputeFile {
    const char *path;  /* relative to the root */
    const void *bytes; /* NULL: the file goes, if it is there */
    size_t size;
    uint32_t mode; /* exactly, whatever the umask */
} ComputeFile;

/* All is made, but a hook of git's own (post-checkout) has failed. */
enum { COMPUTE_HOOK_FAILED = 113 };

/* ERR_UNAVAILABLE: a program is missing (git, docker compose, git-lfs), or it comes later. */
typedef struct ComputeOps {
    /* MUST. Blocking, reads files only: a matter of microseconds. */
    int (*look)(const Compute *, const ComputeAsk *, Arena *, ComputeLook *ret, Err *);
    /* MUST. Blocking; what stands already as asked is not made again. ERR_CONFLICT: the branch is
     * checked out elsewhere, or something else is at the path; ERR_INVALID: no repository, no
     * commit, no such base, no branch name. Of its command COMPUTE_HOOK_FAILED is an exit code. */
    int (*create)(const Compute *, const ComputeAsk *, Arena *, ComputeCommand *ret, Err *);
    /* MUST. Blocking. Infrastructure with its volumes, also if its compose file is gone or broken;
     * then the worktree if it is managed. What is gone already is fine. Does not look for losses:
     * that is `loss`. */
    int (*destroy)(const Compute *, const ComputeAsk *, Arena *, ComputeCommand *ret, Err *);
    /* MAY. Blocking. What would be gone with it, in words: "2 changed files (a.c, b.c), 1 commit
     * that is on no branch and no remote"; NULL: nothing. ERR_CONFLICT: people have locked it. */
    int (*loss)(const Compute *, const ComputeAsk *, Arena *, const char **ret, Err *);
    /* MAY. Infrastructure: up, stopped; is every service of it running (or has ended well)? */
    int (*start)(const Compute *, const ComputeAsk *, Arena *, ComputeCommand *ret, Err *);
    int (*stop)(const Compute *, const ComputeAsk *, Arena *, ComputeCommand *ret, Err *);
    int (*running)(const Compute *, const ComputeAsk *, Arena *, ComputeLook *ret, Err *);
    /* MAY. Files below the root. Nothing that leaves it, also over links, is read or written. */
    int (*read)(const Compute *, const char *root, ComputeFile *file, Arena *, Err *);
    int (*write)(const Compute *, const char *root, const ComputeFile *file, Err *);
} ComputeOps;

MUST int compute_look(const Compute *compute, const ComputeAsk *ask, Arena *arena, ComputeLook *ret,
                      Err *err);
MUST int compute_create(const Compute *compute, const ComputeAsk *ask, Arena *arena,
                        ComputeCommand *ret, Err *err);
MUST int compute_destroy(const Compute *compute, const ComputeAsk *ask, Arena *arena,
                         ComputeCommand *ret, Err *err);
MUST int compute_loss(const Compute *compute, const ComputeAsk *ask, Arena *arena, const char **ret,
                      Err *err);
/* `files` of `root`, which is `path` or below it, as ComputeAsk.own has them. */
StrList compute_own(const char *path, const char *root, const StrList *files, Arena *arena);
MUST int compute_start(const Compute *compute, const ComputeAsk *ask, Arena *arena,
                       ComputeCommand *ret, Err *err);
MUST int compute_stop(const Compute *compute, const ComputeAsk *ask, Arena *arena,
                      ComputeCommand *ret, Err *err);
/* ret->stands: all of it runs; ret->why: what does not. */
MUST int compute_running(const Compute *compute, const ComputeAsk *ask, Arena *arena,
                         ComputeLook *ret, Err *err);
enum { COMPUTE_FILE_MAX = 16 << 20 };
/* `file` has a path and gets the rest; after the bytes is a NUL of ours. ERR_NOT_FOUND: it is not
 * there. */
MUST int compute_read(const Compute *compute, const char *root, ComputeFile *file, Arena *arena,
                      Err *err);
/* Atomic; directories above it are made. A file with these bytes and this mode is left alone. */
MUST int compute_write(const Compute *compute, const char *root, const ComputeFile *file, Err *err);

/* compute_local.c: git worktrees and docker compose. */
extern const Compute compute_local;
/* compute_hooks.c: what the project's hooks have made; what needs the other side comes later. */
extern const Compute compute_hooks;
/* Of an environment: NULL is local. */
const Compute *compute_of(const ComputeAccess *access);

/* To remove the worktree would empty what is mounted in it: ERR_CONFLICT names that. Blocking. */
MUST int compute_local_mounted(const ComputeAsk *ask, Arena *arena, Err *err);

/* What provisioner.compute.create printed: VM_IP, SSH_USER, REMOTE_ROOT (/app). ERR_INVALID: a
 * value that ssh would take for something else. Strings are lent. */
MUST int compute_hooks_access(const StrMap *outputs, ComputeAccess *ret, Err *err);

/* git ignores all of ask->own, whether they are there or not, and tracks none. False also where it
 * cannot say. */
bool compute_local_ignored(const ComputeAsk *ask, Arena *arena);
/* Those of ask->own that git neither ignores nor has. */
MUST int compute_local_exposed(const ComputeAsk *ask, Arena *arena, StrList *ret, Err *err);
/* ... that git has. */
MUST int compute_local_tracked(const ComputeAsk *ask, Arena *arena, StrList *ret, Err *err);

/* A path in the project's own tree that its status would show, relative to the top: "inside/".
 * NULL: it lies elsewhere, or git ignores it there. */
const char *compute_local_shown(const ComputeAsk *ask, Arena *arena);

/* The branch that a given worktree is on (`env attach`). ERR_INVALID: it is none of the project's
 * repository, or has a detached HEAD. */
MUST int compute_local_attach(const ComputeAsk *ask, Arena *arena, ComputeLook *ret, Err *err);
