/* SPDX-License-Identifier: Apache-2.0 */
/* The verbs of `thole env`, a file each where they are not short. */
#pragma once

#include "cli/log_print.h"
#include "spec/routes.h"

#define ENVIRONMENTS      THOLE_API "/environments"
#define ENVIRONMENT_STATE THOLE_API "/environmentstate"

typedef struct EnvOptions {
    const char *mode, *branch, *base, *path, *worktree, *from, *only, *manifest;
    int64_t ttl_ms; /* 0: none */
    bool no_cache, dry_run, force, keep_worktree, audit, reveal, print, yes;
    TextList copy;
    LogOptions log;
} EnvOptions;

/* Exit code; -1: err. The words behind the verb are cli->names from 1. */
int env_create(Cli *cli, const EnvOptions *ask, Err *err);
int env_attach(Cli *cli, const EnvOptions *ask, Err *err);
int env_provision(Cli *cli, const EnvOptions *ask, Err *err);
int env_run(Cli *cli, const EnvOptions *ask, Err *err);
/* What `env run` of the manifest, the one here if none is given, has left running. */
int env_stop_run(Cli *cli, const EnvOptions *ask, Err *err);
int env_start(Cli *cli, const EnvOptions *ask, Err *err);
int env_stop(Cli *cli, const EnvOptions *ask, Err *err);
int env_delete(Cli *cli, const EnvOptions *ask, Err *err);
int env_refresh(Cli *cli, const EnvOptions *ask, Err *err);
int env_step(Cli *cli, const EnvOptions *ask, Err *err);
int env_hook(Cli *cli, const EnvOptions *ask, Err *err);
int env_list(Cli *cli, const EnvOptions *ask, Err *err);
int env_show(Cli *cli, const EnvOptions *ask, Err *err);
int env_steps(Cli *cli, const EnvOptions *ask, Err *err);
int env_invalidate(Cli *cli, const EnvOptions *ask, Err *err);
int env_exec(Cli *cli, const EnvOptions *ask, Err *err);
int env_variables(Cli *cli, const EnvOptions *ask, Err *err);
int env_logs(Cli *cli, const EnvOptions *ask, Err *err);
int env_gc(Cli *cli, const EnvOptions *ask, Err *err);
int env_store(Cli *cli, const EnvOptions *ask, Err *err);
int env_export(Cli *cli, const EnvOptions *ask, Err *err);
int env_import(Cli *cli, const EnvOptions *ask, Err *err);

/* Of a verb, "text|json"; NULL: there is no such verb. */
const char *env_outputs(const char *verb);

bool env_as_json(const Cli *cli);
/* One that has no overlay may be for hooks that look at it, and no more; or it is mistyped: that is
 * said. -1: no mode can be called so. */
MUST int env_check_mode(Cli *cli, const char *file, const char *mode, Err *err);
/* "": it is no string of the map. */
const char *env_text(const Value *map, const char *key);

/* The command that goes on ("thole env create x"; NULL or "": none), as this one has to be said:
 * with its --file. NULL or owned. */
char *env_resume(const Cli *cli, const char *command);

/* ---- env_find.c ---- */

/* An environment that is meant. In the arena of the call. */
typedef struct EnvTarget {
    const char *name; /* spec.name, as people call it */
    const char *path; /* of the object: "/apis/…/namespaces/P/environments/E" */
    const Value *object;
} EnvTarget;

/* Of words behind the verb, `needed` of which are no NAME: the one in front of them, NULL if there
 * are no more than those. `ret_rest`: cli->names from there are the others. */
const char *env_given(const Cli *cli, size_t needed, size_t *ret_rest);
/* The one of that name in this project; NULL: the one whose worktree contains the working
 * directory. */
MUST int env_find(Cli *cli, const char *name, EnvTarget *ret, Err *err);
/* "[NAME] STEP", the words behind the verb. */
MUST int env_find_with_step(Cli *cli, EnvTarget *ret, const char **ret_step, Err *err);
/* What is done here was made from a manifest alone: its steps lie here. */
bool env_is_only_run(void);
void env_target_of(Cli *cli, const Value *object, EnvTarget *ret);
/* `path` of the target, and what is below it. Returns owned. */
char *env_below(const EnvTarget *env, const char *below);
/* GET of what is below it, in the arena of the call. */
MUST int env_look(Cli *cli, const EnvTarget *env, const char *below, const Value **ret, Err *err);
/* All of the project (of all projects where there is none here), in the order of their names. */
MUST int env_items(Cli *cli, const Value **ret, Err *err);
/* Where the project at hand has none: of another one, whose file is there no more, people hear. */
void env_tell_gone(Cli *cli);
/* `?project=FILE` of the project at hand. */
MUST int env_project_param(Cli *cli, Buf *path, Err *err);
/* As cli_project, also of a file that is gone, if environments of it are left. Where there is none,
 * and none was asked for, config_file stays NULL: all projects are meant. */
MUST int env_project_if_any(Cli *cli, Err *err);
/* The state of all environments of `project` (absolute), as previewctl's JSON has it. Of `ask`
 * audit and reveal count. */
MUST int env_state(Cli *cli, const char *project, const EnvOptions *ask, const Value **ret,
                   Err *err);
