/* SPDX-License-Identifier: Apache-2.0 */
/* The manifest: all that the runner needs of an environment, with no template left in it; a file
 * at the root of its worktree (MANIFEST_THOLE, or under a previewctl.yaml MANIFEST_PREVIEWCTL). The
 * JSON is previewctl's. */
#pragma once

#include "spec/config.h"
#include "spec/environment.h"
#include "spec/manifest_names.h"

enum { MANIFEST_VERSION = 1 };

typedef struct ManifestService {
    const char *name;     /* key */
    const char *path;     /* relative to the project; "." */
    const char *env_file; /* relative to `path` */
    StrMap env;           /* its own, values as they are to be; not what all services have */
} ManifestService;

typedef struct Manifest {
    int64_t version; /* MANIFEST_VERSION */
    const char *env_name, *project_name, *branch, *mode;
    EnvironmentPorts ports;
    EnvironmentOutputs outputs;
    struct {
        ManifestService *at;
        size_t n;
    } services;
    const char *compose_file; /* relative to the project; NULL: no infrastructure */
    StrList enabled_services;
} Manifest;

/* Of an entry whose ports and outputs are known; both are lent to it. ERR_INVALID names service,
 * variable and template. */
MUST int manifest_build(const Config *config, const EnvironmentEntry *entry, Arena *arena,
                        Manifest *ret, Err *err);
/* Of what is known so far: values of services that stand in a file, and that it cannot hold alike
 * for all who read it (env_text.h). What is not known yet is passed over. ERR_INVALID names service
 * and variable. */
MUST int manifest_check_values(const Config *config, const EnvironmentEntry *entry, Arena *arena,
                               Err *err);
/* Byte-stable, with a line break at the end. */
void manifest_encode(const Manifest *manifest, Buf *out);
/* What previewctl wrote, or we. Keys that are not known are ignored, a version that is not known is
 * refused. ERR_INVALID: the first problem, with its key. */
MUST int manifest_decode(const char *json, size_t size, Arena *arena, Manifest *ret, Err *err);

/* An env file that an environment writes. */
typedef struct ManifestFile {
    const char *path; /* relative to the root of the worktree, no ".." left */
    StrMap env;       /* merged of all services that share it: in name order, a later one wins */
} ManifestFile;

typedef struct ManifestFiles {
    ManifestFile *at; /* by path */
    size_t n;
} ManifestFiles;

/* Only services that have env. ERR_INVALID: a path leaves the worktree. */
MUST int manifest_files(const Manifest *manifest, Arena *arena, ManifestFiles *ret, Err *err);
const char *manifest_name(const Config *config); /* which of both file names */
