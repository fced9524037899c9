/* SPDX-License-Identifier: Apache-2.0 */
/* thole-server: the composition root. The only file that names the concrete backends and puts the
 * parts together.
 *
 * One per user and state directory (a lock says which). It owns no process: TERM, HUP and INT mean
 * "leave, everything goes on". It answers nobody before it knows what runs; who asks meanwhile
 * finds no socket and asks again. It leaves by itself when there has been nothing to watch for a
 * while. */
#include <errno.h>
#include <limits.h>
#include <malloc.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "api/api.h"
#include "backend/docker/docker.h"
#include "backend/fake/fake.h"
#include "backend/local/local.h"
#include "base/file.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/path.h"
#include "base/str.h"
#include "base/sys.h"
#include "base/xalloc.h"
#include "config.h"
#include "engine/engine.h"
#include "engine/sessions/session_elsewhere.h"
#include "main/owner.h"
#include "spec/config.h"
#include "store/sqlite/sqlite.h"

enum {
    IDLE_MS = 60 * 1000,
    CALM_MS = 1000,
    LARGE_BYTES = 256 * 1024,
    /* less than clients wait: what is not found out by then is served as it is */
    ADOPT_MS = 8 * 1000,
    STORE_WAIT_MS = 5 * 1000, /* for another process that has the store locked */
    SIGNALS = 3,
    KINDS = 3
};

typedef struct App {
    Loop *loop;
    Backend *backend;         /* local: where sessions run */
    BackendKind kinds[KINDS]; /* where workflows may */
    Store *store;
    Engine *engine;
    Api *api;
    char *program, *pin_program, *state_dir, *runtime_dir, *socket, *rail_log, *database,
        *shared_database; /* of environments */
    SignalWatch *signals[SIGNALS];
    char owner[OWNER_TEXT];
    Watcher watcher; /* looks for idleness when something changed */
    Timer *idle, *calm, *adopting;
    bool failed;
    bool leaving; /* once every session is gone */
    bool again;   /* make room for another: the rail starts it */
    int ready_fd, lock;
} App;

/* ---- leaving ---- */

static void leave(App *app) {
    if (!app->again)
        local_backend_say_bye(app->backend);
    loop_stop(app->loop);
}

static void on_signal(void *arg, int signal) {
    log_info("%s: leaving; what runs goes on", strsignal(signal));
    leave(arg);
}

static void on_leave(void *arg, ApiLeave how) {
    App *app = arg;
    switch (how) {
    case API_STOP: leave(app); break;
    case API_STOP_ALL:
        app->leaving = true;
        timer_set(app->idle, 0);
        break;
    case API_RESTART:
        app->again = true;
        leave(app);
        break;
    }
}

static bool nothing_to_watch(App *app) {
    return engine_idle(app->engine) && app->api && api_clients(app->api) == 0;
}

static void on_idle(void *arg) {
    App *app = arg;
    if (app->leaving ? engine_empty(app->engine) : nothing_to_watch(app))
        leave(app);
    else if (!app->leaving && engine_idle(app->engine)) /* a client looks on */
        timer_set(app->idle, sys_idle_ms(IDLE_MS));
}

/* Nothing has changed for a moment: what starting a hundred services took goes back to the
 * system. */
static void on_calm(void *arg) {
    malloc_trim(0);
}

/* `idle` is armed only while there is nothing to watch: a server at rest with something to do has
 * no timer of ours. */
static void on_change(void *arg) {
    App *app = arg;
    timer_set(app->calm, CALM_MS);
    if (app->leaving && engine_empty(app->engine))
        timer_set(app->idle, 0);
    else if (!app->leaving && engine_idle(app->engine))
        timer_set(app->idle, sys_idle_ms(IDLE_MS));
    else if (!app->leaving)
        timer_clear(app->idle);
}

/* ---- arriving ---- */

/* Tells whoever started us: "ready", or why not. */
static void say_ready(App *app, const char *text) {
    if (app->ready_fd < 0)
        return;
    (void)!write(app->ready_fd, text, strlen(text));
    (void)!write(app->ready_fd, "\n", 1);
    close(app->ready_fd);
    app->ready_fd = -1;
}

static char *own_path(void) {
    char path[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);
    if (n < 0)
        return xstrdup("thole-server");
    path[n] = '\0';
    /* replaced by an upgrade: the new one has the name */
    char *deleted = strstr(path, " (deleted)");
    if (deleted && deleted[strlen(" (deleted)")] == '\0')
        *deleted = '\0';
    return xstrdup(path);
}

/* The pin that belongs to this server: beside it, with the same suffix ("-faults"). */
static char *pin_path(const char *program) {
    const char *name = path_base(program);
    const char *suffix = str_starts(name, "thole-server") ? name + strlen("thole-server") : "";
    return xasprintf("%.*sthole-pin%s", (int)(name - program), program, suffix);
}

static void raise_limits(void) {
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < files.rlim_max) {
        files.rlim_cur = files.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &files);
    }
}

/* Threads that help out need no heap of their own. What is large comes from the system and goes
 * back to it: left alone, malloc keeps as much as the largest it has seen. */
static void keep_small(void) {
    mallopt(M_ARENA_MAX, 1);
    mallopt(M_MMAP_THRESHOLD, LARGE_BYTES);
    mallopt(M_TRIM_THRESHOLD, LARGE_BYTES);
}

static int find_places(App *app, Err *err) {
    app->state_dir = path_state_dir(err);
    app->runtime_dir = app->state_dir ? path_runtime_dir(err) : NULL;
    if (!app->runtime_dir)
        return -1;
    app->socket = path_join(app->runtime_dir, "server.sock");
    app->rail_log = path_join(app->state_dir, "rail.log");
    app->database = path_join(app->state_dir, "thole.db");
    app->shared_database = store_file(getenv("THOLE_STORE"), app->state_dir, err);
    if (!app->shared_database)
        return -1;
    app->program = own_path();
    app->pin_program = pin_path(app->program);
    if (access(app->pin_program, X_OK) < 0)
        return err_sys(err, errno, "%s, which belongs beside thole-server", app->pin_program);
    return 0;
}

static void on_loaded(void *arg, const void *result, const Err *err) {
    if (err)
        log_error("the local backend: %s", err->msg);
}

static void serve(App *app) {
    Err err;
    ApiOptions api = {.loop = app->loop,
                      .engine = app->engine,
                      .socket_path = app->socket,
                      .state_dir = app->state_dir,
                      .version = THOLE_VERSION,
                      .leave = on_leave,
                      .arg = app};
    app->adopting = timer_free(app->adopting);
    if (app->api)
        return;
    app->api = api_new(&api, &err);
    if (!app->api) {
        app->failed = true;
        log_error("%s", err.msg);
        say_ready(app, err.msg);
        loop_stop(app->loop);
        return;
    }
    log_info("thole-server %s serves %s", THOLE_VERSION, app->socket);
    say_ready(app, "ready");
    on_change(app);
}

static void on_adopted(void *arg) {
    serve(arg);
}

static void on_adopting_late(void *arg) {
    log_warn("what runs is not all known after %d s", ADOPT_MS / 1000);
    serve(arg);
}

static Backend *make_local(void *arg, const StrMap *options, Err *err) {
    return ((App *)arg)->backend;
}

static Backend *make_docker(void *arg, const StrMap *options, Err *err) {
    const App *app = arg;
    DockerSetup setup = {.owner = app->owner, .options = options};
    return docker_backend_new(app->loop, &setup, err);
}

static Backend *make_fake(void *arg, const StrMap *options, Err *err) {
    return fake_backend_new(((App *)arg)->loop);
}

/* The preferred first; `fake` is for show. */
static void name_kinds(App *app) {
    app->kinds[0] = (BackendKind){.name = "docker", .make = make_docker, .arg = app};
    app->kinds[1] = (BackendKind){.name = "local", .make = make_local, .arg = app, .lent = true};
    app->kinds[2] = (BackendKind){.name = "fake", .make = make_fake, .arg = app, .by_name = true};
}

static int start(App *app, Err *err) {
    static const int signals[SIGNALS] = {SIGTERM, SIGHUP, SIGINT};
    const char *argv[] = {app->program, NULL};
    LocalOptions local = {.state_dir = app->state_dir,
                          .pin_program = app->pin_program,
                          .server_argv = argv,
                          .rail_log = app->rail_log};
    app->loop = loop_new();
    for (size_t i = 0; i < SIGNALS; i++)
        app->signals[i] = signal_watch_new(app->loop, signals[i], on_signal, app);
    app->backend = local_backend_new(app->loop, &local);
    backend_load(app->backend, on_loaded, app); /* meets the rail, which waits for a server */
    name_kinds(app);
    app->store =
        sqlite_store_new(&(SqliteFiles){app->database, app->shared_database}, STORE_WAIT_MS);
    if (owner_of(app->state_dir, app->owner, err) < 0)
        return -1;
    EngineOptions options = {.loop = app->loop,
                             .state_dir = app->state_dir,
                             .owner = app->owner,
                             .backend = app->backend,
                             .kinds = app->kinds,
                             .kind_n = KINDS,
                             .store = app->store,
                             .store_file = app->shared_database,
                             .version = THOLE_VERSION};
    app->engine = engine_new(&options);
    app->idle = timer_idle(app->loop, on_idle, app);
    app->calm = timer_idle(app->loop, on_calm, app);
    app->watcher = (Watcher){.fn = on_change, .arg = app};
    watcher_add(engine_objects(app->engine), &app->watcher);
    app->adopting = timer_new(app->loop, ADOPT_MS, on_adopting_late, app);
    return engine_adopt(app->engine, on_adopted, app, err);
}

static void stop(App *app) {
    api_free(app->api);
    if (app->engine) {
        watcher_remove(&app->watcher);
        timer_free(app->idle);
        timer_free(app->calm);
        timer_free(app->adopting);
        engine_free(app->engine);
    }
    backend_free(app->backend);
    store_free(app->store);
    for (size_t i = 0; i < SIGNALS; i++)
        signal_watch_free(app->signals[i]);
    loop_free(app->loop);
    free(app->program);
    free(app->pin_program);
    free(app->state_dir);
    free(app->runtime_dir);
    free(app->socket);
    free(app->rail_log);
    free(app->database);
    free(app->shared_database);
}

static int usage(void) {
    fputs("usage: thole-server [--ready-fd N | --review FILE]\nStarted by thole when it is needed; "
          "see `thole "
          "server --help`.\n",
          stderr);
    return 2;
}

/* What the config file means, for who needs it without a server: nothing is started or kept. */
static int review(const char *file) {
    Arena arena;
    Report report;
    Buf text;
    JsonWriter out;
    arena_init(&arena);
    report_init(&report, &arena);
    buf_init(&text, MAX_REPLY_BYTES);
    json_writer_init(&out, &text);
    (void)engine_review(&(ConfigAsk){.file = file}, &report, &out);
    bool known = text.n > 0;
    fwrite(buf_cstr(&text), 1, text.n, stdout);
    buf_deinit(&text);
    arena_deinit(&arena);
    return known ? 0 : 2;
}

static int parse(App *app, int argc, char **argv) {
    int64_t fd;
    if (argc == 3 && strcmp(argv[1], "--review") == 0)
        exit(review(argv[2]));
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--version") == 0) {
            puts("thole-server " THOLE_VERSION);
            exit(0);
        }
        if (strcmp(argv[i], "--ready-fd") != 0 || i + 1 == argc ||
            number_parse(argv[++i], 0, INT_MAX, &fd) < 0)
            return -1;
        app->ready_fd = (int)fd;
    }
    return 0;
}

/* Another server has the state directory. 1: it answers where whoever started us looks. */
static int is_reached(const App *app, const char *lock, Err *err) {
    AUTO_FREE char *socket = NULL;
    if (file_read(lock, PATH_MAX, &socket, NULL, NULL) < 0 || !*socket ||
        strcmp(socket, app->socket) == 0)
        return 1;
    return err_set(err, ERR_CONFLICT,
                   "the server of %s runs already, but listens on %s; with THOLE_RUNTIME_DIR=%.*s "
                   "it is reached",
                   app->state_dir, socket, (int)(strrchr(socket, '/') - socket), socket);
}

/* 1: another server has the state directory. The lock says where its holder listens. */
static int take_lock(App *app, Err *err) {
    AUTO_FREE char *path = path_join(app->state_dir, SERVER_LOCK);
    if (file_lock(path, false, &app->lock, err) < 0)
        return err->kind == ERR_CONFLICT ? is_reached(app, path, err) : -1;
    /* On a full disk it is only missed by who looks elsewhere. */
    if (ftruncate(app->lock, 0) < 0 || pwrite(app->lock, app->socket, strlen(app->socket), 0) < 0)
        log_warn("write %s: %s", path, strerror(errno));
    return 0;
}

int main(int argc, char **argv) {
    App app = {.ready_fd = -1, .lock = -1};
    Err err = {0};
    if (parse(&app, argc, argv) < 0)
        return usage();
    signal(SIGPIPE, SIG_IGN);
    sys_program("server");
    umask(077);
    raise_limits();
    keep_small();
    int r = find_places(&app, &err);
    if (r == 0)
        r = take_lock(&app, &err);
    if (r == 0)
        r = start(&app, &err);
    if (r < 0)
        log_error("%s", err.msg);
    if (r == 0)
        loop_run(app.loop);
    else
        say_ready(&app, r < 0 ? err.msg : "ready"); /* 1: the other one answers */
    stop(&app);
    return r < 0 || app.failed ? 3 : 0;
}
