/* SPDX-License-Identifier: Apache-2.0 */
/* The steps of a workflow as a graph: drawn, or as data (nodes and edges), or for Graphviz. */
#include <langinfo.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/map.h"
#include "base/str.h"
#include "base/xalloc.h"
#include "cli/plain.h"
#include "cli/step_chart.h"
#include "cli/workflow.h"
#include "cli/workflow_view.h"
#include "data/json.h"

enum { WIDTH = 80, PIECE = 64 * 1024 };

typedef struct Graph {
    Cli *cli;
    const Value *workflow;
    ChartStep *at;
    const Value **config, **status; /* of each step */
    size_t n, stage_n;
    bool staged;
} Graph;

/* ---- reading ---- */

static void gather(Graph *graph) {
    Arena *arena = &graph->cli->arena;
    const Value *spec = value_get(graph->workflow, "spec");
    const Value *stages = value_get(value_get(spec, "config"), "pipeline");
    const Value *states = value_get(value_get(graph->workflow, "status"), "steps");
    size_t n = value_count(states);
    graph->at = arena_alloc(arena, (n + 1) * sizeof(*graph->at));
    graph->config = arena_alloc(arena, (n + 1) * sizeof(*graph->config));
    graph->status = arena_alloc(arena, (n + 1) * sizeof(*graph->status));
    graph->staged = true;
    graph->stage_n = value_count(stages);
    for (size_t s = 0; s < graph->stage_n; s++) {
        const Value *steps = value_get(value_at(stages, s), "steps");
        for (size_t i = 0; i < value_count(steps) && graph->n < n; i++, graph->n++) {
            graph->config[graph->n] = value_at(steps, i);
            graph->status[graph->n] = value_at(states, graph->n);
            graph->at[graph->n].stage = s;
            graph->staged &= value_count(value_get(value_at(steps, i), "depends_on")) == 0;
        }
    }
}

static void read_edges(Graph *graph, const Map *names, size_t i) {
    const Value *after = value_get(graph->config[i], "depends_on");
    size_t *at = arena_alloc(&graph->cli->arena, (value_count(after) + 1) * sizeof(*at)), n = 0;
    for (size_t k = 0; k < value_count(after); k++) {
        size_t place = (uintptr_t)map_get(names, value_str(value_at(after, k)));
        if (place)
            at[n++] = place - 1;
    }
    graph->at[i].after = at;
    graph->at[i].after_n = n;
}

static void read_graph(Graph *graph) {
    Map names;
    map_init(&names);
    gather(graph);
    for (size_t i = 0; i < graph->n; i++) {
        char took[DURATION_TEXT];
        ChartStep *step = &graph->at[i];
        const char *name = value_get_str(graph->status[i], "name");
        AUTO_FREE char *plain = plain_copy(name);
        step->name = arena_strdup(&graph->cli->arena, plain);
        step->state = workflow_state_literal(value_get_str(graph->status[i], "state"));
        step->color = workflow_state_color(step->state);
        workflow_step_took(graph->status[i], took);
        step->took = arena_strdup(&graph->cli->arena, took);
        (void)map_put(&names, name, (void *)(uintptr_t)(i + 1));
    }
    for (size_t i = 0; i < graph->n; i++)
        read_edges(graph, &names, i);
    map_deinit(&names);
}

/* ---- as data ---- */

/* Edges may be many: what was written goes out at times. */
static void flush(Buf *out, size_t least) {
    if (out->n < least)
        return;
    fwrite(out->p, 1, out->n, stdout);
    buf_reset(out);
}

typedef void (*EdgeFn)(const Graph *graph, size_t from, size_t to, void *arg);

/* Of stages: between each two that follow each other. */
static void each_edge(const Graph *graph, EdgeFn fn, void *arg) {
    for (size_t i = 0; i < graph->n; i++) {
        for (size_t k = 0; k < graph->at[i].after_n; k++)
            fn(graph, graph->at[i].after[k], i, arg);
        for (size_t k = 0; graph->staged && k < i; k++)
            if (graph->at[k].stage + 1 == graph->at[i].stage)
                fn(graph, k, i, arg);
    }
}

static const char *uuid_of(const Graph *graph, size_t i) {
    return value_get_str(graph->status[i], "uuid");
}

static void put_edge_json(const Graph *graph, size_t from, size_t to, void *arg) {
    JsonWriter *out = arg;
    json_object_begin(out);
    json_kv_string(out, "from", uuid_of(graph, from));
    json_kv_string(out, "to", uuid_of(graph, to));
    json_object_end(out);
    flush(out->out, PIECE);
}

static void print_json(const Graph *graph, Buf *buf) {
    JsonWriter out;
    json_writer_init(&out, buf);
    out.pretty = true;
    json_object_begin(&out);
    json_kv_array(&out, "nodes");
    for (size_t i = 0; i < graph->n; i++) {
        json_object_begin(&out);
        json_kv_string(&out, "uuid", uuid_of(graph, i));
        json_kv_string(&out, "name", value_get_str(graph->status[i], "name"));
        json_kv_string(&out, "state", graph->at[i].state);
        json_kv_int(&out, "stage", (int64_t)graph->at[i].stage);
        json_object_end(&out);
    }
    json_array_end(&out);
    json_kv_array(&out, "edges");
    each_edge(graph, put_edge_json, &out);
    json_array_end(&out);
    json_object_end(&out);
    buf_putc(buf, '\n');
}

static void put_quoted(const char *text, Buf *out) {
    buf_putc(out, '"');
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            buf_putc(out, '\\');
        buf_putc(out, *text);
    }
    buf_putc(out, '"');
}

static void put_edge_dot(const Graph *graph, size_t from, size_t to, void *arg) {
    Buf *out = arg;
    buf_puts(out, "  ");
    put_quoted(uuid_of(graph, from), out);
    buf_puts(out, " -> ");
    put_quoted(uuid_of(graph, to), out);
    buf_puts(out, ";\n");
    flush(out, PIECE);
}

static const char *dot_color(const char *state) {
    if (str_same(state, "success"))
        return "palegreen";
    if (str_same(state, "failure") || str_same(state, "error"))
        return "lightpink";
    return str_same(state, "running") ? "khaki" : "white";
}

static void print_dot(const Graph *graph, Buf *out) {
    buf_puts(out, "digraph ");
    put_quoted(workflow_task(graph->workflow), out);
    buf_puts(out, " {\n  node [shape=box, style=filled];\n");
    for (size_t i = 0; i < graph->n; i++) {
        buf_puts(out, "  ");
        put_quoted(uuid_of(graph, i), out);
        buf_puts(out, " [label=");
        put_quoted(graph->at[i].name, out);
        buf_printf(out, ", fillcolor=%s, tooltip=%s];\n", dot_color(graph->at[i].state),
                   graph->at[i].state);
    }
    each_edge(graph, put_edge_dot, out);
    buf_puts(out, "}\n");
}

/* ---- drawn ---- */

static bool is_utf8(void) {
    setlocale(LC_CTYPE, "");
    bool yes = str_same(nl_langinfo(CODESET), "UTF-8");
    setlocale(LC_CTYPE, "C");
    return yes;
}

static void print_chart(const Graph *graph, Buf *out) {
    struct winsize window = {0};
    bool sized = graph->cli->terminal && ioctl(STDOUT_FILENO, TIOCGWINSZ, &window) == 0;
    const Chart chart = {.at = graph->at,
                         .n = graph->n,
                         .staged = graph->staged,
                         .utf8 = is_utf8(),
                         .color = graph->cli->color,
                         .width = sized && window.ws_col ? window.ws_col : WIDTH};
    chart_draw(&chart, out);
}

int workflow_graph(Cli *cli, const WorkflowOptions *ask, Err *err) {
    Graph graph = {.cli = cli, .workflow = workflow_whole(cli, workflow_given(cli), err)};
    const char *form = cli_output(cli);
    Buf out;
    if (!graph.workflow)
        return -1;
    read_graph(&graph);
    buf_init(&out, MAX_JSON_BYTES);
    if (strcmp(form, "json") == 0)
        print_json(&graph, &out);
    else if (strcmp(form, "dot") == 0)
        print_dot(&graph, &out);
    else
        print_chart(&graph, &out);
    flush(&out, 1);
    buf_deinit(&out);
    return EXIT_DONE;
}
