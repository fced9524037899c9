/* SPDX-License-Identifier: Apache-2.0 */
/* Get and list. */
#include "api/listing.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "api/api_inside.h"
#include "base/path.h"
#include "base/str.h"
#include "engine/engine.h"
#include "engine/environments/environment.h"
#include "engine/sessions/stopped.h"
#include "spec/routes.h"

/* ---- what is asked ---- */

static int bad_version(Request *request, const char *text) {
    reply_status(request, 400, "BadRequest",
                 "resourceVersion: Invalid value: \"%s\": it is a number that a list or watch gave",
                 text);
    return -1;
}

static int parse_version(Request *request, ListAsk *ask) {
    const char *text = request_param(request, "resourceVersion");
    int64_t version = 0;
    if (text && text[0] && number_parse(text, 0, INT64_MAX, &version) < 0)
        return bad_version(request, text);
    ask->version = (uint64_t)version;
    return 0;
}

static int parse_number(Request *request, const char *name, int64_t *ret) {
    const char *text = request_param(request, name);
    if (text && text[0] && number_parse(text, 0, INT32_MAX, ret) < 0) {
        reply_status(request, 400, "BadRequest", "%s: Invalid value: \"%s\": it is a number from 0",
                     name, text);
        return -1;
    }
    return 0;
}

/* "<version>.<space>/<name>"; names have no '/' and a version no '.'. */
static int parse_continue(Request *request, ListAsk *ask) {
    const char *text = request_param(request, "continue");
    if (!text || !text[0])
        return 0;
    const char *dot = strchr(text, '.'), *slash = dot ? strchr(dot, '/') : NULL;
    int64_t version;
    if (!slash || !slash[1] ||
        number_parse(arena_strndup(request->arena, text, (size_t)(dot - text)), 1, INT64_MAX,
                     &version) < 0) {
        reply_status(request, 400, "BadRequest", "invalid continue token: \"%s\" was never given",
                     text);
        return -1;
    }
    ask->after_version = (uint64_t)version;
    ask->after_space = arena_strndup(request->arena, dot + 1, (size_t)(slash - dot - 1));
    ask->after_name = slash + 1;
    return 0;
}

static int check_initial_events(Request *request) {
    static const char forbidden[] =
        "Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan";
    if (str_same(request_param(request, "resourceVersionMatch"), "NotOlderThan"))
        return 0;
    const Cause cause = {"FieldValueForbidden", forbidden, "resourceVersionMatch"};
    const char *message = arena_printf(
        request->arena, "ListOptions.meta.k8s.io \"\" is invalid: resourceVersionMatch: %s",
        forbidden);
    reply_status_full(request, &(Status){.code = 422,
                                         .reason = "Invalid",
                                         .message = message,
                                         .group = "meta.k8s.io",
                                         .kind = "ListOptions",
                                         .causes = &cause,
                                         .cause_n = 1});
    return -1;
}

/* A config file in a worktree is that of its project. */
static int parse_place(Api *api, Request *request, ListAsk *ask) {
    static const char *const names[] = {"project", "at"};
    const char **to[] = {&ask->project, &ask->at};
    for (size_t i = 0; i < COUNT(names); i++) {
        *to[i] = request_param(request, names[i]);
        if (*to[i] && (*to[i])[0] != '/')
            return param_bad(request, names[i], *to[i], "it is an absolute path");
    }
    ask->engine = api->options.engine;
    if (ask->project)
        ask->project =
            arena_strdup(request->arena, environments_project_of(ask->engine, ask->project));
    return 0;
}

static int parse_ask(Api *api, Request *request, const RouteMatch *match, ListAsk *ask) {
    Err err;
    *ask =
        (ListAsk){.kind = route_kind(match->id),
                  .space = match->id == ROUTE_TARGETS || match->id == ROUTE_NAMESPACE_ENVIRONMENTS
                               ? match->vars[0]
                               : NULL};
    ask->table = table_wanted(request);
    ask->include = table_include(request);
    ask->bookmarks = request_flag(request, "allowWatchBookmarks");
    ask->initial_events = request_flag(request, "sendInitialEvents");
    ask->stopped = match->id == ROUTE_SESSIONS && request_flag(request, "stopped");
    if (match->id == ROUTE_ENVIRONMENTS && parse_place(api, request, ask) < 0)
        return -1;
    if (parse_version(request, ask) < 0 || parse_number(request, "limit", &ask->limit) < 0 ||
        parse_number(request, "timeoutSeconds", &ask->timeout_s) < 0 ||
        parse_continue(request, ask) < 0)
        return -1;
    if (ask->initial_events && check_initial_events(request) < 0)
        return -1;
    SelectorTexts texts = {request_param(request, "labelSelector"),
                           request_param(request, "fieldSelector"), ask->kind};
    if (selector_parse(&texts, request->arena, &ask->selector, &err) < 0) {
        reply_status(request, 400, "BadRequest", "%s", err.msg);
        return -1;
    }
    return 0;
}

/* ---- which objects ---- */

/* Worktrees may lie in each other: of those that contain the path the innermost is meant. */
static bool is_at(const ListAsk *ask, const Environment *environment) {
    const char *path = entry_path(environment_entry(environment));
    return *path && path_below(ask->at, path) &&
           environment_at(ask->engine, ask->at) == environment;
}

/* What may come and go in its life. */
bool list_ask_matches(const ListAsk *ask, Object *object) {
    return selector_labels_match(&ask->selector, object->labels) &&
           (!ask->at || is_at(ask, environment_of(object)));
}

static bool is_of_project(const ListAsk *ask, Object *object) {
    if (object->kind == OBJECT_ENVIRONMENT && environment_is_apart(environment_of(object)))
        return false;
    return !ask->project || strcmp(environment_project(environment_of(object)), ask->project) == 0;
}

bool list_ask_fits(const ListAsk *ask, Object *object) {
    if (object->kind != ask->kind || (ask->space && !str_same(ask->space, object->space)) ||
        !is_of_project(ask, object))
        return false;
    if (!ask->selector.field_n)
        return true;
    SelectorFacts facts = {.space = object->space, .name = object->name};
    if (selector_needs_json(&ask->selector))
        facts.json = object_json(object, &facts.json_size);
    return selector_fields_match(&ask->selector, &facts);
}

static bool was_of_project(const ListAsk *ask, const Tombstone *tombstone) {
    Arena arena;
    const Value *object;
    if (!ask->project)
        return true;
    arena_init(&arena);
    bool fits = json_parse(tombstone->json, tombstone->json_size, &arena, &object, NULL) == 0 &&
                str_same(value_get_str(value_get(object, "spec"), "project"), ask->project);
    arena_deinit(&arena);
    return fits;
}

bool list_ask_fits_tombstone(const ListAsk *ask, const Tombstone *tombstone) {
    if (tombstone->kind != ask->kind || (ask->space && !str_same(ask->space, tombstone->space)) ||
        !was_of_project(ask, tombstone))
        return false;
    SelectorFacts facts = {tombstone->space, tombstone->name, tombstone->json,
                           tombstone->json_size};
    return selector_fields_match(&ask->selector, &facts);
}

/* Was it on an earlier page? */
static bool is_before(const ListAsk *ask, const Object *object) {
    if (!ask->after_name)
        return false;
    int order = strcmp(object->space ? object->space : "", ask->after_space);
    return order ? order < 0 : strcmp(object->name, ask->after_name) <= 0;
}

const char *list_ask_text(const ListAsk *ask, Object *object, size_t *ret_size) {
    return ask->table && ask->include != INCLUDE_OBJECT ? object_brief(object, ret_size)
                                                        : object_json(object, ret_size);
}

/* ---- the reply ---- */

/* The objects of a page: from `first`; more_n stand behind it. */
typedef struct Page {
    Object **at;
    size_t n, cap;
    int64_t more_n;
} Page;

static Page collect(Api *api, const ListAsk *ask, Arena *arena) {
    Page page = {.n = 0};
    for (Object *object = NULL;
         (object = object_next(api->objects, ask->kind, ask->space, object));) {
        if (is_before(ask, object) || !list_ask_fits(ask, object) || !list_ask_matches(ask, object))
            continue;
        if (ask->limit && page.n == (size_t)ask->limit) {
            page.more_n++;
            continue;
        }
        page.at = arena_grow(arena, page.at, page.n, &page.cap, sizeof(*page.at));
        page.at[page.n++] = object;
    }
    return page;
}

static const char *continue_token(const Page *page, uint64_t version, Arena *arena) {
    if (!page->more_n)
        return NULL;
    const Object *last = page->at[page->n - 1];
    return arena_printf(arena, "%" PRIu64 ".%s/%s", version, last->space ? last->space : "",
                        last->name);
}

/* Writes each stopped session as an object. */
typedef void (*ItemFn)(const ListAsk *ask, const char *json, size_t size, JsonWriter *out);

static void each_stopped(Api *api, Request *request, const ListAsk *ask, ItemFn fn,
                         JsonWriter *out) {
    StoppedList list;
    if (!ask->stopped)
        return;
    stopped_list(api->options.state_dir, request->arena, &list);
    for (size_t i = 0; i < list.n; i++) {
        if (object_find(api->objects, OBJECT_SESSION, NULL, list.at[i].slug))
            continue;
        Buf buf;
        JsonWriter item;
        buf_init(&buf, MAX_REPLY_BYTES);
        json_writer_init(&item, &buf);
        stopped_encode(&list.at[i], &item);
        SelectorFacts facts = {NULL, list.at[i].slug, buf_cstr(&buf), buf.n};
        if (selector_fields_match(&ask->selector, &facts) &&
            selector_labels_match(&ask->selector, NULL))
            fn(ask, facts.json, facts.json_size, out);
        buf_deinit(&buf);
    }
}

static void put_plain(const ListAsk *ask, const char *json, size_t size, JsonWriter *out) {
    json_raw(out, json, size);
}

static void put_row(const ListAsk *ask, const char *json, size_t size, JsonWriter *out) {
    table_row(ask->kind, json, size, ask->include, out);
}

static void put_object(const ListAsk *ask, Object *object, JsonWriter *out) {
    size_t size;
    if (ask->table) {
        table_object(object, ask->include, out);
        return;
    }
    const char *json = object_json(object, &size);
    put_plain(ask, json, size, out);
}

static void begin_plain(const ListAsk *ask, const TableHead *head, JsonWriter *out) {
    json_object_begin(out);
    json_key(out, "kind");
    json_stringf(out, "%sList", object_kind_name(ask->kind));
    json_key(out, "apiVersion");
    json_stringf(out, "%s/" API_VERSION, object_group(ask->kind));
    json_kv_object(out, "metadata");
    json_key(out, "resourceVersion");
    json_stringf(out, "%" PRIu64, head->version);
    if (head->next) {
        json_kv_string(out, "continue", head->next);
        json_kv_int(out, "remainingItemCount", head->remaining);
    }
    json_object_end(out);
    json_kv_array(out, "items");
}

static void reply_list(Api *api, Request *request, const ListAsk *ask) {
    Page page = collect(api, ask, request->arena);
    TableHead head = {.kind = ask->kind, .columns = true, .remaining = page.more_n};
    head.version = ask->after_version ? ask->after_version : objects_version(api->objects);
    head.next = continue_token(&page, head.version, request->arena);
    ItemFn put = ask->table ? put_row : put_plain;
    Buf buf;
    JsonWriter out;
    buf_init(&buf, MAX_REPLY_BYTES);
    json_writer_init(&out, &buf);
    if (ask->table)
        table_begin(&head, &out);
    else
        begin_plain(ask, &head, &out);
    for (size_t i = 0; i < page.n; i++)
        put_object(ask, page.at[i], &out);
    each_stopped(api, request, ask, put, &out);
    json_array_end(&out);
    json_object_end(&out);
    reply_json(request, 200, &buf);
}

static void reply_too_new(Request *request, const ListAsk *ask, uint64_t version) {
    const Cause cause = {"ResourceVersionTooLarge", "Too large resource version", NULL};
    const char *message = arena_printf(
        request->arena, "Timeout: Too large resource version: %" PRIu64 ", current: %" PRIu64,
        ask->version, version);
    request_set_header(request, "Retry-After", "1");
    reply_status_full(request, &(Status){.code = 504,
                                         .reason = "Timeout",
                                         .message = message,
                                         .causes = &cause,
                                         .cause_n = 1,
                                         .retry_after_s = 1});
}

void serve_list(Api *api, Request *request, const RouteMatch *match) {
    ListAsk ask;
    engine_look(api->options.engine);
    if (parse_ask(api, request, match, &ask) < 0)
        return;
    if (request_flag(request, "watch"))
        serve_watch(api, request, &ask);
    else if (ask.version > objects_version(api->objects))
        reply_too_new(request, &ask, objects_version(api->objects));
    else if (ask.after_version && ask.after_version < objects_oldest(api->objects))
        reply_status(
            request, 410, "Expired",
            "the continue token is too old: it was given by an earlier server, or too much "
            "has changed; list again from the start");
    else
        reply_list(api, request, &ask);
}

void serve_object(Api *api, Request *request, const RouteMatch *match) {
    engine_look(api->options.engine);
    Object *object = find_object(api, request, match);
    if (!object)
        return;
    if (!table_wanted(request)) {
        reply_object(request, 200, object);
        return;
    }
    Buf buf;
    JsonWriter out;
    buf_init(&buf, MAX_REPLY_BYTES);
    json_writer_init(&out, &buf);
    table_begin(
        &(TableHead){
            .kind = object->kind, .version = object->version, .remaining = -1, .columns = true},
        &out);
    table_object(object, table_include(request), &out);
    table_end(&out);
    reply_json(request, 200, &buf);
}
