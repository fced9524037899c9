/* SPDX-License-Identifier: Apache-2.0 */
/* DELETE: what Kubernetes lets each of them say, of whatever kind the object is. */
#include <string.h>

#include "api/api_inside.h"
#include "base/str.h"

typedef struct Precondition {
    const char *key, *word; /* "uid", "UID" */
    const char *own;        /* what the object has */
    const char *otherwise;  /* what may have happened to it */
} Precondition;

static bool differs(Request *request, const Value *body, const Object *object,
                    const Precondition *p) {
    const char *wanted = value_get_str(value_get(body, "preconditions"), p->key);
    if (!wanted || strcmp(wanted, p->own) == 0)
        return false;
    const char *message = arena_printf(
        request->arena,
        "Operation cannot be fulfilled on %s.%s \"%s\": the %s in the precondition (%s) does not "
        "match the %s in record (%s). The object might have been %s",
        object_kind_name(object->kind), object_group(object->kind), object->name, p->word, wanted,
        p->word, p->own, p->otherwise);
    reply_status_full(request, &(Status){.code = 409,
                                         .reason = "Conflict",
                                         .message = message,
                                         .group = object_group(object->kind),
                                         .kind = object_kind_name(object->kind),
                                         .name = object->name});
    return true;
}

/* In the query, or as a list in the body: "All" is all that there is. -1: answered with 400. */
static int read_dry_run(Request *request, const Value *body, bool *ret) {
    const Value *said = value_get(body, "dryRun");
    const char *text = request_param(request, "dryRun");
    if (!text && value_count(said) > 0)
        text = value_str(value_at(said, 0)) ? value_str(value_at(said, 0)) : "";
    *ret = text;
    if (!text || strcmp(text, "All") == 0)
        return 0;
    return param_bad(request, "dryRun", text, "it is All");
}

bool delete_is_meant(Request *request, const Value *body, Object *object) {
    const char *version = arena_printf(request->arena, "%llu", (unsigned long long)object->version);
    const Precondition preconditions[] = {
        {"uid", "UID", object->uid, "deleted and then recreated"},
        {"resourceVersion", "ResourceVersion", version, "modified"},
    };
    bool dry;
    if (read_dry_run(request, body, &dry) < 0)
        return false;
    for (size_t i = 0; i < COUNT(preconditions); i++)
        if (differs(request, body, object, &preconditions[i]))
            return false;
    if (dry)
        reply_object(request, 200, object);
    return !dry;
}
