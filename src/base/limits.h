/* SPDX-License-Identifier: Apache-2.0 */
/* Every maximum there is, by name. What is beyond is refused with a sentence that names the
 * limit. */
#pragma once

enum {
    MAX_CONFIG_BYTES = 4 << 20,    /* of a project */
    MAX_WORKFLOW_BYTES = 40 << 20, /* of a Config: many steps, with all variables of a CI in each */
    MAX_JSON_BYTES = 64 << 20,
    MAX_JSON_DEPTH = 200,
    MAX_YAML_DEPTH = 100,
    MAX_YAML_NODES = 1 << 20, /* after aliases are expanded */
    MAX_STATE_BYTES = 64 << 20,
    MAX_OBJECT_BYTES = 64 << 20,
    MAX_REQUEST_BYTES = 64 << 20,
    /* Of a request's head. The HTTP library has one buffer of this size for each connection,
     * touches half of it, and gives it back to the system if it is larger than 32 KiB. */
    MAX_HEADER_BYTES = 33 << 10,
    MAX_REPLY_BYTES = 256 << 20,
    MAX_CONNECTIONS = 4096, /* of the API */
    MAX_URI_SEGMENTS = 16,
    MAX_URI_PARAMS = 64,
    MAX_SELECTOR_RULES = 32,
    MAX_SELECTOR_VALUES = 64,    /* of a rule */
    MAX_BODY_CAUSES = 32,        /* reported of one request */
    MAX_STOPPED = 10000,         /* sessions that are down, in one list */
    MAX_RECORD_BYTES = 64 << 10, /* of a run, or of its end */
    MAX_RUNS_LISTED = 4096,      /* of one target */
    MAX_LOG_LINE = 1 << 20,
    MAX_TARGETS = 20000,
    MAX_SESSION_NAME = 32,        /* characters of --session */
    MAX_RENDERED_BYTES = 1 << 20, /* of one text with its templates replaced */
    MAX_PROBLEMS = 100,           /* reported of one file */
    MAX_HELPERS = 64,             /* named of one target */
    MAX_LEASES_REMEMBERED = 5000, /* of ports, of sessions that are down */
    SECRET_MIN = 4,               /* bytes; shorter values would mask ordinary text */
    MAX_EVENTS_BYTES = 2 << 20,   /* of a file of events; the one before is kept as well */
    MAX_EVENT_LINE = 16 << 10,
    MAX_BACKEND_KINDS = 8,
    MAX_GRACE_MS = 24 * 60 * 60 * 1000, /* of a stop */
    MAX_STEP_NAME = 200,                /* bytes */
    MAX_STEP_UUID = 80,                 /* bytes; with each as %xx the name of a directory */
    MAX_WORKFLOW_STEPS = 10000,
    MAX_WORKFLOWS_OVER = 200,        /* the oldest ones go, with their files */
    MAX_ENVIRONMENTS_REMOVED = 1000, /* whose audit log is kept */
};

/* Of watching and hashing files. */
enum {
    MAX_WALK_FILES = 1 << 20, /* that globs of one service mean */
    MAX_WALK_DIRS = 1 << 18,
    MAX_WALK_DEPTH = 200,
    MAX_HASHED_BYTES = 16 << 20, /* of a watched file; of a larger one size and time count */
    MAX_CHANGES_NAMED = 256,     /* files of one change */
};
