/* SPDX-License-Identifier: Apache-2.0 */
#include "spec/routes.h"

#include <stdio.h>
#include <string.h>

#define LIST_PARAMS                                                                               \
    {"watch", "true: a stream of events, one JSON object per line"},                              \
        {"resourceVersion",                                                                       \
         "watch: what is newer than this; absent or 0: begins with all objects"},                 \
        {"fieldSelector", "metadata.name=X, metadata.namespace=X, spec.tiltfilePath=X; also !="}, \
        {"labelSelector", "a=b, a!=b, a in (b,c), a notin (b,c), a, !a; joined by commas"},       \
        {"limit", "at most so many, with metadata.continue when there are more"},                 \
        {"continue", "the token of the reply before"},                                            \
        {"allowWatchBookmarks", "watch: tell the newest version now and then"},                   \
        {"sendInitialEvents", "watch: all objects, then a bookmark, then what is new; needs "     \
                              "resourceVersionMatch=NotOlderThan"},                               \
    {                                                                                             \
        "timeoutSeconds", "watch: end after so long"                                              \
    }

#define LOG_PARAMS                                                                          \
    {"follow", "true: go on until the session is gone"},                                    \
        {"tail", "only the last N lines of each target"},                                   \
        {"since", "only what was written at or after this time (RFC 3339)"},                \
        {"until", "only what was written before this time"}, {"stream", "out or err"},      \
        {"ends", "true: a line with the stream \"end\" behind the last one of a run"},      \
        {"run", "only this run"},                                                           \
        {"after", "continue after this place, <object>:<run>:<offset>; once per target"}, { \
        "format", "json: one object per line; raw: what was written, as it is"              \
    }

#define DELETE_DRY_RUN \
    { "dryRun", "All: only the conditions are looked at; answers with the object as it is" }

#define ENVIRONMENT_PATH THOLE_API "/namespaces/{project}/environments/{environment}"

#define BACKEND_PARAMS \
    { "options", "JSON: what the caller's environment says: {\"docker\": {\"host\": …}}" }

#define FORCE_BODY "force: true runs a job even if its `inputs` are as they were"
#define NAMES_BODY \
    "names: resources or targets; labels: what a resource must carry (null: with any value)"

const Route routes[ROUTES] = {
    [ROUTE_HEALTHZ] = {HTTP_GET, "/healthz", "Says ok.", .reply = "text"},
    [ROUTE_LIVEZ] = {HTTP_GET, "/livez", "Says ok.", .reply = "text"},
    [ROUTE_READYZ] = {HTTP_GET, "/readyz", "Says ok.", .reply = "text"},
    [ROUTE_VERSION] = {HTTP_GET, "/version", "The version of the server.", .reply = "version"},
    [ROUTE_CORE] = {HTTP_GET, "/api", "Always 404: there is no core group.", .reply = "Status"},
    [ROUTE_GROUPS] = {HTTP_GET, "/apis", "The groups; by Accept also in the aggregated form.",
                      .reply = "APIGroupList"},
    [ROUTE_GROUP] = {HTTP_GET, "/apis/{group}", "One group.", .reply = "APIGroup"},
    [ROUTE_RESOURCES] = {HTTP_GET, "/apis/{group}/" API_VERSION, "The resources of a group.",
                         .reply = "APIResourceList"},

    [ROUTE_SESSIONS] = {HTTP_GET, TILT_API "/sessions", "The sessions of this user.", "tilt.dev",
                        "sessions", NULL, "list", .reply = "SessionList",
                        .params = {LIST_PARAMS,
                                   {"stopped", "true: also those that are only on disk"}}},
    [ROUTE_SESSION_CREATE] =
        {HTTP_POST, TILT_API "/sessions",
         "Creates the session of a config file and starts what was asked for.", "tilt.dev",
         "sessions", NULL, "create",
         "a Session: spec{tiltfilePath, exitCondition, ci{timeout, readinessTimeout}} and, "
         "write-only, start{session, uid, names[], labels{}, hold, client{env{}, umask, nice, "
         "limits[{resource, soft, hard}]}}",
         .reply = "Session",
         .params = {{"fieldValidation", "Strict, Warn or Ignore unknown fields"},
                    {"dryRun",
                     "All: nothing is done; answers with a SessionReload: what would be, of "
                     "a session that exists too"}}},
    [ROUTE_SESSION] = {HTTP_GET, TILT_API "/sessions/{session}", "One session.", "tilt.dev",
                       "sessions", NULL, "get", .reply = "Session"},
    [ROUTE_SESSION_STATUS] = {HTTP_GET, TILT_API "/sessions/{session}/status", "The same.",
                              "tilt.dev", "sessions", "status", "get", .reply = "Session"},
    [ROUTE_SESSION_DELETE] =
        {HTTP_DELETE, TILT_API "/sessions/{session}",
         "Stops a session in reverse order of dependence; then the object goes.", "tilt.dev",
         "sessions", NULL, "delete",
         "DeleteOptions: gracePeriodSeconds, preconditions{uid, resourceVersion}",
         .reply = "Session",
         .params = {DELETE_DRY_RUN,
                    {"gracePeriodSeconds", "for every target; 0: kill at once"},
                    {"purge", "true: helpers that were left running and its files go too"}}},
    [ROUTE_SESSION_PATCH] =
        {HTTP_PATCH, TILT_API "/sessions/{session}",
         "Changes what a session is for; a merge patch (RFC 7386).", "tilt.dev", "sessions", NULL,
         "patch",
         "spec{exitCondition, ci{timeout, readinessTimeout}}; null: as the config file says",
         .reply = "Session",
         .params = {{"fieldValidation", "Strict, Warn or Ignore unknown fields"}}},
    [ROUTE_SESSION_START] = {HTTP_POST, TILT_API "/sessions/{session}/start",
                             "Starts what the names choose, with what it depends on.", "tilt.dev",
                             "sessions", "start", "create",
                             NAMES_BODY
                             "; client: as in a Session's start, replaces the stored one",
                             .reply = "Session"},
    [ROUTE_SESSION_RELOAD] = {HTTP_POST, TILT_API "/sessions/{session}/reload",
                              "Takes up what the config file says now; what has not changed is not "
                              "touched.",
                              "tilt.dev", "sessions", "reload", "create", "nothing",
                              .reply = "Session"},
    [ROUTE_SESSION_HOLD] =
        {HTTP_GET, TILT_API "/sessions/{session}/hold",
         "Says nothing and ends with the session; while it is open, the session is held.",
         "tilt.dev", "sessions", "hold", "get", .reply = "nothing", .stream = true},
    [ROUTE_SESSION_LOG] = {HTTP_GET, TILT_API "/sessions/{session}/log", "What its targets wrote.",
                           "tilt.dev", "sessions", "log", "get", .reply = "log", .stream = true,
                           .params = {{"target",
                                       "a resource or target; may be given several times"},
                                      LOG_PARAMS}},
    [ROUTE_SESSION_EVENTS] =
        {HTTP_GET, THOLE_API "/sessions/{session}/events",
         "What happened to it and its targets, also of a session that is down.", .reply = "events",
         .stream = true,
         .params = {{"target", "a resource or target; may be given several times"},
                    {"follow", "true: go on until the session is gone"},
                    {"limit", "only the last N"},
                    {"since", "only what happened at or after this time (RFC 3339)"},
                    {"after", "only what has a higher number than this (seq)"}}},
    [ROUTE_SESSION_TIMELINE] =
        {HTTP_GET, THOLE_API "/sessions/{session}/timeline",
         "What ran when, and the critical path, also of a session that is down.",
         .reply = "timeline",
         .params = {{"format", "json, text, path (the critical path alone) or svg"},
                    {"width", "text: columns; 80"},
                    {"color", "text: true: with the colours of a terminal"},
                    {"since", "only what lies after this time (RFC 3339)"},
                    {"until", "only what lies before this time"}}},

    [ROUTE_ALL_TARGETS] = {HTTP_GET, THOLE_API "/targets", "The targets of all sessions.",
                           "thole.dev", "targets", NULL, "list", .reply = "TargetList",
                           .params = {LIST_PARAMS}},
    [ROUTE_TARGETS] = {HTTP_GET, THOLE_API "/namespaces/{session}/targets",
                       "The targets of a session.", "thole.dev", "targets", NULL, "list",
                       .reply = "TargetList", .params = {LIST_PARAMS}},
    [ROUTE_TARGET] = {HTTP_GET, THOLE_API "/namespaces/{session}/targets/{target}", "One target.",
                      "thole.dev", "targets", NULL, "get", .reply = "Target"},
    [ROUTE_TARGET_STATUS] = {HTTP_GET, THOLE_API "/namespaces/{session}/targets/{target}/status",
                             "The same.", "thole.dev", "targets", "status", "get",
                             .reply = "Target"},
    [ROUTE_TARGET_START] = {HTTP_POST, THOLE_API "/namespaces/{session}/targets/{target}/start",
                            "Wishes the target to run, with what it depends on.", "thole.dev",
                            "targets", "start", "create", FORCE_BODY, .reply = "Target"},
    [ROUTE_TARGET_STOP] = {HTTP_POST, THOLE_API "/namespaces/{session}/targets/{target}/stop",
                           "Wishes the target to be stopped.", "thole.dev", "targets", "stop",
                           "create", "nothing", .reply = "Target"},
    [ROUTE_TARGET_RESTART] = {HTTP_POST, THOLE_API "/namespaces/{session}/targets/{target}/restart",
                              "Wishes a fresh run of the target.", "thole.dev", "targets",
                              "restart", "create", FORCE_BODY, .reply = "Target"},
    [ROUTE_TARGET_TRIGGER] =
        {HTTP_POST, THOLE_API "/namespaces/{session}/targets/{target}/trigger",
         "What has changed and waits is applied, else the service of the target is built and "
         "started afresh.",
         "thole.dev", "targets", "trigger", "create", FORCE_BODY,
         .reply =
             "target, run: the run that answers this, or status.skippedRun; build{target, run}"},
    [ROUTE_TARGET_PATCH] = {HTTP_PATCH, THOLE_API "/namespaces/{session}/targets/{target}",
                            "Enables or disables a target.", "thole.dev", "targets", NULL, "patch",
                            "a merge patch: spec{enabled}; metadata.resourceVersion and uid are "
                            "conditions",
                            .reply = "Target"},
    [ROUTE_TARGET_ENABLE] = {HTTP_POST, THOLE_API "/namespaces/{session}/targets/{target}/enable",
                             "The target may run again, and does if it was asked for.", "thole.dev",
                             "targets", "enable", "create",
                             "withDeps: true: also what it depends on", .reply = "Target"},
    [ROUTE_TARGET_DISABLE] = {HTTP_POST, THOLE_API "/namespaces/{session}/targets/{target}/disable",
                              "The target is stopped, and not run until it is enabled.",
                              "thole.dev", "targets", "disable", "create",
                              "withDeps: true: also what depends on it", .reply = "Target"},
    [ROUTE_TARGET_LOG] = {HTTP_GET, THOLE_API "/namespaces/{session}/targets/{target}/log",
                          "What the target wrote.", "thole.dev", "targets", "log", "get",
                          .reply = "log", .stream = true, .params = {LOG_PARAMS}},
    [ROUTE_TARGET_TERMINAL] = {HTTP_GET,
                               THOLE_API "/namespaces/{session}/targets/{target}/terminal",
                               "What its run can be given to read, and what there is of its log.",
                               "thole.dev", "targets", "terminal", "get", .reply = "Terminal"},
    [ROUTE_TARGET_INPUT] =
        {HTTP_POST, THOLE_API "/namespaces/{session}/targets/{target}/input",
         "Gives its run what it is to read. The reply ends once all of it was read, with a Status.",
         "thole.dev", "targets", "input", "create", "raw bytes, less than 1 MiB", .reply = "Status",
         .stream = true,
         .params = {{"writer", "a number drawn by who writes: what he repeats is read once"},
                    {"at", "how many bytes the same writer has given before"},
                    {"end", "true: then the end of the input; for a terminal ^D"}}},
    [ROUTE_TARGET_RESIZE] = {HTTP_POST, THOLE_API "/namespaces/{session}/targets/{target}/resize",
                             "Sets the size of its terminal.", "thole.dev", "targets", "resize",
                             "create", "rows, columns", .reply = "Status"},
    [ROUTE_TARGET_OUTPUT] =
        {HTTP_GET, THOLE_API "/namespaces/{session}/targets/{target}/output",
         "What one of its runs writes, byte by byte as it comes, until it ends.", "thole.dev",
         "targets", "output", "get", .reply = "bytes", .stream = true,
         .params = {{"run", "its number"}, {"from", "offset in its log; 0"}}},
    [ROUTE_TARGET_END] = {HTTP_GET, THOLE_API "/namespaces/{session}/targets/{target}/end",
                          "How one of its runs ended; the reply ends when it has.", "thole.dev",
                          "targets", "end", "get", .reply = "RunEnd", .stream = true,
                          .params = {{"run", "its number"}}},
    [ROUTE_TARGET_ENVIRONMENT] =
        {HTTP_GET, THOLE_API "/namespaces/{session}/targets/{target}/environment",
         "Environment and working directory of its next run, secrets included; for this user.",
         "thole.dev", "targets", "environment", "get", .reply = "Environment"},
    [ROUTE_TARGET_WHY] = {HTTP_GET, THOLE_API "/namespaces/{session}/targets/{target}/why",
                          "Why it is as it is: the chain of causes. A resource's name will do.",
                          "thole.dev", "targets", "why", "get", .reply = "chain"},

    [ROUTE_WORKFLOWS] = {HTTP_GET, THOLE_API "/workflows",
                         "The workflows, also those that are over.", "thole.dev", "workflows", NULL,
                         "list", .reply = "WorkflowList", .params = {LIST_PARAMS}},
    [ROUTE_WORKFLOW_CREATE] = {HTTP_POST, THOLE_API "/workflows", "Runs a Config.", "thole.dev",
                               "workflows", NULL, "create",
                               "spec{config: a Config, or its text; file: what it is called in "
                               "messages; task: its uuid; backend: auto, local, …; timeout; "
                               "stepTimeout; cleanupOnCancel; keep: what it made stays until it is "
                               "deleted; env, secrets: maps, for all steps}; "
                               "client: whose "
                               "environment, limits and nice local steps inherit, as of a session",
                               .reply = "Workflow"},
    [ROUTE_WORKFLOW] = {HTTP_GET, THOLE_API "/workflows/{name}", "One workflow.", "thole.dev",
                        "workflows", NULL, "get", .reply = "Workflow"},
    [ROUTE_WORKFLOW_STATUS] = {HTTP_GET, THOLE_API "/workflows/{name}/status", "The same.",
                               "thole.dev", "workflows", "status", "get", .reply = "Workflow"},
    [ROUTE_WORKFLOW_DELETE] = {HTTP_DELETE, THOLE_API "/workflows/{name}",
                               "Stops it if it goes on; then it goes, with its logs.", "thole.dev",
                               "workflows", NULL, "delete",
                               "DeleteOptions: preconditions{uid, resourceVersion}",
                               .reply = "Workflow", .params = {DELETE_DRY_RUN}},
    [ROUTE_WORKFLOW_CANCEL] =
        {HTTP_POST, THOLE_API "/workflows/{name}/cancel",
         "Stops its steps, lets clean-up run, then it is over; again: without "
         "clean-up.",
         "thole.dev", "workflows", "cancel", "create",
         "grace: how long each step is given, as a duration", .reply = "Workflow"},
    [ROUTE_WORKFLOW_LOG] = {HTTP_GET, THOLE_API "/workflows/{name}/log", "What its steps wrote.",
                            "thole.dev", "workflows", "log", "get", .reply = "log", .stream = true,
                            .params = {{"step", "a name or uuid; may be given several times"},
                                       LOG_PARAMS}},

    [ROUTE_BACKENDS] = {HTTP_GET, THOLE_API "/backends",
                        "Where workflows may run, the preferred first.", "thole.dev", "backends",
                        NULL, "list", .reply = "BackendList", .params = {BACKEND_PARAMS}},
    [ROUTE_BACKEND] = {HTTP_GET, THOLE_API "/backends/{name}",
                       "One backend: what it is, its options, and what becomes of each field of a "
                       "Config.",
                       "thole.dev", "backends", NULL, "get", .reply = "Backend",
                       .params = {BACKEND_PARAMS}},
    [ROUTE_LEFTOVERS] = {HTTP_GET, THOLE_API "/backends/{name}/leftovers",
                         "All that is there of this state directory, and whether a task that lives "
                         "owns it.",
                         "thole.dev", "backends", "leftovers", "get", .reply = "LeftoverList",
                         .params = {BACKEND_PARAMS}},
    [ROUTE_LEFTOVERS_DELETE] = {HTTP_DELETE, THOLE_API "/backends/{name}/leftovers/{task}",
                                "Destroys all that is left there of a task that does not live.",
                                "thole.dev", "backends", "leftovers", "delete", .reply = "Status",
                                .params = {{"unread", "also if its record cannot be read: it may "
                                                      "be of a newer server"},
                                           BACKEND_PARAMS}},

    [ROUTE_WORKFLOW_EVENTS] =
        {HTTP_GET, THOLE_API "/workflows/{name}/events",
         "What happened to it and its steps: two events of one that was executed, one of one that "
         "was skipped.",
         "thole.dev", "workflows", "events", "get", .reply = "events", .stream = true,
         .params = {{"step", "a step, by name or uuid; may be given several times"},
                    {"follow", "true: go on until the workflow is over"},
                    {"limit", "only the last N"},
                    {"since", "only what happened at or after this time (RFC 3339)"},
                    {"after", "only what has a higher number than this (seq)"}}},
    [ROUTE_ENVIRONMENTS] =
        {HTTP_GET, THOLE_API "/environments", "The environments of all projects.", "thole.dev",
         "environments", NULL, "list", .reply = "EnvironmentList",
         .params = {LIST_PARAMS,
                    {"project", "a config file: only its environments; also one in a worktree"},
                    {"at", "a path: only the environment whose worktree contains it"}}},
    [ROUTE_NAMESPACE_ENVIRONMENTS] = {HTTP_GET, THOLE_API "/namespaces/{project}/environments",
                                      "Those of a project.", "thole.dev", "environments", NULL,
                                      "list", .reply = "EnvironmentList", .params = {LIST_PARAMS}},
    [ROUTE_ENVIRONMENT_CREATE] =
        {HTTP_POST, THOLE_API "/environments", "Creates an environment, or goes on with it.",
         "thole.dev", "environments", NULL, "create",
         "spec{name; project: its config file; mode; branch; base; path; worktree: an existing "
         "tree; ttl; copy[]; from: a step; noCache; provisionOnly}; client: whose environment the "
         "hooks have, as of a session",
         .reply = "Environment",
         .params = {{"dryRun", "All: nothing is done; {steps[]} with the verdict on each"}}},
    [ROUTE_ENVIRONMENT_RUN] = {HTTP_POST, THOLE_API "/environmentruns",
                               "The second half of creating an environment, of which its manifest "
                               "says all. What was done "
                               "is kept beside the manifest; the environment is in no list.",
                               "thole.dev", "environmentruns", NULL, "create",
                               "manifest: absolute; from: a step; noCache; stop: true ends what "
                               "such a run has left running, instead; client",
                               .reply = "Environment"},
    [ROUTE_ENVIRONMENT_SHARED_HOOK] =
        {HTTP_POST, THOLE_API "/environmenthooks",
         "Runs a hook that all environments of a project share: the init of a provisioned service. "
         "What it is followed by is in no list.",
         "thole.dev", "environmenthooks", NULL, "create",
         "project: its config file; service; action: init; mode; client", .reply = "Environment"},
    [ROUTE_ENVIRONMENT] = {HTTP_GET, ENVIRONMENT_PATH, "One environment.", "thole.dev",
                           "environments", NULL, "get", .reply = "Environment"},
    [ROUTE_ENVIRONMENT_STATUS] = {HTTP_GET, ENVIRONMENT_PATH "/status", "The same.", "thole.dev",
                                  "environments", "status", "get", .reply = "Environment"},
    [ROUTE_ENVIRONMENT_DELETE] =
        {HTTP_DELETE, ENVIRONMENT_PATH, "Undoes all that made it, in reverse; then it goes.",
         "thole.dev", "environments", NULL, "delete",
         "DeleteOptions: preconditions{uid, resourceVersion}; client", .reply = "Environment",
         .params = {DELETE_DRY_RUN,
                    {"force", "true: uncommitted work is lost, failing hooks are passed over"},
                    {"keepWorktree", "true: its worktree stays"}}},
    [ROUTE_ENVIRONMENT_PROVISION] = {HTTP_POST, ENVIRONMENT_PATH "/provision",
                                     "The first half of creating it.", "thole.dev", "environments",
                                     "provision", "create", "from, noCache; client",
                                     .reply = "Environment"},
    [ROUTE_ENVIRONMENT_REFRESH] = {HTTP_POST, ENVIRONMENT_PATH "/refresh",
                                   "Does the steps anew that make what runs.", "thole.dev",
                                   "environments", "refresh", "create", "only[], from; client",
                                   .reply = "Environment"},
    [ROUTE_ENVIRONMENT_STEP] = {HTTP_POST, ENVIRONMENT_PATH "/step", "Does one step anew.",
                                "thole.dev", "environments", "step", "create", "step; client",
                                .reply = "Environment"},
    [ROUTE_ENVIRONMENT_START] = {HTTP_POST, ENVIRONMENT_PATH "/start",
                                 "Starts its infrastructure and services.", "thole.dev",
                                 "environments", "start", "create", "client",
                                 .reply = "Environment"},
    [ROUTE_ENVIRONMENT_STOP] = {HTTP_POST, ENVIRONMENT_PATH "/stop",
                                "Stops its services and infrastructure; nothing is lost.",
                                "thole.dev", "environments", "stop", "create", "client",
                                .reply = "Environment"},
    [ROUTE_ENVIRONMENT_HOOK] = {HTTP_POST, ENVIRONMENT_PATH "/hook",
                                "Runs a hook of a provisioned service.", "thole.dev",
                                "environments", "hook", "create",
                                "service, action: init, seed, reset or destroy; client",
                                .reply = "Environment"},
    [ROUTE_ENVIRONMENT_INVALIDATE] =
        {HTTP_POST, ENVIRONMENT_PATH "/invalidate",
         "A step's record, and those of all that need it, count no more: {steps[]} says which.",
         "thole.dev", "environments", "invalidate", "create", "step: its name", .reply = "steps"},
    [ROUTE_ENVIRONMENT_SAY] = {HTTP_POST, ENVIRONMENT_PATH "/status",
                               "Says what it is from now on; nothing is done.", "thole.dev",
                               "environments", "status", "update",
                               "status: creating, provisioned, running, stopped or error",
                               .reply = "Environment"},
    [ROUTE_ENVIRONMENT_CANCEL] = {HTTP_POST, ENVIRONMENT_PATH "/cancel",
                                  "Ends what is being done to it.", "thole.dev", "environments",
                                  "cancel", "create", "nothing", .reply = "Environment"},
    [ROUTE_ENVIRONMENT_EVENTS] =
        {HTTP_GET, ENVIRONMENT_PATH "/events", "What happened to its steps.", "thole.dev",
         "environments", "events", "get", .reply = "events", .stream = true,
         .params = {{"operation", "the number of an operation; absent: of all"},
                    {"after", "only what has a higher number than this (seq)"},
                    {"follow", "true: go on until the operation is over"}}},
    [ROUTE_ENVIRONMENT_ENTRY] = {HTTP_GET, ENVIRONMENT_PATH "/entry",
                                 "As previewctl knows it: its EnvironmentEntry.", "thole.dev",
                                 "environments", "entry", "get", .reply = "entry",
                                 .params = {{"audit", "true: with its audit log"},
                                            {"reveal",
                                             "true: values of outputs and key-values are shown"}}},
    [ROUTE_ENVIRONMENT_STEPS] =
        {HTTP_GET, ENVIRONMENT_PATH "/steps",
         "The steps of its life in order: what their records say, and which are stale.",
         "thole.dev", "environments", "steps", "get", .reply = "steps",
         .params = {{"recorded", "true: as they are recorded; nothing is looked at"},
                    {"infrastructure", "true: with its infrastructure, of which docker is asked "
                                       "once for both"}}},
    [ROUTE_ENVIRONMENT_STEP_VIEW] =
        {HTTP_GET, ENVIRONMENT_PATH "/step",
         "What a step writes: {path, text, now, same} of a file, {files[]} of several, or of a "
         "hook {hook, command}.",
         "thole.dev", "environments", "step", "get", .reply = "files",
         .params = {{"name", "the step"}, {"reveal", "true: secret values are shown"}}},
    [ROUTE_ENVIRONMENT_VARIABLES] =
        {HTTP_GET, ENVIRONMENT_PATH "/variables",
         "The variables that its hooks get, or those of a service; and where commands run.",
         "thole.dev", "environments", "variables", "get", .reply = "variables",
         .params = {{"service", "a service: what its env file says"},
                    {"reveal", "true: secret values are shown"}}},
    [ROUTE_ENVIRONMENT_INFRASTRUCTURE] =
        {HTTP_GET, ENVIRONMENT_PATH "/infrastructure",
         "Whether the services of its compose file run, asked of docker just now.", "thole.dev",
         "environments", "infrastructure", "get", .reply = "infrastructure"},
    [ROUTE_ENVIRONMENT_VALUES] = {HTTP_GET, ENVIRONMENT_PATH "/values", "Its key-values.",
                                  "thole.dev", "environments", "values", "get", .reply = "values",
                                  .params = {{"reveal", "true: the values are shown"}}},
    [ROUTE_ENVIRONMENT_VALUES_PATCH] =
        {HTTP_PATCH, ENVIRONMENT_PATH "/values",
         "Sets and unsets key-values; never a conflict, whatever is being done to it.", "thole.dev",
         "environments", "values", "patch",
         "a merge patch: {name: \"value\", name: null}; a name is of letters, digits, _ and -",
         .reply = "values"},
    [ROUTE_ENVIRONMENT_ORPHANS] =
        {HTTP_GET, THOLE_API "/environmentorphans",
         "What is left of a project's environments that are no more, or whose time has passed: "
         "{orphans[{kind: worktree, directory, session, compose, ports, expired or leftover; name; "
         "path; why; removable}]}.",
         "thole.dev", "environmentorphans", NULL, "list", .reply = "orphans",
         .params = {{"project", "a config file; also one in a worktree"}}},
    [ROUTE_ENVIRONMENT_ORPHAN_DELETE] =
        {HTTP_DELETE, THOLE_API "/environmentorphans",
         "Removes one of them, if it still is one; of an environment: deletes it.", "thole.dev",
         "environmentorphans", NULL, "delete",
         "client: whose environment the hooks have, of one that is deleted", .reply = "Status",
         .params = {{"project", "as above"}, {"kind", "of the orphan"}, {"name", "likewise"}}},
    [ROUTE_ENVIRONMENT_STATE] =
        {HTTP_GET, THOLE_API "/environmentstate",
         "All environments of a project, as previewctl keeps them: its State, version 1.",
         "thole.dev", "environmentstate", NULL, "get", .reply = "state",
         .params = {{"project", "a config file; also one in a worktree"},
                    {"audit", "true: with their audit logs"},
                    {"reveal", "true: values of outputs and key-values are shown"}}},
    [ROUTE_ENVIRONMENT_IMPORT] =
        {HTTP_POST, THOLE_API "/environmentstate",
         "Takes environments in, all or none: a name that is there already is refused.",
         "thole.dev", "environmentstate", NULL, "create", "project: a config file; state",
         .reply = "imported"},
    [ROUTE_ENVIRONMENT_LOG] = {HTTP_GET, ENVIRONMENT_PATH "/log",
                               "What the commands of its steps wrote.", "thole.dev", "environments",
                               "log", "get", .reply = "log", .stream = true,
                               .params = {{"step", "a step; may be given several times"},
                                          LOG_PARAMS}},
    [ROUTE_REVIEW] = {HTTP_POST, THOLE_API "/configreviews",
                      "Reads and checks a config file; nothing is started.", "thole.dev",
                      "configreviews", NULL, "create", "spec{tiltfilePath}, client{…}",
                      .reply = "ConfigReview"},
    [ROUTE_SERVER] = {HTTP_GET, THOLE_API "/servers/{name}",
                      "The server itself; its name is local.", "thole.dev", "servers", NULL, "get",
                      .reply = "Server",
                      .params = {{"left", "true: with what deploys of environments have left "
                                          "running, whichever server has begun them"}}},
    [ROUTE_SERVER_STOP] = {HTTP_POST, THOLE_API "/servers/{name}/stop",
                           "The server answers, then leaves; what runs goes on unless all is true.",
                           "thole.dev", "servers", "stop", "create",
                           "all: true stops every session first", .reply = "Status"},
    [ROUTE_SERVER_RESTART] =
        {HTTP_POST, THOLE_API "/servers/{name}/restart",
         "The server answers, then makes room for another, which adopts what runs.", "thole.dev",
         "servers", "restart", "create", "nothing", .reply = "Status"},
};

const RouteResource route_resources[] = {
    {"tilt.dev", "sessions", "session", "Session", false, "sess", {"tilt", "thole"}},
    {"thole.dev", "targets", "target", "Target", true, "tg", {"thole"}},
    {"thole.dev", "workflows", "workflow", "Workflow", false, "wf", {"thole"}},
    {"thole.dev", "environments", "environment", "Environment", true, "env", {"thole"}},
    {"thole.dev", "environmentruns", "environmentrun", "EnvironmentRun", false, NULL, {NULL}},
    {"thole.dev", "environmenthooks", "environmenthook", "EnvironmentHook", false, NULL, {NULL}},
    {"thole.dev", "backends", "backend", "Backend", false, NULL, {NULL}},
    {"thole.dev", "configreviews", "configreview", "ConfigReview", false, NULL, {NULL}},
    {"thole.dev", "servers", "server", "Server", false, NULL, {NULL}},
    {NULL, NULL, NULL, NULL, false, NULL, {NULL}},
};

const char *const route_groups[] = {"tilt.dev", "thole.dev", NULL};

const char *http_method_name(HttpMethod method) {
    static const char *const names[HTTP_METHODS] = {
        [HTTP_GET] = "GET", [HTTP_POST] = "POST", [HTTP_PATCH] = "PATCH", [HTTP_DELETE] = "DELETE"};
    return names[method];
}

/* ---- matching ---- */

/* The next segment of a pattern: its start and length; *pattern moves behind it. False at the
 * end. */
static bool pattern_next(const char **pattern, const char **ret, size_t *ret_len) {
    if (**pattern != '/')
        return false;
    *ret = *pattern + 1;
    *ret_len = strcspn(*ret, "/");
    *pattern = *ret + *ret_len;
    return true;
}

static bool fits(const char *pattern, const char *const *segments, size_t n, const char **vars) {
    const char *part;
    size_t len, i = 0, var_n = 0;
    for (; pattern_next(&pattern, &part, &len); i++) {
        if (i == n || !segments[i][0])
            return false;
        if (part[0] == '{')
            vars[var_n++] = segments[i];
        else if (strlen(segments[i]) != len || memcmp(segments[i], part, len) != 0)
            return false;
    }
    return i == n;
}

RouteMatch route_match(int method, const char *const *segments, size_t n) {
    RouteMatch match = {.id = ROUTES};
    for (RouteId id = 0; id < ROUTES; id++) {
        RouteMatch found = {.id = id};
        if (!fits(routes[id].path, segments, n, found.vars))
            continue;
        if ((int)routes[id].method == method)
            return found;
        match.allowed |= 1u << routes[id].method;
    }
    return match;
}

/* ---- making paths ---- */

int url_escape(const char *text, char *ret, size_t size) {
    size_t n = 0;
    for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
        bool plain = (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') ||
                     (*p >= '0' && *p <= '9') || strchr("._~-", *p);
        if (n + (plain ? 1 : 3) >= size)
            return -1;
        if (plain)
            ret[n++] = (char)*p;
        else
            n += (size_t)snprintf(ret + n, size - n, "%%%02X", *p);
    }
    if (n >= size)
        return -1;
    ret[n] = '\0';
    return (int)n;
}

int route_path(RouteId id, const char *first, const char *second, char *ret, size_t size) {
    const char *pattern = routes[id].path, *part, *vars[ROUTE_VARS] = {first, second};
    size_t len, n = 0, var_n = 0;
    while (pattern_next(&pattern, &part, &len)) {
        if (n + 1 >= size)
            return -1;
        ret[n++] = '/';
        if (part[0] == '{') {
            int escaped = url_escape(vars[var_n++], ret + n, size - n);
            if (escaped < 0)
                return -1;
            n += (size_t)escaped;
        } else {
            if (n + len >= size)
                return -1;
            memcpy(ret + n, part, len);
            n += len;
        }
        ret[n] = '\0';
    }
    return (int)n;
}
