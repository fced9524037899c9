/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "base/vec.h"
#include "cli/commands.h"
#include "cli/table.h"
#include "cli/target_view.h"
#include "data/json.h"
#include "spec/routes.h"

enum { CELL = 24 };

/* A port, and the target that has it. */
typedef struct Held {
    int64_t port;
    bool automatic;
    const char *name; /* "": `port` */
    TargetView view;
} Held;

typedef VEC(Held) Holding;

static int by_port(const void *a, const void *b) {
    const Held *x = a, *y = b;
    return (x->port > y->port) - (x->port < y->port);
}

static void collect(const Value *targets, Holding *ret) {
    for (size_t i = 0; i < value_count(targets); i++) {
        TargetView view;
        target_view(value_at(targets, i), &view);
        for (size_t k = 0; k < value_count(view.ports); k++) {
            const Value *port = value_at(view.ports, k);
            const char *name = value_get_str(port, "name");
            VEC_PUSH(*ret, (Held){.port = value_get_int(port, "port", 0),
                                  .automatic = value_get_bool(port, "auto", false),
                                  .name = name ? name : "",
                                  .view = view});
        }
    }
    if (ret->n)
        qsort(ret->at, ret->n, sizeof(Held), by_port);
}

static void print_table(const Cli *cli, const Holding *held) {
    static const char *const titles[] = {"PORT",    "KIND",  "SERVICE", "NAME",
                                         "SESSION", "STATE", "PID"};
    Table *table = table_new(titles, COUNT(titles), cli->color);
    for (size_t i = 0; i < held->n; i++) {
        const Held *one = &held->at[i];
        char port[CELL], pid[CELL] = "";
        snprintf(port, sizeof(port), "%lld", (long long)one->port);
        if (one->view.pid && one->view.phase == PHASE_ACTIVE)
            snprintf(pid, sizeof(pid), "%lld", (long long)one->view.pid);
        const char *cells[] = {port,
                               one->automatic ? "auto" : "fixed",
                               one->view.resource,
                               one->name,
                               one->view.space,
                               target_word(&one->view),
                               pid};
        table_row(table, cells, NULL);
    }
    table_print(table);
}

static void print_json(const Holding *held) {
    JsonWriter out;
    Buf buf;
    buf_init(&buf, 64 << 20);
    json_writer_init(&out, &buf);
    out.pretty = true;
    json_array_begin(&out);
    for (size_t i = 0; i < held->n; i++) {
        const Held *one = &held->at[i];
        json_object_begin(&out);
        json_kv_int(&out, "port", one->port);
        json_kv_bool(&out, "auto", one->automatic);
        json_kv_string(&out, "service", one->view.resource);
        if (*one->name)
            json_kv_string(&out, "name", one->name);
        json_kv_string(&out, "target", one->view.name);
        json_kv_string(&out, "session", one->view.space);
        json_kv_string(&out, "state", target_word(&one->view));
        if (one->view.pid && one->view.phase == PHASE_ACTIVE)
            json_kv_int(&out, "pid", one->view.pid);
        json_object_end(&out);
    }
    json_array_end(&out);
    puts(buf_cstr(&buf));
    buf_deinit(&buf);
}

static int run(Cli *cli, void *options, Err *err) {
    const Value *list;
    Holding held = {0};
    if (client_ask(&cli->client, "GET", THOLE_API "/targets", NULL, &cli->arena, &list, err) < 0)
        return -1;
    collect(value_get(list, "items"), &held);
    if (strcmp(cli_output(cli), "json") == 0)
        print_json(&held);
    else if (held.n)
        print_table(cli, &held);
    else
        cli_say("no session has a port");
    VEC_FREE(held);
    return EXIT_DONE;
}

const Command command_ports = {
    .name = "ports",
    .args = "[-o table|json]",
    .doc = "Shows which port belongs to whom, of all sessions",
    .outputs = "table|json",
    .run = run,
    .no_names = true,
};
