/* SPDX-License-Identifier: Apache-2.0 */
#include "spec/foreign/go_template.h"

#include <string.h>

#include "base/buf.h"
#include "base/limits.h"

static bool blank(char c) {
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static const char *value_of(const GoVars *vars, const char *name) {
    const char *value = strmap_get(vars->own, name);
    if (!value)
        value = strmap_get(vars->vars, name);
    return !value && strcmp(name, "PC_REPLICA_NUM") == 0 ? vars->replica : value;
}

static bool is_name(const char *text) {
    size_t n = 0;
    while ((text[n] >= 'A' && text[n] <= 'Z') || (text[n] >= 'a' && text[n] <= 'z') ||
           text[n] == '_' || (n && text[n] >= '0' && text[n] <= '9'))
        n++;
    return n > 0 && !text[n];
}

/* "text" or `text`, whole; NULL: it is no such thing. */
static const char *quoted(const char *action, Arena *arena) {
    size_t n = strlen(action);
    if (n < 2 || action[0] != action[n - 1] || !strchr("\"`", action[0]) ||
        memchr(action + 1, action[0], n - 2))
        return NULL;
    return arena_strndup(arena, action + 1, n - 2);
}

/* What stands for `{{action}}`. NULL: it is text, or *ret_why. */
static const char *evaluate(const char *action, const GoVars *vars, Arena *arena,
                            const char **ret_why) {
    const char *text = quoted(action, arena);
    if (text)
        return text;
    if (action[0] == '.' && is_name(action + 1)) {
        text = value_of(vars, action + 1);
        if (!text && (vars->vars->n || vars->own->n))
            *ret_why = arena_printf(arena, "{{%.60s}}: there is no variable %.60s in vars", action,
                                    action + 1);
        return text;
    }
    if (vars->vars->n || vars->own->n)
        *ret_why = arena_printf(arena, "{{%.60s}}: of Go's templates only {{.NAME}} is understood",
                                action);
    return NULL;
}

/* The braces that end the action at `p`; what stands in quotes does not. NULL: none. */
static const char *action_end(const char *p) {
    for (char quote = 0; *p; p++) {
        if (!quote && p[0] == '}' && p[1] == '}')
            return p;
        if (quote ? *p == quote : *p == '"' || *p == '`')
            quote = quote ? 0 : *p;
    }
    return NULL;
}

const char *go_template(const char *text, const GoVars *vars, Arena *arena, const char **ret_why) {
    const char *open, *close;
    Buf out;
    *ret_why = NULL;
    buf_init(&out, MAX_CONFIG_BYTES);
    while ((open = strstr(text, "{{")) && (close = action_end(open + 2)) && !*ret_why) {
        const char *from = open + 2, *to = close;
        while (from < to && blank(*from))
            from++;
        while (to > from && blank(to[-1]))
            to--;
        const char *action = arena_strndup(arena, from, (size_t)(to - from));
        const char *value = evaluate(action, vars, arena, ret_why);
        buf_put(&out, text, (size_t)(open - text));
        if (value)
            buf_puts(&out, value);
        else
            buf_put(&out, open, (size_t)(close + 2 - open));
        text = close + 2;
    }
    buf_puts(&out, text);
    const char *result = *ret_why ? NULL : arena_strdup(arena, buf_cstr(&out));
    buf_deinit(&out);
    return result;
}
