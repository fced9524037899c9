/* SPDX-License-Identifier: Apache-2.0 */
#include "backend/docker/docker.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backend/docker/docker_check.h"
#include "backend/docker/docker_fields.h"
#include "backend/docker/inside.h"
#include "backend/platform.h"
#include "base/str.h"
#include "base/sys.h"
#include "base/xalloc.h"

enum { LOAD_MS = 20 * 1000 };

static const BackendOps docker_ops;

/* ---- Helpers of all files ---- */

Docker *docker_of(Backend *backend) {
    assert(backend->ops == &docker_ops);
    return (Docker *)backend;
}

Op *docker_op(Docker *docker, OpFn fn, void *arg, OpCancelFn cancel, void *state) {
    Op *op = op_new(docker->base.loop, fn, arg, cancel, state);
    op_list_add(&docker->calls, op);
    return op;
}

Op *docker_refuse(Docker *docker, OpFn fn, void *arg, const Err *err) {
    Op *op = docker_op(docker, fn, arg, NULL, NULL);
    op_finish(op, NULL, 0, err);
    return op;
}

Op *docker_succeed(Docker *docker, OpFn fn, void *arg) {
    Op *op = docker_op(docker, fn, arg, NULL, NULL);
    op_finish(op, NULL, 0, NULL);
    return op;
}

Op *docker_inner(Docker *docker, Op *op) {
    op_list_add(&docker->inner, op);
    return op;
}

DockerTask *docker_task(Docker *docker, const char *name) {
    return map_get(&docker->tasks, name);
}

bool docker_is_away(const Err *err) {
    return err->kind == ERR_UNAVAILABLE || err->kind == ERR_TIMEOUT;
}

/* ---- Available, load ---- */

static int look_at_socket(const char *path, Err *err) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof(address.sun_path))
        return err_set(err, ERR_INVALID, "the path of a socket is too long: %.80s...", path);
    str_copy(address.sun_path, sizeof(address.sun_path), path);
    AUTO_CLOSE int fd = sys_socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return err_sys(err, errno, "socket");
    if (sys_connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0 || errno == EAGAIN)
        return 0;
    if (errno == EACCES)
        return err_set(err, ERR_DENIED,
                       "permission denied on %s; be in the group that it belongs to (docker), or "
                       "set DOCKER_HOST",
                       path);
    err_sys(err, errno, "no Docker engine listens at %s", path);
    if (err->kind == ERR_NOT_FOUND) /* not what was asked for, but where to do it */
        err->kind = ERR_UNAVAILABLE;
    return -1;
}

static bool docker_available(Backend *backend, Err *why) {
    const char *socket = docker_engine_socket(docker_of(backend)->engine);
    return !socket || look_at_socket(socket, why) == 0;
}

static void take_info(Docker *docker, const Value *info) {
    const char *system = value_get_str(info, "OSType");
    const char *machine = value_get_str(info, "Architecture");
    const char *version = value_get_str(info, "ServerVersion");
    docker->base.platform = arena_printf(&docker->arena, "%s/%s", system ? system : "linux",
                                         machine ? platform_machine(machine) : "unknown");
    docker->base.version = arena_strdup(&docker->arena, version ? version : "unknown");
}

static void on_info(void *arg, const void *result, const Err *err) {
    Op *op = arg;
    Docker *docker = op_state(op);
    const DockerReply *reply = result;
    Err bad = {0};
    if (!err && docker_reply_check(reply, &bad) < 0)
        err = &bad;
    if (!err)
        take_info(docker, reply->body);
    op_finish(op, NULL, 0, err);
}

static Op *docker_load(Backend *backend, OpFn fn, void *arg) {
    Docker *docker = docker_of(backend);
    Op *op = docker_op(docker, fn, arg, NULL, docker);
    DockerCall what = {.path = "/info", .timeout_ms = LOAD_MS};
    docker_call(docker->engine, &what, on_info, op);
    return op;
}

static void docker_check(Backend *backend, const WorkflowConfig *config, Report *report) {
    (void)backend;
    docker_check_config(config, report);
}

/* ---- Life ---- */

static void docker_free(Backend *backend) {
    Docker *docker = docker_of(backend);
    const char *name;
    void *task;
    docker_gones_free(docker);
    docker_setups_free(docker);
    docker_finds_free(docker);
    while (!list_empty(&docker->all))
        docker_run_free(LIST_ENTRY(docker->all.next, (DockerRun *)NULL, link));
    op_list_abandon(&docker->inner);
    docker_engine_free(docker->engine);
    op_list_abandon(&docker->calls);
    for (size_t at = 0; map_next(&docker->tasks, &at, &name, &task);) {
        free(((DockerTask *)task)->name);
        free(((DockerTask *)task)->dir);
        free(task);
    }
    map_deinit(&docker->tasks);
    map_deinit(&docker->runs);
    arena_deinit(&docker->arena);
    free(docker->owner);
    free(docker);
}

static const BackendOps docker_ops = {
    .free = docker_free,
    .available = docker_available,
    .load = docker_load,
    .setup_workflow = docker_setup_workflow,
    .start_step = docker_start_step,
    .tail_step = docker_tail_step,
    .tail_resume = docker_tail_resume,
    .wait_step = docker_wait_step,
    .destroy_step = docker_destroy_step,
    .destroy_workflow = docker_destroy_workflow,
    .signal_step = docker_signal_step,
    .discover = docker_discover,
    .leftovers = docker_leftovers,
    .check = docker_check,
    .resume_step = docker_resume_step,
    .waits_for = docker_waits_for,
};

static int begin(Docker *docker, const DockerSetup *setup, Err *err) {
    DockerSettings *settings = &docker->settings;
    if (docker_settings_read(setup->options, &docker->arena, settings, err) < 0)
        return -1;
    docker->engine = docker_engine_new(docker->base.loop, settings->host, err);
    if (!docker->engine)
        return -1;
    if (settings->cert_path[0] &&
        docker_engine_use_tls(docker->engine, settings->cert_path, settings->tls_verify, err) < 0)
        return -1;
    docker->base.where = docker_engine_host(docker->engine);
    return settings->api_version[0]
               ? docker_engine_speak(docker->engine, settings->api_version, err)
               : 0;
}

Backend *docker_backend_new(Loop *loop, const DockerSetup *setup, Err *err) {
    Docker *docker = xcalloc(1, sizeof *docker);
    docker->base = (Backend){.ops = &docker_ops, .name = "docker", .loop = loop};
    docker->base.platform = ""; /* until it was asked */
    docker->base.fields = docker_fields(&docker->base.field_n);
    docker->owner = xstrdup(setup->owner);
    arena_init(&docker->arena);
    map_init(&docker->tasks);
    map_init(&docker->runs);
    list_init(&docker->all);
    list_init(&docker->lists);
    list_init(&docker->setups);
    list_init(&docker->gones);
    if (begin(docker, setup, err) == 0)
        return &docker->base;
    docker_free(&docker->base);
    return NULL;
}
