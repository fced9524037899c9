/* SPDX-License-Identifier: Apache-2.0 */
/* Probes. Here the first ones come at once, so that nobody waits for `initial_delay_seconds`; but a
 * process has that time, and `failure_threshold` periods more, before it counts as one that does
 * not get ready. */
#include <string.h>

#include "base/str.h"
#include "spec/foreign/process_compose_service.h"
#include "spec/template.h"

typedef struct ProbeMaking {
    const PcTranslation *t;
    const PcProcess *process;
    const PcProbe *probe;
    const char *from; /* "readiness_probe" */
    Value *ret;
} ProbeMaking;

static const char *path_of(const ProbeMaking *m, const char *key) {
    return arena_printf(m->t->arena, "processes.%s.%s%s%s", m->process->name, m->from,
                        *key ? "." : "", key);
}

static Writing at(const ProbeMaking *m, const char *key) {
    Place place = pc_place(m->t->files, path_of(m, key));
    return (Writing){m->t->arena, place.line, place.column};
}

static int64_t or_default(int64_t n, int64_t usual) {
    return n > 0 ? n : usual;
}

static int64_t port_of(const ProbeMaking *m) {
    const PcHttp *http = &m->probe->http_get;
    int64_t port = http->num_port;
    if (http->port && *http->port && number_parse(http->port, 1, 65535, &port) < 0)
        return pc_problem(m->t->files, path_of(m, "http_get.port"), "write a number",
                          "\"%.40s\" is no port", http->port);
    if (port < 0 || port > 65535)
        return pc_problem(m->t->files, path_of(m, "http_get.num_port"), NULL,
                          "%lld is outside 1..65535", (long long)port);
    return port ? port : http->scheme && strcmp(http->scheme, "https") == 0 ? 443 : 80;
}

static int put_http(const ProbeMaking *m) {
    const PcHttp *http = &m->probe->http_get;
    Writing w = at(m, "http_get");
    Value *v = writing_map(&w);
    int64_t port = port_of(m);
    if (port < 0)
        return -1;
    writing_text(&w, v, "host", http->host && *http->host ? http->host : "127.0.0.1");
    writing_int(&w, v, "port", port);
    if (http->path && *http->path) {
        const char *path =
            http->path[0] == '/' ? http->path : arena_printf(w.arena, "/%s", http->path);
        writing_text(&w, v, "path", template_escape(path, TEMPLATE_LENIENT, w.arena));
    }
    if (http->scheme && *http->scheme)
        writing_text(&w, v, "scheme", http->scheme);
    writing_int(&w, v, "status", http->status_code);
    if (http->headers.n) {
        Value *headers = writing_map(&w);
        for (size_t i = 0; i < http->headers.n; i++)
            writing_text(&w, headers, http->headers.at[i].name,
                         template_escape(http->headers.at[i].value, TEMPLATE_LENIENT, w.arena));
        writing_put(&w, v, "headers", headers);
    }
    writing_put(&w, m->ret, "http", v);
    return 0;
}

static int put_exec(const ProbeMaking *m) {
    const PcExec *exec = &m->probe->exec;
    const char *dir = exec->working_dir && *exec->working_dir ? exec->working_dir : NULL;
    Writing w = at(m, "exec");
    if (!exec->command || !*exec->command)
        return pc_problem(m->t->files, path_of(m, "exec"), NULL, "there is no command");
    const char *prefix = pc_prefix(m->t, m->process, dir ? NULL : m->process->working_dir);
    if (dir)
        prefix = arena_printf(w.arena, "%scd %s || exit\n", prefix, pc_directory(m->t, dir));
    const char *script = arena_printf(w.arena, "%s%s", prefix, exec->command);
    writing_text(&w, m->ret, "exec", template_escape(script, TEMPLATE_LENIENT, w.arena));
    return 0;
}

static void put_times(const ProbeMaking *m, bool ready) {
    const PcProbe *probe = m->probe;
    int64_t period = or_default(probe->period_seconds, 10),
            failures = or_default(probe->failure_threshold, 3);
    int64_t timeout = or_default(probe->timeout_seconds, 1), delay = probe->initial_delay_seconds;
    Writing w = at(m, "");
    writing_ms(&w, m->ret, "period", period * 1000);
    writing_ms(&w, m->ret, "timeout", timeout * 1000);
    if (ready)
        writing_int(&w, m->ret, "success_threshold", or_default(probe->success_threshold, 1));
    if (ready)
        writing_ms(&w, m->ret, "deadline", (delay + period * failures + timeout) * 1000);
    else if (strcmp(m->from, "liveness_probe") == 0)
        failures +=
            (delay + period - 1) / period; /* a server lives from its start, here without a delay */
    writing_int(&w, m->ret, "failure_threshold", failures > 1000 ? 1000 : failures);
}

int pc_probe(const PcTranslation *t, const PcProcess *process, const char *from, const char *key,
             Value *service) {
    bool ready = strcmp(key, "ready") == 0;
    ProbeMaking m = {.t = t, .process = process, .from = from};
    m.probe =
        strcmp(from, "readiness_probe") == 0 ? &process->readiness_probe : &process->liveness_probe;
    Writing w = at(&m, "");
    m.ret = writing_map(&w);
    bool exec = schema_has(&type_pc_probe, m.probe, "exec"),
         http = schema_has(&type_pc_probe, m.probe, "http_get");
    if (exec == http)
        return pc_problem(t->files, path_of(&m, ""), "write one of exec and http_get",
                          exec ? "a probe has one way to ask, here are two"
                               : "it is not said how to ask");
    if ((exec ? put_exec(&m) : put_http(&m)) < 0)
        return -1;
    put_times(&m, ready);
    writing_put(&w, service, key, m.ret);
    return 0;
}
