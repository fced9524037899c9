/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/env_view.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "base/xalloc.h"
#include "cli/plain.h"
#include "cli/table.h"
#include "spec/foreign/shell_quote.h"

enum { LABEL_WIDTH = 9 };

const char *env_color(const char *status) {
    static const struct {
        const char *status, *color;
    } all[] = {
        {"running", "\033[32m"},   {"provisioned", "\033[36m"}, {"creating", "\033[33m"},
        {"deleting", "\033[35m"},  {"stopped", "\033[2m"},      {"error", "\033[31m"},
        {"completed", "\033[32m"}, {"failed", "\033[31m"},      {"started", "\033[33m"},
        {"waiting", "\033[33m"},   {"pending", "\033[2m"},      {"invalidated", "\033[35m"},
        {"stale", "\033[33m"},     {"run", "\033[33m"},         {"verify", "\033[36m"},
        {"skip", "\033[2m"},       {"canceled", "\033[35m"},    {"done", "\033[32m"},
    };
    for (size_t i = 0; i < COUNT(all); i++)
        if (str_same(all[i].status, status))
            return all[i].color;
    return NULL;
}

void env_age(const char *time, char text[DURATION_TEXT]) {
    int64_t us;
    text[0] = '\0';
    if (*time && time_parse(time, &us, NULL) == 0 && us > 0)
        duration_format_short((clock_wall_us() - us) / 1000, text);
}

/* ---- lines ---- */

static void put_plain(const char *text) {
    AUTO_FREE char *plain = plain_copy(text);
    fputs(plain, stdout);
}

static void put_colored(const Cli *cli, const char *color, const char *text) {
    bool painted = cli->color && color;
    fputs(painted ? color : "", stdout);
    put_plain(text);
    fputs(painted ? "\033[0m" : "", stdout);
}

static void put_label(const char *label) {
    printf("  %-*s ", LABEL_WIDTH, label);
}

static void line(const char *label, const char *text) {
    if (!*text)
        return;
    put_label(label);
    put_plain(text);
    putchar('\n');
}

static void print_head(const Cli *cli, const Value *object) {
    const char *phase = env_text(value_get(object, "status"), "phase");
    put_colored(cli, "\033[1m", env_text(value_get(object, "spec"), "name"));
    fputs("  ", stdout);
    put_colored(cli, env_color(phase), phase);
    putchar('\n');
}

/* ---- ports ---- */

static bool has_ports(const Value *status) {
    return value_count(value_get(status, "ports")) > 0;
}

/* NAME PORT URL */
static void print_ports(const Cli *cli, const Value *status) {
    static const char *const columns[] = {"NAME", "PORT", "URL"};
    const Value *ports = value_get(status, "ports"), *urls = value_get(status, "urls");
    Table *table = table_new(columns, COUNT(columns), cli->color);
    for (size_t i = 0; value_is(ports, VALUE_MAP) && i < ports->map.n; i++) {
        const ValuePair *port = &ports->map.at[i];
        char number[24];
        snprintf(number, sizeof(number), "%lld", (long long)value_int(port->value, 0));
        const char *cells[] = {port->key, number, env_text(urls, port->key)};
        table_row(table, cells, NULL);
    }
    table_print(table); /* whole: an address that is cut is none */
}

void env_print_summary(Cli *cli, const Value *object) {
    static const char bare[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                               "/._-+,:=@%";
    const Value *status = value_get(object, "status");
    const char *root = env_text(status, "root");
    const char *path = *root ? root : env_text(value_get(object, "spec"), "path");
    print_head(cli, object);
    if (has_ports(status)) {
        putchar('\n');
        print_ports(cli, status);
    }
    if (!*path)
        return;
    fputs("\ncd ", stdout);
    put_plain(path[strspn(path, bare)] ? shell_quote(path, &cli->arena) : path);
    putchar('\n');
}

/* ---- all of it ---- */

static void print_branch(const Value *spec) {
    const char *branch = env_text(spec, "branch"), *base = env_text(spec, "base");
    AUTO_FREE char *text =
        xasprintf("%s%s%s%s", branch, *base ? " (from " : "", base, *base ? ")" : "");
    line("branch", text);
}

static void print_path(const Value *spec) {
    const char *path = env_text(spec, "path");
    bool ours = value_get_bool(spec, "managed", true);
    AUTO_FREE char *text = xasprintf("%s%s", path, ours ? "" : " (attached: never removed)");
    if (*path)
        line("path", text);
}

/* "ssh, 10.0.0.5 (…)" */
static void print_compute(const Value *spec) {
    const char *compute = env_text(spec, "compute"), *host = env_text(spec, "host");
    AUTO_FREE char *text = xasprintf("%s%s%s (nothing is run there yet: that comes later)", compute,
                                     *host ? ", " : "", host);
    if (!str_same(compute, "local"))
        line("compute", text);
}

static void print_expiry(const Value *spec) {
    const char *expires = env_text(spec, "expires");
    char left[DURATION_TEXT];
    int64_t us, now_us = clock_wall_us();
    if (!*expires || time_parse(expires, &us, NULL) < 0)
        return;
    duration_format_short((us > now_us ? us - now_us : now_us - us) / 1000, left);
    AUTO_FREE char *text = us > now_us ? xasprintf("in %s", left)
                                       : xasprintf("%s ago; `thole env gc` removes it", left);
    line(us > now_us ? "expires" : "expired", text);
}

static void print_operation(const Value *operation) {
    const char *state = env_text(operation, "state"), *step = env_text(operation, "step");
    char took[DURATION_TEXT];
    if (!str_same(state, "waiting") && !str_same(state, "running"))
        return;
    env_age(env_text(operation, "since"), took);
    const char *why = str_same(state, "waiting") ? env_text(operation, "message") : "";
    AUTO_FREE char *text =
        xasprintf("%s%s%s, %s%s%s%s%s", env_text(operation, "kind"), *step ? ": " : "", step, state,
                  *took ? " for " : "", took, *why ? ": " : "", why);
    line("under way", text);
}

static void print_trouble(const Cli *cli, const Value *status) {
    const char *step = env_text(status, "failedStep"), *error = env_text(status, "error");
    AUTO_FREE char *resume = env_resume(cli, env_text(status, "resume"));
    AUTO_FREE char *text = xasprintf("%s%s%s", step, *step && *error ? ": " : "", error);
    line("failed", text);
    line("go on", resume ? resume : "");
}

static void print_infrastructure(const Cli *cli, const Value *infrastructure) {
    static const char *const columns[] = {"INFRASTRUCTURE", "STATE", "PORT"};
    const Value *services = value_get(infrastructure, "services");
    const char *error = env_text(infrastructure, "error");
    if (value_count(services)) {
        Table *table = table_new(columns, COUNT(columns), cli->color);
        putchar('\n');
        for (size_t i = 0; i < value_count(services); i++) {
            const Value *service = value_at(services, i);
            int64_t port = value_get_int(service, "port", 0);
            const char *state = env_text(service, "state");
            char number[24] = "";
            if (port)
                snprintf(number, sizeof(number), "%lld", (long long)port);
            const char *cells[] = {env_text(service, "name"), state, number};
            table_row(table, cells, env_color(state));
        }
        table_fit_terminal(table, &(TableFit){.cut = 1, .stay = 2}, cli->terminal);
        table_print(table);
    }
    if (*error) {
        putchar('\n');
        line("infra", error);
    }
}

void env_print_detail(Cli *cli, const EnvDetail *detail) {
    const Value *spec = value_get(detail->object, "spec");
    const Value *status = value_get(detail->object, "status");
    print_head(cli, detail->object);
    print_branch(spec);
    line("mode", env_text(spec, "mode"));
    print_compute(spec);
    print_path(spec);
    line("session", env_text(status, "session"));
    print_expiry(spec);
    print_operation(value_get(status, "operation"));
    print_trouble(cli, status);
    if (has_ports(status)) {
        putchar('\n');
        print_ports(cli, status);
    }
    print_infrastructure(cli, detail->infrastructure);
    if (value_count(detail->steps)) {
        putchar('\n');
        env_print_steps(cli, detail->steps);
    }
}
