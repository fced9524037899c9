/* SPDX-License-Identifier: Apache-2.0 */
/* Parameters of a query, checked. */
#include "api/api_inside.h"
#include "base/clock.h"
#include "base/str.h"

int param_bad(Request *request, const char *name, const char *text, const char *expected) {
    reply_status(request, 400, "BadRequest", "%s: Invalid value: \"%s\": %s", name, text, expected);
    return -1;
}

int param_time(Request *request, const char *name, int64_t *ret) {
    const char *text = request_param(request, name);
    Err err;
    if (text && time_parse(text, ret, &err) < 0)
        return param_bad(request, name, text, err.msg);
    return 0;
}

int param_count(Request *request, const char *name, int64_t min, int64_t *ret) {
    const char *text = request_param(request, name);
    if (text && number_parse(text, min, UINT32_MAX, ret) < 0)
        return param_bad(request, name, text,
                         min ? "it is a number from 1" : "it is a number from 0");
    return 0;
}

StrList params_all(Request *request, const char *name) {
    const char **values = arena_alloc(request->arena, MAX_URI_PARAMS * sizeof(*values));
    StrList all = {.at = values};
    for (size_t i = 0; i < request->uri.query_n; i++)
        if (strcmp(request->uri.query[i].name, name) == 0)
            values[all.n++] = request->uri.query[i].value;
    return all;
}
