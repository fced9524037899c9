/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/init_service.h"

#include <string.h>

#include "base/limits.h"
#include "base/str.h"
#include "base/utf8.h"
#include "base/xalloc.h"
#include "data/yaml_write.h"
#include "spec/names.h"
#include "spec/template_scan.h"

enum { COMMENT_MAX = 60 };

/* `key: text` with the quotes that YAML wants, and a line break. */
static const char *pair(Init *init, const char *key, const char *text) {
    Value *map = value_new(&init->arena, VALUE_MAP);
    Buf line;
    buf_init(&line, MAX_CONFIG_BYTES);
    value_set(&init->arena, map, key, value_new_string(&init->arena, text));
    yaml_write(map, &line);
    const char *result = arena_strdup(&init->arena, buf_cstr(&line));
    buf_deinit(&line);
    return result;
}

static char *name_of(Init *init, const char *word) {
    char *name = arena_strdup(&init->arena, word);
    for (char *p = name; *p; p++) {
        if (*p >= 'A' && *p <= 'Z')
            *p = (char)(*p - 'A' + 'a');
        if (!((*p >= 'a' && *p <= 'z') || (*p >= '0' && *p <= '9') || *p == '_'))
            *p = '-';
    }
    while (*name == '-' || *name == '_')
        name++;
    return name;
}

/* Bytes of the character at `p` that a comment may have; 0: none of them. */
static size_t plain(const char *p) {
    static const char *const breaks[] = {"\xe2\x80\xa8", "\xe2\x80\xa9", "\xef\xbb\xbf"};
    size_t n = utf8_length(p, strlen(p));
    bool control = n == 1 ? (unsigned char)*p < ' ' || *p == 127
                          : n == 2 && p[0] == '\xc2' && (unsigned char)p[1] < 0xa0;
    for (size_t i = 0; i < COUNT(breaks); i++)
        control = control || str_starts(p, breaks[i]);
    return control ? 0 : n;
}

const char *init_comment(Init *init, const char *text) {
    Buf out;
    buf_init(&out, COMMENT_MAX + 8);
    while (*text && !strchr("\r\n", *text) && out.n < COMMENT_MAX) {
        size_t n = plain(text);
        buf_put(&out, n ? text : "?", n ? n : 1);
        text += n ? n : 1;
    }
    const char *comment = arena_strdup(&init->arena, buf_cstr(&out));
    buf_deinit(&out);
    return comment;
}

bool init_begin(Init *init, const char *word, const char *comment) {
    char *name = name_of(init, word);
    if (check_service_name(name) || map_get(&init->names, name))
        return false;
    map_put(&init->names, name, name);
    const char *line = pair(init, name, "x");
    const char *key = arena_strndup(&init->arena, line, strlen(line) - strlen(" x\n"));
    buf_printf(init->out, "  %s%s%s\n", key, *comment ? "  # " : "", init_comment(init, comment));
    return true;
}

void init_command(Init *init, const char *text) {
    const char *literal = template_escape(text, TEMPLATE_LENIENT, &init->arena);
    buf_printf(init->out, "    %s", pair(init, "command", literal));
}

void init_job(Init *init, const char *command) {
    buf_puts(init->out, "    type: job\n");
    init_command(init, command);
    buf_puts(init->out, "    auto: false                         # `thole start` runs it\n");
}

void init_server(Init *init, const char *command, int64_t port, bool starts) {
    init_command(init, command);
    init->served = init->served || starts;
    if (!starts)
        buf_puts(init->out, "    auto: false                         # `thole start` starts it\n");
    if (!port)
        return;
    buf_printf(init->out, "    # port: %-28lld # it gets PORT, the others <NAME>_PORT\n",
               (long long)port);
    buf_printf(init->out, "    # ready: {tcp: {port: %lld}}%*s # until then others wait\n",
               (long long)port, port < 1000 ? 9 : 8, "");
}

int64_t init_port_of(const char *command) {
    static const char *const flags[] = {"--port=", "--port ", "-p ", "PORT="};
    static const struct {
        const char *tool;
        int64_t port;
    } tools[] = {{"vite", 5173},          {"next", 3000},     {"react-scripts", 3000},
                 {"nuxt", 3000},          {"astro", 4321},    {"webpack-dev-server", 8080},
                 {"webpack serve", 8080}, {"ng serve", 4200}, {"storybook", 6006},
                 {"gatsby", 8000}};
    for (size_t i = 0; i < COUNT(flags); i++) {
        const char *at = strstr(command, flags[i]);
        const char *text = at ? at + strlen(flags[i]) : "";
        AUTO_FREE char *digits = xstrndup(text, strspn(text, "0123456789"));
        int64_t port;
        if (number_parse(digits, 1, 65535, &port) == 0)
            return port;
    }
    for (size_t i = 0; i < COUNT(tools); i++)
        if (strstr(command, tools[i].tool))
            return tools[i].port;
    return 0;
}
