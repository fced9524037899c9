/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/path.h"
#include "base/str.h"
#include "base/xalloc.h"
#include "cli/backend_orphans.h"
#include "cli/commands.h"
#include "cli/down.h"
#include "cli/table.h"
#include "cli/workflow_stop.h"
#include "data/json.h"
#include "spec/routes.h"

#define LOCAL_SERVER THOLE_API "/servers/local"

enum { AGAIN_MS = 20, LEAVE_MS = 30 * 1000 };

typedef struct ServerOptions {
    bool all;
    int64_t timeout_ms;
} ServerOptions;

static const Option options[] = {
    {"all", 0, OPTION_FLAG, offsetof(ServerOptions, all), NULL,
     "stop: all that this user's server runs, first", NULL},
    {"timeout", 0, OPTION_DURATION, offsetof(ServerOptions, timeout_ms), "DURATION",
     "give up after this long (exit code 4)", NULL},
};

static int ask(Cli *cli, const char *query, const Value **ret_status, Err *err) {
    AUTO_FREE char *path = xasprintf(LOCAL_SERVER "%s", query);
    const Value *server;
    if (client_ask(&cli->client, "GET", path, NULL, &cli->arena, &server, err) < 0)
        return -1;
    *ret_status = value_get(server, "status");
    return 0;
}

/* ---- status ---- */

static void print_sessions(const Cli *cli, const Value *sessions) {
    static const char *const columns[] = {"SESSION", "TARGETS", "ACTIVE", "FILE"};
    putchar('\n');
    Table *table = table_new(columns, COUNT(columns), cli->color);
    for (size_t i = 0; i < value_count(sessions); i++) {
        const Value *session = value_at(sessions, i);
        char targets[24], active[24];
        snprintf(targets, sizeof(targets), "%lld", (long long)value_get_int(session, "targets", 0));
        snprintf(active, sizeof(active), "%lld", (long long)value_get_int(session, "active", 0));
        const char *cells[] = {value_get_str(session, "name"), targets, active,
                               value_get_str(session, "tiltfilePath")};
        table_row(table, cells, NULL);
    }
    table_print(table);
}

static void print_workflows(const Cli *cli, const Value *workflows) {
    static const char *const columns[] = {"WORKFLOW", "STATE", "BACKEND"};
    Table *table = table_new(columns, COUNT(columns), cli->color);
    putchar('\n');
    for (size_t i = 0; i < value_count(workflows); i++) {
        const Value *workflow = value_at(workflows, i);
        const char *cells[] = {value_get_str(workflow, "task"), value_get_str(workflow, "phase"),
                               value_get_str(workflow, "backend")};
        table_row(table, cells, NULL);
    }
    table_print(table);
}

static void print_status(const Cli *cli, const Value *status) {
    const Value *sessions = value_get(status, "sessions");
    printf("thole-server %s, process %lld, since %s\n", value_get_str(status, "version"),
           (long long)value_get_int(status, "pid", 0), value_get_str(status, "startTime"));
    printf("socket %s\nstate  %s\n", value_get_str(status, "socket"),
           value_get_str(status, "stateDir"));
    if (value_count(sessions))
        print_sessions(cli, sessions);
    if (value_count(value_get(status, "workflows")))
        print_workflows(cli, value_get(status, "workflows"));
}

static int show(Cli *cli, Err *err) {
    const Value *status;
    if (ask(cli, "", &status, err) < 0)
        return -1;
    if (strcmp(cli_output(cli), "json") == 0)
        cli_print(cli, status);
    else
        print_status(cli, status);
    return EXIT_DONE;
}

/* ---- stop ---- */

static bool any_below(const Client *client, const char *name) {
    AUTO_FREE char *path = path_join(client->state_dir, name);
    DIR *dir = opendir(path);
    bool found = false;
    for (struct dirent *entry; dir && (entry = readdir(dir));)
        found |= entry->d_name[0] != '.';
    if (dir)
        closedir(dir);
    return found;
}

/* On disk, that a server would have to look at. Where there were workflows there may be processes
 * whose directory is gone. */
static bool anything(const Client *client) {
    AUTO_FREE char *workflows = path_join(client->state_dir, "workflows");
    return any_below(client, "sessions") || access(workflows, F_OK) == 0;
}

static int wait_gone(int server, int64_t limit_ms, Err *err) {
    int64_t began_ms = clock_mono_ms();
    struct pollfd p = {.fd = server, .events = POLLIN};
    for (int64_t left = limit_ms; left > 0; left = began_ms + limit_ms - clock_mono_ms())
        if (poll(&p, 1, left < INT32_MAX ? (int)left : INT32_MAX) > 0)
            return EXIT_DONE;
    return err_set(err, ERR_TIMEOUT, "the server has not left within %lld ms", (long long)limit_ms);
}

/* "1 session with 2 active targets and 1 workflow" */
static void put_going_on(const Value *sessions, const Value *workflows, Buf *out) {
    size_t n = value_count(sessions), w = value_count(workflows);
    int64_t active = 0;
    for (size_t i = 0; i < n; i++)
        active += value_get_int(value_at(sessions, i), "active", 0);
    if (n)
        buf_printf(out, "%zu session%s with %lld active target%s", n, n == 1 ? "" : "s",
                   (long long)active, active == 1 ? "" : "s");
    if (w)
        buf_printf(out, "%s%zu workflow%s", n ? " and " : "", w, w == 1 ? "" : "s");
}

/* `status` is of before: what goes on without it. */
static void say_stopped(const Value *status, bool all) {
    const Value *sessions = value_get(status, "sessions");
    const Value *workflows = value_get(status, "workflows");
    long long pid = (long long)value_get_int(status, "pid", 0);
    size_t n = value_count(sessions) + value_count(workflows);
    Buf what;
    if (all || n == 0) {
        cli_say("server %lld has stopped", pid);
        return;
    }
    buf_init(&what, CLI_PATH_BYTES);
    put_going_on(sessions, workflows, &what);
    cli_say("server %lld has stopped; %s go%s on, and the next command starts a server for %s", pid,
            buf_cstr(&what), n == 1 ? "es" : "", n == 1 ? "it" : "them");
    buf_deinit(&what);
}

/* Nobody stops it with the server: that is what it is for. */
static void say_left(const Value *left) {
    for (size_t i = 0; i < value_count(left); i++) {
        const Value *one = value_at(left, i);
        const char *name = value_get_str(one, "environment");
        long long n = (long long)value_get_int(one, "processes", 0);
        cli_say("what runner.deploy of %s (%s) has left goes on: %lld process%s; "
                "`thole env stop %s` ends it",
                name, value_get_str(one, "namespace"), n, n == 1 ? "" : "es", name);
    }
}

/* As the server leaves. */
static void say_canceled(const Value *operations) {
    for (size_t i = 0; i < value_count(operations); i++) {
        const Value *one = value_at(operations, i);
        const char *name = value_get_str(one, "environment");
        cli_say("%s of %s%s (%s) is canceled", value_get_str(one, "operation"),
                name ? "environment " : "what all environments share", name ? name : "",
                value_get_str(one, "namespace"));
    }
}

/* All that runs, each is named. */
static int end_all(Cli *cli, const Value *status, int64_t timeout_ms, Err *err) {
    const Value *workflows = value_get(status, "workflows");
    say_canceled(value_get(status, "operations"));
    workflows_cancel(cli, workflows);
    int worst = down_all(cli, timeout_ms, err);
    int r = worst < 0 ? -1 : workflows_wait_over(cli, workflows, timeout_ms, err);
    if (r == EXIT_DONE)
        r = backend_end_orphans(cli, err);
    return r == EXIT_DONE ? worst : r;
}

static int stop(Cli *cli, const ServerOptions *given, Err *err) {
    const Value *status, *reply;
    cli->client.may_start = given->all && anything(&cli->client);
    if (ask(cli, given->all ? "?left=true" : "", &status, err) < 0) {
        if (err->kind != ERR_UNAVAILABLE || cli->client.may_start)
            return -1;
        cli_say("no server is running");
        return EXIT_DONE;
    }
    int r = given->all ? end_all(cli, status, given->timeout_ms, err) : EXIT_DONE;
    if (r != EXIT_DONE) {
        cli_say("server %lld stays, with what is left; `thole ps -a` shows it",
                (long long)value_get_int(status, "pid", 0));
        return r;
    }
    AUTO_CLOSE int server = pidfd_open((pid_t)value_get_int(status, "pid", 0), 0);
    if (server < 0 && errno != ESRCH)
        return err_sys(err, errno, "watch the server");
    if (client_ask(&cli->client, "POST", LOCAL_SERVER "/stop", given->all ? "{\"all\":true}" : "{}",
                   &cli->arena, &reply, err) < 0)
        return -1;
    r = server < 0 ? EXIT_DONE
                   : wait_gone(server, given->timeout_ms ? given->timeout_ms : LEAVE_MS, err);
    if (r == EXIT_DONE)
        say_stopped(status, given->all);
    if (r == EXIT_DONE && given->all)
        say_left(value_get(status, "left"));
    return r;
}

/* ---- restart ---- */

static int restart(Cli *cli, Err *err) {
    const Value *status, *reply;
    int64_t deadline_ms = clock_mono_ms() + LEAVE_MS;
    cli->client.may_start = false;
    if (ask(cli, "", &status, err) < 0)
        return -1;
    int64_t old = value_get_int(status, "pid", 0), now = old;
    if (client_ask(&cli->client, "POST", LOCAL_SERVER "/restart", "{}", &cli->arena, &reply, err) <
        0)
        return -1;
    cli->client.may_start = true; /* should nobody else */
    while (now == old) {
        if (clock_mono_ms() >= deadline_ms)
            return err_set(err, ERR_TIMEOUT, "the server %lld has not made room", (long long)old);
        poll(NULL, 0, AGAIN_MS);
        if (ask(cli, "", &status, err) < 0)
            return -1;
        now = value_get_int(status, "pid", 0);
    }
    cli_say("server %lld makes room for %lld", (long long)old, (long long)now);
    return EXIT_DONE;
}

static int do_verb(Cli *cli, const char *verb, const ServerOptions *given, Err *err) {
    static const char *const verbs[] = {"status", "stop", "restart"};
    if (strcmp(verb, "status") == 0)
        return show(cli, err);
    if (strcmp(verb, "stop") == 0)
        return stop(cli, given, err);
    if (strcmp(verb, "restart") == 0)
        return restart(cli, err);
    const char *like = str_suggest(verb, verbs, COUNT(verbs));
    err_set(err, ERR_INVALID, "thole server takes status, stop or restart");
    return err_suggest(err, like, "");
}

static int run(Cli *cli, void *given, Err *err) {
    cli->client.may_start = false;
    int r = do_verb(cli, cli->names.n == 1 ? cli->names.at[0] : "", given, err);
    if (r < 0 && err->kind == ERR_UNAVAILABLE)
        err_set(err, ERR_UNAVAILABLE, "no server is running (nobody listens on %s)",
                cli->client.socket);
    return r;
}

const Command command_server = {
    .name = "server",
    .args = "status [-o text|json] | stop [--all] [--timeout D] | restart",
    .words = "status|stop|restart",
    .doc = "Looks at the server, or makes it leave; what runs goes on",
    .more = "restart puts another in its place, which takes over what runs. stop --all\n"
            "stops every session first, and cancels every workflow and what is being done to\n"
            "environments.",
    .outputs = "text|json",
    .options = options,
    .option_n = COUNT(options),
    .options_size = sizeof(ServerOptions),
    .run = run,
    .once = true,
};
