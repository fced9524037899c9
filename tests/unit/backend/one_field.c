/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/backend/one_field.h"

#include <string.h>

#include "base/xalloc.h"
#include "harness/test.h"

/* A value by kind, but for those where only some are legal. */
static const char *value_of(const char *path, const Type *type) {
    static const char *const special[][2] = {
        {"step.type", "\"service\""},
        {"step.failure", "\"ignore\""},
        {"step.dns", "[\"10.0.0.1\"]"},
        {"step.extra_hosts", "[{\"name\":\"h\",\"ip\":\"10.0.0.1\"}]"},
        {"step.networks", "[{\"name\":\"n\"}]"},
        {"step.ports", "[{\"number\":80}]"},
        {"step.container_name_scheme", "\"hash\""},
        {"step.depends_on", "[\"other\"]"},
        {"step.auth_config", "{\"username\":\"u\",\"password\":\"p\"}"},
        {"step.backend_options.timeout", "\"5s\""},
        {"step.backend_options.thole", "{\"on_cancel\":true}"},
        {"step.backend_options.docker", "{\"user\":\"1\"}"},
        {"step.backend_options.kubernetes", "{\"x\":1}"},
        {"secrets", "[{\"name\":\"n\",\"value\":\"v\"}]"},
        {"step.uuid", "\"W\""},
        {"step.name", "\"first\""},
        {"step.image", "\"bash\""},
    };
    for (size_t i = 0; i < COUNT(special); i++)
        if (strcmp(special[i][0], path) == 0)
            return special[i][1];
    switch (type->kind) {
    case TYPE_BOOL: return "true";
    case TYPE_INT: return "7";
    case TYPE_STRING: return "\"/x\"";
    case TYPE_STRINGS: return "[\"/x\"]";
    case TYPE_STRING_MAP: return "{\"K\":\"v\"}";
    default: test_fail(__FILE__, __LINE__, "no value for %s", path); return "null";
    }
}

const char *config_field_key(const ConfigField *field) {
    return field->path + (field->of_step ? strlen("step.") : 0);
}

/* "key": value, as a member of what it belongs to */
static char *member_of(const ConfigField *field) {
    const char *key = config_field_key(field), *dot = strchr(key, '.');
    const char *value = value_of(field->path, field->field->type);
    return dot ? xasprintf("\"%.*s\": {\"%s\": %s}", (int)(dot - key), key, dot + 1, value)
               : xasprintf("\"%s\": %s", key, value);
}

char *config_with(const ConfigField *field, const char *more) {
    static const char *const least[][2] = {{"name", "one"}, {"uuid", "U"}, {"image", "sh"}};
    AUTO_FREE char *member = member_of(field);
    const char *key = config_field_key(field);
    Buf text;
    buf_init(&text, 1 << 16);
    if (field->of_step)
        buf_printf(&text, "{\n\"pipeline\": [{\"steps\": [\n{%s", member);
    else
        buf_printf(&text, "{%s,\n\"pipeline\": [{\"steps\": [\n{\"environment\": {}", member);
    for (size_t i = 0; i < COUNT(least); i++)
        if (!field->of_step || strcmp(least[i][0], key) != 0)
            buf_printf(&text, ", \"%s\": \"%s\"", least[i][0], least[i][1]);
    if (field->of_step && strstr(key, "thole")) /* on_cancel wants it */
        buf_puts(&text, ", \"on_failure\": true");
    buf_printf(&text,
               "%s}, {\"name\": \"other\", \"uuid\": \"V\", \"image\": \"sh\", "
               "\"on_success\": true}]}]}",
               more);
    return buf_take(&text);
}
