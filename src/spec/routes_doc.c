/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/buf.h"
#include "spec/routes.h"

/* "name, name" of the query parameters: a word each in the table, their meaning below. */
static void put_params(const Route *route, Buf *out) {
    for (size_t i = 0; i < ROUTE_PARAMS && route->params[i].name; i++)
        buf_printf(out, "%s`%s`", i ? ", " : "", route->params[i].name);
}

/* A cell may not have a bar. */
static void put_route(const Route *route, Buf *out) {
    buf_printf(out, "| `%s %s` | %s", http_method_name(route->method), route->path, route->doc);
    if (route->body)
        buf_printf(out, " Body: %s.", route->body);
    buf_printf(out, " | %s%s | ", route->reply, route->stream ? ", a stream" : "");
    put_params(route, out);
    buf_puts(out, " |\n");
}

static bool is_new(RouteId id, size_t param) {
    for (RouteId i = 0; i <= id; i++)
        for (size_t p = 0; p < ROUTE_PARAMS && routes[i].params[p].name && !(i == id && p == param);
             p++)
            if (strcmp(routes[i].params[p].name, routes[id].params[param].name) == 0)
                return false;
    return true;
}

void routes_markdown(Buf *out) {
    buf_puts(out, "| route | what it does | answers | query |\n|---|---|---|---|\n");
    for (RouteId id = 0; id < ROUTES; id++)
        put_route(&routes[id], out);
    buf_puts(out, "\n| parameter | meaning |\n|---|---|\n");
    for (RouteId id = 0; id < ROUTES; id++)
        for (size_t i = 0; i < ROUTE_PARAMS && routes[id].params[i].name; i++)
            if (is_new(id, i))
                buf_printf(out, "| `%s` | %s |\n", routes[id].params[i].name,
                           routes[id].params[i].doc);
}
